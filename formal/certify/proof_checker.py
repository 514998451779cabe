"""Checks that a proof refutes a CNF. Small, since a certificate's worth is this check.

The CNF is DIMACS text and the proof LRAT text, as any SAT solver and any other checker read them. A step of
the proof is a line: its number, the literals of a clause, 0, hints, 0. It says that the clause follows. The hints are
the numbers of clauses that show it, one after the other: with every literal of the new clause taken to be false,
each hint has one literal left that can be true, which is true then, and the last hint has none. The step with no
literals says that false follows: nothing satisfies the CNF.

This module imports nothing of this project, so it shares no code with what makes proofs. Whatever it can't
follow it refuses; it looks for nothing by itself. Steps that don't follow but change nothing (RAT) and deletions
aren't taken.

Source: L. Cruz-Filipe et al., Efficient certified RAT verification, 2017 (LRAT).
"""

from collections.abc import Sequence


class RefusedProof(Exception):
    """The proof doesn't refute the CNF, as far as its steps tell; the message says where it fails."""


def check(cnf: str, proof: str) -> int:
    """Follow the proof to the clause without literals; gives the number of steps. Raises `RefusedProof`."""
    clauses = dict(enumerate(_read_cnf(cnf), start=1))
    for count, line in enumerate(proof.splitlines(), start=1):
        number, literals, hints = _read_step(line, count)
        if number <= len(clauses):
            raise RefusedProof(f"line {count}: {number} is the number of another clause")
        if number > len(clauses) + 1:
            raise RefusedProof(f"line {count}: expected step {len(clauses) + 1}, found {number}")
        _follow(clauses, literals, hints, number)
        if not literals:
            return count
        clauses[number] = literals
    raise RefusedProof("the proof ends before its last step, the clause without literals")


def _follow(
    clauses: dict[int, tuple[int, ...]], literals: tuple[int, ...], hints: tuple[int, ...], number: int
) -> None:
    """Show that the clause follows from those that the hints name."""
    false = set(literals)
    for hint in hints:
        if hint not in clauses:
            raise RefusedProof(f"step {number}: there is no clause {hint} before it")
        left = [each for each in clauses[hint] if each not in false]
        if not left:
            return
        if len(left) > 1:
            raise RefusedProof(f"step {number}: clause {hint} has {len(left)} literals left, not one")
        false.add(-left[0])
    raise RefusedProof(f"step {number}: the hints end, and every clause can still hold")


def _read_cnf(text: str) -> list[tuple[int, ...]]:
    lines = text.splitlines()
    header = lines[0].split() if lines else []
    if header[:2] != ["p", "cnf"] or len(header) != 4:
        raise RefusedProof("the CNF doesn't begin with 'p cnf VARIABLES CLAUSES'")
    variables, count = _numbers(header[2:], "the CNF's first line")
    clauses = [_clause(_numbers(line.split(), "the CNF"), "the CNF") for line in lines[1:]]
    if len(clauses) != count:
        raise RefusedProof(f"the CNF has {len(clauses)} clauses, not {count}")
    if any(abs(each) > variables for clause in clauses for each in clause):
        raise RefusedProof(f"the CNF has a variable above {variables}")
    return clauses


def _read_step(line: str, count: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    numbers = _numbers(line.split(), f"line {count}")
    if len(numbers) < 3 or 0 not in numbers[1:-1] or numbers[-1] != 0:
        raise RefusedProof(f"line {count}: expected 'STEP LITERALS 0 HINTS 0'")
    end = numbers.index(0, 1)
    return numbers[0], numbers[1:end], _clause(numbers[end + 1 :], f"line {count}")


def _clause(numbers: Sequence[int], where: str) -> tuple[int, ...]:
    if not numbers or 0 in numbers[:-1] or numbers[-1] != 0:
        raise RefusedProof(f"{where}: expected numbers, and a 0 at the end only")
    return tuple(numbers[:-1])


def _numbers(words: Sequence[str], where: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, words))
    except ValueError as error:
        raise RefusedProof(f"{where}: expected numbers, found something else") from error
