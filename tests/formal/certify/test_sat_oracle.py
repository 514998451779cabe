"""The SAT solver as an oracle: its proofs pass the checker, it refutes nothing that can be met, and it may give up."""

import random
import sys
from importlib.metadata import PackageNotFoundError
from itertools import product
from types import ModuleType

import pytest
from ptproof.formal.certify import sat_oracle
from ptproof.formal.certify.bit_blaster import Clause, Cnf, blasted
from ptproof.formal.certify.proof_checker import check
from ptproof.formal.certify.sat_oracle import NotRefuted, Satisfiable, refutation, trimmed
from ptproof.formal.edge.errors import InputError
from ptproof.formal.words.word import word


def random_clauses(source: random.Random, variables: int) -> list[Clause]:
    """Some clauses, about half of the time with nothing that satisfies them."""
    return [
        tuple(
            source.choice((-1, 1)) * each
            for each in source.sample(range(1, variables + 1), source.choice((1, 3)))
        )
        for _ in range(3 * variables)
    ]


def satisfiable(clauses: list[Clause], variables: int) -> bool:
    """Whether any values satisfy the clauses, by trying all."""
    return any(
        all(any(values[abs(each) - 1] == (each > 0) for each in clause) for clause in clauses)
        for values in product((False, True), repeat=variables)
    )


def test_random_clauses_are_refuted_just_when_nothing_satisfies_them() -> None:
    """The proof is one that the checker follows, though the solver numbers its steps in its own way."""
    source = random.Random(1)
    seen = set()
    for _ in range(150):
        clauses = random_clauses(source, 5)
        can_be_met = satisfiable(clauses, 5)
        seen.add(can_be_met)
        if can_be_met:
            with pytest.raises(Satisfiable, match="it can be satisfied"):
                refutation(clauses)
        else:
            assert check(Cnf(5, tuple(clauses)).dimacs(), refutation(clauses)) > 0
    assert seen == {True, False}


def test_the_same_clauses_have_the_same_proof() -> None:
    """Byte for byte: a proof can be made again and has the hash that is recorded."""
    a, b = word("a", 8), word("b", 8)
    clauses = blasted([a + b != b + a]).clauses
    assert refutation(clauses) == refutation(clauses)


def test_giving_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no more conflicts to spend there is no proof, and no claim that the clauses can be satisfied."""
    monkeypatch.setattr(sat_oracle, "CONFLICTS", 10)
    a, b = word("a", 16), word("b", 16)
    with pytest.raises(NotRefuted, match="no proof within 10 conflicts") as raised:
        refutation(blasted([a * b != b * a]).clauses)
    assert not isinstance(raised.value, Satisfiable)


def test_a_proof_is_cut_down_to_what_it_rests_on() -> None:
    """Deletions and steps that nothing needs go; the rest is numbered on. Here 3 was derived before 4 was given."""
    lines = ["3 1 0 1 2 0", "5 -2 0 3 4 0", "3 d 1 0", "6 2 0 3 1 0", "7 0 3 4 0", "8 9 0 7 0"]
    assert trimmed(3, lines) == "4 1 0 1 2 0\n5 0 4 3 0\n"


@pytest.mark.parametrize("lines", [[], ["4 1 0 1 2 0"], ["1 d 2 0"]])
def test_no_empty_clause_is_no_proof(lines: list[str]) -> None:
    """A proof that comes to no end isn't handed on."""
    with pytest.raises(NotRefuted, match="without the empty clause"):
        trimmed(3, lines)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said in one line."""

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(sat_oracle, "version", missing)
    with pytest.raises(
        InputError, match=r"python-sat, which is not installed: pip install 'ptproof\[certify\]'"
    ):
        refutation([(1,), (-1,)])


def test_another_python_sat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions that a release hasn't got, or a module that isn't there, are told in one line."""
    monkeypatch.setitem(sys.modules, "pysolvers", ModuleType("pysolvers"))
    with pytest.raises(
        InputError, match=r"hasn't got \(new, set, tracepr, .*pip install 'ptproof\[certify\]'"
    ):
        refutation([(1,), (-1,)])
    monkeypatch.setitem(sys.modules, "pysolvers", None)
    with pytest.raises(InputError, match="can't be imported"):
        refutation([(1,), (-1,)])
