"""Colour for a verdict's word, on a terminal alone; the environment's NO_COLOR (https://no-color.org) turns it off."""

import os
from typing import Final, TextIO

GREEN: Final = "32"
BLUE: Final = "34"
RED: Final = "1;31"


def coloured(text: str, colour: str, stream: TextIO) -> str:
    """The text with its first word in the colour, where the stream is a terminal that takes it."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return text
    word, space, rest = text.partition(" ")
    return f"\x1b[{colour}m{word}\x1b[0m{space}{rest}"
