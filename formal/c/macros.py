"""Macros, and how tokens are expanded by them: every token knows which macros it came out of.

Source: ISO C11, 6.10.3, by the well-known algorithm of Dave Prosser (1986), in which each token carries a set of names
that it isn't expanded by any more; GNU C's named variable arguments, and its comma before them.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from attrs import frozen

from .tokens import is_name, tokens

MOST: Final = 100_000
"""How many tokens an expansion may come to."""
_NONE: Final[frozenset[str]] = frozenset()
_VARIABLE: Final = "__VA_ARGS__"


class TooMuch(Exception):
    """An expansion that doesn't end, or an invocation that is none; the message says which macro."""


@frozen
class Macro:
    """A macro: its parameters (``None`` for one without a list of them), its body, and where it is defined.

    ``variadic`` names the parameter that takes the rest. ``doubt`` says why it isn't known that it is defined so.
    """

    name: str
    parameters: tuple[str, ...] | None
    variadic: str | None
    body: str
    where: str
    doubt: str | None = None


@frozen
class Token:
    """A token on a line, and the macros that it came out of."""

    text: str
    line: int = 0
    hidden: frozenset[str] = _NONE


def definition(text: str, where: str, doubt: str | None = None) -> Macro | None:
    """The macro of a ``#define`` line, without that word; ``None`` for what defines nothing."""
    found = tokens(text)
    if not found or not is_name(found[0]):
        return None
    name = found[0]
    rest = text.lstrip()[len(name) :]
    if not rest.startswith("("):
        return Macro(name, None, None, rest.strip(), where, doubt)
    inside, closed, body = rest[1:].partition(")")
    if not closed:
        return None
    listed = [each.strip() for each in inside.split(",")] if inside.strip() else []
    variadic = None
    if listed and listed[-1].endswith("..."):
        variadic = listed[-1][:-3].strip() or _VARIABLE
        listed[-1] = variadic
    if not all(each.isidentifier() for each in listed) or len(set(listed)) < len(listed):
        return None
    return Macro(name, tuple(listed), variadic, body.strip(), where, doubt)


@lru_cache(maxsize=1 << 16)
def _body(text: str) -> tuple[str, ...]:
    return tuple(tokens(text))


Look = Callable[[str], Macro | None]
"""Gives the macro of a name, where that name is to be expanded."""
Doubt = Callable[[str], str | None]
"""Gives the word for what `ENABLED` says of an option, where that isn't known."""
ENABLED: Final = frozenset({"IS_ENABLED", "config_enabled"})
"""Macros that say, by joining words, whether an option is set: not so for what nobody knows, as it seems to them."""


def _none(_option: str) -> None:
    return None


def expand(given: Sequence[Token], look: Look, doubt: Doubt = _none) -> list[Token]:
    """The tokens with every macro expanded. Raises TooMuch."""
    waiting = list(reversed(given))
    done: list[Token] = []
    steps = 0
    while waiting:
        steps += 1
        if steps > MOST:
            raise TooMuch(f"an expansion comes to more than {MOST} tokens")
        token = waiting.pop()
        if token.text in ENABLED and (word := _in_doubt(waiting, doubt)) is not None:
            del waiting[-3:]
            done.append(Token(word, token.line))
            continue
        macro = look(token.text) if is_name(token.text) and token.text not in token.hidden else None
        if macro is None:
            done.append(token)
            continue
        if macro.parameters is None:
            hidden = token.hidden | {macro.name}
            arguments: dict[str, list[Token]] = {}
        elif waiting and waiting[-1].text == "(":
            found = _arguments(waiting)
            if found is None:
                done.append(token)
                continue
            given_arguments, closing = found
            hidden = (token.hidden & closing.hidden) | {macro.name}
            arguments = _named(macro, given_arguments)
        else:
            done.append(token)
            continue
        put = _substituted(macro, arguments, look, doubt)
        waiting.extend(
            Token(each.text, token.line, each.hidden | hidden) for each in reversed(put) if each.text
        )
    return done


def _in_doubt(waiting: Sequence[Token], doubt: Doubt) -> str | None:
    """The word for an option in parentheses that comes next, where it isn't known whether it is set."""
    following = [each.text for each in waiting[:-4:-1]]
    if len(following) < 3 or following[0] != "(" or following[2] != ")" or not is_name(following[1]):
        return None
    return doubt(following[1])


def _arguments(waiting: list[Token]) -> tuple[list[list[Token]], Token] | None:
    """Takes an invocation's arguments, from its opening parenthesis on; ``None``, and nothing taken, where it isn't closed."""
    depth, found, place = 0, [list[Token]()], len(waiting)
    while place:
        place -= 1
        token = waiting[place]
        if token.text == "(":
            depth += 1
            if depth == 1:
                continue
        elif token.text == ")":
            depth -= 1
            if depth == 0:
                del waiting[place:]
                return found, token
        if token.text == "," and depth == 1:
            found.append([])
        else:
            found[-1].append(token)
    return None


def _named(macro: Macro, given: list[list[Token]]) -> dict[str, list[Token]]:
    names = macro.parameters or ()
    if macro.variadic is not None:
        fixed = len(names) - 1
        if len(given) < fixed:
            raise TooMuch(f"{macro.name} ({macro.where}) is given {len(given)} arguments")
        rest: list[Token] = []
        for index, each in enumerate(given[fixed:]):
            rest += ([Token(",")] if index else []) + each
        return dict(zip(names, [*given[:fixed], rest], strict=False))
    if not names and given == [[]]:
        return {}
    if len(names) != len(given):
        raise TooMuch(f"{macro.name} ({macro.where}) of {len(names)} arguments is given {len(given)}")
    return dict(zip(names, given, strict=True))


def _substituted(macro: Macro, arguments: dict[str, list[Token]], look: Look, doubt: Doubt) -> list[Token]:
    """The body with the arguments in it, expanded except beside ``#`` and ``##``."""
    body, out, place = _body(macro.body), list[Token](), 0
    while place < len(body):
        text = body[place]
        following = body[place + 1] if place + 1 < len(body) else ""
        if text == "#" and macro.parameters is not None and following in arguments:
            inner = " ".join(each.text for each in arguments[following])
            out.append(Token('"' + inner.replace("\\", "\\\\").replace('"', '\\"') + '"'))
            place += 2
        elif text == "##" and out and following:
            right = list(arguments[following]) if following in arguments else [Token(following)]
            _paste(macro, out, right, following)
            place += 2
        elif text in arguments:
            put = list(arguments[text])
            if following == "##":
                out += put or [Token("")]
            else:
                out += expand(put, look, doubt)
            place += 1
        else:
            out.append(Token(text))
            place += 1
    return out


def _paste(macro: Macro, out: list[Token], right: list[Token], name: str) -> None:
    """Join the last token that is out with the first on the right."""
    if out[-1].text == "," and name == macro.variadic:  # GNU C: the comma goes where nothing follows
        if not right:
            out.pop()
        out += right
        return
    left = out.pop()
    first, *rest = right or [Token("")]
    out.append(Token(left.text + first.text, 0, left.hidden & first.hidden))
    out += rest
