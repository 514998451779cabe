"""Second opinions: what several solvers say of an obligation, and that a contradiction is the loudest there is."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_claims as tiny
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic.prover import prove
from ptproof.formal.logic.rule import obligations
from ptproof.formal.logic.solver_agreement import Opinion, answers, backing, opinion
from ptproof.formal.logic.verdict import Error, Proved
from ptproof.formal.reports.proof_report import LOUD
from ptproof.formal.solvers import solver as solver_module
from ptproof.formal.solvers.solver import PACKAGES, Answer, Solver, version_of
from ptproof.formal.words.word import TRUE, Word, word
from run_cli import assert_refused, run
from tiny_claims import x, y

Capture = pytest.CaptureFixture[str]
OTHERS = ("cvc5", "bitwuzla")
(HOLDS,) = obligations(tiny.HELPER)
(FAILS,) = obligations(tiny.REFUTED.parts[0].lemma)
(HARD,) = obligations(tiny.UNKNOWN.parts[0].lemma)


@pytest.fixture(params=PACKAGES)
def solver(request: pytest.FixtureRequest) -> Iterator[Solver]:
    """Each solver in turn, with its process."""
    found = Solver(name=request.param)
    yield found
    found.close()


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two claims are installed, and the working directory is an empty one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(claim_module, "claims", lambda: (tiny.PROVED, tiny.REFUTED))


def lie(monkeypatch: pytest.MonkeyPatch, name: str, said: Answer) -> None:
    """Have one solver give the same answer to every question."""
    ask = Solver.ask

    def asked(self: Solver, *arguments: Any) -> Answer:
        return said if self.name == name else ask(self, *arguments)

    monkeypatch.setattr(Solver, "ask", asked)


def test_each_solver_answers(solver: Solver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tells what holds from what doesn't, whatever inputs are called, and goes on after a text it can't read."""
    assert solver.ask(HOLDS.conditions).status == "unsat"
    assert solver.ask(FAILS.conditions).status == "sat"
    assert solver.ask([word("g[64]'", 8) + word("the end", 8) == 3]).status == "sat"
    with monkeypatch.context() as broken:
        broken.setattr(solver_module, "query_text", lambda _: "(assert (bvnothing 1))\n(check-sat)\n")
        unreadable = solver.ask([TRUE])
    assert (unreadable.status, bool(unreadable.why)) == ("unknown", True)
    assert solver.ask([TRUE]).status == "sat"
    assert version_of(solver.name)


def test_operations_mean_the_same_to_all(solver: Solver) -> None:
    """Shifts by the width and more, wrapping and comparisons are what `words` says, to each solver."""

    def always(found: Word, value: int) -> None:
        assert solver.ask([x == 200, y == 100, ~(found == value)]).status == "unsat"

    always(x + y, 44)
    always(y - x, 156)
    always(x * y, 32)
    always(x >> 9, 0)
    always(x << 8, 0)
    always(x >> 1, 100)
    assert solver.ask([x == 200, y == 100, x <= y]).status == "unsat"


def test_the_budget_of_cvc5_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cvc5's budget doesn't settle is unknown, the same each time."""
    monkeypatch.setattr(solver_module, "CVC5_RLIMIT", 20_000)
    solver = Solver(name="cvc5")
    try:
        first, second = (solver.ask(HARD.conditions) for _ in range(2))
    finally:
        solver.close()
    assert first.status == "unknown"
    assert "RESOURCEOUT" in first.why
    assert (first.why, first.spent) == (second.why, second.spent)


@pytest.mark.parametrize("name", OTHERS)
def test_each_solver_is_killed_in_time(name: str) -> None:
    """A solver that doesn't stop is killed, that is unknown, and the next question gets a new process."""
    solver = Solver(seconds=1.5, name=name)
    try:
        wide, other = word("wide", 192), word("other", 192)
        product = 0xE656CAE2928291E0DFB1C3CD * 0xB3A0F37207E3E0F2F8E9  # of two primes
        found = solver.ask([wide * other == product, wide > 1, other > 1, wide < 1 << 97, other < 1 << 81])
        assert (found.status, found.why) == ("unknown", "stopped after 1.5 s")
        solver.seconds = 60
        assert solver.ask(HOLDS.conditions).status == "unsat"
    finally:
        solver.close()


def told(**said: str) -> Opinion:
    """An opinion in which each solver says this."""
    return Opinion(HOLDS, {name: Answer(status=each) for name, each in said.items()})  # type: ignore[arg-type]


def test_when_an_obligation_is_discharged() -> None:
    """One solver at least says that it holds, and none that it doesn't."""
    assert told(z3="unsat", cvc5="unsat").discharged
    assert told(z3="unknown", cvc5="unsat").discharged
    assert not told(z3="unknown", cvc5="unknown").discharged
    assert not told(z3="sat", cvc5="unknown").discharged
    disputed = told(z3="unsat", cvc5="sat", bitwuzla="unsat")
    assert (disputed.discharged, disputed.disputed) == (False, True)
    assert disputed.says == "helper/proof: unsat says z3, bitwuzla, sat says cvc5"
    assert told(z3="unknown", cvc5="sat").against.status == "sat"


def test_by_how_many() -> None:
    """A proof is backed by as many solvers as its weakest obligation."""
    assert backing([told(z3="unsat", cvc5="unsat"), told(z3="unsat", cvc5="unknown")]) == 1
    assert backing([]) == 0
    assert answers([told(z3="unsat", cvc5="unsat"), told(z3="unsat", cvc5="unknown")]) == [
        {"solver": "z3", "unsat": 2, "sat": 0, "unknown": 0},
        {"solver": "cvc5", "unsat": 1, "sat": 0, "unknown": 1},
    ]


def test_every_judge_is_asked() -> None:
    """Each judge answers each obligation."""
    judges = [Solver(name=name) for name in PACKAGES]
    try:
        found = opinion(judges, HOLDS)
    finally:
        for each in judges:
            each.close()
    assert found.found_unsat == tuple(PACKAGES)


@pytest.mark.parametrize("solvers", [("cvc5",), ("bitwuzla",), tuple(PACKAGES)])
def test_the_same_verdicts_by_any_solver(solvers: tuple[str, ...]) -> None:
    """Whoever judges, the verdicts are those that Z3 alone comes to, and who discharged what is told."""
    alone, others = prove(tiny.GOOD), prove(tiny.GOOD, solvers=solvers)
    assert [[part.verdict for part in each.parts] for each in others.decisions] == [
        [part.verdict for part in each.parts] for each in alone.decisions
    ]
    assert [each.solvers for each in others.decisions if each.claim is tiny.PROVED] == [len(solvers)]
    assert all(tuple(each.answers) == solvers for lemma in others.lemmas for each in lemma.opinions)
    assert set(others.times) == set(solvers)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_solver_that_errs_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A solver that contradicts another makes the verdict an error which names both, with the query."""
    lie(monkeypatch, name, Answer(status="sat"))
    found = prove([tiny.PROVED], solvers=tuple(PACKAGES))
    (part,) = found.decisions[0].parts
    assert isinstance(part.verdict, Error)
    assert part.verdict.why.startswith("SOLVERS DISAGREE: helper/proof: unsat says ")
    assert f"sat says {name}" in part.verdict.why
    assert part.verdict.queries[0][1].startswith("; helper/proof\n(set-logic QF_BV)\n")
    assert found.status == 70


def test_a_solver_that_finds_too_much_unsatisfiable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A solver that takes what fails for proved is contradicted by the others; a false claim isn't proved."""
    lie(monkeypatch, "cvc5", Answer(status="unsat"))
    (decision,) = prove([tiny.REFUTED], solvers=tuple(PACKAGES)).decisions
    assert isinstance(decision.parts[0].verdict, Error)


def test_a_solver_that_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim is proved by those that settle it, and it is told by how many."""
    lie(monkeypatch, "cvc5", Answer(status="unknown", why="tired"))
    (decision,) = prove([tiny.PROVED], solvers=tuple(PACKAGES)).decisions
    assert isinstance(decision.parts[0].verdict, Proved)
    assert decision.solvers == 2


@pytest.mark.usefixtures("installed")
def test_the_report_of_several(capsys: Capture) -> None:
    """Each claim's line says by how many solvers, the summary which ones; and so do the data."""
    ran = run(capsys, "prove", "--solver", "all")
    assert ran.status == 0
    assert ran.lines[0] == "proved   proved   Tiny  1 part, 2 lemmas, by 3 solvers, uncertified"
    assert f"asked: {', '.join(f'{each} {version_of(each)}' for each in PACKAGES)}" in ran.lines
    assert "1 claim with each obligation discharged by 3 solvers" in ran.lines
    assert "0 claims with each obligation discharged by 2 solvers" in ran.lines
    assert ran == run(capsys, "prove", "--solver", "all")
    found = json.loads(run(capsys, "prove", "--solver", "all", "--json", "-").out)
    assert set(found["versions"]) == {"ptproof", *PACKAGES}
    assert found["claims"][0]["parts"][0]["solvers"] == 3
    assert {each["solver"] for each in found["lemmas"][0]["answers"]} == set(PACKAGES)
    alone = run(capsys, "prove", "proved", "--solver", "bitwuzla")
    assert f"asked: bitwuzla {version_of('bitwuzla')}" in alone.lines


@pytest.mark.usefixtures("installed")
def test_a_contradiction_is_the_loudest(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Between bars: both solvers and the file with the query; named again at the very end, status 70, also if quiet."""
    lie(monkeypatch, "bitwuzla", Answer(status="sat"))
    ran = run(capsys, "prove", "proved", "--solver", "all", "--quiet")
    assert ran.status == 70
    assert ran.lines[0].startswith("ERROR    proved")
    assert ran.lines[1] == ran.lines[-1] == LOUD
    assert "SOLVERS DISAGREE: helper/proof: unsat says z3, cvc5, sat says bitwuzla" in ran.lines[2]
    assert ran.lines[3] == "    the query: .ptproof/unknown/helper_proof.smt2"
    assert (tmp_path / ".ptproof/unknown/helper_proof.smt2").read_text().endswith("(check-sat)\n")
    assert "two solvers disagree" in ran.lines[-2]
    found = json.loads(run(capsys, "prove", "proved", "--solver", "all", "--json", "-").out)
    assert found["claims"][0]["parts"][0]["queries"][0]["name"] == "helper/proof"


@pytest.mark.usefixtures("installed")
def test_a_solver_that_is_not_installed(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one line that says what to install, and nothing is decided."""
    find = importlib.util.find_spec
    monkeypatch.setattr(solver_module, "find_spec", lambda name: None if name == "cvc5" else find(name))
    for asked in ("cvc5", "all"):
        assert_refused(
            run(capsys, "prove", "--solver", asked), "cvc5", "pip install cvc5", "ptproof[solvers]"
        )
    assert run(capsys, "prove", "--solver", "bitwuzla").status == 0
    assert_refused(run(capsys, "prove", "--solver", "yices"), "argument --solver: ")
