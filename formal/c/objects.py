"""Pointers to objects that are known by name: to the whole, to a member, to an element of an array.

Such a pointer is an input of its own, named after the place that it leads to, as ``&*dom.maps[0]``; a place in an object is
kept like a variable, so what is written through one pointer is read through another. That different objects lie apart, and
that no other pointer leads to one, is for whoever names them to assume.
"""

import re
from typing import Final

from ..words.word import number, word
from .values import Any, CType, Integer, NotUnderstood, Pointer, Value

OBJECT: Final = "*"
"""What the names of objects begin with: no variable's name does."""
CLEARED: Final = Value(number(0, 8), Integer(8, signed=False))
"""What stands in the place of a whole whose parts are all 0, but for those that were written since."""
_ADDRESS: Final = "&"
_ELEMENT: Final = re.compile(r"(.*)\[(\d+)\]")


def pointer_to(key: str, of: CType | None) -> Value:
    """The pointer to a place in an object."""
    return Value(word(f"{_ADDRESS}{key}", 64), Pointer(of))


def led_to(pointer: Any | None) -> tuple[str, CType | None] | None:
    """The place in an object that a pointer leads to, and as what; ``None`` for any other value."""
    if not isinstance(pointer, Value) or not isinstance(pointer.type, Pointer):
        return None
    if pointer.term.operation != "input":
        return None
    name = str(pointer.term.value)
    return (name[1:], pointer.type.to) if name.startswith(_ADDRESS + OBJECT) else None


def in_object(key: str | None) -> bool:
    """Whether a place is in an object."""
    return key is not None and key.startswith(OBJECT)


def moved(key: str, by: int) -> str:
    """The element of an array so many further on. Raises NotUnderstood for what is no element, or lies before them."""
    found = _ELEMENT.fullmatch(key)
    if found is None or int(found[2]) + by < 0:
        raise NotUnderstood("a pointer leaves what it leads to")
    return f"{found[1]}[{int(found[2]) + by}]"


def array_of(key: str) -> tuple[str, int] | None:
    """The array and the index of an element; ``None`` for what is none."""
    found = _ELEMENT.fullmatch(key)
    return None if found is None else (found[1], int(found[2]))
