"""``ptproof formula``: the count as C for Xen's source, or as Python, with what is proved about it."""

import argparse
from typing import Final

from ..arguments import add_examples, add_json, set_files
from ..what_if import add_what_if, what_if_of

MODES: Final = (
    "64",
    "compat",
    "2-level",
    "5-level",
    "sv39",
    "sv48",
    "sv57",
    "arm64-4k",
    "arm64-16k",
    "arm64-64k",
)
STYLES: Final = ("closed", "raises", "search")
LANGUAGES: Final = ("c", "python")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "formula",
        help="print the count as C to paste, or as Python",
        description="Prints a function that gives nr_pt_pages for a region's start and that of its tables, with a comment that "
        "says what is proved about it, and under which assumption. Numbers are decimal or 0x..., and may end in K, "
        "M, G or T.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--mode",
        metavar="MODE",
        choices=MODES,
        default="64",
        help=f"the paging mode: {', '.join(MODES[:-1])} or {MODES[-1]} (default: 64)",
    )
    parser.add_argument(
        "--style",
        choices=STYLES,
        default="closed",
        help="by divisions, by counts in a row, or Xen's search (default: closed)",
    )
    parser.add_argument("--lang", choices=LANGUAGES, default="c", help="the language (default: c)")
    add_what_if(parser)
    add_json(parser, "the text and what it is of")
    set_files(parser)
    add_examples(parser, "ptproof formula", "ptproof formula --mode compat --lang python")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print."""
    import sys

    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...layouts.formula import formula
    from ...layouts.paging import OTHER_MODES, PAGING_MODES
    from ...machine.arrange import FIRST_TRIED, padding_of, rounding_of

    mode = (PAGING_MODES | OTHER_MODES)[arguments.mode]
    asked = what_if_of(arguments, mode)
    rounding, padding = rounding_of(asked), padding_of(asked)
    first = FIRST_TRIED if asked is None or asked.first_tried is None else asked.first_tried
    text = formula()(mode, rounding, padding, arguments.style, arguments.lang, first)
    if arguments.json is not None:
        write_json(
            arguments.json,
            {
                "schema": "ptproof-formula/1",
                "mode": mode.name,
                "rounding": rounding,
                "padding": padding,
                "start": first,
                "style": arguments.style,
                "lang": arguments.lang,
                "text": text,
            },
        )
    if arguments.json != "-":
        sys.stdout.write(text)
    return Status.AS_EXPECTED
