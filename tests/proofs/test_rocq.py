"""The files in proofs/rocq: what they state of numbers is what the encodings compute, and each theorem is without axioms.

CI installs Rocq. Elsewhere, where there is none, these tests are skipped.
"""

import os
import random
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
from ptproof.encodings.concrete import least_count
from ptproof.encodings.dom0_count import tables_for
from ptproof.encodings.dom0_layout import v_end
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.words.word import number

FOLDER = Path(__file__).parents[2] / "proofs/rocq"
FILES = ("count", "words", "divisions")
EDGES = (
    0,
    0x1000,
    0x123,
    0x3FE00000,
    0x1FF000,
    (1 << 64) - (2 << 30),
    (1 << 39) - 4096,
    (1 << 64) - (4 << 20),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files as Rocq compiled them, and in ``printed`` what they print."""
    if shutil.which("coqc") is None:
        assert not os.environ.get("CI"), "Rocq is missing: apt-get install coq"
        pytest.skip("there is no coqc")
    folder = tmp_path_factory.mktemp("rocq")
    for each in FILES:
        shutil.copy(FOLDER / f"{each}.v", folder)
    printed = [compiled(folder, each) for each in FILES]
    (folder / "printed").write_text("".join(printed))
    return folder


def compiled(folder: Path, name: str) -> str:
    """What Rocq prints while it checks a file; fails where it doesn't accept it."""
    done = subprocess.run(
        [shutil.which("coqc") or "coqc", "-Q", ".", "PtProof", f"{name}.v"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def needed(mode: PagingMode, v_start: int, vpt_start: int, tried: int) -> int:
    """The tables that a region with ``tried`` frames of them takes, by the encoding."""
    return int(tables_for(mode, number(v_start), number(vpt_start), number(tried)))


def layouts(mode: PagingMode) -> list[tuple[int, int]]:
    """Starts S and tables' starts T: at the edges, across 2**64, and at random."""
    chance = random.Random(1)
    sizes = [
        0x2EC000,
        0x379000,
        0x37A000,
        1 << 30,
        (1 << 30) - (4 << 20),
        *(chance.randrange(1 << 34) for _ in range(9)),
    ]
    starts = EDGES if mode is X86_64 else EDGES[:5]
    return [(start, (start + size) % (1 << 64)) for start in starts for size in sizes]


def test_no_theorem_rests_on_an_axiom(built: Path) -> None:
    """Each that is asked is closed; the claims that docs/rocq.md names are asked."""
    asked = [
        name
        for each in FILES
        for name in re.findall(r"^Print Assumptions (\w+)", (FOLDER / f"{each}.v").read_text(), re.MULTILINE)
    ]
    assert (built / "printed").read_text() == "Closed under the global context\n" * len(asked)
    page = (Path(__file__).parents[2] / "docs/rocq.md").read_text()
    assert sorted(set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))) == sorted(asked)
    for each in FILES:
        assert not re.search(r"\b(Admitted|admit|Axiom|Parameter)\b", (FOLDER / f"{each}.v").read_text())


def test_they_speak_of_the_same_numbers(built: Path) -> None:
    """V, the count and the divisions, of words and across 2**64: Rocq computes what the encodings do."""
    lines = ["Require Import ZArith PtProof.count PtProof.words PtProof.divisions.", "Open Scope Z_scope."]
    for title, suffix, mode in (("x86_64", "64", X86_64), ("compat", "compat", COMPAT)):
        for start, tables in layouts(mode):
            found = least_count(partial(needed, mode, start, tables))
            assert found is not None
            end = int(v_end(number(tables), number(found)))
            terms = {
                f"word_f {title} {start} {tables} {found}": found,
                f"word_V {tables} {found}": end,
                f"n_{suffix} {start} (v_{suffix} {start} (unwrapped {start} {tables}))": found,
            }
            lines += [
                f"Goal {term} = {value}. Proof. vm_compute. reflexivity. Qed."
                for term, value in terms.items()
            ]
    (built / "numbers.v").write_text("\n".join(lines) + "\n")
    compiled(built, "numbers")


def test_a_wrong_number_is_refused(built: Path) -> None:
    """What compares numbers can fail."""
    (built / "wrong.v").write_text(
        "Require Import ZArith PtProof.count PtProof.words.\nOpen Scope Z_scope.\n"
        f"Goal word_f x86_64 0 {0x2EC000} 5 = 6. Proof. vm_compute. reflexivity. Qed.\n"
    )
    with pytest.raises(AssertionError, match="Unable to unify"):
        compiled(built, "wrong")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("261631", "261632"),
        ("133955071", "133955072"),
        ("+ 1021) / 1022", ") / 1022"),
        ("b + K_64 - 1020", "b + K_64 - 1022"),
    ],
)
def test_mutants_of_the_divisions_are_not_proved(built: Path, tmp_path: Path, right: str, wrong: str) -> None:
    """A constant off by one, a quotient rounded the other way: then there is no proof."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    text = (FOLDER / "divisions.v").read_text()
    assert right in text
    (tmp_path / "divisions.v").write_text(text.replace(right, wrong))
    with pytest.raises(AssertionError, match="Error"):
        compiled(tmp_path, "divisions")
