"""Has a SAT solver refute a CNF, and gives its proof, cut down to what it rests on.

Nothing here is trusted: whatever it gives has to pass ``proof_checker``. The solver is CaDiCaL 1.9.5, which the
package python-sat brings, an extra of this one. CaDiCaL writes LRAT itself, but python-sat's own classes ask it for
proofs of another format, without hints; so its functions are called one level below.

Facts: CaDiCaL's options ``lrat`` and ``binary``, which must be set before the proof's file is; python-sat's
``pysat/solvers.py``.
"""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from tempfile import TemporaryFile
from typing import Any, Final

from ..edge.errors import InputError

NAME: Final = "CaDiCaL 1.9.5"
CONFLICTS: Final = 2_000_000
"""So many conflicts are made before the solver gives up: some minutes."""
OPTIONS: Final = {"lrat": 1, "binary": 0, "stabilize": 0, "chrono": 0, "elim": 0}
"""Proofs as text with hints. Without stable phases and chronological backtracking it's a quarter less work, all together."""


_CALLED: Final = ("new", "set", "tracepr", "cbudget", "add_cl", "solve_lim", "del")


class NotRefuted(Exception):
    """There is no proof that the CNF can't be satisfied; the message says why."""


class Satisfiable(NotRefuted):
    """There is none since it can be satisfied, as the solver says."""


def solver_version() -> str:
    """The solver and the package that brings it. Raises InputError if it isn't installed."""
    try:
        return f"{NAME} of python-sat {version('python-sat')}"
    except PackageNotFoundError:
        raise InputError(
            "certificates need python-sat, which is not installed: pip install 'ptproof[certify]'"
        ) from None


def refutation(clauses: Sequence[tuple[int, ...]]) -> str:
    """A proof that ``clauses`` can't all hold, as ``proof_checker`` reads it. Raises NotRefuted."""
    return trimmed(len(clauses), _proof(clauses))


def _proof(clauses: Sequence[tuple[int, ...]]) -> list[str]:
    """The lines of the solver's own proof."""
    functions: Any = _functions()
    with TemporaryFile() as file:
        solver = functions.cadical195_new()
        try:
            for option, value in OPTIONS.items():
                functions.cadical195_set(solver, option, value)
            functions.cadical195_tracepr(solver, file)
            functions.cadical195_cbudget(solver, CONFLICTS)
            for each in clauses:
                functions.cadical195_add_cl(solver, list(each))
            found = functions.cadical195_solve_lim(solver, [], 0)
        finally:
            functions.cadical195_del(solver, file)  # this ends the proof's file
        if found > 0:
            raise Satisfiable("it can be satisfied")
        if found == 0:
            raise NotRefuted(f"no proof within {CONFLICTS:,} conflicts")
        file.seek(0)
        return file.read().decode("ascii").splitlines()


def _functions() -> object:
    """The functions below python-sat's classes. Raises InputError where it isn't installed, or doesn't have them."""
    solver = solver_version()
    try:
        import pysolvers  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError(f"certificates need {solver}, which can't be imported: {error}") from error
    missing = [each for each in _CALLED if not hasattr(pysolvers, f"cadical195_{each}")]
    if missing:
        raise InputError(
            f"certificates need functions that {solver} hasn't got ({', '.join(missing)}): pip install 'ptproof[certify]'"
        )
    return pysolvers


def trimmed(given: int, lines: Sequence[str]) -> str:
    """The steps that the empty clause rests on, without deletions, numbered from ``given`` + 1 on.

    The solver numbers what it is given and what it derives in one row, as it comes: some is derived before all
    is given. So a number that no step has is that of the next clause given.
    """
    steps: dict[str, str] = {}
    name, step = "", "d"
    for line in lines:
        name, _, step = line.partition(" ")
        if step[0] != "d":
            steps[name] = f" {step}"
            if step[0] == "0":
                break
    if step[0] != "0":
        raise NotRefuted("its proof ends without the empty clause")
    needed = {name}
    parts: dict[str, tuple[str, list[str]]] = {}
    for number in reversed(steps):
        if number in needed:
            clause, _, after = steps[number].partition(" 0 ")
            hints = after.split()[:-1]
            parts[number] = clause, hints
            needed.update(hints)
    numbers = (number for number in map(str, count(1)) if number not in steps)
    renumbered = {next(numbers): str(original) for original in range(1, given + 1)}
    kept: list[str] = []
    for number, (clause, hints) in reversed(parts.items()):
        renumbered[number] = str(given + len(kept) + 1)
        after = " ".join([renumbered[each] for each in hints])
        kept.append(f"{renumbered[number]}{clause} 0 {after} 0")
    return "\n".join(kept) + "\n"
