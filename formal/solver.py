"""Asks Z3, in a process that can be killed, whether conditions can hold together.

Budgets are Z3's ``rlimit``, so that the same question gets the same answer on any machine; a time limit
is the backstop for a solver that doesn't stop, and kills it.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from attrs import Factory, define, frozen

from .smtlib import query_text
from .words import Truth, Word, inputs, word

RLIMIT: Final = 40_000_000
"""The budget of one question in Z3's own unit: about ten seconds of hard work."""
SECONDS: Final = 120.0
"""After this long a solver process is killed."""


@frozen(kw_only=True)
class Answer:
    """What the solver said: ``sat`` with a model by input name, ``unsat``, or ``unknown`` and why.

    ``spent`` is in Z3's unit of work, which is the same each time; ``seconds`` are not.
    """

    status: Literal["sat", "unsat", "unknown"]
    model: dict[str, int] = Factory(dict)
    why: str = ""
    spent: int = 0
    seconds: float = 0.0


class SolverDied(RuntimeError):
    """The solver process ended by itself, which it never should."""


@define
class Solver:
    """A solver process, started when first asked. For one thread at a time."""

    seconds: float = SECONDS
    _process: subprocess.Popen[str] | None = None

    def ask(
        self, conditions: Iterable[Truth], least: Sequence[Word] = (), also: Iterable[Word] = ()
    ) -> Answer:
        """Whether ``conditions`` can hold together; a model makes the terms ``least`` small, in their order.

        ``also`` are inputs whose value the model must have even where no condition mentions them.
        """
        goals = [(word(f"least.{index}", term.width), term) for index, term in enumerate(least)]
        everything = [*conditions, *(goal == term for goal, term in goals)]
        wanted = dict.fromkeys([*inputs(everything), *also])
        question = {
            "text": query_text(everything),
            "inputs": [(str(each.value), each.width) for each in wanted],
            "least": [(str(goal.value), goal.width) for goal, _ in goals],
            "rlimit": RLIMIT,
        }
        began = time.monotonic()
        found = self._exchange(json.dumps(question))
        seconds = time.monotonic() - began
        if found is None:
            return Answer(status="unknown", why=f"stopped after {self.seconds:g} s", seconds=seconds)
        return Answer(**found, seconds=seconds)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _exchange(self, line: str) -> dict[str, Any] | None:
        """The answer to a line, or None when the time is up."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ptproof.formal.solver_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        backstop = threading.Timer(self.seconds, process.kill)
        began = time.monotonic()
        backstop.start()
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            backstop.cancel()
        if answer:
            return dict(json.loads(answer))
        late = time.monotonic() - began >= self.seconds
        self.close()
        if late:
            return None
        raise SolverDied("the solver process ended without an answer")
