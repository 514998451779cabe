"""The count without a search for every rounding and every padding of the region's end, a page and none included.

As in `closed_form`, gain(x) is how many pages x pages leave besides the tables that they take, and the region has the fewest lines
that leave as many as are wanted. Here x is counted in pages, not in lines, so gain is the same for every rounding, which only says
of which number x is a multiple. And nothing is asked of gain: with lines of one page, or two, it falls at a block's border.
A block is taken just if all that comes before its end isn't enough:

    left > gain(block - one line)

`closed_form` takes a block if it has no more than what is left, and rounds the last one up. Where gain grows, both come to the same.

Nothing of this is in Xen. ``proofs.static.closed_form_any_rounding`` proves that it finds what the search finds.
"""

from functools import reduce
from operator import add

from ..formal.layouts.paging import PagingMode
from ..formal.words.word import WIDTH, Word, choose, number
from .closed_form import Lines, as_needed, gain, lines_of, tables_more


def by_page(mode: PagingMode) -> Lines:
    """What a line of one page is to the levels of ``mode``: so lengths are counted in pages."""
    return lines_of(mode, mode.page_shift)


def no_more_than_rounding(mask: Word, padding: Word) -> Word:
    """The padding, in bytes, of which no more counts than one rounding: the builder adds no second one."""
    return choose(padding <= mask, padding, mask + 1)


def widest(mode: PagingMode) -> int:
    """log2 of what a table of the widest level maps, in bytes, of the levels that are taken as needed."""
    return as_needed(mode)[-1].shift


def base(widest: int, mask: Word, v_start: Word) -> Word:
    """Where lines are counted from: the highest border at or below v_start of the widest level, and of a line."""
    return v_start & ~(mask | ((1 << widest) - 1))


def first_tables_by_level(mode: PagingMode, mask: Word, v_start: Word) -> tuple[Word, ...]:
    """The tables at each counted level, the root's first, of a region that ends with the first line: fewer than none, if it starts above."""
    before = v_start - base(widest(mode), mask, v_start)
    return tuple(
        (mask >> level.shift) + 1 - (before >> level.shift) if level.fixed is None else number(level.fixed)
        for level in reversed(mode.counted_levels)
    )


def first_tables(mode: PagingMode, mask: Word, v_start: Word) -> Word:
    """The same for all levels."""
    return reduce(add, first_tables_by_level(mode, mask, v_start))


def pages_without_tables(mode: PagingMode, mask: Word, padding: Word, v_start: Word, vpt_start: Word) -> Word:
    """The pages from the base up to where the padding ends if there are no tables."""
    page = 1 << mode.page_shift
    above = vpt_start - base(widest(mode), mask, v_start)
    return (above + page + no_more_than_rounding(mask, padding) + (page - 1)) >> mode.page_shift


def up_to_last_line(step: Word, line_mask: Word) -> Word:
    """The pages of so many, less one line of ``line_mask`` + 1: none, where a line has more."""
    return (step - 1) & ~line_mask


def taken(lines: Lines, line_mask: Word, left: Word, already: Word, step: Word) -> tuple[Word, Word]:
    """One bit: ``step`` pages more, where what comes before their end isn't enough, and what is left then."""
    worth = gain(lines, step)
    takes = left > gain(lines, up_to_last_line(step, line_mask))
    rest = choose(left > worth, left - worth, number(0))
    return choose(takes, already + step, already), choose(takes, rest, left)


def pages_that_leave(lines: Lines, line_mask: Word, wanted: Word) -> Word:
    """The least multiple of a line, in pages, that leaves as many as are wanted; bit by bit, from the highest."""
    already, left = number(0), wanted
    for bit in reversed(range(WIDTH - lines.page_shift)):
        already, left = taken(lines, line_mask, left, already, number(1 << bit))
    return already


def above_first(line_mask: Word, needed: Word) -> Word:
    """How many of the pages needed, with the first line's tables, lie above the first line."""
    return choose(needed > line_mask, needed - (line_mask + 1), number(0))


def pages_more(mode: PagingMode, mask: Word, padding: Word, v_start: Word, vpt_start: Word) -> Word:
    """How many pages the lines have that the region has more than the first."""
    line_mask = mask >> mode.page_shift
    needed = pages_without_tables(mode, mask, padding, v_start, vpt_start)
    needed += first_tables(mode, mask, v_start)
    return pages_that_leave(by_page(mode), line_mask, above_first(line_mask, needed))


def nr_pt_pages(mode: PagingMode, mask: Word, padding: Word, v_start: Word, vpt_start: Word) -> Word:
    """n, in frames: the tables of the first line, and those of the lines more. ``mask`` is the rounding less one."""
    more = pages_more(mode, mask, padding, v_start, vpt_start)
    return first_tables(mode, mask, v_start) + tables_more(by_page(mode), more)
