"""Lemmas and the theorem that the closed form is what the search finds, for Xen's rounding and padding.

Notation of DOMAIN.md section 1, and that of `encodings.closed_form`: lines are counted from the base, the border of the widest
level at or below S; b is how many pages there are up to where the padding ends, without tables, and first what a region takes that
ends with the first line.

The argument. V(n) is a line, w, that n and b decide, and what a region up to a line takes is the first line's tables and those of
the lines more. So "n is exact" speaks of w only: n = first + more(w), and b + n pages fit into w lines. The division gives the least
u with b + first + more(u) ≤ the pages up to line u (`dividing`), so u ≤ w. The rest is said for every rounding: what u takes is enough
(`region_in_lines.enough`). There lines are counted in pages.
"""

from functools import cache

from ...encodings.closed_form import (
    Lines,
    as_needed,
    first_tables,
    gain,
    lines_more,
    lines_of,
    lines_that_leave,
    nr_pt_pages,
    pages_above_first,
    pages_without_tables,
    tables_more,
)
from ...encodings.dom0_count import FIRST_TRIED
from ...encodings.dom0_layout import PADDING, ROUNDING_SHIFT, padded_end, v_end
from ...formal.layouts.paging import PAGE_SHIFT, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.words.word import WIDTH, Word, number, replaced, word
from ..shared import arithmetic, region, search
from ..shared.region import n, terms, v_start, vpt_start
from . import dividing, region_in_lines
from .dividing import more, pages

b, first = word("b"), word("first")


def last_line(lines: Lines, pages: Word) -> Word:
    """The line, counted from the one after the first, that so many pages end in."""
    return (pages - 1) >> lines.pages


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


@cache
def least_line(lines: Lines) -> Lemma:
    """The division gives a line no later than the one where the count is exact; the pages and its tables fit into it."""
    frames, needed, line = b + n, b + first, number(1 << lines.pages)
    last = last_line(lines, frames)
    wanted = pages_above_first(lines, needed)
    u = lines_that_leave(lines, wanted)
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
            goal=(u <= last) & (needed + at_u <= ends[1]),
        ),
        Steps(
            uses=(
                arithmetic.associative().wherever(a=b, b=first, c=at_last),
                line_bounds(lines).wherever(pages=frames, more=number(0)),
                *(dividing.begun_leave_pages(lines).wherever(more=each) for each in (u, last)),
                *(
                    dividing.level_adds(lines.pages).wherever(whole=each + 1, more=each, other=number(1))
                    for each in (u, last)
                ),
                dividing.fits_beside().wherever(a=needed, c=at_last, d=ends[2], b=line),
                dividing.divides(lines).wherever(pages=wanted),
                dividing.gain_rises(lines).wherever(more=last, other=u - 1),
                dividing.same_gain(lines).wherever(more=last, other=u - 1),
                dividing.fits_beside().wherever(a=needed, c=at_u, d=ends[0], b=line),
            ),
            generalise=terms(
                *(gain(lines, each) for each in (u, last, u - 1)),
                *ends,
                at_u,
                at_last,
                u,
                last,
                needed,
            ),
        ),
    )


@cache
def as_pages(lines: Lines) -> Lemma:
    """Lines take as many tables if they are counted in pages."""
    return Lemma(
        f"as-pages[{lines.slug}]",
        "more(u lines) = more(their pages)",
        Statement(
            assumptions=(dividing.few(lines, more),),
            goal=tables_more(lines_in_pages(lines), more << lines.pages) == tables_more(lines, more),
        ),
    )


@cache
def last_as_pages(lines: Lines) -> Lemma:
    """A page lies in the same line, if lines are counted in pages, and that takes as many tables."""
    last, in_pages = last_line(lines, pages), _last_in_pages(lines, pages)
    return Lemma(
        f"last-as-pages[{lines.slug}]",
        "w in lines = w in pages, more(w) is the same",
        Statement(
            assumptions=(
                Assumption("some", (pages >= 1) & (pages < 1 << (WIDTH - lines.page_shift)), "some pages"),
            ),
            goal=(tables_more(lines_in_pages(lines), in_pages) == tables_more(lines, last))
            & (in_pages == last << lines.pages),
        ),
    )


def _last_in_pages(lines: Lines, pages: Word) -> Word:
    return region_in_lines.last_line(number((1 << lines.pages) - 1), pages)


def lines_in_pages(lines: Lines) -> Lines:
    """The same levels for lines of one page."""
    return Lines(
        page_shift=lines.page_shift,
        pages=0,
        tables=(),
        blocks=(
            *(lines.pages - each for each in lines.tables),
            *(lines.pages + each for each in lines.blocks),
        ),
    )


FIGURES = {"mask": number((1 << ROUNDING_SHIFT) - 1), "padding": number(PADDING)}
"""Xen's, for what is said of every rounding and padding."""
_FIGURES = {word(name): figure for name, figure in FIGURES.items()}


@cache
def fits(mode: PagingMode) -> Lemma:
    """A region that has room has it above the base."""
    levels = region_in_lines.levels_of(mode)
    condition = replaced(region_in_lines.fits(levels, n).condition, _FIGURES)
    base = replaced(levels.base, _FIGURES)
    return Lemma(
        f"fits-above-base[{mode.name}]",
        "room ⇒ room above the base",
        Statement(
            assumptions=(region.room(mode, n),),
            goal=condition,
        ),
        Steps(
            uses=(
                region_in_lines.from_border(levels).at(mask=FIGURES["mask"]),
                arithmetic.same_distance().at(low=base, near=v_start, far=vpt_start),
            ),
            generalise=(vpt_start - base, v_start - base, vpt_start - v_start),
        ),
    )


@cache
def closed_form(mode: PagingMode) -> Lemma:
    """The closed form is what Xen's search finds."""
    figures = mode, ROUNDING_SHIFT, v_start, vpt_start, number(PADDING)
    lines, frames, more = lines_of(mode, ROUNDING_SHIFT), nr_pt_pages(*figures), lines_more(*figures)
    without, first = pages_without_tables(*figures), first_tables(mode, ROUNDING_SHIFT, v_start)
    last, whole = last_line(lines, without + n), lines_in_pages(lines)
    last_in_pages, in_pages = _last_in_pages(lines, without + n), more << lines.pages
    takes = [tables_more(lines, each) for each in (more, last)]
    takes += [tables_more(whole, each) for each in (in_pages, last_in_pages)]
    same = first + takes[2]
    needed = [search.needed(mode, each) for each in (n, frames, same)]
    levels = region_in_lines.levels_of(mode)
    base, above, most = (
        replaced(each, _FIGURES) for each in (levels.base, region_in_lines.from_base(levels), levels.padded)
    )
    ended = (last_in_pages << mode.page_shift) + (1 << ROUNDING_SHIFT)
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
                fits(mode).at(),
                region.v_end_closed().at(),
                region.v_end_grows(mode).at(m=n),
                region_in_lines.ends_in_a_line(mode).at(**FIGURES),
                last_as_pages(lines).at(pages=without + n),
                line_bounds(lines).at(pages=without + n, more=number(0)),
                least_line(lines).at(b=without, first=first),
                as_pages(lines).at(more=more),
                region_in_lines.enough(mode).at(u=in_pages, **FIGURES),
                search.same_count(mode).at(n=same, m=frames),
                region.count_at_least(mode).at(n=frames),
                search.stops_least(mode).at(m=frames, first=number(FIRST_TRIED)),
            ),
            generalise=terms(
                *needed,
                v_end(vpt_start, n),
                padded_end(vpt_start, n),
                *takes,
                base + ended,
                ended,
                without + first,
                without + n,
                most - above >> mode.page_shift,
                above,
                v_start - base >> mode.page_shift,
                v_start - base,
                number(region.tables_limit(mode)) - (vpt_start - v_start) >> PAGE_SHIFT,
                last_in_pages,
                more,
                last,
                first,
                without,
            ),
        ),
    )


def divided(mode: PagingMode, rounding_shift: int, start: int, tables_at: int, padding: int) -> int:
    """The closed form on plain integers, by Python's own division; S and T as words, in bytes."""
    ahead = start % (1 << max(rounding_shift, as_needed(mode)[-1].shift))
    page = 1 << mode.page_shift
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
