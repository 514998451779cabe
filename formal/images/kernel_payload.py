"""Gets the ELF out of a kernel as it is distributed: a bzImage (vmlinuz), or an ELF packed by itself.

A bzImage's header says where its payload is; the payload, or else the whole file, may be packed in one of the
seven ways that Linux kernels are. Nothing is unpacked beyond `unpacked_limit`, so that a small file can't take
much memory or time. A bzImage's payload ends with its unpacked size, which nothing here needs.

Facts: DOMAIN.md section 7; ``xen/arch/x86/bzimage.c``, ``xen/common/decompress.c``, ``unlzo.c`` and ``unlz4.c``
(4.22); Linux' ``Documentation/arch/x86/boot.rst``. Offsets and sizes are in bytes.
"""

import bz2
import lzma
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import lz4.block
from attrs import frozen
from lzallright import LZOCompressor, LZOError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from ..edge.errors import InputError
from ..edge.limits import most
from .elf_file import Data

PACKED_LIMIT: Final = 48 << 20
"""The most that a packed kernel may have."""
UNPACKED_LIMIT: Final = 256 << 20
"""The most that any kernel may unpack to ..."""
SMALL_LIMIT: Final = 64 << 20
"""... and the most for a small one: this much, and `RATIO_LIMIT` times its packed size."""
RATIO_LIMIT: Final = 16
MEMORY_LIMIT: Final = 144 << 20
"""The most memory that a packed kernel may ask of xz and lzma; those of kernels ask for 128 MiB at most."""

_CHUNK: Final = 1 << 20

_SETUP_SECTS = 0x1F1
_HEADER_MAGIC, _VERSION = 0x202, 0x206
_PAYLOAD = 0x248
_HEADER_END: Final = 0x250
_SECTOR: Final = 512
_OLDEST: Final = 0x208

_LZ4_MAGIC: Final = bytes.fromhex("02214c18")
_LZ4_BLOCK: Final = 8 << 20
_LZO_BLOCK: Final = 256 << 10
_LZO_BLOCKS: Final = most(seconds=1e-5, memory=1000)
_LZO_MAGIC: Final = bytes.fromhex("894c5a4f 000d0a1a0a")
_LZO_HAS_FILTER: Final = 0x800
_LZO_WITH_LEVEL: Final = 0x940


@frozen
class Payload:
    """An ELF, and how it was packed: in words, to be shown."""

    data: Data
    container: str


def payload(data: Data, source: str) -> Payload:
    """The ELF that a kernel file holds; ``source`` names the file in messages.

    Something that isn't packed in a known way comes back as it is.

    Raises:
        InputError: the bzImage is older than Xen takes, its payload lies outside the file, can't be unpacked, or
            is larger than the limits of this module.
    """
    container = "ELF"
    start, size = 0, len(data)
    if size >= _HEADER_END and data[_HEADER_MAGIC : _HEADER_MAGIC + 4] == b"HdrS":
        container = "bzImage"
        start, size = _in_bzimage(data, source)
    magic = bytes(data[start : start + len(_LZO_MAGIC)])
    methods = (each for each in _METHODS if magic.startswith(each.magic))
    method = next(methods, None)
    if method is None and not start:
        return Payload(data, container)
    limit = PACKED_LIMIT if method else UNPACKED_LIMIT
    if size > limit:
        raise InputError(
            f"{source}: offset {start:#x}: expected a payload of at most {limit >> 20} MiB, found {size:#x} bytes"
        )
    if method is None:
        return Payload(data[start : start + size], f"{container}, not packed, at offset {start:#x}")
    container += f", {size} bytes packed with {method.name} at offset {start:#x}"
    return Payload(_unpacked(method, _Packed(data, start, start + size), source), container)


def unpacked_limit(packed: int) -> int:
    """The most bytes that a kernel of so many packed bytes is unpacked to.

    >>> unpacked_limit(8 << 20) >> 20
    192
    """
    return min(UNPACKED_LIMIT, SMALL_LIMIT + RATIO_LIMIT * packed)


def _in_bzimage(data: Data, source: str) -> tuple[int, int]:
    """Where a bzImage's payload is: its offset in the file, and its size."""
    (version,) = struct.unpack_from("<H", data, _VERSION)
    if version < _OLDEST:
        raise InputError(
            f"{source}: offset {_VERSION:#x}: expected a bzImage of version 2.08 or later, found"
            f" {version >> 8}.{version & 0xFF:02}"
        )
    start, size = struct.unpack_from("<II", data, _PAYLOAD)
    offset = (data[_SETUP_SECTS] + 1) * _SECTOR + start
    if offset + size > len(data):
        raise InputError(
            f"{source}: offset {_PAYLOAD:#x}: expected a payload within the file's {len(data):#x} bytes, found"
            f" {size:#x} bytes at offset {offset:#x}"
        )
    return offset, size


@frozen
class _Packed:
    """The packed bytes of a file, from ``start`` to ``end``, read piece by piece."""

    data: Data
    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start

    def piece(self, position: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``position`` on, which counts from the packed data's start."""
        start = self.start + position
        return bytes(self.data[start : min(start + size, self.end)])

    def numbers(self, letters: str, position: int) -> tuple[int, ...]:
        """The numbers at ``position`` in a format of the module `struct`."""
        if position + struct.calcsize(letters) > self.size:
            raise _Malformed("it ends early")
        return struct.unpack_from(letters, self.data, self.start + position)


@frozen
class _Method:
    """How a kernel may be packed: the name, what the packed data begins with, and what unpacks it."""

    name: str
    magic: bytes
    unpack: Callable[[_Packed], Iterator[bytes]]


class _Malformed(Exception):
    """The packed data can't be what it seems to be; the message says why."""


def _unpacked(method: _Method, packed: _Packed, source: str) -> bytearray:
    limit = unpacked_limit(packed.size)
    unpacked = bytearray()
    try:
        for chunk in method.unpack(packed):
            if len(unpacked) + len(chunk) > limit:
                raise _Malformed(f"expected at most {limit} bytes, found more")
            unpacked += chunk
    except _ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{source}: offset {packed.start:#x}: {packed.size} bytes can't be unpacked with {method.name}: {reason}"
        ) from error
    return unpacked


class _Decompressor(Protocol):
    """How the standard library's decompressors look."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def _stream(make: Callable[[], _Decompressor]) -> Callable[[_Packed], Iterator[bytes]]:
    """Unpacks piecemeal, so that a limit is met before the memory is taken."""

    def unpack(packed: _Packed) -> Iterator[bytes]:
        decompressor = make()
        position = 0
        while not decompressor.eof:
            piece = b""
            if decompressor.needs_input:
                piece = packed.piece(position, _CHUNK)
                position += len(piece)
                if not piece:
                    raise _Malformed("it ends early")
            yield decompressor.decompress(piece, _CHUNK)

    return unpack


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

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _unlz4(packed: _Packed) -> Iterator[bytes]:
    """The legacy format: a magic number, then blocks, each with its packed size before it, all full but the last."""
    position = len(_LZ4_MAGIC)
    block = bytes(_LZ4_BLOCK)
    while packed.size - position > 4:  # what is left then is the unpacked size
        (size,) = packed.numbers("<I", position)
        position += 4
        if len(block) < _LZ4_BLOCK or size > packed.size - position:
            raise _Malformed(f"expected the end at byte {position - 4:#x} of them, found {size:#x}")
        block = lz4.block.decompress(packed.piece(position, size), uncompressed_size=_LZ4_BLOCK)
        yield block
        position += size


def _unlzo(packed: _Packed) -> Iterator[bytes]:
    """The format of lzop: a header, then blocks with both sizes and a checksum, up to one of size 0."""
    position = _lzo_header(packed)
    for _ in range(_LZO_BLOCKS):
        (size,) = packed.numbers(">I", position)
        if not size:
            return
        packed_size, _checksum = packed.numbers(">II", position + 4)
        position += 12
        if not 0 < packed_size <= size <= _LZO_BLOCK or packed_size > packed.size - position:
            raise _Malformed(
                f"the block at byte {position:#x} of them has {packed_size:#x} bytes for {size:#x}"
            )
        block = packed.piece(position, packed_size)
        if packed_size < size:
            block = _lzo_block(block, size)
        if len(block) != size:
            raise _Malformed(
                f"the block at byte {position:#x} of them has {len(block):#x} bytes, not {size:#x}"
            )
        yield block
        position += packed_size
    raise _Malformed(f"expected at most {_LZO_BLOCKS} blocks, found more")


def _lzo_block(block: bytes, size: int) -> bytes:
    try:
        return LZOCompressor.decompress(block, output_size_hint=size)
    except LZOError as error:  # it may carry all that was unpacked
        raise _Malformed(str(error.args[0])) from error


def _lzo_header(packed: _Packed) -> int:
    """Where the blocks begin: after versions, method, flags, mode, times, the file's name and a checksum."""
    position = len(_LZO_MAGIC)
    (version,) = packed.numbers(">H", position)
    with_level = version >= _LZO_WITH_LEVEL
    position += 8 if with_level else 7
    (flags,) = packed.numbers(">I", position)
    position += 8 if flags & _LZO_HAS_FILTER else 4
    position += 12 if with_level else 8
    (name_size,) = packed.numbers("B", position)
    return position + 1 + name_size + 4


_METHODS: Final = (
    _Method("gzip", b"\x1f\x8b", _stream(_Gunzip)),
    _Method("bzip2", b"BZh", _stream(bz2.BZ2Decompressor)),
    _Method("xz", b"\xfd7zXZ\0", _stream(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY_LIMIT))),
    _Method("lzma", b"\x5d\0", _stream(lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, MEMORY_LIMIT))),
    _Method("lzo", _LZO_MAGIC, _unlzo),
    _Method("lz4", _LZ4_MAGIC, _unlz4),
    _Method("zstd", b"\x28\xb5\x2f\xfd", _stream(zstd.ZstdDecompressor)),
)

_ERRORS: Final = (
    _Malformed,
    EOFError,
    OSError,
    ValueError,
    lz4.block.LZ4BlockError,
    lzma.LZMAError,
    zlib.error,
    zstd.ZstdError,
)
