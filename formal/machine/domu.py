"""libxenguest, the toolstack's builder, on the frame machine: a domU's tables, counted by walking and built.

A domU has a list of mappings: the boot region, from the image's VIRT_BASE on, and with INIT_P2M the p2m at an address
of its own. Each gets the tables that the mappings before it haven't. All of a mapping's tables of one level lie
together, the topmost level first. The region's are mapped by the region, read-only; the p2m's own are mapped nowhere.

Nothing here calculates a count: tables are walked to, block by block, and looked at from the root when they are built.

Facts: DOMAIN.md section 8; ``count_pgtables()``, ``alloc_pgtables_pv()``, ``alloc_p2m_list_x86_64()`` and
``setup_pgtables_pv()`` in Xen's ``tools/libs/guest/xg_dom_x86.c`` (4.22), ``tools/libxc/xc_dom_x86.c`` before 4.7.
Addresses are in bytes, pfns and counts in pages.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import define, field, frozen
from attrs.validators import in_

from ..edge.limits import most
from ..layouts.layout import ADDRESS_LIMIT
from ..layouts.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, Level, PagingMode
from .arrange import ARRANGE_LIMIT, TooLarge

BUILD_LIMIT: Final = most(seconds=2e-6, memory=400)
"""The most pages that the machine builds of a domU, unless it is told otherwise."""

ABOVE_TABLES: Final = PAGE_SIZE + (512 << 10)
"""What the region has above its tables at least, in bytes: the boot stack and some room."""
LAST_OF_4_MIB: Final = (4 << 20) - 1
XENS_GIB: Final = 3 << 30
"""Where the last of a PAE domain's four L2 begins, which Xen has a part in."""
FOUR_GIB: Final = 1 << 32


@frozen
class Toolstack:
    """A generation of libxenguest. ``fills_l3`` tells whether a PAE domain gets all L2 from its region up to 4 GiB.

    Before that it got those of the region, and the one that Xen has a part in.
    """

    name: str
    carried_by: str
    fills_l3: bool


TODAYS: Final = Toolstack("libxenguest", "4.7 to today", fills_l3=True)
BEFORE_4_7: Final = Toolstack("libxc", "3.1 to 4.6", fills_l3=False)
TOOLSTACKS: Final = (TODAYS, BEFORE_4_7)
"""Today's first."""


@frozen
class P2m:
    """A p2m with a mapping of its own: its first address, and its length in pages."""

    start: int
    pages: int


class Refused(ValueError):
    """libxenguest goes no further; the message is what it says, with the values that it prints."""


@frozen(kw_only=True)
class Domu:
    """What decides a domU's tables; ``alloc_end`` is where what is allocated before the region's tables ends.

    ``nr_pages`` is the domain's memory in pages, if it is known: what doesn't fit is refused then.
    """

    mode: PagingMode = field(default=X86_64, validator=in_((X86_64, COMPAT)))
    v_start: int
    alloc_end: int
    toolstack: Toolstack = TODAYS
    p2m: P2m | None = None
    nr_pages: int | None = None


Blocks = Mapping[Level, tuple[int, ...]]
"""The first addresses of what a mapping's tables map, level by level from the topmost; cut to the bits translated."""


@frozen
class Counted:
    """Where the iteration stops: the region's end, modulo 2**64, and the tables of each mapping."""

    v_end: int
    mappings: tuple[Blocks, ...]

    def tables(self, mapping: int = 0) -> int:
        """How many tables a mapping has; the region's are what start_info tells as ``nr_pt_frames``."""
        return sum(map(len, self.mappings[mapping].values())) if mapping < len(self.mappings) else 0


def count(domu: Domu) -> Counted | None:
    """Take the toolstack's steps until the region has room for its tables; ``None`` if they repeat.

    Words wrap as the toolstack's do.

    Raises:
        TooLarge: a region has more than `ARRANGE_LIMIT` pages.
        Refused: libxenguest finds that a mapping doesn't fit, or that the p2m's overlaps the region's, as far as it looks.
    """
    above = ABOVE_TABLES
    tried: set[int] = set()
    while above not in tried:
        tried.add(above)
        last = (domu.alloc_end + above) % ADDRESS_LIMIT | LAST_OF_4_MIB
        check_fits(domu, domu.v_start, last, 0)
        region = walked(domu, domu.v_start, last)
        above = sum(map(len, region.values())) * PAGE_SIZE + ABOVE_TABLES
        v_end = (last + 1) % ADDRESS_LIMIT
        if (domu.alloc_end + above) % ADDRESS_LIMIT <= v_end:
            if domu.p2m is None:
                return Counted(v_end, (region,))
            end = domu.p2m.start + domu.p2m.pages * PAGE_SIZE
            _check_apart(domu, domu.p2m.start, end - 1, last)
            return Counted(v_end, (region, walked(domu, domu.p2m.start, end - 1, region)))
    return None


def check_fits(domu: Domu, first: int, last: int, pfn: int) -> None:
    """Raise `Refused` for a mapping of [first, last], from a pfn on, that ends above the domain's memory."""
    end = pfn + ((last - first) % ADDRESS_LIMIT >> PAGE_SHIFT)
    if domu.nr_pages is not None and end >= domu.nr_pages:
        raise Refused(
            f"count_pgtables: not enough memory for initial mapping ({end:#x} > {domu.nr_pages:#x})"
        )


def _check_apart(domu: Domu, first: int, last: int, region_last: int) -> None:
    """Raise `Refused` for a p2m's mapping of [first, last] that libxenguest finds to overlap the region's.

    It compares the p2m's addresses as they are with the region's cut to the bits translated, which in the upper half are
    never the same. What that misses an assertion may find, level by level; a p2m that lies in part below the region isn't
    found at all.
    """
    translated = FOUR_GIB if domu.mode.bits == 32 else 1 << domu.mode.counted_levels[-1].shift
    start, end = domu.v_start % translated, region_last % translated
    if first < end and last > start:
        raise Refused("count_pgtables: overlapping mappings")
    for level in domu.mode.counted_levels[:-1]:
        low, high = _block(level, first % translated), last % translated | (1 << level.shift) - 1
        there_low, there_high = _block(level, start), end | (1 << level.shift) - 1
        if low < there_low and high > there_high:
            raise Refused(
                "count_pgtables: Assertion `map->lvls[l].from >= map_cmp->lvls[l].from || map->lvls[l].to <= "
                "map_cmp->lvls[l].to' failed"
            )


def walked(domu: Domu, first: int, last: int, region: Blocks | None = None) -> Blocks:
    """The tables that a walk from address to address reaches; for the p2m's mapping, those that ``region`` lacks.

    Raises:
        TooLarge: the walk is longer than `ARRANGE_LIMIT` pages.
    """
    topmost = domu.mode.counted_levels[-1]
    translated = FOUR_GIB if domu.mode.bits == 32 else 1 << topmost.shift
    found: dict[Level, tuple[int, ...]] = {topmost: (0,) if region is None else ()}
    for level in reversed(domu.mode.counted_levels[:-1]):
        at, end = _block(level, first % translated), last % translated
        if (end - at) >> PAGE_SHIFT > ARRANGE_LIMIT:
            raise TooLarge((end - at) >> PAGE_SHIFT, ARRANGE_LIMIT)
        blocks = []
        xens = level.fixed is not None and last < XENS_GIB and region is None
        if xens and domu.toolstack.fills_l3:
            end = translated - 1
        while at <= end:
            blocks.append(at)
            at += 1 << level.shift
        if xens and not domu.toolstack.fills_l3:
            blocks.append(XENS_GIB)
        there = () if region is None else region[level]
        found[level] = tuple(block for block in blocks if block not in there)
    return found


def _block(level: Level, address: int) -> int:
    return address - address % (1 << level.shift)


@define
class _Table:
    """A table frame: its level, the first address that it maps, its pfn, and (pfn, writable) by index."""

    level: Level
    start: int
    pfn: int
    entries: dict[int, tuple[int, bool]]


@frozen(kw_only=True)
class DomuReport:
    """What the machine saw of a domU's finished tables, looking from the root.

    Tables are counted in the order in which their frames lie: the region's, then the p2m's.
    """

    v_end: int
    nr_pt_frames: int
    """The region's tables: what start_info tells the guest."""
    order: tuple[str, ...]
    """The level of each table frame."""
    reached: int
    """How many of the tables a walk from the root reaches."""
    missing: int
    """Pages of the mappings that no leaf maps."""
    wrong: int
    """Pages mapped to another frame than their own, to one that another page has, too, or beside the mappings."""
    read_only: tuple[int, ...]
    """Pages mapped read-only, counted from where the region's tables start."""

    @property
    def taken(self) -> Mapping[str, int]:
        """Table frames by level."""
        return Counter(self.order)

    @property
    def exact(self) -> bool:
        """Every table is reached, every page maps its own frame, and just the region's tables are read-only."""
        tables = self.reached == len(self.order) and self.read_only == tuple(range(self.nr_pt_frames))
        return tables and not self.missing and not self.wrong

    def sentence(self) -> str:
        """What the machine saw."""
        levels = ", ".join(f"{name} {number}" for name, number in sorted(self.taken.items(), reverse=True))
        says = f"{len(self.order)} tables ({levels}), the region ends at {self.v_end:#x}"
        if self.exact:
            return f"{says}; every table is reached, and every page maps its own frame"
        return (
            f"{says}; {self.reached} are reached, {self.missing} pages aren't mapped, {self.wrong} are wrong"
        )


def build(domu: Domu, counted: Counted, limit: int = BUILD_LIMIT) -> DomuReport:
    """Build the tables of a counted domU, and look at them.

    Raises:
        TooLarge: the mappings have more than ``limit`` pages.
    """
    region_pages = (counted.v_end - domu.v_start) % ADDRESS_LIMIT >> PAGE_SHIFT
    areas = [(domu.v_start, region_pages, 0)]
    tables_at = [(domu.alloc_end - domu.v_start) % ADDRESS_LIMIT >> PAGE_SHIFT]
    if domu.p2m is not None:
        areas.append((domu.p2m.start, domu.p2m.pages, region_pages))
        tables_at.append(region_pages + domu.p2m.pages)
    if sum(pages for _, pages, _ in areas) > limit:
        raise TooLarge(sum(pages for _, pages, _ in areas), limit)
    tables = [
        each for blocks, pfn in zip(counted.mappings, tables_at, strict=True) for each in _frames(blocks, pfn)
    ]
    _link(domu.mode, tables)
    expected = dict(_leaves(domu.mode, areas))
    pfns = {table.pfn for table in tables}
    lowest = domu.mode.levels[0]
    by_block = {table.start: table for table in tables if table.level is lowest}
    span = 1 << lowest.shift
    for address, pfn in expected.items():
        table = by_block.get(address - address % span)
        if table is not None:
            table.entries[(address - table.start) >> PAGE_SHIFT] = (pfn, pfn not in pfns)
    return _seen(domu, counted, tables, expected)


def _frames(blocks: Blocks, pfn: int) -> Iterator[_Table]:
    """A mapping's tables in the order of their frames, empty: level by level, the topmost first."""
    for level, starts in blocks.items():
        for start in starts:
            yield _Table(level, start, pfn, {})
            pfn += 1


def _link(mode: PagingMode, tables: list[_Table]) -> None:
    """Have each table pointed to by the table above it that maps its addresses, whichever mapping's it is."""
    by_block = {(table.level, table.start): table for table in tables}
    levels = mode.counted_levels
    for table in tables:
        if table.level is levels[-1]:
            continue
        above = levels[levels.index(table.level) + 1]
        parent = by_block.get((above, 0 if above is levels[-1] else _block(above, table.start)))
        if parent is not None:
            parent.entries[(table.start - parent.start) >> above.entry_shift] = (table.pfn, True)


def _leaves(mode: PagingMode, areas: list[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
    """The address, cut to the bits that are translated, and the pfn of every page that is to be mapped."""
    translated = FOUR_GIB if mode.bits == 32 else 1 << mode.counted_levels[-1].shift
    for start, pages, pfn in areas:
        for page in range(pages):
            yield (start + page * PAGE_SIZE) % translated, pfn + page


def _seen(domu: Domu, counted: Counted, tables: list[_Table], expected: Mapping[int, int]) -> DomuReport:
    """Walk from the root and compare with what each page should map."""
    by_pfn = {table.pfn: table for table in tables}
    pending, reached = [tables[0]], {tables[0].pfn}
    mapped: dict[int, tuple[int, bool]] = {}
    while pending:
        table = pending.pop()
        for index, entry in table.entries.items():
            if table.level.entry_shift == PAGE_SHIFT:
                mapped[table.start + index * PAGE_SIZE] = entry
            elif entry[0] not in reached:
                reached.add(entry[0])
                pending.append(by_pfn[entry[0]])
    often = Counter(pfn for pfn, _ in mapped.values())
    first = domu.alloc_end % (FOUR_GIB if domu.mode.bits == 32 else 1 << domu.mode.counted_levels[-1].shift)
    return DomuReport(
        v_end=counted.v_end,
        nr_pt_frames=counted.tables(),
        order=tuple(table.level.name for table in tables),
        reached=len(reached),
        missing=len(expected.keys() - mapped.keys()),
        wrong=sum(expected.get(at) != pfn or often[pfn] > 1 for at, (pfn, _) in mapped.items()),
        read_only=tuple(
            sorted((at - first) >> PAGE_SHIFT for at, (_, writable) in mapped.items() if not writable)
        ),
    )
