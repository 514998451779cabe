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
import codecs
import html
import lzma
import re
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final, Protocol

from attrs import frozen

from ..edge.errors import InputError
from ..edge.limits import MEMORY, RAISED, most

MEMBERS_LIMIT: Final = most(seconds=2e-5, memory=1)
"""How many packed files there may be in one, one behind the other."""
_JOINT: Final = "\ue000"
"""Stands for a line break that was taken out, until its place is known."""
# Each of these patterns begins with a character or a set of them, for which a text is looked through quickly.
_COLOUR: Final = re.compile(
    r"[\x1b^\\#E\[\N{SYMBOL FOR ESCAPE}\N{REPLACEMENT CHARACTER}]"
    r"(?:(?:(?<=[\x1b\N{SYMBOL FOR ESCAPE}\N{REPLACEMENT CHARACTER}])|(?<=\^)\[|(?<=#)033|(?<=E)(?<![A-Z]E)SC"
    r"|(?<=\\)\\{0,7}+(?:x1[bB]|0?33|e|u001[bB]))\[[0-9;?=]{0,32}+[@-~]"
    r"|(?<=\[)(?:[0-9]{1,3}(?:;[0-9]{1,3}){0,8}m|K(?![0-9A-Za-z])))"
)
_LINE_END: Final = re.compile(r"\^M|#015|<0d>")
_ENTITY: Final = re.compile(
    r"&(?:amp;|#38;){0,8}(?:#[0-9]{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z]{2,8};|gt|lt)"
)
_WRITTEN_OUT: Final = re.compile(
    r"\\\\{0,7}+(?:u(?P<u>[0-9a-fA-F]{4})|x(?P<x>[0-9a-fA-F]{2})|(?P<o>[01][0-7]{2})|(?P<space>r\\{1,8}n|[nrtfv])|(?P<itself>[>\-/\"'_*|()]))"
)
_ARROW_WORD: Final = re.compile(r"\$?\\{1,4}(?:long)?rightarrow\$?|\\{1,4}to(?![a-z])")
_ARROWS: Final = (
    "\N{RIGHTWARDS ARROW}\N{LONG RIGHTWARDS ARROW}\N{RIGHTWARDS DOUBLE ARROW}\N{HEAVY WIDE-HEADED RIGHTWARDS ARROW}"
    "\N{BLACK RIGHTWARDS ARROW}\N{DRAFTING POINT RIGHTWARDS ARROW}"
)
_DASHES: Final = "\N{HYPHEN}-\N{EM DASH}\N{MINUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}-"
_ARROW: Final = re.compile(
    f"[{_ARROWS}\xe2{_DASHES}](?:(?<=[{_ARROWS}])|(?<=[{_DASHES}])[*_]{{0,3}}"
    "[>\N{FULLWIDTH GREATER-THAN SIGN}\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}\N{BLACK RIGHT-POINTING TRIANGLE}][*_]{0,3}"
    "|(?<=\xe2)(?:\N{DAGGER}\N{RIGHT SINGLE QUOTATION MARK}|\N{EURO SIGN}[\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}]>)"
    "|(?:(?<=[0-9a-fA-F]-)|(?<=[0-9a-fA-F] -)) >(?=[ 0-9a-fA-F]))"
)
_SPACES: Final = re.compile("[\v\f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_NOTHING: Final = re.compile("[\0\xad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_INLINE_TAG: Final = re.compile(
    r"</?(?:span|b|i|u|em|strong|font|code|tt|mark|a|samp|kbd|var)(?:\s[^<>\n]{0,300})?>", re.IGNORECASE
)
_PERCENT: Final = re.compile(r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*")
_NUMBERS: Final = re.compile(r"\[[ \t]?(?:[0-9]{1,3},[ \t]?){8,4000}[0-9]{1,3}[ \t]?\]")
_HEAD: Final = re.compile(r"content-transfer-encoding:", re.IGNORECASE)
_LONGEST_HEAD: Final = 40_000
"""How much of a text is looked at for a mail's head that isn't whole, in characters."""
_BODY: Final = re.compile(r"(?:[A-Za-z0-9+/]{4,76}={0,2}[ \t]*\n?)+")
_BASE_64: Final = re.compile(
    rf"(?i:content-transfer-encoding:[ \t]*base64)[^\n]*\n(?:(?!(?i:{_HEAD.pattern}))[^\n]++\n){{0,40}}+\n({_BODY.pattern})"
)
# Signs of quoted-printable that no log has by itself; NULs are passed over.
_ENCODED: Final = re.compile(rb"=\0*(?:3\0*D|2\0*0|0\0*9|C\0*[23]|E\0*2)")
_SOFT_BREAK: Final = re.compile(r"=[ \t]*\n(?:[>|]+ )*")
_SOFT_BREAK_ALONE: Final = re.compile(r"=(?<=[^\s=]=)\n(?:[>|]+ )*")
_OCTETS: Final = re.compile(rf"(?:=[0-9A-F]{{2}}{_JOINT}?)+")
BLOCK: Final = 1 << 20
"""About how many bytes of a text are looked at together."""


@frozen
class LogText:
    """A text to read; ``joints`` are the places in it where line breaks were taken out.

    ``cut`` names the packer of a file that is cut short, where this is the last of it.
    """

    text: str
    joints: Sequence[int]
    cut: str = ""

    def line(self, at: int) -> int:
        """The number of the original line, counted from 1, that has the character ``at``."""
        return self.text.count("\n", 0, at + 1) + bisect_right(self.joints, at) + 1


Blocks = tuple[LogText, ...]
"""A text, block by block."""


def plain_blocks(data: bytes | str, size: int = BLOCK) -> Iterator[LogText]:
    """The text with plain line ends and plain arrows, and without what no log means to say.

    It comes in blocks of whole lines, of about ``size`` bytes, so that it is never there as a whole: where a line is
    longer than four blocks it is broken, at a space if there is one.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    encoded = _ENCODED.search(data) is not None
    text, body = "", False
    for each in _decoded_pieces(data, size):
        text += each
        end = _block_end(text, size) if len(text) > size else 0
        if end:
            block, body = _plain(text[:end], encoded=encoded, body=body)
            yield block
            text = text[end:]
    if text:
        yield _plain(text, encoded=encoded, body=body)[0]


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


def _block_end(text: str, size: int) -> int:
    """Where a block may end: with a line, or in a line that is too long; 0 where more of the text is needed."""
    end = _last_line_end(text)
    if end == 0 and len(text) > 4 * size:
        end = text.rfind(" ", len(text) - 1000) + 1 or len(text)
    return end


def _last_line_end(text: str) -> int:
    """Where a line ends that isn't softly broken, nor in a mail's head, the last one or nearly so; 0 where none is found."""
    end = len(text)
    for _ in range(100):
        end = text.rfind("\n", 0, end)
        if end < 0 or not text[max(0, end - 1000) : end].rstrip(" \t\r\0").endswith("="):
            break
    else:
        return 0
    heads = [found.start() for found in _HEAD.finditer(text, max(0, end - _LONGEST_HEAD), end + 1)]
    return text.rfind("\n", 0, heads[-1]) + 1 if heads else end + 1


def _plain(text: str, *, encoded: bool, body: bool) -> tuple[LogText, bool]:
    """A block in plain characters; ``body`` is whether it begins within base64, and what is returned whether it ends so."""
    text = _without_nothing(text.replace(_JOINT, " "))
    text = _COLOUR.sub("", text) if "[" in text else text
    if "\r" in text:
        text = re.sub(r"\r(?<!\r\r)\r*\n", "\n", text).replace("\r", " ")
    text = _without_backspaces(text)
    if body or "base64" in text.lower():
        text, body = _out_of_base_64(text, body=body)
    text = _unencoded(text) if encoded else _SOFT_BREAK_ALONE.sub(_JOINT, text)
    return _without_joints(_in_plain_characters(text)), body


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


_PACKERS: Final[Sequence[tuple[bytes, str, Callable[[], _Unpacker]]]] = (
    (b"\x1f\x8b\x08", "gzip", lambda: zlib.decompressobj(31)),
    (b"\xfd7zXZ\0", "xz", lambda: lzma.LZMADecompressor(memlimit=MEMORY // 4)),
    (b"BZh", "bzip2", bz2.BZ2Decompressor),
)


def unpacked(data: bytes, limit: int) -> tuple[bytes, str]:
    """What a file holds that is packed by one of the usual packers; any other as it is.

    One that is cut short gives what there is of it, and the packer's name comes with it. Raises `InputError` for one
    that is damaged, or that holds more than ``limit`` bytes.
    """
    for magic, name, unpacker in _PACKERS:
        if not data.startswith(magic):
            continue
        found, at, cut = bytearray(), 0, ""
        for _ in range(MEMBERS_LIMIT):
            if not data.startswith(magic, at) or len(found) > limit:
                break
            each, taken = unpacker(), 1 << 10
            try:
                while at < len(data) and not each.eof and len(found) <= limit:
                    found += each.decompress(data[at : at + taken], limit + 1 - len(found))
                    at, taken = min(at + taken, len(data)), min(2 * taken, 1 << 20)
            except (zlib.error, lzma.LZMAError, OSError) as error:
                raise InputError(f"expected a log, found a damaged {name} file: {error}") from error
            at -= len(each.unused_data)
            cut = "" if each.eof else name
        else:
            if data.startswith(magic, at):
                raise InputError(f"expected at most {MEMBERS_LIMIT} {name} files in one, found more")
        if len(found) > limit:
            raise InputError(f"expected at most {limit >> 20} MiB in a {name} file, found more{RAISED}")
        return bytes(found), cut
    return data, ""


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
    if "arrow" in text or "\\to" in text:
        text = _ARROW_WORD.sub("->", text)
    decoded = _ENTITY.sub(lambda found: _of_entity(found[0]), text)
    decoded = _WRITTEN_OUT.sub(lambda found: _of_written_out(found[0]), decoded)
    decoded = _LINE_END.sub(" ", decoded)
    text = (_without_nothing(_COLOUR.sub("", decoded)) if decoded != text else text).replace("\x1b", "")
    if not text.isascii() or "\v" in text or "\f" in text:
        text = _SPACES.sub(" ", text.replace("\xc2\xa0", " "))
    return _ARROW.sub("->", text)


@lru_cache(1 << 12)
def _of_entity(entity: str) -> str:
    name = re.sub("^&(?:amp;|#38;)+", "&", entity)
    return _character(html.unescape(name if name.endswith(";") else name + ";"))


@lru_cache(1 << 12)
def _of_written_out(character: str) -> str:
    found = _WRITTEN_OUT.fullmatch(character)
    assert found is not None
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


def _without_nothing(text: str) -> str:
    """A text without what has no width."""
    return text.replace("\0", "") if text.isascii() else _NOTHING.sub("", text)


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
    """A text out of quoted-printable."""
    return _OCTETS.sub(_decoded, _SOFT_BREAK.sub(_JOINT, text))


def _out_of_base_64(text: str, *, body: bool) -> tuple[str, bool]:
    """A text with mails' bodies in plain characters, and whether it ends in one, so that more may follow."""
    first = _BODY.match(text) if body else None
    pieces, at = [_plain_body(first[0])] if first else [], first.end() if first else 0
    for found in _BASE_64.finditer(text, at):
        pieces += [text[at : found.start(1)], _plain_body(found[1])]
        at = found.end()
    ends = at == len(text) and bool(pieces)
    return "".join([*pieces, text[at:]]), ends


def _plain_body(body: str) -> str:
    """A mail's body; its own line breaks are read as spaces, those of the base64 keep the count of lines."""
    lines = body.split("\n")
    try:
        plain = [base64.b64decode(line.strip(), validate=True).decode("utf-8", "replace") for line in lines]
    except ValueError:
        return body
    return _JOINT.join(map(_character, plain))


def _decoded(octets: re.Match[str]) -> str:
    """The characters that some octets stand for, and the line breaks that were among them."""
    joints = octets[0].count(_JOINT)
    plain = bytes.fromhex(octets[0].replace(_JOINT, "").replace("=", "")).decode("utf-8", "replace")
    return plain.replace("\n", " ").replace("\r", "") + _JOINT * joints


def _without_joints(text: str) -> LogText:
    pieces = text.split(_JOINT)
    return LogText("".join(pieces), array("Q", accumulate(map(len, pieces[:-1]))))
