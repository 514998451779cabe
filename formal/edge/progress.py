"""One line on a terminal that tells how far a long run is; it goes away in the end."""

import sys
from collections.abc import Callable

from .outside import one_line
from .terminal import USUAL, cut, width_of


def on_terminal() -> Callable[[int, int, tuple[str, ...]], None] | None:
    """Shows how much is done, how much is left, and what is running; ``None`` where nobody would see it."""
    if width_of(sys.stderr) is None:
        return None

    def show(done: int, total: int, running: tuple[str, ...]) -> None:
        width = (width_of(sys.stderr) or USUAL) - 1
        at_work = f"; running: {one_line(', '.join(running))}" if running else ""
        shown = "" if done == total else cut(f"{done} of {total} done, {total - done} left{at_work}", width)
        print(f"\r{shown:<{width}}\r{shown}", end="", file=sys.stderr, flush=True)  # noqa: T201 - a terminal's line

    return show
