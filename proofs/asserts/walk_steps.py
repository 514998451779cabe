"""Lemmas about the read-only walk, step by step: where its pointers stand, by induction over the pages visited.

Notation of DOMAIN.md section 1: S = v_start, T = vpt_start. Before each visit the pointer into an L1 stands at the entry
for the page T + 4096 c; let that be the p-th entry from S's own, then its table is the ⌊(o + p) / 512⌋-th L1, o being S's
entry, and so on up: each pointer stands where dividing by 512 puts it. An entry that is followed leads to a table that
was taken, since p is a page of the region.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

from ...encodings import dom0_builder
from ...encodings import read_only_walk as walk
from ...encodings.builder_loop import LEVELS, shift_of, tables_for
from ...encodings.dom0_builder import ENTRIES, ENTRY_BITS, PAGES_IN_SPACE
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps, Use
from ...formal.words.word import Truth, Word, all_of, choose, number, replaced, word
from ..builder.mapped_pages import table_page
from ..builder.table_places import small_entries
from ..builder.walk_down import entry_under, has_its_entry, under
from ..shared import arithmetic
from ..shared.region import v_start, vpt_start

SHIFTS: Final = tuple(shift_of(level) for level in LEVELS)
"""The levels from L1 up, by what one of their tables maps."""
visits, visited, empty = word("visits"), word("visited"), word("empty")
pages, l1_tables, l2_tables, l3_tables = map(word, ("pages", "l1_tables", "l2_tables", "l3_tables"))
pl4e_entry, pl3e_table, pl3e_entry = word("pl4e_entry"), word("pl3e_table"), word("pl3e_entry")
pl2e_table, pl2e_entry, pl1e_table, pl1e_entry = map(
    word, ("pl2e_table", "pl2e_entry", "pl1e_table", "pl1e_entry")
)
STATE = walk.walking().state


def entry_of(shift: int) -> Word:
    """S's own entry in its table that maps 2**shift bytes."""
    return dom0_builder.entry_of(v_start, shift)


def rounded(shift: int, below: Word) -> Word:
    """⌈(o + e) / 512⌉: the tables that a level takes for ``below`` of the level below, 0 for none."""
    return tables_for(entry_of(shift), below)


def walked(count: Word, l1: Word, l2: Word, l3: Word, whole: Word) -> Run:
    """The walk over ``count`` pages, in a region of ``whole`` pages with so many tables."""
    return Run(walk.walking(), (v_start, vpt_start, count, whole, l1, l2, l3), STATE)


def standing(at: Word) -> Truth:
    """Each pointer stands where the ``at``-th page from S's own has its entry, and its table is the one for it."""
    x1 = entry_of(21) + at
    x2 = entry_of(30) + pl1e_table
    x3 = entry_of(39) + pl2e_table
    return (
        (pl1e_entry == x1 & (ENTRIES - 1))
        & (pl1e_table == x1 >> ENTRY_BITS)
        & (pl2e_entry == x2 & (ENTRIES - 1))
        & (pl2e_table == x2 >> ENTRY_BITS)
        & (pl3e_entry == x3 & (ENTRIES - 1))
        & (pl3e_table == x3 >> ENTRY_BITS)
        & (pl4e_entry == entry_of(48) + pl3e_table)
    )


IN_TABLES: Final = {3: pl3e_table, 2: pl2e_table, 1: pl1e_table}
"""The table that each of the walk's pointers is in, counted in the order taken at its level."""
POINTERS: Final = {4: pl4e_entry, 3: pl3e_entry, 2: pl2e_entry, 1: pl1e_entry}
"""The entry that each of them is at."""


def on_the_way_to(page: Word) -> Truth:
    """The pointers are at the tables and entries that lead down to a page."""
    return all_of(each == under(level, page) for level, each in IN_TABLES.items()) & all_of(
        each == entry_under(level, page) for level, each in POINTERS.items()
    )


own_entry, below, after = word("own_entry"), word("below"), word("after")
table, entry = word("table"), word("entry")
next_table, next_entry = word("next_table"), word("next_entry")
LOW: Final = 1 << 56
"""Numbers of tables and pages below this don't wrap when 512 is added."""


def _number(table: Word, entry: Word) -> Word:
    """Which table or page an entry leads to, from the one that ``own_entry`` leads to."""
    return (table << ENTRY_BITS) + entry - own_entry


def _stands(table: Word, entry: Word, at: Word) -> Truth:
    """The pointer is at the entry that leads to the ``at``-th below."""
    there = own_entry + at
    return (table == there >> ENTRY_BITS) & (entry == there & (ENTRIES - 1))


def _small_entry() -> Assumption:
    return Assumption("entry", own_entry < ENTRIES, "S's entry is one of 512")


@cache
def leads_there() -> Lemma:
    """A pointer that stands at the entry for the k-th leads to the k-th."""
    return Lemma(
        "leads-there",
        "the entry for the k-th leads to the k-th",
        Statement(
            assumptions=(
                _small_entry(),
                Assumption("low", below <= LOW, "k ≤ 2^56"),
                Assumption("stands", _stands(table, entry, below), "the pointer stands at the k-th"),
            ),
            goal=(_number(table, entry) == below) & (entry < ENTRIES) & (table < LOW),
        ),
    )


@cache
def pointer_goes_on() -> Lemma:
    """A pointer that goes on by an entry, at the end of its table to the next one's start, stands at the next."""
    past = (entry + 1) & (ENTRIES - 1) == 0
    steps = (past & (next_table == table + 1) & (next_entry == 0)) | (
        ~past & (next_table == table) & (next_entry == entry + 1)
    )
    stays = (next_table == table) & (next_entry == entry)
    return Lemma(
        "pointer-goes-on",
        "from the k-th entry a pointer goes on to the next, at its table's end in the next table; or it stays",
        Statement(
            assumptions=(
                _small_entry(),
                Assumption("low", below < LOW, "k < 2^56"),
                Assumption("stands", _stands(table, entry, below), "the pointer stands at the k-th"),
                Assumption(
                    "goes-on",
                    (steps & (after == below + 1)) | (stays & (after == below)),
                    "it goes on by an entry, or stays",
                ),
            ),
            goal=_stands(next_table, next_entry, after),
        ),
    )


@cache
def root_goes_on() -> Lemma:
    """The root's next entry leads to the next L3."""
    return Lemma(
        "root-goes-on",
        "the root's entry after the one for the k-th L3 leads to the next",
        Statement(goal=walk.leads_to(v_start, 48, number(0), (entry_of(48) + below) + 1) == below + 1),
        Steps(generalise=(entry_of(48),)),
    )


AFTER = dict(zip((str(each.value) for each in STATE), walk.walking().step, strict=True))
"""The state after a step, by name."""
BY_SHIFT: Final = {
    39: ("l3", pl3e_table, pl3e_entry, pl2e_table),
    30: ("l2", pl2e_table, pl2e_entry, pl1e_table),
    21: ("l1", pl1e_table, pl1e_entry, table_page() + visited),
}
"""Each pointer by what its table maps: its name, its table and entry, and which one below it leads to."""


def _past(shift: int) -> Truth:
    """The pointer, and each below it, is at its table's end, and goes on to the next table."""
    return all_of(
        (found + 1) & (ENTRIES - 1) == 0 for each, (_, _, found, _) in BY_SHIFT.items() if each <= shift
    )


def _next(shift: int) -> tuple[Word, Word]:
    """The pointer's table and entry after a step."""
    name = BY_SHIFT[shift][0]
    return AFTER[f"p{name}e_table"], AFTER[f"p{name}e_entry"]


def _onward(shift: int) -> Word:
    """Which one below the pointer leads to after a step."""
    return table_page() + (visited + 1) if shift == 21 else _next(shift - ENTRY_BITS)[0]


def _stood(*shifts: int) -> Assumption:
    """Where the pointers stood before."""
    return Assumption(
        "stood",
        all_of(
            _stands_at(shift, table, entry, under) & (under < LOW)
            for shift, (_, table, entry, under) in BY_SHIFT.items()
            if shift in shifts
        )
        & (pl4e_entry == entry_of(48) + pl3e_table),
        "the pointers stand where dividing by 512 puts them",
    )


def _stands_at(shift: int, table: Word, entry: Word, at: Word) -> Truth:
    return replaced(_stands(table, entry, at), {own_entry: entry_of(shift)})


@cache
def table_goes_on(shift: int) -> Lemma:
    """The pointer's table stays, or the next one follows it where the pointer is past its end."""
    name, table, _, _ = BY_SHIFT[shift]
    next_table = _next(shift)[0]
    above = shift + ENTRY_BITS
    uses: list[Use]
    if shift == 39:
        uses = [root_goes_on().at(below=pl3e_table)]
        generalise: tuple[Word, ...] = (entry_of(48),)
    else:
        _, upper_table, upper_entry, _ = BY_SHIFT[above]
        to = table + 1
        terms = {"own_entry": entry_of(above), "table": upper_table, "entry": upper_entry, "below": table}
        upper = dict(zip(("next_table", "next_entry"), _next(above), strict=True))
        uses = [
            small_entries().at(),
            table_goes_on(above).at(),
            pointer_goes_on().wherever(**terms, after=to, **upper),
            leads_there().wherever(
                own_entry=entry_of(above), table=upper["next_table"], entry=upper["next_entry"], below=to
            ),
        ]
        there = entry_of(above) + to
        generalise = (
            walk.leads_to(v_start, above, *_next(above)),
            _next(above)[0],
            there >> ENTRY_BITS,
            there & (ENTRIES - 1),
            entry_of(above),
        )
    return Lemma(
        f"table-goes-on[{name}]",
        f"past its table's end the {name.upper()} pointer goes on to the next table, else it stays in it",
        Statement(
            assumptions=(_stood(*(each for each in (39, 30) if each > shift)),),
            goal=next_table == choose(_past(shift), table + 1, table),
        ),
        Steps(uses=tuple(uses), generalise=generalise),
    )


@cache
def stands_on(shift: int) -> Lemma:
    """After a step the pointer stands where the one below it is now."""
    name, table, entry, under = BY_SHIFT[shift]
    next_table, next_entry = _next(shift)
    onward = _onward(shift)
    uses = [small_entries().at(), table_goes_on(shift).at()]
    if shift > 21:
        uses.append(table_goes_on(shift - ENTRY_BITS).at())
    terms = {"own_entry": entry_of(shift), "table": table, "entry": entry, "below": under}
    uses.append(
        pointer_goes_on().wherever(**terms, next_table=next_table, next_entry=next_entry, after=onward)
    )
    there = entry_of(shift) + onward
    return Lemma(
        f"stands-on[{name}]",
        f"after a step the {name.upper()} pointer stands where dividing by 512 puts it",
        Statement(
            assumptions=(_stood(*(each for each in BY_SHIFT if each >= shift)),),
            goal=_stands_at(shift, next_table, next_entry, onward),
        ),
        Steps(
            uses=tuple(uses),
            generalise=(
                there >> ENTRY_BITS,
                there & (ENTRIES - 1),
                next_table,
                *((onward,) if shift > 21 else (table_page(),)),
                entry_of(shift),
            ),
        ),
    )


@cache
def root_stands_on() -> Lemma:
    """After a step the root's pointer stands at the entry for the L3 pointer's table."""
    next_l3 = _next(39)[0]
    return Lemma(
        "root-stands-on",
        "after a step the root's pointer is at the entry for the L3 pointer's table",
        Statement(
            assumptions=(_stood(39),),
            goal=(AFTER["pl4e_entry"] == entry_of(48) + next_l3),
        ),
        Steps(
            uses=(table_goes_on(39).at(),),
            generalise=(next_l3, entry_of(48)),
        ),
    )


ROUNDED: Final = rounded(21, pages), rounded(30, l1_tables), rounded(39, l2_tables)
"""How many tables of each level there are, where the count is right."""


def tables_taken() -> Assumption:
    """What the walk rests on: the tables that `levels-rounded` says are taken."""
    return Assumption(
        "taken",
        all_of(each == right for each, right in zip((l1_tables, l2_tables, l3_tables), ROUNDED, strict=True)),
        "each level has a table for every 512 of the level below, from S's entry on",
    )


@cache
def tables_are_there() -> Lemma:
    """For a page of the region there are all the tables on the way to it."""
    at, *tables = map(word, ("at", "x1", "x2", "x3"))
    x1, x2, x3 = tables
    return Lemma(
        "tables-are-there",
        "p < the region's pages ⇒ p's L1, L2 and L3 are among those taken",
        Statement(
            assumptions=(
                Assumption("page", (at < pages) & (pages <= PAGES_IN_SPACE), "p is a page of the region"),
                Assumption("way", _way_to(at, tables), "x1, x2 and x3 are its tables"),
                tables_taken(),
            ),
            goal=(x1 < l1_tables) & (x2 < l2_tables) & (x3 < l3_tables),
        ),
        Steps(
            uses=(
                small_entries().at(),
                has_its_entry().at(own=entry_of(21), below=at, count=pages, tables=l1_tables),
                has_its_entry().at(own=entry_of(30), below=x1, count=l1_tables, tables=l2_tables),
                has_its_entry().at(own=entry_of(39), below=x2, count=l2_tables, tables=l3_tables),
            ),
            generalise=(
                *ROUNDED,
                *(entry_of(shift) for shift in SHIFTS),
            ),
        ),
    )


def _way_to(at: Word, tables: Sequence[Word]) -> Truth:
    """The tables, from the L1, are those for the ``at``-th page from S's own."""
    return all_of(
        table == (entry_of(shift) + below) >> ENTRY_BITS
        for shift, table, below in zip((21, 30, 39), tables, (at, *tables), strict=False)
    )


@cache
def still_inside() -> Lemma:
    """As long as the walk goes on, it is at a page of the region, and comes to one."""
    first, passed = word("first"), (visited, visited + 1)
    return Lemma(
        "still-inside",
        "v < c < pages - t ⇒ t + v < pages, t + v + 1 < pages",
        Statement(
            assumptions=(
                Assumption("inside", (first < pages) & (visits < pages - first), "c < pages - t"),
                Assumption("goes-on", visited < visits, "v < c"),
            ),
            goal=(first + visited < pages) & (first + (visited + 1) < pages),
        ),
        Steps(
            uses=(
                arithmetic.next_number().at(a=visited, b=visits, d=visits),
                *(arithmetic.stays_below().wherever(a=first, b=each, c=pages) for each in passed),
            ),
            generalise=(*(first + each for each in passed), visited + 1, pages - first),
        ),
    )


def _step() -> Steps:
    """All pointers together: none stands at, or goes through, an entry that is empty."""
    here, onward = table_page() + visited, table_page() + (visited + 1)
    nexts = [each for shift in SHIFTS for each in _next(shift)]
    next_tables = nexts[::2]
    leaf = walk.leads_to(v_start, 21, pl1e_table, pl1e_entry)
    return Steps(
        uses=(
            small_entries().at(),
            still_inside().at(first=table_page()),
            leads_there().at(own_entry=entry_of(21), table=pl1e_table, entry=pl1e_entry, below=here),
            *(stands_on(shift).at() for shift in SHIFTS),
            tables_are_there().at(
                at=onward, **{f"x{each}": table for each, table in zip(LEVELS, next_tables, strict=True)}
            ),
            root_stands_on().at(),
        ),
        generalise=(
            leaf,
            *nexts[::-1],
            *ROUNDED,
            *(entry_of(shift) for shift in (21, 30, 39, 48)),
            table_page(),
        ),
    )


START = dict(zip(STATE, walk.walking().start, strict=True))
"""The state at first: the entries are T's own."""


@cache
def starts_at_first_page() -> Lemma:
    """The walk starts at the tables and entries that lead to the page T."""
    page = table_page()
    return Lemma(
        "starts-at-first-page",
        "the pointers are first at the tables and entries that lead to the page T",
        Statement(
            assumptions=(
                Assumption("root", entry_under(4, page) < ENTRIES, "the page has its entry in the root"),
            ),
            goal=replaced(on_the_way_to(page), START),
        ),
    )


@cache
def walk_stands() -> Lemma:
    """After so many visits the walk stands at the entry of the page so far above T, and used no empty one."""
    here = table_page() + visited
    return Lemma(
        "walk-stands",
        "c ≤ pages of the region above T ⇒ after c visits the walk stands at the page T + 4096 c, by full entries",
        Statement(
            assumptions=(
                Assumption(
                    "inside",
                    (table_page() < pages) & (visits < pages - table_page()) & (pages <= PAGES_IN_SPACE),
                    "c pages above T's is a page of the region",
                ),
                tables_taken(),
                Assumption(
                    "root", entry_of(48) + l3_tables <= ENTRIES, "the L3 have their entries in the root"
                ),
            ),
            runs=(walked(visits, l1_tables, l2_tables, l3_tables, pages),),
            goal=(visited == visits)
            & (walk.leads_to(v_start, 21, pl1e_table, pl1e_entry) == table_page() + visits)
            & on_the_way_to(table_page() + visits)
            & (empty == 0),
        ),
        Induction(
            invariant=(visited <= visits) & (empty == 0) & standing(here),
            base=Steps(
                uses=(
                    small_entries().at(),
                    tables_are_there().at(
                        at=table_page(), **{f"x{each}": under(each, table_page()) for each in LEVELS}
                    ),
                    starts_at_first_page().at(),
                ),
                generalise=(
                    *(START[each] for each in (*IN_TABLES.values(), *POINTERS.values())),
                    *ROUNDED[:2],
                    table_page(),
                ),
            ),
            step=_step(),
            end=Steps(
                uses=(
                    arithmetic.same_both(minus=False).wherever(
                        a=table_page(), b=visited, c=table_page(), d=visits
                    ),
                    small_entries().at(),
                ),
                generalise=(
                    *ROUNDED,
                    here,
                    table_page() + visits,
                    *(entry_of(shift) for shift in (21, 30, 39, 48)),
                    table_page(),
                ),
            ),
        ),
    )
