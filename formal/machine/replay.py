"""The frame machine: replays a layout on simulated frames and reports what it saw.

It is the independent witness of this project. It executes what the builder does (`builder`), then looks
at the finished tables on its own, from the root, as a processor would: it knows no counting formula and
imports nothing of ``ptproof.encodings``.

Facts: DOMAIN.md sections 4 and 5; Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.22).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from attrs import Attribute, Factory, asdict, evolve, field, frozen

from ..layouts.layout import ADDRESS_LIMIT, Layout, Segment
from ..layouts.paging import PAGE_SHIFT, PAGE_SIZE
from ..layouts.xen_version import XenVersion
from .arrange import ARRANGE_LIMIT, TooLarge, arrange
from .builder import (
    BUILD_LIMIT,
    INITRD_MFN,
    MFN_MASK,
    PRESENT,
    WRITABLE,
    XEN_AREA,
    XEN_ENTRY,
    XEN_ROOT_SLOTS,
    Domain,
    Fired,
    ImpossibleLayout,
    Overrun,
    build,
    check_work,
    empty_domain,
    mark_read_only,
    mfn_of,
    slot_of,
    table_index,
    work,
)
from .type_info import COMMITTED, FIXED, GENERATIONS, POSTED, Asserts

__all__ = [
    "ARRANGE_LIMIT",
    "BUILD_LIMIT",
    "COMMITTED",
    "FIXED",
    "GENERATIONS",
    "POSTED",
    "Asserts",
    "Fired",
    "ImpossibleLayout",
    "Overrun",
    "Reached",
    "Report",
    "TooLarge",
    "WrongLeaf",
    "arrange",
    "check_work",
    "generations_of",
    "inspect",
    "replay",
    "with_frames",
    "work",
]


REFUSED = "Xen prints this layout and then refuses it: it overlaps Xen's private area."


@frozen
class WrongLeaf:
    """A page of the region that is mapped to another frame than its own."""

    address: int
    mfn: int
    expected_mfn: int


@frozen
class Reached:
    """A table frame that a walk from the root reaches: its level, the first address that it maps, what it hangs on.

    ``parent`` is the frame of the table above it; ``None`` at the root, and below a root that Xen keeps itself.
    """

    frame: int
    level: str
    address: int
    parent: int | None


@frozen(kw_only=True)
class Report:
    """What the machine saw when it built a layout, walked it read-only and looked at the tables.

    Frames are counted from 0 at vpt_start: the k-th frame taken is frame k, in the order of ``order``.
    Addresses are the processor's: sign-extended from the width that the mode's tables translate.
    """

    nr_pt_pages: int
    """How many frames the layout sets aside: n."""
    order: tuple[str, ...]
    """The level of each table frame, in the order taken."""
    reached: Mapping[str, int] = field(hash=False)
    """Tables by level that a walk from the root reaches, Xen's own slots left out."""
    tree: tuple[Reached, ...]
    """The tables reached, one by one, in the order taken."""
    unused: tuple[int, ...]
    """Frames below n that are no table reached: never taken, or taken and out of reach."""
    stray_tables: tuple[int, ...]
    """Table frames at or above n: outside of what start_info tells the guest."""
    outside_allocation: tuple[int, ...]
    """Table frames that are not even among the domain's 2**order frames."""
    pages: int
    """Pages that the mapping loop visits."""
    region_pages: int
    """Pages that [v_start, v_end) touches: one more than ``pages`` when v_start lies within a page."""
    missing: tuple[Segment, ...]
    """What of the region the finished tables don't map."""
    wrong: tuple[WrongLeaf, ...]
    """Pages of the region mapped to a frame that isn't theirs."""
    stray: tuple[Segment, ...]
    """What the finished tables map outside of the region."""
    read_only: tuple[int, ...]
    """Pages mapped read-only, counted from vpt_start (negative below it)."""
    fired: tuple[Fired, ...]
    """Asserts that fired in the read-only walk."""
    stopped_at: int | None
    """The frame before which the read-only walk found no table to go on with."""
    misaligned: int
    """Bytes by which the first table misses a page boundary; Xen dies then, and nothing is built."""
    overruns: tuple[Overrun, ...]
    """Entries written past the end of their table."""
    xen_slots_overwritten: tuple[int, ...]
    """Root slots of Xen's own that the builder overwrote."""
    refused: bool
    """Xen's overlap check refuses the layout, after printing it; the machine builds it all the same."""

    @property
    def consumed(self) -> int:
        """How many frames the builder took, wherever they lie."""
        return len(self.order)

    @property
    def taken(self) -> Mapping[str, int]:
        """Frames taken, by level."""
        return Counter(self.order)

    @property
    def exact(self) -> bool:
        """Every frame set aside is a table in its place, and the region is mapped as it should be.

        That is: the n frames are reachable tables and there is no other; each page of the region maps
        its own frame and nothing else is mapped; exactly the table frames are read-only; Xen's slots are
        untouched; no assert of today's Xen (`FIXED`) fired. Whatever else can go wrong, a cursor that
        runs off or a misaligned table, shows in one of these.
        """
        return (
            self.read_only == tuple(range(self.nr_pt_pages))
            and not (self.unused or self.stray_tables)
            and not (self.missing or self.wrong or self.stray or self.xen_slots_overwritten)
            and not any(fired.generation == FIXED.name for fired in self.fired)
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without the tree: addresses and type_info as hexadecimal text, counts as numbers."""
        plain = asdict(self, filter=lambda each, _: each.name != "tree", value_serializer=_plain)
        return plain | {"taken": dict(self.taken), "consumed": self.consumed, "exact": self.exact}

    def sentences(self) -> list[str]:
        """What the machine saw, in sentences: one a finding."""
        return list(_sentences(self))


def replay(
    layout: Layout,
    *,
    generations: tuple[Asserts, ...] = GENERATIONS,
    stop_at_first: bool = False,
    version: XenVersion | None = None,
    limit: int = BUILD_LIMIT,
) -> Report:
    """Build the layout with its n frames, run the read-only walk, look at the result.

    All asserts of ``generations`` are tried on each page-table frame and those that fire recorded;
    ``stop_at_first`` ends the walk there, as a debug Xen would. An older ``version`` builds its own way.

    Raises:
        TooLarge: the region has more than ``limit`` pages.
        ImpossibleLayout: the tables start, or the mapped initrd lies, outside of the region or out of order.
    """
    if misaligned(layout):
        return inspect(empty_domain(layout, limit))
    domain = build(layout, version, limit)
    mark_read_only(domain, generations, stop_at_first=stop_at_first)
    return inspect(domain)


def generations_of(version: XenVersion | None) -> tuple[Asserts, ...]:
    """The asserts that can have been in a version: all in today's, none in one that is older than they are."""
    return GENERATIONS if version is None or version.knows("asserts in the read-only walk") else ()


def with_frames(layout: Layout, nr_pt_pages: int) -> Layout:
    """The same region with that many page-table frames set aside; the boot stack moves along.

    So an over-count or an under-count can be replayed.
    """
    end = (layout.vpt_start + nr_pt_pages * PAGE_SIZE) % ADDRESS_LIMIT
    stack = layout.boot_stack
    if stack is not None:
        stack = Segment(end, (end + stack.size) % ADDRESS_LIMIT)
    return evolve(layout, page_tables=Segment(layout.vpt_start, end), boot_stack=stack)


def misaligned(layout: Layout) -> int:
    """How many bytes past a page boundary the first table frame lies in machine memory."""
    return (layout.vpt_start - layout.v_start) % PAGE_SIZE


def inspect(domain: Domain) -> Report:
    """Walk the domain's finished tables from the root and compare with what they should map."""
    layout = domain.layout
    first_page = layout.v_start - layout.v_start % PAGE_SIZE
    region_pages = (layout.total.size + layout.v_start % PAGE_SIZE + PAGE_SIZE - 1) >> PAGE_SHIFT
    walk = _walk(domain, first_page, region_pages)
    tree = {
        table_index(slot): Reached(
            table_index(slot),
            name,
            address,
            None if above is None or table_index(above) < 0 else table_index(above),
        )
        for slot, (name, address, above) in walk.reached.items()
        if table_index(slot) >= 0
    }
    pages = _compare(domain, walk.leaves)
    tables_page = ((layout.vpt_start - first_page) % ADDRESS_LIMIT) >> PAGE_SHIFT
    root = domain.root_slot * domain.entries
    return Report(
        nr_pt_pages=layout.nr_pt_pages,
        order=tuple(f"L{number}" for number in domain.order),
        reached=Counter(each.level for each in tree.values()),
        tree=tuple(tree[frame] for frame in sorted(tree)),
        unused=tuple(frame for frame in range(layout.nr_pt_pages) if frame not in tree),
        stray_tables=tuple(range(layout.nr_pt_pages, len(domain.order))),
        outside_allocation=tuple(
            frame
            for frame in range(len(domain.order))
            if domain.pool_mfn + frame >= domain.alloc_mfn + domain.allocation
        ),
        pages=domain.pages,
        region_pages=region_pages,
        missing=_segments(first_page + (page << PAGE_SHIFT) for page in pages.missing),
        wrong=tuple(
            WrongLeaf((first_page + (page << PAGE_SHIFT)) % ADDRESS_LIMIT, mfn, expected)
            for page, mfn, expected in pages.wrong
        ),
        stray=_segments(sorted(walk.stray)),
        read_only=tuple(page - tables_page for page in pages.read_only),
        fired=tuple(domain.fired),
        stopped_at=domain.stopped_at,
        misaligned=misaligned(layout),
        overruns=tuple(domain.overruns),
        xen_slots_overwritten=tuple(
            index
            for index in XEN_ROOT_SLOTS.get(domain.mode.name, ())
            if domain.order and domain.memory[root + index] != XEN_ENTRY
        ),
        refused=overlaps_xen(layout),
    )


@frozen
class _Walk:
    """What a walk from the root found: tables by slot, the region's leaves by page, other addresses.

    Of a table: its level, the first address that it maps, and the slot of the table above it.
    """

    reached: dict[int, tuple[str, int, int | None]]
    leaves: list[int]
    stray: list[int]


def _walk(domain: Domain, first_page: int, region_pages: int) -> _Walk:
    """Follow every entry that an address of the guest can go through, Xen's own slots left out."""
    found = _Walk({}, [0] * region_pages, [])
    pending: list[tuple[int, int, int, int | None]] = [
        (len(domain.mode.levels) - 1, domain.root_slot, 0, None)
    ]
    while pending:
        at, slot, base, above = pending.pop()
        found.reached.setdefault(slot, (domain.mode.levels[at].name, base, above))
        if at == 0:
            _walk_leaves(domain, found, slot, base, first_page)
        else:
            below = _tables_below(domain, at, slot, base)
            pending += [(at - 1, each, address, slot) for each, address in below]
    return found


def _tables_below(domain: Domain, at: int, slot: int, base: int) -> Iterator[tuple[int, int]]:
    """The tables that one table's entries point to: their slots, and the first address that each maps."""
    levels, entries = domain.mode.levels, domain.entries
    top = len(levels) - 1
    xen_slots = XEN_ROOT_SLOTS.get(domain.mode.name, ()) if at == top else ()
    # A 32-bit guest's addresses end at 4 GiB; a 64-bit one's upper half is sign-extended.
    limit = 1 << domain.mode.bits
    sign_bit = 1 << (levels[top].shift - 1)
    extension = limit - 2 * sign_bit if domain.mode.bits == 64 else 0
    for index, entry in enumerate(domain.memory[slot * entries : (slot + 1) * entries]):
        below = slot_of(domain, entry)
        if below is None or index in xen_slots:
            continue
        address = base + (index << levels[at].entry_shift)
        if address & sign_bit:
            address |= extension
        if address < limit:
            yield below, address


def _walk_leaves(domain: Domain, found: _Walk, slot: int, base: int, first_page: int) -> None:
    """Note the leaves of an L1 table that maps the addresses from ``base`` on."""
    leaves = found.leaves
    entries = domain.memory[slot * domain.entries : (slot + 1) * domain.entries]
    page = ((base - first_page) % ADDRESS_LIMIT) >> PAGE_SHIFT
    if page + len(entries) <= len(leaves):
        before = leaves[page : page + len(entries)]
        leaves[page : page + len(entries)] = [
            entry if entry & PRESENT else other for entry, other in zip(entries, before, strict=True)
        ]
        return
    pages_in_space = ADDRESS_LIMIT >> PAGE_SHIFT
    for index, entry in enumerate(entries):
        if entry & PRESENT:
            at_page = (page + index) % pages_in_space
            if at_page < len(leaves):
                leaves[at_page] = entry
            else:
                found.stray.append(base + (index << PAGE_SHIFT))


@frozen
class _Pages:
    """The region's pages that no leaf maps, the read-only ones, and (page, frame, frame expected) of those mapped wrong."""

    missing: list[int] = Factory(list)
    read_only: list[int] = Factory(list)
    wrong: list[tuple[int, int, int]] = Factory(list)


def _compare(domain: Domain, leaves: list[int]) -> _Pages:
    """Hold each page's leaf against what the p2m says."""
    found = _Pages()
    for first, frames in _own_frames(domain, len(leaves)):
        entries = leaves[first : first + len(frames)]
        # Most often they all are as the first one, writable, and each a frame further than the one before.
        flags = entries[0] & ~(MFN_MASK << PAGE_SHIFT)
        start, stop = (frames.start << PAGE_SHIFT) + flags, (frames.stop << PAGE_SHIFT) + flags
        if flags & WRITABLE and entries == list(range(start, stop, PAGE_SIZE)):
            continue
        for page, entry, expected in zip(count(first), entries, frames, strict=False):
            if not entry:
                found.missing.append(page)
            elif mfn_of(entry) != expected:
                found.wrong.append((page, mfn_of(entry), expected))
            if entry and not entry & WRITABLE:
                found.read_only.append(page)
    return found


def _own_frames(domain: Domain, pages: int) -> Iterator[tuple[int, range]]:
    """A page, and the frames that belong to it and those after it, a table's worth at most: all pages, in order.

    The initrd's frames belong to its window, the allocation's to the other pages, in order.
    """
    window, alloc_mfn = domain.initrd, domain.alloc_mfn
    for first, stop, mfn in (
        (0, window.start, alloc_mfn),
        (window.start, window.stop, INITRD_MFN),
        (window.stop, pages, alloc_mfn + window.start),
    ):
        for page in range(first, stop, domain.entries):
            frames = mfn + page - first
            yield page, range(frames, frames + min(domain.entries, stop - page))


def overlaps_xen(layout: Layout) -> bool:
    """Xen's own check, in its words: it compares v_end as it is, wrapped or not."""
    area = XEN_AREA.get(layout.mode.name)
    if area is None:
        return False
    if layout.mode.bits == 32:
        return layout.v_end > area.start
    return layout.v_start < area.end and layout.v_end > area.start


def _segments(addresses: Iterable[int]) -> tuple[Segment, ...]:
    """Ascending page addresses, which may go past 2**64, as runs."""
    runs: list[list[int]] = []
    for address in addresses:
        if runs and runs[-1][1] == address:
            runs[-1][1] += PAGE_SIZE
        else:
            runs.append([address, address + PAGE_SIZE])
    return tuple(Segment(start % ADDRESS_LIMIT, end % ADDRESS_LIMIT) for start, end in runs)


_HEXADECIMAL = {"address", "start", "end", "mfn", "expected_mfn", "type_info"}


def _plain(_: object, attribute: "Attribute[object] | None", value: object) -> object:
    """For `attrs.asdict`: addresses and words in hexadecimal, mappings as plain dicts."""
    if attribute is not None and attribute.name in _HEXADECIMAL:
        return f"{value:#x}"
    return dict(value) if isinstance(value, Counter) else value


def _sentences(report: Report) -> Iterator[str]:
    if report.misaligned:
        yield (
            f"The first table would lie {report.misaligned} bytes past a page boundary: Xen dies of it, a "
            "debug Xen of an assert on the table's address. Nothing is built here."
        )
    if report.pages != report.region_pages:
        yield f"The mapping loop visits {report.pages} of the {report.region_pages} pages of the region."
    if report.misaligned:
        return
    yield from _on_tables(report)
    yield from _on_mappings(report)
    yield from _on_asserts(report)
    if report.stopped_at is not None:
        yield f"The read-only walk finds no table for frame {report.stopped_at}."
    if report.refused:
        yield REFUSED
    if report.exact:
        yield "Every frame set aside is a table, and every page of the region maps its own frame."


def _on_tables(report: Report) -> Iterator[str]:
    by_level = ", ".join(f"{name} {count}" for name, count in sorted(report.taken.items(), reverse=True))
    yield f"{report.nr_pt_pages} frames are set aside and {report.consumed} taken: {by_level}."
    if report.unused:
        yield f"No walk from the root reaches {_frames(report.unused)}."
    if report.stray_tables:
        yield f"{_tables_lie(report.stray_tables)} outside the reserved frames."
    if report.outside_allocation:
        yield f"{_tables_lie(report.outside_allocation)} outside the domain's allocation."
    for overrun in report.overruns:
        yield f"The {overrun.level} cursor ran off its table and wrote entry {overrun.index}."
    if report.xen_slots_overwritten:
        yield f"Xen's own root slots are overwritten: {_numbers(report.xen_slots_overwritten)}."


def _on_mappings(report: Report) -> Iterator[str]:
    yield from _first_few([f"Not mapped: {_pages(each)}." for each in report.missing])
    yield from _first_few(
        [
            f"{each.address:#x} maps frame {each.mfn:#x} instead of {each.expected_mfn:#x}."
            for each in report.wrong
        ]
    )
    yield from _first_few([f"Mapped outside of the region: {_pages(each)}." for each in report.stray])


def _on_asserts(report: Report) -> Iterator[str]:
    """One sentence for each assert, however often it fired."""
    firings: dict[tuple[str, str], list[Fired]] = {}
    for fired in report.fired:
        firings.setdefault((fired.generation, fired.condition), []).append(fired)
    for (generation, condition), all_fired in firings.items():
        first, frames = all_fired[0], tuple(each.frame for each in all_fired)
        at = f"{_frames(frames)}, " if len(frames) == 1 else f"{_frames(frames)}, the first time for "
        yield (
            f"The assert ({generation}) {condition} fires at {at}mfn {first.mfn:#x}, "
            f"type_info {first.type_info:#x}."
        )


def _first_few(sentences: list[str]) -> Iterator[str]:
    """The first eight sentences of a kind, and how many more there are."""
    yield from sentences[:8]
    if len(sentences) > 8:
        yield f"... and so on: {len(sentences)} such findings."


def _frames(frames: tuple[int, ...]) -> str:
    return f"frame {_numbers(frames)}" if len(frames) == 1 else f"frames {_numbers(frames)}"


def _tables_lie(frames: tuple[int, ...]) -> str:
    return f"Table {_frames(frames)} {'lies' if len(frames) == 1 else 'lie'}"


def _numbers(numbers: tuple[int, ...]) -> str:
    shown = ", ".join(str(number) for number in numbers[:8])
    return shown if len(numbers) <= 8 else f"{shown}, ... ({len(numbers)} in all)"


def _pages(segment: Segment) -> str:
    last = (segment.end - 1) % ADDRESS_LIMIT
    return f"{segment.start:#x} to {last:#x}, {segment.size >> PAGE_SHIFT} pages"
