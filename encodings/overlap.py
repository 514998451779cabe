"""Which regions the dom0 builder refuses since they overlap Xen's own addresses, and which do in fact.

Xen keeps 16 slots of the root table to itself, those that map the first 8 TiB of the upper half; of a 32-bit guest's
4 GiB it keeps the end, from the compat hole's start on. The slot of an address is made of its bits 39 to 47 alone, as
the processor does and the builder, too.

Where the hole starts is not the image's choice. An image without the note HV_START_LOW gets the lowest start. One with
it gets what the host's memory leaves: Xen's list of all frames, 4 bytes for each, must fit into the hole. The note's
value is the highest start that the image can live with, and Xen's is compared with none above the lowest: a value above
that is refused as too high, and any other one decides nothing.

Source: DOMAIN.md sections 2 and 5; ``dom0_construct()`` in Xen's ``xen/arch/x86/pv/dom0_build.c``,
``paging_init()`` in ``xen/arch/x86/x86_64/mm.c``, ``switch_compat()`` in ``xen/arch/x86/pv/domain.c``, the layout in
``xen/arch/x86/include/asm/config.h`` (4.22). Addresses are in bytes.
"""

from typing import Final

from ..formal.words.word import Truth, Word, choose, number
from .spans import round_down, round_up

XEN_START: Final = 0xFFFF_8000_0000_0000
XEN_END: Final = 0xFFFF_8800_0000_0000
COMPAT_HOLE: Final = 0xF580_0000
"""The lowest start of Xen's part of a 32-bit guest's address space: of an image without the note HV_START_LOW."""
COMPAT_LIST_END: Final = 0xFFE0_0000
"""Where Xen's list of frames ends in that part."""
COMPAT_LIST_MOST: Final = 1 << 30
"""The most that the list may take, in bytes."""
HALF: Final = 1 << 47
"""Each half of the canonical addresses has so many bytes."""
ROOT_SHIFT: Final = 39
SUPERPAGE_SHIFT: Final = 21
FIRST_SLOT: Final = 256
SLOTS: Final = 16


def overlaps(v_start: Word, v_end: Word) -> Truth:
    """Xen's check of a 64-bit dom0's region, ``v_end`` as it is: wrapped or not."""
    return (v_start < XEN_END) & (v_end > XEN_START)


def compat_hole(noted: Truth, max_page: Word) -> Word:
    """Where Xen's part begins: ``noted`` tells whether the image has the note, ``max_page`` is past the host's last frame.

    The list's length is reckoned as Xen does: that of its own list, 8 bytes a frame in whole 2 MiB, halved, and up to
    whole 2 MiB. The PV shim, which ignores the note, is left out.
    """
    own = round_up(max_page * 8, SUPERPAGE_SHIFT)
    length = (own >> 1) + (1 << (SUPERPAGE_SHIFT - 1))
    length = round_down(choose(length > COMPAT_LIST_MOST, number(COMPAT_LIST_MOST), length), SUPERPAGE_SHIFT)
    fits = length + COMPAT_HOLE < COMPAT_LIST_END
    return choose(noted & fits, number(COMPAT_LIST_END) - length, number(COMPAT_HOLE))


def overlaps_compat(v_end: Word, hole: Word) -> Truth:
    """Xen's check of a 32-bit dom0's region against the start of Xen's part."""
    return v_end > hole


def in_xens_slots(address: Word) -> Truth:
    """Whether a 64-bit guest's address is mapped by one of the root slots that Xen keeps to itself."""
    slot = (address >> ROOT_SHIFT) & 511
    return (slot >= FIRST_SLOT) & (slot < FIRST_SLOT + SLOTS)


def passes_end(v_start: Word, v_end: Word) -> Truth:
    """Whether a region that isn't empty goes past 2**64: what no Xen checks. An end of 0 is 2**64 itself."""
    return v_end - 1 < v_start


def canonical(v_start: Word, v_end: Word) -> Truth:
    """Whether a region lies in one half of the canonical addresses, and ends short of 2**64: not checked either."""
    return (v_start < v_end) & ((v_end <= HALF) | (v_start >= XEN_START))
