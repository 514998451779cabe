"""``ptproof counterexample``: the layout that refutes a claim, as a command, as JSON, as an image."""

import argparse

from ..arguments import add_examples, add_json, no_dash, set_files
from .prove import add_limits


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "counterexample",
        help="show the layout that refutes a claim",
        description="Decides a claim and shows the smallest case that refutes it: the sentence, the configuration, the "
        "arrangement as Xen would print it, what the frame machine saw, and the precondition that would have saved it. With "
        "--all the other parts that are refuted, too. Status 1 when the claim is proved: then there is none.",
        allow_abbrev=False,
    )
    parser.add_argument("id", metavar="ID", help="a claim's id")
    parser.add_argument("--all", action="store_true", help="show every case, not the smallest alone")
    add_limits(parser)
    add_json(parser, "what refutes it, for 'ptproof replay' and for programs,")
    parser.add_argument(
        "--elf", metavar="FILE", type=no_dash, help="write a PV kernel image that Xen lays out so"
    )
    parser.add_argument(
        "--boot", action="store_true", help="boot it on a real Xen, as 'ptproof boot --counterexample' does"
    )
    set_files(parser, writes=("json", "elf"))
    add_examples(
        parser, "ptproof counterexample unique", "ptproof counterexample unique --all --json unique.json"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Decide and show."""
    import sys

    from ...edge.errors import InputError
    from ...edge.exit_status import Status
    from ...edge.files import write_bytes, write_json
    from ...edge.outside import say
    from ...images.image_writer import configuration_of, image_of
    from ...logic.claim import claims
    from ...logic.selection import select_one
    from ...logic.verdict import Proved, Refuted
    from ...reports.claim_text import counterexample_letter, smallest_first
    from ...reports.counterexample_json import counterexample_as_dict
    from ...reports.invariants import meanings
    from ...reports.proof_report import claim_lines, witness_layouts
    from ..about_layouts.boot import boot_each, worst
    from ..about_layouts.layout import draw_on_terminal
    from .prove import proved

    claim = select_one(claims(), arguments.id)
    found, queries = proved((claim,), arguments)
    decision = found.decisions[0]
    refuted = [
        (each.part, each.verdict.witness) for each in decision.parts if isinstance(each.verdict, Refuted)
    ]
    if not refuted:
        say(claim_lines(decision, queries), sys.stderr)
        if all(isinstance(each.verdict, Proved) for each in decision.parts):
            say([f"ptproof: {claim.id} is proved: there is no counterexample"], sys.stderr)
        return max(found.status, Status.DIFFERS)
    layouts = witness_layouts(decision)
    cases = smallest_first(refuted)
    shown = cases if arguments.all else cases[:1]
    if not layouts and (arguments.elf or arguments.boot):
        raise InputError(
            f"{claim.id}: what refutes it is no layout that could be written to a file or booted"
        )
    if arguments.json is not None:
        write_json(arguments.json, counterexample_as_dict(claim, refuted))
    if arguments.elf is not None:
        smallest = next(layout for _, witness in cases for _, layout, _ in witness.replay.runs)
        write_bytes(arguments.elf, image_of(configuration_of(smallest)))
    if arguments.json != "-":
        others = [part for part, _ in cases[len(shown) :]]
        letter = counterexample_letter(claim, shown, arguments.elf, meanings().get(claim.id), others)
        say("\n".join(letter).split("\n"))
        for part, witness in shown:
            for title, layout, report in witness.replay.runs:
                draw_on_terminal(layout, report, f"{part.name}, {title}:")
    if not arguments.boot:
        return found.status
    print()
    return max(found.status, worst(boot_each(layouts, None, None)))
