"""Expressions, executed over words: what they give, and what they change on the way.

Only what stands in ``Evaluator._EVALUATED`` is understood. Anything else is `Unknown`, and whatever it names may have been changed
by it. Operands of ``&&``, ``||`` and ``?:`` are executed where C executes them. Where C leaves an order open and it matters
(``x + x++``), nothing is understood.

Source: ISO C11, 6.5; GNU C's statement expressions and ``__builtin_expect``. Of Xen's own words, what `MEANINGS` says.
"""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from typing import ClassVar, Final

from ..words.word import TRUE, Truth, Word, number
from .memory import Memory
from .objects import OBJECT, array_of, in_object, led_to, moved, pointer_to
from .preprocessor import UNKNOWN, Source
from .state import MEMORY, State, input_value, rejoined, root_of
from .types import Node, is_address, parsed, part, text_of, types_of, where, within
from .values import (
    BOOL,
    INT,
    LONG,
    ULONG,
    UNSIGNED,
    Any,
    Array,
    CType,
    Integer,
    NotUnderstood,
    Pointer,
    Record,
    Unknown,
    Value,
    chosen,
    combined,
    constant,
    converted,
    inverted,
    negated,
    of_truth,
    promoted,
    size_of,
    truth_of,
)

LEAVING: Final = frozenset({"panic", "BUG", "domain_crash_and_stop"})
"""Functions that never come back."""
QUIET: Final = frozenset({"printk", "process_pending_softirqs"})
"""Functions that change nothing that a layout is made of, besides what their arguments do."""
QUESTIONS: Final = frozenset(
    {"is_pv_32bit_domain", "is_pv_32on64_domain", "is_pv_32bit_vcpu", "is_pvh_domain"}
)
"""Functions that say what sort of domain it is, the same each time."""
KEPT: Final = LEAVING | QUESTIONS | {"BUG_ON", "ASSERT", "ASSERT_UNREACHABLE"}
"""Words whose meaning is known, whatever macro they are; what `QUIET` has is a macro if the tree says so."""
TYPEOF: Final = "__ptproof_typeof_"
_INTEGER: Final = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)([uUlL]*)")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_DEEPEST: Final = 60
CHANGES: Final = ("assignment_expression", "update_expression")
"""The expressions that change their target."""


def written(node: Node, harmless: Container[str] = ()) -> set[str]:
    """The words that something within the node may change: targets, what has its address taken, what isn't clear.

    Functions that are ``harmless`` write nothing, nor do those of `MEANINGS`.
    """
    found: set[str] = set()
    for each in within(node):
        if each.type in CHANGES:
            target = part(each, "left") or part(each, "argument")
            assert target is not None
            if target.type != "update_expression":  # whose own target begins with the same word
                found.add(first_name(target) or MEMORY)
            if target.type not in ("identifier", "field_expression") or b"->" in (target.text or b""):
                found.add(MEMORY)
        elif each.type == "call_expression":
            name = text_of(part(each, "function") or each)
            if name not in MEANINGS and name not in harmless:
                found.add(MEMORY)
        elif is_address(each):
            found.update(filter(None, [first_name(each)]))
        elif each.type in ("gnu_asm_expression", "ERROR"):
            found.update([MEMORY, *_NAME.findall(text_of(each))])
    return found


def first_name(node: Node) -> str | None:
    """The first word of a node; what follows isn't looked at, however much it is."""
    found = _NAME.search((node.text or b"").decode("latin-1"))
    return found and found[0]


def named(node: Node) -> set[str]:
    """The words in a node."""
    return set(_NAME.findall(text_of(node)))


def bare(node: Node) -> Node:
    """The node without parentheses round it."""
    while node.type == "parenthesized_expression" and len(inner := _inner(node)) == 1:
        if inner[0].type == "compound_statement":
            return node
        node = inner[0]
    return node


def _inner(node: Node) -> list[Node]:
    return [each for each in node.named_children if each.type != "comment"]


class Place:
    """Where a value is kept: a variable or a part of one by its ``key``, or somewhere in memory (no key).

    ``address`` is where in memory, if that is known: of the whole of which the place is the ``member``.
    """

    __slots__ = ("address", "key", "member", "of", "shared")

    def __init__(
        self,
        key: str | None,
        of: CType | None,
        *,
        shared: bool = False,
        address: Word | None = None,
        member: str = "",
    ) -> None:
        """A place of a type; ``shared`` tells that other places overlap it, as in a union."""
        self.key, self.of, self.shared, self.address, self.member = key, of, shared, address, member


class Evaluator:
    """Executes the expressions of one function of a source."""

    def __init__(
        self,
        source: Source,
        typeofs: list[str],
        summaries: "Mapping[str, Meaning] | None" = None,
        memory: Memory | None = None,
    ) -> None:
        """``summaries`` say what functions do that aren't read; ``memory`` notes what is done to it, where that matters."""
        self.source, self.types, self.typeofs = source, types_of(source), typeofs
        self.meanings: dict[str, Meaning] = {**(summaries or {}), **MEANINGS}
        self.readings: dict[str, Reading] = {}
        """What it is to read a place, by its key, where that is more than what was written there."""
        self.memory = memory
        self.scopes: list[dict[str, str]] = [{}]
        self.type_of: dict[str, CType | None] = {}
        self.exposed: set[str] = set()
        self.objects: dict[str, CType | None] = {}
        self.lengths: dict[str, int | None] = {}
        self.leaves: list[tuple[str, Truth]] = []
        self.asserted: list[tuple[str, Truth, Truth | Unknown]] = []
        self.depth = 0

    # Names and places

    def where(self, node: Node) -> str:
        """The node's file and line."""
        return where(self.source, node)

    def unknown(self, node: Node, why: str) -> Unknown:
        """That something isn't understood."""
        return Unknown(self.where(node), why)

    def key_of(self, name: str) -> str | None:
        """The variable of the function that a name means here."""
        return next((scope[name] for scope in reversed(self.scopes) if name in scope), None)

    def outer(self, root: str) -> bool:
        """Whether a variable lives outside of the function, or has its address somewhere."""
        return root not in self.type_of or root in self.exposed

    def variable(self, name: str) -> tuple[str, CType | None]:
        """The key and the type of a variable."""
        key = self.key_of(name)
        return (name, self.types.variable(name)) if key is None else (key, self.type_of[key])

    def place(  # noqa: PLR0911 - one for each sort
        self, node: Node, state: State
    ) -> Place | None:
        """The place that an expression means; ``None`` for what means none that is understood."""
        node = bare(node)
        if node.type == "identifier":
            if text_of(node).startswith(UNKNOWN):
                self._name(node, state)
                return None
            key, of = self.variable(text_of(node))
            return Place(key, of)
        if node.type == "field_expression":
            return self._member(node, state)
        if node.type == "subscript_expression":
            return self._element(node, state)
        if node.type == "pointer_expression" and text_of(node).startswith("*"):
            inner = bare(_argument(node))
            if is_address(inner):
                return self.place(_argument(inner), state)
            pointer = self.evaluate(inner, state)
            return self.in_object_at(pointer) or _behind(pointer)
        return None

    def name_object(self, name: str, of: CType | None) -> Value:
        """The pointer to a whole object of that name."""
        return self._pointer(f"{OBJECT}{name}", of)

    def name_variable(self, name: str, of: CType | None) -> None:
        """Make a variable outside of functions an object, which pointers may lead to."""
        key = f"{OBJECT}{name}"
        self.objects[key] = self.type_of[key] = of
        self.scopes[0][name] = key
        self.exposed.add(key)

    def _pointer(self, key: str, of: CType | None) -> Value:
        self.objects[key] = of
        return pointer_to(key, of)

    def in_object_at(self, pointer: Any) -> Place | None:
        """The place in an object that a pointer leads to, if it does. Raises NotUnderstood for one of another type."""
        there = led_to(pointer)
        if there is None:
            return None
        key, of = there
        if key not in self.objects or of != self.objects[key]:
            raise NotUnderstood("a pointer to an object of another type")
        return Place(key, of)

    def _moved(self, pointer: Any | None, by: Any, *, back: bool = False) -> Value | None:
        """A pointer to an element of an object's array, moved by a number; ``None`` for any other. Raises NotUnderstood."""
        there = led_to(pointer)
        if there is None or not isinstance(by, Value) or isinstance(by.type, Pointer):
            return None
        if by.term.operation != "constant":
            raise NotUnderstood("a pointer is moved by what isn't a plain number")
        wide = int(converted(by, ULONG).term)
        wide -= (wide >> 63) << 64
        place = moved(there[0], -wide if back else wide)
        self._check_bounds(place)
        return self._pointer(place, there[1])

    def _check_bounds(self, key: str) -> None:
        array, index = array_of(key) or (key, 0)
        length = self.lengths.get(array)
        if length is None or index >= length:
            raise NotUnderstood("a pointer may leave its array")

    def _member(self, node: Node, state: State) -> Place | None:
        base, name = bare(_child(node, "argument")), text_of(_child(node, "field"))
        arrow = text_of(_child(node, "operator")) == "->"
        if arrow and is_address(base):
            base, arrow = _argument(base), False
        whole = self.place(base, state)
        if whole is None:
            pointer = self.evaluate(base, state)
            whole = self.in_object_at(pointer) if arrow else None
            if whole is None:
                behind = _behind(pointer)
                of = behind.of.members.get(name) if isinstance(behind.of, Record) else None
                return Place(None, of, address=behind.address, member=f".{name}") if arrow else None
            arrow = False
        if arrow and self.objects:
            there = self.in_object_at(self.value_in(whole, base, state))
            if there is not None:
                whole, arrow = there, False
        of, address, within_it = whole.of, whole.address, whole.member
        if arrow:
            if self.memory is not None:
                address, within_it = _behind(self.value_in(whole, base, state)).address, ""
            of = of.to if isinstance(of, Pointer) else None
        member = of.members.get(name) if isinstance(of, Record) else None
        key = None if whole.key is None else f"{whole.key}{'->' if arrow else '.'}{name}"
        shared = whole.shared or (isinstance(of, Record) and of.union)
        # The only member of a struct is the whole of it, by another name.
        alone = isinstance(of, Record) and not of.union and len(of.members) == 1
        inner = "" if alone and not within_it else f"{within_it}.{name}"
        return Place(key, member, shared=shared, address=address, member=inner)

    def _element(self, node: Node, state: State) -> Place | None:
        index = self.evaluate(_child(node, "index"), state)
        whole = self.place(_child(node, "argument"), state)
        if whole is None:
            return None
        if self.objects:
            value = self.value_in(whole, node, state) if isinstance(whole.of, Array | Pointer) else None
            there = self._moved(value, index)
            if there is not None:
                return self.in_object_at(there)
        fixed = isinstance(index, Value) and index.term.operation == "constant"
        if self.memory is not None and isinstance(whole.of, Pointer):
            pointer = self.value_in(whole, node, state)
            if isinstance(pointer, Value) and isinstance(index, Value):
                return _behind(combined("+", pointer, index))
        if whole.key is None or not (fixed and isinstance(whole.of, Array)):
            return Place(None, None) if isinstance(whole.of, Pointer) or whole.key is None else None
        assert isinstance(index, Value)
        return Place(f"{whole.key}[{int(index.term)}]", whole.of.of, shared=whole.shared)

    def read(self, node: Node, state: State) -> Any:
        """The value in the place that a node means."""
        found = self.place(node, state)
        if found is None:
            return self.unknown(node, f"memory is read: {text_of(node)[:60]}")
        return self.value_in(found, node, state)

    def value_in(self, place: Place, node: Node, state: State) -> Any:
        """The value in a place."""
        if place.key in self.readings:
            return self.readings[place.key](self, node)
        if place.key is not None and in_object(place.key) and isinstance(place.of, Array):
            self.lengths[place.key] = place.of.length
            return self._pointer(f"{place.key}[0]", place.of.of)
        if self.memory is None or place.address is None or not _is_wide(place):
            if place.key is None:
                return self.unknown(node, f"memory is read: {text_of(node)[:60]}")
            return state.read(place.key, place.of, self.where(node))
        # What an input leads to is known by its name, whatever the address.
        if place.key is not None and ("->" not in place.key or place.address.operation == "input"):
            return state.read(place.key, place.of, self.where(node))
        return self.memory.load(self.where(node), text_of(node), place.address, place.member)

    def stirred(self, state: State, why: Unknown) -> None:
        """Memory was written, it isn't known where."""
        state.stir(why, self.exposed)
        if self.memory is not None:
            self.memory.stir(why)

    def assign(self, target: Node, value: Any, state: State) -> Any:
        """Put a value where the target says; gives what stands there then."""
        found = self.place(target, state)
        why = self.unknown(target, f"{text_of(target)[:60]} is written")
        if found is None:
            self.lose_all(state, self.unknown(target, f"what {text_of(target)[:60]} is, which is assigned"))
            return why
        if found.key is None or "->" in found.key:
            self._stored(target, found, value, why, state)
        if found.key is None:
            return why
        if found.of is None or not isinstance(found.of, Integer | Pointer):
            value = (
                value
                if isinstance(value, Unknown)
                else self.unknown(target, f"{text_of(target)} of a type that isn't known")
            )
        if isinstance(value, Value):
            assert isinstance(found.of, Integer | Pointer)
            value = converted(value, found.of)
        root = root_of(found.key)
        if found.shared and "->" in found.key:
            pass  # memory is read anew
        elif found.shared or (isinstance(value, Unknown) and isinstance(found.of, Record)):
            state.spoil(
                root, self.unknown(target, f"{text_of(target)[:60]} is written, with all that overlaps it")
            )
        else:
            state.write(found.key, value)
        if in_object(found.key):
            state.disturb()
        return value

    def _stored(self, target: Node, place: Place, value: Any, why: Unknown, state: State) -> None:
        """Memory is written: where it is known, what is read from it is read again all the same."""
        if self.memory is None or place.address is None or not (place.member or _is_wide(place)):
            self.stirred(state, why)
            return
        state.stir(why, self.exposed)
        wide = value if isinstance(value, Unknown) else converted(value, ULONG)
        self.memory.store(self.where(target), state.path, place.address, place.member, wide)

    def lose_all(self, state: State, why: Unknown) -> None:
        """Something happened of which nothing is understood."""
        state.lose(why, self.type_of)
        if self.memory is not None:
            self.memory.stir(why)

    def spoil(self, node: Node, state: State, why: Unknown) -> None:
        """Whatever a node names may have been changed, and memory."""
        if node.has_error:
            self.lose_all(state, why)
            return
        for name in named(node):
            key = self.key_of(name)
            if key is not None:
                state.spoil(key, why)
        self.stirred(state, why)

    # Expressions

    def evaluate(self, node: Node, state: State) -> Any:
        """The value of an expression; the state is changed as it changes it."""
        rule = None if node.has_error else self._EVALUATED.get((node := bare(node)).type)
        if rule is None or self.depth > _DEEPEST:
            why = self.unknown(node, f"{node.type.replace('_', ' ')} {text_of(node)[:60]}")
            self.spoil(node, state, why)
            return why
        self.depth += 1
        try:
            return rule(self, node, state)
        except NotUnderstood as error:
            why = self.unknown(node, f"{error}: {text_of(node)[:60]}")
            if written(node):  # some of it may not have been executed
                self.spoil(node, state, why)
            return why
        finally:
            self.depth -= 1

    def condition(self, node: Node, state: State) -> Truth | Unknown:
        """The truth of an expression."""
        value = self.evaluate(node, state)
        return value if isinstance(value, Unknown) else truth_of(value)

    def _number(self, node: Node, _state: State) -> Any:
        found = _INTEGER.fullmatch(text_of(node))
        if found is None:
            raise NotUnderstood("a number")
        digits, suffix = found[1], found[2].lower()
        octal = digits[0] == "0" and digits.isdigit()
        value = int(digits, 8 if octal and digits != "0" else 0)
        plain = digits[0] != "0" or digits == "0"
        for of in (INT, UNSIGNED, LONG, ULONG):
            long, unsigned = "l" in suffix, "u" in suffix
            if (
                (long and of.bits == 32)
                or (unsigned and of.signed)
                or (plain and not unsigned and not of.signed)
            ):
                continue
            if value < 1 << (of.bits - of.signed):
                return constant(value, of)
        raise NotUnderstood("a number of more than 64 bits")

    def _name(self, node: Node, state: State) -> Any:
        name = text_of(node)
        if name.startswith(UNKNOWN):
            why = self.unknown(node, self.source.reasons[int(name[len(UNKNOWN) :])])
            self.lose_all(state, why)
            return why
        key, of = self.variable(name)
        if self.key_of(name) is None and of is None:
            return self.unknown(node, f"{name}, of which no declaration is found")
        if isinstance(of, Array | Record):
            return self.unknown(node, f"{name} as a whole")
        return state.read(key, of, self.where(node))

    def _truth_word(self, node: Node, _state: State) -> Any:
        return constant(int(text_of(node) == "true"))

    def _null(self, _node: Node, _state: State) -> Any:
        return Value(number(0), Pointer(None))

    def _text(self, node: Node, _state: State) -> Any:
        return self.unknown(node, "a text")

    def _block(self, node: Node, state: State) -> Any:
        """A statement expression, its parentheses being the node."""
        inner = _inner(node)
        if len(inner) != 1 or inner[0].type != "compound_statement":
            raise NotUnderstood("parentheses")
        return self.run_for_value(inner[0], state)

    def run_for_value(self, block: Node, state: State) -> Any:
        """The value of a statement expression; statements know how."""
        raise NotImplementedError

    def _minus_and_so_on(self, node: Node, state: State) -> Any:
        operation, value = text_of(_child(node, "operator")), self.evaluate(_argument(node), state)
        if isinstance(value, Unknown):
            return value
        if operation == "!":
            return of_truth(~truth_of(value))
        return {"-": negated, "~": inverted, "+": promoted}[operation](value)

    def _both(self, node: Node, state: State) -> Any:
        """A binary operator."""
        operation = text_of(_child(node, "operator"))
        left, right = _child(node, "left"), _child(node, "right")
        if operation in ("&&", "||"):
            return self._lazily(operation, left, right, state)
        self._check_order([left, right], node, state)
        first, second = self.evaluate(left, state), self.evaluate(right, state)
        if isinstance(first, Unknown) or isinstance(second, Unknown):
            return first if isinstance(first, Unknown) else second
        return self._calculated(operation, first, second)

    def _calculated(self, operation: str, first: Value, second: Value) -> Value:
        """What a binary operator gives, pointers into objects among its operands. Raises NotUnderstood."""
        there = None
        if operation in ("+", "-") and self.objects:
            there = self._moved(first, second, back=operation == "-")
            if there is None and operation == "+":
                there = self._moved(second, first)
        return combined(operation, first, second) if there is None else there

    def _lazily(self, operation: str, left: Node, right: Node, state: State) -> Any:
        first = self.condition(left, state)
        if isinstance(first, Truth) and first.operation == "constant" and bool(first) == (operation == "||"):
            return of_truth(first)
        goes_on = first if isinstance(first, Unknown) or operation == "&&" else ~first
        here, other = state.forks(goes_on)
        second = self.condition(right, here)
        rejoined(goes_on, here, other, state, self.where(right))
        if isinstance(first, Unknown):
            return first
        if isinstance(second, Unknown):
            return second
        return of_truth(first & second if operation == "&&" else first | second)

    def _check_order(self, parts: Iterable[Node], node: Node, state: State) -> None:
        """Refuse operands of which one changes what another names: C doesn't say which comes first."""
        parts = list(parts)
        for one in parts:
            changed = written(one) - {MEMORY}
            for other in parts:
                if other is not one and changed & named(other):
                    self.spoil(node, state, self.unknown(node, "an order that C leaves open"))
                    raise NotUnderstood("an order that C leaves open")

    def _either(self, node: Node, state: State) -> Any:
        """A conditional expression; one without a middle (GNU C) has its condition's value there."""
        middle = part(node, "consequence")
        given = self.evaluate(_child(node, "condition"), state)
        asked = given if isinstance(given, Unknown) else truth_of(given)
        yes, no = state.forks(asked)
        first = given if middle is None else self.evaluate(middle, yes)
        second = self.evaluate(_child(node, "alternative"), no)
        rejoined(asked, yes, no, state, self.where(node))
        if isinstance(asked, Unknown):
            return asked
        if asked.operation == "constant":
            mine, other = (first, second) if asked else (second, first)
            if isinstance(mine, Unknown) or isinstance(other, Unknown):
                return mine  # of a type that the other one might widen
            return chosen(TRUE, mine, other)
        if isinstance(first, Unknown) or isinstance(second, Unknown):
            return first if isinstance(first, Unknown) else second
        return chosen(asked, first, second)

    def _cast(self, node: Node, state: State) -> Any:
        descriptor = _child(node, "type")
        of = self.types.declared(descriptor, part(descriptor, "declarator"))
        if text_of(descriptor).startswith(TYPEOF):
            of = self.typeof(text_of(descriptor), state)
        if self.key_of(text_of(descriptor)) is not None:
            of = None
        return self._cast_to(of, _child(node, "value"), node, state)

    def _names_type(self, node: Node) -> bool:
        name = text_of(node)
        known = self.types.known(name) or name.startswith(TYPEOF)
        return node.type == "identifier" and self.key_of(name) is None and known

    def typeof(self, name: str, state: State) -> CType | None:
        """The type that a ``typeof`` gives, by the name that stands for it; statements know how."""
        raise NotImplementedError

    def _cast_to(self, of: CType | None, given: Node, node: Node, state: State) -> Any:
        value = self.evaluate(given, state)
        if not isinstance(of, Integer | Pointer):
            return self.unknown(node, f"a cast: {text_of(node)[:60]}")
        if self.memory is not None and _to_members(value) and _pointed(value) is not _to(of):
            return self.unknown(node, f"a struct seen as something else: {text_of(node)[:60]}")
        return value if isinstance(value, Unknown) else converted(value, of)

    def _size(self, node: Node, state: State) -> Any:
        descriptor = part(node, "type")
        if descriptor is not None:
            of = self.types.declared(descriptor, part(descriptor, "declarator"))
            title = text_of(descriptor)
        else:
            inner = bare(_child(node, "value"))
            title = text_of(inner)
            if self._names_type(inner):
                of = self.types.declared(_as_type(title), None)
            else:
                found = self.place(inner, state.fork())
                of = None if found is None else found.of
        if isinstance(of, Integer):
            return constant(of.bits // 8, ULONG)
        if isinstance(of, Pointer):
            return constant(8, ULONG)
        if isinstance(of, Record):
            if self.memory is not None and _alone(of):
                return constant(size_of(of), ULONG)
            return input_value(f"sizeof({of.name})", ULONG)
        raise NotUnderstood(f"the size of {title}")

    def _set(self, node: Node, state: State) -> Any:
        """An assignment."""
        operation = text_of(_child(node, "operator"))
        target, given = _child(node, "left"), _child(node, "right")
        self._check_order([target, given], node, state)
        old = self.read(target, state) if operation != "=" else None
        value = self.evaluate(given, state)
        if old is not None:
            value = self._combined(operation[:-1], old, value, node)
        return self.assign(target, value, state)

    def _combined(self, operation: str, first: Any, second: Any, node: Node) -> Any:
        if isinstance(first, Unknown) or isinstance(second, Unknown):
            return first if isinstance(first, Unknown) else second
        try:
            return self._calculated(operation, first, second)
        except NotUnderstood as error:
            return self.unknown(node, f"{error}: {text_of(node)[:60]}")

    def _step(self, node: Node, state: State) -> Any:
        """``++`` and ``--``."""
        target = _argument(node)
        operator = text_of(_child(node, "operator"))
        old = self.read(target, state)
        new = self.assign(target, self._combined(operator[0], old, constant(1), node), state)
        return new if text_of(node).startswith(operator) else old

    def _one_after_another(self, node: Node, state: State) -> Any:
        self.evaluate(_child(node, "left"), state)
        return self.evaluate(_child(node, "right"), state)

    def _address_or_memory(self, node: Node, state: State) -> Any:
        if text_of(node).startswith("*"):
            return self.read(node, state)
        inner = bare(_argument(node))
        if inner.type != "identifier":
            found = self.place(inner, state)
            if found is not None and in_object(found.key) and found.key is not None and not found.shared:
                return self._pointer(found.key, found.of)
            if found is not None and found.address is not None and not found.member and found.key is None:
                return Value(found.address, Pointer(found.of))
        return self.unknown(node, f"an address: {text_of(node)[:60]}")

    def _call(self, node: Node, state: State) -> Any:
        function = bare(_child(node, "function"))
        name = text_of(function)
        arguments = _inner(_child(node, "arguments"))
        if function.type == "identifier" and name in self.meanings:
            if self.key_of(name) is not None:
                why = self.unknown(node, f"{name} as a variable")
                self.lose_all(state, why)
                return why
            return self.meanings[name](self, node, arguments, state)
        if function is not _child(node, "function") and self._names_type(function) and len(arguments) == 1:
            plain = not name.startswith(TYPEOF)
            of = self.types.declared(_as_type(name), None) if plain else self.typeof(name, state)
            return self._cast_to(of, arguments[0], node, state)
        self._check_order([function, *arguments], node, state)
        if function.type == "identifier" and self.key_of(name) is None:
            read = self.called(name, arguments, state)
            if read is not None:
                return read
        if function.type == "identifier" and self.key_of(name) is None and not self.types.function(name):
            why = self.unknown(node, f"{name[:40]}, of which no declaration is found: a function, or a macro")
            self.spoil(node, state, why)
            return why
        self.evaluate_all(arguments, state)
        if function.type != "identifier":
            self.evaluate(function, state)
        why = self.unknown(node, f"what {name[:40]}() does, and gives")
        self._given_away(arguments, state, why)
        self.stirred(state, why)
        return why

    def called(self, name: str, arguments: list[Node], state: State) -> Any | None:
        """What a call gives of a function that is read; ``None`` of another one. Statements know which."""
        raise NotImplementedError

    def evaluate_all(self, arguments: Iterable[Node], state: State) -> list[Any]:
        """The values of arguments."""
        return [self.evaluate(each, state) for each in arguments]

    def given_away(self, arguments: Iterable[Node], state: State, why: Unknown) -> None:
        """What is given the address of may have been written."""
        self._given_away(arguments, state, why)

    def _given_away(self, arguments: Iterable[Node], state: State, why: Unknown) -> None:
        """A call may write what it is given the address of."""
        for each in arguments:
            for inner in within(each):
                if is_address(inner):
                    key = self.key_of(first_name(inner) or "")
                    if key is not None and b"->" not in (inner.text or b""):
                        state.spoil(key, why)
            whole = bare(each)
            key = self.key_of(text_of(whole)) if whole.type == "identifier" else None
            if key is not None and isinstance(self.type_of[key], Array):
                state.spoil(key, why)

    _EVALUATED: ClassVar[dict[str, Callable[["Evaluator", Node, State], Any]]] = {
        "number_literal": _number,
        "identifier": _name,
        "true": _truth_word,
        "false": _truth_word,
        "null": _null,
        "string_literal": _text,
        "concatenated_string": _text,
        "parenthesized_expression": _block,
        "unary_expression": _minus_and_so_on,
        "binary_expression": _both,
        "conditional_expression": _either,
        "cast_expression": _cast,
        "sizeof_expression": _size,
        "assignment_expression": _set,
        "update_expression": _step,
        "comma_expression": _one_after_another,
        "pointer_expression": _address_or_memory,
        "field_expression": read,
        "subscript_expression": read,
        "call_expression": _call,
    }
    KNOWN: ClassVar = frozenset(_EVALUATED)
    """The sorts of syntax that are understood."""


Meaning = Callable[[Evaluator, Node, list[Node], State], Any]
Reading = Callable[[Evaluator, Node], Any]


def _leaves(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
    self.evaluate_all(arguments, state)
    self.leaves.append((self.where(node), state.path))
    state.leave()
    return self.unknown(node, "nothing: it doesn't come back")


def _quiet(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
    self.evaluate_all(arguments, state)
    return self.unknown(node, f"what {text_of(_child(node, 'function'))}() gives")


def _bug_on(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
    if len(arguments) != 1:
        raise NotUnderstood("BUG_ON")
    asked = self.condition(arguments[0], state)
    if isinstance(asked, Unknown):
        state.doubt(asked)
    else:
        self.leaves.append((self.where(node), state.path & asked))
        state.path &= ~asked
    return self.unknown(node, "nothing")


def _assert(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
    """Nothing, or the end, as Xen is built: so its argument must not do anything else. What it asks is noted."""
    if any(written(each) for each in arguments):
        why = self.unknown(node, "an assertion that does something, in some builds")
        self.lose_all(state, why)
        return why
    asked = self.condition(arguments[0], state.fork()) if arguments else ~TRUE
    self.asserted.append((self.where(node), state.path, asked))
    return self.unknown(node, "nothing")


def _question(_self: Evaluator, node: Node, arguments: list[Node], _state: State) -> Any:
    of = [text_of(bare(each)) for each in arguments]
    if not all(each.isidentifier() for each in of):
        raise NotUnderstood("an argument that is no name")
    return input_value(f"{text_of(_child(node, 'function'))}({', '.join(of)})", BOOL)


def _expected(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
    if len(arguments) != 2:
        raise NotUnderstood("__builtin_expect")
    value, _ = self.evaluate_all(arguments, state)
    return value if isinstance(value, Unknown) else converted(value, LONG)


def _constant(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
    values = self.evaluate_all(arguments, state.fork())
    raise NotUnderstood(f"whether {values[:1]} is a constant")


MEANINGS: Final[dict[str, Meaning]] = {
    **dict.fromkeys(LEAVING, _leaves),
    **dict.fromkeys(QUIET, _quiet),
    **dict.fromkeys(QUESTIONS, _question),
    "BUG_ON": _bug_on,
    "ASSERT": _assert,
    "ASSERT_UNREACHABLE": _assert,
    "__builtin_expect": _expected,
    "__builtin_constant_p": _constant,
}


def _child(node: Node, name: str) -> Node:
    found = part(node, name)
    if found is None:
        raise NotUnderstood(f"{node.type} without {name}")
    return found


def _as_type(name: str) -> Node:
    """A declaration by a type of that name."""
    return parsed(f"{name} x;").named_children[0]


def _to(of: Integer | Pointer) -> CType | None:
    return of.to if isinstance(of, Pointer) else None


def _pointed(value: Any) -> CType | None:
    """What a value points to, if it is a pointer."""
    return _to(value.type) if isinstance(value, Value) else None


def _to_members(value: Any) -> bool:
    """Whether a value is the address of a struct of several members, of which each is known by its name alone."""
    of = _pointed(value)
    return isinstance(of, Record) and len(of.members) != 1


def _alone(of: Record) -> bool:
    """Whether a struct is an integer by another name, as entries of tables are."""
    members = list(of.members.values())
    return not of.union and len(members) == 1 and isinstance(members[0], Integer)


def _is_wide(place: Place) -> bool:
    """Whether what is in memory has 64 bits, as an entry has."""
    if place.member:
        return place.of == ULONG
    try:
        return size_of(place.of) == 8
    except NotUnderstood:
        return False


def _behind(pointer: Any) -> Place:
    """The place that a pointer points to."""
    if not isinstance(pointer, Value) or not isinstance(pointer.type, Pointer):
        return Place(None, None)
    return Place(None, pointer.type.to, address=pointer.term)


def _argument(node: Node) -> Node:
    return _child(node, "argument")
