"""How GRUB's loader for Xen counts the page tables of the 64-bit kernel that it starts in its own place, in a domU.

It goes round: it makes a region in which the tables of the round before fit, none at first, with a stack of 1 MiB and
512 KiB more, rounded up to 4 MiB; it counts the tables of that region, and those of a page beside it that its last
steps are mapped at; and it is done when all of these end in the region. Stack and the 512 KiB are no part of that test.

The tables of a mapping are counted by libxenguest's rule (`domu`), whose author wrote this one, too.

Source: ``grub_xen_pt_alloc()`` and ``get_pgtable_size()`` in GRUB's ``grub-core/loader/i386/xen.c`` (2.06 and 2.12, which
are alike there). Addresses are in bytes, counts in frames. A 32-bit kernel's tables are counted by other rules.
"""

from functools import cache
from typing import Final

from ..formal.layouts.paging import PAGE_SIZE, X86_64
from ..formal.logic.theorem import Loop
from ..formal.words.word import Word, choose, number, word
from . import domu
from .spans import round_up

STACK: Final = 1 << 20
"""The boot stack, in bytes, right above the tables."""
ADDITIONAL: Final = 512 << 10
"""What the region has room for beyond the stack, in bytes."""
LINE_SHIFT: Final = 22
"""The region ends at a multiple of 4 MiB."""


def region_end(vpt_start: Word, pages: Word) -> Word:
    """V(p): where a region ends that is made for ``pages`` frames of tables."""
    return round_up(vpt_start + pages * PAGE_SIZE + (ADDITIONAL + STACK), LINE_SHIFT)


def region_tables(v_start: Word, end: Word) -> Word:
    """The tables that map the region [v_start, end)."""
    return domu.tables(X86_64, v_start, end - 1)


def page_tables(page: Word, v_start: Word, end: Word) -> Word:
    """The tables that the page at ``page`` takes beside those of the region."""
    return domu.second_tables(page, page + (PAGE_SIZE - 1), v_start, end - 1)


def relocator_tables(v_start: Word, end: Word) -> Word:
    """The tables of the page for GRUB's last steps: it is mapped at 0, or past a region that starts there."""
    return choose(v_start == 0, page_tables(end, v_start, end), page_tables(number(0), v_start, end))


def tables_for(v_start: Word, vpt_start: Word, pages: Word) -> Word:
    """All tables that are needed with the region that is made for ``pages`` of them."""
    end = region_end(vpt_start, pages)
    return region_tables(v_start, end) + relocator_tables(v_start, end)


@cache
def search(above: int = 0) -> Loop:
    """GRUB's rounds, over where the region starts and where its tables do.

    The state is what the region was made for; the tables set aside are `tables_for` it, not it. ``above`` is what the
    test for the end has end in the region above the tables, in bytes: nothing in GRUB.
    """
    v_start, vpt_start, pages = word("v_start"), word("vpt_start"), word("pages")
    needed = tables_for(v_start, vpt_start, pages)
    return Loop(
        name=f"GRUB's tables[{above:#x}]",
        parameters=(v_start, vpt_start),
        state=(pages,),
        start=(number(0),),
        goes_on=vpt_start + needed * PAGE_SIZE + above > region_end(vpt_start, pages),
        step=(needed,),
    )
