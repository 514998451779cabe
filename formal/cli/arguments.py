"""What commands' arguments may look like: numbers as people write them, and options that several share."""

import argparse
import re
from collections.abc import Callable
from typing import Final

from ..edge.errors import InputError

WORD: Final = 1 << 64
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
            raise argparse.ArgumentTypeError(f"expected {low} to {high:#x}, found {_shown(text)}")
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


def add_version(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option ``--version``, which names a generation of the dom0 builder."""
    parser.add_argument(
        "--version",
        metavar="NAME",
        help=f"{what}: a release such as xen-4.0.0, or 4-level or compat (today's), 4-level-3.0, "
        "compat-l4-counted, i386-pae, i386-pae-3.0, 2-level, 2-level-3.0 or first-4-level (docs/logs.md)",
    )


def add_host_map(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option ``--host-map``, which names a file with the host's memory map."""
    parser.add_argument(
        "--host-map",
        metavar="FILE",
        help=f"{what} lies over what isn't RAM on the host, whose memory map is in FILE: a boot log of Xen, or of Linux",
    )


def no_dash(text: str) -> str:
    """A type of arguments: a file or a folder that can't be standard output."""
    if text == "-":
        raise argparse.ArgumentTypeError("expected a name, found '-': this isn't for standard output")
    return text


def check_json_apart(json: str | None, *inputs: str) -> None:
    """Refuse to write over a file that is read, under whatever name. Raises `InputError`."""
    from ..edge.files import same_file

    if json not in (None, "-") and any(same_file(json, each) for each in inputs):
        raise InputError(f"argument --json: {json} is an input, too")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
