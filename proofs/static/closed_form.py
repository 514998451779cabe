"""Lemmas and the theorem that the closed form is what the search finds.

Notation of DOMAIN.md section 1, and that of `encodings.closed_form`: lines are counted from the base, the border of the widest
level at or below S; a region of u lines more than the first ends at line(u).

The argument. V(n) is a line, w, that n and the pages below it decide, and what a region up to a line takes is the first
line's tables and those of the lines more. So "n is exact" speaks of w only: n = first + more(w), and the pages fit into it, which is
gain(w) ≥ what is wanted. The division gives the least such u (`dividing`), so u ≤ w, and first + more(u) ≤ n. That many
frames are enough, too, for they fit into u. The search finds the least number that is enough.
"""

from collections.abc import Sequence
from functools import cache, reduce
from itertools import accumulate
from operator import add

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
    tables_more,
)
from ...encodings.dom0_count import FIRST_TRIED, tables, tables_by_level
from ...encodings.dom0_layout import PADDING, ROUNDING_SHIFT
from ...encodings.spans import round_up, spanned
from ...formal.layouts.paging import PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.words.word import WIDTH, Word, all_of, number, word
from ..shared import arithmetic, region, search
from ..shared.region import n, terms, v_start, vpt_start
from . import dividing, raises
from .dividing import a, c, d, e, more, other

before, above = word("before"), word("above")
b, w, z = word("b"), word("w"), word("z")

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
def line_of_pages(lines: Lines, base_shift: int) -> Lemma:
    """Rounded up to lines, an address is the end of the line that its last page lies in."""
    rounding_shift = lines.page_shift + lines.pages
    end = word("end")
    whole = (end + ((1 << lines.page_shift) - 1)) >> lines.page_shift
    return Lemma(
        f"line-of-pages[{lines.slug},{base_shift}]",
        "⌈e⌉ to lines = (line of the last page + 1) lines",
        Statement(
            assumptions=(
                Assumption(
                    "some", (end >= 1) & (end <= (1 << WIDTH) - (1 << base_shift)), "0 < e, and no wrapping"
                ),
            ),
            goal=(round_up(end, rounding_shift) == (last_line(lines, whole) + 1) << rounding_shift)
            & (last_line(lines, whole) < most_line(rounding_shift, base_shift)),
        ),
    )


@cache
def pages_add(page_shift: int) -> Lemma:
    """Pages more are counted one by one."""
    end = word("end")
    page = 1 << page_shift
    return Lemma(
        f"pages-add[{page_shift}]",
        "⌈e + 4096 n⌉ in pages = ⌈e⌉ in pages + n",
        Statement(
            assumptions=(
                Assumption(
                    "fits",
                    (end <= -(2 * page)) & (n <= (number(-(2 * page)) - end) >> page_shift),
                    "no wrapping",
                ),
            ),
            goal=(end + n * page + (page - 1)) >> page_shift == ((end + (page - 1)) >> page_shift) + n,
        ),
    )


@cache
def pages_bounded(page_shift: int) -> Lemma:
    """No word has more pages than an address space."""
    end = word("end")
    return Lemma(
        f"pages-bounded[{page_shift}]",
        "e / page < 2^64 / page",
        Statement(goal=end >> page_shift < 1 << (WIDTH - page_shift)),
    )


@cache
def pages_above(page_shift: int, limit: int) -> Lemma:
    """Stack and padding take a page at least."""
    length, padding = word("length"), word("padding")
    page = 1 << page_shift
    return Lemma(
        f"pages-above[{page_shift},{limit:#x}]",
        "⌈d + stack + padding⌉ in pages ≥ 1 + ⌊d⌋ in pages",
        Statement(
            assumptions=(
                Assumption(
                    "fits", (length <= limit) & (padding <= (1 << WIDTH) - limit - 2 * page), "no wrapping"
                ),
            ),
            goal=(length + page + padding + (page - 1)) >> page_shift >= 1 + (length >> page_shift),
        ),
    )


@cache
def up_from_line(rounding_shift: int) -> Lemma:
    """From a border of lines, rounding up to lines is rounding up the length."""
    low, far, length = arithmetic.low, arithmetic.far, word("length")
    return Lemma(
        f"up-from-line[{rounding_shift}]",
        "⌈far⌉ - low = ⌈far - low⌉ for low on a line",
        Statement(
            assumptions=(
                Assumption("on-a-line", low & ((1 << rounding_shift) - 1) == 0, "low is a border of lines"),
                Assumption("length", far - low == length, "far lies so far above low"),
            ),
            goal=round_up(far, rounding_shift) == low + round_up(length, rounding_shift),
        ),
    )


@cache
def stack_within(lines: Lines, base_shift: int, limit: int) -> Lemma:
    """Tables, stack and padding end short of the address space by what the base is a multiple of."""
    length, padding, bytes_ = word("length"), word("padding"), word("bytes")
    page, whole = 1 << lines.page_shift, (1 << WIDTH) - (1 << base_shift)
    return Lemma(
        f"stack-within[{lines.slug},{base_shift},{limit:#x}]",
        "d + tables ≤ limit ⇒ d + stack + padding + tables ≤ 2^64 - 2^base",
        Statement(
            assumptions=(
                Assumption(
                    "fits", (length <= length + bytes_) & (length + bytes_ <= limit), "the tables fit"
                ),
                Assumption("padding", padding <= whole - limit - page, "no wrapping"),
            ),
            goal=(length + page + padding + bytes_ >= 1) & (length + page + padding + bytes_ <= whole),
        ),
    )


@cache
def from_low(page_shift: int) -> Lemma:
    """The end of the padding, counted from low: the same sum, put in order."""
    low, far, padding = arithmetic.low, arithmetic.far, word("padding")
    page = 1 << page_shift
    return Lemma(
        f"from-low[{page_shift}]",
        "E + padding - low = (T - low + stack + padding) + 4096 n",
        Statement(goal=(far + n * page + page + padding) - low == ((far - low) + page + padding) + n * page),
    )


@cache
def end_in_lines(lines: Lines, base_shift: int, limit: int) -> Lemma:
    """The region ends with the line that its last page lies in."""
    low, far, padding = arithmetic.low, arithmetic.far, word("padding")
    rounding_shift = lines.page_shift + lines.pages
    page, length = 1 << lines.page_shift, 1 << rounding_shift
    end = far + n * page + page + padding
    without = (far - low) + page + padding
    whole = (without + (page - 1)) >> lines.page_shift
    pages = (without + n * page + (page - 1)) >> lines.page_shift
    return Lemma(
        f"end-in-lines[{lines.slug},{base_shift},{limit:#x}]",
        "V(n) = low + (w + 1) lines, w the line of the page b + n - 1",
        Statement(
            assumptions=(
                Assumption("on-a-line", low & (length - 1) == 0, "low is a border of lines"),
                Assumption(
                    "padding", padding <= (1 << WIDTH) - (1 << base_shift) - limit - 2 * page, "no wrapping"
                ),
                Assumption(
                    "fits",
                    (far - low <= limit) & (n <= (number(limit) - (far - low)) >> lines.page_shift),
                    "n pages fit above far",
                ),
            ),
            goal=(
                round_up(end, rounding_shift) == low + ((last_line(lines, whole + n) + 1) << rounding_shift)
            )
            & (whole >= 1 + ((far - low) >> lines.page_shift))
            & (whole + n < 1 << (WIDTH - lines.page_shift))
            & (whole <= whole + n)
            & (last_line(lines, whole + n) < most_line(rounding_shift, base_shift)),
        ),
        Steps(
            uses=(
                region.pages_fit(limit).at(n=number(0), m=n, d=far - low),
                from_low(lines.page_shift).at(),
                up_from_line(rounding_shift).at(far=end, length=without + n * page),
                stack_within(lines, base_shift, limit).at(length=far - low, bytes=n * page),
                pages_add(lines.page_shift).at(end=without),
                line_of_pages(lines, base_shift).at(end=without + n * page),
                pages_above(lines.page_shift, limit).at(length=far - low),
                *(
                    pages_bounded(lines.page_shift).at(end=each)
                    for each in (
                        without + (page - 1),
                        without + n * page + (page - 1),
                        number(limit) - (far - low),
                    )
                ),
            ),
            generalise=terms(
                round_up(end, rounding_shift),
                round_up(without + n * page, rounding_shift),
                end - low,
                without + n * page,
                pages,
                whole,
            ),
        ),
    )


@cache
def level_at_line(shift: int, rounding_shift: int, base_shift: int) -> Lemma:
    """What a level takes of a region that ends with a line: what it takes up to the first one, and of the lines more."""
    low = v_start
    start = low & -(1 << base_shift)
    ahead = low - start
    of_more = (
        more << (rounding_shift - shift) if shift <= rounding_shift else more >> (shift - rounding_shift)
    )
    first = number(1 << max(0, rounding_shift - shift)) - (ahead >> shift)
    return Lemma(
        f"level-at-line[{shift},{rounding_shift},{base_shift}]",
        "N(S, line u) = N(S, line 0) + more(u)",
        Statement(
            assumptions=(_within(rounding_shift, base_shift),),
            goal=spanned(low, start + ((more + 1) << rounding_shift), shift) == first + of_more,
        ),
    )


def _within(rounding_shift: int, base_shift: int) -> Assumption:
    """The region up to a line is no shorter than nothing, and not around the address space."""
    ahead = v_start - (v_start & -(1 << base_shift))
    condition = (more < most_line(rounding_shift, base_shift)) & (ahead <= (more + 1) << rounding_shift)
    return Assumption(
        "within", condition, "S is no higher than the line's end, and the lines stay below the base"
    )


def mores_by_level(mode: PagingMode, rounding_shift: int, more: Word) -> tuple[Word, ...]:
    """How many tables lines more take at each counted level, the root's first."""
    return tuple(
        number(0)
        if level.fixed is not None
        else more << (rounding_shift - level.shift)
        if level.shift <= rounding_shift
        else more >> (level.shift - rounding_shift)
        for level in reversed(mode.counted_levels)
    )


def by_level(
    mode: PagingMode, wholes: Sequence[Word], firsts: Sequence[Word], mores: Sequence[Word]
) -> list[Use]:
    """Adds up wholes that are each a first and a more: the sum of all, then, is that of the sums."""
    levels = mode.counted_levels[::-1]
    of_more = mores[0]
    uses = []
    for index in range(1, len(levels)):
        uses.append(
            arithmetic.sums_move().at(
                e=reduce(add, wholes[:index]),
                a=reduce(add, firsts[:index]),
                b=of_more,
                f=wholes[index],
                c=firsts[index],
                d=mores[index],
            )
        )
        if levels[index].fixed is None:
            of_more = mores[index] if of_more is number(0) else of_more + mores[index]
    return uses


@cache
def tables_at_line(mode: PagingMode, rounding_shift: int) -> Lemma:
    """What a region takes that ends with a line."""
    lines = lines_of(mode, rounding_shift)
    end = line(mode, rounding_shift, more)
    spans = tables_by_level(mode, v_start, end)
    firsts = first_tables_by_level(mode, rounding_shift, v_start)
    mores = mores_by_level(mode, rounding_shift, more)
    return Lemma(
        f"tables-at-line[{mode.name},{rounding_shift}]",
        "f(S, line u) = f(S, line 0) + more(u)",
        Statement(
            assumptions=(_within(rounding_shift, base_shift(mode, rounding_shift)),),
            goal=tables(mode, v_start, end)
            == first_tables(mode, rounding_shift, v_start) + tables_more(lines, more),
        ),
        Steps(
            uses=(
                *(
                    level_at_line(level.shift, rounding_shift, base_shift(mode, rounding_shift)).at()
                    for level in as_needed(mode)[::-1]
                ),
                *by_level(mode, spans, firsts, mores),
            ),
            generalise=terms(*spans, *firsts, *mores),
        ),
    )


def _gains(lines: Lines) -> list[Word]:
    """What some lines gain: by the multiples alone, and with each block in turn."""
    sums = list(accumulate((each.of(more) for each in dividing.parts_of(lines)), add))
    return sums[-1 - len(lines.blocks) :]


def _begun(lines: Lines) -> Word:
    """How many tables begin with some lines, of the levels that aren't wider than a line."""
    return reduce(add, (more << each for each in reversed(lines.tables)))


@cache
def pages_of_lines(lines: Lines) -> Lemma:
    """Each page of some lines is a table's or is gained: block by block, what its tables take cancels out."""
    gains = _gains(lines)
    rests = list(
        accumulate([_begun(lines), *(more >> each for each in lines.blocks)], lambda past, wide: wide + past)
    )
    wides = [more >> each for each in reversed(lines.blocks)]
    uses, sums, several = [], [], None
    flat = list(accumulate([*wides, *(more << each for each in reversed(lines.tables))], add))
    for index in range(len(wides) - 1, 0, -1):
        # ((w3 + w2) + w1) + t = (w3 + w2) + (w1 + t) = w3 + (w2 + (w1 + t))
        past = rests[len(wides) - 1 - index]
        uses.append(arithmetic.associative().at(a=flat[index - 1], b=wides[index], c=past))
        sums += [flat[index] + past, flat[index - 1] + (wides[index] + past)]
    for index in range(len(lines.blocks), 0, -1):
        wide, past, gained = more >> lines.blocks[index - 1], rests[index - 1], gains[index - 1]
        if several is None:
            uses.append(tables_cancel().at(a=gained, b=more, c=wide, d=past))
            several = more
        else:
            uses.append(tables_cancel_besides().at(a=gained, b=more, c=wide, d=past, e=several))
            uses.append(arithmetic.associative().at(a=gained, b=more, c=several))
            sums += [(gained + more) + several, gained + (more + several)]
            several = more + several
    return Lemma(
        f"pages-of-lines[{lines.slug}]",
        f"gain(u) + more(u) = 2^{lines.pages} u",
        Statement(goal=gain(lines, more) + tables_more(lines, more) == more << lines.pages),
        Steps(
            uses=(*uses, lines_of_ones(lines).at()),
            generalise=terms(*sums, *wides),
        ),
    )


@cache
def lines_of_ones(lines: Lines) -> Lemma:
    """Without what cancels out, the pages of some lines are a multiple of their number."""
    total = _gains(lines)[0]
    if lines.blocks:
        total += reduce(lambda past, _: more + past, lines.blocks[1:], more)
    return Lemma(
        f"lines-of-ones[{lines.slug}]",
        f"the sum of u's multiples is 2^{lines.pages} u",
        Statement(goal=total + _begun(lines) == more << lines.pages),
    )


@cache
def tables_cancel() -> Lemma:
    """What is taken off and added cancels out."""
    return Lemma(
        "tables-cancel",
        "(a + (b - c)) + (c + d) = (a + b) + d",
        Statement(goal=(a + (b - c)) + (c + d) == (a + b) + d),
    )


@cache
def tables_cancel_besides() -> Lemma:
    """The same with something besides."""
    return Lemma(
        "tables-cancel-besides",
        "((a + (b - c)) + e) + (c + d) = ((a + b) + e) + d",
        Statement(goal=((a + (b - c)) + e) + (c + d) == ((a + b) + e) + d),
    )


@cache
def level_before(shift: int, rounding_shift: int, page_shift: int) -> Lemma:
    """What a level takes of a region that ends with the last line below S: none, one, or fewer than none."""
    below = before >> rounding_shift
    rest = (before >> page_shift) & ((1 << (rounding_shift - page_shift)) - 1)
    first = number(1 << max(0, rounding_shift - shift)) - (before >> shift)
    if shift <= rounding_shift:
        takes = first + ((below - 1) << (rounding_shift - shift))
        goal = takes + (rest >> (shift - page_shift)) == 0
    else:
        goal = first + ((below - 1) >> (shift - rounding_shift)) <= 1
    return Lemma(
        f"level-before[{shift},{rounding_shift},{page_shift}]",
        "N(S, the line below S) is 0 or 1, or less than 0 by the whole tables between",
        Statement(assumptions=(Assumption("some", below >= 1, "a line ends below S"),), goal=goal),
    )


def _rest_of(lines: Lines, length: Word) -> tuple[Word, list[Word]]:
    """The pages of a length that fill no line, and how many tables of each level within a line they fill."""
    rest = (length >> lines.page_shift) & ((1 << lines.pages) - 1)
    return rest, [rest >> (lines.pages - each) for each in lines.tables]


@cache
def pages_below(lines: Lines) -> Lemma:
    """The pages below an address are those of the lines below it, and a rest, more than the tables that map it."""
    whole, below = before >> lines.page_shift, before >> (lines.page_shift + lines.pages)
    rest, shares = _rest_of(lines, before)
    return Lemma(
        f"pages-below[{lines.slug}]",
        "pages below S = those of the lines below S + rest, and the rest is no less than its tables",
        Statement(
            goal=(whole == (below << lines.pages) + rest)
            & (below << lines.pages <= whole)
            & (whole < 1 << (WIDTH - lines.page_shift))
            & (reduce(add, shares, number(0)) <= rest)
            & all_of(each <= rest for each in shares)
        ),
    )


@cache
def takes_below(mode: PagingMode, rounding_shift: int) -> Lemma:
    """What a region takes that ends with the last line below S: less than nothing by the tables of the rest, at most."""
    lines = lines_of(mode, rounding_shift)
    ahead = v_start - base(mode, rounding_shift, v_start)
    below = ahead >> rounding_shift
    firsts = first_tables_by_level(mode, rounding_shift, v_start)
    mores = mores_by_level(mode, rounding_shift, below - 1)
    takes = [one + other for one, other in zip(firsts, mores, strict=True)]
    whole = first_tables(mode, rounding_shift, v_start) + tables_more(lines, below - 1)
    _, shares = _rest_of(lines, ahead)
    return Lemma(
        f"takes-below[{mode.name},{rounding_shift}]",
        "f(S, the line below S) + the tables of the rest = a few",
        Statement(
            assumptions=(Assumption("some", below >= 1, "a line ends below S"),),
            goal=whole + reduce(add, shares, number(0)) <= FEW,
        ),
        Steps(
            uses=(
                *(
                    level_before(level.shift, rounding_shift, lines.page_shift).at(before=ahead)
                    for level in as_needed(mode)
                ),
                *by_level(mode, takes, firsts, mores),
            ),
            generalise=terms(
                *takes,
                *firsts,
                *mores,
                *shares,
                first_tables(mode, rounding_shift, v_start),
                tables_more(lines, below - 1),
            ),
        ),
    )


@cache
def starts_before(mode: PagingMode, rounding_shift: int) -> Lemma:
    """The lines that end before S have no room for what is wanted."""
    lines = lines_of(mode, rounding_shift)
    ahead = v_start - base(mode, rounding_shift, v_start)
    below = ahead >> rounding_shift
    whole = first_tables(mode, rounding_shift, v_start) + tables_more(lines, below - 1)
    rest, shares = _rest_of(lines, ahead)
    return Lemma(
        f"starts-before[{mode.name},{rounding_shift}]",
        "b is above S ⇒ the pages wanted are more than those of the lines below S",
        Statement(
            assumptions=(
                Assumption(
                    "above",
                    (b > ahead >> lines.page_shift) & (b <= 1 << (WIDTH - lines.page_shift)),
                    "b is above S",
                ),
                Assumption("some", below >= 1, "a line ends below S"),
            ),
            goal=below << lines.pages < b + whole,
        ),
        Steps(
            uses=(takes_below(mode, rounding_shift).at(), pages_below(lines).at(before=ahead)),
            generalise=terms(whole, *shares, rest, below << lines.pages, ahead >> lines.page_shift, below),
        ),
    )


def _least(lines: Lines, wanted: Word) -> Assumption:
    """That u = ``more`` is the least that leaves what is wanted."""
    gains = gain(lines, more), gain(lines, more - 1)
    least = (gains[0] >= wanted) & ((more == 0) | (gains[1] < wanted))
    return Assumption(
        "least", least & (more < dividing.most_lines(lines)), "u is the least that leaves what is wanted"
    )


def _no_less(lines: Lines, low: Word, high: Word) -> list[Use]:
    """What shows that ``low`` is no less than ``high``, where it gains as much."""
    return [
        dividing.gain_rises(lines).wherever(more=low, other=high),
        dividing.same_gain(lines).wherever(more=low, other=high),
    ]


@cache
def grouped() -> Lemma:
    """Where n is first + more, b + n is b + first and more: the same sum, put in order."""
    first, whole, rest = word("first"), word("whole"), word("rest")
    return Lemma(
        "grouped",
        "n = first + more ⇒ b + n = (b + first) + more",
        Statement(
            assumptions=(Assumption("sum", whole == first + rest, "n = first + more"),),
            goal=b + whole == (b + first) + rest,
        ),
    )


@cache
def line_bounds(lines: Lines) -> Lemma:
    """A page lies in its line."""
    start = last_line(lines, dividing.pages) << lines.pages
    return Lemma(
        f"line-bounds[{lines.slug}]",
        "w the line of the last of so many pages ⇒ w lines < pages ≤ w + 1 lines",
        Statement(
            assumptions=(
                Assumption("some", (dividing.pages >= 1) & (dividing.pages < 1 << (WIDTH - 2)), "some pages"),
            ),
            goal=(start < dividing.pages) & (dividing.pages <= start + (1 << lines.pages)),
        ),
    )


@cache
def same_line(lines: Lines) -> Lemma:
    """Equal lines start at the same page."""
    return arithmetic.same(
        f"same-line[{lines.slug}]", "u = w ⇒ u lines = w lines", lambda each: each << lines.pages, more, other
    )


@cache
def leaves_wanted(lines: Lines) -> Lemma:
    """The line where the count is exact leaves the pages wanted."""
    first = word("first")
    wanted = pages_above_first(lines, b + first)
    more_w = tables_more(lines, w)
    return Lemma(
        f"leaves-wanted[{lines.slug}]",
        "n = first + more(w), which ends in line w ⇒ gain(w) ≥ wanted",
        Statement(
            assumptions=(_range(lines), Assumption("exact", n == first + more_w, "n is exact")),
            goal=gain(lines, w) >= wanted,
        ),
        Steps(
            uses=(
                grouped().at(whole=n, first=first, rest=more_w),
                pages_of_lines(lines).at(more=w),
                gain_bounded(lines).at(more=w),
                line_bounds(lines).at(pages=b + n),
                same_line(lines).at(more=last_line(lines, b + n), other=w),
            ),
            generalise=terms(
                w << lines.pages,
                last_line(lines, b + n) << lines.pages,
                last_line(lines, b + n),
                b + n,
                b + first,
                gain(lines, w),
                more_w,
            ),
        ),
    )


@cache
def comes_by(lines: Lines) -> Lemma:
    """The least lines that leave the pages wanted come no later than the line where the count is exact."""
    u, first = more, word("first")
    wanted = pages_above_first(lines, b + first)
    more_w = tables_more(lines, w)
    return Lemma(
        f"comes-by[{lines.slug}]",
        "gain(u) ≥ wanted, least; n = first + more(w), which ends in line w ⇒ u ≤ w",
        Statement(
            assumptions=(
                _least(lines, wanted),
                _range(lines),
                Assumption("exact", n == first + more_w, "n is exact"),
            ),
            goal=u <= w,
        ),
        Steps(
            uses=(leaves_wanted(lines).at(), *_no_less(lines, w, u - 1)),
            generalise=terms(wanted, b + n, gain(lines, u), gain(lines, u - 1), gain(lines, w), more_w),
        ),
    )


def _range(lines: Lines) -> Assumption:
    """That n frames end in line w, and nothing wraps."""
    pages = b + n
    condition = (w == last_line(lines, pages)) & (b >= 1) & (b <= pages)
    condition &= (pages < 1 << (WIDTH - lines.page_shift)) & (w < dividing.most_lines(lines))
    return Assumption("range", condition, "n frames end in line w, and nothing wraps")


@cache
def gain_bounded(lines: Lines) -> Lemma:
    """Few lines gain few pages."""
    return Lemma(
        f"gain-bounded[{lines.slug}]",
        "gain(u) ≤ pages of u lines",
        Statement(
            assumptions=(Assumption("few", more < dividing.most_lines(lines), "few lines"),),
            goal=(gain(lines, more) <= more << lines.pages)
            & (tables_more(lines, more) <= more << lines.pages),
        ),
    )


@cache
def is_enough(lines: Lines) -> Lemma:
    """The tables of the lines that leave the pages wanted end in these lines."""
    u, first = more, word("first")
    wanted = pages_above_first(lines, b + first)
    frames = first + tables_more(lines, u)
    return Lemma(
        f"is-enough[{lines.slug}]",
        "gain(u) ≥ wanted, m = first + more(u) frames ⇒ they end in line u at most",
        Statement(
            assumptions=(
                _least(lines, wanted),
                Assumption(
                    "some",
                    (b >= 1) & (b <= b + frames) & (b + frames < 1 << (WIDTH - lines.page_shift)),
                    "nothing wraps",
                ),
            ),
            goal=last_line(lines, b + frames) <= u,
        ),
        Steps(
            uses=(
                grouped().at(whole=frames, first=first, rest=tables_more(lines, u)),
                pages_of_lines(lines).at(),
                gain_bounded(lines).at(),
            ),
            generalise=terms(
                b + frames, b + first, gain(lines, u), gain(lines, u - 1), tables_more(lines, u)
            ),
        ),
    )


@cache
def starts_by(lines: Lines) -> Lemma:
    """The least lines that leave the pages wanted go beyond those that have no room for them."""
    u, first, start = more, word("first"), word("start")
    wanted = pages_above_first(lines, b + first)
    return Lemma(
        f"starts-by[{lines.slug}]",
        "the lines up to s have no room, gain(u) ≥ wanted ⇒ s < u",
        Statement(
            assumptions=(
                _least(lines, wanted),
                Assumption(
                    "no-room",
                    ((start + 1) << lines.pages < b + (first + tables_more(lines, start)))
                    & (start < dividing.most_lines(lines))
                    & (b + first < 1 << (WIDTH - lines.page_shift + 1)),
                    "the lines up to s have no room",
                ),
            ),
            goal=start < u,
        ),
        Steps(
            uses=(
                grouped().at(
                    whole=first + tables_more(lines, start), first=first, rest=tables_more(lines, start)
                ),
                pages_of_lines(lines).at(more=start),
                gain_bounded(lines).at(more=start),
                *_no_less(lines, u, start),
            ),
            generalise=terms(
                b + (first + tables_more(lines, start)),
                b + first,
                gain(lines, u),
                gain(lines, u - 1),
                gain(lines, start),
                tables_more(lines, start),
            ),
        ),
    )


def fits(mode: PagingMode, limit: int, nr_pt_pages: Word) -> Assumption:
    """The assumption that the tables end within ``limit`` bytes of S."""
    length = vpt_start - v_start
    condition = (length <= limit) & (nr_pt_pages <= (number(limit) - length) >> mode.page_shift)
    return Assumption("room", condition, f"the tables end within {limit:#x} bytes of S")


@cache
def from_base(mode: PagingMode, rounding_shift: int, limit: int) -> Lemma:
    """What fits above S fits above the base, with as much more as S is above it."""
    low = base(mode, rounding_shift, v_start)
    ahead, length = v_start - low, vpt_start - low
    whole = limit + (1 << base_shift(mode, rounding_shift))
    return Lemma(
        f"from-base[{mode.name},{base_shift(mode, rounding_shift)},{limit:#x}]",
        "within the limit of S ⇒ within the limit and 2^base of the base",
        Statement(
            assumptions=(fits(mode, limit, n),),
            goal=(length <= whole)
            & (n <= (number(whole) - length) >> mode.page_shift)
            & (ahead <= length)
            & (low & ((1 << rounding_shift) - 1) == 0),
        ),
    )


@cache
def above_start(lines: Lines) -> Lemma:
    """The line of a page above S ends above S."""
    ahead, length, pages = word("ahead"), word("length"), word("pages")
    rounding_shift = lines.page_shift + lines.pages
    return Lemma(
        f"above-start[{lines.slug}]",
        "a page above S lies in a line that ends above S",
        Statement(
            assumptions=(
                Assumption(
                    "above",
                    (ahead <= length) & (pages >= 1 + (length >> lines.page_shift)),
                    "the page is above S",
                ),
                Assumption(
                    "small", last_line(lines, pages) < (1 << (WIDTH - rounding_shift)) - 1, "no wrapping"
                ),
            ),
            goal=(ahead <= (last_line(lines, pages) + 1) << rounding_shift)
            & (pages > ahead >> lines.page_shift),
        ),
    )


@cache
def ends_in_a_line(mode: PagingMode, rounding_shift: int, limit: int) -> Lemma:
    """V(n) is a line, and what the region takes is what its first line takes, and the lines more."""
    lines = lines_of(mode, rounding_shift)
    shift = base_shift(mode, rounding_shift)
    low = base(mode, rounding_shift, v_start)
    padding = word("padding")
    without = pages_without_tables(mode, rounding_shift, v_start, vpt_start, padding)
    last = last_line(lines, without + n)
    end = end_of(mode, rounding_shift, padding, n)
    whole = limit + (1 << shift)
    ahead, length = v_start - low, vpt_start - low
    return Lemma(
        f"ends-in-a-line[{mode.name},{rounding_shift},{limit:#x}]",
        "V(n) = line w, f(S, V(n)) = f(S, line 0) + more(w)",
        Statement(
            assumptions=(fits(mode, limit, n), _little(mode, rounding_shift, limit, padding)),
            goal=(end == line(mode, rounding_shift, last))
            & (
                tables(mode, v_start, end)
                == first_tables(mode, rounding_shift, v_start) + tables_more(lines, last)
            )
            & (without > ahead >> lines.page_shift)
            & (without + n < 1 << (WIDTH - lines.page_shift))
            & (without <= without + n)
            & (ahead <= (last + 1) << rounding_shift)
            & (last < most_line(rounding_shift, shift)),
        ),
        Steps(
            uses=(
                from_base(mode, rounding_shift, limit).at(),
                end_in_lines(lines, shift, whole).at(low=low, far=vpt_start),
                above_start(lines).at(ahead=ahead, length=length, pages=without + n),
                above_start(lines).wherever(ahead=ahead, length=length, pages=without),
                tables_at_line(mode, rounding_shift).at(more=last),
                raises.same_tables(mode).at(near=end, far=line(mode, rounding_shift, last)),
            ),
            generalise=terms(
                tables(mode, v_start, end),
                tables(mode, v_start, line(mode, rounding_shift, last)),
                tables_more(lines, last),
                first_tables(mode, rounding_shift, v_start),
                end,
                without,
                ahead,
                length,
                low,
            ),
        ),
    )


def _little(mode: PagingMode, rounding_shift: int, limit: int, padding: Word) -> Assumption:
    most = (1 << WIDTH) - (2 << base_shift(mode, rounding_shift)) - limit - (2 << mode.page_shift)
    return Assumption("padding", padding <= most, "the padding doesn't make the region come full circle")


@cache
def lines_in_order(mode: PagingMode, rounding_shift: int) -> Lemma:
    """More lines end higher, counted from S."""
    shift = base_shift(mode, rounding_shift)
    low = base(mode, rounding_shift, v_start)
    ahead = v_start - low
    ends = [line(mode, rounding_shift, each) - v_start for each in (more, w)]
    return Lemma(
        f"lines-in-order[{mode.name},{rounding_shift},{shift}]",
        "u ≤ w ⇒ line u ≤ line w, counted from S",
        Statement(
            assumptions=(
                Assumption("in-order", (more <= w) & (w < most_line(rounding_shift, shift)), "u ≤ w"),
                Assumption("beyond", ahead <= (more + 1) << rounding_shift, "S is no higher than line u"),
            ),
            goal=ends[0] <= ends[1],
        ),
    )


@cache
def beyond_start(mode: PagingMode, rounding_shift: int) -> Lemma:
    """The line that S lies in, or a later one, ends above S."""
    shift = base_shift(mode, rounding_shift)
    ahead = v_start - base(mode, rounding_shift, v_start)
    return Lemma(
        f"beyond-start[{mode.name},{rounding_shift},{shift}]",
        "the line of S ≤ u ⇒ line u ends above S",
        Statement(
            assumptions=(
                Assumption(
                    "beyond",
                    (ahead >> rounding_shift <= more) & (more < most_line(rounding_shift, shift)),
                    "S lies in u at most",
                ),
            ),
            goal=(ahead <= (more + 1) << rounding_shift),
        ),
    )


@cache
def none_below(rounding_shift: int) -> Lemma:
    """From a base that is only a line's border, no line ends below S."""
    ahead = v_start - (v_start & -(1 << rounding_shift))
    return Lemma(
        f"none-below[{rounding_shift}]",
        "S - ⌊S⌋ is less than a line",
        Statement(goal=ahead >> rounding_shift == 0),
    )


@cache
def settles_by(mode: PagingMode, rounding_shift: int) -> Lemma:
    """Where n is exact and ends in line w, the division's u lies between S and w."""
    lines = lines_of(mode, rounding_shift)
    shift = base_shift(mode, rounding_shift)
    ahead = v_start - base(mode, rounding_shift, v_start)
    below = ahead >> rounding_shift
    first = first_tables(mode, rounding_shift, v_start)
    wanted = pages_above_first(lines, b + first)
    u = lines_that_leave(lines, wanted)
    last = last_line(lines, b + n)
    past: tuple[Use, ...] = (
        starts_before(mode, rounding_shift).wherever(),
        starts_by(lines).wherever(more=u, first=first, start=below - 1),
    )
    if shift == rounding_shift:
        past = (none_below(rounding_shift).at(),)
    return Lemma(
        f"settles-by[{mode.name},{rounding_shift}]",
        "n = first + more(w), which ends in line w ⇒ u ≤ w, and line u ends above S",
        Statement(
            assumptions=(
                Assumption("exact", n == first + tables_more(lines, last), "n is exact"),
                Assumption(
                    "range",
                    (b > ahead >> lines.page_shift)
                    & (b <= b + n)
                    & (b + n < 1 << (WIDTH - lines.page_shift))
                    & (last < most_line(rounding_shift, shift)),
                    "nothing wraps",
                ),
            ),
            goal=(u <= last)
            & (ahead <= (u + 1) << rounding_shift)
            & (gain(lines, u) >= wanted)
            & ((u == 0) | (gain(lines, u - 1) < wanted))
            & (u < dividing.most_lines(lines)),
        ),
        Steps(
            uses=(
                pages_wanted(lines).at(first=first, w=last),
                dividing.divides(lines).at(pages=wanted),
                comes_by(lines).at(more=u, w=last, first=first),
                *past,
                beyond_start(mode, rounding_shift).at(more=u),
            ),
            generalise=terms(
                gain(lines, u),
                gain(lines, u - 1),
                u,
                tables_more(lines, last),
                tables_more(lines, below - 1),
                first,
                ahead,
            ),
        ),
    )


@cache
def pages_wanted(lines: Lines) -> Lemma:
    """Where a count is exact, no more pages are wanted than an address space has."""
    first = word("first")
    return Lemma(
        f"pages-wanted[{lines.slug}]",
        "b + first ≤ b + n, which an address space has",
        Statement(
            assumptions=(
                _range(lines),
                Assumption("exact", n == first + tables_more(lines, w), "n is exact"),
            ),
            goal=(b + first <= b + n)
            & (pages_above_first(lines, b + first) < 1 << (WIDTH - lines.page_shift)),
        ),
        Steps(uses=(gain_bounded(lines).at(more=w),), generalise=(tables_more(lines, w),)),
    )


@cache
def enough(mode: PagingMode, rounding_shift: int, limit: int) -> Lemma:
    """Where n is exact, the closed form is no more, and so many frames are enough for the region that they make."""
    lines = lines_of(mode, rounding_shift)
    padding = word("padding")
    low = base(mode, rounding_shift, v_start)
    ahead = v_start - low
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
                _little(mode, rounding_shift, limit, padding),
                Assumption("exact", exact, "n is exact"),
                Assumption("short", short, "the region does not come full circle"),
            ),
            goal=(frames <= n) & (tables(mode, v_start, ends[1]) <= frames),
        ),
        Steps(
            uses=(
                ends_in_a_line(mode, rounding_shift, limit).at(),
                settles_by(mode, rounding_shift).at(b=without),
                tables_at_line(mode, rounding_shift).at(more=u),
                lines_in_order(mode, rounding_shift).at(more=u, w=lasts[0]),
                region.tables_grow(mode).at(near=at_lines[0], far=ends[0]),
                ends_in_a_line(mode, rounding_shift, limit).at(n=frames),
                is_enough(lines).at(more=u, b=without, first=first),
                lines_in_order(mode, rounding_shift).at(more=lasts[1], w=u),
                region.tables_grow(mode).at(near=ends[1], far=at_lines[0]),
            ),
            generalise=terms(
                *(tables(mode, v_start, each) for each in (*ends, at_lines[0])),
                *ends,
                *at_lines,
                *(tables_more(lines, each) for each in (u, *lasts)),
                gain(lines, u),
                gain(lines, u - 1),
                u,
                first,
                ahead,
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
                enough(mode, ROUNDING_SHIFT, limit).at(padding=padding),
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
