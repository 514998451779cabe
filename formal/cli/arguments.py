"""What commands' arguments may look like: numbers as people write them, and options that several share."""

import argparse
import re
from collections.abc import Callable
from typing import Final

from ..edge.amounts import as_option
from ..edge.errors import InputError

WORD: Final = 1 << 64
EXAMPLES: Final = "examples:"
_MOST_BY_SUFFIX: Final = 1 << 60
_SHIFTS: Final = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_NUMBER: Final = re.compile(r"(0[xX][0-9a-fA-F]{1,32}|0|[1-9][0-9]{0,32})([kmgtKMGT]?)")


def number(low: int, high: int) -> Callable[[str], int]:
    """A type of arguments: a number from ``low`` to ``high``, decimal or 0x…, with K, M, G or T for 2^10 to 2^40."""

    def parsed(text: str) -> int:
        found = _NUMBER.fullmatch(text)
        if found is None:
            raise argparse.ArgumentTypeError(
                f"expected a number such as 4096, 0x1000 or 4K, found {_shown(text)}"
            )
        value = int(found[1], 0) << _SHIFTS[found[2].lower()]
        if not low <= value <= high:
            most = as_option(high) if high < _MOST_BY_SUFFIX else hex(high)
            raise argparse.ArgumentTypeError(f"expected {as_option(low)} to {most}, found {_shown(text)}")
        return value

    return parsed


address = number(0, WORD - 1)
"""An address, or a length in bytes."""


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option ``--json``."""
    parser.add_argument(
        "--json",
        metavar="FILE",
        help=f"write {what} as JSON; with - to standard output, and no text there",
    )


def add_limit(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--limit``."""
    parser.add_argument(
        "--limit",
        metavar="N",
        type=number(1, 1000),
        default=1,
        help="accept inputs that are estimated to need up to N times 2 seconds and 500 MB (default: 1)",
    )


def add_version(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option ``--version``, which names a generation of the dom0 builder."""
    parser.add_argument(
        "--version",
        metavar="NAME",
        help=f"{what}: a release such as xen-4.0.0, or 4-level or compat (today's), 4-level-3.0, "
        "compat-l4-counted, i386-pae, i386-pae-3.0, 2-level, 2-level-3.0 or first-4-level, or a rule's name as check-log has it (docs/logs.md)",
    )


def add_host_map(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option ``--host-map``, which names a file with the host's memory map."""
    parser.add_argument(
        "--host-map",
        metavar="FILE",
        help=f"{what} lies where the host has no RAM, by the memory map in FILE: a boot log of Xen, or of Linux",
    )


def add_examples(parser: argparse.ArgumentParser, *commands: str) -> None:
    """Put commands to try at the end of the help; a test runs them in a folder that has what they name."""
    parser.epilog = "\n".join((EXAMPLES, *(f"  {each}" for each in commands)))
    parser.set_defaults(examples=commands)


def no_dash(text: str) -> str:
    """A type of arguments: a file or a folder that can't be standard output."""
    if text == "-":
        raise argparse.ArgumentTypeError("expected a name, found '-': this isn't for standard output")
    return text


def set_files(
    parser: argparse.ArgumentParser,
    *,
    reads: tuple[str, ...] = (),
    writes: tuple[str, ...] = ("json",),
    folders: tuple[str, ...] = (),
    made: tuple[str, ...] = (),
) -> None:
    """Tell which arguments are files that are read or written, which folders are read, and which are ``made``."""
    parser.set_defaults(reads=reads, writes=writes, folders=folders + made, made=made)


def check_files(arguments: argparse.Namespace) -> None:
    """Refuse, before any work, outputs that would destroy an input or each other, or that can't be written.

    Under whatever name, through links, too; and none may lie in a folder that the command reads or writes. Raises
    `InputError`.
    """
    from ..edge.files import check_folder, check_writable, is_standard_output, lies_in, same_file

    reads, folders = _given(arguments, arguments.reads), _given(arguments, arguments.folders)
    taken = [name for _, name in reads]
    writes = _given(arguments, arguments.writes)
    for dest, name in writes:
        option = f"argument --{dest}"
        if any(same_file(name, each) for each in taken):
            also_read = dest == "json" and any(same_file(name, each) for _, each in reads)
            raise InputError(f"{option}: {name} is {'an input, too' if also_read else 'taken already'}")
        if name != "-" and is_standard_output(name):
            raise InputError(f"{option}: {name} is where standard output goes, too")
        for _, folder in folders:
            if lies_in(name, folder):
                raise InputError(
                    f"{option}: {name} lies in {folder}, which is for other files of this command"
                )
        taken.append(name)
    check_writable(*(name for _, name in writes))
    for dest, folder in folders:
        if dest in arguments.made:
            check_folder(folder)


def _given(arguments: argparse.Namespace, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """The arguments of those names that are given, each file by itself."""
    values = ((name, getattr(arguments, name)) for name in names)
    listed = ((name, value if isinstance(value, list) else [value]) for name, value in values)
    return [(name, str(each)) for name, several in listed for each in several if each is not None]


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
