"""The letters of the statements, and values in the shortest form: S = 0, T = 0x379000: n = 5 and 7.

docs/glossary.md has the same letters at length.
"""

import re
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen
from attrs.validators import deep_iterable, instance_of

HEXADECIMAL_FROM: Final = 0x1000
"""Numbers from here on are addresses or sizes more often than counts, and are shown so."""
LETTERS: Final = {"v_start": "S", "virt_base": "S", "vpt_start": "T"}
"""The letter of each input that has one. VIRT_BASE is the start of the region."""
COUNTS: Final = ("n", "m")
MEANINGS: Final = {
    r"\bS\b": "S = v_start",
    r"\bT\b": "T = vpt_start",
    r"\bV\b": "V = v_end, V(n) with n table frames",
    r"\bn\b": "n = nr_pt_pages",
    r"\bf\(": "f(S, V) = the tables that [S, V) needs",
    r"\bN_": "N_s(l, h) = the blocks of 2^s bytes that [l, h) touches",
    r"\bE\b": "E = the end of the boot stack",
    r"\broom\b": "room = S, T and V in this order, less than 2^64 - 2^40 bytes apart",
}
"""What stands for what, by a pattern that finds it."""


_texts = deep_iterable(instance_of(str))


@frozen
class ShortCase:
    """Values by their shortest names: what was chosen, one each, and the counts that come of it."""

    chosen: tuple[str, ...] = field(converter=tuple[str, ...], validator=_texts)
    counts: str = field(validator=instance_of(str))
    notes: tuple[str, ...] = field(converter=tuple[str, ...], validator=_texts, default=())

    def fitted(self, width: int) -> str:
        """As many of the chosen as fit, in their order, and the counts; an ellipsis stands for those left out."""
        shown: list[str] = []
        for each in self.chosen:
            left_out = ["…"] if len(shown) + 1 < len(self.chosen) else []
            if len(self._joined([*shown, each, *left_out])) <= width:
                shown.append(each)
        return self._joined(shown if len(shown) == len(self.chosen) else [*shown, "…"])

    def _joined(self, chosen: list[str]) -> str:
        case = ": ".join(filter(None, (", ".join(chosen), self.counts)))
        return ", ".join((case, *self.notes))


def number(value: int) -> str:
    """A word's value for readers: a count in decimal, an address or a size in hexadecimal."""
    return str(value) if value < HEXADECIMAL_FROM else hex(value)


def short_case(case: Mapping[str, int]) -> ShortCase:
    """The case without its zeros, but for S and T, and without addresses that it has already.

    >>> short_case({"v_start": 0, "vpt_start": 0x379000, "n": 5, "m": 7}).fitted(80)
    'S = 0, T = 0x379000: n = 5 and 7'
    >>> short_case({"virt_base": 2**64 - 2**22, "slot": 0, "nr_pages": 2049, "n": 9}).fitted(28)
    'S = -4 MiB, …: n = 9'
    """
    chosen: dict[str, str] = {}
    told: set[int] = set()
    for name in sorted((each for each in case if each not in COUNTS), key=lambda each: each not in LETTERS):
        value, letter = case[name], LETTERS.get(name)
        if letter is None and (not value or value in told):
            continue
        told |= {value} if value >= HEXADECIMAL_FROM else set()
        chosen.setdefault(letter or name, _short(value))
    if not chosen:
        chosen = {name: number(value) for name, value in case.items() if name not in COUNTS}
    counts = " and ".join(number(case[each]) for each in COUNTS if each in case)
    return ShortCase(tuple(f"{name} = {value}" for name, value in chosen.items()), counts and f"n = {counts}")


def legend(text: str) -> str:
    """What the letters in a text stand for; empty where it has none.

    >>> legend("For all S, T: n ≥ 4.")
    'S = v_start; T = vpt_start; n = nr_pt_pages'
    """
    return "; ".join(meaning for pattern, meaning in MEANINGS.items() if re.search(pattern, text))


def _short(value: int) -> str:
    """As `number` has it; from the end of the address space down where that is shorter."""
    below = (1 << 64) - value
    for shift, unit in ((30, "GiB"), (20, "MiB")):
        if below < 1024 << shift and not below % (1 << shift):
            return f"-{below >> shift} {unit}"
    return number(value)
