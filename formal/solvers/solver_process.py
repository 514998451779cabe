"""The child process in which a solver runs: reads questions from standard input, writes answers to standard output.

Its one argument is the solver's name. One line of JSON each. A question has the SMT-LIB ``text``, the ``inputs`` as
(name, width), the budget ``rlimit``, and ``least``, the (name, width) of what a model should make small, the first one first. An
answer has ``status`` (sat, unsat, unknown), ``model`` by input name, ``why`` for an unknown, and ``spent`` of
the budget. A process of its own can be killed, which is what makes a time limit certain. Only Z3 gives models.
"""

import ctypes
import json
import signal
import sys
from importlib import import_module

PR_SET_PDEATHSIG = 1
"""Linux, prctl(2): which signal a process gets when its parent ends, whatever that ended of."""


def _die_with_the_parent() -> None:
    """End when the parent does, also in the middle of a question; where the system can't, when standard input ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(solver: str) -> None:
    """Answer questions until standard input ends."""
    _die_with_the_parent()
    asked = import_module(f"{__package__}.ask_{solver}")
    for line in sys.stdin:
        sys.stdout.write(json.dumps(asked.answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
