"""The first tables of an arm64 Linux, on numbers."""

import pytest
from ptproof.encodings.arm64 import ARM64_SECTIONS
from ptproof.formal.layouts.paging import ARM64_16K, ARM64_64K, PagingMode
from ptproof.formal.machine.arrange import TooLarge
from ptproof.formal.others.arm64 import tables

MIB, GIB = 1 << 20, 1 << 30
LINKED = 0xFFFF800080000000


@pytest.mark.parametrize(
    ("mode", "start", "end", "made"),
    [
        (ARM64_SECTIONS, LINKED, LINKED + 30 * MIB, 3),
        (ARM64_SECTIONS, LINKED + GIB - 2 * MIB, LINKED + GIB + 2 * MIB, 4),
        (ARM64_16K, LINKED, LINKED + 30 * MIB, 4),
        (ARM64_16K, LINKED, LINKED + 32 * MIB + 1, 5),
        (ARM64_64K, LINKED, LINKED + 512 * MIB, 3),
        (ARM64_64K, LINKED, LINKED, 1),
    ],
)
def test_the_tables_that_are_made(mode: PagingMode, start: int, end: int, made: int) -> None:
    """A root, one table a level, and one more where the image crosses a block's border."""
    assert tables(mode, start, end) == made


def test_too_large() -> None:
    """What takes too long to walk over is refused."""
    with pytest.raises(TooLarge):
        tables(ARM64_SECTIONS, 0, 1 << 47)
