"""The dom0 builder's mapping loop as a transition system, one level of tables at a time, and the frames that it maps.

A level's cursor is looked at once for each table of the level below, the L1's once for each page: where it stands at
a table's end, or nowhere yet, a fresh table is taken, and the cursor goes to its start, at first to S's own entry. So
each level runs the same loop, over the tables that the level below took. All levels take their frames from one cursor,
which goes up frame by frame.

Source: DOMAIN.md section 4; ``dom0_construct()`` in Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.22), and
``get_order_from_bytes()``. Counts are in frames, page numbers count from S.
"""

from functools import cache
from typing import Final

from ..formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE
from ..formal.logic.theorem import Loop
from ..formal.words.word import Truth, Word, choose, number, word
from .allocation import order_pages
from .spans import round_up

ENTRIES: Final = 512
ENTRY_BITS: Final = 9
PAGES_IN_SPACE: Final = 1 << (64 - PAGE_SHIFT)
LEAPS: Final = 1 << 52
"""So often a cursor may be looked at for `filling` to leap to its end."""
L2_SLOTS: Final = 4
"""Slots of a 32-bit guest's L3 that are filled, whatever the region."""


@cache
def filling() -> Loop:
    """One level's cursor: over S's entry in its table, ``offset``, and how often it is looked at, ``events``.

    Its state: how often it has been looked at, the cursor's entry, and the tables taken. Run on numbers, it may leap
    to the end (the lemma ``fills``).
    """
    offset, events = word("offset"), word("events")
    done, cursor, taken = word("done"), word("cursor"), word("taken")
    fresh = cursor & (ENTRIES - 1) == 0
    start = choose(done == 0, offset, number(0))
    step = (done + 1, choose(fresh, start, cursor) + 1, choose(fresh, taken + 1, taken))
    leaps = (offset < ENTRIES) & (events <= LEAPS)
    last = (offset + events - 1) & (ENTRIES - 1)
    end = (events, last + 1, (offset + events + (ENTRIES - 1)) >> ENTRY_BITS)
    return Loop(
        name="filling tables",
        parameters=(offset, events),
        state=(done, cursor, taken),
        start=(number(0), number(0), number(0)),
        goes_on=done < events,
        step=step,
        leap=tuple(choose(leaps, far, near) for far, near in zip(end, step, strict=True)),
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


def page_of(v_start: Word, address: Word) -> Word:
    """Which of the mapped pages an address lies on, counted up from S's own page, around 2**64 if need be."""
    return ((address >> PAGE_SHIFT) - (v_start >> PAGE_SHIFT)) & (PAGES_IN_SPACE - 1)


def initrds_own(vinitrd_start: Word, initrd_len: Word) -> Word:
    """How many bytes of the region the initrd's own pages are: whole pages, and none where it isn't mapped.

    It isn't where ``vinitrd_start`` is 0.
    """
    return choose(vinitrd_start == 0, number(0), round_up(initrd_len, PAGE_SHIFT))


def allocated(v_start: Word, end: Word, vinitrd_start: Word, initrd_len: Word) -> Word:
    """The pages of the one allocation for the region: 2**order, for its bytes less those of the initrd's own."""
    return order_pages((end - v_start) - initrds_own(vinitrd_start, initrd_len))


def initrds_page(v_start: Word, vinitrd_start: Word, allocation: Word) -> Word:
    """The pfn of the initrd: its place in the region, or the first one after the allocation."""
    return choose(vinitrd_start == 0, allocation, (vinitrd_start - v_start) >> PAGE_SHIFT)


def is_initrds(page: Word, initrd_page: Word, initrd_pages: Word) -> Truth:
    """Whether the ``page``-th page maps one of the initrd's own frames."""
    return (initrd_page <= page) & (page < initrd_page + initrd_pages)


def frame_of(page: Word, initrd_page: Word, initrd_pages: Word) -> Word:
    """Which frame the ``page``-th page maps: of the allocation, counted from its start, or else of the initrd.

    So it is by what `mapping` comes to (the lemma ``mapped-in-order``).
    """
    others = choose(page < initrd_page, page, page - initrd_pages)
    return choose(is_initrds(page, initrd_page, initrd_pages), page - initrd_page, others)


@cache
def mapping() -> Loop:
    """The mapping loop's two cursors, over how many pages are mapped already, and the initrd's place and pages.

    Its state: how many have been mapped, the next frame of the allocation, and the next of the initrd. Run on numbers,
    it may leap to the end (the lemma ``mapped-in-order``).
    """
    page, initrd_page, initrd_pages = word("page"), word("initrd_page"), word("initrd_pages")
    mapped, next_frame, next_initrds = word("mapped"), word("next_frame"), word("next_initrds")
    initrds = is_initrds(mapped, initrd_page, initrd_pages)
    step = (
        mapped + 1,
        choose(initrds, next_frame, next_frame + 1),
        choose(initrds, next_initrds + 1, next_initrds),
    )
    end = initrd_page + initrd_pages
    past_initrd = choose(page <= initrd_page, number(0), choose(page < end, page - initrd_page, initrd_pages))
    last = (page, page - past_initrd, past_initrd)
    return Loop(
        name="mapping pages",
        parameters=(page, initrd_page, initrd_pages),
        state=(mapped, next_frame, next_initrds),
        start=(number(0), number(0), number(0)),
        goes_on=mapped < page,
        step=step,
        leap=tuple(choose(initrd_page <= end, far, near) for far, near in zip(last, step, strict=True)),
    )


def frame_given(
    page: Word, initrd_page: Word, initrd_pages: Word, next_frame: Word, next_initrds: Word
) -> Word:
    """The frame that a page gets when the cursors of `mapping` have come to it."""
    return choose(is_initrds(page, initrd_page, initrd_pages), next_initrds, next_frame)


def first_table(v_start: Word, vpt_start: Word, vinitrd_start: Word, initrd_len: Word) -> Word:
    """Where the first table lies, in bytes from the allocation's start: the initrd's own pages are no part of that."""
    return (vpt_start - v_start) - initrds_own(vinitrd_start, initrd_len)


@cache
def taking() -> Loop:
    """The cursor that gives out table frames, over where the first one lies and how many are taken.

    Its state: how many have been taken, and where the next one lies, in bytes from the allocation's start.
    """
    first, takes = word("first"), word("takes")
    given, mpt_alloc = word("given"), word("mpt_alloc")
    return Loop(
        name="taking frames",
        parameters=(first, takes),
        state=(given, mpt_alloc),
        start=(number(0), first),
        goes_on=given < takes,
        step=(given + 1, mpt_alloc + PAGE_SIZE),
    )
