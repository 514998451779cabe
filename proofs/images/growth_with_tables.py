"""Lemmas about regions with one start, S, whose tables start at T or at a later T': everything grows with T.

Notation of DOMAIN.md section 1. So a count that is enough for a later T' bounds the search's n, and V(n), for all
tables that start before it; and what an earlier T' needs is the least that a search finds from there on.
"""

from functools import cache

from attrs import evolve

from ...encodings.dom0_count import FIRST_TRIED, tables, tables_for
from ...encodings.dom0_layout import ROUNDING_SHIFT, padded_end, v_end
from ...formal.layouts.paging import PAGE_SIZE, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.words.word import AnyTerm, Word, number, replaced, word
from ..shared import arithmetic, region, search
from ..shared.region import ABOVE_TABLES, m, n, v_start, vpt_start

later = word("later")
"""T', no earlier than T on the way up from S."""


def at_later(term: AnyTerm) -> AnyTerm:
    """The same of T' instead of T."""
    return replaced(term, {vpt_start: later})


def _later() -> Assumption:
    return Assumption("later", vpt_start - v_start <= later - v_start, "T comes no later than T', from S on")


def _room(mode: PagingMode, nr_pt_pages: Word) -> Assumption:
    """Room for a region whose tables start at T'."""
    return Assumption(
        "room", at_later(region.has_room(mode, nr_pt_pages)), region.room(mode, nr_pt_pages).meaning
    )


@cache
def end_moves_on(mode: PagingMode) -> Lemma:
    """The same n frames, from a later T' on, end no earlier."""
    limit = region.region_limit(mode)
    near, far = padded_end(vpt_start, n), padded_end(later, n)
    lengths = vpt_start - v_start, later - v_start
    rest = n * PAGE_SIZE + ABOVE_TABLES
    padded = region.padded(n)
    return Lemma(
        f"end-moves-on[{mode.name}]",
        "T ≤ T' ⇒ V(n) ≤ V'(n), counted from S",
        Statement(
            assumptions=(_later(), _room(mode, n)),
            goal=(near - v_start <= far - v_start)
            & (far - v_start <= limit)
            & (lengths[0] + rest <= near - v_start),
        ),
        Steps(
            uses=(
                region.pages_fit().at(limit=number(region.tables_limit(mode)), d=lengths[1], m=n),
                both_move_up(limit - (1 << ROUNDING_SHIFT)).at(near=lengths[0], far=lengths[1], c=rest),
                padded_from_start().at(),
                padded_from_start().at(vpt_start=later),
                arithmetic.round_up_grows(ROUNDING_SHIFT).at(
                    low=v_start, near=padded, far=at_later(padded), limit=number(limit)
                ),
            ),
            generalise=(near, far, padded - v_start, at_later(padded) - v_start, *lengths),
        ),
    )


@cache
def both_move_up(limit: int) -> Lemma:
    """near ≤ far and far + c ≤ limit, not wrapping, give near + c ≤ far + c."""
    near, far, c = arithmetic.near, arithmetic.far, arithmetic.c
    return Lemma(
        f"both-move-up[{limit:#x}]",
        "near ≤ far, far + c ≤ limit ⇒ near + c ≤ far + c ≤ limit",
        Statement(
            assumptions=(
                Assumption("in-order", near <= far, "near ≤ far"),
                Assumption("fits", (far <= far + c) & (far + c <= limit), "far + c ≤ limit"),
            ),
            goal=(near + c <= far + c) & (near <= near + c),
        ),
    )


@cache
def padded_from_start() -> Lemma:
    """(E + 512 KiB) - S = (T - S) + (4096 n + stack and padding)."""
    return Lemma(
        "padded-from-start",
        "E + 512 KiB - S = (T - S) + (4096 n + 516 KiB)",
        Statement(goal=region.padded(n) - v_start == (vpt_start - v_start) + (n * PAGE_SIZE + ABOVE_TABLES)),
    )


@cache
def count_moves_on(mode: PagingMode) -> Lemma:
    """n ≤ m gives f(S, V(n)) ≤ f(S, V'(m)) and V(n) ≤ V'(m), counted from S: more frames, from a later T' on."""
    ends = padded_end(vpt_start, n), padded_end(later, n), padded_end(later, m)
    here, there = tables_for(mode, v_start, vpt_start, n), tables_for(mode, v_start, later, m)
    same = tables_for(mode, v_start, later, n)
    padded = tuple(tables(mode, v_start, each) for each in ends)
    real = v_end(vpt_start, n), v_end(later, n), v_end(later, m)
    return Lemma(
        f"count-moves-on[{mode.name}]",
        "T ≤ T', n ≤ m ⇒ f(S, V(n)) ≤ f(S, V'(m)), V(n) ≤ V'(m)",
        Statement(
            assumptions=(_later(), Assumption("in-order", n <= m, "n ≤ m"), _room(mode, m)),
            goal=(here <= there) & (real[0] - v_start <= real[2] - v_start),
        ),
        Steps(
            uses=(
                region.v_end_grows(mode).at(vpt_start=later),
                region.count_grows(mode).at(vpt_start=later),
                fewer_fit(mode).at(),
                end_moves_on(mode).at(),
                region.tables_grow(mode).at(near=ends[0], far=ends[1]),
                region.count_as_padded(mode).at(),
                region.count_as_padded(mode).at(vpt_start=later),
                region.v_end_closed().at(),
                region.v_end_closed().at(vpt_start=later, n=m),
            ),
            generalise=(here, there, same, *padded, *real, *ends),
        ),
    )


@cache
def fewer_fit(mode: PagingMode) -> Lemma:
    """Where there is room for m frames, there is for n ≤ m; and for tables that start earlier, too."""
    return Lemma(
        f"fewer-fit[{mode.name}]",
        "T ≤ T', n ≤ m, room for m from T' on ⇒ room for n, from T' and from T on",
        Statement(
            assumptions=(_later(), Assumption("in-order", n <= m, "n ≤ m"), _room(mode, m)),
            goal=at_later(region.has_room(mode, n)) & region.has_room(mode, n),
        ),
        Steps(generalise=(vpt_start - v_start, later - v_start)),
    )


@cache
def at_most(mode: PagingMode) -> Lemma:
    """A count m that is enough from a later T' on bounds what the search finds, and where its region ends."""
    needed = search.needed(mode, n), search.needed(mode, m), at_later(search.needed(mode, m))
    ends = v_end(vpt_start, n), v_end(later, m)
    return Lemma(
        f"at-most[{mode.name}]",
        "T ≤ T', f(S, V'(m)) ≤ m, the search stops at n ⇒ n ≤ m, V(n) ≤ V'(m), room",
        Statement(
            assumptions=(
                _later(),
                Assumption(
                    "enough", (needed[2] <= m) & (m >= FIRST_TRIED), "m frames are enough from T' on, m ≥ 2"
                ),
                _room(mode, m),
            ),
            runs=(search.found(mode),),
            goal=(n <= m) & (ends[0] - v_start <= ends[1] - v_start) & region.has_room(mode, n),
        ),
        Steps(
            uses=(
                count_moves_on(mode).at(n=m),
                search.stops_least(mode).at(first=number(FIRST_TRIED)),
                count_moves_on(mode).at(),
                fewer_fit(mode).at(),
            ),
            generalise=(*needed, *ends),
        ),
    )


@cache
def at_least(mode: PagingMode) -> Lemma:
    """The search finds no less than what k ≤ n frames need from an earlier T on; and its region ends no earlier.

    Here T is the earlier one, and the search is that of T'; ``m`` is what it finds, and n the k.
    """
    needed = search.needed(mode, n), at_later(search.needed(mode, m))
    ends = v_end(vpt_start, n), v_end(later, m)
    lengths = later - v_start
    closed = padded_end(later, m)
    return Lemma(
        f"at-least[{mode.name}]",
        "T ≤ T', the search of T' stops at m ≥ n ⇒ f(S, V(n)) ≤ m, V(n) ≤ V'(m)",
        Statement(
            assumptions=(_later(), Assumption("in-order", n <= m, "n ≤ m"), _room(mode, m)),
            runs=(evolve(search.found(mode, m), arguments=(v_start, later, number(FIRST_TRIED))),),
            goal=(needed[0] <= m)
            & (ends[0] - v_start <= ends[1] - v_start)
            & (lengths + (m * PAGE_SIZE + ABOVE_TABLES) <= ends[1] - v_start),
        ),
        Steps(
            uses=(
                count_moves_on(mode).at(),
                search.exact(mode).at(vpt_start=later, n=m),
                end_moves_on(mode).at(vpt_start=later, n=m),
                region.v_end_closed().at(vpt_start=later, n=m),
            ),
            generalise=(*needed, *ends, closed),
        ),
    )
