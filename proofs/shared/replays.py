"""How the frame machine judges a case: the layouts that it is given, and what is asked of it.

Only the machine is asked here: the layout is arranged, the tables are built and the region is walked by it
alone, and what it finds is compared with the figures of the model, which disagree at most once.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from attrs import evolve

from ...formal.layouts.layout import ADDRESS_LIMIT, Configuration, Layout, Segment
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, PagingMode
from ...formal.logic.verdict import MachineDisagreesError, Replay
from ...formal.machine.arrange import TooLarge, arrange, region_end, touched
from ...formal.machine.replay import Report, misaligned, replay, with_frames

once_arranged = lru_cache(512)(arrange)
once_replayed = lru_cache(128)(replay)
once_touched = lru_cache(512)(touched)
"""Many witnesses are of the same layout: within a run it is arranged, and replayed, and a region is walked, once."""

Values = Mapping[str, int]
Judge = Callable[[Values], Replay]
Holds = Callable[[Values, Layout], tuple[bool, str]]
"""Whether a goal holds for a layout that the machine arranged, and what was seen."""
Arithmetic = Callable[[Values], tuple[bool, str]]

TOO_LARGE: Final = "too large to replay"
ABOVE_4_GIB: Final = "above 4 GiB, where no 32-bit guest lives"
OFF_A_PAGE: Final = "the first table would lie off a page, where Xen dies of it and nothing is built"
P2M_PLACES: Final = (0x8000000000, 0x1000000000000)
"""Where the p2m may lie, so that it takes no space in the region: away from most regions."""
FEW_PAGES: Final = 0x10000
"""Memory for dom0 when nothing asks for more, in pages: 256 MiB."""


def configuration(mode: PagingMode, v_start: int, vpt_start: int) -> Configuration | None:
    """A configuration whose page tables start at ``vpt_start``, or ``None`` where there is no room for one.

    The kernel fills the region up to the start info. A 64-bit guest's p2m lies elsewhere; a 32-bit one has
    just the memory that its p2m, which must lie below the start info, can hold.
    """
    info = (vpt_start - PAGE_SIZE) % ADDRESS_LIMIT
    room = (info - v_start) % ADDRESS_LIMIT
    if vpt_start % PAGE_SIZE or (vpt_start - v_start) % ADDRESS_LIMIT < PAGE_SIZE:
        return None
    pages = max(FEW_PAGES, 1 << (room >> PAGE_SHIFT).bit_length() + 1)
    if mode.bits == 64:
        places = [place for place in P2M_PLACES if (place - v_start) % ADDRESS_LIMIT > room + (64 << 20)]
        if not places:
            return None
        return Configuration(
            mode=mode,
            virt_base=v_start,
            kernel=Segment(v_start, info),
            nr_pages=pages,
            init_p2m=places[0],
        )
    # From an S off a page, only the whole pages above it are there for the p2m.
    pages = min(pages, (room - room % PAGE_SIZE) // mode.p2m_entry)
    p2m = -(-pages * mode.p2m_entry // PAGE_SIZE) * PAGE_SIZE
    kernel = Segment(v_start, (info - p2m) % ADDRESS_LIMIT)
    return Configuration(mode=mode, virt_base=v_start, kernel=kernel, nr_pages=pages)


def arranged(mode: PagingMode, v_start: int, vpt_start: int) -> Layout | None:
    """The machine's layout of a region, its n found by the machine; ``None`` if it is too large, or no image's.

    No image has it where there is no room for a kernel and its start info.
    """
    given = configuration(mode, v_start, vpt_start)
    if given is None:
        return None
    try:
        layout = once_arranged(given)
    except TooLarge:
        return None
    if layout.vpt_start != vpt_start:
        raise MachineDisagreesError(f"the machine puts the tables at {layout.vpt_start:#x}")
    return layout


def ends_above_4_gib(layout: Layout) -> bool:
    """Whether this is a 32-bit guest's region that ends where it has no addresses."""
    return layout.mode.bits == 32 and layout.v_start + layout.total.size > 1 << 32


def agreed(what: str, model: int, machine: int) -> None:
    """Raises `MachineDisagreesError` when two figures differ."""
    if model != machine:
        raise MachineDisagreesError(f"{what}: {model} in the model, {machine} on the machine")


def region_case(mode: PagingMode, holds: Holds, count: str | None = "n") -> Judge:
    """Judges the region that starts at ``v_start``, its tables at ``vpt_start``, by ``holds``.

    The model's count of the name ``count`` must be the one that the machine finds.
    """

    def judge(values: Values) -> Replay:
        v_start, vpt_start = values["v_start"], values["vpt_start"]
        layout = arranged(mode, v_start, vpt_start)
        if layout is None:
            return Replay(None, TOO_LARGE)
        if ends_above_4_gib(layout):
            return Replay(None, ABOVE_4_GIB)
        if count is not None:
            agreed("n", values[count], layout.nr_pt_pages)
        found, says = holds(values, layout)
        return Replay(found, says, seen(layout))

    return judge


def also_with_m(judge: Judge) -> Judge:
    """As ``judge``, and shows the same region with the other count, m, set aside: its own end, its own report."""

    def judged(values: Values) -> Replay:
        found = judge(values)
        if not found.runs:
            return found
        layout = resized(found.runs[0][1], values, values["m"])
        return evolve(found, runs=(*found.runs, *seen(layout, f"the same with {values['m']} frames")))

    return judged


def resized(layout: Layout, values: Values, count: int) -> Layout:
    """The layout with ``count`` frames set aside, and the region that these make."""
    end = end_of(values, count) % ADDRESS_LIMIT
    return evolve(with_frames(layout, count), total=Segment(layout.v_start, end))


def seen(layout: Layout, title: str = "the builder's layout") -> tuple[tuple[str, Layout, Report], ...]:
    """The machine's report on a layout, where it is small enough to be built."""
    try:
        return ((title, layout, once_replayed(layout)),)
    except TooLarge:
        return ()


def end_of(values: Values, frames: int) -> int:
    """Where the machine ends the region when it sets ``frames`` aside; not wrapped."""
    before = (values["vpt_start"] - values["v_start"]) % ADDRESS_LIMIT
    return region_end(values["v_start"] + before + (frames + 1) * PAGE_SIZE)


def needed(mode: PagingMode, values: Values, frames: int) -> int | None:
    """f(S, V(frames)) as the machine walks it; ``None`` if that's too large."""
    try:
        return once_touched(mode, values["v_start"], end_of(values, frames))
    except TooLarge:
        return None


def counted(layout: Layout) -> tuple[bool, str]:
    """Whether the region needs just the frames set aside: a walk over it comes to as many tables.

    Where the builder can be executed it must take as many, too; whether all of them can be reached is not asked.
    """
    walked = touched(layout.mode, layout.v_start, layout.v_start + layout.total.size)
    set_aside = layout.nr_pt_pages
    took = None if misaligned(layout) else _taken(layout)
    if took is None:
        return walked == set_aside, f"{set_aside} are set aside, a walk touches {walked} tables"
    return walked == took == set_aside, f"{set_aside} frames are set aside, {took} are taken"


def _taken(layout: Layout) -> int | None:
    """How many frames the builder takes; ``None`` for a region that is too large to build."""
    try:
        return once_replayed(layout).consumed
    except TooLarge:
        return None


def arithmetic_case(holds: Arithmetic) -> Judge:
    """Judges figures that need no layout, by a calculation on plain integers that steps or counts."""

    def judge(values: Values) -> Replay:
        return Replay(*holds(values))

    return judge


def by_the_cap(before: int, after: int) -> str:
    """What the cap on dom0's memory does, both in pages."""
    if before == after:
        return f"the cap leaves the {before} pages as they are"
    return f"the cap turns {before} pages into {after}"
