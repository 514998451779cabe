"""Formulas for the count as text to paste, which reach this package through the entry-point group ``ptproof.formulas``.

An entry is a function of a paging mode, the rounding and the padding in bytes, a style, a language, and the first count that the search tries.
"""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Final, cast

from .paging import PagingMode

GROUP: Final = "ptproof.formulas"

Formula = Callable[[PagingMode, int, int, str, str, int], str]


def formula() -> Formula:
    """The installed one; of several the first by name. Raises LookupError where there is none."""
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    if not found:
        raise LookupError(f"no installed package brings {GROUP}")
    return cast(Formula, found[0].load())
