"""Lemmas on the steps in which a p2m at an address of its own is mapped, and on the tables that they take.

Notation of DOMAIN.md section 1; P and Q are the ends of the p2m, ``at`` is where the next step starts.

The argument for the count. A step that takes a table of a level is one that comes to a new block, which the region
doesn't touch. Where superpages take the place of tables it is only the blocks at either end, those that aren't whole,
that get one; so of blocks within the p2m there are always none so far, and the last one is reckoned up to Q.
"""

from functools import cache

from ...encodings import physmap
from ...encodings.physmap import SHIFTS, Superpages, at, block, p2m_end, p2m_start, v_end, v_start
from ...encodings.spans import round_down, spanned
from ...formal.layouts.paging import PAGE_SIZE
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.words.word import TRUE, Truth, Word
from ..shared import arithmetic
from ..static.dividing import differences_move
from .boots import on_pages
from .physmap_blocks import (
    LEVELS,
    LIMIT,
    begun,
    begun_in_region,
    both,
    both_at_end,
    counts_both,
    counts_partial,
    counts_touched,
    end_so_far,
    ends_alike,
    keeps_both,
    keeps_partial,
    own_block,
    partial,
    partial_blocks,
    placed,
    short,
    touched,
)


@cache
def one_step() -> Lemma:
    """One step takes no more pages than are left, and three tables, whatever is there and whatever can be had."""
    taken = physmap.any_step(at, p2m_end)
    left = physmap.pages_left(at, p2m_end)
    return Lemma(
        "step-within",
        "a page is left ⇒ the frames of the step ≤ pages left + 3, and fewer than 2^20",
        Statement(
            assumptions=(short(), Assumption("left", left >= 1, "at least one page is left")),
            goal=(taken.tables + taken.pages <= left + physmap.TABLES_OF_A_STEP)
            & (taken.tables + taken.pages < 1 << 20)
            & (taken.tables <= physmap.TABLES_OF_A_STEP)
            & (taken.pages <= left),
        ),
    )


@cache
def page_left() -> Lemma:
    """Below the end of the p2m, on a page, one page is left at least."""
    return Lemma(
        "page-left",
        "at < p2m end, at is on a page ⇒ a page is left",
        Statement(
            assumptions=(
                Assumption(
                    "on",
                    (at < p2m_end) & on_pages(at) & (p2m_end <= LIMIT),
                    "at < p2m end, at is a multiple of 4096",
                ),
            ),
            goal=(physmap.pages_left(at, p2m_end) >= 1) & (physmap.pages_left(at, p2m_end) <= 1 << 52),
        ),
    )


@cache
def stays_on_page() -> Lemma:
    """A step ends on a page."""
    return Lemma(
        "stays-on-page",
        "a step from a page ends on a page",
        Statement(
            assumptions=(Assumption("page", on_pages(at), "at is a multiple of 4096"),),
            goal=on_pages(physmap.any_step(at, p2m_end).after),
        ),
    )


def reachable(superpages: Superpages, at: Word = at) -> Truth:
    """What holds of ``at`` wherever a step starts: it is on a page after the first, and in no block mapped as a whole."""
    result = (at >= p2m_start) & ((at == p2m_start) | on_pages(at))
    for shift in SHIFTS:
        start = round_down(at, shift)
        within = (start < p2m_start) | (p2m_end - start < 1 << shift)
        result &= (at == start) | within if superpages.spare(shift) else TRUE
    return result


def so_far(shift: int, superpages: Superpages, at: Word = at) -> Word:
    """The tables of a level that are taken by the time that a step starts at ``at``."""
    return _begun_so_far(shift, superpages, at) - both(shift, at)


def _begun_so_far(shift: int, superpages: Superpages, at: Word) -> Word:
    """The blocks that get a table of the level, the region's counted in."""
    return partial(end_so_far(at), shift) if superpages.spare(shift) else touched(shift, at)


def _walking(superpages: Superpages) -> Assumption:
    return Assumption("on", reachable(superpages) & (at < p2m_end), "a step starts at `at`")


@cache
def step_counts(shift: int, superpages: Superpages) -> Lemma:
    """One step takes a table of the level where its count so far grows by one."""
    taken = physmap.walked(superpages)
    after = taken.after
    count = dict(zip(SHIFTS, (taken.l3, taken.l2, taken.l1), strict=True))[shift]
    begins, shares = _begun_so_far(shift, superpages, after), both(shift, after)
    before, shared = _begun_so_far(shift, superpages, at), both(shift, at)
    hidden = [so_far(shift, superpages, where) for where in (after, at)]
    hidden += [begins, shares, before, shared]
    uses = [counts_both(shift).wherever(next=after)]
    if superpages.spare(shift):
        sizes = [each for each in SHIFTS if each >= shift and superpages.spare(each)]
        uses += [
            counts_partial(shift).wherever(next=after),
            *(own_block(each).wherever() for each in sizes),
            *(keeps_partial(shift, each).wherever(next=after) for each in sizes),
            *(keeps_both(shift, each).wherever(next=after) for each in sizes if each > shift),
            arithmetic.same_both(minus=True).wherever(a=begins, c=before, b=shares, d=shared),
        ]
        hidden += [block(where, shift) for where in (v_start, v_end - 1)]
    else:
        uses.append(counts_touched(shift).wherever(next=after))
    uses.append(
        differences_move().wherever(
            e=begins, a=before, b=begun(shift), f=shares, c=shared, d=begun_in_region(shift)
        )
    )
    return Lemma(
        f"step-counts[{LEVELS[shift]}, {superpages.value}]",
        "count after the step = count before it + the tables of the level that the step takes",
        Statement(
            assumptions=(*placed(), _walking(superpages)),
            goal=so_far(shift, superpages, after) == so_far(shift, superpages) + count,
        ),
        Steps(uses=uses, generalise=hidden),
    )


@cache
def step_reaches(superpages: Superpages) -> Lemma:
    """A step ends where one may start, or at the end."""
    after = physmap.walked(superpages).after
    spared = [each for each in SHIFTS if superpages.spare(each)]
    return Lemma(
        f"step-reaches[{superpages.value}]",
        "a step ends further up, on a page, and in no block mapped as a whole",
        Statement(
            assumptions=(*placed(), _walking(superpages)),
            goal=(after > at) & on_pages(after) & ((after >= p2m_end) | reachable(superpages, after)),
        ),
        Steps(
            uses=tuple(own_block(each).wherever() for each in spared),
            generalise=(
                *(block(where, each) for each in spared for where in (v_start, v_end - 1, at)),
                at & (PAGE_SIZE - 1),
            ),
        ),
    )


def walked_to(superpages: Superpages, counts: dict[int, Word]) -> Truth:
    """The invariant of the walk: where it is, and the tables of each level taken so far."""
    result = (at >= p2m_start) & ((at >= p2m_end) | reachable(superpages))
    for shift, count in counts.items():
        result &= count == so_far(shift, superpages)
    return result


def steps_of_walk(superpages: Superpages) -> Steps:
    """The proof of the invariant's step."""
    after = physmap.walked(superpages).after
    taken = physmap.walked(superpages)
    return Steps(
        uses=(
            step_reaches(superpages).at(),
            *(step_counts(shift, superpages).at() for shift in SHIFTS),
        ),
        generalise=(
            *(so_far(shift, superpages, where) for shift in SHIFTS for where in (after, at)),
            after,
            taken.l3,
            taken.l2,
            taken.l1,
        ),
    )


def at_the_end(superpages: Superpages) -> Steps:
    """The proof that at the end the count so far is the closed form."""
    uses, hidden = list[Use](), list[Word]()
    upto = end_so_far(at)
    for each in SHIFTS:
        uses.append(ends_alike(each).wherever(upto=upto))
        spans, shared = spanned(p2m_start, p2m_end, each), both_at_end(each)
        whole = physmap.whole(p2m_start, p2m_end, each)
        if superpages.spare(each):
            uses += [
                partial_blocks(each).at(upto=p2m_end),
                taken_off_either_way().at(a=spans, b=shared, c=whole),
            ]
            hidden += [(spans - shared) - whole, spans - whole]
        hidden += [spans, spanned(p2m_start, upto, each), *(block(end - 1, each) for end in (upto, p2m_end))]
    return Steps(uses=uses, generalise=hidden)


@cache
def taken_off_either_way() -> Lemma:
    """In which order two are taken off doesn't matter."""
    a, b, c = arithmetic.a, arithmetic.b, arithmetic.c
    return Lemma(
        "taken-off-either-way", "(a - b) - c = (a - c) - b", Statement(goal=(a - b) - c == (a - c) - b)
    )
