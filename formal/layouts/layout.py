"""The boot address space as data: what decides a layout, and the layout itself.

Nothing here computes a layout. The formulas (``ptproof.encodings``) and the frame machine
(``ptproof.formal.machine.replay``) each turn a `Configuration` into a `Layout`, on their own.

Facts: DOMAIN.md section 2; the names are those of ``dom0_construct()`` in Xen's
``xen/arch/x86/pv/dom0_build.c``. All addresses are unsigned 64-bit words.
"""

from attrs import field, frozen
from attrs.validators import ge, in_, instance_of, le, optional

from .paging import PAGE_SIZE, PAGING_MODES, X86_64, PagingMode
from .what_if import WhatIf

ADDRESS_LIMIT = 1 << 64
_word = [instance_of(int), ge(0), le(ADDRESS_LIMIT - 1)]

START_INFO_SIZE = 1168
"""sizeof(struct start_info) of a 64-bit hypervisor, used for 32-bit guests too, in bytes."""
VGA_CONSOLE_INFO_SIZE = 40
"""sizeof(struct dom0_vga_console_info) of Xen 4.13 and later, in bytes; 36 before."""


@frozen
class Segment:
    """The addresses [start, end). An ``end`` of 0 stands for 2**64."""

    start: int = field(validator=_word)
    end: int = field(validator=_word)

    @property
    def size(self) -> int:
        """The length in bytes, modulo 2**64.

        >>> Segment(2**64 - 4096, 0).size
        4096
        """
        return (self.end - self.start) % ADDRESS_LIMIT


@frozen(kw_only=True)
class Configuration:
    """What decides dom0's layout: the image's addresses and the boot's options.

    ``virt_base`` becomes v_start as it is; ``kernel`` is [virt_kstart, virt_kend); ``nr_pages`` is
    dom0's memory in pages; ``initrd_len`` is in bytes; ``mod_start_pfn`` says that the image asks for
    an initrd that is not mapped; ``init_p2m`` is the address that the image wants the p2m at (a
    32-bit guest's is ignored, as Xen ignores it); ``hv_start_low`` says that the image has that note, with which
    Xen's part of a 32-bit guest's addresses begins where the host's memory lets it; ``hypercall_page`` is where the
    image wants its hypercall page, if it does; ``shim`` is for the PV shim's two extra pages; ``what_if`` is what is to be
    otherwise than in Xen.
    """

    mode: PagingMode = field(default=X86_64, validator=in_(PAGING_MODES.values()))
    virt_base: int = field(default=0, validator=_word)
    kernel: Segment = field(validator=instance_of(Segment))
    nr_pages: int = field(validator=_word)
    initrd_len: int = field(default=0, validator=_word)
    mod_start_pfn: bool = False
    init_p2m: int | None = field(default=None, validator=optional(_word))
    hv_start_low: bool = False
    hypercall_page: int | None = field(default=None, validator=optional(_word))
    shim: bool = False
    start_info_size: int = field(default=START_INFO_SIZE, validator=_word)
    vga_console_info_size: int = field(default=VGA_CONSOLE_INFO_SIZE, validator=_word)
    what_if: WhatIf | None = field(default=None, validator=optional(instance_of(WhatIf)))

    @property
    def initrd_pages(self) -> int:
        """How many pages the initrd takes."""
        return -(-self.initrd_len // PAGE_SIZE)

    @property
    def has_own_p2m(self) -> bool:
        """Whether the p2m lies at an address of its own, outside of the region: a 32-bit guest's never does."""
        return self.init_p2m is not None and self.mode.bits == 64


@frozen(kw_only=True)
class Layout:
    """A virtual memory arrangement, segment by segment, as Xen's boot log prints it.

    Only ``page_tables`` and ``total`` are needed to build page tables; what is ``None`` is absent or
    not known. ``initrd`` is the mapped initrd; an unmapped one has no addresses. With ``what_if`` it isn't Xen's.
    """

    mode: PagingMode = field(default=X86_64, validator=in_(PAGING_MODES.values()))
    kernel: Segment | None = None
    initrd: Segment | None = None
    p2m: Segment | None = None
    start_info: Segment | None = None
    xenstore: Segment | None = None
    console: Segment | None = None
    page_tables: Segment
    boot_stack: Segment | None = None
    total: Segment
    what_if: WhatIf | None = field(default=None, validator=optional(instance_of(WhatIf)))

    @property
    def v_start(self) -> int:
        """The first address of the region."""
        return self.total.start

    @property
    def v_end(self) -> int:
        """The address past the region's last; 0 stands for 2**64."""
        return self.total.end

    @property
    def vpt_start(self) -> int:
        """The address of the first page-table frame."""
        return self.page_tables.start

    @property
    def nr_pt_pages(self) -> int:
        """How many page-table frames are set aside."""
        return self.page_tables.size // PAGE_SIZE
