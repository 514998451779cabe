"""The search for values: loops are run, not guessed, and what is found is the least."""

from collections.abc import Iterator

import pytest
from attrs import evolve
from ptproof.formal.logic.search import TRIES, easily_met, find, question, run
from ptproof.formal.logic.theorem import Assumption, Loop, Run, Statement
from ptproof.formal.solvers.solver import Solver
from ptproof.formal.words.word import TRUE, choose, number, word

i, n, x, y = word("i", 8), word("n", 8), word("x", 8), word("y", 8)
BY_THREES = Loop("by threes", (n,), (i,), (number(0, 8),), i < n, (i + 3,))
FOREVER = Loop("for ever", (n,), (i,), (n,), i == n, (i,))
ENDS = Statement(goal=i == n, runs=(Run(BY_THREES, (n,), (i,)),))


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    """One solver process for all tests of this module."""
    found = Solver()
    yield found
    found.close()


def test_what_is_easily_met() -> None:
    """Values are tried that are the same each time: what meets a condition shows it, what none meets may still be met."""
    far = word("far", 64)
    assert easily_met(TRUE)
    assert easily_met((x < 16) & (y > x))
    assert easily_met((far & 0xFFF) == 0)
    assert easily_met((x == y + 1) & (y == x * x - 7))
    assert easily_met((x > 1 << 40) & (x & (x - 1) == 0))
    assert not easily_met((x < 16) & (x > 16))
    assert not easily_met((x == y + 1) & (y == x + 1))
    assert not easily_met(far * far == 0x1234_5678_9ABC_DEF1)


def test_a_loop_is_run() -> None:
    """A loop's result is the state in which it stops, and there is none within too few steps."""
    assert run(BY_THREES, [10]) == (12,)
    assert run(BY_THREES, [0]) == (0,)
    assert run(BY_THREES, [10], steps=4) is None
    assert run(FOREVER, [1], steps=100) is None


def test_a_leap_gives_the_same_result() -> None:
    """A loop with a leap comes to the same end in fewer steps."""
    far = choose((n > 6) & (i < n - 6), i + 6, i + 3)
    leaping = evolve(BY_THREES, leap=(far,))
    assert [run(leaping, [each]) for each in range(250)] == [run(BY_THREES, [each]) for each in range(250)]
    assert run(leaping, [100], steps=25) is not None
    assert run(BY_THREES, [100], steps=25) is None


def test_free_choices_rule_nothing_out(solver: Solver) -> None:
    """Where a loop chooses, that its one run on some numbers ends otherwise doesn't show that none ends so."""
    chosen = word("chosen", 1)
    step = (choose(chosen == 1, i + 2, i + 3),)
    choosing = evolve(BY_THREES, step=step, leap=BY_THREES.step, free=(chosen,))
    ends = Statement(goal=i == 4, runs=(Run(choosing, (number(4, 8),), (i,)),))
    found = find(solver, ends, ends.goal)
    assert (found.values, found.none) == (None, False)
    by_threes = evolve(ends, runs=(Run(BY_THREES, (number(4, 8),), (i,)),))
    assert find(solver, by_threes, ends.goal).none


def test_values_have_the_results_of_their_loops(solver: Solver) -> None:
    """What is found for a loop's result is what the loop gives, though the solver only knows that it stopped."""
    found = find(solver, ENDS, (i == 12) & (n > 10))
    assert found.values is not None
    assert found.values[i] == 12
    assert found.values[n] in {11, 12}


def test_values_are_the_least_in_order(solver: Solver) -> None:
    """The first term is made small, then the second."""
    statement = Statement(goal=TRUE, assumptions=(Assumption("sum", x + y == 9, ""),))
    assert find(solver, statement, TRUE, least=(x, y)).values == {x: 0, y: 9}
    assert find(solver, statement, TRUE, least=(y, x)).values == {x: 9, y: 0}
    assert find(solver, statement, TRUE, least=(x ^ 5, x)).values == {x: 5, y: 4}


def test_what_the_solver_of_bits_cannot_settle_is_settled(solver: Solver) -> None:
    """That of words is asked then: products are beyond the other."""
    a, b, c, d = (word(name, 64) for name in "abcd")
    answer = solver.ask([a == b * c, (a * d) != d * (c * b)], (a,))
    assert (answer.status, answer.why) == ("unsat", "")


def test_an_assumption_can_be_dropped(solver: Solver) -> None:
    """Without the assumption of a name, values are found that it rules out; without another's, none."""
    small = Assumption("small", x < 5, "")
    statement = Statement(goal=x < 5, assumptions=(small, Assumption("even", x & 1 == 0, "")))
    assert find(solver, statement, x >= 5).none
    assert find(solver, statement, x >= 5, without="even").none
    assert find(solver, statement, x >= 5, least=(x,), without="small").values == {x: 6}


def test_a_shape_narrows_the_search(solver: Solver) -> None:
    """Values are of the shape, and where none are that is told."""
    statement = Statement(goal=x > 3)
    assert find(solver, statement, x > 3, least=(x,), shape=x > 100).values == {x: 101}
    assert find(solver, statement, x > 3, shape=x < 2).none


def test_the_search_gives_up(solver: Solver) -> None:
    """When candidate after candidate turns out otherwise, the search stops and says so, without a verdict."""
    found = find(solver, ENDS, i == n + 4)
    assert (found.values, found.none) == (None, False)
    assert found.why == f"none of {TRIES} candidates"


def test_the_question_has_everything(solver: Solver) -> None:
    """The exported question is the assumptions, the goal, the shape, and that the loops have stopped."""
    asked = question(ENDS, i == n, shape=n > 5)
    assert solver.ask(asked).status == "sat"
    assert solver.ask([*asked, i < n]).status == "unsat"
    assert solver.ask([*asked, n < 5]).status == "unsat"
