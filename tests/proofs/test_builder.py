"""The family *Builder*: its verdicts, and the loop of formulas against the machine's builder."""

from itertools import pairwise

import pytest
from deciding import check_verdicts, refuted
from ptproof.encodings import dom0_builder
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


def test_the_frames_of_the_pages_around_an_initrd() -> None:
    """Below a mapped initrd each page has the frame of its number, above it the initrd's pages are left out."""
    frames = [int(dom0_builder.frame_of(number(page), number(4), number(3))) for page in (2, 3, 7, 8, 9)]
    assert frames == [2, 3, 4, 5, 6]
    assert all(after - before == 1 for before, after in pairwise(frames))
