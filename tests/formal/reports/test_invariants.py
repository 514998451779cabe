"""``ptproof invariants``: the document of what holds, and who may write it."""

import json
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
import tiny_claims as tiny
from attrs import evolve
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic.claim import Claim, claims
from ptproof.formal.reports import invariants
from ptproof.formal.reports import source_comments as places
from ptproof.formal.reports.invariants import Assumed, Entry
from ptproof.formal.reports.source_comments import Place, Remark, proved, refuted
from run_cli import assert_refused, run

Capture = pytest.CaptureFixture[str]
Install = Callable[..., None]
PLACE = Place(
    name="somewhere",
    file="some/file.c",
    where="above the loop",
    indent=4,
    remarks=(Remark("It is least.", (proved("proved"),)), Remark("It does NOT grow.", (refuted("refuted"),))),
)
ENTRY = Entry(
    id="x",
    family="Tiny",
    verdict="proved",
    as_expected=True,
    meaning=None,
    question=None,
    statement="x",
    sentence="x",
    source="x",
    assumptions=(),
    parts=(),
    failures=(),
    cure=None,
    places=(),
)
SAID = {"proved": "The <least> of `two` is the *least*.", "refuted": "It grows."}


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    """Puts claims, their meanings and one place in the place of those installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(invariants, "meanings", lambda: SAID)
    monkeypatch.setattr(invariants, "questions", lambda: {"proved": "What is least?"})
    monkeypatch.setattr(places, "places", lambda: (PLACE,))

    def put(*these: Claim) -> None:
        monkeypatch.setattr(claim_module, "claims", lambda: these)

    put(*tiny.GOOD)
    return put


@pytest.mark.usefixtures("install")
def test_markdown(capsys: Capture) -> None:
    """Each claim has its verdict, meaning, statement, sentence, assumptions and why, proof, witness, cure and place."""
    ran = run(capsys, "invariants")
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines[0] == "# Invariants"
    assert ran.lines[2].startswith(
        "5 claims: 3 proved, 2 refuted. They rest on 3 lemmas and 3 obligations, discharged by Z3"
    )
    assert "| What is least? | yes, given small | [proved](#proved-proved) |" in ran.lines
    assert "| Does it hold that refuted? | no | [refuted](#refuted-refuted) |" in ran.lines
    one = ran.out[ran.out.index("### proved: proved") : ran.out.index("### needless")]
    for told in (
        "The \\<least> of \\`two\\` is the \\*least\\*.",
        "```text\nFor all x, y: proved.\n\nMore about it.\n```",
        "**Source:** “Somebody said that proved.” (nowhere)",
        "**Assumes:** small: it is small. Needed: x = 255",
        "**Verdict:** 8 bits: least-of-two holds: proved, from 2 lemmas and ",
        "**Belongs to:** some/file.c: above the loop",
    ):
        assert told in one
    assert max(map(len, ran.lines)) <= 100
    other = ran.out[ran.out.index("### refuted: refuted") :]
    assert "**Fails at:** 8 bits: x = 255: it was seen that holds is False" in other
    assert "**What makes it true:** x is less than 255" in other
    assert "NOT NEEDED: the statement holds without it" in ran.out
    told = " ".join(each.strip() for each in ran.lines)
    assert "by an example that the frame machine replayed: " in told
    assert "refuted, by values that the frame machine confirmed" in told
    assert "refuted, for the solver finds no such values" in told


class Balanced(HTMLParser):
    """Keeps the text, and checks that each tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - as the base has it
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.usefixtures("install")
def test_html(capsys: Capture) -> None:
    """The page is well-formed, complete in itself, and has the same facts, whatever characters are in them."""
    ran = run(capsys, "invariants", "--format", "html")
    assert ran.status == 0
    page = Balanced()
    page.feed(ran.out)
    assert page.open == []
    assert "The <least> of `two` is the *least*." in page.text
    assert "8 bits: x = 255: it was seen that holds is False" in page.text
    assert not re.search(r'(src|href)="(?!#)', ran.out)


@pytest.mark.usefixtures("install")
def test_json(capsys: Capture, tmp_path: Path) -> None:
    """The data are the same on standard output, in a file, and beside another format."""
    shown = run(capsys, "invariants", "refuted", "--format", "json").out
    assert run(capsys, "invariants", "refuted", "--json", "-", "--format", "html").out == shown
    assert run(capsys, "invariants", "refuted", "--json", str(tmp_path / "x")).out.startswith("# Invariants")
    assert (tmp_path / "x").read_text() == shown
    (claim,) = json.loads(shown)["claims"]
    assert claim["failures"] == [
        {"part": "8 bits", "values": {"x": "255"}, "saw": "it was seen that holds is False"}
    ]
    assert claim["places"] == ["some/file.c: above the loop"]


@pytest.mark.usefixtures("install")
def test_comments(capsys: Capture) -> None:
    """Comments are made of what was asked for; where none can be made of it, that has status 5."""
    ran = run(capsys, "invariants", "proved", "--format", "c-comment")
    assert (ran.status, ran.err) == (0, "")
    assert "     * It is least.\n     */" in ran.out
    assert "grow" not in ran.out
    none = run(capsys, "invariants", "reached", "--format", "c-comment")
    assert (none.status, none.out) == (5, "")


def test_what_is_not_so_is_not_written(capsys: Capture, install: Install) -> None:
    """A claim that got another verdict leaves its remark out, says so, and has the status of the run."""
    changed = tiny.claim("proved", tiny.part(tiny.lemma("shrinks", tiny.x - 1 < tiny.x), holds=False))
    install(changed, tiny.REFUTED)
    ran = run(capsys, "invariants", "--format", "c-comment")
    assert ran.status == 1
    assert "It is least." not in ran.out
    assert "It does NOT grow." in ran.out
    assert ran.err == "ptproof: not written for somewhere: It is least.\n"
    assert "### proved: REFUTED, which was not expected" in run(capsys, "invariants").out


def test_a_claim_without_meaning_or_verdict(capsys: Capture, install: Install) -> None:
    """A claim that nobody explained has its statement; one that is vacuous says why, with the run's status."""
    install(tiny.VACUOUS)
    ran = run(capsys, "invariants")
    assert ran.status == 4
    assert "VACUOUS, which was not expected\n\n```text\n" in ran.out
    assert "vacuous, the assumptions of anything contradict each other" in ran.out


@pytest.mark.usefixtures("install")
def test_wrong_usage(capsys: Capture) -> None:
    """A format that there is not, and a name that names nothing, are refused as everywhere."""
    assert_refused(run(capsys, "invariants", "--format", "pdf"), "--format")
    assert run(capsys, "invariants", "provd").status == 5


@pytest.mark.parametrize("said", [invariants.meanings(), invariants.questions()], ids=["meaning", "question"])
def test_every_installed_claim_has_a_meaning_and_a_question(said: Mapping[str, str]) -> None:
    """Each claim is explained in plain English, and answers a question: one of its own, and nothing else has any."""
    assert invariants.without_meaning(claims(), said) == []
    assert set(said) <= {each.id for each in claims()}
    assert len(set(said.values())) == len(said)


def test_assumptions_that_differ_in_a_figure_are_told_once() -> None:
    """Another figure in the meaning is told alone; another meaning, or another need, in full."""
    one = Assumed(name="room", meaning="8 bytes short", parts=("a",), why="Needed: x.")
    alike = evolve(one, meaning="9 bytes short", parts=("b", "c"))
    other = evolve(one, meaning="9 bytes short", why="Needed: y.")
    entry = evolve(ENTRY, assumptions=(one, alike, other))
    assert list(invariants.told_assumptions(entry)) == [
        "room: 8 bytes short. Needed: x.",
        "room, b and c: the same with 9 instead of 8.",
        "room: 9 bytes short. Needed: y.",
    ]
