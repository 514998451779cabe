"""The family *Asserts*, of a count that is wrong: the machine's judgement."""

import pytest
from ptproof.proofs.asserts.miscount_claims import asserts_overcount, asserts_undercount

SMALL = {"v_start": 0, "vpt_start": 0x100000, "vinitrd_start": 0, "initrd_len": 0}
"""A region whose tables take 5 frames of a 64-bit guest, and 7 of a 32-bit one."""
STRONGER = {part.name: part for part in asserts_undercount.parts if part.name.startswith("the stronger")}
CATCHES = {part.name: part for part in asserts_overcount.parts if part.name.startswith("every")}


@pytest.mark.parametrize(
    ("part", "changed", "holds"),
    [
        ("64-bit", {"n": 6, "frame": 5}, True),
        ("64-bit", {"n": 40, "frame": 39}, True),
        ("64-bit", {"n": 6, "frame": 4}, False),
        ("64-bit", {"n": 10, "frame": 9, "v_start": 2**64 - (4 << 20), "vpt_start": 0x1000}, False),
        ("64-bit", {"n": 6, "frame": 5, "v_start": 0x800}, False),
        ("64-bit", {"n": 1 << 20, "frame": 9}, None),
        ("32-bit PAE guest on 64-bit Xen", {"n": 8, "frame": 7}, True),
        (
            "32-bit PAE guest on 64-bit Xen",
            {"n": 8, "frame": 7, "v_start": 0xFFC00000, "vpt_start": 0xFFC01000},
            False,
        ),
        (
            "32-bit PAE guest on 64-bit Xen",
            {"n": 0x500, "frame": 0x4FF, "v_start": 0xF5400000, "vpt_start": 0xF5401000},
            False,
        ),
    ],
    ids=["left", "many", "taken", "off the root", "off a page", "large", "compat", "hole", "into the hole"],
)
def test_the_machine_says_what_is_caught(part: str, changed: dict[str, int], holds: bool | None) -> None:
    """If the walk reaches a frame that is left over, the asserts fire; if it can't, the machine says so."""
    assert CATCHES[f"every left-over frame, {part}"].replay(SMALL | changed).holds is holds


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({"n": 5}, True),
        ({"n": 4}, True),
        ({"n": 9, "v_start": 2**64 - (4 << 20), "vpt_start": 0x1000}, True),
        ({"n": 5, "v_start": 0x800}, None),
    ],
    ids=["right", "wrong", "off the root", "off a page"],
)
def test_the_cursor_is_judged_by_what_is_taken(changed: dict[str, int], holds: bool | None) -> None:
    """The stronger check is about how many are taken, not about what can be reached of them."""
    part = STRONGER["the stronger check catches every miscount, 64-bit"]
    assert part.replay(SMALL | changed).holds is holds
