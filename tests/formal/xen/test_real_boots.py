"""Boots of a real Xen under QEMU: random ones, special ones, and that nothing is left of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ptproof.formal.layouts.arrangement import printed_segments
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.loading import Fate
from ptproof.formal.machine.preflight import least_pages, refusal
from ptproof.formal.xen.booting import boot, spinning_kernel
from ptproof.formal.xen.fidelity import Comparison
from ptproof.formal.xen.random_boots import boot_one
from ptproof.formal.xen.real_xen import Programs
from run_cli import run

pytestmark = pytest.mark.machine

MIB, GIB = 1 << 20, 1 << 30
TOP = ADDRESS_LIMIT
PTPROOF = Path(sys.executable).parent / "ptproof"
IMAGES = Path(__file__).parents[3] / "build" / "images"
SEED = 20260801


def small(base: int = 0, size: int = 0x12000, **options: Any) -> Configuration:
    """A kernel ``size`` bytes long, 1 MiB above ``base``."""
    options = {"nr_pages": 65536} | options
    return Configuration(virt_base=base, kernel=Segment(base + MIB, base + MIB + size), **options)


def booted(found: Programs, configuration: Configuration) -> Comparison:
    """What came of a boot in which nothing may differ."""
    comparison = boot(found, configuration).comparison
    assert [str(each) for each in comparison.differences] == []
    return comparison


@pytest.mark.parametrize("index", range(64))
def test_random_layouts(real_xen: Programs, index: int) -> None:
    """Real Xen lays a random layout out and builds it as the machine does, or refuses it as foretold."""
    one = boot_one(real_xen, SEED, index)
    assert [str(each) for each in one.comparison.differences] == []


@pytest.mark.parametrize("base", [8, 0x800, TOP - 2 * GIB + 0x10])
def test_a_base_within_a_page(real_xen: Programs, base: int) -> None:
    """Xen prints such a layout, with 5 frames, and dies."""
    assert arrange(small(base)).nr_pt_pages == 5
    assert booted(real_xen, small(base)).fate is Fate.DIES


def test_a_base_within_a_page_and_a_silence(real_xen: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """With such a layout Xen may overwrite itself, and hang without a word."""
    monkeypatch.setattr("ptproof.formal.xen.real_xen.SILENCE", 3.0)
    configuration = Configuration(
        virt_base=0x786C_0A72_B008,
        kernel=Segment(0x786C_0A8A_2D54, 0x786C_0A8A_484E),
        nr_pages=524288,
        initrd_len=39572108,
    )
    assert booted(real_xen, configuration).fate is Fate.DIES


def test_past_the_last_address(real_xen: Programs) -> None:
    """Across 2**64 Xen sets 9 frames aside, its L4 cursor runs off, and dom0 runs all the same."""
    configuration = small(TOP - 4 * MIB, 2 * MIB)
    comparison = booted(real_xen, configuration)
    assert arrange(configuration).nr_pt_pages == 9
    assert (comparison.fate, comparison.frames, comparison.overwritten) == (Fate.RUNS, 9, ())


def test_a_kernel_loaded_over_a_table(real_xen: Programs) -> None:
    """Across 2**64 a kernel at the start of the region is loaded into an L3."""
    configuration = Configuration(
        virt_base=TOP - 4 * MIB, kernel=Segment(TOP - 4 * MIB, TOP - MIB), nr_pages=65536
    )
    assert booted(real_xen, configuration).overwritten == (7,)


def test_tables_past_the_last_address(real_xen: Programs) -> None:
    """When the tables themselves lie past 2**64 Xen doesn't find them, and dies."""
    assert booted(real_xen, small(TOP - 4 * MIB, 3 * MIB - 0x40000)).fate is Fate.DIES


def test_an_initrd_past_the_last_address(real_xen: Programs) -> None:
    """An initrd that wraps past 2**64 has no line in Xen's log."""
    configuration = small(TOP - 4 * MIB, 2 * MIB, initrd_len=2 * MIB, init_p2m=1 << 39)
    layout = arrange(configuration)
    assert layout.initrd is not None
    assert layout.initrd.end < layout.initrd.start
    assert "initrd" not in printed_segments(layout)
    assert booted(real_xen, configuration).fate is Fate.DIES


def test_up_to_the_last_address(real_xen: Programs) -> None:
    """A region that ends at 2**64 exactly, which is printed as 0, is built as it should be."""
    assert arrange(small(TOP - 4 * MIB)).v_end == 0
    assert booted(real_xen, small(TOP - 4 * MIB)).fate is Fate.RUNS


@pytest.mark.parametrize(
    ("base", "page", "fate"),
    [
        (0, 2 * MIB, Fate.RUNS),
        (0, 4 * MIB, Fate.NO_HYPERCALL_PAGE),
        (MIB, MIB - 1, Fate.NO_HYPERCALL_PAGE),
        (TOP - 4 * MIB, TOP - 3 * MIB, Fate.NO_HYPERCALL_PAGE),
        (TOP - 2 * MIB, TOP - MIB, Fate.NO_HYPERCALL_PAGE),
    ],
    ids=["within", "above", "below", "region up to the last address", "region past it"],
)
def test_a_hypercall_page(real_xen: Programs, base: int, page: int, fate: Fate) -> None:
    """A hypercall page outside of the region is refused in the end, and every one of a region that reaches 2**64."""
    assert booted(real_xen, small(base, hypercall_page=page)).fate is fate


@pytest.mark.parametrize(
    ("size", "fate"), [(2 * MIB, Fate.RUNS), (3 * MIB - 0x40000, Fate.DIES), (4 * MIB, Fate.NOT_LOADED)]
)
def test_across_2_to_the_47(real_xen: Programs, size: int, fate: Fate) -> None:
    """Across 2**47 the upper part lands in Xen's slot 256; what is written there decides what becomes of it."""
    comparison = booted(real_xen, small((1 << 47) - 4 * MIB, size))
    assert comparison.fate is fate
    assert 256 not in {slot.index for slot in comparison.xen_slots}


def test_in_xens_own_area(real_xen: Programs) -> None:
    """Xen prints a layout in its own area, and refuses it."""
    assert booted(real_xen, small(0xFFFF_8200_0000_0000)).fate is Fate.OVERLAPS


@pytest.mark.parametrize(("nr_pages", "fate"), [(1023, Fate.TOO_LITTLE_MEMORY), (1024, Fate.RUNS)])
def test_memory(real_xen: Programs, nr_pages: int, fate: Fate) -> None:
    """The least memory for a region of 4 MiB is 4 MiB."""
    assert booted(real_xen, small(nr_pages=nr_pages)).fate is fate


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"initrd_len": 3 * MIB + 5},
        {"size": 6 * MIB, "initrd_len": 1},
        {"size": 6 * MIB, "initrd_len": MIB, "mod_start_pfn": True},
        {"init_p2m": 1 << 39},
        {"init_p2m": 1 << 39, "initrd_len": 5 * MIB},
        {"size": 100 * MIB},
    ],
    ids=str,
)
def test_the_least_memory(real_xen: Programs, options: dict[str, Any]) -> None:
    """With the memory that `layout` names dom0 runs; with a page less Xen refuses it in the words that are foretold."""
    least = least_pages(small(**options))
    assert least is not None
    assert booted(real_xen, small(**options | {"nr_pages": least})).fate is Fate.RUNS
    given = small(**options | {"nr_pages": least - 1})
    fate = booted(real_xen, given).fate
    assert fate in {Fate.TOO_LITTLE_MEMORY, Fate.P2M_TOO_LARGE}
    assert refusal(given, arrange(given)) == fate.says[0]


def test_more_at_once_than_xens_allocator_has(real_xen: Programs) -> None:
    """A region of more than 1 GiB is refused whatever memory there is, which is foretold: no memory is enough."""
    given = small(size=GIB, nr_pages=2 << 18)
    assert booted(real_xen, given).fate is Fate.TOO_LARGE_AT_ONCE
    assert refusal(given, arrange(given)) == Fate.TOO_LARGE_AT_ONCE.says[0]
    assert least_pages(given) is None


@pytest.mark.parametrize(("nr_pages", "fate"), [(1032, Fate.P2M_TOO_LARGE), (1033, Fate.RUNS)])
def test_memory_for_a_separate_p2m(real_xen: Programs, nr_pages: int, fate: Fate) -> None:
    """A p2m of its own takes its 3 pages, 3 tables, and 3 pages more that Xen asks for."""
    assert booted(real_xen, small(nr_pages=nr_pages, init_p2m=1 << 39)).fate is fate


@pytest.mark.parametrize(
    ("at", "fate"),
    [
        (4 * MIB, Fate.P2M_OVERLAPS),
        (4 * MIB + 8, Fate.RUNS),
        (TOP - 65536 * 8 - 4096, Fate.RUNS),
        (TOP - 2 * MIB, Fate.P2M_TOO_LARGE),
        (TOP - 65536 * 8 - 8, Fate.DIES),
        (0x0000_9000_0000_0000, Fate.DIES),
    ],
)
def test_where_a_separate_p2m_may_be(real_xen: Programs, at: int, fate: Fate) -> None:
    """Next to the region is near enough; in the last page of all Xen goes on at address 0."""
    assert booted(real_xen, small(init_p2m=at)).fate is fate


def test_superpages(real_xen: Programs) -> None:
    """A large p2m of its own gets 2 MiB superpages."""
    comparison = booted(real_xen, small(init_p2m=(1 << 39) - 2 * MIB, nr_pages=600_000))
    assert comparison.p2m_frames == 4


def test_two_fixed_points(real_xen: Programs) -> None:
    """Where 5 and 7 frames would both do Xen takes 5."""
    configuration = Configuration(kernel=Segment(MIB, 0x378000), nr_pages=4000, init_p2m=1 << 39)
    assert arrange(configuration).vpt_start == 0x379000
    assert booted(real_xen, configuration).frames == 5


def test_a_32_bit_guest(real_xen: Programs) -> None:
    """Debian's Xen refuses a 32-bit guest, which is foretold from what it says of itself; others take it."""
    assert booted(real_xen, small(mode=COMPAT)).fate in {Fate.NO_32_BIT, Fate.RUNS}


@pytest.mark.parametrize(
    ("pattern", "frames"),
    [("boot/vmlinuz-6.1.0-*-amd64", 41), ("usr/lib/grub-xen/grub-x86_64-xen.bin", 7)],
)
def test_real_kernels(real_xen: Programs, pattern: str, frames: int) -> None:
    """Debian's kernel and GRUB's PV image, stopped at their entry, have the tables of the machine."""
    found = sorted(IMAGES.glob(pattern))
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {IMAGES / pattern}: make images")
    image, kernel = spinning_kernel(found[-1].read_bytes(), str(found[-1]))
    comparison = boot(real_xen, image.configuration(65536, 5000), kernel).comparison
    assert [str(each) for each in comparison.differences] == []
    assert (comparison.fate, comparison.frames) == (Fate.RUNS, frames)


@pytest.mark.usefixtures("real_xen")
def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """ptproof boot finds QEMU and Xen by itself, and says that nothing differs."""
    ran = run(capsys, "boot", "--kernel", "1M", "0x112000", "--dom0-mem", "256M")
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines[-1] == "No difference."


def qemus(folder: Path) -> set[str]:
    """The process ids of all QEMUs that work in a folder."""
    return {
        process.name
        for process in Path("/proc").glob("[0-9]*")
        for argv in [_argv(process)]
        if b"qemu" in argv[0] and any(os.fsencode(folder) in each for each in argv)
    }


def _argv(process: Path) -> list[bytes]:
    try:
        return (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return [b""]


def until(wanted: Any) -> None:
    """Wait for something, half a minute at most."""
    deadline = time.monotonic() + 30
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(name="many")
def _many(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Many boots that are under way."""
    process = subprocess.Popen(
        [PTPROOF, "boot", "--random", "200", "--jobs", "2"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        until(lambda: qemus(tmp_path))
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.usefixtures("real_xen")
class TestNothingIsLeft:
    """However many boots end, their machines and their files go, too."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_interrupted(self, many: "subprocess.Popen[str]", tmp_path: Path, number: signal.Signals) -> None:
        """On Ctrl-C, or asked to end, the boots end with one line and status 130, and nothing is left."""
        many.send_signal(number)
        _, err = many.communicate(timeout=30)
        assert (many.returncode, err) == (130, "ptproof: interrupted\n")
        assert qemus(tmp_path) == set()
        assert list(tmp_path.iterdir()) == []

    def test_ctrl_c_on_a_terminal(self, many: "subprocess.Popen[str]", tmp_path: Path) -> None:
        """On a terminal QEMU gets Ctrl-C as well, and that makes no difference."""
        os.killpg(many.pid, signal.SIGINT)
        _, err = many.communicate(timeout=30)
        assert (many.returncode, err) == (130, "ptproof: interrupted\n")
        assert qemus(tmp_path) == set()
        assert list(tmp_path.iterdir()) == []

    def test_killed(self, many: "subprocess.Popen[str]", tmp_path: Path) -> None:
        """Even when it is killed the machines end."""
        many.kill()
        many.wait()
        until(lambda: not qemus(tmp_path))
