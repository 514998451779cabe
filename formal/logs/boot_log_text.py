"""Undoes what mailers, consoles and editors do to the text of a log, and still knows each line's number.

Read are: any line ends; colours, NULs, carriage returns and line breaks that are written out; HTML's entities
and typographic arrows; and mails in quoted-printable, whose soft line breaks may fall within a value.

Facts: RFC 2045 section 6.7; logs from mailing lists and bug trackers.
"""

import codecs
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from attrs import frozen

_JOINT: Final = "\ue000"
"""Stands for a line break that was taken out, until its place is known."""
_COLOUR: Final = re.compile(r"\x1b\[[0-9;?]{0,32}[@-~]")
_WRITTEN_OUT: Final = re.compile(r"\\r\\n|\\[nr]|\^M|#015|&#13;|&nbsp;|\N{NO-BREAK SPACE}")
_ARROW: Final = re.compile(
    r"\N{RIGHTWARDS ARROW}|&rarr;|[\N{HYPHEN}-\N{EM DASH}\N{MINUS SIGN}-](?:>|&gt;|&#62;)"
)
# Signs of quoted-printable that no log has by itself; NULs are passed over.
_ENCODED: Final = re.compile(rb"=\0*(?:3\0*D|2\0*0|0\0*9|C\0*[23]|E\0*2)")
_SOFT_BREAK: Final = re.compile(r"=[ \t]*\n(?:[>|]+ )*")
_SOFT_BREAK_ALONE: Final = re.compile(r"(?<=[^\s=])=\n(?:[>|]+ )*")
_OCTETS: Final = re.compile(rf"(?:=[0-9A-F]{{2}}{_JOINT}?)+")
BLOCK: Final = 1 << 20
"""About how many bytes of a text are looked at together."""


@frozen
class LogText:
    """A text to read; ``joints`` are the places in it where line breaks were taken out."""

    text: str
    joints: Sequence[int]

    def line(self, at: int) -> int:
        """The number of the original line, counted from 1, that has the character ``at``."""
        return self.text.count("\n", 0, at + 1) + bisect_right(self.joints, at) + 1


def plain_blocks(data: bytes | str, size: int = BLOCK) -> Iterator[LogText]:
    """The text with plain line ends and plain arrows, and without what no log means to say.

    It comes in blocks of whole lines, of about ``size`` bytes, so that it is never there as a whole: where a line is
    longer than four blocks it is broken.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    encoded = _ENCODED.search(data) is not None
    text = ""
    for each in _decoded_pieces(data, size):
        piece = _COLOUR.sub("", each.replace("\0", "").replace(_JOINT, " "))
        text += re.sub(r"(?<!\r)\r+\n", "\n", piece).replace("\r", " ")
        end = (_last_line_end(text) or (len(text) if len(text) > 4 * size else 0)) if len(text) > size else 0
        if end:
            yield _plain(text[:end], encoded=encoded)
            text = text[end:]
    if text:
        yield _plain(text, encoded=encoded)


def plain_text(data: bytes | str) -> LogText:
    """The text of `plain_blocks`, as one."""
    return next(plain_blocks(data, len(data) + 1), LogText("", ()))


def _decoded_pieces(data: bytes, size: int) -> Iterator[str]:
    """The text in pieces, each up to a line's end, if there is one within a block."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + size, start + 2 * size) + 1 or start + 2 * size
        yield decoder.decode(data[start:end], final=end >= len(data))
        start = end


def _last_line_end(text: str) -> int:
    """Where a line ends that isn't softly broken, the last one or nearly so; 0 where none is found."""
    end = len(text)
    for _ in range(100):
        end = text.rfind("\n", 0, end)
        if end < 0 or not text[max(0, end - 1000) : end].rstrip(" \t").endswith("="):
            return end + 1
    return 0


def _plain(text: str, *, encoded: bool) -> LogText:
    text = _unencoded(text) if encoded else _SOFT_BREAK_ALONE.sub(_JOINT, text)
    text = _ARROW.sub("->", _WRITTEN_OUT.sub(" ", text))
    return _without_joints(re.sub("&gt;|&#62;", ">", text))


def _unencoded(text: str) -> str:
    """A text out of quoted-printable."""
    return _OCTETS.sub(_decoded, _SOFT_BREAK.sub(_JOINT, text))


def _decoded(octets: re.Match[str]) -> str:
    """The characters that some octets stand for, and the line breaks that were among them."""
    joints = octets[0].count(_JOINT)
    plain = bytes.fromhex(octets[0].replace(_JOINT, "").replace("=", "")).decode("utf-8", "replace")
    return plain.replace("\n", " ").replace("\r", "") + _JOINT * joints


def _without_joints(text: str) -> LogText:
    pieces = text.split(_JOINT)
    return LogText("".join(pieces), array("Q", accumulate(map(len, pieces[:-1]))))
