"""Where each theorem is true, where it isn't, and who says so: what a weakened statement contradicts.

A prover can't notice that a theorem says less than it did: the weaker one is proved, too. So for every part that is
proved, and for every negation by whose proof one is refuted, ``tests/data/statement-witnesses.json`` keeps points:

- the example, where all assumptions and the goal hold, and the frame machine found nothing against it;
- for each assumption a counterexample that dropping it lets in: the other assumptions hold there, the goal
  doesn't, and neither did it on the machine, where that can execute it;
- points near these, and random ones, where what is true is recorded.

Statements are evaluated there, and the machine judges the first two kinds anew. Where some weaker statement has the same truth
at every one of these points, as one has of a goal that needs no assumption, the goal's text is kept, as a hash.

``python tests/statement_witnesses.py`` records anew, which takes as long as proving everything.
"""

# ruff: noqa: T201 - it tells what it does

import hashlib
import json
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen
from ptproof.formal.logic.claim import Claim, Expected, Part, claims
from ptproof.formal.logic.prover import prove
from ptproof.formal.logic.theorem import Assumption, Statement
from ptproof.formal.logic.verdict import MachineDisagreesError, Proved, Replay
from ptproof.formal.solvers.answer_cache import users_cache
from ptproof.formal.words.smtlib import query_text
from ptproof.formal.words.word import TRUE, Truth, Word, compiled, inputs

FILE: Final = Path(__file__).parent / "data/statement-witnesses.json"
EXAMPLE: Final = "example"
RANDOM: Final = 60
"""How many random points there are."""
MACHINE: Final = "machine"
RECORDED: Final = "recorded truth"
TEXT: Final = "text alone"
NEEDLESS: Final = "no counterexample"


@frozen
class Objection:
    """What a guard says against a statement; ``guard`` is what it comes from."""

    guard: str
    says: str


@frozen
class Mutant:
    """A statement that says less, or is about less, than it did."""

    name: str
    statement: Statement


def proved_parts() -> dict[str, Part]:
    """Every part that is to be proved for all words, by its lemma's name."""
    parts = [part for claim in claims() for part in claim.parts]
    proved = [part for part in parts if part.expected is Expected.PROVED and not part.reached]
    return {part.lemma.name: part for part in (*proved, *refuted_for_all())}


def refuted_for_all() -> tuple[Part, ...]:
    """For each part that says that something is reached and is refuted by a proof, that nothing reaches it."""
    parts = [part for claim in claims() for part in claim.parts]
    return tuple(
        evolve(
            part,
            lemma=part.impossible,
            expected=Expected.PROVED,
            reached=False,
            replay=partial(_opposite, part.replay),
        )
        for part in parts
        if part.reached and part.expected is Expected.REFUTED
    )


def _opposite(replay: Callable[[Mapping[str, int]], Replay], values: Mapping[str, int]) -> Replay:
    """What the judge of a part says of its negation."""
    seen = replay(values)
    return seen if seen.holds is None else evolve(seen, holds=not seen.holds)


def recorded(part: Part, verdict: Proved) -> dict[str, Any]:
    """What is kept of a part, by what a run of the prover found."""
    points = {EXAMPLE: dict(verdict.example.values)}
    for need in verdict.needs:
        if need.witness is not None:
            points[need.assumption] = dict(need.witness.values)
    kept: dict[str, Any] = {
        "assumptions": [each.name for each in part.lemma.statement.assumptions],
        "points": {name: {key: hex(value) for key, value in at.items()} for name, at in points.items()},
    }
    kept["truth"] = truth(part.lemma.statement, kept)
    weaker = [each.statement for each in mutants(part, kept)]
    if not all(any(objections(part, each, kept)) for each in weaker):
        kept["text"] = _text(part.lemma.statement)
    return kept


def objections(part: Part, statement: Statement, kept: Mapping[str, Any]) -> Iterator[Objection]:
    """What is to be said against ``statement`` in the part's place; the strongest guard first."""
    for name, at in kept["points"].items():
        for says in _at_point(part, statement, name, at):
            yield Objection(MACHINE, f"at the point {name}: {says}")
    names = [each.name for each in statement.assumptions]
    for name in set(names) - set(kept["assumptions"]):
        yield Objection(NEEDLESS, f"{name} is assumed, and no counterexample shows what for")
    for name in set(kept["assumptions"]) - set(names):
        yield Objection(RECORDED, f"{name} is not assumed any more")
    if names == kept["assumptions"] and truth(statement, kept) != kept["truth"]:
        yield Objection(RECORDED, "what was true at a point near is false, or the other way round")
    if "text" in kept and _text(statement) != kept["text"]:
        yield Objection(TEXT, "the goal is another one")


def _at_point(part: Part, statement: Statement, name: str, at: Mapping[str, str]) -> Iterator[str]:
    """What isn't so at a point: all holds at the example; at another just what it lacks, and the goal, doesn't."""
    holds = held(statement, values_of(at))
    for each in statement.assumptions:
        if holds[each.name] is (each.name == name):
            yield f"{each.name} is {holds[each.name]}"
    if holds[""] is not (name == EXAMPLE):
        yield f"the goal is {holds['']}"
    if _machine(part, at) is (name != EXAMPLE):
        yield "the machine sees otherwise"


def truth(statement: Statement, kept: Mapping[str, Any]) -> str:
    """What holds at the points near those that are kept: a bit for each assumption and the goal, in hexadecimal."""
    bits = "".join("01"[each] for at in _near(kept) for each in held(statement, at).values())
    return f"{int('1' + bits, 2):x}"


def _near(kept: Mapping[str, Any]) -> Iterator[dict[str, int]]:
    """Points near those that are kept, one word changed, and random ones; the same each time."""
    points = [values_of(at) for at in kept["points"].values()]
    for at in points:
        for name, value in at.items():
            for changed in (value - 1, value + 1, value - 0x1000, value + 0x1000, value ^ 1 << 21, 0, -1):
                yield at | {name: changed}
    source = random.Random(1)
    for _ in range(RANDOM):
        yield {
            name: source.choice(
                (at[name], source.getrandbits(64), source.getrandbits(52) << 12, source.getrandbits(6))
            )
            for at in [source.choice(points)]
            for name in at
        }


def mutants(part: Part, kept: Mapping[str, Any]) -> Iterator[Mutant]:
    """Every weaker statement that is tried: less is shown, or under more assumptions."""
    statement, name = part.lemma.statement, part.lemma.name
    example = values_of(kept["points"][EXAMPLE])
    yield Mutant(f"{name}: nothing is to be shown", evolve(statement, goal=TRUE))
    for index, (weaker, goal) in enumerate(_weaker(statement.goal)):
        yield Mutant(f"{name}: {weaker}, comparison {index + 1}", evolve(statement, goal=goal))
    just_there = TRUE
    for variable in statement.variables:
        just_there &= variable == example[str(variable.value)]
    for index, each in enumerate(statement.assumptions):
        others = list(statement.assumptions)
        others[index] = evolve(each, condition=just_there)
        yield Mutant(f"{name}: {each.name} holds at one point", evolve(statement, assumptions=tuple(others)))
    needless = Assumption(
        "needless", statement.variables[0] <= example[str(statement.variables[0].value)], ""
    )
    more = (*statement.assumptions, needless)
    yield Mutant(f"{name}: one assumption more", evolve(statement, assumptions=more))


def _weaker(goal: Truth) -> Iterator[tuple[str, Truth]]:
    """The goal with one equation of words that it is a conjunction of replaced by ≤, one after the other."""
    if goal.operation == "and":
        left, right = goal.arguments
        yield from ((how, each & right) for how, each in _weaker(left))
        yield from ((how, left & each) for how, each in _weaker(right))
    elif goal.operation == "=" and isinstance(goal.arguments[0], Word):
        yield "≤ for =", goal.arguments[0] <= goal.arguments[1]
        yield "≥ for =", goal.arguments[0] >= goal.arguments[1]


def held(statement: Statement, values: Mapping[str, int]) -> dict[str, bool]:
    """What holds at the values: each assumption by its name, and the goal, whose name is empty."""
    words, reading = _reading(statement)
    found = reading(*(values[str(each.value)] % (1 << each.width) for each in words))
    return dict(zip([*(each.name for each in statement.assumptions), ""], map(bool, found), strict=True))


@lru_cache(maxsize=8)
def _reading(statement: Statement) -> tuple[tuple[Word, ...], Callable[..., tuple[int, ...]]]:
    """The words that assumptions and goal speak of, and a function of them that tells what holds."""
    terms = [*(each.condition for each in statement.assumptions), statement.goal]
    words = inputs(terms)
    return words, compiled(terms, words)


def _machine(part: Part, at: Mapping[str, str]) -> bool | None:
    try:
        return part.replay(values_of(at)).holds
    except MachineDisagreesError:
        return False


def _text(statement: Statement) -> str:
    return hashlib.sha256(query_text([statement.goal]).encode()).hexdigest()


def values_of(at: Mapping[str, str]) -> dict[str, int]:
    return {name: int(value, 16) for name, value in at.items()}


def read() -> dict[str, dict[str, Any]]:
    """What is kept, by the part's lemma."""
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def main() -> int:
    """Prove everything, and record anew."""
    negations = Claim(id="never", family="", sentence="", source="", statement="", make=refuted_for_all)
    run = prove([*claims(), negations], jobs=len(os.sched_getaffinity(0)), cache=users_cache())
    wanted = proved_parts()
    kept = {
        part.part.lemma.name: recorded(part.part, part.verdict)
        for decision in run.decisions
        for part in decision.parts
        if part.part.lemma.name in wanted and isinstance(part.verdict, Proved)
    }
    missing = sorted(set(wanted) - set(kept))
    if missing:
        print(f"not proved, so nothing is recorded: {', '.join(missing)}", file=sys.stderr)
        return 1
    FILE.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(kept)} statements recorded in {FILE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
