"""Random terms over a few inputs, for the tests that read them in more than one way."""

import random
from collections.abc import Callable, Sequence

from ptproof.formal.words.word import Truth, Word, choose, number, truncated, zero_extended


def random_word(source: random.Random, over: Sequence[Word], depth: int) -> Word:
    """A word of the width of the inputs, in which every operation may occur."""
    width = over[0].width
    if depth == 0 or source.random() < 0.1:
        edges = (0, 1, width, (1 << width) - 1, 1 << (width - 1), source.getrandbits(width))
        return source.choice([*over, *over, number(source.choice(edges), width)])
    a, b = (random_word(source, over, depth - 1) for _ in range(2))
    shift = source.choice([b, number(source.randrange(width + 2), width)])
    extra = source.randrange(1, 5)
    wide = zero_extended(a, width + extra) + zero_extended(b, width + extra)
    choices: list[Callable[[], Word]] = [
        lambda: a + b,
        lambda: a - b,
        lambda: a * b,
        lambda: a & b,
        lambda: a | b,
        lambda: a ^ b,
        lambda: ~a,
        lambda: a << shift,
        lambda: a >> shift,
        lambda: choose(random_truth(source, over, depth - 1), a, b),
        lambda: truncated(wide >> source.randrange(extra + 1), width),
    ]
    return source.choice(choices)()


def random_truth(source: random.Random, over: Sequence[Word], depth: int) -> Truth:
    """A condition in which every comparison and connective may occur."""
    if depth > 1 and source.random() < 0.4:
        p, q = (random_truth(source, over, depth - 1) for _ in range(2))
        connected: list[Callable[[], Truth]] = [
            lambda: p & q,
            lambda: p | q,
            lambda: ~p,
            lambda: p == q,
            lambda: p != q,
        ]
        return source.choice(connected)()
    a, b = (random_word(source, over, max(depth - 1, 0)) for _ in range(2))
    compared: list[Callable[[], Truth]] = [
        lambda: a < b,
        lambda: a <= b,
        lambda: a > b,
        lambda: a >= b,
        lambda: a == b,
        lambda: a != b,
    ]
    return source.choice(compared)()
