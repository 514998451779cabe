"""What is done to tables between the mapping loop and the walk that makes them read-only: a 32-bit guest's L2 are filled up.

The statements in between are executed as they stand. Before them all is as the mapping loop's pieces leave it: the L3 is a table
of the row, and each of its first four entries is empty or leads to an L2 of the row. Of memory one entry and one
frame are looked at: any. A 64-bit guest gets no more tables.

Facts: what the builder's variables are called, and the walk, 4.3 to today. Notation of DOMAIN.md section 4.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations, product
from random import Random
from typing import Final

from attrs import frozen

from ....encodings.builder_loop import words_of_building
from ....encodings.dom0_builder import ENTRY_BITS, L2_SLOTS, entry_of, has_l2, missing_l2
from ....encodings.read_only_walk import XENS_SLOT, table_info
from ....formal.c.expressions import Evaluator
from ....formal.c.memory import COPIED, Store
from ....formal.c.state import State
from ....formal.c.types import Node
from ....formal.c.values import Any
from ....formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, PagingMode
from ....formal.source.dom0_source import COUNT, Dom0Source
from ....formal.source.questions import Piece
from ....formal.source.slices import block, mentions, writes
from ....formal.source.summaries import (
    ASSUMED,
    DIRECT_MAP,
    DIRECT_MAP_FRAME,
    FLAGS,
    FRAME_BITS,
    HOLE,
    XENS_ENTRIES,
    entry_for,
)
from ....formal.words.word import (
    TRUE,
    AnyTerm,
    Truth,
    Word,
    all_of,
    choose,
    implies,
    inputs,
    number,
    replaced,
    word,
    zero_extended,
)
from .cases import Case
from .mapping import CURSORS, ROW, TYPE, Pairs, choose_truth, place_of_loop, type_shift, v_start, with_types
from .pieces import (
    NotRead,
    Pieces,
    builders_call,
    called_with,
    compared_by_cases,
    executed,
    held,
    known,
    not_found,
    renamed,
    restated,
    shared,
    whole_pages,
)

WALK: Final = "mark_pv_pt_pages_rdonly"
XENS_COPY: Final = f"{COPIED}compat_idle_pg_table_l2"
"""What stands for the member where the builder itself copies Xen's own entries, as up to 4.11."""
XENS_OWN: Final = (XENS_ENTRIES, XENS_COPY)
GIVEN: Final = ("l4start", "vpt_start", COUNT)
"""The walk's parameters that it is called with, by the names that the builder has for them, too."""
SLOTS: Final = range(L2_SLOTS)
FILLED: Final = {
    "slots": "the L3's first four entries are empty just where the mapping loop took no L2 for them (compat-four-l2), else each "
    "leads to an L2 of its own",
    "one-l3": "the region lies below 4 GiB, so that l3start is the one L3 of a 32-bit guest",
}
ENCODING: Final = "encodings/dom0_builder.py"

ITS: Final = words_of_building()
l3_frame, free_frame = word("l3_frame"), word("free_frame")
"""The L3's frame, and that of the next table that is free."""
before, type_before = word("before"), word("type_before")
at, frame = word("at"), word("frame")
"""The address and the frame that are looked at."""
hole = word(f"{HOLE}(d)", 32)
"""Where Xen's part of a 32-bit guest's addresses begins."""
leads: Final = {slot: word(f"slot_{slot}") for slot in SLOTS}
"""By slot of the L3, 1 more than the frame that it leads to; 0 where it is empty."""
entry_before: Final = {slot: word(f"slot_{slot}_holds") for slot in SLOTS}
"""What the slot's entry is in memory."""

_OURS: Final = (
    *(l3_frame, free_frame, before, type_before, at, frame, DIRECT_MAP_FRAME),
    *(*leads.values(), *entry_before.values()),
)


# The source


def walks_call(source: Dom0Source, mode: PagingMode) -> tuple[int, Node]:
    """Which statement of the builder's block calls the walk, whatever else, and the call. Raises NotRead."""
    place, call = builders_call(source, WALK)
    statement = block(source.builder)[place]
    paths: list[Truth] = []

    def called(self: Evaluator, node: Node, _arguments: list[Node], state: State) -> Any:
        paths.append(state.path)
        return self.unknown(node, "nothing")

    found = executed(source, mode, source.file, source.builder, [statement], meanings={WALK: called})
    if found.memory.vague is not None:
        raise NotRead(found.memory.vague)
    if [each is TRUE for each in paths] != [True] or found.memory.stores or found.leaves:
        raise not_found(source.file.where(statement), f"that {WALK}() is called, whatever the guest,")
    return place, call


@frozen(eq=False)
class Walked:
    """The walk as it stands: the ``first`` statement of the builder's block that is of it, its function, and its statements.

    These are its ``loop``, and those ``before`` it and in the ``rest`` of the function; ``pointers`` are its variables, by level.
    """

    first: int
    function: Node
    before: Sequence[Node]
    loop: Node
    rest: Sequence[Node]
    pointers: Mapping[int, str]


def walked(source: Dom0Source, mode: PagingMode) -> Walked:
    """The walk of a source: a function that the builder calls, or, as up to 4.4, statements of the builder's own. Raises NotRead."""
    function = source.file.function(WALK)
    if function is None:
        return _walked_by_itself(source)
    place, call = walks_call(source, mode)
    called_with(source.file, function, call, GIVEN)
    statements = block(function)
    loops = [at_ for at_, each in enumerate(statements) if each.type == "for_statement"]
    if len(loops) != 1:
        raise not_found(source.file.where(function), f"one loop in {WALK}()")
    pointers = {level: f"pl{level}e" for level in (1, 2, 3, 4)}
    at_ = loops[0]
    return Walked(place, function, statements[:at_], statements[at_], statements[at_ + 1 :], pointers)


def _walked_by_itself(source: Dom0Source) -> Walked:
    nodes = block(source.builder)
    loops = [
        at_
        for at_, each in enumerate(nodes)
        if at_ > place_of_loop(source)
        and each.type == "for_statement"
        and mentions(each, COUNT)
        and all(writes(each, [one]) for one in CURSORS.values())
    ]
    if len(loops) != 1:
        raise not_found(
            source.file.where(source.builder),
            f"one function {WALK}(), nor a loop of the builder's own in its place,",
        )
    first = loops[0]
    while nodes[first - 1].type == "expression_statement" and writes(nodes[first - 1], CURSORS.values()):
        first -= 1
    return Walked(first, source.builder, nodes[first : loops[0]], nodes[loops[0]], (), CURSORS)


class Between:
    """What stands between the mapping loop and the walk, executed, over the encoding's words."""

    def __init__(self, source: Dom0Source, mode: PagingMode) -> None:
        """Raises NotRead."""
        nodes, first = block(source.builder), place_of_loop(source) + 1
        last = walked(source, mode).first
        declarations = [each for each in nodes[:first] if each.type == "declaration"]
        if last <= first:
            raise not_found(
                source.file.where(nodes[first - 1]), "what fills up the L2, between loop and walk,"
            )
        self.where = source.file.where(nodes[first])
        self.found = executed(source, mode, source.file, source.builder, nodes[first:last], ours=_OURS)
        assert declarations
        if self.found.memory.vague is not None:
            raise NotRead(self.found.memory.vague)
        if self.found.leaves:
            raise not_found(self.found.leaves[0][0], "that it comes to the walk, whatever the guest,")
        self.mode, self.shift = mode, type_shift(source, mode)
        self._names: dict[Word, Word] = {
            word("mpt_alloc"): address_of(free_frame),
            word("l3start"): address_of(l3_frame) + DIRECT_MAP,
        }
        for load in self.found.memory.loads:
            self._names[load.given] = self._given(load.given, self.over(load.address), load.member)

    @property
    def loaded(self) -> tuple[Word, ...]:
        """What stands for anything that was in memory."""
        return tuple(each.given for each in self.found.memory.loads)

    def _given(self, given: Word, address: Word, member: str) -> Word:
        """What a load gives that comes before all stores: a slot's entry, the type that is looked at, or anything."""
        if member == TYPE:
            return choose(address == frame, type_before, given)
        for slot in SLOTS:
            given = choose(address == slot_address(slot), entry_before[slot], given)
        return given

    def over(self, term: AnyTerm) -> AnyTerm:
        """A term of the source's over the encoding's words. Raises NotRead where it hangs on something else."""
        said = replaced(term, self._names)
        ours = (*inputs(self._names.values()), *self.loaded, hole)
        return renamed(said, {str(each.value): each for each in ours}, self.where)

    @cached_property
    def written(self) -> list[Store]:
        """What is written, over the encoding's words. Raises NotRead."""
        return restated(self.found.memory.stores, self.over, XENS_OWN)

    @property
    def stores(self) -> list[Store]:
        """The same without Xen's own entries."""
        return [each for each in self.written if each.member not in XENS_OWN]

    @property
    def own(self) -> Pairs:
        """Where Xen's own entries are written, and how many: those from the compat hole on, into the L2 of slot 3. Raises NotRead."""
        pairs: list[tuple[str, Word | Truth, Word | Truth]] = []
        table = address_of(filled_with(XENS_SLOT)) + DIRECT_MAP
        for each in self.written:
            if each.member in XENS_OWN:
                pairs.append((f"whether {each.where} is come to", each.path, TRUE))
            if each.member == XENS_ENTRIES:
                pairs.append((f"which L2 {each.where} writes into", each.address, table))
            elif each.member == XENS_COPY:
                first = entry_of(zero_extended(hole, 64), PAGE_SHIFT + 2 * ENTRY_BITS) << 3
                pairs.append((f"where {each.where} writes to", each.address, table + first))
                pairs.append(
                    (f"how many bytes {each.where} writes", known(each.value).term, PAGE_SIZE - first)
                )
        if not pairs:
            raise not_found(self.where, "where Xen's own entries are put into an L2")
        return pairs

    @property
    def whose(self) -> str:
        """The name of what is assumed of Xen's own entries: they are copied, or put in by a function."""
        return "copies" if any(each.member == XENS_COPY for each in self.written) else "xens-own"

    def next_table(self) -> Word:
        """The machine address of the next table, after it. Raises NotRead."""
        return self.over(known(self.found.value("mpt_alloc")).term)


@shared
def between(source: Dom0Source, mode: PagingMode) -> Between:
    """What stands there in a source. Raises NotRead."""
    return Between(source, mode)


def address_of(frame: Word) -> Word:
    """The machine address of a frame."""
    return frame << PAGE_SHIFT


def slot_address(slot: int) -> Word:
    """Where the L3's entry lies."""
    return address_of(l3_frame) + DIRECT_MAP + (slot << 3)


# The encoding's words


def missing(slots: int = L2_SLOTS) -> Word:
    """`missing_l2`, by what the slots hold."""
    result = number(0)
    for slot in range(slots):
        result += choose(leads[slot] == 0, number(1), number(0))
    return result


def filled_with(slot: int) -> Word:
    """The frame that a slot leads to in the end."""
    return choose(leads[slot] == 0, free_frame + missing(slot), leads[slot] - 1)


def _begins(shift: int) -> Truth:
    """What is before: the slots' tables are of the row, and the slots lead to them."""
    facts = [free_frame < (1 << FRAME_BITS) - L2_SLOTS, l3_frame < free_frame]
    facts += [DIRECT_MAP_FRAME < 1 << 52, DIRECT_MAP_FRAME + (free_frame + L2_SLOTS) < 1 << 52]
    for slot in SLOTS:
        to_it = (entry_before[slot] & 1 == 1) & (entry_before[slot] >> PAGE_SHIFT == leads[slot] - 1)
        facts.append(choose_truth(leads[slot] == 0, entry_before[slot] == 0, to_it))
        facts += [leads[slot] <= free_frame, leads[slot] != l3_frame + 1]
        is_l2 = (leads[slot] != 0) & (frame == leads[slot] - 1)
        facts.append(implies(is_l2, type_before == number(2 << shift)))
    facts += [implies(leads[one] != 0, leads[one] != leads[other]) for one, other in combinations(SLOTS, 2)]
    return all_of(facts)


def _cases(mode: PagingMode) -> Iterator[Case]:
    """By which slots are empty."""
    for empty in product((True, False), repeat=L2_SLOTS) if mode.bits == 32 else ():
        put = {each[slot]: number(0) for slot in SLOTS if empty[slot] for each in (leads, entry_before)}
        yield Case(put, all_of(leads[slot] != 0 for slot in SLOTS if not empty[slot]))


def _sample(source: Random) -> Mapping[str, int]:
    """Numbers that it may begin with."""
    free = source.randrange(8, 1 << 30)
    frames = source.sample(range(free - min(free, 64), free), 1 + L2_SLOTS)
    values = {"free_frame": free, "l3_frame": frames[L2_SLOTS], "direct_map": source.getrandbits(30) + 1}
    values |= {str(leads[slot].value): frames[slot] + 1 for slot in SLOTS}
    values |= {
        str(entry_before[slot].value): int(entry_for(number(frames[slot]), number(0x67))) for slot in SLOTS
    }
    return values | {"frame": 1 << FRAME_BITS}


# The pieces


def _piece(
    name: str, says: str, its: Between, pairs: Pairs, assumes: Sequence[str], *, together: bool = True
) -> Piece:
    of_slots = (*SLOTS, L2_SLOTS)
    counted = all_of(missing_l2(v_start, ITS.taken[2], each) == missing(each) for each in of_slots)
    slots = all_of((leads[each] != 0) == has_l2(v_start, ITS.taken[2], number(each)) for each in SLOTS)
    assumed = {each: ASSUMED[each] for each in assumes} | ROW | FILLED
    return compared_by_cases(
        name,
        says,
        its.mode,
        its.where,
        pairs,
        list(_cases(its.mode)) or [Case({}, TRUE)],
        _begins(its.shift),
        _sample,
        ENCODING,
        unsettled=[at, frame, hole, *its.loaded],
        beside=[implies(slots, counted)],
        assumes=assumed if its.mode.bits == 32 else {},
        together=together,
    )


def _frames(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = between(source, mode)
    taken = missing() if mode.bits == 32 else number(0)
    pairs = [("mpt_alloc", its.next_table(), address_of(free_frame + taken))]
    return _piece(name, says, its, pairs, ("direct-map", "entries", "clears"))


def _entries(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = between(source, mode)
    after = held(its.stores, at, before)
    expected, flags = before, number(0)
    for each in its.stores:
        if not each.member:
            flags = known(each.value).term & FLAGS
    for slot in SLOTS if mode.bits == 32 else ():
        table = address_of(free_frame + missing(slot))
        is_new = (leads[slot] == 0) & (table + DIRECT_MAP == at & -PAGE_SIZE)
        is_its = (leads[slot] == 0) & (slot_address(slot) == at)
        expected = choose(is_its, entry_for(table >> PAGE_SHIFT, flags), choose(is_new, number(0), expected))
    pairs: list[tuple[str, Word | Truth, Word | Truth]] = [
        ("what an entry holds", after, expected),
        *whole_pages(its.stores),
    ]
    if mode.bits == 32:
        pairs.append(("whether what is written is present", flags & 1, number(1)))
        pairs += its.own
    return _piece(name, says, its, pairs, ("direct-map", "entries", "clears", its.whose))


def _types(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = between(source, mode)
    after = held(its.stores, frame, type_before, TYPE)
    expected = type_before
    pairs: list[tuple[str, Word | Truth, Word | Truth]] = []
    if mode.bits == 32:
        for slot in SLOTS:
            new = (leads[slot] == 0) & (address_of(free_frame + missing(slot)) >> PAGE_SHIFT == frame)
            expected = choose(new, table_info(mode, number(2), number(slot), its.shift), expected)
        marked = address_of(filled_with(XENS_SLOT)) >> PAGE_SHIFT == frame
        expected = choose(marked, table_info(mode, number(2), number(XENS_SLOT), its.shift), expected)
        pairs += its.own
    pairs.append(("the type of a frame", after, expected))
    assumes = ("direct-map", "entries", "clears", its.whose)
    piece = _piece(name, says, its, pairs, assumes, together=False)
    return with_types(piece, its.shift) if mode.bits == 32 else piece


PIECES: Final[Pieces] = {
    "fill-up-frames": (
        "after the loop a 32-bit guest gets an L2 for each slot that has none, and no other tables are taken",
        _frames,
    ),
    "fill-up-entries": (
        "each empty slot comes to lead to the next table, which is empty, and no other entry changes",
        _entries,
    ),
    "fill-up-types": (
        "each new table is an L2, that of slot 3 is marked as Xen's, and no other frame's type changes",
        _types,
    ),
}
