"""Reads the host's memory map out of logs: as Xen prints it, or a Linux that runs without Xen.

A map begins with its heading (``Xen-e820 RAM map:``, ``EFI RAM map:``, ``BIOS-provided physical RAM map:``), and its lines may be
wrapped, or quoted, as all of a log's. Xen's lines without a heading are the rest of a map whose beginning isn't there. What Linux
says under Xen (``Xen: [mem …]``) is dom0's own memory, and isn't read.

Facts: ``print_e820_memory_map()`` in Xen's ``xen/arch/x86/e820.c`` (4.0 to 4.22), ``e820__print_table()`` in Linux'
``arch/x86/kernel/e820.c``. Up to Xen 4.12, and in old Linux, a range ends before its second address.
"""

import re
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from ..edge.errors import InputError
from ..edge.files import read_input
from ..layouts.host_map import HostMap, HostRange
from ..layouts.layout import ADDRESS_LIMIT
from .boot_log_text import Blocks
from .log_window import LIMIT, Window, log_text

_GAP: Final = r"[ \t]{0,99}+(?:\n[ \t>|]{0,99}+(?:\(XEN\)[ \t]{0,99}+)?)?"
_KINDS: Final = (
    r"usable|reserved|ACPI data|ACPI NVS|unusable|soft reserved|persistent(?: \(type \d+\))?|type \d+"
)
_KIND: Final = _KINDS.replace(" ", r"\s[\s>|]{0,20}")
_MAP: Final = re.compile(
    r"(?P<heading>(?<![A-Za-z0-9_-])(?P<title>[A-Za-z][A-Za-z0-9_-]{1,20}) RAM map:|BIOS-provided physical RAM map:)"
    r"|(?:\[(?:mem 0x)?|(?<=[ \t]))(?P<start>[0-9a-fA-F]{16})"
    rf"{_GAP}(?P<dash>,|-){_GAP}(?:0x)?(?P<end>[0-9a-fA-F]{{1,16}}+)(?P<closed>\])?{_GAP}"
    rf"\(?(?P<kind>{_KIND})(?:\)|(?=\s|$))"
)
_GUEST: Final = re.compile(r"\(d[0-9]{1,9}\)")
"""Before what a guest says, such as a Xen that runs as the PV shim."""
_DOM0S_OWN: Final = re.compile(r"(?:Xen|user|modified):[ \t]*$")


@frozen
class Misread:
    """A line that is one of a map, but can't be."""

    line: int
    message: str


def read_maps(data: bytes | str | Blocks, times: int = 1) -> tuple[tuple[HostMap, ...], tuple[Misread, ...]]:
    """Every map in the text, in its order, and what can't be right in them. Raises as `log_text` does."""
    window = Window(log_text(data, "the log", times))
    maps: list[tuple[HostMap, list[HostRange]]] = []
    misread: list[Misread] = []
    initial = False
    for match in window.matches(_MAP):
        line = window.line(match.start())
        before = window.text[max(0, match.start() - 80) : match.start()].rpartition("\n")[2]
        if _GUEST.search(before):
            continue
        if match["heading"]:
            initial = before.endswith("Initial ")
            if not initial:
                maps.append((HostMap(match["title"] or "BIOS-e820", (), line), []))
            continue
        if initial or _DOM0S_OWN.search(before):
            continue
        inclusive = match["dash"] == "," or match["closed"] is not None
        start, end = int(match["start"], 16), int(match["end"], 16) + inclusive
        if end <= start or end > ADDRESS_LIMIT:
            misread.append(
                Misread(line, f"expected a range that ends after its start, found {start:#x} to {end:#x}")
            )
            continue
        if not maps:
            if "(XEN)" not in before and "BIOS-e820:" not in before:
                continue
            maps.append((HostMap("a part of the host's map", (), line, whole=False), []))
        kind = re.sub(r"[\s>|]+", " ", match["kind"])
        maps[-1][1].append(HostRange(start, end, kind, line))
    return tuple(evolve(each, ranges=tuple(ranges)) for each, ranges in maps if ranges), tuple(misread)


def read_map(path: str) -> HostMap:
    """The last map in a file. Raises `InputError` when there is none, or it can't be right."""
    maps, misread = read_maps(read_input(path, LIMIT))
    source = str(Path(path))
    if misread:
        raise InputError(f"{source}:{misread[0].line}: {misread[0].message}")
    if not maps:
        raise InputError(
            f"{source}: expected the host's memory map, as Xen prints it ('Xen-e820 RAM map:' and lines such as "
            "'[0000000000100000, 00000000bffcffff] (usable)') or Linux without Xen ('BIOS-e820: …'), found none"
        )
    return maps[-1]
