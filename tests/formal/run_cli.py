"""Running the command line within the test's process, for the tests of the commands."""

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
