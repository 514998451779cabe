"""What one input may take: two seconds and 500 MB, reckoned before the work from what there is of it.

Each module says what its own work costs (`most`): as was measured, and rounded up. The option ``--limit N`` of commands
allows N times as much.
"""

from typing import Final

from attrs import define

SECONDS: Final = 2.0
"""How long the work on one input may take."""
MEMORY: Final = 500_000_000
"""How many bytes of memory it may take."""
MOST_TIMES: Final = 1000
"""How many times as much may be allowed."""
RAISED: Final = " (--limit raises that)"
"""What an error's line ends with where it isn't known how much there is."""


def most(seconds: float, memory: float) -> int:
    """How many there may be of what takes so many seconds and bytes each.

    >>> most(seconds=1e-6, memory=200), most(seconds=1e-6, memory=500)
    (2000000, 1000000)
    """
    return round(min(SECONDS / seconds, MEMORY / memory))


@define
class Allowance:
    """What several pieces of work may take together: ``times`` the ``limit``, in whatever unit they are reckoned."""

    limit: int
    times: int = 1
    spent: int = 0

    @property
    def left(self) -> int:
        """How much more may be taken."""
        return self.times * self.limit - self.spent

    def take(self, work: int) -> None:
        """Count work that is about to be done."""
        self.spent += work

    def raised_by(self, work: int) -> str:
        """How to have this work done, too, where it is more than is `left`."""
        return raised_by(self.spent + work, self.limit)


def raised_by(found: int, limit: int) -> str:
    """How to have so many taken, where ``limit`` are taken by default: what an error's line ends with, if that can be."""
    times = -(-found // limit)
    return f" (--limit {times} takes it on)" if times <= MOST_TIMES else ""
