"""Finds Xen's messages about building a dom0 in logs, where Xen says them and not somebody who writes about them."""

import re
from bisect import bisect_left
from typing import Any, Final

from attrs import evolve, frozen

from ..edge.errors import InputError
from ..edge.limits import RAISED
from .boot_log_reader import LABELS_LIMIT
from .boot_log_text import Blocks
from .log_window import BEHIND, Window, log_text
from .xen_messages import MESSAGES, Message

_BEGINNINGS: Final = sorted({each.beginning for each in MESSAGES}, key=len, reverse=True)
_BEGINNING: Final = re.compile("|".join(map(re.escape, _BEGINNINGS)))
_BEGUN_BY: Final = {
    beginning: [each for each in MESSAGES if beginning.startswith(each.beginning)]
    for beginning in _BEGINNINGS
}
_PANIC: Final = re.compile(
    r"Panic on CPU \d{1,5}:[ \t]{0,99}\n[ \t>|]{0,99}+(?:\(XEN\)[ \t]{0,99}+)?(?:\[[^]\n]{1,40}\][ \t]{0,99}+)?([^\n]{1,200})"
)
_TELLERS: Final = re.compile(r"\(XEN\)|\(d\d{1,5}\)|xc: |domainbuilder|panic:|\[ *\d+\.\d+\]")
_QUOTED: Final = " \t>|"
_FEW: Final = 4
"""Messages of fewer words could be anybody's: they need Xen's prefix, and the line for themselves."""


@frozen
class Said:
    """A message in a text, the line that it begins in, and what follows it there where that is not known here."""

    line: int
    words: str
    message: Message | None

    @property
    def sentence(self) -> str:
        """What it means, in one line."""
        if self.message is None:
            return f'"{self.words}" is no message about building a dom0 that is known here'
        return f'"{self.words}" ({self.message.versions}): {self.message.sentence}'

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        known = None if self.message is None else self.message.as_dict()
        return {"line": self.line, "words": self.words, "message": known}


def messages_in(data: bytes | str | Blocks, source: str = "the log", times: int = 1) -> tuple[Said, ...]:
    """The messages that a log has, in its order, and panics for reasons that aren't known here.

    Raises `InputError` where there are more than ``times`` the limit.
    """
    window = Window(log_text(data, source, times))
    said: list[Said] = []
    for start, end in window.stretches():
        found = _messages_from(window.text, start)
        said += [evolve(found[at], line=window.line(at)) for at in sorted(found) if start <= at < end]
        if len(said) > times * LABELS_LIMIT:
            raise InputError(
                f"{source}: expected at most {times * LABELS_LIMIT} of Xen's messages, found more{RAISED}"
            )
    return tuple(said)


def _messages_from(text: str, start: int) -> dict[int, Said]:
    """The messages in a part of a log from ``start`` on, by where they are; their lines aren't known yet."""
    found: dict[int, Said] = {}
    for begun in _BEGINNING.finditer(text, start):
        for message in _BEGUN_BY[begun[0]]:
            at = begun.start()
            if message.words.startswith("…"):
                before = slice(max(0, at - 40), max(0, at - 1))
                at = before.stop - len(re.split(r"\s", text[before])[-1])
            match = message.pattern.match(text, at)
            if match and at not in found and _is_logged(message, match):
                words = re.sub(r"\s[\s>|]*(?:\(XEN\)\s*)?", " ", match[0])
                found[at] = Said(0, words, message)
    known = sorted(found)
    for panic in _PANIC.finditer(text, max(0, start - BEHIND)):
        words = panic[1].strip(" \t*=>|")
        if words and bisect_left(known, panic.start(1)) == bisect_left(known, panic.end()):
            found[panic.start(1)] = Said(0, words, None)
    return found


def _is_logged(message: Message, match: re.Match[str]) -> bool:
    """Whether Xen says it there, not somebody who writes about it."""
    text = match.string
    before = text[max(0, match.start() - 240) : match.start()].rpartition("\n")[2]
    if len(message.words.split()) < _FEW:
        after = text[match.end() : match.end() + 80].partition("\n")[0]
        return "(XEN)" in before and re.fullmatch(r"[\s.]*(?:\(.*\)\s*)?", after) is not None
    return not before.strip(_QUOTED) or _TELLERS.search(before) is not None
