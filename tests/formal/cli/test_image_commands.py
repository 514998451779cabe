"""``ptproof image`` and ``ptproof layout IMAGE``: what they print of an image, and what they refuse."""

import json
from pathlib import Path

import pytest
from elf_maker import (
    ENTRY,
    FEATURES,
    INIT_P2M,
    MOD_START_PFN,
    PAE_MODE,
    SUPPORTED_FEATURES,
    VIRT_BASE,
    Load,
    bzimage,
    elf,
    image,
    noted,
    notes,
    number,
    with_size,
)
from ptproof.formal.images.image_writer import image_of, pv_image
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT
from run_cli import Ran, assert_refused, run

Capture = pytest.CaptureFixture[str]
TOP = ADDRESS_LIMIT - (2 << 30)
BY_ADDRESSES = {
    "debian": (
        Configuration(
            virt_base=TOP,
            kernel=Segment(TOP + (16 << 20), TOP + (74 << 20)),
            init_p2m=1 << 39,
            mod_start_pfn=True,
            nr_pages=0,
        ),
        ("--virt-base", hex(TOP), "--init-p2m", "0x8000000000", "--mod-start-pfn"),
    ),
    "compat": (
        Configuration(mode=COMPAT, virt_base=0xC0000000, kernel=Segment(0xC0100000, 0xC0500123), nr_pages=0),
        ("--virt-base", "0xc0000000", "--bits", "32"),
    ),
    "plain": (Configuration(kernel=Segment(0x100000, 0x112000), nr_pages=0), ()),
}


@pytest.fixture(name="kernel")
def kernel_file(tmp_path: Path) -> str:
    """A plain image, in a file."""
    path = tmp_path / "kernel.elf"
    path.write_bytes(pv_image(p_memsz=0x12000))
    return str(path)


def test_what_image_shows(capsys: Capture, tmp_path: Path) -> None:
    """Where the ELF was, its segments, its notes, and each address with where it came from."""
    path = tmp_path / "vmlinuz"
    data = image(
        [(VIRT_BASE, 1), (VIRT_BASE, 0x1000), (PAE_MODE, "no"), (77, 5)],
        Load(0x100000, 0x12000),
        Load(0, 9, 6),
    )
    packed = with_size("xz", data)
    path.write_bytes(bzimage(packed))
    ran = run(capsys, "image", str(path))
    assert (ran.status, ran.err) == (0, "")
    shown = [" ".join(line.split()) for line in ran.lines]
    for line in (
        f"file: {path}",
        f"container: bzImage, {len(packed)} bytes packed with xz at offset 0x420",
        f"ELF size: {len(data)} bytes",
        "0 PT_LOAD 0xe8 0x0 0x100000 0x100000 0x12000 RWX",
        "1 PT_PHDR 0xe8 0x0 0x0 0x0 0x9 RWX not loaded",
        "notes, in PT_NOTE:",
        "LOADER 'generic' program header 2, offset 0xe8",
        "VIRT_BASE 0x1 program header 2, offset 0x12c, overridden",
        "VIRT_BASE 0x1000 program header 2, offset 0x144",
        "PAE_MODE 'no' program header 2, offset 0x15c",
        "type 0x4d - program header 2, offset 0x170",
        "virt_base 0x1000 note VIRT_BASE, program header 2, offset 0x144",
        "virt_kstart 0x101000 pstart + virt_offset",
        "p2m_base - no INIT_P2M",
        "unmapped_initrd no no MOD_START_PFN",
        "mode 64-bit EI_CLASS 64, e_machine EM_X86_64",
    ):
        assert line in shown


def test_image_as_json(capsys: Capture, kernel: str, tmp_path: Path) -> None:
    """The same as JSON: on standard output with -, and then no text there; every address is a text."""
    ran = run(capsys, "image", kernel, "--json", "-")
    assert (ran.status, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert found["schema"] == "ptproof-image/1"
    assert found["facts"]["virt_kend"] == {"value": "0x112000", "source": "pend + virt_offset"}
    assert found["facts"]["mode"]["value"] == "64"
    assert found["facts"]["symbols"]["value"] is None
    assert found["segments"][0]["memory_size"] == "0x12000"
    assert {
        "name": "LOADER",
        "value": "generic",
        "place": "program header 1, offset 0x218",
        "overridden": False,
    } in found["notes"]
    written = tmp_path / "image.json"
    assert run(capsys, "image", kernel, "--json", str(written)).out.startswith("file: ")
    assert json.loads(written.read_text()) == found


def test_image_refuses_what_xen_refuses(capsys: Capture, tmp_path: Path) -> None:
    """What libelf refuses, and what isn't there, is one line and status 2."""
    path = tmp_path / "kernel"
    path.write_bytes(image({FEATURES: "!unheard_of"}))
    assert_refused(run(capsys, "image", str(path)), f"{path}: FEATURES: expected known features")
    assert_refused(run(capsys, "image", str(tmp_path / "none")), "none: can't be read: No such file")
    assert_refused(run(capsys, "image", str(path), "--json", str(path)), "is an input, too")
    assert_refused(run(capsys, "image"), "the following arguments are required: FILE")


@pytest.mark.parametrize("name", BY_ADDRESSES)
def test_layout_of_an_image(capsys: Capture, tmp_path: Path, name: str) -> None:
    """The layout of an image is that of its addresses."""
    configuration, options = BY_ADDRESSES[name]
    path = tmp_path / "kernel.elf"
    path.write_bytes(image_of(configuration))
    start, end = hex(configuration.kernel.start), hex(configuration.kernel.end)
    boot = ("--dom0-mem", "1G", "--initrd-len", "5M")
    by_image = run(capsys, "layout", str(path), *boot)
    by_addresses = run(capsys, "layout", "--kernel", start, end, *options, "--entry", start, *boot)
    assert by_image == by_addresses
    assert by_image.status == 0
    assert "Page tables:" in by_image.out


def test_initrd_by_file(capsys: Capture, kernel: str, tmp_path: Path) -> None:
    """An initrd may be given as a file, of which only the length matters."""
    initrd = tmp_path / "initrd.img"
    initrd.write_bytes(bytes(12345))
    by_file = run(capsys, "layout", kernel, "--nr-pages", "9999", "--initrd", str(initrd))
    assert by_file == run(capsys, "layout", kernel, "--nr-pages", "9999", "--initrd-len", "12345")
    assert " Init. ramdisk: 0000000000112000->0000000000115039" in by_file.lines
    (tmp_path / "empty").touch()
    empty = run(capsys, "layout", kernel, "--nr-pages", "9999", "--initrd", str(tmp_path / "empty"))
    assert empty == run(capsys, "layout", kernel, "--nr-pages", "9999")


def p2m_pages(ran: Ran) -> int:
    """Dom0's memory in pages, by the size of its p2m."""
    assert ran.status in (0, 1)
    (line,) = (each for each in ran.lines if "Phys-Mach map" in each)
    start, end = (int(each, 16) for each in line.split(": ")[1].split("->"))
    return (end - start) // 8


@pytest.mark.parametrize(
    ("options", "pages"),
    [
        (("--dom0-mem", "4G"), 4 << 18),
        (("--dom0-mem", "min:2G,1G"), 2 << 18),
        (("--dom0-mem", "25%", "--host-mem", "16G"), 4 << 18),
        (("--dom0-mem=-1G", "--host-mem", "16G"), 15 << 18),
        (("--dom0-mem", "max:2G", "--host-mem", "16G"), 2 << 18),
        (("--host-mem", "1G"), (1 << 18) - (1 << 14)),
        (("--dom0-mem", "4G", "--host-mem", "1G"), 1 << 18),
    ],
)
def test_memory_as_xen_gives_it(capsys: Capture, kernel: str, options: tuple[str, ...], pages: int) -> None:
    """Every form of dom0_mem, with the host's memory where it depends on it."""
    assert p2m_pages(run(capsys, "layout", kernel, *options)) == pages


def test_what_xen_drops_of_dom0_mem_is_told(capsys: Capture, kernel: str) -> None:
    """Dom0 gets what Xen read before the fault, or all of the host; that is one line of warning."""
    kept = run(capsys, "layout", kernel, "--dom0-mem", "1024M,max=1024M")
    assert p2m_pages(kept) == 1 << 18
    assert kept.err.count("\n") == 1
    assert kept.err.startswith("warning: Xen reads '1024M' of dom0_mem and drops 'max=1024M'")
    for text in ("max=64M", "64MB"):
        nothing = run(capsys, "layout", kernel, f"--dom0-mem={text}", "--host-mem", "1G")
        assert p2m_pages(nothing) == (1 << 18) - (1 << 14)
        assert (
            f"warning: Xen reads nothing of dom0_mem and drops '{text}', so without an amount dom0"
            in nothing.err
        )
        refused = run(capsys, "layout", kernel, "--dom0-mem", text)
        assert_refused(refused, "expected --host-mem beside", f"drops '{text}'")
    picture = run(capsys, "picture", kernel, "--dom0-mem", "64M,max:")
    assert (picture.status, "drops 'max:'" in picture.err) == (0, True)


def test_the_cap_is_told(capsys: Capture, tmp_path: Path) -> None:
    """Memory that Xen clips is clipped, and that is told; an absolute amount is not clipped, nor are pages."""
    path = tmp_path / "kernel.elf"
    path.write_bytes(pv_image(virt_base=TOP, p_paddr=0, p_memsz=16 << 20))
    clipped = run(capsys, "layout", str(path), "--host-mem", "900G")
    most = ((2 << 30) - (16 << 20)) // 16
    assert p2m_pages(clipped) == most
    assert f"note: Xen clips dom0's memory to {most} pages\n" in clipped.err
    for exact in (("--dom0-mem", "900G"), ("--nr-pages", str(900 << 18))):
        ran = run(capsys, "layout", str(path), *exact)
        assert "clips" not in ran.err
        assert p2m_pages(ran) == 900 << 18


def test_more_than_xen_gives_is_told(capsys: Capture, tmp_path: Path) -> None:
    """Memory that the cap raises past a maximum, or past what the host has, makes Xen panic, as a real one did."""
    path = tmp_path / "kernel.elf"
    path.write_bytes(pv_image(virt_base=ADDRESS_LIMIT - (64 << 20), p_paddr=0, p_memsz=1 << 20))
    boot = ("layout", str(path), "--initrd-len", "55M")
    past = run(capsys, *boot, "--dom0-mem", "max:128M", "--host-mem", "3G")
    assert p2m_pages(past) == 1 << 19
    assert past.status == 1
    assert (
        "warning: Xen panics: it clips dom0's memory up, to 524288 pages, and dom0_mem allows 32768.\n"
        in past.err
    )
    assert "the host has 65536" in run(capsys, *boot, "--host-mem", "256M").err
    assert "panics" not in run(capsys, *boot, "--dom0-mem=-2800M", "--host-mem", "3G").err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--kernel", "1M", "2M"), "argument --kernel: not allowed with an image"),
        (("--virt-base", "0"), "argument --virt-base: not allowed with an image"),
        (("--init-p2m", "0"), "argument --init-p2m: not allowed with an image"),
        (("--mod-start-pfn",), "argument --mod-start-pfn: not allowed with an image"),
        (("--entry", "0"), "argument --entry: not allowed with an image"),
        (("--bits", "64"), "argument --bits: not allowed with an image"),
        (("--initrd", "a", "--initrd-len", "1"), "argument --initrd-len: not allowed with argument --initrd"),
        (("--initrd", "/no/such/file"), "/no/such/file: can't be read: No such file"),
        (("--initrd", "/"), "/: expected a file, found something else"),
        (("--host-mem", "0"), "argument --host-mem: expected 4K to"),
        (("more",), "unrecognized arguments: more; '"),
    ],
)
def test_refused(capsys: Capture, kernel: str, argv: tuple[str, ...], told: str) -> None:
    """An image has its own addresses, and an initrd is a file or a length."""
    assert_refused(run(capsys, "layout", kernel, "--nr-pages", "9999", *argv), told)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--mod-start-pfn", "5", "stray"), "unrecognized arguments: stray; '5' was taken for IMAGE"),
        (("--mod-start-pfn", "5", "--kernel", "1M", "2M"), "which has its own: '5' was taken for IMAGE"),
        (
            ("--kernel", "1M", "2M", "3M"),
            "argument --kernel: not allowed with an image, which has its own: '3M'",
        ),
    ],
)
def test_a_stray_word_is_told(capsys: Capture, argv: tuple[str, ...], told: str) -> None:
    """A word that is left over is taken for the image; what is complained of then says so."""
    assert_refused(run(capsys, "layout", *argv, "--nr-pages", "9999"), told)


@pytest.mark.parametrize("memory", [("--dom0-mem", "1G"), ("--host-mem", "1G"), ()])
def test_the_shim_is_given_pages(capsys: Capture, kernel: str, memory: tuple[str, ...]) -> None:
    """The PV shim ignores dom0_mem."""
    ran = run(capsys, "layout", kernel, "--shim", *memory)
    assert_refused(ran, "argument --shim: expected --nr-pages beside it: the PV shim ignores dom0_mem")


def test_a_region_that_is_not_had_at_once(capsys: Capture) -> None:
    """Xen's allocator has no more than 1 GiB in one piece: a longer region is refused, whatever the memory."""
    for size, refused in (((1 << 30) - (4 << 20), False), (1 << 30, True)):
        kernel = ("--kernel", "0", hex(size - (1 << 20)), "--init-p2m", "0x8000000000")
        ran = run(capsys, "layout", *kernel, "--nr-pages", str(1 << 30))
        assert ran.status == refused
        assert ("Xen's allocator has at most 262144 in one piece" in ran.err) is refused
        told = "Xen refuses this boot with any dom0_mem: Not enough RAM for domain 0 allocation"
        assert (told in ran.err) is refused


def test_what_is_required(capsys: Capture, kernel: str) -> None:
    """An image or addresses, and memory; the host's where it depends on that."""
    assert_refused(run(capsys, "layout", kernel), "one of the arguments --nr-pages --dom0-mem is required")
    assert_refused(
        run(capsys, "layout", "--nr-pages", "1"), "one of the arguments IMAGE --kernel is required"
    )
    assert_refused(
        run(capsys, "layout", kernel, "--dom0-mem", "25%"), "argument --dom0-mem: expected --host-mem"
    )
    none = run(capsys, "layout", kernel, "--dom0-mem", "1G,max:0")
    assert_refused(none, "argument --dom0-mem: expected at least a page")


def test_the_image_is_not_written_over(capsys: Capture, kernel: str, tmp_path: Path) -> None:
    """The JSON may not go over the image or the initrd."""
    for options in ((), ("--initrd", kernel)):
        other = str(tmp_path / "other.elf")
        Path(other).write_bytes(Path(kernel).read_bytes())
        image_file = other if options else kernel
        assert_refused(
            run(capsys, "layout", image_file, *options, "--nr-pages", "99", "--json", kernel), "is an input"
        )


CLOUD: dict[int, bytes | int | str] = {
    VIRT_BASE: TOP,
    INIT_P2M: 0x8000000000,
    MOD_START_PFN: 1,
    SUPPORTED_FEATURES: number(1, 4),
}
"""The notes of a Linux that is for domUs only."""
CLOUD_LOAD = Load(0x1000000, 0x1C00000)


@pytest.fixture
def cloud(tmp_path: Path) -> str:
    """A kernel for domUs only."""
    path = tmp_path / "cloud.elf"
    path.write_bytes(elf([CLOUD_LOAD, noted(notes({**CLOUD, ENTRY: TOP + 0x1000000}))]))
    return str(path)


def test_an_image_for_domus_only(capsys: Capture, cloud: str) -> None:
    """It is shown in full, with why it isn't for dom0 at the end; what is about dom0 refuses it in a line."""
    why = "SUPPORTED_FEATURES: expected the bit 11, found 0x1: kernel does not support dom0 operation"
    shown = run(capsys, "image", cloud)
    assert (shown.status, shown.err) == (0, "")
    assert "what Xen computes:" in shown.out
    assert shown.lines[-1] == f"not for dom0, because {why}"
    plain = json.loads(run(capsys, "image", cloud, "--json", "-").out)
    assert (plain["not_for_dom0"], plain["not_for_domu"]) == (why, None)
    assert_refused(run(capsys, "layout", cloud, "--nr-pages", "99999"), f"{cloud}: {why}")


def test_a_xen_before_4_2_does_not_know_what_is_supported(capsys: Capture, cloud: str) -> None:
    """It takes an image for dom0 that doesn't say that it is for that."""
    for release, status in (("xen-4.1.0", 0), ("xen-4.2.0", 2)):
        assert run(capsys, "layout", cloud, "--nr-pages", "99999", "--version", release).status == status


@pytest.mark.parametrize(
    ("loads", "told"),
    [
        ([Load(0x100000, 0x12000), Load(0x100000, 0x12000), Load(0x100000, 0x1000)], "from program header 2 on, and goes on"),
        ([Load(0x100000, 0x12000), Load(0x101000, 0x1000, holds=bytes(64), offset=1 << 20)], "bytes from behind the file"),
        ([Load(0x100000, 0x12000), Load(0x100000, 0x12000)], None),
    ],
)  # fmt: skip
def test_what_xen_does_not_load_right(
    capsys: Capture, tmp_path: Path, loads: list[Load], told: str | None
) -> None:
    """Xen takes it without a word; that is told of the image and of its layout."""
    path = tmp_path / "odd.elf"
    path.write_bytes(elf([*loads, noted(notes())]))
    shown = run(capsys, "image", str(path))
    laid = run(capsys, "layout", str(path), "--nr-pages", "9999")
    assert (shown.status, laid.status) == (0, 0)
    if told is None:
        assert (laid.err, "warning" in shown.out) == ("", False)
    else:
        assert "warning: Xen loads " in laid.err
        assert told in laid.err
        assert told in shown.lines[-1]


def test_an_image_for_dom0_only(capsys: Capture, tmp_path: Path) -> None:
    """A required feature dom0 makes libxenguest refuse the image."""
    path = tmp_path / "dom0.elf"
    path.write_bytes(image({FEATURES: "!dom0"}))
    why = "xc_dom_parse_elf_kernel: Kernel does not support unprivileged (DomU) operation"
    assert run(capsys, "image", str(path)).lines[-1] == f"not for domU, because {why}"
    assert_refused(
        run(capsys, "layout", "--domU", str(path), "--memory", "28M"), f"{path}: not for domU, because {why}"
    )


def test_a_domus_layout(capsys: Capture, cloud: str) -> None:
    """It is printed as libxenguest prints it; with too little memory up to where it stops, and with what would do."""
    whole = run(capsys, "layout", "--domU", cloud, "--memory", "64M", "--initrd-len", "1M")
    assert (whole.status, whole.err) == (0, "")
    assert (
        "xc_dom_alloc_segment:   kernel       : 0xffffffff81000000 -> 0xffffffff82c00000  (pfn 0x1000 + 0x1c00 pages)"
        in whole.lines
    )
    assert "xc_dom_build_image  : virt_pgtab_end : 0xffffffff83000000" in whole.lines
    small = run(capsys, "layout", "--domU", cloud, "--memory", "28M")
    assert (small.status, small.out) == (1, "")
    assert small.err == (
        "libxenguest refuses the domU: xc_dom_chk_alloc_pages: segment kernel too large (0x1c00 > 0x1c00 - 0x1000 pages)\n"
        "note: the least memory that works is 49M\n"
    )
    assert run(capsys, "layout", "--domU", cloud, "--memory", "49M").status == 0
    mini_os = ("--kernel", "0", "0x566638", "--domU", "--memory", "28M")
    assert "page tables  : 0x578000 -> 0x57f000" in run(capsys, "layout", *mini_os).out


def test_what_libxenguest_does_not_load(capsys: Capture, tmp_path: Path) -> None:
    """What libelf refuses no loader takes."""
    path = tmp_path / "plain.elf"
    path.write_bytes(elf())
    ran = run(capsys, "layout", "--domU", str(path), "--memory", "28M")
    assert_refused(
        ran, "expected ELF notes for Xen", "No ELF notes or", "xc_dom_find_loader: no loader found"
    )
    gone = run(capsys, "layout", "--domU", str(tmp_path / "none"), "--memory", "28M")
    assert_refused(gone, "can't be read: No such file")
    assert "loader" not in gone.err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--domU",), "argument --domU: expected --memory beside it"),
        (("--memory", "28M", "--nr-pages", "99"), "argument --memory: not allowed without argument --domU"),
        (
            ("--domU", "--memory", "28M", "--dom0-mem", "1G"),
            "argument --domU: not allowed with argument --dom0-mem",
        ),
        (("--domU", "--memory", "28M", "--version", "compat"), "not allowed with argument --version"),
        (("--domU", "--memory", "28M", "--shim"), "not allowed with argument --shim"),
        (("--domU", "--memory", "1K"), "argument --memory: expected"),
    ],
)
def test_what_does_not_go_with_a_domu(capsys: Capture, kernel: str, argv: tuple[str, ...], told: str) -> None:
    """A domU has memory in MiB and nothing of dom0's."""
    assert_refused(run(capsys, "layout", kernel, *argv), told)
