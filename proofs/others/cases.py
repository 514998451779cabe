"""What the claims about others share: the family, and how a case is judged that may be too large for the machine.

S = v_start, T = vpt_start, where the tables start, V where the region ends. Every case is replayed by `ptproof.formal.others`,
which executes the other's own loop.
"""

from collections.abc import Callable
from typing import Final

from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import TooLarge
from ..shared import replays
from ..shared.replays import Values

FAMILY: Final = "Others"
SENTENCE: Final = "The page tables lie in the region that they map, so their maker must count them first."
LINUX: Final = (1 << 64) - (2 << 30)
"""Where Linux starts, and NetBSD's half."""


def case(judge: Callable[[Values], Replay]) -> replays.Judge:
    """A case that may be too large for the machine."""

    def judged(values: Values) -> Replay:
        try:
            return judge(values)
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)

    return judged
