"""GRUB's loader for Xen in a tree: how it counts the page tables of the 64-bit kernel that it starts, found and executed.

What it works on is one variable, whose members are followed. The function that counts the tables of a mapping is executed by
itself; in the rounds of the function that tries, a call of it gives words. A round is executed once, from a state of which is
known what each of them leaves: so what it is at first, and what it leaves, is to be compared.

Facts: ``PLACE``, and what functions and variables are called there, GRUB 2.06 to 2.12; which headers stand for a platform
(``configure.ac``). The platform is x86_64-xen.
"""

from collections.abc import Sequence
from typing import Final

from attrs import define, frozen

from ..c.expressions import MEANINGS, Evaluator, Meaning, written
from ..c.objects import in_object
from ..c.preprocessor import preprocessed
from ..c.state import MEMORY, State
from ..c.statements import Executor
from ..c.tree_files import Tree
from ..c.types import Node, part
from ..c.values import INT, ULONG, Any, Integer, NotUnderstood, Record, Unknown, Value, constant, converted
from ..edge.errors import InputError
from ..words.word import TRUE, Truth, Word, all_of, choose, word
from .compiled_units import Read, Unit
from .dom0_source import COMPILER, File, file_of
from .domu_source import Call, NotFound, left_by, memset, of_mapping, type_of
from .sliced_units import Code, Stubs, left_in, unit_of_function, units_of_rounds
from .slices import block

PLACE: Final = "grub-core/loader/i386/xen.c"
COUNTS: Final = "get_pgtable_size"
TRIES: Final = "grub_xen_pt_alloc"
SETS_ASIDE: Final = "grub_relocator_alloc_chunk_addr"
STATE: Final = "*xen_state"
MAPS: Final = f"{STATE}.mappings"
NEEDED: Final = "nr_need_pages"
"""The variable that a round is made for, and leaves to the next one."""
ASSUMED: Final = {
    "messages": "grub_dprintf() and grub_error() write messages and GRUB's error, and nothing else; what grub_error() gives isn't 0",
    "cleared": "grub_memset() of a whole struct to 0 clears it, and nothing else",
    "state": "no pointer leads to xen_state, but those that are followed",
    "chunks": "grub_relocator_alloc_chunk_addr() and get_virtual_current_address() change nothing of xen_state",
}
TABLES: Final = (word("tables"), word("tables beside"))
"""What a call of `COUNTS` leaves in its mapping: in the region's, and in the one beside it."""
REFUSED: Final = "refused "
"""What the words begin with that calls give: not 0 where they are refused."""
_CPU: Final = (
    ("include/grub/cpu/", "include/grub/x86_64/"),
    ("include/grub/machine/", "include/grub/x86_64/xen/"),
)
_DEFINED: Final = {
    "GRUB_TARGET_SIZEOF_VOID_P": "8",
    "GRUB_TARGET_SIZEOF_LONG": "8",
    "GRUB_MACHINE_XEN": "1",
    "GRUB_MACHINE": "X86_64_XEN",
}


@frozen
class Lines:
    """Where something begins and ends."""

    where: str
    last: str


@frozen(eq=False)
class GrubSource:
    """The loader: its file, the function that ``counts``, the one that ``tries``, and its ``rounds``, a loop."""

    file: File
    counts: Node
    tries: Node
    rounds: Node
    function: str = TRIES
    notes: Sequence[str] = ("the platform is x86_64-xen",)

    @property
    def path(self) -> str:
        """The file's path in the tree."""
        return self.file.source.path

    @property
    def first(self) -> str:
        """Where the function that tries begins."""
        return self.file.where(self.tries)

    @property
    def last(self) -> str:
        """Where it ends."""
        return f"{self.path}:{self.tries.end_point[0] + 1}"

    @property
    def loop(self) -> Lines:
        """Where its rounds are."""
        return Lines(self.file.where(self.rounds), f"{self.path}:{self.rounds.end_point[0] + 1}")


@define(eq=False)
class Mapping:
    """One mapping's tables, counted by the loader's function."""

    where: str
    executor: Executor
    state: State
    read: Read

    def value(self, place: str) -> Any:
        """What a place in the loader's variable holds."""
        key = f"{STATE}.{place}"
        return self.state.read(key, type_of(self.executor, key), self.where)


@frozen(eq=False)
class Rounds:
    """The rounds: what is ``first`` tried, the ``calls`` of a round, by condition, and what it leaves to the ``next`` one.

    ``goes_on`` is where there is one, ``stops`` where not; ``aside`` is the call that sets tables aside then, in the state ``then``,
    and ``after`` the state at the end.
    """

    first: Any
    calls: Sequence[tuple[Truth, int, Call]]
    next: Any
    goes_on: Truth
    stops: Truth
    aside: Call
    after: State
    executor: Executor
    read: Read


def grub_source(tree: Tree) -> GrubSource | None:
    """The loader of a tree; ``None`` where there is none. Raises `InputError` for one that can't be used."""
    if tree.read(PLACE) is None:
        return None
    source = preprocessed(
        _for_platform(tree),
        PLACE,
        folders=("include", "grub-core"),
        defined={**{name: body for name, body in COMPILER.items() if name != "__XEN__"}, **_DEFINED},
    )
    file = file_of(source)
    found = [file.function(each) for each in (COUNTS, TRIES)]
    loops = [each for each in (block(found[1]) if found[1] is not None else ()) if each.type in _LOOPS]
    counts, tries = found
    if counts is None or tries is None or len(loops) != 1:
        raise InputError(f"{tree.title}: {PLACE}: expected functions {COUNTS}() and {TRIES}(), with one loop")
    return GrubSource(file, counts, tries, loops[0])


_LOOPS: Final = ("while_statement", "for_statement", "do_statement")


def _for_platform(tree: Tree) -> Tree:
    """The tree with a platform's headers where GRUB's build has links to them."""

    def read(path: str) -> str | None:
        for generic, own in _CPU:
            if path.startswith(generic):
                return tree.read(own + path.removeprefix(generic))
        return tree.read(path)

    return Tree(tree.title, read)


def mapping(source: GrubSource, first: Word, end: Word, before: Mapping | None = None) -> Mapping:
    """``get_pgtable_size()`` for [first, end): the first mapping, or that after another one. Raises NotFound."""
    executor, given = _begin(source, source.counts, 0 if before is None else 1)
    given |= of_mapping(executor, source.counts, (first, end, word("pfn")))
    if before is not None:
        given |= left_by(before.executor, before.state, MAPS, executor)
    where = executor.where(source.counts)
    state = executor.run_all(block(source.counts), given)
    if state.vague is not None:
        raise NotFound(state.vague.where, state.vague.why)
    if len(executor.leaves) != 1:
        raise NotFound(where, f"{COUNTS}() that comes to its end for any mapping")
    _unchanged(dict(given), state, where, [0 if before is None else 1])

    def units() -> list[Unit]:
        values = left_in(state.places, lambda key: type_of(executor, key), executor)
        return [unit_of_function(source.file, executor, block(source.counts), given, values, _AGAIN)]

    return Mapping(where, executor, state, Read(where, units))


def _begin(source: GrubSource, function: Node, mappings: int) -> tuple[Executor, dict[str, Value]]:
    meanings: dict[str, Meaning] = {
        "grub_real_dprintf": MEANINGS["printk"],
        "grub_error": MEANINGS["printk"],
        "grub_memset": memset,
        "get_virtual_current_address": MEANINGS["printk"],
    }
    executor = Executor(source.file.source, function, source.file.typeofs, lambda _: False, meanings)
    of = executor.types.record("struct xen_loader_state")
    if not isinstance(of, Record) or type_of(executor, STATE) is not None:
        raise NotFound(executor.where(function), "struct xen_loader_state, of which no declaration is found")
    executor.name_variable(STATE[1:], of)
    kept = type_of(executor, f"{STATE}.n_mappings")
    if not isinstance(kept, Integer):
        raise NotFound(executor.where(function), f"{STATE}.n_mappings, which is no integer that is found")
    return executor, {f"{STATE}.n_mappings": constant(mappings, kept)}


def rounds(source: GrubSource) -> Rounds:
    """The function that tries, before anything is mapped. Raises NotFound."""
    executor, given = _begin(source, source.tries, 0)
    once_only = f"{STATE}.pgtbl_end"
    given[once_only] = constant(0, ULONG)
    calls: list[tuple[Truth, int, Call]] = []
    asides: dict[int, Call] = {}

    def counts(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
        there = state.read(f"{STATE}.n_mappings", type_of(executor, f"{STATE}.n_mappings"), self.where(node))
        if (
            not isinstance(there, Value)
            or there.term.operation != "constant"
            or int(there.term) not in (0, 1)
        ):
            raise NotUnderstood(f"{COUNTS}() for a mapping that isn't the first or the second")
        index = int(there.term)
        call = Call(self.where(node), self.evaluate_all(arguments, state), state.fork())
        calls.append((state.path, index, call))
        for each in _left_by_a_count(index):
            state.write(each, self.unknown(node, f"what {COUNTS}() leaves beside its count"))
        state.write(f"{MAPS}[{index}].area.n_pt_pages", Value(TABLES[index], ULONG))
        state.disturb()
        return Value(word(f"{REFUSED}{index}", 32), INT)

    def sets_aside(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
        asides[node.start_byte] = Call(self.where(node), self.evaluate_all(arguments, state), state.fork())
        self.given_away(arguments, state, self.unknown(node, f"what {SETS_ASIDE}() finds"))
        return Value(word(f"{REFUSED}aside", 32), INT)

    executor.meanings |= {COUNTS: counts, SETS_ASIDE: sets_aside}
    nodes = block(source.tries)
    at = nodes.index(source.rounds)
    where = executor.where(source.rounds)
    state = executor.run_all(nodes[:at], given)
    first = state.read(NEEDED, ULONG, where)
    head = _head(executor, source, state)
    before = dict(head.places)
    onward, ways = executor.once(source.rounds, head.fork())
    if not ways:
        raise NotFound(where, "a loop that ends")
    done = executor.together(ways, where)
    _unchanged(before, onward, where, [0, 1])
    goes_on, stops, following = onward.path, done.path, onward.read(NEEDED, ULONG, where)
    done.path, left = TRUE, len(executor.leaves)
    for each in nodes[at + 1 :]:
        executor.run(each, done)
    vague = next((each.vague for each in (state, onward, done) if each.vague is not None), None)
    if vague is not None:
        raise NotFound(vague.where, vague.why)
    if len(asides) != 1:
        raise NotFound(where, f"one call of {SETS_ASIDE}()")
    (aside,) = asides.values()

    def units() -> list[Unit]:
        code = Code(file=source.file, executor=executor, nodes=nodes, given=given, answers={}, stubs=_AGAIN)
        began = left_in(state.places, lambda key: type_of(executor, key), executor)
        last = left_in(done.places, lambda key: type_of(executor, key), executor)
        told = {
            f"unit_aside{at}": each for at, each in enumerate(aside.arguments[2:]) if isinstance(each, Value)
        }
        through = all_of(~path for _, path in executor.leaves[left:-1])
        return units_of_rounds(
            code,
            source.rounds,
            {**began, **_known(NEEDED, first)},
            before,
            ({**_known(NEEDED, following), **_given(calls)}, goes_on, stops),
            ({**last, **told}, through),
        )

    return Rounds(first, calls, following, goes_on, stops, aside, done, executor, Read(where, units))


def _known(name: str, value: Any) -> dict[str, Value]:
    return {name: value} if isinstance(value, Value) else {}


def _given(calls: Sequence[tuple[Truth, int, Call]]) -> dict[str, Value]:
    """What `COUNTS` is given in a round for each mapping, where it is called."""
    found: dict[str, Value] = {}
    for path, index, call in calls:
        for name, argument in zip(("from", "to", "pfn"), call.arguments, strict=False):
            if isinstance(argument, Value):
                key = f"unit_{name}{index}"
                wide = converted(argument, ULONG).term
                found[key] = Value(choose(path, wide, found[key].term) if key in found else wide, ULONG)
    return found


_AGAIN: Final = Stubs(
    macros={
        COUNTS: "(first, end, pfn) unit_counted(first, end, pfn)",
        SETS_ASIDE: "(relocator, chunk, at, size) (unit_aside0 = (at), unit_aside1 = (size), unit_aside)",
        "get_virtual_current_address": "(...) 0",
        "grub_real_dprintf": "(...) ((void)0)",
        "grub_error": "(...) 0",
    },
    functions={
        "unit_counted": """
int unit_counted(unsigned long first, unsigned long end, unsigned long pfn)
{
    if (xen_state.n_mappings) {
        unit_from1 = first; unit_to1 = end; unit_pfn1 = pfn;
        xen_state.mappings[1].area.n_pt_pages = unit_tables1;
        return unit_refused1;
    }
    unit_from0 = first; unit_to0 = end; unit_pfn0 = pfn;
    xen_state.mappings[0].area.n_pt_pages = unit_tables0;
    return unit_refused0;
}"""
    },
    words={
        **{str(each.value): f"unit_tables{at}" for at, each in enumerate(TABLES)},
        **{f"{REFUSED}{at}": f"unit_refused{at}" for at in (0, 1)},
        f"{REFUSED}aside": "unit_aside",
    },
    variables=[f"unit_{name}{at}" for name in ("from", "to", "pfn", "aside") for at in (0, 1)],
)
"""What calls come to that aren't read, for the compiler."""


def _left_by_a_count(index: int) -> Sequence[str]:
    return (
        f"{MAPS}[{index}]",
        *(f"{STATE}.state.{each}[{index}]" for each in ("paging_start", "paging_size")),
    )


def _head(executor: Executor, source: GrubSource, state: State) -> State:
    """What is known where any round begins: what it sets isn't, but for what it is made for."""
    condition = part(source.rounds, "condition")
    asked = TRUE if condition is None else executor.condition(condition, state.fork())
    if asked is not TRUE or source.rounds.type == "do_statement":
        raise NotFound(executor.where(source.rounds), "a loop that is left from within only")
    head = state.fork()
    why = Unknown(executor.where(source.rounds), "it is what the round before left")
    for name in written(source.rounds, executor.meanings):
        key = executor.key_of(name)
        if key is not None and not in_object(key):
            head.spoil(key, why)
    for each in (*_left_by_a_count(0), *_left_by_a_count(1)):
        head.write(each, why)
    if executor.type_of.get(NEEDED) != ULONG:
        raise NotFound(executor.where(source.rounds), f"{NEEDED} of 64 bits without a sign")
    head.places[NEEDED] = Value(word("need"), ULONG)
    return head


def _unchanged(before: dict[str, Any], after: State, where: str, mappings: Sequence[int]) -> None:
    """That nothing of the loader's variable has changed but some of the mappings. Raises NotFound."""
    own = tuple(each for index in mappings for each in _left_by_a_count(index))
    for key, found in after.places.items():
        if in_object(key) and not key.startswith(own):
            was = before.get(key)
            same = isinstance(found, Value) and found.term is (
                was.term if isinstance(was, Value) else word(key, found.term.width)
            )
            if not same:
                raise NotFound(where, f"one that leaves {key} as it was")
    if after.epochs.get(MEMORY):
        raise NotFound(where, "one that calls what is known only")
