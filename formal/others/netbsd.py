"""NetBSD's first steps as a PV guest, executed: its search for a count, and the last-level tables that it fills one after another.

Facts: ``xen_locore()`` and ``xen_bootstrap_tables()`` in NetBSD's ``sys/arch/xen/x86/x86_xpmap.c`` (1.84.4.2, of 2022).
Addresses are modulo 2**64, counts in tables.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from attrs import frozen

from ..layouts.layout import ADDRESS_LIMIT
from ..layouts.paging import PAGE_SIZE
from ..machine.arrange import TooLarge

TABLE: Final = 2 << 20
"""What a last-level table maps, in bytes."""
MOST_TRIED: Final = 1 << 20
"""The most counts that are tried, and the most tables that are filled."""


@frozen(kw_only=True)
class Kernel:
    """What the search goes by: where text and the kernel's half begin, and the bytes that are mapped without tables."""

    text: int
    base: int
    size: int
    directories: int
    first: int


def search(kernel: Kernel) -> int:
    """The first count that reaches the end of everything, by trying them. Raises `TooLarge` after `MOST_TRIED`."""
    return _tried(kernel.first, kernel.base, partial(map_end, kernel)) % ADDRESS_LIMIT


def _tried(first: int, base: int, end: Callable[[int], int]) -> int:
    """The first count whose tables, from ``base`` on, reach the end that there is with so many."""
    for count in range(first, first + MOST_TRIED):
        if end(count) <= (base + count * TABLE) % ADDRESS_LIMIT:
            return count
    raise TooLarge(MOST_TRIED * TABLE // PAGE_SIZE, MOST_TRIED)


def map_end(kernel: Kernel, count: int) -> int:
    """Where the mapping ends: all that is mapped, the tables and the directories lie one after another from the text on."""
    at = kernel.text + kernel.size
    at += kernel.directories * PAGE_SIZE
    at += count * PAGE_SIZE
    return at % ADDRESS_LIMIT


def filled(start: int, end: int, count: int) -> Iterator[int]:
    """How many bytes each of so many tables maps, filled one after another from ``start`` up to ``end``, above it.

    A table is left where the next page lies in the next 2 MiB. Raises `TooLarge` for more than `MOST_TRIED` tables.
    """
    if count > MOST_TRIED:
        raise TooLarge(count * TABLE // PAGE_SIZE, MOST_TRIED)
    page, end = start, start + (end - start) % ADDRESS_LIMIT
    for _ in range(count):
        after = page - page % TABLE + TABLE
        yield max(0, min(after, end) - page)
        page = after


def temporary(base: int, directories: int, start: int, final: int) -> int:
    """The count of temporary tables: as many as reach the end of these, from the final count on. Raises `TooLarge`."""

    def end(count: int) -> int:
        own_end = start + (count + directories) * PAGE_SIZE
        return own_end % ADDRESS_LIMIT

    return _tried(final, base, end)
