"""The SMT-LIB text of queries: its form, byte for byte, and that Z3 reads it."""

import random

import pytest
from ptproof.formal.solvers.solver import Solver
from ptproof.formal.words.smtlib import query_text
from ptproof.formal.words.word import TRUE, Truth, choose, number, truncated, word, zero_extended
from random_terms import random_truth

EXPECTED = """\
; sum[64]/proof
; two lines
(set-logic QF_BV)
(declare-const |a| (_ BitVec 8))
(declare-const |b'| (_ BitVec 8))
(define-fun t2 () (_ BitVec 8) (bvadd |a| |b'|))
(assert (bvule t2 #x10))
(assert (not (= ((_ zero_extend 1) t2) #b000000001)))
(assert (= (ite (bvult |a| |b'|) t2 |a|) ((_ extract 7 0) ((_ zero_extend 8) |b'|))))
(assert true)
(check-sat)
"""


def query() -> list[Truth]:
    """Conditions in which every kind of term occurs."""
    a, b = word("a", 8), word("b'", 8)
    return [
        a + b <= 0x10,
        ~(zero_extended(a + b, 9) == number(1, 9)),
        choose(a < b, a + b, a) == truncated(zero_extended(b, 16), 8),
        TRUE,
    ]


def test_the_text() -> None:
    """A query is this text: comments, inputs in the order of use, shared terms defined once, assertions."""
    assert query_text(query(), ["sum[64]/proof\ntwo lines"]) == EXPECTED


def test_the_same_query_is_the_same_text() -> None:
    """Other terms made in between change nothing of a query's text."""
    before = query_text(query())
    for seed in range(20):
        random_truth(random.Random(seed), [word("a", 8), word("c", 8)], 4)
    assert query_text(query()) == before


def test_a_shared_term_is_written_once() -> None:
    """A term that doubles a hundred times is a hundred lines, not 2^100 characters."""
    term = word("a")
    for _ in range(100):
        term = term + term
    assert query_text([term == 0]).count("\n") < 110


def test_names_of_any_kind_are_read_back() -> None:
    """An input may have brackets, quotes, spaces or mathematics in its name."""
    names = ["n[64]", "g0'", "the end", "least.0", "≤"]
    solver = Solver()
    try:
        answer = solver.ask([word(name, 8) == at for at, name in enumerate(names)])
    finally:
        solver.close()
    assert answer.model == {name: at for at, name in enumerate(names)}


@pytest.mark.parametrize(
    "conditions",
    [
        [word("x", 8) == 3, word("x", 64) == 4],
        [word("t2", 8) == 3],
        [word("x| (_ BitVec 8)) (assert false", 8) == 3],
        [word("x\\", 8) == 3],
    ],
)
def test_names_that_could_be_another_are_refused(conditions: list[Truth]) -> None:
    """Two inputs of one name, the name of a shared term, and what ends a name before its end."""
    with pytest.raises(ValueError, match="not an input's name"):
        query_text(conditions)
