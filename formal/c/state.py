"""What is known at a point of a function: a value for each place, and under which condition the point is reached.

A place is a variable, or a member of one, by a key such as ``v_start``, ``parms.virt_base`` or ``initrd->size``. What is
read before it is written is an input. Whatever may have been changed without it being seen how is read again: as an input
of another name, since nothing is known about it any more.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from attrs import define, evolve, field

from ..words.word import TRUE, Truth, Word, choose, number, word
from .objects import CLEARED
from .values import Any, CType, Integer, NotUnderstood, Pointer, Unknown, Value, chosen

MEMORY: Final = ""
"""The root of all that isn't a variable of the function."""
BEHIND: Final = "->"
"""The root of what lies behind pointers of which it isn't known where they lead."""
_ROOT: Final = re.compile(r"[^.\-\[]+")
_PART: Final = re.compile(r"[.\[]")


def root_of(key: str) -> str:
    """The variable that a place is in, or is reached from."""
    found = _ROOT.match(key)
    assert found is not None, key
    return found[0]


def sort_of(key: str) -> str:
    """Why a place may change: with its variable, or with memory (behind a pointer)."""
    return MEMORY if "->" in key else root_of(key)


@define(eq=False)
class State:
    """Values by place, the condition ``path`` of being here, and ``vague``, where that hangs on what isn't understood.

    ``epochs`` tells, by root, since when a place is as it is. ``outer`` are roots that live outside of the function, or
    whose address is known there; ``fresh`` numbers what is read again. ``asked`` has the types of the inputs, by
    their names.
    """

    outer: Callable[[str], bool]
    fresh: Iterator[int]
    places: dict[str, Any] = field(factory=dict)
    path: Truth = TRUE
    vague: Unknown | None = None
    epochs: dict[str, int] = field(factory=dict)
    asked: dict[str, CType] = field(factory=dict)

    @property
    def left(self) -> bool:
        """Whether nothing comes here."""
        return self.path is ~TRUE

    def fork(self, condition: Truth = TRUE) -> "State":
        """A copy for where the condition holds, too."""
        return evolve(self, places=dict(self.places), epochs=dict(self.epochs), path=self.path & condition)

    def forks(self, asked: Truth | Unknown) -> "tuple[State, State]":
        """A copy for where a condition holds, and one for where it doesn't."""
        if isinstance(asked, Unknown):
            return self.fork(), self.fork()
        return self.fork(asked), self.fork(~asked)

    def become(self, other: "State") -> None:
        """Take everything over from another state."""
        self.places, self.path = other.places, other.path
        self.vague, self.epochs = other.vague, other.epochs

    def leave(self) -> None:
        """Nothing goes on from here."""
        self.path = ~TRUE

    def read(self, key: str, of: CType | None, where: str) -> Any:
        """The value of a place; an input where it isn't known."""
        if key not in self.places:
            above = self._above(key)
            if above is CLEARED and isinstance(of, Integer | Pointer):
                return Value(number(0, of.bits if isinstance(of, Integer) else 64), of)
            if above is not None:
                return above if isinstance(above, Unknown) else Unknown(where, f"whether {key} was cleared")
            self.places[key] = self._input(key, of, where)
        return self.places[key]

    def _above(self, key: str) -> Any | None:
        """What is known of the smallest whole of which a place is a part: why it isn't known, or that it was cleared."""
        if sort_of(key) == MEMORY:
            return None
        ends = [found.start() for found in _PART.finditer(key)]
        return next((self.places[key[:end]] for end in reversed(ends) if key[:end] in self.places), None)

    def _input(self, key: str, of: CType | None, where: str) -> Any:
        if not isinstance(of, Integer | Pointer):
            return Unknown(where, f"{key} is read, and what type it has isn't found")
        self.asked[self.title(key)] = of
        return input_value(self.title(key), of)

    def title(self, key: str) -> str:
        """The name of the input that a place is, read now."""
        since = self.epochs.get(root_of(key), 0)
        if self._exposed(key):
            since = max(since, self.epochs.get(MEMORY, 0))
        if sort_of(key) == MEMORY:
            since = max(since, self.epochs.get(BEHIND, 0))
        return f"{key}@{since}" if since else key

    def _exposed(self, key: str) -> bool:
        return sort_of(key) == MEMORY or self.outer(root_of(key))

    def write(self, key: str, value: Any) -> None:
        """Set a place; what is reached through it, or is part of it, is read again."""
        self.places = {
            each: known for each, known in self.places.items() if each == key or not _part(each, key)
        }
        self.epochs[root_of(key)] = (
            next(self.fresh) if key == root_of(key) else self.epochs.get(root_of(key), 0)
        )
        self.places[key] = value

    def spoil(self, root: str, why: Unknown) -> None:
        """A variable, with all that is in it and reached from it, isn't known any more."""
        self.places = {each: known for each, known in self.places.items() if root_of(each) != root}
        self.epochs[root] = next(self.fresh)
        self.places[root] = why

    def stir(self, why: Unknown, addressed: Iterable[str]) -> None:
        """Memory was written somewhere: it is read again, and the variables whose address is around are not known."""
        self.epochs[MEMORY] = next(self.fresh)
        self.places = {each: known for each, known in self.places.items() if not self._exposed(each)}
        for each in addressed:
            self.spoil(each, why)

    def disturb(self) -> None:
        """An object was written: what lies behind other pointers is read again."""
        self.epochs[BEHIND] = next(self.fresh)
        self.places = {each: known for each, known in self.places.items() if sort_of(each) != MEMORY}

    def lose(self, why: Unknown, also: Iterable[str]) -> None:
        """Nothing is known any more of any place."""
        roots = dict.fromkeys((*map(root_of, self.places), *sorted(also)))
        self.places = {}
        self.epochs = {each: next(self.fresh) for each in (*roots, MEMORY)}
        self.places = dict.fromkeys((each for each in roots if not self.outer(each)), why)
        self.vague = self.vague or why

    def doubt(self, why: Unknown) -> None:
        """Whether this point is reached hangs on what isn't understood."""
        self.vague = self.vague or why


def _part(key: str, of: str) -> bool:
    return key.startswith((f"{of}.", f"{of}->", f"{of}["))


def input_value(title: str, of: Integer | Pointer) -> Value:
    """The input of that name. A ``_Bool`` is 0 or 1, whatever the input."""
    if isinstance(of, Pointer):
        return Value(word(title, 64), of)
    given: Word = word(title, of.bits)
    return Value(choose(given == 0, number(0, 8), number(1, 8)) if of.boolean else given, of)


def merged(condition: Truth | Unknown, one: State, other: State, where: str) -> State:
    """The state where either is: ``one`` where the condition holds, else ``other``; ``where`` they meet."""
    if one.left or other.left:
        stays = other if one.left else one
        if isinstance(condition, Unknown):
            stays.doubt(condition)
        return stays
    moved = [
        root
        for root in dict.fromkeys((*one.epochs, *other.epochs))
        if one.epochs.get(root, 0) != other.epochs.get(root, 0)
    ]
    result = State(one.outer, one.fresh, path=one.path | other.path, vague=one.vague or other.vague)
    result.asked = one.asked
    result.epochs = one.epochs | other.epochs | {root: next(one.fresh) for root in moved}
    for key in dict.fromkeys((*one.places, *other.places)):
        first, second = _as_it_was(key, one, other), _as_it_was(key, other, one)
        result.places[key] = _either(condition, first, second, key, where)
    return result


def rejoined(asked: Truth | Unknown, one: State, other: State, before: State, where: str) -> None:
    """Let ``before`` go on from where its two forks by a condition meet again."""
    whole = before.path
    paths = (whole, whole) if isinstance(asked, Unknown) else (whole & asked, whole & ~asked)
    through = one.path is paths[0] and other.path is paths[1]
    before.become(merged(asked, one, other, where))
    if through:
        before.path = whole


def _as_it_was(key: str, state: State, other: State) -> Any:
    """A place in a state that may not have been asked for it yet, as the other one has."""
    if key in state.places:
        return state.places[key]
    known = other.places[key]
    return state.read(key, known.type, "") if isinstance(known, Value) else known


def _either(  # noqa: PLR0911 - one for each case
    condition: Truth | Unknown, first: Any, second: Any, key: str, where: str
) -> Any:
    if first is second:
        return first
    if isinstance(first, Unknown) or isinstance(second, Unknown):
        return first if isinstance(first, Unknown) else second
    if first.term is second.term and first.type == second.type:
        return first
    if isinstance(condition, Unknown):
        return Unknown(condition.where, f"{key} hangs on a condition that isn't understood: {condition.why}")
    if first.type == second.type:
        return Value(choose(condition, first.term, second.term), first.type)
    try:
        return chosen(condition, first, second)
    except NotUnderstood as error:
        return Unknown(where, f"{key}: {error}")
