"""``ptproof show``: all about a claim, and its proof or what refutes it."""

import argparse

from ..arguments import add_json, set_files
from .list_claims import add_names
from .prove import add_limits


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "show",
        help="show a claim: statement, source, assumptions, lemmas, verdict",
        description="Decides claims, and shows each: the statement, the sentence that it decides, and for each "
        "part the assumptions and why they are needed, the lemmas below it, and the verdict.",
        allow_abbrev=False,
    )
    add_names(parser, some=True)
    add_limits(parser)
    add_json(parser, "all that was found")
    set_files(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Decide and show."""
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...logic.claim import claims
    from ...logic.selection import select
    from ...reports.claim_text import letter
    from ...reports.invariants import meanings
    from ...reports.proof_report import as_dict
    from .prove import proved

    found, queries = proved(select(claims(), arguments.names), arguments)
    if arguments.json is not None:
        write_json(arguments.json, as_dict(found, arguments.timeout, queries))
    if arguments.json != "-":
        results = {each.lemma: each for each in found.lemmas}
        said = meanings()
        texts = (
            "\n".join(letter(each, results, queries, said.get(each.claim.id))) for each in found.decisions
        )
        say("\n\n\n".join(texts).split("\n"))
    return found.status
