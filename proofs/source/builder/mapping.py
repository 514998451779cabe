"""The mapping loop of a tree: whether each of its rounds does what the encoding's does, from where that begins.

What the loop's variables are is said over the encoding's (`Relation`): a cursor points into the table of a number, at an entry,
and that table is the frame of that number in the row. Where all stand so at a round's beginning they do at its end; by
induction they do in each round. Of memory one entry and one frame are looked at, as the encoding does: any.

Facts: what the builder's variables are called, 4.0 to today; which assumption is what the machine, or libelf, sees to.
Notation of DOMAIN.md section 4.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from random import Random
from typing import Final

from attrs import evolve, frozen

from ....encodings.builder_loop import LEVELS, ROOT_LEVEL, building, root_of, words_of_building
from ....encodings.dom0_builder import ENTRIES, ENTRY_BITS, entry_of, first_table, pages_of
from ....encodings.read_only_walk import TYPE_SHIFT
from ....formal.c.memory import CLEARED, Store
from ....formal.c.statements import SourceLoop, standing
from ....formal.c.types import Node, part, text_of, within
from ....formal.c.values import Unknown, Value
from ....formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, PagingMode
from ....formal.source.dom0_source import LAYOUT, Dom0Source
from ....formal.source.questions import Piece
from ....formal.source.slices import Slice, block, mentions, writes
from ....formal.source.summaries import ASSUMED, DIRECT_MAP, DIRECT_MAP_FRAME, FRAME_BITS
from ....formal.words.word import (
    TRUE,
    AnyTerm,
    Truth,
    Word,
    all_of,
    choose,
    compiled,
    implies,
    inputs,
    number,
    replaced,
    word,
)
from .cases import SAMPLES, Case, by_cases, of_case, samples
from .pieces import (
    NotRead,
    Pieces,
    anything,
    compared,
    executed,
    held,
    judged_pairs,
    known,
    not_found,
    not_read,
    renamed,
    restated,
    shared,
    unchanged,
    whole_pages,
    word_of,
)

CURSORS: Final = {1: "l1tab", 2: "l2tab", 3: "l3tab", 4: "l4tab"}
POINTERS: Final = (*CURSORS.values(), "l1start", "l2start", "l3start", "l4start")
KEPT: Final = (*POINTERS, "mpt_alloc", "pfn")
"""The variables that the loop begins with."""
FIXED: Final = ("alloc_spfn", "initrd_pfn", "initrd_mfn")
"""What the first table's address hangs on, and the loop: it mustn't change in between."""
ALLOCATED: Final = {
    "allocated": "alloc_spfn is the first frame of the allocation, initrd_mfn that of the initrd, and initrd_pfn the page "
    "of the region that the initrd begins with"
}
TYPE: Final = ".u.inuse.type_info"
ALIGNED: Final = {"aligned": "the first table lies on a page of its own"}
ROW: Final = {
    "row": "the frames of the tables are one row, numbered with 40 bits; a 32-bit guest's root is none of it"
}
ROOT: Final = {
    "root": "the root's entries that the loop writes are empty before it, and it doesn't come to the root's end"
}
INITRD: Final = {"initrd": "the frame right below the allocation is none of the initrd's"}

alloc_spfn, initrd_pfn, initrd_mfn = word("alloc_spfn"), word("initrd_pfn"), word("initrd_mfn")
v_start, v_end, vpt_start = word("v_start"), word("v_end"), word("vpt_start")
vinitrd_start, initrd_len = word("vinitrd_start"), word("initrd_len")
root_frame, first_frame, rows = word("root_frame"), word("first_frame"), word("rows")
row_mapped_at, root_after_row = word("row_mapped_at"), word("root_after_row")
DISTANCES: Final = {
    DIRECT_MAP_FRAME: row_mapped_at - first_frame,
    root_frame: first_frame + root_after_row,
}
"""Two frames by their distance to the row: where this lies drops out of what is compared."""
before, type_before = word("before"), word("type_before")
_NAMES: Final = {
    str(each.value): each
    for each in (
        alloc_spfn,
        initrd_pfn,
        initrd_mfn,
        v_start,
        v_end,
        vpt_start,
        vinitrd_start,
        initrd_len,
        root_frame,
        DIRECT_MAP_FRAME,
    )
}


# The source


@frozen(eq=False)
class Found:
    """The loop, and the slice before it, which ``begins`` where the first table's address is set; and where ``frames`` are taken."""

    loop: SourceLoop
    slice: Slice
    begins: str
    frames: str

    def of_round(self, name: str) -> Word:
        """A variable at the end of a round. Raises NotRead."""
        value = self.loop.step.get(name)
        if value is None:
            raise not_found(self.loop.where, f"{name}, which changes in the mapping loop,")
        return known(value).term

    def at_start(self, name: str) -> Word:
        """A variable before the first round. Raises NotRead."""
        value = self.loop.start.get(name)
        return known(standing(self.slice.value(name), self.loop.given) if value is None else value).term


def place_of_loop(source: Dom0Source) -> int:
    """Which statement of the builder's block the mapping loop is. Raises NotRead."""
    nodes = block(source.builder)
    after = nodes.index(source.statements[-1]) + 1
    loops = [
        place
        for place, each in enumerate(nodes)
        if place >= after
        and each.type == "for_statement"
        and all(writes(each, [one]) for one in (*CURSORS.values(), "mpt_alloc"))
    ]
    if len(loops) != 1:
        raise not_found(source.last, f"one loop that moves {', '.join(CURSORS.values())}")
    return loops[0]


@shared
def mapping_loop(source: Dom0Source, mode: PagingMode) -> Found:
    """The loop that maps the region. Raises NotRead."""
    nodes, loop = block(source.builder), place_of_loop(source)
    after = nodes.index(source.statements[-1]) + 1
    begin = max((at for at in range(after, loop) if _sets(nodes[at], "mpt_alloc")), default=None)
    if begin is None:
        raise not_found(source.last, "where mpt_alloc is set before the mapping loop")
    declarations = [each for each in nodes[:begin] if each.type == "declaration"]
    others = [each for each in nodes[:begin] if each.type != "declaration"]
    wanted = [each for each in nodes[begin:loop] if writes(each, KEPT)]
    beside = [each for each in nodes[after:loop] if each not in wanted]
    from_here = [each for each in nodes[begin:loop] if each not in wanted]
    unchanged(source.file, others, POINTERS, "a table's cursor is set before mpt_alloc is")
    unchanged(source.file, beside, (*LAYOUT, "initrd_len"), "the layout changes before it is mapped")
    _no_way_round(source, nodes, after, loop)
    unchanged(source.file, from_here, FIXED, "a frame changes that the mapping begins with")
    declared = [each for each in declarations if any(mentions(each, one) for one in POINTERS)]
    found = executed(
        source,
        mode,
        source.file,
        source.builder,
        [*declared, *wanted, nodes[loop]],
        loops=lambda each: writes(each, ["l1tab"]),
        ours=(first_frame, root_frame, DIRECT_MAP_FRAME, *inputs([*building().state, *encoding(mode)[0]])),
    )
    if len(found.loops) != 1:
        raise not_read(source.file, nodes[loop], "the mapping loop isn't understood as a loop")
    read = found.loops[0]
    if read.memory.vague is not None:
        raise NotRead(read.memory.vague)
    if isinstance(read.goes_on, Unknown):
        raise NotRead(read.goes_on)
    frames = source.file.where_set([nodes[loop]], ("pfn", "initrd_mfn"), last=True) or read.where
    return Found(read, found, source.file.where(nodes[begin]), frames)


def _no_way_round(source: Dom0Source, nodes: Sequence[Node], first: int, loop: int) -> None:
    """That no jump from before the loop leads to where its tables are used. Raises NotRead."""
    jumps = [inner for each in nodes[first:loop] for inner in within(each) if inner.type == "goto_statement"]
    for jump in jumps:
        label = part(jump, "label")
        places = [
            place
            for place, each in enumerate(nodes)
            if label is not None
            and any(
                inner.type == "labeled_statement" and text_of(part(inner, "label") or inner) == text_of(label)
                for inner in within(each)
            )
        ]
        if not places or any(
            mentions(each, one) for each in nodes[places[0] :] for one in (*POINTERS, "vpt_start")
        ):
            raise not_read(source.file, jump, f"a way round the mapping loop, {text_of(jump)[:60]}")


def _sets(node: Node, name: str) -> bool:
    """Whether a statement is an assignment to a variable."""
    inner = node.named_children[0] if node.type == "expression_statement" and node.named_children else None
    left = part(inner, "left") if inner is not None and inner.type == "assignment_expression" else None
    operator = part(inner, "operator") if inner is not None else None
    return left is not None and text_of(left) == name and operator is not None and text_of(operator) == "="


# The relation


@frozen(eq=False)
class Relation:
    """The variables of a source's loop over a state of the encoding's, which ``its`` has by its own words."""

    mode: PagingMode
    its: Mapping[Word, Word]

    def _of(self, each: Word) -> Word:
        return self.its.get(each, each)

    @property
    def mapped(self) -> Word:
        """The pages mapped."""
        return self._of(words_of_building().mapped)

    @property
    def root(self) -> Word:
        """The address of the root."""
        frame = first_frame if self.mode.bits == 64 else root_frame
        return (frame << PAGE_SHIFT) + DIRECT_MAP

    def cursor(self, level: int) -> Word:
        """The pointer into a level's table."""
        entry = self._of(words_of_building().entries[level]) << 3
        if level not in LEVELS:
            return self.root + entry
        table = self._of(words_of_building().tables[level])
        return choose(self.mapped == 0, number(0), address_of(table) + entry)

    @property
    def l3_start(self) -> Word:
        """The pointer to the last L3; a 32-bit guest has its first one before the loop."""
        at_first = number(0) if self.mode.bits == 64 else address_of(number(0))
        return choose(self.mapped == 0, at_first, address_of(self._of(words_of_building().tables[3])))

    @property
    def next_table(self) -> Word:
        """The machine address of the next table: the encoding counts a 32-bit guest's first L3 with the first step's."""
        ahead = choose(self.mapped == 0, number(int(self.mode.bits == 32)), number(0))
        return (first_frame + self._of(words_of_building().next_table) + ahead) << PAGE_SHIFT

    @property
    def pfn(self) -> Word:
        """The next frame of the allocation."""
        return alloc_spfn + self._of(words_of_building().next_frame)

    @property
    def next_initrds(self) -> Word:
        """The next frame of the initrd."""
        return initrd_mfn + self._of(words_of_building().next_initrds)

    @property
    def holds(self) -> Truth:
        """What the encoding's cursors are in any round."""
        its = words_of_building()
        begins = all_of(self._of(its.entries[level]) == 0 for level in LEVELS)
        begins &= self._of(its.next_table) == root_of(self.mode) + 1
        goes_on = all_of(
            (self._of(its.entries[level]) >= 1)
            & (self._of(its.entries[level]) <= ENTRIES)
            & (self._of(its.tables[level]) < self._of(its.next_table))
            & (self._of(its.tables[level]) != root_of(self.mode))
            for level in LEVELS
        )
        one, two, three = (self._of(its.tables[level]) for level in LEVELS)
        goes_on &= (one != two) & (one != three) & (two != three)
        return (self.mapped == 0) & begins | (self.mapped != 0) & goes_on

    @property
    def levels(self) -> Truth:
        """What the level of the table that is looked at is in any round: of none that isn't taken, and of each cursor's own."""
        its = words_of_building()
        level, root, next_table = self._of(its.level), root_of(self.mode), self._of(its.next_table)
        own = all_of(implies(its.table == self._of(its.tables[each]), level == each) for each in LEVELS)
        taken = implies(its.table >= next_table, level == 0)
        return ((its.table == root) & (level == ROOT_LEVEL)) | (
            (its.table != root) & (level < ROOT_LEVEL) & taken & ((self.mapped == 0) | own)
        )

    def variables(self) -> dict[str, Word]:
        """All of them, by name."""
        return {
            **{name: self.cursor(level) for level, name in CURSORS.items()},
            "l3start": self.l3_start,
            "mpt_alloc": self.next_table,
            "count": self.mapped,
            "pfn": self.pfn,
            "initrd_mfn": self.next_initrds,
        }


def address_of(table: Word) -> Word:
    """Where the table of a number in the row lies."""
    return ((first_frame + table) << PAGE_SHIFT) + DIRECT_MAP


def encoding(mode: PagingMode) -> tuple[Mapping[Word, Word], Mapping[Word, Word]]:
    """The encoding's words as the source has them, and its state after a step."""
    its = words_of_building()
    put = {
        its.pages: pages_of(v_start, v_end),
        its.initrd_page: initrd_pfn,
        its.initrd_pages: (initrd_len + (PAGE_SIZE - 1)) >> PAGE_SHIFT,
        its.initrd_frame: initrd_mfn - alloc_spfn,
        its.root: root_of(mode),
    }
    loop = building()
    return put, {old: replaced(new, put) for old, new in zip(loop.state, loop.step, strict=True)}


class Round:
    """A round of the source's loop over the encoding's words, and what is known at its beginning."""

    def __init__(self, source: Dom0Source, mode: PagingMode) -> None:
        self.found, self.mode = mapping_loop(source, mode), mode
        self.where = self.found.loop.where
        self.now = Relation(mode, {})
        self.put, after = encoding(mode)
        self.then = Relation(mode, after)
        variables = self.now.variables()
        self.names: dict[Word, Word] = {}
        for key in self.found.loop.state:
            if key in variables:
                self.names[word_of(self.found.loop, key, variables[key])] = variables[key]
        for stands, value in self.found.loop.given.items():
            self.names[stands] = value
        self.goes_on = replaced(words_of_building().mapped < words_of_building().pages, self.put)

    def over(self, term: AnyTerm) -> AnyTerm:
        """A term of the source's over the encoding's words. Raises NotRead where it hangs on something else."""
        here = replaced(term, self.names)
        ours = (*inputs([*building().state, *self.put]), *anything([here]), first_frame)
        return renamed(here, _NAMES | {str(each.value): each for each in ours}, self.where)

    @property
    def row(self) -> Truth:
        """That numbers of frames are small, that no table is mapped at 0, and that the root is none of the row."""
        its = words_of_building()
        most = 1 << FRAME_BITS
        small = (rows < most) & (first_frame < most) & (first_frame + rows < most)
        at, pages = DIRECT_MAP_FRAME + first_frame, 1 << 64 - PAGE_SHIFT
        small &= (at >= 1) & (at < pages) & (at + rows < pages)
        small &= (its.next_table < most) & (its.next_table + 3 <= rows)
        if self.mode.bits == 64:
            return small
        after = root_frame - first_frame
        return small & (after >= rows) & ((after < most) | (after > -most))

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The first round, and the others by the tables that they take."""
        its = words_of_building()
        first = {its.mapped: number(0), its.next_table: root_of(self.mode) + 1}
        found = [Case(DISTANCES | first | {its.entries[level]: number(0) for level in LEVELS}, TRUE)]
        for fresh in range(len(LEVELS) + 1):
            put = DISTANCES | {its.entries[level]: number(ENTRIES) for level in LEVELS if level <= fresh}
            stays = its.entries[fresh + 1] < ENTRIES if fresh + 1 in LEVELS else TRUE
            found.append(Case(put, (its.mapped != 0) & stays))
        return tuple(found)

    def looked_at(self, address: Word, *, page: bool) -> Truth:
        """Whether an address is that of the entry that is looked at, or the page is its table's."""
        its = words_of_building()
        address, entry = (address & -PAGE_SIZE, number(0)) if page else (address, its.entry << 3)
        in_row = address == address_of(its.table) + entry
        if self.mode.bits == 64:
            return in_row
        return choose_truth(its.table == root_of(self.mode), address == self.now.root + entry, in_row)

    def place_of(self, path: Truth, address: Word, *, page: bool) -> Truth | None:
        """The same by numbers: the table and the entry where the encoding writes, as far as numbers tell; to be proved."""
        its = words_of_building()
        places = []
        for level in (*LEVELS, ROOT_LEVEL):
            table, entry = self.writes_at(level)
            base = self.now.root if level == ROOT_LEVEL else address_of(table)
            theirs = base if page else base + (entry << 3)
            says = its.table == table if page else (its.table == table) & (its.entry == entry)
            places.append((address == theirs, says))
        wanted = [self.begins & path, *(each for each, _ in places)]
        over = inputs(wanted)
        reading, source = compiled(wanted, over), Random(1)  # noqa: S311 - numbers to try, not secrets
        fits, seen = set(range(len(places))), False
        for turn in range(4 * SAMPLES):
            values = {**self.sample(source)}
            for each, put in self.cases[turn % len(self.cases)].put.items():
                if put.operation == "constant":
                    values[str(each.value)] = int(put)
            holds, *same = reading(*(values.get(str(each.value), 0) for each in over))
            if holds:
                seen = True
                fits &= {place for place, each in enumerate(same) if each}
        return places[min(fits)][1] if seen and fits else None

    @property
    def begins(self) -> Truth:
        """That all stand alike before the round, and that it comes to be."""
        return all_of([self.now.holds, self.goes_on, self.row])

    @cached_property
    def looks(self) -> tuple[Case, ...]:
        """The cases by what is looked at, too: what is written, another entry of such a table, or an entry of another one."""
        its = words_of_building()
        found, apart = [], (its.table, its.entry)
        for taken, case in enumerate(self.cases):
            elsewhere = case.assumed
            for level in (*LEVELS, ROOT_LEVEL):
                table, entry = (replaced(each, case.put) for each in self._written(level, taken))
                elsewhere &= its.table != table
                put = {**case.put, its.table: table}
                if taken and level > taken:
                    found.append(Case(put, case.assumed, case, apart))
                    continue
                found.append(Case({**put, its.entry: entry}, case.assumed, case, apart))
                found.append(Case(put, case.assumed & (its.entry != entry), case, apart))
            found.append(Case(case.put, elsewhere, case, apart))
        return tuple(found)

    def _written(self, level: int, taken: int) -> tuple[Word, Word]:
        """`writes_at` in the first round (0 taken), or in one that takes one table less than ``taken``."""
        its = words_of_building()
        if taken and level >= taken:
            return root_of(self.mode) if level == ROOT_LEVEL else its.tables[level], its.entries[level]
        if level == ROOT_LEVEL:
            return root_of(self.mode), its.entries[level]
        own = number(0) if taken else entry_of(v_start, PAGE_SHIFT + ENTRY_BITS * level)
        return replaced(its.takes[level], self.put), own

    def writes_at(self, level: int) -> tuple[Word, Word]:
        """The table and the entry where the encoding writes if it writes into one of a level."""
        its = words_of_building()
        table = root_of(self.mode)
        if level in LEVELS:
            table = choose(its.fresh[level], its.takes[level], its.tables[level])
        return replaced(table, self.put), replaced(its.at[level], self.put)

    def after(self, goal: Truth, cases: Sequence[Case], known: Truth, assumed: Truth) -> tuple[Truth, ...]:
        """That a goal holds after a round, if all stood alike before, in each case."""
        its = words_of_building()
        aside = [its.table, its.entry, its.next_table] if cases is self.cases else []
        return by_cases(cases, self.begins & known, assumed, goal, self.sample, aside)

    def sample(self, source: Random) -> Mapping[str, int]:
        """Numbers that a round may begin with; entries that are often the same, and tables that never are."""
        its = words_of_building()
        few = (0, 1, 2, ENTRIES - 1)
        most = source.getrandbits(30) + 64
        values = {str(each.value): source.randrange(1, most // 2) for each in its.tables.values()}
        values |= {str(each.value): source.choice((*few[1:], ENTRIES)) for each in its.entries.values()}
        values |= {
            "l4_entry": source.choice(few),
            "entry": source.choice(few),
            "table": source.randrange(most),
        }
        values |= {"rows": most, "next_table": source.randrange(most // 2, most - 8)}
        values |= {"first_frame": source.getrandbits(20) + 1, "direct_map": source.getrandbits(30) + 1}
        values["row_mapped_at"] = values["first_frame"] + values["direct_map"]
        values["v_start"] = sum(source.choice(few) << shift for shift in (12, 21, 30, 39))
        values["v_end"] = values["v_start"] + (1 << 40)
        values |= {"mapped": source.randrange(1, 1 << 20), "root_frame": (1 << 39) + source.getrandbits(20)}
        values["root_after_row"] = values["root_frame"] - values["first_frame"]
        return values


# The pieces


Pairs = Sequence[tuple[str, Word | Truth, Word | Truth]]
ENCODING: Final = "encodings/builder_loop.py"


def _at_once(
    name: str,
    says: str,
    mode: PagingMode,
    where: str,
    pairs: Pairs,
    assumes: Mapping[str, str],
    ways: Iterable[Truth] = (),
) -> Piece:
    """That terms of the source are the encoding's, whichever of the ``ways`` it goes."""
    goal = all_of(theirs == ours for _, theirs, ours in pairs)
    judge = judged_pairs(pairs, goal)
    return compared(name, says, mode, where, goal, judge, ENCODING, assumes=assumes, ways=ways)


def _in_rounds(
    name: str,
    says: str,
    its: Round,
    pairs: Pairs,
    assumes: Mapping[str, str],
    *,
    cases: Sequence[Case] | None = None,
    known: Truth = TRUE,
    assumed: Truth = TRUE,
    where: str | None = None,
    first: Pairs = (),
) -> Piece:
    """That terms of the source are the encoding's after a round, if all stood alike before; told of a line, or of the loop's.

    Some of them come ``first``: they hang on nothing that is ``assumed``, nor on more than which tables are taken.
    """
    cases = its.cases if cases is None else cases
    goals = its.after(all_of(theirs == ours for _, theirs, ours in pairs), cases, known, assumed)
    if first:
        goals += its.after(all_of(theirs == ours for _, theirs, ours in first), its.cases, known, TRUE)
        cases, pairs = (*its.cases, *cases), [*first, *pairs]
    tried = samples(its.sample)
    scenes = [partial(of_case, each, all_of([its.begins, known, assumed]), tried) for each in cases]
    judge = judged_pairs(pairs, all_of(goals), scenes)
    return compared(name, says, its.mode, where or its.where, goals, judge, ENCODING, assumes=assumes)


def _start(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    found = mapping_loop(source, mode)

    def over(variable: str) -> Word:
        return renamed(found.at_start(variable), _NAMES, found.begins)

    first = (alloc_spfn << PAGE_SHIFT) + first_table(v_start, vpt_start, vinitrd_start, initrd_len)
    root = first if mode.bits == 64 else root_frame << PAGE_SHIFT
    ours = {
        "mpt_alloc": first + PAGE_SIZE,
        "l3start": number(0) if mode.bits == 64 else first + DIRECT_MAP,
        "l4start": root + DIRECT_MAP,
        "l4tab": root + DIRECT_MAP + (entry_of(v_start, 48) << 3),
        "pfn": alloc_spfn,
        "count": number(0),
        **{CURSORS[level]: number(0) for level in LEVELS},
    }
    pairs = [(variable, over(variable), wanted) for variable, wanted in ours.items()]
    assumes = {"direct-map": ASSUMED["direct-map"], **ALLOCATED}
    return _at_once(name, says, mode, found.begins, pairs, assumes, [vinitrd_start == 0])


def _guard(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = Round(source, mode)
    goes_on = its.found.loop.goes_on
    assert isinstance(goes_on, Truth)
    pairs = [("whether it goes on", its.over(goes_on), its.goes_on)]
    return _at_once(name, says, mode, its.where, pairs, {"types": ASSUMED["types"]})


def _cursors(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = Round(source, mode)
    then = its.then.variables()
    pairs: list[tuple[str, Word | Truth, Word | Truth]] = [
        (variable, its.over(its.found.of_round(variable)), then[variable])
        for variable in (*CURSORS.values(), "l3start", "mpt_alloc", "count")
    ]
    pairs.append(("where the cursors are", its.then.holds, TRUE))
    return _in_rounds(name, says, its, pairs, {"direct-map": ASSUMED["direct-map"], **ALIGNED, **ROW})


def _frames(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = Round(source, mode)
    then = its.then.variables()
    pairs = [
        (variable, its.over(its.found.of_round(variable)), then[variable])
        for variable in ("pfn", "initrd_mfn")
    ]
    return _in_rounds(name, says, its, pairs, ALLOCATED, where=its.found.frames)


def _entries(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its, words = Round(source, mode), words_of_building()

    def alike(entry: Word, level: Word, said: Word) -> Truth:
        frame = choose(level == 1, alloc_spfn, first_frame) + (said - 1)
        leads = (entry & 1 == 1) & (entry >> PAGE_SHIFT == frame)
        return (level == 0) | choose_truth(said == 0, entry == 0, leads)

    level, said = its.then.its[words.level], its.then.its[words.content]
    after = alike(before, level, said)
    stores = restated(its.found.loop.memory.stores, its.over)
    written: list[tuple[str, Word | Truth, Word | Truth]] = [*whole_pages(stores)]
    for each in stores:
        if each.member in ("", CLEARED):
            value, path, page = known(each.value), each.path, each.member == CLEARED
            there, place = (
                its.looked_at(each.address, page=page),
                its.place_of(path, each.address, page=page),
            )
            if place is not None:
                written.append((f"where {each.where} writes", path & there, path & place))
            after = choose_truth(
                path & (there if place is None else place), alike(value.term, level, said), after
            )
    looked_at = (words.entry < ENTRIES) & (words.entries[4] < ENTRIES)
    looked_at &= (words.table == root_of(mode)) | (words.table < rows)
    frames = (
        (words.next_frame < 1 << FRAME_BITS) & (alloc_spfn < 1 << FRAME_BITS) & (initrd_mfn < 1 << FRAME_BITS)
    )
    frames &= (words.next_initrds < 1 << FRAME_BITS) & (initrd_mfn + words.next_initrds + 1 != alloc_spfn)
    return _in_rounds(
        name,
        says,
        its,
        [
            ("whether the entry holds what it should", after, TRUE),
            ("whether a cursor's table is of its level", its.then.levels, TRUE),
        ],
        {
            **{each: ASSUMED[each] for each in ("direct-map", "entries", "clears", "types")},
            **ALIGNED,
            **ROW,
            **ROOT,
            **INITRD,
        },
        known=looked_at & frames,
        assumed=its.now.levels & alike(before, words.level, words.content),
        cases=its.looks,
        first=written,
        where=next((each.where for each in stores if not each.member), None),
    )


def _types(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its, words = Round(source, mode), words_of_building()
    stores = restated(its.found.loop.memory.stores, its.over)
    after = held(stores, first_frame + words.table, type_before, TYPE)
    shift = type_shift(source, mode)
    expected = type_before
    for level in LEVELS:
        taken = replaced(words.fresh[level] & (words.table == words.takes[level]), its.put)
        expected = choose(taken, number(level) << shift, expected)
    at_first = (words.mapped == 0) & (words.table == 0) if mode.bits == 32 else ~TRUE
    piece = _in_rounds(
        name,
        says,
        its,
        [("the type of a frame", choose(at_first, expected, after), expected)],
        {"types": ASSUMED["types"], **ALIGNED, **ROW},
        known=words.table < rows,
        where=next((each.where for each in stores if each.member == TYPE), None),
    )
    return with_types(piece, shift)


@shared
def type_shift(source: Dom0Source, mode: PagingMode) -> int:
    """Where the type begins in a ``type_info``: what the mapping loop sets says so. Raises NotRead."""
    stores = Round(source, mode).found.loop.memory.stores
    set_to = [found for each in stores if each.member == TYPE and (found := _number_of(each))]
    return (min(set_to) & -min(set_to)).bit_length() - 1 if set_to else TYPE_SHIFT


def with_types(piece: Piece, shift: int) -> Piece:
    """The piece, which has to do with types, told as an older one's if these begin elsewhere than today."""
    if shift == TYPE_SHIFT:
        return piece
    since = ", as up to 4.9" if shift == 60 else ""
    return evolve(piece, today=False, says=f"{piece.says}; types begin at bit {shift}{since}")


def _number_of(store: Store) -> int | None:
    value = store.value
    fixed = isinstance(value, Value) and value.term.operation == "constant"
    return int(value.term) if isinstance(value, Value) and fixed else None


def choose_truth(condition: Truth, then: Truth, otherwise: Truth) -> Truth:
    """One truth, or the other."""
    return (condition & then) | (~condition & otherwise)


PIECES: Final[Pieces] = {
    "mapping-start": ("the first table lies where the layout has it, and the cursors begin so", _start),
    "mapping-guard": ("as many pages are mapped as the region has", _guard),
    "mapping-cursors": ("each round takes and leaves tables in the encoding's order", _cursors),
    "mapping-frames": ("the allocation's frames and the initrd's are taken in order", _frames),
    "mapping-entries": ("each entry comes to lead to its table, or to its page", _entries),
    "mapping-types": ("each frame that is taken gets its table's type, and no other one", _types),
}
