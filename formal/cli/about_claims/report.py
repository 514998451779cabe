"""``ptproof report``: decide claims, and write all that was found as one page of HTML."""

import argparse

from ..arguments import add_examples, add_json, set_files
from .list_claims import add_names
from .prove import add_limits, proved


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "report",
        help="write a page of HTML with verdicts, proofs, pictures of what refutes, and assumptions",
        description="Decides claims, as 'ptproof prove' does, and writes what was found as one page of HTML: the "
        "verdicts, the lemmas that each rests on with what they cost, the layouts that refute a claim as pictures, the "
        "assumptions with the reason why each is needed, and the cures. The page needs no network and no script, and "
        "is the same each time.",
        allow_abbrev=False,
    )
    add_names(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="write the page there, not to standard output"
    )
    add_limits(parser)
    add_json(parser, "all that was found, as 'ptproof prove --json' does,")
    set_files(parser, writes=("json", "output"))
    add_examples(parser, "ptproof report Layout -o report.html", "ptproof report unique > unique.html")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Decide and write."""
    import sys

    from ...edge.errors import InputError
    from ...edge.files import write_bytes, write_json
    from ...edge.terminal import width_of
    from ...logic.claim import claims
    from ...logic.selection import select
    from ...reports.invariants import meanings
    from ...reports.proof_report import as_dict
    from ...reports.report_page import report_page

    chosen = select(claims(), arguments.names)
    if arguments.output == "-" != arguments.json and width_of(sys.stdout) is not None:
        raise InputError(
            "standard output: expected a file or a pipe, found a terminal: -o FILE writes the page"
        )
    found, queries = proved(chosen, arguments)
    if arguments.json is not None:
        write_json(arguments.json, as_dict(found, arguments.timeout, queries))
    page = report_page(found, queries, meanings())
    if arguments.output != "-":
        write_bytes(arguments.output, page.encode())
    elif arguments.json != "-":
        sys.stdout.write(page)
    return found.status
