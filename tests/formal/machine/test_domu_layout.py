"""A domU laid out by libxenguest's steps: against what it printed itself, and up to where it refuses."""

import re
from typing import Any

import pytest
from attrs import evolve
from domu_cases import FIELD, LINUX, MIB, TOP
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT
from ptproof.formal.machine.domu_layout import (
    DomuLayout,
    lay_out_domu,
    least_memory,
    overlooked,
    own_p2m,
    printed,
)

MINI_OS = Configuration(kernel=Segment(0, 0x566638), nr_pages=28 << 8)


def linux(**changes: Any) -> DomuLayout:
    """A Linux, otherwise."""
    return lay_out_domu(evolve(LINUX, **changes))


def test_as_libxenguest_printed_it() -> None:
    """Every line on a segment, a page, or tables of the log of a Mini-OS; its kernel's end was rounded up before 4.19."""
    log = (FIELD / "domu-builder.log").read_text()
    wanted = re.findall(
        r"detail: ((?:xc_dom_alloc_\w+|count_pgtables|xc_dom_build_image) *: .*)$", log, re.MULTILINE
    )
    wanted = [each for each in wanted if "called" not in each]
    found = list(printed(lay_out_domu(MINI_OS)))
    assert found == [each.replace("0x0 -> 0x567000", "0x0 -> 0x566638") for each in wanted]
    assert len(found) == 12


def test_what_is_not_mapped_lies_behind_the_region() -> None:
    """An initrd with MOD_START_PFN, and a p2m at an address of its own with its tables, come after the region's pages."""
    layout = linux()
    assert layout.refused is None
    region = 48 * MIB >> 12
    assert [(piece.name, piece.pfn, piece.pages) for piece in layout.pieces[-2:]] == [
        ("module0", region, 0x124),
        ("phys2mach", region + 0x124, 32 + 3),
    ]
    assert layout.v_end == TOP + 48 * MIB
    names = [piece.name for piece in linux(mod_start_pfn=False, init_p2m=None).pieces]
    assert names == [
        *("kernel", "module0", "phys2mach", "start info", "xenstore", "console", "page tables", "boot stack")
    ]


@pytest.mark.parametrize(
    ("init_p2m", "changes", "own"),
    [
        (0x8000000000, {}, 0x8000000000),
        (0x8000000800, {}, None),
        (TOP, {}, None),
        (TOP - 0x1000, {}, TOP - 0x1000),
        (0x1000, {"virt_base": 0}, None),
        (0, {"mode": COMPAT}, None),
        (None, {}, None),
    ],
)
def test_where_the_note_init_p2m_counts(
    init_p2m: int | None, changes: dict[str, Any], own: int | None
) -> None:
    """libxenguest takes it of a 64-bit kernel only, on a page, and below VIRT_BASE."""
    assert own_p2m(evolve(LINUX, init_p2m=init_p2m, **changes)) == own


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"nr_pages": 0x2000}, "xc_dom_chk_alloc_pages: segment kernel too large (0x1c00 > 0x2000 - 0x1000 pages)"),
        ({"nr_pages": 0xFFF}, "xc_dom_chk_alloc_pages: segment padding too large (0x1000 > 0xfff - 0x0 pages)"),
        ({"nr_pages": 0x2C00}, "xc_dom_chk_alloc_pages: segment start info too large (0x1 > 0x2c00 - 0x2c00 pages)"),
        ({"nr_pages": 0x2F00}, "count_pgtables: not enough memory for initial mapping (0x2fff > 0x2f00)"),
        ({"nr_pages": 0x3000}, "xc_dom_chk_alloc_pages: segment module0 too large (0x124 > 0x3000 - 0x3000 pages)"),
        ({"nr_pages": 0x3130}, "count_pgtables: not enough memory for initial mapping (0x313c > 0x3130)"),
        ({"nr_pages": 0x313D}, "xc_dom_chk_alloc_pages: segment phys2mach too large (0x1c > 0x313d - 0x3124 pages)"),
        ({"kernel": Segment(TOP + 8, TOP + MIB)}, "xc_dom_alloc_pad: segment boundary isn't page aligned (0xffffffff80000008)"),
        ({"init_p2m": TOP - 2 * MIB, "nr_pages": 1 << 24}, "count_pgtables: Assertion `map->lvls[l].from >= map_cmp->lvls[l].from || map->lvls[l].to <= map_cmp->lvls[l].to' failed"),
    ],
)  # fmt: skip
def test_what_it_refuses(changes: dict[str, Any], told: str) -> None:
    """With libxenguest's words and values."""
    assert linux(**changes).refused == told


def test_the_least_memory() -> None:
    """A MiB less is refused for want of memory; an image that is refused whatever its memory has none."""
    for given, mib in ((MINI_OS, 8), (LINUX, 50), (evolve(MINI_OS, mode=COMPAT), 8)):
        least = least_memory(given)
        assert least == mib << 8
        assert lay_out_domu(evolve(given, nr_pages=least)).refused is None
        assert lay_out_domu(evolve(given, nr_pages=least - 256)).refused is not None
    assert least_memory(evolve(LINUX, kernel=Segment(TOP + 8, TOP + MIB))) is None
    assert least_memory(Configuration(kernel=Segment(TOP, TOP + MIB), nr_pages=1)) is None


def test_an_overlap_that_it_does_not_notice() -> None:
    """A p2m that begins below the region and reaches into it is mapped all the same."""
    layout = linux(init_p2m=TOP - MIB, nr_pages=1 << 18)
    assert layout.refused is None
    told = overlooked(layout)
    assert told is not None
    assert told.startswith("The p2m at INIT_P2M overlaps the region: libxenguest doesn't notice")
    assert overlooked(linux()) is None
    assert overlooked(linux(init_p2m=TOP - 2 * MIB, nr_pages=1 << 18)) is None
    assert overlooked(linux(nr_pages=1)) is None
