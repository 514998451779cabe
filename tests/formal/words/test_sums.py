"""Sums in order: the same term on all numbers, and the same sum is the same term."""

import random

import pytest
from ptproof.formal.words.sums import Order, in_order
from ptproof.formal.words.word import TRUE, Truth, Word, choose, compiled, word
from random_terms import random_truth, random_word

a, b, c = word("a"), word("b"), word("c")


@pytest.mark.parametrize("width", [1, 3, 8, 12, 33, 64])
def test_nothing_changes_on_numbers(width: int) -> None:
    source = random.Random(width)
    over = [word(name, width) for name in "abc"]
    terms = [random_word(source, over, 5) for _ in range(60)] + [
        random_truth(source, over, 5) for _ in range(60)
    ]
    terms += [(one + other) >> shift for one in over for other in over for shift in range(min(width, 13))]
    terms += [((one << 2) + other * 4 + 5) >> 2 for one in over for other in over if width > 3]
    terms += [((one << 3) + 12) & mask for one in over for mask in (7, -8, -4, 1, 6)]
    shared = Order()
    ordered = [in_order(each, shared if turn % 2 else None) for turn, each in enumerate(terms)]
    reading = compiled([*terms, *ordered], over)
    for _ in range(40):
        values = [source.choice([0, 1, (1 << width) - 1, source.getrandbits(width)]) for _ in over]
        found = reading(*values)
        assert found[: len(terms)] == found[len(terms) :]


SAME: list[tuple[Word | Truth, Word | Truth]] = [
    ((a + b) + c, c + (b + a)),
    ((a + b) << 12, (b << 12) + (a << 12)),
    (a - b + b, a),
    (a * 3 + a, a << 2),
    ((a << 12) + (b << 3) & 0xFFF, (b << 3) & 0xFFF),
    ((a << 12) + 0x67 & -4096, a << 12),
]


@pytest.mark.parametrize("pair", SAME, ids=str)
def test_the_same_sum_is_the_same_term(pair: tuple[Word, Word]) -> None:
    one, other = pair
    assert in_order(one == other) is TRUE


def test_an_equation_is_told_by_what_differs() -> None:
    assert in_order((a + b) + 7 == b + c) is in_order(a + 7 == c)
    assert in_order(a + 1 == a) is ~TRUE


def test_truths_are_told_by_less_than_and_and_not() -> None:
    """Nothing twice, and a choice by what holds."""
    order = Order()
    assert in_order((a < b) | (b <= c), order) is in_order(~((b <= a) & ~~(c < b)), order)
    assert in_order(choose(a <= b, a, c), order) is in_order(choose(b < a, c, a), order)
    assert in_order((a < b) == TRUE, order) is in_order(~((a < b) == ~TRUE), order)
    assert in_order(a + b < b + a, order) is ~TRUE
    assert in_order(a + b <= b + a, order) is TRUE
    assert in_order(a >> 0, order) is a
