"""``ptproof layout``: what it prints, what it warns of, and what it refuses."""

import json
import re
import time
from pathlib import Path

import pytest
from attrs import evolve
from elf_maker import bzimage, with_size
from elf_maker import image as pv_image
from log_rules import LOGS
from ptproof.formal.layouts.arrangement import HEADING
from ptproof.formal.layouts.layout import Configuration, Layout, Segment
from ptproof.formal.machine import two_layouts
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.two_layouts import Disagreement
from run_cli import assert_refused, run

Capture = pytest.CaptureFixture[str]
DEBIAN = (
    *("--virt-base", "0xffffffff80000000", "--kernel", "0xffffffff80200000", "0xffffffff83c00000"),
    *(
        "--init-p2m",
        "0x8000000000",
        "--mod-start-pfn",
        "--initrd-len",
        "30M",
        "--entry",
        "0xffffffff82b0de00",
    ),
)
XTF = ("--kernel", "0x100000", "0x112000", "--nr-pages", "241755", "--entry", "0x100000")


def test_a_field_log(capsys: Capture) -> None:
    """The arrangement of a Debian dom0 under Xen 4.17 is printed just as its boot log has it."""
    text = (LOGS / "022.log").read_text().replace("(XEN) ", "")
    ran = run(capsys, "layout", *DEBIAN, "--dom0-mem", "4G")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == text[text.index(HEADING) :]


def test_the_threads_excerpt(capsys: Capture) -> None:
    """XTF's layout in the mailing-list thread: n = 5, and no line for the ramdisk that isn't there."""
    ran = run(capsys, "layout", *XTF)
    assert (ran.status, ran.err) == (0, "")
    assert " Page tables:   00000000002ec000->00000000002f1000" in ran.lines
    assert "ramdisk" not in ran.out
    assert ran.lines[-1] == " ENTRY ADDRESS: 0000000000100000"


def test_without_an_entry_there_is_no_line(capsys: Capture) -> None:
    """The entry's line is there only when the entry is given."""
    assert "ENTRY" not in run(capsys, "layout", *XTF[:-2]).out


def test_a_mapped_initrd(capsys: Capture) -> None:
    """A mapped initrd has a line, and the p2m lies above it."""
    ran = run(capsys, "layout", *XTF, "--initrd-len", "5001")
    assert ran.lines[2:4] == [
        " Init. ramdisk: 0000000000112000->0000000000113389",
        " Phys-Mach map: 0000000000114000->00000000002ec2d8",
    ]


def test_a_32_bit_guest(capsys: Capture) -> None:
    """A 32-bit guest has 4 bytes of p2m for each page, four L2, and its INIT_P2M is ignored with a warning."""
    ran = run(capsys, "layout", *XTF, "--bits", "32", "--init-p2m", "0x8000000000")
    assert ran.status == 0
    assert " Phys-Mach map: 0000000000112000->00000000001fe16c" in ran.lines
    assert " Page tables:   0000000000200000->0000000000207000" in ran.lines
    assert ran.err == "warning: Xen ignores INIT_P2M, with a warning: the guest has 32 bits.\n"


def test_the_shim(capsys: Capture) -> None:
    """The PV shim has its two rings."""
    ran = run(capsys, "layout", *XTF, "--shim")
    assert [line.split(":")[0] for line in ran.lines[3:7]] == [
        " Start info",
        " Xenstore ring",
        " Console ring",
        " Page tables",
    ]


@pytest.mark.parametrize(
    ("size", "pages"),
    [
        ("256M", 1 << 16),
        ("256m", 1 << 16),
        ("1G,max:256M", 1 << 16),
        ("min:256M,64M", 1 << 16),
        ("01000000", 1 << 16),
        ("0x100M", 1 << 16),
        ("262144", 1 << 16),
        ("262144K", 1 << 16),
        ("1g", 1 << 18),
        ("268435456B", 1 << 16),
        ("268439999b", 65537),
        ("1T", 1 << 28),
        ("0x40000", 1 << 16),
    ],
)
def test_dom0_mem_is_read_as_xen_reads_it(capsys: Capture, size: str, pages: int) -> None:
    """A size without a suffix counts KiB, 0… is octal, and what isn't a whole page doesn't count."""
    by_size = run(capsys, "layout", *XTF[:3], "--dom0-mem", size, "--init-p2m", "0x8000000000")
    by_pages = run(capsys, "layout", *XTF[:3], "--nr-pages", str(pages), "--init-p2m", "0x8000000000")
    assert by_size.out == by_pages.out
    assert by_size.status == by_pages.status == 0
    (p2m,) = [line for line in by_size.lines if "Phys-Mach" in line]
    assert p2m.endswith(f"{0x8000000000 + pages * 8:016x}")


NUMBERS = ["--virt-base", "--initrd-len", "--init-p2m", "--entry", "--nr-pages"]
GARBAGE = [
    *(
        "",
        " ",
        "x",
        "-1",
        "0x",
        "1.5",
        "1e3",
        "0xg",
        "12KB",
        "K",
        "1_000",
        "ffffffff81000000",
        "+1",
        "\N{ARABIC-INDIC DIGIT ONE}",
    ),
    *(
        "010",
        "0b1",
        "1 ",
        "1\n",
        "9" * 5000,
        "0x1" + "0" * 16,
        "16777216T",
        "1P",
        "--",
        "\0",
        "\udcff",
        "\N{SUPERSCRIPT TWO}",
    ),
]


@pytest.mark.parametrize("value", GARBAGE)
@pytest.mark.parametrize("option", [*NUMBERS, "--bits"])
def test_garbage_for_a_number(capsys: Capture, option: str, value: str) -> None:
    """Anything but a number in range is refused in one line that names the option."""
    rest = [*XTF[:3], *(() if option == "--nr-pages" else XTF[3:5])]
    assert_refused(
        run(capsys, "layout", *rest, f"{option}={value}"),
        f"argument {option}: ",
        "--help)",
    )


@pytest.mark.parametrize(
    "value",
    [*(each for each in GARBAGE if each != "010"), "0", "3B", "-1G", "min:1G", "50%", "1G+10%", "4G,max:50%"],
)
def test_garbage_for_dom0_mem(capsys: Capture, value: str) -> None:
    """Amounts that need the host's memory to be known, and no amounts at all, are refused in one line."""
    assert_refused(run(capsys, "layout", *XTF[:3], f"--dom0-mem={value}"), "argument --dom0-mem: ")


@pytest.mark.parametrize("value", [each for each in GARBAGE if each not in ("-1", "--")])
@pytest.mark.parametrize("at", [0, 1])
def test_garbage_for_the_kernel(capsys: Capture, value: str, at: int) -> None:
    """Both addresses of the kernel must be numbers."""
    kernel = ["0x100000", "0x112000"]
    kernel[at] = value
    assert_refused(run(capsys, "layout", "--nr-pages", "9999", "--kernel", *kernel), "argument --kernel: ")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--kernel", "1M", "2M"), "one of the arguments --nr-pages --dom0-mem is required"),
        (("--kernel", "1M", "--nr-pages", "9"), "argument --kernel: expected 2 arguments"),
        ((*XTF, "--dom0-mem", "1G"), "not allowed with argument --nr-pages"),
        ((*XTF, "--bits", "16"), "argument --bits: invalid choice: 16"),
        ((*XTF, "--shim=yes"), "argument --shim: ignored explicit argument 'yes'"),
        ((*XTF, "--mod-start-pfn=1"), "argument --mod-start-pfn: ignored explicit argument '1'"),
        ((*XTF, "--json"), "argument --json: expected one argument"),
        (
            (*XTF, "--json", "/no/such/folder/x.json"),
            "/no/such/folder/x.json: can't be written: No such file",
        ),
        ((*XTF, "--json", "."), ".: can't be written: Is a directory"),
        (
            ("--kernel", "2M", "1M", "--nr-pages", "9999"),
            "expected END at or above START, found 0x200000 0x100000",
        ),
        (
            (*XTF, "--virt-base", "2M"),
            "expected START at or above --virt-base 0x200000 (libelf refuses others), found 0x100000",
        ),
        (
            ("--kernel", "0", "0xffffffffffffffff", "--nr-pages", "9"),
            "the region: expected at most 0x8000000000000000 bytes",
        ),
        ((*XTF[:3], "--nr-pages", "0"), "expected 1 to 4096T, found '0'"),
    ],
)
def test_refused(capsys: Capture, argv: tuple[str, ...], told: str) -> None:
    """What can't be laid out is refused, and the line says why."""
    assert_refused(run(capsys, "layout", *argv), told)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (
            ("--virt-base", "0x800", *XTF),
            ["VIRT_BASE 0x800 is not page aligned", "2048 bytes past a page boundary"],
        ),
        (
            (
                "--virt-base",
                "0xffffffffffc00000",
                "--kernel",
                "0xffffffffffd00000",
                "0xfffffffffff00000",
                "--nr-pages",
                "65536",
            ),
            [
                "The region passes 2^64",
                "The L4 cursor ran off",
                "No walk from the root reaches frames 5, 6, 7, 8.",
            ],
        ),
        (
            (
                "--virt-base",
                "0x7ffffff00000",
                "--kernel",
                "0x7ffffff00000",
                "0x7ffffff12000",
                "--nr-pages",
                "65536",
            ),
            ["The region crosses 2^47", "Xen's own root slots are overwritten: 256."],
        ),
        (
            (
                "--virt-base",
                "0x900000000000",
                "--kernel",
                "0x900000000000",
                "0x900000010000",
                "--nr-pages",
                "65536",
            ),
            ["addresses that no processor can form", "Not mapped: 0x900000000000"],
        ),
        (
            (
                "--virt-base",
                "0xffff800000000000",
                "--kernel",
                "0xffff800000000000",
                "0xffff800000010000",
                "--nr-pages",
                "65536",
            ),
            ["DOM0 image overlaps with Xen private area"],
        ),
        (
            (
                "--bits",
                "32",
                "--virt-base",
                "0xf5800000",
                "--kernel",
                "0xf5800000",
                "0xf5810000",
                "--nr-pages",
                "65536",
            ),
            ["DOM0 image overlaps with Xen private area"],
        ),
        (
            ("--bits", "32", "--virt-base", "6G", "--kernel", "6G", "0x180010000", "--nr-pages", "65536"),
            [
                "DOM0 image overlaps with Xen private area",
                "Table frame 7 lies outside the reserved frames.",
            ],
        ),
        (
            (*XTF[:3], "--nr-pages", "1023"),
            ["the region takes 1024 pages and the initrd 0, and dom0 has 1023"],
        ),
        (
            (*XTF[:3], "--nr-pages", "241755", "--entry", "0x112001"),
            ["its entry 0x112001 lies outside of the kernel"],
        ),
        (
            (*XTF, "--init-p2m", "0x110000"),
            ["INIT_P2M 0x110000 lies within the kernel", "touches the region"],
        ),
        ((*XTF, "--init-p2m", "0x400000"), ["the p2m at INIT_P2M touches the region"]),
    ],
)
def test_warnings(capsys: Capture, argv: tuple[str, ...], told: list[str]) -> None:
    """What Xen would refuse, or get wrong, is laid out all the same, and told on standard error: a refusal once."""
    ran = run(capsys, "layout", *argv)
    assert ran.status == ("Xen refuses this boot" in ran.err)
    assert ran.out.startswith(HEADING)
    assert all(line.startswith(("warning: ", "note: ")) for line in ran.err.splitlines())
    assert len(re.findall("Xen (?:prints this layout and then )?refuses", ran.err)) <= 1
    assert len(set(ran.err.splitlines())) == len(ran.err.splitlines())
    for each in told:
        assert each in ran.err


@pytest.mark.parametrize(
    "argv",
    [
        (
            "--virt-base",
            "0xffffffffffc00000",
            "--kernel",
            "0xffffffffffc00000",
            "0xffffffffffc12000",
            "--nr-pages",
            "1024",
        ),
        (
            "--virt-base",
            "0x7fffff800000",
            "--kernel",
            "0x7fffff800000",
            "0x7fffff810000",
            "--nr-pages",
            "65536",
        ),
        (
            "--bits",
            "32",
            "--virt-base",
            "0xf5400000",
            "--kernel",
            "0xf5400000",
            "0xf5410000",
            "--nr-pages",
            "65536",
        ),
        (*XTF, "--init-p2m", "0x400008"),
        (*XTF[:3], "--nr-pages", "1024"),
    ],
    ids=["2^64", "2^47", "compat hole", "p2m", "memory"],
)
def test_no_warning_at_the_very_edge(capsys: Capture, argv: tuple[str, ...]) -> None:
    """A region that ends where the trouble begins is all right."""
    assert run(capsys, "layout", *argv).err == ""


def test_too_large_for_the_machine(capsys: Capture) -> None:
    """A region of 2^62 bytes is answered at once, by the formulas alone, and that is said."""
    began = time.process_time()
    ran = run(capsys, "layout", "--kernel", "0", "0x4000000000000000", "--nr-pages", "9")
    assert time.process_time() - began < 2
    assert ran.status == 1
    assert "Domain 0 allocation is too small for kernel image" in ran.err
    assert ran.err.startswith(
        "note: the region is too large for the frame machine: this is by the formulas alone\n"
    )
    assert "crosses 2^47" in ran.err


def test_disagreement_is_loud(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """When machine and formulas disagree, both arrangements are told, with status 70."""

    def wrong(configuration: Configuration) -> Layout:
        layout = arrange(configuration)
        return evolve(layout, total=Segment(0, 0x800000))

    monkeypatch.setattr(two_layouts, "formulas", lambda: (wrong,))
    ran = run(capsys, "layout", *XTF)
    assert ran.status == 70
    assert ran.out == ""
    assert "MODEL AND MACHINE DISAGREE" in ran.err
    assert " TOTAL:         0000000000000000->0000000000400000" in ran.err
    assert " TOTAL:         0000000000000000->0000000000800000" in ran.err
    with pytest.raises(Disagreement):
        two_layouts.arranged(Configuration(kernel=Segment(0x100000, 0x112000), nr_pages=1024))


def test_json_is_what_replay_reads(capsys: Capture, tmp_path: Path) -> None:
    """The layout as JSON goes to a file, with the text, or to standard output, without it."""
    file = tmp_path / "layout.json"
    ran = run(capsys, "layout", *XTF, "--json", str(file))
    assert ran.out.startswith(HEADING)
    alone = run(capsys, "layout", *XTF, "--json", "-")
    assert json.loads(alone.out) == json.loads(file.read_text())
    replayed = run(capsys, "replay", str(file))
    assert replayed.status == 0
    assert replayed.out.startswith(ran.out)


OLD_COMPAT = (
    *("--version", "compat-l4-counted", "--virt-base", "0xc0000000", "--kernel", "0xc0100000", "0xc067a000"),
    *("--initrd-len", "0x290c00", "--nr-pages", "32768", "--entry", "0xc0100000"),
)


def test_an_older_xen(capsys: Capture) -> None:
    """The arrangement of a 32-bit dom0 under Xen 3.4 is printed just as its boot log has it, with a warning."""
    text = (LOGS / "033.log").read_text().replace("(XEN) ", "")
    ran = run(capsys, "layout", *OLD_COMPAT)
    assert (ran.status, ran.out) == (0, text[text.index(HEADING) :])
    assert ran.err == (
        "warning: 12 frames are set aside and 11 taken: L3 1, L2 4, L1 6.\n"
        "warning: No walk from the root reaches frame 11.\n"
    )


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (("--version", "3.4", *XTF), "argument --version: expected one of 4-level"),
        (("--version", "compat", "--bits", "64", *XTF), "guests of 32 bits, found one of 64"),
        (
            ("--version", "first-4-level", *DEBIAN, "--nr-pages", "9999"),
            "never ends for a region that starts at 0xffffffff80000000",
        ),
    ],
)
def test_versions_that_there_are_not(capsys: Capture, given: tuple[str, ...], what: str) -> None:
    """An unknown version, one for other guests, and one that never ends are refused in a line."""
    assert_refused(run(capsys, "layout", *given), what)


HOST = """(XEN) EFI RAM map:
(XEN)  [0000000000000000, 0000000003ffffff] (usable)
(XEN)  [0000000004000000, 0000000004020fff] (ACPI NVS)
(XEN)  [0000000004021000, 00000000b5b04fff] (usable)
"""


def test_a_hosts_memory_map(capsys: Capture, tmp_path: Path) -> None:
    """What lies over what isn't RAM on the host is warned of; a host on which nothing does has no warning."""
    log = tmp_path / "host.log"
    log.write_text(HOST.replace("ACPI NVS", "usable"))
    ran = run(capsys, "layout", *DEBIAN, "--dom0-mem", "4G", "--host-map", str(log))
    assert (ran.status, ran.err) == (0, "")
    log.write_text(HOST)
    ran = run(capsys, "layout", *DEBIAN, "--dom0-mem", "4G", "--host-map", str(log))
    assert "Init. ramdisk: 0x4000000->0x5e00000 of dom0's memory lies over 0x4000000->0x4021000" in ran.err
    log.write_text(HOST.replace("0000000004", "0000000003").replace("0000000003ffffff", "0000000002ffffff"))
    ran = run(capsys, "layout", *DEBIAN, "--dom0-mem", "4G", "--host-map", str(log))
    first, last = ran.err.splitlines()
    assert first.startswith(
        "warning: Loaded kernel: 0x200000->0x3c00000 of dom0's memory lies over 0x3000000->0x3021000"
    )
    assert "CONFIG_PHYSICAL_START" in last
    log.write_text("nothing")
    assert_refused(run(capsys, "layout", *DEBIAN, "--dom0-mem", "4G", "--host-map", str(log)), "memory map")


UNMAPPED_OLD = (
    *("--virt-base", "0xc0000000", "--kernel", "0xc0100000", "0xc01bf3dd", "--bits", "32", "--mod-start-pfn"),
    *("--nr-pages", "3651242", "--initrd-len", "5504470"),
)


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("xen-4.0.0", "\n"),
        ("compat-l4-counted", ", and --version xen-4.1 heeds it\n"),
        ("xen-4.1.0", None),
    ],
)
def test_a_note_that_an_older_xen_does_not_know(capsys: Capture, version: str, told: str | None) -> None:
    """It is as if the image hadn't the note, and that is told."""
    ran = run(capsys, "layout", "--version", version, *UNMAPPED_OLD)
    assert ran.status == 0
    assert ("Init. ramdisk: 00000000c01c0000" in ran.out) is (told is not None)
    says = f"note: {version} maps the initrd: the note MOD_START_PFN isn't known before Xen 4.1{told}"
    assert (says in ran.err) if told else ("MOD_START_PFN" not in ran.err)
    unmapped = run(capsys, "layout", "--version", "xen-3.3", *DEBIAN, "--nr-pages", "9999")
    assert (
        "note: xen-3.3 lays the p2m in the region: the note INIT_P2M isn't known before Xen 3.4\n"
        in unmapped.err
    )


@pytest.mark.parametrize(
    ("name", "since", "before"),
    [
        ("xz", "4.2", "4.1"),
        ("lz4", "4.4", "4.3"),
        ("zstd", "4.15", "4.14"),
        ("bzImage", "4.1", "4.0"),
    ],
)
def test_packed_kernels_of_older_xens(
    capsys: Capture, tmp_path: Path, name: str, since: str, before: str
) -> None:
    """A Xen that doesn't know how a kernel is packed refuses it."""
    elf = pv_image()
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(bzimage(with_size("lzo", elf)) if name == "bzImage" else with_size(name, elf))
    asked = ("layout", str(kernel), "--nr-pages", "65536", "--version")
    assert run(capsys, *asked, f"xen-{since}").status == 0
    assert_refused(
        run(capsys, *asked, f"xen-{before}"),
        f"found {'lzo' if name == 'bzImage' else name}",
        f"since {since}",
    )


def test_a_packed_elf_for_an_older_xen(capsys: Capture, tmp_path: Path) -> None:
    """Before 4.2 only what is in a bzImage was unpacked, and only if it was packed."""
    kernel = tmp_path / "vmlinuz"
    for data, found in (
        (with_size("gzip", pv_image()), "a packed file that is no bzImage"),
        (bzimage(pv_image()), "a payload that isn't packed"),
    ):
        kernel.write_bytes(data)
        asked = ("layout", str(kernel), "--nr-pages", "65536", "--version")
        assert_refused(run(capsys, *asked, "xen-4.1"), f"found {found}, which Xen reads since 4.2")
        assert run(capsys, *asked, "xen-4.2").status == 0


LINUX = (
    *("--virt-base", "0xffffffff80000000", "--kernel", "0xffffffff81000000", "0xffffffff82c2c000"),
    *("--init-p2m", "0x8000000000", "--mod-start-pfn", "--initrd-len", "20M"),
)


TOO_SMALL = "Domain 0 allocation is too small for kernel image"


@pytest.mark.parametrize(
    ("argv", "says", "least"),
    [
        ((*LINUX, "--dom0-mem", "64M"), TOO_SMALL, "86212K"),
        ((*LINUX, "--dom0-mem", "86208K"), "Dom0 allocation too small for initial P->M table", "86212K"),
        ((*LINUX, "--dom0-mem", "64M", "--version", "xen-4.2.0"), f"{TOO_SMALL}.", "86212K"),
        (
            ("--version", "xen-4.0.0", *UNMAPPED_OLD[:8], "--nr-pages", "2047", "--initrd-len", "5504470"),
            f"{TOO_SMALL}.",
            "8M",
        ),
        ((*XTF, "--init-p2m", "0x400000"), "DOM0 P->M table overlaps initial mapping", None),
        ((*XTF[:3], "--nr-pages", "9999", "--entry", "0x112001"), "ELF start or entries are out of bounds", None),
        (
            ("--virt-base", "0xffff800000000000", "--kernel", "0xffff800000000000", "0xffff800000010000", "--nr-pages", "65536"),
            "DOM0 image overlaps with Xen private area",
            None,
        ),
    ],
)  # fmt: skip
def test_a_boot_that_xen_refuses(
    capsys: Capture, argv: tuple[str, ...], says: str, least: str | None
) -> None:
    """It ends with a status of its own, Xen's words, and the least memory with which it works."""
    ran = run(capsys, "layout", *argv)
    assert ran.status == 1
    told = f": {says} (the least that works: dom0_mem={least})" if least else f" with any dom0_mem: {says}"
    assert f"warning: Xen refuses this boot{told}\n" in ran.err
    assert ran.out.startswith(HEADING)


def test_the_least_memory_works(capsys: Capture) -> None:
    """What is told to be enough is, and for a 64 MiB region without a p2m of its own, just so."""
    assert run(capsys, "layout", *LINUX, "--dom0-mem", "86212K").status == 0
    mapped = ("--virt-base", "0xffffffff80000000", "--kernel", "0xffffffff81000000", "0xffffffff82c2c000")
    assert "(the least that works: dom0_mem=64M)" in run(capsys, "layout", *mapped, "--dom0-mem", "60M").err
    assert run(capsys, "layout", *mapped, "--dom0-mem", "64M").status == 0
