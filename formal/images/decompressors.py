"""Unpacks the seven formats that kernels are packed in: the first stream of each, piece by piece, and how far it goes.

Nothing here knows what Xen makes of it, and nothing is unpacked at once: who takes the pieces can stop at a limit.
A window or dictionary that is larger than all that may be unpacked is asked of the libraries no larger than that.

Facts: the formats' own descriptions (RFC 1952, RFC 8878, xz' ``xz-file-format.txt``), and ``xen/common/unlzo.c`` and
``unlz4.c`` (4.22) for what has none. Offsets and sizes are in bytes, and positions count from the packed data's start.
"""

import bz2
import lzma
import struct
import sys
import zlib
from collections.abc import Callable, Generator
from typing import Final, Protocol

import lz4.block
from attrs import frozen
from lzallright import LZOCompressor, LZOError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from ..edge.limits import most as most_of
from .elf_file import Data

LZ4_BLOCK: Final = 8 << 20
"""What a block of lz4's legacy format holds, all but the last."""

_CHUNK: Final = 1 << 20
_MEMORY_LIMIT: Final = 272 << 20
"""For xz and lzma, whose dictionary is no larger than what may be unpacked, 256 MiB at most."""
_WINDOW_LOG: Final = 28
_LZ4_RATIO: Final = 256
"""No byte of a block stands for more."""
_LZ4_MAGIC: Final = bytes.fromhex("02214c18")
_LZO_BLOCK: Final = 256 << 10
_LZO_BLOCKS: Final = most_of(seconds=1e-5, memory=1000)
_LZO_MAGIC: Final = bytes.fromhex("894c5a4f 000d0a1a0a")
_LZO_HAS_FILTER: Final = 0x800
_LZO_WITH_LEVEL: Final = 0x940
_XZ_HEADER: Final = 12
_XZ_LZMA2: Final = 0x21
_ZSTD_SINGLE_SEGMENT: Final = 0x20
_ZSTD_LEAST_WINDOW_LOG: Final = 10

Pieces = Generator[bytes, None, int]
"""What is unpacked, piece by piece; it returns where the stream ends."""


class Malformed(Exception):
    """The packed data can't be what it seems to be; the message says why."""


ERRORS: Final = (
    Malformed,
    EOFError,
    OSError,
    ValueError,
    lz4.block.LZ4BlockError,
    lzma.LZMAError,
    zlib.error,
    zstd.ZstdError,
)
"""What unpacking may raise."""


@frozen
class Packed:
    """The packed bytes of a file, from ``start`` to ``end``, read piece by piece."""

    data: Data
    start: int
    end: int

    @property
    def size(self) -> int:
        """How many there are."""
        return self.end - self.start

    def piece(self, position: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``position`` on."""
        start = self.start + position
        return bytes(self.data[start : min(start + size, self.end)])

    def numbers(self, letters: str, position: int) -> tuple[int, ...]:
        """The numbers at ``position`` in a format of the module `struct`. Raises `Malformed` past the end."""
        if not 0 <= position <= self.size - struct.calcsize(letters):
            raise Malformed("it ends early")
        return struct.unpack_from(letters, self.data, self.start + position)

    def after(self, position: int) -> "Packed":
        """The bytes from ``position`` on."""
        return Packed(self.data, self.start + position, self.end)

    def before(self, position: int) -> "Packed":
        """The bytes before ``position``."""
        return Packed(self.data, self.start, self.start + position)


class _Decompressor(Protocol):
    """How the standard library's decompressors look."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gunzip:
    """zlib's decompressor in the shape of the others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _stream(packed: Packed, decompressor: _Decompressor, head: bytes = b"") -> Pieces:
    """Unpacks one stream; ``head`` stands for as many of its first bytes."""
    position = len(head)
    while not decompressor.eof:
        piece = b""
        if decompressor.needs_input:
            piece = head + packed.piece(position, _CHUNK)
            position += len(piece) - len(head)
            head = b""
            if not piece:
                raise Malformed("it ends early")
        yield decompressor.decompress(piece, _CHUNK)
    return position - len(decompressor.unused_data)


def ungzip(packed: Packed, _most: int) -> Pieces:
    """The first member. Its magic number may be the older one, which zlib doesn't know."""
    return _stream(packed, _Gunzip(), b"\x1f\x8b")


def unbzip2(packed: Packed, _most: int) -> Pieces:
    """The first stream."""
    return _stream(packed, bz2.BZ2Decompressor())


def unxz(packed: Packed, most: int) -> Pieces:
    """The first stream, with a dictionary of at most ``most`` bytes in its first block."""
    return _stream(packed, xz_decoder(_MEMORY_LIMIT), _xz_head(packed, most))


def xz_decoder(memory: int) -> lzma.LZMADecompressor:
    """liblzma's decoder of xz, which takes at most so much memory."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memory)


def unlzma(packed: Packed, most: int) -> Pieces:
    """The stream, with a dictionary of at most ``most`` bytes."""
    properties, dictionary = packed.numbers("<BI", 0)
    head = struct.pack("<BI", properties, min(dictionary, most))
    return _stream(packed, lzma_decoder(_MEMORY_LIMIT), head)


def lzma_decoder(memory: int) -> lzma.LZMADecompressor:
    """liblzma's decoder of lzma, which takes at most so much memory."""
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memory)


def unzstd(packed: Packed, _most: int) -> Pieces:
    """The first frame, with a window of at most 256 MiB, more than which is unpacked of nothing."""
    limit = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})
    head = bytearray(packed.piece(0, 6))
    if len(head) == 6 and not head[4] & _ZSTD_SINGLE_SEGMENT:
        head[5] = min(head[5], _WINDOW_LOG - _ZSTD_LEAST_WINDOW_LOG << 3)
    return _stream(packed, limit, bytes(head))


@frozen
class XzBlock:
    """The header of a block: its filters, each an id and its properties, and where the last's properties end."""

    filters: tuple[tuple[int, bytes], ...]
    size: int
    properties_end: int


def xz_blocks(packed: Packed, end: int, most: int) -> Generator[XzBlock, None, None]:
    """The headers of all blocks of a stream that was unpacked, and ends at ``end``: the index has where they are.

    Raises:
        Malformed: there are more than ``most``.
    """
    (backward,) = packed.numbers("<I", end - 8)
    position = end - _XZ_HEADER - 4 * (backward + 1) + 1
    count, position = _xz_number(packed, position)
    if count > most:
        raise Malformed(f"expected at most {most} blocks, found {count}")
    block = _XZ_HEADER
    for _ in range(count):
        unpadded, position = _xz_number(packed, position)
        _unpacked, position = _xz_number(packed, position)
        yield xz_block(packed, block)
        block += unpadded + -unpadded % 4


def xz_block(packed: Packed, start: int = _XZ_HEADER) -> XzBlock:
    """The header of the block there. Raises `Malformed` when there is none."""
    sectors, flags = packed.numbers("BB", start)
    size = 4 * (sectors + 1)
    header = packed.after(start).before(size)
    if not sectors or packed.size < start + size:
        raise Malformed("it has no block")
    position = 2
    for flag in (0x40, 0x80):
        if flags & flag:
            _size, position = _xz_number(header, position)
    filters = []
    for _ in range((flags & 3) + 1):
        number, position = _xz_number(header, position)
        length, position = _xz_number(header, position)
        filters.append((number, header.piece(position, length)))
        position += length
    return XzBlock(tuple(filters), size, position)


def _xz_number(packed: Packed, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 63, 7):
        (byte,) = packed.numbers("B", position)
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise Malformed("a number in it has more than nine bytes")


def _xz_head(packed: Packed, most: int) -> bytes:
    """The stream's header and its first block's, with a dictionary that is no larger than it need be."""
    try:
        block = xz_block(packed)
    except Malformed:
        return b""
    head = bytearray(packed.piece(0, _XZ_HEADER + block.size))
    checked, summed = head[_XZ_HEADER:-4], int.from_bytes(head[-4:], "little")
    number, properties = block.filters[-1]
    if number != _XZ_LZMA2 or len(properties) != 1 or zlib.crc32(checked) != summed or properties[0] > 40:
        return b""
    enough = next(each for each in range(41) if (2 | each & 1) << each // 2 + 11 >= most)
    checked[block.properties_end - 1] = min(properties[0], enough)
    return bytes(head[:_XZ_HEADER] + checked) + zlib.crc32(checked).to_bytes(4, "little")


def unlz4(packed: Packed, _most: int) -> Pieces:
    """The legacy format, before a number of 4 bytes: blocks, each with its packed size before it, all full but the last."""
    position = _lz4_start(packed)
    block = bytes(LZ4_BLOCK)
    while packed.size - position > 4:
        start = position
        size, position = _lz4_block(packed, position)
        if len(block) < LZ4_BLOCK or size > packed.size - position:
            raise Malformed(f"expected the end at byte {start:#x} of them, found {size:#x}")
        block = lz4.block.decompress(packed.piece(position, size), uncompressed_size=LZ4_BLOCK)
        yield block
        position += size
    return packed.size


def unlz4_of_any_size(packed: Packed, most: int) -> Pieces:
    """The same, with blocks that unpack to any size, up to ``most`` bytes in all."""
    position = _lz4_start(packed)
    while packed.size - position > 4:
        size, position = _lz4_block(packed, position)
        if size > packed.size - position - 4:
            raise Malformed(f"the block at byte {position:#x} of them ends past their end")
        block = lz4.block.decompress(
            packed.piece(position, size), uncompressed_size=min(most, _LZ4_RATIO * size)
        )
        yield block
        most -= len(block)
        position += size
    return packed.size


def _lz4_start(packed: Packed) -> int:
    """Where the blocks begin."""
    if packed.piece(0, 4) != _LZ4_MAGIC:
        raise Malformed(f"expected {_LZ4_MAGIC.hex(' ')} first, found {packed.piece(0, 4).hex(' ')}")
    if packed.size <= len(_LZ4_MAGIC) + 4:
        raise Malformed("it ends early")
    return len(_LZ4_MAGIC)


def _lz4_block(packed: Packed, position: int) -> tuple[int, int]:
    """The size of the block there, and where it begins: magic numbers may stand before it."""
    magic = int.from_bytes(_LZ4_MAGIC, "little")
    size = magic
    while size == magic:
        (size,) = packed.numbers("<I", position)
        position += 4
    return size, position


def unlzo(packed: Packed, _most: int, largest: int = _LZO_BLOCK, *, stored: bool = True) -> Pieces:
    """The format of lzop: a header, then blocks with both sizes and a checksum, up to one of size 0.

    A block has at most ``largest`` bytes, and may be ``stored`` as it is.
    """
    position = _lzo_header(packed)
    for _ in range(_LZO_BLOCKS):
        (size,) = packed.numbers(">I", position)
        if not size:
            return position + 4
        packed_size, _checksum = packed.numbers(">II", position + 4)
        position += 12
        if not 0 < packed_size <= size <= largest or packed_size > packed.size - position:
            raise Malformed(
                f"the block at byte {position:#x} of them has {packed_size:#x} bytes for {size:#x}"
            )
        block = packed.piece(position, packed_size)
        if packed_size < size or not stored:
            block = _lzo_block(block, size)
        if len(block) != size:
            raise Malformed(
                f"the block at byte {position:#x} of them has {len(block):#x} bytes, not {size:#x}"
            )
        yield block
        position += packed_size
    raise Malformed(f"expected at most {_LZO_BLOCKS} blocks, found more")


def _lzo_block(block: bytes, size: int) -> bytes:
    try:
        return LZOCompressor.decompress(block, output_size_hint=size)
    except LZOError as error:  # it may carry all that was unpacked
        raise Malformed(str(error.args[0])) from error


def _lzo_header(packed: Packed) -> int:
    """Where the blocks begin: after versions, method, flags, mode, times, the file's name and a checksum."""
    if packed.piece(0, len(_LZO_MAGIC)) != _LZO_MAGIC:
        raise Malformed(f"expected {_LZO_MAGIC.hex(' ')} first")
    position = len(_LZO_MAGIC)
    (version,) = packed.numbers(">H", position)
    with_level = version >= _LZO_WITH_LEVEL
    position += 8 if with_level else 7
    (flags,) = packed.numbers(">I", position)
    position += 8 if flags & _LZO_HAS_FILTER else 4
    position += 12 if with_level else 8
    (name_size,) = packed.numbers("B", position)
    return position + 1 + name_size + 4


Unpack = Callable[[Packed, int], Pieces]
"""Unpacks the first stream, of which at most so many bytes are wanted."""
