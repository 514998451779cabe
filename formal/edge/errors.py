"""The one error for bad input, shared by every edge of the tool: images, logs, JSON, options."""

import re


class InputError(Exception):
    """Something that was given to the tool can't be used; the message is one clear line.

    It names the file, the line, offset or field, what was expected and what was found.
    """


class NothingSelected(Exception):
    """What was asked for names nothing that there is: that must not look like success.

    The message is one line that says what was asked for, and what comes near it.
    """


def one_line(text: str) -> str:
    """The text as one line that a terminal can show, whatever is in it: the rest is escaped.

    Bytes of a file name that the locale's encoding doesn't know are taken for UTF-8.
    """
    text = re.sub("[\udc80-\udcff]+", _as_utf_8, text)
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _as_utf_8(undecoded: re.Match[str]) -> str:
    return undecoded[0].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
