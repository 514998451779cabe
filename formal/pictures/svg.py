"""Writing SVG: elements, numbers and labels, with the room that each label takes known beforehand.

Labels are set in a fixed-width font, so that their width is known without measuring: fonts of that kind are 0.60 of
their size wide (DejaVu Sans Mono, Menlo, Liberation Mono, Courier), or less.
"""

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Final

from ..edge.outside import markup

FONTS: Final = "ui-monospace,'DejaVu Sans Mono',Menlo,'Liberation Mono',Consolas,monospace"
CHARACTER: Final = 0.61
"""How wide a character is, as a part of the font's size, and a little to spare."""


def text_width(text: str, size: float) -> float:
    """How wide a label of that size is."""
    return len(text) * CHARACTER * size


def number(value: float) -> str:
    """A coordinate: three decimals at most, and the same text each time.

    >>> number(12.0), number(0.12345), number(-0.00001)
    ('12', '0.123', '0')
    """
    shown = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown


def element(name: str, *content: str, **attributes: str | float) -> str:
    """An element; ``class_`` is the attribute ``class``, and ``stroke_width`` is ``stroke-width``.

    Attributes are escaped; ``content`` must be markup already (see `label` and `markup`).
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{markup(each if isinstance(each, str) else number(each))}"'
        for key, each in attributes.items()
    )
    return f"<{name}{shown}>{''.join(content)}</{name}>" if content else f"<{name}{shown}/>"


def rectangle(x: float, y: float, width: float, height: float, class_: str, title: str = "") -> str:
    """A rectangle, with a tooltip."""
    told = (element("title", markup(title)),) if title else ()
    return element("rect", *told, x=x, y=y, width=width, height=height, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: Iterable[tuple[float, float]], class_: str, *, closed: bool = False) -> str:
    """A line from point to point."""
    shown = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return element("path", d=f"M{shown}{'Z' if closed else ''}", class_=class_)


def label(x: float, y: float, text: str, size: float = 11, anchor: str = "start", class_: str = "") -> str:
    """A text that begins, ends or has its middle at x; y is the line that it stands on."""
    classes = {"class_": class_} if class_ else {}
    where = {} if anchor == "start" else {"text_anchor": anchor}
    return element("text", markup(text), x=x, y=y, font_size=size, **where, **classes)


def spread(wanted: Sequence[float], widths: Sequence[float], left: float, right: float) -> list[float]:
    """Where labels in a row begin that should have their middles at ``wanted`` (ascending), none over another.

    All lie between ``left`` and ``right`` if they fit there at all.
    """
    starts: list[float] = []
    at = left
    for middle, width in zip(wanted, widths, strict=True):
        starts.append(max(at, middle - width / 2))
        at = starts[-1] + width
    limit = right
    for index in reversed(range(len(starts))):
        starts[index] = min(starts[index], limit - widths[index])
        limit = starts[index]
    return starts


def folded(text: str, characters: int) -> list[str]:
    """The text in lines of so many characters; a word that is longer is broken."""
    return wrap(text, characters, break_on_hyphens=False) or [""]
