"""Where dom0's memory meets the host's: what of a layout lies over what the host's memory map doesn't call RAM.

Dom0's pseudo-physical addresses count from the region's start: Xen gives them whatever machine frames it has. But Linux
wants its own addresses to be like the host's, so that it can reach what isn't RAM there: what lies over such a range has to be
moved, which can't be done to a running kernel and its page tables.

Facts: ``dom0_construct()`` in Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.20: an initrd that isn't mapped follows the
allocation, the frames of a p2m of its own follow that); Linux' ``arch/x86/xen/setup.c`` and ``mmu_pv.c``, 4.3 and 6.12.
Addresses are pseudo-physical, in bytes, unless said.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from ..edge.amounts import exactly
from .arrangement import LABELS
from .layout import ADDRESS_LIMIT, Segment
from .paging import PAGE_SIZE

RAM: Final = "usable"
NVS: Final = "ACPI NVS"
GAP: Final = "nothing"
"""What the map calls a range that it doesn't have."""

_STEP: Final = 2 << 20
_FIXED: Final = {"kernel": "kernel", "start_info": "xen_start_info", "page_tables": "page table"}
"""What Linux can't move, with its name for each."""
_MOVED: Final = ("initrd", "p2m")
_CHECKED_LATE: Final = "start_info"


@frozen
class HostRange:
    """A range of the host's memory, what it is in the map's words, and the line that says so."""

    start: int
    end: int
    kind: str
    line: int = 0

    def is_reached_by(self, segment: Segment) -> bool:
        """Whether a segment ends past the range's start."""
        return segment.end > self.start

    def is_below(self, segment: Segment) -> bool:
        """Whether a segment starts at the range's end, or past it."""
        return segment.start >= self.end


@frozen
class HostMap:
    """The host's memory map; one that isn't ``whole`` has only the ranges that were listed, and no gaps."""

    title: str
    ranges: tuple[HostRange, ...]
    line: int = 0
    whole: bool = True

    def not_ram(self, low: int, high: int) -> Iterator[HostRange]:
        """What of [low, high) isn't RAM: ranges of other kinds, and gaps; each cut to that."""
        at = low
        for each in sorted(self.ranges, key=lambda found: (found.start, found.end)):
            start, end = max(each.start, low), min(each.end, high)
            if start >= end:
                continue
            if self.whole and start > at:
                yield HostRange(at, start, GAP)
            if each.kind != RAM:
                yield HostRange(start, end, each.kind, each.line)
            at = max(at, end)
        if self.whole and at < high:
            yield HostRange(at, high, GAP)


@frozen
class Conflict:
    """A segment that lies over what isn't RAM: ``over`` is the part that does."""

    name: str
    place: Segment
    over: HostRange

    @property
    def fatal(self) -> bool:
        """Whether Linux stops with it, or does in some version."""
        return self.name in _FIXED

    def __str__(self) -> str:
        """What lies where, by how much, and what Linux makes of it."""
        size = self.over.end - self.over.start
        line = f", line {self.over.line}," if self.over.line else ""
        kind = "isn't in it" if self.over.kind == GAP else f"is {self.over.kind}"
        return (
            f"{self.place.start:#x}->{self.place.end:#x} of dom0's memory lies over {self.over.start:#x}->{self.over.end:#x}, "
            f"which by the host's map{line} {kind}: {exactly(size)}. {self.linux}"
        )

    @property
    def linux(self) -> str:
        """What Linux makes of it."""
        if self.name in _MOVED:
            return "Linux since 4.3 moves it."
        if self.name not in _FIXED:
            return "Linux doesn't need it for long."
        words = f'"Xen hypervisor allocated {_FIXED[self.name]} memory conflicts with E820 map"'
        stops = f"stops with {words}"
        moves = "6.12 (and stable kernels that took it over) maps ACPI NVS elsewhere, if the host has RAM left for it"
        if self.name == _CHECKED_LATE:
            stops = f"overwrites it or stops, since 6.12 with {words}"
            moves = "6.12 maps ACPI NVS elsewhere, if the host has RAM left for it"
        return (
            f"Linux since 4.3 {stops}; {moves if self.over.kind == NVS else '6.12 helps with ACPI NVS only'}."
        )


def places(
    segments: Mapping[str, Segment | None],
    v_start: int,
    region: int,
    allocation: int | None,
    initrd_size: int,
) -> dict[str, Segment]:
    """Where the segments lie in dom0's memory.

    ``segments`` are virtual, ``region`` is the region's size, ``allocation`` what Xen allocated for it, and
    ``initrd_size`` that of an initrd that isn't mapped, all in bytes.
    """
    found = {}
    for name in LABELS:
        segment = segments.get(name)
        if name == "total" or segment is None or not segment.size:
            continue
        start = (segment.start - v_start) % ADDRESS_LIMIT
        if start < region:
            found[name] = Segment(start, start + segment.size)
        elif name == "p2m" and allocation is not None:
            first = allocation + _pages(initrd_size)
            found[name] = Segment(first, first + _pages(segment.size))
    if initrd_size and "initrd" not in found and allocation is not None:
        found["initrd"] = Segment(allocation, allocation + initrd_size)
    return found


def conflicts(host: HostMap, segments: Mapping[str, Segment]) -> tuple[Conflict, ...]:
    """What lies over what isn't RAM, segment by segment."""
    return tuple(
        Conflict(name, place, each)
        for name, place in segments.items()
        for each in host.not_ram(place.start, place.end)
    )


def fits_at(host: HostMap, segments: Mapping[str, Segment]) -> int | None:
    """The least start of the kernel, a multiple of 2 MiB from where it is on, with which all that can't be moved fits.

    That is for a kernel built for another CONFIG_PHYSICAL_START: a PV kernel can't be moved afterwards.
    """
    fixed = [each for name, each in segments.items() if name in _FIXED]
    if "kernel" not in segments:
        return None
    kernel = segments["kernel"].start
    low, high = min(each.start for each in fixed), max(each.end for each in fixed)
    top = max((each.end for each in host.ranges), default=0)
    starts: list[int] = []
    ends: list[int] = []
    for each in host.not_ram(low, top):
        if ends and each.start <= ends[-1]:
            ends[-1] = max(ends[-1], each.end)
        else:
            starts.append(each.start)
            ends.append(each.end)
    shift = 0
    # Past the end of the map there is nothing but a gap.
    while not host.whole or high + shift <= top:
        at = bisect_left(starts, high + shift) - 1
        if at < 0 or ends[at] <= low + shift:
            return kernel + shift
        over = ends[at] - (low + shift)
        shift += max(_STEP, over + -over % _STEP)
    return None


def sentences(host: HostMap, segments: Mapping[str, Segment]) -> Iterator[tuple[str, str]]:
    """What is to be said, each with the segment's field name, or with ``host``."""
    found = conflicts(host, segments)
    for each in found:
        yield each.name, str(each)
    if not found:
        known = "the host's RAM" if host.whole else "RAM, as far as this part of the map lists"
        yield "host", f"every segment of dom0 lies in {known}"
    elif any(each.fatal for each in found):
        at = fits_at(host, segments)
        if at is not None:
            yield (
                "host",
                f"A kernel built to start at {at:#x} (CONFIG_PHYSICAL_START), with all else as it is, would lie in RAM.",
            )


def _pages(size: int) -> int:
    return -(-size // PAGE_SIZE) * PAGE_SIZE
