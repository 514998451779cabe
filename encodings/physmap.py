"""The p2m at an address of its own: the steps in which the dom0 builder maps it, and the frames that these take.

Each step maps one page, or a superpage of 2 MiB or 1 GiB where the address is aligned to that, as much is left, and
no table is there yet; before that it takes the tables that are missing, an L3, an L2 and an L1 at most. A table
is there if the step before was in the same block, or if the region [S, V) touches the block. Before each step the
builder wants room in dom0's memory for what is left of the p2m, in pages, and three tables.

Source: DOMAIN.md section 4; ``setup_pv_physmap()`` in Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.22). Addresses are in
bytes, frames in pages of 4 KiB. A superpage is taken whenever it can be: that Xen finds no free one is left out.
"""

from functools import cache
from typing import Final

from attrs import frozen

from ..formal.paging import PAGE_SHIFT, PAGE_SIZE
from ..formal.theorem import Loop
from ..formal.words import Truth, Word, choose, number, word
from .spans import round_down, round_up

TABLES_OF_A_STEP: Final = 3
"""What is demanded beyond the pages that are left."""
L3_SHIFT: Final = 39
L2_SHIFT: Final = 30
L1_SHIFT: Final = 21
"""What one table of each level maps, as a shift; what one entry of the level above maps."""


@frozen(eq=False)
class Step:
    """What one step does: ``tables`` and ``pages`` that it takes, and ``after``, where the next one starts."""

    tables: Word
    pages: Word
    after: Word


def apart(v_start: Word, v_end: Word, p2m_start: Word, p2m_end: Word) -> Truth:
    """Whether the p2m touches neither the region nor its end: else the builder refuses it."""
    return (v_start > p2m_end) | (p2m_start > v_end)


def pages_left(at: Word, p2m_end: Word) -> Word:
    """What is left of the p2m, as the builder counts it: the odd part of a page at its start is dropped."""
    return (round_up(p2m_end, PAGE_SHIFT) - at) >> PAGE_SHIFT


def enough(total: Word, at: Word, p2m_end: Word, nr_pages: Word) -> Truth:
    """The builder's demand before each step, ``total`` being the pages that dom0 has so far."""
    return total + pages_left(at, p2m_end) + TABLES_OF_A_STEP <= nr_pages


def is_there(at: Word, p2m_start: Word, v_start: Word, v_end: Word, shift: int) -> Truth:
    """Whether the table that maps ``at``, one of 2**shift bytes, is there before the step."""
    by_step = (at > p2m_start) & (at & ((1 << shift) - 1) != 0)
    block = at >> shift
    by_region = (v_start >> shift <= block) & (block <= (v_end - 1) >> shift)
    return by_step | by_region


def fits(at: Word, p2m_end: Word, shift: int) -> Truth:
    """Whether a superpage of 2**shift bytes can be put at ``at``."""
    return (at & ((1 << shift) - 1) == 0) & (p2m_end >= at + (1 << shift))


def step(at: Word, p2m_end: Word, there: tuple[Truth, Truth, Truth], gigabyte: Truth) -> Step:
    """One step at ``at``. ``there`` tells whether the L3, L2 and L1 are there; ``gigabyte`` that 1 GiB pages are used."""
    l3, l2, l1 = there
    huge = ~l2 & gigabyte & fits(at, p2m_end, L2_SHIFT)
    large = ~huge & ~l1 & fits(at, p2m_end, L1_SHIFT)
    return Step(
        tables=_one(~l3) + choose(huge, number(0), _one(~l2) + choose(large, number(0), _one(~l1))),
        pages=choose(huge, _pages(L2_SHIFT), choose(large, _pages(L1_SHIFT), number(1))),
        after=choose(
            huge,
            at + (1 << L2_SHIFT),
            choose(large, at + (1 << L1_SHIFT), round_down(at + PAGE_SIZE, PAGE_SHIFT)),
        ),
    )


@cache
def steps(*, gigabyte: bool) -> Loop:
    """The builder's loop: it ends at the p2m's end, or before it where the builder gives up for want of memory.

    Its state is where the next step starts and how many pages dom0 has by then.
    """
    parameters = p2m_start, p2m_end, v_start, v_end, nr_pages, before = tuple(
        word(name) for name in ("p2m_start", "p2m_end", "v_start", "v_end", "nr_pages", "before")
    )
    at, total = word("at"), word("total")
    l3, l2, l1 = (is_there(at, p2m_start, v_start, v_end, shift) for shift in (L3_SHIFT, L2_SHIFT, L1_SHIFT))
    taken = step(at, p2m_end, (l3, l2, l1), number(int(gigabyte)) == 1)
    return Loop(
        name=f"p2m[{'1 GiB' if gigabyte else '2 MiB'} pages]",
        parameters=parameters,
        state=(at, total),
        start=(p2m_start, before),
        goes_on=(at < p2m_end) & enough(total, at, p2m_end, nr_pages),
        step=(taken.after, total + taken.tables + taken.pages),
    )


def _one(condition: Truth) -> Word:
    return choose(condition, number(1), number(0))


def _pages(shift: int) -> Word:
    return number(1 << (shift - PAGE_SHIFT))
