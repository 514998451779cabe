"""Lemmas on the steps in which a p2m at an address of its own is mapped, and on the tables that they take.

Notation of DOMAIN.md section 1; P and Q are the ends of the p2m, ``at`` is where the next step starts.

The argument for the count. A step that takes a table of a level is one that comes to a new block, which the region
doesn't touch. Where superpages take the place of tables it is only the blocks at either end, those that aren't whole,
that get one; so of blocks within the p2m there are always none so far, and the last one is reckoned up to Q.
"""

from functools import cache
from typing import Final

from ..encodings import overlap, physmap
from ..encodings.physmap import SHIFTS, Superpages, at, p2m_end, p2m_start, v_end, v_start
from ..encodings.spans import round_down, spanned
from ..formal.layout import ADDRESS_LIMIT
from ..formal.theorem import Assumption, Lemma, Statement, Steps
from ..formal.words import TRUE, Truth, Word, choose, number, word
from .limits import on_pages

LIMIT: Final = ADDRESS_LIMIT - (1 << physmap.L2_SHIFT)
LEVELS: Final = dict(zip(SHIFTS, ("L3", "L2", "L1"), strict=True))
upto: Final = word("upto")


def short() -> Assumption:
    """The assumption that the p2m stays off the last GiB, where the test for a superpage wraps."""
    return Assumption("short", p2m_end <= LIMIT, "the p2m ends below the last GiB of the address space")


@cache
def one_step() -> Lemma:
    """One step takes no more pages than are left, and three tables, whatever is there and whatever can be had."""
    taken = physmap.any_step(at, p2m_end)
    left = physmap.pages_left(at, p2m_end)
    return Lemma(
        "step-within",
        "a page is left ⇒ the frames of the step ≤ pages left + 3, and fewer than 2^20",
        Statement(
            assumptions=(short(), Assumption("left", left >= 1, "one page is left at least")),
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


def placed() -> tuple[Assumption, ...]:
    """The assumptions on where the p2m and the region lie."""
    return (
        Assumption(
            "region",
            overlap.canonical(v_start, v_end),
            "the region lies in one half of the canonical addresses",
        ),
        Assumption(
            "p2m",
            overlap.canonical(p2m_start, p2m_end) & (p2m_end <= LIMIT),
            "the p2m lies in one half of the canonical addresses, and below the last GiB",
        ),
        Assumption("clear", ~overlap.overlaps(p2m_start, p2m_end), "the p2m stays off Xen's own area"),
        Assumption(
            "apart",
            ~physmap.refused(v_start, v_end, p2m_start, p2m_end),
            "the p2m doesn't touch the region, which Xen checks",
        ),
    )


def reachable(superpages: Superpages, at: Word = at) -> Truth:
    """What holds of ``at`` wherever a step starts: it is on a page after the first, and in no block mapped as a whole."""
    result = (at >= p2m_start) & ((at == p2m_start) | on_pages(at))
    for shift in SHIFTS:
        block = round_down(at, shift)
        within = (block < p2m_start) | (p2m_end - block < 1 << shift)
        result &= (at == block) | within if superpages.spare(shift) else TRUE
    return result


def so_far(shift: int, superpages: Superpages, at: Word = at) -> Word:
    """The tables of a level that are taken by the time that a step starts at ``at``."""
    end = choose(at < p2m_end, at, p2m_end)
    begun = at > p2m_start
    both = choose(begun & physmap.shared(p2m_start, end, v_start, v_end, shift), number(1), number(0))
    if superpages.spare(shift):
        return partial(end, shift) - both
    return choose(begun, spanned(p2m_start, end, shift), number(0)) - both


def partial(end: Word, shift: int) -> Word:
    """The blocks that [P, end) touches and doesn't fill: at its two ends, or the one that it lies in."""
    mask = (1 << shift) - 1
    same = p2m_start >> shift == end >> shift
    return choose(same, _one(p2m_start < end), _one(p2m_start & mask != 0) + _one(end & mask != 0))


def _one(condition: Truth) -> Word:
    return choose(condition, number(1), number(0))


@cache
def partial_blocks(shift: int) -> Lemma:
    """The blocks touched, less those filled, are those at the two ends that aren't filled."""
    return Lemma(
        f"partial-blocks[{shift}]",
        "N_s(P, end) - whole_s(P, end) = the blocks at the two ends that aren't filled",
        Statement(
            assumptions=(
                Assumption("in-order", (p2m_start < upto) & (upto <= LIMIT), "P < end ≤ 2^64 - 1 GiB"),
            ),
            goal=spanned(p2m_start, upto, shift) - physmap.whole(p2m_start, upto, shift)
            == partial(upto, shift),
        ),
    )


def _walking(superpages: Superpages) -> Assumption:
    return Assumption("on", reachable(superpages) & (at < p2m_end), "a step starts at `at`")


@cache
def step_counts(shift: int, superpages: Superpages) -> Lemma:
    """One step takes a table of the level where its count so far grows by one."""
    taken = physmap.walked(superpages)
    count = dict(zip(SHIFTS, (taken.l3, taken.l2, taken.l1), strict=True))[shift]
    return Lemma(
        f"step-counts[{LEVELS[shift]}, {superpages.value}]",
        "count after the step = count before it + the tables of the level that the step takes",
        Statement(
            assumptions=(*placed(), _walking(superpages)),
            goal=so_far(shift, superpages, taken.after) == so_far(shift, superpages) + count,
        ),
    )


@cache
def step_reaches(superpages: Superpages) -> Lemma:
    """A step ends where one may start, or at the end."""
    after = physmap.walked(superpages).after
    return Lemma(
        f"step-reaches[{superpages.value}]",
        "a step ends further up, on a page, and in no block mapped as a whole",
        Statement(
            assumptions=(*placed(), _walking(superpages)),
            goal=(after > at) & on_pages(after) & ((after >= p2m_end) | reachable(superpages, after)),
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
    return Steps(
        uses=tuple(partial_blocks(each).at(upto=p2m_end) for each in SHIFTS if superpages.spare(each))
    )
