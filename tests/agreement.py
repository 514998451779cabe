"""What random configurations come to by the frame machine, and by the formulas: the two must agree.

Used by the tests on a few thousand from a fixed seed, and by ``make bench`` on a hundred thousand.
"""

from collections.abc import Iterator
from typing import Final

from ptproof.encodings.dom0_arrangement import laid_out
from ptproof.encodings.dom0_count import tables_by_level
from ptproof.formal.layouts.layout import Configuration, Layout
from ptproof.formal.layouts.paging import PagingMode
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.replay import replay
from ptproof.formal.words.word import number
from ptproof.formal.xen.random_layouts import BUILT, REFUSED, configurations

BUILD_AT_MOST: Final = 16 << 20
"""Up to this size of region, in bytes, the machine builds every table; it lays out larger ones only."""


def differences(mode: PagingMode, seed: int, count: int, *, memory_limit: int = 1 << 36) -> Iterator[str]:
    """Where machine and formulas part, on ``count`` configurations of every kind."""
    drawn = configurations(seed, count, mode=mode, memory_limit=memory_limit, kinds=(*BUILT, *REFUSED))
    for configuration in drawn:
        difference = differs(configuration)
        if difference:
            yield f"{difference}: {configuration}"


def differs(configuration: Configuration) -> str:
    """How machine and formulas part on a configuration; empty where they agree."""
    layout = laid_out(configuration)
    arranged = arrange(configuration)
    if layout != arranged:
        return f"the formulas lay out {layout}, the machine {arranged}"
    if layout.total.size > BUILD_AT_MOST or layout.v_start >= layout.v_end:
        return ""
    report = replay(arranged)
    if report.misaligned:  # Xen dies before it takes a frame
        return ""
    counted, taken = counted_by_level(layout), dict(sorted(report.taken.items()))
    if taken != counted:
        return f"the formulas count {counted}, the machine takes {taken}"
    return ""


def counted_by_level(layout: Layout) -> dict[str, int]:
    """The frames that the rule counts at each level."""
    counts = tables_by_level(layout.mode, number(layout.v_start), number(layout.v_end))
    return dict(
        sorted(
            zip((level.name for level in reversed(layout.mode.counted_levels)), map(int, counts), strict=True)
        )
    )
