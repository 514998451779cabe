"""What Xen's functions do that aren't read: their arguments are evaluated, and a value stands for what they give.

Each summary goes by a name of `ASSUMED`, which says what is taken for granted of it; a tree's report tells those that it needs.

Facts: ``asm/page.h``, ``asm/mm.h``, ``xen/mm.h``, ``xen/domain_page.h`` and ``xen/arch/x86/dom0_build.c`` in Xen, 4.0 to 4.22, for what
these names mean; the layout of page-table entries is the processor's (Intel SDM, volume 3, 4.5).
"""

from collections.abc import Callable, Mapping
from typing import Final

from ..c.expressions import CHANGES, Evaluator, Meaning, first_name
from ..c.memory import CLEARED, COPIED
from ..c.state import State, input_value
from ..c.types import Node, part, text_of, within
from ..c.values import (
    BOOL,
    INT,
    ULONG,
    UNSIGNED,
    Any,
    Integer,
    NotUnderstood,
    Pointer,
    Unknown,
    Value,
    constant,
    converted,
)
from ..words.word import Word, choose, number, truncated, word

ASSUMED: Final = {
    "order": "get_order_from_bytes() gives the least order of which 2^order pages hold so many bytes",
    "amounts": "get_memsize() gives what dom0_mem says of the memory that is there, and memsize_gt_zero() whether it is a "
    "positive amount",
    "direct-map": "__va() adds a multiple of a page to a machine address, the same for all, and __pa() takes it off; no table comes to lie at 0",
    "entries": "l1e_from_pfn() and its like make an entry of a frame and of flags, l1e_get_pfn() and its like take it apart, and "
    "map_l1t_from_l2e() and its like give the table behind it",
    "clears": "clear_page() clears the page, and nothing else",
    "xens-own": "init_xen_pae_l2_slots() writes Xen's own entries, those from the compat hole on, into the L2 that it is given, and "
    "nothing else",
    "copies": "memcpy() copies as many bytes as it is told, and compat_idle_pg_table_l2 has Xen's own entries",
    "tables": "map_domain_page() and its like add to a machine address what __va() adds, and "
    "iommu_memory_setup() and get_superpage() change nothing of a table",
    "types": "get_page_and_type() and calls for the IOMMU succeed, and change nothing of a table, nor its type",
}
"""What is taken for granted, by name."""
FRAME_BITS: Final = 40
"""How many bits the number of a frame has."""
FLAGS: Final = 0xFFF
DIRECT_MAP_FRAME: Final = word("direct_map")
DIRECT_MAP: Final = DIRECT_MAP_FRAME << 12
"""What is added to a machine address, a multiple of a page."""
XENS_ENTRIES: Final = "Xen's own entries"
"""What stands for the member where Xen puts entries of its own into an L2."""
HOLE: Final = "HYPERVISOR_COMPAT_VIRT_START"
"""Where Xen's part of a 32-bit guest's addresses begins: a field of the domain, of 32 bits."""


def values(self: Evaluator, arguments: list[Node], state: State, expected: int) -> list[Value]:
    """The values of a call's arguments. Raises NotUnderstood for one that isn't understood."""
    found = self.evaluate_all(arguments, state)
    if len(found) != expected:
        raise NotUnderstood(f"{len(found)} arguments where {expected} are expected")
    for each in found:
        if isinstance(each, Unknown):
            raise NotUnderstood(each.why)
    return [each for each in found if isinstance(each, Value)]


def order_of(length: Word) -> Word:
    """The least order of which 2^order pages hold so many bytes, as 64 bits: how many bits the last page's number has."""
    pages = (length - 1) >> 12
    order = number(0)
    for bits in (32, 16, 8, 4, 2, 1):
        large = pages >> bits != 0
        order += choose(large, number(bits), number(0))
        pages = choose(large, pages >> bits, pages)
    return (order + pages) & 63


def _order(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
    (length,) = values(self, arguments, state, 1)
    return Value(truncated(order_of(converted(length, ULONG).term), 32) & 63, INT)


def _asked(of: Integer) -> Meaning:
    """A function of what its arguments name, the same each time: they are variables, or their addresses."""

    def meaning(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
        for each in arguments:
            if each.type == "identifier":
                value = self.evaluate(each, state)
                if not isinstance(value, Value) or value.term.operation != "input":
                    raise NotUnderstood(f"{text_of(each)} has changed")
            elif not text_of(each).lstrip("& ").isidentifier():
                raise NotUnderstood("an argument that is no name")
        function, names = text_of(part(node, "function") or node), map(text_of, arguments)
        return input_value(f"{function}({', '.join(names)})".replace("& ", "&"), of)

    return meaning


def _va(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
    (address,) = values(self, arguments, state, 1)
    return Value(converted(address, ULONG).term + DIRECT_MAP, Pointer(None))


def _pa(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
    (address,) = values(self, arguments, state, 1)
    return Value(converted(address, ULONG).term - DIRECT_MAP, ULONG)


def _mapped_page(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
    """Where a frame is mapped, given by its number or by what Xen notes of it."""
    (frame,) = values(self, arguments, state, 1)
    return Value((converted(frame, ULONG).term << 12) + DIRECT_MAP, Pointer(None))


def _as_it_is(of: Integer | None) -> Meaning:
    """What is given, as a number or as a pointer to what Xen notes of the frame of that number."""

    def meaning(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
        (value,) = values(self, arguments, state, 1)
        return converted(value, of or _frames(self))

    return meaning


def _frames(self: Evaluator) -> Pointer:
    return Pointer(self.types.record("struct page_info"))


def _frame_of_address(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
    (address,) = values(self, arguments, state, 1)
    return Value(converted(address, ULONG).term >> 12, _frames(self))


def _clear(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
    (page,) = values(self, arguments, state, 1)
    why = self.unknown(node, "a page that is cleared")
    state.stir(why, self.exposed)
    if self.memory is not None:
        self.memory.store(self.where(node), state.path, page.term, CLEARED, constant(0, ULONG))
    return why


def _xens_entries(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
    """Xen puts its own entries into the L2 that is given."""
    table = values(self, arguments[:1], state, 1)[0]
    self.evaluate_all(arguments[1:], state)
    if self.memory is not None:
        self.memory.store(self.where(node), state.path, table.term, XENS_ENTRIES, constant(0, ULONG))
    return self.unknown(node, "nothing")


def _copy(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
    """Bytes are copied to somewhere in memory, from an array outside of the function."""
    if len(arguments) != 3 or any(each.type in CHANGES for one in arguments for each in within(one)):
        raise NotUnderstood("memcpy()")
    to, _, length = self.evaluate_all(arguments, state)
    name = first_name(arguments[1]) or ""
    why = self.unknown(node, "memcpy() writes memory")
    if self.memory is None or not isinstance(to, Value) or not isinstance(length, Value) or self.key_of(name):
        self.given_away(arguments, state, why)
        self.stirred(state, why)
        return why
    state.stir(why, self.exposed)
    copied = converted(length, ULONG)
    self.memory.store(self.where(node), state.path, to.term, COPIED + name, copied)
    return why


def _entry(shift: int) -> Meaning:
    """An entry that leads to a frame, given as a number (shifted left by so many), with flags."""

    def meaning(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
        frame, flags = (converted(each, ULONG).term for each in values(self, arguments, state, 2))
        return Value(entry_for(frame >> shift, flags), ULONG)

    return meaning


def entry_for(frame: Word, flags: Word) -> Word:
    """The entry that leads to a frame."""
    return (frame << 12) + (flags & FLAGS)


def _flags_in_entry(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
    """Flags, at their places in an entry: those beyond the lowest 12 bits lie at its end."""
    (flags,) = values(self, arguments, state, 1)
    wide = converted(flags, ULONG).term
    return Value(((wide & ~number(FLAGS)) << 40) | (wide & FLAGS), ULONG)


def frame_in(entry: Word) -> Word:
    """The frame that an entry leads to."""
    return (entry >> 12) & ((1 << FRAME_BITS) - 1)


def _taken_apart(made: Callable[[Word], Word], of: Callable[[Evaluator], Integer | Pointer]) -> Meaning:
    def meaning(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
        (entry,) = values(self, arguments, state, 1)
        return Value(made(entry.term), of(self))

    return meaning


def _any(of: Integer) -> Meaning:
    """A function that may give anything, and changes nothing that matters but what it is given the address of."""

    def meaning(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
        self.evaluate_all(arguments, state)
        self.given_away(arguments, state, self.unknown(node, "it is given away"))
        return input_value(f"{text_of(part(node, 'function') or node)}@{next(state.fresh)}", of)

    return meaning


def _succeeds(as_said: int) -> Meaning:
    """A function that succeeds, which it says by a number, and changes nothing that matters."""

    def meaning(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
        self.evaluate_all(arguments, state)
        self.given_away(arguments, state, self.unknown(node, "it is given away"))
        return constant(as_said)

    return meaning


def _processor(_self: Evaluator, node: Node, _arguments: list[Node], _state: State) -> Any:
    """What the processor can, the same each time."""
    return input_value(text_of(node), BOOL)


def _root(_self: Evaluator, _node: Node, _arguments: list[Node], _state: State) -> Any:
    return Value(word("root_frame") << 12, ULONG)


def _root_frame(_self: Evaluator, _node: Node, _arguments: list[Node], _state: State) -> Any:
    return Value(word("root_frame"), ULONG)


def _root_page(self: Evaluator, _node: Node, _arguments: list[Node], _state: State) -> Any:
    """A page of its own: before tables are mapped, that is a 32-bit guest's root."""
    return Value(word("root_frame"), _frames(self))


def _number(_: Evaluator) -> Integer:
    return ULONG


def _behind(entry: Word) -> Word:
    return (frame_in(entry) << 12) + DIRECT_MAP


def _entries_of(level: int) -> Callable[[Evaluator], Pointer]:
    return lambda self: Pointer(self.types.named_by(f"l{level}_pgentry_t"))


_TABLES: Final = {
    **{f"l{level}e_from_paddr": _entry(12) for level in (1, 2, 3, 4)},
    **{f"l{level}e_from_{of}": _entry(0) for level in (1, 2, 3, 4) for of in ("pfn", "mfn", "page")},
    **{
        f"l{level}e_get_{of}": _taken_apart(frame_in, _number)
        for level in (1, 2, 3, 4)
        for of in ("pfn", "mfn")
    },
    **{f"l{level}e_get_page": _taken_apart(frame_in, _frames) for level in (1, 2, 3, 4)},
    **{f"l{level}e_get_intpte": _as_it_is(ULONG) for level in (1, 2, 3, 4)},
    **{
        name: _taken_apart(_behind, _entries_of(level))
        for level in (1, 2, 3)
        for name in (f"map_l{level}t_from_l{level + 1}e", f"l{level + 1}e_to_l{level}e")
    },
}
SUMMARIES: Final[Mapping[str, Meaning]] = {
    **_TABLES,
    "__va": _va,
    "__pa": _pa,
    "_mfn": _as_it_is(ULONG),
    "_dfn": _as_it_is(ULONG),
    "mfn_x": _as_it_is(ULONG),
    "mfn_to_page": _as_it_is(None),
    "page_to_mfn": _as_it_is(ULONG),
    "maddr_to_page": _frame_of_address,
    "map_domain_page": _mapped_page,
    "__map_domain_page": _mapped_page,
    "page_to_virt": _taken_apart(lambda frame: (frame << 12) + DIRECT_MAP, lambda _: Pointer(None)),
    "pagetable_get_paddr": _root,
    "pagetable_get_pfn": _root_frame,
    "alloc_domheap_page": _root_page,
    "virt_to_mfn": _taken_apart(lambda address: (address - DIRECT_MAP) >> 12, _number),
    "clear_page": _clear,
    **dict.fromkeys(
        (
            "need_iommu_pt_sync",
            "iommu_memory_setup",
            "paging_mode_translate",
            "unmap_domain_page",
            "pagetable_from_paddr",
            "pagetable_from_mfn",
        ),
        _any(BOOL),
    ),
    "init_xen_pae_l2_slots": _xens_entries,
    "memcpy": _copy,
    "put_pte_flags": _flags_in_entry,
    "boot_cpu_has": _processor,
    "get_page_and_type": _succeeds(1),
    "iommu_unmap": _succeeds(0),
    "get_superpage": _succeeds(1),
    "get_order_from_bytes": _order,
    "get_memsize": _asked(ULONG),
    "memsize_gt_zero": _asked(BOOL),
    "is_pv_domain": _asked(BOOL),
    HOLE: _asked(UNSIGNED),
}
