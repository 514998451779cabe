"""Whether Xen refuses a boot, in Xen's words, and how much memory it takes for that it doesn't.

Reads from the layout what it shows, by older Xens' rules, too. Today's Xen is executed then, up to where
dom0 runs or Xen stops, where the frame machine has the time for it.

Facts: DOMAIN.md sections 2 to 7; the messages are those of ``dom0_construct()``, ``setup_pv_physmap()`` and libelf, as
`loading` has them; ``construct_dom0()`` in ``xen/arch/x86/domain_build.c`` (3.1 to 4.4) for what was otherwise.
"""

from collections.abc import Iterator
from typing import Final

from attrs import evolve

from ..layouts.layout import Configuration, Layout, Segment
from ..layouts.paging import PAGE_SIZE
from ..layouts.xen_version import XenVersion
from .arrange import TooLarge, arrange
from .builder import BUILD_LIMIT, allocated_pages
from .loading import Fate, Unmodelled, load
from .refusals import AT_ONCE, host_decides, out_of_bounds, p2m_in_kernel, p2m_touches
from .replay import misaligned, overlaps_xen

P2M_LIMIT: Final = 1 << 19
"""The longest p2m that is written page by page, in pages: that of 1 TiB of a 64-bit dom0."""
MOST_PAGES: Final = 1 << 40
"""More memory than any dom0 has, in pages."""

OUT_OF_BOUNDS: Final = "ELF start or entries are out of bounds"
P2M_OUT_OF_BOUNDS: Final = "P->M table base is out of bounds"
_TODAYS: Final = ("4-level", "compat")


def refusal(
    configuration: Configuration, layout: Layout, version: XenVersion | None = None, entry: int | None = None
) -> str | None:
    """What Xen says when it refuses a boot; ``None`` where it doesn't.

    The ``configuration`` is as the ``version`` takes it, and the ``layout`` is its own. That Xen dies, without refusing
    anything, isn't reported here.
    """
    if any(out_of_bounds(configuration, entry)):
        return OUT_OF_BOUNDS
    if p2m_in_kernel(configuration):
        return P2M_OUT_OF_BOUNDS
    fate = _fate(configuration, layout, version)
    if fate is Fate.RUNS or fate is Fate.DIES:
        return None
    stop = "" if version is None or version.knows("panics without a full stop") else "."
    return fate.says[0] + (stop if fate in (Fate.TOO_LITTLE_MEMORY, Fate.TOO_LARGE_AT_ONCE) else "")


def least_pages(configuration: Configuration, version: XenVersion | None = None) -> int | None:
    """The least memory, in pages, with which Xen doesn't refuse the boot; ``None`` if none will do, or none is found.

    The p2m grows with the memory, and what is needed with the p2m: the least memory that is enough for itself is stepped to.
    """
    pages = 1
    while pages < MOST_PAGES:
        given = evolve(configuration, nr_pages=pages)
        try:
            layout = arrange(given, version)
        except TooLarge:
            return None
        needed = needed_pages(given, layout, version)
        if needed <= pages:
            fate = _fate(given, layout, version)
            if fate is not Fate.P2M_TOO_LARGE:
                return pages if fate is Fate.RUNS else None
            needed = pages + 1
        pages = needed
    return None


def needed_pages(configuration: Configuration, layout: Layout, version: XenVersion | None = None) -> int:
    """How many pages dom0 has to have for the region, and for what Xen counts beside it."""
    if version is not None and not version.knows("the initrd beside the region"):
        return allocated_pages(evolve(layout, initrd=None))
    needed = allocated_pages(layout) + configuration.initrd_pages
    if _own_p2m(configuration, layout) is not None:
        needed += -(-configuration.nr_pages * configuration.mode.p2m_entry // PAGE_SIZE) + 3
    return needed


def _fate(configuration: Configuration, layout: Layout, version: XenVersion | None) -> Fate:
    """The fate of the boot: read from the layout, or executed; assumed to run where neither is possible."""
    todays = version is None or (version.rule in _TODAYS and version.knows("the initrd beside the region"))
    short = layout.total.size // PAGE_SIZE <= BUILD_LIMIT and _pages(layout.p2m) <= P2M_LIMIT
    foretold = next(_foretold(configuration, layout, version), None)
    if foretold is not None or not todays or not short:
        return foretold or Fate.RUNS
    try:
        return load(configuration).fate
    except (TooLarge, Unmodelled):
        return Fate.RUNS


def _foretold(configuration: Configuration, layout: Layout, version: XenVersion | None) -> Iterator[Fate]:
    """Where the boot ends, as far as the layout tells, in the order in which Xen looks."""
    initrd = configuration.initrd_pages
    if version is not None and not version.knows("the initrd beside the region"):
        initrd, layout = 0, evolve(layout, initrd=None)
    allocation = allocated_pages(layout)
    if allocation + initrd > configuration.nr_pages:
        yield Fate.TOO_LITTLE_MEMORY
    if allocation > AT_ONCE:
        yield Fate.TOO_LARGE_AT_ONCE
    if overlaps_xen(layout):
        yield Fate.RUNS if host_decides(configuration, layout) else Fate.OVERLAPS
    if misaligned(layout):
        yield Fate.DIES
    p2m = _own_p2m(configuration, layout)
    if p2m is not None and p2m_touches(layout):
        yield Fate.P2M_OVERLAPS
    if p2m is not None and allocation + initrd + -(-p2m.size // PAGE_SIZE) + 3 > configuration.nr_pages:
        yield Fate.P2M_TOO_LARGE


def _own_p2m(configuration: Configuration, layout: Layout) -> Segment | None:
    return layout.p2m if configuration.has_own_p2m else None


def _pages(segment: Segment | None) -> int:
    return 0 if segment is None else segment.size // PAGE_SIZE
