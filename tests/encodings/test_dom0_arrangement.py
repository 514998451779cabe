"""The dom0 layout by formulas: against real Xen, and against the frame machine that moves a cursor."""

import json
import time
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import agreement
import pytest
from agreement import differences, differs
from attrs import evolve
from ptproof.encodings.dom0_arrangement import LONGEST, Span, arrangement, count, laid_out
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, FIVE_LEVEL, PAGE_SIZE, TWO_LEVEL, X86_64, PagingMode
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.words.word import number, word
from ptproof.formal.xen.random_layouts import configurations

MIB, GIB = 1 << 20, 1 << 30
REAL_XEN = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "real-xen-layouts.jsonl").read_text().splitlines()
]


def configuration_of(record: dict[str, Any]) -> Configuration:
    """What a real Xen was given."""
    return Configuration(
        mode=COMPAT if record["bits"] == 32 else X86_64,
        virt_base=int(record["virt_base"], 16),
        kernel=Segment(*(int(address, 16) for address in record["kernel"])),
        nr_pages=record["nr_pages"],
        initrd_len=record["initrd_len"],
        init_p2m=int(record["init_p2m"], 16) if record["init_p2m"] else None,
    )


@pytest.mark.parametrize("record", REAL_XEN, ids=range(len(REAL_XEN)))
def test_real_xen(record: dict[str, Any]) -> None:
    """Every segment lies where real Xen printed it, and the count is real Xen's."""
    layout = laid_out(configuration_of(record))
    segments = {
        "phys_mach_map": layout.p2m,
        "start_info": layout.start_info,
        "page_tables": layout.page_tables,
        "boot_stack": layout.boot_stack,
        "total": layout.total,
    }
    for name, segment in segments.items():
        if name in record:
            assert segment == Segment(*(int(address, 16) for address in record[name])), name
    assert layout.nr_pt_pages == record["nr_pt_frames"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=["64", "32"])
def test_the_frame_machine_agrees(mode: PagingMode, seed: int) -> None:
    """Random configurations of every kind, near all borders, lie alike and take as many frames at each level."""
    assert list(differences(mode, seed, 250, memory_limit=1 << 32)) == []


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=["64", "32"])
def test_the_frame_machine_agrees_with_other_structures(mode: PagingMode) -> None:
    """Also for a shim, and where start_info and the console's part of it have other sizes."""
    draw = Random(mode.bits)
    for configuration in configurations(159, 300, mode=mode, memory_limit=1 << 32):
        varied = evolve(
            configuration,
            shim=draw.random() < 0.5,
            start_info_size=draw.choice([1168, 1168, 4056, 4057, 4096, 1]),
            vga_console_info_size=draw.choice([40, 36, 0, 4096]),
        )
        assert differs(varied) == "", varied


def test_a_difference_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A formula that lays out a page further, or counts a table more, is noticed."""
    plain = Configuration(kernel=Segment(MIB, 2 * MIB), nr_pages=4096)
    assert differs(plain) == ""
    with monkeypatch.context() as patched:
        patched.setattr(
            agreement, "laid_out", lambda each: laid_out(evolve(each, initrd_len=each.initrd_len + PAGE_SIZE))
        )
        assert differs(plain).startswith("the formulas lay out")
    monkeypatch.setattr(agreement, "tables_by_level", lambda *_: [number(1), number(1), number(1), number(3)])
    assert differs(plain) == (
        "the formulas count {'L1': 3, 'L2': 1, 'L3': 1, 'L4': 1}, "
        "the machine takes {'L1': 2, 'L2': 1, 'L3': 1, 'L4': 1}"
    )


@pytest.mark.parametrize("mode", [TWO_LEVEL, FIVE_LEVEL], ids=["two", "five"])
def test_other_modes(mode: PagingMode) -> None:
    """Modes that no Xen of today has are laid out alike, too."""
    draw = Random(mode.name)
    for _ in range(100):
        base = draw.randrange(1 << 31) & -PAGE_SIZE
        size = draw.choice([4096, 4 * MIB, 64 * MIB, GIB])
        configuration = Configuration(
            mode=mode,
            virt_base=base,
            kernel=Segment(base + 64, base + 64 + draw.randrange(size)),
            nr_pages=draw.randrange(1 << 20),
            initrd_len=draw.randrange(4 * MIB),
        )
        assert laid_out(configuration) == arrange(configuration)


def test_a_32_bit_region_above_4_gib() -> None:
    """A 32-bit guest gets four L2 counted wherever its region lies, by formulas and by the machine."""
    configuration = Configuration(
        mode=COMPAT, virt_base=6 * GIB, kernel=Segment(6 * GIB, 7 * GIB), nr_pages=999
    )
    assert laid_out(configuration) == arrange(configuration)
    assert laid_out(configuration).nr_pt_pages == 1 + 4 + 514


@pytest.mark.parametrize(
    ("base", "size"),
    [(0, LONGEST), (2**64 - 4 * MIB, 2 * MIB), (2**63, 2**62), (1 << 12, LONGEST - 12345)],
)
def test_large_and_wrapping_regions_take_no_time(base: int, size: int) -> None:
    """Regions of any size up to 2^63 bytes are laid out at once, and their count is the least that is enough."""
    began = time.process_time()
    kernel = Segment(base, (base + size) % 2**64)
    layout = laid_out(Configuration(virt_base=base, kernel=kernel, nr_pages=0, initrd_len=0))
    assert time.process_time() - began < 1
    assert layout.nr_pt_pages >= size >> 21


def test_leaps_skip_no_count() -> None:
    """The count of a region of many GiB is the first that is enough: one less is not."""
    draw = Random(7)
    for mode in (X86_64, COMPAT):
        for _ in range(200):
            base = draw.randrange(1 << 46) & -PAGE_SIZE
            vpt_start = base + (draw.randrange(1 << draw.randrange(13, 45)) & -PAGE_SIZE)
            found, _ = count(mode, base, vpt_start)
            for fewer in range(max(2, found - 5), found):
                stack_end = vpt_start + (fewer + 1) * PAGE_SIZE
                end = -(-(stack_end + 512 * 1024) // (4 * MIB)) * (4 * MIB)
                spans = [(end - 1 >> shift) - (base >> shift) + 1 for shift in (39, 30, 21)]
                needed = 1 + sum(spans) if mode is X86_64 else spans[0] + 4 + spans[2]
                assert needed > fewer


@pytest.mark.parametrize(
    "options",
    [
        {"kernel": Segment(0, LONGEST + 1)},
        {"kernel": Segment(0, MIB), "virt_base": 2 * MIB},
        {"kernel": Segment(0, MIB), "initrd_len": 2**64 - 1},
        {"kernel": Segment(0, MIB), "nr_pages": 2**61},
    ],
)
def test_longer_regions_are_refused(options: dict[str, Any]) -> None:
    """A region longer than 2^63 bytes is refused in one line: there the formulas count in circles."""
    with pytest.raises(
        InputError, match=r"^the region: expected at most 0x8000000000000000 bytes .* found 0x"
    ):
        laid_out(Configuration(**({"nr_pages": 9} | options)))


@pytest.mark.parametrize(("mapped", "inside", "shim"), list(product([False, True], repeat=3)))
@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=["64", "32"])
def test_one_formula_for_each_choice(mode: PagingMode, mapped: bool, inside: bool, shim: bool) -> None:
    """Applied to inputs the arrangement is terms, with what isn't there left out; applied to numbers, numbers."""
    inputs = [word(name) for name in ("base", "start", "end", "pages", "initrd", "p2m", "info", "vga")]
    numbers = [number(value) for value in (0, MIB, MIB + 5, 1024, 5001, 1 << 39, 1168, 40)]
    for base, start, end, pages, initrd, p2m, info, vga in (inputs, numbers):
        found = arrangement(
            mode,
            virt_base=base,
            kernel=Span(start, end),
            nr_pages=pages,
            initrd_len=initrd if mapped else None,
            init_p2m=None if inside else p2m,
            shim=shim,
            start_info_size=info,
            vga_console_info_size=vga,
        )
        assert (found.initrd is None) != mapped
        assert (found.xenstore is None) == (found.console is None) != shim
        assert found.v_start is base
    layout = laid_out(
        Configuration(
            mode=mode,
            kernel=Segment(MIB, MIB + 5),
            nr_pages=1024,
            initrd_len=5001,
            mod_start_pfn=not mapped,
            init_p2m=None if inside else 1 << 39,
            shim=shim,
        )
    )
    assert int(found.vpt_start) == layout.vpt_start
    assert layout.p2m == Segment(int(found.p2m.start), int(found.p2m.end))
