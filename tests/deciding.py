"""What must hold of a run of all claims, whatever they are. ``test_documents`` has the run; see there why it has but one."""

from collections.abc import Iterator

from ptproof.formal.logic.prover import PartDecision, ProofRun
from ptproof.formal.logic.verdict import Proved, Refuted


def check_verdicts(run: ProofRun) -> None:
    """Every part gets the verdict that it carries, and the machine has executed the case that comes with it."""
    for name, part in _parts(run):
        verdict = part.verdict
        assert part.as_expected, (name, verdict)
        assert isinstance(verdict, Proved | Refuted), name
        case = verdict.example if isinstance(verdict, Proved) else verdict.witness
        assert case.replay.holds is isinstance(verdict, Proved), (name, case)


def check_needs(run: ProofRun) -> None:
    """Each assumption of what is proved for all words has a case that fails without it."""
    for name, part in _parts(run):
        if isinstance(part.verdict, Proved) and not part.part.reached:
            assumed = [each.name for each in part.part.lemma.statement.assumptions]
            needed = [each.assumption for each in part.verdict.needs if each.witness is not None]
            assert needed == assumed, name


def _parts(run: ProofRun) -> Iterator[tuple[str, PartDecision]]:
    for decision in run.decisions:
        yield from ((f"{decision.claim.id}: {part.part.name}", part) for part in decision.parts)
