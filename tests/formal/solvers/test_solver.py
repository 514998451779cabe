"""The solver's process: it ends when it must, never takes the next question with it, and runs no stray code."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ptproof.formal.solvers.solver import Solver
from ptproof.formal.words.word import word

x = word("x", 8)


class Late(threading.Timer):
    """A backstop that fires when it is called off: just after the answer has come."""

    def cancel(self) -> None:
        self.function()
        super().cancel()


def test_a_backstop_that_fires_late_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer that came before it counts, and the next question gets a process of its own."""
    asked = Solver()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(threading, "Timer", Late)
            assert asked.ask([x < 4, x > 8]).status == "unsat"
        assert asked.ask([x < 4]).status == "sat"
    finally:
        asked.close()


def test_one_that_was_killed_while_it_was_asked_is_closed() -> None:
    """What it hasn't read any more is lost, without a word."""
    asked = Solver()
    process = subprocess.Popen(
        [sys.executable, "-c", ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    process.wait()
    assert process.stdin is not None
    process.stdin.write("a question")
    asked._process = process
    asked.close()
    assert asked._process is None
    assert process.stdin.closed


def test_code_in_the_current_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a module that is called as the solver nor one of the standard library's."""
    for name in ("z3", "json", "ctypes", "importlib", "multiprocessing"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    asked = Solver()
    try:
        assert asked.ask([x < 4, x > 8]).status == "unsat"
    finally:
        asked.close()
    assert not (tmp_path / "ran").exists()


PARENT = """
import sys, time
from ptproof.formal.solvers.solver import Solver
from ptproof.formal.words.word import word
asked = Solver()
asked.ask([word("x", 8) < 4])
print(asked._process.pid, flush=True)
time.sleep(60)
"""


def gone(process: int) -> bool:
    """Whether a process has ended, be it that nobody has asked what it ended of."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has ended")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_process_ends_with_its_parent(number: int) -> None:
    """Whatever the parent died of, and though it had no time to say so."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(parent.pid, number)
    until = time.monotonic() + 2
    while not gone(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert gone(child)
