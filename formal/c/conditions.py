"""Conditions of ``#if``: integers, as C's preprocessor counts them, or not known.

Source: ISO C11, 6.10.1. What isn't known makes a condition unknown only where the answer hangs on it.
"""

from collections.abc import Sequence
from typing import Final

_BINARY: Final = {
    "||": 1,
    "&&": 2,
    "|": 3,
    "^": 4,
    "&": 5,
    "==": 6,
    "!=": 6,
    "<": 7,
    ">": 7,
    "<=": 7,
    ">=": 7,
    "<<": 8,
    ">>": 8,
    "+": 9,
    "-": 9,
    "*": 10,
    "/": 10,
    "%": 10,
}
_DEEPEST: Final = 100


class NotACondition(Exception):
    """The tokens are no condition; the message says why."""


def integer(token: str) -> int:
    """The value of an integer constant, whatever its suffix. Raises NotACondition for what is none."""
    digits = token.rstrip("uUlL")
    try:
        if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
            return int(digits, 8)
        return int(digits, 0)
    except ValueError:
        raise NotACondition(f"{token} is no integer") from None


def value_of(tokens: Sequence[str], unknown: frozenset[str]) -> int | None:
    """The value of a condition whose macros are expanded; ``None`` where it hangs on one of the ``unknown`` words.

    Raises NotACondition.
    """
    reader = _Reader(list(tokens), unknown)
    found = reader.conditional(0)
    if reader.rest:
        raise NotACondition(f"{reader.rest[0]} is more than a condition")
    if reader.odd:
        raise NotACondition("its numbers are negative and unsigned, or longer than 63 bits")
    return found


class _Reader:
    """Reads a condition from left to right; every part of it is read, whether it counts or not."""

    def __init__(self, tokens: list[str], unknown: frozenset[str]) -> None:
        self.rest = tokens
        self._unknown = unknown
        self._unsigned = any(each[0].isdigit() and "u" in each.lower() for each in tokens)
        self.odd = False

    def _taken(self) -> str:
        if not self.rest:
            raise NotACondition("it ends too early")
        return self.rest.pop(0)

    def _take(self, wanted: str) -> None:
        found = self._taken()
        if found != wanted:
            raise NotACondition(f"expected {wanted}, found {found}")

    def conditional(self, depth: int) -> int | None:
        if depth > _DEEPEST:
            raise NotACondition("it nests too deep")
        condition = self._binary(1, depth)
        if self.rest[:1] != ["?"]:
            return condition
        self._take("?")
        then = self.conditional(depth + 1)
        self._take(":")
        otherwise = self.conditional(depth + 1)
        if condition is None:
            return then if then == otherwise else None
        return then if condition else otherwise

    def _binary(self, least: int, depth: int) -> int | None:
        left = self._unary(depth)
        while self.rest and _BINARY.get(self.rest[0], 0) >= least:
            operation = self._taken()
            right = self._binary(_BINARY[operation] + 1, depth + 1)
            left = self._checked(_combined(operation, left, right))
        return left

    def _checked(self, value: int | None) -> int | None:
        """Where signs or lengths would matter, the reader says that it doesn't know."""
        self.odd |= value is not None and not (0 if self._unsigned else -(1 << 63)) <= value < 1 << 63
        return value

    def _unary(self, depth: int) -> int | None:
        if depth > _DEEPEST:
            raise NotACondition("it nests too deep")
        found = self._taken()
        if found == "(":
            value = self.conditional(depth + 1)
            self._take(")")
            return value
        if found in "!~-+":
            inner = self._unary(depth + 1)
            if inner is None:
                return None
            return self._checked({"!": int(not inner), "~": ~inner, "-": -inner, "+": inner}[found])
        if found[0].isdigit():
            return self._checked(integer(found))
        if found[0].isalpha() or found[0] == "_":
            return None if found in self._unknown else 0
        raise NotACondition(f"{found} isn't expected")


def _combined(operation: str, left: int | None, right: int | None) -> int | None:  # noqa: PLR0911
    if operation == "&&":
        if 0 in (left, right):
            return 0
        return None if None in (left, right) else 1
    if operation == "||":
        if any(each for each in (left, right)):
            return 1
        return None if None in (left, right) else 0
    if left is None or right is None:
        return None
    if operation in ("/", "%"):
        if right == 0:
            raise NotACondition("it divides by zero")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if operation == "/" else left - quotient * right
    if operation in ("<<", ">>"):
        if not 0 <= right < 64:
            raise NotACondition(f"it shifts by {right}")
        return left << right if operation == "<<" else left >> right
    return int(_ARITHMETIC[operation](left, right))


_ARITHMETIC: Final = {
    "|": int.__or__,
    "^": int.__xor__,
    "&": int.__and__,
    "==": int.__eq__,
    "!=": int.__ne__,
    "<": int.__lt__,
    ">": int.__gt__,
    "<=": int.__le__,
    ">=": int.__ge__,
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
}
