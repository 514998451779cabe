"""Looks for values that meet a statement or break it: small ones, with the loops really run.

A loop can't be given to the solver, so the search asks for values at which it could have stopped, runs the
loop on them, and asks again without them when the statement turns out otherwise.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain
from operator import and_
from random import Random
from typing import Final, cast

from attrs import frozen

from ..solvers.solver import Solver
from ..words.word import (
    TRUE,
    WIDTH,
    Truth,
    Word,
    all_of,
    compiled,
    compiled_loop,
    conjuncts,
    evaluate,
    inputs,
    replaced,
)
from .theorem import Loop, Run, Statement

TRIES: Final = 16
"""How many candidates of the solver's are run before the search gives up."""
DRAWN: Final = 400
"""How many values are tried before a solver is asked whether there are some."""
STEPS: Final = 4_000_000
"""How many steps of a loop are run before it counts as not stopping."""


@frozen
class Found:
    """Values by input, or ``None``: then ``none`` tells that there are none, otherwise ``why`` not known."""

    values: dict[Word, int] | None
    none: bool = False
    why: str = ""


def find(
    solver: Solver,
    statement: Statement,
    goal: Truth,
    *,
    least: tuple[Word, ...] = (),
    shape: Truth = TRUE,
    without: str | None = None,
) -> Found:
    """Values that meet the assumptions, the runs and ``goal``, which may be the statement's or its negation.

    ``shape`` narrows where the solver looks; ``without`` drops the assumption of that name.
    """
    demanded = all_of([*_assumed(statement, without), goal])
    variables = dict.fromkeys([*statement.variables, *least_inputs(least)])
    asked = question(statement, goal, shape=shape, without=without)
    given_up = False
    for _ in range(TRIES):
        answer = solver.ask(asked, least, variables)
        if answer.status != "sat":
            why = f"a loop has free choices, or was given up after {STEPS} steps" if given_up else answer.why
            return Found(None, none=answer.status == "unsat" and not given_up, why=why)
        values = {each: answer.model[str(each.value)] for each in variables}
        refused = _run_loops(statement.runs, values)
        if not refused and evaluate(demanded, values):
            return Found(values)
        # What a loop with free choices ends with on the same arguments is not one state: nothing is ruled out.
        given_up |= bool(refused) or any(each.loop.free for each in statement.runs)
        asked += refused or [_as_it_ran(run, values) for run in statement.runs]
    return Found(None, why=f"none of {TRIES} candidates")


@cache
def easily_met(condition: Truth, near: tuple[tuple[Word, int], ...] = ()) -> bool:
    """Whether one of a few hundred values that are tried meets a condition; the same ones each time.

    Where values are given, those ``near`` them come first: they differ in the lowest bit of one word.
    """
    condition = _defined(condition)
    if condition is TRUE:
        return True
    variables = inputs([condition])
    holds = compiled([condition], variables)
    return any(holds(*tried)[0] for tried in chain(_beside(variables, dict(near)), _few(variables)))


def _beside(variables: Sequence[Word], near: Mapping[Word, int]) -> Iterator[list[int]]:
    for each in variables if near else ():
        yield [near[other] ^ (other is each) for other in variables]


def _few(variables: Sequence[Word]) -> Iterator[list[int]]:
    masks = [(1 << each.width) - 1 for each in variables]
    for index, values in enumerate(zip(*map(_drawn, range(len(variables))), strict=True)):
        # Every second time page addresses, and in the order in which they are spoken of.
        tried = sorted(each & ~0xFFF for each in values) if index % 2 else values
        yield [*map(and_, tried, masks)]


@cache
def _drawn(position: int) -> tuple[int, ...]:
    """The values that are tried for the input at a position: small and large ones, zero, powers of two, and masks."""
    drawn = Random(position)  # noqa: S311 - nothing secret

    def value() -> int:
        bit = 1 << drawn.randrange(WIDTH)
        return drawn.choice((drawn.randrange(2 * bit), drawn.randrange(2 * bit), bit, bit - 1, 0))

    return tuple(value() for _ in range(DRAWN))


def _defined(condition: Truth) -> Truth:
    """A condition without the inputs that it says are equal to a term: that term is put for each."""
    waiting = [*conjuncts([condition])]
    while waiting:
        each = waiting.pop()
        for name, term in ((*each.arguments,), (*each.arguments[::-1],)) if each.operation == "=" else ():
            if name.operation == "input" and name not in {*inputs([term])}:
                put = {cast(Word, name): cast(Word, term)}
                condition, waiting = replaced(condition, put), [replaced(rest, put) for rest in waiting]
                break
    return condition


def question(
    statement: Statement, goal: Truth, *, shape: Truth = TRUE, without: str | None = None
) -> list[Truth]:
    """What `find` asks the solver at first, of the same arguments."""
    return [*_assumed(statement, without), goal, shape, *map(_stopped, statement.runs)]


def least_inputs(terms: Iterable[Word]) -> tuple[Word, ...]:
    """The inputs among some terms."""
    return tuple(each for each in terms if each.operation == "input")


def run(loop: Loop, arguments: Iterable[int], steps: int = STEPS) -> tuple[int, ...] | None:
    """The state in which ``loop`` stops on these arguments; ``None`` if it takes more steps than ``steps``."""
    start, rounds = _compiled(loop)
    given = tuple(arguments)
    return rounds(*given, *start(*given), steps)


_once_run = lru_cache(512)(run)
"""Many searches try the same arguments: a witness without an assumption often is one with it."""


@cache
def _compiled(loop: Loop) -> tuple[Callable[..., tuple[int, ...]], Callable[..., tuple[int, ...] | None]]:
    return (
        compiled(loop.start, loop.parameters),
        compiled_loop(loop.goes_on, loop.leap or loop.step, loop.parameters, loop.state),
    )


def _bindings(run: Run) -> Mapping[Word, Word]:
    """What the loop's own words stand for in a run."""
    return dict(zip((*run.loop.parameters, *run.loop.state), (*run.arguments, *run.result), strict=True))


def _assumed(statement: Statement, without: str | None) -> list[Truth]:
    return [each.condition for each in statement.assumptions if each.name != without]


def _stopped(run: Run) -> Truth:
    return ~replaced(run.loop.goes_on, _bindings(run))


def _run_loops(runs: Iterable[Run], values: dict[Word, int]) -> list[Truth]:
    """Put the results of the runs into ``values``; gives what rules out arguments on which one doesn't stop."""
    for each in runs:
        arguments = _arguments(each, values)
        result = _once_run(each.loop, arguments)
        if result is None:
            return [~_equal(each.arguments, arguments)]
        values.update(zip(each.result, result, strict=True))
    return []


def _arguments(run: Run, values: Mapping[Word, int]) -> tuple[int, ...]:
    return tuple(evaluate(each, values) for each in run.arguments)


def _as_it_ran(run: Run, values: Mapping[Word, int]) -> Truth:
    """Where the arguments are those of ``values``, so is the result."""
    results = [values[each] for each in run.result]
    return ~_equal(run.arguments, _arguments(run, values)) | _equal(run.result, results)


def _equal(words: Iterable[Word], values: Iterable[int]) -> Truth:
    return all_of(each == value for each, value in zip(words, values, strict=True))
