"""Every obligation as a file that any SMT-LIB solver can check, with an index of what belongs to what.

A file asks whether conditions can hold together: what Z3 is asked, after comments that say of which lemma it is
and what that means. ``:status`` is the answer that the claims need: ``unsat`` for whatever is to be proved. The
lemma of a claim that is to be refuted has one obligation at least that doesn't follow: it is ``sat`` where there
is just one, ``unknown`` where it may be any of several.

The same claims give the same files, byte for byte. The index is of the schema ``ptproof-export/1``.

Source: The SMT-LIB Standard 2.6, sections 3 (scripts) and 4.2.6 (``set-info``).
"""

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from ..edge.errors import InputError
from ..edge.files import read_input
from ..edge.limits import most
from ..edge.outside import one_line
from ..words.smtlib import query_text
from .claim import Claim, Expected, Part
from .proof_file import proof_text
from .rule import Obligation, lemmas_of, obligations, used_by
from .theorem import Induction, Lemma

SCHEMA: Final = "ptproof-export/1"
INDEX: Final = "index.json"
READABLE: Final = "index.md"
PROOFS: Final = "proofs.sexp"
FOLDER: Final = "obligations"
MOST_BYTES: Final = most(seconds=5e-8, memory=20)
"""The largest index that is taken for one, in bytes."""
UNFINISHED: Final = ".ptproof-unfinished"
"""Where an export is written, in its folder, until it is whole; a run that is killed leaves it to the next."""
CERTIFICATES: Final = "certificates"
"""What the checker of proofs makes in an export: it stays, since its files are found by what they are about."""


@frozen
class ObligationFile:
    """An obligation with the ``name`` of its file, the ``status`` that is expected of it, and the file's text."""

    obligation: Obligation
    name: str
    status: str
    text: str


@frozen
class Export:
    """What is exported: claims, and all lemmas that they rest on with their obligations' files."""

    claims: tuple[Claim, ...]
    lemmas: dict[Lemma, tuple[ObligationFile, ...]]

    @property
    def files(self) -> dict[str, str]:
        """The text of every file, by its path within the export's folder; the index comes first."""
        obligations = [each for files in self.lemmas.values() for each in files]
        names = {lemma: tuple(each.name for each in files) for lemma, files in self.lemmas.items()}
        unproved = [
            lemma for lemma, files in self.lemmas.items() if any(each.status != "unsat" for each in files)
        ]
        return {
            INDEX: json.dumps(index(self), ensure_ascii=False, indent=2) + "\n",
            PROOFS: proof_text(self.claims, names, unproved),
            **{each.name: each.text for each in obligations},
            READABLE: "\n".join(readable(self)) + "\n",
        }


def exported(claims: Iterable[Claim]) -> Export:
    """All obligations of the claims. Raises `UnsoundStep` for a proof that breaks a rule."""
    claims = tuple(claims)
    parts = [part for claim in claims for part in claim.parts]
    failing = {
        lemma
        for part in parts
        for lemma in part.lemmas
        if part.reached != (part.expected is Expected.REFUTED)
    }
    lemmas: dict[Lemma, tuple[ObligationFile, ...]] = {}
    taken: set[str] = set()
    for lemma in lemmas_of(lemma for part in parts for lemma in part.lemmas):
        wanted = obligations(lemma)
        lacking = "sat" if len(wanted) == 1 else "unknown"
        status = lacking if lemma in failing else "unsat"
        lemmas[lemma] = tuple(
            ObligationFile(each, _file_name(each.name, taken), status, file_text(lemma, each, status))
            for each in wanted
        )
    return Export(claims, lemmas)


def file_text(lemma: Lemma, obligation: Obligation, status: str) -> str:
    """An obligation as a script: what it is about as comments, then the question."""
    comments = [
        obligation.name,
        f"An obligation of the lemma {lemma.name}: {lemma.meaning}",
        *(f"Assumed: {each.name}: {each.meaning}" for each in lemma.statement.assumptions),
        *(f"Uses the lemma {each.name}: {each.meaning}" for each in used_by(lemma)),
        "It is discharged when these conditions can't hold together: what is known, and last that what is to be",
        "shown does not hold.",
    ]
    lines = [f"; {one_line(line)}".rstrip() for comment in comments for line in comment.splitlines()]
    lines += ["(set-info :smt-lib-version 2.6)", f"(set-info :status {status})"]
    return "\n".join(lines) + "\n" + query_text(obligation.conditions)


def index(export: Export) -> dict[str, Any]:
    """Which obligations there are, which lemma each is of, and which claims rest on it; as plain data."""
    return {
        "schema": SCHEMA,
        "logic": "QF_BV",
        "claims": [
            {
                "id": claim.id,
                "family": claim.family,
                "statement": claim.statement,
                "expected": claim.expected.value,
                "parts": [_part_as_dict(part) for part in claim.parts],
            }
            for claim in export.claims
        ],
        "lemmas": [
            {
                "name": lemma.name,
                "meaning": lemma.meaning,
                "proof": _kind(lemma),
                "assumptions": [
                    {"name": each.name, "meaning": each.meaning} for each in lemma.statement.assumptions
                ],
                "uses": [each.name for each in used_by(lemma)],
                "obligations": [
                    {"name": each.obligation.name, "file": each.name, "status": each.status} for each in files
                ],
            }
            for lemma, files in export.lemmas.items()
        ],
    }


def readable(export: Export) -> Iterator[str]:
    """The same index as Markdown, to be read."""
    count = sum(map(len, export.lemmas.values()))
    yield "# Obligations"
    yield ""
    yield f"{count} obligations of {len(export.lemmas)} lemmas, for {len(export.claims)} claims. Each is a query in QF_BV,"
    yield "and discharged when a solver finds it `unsat`. A lemma is proved when its own obligations are, and those of"
    yield "all lemmas that it uses. `sat` or `unknown` stands where a claim is to be refuted: there something must be"
    yield "left that doesn't follow."
    yield ""
    yield "## Claims"
    for claim in export.claims:
        yield from ("", f"### {claim.id}", "", f"{claim.family}, to be {claim.expected.value}.", "")
        yield from (f"    {line}".rstrip() for line in claim.statement.splitlines())
        yield ""
        for part in claim.parts:
            yield f"- {part.name}, to be {part.expected.value}: {part.lemma.meaning}  "
            yield f"  {_rests_on(part)}"
    yield from ("", "## Lemmas")
    for lemma, files in export.lemmas.items():
        yield from ("", f"### {lemma.name}", "", f"{lemma.meaning}  ")
        uses = ", ".join(f"`{each.name}`" for each in used_by(lemma))
        yield f"By {_kind(lemma)}{', from ' + uses if uses else ''}."
        yield ""
        yield from (f"- [{each.obligation.name}](<{each.name}>): {each.status}" for each in files)


def write(folder: str, files: dict[str, str]) -> None:
    """Write an export, in place of an earlier one, which stays until all of the new one is written.

    Raises `InputError` when anything else is there.
    """
    root = Path(folder)
    unfinished = root / UNFINISHED
    try:
        earlier = _earlier(root)
        if unfinished.exists():
            shutil.rmtree(unfinished)
        (unfinished / FOLDER).mkdir(parents=True)
        for name, text in files.items():
            (unfinished / name).write_bytes(text.encode())
        for each in earlier:
            each.unlink()
        (root / FOLDER).mkdir(exist_ok=True)
        for name in files:  # The index comes first: what is cut short here is still known for an export.
            (unfinished / name).replace(root / name)
        shutil.rmtree(unfinished)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{folder}: can't be written to: {reason}") from error


def _earlier(root: Path) -> list[Path]:
    """The files of an earlier export in the folder, its index last. Raises `InputError` when anything else is there."""
    if not root.exists() and not root.is_symlink():
        return []
    if not root.is_dir():
        raise InputError(f"{root}: expected a folder, found something else")
    kept = {root / FOLDER, *(root / CERTIFICATES).glob("*.cnf"), *(root / CERTIFICATES).glob("*.lrat")}
    kept |= {root / CERTIFICATES}
    left = root / UNFINISHED
    there = sorted(
        each
        for each in root.rglob("*")
        if (each not in kept and each != left and left not in each.parents) or each.is_symlink()
    )
    ours = {root / name for name in _listed(root / INDEX)}
    for each in there:
        if each not in ours or each.is_symlink() or not each.is_file():
            name = str(each.relative_to(root))
            raise InputError(f"{root}: expected nothing or an earlier export, found {name!r} in it")
    return sorted(there, key=lambda each: each == root / INDEX)


def _listed(file: Path) -> set[str]:
    """What an export's index lists, itself included; nothing, if it is none."""
    if file.is_symlink() or not file.is_file():
        return set()
    try:
        found = json.loads(read_input(str(file), MOST_BYTES))
        if found["schema"] != SCHEMA:
            return set()
        named = {str(each["file"]) for lemma in found["lemmas"] for each in lemma["obligations"]}
    except (InputError, ValueError, TypeError, KeyError, RecursionError):
        return set()
    return named | {INDEX, PROOFS, READABLE}


def _file_name(name: str, taken: set[str]) -> str:
    """A file for an obligation, in a name that shells and file systems take as it is; no two the same."""
    plain = re.sub(r"[^A-Za-z0-9.,+-]+", "-", name).replace("-.", ".").strip("-.")[:180]
    found, number = plain, 1
    while found.lower() in taken:
        number += 1
        found = f"{plain}-{number}"
    taken.add(found.lower())
    return f"{FOLDER}/{found}.smt2"


def _kind(lemma: Lemma) -> str:
    return "induction" if isinstance(lemma.proof, Induction) else "steps"


def _part_as_dict(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "states": part.lemma.meaning,
        "expected": part.expected.value,
        "reached": part.reached,
        "lemma": part.lemmas[0].name if part.lemmas else None,
        "rests_on": [each.name for each in lemmas_of(part.lemmas)],
    }


def _rests_on(part: Part) -> str:
    if not part.lemmas:
        return "An example settles it, which is replayed: no obligation."
    return "Rests on " + ", ".join(f"`{each.name}`" for each in lemmas_of(part.lemmas)) + "."
