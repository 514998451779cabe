"""The dom0 builder's mapping loop as a transition system, with the memory that it writes.

Where the L1's cursor stands at a table's end, or nowhere yet, a fresh L1 is taken and linked by the L2's cursor, which
may need a fresh L2, and so on up to the root. A fresh table's cursor starts at its first entry, for the first page at
S's own. Then the page's entry is written. All tables are taken from one row of frames, in order; here a table is named
by its number in that row. The root is the one before the loop's first: a 64-bit dom0's is the row's number 0. That of a
32-bit dom0 is none of the row; its L3 is taken before the loop, and so comes before the first L1 and L2, while later
tables come in the order L1, L2, L3. The first step counts that L3, too, as if it took it itself.

Memory is described one entry at a time. The loop has a table and an entry of it as parameters and keeps, in its state, what
has become of these two: the level that the table was taken for, and what the entry holds. What is proved about any table
and any entry is so proved about all of memory.

Source: DOMAIN.md section 4; ``dom0_construct()`` in Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.22).
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from attrs import frozen

from ..formal.layouts.paging import PAGE_SHIFT, PagingMode
from ..formal.logic.theorem import Loop
from ..formal.words.word import TRUE, Truth, Word, choose, number, word
from .dom0_builder import ENTRIES, ENTRY_BITS, entry_of, is_initrds, left_out

LEVELS: Final = (1, 2, 3)
"""The levels whose tables the loop takes; it writes into the root, level 4, too."""
ROOT_LEVEL: Final = 4
LEAPS: Final = 1 << 52
"""So many pages may be mapped for `building` to leap to its end."""
NO_TABLE: Final = (1 << 64) - 2
"""The number of no table, for a run that looks at none."""
FIRST_AFTER_L3: Final = {1: 2, 2: 3, 3: 1}
"""How far behind the root the first table of each level comes, where the L3 comes first."""
PARAMETERS: Final = (
    "v_start",
    "pages",
    "initrd_page",
    "initrd_pages",
    "initrd_frame",
    "root",
    "table",
    "entry",
)


def shift_of(level: int) -> int:
    """What a table of a level maps, as a shift."""
    return PAGE_SHIFT + ENTRY_BITS * level


def root_of(mode: PagingMode) -> Word:
    """The root's number: a 64-bit dom0's is the first table taken, a 32-bit one's is none of the row."""
    return number(0) if mode.bits == 64 else number((1 << 64) - 1)


def tables_for(own_entry: Word, below: Word) -> Word:
    """How many tables of a level have entries for ``below`` of the level below, from S's ``own_entry`` on."""
    return choose(below == 0, number(0), (own_entry + below + (ENTRIES - 1)) >> ENTRY_BITS)


def filled_by(own_entry: Word, tables: Word) -> Word:
    """How many of the level below ``tables`` tables of a level lead to when they are full."""
    return choose(tables == 0, number(0), (tables << ENTRY_BITS) - own_entry)


def place(v_start: Word, root: Word, level: int, index: Word) -> Word:
    """The number in the row of the ``index``-th table of a level from 1 to 3, counted from 0.

    So it is by what `building` does (the lemmas ``entry-holds``).
    """
    is_first = (index == 0) & l3_before(root)
    return choose(is_first, root + FIRST_AFTER_L3[level], in_row(v_start, root, level, index))


def l3_before(root: Word) -> Truth:
    """Whether the first L3 is taken before the loop: where the root is none of the row."""
    return root != 0


def in_row(v_start: Word, root: Word, level: int, index: Word) -> Word:
    """`place`, where the tables of one step come in the order of their levels."""
    l1, l2, l3 = taken_before(v_start, level, index)
    return (root + level) + (l1 + (l2 + l3))


def taken_before(v_start: Word, level: int, index: Word) -> tuple[Word, Word, Word]:
    """How many L1, L2 and L3 are taken before a level's table, those of the same step aside."""
    l2_entry, l3_entry = entry_of(v_start, 30), entry_of(v_start, 39)
    if level == 1:
        l2_before = tables_for(l2_entry, index)
        return index, l2_before, tables_for(l3_entry, l2_before)
    if level == 2:
        return filled_by(l2_entry, index), index, tables_for(l3_entry, index)
    l2_before = filled_by(l3_entry, index)
    return filled_by(l2_entry, l2_before), l2_before, index


@frozen(eq=False)
class Building:
    """The words of `building`, by name, and what a step makes of them on the way.

    ``fresh`` tells by level whether the step takes a table, ``takes`` which number that has, ``writes`` whether it
    writes an entry, and ``at`` at which entry it does.
    """

    v_start: Word
    pages: Word
    initrd_page: Word
    initrd_pages: Word
    initrd_frame: Word
    root: Word
    table: Word
    entry: Word
    mapped: Word
    tables: Mapping[int, Word]
    entries: Mapping[int, Word]
    taken: Mapping[int, Word]
    next_table: Word
    next_frame: Word
    next_initrds: Word
    level: Word
    content: Word
    fresh: Mapping[int, Truth]
    takes: Mapping[int, Word]
    writes: Mapping[int, Truth]
    at: Mapping[int, Word]


@cache
def words_of_building() -> Building:
    """The words of the loop, each made once."""
    named = {each: word(each) for each in PARAMETERS}
    tables = {level: word(f"l{level}_table") for level in LEVELS}
    entries = {level: word(f"l{level}_entry") for level in (*LEVELS, ROOT_LEVEL)}
    mapped, next_table = word("mapped"), word("next_table")
    at_end = {level: entries[level] & (ENTRIES - 1) == 0 for level in LEVELS}
    fresh = {1: at_end[1]}
    for level in (2, 3):
        fresh[level] = fresh[level - 1] & at_end[level]
    own = {level: entry_of(named["v_start"], shift_of(level)) for level in LEVELS}
    at = {
        level: choose(fresh[level], choose(mapped == 0, own[level], number(0)), entries[level])
        for level in LEVELS
    }
    return Building(
        **named,
        tables=tables,
        entries=entries,
        taken={level: word(f"l{level}_taken") for level in LEVELS},
        mapped=mapped,
        next_table=next_table,
        next_frame=word("next_frame"),
        next_initrds=word("next_initrds"),
        level=word("level"),
        content=word("content"),
        fresh=fresh,
        takes={
            level: next_table
            + choose(
                (mapped == 0) & l3_before(named["root"]),
                number(FIRST_AFTER_L3[level] - 1),
                number(level - 1),
            )
            for level in LEVELS
        },
        writes={1: TRUE, 2: fresh[1], 3: fresh[2], 4: fresh[3]},
        at=at | {4: entries[4]},
    )


@cache
def building() -> Loop:
    """The mapping loop over the region's pages, of which ``table`` and ``entry`` say what is looked at.

    The initrd's frames start at ``initrd_frame``. Its state: the pages mapped; of each level the table that its cursor
    is in and the cursor's entry, of which ENTRIES is past the end (L4: the entry only); the tables taken of each level;
    the next table, and the next frame of the allocation and of the initrd; and of what is looked at, the level that the
    table was taken for, 0 for none, and what the entry holds, 0 for nothing, otherwise 1 more than a table's number or
    a page's frame. Run on numbers, it may leap to the end where it looks at no table, at the root or the first L3.
    """
    its = words_of_building()
    filled = [its.mapped + 1]
    current = {level: choose(its.fresh[level], its.takes[level], its.tables[level]) for level in LEVELS} | {
        4: its.root
    }
    initrds = is_initrds(its.mapped, its.initrd_page, its.initrd_pages)
    frame = choose(initrds, its.initrd_frame + its.next_initrds, its.next_frame)
    leads_to = {1: frame} | {level: its.takes[level - 1] for level in (2, 3, 4)}
    is_new = {level: its.fresh[level] & (its.table == its.takes[level]) for level in LEVELS}
    level, content = its.level, choose(is_new[1] | is_new[2] | is_new[3], number(0), its.content)
    for each in (3, 2, 1):
        level = choose(is_new[each], number(each), level)
    for each in (4, 3, 2, 1):
        written = its.writes[each] & (its.table == current[each]) & (its.entry == its.at[each])
        content = choose(written, leads_to[each] + 1, content)
    one = {each: choose(its.fresh[each], number(1), number(0)) for each in LEVELS}
    for each in LEVELS:
        filled += [current[each], choose(its.writes[each], its.at[each] + 1, its.entries[each])]
    filled += [choose(its.writes[4], its.at[4] + 1, its.entries[4])]
    step = (
        *filled,
        *(its.taken[each] + one[each] for each in LEVELS),
        its.next_table + (one[1] + (one[2] + one[3])),
        choose(initrds, its.next_frame, its.next_frame + 1),
        choose(initrds, its.next_initrds + 1, its.next_initrds),
        level,
        content,
    )
    zero = number(0)
    start = (*[zero] * 7, entry_of(its.v_start, 48), *[zero] * 3, its.root + 1, zero, zero)
    is_root = its.table == its.root
    return Loop(
        name="mapping pages",
        parameters=tuple(word(each) for each in PARAMETERS),
        state=(
            its.mapped,
            *(each for level in LEVELS for each in (its.tables[level], its.entries[level])),
            its.entries[4],
            *its.taken.values(),
            its.next_table,
            its.next_frame,
            its.next_initrds,
            its.level,
            its.content,
        ),
        start=(*start, choose(is_root, number(ROOT_LEVEL), zero), zero),
        goes_on=its.mapped < its.pages,
        step=step,
        leap=_leap(step),
    )


def _leap(step: tuple[Word, ...]) -> tuple[Word, ...]:
    """The last state, by its closed form, where no table is looked at or one of which it is known; or the next one."""
    its = words_of_building()
    own = {level: entry_of(its.v_start, shift_of(level)) for level in (*LEVELS, ROOT_LEVEL)}
    taken = {0: its.pages}
    for each in LEVELS:
        taken[each] = tables_for(own[each], taken[each - 1])
    current, entry = {}, {}
    for each in LEVELS:
        current[each] = place(its.v_start, its.root, each, taken[each] - 1)
        entry[each] = ((own[each] + taken[each - 1] - 1) & (ENTRIES - 1)) + 1
    is_root, is_l3 = its.table == its.root, its.table == place(its.v_start, its.root, 3, number(0))
    from_own = its.entry - choose(is_root, own[4], own[3])
    linked = choose(
        is_root, place(its.v_start, its.root, 3, from_own), place(its.v_start, its.root, 2, from_own)
    )
    there = (is_root | is_l3) & (from_own < choose(is_root, taken[3], taken[2]))
    past = left_out(its.pages, its.initrd_page, its.initrd_pages)
    last = (
        its.pages,
        *(each for level in LEVELS for each in (current[level], entry[level])),
        own[4] + taken[3],
        taken[1],
        taken[2],
        taken[3],
        (its.root + 1) + (taken[1] + (taken[2] + taken[3])),
        its.pages - past,
        past,
        choose(is_root, number(ROOT_LEVEL), choose(is_l3, number(3), number(0))),
        choose(there, linked + 1, number(0)),
    )
    known = (its.table == NO_TABLE) | is_root | is_l3
    in_order = its.initrd_page <= its.initrd_page + its.initrd_pages
    may = known & in_order & (its.pages <= LEAPS) & (its.entry < ENTRIES)
    return tuple(choose(may, far, near) for far, near in zip(last, step, strict=True))
