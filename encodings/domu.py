"""How libxenguest, the toolstack's builder, counts the page tables of a domU: its iteration, and its tables by level.

It starts from no tables at all. Each time it ends the region where 129 pages above the tables (the boot stack, and
512 KiB) would end, at the last address of that 4 MiB; counts the tables of the region that it gets; and is done when
these and the 129 pages fit. So the region's end is that of the count before the last. Ends are inclusive here, as there.

Source: DOMAIN.md section 8; ``alloc_pgtables_pv()`` and ``count_pgtables()`` in Xen's
``tools/libs/guest/xg_dom_x86.c`` (4.22), ``tools/libxc/xc_dom_x86.c`` before 4.7. Addresses are in bytes, counts in
frames. The iteration doesn't look at what `too_large` refuses.
"""

from functools import cache, reduce
from operator import add
from typing import Final

from attrs import frozen

from ..formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ..formal.logic.theorem import Loop
from ..formal.words.word import Truth, Word, choose, number, word
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


@frozen(eq=False)
class Blocks:
    """The addresses that a level's tables of one mapping map, both ends included: none where ``low`` ≥ ``high``."""

    low: Word
    high: Word

    def tables(self, shift: int) -> Word:
        """How many tables that are, each of which maps 2**shift bytes."""
        return choose(self.low < self.high, ((self.high - self.low) >> shift) + 1, number(0))


def too_large(first: Word, last: Word, pfn: Word, nr_pages: Word) -> Truth:
    """Whether a mapping of [first, last], whose frames begin with ``pfn``, is refused in a domain of so many pages."""
    return pfn + ((last - first) >> PAGE_SHIFT) >= nr_pages


def overlaps(first: Word, final: Word, v_start: Word, last: Word) -> Truth:
    """Whether a second mapping, [first, final], is refused since it overlaps the first one, as that is translated."""
    mask = address_mask(X86_64)
    return (first < (last & mask)) & (final > (v_start & mask))


def blocks(mode: PagingMode, first: Word, last: Word, shift: int) -> Blocks:
    """What the tables of a level map, of the domain's first mapping, [first, last]."""
    mask = address_mask(mode)
    high = (last & mask) | ((1 << shift) - 1)
    if mode.bits == 32 and shift == L2_SHIFT:
        high = choose(last < XENS_GIB, number(mask), high)
    return Blocks(round_down(first & mask, shift), high)


def level_tables(mode: PagingMode, v_start: Word, last: Word, shift: int) -> Word:
    """The tables of one level below the topmost, each of which maps 2**shift bytes, for [v_start, last]."""
    return blocks(mode, v_start, last, shift).tables(shift)


def second_level_tables(first: Word, final: Word, v_start: Word, last: Word, shift: int) -> Word:
    """The tables of a level that a second mapping, [first, final], gets: less those of the first, [v_start, last].

    Only a 64-bit domain has one, for its p2m.
    """
    there = blocks(X86_64, v_start, last, shift)
    mine = blocks(X86_64, first, final, shift)
    low = choose((mine.low >= there.low) & (mine.low <= there.high), there.high + 1, mine.low)
    high = choose((mine.high >= there.low) & (mine.high <= there.high), there.low - 1, mine.high)
    within = (mine.low >= there.low) & (mine.high <= there.high)
    return choose(within, number(0), Blocks(low, high).tables(shift))


def second_tables(first: Word, final: Word, v_start: Word, last: Word) -> Word:
    """All tables of a second mapping: it has no topmost one of its own."""
    levels = (second_level_tables(first, final, v_start, last, shift) for shift in shifts(X86_64))
    return reduce(add, levels)


def l2_tables_before_4_7(v_start: Word, last: Word) -> Word:
    """The L2 of a PAE domain before 4.7: its own, and one more if the region ends below the last GiB."""
    own = own_l2_tables(v_start, last)
    return choose(last < XENS_GIB, own + 1, own)


def own_l2_tables(v_start: Word, last: Word) -> Word:
    """The L2 that map [v_start, last], of a PAE domain."""
    return ((last | ((1 << L2_SHIFT) - 1)) - round_down(v_start, L2_SHIFT) >> L2_SHIFT) + 1


def level_tables_before_4_7(mode: PagingMode, v_start: Word, last: Word, shift: int) -> Word:
    """The tables of one level below the topmost before 4.7: of a PAE domain's L2 other ones than today."""
    if mode.bits == 32 and shift == L2_SHIFT:
        return l2_tables_before_4_7(v_start, last)
    return level_tables(mode, v_start, last, shift)


def tables_before_4_7(mode: PagingMode, v_start: Word, last: Word) -> Word:
    """All tables of a domain's region before 4.7: one topmost, and those below it."""
    levels = (level_tables_before_4_7(mode, v_start, last, shift) for shift in shifts(mode))
    return reduce(add, levels, number(1))


def too_large_before_4_7(v_start: Word, last: Word, nr_pages: Word) -> Truth:
    """Whether a region of [v_start, last] was refused in a domain of so many pages, from 4.3 to 4.6: one page later than today."""
    return (last - v_start) >> PAGE_SHIFT > nr_pages


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


@cache
def steps(mode: PagingMode) -> Loop:
    """The iteration, left after ``steps`` steps whether it would go on or not: its state, and the steps taken."""
    taking, (pages,) = search(mode), search(mode).state
    limit, taken = word("steps"), word("taken")
    return Loop(
        name=f"domU pages, step by step[{mode.name}]",
        parameters=(*taking.parameters, limit),
        state=(pages, taken),
        start=(*taking.start, number(0)),
        goes_on=taken < limit,
        step=(*taking.step, taken + 1),
    )
