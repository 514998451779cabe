"""``ptproof tree``: read a tree of Xen's sources, and prove or refute what its layout and count do."""

import argparse
from typing import TYPE_CHECKING

from ..about_claims.prove import add_limits
from ..arguments import add_examples, add_json, set_files

if TYPE_CHECKING:
    from ...source.check_tree import TreeCheck


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "tree",
        help="read a tree of Xen's sources: is its count right?",
        description="Reads the dom0 builder in a tree of Xen's sources, and says what was found where. Each piece of the layout "
        "and the count is proved equal to what is encoded, so that all theorems hold for the tree; for a count that "
        "was changed, properties are proved for all inputs, or refuted by a layout. What isn't understood is "
        "reported with its line, never guessed. In a tree of GRUB's its loader for Xen is read. Needs the extra tree. Status 0 when all is proved, 1 when a "
        "property is refuted, whatever else stays open, 3 when something isn't understood or stays open, 2 for what "
        "is no tree.",
        allow_abbrev=False,
    )
    parser.add_argument("path", metavar="TREE", help="the folder of the tree, or of a git repository")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--rev", metavar="REV", help="read this revision of the repository; nothing is checked out"
    )
    which.add_argument(
        "--revs",
        metavar="REVS",
        help="one line for each revision: A..B, or a pattern of tags such as 'RELEASE-*'",
    )
    add_json(parser, "all that was found")
    parser.add_argument(
        "--sarif",
        metavar="FILE",
        help="write what is refuted or open as SARIF, for code hosts and CI systems",
    )
    parser.add_argument("--junit", metavar="FILE", help="write each piece as a case of JUnit's XML")
    parser.add_argument(
        "--quiet", action="store_true", help="print the answer, the verdicts and what they assume only"
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="on a terminal, print each piece with its line, and what is assumed at length, as in a pipe",
    )
    add_limits(parser)
    set_files(parser, writes=("json", "sarif", "junit"))
    add_examples(parser, "ptproof tree xen", "ptproof tree xen --quiet --sarif found.sarif")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, decide, tell."""
    import sys

    from ...edge.files import write_bytes, write_json
    from ...edge.outside import say
    from ...edge.terminal import width_of

    _need_the_extra()
    from ...reports.tree_report import as_dict, as_sarif, lines, tree_as_junit

    if arguments.revs is not None:
        found, errors, status = _sweep(arguments)
    else:
        check = checked(arguments, arguments.path, arguments.rev)
        found, errors, status = [(arguments.rev, check)], [], int(check.status)
        if "-" not in (arguments.json, arguments.sarif, arguments.junit):
            on_terminal = width_of(sys.stdout) is not None
            say(lines(check, quiet=arguments.quiet, brief=on_terminal and not arguments.verbose))
    if arguments.json is not None:
        write_json(arguments.json, as_dict(found, errors))
    if arguments.sarif is not None:
        write_json(arguments.sarif, as_sarif([check for _, check in found]))
    if arguments.junit is not None:
        write_bytes(arguments.junit, tree_as_junit([check for _, check in found]))
    return status


def _need_the_extra() -> None:
    from importlib.util import find_spec

    from ...edge.errors import InputError

    missing = [each for each in ("tree_sitter", "tree_sitter_c") if find_spec(each) is None]
    if missing:
        raise InputError(f"{' and '.join(missing)} not installed: pip install 'ptproof[tree]'")


def checked(
    arguments: argparse.Namespace, path: str, revision: str | None = None, *, tell: bool = True
) -> "TreeCheck":
    """Read a tree and decide what it is asked, within the limits of the arguments. Raises `InputError`."""
    import os

    _need_the_extra()
    from ...c.tree_files import opened
    from ...edge.progress import on_terminal
    from ...solvers.answer_cache import users_cache
    from ...source.check_tree import check_tree

    with opened(path, revision) as tree:
        return check_tree(
            tree,
            seconds=arguments.timeout,
            jobs=arguments.jobs or len(os.sched_getaffinity(0)),
            progress=on_terminal() if tell else None,
            cache=None if arguments.no_cache else users_cache(),
        )


def _sweep(arguments: argparse.Namespace) -> "tuple[list[tuple[str | None, TreeCheck]], list[str], int]":
    """Every revision, a line for each, and where something changed."""
    import sys

    from ...c.tree_files import revisions
    from ...edge.errors import InputError
    from ...edge.exit_status import Status
    from ...edge.outside import say
    from ...reports.tree_report import row

    found: list[tuple[str | None, TreeCheck]] = []
    errors: list[str] = []
    statuses: list[int] = []
    before = None
    for revision in revisions(arguments.path, arguments.revs):
        try:
            check = checked(arguments, arguments.path, revision, tell=False)
        except InputError as error:
            errors.append(str(error))
            statuses.append(Status.BAD_INPUT)
            say([f"ptproof: {error}"], sys.stderr)
            continue
        found.append((revision, check))
        statuses.append(check.status)
        told = row("", check)
        if "-" not in (arguments.json, arguments.sarif, arguments.junit):
            say([row(revision, check) + ("" if before in (None, told) else "  <- changed")])
        before = told
    return found, errors, max(statuses)
