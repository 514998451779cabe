"""What the read-only walk finds in a frame's ``type_info``, and the asserts that each generation of Xen makes of it.

The builder gives a frame that it takes as a table of level L the type L and nothing else, but for the L2 in slot 3
of a 32-bit guest's L3, which is marked as Xen's. Any other frame that it maps is a writable page: validated, with one
reference. So what an assert says depends on whether the frame was taken as a table, and on the table's level and slot.

Source: DOMAIN.md section 4; ``mark_pv_pt_pages_rdonly()`` and ``dom0_construct()`` in Xen's
``xen/arch/x86/pv/dom0_build.c`` (4.22), the masks in ``xen/arch/x86/include/asm/mm.h``. The asserts as posted on
2021-08-16 (the thread), as committed two days later, and as fixed two days after that.
"""

from collections.abc import Callable
from typing import Final

from attrs import frozen

from ..formal.paging import PAGE_SIZE, PagingMode
from ..formal.words import Truth, Word, choose, number

TYPE_SHIFT: Final = 61
TYPE_FIELD: Final = 7 << TYPE_SHIFT
WRITABLE: Final = 7
"""The type of a page that is no table."""
VALIDATED: Final = 1 << 58
XEN_L2: Final = 1 << 57
"""Marks the L2 of a 32-bit guest that has Xen's own entries."""
L1_TYPE: Final = 1 << TYPE_SHIFT
ROOT_TYPE: Final = 4 << TYPE_SHIFT
"""The type of the topmost table of a 64-bit Xen, whatever the guest."""
XENS_SLOT: Final = 3
"""The slot of a 32-bit guest's L3 whose L2 is marked."""


@frozen(eq=False)
class Generation:
    """The asserts of one generation: ``passes`` says whether a frame's ``type_info`` gets through all of them."""

    name: str
    passes: Callable[[Word], Truth]


def _no_other_bits(type_info: Word, allowed: int) -> Truth:
    return type_info & ~number(allowed) == 0


def one_sided(type_info: Word) -> Truth:
    """Any type, and none above the root's: the test as posted."""
    field = type_info & TYPE_FIELD
    return (field != 0) & (field <= ROOT_TYPE)


def two_sided(type_info: Word) -> Truth:
    """A type from L1's to the root's: the test as committed."""
    field = type_info & TYPE_FIELD
    return (field >= L1_TYPE) & (field <= ROOT_TYPE)


POSTED: Final = Generation("posted", lambda info: one_sided(info) & _no_other_bits(info, TYPE_FIELD))
COMMITTED: Final = Generation("committed", lambda info: two_sided(info) & _no_other_bits(info, TYPE_FIELD))
FIXED: Final = Generation("fixed", lambda info: two_sided(info) & _no_other_bits(info, TYPE_FIELD | XEN_L2))
GENERATIONS: Final = (POSTED, COMMITTED, FIXED)


def table_info(mode: PagingMode, level: Word, slot: Word) -> Word:
    """A table's ``type_info`` before the walk: of the given level, and in that slot of the table above it."""
    info = level << TYPE_SHIFT
    if mode.bits == 64:
        return info
    return choose((level == 2) & (slot == XENS_SLOT), info | XEN_L2, info)


def frame_info(mode: PagingMode, frame: Word, taken: Word, level: Word, slot: Word) -> Word:
    """The ``type_info`` of the ``frame``-th frame from the tables' start, ``taken`` of which the builder took.

    ``level`` and ``slot`` are what the frame is a table of, and matter only if it was taken.
    """
    page = number((WRITABLE << TYPE_SHIFT) | VALIDATED | 1)
    return choose(frame < taken, table_info(mode, level, slot), page)


def next_table(vpt_start: Word, taken: Word) -> Word:
    """Where the next table would lie once ``taken`` are taken: the builder's own cursor, as a virtual address."""
    return vpt_start + taken * PAGE_SIZE


def ends_with_tables(vpt_start: Word, nr_pt_pages: Word, taken: Word) -> Truth:
    """The check that no Xen makes: the next table would lie just where the frames set aside end."""
    return next_table(vpt_start, taken) == vpt_start + nr_pt_pages * PAGE_SIZE
