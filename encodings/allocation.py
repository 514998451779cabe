"""What Xen demands of dom0's memory before it builds: one allocation for the region, and the initrd beside it.

The region is allocated as 2^order pages at once, less a mapped initrd, whose pages are there already. The page
allocator has no more than 2^`MAX_ORDER` of them in one piece, and both together must be within dom0's memory.

Source: ``dom0_construct()`` in Xen's ``xen/arch/x86/pv/dom0_build.c``, ``get_order_from_bytes()``,
``alloc_heap_pages()`` in ``xen/common/page_alloc.c``, ``asm/config.h`` for the order and for the direct map (4.22).
Memory is counted in pages of 4 KiB, lengths are in bytes.
"""

from typing import Final

from ..formal.layouts.paging import PAGE_SHIFT
from ..formal.words.word import Truth, Word
from .spans import round_up

MAX_ORDER: Final = 18
"""No allocation has more than 2^18 pages: 1 GiB."""
HOST_PAGES: Final = 249 << (39 - PAGE_SHIFT)
"""The most memory that Xen can have in its direct map, in pages: 249 root slots, 124.5 TiB."""


def order_pages(length: Word) -> Word:
    """The pages of the least 2^order that hold so many bytes; all of none at all, as the code has it."""
    pages = (length - 1) >> PAGE_SHIFT
    for shift in (1, 2, 4, 8, 16, 32):
        pages |= pages >> shift
    return pages + 1


def initrd_pages(initrd_len: Word) -> Word:
    """The initrd in whole pages."""
    return round_up(initrd_len, PAGE_SHIFT) >> PAGE_SHIFT


def own_length(v_start: Word, v_end: Word, initrd_len: Word | None) -> Word:
    """What is allocated for the region, in bytes.

    ``initrd_len`` is ``None`` for an initrd that isn't mapped, or is at address 0, which Xen takes for that.
    """
    length = v_end - v_start
    return length if initrd_len is None else length - round_up(initrd_len, PAGE_SHIFT)


def allowed(nr_pages: Word, own: Word, initrd_len: Word) -> Truth:
    """Whether Xen goes on: the pages for ``own`` bytes can be had at once and are, with the initrd, in the memory."""
    pages = order_pages(own)
    return (pages <= 1 << MAX_ORDER) & (pages + initrd_pages(initrd_len) <= nr_pages)
