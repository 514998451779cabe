"""The family *Asserts*: its formulas against the machine's own asserts."""

import pytest
from ptproof.encodings import read_only_walk as walk
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.machine.replay import GENERATIONS
from ptproof.formal.machine.type_info import PAE_XEN_L2, VALIDATED, WRITABLE_PAGE, table_type
from ptproof.formal.words.word import number


@pytest.mark.parametrize(
    "type_info",
    [
        0,
        *(table_type(level) for level in range(1, 8)),
        table_type(2) | PAE_XEN_L2,
        table_type(3) | 1,
        table_type(4) | VALIDATED,
        WRITABLE_PAGE | VALIDATED | 1,
    ],
)
def test_the_generations_are_the_machines(type_info: int) -> None:
    """Each generation's formula says of a type_info what the machine's conditions say."""
    for formula, conditions in zip(walk.GENERATIONS, GENERATIONS, strict=True):
        assert formula.name == conditions.name
        expected = all(each.holds(type_info, table_type(4)) for each in conditions.conditions)
        assert bool(formula.passes(number(type_info))) is expected


@pytest.mark.parametrize(
    ("mode", "frame", "level", "slot", "type_info"),
    [
        (X86_64, 0, 4, 0, table_type(4)),
        (X86_64, 1, 2, 3, table_type(2)),
        (COMPAT, 1, 2, 2, table_type(2)),
        (COMPAT, 1, 2, 3, table_type(2) | PAE_XEN_L2),
        (COMPAT, 1, 1, 3, table_type(1)),
        (X86_64, 5, 1, 0, WRITABLE_PAGE | VALIDATED | 1),
    ],
)
def test_what_the_builder_leaves_in_a_frame(
    mode: PagingMode, frame: int, level: int, slot: int, type_info: int
) -> None:
    """Of five frames taken, each has its table's type and nothing else; the sixth is a page in use."""
    found = walk.frame_info(mode, number(frame), number(5), number(level), number(slot))
    assert int(found) == type_info
