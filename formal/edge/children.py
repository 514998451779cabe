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
from typing import Final, NoReturn

SAFE_PATH: Final = "PYTHONSAFEPATH"
_WARNINGS: Final = "PYTHONWARNINGS"
_QUIET: Final = "ignore::UserWarning:multiprocessing.resource_tracker"
_PR_SET_PDEATHSIG: Final = 1


def python(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of ours in a process of its own."""
    return [sys.executable, "-P", "-m", module, *arguments]


def large_heap() -> dict[str, str]:
    """The environment of a child that takes much memory and gives it back, again and again: glibc is to keep what is freed.

    Otherwise a fifth of a solver's time goes into pages that come and go. See mallopt(3); others don't read it.
    """
    kept = str(1 << 30)
    return os.environ | {
        "MALLOC_TRIM_THRESHOLD_": kept,
        "MALLOC_MMAP_THRESHOLD_": kept,
        "MALLOC_TOP_PAD_": str(1 << 26),
    }


@contextmanager
def safe_path() -> Iterator[None]:
    """Whatever Python is started meanwhile, workers of ``multiprocessing`` included, has a safe path.

    And the process in which ``multiprocessing`` keeps books is quiet when this one is killed.
    """
    warnings = ",".join(filter(None, (os.environ.get(_WARNINGS), _QUIET)))
    ours = {SAFE_PATH: "1", _WARNINGS: warnings}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def interruptible() -> Iterator[None]:
    """Meanwhile SIGTERM and SIGHUP end the work as Ctrl-C does, so that children and their files go; not where ignored."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        for each, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(each, _interrupt)
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def end_with(parent: int) -> None:
    """Have this process killed when its parent, of that process id, ends of whatever cause.

    A parent that ends closes its pipes first, so what is written to one that nobody reads ends the process, too, without a word.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before
        os._exit(0)
