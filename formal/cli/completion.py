"""``ptproof completion``: a script that completes the command line in a shell."""

import argparse
from typing import Final

from .arguments import add_examples, add_json, set_files

SHELLS: Final = ("bash", "zsh", "fish")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "completion",
        help="print a script that completes the command line in a shell",
        description="Prints a script that completes commands, options and the ids of the installed claims. In bash: "
        'eval "$(ptproof completion bash)"; in zsh, after compinit, the same with zsh; in fish: ptproof completion '
        "fish | source.",
        allow_abbrev=False,
    )
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash, zsh or fish")
    add_json(parser, "the commands and their arguments, which the script is made of,")
    set_files(parser)
    add_examples(parser, "ptproof completion bash > ptproof.bash", 'eval "$(ptproof completion bash)"')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    from ..edge.exit_status import Status
    from ..edge.files import write_json
    from ..logic.claim import claims
    from .command_line import as_dict, commands
    from .shell_completion import script

    found = commands(arguments.parser)
    if arguments.json is not None:
        write_json(arguments.json, as_dict(found))
    if arguments.json != "-":
        print(script(arguments.shell, found, claims()), end="")
    return Status.AS_EXPECTED
