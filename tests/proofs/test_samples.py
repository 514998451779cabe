"""Every theorem's judge says of many values what the theorem says: none is found where a proved sentence fails."""

from functools import cache, partial

import pytest
from attrs import evolve
from ptproof.formal.logic.claim import Expected, Part, claims
from ptproof.formal.logic.theorem import Statement
from ptproof.formal.logic.verdict import MachineDisagreesError, Replay
from ptproof.formal.words.word import FALSE
from samples import Sampled, sampled
from statement_witnesses import read, refuted_for_all, values_of

ROUNDS = 80
"""How often values are drawn for a part at each border, at most ..."""
ENOUGH = 12
"""... until the machine has confirmed so many."""


@cache
def parts() -> dict[str, Part]:
    """Each part that is proved for all words, by its claim and its own name; and that nothing reaches what is refuted."""
    proved = {
        f"{claim.id}: {part.name}": part
        for claim in claims()
        for part in claim.parts
        if part.expected is Expected.PROVED and not part.reached
    }
    return proved | {part.lemma.name: part for part in refuted_for_all()}


def asked(part: Part, statement: Statement) -> Sampled:
    """What the part's judge says of values that meet the statement's assumptions."""
    kept = read().get(part.lemma.name, {"points": {}})
    bases = [values_of(at) for at in kept["points"].values()]
    return sampled(part, statement, bases, rounds=ROUNDS, enough=ENOUGH)


def without(statement: Statement, name: str) -> Statement:
    """The statement, promising more: an assumption is left out."""
    left = tuple(each for each in statement.assumptions if each.name != name)
    assert len(left) < len(statement.assumptions), name
    return evolve(statement, assumptions=left)


@pytest.mark.parametrize("name", parts())
def test_the_judge_is_about_the_sentence(name: str) -> None:
    """Wherever the assumptions hold, so does the goal, and the machine says nothing else; of some values it says yes."""
    part = parts()[name]
    found = asked(part, part.lemma.statement)
    assert found.wrong == ()
    assert found.confirmed > 0, f"of {found.met} values that meet the assumptions the machine judged none"


@pytest.mark.parametrize(
    ("name", "assumption"),
    [
        ("asserts-overcount: every left-over frame, 64-bit", "root"),
        ("asserts-overcount: every left-over frame, 64-bit", "left-over"),
        ("asserts-overcount: there is one, 32-bit PAE guest on 64-bit Xen", "below"),
        ("never:under-count-caught[64]", "under"),
        ("tables-mapped: 64-bit, an initrd that isn't mapped", "root"),
        ("walk-visits-tables: 32-bit PAE guest on 64-bit Xen", "below"),
        ("unaligned-page: S on a page", "page-aligned"),
    ],
)
def test_a_sentence_that_promises_more_is_noticed(name: str, assumption: str) -> None:
    """Where an assumption is forgotten, values are drawn at which the machine says otherwise, and the goal is false."""
    part = parts()[name]
    wrong = asked(part, without(part.lemma.statement, assumption)).wrong
    assert any(each.startswith("the machine says otherwise") for each in wrong)
    assert any(each.startswith("the goal is false") for each in wrong)


def test_a_goal_that_fails_is_noticed() -> None:
    """The statement is evaluated, too: a goal that is nowhere so is false at each value."""
    part = parts()["exact: 64-bit"]
    found = asked(part, evolve(part.lemma.statement, goal=FALSE))
    assert len(found.wrong) == found.met > 0


def _says(seen: Replay, _values: object) -> Replay:
    return seen


def _disagrees(_values: object) -> Replay:
    raise MachineDisagreesError("n: 4 in the model, 5 on the machine")


def test_what_a_judge_says_counts() -> None:
    """A judge that says no, or has other figures, is noticed at each value; one that executes nothing confirms nothing."""
    part = parts()["padding: any mode"]
    for replay in (partial(_says, Replay(holds=False, says="it isn't so")), _disagrees):
        found = asked(evolve(part, replay=replay), part.lemma.statement)
        assert len(found.wrong) == found.met > 0
        assert found.confirmed == 0
    nothing = asked(evolve(part, replay=partial(_says, Replay(None, "too large"))), part.lemma.statement)
    assert (nothing.confirmed, nothing.wrong) == (0, ())
    assert nothing.met > 0
