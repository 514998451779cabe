"""What a log says about the boot of a PV domain.

Facts: what ``dom0_construct()`` and libelf print, in Xen 2.0 to 4.22.
"""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from ..layouts.arrangement import LABELS
from ..layouts.layout import ADDRESS_LIMIT, Layout, Segment
from ..layouts.paging import PagingMode

UNSET: Final = ADDRESS_LIMIT - 1
"""What libelf prints for an address that the image doesn't give."""


@frozen
class Problem:
    """A value that can't be read, in a line that was recognised: where, and one sentence on what."""

    line: int
    message: str


@frozen(kw_only=True)
class Boot:
    """What a log says about one boot; ``None`` is what it doesn't say.

    ``line`` and ``lines`` (by field name) count from 1. ``width`` and ``pae`` are those of the guest kernel,
    ``xen_width`` and ``xen_pae`` those of Xen; ``digits`` tells how many digits virtual addresses have.
    ``paddr`` is the image's physical range without, ``symbol_map`` that of its symbol table.
    ``virt_base`` to ``p2m_base`` are libelf's, `UNSET` included, ``mod_start_pfn`` is the ELF note.
    ``alloc`` and ``initrd_image`` are machine addresses, all other segments virtual ones, as printed:
    a segment (0, 0) is one that Xen says isn't there. ``pages_to_be_allocated`` counts pages.
    """

    source: str
    line: int
    kind: str = "PV"
    """``PV``, or ``PVH`` or ``HVM``: such a domain has no region of this kind, and nothing else is read of it."""
    domain: str | None = None
    xen_version: str | None = None
    xen_width: int | None = None
    xen_pae: bool | None = None
    width: int | None = None
    pae: bool | None = None
    paddr: Segment | None = None
    symbol_map: Segment | None = None
    virt_base: int | None = None
    elf_paddr_offset: int | None = None
    virt_offset: int | None = None
    virt_kstart: int | None = None
    virt_kend: int | None = None
    virt_entry: int | None = None
    p2m_base: int | None = None
    mod_start_pfn: int | None = None
    alloc: Segment | None = None
    pages_to_be_allocated: int | None = None
    initrd_image: Segment | None = None
    kernel: Segment | None = None
    initrd: Segment | None = None
    p2m: Segment | None = None
    start_info: Segment | None = None
    xenstore: Segment | None = None
    console: Segment | None = None
    page_tables: Segment | None = None
    boot_stack: Segment | None = None
    total: Segment | None = None
    entry: int | None = None
    digits: int | None = None
    lines: Mapping[str, int] = field(factory=dict)
    problems: tuple[Problem, ...] = ()
    cut_at: int | None = None
    """The line in which the text ends before its value does."""

    def segment(self, name: str) -> Segment | None:
        """The segment of that field name, or ``None`` if it isn't there or Xen prints it as zeros."""
        found: Segment | None = getattr(self, name)
        return found if found != Segment(0, 0) or name == "total" else None


def layout_of(boot: Boot, mode: PagingMode) -> Layout | None:
    """The boot's arrangement, or ``None`` if its page tables or its total aren't in the log."""
    if boot.page_tables is None or boot.total is None:
        return None
    return Layout(mode=mode, **{name: boot.segment(name) for name in LABELS})  # type: ignore[arg-type]
