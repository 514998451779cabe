"""The checks for Xen's own area, against the machine's, and where a 32-bit guest's hole begins."""

import pytest
from ptproof.encodings import overlap
from ptproof.formal.layouts.layout import Layout, Segment
from ptproof.formal.layouts.paging import COMPAT, X86_64
from ptproof.formal.machine.refusals import refusing_frames
from ptproof.formal.machine.replay import overlaps_xen
from ptproof.formal.words.word import FALSE, TRUE, number

GIB = 1 << 30
LINUX = 2**64 - 2 * GIB


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (LINUX, LINUX + (4 << 20)),
        (2**64 - (4 << 20), 4 << 20),
        (2**47 - (4 << 20), 2**47 + (4 << 20)),
        (overlap.XEN_START - (4 << 20), overlap.XEN_START),
        (overlap.XEN_START - (4 << 20), overlap.XEN_START + (4 << 20)),
        (overlap.XEN_END - (4 << 20), overlap.XEN_END + (4 << 20)),
        (overlap.XEN_END, overlap.XEN_END + (4 << 20)),
    ],
)
def test_the_overlap_check_is_the_machines(start: int, end: int) -> None:
    """Formula and machine refuse the same regions."""
    layout = Layout(mode=X86_64, page_tables=Segment(start, start), total=Segment(start, end))
    assert bool(overlap.overlaps(number(start), number(end))) is overlaps_xen(layout)


@pytest.mark.parametrize("end", [0xF5800000, 0xF5C00000, 0xC0400000, 1 << 32])
def test_the_compat_check_is_the_machines(end: int) -> None:
    """A 32-bit dom0's region may end where the hole begins, and no higher."""
    layout = Layout(mode=COMPAT, page_tables=Segment(3 * GIB, 3 * GIB), total=Segment(3 * GIB, end))
    assert bool(overlap.overlaps_compat(number(end), number(overlap.COMPAT_HOLE))) is overlaps_xen(layout)


@pytest.mark.parametrize(
    ("gib", "hole"),
    [(1, 0xFFC00000), (64, 0xFBE00000), (164, 0xF5A00000), (165, 0xF5800000), (4096, 0xF5800000)],
)
def test_the_hosts_memory_decides_where_the_hole_begins(gib: int, hole: int) -> None:
    """With the note the list of frames needs its room, 1 MiB for each GiB of memory; without it the start is fixed."""
    assert int(overlap.compat_hole(TRUE, number(gib * GIB >> 12))) == hole
    assert int(overlap.compat_hole(FALSE, number(gib * GIB >> 12))) == overlap.COMPAT_HOLE


@pytest.mark.parametrize("end", [0xF5800000, *range(0xF5C00000, 0xFFE00000, 18 << 22), 0xFFC00000, 1 << 32])
def test_the_hosts_that_refuse_are_the_machines(end: int) -> None:
    """From just so many frames on a host refuses a 32-bit region, by the formula and by stepping down."""
    layout = Layout(mode=COMPAT, page_tables=Segment(3 * GIB, 3 * GIB), total=Segment(3 * GIB, end))

    def refuses(frames: int) -> bool:
        return bool(overlap.overlaps_compat(number(end), overlap.compat_hole(TRUE, number(frames))))

    least = refusing_frames(layout)
    if least is None:
        assert not any(refuses(frames) for frames in (1, 41 << 20, 44 << 20, 1 << 35))
    else:
        assert all(refuses(frames) for frames in (least, least + 1, 44 << 20, 1 << 35))
        assert least == 1 or not refuses(least - 1)
