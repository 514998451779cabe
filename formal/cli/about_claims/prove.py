"""``ptproof prove``: decide claims, and tell the verdicts."""

import argparse
from typing import TYPE_CHECKING

from ..arguments import add_json, number, set_files
from .list_claims import add_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...logic.claim import Claim
    from ...logic.prover import Decision, ProofRun
    from ...reports.proof_report import Queries

SOLVERS = ("z3", "cvc5", "bitwuzla")
"""Whom obligations can be given to."""
SECONDS = 120
"""After how many seconds a solver process is killed, unless told otherwise."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "prove",
        help="prove or refute claims",
        description="Decides claims: proves them from lemmas for all inputs, or refutes them by a layout that the "
        "frame machine confirms. One line a claim, the verdict first, in capitals when it isn't the expected "
        "one; then the verdicts by family. Certified means that certificates are on record, which certify has checked anew. "
        "The text has no times in it: the same claims give the same text.",
        allow_abbrev=False,
    )
    add_names(parser)
    add_limits(parser)
    add_json(parser, "all that was found")
    parser.add_argument(
        "--solver",
        choices=(*SOLVERS, "all"),
        default=SOLVERS[0],
        help="who has to discharge the obligations of proofs; with all, each obligation goes to each solver. Z3 looks for "
        "witnesses in any case (default: z3)",
    )
    parser.add_argument("--assumptions", action="store_true", help="list every assumption that is made")
    parser.add_argument(
        "--junit",
        metavar="FILE",
        help="write the verdicts as JUnit's XML, for CI systems; - is standard output, in place of the text",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print what isn't as expected and the counts only"
    )
    set_files(parser, writes=("json", "junit"))
    parser.set_defaults(run=run)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add what the solver processes may take."""
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=number(1, 1 << 20),
        default=SECONDS,
        help=f"kill a solver process after S seconds on one question (default: {SECONDS})",
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=number(1, 256),
        help="questions at the same time, each to a process of its own (default: one a processor)",
    )
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="ask anew what was answered before (in CI, where CI is set in the environment, that is always so)",
    )


def proved(
    chosen: "tuple[Claim, ...]", arguments: argparse.Namespace, solvers: "tuple[str, ...]" = ("z3",)
) -> "tuple[ProofRun, Queries]":
    """Have the claims decided; gives the run and the files of the queries that stayed open.

    How many answers are not of this run but of the cache is told on standard error.
    """
    import os
    import sys

    from ...edge.progress import on_terminal
    from ...logic.prover import prove
    from ...logic.unknown_queries import export
    from ...solvers.answer_cache import users_cache
    from ...solvers.solver import check_installed

    check_installed(solvers)
    found = prove(
        chosen,
        jobs=arguments.jobs or len(os.sched_getaffinity(0)),
        seconds=arguments.timeout,
        progress=on_terminal(),
        solvers=solvers,
        cache=None if arguments.no_cache else users_cache(),
    )
    if found.kept:
        told = f"{found.kept} of {found.asked} answers come from the cache, of earlier runs (--no-cache asks anew)"
        print(f"ptproof: {told}", file=sys.stderr)
    return found, export(found)


def _print(lines: "Iterable[str]", decision: "Decision") -> None:
    """Print what is to be said of a claim, its verdict in colour: green, blue or, when it differs, red."""
    import sys

    from ...edge.colour import BLUE, GREEN, RED, coloured
    from ...edge.outside import one_line, say
    from ...logic.verdict import Severity

    first, *rest = lines
    colour = RED if not decision.as_expected else GREEN if decision.severity is Severity.PROVED else BLUE
    print(coloured(one_line(first), colour, sys.stdout))
    say(rest)


def _write(arguments: argparse.Namespace, found: "ProofRun", queries: "Queries") -> None:
    """Write what is asked for besides the text."""
    import sys

    from ...edge.files import write_bytes, write_json
    from ...reports.junit import as_junit
    from ...reports.proof_report import as_dict

    if arguments.json is not None:
        write_json(arguments.json, as_dict(found, arguments.timeout, queries))
    if arguments.junit == "-":
        sys.stdout.write(as_junit(found).decode())
    elif arguments.junit is not None:
        write_bytes(arguments.junit, as_junit(found))


def run(arguments: argparse.Namespace) -> int:
    """Decide and tell."""
    import sys

    from ...edge.errors import InputError
    from ...edge.outside import say
    from ...logic.claim import claims
    from ...logic.selection import select
    from ...reports.proof_report import claim_lines, summary

    if arguments.junit == arguments.json == "-":
        raise InputError("argument --junit: - is taken already")
    chosen = select(claims(), arguments.names)
    found, queries = proved(chosen, arguments, SOLVERS if arguments.solver == "all" else (arguments.solver,))
    _write(arguments, found, queries)
    if "-" not in (arguments.json, arguments.junit):
        widths = max(len(each.id) for each in chosen), max(len(each.family) for each in chosen)
        for decision in found.decisions:
            if not (arguments.quiet and decision.as_expected):
                _print(claim_lines(decision, queries, widths), decision)
        told = "\n".join(summary(found, quiet=arguments.quiet, assumptions=arguments.assumptions))
        say(told.split("\n"))
    if sys.stderr and sys.stderr.isatty() and not arguments.quiet:
        slowest = max((each.slowest for each in found.lemmas), default=0.0)
        print(f"took {found.seconds:.1f} s, at most {slowest:.1f} s for an obligation", file=sys.stderr)
        for name, seconds in found.times.items():
            print(f"{name}: {seconds:.1f} s for the obligations", file=sys.stderr)
    return found.status
