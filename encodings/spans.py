"""Rounding, and how many blocks a range touches: the arithmetic that every count here is made of.

All words are unsigned and wrap. Source: DOMAIN.md section 1; in Xen the macro NR() of
``dom0_construct()`` and ``round_pgup()``.
"""

from ..formal.words.word import Word


def round_down(address: Word, shift: int) -> Word:
    """⌊address⌋: the multiple of 2**shift at or below it."""
    return address & -(1 << shift)


def round_up(address: Word, shift: int) -> Word:
    """⌈address⌉: the multiple of 2**shift at or above it, modulo 2**64."""
    return round_down(address + ((1 << shift) - 1), shift)


def spanned(low: Word, high: Word, shift: int) -> Word:
    """How many 2**shift-sized blocks [low, high) touches, modulo 2**64 bytes."""
    return (round_up(high, shift) - round_down(low, shift)) >> shift
