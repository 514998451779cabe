"""The family *Asserts*, its walk: which pages the read-only walk reaches, and through which entries.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages. What is proved about the walk's
steps (`walk_steps`) is put together with what the builder took, and with the frames that the pages map.
"""

from functools import cache
from typing import Final

from ...encodings import read_only_walk as walk
from ...encodings.builder_loop import NO_TABLE
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.claim import Claim, Part, claim
from ...formal.logic.theorem import Lemma, Statement, Steps
from ...formal.machine.builder import Domain, build, mark_read_only
from ...formal.machine.replay import with_frames
from ...formal.machine.type_info import Asserts, Condition
from ...formal.words.word import Truth, number
from ..builder.frame_claims import index, nth_page, on_machine
from ..builder.frames_taken import consumed, full_circle, takes_n
from ..builder.mapped_pages import (
    initrd_len,
    no_initrds_frame,
    region_bytes,
    v_end,
    vinitrd_start,
)
from ..builder.root_limits import into_the_hole
from ..builder.table_places import ITS
from ..count.claims import BOTH
from ..shared import search
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values
from . import claims as asserts
from .walk_pages import visits, walk_comes_to
from .walk_steps import pl1e_entry, pl1e_table


@cache
def walk_visits(mode: PagingMode) -> Lemma:
    """The walk reaches the page T + 4096 i after i visits, and that maps the i-th frame taken."""
    nth = nth_page()
    comes_to = walk_comes_to(mode)
    return Lemma(
        f"walk-visits-tables[{mode.name}]",
        "the search stops at n, i ≤ n ⇒ after i visits the walk is at the page T + 4096 i, it used no empty entry, "
        "and for i < n the page maps the i-th of the n frames taken",
        Statement(
            assumptions=comes_to.statement.assumptions,
            runs=(search.found(mode), *visits(mode, index, number(NO_TABLE), number(0))),
            goal=comes_to.statement.goal & (consumed(mode) == n),
        ),
        Steps(
            uses=(
                takes_n(mode).at(table=number(NO_TABLE), entry=number(0)),
                comes_to.at(table=number(NO_TABLE), entry=number(0)),
            ),
            generalise=(
                walk.leads_to(v_start, 21, pl1e_table, pl1e_entry),
                consumed(mode),
                (v_start >> PAGE_SHIFT) + nth,
                nth,
                region_bytes,
                v_end,
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

    So it visits exactly the n frames of the tables, in the order taken, across every border of L1, L2 and L3. The
    builder filled each entry that it follows, including the last look beyond the tables. For S, T and any mapped
    initrd on pages; for 64-bit, if the region doesn't run off the root; for compat, if it ends by 0xf5800000, where
    addresses of a 32-bit guest may begin to be Xen's own.
    """
    return tuple(
        Part(
            name=mode.title,
            lemma=walk_visits(mode),
            least=(v_start, vpt_start),
            shape=_crossing(mode) & no_initrds_frame() & (index == n) & (n < asserts.FEW),
            without={
                "room": full_circle() & no_initrds_frame() & (index == 0),
                "pages": (v_start == PAGE_SIZE // 2)
                & (vpt_start == 1 << 20)
                & no_initrds_frame()
                & (index == 0),
                "initrd": (v_start == 0)
                & (vpt_start == 1 << 20)
                & (vinitrd_start == 2 << 20)
                & (initrd_len == 2 << 20)
                & (ITS.initrd_frame == 0)
                & (index == 0),
                "root": (v_start == -(4 << 20))
                & (vpt_start == PAGE_SIZE)
                & no_initrds_frame()
                & (index == 1),
                "below": into_the_hole() & no_initrds_frame() & (n == 11) & (index == n),
                "index": (v_start == 0) & (vpt_start == 1 << 20) & no_initrds_frame() & (index == 1024),
            },
            replay=on_machine(mode, _visits),
        )
        for mode in BOTH
    )


CLAIMS: tuple[Claim, ...] = (walk_visits_tables,)


EVERY: Final = Asserts("every visit", (Condition("told", lambda _type_info, _root: False),))
"""An assert that fires at each frame that the walk reaches: so the machine tells them all."""


def _visits(values: Values, domain: Domain) -> tuple[bool, str]:
    """Where the machine's walk stands before each visit, as far as that is given: at the frames of the pool, in order."""
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
