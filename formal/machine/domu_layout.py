"""A domU laid out as libxenguest does it, segment by segment, up to where it refuses.

The toolstack puts the kernel where the image wants it, then what is mapped, the start info, two rings, the tables that
`domu` counts, and a stack; it fills the region with the domain's memory, and puts behind that what isn't mapped.

Facts: ``xc_dom_build_image()``, ``xc_dom_alloc_segment()`` and ``xc_dom_chk_alloc_pages()`` in Xen's
``tools/libs/guest/xg_dom_core.c``, ``alloc_magic_pages_pv()`` and ``alloc_p2m_list_x86_64()`` in ``xg_dom_x86.c``,
``libxl__build_dom()`` in ``tools/libs/light/libxl_dom.c`` (4.22). Addresses are in bytes, pfns and counts in pages.
"""

import re
from collections.abc import Iterator
from typing import Final

from attrs import define, evolve, field, frozen

from ..layouts.layout import ADDRESS_LIMIT, Configuration
from ..layouts.paging import PAGE_SHIFT, PAGE_SIZE
from .domu import TODAYS, Blocks, Counted, Domu, P2m, Refused, Toolstack, check_fits, count

MIB_SHIFT: Final = 20 - PAGE_SHIFT
"""The memory of a domU is given in whole MiB."""


@frozen
class Piece:
    """What lies at ``start``: a segment up to ``end``, or a page, which has none; from ``pfn`` on, ``pages`` long."""

    name: str
    start: int
    end: int | None
    pfn: int
    pages: int


@frozen(kw_only=True)
class DomuLayout:
    """Where libxenguest lays what. ``refused`` is what it says when it goes no further, and nothing else is known then.

    ``counted`` are the tables; ``virt_alloc_end`` is where the boot stack ends, and ``v_end`` where the region does.
    """

    configuration: Configuration
    pieces: tuple[Piece, ...]
    counted: Counted | None = None
    virt_alloc_end: int | None = None
    refused: str | None = None

    @property
    def v_end(self) -> int | None:
        """The address past the region's last."""
        return None if self.counted is None else self.counted.v_end


def lay_out_domu(configuration: Configuration, toolstack: Toolstack = TODAYS) -> DomuLayout:
    """Lay a domU out, as far as libxenguest does.

    Raises `TooLarge` for a region that is too long to be walked over.
    """
    builder = _Builder(configuration, toolstack, virt_end=configuration.virt_base)
    refused = None
    try:
        builder.build()
    except Refused as error:
        refused = str(error)
    return DomuLayout(
        configuration=configuration,
        pieces=tuple(builder.pieces),
        counted=builder.counted,
        virt_alloc_end=builder.stack_end,
        refused=refused,
    )


def least_memory(configuration: Configuration) -> int | None:
    """The least memory, in whole MiB but given in pages, that libxenguest takes; ``None`` where none will do.

    The p2m grows with the memory, and the region with the p2m, so the first that works need not be followed by others.
    """
    start = (configuration.kernel.end - configuration.virt_base) % ADDRESS_LIMIT >> 20
    if start > _MOST:
        return None
    for mib in range(max(start, 1), 2 * start + _ROOM):
        refused = lay_out_domu(evolve(configuration, nr_pages=mib << MIB_SHIFT)).refused
        if refused is None:
            return mib << MIB_SHIFT
        if not _OF_MEMORY.search(refused):
            return None
    return None


def printed(layout: DomuLayout) -> Iterator[str]:
    """The layout in the form of libxenguest's messages, without what it says of its own mappings."""
    for piece in layout.pieces:
        if piece.name == "phys2mach" and layout.counted is not None and len(layout.counted.mappings) > 1:
            yield from _tables(layout, 1)
        if piece.name == "page tables" and layout.counted is not None:
            yield from _tables(layout, 0)
        if piece.end is None:
            yield f"{'xc_dom_alloc_page':<20}:   {piece.name:<12} : {piece.start:#x} (pfn {piece.pfn:#x})"
        else:
            yield (
                f"{'xc_dom_alloc_segment':<20}:   {piece.name:<12} : {piece.start:#x} -> {piece.end:#x}  "
                f"(pfn {piece.pfn:#x} + {piece.pages:#x} pages)"
            )
        if piece.name == "boot stack":
            assert layout.virt_alloc_end is not None
            yield f"{'xc_dom_build_image':<20}: virt_alloc_end : {layout.virt_alloc_end:#x}"
            yield f"{'xc_dom_build_image':<20}: virt_pgtab_end : {layout.v_end:#x}"


_MOST: Final = 1 << 22
"""More memory than is worth trying, in MiB."""
_ROOM: Final = 1024
"""How many MiB are tried above twice the kernel."""
_OF_MEMORY: Final = re.compile(" too large | not enough memory ")
"""What libxenguest says where more memory would help."""


@define
class _Builder:
    """The state of ``xc_dom_build_image()``."""

    configuration: Configuration
    toolstack: Toolstack
    virt_end: int
    pfn: int = 0
    pieces: list[Piece] = field(factory=list)
    counted: Counted | None = None
    stack_end: int | None = None

    def build(self) -> None:
        """Allocate everything, in libxenguest's order. Raises `Refused`."""
        given = self.configuration
        own = own_p2m(given)
        p2m_bytes = _pages_of(given.nr_pages * given.mode.p2m_entry) * PAGE_SIZE
        self.segment("kernel", given.kernel.end - given.kernel.start, given.kernel.start)
        if given.initrd_len and not given.mod_start_pfn:
            self.segment("module0", given.initrd_len)
        if own is None:
            self.segment("phys2mach", p2m_bytes)
        for name in ("start info", "xenstore", "console"):
            self.page(name)
        domu = Domu(
            mode=given.mode,
            v_start=given.virt_base,
            alloc_end=self.virt_end,
            toolstack=self.toolstack,
            nr_pages=given.nr_pages,
        )
        if own is not None:
            domu = evolve(domu, p2m=P2m(own, p2m_bytes >> PAGE_SHIFT))
        counted = count(evolve(domu, p2m=None))
        if counted is None:
            raise Refused("alloc_pgtables_pv: never ends")
        self.segment("page tables", counted.tables() * PAGE_SIZE)
        self.counted = counted
        self.page("boot stack")
        self.stack_end = self.virt_end
        self.pad(counted.v_end)
        if given.initrd_len and given.mod_start_pfn:
            self.segment("module0", given.initrd_len)
        if own is not None:
            check_fits(domu, own, own + p2m_bytes - 1, self.pfn)
            both = count(domu)
            assert both is not None
            self.counted = both
            self.segment("phys2mach", p2m_bytes + both.tables(1) * PAGE_SIZE)

    def segment(self, name: str, size: int, start: int = 0) -> None:
        """A segment of so many bytes, at ``start`` if there is one, else where the last one ended."""
        if start:
            self.pad(start)
        first, pfn, pages = self.virt_end, self.pfn, _pages_of(size)
        self._take(name, pages)
        self.pieces.append(Piece(name, first, (first + size) % ADDRESS_LIMIT, pfn, pages))

    def page(self, name: str) -> None:
        """A page."""
        first, pfn = self.virt_end, self.pfn
        self._take(name, 1)
        self.pieces.append(Piece(name, first, None, pfn, 1))

    def pad(self, boundary: int) -> None:
        """Allocate up to an address."""
        if boundary % PAGE_SIZE:
            raise Refused(f"xc_dom_alloc_pad: segment boundary isn't page aligned ({boundary:#x})")
        if boundary < self.virt_end:
            raise Refused(f"xc_dom_alloc_pad: segment boundary too low ({boundary:#x} < {self.virt_end:#x})")
        self._take("padding", (boundary - self.virt_end) // PAGE_SIZE)

    def _take(self, name: str, pages: int) -> None:
        memory = self.configuration.nr_pages
        if pages > memory - self.pfn:
            raise Refused(
                f"xc_dom_chk_alloc_pages: segment {name} too large ({pages:#x} > {memory:#x} - {self.pfn:#x} pages)"
            )
        self.pfn += pages
        self.virt_end = (self.virt_end + pages * PAGE_SIZE) % ADDRESS_LIMIT


def overlooked(layout: DomuLayout) -> str | None:
    """What libxenguest doesn't notice of a layout that it makes, in a sentence; ``None`` if all is well."""
    given = layout.configuration
    own = own_p2m(given)
    if layout.refused is not None or own is None:
        return None
    if own + given.nr_pages * given.mode.p2m_entry <= given.virt_base:
        return None
    return (
        "The p2m at INIT_P2M overlaps the region: libxenguest doesn't notice, since it compares the p2m's addresses as they "
        "are with the region's cut to 48 bits, and maps some pages twice."
    )


def own_p2m(configuration: Configuration) -> int | None:
    """Where the p2m lies if libxenguest takes the note INIT_P2M: 64-bit, on a page, and below VIRT_BASE."""
    address = configuration.init_p2m
    taken = (
        address is not None
        and configuration.mode.bits == 64
        and address < configuration.virt_base
        and address % PAGE_SIZE == 0
    )
    return address if taken else None


def _pages_of(size: int) -> int:
    return -(-size // PAGE_SIZE)


def _tables(layout: DomuLayout, mapping: int) -> Iterator[str]:
    """A line for each level of a mapping's tables, as ``count_pgtables()`` prints them."""
    assert layout.counted is not None
    blocks: Blocks = layout.counted.mappings[mapping]
    for level in list(layout.configuration.mode.counted_levels)[-2::-1]:
        starts, mask = blocks[level], (1 << level.shift) - 1
        low, high = (starts[0], starts[-1] | mask) if starts else (0, 0)
        yield f"count_pgtables: {mask:#018x}/{level.shift}: {low:#018x} -> {high:#018x}, {len(starts)} table(s)"
