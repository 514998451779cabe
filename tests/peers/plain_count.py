"""The counts in plain Python, as somebody would write them to try them out: for Hypothesis and CrossHair.

Nothing of ptproof is imported: ``tests/peers/test_plain_count.py`` holds it against the encodings. Four claims that
are false, each a function that says whether it holds for some numbers. Addresses and lengths are in bytes.
"""

from collections.abc import Callable

PAGE, SUPERPAGE, ROUNDING, PADDING = 4096, 2 << 20, 4 << 20, 512 << 10
TOP = 1 << 47
"""Regions below this; so no number wraps."""


def touched(start: int, end: int, size: int) -> int:
    """How many blocks of a size [start, end) touches."""
    return -(-end // size) - start // size


def region_end(tables: int, frames: int) -> int:
    """V."""
    stack = tables + (frames + 1) * PAGE
    end = -(-stack // ROUNDING) * ROUNDING
    return end if end - stack >= PADDING else end + ROUNDING


def needed_64(start: int, tables: int, frames: int) -> int:
    """f(S, V(n)) of a 64-bit guest."""
    end = region_end(tables, frames)
    return 1 + touched(start, end, 1 << 39) + touched(start, end, 1 << 30) + touched(start, end, SUPERPAGE)


def needed_compat(start: int, tables: int, frames: int) -> int:
    """f(S, V(n)) of a 32-bit guest on a 64-bit Xen."""
    return 5 + touched(start, region_end(tables, frames), SUPERPAGE)


def search(needed: Callable[[int, int, int], int], start: int, tables: int) -> int:
    """What the builder's search finds."""
    frames = 2
    while needed(start, tables, frames) > frames:
        frames += 1
    return frames


def unique(start_page: int, table_page: int, m: int) -> bool:
    """No other number of frames is just right for the region that it makes."""
    start, tables = start_page * PAGE, table_page * PAGE
    return needed_64(start, tables, m) != m or m == search(needed_64, start, tables)


def raises_compat_1(start_page: int, table_page: int) -> bool:
    """Counting again once, with what was found of no frames, gives what the search gives."""
    start, tables = start_page * PAGE, table_page * PAGE
    first = needed_compat(start, tables, 0)
    return needed_compat(start, tables, first) == search(needed_compat, start, tables)


def unaligned_page(start: int, table_page: int) -> bool:
    """The pages mapped from S on reach V, and the tables lie on pages."""
    tables = start // PAGE * PAGE + table_page * PAGE
    end = region_end(tables, search(needed_64, start, tables))
    return start + (end - start) // PAGE * PAGE == end and (tables - start) % PAGE == 0


def cap_only_lowers(kernel_page: int, initrd: int, pages: int) -> bool:
    """The cap on a 64-bit dom0's memory never raises it; the kernel is mapped at the top 2 GiB, on words that wrap."""
    space, start = 1 << 64, (1 << 64) - (2 << 30)
    loaded = (start + kernel_page * PAGE + -(-initrd // PAGE) * PAGE) % space
    end = (loaded + 8 * pages) % space
    doubled = (end + (end - start)) % space if end > start else end
    capped = (-loaded % space) >> 4 if doubled <= start else pages
    return capped <= pages


def unique_asserted(start_page: int, table_page: int, m: int) -> None:
    """For CrossHair, as all that follow: leading asserts say what is assumed."""
    assert 0 <= start_page <= 1 << 18
    assert start_page < table_page <= 1 << 18
    assert 2 <= m <= 1 << 10
    assert unique(start_page, table_page, m)


def raises_compat_1_asserted(start_page: int, table_page: int) -> None:
    """As above."""
    assert 0 <= start_page <= 1 << 20
    assert start_page < table_page <= 1 << 20
    assert raises_compat_1(start_page, table_page)


def unaligned_page_asserted(start: int, table_page: int) -> None:
    """As above."""
    assert 0 <= start <= 1 << 30
    assert 1 <= table_page <= 1 << 18
    assert unaligned_page(start, table_page)


def cap_only_lowers_asserted(kernel_page: int, initrd: int, pages: int) -> None:
    """As above."""
    assert 0 <= kernel_page <= 1 << 18
    assert 0 <= initrd <= 1 << 31
    assert 1 <= pages <= 1 << 35
    assert cap_only_lowers(kernel_page, initrd, pages)


RANGES: dict[str, tuple[tuple[int, int], ...]] = {
    "unique": ((0, 1 << 18), (1, 1 << 18), (2, 1 << 10)),
    "raises_compat_1": ((0, 1 << 20), (1, 1 << 20)),
    "unaligned_page": ((0, 1 << 30), (1, 1 << 18)),
    "cap_only_lowers": ((0, 1 << 18), (0, 1 << 31), (1, 1 << 35)),
}
"""The numbers to look among, by claim: the same for both."""
