"""The p2m at an address of its own: the steps in which the dom0 builder maps it, and the frames that these take.

Each step maps one page, or a superpage of 2 MiB or 1 GiB where the address is aligned to that, as much is left,
no table is there yet, and Xen finds a free one; before that it takes the tables that are missing, an L3, an L2 and
an L1 at most. Before each step the builder wants room in dom0's memory for what is left of the p2m, in pages, and
three tables.

Two loops are made of that step. `steps` leaves open, again in each step, which tables are there and which superpages
can be had: what holds for it holds for whatever is mapped and of whatever memory is free. `walk` settles both. In it a
table is there if the step before was in the same block, if the region [S, V) touches the block, or, of the L3, if the
slot is one that Xen fills for itself; and superpages of a kind are had always or never.

A table that a step takes is at once what its level makes it: of the level's type, validated, and used once as that. It
is dom0's, with two references, one of them for being dom0's.

Source: DOMAIN.md section 4; ``setup_pv_physmap()`` in Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.22), the masks in
``xen/arch/x86/include/asm/mm.h``. Addresses are in bytes, frames in pages of 4 KiB.
"""

from enum import Enum
from functools import cache
from typing import Final

from attrs import frozen

from ..formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE
from ..formal.logic.theorem import Loop
from ..formal.words.word import FALSE, TRUE, Truth, Word, choose, number, word
from .overlap import in_xens_slots
from .read_only_walk import TYPE_SHIFT, VALIDATED
from .spans import round_down, round_up, spanned

TABLES_OF_A_STEP: Final = 3
"""What is demanded beyond the pages that are left."""
L3_SHIFT: Final = 39
L2_SHIFT: Final = 30
L1_SHIFT: Final = 21
"""What one table of each level maps, as a shift; what one entry of the level above maps."""
SHIFTS: Final = (L3_SHIFT, L2_SHIFT, L1_SHIFT)
ALLOCATED: Final = 1 << 63
"""Marks in ``count_info`` a frame that is a domain's, which is one of its references."""
TABLE_REFERENCES: Final = ALLOCATED | 2
"""The ``count_info`` of a table that a step takes."""
TRANSLATED: Final = (1 << 48) - 1
"""The bits of an address that its way through the tables depends on."""


class Superpages(Enum):
    """Which superpages are had, whenever one fits: its tables are then not taken."""

    NONE = "pages of 4 KiB alone"
    LARGE = "superpages of 2 MiB"
    HUGE = "superpages of 2 MiB and 1 GiB"

    def spare(self, shift: int) -> bool:
        """Whether one of them takes the place of a table that maps 2**shift bytes."""
        return (shift == L1_SHIFT and self is not Superpages.NONE) or (
            shift == L2_SHIFT and self is Superpages.HUGE
        )


@frozen(eq=False)
class Step:
    """What one step does: the tables and pages that it takes, and ``after``, where the next one starts."""

    l3: Word
    l2: Word
    l1: Word
    pages: Word
    after: Word

    @property
    def tables(self) -> Word:
        """The tables of all levels."""
        return self.l3 + self.l2 + self.l1


def refused(v_start: Word, v_end: Word, p2m_start: Word, p2m_end: Word) -> Truth:
    """Whether the p2m overlaps the region or touches it: the builder refuses no other."""
    return (v_start <= p2m_end) & (p2m_start <= v_end)


def pages_left(at: Word, p2m_end: Word) -> Word:
    """What is left of the p2m, as the builder counts it: the odd part of a page at its start is dropped."""
    return (round_up(p2m_end, PAGE_SHIFT) - at) >> PAGE_SHIFT


def enough(total: Word, at: Word, p2m_end: Word, nr_pages: Word) -> Truth:
    """The builder's demand before each step, ``total`` being the pages that dom0 has so far."""
    return total + pages_left(at, p2m_end) + TABLES_OF_A_STEP <= nr_pages


def fits(at: Word, p2m_end: Word, shift: int) -> Truth:
    """Whether a superpage of 2**shift bytes can be put at ``at``."""
    return (at & ((1 << shift) - 1) == 0) & (p2m_end >= at + (1 << shift))


def step(at: Word, p2m_end: Word, there: tuple[Truth, Truth, Truth], free: tuple[Truth, Truth]) -> Step:
    """One step at ``at``.

    ``there`` tells whether the L3, L2 and L1 are there; ``free`` whether a superpage of 1 GiB and of 2 MiB can be had.
    """
    l3, l2, l1 = there
    huge = ~l2 & free[0] & fits(at, p2m_end, L2_SHIFT)
    large = ~huge & ~l1 & free[1] & fits(at, p2m_end, L1_SHIFT)
    return Step(
        l3=_one(~l3),
        l2=_one(~l2 & ~huge),
        l1=_one(~l1 & ~huge & ~large),
        pages=choose(huge, _pages(L2_SHIFT), choose(large, _pages(L1_SHIFT), number(1))),
        after=choose(
            huge,
            at + (1 << L2_SHIFT),
            choose(large, at + (1 << L1_SHIFT), round_down(at + PAGE_SIZE, PAGE_SHIFT)),
        ),
    )


def table_info(level: int, shift: int = TYPE_SHIFT) -> Word:
    """The ``type_info`` of a table that a step takes, of a level; types begin at ``shift``."""
    return number(level << shift | VALIDATED | 1)


def is_there(at: Word, p2m_start: Word, v_start: Word, v_end: Word, shift: int) -> Truth:
    """Whether the table that maps ``at``, one of 2**shift bytes, is there before a step of `walk`."""
    by_step = (at > p2m_start) & (at & ((1 << shift) - 1) != 0)
    by_region = in_region(at, v_start, v_end, shift)
    return by_step | by_region | (in_xens_slots(at) if shift == L3_SHIFT else FALSE)


def in_region(at: Word, v_start: Word, v_end: Word, shift: int) -> Truth:
    """Whether the region [S, V) touches the block of 2**shift bytes that ``at`` lies in."""
    return (block(v_start, shift) <= block(at, shift)) & (block(at, shift) <= block(v_end - 1, shift))


at, total = word("at"), word("total")
p2m_start, p2m_end, v_start, v_end = word("p2m_start"), word("p2m_end"), word("v_start"), word("v_end")
nr_pages, before = word("nr_pages"), word("before")
L3_THERE, L2_THERE, L1_THERE = word("l3_there", 1), word("l2_there", 1), word("l1_there", 1)
HUGE_FREE, LARGE_FREE = word("huge_free", 1), word("large_free", 1)
CHOICES: Final = (L3_THERE, L2_THERE, L1_THERE, HUGE_FREE, LARGE_FREE)
"""What `steps` leaves open in each step: 1 for a table that is there, for a superpage that can be had."""


def any_step(at: Word, p2m_end: Word) -> Step:
    """One step, whatever is there and whatever can be had: over `CHOICES`."""
    l3, l2, l1, huge, large = (each == 1 for each in CHOICES)
    return step(at, p2m_end, (l3, l2, l1), (huge, large))


def walked(superpages: Superpages) -> Step:
    """One step of `walk`, over its own words."""
    l3, l2, l1 = (is_there(at, p2m_start, v_start, v_end, shift) for shift in SHIFTS)
    huge, large = (TRUE if superpages.spare(shift) else FALSE for shift in (L2_SHIFT, L1_SHIFT))
    return step(at, p2m_end, (l3, l2, l1), (huge, large))


@cache
def steps() -> Loop:
    """The builder's loop: it ends at the p2m's end, or before it where the builder gives up for want of memory.

    Its state is where the next step starts and how many pages dom0 has by then. Run on numbers, it does as `walk`
    does, superpages always being had.
    """
    taken, usual = any_step(at, p2m_end), walked(Superpages.HUGE)
    return Loop(
        name="p2m[any tables, any superpages]",
        parameters=(p2m_start, p2m_end, v_start, v_end, nr_pages, before),
        state=(at, total),
        start=(p2m_start, before),
        goes_on=(at < p2m_end) & enough(total, at, p2m_end, nr_pages),
        step=(taken.after, total + taken.tables + taken.pages),
        leap=(usual.after, total + usual.tables + usual.pages),
        free=CHOICES,
    )


@cache
def walk(superpages: Superpages) -> Loop:
    """The steps where memory lasts. The state is where the next one starts, and the L3, L2 and L1 taken by then."""
    counts = l3, l2, l1 = word("l3"), word("l2"), word("l1")
    taken = walked(superpages)
    return Loop(
        name=f"p2m[{superpages.value}]",
        parameters=(p2m_start, p2m_end, v_start, v_end),
        state=(at, *counts),
        start=(p2m_start, *(number(0) for _ in counts)),
        goes_on=at < p2m_end,
        step=(taken.after, l3 + taken.l3, l2 + taken.l2, l1 + taken.l1),
    )


def tables(
    p2m_start: Word, p2m_end: Word, v_start: Word, v_end: Word, shift: int, superpages: Superpages
) -> Word:
    """How many tables of one level the p2m [P, Q) takes: the closed form, 2**shift being what one of them maps.

    N_s(P, Q), less the whole blocks where superpages take their place, less the one block, if there is one, which the
    region touches, too.
    """
    counted = spanned(p2m_start, p2m_end, shift) - _one(shared(p2m_start, p2m_end, v_start, v_end, shift))
    return counted - whole(p2m_start, p2m_end, shift) if superpages.spare(shift) else counted


def whole(start: Word, end: Word, shift: int) -> Word:
    """How many 2**shift-sized blocks lie in [start, end) as a whole."""
    first, last = (round_up(start, shift) >> shift), end >> shift
    return choose(last > first, last - first, number(0))


def shared(p2m_start: Word, p2m_end: Word, v_start: Word, v_end: Word, shift: int) -> Truth:
    """Whether a block is touched by the p2m and by the region: of two that are apart, it is one at most."""
    return (block(v_start, shift) <= block(p2m_end - 1, shift)) & (
        block(p2m_start, shift) <= block(v_end - 1, shift)
    )


def block(address: Word, shift: int) -> Word:
    """Which block of 2**shift bytes an address lies in, as the tables see it."""
    return (address & TRANSLATED) >> shift


def _one(condition: Truth) -> Word:
    return choose(condition, number(1), number(0))


def _pages(shift: int) -> Word:
    return number(1 << (shift - PAGE_SHIFT))
