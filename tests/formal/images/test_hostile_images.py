"""Hostile images: whatever the bytes, there is an image or one line, and it takes little time and memory."""

import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from elf_maker import (
    FEATURES,
    LOADER,
    XEN_VERSION,
    Load,
    Section,
    elf,
    image,
    note,
    noted,
    notes,
)
from hostile_images import check, originals, read_or_refused, try_all
from ptproof.formal.edge.errors import InputError
from ptproof.formal.images.image import parse_image
from ptproof.formal.images.image_notes import TEXT_LIMIT

LOAD = Load(0x100000, 0x12000)


def test_the_originals() -> None:
    """All images that are to be changed are good ones."""
    assert all(check(each) for each in originals())


@pytest.mark.parametrize("part", range(4))
def test_changed_images(part: int) -> None:
    """2,000 changed images are read or refused in one line, and those that are read can be written anew."""
    tally = try_all(seed=100 + part, count=500)
    assert tally.accepted > 50
    assert tally.refused > 100


def every_prefix() -> list[bytes]:
    data = image({FEATURES: "dom0"})
    return [data[:end] for end in range(len(data))]


def test_every_prefix() -> None:
    """An image that ends early is refused or read, wherever it ends."""
    assert not all(read_or_refused(each) for each in every_prefix())


def many_segments() -> bytes:
    return elf([Load(0x100000, 0x12000, holds=b"x")] * 0xFFFE + [noted(notes())])


def many_note_segments() -> bytes:
    """As many segments as there can be, all with the same 100 notes."""
    held = notes() + struct.pack("<III", 0, 0, 0) * 97
    return with_segments(elf([LOAD, *[noted(b"")] * 0xFFFD, noted(held)]), lambda _, last: (last, len(held)))


def with_segments(data: bytes, place: Callable[[int, int], tuple[int, int]]) -> bytes:
    """The ELF with every note segment but its last where ``place(index, offset of the last)`` says."""
    changed = bytearray(data)
    (last,) = struct.unpack_from("<Q", changed, 64 + 0xFFFE * 56 + 8)
    for index in range(1, 0xFFFE):
        offset, size = place(index, last)
        struct.pack_into("<Q16xQ", changed, 64 + index * 56 + 8, offset, size)
    return bytes(changed)


def many_sections() -> bytes:
    return image(sections=[Section(b"s", 7, b"")] * 0xFF00)


def many_texts() -> bytes:
    """As many notes as there can be, each in a segment of its own, their texts the ends of one long text."""
    headers = b"".join(
        struct.pack("<III4s", 16 * (0xFFFD - index) - 12 + index % 1000 * 4, 0, FEATURES, b"Xen\0")
        for index in range(0xFFFD)
    )
    held = headers + b"|" * 4092 + bytes(4) + notes()
    return with_segments(
        elf([LOAD, *[noted(b"")] * 0xFFFD, noted(held)]), lambda index, last: (last + 16 * (index - 1), 16)
    )


def long_guest_text() -> bytes:
    return elf([LOAD], [Section(b"__xen_guest", 1, b"," * (4 << 20))])


def guest_text_at_the_limit() -> bytes:
    text = b"LOADER=generic,XEN_VER=xen-3.0".ljust(TEXT_LIMIT, b",")
    return elf([LOAD], [Section(b"__xen_guest", 1, text + b"\0")])


def many_small_notes() -> bytes:
    return elf([LOAD, noted(notes() + struct.pack("<III", 0, 0, 0) * (4 << 20))])


@pytest.mark.parametrize(
    "make",
    [
        many_segments,
        many_note_segments,
        many_sections,
        many_texts,
        long_guest_text,
        guest_text_at_the_limit,
        many_small_notes,
    ],
)
def test_as_much_as_fits(make: Callable[[], bytes]) -> None:
    """As many segments, sections, notes and texts as headers can say take less than two seconds."""
    data = make()
    start = time.process_time()
    read_or_refused(data)
    assert time.process_time() - start < 2


def test_too_much_text() -> None:
    """Text without an end in notes is an error that states the limit."""
    for make in (many_texts, long_guest_text):
        with pytest.raises(
            InputError, match=f"notes: expected at most {TEXT_LIMIT} bytes of text, found more"
        ):
            parse_image(make(), "hostile")


def test_messages_are_one_line() -> None:
    """What a note says is shown without its newlines and colours, and not at any length."""
    for text in ("a\nb\x1b[31m", "x" * 4000):
        held = notes([(XEN_VERSION, text)]) + note(LOADER, text)
        assert read_or_refused(elf([LOAD, noted(held)])) is None
    assert read_or_refused(image({FEATURES: "!\n\x1b[31m" + "y" * 60})) is None


def test_memory(tmp_path: Path) -> None:
    """An image whose tables are as large as headers can say takes less than 200 MiB."""
    path = tmp_path / "claims"
    path.write_bytes(
        image(
            sections=[Section(b"s", 7, notes()), *[Section(b"s", 7)] * 0xFF00],
            header={"e_phnum": 0xFFFF, "e_phentsize": 0},
        )
    )
    code = "import sys; from ptproof.formal.images.image import read_image\nread_image(sys.argv[1])\n"
    code += "print(*(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True, text=True)
    assert int(done.stdout.split()[1]) << 10 < 200 << 20
