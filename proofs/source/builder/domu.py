"""The toolstack's builder in a tree: whether libxenguest counts a domU's tables as it is encoded.

``count_pgtables()`` is held against the encoding level by level. The loop that tries is cut where that is called: what is
tried, what comes next, whether it goes on, and what is set aside in the end. Its ``pages`` are an ``int`` there, which is
made longer with its sign, and words of 64 bits in the encoding; each round is therefore compared as long as they
aren't negative, and none makes them so: of the bits that are translated there are fewer than 2^28 tables. By induction they
are the same in each round.

Facts: `formal.source.domu_source`. Notation of DOMAIN.md section 8.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from attrs import evolve, frozen

from ....encodings import domu
from ....formal.c.state import MEMORY
from ....formal.c.statements import SourceLoop, live
from ....formal.c.tree_files import Tree
from ....formal.c.types import Node, part, text_of, within
from ....formal.c.values import INT, ULONG, Any, Integer, Unknown, converted
from ....formal.layouts.layout import ADDRESS_LIMIT
from ....formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ....formal.logic.claim import Part
from ....formal.logic.theorem import Lemma, Statement, Steps
from ....formal.logic.verdict import Replay
from ....formal.machine import domu as machine
from ....formal.machine.arrange import TooLarge
from ....formal.source.domu_source import (
    ASSUMED,
    COUNTS,
    MAPS,
    REFUSED,
    SETS_ASIDE,
    TABLES,
    Call,
    DomuSlice,
    DomuSource,
    NotFound,
    counted,
    domu_source,
    tried,
)
from ....formal.source.questions import Piece
from ....formal.source.slices import block
from ....formal.words.word import (
    TRUE,
    AnyTerm,
    Truth,
    WidthsDiffer,
    Word,
    all_of,
    implies,
    number,
    replaced,
    truncated,
    word,
)
from ...shared import replays
from ...shared.replays import Judge, Values
from ...toolstack.mappings import last, p2m, p2m_last
from .pieces import (
    NotRead,
    judged,
    known,
    not_found,
    not_read,
    note,
    noted_reads,
    of_another_width,
    read,
    renamed,
    shared,
)

SAME_AS: Final = "encodings/domu.py"
v_start, alloc_end, pages = word("v_start"), word("alloc_end"), word("pages")
pfn, nr_pages = word("pfn"), word("nr_pages")
BOOTSTACK: Final = "*dom.alloc_bootstack"
_NAMES: Final = {
    str(each.value): each for each in (v_start, alloc_end, pages, pfn, nr_pages, last, p2m, p2m_last, REFUSED)
} | {
    "*dom.p2m_size": nr_pages,
    "*dom.virt_alloc_end": alloc_end,
    "*parms.virt_base": v_start,
    "*dom.parms.virt_base": v_start,
}
_LEVELS: Final = {**ASSUMED, "first": "the region is a domU's first mapping"}
_TRIES: Final = {
    "apart": ASSUMED["apart"],
    "first": "the region is a domU's first mapping",
    "bootstack": "alloc_bootstack is 1, as alloc_magic_pages_pv() sets it before",
}
ERRORS: Final = "the names of errors stand for positive numbers"
_P2M: Final = {
    **ASSUMED,
    "second": "the p2m is a domU's second mapping, right after the region",
    "in-order": "of the bits that are translated, neither mapping's last address is below its first",
}
SAYS: Final = {
    "domu-l1-tables": "the L1 of the region are counted block by block, both ends included",
    "domu-l2-tables": "so are its L2; of a PAE domain they go up to 4 GiB where the region ends below the last GiB",
    "domu-l3-tables": "so are its L3",
    "domu-tables": "the region has these tables, and one topmost",
    "domu-refused": "a mapping is refused where its last frame isn't the domain's, and nowhere else",
    "domu-start": "the first region is made for the boot stack and 512 KiB",
    "domu-tried-end": "the region that is tried ends with the 4 MiB in which these pages end, and its tables are counted",
    "domu-step": "the next one is made for the tables that are counted, too; an int holds them",
    "domu-guard": "it goes on as long as these don't end in the region, and is left early only where a mapping is refused",
    "domu-set-aside": "the tables of the last round are set aside, and the region ends where it was tried",
    "domu-p2m-tables": "a p2m of its own gets at each level the tables that the region lacks",
    "domu-p2m-refused": "it is refused where its last frame isn't the domain's, or it overlaps the region, and nowhere else",
}
"""What each of the pieces says."""
ROUND: Final = (
    ((v_start | alloc_end) & (PAGE_SIZE - 1) == 0)
    & (v_start <= alloc_end)
    & (alloc_end - v_start < 1 << 40)
    & (pages < 1 << 12)
)
"""Where to look for a case of the loop."""
REGION: Final = (v_start <= last) & (last - v_start < 1 << 40) & (pfn == 0) & (nr_pages < 1 << 40)
"""Where to look for a mapping."""
_APART: Final = (
    REGION
    & ((v_start | p2m) & (PAGE_SIZE - 1) == 0)
    & (p2m <= p2m_last)
    & (p2m_last < v_start)
    & (v_start < 1 << 47)
)
"""Where to look for a p2m of its own."""


def pieces(tree: Tree, modes: Sequence[PagingMode]) -> tuple[Piece, ...] | None:
    """What the toolstack's builder is asked; ``None`` where the tree has none. Raises `InputError`."""
    source = domu_source(tree)
    if source is None:
        return None
    if isinstance(source, Unknown):
        return tuple(not_understood("domu-tables", mode, source) for mode in modes)
    return tuple(each for mode in modes for each in _of_mode(source, mode))


def _of_mode(source: DomuSource, mode: PagingMode) -> Iterator[Piece]:
    made: tuple[tuple[str, Callable[[DomuSource, PagingMode], Iterator[Piece]]], ...] = (
        ("domu-tables", _counting),
        ("domu-guard", _trying),
        ("domu-set-aside", _setting_aside),
        ("domu-p2m-tables", _second),
    )
    for name, make in made[: 4 if mode is X86_64 else 3]:
        try:
            with noted_reads() as reads:
                found = list(make(source, mode))
            yield from (evolve(each, reads=tuple(reads)) for each in found)
        except (NotRead, NotFound) as error:
            yield not_understood(name, mode, error.why)
        except WidthsDiffer as error:
            yield not_understood(name, mode, of_another_width(source.file.where(source.tries), error))


def not_understood(name: str, mode: PagingMode, why: Unknown) -> Piece:
    """A piece of which nothing is understood, and why."""
    return Piece(name=name, mode=mode, where=why.where, says=SAYS[name], asked=why, same_as=SAME_AS)


def piece_of(
    name: str,
    mode: PagingMode,
    where: str,
    wanted: tuple[Truth, Truth],
    judge: Judge,
    assumes: Mapping[str, str],
    shape: Truth,
    proof: Steps | None = None,
) -> Piece:
    """A piece: what is wanted, where something is known; a case is looked for in a shape, and judged where that is known."""
    there, goal = wanted
    lemma = Lemma(
        f"tree:{name}[{mode.name}]",
        f"the tree's {name} is the encoding's",
        Statement(goal=implies(there, goal)),
        proof or Steps(),
    )

    def judged_there(values: Values) -> Replay:
        return judge(values) if read(there, values) else Replay(holds=True, says="nothing is asked there")

    return Piece(
        name=name,
        mode=mode,
        where=where,
        says=SAYS[name],
        asked=Part(
            name=lemma.name, lemma=lemma, shape=shape & there, least=(v_start, last), replay=judged_there
        ),
        same_as=SAME_AS,
        assumes=assumes,
    )


# The tables of one mapping


@cache
def few(mode: PagingMode, shift: int) -> Lemma:
    """A level has no more tables than the bits that are translated have blocks."""
    return Lemma(
        f"few-tables[{mode.name},{shift}]",
        f"the toolstack counts at most {most_tables(mode, shift)}",
        Statement(goal=domu.level_tables(mode, v_start, last, shift) <= most_tables(mode, shift)),
    )


def most_tables(mode: PagingMode, shift: int) -> int:
    """How many blocks the bits that are translated have at a level."""
    return (domu.address_mask(mode) + 1) >> shift


@cache
def few_in_all(mode: PagingMode) -> Lemma:
    """A mapping has so few tables that these and `domu.EXTRA` fit in an ``int``."""
    levels = [domu.level_tables(mode, v_start, last, shift) for shift in domu.shifts(mode)]
    most = 1 + sum(most_tables(mode, shift) for shift in domu.shifts(mode))
    return Lemma(
        f"few-tables[{mode.name}]",
        f"the toolstack counts at most {most}",
        Statement(goal=domu.tables(mode, v_start, last) <= most),
        Steps(uses=tuple(few(mode, shift).at() for shift in domu.shifts(mode)), generalise=levels),
    )


@shared
def _first(source: DomuSource, mode: PagingMode) -> DomuSlice:
    """The count of the region. Raises NotRead, NotFound."""
    found = counted(source, mode, v_start, last, pfn)
    note(found.read)
    _nothing_beside(found, 0)
    return found


def _by_their_number(mode: PagingMode) -> Steps:
    """What follows for any number of tables that there may be."""
    return Steps(uses=(few_in_all(mode).at(),), generalise=(domu.tables(mode, v_start, last),))


def _counting(source: DomuSource, mode: PagingMode) -> Iterator[Piece]:
    found = _first(source, mode)
    through = _through(source, found)
    theirs = {shift: _held(found, 0, f"lvls[{(shift - 21) // 9}].pgtables") for shift in domu.shifts(mode)}
    ours = {shift: domu.level_tables(mode, v_start, last, shift) for shift in domu.shifts(mode)}
    where = _line(source, "pgtables")
    levels = []
    for level, shift in enumerate(reversed(domu.shifts(mode)), 1):
        piece = piece_of(
            f"domu-l{level}-tables",
            mode,
            where,
            (through, theirs[shift] == ours[shift]),
            walk_judge(f"the L{level}", theirs[shift], mode, shift),
            _LEVELS,
            REGION,
        )
        levels.append(piece)
        yield piece
    total = _held(found, 0, "area.pgtables")
    yield piece_of(
        "domu-tables",
        mode,
        where,
        (through, total == domu.tables(mode, v_start, last)),
        walk_judge("the count", total, mode),
        _LEVELS,
        REGION,
        Steps(
            uses=(
                *(each.asked.lemma.at() for each in levels if isinstance(each.asked, Part)),
                *(few(mode, shift).at() for shift in domu.shifts(mode)),
            ),
            generalise=narrow((*theirs.values(), *ours.values())),
        ),
    )
    yield _refusing(mode, found)


def narrow(terms: Iterable[Word]) -> tuple[Word, ...]:
    """The terms as they are before they are made longer, but for plain numbers."""
    inner = (each.arguments[0] if each.operation == "zero_extend" else each for each in terms)
    return tuple(each for each in inner if each.operation not in ("constant", "input"))


def _held(found: DomuSlice, mapping: int, place: str) -> Word:
    """What is in a mapping at the end, as a number of 64 bits, over the encoding's words."""
    value = converted(known(found.value(f"{MAPS}[{mapping}].{place}")), ULONG)
    return renamed(value.term, _NAMES, found.where)


def _nothing_beside(found: DomuSlice, mapping: int) -> None:
    """That nothing was written but the mapping that is counted. Raises NotRead."""
    own = f"{MAPS}[{mapping}]"
    kept = [key for key in found.state.places if key.startswith("*") and not key.startswith(own)]
    for key in kept:
        value = known(found.value(key))
        given = found.given.get(key)
        if value.term is not (word(key, value.term.width) if given is None else given.term):
            raise NotRead(Unknown(found.where, f"{COUNTS}() also changes {key}"))
    if found.state.epochs.get(MEMORY):
        raise NotRead(
            Unknown(found.where, f"{COUNTS}() writes what isn't its mapping, or calls what isn't known")
        )


def _through(source: DomuSource, found: DomuSlice) -> Truth:
    """When the function comes to its end, and gives 0: every other way out has to give an error. Raises NotRead."""
    end = block(source.counts)[-1]
    _errors_before(source, source.counts, end)
    if not re.fullmatch(r"return ?0 ?;", text_of(end)):
        raise not_read(source.file, end, f"it gives {text_of(end)[:60]}")
    where, path = found.leaves[-1] if found.leaves else ("", TRUE)
    if end.type != "return_statement" or where != source.file.where(end):
        raise not_read(source.file, end, "the function ends otherwise")
    return renamed(path, _NAMES, found.where)


def _errors_before(source: DomuSource, function: Node, end: Node) -> None:
    """That a function gives errors, plain and negative, wherever it is left before its end. Raises NotRead."""
    for each in within(function):
        if each.type == "goto_statement":
            raise not_read(source.file, each, text_of(each)[:60])
        error = re.fullmatch(r"return ?- ?(?:[A-Z]\w*|[1-9]\d*) ?;", text_of(each))
        if each.type == "return_statement" and each != end and error is None:
            raise not_read(source.file, each, f"it gives {text_of(each)[:60]}")


def _refusing(mode: PagingMode, found: DomuSlice) -> Piece:
    """When the function gives an error."""
    refusals = found.leaves[:-1]
    refused = renamed(~all_of(~path for _, path in refusals), _NAMES, found.where)

    def expected(values: Values) -> bool:
        first, final = (values.get(each, 0) for each in ("v_start", "last"))
        try:
            machine.check_fits(
                machine.Domu(mode=mode, v_start=first, alloc_end=first, nr_pages=values.get("nr_pages", 0)),
                first,
                final,
                values.get("pfn", 0),
            )
        except machine.Refused:
            return True
        return False

    return piece_of(
        "domu-refused",
        mode,
        refusals[0][0] if refusals else found.where,
        (TRUE, refused == domu.too_large(v_start, last, pfn, nr_pages)),
        judged("whether it is refused", refused, expected),
        {**_LEVELS, "errors": ERRORS},
        REGION,
    )


def _line(source: DomuSource, member: str) -> str:
    """Where a function sets a member the last time."""
    sets = [
        each
        for each in within(source.counts)
        if each.type == "assignment_expression"
        and text_of(part(each, "operator") or each) == "="
        and text_of(part(part(each, "left") or each, "field") or each) == member
    ]
    return source.file.where(sets[-1] if sets else source.counts)


def walk_judge(
    what: str,
    theirs: Word,
    mode: PagingMode,
    shift: int | None = None,
    toolstack: machine.Toolstack = machine.TODAYS,
) -> Judge:
    """What a walk over the mapping comes to, at one level or at all."""

    def judge(values: Values) -> Replay:
        first, final = (values.get(each, 0) for each in ("v_start", "last"))
        domain = machine.Domu(mode=mode, v_start=first, alloc_end=first, toolstack=toolstack)
        try:
            blocks = machine.walked(domain, first, final)
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        walked = sum(len(each) for level, each in blocks.items() if shift is None or level.shift == shift)
        counted_there = read(theirs, values)
        return Replay(
            counted_there == walked, f"{what} are {counted_there} tables by the tree, {walked} by a walk"
        )

    return judge


# The loop that tries


@frozen(eq=False)
class _Cut:
    """The loop, cut where the tables are counted, over S, A, and the pages P that a region is made for.

    What is counted is over A and P, and what comes after over the last address that is tried. ``bound`` is what P is below
    where it isn't negative; ``names`` puts it in place of the loop's own word.
    """

    mode: PagingMode
    loop: SourceLoop
    counts: Call
    aside: Call
    state: str
    names: Mapping[Word, Word]
    bound: Truth

    def over_pages(self, value: Any) -> Word:
        """A value, of 64 bits, over A and P."""
        return self._renamed(converted(known(value), ULONG).term)

    def over_last(self, term: AnyTerm) -> AnyTerm:
        """A term over S, A and the last address, the tables being counted as they are encoded."""
        tables = truncated(domu.tables(self.mode, v_start, last), TABLES.width)
        return self._renamed(replaced(term, {known(self.counts.arguments[2]).term: last, TABLES: tables}))

    def wide(self, value: Any) -> Word:
        """A value, of 64 bits, over S, A and the last address."""
        return self.over_last(converted(known(value), ULONG).term)

    def _renamed(self, term: AnyTerm) -> AnyTerm:
        plain = replaced(replaced(term, self.loop.given), {**self.names, word(BOOTSTACK, 32): number(1, 32)})
        return renamed(plain, _NAMES, self.loop.where)

    @property
    def in_a_round(self) -> Truth:
        """That the last address is the one that is tried for P."""
        return self.bound & (last == domu.last_address(alloc_end, pages))


@shared
def _cut(source: DomuSource, mode: PagingMode) -> _Cut:
    """The loop of the function that tries. Raises NotRead, NotFound."""
    found = tried(source, mode)
    note(found.read)
    _errors_before(source, source.tries, block(source.tries)[-1])
    if len(found.loops) != 1:
        raise not_found(source.file.where(source.tries), f"one loop that calls {COUNTS}()")
    (loop,) = found.loops
    if isinstance(loop.goes_on, Unknown):
        raise NotRead(loop.goes_on)
    calls = [list(found.calls[each].values()) for each in (COUNTS, SETS_ASIDE)]
    if [len(each) for each in calls] != [1, 1]:
        raise not_found(loop.where, f"one call of {COUNTS}(), and one of {SETS_ASIDE}()")
    ((counts,), (aside,)) = calls
    if len(counts.arguments) != 4 or len(aside.arguments) != 5:
        raise not_found(loop.where, f"{COUNTS}() of four arguments, and {SETS_ASIDE}() of five")
    kept = live(loop)
    of = found.executor.type_of.get(kept[0]) if len(kept) == 1 else None
    if not isinstance(of, Integer):
        raise not_read(
            source.file, source.tries, f"its loop hangs on {', '.join(kept) or 'nothing'} of the round before"
        )
    least = of.bits - of.signed
    return _Cut(
        mode=mode,
        loop=loop,
        counts=counts,
        aside=aside,
        state=kept[0],
        names={loop.state[kept[0]]: truncated(pages, of.bits)},
        bound=pages < 1 << least if least < 64 else TRUE,
    )


def _trying(source: DomuSource, mode: PagingMode) -> Iterator[Piece]:
    cut = _cut(source, mode)
    loop = cut.loop
    assert isinstance(loop.goes_on, Truth)
    dom, base, end, first_pfn = map(known, cut.counts.arguments)
    tables = domu.tables(mode, v_start, last)
    first = cut.over_pages(loop.start[cut.state])
    yield piece_of(
        "domu-start",
        mode,
        loop.where,
        (TRUE, (first == domu.EXTRA) & replaced(cut.bound, {pages: first})),
        judged("the pages at first", first, lambda _: machine.ABOVE_TABLES >> PAGE_SHIFT),
        _TRIES,
        ROUND,
    )
    if dom.term is not word("&*dom"):
        raise not_read(source.file, source.tries, f"{COUNTS}() is given another image")
    tried_end = cut.over_pages(end)
    yield piece_of(
        "domu-tried-end",
        mode,
        cut.counts.where,
        (
            cut.bound,
            (tried_end == domu.last_address(alloc_end, pages))
            & (cut.over_pages(base) == v_start)
            & (cut.over_pages(first_pfn) == 0),
        ),
        judged("the last address", tried_end, last_tried),
        _TRIES,
        ROUND,
    )
    after = cut.wide(loop.step[cut.state])
    yield piece_of(
        "domu-step",
        mode,
        loop.where,
        (cut.in_a_round, (after == tables + domu.EXTRA) & replaced(cut.bound, {pages: after})),
        tried_judge(
            "the next pages", after, mode, lambda walked, _: walked + (machine.ABOVE_TABLES >> PAGE_SHIFT)
        ),
        _TRIES,
        ROUND,
        _by_their_number(mode),
    )
    goes_on, leaves = cut.over_last(loop.goes_on), cut.over_last(loop.leaves)
    larger = alloc_end + (tables + domu.EXTRA) * PAGE_SIZE > last + 1
    yield piece_of(
        "domu-guard",
        mode,
        loop.where,
        (cut.in_a_round, (goes_on == (REFUSED == 0) & larger) & (leaves == (REFUSED != 0))),
        both_judges(
            tried_judge("whether it goes on", goes_on, mode, goes_on_there),
            judged("whether it is left early", leaves, lambda values: bool(values.get(str(REFUSED.value)))),
        ),
        _TRIES,
        ROUND,
        _by_their_number(mode),
    )


def _setting_aside(source: DomuSource, mode: PagingMode) -> Iterator[Piece]:
    cut = _cut(source, mode)
    there, tables = cut.aside.state, domu.tables(mode, v_start, last)
    dom, segment, _, start, size = cut.aside.arguments
    if known(dom).term is not word("&*dom") or known(segment).term is not word("&*dom.pgtables_seg"):
        raise not_read(source.file, source.tries, f"{SETS_ASIDE}() is given another segment")
    ends = cut.wide(there.read("*dom.virt_pgtab_end", ULONG, cut.aside.where))
    mappings = cut.wide(there.read("*x86.n_mappings", INT, cut.aside.where))
    length = cut.wide(size)
    goal = (ends == last + 1) & (length == tables * PAGE_SIZE) & (mappings == 1) & (cut.wide(start) == 0)
    yield piece_of(
        "domu-set-aside",
        mode,
        cut.aside.where,
        (cut.in_a_round, goal & cut.over_last(there.path)),
        both_judges(
            tried_judge("the bytes set aside", length, mode, lambda walked, _: walked * PAGE_SIZE),
            judged("the region's end", ends, lambda values: (values.get("last", 0) + 1) % ADDRESS_LIMIT),
        ),
        _TRIES,
        ROUND,
        _by_their_number(mode),
    )


def last_tried(values: Values) -> int:
    """The last address that is tried for some pages."""
    end = values.get("alloc_end", 0) + values.get("pages", 0) * PAGE_SIZE
    return end % ADDRESS_LIMIT | machine.LAST_OF_4_MIB


def goes_on_there(walked: int, values: Values) -> bool:
    """Whether the tables that a walk comes to don't end in the region; it is left where the mapping is refused."""
    above = walked * PAGE_SIZE + machine.ABOVE_TABLES
    ends = (values.get("alloc_end", 0) + above) % ADDRESS_LIMIT
    return not values.get(str(REFUSED.value)) and ends > (values["last"] + 1) % ADDRESS_LIMIT


def both_judges(*judges: Judge) -> Judge:
    """The first judge who finds that it doesn't hold."""

    def judge(values: Values) -> Replay:
        found = [each(values) for each in judges]
        return next((each for each in found if each.holds is not True), found[0])

    return judge


def tried_judge(
    what: str,
    theirs: AnyTerm,
    mode: PagingMode,
    expected: Callable[[int, Values], int],
    toolstack: machine.Toolstack = machine.TODAYS,
) -> Judge:
    """What follows from a walk over the region that is tried for some pages."""

    def judge(values: Values) -> Replay:
        case = {**values, "last": last_tried(values)}
        start = case.get("v_start", 0)
        domain = machine.Domu(
            mode=mode, v_start=start, alloc_end=case.get("alloc_end", 0), toolstack=toolstack
        )
        try:
            walked = machine.walked(domain, start, case["last"])
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        tables = sum(map(len, walked.values()))
        return judged(what, theirs, lambda each: expected(tables, each))(case)

    return judge


# The p2m's own mapping


@cache
def few_second(shift: int) -> Lemma:
    """The p2m's mapping, too, has no more tables of a level than there are blocks."""
    counts = domu.second_level_tables(p2m, p2m_last, v_start, last, shift)
    return Lemma(
        f"few-second-tables[{shift}]",
        f"P ≤ P' ⇒ the p2m's mapping gets at most {most_tables(X86_64, shift)}",
        Statement(goal=implies(_in_order(), counts <= most_tables(X86_64, shift))),
    )


def _in_order() -> Truth:
    mask = domu.address_mask(X86_64)
    return (p2m & mask <= p2m_last & mask) & (v_start & mask <= last & mask)


def _second(source: DomuSource, mode: PagingMode) -> Iterator[Piece]:
    first = _first(source, mode)
    found = counted(source, mode, p2m, p2m_last, pfn, first)
    note(found.read)
    _nothing_beside(found, 1)
    through = _through(source, found)
    known_there = through & _in_order()
    shifts = domu.shifts(mode)
    theirs = [_held(found, 1, f"lvls[{(shift - 21) // 9}].pgtables") for shift in shifts]
    ours = [domu.second_level_tables(p2m, p2m_last, v_start, last, shift) for shift in shifts]
    total = _held(found, 1, "area.pgtables")
    levels = [
        Lemma(
            f"tree:domu-p2m-tables[{shift}]",
            "the tree's p2m gets as many tables of a level as the encoding's",
            Statement(goal=implies(known_there, one == other)),
        )
        for shift, one, other in zip(shifts, theirs, ours, strict=True)
    ]
    yield piece_of(
        "domu-p2m-tables",
        mode,
        _line(source, "pgtables"),
        (known_there, total == domu.second_tables(p2m, p2m_last, v_start, last)),
        _second_judge(total),
        _P2M,
        _APART,
        Steps(
            uses=(*(each.at() for each in levels), *(few_second(shift).at() for shift in shifts)),
            generalise=narrow((*theirs, *ours)),
        ),
    )
    refused = domu.too_large(p2m, p2m_last, pfn, nr_pages) | domu.overlaps(p2m, p2m_last, v_start, last)
    yield piece_of(
        "domu-p2m-refused",
        mode,
        found.leaves[0][0],
        (TRUE, ~through == refused),
        judged("whether the p2m is refused", ~through, _second_refused),
        _P2M | {"errors": ERRORS},
        REGION,
    )


def _pairs(
    region: machine.Blocks, alone: machine.Blocks
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    return ((region[level], blocks) for level, blocks in alone.items() if blocks)


def _second_refused(values: Values) -> bool:
    """Whether the p2m's last frame isn't the domain's, or it has an address of the region's, as that is translated."""
    first, final, start, end = (values.get(each, 0) for each in ("p2m", "p2m_last", "v_start", "last"))
    translated = domu.address_mask(X86_64)
    domain = machine.Domu(v_start=start, alloc_end=start, nr_pages=values.get("nr_pages", 0))
    try:
        machine.check_fits(domain, first, final, values.get("pfn", 0))
    except machine.Refused:
        return True
    return first < end & translated and final > start & translated


def _second_judge(theirs: Word) -> Judge:
    def judge(values: Values) -> Replay:
        first, final, start, end = (values.get(each, 0) for each in ("p2m", "p2m_last", "v_start", "last"))
        domain = machine.Domu(v_start=start, alloc_end=start)
        try:
            region = machine.walked(domain, start, end)
            alone = machine.walked(domain, first, final)
            if any(
                each and here[0] < each[0] and here[-1] > each[-1] for each, here in _pairs(region, alone)
            ):
                return Replay(None, "an assertion of libxenguest's fails there")
            walked = sum(map(len, machine.walked(domain, first, final, region).values()))
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        counted_there = read(theirs, values)
        return Replay(
            counted_there == walked, f"the p2m gets {counted_there} tables by the tree, {walked} by a walk"
        )

    return judge
