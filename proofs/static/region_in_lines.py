"""Lemmas about regions that end with a line, for every rounding: what they take, and when that is enough.

Notation of DOMAIN.md section 1, of `encodings.closed_form_any_rounding` and of `any_rounding`: R = mask + 1 is the rounding, a line has
R bytes, and V(n) has the builder's two steps. Lines are counted from the base, the border of the widest level, or of R if that is
wider, at or below S. x pages more than the first line end at line(x).

V(n) is a line, w, that n and b decide, b being how many pages there are up to where the padding ends, without tables (`ends_in_a_line`).
What a region up to a line takes is the first line's tables and those of the pages more (`tables_at_line`). Now let u be a line no
later than w into which b pages and u's own tables fit. It ends above S, since below S there are more pages than tables (`below_start`).
So these tables are the count of a region, no more than n, and that many frames are enough, for they fit into u (`enough`).
"""

from functools import cache
from typing import Final

from attrs import frozen

from ...encodings.closed_form import as_needed, tables_more
from ...encodings.closed_form_any_rounding import (
    base,
    by_page,
    first_tables,
    first_tables_by_level,
    no_more_than_rounding,
    pages_without_tables,
    widest,
)
from ...encodings.dom0_count import tables, tables_by_level
from ...encodings.dom0_layout import rounded_end, stack_end
from ...encodings.spans import round_down, round_up, spanned
from ...formal.layouts.paging import PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.words.word import WIDTH, Truth, Word, all_of, number, word
from ..shared import arithmetic, region
from ..shared.region import n, terms, v_start, vpt_start
from . import dividing, thresholds
from .any_rounding import end_of, mask, needed, padding, power_of_two
from .dividing import SMALL, more
from .thresholds import line_mask, whole_lines

b, first, u, w = word("b"), word("first"), word("u"), word("w")
ahead, bound, end = word("ahead"), word("bound"), word("end")
length, pages = word("length"), word("pages")

FEW = 16
"""More tables than a mode has levels, the fixed ones counted one by one."""
MOST_ROUNDED: Final = 1 << 61
"""The largest rounding, in bytes: then no region comes full circle, counted from the base."""


@frozen
class Levels:
    """What a lemma on one level, or on none, depends on of a mode, as log2 of bytes: a page, and what the widest level's table maps."""

    page: int
    widest: int

    @property
    def slug(self) -> str:
        """The figures, for the name of a lemma."""
        return f"{self.page},{self.widest}"

    @property
    def base(self) -> Word:
        """Where lines are counted from."""
        return base(self.widest, mask, v_start)

    @property
    def base_mask(self) -> Word:
        """Less one, what the base is a multiple of."""
        return mask | ((1 << self.widest) - 1)

    @property
    def ended(self) -> Word:
        """How far above the base a region ends at most, in bytes, so that nothing wraps when that is rounded up."""
        return number(0) - (self.base_mask + 1)

    @property
    def padded(self) -> Word:
        """The same for the padding."""
        return padded_below(self.base_mask)


def padded_below(base_mask: Word) -> Word:
    """How far above the base the padding ends at most, in bytes."""
    return (number(0) - (base_mask + 1)) - (mask + 1)


def levels_of(mode: PagingMode) -> Levels:
    """That of a mode."""
    return Levels(mode.page_shift, widest(mode))


def fitting_power_of_two(page_shift: int) -> Assumption:
    """The assumption on the rounding."""
    return power_of_two(page_shift, MOST_ROUNDED)


def line(levels: Levels, more: Word) -> Word:
    """Where a region ends that has so many pages more than the first line."""
    return levels.base + _up_to(levels.page, more)


def _up_to(page_shift: int, more: Word) -> Word:
    """The bytes from the base up to there."""
    return (more << page_shift) + (mask + 1)


def last_line(line_mask: Word, pages: Word) -> Word:
    """The pages below the line that so many pages end in."""
    return (pages - 1) & ~line_mask


def _in_lines(levels: Levels, more: Word) -> Assumption:
    """The assumption on the pages that a region has more than its first line."""
    condition = whole_lines(mask >> levels.page, more) & (more < levels.ended >> levels.page)
    return Assumption("whole-lines", condition, "whole lines, and the region doesn't come full circle")


def _to_line(far: Word) -> Word:
    """⌈far⌉ to the rounding."""
    return (far + mask) & ~mask


def fits_above(limit: Word | int, page_shift: int, length: Word, frames: Word) -> Truth:
    """So many frames above a length stay within the limit, in bytes; written without wrapping."""
    return (length <= limit) & (frames <= (limit - length) >> page_shift)


@cache
def from_low(page_shift: int) -> Lemma:
    """The end of the padding, counted from low: the same sum, put in order, one by one."""
    low, far, page = arithmetic.low, arithmetic.far, 1 << page_shift
    above, tables, stack = far - low, n * page, number(page)
    stacked, whole = far + stack, (far + tables) + stack + padding
    apart, last = (stacked + tables) + padding, (stacked + padding) + tables
    lengths = [each - low for each in (stacked, stacked + padding)]
    alike = (
        arithmetic.added_alike(whole - low, apart - low),
        arithmetic.added_alike(lengths[1] + tables, (lengths[0] + padding) + tables),
        arithmetic.added_alike((lengths[0] + padding) + tables, ((above + stack) + padding) + tables),
    )
    return Lemma(
        f"from-low[{page_shift}]",
        "E + padding - low = (T - low + stack + padding) + 4096 n",
        Statement(goal=whole - low == (above + stack + padding) + tables),
        Steps(
            uses=(
                arithmetic.swapped().at(a=far, b=tables, c=stack),
                arithmetic.swapped().at(a=stacked, b=tables, c=padding),
                arithmetic.same_difference().at(a=apart, b=last, c=low),
                *(
                    arithmetic.taken_off().at(a=one, b=other, c=low)
                    for one, other in ((stacked + padding, tables), (stacked, padding), (far, stack))
                ),
                *(use for each in alike for use in each.uses),
            ),
            generalise=terms(
                *(term for each in alike for term in each.generalise), last - low, last, *lengths
            ),
        ),
    )


@cache
def end_as_padded() -> Lemma:
    """V = ⌈E + padding⌉, the padding cut to the rounding: rounding up and adding one rounding if too little is left."""
    return Lemma(
        "rounded-end-as-padded",
        "V = ⌈E + min(P, R)⌉ to R",
        Statement(
            assumptions=(power_of_two(),),
            goal=rounded_end(end, mask, padding) == _to_line(end + no_more_than_rounding(mask, padding)),
        ),
    )


@cache
def up_from_line() -> Lemma:
    """From a border of lines, rounding up to lines is rounding up the length."""
    low, far = arithmetic.low, arithmetic.far
    return Lemma(
        "rounded-up-from-line",
        "⌈far⌉ = low + ⌈far - low⌉ for low on a line",
        Statement(
            assumptions=(
                power_of_two(),
                Assumption("on-a-line", low & mask == 0, "low is a border of lines"),
                Assumption("length", far - low == length, "far lies so far above low"),
            ),
            goal=_to_line(far) == low + _to_line(length),
        ),
    )


@cache
def pages_added(page_shift: int) -> Lemma:
    """Whole pages more are as many more pages."""
    page = 1 << page_shift
    both = length + n * page
    return Lemma(
        f"pages-added[{page_shift}]",
        "(x + page n) / page = x / page + n",
        Statement(
            assumptions=(
                Assumption("fits", (length <= both) & (n < 1 << (WIDTH - page_shift)), "nothing wraps"),
            ),
            goal=(both >> page_shift == (length >> page_shift) + n)
            & (length >> page_shift <= (length >> page_shift) + n),
        ),
    )


@cache
def pages_counted(page_shift: int) -> Lemma:
    """Pages more are counted one by one."""
    page = 1 << page_shift
    most, both = length + (page - 1), length + n * page
    whole = most >> page_shift
    return Lemma(
        f"pages-counted[{page_shift}]",
        "⌈x + page n⌉ = ⌈x⌉ + n, in pages",
        Statement(
            assumptions=(
                Assumption("bound", bound <= -page, "a page short of the address space"),
                Assumption("fits", (length >= 1) & fits_above(bound, page_shift, length, n), "no wrapping"),
            ),
            goal=((both + (page - 1)) >> page_shift == whole + n)
            & (whole >= 1)
            & (whole <= whole + n)
            & (both >= 1)
            & (both <= bound),
        ),
        Steps(
            uses=(
                region.pages_fit(page_shift).wherever(limit=bound, d=length, m=n),
                arithmetic.swapped().wherever(a=length, b=n * page, c=number(page - 1)),
                pages_added(page_shift).wherever(length=most),
            ),
            generalise=(most + n * page, both, n * page, whole + n),
        ),
    )


@cache
def page_ends_in_line(levels: Levels) -> Lemma:
    """Rounded up to lines, a length ends with the line that its last page lies in."""
    pages = (length + ((1 << levels.page) - 1)) >> levels.page
    last = last_line(mask >> levels.page, pages)
    return Lemma(
        f"page-ends-in-line[{levels.slug}]",
        "⌈x⌉ to R = w + R, w the line of x's last page",
        Statement(
            assumptions=(
                fitting_power_of_two(levels.page),
                Assumption("fits", (length >= 1) & (length <= levels.padded), "no wrapping"),
            ),
            goal=(_to_line(length) == _up_to(levels.page, last))
            & (pages <= levels.padded >> levels.page)
            & _in_lines(levels, last).condition,
        ),
    )


@cache
def end_in_lines(levels: Levels) -> Lemma:
    """Pages more, rounded up to lines, end with the line that the last one lies in."""
    page = 1 << levels.page
    whole, both = (length + (page - 1)) >> levels.page, length + n * page
    line_mask = mask >> levels.page
    last, pages = last_line(line_mask, whole + n), (both + (page - 1)) >> levels.page
    return Lemma(
        f"rounded-end-in-lines[{levels.slug}]",
        "⌈x + page n⌉ to R = w + R, w the line of the page b + n - 1, b = ⌈x⌉ in pages",
        Statement(
            assumptions=(
                fitting_power_of_two(levels.page),
                Assumption(
                    "fits", (length >= 1) & fits_above(levels.padded, levels.page, length, n), "no wrapping"
                ),
            ),
            goal=(_to_line(both) == _up_to(levels.page, last))
            & (whole >= 1)
            & (whole <= whole + n)
            & (whole + n <= levels.padded >> levels.page)
            & _in_lines(levels, last).condition,
        ),
        Steps(
            uses=(
                pages_counted(levels.page).at(bound=levels.padded),
                page_ends_in_line(levels).at(length=both),
            ),
            generalise=terms(_to_line(both), both, pages, whole + n, whole),
        ),
    )


def from_base(levels: Levels) -> Word:
    """How far above the base the padding ends, if there are no tables."""
    return (vpt_start - levels.base) + (1 << levels.page) + no_more_than_rounding(mask, padding)


def in_space(page_shift: int, padded: Word, length: Word, ahead: Word, frames: Word) -> Truth:
    """That the padding ends so far above the base, above S, and has room for the tables below ``padded``."""
    above = length + ((1 << page_shift) - 1) >> page_shift > ahead >> page_shift
    return (length >= 1) & above & fits_above(padded, page_shift, length, frames)


def fits(levels: Levels, nr_pt_pages: Word) -> Assumption:
    """The assumption that tables, stack and padding come above S, and don't come full circle, counted from the base."""
    condition = in_space(levels.page, levels.padded, from_base(levels), v_start - levels.base, nr_pt_pages)
    return Assumption("fits", condition, "tables, stack and padding have room above the base")


def not_looked_into(levels: Levels) -> tuple[Word, ...]:
    """What `fits` says, but for the lengths that it speaks of: it is the same wherever it is used."""
    length = from_base(levels)
    return (
        levels.padded - length >> levels.page,
        levels.padded,
        levels.ended,
        length,
        v_start - levels.base >> levels.page,
    )


@cache
def on_a_line(levels: Levels) -> Lemma:
    """The base is a border of lines, too."""
    return Lemma(f"on-a-line[{levels.widest}]", "the base mod R = 0", Statement(goal=levels.base & mask == 0))


@cache
def above_start(levels: Levels) -> Lemma:
    """The line of a page above S ends above S."""
    last = last_line((mask >> levels.page), pages)
    return Lemma(
        f"rounded-above-start[{levels.slug}]",
        "a page above S lies in a line that ends above S",
        Statement(
            assumptions=(
                fitting_power_of_two(levels.page),
                Assumption("above", pages > ahead >> levels.page, "the page is above S"),
                Assumption("small", pages <= levels.padded >> levels.page, "no wrapping"),
            ),
            goal=ahead <= _up_to(levels.page, last),
        ),
    )


def _within(levels: Levels) -> tuple[Assumption, ...]:
    """The region up to a line is no shorter than nothing, and not around the address space."""
    above = v_start - levels.base <= _up_to(levels.page, more)
    return (
        fitting_power_of_two(levels.page),
        _in_lines(levels, more),
        Assumption("above", above, "S is no higher than the line's end"),
    )


@cache
def line_fits(levels: Levels) -> Lemma:
    """A line doesn't end past the address space."""
    up_to = _up_to(levels.page, more)
    return Lemma(
        f"line-fits[{levels.slug}]",
        "R ≤ line x ≤ 2^64 less what the base is a multiple of",
        Statement(
            assumptions=(fitting_power_of_two(levels.page), _in_lines(levels, more)),
            goal=(mask < up_to) & (up_to <= levels.ended),
        ),
    )


def _block_limit(shift: int) -> int:
    """The longest length that can be rounded up to 2**shift bytes."""
    return (1 << WIDTH) - (1 << shift)


def _blocks(shift: int, length: Word) -> Word:
    return length + ((1 << shift) - 1) >> shift


@cache
def line_in_blocks(page_shift: int, shift: int) -> Lemma:
    """How many blocks a line reaches into: those of the first one, and of the pages more."""
    up_to = _up_to(page_shift, more)
    whole = whole_lines(mask >> page_shift, more) & (more < 1 << (WIDTH - page_shift))
    return Lemma(
        f"line-in-blocks[{shift},{page_shift}]",
        "⌈line x⌉ = ⌈R⌉ + x / what a table maps",
        Statement(
            assumptions=(
                fitting_power_of_two(page_shift),
                Assumption("whole-lines", whole, "whole lines"),
                Assumption("fits", (mask < up_to) & (up_to <= _block_limit(shift)), "no wrapping"),
            ),
            goal=_blocks(shift, up_to) == ((mask >> shift) + 1) + (more >> shift - page_shift),
        ),
    )


def _on_a_border(shift: int) -> Assumption:
    return Assumption("on-a-border", arithmetic.low & ((1 << shift) - 1) == 0, "low is a border of blocks")


@cache
def rounding_from_border() -> Lemma:
    """From a border of blocks, rounding is rounding of what lies between."""
    low, far, blocks = arithmetic.low, arithmetic.far, arithmetic.mask
    up = ((low + length) + blocks) & ~blocks
    return Lemma(
        "rounding-from-border",
        "⌈low + x⌉ = low + ⌈x⌉, ⌊far⌋ = low + ⌊far - low⌋ to 2^s, for low on a border and every s",
        Statement(
            assumptions=arithmetic.up_from_border().statement.assumptions,
            goal=(up == low + ((length + blocks) & ~blocks))
            & (far & ~blocks == low + ((far - low) & ~blocks)),
        ),
        Steps(
            uses=(
                arithmetic.up_from_border().at(far=low + length),
                arithmetic.added_taken_off().at(a=low, b=length),
                arithmetic.put_back().at(a=up, b=low),
            ),
            generalise=(up - low, up, (low + length) - low, low + length),
        ),
    )


@cache
def spanned_from_border(shift: int) -> Lemma:
    """What a range takes whose ends are counted from a border of blocks."""
    low, above = arithmetic.low, v_start - arithmetic.low
    up, down = round_up(length, shift), round_down(above, shift)
    return Lemma(
        f"spanned-from-border[{shift}]",
        "N(S, low + x) = ⌈x⌉ - (S - low) / 2^s for low on a border",
        Statement(
            assumptions=(
                _on_a_border(shift),
                Assumption("in-order", (above <= length) & (length <= _block_limit(shift)), "S - low ≤ x"),
            ),
            goal=spanned(v_start, low + length, shift) == _blocks(shift, length) - (above >> shift),
        ),
        Steps(
            uses=(
                rounding_from_border().at(far=v_start, mask=number((1 << shift) - 1)),
                arithmetic.common_taken_off().at(a=low, b=up, c=down),
            ),
            generalise=(
                round_up(low + length, shift),
                round_down(v_start, shift),
                low + up,
                low + down,
                above,
            ),
        ),
    )


@cache
def blocks_between(shift: int) -> Lemma:
    """Between two ends there is at most one block less than rounding the one up and the other down says."""
    return Lemma(
        f"blocks-between[{shift}]",
        "x < y ⇒ (⌈x⌉ - y / 2^s) + (y - x) / 2^s ≤ 1",
        Statement(
            assumptions=(
                Assumption("in-order", (length < ahead) & (length <= _block_limit(shift)), "x < y"),
            ),
            goal=(_blocks(shift, length) - (ahead >> shift)) + (ahead - length >> shift) <= 1,
        ),
    )


def _line_by_blocks(levels: Levels, shift: int, above: Word) -> tuple[tuple[Use, ...], tuple[Word, ...]]:
    """What is known of a line that a lemma on one level speaks of, and what can be generalised then."""
    up_to, first, share = _up_to(levels.page, more), (mask >> shift) + 1, more >> shift - levels.page
    return (
        line_fits(levels).at(),
        line_in_blocks(levels.page, shift).wherever(),
        arithmetic.taken_off().at(a=first, b=share, c=above >> shift),
    ), (
        _blocks(shift, up_to),
        first + share,
        (first - (above >> shift)) + share,
        up_to,
    )


@cache
def level_at_line(levels: Levels, shift: int) -> Lemma:
    """What a level takes of a region that ends with a line: what it takes up to the first one, and of the pages more."""
    above, up_to = v_start - levels.base, _up_to(levels.page, more)
    first = (mask >> shift) + 1 - (above >> shift)
    uses, hidden = _line_by_blocks(levels, shift, above)
    return Lemma(
        f"rounded-level-at-line[{shift},{levels.slug}]",
        "N(S, line x) = N(S, line 0) + x / what a table maps",
        Statement(
            assumptions=_within(levels),
            goal=spanned(v_start, line(levels, more), shift) == first + (more >> shift - levels.page),
        ),
        Steps(
            uses=(*uses, spanned_from_border(shift).wherever(low=levels.base, length=up_to)),
            generalise=(spanned(v_start, line(levels, more), shift), *hidden, above),
        ),
    )


def mores_by_level(mode: PagingMode, more: Word) -> tuple[Word, ...]:
    """How many tables pages more take at each counted level, the root's first."""
    return tuple(
        more >> level.shift - mode.page_shift if level.fixed is None else number(0)
        for level in reversed(mode.counted_levels)
    )


@cache
def tables_at_line(mode: PagingMode) -> Lemma:
    """What a region takes that ends with a line."""
    end = line(levels_of(mode), more)
    spans = tables_by_level(mode, v_start, end)
    firsts, mores = first_tables_by_level(mode, mask, v_start), mores_by_level(mode, more)
    return Lemma(
        f"rounded-tables-at-line[{mode.name}]",
        "f(S, line x) = f(S, line 0) + more(x)",
        Statement(
            assumptions=_within(levels_of(mode)),
            goal=tables(mode, v_start, end)
            == first_tables(mode, mask, v_start) + tables_more(by_page(mode), more),
        ),
        Steps(
            uses=(
                *(level_at_line(levels_of(mode), level.shift).wherever() for level in as_needed(mode)[::-1]),
                *dividing.sums_by_part(spans, firsts, mores),
            ),
            generalise=terms(*spans, *firsts, *mores),
        ),
    )


@cache
def ends_in_a_line(mode: PagingMode) -> Lemma:
    """V(n) is a line, and what the region takes is what its first line takes, and the pages more."""
    levels = levels_of(mode)
    low, page = levels.base, 1 << mode.page_shift
    without = pages_without_tables(mode, mask, padding, v_start, vpt_start)
    cut, above = no_more_than_rounding(mask, padding), from_base(levels)
    last = last_line(mask >> mode.page_shift, without + n)
    stack = stack_end(vpt_start, n, mode.page_shift)
    ended, at_line = end_of(n, mode.page_shift), line(levels_of(mode), last)
    return Lemma(
        f"rounded-ends-in-a-line[{mode.name}]",
        "V(n) = line w, f(S, V(n)) = f(S, line 0) + more(w)",
        Statement(
            assumptions=(fitting_power_of_two(mode.page_shift), fits(levels, n)),
            goal=(ended == at_line)
            & (
                tables(mode, v_start, ended)
                == first_tables(mode, mask, v_start) + tables_more(by_page(mode), last)
            )
            & (without > v_start - low >> mode.page_shift)
            & (without + n <= levels.padded >> mode.page_shift)
            & (without <= without + n)
            & (v_start - low <= _up_to(mode.page_shift, last))
            & _in_lines(levels_of(mode), last).condition,
        ),
        Steps(
            uses=(
                end_as_padded().wherever(end=stack),
                on_a_line(levels).wherever(),
                from_low(mode.page_shift).wherever(low=low, far=vpt_start, padding=cut),
                up_from_line().wherever(low=low, far=stack + cut, length=above + n * page),
                end_in_lines(levels_of(mode)).wherever(length=above),
                above_start(levels_of(mode)).wherever(ahead=v_start - low, pages=without + n),
                tables_at_line(mode).wherever(more=last),
                region.same_tables(mode).wherever(near=ended, far=at_line),
            ),
            generalise=terms(
                tables(mode, v_start, ended),
                tables(mode, v_start, at_line),
                tables_more(by_page(mode), last),
                first_tables(mode, mask, v_start),
                ended,
                _to_line(stack + cut),
                _to_line(above + n * page),
                stack + cut,
                above + n * page,
                _up_to(mode.page_shift, last),
                without,
                above,
                cut,
                v_start - low,
                low,
            ),
        ),
    )


def _below(levels: Levels, ahead: Word) -> tuple[Assumption, ...]:
    condition = (ahead <= levels.base_mask) & (_up_to(levels.page, more) < ahead)
    return (
        fitting_power_of_two(levels.page),
        _in_lines(levels, more),
        Assumption("below", condition, "line x ends below S, above the base"),
    )


@cache
def level_below(levels: Levels, shift: int) -> Lemma:
    """What a level takes of a region that ends with a line below S: less than nothing by the whole tables between."""
    up_to = _up_to(levels.page, more)
    between = ahead - up_to >> shift
    first = (mask >> shift) + 1 - (ahead >> shift)
    uses, hidden = _line_by_blocks(levels, shift, ahead)
    return Lemma(
        f"rounded-level-below[{shift},{levels.slug}]",
        "line x below S ⇒ N(S, line x) + the whole tables between is 0 or 1",
        Statement(
            assumptions=_below(levels, ahead),
            goal=first + (more >> shift - levels.page) + between <= 1,
        ),
        Steps(
            uses=(*uses, blocks_between(shift).wherever(length=up_to)),
            generalise=(between, *hidden),
        ),
    )


@cache
def pages_below(mode: PagingMode) -> Lemma:
    """Between a line and S there are no more whole tables than pages."""
    ended, below = _up_to(mode.page_shift, more), more + ((mask >> mode.page_shift) + 1)
    between, page = ahead - ended, 1 << mode.page_shift
    shifts = [level.shift for level in reversed(as_needed(mode))]
    both = dividing.total([between >> each for each in shifts]) + below
    return Lemma(
        f"rounded-pages-below[{','.join(map(str, shifts))},{mode.page_shift}]",
        "line x below S ⇒ the tables between + the pages up to line x ≤ the pages below S",
        Statement(
            assumptions=_below(levels_of(mode), ahead),
            goal=(below <= both) & (both <= ahead >> mode.page_shift),
        ),
        Steps(
            uses=(
                line_fits(levels_of(mode)).at(),
                line_in_pages(mode.page_shift).wherever(),
                arithmetic.put_back().at(a=ahead, b=ended),
                pages_added(mode.page_shift).wherever(length=between, n=below),
                few_tables_in_pages(mode).at(length=between),
            ),
            generalise=(
                *(between >> each for each in (*shifts, mode.page_shift)),
                ended,
                below * page,
                between,
                levels_of(mode).ended,
                below,
            ),
        ),
    )


@cache
def line_in_pages(page_shift: int) -> Lemma:
    """A line is whole pages."""
    lines = more + ((mask >> page_shift) + 1)
    return Lemma(
        f"line-in-pages[{page_shift}]",
        "line x = (x + the pages of a line) pages",
        Statement(
            assumptions=(
                fitting_power_of_two(page_shift),
                Assumption("few", more < 1 << (WIDTH - page_shift), "x is in the address space"),
                Assumption("fits", mask < _up_to(page_shift, more), "no wrapping"),
            ),
            goal=(_up_to(page_shift, more) == lines * (1 << page_shift))
            & (lines < 1 << (WIDTH - page_shift)),
        ),
    )


@cache
def few_tables_in_pages(mode: PagingMode) -> Lemma:
    """There are no more whole tables than pages."""
    shifts = [level.shift for level in reversed(as_needed(mode))]
    return Lemma(
        f"few-tables-in-pages[{','.join(map(str, shifts))},{mode.page_shift}]",
        "the whole tables of x are no more than its pages",
        Statement(goal=dividing.total([length >> each for each in shifts]) <= length >> mode.page_shift),
    )


def _below_by_level(mode: PagingMode) -> tuple[list[Word], list[Word]]:
    """What each counted level takes of a region that ends with line x, and its whole tables from there up to S."""
    between = v_start - base(widest(mode), mask, v_start) - _up_to(mode.page_shift, more)
    firsts, mores = first_tables_by_level(mode, mask, v_start), mores_by_level(mode, more)
    return [one + other for one, other in zip(firsts, mores, strict=True)], [
        between >> level.shift if level.fixed is None else number(0)
        for level in reversed(mode.counted_levels)
    ]


@cache
def few_in_all(mode: PagingMode) -> Lemma:
    """One of each level is a few in all."""
    levels = mode.counted_levels[::-1]
    parts = [
        word(f"x{index}") if level.fixed is None else number(level.fixed)
        for index, level in enumerate(levels)
    ]
    each = all_of(part <= 1 for part in parts if part.operation != "constant")
    return Lemma(
        f"few-in-all[{mode.name}]",
        "one of each level at most ⇒ a few in all",
        Statement(
            assumptions=(Assumption("one", each, "one of each level at most"),),
            goal=dividing.total(parts) <= FEW,
        ),
    )


@cache
def few_below(mode: PagingMode) -> Lemma:
    """What a region takes that ends with a line below S: less than nothing by the whole tables between, at most."""
    above = v_start - base(widest(mode), mask, v_start)
    takes, shares = _below_by_level(mode)
    both = [one + other for one, other in zip(takes, shares, strict=True)]
    sums = [dividing.total(some[: index + 1]) for some in (both, takes, shares) for index in range(len(some))]
    ones = {f"x{index}": each for index, each in enumerate(both) if each.operation != "constant"}
    return Lemma(
        f"rounded-few-below[{mode.name}]",
        "line x below S ⇒ what each level takes + its whole tables between = a few in all",
        Statement(
            assumptions=_below(levels_of(mode), above),
            goal=dividing.total(takes) + dividing.total(shares) <= FEW,
        ),
        Steps(
            uses=(
                *(
                    level_below(levels_of(mode), level.shift).wherever(ahead=above)
                    for level in as_needed(mode)
                ),
                few_in_all(mode).wherever(**ones),
                *dividing.sums_by_part(both, takes, shares),
            ),
            generalise=terms(*both, *sums, levels_of(mode).ended, _up_to(mode.page_shift, more)),
        ),
    )


@cache
def takes_at_line(mode: PagingMode) -> Lemma:
    """The sum of what the levels take, for a line above S or below: the first line's tables, and those of the pages more."""
    firsts, mores = first_tables_by_level(mode, mask, v_start), mores_by_level(mode, more)
    takes, _ = _below_by_level(mode)
    return Lemma(
        f"rounded-takes-at-line[{mode.name}]",
        "Σ (first + more(x)) = Σ first + Σ more(x)",
        Statement(goal=dividing.total(takes) == dividing.total(firsts) + dividing.total(mores)),
        Steps(uses=dividing.sums_by_part(takes, firsts, mores), generalise=terms(*takes, *firsts, *mores)),
    )


@cache
def from_border(levels: Levels) -> Lemma:
    """S is no further above the base than the next border."""
    return Lemma(
        f"rounded-from-border[{levels.widest}]",
        "S - base < what the base is a multiple of",
        Statement(goal=v_start - levels.base <= levels.base_mask),
    )


@cache
def no_more_fit() -> Lemma:
    """If tables and what lies between are few, and that and the lines no more pages than some, no more pages fit beside the tables."""
    takes, between, lines = arithmetic.a, arithmetic.c, arithmetic.d
    both = between + lines
    return Lemma(
        "no-more-fit",
        "x + z ≤ a few, b + x ≤ y, y ≤ z + y ≤ p ⇒ b ≤ p",
        Statement(
            assumptions=(
                Assumption("few", (takes + between <= FEW) & (b < SMALL), "what is taken is little"),
                Assumption("fit", b + takes <= lines, "b pages fit beside what is taken"),
                Assumption("pages", (lines <= both) & (both <= pages), "there are p pages at least"),
            ),
            goal=b <= pages,
        ),
    )


@cache
def below_start(mode: PagingMode) -> Lemma:
    """Lines into which b pages fit, and the tables, end above S: below it there are more pages than tables."""
    above = v_start - base(widest(mode), mask, v_start)
    first, tables = first_tables(mode, mask, v_start), tables_more(by_page(mode), more)
    lines = more + ((mask >> mode.page_shift) + 1)
    takes, between = map(dividing.total, _below_by_level(mode))
    return Lemma(
        f"rounded-below-start[{mode.name}]",
        "b is above S, b + first + more(x) ≤ the pages up to line x ⇒ line x ends above S",
        Statement(
            assumptions=(
                fitting_power_of_two(mode.page_shift),
                _in_lines(levels_of(mode), more),
                Assumption(
                    "above", (b > above >> mode.page_shift) & (b < 1 << (WIDTH - mode.page_shift)), "above S"
                ),
                Assumption("fits", (b + first) + tables <= lines, "they fit"),
            ),
            goal=above <= _up_to(mode.page_shift, more),
        ),
        Steps(
            uses=(
                from_border(levels_of(mode)).at(),
                few_below(mode).wherever(),
                takes_at_line(mode).at(),
                pages_below(mode).wherever(ahead=above),
                arithmetic.associative().at(a=b, b=first, c=tables),
                no_more_fit().wherever(a=first + tables, c=between, d=lines, pages=above >> mode.page_shift),
            ),
            generalise=terms(
                between + lines,
                b + (first + tables),
                takes,
                between,
                levels_of(mode).base_mask,
                levels_of(mode).ended >> mode.page_shift,
                (b + first) + tables,
                first + tables,
                lines,
                above >> mode.page_shift,
                above,
                _up_to(mode.page_shift, more),
            ),
        ),
    )


@cache
def page_in_line(page_shift: int) -> Lemma:
    """A page lies in its line."""
    last = last_line(line_mask, pages)
    return Lemma(
        f"page-in-line[{page_shift}]",
        "w the line of the last of so many pages ⇒ w < pages ≤ w + 1 line; w ≤ x ⇔ pages ≤ x + 1 line",
        Statement(
            assumptions=(
                thresholds.line(),
                Assumption("some", (pages >= 1) & (pages < 1 << (WIDTH - page_shift)), "some pages"),
                Assumption(
                    "lines",
                    whole_lines(line_mask, more) & (more < 1 << (WIDTH - page_shift)),
                    "x is whole lines",
                ),
            ),
            goal=(last < pages)
            & (pages <= last + (line_mask + 1))
            & whole_lines(line_mask, last)
            & ((last <= more) == (pages <= more + (line_mask + 1))),
        ),
    )


@cache
def more_reach_higher(page_shift: int) -> Lemma:
    """More lines end higher, counted from a base that isn't around the address space."""
    base_mask = word("base_mask")
    ended = number(0) - (base_mask + 1)
    return Lemma(
        f"more-reach-higher[{page_shift}]",
        "x ≤ w ⇒ line x ≤ line w, counted from the base",
        Statement(
            assumptions=(
                Assumption(
                    "base",
                    (mask <= base_mask) & (base_mask < arithmetic.SUM_LIMIT),
                    "the base is a border of lines",
                ),
                Assumption("in-order", (more <= w) & (w < ended >> page_shift), "x ≤ w"),
            ),
            goal=_up_to(page_shift, more) <= _up_to(page_shift, w),
        ),
    )


@cache
def counted_from() -> Lemma:
    """What is counted from a base, counted from another place."""
    a, b, c = arithmetic.a, arithmetic.b, arithmetic.c
    return Lemma("counted-from", "(a + b) - c = b - (c - a)", Statement(goal=(a + b) - c == b - (c - a)))


@cache
def lines_in_order(levels: Levels) -> Lemma:
    """More lines end higher, counted from S."""
    above = v_start - levels.base
    up_to = [_up_to(levels.page, each) for each in (more, w)]
    ends = [line(levels, each) - v_start for each in (more, w)]
    return Lemma(
        f"rounded-lines-in-order[{levels.slug}]",
        "x ≤ w ⇒ line x ≤ line w, counted from S",
        Statement(
            assumptions=(
                fitting_power_of_two(levels.page),
                Assumption("in-order", (more <= w) & (w < levels.ended >> levels.page), "x ≤ w"),
                Assumption("beyond", above <= up_to[0], "S is no higher than line x"),
            ),
            goal=ends[0] <= ends[1],
        ),
        Steps(
            uses=(
                more_reach_higher(levels.page).wherever(base_mask=levels.base_mask),
                *(counted_from().at(a=levels.base, b=each, c=v_start) for each in up_to),
                arithmetic.less_in_order().wherever(a=up_to[0], b=up_to[1], c=above),
            ),
            generalise=(
                *ends,
                *(each - above for each in up_to),
                *up_to,
                levels.ended >> levels.page,
                above,
            ),
        ),
    )


@cache
def enough(mode: PagingMode) -> Lemma:
    """Where n is exact, and u the least line, the tables of u are no more, and enough for the region that so many frames make."""
    lines, line_mask, levels = by_page(mode), mask >> mode.page_shift, levels_of(mode)
    above = v_start - levels.base
    without = pages_without_tables(mode, mask, padding, v_start, vpt_start)
    first, at_u = first_tables(mode, mask, v_start), tables_more(lines, u)
    frames = first + at_u
    ends = [end_of(each, mode.page_shift) for each in (n, frames)]
    lasts = [last_line(line_mask, without + each) for each in (n, frames)]
    at_lines = [line(levels, each) for each in (u, *lasts)]
    least = (u <= lasts[0]) & (without + first + at_u <= u + (line_mask + 1)) & whole_lines(line_mask, u)
    return Lemma(
        f"rounded-closed-form-is-enough[{mode.name}]",
        "f(S, V(n)) = n, u the least line ⇒ m ≤ n, f(S, V(m)) ≤ m for m = first + more(u)",
        Statement(
            assumptions=(
                fitting_power_of_two(mode.page_shift),
                fits(levels, n),
                Assumption("exact", needed(mode, n) == n, "n is exact"),
                Assumption(
                    "short",
                    ends[0] - v_start <= region.region_limit(mode),
                    "the region does not come full circle",
                ),
                Assumption(
                    "least", least, "the pages and u's tables fit into u, which is no later than V(n)"
                ),
            ),
            goal=(frames <= n) & (needed(mode, frames) <= frames),
        ),
        Steps(
            uses=(
                ends_in_a_line(mode).wherever(),
                below_start(mode).wherever(b=without, more=u),
                tables_at_line(mode).wherever(more=u),
                lines_in_order(levels).wherever(more=u, w=lasts[0]),
                region.tables_grow(mode).wherever(near=at_lines[0], far=ends[0]),
                ends_in_a_line(mode).wherever(n=frames),
                arithmetic.associative().wherever(a=without, b=first, c=at_u),
                page_in_line(lines.page_shift).wherever(pages=without + frames, more=u, line_mask=line_mask),
                lines_in_order(levels).wherever(more=lasts[1], w=u),
                region.tables_grow(mode).wherever(near=ends[1], far=at_lines[0]),
                *(
                    arithmetic.same_difference().wherever(a=one, b=other, c=v_start)
                    for one, other in zip(ends, at_lines[1:], strict=True)
                ),
            ),
            generalise=terms(
                *(each - v_start for each in (*ends, *at_lines)),
                *(each & line_mask for each in (u, *lasts)),
                *(tables(mode, v_start, each) for each in (*ends, at_lines[0])),
                *ends,
                *at_lines,
                *(tables_more(lines, each) for each in (u, *lasts)),
                *(_up_to(mode.page_shift, each) for each in (u, *lasts)),
                *(without + each for each in (n, frames)),
                without + first + at_u,
                *(each + (line_mask + 1) for each in (u, lasts[1])),
                frames,
                *lasts,
                *not_looked_into(levels),
                first,
                above,
                without,
            ),
        ),
    )
