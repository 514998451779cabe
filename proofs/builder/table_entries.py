"""What lies in memory when the mapping loop stops: of each table its level, and of each entry what it leads to.

The k-th table of a level lies where `table_places` says, and its entry e leads to the (512 k + e - o)-th of the level
below, if there are so many, and else to nothing. So it is proved here, by induction over the loop, for any k and e.
"""

from functools import cache

from ...encodings.builder_loop import LEVELS, ROOT_LEVEL
from ...encodings.dom0_builder import ENTRIES, ENTRY_BITS, PAGES_IN_SPACE
from ...formal.logic.theorem import Assumption, Induction, Lemma, Statement, Steps, Use
from ...formal.words.word import Truth, Word, all_of, choose, number, word
from ..shared import arithmetic
from ..shared.arithmetic import a, b
from .frame_cursors import cursors, cursors_go_on, frame_at, frame_now, initrd_in_order, same_frame
from .loop_steps import (
    BELOW,
    after,
    counted,
    few_pages,
    few_taken,
    goes_on_in_order,
    going_on,
    in_a_row,
    in_order,
    looking,
    right_count,
    said_after,
    within_the_row,
)
from .table_places import (
    ITS,
    MANY,
    a_table,
    comes_later,
    comes_now,
    in_row_of,
    index,
    is_root,
    needed_by_level,
    never_root,
    own,
    own_entry,
    place_of,
    related,
    same_place,
)

TAKEN_ALREADY = ITS.table < ITS.next_table


def _others(level: int) -> Truth:
    """No cursor of another level is in the table."""
    return all_of(each != ITS.table for at, each in ITS.tables.items() if at != level)


def _nobody() -> Truth:
    return all_of(each != ITS.table for each in ITS.tables.values())


def _taken_now(level: int) -> Truth:
    """The step takes the table for the level."""
    return ITS.fresh[level] & (ITS.table == ITS.takes[level])


def _cleared() -> Truth:
    return _taken_now(1) | _taken_now(2) | _taken_now(3)


def _few_tables() -> Assumption:
    return Assumption("room", ITS.next_table <= 2 * MANY, "few tables are taken")


def _within() -> Assumption:
    return Assumption("within", within_the_row(), "each cursor is in a table that was taken")


@cache
def taken_for(level: int) -> Lemma:
    """A table is taken for one level, once, and only that level's cursor is ever in it."""
    was = TAKEN_ALREADY & (ITS.level == level) & _others(level)
    not_yet = ~TAKEN_ALREADY & (ITS.level == 0) & ((ITS.table >= after(ITS.next_table)) | _taken_now(level))
    stays = ~ITS.fresh[level] & (ITS.tables[level] == ITS.table)
    then = (
        after(TAKEN_ALREADY)
        & (after(ITS.level) == level)
        & after(_others(level))
        & ((after(ITS.tables[level]) == ITS.table) == (_taken_now(level) | stays))
    )
    neither = ~was & ~_taken_now(level) & ~after(TAKEN_ALREADY) & (after(ITS.level) == 0) & after(_nobody())
    return Lemma(
        f"taken-for[L{level}]",
        f"a step keeps a table an L{level}, or takes it for one, or doesn't come to it yet",
        Statement(
            assumptions=(
                _few_tables(),
                _within(),
                Assumption("was", was | not_yet, f"it is an L{level}, or will be one, if the step takes it"),
            ),
            goal=((was | _taken_now(level)) & then) | neither,
        ),
    )


@cache
def written(level: int) -> Lemma:
    """A step writes into a table of a level only by that level's cursor."""
    leads_to = {1: frame_now()} | {each: ITS.takes[each - 1] for each in LEVELS[1:]}
    there = ITS.writes[level] & (after(ITS.tables[level]) == ITS.table) & (ITS.at[level] == ITS.entry)
    return Lemma(
        f"written[L{level}]",
        f"an L{level}'s entry changes where it is taken and where its cursor is, and nowhere else",
        Statement(
            assumptions=(
                Assumption("root", ITS.root != ITS.table, "it isn't the root"),
                Assumption("others", after(_others(level)), "no other cursor is in it"),
            ),
            goal=after(ITS.content)
            == choose(there, leads_to[level] + 1, choose(_cleared(), number(0), ITS.content)),
        ),
    )


@cache
def cursor_at(level: int) -> Lemma:
    """What a cursor writes is at the entry for the one that it leads to."""
    taken = after(ITS.taken[level])
    return Lemma(
        f"cursor-at[L{level}]",
        f"the L{level}'s cursor writes the entry e of its table k where 512 k + e = o + how many are linked so far",
        Statement(
            assumptions=(
                few_pages(),
                Assumption("counted", counted() & (ITS.mapped < ITS.pages), "the count is right"),
            ),
            goal=~ITS.writes[level]
            | (
                (((taken - 1) << ENTRY_BITS) + ITS.at[level] == own_entry(level) + BELOW[level])
                & (ITS.at[level] < ENTRIES)
                & (after(BELOW[level]) == BELOW[level] + 1)
                & (taken >= 1)
            ),
        ),
    )


@cache
def one_entry() -> Lemma:
    """512 k + e determines table and entry."""
    there = (index << ENTRY_BITS) + ITS.entry
    return Lemma(
        "one-entry",
        "512 k + e = 512 j + d just if k = j, e = d; it is no less for k = j, d = 0",
        Statement(
            assumptions=(
                Assumption("entries", (ITS.entry < ENTRIES) & (a < ENTRIES), "d and e are entries"),
                Assumption("tables", (index < 2 * MANY) & (b < 2 * MANY), "k and j are tables"),
            ),
            goal=((there == (b << ENTRY_BITS) + a) == ((index == b) & (ITS.entry == a)))
            & ((index != b) | (a != 0) | ((b << ENTRY_BITS) + a <= there)),
        ),
    )


@cache
def next_linked() -> Lemma:
    """An entry leads to the next of the level below just if the cursor stands at it, and to none before from a fresh table."""
    below, there, cursor = word("below"), (index << ENTRY_BITS) + ITS.entry, (b << ENTRY_BITS) + a
    at = there - own
    return Lemma(
        "next-linked",
        "512 j + d = o + x ⇒ 512 k + e - o = x just if k = j, e = d, no less than x for k = j, d = 0, and less than x + 1 if it is x or less",
        Statement(
            assumptions=(
                *one_entry().statement.assumptions,
                Assumption("cursor", cursor == own + below, "the entry d of j leads to x"),
                Assumption("few", (own < ENTRIES) & (below <= PAGES_IN_SPACE), "x is one of few"),
            ),
            goal=((at == below) == ((index == b) & (ITS.entry == a)))
            & ((at < below + 1) == ((at < below) | (at == below)))
            & ((index != b) | ((a != 0) & (below != 0)) | (at >= below)),
        ),
        Steps(
            uses=(
                one_entry().at(),
                arithmetic.less_in_order().wherever(a=cursor, b=there, c=own),
            ),
            generalise=(there, cursor),
        ),
    )


@cache
def nothing_taken(level: int) -> Lemma:
    """Without a table of one level there is none of any."""
    t1, t2, t3 = ITS.taken.values()
    return Lemma(
        f"nothing-taken[L{level}]",
        f"t{level} = 0 ⇒ t1 = t2 = t3 = 0",
        Statement(
            assumptions=(
                Assumption("related", related(), "t2 = ⌈o2, t1⌉, t3 = ⌈o3, t2⌉"),
                Assumption("none", ITS.taken[level] == 0, f"t{level} = 0"),
            ),
            goal=t1 + (t2 + t3) == 0,
        ),
    )


@cache
def place_not_yet(level: int) -> Lemma:
    """A table that isn't taken yet lies beyond those taken."""
    t1, t2, t3 = ITS.taken.values()
    return Lemma(
        f"place-not-yet[L{level}]",
        f"k < t{level}, or the L{level} k comes no earlier than the next table",
        Statement(
            assumptions=(
                is_root(),
                a_table(level),
                Assumption(
                    "related",
                    related() & in_a_row() & (ITS.next_table <= 2 * MANY) & (ITS.root + 1 <= ITS.next_table),
                    "the count is right",
                ),
            ),
            goal=(index < ITS.taken[level]) | (place_of(level) >= ITS.next_table),
        ),
        Steps(
            uses=(comes_later(level).wherever(), nothing_taken(level).wherever()),
            generalise=(in_row_of(level), t1 + (t2 + t3), *needed_by_level()[::-1]),
        ),
    )


@cache
def place_now(level: int) -> Lemma:
    """The table that a step takes is the next of its level."""
    t1, t2, t3 = ITS.taken.values()
    here = ITS.taken[level]
    return Lemma(
        f"place-now[L{level}]",
        f"a fresh L{level} is the L{level} t{level}",
        Statement(
            assumptions=(
                Assumption("related", related() & in_a_row() & counted(), "the count is right"),
                Assumption("few", ITS.mapped <= PAGES_IN_SPACE, "2^52 pages at most"),
                Assumption("fresh", ITS.fresh[level], "the cursors stand at a table's end, or nowhere"),
            ),
            goal=place_of(level, here) == ITS.takes[level],
        ),
        Steps(
            uses=(comes_now(level).at(), nothing_taken(level).wherever()),
            generalise=(in_row_of(level, here), t1 + (t2 + t3)),
        ),
    )


def table_is(level: int) -> Truth:
    """What has become of the table, where it is the index-th of a level."""
    taken = index < ITS.taken[level]
    its_cursor = (ITS.tables[level] == ITS.table) == (index == ITS.taken[level] - 1)
    return (~taken | (TAKEN_ALREADY & (ITS.level == level) & _others(level) & its_cursor)) & (
        taken | ((ITS.level == 0) & ((ITS.mapped == 0) | _nobody()))
    )


def linked(level: int) -> Word:
    """Which one of the level below the entry leads to: a number that is too large where it is below S's own."""
    return (index << ENTRY_BITS) + ITS.entry - own_entry(level)


def leads_to(level: int, at: Word) -> Word:
    """What the entry for the ``at``-th of the level below holds, less 1."""
    return frame_at(at) if level == 1 else place_of(level - 1, at)


def entry_is(level: int) -> Truth:
    """What the entry holds, where it is one of the index-th table of a level."""
    there = (index < ITS.taken[level]) & (linked(level) < BELOW[level])
    return ITS.content == choose(there, leads_to(level, linked(level)) + 1, number(0))


def _holds(level: int) -> Truth:
    """What is known of an entry at every step; of a page's with the cursors that its frame comes from."""
    return entry_is(level) & cursors() if level == 1 else entry_is(level)


def _of_entry(level: int) -> tuple[Assumption, ...]:
    entry = Assumption("entry", ITS.entry < ENTRIES, "e is an entry")
    return (initrd_in_order(), entry) if level == 1 else (entry,)


def _here(level: int) -> Assumption:
    return Assumption("here", ITS.table == place_of(level), f"the table is the L{level} k")


def _about(level: int) -> tuple[Assumption, ...]:
    return (
        few_pages(),
        is_root(),
        a_table(level),
        _here(level),
        going_on(),
        Assumption("table", table_is(level), "so the table is before"),
    )


def _sums() -> tuple[Word, ...]:
    """Terms that a step's last query needn't look into."""
    t1, t2, t3 = ITS.taken.values()
    cursors_at = [each for level in LEVELS for each in right_count(level)]
    sums = ((ITS.root + 1) + (t1 + (t2 + t3)), t1 + (t2 + t3), *needed_by_level(), *cursors_at)
    at_end = [ITS.entries[level] & (ENTRIES - 1) for level in LEVELS]
    return (*map(after, sums), *sums, *map(after, ITS.tables.values()), *at_end, after(ITS.next_table))


@cache
def table_stays(level: int) -> Lemma:
    """A step keeps what is known about a table."""
    here = place_of(level)
    return Lemma(
        f"table-stays[L{level}]",
        f"after a step, too, the L{level} k has been taken as an L{level} if k < t{level}, and else as nothing",
        Statement(assumptions=_about(level), goal=after(table_is(level))),
        Steps(
            uses=(
                goes_on_in_order().wherever(),
                place_not_yet(level).wherever(),
                said_after(place_not_yet(level), implied=True),
                place_now(level).wherever(),
                same_place(level).wherever(a=index, b=ITS.taken[level]),
                taken_for(level).wherever(),
            ),
            generalise=(
                here,
                place_of(level, ITS.taken[level]),
                after(ITS.level),
                *map(after, ITS.entries.values()),
                *_sums(),
            ),
        ),
    )


@cache
def entry_stays(level: int) -> Lemma:
    """A step keeps what is known of an entry."""
    here, at = place_of(level), linked(level)
    uses: list[Use] = [
        goes_on_in_order().at(),
        table_stays(level).at(),
        never_root(level).at(),
        cursor_at(level).at(),
        next_linked().wherever(
            own=own_entry(level), below=BELOW[level], a=ITS.at[level], b=after(ITS.taken[level]) - 1
        ),
        written(level).wherever(),
    ]
    if level == 1:
        uses += [cursors_go_on().at(), same_frame().wherever(a=at, b=ITS.mapped)]
        terms = [frame_at(at), frame_at(ITS.mapped), frame_now()]
    else:
        uses += [place_now(level - 1).wherever(), same_place(level - 1).wherever(a=at, b=BELOW[level])]
        terms = [place_of(level - 1, at), place_of(level - 1, BELOW[level])]
    return Lemma(
        f"entry-stays[L{level}]",
        f"after a step, too, the L{level}'s entry e leads to the (512 k + e - o)-th of the level below, if there is one",
        Statement(
            assumptions=(
                *_about(level),
                *_of_entry(level),
                Assumption("holds", _holds(level), "so it does before"),
            ),
            goal=after(_holds(level)),
        ),
        Steps(
            uses=tuple(uses),
            generalise=(
                ((after(ITS.taken[level]) - 1) << ENTRY_BITS) + ITS.at[level],
                own_entry(level) + BELOW[level],
                at,
                after(ITS.content),
                *terms,
                here,
                *_sums(),
                after(ITS.level),
            ),
        ),
    )


@cache
def entry_holds(level: int) -> Lemma:
    """The k-th table of a level is one, and its entry e leads to the (512 k + e - o)-th of the level below."""
    return Lemma(
        f"entry-holds[L{level}]",
        f"the loop stops, and the L{level} k is an L{level}, its entry e leads to the (512 k + e - o)-th of the level "
        "below; to nothing where there are not so many",
        Statement(
            assumptions=(
                few_pages(),
                is_root(),
                a_table(level),
                _here(level),
                *_of_entry(level),
            ),
            runs=(looking(),),
            goal=(~(index < ITS.taken[level]) | (ITS.level == level)) & entry_is(level),
        ),
        Induction(
            invariant=in_order() & table_is(level) & _holds(level),
            step=Steps(
                uses=(goes_on_in_order().at(), table_stays(level).at(), entry_stays(level).at()),
                generalise=(after(ITS.content), place_of(level), *_sums(), after(ITS.level)),
            ),
        ),
    )


@cache
def root_stays() -> Lemma:
    """A step writes the root by its own cursor only."""
    return Lemma(
        "root-stays",
        "after a step, too, the root's entry e leads to the L3 e - o, if there is one",
        Statement(
            assumptions=(
                few_pages(),
                is_root(),
                _is_it(),
                going_on(),
                Assumption("root", _root_is(), "so it does before"),
            ),
            goal=after(_root_is()),
        ),
        Steps(
            uses=(
                goes_on_in_order().at(),
                cursor_at(3).at(),
                place_now(3).wherever(),
                same_place(3).wherever(a=ITS.entry - own_entry(4), b=ITS.taken[3]),
            ),
            generalise=(
                place_of(3, ITS.entry - own_entry(4)),
                place_of(3, ITS.taken[3]),
                *_sums(),
            ),
        ),
    )


def _is_it() -> Assumption:
    return Assumption("here", ITS.table == ITS.root, "the table is the root")


def _root_is() -> Truth:
    """What the root's entry holds, and where its cursor is."""
    at = ITS.entry - own_entry(4)
    holds = choose(at < ITS.taken[3], place_of(3, at) + 1, number(0))
    return (
        (ITS.content == holds) & (ITS.level == ROOT_LEVEL) & (ITS.entries[4] == own_entry(4) + ITS.taken[3])
    )


@cache
def root_entry_holds() -> Lemma:
    """The root's entry e leads to the L3 e - o, for as many as there are."""
    return Lemma(
        "root-entry-holds",
        "the loop stops, and the root's entry e leads to the L3 e - o; to nothing where there are not so many",
        Statement(
            assumptions=(few_pages(), is_root(), _is_it()),
            runs=(looking(),),
            goal=_root_is(),
        ),
        Induction(
            invariant=in_order() & _root_is(), step=Steps(uses=(goes_on_in_order().at(), root_stays().at()))
        ),
    )


def _some_level() -> Truth:
    """What has become of any table: its level is from 1 to 3 if it was taken, the root's is 4, and else it has none."""
    is_root = ITS.table == ITS.root
    return (
        choose(
            is_root,
            choose(ITS.level == ROOT_LEVEL, number(1), number(0)),
            choose(((ITS.level >= 1) & (ITS.level <= 3)) == TAKEN_ALREADY, number(1), number(0)),
        )
        == 1
    )


@cache
def levels_stay() -> Lemma:
    """A step keeps the levels of tables, and gives one to those that it takes."""
    return Lemma(
        "levels-stay",
        "after a step, too, the tables taken are of a level from 1 to 3, the root of level 4, and all else of none",
        Statement(
            assumptions=(
                _few_tables(),
                Assumption("above", ITS.root + 1 <= ITS.next_table, "the root comes before the tables taken"),
                is_root(),
                _within(),
                Assumption("levels", _some_level() & (ITS.level <= ROOT_LEVEL), "so before"),
            ),
            goal=after(_some_level() & (ITS.level <= ROOT_LEVEL)),
        ),
    )


@cache
def every_table() -> Lemma:
    """Each frame that was taken is a table of some level, and no other is one."""
    return Lemma(
        "every-table",
        "the loop stops, and the tables taken are of a level from 1 to 3, the root of level 4, and all else of none",
        Statement(assumptions=(few_pages(), is_root()), runs=(looking(),), goal=_some_level()),
        Induction(
            invariant=in_order() & _some_level() & (ITS.level <= ROOT_LEVEL),
            step=Steps(
                uses=(goes_on_in_order().at(), few_taken().at(), levels_stay().at()),
                generalise=(after(ITS.level), *_sums()),
            ),
        ),
    )
