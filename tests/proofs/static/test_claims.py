"""The family *Static calculation*: the real loop's start, (compat ? 6 : 4), and how many raises it needs."""

import pytest
from ptproof.encodings.static_count import raised
from ptproof.formal.layouts.paging import COMPAT, X86_64
from ptproof.formal.words.word import number


@pytest.mark.parametrize(
    ("vpt_start", "first", "counts"),
    [
        (0x7F37F000, 0, [1023, 1025, 1027, 1027]),
        (0x7FF79000, 6, [1029, 1031, 1033, 1033]),
        (0x7FF79000, 0, [1029, 1031, 1033, 1033]),
        (0x7F37F000, 6, [1025, 1027, 1027, 1027]),
    ],
)
def test_two_raises_near_2_gib(vpt_start: int, first: int, counts: list[int]) -> None:
    """Near 2 GiB a 32-bit dom0 from address 0 needs two raises; from 6, not everywhere where it does from 0."""
    words = number(0), number(vpt_start)
    assert [int(raised(COMPAT, *words, raises, first)) for raises in range(4)] == counts


def test_a_start_that_is_enough_at_once() -> None:
    """For a small kernel the default start already is what the search finds."""
    words = number(0), number(0x100000)
    assert [int(raised(X86_64, *words, raises, 4)) for raises in range(2)] == [5, 5]
