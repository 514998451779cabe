"""``ptproof boot``: what it prints, its statuses, and what it refuses; with boots that were recorded."""

import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_claims as tiny
from attrs import evolve, field, mutable
from ptproof.formal.edge.errors import InputError
from ptproof.formal.images.image import Image, parse_image
from ptproof.formal.images.image_writer import SPIN, image_of
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic.claim import Claim, Expected
from ptproof.formal.logic.verdict import Replay
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.replay import replay
from ptproof.formal.xen import as_it_is, booting, random_boots, real_xen
from ptproof.formal.xen.as_it_is import AsItIs
from ptproof.formal.xen.booting import Booted, Kernel, again
from ptproof.formal.xen.fidelity import Difference
from ptproof.formal.xen.real_xen import Programs
from ptproof.formal.xen.recording import restore
from run_cli import assert_refused, run

Capture = pytest.CaptureFixture[str]
FOLDER = Path(__file__).parents[2] / "data" / "xen-dumps"
SMALL = ("--kernel", "1M", "0x112000", "--nr-pages", "65536")


@mutable
class Boots:
    """Gives recorded boots out; keeps what was to be booted, and with which programs."""

    name: str = "small"
    differences: tuple[Difference, ...] = ()
    configurations: list[Configuration] = field(factory=list)
    kernels: list[Kernel] = field(factory=list)
    asked: tuple[Path | None, ...] = ()

    def boot(
        self, _found: Programs, configuration: Configuration, kernel: Kernel | None = None, **_: Any
    ) -> Booted:
        """As `booting.boot`."""
        self.configurations.append(configuration)
        if kernel is not None:
            self.kernels.append(kernel)
        recording = restore(str(FOLDER / f"{self.name}.json"))
        comparison = evolve(again(recording), differences=self.differences)
        return Booted(recording, comparison, 0.625)

    def boot_as_it_is(
        self, _found: Programs, data: bytes, source: str, **_: Any
    ) -> tuple[AsItIs, Image | None]:
        """As `as_it_is.boot_as_it_is`."""
        text = restore(str(FOLDER / f"{self.name}.json")).text
        try:
            image = parse_image(data, source)
        except InputError as error:
            text = "(XEN) Panic on CPU 0:\n(XEN) Could not construct domain 0\n"
            return AsItIs(text, 0.5, str(error), self.differences), None
        return AsItIs(text, 0.5, None, self.differences), image

    @contextlib.contextmanager
    def programs(self, xen: Path | None, qemu: Path | None) -> Iterator[Programs]:
        """As `real_xen.programs`."""
        self.asked = (xen, qemu)
        yield Programs(Path("qemu"), Path("xen"))


@pytest.fixture(name="boots", autouse=True)
def _boots(monkeypatch: pytest.MonkeyPatch) -> Boots:
    boots = Boots()
    monkeypatch.setattr(booting, "boot", boots.boot)
    monkeypatch.setattr(as_it_is, "boot_as_it_is", boots.boot_as_it_is)
    monkeypatch.setattr(random_boots, "boot", boots.boot)
    monkeypatch.setattr(real_xen, "programs", boots.programs)
    return boots


def test_one_boot(capsys: Capture, boots: Boots) -> None:
    """The arrangement, what was compared, and Xen's own slots are told, and that nothing differs."""
    ran = run(capsys, "boot", *SMALL)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        "VIRTUAL MEMORY ARRANGEMENT:\n"
        " Loaded kernel: 0000000000100000->0000000000112000\n"
        " Phys-Mach map: 0000000000112000->0000000000192000\n"
        " Start info:    0000000000192000->00000000001924b8\n"
        " Page tables:   0000000000193000->0000000000198000\n"
        " Boot stack:    0000000000198000->0000000000199000\n"
        " TOTAL:         0000000000000000->0000000000400000\n"
        "Xen 4.17.7, 0.6 s: dom0 runs.\n"
        "Compared: the arrangement, 2544 entries of 5 page-table frames, count_info and type_info of 1024 frames.\n"
        "Set apart as Xen's own:\n"
        "  frame 0, entry 256: 0x80000000179fc025 (read-only machine-to-physical table)\n"
        "  frame 0, entry 258: 0x8000000017193063 (linear page tables)\n"
        "  frame 0, entry 260: 0x8000000017d65063 (per-domain mappings)\n"
        "  frame 0, entry 261: 0x0000000017c6d063 (Xen's code, data and maps)\n"
        "  frame 0, entry 262: 0x8000000017c6c063 (direct map)\n"
        "No difference.\n"
    )
    assert ran.out in (FOLDER.parents[2] / "docs" / "fidelity.md").read_text()
    assert boots.configurations == [Configuration(kernel=Segment(1 << 20, 0x112000), nr_pages=65536)]
    assert parse_image(boots.kernels[0].image, "image").virt_kend.value == 0x112000


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("linux", "3 of the p2m's own, count_info"),
        ("p2m-too-large", "Xen 4.17.7, 0.6 s: refused: too little memory for the p2m, as foretold."),
        ("compat-refused", "Xen 4.17.7, 0.6 s: refused: no 32-bit guests, as foretold."),
        ("start-within-a-page", "0.6 s: Xen dies, as foretold (the tables are not page aligned)."),
        ("start-within-a-page", "Compared: the arrangement."),
        ("kernel-over-a-table", "Not compared: what was loaded has been written over frame 7."),
        ("compat-small", "Xen 4.17.7, a debug build, 0.6 s: dom0 runs."),
    ],
)
def test_other_boots(capsys: Capture, boots: Boots, name: str, told: str) -> None:
    """A separate p2m, refusals and deaths, a frame that is written over, and a debug build are told."""
    boots.name = name
    ran = run(capsys, "boot", *SMALL)
    assert ran.status == 0
    assert told in ran.out
    assert ran.lines[-1] == "No difference."


def test_differences(capsys: Capture, boots: Boots) -> None:
    """What differs is told a line each, up to twenty, and the status is 1."""
    boots.differences = tuple(Difference(f"frame {index}", "this", "that") for index in range(25))
    ran = run(capsys, "boot", *SMALL)
    assert ran.status == 1
    assert ran.lines[-21] == "  differs: frame 0: expected this, found that"
    assert ran.lines[-1] == "  ... and 5 more"
    assert "No difference" not in ran.out


def test_json(capsys: Capture, boots: Boots, tmp_path: Path) -> None:
    """As JSON there is all of it, with a command that boots the same again."""
    boots.differences = (Difference("TOTAL", "this", "that"),)
    file = tmp_path / "boot.json"
    assert run(capsys, "boot", *SMALL, "--json", str(file)).status == 1
    plain = json.loads(file.read_text())
    assert plain["schema"] == "ptproof-boot/1"
    assert plain["command"] == ("ptproof boot --kernel 0x100000 0x112000 --virt-base 0x0 --nr-pages 65536")
    assert (plain["verdict"], plain["seen"], plain["entries"]) == ("differed", "dom0 runs", 2544)
    assert plain["differences"] == [{"where": "TOTAL", "expected": "this", "found": "that"}]
    assert len(plain["xen_slots"]) == 16
    ran = run(capsys, "boot", *SMALL, "--json", "-")
    assert json.loads(ran.out)["schema"] == "ptproof-boot/1"


def test_the_command_boots_the_same(capsys: Capture, boots: Boots, tmp_path: Path) -> None:
    """The command in the JSON has every option that decides."""
    options = [
        *("--kernel", "0x101234", "0x155555", "--virt-base", "0x1000", "--bits", "64"),
        *("--init-p2m", "0x8000000008", "--mod-start-pfn", "--initrd-len", "5001", "--nr-pages", "4000"),
    ]
    boots.name = "linux"
    run(capsys, "boot", *options)
    wanted = boots.configurations[0]
    assert wanted.init_p2m == 0x80_0000_0008
    assert (wanted.initrd_len, wanted.mod_start_pfn) == (5001, True)
    file = tmp_path / "boot.json"
    run(capsys, "boot", *SMALL, "--json", str(file))
    again_run = json.loads(file.read_text())["command"].split()
    run(capsys, *again_run[1:])
    assert boots.configurations[-1] == restore(str(FOLDER / "linux.json")).configuration


def test_an_image(capsys: Capture, boots: Boots, tmp_path: Path) -> None:
    """An image is booted as it is, and then with a loop in place of what its entry has."""
    image = image_of(Configuration(kernel=Segment(0x200000, 0x212345), nr_pages=1), b"\x0f\x0b" * 8)
    file = tmp_path / "kernel"
    file.write_bytes(image)
    ran = run(capsys, "boot", str(file), "--dom0-mem", "256M", "--initrd-len", "7")
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines[:3] == [
        "The file as it is: Xen 4.17.7, 0.5 s: dom0 runs.",
        "No difference.",
        "A copy of it, unpacked, with a loop at its entry:",
    ]
    assert ran.lines[-1] == "No difference."
    assert boots.configurations == [
        Configuration(kernel=Segment(0x200000, 0x212345), nr_pages=65536, initrd_len=7)
    ]
    (kernel,) = boots.kernels
    assert kernel.image == image.replace(b"\x0f\x0b" * 8, SPIN + b"\x0f\x0b" * 6)
    assert kernel.written == (Segment(0x200000, 0x212345),)


def test_an_image_without_code(capsys: Capture, tmp_path: Path) -> None:
    """An image whose entry isn't in the file is booted as it is, and has no second look."""
    image = image_of(Configuration(kernel=Segment(0x200000, 0x212345), nr_pages=1), b"\x90\x90")
    file = tmp_path / "kernel"
    file.write_bytes(image)
    ran = run(capsys, "boot", str(file), "--dom0-mem", "256M")
    assert (ran.status, ran.lines[1]) == (2, "No difference.")
    assert "the entry 0x200000" in ran.err


def test_a_file_that_xen_refuses(capsys: Capture, boots: Boots, tmp_path: Path) -> None:
    """A file that Xen refuses is booted all the same, and that it was refused is no difference."""
    file = tmp_path / "kernel"
    file.write_bytes(b"no kernel")
    ran = run(capsys, "boot", str(file), "--dom0-mem", "256M", "--json", str(tmp_path / "seen"))
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines[0] == 'The file as it is: Xen, 0.5 s: Xen panics: "Could not construct domain 0".'
    assert ran.lines[1].startswith(f"Foretold: {file}: offset 0: expected an ELF")
    assert ran.lines[2:] == ["No difference."]
    seen = json.loads((tmp_path / "seen").read_text())
    assert seen["as_it_is"]["seen"] == 'Xen panics: "Could not construct domain 0"'
    ran = run(capsys, "boot", str(file), "--dom0-mem", "256M", "--record", str(tmp_path / "record"))
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    boots.differences = (Difference("the end", "refused", "dom0 runs"),)
    ran = run(capsys, "boot", str(file), "--dom0-mem", "256M")
    assert (ran.status, ran.lines[-1]) == (1, "  differs: the end: expected refused, found dom0 runs")


def test_a_recording(capsys: Capture, tmp_path: Path) -> None:
    """What a boot left can be kept in a file."""
    file = tmp_path / "recorded.json"
    assert run(capsys, "boot", *SMALL, "--record", str(file)).status == 0
    assert again(restore(str(file))).differences == ()


def test_programs(capsys: Capture, boots: Boots) -> None:
    """Another Xen and another QEMU can be named."""
    run(capsys, "boot", *SMALL, "--xen", "my/xen", "--qemu", "my/qemu")
    assert boots.asked == (Path("my/xen"), Path("my/qemu"))


def test_many(capsys: Capture, boots: Boots) -> None:
    """Many random boots end with a table of what came of them, and with what was compared."""
    ran = run(capsys, "boot", "--random", "30", "--seed", "11", "--jobs", "3")
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines[0].split() == ["kind", "booted", "agreed", "refused", "differed"]
    assert ran.lines[-4].split() == ["all", "30", "30", "0", "0"]
    assert ran.lines[-3] == (
        f"Compared: {30 * 2544} entries of 150 page-table frames and 0 of separate p2ms, "
        f"count_info and type_info of {30 * 1024} frames."
    )
    assert ran.lines[-1].startswith("Seed 11, 3 at a time: ")
    assert len(set(map(str, boots.configurations))) > 20


def test_many_differ(capsys: Capture, boots: Boots, tmp_path: Path) -> None:
    """Each layout that differs is told with a command that boots it alone; the status is 1."""
    boots.differences = (Difference("TOTAL", "this", "that"),)
    file = tmp_path / "boots.json"
    ran = run(capsys, "boot", "--random", "3", "--json", str(file))
    assert ran.status == 1
    assert sum(" differs: ptproof boot --kernel 0x" in line for line in ran.lines) == 3
    assert ran.lines.count("  differs: TOTAL: expected this, found that") == 3
    plain = json.loads(file.read_text())
    assert (plain["schema"], plain["booted"], plain["differed"]) == ("ptproof-boots/1", 3, 3)
    assert [each["index"] for each in plain["boots"]] == [0, 1, 2]


def test_many_with_32_bits(capsys: Capture, boots: Boots) -> None:
    """Random guests can have 32 bits."""
    run(capsys, "boot", "--random", "3", "--bits", "32")
    assert {each.mode for each in boots.configurations} == {COMPAT}


def test_progress(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the progress is shown, and wiped out in the end."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ran = run(capsys, "boot", "--random", "3", "--jobs", "1")
    assert ran.err.startswith("\r1 of 3 booted, 0 differed\r2 of 3 booted, 0 differed\r ")
    assert ran.err.endswith(" \r")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ((), "one of the arguments IMAGE --kernel is required"),
        (SMALL[:3], "one of the arguments --nr-pages --dom0-mem is required"),
        (("--nr-pages", "5"), "one of the arguments IMAGE --kernel is required"),
        ((*SMALL, "--shim"), "argument --shim: not for a boot"),
        ((*SMALL, "--entry", "0x100000"), "argument --entry: not for a boot"),
        ((*SMALL, "--seed", "1"), "not allowed without --random"),
        ((*SMALL, "--jobs", "1"), "not allowed without --random"),
        ((*SMALL, "--random", "1"), "argument --random: not allowed with argument --kernel"),
        (("--random", "1", "--init-p2m", "1"), "not allowed with argument --init-p2m"),
        (("--random", "1", "--dom0-mem", "1G"), "not allowed with argument --dom0-mem"),
        (("--random", "1", "--record", "x"), "not allowed with argument --record"),
        ((*SMALL, "--record", "x", "--json", "x"), "argument --record: x is taken already"),
        ((*SMALL, "--record", "."), ".: can't be written: Is a directory"),
        ((*SMALL, "--json", "no/file"), "no/file: can't be written: No such file or directory"),
        (("x", "--record", "x", "--nr-pages", "5"), "argument --record: x is taken already"),
        (("--random", "1", "kernel"), "not allowed with argument IMAGE"),
        (("--random", "1", "--shim"), "argument --shim: not for a boot"),
        (
            ("--counterexample", "unique", "--random", "3"),
            "argument --random: not allowed with argument --counterexample",
        ),
        (("--random", "0"), "--random: expected 1 to"),
        (("--random", "1", "--jobs", "0"), "--jobs: expected 1 to"),
        (("kernel", "--kernel", "1", "2", "--nr-pages", "5"), "not allowed with an image"),
        (("/nonexistent/kernel", "--nr-pages", "5"), "/nonexistent/kernel: can't be read"),
        (("--kernel", "0", "0x1000", "--init-p2m", "8", "--nr-pages", "5"), "libelf refuses 0x8"),
    ],
)  # fmt: skip
def test_what_is_refused(capsys: Capture, argv: tuple[str, ...], told: str) -> None:
    """Arguments that don't go together, or make no boot, are refused in one line."""
    assert_refused(run(capsys, "boot", *argv), told)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end(
    capsys: Capture, boots: Boots, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """It ends as on Ctrl-C, so that no machine is left behind, nor any file."""

    def boot(*_: Any, **__: Any) -> Booted:
        signal.raise_signal(number)
        return boots.boot(*_, **__)

    monkeypatch.setattr(booting, "boot", boot)
    before = signal.getsignal(number)
    ran = run(capsys, "boot", *SMALL)
    assert (ran.status, ran.err) == (130, "ptproof: interrupted\n")
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored(capsys: Capture, boots: Boots, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ``nohup`` the boot goes on when its terminal is closed."""

    def boot(*_: Any, **__: Any) -> Booted:
        signal.raise_signal(signal.SIGHUP)
        return boots.boot(*_, **__)

    monkeypatch.setattr(booting, "boot", boot)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(capsys, "boot", *SMALL).status == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def twice() -> Claim:
    """A claim that two layouts refute: one that can be booted, and one that no image has."""
    bootable = arrange(Configuration(virt_base=0, kernel=Segment(0x100000, 0x112000), nr_pages=65536))
    runs = tuple(("a layout", each, replay(each)) for each in (bootable, tiny.LAYOUT))
    grows = tiny.part(tiny.lemma("grows", tiny.x + 1 > tiny.x), expected=Expected.REFUTED)
    return tiny.claim("twice", evolve(grows, replay=lambda _: Replay(False, "it was seen", runs)))


@pytest.fixture(name="two_layouts")
def _two_layouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_module, "claims", lambda: (twice(), tiny.PROVED))


@pytest.mark.usefixtures("two_layouts")
def test_what_refutes_a_claim(capsys: Capture, boots: Boots, tmp_path: Path) -> None:
    """Each layout that refutes it is booted, or it is said why not; as data, too."""
    file = tmp_path / "boots.json"
    ran = run(capsys, "boot", "--counterexample", "twice", "--json", str(file))
    assert (ran.status, ran.err) == (0, "")
    assert len(boots.configurations) == 1
    assert "No difference." in ran.lines
    assert ran.lines[-1].startswith(
        "not booted (64-bit): layout: expected the kernel, the p2m and the start info"
    )
    alone = run(capsys, "boot", "--counterexample", "twice", "--json", "-")
    written = json.loads(alone.out)
    assert written == json.loads(file.read_text())
    assert (written["schema"], written["claim"]) == ("ptproof-witness-boots/1", "twice")
    assert [each["schema"] for each in written["boots"]] == ["ptproof-boot/1"]
    assert [each["layout"]["kernel"] for each in written["not_booted"]] == [None]
    shown = run(capsys, "counterexample", "twice", "--boot")
    assert shown.status == 0
    assert "No difference." in shown.lines


@pytest.mark.usefixtures("two_layouts")
def test_what_refutes_a_claim_differs(capsys: Capture, boots: Boots) -> None:
    """A difference gives its status; a claim that nothing refutes, and other arguments, are refused."""
    boots.differences = (Difference("n", "5", "6"),)
    assert run(capsys, "boot", "--counterexample", "twice").status == 1
    assert run(capsys, "counterexample", "twice", "--boot").status == 1
    assert_refused(run(capsys, "boot", "--counterexample", "proved"), "has no layout that refutes it")
    assert_refused(run(capsys, "boot", "--counterexample", "twice", "--seed", "1"), "--seed")
