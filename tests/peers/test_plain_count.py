"""The plain Python version that peers get says what the encodings say, and each of its claims is false."""

import random
from collections.abc import Callable

import plain_count
import pytest
from ptproof.encodings.dom0_count import tables_for
from ptproof.encodings.memory import nr_pages_capped
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.words.word import number

COUNTEREXAMPLES = {
    "unique": (0, 0x379, 7),
    "raises_compat_1": (0x13ABE, 0xF3C76),
    "unaligned_page": (1, 1),
    "cap_only_lowers": (0x1000, 0x3EF00000, 0x3FF00),
}


@pytest.mark.parametrize(
    ("mode", "needed"),
    [(X86_64, plain_count.needed_64), (COMPAT, plain_count.needed_compat)],
    ids=["64", "compat"],
)
def test_it_counts_as_the_encodings_do(mode: PagingMode, needed: Callable[[int, int, int], int]) -> None:
    """At random regions and counts."""
    drawn = random.Random(1)
    for _ in range(300):
        start = drawn.randrange(1 << 31)
        tables, frames = start + drawn.randrange(1 << 31), drawn.randrange(1 << 12)
        expected = tables_for(mode, number(start), number(tables), number(frames))
        assert needed(start, tables, frames) == int(expected)


def test_it_caps_as_the_encodings_do() -> None:
    """Whether the cap lowers, at random kernels, initrds and memories."""
    drawn, start = random.Random(1), (1 << 64) - (2 << 30)
    seen = set()
    for _ in range(300):
        kernel, initrd = drawn.randrange(1 << 18), drawn.randrange(1 << 31)
        pages = 1 << drawn.randrange(35) | 1
        end = (start + kernel * 4096) % (1 << 64)
        after = nr_pages_capped(X86_64, number(start), number(end), number(initrd), number(pages), number(0))
        seen.add(int(after) <= pages)
        assert plain_count.cap_only_lowers(kernel, initrd, pages) is (int(after) <= pages)
    assert seen == {True, False}


@pytest.mark.parametrize("claim", plain_count.RANGES)
def test_each_claim_is_false(claim: str) -> None:
    """At the values that ptproof shows, which lie among those that peers look at; and it isn't false everywhere."""
    holds, ranges = getattr(plain_count, claim), plain_count.RANGES[claim]
    values = COUNTEREXAMPLES[claim]
    assert all(low <= value <= high for value, (low, high) in zip(values, ranges, strict=True))
    assert not holds(*values)
    with pytest.raises(AssertionError):
        getattr(plain_count, f"{claim}_asserted")(*values)
