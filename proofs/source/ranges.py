"""Whether a condition holds for all values of a word from one to another, as far as bounds of its terms tell.

Each term is known by the least and the greatest value that it may have, and a truth by whether it holds for certain, and whether it
may hold. "Yes" is certain then, and "no" says nothing. No proof rests on it: samples leap over the rounds of a loop by it.
``tests/proofs/source/test_ranges.py`` tries it on random terms.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from ...formal.words.word import Term, Truth, Word, subterms


def _written_out(least: str, most: str) -> str:
    """As ``wrapped(least, most, mask)``, for what most terms of a count are: a call takes longer than its sums."""
    return (
        f"(least & {{mask}}, most & {{mask}}) if (least := {least}) | {{mask}} == (most := {most}) | {{mask}} "
        "else (0, {mask})"
    )


_BOUNDS: Final[dict[str, str]] = {
    "bvadd": _written_out("{a} + {b}", "{A} + {B}"),
    "bvsub": _written_out("{a} - {B}", "{A} - {b}"),
    "bvmul": "wrapped({a} * {b}, {A} * {B}, {mask})",
    "bvshl": "wrapped({a} << {b}, {A} << {B}, {mask}) if {B} < {width} else (0, {mask})",
    "bvlshr": "({a} >> {B}, {A} >> {b}) if {B} < {width} else (0, {A})",
    "bvand": "masked({a}, {A}, {b}, {B}, {mask})",
    "bvnot": "{A} ^ {mask}, {a} ^ {mask}",
    "bvult": "{A} < {b}, {a} < {B}",
    "bvule": "{A} <= {b}, {a} <= {B}",
    "=": "{a} == {A} == {b} == {B}, {a} <= {B} and {b} <= {A}",
    "not": "not {A}, not {a}",
    "and": "{a} and {b}, {A} and {B}",
    "or": "{a} or {b}, {A} or {B}",
    "zero_extend": "{a}, {A}",
    "truncate": "wrapped({a}, {A}, {mask})",
}
"""What a term is at least and at most, where its arguments are so: ``a`` to ``A``, and ``b`` to ``B``."""
_HIGH_BITS: Final = "{a} & {b}, {A} & {b}"
_CHOICE: Final = "({b}, {B}) if {a} else ({c}, {C}) if not {A} else (min({b}, {c}), max({B}, {C}))"


def holds_throughout(condition: Truth, over: Sequence[Word], of: Word) -> Callable[..., bool]:
    """A function of the numbers for ``over``, and of the first and the last one of ``of``: whether it holds for certain for all of these.

    The numbers lie in [0, 2**width). Raises ValueError where the condition has other inputs.
    """
    names: dict[Term, tuple[str, str]] = {each: (f"i{place}",) * 2 for place, each in enumerate(over)}
    names[of] = "first", "last"
    lines = [f"def reading({', '.join(f'i{place}' for place in range(len(over)))}, first, last):"]
    for each in subterms([condition]):
        if each in names:
            continue
        if each.operation == "input":
            raise ValueError(f"no value for input {each!r}")
        if each.operation == "constant":
            names[each] = (repr(each.value if each.width else bool(each.value)),) * 2
            continue
        names[each] = f"t{len(names)}", f"T{len(names)}"
        lines.append(f"  {', '.join(names[each])} = {_text(each, names)}")
    scope: dict[str, Any] = {"wrapped": _wrapped, "masked": _masked}
    exec("\n".join([*lines, f"  return {names[condition][0]}"]), scope)  # noqa: S102 - our own text
    return cast(Callable[..., bool], scope["reading"])


def _text(term: Term, names: dict[Term, tuple[str, str]]) -> str:
    letters = dict(zip("aAbBcC", (name for each in term.arguments for name in names[each]), strict=False))
    width = term.width or term.arguments[-1].width
    if term.operation == "ite":
        return _CHOICE.format(**letters)
    known = _BOUNDS.get(term.operation)
    if term.operation == "bvand" and term.arguments[1].operation == "constant":
        left_out = (1 << width) - 1 ^ int(term.arguments[1].value)
        known = known if left_out & (left_out + 1) else _HIGH_BITS
    return (
        known.format(**letters, width=width, mask=(1 << width) - 1)
        if known is not None
        else f"0, {(1 << width) - 1 if term.width else 1}"
    )


def _wrapped(low: int, high: int, mask: int) -> tuple[int, int]:
    """Bounds of what lies between two numbers, once it is taken modulo a word; any where it isn't gone round alike."""
    return (low & mask, high & mask) if low & ~mask == high & ~mask else (0, mask)


def _masked(low: int, high: int, least: int, most: int, mask: int) -> tuple[int, int]:
    """Bounds of what is left of a number by a mask: of the high bits, or of low ones that nothing is carried out of."""
    kept = mask ^ least
    if least == most and kept & (kept + 1) == 0:
        return low & least, high & least
    if least == most and least & (least + 1) == 0 and low | least == high | least:
        return low & least, high & least
    return 0, min(high, most)
