"""The toolstack's builder in a tree before 4.7: whether libxc counts a domU's tables as it is encoded.

The levels' counts are held against the encoding where both ends of the region lie in one block of what is translated, as the
claims about a domU assume. In a round they are words; what is counted in all, what comes next and whether there is a next round
follow for any such counts. A 64-bit domain gets the tables that it gets today, a PAE one other L2.

Facts: `formal.source.domu_before_4_7`. Notation of DOMAIN.md section 8.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final

from attrs import evolve

from ....encodings import domu as encoded
from ....formal.c.tree_files import Tree
from ....formal.c.values import ULONG, Any, converted
from ....formal.layouts.layout import ADDRESS_LIMIT
from ....formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, PagingMode
from ....formal.logic.theorem import Lemma, Statement, Steps
from ....formal.machine import domu as machine
from ....formal.source.domu_before_4_7 import (
    ASSUMED,
    END,
    TABLES,
    OlderDomuSource,
    counted_by,
    level,
    older_domu_source,
    rounds,
)
from ....formal.source.domu_source import NotFound
from ....formal.source.questions import Piece
from ....formal.words.word import TRUE, AnyTerm, Truth, WidthsDiffer, Word, all_of, implies, number, replaced
from ...shared.replays import Judge, Values
from ...toolstack.mappings import last
from .domu import (
    REGION,
    ROUND,
    alloc_end,
    both_judges,
    few,
    goes_on_there,
    last_tried,
    narrow,
    not_understood,
    nr_pages,
    pages,
    piece_of,
    tried_judge,
    v_start,
    walk_judge,
)
from .pieces import NotRead, judged, known, not_found, not_read, of_another_width, renamed

SINCE_4_3: Final = "a region is refused where it has more pages than the domain, as from 4.3 to 4.6"
NEVER: Final = "no region is refused, as up to 4.2"
OTHER_L2: Final = "so are its L2; there is one more where the region ends below the last GiB, as before 4.7"
ENDS: Final = {
    64: "both ends of the region lie within 2^48 bytes from a multiple of that",
    32: "the region ends below 4 GiB",
}
TOPMOST: Final = {64: 48, 32: 32}
"""What the topmost table maps, as a shift, by the bits of the guest's words."""
_NAMES: Final = {
    **{str(each.value): each for each in (v_start, alloc_end, pages, nr_pages, last)},
    "*dom.virt_alloc_end": alloc_end,
    "*dom.parms.virt_base": v_start,
    "*dom.p2m_size": nr_pages,
    "*dom.total_pages": nr_pages,
}


def pieces(tree: Tree, modes: Sequence[PagingMode]) -> tuple[Piece, ...] | None:
    """What the toolstack's builder is asked; ``None`` where it isn't as before 4.7. Raises `InputError`."""
    source = older_domu_source(tree)
    if source is None:
        return None
    return tuple(_told(each) for mode in modes for each in _of_mode(source, mode))


def _told(piece: Piece) -> Piece:
    """A piece, told as an older one's where the encoding isn't today's."""
    if piece.name == "domu-refused":
        return evolve(piece, today=False)
    if piece.mode.bits == 64 or piece.name in ("domu-l1-tables", "domu-start", "domu-tried-end"):
        return piece
    says = OTHER_L2 if piece.name == "domu-l2-tables" else f"{piece.says}; its L2 are those of before 4.7"
    return evolve(piece, today=False, says=says)


def _of_mode(source: OlderDomuSource, mode: PagingMode) -> Iterator[Piece]:
    try:
        its = _Rounds(source, mode)
        yield from [*_counting(its), *_trying(its), _setting_aside(its)]
    except (NotRead, NotFound) as error:
        yield not_understood("domu-tables", mode, error.why)
    except WidthsDiffer as error:
        yield not_understood("domu-tables", mode, of_another_width(source.file.where(source.tries), error))


def in_order(mode: PagingMode) -> Truth:
    """That both ends of the region lie in one block of what is translated."""
    shift = TOPMOST[mode.bits]
    low = (v_start >> shift) == (last >> shift) if mode.bits == 64 else last < 1 << shift
    return (v_start <= last) & low


@cache
def few_own_l2() -> Lemma:
    """A PAE domain's region has four L2 at most, without the one that is for Xen alone."""
    own = encoded.own_l2_tables(v_start, last)
    return Lemma(
        "few-own-l2",
        "S ≤ last < 4 GiB ⇒ the region's own L2 ≤ 4",
        Statement(goal=implies((v_start <= last) & (last < 1 << 32), own <= 4)),
    )


class _Rounds:
    """The rounds of a source, over S, A, P and the last address that is tried; a word stands for each level's count."""

    def __init__(self, source: OlderDomuSource, mode: PagingMode) -> None:
        """Raises NotRead, NotFound."""
        self.mode, self.source, self.found = mode, source, rounds(source, mode)
        by_bits = {int(known(each.arguments[-1]).term): each for each in self.found.calls}
        counts = {bits: level(source, v_start, last, bits).term for bits in by_bits}
        topmost = TOPMOST[mode.bits]
        none = {bits for bits, count in counts.items() if count is number(0)}
        if set(by_bits) - none != {topmost, *encoded.shifts(mode)} or len(self.found.calls) != len(by_bits):
            raise not_found(self.found.where, "one count for each level")
        self.call = by_bits[topmost]
        for each in self.found.calls:
            pairs = zip(each.arguments[-3:-1], self.call.arguments[-3:-1], strict=True)
            if any(known(one).term is not known(other).term for one, other in pairs):
                raise not_read(source.file, source.rounds, "levels that are counted for different regions")
            if each.state.path is not self.call.state.path:
                raise not_read(source.file, source.rounds, "levels that are counted for some regions only")
        self.counts = {bits: renamed(count, _NAMES, self.found.where) for bits, count in counts.items()}
        self.ours = {bits: self._ours(bits) for bits in (topmost, *encoded.shifts(mode))}

    def _ours(self, bits: int) -> Word:
        if bits == TOPMOST[self.mode.bits]:
            return number(1)
        if self.mode.bits == 32 and bits == encoded.L2_SHIFT:
            return encoded.own_l2_tables(v_start, last)
        return encoded.level_tables(self.mode, v_start, last, bits)

    def over_pages(self, value: Any) -> Word:
        """A value, of 64 bits, over S, A and P."""
        return renamed(converted(known(value), ULONG).term, _NAMES, self.found.where)

    def over_last(self, term: AnyTerm) -> AnyTerm:
        """A term over S, A and the last address, levels being counted as the tree does."""
        counts = {counted_by(bits): count for bits, count in self.counts.items()}
        cut = replaced(term, {known(self.call.arguments[-2]).term: last})
        return renamed(replaced(cut, counts), _NAMES, self.found.where)

    def wide(self, value: Any) -> Word:
        """A value, of 64 bits, over S, A and the last address."""
        return self.over_last(converted(known(value), ULONG).term)

    @property
    def refused(self) -> Truth:
        """When a region is refused."""
        return self.over_last(~all_of(~path for _, path in self.found.refused))

    @property
    def too_large(self) -> Truth:
        """When it is by the encoding: up to 4.2 nothing leaves a round, and none is."""
        return encoded.too_large_before_4_7(v_start, last, nr_pages) if self.found.refused else ~TRUE

    @property
    def in_a_round(self) -> Truth:
        """That the last address is the one that is tried for P, which an ``int`` holds."""
        tried = last == encoded.last_address(alloc_end, pages)
        return (pages < 1 << 31) & tried & in_order(self.mode)

    @property
    def tables(self) -> Word:
        """All tables by the encoding."""
        return encoded.tables_before_4_7(self.mode, v_start, last)

    @property
    def by_levels(self) -> Steps:
        """What follows for any numbers of tables that there may be, if each level's is the encoding's."""
        uses = []
        for bits, ours in self.ours.items():
            counted = implies(in_order(self.mode), self.counts[bits] == ours)
            title = f"tree:domu-level[{self.mode.name},{bits}]"
            uses.append(
                Lemma(
                    title, "the tree counts a level's tables as it is encoded", Statement(goal=counted)
                ).at()
            )
            if self.mode.bits == 32 and bits == encoded.L2_SHIFT:
                uses.append(few_own_l2().at())
            elif bits != TOPMOST[self.mode.bits]:
                uses.append(few(self.mode, bits).at())
        return Steps(uses=tuple(uses), generalise=narrow((*self.counts.values(), *self.ours.values())))

    def judge_of(self, what: str, theirs: Word, shift: int | None = None) -> Judge:
        """What a walk of libxc's over the region comes to, at one level or at all."""
        return walk_judge(what, theirs, self.mode, shift, machine.BEFORE_4_7)

    def tried_of(self, what: str, theirs: AnyTerm, expected: Callable[[int, Values], int]) -> Judge:
        """What follows from such a walk for a region that is tried."""
        return tried_judge(what, theirs, self.mode, expected, machine.BEFORE_4_7)

    def piece(
        self,
        name: str,
        where: str,
        wanted: tuple[Truth, Truth],
        judge: Judge,
        shape: Truth,
        proof: Steps | None = None,
    ) -> Piece:
        """A piece of a mode; the ends of the region are as the claims assume."""
        assumes = ASSUMED | {"ends": ENDS[self.mode.bits]}
        return piece_of(name, self.mode, where, wanted, judge, assumes, shape, proof)


def _counting(its: _Rounds) -> Iterator[Piece]:
    there, where = in_order(its.mode), its.source.file.where(its.source.counts)
    for number_, shift in enumerate(reversed(encoded.shifts(its.mode)), 1):
        theirs = its.wide(its.found.value(f"*dom.pg_l{number_}"))
        ours = encoded.level_tables_before_4_7(its.mode, v_start, last, shift)
        judge = its.judge_of(f"the L{number_}", theirs, shift)
        yield its.piece(f"domu-l{number_}-tables", where, (there, theirs == ours), judge, REGION)
    total = its.wide(its.found.value(TABLES))
    yield its.piece(
        "domu-tables",
        its.found.where,
        (there, total == its.tables),
        its.judge_of("the count", total),
        REGION,
        its.by_levels,
    )
    refusals = its.found.refused
    piece = its.piece(
        "domu-refused",
        refusals[0][0] if refusals else its.found.where,
        (TRUE, its.refused == its.too_large),
        judged("whether it is refused", its.refused, _too_large if refusals else lambda _: False),
        REGION,
    )
    yield evolve(piece, says=SINCE_4_3 if refusals else NEVER)


def _too_large(values: Values) -> bool:
    first, final = (values.get(each, 0) for each in ("v_start", "last"))
    return ((final - first) % ADDRESS_LIMIT) // PAGE_SIZE > values.get("nr_pages", 0)


def _trying(its: _Rounds) -> Iterator[Piece]:
    where, extra = its.found.where, machine.ABOVE_TABLES >> PAGE_SHIFT
    first = its.over_pages(its.found.first)
    started = judged("the pages at first", first, lambda _: extra)
    yield its.piece("domu-start", where, (TRUE, first == encoded.EXTRA), started, ROUND)
    base, end, _ = its.call.arguments[-3:]
    tried_end = its.over_pages(end)
    right = (tried_end == encoded.last_address(alloc_end, pages)) & (its.over_pages(base) == v_start)
    judge = judged("the last address", tried_end, last_tried)
    yield its.piece("domu-tried-end", its.call.where, (pages < 1 << 31, right), judge, ROUND)
    after, needed = its.wide(its.found.next), its.tables + encoded.EXTRA
    judge = its.tried_of("the next pages", after, lambda walked, _: walked + extra)
    yield its.piece(
        "domu-step",
        where,
        (its.in_a_round, (after == needed) & (after < 1 << 31)),
        judge,
        ROUND,
        its.by_levels,
    )
    goes_on, refused = its.over_last(its.found.goes_on), its.too_large
    larger = alloc_end + needed * PAGE_SIZE > last + 1

    def expected(walked: int, values: Values) -> bool:
        refused_there = bool(its.found.refused) and _too_large(values)
        return not refused_there and goes_on_there(walked, values)

    yield its.piece(
        "domu-guard",
        where,
        (its.in_a_round, goes_on == (~refused & larger)),
        its.tried_of("whether it goes on", goes_on, expected),
        ROUND,
        its.by_levels,
    )


def _setting_aside(its: _Rounds) -> Piece:
    counted, ends = (its.wide(its.found.value(each)) for each in (TABLES, END))
    return its.piece(
        "domu-set-aside",
        its.found.where,
        (its.in_a_round, (counted == its.tables) & (ends == last + 1)),
        both_judges(
            its.tried_of("the tables set aside", counted, lambda walked, _: walked),
            judged("the region's end", ends, lambda values: (values.get("last", 0) + 1) % ADDRESS_LIMIT),
        ),
        ROUND,
        its.by_levels,
    )
