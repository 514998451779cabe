"""``ptproof explain``: what a message of Xen's means, and what it says of one that isn't known."""

import io
import json
import sys

import pytest
from run_cli import run

Capture = pytest.CaptureFixture[str]


def test_a_line_of_a_log(capsys: Capture) -> None:
    """A line is pasted as it is; it is told who prints it, what it means, what decides it, and what shows it."""
    ran = run(capsys, "explain", "(XEN) Domain 0 allocation is too small for kernel image.")
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines[0] == '"Domain 0 allocation is too small for kernel image"'
    assert [each.split(":")[0].strip() for each in ran.lines[1:]] == [
        "printed by",
        "means",
        "decided by",
        "see",
    ]
    assert "dom0_mem" in ran.lines[3]
    assert "ptproof layout IMAGE" in ran.lines[4]


def test_a_part_of_a_line(capsys: Capture) -> None:
    """Some words will do, in any case of letters; all messages that have them are told."""
    ran = run(capsys, "explain", "overlaps with xen private")
    assert ran.lines[0] == '"DOM0 image overlaps with Xen private area"'
    assert run(capsys, "explain", "not enough ram").out.count("means:") == 6
    assert run(capsys, "explain", "not", "enough", "ram").out.count("means:") == 6


def test_what_is_not_known(capsys: Capture) -> None:
    """Status 5 and one line for anything else, with what comes near it."""
    ran = run(capsys, "explain", "Decodin failed")
    assert (ran.status, ran.out) == (5, "")
    assert ran.err.count("\n") == 1
    assert "near it come: 'Decoding failed'" in ran.err
    for text in ("", "x", "(XEN)", "\n\n"):
        assert run(capsys, "explain", text).status == 5


def test_standard_input_and_data(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole panic may come by standard input, and go out as data."""
    panic = b"(XEN) Decoding failed\n(XEN) \n(XEN) ****\n(XEN) Panic on CPU 0:\n(XEN) Could not construct domain 0\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(panic)))
    ran = run(capsys, "explain", "-", "--json", "-")
    words = [each["words"] for each in json.loads(ran.out)["messages"]]
    assert words == ["Could not construct domain 0", "Decoding failed"]
