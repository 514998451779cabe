"""The cache of answers: a second run asks nothing, and nothing that is damaged or another's is believed."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import tiny_claims as tiny
from ptproof.formal.edge.errors import InputError
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic.prover import prove
from ptproof.formal.solvers import answer_cache
from ptproof.formal.solvers import solver as solver_module
from ptproof.formal.solvers.answer_cache import Cache, users_cache
from ptproof.formal.solvers.solver import Solver
from ptproof.formal.words.word import word
from run_cli import Ran, run

Capture = pytest.CaptureFixture[str]
QUESTION = {
    "text": "(check-sat)\n",
    "inputs": [["x", 8]],
    "rlimit": 7,
    "solver": "z3",
    "version": "1",
    "models": True,
}
UNSAT = {"status": "unsat", "model": {}, "why": "", "spent": 3}
SAT = {"status": "sat", "model": {"x": 7}, "why": "", "spent": 3}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A cache in a folder that isn't there yet."""
    return Cache(tmp_path / "home" / "ptproof")


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the commands keep answers; this isn't CI, and the tiny claims are installed."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(claim_module, "claims", lambda: tiny.GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache" / "ptproof"


def entry(cache: Cache) -> Path:
    """The file of the one answer that is kept."""
    (found,) = (each for each in cache.folder.rglob("*") if each.is_file())
    return found


def files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


@pytest.mark.parametrize("answer", [SAT, UNSAT])
def test_an_answer_is_kept(cache: Cache, answer: dict[str, Any]) -> None:
    """What is put in comes out again, in a folder that nobody else reads."""
    assert cache.get(QUESTION) is None
    cache.put(QUESTION, answer)
    assert cache.get(QUESTION) == answer
    assert stat.S_IMODE(entry(cache).stat().st_mode) == 0o600


def test_an_unknown_is_not_kept(cache: Cache) -> None:
    """What wasn't settled is asked again: there may be more time then."""
    cache.put(QUESTION, {"status": "unknown", "model": {}, "why": "stopped", "spent": 0})
    assert not cache.folder.exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("text", "(assert true)\n(check-sat)\n"),
        ("rlimit", 8),
        ("solver", "cvc5"),
        ("version", "2"),
        ("models", False),
    ],
)
def test_the_key_is_all_that_the_answer_depends_on(cache: Cache, key: str, value: object) -> None:
    """Another text, budget, solver or version is another question."""
    cache.put(QUESTION, UNSAT)
    assert cache.get(QUESTION | {key: value}) is None


def test_what_is_cut_short_is_not_believed(cache: Cache) -> None:
    """An entry of which any part is missing at its end is passed over, and then kept anew."""
    cache.put(QUESTION, UNSAT)
    whole = entry(cache).read_bytes()
    for length in range(len(whole)):
        entry(cache).write_bytes(whole[:length])
        assert cache.get(QUESTION) is None
    cache.put(QUESTION, UNSAT)
    assert entry(cache).read_bytes() == whole


def test_what_is_garbled_is_not_believed(cache: Cache) -> None:
    """No change of one bit anywhere is taken for an answer that wasn't given."""
    cache.put(QUESTION, SAT)
    whole = entry(cache).read_bytes()
    for at in range(len(whole)):
        for bit in range(8):
            entry(cache).write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            assert cache.get(QUESTION) in (None, SAT)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "7", '"unsat"', "{}", '{"answer": "unsat"}', "[" * 5000, "\0" * 99],
    ids=range(9),
)
def test_what_is_no_entry_is_not_believed(cache: Cache, text: str) -> None:
    """Whatever else is in the file, it is passed over."""
    cache.put(QUESTION, UNSAT)
    entry(cache).write_text(text)
    assert cache.get(QUESTION) is None


def test_the_entry_of_another_question_is_not_believed(cache: Cache) -> None:
    """An entry put in another's place doesn't answer for it, whole though it is."""
    cache.put(QUESTION, UNSAT)
    whole = entry(cache).read_bytes()
    entry(cache).unlink()
    other = QUESTION | {"text": "(assert false)(check-sat)"}
    cache.put(other, SAT)
    entry(cache).write_bytes(whole)
    assert cache.get(other) is None


@pytest.mark.parametrize(
    "answer",
    [
        UNSAT | {"status": "unknown"},
        UNSAT | {"more": 1},
        UNSAT | {"model": {"x": 1}},
        SAT | {"model": {}},
        SAT | {"model": {"x": 7, "y": 7}},
        SAT | {"model": {"x": "7"}},
        SAT | {"model": {"x": -1}},
        SAT | {"spent": True},
    ],
    ids=str,
)
def test_what_is_no_answer_is_not_believed(cache: Cache, answer: dict[str, Any]) -> None:
    """An entry whose checksum is right must still be an answer to the question."""
    cache.put(QUESTION, answer | {"status": "unsat"} if answer["status"] == "unknown" else answer)
    text = json.loads(entry(cache).read_text())
    text["answer"] = answer
    text["check"] = answer_cache._check(text["key"], answer)
    entry(cache).write_text(json.dumps(text))
    assert cache.get(QUESTION) is None


def test_anothers_entry_is_not_believed(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that belongs to another user is passed over."""
    cache.put(QUESTION, UNSAT)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert cache.get(QUESTION) is None


def test_a_place_that_takes_no_files(tmp_path: Path) -> None:
    """Where nothing can be written the tool works without, and leaves nothing behind."""
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file" / "ptproof")
    cache.put(QUESTION, UNSAT)
    assert cache.get(QUESTION) is None


def test_an_entry_that_cannot_be_put_in_place(cache: Cache) -> None:
    """What can't be renamed into place leaves no rest."""
    cache.put(QUESTION, UNSAT)
    place = entry(cache)
    place.unlink()
    place.mkdir()
    cache.put(QUESTION, UNSAT)
    assert cache.get(QUESTION) is None
    assert files(cache.folder) == []


def test_the_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The cache is where the XDG specification wants it; in CI there is none."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for given, expected in (
        ("/somewhere", Path("/somewhere/ptproof")),
        ("relative", tmp_path / ".cache/ptproof"),
        ("", tmp_path / ".cache/ptproof"),
    ):
        monkeypatch.setenv("XDG_CACHE_HOME", given)
        assert users_cache() == Cache(expected)
    for value in ("true", "1", "false"):
        monkeypatch.setenv("CI", value)
        assert users_cache() is None


def test_a_solver_asks_the_cache_first(cache: Cache) -> None:
    """A question answered before needs no process; another budget is another question."""
    asked = [word("x", 8) == 7]
    first = Solver(cache=cache)
    answer = first.ask(asked)
    first.close()
    second = Solver(seconds=0.001, cache=Cache(cache.folder))
    again = second.ask(asked)
    assert (again.model, again.spent, second._process) == (answer.model, answer.spent, None)
    assert (first.asked, first.kept, second.asked, second.kept) == (1, 0, 1, 1)


def test_budget_and_version_are_of_the_key(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another budget, a solver of another version, or asked by another module of ours, it is asked anew."""
    solver = Solver(cache=cache)
    try:
        solver.ask([word("x", 8) == 7])
        solver.cache = Cache(cache.folder)
        monkeypatch.setattr(solver_module, "RLIMIT", solver_module.RLIMIT - 1)
        solver.ask([word("x", 8) == 7])
        monkeypatch.setattr(solver_module, "version_of", lambda _: "99")
        solver.ask([word("x", 8) == 7])
        monkeypatch.setattr(solver_module, "_asking", lambda _: "changed")
        solver.ask([word("x", 8) == 7])
        assert (solver.asked, solver.kept) == (4, 0)
        solver.cache = Cache(cache.folder)
        solver.ask([word("x", 8) == 7])
        assert solver.kept == 1
    finally:
        solver.close()


def test_a_question_is_settled_once_in_a_run() -> None:
    """Without a cache the same text is asked once, whoever asks; another solver is asked for itself."""
    told: dict[str, dict[str, Any]] = {}
    first, second = Solver(told=told), Solver(seconds=0.001, told=told)
    other = Solver(name="bitwuzla", told=told)
    try:
        answer = first.ask([word("x", 8) == 7])
        again = second.ask([word("x", 8) == 7])
        assert (again.model, again.spent, second._process) == (answer.model, answer.spent, None)
        assert (second.asked, second.kept) == (1, 0)
        assert other.ask([word("x", 8) == 7]).status == "sat"
        assert other._process is not None
        assert second.ask([word("x", 8) == 8]).status == "unknown"
        assert len(told) == 2
    finally:
        for each in (first, second, other):
            each.close()


def test_a_second_run_is_the_same_and_asks_nothing(capsys: Capture, place: Path) -> None:
    """The second run prints the same; that the answers are old ones is told on standard error, with the count."""
    first, second = run(capsys, "prove"), run(capsys, "prove")
    assert (first.status, first.out) == (second.status, second.out)
    assert first.err == ""
    count = second.err.split()[1]
    assert second.err == (
        f"ptproof: {count} of {count} answers come from the cache, of earlier runs (--no-cache asks anew)\n"
    )
    assert int(count) >= len(files(place)) > 10
    assert run(capsys, "show", "proved").err.startswith("ptproof: ")


def no_cache(ran: Ran) -> None:
    assert ran.status == 0
    assert ran.err == ""


def test_nothing_is_kept_where_it_should_not(
    capsys: Capture, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --no-cache, and in CI, nothing is read and nothing is written."""
    no_cache(run(capsys, "prove", "--no-cache"))
    with monkeypatch.context() as within:
        within.setenv("CI", "true")
        no_cache(run(capsys, "prove"))
    assert not place.exists()
    run(capsys, "prove")
    no_cache(run(capsys, "prove", "--no-cache"))
    monkeypatch.setenv("CI", "true")
    no_cache(run(capsys, "prove"))


def test_a_damaged_cache_changes_nothing(capsys: Capture, place: Path) -> None:
    """Every entry garbled, the verdicts are the same, and each answer is of this run."""
    first = run(capsys, "prove")
    for each in files(place):
        each.write_bytes(each.read_bytes()[::-1])
    assert run(capsys, "prove") == first
    assert run(capsys, "prove").err


def test_a_changed_statement_is_asked_anew(cache: Cache) -> None:
    """What was proved of one statement is not said of another of the same name."""
    true, false = (
        tiny.claim("same", tiny.part(tiny.lemma("same", goal))) for goal in (tiny.x & 1 <= 1, tiny.x & 2 <= 1)
    )
    assert prove([true], cache=cache).status == 0
    assert prove([false], cache=cache).status == 1


def test_python_callers_ask_anew(place: Path) -> None:
    """From Python nothing is kept unless a cache is given."""
    assert prove(tiny.GOOD).kept == 0
    assert not place.exists()


def test_tests_do_not_touch_the_users_cache() -> None:
    """The whole suite runs with a cache that takes nothing."""
    assert os.environ["XDG_CACHE_HOME"] == "/dev/null"


def test_a_missing_solver_is_told_in_one_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Z3 nothing is started, and one line tells how to get it."""
    monkeypatch.setattr(solver_module, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match="pip install z3-solver"):
        Solver().ask([word("x", 8) == 1])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["fifo", "link", "large"])
def test_a_cache_entry_of_another_kind_is_passed_over(kind: str, tmp_path: Path) -> None:
    """A pipe, on which nobody would ever answer, a link, and what is larger than an entry can be."""
    cache = Cache(tmp_path / "cache")
    question = {"text": "", "inputs": [], "models": False}
    cache.put(question, {"status": "unsat", "model": {}, "why": "", "spent": 0})
    assert cache.get(question) is not None
    (entry,) = (each for each in cache.folder.rglob("*.json"))
    if kind == "large":
        entry.write_bytes(entry.read_bytes() + b" " * (1 << 20))
    else:
        entry.rename(tmp_path / "moved")
        if kind == "fifo":
            os.mkfifo(entry)
        else:
            entry.symlink_to(tmp_path / "moved")
    assert cache.get(question) is None
