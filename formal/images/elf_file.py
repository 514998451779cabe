"""Reads the headers of an ELF the way libelf does, so that what Xen takes, however odd, is taken here too.

Where the fields lie, and what their numbers are called, comes from pyelftools. Its ELFFile is not used: it
refuses images that libelf accepts (a wrong e_shstrndx, an EI_DATA of 0, headers that reach past the end) and
accepts some that libelf refuses. libelf's rules, which are kept here:

- a field that lies outside the file reads as 0, and a loop over headers ends at the first outside it;
- a table of headers that ends past the file's end is refused, but where it ends is reckoned modulo 2**64;
- whatever EI_CLASS is not 64-bit has the fields of a 32-bit ELF, and whatever EI_DATA is not little-endian
  is read as big-endian.

Facts: ``xen/common/libelf/libelf-tools.c`` and ``libelf-loader.c`` (4.22). All offsets and sizes are in bytes.
"""

import mmap
import struct
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, Literal

from attrs import field, frozen
from elftools.construct import Struct
from elftools.elf.enums import (
    ENUM_E_MACHINE,
    ENUM_EI_CLASS,
    ENUM_EI_DATA,
    ENUM_P_TYPE_BASE,
    ENUM_SH_TYPE_BASE,
)
from elftools.elf.structs import ELFStructs

from ..edge.errors import InputError
from ..layouts.layout import ADDRESS_LIMIT

Data = bytes | bytearray | mmap.mmap
"""What holds a file."""

Order = Literal["little", "big"]
"""A byte order."""

MAGIC: Final = b"\x7fELF"

EM_386: Final[int] = ENUM_E_MACHINE["EM_386"]
EM_X86_64: Final[int] = ENUM_E_MACHINE["EM_X86_64"]
PT_LOAD: Final[int] = ENUM_P_TYPE_BASE["PT_LOAD"]
PT_NOTE: Final[int] = ENUM_P_TYPE_BASE["PT_NOTE"]
SHT_NOTE: Final[int] = ENUM_SH_TYPE_BASE["SHT_NOTE"]
SHT_SYMTAB: Final[int] = ENUM_SH_TYPE_BASE["SHT_SYMTAB"]
SHT_STRTAB: Final[int] = ENUM_SH_TYPE_BASE["SHT_STRTAB"]

STRING_LIMIT: Final = 4096
"""The longest string that libelf reads."""

_SEGMENT_NAMES: Final[dict[Any, str]] = {number: name for name, number in ENUM_P_TYPE_BASE.items()}
_EI_CLASS, _EI_DATA = 4, 5
_BITS: Final = {ENUM_EI_CLASS["ELFCLASS32"]: 32, ENUM_EI_CLASS["ELFCLASS64"]: 64}
_LITTLE: Final[int] = ENUM_EI_DATA["ELFDATA2LSB"]
_BIG: Final[int] = ENUM_EI_DATA["ELFDATA2MSB"]
_SMALLEST_HEADER: Final = 52
_SMALLEST_SECTION: Final = 40


def segment_type(number: int) -> str:
    """The name of a p_type.

    >>> segment_type(1), segment_type(0x12345)
    ('PT_LOAD', '0x12345')
    """
    return _SEGMENT_NAMES.get(number, hex(number))


@frozen
class Header:
    """One program or section header: its fields by their names in the ELF standard (``p_type``, ``sh_offset``)."""

    index: int
    fields: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.fields[name]


@frozen
class _Record:
    """How a header is laid out: each field's offset and size, and the whole as one format."""

    fields: Mapping[str, tuple[int, int]]
    whole: struct.Struct
    order: Order

    def read(self, data: Data, offset: int) -> dict[str, int]:
        """The fields of the header at an offset in the file; those that lie outside are 0."""
        if offset + self.whole.size <= len(data):
            return dict(zip(self.fields, self.whole.unpack_from(data, offset), strict=True))
        return {
            name: _unsigned(data, offset + at, size, self.order) for name, (at, size) in self.fields.items()
        }


@frozen
class _Table:
    """A table of ``count`` headers, ``step`` bytes apart, the first at ``offset``."""

    offset: int
    step: int
    count: int
    record: _Record

    @property
    def end(self) -> int:
        """Where libelf reckons that it ends."""
        return (self.offset + self.step * self.count) % ADDRESS_LIMIT

    def header(self, data: Data, index: int) -> Header | None:
        """The header of that index; ``None`` when it begins outside the file."""
        offset = (self.offset + self.step * index) % ADDRESS_LIMIT
        return Header(index, self.record.read(data, offset)) if offset < len(data) else None

    def headers(self, data: Data, first: int) -> Iterator[Header]:
        """The headers from an index on, up to the first that begins outside the file."""
        for index in range(first, self.count):
            header = self.header(data, index)
            if header is None:
                return
            yield header


@frozen
class ElfFile:
    """An ELF's headers.

    ``bits`` is 64, 32, or 0 for an EI_CLASS that is neither. ``segments`` are the program headers,
    ``sections`` the section headers from index 1 on, both only up to the first that begins outside the file.
    """

    data: Data = field(repr=False)
    bits: int
    order: Order
    """The byte order that the file is read in: ``little`` or ``big``."""
    marked_big_endian: bool
    """Whether EI_DATA says big-endian; a value without a meaning is only read so."""
    header: Mapping[str, int]
    segments: tuple[Header, ...]
    sections: tuple[Header, ...]
    section_table: _Table

    def unsigned(self, offset: int, size: int) -> int:
        """The number of ``size`` bytes at an offset; 0 when they don't all lie in the file."""
        return _unsigned(self.data, offset, size, self.order)

    def string(self, offset: int) -> bytes | None:
        """The bytes before the next NUL; ``None`` when there is none in reach."""
        if not 0 <= offset < len(self.data):
            return None
        end = self.data.find(b"\0", offset, offset + STRING_LIMIT + 1)
        return None if end < 0 else bytes(self.data[offset:end])

    def section(self, index: int) -> Header | None:
        """The section header of that index; ``None`` if there aren't so many, or it begins outside the file."""
        return self.section_table.header(self.data, index) if index < self.section_table.count else None

    def section_named(self, name: bytes) -> Header | None:
        """The first section of that name."""
        index = self.header["e_shstrndx"]
        if index >= self.section_table.count:  # libelf then calls every section "unknown"
            return None
        names = self.section(index)
        start = names["sh_offset"] if names else 0
        text = name + b"\0"
        for section in self.sections:
            offset = (start + section["sh_name"]) % ADDRESS_LIMIT
            if self.data[offset : offset + len(text)] == text:
                return section
        return None

    def symbol_table(self) -> Header | None:
        """The first symbol table; ``None``, too, when that one isn't linked to another section."""
        for section in self.sections:
            if section["sh_type"] == SHT_SYMTAB:
                return section if 0 < section["sh_link"] < self.section_table.count else None
        return None


def read_elf(data: Data, source: str, size: int | None = None) -> ElfFile:
    """The headers of the ELF that ``data`` holds; ``source`` names it in messages.

    ``size`` is how long it is taken to be, if that isn't what there is: what lies past the data counts as 0.

    Raises:
        InputError: it is no ELF, or a table of headers ends past its end.
    """
    size = len(data) if size is None else size
    if min(size, len(data)) < _SMALLEST_HEADER or data[: len(MAGIC)] != MAGIC:
        found = _instead(data, min(size, len(data)))
        raise InputError(f"{source}: offset 0: expected an ELF, found {found} (ELF: not an ELF binary)")
    bits = _BITS.get(data[_EI_CLASS], 0)
    order: Order = "little" if data[_EI_DATA] == _LITTLE else "big"
    ehdr, phdr, shdr = _records(bits, order)
    header = ehdr.read(data, 0)
    segments = _Table(header["e_phoff"], header["e_phentsize"], header["e_phnum"], phdr)
    section_count = min(header["e_shnum"], len(data) // _SMALLEST_SECTION)
    sections = _Table(header["e_shoff"], header["e_shentsize"], section_count, shdr)
    for name, table in (("phdr", segments), ("shdr", sections)):
        if table.end > size:
            raise InputError(
                f"{source}: e_{name[:2]}off {table.offset:#x}: expected {table.count} headers of {table.step} bytes"
                f" to end within the file's {size:#x} bytes ({name} overflow)"
            )
    return ElfFile(
        data,
        bits,
        order,
        data[_EI_DATA] == _BIG,
        header,
        tuple(segments.headers(data, 0)),
        tuple(sections.headers(data, 1)),
        sections,
    )


def _instead(data: Data, size: int) -> str:
    """What there is in place of an ELF, in words."""
    if not size:
        return "nothing"
    if data[: len(MAGIC)] == MAGIC:
        return f"the first {size} bytes of one, whose header alone has {_SMALLEST_HEADER}"
    first = bytes(data[:8])
    text = f" ({first.decode()!r})" if first.isascii() and first.decode().isprintable() else ""
    return f"{len(data)} bytes that begin with {first.hex(' ')}{text}"


@cache
def _records(bits: int, order: Order) -> tuple[_Record, _Record, _Record]:
    """The layouts of an ELF's header, a program header and a section header, as pyelftools has them."""
    structs = ELFStructs(little_endian=order == "little", elfclass=64 if bits == 64 else 32)
    structs.create_basic_structs()
    structs.create_advanced_structs()
    kinds = (structs.Elf_Ehdr, structs.Elf_Phdr, structs.Elf_Shdr)
    ehdr, phdr, shdr = (_record(each, order) for each in kinds)
    return ehdr, phdr, shdr


def _record(construct: Struct, order: Order) -> _Record:
    fields: dict[str, tuple[int, int]] = {}
    whole = "<" if order == "little" else ">"
    offset = 0
    for part in construct.subcons:
        size = part.sizeof()
        letter = {2: "H", 4: "I", 8: "Q"}.get(size)
        if letter:
            fields[str(part.name)] = (offset, size)
        whole += letter or f"{size}x"  # all but e_ident are numbers
        offset += size
    return _Record(fields, struct.Struct(whole), order)


def _unsigned(data: Data, offset: int, size: int, order: Order) -> int:
    if not 0 <= offset <= len(data) - size:
        return 0
    return int.from_bytes(data[offset : offset + size], order)
