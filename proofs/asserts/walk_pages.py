"""Lemmas about the read-only walk in a region of any n: which page it stands at after so many visits, and what that maps.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages. What is proved of the walk's
steps (`walk_steps`) is put together with the tables that the builder took, and with the frames that the pages map.
Nothing is said here of how n came about: it may be too large or too small.
"""

from functools import cache

from ...encodings import dom0_builder
from ...encodings import read_only_walk as walk
from ...encodings.dom0_builder import ENTRY_BITS
from ...encodings.spans import spanned
from ...formal.layouts.paging import COMPAT, PAGE_SHIFT, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Run, Statement, Steps
from ...formal.words.word import Truth, Word, replaced
from ..builder.claims import SHIFTS, fills, level_runs, level_takes, not_all_around, states, took
from ..builder.frame_claims import index, mpt_alloc, nth_mapped, nth_taken
from ..builder.mapped_pages import (
    below_tables,
    counted_in_pages,
    frame_given,
    initrd_count,
    initrd_page,
    mapping,
    on_pages,
    own_bytes,
    pages_inside,
    region_bytes,
    table_page,
    tables_at,
    v_end,
)
from ..builder.root_limits import keeps, kept, root_holds, walkable
from ..shared import region
from ..shared.region import n, v_start
from .walk_steps import (
    empty,
    entry_of,
    l1_entry,
    l1_table,
    l1_tables,
    l2_tables,
    l3_tables,
    pages,
    small_entries,
    tables_taken,
    visited,
    walk_stands,
    walked,
)


@cache
def levels_rounded() -> Lemma:
    """The tables that the builder took at each level are one for every 512 of the level below."""
    whole = dom0_builder.pages_of(v_start, v_end)
    filled = [
        fills().at(
            offset=entry_of(shift),
            events=whole if shift == 21 else took(shift - ENTRY_BITS),
            **dict(zip(("done", "cursor", "taken"), states(shift), strict=True)),
        )
        for shift in SHIFTS
    ]
    return Lemma(
        "levels-rounded",
        "each level took ⌈(o + e) / 512⌉ tables, e at the level below",
        Statement(
            assumptions=(not_all_around(),),
            runs=level_runs(),
            goal=replaced(
                tables_taken().condition,
                {pages: whole, l1_tables: took(21), l2_tables: took(30), l3_tables: took(39)},
            ),
        ),
        Steps(
            uses=(small_entries().at(), *filled),
            generalise=(region_bytes, *(entry_of(shift) for shift in SHIFTS)),
        ),
    )


def visits(at: Word) -> tuple[Run, ...]:
    """The walk over ``at`` pages from T on, the mapping loop up to the next one, and the ``at``-th table frame."""
    whole = dom0_builder.pages_of(v_start, v_end)
    return (
        walked(at, took(21), took(30), took(39), whole),
        mapping(table_page() + at),
        nth_taken(at),
    )


def stands_at(mode: PagingMode, at: Word) -> Truth:
    """After ``at`` visits the walk is at the page T + 4096 ``at``, and used no entry that is empty or Xen's own."""
    there = table_page() + at
    full = (empty == 0) & kept(mode, at) if mode is COMPAT else empty == 0
    return (visited == at) & (walk.leads_to(v_start, 21, l1_table, l1_entry) == there) & full


def maps_nth(at: Word) -> Truth:
    """The page T + 4096 ``at`` maps the frame that the cursor gives out after ``at`` tables."""
    return frame_given(table_page() + at) << PAGE_SHIFT == mpt_alloc


@cache
def walk_comes_to(mode: PagingMode) -> Lemma:
    """The walk comes to the page T + 4096 i after i visits, and that maps the i-th frame from the first table on."""
    nth = table_page() + index
    whole = dom0_builder.pages_of(v_start, v_end)
    compat = mode is COMPAT
    address_page = (v_start >> PAGE_SHIFT) + nth
    return Lemma(
        f"walk-comes-to[{mode.name}]",
        "i ≤ n ⇒ after i visits the walk is at the page T + 4096 i, it used no empty entry and none of Xen's own, "
        "and for i < n the page maps the i-th frame from the first table on",
        Statement(
            assumptions=(
                region.room(mode, n),
                on_pages(),
                below_tables(),
                walkable(mode),
                Assumption("index", index <= n, "i ≤ n"),
            ),
            runs=(*level_runs(), *visits(index)),
            goal=stands_at(mode, index) & ((index == n) | maps_nth(index)),
        ),
        Steps(
            uses=(
                region.v_end_grows(mode).at(m=n),
                pages_inside(mode).at(),
                counted_in_pages().at(),
                levels_rounded().at(),
                level_takes(39).at(),
                root_holds().at(end=v_end),
                walk_stands().at(
                    visits=index, pages=whole, l1_tables=took(21), l2_tables=took(30), l3_tables=took(39)
                ),
                nth_mapped(mode).wherever(),
                *((keeps(mode, index),) if compat else ()),
            ),
            generalise=(
                frame_given(nth) << PAGE_SHIFT,
                walk.leads_to(v_start, 21, l1_table, l1_entry),
                spanned(v_start, v_end, 39),
                initrd_page + initrd_count,
                initrd_page,
                initrd_count,
                *((address_page,) if compat else ()),
                *(entry_of(shift) for shift in (21, 30, 39, 48)),
                table_page(),
                region_bytes,
                tables_at,
                v_end,
                own_bytes,
            ),
        ),
    )
