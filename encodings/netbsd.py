"""How NetBSD counts the page tables that it makes for itself when it starts as a PV guest, over those that it is given.

It knows how much it maps without tables, and tries counts of last-level tables from a first one on until as many reach the end of
everything: all of this, the tables, and a fixed number of directories. It counts from where the kernel's half begins; its tables
begin where the kernel's text does. They are made twice: right above the final ones, or above Xen's where these end later, come temporary
ones, as many of them as reach their own end.

Source: ``xen_locore()`` and ``xen_bootstrap_tables()`` in NetBSD's ``sys/arch/xen/x86/x86_xpmap.c`` (1.84.4.2, of 2022);
``NKL2_KIMG_ENTRIES`` in ``sys/arch/amd64/include/pmap.h`` (1.54), ``UPAGES`` in ``param.h`` (1.23). Addresses and sizes are in bytes,
counts in tables of 2 MiB each, of which PAE has as many bytes. Its words have 32 bits for PAE: here these are addresses below 4 GiB.
"""

from functools import cache
from typing import Final

from ..formal.layouts.paging import PAGE_SIZE
from ..formal.logic.theorem import Loop
from ..formal.words.word import Word, choose, word
from .spans import spanned

TABLE_SHIFT: Final = 21
"""A last-level table maps 2 MiB."""
FIRST_AMD64: Final = 48 + 1
"""The count that the search starts from on amd64: ``TABLE_L2_ENTRIES``, whose macro asks for what no C file defines there."""
DIRECTORIES_AMD64: Final = 4
"""What amd64 takes besides: two L4, one L3, one L2."""
DIRECTORIES_PAE: Final = 6
"""What PAE takes besides: one L3, four L2, one L2's shadow."""
ABOVE_TABLES: Final = (3 + 1 + 1 + 1) * PAGE_SIZE
"""What a domU of amd64 maps above the tables: a stack of three pages, a spare directory, Xen's shared page, one to clear others with.

A dom0 maps 384 KiB of ISA memory besides.
"""


def first_pae(size: Word) -> Word:
    """The count that the search starts from with PAE: the tables of what is mapped without tables, if that started at 0."""
    return (size + ((1 << TABLE_SHIFT) - 1)) >> TABLE_SHIFT


def end(text: Word, size: Word, directories: Word, count: Word) -> Word:
    """Where everything ends that is mapped from ``text`` on, with ``count`` tables."""
    return text + size + (count + directories) * PAGE_SIZE


def reach(base: Word, count: Word) -> Word:
    """How far so many tables reach from ``base`` on."""
    return base + (count << TABLE_SHIFT)


def needed(text: Word, size: Word, directories: Word, count: Word) -> Word:
    """The tables that map all from ``text`` on, with ``count`` of them."""
    return spanned(text, end(text, size, directories, count), TABLE_SHIFT)


@cache
def search() -> Loop:
    """The search, over where text and kernel's half begin, what is mapped without tables, directories, and the first count."""
    parameters = text, base, size, directories, first = [
        word(name) for name in ("text", "base", "size", "directories", "first")
    ]
    count = word("count")
    return Loop(
        name="NetBSD's tables",
        parameters=tuple(parameters),
        state=(count,),
        start=(first,),
        goes_on=end(text, size, directories, count) > reach(base, count),
        step=(count + 1,),
    )


def temporary_start(vpt_start: Word, nr_pt_pages: Word, directories: Word, count: Word) -> Word:
    """Where the temporary tables start: above the final ones, which take the place of Xen's, and above Xen's."""
    xens, final = vpt_start + nr_pt_pages * PAGE_SIZE, vpt_start + (count + directories) * PAGE_SIZE
    return choose(xens < final, final, xens)


@cache
def temporary() -> Loop:
    """The search for the temporary tables, over where they start, the kernel's half, directories, and the final count."""
    parameters = start, base, directories, final = [
        word(name) for name in ("start", "base", "directories", "final")
    ]
    count = word("count")
    return Loop(
        name="NetBSD's temporary tables",
        parameters=tuple(parameters),
        state=(count,),
        start=(final,),
        goes_on=start + (count + directories) * PAGE_SIZE > reach(base, count),
        step=(count + 1,),
    )
