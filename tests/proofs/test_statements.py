"""No theorem says less than it did: each is held against points where what is true is known."""

from collections.abc import Mapping
from functools import partial

import pytest
from attrs import evolve
from ptproof.formal.logic.verdict import Replay
from ptproof.formal.words.word import TRUE
from statement_witnesses import MACHINE, RECORDED, TEXT, mutants, objections, proved_parts, read

KEPT = read()
PARTS = proved_parts()


def test_every_proved_part_is_held_against_something() -> None:
    """Each part that is to be proved has its points; ``python tests/statement_witnesses.py`` records those of new ones."""
    assert sorted(PARTS) == sorted(KEPT)


@pytest.mark.parametrize("name", KEPT)
def test_it_says_what_it_said(name: str) -> None:
    """Assumptions and goal are true and false where they were, and the machine agrees."""
    assert not list(objections(PARTS[name], PARTS[name].lemma.statement, KEPT[name]))


@pytest.mark.parametrize("name", ["exact[64]", "least[compat]", "v-end-closed"])
def test_a_weaker_one_is_noticed(name: str) -> None:
    """Whatever weakens it is objected to; ``make mutants`` tries this of every statement."""
    part, kept = PARTS[name], KEPT[name]
    for mutant in mutants(part, kept):
        assert any(objections(part, mutant.statement, kept)), mutant.name


def test_guards_come_in_their_order() -> None:
    """A goal of nothing is seen where the machine saw it fail; what no value tells is seen in the text."""
    exact, closed = PARTS["exact[64]"], PARTS["v-end-closed"]
    nothing = evolve(exact.lemma.statement, goal=TRUE)
    assert next(objections(exact, nothing, KEPT["exact[64]"])).guard == MACHINE
    needless = evolve(exact.lemma.statement, assumptions=())
    assert {each.guard for each in objections(exact, needless, KEPT["exact[64]"])} == {RECORDED}
    nothing = evolve(closed.lemma.statement, goal=TRUE)
    assert [each.guard for each in objections(closed, nothing, KEPT["v-end-closed"])] == [TEXT]


def test_a_machine_that_sees_otherwise_objects() -> None:
    """The machine is asked anew, and what it sees counts."""
    part = PARTS["exact[64]"]
    for seen in (Replay(holds, "it was seen") for holds in (True, False)):
        other = evolve(part, replay=partial(_seen, seen))
        assert any(
            each.says.endswith("the machine sees otherwise")
            for each in objections(other, part.lemma.statement, KEPT["exact[64]"])
        )


def _seen(seen: Replay, _values: Mapping[str, int]) -> Replay:
    return seen
