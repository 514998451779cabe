"""C's text as lines and tokens, before its preprocessor: comments out, continued lines joined, line numbers kept.

Source: ISO C11, 5.1.1.2 (phases of translation) and 6.4 (lexical elements); trigraphs aside.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from attrs import field, frozen

_PIECE: Final = re.compile(
    r"""(?P<joined>\\[ \t]*\n)|(?P<comment>//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z))|(?P<end>\n)"""
    r"""|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|[^\\\n/"']+|.""",
    re.DOTALL,
)
_TOKEN: Final = re.compile(
    r"""\s+|[A-Za-z_]\w*|\.?\d(?:[eEpP][+-]|[\w.])*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
    r"""|<<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||\#\#|[-+*/%&|^]=|.""",
    re.DOTALL,
)


@frozen
class Line:
    """A line after continued ones are joined to it: where it starts (from 1), and how many lines it takes.

    ``directive`` is what stands behind the ``#``; ``None`` for a line that is no directive.
    """

    number: int
    text: str
    height: int
    directive: str | None = field(init=False)

    @directive.default
    def _behind(self) -> str | None:
        text = self.text.lstrip()
        return text[1:].strip() if text.startswith("#") else None


@lru_cache(maxsize=4096)
def lines(text: str) -> tuple[Line, ...]:
    """The lines of a file, comments replaced by a space."""
    return tuple(_lines(text if text.endswith("\n") else text + "\n"))


def _lines(text: str) -> Iterator[Line]:
    number, height, parts = 1, 1, list[str]()
    for found in _PIECE.finditer(text):
        piece = found[0]
        if found["joined"]:
            height += 1
        elif found["comment"]:
            parts.append(" ")
            height += piece.count("\n")
        elif found["end"]:
            yield Line(number, "".join(parts), height)
            number, height, parts = number + height, 1, []
        else:
            parts.append(piece)
    if parts:
        yield Line(number, "".join(parts), height)


@lru_cache(maxsize=4096)
def guard(text: str) -> str | None:
    """The macro that keeps a header from counting twice: all of it stands between ``#ifndef``, ``#define`` and ``#endif``."""
    found = [each for each in lines(text) if each.text.strip()]
    words = [(each.directive or "").split() for each in found]
    if (
        len(found) < 3
        or words[0][:1] != ["ifndef"]
        or len(words[0]) < 2
        or words[1][:2] != ["define", words[0][1]]
    ):
        return None
    depth = 0
    for place, each in enumerate(words):
        depth += each[:1] in (["if"], ["ifdef"], ["ifndef"])
        depth -= each[:1] == ["endif"]
        if (depth == 0 and place < len(words) - 1) or (depth == 1 and each[:1] in (["else"], ["elif"])):
            return None
    return words[0][1] if depth == 0 else None


def tokens(text: str) -> list[str]:
    """The preprocessing tokens of a line, without the space between them."""
    return [each for each in _TOKEN.findall(text) if not each.isspace()]


def is_name(token: str) -> bool:
    """Whether a token is an identifier."""
    return token[0].isalpha() or token[0] == "_"
