"""Layouts that a tree's own count is tried on, of the sizes that images have, and of those where counts go wrong."""

from collections.abc import Iterator
from random import Random

from ...encodings.dom0_layout import PADDING
from ...formal.layouts.paging import PAGE_SIZE


def lengths(source: Random, count: int) -> Iterator[tuple[int, int]]:
    """Starts and lengths of regions before their tables, on pages, of all sizes; the roundest first."""
    for step in range(16):
        yield 0, (2 << 20) * step + 2 * PAGE_SIZE
        yield 0, (4 << 20) * (step + 1) - (step + 2) * PAGE_SIZE
    lines = [*range(508, 516), *(source.randrange(1, 768) for _ in range(count // 40))]
    lines += [(1 << bits) + more for bits in range(10, 25) for more in (0, source.getrandbits(bits))]
    for line in lines:
        # Where stack and padding come to end at a line of 4 MiB, with few frames or with all: one more moves the end.
        most = 2 * line + line // 256 + line // 131072 + 5
        for frames in (*range(2, 12), *(most + more for more in range(-6, 7))):
            length = (4 << 20) * line - PADDING - frames * PAGE_SIZE
            if length >= 2 * PAGE_SIZE:
                yield 0, length
    for shift in (30, 39):
        for step in range(1, 5):  # across a line of the higher levels
            yield (step << shift) - (step << 19), 1 << 20
    places = (20, 31, 40)
    for _ in range(count):
        start = source.choice([0, 0, (1 << 64) - (2 << 30), *(source.getrandbits(bits) for bits in places)])
        length = source.getrandbits(source.choice([16, 20, 22, 24, 26, 30, 31]))
        yield start & -PAGE_SIZE, (length & -PAGE_SIZE) + 2 * PAGE_SIZE
