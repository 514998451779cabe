"""Keeps what a boot left in a file, so that it can be compared with the model again without a QEMU.

The schema, ``ptproof-boot-recording/1``, is one JSON object: ``configuration`` and ``written`` (addresses as
hexadecimal text); ``text``, the lines of Xen's that tell which it is, and of dom0; and what was read of machine
frames, ``contents`` and ``infos``: each the first frame's ``mfn``, how many, and the data, packed by xz and in base64.
Entries of tables count upwards, so a filter that takes differences of words packs them to next to nothing.
"""

import base64
import binascii
import json
import lzma
import re
from typing import Any, Final

from ..edge.errors import InputError
from ..edge.files import read_input, write_json
from ..layouts.layout import Configuration, Segment
from ..layouts.paging import PAGING_MODES
from .booting import Recording

Readings = dict[tuple[int, int], bytes]
"""What was read, by the frames that it was of: the first one's mfn, and how many."""

SCHEMA: Final = "ptproof-boot-recording/1"
LIMIT: Final = 64 << 20
"""No recording takes as many bytes as this."""

_FILTERS: Final = [{"id": lzma.FILTER_DELTA, "dist": 8}, {"id": lzma.FILTER_LZMA2, "preset": 9}]
_READINGS: Final = ("contents", "infos")
_VERSION: Final = re.compile(r".*Xen version \S+")
_BUILDING: Final = "*** Building a PV Dom"


def save(recording: Recording, name: str) -> None:
    """Write the recording to a file; ``-`` is standard output. Raises `InputError` when that fails."""
    write_json(
        name,
        {
            "schema": SCHEMA,
            "configuration": configuration_as_dict(recording.configuration),
            "written": [_shown(segment) for segment in recording.written],
            "text": _told(recording.text),
            **{kind: _packed(getattr(recording, kind)) for kind in _READINGS},
        },
    )


def restore(name: str) -> Recording:
    """The recording in a file. Raises `InputError` when it can't be read, or isn't one."""
    try:
        plain = json.loads(read_input(name, LIMIT))
        if plain["schema"] != SCHEMA:
            raise InputError(f"{name}: schema: expected {SCHEMA!r}, found {plain['schema']!r}")
        return Recording(
            configuration=_configuration(plain["configuration"]),
            written=tuple(_segment(each) for each in plain["written"]),
            text="\n".join(plain["text"]),
            **{kind: _unpacked(plain[kind]) for kind in _READINGS},
        )
    except (ValueError, KeyError, TypeError, lzma.LZMAError, binascii.Error) as error:
        raise InputError(f"{name}: expected a recorded boot: {type(error).__name__}: {error}") from error


def _packed(readings: Readings) -> list[dict[str, Any]]:
    return [
        {
            "mfn": hex(mfn),
            "count": count,
            "data": base64.b64encode(lzma.compress(data, filters=_FILTERS)).decode(),
        }
        for (mfn, count), data in readings.items()
    ]


def _unpacked(plain: list[dict[str, Any]]) -> Readings:
    return {
        (int(each["mfn"], 16), each["count"]): lzma.decompress(base64.b64decode(each["data"]))
        for each in plain
    }


def configuration_as_dict(configuration: Configuration) -> dict[str, Any]:
    """A configuration as plain data for JSON: addresses in hexadecimal, counts as numbers."""
    p2m = configuration.init_p2m
    return {
        "mode": configuration.mode.name,
        "virt_base": hex(configuration.virt_base),
        "kernel": _shown(configuration.kernel),
        "nr_pages": configuration.nr_pages,
        "initrd_len": configuration.initrd_len,
        "mod_start_pfn": configuration.mod_start_pfn,
        "init_p2m": None if p2m is None else hex(p2m),
    }


def _configuration(plain: dict[str, Any]) -> Configuration:
    p2m = plain["init_p2m"]
    return Configuration(
        mode=PAGING_MODES[plain["mode"]],
        virt_base=int(plain["virt_base"], 16),
        kernel=_segment(plain["kernel"]),
        nr_pages=plain["nr_pages"],
        initrd_len=plain["initrd_len"],
        mod_start_pfn=plain["mod_start_pfn"],
        init_p2m=None if p2m is None else int(p2m, 16),
    )


def _shown(segment: Segment) -> list[str]:
    return [hex(segment.start), hex(segment.end)]


def _segment(plain: list[str]) -> Segment:
    start, end = plain
    return Segment(int(start, 16), int(end, 16))


def _told(text: str) -> list[str]:
    """The lines that tell which Xen it is, without who built it, and how it built dom0."""
    lines = text.splitlines()
    begin = next((at for at, line in enumerate(lines) if _BUILDING in line), 0)
    versions = [
        found[0] + (" debug=y" if "debug=y" in line else "")
        for line in lines[:begin]
        if (found := _VERSION.match(line))
    ]
    return versions + lines[begin:]
