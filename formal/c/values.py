"""C's integers over words: types, promotions and conversions, and what each operator gives; x86-64's widths.

A value is a term with its C type, or something that isn't understood, with where and why. Where C leaves the result
undefined or to the compiler in ways that would matter (signed overflow that can't be excluded, a shift by the width or
more) the result isn't understood.

Source: ISO C11, 6.3.1 (conversions), 6.5 (expressions); gcc's manual, "Integers implementation" (conversions to signed
types wrap, ``>>`` of a negative number copies the sign); the System V ABI for x86-64 for the widths.
"""

from typing import Final

from attrs import field, frozen

from ..words.word import TRUE, Term, Truth, Word, choose, number, truncated, zero_extended


@frozen
class Integer:
    """An integer type: its width in bits, whether it is signed, whether it is ``_Bool``."""

    bits: int
    signed: bool
    boolean: bool = False

    def __str__(self) -> str:
        return "_Bool" if self.boolean else f"{'' if self.signed else 'u'}int{self.bits}_t"


@frozen
class Pointer:
    """The type of an address; ``to`` is ``None`` where what it points to isn't known."""

    to: "CType | None"


@frozen(eq=False)
class Record:
    """A struct or a union: its name for people, and the types of its members, ``None`` for one that isn't known."""

    name: str
    union: bool
    members: "dict[str, CType | None]"


@frozen
class Array:
    """An array; ``of`` is ``None`` where the type of its elements isn't known, ``length`` where their number isn't a plain one."""

    of: "CType | None"
    length: int | None = field(default=None, eq=False)


CType = Integer | Pointer | Record | Array

INT: Final = Integer(32, signed=True)
UNSIGNED: Final = Integer(32, signed=False)
LONG: Final = Integer(64, signed=True)
ULONG: Final = Integer(64, signed=False)
BOOL: Final = Integer(8, signed=False, boolean=True)


@frozen(eq=False)
class Value:
    """A term of a C type, as wide as that type."""

    term: Word
    type: Integer | Pointer


@frozen
class Unknown:
    """A value that isn't understood: where (file:line), and why."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: not understood: {self.why}"


Any = Value | Unknown


class NotUnderstood(Exception):
    """An expression that has no value here; the message says why."""


def constant(value: int, of: Integer = INT) -> Value:
    """A number of an integer type."""
    return Value(number(value, of.bits), of)


def of_truth(condition: Truth) -> Value:
    """A condition as C has it: the ``int`` 1 or 0."""
    return Value(choose(condition, number(1, 32), number(0, 32)), INT)


def truth_of(value: Value) -> Truth:
    """Whether a value counts as true."""
    return _not_zero(value.term)


def _not_zero(term: Word) -> Truth:
    if term.operation == "ite":
        condition, then, otherwise = term.arguments
        if then.operation == otherwise.operation == "constant":
            if bool(int(then)) == bool(int(otherwise)):
                return TRUE if int(then) else ~TRUE
            assert isinstance(condition, Truth)
            return condition if int(then) else ~condition
    return term != 0


def converted(value: Value, to: Integer | Pointer) -> Value:
    """The value as one of another type."""
    if isinstance(to, Pointer):
        return Value(_as_wide(value, 64), to)
    if to.boolean:
        holds = truth_of(value)
        return Value(choose(holds, number(1, 8), number(0, 8)), to)
    return Value(_as_wide(value, to.bits), to)


def _as_wide(value: Value, bits: int) -> Word:
    signed = isinstance(value.type, Integer) and value.type.signed
    return _extended(value.term, bits, signed=signed)


def _extended(term: Word, bits: int, *, signed: bool) -> Word:
    if term.width >= bits:
        return truncated(term, bits)
    half = 1 << (term.width - 1)
    if term.operation == "ite":
        condition, then, otherwise = term.arguments
        if then.operation == otherwise.operation == "constant":
            return choose(
                condition, _extended(then, bits, signed=signed), _extended(otherwise, bits, signed=signed)
            )
    if not signed or bounds(term)[1] < half:
        return zero_extended(term, bits)
    if term.operation == "constant":
        return number(int(term) - 2 * half, bits)
    return zero_extended(term ^ half, bits) - half


def promoted(value: Value) -> Value:
    """The value after C's integer promotions."""
    if isinstance(value.type, Integer) and value.type.bits < INT.bits:
        return converted(value, INT)
    return value


def usual(left: Value, right: Value) -> tuple[Word, Word, Integer]:
    """Both operands after the usual arithmetic conversions, and their type. Raises NotUnderstood for addresses."""
    left, right = promoted(left), promoted(right)
    if not (isinstance(left.type, Integer) and isinstance(right.type, Integer)):
        raise NotUnderstood("an address is calculated with")
    bits = max(left.type.bits, right.type.bits)
    unsigned = any(each.bits == bits and not each.signed for each in (left.type, right.type))
    both = Integer(bits, signed=not unsigned)
    return converted(left, both).term, converted(right, both).term, both


def bounds(  # noqa: PLR0911 - one for each operation
    term: Word, depth: int = 8
) -> tuple[int, int]:
    """Numbers between which a term lies whatever its inputs, the term read as unsigned."""
    most = (1 << term.width) - 1
    if term.operation == "constant":
        return int(term), int(term)
    if not depth:
        return 0, most
    arguments: tuple[Term, ...] = term.arguments
    words = [each for each in arguments if isinstance(each, Word)]
    inner = [bounds(each, depth - 1) for each in words]
    if term.operation == "zero_extend":
        return inner[0]
    if term.operation == "ite":
        left = _most_left(term)
        return (
            (0, left)
            if left is not None
            else (min(each[0] for each in inner), max(each[1] for each in inner))
        )
    if term.operation == "bvand":
        return 0, min(each[1] for each in inner)
    if term.operation == "bvlshr" and words[1].operation == "constant":
        return inner[0][0] >> int(words[1]), inner[0][1] >> int(words[1])
    if term.operation == "bvadd" and inner[0][1] + inner[1][1] <= most:
        return inner[0][0] + inner[1][0], inner[0][1] + inner[1][1]
    if term.operation == "bvsub" and inner[0][0] >= inner[1][1]:
        return inner[0][0] - inner[1][1], inner[0][1] - inner[1][0]
    if term.operation == "bvmul" and inner[0][1] * inner[1][1] <= most:
        return inner[0][0] * inner[1][0], inner[0][1] * inner[1][1]
    return 0, most


def _most_left(term: Word) -> int | None:
    """The most that `_long_division` leaves, if a term is that; a step of it takes a number away where that is there."""
    worths: list[int] = []
    while term.operation == "ite":
        condition, less, whole = term.arguments
        worth = less.arguments[1] if less.operation == "bvsub" else whole
        if worth.operation != "constant" or less is not whole - worth or condition is not (whole >= worth):
            break
        worths.append(int(worth))
        term = whole
    if not worths:
        return None
    most = bounds(term)[1]
    for worth in reversed(worths):
        most = max(min(most, worth - 1), most - worth)
    return most


def _signed_bounds(term: Word) -> tuple[int, int]:
    """Numbers between which a term lies, read as signed."""
    half = 1 << (term.width - 1)
    if term.operation == "bvsub" and term.arguments[0].operation == "zero_extend":
        low, high = bounds(term.arguments[0])  # extended by `_extended`
        least, most = bounds(term.arguments[1])
        if -half <= low - most <= high - least < half:
            return low - most, high - least
    low, high = bounds(term)
    if high < half:
        return low, high
    if low >= half:
        return low - 2 * half, high - 2 * half
    return -half, half - 1


def negated(value: Value) -> Value:
    """``-value``. Raises NotUnderstood."""
    return combined("-", constant(0), value)


def inverted(value: Value) -> Value:
    """``~value``. Raises NotUnderstood."""
    value = promoted(value)
    if not isinstance(value.type, Integer):
        raise NotUnderstood("an address is calculated with")
    return Value(~value.term, value.type)


def combined(  # noqa: PLR0911 - one for each sort
    operation: str, left: Value, right: Value
) -> Value:
    """What a binary operator gives, both of its operands being evaluated. Raises NotUnderstood."""
    if operation in ("==", "!="):
        return _equal(operation, left, right)
    if operation in ("<<", ">>"):
        return _shifted(operation, left, right)
    if operation in ("+", "-") and isinstance(left.type, Pointer) is not isinstance(right.type, Pointer):
        return _moved(operation, left, right)
    first, second, both = usual(left, right)
    if operation in _COMPARED:
        if both.signed:
            half = 1 << (both.bits - 1)
            first, second = _flipped(first, half), _flipped(second, half)
        return of_truth(_COMPARED[operation](first, second))
    if operation in _BITWISE:
        return Value(_BITWISE[operation](first, second), both)
    if operation in _ARITHMETIC:
        if both.signed:
            _check_overflow(operation, first, second)
        return Value(_ARITHMETIC[operation](first, second), both)
    if operation in ("/", "%"):
        return _divided(operation, first, second, both)
    raise NotUnderstood(f"operator {operation}")


def _moved(operation: str, left: Value, right: Value) -> Value:
    """A pointer, moved by so many elements: one of the two."""
    pointer, by = (left, right) if isinstance(left.type, Pointer) else (right, left)
    if not isinstance(pointer.type, Pointer) or (operation == "-" and by is left):
        raise NotUnderstood("an address is taken from a number")
    length = converted(by, ULONG).term * size_of(pointer.type.to)
    return Value(pointer.term + length if operation == "+" else pointer.term - length, pointer.type)


def size_of(of: CType | None) -> int:
    """The bytes of what is pointed to. Raises NotUnderstood for a struct, but for one of an integer alone."""
    if isinstance(of, Record) and not of.union and len(of.members) == 1:
        (of,) = of.members.values()
    if isinstance(of, Integer):
        return of.bits // 8
    if isinstance(of, Pointer):
        return 8
    raise NotUnderstood("an address is calculated with")


_COMPARED: Final = {"<": Word.__lt__, "<=": Word.__le__, ">": Word.__gt__, ">=": Word.__ge__}
_BITWISE: Final = {"&": Word.__and__, "|": Word.__or__, "^": Word.__xor__}
_ARITHMETIC: Final = {"+": Word.__add__, "-": Word.__sub__, "*": Word.__mul__}


def _flipped(term: Word, half: int) -> Word:
    """The term so that signed order is unsigned order."""
    return term ^ half


def _equal(operation: str, left: Value, right: Value) -> Value:
    if isinstance(left.type, Pointer) or isinstance(right.type, Pointer):
        first, second = _as_wide(left, 64), _as_wide(right, 64)
    else:
        first, second, _ = usual(left, right)
    return of_truth(first == second if operation == "==" else first != second)


def _check_overflow(operation: str, first: Word, second: Word) -> None:
    (low, high), (least, most) = _signed_bounds(first), _signed_bounds(second)
    if operation == "*":
        ends = [one * other for one in (low, high) for other in (least, most)]
    elif operation == "+":
        ends = [low + least, high + most]
    else:
        ends = [low - most, high - least]
    half = 1 << (first.width - 1)
    if not -half <= min(ends) <= max(ends) < half:
        raise NotUnderstood(f"{operation} of signed numbers may overflow, which C leaves undefined")


def _shifted(operation: str, left: Value, right: Value) -> Value:
    left, right = promoted(left), promoted(right)
    if not (isinstance(left.type, Integer) and isinstance(right.type, Integer)):
        raise NotUnderstood("an address is shifted")
    bits, signed = left.type.bits, left.type.signed
    low, high = _signed_bounds(right.term) if right.type.signed else bounds(right.term)
    if not 0 <= low <= high < bits:
        raise NotUnderstood(f"a shift of {bits} bits by what may be {bits} or more, which C leaves undefined")
    by = _extended(right.term, bits, signed=False)
    if operation == "<<":
        low, high = _signed_bounds(left.term)
        if signed and not (low >= 0 and high << _most(right.term) < 1 << (bits - 1)):
            raise NotUnderstood("<< of a signed number may overflow, which C leaves undefined")
        return Value(left.term << by, left.type)
    if not signed or _signed_bounds(left.term)[0] >= 0:
        return Value(left.term >> by, left.type)
    half = 1 << (bits - 1)
    return Value(choose(left.term < half, left.term >> by, ~(~left.term >> by)), left.type)


def _most(term: Word) -> int:
    return bounds(term)[1]


def _divided(operation: str, first: Word, second: Word, both: Integer) -> Value:
    if second.operation != "constant":
        raise NotUnderstood(f"{operation} by what is no constant")
    by = int(second)
    if both.signed and (_signed_bounds(first)[0] < 0 or by >> (both.bits - 1)):
        raise NotUnderstood(f"{operation} of a number that may be negative")
    if not by:
        raise NotUnderstood(f"{operation} by 0")
    if first.operation == "constant":
        value = int(first) // by if operation == "/" else int(first) % by
        return Value(number(value, both.bits), both)
    if not by & (by - 1):
        shift = by.bit_length() - 1
        return Value(first >> shift if operation == "/" else first & (by - 1), both)
    quotient, left = _long_division(first, by)
    return Value(quotient if operation == "/" else left, both)


def _long_division(dividend: Word, by: int) -> tuple[Word, Word]:
    """The quotient by a number, and what is left over."""
    return bit_by_bit(dividend, by, (_most(dividend) // by).bit_length())


def bit_by_bit(dividend: Word, by: int, bits: int) -> tuple[Word, Word]:
    """A quotient of so many bits by a number, and what is left over: as at school, since words have no division."""
    quotient, left = number(0, dividend.width), dividend
    for bit in reversed(range(bits)):
        fits = left >= by << bit
        quotient = choose(fits, quotient + (1 << bit), quotient)
        left = choose(fits, left - (by << bit), left)
    return quotient, left


def chosen(condition: Truth, then: Value, otherwise: Value) -> Value:
    """``condition ? then : otherwise``. Raises NotUnderstood."""
    if isinstance(then.type, Pointer) or isinstance(otherwise.type, Pointer):
        of = then.type if isinstance(then.type, Pointer) else otherwise.type
        return Value(choose(condition, _as_wide(then, 64), _as_wide(otherwise, 64)), of)
    first, second, both = usual(then, otherwise)
    return Value(choose(condition, first, second), both)
