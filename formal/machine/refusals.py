"""What Xen would refuse, or get wrong, told from a configuration and its layout without building anything.

Facts: DOMAIN.md sections 2, 4, 5 and 7; each sentence says who refuses, or what happens then.
"""

from collections.abc import Iterator
from typing import Final

from ..layouts.layout import ADDRESS_LIMIT, Configuration, Layout, Segment
from .builder import XEN_AREA, XEN_LISTED_END, allocated_pages
from .replay import REFUSED, misaligned, overlaps_xen

LOWER_HALF_END = 1 << 47
"""Where the addresses end that a 64-bit processor can form in the lower half."""
UPPER_HALF_START = ADDRESS_LIMIT - LOWER_HALF_END

LISTED_ENTRY = 4
"""What Xen's list of frames for 32-bit guests takes for each, in bytes ..."""
LISTED_AT_ONCE = 2 << 20
"""... and in what pieces it takes them."""
WORST_HOST = (
    "On smaller ones the image's note HV_START_LOW lets Xen's part begin higher. The tables described here are those of a host "
    "whose memory ends above 164 GiB."
)

REFUSES: Final = "Xen refuses the boot"
"""How a sentence begins that says why Xen does."""

AT_ONCE = 1 << 18
"""The most pages that Xen's allocator has in one piece: ``CONFIG_PAGEALLOC_MAX_ORDER`` of x86, ``asm/config.h``."""


def foreseen(configuration: Configuration, layout: Layout, entry: int | None = None) -> list[str]:
    """One sentence for each thing that is wrong with the configuration or its layout; none if all is well."""
    return [*_image(configuration, entry), *_region(configuration, layout), *_memory(configuration, layout)]


def out_of_bounds(configuration: Configuration, entry: int | None) -> Iterator[str]:
    """What libelf finds out of bounds in the image's addresses."""
    kernel = configuration.kernel
    if kernel.start > kernel.end:
        yield "libelf refuses the image: the kernel ends before it starts."
    if configuration.virt_base > kernel.start:
        yield "libelf refuses the image: the kernel starts below VIRT_BASE."
    if entry is not None and not kernel.start <= entry <= kernel.end:
        yield f"libelf refuses the image: its entry {entry:#x} lies outside of the kernel."


def p2m_in_kernel(configuration: Configuration) -> bool:
    """Whether libelf refuses the image for a p2m within the kernel."""
    kernel, init_p2m = configuration.kernel, configuration.init_p2m
    return init_p2m is not None and kernel.start <= init_p2m < kernel.end


def _image(configuration: Configuration, entry: int | None) -> Iterator[str]:
    """What libelf refuses of the image, and Xen ignores."""
    init_p2m = configuration.init_p2m
    yield from out_of_bounds(configuration, entry)
    if p2m_in_kernel(configuration):
        yield f"libelf refuses the image: INIT_P2M {init_p2m:#x} lies within the kernel."
    if init_p2m is not None and configuration.mode.bits == 32:
        yield "Xen ignores INIT_P2M, with a warning: the guest has 32 bits."


def _region(configuration: Configuration, layout: Layout) -> Iterator[str]:
    """What is wrong with where the region lies."""
    start, end = layout.v_start, layout.v_end or ADDRESS_LIMIT
    if misaligned(layout):
        yield f"VIRT_BASE {start:#x} is not page aligned: Xen lays out, then dies of misaligned tables."
    if end < start:
        yield "The region passes 2^64: Xen doesn't notice, and its tables run off the end of the L4."
    elif layout.mode.bits == 64 and start < LOWER_HALF_END < end:
        yield "The region crosses 2^47: Xen doesn't notice, and its upper part lands in Xen's own L4 slots."
    elif layout.mode.bits == 64 and start < UPPER_HALF_START and end > LOWER_HALF_END:
        yield "The region has addresses that no processor can form: Xen doesn't notice, and maps others."
    if overlaps_xen(layout):
        yield REFUSED
        if host_decides(configuration, layout):
            yield f"That is so {refusing_hosts(layout)}. {WORST_HOST}"
    if without_hypercall_page(configuration, layout):
        yield (
            f"{REFUSES} once all is loaded: HYPERCALL_PAGE {configuration.hypercall_page:#x} isn't from v_start "
            f"{layout.v_start:#x} up to v_end {layout.v_end:#x}, compared as they are."
        )


def without_hypercall_page(configuration: Configuration, layout: Layout) -> bool:
    """Whether Xen finds the image's hypercall page outside of the region: it compares with a ``v_end`` that may have wrapped."""
    page = configuration.hypercall_page
    return page is not None and not layout.v_start <= page < layout.v_end


def moves_xens_part(configuration: Configuration) -> bool:
    """Whether Xen's part of a 32-bit guest's addresses begins where the host lets it; the PV shim ignores the note."""
    return configuration.mode.bits == 32 and configuration.hv_start_low and not configuration.shim


def host_decides(configuration: Configuration, layout: Layout) -> bool:
    """Whether there are hosts on which Xen doesn't refuse a region that overlaps the most that its part can be."""
    return moves_xens_part(configuration) and refusing_frames(layout) != 1


def refusing_frames(layout: Layout) -> int | None:
    """How many frames, holes between them included, a host has at least that refuses a 32-bit region.

    The image has the note HV_START_LOW. ``None`` where no host refuses it. Stepped down as Xen makes room for its
    list of the host's frames, 4 bytes for each, in whole 2 MiB. Source: ``paging_init()`` in
    ``xen/arch/x86/x86_64/mm.c``.
    """
    lowest = XEN_AREA[layout.mode.name].start
    if layout.v_end <= lowest:
        return None
    frames, begins = 1, XEN_LISTED_END - LISTED_AT_ONCE
    while begins >= layout.v_end and begins > lowest:
        frames, begins = frames + LISTED_AT_ONCE // LISTED_ENTRY, begins - LISTED_AT_ONCE
    return frames


def refusing_hosts(layout: Layout) -> str:
    """On which hosts Xen refuses the 32-bit region of an image with the note HV_START_LOW, in words."""
    frames = refusing_frames(layout)
    if frames is None:
        return "on no host"
    return "on every host" if frames == 1 else f"on hosts whose memory ends above {_gib(frames)} GiB"


def _gib(frames: int) -> int:
    """Where the memory ends that has a frame less, in GiB: frames come in steps of 2 GiB."""
    return (frames - 1) >> 18


def _memory(configuration: Configuration, layout: Layout) -> Iterator[str]:
    """What dom0's memory is too small for, and a p2m of its own that is in the way."""
    refused = too_little(configuration, layout)
    if refused is not None:
        yield refused
    if configuration.has_own_p2m and layout.p2m is not None:
        yield from _own_p2m(layout, layout.p2m)


def _own_p2m(layout: Layout, p2m: Segment) -> Iterator[str]:
    """What is wrong with where a p2m of its own lies."""
    start, end = p2m.start, p2m.start + p2m.size
    if p2m_touches(layout):
        yield f"{REFUSES}: the p2m at INIT_P2M touches the region."
    elif end >= ADDRESS_LIMIT:
        yield "The p2m at INIT_P2M passes the last address: Xen doesn't notice, maps none of it, and dies."
    elif start < UPPER_HALF_START and end > LOWER_HALF_END:
        yield "The p2m at INIT_P2M has addresses that no processor can form: Xen doesn't notice, and dies writing it."
    elif start < XEN_AREA["64"].end and end > XEN_AREA["64"].start:
        yield "The p2m at INIT_P2M lies in Xen's own L4 slots: Xen doesn't notice, and maps it into its own tables."
    elif _takes_the_last(21, layout, p2m):
        yield f"The p2m at INIT_P2M reaches into the last 2 MiB: {_WRAPS}"
    elif _takes_the_last(30, layout, p2m):
        yield f"The p2m at INIT_P2M reaches into the last GiB: where the processor has pages of 1 GiB, {_WRAPS}"
    elif layout.v_end == 0 and end > layout.v_start:
        yield "The p2m at INIT_P2M lies in the region, which ends at 2^64: Xen doesn't notice, and dies mapping it."


_WRAPS: Final = (
    "Xen maps that by a superpage, reaches address 0, continues there, and panics: Dom0 allocation too small for "
    "initial P->M table."
)


def _takes_the_last(shift: int, layout: Layout, p2m: Segment) -> bool:
    """Whether the p2m's steps come to the last superpage of 2**shift bytes, where nothing of the region is mapped.

    Xen compares the p2m's end with that of the superpage, which has wrapped to 0.
    """
    last = ADDRESS_LIMIT - (1 << shift)
    return p2m.start <= last < p2m.start + p2m.size and layout.v_start < layout.v_end <= last


def too_little(configuration: Configuration, layout: Layout) -> str | None:
    """Why Xen can't allocate the region, or not within dom0's memory; ``None`` where it can."""
    initrd_pages = configuration.initrd_pages
    allocation = allocated_pages(layout)
    if allocation > AT_ONCE:
        return (
            f"{REFUSES}: the region takes {allocation} pages at once, and Xen's allocator has at most "
            f"{AT_ONCE} in one piece."
        )
    if allocation + initrd_pages > configuration.nr_pages:
        return (
            f"{REFUSES}: the region takes {allocation} pages and the initrd {initrd_pages}, and dom0 has "
            f"{configuration.nr_pages}."
        )
    return None


def p2m_touches(layout: Layout) -> bool:
    """Whether Xen refuses a p2m of its own, in its words: it compares all four ends as they are, wrapped or not."""
    p2m, region = layout.p2m, layout.total
    return p2m is not None and region.start <= p2m.end and p2m.start <= region.end
