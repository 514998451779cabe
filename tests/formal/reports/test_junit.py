"""``ptproof prove --junit``: a file that CI systems read, in which nothing wrong looks right."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import tiny_claims as tiny
from attrs import evolve
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic.claim import Claim
from ptproof.formal.logic.prover import prove
from ptproof.formal.reports.junit import as_junit
from run_cli import assert_refused, run

LATER = evolve(tiny.SURPRISE, family="Late & <odd>\x00\n")


def read(*claims: Claim) -> ET.Element:
    """The file of a run of these claims, parsed."""
    return ET.fromstring(as_junit(prove(claims)))  # noqa: S314 - our own


def test_suites_are_families_and_cases_are_parts() -> None:
    """Each family is a suite with its counts, each part a case under the family's and the claim's name."""
    root = read(*tiny.GOOD, LATER)
    assert root.tag == "testsuites"
    assert dict(root.attrib) == {
        "name": "ptproof",
        "tests": "6",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
    }
    first, second = root
    assert (first.tag, first.get("name"), first.get("tests")) == ("testsuite", "Tiny", "5")
    assert second.get("name") == r"Late & <odd>\x00\n"
    assert second.get("failures") == "1"
    case = first[0]
    assert (case.tag, case.get("classname"), case.get("name")) == ("testcase", "Tiny.proved", "8 bits")
    assert list(case) == []


def test_a_refutation_that_was_expected_passes_and_tells_its_values() -> None:
    """An expected refutation is no failure; its values are the case's output."""
    (case,) = read(tiny.REFUTED)[0]
    (output,) = case
    assert output.tag == "system-out"
    assert output.text == "refuted, as expected: x = 255: it was seen that holds is False"


@pytest.mark.parametrize(
    ("claim", "kind", "message", "told"),
    [
        (tiny.SURPRISE, "failure", "refuted, expected: proved", "fails at: x = 0"),
        (tiny.VACUOUS, "error", "vacuous, expected: proved", "contradict each other"),
        (tiny.DISAGREES, "error", "error, expected: proved", "MODEL AND MACHINE DISAGREE"),
        (tiny.UNSOUND, "error", "error, expected: proved", "unsound proof"),
    ],
    ids=lambda each: each.id if isinstance(each, Claim) else "",
)
def test_what_is_wrong(claim: Claim, kind: str, message: str, told: str) -> None:
    """A verdict that differs is a failure; one that is no verdict on the claim is an error, and never skipped."""
    root = read(claim)
    assert (root.get("failures"), root.get("errors")) == (("1", "0") if kind == "failure" else ("0", "1"))
    ((wrong,),) = root[0]
    assert (wrong.tag, wrong.get("message"), wrong.get("type")) == (kind, message, message.partition(",")[0])
    assert told in (wrong.text or "")
    assert list(root.iter("skipped")) == []


def test_unknown_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stays Unknown is an error with its reason."""
    monkeypatch.setattr("ptproof.formal.solvers.solver.RLIMIT", 10_000)
    root = read(tiny.UNKNOWN)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("1", "0", "1")
    ((wrong,),) = root[0]
    assert (wrong.tag, wrong.get("type")) == ("error", "unknown")
    assert "not discharged: prime/proof" in (wrong.text or "")


def test_the_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The option writes the file, the same each time, whatever else is printed, and whatever the status is."""
    monkeypatch.setattr(claim_module, "claims", lambda: (tiny.PROVED, tiny.SURPRISE))
    file = tmp_path / "junit.xml"
    ran = run(capsys, "prove", "--junit", str(file))
    assert ran.status == 1
    written = file.read_bytes()
    assert written.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="ptproof" tests="2"')
    assert run(capsys, "prove", "--junit", str(file), "--quiet", "--jobs", "1").status == 1
    assert file.read_bytes() == written
    ran = run(capsys, "prove", "--junit", "-")
    assert (ran.status, ran.out.encode()) == (1, written)
    told = "argument --junit: - is taken already"
    assert_refused(run(capsys, "prove", "--junit", "-", "--json", "-"), told)
    assert_refused(
        run(capsys, "prove", "--junit", "x", "--json", "x"), "argument --junit: x is taken already"
    )
    assert_refused(run(capsys, "prove", "--junit"), "--junit")
    assert run(capsys, "prove", "--junit", str(tmp_path)).status == 2
