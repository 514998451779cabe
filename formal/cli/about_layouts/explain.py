"""``ptproof explain``: what a message of Xen's about building a dom0 means."""

import argparse

from ..arguments import add_examples, add_json, set_files


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "explain",
        help="say what a message of Xen's about building a dom0 means",
        description="Takes what Xen printed, or a part of it, and says what it means, which figure decides it, which versions have "
        "it, and the command that shows it. Status 5 when the message isn't known.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "text", metavar="TEXT", nargs="+", help="a line of a log, or some words of one; - is standard input"
    )
    add_json(parser, "what was found")
    set_files(parser)
    add_examples(
        parser,
        "ptproof explain 'Not enough RAM for domain 0 allocation'",
        "ptproof explain 'Decoding failed'",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Find the messages and explain them."""
    from ...edge.exit_status import Status
    from ...edge.files import read_input, write_json
    from ...edge.outside import say
    from ...logs.log_window import LIMIT
    from ...logs.xen_messages import explained

    text = " ".join(arguments.text)
    if text == "-":
        text = read_input("-", LIMIT).decode("utf-8", "replace")
    found = explained(text)
    if arguments.json is not None:
        messages = [each.as_dict() for each in found]
        write_json(arguments.json, {"schema": "ptproof-explain/1", "messages": messages})
    if arguments.json != "-":
        for at, each in enumerate(found):
            say(["", *each.lines()] if at else each.lines())
    return Status.AS_EXPECTED
