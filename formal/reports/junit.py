"""A run of the prover as JUnit's XML, which CI systems show as a list of tests.

A family is a suite, a part of a claim is a case. A verdict that isn't the expected one is a failure; one that is no
verdict on the claim (Unknown, Vacuous, Error) is an error. Nothing is ever skipped. There are no times in it: the
same run gives the same file. The elements are those that Jenkins and GitLab read.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..edge.outside import one_line
from ..logic.prover import Decision, PartDecision, ProofRun
from ..logic.verdict import Proved, Refuted
from .proof_report import in_one_line, why, word_of


def as_junit(run: ProofRun, *, kept: bool = False) -> bytes:
    """The run as a file, in UTF-8; ``kept`` where all of it is of an earlier run. The file says what comes from earlier runs."""
    families: dict[str, list[Decision]] = {}
    for decision in run.decisions:
        families.setdefault(decision.claim.family, []).append(decision)
    every = [part for each in run.decisions for part in each.parts]
    root = Element("testsuites", {"name": "ptproof"} | _counts(every))
    for family, decisions in families.items():
        parts = [part for each in decisions for part in each.parts]
        suite = SubElement(root, "testsuite", {"name": one_line(family)} | _counts(parts))
        if kept or run.kept:
            what = "all verdicts" if kept else f"{run.kept} of {run.asked} answers"
            SubElement(SubElement(suite, "properties"), "property", name="kept from earlier runs", value=what)
        for decision in decisions:
            for part in decision.parts:
                _add_case(suite, decision, part)
    return as_file(root)


def as_file(root: Element) -> bytes:
    """The elements as a file, in UTF-8."""
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _counts(parts: Sequence[PartDecision]) -> dict[str, str]:
    return totals([_kind(each) for each in parts])


def totals(kinds: Sequence[str]) -> dict[str, str]:
    """A suite's attributes, by the sort of fault of each of its cases."""
    return {
        "tests": str(len(kinds)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": "0",
    }


def _kind(part: PartDecision) -> str:
    """The element that tells what is wrong; none where the verdict is the expected one."""
    if part.as_expected:
        return ""
    return "failure" if isinstance(part.verdict, Proved | Refuted) else "error"


def _add_case(suite: Element, decision: Decision, part: PartDecision) -> None:
    claim, verdict = decision.claim, part.verdict
    case = SubElement(
        suite, "testcase", classname=one_line(f"{claim.family}.{claim.id}"), name=one_line(part.part.name)
    )
    said = f"{word_of(verdict)}, expected: {part.part.expected.value}"
    kind = _kind(part)
    if kind:
        wrong = SubElement(case, kind, message=said, type=word_of(verdict))
        wrong.text = "\n".join(map(one_line, [part.part.lemma.meaning, *why(verdict, {})]))
    elif isinstance(verdict, Refuted):
        SubElement(case, "system-out").text = one_line(
            f"refuted, as expected: {in_one_line(verdict.witness)}"
        )
