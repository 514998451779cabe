"""The p2m at an address of its own, as a tree's function maps it: when it is refused, and each of its steps.

A step takes tables and pages one by one from memory that is dom0's; what that comes to is held against the encoding's step, whatever
tables are there and whatever superpages can be had. The pages that dom0 has are counted as the function takes them. What Xen notes
of a frame is looked at of one frame: any.

Facts: what its variables are called, 4.7 to today. Notation of DOMAIN.md section 4.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations, count
from random import Random
from typing import Final

from attrs import frozen

from ....encodings import physmap
from ....encodings.dom0_builder import ENTRY_BITS, entry_of
from ....formal.c.expressions import CHANGES, Evaluator, Meaning, written
from ....formal.c.memory import CLEARED, Store
from ....formal.c.state import State
from ....formal.c.types import Node, part, text_of, within
from ....formal.c.values import ULONG, Any, NotUnderstood, Pointer, Unknown, Value, constant, converted
from ....formal.layouts.paging import PAGE_SHIFT, PagingMode
from ....formal.source.dom0_source import Dom0Source
from ....formal.source.questions import Piece
from ....formal.source.sliced_units import MOST_NUMBERED, Stubs
from ....formal.source.slices import Slice, block, writes
from ....formal.source.summaries import (
    ASSUMED,
    DIRECT_MAP,
    DIRECT_MAP_FRAME,
    FRAME_BITS,
    SUMMARIES,
    entry_for,
)
from ....formal.words.word import (
    TRUE,
    AnyTerm,
    Truth,
    Word,
    all_of,
    choose,
    implies,
    inputs,
    number,
    replaced,
    word,
)
from ..terms import UNSET
from .cases import Case
from .mapping import CURSORS, TYPE, Pairs, place_of_loop, type_shift, with_types
from .pieces import (
    NotRead,
    Pieces,
    anything,
    builders_call,
    called_with,
    compared,
    compared_by_cases,
    executed,
    held,
    judged_pairs,
    known,
    not_found,
    not_read,
    renamed,
    restated,
    shared,
    unchanged,
    word_of,
)
from .read_only_walk import level_of

FUNCTION: Final = "setup_pv_physmap"
GIVEN: Final = ("v_start", "v_end", "vphysmap_start", "vphysmap_end", "nr_pages")
"""The parameters that it is called with, by the names that the builder has for them, too."""
OF: Final = "d"
"""Whose pages they are: the domain that is built."""
PAGES: Final = "tot_pages"
"""The domain's field that says how many they are: up to 4.13 the function reads it itself."""
TAKEN: Final = "pages taken"
"""What stands for the member where it is noted how many pages dom0 has."""
CALLED: Final = "the p2m is mapped"
REFERENCES: Final = ".count_info"
ENCODING: Final = "encodings/physmap.py"
MEMORY: Final = {
    "pages": "domain_tot_pages(), or d->tot_pages itself, gives how many pages dom0 has; alloc_domheap_page() and its like find some, or Xen ends, and add to them",
    "own": "no entry of an L1 that the p2m is mapped by is there before",
}
NOTED: Final = {
    "noted": "of what a step calls, only alloc_domheap_page() and its like, iommu_memory_setup() and get_superpage() write what Xen notes of "
    "a frame, and only of the pages that they find or are given",
}
v_start, v_end, nr_pages = physmap.v_start, physmap.v_end, physmap.nr_pages
p2m_start, p2m_end, at, total = physmap.p2m_start, physmap.p2m_end, physmap.at, physmap.total
OWN_CURSOR: Final = "va"
"""Where a step is, in the builder itself."""
_LOOPS: Final = ("while_statement", "for_statement")
MOST_TAKEN: Final = 6
"""How often a step asks for pages, at most."""
root_frame, _p2m_base = word("root_frame"), word("parms.p2m_base")
root_table: Final = (root_frame << PAGE_SHIFT) + DIRECT_MAP
there: Final = {level: word(f"l{level}_is_there", 1) for level in (1, 2, 3)}
behind: Final = {level: word(f"l{level}_frame") for level in (1, 2, 3)}
"""The frame of a level's table, if it is there before."""
flags: Final = {level: word(f"flags_of_l{level}_entry") for level in (2, 3, 4)}
frame, type_before, references_before = word("frame"), word("type_before"), word("references_before")
"""The frame that is looked at, and what Xen notes of it before a step."""
_OURS: Final = (
    *(at, total, p2m_start, p2m_end, root_frame, DIRECT_MAP_FRAME, frame, type_before, references_before),
    *(*there.values(), *behind.values(), *flags.values()),
)


# The source


def _taking(order: int, names: Iterator[int]) -> Meaning:
    """A function that finds pages, 2**order of them (or as many as it is asked for, if that is -1), and counts them."""

    def meaning(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
        given = self.evaluate_all(arguments, state)
        if not arguments or text_of(arguments[0]) != OF:
            raise NotUnderstood("for whom pages are asked for")
        asked = given[1] if order < 0 and len(given) > 1 else constant(order)
        if not isinstance(asked, Value) or asked.term.operation != "constant" or self.memory is None:
            raise NotUnderstood("how many pages are asked for")
        found, several = next(names), int(asked.term)
        found_any = word(f"found#{found}", 1) == 1 if order < 0 else TRUE
        before_ = self.memory.load(self.where(node), TAKEN, number(0), TAKEN)
        if isinstance(before_, Unknown):
            raise NotUnderstood(before_.why)
        more = Value(before_.term + (1 << several), ULONG)
        self.memory.store(self.where(node), state.path & found_any, number(0), TAKEN, more)
        page = choose(found_any, word(f"taken#{found}"), number(0))
        return Value(page, Pointer(self.types.record("struct page_info")))

    return meaning


@frozen(eq=False)
class Given:
    """Pages that a function is given which notes something of them: ``several``, the first of which is ``page``."""

    where: str
    path: Truth
    page: Word
    several: Word


def _noting(name: str, page: int, several: int | None, found: list[Given]) -> Meaning:
    """A function that notes something of pages: which of its arguments are the first one, and how many, unless that is one."""

    def meaning(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
        places = [page] if several is None else [page, several]
        asked = [arguments[each] for each in places if each < len(arguments)]
        if any(each.type in CHANGES for one in asked for each in within(one)):
            raise NotUnderstood("pages that it notes something of, by what changes something")
        values = self.evaluate_all(asked, state.fork())
        terms = [converted(each, ULONG).term for each in values if isinstance(each, Value)]
        if len(terms) != len(places):
            raise NotUnderstood("of which pages it notes something")
        how_many = number(1) if several is None else terms[1]
        found.append(Given(self.where(node), state.path, terms[0], how_many))
        return SUMMARIES[name](self, node, arguments, state)

    return meaning


def _noting_any(_self: Evaluator, _node: Node, _arguments: list[Node], _state: State) -> Any:
    raise NotUnderstood("what is noted of a frame")


def _have(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
    self.evaluate_all(arguments, state)
    if [text_of(each) for each in arguments] != [OF] or self.memory is None:
        raise NotUnderstood("whose pages are counted")
    return _counted(self, node)


def _counted(self: Evaluator, node: Node) -> Any:
    if self.memory is None:
        return self.unknown(node, "how many pages there are")
    return self.memory.load(self.where(node), TAKEN, number(0), TAKEN)


_TAKEN_AGAIN: Final = Stubs(
    macros={
        "alloc_domheap_page": "(d, ...) unit_pages(__COUNTER__ - unit_first, 0, 1)",
        "alloc_domheap_pages": "(d, order, ...) unit_pages(__COUNTER__ - unit_first, order, 0)",
        "domain_tot_pages": "(...) unit_have",
    },
    functions={
        "unit_pages": f"""
const int unit_first = __COUNTER__ + 1;
struct page_info *unit_pages(int site, unsigned int order, int always)
{{
    if (site >= {MOST_NUMBERED} || !(always || unit_found[site])) return 0;
    unit_have += 1UL << order;
    return &unit_frames[unit_taken[site]];
}}"""
    },
    cells={TAKEN: "unit_have"},
    places={f"{OF}->{PAGES}": "unit_have"},
)
"""The same in C: each place that asks has a number, in the order in which they stand."""
_CALLED_AGAIN: Final = Stubs(
    macros={FUNCTION: "(d, root, ...) (unit_root_given = (root))"}, cells={CALLED: "unit_root_given"}
)


@frozen(eq=False)
class Steps:
    """What maps the p2m: the statements of a function, of which one is the ``loop``, and its variables.

    ``cursor`` is where a step is. In the builder itself they stand in an ``if_there``.
    """

    function: Node
    statements: Sequence[Node]
    loop: int
    cursor: str
    pointers: Sequence[str]
    if_there: Node | None = None


def steps_of(source: Dom0Source) -> Steps:
    """What maps the p2m in a source: a function's statements, or, as up to 4.4, some of the builder's own. Raises NotRead."""
    function = source.file.function(FUNCTION)
    if function is not None:
        statements = block(function)
        loops = [at_ for at_, each in enumerate(statements) if each.type in _LOOPS]
        if len(loops) != 1:
            raise not_found(source.file.where(function), f"one loop in {FUNCTION}()")
        return Steps(
            function, statements, loops[0], "vphysmap_start", [f"pl{level}e" for level in (1, 2, 3, 4)]
        )
    for each in block(source.builder)[place_of_loop(source) + 1 :]:
        inner = part(each, "consequence") if each.type == "if_statement" else None
        statements = [] if inner is None else [one for one in inner.named_children if one.type != "comment"]
        loops = [
            at_ for at_, one in enumerate(statements) if one.type in _LOOPS and writes(one, [OWN_CURSOR])
        ]
        if len(loops) == 1 and part(each, "alternative") is None:
            return Steps(source.builder, statements, loops[0], OWN_CURSOR, list(CURSORS.values()), each)
    raise not_found(
        source.file.where(source.builder),
        f"one function {FUNCTION}(), nor a loop of the builder's own in its place,",
    )


class Mapped:
    """What maps the p2m in a source, over the encoding's words."""

    def __init__(self, source: Dom0Source, mode: PagingMode) -> None:
        """Raises NotRead."""
        self.file, self.mode, self.source = source.file, mode, source
        self.its = its = steps_of(source)
        statements = its.statements
        self._given: list[Given] = []
        unchanged(self.file, statements, [OF], "whose pages they are changes")
        self.begin = self._executed(statements[: its.loop])
        self.found = self._executed(statements[: its.loop + 1])
        if len(self.found.loops) != 1:
            raise not_read(
                self.file, statements[its.loop], "the steps that map the p2m aren't understood as a loop"
            )
        self.loop = self.found.loops[0]
        if isinstance(self.loop.goes_on, Unknown):
            raise NotRead(self.loop.goes_on)
        self.goes_on = self.loop.goes_on
        self._check_beside(self._executed(statements[its.loop + 1 :]))
        self._names = self._said()

    def _check_beside(self, rest: Slice) -> None:
        """That nothing is written but by the steps, and no count of pages by them. Raises NotRead."""
        page_found = {word("page"): number(1)}
        for where, path in rest.leaves:
            if replaced(path, page_found) is not ~TRUE:
                raise NotRead(Unknown(where, "an end after the p2m is mapped, other than for want of a page"))
        for memory in (self.begin.memory, self.loop.memory, rest.memory):
            if memory.vague is not None:
                raise NotRead(memory.vague)
        for store in self.loop.memory.stores:
            if store.member == f".{PAGES}":
                raise NotRead(Unknown(store.where, f"{PAGES} is written"))
        for store in (*self.begin.memory.stores, *rest.memory.stores):
            raise NotRead(Unknown(store.where, "something is written beside the steps"))

    def _executed(self, statements: Sequence[Node]) -> Slice:
        names = count()
        return executed(
            self.source,
            self.mode,
            self.file,
            self.its.function,
            statements,
            loops=lambda each: each.type in _LOOPS,
            meanings={
                "alloc_domheap_page": _taking(0, names),
                "alloc_domheap_pages": _taking(-1, names),
                "domain_tot_pages": _have,
                "iommu_memory_setup": _noting("iommu_memory_setup", 2, 3, self._given),
                "get_superpage": _noting("get_superpage", 0, None, self._given),
                "get_page_and_type": _noting_any,
            },
            readings={f"{OF}->{PAGES}": _counted},
            ours=_OURS,
            stubs=_TAKEN_AGAIN if self.its.if_there is None else Stubs(),
        )

    def _said(self) -> dict[Word, Word]:
        found = {
            **self.loop.given,
            word("vphysmap_end"): p2m_end,
            word("pgtbl_pfn"): root_frame,
        }
        if self.its.cursor in self.loop.state:
            found[word_of(self.loop, self.its.cursor, at)] = at
        if self.its.if_there is not None:
            found[word("l4start")] = root_table
        found = {each: replaced(value, {word("pgtbl_pfn"): root_frame}) for each, value in found.items()}
        for load in self.loop.memory.loads:
            if load.member == TAKEN:
                found[load.given] = total
            elif not load.member:
                level = level_of(load)
                entry = entry_for(behind[level - 1], flags[level] | 1) if level > 1 else number(0)
                found[load.given] = choose(there[level - 1] == 1, entry, number(0)) if level > 1 else entry
        return found

    def over(self, term: AnyTerm) -> AnyTerm:
        """A term of a step over the encoding's words. Raises NotRead where it hangs on something else."""
        here = replaced(term, self._names)
        if any("tot_pages" in str(each.value) for each in inputs([here])):
            raise not_found(
                self.loop.where, f"domain_tot_pages() or {OF}->{PAGES}, by which dom0's pages are counted,"
            )
        others = anything([here])
        others += [each for each in inputs([here]) if each.width == 8]
        others += [each for name, each in self.loop.state.items() if name != self.its.cursor]
        ours = (
            at,
            total,
            p2m_end,
            nr_pages,
            root_frame,
            DIRECT_MAP_FRAME,
            *there.values(),
            *behind.values(),
            *flags.values(),
        )
        return renamed(here, {str(each.value): each for each in (*ours, *others)}, self.loop.where)

    @cached_property
    def stores(self) -> list[Store]:
        """What a step writes, over the encoding's words. Raises NotRead."""
        return restated(self.loop.memory.stores, self.over)

    @cached_property
    def given(self) -> list[Given]:
        """The pages that functions are given which note something of them, over the encoding's words. Raises NotRead."""
        return [
            Given(each.where, self.over(each.path), self.over(each.page), self.over(each.several))
            for each in self._given
        ]

    @property
    def at_start(self) -> Word:
        """Where the first step is, over the function's parameters. Raises NotRead."""
        value = self.loop.start.get(self.its.cursor)
        if value is None:
            raise not_found(self.loop.where, f"{self.its.cursor}, which changes in each step,")
        return replaced(known(value).term, self.loop.given)

    def takes(self, pages: int) -> Truth:
        """Whether so many pages are taken at once."""
        paths = [
            self.over(each.path)
            for each in self.loop.memory.stores
            if each.member == TAKEN and _more(known(each.value).term) == pages
        ]
        return ~all_of(~each for each in paths)

    @property
    def step(self) -> physmap.Step:
        """The encoding's step, for the tables that are there and the superpages that the source comes to take."""
        l3, l2, l1 = (there[level] == 1 for level in (3, 2, 1))
        free = (
            self.takes(1 << physmap.L2_SHIFT - PAGE_SHIFT),
            self.takes(1 << physmap.L1_SHIFT - PAGE_SHIFT),
        )
        return physmap.step(at, p2m_end, (l3, l3 & l2, l3 & l2 & l1), free)


@shared
def mapped(source: Dom0Source, mode: PagingMode) -> Mapped:
    """The function of a source. Raises NotRead."""
    return Mapped(source, mode)


def _more(term: Word) -> int:
    """How many pages are added by a sum that counts them."""
    last = term.arguments[1] if term.operation == "bvadd" else term
    return int(last) if last.operation == "constant" else 0


# The pieces


def _begins() -> Truth:
    frames = [word(f"taken#{each}") for each in range(MOST_TAKEN)]
    facts = [(each >= 1) & (each < 1 << FRAME_BITS) for each in (*frames, *behind.values(), root_frame)]
    facts += [DIRECT_MAP_FRAME < 1 << 52, DIRECT_MAP_FRAME + (1 << FRAME_BITS) < 1 << 52]
    apart = (*frames, *behind.values(), root_frame)
    facts += [one != other for one, other in combinations(apart, 2)]
    return all_of(facts)


def _cases() -> Iterator[Case]:
    """By the tables that are there."""
    for level in (3, 2, 1, 0):
        put = {there[each]: number(1, 1) for each in there if each > level}
        yield Case({**put, **({there[level]: number(0, 1)} if level else {})}, TRUE)


def _sample(source: Random) -> Mapping[str, int]:
    frames = source.sample(range(1, 1 << 30), MOST_TAKEN + 4)
    found = {f"taken#{each}": frames[each] for each in range(MOST_TAKEN)}
    found |= {
        str(each.value): frames[MOST_TAKEN + at_] for at_, each in enumerate((*behind.values(), root_frame))
    }
    found |= {str(each.value): source.getrandbits(1) for each in there.values()}
    found |= {f"found#{each}": source.getrandbits(1) for each in range(MOST_TAKEN)}
    start = source.getrandbits(20) << source.choice((12, 21, 30)) | source.choice((0, 0, 5))
    end = start + (source.getrandbits(12) << source.choice((12, 21, 30)))
    pages = source.getrandbits(20)
    found |= {"at": start, "p2m_end": end, "total": pages, "nr_pages": pages + source.getrandbits(20)}
    return found | {"direct_map": source.getrandbits(40)}


def _in_steps(
    name: str, says: str, its: Mapped, pairs: Pairs, *, goes_on: Truth = TRUE, noted_at: str | None = None
) -> Piece:
    kept = {DIRECT_MAP_FRAME, root_frame, *there.values(), *behind.values()}
    over = inputs([each for pair in pairs for each in pair[1:]])
    assumes = {each: ASSUMED[each] for each in ("direct-map", "entries", "clears", "tables")} | MEMORY
    assumes |= NOTED if noted_at else {}
    return compared_by_cases(
        name,
        says,
        its.mode,
        noted_at or its.loop.where,
        pairs,
        list(_cases()),
        _begins() & goes_on,
        _sample,
        ENCODING,
        unsettled=[each for each in over if each not in kept and not str(each.value).startswith("taken#")],
        assumes=assumes,
    )


def _goes_on() -> Truth:
    return (at < p2m_end) & physmap.enough(total, at, p2m_end, nr_pages)


def _refused(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = mapped(source, mode)
    names = {"v_start": v_start, "v_end": v_end, "vphysmap_start": p2m_start, "vphysmap_end": p2m_end}
    theirs = renamed(~all_of(~path for _, path in its.begin.leaves), names, its.begin.where)
    pairs = [("whether it is refused", theirs, physmap.refused(v_start, v_end, p2m_start, p2m_end))]
    goal = all_of(one == other for _, one, other in pairs)
    where = its.begin.leaves[0][0] if its.begin.leaves else its.begin.where
    return compared(name, says, mode, where, goal, judged_pairs(pairs, goal), ENCODING)


def _guard(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = mapped(source, mode)
    return _in_steps(name, says, its, [("whether it goes on", its.over(its.goes_on), _goes_on())])


def _steps(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = mapped(source, mode)
    after = held(its.stores, number(0), total, TAKEN)
    value = its.loop.step.get(its.its.cursor)
    if value is None:
        raise not_found(its.loop.where, f"{its.its.cursor}, which changes in each step,")
    step = its.step
    pairs = [
        (its.its.cursor, its.over(known(value).term), step.after),
        ("the pages that dom0 has", after, total + step.tables + step.pages),
        *_reads(its),
    ]
    return _in_steps(name, says, its, pairs, goes_on=_goes_on())


def _start(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = mapped(source, mode)
    nodes, gate = block(source.builder), its.its.if_there
    if gate is None:
        place, call = builders_call(source, FUNCTION)
        called_with(source.file, its.its.function, call, GIVEN)
        where, (paths, roots) = source.file.where(call), _calls(source, mode, nodes[place])
        wanted: Word = root_frame
    else:
        place, where = nodes.index(gate), source.file.where(gate)
        paths, roots = [_asked(its, gate)], _own_root(source, mode, nodes[:place])
        wanted = root_table
    after = nodes.index(source.statements[-1]) + 1
    unchanged(source.file, nodes[after:place], GIVEN, "what the p2m is mapped by changes before it is")
    names = {"vphysmap_start": p2m_start, "pgtbl_pfn": root_frame, "direct_map": DIRECT_MAP_FRAME}
    start = renamed(its.at_start, names, where)
    pairs: list[tuple[str, Word | Truth, Word | Truth]] = [
        ("whether it is mapped", ~all_of(~each for each in paths), _p2m_base != UNSET),
        ("where the first step is", start, p2m_start),
        *(("the root", each, wanted) for each in roots),
    ]
    goal = all_of(theirs == ours for _, theirs, ours in pairs)
    return compared(name, says, mode, where, goal, judged_pairs(pairs, goal), ENCODING)


def _calls(source: Dom0Source, mode: PagingMode, statement: Node) -> tuple[list[Truth], list[Word]]:
    """When the function is called, and by which root's frame. Raises NotRead."""
    found = executed(
        source,
        mode,
        source.file,
        source.builder,
        [statement],
        meanings={FUNCTION: _called},
        stubs=_CALLED_AGAIN,
    )
    paths, roots = list[Truth](), list[Word]()
    for store in found.memory.stores:
        if store.member != CALLED:
            raise NotRead(Unknown(store.where, "something is written where the p2m is mapped"))
        paths.append(renamed(store.path, {"parms.p2m_base": _p2m_base}, store.where))
        roots.append(renamed(store.address, {"root_frame": root_frame}, store.where))
    if found.memory.vague is not None:
        raise NotRead(found.memory.vague)
    return paths, roots


def _asked(its: Mapped, gate: Node) -> Truth:
    """When the builder comes to what maps the p2m. Raises NotRead."""
    condition, executor = part(gate, "condition"), its.begin.executor
    assert condition is not None
    state = executor.run_all([])
    asked = executor.condition(condition, state)
    if written(condition):
        raise not_read(its.file, condition, "a condition that does something")
    if isinstance(asked, Unknown):
        raise NotRead(asked)
    return renamed(asked, {"parms.p2m_base": _p2m_base}, its.file.where(gate))


def _own_root(source: Dom0Source, mode: PagingMode, nodes: Sequence[Node]) -> list[Word]:
    """Where the root is, if the builder maps it again after the mapping loop. Raises NotRead."""
    anew = [each for each in nodes[place_of_loop(source) + 1 :] if writes(each, ["l4start"])]
    if not anew:
        return []
    found = executed(source, mode, source.file, source.builder, anew)
    names = {"root_frame": root_frame, "direct_map": DIRECT_MAP_FRAME}
    return [renamed(known(found.value("l4start")).term, names, source.file.where(anew[-1]))]


def _called(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
    given = [self.evaluate(each, state) for each in arguments[:2]]
    if len(given) != 2 or not isinstance(given[1], Value) or self.memory is None:
        raise NotUnderstood("by which root it is mapped")
    self.memory.store(self.where(node), state.path, given[1].term, CALLED, converted(given[1], ULONG))
    return self.unknown(node, "nothing")


def _entries(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = mapped(source, mode)
    return _in_steps(name, says, its, [*_linked(its), *_reads(its)], goes_on=_goes_on())


def _linked(its: Mapped) -> Pairs:
    """What a step writes into tables."""
    step, frames = its.step, TAKEN_FRAMES
    linked, cleared, counted = (
        [each for each in its.stores if each.member == member] for member in ("", CLEARED, TAKEN)
    )
    if (len(linked), len(cleared), len(counted)) != (MOST_TAKEN, len(there), MOST_TAKEN):
        raise not_found(
            its.loop.where, "a table of each level, a page, and superpages of two sizes that a step takes,"
        )
    huge, large = _of_size(step, physmap.L2_SHIFT), _of_size(step, physmap.L1_SHIFT)
    fresh, of_level = _fresh(step), OF_LEVEL

    links = [
        (4, fresh[3], frames[0]),
        (3, huge, frames[1]),
        (3, fresh[2], frames[2]),
        (2, large, frames[3]),
        (2, fresh[1], frames[4]),
        (1, ~huge & ~large, frames[5]),
    ]
    pairs: list[tuple[str, Word | Truth, Word | Truth]] = []
    for store, (level, path, frame_) in zip(linked, links, strict=True):
        value = known(store.value).term
        leads = (store.address == _cursor(step, level)) & (value >> PAGE_SHIFT == frame_) & (value & 1 == 1)
        pairs.append((f"whether {store.where} is come to", store.path, path))
        pairs.append((f"whether {store.where} links what is taken", implies(path, leads), TRUE))
    for store, level in zip(cleared, (3, 2, 1), strict=True):
        right = store.address == (of_level[level] << PAGE_SHIFT) + DIRECT_MAP
        pairs.append((f"whether {store.where} is come to", store.path, fresh[level]))
        pairs.append((f"whether {store.where} clears what is taken", implies(fresh[level], right), TRUE))
    return pairs


TAKEN_FRAMES: Final = tuple(word(f"taken#{each}") for each in range(MOST_TAKEN))
"""What a step takes, in the order in which it is asked for: a table of a level or else a superpage, and at last a page."""
OF_LEVEL: Final = {3: TAKEN_FRAMES[0], 2: TAKEN_FRAMES[2], 1: TAKEN_FRAMES[4]}
"""The frame of a level's table, if the step takes one."""


def _of_size(step: physmap.Step, shift: int) -> Truth:
    """Whether a step takes a superpage of 2**shift bytes, or a page of so many."""
    return step.pages == 1 << shift - PAGE_SHIFT


def _fresh(step: physmap.Step) -> dict[int, Truth]:
    """Whether a step takes a level's table."""
    return {3: step.l3 == 1, 2: step.l2 == 1, 1: step.l1 == 1}


def _cursor(step: physmap.Step, level: int) -> Word:
    """Where a level's entry for the step lies."""
    frame = root_frame if level == 4 else choose(_fresh(step)[level], OF_LEVEL[level], behind[level])
    return (frame << PAGE_SHIFT) + DIRECT_MAP + (entry_of(at, PAGE_SHIFT + ENTRY_BITS * level) << 3)


def _reads(its: Mapped) -> Pairs:
    """Which entries a step looks at, of the tables that it comes to."""
    step = its.step
    comes_to = {4: TRUE, 3: TRUE, 2: ~_of_size(step, physmap.L2_SHIFT), 1: _of_size(step, PAGE_SHIFT)}
    pairs: list[tuple[str, Word | Truth, Word | Truth]] = []
    for load in its.loop.memory.loads:
        if not load.member:
            level = level_of(load)
            right = implies(comes_to[level], its.over(load.address) == _cursor(step, level))
            pairs.append((f"whether {load.where} reads the step's entry", right, TRUE))
    return pairs


def _types(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its, shift = mapped(source, mode), type_shift(source, mode)
    types = {level: physmap.table_info(level, shift) for level in OF_LEVEL}
    return with_types(_noted(name, says, its, TYPE, type_before, types), shift)


def _references(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    references = dict.fromkeys(OF_LEVEL, number(physmap.TABLE_REFERENCES))
    return _noted(name, says, mapped(source, mode), REFERENCES, references_before, references)


def _noted(
    name: str, says: str, its: Mapped, member: str, before: Word, of_tables: Mapping[int, Word]
) -> Piece:
    """That a member of what Xen notes of a frame is as said of the tables that a step takes, and set of no other frame.

    Nothing is written into tables but what the encoding has, so that no such write is to what Xen notes.
    """
    step, expected = its.step, before
    for level, value in of_tables.items():
        expected = choose(_fresh(step)[level] & (frame == OF_LEVEL[level]), value, expected)
    pairs: list[tuple[str, Word | Truth, Word | Truth]] = [
        (f"the frame's page_info{member}", held(its.stores, frame, before, member), expected)
    ]
    for each in its.given:
        taken = choose(
            _of_size(step, physmap.L2_SHIFT),
            TAKEN_FRAMES[1],
            choose(_of_size(step, physmap.L1_SHIFT), TAKEN_FRAMES[3], TAKEN_FRAMES[5]),
        )
        right = implies(each.path, (each.page == taken) & (each.several <= step.pages))
        pairs.append((f"whether {each.where} is given the page or superpage that is taken", right, TRUE))
    first = next((each.where for each in its.stores if each.member == member), its.loop.where)
    return _in_steps(
        name, says, its, [*pairs, *_linked(its), *_reads(its)], goes_on=_goes_on(), noted_at=first
    )


PIECES: Final[Pieces] = {
    "physmap-start": ("a p2m of its own is mapped by the builder's root, if the kernel asks for one", _start),
    "physmap-refused": ("a p2m of its own is refused where it overlaps the region or touches it", _refused),
    "physmap-guard": (
        "it is mapped to its end, as long as there is room for the rest and three tables",
        _guard,
    ),
    "physmap-steps": (
        "each step takes the tables that are missing, and the page or superpage that fits",
        _steps,
    ),
    "physmap-entries": (
        "what a step takes is linked at the step's address, tables being cleared first",
        _entries,
    ),
    "physmap-types": (
        "each table that a step takes gets its type, validated and with one reference, and a step sets no other frame's",
        _types,
    ),
    "physmap-references": (
        "each table that a step takes is dom0's, with two references, and a step sets no other frame's",
        _references,
    ),
}
