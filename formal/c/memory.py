"""What is done to memory behind pointers: each store with its address, in the order executed, and what a load then gives.

Addresses are terms. What memory holds before the first store is not known: each load of it gives an input of its own.
A store that isn't understood makes all that is loaded after it not understood, too.
"""

from typing import Final

from attrs import define, field, frozen

from ..words.word import Truth, Word, choose, number, word
from .values import ULONG, Any, Unknown, Value

PAGE: Final = 4096
CLEARED: Final = "a page of zeros"
"""What stands for the member where a whole page is cleared."""
COPIED: Final = "copied from "
"""What the member begins with where bytes are copied: as many as the value says, from an array of that name."""


@frozen(eq=False)
class Store:
    """A write of ``value`` to ``member`` of what lies at ``address`` (to all of it, if empty), if ``path`` is taken."""

    where: str
    path: Truth
    address: Word
    member: str
    value: Any


@frozen(eq=False)
class Load:
    """A read of what ``member`` of what lies at ``address`` was before the first store: the input ``given``."""

    where: str
    text: str
    address: Word
    member: str
    given: Word


@define(eq=False)
class Memory:
    """What was done, in order; ``vague`` is the first thing that was done which isn't understood."""

    stores: list[Store] = field(factory=list)
    loads: list[Load] = field(factory=list)
    vague: Unknown | None = None

    def copy(self) -> "Memory":
        """As it is now."""
        return Memory(list(self.stores), list(self.loads), self.vague)

    def store(self, where: str, path: Truth, address: Word, member: str, value: Any) -> None:
        """Note a write."""
        self.stores.append(Store(where, path, address, member, value))

    def stir(self, why: Unknown) -> None:
        """Note that something was written, it isn't known where."""
        self.vague = self.vague or why

    def load(self, where: str, text: str, address: Word, member: str = "") -> Any:
        """What is at an address, or a member of it, as an unsigned number of 64 bits."""
        if self.vague is not None:
            return Unknown(where, f"memory is read ({text[:60]}), which was written before: {self.vague}")
        given = word(f"{text}#{len(self.loads)}", 64)
        self.loads.append(Load(where, text, address, member, given))
        found = holds(self.stores, address, given, member)
        return found if isinstance(found, Unknown) else Value(found, ULONG)


def holds(stores: list[Store], address: Word, before: Word, member: str = "") -> Word | Unknown:
    """What is at an address, or in a member of what is, after some stores, if ``before`` was there."""
    found = before
    for each in stores:
        if each.member.startswith(COPIED):
            return Unknown(each.where, f"what is {each.member}")
        if each.member == CLEARED and not member:
            same_page = each.address & -PAGE == address & -PAGE
            found = choose(each.path & same_page, number(0), found)
        elif each.member and member and each.member != member and _first(each.member) == _first(member):
            return Unknown(each.where, f"{each.member[1:]} is written, which may overlap {member[1:]}")
        elif each.member == member:
            if isinstance(each.value, Unknown):
                return each.value
            found = choose(each.path & (each.address == address), each.value.term, found)
    return found


def _first(member: str) -> str:
    """The outermost struct or union within which a member is."""
    return member.split(".")[1] if member.startswith(".") else member
