"""The picture in plain characters: exact for known layouts, never wider than asked, and on terminals only."""

import sys

import pytest
from attrs import evolve
from picture_cases import CASES, TINY
from ptproof.formal.layouts.layout import Layout, Segment
from ptproof.formal.machine.replay import replay, with_frames
from ptproof.formal.pictures.picture import picture_of
from ptproof.formal.pictures.picture_text import picture_text, tables_by_level, terminal_width
from run_cli import run

ALL = pytest.mark.parametrize("layout", CASES.values(), ids=list(CASES))
DRAWN = ["layout", "--kernel", "0x100000", "0x300000", "--nr-pages", "16384"]


def test_a_small_region() -> None:
    """The region, the frames one by one, and the tables by level."""
    assert list(picture_text(picture_of(TINY), 80)) == [
        "The region, 4 MiB, a character for 52.51 KiB:",
        "|...................KKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKMMT----------------|",
        "^                                                     512 KiB [=========]      ^",
        "0x0                                                                     0x400000",
        "v_end is the next 4 MiB line above the boot stack: 868 KiB are left, 512 KiB at",
        "least.",
        "Its frames, from 0x320000, a character for a page:",
        "set aside  ITTTTTS---",
        "taken       41231",
        "L4: frame 0",
        "L3: frame 3",
        "L2: frame 2",
        "L1: 2 frames 1, 4",
        ". unused   K Loaded kernel   M Phys-Mach map   I Start info   T Page tables",
        "S Boot stack   - padding   ^ a 4 MiB line",
    ]


def test_frames_that_are_left_over() -> None:
    """A frame too many is seen in its place, told of, and in the legend."""
    lines = list(picture_text(picture_of(CASES["one too many"]), 80))
    assert "set aside  ITTTTTTS---" in lines
    assert "taken       41231!" in lines
    assert "LEFT OVER: frame 5" in lines
    assert "! left over" in lines[-1]


def test_tables_that_are_astray() -> None:
    """A table above the frames set aside lies where the stack is."""
    lines = list(picture_text(picture_of(CASES["one too few"]), 80))
    assert "set aside  ITTTTS---" in lines
    assert "taken       4123+" in lines
    assert "STRAY: frame 4" in lines


def test_tables_that_are_out_of_reach() -> None:
    """Tables that no walk reaches differ from frames that were never taken."""
    lines = list(picture_text(picture_of(CASES["past 2^64"]), 80))
    assert "taken       41231????" in lines
    assert "OUT OF REACH: 4 frames 5-8" in lines


def test_one_frame_left_over_of_many_is_seen() -> None:
    """Where a character stands for many pages, what is wrong still shows."""
    lines = list(picture_text(picture_of(CASES["far too many"]), 80))
    taken = next(each for each in lines if each.startswith("taken"))
    assert "!" in taken
    assert "LEFT OVER: 873 frames 27-899" in lines


def test_a_magnifier() -> None:
    """A region whose end is a small part of it has the end a second time, larger, from a 4 MiB line on."""
    lines = list(picture_text(picture_of(CASES["linux"]), 100))
    assert [each.split(",")[0] for each in lines if each.endswith(":")] == [
        "The region",
        "Its end",
        "Its frames",
    ]
    assert lines[3] == "Its end, 4 MiB, a character for 41.8 KiB:"
    assert lines[4].startswith("|KKKK")


@ALL
@pytest.mark.parametrize("width", [80, 97, 120])
def test_no_line_is_too_long(layout: Layout, width: int) -> None:
    """Every line fits, and is plain ASCII."""
    lines = list(picture_text(picture_of(layout), width))
    assert [each for each in lines if len(each) > width or not each.isascii() or not each.isprintable()] == []
    assert [len(each) for each in lines if each.startswith("|")] == [width] * sum(
        each[0] == "|" for each in lines
    )


class Terminal:
    """A standard output that says it is a terminal, or not."""

    def __init__(self, *, terminal: bool) -> None:
        self.terminal = terminal
        self.written: list[str] = []

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.written.append(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


@pytest.mark.parametrize(
    ("terminal", "columns", "width"),
    [(True, "100", 100), (True, "80", 80), (True, "79", None), (True, "400", 120), (False, "100", None)],
)
def test_only_on_a_wide_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, columns: str, width: int | None
) -> None:
    """A pipe gets no picture, nor does a narrow terminal; one that is very wide isn't filled."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", Terminal(terminal=terminal))
    assert terminal_width() == width


@pytest.mark.parametrize("columns", ["79", "80"])
def test_layout_draws_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str
) -> None:
    """What ``layout`` prints on a terminal is what it prints in a pipe, n and its tables, and the picture if there is room."""
    piped = run(capsys, *DRAWN).out
    assert "The region" not in piped
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = run(capsys, *DRAWN).out
    picture = "".join(f"{each}\n" for each in ["", *picture_text(picture_of(TINY), 80)])
    answered = "n = 5 (L4 1, L3 1, L2 1, L1 2); the region is 4 MiB.\n"
    answered += "The least memory that works with no initrd: dom0_mem=4M.\n"
    assert shown == piped + answered + (picture if columns == "80" else "")


def test_tables_by_level() -> None:
    """As the machine took them, or by a walk; not where the walk finds others than are set aside, or is too long."""
    report = replay(TINY)
    assert (
        tables_by_level(TINY, report) == tables_by_level(TINY, None) == {"L4": 1, "L3": 1, "L2": 1, "L1": 2}
    )
    assert tables_by_level(with_frames(TINY, 6), None) == {}
    long = evolve(TINY, total=Segment(0, 1 << 47))
    assert tables_by_level(long, None) == {}


def test_counterexample_draws_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each layout that refutes the claim is drawn below the letter, on a terminal."""
    piped = run(capsys, "counterexample", "unique")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = run(capsys, "counterexample", "unique")
    assert shown.status == piped.status == 0
    drawn = [each for each in shown.lines if each.startswith("The region, ")]
    assert len(drawn) >= 2
    assert "The region, " not in piped.out
    assert "64-bit, the builder's layout:" in shown.lines
