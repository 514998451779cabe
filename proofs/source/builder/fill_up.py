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

from ....encodings.builder_loop import words_of_building
from ....encodings.dom0_builder import L2_SLOTS, has_l2, missing_l2
from ....encodings.read_only_walk import TYPE_SHIFT, XENS_SLOT, table_info
from ....formal.c.memory import Store
from ....formal.c.types import Node
from ....formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, PagingMode
from ....formal.source.dom0_source import Dom0Source
from ....formal.source.questions import Piece
from ....formal.source.slices import block
from ....formal.source.summaries import (
    ASSUMED,
    DIRECT_MAP,
    DIRECT_MAP_FRAME,
    FLAGS,
    FRAME_BITS,
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
)
from .cases import Case
from .mapping import ROW, TYPE, Pairs, choose_truth, place_of_loop, v_start
from .pieces import (
    NotRead,
    Pieces,
    builders_call,
    compared_by_cases,
    executed,
    held,
    known,
    not_found,
    renamed,
    restated,
    shared,
)

WALK: Final = "mark_pv_pt_pages_rdonly"
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
leads: Final = {slot: word(f"slot_{slot}") for slot in SLOTS}
"""By slot of the L3, 1 more than the frame that it leads to; 0 where it is empty."""
entry_before: Final = {slot: word(f"slot_{slot}_holds") for slot in SLOTS}
"""What the slot's entry is in memory."""

_OURS: Final = (
    *(l3_frame, free_frame, before, type_before, at, frame, DIRECT_MAP_FRAME),
    *(*leads.values(), *entry_before.values()),
)


# The source


def walks_call(source: Dom0Source) -> tuple[int, Node]:
    """Which statement of the builder's block calls the walk, and the call. Raises NotRead."""
    place, call = builders_call(source, WALK)
    if block(source.builder)[place].type != "expression_statement":
        raise not_found(source.file.where(source.builder), f"one call of {WALK}() by the builder itself")
    return place, call


class Between:
    """What stands between the mapping loop and the walk, executed, over the encoding's words."""

    def __init__(self, source: Dom0Source, mode: PagingMode) -> None:
        """Raises NotRead."""
        nodes, first = block(source.builder), place_of_loop(source) + 1
        last, _ = walks_call(source)
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
        self.mode = mode
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
        ours = (*inputs(self._names.values()), *self.loaded)
        return renamed(said, {str(each.value): each for each in ours}, self.where)

    @cached_property
    def stores(self) -> list[Store]:
        """What is written, over the encoding's words. Raises NotRead."""
        return restated(self.found.memory.stores, self.over)

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


def _begins() -> Truth:
    """What is before: the slots' tables are of the row, and the slots lead to them."""
    facts = [free_frame < (1 << FRAME_BITS) - L2_SLOTS, l3_frame < free_frame]
    facts += [DIRECT_MAP_FRAME < 1 << 52, DIRECT_MAP_FRAME + (free_frame + L2_SLOTS) < 1 << 52]
    for slot in SLOTS:
        to_it = (entry_before[slot] & 1 == 1) & (entry_before[slot] >> PAGE_SHIFT == leads[slot] - 1)
        facts.append(choose_truth(leads[slot] == 0, entry_before[slot] == 0, to_it))
        facts += [leads[slot] <= free_frame, leads[slot] != l3_frame + 1]
        is_l2 = (leads[slot] != 0) & (frame == leads[slot] - 1)
        facts.append(implies(is_l2, type_before == number(2 << TYPE_SHIFT)))
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


def _piece(name: str, says: str, its: Between, pairs: Pairs, assumes: Sequence[str]) -> Piece:
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
        _begins(),
        _sample,
        ENCODING,
        unsettled=[at, frame, *its.loaded],
        beside=[implies(slots, counted)],
        assumes=assumed if its.mode.bits == 32 else {},
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
    pairs = [("what an entry holds", after, expected)]
    if mode.bits == 32:
        pairs.append(("whether what is written is present", flags & 1, number(1)))
    return _piece(name, says, its, pairs, ("direct-map", "entries", "clears", "xens-own"))


def _types(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    its = between(source, mode)
    after = held(its.stores, frame, type_before, TYPE)
    expected, own = type_before, [each for each in its.stores if each.member == XENS_ENTRIES]
    pairs: list[tuple[str, Word | Truth, Word | Truth]] = []
    if mode.bits == 32:
        for slot in SLOTS:
            new = (leads[slot] == 0) & (address_of(free_frame + missing(slot)) >> PAGE_SHIFT == frame)
            expected = choose(new, table_info(mode, number(2), number(slot)), expected)
        marked = address_of(filled_with(XENS_SLOT)) >> PAGE_SHIFT == frame
        expected = choose(marked, table_info(mode, number(2), number(XENS_SLOT)), expected)
        if not own:
            raise not_found(its.where, "where Xen's own entries are put into an L2")
        for each in own:
            pairs.append((f"whether {each.where} is come to", each.path, TRUE))
            pairs.append(
                (
                    f"which L2 {each.where} writes into",
                    each.address,
                    address_of(filled_with(XENS_SLOT)) + DIRECT_MAP,
                )
            )
    pairs.append(("the type of a frame", after, expected))
    return _piece(name, says, its, pairs, ("direct-map", "entries", "clears", "xens-own"))


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
