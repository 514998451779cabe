"""The commands, each a module with two functions.

``add_parser(subparsers)`` adds the command's arguments, and ``set_defaults(run=run)``; ``run(arguments)`` does
it and gives the exit status. At the top a module imports next to nothing; what it needs is imported in ``run``.
"""

from . import completion
from .about_claims import certify, counterexample, export, invariants, list_claims, prove, report, show
from .about_layouts import boot, check, check_log, explain, formula, image, layout, picture, replay, tree

COMMANDS = (
    list_claims,
    show,
    prove,
    counterexample,
    report,
    invariants,
    export,
    certify,
    layout,
    replay,
    picture,
    formula,
    check_log,
    explain,
    image,
    check,
    tree,
    boot,
    completion,
)
"""Every command, in the order of ``--help``."""
