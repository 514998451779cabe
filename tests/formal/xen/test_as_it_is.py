"""Packed kernels on a real Xen: what it takes, refuses and prints is what `packing_rules` foretells."""

import bz2
import gzip
import lzma
import sys
from typing import Any

import pytest
from elf_maker import (
    FEATURES,
    INIT_P2M,
    PACKERS,
    SHT_PROGBITS,
    Load,
    Section,
    bzimage,
    elf,
    image,
    noted,
    notes,
    number,
    with_size,
)
from ptproof.formal.images.image_writer import image_of
from ptproof.formal.images.packing_rules import NO_ROOM, UNSUPPORTED_XZ, UNSUPPORTED_ZSTD
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.machine.loading import Fate
from ptproof.formal.machine.preflight import OUT_OF_BOUNDS, P2M_OUT_OF_BOUNDS
from ptproof.formal.xen.as_it_is import AsItIs, boot_as_it_is
from ptproof.formal.xen.fidelity import fate_of
from ptproof.formal.xen.real_xen import Programs, running

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.machine

MIB = 1 << 20
ELF = image_of(Configuration(kernel=Segment(MIB, MIB + 0x12000), nr_pages=65536))
SIZE = number(len(ELF), 4)


def xz(*filters: dict[str, Any], check: int = lzma.CHECK_CRC32) -> bytes:
    """The kernel packed by xz, with its size behind it."""
    chain = [*filters, {"id": lzma.FILTER_LZMA2, "preset": 1}]
    return lzma.compress(ELF, lzma.FORMAT_XZ, check, filters=chain) + SIZE


def streamed(window: int) -> bytes:
    """Packed by a zstd that doesn't know how much is to come, with another byte for its window."""
    compressor = zstd.ZstdCompressor()
    packed = compressor.compress(ELF) + compressor.flush()
    return packed[:5] + bytes([window]) + packed[6:] + SIZE


def damaged(packed: bytes, position: int) -> bytes:
    """With a bit of one byte wrong."""
    return packed[:position] + bytes([packed[position] ^ 1]) + packed[position:][1:]


def looked_at(found: Programs, data: bytes) -> AsItIs:
    """What came of a file that has to go as foretold."""
    first, _ = boot_as_it_is(found, data, "vmlinuz", nr_pages=65536, initrd_len=0)
    assert [str(each) for each in first.differences] == []
    return first


TAKEN: dict[str, bytes] = {
    **{name: with_size(name, ELF) for name in PACKERS},
    **{f"bzImage {name}": bzimage(with_size(name, ELF)) for name in PACKERS},
    "bzImage": bzimage(ELF),
    "xz, no check": xz(check=lzma.CHECK_NONE),
    "xz, no length": PACKERS["xz"](ELF),
    "gzip, older": b"\x1f\x9e" + gzip.compress(ELF)[2:],
    "xz, too short a length": PACKERS["xz"](ELF) + number(3000, 4),
    "xz, too long a length": PACKERS["xz"](ELF) + number(len(ELF) + MIB, 4),
    "bzip2, two streams": bz2.compress(ELF[:3000]) + bz2.compress(ELF[3000:]) + SIZE,
    "zstd, two frames": zstd.compress(ELF[:3000]) + zstd.compress(ELF[3000:]) + SIZE,
    "zstd, the widest window": streamed(17 << 3),
}


@pytest.mark.parametrize("name", TAKEN)
def test_taken(real_xen: Programs, name: str) -> None:
    """Xen takes it, and lays out what is foretold."""
    first = looked_at(real_xen, TAKEN[name])
    assert (first.refusal, first.end) == (None, Fate.RUNS.value)


SUMMED = zstd.compress(ELF, options={zstd.CompressionParameter.checksum_flag: 1})
REFUSED: dict[str, tuple[bytes, str]] = {
    "xz, CRC64": (xz(check=lzma.CHECK_CRC64), UNSUPPORTED_XZ),
    "xz, SHA-256": (xz(check=lzma.CHECK_SHA256), UNSUPPORTED_XZ),
    "xz, delta": (xz({"id": lzma.FILTER_DELTA}), UNSUPPORTED_XZ),
    "xz, arm": (xz({"id": lzma.FILTER_ARM}), UNSUPPORTED_XZ),
    "xz, x86 from an offset on": (xz({"id": lzma.FILTER_X86, "start_offset": 4096}), UNSUPPORTED_XZ),
    "xz, damaged": (damaged(xz(), 60), "XZ-compressed data is corrupt"),
    "zstd, window": (streamed(17 << 3 | 1), UNSUPPORTED_ZSTD),
    "zstd, sum": (damaged(SUMMED, len(SUMMED) - 1) + SIZE, "ZSTD-compressed data is corrupt"),
    "lz4, length": (PACKERS["lz4"](ELF) + number(len(ELF) + 1, 4), "Decoding failed"),
    "lz4, not legacy": (b"\x02\x21\x4c\x19" + bytes(100), "invalid header"),
    "lzo, not lzop": (b"\x89LZO\0" + bytes(100), "invalid header"),
    "lzo, no length": (PACKERS["lzo"](ELF), "ELF: not an ELF binary"),
    "gzip, zeros behind it": (gzip.compress(ELF) + bytes(4), "ELF: not an ELF binary"),
    "gzip, flags": (b"\x1f\x8b\x08\x02" + gzip.compress(ELF)[4:], "Multi part input"),
    "gzip, method": (b"\x1f\x8b\x07\x00" + gzip.compress(ELF)[4:], "internal error, invalid method"),
    "gzip, sum": (damaged(gzip.compress(ELF), -8), "crc error"),
    "bzip2, damaged": (damaged(with_size("bzip2", ELF), 60), "Could not construct domain 0"),
    "bzImage within gzip": (gzip.compress(bzimage(with_size("xz", ELF))), "ELF: not an ELF binary"),
    "a length of 100": (PACKERS["xz"](ELF) + number(100, 4), "ELF: phdr overflow"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(real_xen: Programs, name: str) -> None:
    """Xen refuses it, in the words that are foretold."""
    data, words = REFUSED[name]
    first = looked_at(real_xen, data)
    assert first.refusal is not None
    assert words in first.text
    assert fate_of(first.text) is not Fate.RUNS


def test_no_room(real_xen: Programs) -> None:
    """Without the length Xen asks for a GiB and a half, which a small machine doesn't have."""
    with running(real_xen, PACKERS["xz"](ELF), nr_pages=65536, memory=768 * MIB) as machine:
        machine.run_to_the_end()
        assert NO_ROOM in machine.text


def test_more_room_than_any_machine_has(real_xen: Programs) -> None:
    """A length of nearly 4 GiB is more than a machine here has: that is foretold, and booted all the same."""
    first = looked_at(real_xen, PACKERS["xz"](ELF) + number(0xF0000000, 4))
    assert first.refusal is not None
    assert first.end == f'Xen panics: "{NO_ROOM}"'


def test_headers_past_the_first_frame(real_xen: Programs) -> None:
    """Section headers that lie past what Xen unpacked are what memory held: it takes the kernel."""
    kernel = Load(MIB, 0x12000, holds=b"\xeb\xfe" * 0x8100)
    whole = elf(
        (noted(notes()), kernel), (Section(b".text", SHT_PROGBITS, bytes(500)),), header={"e_entry": MIB}
    )
    packed = zstd.compress(whole[:-400]) + zstd.compress(whole[-400:]) + number(len(whole), 4)
    assert looked_at(real_xen, packed).refusal is None


CODE = Load(MIB, 0x12000, holds=b"\xeb\xfe" * 0x8100)
SUPERVISOR = "Dom0 requires supervisor-mode execution"
NO_IMAGE: dict[str, tuple[bytes, str]] = {
    "less memory than file": (
        image((), CODE, Load(2 * MIB, 0xFFF, holds=bytes(0x1000))),
        "Failed to load the kernel",
    ),
    "Xen's mode": (image({FEATURES: "!supervisor_mode_kernel"}, CODE), SUPERVISOR),
    "Xen's mode, among others": (
        image({FEATURES: "writable_page_tables|!supervisor_mode_kernel"}, CODE),
        SUPERVISOR,
    ),
    "an unknown feature": (
        image({FEATURES: "!supervisor_mode_kernel_"}, CODE),
        "Could not construct domain 0",
    ),
    "an entry outside": (image({}, CODE, header={"e_entry": 8 * MIB}), OUT_OF_BOUNDS),
    "a p2m in the kernel": (image({INIT_P2M: MIB + 0x3000}, CODE), P2M_OUT_OF_BOUNDS),
}


@pytest.mark.parametrize("name", NO_IMAGE)
def test_no_image_of_a_dom0(real_xen: Programs, name: str) -> None:
    """What is read in the file alone, and refused: Xen refuses it in the words that are foretold."""
    data, words = NO_IMAGE[name]
    first = looked_at(real_xen, data)
    assert first.refusal is not None
    assert words in first.text
    assert fate_of(first.text) is not Fate.RUNS
