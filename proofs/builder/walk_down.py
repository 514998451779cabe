"""From the root to a page of the region, by the entries that the mapping loop left: which table each of them leads to.

An entry is looked at by a run of the loop that is about it, and the table that it lies in is the one that the entry
above it leads to. So where tables lie comes from memory alone.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from ...encodings.builder_loop import LEVELS, ROOT_LEVEL, building, shift_of, tables_for
from ...encodings.dom0_builder import ENTRIES, ENTRY_BITS, PAGES_IN_SPACE, entry_of, pages_of
from ...formal.layouts.paging import PAGE_SIZE
from ...formal.logic.theorem import Assumption, Lemma, Run, Statement, Steps, Use
from ...formal.words.word import Word, all_of, replaced, word
from ..shared.region import v_start
from .frame_cursors import frame_at, initrd_in_order, same_frame
from .loop_steps import few_pages, run_of, tables_counted
from .page_lengths import page
from .root_limits import below_one_root
from .table_entries import entry_holds, root_entry_holds
from .table_places import ITS, MOST, is_root, own_entry, place_of, same_place, small_entries

STATE: Final = {str(each.value): each for each in building().state}
RESULTS: Final = {
    level: {name: word(f"{name}_of_l{level}") for name in STATE} for level in (*LEVELS, ROOT_LEVEL)
}
"""The final state of the run that looks at the entry of each level."""
AT: Final = {level: word(f"l{level}_at") for level in (*LEVELS, ROOT_LEVEL)}
"""The entry of each level's table that is looked at."""


def content(level: int) -> Word:
    """What the entry of a level's table holds."""
    return RESULTS[level]["content"]


def table_at(level: int) -> Word:
    """The table of a level on the way down: the one that the entry above it leads to."""
    return ITS.root if level == ROOT_LEVEL else content(level + 1) - 1


def looks(arguments: Mapping[Word, Word], at: Mapping[int, Word]) -> tuple[Run, ...]:
    """The runs that look at the entries ``at`` on the way down, the root's first; ``arguments`` for the loop's words."""
    return tuple(
        run_of(
            {**arguments, ITS.table: replaced(table_at(level), arguments), ITS.entry: at[level]},
            tuple(RESULTS[level].values()),
        )
        for level in (ROOT_LEVEL, *LEVELS[::-1])
    )


def under(level: int, of: Word = page) -> Word:
    """Which table of a level a page's way down leads through, counted in the order taken; of level 0 the page."""
    return of if level == 0 else (own_entry(level) + under(level - 1, of)) >> ENTRY_BITS


def entry_under(level: int, of: Word = page) -> Word:
    """The entry of that table, or of the root, that the way down leads through."""
    if level == ROOT_LEVEL:
        return own_entry(ROOT_LEVEL) + under(3, of)
    return (own_entry(level) + under(level - 1, of)) & (ENTRIES - 1)


@cache
def has_its_entry() -> Lemma:
    """For one of the level below that is there, the table with its entry is there, and that entry leads to it."""
    own, below, count, tables = (word(each) for each in ("own", "below", "count", "tables"))
    there = own + below
    return Lemma(
        "has-its-entry",
        "x < c ⇒ ⌊(o + x) / 512⌋ < ⌈(o + c) / 512⌉, and its entry (o + x) mod 512 leads to x",
        Statement(
            assumptions=(
                Assumption("entry", own < ENTRIES, "o is one of 512"),
                Assumption("there", (below < count) & (count <= PAGES_IN_SPACE), "x < c"),
                Assumption("tables", tables == tables_for(own, count), "t = ⌈(o + c) / 512⌉"),
            ),
            goal=(there >> ENTRY_BITS < tables)
            & (tables <= count)
            & (((there >> ENTRY_BITS) << ENTRY_BITS) + (there & (ENTRIES - 1)) - own == below)
            & (there & (ENTRIES - 1) < ENTRIES),
        ),
    )


def _of_run(lemma: Lemma, level: int, **terms: Word) -> Use:
    """A lemma on a run of the loop, said about the one that looks at a level's entry."""
    mine = dict(RESULTS[level])
    known = {str(each.value) for each in lemma.statement.variables}
    mine |= {"table": table_at(level), "entry": AT[level], **terms}
    return lemma.at(**{name: term for name, term in mine.items() if name in known})


@cache
def leads_down(level: int) -> Lemma:
    """In the run that looks at a level's entry: the table is there, and the entry leads to the one below it."""
    taken = [RESULTS[level][f"l{each}_taken"] for each in LEVELS]
    counts = [RESULTS[level]["mapped"], *taken]
    return Lemma(
        f"leads-down[L{level}]",
        f"p < the region's pages ⇒ when the loop stops, p's way down is there as far as its entry of the L{level}",
        Statement(
            assumptions=(
                few_pages(),
                is_root(),
                Assumption("page", page < ITS.pages, "p is one of the pages"),
            ),
            runs=(_run(level),),
            goal=all_of(under(each) < counts[each] for each in range(min(level, 3) + 1))
            & all_of(under(each) <= MOST[each] for each in LEVELS)
            & all_of(
                ((under(each) << ENTRY_BITS) + entry_under(each) - own_entry(each) == under(each - 1))
                & (entry_under(each) < ENTRIES)
                for each in LEVELS
            ),
        ),
        Steps(
            uses=(
                small_entries().wherever(),
                _of_run(tables_counted(), level),
                *(
                    has_its_entry().wherever(
                        own=own_entry(each),
                        below=under(each - 1),
                        count=counts[each - 1],
                        tables=counts[each],
                    )
                    for each in LEVELS
                ),
                few_under().wherever(),
            ),
            generalise=(
                *(tables_for(own_entry(each), counts[each - 1]) for each in LEVELS[::-1]),
                *(entry_under(each) for each in LEVELS[::-1]),
                *(under(each) for each in LEVELS[::-1]),
                *(own_entry(each) for each in LEVELS[::-1]),
            ),
        ),
    )


@cache
def few_under() -> Lemma:
    """The way down to a page leads through tables that have numbers small enough."""
    return Lemma(
        "few-under",
        "p < 2^52 ⇒ the numbers of its L1, L2 and L3 are no more than any region has",
        Statement(
            assumptions=(Assumption("page", page <= PAGES_IN_SPACE, "p ≤ 2^52"),),
            goal=all_of(under(each) <= MOST[each] for each in LEVELS),
        ),
    )


def _run(level: int) -> Run:
    return next(each for each in looks({}, AT) if each.result[0] is RESULTS[level]["mapped"])


@cache
def walk_down() -> Lemma:
    """From the root the entries on the way to a page lead to its L3, L2 and L1, and to its frame."""
    uses: list[Use] = [small_entries().wherever()]
    terms: list[Word] = []
    places = {level: place_of(level, under(level)) for level in LEVELS}
    for level in (ROOT_LEVEL, *LEVELS[::-1]):
        uses.append(_of_run(leads_down(level), level))
        holds = root_entry_holds() if level == ROOT_LEVEL else entry_holds(level)
        more = {} if level == ROOT_LEVEL else {"index": under(level)}
        uses.append(_of_run(holds, level, **more))
        found = (under(level) << ENTRY_BITS) + AT[level] - own_entry(level) if level < ROOT_LEVEL else None
        if found is None:
            uses.append(same_place(3).wherever(a=AT[4] - own_entry(4), b=under(3)))
            terms.append(place_of(3, AT[4] - own_entry(4)))
        elif level > 1:
            uses.append(same_place(level - 1).wherever(a=found, b=under(level - 1)))
            terms.append(place_of(level - 1, found))
        else:
            uses.append(same_frame().wherever(a=found, b=page))
            terms.append(frame_at(found))
    return Lemma(
        "walk-down",
        "p < the region's pages ⇒ the root's entry for p leads to p's L3, that one's to its L2, that one's to its L1, and "
        "that one's to p's frame",
        Statement(
            assumptions=(
                few_pages(),
                is_root(),
                initrd_in_order(),
                Assumption("page", page < ITS.pages, "p is one of the pages"),
                Assumption(
                    "entries",
                    all_of(AT[level] == entry_under(level) for level in AT),
                    "the entries looked at are those for p",
                ),
            ),
            runs=looks({}, AT),
            goal=all_of(content(level + 1) == places[level] + 1 for level in LEVELS)
            & (content(1) == frame_at(page) + 1)
            & all_of(RESULTS[level]["level"] == level for level in AT),
        ),
        Steps(
            uses=tuple(uses),
            generalise=(
                *terms,
                frame_at(page),
                *places.values(),
                *(entry_under(level) for level in LEVELS[::-1]),
                *(under(level) for level in LEVELS[::-1]),
                *(own_entry(level) for level in AT),
            ),
        ),
    )


@cache
def entries_by_address() -> Lemma:
    """The bits of a page's address say which entries are for it, from a page-aligned S on, as far as the root goes."""
    address = word("address")
    return Lemma(
        "entries-by-address",
        "a = S + 4096 p ⇒ the bits of a are the entries on p's way down",
        Statement(
            assumptions=(
                Assumption("whole", v_start & (PAGE_SIZE - 1) == 0, "S is a whole page"),
                Assumption("address", address == v_start + page * PAGE_SIZE, "a = S + 4096 p"),
                Assumption(
                    "root",
                    (page < PAGES_IN_SPACE) & (entry_under(ROOT_LEVEL) < ENTRIES),
                    "the root has an entry for p",
                ),
            ),
            goal=all_of(entry_of(address, shift_of(level)) == entry_under(level) for level in AT),
        ),
    )


@cache
def page_in_root() -> Lemma:
    """Where S and the region's last byte agree above the root, the root has an entry for each page."""
    end = word("end")
    return Lemma(
        "page-in-root",
        "p < (V - S) / 4096, S and V - 1 agree from bit 48 up ⇒ the root has an entry for p",
        Statement(
            assumptions=(
                Assumption("within", below_one_root(end), "S ≤ V - 1, and they agree from bit 48 up"),
                Assumption("page", page < pages_of(v_start, end), "p is a page of the region"),
            ),
            goal=entry_under(ROOT_LEVEL) < ENTRIES,
        ),
    )
