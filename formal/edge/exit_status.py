"""What the command line's exit status says; of several, the worst wins, which is the largest.

The table stands in ``ptproof --help``. ``--quiet`` never changes a status.
"""

from enum import IntEnum
from typing import Self


class Status(IntEnum):
    """An exit status. ``meaning`` is its line in the table of ``--help``."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """A status with its number and its meaning."""
        status = int.__new__(cls, value)
        status._value_ = value
        status.meaning = meaning
        return status

    AS_EXPECTED = 0, "all as expected"
    DIFFERS = 1, "a verdict or a comparison differs, or a boot is refused"
    BAD_INPUT = 2, "wrong usage, or input that can't be used"
    UNKNOWN = 3, "something stayed Unknown"
    VACUOUS = 4, "something was Vacuous: its assumptions contradict each other"
    NOTHING_SELECTED = 5, "nothing was selected"
    FAILED = 70, "the tool failed, or model and machine, two solvers or two readers disagree"


INTERRUPTED = 130
"""After Ctrl-C, as shells have it."""
PIPE_CLOSED = 141
"""When nobody reads the output any more, as shells have it."""


def table() -> str:
    """The statuses and their meanings, one a line."""
    return "\n".join(f"  {status.value:<4}{status.meaning}" for status in Status)
