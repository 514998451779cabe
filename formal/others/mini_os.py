"""Mini-OS's mapping of its memory, executed page by page: the tables that it finds, and the frames that it takes for others.

Facts: ``build_pagetable()`` and ``new_pt_frame()`` in Mini-OS's ``arch/x86/mm.c`` (of 2018, 48d3b31ce4), 64-bit, as a PV guest.
Addresses and frames' addresses are in bytes.
"""

from collections import Counter
from typing import Final

from attrs import define, field

from ..layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64
from ..machine.arrange import TooLarge

BATCH: Final = 512
"""So many entries are collected before Xen is asked to make them."""
MOST_PAGES: Final = 1 << 19
"""The most pages that are mapped here, 2 GiB."""
TRANSLATED: Final = 1 << 48
BELOW_ROOT: Final = X86_64.levels[-2::-1]
"""The levels of which there may be several tables, from the root down."""


@define
class Mapping:
    """A mapping on its way. ``mapped_to`` is where what is mapped ends, ``frame`` the next free frame's address.

    ``tables`` are those that are there, each its level and block; ``early`` are the frames that weren't mapped when they were taken.
    """

    mapped_to: int
    frame: int
    tables: set[tuple[int, int]]
    taken: Counter[str] = field(factory=Counter)
    early: list[int] = field(factory=list)

    def need(self, address: int) -> None:
        """Take a frame for each table on the way from the root to an address that isn't there, the upper ones first."""
        for level in BELOW_ROOT:
            table = level.number, address % TRANSLATED >> level.shift
            if table not in self.tables:
                if self.frame + PAGE_SIZE > self.mapped_to:
                    self.early.append(self.frame)
                self.tables.add(table)
                self.taken[level.name] += 1
                self.frame += PAGE_SIZE


def given(v_start: int, region_end: int, first: int) -> Mapping:
    """What Xen hands over: the region [v_start, region_end), mapped, and free frames from ``first`` on. Raises `TooLarge`."""
    tables: set[tuple[int, int]] = set()
    lowest = X86_64.levels[0]
    start, end = v_start >> lowest.shift, -(-region_end >> lowest.shift)
    if (end - start) << lowest.shift - PAGE_SHIFT > MOST_PAGES:
        raise TooLarge((end - start) << lowest.shift - PAGE_SHIFT, MOST_PAGES)
    for block in range(start, end):
        address = block << lowest.shift
        tables |= {(each.number, address % TRANSLATED >> each.shift) for each in X86_64.levels[:-1]}
    return Mapping(region_end, first, tables)


def map_memory(mapping: Mapping, memory_end: int) -> None:
    """Map page after page up to the end of memory, as soon as a batch of entries is full, and the rest. Raises `TooLarge`."""
    page, collected = mapping.mapped_to, 0
    if (memory_end - page) >> PAGE_SHIFT > MOST_PAGES:
        raise TooLarge((memory_end - page) >> PAGE_SHIFT, MOST_PAGES)
    while page < memory_end:
        mapping.need(page)
        page, collected = page + PAGE_SIZE, collected + 1
        if collected == BATCH or page >= memory_end:
            mapping.mapped_to, collected = page, 0
