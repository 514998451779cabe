"""One line on a terminal that tells how far a long run is; it goes away in the end."""

import shutil
import sys
from collections.abc import Callable

from .outside import one_line


def on_terminal() -> Callable[[int, int, tuple[str, ...]], None] | None:
    """Shows how much is done, of how much, and what is being worked on; ``None`` where nobody would see it."""
    if not (sys.stderr and sys.stderr.isatty()):
        return None

    def show(done: int, total: int, running: tuple[str, ...]) -> None:
        width = shutil.get_terminal_size().columns - 1
        at_work = f", at work on {one_line(', '.join(running))}" if running else ""
        shown = "" if done == total else f"{done} of {total}{at_work}"[:width]
        print(f"\r{shown:<{width}}\r{shown}", end="", file=sys.stderr, flush=True)  # noqa: T201 - a terminal's line

    return show
