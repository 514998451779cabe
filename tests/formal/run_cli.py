"""Running the command line within the test's process, or on a terminal of its own, for the tests of the commands."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from attrs import frozen
from ptproof.formal.cli.main import main


@frozen
class Ran:
    """What a run gave: its exit status, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines on standard output."""
        return self.out.splitlines()


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> Ran:
    """Run ``ptproof`` with these arguments."""
    capsys.readouterr()
    status = main(argv)
    captured = capsys.readouterr()
    return Ran(status, captured.out, captured.err)


def run_on_terminal(command: str, folder: Path, columns: int = 80) -> tuple[int, list[str]]:
    """Run a shell's command with standard output and error on a terminal: its status, and the lines that are left there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    known = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shown = b""
    with subprocess.Popen(
        ["/bin/bash", "-c", command],
        cwd=folder,
        env=known | {"PATH": path, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        try:
            while more := os.read(ours, 1 << 16):
                shown += more
        except OSError:  # its other end is closed
            pass
    os.close(ours)
    plain = re.sub("\x1b\\[[0-9;]*m", "", shown.decode())
    lines = plain.replace("\r\n", "\n").split("\n")
    return process.returncode, [line.rpartition("\r")[2] for line in lines[: -1 if lines[-1] == "" else None]]


def assert_refused(ran: Ran, *told: str) -> None:
    """It was refused: status 2, nothing on standard output, one line on standard error that tells why."""
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("ptproof: ")
    assert ran.err.endswith("\n")
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    for each in told:
        assert each in ran.err
