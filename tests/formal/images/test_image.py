"""Reading images as libelf and the dom0 builder do: what is found where, what is refused, what is taken."""

import io
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import pytest
from attrs import evolve
from elf_maker import (
    BSD_SYMTAB,
    ENTRY,
    FEATURES,
    GUEST_OS,
    HV_START_LOW,
    HYPERCALL_PAGE,
    INIT_P2M,
    L1_MFN_VALID,
    LOADER,
    MOD_START_PFN,
    PADDR_OFFSET,
    PAE_MODE,
    PHYS32_ENTRY,
    SHT_NOTE,
    SHT_PROGBITS,
    SHT_STRTAB,
    SHT_SYMTAB,
    SUPPORTED_FEATURES,
    SUSPEND_CANCEL,
    VIRT_BASE,
    XEN_VERSION,
    Load,
    Section,
    elf,
    image,
    note,
    noted,
    notes,
    number,
)
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment
from ptproof.formal.edge.errors import InputError
from ptproof.formal.images.image import Image, parse_image, read_image
from ptproof.formal.images.image_notes import NOTE_LIMIT, Note, Origin, features, parsed_number
from ptproof.formal.images.image_writer import pv_image
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, X86_64

LOAD = Load(0x100000, 0x12000)
TOP = ADDRESS_LIMIT - (2 << 30)
Values = Mapping[int, bytes | int | str] | Sequence[tuple[int, bytes | int | str]]


def read(data: bytes) -> Image:
    """The image that the bytes are."""
    return parse_image(data, "kernel")


def of_notes(also: Values = (), *loads: Load, bits: int = 64) -> Image:
    """The image with these notes beside those that it needs."""
    return read(image(also, *loads, bits=bits))


def refusal(data: bytes) -> str:
    """The error for an image that Xen refuses: one line that names the file first."""
    with pytest.raises(InputError) as refused:
        read(data)
    message = str(refused.value)
    assert message.startswith("kernel: ")
    assert "\n" not in message
    return message.removeprefix("kernel: ")


# Where the notes are.


def test_what_an_image_without_any_choice_gives() -> None:
    """Without VIRT_BASE and PADDR_OFFSET the kernel lies where its physical addresses say, entered at e_entry."""
    found = of_notes()
    assert found.origin is Origin.PT_NOTE
    assert (found.pstart.value, found.pend.value) == (0x100000, 0x112000)
    assert (found.virt_base.value, found.paddr_offset.value, found.virt_offset.value) == (0, 0, 0)
    assert (found.virt_kstart.value, found.virt_kend.value) == (0x100000, 0x112000)
    assert found.virt_entry.value == 0x110000
    assert (found.p2m_base.value, found.unmapped_initrd.value, found.hv_start_low.value) == (
        None,
        False,
        None,
    )
    assert found.configuration(1024) == Configuration(kernel=Segment(0x100000, 0x112000), nr_pages=1024)


SECTION_NOTES = Section(b".note.Xen", SHT_NOTE, notes({VIRT_BASE: 0x2000}))
GUEST = Section(b"__xen_guest", SHT_PROGBITS, b"LOADER=generic,XEN_VER=xen-3.0,VIRT_BASE=0x3000\0")


@pytest.mark.parametrize(
    ("segments", "sections", "origin", "virt_base"),
    [
        ([LOAD, noted(notes({VIRT_BASE: 0x1000}))], [SECTION_NOTES, GUEST], Origin.PT_NOTE, 0x1000),
        ([LOAD], [GUEST, SECTION_NOTES], Origin.SHT_NOTE, 0x2000),
        ([LOAD], [GUEST], Origin.XEN_GUEST, 0x3000),
        ([LOAD, noted(note(3, 9, b"GNU\0"))], [SECTION_NOTES, GUEST], Origin.SHT_NOTE, 0x2000),
        ([LOAD, noted(notes({VIRT_BASE: 0x1000}), offset=0)], [SECTION_NOTES], Origin.SHT_NOTE, 0x2000),
        ([LOAD, noted(b"")], [GUEST], Origin.XEN_GUEST, 0x3000),
    ],
    ids=["all three", "no PT_NOTE", "only text", "PT_NOTE of others", "PT_NOTE at 0", "empty PT_NOTE"],
)
def test_precedence(segments: list[Load], sections: list[Section], origin: Origin, virt_base: int) -> None:
    """PT_NOTE comes before SHT_NOTE and that before __xen_guest; one without notes for Xen counts as not there."""
    found = read(elf(segments, sections))
    assert found.origin is origin
    assert found.virt_base.value == virt_base


def test_notes_in_several_segments() -> None:
    """All PT_NOTE segments are read, in order."""
    found = read(elf([LOAD, noted(notes({VIRT_BASE: 0x1000})), noted(note(VIRT_BASE, 0x2000)), noted(b"")]))
    assert found.virt_base.value == 0x2000
    assert [each.value for each in found.notes if each.kind is Note.VIRT_BASE] == [0x1000, 0x2000]


def test_a_note_of_a_type_nobody_knows() -> None:
    """A note for Xen of an unknown type is no setting, but keeps libelf from looking elsewhere."""
    assert "expected the LOADER generic" in refusal(elf([LOAD, noted(note(77, 0))], [SECTION_NOTES]))


def test_owners() -> None:
    """Notes of other owners are stepped over, whatever their size; "Xen" must be the whole name."""
    others = (
        note(VIRT_BASE, 0x9000, b"GNU\0") + note(VIRT_BASE, b"12345", b"XenX\0") + note(VIRT_BASE, b"", b"")
    )
    assert of_notes().virt_base.value == 0
    found = read(elf([LOAD, noted(others + notes({VIRT_BASE: 0x1000}) + others)]))
    assert found.virt_base.value == 0x1000


# What a note says.


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (VIRT_BASE, (0x11000, 0x18000)),
        (PADDR_OFFSET, (0x8000, 0xF000)),
        (ENTRY, (0x110010, 0x110020)),
        (INIT_P2M, (1 << 39, 1 << 40)),
        (MOD_START_PFN, (1, 0)),
    ],
)
def test_the_later_of_two_numbers_counts(kind: int, values: tuple[int, int]) -> None:
    """Of two notes with a number the later counts, and both are kept."""
    base = [(VIRT_BASE, 0x10000), (PADDR_OFFSET, 0x10000)]
    both, first, second = (
        of_notes([*base, *((kind, each) for each in given)]) for given in (values, values[:1], values[1:])
    )
    assert [each.value for each in both.notes if each.kind == kind][-2:] == list(values)
    assert both.configuration(1) == second.configuration(1)
    assert both.virt_entry.value == second.virt_entry.value
    assert (first.configuration(1), first.virt_entry.value) != (
        second.configuration(1),
        second.virt_entry.value,
    )


def test_the_later_of_two_texts_counts() -> None:
    """Of two loaders the later counts."""
    assert of_notes([(LOADER, "other"), (LOADER, "generic")])
    assert "found 'other' and none" in refusal(image([(LOADER, "other")]))


@pytest.mark.parametrize("size", range(12))
def test_sizes_of_numbers(size: int) -> None:
    """Numbers of 1, 2, 4 and 8 bytes are read; all others are 0."""
    found = of_notes({SUSPEND_CANCEL: bytes(range(1, size + 1))})
    read_as = int.from_bytes(bytes(range(1, size + 1)), "little")
    expected = read_as if size in (1, 2, 4, 8) else 0
    assert next(each.value for each in found.notes if each.kind is Note.SUSPEND_CANCEL) == expected


def test_a_number_past_the_end_of_the_file() -> None:
    """A number whose bytes don't all lie in the file is 0."""
    data = elf([LOAD, noted(notes() + note(VIRT_BASE, 0x1000))])
    assert read(data).virt_base.value == 0x1000
    cut = read(data[: data.rindex(number(0x1000)) + 7])
    assert cut.virt_base.value == 0
    assert cut.virt_base.source.startswith("note VIRT_BASE, program header 1, offset 0x")


def test_a_text_goes_on_to_its_nul() -> None:
    """A text ends at the first NUL, not at its size: GRUB's last note reaches out of its segment so."""
    held = notes([(77, b"1234")], loader=None) + struct.pack("<III", 4, 0, LOADER) + b"Xen\0"
    assert len(held) % 8 == 0
    assert "GUEST_OS linux, found neither note" in refusal(elf([LOAD, noted(held), noted(b"\0\0\0")]))
    assert read(elf([LOAD, noted(held), Load(0, 0, kind=0, holds=b"generic\0")]))


def test_a_text_without_an_end() -> None:
    """A text that no NUL ends within 4096 bytes is as if it weren't there."""
    for length, there in ((4096, True), (4097, False)):
        held = notes({GUEST_OS: b"linux".ljust(length, b"x")}, loader=None)
        data = elf([LOAD, noted(held)])
        assert ("expected the LOADER" not in (refusal(data) if not there else str(read(data)))) is there


def test_an_address_that_marks_none() -> None:
    """2^64 - 1 is libelf's mark of an address not given."""
    found = of_notes({VIRT_BASE: ADDRESS_LIMIT - 1, ENTRY: ADDRESS_LIMIT - 1, INIT_P2M: ADDRESS_LIMIT - 1})
    assert (found.virt_base.value, found.virt_entry.value, found.p2m_base.value) == (0, 0x110000, None)
    assert of_notes({MOD_START_PFN: ADDRESS_LIMIT - 1}).unmapped_initrd.value


def test_mod_start_pfn() -> None:
    """Any number but 0 in MOD_START_PFN asks for an initrd that is not mapped."""
    assert of_notes({MOD_START_PFN: 1}).configuration(1).mod_start_pfn
    assert of_notes({MOD_START_PFN: 1 << 63}).unmapped_initrd.value
    assert not of_notes({MOD_START_PFN: 0}).unmapped_initrd.value
    assert not of_notes([(MOD_START_PFN, 1), (MOD_START_PFN, b"\1\2\3")]).unmapped_initrd.value


def test_bare_notes() -> None:
    """A note that libelf takes neither a number nor a text from has no value."""
    found = of_notes({L1_MFN_VALID: bytes(16)})
    assert found.notes[-1].name == "L1_MFN_VALID"
    assert found.notes[-1].value is None


def test_more_notes_than_libelf_reads() -> None:
    """libelf reads 65536 notes, those of others included, and leaves the rest."""
    filler = struct.pack("<III", 0, 0, 0) * (NOTE_LIMIT - 4)
    assert read(elf([LOAD, noted(filler + notes({VIRT_BASE: 0x1000}))])).virt_base.value == 0x1000
    more = read(elf([LOAD, noted(filler + struct.pack("<III", 0, 0, 0) + notes({VIRT_BASE: 0x1000}))]))
    assert more.virt_base.value == 0


def test_a_segment_that_ends_beyond_all_addresses() -> None:
    """A note segment so long that its end wraps in Xen's address space is empty."""
    data = bytearray(elf([LOAD, noted(notes())]))
    struct.pack_into("<Q", data, 64 + 56 + 32, 1 << 46)
    assert read(bytes(data))
    struct.pack_into("<Q", data, 64 + 56 + 32, 1 << 63)
    assert "expected ELF notes for Xen" in refusal(bytes(data))


# The addresses.


def test_segments_of_any_order() -> None:
    """The kernel reaches from the least to the greatest physical address of what is loaded."""
    found = of_notes({}, Load(0x300000, 0x1000), Load(0x200000, 0x1001), Load(0x280000, 0))
    assert (found.virt_kstart.value, found.virt_kend.value) == (0x200000, 0x301000)
    assert found.pstart.source == "p_paddr of program header 1"
    assert found.pend.source == "p_paddr + p_memsz of program header 0"


@pytest.mark.parametrize(
    ("kind", "flags", "loaded"),
    [(1, 4, True), (1, 2, True), (1, 1, True), (1, 8, False), (1, 0, False), (6, 7, False)],
)
def test_what_is_loaded(kind: int, flags: int, loaded: bool) -> None:
    """A PT_LOAD counts if it can be read, written or executed; nothing else does."""
    found = of_notes({}, LOAD, Load(0x900000, 0x1000, kind, flags))
    assert found.pend.value == (0x901000 if loaded else 0x112000)
    assert [each.loaded for each in found.segments] == [True, loaded, False]


def test_virt_base_and_paddr_offset() -> None:
    """The kernel's virtual addresses are its physical ones, plus VIRT_BASE, less PADDR_OFFSET."""
    found = of_notes({VIRT_BASE: TOP, PADDR_OFFSET: 0x100000, ENTRY: TOP + 0x11})
    assert found.configuration(7, 8) == Configuration(
        virt_base=TOP, kernel=Segment(TOP, TOP + 0x12000), nr_pages=7, initrd_len=8
    )
    assert found.virt_offset.value == TOP - 0x100000
    assert found.virt_entry.value == TOP + 0x11


def test_paddr_offset_of_the_older_text() -> None:
    """In __xen_guest the physical addresses are virtual ones unless ELF_PADDR_OFFSET says otherwise."""
    base = b"LOADER=generic,XEN_VER=xen-3.0,VIRT_BASE=0x100000"
    for text, kstart in ((base, 0x100000), (base + b",ELF_PADDR_OFFSET=0x0", 0x200000)):
        found = read(elf([LOAD], [Section(b"__xen_guest", 1, text + b"\0")], header={"e_entry": kstart}))
        assert found.virt_kstart.value == kstart


def test_wrapping_is_taken() -> None:
    """Sums that pass 2^64 on the way are taken as libelf takes them."""
    found = of_notes(
        {VIRT_BASE: 0x1000, PADDR_OFFSET: TOP, ENTRY: 0x2000},
        Load(TOP + 0x1000, 0x10_0000),
        Load(TOP + 0x2000, 1),
    )
    assert (found.virt_kstart.value, found.virt_kend.value) == (0x2000, 0x102000)
    # An end past 2^64 is small, and so not the greatest.
    assert of_notes({}, LOAD, Load(0x100000, ADDRESS_LIMIT - 0x100)).pend.value == 0x112000


@pytest.mark.parametrize(
    ("virt_base", "pstart", "size"),
    [
        (0x800, 0x10_0123, 0x1001),
        (0x8000_0000_0000, 0, 0x1000),
        (ADDRESS_LIMIT - (4 << 20), 1 << 20, 2 << 20),
    ],
    ids=["unaligned", "not canonical", "just below 2^64"],
)
def test_odd_addresses_are_taken(virt_base: int, pstart: int, size: int) -> None:
    """Nothing asks whether addresses are aligned, canonical, or leave room."""
    start = (virt_base + pstart) % ADDRESS_LIMIT
    found = of_notes({VIRT_BASE: virt_base, ENTRY: start}, Load(pstart, size))
    assert found.configuration(1).kernel == Segment(start, start + size)


def test_nothing_to_load() -> None:
    """Without anything to load the kernel would end before it starts."""
    assert "virt_kend: expected at or above virt_kstart 0xffffffffffffffff, found 0x0" in refusal(
        elf([noted(notes())])
    )


# Symbol tables.


def symbols(symtab: int, strtab: int, link: int = 2, kind: int = SHT_STRTAB) -> list[Section]:
    """A symbol table, linked to its strings, of these sizes."""
    return [
        Section(b".symtab", SHT_SYMTAB, size=symtab, link=link),
        Section(b".strtab", kind, size=strtab),
    ]


@pytest.mark.parametrize(
    ("bits", "pend", "symtab", "strtab", "start", "end"),
    [
        (64, 0x112000, 0, 0, 0x112000, 0x112000 + 264),
        (64, 0x112001, 24, 1, 0x112008, 0x112008 + 264 + 24 + 8),
        (64, 0x112008, 25, 17, 0x112008, 0x112008 + 264 + 32 + 24),
        (32, 0x112000, 0, 0, 0x112000, 0x112000 + 192),
        (32, 0x112001, 16, 1, 0x112004, 0x112004 + 192 + 16 + 4),
        (32, 0x112004, 17, 5, 0x112004, 0x112004 + 192 + 20 + 8),
    ],
)
def test_a_symbol_table_behind_the_kernel(
    bits: int, pend: int, symtab: int, strtab: int, start: int, end: int
) -> None:
    """BSD_SYMTAB lays headers, symbols and strings behind the kernel, each in whole words."""
    asked = image(
        {BSD_SYMTAB: "yes"}, Load(0x100000, pend - 0x100000), bits=bits, sections=symbols(symtab, strtab)
    )
    found = read(asked)
    assert found.symbols.value == Segment(start, end)
    assert found.virt_kend.value == end
    assert found.virt_kend.source == "end of symbols + virt_offset"


@pytest.mark.parametrize(
    ("value", "sections"),
    [
        ("no", symbols(24, 8)),
        ("yes ", symbols(24, 8)),
        ("yes", []),
        ("yes", symbols(24, 8, link=0)),
        ("yes", symbols(24, 8, link=99)),
        ("yes", symbols(24, 8, kind=SHT_PROGBITS)),
        ("yes", [Section(b"first", SHT_SYMTAB), *symbols(24, 8, link=3)]),
    ],
    ids=[
        "no",
        "not quite yes",
        "none there",
        "not linked",
        "linked nowhere",
        "not to strings",
        "first not linked",
    ],
)
def test_no_symbol_table(value: str, sections: list[Section]) -> None:
    """Without a symbol table that is asked for, and whose strings are there, the kernel ends where it ends."""
    found = read(image({BSD_SYMTAB: value}, sections=sections))
    assert found.symbols.value is None
    assert found.virt_kend.value == 0x112000


def test_a_symbol_table_asked_for_once_stays() -> None:
    """A later "no" does not take a symbol table back; in __xen_guest the key alone asks for it."""
    assert read(image([(BSD_SYMTAB, "yes"), (BSD_SYMTAB, "no")], sections=symbols(24, 8))).symbols.value
    text = b"LOADER=generic,XEN_VER=xen-3.0,BSD_SYMTAB\0"
    assert read(elf([LOAD], [*symbols(24, 8), Section(b"__xen_guest", 1, text)])).symbols.value


# The older text.


def guest(text: bytes, **header: int) -> bytes:
    """An image whose __xen_guest says so, beside what it needs."""
    section = Section(b"__xen_guest", SHT_PROGBITS, b"LOADER=generic,XEN_VER=xen-3.0," + text)
    return elf([LOAD, Load(0, 0, 0)], [section], header=header)


@pytest.mark.parametrize(
    ("text", "virt_base"),
    [
        (b"VIRT_BASE=0x1000\0", 0x1000),
        (b"VIRT_BASE=0X1f00,PAE=yes\0", 0x1F00),
        (b"VIRT_BASE=4096", 4096),
        (b"VIRT_BASE=010000\0", 4096),
        (b"VIRT_BASE=0x1000,VIRT_BASE=0x2000\0", 0x2000),
        (b"VIRT_BASE=0x10000000000000fff\0", 0xFFF),
        (b"VIRT_BASE=12junk\0", 12),
        (b"VIRT_BASE=-5,,,=,\0", 0),
        (b"VIRT_BASE\0", 0),
        (b"A" * 31 + b"VIRT_BASE=5\0", 5),
        (b"A" * 30 + b"VIRT_BASE=5\0", 0),
        (b"GUEST_VER=" + b"1" * 127 + b"VIRT_BASE=5\0", 5),
        (b"GUEST_VER=" + b"1" * 126 + b"VIRT_BASE=5\0", 0),
        (b"FEATURES=!unheard_of,VIRT_BASE=5\0", 0),
    ],
)
def test_the_older_text(text: bytes, virt_base: int) -> None:
    """__xen_guest is read as libelf reads it: names of up to 31, values of up to 127 characters, C's numbers."""
    found = read(guest(text + b"\0" + b"ELF_PADDR_OFFSET=9"))
    assert found.origin is Origin.XEN_GUEST
    assert found.virt_base.value == virt_base


def test_what_the_older_text_can_not_say() -> None:
    """__xen_guest sets neither INIT_P2M nor MOD_START_PFN; its entry is VIRT_ENTRY."""
    found = read(guest(b"INIT_P2M=0x1000000,MOD_START_PFN=1,VIRT_ENTRY=0x100001,ENTRY=7\0"))
    assert (found.p2m_base.value, found.unmapped_initrd.value) == (None, False)
    assert found.virt_entry.value == 0x100001


def test_pae_of_the_older_text() -> None:
    """For a 32-bit kernel PAE=yes, with or without more, is needed in __xen_guest."""
    for value in (b"yes", b"yes[extended-cr3]", b"yesterday"):
        section = Section(b"__xen_guest", 1, b"LOADER=generic,XEN_VER=xen-3.0,PAE=" + value + b"\0")
        assert read(elf([LOAD], [section], bits=32)).mode.value is COMPAT
    section = Section(b"__xen_guest", 1, b"LOADER=generic,XEN_VER=xen-3.0,PAE=no\0")
    assert "PAE_MODE: expected yes" in refusal(elf([LOAD], [section], bits=32))


# What is refused.


def test_no_elf() -> None:
    """Garbage, an empty file and half an ELF header are no images."""
    for data in (b"", b"\x7fELF", b"MZ" + bytes(100), elf()[:51]):
        assert "offset 0: expected an ELF" in refusal(data)


def test_no_notes() -> None:
    """An ELF without notes is no Xen image; one with others' notes lacks a loader."""
    assert refusal(elf()) == "expected ELF notes for Xen or a section __xen_guest, found none: no Xen image"
    told = "expected the LOADER generic or the GUEST_OS linux, found neither note"
    assert refusal(elf([LOAD, noted(note(1, 0, b"GNU\0"))])) == told
    pvh = elf([LOAD, noted(note(PHYS32_ENTRY, 0x100000))])
    assert refusal(pvh) == f"{told}: an image for PVH, not for PV?"


def test_loader_and_guest_os() -> None:
    """Only what begins with generic as LOADER, or else with linux as GUEST_OS, is taken."""
    for loader, guest_os in (("generic", None), ("generic2", "x"), ("other", "linux"), (None, "linux-6.1")):
        given = [(GUEST_OS, guest_os)] if guest_os else []
        assert read(elf([LOAD, noted(notes(given, loader=loader))]))
    for loader, guest_os in (("other", "Linux"), (None, "netbsd"), ("", "")):
        held = notes([(GUEST_OS, guest_os)], loader=loader)
        assert "expected the LOADER generic or the GUEST_OS linux" in refusal(elf([LOAD, noted(held)]))


def test_the_version_of_xen() -> None:
    """Only images for xen-3.0 and what begins so are taken."""
    assert read(elf([LOAD, noted(notes(xen_version="xen-3.0-x86_64"))]))
    for version in (None, "", "xen-3", "xen-4.0", "Xen-3.0"):
        assert "XEN_VERSION: expected xen-3.0" in refusal(elf([LOAD, noted(notes(xen_version=version))]))


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("!writable_page_tables|pae_pgdir_above_4gb", None),
        ("!dom0|unheard_of|!hvm_callback_vector", None),
        ("!unheard_of", "unheard_of"),
        ("dom0|!Dom0", "Dom0"),
        ("!", ""),
        ("!mmu_pt_update_preserve_ad", "mmu_pt_update_preserve_ad"),
        ("x" * 63 + "!dom1", "dom1"),
        ("x" * 62 + "!dom1", None),
        ("!" + "x" * 80, "x" * 62),
    ],
)
def test_required_features(text: str, unknown: str | None) -> None:
    """A feature with a ! that libelf doesn't know is refused; one is at most 63 characters long."""
    data = image({FEATURES: text})
    if unknown is None:
        assert read(data)
    else:
        assert refusal(data) == f"FEATURES: expected known features, found {unknown!r} as required"


def test_features_of_an_earlier_note_count_too() -> None:
    """An unknown required feature is refused in any of several notes."""
    assert "unheard_of" in refusal(image([(FEATURES, "!unheard_of"), (FEATURES, "dom0")]))


@pytest.mark.parametrize(
    ("also", "told"),
    [
        ({PADDR_OFFSET: 0}, "PADDR_OFFSET: expected VIRT_BASE beside it, found 0x0 alone"),
        ({VIRT_BASE: 0, ENTRY: 0xFFFFF}, "virt_entry: expected within 0x100000 to 0x112000, found 0xfffff"),
        ({VIRT_BASE: 0, ENTRY: 0x112001}, "virt_entry: expected within 0x100000 to 0x112000, found 0x112001"),
        (
            {VIRT_BASE: 0x200000, PADDR_OFFSET: 0x100001, ENTRY: 0x200000},
            "virt_base: expected at or below virt_kstart 0x1fffff, found 0x200000",
        ),
        (
            {VIRT_BASE: ADDRESS_LIMIT - 0x101000},
            "virt_kend: expected at or above virt_kstart 0xfffffffffffff000, found 0x11000",
        ),
        (
            {INIT_P2M: 0x100000},
            "INIT_P2M: expected it outside the kernel, 0x100000 to 0x112000, found 0x100000",
        ),
        (
            {INIT_P2M: 0x111FFF},
            "INIT_P2M: expected it outside the kernel, 0x100000 to 0x112000, found 0x111fff",
        ),
    ],
)
def test_addresses_out_of_bounds(also: Mapping[int, bytes | int | str], told: str) -> None:
    """What libelf finds out of bounds is refused, and the message says which of the addresses it is."""
    assert refusal(image(also)).startswith(told)


def test_addresses_just_within_bounds() -> None:
    """An entry at the kernel's end, a p2m that begins there, and a kernel that ends where it starts are taken."""
    assert of_notes({ENTRY: 0x112000, INIT_P2M: 0x112000}).p2m_base.value == 0x112000
    assert of_notes({}, Load(0x100000, 0)).configuration(1).kernel == Segment(0x100000, 0x100000)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (image(header={"e_machine": 3}), "e_machine 3: mismatch between Xen and dom0 kernel"),
        (image(header={"e_machine": 183}), "e_machine 183: mismatch"),
        (image(bits=32, header={"e_machine": 62}), "e_machine 62: mismatch"),
        (elf([LOAD, noted(notes(order=">"))], order=">"), "EI_DATA 2"),
        (elf([LOAD, noted(notes())], bits=32, ident={4: 3}), "EI_CLASS 3"),
    ],
    ids=["i386 in 64 bits", "arm64", "x86-64 in 32 bits", "big-endian", "no class"],
)
def test_the_wrong_machine(data: bytes, told: str) -> None:
    """Only x86-64 in 64 bits and i386 in 32, both little-endian, are taken."""
    assert told in refusal(data)


def test_pae() -> None:
    """A 32-bit kernel must be able to do with PAE: "yes", or anything bimodal, in any of its notes."""
    for modes in (["yes"], ["bimodal"], ["yes,bimodal"], ["yes", "no"], ["no", "yes"]):
        held = (
            b"".join(note(PAE_MODE, mode) for mode in modes)
            + note(LOADER, "generic")
            + note(XEN_VERSION, "xen-3.0")
        )
        assert read(elf([LOAD, noted(held)], bits=32)).mode.value is COMPAT
    for mode in ("no", "yes ", ""):
        held = note(PAE_MODE, mode) + note(LOADER, "generic") + note(XEN_VERSION, "xen-3.0")
        assert "PAE_MODE: expected yes or bimodal" in refusal(elf([LOAD, noted(held)], bits=32))
        assert read(elf([LOAD, noted(held)])).mode.value is X86_64


def test_dom0_among_the_supported_features() -> None:
    """A kernel that tells what it supports must name dom0, in either note."""
    assert of_notes({SUPPORTED_FEATURES: number(1 << 11, 4)})
    assert of_notes({SUPPORTED_FEATURES: 1 << 11})
    assert of_notes({SUPPORTED_FEATURES: 0, FEATURES: "dom0"})
    for lacking in (number(0, 4), number(1 << 11, 2), b"", 1 << 43):
        assert "kernel does not support dom0 operation" in refusal(image({SUPPORTED_FEATURES: lacking}))


def test_hv_start_low() -> None:
    """A 32-bit kernel must leave Xen the addresses from 0xf5800000 on; a 64-bit one may say what it likes."""
    assert of_notes({HV_START_LOW: 0xF580_0000}, bits=32).hv_start_low.value == 0xF580_0000
    assert of_notes({HV_START_LOW: 0xFFFF_8000_0000_0000}).hv_start_low.value == 0xFFFF_8000_0000_0000
    assert "dom0 expects too high a hypervisor start address" in refusal(
        image({HV_START_LOW: 0xF580_0001}, bits=32)
    )


def test_hypercall_page() -> None:
    """An address in a note, the number of a page from VIRT_BASE on in __xen_guest; the last address is none."""
    assert of_notes({HYPERCALL_PAGE: 0x12345}).hypercall_page.value == 0x12345
    assert of_notes({HYPERCALL_PAGE: ADDRESS_LIMIT - 1}).hypercall_page.value is None
    older = read(guest(b"HYPERCALL_PAGE=0x2,VIRT_BASE=0x3000", e_entry=0x103000)).hypercall_page
    assert older.value == 0x5000
    assert older.source.endswith(", in pages from virt_base on")
    assert read(guest(b"HYPERCALL_PAGE=0x2")).hypercall_page.value == 0x2000
    for ones in (b"0xffffffffffffffff", b"18446744073709551615"):
        assert read(guest(b"HYPERCALL_PAGE=" + ones)).hypercall_page.value == ADDRESS_LIMIT - 0x1000
    assert (
        read(guest(b"HYPERCALL_PAGE=0x2,HYPERCALL_PAGE=0xfffffffffffff")).hypercall_page.value
        == ADDRESS_LIMIT - 0x1000
    )
    to_none = guest(b"HYPERCALL_PAGE=0xffffffffffffffff,VIRT_BASE=0xfff,ELF_PADDR_OFFSET=0", e_entry=0x110FFF)
    assert read(to_none).hypercall_page.value is None


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize(("memory", "refused"), [(0xFFF, True), (0, True), (0x1000, False), (0x1001, False)])
def test_less_memory_than_file(bits: int, memory: int, refused: bool) -> None:
    """Xen clears memory less file as a number without a sign, all there is, and dies of it; segments not loaded don't matter."""
    short = Load(0x101000, memory, holds=bytes(0x1000))
    data = elf([LOAD, short, noted(notes())], bits=bits)
    if refused:
        assert refusal(data) == (
            f"program header 1: expected p_memsz at or above its p_filesz 0x1000, found {memory:#x}: Failed to "
            "load the kernel binary"
        )
    else:
        assert read(data)
    assert read(elf([LOAD, evolve(short, flags=0), noted(notes())], bits=bits))
    assert read(elf([LOAD, evolve(short, kind=2), noted(notes())], bits=bits))


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("!supervisor_mode_kernel", True),
        ("writable_page_tables|!supervisor_mode_kernel", True),
        ("supervisor_mode_kernel", False),
        ("!writable_page_tables", False),
        ("!supervisor_mode_kernel_", None),
    ],
)
def test_a_kernel_that_wants_xens_mode(text: str, refused: bool | None) -> None:
    """Xen panics of a required supervisor_mode_kernel once dom0 is built, wherever it is said."""
    told = "FEATURES: expected supervisor_mode_kernel as supported at most, found it as required: Dom0 requires supervisor-mode"
    by_note, by_guest = image({FEATURES: text}), guest(b"FEATURES=" + text.encode())
    if refused is None:
        assert "found 'supervisor_mode_kernel_' as required" in refusal(by_note)
        assert read(by_guest)
        return
    for data in (by_note, by_guest):
        assert told in refusal(data) if refused else read(data)


def test_features_are_read_up_to_an_unknown_one() -> None:
    """In __xen_guest libelf reads on past none that it must know and doesn't."""
    assert "supervisor-mode execution" in refusal(guest(b"FEATURES=!supervisor_mode_kernel|!new"))
    assert read(guest(b"FEATURES=!new|!supervisor_mode_kernel"))


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"e_phoff": 1 << 20}, "phdr overflow"),
        ({"e_phnum": 0xFFFF}, "phdr overflow"),
        ({"e_phentsize": 0xFFFF}, "phdr overflow"),
        ({"e_shoff": 1 << 20}, "shdr overflow"),
        ({"e_shnum": 0xFFFF, "e_shentsize": 0xFFFF}, "shdr overflow"),
    ],
)
def test_tables_of_headers_that_overflow(header: Mapping[str, int], told: str) -> None:
    """A table of headers that ends beyond the file is refused at once."""
    assert told in refusal(image(header=header))


# What is taken, however odd.


def test_fields_that_nobody_asks_for() -> None:
    """Type, version, flags, sizes of headers and a table of names that isn't there make no difference."""
    odd = {"e_type": 0xFFFF, "e_version": 0, "e_flags": 0xFFFFFFFF, "e_ehsize": 0, "e_shstrndx": 0xFFF0}
    for bits in (64, 32):
        data = image({VIRT_BASE: 0}, bits=bits, header=odd)
        assert read(data).configuration(1) == of_notes({VIRT_BASE: 0}, bits=bits).configuration(1)


def test_section_headers_that_are_not_there() -> None:
    """More sections than the file can hold are as many as it can hold, those outside of it none at all."""
    data = image(header={"e_shnum": 0xFFFF, "e_shentsize": 0})
    assert read(data)
    found = read(image(header={"e_shoff": ADDRESS_LIMIT - 64, "e_shnum": 2, "e_shentsize": 64}))
    assert found.origin is Origin.PT_NOTE


def test_program_headers_that_wrap_around() -> None:
    """A table of headers that starts below offset 0, modulo 2^64, is none."""
    wrapped = image(header={"e_phoff": ADDRESS_LIMIT - 56, "e_phnum": 2})
    assert "found none: no Xen image" in refusal(wrapped)


def test_a_byte_order_that_means_nothing() -> None:
    """An EI_DATA that is neither is read as big-endian, and taken."""
    data = elf(
        [LOAD, noted(notes({VIRT_BASE: struct.pack(">Q", 0x1000)}, order=">"))], order=">", ident={5: 0}
    )
    assert read(data).virt_base.value == 0x1000


# 32 bits.


def test_a_32_bit_image() -> None:
    """A 32-bit image may have notes of 4 and of 8 bytes; its INIT_P2M is kept for Xen to ignore."""
    found = of_notes({VIRT_BASE: number(0xC0000000, 4), ENTRY: 0xC0100000, INIT_P2M: 1 << 40}, bits=32)
    assert found.mode.value is COMPAT
    assert found.configuration(5) == Configuration(
        mode=COMPAT,
        virt_base=0xC0000000,
        kernel=Segment(0xC0100000, 0xC0112000),
        nr_pages=5,
        init_p2m=1 << 40,
    )


# Facts and where they come from.


def test_every_fact_has_a_source() -> None:
    """Each address says which note, header or sum it comes from."""
    found = of_notes({VIRT_BASE: TOP, PADDR_OFFSET: 0x100000, ENTRY: TOP, INIT_P2M: 1 << 39})
    for name in ("virt_base", "paddr_offset", "virt_entry", "p2m_base"):
        kind = {"virt_entry": "ENTRY", "p2m_base": "INIT_P2M"}.get(name, name.upper())
        assert getattr(found, name).source.startswith(f"note {kind}, program header 1, offset 0x")
    assert found.virt_offset.source == "virt_base - paddr_offset"
    assert found.virt_kstart.source == "pstart + virt_offset"
    assert found.mode.source == "EI_CLASS 64, e_machine EM_X86_64"
    plain = of_notes()
    assert plain.virt_base.source == "0 without VIRT_BASE"
    assert plain.paddr_offset.source == "0 without PADDR_OFFSET"
    assert plain.virt_entry.source == "e_entry of the ELF's header"
    text = read(guest(b"VIRT_BASE=0x1000\0"))
    assert text.virt_base.source.startswith("__xen_guest VIRT_BASE, offset 0x")
    assert text.paddr_offset.source == "virt_base, without ELF_PADDR_OFFSET in __xen_guest"


@pytest.mark.parametrize("bits", [64, 32])
def test_pyelftools_sees_the_same(bits: int) -> None:
    """An ordinary ELF has the segments and the notes that pyelftools reads by itself."""
    data = image(
        {VIRT_BASE: 0x1000, 77: b"abc"}, LOAD, Load(0x200000, 5), bits=bits, sections=[SECTION_NOTES]
    )
    found = read(data)
    other = ELFFile(io.BytesIO(data))
    assert [
        (
            each.kind,
            each.offset,
            each.file_size,
            each.vaddr,
            each.paddr,
            each.memory_size,
            each.flags,
            each.align,
        )
        for each in found.segments
    ] == [
        tuple(
            each[f"p_{name}"]
            for name in ("type", "offset", "filesz", "vaddr", "paddr", "memsz", "flags", "align")
        )
        for each in other.iter_segments()
    ]
    (segment,) = (each for each in other.iter_segments() if isinstance(each, NoteSegment))
    assert [each.place for each in found.notes] == [
        f"program header 2, offset {each['n_offset']:#x}" for each in segment.iter_notes()
    ]


# Texts.


def test_numbers_in_c() -> None:
    """Texts are numbers as C's strtoull reads them with base 0: without a sign, modulo 2^64."""
    for text, value in (
        ("", 0),
        ("0", 0),
        ("0x", 0),
        ("08", 0),
        ("0xg", 0),
        ("9" * 40, int("9" * 40) % ADDRESS_LIMIT),
    ):
        assert parsed_number(text) == value


def test_features_come_back_together() -> None:
    """Cutting a text of features loses and adds nothing but bars."""
    random = Random(3)
    for _ in range(300):
        text = "".join(
            random.choice("ab|!" if random.random() < 0.2 else "abc") for _ in range(random.randrange(200))
        )
        names = [("!" if required else "") + name for name, required in features(text)]
        assert all(len(each) <= 63 for each in names)
        assert "".join(names) == text.replace("|", "")


# Files.


def test_a_file(tmp_path: Path) -> None:
    """An image is read from a file, by its name."""
    path = tmp_path / "kernel.elf"
    path.write_bytes(pv_image(virt_base=TOP, p_paddr=0))
    assert read_image(str(path)).configuration(3) == Configuration(
        virt_base=TOP, kernel=Segment(TOP, TOP + 4096), nr_pages=3
    )


def test_files_that_can_not_be_read(tmp_path: Path) -> None:
    """A file that isn't there, a folder, an empty file and an impossible name are errors that name it."""
    empty = tmp_path / "empty"
    empty.touch()
    for name, told in (
        (tmp_path / "none", "can't be read: No such file or directory"),
        (tmp_path, "can't be read: Is a directory"),
        (empty, "offset 0: expected an ELF, found nothing"),
        ("\0", "can't be read: embedded null byte"),
    ):
        with pytest.raises(InputError, match=told) as refused:
            read_image(str(name))
        assert str(refused.value).startswith(str(name))


def test_a_large_file_is_not_taken_into_memory(tmp_path: Path) -> None:
    """Of a file of 32 GiB only the headers and the notes are read."""
    path = tmp_path / "vmlinux"
    path.write_bytes(pv_image())
    os.truncate(path, 1 << 35)
    assert read_image(str(path)).size == 1 << 35
