"""How processes of ours are started: nothing from the current folder runs in them, and none outlives its parent.

Facts: Python's ``-P`` and ``PYTHONSAFEPATH`` (3.11 on), which keep the current folder off ``sys.path``; Linux's
prctl(2), ``PR_SET_PDEATHSIG``.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SAFE_PATH: Final = "PYTHONSAFEPATH"
_PR_SET_PDEATHSIG: Final = 1


def python(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of ours in a process of its own."""
    return [sys.executable, "-P", "-m", module, *arguments]


@contextmanager
def safe_path() -> Iterator[None]:
    """Whatever Python is started meanwhile, workers of ``multiprocessing`` included, has a safe path."""
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before


def end_with(parent: int) -> None:
    """Have this process killed when its parent, of that process id, ends of whatever cause."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before
        os._exit(0)
