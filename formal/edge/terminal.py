"""How wide a terminal is, and lines that fit it. What goes to a pipe or a file stays as it is."""

import os
import re
from textwrap import wrap
from typing import Final, TextIO

USUAL: Final = 80
"""The columns of a terminal that doesn't tell."""
NARROWEST: Final = 20
COMMAND: Final = "ptproof "
_QUOTED: Final = re.compile(r"'[^']*'")
_COLUMN: Final = re.compile(r"(?<=\S) {2,}(?=\S)")
_HELD: Final = "\N{NO-BREAK SPACE}"


def width_of(stream: TextIO | None) -> int | None:
    """The columns of the terminal behind a stream, or those of COLUMNS; ``None`` where it is no terminal."""
    if not (stream and stream.isatty()):
        return None
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked):
        columns = int(asked)
    else:
        try:
            columns = os.get_terminal_size(stream.fileno()).columns or USUAL
        except (OSError, ValueError):
            columns = USUAL
    return max(columns, NARROWEST)


def cut(text: str, width: int) -> str:
    """The text, or as much of it as fits with an ellipsis.

    >>> cut("unique", 6), cut("unique", 5)
    ('unique', 'uniq…')
    """
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def fitted(text: str, width: int) -> list[str]:
    r"""The text in lines of the width at most, broken at spaces, but not about a " = ".

    Further lines are indented by two more, or as the column is that they go on. A command can still be pasted: its lines end
    in a backslash, and no word of it is broken.

    >>> fitted("  tables: four of them", 14)
    ['  tables: four', '    of them']
    >>> fitted("refuted  it is not so, as was expected", 24)
    ['refuted  it is not so,', '         as was expected']
    >>> fitted("ptproof show exact", 14)
    ['ptproof show \\', '  exact']
    """
    if len(text) <= width:
        return [text]
    margin = text[: len(text) - len(text.lstrip())][: width // 2]
    command = text.lstrip().startswith(COMMAND)
    columns = [found.end() for found in _COLUMN.finditer(text[: width // 2])]
    hanging = columns[-1] if columns and not command else len(margin) + 2
    held = (
        _QUOTED.sub(lambda found: found[0].replace(" ", _HELD), text)
        if command
        else text.replace(" = ", f"{_HELD}={_HELD}")
    )
    lines = wrap(
        held.strip(),
        width - 2 if command else width,
        initial_indent=margin,
        subsequent_indent=" " * hanging,
        break_on_hyphens=False,
        break_long_words=not command,
    )
    return [each.replace(_HELD, " ") + (" \\" if command and each is not lines[-1] else "") for each in lines]
