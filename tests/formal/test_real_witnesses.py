"""What refutes a claim, booted on a real Xen: it does with it what the machine said."""

import pytest
from ptproof.formal.real_xen import Programs
from run_cli import run

pytestmark = pytest.mark.machine

BOOTABLE = (
    "unique",
    "start-higher",
    "comment-superpage",
    "starts-page-aligned",
    "unaligned-superpage",
    "unaligned-page",
    "wrap-caught",
    "overlap-complete",
)
"""The refuted claims with a 64-bit layout that a machine of 3 GiB can boot."""


@pytest.mark.parametrize("claim", BOOTABLE)
def test_as_the_machine_said(real_xen: Programs, claim: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Real Xen lays the witness out, builds it or dies of it as foretold, and nothing differs."""
    assert real_xen
    ended = run(capsys, "boot", "--counterexample", claim)
    assert ended.status == 0, ended.out + ended.err
    assert "No difference." in ended.out
    assert " differs: " not in ended.out


def test_not_a_builders_layout(real_xen: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    """A miscount is no layout that Xen's builder makes: that it can't be booted is one line, status 2."""
    assert real_xen
    ended = run(capsys, "boot", "--counterexample", "asserts-undercount")
    assert ended.status == 2
    assert ended.err == "ptproof: none of the layouts could be booted\n"
