"""Lemmas on the frames that the mapping loop takes for a region of n table frames: as many as the count says.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, f the count. A level takes a
table for each 512 of the level below, from S's own entry on: that is N at the level, where those below are N there.
"""

from functools import cache, partial
from typing import Final

from ...encodings import dom0_builder
from ...encodings.builder_loop import LEVELS, NO_TABLE, root_of, shift_of
from ...encodings.dom0_builder import ENTRIES, ENTRY_BITS
from ...encodings.dom0_layout import PADDING, padded_end
from ...encodings.spans import spanned
from ...formal.layouts.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Run, Statement, Steps
from ...formal.words.word import Truth, Word, all_of, number, replaced, word
from ..shared import arithmetic, region, search
from ..shared.region import n, v_start, vpt_start
from .loop_steps import BELOW, in_a_row, tables_counted
from .mapped_pages import at, built, no_initrds_frame
from .table_entries import entry_holds
from .table_places import ITS, own, own_entry, small_entries

length, taken = word("length"), word("taken")
FOUR_GIB: Final = 1 << 32


def _blocks(shift: int, of: Word) -> Word:
    """N for a region of a length, by S's place in its block."""
    mask = (1 << shift) - 1
    return ((v_start & mask) + of + mask) >> shift


def _tables(own: Word, below: Word) -> Word:
    """The tables that so many of the level below need, one at least."""
    return (own + below + (ENTRIES - 1)) >> ENTRY_BITS


@cache
def as_many_need() -> Lemma:
    """As many need as many tables: what is lost when these are generalised."""
    return arithmetic.same(
        "as-many-need",
        "x = y ⇒ (o + x + 511) >> 9 = (o + y + 511) >> 9",
        partial(_tables, own),
        arithmetic.a,
        arithmetic.b,
    )


@cache
def level_up(shift: int) -> Lemma:
    """⌈(o + N of the level below) / 512⌉ is N of the level, in terms of the region's length."""
    below = shift - ENTRY_BITS
    looks = length >> PAGE_SHIFT if below == PAGE_SHIFT else _blocks(below, length)
    return Lemma(
        f"level-up[{shift}]",
        f"(o + N_{below} + 511) >> 9 = N_{shift}, for a region that ends on 2 MiB",
        Statement(
            assumptions=(
                Assumption("ends", (v_start + length) & ((2 << 20) - 1) == 0, "the region ends on 2 MiB"),
                Assumption("short", length <= region.region_limit(X86_64), "not the whole address space"),
            ),
            goal=_tables(dom0_builder.entry_of(v_start, shift), looks) == _blocks(shift, length),
        ),
    )


def region_runs(mode: PagingMode) -> tuple[Run, ...]:
    """The search, and the mapping loop for the region that it found."""
    return (search.found(mode), built(mode))


def not_all_around() -> Assumption:
    """What the tables of each level rest on: a region of a page at least, and not too long to be counted."""
    limit = region.region_limit(X86_64)
    length = padded_end(vpt_start, n) - v_start
    return Assumption("short", (length >= PAGE_SIZE) & (length <= limit), f"4096 ≤ V - S ≤ {limit:#x}")


def spanned_by(level: int) -> Word:
    """N: the blocks of a level that the region touches."""
    return spanned(v_start, padded_end(vpt_start, n), shift_of(level))


@cache
def levels_take(mode: PagingMode) -> Lemma:
    """Each level takes N tables, and they lie in a row behind the root."""
    end = padded_end(vpt_start, n)
    size = end - v_start
    shifts = [shift_of(level) for level in LEVELS]
    looks = [size >> PAGE_SHIFT, *(_blocks(shift, size) for shift in shifts)]
    below = {level: (own_entry(level), BELOW[level], looks[level - 1]) for level in LEVELS}
    return Lemma(
        f"levels-take[{mode.name}]",
        "the level whose tables map 2^s bytes takes N_s(S, V); the next table is right after all these",
        Statement(
            assumptions=(not_all_around(),),
            runs=(built(mode),),
            goal=all_of(ITS.taken[level] == spanned_by(level) for level in LEVELS)
            & replaced(in_a_row(), {ITS.root: root_of(mode)}),
        ),
        Steps(
            uses=(
                at(tables_counted(), mode),
                ends_on_line().at(),
                *(arithmetic.spanned_from_low(shift).at(low=v_start, far=end) for shift in shifts),
                *(arithmetic.spanned_positive(shift).wherever(low=v_start, far=end) for shift in shifts),
                *(level_up(shift).wherever(length=size) for shift in shifts),
                *(as_many_need().wherever(own=own, a=taken, b=spans) for own, taken, spans in below.values()),
            ),
            generalise=(
                *(_tables(own, each) for own, *both in below.values() for each in both),
                *(spanned_by(level) for level in LEVELS),
                *looks[1:],
                size,
                *(own_entry(level) for level in LEVELS),
                end,
            ),
        ),
    )


@cache
def ends_on_line() -> Lemma:
    """Counted from S the region ends on 2 MiB."""
    end = padded_end(vpt_start, n)
    return Lemma(
        "ends-on-2-mib",
        "S + (V - S) is a multiple of 2 MiB",
        Statement(goal=(v_start + (end - v_start)) & ((2 << 20) - 1) == 0),
    )


def consumed(mode: PagingMode) -> Word:
    """The frames of the row that are taken: by the loop and, for a 32-bit guest, for the L2 that fill its L3."""
    if mode is X86_64:
        return ITS.next_table
    return ITS.next_table + dom0_builder.missing_l2(v_start, ITS.taken[2])


def below_4_gib() -> Assumption:
    """The assumption on a 32-bit guest's region."""
    end = padded_end(vpt_start, n)
    return Assumption(
        "below",
        (v_start < end) & (end - v_start >= PAGE_SIZE) & (end <= FOUR_GIB),
        "the region has at least one page, and ends by 4 GiB",
    )


@cache
def four_l2() -> Lemma:
    """A region within 4 GiB has an L2 in each of the four slots, by the loop or by the filling up after it."""
    end = word("end")
    span = spanned(v_start, end, 30)
    return Lemma(
        "four-l2",
        "S < V ≤ 4 GiB ⇒ N_30 + the missing L2 = 4, N_39 = 1",
        Statement(
            assumptions=(Assumption("below", (v_start < end) & (end <= FOUR_GIB), "S < V ≤ 4 GiB"),),
            goal=(span + dom0_builder.missing_l2(v_start, span) == dom0_builder.L2_SLOTS)
            & (spanned(v_start, end, 39) == 1),
        ),
    )


@cache
def four_l2_or_more() -> Lemma:
    """Wherever a 32-bit guest's region lies, it has four L2 at least."""
    return Lemma(
        "four-l2-or-more",
        "t L2 taken by the loop ⇒ t + the missing L2 ≥ 4",
        Statement(
            assumptions=(Assumption("few", taken < 1 << 34, "t < 2^34"),),
            goal=taken + dom0_builder.missing_l2(v_start, taken) >= dom0_builder.L2_SLOTS,
        ),
    )


def counted_right(mode: PagingMode) -> tuple[Assumption, ...]:
    """What a count of the frames taken rests on: room, or for a 32-bit guest that it lives below 4 GiB."""
    return (below_4_gib(),) if mode is COMPAT else (region.room(mode, n),)


@cache
def takes(mode: PagingMode) -> Lemma:
    """For any n set aside, the builder takes f(S, V(n)) frames."""
    end = padded_end(vpt_start, n)
    by_mode = (four_l2().at(end=end),) if mode is COMPAT else (region.v_end_grows(mode).at(m=n),)
    l1, l2, l3 = (spanned_by(level) for level in LEVELS)
    root, (t1, t2, t3) = number(1), ITS.taken.values()
    added = arithmetic.added_alike(root + (t1 + (t2 + t3)), root + (l1 + (l2 + l3)))
    in_order = (
        *added.uses,
        arithmetic.turned_round().at(a=root, b=l3, c=l2, d=l1),
        arithmetic.associative().at(a=root + l1, b=l2, c=l3),
        arithmetic.associative().at(a=root, b=l1, c=l2 + l3),
    )
    sums = (*added.generalise, ((root + l1) + l2) + l3, (root + l1) + (l2 + l3), ((root + l3) + l2) + l1)
    if mode is COMPAT:  # the L2 are four there, so there is no such sum
        in_order, sums = (), ()
    return Lemma(
        f"takes[{mode.name}]",
        "the builder takes f(S, V(n)) frames, whatever n",
        Statement(
            assumptions=counted_right(mode),
            runs=(built(mode),),
            goal=consumed(mode) == search.needed(mode, n),
        ),
        Steps(
            uses=(
                region.count_as_padded(mode).at(),
                *by_mode,
                levels_take(mode).at(),
                *in_order,
            ),
            generalise=region.terms(
                search.needed(mode, n),
                *sums,
                *(spanned_by(level) for level in LEVELS),
                end,
            ),
        ),
    )


@cache
def takes_at_least(mode: PagingMode) -> Lemma:
    """For any n set aside, the builder takes f(S, V(n)) frames or more, wherever the region lies."""
    if mode is X86_64:
        return takes(mode)
    end = padded_end(vpt_start, n)
    missing = dom0_builder.missing_l2(v_start, ITS.taken[2])
    return Lemma(
        f"takes-at-least[{mode.name}]",
        "the builder takes f(S, V(n)) frames or more, whatever n",
        Statement(
            assumptions=(region.room(mode, n),),
            runs=(built(mode),),
            goal=consumed(mode) >= search.needed(mode, n),
        ),
        Steps(
            uses=(
                region.count_as_padded(mode).at(),
                region.v_end_grows(mode).at(m=n),
                levels_take(mode).at(),
                *(arithmetic.spanned_bounded(shift_of(level)).at(low=v_start, far=end) for level in LEVELS),
                four_l2_or_more().at(taken=ITS.taken[2]),
                few_missing().at(taken=ITS.taken[2]),
            ),
            generalise=(search.needed(mode, n), *(spanned_by(level) for level in LEVELS), end, missing),
        ),
    )


@cache
def few_missing() -> Lemma:
    """No more than four L2 are missing, whatever was taken."""
    return Lemma(
        "few-missing",
        "the missing L2 ≤ 4",
        Statement(goal=dom0_builder.missing_l2(v_start, taken) <= dom0_builder.L2_SLOTS),
    )


@cache
def takes_n(mode: PagingMode) -> Lemma:
    """The builder takes the n frames that the search sets aside."""
    compat = mode is COMPAT
    return Lemma(
        f"consumed[{mode.name}]",
        "the search stops at n ⇒ the builder takes n frames",
        Statement(
            assumptions=(region.room(mode, n), *((below_4_gib(),) if compat else ())),
            runs=region_runs(mode),
            goal=consumed(mode) == n,
        ),
        Steps(
            uses=(search.exact(mode).at(), takes(mode).at()),
            generalise=(search.needed(mode, n), padded_end(vpt_start, n)),
        ),
    )


def looking_at_nothing() -> Truth:
    """For a witness of what the loop takes: it looks at no table, and there is no initrd."""
    return (ITS.table == NO_TABLE) & (ITS.entry == 0) & no_initrds_frame()


def full_circle() -> Truth:
    """Where to look for a region that comes full circle: with 8 frames it ends just above its start again."""
    return (v_start == 2 << 20) & (vpt_start == -(PADDING + 8 * PAGE_SIZE))


def above_4_gib() -> Truth:
    """Where to look for a region that needs a fifth L2."""
    return (v_start == 3 << 30) & (vpt_start == FOUR_GIB) & (n < 1024) & (n > 512)


def ends_at_its_start() -> Truth:
    """Where to look for a region that ends where it starts: nothing is mapped, and some blocks are counted."""
    return (v_start == 4 << 20) & (vpt_start == 2 << 20) & (n == 2)


@cache
def slot_left_empty() -> Lemma:
    """The fill-up after the loop finds the slots of the L3 empty that `dom0_builder.missing_l2` counts."""
    slot, l3 = word("slot") & (dom0_builder.L2_SLOTS - 1), number(0)
    return Lemma(
        "slot-left-empty",
        "the first table taken is the L3, and each of its four slots is empty where the loop took no L2 for it",
        Statement(
            assumptions=(below_4_gib(),),
            runs=(built(COMPAT, l3, slot),),
            goal=(ITS.level == 3) & ((ITS.content != 0) == dom0_builder.has_l2(v_start, ITS.taken[2], slot)),
        ),
        Steps(
            uses=(
                small_entries().at(),
                at(tables_counted(), COMPAT, table=l3, entry=slot),
                at(entry_holds(3), COMPAT, table=l3, entry=slot, index=number(0)),
                levels_take(COMPAT).at(table=l3, entry=slot),
                four_l2().at(end=padded_end(vpt_start, n)),
            ),
            generalise=(*(spanned_by(level) for level in LEVELS), padded_end(vpt_start, n)),
        ),
    )
