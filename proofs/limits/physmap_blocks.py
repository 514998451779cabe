"""Lemmas on the blocks that a p2m at an address of its own touches, fills, and shares with the region.

Notation of DOMAIN.md section 1; P and Q are the ends of the p2m, ``at`` is where a step starts and ``next`` where it
ends. A block is what one table of a level maps.

The argument for the shared block. Of two ranges that don't touch each other, one ends before the other starts: so their
blocks are in order, too, and only where the one ends and the other starts can they be the same.
"""

from functools import cache
from typing import Final

from ...encodings import overlap, physmap
from ...encodings.physmap import SHIFTS, at, block, p2m_end, p2m_start, v_end, v_start
from ...encodings.spans import round_down, round_up, spanned
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.words.word import Truth, Word, choose, number, word
from .boots import on_pages

LIMIT: Final = ADDRESS_LIMIT - (1 << physmap.L2_SHIFT)
LEVELS: Final = dict(zip(SHIFTS, ("L3", "L2", "L1"), strict=True))
upto: Final = word("upto")
following: Final = word("next")


def short() -> Assumption:
    """The assumption that the p2m stays off the last GiB, where the test for a superpage wraps."""
    return Assumption("short", p2m_end <= LIMIT, "the p2m ends below the last GiB of the address space")


def p2m_placed() -> Assumption:
    """The assumption on where the p2m lies."""
    return Assumption(
        "p2m",
        overlap.canonical(p2m_start, p2m_end) & (p2m_end <= LIMIT),
        "the p2m lies in one half of the canonical addresses, and below the last GiB",
    )


def placed() -> tuple[Assumption, ...]:
    """The assumptions on where the p2m and the region lie."""
    return (
        Assumption(
            "region",
            overlap.canonical(v_start, v_end),
            "the region lies in one half of the canonical addresses",
        ),
        p2m_placed(),
        Assumption("clear", ~overlap.overlaps(p2m_start, p2m_end), "the p2m stays off Xen's own area"),
        Assumption(
            "apart",
            ~physmap.refused(v_start, v_end, p2m_start, p2m_end),
            "the p2m doesn't touch the region, which Xen checks",
        ),
    )


def touched(shift: int, at: Word) -> Word:
    """The blocks of the p2m that are begun by the time that a step starts at ``at``."""
    return choose(at > p2m_start, spanned(p2m_start, end_so_far(at), shift), number(0))


def both(shift: int, at: Word) -> Word:
    """1 if one of them is touched by the region, too."""
    return _one((at > p2m_start) & physmap.shared(p2m_start, end_so_far(at), v_start, v_end, shift))


def both_at_end(shift: int) -> Word:
    """1 if one of all its blocks is touched by the region, too."""
    return _one(physmap.shared(p2m_start, p2m_end, v_start, v_end, shift))


@cache
def ends_alike(shift: int) -> Lemma:
    """What ends at the p2m's end touches the same blocks: what is lost where they are generalised."""
    return Lemma(
        f"ends-alike[{LEVELS[shift]}]",
        "end = Q ⇒ N_s(P, end) = N_s(P, Q), and their last bytes lie in one block",
        Statement(
            assumptions=(Assumption("equal", upto == p2m_end, "it ends with the p2m"),),
            goal=(spanned(p2m_start, upto, shift) == spanned(p2m_start, p2m_end, shift))
            & (block(upto - 1, shift) == block(p2m_end - 1, shift)),
        ),
    )


def partial(end: Word, shift: int) -> Word:
    """The blocks that [P, end) touches and doesn't fill: at its two ends, or the one that it lies in."""
    mask = (1 << shift) - 1
    same = p2m_start >> shift == end >> shift
    return choose(same, _one(p2m_start < end), _one(p2m_start & mask != 0) + _one(end & mask != 0))


def end_so_far(at: Word) -> Word:
    """Where the part of the p2m ends that is mapped when a step starts at ``at``."""
    return choose(at < p2m_end, at, p2m_end)


def _one(condition: Truth) -> Word:
    return choose(condition, number(1), number(0))


@cache
def ends_of_span(shift: int) -> Lemma:
    """The blocks between two addresses, by the blocks that they lie in and whether these begin there."""
    mask = (1 << shift) - 1
    last, first = upto >> shift, p2m_start >> shift
    return Lemma(
        f"ends-of-span[{LEVELS[shift]}]",
        "P < end ⇒ N_s(P, end) = end's block - P's block, 1 more if end is within one; P rounded up: likewise",
        Statement(
            assumptions=(_in_order(),),
            goal=(spanned(p2m_start, upto, shift) == last + _one(upto & mask != 0) - first)
            & (round_up(p2m_start, shift) >> shift == first + _one(p2m_start & mask != 0))
            & (first <= last)
            & ((first != last) | ((p2m_start & mask) < (upto & mask)))
            & (last < 1 << (64 - shift)),
        ),
    )


@cache
def partial_blocks(shift: int) -> Lemma:
    """The blocks touched, less those filled, are those at the two ends that aren't filled."""
    mask = (1 << shift) - 1
    return Lemma(
        f"partial-blocks[{LEVELS[shift]}]",
        "N_s(P, end) - whole_s(P, end) = the blocks at the two ends that aren't filled",
        Statement(
            assumptions=(_in_order(),),
            goal=spanned(p2m_start, upto, shift) - physmap.whole(p2m_start, upto, shift)
            == partial(upto, shift),
        ),
        Steps(
            uses=(ends_of_span(shift).at(),),
            generalise=(
                spanned(p2m_start, upto, shift),
                round_up(p2m_start, shift) >> shift,
                upto >> shift,
                p2m_start >> shift,
                upto & mask,
                p2m_start & mask,
            ),
        ),
    )


def _in_order() -> Assumption:
    return Assumption("in-order", (p2m_start < upto) & (upto <= LIMIT), "P < end ≤ 2^64 - 1 GiB")


def _started() -> Assumption:
    started = (at >= p2m_start) & (at < p2m_end) & ((at == p2m_start) | on_pages(at))
    return Assumption("on", started, "a step starts at `at`")


def _within(shift: int) -> Assumption:
    within = (following > at) & ((following - 1) >> shift == at >> shift)
    return Assumption("within", within, "it ends in the block that it starts in, or with it")


def _begins(shift: int) -> Truth:
    """Whether the step is the p2m's first one in its block."""
    return (at == p2m_start) | (at & ((1 << shift) - 1) == 0)


def begun(shift: int) -> Word:
    """1 if the step begins a block, of the p2m's."""
    return _one(_begins(shift))


def begun_in_region(shift: int) -> Word:
    """1 if it begins one that the region touches, too."""
    return _one(_begins(shift) & _in_region(shift))


def _whole(shift: int) -> Truth:
    """Whether a step starts at a block that lies within the p2m as a whole."""
    return (at & ((1 << shift) - 1) == 0) & (p2m_end - at >= 1 << shift)


def _in_region(shift: int) -> Truth:
    return physmap.in_region(at, v_start, v_end, shift)


@cache
def blocks_apart(shift: int) -> Lemma:
    """The order of the blocks of the p2m and of the region: at most the ones at their ends are the same."""
    first, last = block(v_start, shift), block(v_end - 1, shift)
    here, lowest = block(at, shift), block(p2m_start, shift)
    return Lemma(
        f"blocks-apart[{LEVELS[shift]}]",
        "the block of `at` is none before the p2m's first one, and none after the region's first or the region ends by P's",
        Statement(
            assumptions=(*placed(), _started()),
            goal=(lowest <= here) & (first <= last) & ((here <= first) | (last <= lowest)),
        ),
    )


@cache
def blocks_stepped(shift: int) -> Lemma:
    """The blocks that a step starts in and ends in, against the one before it."""
    here, lowest = block(at, shift), block(p2m_start, shift)
    before = block(end_so_far(at) - 1, shift)
    begun = (before == here - _one(at & ((1 << shift) - 1) == 0)) & (lowest <= before) & (before <= here)
    return Lemma(
        f"blocks-stepped[{LEVELS[shift]}]",
        "the step's last byte is in the block of `at`, the byte before the step in that one or, if a block begins, the "
        "one before",
        Statement(
            assumptions=(p2m_placed(), _started(), _within(shift)),
            goal=(block(end_so_far(following) - 1, shift) == here)
            & (~(at > p2m_start) | begun)
            & (~(at == p2m_start) | (here == lowest)),
        ),
    )


@cache
def counts_both(shift: int) -> Lemma:
    """A step comes to the block that the region touches, too, where it begins one that the region touches."""
    return Lemma(
        f"counts-both[{LEVELS[shift]}]",
        "both(next) = both(at) + (1 if the step begins a block that the region touches)",
        Statement(
            assumptions=(*placed(), _started(), _within(shift)),
            goal=both(shift, following) == both(shift, at) + begun_in_region(shift),
        ),
        Steps(
            uses=(blocks_apart(shift).at(), blocks_stepped(shift).at()),
            generalise=(
                block(v_start, shift),
                block(v_end - 1, shift),
                block(at, shift),
                block(p2m_start, shift),
                block(end_so_far(following) - 1, shift),
                block(end_so_far(at) - 1, shift),
                at & ((1 << shift) - 1),
            ),
        ),
    )


@cache
def counts_touched(shift: int) -> Lemma:
    """A step touches a block more where it begins one."""
    return Lemma(
        f"counts-touched[{LEVELS[shift]}]",
        "touched(next) = touched(at) + (1 if the step begins a block)",
        Statement(
            assumptions=(p2m_placed(), _started(), _within(shift)),
            goal=touched(shift, following) == touched(shift, at) + begun(shift),
        ),
    )


@cache
def counts_partial(shift: int) -> Lemma:
    """Of the blocks that aren't filled there is one more where a step begins one."""
    start = round_down(at, shift)
    split = (at == start) | (start < p2m_start) | (p2m_end - start < 1 << shift)
    return Lemma(
        f"counts-partial[{LEVELS[shift]}]",
        "the block isn't filled ⇒ partial(next) = partial(at) + (1 if the step begins a block)",
        Statement(
            assumptions=(
                p2m_placed(),
                _started(),
                _within(shift),
                Assumption("split", split & ~_whole(shift), "the p2m doesn't fill the block of `at`"),
            ),
            goal=partial(end_so_far(following), shift) == partial(end_so_far(at), shift) + begun(shift),
        ),
    )


@cache
def own_block(shift: int) -> Lemma:
    """A block that the p2m fills is not touched by the region."""
    return Lemma(
        f"own-block[{LEVELS[shift]}]",
        "the p2m fills the block of `at` ⇒ the region doesn't touch it",
        Statement(
            assumptions=(
                *placed(),
                _started(),
                Assumption("whole", _whole(shift), "the p2m fills the block"),
            ),
            goal=~_in_region(shift),
        ),
    )


def _superpage(size: int) -> tuple[Assumption, ...]:
    return (
        Assumption("whole", _whole(size), "the p2m fills the superpage's block"),
        Assumption("next", following == at + (1 << size), "the step maps that superpage"),
    )


@cache
def keeps_partial(shift: int, size: int) -> Lemma:
    """A superpage fills whatever block it touches."""
    return Lemma(
        f"keeps-partial[{LEVELS[shift]}, {LEVELS[size]}]",
        "next = at + the superpage's size ⇒ partial(next) = partial(at)",
        Statement(
            assumptions=(p2m_placed(), _started(), *_superpage(size)),
            goal=partial(end_so_far(following), shift) == partial(end_so_far(at), shift),
        ),
    )


@cache
def keeps_both(shift: int, size: int) -> Lemma:
    """A superpage lies in no block that the region touches."""
    return Lemma(
        f"keeps-both[{LEVELS[shift]}, {LEVELS[size]}]",
        "next = at + the superpage's size ⇒ both(next) = both(at)",
        Statement(
            assumptions=(*placed(), _started(), *_superpage(size)),
            goal=both(shift, following) == both(shift, at),
        ),
    )
