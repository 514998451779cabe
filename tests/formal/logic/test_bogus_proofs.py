"""Bogus proofs, each of something false or unproved, that must not pass; beside each the honest one, which does.

``test_rule`` shows which obligations a proof makes, and ``test_prover`` what becomes of them; these are whole proofs, as
somebody might try them.
"""

from pathlib import Path
from typing import Any

import pytest
import tiny_claims as tiny
from attrs import evolve
from ptproof.formal.certify.bit_blaster import BitBlaster
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic import rule
from ptproof.formal.logic.prover import PartDecision, prove
from ptproof.formal.logic.rule import UnsoundStep, lemmas_of
from ptproof.formal.logic.theorem import Lemma, Loop, Run, Statement, Steps, Use
from ptproof.formal.logic.verdict import Proved, Refuted, Unknown, Vacuous
from ptproof.formal.words.word import Word, number, replaced, truncated, word, zero_extended
from run_cli import run
from tiny_claims import assume, lemma, part, x, y


def decided(stated: Lemma) -> PartDecision:
    """What the prover makes of a claim with this proof, run as a whole."""
    (decision,) = prove([tiny.claim("bogus", part(stated))]).decisions
    return decision.parts[0]


def circular() -> Lemma:
    """Proves that x is 0 from itself; no such value can be written down, so it is forced into being."""
    first = lemma("first", x == 0)
    second = lemma("second", x == 0, proof=Steps(uses=(first.at(),)))
    object.__setattr__(first, "proof", Steps(uses=(second.at(),)))
    return first


def test_a_circular_lemma(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A lemma that rests on itself is refused, though each of its obligations would be discharged; status 70."""
    with pytest.raises(UnsoundStep, match="a circle: first rests on itself"):
        lemmas_of([circular()])
    monkeypatch.setattr(claim_module, "claims", lambda: (tiny.claim("bogus", part(circular())),))
    ran = run(capsys, "prove")
    assert (ran.status, ran.out) == (70, "")
    assert "a circle: first rests on itself" in ran.err


def test_a_circle_cannot_be_written_down() -> None:
    """What is added to a list after a lemma was made of it doesn't become part of the lemma."""
    uses: list[Use] = []
    first = Lemma("first", "", Statement(goal=x == 0), Steps(uses=uses))
    second = lemma("second", x == 0, proof=Steps(uses=(first.at(),)))
    uses.append(second.at())
    assert lemmas_of([second]) == (first, second)
    assert not isinstance(decided(second).verdict, Proved)


def test_a_lemma_at_an_instance_that_its_assumptions_do_not_cover() -> None:
    """x + 1 > x is so below 255: it isn't had of a y that may be 255, but of one that may not."""
    grows = lemma("grows", x + 1 > x, assume("below", x < 255))
    bogus = lemma("bogus", y + 1 > y, proof=Steps(uses=(grows.at(x=y),)))
    found = decided(bogus)
    assert isinstance(found.verdict, Refuted)
    assert found.verdict.witness.values == {"y": 255}
    honest = lemma("honest", y + 1 > y, assume("small", y < 9), proof=Steps(uses=(grows.at(x=y),)))
    assert isinstance(decided(honest).verdict, Proved)


def test_an_abstraction_that_lost_a_constraint() -> None:
    """With x & y made any word at all, that it is x at most is gone, and has to come from a lemma."""
    goal = (x & y) + 1 <= x + 1
    below = assume("below", x < 255)
    bogus = lemma("bogus", goal, below, proof=Steps(generalise=(x & y,)))
    verdict = decided(bogus).verdict
    assert isinstance(verdict, Unknown)
    assert verdict.why.startswith("not discharged: bogus/proof (does not follow)")
    honest = evolve(bogus, proof=Steps(uses=(tiny.HELPER.at(),), generalise=(x & y,)))
    assert isinstance(decided(honest).verdict, Proved)


def test_an_unproved_lemma() -> None:
    """Anything follows from a false lemma: what uses it, at whatever distance, isn't proved."""
    false = lemma("false", x == y)
    bogus = lemma("bogus", x + 1 == y + 1, proof=Steps(uses=(false.at(),)))
    above = lemma("above", x + 2 == y + 2, proof=Steps(uses=(bogus.at(),)))
    for each in (bogus, above):
        assert isinstance(decided(each).verdict, Refuted)
    harmless = lemma("harmless", (x & y) <= x, proof=Steps(uses=(false.at(),)))
    verdict = decided(harmless).verdict
    assert isinstance(verdict, Unknown)
    assert "false/proof" in verdict.why


def test_assumptions_that_can_be_read_once_only() -> None:
    """Assumptions given as a generator are there for the proof, for whoever uses the lemma, and for vacuity."""
    given = (assume(name, condition) for name, condition in (("low", x < 4), ("high", x > 8)))
    never = Lemma("never", "", Statement(goal=x == 0, assumptions=given))
    bogus = lemma("bogus", y == 0, proof=Steps(uses=(never.at(x=y),)))
    assert [each.name for each in never.statement.assumptions] == ["low", "high"]
    assert isinstance(decided(never).verdict, Vacuous)
    assert not isinstance(decided(bogus).verdict, Proved)


class TwoFaced(dict[Word, Word]):
    """A mapping whose answers change each time that it is read: y, then 0."""

    def __init__(self) -> None:
        self.reads = 0

    def _now(self) -> dict[Word, Word]:
        self.reads += 1
        return {x: y if self.reads == 1 else x.like(0)}

    def items(self) -> Any:
        return self._now().items()

    def __iter__(self) -> Any:
        return iter(self._now())

    def __getitem__(self, key: Word) -> Word:
        return self._now()[key]


def test_an_instance_that_answers_differently_when_it_is_read_twice() -> None:
    """What is put for a variable is read once: the side condition and the goal speak of the same instance."""
    use = Use(lemma("small", x < 4, assume("given", x < 4)), TwoFaced())
    (side, last) = rule.obligations(lemma("bogus", y < 4, proof=Steps(uses=(use,))))
    assert ~(y < 4) in side.conditions
    assert last.conditions[0] is (y < 4)
    with pytest.raises(TypeError):
        use.at[x] = y  # type: ignore[index]


def test_everything_is_copied_where_it_is_given() -> None:
    """Lists that a loop, a run, a statement and steps were made of may change: what was made of them doesn't."""
    words, terms, runs, loose = [x], [x + 1], list[Run](), [x]
    loop = Loop("up", (), words, (x.like(0),), x < 9, terms)
    run = Run(loop, (), words)
    runs.append(run)
    stated, steps = Statement(goal=x >= 9, runs=runs), Steps(generalise=loose)
    for each in (words, terms, runs, loose):
        each.clear()
    assert (loop.state, loop.step, run.result, stated.runs, steps.generalise) == (
        (x,),
        (x + 1,),
        (x,),
        (run,),
        (x,),
    )


def test_widths_that_do_not_fit() -> None:
    """A word isn't extended to fewer bits nor truncated to more, nor put for one of another width."""
    with pytest.raises(TypeError, match="8 bits isn't extended to 4"):
        zero_extended(x, 4)
    with pytest.raises(TypeError, match="8 bits isn't truncated to 16"):
        truncated(x, 16)
    with pytest.raises(TypeError, match="isn't truncated to 0"):
        truncated(x, 0)
    with pytest.raises(TypeError, match="16 bits can't stand for"):
        replaced(x + 1, {x: word("wide", 16)})
    for width in (0, -1):
        with pytest.raises(TypeError, match="one bit at least"):
            word("none", width)
        with pytest.raises(TypeError, match="one bit at least"):
            number(0, width)


def test_the_blaster_pairs_no_words_of_different_widths() -> None:
    """A term that was forced into being, past all checks, has no clauses."""
    wide = word("wide", 16)
    for operation in ("bvand", "bvor", "bvxor", "bvadd", "truncate", "zero_extend"):
        forced = Word(operation, 16, (wide, x) if operation.startswith("bv") else (x,), None)
        if operation == "zero_extend":
            forced = Word(operation, 4, (x,), None)
        with pytest.raises(ValueError, match=r"zip\(\)|came to"):
            BitBlaster().bits_of(forced)


@pytest.mark.parametrize("below", [False, True], ids=["its own", "of a lemma below"])
def test_unsatisfiable_assumptions(*, below: bool) -> None:
    """Under assumptions that nothing meets even a false goal follows: that is Vacuous, also where a lemma has them."""
    never = lemma("bogus", x == y, assume("low", x < 4), assume("high", x > 8))
    stated = lemma("above", (x & y) <= x, proof=Steps(uses=(never.wherever(),))) if below else never
    verdict = decided(stated).verdict
    assert isinstance(verdict, Vacuous)
    assert verdict.why == "the assumptions of bogus contradict each other"


def test_the_bookkeeping_is_small() -> None:
    """All that composes proofs is one module of less than 200 lines."""
    assert len(Path(rule.__file__).read_text(encoding="utf-8").splitlines()) < 200
