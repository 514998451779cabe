"""Writes PV kernel images: an ELF of one PT_LOAD and one PT_NOTE, with the notes that make Xen lay it out so.

`pv_image` takes the notes one by one, `image_of` finds those that give a `Configuration`, `configuration_of`
finds a configuration that gives a `Layout`. An image depends on its arguments alone, byte for byte. What
`ptproof.formal.images.image` reads back is what was asked for.

Facts: DOMAIN.md section 7; libelf's rules (``xen/common/libelf/libelf-dominfo.c``, 4.22) for what it would
refuse; the note numbers are those of Xen's ``xen/include/public/elfnote.h``.
"""

import struct
from typing import Final

from ..edge.errors import InputError
from ..layouts.layout import ADDRESS_LIMIT, START_INFO_SIZE, VGA_CONSOLE_INFO_SIZE, Configuration, Layout
from ..layouts.paging import COMPAT, PAGE_SIZE, X86_64, PagingMode
from ..machine.arrange import TooLarge, arrange
from ..machine.builder import XEN_AREA
from .image_notes import UNSET, XEN_OWNER, Note

SPIN: Final = bytes.fromhex("f390 ebfc")
"""Machine code for either width that loops for ever: pause, and jump back to it."""

FEATURES: Final = "!writable_page_tables|pae_pgdir_above_4gb"
"""What the image says of itself unless told otherwise: a dom0 as every Xen takes it."""

_NOTES_OFFSET: Final = 0x200
_CODE_OFFSET: Final = 0x1000


def pv_image(
    *,
    mode: PagingMode = X86_64,
    virt_base: int | None = 0,
    paddr_offset: int | None = 0,
    p_paddr: int = 1 << 20,
    p_memsz: int = PAGE_SIZE,
    entry: int | None = None,
    init_p2m: int | None = None,
    mod_start_pfn: bool = False,
    hv_start_low: int | None = None,
    hypercall_page: int | None = None,
    features: str | None = FEATURES,
    code: bytes = SPIN,
) -> bytes:
    """An image whose kernel is [virt_kstart, + p_memsz), virt_kstart = p_paddr + virt_base − paddr_offset.

    All addresses and sizes are in bytes. What is ``None`` gets no note; ``entry`` is then virt_kstart, where
    ``code`` is loaded.

    Raises:
        InputError: a number doesn't fit its field, or the code not its kernel.
    """
    if mode not in (X86_64, COMPAT):
        raise InputError(f"mode: an image is for {X86_64.name} or {COMPAT.name}, not for {mode.name}")
    for name, value in (("p_paddr", p_paddr), ("p_memsz", p_memsz)):
        if not 0 <= value < 1 << mode.bits:
            raise InputError(f"{name}: {value:#x} doesn't fit a {mode.bits}-bit image")
    if len(code) > p_memsz:
        raise InputError(f"p_memsz: {p_memsz:#x} bytes are too few for {len(code):#x} bytes of code")
    virt_kstart = (p_paddr + (virt_base or 0) - (paddr_offset or 0)) % ADDRESS_LIMIT
    notes = [
        (Note.XEN_VERSION, _text("xen-3.0")),
        (Note.LOADER, _text("generic")),
        (Note.GUEST_OS, _text("ptproof")),
    ]
    if features is not None:
        notes.append((Note.FEATURES, _text(features)))
    if mode is COMPAT:
        notes.append((Note.PAE_MODE, _text("yes")))
    notes += [
        (kind, _number(kind.name, mode, value))
        for kind, value in (
            (Note.VIRT_BASE, virt_base),
            (Note.PADDR_OFFSET, paddr_offset),
            (Note.ENTRY, virt_kstart if entry is None else entry),
            (Note.INIT_P2M, init_p2m),
            (Note.MOD_START_PFN, 1 if mod_start_pfn else None),
            (Note.HV_START_LOW, hv_start_low),
            (Note.HYPERCALL_PAGE, hypercall_page),
        )
        if value is not None
    ]
    described = b"".join(_note(kind, desc) for kind, desc in notes)
    if _NOTES_OFFSET + len(described) > _CODE_OFFSET:
        raise InputError(f"features: too long, {len(features or '')} characters")

    # At an offset that agrees with the address modulo the page size, as ELF has it; Xen doesn't ask.
    code_offset = _CODE_OFFSET + virt_kstart % PAGE_SIZE
    headers = _headers(mode, p_paddr, p_memsz, virt_kstart, (code_offset, len(code)), len(described))
    image = headers.ljust(_NOTES_OFFSET, b"\0") + described
    return image.ljust(code_offset, b"\0") + code


def image_of(configuration: Configuration, code: bytes | None = None) -> bytes:
    """An image that Xen lays out as ``configuration`` says, with ``code`` at its entry.

    The image decides the mode, ``virt_base``, the kernel, ``mod_start_pfn``, ``init_p2m``, ``hv_start_low`` and
    ``hypercall_page``; the memory and the initrd are the boot's. Without ``code`` it spins, as far as the kernel has room for that.

    Raises:
        InputError: no image gives this configuration, for libelf would refuse it, or the code doesn't fit.
    """
    virt_base, kernel = configuration.virt_base, configuration.kernel
    if not virt_base <= kernel.start <= kernel.end:
        raise InputError(
            f"kernel: no image gives {kernel.start:#x} to {kernel.end:#x} above virt_base {virt_base:#x}:"
            " libelf refuses a kernel that starts below virt_base, or ends below its start"
        )
    if virt_base == UNSET:
        raise InputError(f"virt_base: {UNSET:#x} is how libelf marks that there is none")
    p2m = configuration.init_p2m
    if p2m is not None and (p2m == UNSET or kernel.start <= p2m < kernel.end):
        raise InputError(
            f"init_p2m: libelf refuses {p2m:#x}, which lies in the kernel or marks that there is none"
        )
    size = kernel.end - kernel.start
    return pv_image(
        mode=configuration.mode,
        virt_base=virt_base,
        p_paddr=kernel.start - virt_base,
        p_memsz=size,
        init_p2m=p2m,
        mod_start_pfn=configuration.mod_start_pfn,
        hv_start_low=XEN_AREA[COMPAT.name].start if configuration.hv_start_low else None,
        hypercall_page=configuration.hypercall_page,
        code=SPIN[:size] if code is None else code,
    )


def configuration_of(layout: Layout) -> Configuration:
    """A configuration that is laid out so; what an image and a boot have to be is all in it.

    An initrd that isn't mapped leaves no trace in a layout: then there is none.

    Raises:
        InputError: a segment that decides is missing, or no configuration gives this layout.
    """
    kernel, p2m, start_info = layout.kernel, layout.p2m, layout.start_info
    if kernel is None or p2m is None or start_info is None:
        raise InputError("layout: expected the kernel, the p2m and the start info, found one of them missing")
    below = layout.initrd or kernel
    inside = p2m.start == _page_above(below.end) and start_info.start == _page_above(p2m.end)
    vga_size = VGA_CONSOLE_INFO_SIZE if layout.xenstore else start_info.size - START_INFO_SIZE
    if vga_size < 0:
        raise InputError(
            f"layout: start_info: expected {START_INFO_SIZE} bytes or more, found {start_info.size}"
        )
    configuration = Configuration(
        mode=layout.mode,
        virt_base=layout.v_start,
        kernel=kernel,
        nr_pages=p2m.size // layout.mode.p2m_entry,
        initrd_len=layout.initrd.size if layout.initrd else 0,
        init_p2m=None if inside else p2m.start,
        shim=layout.xenstore is not None,
        start_info_size=start_info.size if layout.xenstore else START_INFO_SIZE,
        vga_console_info_size=vga_size,
    )
    try:
        arranged = arrange(configuration)
    except TooLarge:  # the tables then can't be compared, but nothing else decides where they start
        return configuration
    if arranged != layout:
        raise InputError(
            f"layout: expected one that Xen's builder makes, found page tables from {layout.vpt_start:#x} to"
            f" {layout.page_tables.end:#x} where it puts them from {arranged.vpt_start:#x} to"
            f" {arranged.page_tables.end:#x}, or another segment elsewhere"
        )
    return configuration


def _page_above(address: int) -> int:
    return (address + -address % PAGE_SIZE) % ADDRESS_LIMIT


def _headers(
    mode: PagingMode, p_paddr: int, p_memsz: int, virt_kstart: int, code: tuple[int, int], notes_size: int
) -> bytes:
    """The ELF header and the two program headers; ``code`` is its (offset, size) in the file."""
    offset, size = code
    if mode is X86_64:
        identity = struct.pack("4sBBB9x", b"\x7fELF", 2, 1, 1)
        header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, virt_kstart, 64, 0, 0, 64, 56, 2, 64, 0, 0)
        load = struct.pack("<IIQQQQQQ", 1, 7, offset, virt_kstart, p_paddr, size, p_memsz, PAGE_SIZE)
        note = struct.pack("<IIQQQQQQ", 4, 4, _NOTES_OFFSET, 0, 0, notes_size, notes_size, 4)
    else:
        low = virt_kstart % (1 << 32)
        identity = struct.pack("4sBBB9x", b"\x7fELF", 1, 1, 1)
        header = struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, low, 52, 0, 0, 52, 32, 2, 40, 0, 0)
        load = struct.pack("<IIIIIIII", 1, offset, low, p_paddr, size, p_memsz, 7, PAGE_SIZE)
        note = struct.pack("<IIIIIIII", 4, _NOTES_OFFSET, 0, 0, notes_size, notes_size, 4, 4)
    return identity + header + load + note


def _note(kind: Note, desc: bytes) -> bytes:
    return struct.pack("<III", len(XEN_OWNER), len(desc), kind) + XEN_OWNER + desc + bytes(-len(desc) % 4)


def _text(value: str) -> bytes:
    return value.encode() + b"\0"


def _number(name: str, mode: PagingMode, value: int) -> bytes:
    """The word of the image's width; a 32-bit image may carry a 64-bit number, and libelf reads it."""
    if not 0 <= value < ADDRESS_LIMIT:
        raise InputError(f"{name}: expected an unsigned 64-bit number, found {value:#x}")
    return value.to_bytes(4 if mode.bits == 32 and value < 1 << 32 else 8, "little")
