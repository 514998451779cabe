"""Asks a solver, in a process that can be killed, whether conditions can hold together.

Budgets are Z3's and cvc5's own measures of work, so that the same question gets the same answer on any machine; a time
limit is the backstop for a solver that doesn't stop, and kills it. Bitwuzla has this limit only.
"""

import hashlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from attrs import Factory, define, frozen

from ..edge.children import large_heap, python
from ..edge.errors import InputError
from ..words.smtlib import query_text
from ..words.word import Truth, Word, inputs, word
from .answer_cache import Cache

RLIMIT: Final = 40_000_000
"""The budget of one question in Z3's own unit: about ten seconds of hard work."""
CVC5_RLIMIT: Final = 4_000_000
"""The budget of one question in cvc5's own unit; the hardest obligation takes a twentieth."""
SECONDS: Final = 120.0
"""After this long a solver process is killed."""
Z3: Final = "z3"
PACKAGES: Final = {Z3: "z3-solver", "cvc5": "cvc5", "bitwuzla": "bitwuzla"}
"""The solvers that can be asked, with the packages that they come in. Z3 alone looks for witnesses."""


@frozen(kw_only=True)
class Answer:
    """What the solver said: ``sat``, by Z3 with a model by input name, ``unsat``, or ``unknown`` and why.

    ``spent`` is in the solver's unit of work, which is the same each time; ``seconds`` are not.
    """

    status: Literal["sat", "unsat", "unknown"]
    model: dict[str, int] = Factory(dict)
    why: str = ""
    spent: int = 0
    seconds: float = 0.0


def check_installed(solvers: Iterable[str]) -> None:
    """Raises `InputError` where a solver isn't installed."""
    missing = [each for each in solvers if find_spec(each) is None]
    if missing:
        packages = " ".join(PACKAGES[each] for each in missing)
        raise InputError(
            f"argument --solver: {' and '.join(missing)} not installed: pip install {packages} (the extra is ptproof[solvers])"
        )


@cache
def version_of(solver: str) -> str:
    """The version of a solver's package; empty where it isn't known."""
    try:
        return version(PACKAGES[solver])
    except PackageNotFoundError:
        return ""


@cache
def _asking(solver: str) -> str:
    """The SHA-256 of the module that asks a solver: an answer is also the work of that."""
    return hashlib.sha256(files(__package__).joinpath(f"ask_{solver}.py").read_bytes()).hexdigest()


@cache
def _module(solver: str) -> str:
    """The SHA-256 of the module that is imported under the solver's name; empty where there is none."""
    found = find_spec(solver)
    if found is None or found.origin is None or not Path(found.origin).is_file():
        return ""
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()


def identity(solver: str) -> dict[str, str | bool]:
    """What an answer depends on besides the question: the solver, its version, and the modules that ask it."""
    return {
        "solver": solver,
        "version": version_of(solver),
        "asking": _asking(solver),
        "module": _module(solver),
        "models": solver == Z3,
    }


class SolverDied(RuntimeError):
    """The solver process ended by itself, which it never should."""


@define
class Solver:
    """A solver process, started when first asked. For one thread at a time.

    ``asked`` counts its questions, and ``kept`` those that the cache answered from an earlier run. Without a
    cache ``told`` has what was answered in this run, by this process or another thread's: it isn't settled again.
    """

    seconds: float = SECONDS
    name: str = Z3
    cache: Cache | None = None
    told: dict[str, dict[str, Any]] = Factory(dict)
    asked: int = 0
    kept: int = 0
    _process: subprocess.Popen[str] | None = None
    _stopped: bool = False

    def ask(
        self, conditions: Iterable[Truth], least: Sequence[Word] = (), also: Iterable[Word] = ()
    ) -> Answer:
        """Whether ``conditions`` can hold together; a model makes the terms ``least`` small, in their order.

        ``also`` are inputs whose value the model must have even where no condition mentions them. Z3 alone gives models.
        """
        goals = [(word(f"least.{index}", term.width), term) for index, term in enumerate(least)]
        everything = [*conditions, *(goal == term for goal, term in goals)]
        wanted = dict.fromkeys([*inputs(everything), *also])
        question = {
            "text": query_text(everything),
            "inputs": [(str(each.value), each.width) for each in wanted],
            "least": [(str(goal.value), goal.width) for goal, _ in goals],
            "rlimit": {Z3: RLIMIT, "cvc5": CVC5_RLIMIT}.get(self.name),
        }
        asked_for = question | identity(self.name)
        self.asked += 1
        if self.cache is not None and (found := self.cache.get(asked_for)) is not None:
            self.kept += not self.cache.wrote(asked_for)
            return Answer(**found)
        line = json.dumps(question)
        if self.cache is None and (found := self.told.get(f"{self.name} {line}")) is not None:
            return Answer(**found)
        began = time.monotonic()
        found = self._exchange(line)
        seconds = time.monotonic() - began
        if found is None:
            return Answer(status="unknown", why=f"stopped after {self.seconds:g} s", seconds=seconds)
        if self.cache is not None:
            self.cache.put(asked_for, found)
        self.told[f"{self.name} {line}"] = found
        return Answer(**found, seconds=seconds)

    def stop(self) -> None:
        """Answer no more questions, the one under way included; from another thread than that which asks."""
        self._stopped = True
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):  # by what it hasn't read any more
                        pipe.close()
            self._process = None

    def _exchange(self, line: str) -> dict[str, Any] | None:
        """The answer to a line, or None when the time is up."""
        if self._process is None:
            if find_spec(self.name) is None:
                raise InputError(f"{PACKAGES[self.name]} is not installed: pip install {PACKAGES[self.name]}")
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and a name of our own
                python("ptproof.formal.solvers.solver_process", self.name, str(os.getpid())),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env=large_heap(),
                process_group=0,  # Ctrl-C is for us, who then end it
            )
        process = self._process
        if self._stopped:
            process.kill()
        assert process.stdin is not None
        assert process.stdout is not None
        too_late = threading.Event()

        def end() -> None:
            too_late.set()
            process.kill()

        backstop = threading.Timer(self.seconds, end)
        backstop.start()
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            backstop.cancel()
            backstop.join()  # it has fired, or never will: it can't end the process in the middle of the next question
        whole = answer.endswith("\n")
        if too_late.is_set() or not whole:
            self.close()
        if whole:
            return dict(json.loads(answer))
        if too_late.is_set():
            return None
        raise SolverDied(f"the process of {self.name} ended without an answer")
