"""Kernels as they are distributed: what is inside is found, whatever it is packed with, and within limits."""

import gzip
import lzma
import time
import zlib
from random import Random

import pytest
from elf_maker import PACKERS, bzimage, image, number, with_size
from ptproof.formal.edge.errors import InputError
from ptproof.formal.images.kernel_payload import PACKED_LIMIT, payload
from ptproof.formal.images.packing_rules import SMALL_LIMIT, UNPACKED_LIMIT, unpacked_limit

ELF = image()


def refusal(data: bytes) -> str:
    """The error for a file that can't be used."""
    with pytest.raises(InputError) as refused:
        payload(data, "vmlinuz")
    message = str(refused.value)
    assert message.startswith("vmlinuz: ")
    assert "\n" not in message
    return message


def outcome(data: bytes) -> str | bytes:
    """What is unpacked, or what is said instead."""
    try:
        return bytes(payload(data, "vmlinuz").data)
    except InputError as error:
        return str(error)


def test_an_elf_is_itself() -> None:
    """A file that is an ELF, or nothing known, is not touched, nor copied."""
    for data in (ELF, b"", b"MZ", bytes(5000)):
        assert payload(data, "vmlinux").data is data


@pytest.mark.parametrize("name", PACKERS)
def test_a_bzimage_is_unpacked(name: str) -> None:
    """Every compression that Linux uses, with the size that Linux adds, is unpacked from a bzImage."""
    found = payload(bzimage(with_size(name, ELF)), "vmlinuz")
    assert found.data == ELF
    assert found.container == f"bzImage, {len(with_size(name, ELF))} bytes packed with {name} at offset 0x420"


@pytest.mark.parametrize("name", PACKERS)
def test_a_packed_elf_is_unpacked(name: str) -> None:
    """An ELF that is packed by itself, with its size behind it, is unpacked, too."""
    found = payload(with_size(name, ELF), "vmlinux.packed")
    assert (found.data, found.size, found.remarks) == (ELF, len(ELF), ())


@pytest.mark.parametrize("name", PACKERS)
def test_several_blocks(name: str) -> None:
    """What takes several blocks and chunks is put together again."""
    random = Random(1)
    data = ELF + b"".join(random.randbytes(64) + bytes(16000) for _ in range(600)) + random.randbytes(300_000)
    assert len(data) > 9 << 20
    assert payload(bzimage(with_size(name, data)), "vmlinuz").data == data


def test_a_payload_that_is_not_packed() -> None:
    """A bzImage may hold the ELF as it is; what follows the payload is no part of it."""
    found = payload(bzimage(ELF), "vmlinuz")
    assert found.data == ELF
    assert found.container == "bzImage, not packed, at offset 0x420"


@pytest.mark.parametrize("setup_sects", [0, 1, 4, 39, 255])
def test_the_setup_code_is_skipped(setup_sects: int) -> None:
    """The payload begins behind setup_sects sectors and the boot sector; 0 does not stand for 4 in Xen."""
    data = bytearray(bzimage(gzip.compress(ELF), setup_sects=max(1, setup_sects)))
    if not setup_sects:
        data[0x1F1] = 0
        data[0x248:0x24C] = number(0x20 + 512, 4)
    assert payload(bytes(data), "vmlinuz").data == ELF


def test_what_only_looks_like_a_bzimage() -> None:
    """A file that ends before the payload's length is no bzImage to Xen."""
    data = bzimage(ELF)[:0x24F]
    assert payload(data, "vmlinuz").data is data


def test_an_old_bzimage() -> None:
    """Xen takes no bzImage older than 2.08."""
    assert "expected a bzImage of version 2.08 or later, found 2.07" in refusal(bzimage(ELF, version=0x207))
    assert payload(bzimage(ELF, version=0x208), "vmlinuz").data == ELF


@pytest.mark.parametrize("placed", [{"length": 1 << 20}, {"offset": 1 << 20}, {"length": 0xFFFFFFFF}])
def test_a_payload_outside_the_file(placed: dict[str, int]) -> None:
    """A payload that ends beyond the file is refused before anything is taken for it."""
    assert "offset 0x248: expected a payload within the file" in refusal(bzimage(ELF, **placed))


@pytest.mark.parametrize("name", PACKERS)
def test_every_truncation(name: str) -> None:
    """Packed data that ends early is an error at whatever byte it ends."""
    packed = PACKERS[name](ELF)
    for end in range(9 if name == "lzo" else 6, len(packed) - 1):
        found = outcome(packed[:end])
        assert isinstance(found, str)
        assert "can't be unpacked with" in found or "packed with lz4: its last four bytes" in found


@pytest.mark.parametrize("name", PACKERS)
def test_damage(name: str) -> None:
    """Packed data with any byte damaged is an error, or unpacks to something; it never is anything else."""
    packed = PACKERS[name](ELF)
    random = Random(2)
    found = []
    for position in range(len(packed)):
        damaged = bytearray(packed)
        damaged[position] ^= 1 << random.randrange(8)
        found.append(outcome(bytes(damaged)))
    errors = [each for each in found if isinstance(each, str)]
    assert len(errors) > len(packed) // 5
    assert not any("\n" in each for each in errors)


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz", "zstd"])
def test_a_bomb(name: str) -> None:
    """A small file that would unpack to much more ends in an error that states the limit, in time."""
    packed = PACKERS[name](bytes(SMALL_LIMIT + (16 << 20)))
    start = time.process_time()
    assert f"expected at most {unpacked_limit(len(packed))} bytes, found more" in refusal(packed)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", ["lz4", "lzo"])
def test_a_bomb_of_blocks(name: str) -> None:
    """Formats of blocks are stopped at the same limit."""
    one = PACKERS[name](bytes(8 << 20))
    head = 4 if name == "lz4" else 45
    blocks = one[head:] if name == "lz4" else one[head:-4]
    packed = one[:head] + blocks * (SMALL_LIMIT // (8 << 20) + 2)
    assert f"expected at most {unpacked_limit(len(packed))} bytes, found more" in refusal(packed)


def test_memory_that_a_header_asks_for() -> None:
    """No dictionary or window is taken larger than what may be unpacked, and Xen needs none for xz and lzma."""
    packed = bytearray(lzma.compress(ELF, lzma.FORMAT_ALONE))
    packed[1:5] = number(0xFFFFFF00, 4)
    assert payload(bytes(packed) + number(len(ELF), 4), "x").data == ELF
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 3 << 29}]
    packed = bytearray(
        lzma.compress(bytes(12), check=lzma.CHECK_CRC32, filters=[{**filters[0], "dict_size": 1 << 20}])
    )
    assert packed[16] == 16
    packed[16] = 38  # 3 GiB less a step
    packed[20:24] = number(zlib.crc32(packed[12:20]), 4)
    assert payload(bytes(packed) + number(12, 4), "x").data == bytes(12)


def test_too_much_packed_data() -> None:
    """A packed file of more than the limit is not looked into."""
    packed = gzip.compress(ELF).ljust(PACKED_LIMIT + 1, b"\0")
    assert f"expected a payload of at most {PACKED_LIMIT >> 20} MiB" in refusal(packed)


def test_the_limits_leave_room_for_kernels() -> None:
    """A kernel of 8 MB may unpack to 192 MiB, and none to more than 256 MiB."""
    assert unpacked_limit(8 << 20) == 192 << 20
    assert unpacked_limit(PACKED_LIMIT) == UNPACKED_LIMIT == 256 << 20
