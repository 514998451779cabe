"""Sums put in order: the same sum becomes the same word, and each step holds on numbers and for a SAT solver."""

from itertools import pairwise
from random import Random

import pytest
from ptproof.formal.certify.bit_blaster import blasted
from ptproof.formal.certify.sat_oracle import Satisfiable, refutation
from ptproof.formal.logic.rule import lemmas_of, obligations
from ptproof.formal.logic.theorem import Lemma, Statement, Steps
from ptproof.formal.words.word import Word, compiled, inputs, number, word
from ptproof.proofs.shared.sums import Sums, non_adjacent

q, r, s = word("q"), word("r"), word("s")
SAME = (
    ((q + 3) + (r + q), (q << 1) + r + 3),
    ((q << 10) - (q << 1) + (r - q), (q << 10) - q * 3 + r),
    (2 * (q - r) + 2 * r, q << 1),
    ((q << 4) - (s + (q << 4)), number(0) - s),
    (((q << 9) + 5) << 2, (q << 11) + 20),
    ((q - (r - s)) - 7, ((s + q) - 7) - r),
)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_sum_becomes_the_same_word(one: Word, other: Word) -> None:
    """However it is written."""
    sums = Sums("test")
    assert sums.ordered(one).same(sums.ordered(other))


def test_what_is_put_in_order_is_what_it_was() -> None:
    """On numbers: sums, products with numbers, shifts."""
    source = Random(11)
    for one, other in SAME:
        sums = Sums("test")
        for term in (one, other):
            over = inputs([term])
            reading = compiled([term, sums.ordered(term).word], over)
            for _ in range(50):
                mine, ordered = reading(*(source.getrandbits(64) for _ in over))
                assert mine == ordered


def refuted(lemma: Lemma) -> bool:
    """Whether a SAT solver proves a lemma and all that it rests on."""
    try:
        for each in lemmas_of([lemma]):
            for obligation in obligations(each):
                refutation(blasted(obligation.conditions).clauses)
    except Satisfiable:
        return False
    return True


def by_order(one: Word, other: Word) -> Lemma:
    """That two words are the same, since each is put in order."""
    sums = Sums("test")
    ordered = sums.ordered(one).word, sums.ordered(other).word
    hidden = tuple(dict.fromkeys((one, other, *ordered)))
    uses = (*sums.use(one), *sums.use(other))
    return Lemma("same", "the same", Statement(goal=one == other), Steps(uses=uses, generalise=hidden))


def test_each_step_is_proved_by_a_sat_solver() -> None:
    """Nothing is taken on trust; and of two that aren't the same it isn't proved."""
    one, other = (r - 3) + (q + r), q + (r << 1) - 3
    assert refuted(by_order(one, other))
    assert not refuted(by_order(one + 1, other))


def test_digits_are_no_neighbours() -> None:
    """The form in which a number has one name only."""
    for value in (1, 3, 7, 1022, 261631, 133955071):
        digits = non_adjacent(value)
        assert sum((-1 if minus else 1) << shift for shift, minus in digits) == value
        assert all(high - low > 1 for (low, _), (high, _) in pairwise(digits))
