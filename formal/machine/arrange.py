"""Arranging dom0's segments by moving a cursor: the frame machine's way from options to a layout.

Nothing is calculated that can be done by moving: the region's end is found by stepping, and the tables
that it needs are those which a walk over the region reaches. So agreement with the formulas
of ``ptproof.encodings``, which are not imported here, means something.

Facts: DOMAIN.md sections 2 to 4; ``dom0_construct()`` in Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.22).
"""

from itertools import count
from typing import Final

from ..edge.limits import most
from ..layouts.layout import ADDRESS_LIMIT, Configuration, Layout, Segment
from ..layouts.paging import PAGE_SHIFT, PAGE_SIZE, Level, PagingMode
from ..layouts.what_if import WhatIf
from ..layouts.xen_version import XenVersion

ROUNDING = 4 << 20
"""The region ends at a multiple of this many bytes ..."""
PADDING = 512 << 10
"""... and at least this many bytes above the boot stack."""

ARRANGE_LIMIT: Final = most(seconds=3e-9, memory=0.1)
"""The largest region that `arrange` walks over, in pages (2.5 TiB)."""

FRAME_WORK: Final = 30
"""A frame that is set aside, and not needed, takes the machine as much as this many pages."""

FIRST_TRIED = 2
"""The number of page-table frames that the search starts from, as Xen's does."""


class TooLarge(ValueError):
    """The region has more ``pages`` than the machine executes in reasonable time: ``limit``.

    Where it sets ``frames`` aside that it can't need, each takes as much as `FRAME_WORK` pages.
    """

    def __init__(self, pages: int, limit: int, frames: int = 0) -> None:
        has = f"sets {frames} frames aside, which takes as much as" if frames else "has"
        super().__init__(f"the region {has} {pages} pages: the frame machine executes at most {limit}")
        self.pages = pages
        self.limit = limit


def arrange(configuration: Configuration, version: XenVersion | None = None) -> Layout:
    """Where the builder lays each segment, and how many page-table frames it sets aside; or an older one, its own way.

    A 32-bit guest's region that ends above 4 GiB, which Xen refuses, is given the four L2 that Xen counts, and
    not the five or more that the builder would take.

    Raises:
        TooLarge: the region has more than `ARRANGE_LIMIT` pages; a kernel below ``virt_base`` makes
            the region wrap, and ends here too.
    """
    if version is not None:
        configuration = version.configured(configuration)
    mode = configuration.mode
    kernel_end = _page_above(configuration.kernel.end)
    if configuration.mod_start_pfn:
        initrd = Segment(0, 0)
        p2m_start = kernel_end
    else:
        initrd = _segment(kernel_end, configuration.initrd_len)
        p2m_start = _page_above(initrd.end)

    p2m = _segment(p2m_start, configuration.nr_pages * mode.p2m_entry)
    start_info_start = _page_above(p2m.end)
    if configuration.init_p2m is not None and mode.bits == 64:
        start_info_start = p2m_start
        p2m = _segment(configuration.init_p2m, configuration.nr_pages * mode.p2m_entry)

    start_info = _segment(start_info_start, configuration.start_info_size)
    vpt_start = _page_above(start_info.end)
    xenstore = console = None
    if configuration.shim:
        xenstore = _segment(vpt_start, PAGE_SIZE)
        console = _segment(xenstore.end, PAGE_SIZE)
        vpt_start = console.end
    else:
        size = configuration.start_info_size + configuration.vga_console_info_size
        start_info = _segment(start_info_start, size)

    nr_pt_pages, region_end = _search(
        mode, configuration.virt_base, vpt_start, version, configuration.what_if
    )
    page_tables = _segment(vpt_start, nr_pt_pages * PAGE_SIZE)
    return Layout(
        mode=mode,
        kernel=configuration.kernel,
        initrd=initrd if initrd.size else None,
        p2m=p2m,
        start_info=start_info,
        xenstore=xenstore,
        console=console,
        page_tables=page_tables,
        boot_stack=_segment(page_tables.end, PAGE_SIZE),
        total=Segment(configuration.virt_base, region_end),
        what_if=configuration.what_if,
    )


def region_end(stack_end: int, rounding: int = ROUNDING, padding: int = PADDING) -> int:
    """Where a region ends whose boot stack ends at ``stack_end``, found by stepping upwards.

    Addresses go on past 2**64 in here. ``rounding`` and ``padding``, in bytes, are Xen's unless said otherwise.
    """
    aligned = stack_end - stack_end % rounding
    while aligned < stack_end:
        aligned += rounding
    return aligned if aligned - stack_end >= padding else aligned + rounding


def rounding_of(what_if: WhatIf | None) -> int:
    """What the region's end is a multiple of, in bytes: Xen's unless it is asked what if."""
    return (what_if and what_if.rounding) or ROUNDING


def padding_of(what_if: WhatIf | None) -> int:
    """What is left above the boot stack at least, in bytes: likewise."""
    return PADDING if what_if is None or what_if.padding is None else what_if.padding


def _end(stack_end: int, what_if: WhatIf | None) -> int:
    """Where the region ends. More padding than the rounding, which Xen doesn't have, is passed by like a longer stack."""
    rounding, padding = rounding_of(what_if), padding_of(what_if)
    if padding <= rounding:
        return region_end(stack_end, rounding, padding)
    return region_end(stack_end + padding, rounding, 0)


def touched(mode: PagingMode, start: int, end: int) -> int:
    """How many table frames a walk over the addresses [start, end) comes to.

    A level with a fixed number of tables has these wherever the walk goes; what the walk reaches beyond
    them, as a 32-bit guest's does above 4 GiB, is counted, too.

    Raises:
        TooLarge: the walk is longer than `ARRANGE_LIMIT` pages.
    """
    return sum(touched_by_level(mode, start, end).values())


def touched_by_level(mode: PagingMode, start: int, end: int) -> dict[str, int]:
    """The same by the levels' names, the root first. Raises `TooLarge`, too."""
    _check_length(start, end)
    found = {}
    for level in reversed(mode.counted_levels):
        frontier = _block_start(level, start)
        if level.fixed is not None:
            frontier = end if level is mode.levels[-1] else max(frontier, level.fixed << level.shift)
        found[level.name] = (level.fixed or 0) + _walk_on({level: frontier}, end)
    return found


def _search(
    mode: PagingMode, v_start: int, vpt_start: int, version: XenVersion | None, what_if: WhatIf | None
) -> tuple[int, int]:
    """The first count of frames that is enough for the region it makes, and that region's end.

    Addresses go on past 2**64 in here, so that the walk never turns back; as the region grows it goes on from
    where it was. A level with a fixed number of tables gets these and no others, as Xen counts.
    """
    frontiers = _frontiers(mode, v_start)
    tables = _taken_anyway(mode)
    if version is not None:
        tables += version.heap_frames
        if version.by_length:
            frontiers[mode.levels[0]] = v_start
    nr_pt_pages = FIRST_TRIED if what_if is None or what_if.first_tried is None else what_if.first_tried
    stack_end = v_start + (vpt_start - v_start) % ADDRESS_LIMIT + (nr_pt_pages + 1) * PAGE_SIZE
    padding = padding_of(what_if)
    v_end = v_start
    while True:
        if stack_end + padding > v_end:  # so little isn't left any more: the region ends further up
            v_end = _end(stack_end, what_if)
            _check_length(v_start, v_end)
            tables += _walk_on(frontiers, v_end)
        if tables <= nr_pt_pages:
            return nr_pt_pages, v_end % ADDRESS_LIMIT
        nr_pt_pages += 1
        stack_end += PAGE_SIZE


def _taken_anyway(mode: PagingMode) -> int:
    """How many tables are taken whatever the region: those of the levels with a fixed number of tables."""
    return sum(level.fixed or 0 for level in mode.counted_levels)


def _frontiers(mode: PagingMode, start: int) -> dict[Level, int]:
    """Where a walk that begins at ``start`` comes to its next table, by level: at first to the start's own."""
    return {level: _block_start(level, start) for level in mode.counted_levels if level.fixed is None}


def _walk_on(frontiers: dict[Level, int], end: int) -> int:
    """Step from table to table up to ``end``, moving the frontiers; how many tables the steps came to."""
    entered = 0
    for level, frontier in frontiers.items():
        step = 1 << level.shift
        for at in count(frontier, step):
            if at >= end:
                frontiers[level] = at
                break
            entered += 1
    return entered


def _block_start(level: Level, address: int) -> int:
    """The first address that the same table of the level maps."""
    return address - address % (1 << level.shift)


def _check_length(start: int, end: int) -> None:
    pages = (end - start) >> PAGE_SHIFT
    if pages > ARRANGE_LIMIT:
        raise TooLarge(pages, ARRANGE_LIMIT)


def _segment(start: int, size: int) -> Segment:
    return Segment(start, (start + size) % ADDRESS_LIMIT)


def _page_above(address: int) -> int:
    """The first page boundary at or above an address, which may wrap to 0."""
    return (address + -address % PAGE_SIZE) % ADDRESS_LIMIT
