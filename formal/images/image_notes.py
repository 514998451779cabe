"""What a PV kernel tells Xen about itself: ELF notes of owner "Xen", or the older ``__xen_guest`` text.

Notes come from PT_NOTE segments; only if there are none for Xen, from SHT_NOTE sections; only if there are
none either, from the section ``__xen_guest``. All are kept, in the order in which libelf reads them. Of several
with a number or a text the last counts; PAE and BSD_SYMTAB, once said, stay.

Facts: DOMAIN.md section 7; ``xen/common/libelf/libelf-dominfo.c`` (4.22); the numbers are those of
``xen/include/public/elfnote.h``. Offsets and sizes are in bytes.
"""

import re
from collections.abc import Iterator
from enum import Enum, IntEnum
from typing import Final

from attrs import frozen

from ..edge.errors import InputError
from ..layouts.layout import ADDRESS_LIMIT
from .elf_file import PT_NOTE, SHT_NOTE, ElfFile

UNSET: Final = ADDRESS_LIMIT - 1
"""How libelf marks an address that the image doesn't give, so that no image can give just this one."""

XEN_OWNER: Final = b"Xen\0"
"""The owner of a note that is meant for Xen."""

NOTE_LIMIT: Final = 65536
"""How many notes libelf reads, those of other owners included."""

TEXT_LIMIT: Final = 256 << 10
"""The most text that is read from an image's notes, in bytes. The limit is ours: libelf has none."""

FEATURES: Final = {
    "writable_page_tables": 0,
    "writable_descriptor_tables": 1,
    "auto_translated_physmap": 2,
    "supervisor_mode_kernel": 3,
    "pae_pgdir_above_4gb": 4,
    "hvm_callback_vector": 8,
    "dom0": 11,
}
"""The features that libelf knows, with their bits in the note SUPPORTED_FEATURES."""


class Note(IntEnum):
    """The type of a note whose owner is "Xen"."""

    ENTRY = 1
    HYPERCALL_PAGE = 2
    VIRT_BASE = 3
    PADDR_OFFSET = 4
    XEN_VERSION = 5
    GUEST_OS = 6
    GUEST_VERSION = 7
    LOADER = 8
    PAE_MODE = 9
    FEATURES = 10
    BSD_SYMTAB = 11
    HV_START_LOW = 12
    L1_MFN_VALID = 13
    SUSPEND_CANCEL = 14
    INIT_P2M = 15
    MOD_START_PFN = 16
    SUPPORTED_FEATURES = 17
    PHYS32_ENTRY = 18
    PHYS32_RELOC = 19


class Origin(Enum):
    """Where an image's notes are, in the order in which libelf looks there."""

    PT_NOTE = "PT_NOTE"
    SHT_NOTE = "SHT_NOTE"
    XEN_GUEST = "__xen_guest"


@frozen
class XenNote:
    """One note, or one ``KEY=value`` of ``__xen_guest``.

    ``kind`` is ``None`` for a type or key that libelf doesn't know; ``name`` is what to call it; ``value`` is
    ``None`` where there is none that libelf would use; ``place`` says where it stands.
    """

    kind: Note | None
    name: str
    value: int | str | None
    place: str


@frozen
class Notes:
    """An image's notes. ``origin`` is ``None`` if there are none; ``other_owners`` if others have some."""

    origin: Origin | None
    found: tuple[XenNote, ...]
    other_owners: bool

    def last(self, kind: Note) -> XenNote | None:
        """The one that counts of several with a number or a text."""
        values = (each for each in reversed(self.found) if each.kind is kind and each.value is not None)
        return next(values, None)

    def number(self, kind: Note) -> int | None:
        """The number that the last note of that kind gives; ``None`` without one, and for libelf's mark of none."""
        note = self.last(kind)
        return note.value if note and isinstance(note.value, int) and note.value != UNSET else None

    def text(self, kind: Note) -> str:
        """The text that the last note of that kind gives, or none."""
        note = self.last(kind)
        return note.value if note and isinstance(note.value, str) else ""

    def texts(self, kind: Note) -> list[str]:
        """The texts of all notes of that kind."""
        return [each.value for each in self.found if each.kind is kind and isinstance(each.value, str)]


_TEXTS: Final = {
    Note.XEN_VERSION,
    Note.GUEST_OS,
    Note.GUEST_VERSION,
    Note.LOADER,
    Note.PAE_MODE,
    Note.FEATURES,
    Note.BSD_SYMTAB,
}
_BARE: Final = {Note.L1_MFN_VALID, Note.PHYS32_RELOC}
"""Notes that libelf takes no address or text from."""
_NUMBER_SIZES: Final = (1, 2, 4, 8)
_FEATURE_WORD: Final = 4
_HEADER_SIZE: Final = 12

_IMAGE_BASE: Final = 0xFFFF_8300_0000_0000
"""Where Xen maps a module at the lowest. A note segment whose end wraps beyond that is empty for libelf."""


def read_notes(elf: ElfFile, source: str) -> Notes:
    """The notes for Xen; ``source`` names the image in messages.

    Raises:
        InputError: there is more text in them than `TEXT_LIMIT`.
    """
    reader = _Reader(elf, source)
    holders: tuple[tuple[Origin, list[tuple[str, int, int]]], ...] = (
        (
            Origin.PT_NOTE,
            [
                # Some linkers leave the offset 0: libelf skips those.
                (f"program header {each.index}", each["p_offset"], each["p_filesz"])
                for each in elf.segments
                if each["p_type"] == PT_NOTE and each["p_offset"]
            ],
        ),
        (
            Origin.SHT_NOTE,
            [
                (f"section {each.index}", each["sh_offset"], each["sh_size"])
                for each in elf.sections
                if each["sh_type"] == SHT_NOTE
            ],
        ),
    )
    for origin, places in holders:
        found = tuple(note for place in places for note in reader.notes(*place))
        if found:
            return Notes(origin, found, reader.other_owners)
    guest = elf.section_named(b"__xen_guest")
    if guest:
        return Notes(Origin.XEN_GUEST, tuple(reader.guest(guest["sh_offset"])), reader.other_owners)
    return Notes(None, (), reader.other_owners)


def features(text: str) -> Iterator[tuple[str, bool]]:
    """The names in a text of features, each with whether it is required, cut as libelf cuts them.

    >>> list(features("!writable_page_tables|dom0"))
    [('writable_page_tables', True), ('dom0', False)]
    """
    for part in re.findall(r"[^|]{63}|[^|]*\||[^|]+", text, re.DOTALL):
        name = part.removesuffix("|")
        yield name.removeprefix("!"), name.startswith("!")


def parsed_number(text: str) -> int:
    """The number that a text begins with: 0x… is hexadecimal, 0… octal; modulo 2**64, and 0 without digits.

    >>> parsed_number("0xC0000000,"), parsed_number("017"), parsed_number("-1")
    (3221225472, 15, 0)
    """
    for pattern, base in ((r"0[xX]([0-9a-fA-F]+)", 16), (r"0([0-7]*)", 8), (r"([0-9]+)", 10)):
        found = re.match(pattern, text, re.ASCII)
        if found:
            return int(found[1] or "0", base) % ADDRESS_LIMIT
    return 0


class _Reader:
    """Reads the notes of one image, within the limits that hold for all of them together."""

    def __init__(self, elf: ElfFile, source: str) -> None:
        self.elf = elf
        self.source = source
        self.other_owners = False
        self._notes_left = NOTE_LIMIT
        self._text_left = TEXT_LIMIT

    def notes(self, holder: str, start: int, size: int) -> Iterator[XenNote]:
        """The notes for Xen in one segment or section."""
        elf = self.elf
        end = start + size
        if _IMAGE_BASE + end >= ADDRESS_LIMIT:
            return
        while start < end and self._notes_left:
            self._notes_left -= 1
            name_size, desc_size, kind = (elf.unsigned(start + at, 4) for at in (0, 4, 8))
            name = start + _HEADER_SIZE
            desc = name + _word_above(name_size)
            if elf.data[name : name + len(XEN_OWNER)] == XEN_OWNER:
                yield self._note(kind, desc, desc_size, f"{holder}, offset {start:#x}")
            else:
                self.other_owners = True
            if start >= len(elf.data):
                return
            start = desc + _word_above(desc_size)

    def guest(self, offset: int) -> Iterator[XenNote]:
        """The settings in the text of ``__xen_guest``, which ends at a NUL or with the file."""
        data = bytes(self.elf.data[offset : offset + self._text_left + 1])
        text = self._counted(data.partition(b"\0")[0])
        for found in re.finditer(_SETTING, text):
            name, value = found["whole"] or found["name"], found["cut"] or found["value"] or ""
            kind = _GUEST_KEYS.get(name)
            place = f"offset {offset + found.start():#x}"
            if kind is None:
                yield XenNote(None, name, value, place)
            elif kind in _TEXTS:
                yield XenNote(kind, name, value, place)
                if kind is Note.FEATURES and unknown_required(value):
                    return  # libelf stops reading here, and doesn't mind
            else:
                yield XenNote(kind, name, parsed_number(value), place)

    def _note(self, number: int, desc: int, size: int, place: str) -> XenNote:
        try:
            kind = Note(number)
        except ValueError:
            return XenNote(None, f"type {number:#x}", None, place)
        value: int | str | None = None
        if kind in _TEXTS:
            text = self.elf.string(desc)
            value = None if text is None else self._counted(text)
        elif kind is Note.SUPPORTED_FEATURES:
            value = self.elf.unsigned(desc, _FEATURE_WORD) if size and size % _FEATURE_WORD == 0 else 0
        elif kind not in _BARE:
            value = self.elf.unsigned(desc, size) if size in _NUMBER_SIZES else 0
        return XenNote(kind, kind.name, value, place)

    def _counted(self, text: bytes) -> str:
        self._text_left -= len(text)
        if self._text_left < 0:
            raise InputError(f"{self.source}: notes: expected at most {TEXT_LIMIT} bytes of text, found more")
        return text.decode("latin-1")


def unknown_required(text: str) -> str | None:
    """The first required feature in a text that libelf doesn't know."""
    return next((name for name, required in features(text) if required and name not in FEATURES), None)


_GUEST_KEYS: Final = {
    "LOADER": Note.LOADER,
    "GUEST_OS": Note.GUEST_OS,
    "GUEST_VER": Note.GUEST_VERSION,
    "XEN_VER": Note.XEN_VERSION,
    "PAE": Note.PAE_MODE,
    "BSD_SYMTAB": Note.BSD_SYMTAB,
    "VIRT_BASE": Note.VIRT_BASE,
    "VIRT_ENTRY": Note.ENTRY,
    "ELF_PADDR_OFFSET": Note.PADDR_OFFSET,
    "HYPERCALL_PAGE": Note.HYPERCALL_PAGE,
    "FEATURES": Note.FEATURES,
}
"""What ``__xen_guest`` can set, and the note of the same meaning. Its hypercall page is a page number."""

# A name of 31 characters, or a value of 127, ends there, whatever comes next.
_SETTING: Final = re.compile(
    r"(?P<whole>[^,=]{31})|(?P<name>[^,=]{0,30})(?:,|=(?:(?P<cut>[^,]{127})|(?P<value>[^,]{0,126}),?)|\Z)",
    re.DOTALL,
)


def _word_above(size: int) -> int:
    """The size in whole words, in libelf's 32 bits."""
    return (size + 3) % (1 << 32) & ~3
