"""Lemmas and the theorem that the closed form is what the search finds, for every rounding and every padding.

Notation of `region_in_lines`. Where n is exact, b and n pages fit into the line w that the region ends with. The bits give the least
line u that leaves enough (`thresholds`), so u ≤ w, and b pages and u's own tables fit into it: `region_in_lines.enough` says the
rest. The search finds the least number that is enough, and n is no less than that.
"""

from functools import cache

from ...encodings.closed_form import Lines, as_needed, tables_more
from ...encodings.closed_form_any_rounding import (
    above_first,
    by_page,
    first_tables,
    no_more_than_rounding,
    nr_pt_pages,
    pages_more,
    pages_that_leave,
    pages_without_tables,
    widest,
)
from ...encodings.dom0_count import FIRST_TRIED
from ...encodings.dom0_layout import stack_end
from ...formal.layouts.paging import PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.words.word import WIDTH, number, word
from ..shared import arithmetic
from ..shared.region import n, terms, v_start, vpt_start
from . import any_rounding, thresholds
from .any_rounding import end_of, mask, needed, padding
from .dividing import SMALL, fits_beside
from .region_in_lines import (
    MOST_ROUNDED,
    Levels,
    ends_in_a_line,
    enough,
    fits,
    fitting_power_of_two,
    from_base,
    from_border,
    in_space,
    last_line,
    levels_of,
    not_looked_into,
    padded_below,
    page_in_line,
)
from .thresholds import line_mask, whole_lines

b, first = word("b"), word("first")


@cache
def room_above(page_shift: int) -> Lemma:
    """A region shorter than half of the address space has room above a base that isn't far below it."""
    base_mask, at, ahead = word("base_mask"), word("at"), word("ahead")
    cut, page, apart = no_more_than_rounding(mask, padding), number(1 << page_shift), vpt_start - v_start
    length, padded = at + page + cut, padded_below(base_mask)
    return Lemma(
        f"room-above[{page_shift}]",
        "within 2^63 - 2^50 of S, S less than 2^61 above the base ⇒ room above the base",
        Statement(
            assumptions=(
                fitting_power_of_two(page_shift),
                any_rounding.room(n, page_shift),
                Assumption(
                    "base",
                    (mask <= base_mask) & (base_mask < MOST_ROUNDED) & (ahead <= base_mask),
                    "S is no further above the base",
                ),
                Assumption("apart", at - ahead == apart, "T and S, counted from the base"),
            ),
            goal=in_space(page_shift, padded, length, ahead, n),
        ),
        Steps(
            uses=(room_for_stack().at(page=page, apart=apart, cut=cut),),
            generalise=(
                padded - length,
                padded,
                length,
                number(any_rounding.LONGEST) - page - apart,
                apart,
            ),
        ),
    )


@cache
def room_for_stack() -> Lemma:
    """With stack and padding, too, there is as much room above a base that isn't far below S."""
    base_mask, at, ahead = word("base_mask"), word("at"), word("ahead")
    page, apart, cut = word("page"), word("apart"), word("cut")
    length, padded = at + page + cut, padded_below(base_mask)
    return Lemma(
        "room-for-stack",
        "T - S ≤ L ⇒ S - base < x, and there is as much room above x as there is up to L; x = T - base + stack and padding",
        Statement(
            assumptions=(
                Assumption(
                    "rounded",
                    (mask < MOST_ROUNDED) & (base_mask < MOST_ROUNDED) & (cut <= MOST_ROUNDED),
                    "not around the address space",
                ),
                Assumption("ahead", ahead <= base_mask, "S is no further above the base"),
                Assumption("page", (page >= 1) & (page <= 1 << 16), "64 KiB at most"),
                Assumption(
                    "apart",
                    (apart <= number(any_rounding.LONGEST) - page) & (at - ahead == apart),
                    "T - S ≤ L",
                ),
            ),
            goal=(ahead < length)
            & (length <= padded)
            & (length <= 3 << 62)
            & (number(any_rounding.LONGEST) - page - apart <= padded - length),
        ),
        Steps(
            uses=(arithmetic.put_back().at(a=at, b=ahead),),
            generalise=(at - ahead,),
        ),
    )


@cache
def room_from_half(levels: Levels) -> Lemma:
    """A region shorter than half of the address space has room above the base."""
    at, ahead = vpt_start - levels.base, v_start - levels.base
    return Lemma(
        f"room-from-half[{levels.slug}]",
        "within 2^63 - 2^50 of S ⇒ room above the base",
        Statement(
            assumptions=(fitting_power_of_two(levels.page), any_rounding.room(n, levels.page)),
            goal=fits(levels, n).condition,
        ),
        Steps(
            uses=(
                from_border(levels).wherever(),
                arithmetic.same_distance().wherever(low=levels.base, near=v_start, far=vpt_start),
                room_above(levels.page).wherever(base_mask=levels.base_mask, at=at, ahead=ahead),
            ),
            generalise=(levels.padded, from_base(levels), at, ahead, vpt_start - v_start),
        ),
    )


@cache
def as_wanted() -> Lemma:
    """So many pages fit into d pages and a line, beside c, just if what is above the first line fits into the others."""
    a, c, d = arithmetic.a, arithmetic.c, arithmetic.d
    one, rest = line_mask + 1, d - c
    return Lemma(
        "as-wanted",
        "c ≤ d ⇒ (a + c ≤ d + 1 line ⇔ what of a is above the first line ≤ d - c)",
        Statement(
            assumptions=(
                Assumption("tables", c <= d, "c ≤ d"),
                Assumption(
                    "small",
                    (a < SMALL) & (d < SMALL >> 1) & (line_mask < (SMALL >> 1) - 1),
                    "nothing wraps",
                ),
            ),
            goal=(a + c <= d + one) == (above_first(line_mask, a) <= rest),
        ),
        Steps(
            uses=(fits_beside().wherever(b=one),),
            generalise=(rest,),
        ),
    )


@cache
def least_line(lines: Lines) -> Lemma:
    """The bits give a line no later than the one where the count is exact; the pages and its tables fit into it."""
    frames, needed = b + n, b + first
    last = last_line(line_mask, frames)
    wanted = above_first(line_mask, needed)
    u = pages_that_leave(lines, line_mask, wanted)
    at_u, at_last = tables_more(lines, u), tables_more(lines, last)
    limit = thresholds.pages_limit(lines.page_shift)
    return Lemma(
        f"rounded-least-line[{lines.slug}]",
        "n = first + more(w), which ends in line w ⇒ u ≤ w, b + first + more(u) ≤ the pages up to line u",
        Statement(
            assumptions=(
                thresholds.line(),
                Assumption("exact", n == first + at_last, "n is exact"),
                Assumption("range", (b >= 1) & (b <= frames) & (frames < limit), "nothing wraps"),
            ),
            goal=(u <= last) & (needed + at_u <= u + (line_mask + 1)) & whole_lines(line_mask, u),
        ),
        Steps(
            uses=(
                arithmetic.associative().wherever(a=b, b=first, c=at_last),
                page_in_line(lines.page_shift).wherever(pages=frames, more=number(0)),
                thresholds.tables_fit(lines).wherever(more=last),
                as_wanted().wherever(a=needed, c=at_last, d=last),
                thresholds.finds_least(lines).wherever(found=last, wanted=wanted),
                thresholds.tables_fit(lines).wherever(more=u),
                as_wanted().wherever(a=needed, c=at_u, d=u),
            ),
            generalise=terms(
                at_u,
                at_last,
                *(each & line_mask for each in (u, last)),
                line_mask & (line_mask + 1),
                u,
                last,
                wanted,
                needed,
            ),
        ),
    )


@cache
def closed_form(mode: PagingMode) -> Lemma:
    """The closed form is what the search finds."""
    lines, line_mask = by_page(mode), mask >> mode.page_shift
    without = pages_without_tables(mode, mask, padding, v_start, vpt_start)
    first = first_tables(mode, mask, v_start)
    more = pages_more(mode, mask, padding, v_start, vpt_start)
    frames = nr_pt_pages(mode, mask, padding, v_start, vpt_start)
    stack, end = stack_end(vpt_start, n, mode.page_shift), end_of(n, mode.page_shift)
    last, levels = last_line(line_mask, without + n), levels_of(mode)
    return Lemma(
        f"closed-form-any-rounding[{mode.name}]",
        "the search from 2 stops at n ⇒ n is the closed form",
        Statement(
            assumptions=(fitting_power_of_two(mode.page_shift), any_rounding.room(n, mode.page_shift)),
            runs=(any_rounding.found(mode),),
            goal=frames == n,
        ),
        Steps(
            uses=(
                any_rounding.exact(mode, FIRST_TRIED).wherever(),
                room_from_half(levels_of(mode)).wherever(),
                any_rounding.stack_grows(mode.page_shift).wherever(m=n),
                any_rounding.end_grows(mode).wherever(near=stack, far=stack),
                ends_in_a_line(mode).wherever(),
                least_line(lines).wherever(b=without, first=first, line_mask=line_mask),
                enough(mode).wherever(u=more),
                any_rounding.count_grows(mode).wherever(n=frames, m=n),
                any_rounding.stops_least(mode).wherever(m=frames),
            ),
            generalise=terms(
                needed(mode, n),
                needed(mode, frames),
                frames,
                *(tables_more(lines, each) for each in (more, last)),
                without + n,
                without + first,
                *not_looked_into(levels),
                more,
                last,
                end,
                stack,
                first,
                v_start - levels.base,
                without,
            ),
        ),
    )


def divided(mode: PagingMode, rounding: int, padding: int, start: int, tables_at: int) -> int:
    """The closed form on plain integers, by Python's own division; S and T as words, in bytes."""
    shifts = [level.shift - mode.page_shift for level in as_needed(mode)]
    line, page = rounding >> mode.page_shift, 1 << mode.page_shift
    ahead = start % max(rounding, 1 << widest(mode))
    needed = -(-((tables_at - start) % (1 << WIDTH) + ahead + page + min(padding, rounding)) // page)
    first = sum(
        max(1, rounding >> level.shift) - (ahead >> level.shift) if level.fixed is None else level.fixed
        for level in mode.counted_levels
    )

    def gain(pages: int) -> int:
        return pages - sum(pages >> each for each in shifts)

    left, more = max(0, needed + first - line), 0
    for block in sorted({line, *(1 << each for each in shifts if 1 << each > line)}, reverse=True):
        # All of a block but its last line: if that isn't enough, the block is taken.
        without_last = gain(block - line)
        quotient = max(0, left + gain(block) - 1 - without_last) // gain(block)
        more += quotient * block
        left = max(0, left - quotient * gain(block))
    return first + sum(more >> each for each in shifts)
