"""``ptproof invariants``: what holds, as a document, and as comments for the sources that it is about."""

import argparse
from typing import TYPE_CHECKING, Final

from ..arguments import add_examples, add_json, set_files
from .list_claims import add_names
from .prove import add_limits

if TYPE_CHECKING:
    from ...logic.prover import ProofRun

FORMATS: Final = ("md", "html", "json", "c-comment")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "invariants",
        help="write down what holds: a document, or comments for the source",
        description="Decides claims, and writes a document: an index by question, and for each claim its meaning, its "
        "statement, its source, what is assumed, and the verdict with what it rests on. With --format c-comment it "
        "writes comments to paste, for the places in Xen's PV dom0 builder that the claims are about. They contain "
        "only what this run proved or refuted; standard error says what was left out.",
        allow_abbrev=False,
    )
    add_names(parser)
    add_limits(parser)
    parser.add_argument(
        "--format", choices=FORMATS, default="md", help="what is written to standard output (default: md)"
    )
    parser.add_argument(
        "--tree",
        metavar="TREE",
        help="with c-comment: a tree of Xen's sources that they must hold of; else none is written",
    )
    add_json(parser, "the document's data")
    set_files(parser)
    add_examples(
        parser,
        "ptproof invariants Layout > layout.md",
        "ptproof invariants --format html Layout > layout.html",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Decide and write."""
    from ...edge.errors import InputError, NothingSelected
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...logic.claim import claims
    from ...logic.selection import select
    from ...reports.invariants import as_dict, as_html, as_markdown, entries, meanings
    from ...reports.source_comments import about, places
    from .prove import proved

    chosen, installed = select(claims(), arguments.names), places()
    comments = arguments.format == "c-comment" and arguments.json != "-"
    if arguments.tree is not None:
        if not comments:
            raise InputError("argument --tree: expected --format c-comment with it")
        held = _held_by(arguments)
        if held is not None:
            return held
    if comments and not any(about(each, chosen) for each in installed):
        raise NothingSelected("no comment rests on these claims alone: without names, all are written")
    found, _ = proved(chosen, arguments)
    shown = entries(found, meanings(), installed)
    if arguments.json is not None:
        write_json(arguments.json, as_dict(found, shown))
    if arguments.json == "-":
        return found.status
    if comments:
        _write_comments(found)
    elif arguments.format == "json":
        write_json("-", as_dict(found, shown))
    else:
        text = {"md": as_markdown, "html": as_html}[arguments.format](found, shown)
        say(text.removesuffix("\n").split("\n"))
    return found.status


def _write_comments(found: "ProofRun") -> None:
    """Write the comments, and name those that the run gives no grounds for."""
    import sys

    from ...edge.outside import say
    from ...reports.source_comments import comments, places, withheld

    print("\n\n".join(comments(places(), found.decisions)))
    left_out = withheld(places(), found.decisions)
    say((f"ptproof: not written for {place.name}: {remark.says}" for place, remark in left_out), sys.stderr)


def _held_by(arguments: argparse.Namespace) -> int | None:
    """The status if a tree differs from the encodings of today's Xen, with the reasons on standard error; ``None`` if it doesn't."""
    import sys

    from ...edge.outside import say
    from ...reports.tree_report import unlike
    from ..about_layouts.tree import checked

    why, status = unlike(checked(arguments, arguments.tree))
    if not why:
        return None
    say([f"ptproof: no comments are written: {each}" for each in why], sys.stderr)
    return status
