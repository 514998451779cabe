"""What Xen does with the new tables before dom0 runs, executed on the frame machine, up to where it refuses or dies.

The builder (`builder`) has made the tables; then Xen runs on them. It loads the kernel, clears the start-info page
and writes the p2m through them, which sets the dirty bits of just these pages; a p2m of its own (INIT_P2M) gets
mapped first, with tables from Xen's heap. Where an address isn't mapped, or can't be formed, Xen dies.

Facts: ``dom0_construct_pv()`` and ``setup_pv_physmap()`` in Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.17 to 4.22),
``elf_load_image()`` in ``xen/common/libelf/libelf-loader.c``; DOMAIN.md sections 4 and 5. Not modelled: a p2m in Xen's
own area, which Xen maps into its own tables.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Final, Self

from attrs import define, field

from ..layouts.layout import ADDRESS_LIMIT, Configuration, Layout, Segment
from ..layouts.paging import PAGE_SHIFT, PAGE_SIZE, Level
from .arrange import arrange
from .builder import (
    PRESENT,
    TABLE_FLAGS,
    WRITABLE,
    XEN_ROOT_SLOTS,
    Domain,
    build,
    empty_domain,
    mark_read_only,
    mfn_of,
    slot_of,
    table_index,
    table_offset,
)
from .refusals import AT_ONCE, host_decides, without_hypercall_page
from .replay import misaligned, overlaps_xen

DIRTY: Final = 0x40
LARGE: Final = 0x80
P2M_LEAF_FLAGS: Final = 0x67 | 1 << 52
"""What maps a page of a separate p2m: as a 64-bit guest's leaf, and dirty from the start."""

HEAP_MFN: Final = 1 << 32
"""Frames from here on are from Xen's heap, in the order taken."""
LARGE_MFN: Final = 1 << 36
"""Frames from here on are those of superpages, each as many as its level's entry maps."""
TWO_MIB: Final = frozenset({21})
"""The superpages that a p2m gets if nothing else is said, by the log2 of their bytes. Of 1 GiB are 30."""

_ADDRESSABLE: Final = 1 << 47
_XEN_END: Final = 0xFFFF_8800_0000_0000


class Fate(Enum):
    """The fate of a boot: Xen says ``says`` then, and nothing of the fates above it.

    ``arranged`` tells whether it has printed the arrangement by then.
    """

    says: tuple[str, ...]
    arranged: bool

    def __new__(cls, title: str, says: str, arranged: bool) -> Self:  # noqa: FBT001 - a column of the table
        """A fate; what Xen says has its alternatives parted by bars."""
        fate = object.__new__(cls)
        fate._value_ = title
        fate.says = tuple(says.split("|"))
        fate.arranged = arranged
        return fate

    RUNS = "dom0 runs", "kB init memory", True
    NO_32_BIT = "refused: no 32-bit guests", "CONFIG_PV32 missing", False
    TOO_LITTLE_MEMORY = (
        "refused: too little memory",
        "Domain 0 allocation is too small for kernel image",
        False,
    )
    TOO_LARGE_AT_ONCE = (
        "refused: more at once than Xen's allocator has",
        "Not enough RAM for domain 0 allocation",
        False,
    )
    OVERLAPS = "refused: overlaps Xen's own area", "DOM0 image overlaps with Xen private area", True
    NOT_LOADED = "refused: the kernel can't be loaded there", "Failed to load the kernel binary", True
    NO_HYPERCALL_PAGE = (
        "refused: the hypercall page lies outside of the region",
        "Invalid HYPERCALL_PAGE field in ELF notes",
        True,
    )
    P2M_OVERLAPS = "refused: the p2m touches the region", "DOM0 P->M table overlaps initial mapping", True
    P2M_TOO_LARGE = (
        "refused: too little memory for the p2m",
        "Dom0 allocation too small for initial P->M table",
        True,
    )
    DIES = "Xen dies", "Panic on CPU|----[ Xen-|(QEMU)", True


class Unmodelled(ValueError):
    """Xen does something with this configuration that isn't executed here; the message says what."""


@define
class Loaded:
    """A domain as dom0 finds it, or as Xen leaves it when it refuses or dies.

    ``why`` tells about the ``fate`` what Xen itself may not say. ``domain`` is ``None`` where nothing is built;
    ``heap`` has the tables of a separate p2m, by mfn, as entries, ``taken`` counts them by level, and ``pages`` is how
    many dom0 has once it is mapped; ``overwritten`` are the table frames that the kernel or the p2m was written over.
    """

    configuration: Configuration
    layout: Layout | None
    fate: Fate
    why: str = ""
    domain: Domain | None = None
    heap: dict[int, list[int]] = field(factory=dict)
    taken: Counter[str] = field(factory=Counter)
    pages: int = 0
    overwritten: set[int] = field(factory=set)


def build_tables(layout: Layout) -> Domain:
    """The domain's tables as the builder leaves them, those frames read-only that it counts."""
    domain = build(layout)
    mark_read_only(domain, (), stop_at_first=False)
    return domain


def load(
    configuration: Configuration,
    *,
    written: Sequence[Segment] | None = None,
    has_32_bit: bool = True,
    builder: Callable[[Layout], Domain] = build_tables,
    superpages: frozenset[int] = TWO_MIB,
) -> Loaded:
    """Build dom0 and load it, up to where it runs, or Xen refuses it or dies.

    ``written`` are the parts of the kernel that the image fills, all of it unless said otherwise; ``has_32_bit``
    tells whether this Xen takes 32-bit guests; ``superpages`` which kinds a separate p2m gets, wherever they fit.

    Raises:
        TooLarge: as `arrange` and `build` do.
        Unmodelled: what Xen does then isn't executed here.
    """
    if configuration.mode.bits == 32 and not has_32_bit:
        return Loaded(configuration, None, Fate.NO_32_BIT)
    layout = arrange(configuration)
    empty = empty_domain(layout)
    if empty.allocation + configuration.initrd_pages > configuration.nr_pages:
        return Loaded(configuration, layout, Fate.TOO_LITTLE_MEMORY)
    if empty.allocation > AT_ONCE:
        return Loaded(configuration, layout, Fate.TOO_LARGE_AT_ONCE)
    if overlaps_xen(layout):
        if host_decides(configuration, layout):
            raise Unmodelled(
                "whether Xen refuses the region depends on the host: the image has the note HV_START_LOW"
            )
        return Loaded(configuration, layout, Fate.OVERLAPS)
    if misaligned(layout):
        return Loaded(configuration, layout, Fate.DIES, "the tables are not page aligned")
    loaded = Loaded(configuration, layout, Fate.RUNS, domain=builder(layout))
    _Loading(loaded, empty.allocation + configuration.initrd_pages, superpages).run(
        [configuration.kernel] if written is None else written
    )
    return loaded


def map_p2m(
    configuration: Configuration, layout: Layout, before: int, superpages: frozenset[int] = TWO_MIB
) -> Loaded:
    """Build the region and map the p2m of its own that the layout has, and go no further.

    Dom0 has ``before`` pages before, and may have as many as ``configuration`` says. Raises as `load` does.
    """
    assert layout.p2m is not None
    loaded = Loaded(configuration, layout, Fate.RUNS, domain=build_tables(layout))
    _Loading(loaded, before, superpages).map_only(layout.p2m)
    return loaded


class _Stopped(Exception):
    """Xen goes no further."""

    def __init__(self, fate: Fate, why: str = "") -> None:
        super().__init__(why)
        self.fate = fate
        self.why = why


class _Fault(Exception):
    """An address that can't be written to."""


@define
class _Table:
    """A table of the domain's own or from the heap: ``entries`` from ``base`` on."""

    entries: list[int]
    base: int


@define
class _Loading:
    """Writes through the domain's tables; ``used`` counts the pages that dom0 has so far."""

    loaded: Loaded
    used: int
    superpages: frozenset[int]
    large_frames: int = 0
    heap_pages: int = 0

    @property
    def domain(self) -> Domain:
        """The domain whose tables are written through."""
        assert self.loaded.domain is not None
        return self.loaded.domain

    def run(self, written: Sequence[Segment]) -> None:
        """Go on until dom0 runs, or Xen doesn't."""
        with self._until_stopped():
            self._run(written)

    def map_only(self, p2m: Segment) -> None:
        """Map the p2m, or as much of it as Xen does."""
        with self._until_stopped():
            self._map_p2m(p2m)

    @contextmanager
    def _until_stopped(self) -> Iterator[None]:
        try:
            yield
        except _Stopped as stopped:
            self.loaded.fate, self.loaded.why = stopped.fate, stopped.why

    def _run(self, written: Sequence[Segment]) -> None:
        layout = self.domain.layout
        if self.domain.stopped_at is not None:
            raise _Stopped(Fate.DIES, f"the read-only walk finds no table for frame {self.domain.stopped_at}")
        for segment in written:
            try:
                self._write(segment)
            except _Fault as fault:
                raise _Stopped(Fate.NOT_LOADED, str(fault)) from None
        page = self.loaded.configuration.hypercall_page
        if without_hypercall_page(self.loaded.configuration, layout):
            raise _Stopped(Fate.NO_HYPERCALL_PAGE)
        try:
            if page is not None:
                self._write(Segment(page, (page + PAGE_SIZE) % ADDRESS_LIMIT))
            assert layout.start_info is not None
            assert layout.p2m is not None
            self._write(
                Segment(layout.start_info.start, (layout.start_info.start + PAGE_SIZE) % ADDRESS_LIMIT)
            )
            if self.loaded.configuration.has_own_p2m:
                self._map_p2m(layout.p2m)
            self._write(layout.p2m)
        except _Fault as fault:
            raise _Stopped(Fate.DIES, str(fault)) from None

    def _write(self, segment: Segment) -> None:
        """Write every page of the segment from its start on: their leaves get dirty."""
        tables = range(self.domain.pool_mfn, self.domain.pool_mfn + len(self.domain.order))
        page, end = segment.start - segment.start % PAGE_SIZE, segment.start + segment.size
        while page < end:
            address = max(page, segment.start) % ADDRESS_LIMIT
            table, index, size = self._leaf(address)
            at = table.base + index
            # The page above is mapped by the next entry, as long as the table goes on.
            count = min(self.domain.entries - index, (end - page + PAGE_SIZE - 1) >> PAGE_SHIFT)
            entries = table.entries[at : at + count]
            plain = not self.loaded.overwritten and all(
                entry & (WRITABLE | LARGE) == WRITABLE and mfn_of(entry) not in tables for entry in entries
            )
            if not plain:
                entries = entries[:1]  # the fate of one page may matter to the next
                self._check_written(address, entries[0], tables)
            table.entries[at : at + len(entries)] = [entry | DIRTY for entry in entries]
            if size > PAGE_SIZE and not self.loaded.overwritten:  # what is left of a superpage fares alike
                page += size - page % size
            else:
                page += len(entries) * PAGE_SIZE

    def _check_written(self, address: int, entry: int, tables: range) -> None:
        """Note a table that is written over. Raises `_Fault` where the entry's page can't be written."""
        if not entry & WRITABLE:
            raise _Fault(f"{address:#x} is {'read-only' if entry & PRESENT else 'not mapped'}")
        if mfn_of(entry) in tables:
            self.loaded.overwritten.add(mfn_of(entry) - self.domain.pool_mfn)

    def _leaf(self, address: int) -> tuple[_Table, int, int]:
        """The table and index of the entry that maps an address, and how many bytes it maps. Raises `_Fault` where no table leads there."""
        levels = self.domain.mode.levels
        if self.domain.mode.bits == 64 and _ADDRESSABLE <= address < ADDRESS_LIMIT - _ADDRESSABLE:
            raise _Fault(f"{address:#x} is no address that a processor can form")
        if ADDRESS_LIMIT - _ADDRESSABLE <= address < _XEN_END:
            raise Unmodelled(f"{address:#x} lies in Xen's own area")
        table = self._root
        for level in reversed(levels[1:]):
            index = table_offset(level, address)
            entry = table.entries[table.base + index]
            if entry & LARGE and entry & PRESENT:
                return table, index, 1 << level.entry_shift
            below = self._below(entry)
            if below is None:
                raise _Fault(f"{address:#x} is not mapped")
            table = below
        return table, table_offset(levels[0], address), PAGE_SIZE

    @property
    def _root(self) -> _Table:
        return _Table(self.domain.memory, self.domain.root_slot * self.domain.entries)

    def _below(self, entry: int) -> _Table | None:
        """The table that an entry points to, if it is one."""
        if entry & PRESENT and mfn_of(entry) in self.loaded.heap:
            return _Table(self.loaded.heap[mfn_of(entry)], 0)
        slot = slot_of(self.domain, entry)
        if slot is None or table_index(slot) in self.loaded.overwritten:
            return None
        return _Table(self.domain.memory, slot * self.domain.entries)

    def _map_p2m(self, p2m: Segment) -> None:
        """Map a p2m outside of the region, step by step, with fresh tables where there are none.

        A p2m in the last page of all makes the address wrap to 0, and Xen goes on from there.
        """
        total, nr_pages = self.domain.layout.total, self.loaded.configuration.nr_pages
        if total.start <= p2m.end and p2m.start <= total.end:
            raise _Stopped(Fate.P2M_OVERLAPS)
        address, end = p2m.start, p2m.end
        levels = self.domain.mode.levels
        xen_slots = XEN_ROOT_SLOTS[self.domain.mode.name]
        self.loaded.pages = self.used
        while address < end:
            pages_left = (end + -end % PAGE_SIZE - address) % ADDRESS_LIMIT >> PAGE_SHIFT
            if self.used + pages_left + 3 > nr_pages:
                raise _Stopped(Fate.P2M_TOO_LARGE)
            if table_offset(levels[-1], address) in xen_slots:
                raise Unmodelled(f"the p2m at {address:#x} lies in Xen's own area")
            address = self._map_step(address, end)
            self.loaded.pages = self.used

    def _map_step(self, address: int, end: int) -> int:
        """Map a superpage or a page, with the tables that lead to it; gives the address to go on with."""
        table = self._root
        for level in reversed(self.domain.mode.levels[1:]):
            large = 1 << level.entry_shift
            at = table.base + table_offset(level, address)
            fits = address % large == 0 and end >= (address + large) % ADDRESS_LIMIT
            if not table.entries[at] and level.entry_shift in self.superpages and fits:
                table.entries[at] = LARGE_MFN + self.large_frames << PAGE_SHIFT | P2M_LEAF_FLAGS | LARGE
                self.large_frames += large >> PAGE_SHIFT
                self.used += large >> PAGE_SHIFT
                return (address + large) % ADDRESS_LIMIT
            table = self._table(table, level, address)
        at = table.base + table_offset(self.domain.mode.levels[0], address)
        if table.entries[at]:
            raise _Stopped(Fate.DIES, f"the p2m's page {address:#x} is mapped already")
        table.entries[at] = self._take() << PAGE_SHIFT | P2M_LEAF_FLAGS
        return (address + PAGE_SIZE & -PAGE_SIZE) % ADDRESS_LIMIT

    def _table(self, table: _Table, level: Level, address: int) -> _Table:
        """The table below, for an address, of a ``table`` of the level; a fresh one where there is none."""
        at = table.base + table_offset(level, address)
        if not table.entries[at]:
            mfn = self._take()
            self.loaded.heap[mfn] = [0] * self.domain.entries
            self.loaded.taken[f"L{level.number - 1}"] += 1
            table.entries[at] = mfn << PAGE_SHIFT | TABLE_FLAGS
        below = self._below(table.entries[at])
        if below is None:
            raise Unmodelled(f"the p2m at {address:#x} goes through an entry that points to no table")
        return below

    def _take(self) -> int:
        """Take a frame from the heap."""
        self.heap_pages += 1
        self.used += 1
        return HEAP_MFN + self.heap_pages - 1
