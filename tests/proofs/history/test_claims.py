"""The family *History*: the old rules run on numbers."""

import pytest
from ptproof.encodings import history
from ptproof.formal.words.word import number
from ptproof.proofs.history.claims import L4_COUNTED, LINUX, STEPS


@pytest.mark.parametrize(
    "end", [0, 4 << 20, 1 << 63, LINUX, LINUX + (64 << 20), 2**64 - (1 << 39), 2**64 - (4 << 20)]
)
def test_the_first_rule_asks_for_almost_all_words(end: int) -> None:
    """Wherever the region of a kernel at -2 GiB ends, the first rule asks for more than 2^64 - 2^44 frames."""
    assert int(history.first_four_level(number(LINUX), number(end))) >= STEPS


def test_the_old_compat_rule_counts_a_table_that_is_not_taken() -> None:
    """A region of 4 MiB takes seven tables of a 32-bit dom0, and the old rule says eight."""
    start, end = number(0xC0000000), number(0xC0400000)
    assert (int(L4_COUNTED.needed(start, end)), int(L4_COUNTED.consumed(start, end))) == (8, 7)
