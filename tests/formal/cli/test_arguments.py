"""What commands share in their arguments: above all, that no output destroys an input, or another output."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Final

import pytest
import tiny_claims as tiny
from ptproof.formal.cli.main import command_line
from ptproof.formal.logic import claim as claim_module
from run_cli import assert_refused, run

Capture = pytest.CaptureFixture[str]
FILES: Final = ("FILE", "PATH", "IMAGE")
FOLDERS: Final = ("DIR", "FOLDER")
NEEDED: Final = {
    "tree": ["."],
    "show": ["proved"],
    "counterexample": ["wrong"],
    "export": ["folder"],
    "completion": ["bash"],
    "layout": ["--nr-pages", "9"],
    "picture": ["--nr-pages", "9"],
    "boot": ["--nr-pages", "9"],
}
"""What commands need besides files."""


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(claim_module, "claims", lambda: tiny.GOOD)


def commands() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command."""
    (found,) = (each for each in command_line()._actions if isinstance(each, argparse._SubParsersAction))
    return dict(found.choices)


def files(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    """Each file that a command takes: its name there, and how it is given."""
    for each in parser._actions:
        if each.metavar in FILES:
            yield each.dest, [each.option_strings[-1]] if each.option_strings else []


@pytest.mark.parametrize("command", commands())
def test_every_file_is_known(command: str) -> None:
    """Whatever is called a file or a folder in a command's help is told to be read or written."""
    parser = commands()[command]
    known = {each: parser.get_default(each) for each in ("reads", "writes", "folders")}
    named = {each.dest for each in parser._actions if each.metavar in (*FILES, *FOLDERS)}
    assert named == {each for several in known.values() for each in several}
    assert set(known["folders"]) == {each.dest for each in parser._actions if each.metavar in FOLDERS}


PAIRS: Final = [
    (command, first, second)
    for command, parser in commands().items()
    for first, second in permutations([each for each, _ in files(parser)], 2)
    if first in parser.get_default("writes")
]


@pytest.mark.parametrize("name", ["x", "./x", "link", "hard", "dangling"])
@pytest.mark.parametrize(("command", "first", "second"), PAIRS)
def test_nothing_is_destroyed(capsys: Capture, command: str, first: str, second: str, name: str) -> None:
    """An output that is an input, or another output, is refused before any work, through whatever name."""
    Path("x").write_bytes(b"kept")
    Path("link").symlink_to("x")
    Path("hard").hardlink_to("x")
    Path("dangling").symlink_to("new")
    options = dict(files(commands()[command]))
    other = "new" if name == "dangling" else "x"
    if second == "qemu":
        Path("x").chmod(0o700)
    needed = ["image"] if (command, second) == ("check", "host_map") else NEEDED.get(command, [])
    argv = [command, *needed, *options[first], name, *options[second], other]
    ran = run(capsys, *argv)
    assert_refused(ran)
    assert "taken already" in ran.err or "is an input, too" in ran.err
    assert Path("x").read_bytes() == b"kept"
    assert not Path("new").exists()


@pytest.mark.parametrize(
    "argv",
    [
        ("export", "out", "--json", "out/index.md"),
        ("export", "out", "--json", "out/new"),
        ("export", "out/../out", "--json", "alias/index.json"),
        ("certify", "--out", "out", "--manifest", "out/certificates.json"),
        ("certify", "--out", "out", "--json", "out/certificates.json"),
        ("certify", "--check", "out", "--json", "out/certificates.json"),
        ("certify", "--check", "out", "--manifest", "out/certificates.json"),
        ("certify", "--check", "alias", "--manifest", "./out/x"),
    ],
)
def test_nothing_in_a_folder_is_destroyed(capsys: Capture, argv: tuple[str, ...]) -> None:
    """No output goes into a folder that the command reads or writes."""
    Path("out").mkdir()
    Path("alias").symlink_to("out")
    assert_refused(run(capsys, *argv), "which is for other files of this command")
    assert list(Path("out").iterdir()) == []


@pytest.mark.parametrize("folder", ["", "x", "x/y", "a\0b", "/dev/null/x"])
@pytest.mark.parametrize("command", [("export",), ("certify", "--out")])
def test_folders_that_cannot_be_made(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], folder: str
) -> None:
    """They are refused before any work."""
    Path("x").touch()

    def claims() -> None:
        raise AssertionError

    monkeypatch.setattr(claim_module, "claims", claims)
    told = "expected a folder, found something else" if folder == "x" else ""
    assert_refused(run(capsys, *command, folder), "can't be written to", told)


@pytest.mark.parametrize("name", ["x", "link", "/dev/stdin", "/proc/self/fd/0"])
@pytest.mark.parametrize(
    "command", [("image", "-"), ("check-log", "-"), ("replay", "-"), ("picture", "--log", "-")]
)
def test_standard_input_is_a_file(command: tuple[str, ...], name: str) -> None:
    """What is read from there is not written over either."""
    Path("x").write_bytes(b"kept")
    Path("link").symlink_to("x")
    ran = _redirected([*command, "--json", name], stdin="x")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"ptproof: argument --json: {name} is an input, too\n"
    assert Path("x").read_bytes() == b"kept"


def test_standard_output_is_a_file() -> None:
    """Text and data can't go to one file."""
    ran = _redirected(["list", "--json", "x"], stdout="x")
    assert ran.returncode == 2
    assert ran.stderr == "ptproof: argument --json: x is where standard output goes, too\n"
    assert Path("x").read_bytes() == b""


def _redirected(
    argv: list[str], *, stdin: str = os.devnull, stdout: str | None = None
) -> "subprocess.CompletedProcess[str]":
    with Path(stdin).open() as given, Path(stdout or os.devnull).open("w") as taken:
        return subprocess.run(
            [sys.executable, "-P", "-m", "ptproof.formal", *argv],
            stdin=given,
            stdout=taken if stdout else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )


def test_what_keeps_nothing_may_be_had_twice(capsys: Capture) -> None:
    """As an input and as an output, or as two outputs."""
    assert run(capsys, "prove", "proved", "--json", "/dev/null", "--junit", "/dev/null").status == 0
    ran = run(capsys, "check-log", "/dev/null", "--json", "/dev/null")
    assert "expected a Xen boot log" in ran.err
