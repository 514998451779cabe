"""The count without a search: how many lines the region reaches up to, by a division for each level, and its tables.

A line is what the region's end is rounded up to, 4 MiB in Xen. The region is counted in lines from a border of the widest
level that is taken as needed, so that a region past 2**64 is no exception. With u lines more than the first it takes
a number of tables that only u decides, besides what it starts with. So "the tables fit into u lines more" says

    gain(u) = u * (pages of a line) - tables_more(u) >= pages wanted above the first line,

and gain grows by the same for each line, for each block of lines that one L2 maps, and so on, but for the table more that the
block needs. The least u is found by dividing by what each block gains, the widest first, and rounding the last one up.

Nothing of this is in Xen; it is offered in place of its search. ``proofs.static.closed_form`` proves that it finds the same.

Words have no division. Here it is done as at school, bit by bit: compiled from C, ``/`` does the same.
"""

from functools import reduce
from operator import add

from attrs import frozen

from ..formal.edge.amounts import exactly
from ..formal.layouts.paging import Level, PagingMode
from ..formal.words.word import WIDTH, Word, choose, number
from .spans import round_down


@frozen
class Block:
    """A level's block of lines: ``lines`` is log2 of how many, ``gain`` how many pages they leave for no tables."""

    lines: int
    gain: int


@frozen
class Lines:
    """What a line is to the levels: all that the division depends on. All figures are log2.

    ``page_shift`` is of the bytes of a page, ``pages`` of the pages of a line. ``tables`` is for each level how many of its tables map a line, where none
    maps more; ``blocks`` is for each other level how many lines one of its tables maps.
    """

    page_shift: int
    pages: int
    tables: tuple[int, ...]
    blocks: tuple[int, ...]

    @property
    def slug(self) -> str:
        """The figures, for the name of a lemma."""
        return f"{self.page_shift}+{self.pages}|{','.join(map(str, self.tables))}|{','.join(map(str, self.blocks))}"

    @property
    def least_gain(self) -> int:
        """How many pages each line leaves at least: less a table of each level that may begin with it."""
        return (1 << self.pages) - sum(1 << each for each in self.tables) - len(self.blocks)

    @property
    def shifts(self) -> tuple[int, ...]:
        """log2 of how many tables a line takes of each level, negative where a table maps several; the widest first."""
        return (*(-each for each in reversed(self.blocks)), *reversed(self.tables))

    def gains(self) -> tuple[Block, ...]:
        """What the blocks gain, from the single line upwards."""
        found = [Block(0, (1 << self.pages) - sum(1 << each for each in self.tables))]
        for lines in self.blocks:
            found.append(Block(lines, (found[-1].gain << (lines - found[-1].lines)) - 1))
        return tuple(found)


def as_needed(mode: PagingMode) -> tuple[Level, ...]:
    """The counted levels that take as many tables as the region spans, from L1 upwards."""
    return tuple(level for level in mode.counted_levels if level.fixed is None)


def lines_of(mode: PagingMode, rounding_shift: int) -> Lines:
    """What a line of 2**rounding_shift bytes is to the levels of ``mode``: a page at least."""
    levels = as_needed(mode)
    return Lines(
        page_shift=mode.page_shift,
        pages=rounding_shift - mode.page_shift,
        tables=tuple(rounding_shift - each.shift for each in levels if each.shift <= rounding_shift),
        blocks=tuple(each.shift - rounding_shift for each in levels if each.shift > rounding_shift),
    )


def growing_lines_of(mode: PagingMode, rounding_shift: int) -> Lines:
    """The same, where longer regions leave more pages: what this way of dividing needs.

    Raises ValueError where a line may leave no page once the tables that begin with it are taken.
    """
    lines = lines_of(mode, rounding_shift)
    if lines.pages < 0 or lines.least_gain < 1:
        raise ValueError(
            f"{mode.title}, rounded to {exactly(1 << rounding_shift)}: a line may hold nothing but the tables that begin with it"
        )
    return lines


def shifted(value: Word, by: int) -> Word:
    """``value`` times 2**by, rounded down where ``by`` is negative."""
    return value << by if by >= 0 else value >> -by


def tables_more(lines: Lines, more: Word) -> Word:
    """How many tables ``more`` lines take besides those of the first line."""
    return reduce(add, (shifted(more, each) for each in lines.shifts))


def gain(lines: Lines, more: Word) -> Word:
    """How many pages ``more`` lines have besides their tables."""
    return (more << lines.pages) - tables_more(lines, more)


def taken(left: Word, worth: Word, already: Word, step: Word) -> tuple[Word, Word]:
    """One bit of a quotient: ``step`` lines more, where their ``worth`` is left, and what is left then."""
    fits = left >= worth
    return choose(fits, already + step, already), choose(fits, left - worth, left)


def bits_of_quotient(lines: Lines, index: int) -> int:
    """How many bits the quotient by the gain of the block ``index`` may have, an address space being divided."""
    blocks = lines.gains()
    if index + 1 < len(blocks):
        return blocks[index + 1].lines - blocks[index].lines
    return WIDTH - lines.page_shift - blocks[index].gain.bit_length() + 1


def worths(lines: Lines) -> tuple[tuple[int, int], ...]:
    """The bits of all quotients, the widest block's first: log2 of the lines that each is, and what it is worth."""
    return tuple(
        (block.lines + bit, block.gain << bit)
        for index, block in reversed(list(enumerate(lines.gains())))
        for bit in reversed(range(bits_of_quotient(lines, index)))
    )


def lines_that_leave(lines: Lines, pages: Word) -> Word:
    """The least u with gain(u) >= pages: a quotient for each block, the widest first, and the last one rounded up."""
    more, left = number(0), pages
    for bit, worth in worths(lines):
        more, left = taken(left, number(worth), more, number(1 << bit))
    return more + choose(left > 0, number(1), number(0))


def base(mode: PagingMode, rounding_shift: int, v_start: Word) -> Word:
    """Where lines are counted from: the border of the widest level, or of a line that is wider, at or below v_start."""
    return round_down(v_start, max(rounding_shift, as_needed(mode)[-1].shift))


def first_tables(mode: PagingMode, rounding_shift: int, v_start: Word) -> Word:
    """The tables that a region takes which ends with the first line: fewer than none, if it starts above that."""
    return reduce(add, first_tables_by_level(mode, rounding_shift, v_start))


def first_tables_by_level(mode: PagingMode, rounding_shift: int, v_start: Word) -> tuple[Word, ...]:
    """The same at each counted level, the root's first."""
    before = v_start - base(mode, rounding_shift, v_start)
    return tuple(
        number(1 << max(0, rounding_shift - level.shift)) - (before >> level.shift)
        if level.fixed is None
        else number(level.fixed)
        for level in reversed(mode.counted_levels)
    )


def pages_without_tables(
    mode: PagingMode, rounding_shift: int, v_start: Word, vpt_start: Word, padding: Word
) -> Word:
    """The pages from the base up to where the padding ends if there are no tables."""
    page = 1 << mode.page_shift
    above = vpt_start - base(mode, rounding_shift, v_start)
    return (above + page + padding + (page - 1)) >> mode.page_shift


def pages_above_first(lines: Lines, needed: Word) -> Word:
    """How many of the pages needed, with the first line's tables, lie above the first line."""
    return choose(needed > 1 << lines.pages, needed - (1 << lines.pages), number(0))


def lines_more(mode: PagingMode, rounding_shift: int, v_start: Word, vpt_start: Word, padding: Word) -> Word:
    """How many lines more than the first the region has."""
    lines = growing_lines_of(mode, rounding_shift)
    needed = pages_without_tables(mode, rounding_shift, v_start, vpt_start, padding)
    needed += first_tables(mode, rounding_shift, v_start)
    return lines_that_leave(lines, pages_above_first(lines, needed))


def nr_pt_pages(mode: PagingMode, rounding_shift: int, v_start: Word, vpt_start: Word, padding: Word) -> Word:
    """n, in frames: the tables of the first line, and those of the lines more."""
    lines = growing_lines_of(mode, rounding_shift)
    more = lines_more(mode, rounding_shift, v_start, vpt_start, padding)
    return first_tables(mode, rounding_shift, v_start) + tables_more(lines, more)
