"""The dom0 builder's mapping loop as a transition system, one level of tables at a time, and the frames that it maps.

A level's cursor is looked at once for each table of the level below, the L1's once for each page: where it stands at
a table's end, or nowhere yet, a fresh table is taken, and the cursor goes to its start, at first to S's own entry. So
each level runs the same loop, over the tables that the level below took.

Source: DOMAIN.md section 4; ``dom0_construct()`` in Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.22). Counts are in
frames, page numbers count from S.
"""

from functools import cache
from typing import Final

from ..formal.paging import PAGE_SHIFT
from ..formal.theorem import Loop
from ..formal.words import Word, choose, number, word

ENTRIES: Final = 512
ENTRY_BITS: Final = 9
L2_SLOTS: Final = 4
"""Slots of a 32-bit guest's L3 that are filled, whatever the region."""


@cache
def filling() -> Loop:
    """One level's cursor: over S's entry in its table, ``offset``, and how often it is looked at, ``events``.

    Its state: how often it has been looked at, the cursor's entry, and the tables taken.
    """
    offset, events = word("offset"), word("events")
    done, cursor, taken = word("done"), word("cursor"), word("taken")
    fresh = cursor & (ENTRIES - 1) == 0
    start = choose(done == 0, offset, number(0))
    return Loop(
        name="filling tables",
        parameters=(offset, events),
        state=(done, cursor, taken),
        start=(number(0), number(0), number(0)),
        goes_on=done < events,
        step=(done + 1, choose(fresh, start, cursor) + 1, choose(fresh, taken + 1, taken)),
    )


def pages_of(v_start: Word, end: Word) -> Word:
    """How many pages the builder maps: those that fit, so for an S off a page one less than there are."""
    return (end - v_start) >> PAGE_SHIFT


def entry_of(v_start: Word, shift: int) -> Word:
    """The entry for S in its table that maps 2**shift bytes."""
    return (v_start >> (shift - ENTRY_BITS)) & (ENTRIES - 1)


def missing_l2(v_start: Word, taken: Word) -> Word:
    """How many of a 32-bit guest's four L2 are missing when the loop has taken ``taken``, from S's slot on."""
    first = entry_of(v_start, 39)
    result = number(0)
    for slot in range(L2_SLOTS):
        there = (first <= slot) & (number(slot) < first + taken)
        result += choose(there, number(0), number(1))
    return result


def frame_of(page: Word, initrd_page: Word, initrd_pages: Word) -> Word:
    """Which frame of the allocation the ``page``-th page maps, the mapped initrd's being from elsewhere.

    Counted from the allocation's start; it says nothing of a page of the initrd's.
    """
    return choose(page < initrd_page, page, page - initrd_pages)


def first_table(v_start: Word, vpt_start: Word, initrd_bytes: Word) -> Word:
    """The first table's frame, counted from the allocation's start: the initrd's pages are no part of that."""
    return ((vpt_start - v_start) - initrd_bytes) >> PAGE_SHIFT
