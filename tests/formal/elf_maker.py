"""ELFs and bzImages made by hand, of parts that may be as odd as a test wants them, and the ways to pack them."""

import bz2
import gzip
import lzma
import struct
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence

import lz4.block
from attrs import frozen
from lzallright import LZOCompressor

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PT_LOAD, PT_NOTE = 1, 4
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_NOTE = 1, 2, 3, 7

ENTRY, HYPERCALL_PAGE, VIRT_BASE, PADDR_OFFSET, XEN_VERSION, GUEST_OS, GUEST_VERSION, LOADER = range(1, 9)
PAE_MODE, FEATURES, BSD_SYMTAB, HV_START_LOW, L1_MFN_VALID, SUSPEND_CANCEL, INIT_P2M = range(9, 16)
MOD_START_PFN, SUPPORTED_FEATURES, PHYS32_ENTRY, PHYS32_RELOC = range(16, 20)

EHDR = "HHIWWWIHHHHHH"
PHDR = {64: "IIWWWWWW", 32: "IWWWWWIW"}
SHDR = "IIWWWWIIWW"
EHDR_NAMES = (
    *("e_type", "e_machine", "e_version", "e_entry", "e_phoff", "e_shoff", "e_flags", "e_ehsize"),
    *("e_phentsize", "e_phnum", "e_shentsize", "e_shnum", "e_shstrndx"),
)


@frozen
class Load:
    """A segment; what it holds is put in the file, and ``memory`` is its size in memory."""

    paddr: int
    memory: int
    kind: int = PT_LOAD
    flags: int = 7
    holds: bytes = b""
    offset: int | None = None


@frozen
class Section:
    """A section; ``size`` and ``offset`` may lie."""

    name: bytes
    kind: int
    holds: bytes = b""
    link: int = 0
    size: int | None = None
    offset: int | None = None


def number(value: int, size: int = 8) -> bytes:
    """A little-endian number."""
    return value.to_bytes(size, "little")


def note(kind: int, desc: bytes | int | str, owner: bytes = b"Xen\0", order: str = "<") -> bytes:
    """One note: a number of 8 bytes, a text, or any bytes."""
    if isinstance(desc, int):
        desc = struct.pack(f"{order}Q", desc)
    elif isinstance(desc, str):
        desc = desc.encode() + b"\0"
    header = struct.pack(f"{order}III", len(owner), len(desc), kind)
    return header + owner + bytes(-len(owner) % 4) + desc + bytes(-len(desc) % 4)


def notes(
    also: Mapping[int, bytes | int | str] | Sequence[tuple[int, bytes | int | str]] = (),
    *,
    loader: str | None = "generic",
    xen_version: str | None = "xen-3.0",
    order: str = "<",
) -> bytes:
    """The notes that every image needs, and others after them."""
    pairs = also.items() if isinstance(also, Mapping) else also
    needed = ((LOADER, loader), (XEN_VERSION, xen_version), (PAE_MODE, "yes"))
    return b"".join(note(kind, desc, order=order) for kind, desc in (*needed, *pairs) if desc is not None)


def elf(
    segments: Sequence[Load] = (Load(0x100000, 0x12000),),
    sections: Sequence[Section] = (),
    *,
    bits: int = 64,
    order: str = "<",
    ident: Mapping[int, int] | None = None,
    header: Mapping[str, int] | None = None,
) -> bytes:
    """An ELF that is entered 64 KiB into its first segment; ``ident`` and ``header`` put other values in the place of the right ones."""
    wide = "Q" if bits == 64 else "I"
    ehdr, phdr, shdr = (order + each.replace("W", wide) for each in (EHDR, PHDR[bits], SHDR))
    names = b"\0" + b"".join(each.name + b"\0" for each in sections) + b".shstrtab\0"
    all_sections = [Section(b"", 0), *sections, Section(b".shstrtab", SHT_STRTAB, names)] if sections else []

    position = 16 + struct.calcsize(ehdr) + len(segments) * struct.calcsize(phdr)
    contents = bytearray()
    headers = bytearray()
    for each in segments:
        offset = position + len(contents) if each.offset is None else each.offset
        contents += each.holds + bytes(-len(each.holds) % 8)
        size = len(each.holds)
        places = (offset, each.paddr, each.paddr, size, each.memory)
        fields = (each.kind, each.flags, *places, 8) if bits == 64 else (each.kind, *places, each.flags, 8)
        headers += struct.pack(phdr, *fields)
    tail = bytearray()
    for each_section in all_sections:
        held = each_section.holds
        offset = position + len(contents) if each_section.offset is None else each_section.offset
        contents += held + bytes(-len(held) % 8)
        name = names.index(each_section.name + b"\0") if each_section.name else 0
        size = len(held) if each_section.size is None else each_section.size
        tail += struct.pack(shdr, name, each_section.kind, 0, 0, offset, size, each_section.link, 0, 8, 0)

    entry = segments[0].paddr + min(0x10000, segments[0].memory) if segments else 0
    fields_of = dict.fromkeys(EHDR_NAMES, 0) | {
        "e_type": 2,
        "e_machine": 62 if bits == 64 else 3,
        "e_version": 1,
        "e_entry": entry % (1 << bits),
        "e_phoff": 16 + struct.calcsize(ehdr),
        "e_shoff": position + len(contents) if sections else 0,
        "e_ehsize": 16 + struct.calcsize(ehdr),
        "e_phentsize": struct.calcsize(phdr),
        "e_phnum": len(segments),
        "e_shentsize": struct.calcsize(shdr),
        "e_shnum": len(all_sections),
        "e_shstrndx": max(0, len(all_sections) - 1),
    }
    identity = bytearray(b"\x7fELF" + bytes((2 if bits == 64 else 1, 1 if order == "<" else 2, 1)) + bytes(9))
    for index, value in (ident or {}).items():
        identity[index] = value
    return (
        bytes(identity)
        + struct.pack(ehdr, *(fields_of | dict(header or {})).values())
        + headers
        + contents
        + tail
    )


def noted(held: bytes, offset: int | None = None) -> Load:
    """A note segment."""
    return Load(0, 0, PT_NOTE, 4, held, offset)


def image(
    also: Mapping[int, bytes | int | str] | Sequence[tuple[int, bytes | int | str]] = (),
    *loads: Load,
    bits: int = 64,
    sections: Sequence[Section] = (),
    header: Mapping[str, int] | None = None,
) -> bytes:
    """A PV kernel with these notes and segments."""
    segments = (*(loads or (Load(0x100000, 0x12000),)), noted(notes(also)))
    return elf(segments, sections, bits=bits, header=header)


def bzimage(payload: bytes, *, version: int = 0x20F, setup_sects: int = 1, **placed: int) -> bytes:
    """A bzImage with this payload; ``offset`` and ``length`` may lie about where it is."""
    header = bytearray((setup_sects + 1) * 512)
    header[0x1F1] = setup_sects
    header[0x202:0x206] = b"HdrS"
    header[0x206:0x208] = number(version, 2)
    header[0x248:0x24C] = number(placed.get("offset", 0x20), 4)
    header[0x24C:0x250] = number(placed.get("length", len(payload)), 4)
    return bytes(header) + bytes(0x20) + payload + b"what comes after it"


def _lzma(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE, preset=1)


def _xz(data: bytes) -> bytes:
    """As Linux' scripts/xz_wrap.sh does for x86: with a filter for its code."""
    filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 1}]
    return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)


def _lz4(data: bytes) -> bytes:
    """As ``lz4 -l`` does: blocks of 8 MiB."""
    packed = bytes.fromhex("02214c18")
    for start in range(0, len(data), 8 << 20):
        block = lz4.block.compress(data[start : start + (8 << 20)], store_size=False)
        packed += number(len(block), 4) + block
    return packed


def _lzo(data: bytes) -> bytes:
    """As ``lzop`` does: a header with the file's name, then blocks of 256 KiB with Adler-32 sums."""
    packed = bytes.fromhex("894c5a4f000d0a1a0a") + struct.pack(">HHHBB", 0x1040, 0x20A0, 0x940, 1, 9)
    packed += struct.pack(">IIIIB", 1, 0o100644, 0, 0, 7) + b"vmlinux" + bytes(4)
    for start in range(0, len(data), 256 << 10):
        part = data[start : start + (256 << 10)]
        block = LZOCompressor().compress(part)
        block = block if len(block) < len(part) else part
        packed += struct.pack(">III", len(part), len(block), zlib.adler32(part)) + block
    return packed + bytes(4)


def _zstd(data: bytes) -> bytes:
    return zstd.compress(data, 3)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 9, mtime=0),
    "bzip2": bz2.compress,
    "xz": _xz,
    "lzma": _lzma,
    "lzo": _lzo,
    "lz4": _lz4,
    "zstd": _zstd,
}
"""How kernels are packed; ``with_size`` adds what Linux' build adds."""


def with_size(name: str, data: bytes) -> bytes:
    """Packed as Linux' build does it: with the unpacked size at the end, which gzip has of its own."""
    packed = PACKERS[name](data)
    return packed if name == "gzip" else packed + number(len(data), 4)
