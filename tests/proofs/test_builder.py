"""The family *Builder*, what the mapping loop takes: its verdicts."""

from deciding import check_needs, check_verdicts, refuted
from ptproof.proofs.builder import CLAIMS


def test_every_verdict_is_as_expected() -> None:
    """Every part gets the verdict that it carries, and the machine confirms each case."""
    check_verdicts(CLAIMS)


def test_every_assumption_is_needed() -> None:
    """Each assumption has a case that fails without it."""
    check_needs(CLAIMS)


def test_nothing_is_refuted() -> None:
    """The builder does what it should."""
    assert refuted(CLAIMS) == set()
