"""A log's text, and moving along it: logs are read as a stream, of which only a stretch is there at a time."""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from ..edge.errors import InputError
from ..edge.limits import most
from .boot_log_text import Blocks, LogText, plain_blocks, unpacked

LIMIT: Final = most(seconds=2e-7, memory=20)
"""The largest file that is taken for a log, in bytes, packed or unpacked."""
_AHEAD: Final = 16 << 10
"""No label reaches so far with its value, in characters."""
BEHIND: Final = 240
"""How much of a line is looked at before a label."""


def log_text(data: bytes | str | Blocks, source: str, times: int = 1) -> Blocks:
    """The text of a log, once for all who read it; its last block tells whether it was packed, and cut short.

    Raises `InputError` when it is packed and can't be unpacked, or holds more than ``times`` `LIMIT`.
    """
    if isinstance(data, tuple):
        return data
    try:
        plain, cut = unpacked(data, times * LIMIT) if isinstance(data, bytes) else (data, "")
        return (*plain_blocks(plain), *([LogText("", (), cut)] if cut else ()))
    except InputError as error:
        raise InputError(f"{source}: {error}") from error


class Window:
    """Moves along a text that comes in blocks: what is there of it, in ``text``, and the lines that this is in.

    ``end`` is where the text ends but for blanks; past what is there where it goes on.
    """

    def __init__(self, blocks: Iterable[LogText]) -> None:
        self._blocks = iter(blocks)
        self._joints = array("Q")
        self._line, self._counted = 1, 0
        self.text = ""
        self.last = False
        self.end = 0

    def line(self, at: int) -> int:
        """The number of the original line, counted from 1, that has the character ``at``; asked for in their order."""
        self._line += self.text.count("\n", self._counted, at + 1)
        self._counted = at + 1
        return self._line + bisect_right(self._joints, at)

    def move(self, start: int) -> None:
        """Leave out what is before ``start``, and take one more block in; the ``last`` time there is none."""
        gone = bisect_left(self._joints, start)
        if self._counted < start:
            self.line(start - 1)
        self._line, self._counted = self._line + gone, self._counted - start
        self._joints = array("Q", (each - start for each in self._joints[gone:]))
        self.text = self.text[start:]
        block = next(self._blocks, None)
        self.last = block is None
        if block is not None:
            self._joints.extend(len(self.text) + each for each in block.joints)
            self.text += block.text
        self.end = len(self.text.rstrip()) if self.last else len(self.text) + 1

    def matches(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """Every match in all of the text, each in the ``text`` that there is then: none reaches far."""
        past = 0
        for at, end in self.stretches():
            begin = at + past
            for match in pattern.finditer(self.text, begin):
                if match.start() >= end:
                    break
                begin = match.end()
                yield match
            past = max(0, begin - end)

    def stretches(self) -> Iterator[tuple[int, int]]:
        """All of the text, stretch by stretch: from where to where something may begin in the ``text`` that there is then."""
        at = 0
        while not self.last:
            start = max(0, at - BEHIND)
            self.move(start)
            end = len(self.text) if self.last else max(at - start, len(self.text) - _AHEAD)
            yield at - start, end
            at = end
