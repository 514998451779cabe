"""From conditions over words to clauses over bits: the CNF that a certificate refutes.

Each input becomes a variable for each bit; each operation becomes gates, and a gate a variable for its output
with clauses that say what the output is. Only one direction matters for what is proved: **whatever the inputs,
the values of the gates satisfy every clause of the gates.** Then words that meet all conditions would satisfy
the whole CNF, so a CNF that nothing satisfies leaves no such words. ``tests/formal/certify/test_bit_blaster.py`` shows this of
every operation, on all words of a few bits, against the meaning that ``words`` gives it.

Bits are literals as in DIMACS: a variable's number, or its negative. The literal 1 is true, by the first clause.
Words have their low bit first. What is constant, or was asked for before, makes no new gate.

Source: G. S. Tseitin, On the complexity of derivation in propositional calculus, 1968.
"""

from collections.abc import Iterable
from typing import Final, cast

from attrs import define, field, frozen

from ..words.word import Term, Truth, subterms

TRUE_BIT: Final = 1
FALSE_BIT: Final = -1

Clause = tuple[int, ...]
Bits = tuple[int, ...]

GATES: Final[dict[str, tuple[Clause, ...]]] = {
    # Positions in (output, first, second, third), counted from 1, negative for a negated one.
    "and": ((1, -2, -3), (-1, 2), (-1, 3)),
    "xor": ((-1, 2, 3), (-1, -2, -3), (1, -2, 3), (1, 2, -3)),
    "majority": ((1, -2, -3), (1, -2, -4), (1, -3, -4), (-1, 2, 3), (-1, 2, 4), (-1, 3, 4)),
    "choose": ((1, -2, -3), (-1, -2, 3), (1, 2, -4), (-1, 2, 4)),
}
"""Each kind of gate as clauses; ``choose`` is its second input where the first holds, else its third."""


@frozen
class Cnf:
    """Clauses that should not hold together. Variables count from 1."""

    variables: int
    clauses: tuple[Clause, ...]

    def dimacs(self) -> str:
        """The CNF as solvers read it, the same text each time."""
        lines = [f"p cnf {self.variables} {len(self.clauses)}"]
        lines.extend(" ".join(map(str, each)) + " 0" for each in self.clauses)
        return "\n".join(lines) + "\n"


def blasted(conditions: Iterable[Truth]) -> Cnf:
    """A CNF that some bits satisfy if some words meet all ``conditions``."""
    blaster = BitBlaster()
    for each in conditions:
        blaster.clauses.append(blaster.bits_of(each))
    return Cnf(blaster.variables, tuple(blaster.clauses))


@define
class BitBlaster:
    """The gates made so far: ``gates`` by kind and inputs, with their output; ``words`` with their bits."""

    variables: int = TRUE_BIT
    clauses: list[Clause] = field(factory=lambda: [(TRUE_BIT,)])
    gates: dict[tuple[str, Bits], int] = field(factory=dict)
    words: dict[Term, Bits] = field(factory=dict)

    def bits_of(self, term: Term) -> Bits:
        """The bits of a term, low bit first; of a truth, the one. Raises ValueError where widths don't fit."""
        for each in subterms([term]):
            if each not in self.words:
                bits = self._bits(each)
                if len(bits) != (each.width or 1):
                    raise ValueError(f"{each.operation} of {each.width} bits came to {len(bits)}")
                self.words[each] = bits
        return self.words[term]

    def _bits(self, term: Term) -> Bits:  # noqa: PLR0911, PLR0912, C901 - one for each operation
        a, b, c = ([self.words[each] for each in term.arguments] + [(), (), ()])[:3]
        match term.operation:
            case "input":
                return tuple(self._variable() for _ in range(term.width))
            case "constant":
                value = cast(int, term.value)
                return tuple(TRUE_BIT if value >> at & 1 else FALSE_BIT for at in range(term.width or 1))
            case "bvadd":
                return self._sum(a, b, FALSE_BIT)
            case "bvsub":
                return self._sum(a, _negated(b), TRUE_BIT)
            case "bvmul":
                return self._product(a, b)
            case "bvand" | "and":
                return tuple(self._and(one, other) for one, other in zip(a, b, strict=True))
            case "bvor" | "or":
                return _negated(
                    self._and(one, other) for one, other in zip(_negated(a), _negated(b), strict=True)
                )
            case "bvxor":
                return tuple(self._xor(one, other) for one, other in zip(a, b, strict=True))
            case "bvnot" | "not":
                return _negated(a)
            case "bvshl":
                return self._shifted(a[::-1], b)[::-1]
            case "bvlshr":
                return self._shifted(a, b)
            case "bvule":
                return (self._at_most(a, b),)
            case "bvult":
                return (-self._at_most(b, a),)
            case "=":
                return (self._same(a, b),)
            case "ite":
                return tuple(
                    self._choose(a[0], then, otherwise) for then, otherwise in zip(b, c, strict=True)
                )
            case "zero_extend":
                return a + (FALSE_BIT,) * (term.width - len(a))
            case "truncate":
                return a[: term.width]
        raise NotImplementedError(f"no bits for the operation {term.operation}")

    def _sum(self, a: Bits, b: Bits, carry: int) -> Bits:
        """a + b + carry, modulo 2**width."""
        bits = []
        for one, other in zip(a, b, strict=True):
            bits.append(self._xor(self._xor(one, other), carry))
            carry = self._majority(one, other, carry)
        return tuple(bits)

    def _product(self, a: Bits, b: Bits) -> Bits:
        """The sum of what is left of ``a``, shifted to each bit of ``b``.

        A constant is best the second one; one of mostly ones is less work as the difference to 0: a * b = -(a * -b).
        """
        if _is_constant(a):
            a, b = b, a
        nothing: Bits = (FALSE_BIT,) * len(a)
        if _is_constant(b) and b.count(TRUE_BIT) > len(b) // 2 + 1:
            return self._sum(
                nothing, _negated(self._product(a, self._sum(nothing, _negated(b), TRUE_BIT))), TRUE_BIT
            )
        total = nothing
        for at, bit in enumerate(b):
            row = (FALSE_BIT,) * at + tuple(self._and(each, bit) for each in a[: len(a) - at])
            total = self._sum(total, row, FALSE_BIT)
        return total

    def _shifted(self, a: Bits, by: Bits) -> Bits:
        """The bits moved down by the number ``by``, falses moving in: stage by stage, one for each of its bits."""
        for at, bit in enumerate(by):
            moved = a[1 << at :] if at < len(a).bit_length() else ()
            moved += (FALSE_BIT,) * (len(a) - len(moved))
            a = tuple(self._choose(bit, then, otherwise) for then, otherwise in zip(moved, a, strict=True))
        return a

    def _at_most(self, a: Bits, b: Bits) -> int:
        """Whether a <= b: the carry of b - a."""
        carry = TRUE_BIT
        for one, other in zip(a, b, strict=True):
            carry = self._majority(-one, other, carry)
        return carry

    def _same(self, a: Bits, b: Bits) -> int:
        result = TRUE_BIT
        for one, other in zip(a, b, strict=True):
            result = self._and(result, -self._xor(one, other))
        return result

    def _and(self, a: int, b: int) -> int:
        a, b = sorted((a, b), key=abs)
        if a in (TRUE_BIT, b):
            return b
        if a in (FALSE_BIT, -b):
            return FALSE_BIT
        return self._gate("and", a, b)

    def _xor(self, a: int, b: int) -> int:
        a, b = sorted((a, b), key=abs)
        if abs(a) == TRUE_BIT:
            return -b if a == TRUE_BIT else b
        if abs(a) == abs(b):
            return FALSE_BIT if a == b else TRUE_BIT
        output = self._gate("xor", abs(a), abs(b))
        return output if (a > 0) == (b > 0) else -output

    def _majority(self, a: int, b: int, c: int) -> int:
        a, b, c = sorted((a, b, c), key=abs)
        if a == -b:
            return c
        if b in (a, c):
            return b
        if b == -c:
            return a
        if abs(a) == TRUE_BIT:
            return self._and(b, c) if a == FALSE_BIT else -self._and(-b, -c)
        if a < 0:
            return -self._gate("majority", -a, -b, -c)
        return self._gate("majority", a, b, c)

    def _choose(self, condition: int, then: int, otherwise: int) -> int:
        if abs(condition) == TRUE_BIT:
            return then if condition == TRUE_BIT else otherwise
        if then == otherwise:
            return then
        if then == -otherwise:
            return self._xor(condition, otherwise)
        if abs(then) == TRUE_BIT:
            return (
                -self._and(-condition, -otherwise) if then == TRUE_BIT else self._and(-condition, otherwise)
            )
        if abs(otherwise) == TRUE_BIT:
            return -self._and(condition, -then) if otherwise == TRUE_BIT else self._and(condition, then)
        return self._gate("choose", condition, then, otherwise)

    def _gate(self, kind: str, *inputs: int) -> int:
        """The output of a gate; the same gate again is the same output."""
        key = (kind, inputs)
        if key not in self.gates:
            self.gates[key] = output = self._variable()
            pins = (0, output, *inputs)
            self.clauses.extend(
                tuple(pins[pin] if pin > 0 else -pins[-pin] for pin in clause) for clause in GATES[kind]
            )
        return self.gates[key]

    def _variable(self) -> int:
        self.variables += 1
        return self.variables


def _is_constant(bits: Bits) -> bool:
    return all(abs(each) == TRUE_BIT for each in bits)


def _negated(bits: Iterable[int]) -> Bits:
    return tuple(-each for each in bits)
