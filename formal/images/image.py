"""Reads a PV kernel image as Xen does, and keeps with every fact where it came from.

What libelf and the dom0 builder refuse is refused, for the same reason; what they accept is accepted, however
odd: addresses that are unaligned, wrap, or aren't canonical.

Facts: DOMAIN.md section 7; ``xen/common/libelf/libelf-dominfo.c`` and ``libelf-loader.c``, and
``dom0_construct()`` in ``xen/arch/x86/pv/dom0_build.c`` (4.22). All addresses and sizes are in bytes.
"""

import mmap
import stat
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Final, Generic, TypeVar

from attrs import evolve, frozen
from elftools.elf.constants import P_FLAGS

from ..edge.errors import InputError
from ..edge.files import read_input, title
from ..layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ..layouts.paging import COMPAT, PAGE_SHIFT, X86_64, PagingMode
from .elf_file import EM_386, EM_X86_64, PT_LOAD, SHT_STRTAB, Data, ElfFile, Header, read_elf, segment_type
from .image_notes import FEATURES, UNSET, Note, Notes, Origin, XenNote, features, read_notes, unknown_required
from .kernel_payload import Payload, payload
from .packing_rules import Reader

READ_LIMIT: Final = 256 << 20
"""The most that is read from what isn't a file on a disk."""

COMPAT_HOLE: Final = 0xF580_0000
"""Where Xen's own addresses begin at the latest in a 32-bit guest."""

_ANY_ACCESS: Final = P_FLAGS.PF_R | P_FLAGS.PF_W | P_FLAGS.PF_X

Value_co = TypeVar("Value_co", covariant=True)


@frozen
class Fact(Generic[Value_co]):
    """A value, and in a few words where it came from."""

    value: Value_co
    source: str


@frozen
class ProgramHeader:
    """One segment of the ELF; ``loaded`` says whether it counts for the kernel's addresses."""

    index: int
    kind: str
    offset: int
    file_size: int
    vaddr: int
    paddr: int
    memory_size: int
    flags: int
    align: int
    loaded: bool


@frozen(kw_only=True)
class Image:
    """What a PV kernel image is, and what Xen computes from it; the names are libelf's.

    ``kernel`` is [virt_kstart, virt_kend). ``symbols`` is where a BSD symbol table goes, physically.
    """

    source: str
    container: str
    remarks: tuple[str, ...] = ()
    """What is odd about how it is packed, in sentences."""
    needs: int = 0
    """How much memory in one piece Xen asks for to unpack it, in bytes."""
    asks: tuple[str, ...] = ()
    """What a Xen has to know to unpack it, as `KNOWN_SINCE` has it."""
    size: int
    """The ELF's size, unpacked, as it is taken for."""
    mode: Fact[PagingMode]
    origin: Origin
    notes: tuple[XenNote, ...]
    segments: tuple[ProgramHeader, ...]
    pstart: Fact[int]
    pend: Fact[int]
    symbols: Fact[Segment | None]
    virt_base: Fact[int]
    paddr_offset: Fact[int]
    virt_offset: Fact[int]
    virt_kstart: Fact[int]
    virt_kend: Fact[int]
    virt_entry: Fact[int]
    p2m_base: Fact[int | None]
    unmapped_initrd: Fact[bool]
    hv_start_low: Fact[int | None]
    hypercall_page: Fact[int | None]
    reasons_not_dom0: tuple[str, ...] = ()
    """Why Xen's dom0 builder refuses it, although libelf takes it, in the order in which Xen looks; none if it doesn't."""
    not_for_domu: str | None = None
    """Why libxenguest does, in its words."""
    warnings: tuple[str, ...] = ()
    """What Xen takes without a word, and doesn't do right."""

    @property
    def not_for_dom0(self) -> str | None:
        """The first reason, which is the one that Xen tells."""
        return next(iter(self.reasons_not_dom0), None)

    @property
    def is_linux(self) -> bool:
        """Whether the image says that it is a Linux."""
        return any(each.kind is Note.GUEST_OS and str(each.value).startswith("linux") for each in self.notes)

    def configuration(self, nr_pages: int, initrd_len: int = 0, *, shim: bool = False) -> Configuration:
        """What decides the layout when this image boots with so many pages of memory and such an initrd."""
        return Configuration(
            mode=self.mode.value,
            virt_base=self.virt_base.value,
            kernel=Segment(self.virt_kstart.value, self.virt_kend.value),
            nr_pages=nr_pages,
            initrd_len=initrd_len,
            mod_start_pfn=self.unmapped_initrd.value,
            init_p2m=self.p2m_base.value,
            hv_start_low=self.hv_start_low.value is not None,
            hypercall_page=self.hypercall_page.value,
            shim=shim,
        )


def read_image(name: str, reader: Reader = Reader.DOM0, *, anyhow: bool = False) -> Image:
    """The image in a file: an ELF, packed or not, or a bzImage; ``-`` is standard input.

    ``anyhow`` takes one that isn't for dom0, if libelf does.

    Raises:
        InputError: it can't be read, or Xen would refuse it, or libxenguest.
    """
    try:
        if name != "-" and stat.S_ISREG(Path(name).stat().st_mode) and Path(name).stat().st_size:
            with Path(name).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return parse_image(data, name, reader, anyhow=anyhow)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{name}: can't be read: {reason}") from error
    return parse_image(read_input(name, READ_LIMIT), title(name), reader, anyhow=anyhow)


def parse_image(data: Data, source: str, reader: Reader = Reader.DOM0, *, anyhow: bool = False) -> Image:
    """The image that ``data`` holds, unpacked as the reader does it; ``anyhow`` is as `read_image` has it.

    ``source`` names it in messages.

    Raises:
        InputError: Xen would refuse it, or libxenguest.
    """
    packed = payload(data, source, reader)
    elf = read_elf(packed.data, source, packed.size)
    notes = read_notes(elf, source)
    origin = _checked_origin(notes, source)
    image = _computed(elf, notes, origin, source, packed)
    _check_addresses(image)
    image = evolve(
        image,
        reasons_not_dom0=tuple(_reasons_not_dom0(elf, notes, image)),
        not_for_domu=_why_not_domu(elf, notes, image),
        warnings=tuple(_loaded_wrong(image)),
    )
    if image.not_for_dom0 is not None and reader is Reader.DOM0 and not anyhow:
        raise InputError(f"{source}: {image.not_for_dom0}")
    return image


def _computed(elf: ElfFile, notes: Notes, origin: Origin, source: str, packed: Payload) -> Image:
    """All facts, in the order in which libelf computes them."""
    segments = tuple(_program_header(each) for each in elf.segments)
    pstart, pend = _physical(segments)
    given = _Given(notes, origin)

    virt_base = given.number(Note.VIRT_BASE) or Fact(0, "0 without VIRT_BASE")
    paddr_offset = given.number(Note.PADDR_OFFSET)
    if paddr_offset and notes.number(Note.VIRT_BASE) is None:
        raise InputError(
            f"{source}: PADDR_OFFSET: expected VIRT_BASE beside it, found {paddr_offset.value:#x} alone:"
            " libelf refuses an ELF_PADDR_OFFSET without it"
        )
    if paddr_offset is None and origin is Origin.XEN_GUEST:
        paddr_offset = Fact(virt_base.value, "virt_base, without ELF_PADDR_OFFSET in __xen_guest")
    elif paddr_offset is None:
        paddr_offset = Fact(0, "0 without PADDR_OFFSET")
    virt_offset = (virt_base.value - paddr_offset.value) % ADDRESS_LIMIT
    symbols = _symbols(elf, given, pend.value)
    if symbols.value and symbols.value.end:
        virt_kend = Fact((symbols.value.end + virt_offset) % ADDRESS_LIMIT, "end of symbols + virt_offset")
    else:
        virt_kend = Fact((pend.value + virt_offset) % ADDRESS_LIMIT, "pend + virt_offset")
    mod_start_pfn = notes.last(Note.MOD_START_PFN)
    return Image(
        source=source,
        container=packed.container,
        remarks=packed.remarks,
        needs=packed.needs,
        asks=packed.asks,
        size=packed.size,
        mode=_mode(elf),
        origin=origin,
        notes=notes.found,
        segments=segments,
        pstart=pstart,
        pend=pend,
        symbols=symbols,
        virt_base=virt_base,
        paddr_offset=paddr_offset,
        virt_offset=Fact(virt_offset, "virt_base - paddr_offset"),
        virt_kstart=Fact((pstart.value + virt_offset) % ADDRESS_LIMIT, "pstart + virt_offset"),
        virt_kend=virt_kend,
        virt_entry=given.number(Note.ENTRY) or Fact(elf.header["e_entry"], "e_entry of the ELF's header"),
        p2m_base=given.number(Note.INIT_P2M) or Fact(None, "no INIT_P2M"),
        unmapped_initrd=Fact(bool(mod_start_pfn.value), given.place(mod_start_pfn))
        if mod_start_pfn
        else Fact(value=False, source="no MOD_START_PFN"),
        hv_start_low=given.number(Note.HV_START_LOW) or Fact(None, "no HV_START_LOW"),
        hypercall_page=_hypercall_page(given, virt_base.value),
    )


def _hypercall_page(given: "_Given", virt_base: int) -> Fact[int | None]:
    """An address; in ``__xen_guest`` the number of a page, from ``virt_base`` on."""
    note = given.notes.last(Note.HYPERCALL_PAGE)
    if given.origin is not Origin.XEN_GUEST or note is None or not isinstance(note.value, int):
        return given.number(Note.HYPERCALL_PAGE) or Fact(None, "no HYPERCALL_PAGE")
    # libelf's mark of none is looked for behind the shift only: all ones are a number here.
    address = ((note.value << PAGE_SHIFT) + virt_base) % ADDRESS_LIMIT
    return Fact(None if address == UNSET else address, f"{given.place(note)}, in pages from virt_base on")


@frozen
class _Given:
    """What the notes say, as facts."""

    notes: Notes
    origin: Origin

    def number(self, kind: Note) -> Fact[int] | None:
        """The number of the last note of that kind."""
        value, note = self.notes.number(kind), self.notes.last(kind)
        return Fact(value, self.place(note)) if note and value is not None else None

    def place(self, note: XenNote) -> str:
        """Where a note stands."""
        holder = "__xen_guest" if self.origin is Origin.XEN_GUEST else "note"
        return f"{holder} {note.name}, {note.place}"

    @property
    def symbols_asked(self) -> bool:
        """Whether a BSD symbol table is asked for."""
        if self.origin is Origin.XEN_GUEST:
            return any(each.kind is Note.BSD_SYMTAB for each in self.notes.found)
        return "yes" in self.notes.texts(Note.BSD_SYMTAB)

    @property
    def pae(self) -> bool:
        """Whether a 32-bit kernel can do with PAE."""
        modes = self.notes.texts(Note.PAE_MODE)
        if self.origin is Origin.XEN_GUEST:
            return any(each.startswith("yes") for each in modes)
        return any(each == "yes" or "bimodal" in each for each in modes)


def _program_header(header: Header) -> ProgramHeader:
    flags = header["p_flags"]
    return ProgramHeader(
        index=header.index,
        kind=segment_type(header["p_type"]),
        offset=header["p_offset"],
        file_size=header["p_filesz"],
        vaddr=header["p_vaddr"],
        paddr=header["p_paddr"],
        memory_size=header["p_memsz"],
        flags=flags,
        align=header["p_align"],
        loaded=header["p_type"] == PT_LOAD and bool(flags & _ANY_ACCESS),
    )


def _physical(segments: tuple[ProgramHeader, ...]) -> tuple[Fact[int], Fact[int]]:
    """The least physical address that is loaded, and the greatest end; ends wrap, as libelf's do."""
    start, end = Fact(UNSET, "nothing is loaded"), Fact(0, "nothing is loaded")
    for each in segments:
        if each.loaded:
            segment_end = (each.paddr + each.memory_size) % ADDRESS_LIMIT
            if each.paddr < start.value:
                start = Fact(each.paddr, f"p_paddr of program header {each.index}")
            if segment_end > end.value:
                end = Fact(segment_end, f"p_paddr + p_memsz of program header {each.index}")
    return start, end


def _symbols(elf: ElfFile, given: _Given, pend: int) -> Fact[Segment | None]:
    """Where the symbol table and its strings are laid, behind a size and a small ELF header of their own."""
    if not given.symbols_asked:
        return Fact(None, "no BSD_SYMTAB")
    table = elf.symbol_table()
    strings = elf.section(table["sh_link"]) if table else None
    if not table or not strings or strings["sh_type"] != SHT_STRTAB:
        return Fact(None, "BSD_SYMTAB, but no symbol table with its strings")
    word, headers = (8, 264) if elf.bits == 64 else (4, 192)
    start = _round_up(pend, word)
    size = headers
    for part in (table, strings):
        size = _round_up(size + part["sh_size"], word)
    end = (start + size) % ADDRESS_LIMIT
    return Fact(
        Segment(start, end),
        f"BSD_SYMTAB: {headers} bytes, section {table.index}, section {strings.index}, from pend on",
    )


def _mode(elf: ElfFile) -> Fact[PagingMode]:
    """The paging mode; whether the machine fits is checked later."""
    machine = {EM_386: "EM_386", EM_X86_64: "EM_X86_64"}.get(elf.header["e_machine"], "another")
    return Fact(
        X86_64 if elf.bits == 64 else COMPAT, f"EI_CLASS {elf.bits or 'unknown'}, e_machine {machine}"
    )


def _checked_origin(notes: Notes, source: str) -> Origin:
    """Where the notes are, if libelf would take them."""
    if notes.origin is not Origin.XEN_GUEST:
        for text in notes.texts(Note.FEATURES):
            unknown = unknown_required(text)
            if unknown is not None:
                raise InputError(
                    f"{source}: FEATURES: expected known features, found {unknown!r} as required"
                )
    if notes.origin is None and not notes.other_owners:
        raise InputError(
            f"{source}: expected ELF notes for Xen or a section __xen_guest, found none: no Xen image"
        )
    loader, guest_os = notes.text(Note.LOADER), notes.text(Note.GUEST_OS)
    if not loader.startswith("generic") and not guest_os.startswith("linux"):
        found = f"{_shown(loader)} and {_shown(guest_os)}" if loader or guest_os else "neither note"
        pvh = notes.last(Note.PHYS32_ENTRY) is not None and not (loader or guest_os)
        raise InputError(
            f"{source}: expected the LOADER generic or the GUEST_OS linux, found {found}"
            f"{': an image for PVH, not for PV?' if pvh else ''}"
        )
    version = notes.text(Note.XEN_VERSION)
    if not version.startswith("xen-3.0"):
        raise InputError(f"{source}: XEN_VERSION: expected xen-3.0, found {_shown(version)}")
    assert notes.origin is not None
    return notes.origin


def _check_addresses(image: Image) -> None:
    """Refuse what libelf finds out of bounds, all compared without a sign."""
    base, start, end = image.virt_base.value, image.virt_kstart.value, image.virt_kend.value
    entry, p2m = image.virt_entry.value, image.p2m_base.value
    for name, wrong, found in (
        ("virt_kend", start > end, f"at or above virt_kstart {start:#x}, found {end:#x}"),
        ("virt_entry", not start <= entry <= end, f"within {start:#x} to {end:#x}, found {entry:#x}"),
        ("virt_base", base > start, f"at or below virt_kstart {start:#x}, found {base:#x}"),
    ):
        if wrong:
            raise InputError(
                f"{image.source}: {name}: expected {found}: ELF start or entries are out of bounds"
            )
    if p2m is not None and start <= p2m < end:
        raise InputError(
            f"{image.source}: INIT_P2M: expected it outside the kernel, {start:#x} to {end:#x}, found {p2m:#x}:"
            " P->M table base is out of bounds"
        )


def _reasons_not_dom0(elf: ElfFile, notes: Notes, image: Image) -> Iterator[str]:
    """Why the dom0 builder refuses what libelf takes, in the order in which it looks."""
    machine = elf.header["e_machine"]
    if elf.bits == 32:
        if not _Given(notes, image.origin).pae:
            yield "PAE_MODE: expected yes or bimodal for a 32-bit kernel, found none"
        fits = machine == EM_386
    else:
        fits = elf.bits == 64 and machine == EM_X86_64
    if not fits or elf.marked_big_endian:
        yield (
            "expected a little-endian ELF, 64-bit for x86-64 or 32-bit for i386, found EI_CLASS"
            f" {elf.data[4]}, EI_DATA {elf.data[5]}, e_machine {machine}: mismatch between Xen and dom0 kernel"
        )
    supported = notes.last(Note.SUPPORTED_FEATURES)
    if supported and not _says_dom0(notes):
        yield (
            f"SUPPORTED_FEATURES: expected the bit {FEATURES['dom0']}, found {supported.value:#x}: kernel"
            " does not support dom0 operation"
        )
    low = image.hv_start_low.value
    if elf.bits == 32 and low is not None and _round_up(low, 2 << 20) > COMPAT_HOLE:
        yield (
            f"HV_START_LOW: expected at most {COMPAT_HOLE:#x}, found {low:#x}: dom0 expects too high a"
            " hypervisor start address"
        )
    for each in image.segments:
        if each.loaded and each.memory_size < each.file_size:
            yield (
                f"program header {each.index}: expected p_memsz at or above its p_filesz {each.file_size:#x}, "
                f"found {each.memory_size:#x}: Failed to load the kernel binary"
            )
    if any(_requires(text, "supervisor_mode_kernel") for text in notes.texts(Note.FEATURES)):
        yield (
            "FEATURES: expected supervisor_mode_kernel as supported at most, found it as required: Dom0 requires"
            " supervisor-mode execution"
        )


def _loaded_wrong(image: Image) -> Iterator[str]:
    """What libelf's loader takes and doesn't load as the image has it: it trusts a dom0 to be what its headers say."""
    left = 2 * ((image.virt_kend.value - image.virt_kstart.value) % ADDRESS_LIMIT)
    for each in image.segments:
        if not each.loaded:
            continue
        if each.memory_size > left:
            yield (
                f"Xen loads nothing from program header {each.index} on, and goes on: broken ELF: program segments total to "
                "more than the input image size"
            )
            return
        left -= each.memory_size
        behind = each.offset + each.file_size - image.size
        if each.file_size and behind > 0:
            yield f"Xen loads {behind} bytes from behind the file for program header {each.index}, whatever lies there."


def _why_not_domu(elf: ElfFile, notes: Notes, image: Image) -> str | None:
    """Why libxenguest refuses what libelf takes. It goes by the machine, whatever the ELF's class."""
    machine = elf.header["e_machine"]
    if any(_requires(text, "dom0") for text in notes.texts(Note.FEATURES)):
        return "xc_dom_parse_elf_kernel: Kernel does not support unprivileged (DomU) operation"
    if machine not in (EM_386, EM_X86_64):
        return f"xc_dom_guest_type: unknown image type {machine}"
    if machine == EM_386 and not _Given(notes, image.origin).pae:
        return "xc_dom_compat_check: guest type xen-3.0-x86_32 not supported by xen kernel, sorry"
    if elf.bits != (64 if machine == EM_X86_64 else 32) or elf.marked_big_endian:
        return "its class or byte order isn't that of its machine, which isn't modelled"
    return None


def _requires(text: str, feature: str) -> bool:
    """Whether a text of features has one as required, as far as libelf reads it: up to a required one that it doesn't know."""
    known = takewhile(lambda each: not each[1] or each[0] in FEATURES, features(text))
    return (feature, True) in known


def _says_dom0(notes: Notes) -> bool:
    """Whether any note says that the kernel can be a dom0."""
    by_name = any(name == "dom0" for text in notes.texts(Note.FEATURES) for name, _ in features(text))
    bits = (each.value for each in notes.found if each.kind is Note.SUPPORTED_FEATURES)
    return by_name or any(isinstance(each, int) and each >> FEATURES["dom0"] & 1 for each in bits)


def _round_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit % ADDRESS_LIMIT


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...") if text else "none"
