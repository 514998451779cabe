"""``ptproof certify``: what it prints, its statuses, the files it writes, and that kept proofs can be checked."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NoReturn

import pytest
import small_tree
import tiny_claims as tiny
from ptproof.formal.certify import sat_oracle
from ptproof.formal.certify.certificate import LOOKS, MANIFEST, PROOF_BYTES, read_manifest
from ptproof.formal.cli.main import main
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic.claim import Claim, Expected
from run_cli import Ran, assert_refused, run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    install(monkeypatch, *tiny.GOOD)


def install(monkeypatch: pytest.MonkeyPatch, *claims: Claim) -> None:
    """Put claims in the place of those installed."""
    monkeypatch.setattr(claim_module, "claims", lambda: claims)


def test_all_certified(capsys: Capture) -> None:
    """The counts, and how long the proofs are; status 0."""
    ran = run(capsys, "certify", "--jobs", "2")
    assert (ran.status, ran.err) == (0, "")
    counts, satisfiable, proofs = ran.lines
    assert counts == "4 obligations: certified 3, satisfiable 1, uncertified 0, refused 0"
    assert satisfiable == "No proof rests on the one that is not certified: it is of a claim that is refuted."
    assert proofs.startswith("3 proofs of ")
    assert proofs.endswith(" steps were checked; solver: CaDiCaL 1.9.5 of python-sat 1.9.dev24")
    assert not list(Path().iterdir())


def test_one_and_several(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told agrees with its number."""
    needless = run(capsys, "certify", "needless").lines
    assert needless[0] == "1 obligation: certified 1, satisfiable 0, uncertified 0, refused 0"
    assert re.match(r"1 proof of (1 step|[\d,]+ steps) was checked; ", needless[1])
    small = tiny.part(tiny.lemma("stays-small", tiny.x < 200), expected=Expected.REFUTED)
    install(monkeypatch, tiny.REFUTED, tiny.claim("small", small))
    several = run(capsys, "certify").lines
    assert several[1] == "No proof rests on 2 that are not certified: they are of claims that are refuted."
    assert several[2].startswith("0 proofs of 0 steps were checked; ")


def test_a_proof_that_does_not_follow(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that is expected to hold and doesn't: status 1, and the obligation is named."""
    install(monkeypatch, tiny.PROVED, tiny.SURPRISE)
    ran = run(capsys, "certify")
    assert (ran.status, ran.lines[0]) == (1, "SATISFIABLE  shrinks/proof: it can be satisfied")
    assert "3 obligations: certified 2, satisfiable 1, uncertified 0, refused 0" in ran.lines


def test_nothing_to_certify(capsys: Capture) -> None:
    """Claims that examples settle rest on no obligation: that isn't success."""
    ran = run(capsys, "certify", "reached")
    assert (ran.status, ran.out) == (5, "")
    assert ran.err == "ptproof: the selected claims have no obligations: examples settle them\n"


def test_names_that_name_nothing(capsys: Capture) -> None:
    """As for every command."""
    assert run(capsys, "certify", "nobody").status == 5


def missing(name: str) -> NoReturn:
    """What looking up a package's version does where it isn't installed."""
    raise PackageNotFoundError(name)


def test_without_python_sat(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to install, status 2; nothing is written."""
    monkeypatch.setattr(sat_oracle, "version", missing)
    ran = run(capsys, "certify", "--manifest", "m.json", "--out", "kept", "--json", "-")
    assert_refused(ran, "python-sat, which is not installed: pip install 'ptproof[certify]'")
    assert not list(Path().iterdir())


def test_other_commands_do_not_load_it() -> None:
    """Nor does this process, which only makes clauses."""
    script = (
        "import sys; from ptproof.formal.cli.main import main;"
        "print(main(['list']), main(['certify', 'asserts-same-test']), 'pysolvers' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "0 0 False"


def test_as_json(capsys: Capture) -> None:
    """What came of each obligation, with the hashes; and no text."""
    found = json.loads(run(capsys, "certify", "--json", "-").out)
    assert (found["schema"], found["status"]) == ("ptproof-certify/1", 0)
    grades = {each["name"]: each["grade"] for each in found["obligations"]}
    assert grades["helper/proof"] == "certified"
    assert grades["grows/proof"] == "satisfiable"
    for each in found["obligations"]:
        assert (each["certificate"] is None) == (each["grade"] != "certified")
    assert set(found["trusted"]) == {"bit_blaster", "proof_checker"}


def test_the_manifest_is_the_same_each_time(capsys: Capture) -> None:
    """Byte for byte, whoever of the two processes was quicker."""
    assert run(capsys, "certify", "--manifest", "one.json", "--jobs", "2").status == 0
    assert run(capsys, "certify", "--manifest", "other.json", "--jobs", "1").status == 0
    assert Path("one.json").read_bytes() == Path("other.json").read_bytes()
    assert len(read_manifest(Path("one.json").read_bytes(), "one.json")[1]) == 3


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The proofs of the tiny claims, which each test copies."""
    folder = tmp_path_factory.mktemp("certified") / "kept"
    with pytest.MonkeyPatch.context() as patched:
        install(patched, *tiny.GOOD)
        assert main(["certify", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def kept(kept_once: Path) -> Path:
    """A folder with the proofs of the tiny claims."""
    return Path(shutil.copytree(kept_once, "kept"))


def checked(capsys: Capture, *more: str) -> Ran:
    """Check the kept proofs."""
    return run(capsys, "certify", "proved", "needless", "--check", "kept", *more)


def test_kept_proofs_are_checked_without_a_solver(
    capsys: Capture, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each query, its clauses and its proof are files; the proofs are checked where python-sat isn't installed."""
    names = {each.name for each in kept.iterdir()}
    certificates = read_manifest((kept / MANIFEST).read_bytes(), "kept")[1]
    assert names == {MANIFEST} | {
        f"{each.query}.{end}" for each in certificates for end in ("smt2", "cnf", "lrat")
    }
    monkeypatch.setattr(sat_oracle, "version", missing)
    ran = checked(capsys)
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines[0] == "3 obligations: certified 3, satisfiable 0, uncertified 0, refused 0"
    assert ran.lines[-1].endswith("solver: none; kept proofs of kept")


def test_what_no_proof_rests_on_needs_no_kept_proof(capsys: Capture, kept: Path) -> None:
    """A claim that is refuted has an obligation that can be met: nobody has a proof of it, with or without a solver."""
    ran = run(capsys, "certify", "--check", str(kept))
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines[:2] == [
        "4 obligations: certified 3, satisfiable 0, uncertified 1, refused 0",
        "No proof rests on the one that is not certified: it is of a claim that is refuted.",
    ]


def proof_of(kept: Path, name: str) -> Path:
    """The file of a kept proof."""
    (query,) = (
        each.query for each in read_manifest((kept / MANIFEST).read_bytes(), "kept")[1] if each.name == name
    )
    return kept / f"{query}.lrat"


def test_a_kept_proof_that_is_missing(capsys: Capture, kept: Path) -> None:
    """It stays uncertified, with status 3."""
    proof_of(kept, "helper/proof").unlink()
    ran = checked(capsys)
    assert ran.status == 3
    assert ran.lines[0].startswith("UNCERTIFIED  helper/proof: there is no proof kept/")
    assert ran.lines[1] == "3 obligations: certified 2, satisfiable 0, uncertified 1, refused 0"


def _cut(text: str) -> str:
    return text[: len(text) // 2]


def _emptied(_text: str) -> str:
    return ""


def _binary(_text: str) -> str:
    return "a\0b\x80"


@pytest.mark.parametrize("damage", [_cut, _emptied, _binary])
def test_a_kept_proof_that_is_damaged(capsys: Capture, kept: Path, damage: Callable[[str], str]) -> None:
    """It is refused, with status 70."""
    file = proof_of(kept, "helper/proof")
    file.write_text(damage(file.read_text(encoding="ascii")), encoding="latin-1")
    ran = checked(capsys)
    assert ran.status == 70
    assert ran.lines[0].startswith("REFUSED  helper/proof: the proof was refused: ")


def test_a_proof_of_another_query(capsys: Capture, kept: Path) -> None:
    """Put in the place of the right one, it is refused."""
    proof_of(kept, "helper/proof").write_bytes(proof_of(kept, "least-of-two/proof").read_bytes())
    assert checked(capsys).lines[0].startswith("REFUSED  helper/proof: the proof was refused: ")


def test_another_right_proof(capsys: Capture, kept: Path) -> None:
    """A proof that is right, but not the one recorded, is refused, too."""
    with proof_of(kept, "helper/proof").open("a", encoding="ascii") as file:
        file.write("\n")
    ran = checked(capsys)
    assert ran.status == 70
    assert ran.lines[0] == "REFUSED  helper/proof: the manifest has another CNF or another proof"


def test_a_kept_proof_that_would_take_for_ever(capsys: Capture, kept: Path) -> None:
    """Hints that have a long clause looked at time and again are counted before; other proofs are checked all the same."""
    file = proof_of(kept, "helper/proof")
    text = file.with_suffix(".cnf").read_text(encoding="ascii").splitlines()
    step, first = len(text), text[1].removesuffix(" 0")
    others = " ".join(map(str, range(10**6, 10**6 + 50_000)))
    again = f"{step + 1} {first} {others[:-8]} 0 {f'{step} ' * 50_000}0\n"
    file.write_text(f"{step} {first} {others} 0 1 0\n{again}", encoding="ascii")
    began = time.process_time()
    ran = checked(capsys)
    assert time.process_time() - began < 2
    assert ran.status == 3
    assert "UNCERTIFIED  helper/proof: " in ran.lines[0]
    assert f"expected at most {LOOKS} literals to look at, found 2500" in ran.lines[0]
    assert "(--limit 38 takes it on)" in ran.lines[0]
    assert "certified 2" in ran.out


def test_a_kept_proof_that_is_too_large(capsys: Capture, kept: Path) -> None:
    """It isn't read whole."""
    with proof_of(kept, "helper/proof").open("wb") as file:
        file.truncate(PROOF_BYTES + 1)
    ran = checked(capsys)
    assert ran.status == 3
    assert "found more (--limit raises that)" in ran.lines[0]


def test_a_manifest_that_is_no_file(capsys: Capture) -> None:
    """Nobody waits for a pipe that no one writes to."""
    Path("kept").mkdir()
    os.mkfifo("kept/certificates.json")
    assert_refused(run(capsys, "certify", "--check", "kept"), "kept/certificates.json: expected a file")


def test_files_that_cannot_be_used(capsys: Capture) -> None:
    """A folder without a manifest, a manifest that is none, names that can't be written: one line, status 2."""
    assert_refused(run(capsys, "certify", "--check", "nowhere"), "nowhere/certificates.json: can't be read")
    Path("kept").mkdir()
    Path("kept", MANIFEST).write_text("{}", encoding="utf-8")
    assert_refused(run(capsys, "certify", "--check", "kept"), "kept/certificates.json: expected a manifest")
    Path("file").touch()
    assert_refused(run(capsys, "certify", "--out", "file"), "file: can't be written to: ")
    assert_refused(run(capsys, "certify", "--manifest", "no/m.json"), "no/m.json: can't be written")
    assert_refused(run(capsys, "certify", "--out", "a", "--check", "b"), "not allowed with argument")
    assert_refused(run(capsys, "certify", "--jobs", "0"), "argument --jobs: expected 1 to 256")


def test_what_is_proved_of_a_tree_is_certified(capsys: Capture, tmp_path: Path) -> None:
    """Each obligation of it."""
    tree = str(small_tree.written(tmp_path))
    ran = run(capsys, "certify", "--tree", tree, "--json", str(tmp_path / "found.json"))
    assert (ran.status, ran.err) == (0, "")
    found = json.loads((tmp_path / "found.json").read_text())["obligations"]
    assert len(found) > 20
    assert {each["grade"] for each in found} == {"certified"}


def test_what_is_not_proved_of_a_tree_is_named(capsys: Capture, tmp_path: Path) -> None:
    """The status stays that of the tree, though all that is proved is certified."""
    edit = small_tree.changed("v_end += 1UL << 22;", 'asm volatile ("" : "+r" (v_end));')
    ran = run(capsys, "certify", "--tree", str(small_tree.written(tmp_path, edit)))
    assert ran.status == 3
    assert "ptproof: not proved, so not certified: count (" in ran.err
    assert "uncertified 0, refused 0" in ran.out
    assert_refused(run(capsys, "certify", "exact", "--tree", str(tmp_path)), "expected no claims with it")
