"""What happens to the new tables before dom0 runs: dirty bits, a separate p2m, refusals and deaths."""

from typing import Any

import pytest
from attrs import evolve
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, PAGE_SIZE
from ptproof.formal.machine.arrange import TooLarge
from ptproof.formal.machine.builder import TABLE_FLAGS, Domain, mfn_of, slot_of, table_entries, table_offset
from ptproof.formal.machine.loading import (
    DIRTY,
    HEAP_MFN,
    LARGE,
    LARGE_MFN,
    P2M_LEAF_FLAGS,
    Fate,
    Loaded,
    Unmodelled,
    load,
)
from ptproof.formal.xen.real_xen import RESET, SILENT

MIB, GIB = 1 << 20, 1 << 30
TOP = ADDRESS_LIMIT


def small(base: int = 0, size: int = 0x12000, **options: Any) -> Configuration:
    """A kernel ``size`` bytes long, 1 MiB above ``base``."""
    options = {"nr_pages": 65536} | options
    kernel = Segment(base + MIB, base + MIB + size)
    return Configuration(virt_base=base, kernel=kernel, **options)


def leaf(domain: Domain, address: int) -> int:
    """The entry that maps an address of the region."""
    levels = domain.mode.levels
    slot = domain.root_slot
    for level in reversed(levels[1:]):
        below = slot_of(domain, domain.memory[slot * domain.entries + table_offset(level, address)])
        assert below is not None
        slot = below
    return domain.memory[slot * domain.entries + table_offset(levels[0], address)]


def dirty(loaded: Loaded) -> list[int]:
    """The pages of the region whose leaves are dirty, by address."""
    assert loaded.layout is not None
    assert loaded.domain is not None
    start, size = loaded.layout.v_start, loaded.layout.total.size
    pages = range(start, start + size, PAGE_SIZE)
    return [page for page in pages if leaf(loaded.domain, page % ADDRESS_LIMIT) & DIRTY]


def pages(*ranges: tuple[int, int]) -> list[int]:
    """The pages of the ranges, by address."""
    return [page for start, end in ranges for page in range(start, end, PAGE_SIZE)]


class TestDirty:
    """Which pages Xen writes through the tables."""

    def test_kernel_p2m_and_start_info(self) -> None:
        """The kernel's pages, the p2m's and the start info's are dirty, and no other."""
        loaded = load(small())
        assert loaded.fate is Fate.RUNS
        assert dirty(loaded) == pages((0x100000, 0x193000))

    def test_an_initrd_is_not_written(self) -> None:
        """A mapped initrd is where it was: its pages are clean."""
        loaded = load(small(initrd_len=5000))
        assert dirty(loaded) == pages((0x100000, 0x112000), (0x114000, 0x195000))

    def test_parts_of_pages_count(self) -> None:
        """A kernel that starts and ends within pages makes those pages dirty."""
        configuration = evolve(small(), kernel=Segment(0x100FFC, 0x102001))
        assert dirty(load(configuration))[:3] == [0x100000, 0x101000, 0x102000]

    def test_gaps_between_segments_stay_clean(self) -> None:
        """Only what the image fills is written, where that is less than the whole kernel."""
        loaded = load(small(), written=[Segment(0x100000, 0x101000), Segment(0x110000, 0x112000)])
        assert dirty(loaded)[:4] == pages((0x100000, 0x101000), (0x110000, 0x113000))

    def test_a_32_bit_guest(self) -> None:
        """The same is so for a 32-bit guest, whose p2m is half as large."""
        loaded = load(small(mode=COMPAT))
        assert loaded.fate is Fate.RUNS
        assert dirty(loaded) == pages((0x100000, 0x153000))

    def test_nothing_else_changes(self) -> None:
        """But for the dirty bits the tables are those that the builder left."""
        loaded = load(small())
        assert loaded.domain is not None
        assert leaf(loaded.domain, 0) & 0xFFF == 0x27
        assert leaf(loaded.domain, 0x193000) & 0xFFF == 0x25
        assert leaf(loaded.domain, 0x100000) & 0xFFF == 0x67
        assert loaded.overwritten == set()


def p2m_tables(**options: Any) -> Loaded:
    """A small dom0 with a p2m of its own."""
    return load(small(**({"init_p2m": 1 << 39} | options)))


class TestSeparateP2m:
    """A p2m outside of the region gets mapped by tables from the heap."""

    def test_a_p2m_of_512_kib(self) -> None:
        """At 512 GiB it takes an L3, an L2 and an L1, taken from the top downwards, then its 128 pages."""
        loaded = p2m_tables()
        assert loaded.domain is not None
        assert loaded.fate is Fate.RUNS
        assert list(loaded.heap) == [HEAP_MFN, HEAP_MFN + 1, HEAP_MFN + 2]
        assert table_entries(loaded.domain, 0)[1] == HEAP_MFN << 12 | TABLE_FLAGS
        upper, middle, lower = loaded.heap.values()
        assert upper[0] == HEAP_MFN + 1 << 12 | TABLE_FLAGS
        assert middle[0] == HEAP_MFN + 2 << 12 | TABLE_FLAGS
        assert lower[:128] == [HEAP_MFN + 3 + page << 12 | P2M_LEAF_FLAGS for page in range(128)]
        assert not any(lower[128:] + middle[1:] + upper[1:])

    def test_start_info_follows_the_kernel(self) -> None:
        """In the region the kernel and the start info alone are dirty."""
        assert dirty(p2m_tables()) == pages((0x100000, 0x113000))

    def test_superpages(self) -> None:
        """A p2m of 4 MiB and a page takes two superpages and an L1 for the page."""
        loaded = p2m_tables(nr_pages=(4 * MIB + PAGE_SIZE) // 8)
        _upper, middle, lower = loaded.heap.values()
        assert middle[:2] == [LARGE_MFN + 512 * page << 12 | P2M_LEAF_FLAGS | LARGE for page in range(2)]
        assert mfn_of(middle[2]) == HEAP_MFN + 2
        assert [mfn_of(entry) for entry in lower if entry] == [HEAP_MFN + 3]

    def test_superpages_of_1_gib(self) -> None:
        """Where there are such, a p2m of 1 GiB and 2 MiB takes one of them, and an L2 for one of 2 MiB."""
        options = {"init_p2m": 1 << 39, "nr_pages": (GIB + 2 * MIB) // 8}
        loaded = load(small(**options), written=(), superpages=frozenset({21, 30}))
        assert loaded.fate is Fate.RUNS
        upper, middle = loaded.heap.values()
        assert upper[:2] == [LARGE_MFN << 12 | P2M_LEAF_FLAGS | LARGE, HEAP_MFN + 1 << 12 | TABLE_FLAGS]
        assert middle[0] == LARGE_MFN + (1 << 18) << 12 | P2M_LEAF_FLAGS | LARGE
        assert loaded.taken == {"L3": 1, "L2": 1}

    def test_no_superpages_at_all(self) -> None:
        """Where Xen finds no free one, a p2m of 4 MiB and a page takes an L1 for each 2 MiB."""
        pages = (4 * MIB + PAGE_SIZE) // 8
        loaded = load(small(init_p2m=1 << 39, nr_pages=pages), written=(), superpages=frozenset())
        assert loaded.taken == {"L3": 1, "L2": 1, "L1": 3}
        assert not any(entry & LARGE for table in loaded.heap.values() for entry in table)

    def test_no_superpage_where_it_is_not_aligned(self) -> None:
        """The same p2m a page higher takes pages up to the next 2 MiB, then a superpage, then pages."""
        loaded = p2m_tables(init_p2m=(1 << 39) + PAGE_SIZE, nr_pages=(4 * MIB + PAGE_SIZE) // 8)
        _upper, middle, first, last = loaded.heap.values()
        assert [bool(entry & LARGE) for entry in middle[:3]] == [False, True, False]
        assert (sum(map(bool, first)), sum(map(bool, last))) == (511, 2)

    def test_in_the_regions_own_tables(self) -> None:
        """A p2m next to the region needs but an L1: the tables above it are the region's own, which change."""
        loaded = p2m_tables(init_p2m=4 * MIB + 8)
        assert loaded.domain is not None
        assert len(loaded.heap) == 1
        assert table_entries(loaded.domain, 2)[2] == HEAP_MFN << 12 | TABLE_FLAGS
        assert sum(map(bool, loaded.heap[HEAP_MFN])) == 129

    def test_below_in_the_regions_own_l1(self) -> None:
        """A p2m just below a region that starts within 2 MiB takes no table at all."""
        loaded = p2m_tables(base=GIB + MIB, init_p2m=GIB)
        assert loaded.domain is not None
        assert loaded.fate is Fate.RUNS
        assert loaded.heap == {}
        assert [mfn_of(entry) for entry in table_entries(loaded.domain, 1)[:128]] == list(
            range(HEAP_MFN, HEAP_MFN + 128)
        )

    def test_a_32_bit_guests_is_ignored(self) -> None:
        """A 32-bit guest has its p2m in the region, whatever it asks for."""
        assert p2m_tables(mode=COMPAT).heap == {}

    def test_touching_the_region(self) -> None:
        """A p2m that ends where the region starts, or starts where it ends, is refused already."""
        length = 65536 * 8
        for at in (4 * MIB, 2 * MIB):
            assert p2m_tables(init_p2m=at).fate is Fate.P2M_OVERLAPS
        assert p2m_tables(base=GIB, init_p2m=GIB - length).fate is Fate.P2M_OVERLAPS
        assert p2m_tables(base=GIB, init_p2m=GIB - length - 8).fate is Fate.RUNS

    def test_memory_for_it(self) -> None:
        """Before each step three pages have to be left, so before the last one, too: 1024 + 3 + 3, and 3 more."""
        assert p2m_tables(nr_pages=1033).fate is Fate.RUNS
        assert p2m_tables(nr_pages=1032).fate is Fate.P2M_TOO_LARGE

    def test_superpages_count_with_all_their_pages(self) -> None:
        """The memory of a superpage counts, too: dom0's memory is used up by 1024 + 512 pages and 4 tables' room."""
        loaded = p2m_tables(nr_pages=2 * MIB // 8)
        assert loaded.fate is Fate.RUNS
        assert len(loaded.heap) == 2

    def test_at_the_end_of_the_address_space(self) -> None:
        """A p2m in the last page makes Xen go on at 0: there it finds the region mapped, or no end of pages."""
        length = 65536 * 8
        assert p2m_tables(init_p2m=TOP - length - 8).fate is Fate.DIES
        assert p2m_tables(init_p2m=TOP - length - PAGE_SIZE).fate is Fate.RUNS
        assert p2m_tables(base=GIB, init_p2m=TOP - length - 8).fate is Fate.P2M_TOO_LARGE
        assert "is not mapped" in p2m_tables(init_p2m=TOP - length).why

    def test_in_xens_own_area(self) -> None:
        """Xen maps a p2m into its own slots, which this doesn't."""
        with pytest.raises(Unmodelled, match="Xen's own area"):
            p2m_tables(init_p2m=0xFFFF_8200_0000_0000)

    def test_where_no_address_is(self) -> None:
        """A p2m between the halves is mapped elsewhere, and Xen dies when it writes it."""
        loaded = p2m_tables(init_p2m=0x0000_9000_0000_0000)
        assert loaded.fate is Fate.DIES
        assert loaded.why == "0x900000000000 is no address that a processor can form"


class TestFates:
    """Where Xen refuses, or dies."""

    def test_a_32_bit_guest_without_support(self) -> None:
        """A Xen without 32-bit guests refuses one before it lays it out."""
        loaded = load(small(mode=COMPAT), has_32_bit=False)
        assert (loaded.fate, loaded.layout) == (Fate.NO_32_BIT, None)

    def test_memory(self) -> None:
        """The region's power of two and the initrd's pages have to fit."""
        assert load(small(nr_pages=1024)).fate is Fate.RUNS
        assert load(small(nr_pages=1023)).fate is Fate.TOO_LITTLE_MEMORY
        assert load(small(nr_pages=1025, initrd_len=5000)).fate is Fate.TOO_LITTLE_MEMORY
        assert load(small(nr_pages=1026, initrd_len=5000)).fate is Fate.RUNS

    def test_xens_area(self) -> None:
        """A region in Xen's own area is refused, but not one behind it."""
        assert load(small(0xFFFF_8200_0000_0000)).fate is Fate.OVERLAPS
        assert load(small(0xFFFF_8800_0000_0000)).fate is Fate.RUNS

    @pytest.mark.parametrize("base", [8, 0x800, TOP - 2 * GIB + 16])
    def test_a_base_within_a_page(self, base: int) -> None:
        """Xen dies of tables that aren't page aligned, and nothing is built."""
        loaded = load(small(base))
        assert (loaded.fate, loaded.domain) == (Fate.DIES, None)

    def test_past_the_last_address(self) -> None:
        """When but the padding goes past 2**64 dom0 runs; when the tables do Xen doesn't find them."""
        assert load(small(TOP - 4 * MIB, 2 * MIB)).fate is Fate.RUNS
        loaded = load(small(TOP - 4 * MIB, 3 * MIB - 0x40000))
        assert (loaded.fate, loaded.why) == (Fate.DIES, "the read-only walk finds no table for frame 0")

    def test_across_2_to_the_47(self) -> None:
        """What is written up there decides: nothing, the start info, or the kernel."""
        base = (1 << 47) - 4 * MIB
        assert load(small(base, 2 * MIB)).fate is Fate.RUNS
        assert load(small(base, 3 * MIB - 0x40000)).fate is Fate.DIES
        assert load(small(base, 4 * MIB)).fate is Fate.NOT_LOADED

    def test_a_page_that_is_a_table(self) -> None:
        """Past 2**64 a table's entry overwrites the first page's leaf: a kernel there is loaded into that table."""
        configuration = Configuration(
            virt_base=TOP - 4 * MIB, kernel=Segment(TOP - 4 * MIB, TOP - MIB), nr_pages=65536
        )
        loaded = load(configuration)
        assert loaded.domain is not None
        assert loaded.fate is Fate.RUNS
        (frame,) = loaded.overwritten
        assert loaded.domain.order[frame] == 3

    def test_too_large(self) -> None:
        """What the machine can't execute in reasonable time is said to be too large."""
        with pytest.raises(TooLarge):
            load(small(size=20 * GIB, nr_pages=1 << 30))

    def test_every_fate_is_said_otherwise(self) -> None:
        """No two fates share what Xen says then; a reset by the processor, and a silence, are deaths."""
        said = [words for fate in Fate for words in fate.says]
        assert len(set(said)) == len(said)
        assert all(any(words in line for words in Fate.DIES.says) for line in (RESET, SILENT))
