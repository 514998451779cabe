"""``ptproof certify``: for each obligation a proof, made by a SAT solver and checked by our own checker."""

import argparse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..arguments import add_examples, add_json, add_limit, no_dash, number, set_files
from .list_claims import add_names
from .prove import SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from ...certify.certificate import Outcome
    from ...edge.exit_status import Status
    from ...logic.claim import Claim

SCHEMA = "ptproof-certify/1"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "certify",
        help="have each obligation of the proofs certified",
        description="Turns every obligation into clauses, has a SAT solver refute them, and has its proof checked by a "
        "checker that shares no code with the solver. Needs the extra certify (python-sat). Status 1 when an obligation "
        "that a proof rests on can be satisfied, 3 when one stays uncertified, 70 when a proof is refused.",
        allow_abbrev=False,
    )
    add_names(parser)
    parser.add_argument(
        "--tree",
        metavar="TREE",
        help="in place of claims: what 'ptproof tree' proves of this tree. The status is no better than that of 'tree'",
    )
    parser.add_argument(
        "--manifest", metavar="FILE", type=no_dash, help="write what was certified, by hashes, as JSON"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--out",
        metavar="DIR",
        type=no_dash,
        help="keep queries, clauses and proofs in the folder DIR, with their manifest",
    )
    where.add_argument(
        "--check", metavar="DIR", help="check the proofs that --out kept in DIR, without any solver"
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=number(1, 256),
        help="obligations at the same time (default: one a processor)",
    )
    add_limit(parser)
    add_json(parser, "what came of each obligation")
    set_files(parser, writes=("json", "manifest"), folders=("check",), made=("out",))
    add_examples(parser, "ptproof certify v-end-closed", "ptproof certify min-2level --out proofs")
    parser.set_defaults(run=run, timeout=SECONDS, no_cache=False)  # what reading a tree goes by


def run(arguments: argparse.Namespace) -> int:
    """Certify, and report."""
    import os
    from pathlib import Path

    from ...certify.certificate import MANIFEST, MANIFEST_BYTES, bound, certify, manifest, read_manifest
    from ...certify.sat_oracle import solver_version
    from ...edge.errors import NothingSelected
    from ...edge.exit_status import Status
    from ...edge.files import file_size, read_input, write_bytes, write_json
    from ...edge.limits import RAISED
    from ...edge.outside import say
    from ...edge.progress import on_terminal
    from ...logic.claim import claims
    from ...logic.selection import select

    if arguments.tree is None:
        chosen, held = select(claims(), arguments.names), Status.AS_EXPECTED
    else:
        chosen, held = _of_tree(arguments)
    solver = f"none; kept proofs of {arguments.check}" if arguments.check else solver_version()
    known = None
    if arguments.check:
        file = str(Path(arguments.check) / MANIFEST)
        file_size(file)  # a pipe that nobody writes to would never be read to its end
        known = read_manifest(read_input(file, MANIFEST_BYTES * arguments.limit, RAISED), file)[1]
    outcomes = certify(
        chosen,
        kept=Path(arguments.check) if arguments.check else None,
        keep=_made(arguments.out) if arguments.out else None,
        jobs=arguments.jobs or len(os.sched_getaffinity(0)),
        times=arguments.limit,
        progress=on_terminal(),
    )
    if known is not None:
        outcomes = tuple(bound(outcomes, known))
    if not outcomes:
        raise NothingSelected(
            "the selected claims have no obligations: examples settle them"
            if arguments.tree is None
            else f"nothing is proved of {arguments.tree}: 'ptproof tree' says why"
        )
    for name in filter(None, [arguments.manifest, arguments.out and str(Path(arguments.out) / MANIFEST)]):
        write_bytes(name, manifest(outcomes, solver).encode())
    if arguments.json is not None:
        write_json(arguments.json, _as_dict(outcomes, solver, held))
    if arguments.json != "-":
        say(_lines(outcomes, solver))
    return max(held, _status(outcomes))


def _of_tree(arguments: argparse.Namespace) -> "tuple[tuple[Claim, ...], Status]":
    """What is proved of the tree, as claims, and the status of all that it was asked; standard error names what isn't proved."""
    import sys

    from ...edge.errors import InputError
    from ...edge.outside import say
    from ..about_layouts.tree import checked

    if arguments.names:
        raise InputError("argument --tree: expected no claims with it")
    found = checked(arguments, arguments.tree)
    why = [f"the readers disagree: {found.second.differs}"] if found.second.differs else []
    open_ = [each.piece for each in found.answers if not each.proved]
    why += [f"not proved, so not certified: {each.name} ({each.where})" for each in open_]
    say((f"ptproof: {each}" for each in why), sys.stderr)
    return found.proved, found.status


def _made(name: str) -> "Path":
    """The folder of that name, made if it isn't there. Raises `InputError`."""
    from pathlib import Path

    from ...edge.errors import InputError

    try:
        Path(name).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{name}: can't be written to: {reason}") from error
    return Path(name)


def _status(outcomes: "Iterable[Outcome]") -> int:
    return max(each.status for each in outcomes)


def _lines(outcomes: "Iterable[Outcome]", solver: str) -> Iterator[str]:
    """What isn't certified, one a line; then the counts."""
    from collections import Counter

    from ...reports.proof_report import counted

    outcomes = tuple(outcomes)
    for each in outcomes:
        if each.status:
            yield f"{each.grade.upper()}  {each.name}: {each.why}"
    counts = Counter(each.grade for each in outcomes)
    proofs = {each.certificate.query: each.certificate for each in outcomes if each.certificate}
    steps = sum(each.steps for each in proofs.values())
    yield f"{counted(len(outcomes), 'obligation')}: " + ", ".join(
        f"{grade} {counts[grade]}" for grade in ("certified", "satisfiable", "uncertified", "refused")
    )
    spare = sum(not (each.needed or each.certificate or each.refused) for each in outcomes)
    if spare == 1:
        yield "No proof rests on the one that is not certified: it is of a claim that is refuted."
    elif spare:
        yield f"No proof rests on {spare} that are not certified: they are of claims that are refuted."
    were = "was" if len(proofs) == 1 else "were"
    yield (
        f"{counted(len(proofs), 'proof')} of {steps:,} step{'' if steps == 1 else 's'} {were} checked; "
        f"solver: {solver}"
    )


def _as_dict(outcomes: "Iterable[Outcome]", solver: str, held: int) -> dict[str, Any]:
    from importlib.metadata import version

    from attrs import asdict

    from ...certify.certificate import trusted

    outcomes = tuple(outcomes)
    return {
        "schema": SCHEMA,
        "versions": {"ptproof": version("ptproof"), "solver": solver},
        "trusted": trusted(),
        "status": max(held, _status(outcomes)),
        "obligations": [
            {
                "name": each.name,
                "grade": each.grade,
                "needed": each.needed,
                "why": each.why,
                "certificate": asdict(each.certificate) if each.certificate else None,
            }
            for each in outcomes
        ],
    }
