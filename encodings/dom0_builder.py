"""The frames that the dom0 builder maps: pages of the region, the one allocation for it, and where an initrd goes.

The loop that maps them is in `builder_loop`.

Source: DOMAIN.md section 4; ``dom0_construct()`` in Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.22), and
``get_order_from_bytes()``. Counts are in frames, page numbers count from S.
"""

from typing import Final

from ..formal.layouts.paging import PAGE_SHIFT
from ..formal.words.word import Truth, Word, choose, number
from .allocation import order_pages
from .spans import round_up

ENTRIES: Final = 512
ENTRY_BITS: Final = 9
PAGES_IN_SPACE: Final = 1 << (64 - PAGE_SHIFT)
L2_SLOTS: Final = 4
"""Slots of a 32-bit guest's L3 that are filled, whatever the region."""


def pages_of(v_start: Word, end: Word) -> Word:
    """How many pages the builder maps: those that fit, so for an S off a page one less than there are."""
    return (end - v_start) >> PAGE_SHIFT


def entry_of(v_start: Word, shift: int) -> Word:
    """The entry for S in its table that maps 2**shift bytes."""
    return (v_start >> (shift - ENTRY_BITS)) & (ENTRIES - 1)


def has_l2(v_start: Word, taken: Word, slot: Word) -> Truth:
    """Whether a slot of a 32-bit guest's L3 leads to one of the ``taken`` L2 of the loop, from S's slot on."""
    first = entry_of(v_start, 39)
    return (first <= slot) & (slot < first + taken)


def missing_l2(v_start: Word, taken: Word, slots: int = L2_SLOTS) -> Word:
    """How many of a 32-bit guest's four L2 are missing when the loop has taken ``taken``, and are filled up then.

    Of the first ``slots`` only, if so many are given: the next slot, if it is filled up, gets so many tables after the next.
    """
    result = number(0)
    for slot in range(slots):
        result += choose(has_l2(v_start, taken, number(slot)), number(0), number(1))
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

    So it is by what the cursors of `builder_loop.building` come to (the lemma ``mapped-in-order``).
    """
    others = choose(page < initrd_page, page, page - initrd_pages)
    return choose(is_initrds(page, initrd_page, initrd_pages), page - initrd_page, others)


def frame_given(
    page: Word, initrd_page: Word, initrd_pages: Word, next_frame: Word, next_initrds: Word
) -> Word:
    """The frame that a page gets when the cursors of `builder_loop.building` have come to it."""
    return choose(is_initrds(page, initrd_page, initrd_pages), next_initrds, next_frame)


def left_out(page: Word, initrd_page: Word, initrd_pages: Word) -> Word:
    """How many pages before ``page`` map the initrd's frames."""
    end = initrd_page + initrd_pages
    return choose(page < initrd_page, number(0), choose(page < end, page - initrd_page, initrd_pages))


def first_table(v_start: Word, vpt_start: Word, vinitrd_start: Word, initrd_len: Word) -> Word:
    """Where the first table lies, in bytes from the allocation's start: the initrd's own pages are no part of that."""
    return (vpt_start - v_start) - initrds_own(vinitrd_start, initrd_len)
