"""What one or several solvers say of an obligation, and when they contradict each other.

Solvers are asked the same text. An obligation is discharged when one of them at least finds it unsatisfiable, and none
finds it satisfiable. Where one says the first and another the second, one of them is wrong, and nothing that
rests on the obligation is believed.
"""

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from ..solvers.solver import Answer, Solver
from ..words.smtlib import query_text
from .rule import Obligation


@frozen(eq=False)
class Opinion:
    """An obligation, with each solver's answer by its name, in the order in which they were asked."""

    obligation: Obligation
    answers: Mapping[str, Answer]

    @property
    def found_unsat(self) -> tuple[str, ...]:
        """The solvers that find it unsatisfiable."""
        return tuple(name for name, each in self.answers.items() if each.status == "unsat")

    @property
    def found_sat(self) -> tuple[str, ...]:
        """The solvers that find it satisfiable."""
        return tuple(name for name, each in self.answers.items() if each.status == "sat")

    @property
    def disputed(self) -> bool:
        """Whether one solver contradicts another."""
        return bool(self.found_unsat and self.found_sat)

    @property
    def discharged(self) -> bool:
        """Whether the obligation holds, by one solver at least and against none."""
        return bool(self.found_unsat) and not self.found_sat

    @property
    def against(self) -> Answer:
        """The answer that tells most of an obligation that isn't discharged: that it doesn't follow, or why not known."""
        return max(self.answers.values(), key=lambda each: each.status == "sat")

    @property
    def says(self) -> str:
        """The contradiction in one line."""
        unsat, sat = ", ".join(self.found_unsat), ", ".join(self.found_sat)
        return f"{self.obligation.name}: unsat says {unsat}, sat says {sat}"

    @property
    def query(self) -> tuple[str, str]:
        """The question by name, as SMT-LIB."""
        name = self.obligation.name
        return name, query_text(self.obligation.conditions, [name])


def opinion(judges: Sequence[Solver], obligation: Obligation) -> Opinion:
    """Ask every judge."""
    return Opinion(obligation, {each.name: each.ask(obligation.conditions) for each in judges})


def backing(opinions: Iterable[Opinion]) -> int:
    """By how many solvers each of the obligations was found to hold, at least; 0 if there are none."""
    return min((len(each.found_unsat) for each in opinions), default=0)


def answers(opinions: Iterable[Opinion]) -> list[dict[str, str | int]]:
    """How often each solver said what, as plain data."""
    told: dict[str, dict[str, str | int]] = {}
    for each in opinions:
        for name, answer in each.answers.items():
            count = told.setdefault(name, {"solver": name, "unsat": 0, "sat": 0, "unknown": 0})
            count[answer.status] = int(count[answer.status]) + 1
    return list(told.values())
