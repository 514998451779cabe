"""How libxenguest, the toolstack's builder, counts the page tables of a domU: its iteration, and its tables by level.

It starts from no tables at all. Each time it ends the region where 129 pages above the tables (the boot stack, and
512 KiB) would end, at the last address of that 4 MiB; counts the tables of the region that it gets; and is done when
these and the 129 pages fit. So the region's end is that of the count before the last. Ends are inclusive here, as there.

Source: DOMAIN.md section 8; ``alloc_pgtables_pv()`` and ``count_pgtables()`` in Xen's
``tools/libs/guest/xg_dom_x86.c`` (4.22). Addresses are in bytes, counts in frames. A mapping of its own for the p2m
(INIT_P2M) and the check against the domain's memory are left out.
"""

from functools import cache, reduce
from operator import add
from typing import Final

from ..formal.paging import PAGE_SIZE, PagingMode
from ..formal.theorem import Loop
from ..formal.words import Word, choose, number, word
from .spans import round_down

EXTRA: Final = 1 + (512 << 10) // PAGE_SIZE
"""What lies above the tables at least, in pages: the boot stack and 512 KiB."""
LAST_OF_4_MIB: Final = (4 << 20) - 1
XENS_GIB: Final = 3 << 30
"""A PAE domain whose first mapping ends below this gets an L2 for Xen's part, too, and all in between."""
L2_SHIFT: Final = 30


def address_mask(mode: PagingMode) -> int:
    """The bits of an address that the tables translate: 48, or 32 of a PAE domain."""
    return (1 << (48 if mode.bits == 64 else 32)) - 1


def last_address(alloc_end: Word, pages: Word) -> Word:
    """The region's last address, when ``pages`` are to fit above what has been allocated so far."""
    return (alloc_end + pages * PAGE_SIZE) | LAST_OF_4_MIB


def level_tables(mode: PagingMode, v_start: Word, last: Word, shift: int) -> Word:
    """The tables of one level below the topmost, each of which maps 2**shift bytes, for [v_start, last]."""
    mask = address_mask(mode)
    low = round_down(v_start & mask, shift)
    high = (last & mask) | ((1 << shift) - 1)
    if mode.bits == 32 and shift == L2_SHIFT:
        high = choose(last < XENS_GIB, number(mask), high)
    return choose(low < high, ((high - low) >> shift) + 1, number(0))


def shifts(mode: PagingMode) -> tuple[int, ...]:
    """The shifts of the levels below the topmost: of three levels for 64 bits, of two for PAE."""
    return (39, 30, 21) if mode.bits == 64 else (30, 21)


def tables(mode: PagingMode, v_start: Word, last: Word) -> Word:
    """All tables of a domain's first mapping, [v_start, last]: one topmost, and those below it."""
    return reduce(add, (level_tables(mode, v_start, last, shift) for shift in shifts(mode)), number(1))


def tables_for(mode: PagingMode, v_start: Word, alloc_end: Word, pages: Word) -> Word:
    """The tables of the region that ``pages`` above ``alloc_end`` make."""
    return tables(mode, v_start, last_address(alloc_end, pages))


@cache
def search(mode: PagingMode) -> Loop:
    """The iteration, over where the region starts and where what is allocated before the tables ends.

    Its state is the pages that the region was made for; the domain's tables are `tables_for` it, not its pages.
    """
    v_start, alloc_end, pages = word("v_start"), word("alloc_end"), word("pages")
    needed = tables_for(mode, v_start, alloc_end, pages) + EXTRA
    return Loop(
        name=f"domU pages[{mode.name}]",
        parameters=(v_start, alloc_end),
        state=(pages,),
        start=(number(EXTRA),),
        goes_on=alloc_end + needed * PAGE_SIZE > last_address(alloc_end, pages) + 1,
        step=(needed,),
    )
