"""The family *Builder*, its frames: what the machine says against a case."""

import pytest
from ptproof.formal.logic.claim import Part
from ptproof.proofs.builder.frame_claims import allocation_suffices, tables_mapped

MIB = 1 << 20
CASE = {"v_start": 0, "vpt_start": 0x4000, "n": 5, "vinitrd_start": 0x1000, "initrd_len": 0x2FFB}
"""A 64-bit guest's region of 4 MiB, with an initrd in the middle."""


@pytest.mark.parametrize(
    ("part", "changed", "holds"),
    [
        (tables_mapped.parts[0], {"index": 4}, True),
        (tables_mapped.parts[0], {"index": 1020}, False),
        (tables_mapped.parts[0], {"index": 0, "vinitrd_start": 0x2000}, None),
        (tables_mapped.parts[0], {"index": 0, "n": 1 << 20}, None),
        (allocation_suffices.parts[0], {"page": 1023}, True),
        (allocation_suffices.parts[0], {"page": 1024}, False),
        (allocation_suffices.parts[-1], {"size": MIB}, True),
        (allocation_suffices.parts[-1], {"size": 0}, None),
    ],
    ids=["last", "unmapped", "initrd into tables", "too many", "last page", "beyond", "order", "nothing"],
)
def test_the_machine_judges_a_case(part: Part, changed: dict[str, int], holds: bool | None) -> None:
    """What the machine says of a case, for and against it, or that none builds it."""
    assert part.replay(CASE | changed).holds is holds
