"""The dom0 builder, executed frame by frame: page tables with real entries, cursors, an allocator.

Table memory is one flat sequence of entries, so a cursor that runs off its table writes into the
frame behind it, as on the real machine. Nothing here knows how many tables a region needs: frames
are taken one by one, from the first frame of the page-table segment upwards, and nobody checks
where that ends, as nobody does in Xen.

Facts: DOMAIN.md section 4; ``dom0_construct()`` and ``mark_pv_pt_pages_rdonly()`` in Xen's
``xen/arch/x86/pv/dom0_build.c``, ``init_xen_l4_slots()`` and ``init_xen_pae_l2_slots()`` (4.22).
Not modelled: the IOMMU, the allocation's size check against dom0's memory, the separate p2m.
"""

from typing import Final

from attrs import Factory, define, frozen

from ..edge.limits import most
from ..layouts.layout import ADDRESS_LIMIT, Layout, Segment
from ..layouts.paging import PAGE_SHIFT, PAGE_SIZE, Level, PagingMode
from ..layouts.xen_version import XenVersion
from .arrange import FRAME_WORK, TooLarge
from .type_info import ALLOCATED, PAE_XEN_L2, PINNED, TYPE_MASK, VALIDATED, WRITABLE_PAGE, Asserts, table_type

BUILD_LIMIT: Final = most(seconds=4.8e-7, memory=120)
"""The largest region that the machine builds, in pages (15.8 GiB), looking at it included, unless it is told otherwise."""

PRESENT = 0x01
WRITABLE = 0x02
TABLE_FLAGS = 0x67
"""Present, writable, user, accessed, dirty."""
LEAF_FLAGS_64 = 0x27 | 1 << 52
"""A 64-bit guest's kernel runs in ring 3: user, and Xen's own bit for "guest kernel"."""
LEAF_FLAGS_32 = 0x23
MFN_MASK = (1 << 40) - 1

# Machine frames: the initrd lies away from the allocation, and both away from Xen's own.
XEN_MFN = 0x20
INITRD_MFN = 0x100
_GAP = 0x1000
XEN_ENTRY = XEN_MFN << PAGE_SHIFT | 0x63
"""What stands in the slots that Xen keeps for itself."""

XEN_ROOT_SLOTS = {"64": range(256, 272), "compat": range(256, 272)}
"""The root's slots that Xen fills for itself, by paging mode; slot 259 is empty on real Xen."""
XEN_AREA = {
    "64": Segment(0xFFFF_8000_0000_0000, 0xFFFF_8800_0000_0000),
    "compat": Segment(0xF580_0000, 1 << 32),
}
"""The addresses of Xen's own area, by paging mode; where compat's begins is the default."""

XEN_LISTED_END = 0xFFE0_0000
"""Where Xen's list of frames ends in a 32-bit guest's addresses, for an image with the note HV_START_LOW."""

# Slots of table memory: 0 stays unused, so that index 0 can be the null cursor.
_MONITOR_SLOT = 1
_POOL_SLOT = 3


class ImpossibleLayout(ValueError):
    """A layout that no builder makes: its tables or its initrd don't lie in the region."""


@frozen
class Overrun:
    """A table entry written past the end of its table.

    ``level`` is the table's, ``index`` the entry's, counted from the table's start.
    """

    level: str
    index: int


@frozen
class Fired:
    """An assert that fired at the ``frame``-th frame from vpt_start (``frame`` counts from 0)."""

    generation: str
    condition: str
    frame: int
    mfn: int
    type_info: int


@define
class Domain:
    """A domain under construction.

    ``memory`` holds the entries of all tables; ``type_info`` and ``count_info`` are indexed by mfn;
    ``order`` lists the levels of the table frames in the order taken, the k-th being frame
    ``pool_mfn + k``; ``whole`` are the levels, L1 being 0, whose tables were laid out before the first page was
    mapped; ``allocation`` is in frames; ``pages`` is how many pages the mapping loop visits;
    ``initrd`` is the range of them that the mapped initrd takes; ``stopped_at`` is the page-table frame
    at which the read-only walk found no table to go on with.
    """

    layout: Layout
    pages: int
    initrd: range
    alloc_mfn: int
    allocation: int
    pool_mfn: int
    type_info: list[int]
    count_info: list[int]
    memory: list[int]
    root_slot: int = 0
    order: list[int] = Factory(list)
    whole: set[int] = Factory(set)
    overruns: list[Overrun] = Factory(list)
    fired: list[Fired] = Factory(list)
    stopped_at: int | None = None

    @property
    def mode(self) -> PagingMode:
        """The paging mode of the layout."""
        return self.layout.mode

    @property
    def entries(self) -> int:
        """Entries of one table."""
        return PAGE_SIZE // self.mode.entry_bytes


def build(layout: Layout, version: XenVersion | None = None, limit: int = BUILD_LIMIT) -> Domain:
    """Take the tables and map every page of the region, as the builder does, or did in an older Xen.

    Raises:
        TooLarge: the region has more than ``limit`` pages.
        ImpossibleLayout: the tables start, or the mapped initrd lies, outside of the region or out of order.
    """
    domain = empty_domain(layout, limit)
    topmost = (layout.mode.counted_levels[-1].number,)
    cursors, first_tables = _prepare_root(domain, version.taken_first if version else topmost)
    _map_region(domain, cursors, first_tables)
    _fill_fixed_levels(domain, first_tables)
    return domain


def work(layout: Layout) -> int:
    """What it takes to build a layout and to look at it, in pages that would take as much."""
    pages = layout.total.size >> PAGE_SHIFT
    return pages + FRAME_WORK * max(0, layout.nr_pt_pages - pages // 256)


def check_work(layout: Layout, limit: int) -> None:
    """Raises `TooLarge` where a layout takes more than ``limit`` pages do, whatever it is that takes so much."""
    if work(layout) > limit:
        pages = layout.total.size >> PAGE_SHIFT
        raise TooLarge(max(pages, work(layout)), limit, layout.nr_pt_pages if pages <= limit else 0)


def empty_domain(layout: Layout, limit: int = BUILD_LIMIT) -> Domain:
    """The domain's frames before any of them is used. Raises as `build` does."""
    size = layout.total.size
    pages = size >> PAGE_SHIFT
    if pages > limit:
        raise TooLarge(pages, limit)
    if layout.nr_pt_pages > BUILD_LIMIT:
        raise ImpossibleLayout(
            f"the page tables have {layout.nr_pt_pages} frames: more than any region needs"
        )
    tables_at = (layout.vpt_start - layout.v_start) % ADDRESS_LIMIT
    if tables_at >= size:
        raise ImpossibleLayout("the page tables start outside of the region")

    initrd, initrd_bytes = range(0), _initrd_bytes(layout)
    mapped = _mapped_initrd(layout)
    if mapped is not None:
        initrd_at = (mapped.start - layout.v_start) % ADDRESS_LIMIT
        if initrd_at + initrd_bytes > tables_at:
            raise ImpossibleLayout("the mapped initrd does not lie in the region below the page tables")
        initrd = range(initrd_at >> PAGE_SHIFT, (initrd_at + initrd_bytes) >> PAGE_SHIFT)

    allocation = allocated_pages(layout)
    alloc_mfn = INITRD_MFN + len(initrd) + _GAP
    type_info = [0] * (alloc_mfn + allocation)
    count_info = [0] * (alloc_mfn + allocation)
    count_info[INITRD_MFN : INITRD_MFN + len(initrd)] = [ALLOCATED | 1] * len(initrd)
    count_info[alloc_mfn:] = [ALLOCATED | 1] * allocation
    return Domain(
        layout=layout,
        pages=pages,
        initrd=initrd,
        alloc_mfn=alloc_mfn,
        allocation=allocation,
        pool_mfn=alloc_mfn + ((tables_at - initrd_bytes) >> PAGE_SHIFT),
        type_info=type_info,
        count_info=count_info,
        memory=[0] * (_POOL_SLOT * PAGE_SIZE // layout.mode.entry_bytes),
    )


def _mapped_initrd(layout: Layout) -> Segment | None:
    """The initrd that is mapped; Xen takes one at address 0 for one that isn't."""
    return layout.initrd if layout.initrd is not None and layout.initrd.start else None


def _initrd_bytes(layout: Layout) -> int:
    """The whole pages of the region that are a mapped initrd's own."""
    mapped = _mapped_initrd(layout)
    return 0 if mapped is None else mapped.size + -mapped.size % PAGE_SIZE


def allocated_pages(layout: Layout) -> int:
    """How many pages are allocated for the region, in one piece: the least power of two that holds it, less a mapped initrd."""
    allocation = 1
    while allocation * PAGE_SIZE < layout.total.size - _initrd_bytes(layout):
        allocation *= 2
    return allocation


def slot_of(domain: Domain, entry: int) -> int | None:
    """Where in table memory the table lies that an entry points to; ``None`` if it is no table."""
    index = mfn_of(entry) - domain.pool_mfn
    return _POOL_SLOT + index if entry & PRESENT and 0 <= index < len(domain.order) else None


def table_index(slot: int) -> int:
    """Which of the table frames lies in a slot of table memory; negative for the monitor table."""
    return slot - _POOL_SLOT


def table_entries(domain: Domain, frame: int) -> list[int]:
    """The entries of one of the table frames, counted in the order taken."""
    start = (_POOL_SLOT + frame) * domain.entries
    return domain.memory[start : start + domain.entries]


def mfn_of(entry: int) -> int:
    """The frame that an entry points to."""
    return entry >> PAGE_SHIFT & MFN_MASK


def table_offset(level: Level, address: int) -> int:
    """The index of the entry for an address in a table of the level."""
    return address >> level.entry_shift & (level.entries - 1)


def mark_read_only(domain: Domain, generations: tuple[Asserts, ...], *, stop_at_first: bool = False) -> None:
    """Walk the page-table frames through the new tables: asserts, read-only mapping, type, counts.

    ``generations`` are the asserts to try; an assert that fires is recorded in the domain, and ends
    the walk if ``stop_at_first`` (a debug Xen dies there, a release Xen doesn't look).
    """
    mode, memory, entries = domain.mode, domain.memory, domain.entries
    top = len(mode.levels) - 1
    vpt_start = domain.layout.vpt_start
    cursors = [0] * (top + 1)
    cursors[top] = domain.root_slot * entries + table_offset(mode.levels[top], vpt_start)
    fresh = top
    offset_address = vpt_start
    for frame in range(domain.layout.nr_pt_pages):
        # Below the highest cursor that moved to another table or entry, look the tables up again.
        for at in range(fresh - 1, -1, -1):
            above = cursors[at + 1]
            slot = slot_of(domain, memory[above]) if above < len(memory) else None
            if slot is None:
                domain.stopped_at = frame
                return
            cursors[at] = slot * entries + table_offset(mode.levels[at], offset_address)
        offset_address = 0
        leaf = memory[cursors[0]]
        memory[cursors[0]] = leaf & ~WRITABLE
        _record_asserts(domain, generations, frame, mfn_of(leaf))
        if domain.fired and stop_at_first:
            return
        _make_table_page(domain, mfn_of(leaf))
        fresh = 0
        cursors[0] += 1
        while cursors[fresh] % entries == 0 and fresh < top:
            fresh += 1
            cursors[fresh] += 1


def _prepare_root(domain: Domain, taken_first: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """The root table, and cursors per level: null, except the root's, which stands at v_start's entry.

    ``taken_first`` are the levels of the tables to be taken now. The second list has the slot of each level's first
    table: 0 where none has been taken yet.
    """
    levels, memory, entries = domain.mode.levels, domain.memory, domain.entries
    root = levels[-1]
    cursors = [0] * len(levels)
    first_tables = [0] * len(levels)
    # A monitor table that isn't counted comes from Xen's heap; the table below it is the pool's.
    domain.root_slot = _MONITOR_SLOT
    for number in taken_first:
        slot = _take(domain, levels[number - 1])
        first_tables[number - 1] = first_tables[number - 1] or slot
    if root.counted:
        domain.root_slot, first_tables[-1] = first_tables[-1], 0
    for index in XEN_ROOT_SLOTS.get(domain.mode.name, ()):
        memory[domain.root_slot * entries + index] = XEN_ENTRY
    cursors[-1] = domain.root_slot * entries + table_offset(root, domain.layout.v_start)
    for at, level in enumerate(levels):
        if (
            level.fixed is not None
            and taken_first.count(level.number) == level.fixed
            and at < len(levels) - 1
        ):
            _lay_out_whole(domain, at, cursors, first_tables)
    return cursors, first_tables


def _lay_out_whole(domain: Domain, at: int, cursors: list[int], first_tables: list[int]) -> None:
    """Link a level's tables, which all are there, to the table above them, and that one to the root."""
    memory, entries = domain.memory, domain.entries
    level, parent = domain.mode.levels[at], first_tables[at + 1]
    tables = level.fixed or 0
    for index in range(tables):
        memory[parent * entries + index] = _table_entry(domain, first_tables[at] + index)
    memory[cursors[at + 2]] = _table_entry(domain, parent)
    # They lie one behind the other: their cursor goes from one to the next.
    entry = domain.layout.v_start >> level.entry_shift & (tables * level.entries - 1)
    cursors[at] = first_tables[at] * entries + entry
    domain.whole.add(at)


def _map_region(domain: Domain, cursors: list[int], first_tables: list[int]) -> None:
    """Map page after page, with fresh tables where a cursor stands at a table's end."""
    memory, entries = domain.memory, domain.entries
    type_info, count_info = domain.type_info, domain.count_info
    flags = LEAF_FLAGS_64 if domain.mode.bits == 64 else LEAF_FLAGS_32
    initrd, end = domain.initrd, domain.pages
    next_mfn = {True: INITRD_MFN, False: domain.alloc_mfn}
    cursor = page = 0
    while page < end:
        if cursor % entries == 0:
            _fresh_table(domain, cursors, first_tables, 0, first=page == 0)
            cursor = cursors[0]
        in_initrd = page in initrd
        mfn = next_mfn[in_initrd]
        # As many pages at once as go into this table, and have none of these bounds among them.
        bounds = (end, initrd.start, initrd.stop)
        tables = (domain.pool_mfn, domain.pool_mfn + len(domain.order))
        ahead = (*(each - page for each in bounds), *(each - mfn for each in tables))
        count = min(entries - cursor % entries, *(each for each in ahead if each > 0))
        # The next frame's entry is a page size more: the frame's number stands above the flags.
        entry = mfn << PAGE_SHIFT | flags
        memory[cursor : cursor + count] = range(entry, entry + count * PAGE_SIZE, PAGE_SIZE)
        # A frame that is a table already keeps its type.
        if not type_info[mfn]:
            type_info[mfn : mfn + count] = [WRITABLE_PAGE | VALIDATED | 1] * count
            count_info[mfn : mfn + count] = [count_info[mfn] + 1] * count
        next_mfn[in_initrd] += count
        cursor += count
        page += count


def _fresh_table(
    domain: Domain, cursors: list[int], first_tables: list[int], at: int, *, first: bool
) -> None:
    """Take a table for the ``at``-th level from below, first in the order of frames, and link it."""
    if at in domain.whole:
        return
    memory, entries = domain.memory, domain.entries
    level, above = domain.mode.levels[at], at + 1
    root = len(cursors) - 1
    slot = first_tables[at] if first and first_tables[at] else _take(domain, level)
    first_tables[at] = first_tables[at] or slot
    cursors[at] = slot * entries + (table_offset(level, domain.layout.v_start) if first else 0)
    if above < root and cursors[above] % entries == 0:
        _fresh_table(domain, cursors, first_tables, above, first=first)
    # No one looks whether the root's cursor is still in the root.
    index = cursors[above] - domain.root_slot * entries
    if above == root and index >= entries:
        domain.overruns.append(Overrun(domain.mode.levels[above].name, index))
    memory[cursors[above]] = _table_entry(domain, slot)
    cursors[above] += 1


def _fill_fixed_levels(domain: Domain, first_tables: list[int]) -> None:
    """Fill a 32-bit guest's L3: all four L2s present, the last one with Xen's own mappings."""
    memory, entries = domain.memory, domain.entries
    for at, level in enumerate(domain.mode.levels[:-1]):
        if level.fixed is None:
            continue
        parent = first_tables[at + 1] * entries
        for index in range(level.fixed):
            if not memory[parent + index]:
                memory[parent + index] = _table_entry(domain, _take(domain, level))
        last_mfn = mfn_of(memory[parent + level.fixed - 1])
        domain.type_info[last_mfn] |= PAE_XEN_L2
        slot = _POOL_SLOT + last_mfn - domain.pool_mfn
        xen_from = table_offset(level, XEN_AREA[domain.mode.name].start)
        start, end = slot * entries + xen_from, (slot + 1) * entries
        memory[start:end] = [XEN_ENTRY] * (end - start)


def _take(domain: Domain, level: Level) -> int:
    """Take the next table frame, empty, and give it its type; the slot where its entries lie."""
    mfn = domain.pool_mfn + len(domain.order)
    slot = _POOL_SLOT + len(domain.order)
    domain.order.append(level.number)
    while mfn >= len(domain.type_info):
        domain.type_info.append(0)
        domain.count_info.append(0)
    domain.type_info[mfn] = table_type(level.number)
    domain.memory.extend([0] * domain.entries)
    return slot


def _table_entry(domain: Domain, slot: int) -> int:
    return (domain.pool_mfn + table_index(slot)) << PAGE_SHIFT | TABLE_FLAGS


def _record_asserts(domain: Domain, generations: tuple[Asserts, ...], frame: int, mfn: int) -> None:
    """Try every condition of the generations on the frame that a page of the tables maps."""
    type_info = domain.type_info[mfn] if mfn < len(domain.type_info) else 0
    root = table_type(domain.mode.levels[-1].number)
    domain.fired += [
        Fired(generation.name, condition.text, frame, mfn, type_info)
        for generation in generations
        for condition in generation.conditions
        if not condition.holds(type_info, root)
    ]


def _make_table_page(domain: Domain, mfn: int) -> None:
    """Give a frame the counts of a table page; the top-level table is pinned besides."""
    if mfn >= len(domain.type_info):
        return
    domain.count_info[mfn] = ALLOCATED | 3
    domain.type_info[mfn] |= VALIDATED | 1
    if domain.type_info[mfn] & TYPE_MASK == table_type(domain.mode.counted_levels[-1].number):
        domain.count_info[mfn] += 1
        domain.type_info[mfn] += 1 | PINNED
