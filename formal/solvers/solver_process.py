"""The child process in which a solver runs: reads questions from standard input, writes answers to standard output.

Its arguments are the solver's name and the process id of its parent, with which it ends. One line of JSON each. A question has the SMT-LIB ``text``, the ``inputs`` as
(name, width), the budget ``rlimit``, and ``least``, the (name, width) of what a model should make small, the first one first. An
answer has ``status`` (sat, unsat, unknown), ``model`` by input name, ``why`` for an unknown, and ``spent`` of
the budget. A process of its own can be killed, which is what makes a time limit certain. Only Z3 gives models.
"""

import json
import sys
from importlib import import_module

from ..edge.children import end_with


def main(solver: str) -> None:
    """Answer questions until standard input ends."""
    asked = import_module(f"{__package__}.ask_{solver}")
    for line in sys.stdin:
        sys.stdout.write(json.dumps(asked.answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    end_with(int(sys.argv[2]))
    main(sys.argv[1])
