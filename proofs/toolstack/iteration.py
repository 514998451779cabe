"""Lemmas about libxenguest's iteration: that it finds what the hypervisor's search finds, and where it never stops.

Notation of DOMAIN.md section 1, for both: S = v_start, V = v_end, T = vpt_start, where what has been allocated
before the tables ends, n = nr_pt_pages, and f the hypervisor's count. libxenguest makes a region for p pages above T,
its end U(p) = ⌊T + 4096 p⌋ + 4 MiB, and goes on with p' = f(S, U(p)) + 129 until T + 4096 p' ≤ U(p).

The argument. As long as p < n + 129, U(p) ≤ V(n), so f(S, U(p)) ≤ n. If it goes on, U(p) is not V(n) but 4 MiB below it
at least, which is two L1 less: p' < n + 129 again. When it stops, its f(S, U(p)) frames are enough for the region that
they make, so they are n at least, and therefore n.
"""

from functools import cache
from itertools import accumulate

from ...encodings import domu
from ...encodings.dom0_count import FIRST_TRIED, tables, tables_by_level
from ...encodings.dom0_layout import PADDING, ROUNDING_SHIFT, padded_end, stack_end, v_end
from ...encodings.spans import round_up, spanned
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ...formal.words.word import Truth, Word, number, word
from ..shared import arithmetic, region, search
from ..shared.region import far, m, n, near, v_start, vpt_start
from ..static import raises
from .mappings import LINE, SMALL_START, same_tables, top

pages = word("pages")
x, y = word("x"), word("y")


def tables_top(mode: PagingMode) -> int:
    """How high the tables may end, so that the region's end is no higher than `top`."""
    return top(mode) - LINE - region.ABOVE_TABLES


def in_order() -> Assumption:
    """The assumption that the tables lie above the region's start."""
    return Assumption("in-order", v_start <= vpt_start, "v_start ≤ vpt_start")


def fits(mode: PagingMode, count: Word = n) -> Assumption:
    """The assumption that the hypervisor's region stays away from the end of the address space."""
    limit = tables_top(mode)
    return Assumption(
        "fits",
        (vpt_start <= limit) & (count <= (number(limit) - vpt_start) >> PAGE_SHIFT),
        "the region stays out of the last 4 MiB of the address space"
        if mode is X86_64
        else "the region ends at 4 GiB or below",
    )


def together(mode: PagingMode, count: Word = n) -> Assumption:
    """The assumption that the toolstack counts right, which drops the upper bits of addresses; or a low start."""
    if mode is X86_64:
        one = v_start >> 48 == (padded_end(vpt_start, count) - 1) >> 48
        return Assumption("block", one, "the region lies within 2^48 bytes from a multiple of that")
    return Assumption("low", v_start < SMALL_START, "v_start < 1 GiB")


def ours(mode: PagingMode) -> tuple[Assumption, ...]:
    """All that is assumed of the hypervisor's region."""
    return in_order(), fits(mode), together(mode)


def toolstacks(mode: PagingMode) -> Word:
    """f(S, U(p)) as the toolstack counts it."""
    return domu.tables_for(mode, v_start, vpt_start, pages)


def end() -> Word:
    """U(p): past the last address of the toolstack's region."""
    return domu.last_address(vpt_start, pages) + 1


def found(mode: PagingMode) -> Run:
    """The toolstack's iteration stops with a region for ``pages``."""
    return Run(domu.search(mode), (v_start, vpt_start), (pages,))


@cache
def room_for_pages(mode: PagingMode) -> Lemma:
    """n pages and 129 fit above T."""
    limit = tables_top(mode)
    return Lemma(
        f"room-for-pages[{mode.name}]",
        "n ≤ (limit - T) / 4096 ⇒ n + 129 ≤ (limit + 516 KiB - T) / 4096",
        Statement(
            assumptions=(fits(mode),),
            goal=(n + domu.EXTRA <= (number(limit + domu.EXTRA * PAGE_SIZE) - vpt_start) >> PAGE_SHIFT)
            & (n + domu.EXTRA >= domu.EXTRA),
        ),
    )


@cache
def padded_as_pages() -> Lemma:
    """Stack and padding end 129 pages above the tables."""
    return Lemma(
        "padded-as-pages",
        "E(n) + 512 KiB = T + 4096 (n + 129)",
        Statement(goal=stack_end(vpt_start, n) + PADDING == vpt_start + (n + domu.EXTRA) * PAGE_SIZE),
    )


@cache
def pages_differ() -> Lemma:
    """Different numbers of pages end at different places, as long as these are few enough."""
    return Lemma(
        "pages-differ",
        "p < m < 2^52 ⇒ T + 4096 p ≠ T + 4096 m",
        Statement(
            assumptions=(Assumption("few", (n < m) & (m < 1 << 52), "n < m < 2^52"),),
            goal=vpt_start + n * PAGE_SIZE != vpt_start + m * PAGE_SIZE,
        ),
    )


@cache
def pages_end(mode: PagingMode) -> Lemma:
    """p ≤ n + 129 pages above T end no higher than stack and padding do above n; lower if p ≤ n + 128."""
    above = vpt_start + pages * PAGE_SIZE
    padded = stack_end(vpt_start, n) + PADDING
    most = n + domu.EXTRA
    return Lemma(
        f"pages-end[{mode.name}]",
        "p ≤ n + 129 ⇒ T ≤ T + 4096 p ≤ E(n) + 512 KiB, and p ≤ n + 128 ⇒ less",
        Statement(
            assumptions=(fits(mode), Assumption("pages", pages <= most, "p ≤ n + 129")),
            goal=(vpt_start <= above)
            & (above <= padded)
            & (padded <= top(mode) - LINE)
            & ((above < padded) | (pages == most)),
        ),
        Steps(
            uses=(
                room_for_pages(mode).at(),
                region.pages_fit().at(
                    limit=number(tables_top(mode) + domu.EXTRA * PAGE_SIZE), d=vpt_start, n=pages, m=most
                ),
                padded_as_pages().at(),
                pages_differ().wherever(n=pages, m=most),
            ),
            generalise=(above, padded, vpt_start + most * PAGE_SIZE),
        ),
    )


@cache
def end_below(mode: PagingMode) -> Lemma:
    """The end of x's 4 MiB is no higher than ⌈y⌉ for x < y, and if it is lower, it is so by 4 MiB."""
    after = (x | (LINE - 1)) + 1
    rounded = round_up(y, ROUNDING_SHIFT)
    return Lemma(
        f"end-below[{mode.name}]",
        "x < y ⇒ x < ⌊x⌋ + 4 MiB ≤ ⌈y⌉, equal or 4 MiB apart",
        Statement(
            assumptions=(Assumption("below", (x < y) & (y <= top(mode) - LINE), "x < y, short of the end"),),
            goal=(x < after)
            & (after <= rounded)
            & (rounded <= top(mode))
            & (y <= rounded)
            & ((after == rounded) | ((after <= rounded - LINE) & (rounded >= LINE))),
        ),
    )


@cache
def rounds_below(mode: PagingMode) -> Lemma:
    """What ends within a region that ends on a line still does when it is rounded up."""
    after = (x | (LINE - 1)) + 1
    return Lemma(
        f"rounds-below[{mode.name}]",
        "y ≤ ⌊x⌋ + 4 MiB ⇒ y ≤ ⌈y⌉ ≤ ⌊x⌋ + 4 MiB",
        Statement(
            assumptions=(
                Assumption("within", (y <= after) & (x < top(mode)), "y ≤ ⌊x⌋ + 4 MiB"),
                Assumption("short", x < after, "no wrap"),
            ),
            goal=(y <= round_up(y, ROUNDING_SHIFT)) & (round_up(y, ROUNDING_SHIFT) <= after),
        ),
    )


@cache
def spanned_rises() -> Lemma:
    """A region that ends 4 MiB further up takes an L1 more at least."""
    return arithmetic.from_low(
        "spanned-rises[21]",
        "near + 4 MiB ≤ far ⇒ N_21(low, near) + 1 ≤ N_21(low, far)",
        (
            Assumption(
                "apart",
                (near - arithmetic.low <= far - arithmetic.low)
                & ((far - arithmetic.low) - (near - arithmetic.low) >= LINE),
                "near + 4 MiB ≤ far, counted from low",
            ),
        ),
        21,
        spanned(arithmetic.low, near, 21) + 1 <= spanned(arithmetic.low, far, 21),
    )


@cache
def sum_rises() -> Lemma:
    """a ≤ b and c < d, none of them large, give a + c < b + d."""
    a, b, c, d = arithmetic.a, arithmetic.b, arithmetic.c, arithmetic.d
    small = (b <= arithmetic.SUM_LIMIT) & (d <= arithmetic.SUM_LIMIT)
    return Lemma(
        "sum-rises",
        "a ≤ b, c < d ⇒ a + c < b + d",
        Statement(
            assumptions=(
                Assumption("rise", (a <= b) & (c < d), "a ≤ b, c < d"),
                Assumption("small", small, "b and d are small"),
            ),
            goal=a + c < b + d,
        ),
    )


@cache
def tables_rise(mode: PagingMode) -> Lemma:
    """near + 4 MiB ≤ far, counted from S, gives f(S, near) < f(S, far): the L1 do, and the rest doesn't fall."""
    levels = mode.counted_levels[::-1]
    less, more = (tables_by_level(mode, v_start, at) for at in (near, far))
    sums = list(accumulate(less)), list(accumulate(more))
    spanned_levels = [level for level in levels if level.fixed is None]
    added = [
        arithmetic.sums_grow().at(a=sums[0][index - 1], b=sums[1][index - 1], c=less[index], d=more[index])
        for index in range(1, len(levels) - 1)
    ]
    return Lemma(
        f"tables-rise[{mode.name}]",
        "near + 4 MiB ≤ far ⇒ f(S, near) < f(S, far), counted from S",
        Statement(
            assumptions=(
                Assumption(
                    "apart",
                    (near - v_start <= far - v_start) & ((far - v_start) - (near - v_start) >= LINE),
                    "near + 4 MiB ≤ far",
                ),
                Assumption(
                    "short",
                    far - v_start <= region.region_limit(mode),
                    "the region does not come full circle",
                ),
            ),
            goal=tables(mode, v_start, near) < tables(mode, v_start, far),
        ),
        Steps(
            uses=(
                spanned_rises().at(low=v_start),
                *(arithmetic.spanned_grows(level.shift).at(low=v_start) for level in spanned_levels),
                *(
                    arithmetic.spanned_bounded(level.shift).at(low=v_start, far=at)
                    for level in spanned_levels
                    for at in (near, far)
                ),
                *added,
                sum_rises().at(a=sums[0][-2], b=sums[1][-2], c=less[-1], d=more[-1]),
            ),
            generalise=region.terms(*less, *more),
        ),
    )


@cache
def room_here(mode: PagingMode) -> Lemma:
    """A region of this kind does not come full circle, and lies above S and T."""
    region_end = padded_end(vpt_start, n)
    return Lemma(
        f"room-here[{mode.name}]",
        "S ≤ T, V(n) away from the end ⇒ there is room, and T < V(n)",
        Statement(
            assumptions=ours(mode),
            goal=region.has_room(mode, n)
            & (vpt_start < region_end)
            & (region_end <= top(mode))
            & (n <= 1 << 52),
        ),
    )


def not_looked_into(mode: PagingMode) -> tuple[Word, ...]:
    """What is assumed, but for the addresses and numbers that it speaks of: it is the same wherever it is used."""
    region_end = padded_end(vpt_start, n)
    return (
        (region_end - 1) >> 48,
        number(tables_top(mode)) - vpt_start >> PAGE_SHIFT,
        number(region.tables_limit(mode)) - (vpt_start - v_start) >> PAGE_SHIFT,
        vpt_start - v_start,
    )


@cache
def stays_below(mode: PagingMode) -> Lemma:
    """The iteration never makes a region for more than n + 128 pages, and stops when its tables fit."""
    counted, after = toolstacks(mode), end()
    goes_to = counted + domu.EXTRA
    theirs = tables(mode, v_start, after)
    region_end = padded_end(vpt_start, n)
    mine = tables(mode, v_start, region_end)
    above, padded = vpt_start + pages * PAGE_SIZE, stack_end(vpt_start, n) + PADDING
    lengths = [each - v_start for each in (after, region_end)]
    fixed = Assumption("fixed", mine == n, "n is a fixed point: f(S, V(n)) = n")
    return Lemma(
        f"stays-below[{mode.name}]",
        "f(S, V(n)) = n, the iteration stops at p ⇒ p ≤ n + 128",
        Statement(
            assumptions=(*ours(mode), fixed, Assumption("some", n >= 1, "n ≥ 1")),
            runs=(found(mode),),
            goal=(pages < n + domu.EXTRA) & (vpt_start + goes_to * PAGE_SIZE <= after),
        ),
        Induction(
            invariant=pages < n + domu.EXTRA,
            base=Steps(uses=(room_here(mode).at(),), generalise=(mine, region_end)),
            step=Steps(
                uses=(
                    room_here(mode).at(),
                    region.v_end_grows(mode).at(m=n),
                    pages_end(mode).at(),
                    end_below(mode).at(x=above, y=padded),
                    same_block(mode).wherever(x=above, region_end=region_end),
                    same_tables(mode).at(last=domu.last_address(vpt_start, pages)),
                    region.tables_grow(mode).wherever(near=after, far=region_end),
                    arithmetic.less_in_order().wherever(a=after, b=region_end, c=v_start),
                    arithmetic.same_distance().at(low=v_start, near=after, far=region_end),
                    tables_rise(mode).wherever(near=after, far=region_end),
                    pages_end(mode).wherever(pages=goes_to),
                ),
                generalise=(
                    lengths[1] - lengths[0],
                    *lengths,
                    *not_looked_into(mode),
                    vpt_start + goes_to * PAGE_SIZE,
                    counted,
                    mine,
                    theirs,
                    region_end,
                    after,
                    domu.last_address(vpt_start, pages),
                    above,
                    padded,
                ),
            ),
            end=Steps(
                generalise=(vpt_start + goes_to * PAGE_SIZE, counted, domu.last_address(vpt_start, pages))
            ),
        ),
    )


@cache
def same_block(mode: PagingMode) -> Lemma:
    """An address between S and V(n) lies in their block of 2^48 bytes, and so does the last one of its 4 MiB."""
    region_end = word("region_end")
    after = (x | (LINE - 1)) + 1
    assumptions = [
        Assumption("between", (v_start <= x) & (x < after) & (after <= region_end), "S ≤ x, ⌊x⌋ + 4 MiB ≤ V"),
        Assumption("top", region_end <= top(mode), "V is away from the end"),
    ]
    goal = (v_start <= x | (LINE - 1)) & ((x | (LINE - 1)) < top(mode)) & ((x | (LINE - 1)) < after)
    if mode is X86_64:
        assumptions.append(Assumption("block", v_start >> 48 == (region_end - 1) >> 48, "one block"))
        goal &= v_start >> 48 == (x | (LINE - 1)) >> 48
    return Lemma(
        f"same-block[{mode.name}]",
        "S ≤ x < V, S and V - 1 in one block of 2^48 ⇒ the last address of x's 4 MiB is in it, too",
        Statement(assumptions=tuple(assumptions), goal=goal),
    )


@cache
def agree(mode: PagingMode) -> Lemma:
    """Both find the same n and the same V."""
    counted, after = toolstacks(mode), end()
    goes_to = counted + domu.EXTRA
    region_end, theirs_end = padded_end(vpt_start, n), padded_end(vpt_start, counted)
    above, padded = vpt_start + pages * PAGE_SIZE, stack_end(vpt_start, n) + PADDING
    return Lemma(
        f"toolstack-agrees[{mode.name}]",
        "the search stops at n, the iteration at p ⇒ its tables are n, and it ends the region at V(n)",
        Statement(assumptions=ours(mode), runs=(search.found(mode), found(mode)), goal=same(mode)),
        Steps(
            uses=(
                room_here(mode).at(),
                region.v_end_grows(mode).at(m=n),
                search.exact(mode).at(),
                region.count_as_padded(mode).at(),
                region.count_at_least(mode).at(),
                stays_below(mode).at(),
                pages_end(mode).at(),
                end_below(mode).wherever(x=above, y=padded),
                same_block(mode).wherever(x=above, region_end=region_end),
                same_tables(mode).wherever(last=domu.last_address(vpt_start, pages)),
                arithmetic.less_in_order().wherever(a=after, b=region_end, c=v_start),
                region.tables_grow(mode).wherever(near=after, far=region_end),
                pages_end(mode).at(pages=goes_to),
                padded_as_pages().at(n=counted),
                rounds_below(mode).wherever(x=above, y=stack_end(vpt_start, counted) + PADDING),
                arithmetic.less_in_order().wherever(a=theirs_end, b=after, c=v_start),
                region.tables_grow(mode).wherever(near=theirs_end, far=after),
                region.count_as_padded(mode).at(n=counted),
                region.count_at_least(mode).wherever(n=counted),
                search.stops_least(mode).at(m=counted, first=number(FIRST_TRIED)),
                raises.same_end(raises.End()).wherever(n=counted, m=n),
                region.v_end_closed().at(),
            ),
            generalise=(
                *not_looked_into(mode),
                *(each - v_start for each in (theirs_end, after, region_end)),
                region_end - LINE,
                vpt_start + goes_to * PAGE_SIZE,
                search.needed(mode, n),
                search.needed(mode, counted),
                tables(mode, v_start, region_end),
                tables(mode, v_start, theirs_end),
                tables(mode, v_start, after),
                v_end(vpt_start, n),
                theirs_end,
                stack_end(vpt_start, counted) + PADDING,
                counted,
                region_end,
                after,
                domu.last_address(vpt_start, pages),
                above,
                padded,
            ),
        ),
    )


def same(mode: PagingMode) -> Truth:
    """The toolstack's tables are n, and its region ends at V(n)."""
    return (toolstacks(mode) == n) & (end() == v_end(vpt_start, n))
