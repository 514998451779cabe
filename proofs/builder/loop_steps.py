"""Lemmas on a step of the mapping loop: what it takes, and where its cursors stand.

They are said about the loop's own words before a step, and of the same words after it. t1, t2 and t3 are the tables taken
of each level, p the pages mapped.
"""

from collections.abc import Mapping
from functools import cache
from typing import overload

from ...encodings.builder_loop import LEVELS, building, tables_for
from ...encodings.dom0_builder import ENTRIES, ENTRY_BITS, PAGES_IN_SPACE
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps, Use
from ...formal.words.word import Truth, Word, all_of, choose, number, replaced
from ..shared import arithmetic
from .table_places import ITS, MANY, is_root, own_entry, related

BELOW = {1: ITS.mapped} | {level: ITS.taken[level - 1] for level in LEVELS[1:]}
"""What a level's entries lead to, as many as there are so far: pages, or tables of the level below."""
STEP = dict(zip(building().state, building().step, strict=True))


@overload
def after(term: Word) -> Word: ...
@overload
def after(term: Truth) -> Truth: ...
def after(term: Word | Truth) -> Word | Truth:
    """What a term is after a step."""
    return replaced(term, STEP)


def said_after(lemma: Lemma, *, implied: bool = False) -> Use:
    """A lemma on the loop's words, said about those after a step."""
    terms = {str(each.value): STEP[each] for each in lemma.statement.variables if each in STEP}
    return lemma.wherever(**terms) if implied else lemma.at(**terms)


def run_of(arguments: Mapping[Word, Word], result: tuple[Word, ...] = building().state) -> Run:
    """The loop with ``arguments`` for its words; a word that isn't given stands for itself."""
    loop = building()
    return Run(loop, tuple(arguments.get(each, each) for each in loop.parameters), result)


def looking() -> Run:
    """The loop, on words of its own."""
    return run_of({})


def few_pages() -> Assumption:
    """There are no more pages than addresses."""
    return Assumption("few", ITS.pages <= PAGES_IN_SPACE, "2^52 pages at most")


def right_count(level: int) -> tuple[Word, Word]:
    """How many tables of a level the pages mapped need, from the first on, and past which entry its cursor then is."""
    linked = own_entry(level) + BELOW[level]
    return (linked + (ENTRIES - 1)) >> ENTRY_BITS, ((linked - 1) & (ENTRIES - 1)) + 1


def counted() -> Truth:
    """The tables taken are those that the pages mapped need, and each cursor stands past the last entry written."""
    its = {level: (ITS.taken[level], ITS.entries[level]) for level in LEVELS}
    zero = all_of((entry == 0) & (taken == 0) for taken, entry in its.values())
    some = all_of(
        mine == right for level in LEVELS for mine, right in zip(its[level], right_count(level), strict=True)
    )
    return ((ITS.mapped == 0) & zero) | ((ITS.mapped != 0) & some)


def in_a_row() -> Truth:
    """The next table comes right after those taken."""
    t1, t2, t3 = ITS.taken.values()
    return ITS.next_table == (ITS.root + 1) + (t1 + (t2 + t3))


def within_the_row() -> Truth:
    """The tables that the cursors are in have been taken, and none is the root."""
    nowhere = (ITS.mapped == 0) & all_of(ITS.entries[level] == 0 for level in LEVELS)
    somewhere = all_of((each < ITS.next_table) & (each != ITS.root) for each in ITS.tables.values())
    return nowhere | ((ITS.mapped != 0) & somewhere)


def in_order() -> Truth:
    """What holds before and after each step, whatever is looked at."""
    return counted() & in_a_row() & (ITS.mapped <= ITS.pages) & within_the_row()


def going_on() -> Assumption:
    """All is `in_order`, and a step is taken."""
    return Assumption("in-order", in_order() & (ITS.mapped < ITS.pages), "before a step all is in order")


@cache
def counted_on() -> Lemma:
    """A step keeps the count of each level, and its cursor."""
    return Lemma(
        "counted-on",
        "t1 = ⌈o1, p⌉, t2 = ⌈o2, t1⌉, t3 = ⌈o3, t2⌉ after a step, too",
        Statement(
            assumptions=(
                few_pages(),
                Assumption("counted", counted() & (ITS.mapped < ITS.pages), "so before"),
            ),
            goal=after(counted()),
        ),
    )


@cache
def row_goes_on() -> Lemma:
    """A step keeps the next table right after those taken."""
    t1, t2, t3 = ITS.taken.values()
    one, two, three = (choose(ITS.fresh[level], number(1), number(0)) for level in LEVELS)
    others = (t2 + two) + (t3 + three)
    return Lemma(
        "row-goes-on",
        "the next table is root + 1 + t1 + t2 + t3 after a step, too",
        Statement(assumptions=(Assumption("row", in_a_row(), "so before"),), goal=after(in_a_row())),
        Steps(
            uses=(
                arithmetic.sums_move().at(a=t2, b=two, c=t3, d=three, e=t2 + two, f=t3 + three),
                arithmetic.sums_move().at(a=t1, b=one, c=t2 + t3, d=two + three, e=t1 + one, f=others),
            ),
            generalise=(
                t1 + (t2 + t3),
                one + (two + three),
                (t1 + one) + others,
            ),
        ),
    )


@cache
def few_taken() -> Lemma:
    """No more tables are taken than the pages can need."""
    return Lemma(
        "few-taken",
        "t2 = ⌈o2, t1⌉, t3 = ⌈o3, t2⌉, all below 2^44; the next table is below 2^46 and above the root",
        Statement(
            assumptions=(
                is_root(),
                Assumption(
                    "counted", counted() & in_a_row() & (ITS.mapped <= PAGES_IN_SPACE), "the count is right"
                ),
            ),
            goal=related() & (ITS.next_table <= 2 * MANY) & (ITS.root + 1 <= ITS.next_table),
        ),
    )


@cache
def row_holds() -> Lemma:
    """After a step the cursors are in tables that have been taken."""
    return Lemma(
        "row-holds",
        "after a step each cursor is in a table that was taken",
        Statement(
            assumptions=(
                is_root(),
                Assumption("room", ITS.next_table <= 2 * MANY, "few tables are taken"),
                Assumption("above", ITS.root + 1 <= ITS.next_table, "they come after the root"),
                Assumption("within", within_the_row() & (ITS.mapped <= PAGES_IN_SPACE), "so before"),
            ),
            goal=after(within_the_row()),
        ),
        Steps(generalise=[ITS.at[level] + 1 for level in LEVELS]),
    )


@cache
def goes_on_in_order() -> Lemma:
    """A step keeps all in order."""
    few = few_taken().statement.goal
    rounded = [each for level in LEVELS for each in right_count(level)]
    return Lemma(
        "goes-on-in-order",
        "after a step all is in order again",
        Statement(
            assumptions=(few_pages(), is_root(), going_on()),
            goal=after(in_order()) & few & after(few),
        ),
        Steps(
            uses=(
                counted_on().at(),
                row_goes_on().at(),
                few_taken().wherever(),
                said_after(few_taken(), implied=True),
                row_holds().wherever(),
            ),
            generalise=(*map(after, rounded), *rounded),
        ),
    )


@cache
def tables_counted() -> Lemma:
    """When the loop stops, the tables taken are those that the pages need, and they lie in a row behind the root."""
    needs = all_of(ITS.taken[level] == tables_for(own_entry(level), BELOW[level]) for level in LEVELS)
    return Lemma(
        "tables-counted",
        "the loop stops with t1 = ⌈o1, p⌉, t2 = ⌈o2, t1⌉ and t3 = ⌈o3, t2⌉, the next table right after these",
        Statement(
            assumptions=(few_pages(), is_root()),
            runs=(looking(),),
            goal=(ITS.mapped == ITS.pages) & needs & in_a_row() & few_taken().statement.goal,
        ),
        Induction(
            invariant=in_order(),
            step=Steps(uses=(goes_on_in_order().at(),)),
            end=Steps(uses=(few_taken().at(),)),
        ),
    )
