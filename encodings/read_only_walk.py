"""How the read-only walk goes through the new tables, what it finds in a frame, and what each Xen asserts of that.

`walking` is the walk: a pointer into a table of each level, which goes on by an entry and, at its table's end, to the
next table, through the entry that the pointer above it comes to. Tables are numbered by level, in the order taken, and
the k-th entry of a level from S's own on leads to the k-th table of the level below; one below or above these is empty.
That this is what the builder's loop leaves in memory is proved where the walk reaches (``walk-comes-to``).

The builder gives a frame that it takes as a table of level L the type L and nothing else, but for the L2 in slot 3
of a 32-bit guest's L3, which is marked as Xen's. Any other frame that it maps is a writable page: validated, with one
reference. So what an assert says depends on whether the frame was taken as a table, and on the table's level and slot.

Source: DOMAIN.md section 4; ``mark_pv_pt_pages_rdonly()`` and ``dom0_construct()`` in Xen's
``xen/arch/x86/pv/dom0_build.c`` (4.22), the masks in ``xen/arch/x86/include/asm/mm.h``. The asserts as posted on
2021-08-16 (the thread), as committed two days later, and as fixed two days after that; up to 4.15 there are none.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from attrs import frozen

from ..formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, PagingMode
from ..formal.logic.theorem import Loop
from ..formal.words.word import TRUE, Truth, Word, choose, number, word
from .dom0_builder import ENTRIES, ENTRY_BITS, entry_of
from .overlap import COMPAT_HOLE

TYPE_SHIFT: Final = 61
"""Where the type begins in ``type_info``, up to its end; 60 up to 4.9."""
TYPE_FIELD: Final = 7 << TYPE_SHIFT
WRITABLE: Final = 7
"""The type of a page that is no table."""
VALIDATED: Final = 1 << 58
PINNED: Final = 1 << 59
XEN_L2: Final = 1 << 57
"""Marks the L2 of a 32-bit guest that has Xen's own entries."""
L1_TYPE: Final = 1 << TYPE_SHIFT
ROOT_TYPE: Final = 4 << TYPE_SHIFT
"""The type of the topmost table of a 64-bit Xen, whatever the guest."""
TOP_LEVEL_OF_PAE: Final = 3
"""A 32-bit guest's L3 is its topmost table but for the monitor table that Xen has above it."""
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
UNASSERTED: Final = Generation("unasserted", lambda _: TRUE)
"""No asserts at all."""


def table_info(mode: PagingMode, level: Word, slot: Word, shift: int = TYPE_SHIFT) -> Word:
    """A table's ``type_info`` before the walk: of the given level, and in that slot of the table above it; types begin at ``shift``."""
    info = level << shift
    if mode.bits == 64:
        return info
    return choose((level == 2) & (slot == XENS_SLOT), info | XEN_L2, info)


def visited_info(mode: PagingMode, type_info: Word, shift: int = TYPE_SHIFT) -> Word:
    """A table's ``type_info`` after its visit: validated, with a reference, and the guest's topmost table pinned."""
    top = ROOT_TYPE >> TYPE_SHIFT if mode.bits == 64 else TOP_LEVEL_OF_PAE
    is_top = type_info & -(1 << shift) == top << shift
    seen = type_info | (VALIDATED | 1)
    return choose(is_top, seen + (PINNED + 1), seen)


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


def leads_to(v_start: Word, shift: int, table: Word, entry: Word) -> Word:
    """Which of the tables (or pages) of the level below an entry leads to, counted in the order taken (or mapped).

    ``table`` is the one of its level that the entry lies in, ``shift`` is what that table maps. An entry below S's own
    gives a number that is too large for any.
    """
    return (table << ENTRY_BITS) + entry - entry_of(v_start, shift)


def _lacking(number_there: Word, below: Word) -> Word:
    """1 for an entry that is empty, since there are just ``below`` tables or pages for its level to lead to."""
    return choose(number_there < below, number(0), number(1))


def xens_own(page: Word) -> Truth:
    """Whether the way to a page of a 32-bit guest's addresses, by number, goes through an entry that Xen writes over.

    The builder maps the whole region, and then Xen puts its own entries into the end of the marked L2, at the lowest
    from the start of the compat hole on.
    """
    return page >= COMPAT_HOLE >> PAGE_SHIFT


@cache
def walking() -> Loop:
    """The walk over ``visits`` pages from T on, through the tables of a region: their numbers, by level, and the pages.

    Its state: the pages visited; of each level the table that its pointer is in, of the L1 to L3, and the entry that
    it points to, from the root down; and how many empty entries were used, followed or made read-only.
    """
    v_start, vpt_start, visits = word("v_start"), word("vpt_start"), word("visits")
    pages, l1_tables, l2_tables, l3_tables = map(word, ("pages", "l1_tables", "l2_tables", "l3_tables"))
    visited, empty = word("visited"), word("empty")
    pl4e_entry, pl3e_table, pl3e_entry = word("pl4e_entry"), word("pl3e_table"), word("pl3e_entry")
    pl2e_table, pl2e_entry, pl1e_table, pl1e_entry = map(
        word, ("pl2e_table", "pl2e_entry", "pl1e_table", "pl1e_entry")
    )

    first_l3 = leads_to(v_start, 48, number(0), entry_of(vpt_start, 48))
    first_l2 = leads_to(v_start, 39, first_l3, entry_of(vpt_start, 39))
    first_l1 = leads_to(v_start, 30, first_l2, entry_of(vpt_start, 30))
    first_lacking = (
        _lacking(first_l3, l3_tables) + _lacking(first_l2, l2_tables) + _lacking(first_l1, l1_tables)
    )

    past_l1 = (pl1e_entry + 1) & (ENTRIES - 1) == 0
    past_l2 = past_l1 & ((pl2e_entry + 1) & (ENTRIES - 1) == 0)
    past_l3 = past_l2 & ((pl3e_entry + 1) & (ENTRIES - 1) == 0)
    next_l4_entry = choose(past_l3, pl4e_entry + 1, pl4e_entry)
    next_l3 = choose(past_l3, leads_to(v_start, 48, number(0), next_l4_entry), pl3e_table)
    next_l3_entry = choose(past_l3, number(0), choose(past_l2, pl3e_entry + 1, pl3e_entry))
    next_l2 = choose(past_l2, leads_to(v_start, 39, next_l3, next_l3_entry), pl2e_table)
    next_l2_entry = choose(past_l2, number(0), choose(past_l1, pl2e_entry + 1, pl2e_entry))
    next_l1 = choose(past_l1, leads_to(v_start, 30, next_l2, next_l2_entry), pl1e_table)
    next_l1_entry = choose(past_l1, number(0), pl1e_entry + 1)
    lacking = (
        _lacking(leads_to(v_start, 21, pl1e_table, pl1e_entry), pages)
        + choose(past_l3, _lacking(next_l3, l3_tables), number(0))
        + choose(past_l2, _lacking(next_l2, l2_tables), number(0))
        + choose(past_l1, _lacking(next_l1, l1_tables), number(0))
    )
    return Loop(
        name="read-only walk",
        parameters=(v_start, vpt_start, visits, pages, l1_tables, l2_tables, l3_tables),
        state=(
            visited,
            pl4e_entry,
            pl3e_table,
            pl3e_entry,
            pl2e_table,
            pl2e_entry,
            pl1e_table,
            pl1e_entry,
            empty,
        ),
        start=(
            number(0),
            entry_of(vpt_start, 48),
            first_l3,
            entry_of(vpt_start, 39),
            first_l2,
            entry_of(vpt_start, 30),
            first_l1,
            entry_of(vpt_start, 21),
            first_lacking,
        ),
        goes_on=visited < visits,
        step=(
            visited + 1,
            next_l4_entry,
            next_l3,
            next_l3_entry,
            next_l2,
            next_l2_entry,
            next_l1,
            next_l1_entry,
            empty + lacking,
        ),
    )
