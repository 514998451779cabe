"""What refutes a claim, booted on a real Xen: it does with it what the machine said."""

import pytest
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.machine.loading import Fate
from ptproof.formal.xen.booting import kernel_of
from ptproof.formal.xen.real_xen import Programs, running
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


@pytest.mark.parametrize(
    ("nr_pages", "init_p2m", "says"),
    [
        (1033, 0xFFFF_87FF_FFF0_0000, Fate.RUNS),
        (1032, 0xFFFF_87FF_FFF0_0000, Fate.P2M_TOO_LARGE),
        (1033, 0xFFFF_8000_0000_0000, Fate.DIES),
    ],
)
def test_a_p2m_in_xens_own_slots_is_not_refused(
    real_xen: Programs, nr_pages: int, init_p2m: int, says: Fate
) -> None:
    """The witness of p2m-checked, with the least memory: Xen runs dom0, or dies in a slot that it has filled itself."""
    kernel = Segment(2**64 - (2 << 30), 2**64 - (2 << 30) + (1 << 20))
    given = Configuration(virt_base=kernel.start, kernel=kernel, nr_pages=nr_pages, init_p2m=init_p2m)
    with running(real_xen, kernel_of(given).image, nr_pages=nr_pages, memory=1 << 30) as machine:
        machine.run_to_the_end()
    assert f"Phys-Mach map: {init_p2m:016x}->" in machine.text
    assert any(each in machine.text for each in says.says)
    assert not any(each in machine.text for each in (*Fate.OVERLAPS.says, *Fate.P2M_OVERLAPS.says))
