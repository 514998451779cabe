"""The files in proofs/rocq: what they state of numbers is what the encodings compute, and each theorem is without axioms.

CI installs Rocq. Elsewhere, where there is none, these tests are skipped.
"""

import fcntl
import os
import random
import re
import shutil
from functools import partial
from pathlib import Path

import pytest
import rocq_files
from attrs import evolve
from ptproof.encodings import builder_loop, dom0_builder
from ptproof.encodings.concrete import least_count
from ptproof.encodings.dom0_count import tables_for
from ptproof.encodings.dom0_layout import v_end
from ptproof.encodings.static_count import raised
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.logic.search import run
from ptproof.formal.words.word import number
from ptproof.proofs.shared.region import most_tables, tables_limit
from rocq_files import FILES, compiled, text_of

MODES = (("x86_64", "64", X86_64), ("compat", "compat", COMPAT))
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
REGIONS = (
    (0, 0x2EC000),
    (0x1FF000, 0x300000),
    (0x123, 0x400000),
    (0x3FFFF000, 0x40100000),
    (0xBFC00000, 0xC0000000),
    ((1 << 39) - 4096, (1 << 39) + 4096),
    ((1 << 64) - (2 << 20), 0x1000),
)
"""Small ones, to be mapped page by page: from the middle of tables, over borders of each level, across 2**64."""


@pytest.fixture(scope="module")
def built(of_all_workers: Path) -> Path:
    """A folder with the files as `make rocq` leaves them; made by the first worker that asks for it."""
    if shutil.which("coqc") is None:
        assert not os.environ.get("CI"), "Rocq is missing: apt-get install coq"
        pytest.skip("there is no coqc")
    folder = of_all_workers / "rocq"
    folder.mkdir(exist_ok=True)
    with (folder / "alone").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            rocq_files.build(folder)
            (folder / "made").touch()
    return folder


def agree(folder: Path, name: str, claims: list[str]) -> None:
    """Have Rocq compute that each of the claims holds; fails where one doesn't."""
    lines = [
        f"Require Import ZArith {' '.join(f'PtProof.{each}' for each in FILES)}.",
        "Open Scope Z_scope.",
        *(f"Goal {each}. Proof. vm_compute. intuition discriminate. Qed." for each in claims),
    ]
    (folder / f"{name}.v").write_text("\n".join(lines) + "\n")
    compiled(folder, name)


def needed(mode: PagingMode, v_start: int, vpt_start: int, tried: int) -> int:
    """The tables that a region with ``tried`` frames of them takes, by the encoding."""
    return int(tables_for(mode, number(v_start), number(vpt_start), number(tried)))


def search(mode: PagingMode, v_start: int, vpt_start: int) -> int:
    """What the search finds, by the encoding."""
    found = least_count(partial(needed, mode, v_start, vpt_start))
    assert found is not None
    return found


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
    """Each file's are closed, taken together; the theorems that docs/rocq.md names are asked."""
    asked = [name for names in rocq_files.theorems().values() for name in names]
    assert (built / "printed").read_text() == "Closed under the global context\n" * len(FILES)
    page = rocq_files.PAGE.read_text(encoding="utf-8")
    said = page.partition("## The same statements")[2]
    assert sorted(re.findall(r"^\| `(\w+)` \|", said, re.MULTILINE)) == sorted(asked)
    for each in FILES:
        assert not re.search(r"\b(Admitted|admit|Axiom|Parameter|Conjecture)\b", text_of(each))


def test_the_page_has_the_statements_that_the_kernel_has(built: Path) -> None:
    """Each theorem with all that it assumes, as Rocq prints it. Renewed by `python tests/rocq_files.py`."""
    [shown] = rocq_files.STATEMENTS.findall(rocq_files.PAGE.read_text(encoding="utf-8"))
    assert shown.split() == rocq_files.statements(built).split()


def test_they_speak_of_the_same_numbers(built: Path) -> None:
    """V, the count, raises and the divisions, of words and across 2**64: Rocq computes what the encodings do."""
    claims = []
    for title, suffix, mode in MODES:
        claims += [f"most {title} = {most_tables(mode)}"]
        for start, tables in layouts(mode):
            found = search(mode, start, tables)
            claims += [
                f"word_f {title} {start} {tables} {found} = {found}",
                f"word_V {tables} {found} = {int(v_end(number(tables), number(found)))}",
                f"n_{suffix} {start} (v_{suffix} {start} (unwrapped {start} {tables})) = {found}",
            ]
            for raises, first in ((0, 0), (1, 0), (2, 4), (5, 0)):
                count = int(raised(mode, number(start), number(tables), raises, first))
                claims += [f"word_raised {start} {tables} {title} {first} {raises} = {count}"]
    agree(built, "numbers", claims)


def test_they_have_the_same_room(built: Path) -> None:
    """`room` ends at the same byte as the tool's assumption, wherever S lies."""
    claims = []
    for mode in (X86_64, COMPAT):
        for start in EDGES:
            for count in (0, 5, 1 << 20):
                last = tables_limit(mode) - 4096 * count
                claims += [
                    f"room {start} {(start + last) % (1 << 64)} {count}",
                    f"~ room {start} {(start + last + 1) % (1 << 64)} {count}",
                ]
    agree(built, "rooms", claims)


def test_they_search_alike(built: Path) -> None:
    """The relation holds of what the search finds, step by step."""
    lines = ["Require Import ZArith PtProof.count PtProof.words PtProof.smallest.", "Open Scope Z_scope."]
    for title, _, mode in MODES:
        for start, tables in REGIONS:
            found = search(mode, start, tables)
            lines += [f"Goal word_search {start} {tables} {title} 2 {found}. Proof. found. Qed."]
    (built / "searches.v").write_text("\n".join(lines) + "\n")
    compiled(built, "searches")


def test_they_map_pages_alike(built: Path) -> None:
    """Cursors and tables taken after every page of a region, and in all: as the tool's loop has them."""
    names = [str(each.value) for each in builder_loop.building().state]
    steps = evolve(builder_loop.building(), leap=None)
    claims = []
    for _, suffix, mode in MODES:
        for start, tables in REGIONS:
            found = search(mode, start, tables)
            pages = int(dom0_builder.pages_of(number(start), v_end(number(tables), number(found))))
            claims += [f"Z.of_nat (pages {start} {tables} {found}) = {pages}"]
            for count in (1, 2, 512, 513, pages):
                root = int(builder_loop.root_of(mode))
                given = (start, count, 0, 0, 0, root, builder_loop.NO_TABLE, 0)
                state = run(steps, given)
                assert state is not None
                its = dict(zip(names, state, strict=True))
                shown = "; ".join(
                    f"at{level} := {its[f'l{level}_entry']}; l{level} := {its[f'l{level}_taken']}"
                    for level in (1, 2, 3)
                )
                claims += [f"mapped {start} {count} = {{| {shown} |}}"]
                missing = int(dom0_builder.missing_l2(number(start), number(its["l2_taken"])))
                taken = its["next_table"] + (missing if mode is COMPAT else 0)
                argument = f"{start} " if mode is COMPAT else ""
                claims += [f"taken_{suffix} {argument}(mapped {start} {count}) = {taken}"]
    agree(built, "pages", claims)


def test_a_wrong_number_is_refused(built: Path) -> None:
    """What compares numbers can fail."""
    with pytest.raises(AssertionError, match="Error"):
        agree(built, "wrong", [f"word_f x86_64 0 {0x2EC000} 5 = 6"])


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("words", "4 * MiB <= M - 2 * (512 * GiB).", "4 * MiB <= M - 1 * (512 * GiB)."),
        ("words", "else 0x80401fffffe", "else 0x80401fffffd"),
        ("code", "Z.land low (mask k))) k", "low)) k"),
        ("code", "(0 + NR S v_end 39) + 4)", "(0 + NR S v_end 39) + 3)"),
        ("smallest", "4 <= word_f x86_64", "5 <= word_f x86_64"),
        ("raises", "2 * GiB - 32 * MiB", "2 * GiB - 8 * MiB"),
        ("raises", "506 * TiB", "512 * TiB"),
        ("raises", "+ (s - 1)) / s + sum", ") / s + sum"),
        ("raises", "<= 1024 ->", "<= 1025 ->"),
        ("divisions", "261631", "261632"),
        ("divisions", "133955071", "133955072"),
        ("divisions", "+ 1021) / 1022", ") / 1022"),
        ("divisions", "b + K_64 - 1020", "b + K_64 - 1022"),
        ("builder", "at1 c mod 512 =? 0", "at1 c mod 511 =? 0"),
        ("builder", "if first then own else 0", "0"),
        ("builder", "[0; 1; 2; 3]", "[0; 1; 2]"),
        ("builder", "taken_64 c := 1 +", "taken_64 c := 2 +"),
    ],
)
def test_mutants_are_not_proved(built: Path, tmp_path: Path, file: str, right: str, wrong: str) -> None:
    """A constant off by one, a quotient rounded the other way, a raise less: then there is no proof."""
    for each in FILES:
        shutil.copy(built / f"{each}.vo", tmp_path)
    assert right in text_of(file)
    (tmp_path / f"{file}.v").write_text(text_of(file).replace(right, wrong))
    with pytest.raises(AssertionError, match="Error"):
        compiled(tmp_path, file)
