"""Lemmas and the theorem that the closed form is what the search finds.

Notation of DOMAIN.md section 1, and that of `encodings.closed_form`: lines are counted from the base, the border of the widest
level at or below S; a region of u lines more than the first ends at line(u); b is how many pages there are up to where the padding
ends, without tables, and first what a region takes that ends with the first line.

The argument. V(n) is a line, w, that n and b decide, and what a region up to a line takes is the first line's tables and those of
the lines more. So "n is exact" speaks of w only: n = first + more(w), and b + n pages fit into w lines. The division gives the least
u with b + first + more(u) ≤ the pages up to line u (`dividing`), so u ≤ w. Line u ends above S, since below S there are more pages
than tables. So first + more(u) is the count of a region, no more than n, and that many frames are enough, for they fit into u. The
search finds the least number that is enough.
"""

from functools import cache

from ...encodings.closed_form import (
    Lines,
    as_needed,
    base,
    first_tables,
    first_tables_by_level,
    gain,
    lines_more,
    lines_of,
    lines_that_leave,
    nr_pt_pages,
    pages_above_first,
    pages_without_tables,
    shifted,
    tables_more,
)
from ...encodings.dom0_count import FIRST_TRIED, tables, tables_by_level
from ...encodings.dom0_layout import PADDING, ROUNDING_SHIFT
from ...encodings.spans import round_up, spanned
from ...formal.layouts.paging import PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.words.word import WIDTH, Truth, Word, number, word
from ..shared import arithmetic, region, search
from ..shared.region import n, terms, v_start, vpt_start
from . import dividing
from .dividing import more, pages, total

b, first, u, w = word("b"), word("first"), word("u"), word("w")
ahead, padding = word("ahead"), word("padding")

FEW = 16
"""More tables than a mode has levels, the fixed ones counted one by one."""


def line(mode: PagingMode, rounding_shift: int, more: Word) -> Word:
    """Where a region ends that has so many lines more than the first."""
    return base(mode, rounding_shift, v_start) + ((more + 1) << rounding_shift)


def end_of(mode: PagingMode, rounding_shift: int, padding: Word, nr_pt_pages: Word) -> Word:
    """V(n): the stack's end and the padding, rounded up."""
    page = 1 << mode.page_shift
    return round_up(vpt_start + nr_pt_pages * page + page + padding, rounding_shift)


def base_shift(mode: PagingMode, rounding_shift: int) -> int:
    """log2 of what the base is a multiple of."""
    return max(rounding_shift, as_needed(mode)[-1].shift)


def last_line(lines: Lines, pages: Word) -> Word:
    """The line, counted from the one after the first, that so many pages end in."""
    return (pages - 1) >> lines.pages


def most_line(rounding_shift: int, base_shift: int) -> int:
    """What the lines of a region stay below, so that nothing wraps when its end is rounded up to the widest level."""
    return (1 << (WIDTH - rounding_shift)) - (1 << (base_shift - rounding_shift))


@cache
def line_bounds(lines: Lines) -> Lemma:
    """A page lies in its line."""
    last = last_line(lines, pages)
    return Lemma(
        f"line-bounds[{lines.slug}]",
        "w the line of the last of so many pages ⇒ w lines < pages ≤ w + 1 lines; w ≤ u ⇔ pages ≤ u + 1 lines",
        Statement(
            assumptions=(
                Assumption("some", (pages >= 1) & (pages < 1 << (WIDTH - lines.page_shift)), "some pages"),
                dividing.few(lines, more),
            ),
            goal=(last << lines.pages < pages)
            & (pages <= (last + 1) << lines.pages)
            & (last < dividing.most_lines(lines))
            & ((last <= more) == (pages <= (more + 1) << lines.pages)),
        ),
    )


def fits_above(limit: Word | int, page_shift: int, length: Word, frames: Word) -> Truth:
    """So many frames above a length stay within the limit, in bytes; written without wrapping."""
    return (length <= limit) & (frames <= (limit - length) >> page_shift)


@cache
def end_in_lines(lines: Lines, base_shift: int) -> Lemma:
    """Pages more are counted one by one, and rounded up to lines they end with the line that the last one lies in."""
    length, page = word("length"), 1 << lines.page_shift
    rounding_shift = lines.page_shift + lines.pages
    whole = (length + (page - 1)) >> lines.page_shift
    last = last_line(lines, whole + n)
    fits = fits_above((1 << WIDTH) - (1 << base_shift), lines.page_shift, length, n)
    return Lemma(
        f"end-in-lines[{lines.slug},{base_shift}]",
        "⌈x + 4096 n⌉ to lines = w + 1 lines, w the line of the page b + n - 1, b = ⌈x⌉ in pages",
        Statement(
            assumptions=(Assumption("fits", (length >= 1) & fits, "no wrapping"),),
            goal=(round_up(length + n * page, rounding_shift) == (last + 1) << rounding_shift)
            & (whole <= whole + n)
            & (whole + n < 1 << (WIDTH - lines.page_shift))
            & (last < most_line(rounding_shift, base_shift)),
        ),
    )


@cache
def up_from_line(rounding_shift: int) -> Lemma:
    """From a border of lines, rounding up to lines is rounding up the length."""
    low, far, length = arithmetic.low, arithmetic.far, word("length")
    return Lemma(
        f"up-from-line[{rounding_shift}]",
        "⌈far⌉ = low + ⌈far - low⌉ for low on a line",
        Statement(
            assumptions=(
                Assumption("on-a-line", low & ((1 << rounding_shift) - 1) == 0, "low is a border of lines"),
                Assumption("length", far - low == length, "far lies so far above low"),
            ),
            goal=round_up(far, rounding_shift) == low + round_up(length, rounding_shift),
        ),
    )


@cache
def from_low(page_shift: int) -> Lemma:
    """The end of the padding, counted from low: the same sum, put in order, one by one."""
    low, far, page = arithmetic.low, arithmetic.far, 1 << page_shift
    above, tables, stack = far - low, n * page, number(page)
    sums = far + stack, far + stack + padding, far + tables + stack, (far + tables) + stack + padding
    return Lemma(
        f"from-low[{page_shift}]",
        "E + padding - low = (T - low + stack + padding) + 4096 n",
        Statement(goal=sums[3] - low == (above + stack + padding) + tables),
        Steps(
            uses=(
                swapped().at(a=far, b=tables, c=stack),
                swapped().at(a=sums[0], b=tables, c=padding),
                *(
                    taken_off().at(a=one, b=other, c=low)
                    for one, other in ((sums[1], tables), (sums[0], padding), (far, stack))
                ),
            ),
            generalise=terms(tables),
        ),
    )


@cache
def swapped() -> Lemma:
    """Of three, the order in which they are added doesn't matter."""
    a, b, c = arithmetic.a, arithmetic.b, arithmetic.c
    return Lemma("swapped", "(a + b) + c = (a + c) + b", Statement(goal=(a + b) + c == (a + c) + b))


@cache
def taken_off() -> Lemma:
    """What is taken off a sum is taken off the first."""
    a, b, c = arithmetic.a, arithmetic.b, arithmetic.c
    return Lemma("taken-off", "(a + b) - c = (a - c) + b", Statement(goal=(a + b) - c == (a - c) + b))


def fits(mode: PagingMode, limit: int, nr_pt_pages: Word) -> Assumption:
    """The assumption that the tables end within ``limit`` bytes of S."""
    condition = fits_above(limit, mode.page_shift, vpt_start - v_start, nr_pt_pages)
    return Assumption("room", condition, f"the tables end within {limit:#x} bytes of S")


def _little(mode: PagingMode, rounding_shift: int, limit: int) -> Assumption:
    most = (1 << WIDTH) - (2 << base_shift(mode, rounding_shift)) - limit - (2 << mode.page_shift)
    return Assumption("padding", padding <= most, "the padding doesn't make the region come full circle")


@cache
def from_base(mode: PagingMode, rounding_shift: int, limit: int) -> Lemma:
    """What fits above S, with stack and padding, fits above the base, which is as much below S as ``ahead``."""
    low, page = base(mode, rounding_shift, v_start), 1 << mode.page_shift
    without = (vpt_start - low) + page + padding
    whole = (1 << WIDTH) - (1 << base_shift(mode, rounding_shift))
    return Lemma(
        f"from-base[{mode.name},{rounding_shift},{limit:#x}]",
        "within the limit of S ⇒ stack, padding and tables end within 2^64 - 2^base of the base, and above S",
        Statement(
            assumptions=(fits(mode, limit, n), _little(mode, rounding_shift, limit)),
            goal=fits_above(whole, mode.page_shift, without, n)
            & (without >= 1)
            & ((without + (page - 1)) >> mode.page_shift > (v_start - low) >> mode.page_shift)
            & (low & ((1 << rounding_shift) - 1) == 0),
        ),
    )


@cache
def above_start(lines: Lines) -> Lemma:
    """The line of a page above S ends above S."""
    rounding_shift, last = lines.page_shift + lines.pages, last_line(lines, pages)
    return Lemma(
        f"above-start[{lines.slug}]",
        "a page above S lies in a line that ends above S",
        Statement(
            assumptions=(
                Assumption("above", pages > ahead >> lines.page_shift, "the page is above S"),
                Assumption("small", last < (1 << (WIDTH - rounding_shift)) - 1, "no wrapping"),
            ),
            goal=ahead <= (last + 1) << rounding_shift,
        ),
    )


@cache
def level_at_line(shift: int, rounding_shift: int, base_shift: int) -> Lemma:
    """What a level takes of a region that ends with a line: what it takes up to the first one, and of the lines more."""
    start = v_start & -(1 << base_shift)
    first = number(1 << max(0, rounding_shift - shift)) - (v_start - start >> shift)
    return Lemma(
        f"level-at-line[{shift},{rounding_shift},{base_shift}]",
        "N(S, line u) = N(S, line 0) + more(u)",
        Statement(
            assumptions=(_within(rounding_shift, base_shift),),
            goal=spanned(v_start, start + ((more + 1) << rounding_shift), shift)
            == first + shifted(more, rounding_shift - shift),
        ),
    )


def _within(rounding_shift: int, base_shift: int) -> Assumption:
    """The region up to a line is no shorter than nothing, and not around the address space."""
    start = v_start & -(1 << base_shift)
    condition = more < most_line(rounding_shift, base_shift)
    condition &= v_start - start <= (more + 1) << rounding_shift
    return Assumption(
        "within", condition, "S is no higher than the line's end, and the lines stay below the base"
    )


def mores_by_level(mode: PagingMode, rounding_shift: int, more: Word) -> tuple[Word, ...]:
    """How many tables lines more take at each counted level, the root's first."""
    return tuple(
        shifted(more, rounding_shift - level.shift) if level.fixed is None else number(0)
        for level in reversed(mode.counted_levels)
    )


@cache
def tables_at_line(mode: PagingMode, rounding_shift: int) -> Lemma:
    """What a region takes that ends with a line."""
    lines, shift = lines_of(mode, rounding_shift), base_shift(mode, rounding_shift)
    end = line(mode, rounding_shift, more)
    spans = tables_by_level(mode, v_start, end)
    firsts = first_tables_by_level(mode, rounding_shift, v_start)
    mores = mores_by_level(mode, rounding_shift, more)
    return Lemma(
        f"tables-at-line[{mode.name},{rounding_shift}]",
        "f(S, line u) = f(S, line 0) + more(u)",
        Statement(
            assumptions=(_within(rounding_shift, shift),),
            goal=tables(mode, v_start, end)
            == first_tables(mode, rounding_shift, v_start) + tables_more(lines, more),
        ),
        Steps(
            uses=(
                *(level_at_line(level.shift, rounding_shift, shift).at() for level in as_needed(mode)[::-1]),
                *dividing.sums_by_part(spans, firsts, mores),
            ),
            generalise=terms(*spans, *firsts, *mores),
        ),
    )


@cache
def ends_in_a_line(mode: PagingMode, rounding_shift: int, limit: int) -> Lemma:
    """V(n) is a line, and what the region takes is what its first line takes, and the lines more."""
    lines, shift = lines_of(mode, rounding_shift), base_shift(mode, rounding_shift)
    low, page = base(mode, rounding_shift, v_start), 1 << mode.page_shift
    without = pages_without_tables(mode, rounding_shift, v_start, vpt_start, padding)
    length = (vpt_start - low) + page + padding
    last = last_line(lines, without + n)
    before = vpt_start + n * page + page + padding
    end, at_line = end_of(mode, rounding_shift, padding, n), line(mode, rounding_shift, last)
    return Lemma(
        f"ends-in-a-line[{mode.name},{rounding_shift},{limit:#x}]",
        "V(n) = line w, f(S, V(n)) = f(S, line 0) + more(w)",
        Statement(
            assumptions=(fits(mode, limit, n), _little(mode, rounding_shift, limit)),
            goal=(end == at_line)
            & (
                tables(mode, v_start, end)
                == first_tables(mode, rounding_shift, v_start) + tables_more(lines, last)
            )
            & (without > v_start - low >> mode.page_shift)
            & (without + n < 1 << (WIDTH - mode.page_shift))
            & (without <= without + n)
            & (v_start - low <= (last + 1) << rounding_shift)
            & (last < most_line(rounding_shift, shift)),
        ),
        Steps(
            uses=(
                from_base(mode, rounding_shift, limit).at(),
                from_low(mode.page_shift).at(low=low, far=vpt_start),
                up_from_line(rounding_shift).at(low=low, far=before, length=length + n * page),
                end_in_lines(lines, shift).at(length=length),
                above_start(lines).at(ahead=v_start - low, pages=without + n),
                tables_at_line(mode, rounding_shift).at(more=last),
                region.same_tables(mode).at(near=end, far=at_line),
            ),
            generalise=terms(
                tables(mode, v_start, end),
                tables(mode, v_start, at_line),
                tables_more(lines, last),
                first_tables(mode, rounding_shift, v_start),
                end,
                before,
                round_up(length + n * page, rounding_shift),
                length + n * page,
                without,
                length,
                v_start - low,
                low,
            ),
        ),
    )


@cache
def level_below(shift: int, rounding_shift: int, base_shift: int) -> Lemma:
    """What a level takes of a region that ends with a line below S: less than nothing by the whole tables between."""
    end = (more + 1) << rounding_shift
    first = number(1 << max(0, rounding_shift - shift)) - (ahead >> shift)
    return Lemma(
        f"level-below[{shift},{rounding_shift},{base_shift}]",
        "line u below S ⇒ N(S, line u) + the whole tables between is 0 or 1",
        Statement(
            assumptions=(_below(rounding_shift, base_shift, ahead),),
            goal=(first + shifted(more, rounding_shift - shift)) + (ahead - end >> shift) <= 1,
        ),
    )


def _below(rounding_shift: int, base_shift: int, ahead: Word) -> Assumption:
    condition = (ahead < 1 << base_shift) & (more < most_line(rounding_shift, base_shift))
    return Assumption(
        "below", condition & ((more + 1) << rounding_shift < ahead), "line u ends below S, above the base"
    )


@cache
def from_border(shift: int) -> Lemma:
    """No address is further above a border than the next one."""
    return Lemma(
        f"from-border[{shift}]",
        f"S - ⌊S⌋ < 2^{shift}",
        Statement(goal=v_start - (v_start & -(1 << shift)) < 1 << shift),
    )


@cache
def pages_below(lines: Lines, base_shift: int) -> Lemma:
    """Between a line and S there are no more whole tables than pages."""
    rounding_shift = lines.page_shift + lines.pages
    between, below = ahead - ((more + 1) << rounding_shift), (more + 1) << lines.pages
    both = total([between >> (rounding_shift - each) for each in lines.shifts]) + below
    return Lemma(
        f"pages-below[{lines.slug},{base_shift}]",
        "line u below S ⇒ the tables between + u + 1 lines of pages ≤ the pages below S",
        Statement(
            assumptions=(_below(rounding_shift, base_shift, ahead),),
            goal=(below <= both) & (both <= ahead >> lines.page_shift),
        ),
    )


def _below_by_level(mode: PagingMode, rounding_shift: int) -> tuple[list[Word], list[Word]]:
    """What each counted level takes of a region that ends with line u, and its whole tables from there up to S."""
    above = v_start - base(mode, rounding_shift, v_start)
    firsts = first_tables_by_level(mode, rounding_shift, v_start)
    takes = [
        one + other for one, other in zip(firsts, mores_by_level(mode, rounding_shift, more), strict=True)
    ]
    between = above - ((more + 1) << rounding_shift)
    return takes, [
        between >> level.shift if level.fixed is None else number(0)
        for level in reversed(mode.counted_levels)
    ]


@cache
def few_below(mode: PagingMode, rounding_shift: int) -> Lemma:
    """What a region takes that ends with a line below S: less than nothing by the whole tables between, at most."""
    shift = base_shift(mode, rounding_shift)
    above = v_start - base(mode, rounding_shift, v_start)
    takes, shares = _below_by_level(mode, rounding_shift)
    both = [one + other for one, other in zip(takes, shares, strict=True)]
    sums = [total(some[: index + 1]) for some in (takes, shares) for index in range(len(some))]
    return Lemma(
        f"few-below[{mode.name},{rounding_shift}]",
        "line u below S ⇒ what each level takes + its whole tables between = a few in all",
        Statement(
            assumptions=(_below(rounding_shift, shift, above),), goal=total(takes) + total(shares) <= FEW
        ),
        Steps(
            uses=(
                *(
                    level_below(level.shift, rounding_shift, shift).at(ahead=above)
                    for level in as_needed(mode)
                ),
                *dividing.sums_by_part(both, takes, shares),
            ),
            generalise=terms(*both, *sums),
        ),
    )


@cache
def takes_at_line(mode: PagingMode, rounding_shift: int) -> Lemma:
    """The sum of what the levels take, for a line above S or below: the first line's tables, and those of the lines more."""
    firsts = first_tables_by_level(mode, rounding_shift, v_start)
    mores = mores_by_level(mode, rounding_shift, more)
    takes, _ = _below_by_level(mode, rounding_shift)
    return Lemma(
        f"takes-at-line[{mode.name},{rounding_shift}]",
        "Σ (first + more(u)) = Σ first + Σ more(u)",
        Statement(goal=total(takes) == total(firsts) + total(mores)),
        Steps(uses=dividing.sums_by_part(takes, firsts, mores), generalise=terms(*takes, *firsts, *mores)),
    )


@cache
def below_start(mode: PagingMode, rounding_shift: int) -> Lemma:
    """Lines into which b pages fit, and the tables, end above S: below it there are more pages than tables."""
    lines, shift = lines_of(mode, rounding_shift), base_shift(mode, rounding_shift)
    above = v_start - base(mode, rounding_shift, v_start)
    end = (more + 1) << rounding_shift
    first, tables = first_tables(mode, rounding_shift, v_start), tables_more(lines, more)
    below = (
        few_below(mode, rounding_shift).wherever(),
        takes_at_line(mode, rounding_shift).at(),
        pages_below(lines, shift).wherever(ahead=above),
        arithmetic.associative().at(a=b, b=first, c=tables),
    )
    return Lemma(
        f"below-start[{mode.name},{rounding_shift}]",
        "b is above S, b + first + more(u) ≤ the pages of u + 1 lines ⇒ line u ends above S",
        Statement(
            assumptions=(
                Assumption(
                    "above", (b > above >> mode.page_shift) & (b < 1 << (WIDTH - mode.page_shift)), "above S"
                ),
                Assumption("few", more < most_line(rounding_shift, shift), "no wrapping"),
                Assumption("fits", (b + first) + tables <= (more + 1) << lines.pages, "they fit"),
            ),
            goal=above <= end,
        ),
        Steps(
            uses=(from_border(shift).at(), *(below if shift > rounding_shift else ())),
            generalise=terms(
                *map(total, _below_by_level(mode, rounding_shift)),
                (b + first) + tables,
                first + tables,
                (more + 1) << lines.pages,
                above >> mode.page_shift,
                above,
            ),
        ),
    )


@cache
def least_line(lines: Lines) -> Lemma:
    """The division gives a line no later than the one where the count is exact; the pages and its tables fit into it."""
    frames = b + n
    last = last_line(lines, frames)
    u = lines_that_leave(lines, pages_above_first(lines, b + first))
    at_u, at_last = tables_more(lines, u), tables_more(lines, last)
    ends = [each << lines.pages for each in (u, u + 1, last, last + 1)]
    return Lemma(
        f"least-line[{lines.slug}]",
        "n = first + more(w), which ends in line w ⇒ u ≤ w, b + first + more(u) ≤ the pages of u + 1 lines",
        Statement(
            assumptions=(
                Assumption("exact", n == first + at_last, "n is exact"),
                Assumption(
                    "range",
                    (b >= 1) & (b <= frames) & (frames < 1 << (WIDTH - lines.page_shift)),
                    "nothing wraps",
                ),
            ),
            goal=(u <= last) & ((b + first) + at_u <= ends[1]),
        ),
        Steps(
            uses=(
                arithmetic.associative().at(a=b, b=first, c=at_last),
                line_bounds(lines).at(pages=frames, more=number(0)),
                *(dividing.begun_leave_pages(lines).wherever(more=each) for each in (u, last)),
                *(
                    dividing.level_adds(lines.pages).at(whole=each + 1, more=each, other=number(1))
                    for each in (u, last)
                ),
                dividing.divides(lines).at(pages=pages_above_first(lines, b + first)),
                dividing.gain_rises(lines).wherever(more=last, other=u - 1),
                dividing.same_gain(lines).wherever(more=last, other=u - 1),
            ),
            generalise=terms(gain(lines, u - 1), *ends, at_u, at_last, u, last, b + first),
        ),
    )


@cache
def lines_in_order(mode: PagingMode, rounding_shift: int) -> Lemma:
    """More lines end higher, counted from S."""
    shift = base_shift(mode, rounding_shift)
    above = v_start - base(mode, rounding_shift, v_start)
    ends = [line(mode, rounding_shift, each) - v_start for each in (more, w)]
    return Lemma(
        f"lines-in-order[{mode.name},{rounding_shift},{shift}]",
        "u ≤ w ⇒ line u ≤ line w, counted from S",
        Statement(
            assumptions=(
                Assumption("in-order", (more <= w) & (w < most_line(rounding_shift, shift)), "u ≤ w"),
                Assumption("beyond", above <= (more + 1) << rounding_shift, "S is no higher than line u"),
            ),
            goal=ends[0] <= ends[1],
        ),
    )


@cache
def enough(mode: PagingMode, rounding_shift: int, limit: int) -> Lemma:
    """Where n is exact, the closed form is no more, and so many frames are enough for the region that they make."""
    lines = lines_of(mode, rounding_shift)
    above = v_start - base(mode, rounding_shift, v_start)
    without = pages_without_tables(mode, rounding_shift, v_start, vpt_start, padding)
    first = first_tables(mode, rounding_shift, v_start)
    frames = nr_pt_pages(mode, rounding_shift, v_start, vpt_start, padding)
    u = lines_more(mode, rounding_shift, v_start, vpt_start, padding)
    ends = [end_of(mode, rounding_shift, padding, each) for each in (n, frames)]
    lasts = [last_line(lines, without + each) for each in (n, frames)]
    at_lines = [line(mode, rounding_shift, each) for each in (u, *lasts)]
    exact = tables(mode, v_start, ends[0]) == n
    short = ends[0] - v_start <= region.region_limit(mode)
    return Lemma(
        f"closed-form-is-enough[{mode.name},{rounding_shift},{limit:#x}]",
        "f(S, V(n)) = n ⇒ m ≤ n, f(S, V(m)) ≤ m for the closed form m",
        Statement(
            assumptions=(
                fits(mode, limit, n),
                _little(mode, rounding_shift, limit),
                Assumption("exact", exact, "n is exact"),
                Assumption("short", short, "the region does not come full circle"),
            ),
            goal=(frames <= n) & (tables(mode, v_start, ends[1]) <= frames),
        ),
        Steps(
            uses=(
                ends_in_a_line(mode, rounding_shift, limit).at(),
                least_line(lines).at(b=without, first=first),
                below_start(mode, rounding_shift).at(b=without, more=u),
                tables_at_line(mode, rounding_shift).at(more=u),
                lines_in_order(mode, rounding_shift).at(more=u, w=lasts[0]),
                region.tables_grow(mode).at(near=at_lines[0], far=ends[0]),
                ends_in_a_line(mode, rounding_shift, limit).at(n=frames),
                arithmetic.associative().at(a=without, b=first, c=tables_more(lines, u)),
                line_bounds(lines).at(pages=without + frames, more=u),
                lines_in_order(mode, rounding_shift).at(more=lasts[1], w=u),
                region.tables_grow(mode).at(near=ends[1], far=at_lines[0]),
            ),
            generalise=terms(
                *(tables(mode, v_start, each) for each in (*ends, at_lines[0])),
                *ends,
                *at_lines,
                *(tables_more(lines, each) for each in (u, *lasts)),
                (u + 1) << lines.pages,
                u,
                *lasts,
                first,
                above,
                without,
            ),
        ),
    )


@cache
def closed_form(mode: PagingMode) -> Lemma:
    """The closed form is what Xen's search finds."""
    limit, padding = region.tables_limit(mode), number(PADDING)
    frames = nr_pt_pages(mode, ROUNDING_SHIFT, v_start, vpt_start, padding)
    ends = [end_of(mode, ROUNDING_SHIFT, padding, each) for each in (n, frames)]
    needed = [search.needed(mode, each) for each in (n, frames)]
    return Lemma(
        f"closed-form[{mode.name}]",
        "the search from 2 stops at n ⇒ n is the closed form",
        Statement(
            assumptions=(region.room(mode, n),),
            runs=(search.found(mode),),
            goal=frames == n,
        ),
        Steps(
            uses=(
                search.exact(mode).at(),
                region.count_as_padded(mode).at(),
                region.v_end_grows(mode).at(m=n),
                enough(mode, ROUNDING_SHIFT, limit).at(padding=number(PADDING)),
                region.count_as_padded(mode).at(n=frames),
                region.count_at_least(mode).at(n=frames),
                search.stops_least(mode).at(m=frames, first=number(FIRST_TRIED)),
            ),
            generalise=terms(*needed, *(tables(mode, v_start, each) for each in ends), *ends, frames),
        ),
    )


def divided(mode: PagingMode, rounding_shift: int, start: int, tables_at: int, padding: int) -> int:
    """The closed form on plain integers, by Python's own division; S and T as words, in bytes."""
    low = start >> base_shift(mode, rounding_shift) << base_shift(mode, rounding_shift)
    ahead, page = start - low, 1 << mode.page_shift
    needed = -(-((tables_at - start) % (1 << WIDTH) + ahead + page + padding) // page)
    lines = lines_of(mode, rounding_shift)
    first = sum(
        max(1, 1 << rounding_shift >> level.shift) - (ahead >> level.shift)
        if level.fixed is None
        else level.fixed
        for level in mode.counted_levels
    )
    left, more = max(0, needed + first - (1 << lines.pages)), 0
    *wide, single = reversed(lines.gains())
    for block in wide:
        more += left // block.gain << block.lines
        left %= block.gain
    more += -(-left // single.gain)
    return first + sum(more << each for each in lines.tables) + sum(more >> each for each in lines.blocks)
