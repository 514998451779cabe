"""The mapping loop on numbers, against the tables that the machine's builder leaves: each entry of each table."""

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ptproof.encodings import builder_loop as loop
from ptproof.encodings.dom0_builder import ENTRIES, missing_l2
from ptproof.formal.layouts.layout import Layout, Segment
from ptproof.formal.layouts.paging import COMPAT, PAGE_SIZE, X86_64, PagingMode
from ptproof.formal.logic.search import run
from ptproof.formal.machine.builder import (
    INITRD_MFN,
    PRESENT,
    XEN_ENTRY,
    Domain,
    build,
    mfn_of,
    slot_of,
    table_entries,
    table_index,
)
from ptproof.formal.words.word import number

MIB, GIB = 1 << 20, 1 << 30
NAMES = [str(each.value) for each in loop.building().state]
REGIONS = [
    (X86_64, 0, 4 * MIB),
    (X86_64, 0x1FF000, 4 * MIB),
    (X86_64, GIB - 4096, GIB + 4 * MIB),
    (X86_64, (1 << 39) - 4 * MIB, (1 << 39) + 4 * MIB),
    (COMPAT, GIB - 8 * MIB, GIB),
    (COMPAT, 3 * GIB - 4096, 3 * GIB + 4 * MIB),
    (COMPAT, 3 * GIB, 3 * GIB + 12 * MIB),
]
MODES = {each.name: int(loop.root_of(each)) for each in (X86_64, COMPAT)}


def state(domain: Domain, table: int, entry: int) -> dict[str, int]:
    """The loop's last state, by name, for the machine's region, when it looks at a table and an entry."""
    initrd = domain.initrd
    found = run(
        loop.building(),
        (
            domain.layout.v_start,
            domain.pages,
            initrd.start,
            len(initrd),
            (INITRD_MFN - domain.alloc_mfn) % (1 << 64),
            MODES[domain.mode.name],
            table % (1 << 64),
            entry,
        ),
    )
    assert found is not None
    return dict(zip(NAMES, found, strict=True))


def built(mode: PagingMode, start: int, end: int, initrd: Segment | None = None) -> Domain:
    """What the machine builds for a region whose tables start 1 MiB below its end."""
    tables = Segment(end - MIB, end - MIB + 16 * PAGE_SIZE)
    return build(Layout(mode=mode, page_tables=tables, total=Segment(start, end), initrd=initrd))


def holds(domain: Domain, level: int, entry: int) -> int:
    """What an entry of the machine's holds, in the loop's terms; Xen's own are written later."""
    if not entry & PRESENT or entry == XEN_ENTRY:
        return 0
    if level == 1:
        return (mfn_of(entry) - domain.alloc_mfn + 1) % (1 << 64)
    slot = slot_of(domain, entry)
    assert slot is not None
    return table_index(slot) + 1


@pytest.mark.parametrize(("mode", "start", "end"), REGIONS)
def test_every_entry_of_every_table(mode: PagingMode, start: int, end: int) -> None:
    """Each table that the loop takes has the machine's level, and each entry there leads where the machine's does."""
    domain = built(mode, start, end, Segment(start + 0x3000, start + 0x5800))
    last = state(domain, loop.NO_TABLE, 0)
    filled = len(domain.order) - last["next_table"]
    assert filled == (0 if mode is X86_64 else int(missing_l2(number(start), number(last["l2_taken"]))))
    taken = [domain.order[: last["next_table"]].count(level) for level in (1, 2, 3)]
    assert taken == [last["l1_taken"], last["l2_taken"], last["l3_taken"]]
    for table, level in enumerate(domain.order[: last["next_table"]]):
        entries = table_entries(domain, table)
        if level == 4:
            continue
        used = [index for index in range(ENTRIES) if holds(domain, level, entries[index])]
        for entry in {3, used[0], used[-1], (used[-1] + 1) % ENTRIES}:
            seen, there = state(domain, table, entry), holds(domain, level, entries[entry])
            assert seen["level"] == level
            assert seen["content"] == (0 if level > 1 and there > last["next_table"] else there)


@pytest.mark.parametrize(("mode", "start", "end"), REGIONS)
def test_the_root_leads_to_the_machines_l3(mode: PagingMode, start: int, end: int) -> None:
    """The root's entries for the region lead to the machine's L3 tables, and the one behind them is empty."""
    domain = built(mode, start, end)
    first = (start >> 39) % ENTRIES
    l3_tables = [at for at, level in enumerate(domain.order) if level == 3]
    found = [state(domain, MODES[mode.name], first + index) for index in range(len(l3_tables) + 1)]
    assert [each["content"] for each in found] == [*(table + 1 for table in l3_tables), 0]
    assert {each["level"] for each in found} == {4}


@given(
    st.integers(0, (1 << 36) - 1),
    st.integers(1, 3 * ENTRIES),
    st.integers(0, 40),
    st.integers(0, 40),
    st.sampled_from(list(MODES.values())),
    st.sampled_from(["none", "root", "L3", "another"]),
    st.integers(0, ENTRIES - 1),
)
@settings(max_examples=60, deadline=None)
@example((1 << 27) - 700, 1400, 3, 5, 0, "root", 511)
@example((1 << 18) - 700, 1400, 3, 5, (1 << 64) - 1, "L3", 1)
def test_the_loop_leaps_to_where_its_steps_end(
    first: int, pages: int, initrd: int, length: int, root: int, table: str, entry: int
) -> None:
    """Run on numbers, the loop's leap gives what its steps give."""
    start = number(first << 12)
    l3 = int(loop.place(start, number(root), 3, number(0)))
    looked_at = {"none": loop.NO_TABLE, "root": root, "L3": l3, "another": 1}[table]
    given_to = (first << 12, pages, initrd, length, 1 << 30, root, looked_at, entry)
    steps = evolve(loop.building(), leap=None)
    assert run(loop.building(), given_to) == run(steps, given_to)


def test_a_step_says_where_a_table_lies() -> None:
    """Where the closed form puts the tables of a region across borders of all levels, the loop takes them."""
    domain = built(X86_64, (1 << 39) - 4 * MIB, (1 << 39) + 4 * MIB)
    start, root = number(domain.layout.v_start), number(0)
    for level in loop.LEVELS:
        tables = [at for at, each in enumerate(domain.order) if each == level]
        places = [int(loop.place(start, root, level, number(index))) for index in range(len(tables))]
        assert places == tables
