"""The family *Asserts*, its walk: the machine's judgement."""

import pytest
from ptproof.proofs.asserts.walk_claims import walk_visits_tables

ACROSS = {
    "v_start": (1 << 39) - (8 << 20),
    "vpt_start": (1 << 39) - 0x2000,
    "n": 11,
    "vinitrd_start": 0,
    "initrd_len": 0,
}
"""A 64-bit guest's tables across a border of 512 GiB."""


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({"index": 0}, True),
        ({"index": 2}, True),
        ({"index": 11}, True),
        ({"index": 10, "n": 10}, False),
        ({"index": 1100}, False),
        ({"index": 0, "v_start": (1 << 39) - (8 << 20) + 0x800}, False),
        ({"index": 0, "n": 1 << 20}, None),
    ],
    ids=["first", "across", "beyond", "too few", "out of the region", "off a page", "too many"],
)
def test_the_machine_judges(changed: dict[str, int], holds: bool | None) -> None:
    """The machine's walk is what decides: how far it came, to which frames, and whether these are all tables."""
    assert walk_visits_tables.parts[0].replay(ACROSS | changed).holds is holds
