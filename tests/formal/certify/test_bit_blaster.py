"""The bit-blaster, exhaustively at small widths: gates hold for all inputs, and outputs are what words mean.

That covers both directions. For whatever inputs, the values of the gates satisfy every clause, so no proof can refute
what some words meet. And no other values of the gates do, so that what no words meet can be refuted.
"""

import random
from collections.abc import Callable, Iterator
from itertools import product
from typing import Final

import pytest
from ptproof.formal.certify import bit_blaster
from ptproof.formal.certify.bit_blaster import GATES, BitBlaster, Bits, blasted
from ptproof.formal.words.word import (
    _MEANING,
    TRUE,
    Term,
    Truth,
    Word,
    choose,
    evaluate,
    inputs,
    number,
    subterms,
    truncated,
    word,
    zero_extended,
)
from random_terms import random_truth, random_word

MEANING: Final[dict[str, Callable[..., bool]]] = {
    "and": lambda a, b: a and b,
    "xor": lambda a, b: a != b,
    "majority": lambda a, b, c: a + b + c > 1,
    "choose": lambda a, b, c: b if a else c,
}
"""What each kind of gate is to compute, said in another way than by clauses."""

BINARY: Final[dict[str, Callable[[Word, Word], Term]]] = {
    "bvadd": lambda a, b: a + b,
    "bvsub": lambda a, b: a - b,
    "bvmul": lambda a, b: a * b,
    "bvand": lambda a, b: a & b,
    "bvor": lambda a, b: a | b,
    "bvxor": lambda a, b: a ^ b,
    "bvnot": lambda a, _: ~a,
    "bvshl": lambda a, b: a << b,
    "bvlshr": lambda a, b: a >> b,
    "bvult": lambda a, b: a < b,
    "bvule": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
    "ite": lambda a, b: choose(a < b, a, b),
    "not": lambda a, b: ~(a < b),
    "and": lambda a, b: (a < b) & (a == 1),
    "or": lambda a, b: (a < b) | (a == 1),
    "zero_extend": lambda a, _: zero_extended(a, a.width + 2),
    "truncate": lambda a, _: truncated(a, max(a.width - 1, 1)),
}
"""Every operation of words, on two words."""


def holds(literal: int, values: dict[int, bool]) -> bool:
    """The value of a literal."""
    return values[abs(literal)] == (literal > 0)


def extended(blaster: BitBlaster, given: dict[Word, int]) -> dict[int, bool]:
    """The values of all variables: the inputs' bits, and each gate's output, computed from its inputs' values."""
    values = {1: True}
    for each, value in given.items():
        values |= {bit: bool(value >> at & 1) for at, bit in enumerate(blaster.words.get(each, ()))}
    for (kind, pins), output in blaster.gates.items():
        assert output not in values
        values[output] = bool(MEANING[kind](*(holds(pin, values) for pin in pins)))
    return values


def value_of(bits: Bits, values: dict[int, bool]) -> int:
    """The number that the bits make."""
    return sum(holds(bit, values) << at for at, bit in enumerate(bits))


def all_values(over: tuple[Word, ...]) -> Iterator[dict[Word, int]]:
    """Every assignment of the inputs."""
    for values in product(*(range(1 << each.width) for each in over)):
        yield dict(zip(over, values, strict=True))


def wrong(term: Term) -> list[str]:
    """Where the bits of a term fail it, on any inputs: a clause that doesn't hold, or another value than the word's."""
    blaster = BitBlaster()
    bits = blaster.bits_of(term)
    assert len(bits) == (term.width or 1)
    found = []
    for given in all_values(inputs([term])):
        values = extended(blaster, given)
        assert set(values) == set(range(1, blaster.variables + 1))
        if not all(any(holds(each, values) for each in clause) for clause in blaster.clauses):
            found.append(f"a clause of {term!r} fails at {given}")
        if value_of(bits, values) != evaluate(term, given):
            found.append(f"{term!r} has another value at {given}")
    return found


def operands(width: int) -> Iterator[tuple[Word, Word]]:
    """Two inputs; one twice; and an input with each constant, in both orders."""
    a, b = word("a", width), word("b", width)
    yield from ((a, b), (a, a), (a, ~a))
    for value in range(1 << width):
        yield from ((a, number(value, width)), (number(value, width), a))


@pytest.mark.parametrize("kind", GATES)
def test_a_gates_clauses_fix_its_output(kind: str) -> None:
    """The clauses hold with the right output, and with the wrong one they don't, for all inputs."""
    pins = max(abs(pin) for clause in GATES[kind] for pin in clause)
    for given in product((False, True), repeat=pins - 1):
        right = bool(MEANING[kind](*given))
        for output in (False, True):
            values = dict(enumerate((output, *given), start=1))
            satisfied = all(any(holds(pin, values) for pin in clause) for clause in GATES[kind])
            assert satisfied == (output == right)


def test_every_operation_is_tried() -> None:
    """What follows tries each operation that words have."""
    assert set(BINARY) == set(_MEANING)
    a, b = word("a", 4), word("b", 4)
    for operation, of in BINARY.items():
        assert operation in {each.operation for each in subterms([of(a, b)])}


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("operation", BINARY)
def test_an_operation_on_all_words(operation: str, width: int) -> None:
    """Whatever the inputs, the gates' values satisfy every clause, and the output is the word's value."""
    for a, b in operands(width):
        assert wrong(BINARY[operation](a, b)) == []


def test_shifts_by_words_at_an_odd_width() -> None:
    """Shifts by the width or more give 0 where the width is no power of two, too."""
    a, b = word("a", 5), word("b", 5)
    assert wrong(a << b) == []
    assert wrong(a >> b) == []


@pytest.mark.parametrize("seed", range(60))
def test_random_terms_on_all_words(seed: int) -> None:
    """What gates share, and what is folded, changes no value: random terms over two words of three bits."""
    source = random.Random(seed)
    over = (word("a", 3), word("b", 3))
    assert wrong(random_word(source, over, 3)) == []
    assert wrong(random_truth(source, over, 3)) == []


def satisfiable(conditions: list[Truth]) -> bool:
    """Whether some values of all variables satisfy the CNF, by trying the inputs' bits: gates have no choice."""
    cnf, blaster = blasted(conditions), BitBlaster()
    for each in conditions:
        blaster.bits_of(each)
    return any(
        all(any(holds(each, values) for each in clause) for clause in cnf.clauses)
        for values in (extended(blaster, given) for given in all_values(inputs(conditions)))
    )


@pytest.mark.parametrize("seed", range(40))
def test_conditions_and_their_clauses_can_be_met_together_or_not_at_all(seed: int) -> None:
    """A CNF can be satisfied just when some words meet the conditions."""
    source = random.Random(seed)
    over = (word("a", 2), word("b", 2))
    conditions = [random_truth(source, over, 2) for _ in range(3)]
    met = any(all(evaluate(each, given) for each in conditions) for given in all_values(over))
    assert satisfiable(conditions) == met


def test_the_dimacs_text() -> None:
    """The text of a CNF, byte for byte: the first clause says that 1 is true, the last that the condition holds."""
    a, b = word("a", 1), word("b", 1)
    expected = "p cnf 4 5\n1 0\n4 -2 -3 0\n-4 2 0\n-4 3 0\n4 0\n"
    assert blasted([(a & b) == 1]).dimacs() == expected
    assert blasted([TRUE]).dimacs() == "p cnf 1 2\n1 0\n1 0\n"


def test_what_it_does_not_know_is_refused() -> None:
    """An operation without bits is an error, not an input that may be anything."""
    a = word("a", 2)
    with pytest.raises(NotImplementedError, match="bvsdiv"):
        BitBlaster().bits_of(Word("bvsdiv", 2, (a, a), None))


GATE_MUTANTS: Final = {
    "and": ((1, -2, -3), (-1, 2), (-1, -3)),
    "xor": ((-1, 2, 3), (-1, -2, -3), (1, -2, 3), (-1, 2, -3)),
    "majority": ((1, -2, -3), (1, -2, 4), (1, -3, -4), (-1, 2, 3), (-1, 2, 4), (-1, 3, 4)),
    "choose": ((1, -2, -3), (-1, -2, 3), (1, 2, -4), (-1, -2, 4)),
}
"""Each gate with one literal flipped."""


@pytest.mark.parametrize("kind", GATE_MUTANTS)
def test_a_wrong_gate_is_noticed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One literal of one clause flipped: some operation fails."""
    monkeypatch.setitem(bit_blaster.GATES, kind, GATE_MUTANTS[kind])
    pairs = list(operands(2))
    assert any(wrong(of(a, b)) for of in BINARY.values() for a, b in pairs)


def _no_carry(self: BitBlaster, a: Bits, b: Bits, _carry: int) -> Bits:
    return tuple(map(self._xor, a, b))


def _strictly(self: BitBlaster, a: Bits, b: Bits) -> int:
    carry = -1
    for one, other in zip(a, b, strict=True):
        carry = self._majority(-one, other, carry)
    return carry


def _one_too_far(self: BitBlaster, a: Bits, by: Bits) -> Bits:
    for at, bit in enumerate(by):
        moved = (*a[1 << at :], *(-1,) * min(1 << at, len(a)))
        a = tuple(self._choose(bit, *each) for each in zip(moved, a, strict=True)) if at + 1 < len(by) else a
    return a


@pytest.mark.parametrize(
    ("name", "mutant"), [("_sum", _no_carry), ("_at_most", _strictly), ("_shifted", _one_too_far)]
)
def test_a_wrong_operation_is_noticed(
    name: str, mutant: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sum without carries, < for <=, a shift that misses the last bit: some operation fails."""
    monkeypatch.setattr(BitBlaster, name, mutant)
    pairs = list(operands(3))
    assert any(wrong(of(a, b)) for of in BINARY.values() for a, b in pairs)
