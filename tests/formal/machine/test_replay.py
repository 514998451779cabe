"""The frame machine: what it arranges, builds and sees, against real Xen and against known faults."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from ptproof.formal.layouts.layout import Configuration, Layout, Segment
from ptproof.formal.layouts.paging import (
    COMPAT,
    FIVE_LEVEL,
    PAGE_SIZE,
    PAGING_MODES,
    TWO_LEVEL,
    X86_64,
    PagingMode,
)
from ptproof.formal.machine.builder import (
    INITRD_MFN,
    LEAF_FLAGS_64,
    TABLE_FLAGS,
    WRITABLE,
    Domain,
    build,
    mark_read_only,
    mfn_of,
    slot_of,
    table_offset,
)
from ptproof.formal.machine.replay import (
    COMMITTED,
    FIXED,
    GENERATIONS,
    POSTED,
    ImpossibleLayout,
    Overrun,
    Report,
    TooLarge,
    WrongLeaf,
    arrange,
    inspect,
    replay,
)
from ptproof.formal.machine.type_info import (
    ALLOCATED,
    PAE_XEN_L2,
    PINNED,
    VALIDATED,
    WRITABLE_PAGE,
    table_type,
)

MIB, GIB = 1 << 20, 1 << 30
REAL_XEN = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "real-xen-layouts.jsonl").read_text().splitlines()
]
BUILT = [record for record in REAL_XEN if "tables" in record]
REFUSED = [record for record in REAL_XEN if "tables" not in record]
ALL_MODES = pytest.mark.parametrize("mode", PAGING_MODES.values(), ids=list(PAGING_MODES))


def small(mode: PagingMode = X86_64, base: int = 0, size: int = 0x12000, **options: Any) -> Layout:
    """The layout of a kernel ``size`` bytes long, 1 MiB above ``base``."""
    kernel = Segment((base + MIB) % 2**64, (base + MIB + size) % 2**64)
    options = {"nr_pages": 65536} | options
    return arrange(Configuration(mode=mode, virt_base=base, kernel=kernel, **options))


def with_frames(layout: Layout, more: int) -> Layout:
    """The same region with ``more`` page-table frames set aside, or fewer."""
    tables = layout.page_tables
    return evolve(layout, page_tables=Segment(tables.start, tables.end + more * PAGE_SIZE))


def fired(report: Report) -> dict[str, set[int]]:
    """The frames at which each generation's asserts fired."""
    return {
        generation.name: {one.frame for one in report.fired if one.generation == generation.name}
        for generation in GENERATIONS
    }


def entry_index(domain: Domain, address: int, at: int = 0) -> int:
    """Where in table memory the entry for an address stands, ``at`` levels above L1."""
    levels = domain.mode.levels
    slot = domain.root_slot
    for depth in range(len(levels) - 1, at, -1):
        below = slot_of(domain, domain.memory[slot * domain.entries + table_offset(levels[depth], address)])
        assert below is not None
        slot = below
    return slot * domain.entries + table_offset(levels[at], address)


def looked_at(domain: Domain) -> Report:
    """What the machine reports of a built domain, after the read-only walk."""
    mark_read_only(domain, GENERATIONS, stop_at_first=False)
    return inspect(domain)


def from_record(record: dict[str, Any]) -> Layout:
    """The layout that the machine arranges from what a real Xen was given."""
    start, end = (int(address, 16) for address in record["kernel"])
    return arrange(
        Configuration(
            mode=COMPAT if record["bits"] == 32 else X86_64,
            virt_base=int(record["virt_base"], 16),
            kernel=Segment(start, end),
            nr_pages=record["nr_pages"],
            initrd_len=record["initrd_len"],
            init_p2m=int(record["init_p2m"], 16) if record["init_p2m"] else None,
        )
    )


class TestRealXen:
    """The 159 layouts that real Xen printed."""

    def test_there_are_159_layouts_of_which_three_were_refused(self) -> None:
        """The data has 159 layouts, and Xen refused three of them after printing."""
        assert (len(REAL_XEN), len(REFUSED)) == (159, 3)

    @pytest.mark.parametrize("record", REAL_XEN, ids=range(len(REAL_XEN)))
    def test_the_arrangement_is_xens(self, record: dict[str, Any]) -> None:
        """Every segment lies where real Xen printed it, and n is real Xen's."""
        layout = from_record(record)
        segments = {
            "phys_mach_map": layout.p2m,
            "start_info": layout.start_info,
            "page_tables": layout.page_tables,
            "boot_stack": layout.boot_stack,
            "total": layout.total,
        }
        printed = {
            name: Segment(*(int(address, 16) for address in record[name]))
            for name in segments
            if name in record
        }
        assert {name: segments[name] for name in printed} == printed
        assert layout.nr_pt_pages == record["nr_pt_frames"]

    @pytest.mark.parametrize("record", BUILT, ids=range(len(BUILT)))
    def test_the_tables_are_those_that_the_guest_found(self, record: dict[str, Any]) -> None:
        """Tables per level and unused frames are those of the guest's walk through its own tables."""
        report = replay(from_record(record))
        tables = {name: count for name, count in record["tables"].items() if count}
        assert report.reached == tables
        assert len(report.unused) == record["unused_frames"]
        assert report.consumed == record["nr_pt_frames"]
        assert report.exact == (record["unused_frames"] == 0)

    @pytest.mark.parametrize("record", REAL_XEN, ids=range(len(REAL_XEN)))
    def test_what_xen_refused_is_said_to_be_refused(self, record: dict[str, Any]) -> None:
        """The overlap check refuses just the layouts that real Xen refused."""
        assert replay(from_record(record)).refused == ("tables" not in record)


class TestArrange:
    """Where the segments go."""

    def test_a_mapped_initrd_lies_between_kernel_and_p2m(self) -> None:
        """A mapped initrd starts at the page above the kernel, and the p2m at the page above the initrd."""
        layout = small(size=0x12345, initrd_len=5001)
        assert layout.initrd == Segment(0x113000, 0x113000 + 5001)
        assert layout.p2m == Segment(0x115000, 0x115000 + 65536 * 8)

    def test_an_unmapped_initrd_takes_no_address(self) -> None:
        """With MOD_START_PFN the layout is that of no initrd at all."""
        assert small(initrd_len=5001, mod_start_pfn=True) == small()

    def test_a_p2m_of_its_own_takes_no_space(self) -> None:
        """With INIT_P2M start info follows the kernel and the p2m lies at the address asked for."""
        layout = small(init_p2m=1 << 39)
        assert layout.p2m == Segment(1 << 39, (1 << 39) + 65536 * 8)
        assert layout.start_info is not None
        assert layout.start_info.start == 0x112000

    def test_a_32_bit_guests_p2m_address_is_ignored(self) -> None:
        """INIT_P2M changes nothing for a 32-bit guest, whose p2m entries have 4 bytes."""
        layout = small(COMPAT, init_p2m=1 << 31)
        assert layout == small(COMPAT)
        assert layout.p2m == Segment(0x112000, 0x112000 + 65536 * 4)

    def test_the_shim_has_two_more_pages(self) -> None:
        """The shim's xenstore and console pages precede the tables, and start info lacks the VGA part."""
        layout = small(shim=True)
        assert layout.start_info == Segment(0x192000, 0x192000 + 1168)
        assert layout.xenstore == Segment(0x193000, 0x194000)
        assert layout.console == Segment(0x194000, 0x195000)
        assert layout.vpt_start == 0x195000

    def test_the_tables_start_before_the_vga_part_is_counted(self) -> None:
        """The tables start at the page above start info without its VGA part, overlapping it if need be."""
        layout = small(start_info_size=PAGE_SIZE)
        assert layout.start_info == Segment(0x192000, 0x193028)
        assert layout.vpt_start == 0x193000

    @pytest.mark.parametrize(("nr_pages", "end"), [(65536, 4), (1 << 19, 8), (1 << 21, 20), (1 << 24, 132)])
    def test_the_end_leaves_512_kib(self, nr_pages: int, end: int) -> None:
        """The region ends at the first multiple of 4 MiB that is at least 512 KiB above the stack."""
        layout = small(nr_pages=nr_pages)
        assert layout.v_end == end * MIB
        assert layout.boot_stack is not None
        assert 512 << 10 <= layout.v_end - layout.boot_stack.end < (4 << 20) + (512 << 10)

    def test_padding_of_exactly_512_kib_is_enough(self) -> None:
        """A stack that ends 512 KiB below a multiple of 4 MiB needs no more, one page higher it does."""
        layouts = [small(size=size, init_p2m=1 << 39) for size in (0x279000, 0x27A000)]
        ends = [(layout.boot_stack.end, layout.v_end) for layout in layouts if layout.boot_stack]
        assert ends == [(0x380000, 0x400000), (0x383000, 0x800000)]

    def test_the_first_count_that_is_enough_is_taken(self) -> None:
        """Of the two counts that fit, 5 and 7 for T = 0x379000, the lower is found."""
        layout = small(size=0x278000, init_p2m=1 << 39)
        assert (layout.vpt_start, layout.nr_pt_pages) == (0x379000, 5)

    def test_raises_by_two_and_by_two(self) -> None:
        """A compat region near 2 GiB needs 1804 frames, two more than its first guess and then two more."""
        start, vpt_start = 0x13ABE000, 0xF3C76000
        pages = (vpt_start - 0x1000 - start - MIB) // PAGE_SIZE
        layout = small(COMPAT, start, size=pages * PAGE_SIZE, nr_pages=0)
        assert (layout.vpt_start, layout.nr_pt_pages) == (vpt_start, 1804)

    def test_a_region_too_large_is_refused(self) -> None:
        """A region of more than 2.5 TiB is not walked, and the error says how many pages it has."""
        with pytest.raises(TooLarge) as error:
            small(size=9 << 40)
        assert error.value.pages > error.value.limit == 666_666_667

    def test_a_kernel_below_the_base_is_too_large(self) -> None:
        """A kernel below virt_base makes the region wrap round the whole address space."""
        with pytest.raises(TooLarge):
            arrange(Configuration(virt_base=GIB, kernel=Segment(0, MIB), nr_pages=65536))


class TestReplay:
    """Layouts as the builder makes them are exact."""

    @ALL_MODES
    def test_a_small_layout_is_exact(self, mode: PagingMode) -> None:
        """In every paging mode the frames set aside are just those taken, and all is mapped."""
        layout = small(mode)
        report = replay(layout)
        assert report.exact
        assert report.pages == layout.total.size // PAGE_SIZE
        assert report.read_only == tuple(range(layout.nr_pt_pages))

    @pytest.mark.parametrize(
        ("mode", "order"),
        [
            (X86_64, "L4 L1 L2 L3 L1"),
            (COMPAT, "L3 L1 L2 L1 L2 L2 L2"),
            (TWO_LEVEL, "L2 L1"),
            (FIVE_LEVEL, "L5 L1 L2 L3 L4 L1"),
        ],
    )
    def test_the_order_of_frames(self, mode: PagingMode, order: str) -> None:
        """The root comes first, then each L1 before the higher tables that it brings along."""
        assert " ".join(replay(small(mode)).order) == order

    @pytest.mark.parametrize(
        ("mode", "base", "reached"),
        [
            (X86_64, GIB - 2 * MIB, {"L4": 1, "L3": 1, "L2": 2, "L1": 3}),
            (X86_64, (1 << 39) - 2 * MIB, {"L4": 1, "L3": 2, "L2": 2, "L1": 3}),
            (COMPAT, 3 * GIB - 2 * MIB, {"L3": 1, "L2": 4, "L1": 3}),
            (TWO_LEVEL, 4 * MIB - 2 * MIB, {"L2": 1, "L1": 2}),
            (FIVE_LEVEL, (1 << 48) - 2 * MIB, {"L5": 1, "L4": 2, "L3": 2, "L2": 2, "L1": 3}),
        ],
    )
    def test_crossings(self, mode: PagingMode, base: int, reached: dict[str, int]) -> None:
        """A region across a table's boundary takes one more table of each level below."""
        layout = small(mode, base, size=MIB + 0x1000)
        report = replay(layout)
        assert report.exact
        assert report.reached == report.taken == reached
        assert layout.v_start < base + 2 * MIB < layout.v_end

    def test_a_mapped_initrd_is_in_the_middle(self) -> None:
        """The initrd's pages map its own frames, what follows goes on in the allocation."""
        domain = build(small(size=0x12000, initrd_len=3 * MIB + 1))
        leaves = [
            mfn_of(domain.memory[entry_index(domain, page)])
            for page in (0x111000, 0x112000, 0x412000, 0x413000)
        ]
        alloc = domain.alloc_mfn
        assert leaves == [alloc + 0x111, INITRD_MFN, INITRD_MFN + 0x300, alloc + 0x112]
        assert domain.pool_mfn == alloc + (domain.layout.vpt_start - 0x301000 >> 12)
        assert looked_at(domain).exact

    def test_an_initrd_mapped_at_0_counts_as_unmapped(self) -> None:
        """Xen tells a mapped initrd by its address not being 0: at 0 it gets ordinary frames."""
        layout = arrange(Configuration(kernel=Segment(0, 0), nr_pages=65536, initrd_len=MIB))
        assert layout.initrd == Segment(0, MIB)
        domain = build(layout)
        assert mfn_of(domain.memory[entry_index(domain, 0)]) == domain.alloc_mfn
        assert looked_at(domain).exact

    def test_kernel_in_the_upper_half(self) -> None:
        """A kernel at -2 GiB is mapped at its sign-extended address."""
        assert replay(small(base=2**64 - 2 * GIB)).exact

    def test_a_32_bit_leaf_is_not_the_users(self) -> None:
        """A 32-bit guest's leaves lack the user bit, a 64-bit guest's have it and Xen's guest-kernel bit."""
        flags = []
        for mode in (X86_64, COMPAT):
            domain = build(small(mode))
            flags.append(domain.memory[entry_index(domain, 0)] - (domain.alloc_mfn << 12))
        assert flags == [1 << 52 | 0x27, 0x23]

    def test_type_and_counts_of_frames(self) -> None:
        """Tables have their level and one use, the root is pinned besides, all other frames are writable."""
        domain = build(small())
        assert domain.type_info[domain.pool_mfn : domain.pool_mfn + 5] == [
            table_type(level) for level in (4, 1, 2, 3, 1)
        ]
        mark_read_only(domain, GENERATIONS, stop_at_first=False)
        root, table, page = domain.pool_mfn, domain.pool_mfn + 1, domain.pool_mfn - 1
        assert domain.type_info[root] == table_type(4) | PINNED | VALIDATED | 2
        assert domain.type_info[table] == table_type(1) | VALIDATED | 1
        assert domain.type_info[page] == WRITABLE_PAGE | VALIDATED | 1
        counts = [domain.count_info[mfn] - ALLOCATED for mfn in (root, table, page)]
        assert counts == [4, 3, 2]

    def test_xens_part_of_the_last_l2(self) -> None:
        """A 32-bit guest's L2 of slot 3 has the extra type bit, and it alone."""
        domain = build(small(COMPAT))
        tables = domain.type_info[domain.pool_mfn : domain.pool_mfn + 7]
        assert [bool(type_info & PAE_XEN_L2) for type_info in tables] == [False] * 6 + [True]

    def test_a_region_too_large_is_refused(self) -> None:
        """A region of more than 15.8 GiB is arranged but not built."""
        layout = small(size=17 << 30)
        with pytest.raises(TooLarge):
            replay(layout)

    @pytest.mark.parametrize(
        "damage",
        [
            {"page_tables": Segment(0x40000000, 0x40005000)},
            {"initrd": Segment(0x40000000, 0x40001000)},
            {"initrd": Segment(0x200000, 0x300000)},
        ],
    )
    def test_an_impossible_layout_is_refused(self, damage: dict[str, Any]) -> None:
        """Tables outside of the region, or an initrd not below them, can't be built."""
        with pytest.raises(ImpossibleLayout):
            replay(evolve(small(), **damage))


class TestCounts:
    """n is an input: what a wrong one does."""

    @ALL_MODES
    @pytest.mark.parametrize("more", [1, 2, 7, 200])
    def test_an_over_count_trips_the_asserts(self, mode: PagingMode, more: int) -> None:
        """Each frame too many is a writable one, and every generation's asserts fire at it."""
        layout = small(mode)
        n = layout.nr_pt_pages
        report = replay(with_frames(layout, more))
        over = set(range(n, n + more))
        assert report.unused == tuple(sorted(over))
        assert all(over <= frames for frames in fired(report).values())
        assert fired(report)[FIXED.name] == over
        assert not report.exact

    @ALL_MODES
    def test_an_under_count_goes_unnoticed(self, mode: PagingMode) -> None:
        """With one frame too few no assert fires, and one table lies outside of the frames set aside."""
        layout = small(mode)
        report = replay(with_frames(layout, -1))
        assert report.fired == ()
        assert report.stray_tables == (layout.nr_pt_pages - 1,)
        assert report.unused == ()
        assert report.missing == ()
        assert report.wrong == ()
        assert not report.exact

    def test_an_under_counted_table_stays_writable(self) -> None:
        """The table outside of the frames set aside is mapped writable."""
        assert replay(with_frames(small(), -1)).read_only == (0, 1, 2, 3)

    def test_far_too_many_frames(self) -> None:
        """When the frames set aside go past the region's end the walk stops at the end."""
        layout = small()
        report = replay(with_frames(layout, 1 << 18))
        last = (layout.v_end - layout.vpt_start) // PAGE_SIZE
        assert fired(report)[FIXED.name] == set(range(layout.nr_pt_pages, last))
        assert report.stopped_at == last

    def test_the_walk_crosses_tables(self) -> None:
        """The read-only walk finds frames behind an L1's, an L2's and an L3's boundary."""
        base = (1 << 39) - 2 * MIB
        layout = small(base=base, size=MIB - 4 * PAGE_SIZE, nr_pages=0)
        assert layout.vpt_start < 1 << 39 < layout.page_tables.end
        assert replay(layout).exact


class TestAsserts:
    """The three generations of asserts."""

    @pytest.mark.parametrize("mode", [X86_64, TWO_LEVEL])
    def test_no_generation_fires_without_pae(self, mode: PagingMode) -> None:
        """None of the three generations fires for a 64-bit or a two-level guest."""
        assert replay(small(mode)).fired == ()

    def test_posted_and_committed_fire_for_compat(self) -> None:
        """As posted and as committed they fire for a 32-bit dom0, at slot 3's L2; as fixed they don't."""
        report = replay(small(COMPAT))
        assert fired(report) == {"posted": {6}, "committed": {6}, "fixed": set()}
        assert {(one.condition, one.type_info) for one in report.fired} == {
            ("only type bits", table_type(2) | PAE_XEN_L2)
        }
        assert report.exact

    def test_a_debug_xen_stops_at_the_first(self) -> None:
        """Asked to stop, the walk leaves the frames behind the first assert writable."""
        report = replay(with_frames(small(), 3), generations=(FIXED,), stop_at_first=True)
        assert {one.frame for one in report.fired} == {5}
        assert report.read_only == (0, 1, 2, 3, 4, 5)

    @pytest.mark.parametrize(
        ("type_info", "texts"),
        [
            (0, (["type != 0"], ["type >= L1"], ["type >= L1"])),
            (table_type(1), ([], [], [])),
            (table_type(4), ([], [], [])),
            (table_type(5), (["type <= root"],) * 3),
            (table_type(2) | PAE_XEN_L2, (["only type bits"], ["only type bits"], [])),
            (
                table_type(2) | 1,
                (["only type bits"], ["only type bits"], ["only type bits and PGT_pae_xen_l2"]),
            ),
            (
                table_type(2) | VALIDATED,
                (["only type bits"], ["only type bits"], ["only type bits and PGT_pae_xen_l2"]),
            ),
        ],
    )
    def test_what_each_generation_demands(self, type_info: int, texts: tuple[list[str], ...]) -> None:
        """Each condition fires for the type_info that breaks it and for no other."""
        broken = tuple(
            [one.text for one in generation.conditions if not one.holds(type_info, table_type(4))]
            for generation in (POSTED, COMMITTED, FIXED)
        )
        assert broken == texts


class TestLimits:
    """Addresses at the edges."""

    @pytest.mark.parametrize("base", [0x800, 2**64 - 2 * GIB + 0x10, 1])
    def test_an_unaligned_base_is_a_page_short(self, base: int) -> None:
        """With v_start within a page the mapping is a page short and the tables are misaligned."""
        report = replay(small(base=base))
        assert report.pages == report.region_pages - 1
        assert report.misaligned == -base % PAGE_SIZE
        assert report.nr_pt_pages == 5
        assert not report.exact
        assert "would lie" in report.sentences()[0]

    def test_an_unaligned_base_with_aligned_tables(self) -> None:
        """Were the tables aligned all the same, the region's last page would be missing."""
        aligned = small()
        layout = evolve(
            aligned,
            total=Segment(0x800, aligned.v_end),
            page_tables=Segment(aligned.vpt_start + 0x800, aligned.page_tables.end + 0x800),
        )
        report = replay(layout)
        assert report.missing == (Segment(aligned.v_end - PAGE_SIZE, aligned.v_end),)
        assert report.misaligned == 0

    def test_past_2_to_the_64(self) -> None:
        """A region that wraps has its L4 cursor run off: 9 set aside, 5 reached, a leaf wrong, no assert."""
        base = 2**64 - 4 * MIB
        layout = small(base=base, size=2 * MIB)
        report = replay(layout)
        assert layout.nr_pt_pages == report.consumed == 9
        assert sum(report.reached.values()) == 5
        assert report.overruns == (Overrun("L4", 512),)
        assert [leaf.address for leaf in report.wrong] == [base]
        assert report.missing == (Segment(0, 4 * MIB),)
        assert report.fired == ()
        assert not report.refused
        assert not report.exact

    def test_2_to_the_64_exactly(self) -> None:
        """A region that ends at 2**64 has the end 0 and is exact."""
        layout = small(base=2**64 - 4 * MIB, size=0x12000)
        assert layout.v_end == 0
        assert replay(layout).exact

    def test_across_2_to_the_47(self) -> None:
        """A lower-half region across 2**47 overwrites Xen's slot 256, and its upper part is not mapped."""
        report = replay(small(base=(1 << 47) - 2 * MIB))
        assert report.xen_slots_overwritten == (256,)
        assert report.missing == (Segment(1 << 47, (1 << 47) + 4 * MIB),)
        assert report.reached == {"L4": 1, "L3": 1, "L2": 1, "L1": 1}
        assert not report.refused

    def test_a_non_canonical_region(self) -> None:
        """A region at addresses that a processor can't form is mapped at others instead."""
        base = 0x0000_9000_0000_0000
        report = replay(small(base=base))
        assert report.missing == (Segment(base, base + 4 * MIB),)
        assert report.stray == (Segment(0xFFFF_9000_0000_0000, 0xFFFF_9000_0000_0000 + 4 * MIB),)

    def test_a_32_bit_region_above_4_gib(self) -> None:
        """A 32-bit guest's region above 4 GiB takes a fifth L2, is out of reach, and Xen refuses it."""
        report = replay(small(COMPAT, base=6 * GIB))
        assert report.taken["L2"] == 5
        assert report.missing == (Segment(6 * GIB, 6 * GIB + 4 * MIB),)
        assert report.refused

    def test_a_32_bit_region_in_xens_hole(self) -> None:
        """Xen's own mappings overwrite a 32-bit guest's from 0xF5800000 on, and Xen refuses the layout."""
        report = replay(small(COMPAT, base=0xF5800000))
        assert report.missing == (Segment(0xF5800000, 0xF5C00000),)
        assert report.refused
        assert not replay(small(COMPAT, base=0xF5400000)).refused

    def test_tables_outside_of_the_allocation(self) -> None:
        """Tables that don't fit between vpt_start and the region's end leave the domain's allocation."""
        layout = small()
        report = replay(
            evolve(layout, page_tables=Segment(layout.v_end - 3 * PAGE_SIZE, layout.v_end + 2 * PAGE_SIZE))
        )
        assert report.outside_allocation == (3, 4)
        assert not report.exact


class TestDamage:
    """Tables damaged by hand: whatever is wrong with them is seen."""

    def test_undamaged(self) -> None:
        """The domain that the other tests damage is exact as it is."""
        assert looked_at(build(small())).exact

    def test_a_missing_leaf(self) -> None:
        """A leaf that is cleared is seen as a missing page."""
        domain = build(small())
        domain.memory[entry_index(domain, 0x3000)] = 0
        report = looked_at(domain)
        assert report.missing == (Segment(0x3000, 0x4000),)
        assert not report.exact

    def test_a_missing_leaf_of_a_table(self) -> None:
        """A table page that isn't mapped trips the asserts, with no type at all."""
        domain = build(small())
        domain.memory[entry_index(domain, domain.layout.vpt_start + PAGE_SIZE)] = 0
        report = looked_at(domain)
        assert {(one.generation, one.condition, one.frame, one.type_info) for one in report.fired} == {
            ("posted", "type != 0", 1, 0),
            ("committed", "type >= L1", 1, 0),
            ("fixed", "type >= L1", 1, 0),
        }

    def test_missing_leaves_are_joined(self) -> None:
        """Missing pages side by side are one segment, others are not."""
        domain = build(small())
        for address in (0x3000, 0x4000, 0x6000):
            domain.memory[entry_index(domain, address)] = 0
        assert looked_at(domain).missing == (Segment(0x3000, 0x5000), Segment(0x6000, 0x7000))

    def test_a_wrong_leaf(self) -> None:
        """Leaves that are swapped are seen as two wrong pages."""
        domain = build(small())
        one, other = entry_index(domain, 0x3000), entry_index(domain, 0x4000)
        domain.memory[one], domain.memory[other] = domain.memory[other], domain.memory[one]
        report = looked_at(domain)
        three, four = domain.alloc_mfn + 3, domain.alloc_mfn + 4
        assert report.wrong == (WrongLeaf(0x3000, four, three), WrongLeaf(0x4000, three, four))
        assert not report.exact

    def test_a_wrong_leaf_in_the_initrd(self) -> None:
        """A page of the initrd that maps a frame of the allocation is wrong."""
        domain = build(small(initrd_len=PAGE_SIZE))
        domain.memory[entry_index(domain, 0x112000)] = domain.alloc_mfn << 12 | LEAF_FLAGS_64
        assert looked_at(domain).wrong == (WrongLeaf(0x112000, domain.alloc_mfn, INITRD_MFN),)

    def test_a_stray_leaf(self) -> None:
        """A mapping below a region that starts within an L1 is seen as stray."""
        base = 2 * MIB - PAGE_SIZE
        domain = build(small(base=base))
        below = entry_index(domain, base) - 1
        domain.memory[below] = domain.alloc_mfn << 12 | LEAF_FLAGS_64
        report = looked_at(domain)
        assert report.stray == (Segment(base - PAGE_SIZE, base),)
        assert not report.exact

    @pytest.mark.parametrize(("at", "unused"), [(1, 1), (2, 3), (3, 4)])
    def test_a_missing_table(self, at: int, unused: int) -> None:
        """When a table's entry is cleared, what hangs below it is unused and the pages are missing."""
        domain = build(small())
        domain.memory[entry_index(domain, 0x200000, at)] = 0
        report = looked_at(domain)
        assert len(report.unused) == unused
        assert report.missing[-1].end == domain.layout.v_end
        assert not report.exact

    def test_a_table_mapped_twice(self) -> None:
        """An L2 entry that repeats another's L1 gives stray mappings above the region."""
        domain = build(small())
        second = entry_index(domain, 0x200000, 1)
        domain.memory[second + 1] = domain.memory[second]
        assert looked_at(domain).stray == (Segment(0x400000, 0x600000),)

    def test_an_entry_that_points_to_no_table(self) -> None:
        """An L2 entry that points to an ordinary frame maps nothing."""
        domain = build(small())
        domain.memory[entry_index(domain, 0x200000, 1)] = domain.alloc_mfn << 12 | TABLE_FLAGS
        report = looked_at(domain)
        assert report.unused == (4,)
        assert report.missing == (Segment(0x200000, 0x400000),)

    def test_a_table_left_writable(self) -> None:
        """A table page that is writable after the walk is not among the read-only pages."""
        domain = build(small())
        mark_read_only(domain, GENERATIONS, stop_at_first=False)
        domain.memory[entry_index(domain, domain.layout.vpt_start + PAGE_SIZE)] |= WRITABLE
        report = inspect(domain)
        assert report.read_only == (0, 2, 3, 4)
        assert not report.exact

    def test_a_page_read_only_by_mistake(self) -> None:
        """A read-only page that isn't a table is seen, counted from the first table."""
        domain = build(small())
        domain.memory[entry_index(domain, domain.layout.vpt_start - PAGE_SIZE)] &= ~WRITABLE
        report = looked_at(domain)
        assert report.read_only == (-1, 0, 1, 2, 3, 4)
        assert not report.exact

    def test_a_walk_without_a_table(self) -> None:
        """When the tables don't map the page tables the read-only walk says where it stopped."""
        domain = build(small())
        domain.memory[entry_index(domain, 0, 1)] = 0
        assert looked_at(domain).stopped_at == 0

    def test_a_frame_of_the_wrong_type(self) -> None:
        """An assert that fires names its frame, its mfn and the type_info seen."""
        domain = build(small())
        domain.type_info[domain.pool_mfn + 2] = WRITABLE_PAGE
        report = looked_at(domain)
        assert {(one.generation, one.condition) for one in report.fired} == {
            (generation.name, "type <= root") for generation in GENERATIONS
        }
        assert {(one.frame, one.mfn, one.type_info) for one in report.fired} == {
            (2, domain.pool_mfn + 2, WRITABLE_PAGE)
        }
        assert not report.exact

    def test_xens_slot_overwritten(self) -> None:
        """A root slot of Xen's that holds something else is reported, and not followed."""
        domain = build(small())
        root = entry_index(domain, 0, 3)
        domain.memory[root + 271] = domain.memory[root]
        report = looked_at(domain)
        assert report.xen_slots_overwritten == (271,)
        assert report.stray == ()
        assert not report.exact


class TestReport:
    """What the report says to people and to programs."""

    def test_an_exact_layout_in_sentences(self) -> None:
        """An exact layout takes two sentences."""
        assert replay(small()).sentences() == [
            "5 frames are set aside and 5 taken: L4 1, L3 1, L2 1, L1 2.",
            "Every frame set aside is a table, and every page of the region maps its own frame.",
        ]

    def test_every_finding_has_its_sentence(self) -> None:
        """What goes wrong past 2**64 is told one finding a sentence."""
        report = replay(small(base=2**64 - 4 * MIB, size=2 * MIB))
        assert report.sentences() == [
            "9 frames are set aside and 9 taken: L4 1, L3 2, L2 2, L1 4.",
            "No walk from the root reaches frames 5, 6, 7, 8.",
            "The L4 cursor ran off its table and wrote entry 512.",
            "Not mapped: 0x0 to 0x3fffff, 1024 pages.",
            (
                f"0xffffffffffc00000 maps frame {report.wrong[0].mfn:#x} instead of "
                f"{report.wrong[0].expected_mfn:#x}."
            ),
        ]

    def test_an_under_count_in_sentences(self) -> None:
        """A stray table is named by its frame."""
        sentences = replay(with_frames(small(), -1)).sentences()
        assert sentences[1:] == ["Table frame 4 lies outside the reserved frames."]

    def test_asserts_in_sentences(self) -> None:
        """An assert that fired is told with its generation, condition, frame and type_info."""
        sentence = replay(small(COMPAT)).sentences()[1]
        assert sentence.startswith("The assert (posted) only type bits fires at frame 6, mfn 0x")
        assert sentence.endswith("type_info 0x4200000000000000.")

    def test_findings_without_number_in_a_few_sentences(self) -> None:
        """What is found a thousand times over takes a few sentences, with how often it was found."""
        sentences = replay(with_frames(small(), 1000)).sentences()
        assert len(sentences) < 10
        assert (
            "fires at frames 5, 6, 7, 8, 9, 10, 11, 12, ... (616 in all), the first time for mfn 0x"
            in sentences[2]
        )
        domain = build(small())
        for page in range(0, 200, 2):
            domain.memory[entry_index(domain, page << 12)] = 0
        sentences = looked_at(domain).sentences()
        assert sum("Not mapped" in sentence for sentence in sentences) == 8
        assert "... and so on: 100 such findings." in sentences

    def test_plain_data(self) -> None:
        """As plain data the report survives JSON, with addresses in hexadecimal."""
        plain = replay(small(base=2**64 - 4 * MIB, size=2 * MIB)).as_dict()
        again = json.loads(json.dumps(plain))
        assert again["missing"] == [{"start": "0x0", "end": "0x400000"}]
        assert again["taken"] == {"L4": 1, "L1": 4, "L2": 2, "L3": 2}
        assert again["overruns"] == [{"level": "L4", "index": 512}]
        assert (again["consumed"], again["exact"]) == (9, False)

    @pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
    def test_the_tree_hangs_together(self, mode: PagingMode) -> None:
        """Each table reached hangs on one of the level above whose block has its own; frames and levels are as told."""
        report = replay(small(mode=mode, base=0x40000000 - 4 * MIB, size=6 * MIB))
        tables = {each.frame: each for each in report.tree}
        shifts = {level.name: level.shift for level in mode.levels}
        assert Counter(each.level for each in report.tree) == report.reached == report.taken
        assert [each.level for each in report.tree] == list(report.order)
        roots = [each for each in report.tree if each.parent is None]
        assert [(each.frame, each.address) for each in roots] == [(0, 0)]
        for each in report.tree:
            if each.parent is not None:
                above = tables[each.parent]
                assert int(above.level[1]) == int(each.level[1]) + 1
                assert each.address % (1 << shifts[each.level]) == 0
                assert 0 <= each.address - above.address < 1 << shifts[above.level]

    def test_the_tree_leaves_out_what_is_left_over(self) -> None:
        """A frame set aside and not taken hangs on nothing."""
        layout = small()
        report = replay(with_frames(layout, 1))
        assert [each.frame for each in report.tree] == list(range(layout.nr_pt_pages))

    def test_reports_are_values(self) -> None:
        """Two replays of one layout give equal reports, which can be kept in a set."""
        assert len({replay(small()), replay(small())}) == 1
