"""Lemmas about Mini-OS's mapping: that it takes just the tables that are missing, and each frame once it is mapped.

S = v_start, V where Xen's region ends, a is how far the mapping has come. F = T + 4096 n is the first free frame, above Xen's tables.
Each 2 MiB take three frames at most, 12 KiB of them. So the frames stay behind what is mapped once they are, and at V, 516 KiB
above F, they are.
"""

from functools import cache

from ...encodings import mini_os
from ...encodings.dom0_layout import padded_end
from ...encodings.spans import spanned
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ...formal.words.word import Truth, Word, all_of, word
from ..shared import arithmetic, region
from ..shared.region import far, n, near, v_start, vpt_start

at, region_end, memory_end = word("at"), word("region_end"), word("memory_end")
by_level = tuple(word(f"l{level}") for level in (3, 2, 1))
LOWER_HALF = 1 << 47
ON_A_STEP = mini_os.STEP - 1


def in_order() -> Assumption:
    """The assumption that the region is one, and memory ends in the lower half."""
    condition = (v_start < region_end) & (memory_end <= LOWER_HALF)
    return Assumption("in-order", condition, "S < V, and the memory ends by 2^47")


def on_a_step() -> Assumption:
    """The assumption that the region ends where an L1 does."""
    return Assumption("on-a-step", region_end & ON_A_STEP == 0, "V is a multiple of 2 MiB")


def mapped() -> Run:
    """The mapping has come to an end at a."""
    return Run(mini_os.mapping(), (region_end, memory_end), (at, *by_level))


@cache
def grows_by_one(shift: int) -> Lemma:
    """2 MiB more take a table more where they begin one, and none otherwise."""
    after = at + mini_os.STEP
    return Lemma(
        f"mini-os-grows[{shift}]",
        "S < a ⇒ N(S, a + 2 MiB) = N(S, a) + (1 where a begins a table)",
        Statement(
            assumptions=(
                Assumption("above", (v_start < at) & (at < LOWER_HALF), "S < a < 2^47"),
                Assumption("on-a-step", at & ON_A_STEP == 0, "a is a multiple of 2 MiB"),
            ),
            goal=spanned(v_start, after, shift) == spanned(v_start, at, shift) + mini_os.taken_at(at, shift),
        ),
    )


def _as_needed(shift: int, taken: Word) -> Truth:
    return spanned(v_start, region_end, shift) + taken == spanned(v_start, at, shift)


@cache
def exact() -> Lemma:
    """Level by level, the tables of the region and those that are taken are the tables of all that is mapped."""
    levels = list(zip(mini_os.SHIFTS, by_level, strict=True))
    goal = all_of(_as_needed(shift, taken) for shift, taken in levels)
    spans = [
        spanned(v_start, end, shift) for shift, _ in levels for end in (region_end, at, at + mini_os.STEP)
    ]
    return Lemma(
        "mini-os-exact",
        "the mapping ends at a ⇒ N(S, V) + taken = N(S, a), for each level",
        Statement(assumptions=(in_order(), on_a_step()), runs=(mapped(),), goal=goal),
        Induction(
            invariant=goal & (v_start < at) & (at & ON_A_STEP == 0),
            step=Steps(
                uses=(
                    *(grows_by_one(shift).at() for shift, _ in levels),
                    *(
                        arithmetic.associative().at(
                            a=spanned(v_start, region_end, shift), b=taken, c=mini_os.taken_at(at, shift)
                        )
                        for shift, taken in levels
                    ),
                ),
                generalise=(
                    *(spanned(v_start, region_end, shift) + taken for shift, taken in levels),
                    *spans,
                    *(mini_os.taken_at(at, shift) for shift, _ in levels),
                ),
            ),
        ),
    )


def first_free() -> Word:
    """F, above Xen's tables."""
    return vpt_start + n * PAGE_SIZE


def xens_end() -> Word:
    """V(n)."""
    return padded_end(vpt_start, n)


def beyond() -> Assumption:
    """The assumption that a lies past the region, and all of this in the lower half."""
    condition = (v_start < xens_end()) & (xens_end() <= at) & (at < LOWER_HALF)
    return Assumption("beyond", condition, "S < V ≤ a < 2^47")


def frames_mapped() -> Truth:
    """The frames that are taken by a, its own tables among them, end at or below a, counted from F."""
    taken = mini_os.frames_end(first_free(), v_start, xens_end(), at)
    return taken - first_free() <= at - first_free()


@cache
def little_for_a_level(shift: int) -> Lemma:
    """As many tables as W bytes have blocks are a page and a 512th of W at most."""
    length = arithmetic.most
    return Lemma(
        f"mini-os-little[{shift}]",
        f"4096 ⌈W / 2^{shift}⌉ ≤ W / 512 + 4096",
        Statement(
            assumptions=(Assumption("short", length <= 1 << 48, "W ≤ 2^48"),),
            goal=(arithmetic.blocks_in(shift, length) << PAGE_SHIFT <= (length >> 9) + PAGE_SIZE)
            & (arithmetic.blocks_in(shift, length) <= 1 << 48 - shift),
        ),
    )


def ends_in_order() -> Assumption:
    """The assumption that two ends lie above S, and not too high."""
    condition = (v_start < near) & (near <= far) & (far <= 1 << 48)
    return Assumption("order", condition, "S < near ≤ far ≤ 2^48")


@cache
def ends_above_start() -> Lemma:
    """The ends are in the same order, counted from S, and not further apart than from 0."""
    lengths = near - v_start, far - v_start
    return Lemma(
        "mini-os-ends",
        "S < near ≤ far ≤ 2^48 ⇒ near - S ≤ far - S ≤ 2^48, far - near ≤ 2^48",
        Statement(
            assumptions=(ends_in_order(),),
            goal=(lengths[0] <= lengths[1]) & (lengths[1] <= 1 << 48) & (far - near <= 1 << 48),
        ),
        Steps(
            uses=(arithmetic.less_in_order().at(a=near, b=far, c=v_start),),
            generalise=(lengths[0],),
        ),
    )


@cache
def frames_of_a_level(shift: int) -> Lemma:
    """The tables of a level from near to far take a page and a 512th of the way at most."""
    counted = mini_os.tables_to(v_start, near, far, shift)
    way = far - near
    return Lemma(
        f"mini-os-level-frames[{shift}]",
        "S < near ≤ far, W = far - near ⇒ 4096 (N(S, far) - N(S, near)) ≤ W / 512 + 4096",
        Statement(
            assumptions=(ends_in_order(),),
            goal=counted << PAGE_SHIFT <= (way >> 9) + PAGE_SIZE,
        ),
        Steps(
            uses=(
                ends_above_start().at(),
                arithmetic.same_distance().at(low=v_start),
                arithmetic.spanned_moves(shift).at(low=v_start, most=way),
                arithmetic.spanned_grows(shift).at(low=v_start),
                arithmetic.spanned_bounded(shift).at(low=v_start, far=near),
                arithmetic.spanned_bounded(shift).at(low=v_start),
                little_for_a_level(shift).at(most=way),
            ),
            generalise=(
                spanned(v_start, near, shift),
                spanned(v_start, far, shift),
                arithmetic.blocks_in(shift, way),
                arithmetic.distance(near, far),
                *(each - v_start for each in (near, far)),
                way,
            ),
        ),
    )


@cache
def above_first() -> Lemma:
    """The region ends 516 KiB at least above the first free frame, and 4 MiB more at most, whatever n is."""
    return Lemma(
        "mini-os-above-first",
        "516 KiB ≤ V - F < 4 MiB + 516 KiB",
        Statement(
            goal=(xens_end() - first_free() >= region.ABOVE_TABLES)
            & (xens_end() - first_free() < region.ABOVE_TABLES + (4 << 20))
        ),
        Steps(generalise=(first_free(),)),
    )


@cache
def mapped_in_time() -> Lemma:
    """Each frame is mapped when it is taken."""
    counts = [mini_os.tables_to(v_start, xens_end(), at + mini_os.STEP, shift) for shift in mini_os.SHIFTS]
    return Lemma(
        "mini-os-mapped",
        "S < V(n) ≤ a ⇒ the frames that are taken by a end at a or below",
        Statement(assumptions=(beyond(),), goal=frames_mapped()),
        Steps(
            uses=(
                above_first().at(),
                *(
                    frames_of_a_level(shift).at(near=xens_end(), far=at + mini_os.STEP)
                    for shift in mini_os.SHIFTS
                ),
            ),
            generalise=(*counts, xens_end(), first_free()),
        ),
    )
