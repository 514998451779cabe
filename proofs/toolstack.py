"""The family *Toolstack*: whether libxenguest's iteration finds what the hypervisor's search finds.

Notation of DOMAIN.md section 1, for both: S = v_start, V = v_end, T = vpt_start, where what has been allocated
before the tables ends, n = nr_pt_pages, and f the hypervisor's count. libxenguest makes a region for p pages above T,
its end U(p) = ⌊T + 4096 p⌋ + 4 MiB, and goes on with p' = f(S, U(p)) + 129 until T + 4096 p' ≤ U(p).

The argument. As long as p < n + 129, U(p) ≤ V(n), so f(S, U(p)) ≤ n. If it goes on, U(p) is not V(n) but 4 MiB below it
at least, which is two L1 less: p' < n + 129 again. When it stops, its f(S, U(p)) frames are enough for the region that
they make, so they are n at least, and therefore n.
"""

from functools import cache
from itertools import accumulate
from typing import Final

from ..encodings import domu
from ..encodings.dom0_count import FIRST_TRIED, tables, tables_by_level
from ..encodings.dom0_layout import PADDING, ROUNDING_SHIFT, padded_end, stack_end, v_end
from ..encodings.spans import round_up, spanned
from ..formal.arrange import TooLarge, touched
from ..formal.claim import Claim, Expected, Part, claim
from ..formal.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ..formal.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ..formal.verdict import Replay
from ..formal.words import FALSE, Truth, Word, number, word
from . import arithmetic, loop, raises, region, replays
from .count import ordinary
from .region import far, m, n, near, v_start, vpt_start
from .replays import Values

FAMILY = "Toolstack"
SENTENCE = "The toolstack counts a domU's page tables by rules of its own."
SOURCE = "follows: two builders for one guest"
LINE: Final = 1 << ROUNDING_SHIFT
SMALL_START: Final = 1 << 30
"""Below this a PAE domain gets four L2 from the toolstack, too."""
pages, last = word("pages"), word("last")
k, x, y = word("k"), word("x"), word("y")


def top(mode: PagingMode) -> int:
    """The highest end of a region that is spoken of: 4 MiB below 2^64, or 4 GiB."""
    return (1 << 64) - LINE if mode is X86_64 else 1 << 32


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


def _counts(mode: PagingMode) -> tuple[Assumption, ...]:
    """What is asked of the ends of a region for one level to be counted alike."""
    order = Assumption("in-order", v_start <= last, "S ≤ the last address")
    if mode is X86_64:
        return order, Assumption(
            "block",
            ((v_start >> 48) == (last >> 48)) & (last < top(X86_64)),
            "both ends lie within 2^48 bytes from a multiple of that",
        )
    return order, Assumption(
        "low", (v_start < SMALL_START) & (last < top(COMPAT)), "S < 1 GiB, and the region ends by 4 GiB"
    )


@cache
def same_level(mode: PagingMode, shift: int) -> Lemma:
    """The toolstack's tables of a level are the hypervisor's; of PAE's L2 these are always four."""
    counted = domu.level_tables(mode, v_start, last, shift)
    fixed = mode is COMPAT and shift == domu.L2_SHIFT
    return Lemma(
        f"same-level[{mode.name},{shift}]",
        "the toolstack counts 4" if fixed else "the toolstack counts N(S, last + 1)",
        Statement(
            assumptions=_counts(mode),
            goal=counted == (4 if fixed else spanned(v_start, last + 1, shift)),
        ),
    )


@cache
def one_l3() -> Lemma:
    """A region within 4 GiB takes one L3."""
    return Lemma(
        "one-l3",
        "S ≤ last < 4 GiB ⇒ N_39(S, last + 1) = 1",
        Statement(assumptions=_counts(COMPAT), goal=spanned(v_start, last + 1, 39) == 1),
    )


@cache
def same_tables(mode: PagingMode) -> Lemma:
    """The toolstack's rule is the hypervisor's, for a region given by its ends."""
    levels = [domu.level_tables(mode, v_start, last, shift) for shift in domu.shifts(mode)]
    spans = [each for each in tables_by_level(mode, v_start, last + 1) if each.operation != "constant"]
    return Lemma(
        f"same-rule[{mode.name}]",
        "the toolstack's tables of [S, last] = f(S, last + 1)",
        Statement(
            assumptions=_counts(mode),
            goal=domu.tables(mode, v_start, last) == tables(mode, v_start, last + 1),
        ),
        Steps(
            uses=(
                *(same_level(mode, shift).at() for shift in domu.shifts(mode)),
                *(() if mode is X86_64 else (one_l3().at(),)),
            ),
            generalise=(*levels, *spans),
        ),
    )


@cache
def pages_up(mode: PagingMode) -> Lemma:
    """m ≤ n + 129 pages above T, for n that fit below the limit: nothing wraps, and the order stays."""
    limit = tables_top(mode) + domu.EXTRA * PAGE_SIZE
    return region.pages_fit(limit)


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
                pages_up(mode).at(d=vpt_start, n=pages, m=most),
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


@cache
def stays_below(mode: PagingMode) -> Lemma:
    """The iteration never makes a region for more than n + 128 pages, and stops when its tables fit."""
    counted, after = toolstacks(mode), end()
    goes_to = counted + domu.EXTRA
    theirs = tables(mode, v_start, after)
    region_end = padded_end(vpt_start, n)
    mine = tables(mode, v_start, region_end)
    above, padded = vpt_start + pages * PAGE_SIZE, stack_end(vpt_start, n) + PADDING
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
                    same_block(mode).at(x=above, region_end=region_end),
                    same_tables(mode).at(last=domu.last_address(vpt_start, pages)),
                    region.tables_grow(mode).at(near=after, far=region_end),
                    tables_rise(mode).wherever(near=after, far=region_end),
                    pages_end(mode).wherever(pages=goes_to),
                ),
                generalise=(
                    vpt_start + goes_to * PAGE_SIZE,
                    counted,
                    mine,
                    theirs,
                    region_end,
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
        Statement(assumptions=ours(mode), runs=(loop.found(mode), found(mode)), goal=_same(mode)),
        Steps(
            uses=(
                room_here(mode).at(),
                region.v_end_grows(mode).at(m=n),
                loop.exact(mode).at(),
                region.count_as_padded(mode).at(),
                region.count_at_least(mode).at(),
                stays_below(mode).at(),
                pages_end(mode).at(),
                end_below(mode).at(x=above, y=padded),
                same_block(mode).at(x=above, region_end=region_end),
                same_tables(mode).at(last=domu.last_address(vpt_start, pages)),
                region.tables_grow(mode).at(near=after, far=region_end),
                pages_end(mode).at(pages=goes_to),
                padded_as_pages().at(n=counted),
                rounds_below(mode).at(x=above, y=stack_end(vpt_start, counted) + PADDING),
                region.tables_grow(mode).at(near=theirs_end, far=after),
                region.count_as_padded(mode).at(n=counted),
                region.count_at_least(mode).at(n=counted),
                loop.stops_least(mode).at(m=counted, first=number(FIRST_TRIED)),
                raises.same_end().wherever(n=counted, m=n),
                region.v_end_closed().at(),
            ),
            generalise=(
                vpt_start + goes_to * PAGE_SIZE,
                loop.needed(mode, n),
                loop.needed(mode, counted),
                tables(mode, v_start, region_end),
                tables(mode, v_start, theirs_end),
                tables(mode, v_start, after),
                v_end(vpt_start, n),
                theirs_end,
                stack_end(vpt_start, counted) + PADDING,
                counted,
                region_end,
                domu.last_address(vpt_start, pages),
                above,
                padded,
            ),
        ),
    )


@cache
def never_stops() -> Lemma:
    """At the end of the address space the region's end is 0, which nothing fits below: the same again."""
    counted = toolstacks(X86_64)
    goes_to = counted + domu.EXTRA
    space = number((1 << 64) - PAGE_SIZE) - vpt_start
    return Lemma(
        "toolstack-never-stops",
        "the region's last address is 2^64 - 1, and its tables fit ⇒ it goes on, with the same last address",
        Statement(
            assumptions=(
                Assumption(
                    "last",
                    domu.last_address(vpt_start, pages) == -1,
                    "the region made for p pages ends at 2^64",
                ),
                Assumption(
                    "fits",
                    (vpt_start >= (1 << 64) - LINE)
                    & (vpt_start <= (1 << 64) - PAGE_SIZE)
                    & (counted < 512)
                    & (goes_to * PAGE_SIZE <= space),
                    "T is in the last 4 MiB, and the tables, stack and 512 KiB fit above it",
                ),
            ),
            goal=(vpt_start + goes_to * PAGE_SIZE > end()) & (domu.last_address(vpt_start, goes_to) == -1),
        ),
        Steps(generalise=(counted,)),
    )


def _same(mode: PagingMode) -> Truth:
    return (toolstacks(mode) == n) & (end() == v_end(vpt_start, n))


def _small(mode: PagingMode) -> Truth:
    stopped = vpt_start + (toolstacks(mode) + domu.EXTRA) * PAGE_SIZE <= end()
    few = (n < 64) & (pages < 64 + domu.EXTRA) & (pages >= domu.EXTRA)
    return ordinary() & (vpt_start - v_start < 16 << 20) & few & stopped & (n == loop.needed(mode, n))


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=SOURCE,
)
def domu_equals_dom0() -> tuple[Part, ...]:
    """64-bit, S ≤ T, the region across no multiple of 2^48, V ≤ 2^64 - 4 MiB: libxenguest's n and V are the search's.

    A region that ends at 2^64 itself is the hypervisor's last one; the toolstack's iteration never stops there.
    """
    small = _small(X86_64)
    return (
        Part(
            name=X86_64.title,
            lemma=agree(X86_64),
            least=(v_start, vpt_start),
            shape=small & (v_start == 0),
            without={
                # Without these one of the two never stops, or not in any time that matters.
                "in-order": FALSE,
                "fits": FALSE,
                "block": ordinary()
                & (v_start == (1 << 48) - LINE)
                & (vpt_start == (1 << 48) - 16 * PAGE_SIZE)
                & (n < 64),
            },
            replay=_both(X86_64),
        ),
        Part(
            name="a region that ends at 2^64: the iteration never stops",
            lemma=never_stops(),
            least=(v_start, vpt_start, pages),
            shape=(v_start == (1 << 64) - 4 * LINE) & (vpt_start == (1 << 64) - LINE) & (pages == domu.EXTRA),
            without={
                "last": (v_start == (1 << 64) - 4 * LINE)
                & (vpt_start == (1 << 64) - 2 * LINE)
                & (pages == domu.EXTRA),
                "fits": (v_start == (1 << 64) - 4 * LINE)
                & (vpt_start == (1 << 64) - 16 * PAGE_SIZE)
                & (pages == 0),
            },
            replay=_goes_round,
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=SOURCE,
    cure="a domU that starts below 1 GiB: then the toolstack, too, gives it four L2",
)
def domu_pae_equals() -> tuple[Part, ...]:
    """PAE, S ≤ T, V ≤ 4 GiB: libxenguest's n and V are the search's.

    Refuted: it gives no L2 to what lies below the region, and 4 - S / 1 GiB are left. Proved for S < 1 GiB.
    """
    statement = agree(COMPAT).statement
    return (
        Part(
            name="any start",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "toolstack-agrees[compat,any]",
                "the search stops at n, the iteration at p ⇒ its tables are n, and it ends the region at V(n)",
                Statement(assumptions=(in_order(), fits(COMPAT)), runs=statement.runs, goal=statement.goal),
            ),
            least=(v_start, vpt_start),
            shape=_small(COMPAT) & (v_start == 3 << 30),
            replay=_both(COMPAT),
        ),
        Part(
            name="a start below 1 GiB",
            lemma=agree(COMPAT),
            least=(v_start, vpt_start),
            shape=_small(COMPAT) & (v_start == 0),
            without={
                "in-order": FALSE,
                "fits": (v_start == 0) & (vpt_start == (1 << 32) - 16 * PAGE_SIZE),
                "low": _small(COMPAT) & (v_start == 3 << 30),
            },
            replay=_both(COMPAT),
        ),
    )


CLAIMS: tuple[Claim, ...] = (domu_equals_dom0, domu_pae_equals)


def _walked(mode: PagingMode, start: int, after: int) -> int:
    """The tables of [start, after) as libxenguest makes them, found by walking."""
    if mode is X86_64:
        # An address's upper 16 bits are dropped: a region across a multiple of 2^48 then ends before it starts.
        return touched(X86_64, start, after) if start >> 48 == (after - 1) >> 48 else 1
    blocks = {
        shift: {each >> shift for each in (*range(start, after, 1 << 21), after - 1)} for shift in (30, 21)
    }
    if after - 1 < domu.XENS_GIB:
        blocks[30] |= set(range(start >> 30, 4))
    return 1 + sum(map(len, blocks.values()))


def iterate(mode: PagingMode, start: int, alloc_end: int) -> tuple[int, int]:
    """The toolstack's tables and region's end, by its iteration on plain integers that do not wrap."""
    count = 0
    while True:
        after = alloc_end + (count + domu.EXTRA) * PAGE_SIZE
        after += LINE - after % LINE
        count = _walked(mode, start, after)
        if alloc_end + (count + domu.EXTRA) * PAGE_SIZE <= after:
            return count, after


def _goes_round(values: Values) -> Replay:
    """Take the iteration's steps in 64-bit words."""
    limit = 1 << 64
    start, alloc_end, count = values["v_start"], values["vpt_start"], values["pages"]
    lasts = set()
    for _ in range(_ROUNDS):
        final = ((alloc_end + count * PAGE_SIZE) % limit) | (LINE - 1)
        lasts.add(final)
        low, high = start % (1 << 48), final % (1 << 48)
        count = (_walked(X86_64, low, high + 1) if low < high else 1) + domu.EXTRA
        if (alloc_end + count * PAGE_SIZE) % limit <= (final + 1) % limit:
            return Replay(holds=False, says=f"the iteration stops, with a region that ends at {final + 1:#x}")
    return Replay(
        len(lasts) == 1, f"after {_ROUNDS} steps the iteration still tries {count} pages above the tables"
    )


_ROUNDS: Final = 1000


def _both(mode: PagingMode) -> replays.Judge:
    """Judges whether the machine's layout of the region and the toolstack's iteration agree."""

    def judge(values: Values) -> Replay:
        start, tables_start = values["v_start"], values["vpt_start"]
        layout = replays.arranged(mode, start, tables_start) if start <= tables_start else None
        if layout is None:
            return Replay(None, replays.TOO_LARGE)
        try:
            count, after = iterate(mode, start, tables_start)
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        mine = layout.nr_pt_pages, layout.v_start + layout.total.size
        if mine[1] > top(mode):
            return Replay(None, "at the end of the address space, where the toolstack's figures wrap")
        return Replay(
            (count, after) == mine,
            f"the hypervisor sets {mine[0]} frames aside and ends at {mine[1]:#x}, "
            f"the toolstack {count} and ends at {after:#x}",
            replays.seen(layout, "the hypervisor's layout"),
        )

    return judge
