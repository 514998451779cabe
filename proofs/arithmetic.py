"""Lemmas about rounding and spans: what every other family rests on.

Each is small enough for a solver to settle at 64 bits in about a second. The names say the subject first
and then what holds of it; a figure in brackets is the parameter. Nothing here knows of Xen.
"""

from functools import cache

from ..encodings.spans import round_up, spanned
from ..formal.theorem import Assumption, Lemma, Statement
from ..formal.words import Word, number, word

low, near, far = word("low"), word("near"), word("far")
a, b, c, d = word("a"), word("b"), word("c"), word("d")
most_near, most_far = word("most_near"), word("most_far")

SUM_LIMIT = 1 << 62
"""Below this, sums of two do not wrap, with room to spare for sums of sums."""


def span_limit(shift: int) -> int:
    """The longest region, in bytes, whose 2**shift-sized blocks a 64-bit word can count: two blocks
    short of all of them, so that rounding both ends outwards does not come full circle.
    """
    return (1 << 64) - (2 << shift)


def in_order(low: Word, near: Word, far: Word) -> Assumption:
    """``near`` comes no later than ``far`` on the way up from ``low``, around 2**64 if need be."""
    return Assumption("in-order", near - low <= far - low, "near comes no later than far, going up from low")


@cache
def spanned_grows(shift: int) -> Lemma:
    """N_s(low, near) ≤ N_s(low, far) where near ≤ far, both counted from low."""
    return Lemma(
        f"spanned-grows[{shift}]",
        "N(low, near) ≤ N(low, far) for near ≤ far",
        Statement(
            assumptions=(
                in_order(low, near, far),
                Assumption("short", far - low <= span_limit(shift), "not around the whole address space"),
            ),
            goal=spanned(low, near, shift) <= spanned(low, far, shift),
        ),
    )


@cache
def spanned_positive(shift: int) -> Lemma:
    """N_s(low, far) ≥ 1 where far is above low."""
    return Lemma(
        f"spanned-positive[{shift}]",
        "N(low, far) ≥ 1 for far above low",
        Statement(
            assumptions=(
                Assumption("not-empty", far - low > 0, "far is above low"),
                Assumption("short", far - low <= span_limit(shift), "not around the whole address space"),
            ),
            goal=spanned(low, far, shift) >= 1,
        ),
    )


@cache
def spanned_bounded(shift: int) -> Lemma:
    """N_s < 2**(64 - s), whatever the range."""
    return Lemma(
        f"spanned-bounded[{shift}]",
        f"N(low, far) < 2^{64 - shift}",
        Statement(goal=spanned(low, far, shift) < 1 << (64 - shift)),
    )


@cache
def spanned_steps(shift: int, rounding: int) -> Lemma:
    """Between multiples of the rounding, N_s grows by at most the distance in blocks, and one more where
    a block is larger than the rounding.
    """
    aligned = (1 << rounding) - 1
    slack = 0 if shift <= rounding else 1
    return Lemma(
        f"spanned-steps[{shift},{rounding}]",
        f"N(low, far) - N(low, near) ≤ ((far - near) >> {shift}) + {slack}, near and far multiples of 2^{rounding}",
        Statement(
            assumptions=(
                in_order(low, near, far),
                Assumption("short", far - low <= span_limit(shift), "not around the whole address space"),
                Assumption("near-multiple", near & aligned == 0, f"near is a multiple of 2^{rounding}"),
                Assumption("far-multiple", far & aligned == 0, f"far is a multiple of 2^{rounding}"),
            ),
            goal=spanned(low, far, shift) <= spanned(low, near, shift) + ((far - near) >> shift) + slack,
        ),
    )


@cache
def round_up_grows(shift: int, limit: int) -> Lemma:
    """⌈near⌉ ≤ ⌈far⌉ ≤ limit, counted from low, where far stays a rounding short of the limit."""
    return Lemma(
        f"round-up-grows[{shift},{limit:#x}]",
        "⌈near⌉ ≤ ⌈far⌉ ≤ limit, counted from low",
        Statement(
            assumptions=(
                in_order(low, near, far),
                Assumption("short", far - low <= limit - (1 << shift), "a rounding short of the limit"),
            ),
            goal=(round_up(near, shift) - low <= round_up(far, shift) - low)
            & (round_up(far, shift) - low <= limit)
            & (near - low <= round_up(near, shift) - low),
        ),
    )


@cache
def sums_grow() -> Lemma:
    """a ≤ b ≤ A and c ≤ d ≤ B give a + c ≤ b + d ≤ A + B, as long as nothing wraps."""
    return Lemma(
        "sums-grow",
        "a ≤ b ≤ A, c ≤ d ≤ B ⇒ a + c ≤ b + d ≤ A + B",
        Statement(
            assumptions=(
                Assumption("first", (a <= b) & (b <= most_near), "a ≤ b ≤ A"),
                Assumption("second", (c <= d) & (d <= most_far), "c ≤ d ≤ B"),
                Assumption("small", (most_near <= SUM_LIMIT) & (most_far <= SUM_LIMIT), "A and B are small"),
            ),
            goal=(a + c <= b + d) & (b + d <= most_near + most_far),
        ),
    )


@cache
def moved_up(limit: int) -> Lemma:
    """near ≤ far ≤ most gives near + c ≤ far + c ≤ limit, where most + c = limit."""
    return Lemma(
        f"moved-up[{limit:#x}]",
        "near ≤ far ≤ limit - c ⇒ near + c ≤ far + c ≤ limit",
        Statement(
            assumptions=(
                Assumption("room", c <= limit, "c is within the limit"),
                Assumption("in-order", (near <= far) & (far <= number(limit) - c), "near ≤ far ≤ limit - c"),
            ),
            goal=(near + c <= far + c) & (far + c <= limit) & (near <= near + c),
        ),
    )
