"""Where the hypervisor's dom0 builder lays each segment, and where the region ends.

One function per rule, over words; ``arrangement`` puts them together for a `Configuration`.

Source: DOMAIN.md section 2; ``dom0_construct()`` in Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.22).
"""

from ..formal.layouts.paging import PAGE_SHIFT
from ..formal.words.word import Word, choose, number
from .spans import round_up

ROUNDING_SHIFT = 22
"""The region ends at a multiple of 4 MiB ..."""
PADDING = 512 << 10
""" ... at least 512 KiB above the boot stack, in bytes."""


def stack_end(vpt_start: Word, nr_pt_pages: Word, page_shift: int = PAGE_SHIFT) -> Word:
    """The address past the boot stack: one page above the page tables."""
    page = 1 << page_shift
    return vpt_start + nr_pt_pages * page + page


def rounded_end(end: Word, mask: Word, padding: Word) -> Word:
    """Where a region ends whose stack ends at ``end``: round up, and add a rounding if that leaves too little.

    ``mask`` is the rounding less one, a power of two less one; ``padding`` is in bytes.
    """
    rounded = (end + mask) & ~mask
    return choose(rounded - end < padding, rounded + (mask + 1), rounded)


def v_end(vpt_start: Word, nr_pt_pages: Word) -> Word:
    """The region's end as the builder computes it: rounded up to 4 MiB, and 4 MiB more if that leaves too little."""
    mask = number((1 << ROUNDING_SHIFT) - 1)
    return rounded_end(stack_end(vpt_start, nr_pt_pages), mask, number(PADDING))


def padded_end(vpt_start: Word, nr_pt_pages: Word) -> Word:
    """The region's end in one expression: the stack's end and the padding, rounded up."""
    return round_up(stack_end(vpt_start, nr_pt_pages) + PADDING, ROUNDING_SHIFT)
