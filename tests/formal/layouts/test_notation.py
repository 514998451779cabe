"""The letters of the statements, and values in the shortest form."""

import re

import pytest
from ptproof.formal.layouts.notation import legend, number, short_case
from ptproof.formal.logic.claim import claims


@pytest.mark.parametrize(
    ("case", "shown"),
    [
        ({"v_start": 0, "vpt_start": 0x379000, "n": 5, "m": 7}, "S = 0, T = 0x379000: n = 5 and 7"),
        ({"n": 2, "vpt_start": 0xFFFF_FFFF_8100_0000}, "T = 0xffffffff81000000: n = 2"),
        ({"virt_base": (1 << 64) - (4 << 20), "slot": 0, "nr_pages": 2049}, "S = -4 MiB, nr_pages = 2049"),
        (
            {"kernel_start": 0x1000, "kernel_end": 0x2000, "virt_base": 0x1000},
            "S = 0x1000, kernel_end = 0x2000",
        ),
        ({"x": 0}, "x = 0"),
        ({}, ""),
    ],
)
def test_a_case(case: dict[str, int], shown: str) -> None:
    """S and T first; without zeros and without addresses that are there already, unless nothing else is left."""
    assert short_case(case).fitted(80) == shown


def test_a_case_where_there_is_little_room() -> None:
    """No value is cut: what doesn't fit is left out, and the counts stay."""
    case = short_case({"v_start": 0x7FFF_FFC0_0000, "vpt_start": 0x7FFF_FFD0_0000, "slot": 3, "n": 9})
    assert case.fitted(80) == "S = 0x7fffffc00000, T = 0x7fffffd00000, slot = 3: n = 9"
    assert case.fitted(40) == "S = 0x7fffffc00000, slot = 3, …: n = 9"
    assert case.fitted(28) == "S = 0x7fffffc00000, …: n = 9"
    assert case.fitted(1) == "…: n = 9"


def test_the_legend() -> None:
    """It has what the text has, and nothing else."""
    assert legend("For all l: N_s(l, l)") == "N_s(l, h) = the blocks of 2^s bytes that [l, h) touches"
    assert legend("Nothing.") == ""
    assert legend("f(S, V(n))").split("; ") == [
        "S = v_start",
        "V = v_end, V(n) with n table frames",
        "n = nr_pt_pages",
        "f(S, V) = the tables that [S, V) needs",
    ]


def test_every_letter_of_the_statements_is_explained() -> None:
    """Of the first lines that ``list`` shows: all of S, T, V, n, f and N."""
    for claim in claims():
        line = claim.statement.partition("\n")[0]
        for letter, found in (
            ("S", r"\bS\b"),
            ("T", r"\bT\b"),
            ("V", r"\bV\b"),
            ("n", r"\bn\b"),
            ("f(", r"\bf\("),
        ):
            if re.search(found, line):
                assert f"{letter}" in legend(line), claim.id


def test_numbers() -> None:
    """Counts are decimal, addresses and sizes hexadecimal."""
    assert [number(each) for each in (0, 4095, 4096)] == ["0", "4095", "0x1000"]
