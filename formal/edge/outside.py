"""What came from outside, as it may be shown: on a terminal, in a page, in XML, in a comment, in a command.

Names of files, notes of images, words of logs and what QEMU says may hold anything: newlines that fake a line of ours,
what colours or renames a terminal (ESC, BEL, C1), what turns the direction of a text, or what no XML may have.
"""

import re
import sys
from collections.abc import Iterable
from html import escape
from shlex import quote
from typing import TextIO

from .terminal import fitted, width_of


def one_line(text: str) -> str:
    r"""The text as one line that a terminal can show, whatever is in it: the rest is escaped.

    Bytes of a file name that the locale's encoding doesn't know are taken for UTF-8.

    >>> one_line("a\x1b[31m\nb\u202e")
    'a\\x1b[31m\\nb\\u202e'
    """
    if text.isprintable():
        return text
    text = re.sub("[\udc80-\udcff]+", _as_utf_8, text)
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def markup(text: str) -> str:
    r"""The text as HTML and XML have it, its lines each as `one_line` has it.

    >>> markup("<a>\n\x00")
    '&lt;a&gt;\n\\x00'
    """
    return escape("\n".join(map(one_line, text.split("\n"))))


def shell_word(text: str) -> str:
    r"""The text as a word of a command that can be pasted into bash or zsh.

    >>> shell_word("a b"), shell_word("a\x1bb")
    ("'a b'", "$'a\\x1bb'")
    """
    if text.isprintable():
        return quote(text)
    octets = text.encode("utf-8", "surrogateescape")
    shown = (chr(each) if 32 <= each < 127 and each not in b"'\\" else f"\\x{each:02x}" for each in octets)
    return f"$'{''.join(shown)}'"


def say(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Print lines, each as `one_line` has it; to standard output unless told otherwise. On a terminal they fit it."""
    width = width_of(stream or sys.stdout)
    for each in lines:
        shown = one_line(each)
        for line in [shown] if width is None else fitted(shown, width):
            print(line, file=stream)


def _as_utf_8(undecoded: re.Match[str]) -> str:
    return undecoded[0].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
