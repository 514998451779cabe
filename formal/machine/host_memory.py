"""Which segments of a layout lie where the host has no RAM, and with which memory: `host_map`, asked of the frame machine's layouts."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from attrs import evolve, frozen

from ..layouts.arrangement import LABELS
from ..layouts.host_map import Conflict, HostMap, places
from ..layouts.layout import Configuration, Layout, Segment
from ..layouts.paging import PAGE_SIZE
from .arrange import arrange
from .builder import allocated_pages
from .refusals import AT_ONCE

_MOST: Final = 1 << 32
"""The most memory that is looked at, in pages: 16 TiB."""


@frozen
class Memories:
    """A conflict, and the least and the most of dom0's pages with which there is one like it."""

    conflict: Conflict
    least: int
    most: int
    whatever: bool
    """Whether that is all the memory that Xen builds with."""

    def __str__(self) -> str:
        """One sentence."""
        over = self.conflict.over
        pages = (
            "whatever dom0's memory" if self.whatever else f"with {self.least} to {self.most} pages of memory"
        )
        title = LABELS[self.conflict.name]
        return f"{title} over {over.start:#x}->{over.end:#x} ({over.kind}) {pages}, and no initrd. {self.conflict.linux}"


def placed(configuration: Configuration, layout: Layout) -> dict[str, Segment]:
    """Where the segments of a layout lie in dom0's memory, by field name."""
    segments = {name: getattr(layout, name) for name in LABELS}
    unmapped = configuration.initrd_len if layout.initrd is None else 0
    allocation = allocated_pages(layout) * PAGE_SIZE
    return places(segments, layout.v_start, layout.total.size, allocation, unmapped)


def memories(configuration: Configuration, host: HostMap) -> Iterator[Memories]:
    """Each segment and each range of the host with which they can meet, and the memory for it; without an initrd.

    More memory lets no segment begin, or end, lower. Memory is what Xen has room for: up to `_MOST` pages, and a region of
    at most 1 GiB.
    """

    @cache
    def laid(nr_pages: int) -> tuple[dict[str, Segment], int]:
        one = evolve(configuration, nr_pages=nr_pages, initrd_len=0)
        layout = arrange(one)
        return placed(one, layout), allocated_pages(layout)

    low = _first(1, _MOST + 1, lambda pages: laid(pages)[1] <= pages)
    top = _first(low, _MOST + 1, lambda pages: laid(pages)[1] > AT_ONCE) - 1
    if low > top:
        return

    def least_that(passes: Callable[[Segment], bool], name: str) -> int:
        return _first(low, top + 1, lambda pages: passes(laid(pages)[0][name]))

    for name, first in laid(low)[0].items():
        for over in host.not_ram(first.start, laid(top)[0][name].end):
            least = least_that(over.is_reached_by, name)
            most = least_that(over.is_below, name) - 1
            if least <= most:
                conflict = Conflict(name, laid(least)[0][name], over)
                yield Memories(conflict, least, most, (least, most) == (low, top))


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The least number from ``low`` on for which it holds, once it does for good; ``high`` if it does for none below."""
    return low + bisect_left(range(low, high), True, key=holds)  # noqa: FBT003 - what bisect looks for
