"""What the tests of each family of claims ask of all its verdicts."""

from collections.abc import Iterable

from ptproof.formal.claim import Claim, Expected
from ptproof.formal.prover import ProofRun, prove
from ptproof.formal.verdict import Proved, Refuted


def check_verdicts(claims: Iterable[Claim], *, not_executed: Iterable[str] = ()) -> ProofRun:
    """Every part gets the verdict that it carries, and the machine confirms the case that comes with it.

    ``not_executed`` are the claims with a part whose case is too large for the machine. Gives what was decided.
    """
    too_large = set(not_executed)
    run = prove(claims)
    for decision in run.decisions:
        judged = []
        for part in decision.parts:
            verdict, where = part.verdict, (decision.claim.id, part.part.name)
            assert part.as_expected, (where, verdict)
            assert isinstance(verdict, Proved | Refuted), where
            case = verdict.example if isinstance(verdict, Proved) else verdict.witness
            judged.append(case.replay.holds)
            assert case.replay.holds in (None, isinstance(verdict, Proved)), (where, case)
        assert (None in judged) is (decision.claim.id in too_large), (decision.claim.id, judged)
    return run


def check_needs(claims: Iterable[Claim]) -> None:
    """Each assumption of each part that is proved for all words has a case that fails without it."""
    for decision in prove(claims).decisions:
        for part in decision.parts:
            if isinstance(part.verdict, Proved) and not part.part.reached:
                assumed = [each.name for each in part.part.lemma.statement.assumptions]
                needed = [each.assumption for each in part.verdict.needs if each.witness is not None]
                assert needed == assumed, (decision.claim.id, part.part.name)


def refuted(claims: Iterable[Claim]) -> set[str]:
    """The claims that are expected to be refuted, each of which must name its cure."""
    found = {each.id: each for each in claims if each.expected is Expected.REFUTED}
    assert all(each.cure for each in found.values()), found
    return set(found)
