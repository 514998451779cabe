"""Undoes what mailers, consoles, programs and editors do to the text of a log, and still knows each line's number.

Read are: files packed by gzip, xz or bzip2; any line ends; colours, also those whose ESC got lost or was written out;
NULs, backspaces, and spaces and arrows of every kind; characters that are written out as HTML, JSON, YAML, C, Python, a
URL or a markup have them, once or twice over; and mails in quoted-printable, whose soft line breaks may fall within a
value, or in base64.

What stands for a line break without being one is read as a space, so that lines are counted as they are in the file.

Facts: RFC 2045 sections 6.7 and 6.8; RFC 8259; ECMA-48; logs from mailing lists and bug trackers.
"""

import base64
import bz2
import html
import lzma
import re
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from attrs import frozen

from ..edge.errors import InputError

UNPACKED_LIMIT: Final = 64 << 20
"""The most that a packed log may hold, in bytes."""

_JOINT: Final = "\ue000"
"""Stands for a line break that was taken out, until its place is known."""
_ESCAPE: Final = r"(?:\x1b|\^\[|\\{1,8}(?:x1[bB]|0?33|e|u001[bB])|#033|\N{SYMBOL FOR ESCAPE}|\N{REPLACEMENT CHARACTER}|(?<![A-Z])ESC)"
_COLOUR: Final = re.compile(
    rf"{_ESCAPE}\[[0-9;?=]{{0,32}}[@-~]|\[[0-9]{{1,3}}(?:;[0-9]{{1,3}}){{0,8}}m|\[K(?![0-9A-Za-z])"
)
_LINE_END: Final = re.compile(r"\^M|#015|<0d>")
_ENTITY: Final = re.compile(
    r"&(?:amp;|#38;){0,8}(?:#[0-9]{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z]{2,8};|gt|lt)"
)
_WRITTEN_OUT: Final = re.compile(
    r"\\{1,8}(?:u(?P<u>[0-9a-fA-F]{4})|x(?P<x>[0-9a-fA-F]{2})|(?P<o>[01][0-7]{2})|(?P<space>r\\{1,8}n|[nrtfv])|(?P<itself>[>\-/\"'_*|()]))"
)
_ARROW_WORD: Final = re.compile(r"\$?\\{1,4}(?:long)?rightarrow\$?|\\{1,4}to(?![a-z])")
_ARROW: Final = re.compile(
    "[\N{RIGHTWARDS ARROW}\N{LONG RIGHTWARDS ARROW}\N{RIGHTWARDS DOUBLE ARROW}\N{HEAVY WIDE-HEADED RIGHTWARDS ARROW}"
    "\N{BLACK RIGHTWARDS ARROW}\N{DRAFTING POINT RIGHTWARDS ARROW}]"
    "|[\N{HYPHEN}-\N{EM DASH}\N{MINUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}-][*_]{0,3}"
    "[>\N{FULLWIDTH GREATER-THAN SIGN}\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}\N{BLACK RIGHT-POINTING TRIANGLE}][*_]{0,3}"
    "|\xe2\N{DAGGER}\N{RIGHT SINGLE QUOTATION MARK}|\xe2\N{EURO SIGN}[\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}]>"
    "|(?<=[0-9a-fA-F])[ ]?- >(?=[ 0-9a-fA-F])"
)
_SPACES: Final = re.compile("\xc2\xa0|[\v\f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_NOTHING: Final = re.compile("[\0\xad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_INLINE_TAG: Final = re.compile(
    r"</?(?:span|b|i|u|em|strong|font|code|tt|mark|a|samp|kbd|var)(?:\s[^<>\n]{0,300})?>", re.IGNORECASE
)
_PERCENT: Final = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_NUMBERS: Final = re.compile(r"\[[ \t]?(?:[0-9]{1,3},[ \t]?){8,4000}[0-9]{1,3}[ \t]?\]")
_BASE_64: Final = re.compile(
    r"(?i:content-transfer-encoding:[ \t]*base64)[^\n]*\n(?:[^\n]+\n){0,40}\n((?:[A-Za-z0-9+/]{4,76}={0,2}[ \t]*\n?)+)"
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
    """The text with plain line ends and plain arrows, and without what no log means to say.

    Raises `InputError` for a packed file that is damaged, or that holds too much.
    """
    text = unpacked(data).decode("utf-8", errors="replace") if isinstance(data, bytes) else data
    text = _COLOUR.sub("", _NOTHING.sub("", text.replace(_JOINT, " ")))
    text = re.sub(r"(?<!\r)\r+\n", "\n", text) if "\n" in text else text.replace("\r", "\n")
    text = _unencoded(_without_backspaces(text.replace("\r", " ")))
    return _without_joints(_in_plain_characters(text))


class _Unpacker(Protocol):
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


_PACKERS: Final[Sequence[tuple[bytes, str, Callable[[], _Unpacker]]]] = (
    (b"\x1f\x8b\x08", "gzip", lambda: zlib.decompressobj(31)),
    (b"\xfd7zXZ\0", "xz", lzma.LZMADecompressor),
    (b"BZh", "bzip2", bz2.BZ2Decompressor),
)


def unpacked(data: bytes) -> bytes:
    """What a file holds that is packed by one of the usual packers; any other as it is.

    Raises `InputError` for one that is damaged, or that holds more than `UNPACKED_LIMIT`. One that is cut short gives
    what there is of it.
    """
    for magic, name, unpacker in _PACKERS:
        if not data.startswith(magic):
            continue
        found, rest = bytearray(), data
        while rest.startswith(magic) and len(found) <= UNPACKED_LIMIT:
            each = unpacker()
            try:
                found += each.decompress(rest, UNPACKED_LIMIT + 1 - len(found))
            except (zlib.error, lzma.LZMAError, OSError) as error:
                raise InputError(f"expected a log, found a damaged {name} file: {error}") from error
            rest = each.unused_data
        if len(found) > UNPACKED_LIMIT:
            raise InputError(f"expected at most {UNPACKED_LIMIT >> 20} MiB in a {name} file, found more")
        return bytes(found)
    return data


def _in_plain_characters(text: str) -> str:
    """A text with characters in the place of what stands for them, and plain spaces and arrows."""
    if "<" in text:
        text = _INLINE_TAG.sub("", text)
    if "%20" in text or "%3E" in text or "%3e" in text:
        text = _PERCENT.sub(
            lambda found: _character(bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "replace")),
            text,
        )
    if _NUMBERS.search(text):
        text = _NUMBERS.sub(_of_numbers, text)
    text = _ARROW_WORD.sub("->", text)
    text = _WRITTEN_OUT.sub(_one_written_out, _ENTITY.sub(_one_entity, text))
    text = _NOTHING.sub("", _COLOUR.sub("", _LINE_END.sub(" ", text))).replace("\x1b", "")
    return _ARROW.sub("->", _SPACES.sub(" ", text))


def _one_entity(found: re.Match[str]) -> str:
    name = re.sub("^&(?:amp;|#38;)+", "&", found[0])
    return _character(html.unescape(name if name.endswith(";") else name + ";"))


def _one_written_out(found: re.Match[str]) -> str:
    for group, base in (("u", 16), ("x", 16), ("o", 8)):
        if found[group]:
            return _character(chr(int(found[group], base)))
    return " " if found["space"] else found["itself"]


def _of_numbers(found: re.Match[str]) -> str:
    """The text of a list of bytes, as journalctl has for what isn't plain."""
    numbers = [int(each) for each in re.findall("[0-9]+", found[0])]
    return _character(bytes(numbers).decode("utf-8", "replace")) if max(numbers) < 256 else found[0]


def _character(text: str) -> str:
    """The characters, with spaces for line breaks and for what can't stand in a text."""
    return re.sub("[\n\r\ud800-\udfff\ue000]", " ", text)


def _without_backspaces(text: str) -> str:
    if "\b" not in text:
        return text
    kept: list[str] = []
    for each in text:
        if each != "\b":
            kept.append(each)
        elif kept and kept[-1] != "\n":
            kept.pop()
    return "".join(kept)


def _unencoded(text: str) -> str:
    """A text out of quoted-printable, if it is in that, or out of base64."""
    if "base64" in text.lower():
        return _BASE_64.sub(_out_of_base_64, text)
    soft_break = _SOFT_BREAK if _ENCODED.search(text) else _SOFT_BREAK_ALONE
    joined = soft_break.sub(_JOINT, text)
    return _OCTETS.sub(_decoded, joined) if soft_break is _SOFT_BREAK else joined


def _out_of_base_64(found: re.Match[str]) -> str:
    """A mail's body; its own line breaks are read as spaces, those of the base64 keep the count of lines."""
    lines = found[1].split("\n")
    try:
        plain = [base64.b64decode(line.strip(), validate=True).decode("utf-8", "replace") for line in lines]
    except ValueError:
        return found[0]
    return found[0][: found.start(1) - found.start()] + _JOINT.join(map(_character, plain))


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
