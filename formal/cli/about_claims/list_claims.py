"""``ptproof list``: every claim, one a line."""

import argparse

from ..arguments import add_json, set_files


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "list",
        help="list the claims, one a line",
        description="Lists claims, one a line: id, family, the verdict that is expected, the statement.",
        allow_abbrev=False,
    )
    add_names(parser)
    add_json(parser, "the claims")
    set_files(parser)
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
    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...logic.claim import claims
    from ...logic.selection import select
    from ...reports.proof_report import listing, listing_as_dict

    chosen = select(claims(), arguments.names)
    if arguments.json is not None:
        write_json(arguments.json, listing_as_dict(chosen))
    if arguments.json != "-":
        say(listing(chosen))
    return Status.AS_EXPECTED
