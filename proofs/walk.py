"""The family *Asserts*, its walk: which pages the read-only walk comes to, and through which entries.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages. What is proved of the walk's
steps (`walk_steps`) is put together with what the builder took, and with the frames that the pages map.
"""

from functools import cache
from typing import Final

from ..encodings import dom0_builder
from ..encodings import read_only_walk as walk
from ..encodings.dom0_builder import ENTRIES, ENTRY_BITS
from ..encodings.spans import spanned
from ..formal.builder import Domain, build, mark_read_only
from ..formal.claim import Claim, Part, claim
from ..formal.machine import with_frames
from ..formal.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ..formal.theorem import Assumption, Lemma, Statement, Steps
from ..formal.type_info import Asserts, Condition
from ..formal.words import Truth, replaced, word
from . import asserts, region
from .builder import (
    SHIFTS,
    above_4_gib,
    below_4_gib,
    consumed,
    fills,
    full_circle,
    level_runs,
    level_takes,
    not_all_around,
    region_runs,
    states,
    takes_n,
    took,
)
from .count import BOTH
from .frames import index, mpt_alloc, nth_mapped, nth_taken, on_machine
from .mapped_pages import (
    below_tables,
    counted_in_pages,
    frame_given,
    initrd_count,
    initrd_len,
    initrd_page,
    mapping,
    on_pages,
    own_bytes,
    pages_inside,
    region_bytes,
    table_page,
    tables_at,
    v_end,
    vinitrd_start,
)
from .region import n, v_start, vpt_start
from .replays import Values
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


@cache
def root_holds() -> Lemma:
    """Where S and the region's last byte agree above the root, the root has an entry for each L3."""
    end = word("end")
    return Lemma(
        "root-holds",
        "S and V - 1 agree from bit 48 up ⇒ the root's entry for S, and N_39 of them, are in the root",
        Statement(
            assumptions=(
                Assumption(
                    "some", (end - v_start > 0) & (end - v_start <= region.region_limit(X86_64)), "V > S"
                ),
                Assumption(
                    "within",
                    (v_start <= end - 1) & (v_start >> 48 == (end - 1) >> 48),
                    "S ≤ V - 1, and they agree from bit 48 up",
                ),
            ),
            goal=entry_of(48) + spanned(v_start, end, 39) <= ENTRIES,
        ),
    )


def within_root() -> Assumption:
    """The region doesn't run off the end of the root table."""
    return Assumption(
        "root",
        (v_start <= v_end - 1) & (v_start >> 48 == (v_end - 1) >> 48),
        "v_start and the region's last byte, above it, agree from bit 48 up: the builder doesn't run off the root",
    )


@cache
def walk_visits(mode: PagingMode) -> Lemma:
    """The walk comes to the page T + 4096 i after i visits, and that maps the i-th frame taken."""
    whole = dom0_builder.pages_of(v_start, v_end)
    leaf = walk.leads_to(v_start, 21, l1_table, l1_entry)
    nth = table_page() + index
    compat = mode is COMPAT
    return Lemma(
        f"walk-visits-tables[{mode.name}]",
        "the search stops at n, i ≤ n ⇒ after i visits the walk is at the page T + 4096 i, it used no empty entry, "
        "and for i < n the page maps the i-th of the n frames taken",
        Statement(
            assumptions=(
                region.room(mode, n),
                on_pages(),
                below_tables(),
                below_4_gib() if compat else within_root(),
                Assumption("index", index <= n, "i ≤ n"),
            ),
            runs=(
                *region_runs(mode),
                walked(index, took(21), took(30), took(39), whole),
                mapping(nth),
                nth_taken(),
            ),
            goal=(visited == index)
            & (leaf == nth)
            & (empty == 0)
            & ((index == n) | (frame_given(nth) << PAGE_SHIFT == mpt_alloc))
            & (consumed(mode) == n),
        ),
        Steps(
            uses=(
                takes_n(mode).at(),
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
            ),
            generalise=(
                frame_given(nth) << PAGE_SHIFT,
                leaf,
                spanned(v_start, v_end, 39),
                initrd_page + initrd_count,
                initrd_page,
                initrd_count,
                *((dom0_builder.missing_l2(v_start, took(30)),) if compat else ()),
                *(entry_of(shift) for shift in (21, 30, 39, 48)),
                table_page(),
                region_bytes,
                tables_at,
                v_end,
                own_bytes,
            ),
        ),
    )


def _crossing(mode: PagingMode) -> Truth:
    """Tables across a border of all levels: two of them below it."""
    border = 1 << (39 if mode is X86_64 else 30)
    return (v_start == border - (8 << 20)) & (vpt_start == border - 2 * PAGE_SIZE)


@claim(family=asserts.FAMILY, sentence=asserts.PURPOSE, source="follows: what the asserts really check")
def walk_visits_tables() -> tuple[Part, ...]:
    """For all S, T with room, i ≤ n: after i visits the walk is at the page T + 4096 i, and it used no empty entry.

    So it comes to exactly the n frames of the tables, in the order taken, across every border of L1, L2 and L3; and
    each entry that it goes through is one that the builder filled, the last look beyond the tables included. For S, T
    and any mapped initrd on pages; 64-bit, where the region doesn't run off the root; compat, where V(n) ≤ 4 GiB.
    """
    no_initrd = (vinitrd_start == 0) & (initrd_len == 0)
    return tuple(
        Part(
            name=mode.title,
            lemma=walk_visits(mode),
            least=(v_start, vpt_start),
            shape=_crossing(mode) & no_initrd & (index == n) & (n < asserts.FEW),
            without={
                "room": full_circle() & no_initrd & (index == 0),
                "pages": (v_start == PAGE_SIZE // 2) & (vpt_start == 1 << 20) & no_initrd & (index == 0),
                "initrd": (v_start == 0)
                & (vpt_start == 1 << 20)
                & (vinitrd_start == 2 << 20)
                & (initrd_len == 2 << 20)
                & (index == 0),
                "root": (v_start == -(4 << 20)) & (vpt_start == PAGE_SIZE) & no_initrd & (index == 1),
                "below": above_4_gib() & no_initrd & (index == 1),
                "index": (v_start == 0) & (vpt_start == 1 << 20) & no_initrd & (index == 1024),
            },
            replay=on_machine(mode, _visits),
        )
        for mode in BOTH
    )


CLAIMS: tuple[Claim, ...] = (walk_visits_tables,)


EVERY: Final = Asserts("every visit", (Condition("told", lambda _type_info, _root: False),))
"""An assert that fires at each frame that the walk comes to: so the machine tells them all."""


def _visits(values: Values, domain: Domain) -> tuple[bool, str]:
    """Where the machine's walk stands before each visit, as far as it is said: at the frames of the pool, in order."""
    index = values["index"]
    going = build(with_frames(domain.layout, index + 1))
    mark_read_only(going, (EVERY,))
    came_to = [each.mfn for each in going.fired]
    right = came_to == [going.pool_mfn + each for each in range(index + 1)]
    says = (
        f"before visit {len(came_to) - 1} the walk stands at frame {came_to[-1]:#x}" if came_to else "no walk"
    )
    if going.stopped_at is not None:
        says += f", and then finds no table for visit {going.stopped_at}"
    taken = len(domain.order)
    return right and (index > values["n"] or values["n"] == taken), (
        f"{says}; the {taken} frames taken start at {going.pool_mfn:#x}"
    )
