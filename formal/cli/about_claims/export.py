"""``ptproof export``: every obligation as a file that any SMT-LIB solver can check, and the proofs as data."""

import argparse

from ..arguments import add_examples, add_json, no_dash, set_files
from .list_claims import add_names


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "export",
        help="write the proofs' obligations as SMT-LIB, for any solver",
        description="Writes every obligation of the claims' proofs as an SMT-LIB 2 file in QF_BV, into DIR/obligations, and an "
        "index as DIR/index.json and DIR/index.md. DIR/proofs.sexp has the proofs themselves, from which the "
        "obligations can be derived again. Nothing is decided. The same claims give the same files.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "folder",
        metavar="DIR",
        type=no_dash,
        help="a new or empty folder, or one that holds nothing but an earlier export, which is replaced",
    )
    add_names(parser)
    add_json(parser, "the index")
    set_files(parser, made=("folder",))
    add_examples(parser, "ptproof export obligations exact", "ptproof export layout Layout --json index.json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write them."""
    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...logic.claim import claims
    from ...logic.obligation_files import READABLE, exported, index, write
    from ...logic.selection import select
    from ...reports.proof_report import counted

    found = exported(select(claims(), arguments.names))
    write(arguments.folder, found.files)
    obligations = counted(sum(map(len, found.lemmas.values())), "obligation")
    lemmas = counted(len(found.lemmas), "lemma")
    if arguments.json is not None:
        write_json(arguments.json, index(found))
    if arguments.json != "-":
        told = f"{obligations} of {lemmas} written to {arguments.folder}"
        say([f"{told}; {READABLE} says which belongs to what"])
    return Status.AS_EXPECTED
