"""How the frame machine judges an image with so much memory and such an initrd.

Only the machine is asked, and calculations on plain integers that step as Xen's code does. What the model says of n is
compared with it, and so is what it says of whether Xen goes on to build.
"""

from collections.abc import Callable
from typing import Final

from attrs import evolve

from ...formal.edge.amounts import exactly
from ...formal.layouts.dom0_mem import Dom0Mem, capped
from ...formal.layouts.layout import ADDRESS_LIMIT, Configuration, Layout
from ...formal.layouts.paging import PAGE_SIZE, PagingMode
from ...formal.logic.verdict import MachineDisagreesError, Replay
from ...formal.machine.arrange import FIRST_TRIED, TooLarge, arrange, region_end, touched
from ...formal.machine.builder import XEN_ROOT_SLOTS, table_offset
from ...formal.machine.refusals import (
    LOWER_HALF_END,
    UPPER_HALF_START,
    WORST_HOST,
    refusing_frames,
    refusing_hosts,
    too_little,
)
from ...formal.machine.replay import misaligned, overlaps_xen
from ..shared.replays import TOO_LARGE, Judge, Values, agreed, by_the_cap, seen
from .image_space import Kernel

Holds = Callable[[Configuration, Layout], tuple[bool, str]]
STEPS: Final = 1 << 21
"""How many counts a search on integers tries: one of a region that comes full circle tries half a million."""


def booted(kernel: Kernel, values: Values) -> Configuration:
    """The image with the memory and the initrd of the values, the memory after the cap if the question is about the cap."""
    given = evolve(
        kernel.configuration, nr_pages=values.get("nr_pages", 0), initrd_len=values.get("initrd_len", 0)
    )
    return evolve(given, nr_pages=capped(given, Dom0Mem(), None)) if kernel.capped else given


def located(kernel: Kernel, holds: Holds) -> Judge:
    """Judges the machine's layout of the image."""

    def judge(values: Values) -> Replay:
        given = booted(kernel, values)
        try:
            layout = arrange(given)
        except TooLarge:
            return Replay(None, TOO_LARGE)
        agreed("n", values["n"], layout.nr_pt_pages)
        verdict, says = holds(given, layout)
        refused = too_little(given, layout)
        if refused is not None and holds is not built:
            raise MachineDisagreesError(f"built in the model, not on the machine: {refused}")
        if kernel.capped:
            says = f"{by_the_cap(values['nr_pages'], given.nr_pages)}; {says}"
        return Replay(verdict, says, seen(layout))

    return judge


def built(configuration: Configuration, layout: Layout) -> tuple[bool, str]:
    """Whether Xen goes on to build."""
    refused = too_little(configuration, layout)
    return refused is None, refused or f"Xen builds it: n = {layout.nr_pt_pages}"


def ends_in_space(_configuration: Configuration, layout: Layout) -> tuple[bool, str]:
    """Whether the region ends by 2^64."""
    past = layout.v_start + layout.total.size - ADDRESS_LIMIT
    return past <= 0, (
        f"the region ends {exactly(abs(past))} {'past' if past > 0 else 'short of'} 2^64"
        + (", which Xen doesn't notice" if past > 0 and not overlaps_xen(layout) else "")
    )


def off_xens_area(_configuration: Configuration, layout: Layout) -> tuple[bool, str]:
    """Whether no address of the region, stepped through by root entries, is Xen's."""
    end = layout.v_start + layout.total.size
    refused = "refuses it" if overlaps_xen(layout) else "doesn't notice"
    region = f"the region lies from {layout.v_start:#x} to {end:#x}"
    if layout.mode.bits == 32:
        return not overlaps_xen(layout), f"{region}, and Xen {refused}"
    root = layout.mode.levels[-1]
    stride = 1 << root.entry_shift
    steps = [layout.v_start, *range(layout.v_start - layout.v_start % stride + stride, end, stride)]
    hit = sorted({table_offset(root, each) for each in steps} & set(XEN_ROOT_SLOTS[layout.mode.name]))
    return not hit, f"{region}, in root slots of Xen's: {hit or 'none'}" + (f"; Xen {refused}" if hit else "")


def off_the_hosts(kernel: Kernel) -> Judge:
    """Judges the same of a 32-bit image with the note HV_START_LOW, on a host with ``max_page`` frames."""

    def judge(values: Values) -> Replay:
        def holds(_configuration: Configuration, layout: Layout) -> tuple[bool, str]:
            frames = refusing_frames(layout)
            end = layout.v_start + layout.total.size
            region = f"the region lies from {layout.v_start:#x} to {end:#x}"
            worst = "" if frames in (None, 1) else f". {WORST_HOST}"
            return (
                frames is None or values["max_page"] < frames,
                f"{region}, and Xen refuses it {refusing_hosts(layout)}{worst}",
            )

        return located(kernel, holds)(values)

    return judge


def canonical(_configuration: Configuration, layout: Layout) -> tuple[bool, str]:
    """Whether the region starts in the upper half, or stays within the lower one."""
    end = layout.v_start + layout.total.size
    fits = layout.v_start >= UPPER_HALF_START or end <= LOWER_HALF_END
    return fits, f"the region lies from {layout.v_start:#x} to {end:#x}" + (
        ""
        if fits
        else f", past {LOWER_HALF_END:#x}, and Xen {'refuses it' if overlaps_xen(layout) else 'does not notice'}"
    )


def aligned(name: str, unit: int) -> Holds:
    """Whether the machine's region, or its kernel, starts at a multiple of a unit."""

    def holds(configuration: Configuration, layout: Layout) -> tuple[bool, str]:
        kernel = layout.kernel or configuration.kernel
        start = kernel.start if name == "kernel-start" else layout.v_start
        off = start % unit
        if not off:
            return True, f"{start:#x} is a multiple of {unit}"
        fatal = misaligned(layout) and name == "page"
        return False, f"{start:#x} is {off} bytes past a multiple of {unit}" + (
            f": Xen dies of tables that are {misaligned(layout)} bytes off a page" if fatal else ""
        )

    return holds


def lowered(kernel: Kernel) -> Judge:
    """Judges what the cap makes of the memory, by ``formal.dom0_mem``."""

    def judge(values: Values) -> Replay:
        given = booted(kernel, values)
        pages = capped(given, Dom0Mem(), None)
        return Replay(pages <= given.nr_pages, by_the_cap(given.nr_pages, pages))

    return judge


def counted(kernel: Kernel) -> Judge:
    """Judges the count: on the machine, or, for a region that comes full circle, by stepping through the search."""

    def judge(values: Values) -> Replay:
        given = booted(kernel, values)
        try:
            layout = arrange(given)
        except TooLarge:
            return _stepped(given, values["n"])
        agreed("n", values["n"], layout.nr_pt_pages)
        took = touched(layout.mode, layout.v_start, layout.v_start + layout.total.size)
        says = f"{layout.nr_pt_pages} frames are set aside, a walk over the region touches {took} tables"
        return Replay(took == layout.nr_pt_pages, says, seen(layout))

    return judge


def _stepped(given: Configuration, found: int) -> Replay:
    """Xen's search on integers that wrap, and the region that it makes counted on integers that don't."""
    start = given.virt_base
    mapped = 0 if given.mod_start_pfn else given.initrd_len
    elsewhere = given.init_p2m is not None and given.mode.bits == 64
    at = given.kernel.end
    for size in (0, mapped, 0 if elsewhere else given.nr_pages * given.mode.p2m_entry, PAGE_SIZE):
        at = -(-(at + size) // PAGE_SIZE) * PAGE_SIZE
    for tried in range(FIRST_TRIED, STEPS):
        end = region_end(at + (tried + 1) * PAGE_SIZE)
        if _counted_by_xen(given.mode, start, end % ADDRESS_LIMIT) <= tried:
            agreed("n", found, tried)
            took = sum(
                ((end - 1) >> level.shift) - (start >> level.shift) + 1
                if level.fixed is None
                else level.fixed
                for level in given.mode.counted_levels
            )
            return Replay(
                took == tried,
                f"Xen's search stops at {tried}, and the region from {start:#x} to {end:#x} takes {took} tables; "
                "Xen then refuses the boot for lack of memory",
            )
    return Replay(None, TOO_LARGE)


def _counted_by_xen(mode: PagingMode, start: int, end: int) -> int:
    """The tables that Xen's code counts, all in 64 bits."""
    total = 0
    for level in mode.counted_levels:
        if level.fixed is None:
            mask = (1 << level.shift) - 1
            up = (end + mask) % ADDRESS_LIMIT & ~mask
            total += ((up - (start & ~mask)) % ADDRESS_LIMIT) >> level.shift
        else:
            total += level.fixed
    return total
