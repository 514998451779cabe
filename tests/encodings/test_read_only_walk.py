"""The walk of formulas on numbers, against the tables that the machine built: each pointer, before every visit."""

import pytest
from ptproof.encodings import builder_loop
from ptproof.encodings import read_only_walk as walk
from ptproof.encodings.dom0_builder import entry_of
from ptproof.formal.layouts.layout import Layout, Segment
from ptproof.formal.layouts.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ptproof.formal.logic.search import run
from ptproof.formal.machine.builder import (
    XEN_AREA,
    Domain,
    build,
    mark_read_only,
    mfn_of,
    slot_of,
    table_entries,
    table_index,
)
from ptproof.formal.words.word import number

MIB, GIB, FRAMES = 1 << 20, 1 << 30, 11
CASES = [
    (mode, border - 8 * MIB, border - below * PAGE_SIZE)
    for mode, border in ((X86_64, 1 << 39), (X86_64, 5 * GIB), (COMPAT, GIB), (X86_64, 6 * MIB + (1 << 40)))
    for below in (1, 2, FRAMES - 1, FRAMES, FRAMES + 1, 512)
]


def built(mode: PagingMode, v_start: int, vpt_start: int) -> Domain:
    """The machine's tables for a region that ends 4 MiB and more above its tables' start."""
    end = -(-(vpt_start + 4 * MIB) // (4 * MIB)) * 4 * MIB
    tables = Segment(vpt_start, vpt_start + FRAMES * PAGE_SIZE)
    return build(Layout(mode=mode, page_tables=tables, total=Segment(v_start, end)))


def stopped(domain: Domain, visits: int) -> tuple[int, ...]:
    """Where the walk of formulas stops after so many visits, through as many tables as the machine took by its loop."""
    layout = domain.layout
    below, tables = domain.pages, []
    for level in builder_loop.LEVELS:
        own = entry_of(number(layout.v_start), builder_loop.shift_of(level))
        below = int(builder_loop.tables_for(own, number(below)))
        tables.append(below)
    found = run(walk.walking(), (layout.v_start, layout.vpt_start, visits, domain.pages, *tables))
    assert found is not None
    return found


@pytest.mark.parametrize(("mode", "v_start", "vpt_start"), CASES)
def test_each_pointer_is_at_the_machines_entry(mode: PagingMode, v_start: int, vpt_start: int) -> None:
    """From the root down each entry leads to the table of the next pointer, and the last to the page's own frame."""
    domain = built(mode, v_start, vpt_start)
    of_level = {
        level: [frame for frame, each in enumerate(domain.order) if each == level] for level in (1, 2, 3)
    }
    before = (vpt_start - v_start) >> PAGE_SHIFT
    for visits in range(FRAMES + 1):
        visited, pl4e_entry, l3, pl3e_entry, l2, pl2e_entry, l1, pl1e_entry, empty = stopped(domain, visits)
        assert (visited, empty) == (visits, 0)
        entry = domain.memory[domain.root_slot * domain.entries + pl4e_entry]
        for level, table, index in ((3, l3, pl3e_entry), (2, l2, pl2e_entry), (1, l1, pl1e_entry)):
            slot = slot_of(domain, entry)
            assert slot is not None
            assert table_index(slot) == of_level[level][table]
            entry = table_entries(domain, of_level[level][table])[index]
        assert mfn_of(entry) == domain.alloc_mfn + before + visits == domain.pool_mfn + visits


def test_an_empty_entry_is_told() -> None:
    """Beyond the region the walk uses entries that nobody filled: a page's at once, a table's at the next border."""
    domain = built(X86_64, 0, 4 * MIB)
    inside = (8 * MIB - 4 * MIB) >> PAGE_SHIFT
    assert domain.pages == 2 * inside
    assert [stopped(domain, visits)[-1] for visits in (inside - 1, inside, inside + 1)] == [0, 1, 2]


@pytest.mark.parametrize(("border", "tables"), [(8 * MIB + GIB, 1), (5 * GIB, 2), (1 << 39, 3)])
def test_every_empty_entry_at_a_border_is_told(border: int, tables: int) -> None:
    """A region that ends at a border: the walk finds no next table at each level that it ends, and no page either."""
    domain = built(X86_64, border - 8 * MIB, border - 4 * MIB)
    inside = (4 * MIB) >> PAGE_SHIFT
    assert [stopped(domain, inside + more)[-1] for more in (-1, 0, 1)] == [0, tables, tables + 1]


def test_xens_own_entries_begin_at_the_hole() -> None:
    """The machine's walk reaches the last page below the hole, and is lost at the first one that is Xen's own."""
    hole = XEN_AREA["compat"].start
    for first in (hole - 2 * PAGE_SIZE, hole - PAGE_SIZE, hole):
        domain = built(COMPAT, hole - 8 * MIB, first)
        mark_read_only(domain, ())
        lost = next(
            frame for frame in range(FRAMES) if bool(walk.xens_own(number(first // PAGE_SIZE + frame)))
        )
        assert domain.stopped_at == lost == (hole - first) // PAGE_SIZE


def test_tables_beyond_the_root_are_not_there() -> None:
    """Where the region passes 2^64 the root's entry for T is empty: the builder's cursor ran off, T's offset didn't."""
    layout = Layout(
        mode=X86_64,
        page_tables=Segment(PAGE_SIZE, 9 * PAGE_SIZE),
        total=Segment((1 << 64) - 4 * MIB, 4 * MIB),
    )
    domain = build(layout)
    assert stopped(domain, 0)[-1] > 0
    mark_read_only(domain, ())
    assert domain.stopped_at == 0


@pytest.mark.parametrize(("mode", "v_start", "vpt_start"), CASES)
def test_a_visit_leaves_the_machines_type(mode: PagingMode, v_start: int, vpt_start: int) -> None:
    """Of each frame that is visited; one that isn't keeps its own."""
    domain = built(mode, v_start, vpt_start)
    before = list(domain.type_info)
    mark_read_only(domain, ())
    visited = range(domain.pool_mfn, domain.pool_mfn + FRAMES)
    for mfn, info in enumerate(before):
        expected = int(walk.visited_info(mode, number(info))) if mfn in visited else info
        assert domain.type_info[mfn] == expected
