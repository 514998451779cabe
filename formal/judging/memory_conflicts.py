"""Holds a boot's segments against the host's memory map of the same log: which lie over what is not RAM."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve

from ..edge.errors import InputError
from ..edge.limits import most, raised_by
from ..layouts.host_map import HostMap, places, sentences
from ..logs.boot_log import Boot
from ..logs.boot_log_text import Blocks
from ..logs.memory_map import read_maps
from .check_log import Judgement
from .check_log_findings import Finding, Kind

FIGURE: Final = "host"
"""What a finding on the map is called by."""
RANGES_LIMIT: Final = most(seconds=2e-5, memory=1000)
"""How many ranges may be looked through for boots, those of a map for each that it is for."""


def with_maps(judged: Sequence[Judgement], data: bytes | str | Blocks, times: int = 1) -> list[Judgement]:
    """Judgements of a log's boots, with what its maps of the host's memory say of each.

    Raises `InputError` where that takes more than ``times`` the limits.
    """
    maps, misread = read_maps(data, times)
    starts = [each.line for each in maps]
    before = [_last_before(each.boot, maps, starts) for each in judged]
    work = sum(len(each.ranges) for each in before if each is not None)
    if work > times * RANGES_LIMIT:
        raise InputError(
            f"{judged[0].boot.source}: expected at most {times * RANGES_LIMIT} ranges in the hosts' memory maps of its boots, "
            f"found {work}{raised_by(work, RANGES_LIMIT)}"
        )
    told = [
        Finding(kind=Kind.MALFORMED, figure=FIGURE, line=each.line, message=each.message) for each in misread
    ]
    return [
        evolve(
            each,
            findings=(*each.findings, *map_findings(each.boot, host), *(told if each is judged[0] else ())),
        )
        for each, host in zip(judged, before, strict=True)
    ]


def _last_before(boot: Boot, maps: Sequence[HostMap], starts: Sequence[int]) -> HostMap | None:
    """The last map before a boot's arrangement."""
    at = bisect_left(starts, max(boot.lines.values(), default=boot.line))
    return maps[at - 1] if at else None


def map_findings(boot: Boot, host: HostMap | None) -> Iterator[Finding]:
    """What a boot's segments lie over, by the host's map."""
    if host is None or boot.total is None or boot.domain is not None:
        return
    size = boot.initrd_image.size if boot.initrd_image and not boot.segment("initrd") else 0
    segments = {
        name: boot.segment(name)
        for name in ("kernel", "initrd", "p2m", "start_info", "page_tables", "boot_stack")
    }
    found = places(segments, boot.total.start, boot.total.size, boot.alloc.size if boot.alloc else None, size)
    for name, sentence in sentences(host, found):
        yield Finding(
            kind=Kind.NOTE,
            figure=name,
            line=host.line if name == FIGURE else boot.lines.get(name, boot.lines.get(f"{name}_image")),
            message=f"{host.title}: {sentence}" if name == FIGURE else sentence,
        )
