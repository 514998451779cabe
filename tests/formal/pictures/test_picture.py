"""What there is to draw of a layout: pieces without a hole, frames as the machine took them, how the region ends."""

import json
from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve
from picture_cases import CASES, LINUX, MIB, TINY
from ptproof.formal.edge.amounts import amount
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.layout import Layout, Segment
from ptproof.formal.machine.replay import TooLarge, replay, with_frames
from ptproof.formal.pictures.picture import (
    LEFT_OVER,
    OUT_OF_REACH,
    STRAY,
    TABLE,
    as_dict,
    ends,
    picture_of,
)

ALL = pytest.mark.parametrize("layout", CASES.values(), ids=list(CASES))


@ALL
def test_pieces_cover_what_is_drawn(layout: Layout) -> None:
    """The pieces lie end to end, from v_start up to the end of what is drawn; the page tables are among them."""
    picture = picture_of(layout)
    assert picture.pieces[0].offset == 0
    assert picture.pieces[-1].end == picture.span
    assert all(one.end == other.offset for one, other in pairwise(picture.pieces))
    assert picture.span >= layout.total.size
    tables = [each for each in picture.pieces if each.name == "page_tables"]
    assert [(picture.address(each.offset), each.size) for each in tables] == (
        [(layout.vpt_start, layout.page_tables.size)] if layout.nr_pt_pages else []
    )


@ALL
def test_every_segment_is_drawn_or_told_of(layout: Layout) -> None:
    """Each segment that has bytes is a piece, or is said to lie elsewhere; where it lies is where the layout has it."""
    picture = picture_of(layout)
    shown = {each.name: each for each in (*picture.pieces, *picture.elsewhere) if not each.gap}
    for name in ("kernel", "initrd", "p2m", "start_info", "xenstore", "console", "page_tables", "boot_stack"):
        segment = getattr(layout, name)
        if segment is None or not segment.size:
            assert name not in shown
        else:
            assert (picture.address(shown[name].offset), shown[name].size) == (segment.start, segment.size)


@ALL
def test_frames_are_those_that_the_machine_took(layout: Layout) -> None:
    """The runs of frames, one after the other, are the machine's order, its left-over frames and its strays."""
    picture = picture_of(layout)
    try:
        report = replay(layout)
    except TooLarge:
        assert (picture.runs, picture.rows, picture.report) == ((), (), None)
        return
    if report.misaligned:
        assert (picture.runs, picture.rows) == ((), ())
        return
    frames = [(run.first + index, run.level, run.state) for run in picture.runs for index in range(run.count)]
    assert [each for each, _, _ in frames] == list(range(max(report.nr_pt_pages, report.consumed)))
    assert tuple(frame for frame, _, state in frames if state in (LEFT_OVER, OUT_OF_REACH)) == report.unused
    assert all(frame >= report.consumed for frame, _, state in frames if state == LEFT_OVER)
    assert tuple(frame for frame, _, state in frames if state == STRAY) == report.stray_tables
    assert all(level == report.order[frame] for frame, level, state in frames if state != LEFT_OVER)
    assert sorted(each.frame for row in picture.rows for each in row.tables) == [
        each.frame for each in report.tree
    ]


def test_tables_in_the_order_of_what_they_map() -> None:
    """Rows go from the root down; in a row, tables go upwards from v_start, whatever their frames."""
    picture = picture_of(CASES["compat"])
    assert [row.level.name for row in picture.rows] == ["L3", "L2", "L1"]
    assert [[(each.frame, each.address) for each in row.tables][:3] for row in picture.rows] == [
        [(0, 0)],
        [(2, 0), (8, 1 << 30), (9, 2 << 30)],
        [(1, 0), (3, 2 * MIB), (4, 4 * MIB)],
    ]


def test_tables_that_are_out_of_reach() -> None:
    """Tables that the builder took and no walk reaches differ from frames that were never taken."""
    runs = picture_of(CASES["past 2^64"]).runs
    assert [(run.first, run.level) for run in runs if run.state == OUT_OF_REACH] == [
        (5, "L1"),
        (6, "L2"),
        (7, "L3"),
        (8, "L1"),
    ]


def test_which_tables_map_the_tables() -> None:
    """An L1 whose 2 MiB have a frame that is set aside maps tables; no other one does."""
    picture = picture_of(TINY)
    (row,) = (each for each in picture.rows if each.level.name == "L1")
    assert TINY.vpt_start // (2 * MIB) == 1
    assert [picture.maps_tables(each) for each in row.tables] == [False, True]
    assert not any(picture.maps_tables(each) for other in picture.rows[:-1] for each in other.tables)


def test_windows_hold_the_frames_and_the_end() -> None:
    """The frames' window begins at the start info and holds the stack; the tail begins at a 4 MiB line."""
    picture = picture_of(LINUX)
    assert LINUX.start_info is not None
    assert picture.address(picture.frames.start) == LINUX.start_info.start
    assert picture.frames.start < picture.stack_end < picture.frames.stop
    assert picture.address(picture.tail.start) == 0xFFFF_FFFF_82C0_0000
    assert picture.tail.stop == picture.span == LINUX.total.size


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "tiny",
            "v_end is the next 4 MiB line above the boot stack: 868 KiB are left, 512 KiB at least.",
        ),
        (
            "less than 512 KiB left",
            "The next 4 MiB line is only 476 KiB above the boot stack: v_end is the one after it.",
        ),
        ("more than the region holds", "Only 0 B are left"),
    ],
)
def test_how_the_region_ends(name: str, told: str) -> None:
    """The sentence tells by which rule the region ends where it does."""
    layout = CASES[name]
    if name == "more than the region holds":
        layout = with_frames(TINY, (0x400000 - TINY.vpt_start) // 4096 - 1)
    assert ends(picture_of(layout)).startswith(told)


def test_an_end_that_is_too_near() -> None:
    """A stack that ends above v_end is told of, and drawn: the picture goes on beyond the region."""
    picture = picture_of(CASES["more than the region holds"])
    assert ends(picture).startswith("The boot stack ends ")
    assert picture.span > picture.size


def test_the_grid() -> None:
    """The lines of a window are the multiples of 4 MiB in it, and too many are not listed."""
    picture = picture_of(LINUX)
    lines = picture.grid(range(picture.span), 100)
    assert lines is not None
    assert [picture.address(each) % (4 * MIB) for each in lines] == [0] * 13
    assert picture.grid(range(picture.span), 11) is None


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (1, "1 B"),
        (1208, "1.18 KiB"),
        (20480, "20 KiB"),
        (3 << 29, "1.5 GiB"),
        (1 << 46, "64 TiB"),
        ((1 << 64) - 1, "16 EiB"),
    ],
)
def test_amounts(size: int, shown: str) -> None:
    """Bytes in the largest unit that they fill, with two decimals at most."""
    assert amount(size) == shown


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"total": Segment(0, 0)}, "the region has no bytes"),
        ({"page_tables": Segment(0x500000, 0x505000)}, "the page tables start outside of the region"),
        ({"initrd": Segment(0x380000, 0x390000)}, "the mapped initrd does not lie in the region"),
    ],
    ids=["no region", "tables outside", "initrd above the tables"],
)
def test_what_nobody_can_draw(change: dict[str, Any], told: str) -> None:
    """A layout that makes no sense is refused in one line, which names where it comes from."""
    with pytest.raises(InputError) as refused:
        picture_of(evolve(TINY, **change), source="some file")
    assert str(refused.value).startswith("some file: there is nothing to draw: ")
    assert told in str(refused.value)


def test_as_data() -> None:
    """All that is drawn survives JSON."""
    found = json.loads(json.dumps(as_dict(picture_of(CASES["one too many"]))))
    assert found["schema"] == "ptproof-picture/1"
    assert found["frames"][-1] == {"first": 5, "count": 1, "level": None, "state": LEFT_OVER}
    assert {each["state"] for each in found["frames"][:-1]} == {TABLE}
    assert found["tree"][0] == {"frame": 0, "level": "L4", "address": "0x0", "parent": None}
    assert sum(each["size"] for each in found["pieces"]) == 4 * MIB
