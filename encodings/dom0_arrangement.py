"""The hypervisor's dom0 layout in full: from the image's addresses and the options to every segment.

What is optional is chosen in Python (an initrd that is mapped or not, a p2m in the region or at an address
of its own, the PV shim); addresses and sizes are words, so that the result is one formula for each choice.

Source: DOMAIN.md section 2; ``dom0_construct()`` in Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.22). Addresses
and sizes are in bytes.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from attrs import frozen

from ..formal.edge.errors import InputError
from ..formal.layouts.layout import ADDRESS_LIMIT, Configuration, Layout, Segment
from ..formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, PagingMode
from ..formal.layouts.what_if import WhatIf
from ..formal.words.word import Word, compiled, word
from .concrete import least_count
from .dom0_count import FIRST_TRIED, tables, tables_for
from .dom0_layout import PADDING, ROUNDING_SHIFT, stack_end, v_end
from .spans import round_up

LONGEST: Final = 1 << 63
"""The longest region, up to its page tables, for which `laid_out` answers, in bytes."""


@frozen(eq=False)
class Span:
    """The addresses [start, end), as words."""

    start: Word
    end: Word


@frozen(eq=False, kw_only=True)
class Arrangement:
    """Everything that is laid out before the page tables; ``None`` is what isn't there.

    ``v_start`` is where the region starts, ``vpt_start`` where its page tables do.
    """

    v_start: Word
    kernel: Span
    initrd: Span | None
    p2m: Span
    start_info: Span
    xenstore: Span | None
    console: Span | None
    vpt_start: Word


def arrangement(
    mode: PagingMode,
    *,
    virt_base: Word,
    kernel: Span,
    nr_pages: Word,
    initrd_len: Word | None,
    init_p2m: Word | None,
    shim: bool,
    start_info_size: Word,
    vga_console_info_size: Word,
) -> Arrangement:
    """The segments in order of address, each from the page above the end of the one before it.

    ``initrd_len`` is ``None`` for an initrd that isn't mapped (MOD_START_PFN), ``init_p2m`` for a p2m in the
    region; a 32-bit guest's ``init_p2m`` is ignored, as Xen does. The page tables start above the start info
    without its VGA part, which the PV shim doesn't have.
    """
    above = _page_up(kernel.end)
    initrd = None
    if initrd_len is not None:
        initrd = Span(above, above + initrd_len)
        above = _page_up(initrd.end)
    size = nr_pages * mode.p2m_entry
    if init_p2m is None or mode.bits == 32:
        p2m = Span(above, above + size)
        above = _page_up(p2m.end)
    else:
        p2m = Span(init_p2m, init_p2m + size)
    start_info = Span(above, above + start_info_size)
    vpt_start = _page_up(start_info.end)
    xenstore = console = None
    if shim:
        xenstore = Span(vpt_start, vpt_start + PAGE_SIZE)
        console = Span(xenstore.end, xenstore.end + PAGE_SIZE)
        vpt_start = console.end
    else:
        start_info = Span(above, start_info.end + vga_console_info_size)
    return Arrangement(
        v_start=virt_base,
        kernel=kernel,
        initrd=initrd,
        p2m=p2m,
        start_info=start_info,
        xenstore=xenstore,
        console=console,
        vpt_start=vpt_start,
    )


def laid_out(configuration: Configuration) -> Layout:
    """The layout of a configuration by these formulas, its count by the search.

    Raises `InputError` when the region would be longer than `LONGEST`, as one is whose kernel lies below
    ``virt_base``: then the formulas count around the address space.
    """
    given = configuration
    mapped = not given.mod_start_pfn
    length = (
        (given.kernel.end - given.virt_base) % ADDRESS_LIMIT
        + (given.initrd_len if mapped else 0)
        + given.nr_pages * given.mode.p2m_entry
    )
    if length > LONGEST:
        raise InputError(
            f"the region: expected at most {LONGEST:#x} bytes from virt_base {given.virt_base:#x} on, found "
            f"{length:#x} up to the kernel's end {given.kernel.end:#x}, initrd and p2m"
        )
    names, segments_at = _reading(given.mode, mapped=mapped, inside=given.init_p2m is None, shim=given.shim)
    vpt_start, *ends = segments_at(
        given.virt_base,
        given.kernel.start,
        given.kernel.end,
        given.nr_pages,
        given.initrd_len,
        given.init_p2m or 0,
        given.start_info_size,
        given.vga_console_info_size,
    )
    segments = {
        name: Segment(*pair)
        for name, pair in zip(names, zip(ends[::2], ends[1::2], strict=True), strict=True)
    }
    if mapped and not given.initrd_len:
        del segments["initrd"]
    nr_pt_pages, end = count(given.mode, given.virt_base, vpt_start, given.what_if)
    tables_end = (vpt_start + nr_pt_pages * PAGE_SIZE) % ADDRESS_LIMIT
    return Layout(
        mode=given.mode,
        **segments,
        page_tables=Segment(vpt_start, tables_end),
        boot_stack=Segment(tables_end, (tables_end + PAGE_SIZE) % ADDRESS_LIMIT),
        total=Segment(given.virt_base, end),
        what_if=given.what_if,
    )


def count(mode: PagingMode, v_start: int, vpt_start: int, what_if: WhatIf | None = None) -> tuple[int, int]:
    """The search's nr_pt_pages and the region's end, for addresses at most `LONGEST` bytes apart."""
    needed, end = _counting(mode, what_if)
    first = FIRST_TRIED if what_if is None or what_if.first_tried is None else what_if.first_tried
    nr_pt_pages = least_count(lambda tried: needed(v_start, vpt_start, tried)[0], first)
    assert nr_pt_pages is not None, "a region of at most LONGEST takes fewer than MOST tables"
    return nr_pt_pages, end(vpt_start, nr_pt_pages)[0]


@cache
def _reading(
    mode: PagingMode, *, mapped: bool, inside: bool, shim: bool
) -> tuple[tuple[str, ...], Callable[..., tuple[int, ...]]]:
    """The segments' names, and a function on integers that gives vpt_start and the segments' ends."""
    inputs = virt_base, kernel_start, kernel_end, nr_pages, initrd_len, init_p2m, start_info, vga = [
        word(name)
        for name in (
            "virt_base",
            "kernel_start",
            "kernel_end",
            "nr_pages",
            "initrd_len",
            "init_p2m",
            "info",
            "vga",
        )
    ]
    found = arrangement(
        mode,
        virt_base=virt_base,
        kernel=Span(kernel_start, kernel_end),
        nr_pages=nr_pages,
        initrd_len=initrd_len if mapped else None,
        init_p2m=None if inside else init_p2m,
        shim=shim,
        start_info_size=start_info,
        vga_console_info_size=vga,
    )
    spans = {
        name: getattr(found, name)
        for name in ("kernel", "initrd", "p2m", "start_info", "xenstore", "console")
    }
    there = {name: span for name, span in spans.items() if span is not None}
    ends = [end for span in there.values() for end in (span.start, span.end)]
    return tuple(there), compiled([found.vpt_start, *ends], inputs)


@cache
def _counting(
    mode: PagingMode, what_if: WhatIf | None
) -> tuple[Callable[..., tuple[int, ...]], Callable[..., tuple[int, ...]]]:
    """f(S, V(n)) as a function of S, T and n, and V(n) as one of T and n, on integers."""
    v_start, vpt_start, tried = word("v_start"), word("vpt_start"), word("tried")
    if what_if is None:
        end, needed = v_end(vpt_start, tried), tables_for(mode, v_start, vpt_start, tried)
    else:
        end = _changed_end(vpt_start, tried, what_if)
        needed = tables(mode, v_start, end)
    return compiled([needed], [v_start, vpt_start, tried]), compiled([end], [vpt_start, tried])


def _changed_end(vpt_start: Word, nr_pt_pages: Word, what_if: WhatIf) -> Word:
    """The region's end in one expression: the stack's end and the padding, rounded up."""
    shift = ROUNDING_SHIFT if what_if.rounding_shift is None else what_if.rounding_shift
    padding = PADDING if what_if.padding is None else what_if.padding
    return round_up(stack_end(vpt_start, nr_pt_pages) + padding, shift)


def _page_up(address: Word) -> Word:
    return round_up(address, PAGE_SHIFT)
