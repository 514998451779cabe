"""Certificates: for each obligation a proof that nothing meets its conditions, checked by ``proof_checker``.

The way of an obligation: ``bit_blaster`` makes a CNF of its conditions, a SAT solver that nobody needs to trust gives a
proof, the checker follows the proof on the text of that CNF. A `Certificate` names all three by their hashes, the
obligation by that of the SMT-LIB text which the solvers were asked. Certificates are recorded in a manifest; the
proofs are not, since they can be made again. So a record says that there was a proof once; ``ptproof certify``
makes and checks it again.

A manifest also has the hashes of the two modules that are trusted. What other versions of them did counts
for nothing.
"""

import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import entry_points, version
from importlib.resources import files
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, Final

from attrs import asdict, evolve, field, frozen
from attrs.validators import ge, instance_of, matches_re

from ..edge.children import end_with, safe_path
from ..edge.errors import InputError
from ..edge.exit_status import Status
from ..edge.files import read_input, write_bytes
from ..edge.limits import RAISED, most, raised_by
from ..logic.claim import GROUP, Claim, Expected
from ..logic.rule import Obligation, lemmas_of, obligations
from ..logic.theorem import Lemma
from ..words.smtlib import query_text
from . import bit_blaster, proof_checker
from .bit_blaster import Cnf, blasted
from .proof_checker import RefusedProof
from .sat_oracle import NotRefuted, Satisfiable, refutation

SCHEMA: Final = "ptproof-certificates/1"
MANIFEST: Final = "certificates.json"
"""The manifest's file, in the package that the claims are in, and among proofs that were kept."""
PROOF_BYTES: Final = most(seconds=5e-8, memory=15)
"""The largest kept proof that is checked, in bytes."""
LOOKS: Final = most(seconds=3e-8, memory=1)
"""At how many literals the checker looks for one kept proof, at most."""
MANIFEST_BYTES: Final = most(seconds=5e-8, memory=25)
"""The largest manifest that is read, in bytes."""

Progress = Callable[[int, int, tuple[str, ...]], None]
ProofOf = Callable[[str, Cnf], str]
"""Gives a proof for the query of that hash, and its CNF. Raises `NotRefuted`."""


def _hash() -> Any:  # noqa: ANN401 - what attrs gives
    return field(validator=matches_re("[0-9a-f]{64}"))


@frozen(kw_only=True)
class Certificate:
    """A proof of ``steps`` steps was checked: SHA-256 of the query's text, of the CNF's and of the proof's."""

    name: str = field(validator=instance_of(str))
    query: str = _hash()
    cnf: str = _hash()
    proof: str = _hash()
    steps: int = field(validator=[instance_of(int), ge(1)])


@frozen(kw_only=True)
class Outcome:
    """The outcome of an obligation: its ``certificate``, or ``why`` there is none.

    ``needed`` says that a proof rests on the obligation. Without that it may go uncertified or be ``satisfiable``: it
    is what can't be shown of a claim that is refuted. ``refused`` says that the checker didn't take the proof.
    """

    name: str
    needed: bool
    certificate: Certificate | None = None
    why: str = ""
    satisfiable: bool = False
    refused: bool = False

    @property
    def grade(self) -> str:
        """What it comes to in a word."""
        if self.certificate is not None:
            return "certified"
        return "refused" if self.refused else "satisfiable" if self.satisfiable else "uncertified"

    @property
    def status(self) -> Status:
        """The exit status that the obligation alone would give."""
        if self.refused:
            return Status.FAILED
        if self.certificate or not self.needed:
            return Status.AS_EXPECTED
        return Status.DIFFERS if self.satisfiable else Status.UNKNOWN


def certify(
    claims: Iterable[Claim],
    *,
    kept: Path | None = None,
    keep: Path | None = None,
    jobs: int = 2,
    times: int = 1,
    progress: Progress | None = None,
) -> tuple[Outcome, ...]:
    """Certify every obligation of the claims' lemmas, ``jobs`` at a time; one text is proved once.

    Proofs come from the SAT solver, or from the folder ``kept``, none larger than ``times`` the limit. The folder
    ``keep`` gets them.
    Raises `InputError` when there is no SAT solver, or a folder can't be used.
    """
    wanted = tuple(_wanted(claims))
    texts = {each: query_text(each.conditions) for each, _ in wanted}
    first: dict[str, Obligation] = {}
    for each, text in texts.items():
        first.setdefault(text, each)
    proof_of = partial(_kept_proof, kept, times) if kept else _new_proof
    found: dict[str, Outcome] = {}
    with safe_path(), _workers(jobs) as pool:
        running: dict[Future[Outcome], str] = {}
        for text, obligation in [*first.items(), ("", None)]:
            while running and (obligation is None or len(running) >= 2 * jobs):
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    found[running.pop(done)] = done.result()
                    if progress is not None:
                        progress(len(found), len(first), tuple(first[each].name for each in running.values()))
            if obligation is not None:
                cnf = blasted(obligation.conditions)
                running[pool.submit(_settled, text, cnf, proof_of, keep)] = text
    return tuple(_named(found[texts[each]], each.name, needed=needed) for each, needed in wanted)


def bound(outcomes: Iterable[Outcome], certificates: Iterable[Certificate]) -> Iterator[Outcome]:
    """The outcomes, those refused of which the certificates name another CNF or another proof, or none."""
    known = {each.query: (each.cnf, each.proof) for each in certificates}
    for each in outcomes:
        made = each.certificate
        if made is not None and known.get(made.query) != (made.cnf, made.proof):
            why = (
                "the manifest has another CNF or another proof"
                if made.query in known
                else "the manifest lacks it"
            )
            yield evolve(each, certificate=None, why=why, refused=True)
        else:
            yield each


def manifest(outcomes: Iterable[Outcome], solver: str) -> str:
    """The manifest of what was certified: a line for each obligation, by name, and the versions that made it."""
    certificates = [each.certificate for each in outcomes if each.certificate is not None]
    lines = [
        json.dumps(asdict(each)) for each in sorted(certificates, key=lambda each: (each.name, each.query))
    ]
    head = {
        "schema": SCHEMA,
        "versions": {"ptproof": version("ptproof"), "solver": solver},
        "trusted": trusted(),
    }
    top = json.dumps(head, indent=2).removesuffix("\n}")
    return f'{top},\n  "certificates": [\n    ' + ",\n    ".join(lines) + "\n  ]\n}\n"


def read_manifest(data: bytes, title: str) -> tuple[dict[str, str], tuple[Certificate, ...]]:
    """The hashes of the trusted modules and the certificates of a manifest. Raises `InputError`."""
    try:
        read = json.loads(data)
        if read["schema"] != SCHEMA:
            raise InputError(f"{title}: schema: expected {SCHEMA!r}, found {str(read['schema'])[:40]!r}")
        return dict(read["trusted"]), tuple(Certificate(**each) for each in read["certificates"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"{title}: expected a manifest of certificates: {str(error)[:200]}") from error


def trusted() -> dict[str, str]:
    """The modules that a certificate rests on, each with the SHA-256 of its source."""
    modules = (bit_blaster, proof_checker)
    return {
        each.__name__.rpartition(".")[2]: hashlib.sha256(Path(str(each.__file__)).read_bytes()).hexdigest()
        for each in modules
    }


@cache
def recorded() -> frozenset[str]:
    """The queries of which a certificate is recorded by the packages of the installed claims, by hash.

    Nothing, where there is no manifest or it is of other trusted modules. Raises `InputError` for a broken one.
    """
    found: set[str] = set()
    for package in dict.fromkeys(entry.module.rpartition(".")[0] for entry in entry_points(group=GROUP)):
        file = files(package) / MANIFEST if package else None
        if file is not None and file.is_file():
            by, certificates = read_manifest(file.read_bytes(), f"{package}, {MANIFEST}")
            if by == trusted():
                found.update(each.query for each in certificates)
    return frozenset(found)


@cache
def uncertified(lemma: Lemma) -> tuple[str, ...]:
    """The lemma's own obligations of which no certificate is recorded, by name."""
    names = ((each.name, _sha256(query_text(each.conditions))) for each in obligations(lemma))
    return tuple(name for name, query in names if query not in recorded())


def _wanted(claims: Iterable[Claim]) -> Iterator[tuple[Obligation, bool]]:
    """Every obligation of the claims' lemmas, and whether a proof is expected to rest on it."""
    parts = [part for claim in claims for part in claim.parts]
    proving = [part for part in parts if part.reached == (part.expected is Expected.REFUTED)]
    needed = set(lemmas_of(lemma for part in proving for lemma in part.lemmas))
    for lemma in lemmas_of(lemma for part in parts for lemma in part.lemmas):
        yield from ((each, lemma in needed) for each in obligations(lemma))


def _named(outcome: Outcome, name: str, *, needed: bool) -> Outcome:
    made = outcome.certificate
    certificate = None if made is None else evolve(made, name=name)
    return evolve(outcome, name=name, needed=needed, certificate=certificate)


@contextmanager
def _workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes; where something goes wrong nobody waits for what they are at work on."""
    context = get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, initializer=_begin_worker, initargs=(os.getpid(),))
    try:
        yield pool
    except BaseException:
        for each in active_children():
            each.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker(parent: int) -> None:
    """Let Ctrl-C, and the end of the main process, end a process of the pool without a word."""
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _settled(text: str, cnf: Cnf, proof_of: ProofOf, keep: Path | None) -> Outcome:
    """Have a proof made and checked; runs in a process of its own."""
    nameless = Outcome(name="", needed=True)
    query, clauses = _sha256(text), cnf.dimacs()
    try:
        proof = proof_of(query, cnf)
        steps = proof_checker.check(clauses, proof)
    except Satisfiable as error:
        return evolve(nameless, why=str(error), satisfiable=True)
    except NotRefuted as error:
        return evolve(nameless, why=str(error))
    except RefusedProof as error:
        return evolve(nameless, why=f"the proof was refused: {error}", refused=True)
    if keep is not None:
        for end, content in (("smt2", text), ("cnf", clauses), ("lrat", proof)):
            write_bytes(str(keep / f"{query}.{end}"), content.encode())
    made = Certificate(name="", query=query, cnf=_sha256(clauses), proof=_sha256(proof), steps=steps)
    return evolve(nameless, certificate=made)


def _new_proof(_query: str, cnf: Cnf) -> str:
    return refutation(cnf.clauses)


def _kept_proof(folder: Path, times: int, query: str, cnf: Cnf) -> str:
    file = folder / f"{query}.lrat"
    if not file.is_file():
        raise NotRefuted(f"there is no proof {file}")
    try:
        proof = read_input(str(file), times * PROOF_BYTES, RAISED).decode("ascii", "replace")
    except InputError as error:
        raise NotRefuted(str(error)) from error
    looks = _looks(cnf, proof)
    if looks > times * LOOKS:
        most_looks = f"at most {times * LOOKS} literals to look at"
        raise NotRefuted(f"{file}: expected {most_looks}, found {looks}{raised_by(looks, LOOKS)}")
    return proof


def _looks(cnf: Cnf, proof: str) -> int:
    """At how many literals the checker looks: all those of each clause that a step's hints name."""
    sizes = {str(number): len(each) for number, each in enumerate(cnf.clauses, start=1)}
    looks = 0
    for line in proof.replace("_", "").splitlines():
        number, *words = line.split() or [""]
        end = words.index("0") if "0" in words else len(words)
        looks += sum(sizes.get(each.lstrip("+0"), 0) for each in words[end:])
        sizes[number.lstrip("+0")] = end
    return looks


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
