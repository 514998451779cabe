"""Counting rules in small literal form, and the field logs, for the tests of the log readers.

The rules are those of DOMAIN.md sections 3 and 9, written out so that these tests need no encodings.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ptproof.formal.layouts.count_rule import CountRule, Versions
from ptproof.formal.layouts.paging import COMPAT, PAGE_SIZE, TWO_LEVEL, X86_64, PagingMode

LOGS = Path(__file__).parents[1] / "data" / "boot-logs"
INDEX: dict[str, dict[str, Any]] = {
    entry["file"]: entry for entry in map(json.loads, (LOGS / "index.jsonl").read_text().splitlines())
}
WORD = 1 << 64


def blocks(low: int, high: int, shift: int) -> int:
    """How many blocks of 2**shift bytes the addresses [low, high) touch, which may go past 2**64."""
    return (-(-high >> shift << shift) - (low >> shift << shift)) % WORD >> shift


def v_end(vpt_start: int, nr_pt_pages: int) -> int:
    """The region's end: above the stack and 512 KiB, at a multiple of 4 MiB."""
    return -(-(vpt_start + (nr_pt_pages + 1) * PAGE_SIZE + (512 << 10)) >> 22 << 22) % WORD


def rule(
    name: str,
    carried_by: str,
    mode: PagingMode,
    current: bool,
    versions: tuple[Versions, ...],
    tables: Callable[[int, int], int],
) -> CountRule:
    """The rule whose count is the first n from 2 on that ``tables`` of its region doesn't exceed."""

    def nr_pt_pages(v_start: int, vpt_start: int) -> int:
        tried = 2
        while tables(v_start, v_end(vpt_start, tried)) > tried:
            tried += 1
        return tried

    return CountRule(name, carried_by, mode, current, nr_pt_pages, v_end, versions=versions)


RULES = (
    rule(
        "4-level",
        "3.0 to today",
        X86_64,
        True,
        (((3, 0), (99,)),),
        lambda s, v: 1 + sum(blocks(s, v, each) for each in (39, 30, 21)),
    ),
    rule(
        "compat",
        "4.2.1, 4.3 to today",
        COMPAT,
        True,
        (((4, 2, 1), (99,)),),
        lambda s, v: 4 + blocks(s, v, 39) + blocks(s, v, 21),
    ),
    rule(
        "compat, L4 counted",
        "3.1 to 4.1.6.1 and 4.2.0",
        COMPAT,
        False,
        (((3, 1), (4, 1)), ((4, 2, 0), (4, 2, 0))),
        lambda s, v: 5 + blocks(s, v, 39) + blocks(s, v, 21),
    ),
    rule(
        "i386 PAE Xen",
        "3.0 to 4.2",
        COMPAT,
        False,
        (((3, 0), (4, 2)),),
        lambda s, v: 5 + blocks(0, v - s, 21),
    ),
    rule(
        "2-level",
        "1.x to 3.2, i386 without PAE",
        TWO_LEVEL,
        False,
        (((1,), (3, 2)),),
        lambda s, v: 1 + blocks(s, v, 22),
    ),
)
