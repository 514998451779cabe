"""What Xen's functions do that aren't read: their arguments are evaluated, and a value stands for what they give.

Each summary goes by a name of `ASSUMED`, which says what is taken for granted of it; a tree's report tells those that it needs.

Facts: ``asm/page.h``, ``asm/mm.h``, ``xen/mm.h``, ``xen/domain_page.h`` and ``xen/arch/x86/dom0_build.c`` in Xen, 4.0 to 4.22, for what
these names mean; the layout of page-table entries is the processor's (Intel SDM, volume 3, 4.5).
"""

from collections.abc import Mapping
from typing import Final

from ..c.expressions import Evaluator, Meaning
from ..c.state import State, input_value
from ..c.types import Node, part, text_of
from ..c.values import (
    BOOL,
    INT,
    ULONG,
    UNSIGNED,
    Any,
    Integer,
    NotUnderstood,
    Unknown,
    Value,
    converted,
)
from ..words.word import Word, choose, number, truncated

ASSUMED: Final = {
    "order": "get_order_from_bytes() gives the least order of which 2^order pages hold so many bytes",
    "amounts": "get_memsize() gives what dom0_mem says of the memory that is there, and memsize_gt_zero() whether it is a "
    "positive amount",
}
"""What is taken for granted, by name."""
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
                raise NotUnderstood("of what it is asked")
        function, names = text_of(part(node, "function") or node), map(text_of, arguments)
        return input_value(f"{function}({', '.join(names)})".replace("& ", "&"), of)

    return meaning


SUMMARIES: Final[Mapping[str, Meaning]] = {
    "get_order_from_bytes": _order,
    "get_memsize": _asked(ULONG),
    "memsize_gt_zero": _asked(BOOL),
    "is_pv_domain": _asked(BOOL),
    HOLE: _asked(UNSIGNED),
}
