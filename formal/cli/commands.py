"""The commands, each a module with two functions.

``add_parser(subparsers)`` adds the command's arguments, and ``set_defaults(run=run)``; ``run(arguments)`` does
it and gives the exit status. At the top a module imports next to nothing; what it needs is imported in ``run``.
"""

from types import ModuleType

from . import completion
from .about_claims import certify, counterexample, export, invariants, list_claims, prove, report, show
from .about_layouts import boot, check, check_log, explain, formula, image, layout, picture, replay, tree

GROUPS = {
    "proofs": (list_claims, show, prove, counterexample, certify, export),
    "layouts and kernels": (layout, image, check, replay, picture, formula),
    "logs": (check_log, explain),
    "real Xen": (tree, boot),
    "documents": (report, invariants),
    "the shell": (completion,),
}
"""The commands by what they are for, in the order of ``--help``."""
COMMANDS = tuple(command for commands in GROUPS.values() for command in commands)
"""Every command."""


def name_of(module: ModuleType) -> str:
    """The name of a module's command."""
    return module.__name__.rpartition(".")[2].removesuffix("_claims").replace("_", "-")
