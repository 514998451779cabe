"""``ptproof prove``: decide claims, and print the verdicts."""

import argparse
import sys
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from ..arguments import add_examples, add_json, number, set_files
from ..what_if import add_what_if, what_if_of
from .list_claims import add_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...logic.claim import Claim
    from ...logic.prover import ProofRun
    from ...reports.proof_report import Queries
    from ...reports.told import Told, ToldClaim

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
        "one; then the verdicts by family. On a terminal the lines stand under their family and are cut to the width. "
        "Certificates on record are looked up here, not checked: certify does that. In a pipe the text has no times in it: the "
        "same claims give the same text. The what-if options decide other claims: that a count with these figures is exact, and "
        "what it saves and costs compared with Xen's.",
        allow_abbrev=False,
    )
    add_names(parser)
    add_limits(parser)
    add_json(parser, "all that was found")
    parser.add_argument(
        "--solver",
        choices=(*SOLVERS, "all"),
        default=SOLVERS[0],
        help="the solver that discharges the proofs' obligations; with all, each solver discharges each. Z3 looks for "
        "witnesses in any case (default: z3)",
    )
    parser.add_argument("--assumptions", action="store_true", help="list every assumption that is made")
    parser.add_argument(
        "--junit",
        metavar="FILE",
        help="write the verdicts as JUnit's XML, for CI systems; - is standard output, in place of the text",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--quiet", action="store_true", help="print what isn't as expected and the counts only"
    )
    shown.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="on a terminal, print whole lines, the counts and the work, as in a pipe",
    )
    add_what_if(parser)
    set_files(parser, writes=("json", "junit"))
    add_examples(parser, "ptproof prove Layout", "ptproof prove exact least -v")
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
        help="ask again what was answered before (always so if CI is set in the environment)",
    )


def proved(
    chosen: "tuple[Claim, ...]", arguments: argparse.Namespace, solvers: "tuple[str, ...]" = ("z3",)
) -> "tuple[ProofRun, Queries]":
    """Have the claims decided; gives the run and the files of the queries that stayed open.

    Standard error says how many answers come from the cache.
    """
    import os

    from ...edge.outside import say
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
        say([f"ptproof: {told}"], sys.stderr)
    return found, export(found)


def _told(chosen: "tuple[Claim, ...]", arguments: argparse.Namespace) -> "tuple[Told, ProofRun | None]":
    """What is found of the claims; with the run, unless an earlier one's answer is kept: standard error says so."""
    from ...edge.outside import say
    from ...reports.told import keep, kept, key, told
    from ...solvers.answer_cache import users_cache

    solvers = SOLVERS if arguments.solver == "all" else (arguments.solver,)
    cache = None if arguments.no_cache else users_cache()
    about = None if cache is None else key(chosen, solvers, arguments.timeout)
    if cache is not None and about is not None and (earlier := kept(cache, about)) is not None:
        note = "all verdicts are kept from an earlier run, and nothing has changed since (--no-cache decides anew)"
        say([f"ptproof: {note}"], sys.stderr)
        return earlier, None
    found, queries = proved(chosen, arguments, solvers)
    # Not if anything was changed in the meantime.
    if cache is not None and about is not None and key(chosen, solvers, arguments.timeout) == about:
        keep(cache, about, found, told(found, arguments.timeout, queries, kept=True))
    return told(found, arguments.timeout, queries), found


def _print(claims: "Sequence[ToldClaim]") -> None:
    """Print what is reported about claims, whole; the verdict in colour: green, blue or, when it differs, red."""
    from ...edge.colour import coloured
    from ...edge.outside import one_line, say
    from ...edge.terminal import fitted, width_of

    width = width_of(sys.stdout)
    for each in claims:
        first, *rest = each.lines
        shown = one_line(first)
        head, *folded = [shown] if width is None else fitted(shown, width)
        print(coloured(head, _colour(each), sys.stdout))
        say([*folded, *rest])


def _print_fitted(claims: "Sequence[ToldClaim]", width: int) -> None:
    """Print a line a claim, cut to the width, under the names of their families."""
    from ...edge.colour import coloured
    from ...edge.outside import one_line, say
    from ...edge.terminal import cut

    longest = max((len(each.id) for each in claims), default=0)
    for family, several in groupby(claims, key=lambda each: each.family):
        say([family])
        for each in several:
            title = f"{each.word:<7}  {each.id:<{longest}}  "
            line = cut(one_line(title + each.case.fitted(width - 2 - len(title))), width - 2)
            print(f"  {coloured(line, _colour(each), sys.stdout)}")
            say(each.lines[1:])


def _colour(each: "ToldClaim") -> str:
    from ...edge.colour import BLUE, GREEN, RED
    from ...logic.verdict import Severity

    return RED if not each.as_expected else GREEN if each.severity is Severity.PROVED else BLUE


def run(arguments: argparse.Namespace) -> int:
    """Decide and print."""
    from ...edge.errors import InputError
    from ...edge.files import write_bytes, write_json
    from ...edge.outside import say
    from ...logic.claim import claims, what_if_claims
    from ...logic.selection import select

    if arguments.junit == arguments.json == "-":
        raise InputError("argument --junit: - is taken already")
    asked = _asked(arguments)
    made = what_if_claims(partial(what_if_of, arguments)) if asked else claims()
    chosen = select(made, arguments.names)
    told, found = _told(chosen, arguments)
    if arguments.json is not None:
        write_json(arguments.json, told.run)
    if arguments.junit == "-":
        sys.stdout.write(told.junit)
    elif arguments.junit is not None:
        write_bytes(arguments.junit, told.junit.encode())
    if "-" not in (arguments.json, arguments.junit):
        say([*asked, *(f"{each.id}: {each.statement}" for each in chosen if asked)])
        _tell(arguments, told, found)
    if found is not None and arguments.verbose:
        _tell_times(found)
    return told.status


def _asked(arguments: argparse.Namespace) -> list[str]:
    """What differs from Xen by the what-if options, a sentence for each guest; none if nothing does."""
    from ...layouts.paging import COMPAT, X86_64

    found = {mode: what_if_of(arguments, mode) for mode in (X86_64, COMPAT)}
    return [f"{mode.title}: {each.sentence}" for mode, each in found.items() if each is not None]


def _tell(arguments: argparse.Namespace, told: "Told", found: "ProofRun | None") -> None:
    """Print the text: short where a terminal's width is known, and nothing else is asked for."""
    from ...edge.outside import say
    from ...edge.terminal import width_of
    from ...layouts.notation import legend
    from ...reports.told import which

    width = width_of(sys.stdout)
    if width is None or arguments.quiet or arguments.verbose or arguments.assumptions:
        _print([each for each in told.claims if not (arguments.quiet and each.as_expected)])
        summary = told.summaries[which(quiet=arguments.quiet, assumptions=arguments.assumptions)]
        say("\n".join(summary).split("\n"))
        return
    _print_fitted(told.claims, width)
    first, counts, *loud = told.brief
    took = "" if found is None else f" It took {found.seconds:.1f} s."
    say(["", first, f"{counts}{took}", *"\n".join(loud).splitlines()])
    used = legend(" ".join(value for each in told.claims for value in (*each.case.chosen, each.case.counts)))
    say([f"({used})"] if used else [])
    say(["'ptproof show ID' has all about a claim; -v has whole lines, counts and the work."])


def _tell_times(found: "ProofRun") -> None:
    """On a terminal, how long it took; that differs from run to run, so it is no part of the text."""
    if not (sys.stderr and sys.stderr.isatty()):
        return
    from ...edge.outside import say

    slowest = max((each.slowest for each in found.lemmas), default=0.0)
    say([f"took {found.seconds:.1f} s, at most {slowest:.1f} s for an obligation"], sys.stderr)
    say((f"{name}: {seconds:.1f} s for the obligations" for name, seconds in found.times.items()), sys.stderr)
