"""How many pages Linux for arm64 sets aside, when it is linked, for the first tables of its image: these lie in the image.

One root, and at each level below it a table for each block from that of the first byte to that of the last. Where the kernel may
be moved before it starts, it has room for one table more at each of these levels.

Source: ``EARLY_PAGES`` and what it is made of in Linux's ``arch/arm64/include/asm/kernel-pgtable.h`` (as of 6.9), for a root that a 48-bit
address needs. Addresses are in bytes, counts in pages of the granule. What is added for segments of other permissions is
not counted here.
"""

from functools import reduce
from operator import add
from typing import Final

from attrs import evolve

from ..formal.layouts.paging import ARM64_4K, ARM64_16K, ARM64_64K, PagingMode
from ..formal.words.word import Word, number

ARM64_SECTIONS: Final = evolve(
    ARM64_4K,
    name="arm64-4k-sections",
    title="arm64 with pages of 4 KiB, mapped by sections of 2 MiB",
    levels=ARM64_4K.levels[1:],
)
"""With pages of 4 KiB the image is mapped by the entries of its L2: there are no L1."""
MODES: Final = (ARM64_SECTIONS, ARM64_16K, ARM64_64K)
"""The granules; with 16 and 64 KiB the image is mapped by pages."""


def span_entries(start: Word, end: Word, shift: int) -> Word:
    """The blocks of 2**shift bytes from that of the first byte to that of the last."""
    return ((end - 1) >> shift) - (start >> shift) + 1


def early_by_level(mode: PagingMode, start: Word, end: Word, extra: int) -> tuple[Word, ...]:
    """The tables set aside at each level, the root's first; ``extra`` more below it."""
    below = reversed(mode.levels[:-1])
    return (number(1), *(span_entries(start, end, level.shift) + extra for level in below))


def early_pages(mode: PagingMode, start: Word, end: Word, extra: int) -> Word:
    """The pages set aside for the tables of [start, end)."""
    return reduce(add, early_by_level(mode, start, end, extra))
