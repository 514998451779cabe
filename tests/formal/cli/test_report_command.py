"""``ptproof report``: what the page has in it for every verdict, that it can be trusted, and its statuses."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import tiny_claims as tiny
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic.claim import Claim
from ptproof.formal.logic.theorem import Steps
from ptproof.formal.solvers import solver as solver_module
from run_cli import assert_refused, run, run_on_terminal

pytestmark = pytest.mark.usefixtures("shared_answers")

Capture = pytest.CaptureFixture[str]
Install = Callable[..., None]
VOID = {"meta", "input", "br"}
HOSTILE = "<script>alert(1)</script>\"'&<b>"


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    """Puts claims in the place of those installed; the working directory is an empty one."""
    monkeypatch.chdir(tmp_path)

    def put(*these: Claim) -> None:
        monkeypatch.setattr(claim_module, "claims", lambda: these)

    put(*tiny.GOOD)
    return put


class Page(HTMLParser):
    """A page, read strictly: every element is closed where it should be, every id there once."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.scripts = 0
        self.text: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(set(self.ids)) == len(self.ids)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        assert len(named) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [named["id"] or ""] if "id" in named else []
        self.links += [named["href"] or ""] if "href" in named else []
        self.addresses += [
            named[each] or "" for each in ("src", "action", "data", "xlink:href") if each in named
        ]
        self.scripts += tag == "script"
        assert not any(each.startswith("on") for each in named)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        """All its text, spaces as one."""
        return " ".join(" ".join(self.text).split())


@pytest.mark.usefixtures("install")
def test_a_page_for_every_claim(capsys: Capture) -> None:
    """Each claim has a section with its statement, sentence, cure and parts; links lead to what is there."""
    ran = run(capsys, "report")
    assert (ran.status, ran.err) == (0, "")
    page = Page(ran.out)
    for each in tiny.GOOD:
        assert f"claim-{each.id}" in page.ids
        assert each.sentence in page.words
    assert "What makes it true: x is less than 255" in page.words
    assert "Every verdict is as expected." in page.words
    assert {each.removeprefix("#") for each in page.links} <= set(page.ids)
    assert all(each.startswith("#") for each in page.links)


@pytest.mark.usefixtures("install")
def test_assumptions_and_why_they_are_needed(capsys: Capture) -> None:
    """An assumption has its meaning and the case that dropping it lets in; one that isn't needed is said to be so."""
    words = Page(run(capsys, "report", "proved", "needless").out).words
    assert "small it is small Needed: x = 255" in words.replace("\N{NO-BREAK SPACE}", " ")
    assert "NOT NEEDED: the statement holds without it." in words


@pytest.mark.usefixtures("install")
def test_proofs_are_graphs(capsys: Capture) -> None:
    """A proof has a row for each lemma, a line to its first user, and what it cost; lemmas are told of once."""
    text = run(capsys, "report", "proved").out
    rows = re.findall(r'<g class="lemma" data-name="([^"]+)" data-spent="(\d+)">', text)
    assert [name for name, _ in rows] == ["least-of-two", "helper"]
    assert all(int(spent) > 0 for _, spent in rows)
    assert text.count('class="edge arc"') == 1
    assert "least-of-two (8 bits)" in text
    spent = sum(int(spent) for _, spent in rows)
    assert f"2 lemmas, 2 obligations, {spent:,} units of work" in Page(text).words


@pytest.mark.usefixtures("install")
def test_what_refutes_is_drawn_once(capsys: Capture) -> None:
    """A layout that refutes is drawn where it is first met, and referred to where it comes again."""
    text = run(capsys, "report", "refuted", "unreached").out
    page = Page(text)
    assert [each for each in page.ids if re.fullmatch(r"picture-\d+", each)] == ["picture-1"]
    assert "#picture-1" in page.links
    assert text.count('class="piece"') > 0
    assert text.count("<pattern") == len(set(re.findall(r'<pattern id="([^"]+)"', text)))


def test_verdicts_that_are_not_expected(
    capsys: Capture, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What differs, what stayed unknown, what is vacuous, and errors are said in words; the status is the worst."""
    monkeypatch.setattr(solver_module, "RLIMIT", 100_000)
    install(tiny.SURPRISE, tiny.VACUOUS, tiny.UNKNOWN, tiny.DISAGREES)
    ran = run(capsys, "report")
    assert ran.status == 70
    words = Page(ran.out).words
    assert words.count("NOT AS EXPECTED") >= 8
    for each in ("✗ refuted", "∅ vacuous", "? unknown", "! error"):
        assert each in words
    assert "open query: " in words
    assert "what to try: " in words
    install(tiny.VACUOUS)
    assert run(capsys, "report").status == 4
    install(tiny.SURPRISE)
    assert run(capsys, "report").status == 1


def test_an_unsound_proof(capsys: Capture, install: Install) -> None:
    """A lemma that isn't proved is marked in the graph's place and in the list."""
    install(tiny.UNSOUND)
    ran = run(capsys, "report")
    assert ran.status == run(capsys, "prove").status > 0
    assert "not proved" in Page(ran.out).words


def test_hostile_text_is_escaped(capsys: Capture, install: Install) -> None:
    """Text of claims and lemmas can't become markup, and no script but the page's own is there, or could run."""
    claim = tiny.claim(
        "hostile",
        tiny.part(
            tiny.lemma(HOSTILE, tiny.x + 1 > tiny.x, tiny.SMALL, proof=Steps(uses=(tiny.HELPER.at(),)))
        ),
        family=HOSTILE,
        cure=HOSTILE,
    )
    install(claim)
    text = run(capsys, "report").out
    page = Page(text)
    assert page.scripts == 1
    assert page.addresses == []
    assert "<b>" not in text
    assert HOSTILE in page.words
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#x27;sha256-{digest}&#x27;" in text
    assert "default-src &#x27;none&#x27;" in text


@pytest.mark.usefixtures("install")
def test_the_same_bytes(capsys: Capture) -> None:
    """The same claims give the same page; it asks for nothing from a network."""
    text = run(capsys, "report").out
    assert run(capsys, "report").out == text
    assert set(re.findall(r"\w+://[^\"<\s]+", text)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.usefixtures("install")
def test_into_files(capsys: Capture) -> None:
    """The page goes where ``-o`` says, the data where ``--json`` says; with ``--json -`` the data alone are printed."""
    ran = run(capsys, "report", "proved", "-o", "page.html", "--json", "run.json")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert Path("page.html").read_text(encoding="utf-8") == run(capsys, "report", "proved").out
    data = json.loads(Path("run.json").read_text())
    assert data["schema"] == "ptproof-run/1"
    assert json.loads(run(capsys, "report", "proved", "--json", "-").out) == data


@pytest.mark.usefixtures("install")
def test_refused(capsys: Capture) -> None:
    """What isn't there, and files that can't be written, are told in one line."""
    ran = run(capsys, "report", "nonsense")
    assert (ran.status, ran.out) == (5, "")
    assert ran.err.startswith("ptproof: no claim or family is called 'nonsense'")
    assert_refused(
        run(capsys, "report", "proved", "-o", "/no/such/folder/x"), "/no/such/folder/x: can't be written"
    )
    assert_refused(
        run(capsys, "report", "proved", "-o", "x", "--json", "x"), "argument --output: x is taken already"
    )


def test_a_page_is_nothing_for_a_terminal(tmp_path: Path) -> None:
    """The line says what to do, before anything is decided."""
    status, lines = run_on_terminal("ptproof report unique", tmp_path)
    assert status == 2
    assert " ".join(map(str.strip, lines)) == (
        "ptproof: standard output: expected a file or a pipe, found a terminal: -o FILE writes the page"
    )
