"""What Xen, for a dom0, and libxenguest, for a domU, make of a packed kernel: stricter and odder than the usual tools.

Both unpack the first stream, and take the last four bytes of the packed data for the unpacked length, whatever they
are. What each refuses is reported with the message that it prints. docs/packed.md has the rules, with the versions.

Facts: ``xen/arch/x86/bzimage.c``, ``xen/common/decompress.c``, ``bunzip2.c``, ``unxz.c`` and ``xz/``, ``unlzma.c``,
``unlzo.c``, ``unlz4.c``, ``unzstd.c`` and ``zstd/``, ``gzip/``; ``tools/libs/guest/xg_dom_bzimageloader.c`` and
``xg_dom_core.c`` (4.22). Sizes are in bytes, and positions count from the packed data's start.
"""

import lzma
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Final

from attrs import frozen

from . import decompressors
from .decompressors import ERRORS, Malformed, Packed, Pieces, Unpack, XzBlock
from .elf_file import Data

UNPACKED_LIMIT: Final = 256 << 20
"""The most that any kernel may unpack to ..."""
SMALL_LIMIT: Final = 64 << 20
"""... and the most for a small one: this much, and `RATIO_LIMIT` times its packed size."""
RATIO_LIMIT: Final = 16

LIBRARY_LIMIT: Final = 1 << 30
"""The longest kernel that libxenguest unpacks."""
LIBRARY_MEMORY: Final = 256 << 20
"""What libxenguest lets xz and lzma take: 128 MiB before 4.18.5, 4.19.2 and 4.20."""

UNSUPPORTED_XZ: Final = "Input was encoded with settings that are not supported by this XZ decoder"
UNSUPPORTED_ZSTD: Final = "ZSTD-compressed data is probably corrupt"
INSANE: Final = "looks insane, skip gunzip"
NO_ROOM: Final = "Not enough memory to relocate the dom0 kernel image"
"""What Xen, or libxenguest, prints."""

_XZ_X86: Final = 4
_XZ_LZMA2: Final = 0x21
_XZ_LARGEST: Final = 39
_XZ_BLOCKS: Final = 1 << 16
_ZSTD_WINDOW: Final = 1 << 27
_LZO_LIBRARY_BLOCK: Final = 64 << 20
_GZIP_LIBRARY_ROOM: Final = 16


class Reader(Enum):
    """Who unpacks a kernel: by what it becomes."""

    DOM0 = "dom0"
    DOMU = "domU"


class Refused(Exception):
    """Xen, or libxenguest, refuses it: why, and what it prints if it prints anything."""

    def __init__(self, why: str, words: str = "") -> None:
        super().__init__(why)
        self.words = words


class TooMuch(Malformed):
    """It unpacks to more than is taken here, which says nothing of Xen."""


@frozen
class Unpacked:
    """What comes of it: the bytes, how long the ELF is taken to be, and what is odd about it, in sentences.

    ``needs`` is how much memory in one piece Xen asks for to unpack it, in bytes.
    """

    data: Data
    size: int
    remarks: tuple[str, ...] = ()
    needs: int = 0


@frozen
class Packing:
    """One of the ways to pack: what it begins with to Xen, what unpacks it, and what Xen prints of damaged data."""

    name: str
    magics: tuple[bytes, ...]
    unpack: Unpack
    check: Callable[[Packed], None]
    corrupt: str


def unpacked_limit(packed: int) -> int:
    """The most bytes that a kernel of so many packed bytes is unpacked to.

    >>> unpacked_limit(8 << 20) >> 20
    192
    """
    return min(UNPACKED_LIMIT, SMALL_LIMIT + RATIO_LIMIT * packed)


def packing_of(packed: Packed) -> Packing | None:
    """How it is packed, as Xen and libxenguest see it: by its first bytes."""
    return next((each for each in PACKINGS if packed.piece(0, 6).startswith(each.magics)), None)


def headroom(declared: int, packing: Packing, packed_size: int) -> int:
    """How much memory before the packed data Xen asks for, to unpack into: by the length that it believes."""
    more = (declared >> 12) + 32768 + 18 if packing.name == "gzip" else packed_size
    room = declared + more
    return room + -room % 4096


def unpacked_by_xen(packing: Packing, packed: Packed, file_size: int) -> Unpacked:
    """What Xen makes of it; ``file_size`` is that of the whole kernel.

    Raises:
        Refused: Xen refuses it.
        Malformed: it is damaged, or larger than `unpacked_limit`.
    """
    (declared,) = packed.numbers("<I", packed.size - 4)
    packing.check(packed)
    data, end = _all(packing.unpack, packed)
    if packing.name == "xz":
        for block in decompressors.xz_blocks(packed, end, _XZ_BLOCKS):
            _check_xz_block(block)
    room = headroom(declared, packing, packed.size)
    whole = room + file_size + -file_size % 4096
    needs = (
        f"Xen needs {whole:#x} bytes of memory in one piece to unpack it, and where it has none panics with "
        f'"{NO_ROOM}"'
    )
    said = (
        f"its last four bytes, which Xen takes for the unpacked length, say {declared:#x}, not {len(data):#x}"
    )
    if packing.name == "lz4" and declared != len(data):
        raise Refused(f"{said}: {needs}, or else", "Decoding failed")
    remarks = _left_over(packing, packed, end)
    if declared > len(data):
        remarks.append(
            f"{said}: {needs}; the rest of what it takes for the ELF is whatever the memory held before"
        )
    elif declared < len(data):
        if len(data) > room + end:
            raise Refused(
                f"{said}: Xen would write over packed bytes that it has yet to read, and hangs or dies"
            )
        remarks.append(f"{said}: Xen cuts the ELF there")
        if len(data) > room:
            remarks.append("Xen may write over packed bytes that it has yet to read, and hang or die")
    del data[declared:]
    return Unpacked(data, declared, tuple(remarks), whole)


def unpacked_by_libxenguest(packing: Packing, packed: Packed) -> Unpacked:
    """What libxenguest makes of a bzImage's payload, or with gzip of a whole file.

    Raises:
        Refused: it refuses it.
        Malformed: it is damaged, or larger than `unpacked_limit`.
    """
    (declared,) = packed.numbers("<I", packed.size - 4)
    if declared > LIBRARY_LIMIT:
        words = (
            INSANE
            if packing.name == "gzip"
            else f"{_LIBRARY_NAMES.get(packing.name, packing.name.upper())}: output too large"
        )
        raise Refused(f"its last four bytes, the unpacked length, say {declared:#x}, more than 1 GiB", words)
    remarks = _check_library_memory(packing, packed)
    taken = packed if packing.name == "gzip" else packed.before(packed.size - 4)
    unpack = _LIBRARY.get(packing.name, packing.unpack)
    if packing.name == "lz4":
        unpack, taken = partial(_lz4_up_to, declared), packed
    data, end = _all(unpack, taken)
    said = f"its last four bytes, the unpacked length, say {declared:#x}, not {len(data):#x}"
    if packing.name == "gzip":
        if len(data) > declared + _GZIP_LIBRARY_ROOM:
            raise Refused(said, "xc_dom_do_gunzip: inflate failed (rc=-5)")
        return Unpacked(data, declared + _GZIP_LIBRARY_ROOM)
    cuts = packing.name in ("bzip2", "xz", "lzma")
    if declared > len(data) or (declared < len(data) and not cuts):
        words = _LIBRARY_LENGTH[packing.name][declared > len(data)]
        raise Refused(said, words.format(len(data), declared))
    remarks += _left_over(packing, taken, end)
    if declared < len(data):
        remarks.append(f"{said}: libxenguest cuts the ELF there")
        del data[declared:]
    return Unpacked(data, declared, tuple(remarks))


def _all(unpack: Unpack, packed: Packed) -> tuple[bytearray, int]:
    """The first stream unpacked, and where it ends."""
    limit = unpacked_limit(packed.size)
    data = bytearray()
    pieces = unpack(packed, limit)
    try:
        while True:
            piece = next(pieces)
            if len(data) + len(piece) > limit:
                raise TooMuch(f"expected at most {limit} bytes, found more")
            data += piece
    except StopIteration as stop:
        end: int = stop.value
        return data, end
    except ERRORS as error:
        if isinstance(error, TooMuch):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Malformed(reason) from error
    finally:
        pieces.close()


def words_for(packing: Packing, error: Exception) -> str:
    """What Xen prints of data that can't be unpacked for this reason, as the end of a sentence; it may be nothing."""
    if isinstance(error, TooMuch):
        return ""
    early = {
        "gzip": "out of input data",
        "lzma": "unexpected EOF",
        "lzo": "file corrupted",
        "zstd": UNSUPPORTED_ZSTD,
    }
    summed = {"incorrect data check": "crc error", "incorrect length check": "length error"}
    words = next((said for part, said in summed.items() if part in str(error)), packing.corrupt)
    if str(error) == "it ends early":
        words = early.get(packing.name, packing.corrupt)
    return (
        f': Xen prints "{words}", or the like'
        if words
        else ': Xen prints nothing but "Could not construct domain 0"'
    )


def unable(packing: Packing, *, in_bzimage: bool) -> str:
    """What libxenguest says in the end of a payload that it can't unpack, as the end of a sentence."""
    name = ": unable to gzip" if packing.name == "gzip" else f" unable to {packing.name.upper()}"
    return f', "xc_dom_probe_bzimage_kernel{name} decompress kernel"' if in_bzimage else ""


def _left_over(packing: Packing, packed: Packed, end: int) -> list[str]:
    """What is reported about bytes that nobody unpacks; four are the length."""
    left = packed.size - end - (0 if packing.name == "gzip" else 4)
    if left <= 0:
        return []
    return [f"{left} bytes behind the first {packing.name} stream aren't unpacked"]


def _check_gzip(packed: Packed) -> None:
    method, flags = packed.numbers("BB", 2)
    if method != 8:
        raise Refused(f"expected gzip's method 8, found {method}", "internal error, invalid method")
    for bits, words in (
        (0x20, "Input is encrypted"),
        (0x02, "Multi part input"),
        (0xC0, "Input has invalid flags"),
    ):
        if flags & bits:
            raise Refused(f"expected none of gzip's flags {bits:#04x}, found {flags:#04x}", words)


def _check_bzip2(packed: Packed) -> None:
    if packed.piece(4, 6) == bytes.fromhex("314159265359") and packed.piece(14, 1) >= b"\x80":
        raise Refused("expected blocks that aren't randomised, found one of bzip2 before 0.9.5")


def _check_xz(packed: Packed) -> None:
    zero, check = packed.numbers("BB", 6)
    if zero or check > 1:
        name = {4: "CRC64", 10: "SHA-256"}.get(check, f"{zero << 8 | check:#x}")
        raise Refused(f"expected the check CRC32 or none (xz --check=crc32), found {name}", UNSUPPORTED_XZ)
    if packed.piece(12, 1) not in (b"", b"\0"):
        _check_xz_block(decompressors.xz_block(packed))


def _check_xz_block(block: XzBlock) -> None:
    """Xen knows LZMA2, and before it the filter for x86 with no offset; a dictionary has 3 GiB at most."""
    *before, (last, properties) = block.filters
    if before not in ([], [(_XZ_X86, b"")]) or last != _XZ_LZMA2:
        found = ", ".join(_XZ_NAMES.get(number, hex(number)) for number, _ in block.filters)
        raise Refused(
            f"expected the filters lzma2, or x86 without an offset and lzma2, found {found}", UNSUPPORTED_XZ
        )
    if len(properties) != 1 or properties[0] > _XZ_LARGEST:
        raise Refused(f"expected a dictionary of at most 3 GiB, found {properties.hex()}", UNSUPPORTED_XZ)


_XZ_NAMES: Final = {
    3: "delta",
    4: "x86",
    5: "powerpc",
    6: "ia64",
    7: "arm",
    8: "armthumb",
    9: "sparc",
    10: "arm64",
    11: "riscv",
    0x21: "lzma2",
}


def _check_zstd(packed: Packed) -> None:
    """Xen refuses a window of more than 128 MiB, a dictionary, and the reserved flag."""
    (flags,) = packed.numbers("B", 4)
    position, single = 5, flags & 0x20
    window = 0
    if not single:
        (byte,) = packed.numbers("B", position)
        position += 1
        window = (8 + (byte & 7)) << (byte >> 3) + 7
    dictionary_size = (0, 1, 2, 4)[flags & 3]
    dictionary = packed.piece(position, dictionary_size)
    position += dictionary_size
    if single:
        size = (1, 2, 4, 8)[flags >> 6]
        window = int.from_bytes(packed.piece(position, size), "little") + (256 if size == 2 else 0)
    if window > _ZSTD_WINDOW:
        raise Refused(
            f"expected a window of at most {_ZSTD_WINDOW:#x} bytes, found {window:#x}", UNSUPPORTED_ZSTD
        )
    if any(dictionary):
        raise Refused(f"expected no dictionary, found {dictionary[::-1].hex()}", UNSUPPORTED_ZSTD)
    if flags & 8:
        raise Refused(f"expected the reserved flag 0, found {flags:#04x}", UNSUPPORTED_ZSTD)


def _check_lzo(packed: Packed) -> None:
    if packed.piece(0, 9) != bytes.fromhex("894c5a4f000d0a1a0a"):
        raise Refused(f"expected lzop's magic number, found {packed.piece(0, 9).hex(' ')}", "invalid header")


def _check_lz4(packed: Packed) -> None:
    if packed.piece(0, 4) != bytes.fromhex("02214c18"):
        raise Refused(
            f"expected lz4's legacy format (lz4 -l), found {packed.piece(0, 4).hex(' ')}", "invalid header"
        )


def _unchecked(_packed: Packed) -> None:
    """Nothing of the header is refused."""


def _check_library_memory(packing: Packing, packed: Packed) -> list[str]:
    """Refuse what takes more memory than libxenguest lets liblzma have; tell what takes more than older ones did."""
    decoder = {"xz": decompressors.xz_decoder, "lzma": decompressors.lzma_decoder}.get(packing.name)
    if decoder is None:
        return []
    for memory in (LIBRARY_MEMORY, LIBRARY_MEMORY // 2):
        try:
            decoder(memory).decompress(packed.piece(0, 1 << 10), 1)
        except lzma.LZMAError as error:
            if "Memory usage limit" not in str(error):
                return []  # what it is comes out when it is unpacked
            if memory == LIBRARY_MEMORY:
                raise Refused(
                    f"expected a dictionary that takes less than {memory >> 20} MiB, found a larger one",
                    "Memory usage limit reached",
                ) from error
            older = "libxenguest refuses before 4.18.5, 4.19.2 and 4.20"
            return [
                f'its dictionary takes more than {memory >> 20} MiB, which {older}: "Memory usage limit reached"'
            ]
    return []


def _frames(packed: Packed, most: int) -> Pieces:
    """All of zstd's frames; others may be skipped."""
    position = 0
    while position < packed.size:
        rest = packed.after(position)
        (magic,) = rest.numbers("<I", 0)
        if magic & ~0xF == 0x184D2A50:
            position += 8 + rest.numbers("<I", 4)[0]
        else:
            position += yield from decompressors.unzstd(rest, most)
    return position


def _lz4_up_to(declared: int, packed: Packed, most: int) -> Pieces:
    """lz4 into as many bytes as were declared."""
    return decompressors.unlz4_of_any_size(packed, min(declared, most))


_LIBRARY_NAMES: Final = {"lzo": "LZO1x"}
_LIBRARY: Final[dict[str, Unpack]] = {
    "zstd": _frames,
    "lzo": partial(decompressors.unlzo, largest=_LZO_LIBRARY_BLOCK, stored=False),
}
_LIBRARY_LENGTH: Final = {
    "bzip2": ("", "BZIP2: got 0x0{:08x} bytes instead of 0x{:09x}"),
    "xz": ("", "XZ: got {:#x} bytes instead of {:#x}"),
    "lzma": ("", "LZMA: got {:#x} bytes instead of {:#x}"),
    "lzo": (
        "LZO1x decompression error: Output buffer overflow",
        "LZO1x decompression error: Unexpected output size",
    ),
    "lz4": ("LZ4: decoding failed", "LZ4: got {:#x} bytes instead of {:#x}"),
    "zstd": ("ZSTD: error: Destination buffer is too small", "ZSTD: got {:#x} bytes instead of {:#x}"),
}
"""What libxenguest says of a length that is too small, and of one that is too large."""

PACKINGS: Final = (
    Packing(
        "gzip",
        (b"\x1f\x8b", b"\x1f\x9e"),
        decompressors.ungzip,
        _check_gzip,
        "invalid compressed format (err=1)",
    ),
    Packing("bzip2", (b"BZh",), decompressors.unbzip2, _check_bzip2, ""),
    Packing("xz", (b"\xfd7zXZ\0",), decompressors.unxz, _check_xz, "XZ-compressed data is corrupt"),
    Packing("lzma", (b"\x5d\0",), decompressors.unlzma, _unchecked, "LZMA data is corrupt"),
    Packing("lzo", (b"\x89LZO\0",), decompressors.unlzo, _check_lzo, "Compressed data violation"),
    Packing("lz4", (b"\x02\x21",), decompressors.unlz4, _check_lz4, "Decoding failed"),
    Packing(
        "zstd", (b"\x28\xb5\x2f\xfd",), decompressors.unzstd, _check_zstd, "ZSTD-compressed data is corrupt"
    ),
)
"""In the order in which Xen looks."""
