"""The verdicts of all claims, decided in one run: what is expected, executed by the machine, and in need of its assumptions."""

from collections.abc import Iterator

import pytest
from generated_pages import whole_run
from ptproof.formal.prover import PartDecision
from ptproof.formal.verdict import Proved, Refuted

pytestmark = pytest.mark.xdist_group("whole run")


def decided() -> Iterator[tuple[str, PartDecision]]:
    """Every part, with its claim and its own name in one."""
    for decision in whole_run().decisions:
        yield from ((f"{decision.claim.id}: {part.part.name}", part) for part in decision.parts)


def test_every_verdict_is_as_expected() -> None:
    """Every part gets the verdict that it carries, and the machine has executed the case that comes with it."""
    for name, part in decided():
        verdict = part.verdict
        assert part.as_expected, (name, verdict)
        assert isinstance(verdict, Proved | Refuted), name
        case = verdict.example if isinstance(verdict, Proved) else verdict.witness
        assert case.replay.holds is isinstance(verdict, Proved), (name, case)


def test_every_assumption_is_needed() -> None:
    """Each assumption of what is proved for all words has a case that fails without it."""
    for name, part in decided():
        if isinstance(part.verdict, Proved) and not part.part.reached:
            assumed = [each.name for each in part.part.lemma.statement.assumptions]
            needed = [each.assumption for each in part.verdict.needs if each.witness is not None]
            assert needed == assumed, name
