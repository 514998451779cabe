"""Gets the ELF out of a kernel as it is distributed: a bzImage (vmlinuz), or an ELF packed by itself.

A bzImage's header says where its payload is; the payload, or else the whole file, may be packed in one of the
seven ways that Linux kernels are. It is read as Xen reads it for a dom0, or as libxenguest does for a domU, and what
they refuse is refused. Nothing is unpacked beyond `packing_rules.unpacked_limit`, so that a small file can't take
much memory or time.

Facts: DOMAIN.md section 7; ``xen/arch/x86/bzimage.c``; ``xg_dom_bzimageloader.c`` and ``xg_dom_core.c`` in
``tools/libs/guest`` (4.22); Linux' ``Documentation/arch/x86/boot.rst``. Offsets and sizes are in bytes.
"""

import struct
from typing import Final

from attrs import frozen

from ..edge.errors import InputError
from .decompressors import Malformed, Packed
from .elf_file import MAGIC, Data
from .packing_rules import (
    INSANE,
    UNPACKED_LIMIT,
    Packing,
    Reader,
    Refused,
    Unpacked,
    packing_of,
    unable,
    unpacked_by_libxenguest,
    unpacked_by_xen,
    words_for,
)

PACKED_LIMIT: Final = 48 << 20
"""The most that a packed kernel may have."""

_SETUP_SECTS = 0x1F1
_HEADER_MAGIC, _VERSION = 0x202, 0x206
_PAYLOAD = 0x248
_HEADER_END: Final = 0x250
_SECTOR: Final = 512
_OLDEST: Final = 0x208


@frozen
class Payload:
    """An ELF; how it was packed, in words, to be shown; and what is odd about that, in sentences.

    ``size`` is how long the ELF is taken to be. Past ``data`` nobody knows what it holds. ``needs`` is how much memory
    in one piece Xen asks for to unpack it, in bytes. ``asks`` is what a Xen has to know for that, as `KNOWN_SINCE` has it.
    """

    data: Data
    container: str
    size: int
    remarks: tuple[str, ...] = ()
    needs: int = 0
    asks: tuple[str, ...] = ()


class RefusedPacking(InputError):
    """Xen, or libxenguest, refuses how it is packed, and prints these words if any."""

    def __init__(self, message: str, words: str) -> None:
        super().__init__(message)
        self.words = words


def payload(data: Data, source: str, reader: Reader = Reader.DOM0) -> Payload:
    """The ELF that a kernel file holds, for who reads it; ``source`` names the file in messages.

    Something that isn't packed in a known way comes back as it is.

    Raises:
        InputError: the bzImage is older than Xen takes, its payload lies outside the file, can't be unpacked, is
            packed in a way that the reader refuses, or is larger than the limits.
    """
    return _for_domu(data, source, "") if reader is Reader.DOMU else _for_dom0(data, source)


def _for_dom0(data: Data, source: str) -> Payload:
    """Xen unpacks a payload, or a whole file, once."""
    bzimage = _is_bzimage(data)
    start, size = _in_bzimage(data, source) if bzimage else (0, len(data))
    packed = Packed(data, start, start + size)
    packing = packing_of(packed)
    if packing is None:
        return _not_packed(packed, source) if bzimage else Payload(data, "ELF", size)
    _check_size(packed, source)
    container = _container("bzImage" if bzimage else "ELF", packing, packed)
    try:
        found = unpacked_by_xen(packing, packed, len(data))
    except (Refused, Malformed) as error:
        raise _refusal(error, packing, packed, source, "Xen") from error
    asks = (packing.name,) if bzimage else (packing.name, "a packed file that is no bzImage")
    return Payload(found.data, container, found.size, found.remarks, found.needs, asks)


def _for_domu(data: Data, source: str, outside: str) -> Payload:
    """libxenguest unpacks a whole file only with gzip, and then what is packed within a bzImage."""
    whole = Packed(data, 0, len(data))
    packing = packing_of(whole)
    if packing and not outside and whole.piece(0, 2) == b"\x1f\x8b" and whole.size >= 6:
        _check_size(whole, source)
        found = _library(packing, whole, source)
        inner = _for_domu(found.data, source, _container("", packing, whole))
        size = found.size if inner.data is found.data else inner.size
        return Payload(inner.data, inner.container, size, found.remarks + inner.remarks)
    if _is_bzimage(data):
        start, size = _in_bzimage(data, source)
        packed = Packed(data, start, start + size)
        packing = packing_of(packed)
        if packing is None or packed.piece(0, 2) == b"\x1f\x9e":
            return _left_to_elf(packed, source, outside)
        _check_size(packed, source)
        found = _library(packing, packed, source)
        container = _container("bzImage", packing, packed) + outside
        return Payload(found.data, container, found.size, found.remarks)
    if packing is not None:
        raise InputError(
            f"{source}: offset 0: expected an ELF, or a bzImage, for a domU packed by itself with gzip only, found "
            f'{packing.name}: libxenguest prints "xc_dom_find_loader: no loader found"'
        )
    return Payload(data, f"ELF{outside}", len(data))


def _left_to_elf(packed: Packed, source: str, outside: str) -> Payload:
    """A payload that the loader of bzImages doesn't know: the loader of ELFs is handed what it has cut out."""
    said = '"xc_dom_probe_bzimage_kernel: unknown compression format"'
    if packed.piece(0, 4) != MAGIC:
        raise InputError(
            f"{source}: offset {packed.start:#x}: expected a packed payload or an ELF, found "
            f"{packed.piece(0, 6).hex(' ')}: libxenguest prints {said}"
        )
    found = _not_packed(packed, source)
    told = f"libxenguest prints {said}, and takes the payload for an ELF all the same"
    return Payload(found.data, found.container + outside, found.size, (told,))


def _library(packing: Packing, packed: Packed, source: str) -> Unpacked:
    try:
        return unpacked_by_libxenguest(packing, packed)
    except (Refused, Malformed) as error:
        raise _refusal(error, packing, packed, source, "libxenguest") from error


def _not_packed(packed: Packed, source: str) -> Payload:
    """A bzImage's payload as it is."""
    _check_size(packed, source, UNPACKED_LIMIT)
    data = packed.data[packed.start : packed.end]
    container = f"bzImage, not packed, at offset {packed.start:#x}"
    return Payload(data, container, len(data), asks=("a payload that isn't packed",))


def _container(kind: str, packing: Packing, packed: Packed) -> str:
    return f"{kind}, {packed.size} bytes packed with {packing.name} at offset {packed.start:#x}"


def _check_size(packed: Packed, source: str, limit: int = PACKED_LIMIT) -> None:
    if packed.size > limit:
        raise InputError(
            f"{source}: offset {packed.start:#x}: expected a payload of at most {limit >> 20} MiB, found"
            f" {packed.size:#x} bytes"
        )


def _refusal(error: Exception, packing: Packing, packed: Packed, source: str, reader: str) -> InputError:
    """The one line that says why it can't be used, with what the reader would print."""
    place = f"{source}: offset {packed.start:#x}: {packed.size} bytes"
    end = unable(packing, in_bzimage=packed.start > 0) if reader != "Xen" else ""
    if isinstance(error, Refused):
        end = ', "xc_dom_find_loader: no loader found"' if error.words == INSANE else end
        printed = f' and prints "{error.words}"' if error.words else ""
        message = f"{place} packed with {packing.name}: {error}: {reader} refuses it{printed}{end}"
        return RefusedPacking(message, error.words)
    printed = words_for(packing, error) if reader == "Xen" else ""
    return InputError(f"{place} can't be unpacked with {packing.name}: {error}{printed}{end}")


def _is_bzimage(data: Data) -> bool:
    return len(data) >= _HEADER_END and data[_HEADER_MAGIC : _HEADER_MAGIC + 4] == b"HdrS"


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
