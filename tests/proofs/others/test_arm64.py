"""What arm64 sets aside, by the macro and by what is made, for many images."""

from random import Random

import pytest
from ptproof.encodings.arm64 import MODES, early_pages
from ptproof.formal.layouts.paging import PagingMode
from ptproof.formal.others.arm64 import tables
from ptproof.formal.words.word import number

LINKED = 0xFFFF800080000000
MIB = 1 << 20


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_the_macro_counts_what_is_made(mode: PagingMode) -> None:
    """Of an image where it is linked to; and of one that is moved it counts as many at least, with its extra tables."""
    random = Random(mode.name)
    tight = 0
    for _ in range(200):
        start, length = LINKED + random.randrange(64) * 2 * MIB, random.randrange(1, 1 << 30)
        moved = random.randrange(1 << 18) * 2 * MIB
        words = number(start), number(start + length)
        assert int(early_pages(mode, *words, 0)) == tables(mode, start, start + length)
        made = tables(mode, start + moved, start + length + moved)
        assert made <= int(early_pages(mode, *words, 1))
        tight += made > int(early_pages(mode, *words, 0))
    assert tight, "no image needed what is added"
