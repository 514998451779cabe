"""What all tests share: none reads or writes the cache of whoever runs them, and what they start can be interrupted."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from answers_of_this_run import answers, folder
from ptproof.formal.solvers.solver import Solver, identity

# A job in the background ignores Ctrl-C, and so would every child that a test sends it to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The same for a terminal that is closed, after nohup.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

os.environ["XDG_CACHE_HOME"] = "/dev/null"
"""A place that takes no files: tests that are about the cache give it one of their own."""
folder()  # before there are workers, which get its name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Rocq's files come first: then one worker has them all. At the end, others would take some, and wait for what the first one compiles."""
    items.sort(key=lambda each: each.path.name != "test_rocq.py")


@pytest.fixture(scope="session")
def of_all_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this session of pytest, the same one for each of its workers."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture
def shared_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that was settled in this run isn't settled again; for tests that aren't about solvers."""
    settled, known = Solver._exchange, answers()

    def exchange(solver: Solver, line: str) -> dict[str, Any] | None:
        question = json.loads(line) | identity(solver.name)
        kept = known.get(question)
        if kept is not None:
            return kept
        found = settled(solver, line)
        if found is not None:
            known.put(question, found)
        return found

    monkeypatch.setattr(Solver, "_exchange", exchange)
