"""Lemmas on what rounding the region's end to 4 MiB, 512 KiB above the stack, costs against rounding it to a page.

Notation of DOMAIN.md section 1; m is what the search finds when the region ends right above the stack, at
e = E(m), rounded up to a page and not padded; n is what Xen's finds. ``up`` is e rounded up to 4 MiB.

The argument. Up to ``up`` the region takes the same tables, or one L1 more where 2 MiB lie between. If 512 KiB lie
between, Xen's region ends there too; if not, it ends at the next line, for which there are at most two more L1 and
one more of each higher level. In each case that many more frames are enough, and Xen's search finds the least.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from ...encodings.dom0_count import FIRST_TRIED, search_rounded, tables, tables_by_level
from ...encodings.dom0_layout import PADDING, ROUNDING_SHIFT, padded_end, rounded_end, stack_end, v_end
from ...encodings.spans import round_up, spanned
from ...formal.layouts.layout import ADDRESS_LIMIT, Layout
from ...formal.layouts.paging import PAGE_SIZE, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Run, Statement, Steps
from ...formal.machine.arrange import region_end, touched
from ...formal.words.word import Truth, Word, choose, number
from ..shared import arithmetic, region, replays, search
from ..shared.region import m, n, v_start, vpt_start
from ..shared.replays import Values
from . import any_rounding, raises

LINE: Final = 1 << ROUNDING_SHIFT
MOST_BYTES: Final = LINE + PADDING - PAGE_SIZE
"""The most that Xen's region is longer by, in bytes: 4 MiB + 508 KiB."""
BLOCK: Final = 2 << 20

end = arithmetic.far
UP: Final = round_up(end, ROUNDING_SHIFT)
PAGE_MASK: Final = number(PAGE_SIZE - 1)


def most_frames(mode: PagingMode) -> int:
    """The most table frames that Xen's region needs more: 4 for a 64-bit guest, 2 for a 32-bit one."""
    return sum(
        int(arithmetic.blocks_in(level.shift, number(LINE)))
        for level in mode.counted_levels
        if level.fixed is None and not _is_one(mode, level.shift)
    )


def _is_one(mode: PagingMode, shift: int) -> bool:
    """Whether a level has one table in all of the mode's addresses: a 32-bit guest's L3."""
    return shift >= mode.bits


def _below(mode: PagingMode, at: Word) -> tuple[Assumption, ...]:
    """The assumption that a 32-bit guest's region, which ends at ``at``, lies in its address space."""
    if mode.bits != 32:
        return ()
    limit = (1 << 32) - 2 * LINE
    return (
        Assumption("below", (v_start < at) & (at <= limit), "the region ends 8 MiB below 4 GiB or lower"),
    )


@cache
def up_spans(shift: int) -> Lemma:
    """Rounding the end up to 4 MiB touches no more blocks, but for one of 2 MiB where that much lies between."""
    low = arithmetic.low
    more = choose(UP - end >= BLOCK, number(1), number(0)) if shift < ROUNDING_SHIFT else number(0)
    return Lemma(
        f"up-spans[{shift}]",
        "N(low, ⌈e⌉) ≤ N(low, e) + 1 where 2 MiB lie between, else N(low, e)",
        Statement(
            assumptions=(
                Assumption("short", end - low <= (1 << 64) - (4 << 39), "not around the address space"),
            ),
            goal=spanned(low, UP, shift) == spanned(low, end, shift) + more,
        ),
    )


@cache
def one_l3(shift: int) -> Lemma:
    """A region below 4 GiB touches one block of a level that maps that much."""
    low = arithmetic.low
    return Lemma(
        f"one-block[{shift}]",
        "low < e ≤ 4 GiB ⇒ N(low, e) = 1",
        Statement(
            assumptions=(Assumption("below", (low < end) & (end <= 1 << 32), "low < e ≤ 4 GiB"),),
            goal=spanned(low, end, shift) == 1,
        ),
    )


@cache
def tables_up(mode: PagingMode) -> Lemma:
    """What the region takes up to the next 4 MiB line: what it takes anyway, or an L1 more."""
    spans = [each for at in (end, UP) for each in tables_by_level(mode, v_start, at)]
    more = choose(UP - end >= BLOCK, number(1), number(0))
    return Lemma(
        f"tables-up[{mode.name}]",
        "f(S, ⌈e⌉) = f(S, e) + (1 where 2 MiB lie between)",
        Statement(
            assumptions=(_within_half(),),
            goal=tables(mode, v_start, UP) == tables(mode, v_start, end) + more,
        ),
        Steps(
            uses=tuple(
                up_spans(level.shift).at(low=v_start) for level in mode.counted_levels if level.fixed is None
            ),
            generalise=region.terms(*spans, more),
        ),
    )


def _within_half() -> Assumption:
    return Assumption("short", end - v_start <= any_rounding.LONGEST, "the region is less than 2^63 long")


@cache
def tables_above(mode: PagingMode) -> Lemma:
    """What the region takes up to the line after the next: so many tables more at most."""
    far = UP + LINE
    if mode.bits == 32:
        spans = [each for at in (UP, far) for each in tables_by_level(mode, v_start, at)]
        uses = [
            use
            for level in mode.counted_levels
            if level.fixed is None
            for use in (
                [one_l3(level.shift).at(low=v_start, far=at) for at in (UP, far)]
                if _is_one(mode, level.shift)
                else [
                    arithmetic.spanned_moves(level.shift).at(
                        low=v_start, near=UP, far=far, most=number(LINE)
                    ),
                    arithmetic.spanned_bounded(level.shift).at(low=v_start, far=UP),
                ]
            )
        ]
    else:
        spans = [tables(mode, v_start, at) for at in (UP, far)]
        uses = [raises.tables_move(mode).at(near=UP, far=far, most=number(LINE))]
    return Lemma(
        f"tables-above[{mode.name}]",
        f"f(S, ⌈e⌉ + 4 MiB) ≤ f(S, ⌈e⌉) + {most_frames(mode)}",
        Statement(
            assumptions=(_within_half(), *_below(mode, end)),
            goal=tables(mode, v_start, far) <= tables(mode, v_start, UP) + most_frames(mode),
        ),
        Steps(uses=(_up_within().at(), *uses), generalise=region.terms(*spans, UP)),
    )


@cache
def _up_within() -> Lemma:
    """⌈e⌉ is less than 4 MiB above e."""
    return Lemma("up-within", "⌈e⌉ - e < 4 MiB", Statement(goal=UP - end < LINE))


@cache
def lines_above() -> Lemma:
    """Where e, moved up by what lies above the tables and some pages, is rounded to, by what lies between."""
    few, many = UP - end >= PADDING, UP - end >= BLOCK
    goal = UP - end < LINE
    goal &= ~few | (round_up(end + PADDING, ROUNDING_SHIFT) == UP)
    goal &= ~many | (round_up(end + PADDING + PAGE_SIZE, ROUNDING_SHIFT) == UP)
    for frames in (2, 4):
        goal &= few | (round_up(end + PADDING + frames * PAGE_SIZE, ROUNDING_SHIFT) == UP + LINE)
    return Lemma(
        "lines-above",
        "⌈e + 512 KiB⌉ = ⌈e⌉ where 512 KiB lie between, with a page more where 2 MiB do, else ⌈e⌉ + 4 MiB",
        Statement(goal=goal),
    )


@cache
def ends_on_lines() -> Lemma:
    """Where Xen's region ends when m, m + 1, m + 2 or m + 4 frames are set aside, by what lies above e."""
    e = stack_end(vpt_start, m)
    up = round_up(e, ROUNDING_SHIFT)
    few, many = up - e >= PADDING, up - e >= BLOCK
    goal = (~few | (padded_end(vpt_start, m) == up)) & (~many | (padded_end(vpt_start, m + 1) == up))
    for frames in (2, 4):
        goal &= few | (padded_end(vpt_start, m + frames) == up + LINE)
    padded = [stack_end(vpt_start, m + frames) + PADDING for frames in (0, 1, 2, 4)]
    return Lemma(
        "ends-on-lines",
        "V(m) = ⌈e⌉ where 512 KiB lie between, V(m + 1) = ⌈e⌉ where 2 MiB do, else V(m + 2) = V(m + 4) = ⌈e⌉ + 4 MiB",
        Statement(goal=goal & (up - e < LINE)),
        Steps(
            uses=(
                lines_above().at(far=e),
                *(_frames_further(frames).at() for frames in (1, 2, 4)),
            ),
            generalise=(*padded[1:], e),
        ),
    )


@cache
def _frames_further(frames: int) -> Lemma:
    """E(m + k) = E(m) + 4096 k."""
    return Lemma(
        f"frames-further[{frames}]",
        f"E(m + {frames}) + 512 KiB = E(m) + 512 KiB + {frames} pages",
        Statement(
            goal=stack_end(vpt_start, m + frames) + PADDING
            == stack_end(vpt_start, m) + PADDING + frames * PAGE_SIZE
        ),
    )


@cache
def page_end() -> Lemma:
    """Rounded to a page and not padded, the region ends with the stack."""
    e = stack_end(vpt_start, m)
    return Lemma(
        "page-end",
        "T on a page ⇒ ⌈e⌉ to a page = e",
        Statement(
            assumptions=(_on_page(),),
            goal=(rounded_end(e, PAGE_MASK, number(0)) == e) & (e & (PAGE_SIZE - 1) == 0),
        ),
    )


def _on_page() -> Assumption:
    return Assumption("on-page", vpt_start & (PAGE_SIZE - 1) == 0, "the page tables start on a page")


def page_search(mode: PagingMode) -> Run:
    """The search that rounds to a page and doesn't pad stops at m."""
    return Run(search_rounded(mode), (v_start, vpt_start, PAGE_MASK, number(0)), (m,))


def page_needed(mode: PagingMode) -> Word:
    """f(S, V(m)) when the end is rounded to a page and not padded."""
    return tables(mode, v_start, rounded_end(stack_end(vpt_start, m), PAGE_MASK, number(0)))


def _room(mode: PagingMode) -> Assumption:
    """The assumption that neither region wraps: a 32-bit guest's lies in its address space."""
    if mode.bits != 32:
        return Assumption(
            "room", region.half_room(m + 4) & (m < 1 << 52), "the region is less than 2^63 - 2^50 long"
        )
    (ends,) = _below(mode, stack_end(vpt_start, m))
    up = (v_start <= vpt_start) & (vpt_start < 1 << 32) & (m < 1 << 20)
    return Assumption("below", up & ends.condition, "S ≤ T, and the region ends 8 MiB below 4 GiB or lower")


def statement(mode: PagingMode, goal: Truth) -> Statement:
    """A statement on what the two searches, for the same S and T, find."""
    return Statement(
        assumptions=(_on_page(), _room(mode)),
        runs=(search.found(mode), page_search(mode)),
        goal=goal,
    )


def costs_at_most(mode: PagingMode) -> Truth:
    """Xen's region takes no more frames, and is no longer, than the bounds say."""
    e = stack_end(vpt_start, m)
    return (n <= m + most_frames(mode)) & (v_end(vpt_start, n) - v_start <= (e - v_start) + MOST_BYTES)


@cache
def cost(mode: PagingMode) -> Lemma:
    """n ≤ m + 4 (64-bit) or m + 2 (32-bit), and V(n) ≤ E(m) + 4 MiB + 508 KiB."""
    e = stack_end(vpt_start, m)
    up = round_up(e, ROUNDING_SHIFT)
    most = most_frames(mode)
    candidates = [m, m + 1, m + most]
    ends = [padded_end(vpt_start, each) for each in candidates]
    lines = [up, up, up + LINE]
    page = rounded_end(e, PAGE_MASK, number(0))
    uses = [
        any_rounding.exact(mode).at(n=m, mask=PAGE_MASK, padding=number(0)),
        page_end().at(),
        region.same_tables(mode).wherever(near=page, far=e),
        ends_on_lines().at(),
        any_rounding.stack_grows().at(n=m),
        tables_up(mode).at(far=e),
        tables_above(mode).at(far=e),
        any_rounding.count_grows(mode).at(n=m, mask=PAGE_MASK, padding=number(0)),
        region.v_end_closed().at(),
        region.room_from_half(mode).at(n=m + most),
    ]
    for candidate, found, line in zip(candidates, ends, lines, strict=True):
        uses += [
            region.count_as_padded(mode).at(n=candidate),
            region.same_tables(mode).wherever(near=found, far=line),
            search.stops_least(mode).wherever(m=candidate, first=number(FIRST_TRIED)),
            region.v_end_grows(mode).wherever(m=candidate),
        ]
    counts = [search.needed(mode, each) for each in candidates]
    at_ends = [tables(mode, v_start, each) for each in (page, e, up, up + LINE, *ends)]
    return Lemma(
        f"rounding-cost[{mode.name}]",
        f"n ≤ m + {most}, V(n) ≤ E(m) + {MOST_BYTES:#x}",
        statement(mode, costs_at_most(mode)),
        Steps(
            uses=tuple(uses),
            generalise=region.terms(
                *counts, *at_ends, page, padded_end(vpt_start, n), v_end(vpt_start, n), *ends, e
            ),
        ),
    )


def page_count(mode: PagingMode, values: Values) -> int:
    """What the machine's search finds when it rounds to a page and doesn't pad."""
    tried = FIRST_TRIED
    while touched(mode, values["v_start"], _page_end(values, tried)) > tried:
        tried += 1
    return tried


def _page_end(values: Values, frames: int) -> int:
    """Where the boot stack ends, going up from S to the next page: not wrapped."""
    before = (values["vpt_start"] - values["v_start"]) % ADDRESS_LIMIT
    return region_end(values["v_start"] + before + (frames + 1) * PAGE_SIZE, PAGE_SIZE, 0)


def judge(mode: PagingMode, holds: Callable[[int, int], bool]) -> replays.Judge:
    """Judges by ``holds(frames more, bytes more)`` what the machine's two searches find."""

    def judged(values: Values, layout: Layout) -> tuple[bool, str]:
        fewer = page_count(mode, values)
        replays.agreed("m", values["m"], fewer)
        longer = layout.v_start + layout.total.size - _page_end(values, fewer)
        more = layout.nr_pt_pages - fewer
        return holds(more, longer), f"Xen's region takes {more} frames more and is {longer:#x} bytes longer"

    return replays.region_case(mode, judged)
