"""Terms with their sums put in one order, so that what is the same sum is the same term.

A sum is known by how often each part is in it, modulo 2**width. An equation is known by what stands on one side alone. Of a sum
of which the low or the high bits alone are wanted, parts that have none are left out. Comparisons are written with "less than",
and truths with "and" and "not", none of them twice. Nothing else is changed, and the term is the same on all numbers:
``tests/formal/words/test_sums.py`` tries it on random ones.
"""

from collections.abc import Mapping
from typing import cast

from attrs import field, frozen

from .word import FALSE, TRUE, AnyTerm, Term, Truth, Word, choose, number, rebuilt, unsettled

Sum = tuple[Mapping[Word, int], int]
"""How often each part is in a sum, and the number that is in it, too."""


@frozen(eq=False)
class Order:
    """The order of parts, by when each was met; it grows. What was put in order stays ``done``."""

    places: dict[Term, int] = field(factory=dict)
    done: dict[Term, Term] = field(factory=dict)
    sums: dict[Term, Sum] = field(factory=dict)


def in_order(term: AnyTerm, within: Order | None = None) -> AnyTerm:
    """The term, with all sums in it in order: in one of its own, unless there is one that it shares."""
    within = Order() if within is None else within
    done, sums, order = within.done, within.sums, within.places
    for each in unsettled(term, done):
        arguments = tuple(done[argument] for argument in each.arguments)
        found = rebuilt(each, arguments)
        if found.operation in ("bvadd", "bvsub", "bvmul", "bvshl"):
            found = _written(_sum(cast(Word, found), sums), found.width, order)
        elif found.operation == "bvand":
            found = _low_bits(cast(Word, found), sums, order)
        elif found.operation == "bvlshr":
            found = _high_bits(cast(Word, found), sums, order)
        elif found.operation == "=" and isinstance(found.arguments[0], Word):
            found = _equation(cast(Truth, found), sums, order)
        elif found.operation in ("bvult", "bvule", "or", "not", "ite", "="):
            found = _plain(found)
        done[each] = found
    return cast(AnyTerm, done[term])


def _plain(term: Term) -> Term:
    """A comparison by "less than"; an "or" by "and"; nothing that isn't not so; a choice by what holds."""
    if term.operation == "bvult":
        return FALSE if term.arguments[0] is term.arguments[1] else term
    if term.operation == "=":
        said, known = (cast(Truth, each) for each in term.arguments)
        if said.operation == "constant":
            said, known = known, said
        return term if known.operation != "constant" else said if known else _opposite(said)
    if term.operation == "bvule":
        low, high = (cast(Word, each) for each in term.arguments)
        return TRUE if low is high else ~(high < low)
    if term.operation == "or":
        one, other = (cast(Truth, each) for each in term.arguments)
        return ~(_opposite(one) & _opposite(other))
    of = cast(Truth, term.arguments[0])
    if of.operation != "not":
        return term
    return of.arguments[0] if term.operation == "not" else choose(of.arguments[0], *term.arguments[:0:-1])


def _opposite(of: Truth) -> Truth:
    return of.arguments[0] if of.operation == "not" else ~of


def _sum(term: Word, known: dict[Term, Sum]) -> Sum:
    if term not in known:
        known[term] = _counted(term, known)
    return known[term]


def _counted(term: Word, known: dict[Term, Sum]) -> Sum:
    if term.operation == "constant":
        return {}, int(term)
    if term.operation not in ("bvadd", "bvsub", "bvshl", "bvmul"):
        return {term: 1}, 0
    left, right = (cast(Word, each) for each in term.arguments)
    if term.operation in ("bvadd", "bvsub"):
        times = 1 if term.operation == "bvadd" else -1
        return _added(_sum(left, known), _sum(right, known), times, term.width)
    if term.operation == "bvmul" and left.operation == "constant":
        left, right = right, left
    if right.operation != "constant":
        return {term: 1}, 0
    times = int(right)
    if term.operation == "bvshl":
        times = 1 << times if times < term.width else 0
    return _added(({}, 0), _sum(left, known), times, term.width)


def _added(one: Sum, other: Sum, times: int, width: int) -> Sum:
    parts = dict(one[0])
    for part, count in other[0].items():
        parts[part] = (parts.get(part, 0) + count * times) % (1 << width)
    return {part: count for part, count in parts.items() if count}, (one[1] + other[1] * times) % (1 << width)


def _written(total: Sum, width: int, order: dict[Term, int]) -> Word:
    parts, alone = total
    result: Word | None = None
    for part in parts:
        order.setdefault(part, len(order))
    for part in sorted(parts, key=order.__getitem__):
        count = parts[part]
        high = count & (count - 1) == 0
        each = (
            part << (count.bit_length() - 1) if high and count > 1 else part if count == 1 else part * count
        )
        result = each if result is None else result + each
    if result is None:
        return number(alone, width)
    return result + alone if alone else result


def _low_bits(term: Word, known: dict[Term, Sum], order: dict[Term, int]) -> Word:
    """``sum & (2**k - 1)``, without the parts that come in multiples of 2**k; ``sum & -2**k`` where all parts do."""
    value, mask = term.arguments
    if mask.operation != "constant":
        return term
    wanted, all_bits = int(mask), (1 << term.width) - 1
    parts, alone = _sum(value, known)
    if wanted & (wanted + 1) == 0:
        low = {part: count & wanted for part, count in parts.items() if count & wanted}
        return _written((low, alone & wanted), term.width, order) & wanted
    dropped = all_bits - wanted
    if dropped & (dropped + 1) == 0 and not any(count & dropped for count in parts.values()):
        return _written((parts, alone & wanted), term.width, order)
    return term


def _high_bits(term: Word, known: dict[Term, Sum], order: dict[Term, int]) -> Word:
    """``sum >> k`` where all parts come in multiples of 2**k: nothing is carried into what is left."""
    value, by = term.arguments
    shift = int(by) if by.operation == "constant" else 0
    if by.operation == "constant" and shift == 0:
        return cast(Word, value)
    parts, alone = _sum(value, known)
    if not 0 < shift < term.width or any(count & ((1 << shift) - 1) for count in parts.values()):
        return term
    left = {part: count >> shift for part, count in parts.items()}
    return _written((left, alone >> shift), term.width, order) & ((1 << (term.width - shift)) - 1)


def _equation(term: Truth, known: dict[Term, Sum], order: dict[Term, int]) -> Truth:
    left, right = term.arguments
    parts, alone = _added(_sum(left, known), _sum(right, known), -1, left.width)
    half = 1 << (left.width - 1)
    mine = {part: count for part, count in parts.items() if count < half}
    others = {part: (1 << left.width) - count for part, count in parts.items() if count >= half}
    if not others:
        return _written((mine, 0), left.width, order) == number(-alone, left.width)
    return _written((mine, alone), left.width, order) == _written((others, 0), left.width, order)
