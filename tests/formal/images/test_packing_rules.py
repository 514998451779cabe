"""Packed kernels as Xen reads them for a dom0 and libxenguest for a domU; `tests/formal/xen` holds this against Xen."""

import bz2
import gzip
import lzma
import struct
import sys
import zlib
from random import Random
from typing import Any

import lz4.block
import pytest
from elf_maker import (
    PACKERS,
    SHT_PROGBITS,
    Load,
    Section,
    bzimage,
    image,
    noted,
    notes,
    number,
    with_size,
)
from elf_maker import elf as elf_of
from ptproof.formal.edge.errors import InputError
from ptproof.formal.images.image import parse_image
from ptproof.formal.images.kernel_payload import Payload, payload
from ptproof.formal.images.packing_rules import (
    LIBRARY_MEMORY,
    NO_ROOM,
    PACKINGS,
    UNSUPPORTED_XZ,
    UNSUPPORTED_ZSTD,
    Reader,
    headroom,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ELF = image()
SIZE = number(len(ELF), 4)
HALF = len(ELF) // 2


def refusal(data: bytes, reader: Reader = Reader.DOM0) -> str:
    """The error for a file that is refused."""
    with pytest.raises(InputError) as refused:
        payload(data, "vmlinuz", reader)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def for_domu(data: bytes) -> Payload:
    """What libxenguest gets out of a bzImage with such a payload."""
    return payload(bzimage(data), "vmlinuz", Reader.DOMU)


def xz(*filters: dict[str, Any], check: int = lzma.CHECK_CRC32, dictionary: int = 1 << 20) -> bytes:
    """The ELF packed by xz, with its size behind it."""
    last = {"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": dictionary}
    return lzma.compress(ELF, lzma.FORMAT_XZ, check, filters=[*filters, last]) + SIZE


@pytest.mark.parametrize("check", [lzma.CHECK_NONE, lzma.CHECK_CRC32])
@pytest.mark.parametrize("filters", [(), ({"id": lzma.FILTER_X86},)])
def test_xz_that_xen_takes(check: int, filters: tuple[dict[str, Any], ...]) -> None:
    """Xen knows the checks none and CRC32, and the filter for x86."""
    assert payload(xz(*filters, check=check), "vmlinuz").data == ELF


@pytest.mark.parametrize(
    ("packed", "found"),
    [
        (xz(check=lzma.CHECK_CRC64), "expected the check CRC32 or none (xz --check=crc32), found CRC64"),
        (xz(check=lzma.CHECK_SHA256), "found SHA-256"),
        (xz({"id": lzma.FILTER_DELTA}), "found delta, lzma2"),
        (xz({"id": lzma.FILTER_ARM}), "found arm, lzma2"),
        (xz({"id": lzma.FILTER_X86, "start_offset": 4096}), "found x86, lzma2"),
        (xz({"id": lzma.FILTER_X86}, {"id": lzma.FILTER_DELTA}), "found x86, delta, lzma2"),
    ],
)
def test_xz_that_xen_refuses(packed: bytes, found: str) -> None:
    """Every other check, filter, offset or chain is refused in Xen's words; libxenguest takes them all."""
    said = refusal(packed)
    assert found in said
    assert said.endswith(f'Xen refuses it and prints "{UNSUPPORTED_XZ}"')
    assert for_domu(packed).data == ELF


def test_xz_with_a_filter_in_a_later_block() -> None:
    """Each block has its filters, and Xen looks at all of them."""
    halves = [_block(ELF[:HALF]), _block(ELF[HALF:], {"id": lzma.FILTER_ARM})]
    stream = _stream_of(halves)
    assert lzma.decompress(stream) == ELF
    assert "found arm, lzma2" in refusal(stream + SIZE)
    assert payload(_stream_of([halves[0], _block(ELF[HALF:])]) + SIZE, "x").data == ELF


def test_xz_with_too_many_blocks() -> None:
    """So many blocks that it would take long are one line."""
    one = _block(b"x")
    assert "expected at most 65536 blocks, found 70000" in refusal(
        _stream_of([one] * 70000) + number(70000, 4)
    )


def _block(data: bytes, *filters: dict[str, Any]) -> tuple[bytes, bytes]:
    """A block as a stream of its own has it, and its record in the index."""
    chain = [*filters, {"id": lzma.FILTER_LZMA2, "preset": 1}]
    stream = lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=chain)
    backward = 4 * (int.from_bytes(stream[-8:-4], "little") + 1)
    index = stream[-12 - backward : -12]
    assert index[:2] == b"\0\1"
    return stream[12 : -12 - backward], index[2:-4].rstrip(b"\0")


def _stream_of(blocks: list[tuple[bytes, bytes]]) -> bytes:
    """A stream of these blocks."""
    index = b"\0" + _number(len(blocks)) + b"".join(record for _, record in blocks)
    index += bytes(-len(index) % 4)
    index += number(zlib.crc32(index), 4)
    head = b"\xfd7zXZ\0" + b"\0\1" + number(zlib.crc32(b"\0\1"), 4)
    tail = struct.pack("<IBB", len(index) // 4 - 1, 0, 1)
    return head + b"".join(each for each, _ in blocks) + index + number(zlib.crc32(tail), 4) + tail + b"YZ"


def _number(value: int) -> bytes:
    """As xz has numbers."""
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + _number(value >> 7)


@pytest.mark.parametrize("name", ["bzip2", "xz", "zstd"])
def test_no_length(name: str) -> None:
    """Without the length behind it Xen takes the last four bytes for it: it may have no room, or luck."""
    packed = PACKERS[name](ELF)
    declared = int.from_bytes(packed[-4:], "little")
    assert declared > len(ELF)
    found = payload(packed, "vmlinuz")
    assert (found.data, found.size) == (ELF, declared)
    packing = next(each for each in PACKINGS if each.name == name)
    needs = headroom(declared, packing, len(packed)) + 4096
    assert found.needs == needs
    (remark,) = (each for each in found.remarks if "last four bytes" in each)
    assert (
        f"say {declared:#x}, not {len(ELF):#x}: Xen needs {needs:#x} bytes of memory in one piece" in remark
    )
    assert NO_ROOM in remark


def test_no_length_of_lzo_and_lz4() -> None:
    """lzo's end is four zeros, with which Xen has no ELF; lz4 must have the length."""
    assert "ELF: not an ELF binary" in _image_refusal(PACKERS["lzo"](ELF))
    said = refusal(PACKERS["lz4"](ELF))
    assert NO_ROOM in said
    assert said.endswith('Xen refuses it and prints "Decoding failed"')


def _image_refusal(data: bytes) -> str:
    with pytest.raises(InputError) as refused:
        parse_image(data, "vmlinuz")
    return str(refused.value)


@pytest.mark.parametrize("name", PACKERS)
def test_a_length_that_is_too_small(name: str) -> None:
    """Xen cuts the ELF at the length, wherever that is; only lz4 minds."""
    packed = PACKERS[name](ELF) + number(100, 4)
    if name == "lz4":
        assert "Decoding failed" in refusal(packed)
        return
    found = payload(packed, "vmlinuz")
    assert (found.data, found.size) == (ELF[:100], 100)
    assert any("Xen cuts the ELF there" in each for each in found.remarks)
    assert "phdr overflow" in _image_refusal(packed)


def test_what_stands_behind_a_gzip_member() -> None:
    """Bytes behind a gzip member are the length to Xen: zeros leave no ELF."""
    assert "ELF: not an ELF binary" in _image_refusal(gzip.compress(ELF) + bytes(4))
    found = payload(gzip.compress(ELF) + b"junk", "vmlinuz")
    assert found.remarks[0] == "4 bytes behind the first gzip stream aren't unpacked"
    assert NO_ROOM in found.remarks[1]
    assert for_domu(gzip.compress(ELF) + SIZE).data == ELF


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz", "zstd"])
def test_several_streams(name: str) -> None:
    """Xen unpacks the first stream, and takes what memory holds for the rest: headers that lie there are zeros."""
    whole = elf_of((Load(0x100000, 0x12000), noted(notes())), (Section(b".text", SHT_PROGBITS, bytes(500)),))
    pack = PACKERS[name]
    packed = pack(whole[:400]) + pack(whole[400:])
    if name == "gzip":  # whose length is that of the second member
        assert "shdr overflow" in _image_refusal(packed)
        return
    found = parse_image(packed + number(len(whole), 4), "vmlinuz")
    assert found.size == len(whole)
    assert found.virt_kend.value == 0x112000
    assert f"bytes behind the first {name} stream aren't unpacked" in found.remarks[0]
    assert "whatever the memory held before" in found.remarks[1]


def test_several_streams_for_a_domu() -> None:
    """libxenguest unpacks all of zstd's frames, and skips those that may be skipped, but one stream of bzip2."""
    frames = (
        zstd.compress(ELF[:HALF]) + struct.pack("<II", 0x184D2A53, 3) + b"abc" + zstd.compress(ELF[HALF:])
    )
    assert for_domu(frames + SIZE).data == ELF
    streams = bz2.compress(ELF[:HALF]) + bz2.compress(ELF[HALF:]) + SIZE
    said = refusal(bzimage(streams), Reader.DOMU)
    assert (
        f'libxenguest refuses it and prints "BZIP2: got 0x0{HALF:08x} bytes instead of 0x{len(ELF):09x}"'
        in said
    )


def test_an_output_that_overtakes_the_input() -> None:
    """A length that is far too small lets Xen write over packed bytes that it has yet to read."""
    noise = Random(1).randbytes(1 << 20)
    packed = gzip.compress(ELF + bytes(8 << 20) + noise) + number(5000, 4)
    assert "Xen would write over packed bytes that it has yet to read" in refusal(packed)


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (2, 7, "internal error, invalid method"),
        (3, 2, "Multi part input"),
        (3, 0x20, "Input is encrypted"),
        (3, 0x80, "Input has invalid flags"),
    ],
)
def test_gzip_that_xen_refuses(position: int, value: int, words: str) -> None:
    """Xen refuses methods and flags by a header of 1992: a checksum of the header means several parts to it."""
    packed = bytearray(gzip.compress(ELF))
    packed[position] = value
    assert refusal(bytes(packed)).endswith(f'Xen refuses it and prints "{words}"')


def test_gzip_with_the_older_magic_number() -> None:
    """Xen takes gzip's older magic number, libxenguest doesn't."""
    packed = b"\x1f\x9e" + gzip.compress(ELF)[2:]
    assert payload(packed, "vmlinuz").data == ELF
    assert "unknown compression format" in refusal(bzimage(packed), Reader.DOMU)


@pytest.mark.parametrize(
    ("position", "words"), [(-8, "crc error"), (-4, "length error"), (None, "out of input data")]
)
def test_damaged_gzip(position: int | None, words: str) -> None:
    """What is damaged is refused in Xen's words."""
    packed = bytearray(gzip.compress(ELF))
    if position is None:
        del packed[-6:]
    else:
        packed[position] ^= 1
    assert f'Xen prints "{words}"' in refusal(bytes(packed))


def test_damaged_bzip2() -> None:
    """Of damaged bzip2 Xen says nothing, but that it has no dom0."""
    packed = bytearray(bz2.compress(ELF))
    packed[40] ^= 1
    assert 'Xen prints nothing but "Could not construct domain 0"' in refusal(bytes(packed))
    packed = bytearray(bz2.compress(ELF))
    packed[14] |= 0x80
    assert "found one of bzip2 before 0.9.5" in refusal(bytes(packed))


def test_zstd_that_xen_refuses() -> None:
    """Xen's window ends at 128 MiB, and it has no dictionaries; libxenguest's zstd has no such limit."""
    streamed = _streamed(ELF)
    assert payload(streamed + SIZE, "vmlinuz").data == ELF
    for byte, window in ((17 << 3 | 1, 0x9000000), (21 << 3, 1 << 31)):
        wide = streamed[:5] + bytes([byte]) + streamed[6:] + SIZE
        assert f"found {window:#x}" in refusal(wide)
        assert refusal(wide).endswith(f'prints "{UNSUPPORTED_ZSTD}"')
        assert for_domu(wide).data == ELF
    assert "expected the reserved flag 0" in refusal(
        streamed[:4] + bytes([streamed[4] | 8]) + streamed[5:] + SIZE
    )
    with_dictionary = streamed[:4] + bytes([streamed[4] | 1]) + streamed[5:6] + b"\7" + streamed[6:] + SIZE
    assert "expected no dictionary, found 07" in refusal(with_dictionary)


def _streamed(data: bytes) -> bytes:
    """Packed by a zstd that doesn't know how much is to come."""
    compressor = zstd.ZstdCompressor()
    packed = compressor.compress(data) + compressor.flush()
    assert not packed[4] & 0x20
    return packed


def test_magic_numbers_of_which_xen_reads_the_beginning() -> None:
    """Two bytes make it lz4 to Xen, and five lzo: what goes on otherwise is refused by those."""
    assert 'prints "invalid header"' in refusal(b"\x02\x21\x4c\x19" + ELF)
    assert 'prints "invalid header"' in refusal(b"\x89LZO\0" + ELF)


def test_the_dictionary_of_libxenguest() -> None:
    """libxenguest lets xz take 256 MiB, and older ones 128 MiB; Xen needs no memory for it."""
    big, bigger = xz(dictionary=128 << 20), xz(dictionary=256 << 20)
    for packed in (big, bigger):
        assert payload(packed, "vmlinuz").data == ELF
    assert LIBRARY_MEMORY == 256 << 20
    assert "libxenguest refuses before 4.18.5, 4.19.2 and 4.20" in for_domu(big).remarks[0]
    assert for_domu(xz()).remarks == ()
    said = refusal(bzimage(bigger), Reader.DOMU)
    assert 'libxenguest refuses it and prints "Memory usage limit reached"' in said
    assert said.endswith('"xc_dom_probe_bzimage_kernel unable to XZ decompress kernel"')


@pytest.mark.parametrize("name", PACKERS)
def test_what_libxenguest_takes(name: str) -> None:
    """libxenguest takes each way to pack within a bzImage, with the right length, and by itself only gzip."""
    found = for_domu(with_size(name, ELF))
    assert bytes(found.data) == ELF
    assert found.size == len(ELF) + (16 if name == "gzip" else 0)
    alone = with_size(name, ELF)
    if name == "gzip":
        assert payload(alone, "vmlinuz", Reader.DOMU).data == ELF
        return
    assert refusal(alone, Reader.DOMU).endswith('prints "xc_dom_find_loader: no loader found"')


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("off", [1, -1])
def test_a_wrong_length_for_a_domu(name: str, off: int) -> None:
    """libxenguest wants the length that there is, but that bzip2, xz and lzma may be cut, and gzip has some room."""
    packed = PACKERS[name](ELF)
    packed = packed[: -4 if name == "gzip" else len(packed)] + number(len(ELF) + off, 4)
    if name == "gzip" or (off < 0 and name in ("bzip2", "xz", "lzma")):
        if name == "gzip":
            assert "can't be unpacked with gzip" in refusal(bzimage(packed), Reader.DOMU)
        else:
            assert for_domu(packed).data == ELF[:-1]
        return
    assert f"unable to {name.upper()} decompress kernel" in refusal(bzimage(packed), Reader.DOMU)


def test_lengths_that_libxenguest_finds_insane() -> None:
    """More than 1 GiB is too large."""
    packed = PACKERS["xz"](ELF) + number((1 << 30) + 1, 4)
    assert 'prints "XZ: output too large"' in refusal(bzimage(packed), Reader.DOMU)
    junk = gzip.compress(ELF) + number(0xFFFFFFFF, 4)
    assert refusal(junk, Reader.DOMU).endswith(
        '"looks insane, skip gunzip", "xc_dom_find_loader: no loader found"'
    )
    assert "inflate failed (rc=-5)" in refusal(gzip.compress(ELF) + bytes(4), Reader.DOMU)


def test_a_bzimage_that_holds_an_elf() -> None:
    """Both take an ELF within a bzImage as it is, libxenguest with a complaint; it takes a bzImage packed with gzip, too."""
    assert payload(bzimage(ELF), "vmlinuz").data == ELF
    left = for_domu(ELF)
    assert left.data == ELF
    assert "unknown compression format" in left.remarks[0]
    assert "expected a packed payload or an ELF, found 68 65" in refusal(bzimage(b"hello" * 20), Reader.DOMU)
    twice = gzip.compress(bzimage(with_size("xz", ELF)))
    assert payload(twice, "vmlinuz", Reader.DOMU).data == ELF
    assert "ELF: not an ELF binary" in _image_refusal(twice)


def test_blocks_of_lz4_and_lzo() -> None:
    """libxenguest's liblz4 takes blocks of any size, where Xen wants 8 MiB; an lzo block that is stored is for Xen only."""
    parts = [lz4.block.compress(each, store_size=False) for each in (ELF[:HALF], ELF[HALF:])]
    packed = bytes.fromhex("02214c18") + b"".join(number(len(each), 4) + each for each in parts) + SIZE
    assert for_domu(packed).data == ELF
    assert "can't be unpacked with lz4" in refusal(packed)
    noise = Random(1).randbytes(5000)
    stored = with_size("lzo", noise)
    assert payload(stored, "x").data == noise
    assert "can't be unpacked with lzo" in refusal(bzimage(stored), Reader.DOMU)


@pytest.mark.parametrize("reader", Reader)
def test_hardly_any_data(reader: Reader) -> None:
    """A magic number with next to nothing behind it is one line."""
    for packing in PACKINGS:
        for magic in packing.magics:
            for end in range(len(magic), len(magic) + 12):
                data = (magic + bytes(12))[:end]
                assert "vmlinuz: offset 0x420: " in refusal(bzimage(data), reader)


@pytest.mark.parametrize(
    ("name", "off", "words"),
    [
        ("lzo", -1, "LZO1x decompression error: Output buffer overflow"),
        ("lzo", 1, "LZO1x decompression error: Unexpected output size"),
        ("zstd", -1, "ZSTD: error: Destination buffer is too small"),
        ("zstd", 1, f"ZSTD: got {len(ELF):#x} bytes instead of {len(ELF) + 1:#x}"),
        ("xz", 1, f"XZ: got {len(ELF):#x} bytes instead of {len(ELF) + 1:#x}"),
    ],
)
def test_what_libxenguest_says_of_a_length(name: str, off: int, words: str) -> None:
    """The words are those of libxenguest, as it says them of such payloads."""
    packed = PACKERS[name](ELF) + number(len(ELF) + off, 4)
    assert f'prints "{words}"' in refusal(bzimage(packed), Reader.DOMU)
