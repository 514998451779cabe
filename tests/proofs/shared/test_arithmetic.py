"""Of the same comes the same: the lemmas that say so are proved sum by sum."""

import pytest
from ptproof.formal.certify.bit_blaster import blasted
from ptproof.formal.certify.sat_oracle import Satisfiable, refutation
from ptproof.formal.logic.rule import obligations
from ptproof.formal.logic.theorem import Lemma, Steps
from ptproof.formal.words.word import Word, choose, subterms
from ptproof.proofs.shared.arithmetic import a, b, c, d, same


def sums_of_sums(each: Word) -> Word:
    """A term with sums within sums, and one behind a condition."""
    return ((each + c) - d) + choose(each < d, each - c, d)


def lemma_of(of: Word, other: Word) -> Lemma:
    """That two terms of a and b are the same, if a and b are."""
    return same("same", "a = b ⇒ they are the same", lambda each: of if each is a else other, a, b)


def test_no_question_has_sums_of_sums_left() -> None:
    """A SAT solver takes long to see that such sums are the same, and each is one word then."""
    lemma = lemma_of(sums_of_sums(a), sums_of_sums(b))
    (question,) = obligations(lemma)
    assert not {each.operation for each in subterms(question.conditions)} & {"bvadd", "bvsub"}
    assert refutation(blasted(question.conditions).clauses)


def test_what_differs_is_not_the_same() -> None:
    """One sum that is another keeps the lemma from being proved."""
    lemma = lemma_of(sums_of_sums(a), sums_of_sums(b + 1))
    (question,) = obligations(lemma)
    with pytest.raises(Satisfiable):
        refutation(blasted(question.conditions).clauses)


def test_terms_of_other_forms_are_left_to_the_solver() -> None:
    """There are no pairs of sums to speak of then; below the first such pair none is looked for."""
    assert lemma_of((a + c) + d, (b + c) - d).proof == Steps()
    proof = lemma_of(*(sums := ((a + c) + d, (b - c) + d))).proof
    assert isinstance(proof, Steps)
    assert [*map(id, proof.generalise)] == [*map(id, sums)]
