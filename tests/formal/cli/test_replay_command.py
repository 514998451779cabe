"""``ptproof replay``: what it prints, its statuses, and what it refuses."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ptproof.formal.layouts.arrangement import HEADING
from run_cli import assert_refused, run

Capture = pytest.CaptureFixture[str]
SMALL: dict[str, Any] = {
    "schema": "ptproof-layout/1",
    "mode": "64",
    "page_tables": ["0x2ec000", "0x2f1000"],
    "total": ["0x0", "0x400000"],
}


@pytest.fixture
def layout_file(tmp_path: Path) -> Path:
    """A file with XTF's layout, by its page tables and its total alone."""
    file = tmp_path / "layout.json"
    file.write_text(json.dumps(SMALL))
    return file


def test_an_exact_layout(capsys: Capture, layout_file: Path) -> None:
    """An exact layout is printed as Xen prints it, with what the machine saw, and has status 0."""
    ran = run(capsys, "replay", str(layout_file))
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines == [
        HEADING,
        " Page tables:   00000000002ec000->00000000002f1000",
        " TOTAL:         0000000000000000->0000000000400000",
        "5 frames are set aside and 5 taken: L4 1, L3 1, L2 1, L1 2.",
        "Every frame set aside is a table, and every page of the region maps its own frame.",
    ]


@pytest.mark.parametrize(
    ("count", "told"),
    [
        ("6", "No walk from the root reaches frame 5."),
        ("4", "Table frame 4 lies outside the reserved frames."),
        ("0", "0 frames are set aside and 5 taken"),
        ("0x10", "16 frames are set aside and 5 taken"),
    ],
)
def test_another_count(capsys: Capture, layout_file: Path, count: str, told: str) -> None:
    """With another count the same region is replayed, and status 1 says that it isn't exact."""
    ran = run(capsys, "replay", str(layout_file), "--nr-pt-pages", count)
    assert (ran.status, ran.err) == (1, "")
    assert told in ran.out
    assert f"00000000002ec000->{0x2EC000 + int(count, 0) * 4096:016x}" in ran.out


def test_the_boot_stack_moves_along(capsys: Capture, layout_file: Path) -> None:
    """A boot stack stays above the tables whatever their count."""
    layout_file.write_text(json.dumps(SMALL | {"boot_stack": ["0x2f1000", "0x2f2000"]}))
    ran = run(capsys, "replay", str(layout_file), "--nr-pt-pages", "6")
    assert " Boot stack:    00000000002f2000->00000000002f3000" in ran.lines


def test_the_right_count_again(capsys: Capture, layout_file: Path) -> None:
    """The layout's own count, given as an option, changes nothing."""
    assert run(capsys, "replay", str(layout_file), "--nr-pt-pages", "5") == run(
        capsys, "replay", str(layout_file)
    )


def test_json(capsys: Capture, layout_file: Path, tmp_path: Path) -> None:
    """The layout replayed and what the machine saw go to a file, or alone to standard output."""
    file = tmp_path / "replay.json"
    ran = run(capsys, "replay", str(layout_file), "--nr-pt-pages", "6", "--json", str(file))
    alone = run(capsys, "replay", str(layout_file), "--nr-pt-pages", "6", "--json", "-")
    assert ran.status == alone.status == 1
    written = json.loads(file.read_text())
    assert written == json.loads(alone.out)
    assert written["schema"] == "ptproof-replay/1"
    (replayed,) = written["runs"]
    assert replayed["title"] == ""
    assert replayed["layout"]["page_tables"] == ["0x2ec000", "0x2f2000"]
    assert replayed["report"]["unused"] == [5]
    assert replayed["report"]["exact"] is False


def test_standard_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash reads standard input, which messages call so."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(SMALL).encode())))
    assert run(capsys, "replay", "-").status == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[]")))
    assert_refused(
        run(capsys, "replay", "-"), "ptproof: standard input: expected a JSON object, found a list of 0"
    )
    monkeypatch.setattr(sys, "stdin", None)
    told = "expected a layout as 'ptproof layout --json -' writes it, found "
    assert_refused(run(capsys, "replay", "-"), f"ptproof: standard input: {told}nothing")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"(XEN) text")))
    assert_refused(
        run(capsys, "replay", "-"), f"ptproof: standard input: line 1, column 1: {told}what is no JSON"
    )


@pytest.mark.parametrize("value", ["", "x", "-1", "4.0", "0x", "4194305", "9" * 5000, "--", "\0", "\udcff"])
def test_garbage_for_the_count(capsys: Capture, layout_file: Path, value: str) -> None:
    """Anything but a number of frames is refused in one line that names the option."""
    assert_refused(
        run(capsys, "replay", str(layout_file), f"--nr-pt-pages={value}"), "argument --nr-pt-pages: "
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"total": ["0x0", "0x400001000"]},
            "the region has 4194305 pages: the frame machine executes at most 4166667 (--limit 2 takes it on)",
        ),
        (
            {"page_tables": ["0x2ec000", "0x402ec000"]},
            "the region sets 262144 frames aside, which takes as much as ",
        ),
        ({"page_tables": ["0x400000", "0x405000"]}, "the page tables start outside of the region"),
        ({"initrd": ["0x500000", "0x600000"]}, "the mapped initrd does not lie in the region"),
        ({"page_tables": ["0x2ec000", "0x2f1001"]}, "page_tables: expected whole pages, found 0x5001 bytes"),
    ],
)
def test_layouts_that_no_machine_can_build(
    capsys: Capture, layout_file: Path, change: dict[str, Any], told: str
) -> None:
    """A layout that can't be executed is bad input, and the line names the file."""
    layout_file.write_text(json.dumps(SMALL | change))
    assert_refused(run(capsys, "replay", str(layout_file)), f"ptproof: {layout_file}: ", told)


@pytest.mark.parametrize("name", ["", "no such file", ".", "a\0b", "x" * 5000, "/dev/zero", "\udcff"])
def test_files_that_are_none(capsys: Capture, name: str) -> None:
    """What can't be read as a file is one line, and nothing waits for ever."""
    assert_refused(run(capsys, "replay", name))


def test_the_input_is_not_written_over(capsys: Capture, layout_file: Path) -> None:
    """The output may not have the name of the input."""
    before = layout_file.read_text()
    assert_refused(run(capsys, "replay", str(layout_file), "--json", str(layout_file)), "is an input, too")
    assert layout_file.read_text() == before


def test_an_older_xens_builder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An older Xen's layout, built as it did, has its last frame left over, and no assert of today's fires."""
    version = ("--version", "compat-l4-counted")
    written = str(tmp_path / "layout.json")
    kernel = ("--virt-base", "0xc0000000", "--kernel", "0xc0100000", "0xc067a000")
    run(capsys, "layout", *version, *kernel, "--nr-pages", "32768", "--json", written)
    ran = run(capsys, "replay", written, *version)
    assert ran.status == 1
    assert ran.lines[-2:] == [
        "10 frames are set aside and 9 taken: L3 1, L2 4, L1 4.",
        "No walk from the root reaches frame 9.",
    ]
    assert_refused(
        run(capsys, "replay", written, "--version", "2-level"), "expected '2-level' for the version"
    )
