"""Certificates: bound by hashes, never of a false statement, and refused whatever way a proof is damaged."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

import pytest
import tiny_claims as tiny
from attrs import evolve
from ptproof.formal.certify import certificate
from ptproof.formal.certify.bit_blaster import Cnf, blasted
from ptproof.formal.certify.certificate import (
    MANIFEST,
    Outcome,
    bound,
    certify,
    manifest,
    read_manifest,
    recorded,
    trusted,
    uncertified,
)
from ptproof.formal.certify.sat_oracle import refutation
from ptproof.formal.edge.errors import InputError
from ptproof.formal.logic.claim import GROUP, Claim
from ptproof.formal.logic.rule import obligations
from ptproof.formal.words.smtlib import query_text
from ptproof.formal.words.word import Truth, word

a, b, c = word("a", 8), word("b", 8), word("c", 8)
TRUE_ONE: Final = [a + b - b != a]
"""Conditions that nothing meets: their proof has some steps."""
OTHER: Final = [b + c - c != b]
"""The same of other words, and so the same clauses."""
ANOTHER: Final = [(a & b) + (a | b) != a + b]
"""Something else that nothing meets."""
FALSE_ONE: Final = [a + 1 <= a]
"""Conditions that 255 meets: that a < a + 1 is false."""


def sha256(text: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def settled(conditions: list[Truth], proof_of: Callable[[str, Cnf], str]) -> Outcome:
    """What comes of conditions when the proofs come from there."""
    return certificate._settled(query_text(conditions), blasted(conditions), proof_of, None)


def by_name(*claims: Claim) -> dict[str, Outcome]:
    """What comes of the claims' obligations."""
    return {each.name: each for each in certify(claims, jobs=1)}


@pytest.fixture(scope="module")
def good() -> dict[str, Outcome]:
    """What comes of the claims whose verdict is the expected one."""
    return by_name(*tiny.GOOD)


def test_a_certificate_is_bound_by_hashes(good: dict[str, Outcome]) -> None:
    """It names the query's text, the CNF's and the proof's, each by its SHA-256."""
    made = good["reflexive/proof"].certificate
    assert made is not None
    (obligation,) = obligations(tiny.NEEDLESS.parts[0].lemma)
    cnf = blasted(obligation.conditions)
    assert made.name == obligation.name
    assert made.query == sha256(query_text(obligation.conditions))
    assert made.cnf == sha256(cnf.dimacs())
    assert made.proof == sha256(refutation(cnf.clauses))
    assert made.steps == refutation(cnf.clauses).count("\n")


def test_every_obligation_that_a_proof_rests_on_is_certified(good: dict[str, Outcome]) -> None:
    """Those of the lemmas below, too. Of a claim that is refuted the obligation can be satisfied, as it has to."""
    assert {name: (each.grade, each.needed) for name, each in good.items()} == {
        "helper/proof": ("certified", True),
        "least-of-two/proof": ("certified", True),
        "reflexive/proof": ("certified", True),
        "grows/proof": ("satisfiable", False),
    }
    assert [int(each.status) for each in good.values()] == [0, 0, 0, 0]


def test_no_certificate_of_a_false_statement() -> None:
    """A claim that is expected to hold, but doesn't: nothing is certified, and the status says so."""
    (outcome,) = certify([tiny.SURPRISE], jobs=1)
    assert (outcome.grade, outcome.certificate, int(outcome.status)) == ("satisfiable", None, 1)


def test_one_text_is_proved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lemmas that say the same in other names have one proof, and a certificate each."""
    same = tiny.claim("same", tiny.part(tiny.lemma("said-again", (tiny.x | tiny.y) >= tiny.x, tiny.SMALL)))
    made = []

    def counted(conditions: Iterable[Truth]) -> Cnf:
        made.append(1)
        return blasted(conditions)

    monkeypatch.setattr(certificate, "blasted", counted)
    first, second = certify([tiny.NEEDLESS, same], jobs=1)
    assert made == [1]
    assert (first.name, second.name) == ("reflexive/proof", "said-again/proof")
    assert first.certificate is not None
    assert second.certificate == evolve(first.certificate, name=second.name)


def proof(conditions: list[Truth]) -> str:
    """A right proof."""
    return refutation(blasted(conditions).clauses)


def with_line(text: str, at: int, change: Callable[[list[str]], list[str]]) -> str:
    """A proof with one step changed, as a list of numbers."""
    lines = text.splitlines()
    lines[at] = " ".join(change(lines[at].split()))
    return "\n".join(lines) + "\n"


def flipped(words: list[str]) -> list[str]:
    """A step whose first literal is negated."""
    return [words[0], str(-int(words[1])), *words[2:]]


def without_a_hint(words: list[str]) -> list[str]:
    """A step without its last hint."""
    return [*words[:-2], "0"]


DAMAGED: Final[dict[str, Callable[[str], str]]] = {
    "empty": lambda _: "",
    "truncated": lambda text: text[: len(text) // 2],
    "its last step missing": lambda text: "".join(text.splitlines(keepends=True)[:-1]),
    "a literal flipped": lambda text: with_line(text, 0, flipped),
    "a hint dropped": lambda text: with_line(text, 0, without_a_hint),
    "a hint dropped in the last step": lambda text: with_line(text, -1, without_a_hint),
    "of another CNF": lambda _: proof(ANOTHER),
    "no proof at all": lambda _: "s UNSATISFIABLE\n",
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_proof_is_refused(how: str) -> None:
    """It is refused, that is said, and there is no certificate."""
    right = proof(TRUE_ONE)
    assert settled(TRUE_ONE, lambda *_: right).grade == "certified"
    wrong = DAMAGED[how](right)
    assert wrong != right
    outcome = settled(TRUE_ONE, lambda *_: wrong)
    assert (outcome.grade, outcome.certificate, int(outcome.status)) == ("refused", None, 70)
    assert outcome.why.startswith("the proof was refused: ")


def test_a_liar_certifies_nothing() -> None:
    """A solver that has a proof of everything doesn't get a false statement certified."""
    lies = (proof(TRUE_ONE), proof(ANOTHER), "1 0 1 0\n", f"{len(blasted(FALSE_ONE).clauses) + 1} 0 0\n")
    for lie in lies:
        assert settled(FALSE_ONE, lambda *_, lie=lie: lie).grade == "refused"


def test_the_same_clauses_of_another_statement_are_another_certificate() -> None:
    """Statements that differ in names only have one CNF and one proof, but not one hash of the query."""
    one, other = (
        settled(each, lambda _, cnf: refutation(cnf.clauses)).certificate for each in (TRUE_ONE, OTHER)
    )
    assert one is not None
    assert other is not None
    assert (one.cnf, one.proof) == (other.cnf, other.proof)
    assert one.query != other.query


def test_kept_proofs_are_bound_to_the_manifest(good: dict[str, Outcome]) -> None:
    """Another CNF, another proof, or an obligation that the manifest lacks: refused."""
    made = [each.certificate for each in good.values() if each.certificate is not None]
    assert list(bound(good.values(), made)) == list(good.values())
    for wrong in (
        [evolve(each, cnf="0" * 64) for each in made],
        [evolve(each, proof="0" * 64) for each in made],
        [],
    ):
        refused = [each for each in bound(good.values(), wrong) if each.name != "grows/proof"]
        assert {(each.grade, int(each.status)) for each in refused} == {("refused", 70)}


def test_the_manifest(good: dict[str, Outcome]) -> None:
    """A line for each certificate, by name; what is read back is what was written."""
    text = manifest(reversed(good.values()), "a solver")
    assert manifest(good.values(), "a solver") == text
    lines = [line for line in text.splitlines() if '"query"' in line]
    assert [json.loads(line.strip(" ,"))["name"] for line in lines] == [
        "helper/proof",
        "least-of-two/proof",
        "reflexive/proof",
    ]
    by, certificates = read_manifest(text.encode(), "a manifest")
    assert by == trusted()
    assert set(certificates) == {each.certificate for each in good.values()} - {None}
    assert json.loads(text)["versions"]["solver"] == "a solver"
    assert read_manifest(manifest([], "none").encode(), "an empty one")[1] == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "ptproof-run/1"}',
        '{"schema": "ptproof-certificates/1", "trusted": {}, "certificates": [{"name": "x"}]}',
        '{"schema": "ptproof-certificates/1", "trusted": {}, "certificates": 1}',
        "[" * 100_000,
    ],
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    """In one line with the file's name."""
    with pytest.raises(InputError, match=r"^the file: .*expected"):
        read_manifest(text.encode(), "the file")


def test_a_hash_is_one(good: dict[str, Outcome]) -> None:
    """A manifest whose hash is too short isn't one."""
    text = manifest(good.values(), "a solver").replace('"cnf": "', '"cnf": "x')
    with pytest.raises(InputError, match="expected a manifest of certificates"):
        read_manifest(text.encode(), "the file")


Package = Callable[[str | None], None]


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Package:
    """Makes a package of claims, with that manifest, the only one that is installed."""
    folder = tmp_path / "somebodys_claims"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = EntryPoint("theirs", "somebodys_claims.catalogue:CLAIMS", GROUP)
    monkeypatch.setattr(certificate, "entry_points", lambda **_: [entry])

    def make(text: str | None) -> None:
        sys.modules.pop("somebodys_claims", None)
        if text is not None:
            (folder / MANIFEST).write_text(text, encoding="utf-8")
        _forget()

    return make


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    """What one test records is nothing to another."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    recorded.cache_clear()
    uncertified.cache_clear()


def test_what_the_claims_package_records_is_certified(package: Package, good: dict[str, Outcome]) -> None:
    """A lemma is, when all its own obligations are in the manifest with the hash of the text that they have now."""
    package(manifest(good.values(), "a solver"))
    assert uncertified(tiny.HELPER) == ()
    assert uncertified(tiny.lemma("grows", tiny.x + 1 > tiny.x)) == ("grows/proof",)
    assert uncertified(tiny.lemma("helper", (tiny.x & tiny.y) < tiny.x)) == ("helper/proof",)


def test_without_a_manifest_nothing_is_certified(package: Package) -> None:
    """That is no error: what is proved stays proved."""
    package(None)
    assert uncertified(tiny.HELPER) == ("helper/proof",)


@pytest.mark.parametrize("module", ["bit_blaster", "proof_checker"])
def test_what_another_version_certified_counts_for_nothing(
    package: Package, good: dict[str, Outcome], module: str
) -> None:
    """A manifest of another blaster or another checker is passed over."""
    text = manifest(good.values(), "a solver")
    package(text.replace(trusted()[module], "0" * 64))
    assert uncertified(tiny.HELPER) == ("helper/proof",)


def test_a_broken_manifest_is_an_error(package: Package) -> None:
    """It doesn't pass for an empty one."""
    package("{")
    with pytest.raises(InputError, match=r"somebodys_claims, .*: expected a manifest"):
        uncertified(tiny.HELPER)
