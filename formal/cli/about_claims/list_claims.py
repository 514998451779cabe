"""``ptproof list``: every claim, one a line."""

import argparse

from ..arguments import add_examples, add_json, set_files


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "list",
        help="list the claims, by family",
        description="Lists claims, one a line: id, family, the verdict that is expected, the statement. On a terminal "
        "they stand under their family, each with the question that it answers: proved means yes, refuted no.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "names",
        metavar="ID|FAMILY|TEXT",
        nargs="*",
        help="a claim's id, a family, or a text in a claim's line, its question or its meaning (default: all). Status 5 when no name finds "
        "a claim; 2 when some do and others don't",
    )
    parser.add_argument("--refuted", action="store_true", help="only claims that are expected to be refuted")
    add_json(parser, "the claims")
    set_files(parser)
    add_examples(parser, "ptproof list --refuted", "ptproof list precise")
    parser.set_defaults(run=run)


def add_names(parser: argparse.ArgumentParser, *, some: bool = False) -> None:
    """Add what says which claims; ``some`` must be named."""
    parser.add_argument(
        "names",
        metavar="ID|FAMILY",
        nargs="+" if some else "*",
        help=f"a claim's id, or a family{'' if some else ' (default: all)'}. Status 5 when no name names a claim; 2 when some do "
        "and others don't",
    )


def run(arguments: argparse.Namespace) -> int:
    """List them."""
    import sys

    from ...edge.errors import NothingSelected
    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...edge.terminal import width_of
    from ...layouts.notation import legend
    from ...logic.claim import Expected, claims
    from ...logic.selection import search
    from ...reports.invariants import meanings, questions
    from ...reports.proof_report import by_family, listing, listing_as_dict

    asked, meant = questions(), meanings()
    said = {each.id: f"{meant.get(each.id, '')} {asked.get(each.id, '')}" for each in claims()}
    chosen = search(claims(), arguments.names, said)
    if arguments.refuted:
        chosen = tuple(each for each in chosen if each.expected is Expected.REFUTED)
        if not chosen:
            raise NothingSelected("none of these claims is expected to be refuted")
    if arguments.json is not None:
        write_json(arguments.json, listing_as_dict(chosen))
    if arguments.json == "-":
        return Status.AS_EXPECTED
    if width_of(sys.stdout) is None:
        say(listing(chosen))
    else:
        lines = list(by_family(chosen, asked))
        used = legend("\n".join(lines))
        say([*lines, "", "'ptproof show ID' has a claim's statement.", *([f"({used})"] if used else ())])
    return Status.AS_EXPECTED
