"""The family *History*: its verdicts, and the old rules run on numbers."""

import pytest
from deciding import check_verdicts, refuted
from ptproof.encodings import history
from ptproof.formal.words import number
from ptproof.proofs.history import CLAIMS, L4_COUNTED, LINUX, STEPS


def test_every_verdict_is_as_expected() -> None:
    """Every part gets the verdict that it carries, and the machine confirms each case."""
    check_verdicts(CLAIMS)


def test_what_is_refuted() -> None:
    """i386's counts are exact; the others aren't, or don't end, or a rounded start costs a table."""
    assert refuted(CLAIMS) == {
        "first-4level-terminates",
        "compat-l4-counted-exact",
        "rounded-start-same-count",
    }
    assert {each.id for each in CLAIMS} - refuted(CLAIMS) == {"i386-exact"}


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
