"""How Mini-OS maps the memory above what it is given: it counts nothing, and takes a frame whenever it comes to a table that isn't there.

The frames are the first free ones, from the end of Xen's tables on. Each is cleared, and entered, at its own address: so it must be
mapped by then, by Xen or by what has been mapped on the way.

Source: ``build_pagetable()``, ``new_pt_frame()`` and ``arch_mm_preinit()`` in Mini-OS's ``arch/x86/mm.c`` (of 2018, 48d3b31ce4),
64-bit, as a PV guest. It goes page by page, and has Xen enter 512 pages at a time: from the region's end, a multiple of 4 MiB,
these are what one L1 maps. So here it goes by 2 MiB. Addresses are in bytes, tables in frames.
"""

from functools import cache
from typing import Final

from ..formal.layouts.paging import PAGE_SIZE
from ..formal.logic.theorem import Loop
from ..formal.words.word import Word, choose, number, word
from .spans import spanned

SHIFTS: Final = (39, 30, 21)
"""What an L3, an L2 and an L1 map: the levels that it takes frames for."""
STEP: Final = 1 << SHIFTS[-1]
"""How far it comes with each L1, in bytes."""


def taken_at(at: Word, shift: int) -> Word:
    """The tables of a level that are taken where the mapping has come to ``at``, past what Xen has mapped."""
    return choose(at & ((1 << shift) - 1) == 0, number(1), number(0))


@cache
def mapping() -> Loop:
    """The loop over the end of Xen's region and of memory. Its state: the address that it has come to, and the tables by level."""
    region_end, memory_end = word("region_end"), word("memory_end")
    at, tables = word("at"), tuple(word(f"l{level}") for level in (3, 2, 1))
    return Loop(
        name="Mini-OS's tables",
        parameters=(region_end, memory_end),
        state=(at, *tables),
        start=(region_end, number(0), number(0), number(0)),
        goes_on=at < memory_end,
        step=(at + STEP, *(each + taken_at(at, shift) for each, shift in zip(tables, SHIFTS, strict=True))),
    )


def tables_to(v_start: Word, region_end: Word, at: Word, shift: int) -> Word:
    """The tables of a level between the region's end and ``at`` that the region [v_start, region_end) doesn't have."""
    return spanned(v_start, at, shift) - spanned(v_start, region_end, shift)


def frames_end(first: Word, v_start: Word, region_end: Word, at: Word) -> Word:
    """Where the frames end that are taken from ``first`` on, once there are all tables for the 2 MiB at ``at``."""
    l3, l2, l1 = (tables_to(v_start, region_end, at + STEP, shift) for shift in SHIFTS)
    return first + (l3 + l2 + l1) * PAGE_SIZE
