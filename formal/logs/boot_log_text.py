"""Undoes what mailers, consoles and editors do to the text of a log, and still knows each line's number.

Read are: any line ends; colours, NULs, carriage returns and line breaks that are written out; HTML's entities
and typographic arrows; and mails in quoted-printable, whose soft line breaks may fall within a value.

Facts: RFC 2045 section 6.7; logs from mailing lists and bug trackers.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from attrs import frozen

_JOINT: Final = "\ue000"
"""Stands for a line break that was taken out, until its place is known."""
_COLOUR: Final = re.compile(r"\x1b\[[0-9;?]{0,32}[@-~]")
_WRITTEN_OUT: Final = re.compile(r"\\r\\n|\\[nr]|\^M|#015|&#13;|&nbsp;|\N{NO-BREAK SPACE}")
_ARROW: Final = re.compile(
    r"\N{RIGHTWARDS ARROW}|&rarr;|[\N{HYPHEN}-\N{EM DASH}\N{MINUS SIGN}-](?:>|&gt;|&#62;)"
)
# Signs of quoted-printable that no log has by itself.
_ENCODED: Final = re.compile(r"=(?:3D|20|09|C2|E2|C3)")
_SOFT_BREAK: Final = re.compile(r"=[ \t]*\n(?:[>|]+ )*")
_SOFT_BREAK_ALONE: Final = re.compile(r"(?<=[^\s=])=\n(?:[>|]+ )*")
_OCTETS: Final = re.compile(rf"(?:=[0-9A-F]{{2}}{_JOINT}?)+")


@frozen
class LogText:
    """A text to read; ``breaks`` are the places in it where the original's lines end."""

    text: str
    breaks: Sequence[int]

    def line(self, at: int) -> int:
        """The number of the original line, counted from 1, that has the character ``at``."""
        return bisect_right(self.breaks, at) + 1


def plain_text(data: bytes | str) -> LogText:
    """The text with plain line ends and plain arrows, and without what no log means to say."""
    text = data.decode("utf-8", errors="replace") if isinstance(data, bytes) else data
    text = _COLOUR.sub("", text.replace("\0", "").replace(_JOINT, " "))
    text = re.sub(r"(?<!\r)\r+\n", "\n", text) if "\n" in text else text.replace("\r", "\n")
    text = _unencoded(text.replace("\r", " "))
    text = _ARROW.sub("->", _WRITTEN_OUT.sub(" ", text))
    return _without_joints(re.sub("&gt;|&#62;", ">", text))


def _unencoded(text: str) -> str:
    """A text out of quoted-printable, if it is in that."""
    soft_break = _SOFT_BREAK if _ENCODED.search(text) else _SOFT_BREAK_ALONE
    joined = soft_break.sub(_JOINT, text)
    return _OCTETS.sub(_decoded, joined) if soft_break is _SOFT_BREAK else joined


def _decoded(octets: re.Match[str]) -> str:
    """The characters that some octets stand for, and the line breaks that were among them."""
    joints = octets[0].count(_JOINT)
    plain = bytes.fromhex(octets[0].replace(_JOINT, "").replace("=", "")).decode("utf-8", "replace")
    return plain.replace("\n", " ").replace("\r", "") + _JOINT * joints


def _without_joints(text: str) -> LogText:
    pieces = text.split(_JOINT)
    breaks = array("Q")  # a tuple would take five times as much, of a file of line ends alone
    at = 0
    for piece in pieces:
        breaks.extend(at + found.start() for found in re.finditer("\n", piece))
        at += len(piece)
        breaks.append(at)
    return LogText("".join(pieces), breaks[:-1])
