"""Lemmas about the read-only walk in a region of any n: which page it stands at after so many visits, and what that maps.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages. What is proved about the walk's
steps (`walk_steps`) is put together with the tables that the builder took, and with the frames that the pages map.
How n came about doesn't matter here: it may be too large or too small.
"""

from functools import cache

from ...encodings import dom0_builder
from ...encodings import read_only_walk as walk
from ...encodings.builder_loop import place, root_of
from ...encodings.spans import spanned
from ...formal.layouts.paging import COMPAT, PAGE_SHIFT, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Run, Statement, Steps
from ...formal.words.word import Truth, Word, all_of, replaced
from ..builder.frame_claims import index, maps_nth, nth_frame, nth_mapped, nth_page
from ..builder.frames_taken import levels_take, not_all_around
from ..builder.loop_steps import tables_counted
from ..builder.mapped_pages import (
    arguments,
    at,
    below_tables,
    built,
    counted_in_pages,
    frame_of,
    initrd_ends,
    on_pages,
    own_bytes,
    pages_inside,
    region_bytes,
    table_page,
    tables_at,
    v_end,
)
from ..builder.page_lengths import order_bounded
from ..builder.root_limits import keeps, kept, root_holds, walkable
from ..builder.table_places import ITS, same_place, small_entries
from ..builder.walk_down import AT, RESULTS, content, entry_under, looks, under, walk_down
from ..shared import region
from ..shared.region import n, v_start
from .walk_steps import (
    IN_TABLES,
    POINTERS,
    SHIFTS,
    empty,
    entry_of,
    l1_tables,
    l2_tables,
    l3_tables,
    pages,
    pl1e_entry,
    pl1e_table,
    rounded,
    tables_taken,
    visited,
    walk_stands,
    walked,
)


@cache
def levels_rounded(mode: PagingMode) -> Lemma:
    """The tables that the builder took at each level are one for every 512 of the level below."""
    whole = dom0_builder.pages_of(v_start, v_end)
    return Lemma(
        f"levels-rounded[{mode.name}]",
        "each level took ⌈(o + e) / 512⌉ tables, e at the level below",
        Statement(
            assumptions=(not_all_around(),),
            runs=(built(mode),),
            goal=replaced(
                tables_taken().condition,
                {
                    pages: whole,
                    l1_tables: ITS.taken[1],
                    l2_tables: ITS.taken[2],
                    l3_tables: ITS.taken[3],
                },
            ),
        ),
        Steps(
            uses=(small_entries().at(), at(tables_counted(), mode)),
            generalise=(region_bytes, *(entry_of(shift) for shift in SHIFTS)),
        ),
    )


def visits(
    mode: PagingMode, visits: Word, table: Word = ITS.table, entry: Word = ITS.entry
) -> tuple[Run, ...]:
    """The builder's loop, the walk over so many pages from T on, and what memory holds where its pointers are then."""
    whole = dom0_builder.pages_of(v_start, v_end)
    return (
        built(mode, table, entry),
        walked(visits, ITS.taken[1], ITS.taken[2], ITS.taken[3], whole),
        *looks(arguments() | {ITS.root: root_of(mode)}, POINTERS),
    )


def stands_at(mode: PagingMode, visits: Word) -> Truth:
    """After ``visits`` visits the walk is at the page T + 4096 ``visits``, by entries that aren't empty or Xen's own.

    And in memory, too, the entry that each of its pointers is at leads to the table that the next one is in.
    """
    there = table_page() + visits
    full = (empty == 0) & kept(mode, visits) if mode is COMPAT else empty == 0
    by_memory = all_of(
        (content(level + 1) == place(v_start, root_of(mode), level, table) + 1)
        & (RESULTS[level]["level"] == level)
        for level, table in IN_TABLES.items()
    )
    at_page = walk.leads_to(v_start, 21, pl1e_table, pl1e_entry) == there
    return (visited == visits) & at_page & full & by_memory


@cache
def walk_comes_to(mode: PagingMode) -> Lemma:
    """The walk reaches the page T + 4096 i after i visits, and that maps the i-th frame from the first table on."""
    nth = nth_page()
    whole = dom0_builder.pages_of(v_start, v_end)
    compat = mode is COMPAT
    address_page = (v_start >> PAGE_SHIFT) + nth
    return Lemma(
        f"walk-comes-to[{mode.name}]",
        "i ≤ n ⇒ after i visits the walk is at the page T + 4096 i, it used no empty entry and none of Xen's own, its "
        "pointers are where memory leads to, and for i < n the page maps the i-th frame from the first table on",
        Statement(
            assumptions=(
                region.room(mode, n),
                on_pages(),
                below_tables(),
                walkable(mode),
                Assumption("index", index <= n, "i ≤ n"),
            ),
            runs=visits(mode, index),
            goal=stands_at(mode, index) & ((index == n) | maps_nth(index)),
        ),
        Steps(
            uses=(
                region.v_end_grows(mode).at(m=n),
                pages_inside(mode).at(),
                counted_in_pages().at(),
                levels_rounded(mode).at(),
                levels_take(mode).at(),
                root_holds().at(end=v_end),
                walk_stands().at(
                    visits=index,
                    pages=whole,
                    l1_tables=ITS.taken[1],
                    l2_tables=ITS.taken[2],
                    l3_tables=ITS.taken[3],
                ),
                nth_mapped(mode).wherever(),
                *((keeps(mode, index),) if compat else ()),
                initrd_ends().at(),
                order_bounded().at(size=region_bytes - own_bytes),
                at(
                    walk_down(),
                    mode,
                    page=nth,
                    **{str(AT[level].value): entry for level, entry in POINTERS.items()},
                ),
                *(
                    same_place(level).wherever(a=under(level, nth), b=table, root=root_of(mode))
                    for level, table in IN_TABLES.items()
                ),
            ),
            generalise=(
                frame_of(nth),
                walk.leads_to(v_start, 21, pl1e_table, pl1e_entry),
                *(place(v_start, root_of(mode), level, table) for level, table in IN_TABLES.items()),
                *(place(v_start, root_of(mode), level, under(level, nth)) for level in IN_TABLES),
                *(entry_under(level, nth) for level in POINTERS),
                *(under(level, nth) for level in IN_TABLES),
                spanned(v_start, v_end, 39),
                *((address_page,) if compat else ()),
                nth_frame(),
                *(
                    rounded(shift, each)
                    for shift, each in ((39, ITS.taken[2]), (30, ITS.taken[1]), (21, whole))
                ),
                *(entry_of(shift) for shift in (21, 30, 39, 48)),
                table_page(),
                tables_at >> PAGE_SHIFT,
                region_bytes,
                tables_at,
                v_end,
                own_bytes,
            ),
        ),
    )
