"""One arithmetic for encodings and proofs: unsigned words that wrap, and truths about them.

A `Word` is a term over named inputs: an unsigned bitvector of a fixed width. A `Truth` is a condition
over words. Encodings are plain functions over words. Applied to inputs they give a formula; applied to
numbers they give a number, for operations on constants are carried out at once. There are two more
readings: `compiled` turns terms into a Python function over integers, and ``smtlib`` prints them for a
solver. ``tests/formal/words/test_word.py`` evaluates random expressions all ways.

All operations are those of SMT-LIB's FixedSizeBitVectors, the unsigned ones throughout: ``>>`` shifts
in zeros, ``<`` compares without sign, ``+``, ``-`` and ``*`` are modulo 2**width, and a shift by the
width or more gives 0. Equal terms are the same object, so that replacing a term finds it everywhere.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from attrs import frozen

WIDTH: Final = 64
"""The width of an address and of a count, in bits, unless said otherwise."""


@frozen(eq=False, repr=False)
class Term:
    """A node: an operation on terms, or a leaf (``constant`` or ``input``) with its ``value``.

    ``width`` is in bits; a truth has width 0. Never made directly: the operations below do.
    """

    operation: str
    width: int
    arguments: tuple[Any, ...]
    value: int | str | None

    def __repr__(self) -> str:
        if self.operation == "input":
            return str(self.value)
        if self.operation == "constant":
            return hex(cast(int, self.value)) if self.width else str(bool(self.value))
        return f"({self.operation} {' '.join(map(repr, self.arguments))})"

    __hash__ = object.__hash__


class WidthsDiffer(TypeError):
    """Words of two widths, where one is wanted."""


class Truth(Term):
    """A condition over words. ``&``, ``|`` and ``~`` are and, or and not."""

    __slots__ = ()

    def __and__(self, other: Truth | bool) -> Truth:
        return _truth("and", self, _as_truth(other))

    def __or__(self, other: Truth | bool) -> Truth:
        return _truth("or", self, _as_truth(other))

    def __invert__(self) -> Truth:
        return _truth("not", self)

    def __eq__(self, other: object) -> Truth:  # type: ignore[override]
        return _truth("=", self, _as_truth(other))

    def __ne__(self, other: object) -> Truth:  # type: ignore[override]
        return ~(self == other)

    __hash__ = Term.__hash__

    def __bool__(self) -> bool:
        """The truth value of a constant; a condition over inputs has none and raises TypeError."""
        if self.operation != "constant":
            raise TypeError(f"a condition over inputs is neither true nor false: {self!r}")
        return bool(self.value)


class Word(Term):
    """An unsigned word that wraps. Comparisons give a `Truth`; integers are taken modulo 2**width."""

    __slots__ = ()

    def __add__(self, other: Word | int) -> Word:
        return _word("bvadd", self, self.like(other))

    def __radd__(self, other: int) -> Word:
        return self.like(other) + self

    def __sub__(self, other: Word | int) -> Word:
        return _word("bvsub", self, self.like(other))

    def __rsub__(self, other: int) -> Word:
        return self.like(other) - self

    def __mul__(self, other: Word | int) -> Word:
        return _word("bvmul", self, self.like(other))

    def __rmul__(self, other: int) -> Word:
        return self.like(other) * self

    def __and__(self, other: Word | int) -> Word:
        return _word("bvand", self, self.like(other))

    def __or__(self, other: Word | int) -> Word:
        return _word("bvor", self, self.like(other))

    def __xor__(self, other: Word | int) -> Word:
        return _word("bvxor", self, self.like(other))

    def __invert__(self) -> Word:
        return _word("bvnot", self)

    def __lshift__(self, other: Word | int) -> Word:
        return _word("bvshl", self, self.like(other))

    def __rshift__(self, other: Word | int) -> Word:
        return _word("bvlshr", self, self.like(other))

    def __lt__(self, other: Word | int) -> Truth:
        return _truth("bvult", self, self.like(other))

    def __le__(self, other: Word | int) -> Truth:
        return _truth("bvule", self, self.like(other))

    def __gt__(self, other: Word | int) -> Truth:
        return self.like(other) < self

    def __ge__(self, other: Word | int) -> Truth:
        return self.like(other) <= self

    def __eq__(self, other: object) -> Truth:  # type: ignore[override]
        return _truth("=", self, self.like(other))

    def __ne__(self, other: object) -> Truth:  # type: ignore[override]
        return ~(self == other)

    __hash__ = Term.__hash__

    def __int__(self) -> int:
        """The value of a constant; a term over inputs has none and raises TypeError."""
        if self.operation != "constant":
            raise TypeError(f"a term over inputs has no value: {self!r}")
        return cast(int, self.value)

    def __bool__(self) -> bool:
        raise TypeError("a word is not a condition; compare it with something")

    def like(self, other: object) -> Word:
        """``other`` as a word of this width. Raises WidthsDiffer for one of another width, TypeError for what is none."""
        if isinstance(other, Word):
            if other.width != self.width:
                raise WidthsDiffer(f"words of {self.width} and {other.width} bits do not mix")
            return other
        if isinstance(other, int) and not isinstance(other, bool):
            return number(other, self.width)
        raise TypeError(f"not a word: {other!r}")


AnyTerm = TypeVar("AnyTerm", bound=Term)

# Every operation, with its meaning on Python integers; w is the width of the result or, for a
# comparison, of nothing. This is the one place that says what an operation means.
_MEANING: Final[dict[str, str]] = {
    "bvadd": "({0} + {1}) & {mask}",
    "bvsub": "({0} - {1}) & {mask}",
    "bvmul": "({0} * {1}) & {mask}",
    "bvand": "{0} & {1}",
    "bvor": "{0} | {1}",
    "bvxor": "{0} ^ {1}",
    "bvnot": "{0} ^ {mask}",
    "bvshl": "({0} << {1}) & {mask} if {1} < {w} else 0",
    "bvlshr": "{0} >> {1} if {1} < {w} else 0",
    "bvult": "{0} < {1}",
    "bvule": "{0} <= {1}",
    "=": "{0} == {1}",
    "ite": "{1} if {0} else {2}",
    "not": "not {0}",
    "and": "{0} and {1}",
    "or": "{0} or {1}",
    "zero_extend": "{0}",
    "truncate": "{0} & {mask}",
}

_terms: dict[tuple[object, ...], Term] = {}


def _interned(
    kind: type[AnyTerm], operation: str, width: int, arguments: tuple[Term, ...], value: int | str | None
) -> AnyTerm:
    key = (operation, width, value, *map(id, arguments))
    found = _terms.get(key)
    if found is None:  # at once, since a prover's threads make terms at the same time
        found = _terms.setdefault(key, kind(operation, width, arguments, value))
    return cast(AnyTerm, found)


def _all_constant(arguments: tuple[Term, ...]) -> bool:
    for each in arguments:  # noqa: SIM110 - a generator costs more than what it looks at
        if each.operation != "constant":
            return False
    return True


def _word(operation: str, *arguments: Term, width: int | None = None) -> Word:
    width = width or arguments[-1].width
    if _all_constant(arguments):
        return number(_carried_out(operation, width, arguments), width)
    return _interned(Word, operation, width, arguments, None)


def _truth(operation: str, *arguments: Term) -> Truth:
    if _all_constant(arguments):
        return truth(bool(_carried_out(operation, 0, arguments)))
    if operation in ("and", "or") and arguments[0].operation == "constant":
        arguments = arguments[::-1]
    if operation in ("and", "or") and arguments[1].operation == "constant":
        keeps = bool(arguments[1].value) == (operation == "and")
        return cast(Truth, arguments[0] if keeps else arguments[1])
    if operation == "=" and arguments[0] is arguments[1]:
        return TRUE
    return _interned(Truth, operation, 0, arguments, None)


def _carried_out(operation: str, width: int, arguments: tuple[Term, ...]) -> int:
    return _FOLD[operation](cast(int, arguments[0].value), cast(int, arguments[-1].value), width)


def _folding(operation: str) -> Callable[[int, int, int], int]:
    text = _MEANING[operation].format("a", "b", "b", w="w", mask="((1 << w) - 1)")
    return cast(Callable[[int, int, int], int], eval(f"lambda a, b, w: {text}"))  # noqa: S307 - our own text


_FOLD: Final = {operation: _folding(operation) for operation in _MEANING if operation != "ite"}


def _as_truth(value: object) -> Truth:
    if isinstance(value, Truth):
        return value
    if isinstance(value, bool):
        return truth(value)
    raise TypeError(f"not a condition: {value!r}")


def number(value: int, width: int = WIDTH) -> Word:
    """The constant ``value`` modulo 2**width.

    >>> number(-1, 8)
    0xff
    """
    if width < 1:
        raise TypeError(f"a word has one bit at least, not {width}")
    return _interned(Word, "constant", width, (), value % (1 << width))


def truth(value: bool) -> Truth:  # noqa: FBT001 - the one place where a Python bool comes in
    """The constant condition."""
    return _interned(Truth, "constant", 0, (), int(value))


TRUE: Final = truth(True)  # noqa: FBT003
FALSE: Final = truth(False)  # noqa: FBT003


def word(name: str, width: int = WIDTH) -> Word:
    """The input called ``name``. Two inputs of one name and width are the same term."""
    if width < 1:
        raise TypeError(f"a word has one bit at least, not {width}")
    return _interned(Word, "input", width, (), name)


def choose(condition: Truth, then: Word, otherwise: Word) -> Word:
    """``then`` where the condition holds, else ``otherwise``."""
    if condition.operation == "constant":
        return then if condition else otherwise
    return _interned(Word, "ite", then.width, (condition, then, then.like(otherwise)), None)


def zero_extended(value: Word, width: int) -> Word:
    """The same number as a wider word. Raises TypeError for a narrower one."""
    if width < value.width:
        raise TypeError(f"a word of {value.width} bits isn't extended to {width}")
    return value if width == value.width else _word("zero_extend", value, width=width)


def truncated(value: Word, width: int) -> Word:
    """The number modulo 2**width, as a narrower word. Raises TypeError for a wider one, and for one of no bits."""
    if not 0 < width <= value.width:
        raise TypeError(f"a word of {value.width} bits isn't truncated to {width}")
    return value if width == value.width else _word("truncate", value, width=width)


def all_of(conditions: Iterable[Truth]) -> Truth:
    """The conjunction; true of nothing at all."""
    result = TRUE
    for each in conditions:
        result &= each
    return result


def conjuncts(conditions: Iterable[Truth]) -> Iterator[Truth]:
    """What the conditions are the conjunction of, however deep, in their order: the opposite of `all_of`."""
    waiting = [*conditions][::-1]
    while waiting:
        each = waiting.pop()
        if each.operation == "and":
            waiting += each.arguments[::-1]
        else:
            yield each


def implies(condition: Truth, consequence: Truth) -> Truth:
    """Not the condition, or the consequence."""
    return ~condition | consequence


def subterms(terms: Iterable[Term]) -> Iterator[Term]:
    """Every distinct term within ``terms``, each after its arguments."""
    seen: set[Term] = set()
    for term in terms:
        for each in unsettled(term, seen):
            seen.add(each)
            yield each


def unsettled(term: Term, settled: Container[Term]) -> Iterator[Term]:
    """What within a term isn't ``settled``, each after its arguments. Whoever asks settles each before the next one."""
    stack = [term]
    while stack:
        each = stack[-1]
        if each in settled:
            stack.pop()
            continue
        ready = True
        for argument in each.arguments[::-1]:
            if argument not in settled:
                stack.append(argument)
                ready = False
        if ready:
            stack.pop()
            yield each


def inputs(terms: Iterable[Term]) -> tuple[Word, ...]:
    """The inputs that occur in ``terms``, in the order of their first use."""
    return tuple(dict.fromkeys(each for term in terms for each in _inputs(term)))


_inputs_of: dict[Term, tuple[Word, ...]] = {}


def _inputs(term: Term) -> tuple[Word, ...]:
    """The inputs of one term. They are kept, for a proof asks for those of the same terms, and of parts of them, again and again."""
    if term not in _inputs_of:
        found: dict[Word, None] = {}
        seen: set[Term] = set()
        stack = [term]
        while stack:
            each = stack.pop()
            if each in _inputs_of:
                found.update(dict.fromkeys(_inputs_of[each]))
            elif each.operation == "input":
                found[cast(Word, each)] = None
            elif each not in seen:
                seen.add(each)
                stack += each.arguments[::-1]
        _inputs_of[term] = tuple(found)
    return _inputs_of[term]


def replaced(term: AnyTerm, replacements: Mapping[Word, Word]) -> AnyTerm:
    """``term`` with every occurrence of each key replaced, all at once, outermost first.

    Raises WidthsDiffer where a term is put for one of another width.
    """
    return all_replaced([term], replacements)[0]


def all_replaced(terms: Iterable[AnyTerm], replacements: Mapping[Word, Word]) -> tuple[AnyTerm, ...]:
    """The same for several terms: what they have in common is rebuilt once."""
    done: dict[Term, Term] = dict(replacements.items())
    for old, new in done.items():
        if old.width != new.width:
            raise WidthsDiffer(f"{new!r} of {new.width} bits can't stand for {old!r} of {old.width}")
    terms = tuple(terms)
    if not done:
        return terms
    for term in terms:
        for each in unsettled(term, done):
            arguments = tuple([done[argument] for argument in each.arguments])
            done[each] = rebuilt(each, arguments) if arguments else each
    return tuple(cast(AnyTerm, done[term]) for term in terms)


def rebuilt(term: Term, arguments: tuple[Term, ...]) -> Term:
    """The same operation on other arguments."""
    if all(map(operator.is_, arguments, term.arguments)):
        return term
    if term.operation == "ite":
        condition, then, otherwise = arguments
        return choose(cast(Truth, condition), cast(Word, then), cast(Word, otherwise))
    if isinstance(term, Truth):
        return _truth(term.operation, *arguments)
    return _word(term.operation, *arguments, width=term.width)


def compiled(terms: Iterable[Term], over: Iterable[Word]) -> Callable[..., tuple[int, ...]]:
    """The terms as one Python function of integers, its parameters in the order of ``over``.

    The integers must lie in [0, 2**width); truths come back as booleans. Raises ValueError when a
    term has an input that ``over`` lacks.
    """
    terms = list(terms)
    texts: dict[Term, str] = {each: f"i{index}" for index, each in enumerate(over)}
    lines = [f"def reading({', '.join(texts.values())}):", *_assignments(terms, texts)]
    return _function([*lines, f"return ({''.join(texts[each] + ', ' for each in terms)})"])


def compiled_loop(
    goes_on: Truth, step: Iterable[Word], parameters: Iterable[Word], state: Iterable[Word]
) -> Callable[..., tuple[int, ...] | None]:
    """A loop as one Python function of integers: its parameters, its state, and how many steps it may take.

    It gives the state in which it doesn't go on; ``None`` when it would still go on after all of its steps, or if it
    only stops just then. Raises ValueError as `compiled` does.
    """
    state, step = list(state), list(step)
    texts: dict[Term, str] = {each: f"i{index}" for index, each in enumerate([*parameters, *state])}
    before = ", ".join(texts[each] for each in state)
    lines = [f"def reading({', '.join(texts.values())}, steps):"]
    changing = set(state)
    lines += _assignments(
        [each for each in subterms([goes_on, *step]) if changing.isdisjoint(inputs([each]))], texts
    )
    inner = [*_assignments([goes_on], texts), f"if not {texts[goes_on]}: return ({before},)"]
    inner += [*_assignments(step, texts), f"{before} = {', '.join(texts[each] for each in step)}"]
    return _function([*lines, "for _ in range(steps):", *(f"  {each}" for each in inner)])


def _assignments(terms: Iterable[Term], texts: dict[Term, str]) -> Iterator[str]:
    """A line for each term within these that has no text yet; puts each one's text into ``texts``."""
    for each in subterms(terms):
        if each in texts:
            continue
        if each.operation == "constant":
            texts[each] = repr(each.value if each.width else bool(each.value))
        elif each.operation == "input":
            raise _no_value(each)
        else:
            width = each.width or each.arguments[-1].width
            text = _MEANING[each.operation].format(
                *(texts[argument] for argument in each.arguments), w=width, mask=(1 << width) - 1
            )
            texts[each] = f"t{len(texts)}"
            yield f"{texts[each]} = {text}"


def _no_value(name: Term) -> ValueError:
    return ValueError(f"no value for input {name!r}")


def _function(lines: Sequence[str]) -> Callable[..., Any]:
    """What is defined as ``reading`` in a first line and the lines of its body."""
    scope: dict[str, Any] = {}
    exec("\n  ".join(lines), scope)  # noqa: S102 - our own text
    return cast(Callable[..., Any], scope["reading"])


def evaluate(term: Term, values: Mapping[Word, int]) -> int:
    """The value of one term under ``values``, for once: what is read often is `compiled`.

    A truth gives a boolean. Raises ValueError when the term has an input that ``values`` lacks.
    """
    found: dict[Term, int] = dict(values.items())
    for each in unsettled(term, found):
        if each.operation == "constant":
            found[each] = cast(int, each.value) if each.width else bool(each.value)
        elif each.operation == "input":
            raise _no_value(each)
        elif each.operation == "ite":
            condition, then, otherwise = each.arguments
            found[each] = found[then] if found[condition] else found[otherwise]
        else:
            first, last = each.arguments[0], each.arguments[-1]
            found[each] = _FOLD[each.operation](found[first], found[last], each.width)
    return found[term]
