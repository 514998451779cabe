"""``make mutants``: the score counts what it should, and a survivor fails."""

import os
from pathlib import Path

import pytest
from answers_of_this_run import OF_THIS_RUN
from builder_mutants import MUTANTS as FAULTS
from mutants import MUTANTS
from mutation_score import Trial, _tried, line, main, score
from statement_witnesses import read

TRIALS = [
    Trial("frame machine", "one", "small"),
    Trial("statement", "two", "machine"),
    Trial("statement", "three", ""),
]


def test_there_are_many() -> None:
    """There are eighty mutants of encodings and machine at least, and several of each statement."""
    assert len(MUTANTS) + len(FAULTS) >= 80
    assert len(read()) >= 80


def test_a_survivor_is_named_and_counted() -> None:
    """The score tells how many were killed, by what, and who wasn't."""
    assert [line(each) for each in TRIALS] == [
        "killed  frame machine: one (by small)",
        "killed  statement: two (by machine)",
        "SURVIVED  statement: three",
    ]
    assert list(score(TRIALS)) == [
        "frame machine: 1 of 1 killed",
        "statement: 1 of 2 killed",
        "statements were killed by: machine 1",
        "score: 2 of 3 mutants killed, 66.7 %",
        "SURVIVED: three",
    ]


@pytest.mark.parametrize(("count", "status"), [(2, 0), (3, 1)])
def test_a_survivor_fails(monkeypatch: pytest.MonkeyPatch, count: int, status: int) -> None:
    """One survivor is enough for status 1."""
    for kind in ("faults", "statements", "encodings", "unchanged"):
        monkeypatch.setattr(f"mutation_score.{kind}", list)
    monkeypatch.setattr("mutation_score.statements", lambda: TRIALS[:count])
    assert _tried() == status


def test_what_finds_them_must_pass_what_is_unchanged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the unchanged is objected to, no mutant counts as killed: nothing is tried, status 1."""
    monkeypatch.setattr("mutation_score.unchanged", lambda: ["exact: not as expected"])
    assert _tried() == 1
    assert capsys.readouterr() == ("", "what isn't changed doesn't pass:\n  exact: not as expected\n")


def test_no_answer_of_another_run_is_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Answers are kept in a folder that is new; in a run of CI in the one that it has made for all of its steps."""
    kept: list[Path] = []

    def tried() -> int:
        kept.append(Path(os.environ["XDG_CACHE_HOME"]))
        return len(list(kept[-1].iterdir()))

    monkeypatch.setattr("mutation_score._tried", tried)
    for name in ("CI", "XDG_CACHE_HOME", OF_THIS_RUN):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.delenv(OF_THIS_RUN)
    assert main() == main() == 0
    assert kept[0] != kept[1]
    assert not kept[0].exists()
    monkeypatch.setenv(OF_THIS_RUN, str(tmp_path))
    assert main() == 0
    assert kept[2] == tmp_path
