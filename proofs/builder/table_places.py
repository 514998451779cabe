"""Lemmas on where tables lie in the row that the mapping loop takes them from: dividing by 512, and back.

Notation: o is S's own entry at a level, ⌈o, x⌉ the tables that x of the level below need, 0 for none, and ⌊o, k⌋ how
many k full tables lead to. Where the loop has taken t1, t2 and t3 tables, t2 = ⌈o2, t1⌉ and t3 = ⌈o3, t2⌉.
"""

from functools import cache, partial
from typing import Final

from ...encodings.builder_loop import (
    LEVELS,
    filled_by,
    in_row,
    place,
    shift_of,
    tables_for,
    taken_before,
    words_of_building,
)
from ...encodings.dom0_builder import ENTRIES, entry_of
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.words.word import TRUE, Truth, Word, all_of, word
from ..shared import arithmetic
from ..shared.region import v_start

ITS: Final = words_of_building()
MANY: Final = 1 << 45
"""More tables than any region needs, and few enough for sums not to wrap."""
MOST: Final = {1: 1 << 43, 2: 1 << 34, 3: 1 << 26}
"""No region has more tables of a level than this."""
a, b = arithmetic.a, arithmetic.b
own, index = word("own"), word("index")


def own_entry(level: int) -> Word:
    """S's own entry in its table of a level."""
    return entry_of(v_start, shift_of(level))


def place_of(level: int, at: Word = index) -> Word:
    """The number in the row of a level's table."""
    return place(v_start, ITS.root, level, at)


def in_row_of(level: int, at: Word = index) -> Word:
    """The same where the tables of a step come in the order of their levels."""
    return in_row(v_start, ITS.root, level, at)


def is_root() -> Assumption:
    """The root is the first of the row, or none of it."""
    return Assumption("root", ITS.root + 1 <= 1, "the root's number is 0, or that before 0")


def a_table(level: int) -> Assumption:
    """The index is that of a table, not a number that is too large for any."""
    return Assumption("index", index <= MOST[level], f"k ≤ {MOST[level]:#x}")


def related() -> Truth:
    """The tables taken of each level are those that the level below needs."""
    rounded = all_of(
        ITS.taken[level] == tables_for(own_entry(level), ITS.taken[level - 1]) for level in LEVELS[1:]
    )
    return rounded & all_of(ITS.taken[level] <= MANY >> 1 for level in LEVELS)


@cache
def small_entries() -> Lemma:
    """S's entry in a table of any level is one of 512."""
    return Lemma(
        "small-entries",
        "an entry is one of 512",
        Statement(goal=all_of(own_entry(level) < ENTRIES for level in (*LEVELS, 4))),
    )


def _some_entry() -> Assumption:
    return Assumption("entry", own < ENTRIES, "o is one of 512")


@cache
def more_need_more() -> Lemma:
    """More of the level below need no fewer tables."""
    return Lemma(
        "more-need-more",
        "x ≤ y ⇒ ⌈o, x⌉ ≤ ⌈o, y⌉ ≤ y",
        Statement(
            assumptions=(_some_entry(), Assumption("order", (a <= b) & (b <= MANY), "x ≤ y ≤ 2^45")),
            goal=(tables_for(own, a) <= tables_for(own, b)) & (tables_for(own, b) <= b),
        ),
    )


@cache
def full_lead_to_all() -> Lemma:
    """As many tables as some need, all of them full, lead to these and to more."""
    return Lemma(
        "full-lead-to-all",
        "⌈o, x⌉ ≤ k ⇒ x ≤ ⌊o, k⌋ ≤ 512 k",
        Statement(
            assumptions=(
                _some_entry(),
                Assumption(
                    "order",
                    (tables_for(own, a) <= b) & (a <= MANY) & (b <= 1 << 36),
                    "⌈o, x⌉ ≤ k ≤ 2^36, x ≤ 2^45",
                ),
            ),
            goal=(a <= filled_by(own, b)) & (filled_by(own, b) <= b << 9),
        ),
    )


@cache
def three_sums_grow() -> Lemma:
    """Three sums in order have their totals in order."""
    c, d, e, f = (word(each) for each in "cdef")
    return Lemma(
        "three-sums-grow",
        "a ≤ b, c ≤ d, e ≤ f ⇒ a + c + e ≤ b + d + f < 2^62",
        Statement(
            assumptions=(
                Assumption("grow", (a <= b) & (c <= d) & (e <= f), "a ≤ b, c ≤ d, e ≤ f"),
                Assumption("small", (b | d | f) < 1 << 60, "b, d and f are small"),
            ),
            goal=(a + (c + e) <= b + (d + f)) & (b + (d + f) < 1 << 62),
        ),
        Steps(
            uses=(
                arithmetic.sums_grow().at(a=c, b=d, c=e, d=f),
                arithmetic.sums_grow().at(c=c + e, d=d + f),
            ),
            generalise=(a + (c + e),),
        ),
    )


def _ordered(level: int) -> tuple[Use, ...]:
    """That each of `builder_loop.taken_before` is no less than what was taken, of a table that isn't taken yet."""
    t1, t2, _ = ITS.taken.values()
    more, full = more_need_more(), full_lead_to_all()
    if level == 1:
        return more.at(own=own_entry(2), a=t1, b=index), more.at(
            own=own_entry(3), a=t2, b=tables_for(own_entry(2), index)
        )
    if level == 2:
        return full.at(own=own_entry(2), a=t1, b=index), more.at(own=own_entry(3), a=t2, b=index)
    return full.at(own=own_entry(3), a=t2, b=index), full.at(
        own=own_entry(2), a=t1, b=filled_by(own_entry(3), index)
    )


def needed_by_level() -> tuple[Word, ...]:
    """The tables that the level below needs, of the L2 and the L3."""
    return tuple(tables_for(own_entry(level), ITS.taken[level - 1]) for level in LEVELS[1:])


@cache
def comes_later(level: int) -> Lemma:
    """A table that isn't taken yet lies no earlier than the next one of its level would."""
    t1, t2, t3 = ITS.taken.values()
    before = taken_before(v_start, level, index)
    total, taken = before[0] + (before[1] + before[2]), t1 + (t2 + t3)
    return Lemma(
        f"comes-later[L{level}]",
        f"k ≥ t{level} ⇒ the L{level} k lies at the place of the next L{level} or later",
        Statement(
            assumptions=(
                is_root(),
                a_table(level),
                Assumption("related", related(), "t2 = ⌈o2, t1⌉, t3 = ⌈o3, t2⌉"),
                Assumption("not-yet", index >= ITS.taken[level], f"k ≥ t{level}"),
            ),
            goal=in_row_of(level) >= (ITS.root + level) + taken,
        ),
        Steps(
            uses=(
                small_entries().wherever(),
                *_ordered(level),
                three_sums_grow().wherever(a=t1, b=before[0], c=t2, d=before[1], e=t3, f=before[2]),
            ),
            generalise=(
                total,
                taken,
                *(each for each in (before[2], before[0], before[1]) if each.operation != "input"),
                *needed_by_level()[::-1],
                *(own_entry(each) for each in LEVELS[1:]),
            ),
        ),
    )


def fresh_by_count(level: int) -> Truth:
    """By what is taken, the cursors below a level all stand at a table's end."""
    t1, t2, _ = ITS.taken.values()
    at_end = {2: (own_entry(2) + t1, t1), 3: (own_entry(3) + t2, t2)}
    return (
        all_of(
            ((at_end[each][0] & (ENTRIES - 1)) == 0) | (at_end[each][1] == 0) for each in range(2, level + 1)
        )
        if level > 1
        else TRUE
    )


@cache
def comes_now(level: int) -> Lemma:
    """Where a level takes a table, the one that it takes lies right behind those taken, after the lower levels' own."""
    t1, t2, t3 = ITS.taken.values()
    l1, l2, l3 = taken_before(v_start, level, ITS.taken[level])
    added = arithmetic.same_both(minus=False)
    sums = l2 + l3, t2 + t3, l1 + (l2 + l3), t1 + (t2 + t3)
    return Lemma(
        f"comes-now[L{level}]",
        f"a fresh L{level} is taken ⇒ the L{level} t{level} lies at the place of the next L{level}",
        Statement(
            assumptions=(
                Assumption("related", related(), "t2 = ⌈o2, t1⌉, t3 = ⌈o3, t2⌉"),
                Assumption("fresh", fresh_by_count(level), "the cursors stand at a table's end, or nowhere"),
            ),
            goal=in_row_of(level, ITS.taken[level]) == (ITS.root + level) + (t1 + (t2 + t3)),
        ),
        Steps(
            uses=(
                added.wherever(a=l2, b=l3, c=t2, d=t3),
                added.wherever(a=l1, b=sums[0], c=t1, d=sums[1]),
            ),
            generalise=sums[::-1],
        ),
    )


@cache
def same_place(level: int) -> Lemma:
    """The same index is the same place."""
    return arithmetic.same(
        f"same-place[L{level}]",
        f"j = k ⇒ the L{level} j lies where the L{level} k does",
        partial(place_of, level),
        a,
        b,
    )


@cache
def never_root(level: int) -> Lemma:
    """No table of the loop's is the root."""
    return Lemma(
        f"never-root[L{level}]",
        f"no L{level} lies where the root does",
        Statement(assumptions=(a_table(level),), goal=place_of(level) != ITS.root),
    )
