"""The first tables of an arm64 Linux, made as its early code does: walking down from the root for each block that is mapped.

Facts: ``map_range()`` in Linux's ``arch/arm64/kernel/pi/map_range.c`` (6.9), the granules of Arm's DDI 0487. Addresses are in bytes.
"""

from ..layouts.paging import PAGE_SHIFT, PagingMode
from ..machine.arrange import ARRANGE_LIMIT, TooLarge


def tables(mode: PagingMode, start: int, end: int) -> int:
    """How many tables a mapping of [start, end) is made of, the root among them.

    Raises `TooLarge` for one that takes too long to be walked over.
    """
    lowest = mode.levels[0]
    if (end - start) >> PAGE_SHIFT > ARRANGE_LIMIT:
        raise TooLarge((end - start) >> PAGE_SHIFT, ARRANGE_LIMIT)
    made: set[tuple[int, int]] = {(mode.levels[-1].number, 0)}
    at = start
    while at < end:
        made |= {(level.number, at >> level.shift) for level in mode.levels[:-1]}
        at = (at >> lowest.shift) + 1 << lowest.shift
    return len(made)
