"""The family *Builder*: its verdicts, and the loop of formulas against the machine's builder."""

import pytest
from attrs import evolve
from deciding import check_verdicts, refuted
from hypothesis import given
from hypothesis import strategies as st
from ptproof.encodings import dom0_builder
from ptproof.encodings.dom0_builder import ENTRIES
from ptproof.formal.layout import Layout, Segment
from ptproof.formal.machine import replay
from ptproof.formal.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.search import run
from ptproof.formal.words import number
from ptproof.proofs.builder import CLAIMS, SHIFTS

MIB, GIB = 1 << 20, 1 << 30


def test_every_verdict_is_as_expected() -> None:
    """Every part gets the verdict that it carries, and the machine confirms each case."""
    check_verdicts(CLAIMS)


def test_nothing_is_refuted() -> None:
    """The builder does what it should."""
    assert refuted(CLAIMS) == set()


@given(st.integers(0, ENTRIES - 1), st.integers(0, 3 * ENTRIES))
def test_the_loop_leaps_to_where_its_steps_end(offset: int, events: int) -> None:
    """Run on numbers, the loop's leap gives what its steps give."""
    loop = dom0_builder.filling()
    assert run(loop, (offset, events)) == run(evolve(loop, leap=None), (offset, events))


def taken(start: int, end: int) -> list[int]:
    """The tables that each level takes by the loop, from the L1 up."""
    words = number(start), number(end)
    events = int(dom0_builder.pages_of(*words))
    found = []
    for shift in SHIFTS:
        stopped = run(dom0_builder.filling(), (int(dom0_builder.entry_of(words[0], shift)), events))
        assert stopped is not None
        events = stopped[2]
        found.append(events)
    return found


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, 4 * MIB),
        (0x1FF000, 4 * MIB),
        (GIB - 4096, GIB + 4 * MIB),
        (GIB - 8 * MIB, GIB),
        (3 * GIB - 4096, 3 * GIB + 4 * MIB),
        (3 * GIB, 3 * GIB + 12 * MIB),
    ],
)
def test_the_loop_takes_what_the_machine_takes(mode: PagingMode, start: int, end: int) -> None:
    """Level by level the loop of formulas takes the tables that the machine's builder takes."""
    layout = Layout(mode=mode, page_tables=Segment(start, start + 0x6000), total=Segment(start, end))
    l1, l2, l3 = taken(start, end)
    if mode is COMPAT:
        l2 += int(dom0_builder.missing_l2(number(start), number(l2)))
    report = replay(layout)
    assert (report.taken["L1"], report.taken["L2"], report.taken["L3"]) == (l1, l2, l3)
