"""Slices of a tree as units for the compiler: their statements as they stand, with declarations for what they read.

The types are those that this tool finds, and functions that aren't read do what `SUMMARIES` says of them, written down a second
time in C. Where a slice works on memory there are some frames of it, with entries that lead to each other, and what Xen notes of
each; what is in them after it is compared, too. A pointer to what Xen notes of a frame stands for its number, so frame 0 is
none.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Final, TypeVar, cast

from attrs import define, evolve, field, frozen

from ..c.expressions import LEAVING, QUIET, written
from ..c.memory import CLEARED, COPIED, Memory
from ..c.objects import CLEARED as ALL_CLEARED
from ..c.objects import OBJECT, in_object, led_to
from ..c.state import root_of
from ..c.statements import Executor, SourceLoop, live
from ..c.types import Node, declared_name, part
from ..c.values import INT, ULONG, Array, CType, Integer, Pointer, Record, Unknown, Value
from ..words.word import (
    TRUE,
    Term,
    Truth,
    Word,
    all_of,
    choose,
    compiled,
    implies,
    inputs,
    number,
    replaced,
    subterms,
    word,
)
from .compiled_units import AREA, FRAMES, WORDS, NotCompared, Unit, macros_in, words_in
from .dom0_source import File
from .slices import Slice
from .summaries import DIRECT_MAP_FRAME, SUMMARIES, XENS_ENTRIES
from .unit_memory import Outside, Remembered

CASES: Final = 300
"""How many cases both readers are given of a slice that come to its end, at most."""
EDGES: Final = (
    *(0, 1, 2, 0xFFF, 0x1000, 0x1001, (4 << 20) - (512 << 10), (4 << 20) - (516 << 10)),
    *((1 << bits) + more for bits in (21, 22, 30, 31, 32, 39, 47, 63) for more in (-0x1000, -1, 0, 1)),
    *((1 << 64) - each for each in (1, 0x1000, 4 << 20, 2 << 30, 1 << 40)),
)
_BITS: Final = (12, 22, 28, 31, 40)
_SHIFTS: Final = (12, 21, 30, 39)
_SEEDS: Final = 6
_SEED: Final = word("seed of a unit")
_ONWARD: Final = "unit_onward"
_MASK: Final = (1 << 64) - 1
MOST_ROUNDS: Final = 40
"""How often a loop is gone through at most."""
MOST_NUMBERED: Final = 16
"""How many words there are of one name, which a number follows."""
_PATH: Final = re.compile(r"\*?(\w+)((?:(?:\.|->)\w+|\[\d+\])*)")
_ASKED: Final = re.compile(r"(\w+) ?\((.*)\)")
_MEMBERS: Final = re.compile(r"\b([A-Za-z_]\w*)((?:\s*(?:\.|->)\s*[A-Za-z_]\w*)+)")
_RETURNED: Final = re.compile(r'"(?:\\.|[^"\\])*"|\breturn\b(?:"(?:\\.|[^"\\])*"|[^;"])*;')
_FRAME: Final = re.compile(r"(?:[smp]fn|frame|mfn)$|^taken#")
_NAMES: Final = {8: "char", 16: "short", 32: "int", 64: "long"}
_ALWAYS: Final = {
    "BUG_ON": '#define BUG_ON(condition) do { if ( condition ) panic(""); } while ( 0 )',
    "ASSERT": "#define ASSERT(condition) ((void)(unit_asserted &= !!(condition)))",
    "assert": "#define assert(condition) ((void)(unit_asserted &= !!(condition)))",
    "ASSERT_UNREACHABLE": "#define ASSERT_UNREACHABLE() ((void)0)",
    "grub_memset": "#define grub_memset(at, value, size) unit_set(at, value, size)",
    "memset": "#define memset(at, value, size) unit_set(at, value, size)",
    "process_pending_softirqs": "#define process_pending_softirqs() ((void)0)",
    "domain_crash_and_stop": '#define domain_crash_and_stop(...) panic("")',
    "get_order_from_bytes": "#define get_order_from_bytes(bytes) unit_order(bytes)",
}
_ANYTHING: Final = (
    "need_iommu_pt_sync",
    "iommu_memory_setup",
    "paging_mode_translate",
    "unmap_domain_page",
)
_BESIDE: Final = ("init_xen_l4_slots",)
"""What isn't known to the reader, and changes nothing that it is asked: the root's entries for Xen itself."""
_LEFT_OUT: Final = tuple(f"what {each}() does" for each in _BESIDE)
_FRAMES_OF: Final = "(&unit_frames[{}])"
_BEHIND: Final = f"((void *)(({{}} << 12) + {AREA:#x}UL))"


def _pte(level: int) -> dict[str, str]:
    entry, frame = f"l{level}_pgentry_t", f"((unsigned long)(e).l{level} >> 12 & 0xffffffffffUL)"
    below = {f"map_l{level - 1}t_from_l{level}e", f"l{level}e_to_l{level - 1}e"} if level > 1 else set()
    return {
        f"l{level}e_from_paddr": f"(a, f) (({entry}){{ ((unsigned long)(a) >> 12 << 12) + ((f) & 0xfff) }})",
        **{
            f"l{level}e_from_{of}": f"(a, f) (({entry}){{ ((unsigned long)(a) << 12) + ((f) & 0xfff) }})"
            for of in ("pfn", "mfn")
        },
        f"l{level}e_from_page": f"(a, f) (({entry}){{ ((unsigned long)((a) - unit_frames) << 12) + ((f) & 0xfff) }})",
        **{f"l{level}e_get_{of}": f"(e) {frame}" for of in ("pfn", "mfn")},
        f"l{level}e_get_page": f"(e) {_FRAMES_OF.format(frame)}",
        f"l{level}e_get_intpte": f"(e) ((unsigned long)(e).l{level})",
        **{name: f"(e) ((l{level - 1}_pgentry_t *){_BEHIND.format(frame)})" for name in below},
    }


_STUBS: Final = {
    **{name: text for level in (1, 2, 3, 4) for name, text in _pte(level).items()},
    "__va": f"(a) ((void *)((unsigned long)(a) + {AREA:#x}UL))",
    "__pa": f"(a) ((unsigned long)(a) - {AREA:#x}UL)",
    **dict.fromkeys(("_mfn", "_dfn", "mfn_x"), "(a) ((unsigned long)(a))"),
    "mfn_to_page": f"(a) {_FRAMES_OF.format('(unsigned long)(a)')}",
    "page_to_mfn": "(a) ((unsigned long)((a) - unit_frames))",
    "maddr_to_page": f"(a) {_FRAMES_OF.format('(unsigned long)(a) >> 12')}",
    "map_domain_page": f"(a) {_BEHIND.format('(unsigned long)(a)')}",
    "__map_domain_page": f"(a) {_BEHIND.format('(unsigned long)((a) - unit_frames)')}",
    "page_to_virt": f"(a) {_BEHIND.format('(unsigned long)((a) - unit_frames)')}",
    "virt_to_mfn": f"(a) (((unsigned long)(a) - {AREA:#x}UL) >> 12)",
    "clear_page": "(a) unit_clear(a)",
    "init_xen_pae_l2_slots": "(a, ...) unit_xens(a)",
    "init_xen_l4_slots": "(...) ((void)0)",
    "put_pte_flags": "(f) ((((unsigned long)(f) & ~0xfffUL) << 40) | ((f) & 0xfff))",
    "get_page_and_type": "(...) 1",
    "pagetable_get_paddr": "(...) (unit_root << 12)",
    "pagetable_get_pfn": "(...) unit_root",
    "alloc_domheap_page": f"(...) {_FRAMES_OF.format('unit_root')}",
    "pagetable_from_paddr": "(...) ((pagetable_t){ 0 })",
    "pagetable_from_mfn": "(...) ((pagetable_t){ 0 })",
    "iommu_unmap": "(...) 0",
    "get_superpage": "(...) 1",
}
"""The summaries in C, as macros; ``unit_frames`` is what Xen notes of the frames."""


Drawing = Callable[[Random, int], int]
"""Gives a number for an input, turn by turn."""
One = TypeVar("One")


def one_of(choices: Sequence[One], random: Random) -> One:
    """What `Random.choice` gives, which takes its time."""
    count = len(choices)
    place = random.getrandbits(count.bit_length())
    while place >= count:
        place = random.getrandbits(count.bit_length())
    return choices[place]


@frozen(eq=False, kw_only=True)
class Code:
    """What is compiled of a slice: ``nodes`` of a function, whose result isn't asked for, in its ``file``; what was ``given``.

    ``answers`` are what functions give, ``stubs`` what others do.
    """

    file: File
    executor: Executor
    nodes: Sequence[Node]
    given: Mapping[str, Value]
    answers: Mapping[str, Value]
    stubs: "Stubs"


@frozen(kw_only=True)
class Stubs:
    """What functions do in C that a slice gives a meaning of its own: macros, and functions that these call, by their names.

    ``cells`` are variables that they count in, by the member of memory that stands for them, ``words`` those that hold what they
    give, by the name of the word that stands for it.
    """

    macros: Mapping[str, str] = field(factory=dict)
    functions: Mapping[str, str] = field(factory=dict)
    cells: Mapping[str, str] = field(factory=dict)
    words: Mapping[str, str] = field(factory=dict)
    places: Mapping[str, str] = field(factory=dict)
    """Variables in the place of what is read otherwise, by key."""
    variables: Sequence[str] = ()
    """What else they write."""


def units_of(found: Slice, stubs: Stubs) -> list[Unit]:
    """A slice, and a round of the loop that it ends with. Raises NotCompared."""
    code = Code(
        file=found.file,
        executor=found.executor,
        nodes=found.statements,
        given=found.given,
        answers=found.answers,
        stubs=stubs,
    )
    if not found.loops:
        asserted = _asserted(found, 0, 1 << 30)
        return [_straight(code, _values_at_end(found) | asserted, found.leaves, found.memory, "")]
    if len(found.loops) != 1 or found.statements[-1].type not in ("for_statement", "while_statement"):
        raise NotCompared("a loop that isn't the last statement")
    (loop,) = found.loops
    line = _row(loop.where)
    return [
        _before(code, found, loop, _asserted(found, 0, line)),
        _round(code, loop, _asserted(found, line, 1 << 30)),
    ]


def unit_of_function(
    file: File,
    executor: Executor,
    nodes: Sequence[Node],
    given: Mapping[str, Value],
    values: Mapping[str, Value],
    stubs: Stubs,
) -> Unit:
    """A function from its first statement to its ``return``, with what ``values`` are to be in the end. Raises NotCompared.

    What is evaluated to be returned is, but not what comes of it. A loop in it is gone through round by round.
    """
    if nodes[-1].type != "return_statement" or len(executor.loops) > 1:
        raise NotCompared("a function that ends otherwise, or has several loops")
    code = Code(file=file, executor=executor, nodes=nodes, given=given, answers={}, stubs=stubs)
    last = _text(code, nodes[-1])
    before = _lines(evolve(code, nodes=nodes[:-1]))
    text = f"{before}\n{re.sub(r'return(?![A-Za-z_0-9])', '(void)', last)}"
    loop = executor.loops[0] if executor.loops else None
    leaves = [path for _, path in executor.leaves[:-1]]
    wanted = _Wanted(dict(values), all_of(~path for path in leaves), Memory(), loop=loop)
    return _Writer(code, wanted, {}, text).unit()


def units_of_rounds(
    code: Code,
    loop: Node,
    began: Mapping[str, Value],
    head: Mapping[str, object],
    round_: tuple[Mapping[str, Value], Truth, Truth],
    end: tuple[Mapping[str, Value], Truth],
) -> list[Unit]:
    """A function in three parts: up to its loop; a round, which leaves something, goes on or stops; and a last round and the rest.

    ``began`` is what the first part leaves, ``head`` what is known where a round begins; ``end`` is what there is in the end, and
    whether the rest comes to it. Raises NotCompared.
    """
    at = [each.start_byte for each in code.nodes].index(loop.start_byte)
    _, asked, update, body = _header(_text(code, loop))
    if code.nodes[-1].type != "return_statement" or update:
        raise NotCompared("a function that ends otherwise")
    first = _Wanted(dict(began), TRUE, Memory())
    again = f"for ( ; unit_rounds-- > 0 && ({asked or 1}); {_ONWARD} = 1 ) {body}"
    rest = _lines(evolve(code, nodes=code.nodes[at + 1 : -1]))
    known = {key: each for key, each in head.items() if isinstance(each, Value)}
    left, goes_on, stops = round_
    onward = {_ONWARD: Value(_as_word(goes_on), Integer(8, signed=False))}
    inner = _Wanted({**left, **onward}, goes_on | stops, Memory(), only_if=goes_on)
    last = _Wanted(dict(end[0]), stops & end[1], Memory())
    return [
        _Writer(code, first, {}, _lines(evolve(code, nodes=code.nodes[:at]))).unit(),
        _Writer(code, inner, known, again).unit(),
        _Writer(code, last, known, f"{again}\nif ( {_ONWARD} ) return 0;\n{rest}").unit(),
    ]


def left_in(
    places: Mapping[str, object], type_of: Callable[[str], CType | None], executor: Executor
) -> dict[str, Value]:
    """What is left in the function's variables and in objects that are known by name, but for pointers."""
    return {
        key: value
        for key, value in places.items()
        if isinstance(value, Value)
        and isinstance(type_of(key) if in_object(key) else value.type, Integer)
        and (in_object(key) or executor.key_of(key) == key)
        and not (value.term.operation == "input" and str(value.term.value) == key)
    }


# What is read here, run on numbers


@define(eq=False)
class _Wanted:
    """What is to come out: ``values`` by the C of what holds them, whether the end is come to, and what is done to memory."""

    values: dict[str, Value]
    through: Truth
    memory: Memory
    only_if: Truth = TRUE
    """Where ``values`` are compared at all."""
    told: bool = False
    """Whether what memory holds in the end is known."""
    loop: SourceLoop | None = None
    """What is gone through before the end."""


@define(eq=False)
class _Rounds:
    """A loop that is gone through on numbers."""

    loop: SourceLoop
    _start: Callable[..., tuple[int, ...]] | None = None
    _round: Callable[..., tuple[int, ...]] | None = None

    @property
    def words(self) -> list[Word]:
        """What its terms speak of beside inputs."""
        return [*self.loop.given, *self._kept]

    @property
    def _kept(self) -> list[Word]:
        """What decides how it goes on."""
        return [self.loop.state[each] for each in live(self.loop)]

    @property
    def _steps(self) -> list[Term]:
        found = [self.loop.step[each] for each in live(self.loop)]
        if isinstance(self.loop.goes_on, Unknown):
            raise NotCompared(str(self.loop.goes_on))
        return [
            *(each.term for each in found if isinstance(each, Value)),
            self.loop.goes_on,
            self.loop.leaves,
        ]

    @property
    def _first(self) -> list[Term]:
        """What it reads, and begins with. Raises NotCompared."""
        found = [self.loop.start[each] for each in live(self.loop)]
        if not all(isinstance(each, Value) for each in found):
            raise NotCompared("what the loop begins with isn't understood")
        return [*self.loop.given.values(), *(each.term for each in found if isinstance(each, Value))]

    @property
    def terms(self) -> list[Term]:
        """All that is to be run."""
        return [*self._first, *self._steps]

    def prepare(self, over: Sequence[Word]) -> None:
        """Make it ready for numbers of these words."""
        first = [replaced(each, self.loop.given) if isinstance(each, Word) else each for each in self._first]
        self._start = compiled(first, over)
        self._round = compiled(self._steps, [*over, *self.words])

    def last(self, numbers: Sequence[int]) -> tuple[list[int], bool]:
        """What its words are in its last round, and whether it comes to its end. Raises Outside for more rounds than are tried."""
        assert self._start is not None
        assert self._round is not None
        now = list(self._start(*numbers))
        given = now[: len(self.loop.given)]
        for _ in range(MOST_ROUNDS):
            *after, goes_on, leaves = self._round(*numbers, *now)
            if leaves or not goes_on:
                return now, not leaves
            now = [*given, *after]
        raise Outside


# The three sorts of units


def _straight(
    code: Code, values: Mapping[str, Value], leaves: Sequence[tuple[str, Truth]], memory: Memory, after: str
) -> Unit:
    """Statements from their first to their last, and what is written ``after`` them."""
    wanted = _Wanted(dict(values), all_of(~path for _, path in leaves), memory)
    wanted.told = memory.vague is None
    return _Writer(code, wanted, {}, f"{_lines(code)}\n{after}").unit()


def _values_at_end(found: Slice) -> dict[str, Value]:
    """What the statements leave in what they write, as far as it is known."""
    changed = {name for each in found.statements for name in written(each)}
    return {
        key: value
        for key, value in found.state.places.items()
        if isinstance(value, Value)
        and root_of(key) in changed
        and (
            found.executor.key_of(root_of(key)) == root_of(key) or root_of(key) not in found.executor.type_of
        )
    }


def _asserted(found: Slice, first: int, end: int) -> dict[str, Value]:
    """Whether all holds that is asserted within some lines; nothing where that isn't known."""
    there = [each for each in found.executor.asserted if first <= _row(each[0]) < end]
    holds = TRUE
    for _, path, asked in there:
        if isinstance(asked, Unknown):
            return {}
        holds &= implies(path, asked)
    return {"unit_asserted": Value(_as_word(holds), Integer(8, signed=False))}


def _before(code: Code, found: Slice, loop: SourceLoop, asserted: Mapping[str, Value]) -> Unit:
    """What stands before a loop: what this begins with."""
    kept = [_plain(value, loop.given) for value in loop.start.values()]
    values = {key: each for key, each in zip(loop.start, kept, strict=True) if isinstance(each, Value)}
    for key, value in loop.head.items():
        if isinstance(value, Value) and value.term in loop.given and not in_object(key):
            values[key] = Value(loop.given[value.term], value.type)
    line = _row(loop.where)
    memory, vague = Memory(found.memory.stores, found.memory.loads), found.memory.vague
    if vague is not None and vague.where != loop.where and not vague.why.startswith(_LEFT_OUT):
        memory.vague = vague
    begins, _, _, _ = _header(_text(code, code.nodes[-1]))
    before = [each for each in found.leaves if _row(each[0]) < line]
    return _straight(
        evolve(code, nodes=code.nodes[:-1]), {**values, **asserted}, before, memory, f"{begins};"
    )


def _row(where: str) -> int:
    return int(where.rpartition(":")[2])


def _plain(value: object, given: Mapping[Word, Word]) -> object:
    return Value(replaced(value.term, given), value.type) if isinstance(value, Value) else value


def _round(code: Code, loop: SourceLoop, asserted: Mapping[str, Value]) -> Unit:
    """One round of a loop, from any state."""
    if isinstance(loop.goes_on, Unknown):
        raise NotCompared(str(loop.goes_on))
    if loop.memory.vague is not None:
        raise NotCompared(str(loop.memory.vague))
    _, asked, update, body = _header(_text(code, code.nodes[-1]))
    goes_on = Value(_as_word(loop.goes_on), Integer(8, signed=False, boolean=True))
    values = {key: each for key, each in loop.step.items() if isinstance(each, Value)}
    wanted = _Wanted(
        {**values, **asserted, _ONWARD: goes_on}, ~loop.leaves, loop.memory, only_if=loop.goes_on, told=True
    )
    known = {key: each for key, each in loop.head.items() if isinstance(each, Value)}
    steps = ", ".join(filter(None, ["unit_onward = 1", update]))
    text = f"for ( ; unit_rounds-- > 0 && ({asked or 1}); {steps} ) {body}"
    return _Writer(code, wanted, known, text).unit()


def _as_word(condition: Truth) -> Word:
    return choose(condition, number(1, 8), number(0, 8))


# What is written


def _returning_none(found: re.Match[str]) -> str:
    """A text as it is, and a return without what it returns."""
    return found[0] if found[0].startswith('"') else "return 0;"


def _text(code: Code, node: Node) -> str:
    """A statement as it stands in its file, with the lines of the preprocessor in it. Raises NotCompared."""
    if node.parent is not None:
        for each in node.parent.named_children:
            apart = each.end_point[0] < node.start_point[0] or each.start_point[0] > node.end_point[0]
            if each != node and each.type != "comment" and not apart and each not in code.nodes:
                raise NotCompared(f"two statements on one line: {code.file.where(node)}")
    lines = code.file.source.unexpanded.split("\n")
    return "\n".join(lines[row] for row in _rows(node))


def _rows(node: Node) -> range:
    """The lines of a statement as it stands: up to the next one, since a macro that is expanded may have ended before."""
    end, following = node.end_point[0], node.next_sibling
    while following is not None and following.type == "comment":
        following = following.next_sibling
    return range(
        node.start_point[0], 1 + max(end, end if following is None else following.start_point[0] - 1)
    )


def _lines(code: Code) -> str:
    rows = dict.fromkeys(row for each in code.nodes if _text(code, each) for row in _rows(each))
    lines = code.file.source.unexpanded.split("\n")
    return "\n".join(lines[row] for row in rows)


def _header(text: str) -> tuple[str, str, str, str]:
    """What a loop begins with, what it asks, what it does after each round, and its body. Raises NotCompared."""
    found = re.match(r"\s*(for|while)\s*\(", text)
    if found is None:
        raise NotCompared("a loop that is written otherwise")
    depth, start, parts = 1, found.end(), list[str]()
    for place in range(start, len(text)):
        sign = text[place]
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth == 0 or (sign == ";" and depth == 1):
            parts.append(text[start:place].strip())
            start = place + 1
        if depth == 0:
            break
    if len(parts) != (3 if found[1] == "for" else 1):
        raise NotCompared("a loop that is written otherwise")
    first, asked, update = parts if len(parts) == 3 else ("", parts[0], "")
    return first, asked, update, text[start:]


class _Writer:
    """Writes the body of a unit, and runs on numbers what is to come out of it."""

    def __init__(self, code: Code, wanted: _Wanted, known: Mapping[str, Value], text: str) -> None:
        """``known`` is what is known where it begins, beside what is given. Raises NotCompared."""
        self.code, self.wanted = code, wanted
        self.executor = code.executor
        self.text = _MEMBERS.sub(self._seen, _RETURNED.sub(_returning_none, text))
        self.known = {**code.given, **known}
        memory = wanted.memory
        self.remembers = bool(memory.stores or memory.loads)
        info = self.executor.types.record("struct page_info") if self.remembers else None
        self.info = info if isinstance(info, Record) else None
        named = {*(each.member for each in memory.stores), *(each.member for each in memory.loads)}
        noted = set() if self.info is None else set(self.info.members)
        self.members = sorted(each for each in named if noted & set(each.split(".")[1:2]))
        there = {"", CLEARED, XENS_ENTRIES, *code.stubs.cells, *self.members}
        if any(each.member not in there for each in memory.loads) or any(
            each.member.startswith(COPIED) for each in memory.stores
        ):
            raise NotCompared("memory of a sort that isn't there for the compiler")
        self.stores = [each for each in memory.stores if each.member in there]
        """What is compared: not what else a pointer leads to."""
        every = [
            *self._terms(),
            *(each.address for each in memory.loads),
            *(each.term for each in self.known.values()),
        ]
        self.rounds = None if wanted.loop is None else _Rounds(wanted.loop)
        every += [] if self.rounds is None else self.rounds.terms
        own = set() if self.rounds is None else {id(each) for each in self.rounds.words}
        self.words = {str(each.value): each for each in inputs(every) if id(each) not in own}
        told = {
            int(each) for each in subterms(every) if isinstance(each, Word) and each.operation == "constant"
        }
        self.told = sorted({each + more & _MASK for each in told for more in (-1, 0, 1)})
        """Numbers that the terms speak of, and those beside them."""
        self.asked_for = {
            str(each.arguments[0].value): int(cast(Word, each.arguments[1]))
            for each in subterms(every)
            if each.operation == "="
            and _is_number(each.arguments[1])
            and each.arguments[0].operation == "input"
        }
        """What inputs are compared with."""
        self.settings: list[tuple[str, Term]] = []
        self.lines: list[str] = []
        self.asked: dict[str, tuple[int, int]] = {}
        self.anything: dict[str, int] = {}
        self.backing: dict[str, None] = {}
        self.of: dict[str, CType | None] = {}
        self.records: dict[int, str] = {}
        self.defined: list[str] = []
        self.calls: list[str] = []
        self.used: set[str] = set()
        self.pointers: list[str] = []
        self.own: dict[str, tuple[Integer, list[Node], str]] = {}

    def unit(self) -> Unit:
        """The whole of it. Raises NotCompared."""
        self._read_functions(self.text)
        before = self._macros()
        self._settings_of_known()
        self._settings_of_words()
        outputs = list(self.wanted.values)
        results = [f"out[{place}] = {self._result(key)};" for place, key in enumerate(outputs)]
        for key in outputs:
            self._declare_root(key)
            if key.startswith("unit_"):
                self.of[key] = ULONG
        if self.remembers:
            frames = [f"{member} of frame {frame}" for member in self.members for frame in range(FRAMES)]
            first = len(outputs)
            outputs += [*frames, *self.code.stubs.cells, "what memory holds"]
            results += [
                f"for ( unsigned long f = 0; f < {FRAMES}; f++ ) out[{first + at * FRAMES} + f] = unit_frames[f]{member};"
                for at, member in enumerate(self.members)
            ]
            at = first + len(frames)
            results += [
                f"out[{at + more}] = {name};" for more, name in enumerate(self.code.stubs.cells.values())
            ]
            results.append(f"out[{len(outputs) - 1}] = unit_sum(unit_seed);")
        outputs_ = len(outputs)
        self._results = results
        declared = self._declarations(before)
        labels = self._labels()
        body = "\n".join(
            [
                *self.defined,
                *declared,
                *self._functions(),
                *self.pointers,
                *self.lines,
                "long unit_body(void)\n{",
                self.text,
                *results,
                f"out[{outputs_}] = 1;",
                "return 0;",
                *(f"{each}: return 0;" for each in labels),
                "}",
                "unit_body();",
            ]
        )
        return Unit(
            inputs=tuple(str(text) for text, _ in self.settings),
            outputs=tuple(outputs),
            before=before,
            body=body,
            calls=("unit_body", *self.calls),
            cases=list(self._cases()),
        )

    def _terms(self) -> list[Term]:
        """All that is to be run on numbers: what holds the values, whether the end is come to, and what is stored."""
        wanted = self.wanted
        found: list[Term] = [each.term for each in wanted.values.values()]
        found += [wanted.through, wanted.only_if]
        for store in self.stores:
            found += [store.path, store.address]
            found += [store.value.term] if isinstance(store.value, Value) else []
        return found

    def _seen(self, chain: re.Match[str]) -> str:
        """A member as it stands; where its type isn't found, of which nothing is known that is compared, something in its place."""
        key = re.sub(r"\s", "", chain[0])
        if key in self.executor.readings:
            if key not in self.code.stubs.places:
                raise NotCompared(f"{key} is read, which isn't there for the compiler")
            return self.code.stubs.places[key]
        of = self.executor.type_of.get(chain[1])
        if of is None:
            return chain[0]
        for name in re.findall(r"\w+", chain[2]):
            of = of.to if isinstance(of, Pointer) else of
            if not isinstance(of, Record):
                break
            of = of.members.get(name)
        else:
            return chain[0]
        return chain[0] if of is not None else "unit_unseen"

    # Names

    def _lvalue(self, key: str) -> str:
        """A place in C."""
        if not in_object(key):
            return key
        name, rest = re.fullmatch(r"\*(\w+)(.*)", key, re.DOTALL).groups()  # type: ignore[union-attr]
        return f"{name if self.executor.key_of(name) == OBJECT + name else name + '_is'}{rest}"

    def _set(self, key: str, term: Term, of: CType | None) -> None:
        """Have a place set to a term before all."""
        self._declare_root(key)
        place = self._slot(key, term)
        if self._notes(of):
            value = f"&unit_frames[in[{place}]]"
            self.lines.append(f"{self._lvalue(key)} = in[{place}] ? {value} : 0;")
        else:
            value = f"(void *)in[{place}]" if isinstance(of, Pointer) else f"in[{place}]"
            self.lines.append(f"{self._lvalue(key)} = {value};")

    def _slot(self, title: str, term: Term) -> int:
        self.settings.append((title, term))
        return len(self.settings) - 1

    def _notes(self, of: CType | None) -> bool:
        """Whether it is a pointer to what Xen notes of a frame."""
        return isinstance(of, Pointer) and isinstance(of.to, Record) and of.to.name == "struct page_info"

    def _result(self, key: str) -> str:
        of = self.wanted.values[key].type
        place = self._lvalue(key)
        if self._notes(of):
            return f"{place} ? (unsigned long)({place} - unit_frames) : 0"
        return f"(unsigned long)({place})"

    def _declare_root(self, key: str) -> None:
        if key.startswith("unit_"):
            return
        if in_object(key):
            name = re.findall(r"\w+", key)[0]
            self.of.setdefault(self._lvalue(f"*{name}"), self.executor.objects.get(f"*{name}"))
            return
        root = root_of(key)
        if "->" in key:
            self.backing[root] = None
        if root not in self.of:
            self.of[root] = (
                self.executor.type_of[root]
                if root in self.executor.type_of
                else self.executor.types.variable(root)
            )

    # What is set before

    def _settings_of_known(self) -> None:
        used = self.used
        for key, value in self.known.items():
            if value is ALL_CLEARED or (not in_object(key) and root_of(key) not in used):
                continue
            there = led_to(value)
            if there is not None:
                self._declare_root(key)
                self._declare_root(there[0])
                self.lines.append(f"{self._lvalue(key)} = (void *)&{self._lvalue(there[0])};")
            else:
                self._set(key, value.term, value.type)

    def _settings_of_words(self) -> None:
        covered = {id(each.term) for each in self.known.values()}
        loaded = {id(each.given) for each in self.wanted.memory.loads}
        for title, word_ in self.words.items():
            if (
                (id(word_) in covered and (title in self.known or not in_object(title)))
                or id(word_) in loaded
                or word_ is DIRECT_MAP_FRAME
                or title.startswith("&")
            ):
                continue
            self._set_word(title, word_)

    def _set_word(self, title: str, term: Word) -> None:
        asked = _ASKED.fullmatch(title)
        called = _before_at(title)
        given = self.code.stubs.words.get(title)
        if given is not None:
            self.lines.append(f"{given} = in[{self._slot(title, term)}];")
            self.of[given] = ULONG
            return
        numbered = re.fullmatch(r"(\w+)#(\d+)", title)
        if numbered is not None and int(numbered[2]) < MOST_NUMBERED:
            self.lines.append(f"unit_{numbered[1]}[{numbered[2]}] = in[{self._slot(title, term)}];")
            self.of[f"unit_{numbered[1]}"] = Array(ULONG, MOST_NUMBERED)
        elif title == "root_frame":
            self.lines.append(f"unit_root = in[{self._slot(title, term)}];")
            self.of["unit_root"] = ULONG
        elif asked is not None and asked[1] != "sizeof":
            self.asked[title] = self._slot(title, term), term.width
        elif called != title and called in _ANYTHING:
            if called not in self.anything:
                self.anything[called] = self._slot(title, term)
                self.lines.append(f"unit_any_{called} = in[{self.anything[called]}];")
                self.of[f"unit_any_{called}"] = Integer(8, signed=False, boolean=True)
        elif _PATH.fullmatch(title) and "@" not in title:
            if in_object(title) or root_of(title) in self.used:  # else it is given by what hangs on it
                self._set(title, term, self._type_of(title))
        else:
            raise NotCompared(f"{title} can't be given to the compiler")

    def _type_of(self, title: str) -> CType | None:
        if in_object(title) or not title.isidentifier():
            return None
        return self.executor.variable(title)[1]

    # Declarations

    def _declarations(self, before: str) -> list[str]:
        """What is declared before the statements, and what is settled for all of them."""
        functions = self.code.stubs.functions.values()
        self._mentioned = set(words_in([self.text, before, *functions, *self.lines, *self._results]))
        self._name_variables()
        frames = []
        if self.remembers or "unit_frames" in "\n".join([before, *self.lines, *functions, *self._results]):
            frames = self._frames()
        self.of |= dict.fromkeys(("unit_root", "unit_unseen", *self.code.stubs.cells.values()), ULONG)
        stubs = self.code.stubs
        self.of |= dict.fromkeys((*stubs.words.values(), *stubs.variables), ULONG)
        self.of |= dict.fromkeys(("unit_found", "unit_taken"), Array(ULONG, MOST_NUMBERED))
        self.of |= dict.fromkeys(("unit_rounds", _ONWARD, "unit_asserted"), INT)
        self.lines.append("unit_rounds = unit_asserted = 1;")
        for (member, name), each in zip(self.code.stubs.cells.items(), self._counted(), strict=True):
            self.lines.append(f"{name} = in[{self._slot(member, each)}];")
        self._set_the_rest()
        types = dict(self._typedefs(self._mentioned))
        self.calls += types
        return [
            *(f"typedef {self._declared(of, name)};" for name, of in types.items()),
            *frames,
            *(line for name, of in self.of.items() if of is not None for line in self._variable(name, of)),
        ]

    def _set_the_rest(self) -> None:
        """Give a number to what nothing that is read hangs on: if that is wrong, it is to be seen."""
        known = {name for name, _ in self.settings} | {*self.code.stubs.cells.values()}
        places = [(name, of) for name, of in self.of.items() if not name.startswith("unit_")]
        for name in self.backing:
            of = self.of.get(name)
            if isinstance(of, Pointer) and isinstance(of.to, Record):
                places += [
                    (f"{name}->{member}", inner)
                    for member, inner in of.to.members.items()
                    if member in self._mentioned
                ]
        for name, of in places:
            if isinstance(of, Integer) and name not in known:
                self.lines.append(f"{name} = in[{self._slot(name, word(f'{name} of a unit', of.bits))}];")

    def _name_variables(self) -> None:
        """The function's variables that are used; what a pointer among them leads to is one of its own, unless that is memory."""
        for name in re.findall(r"\b(\w+)\s*->", self.text):
            of = self.executor.type_of.get(name)
            leads = led_to(self.known.get(name)) is not None
            if isinstance(of, Pointer) and isinstance(of.to, Record) and not leads and not self._notes(of):
                self.backing[name] = None
        for name in sorted(self._mentioned & self.executor.type_of.keys()):
            self.of.setdefault(name, self.executor.type_of[name])
        macros = self.code.file.source.macros
        for name in sorted(set(words_in([self.text])) - self.of.keys() - macros.keys()):
            if name.isupper() and name[0] != "_" and not self.executor.types.known(name):
                self.of[name] = ULONG  # one of an enum, say: nothing that is compared hangs on it

    def _frames(self) -> list[str]:
        """The memory's frames."""
        self.lines.append(f"unit_seed = in[{self._slot('the seed', _SEED)}]; unit_fill(unit_seed);")
        self.of["unit_seed"] = ULONG
        for at, member in enumerate(self.members):
            first = FRAMES * 512 + at * FRAMES
            self.lines.append(
                f"for ( unsigned long f = 0; f < {FRAMES}; f++ ) unit_frames[f]{member} = unit_noted(unit_seed, {first} + f);"
            )
        info = self.executor.types.record("struct page_info")
        return [f"{self._type(info)} unit_frames[{FRAMES}] = {{ 0 }};"] if isinstance(info, Record) else []

    def _variable(self, name: str, of: CType) -> Iterator[str]:
        if name in self.backing and isinstance(of, Pointer):
            if self._is_number(name):
                raise NotCompared(f"{name} is given as a number, and what it leads to, too")
            yield f"{self._declared(of.to, name + '_is')} = {{ 0 }};"
            self.pointers.append(f"{name} = (void *)&{name}_is;")
        yield f"{self._declared(of, name)} = {'{ 0 }' if isinstance(of, Record | Array) else '0'};"

    def _is_number(self, name: str) -> bool:
        return any(text == name for text, _ in self.settings)

    def _typedefs(self, words: set[str]) -> Iterator[tuple[str, CType]]:
        executor = self.executor
        for name in sorted(words):
            skipped = (
                name in WORDS or name in self.of or name in self.code.file.source.macros or name in SUMMARIES
            )
            of = None if skipped else executor.types.named_by(name)
            if of is None and name.endswith("_t") and not skipped:
                of = ULONG  # nothing that is compared is of a type that isn't found
            if of is not None:
                yield name, of

    def _declared(self, of: CType | None, declarator: str) -> str:
        if isinstance(of, Pointer):
            inner = of.to
            if isinstance(inner, Array):
                raise NotCompared(f"{declarator} points to an array")
            return self._declared(inner, f"*{declarator}") if inner is not None else f"void *{declarator}"
        if isinstance(of, Array):
            if of.length is None:
                raise NotCompared(f"{declarator} has a length that isn't found")
            return self._declared(of.of, f"{declarator}[{of.length}]")
        return f"{self._type(of)} {declarator}"

    def _type(self, of: CType | None) -> str:
        if isinstance(of, Record):
            return self._record(of)
        if not isinstance(of, Integer):
            raise NotCompared("a type isn't found")
        if of.boolean:
            return "_Bool"
        return f"{'signed' if of.signed else 'unsigned'} {_NAMES[of.bits]}"

    def _record(self, of: Record) -> str:
        """The words for a struct, which is defined with the members that are mentioned."""
        if id(of) not in self.records:
            kind = "union" if of.union else "struct"
            named = re.fullmatch(r"(?:struct|union) (\w+)", of.name)
            name = of.name if named else f"{kind} unit_record_{len(self.records)}"
            self.records[id(of)] = name
            members = []
            for member, inner in of.members.items():
                if (member in self._mentioned or len(of.members) == 1) and inner is not None:
                    try:
                        members.append(f"{self._declared(inner, member)};")
                    except NotCompared:
                        continue
            self.defined.append(f"{name} {{ {' '.join(members) or 'char unit_none;'} }};")
        return self.records[id(of)]

    def _labels(self) -> list[str]:
        gone = re.findall(r"\bgoto\s+(\w+)\s*;", self.text)
        return [each for each in dict.fromkeys(gone) if not re.search(rf"\b{each}\s*:", self.text)]

    # Functions and macros

    def _stubs_used(self) -> dict[str, str]:
        meant = self.executor.meanings
        return {
            name: text
            for name, text in {**_STUBS, **self.code.stubs.macros}.items()
            if name in meant or name in _BESIDE
        }

    def _read_functions(self, text: str) -> None:
        """Functions of the file's own that are read, too: what they return, and those that this calls."""
        for name in re.findall(r"\b(\w+)\s*\(", text):
            read = (
                None if name in self.executor.meanings or name in self.own else self.executor.one_return(name)
            )
            if read is None or (statement := read[2].parent) is None:
                continue
            of, parameters, _ = read
            rows = self.code.file.source.unexpanded.split("\n")[
                statement.start_point[0] : statement.end_point[0] + 1
            ]
            returned = re.search(r"\breturn\b[^;]*;", "\n".join(rows))
            if returned is None:
                raise NotCompared(f"{name}() returns nothing that is found")
            self.own[name] = (of, parameters, returned[0])
            self._read_functions(returned[0])
            self.own[name] = self.own.pop(name)  # after those that it calls

    def _functions(self) -> list[str]:
        found = list(self.code.stubs.functions.values())
        self.calls += [*self.code.stubs.functions, *self.own]
        for name, (of, parameters, returned) in self.own.items():
            given = [
                self._declared(
                    self.executor.types.declared(each, part(each, "declarator")), declared_name(each) or ""
                )
                for each in parameters
            ]
            found.append(f"{self._declared(of, name)}({', '.join(given)})\n{{\n{returned}\n}}")
        if self.asked:
            self.calls.append("unit_asked")
            found.append("unsigned long unit_asked(const char *name)\n{")
            found += [
                f'if ( unit_same(name, "{title}") ) return in[{place}];'
                for title, (place, _) in self.asked.items()
            ]
            found.append("return unit_unknown();\n}")
        return found

    def _macros(self) -> str:
        """Macros at the file's level: what functions do, and the macros that the text uses."""
        code = self.code
        answers = {name: f"(...) {int(value.term)}" for name, value in code.answers.items()}
        asked = {each[1]: None for title in self.words if (each := _ASKED.fullmatch(title)) is not None}
        stubs = {**dict.fromkeys(_ANYTHING, "(...) 0"), **self._stubs_used(), **answers}
        stubs |= {
            name: f"(...) unit_any_{name}" for name in _ANYTHING if name in {*map(_before_at, self.words)}
        }
        for name in asked:
            width = next(each.width for title, each in self.words.items() if _called(title) == name)
            of = {8: "_Bool", 32: "unsigned int"}.get(width, "unsigned long")
            stubs[name] = f'(...) (({of})unit_asked("{name}(" #__VA_ARGS__ ")"))'
        functions = self.code.stubs.functions
        whole = "\n".join([self.text, *(returned for _, _, returned in self.own.values())])
        headers = macros_in(code.file.source, [whole], frozenset({*stubs, *_ALWAYS, *self.executor.meanings}))
        used = set(words_in([whole, *headers.values()]))
        while True:
            more = set(words_in([text for name, text in stubs.items() if name in used])) | used
            if more == used:
                break
            used = more
        defined = {*stubs, *_ALWAYS, *self.own, *functions, *LEAVING, *QUIET, *headers}
        texts = "\n".join([whole, *headers.values()])
        for name in dict.fromkeys(re.findall(r"\b([A-Za-z_]\w*)\s*\(", texts)):
            if name not in defined and name not in WORDS and not self.executor.types.known(name):
                used.add(name)
                stubs[name] = "(...) unit_unknown()"
        self.used = used | {root_of(key) for key in self.wanted.values}
        lines = [text for name, text in _ALWAYS.items() if name in used]
        lines += [f"#define {name}{text}" for name, text in stubs.items() if name in used]
        return "\n".join([*lines, *headers.values()])

    # Numbers

    def _cases(self) -> Iterator[tuple[tuple[int, ...], tuple[int | None, ...]]]:
        """What is given, and what is to come out."""
        random = Random(5)  # noqa: S311 - numbers to try, not secrets
        memory, cells = self.wanted.memory, self.code.stubs.cells
        loaded = {id(each.given) for each in memory.loads}
        free = [each for each in self.words.values() if id(each) not in loaded]
        fixed = {id(each) for each in (*free, *self._counted(), _SEED)}
        free += [
            each
            for _, each in self.settings
            if each.operation == "input" and id(each) not in fixed and isinstance(each, Word)
        ]
        over = [*free, *(each.given for each in memory.loads), *self._counted(), _SEED]
        settled = list(over)
        settings = compiled([term for _, term in self.settings], settled)
        addresses = [compiled([each.address], settled) for each in memory.loads]
        if self.rounds is not None:
            self.rounds.prepare(settled)
            over += self.rounds.words
        result, drawing = compiled(self._terms(), over), [self._drawing(each) for each in free]
        found = 0
        for turn in range(4 * CASES):
            counted = {each: random.getrandbits(10) for each in cells}
            values = [draw(random, turn) for draw in drawing]
            numbers = [*values, *(0 for _ in memory.loads), *counted.values(), random.randrange(_SEEDS)]
            there = Remembered(numbers[-1], self.members, counted)
            try:
                for at, (load, address) in enumerate(zip(memory.loads, addresses, strict=True), len(free)):
                    numbers[at] = there.first(load.member, address(*numbers)[0])
                stays = True
                if self.rounds is not None:
                    last, stays = self.rounds.last(numbers)
                    numbers += last
                *held, through = self._come_out(result(*numbers), there)
                came = (*held, through if stays else 0)
            except Outside:
                continue
            yield settings(*numbers[: len(settled)]), came
            found += came[-1] == 1
            if found == CASES:
                return

    def _counted(self) -> list[Word]:
        """Words for what the cells hold before."""
        return [word(f"{each} of a unit") for each in self.code.stubs.cells]

    def _come_out(self, results: Sequence[int], there: Remembered) -> tuple[int | None, ...]:
        wanted = self.wanted
        given = iter(results)
        values = [next(given) for _ in wanted.values]
        through = bool(next(given))
        compare = bool(next(given))
        came: list[int | None] = [0 if key == _ONWARD else None for key in wanted.values]
        if compare:
            kinds = (each.type for each in wanted.values.values())
            came = [_signed(value, of) for value, of in zip(values, kinds, strict=True)]
        for store in self.stores:
            path, address = next(given), next(given)
            value = next(given) if isinstance(store.value, Value) else None
            if path and value is not None:
                there.store(store.member, address, value)
        if self.remembers:
            held = [*there.noted_in(), *there.cells.values(), there.total()]
            came += held if wanted.told else [None] * len(held)
        return (*came, int(through))

    def _drawing(self, of: Word) -> Drawing:
        """Gives numbers for an input: edges first, and where it is to be an address, mostly one of the memory's."""
        title, most = str(of.value), (1 << of.width) - 1
        if of is DIRECT_MAP_FRAME:
            return lambda _random, _turn: AREA >> 12
        if of.width in (1, 8):
            return lambda random, _turn: random.getrandbits(1)
        given, refused = title in self.code.stubs.words, title.startswith("refused")
        address = self._address(re.split(r"\.\d+'?$", title)[0]) if self.remembers else None
        asked_for, told = self.asked_for.get(title), self.told

        def draw(random: Random, turn: int) -> int:
            if given and turn % 8:
                return one_of((0, 0, 0, 1), random) if refused else random.getrandbits(9)
            if address is not None and (found := address(random, turn)) is not None:
                return found & most
            if asked_for is not None and turn % 2:
                return asked_for
            value = one_of(EDGES, random) if turn < CASES // 2 else random.getrandbits(one_of(_BITS, random))
            if turn % 3:
                small, block = random.getrandbits(3), random.getrandbits(4) << one_of(_SHIFTS, random)
                value = one_of(
                    (value, most, random.getrandbits(22), small, block, one_of(told, random)), random
                )
            return value & most

        return draw

    def _address(self, name: str) -> Callable[[Random, int], int | None]:
        """Gives numbers of frames, their machine addresses or pointers into them, by what a variable is; sometimes none."""
        kind = self._type_of(name) if name.isidentifier() else None
        if self._notes(kind) or _FRAME.search(name):
            return lambda random, _turn: one_of(range(1, FRAMES), random)
        if isinstance(kind, Pointer):

            def pointer(random: Random, _turn: int) -> int:
                entry = one_of((0, 0, 1, 509, 510, 511, one_of(range(512), random)), random)
                return AREA + (one_of(range(FRAMES), random) << 12) + (entry << 3)

            return pointer

        def draw(random: Random, turn: int) -> int | None:
            if turn % 2 or name == "mpt_alloc":
                return one_of(range(FRAMES), random) << 12
            return random.getrandbits(4) << one_of(_SHIFTS, random) if turn % 4 else None

        return draw


def _is_number(term: Term) -> bool:
    return isinstance(term, Word) and term.operation == "constant"


def _before_at(title: str) -> str:
    return title.partition("@")[0]


def _called(title: str) -> str | None:
    found = _ASKED.fullmatch(title)
    return found and found[1]


def _signed(value: int, of: Integer | Pointer) -> int:
    """As it is when it is made 64 bits long."""
    if isinstance(of, Integer) and of.signed and value >> (of.bits - 1):
        return value - (1 << of.bits) & _MASK
    return value
