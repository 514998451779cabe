"""The command line as data: its commands and their arguments, as argparse has them.

Completion scripts, the reference of the commands and ``ptproof completion --json`` are made of it, so that none of
them can lag behind. Nothing here depends on how a version of Python lays out its help.
"""

import argparse
from collections.abc import Iterator
from typing import Any

from attrs import asdict, frozen


@frozen(kw_only=True)
class Argument:
    """An option with its names, or a positional argument without; ``values`` says what its value is called.

    ``choices`` are all values that there are, where they are few; ``group`` is the heading that it stands under.
    """

    names: tuple[str, ...]
    values: tuple[str, ...]
    optional: bool
    repeated: bool
    choices: tuple[str, ...]
    help: str
    group: str

    @property
    def usage(self) -> str:
        """How it is written."""
        value = " ".join(self.values) + (" ..." if self.repeated else "")
        return ", ".join(f"{each} {value}".rstrip() for each in self.names) or (
            f"[{value}]" if self.optional else value
        )


@frozen(kw_only=True)
class Command:
    """A command: its name, its line in the list of commands, what it does, its arguments, and commands to try."""

    name: str
    help: str
    description: str
    arguments: tuple[Argument, ...]
    examples: tuple[str, ...]

    @property
    def options(self) -> tuple[str, ...]:
        """The names of all options."""
        return tuple(name for each in self.arguments for name in each.names)


def commands(parser: argparse.ArgumentParser) -> tuple[Command, ...]:
    """Every command of a parser that has commands, in their order."""
    actions = parser._actions  # noqa: SLF001 - argparse has no other way to ask
    (subparsers,) = (each for each in actions if isinstance(each, argparse._SubParsersAction))  # noqa: SLF001
    helps = {each.dest: each.help or "" for each in subparsers._choices_actions}  # noqa: SLF001
    return tuple(
        Command(
            name=name,
            help=helps[name],
            description=each.description or "",
            arguments=tuple(_arguments(each)),
            examples=tuple(each.get_default("examples") or ()),
        )
        for name, each in subparsers.choices.items()
    )


def as_dict(found: tuple[Command, ...]) -> dict[str, Any]:
    """The commands as plain data, of the schema ``ptproof-commands/1``."""
    return {"schema": "ptproof-commands/1", "commands": [asdict(each) for each in found]}


def _arguments(parser: argparse.ArgumentParser) -> Iterator[Argument]:
    formatter = parser._get_formatter()  # noqa: SLF001
    for group in parser._action_groups:  # noqa: SLF001
        for each in group._group_actions:  # noqa: SLF001
            if each.help == argparse.SUPPRESS:
                continue
            yield Argument(
                names=tuple(each.option_strings),
                values=_values(each),
                optional=bool(each.option_strings) or each.nargs in ("?", "*"),
                repeated=each.nargs in ("*", "+"),
                choices=tuple(map(str, each.choices or ())),
                help=formatter._expand_help(each) if each.help else "",  # noqa: SLF001
                group=group.title or "",
            )


def _values(action: argparse.Action) -> tuple[str, ...]:
    """What the value is called, or the values are; nothing for a switch."""
    if action.nargs == 0:
        return ()
    if isinstance(action.metavar, tuple):
        return action.metavar
    return (
        action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest),
    )
