"""The walk that makes a tree's page tables read-only: where it begins, which entries it comes to, what it asserts and writes.

What the walk's variables are is said over the encoding's: a pointer is at an entry of a table. Of a table the encoding has a number,
and the source a frame; here a number stands for the frame of that table. Which table an entry leads to is assumed, as
``walk-comes-to`` proves it of what the builder leaves in memory. By induction the rounds are the encoding's, from where it begins.

Facts: what the walk's variables are called, 4.6 to today. Notation of DOMAIN.md section 4.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from random import Random
from typing import Final, cast

from attrs import evolve

from ....encodings.dom0_builder import ENTRIES
from ....encodings.read_only_walk import (
    COMMITTED,
    FIXED,
    TYPE_SHIFT,
    UNASSERTED,
    XEN_L2,
    Generation,
    visited_info,
    walking,
)
from ....formal.c.memory import Load, Memory
from ....formal.c.statements import SourceLoop
from ....formal.c.types import Node
from ....formal.c.values import Any, Unknown
from ....formal.layouts.paging import PAGE_SHIFT, PagingMode
from ....formal.source.dom0_source import LAYOUT, Dom0Source
from ....formal.source.questions import Piece
from ....formal.source.slices import Slice, block, writes
from ....formal.source.summaries import ASSUMED, DIRECT_MAP, DIRECT_MAP_FRAME, FRAME_BITS, entry_for
from ....formal.words.word import (
    TRUE,
    AnyTerm,
    Truth,
    Word,
    all_of,
    choose,
    implies,
    number,
    replaced,
    word,
)
from .cases import Case, samples
from .fill_up import walked
from .mapping import TYPE, Pairs, place_of_loop, type_shift, with_types
from .pieces import (
    NotRead,
    Pieces,
    anything,
    compared,
    compared_by_cases,
    executed,
    held,
    judged_pairs,
    known,
    not_found,
    not_read,
    read,
    renamed,
    restated,
    shared,
    unchanged,
    word_of,
)

ENCODING: Final = "encodings/read_only_walk.py"
WRITABLE: Final = 2
"""The flag of an entry that says that its page may be written."""
BEHIND: Final = {
    "behind": "the k-th entry of a level, from that for v_start on, leads to the k-th table of the level below, as walk-visits-tables "
    "proves it of what the walk comes to",
    "apart": "a table is of one level, and no page that is a table is mapped twice",
}
OLDER_ASSERTS: Final = {
    UNASSERTED: "nothing is asserted of a page's type, as up to 4.15",
    COMMITTED: "what is asserted of a page's type is what was for two days in 2021: Xen's L2 isn't allowed for",
}
"""What is said of asserts that aren't today's."""
VISITS: Final = walking()
v_start, vpt_start, nr_pt_pages = word("v_start"), word("vpt_start"), word("nr_pt_pages")
root_frame, page_frame = word("root_frame"), word("page_frame")
at, before, frame, type_before = word("at"), word("before"), word("frame"), word("type_before")
now: Final = {level: word(f"l{level}_frame") for level in (1, 2, 3)}
"""The frame of the table that a level's pointer is in."""
then: Final = {level: word(f"next_l{level}_frame") for level in (1, 2, 3)}
"""The frame of the table that it comes to if it leaves that one."""
flags: Final = {level: word(f"flags_of_l{level}_entry") for level in (1, 2, 3, 4)}
visited, _entry4, _table3, _entry3, _table2, _entry2, _table1, _entry1, _empty = VISITS.state
_START: Final = dict(zip(VISITS.state, VISITS.start, strict=True))
_STEP: Final = dict(zip(VISITS.state, VISITS.step, strict=True))
entries: Final = {4: _entry4, 3: _entry3, 2: _entry2, 1: _entry1}
tables: Final = {3: _table3, 2: _table2, 1: _table1}


class Walk:
    """The walk of a source, over the encoding's words."""

    def __init__(self, source: Dom0Source, mode: PagingMode) -> None:
        """Raises NotRead."""
        self.file, self.mode = source.file, mode
        its = walked(source, mode)
        between = block(source.builder)[place_of_loop(source) : its.first]
        unchanged(self.file, between, (*LAYOUT, "l4start"), "what the walk is given changes before it")
        self.pointers = its.pointers
        self.found = self._executed(source, its.function, [*its.before, its.loop])
        if len(self.found.loops) != 1:
            raise not_read(self.file, its.loop, "the read-only walk isn't understood as a loop")
        self.loop: SourceLoop = self.found.loops[0]
        goes_on, inside = self.loop.goes_on, self.loop.memory
        if isinstance(goes_on, Unknown):
            raise NotRead(goes_on)
        if inside.vague is not None:
            raise NotRead(inside.vague)
        self.goes_on = goes_on
        beside = (its.before, its.rest)
        nothing_beside(self._executed(source, its.function, each) for each in beside if each)
        self._at_start = self._loaded(
            {word("l4start"): self.pointer(4, root_frame, number(0))}, self.found.memory
        )
        state = {
            word_of(self.loop, name, self.now(level)): self.now(level)
            for level, name in self.pointers.items()
            if name in self.loop.state
        }
        if "count" in self.loop.state:
            state[word_of(self.loop, "count", visited)] = visited
        self._in_round = self._loaded({**self.loop.given, **state}, self.loop.memory)

    def _executed(self, source: Dom0Source, function: Node, statements: Sequence[Node]) -> Slice:
        return executed(
            source,
            self.mode,
            self.file,
            function,
            statements,
            loops=lambda each: writes(each, [self.pointers[1]]),
            ours=_OURS,
        )

    @staticmethod
    def pointer(level: int, table: Word, entry: Word) -> Word:
        """The pointer to a table's entry."""
        assert level in entries
        return (table << PAGE_SHIFT) + DIRECT_MAP + (entry << 3)

    def now(self, level: int) -> Word:
        """The pointer of a level at a round's beginning."""
        return self.pointer(level, now.get(level, root_frame), entries[level])

    def then(self, level: int) -> Word:
        """The pointer of a level after a round, by the encoding."""
        table = root_frame if level == 4 else stepped(tables[level])
        return self.pointer(level, table, stepped(entries[level]))

    def _loaded(self, names: Mapping[Word, Word], memory: Memory) -> dict[Word, Word]:
        """Words of the source over the encoding's, and what is read: which entry it is, says what it is read by."""
        found = dict(names)
        for load in memory.loads:
            address = replaced(load.address, found)
            if load.member == TYPE:
                found[load.given] = choose(address == frame, type_before, load.given)
            elif not load.member:
                level = level_of(load)
                behind = page_frame if level == 1 else then[level - 1]
                found[load.given] = entry_for(behind, flags[level])
        return found

    def over(self, term: AnyTerm, names: Mapping[Word, Word] | None = None) -> AnyTerm:
        """A term of a round over the encoding's words. Raises NotRead where it hangs on something else."""
        here = replaced(term, self._in_round if names is None else names)
        ours = (v_start, vpt_start, nr_pt_pages, *_OURS, *anything([here]))
        return renamed(here, {str(each.value): each for each in ours}, self.loop.where)

    def after(self, name: str) -> Word:
        """A variable after a round. Raises NotRead."""
        return self.over(_known(self.loop.step, name, self.loop.where))

    def at_start(self, name: str) -> Word:
        """A variable before the first round. Raises NotRead."""
        return self.over(_known(self.loop.start, name, self.loop.where), self._at_start)

    def loads(
        self, memory: Memory, names: Mapping[Word, Word] | None = None
    ) -> Iterator[tuple[str, int, Word]]:
        """Where entries are read, of which level, and at which address."""
        for load in memory.loads:
            if not load.member:
                yield load.where, level_of(load), self.over(load.address, names)

    @property
    def first_loads(self) -> Iterator[tuple[str, int, Word]]:
        """The same of what is before the loop."""
        return self.loads(self.found.memory, self._at_start)


@shared
def walk(source: Dom0Source, mode: PagingMode) -> Walk:
    """The walk of a source. Raises NotRead."""
    return Walk(source, mode)


def _known(values: Mapping[str, Any], name: str, where: str) -> Word:
    if name not in values:
        raise not_found(where, f"{name}, which changes in the walk,")
    return known(values[name]).term


def level_of(load: Load) -> int:
    """The level of a table that is read, by the name of the pointer into it. Raises NotRead."""
    found = set(re.findall(r"\bp?l([1-4])(?:e|tab)\b", load.text))
    if len(found) != 1:
        raise NotRead(Unknown(load.where, f"of which level {load.text[:60]} is"))
    return int(found.pop())


def nothing_beside(slices: Iterable[Slice]) -> None:
    """That nothing is written by what stands before a loop and after it, and that this doesn't leave. Raises NotRead."""
    for each in slices:
        if each.memory.vague is not None:
            raise NotRead(each.memory.vague)
        for where in (*(store.where for store in each.memory.stores), *(where for where, _ in each.leaves)):
            raise NotRead(Unknown(where, "something is written, or an end, beside the loop"))


# The encoding's words


def _put() -> dict[Word, Word]:
    """For the numbers of tables their frames: of those that pointers are in, and of those that they come to."""
    found = {number_: now[level] for level, number_ in tables.items()}
    for level in tables:
        step = _STEP[tables[level]]
        assert step.operation == "ite"
        found[cast(Word, step.arguments[1])] = then[level]
    return found


def stepped(name: Word) -> Word:
    """A word of the encoding's after a round."""
    return replaced(_STEP[name], _put())


def first(name: Word) -> Word:
    """A word of the encoding's before the first round; a table is the one that is come to."""
    for level, table in tables.items():
        if name is table:
            return then[level]
    return _START[name]


def leaves_table(level: int) -> Truth:
    """Whether the pointer of a level leaves its table in a round."""
    return all_of(entries[each] == ENTRIES - 1 for each in range(1, level + 1))


_OURS: Final = (
    *(root_frame, page_frame, at, before, frame, type_before, DIRECT_MAP_FRAME, visited),
    *(*now.values(), *then.values(), *flags.values(), *entries.values()),
)


def _begins() -> Truth:
    """What is at a round's beginning, and that it comes to be."""
    most = 1 << FRAME_BITS
    facts = [each < most for each in (root_frame, page_frame, *now.values(), *then.values())]
    facts += [
        DIRECT_MAP_FRAME + most < 1 << 52,
        DIRECT_MAP_FRAME < 1 << 52,
        *(each < ENTRIES for each in entries.values()),
    ]
    facts += [visited < nr_pt_pages]
    by_level = [(now[level], then[level]) for level in now] + [(root_frame,)]
    facts += [one != other for some, others in combinations(by_level, 2) for one in some for other in others]
    return all_of(facts)


def _cases() -> Iterator[Case]:
    """By how many pointers leave their tables."""
    for leaving in range(4):
        put = {entries[level]: number(ENTRIES - 1) for level in range(1, leaving + 1)}
        yield Case(put, entries[leaving + 1] < ENTRIES - 1 if leaving < 3 else TRUE)


def _sample(source: Random) -> Mapping[str, int]:
    """Numbers that a round may begin with."""
    frames = source.sample(range(1, 1 << 30), 8)
    words = (root_frame, page_frame, *now.values(), *then.values())
    values = {str(each.value): one for each, one in zip(words, frames, strict=True)}
    values |= {str(each.value): source.choice((0, 7, ENTRIES - 2, ENTRIES - 1)) for each in entries.values()}
    values |= {str(each.value): source.getrandbits(12) for each in flags.values()}
    return values | {"direct_map": source.getrandbits(40), "visited": 3, "nr_pt_pages": 9}


# The pieces


def _in_rounds(
    name: str, says: str, its: Walk, pairs: Pairs, assumes: Mapping[str, str], where: str = ""
) -> Piece:
    read = anything(each for pair in pairs for each in pair[1:])
    return compared_by_cases(
        name,
        says,
        its.mode,
        where or its.loop.where,
        pairs,
        list(_cases()),
        _begins(),
        _sample,
        ENCODING,
        unsettled=[at, before, frame, type_before, visited, nr_pt_pages, *read],
        assumes=assumes,
    )


_ASSUMED: Final = {each: ASSUMED[each] for each in ("direct-map", "entries", "types")} | BEHIND


def _start(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = walk(source, mode)
    pairs: list[tuple[str, Word | Truth, Word | Truth]] = [("count", its.at_start("count"), number(0))]
    for level in (4, 3, 2, 1):
        table = root_frame if level == 4 else then[level]
        pairs.append(
            (
                its.pointers[level],
                its.at_start(its.pointers[level]),
                its.pointer(level, table, first(entries[level])),
            )
        )
    for where, level, address in its.first_loads:
        table = root_frame if level == 4 else then[level]
        pairs.append(
            (f"which entry {where} reads", address, its.pointer(level, table, first(entries[level])))
        )
    small = all_of(each < 1 << FRAME_BITS for each in (root_frame, *then.values()))
    return compared_by_cases(
        name,
        says,
        mode,
        its.found.where,
        pairs,
        [Case({}, TRUE)],
        small,
        _sample,
        ENCODING,
        assumes=_ASSUMED,
    )


def _guard(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = walk(source, mode)
    pairs = [("whether it goes on", its.over(its.goes_on), visited < nr_pt_pages)]
    goal = all_of(theirs == ours for _, theirs, ours in pairs)
    judge = judged_pairs(pairs, goal)
    return compared(
        name, says, mode, its.loop.where, goal, judge, ENCODING, assumes={"types": ASSUMED["types"]}
    )


def _cursors(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = walk(source, mode)
    pairs: list[tuple[str, Word | Truth, Word | Truth]] = [("count", its.after("count"), stepped(visited))]
    pairs += [(name, its.after(name), its.then(level)) for level, name in sorted(its.pointers.items())[::-1]]
    for where, level, address in its.loads(its.loop.memory):
        if level == 1:
            pairs.append((f"which entry {where} reads", address, its.now(1)))
        else:
            right = implies(leaves_table(level - 1), address == its.then(level))
            pairs.append((f"whether {where} reads the entry that is come to", right, TRUE))
    return _in_rounds(name, says, its, pairs, _ASSUMED)


def _pages(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its, shift = walk(source, mode), type_shift(source, mode)
    stores = restated(its.loop.memory.stores, its.over)
    entry, info = held(stores, at, before), held(stores, frame, type_before, TYPE)
    read_only = entry_for(page_frame, flags[1]) & ~number(WRITABLE)
    after = choose(page_frame == frame, visited_info(mode, type_before, shift), type_before)
    pairs = [
        ("what an entry holds", entry, choose(its.now(1) == at, read_only, before)),
        ("the type of a frame", info, after),
    ]
    return with_types(_in_rounds(name, says, its, pairs, _ASSUMED), shift)


def _asserts(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = walk(source, mode)
    asserted = its.found.executor.asserted
    holds_ = TRUE
    for _, path, asked in asserted:
        if isinstance(asked, Unknown):
            raise NotRead(asked)
        holds_ &= implies(its.over(path), its.over(asked))
    theirs = replaced(holds_, {frame: page_frame})
    generation = next((each for each in OLDER_ASSERTS if _agree(theirs, each)), FIXED)
    pairs = [("whether the asserts hold", theirs, generation.passes(type_before))]
    where = asserted[0][0] if asserted else its.loop.where
    piece = _in_rounds(name, OLDER_ASSERTS.get(generation, says), its, pairs, _ASSUMED, where)
    return piece if generation is FIXED else evolve(piece, today=False)


def _agree(asserted: Truth, generation: Generation) -> bool:
    """Whether the asserts are a generation's, for each type and bits that one of them tells apart."""
    same, there = asserted == generation.passes(type_before), samples(_sample)[0]
    return all(
        read(same, {**there, str(type_before.value): (type_ << TYPE_SHIFT) | beside})
        for type_ in range(8)
        for beside in (0, 1, XEN_L2)
    )


PIECES: Final[Pieces] = {
    "walk-start": ("the walk begins at the entries for vpt_start, of the builder's own root", _start),
    "walk-guard": ("the walk visits as many pages as frames are set aside, and doesn't end before", _guard),
    "walk-cursors": (
        "each visit goes on by an entry, and at a table's end through the entry that the pointer above comes to",
        _cursors,
    ),
    "walk-pages": (
        "each visit makes its page read-only and validates its frame, and writes no other entry or type",
        _pages,
    ),
    "walk-asserts": ("what is asserted of a page's type is what the encoding has of today's Xen", _asserts),
}
