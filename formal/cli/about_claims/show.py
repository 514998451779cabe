"""``ptproof show``: all about a claim, and its proof or what refutes it."""

import argparse

from ..arguments import add_examples, add_json, set_files
from .list_claims import add_names
from .prove import add_limits


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "show",
        help="show a claim: statement, assumptions, verdict, and why",
        description="Decides claims, and shows each on a screen: the statement, what is assumed and why that is needed, the "
        "verdict and its reasons, the parts, and the sentence that it decides. With --lemmas each part by itself, and the "
        "lemmas below it.",
        allow_abbrev=False,
    )
    add_names(parser, some=True)
    parser.add_argument(
        "--lemmas", action="store_true", help="show each part with the lemmas that it rests on"
    )
    add_limits(parser)
    add_json(parser, "all that was found")
    set_files(parser)
    add_examples(parser, "ptproof show exact", "ptproof show min-64 --lemmas")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Decide and show."""
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...logic.claim import claims
    from ...logic.selection import select
    from ...reports.claim_text import first_screen, letter
    from ...reports.invariants import entries, meanings
    from ...reports.proof_report import as_dict
    from .prove import proved

    found, queries = proved(select(claims(), arguments.names), arguments)
    if arguments.json is not None:
        write_json(arguments.json, as_dict(found, arguments.timeout, queries))
    if arguments.json != "-":
        results = {each.lemma: each for each in found.lemmas}
        texts = (
            letter(each, results, queries, entry.meaning)
            if arguments.lemmas
            else first_screen(each, entry, queries)
            for each, entry in zip(found.decisions, entries(found, meanings(), ()), strict=True)
        )
        say("\n\n\n".join(map("\n".join, texts)).split("\n"))
    return found.status
