"""What the reader of boot logs promises."""

import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_rules import INDEX, LOGS
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.arrangement import LABELS, arrangement
from ptproof.formal.layouts.layout import Layout, Segment
from ptproof.formal.layouts.paging import COMPAT, PAGE_SIZE, X86_64
from ptproof.formal.logs.boot_log import Boot, layout_of
from ptproof.formal.logs.boot_log_reader import _Reader, read_boots, read_log
from ptproof.formal.logs.boot_log_text import plain_blocks
from ptproof.formal.logs.log_window import LIMIT

WHOLE = (LOGS / "030.log").read_text()
SEGMENTS = ("kernel", "initrd", "p2m", "start_info", "page_tables", "boot_stack", "total")


def only(data: bytes | str) -> Boot:
    (boot,) = read_boots(data, "x.log")
    return boot


def assert_read_or_refused(data: bytes) -> None:
    """There are boots in ``data``, or there is an InputError of one line."""
    message = ""
    boots: tuple[Boot, ...] = ()
    try:
        boots = read_boots(data, "x.log")
    except InputError as error:
        message = str(error)
    assert bool(boots) != bool(message)
    assert "\n" not in message


@pytest.mark.parametrize("name", INDEX)
def test_index(name: str) -> None:
    """Each log of the field holds one boot, with the addresses that the index gives."""
    (boot,) = read_log(LOGS / name)
    for field in SEGMENTS:
        segment = boot.segment(field)
        found = segment and [hex(segment.start), hex(segment.end)]
        assert found == INDEX[name].get(field), field
    assert (boot.width or INDEX[name]["width"]) == INDEX[name]["width"]
    assert boot.problems == ()


def test_every_kind_of_line() -> None:
    """Notes of the image, both kernels' lines, and figures are read with the line that each is on."""
    boot = only((LOGS / "011.log").read_text())
    assert (boot.virt_base, boot.p2m_base, boot.mod_start_pfn) == (0xFFFFFFFF80000000, 0x8000000000, 1)
    assert (boot.xen_width, boot.width, boot.pae, boot.digits) == (64, 64, True, 16)
    assert boot.paddr == Segment(0x1000000, 0x2698000)
    assert boot.alloc == Segment(0x270000000, 0x274000000)
    assert boot.pages_to_be_allocated == 1027107
    assert boot.initrd_image == Segment(0x27EC23000, 0x27FFFF463)
    assert boot.initrd == Segment(0, 0)
    assert boot.entry == 0xFFFFFFFF821B0180
    assert boot.lines["page_tables"] == 31


def test_symbol_map() -> None:
    """The symbol table of a NetBSD kernel is read."""
    assert only((LOGS / "024.log").read_text()).symbol_map == Segment(0xFFFFFFFF81068000, 0xFFFFFFFF811B5BD8)


def test_banner() -> None:
    """Xen's banner gives the version; what Linux says of Xen's version later on does not."""
    boot = only(f"(d2) (XEN) Xen version 4.8.3 (Debian) (gcc)\n{WHOLE}(d2) Xen version: 9.9 (preserve-AD)\n")
    assert boot.xen_version == "4.8.3"


def test_quoted_excerpt() -> None:
    """The excerpt in the mailing-list thread is read through its quoting and its wrapped line."""
    boot = only((LOGS / "quoted.txt").read_bytes())
    assert boot.domain == "d2"
    assert boot.pages_to_be_allocated == 240731
    assert layout_of(boot, X86_64) == layout_of(only(WHOLE), X86_64)


def test_two_ramdisks_by_heading() -> None:
    """The first ramdisk of a log is the image in memory, the second its mapping."""
    boot = only((LOGS / "005.log").read_text())
    assert boot.initrd_image == Segment(0x21C9EE000, 0x21EFFFE00)
    assert boot.initrd == Segment(0xFFFFFFFF8205F000, 0xFFFFFFFF84670E00)


@pytest.mark.parametrize("name", ["002.log", "005.log", "032.log", "033.log"])
def test_ramdisks_without_headings(name: str) -> None:
    """Without the headings, and even without the kernel's line, ramdisks are told apart."""
    text = (LOGS / name).read_text()
    lines = [line for line in text.splitlines() if "ARRANGEMENT" not in line and "Loaded kernel" not in line]
    whole, bare = only(text), only("\n".join(lines))
    assert (bare.initrd, bare.initrd_image) == (whole.initrd, whole.initrd_image)


def test_several_boots() -> None:
    """Boots in one file are kept apart, in order, cut ones too, whatever domain they are of."""
    names = ["031.log", "036.log", "031.log", "030.log", "032.log"]
    boots = read_boots("".join((LOGS / name).read_text() for name in names), "x.log")
    assert [boot.kernel for boot in boots] == [read_log(LOGS / name)[0].kernel for name in names]
    assert [boot.domain for boot in boots] == [None, None, None, "d2", None]


def test_interleaved_domains() -> None:
    """Lines of two domains that boot at once don't mix."""
    other = WHOLE.replace("(d2)", "(d3)").replace("00000000002ec000", "00000000002ed000")
    lines = [line for pair in zip(WHOLE.splitlines(), other.splitlines(), strict=True) for line in pair]
    boots = {boot.domain: boot for boot in read_boots("\n".join(lines), "x.log")}
    assert {name: boot.page_tables and boot.page_tables.start for name, boot in boots.items()} == {
        "d2": 0x2EC000,
        "d3": 0x2ED000,
    }


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("(XEN)  Page tables:   ffffffff8400g000->ffffffff84026000", "ffffffff8400g000"),
        ("(XEN)  Page tables:   ffffffff84001000->fffffff84026000", "fffffff84026000"),
        ("(XEN)  Page tables:   0x1ffffffff84001000->ffffffff84026000", "0x1ffffffff84001000"),
        ("(XEN)  Page tables:   ffffffff84001000=ffffffff84026000", "ffffffff84001000=ffffffff84026000"),
        ("(XEN)  Page tables:   ffffffff84001000->84026000", "ffffffff84001000->84026000"),
    ],
)
def test_malformed(line: str, found: str) -> None:
    """A figure that can't be read is reported with its line and what was found, and is left out."""
    boot = only(f"(XEN)  Loaded kernel: ffffffff81000000->ffffffff84000000\n{line}\n(XEN) x\n")
    assert boot.page_tables is None
    (problem,) = boot.problems
    assert problem.line == 2
    assert problem.message.startswith("Page tables: expected ")
    assert problem.message.endswith(f"found {found!r}")


def test_malformed_pages() -> None:
    """A number of pages that isn't one is reported."""
    boot = only(WHOLE.replace("(240731", "(24O731"))
    assert boot.pages_to_be_allocated is None
    assert boot.problems[0].message == "Dom0 alloc.: expected a number of pages, found '24O731'"


def test_cut_short() -> None:
    """A log that ends within a value says in which line; the figure is left out, without complaint."""
    boot = only(WHOLE[: WHOLE.index("00000000002f1000")])
    assert (boot.page_tables, boot.cut_at, boot.problems) == (None, 32, ())


@pytest.mark.parametrize("width", [8, 16])
@pytest.mark.parametrize("prefix", ["", "0x"])
def test_digits(width: int, prefix: str) -> None:
    """Addresses have 8 or 16 digits, with or without 0x."""
    text = f" Page tables:   {prefix}{0xC092C000:0{width}x}->{prefix}{0xC0938000:0{width}X}\n"
    assert only(text).page_tables == Segment(0xC092C000, 0xC0938000)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"nothing here", b"\xff\xfe\0\0", WHOLE[:700].encode()])
def test_no_boot(data: bytes) -> None:
    """A file that holds no boot is one clear line of an error."""
    with pytest.raises(InputError, match=r"^some\.log: expected a Xen boot log .*, found none$"):
        read_boots(data, "some.log")


def test_unreadable(tmp_path: Path) -> None:
    """A file that isn't there, or is a folder, is one clear line of an error."""
    for path in (tmp_path, tmp_path / "absent.log"):
        with pytest.raises(InputError, match=r"can't be read: "):
            read_log(path)


def test_prose() -> None:
    """Sentences about the lines are not taken for lines."""
    boot = only(
        "The 'Page tables: x->y' line. Note that Page tables: are many -> few.\n"
        "TOTAL: I think so\nStart info: see xen.h\n" + WHOLE
    )
    assert boot.problems == ()
    assert boot.page_tables == Segment(0x2EC000, 0x2F1000)


def test_all_on_one_line() -> None:
    """A log that lost its line breaks is still read."""
    assert layout_of(only(WHOLE.replace("\n", " ")), X86_64) == layout_of(only(WHOLE), X86_64)


@pytest.mark.parametrize(
    "junk",
    [
        "Loaded" + " " * 10**6,
        "\x1b[" + "1" * 10**6,
        "Page tables: " * 10**5,
        "(XEN)  Page tables: 0000000000000000 " * 5 * 10**4,
        "> " * 5 * 10**5,
        "a" * 2 * 10**6,
        "(XEN)  Page tables:   00000000002ec000->00000000002f1000\n" * 2 * 10**4,
        "\r" * 10**6,
    ],
    ids=["spaces", "colour", "labels", "values", "quotes", "long", "boots", "returns"],
)
def test_linear(junk: str) -> None:
    """A megabyte is read within seconds, whatever it is made of: no pattern looks at it again and again."""
    began = time.process_time()
    assert read_boots(f"{junk}\n{WHOLE}", "x.log")
    assert time.process_time() - began < 5


@pytest.mark.parametrize("seed", range(4))
def test_blocks(seed: int) -> None:
    """A boot that a block's end cuts is read like any other, with the lines that it stands in."""
    random = Random(seed)
    noise = ["(XEN) some other line\n", "> \n", " " * 90 + "\n", "total: none\n", "x" * 900 + "\n"]
    text = "".join(
        WHOLE + "".join(random.choices(noise, k=random.randrange(400))) for _ in range(60 - 10 * seed)
    )
    whole = read_boots(text, "x")
    for size in (50, 3000, 20_000, 70_000):
        reader = _Reader(plain_blocks(text, size), "x", 1)
        reader.read()
        assert tuple(reader.boots) == whole
    assert len(whole) == 60 - 10 * seed


@pytest.mark.parametrize("junk", [b"=\n", b"\xf0\x9f\x98\x80", b"Loaded "])
def test_memory(junk: bytes, tmp_path: Path) -> None:
    """The largest file takes less than 300 MB, whatever it is made of: logs are read as a stream."""
    file = tmp_path / "x.log"
    file.write_bytes(junk * (LIMIT // len(junk)))
    code = "import sys; from ptproof.formal.cli.main import main\nprint(main(['check-log', sys.argv[1]]))\n"
    code += "print(*(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, check=True, text=True)
    status, peak = done.stdout.splitlines()[0], int(done.stdout.split()[2])
    assert status == "2"
    assert peak << 10 < 300_000_000


addresses = st.integers(0, (1 << 52) - 1).map(lambda page: page * PAGE_SIZE)
segments = st.builds(Segment, addresses, addresses).filter(lambda each: each != Segment(0, 0))
optional = st.none() | segments
mapped = st.none() | segments.filter(lambda each: each.end > each.start)
layouts = st.builds(
    Layout,
    mode=st.sampled_from([X86_64, COMPAT]),
    kernel=segments,
    initrd=mapped,
    p2m=optional,
    start_info=optional,
    xenstore=optional,
    console=optional,
    page_tables=segments,
    boot_stack=optional,
    total=segments,
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(layouts, st.sampled_from(["", "(XEN) ", "(d7) (XEN) ", "> > ", "[    0.123456] (XEN) "]))
def test_round_trip(layout: Layout, prefix: str) -> None:
    """What is printed as an arrangement reads back as the same layout."""
    assert layout_of(only(arrangement(layout, entry=0x1000, prefix=prefix)), layout.mode) == layout


def test_form() -> None:
    """An arrangement has Xen's very lines: those of a log of Xen 4.17, character by character."""
    text = (LOGS / "022.log").read_text()
    layout = layout_of(only(text), X86_64)
    assert layout is not None
    expected = text[text.index("(XEN) VIRTUAL") :]
    assert arrangement(layout, entry=0xFFFFFFFF82B0DE00, prefix="(XEN) ") == expected


def test_shim_form() -> None:
    """The two rings have lines exactly when the layout has them, that is for the PV shim."""
    layout = layout_of(only(WHOLE), X86_64)
    assert layout is not None
    assert "ring" not in arrangement(layout)
    with_rings = Layout(
        page_tables=layout.page_tables, total=layout.total, xenstore=Segment(1, 2), console=Segment(2, 3)
    )
    assert [line.split(":")[0] for line in arrangement(with_rings).splitlines()[1:3]] == [
        " Xenstore ring",
        " Console ring",
    ]


pieces = st.sampled_from(
    [*(f"{label}:" for label in LABELS.values()), "->", "(", "ELF: note: VIRT_BASE = 0x"]
)
noise = st.lists(pieces | st.text(max_size=12) | st.from_regex(r"[0-9a-f]{8,16}"), max_size=60).map(" ".join)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.binary(max_size=300) | noise.map(lambda text: text.encode("utf-8", "replace")))
def test_garbage(data: bytes) -> None:
    """Whatever the bytes, there are boots, or there is an InputError of one line."""
    assert_read_or_refused(data)


@pytest.mark.parametrize("seed", range(40))
def test_damaged(seed: int) -> None:
    """A log with bytes put in, taken out or changed is read, or refused with an InputError."""
    random_bytes = Random(seed)
    data = bytearray(WHOLE.encode())
    for _ in range(40):
        at = random_bytes.randrange(len(data))
        data[at : at + random_bytes.randrange(3)] = random_bytes.randbytes(random_bytes.randrange(3))
    assert_read_or_refused(bytes(data))
