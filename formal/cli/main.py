"""The command line: ``ptproof COMMAND``, or ``python -m ptproof.formal COMMAND``.

Each command is a module of ``ptproof.formal.cli.commands``. What they need is imported when they run, so that
``--help`` is quick.
"""

import argparse
import errno
import gc
import io
import os
import re
import sys
from collections.abc import Sequence
from textwrap import wrap
from typing import Any, NoReturn

from ..edge.errors import InputError, NothingSelected
from ..edge.exit_status import INTERRUPTED, PIPE_CLOSED, Status, table
from ..edge.outside import say
from .arguments import EXAMPLES, check_files
from .commands import GROUPS, name_of
from .first_steps import first_steps

DEBUG = "PTPROOF_DEBUG"
"""The environment variable that asks for the traceback of a failure."""

OUTPUT_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What is wrong with standard output; other files report it where they are written."""

LONGEST_MESSAGE = 4000
"""Of a longer one the middle is left out."""

DESCRIPTION = """\
Settles how many page-table frames a hypervisor must set aside for a boot
address space that maps its own tables: proves the claims about Xen's
nr_pt_pages or refutes them, replays layouts frame by frame, and compares real
boot logs with the model. What is proved, what is assumed and what is not
modelled: docs/scope.md."""

EPILOG = f"""\
exit status, the worst of a run:
{table()}

{DEBUG}=1 in the environment shows the traceback when the tool fails."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` (without the program's name) asks for; gives the exit status."""
    gc.set_threshold(
        100_000, 50, 1000
    )  # what a command makes lasts as long as itself: there is little to look for
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    _fill_gaps()
    if sys.stdout is None:
        return _failed("standard output: expected one that is open, found it closed", Status.BAD_INPUT)
    try:
        status = _run(argv)
        sys.stdout.flush()
    except InputError as error:
        return _failed(str(error), Status.BAD_INPUT)
    except KeyboardInterrupt:
        return _failed("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _drop_output()
        return PIPE_CLOSED
    except Exception as error:  # whatever it is, people get one line
        if os.environ.get(DEBUG):
            raise
        return _broken(error)
    return status


def _fill_gaps() -> None:
    """Replace a closed standard input or error by an empty one, so that no file of ours gets its number."""
    for number in (0, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free
    if sys.stderr is None:
        sys.stderr = io.StringIO()


def _broken(error: Exception) -> int:
    """Report an unexpected failure: of the tool, or of standard output."""
    if isinstance(error, OSError):
        _drop_output()
        if error.errno in OUTPUT_IS_FULL:
            return _failed(f"standard output: can't be written: {error.strerror}", Status.BAD_INPUT)
        if not _there_is_a_folder():
            return _failed(
                "the current folder: expected one that is there, found it removed", Status.BAD_INPUT
            )
    return _failed(f"the tool failed: {type(error).__name__}: {error} ({DEBUG}=1 shows where)", Status.FAILED)


def _there_is_a_folder() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - no need for pathlib
    except OSError:
        return False
    return True


def _run(argv: Sequence[str] | None) -> int:
    parser = command_line()
    given = sys.argv[1:] if argv is None else list(argv)
    if not given:
        say(first_steps())
        return Status.BAD_INPUT
    for each in given[: given.index("--") if "--" in given else None]:
        found = re.fullmatch(r"(--[^=]+(?==)|-[^-=]+?)=?--", each)
        if found:
            parser.error(f"argument {found[1]}: expected a value, found '--'")  # argparse makes [] of it
    try:
        arguments, stray = parser.parse_known_args(given)
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    if stray:
        image = getattr(arguments, "image", None)
        taken = f"; {image!r} was taken for IMAGE" if image is not None else ""
        see = f"(see: {parser.prog} {arguments.command} --help)"
        raise InputError(f"unrecognized arguments: {' '.join(stray)}{taken} {see}")
    check_files(arguments)
    try:
        status: int = arguments.run(arguments)
    except NothingSelected as error:
        return _failed(str(error), Status.NOTHING_SELECTED)
    return status


class _Formatter(argparse.HelpFormatter):
    """Leaves examples, and texts of several paragraphs, in the lines that they have."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(EXAMPLES) or "\n" in text:
            return "\n".join(indent + line for line in text.splitlines())
        return super()._fill_text(text, width, indent)


class _Parser(argparse.ArgumentParser):
    """Complains in one line, as `InputError`."""

    def __init__(self, *args: Any, **keywords: Any) -> None:  # noqa: ANN401 - as argparse has it
        super().__init__(*args, **{"formatter_class": _Formatter} | keywords)

    def print_help(self, file: Any = None) -> None:  # noqa: ANN401 - as argparse has it
        """Print the help; argparse itself would keep quiet about a full disk."""
        print(self.format_help(), end="", file=file)

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise InputError(f"{message} (see: {self.prog} --help)")


class _Program(_Parser):
    """The parser of the whole, whose help has the commands by what they are for."""

    def format_help(self) -> str:
        """The help; argparse itself knows no groups of commands."""
        (subparsers,) = (each for each in self._actions if isinstance(each, argparse._SubParsersAction))  # noqa: SLF001
        found = {each.dest: each.help or "" for each in subparsers._choices_actions}  # noqa: SLF001
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        parts = [formatter.format_help().rstrip(), ""]
        width = max(map(len, found)) + 6
        for title, modules in GROUPS.items():
            parts.append(f"{title}:")
            for name in map(name_of, modules):
                lines = wrap(found[name], max(formatter._width - width, 20))  # noqa: SLF001 - argparse has no other way
                parts += [f"{f'    {name}':<{width}}{lines[0]}", *(" " * width + line for line in lines[1:])]
        parts += ["", "options:", "    -h, --help      show this help, or that of a command after its name"]
        parts += ["    --version       print the version and exit", "", self.epilog or "", ""]
        return "\n".join(parts)


class _Version(argparse.Action):
    """Prints the installed version; looking it up takes its time, so not before it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"ptproof {version('ptproof')}")
        parser.exit()


def command_line() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Program(prog="ptproof", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True, parser_class=_Parser
    )
    for modules in GROUPS.values():
        for module in modules:
            module.add_parser(subparsers)
    parser.set_defaults(parser=parser)  # for completion, which lists all others
    return parser


def _failed(message: str, status: int) -> int:
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[: LONGEST_MESSAGE - 100]} ... {message[-100:]}"
    say([f"ptproof: {message}"], sys.stderr)
    return status


def _drop_output() -> None:
    """Discard what is left of the output, which nobody reads; otherwise the interpreter complains when it ends."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
