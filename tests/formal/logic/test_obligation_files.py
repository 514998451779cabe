"""``ptproof export``: the files, that solvers read them, and what a folder may hold."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tiny_claims as tiny
from ptproof.formal.edge.errors import InputError
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic.claim import Claim
from ptproof.formal.logic.obligation_files import FOLDER, INDEX, PROOFS, READABLE, Export, exported, write
from ptproof.formal.logic.rule import lemmas_of, obligations
from ptproof.formal.words.smtlib import query_text
from run_cli import assert_refused, run

Capture = pytest.CaptureFixture[str]
CLAIMS = (tiny.PROVED, tiny.REFUTED, tiny.REACHED, tiny.UNREACHED, tiny.UNKNOWN)

EXPECTED = """\
; least-of-two/proof
; An obligation of the lemma least-of-two: least-of-two holds
; Assumed: small: it is small
; Uses the lemma helper: helper holds
; It is discharged when these conditions can't hold together: what is known, and last that what is to be
; shown does not hold.
(set-info :smt-lib-version 2.6)
(set-info :status unsat)
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that isn't there yet; the tiny claims are those installed."""
    monkeypatch.setattr(claim_module, "claims", lambda: CLAIMS)
    return tmp_path / "to" / "export"


def content(folder: Path) -> dict[str, bytes]:
    """All files in a folder, by path."""
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def index(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / INDEX).read_text())
    return found


def test_a_file_is_what_z3_is_asked_with_its_meaning_above(capsys: Capture, folder: Path) -> None:
    """A file has comments and the expected answer, and then, to the byte, the question that Z3 gets."""
    ran = run(capsys, "export", str(folder))
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == f"4 obligations of 4 lemmas written to {folder}; index.md says which belongs to what\n"
    text = (folder / FOLDER / "least-of-two-proof.smt2").read_text()
    lemma = tiny.PROVED.parts[0].lemma
    assert text == EXPECTED + query_text(obligations(lemma)[-1].conditions)


def test_the_index_says_what_belongs_to_what(capsys: Capture, folder: Path) -> None:
    """The index names every file once, its lemma, the lemmas that are used, and the claims that rest on it."""
    run(capsys, "export", str(folder))
    found = index(folder)
    files = [each["file"] for lemma in found["lemmas"] for each in lemma["obligations"]]
    assert sorted([INDEX, PROOFS, READABLE, *files]) == sorted(content(folder))
    by_id = {each["id"]: each["parts"][0] for each in found["claims"]}
    assert by_id["proved"]["rests_on"] == ["helper", "least-of-two"]
    assert by_id["reached"]["rests_on"] == []
    lemmas = {each["name"]: each for each in found["lemmas"]}
    assert lemmas["least-of-two"]["uses"] == ["helper"]
    assert [each["status"] for each in lemmas["grows"]["obligations"]] == ["sat"]
    readable = (folder / READABLE).read_text()
    assert sorted(re.findall(r"\(<(.*?)>\)", readable)) == sorted(files)


def test_claims_may_be_chosen(capsys: Capture, folder: Path) -> None:
    """Named claims alone are exported; what they have in common with all is the same file."""
    run(capsys, "export", str(folder), "proved")
    few = content(folder)
    run(capsys, "export", str(folder))
    every = content(folder)
    assert few.items() - {(each, few[each]) for each in (INDEX, PROOFS, READABLE)} < every.items()
    assert run(capsys, "export", str(folder), "nothing").status == 5
    assert content(folder) == every


def test_an_earlier_export_is_replaced(capsys: Capture, folder: Path) -> None:
    """Exported again, the files are the same; what isn't part of the new export is gone, or was cut short before."""
    run(capsys, "export", str(folder))
    before = content(folder)
    (folder / READABLE).unlink()
    assert run(capsys, "export", str(folder)).status == 0
    assert content(folder) == before
    run(capsys, "export", str(folder), "proved")
    assert len(content(folder)) < len(before)


def test_a_killed_run_loses_nothing(capsys: Capture, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until a new export is whole, the earlier one is there as it was; what the killed run left goes with the next."""
    run(capsys, "export", str(folder), "proved")
    before = content(folder)
    written: list[Path] = []
    write_bytes = Path.write_bytes

    def killed(file: Path, data: bytes) -> int:
        written.append(file)
        if len(written) == 3:
            raise KeyboardInterrupt
        return write_bytes(file, data)

    monkeypatch.setattr(Path, "write_bytes", killed)
    run(capsys, "export", str(folder))
    assert len(written) == 3
    left = content(folder)
    assert left.items() > before.items()
    assert all(name.startswith(".ptproof-unfinished/") for name in left.keys() - before.keys())
    monkeypatch.undo()
    monkeypatch.setattr(claim_module, "claims", lambda: CLAIMS)
    assert run(capsys, "export", str(folder), "proved").status == 0
    assert content(folder) == before


def test_what_the_checker_of_proofs_made_stays(capsys: Capture, folder: Path) -> None:
    """Clauses and their proofs have the hash of the clauses as a name: a later export may need them."""
    run(capsys, "export", str(folder))
    (folder / "certificates").mkdir()
    for end in ("cnf", "lrat"):
        (folder / f"certificates/{'0' * 64}.{end}").write_text("kept")
    before = content(folder)
    assert run(capsys, "export", str(folder)).status == 0
    assert content(folder) == before


@pytest.mark.parametrize(
    "name", ["notes.txt", f"{FOLDER}/mine.smt2", "sub/index.md", "certificates/mine.txt"]
)
def test_nothing_of_yours_is_touched(capsys: Capture, folder: Path, name: str) -> None:
    """A file that is no export's stops it, named, before anything is written or removed."""
    run(capsys, "export", str(folder))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    before = content(folder)
    ran = run(capsys, "export", str(folder), "proved")
    told = "sub" if name.startswith("sub") else name
    assert_refused(ran, f"expected nothing or an earlier export, found '{told}' in it")
    assert content(folder) == before


def test_an_index_can_name_nothing_outside(capsys: Capture, folder: Path) -> None:
    """An index that names a file elsewhere, or a link to one, has nothing removed there."""
    outside = folder.parent.parent / "outside"
    outside.write_text("keep")
    folder.mkdir(parents=True)
    forged = {
        "schema": "ptproof-export/1",
        "lemmas": [{"obligations": [{"file": "../../outside"}, {"file": "link"}]}],
    }
    (folder / INDEX).write_text(json.dumps(forged))
    (folder / "link").symlink_to(outside)
    assert_refused(run(capsys, "export", str(folder)), "found 'link' in it")
    (folder / "link").unlink()
    assert run(capsys, "export", str(folder)).status == 0
    assert outside.read_text() == "keep"


@pytest.mark.parametrize(
    "garbage", [b"", b"{", b"[1]", b'{"schema": "other"}', b'{"schema": "ptproof-export/1"}']
)
def test_an_index_that_is_none(capsys: Capture, folder: Path, garbage: bytes) -> None:
    """A folder with an index.json of somebody else's is not an export."""
    folder.mkdir(parents=True)
    (folder / INDEX).write_bytes(garbage)
    assert_refused(run(capsys, "export", str(folder)), "found 'index.json' in it")


def test_where_no_folder_can_be(capsys: Capture, folder: Path) -> None:
    """A file, or a place below one, is refused in one line."""
    folder.parent.mkdir()
    folder.write_text("in the way")
    assert_refused(run(capsys, "export", str(folder)), "expected a folder")
    assert_refused(run(capsys, "export", str(folder / "below")), "can't be written to")
    assert_refused(run(capsys, "export", "nul\0"), "can't be written to")


def tricky(name: str) -> Claim:
    return tiny.claim(name, tiny.part(tiny.lemma(name, tiny.x <= 255)))


def test_names_become_names_of_files(folder: Path) -> None:
    """Whatever a lemma is called, its file is within the folder, and no two have the same, however letters are written."""
    found = exported([tricky(each) for each in ("a[1]", "a 1", "A-1", "../../up", "b" * 300, "≤")])
    write(str(folder), found.files)
    plain = ["a-1-proof", "a-1-proof-2", "A-1-proof-3", "up-proof", "b" * 180, "proof"]
    assert set(content(folder)) == {INDEX, PROOFS, READABLE, *(f"{FOLDER}/{each}.smt2" for each in plain)}


@pytest.mark.parametrize("kind", ["fifo", "link", "large"])
def test_an_index_of_another_kind(tmp_path: Path, kind: str) -> None:
    """A pipe, a link and what is larger than any index are none: what is in the folder stays."""
    index = tmp_path / INDEX
    match kind:
        case "fifo":
            os.mkfifo(index)
        case "link":
            index.symlink_to("/dev/zero")
        case _:
            with index.open("wb") as file:
                file.truncate(1 << 30)
    with pytest.raises(InputError, match="expected nothing or an earlier export"):
        write(str(tmp_path), {})
    assert os.path.lexists(index)


@cache
def of_all_claims() -> Export:
    """The files of every claim that is installed."""
    return exported(claim_module.claims())


def test_every_installed_obligation_is_exported() -> None:
    """Each obligation of every claim has a file of its own, and the same files come each time."""
    claims = claim_module.claims()
    found = of_all_claims()
    assert found.files == exported(claims).files
    lemmas = lemmas_of(lemma for claim in claims for part in claim.parts for lemma in part.lemmas)
    texts = [each.text for files in found.lemmas.values() for each in files]
    assert len(texts) == sum(len(obligations(each)) for each in lemmas)
    assert len(found.files) == len(texts) + 3


READS = {
    "z3": "import z3; print(len(z3.parse_smt2_file({file!r})))",
    "cvc5": """import cvc5
solver = cvc5.Solver(cvc5.TermManager())
parser = cvc5.InputParser(solver)
parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, {file!r})
while not (command := parser.nextCommand()).isNull():
    if command.getCommandName() != "check-sat":
        command.invoke(solver, parser.getSymbolManager())
print(len(solver.getAssertions()))""",
    "bitwuzla": """import bitwuzla
parser = bitwuzla.Parser(bitwuzla.TermManager(), bitwuzla.Options())
parser.parse({file!r}, True, True)
print(len(parser.bitwuzla().get_assertions()))""",
}
"""How each solver reads a file and counts its assertions, in a process of its own."""


@pytest.mark.parametrize("solver", READS)
def test_solvers_read_the_files(solver: str, tmp_path: Path) -> None:
    """Each solver reads every file from end to end, and finds as many assertions as there are."""
    write(str(tmp_path), of_all_claims().files)
    files = sorted((tmp_path / FOLDER).iterdir())
    code = READS[solver].replace("print(", "counts.append(").replace("{file!r}", "file")
    body = "".join(f"    {line}\n" for line in code.replace("import z3; ", "import z3\n").splitlines())
    script = f"import sys\ncounts = []\nfor file in sys.argv[1:]:\n{body}print(counts)"
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, files)], check=True, capture_output=True, text=True
    )
    texts = [each.read_text() for each in files]
    defined = [
        text.count("\n(define-fun ") if solver == "cvc5" else 0 for text in texts
    ]  # it counts them, too
    asserted = [text.count("\n(assert ") for text in texts]
    assert json.loads(done.stdout) == [sum(each) for each in zip(asserted, defined, strict=True)]
