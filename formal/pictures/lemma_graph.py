"""The lemmas that settle a claim as a graph, in SVG: a row for each, those that it uses indented below it, and its cost.

A lemma that several others use stands below the first of them; the others name it behind an arrow. The cost is in the
solver's unit of work, which is the same each time.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from ..edge.outside import markup
from ..logic.prover import LemmaResult
from ..logic.rule import used_by
from ..logic.theorem import Lemma
from .picture_style import ROOT
from .svg import element, label, number, path, rectangle, text_width

_ROW: Final = 20
_TOP: Final = 34
_SIZE: Final = 11
_BAR: Final = 90
_LEFT: Final = 12
_INDENT: Final = 16
_MOST_NAMED: Final = 2
"""How many lemmas that stand above are named in a row; of the others, only the number is given."""


@frozen
class _Row:
    """A lemma, how deep it is indented, in which row its user stands, and the lemmas it uses that stand above."""

    lemma: Lemma
    depth: int
    user: int | None
    above: tuple[Lemma, ...]


def lemma_graph(
    lemmas: Sequence[Lemma],
    results: Mapping[Lemma, LemmaResult],
    tops: Mapping[Lemma, str],
    links: Mapping[Lemma, str],
    title: str,
) -> str:
    """The SVG element; ``lemmas`` have each after those that it uses, as `rule.lemmas_of` gives them.

    ``tops`` has the name of the part that a lemma states, ``links`` the address of a lemma's description. Style is
    the page's affair (`picture_style.style`).
    """
    rows = list(_rows(lemmas, tops))
    names = [f"{row.lemma.name} ({tops[row.lemma]})" if row.lemma in tops else row.lemma.name for row in rows]
    above = [_named(row.above) for row in rows]
    starts = [_x(row.depth) + 10 for row in rows]
    ends = [start + text_width(name, _SIZE) for start, name in zip(starts, names, strict=True)]
    wide = [end + text_width(text, 10) + 10 for end, text in zip(ends, above, strict=True)]
    counts = max([*wide, text_width("lemma", _SIZE)]) + 24
    bars = counts + 70
    width, height = bars + _BAR + 76, _TOP + _ROW * len(rows)
    most = max((results[row.lemma].spent for row in rows), default=0) or 1
    parts = [
        label(_LEFT, 16, "lemma", _SIZE, class_="faint"),
        label(counts + 56, 16, "obligations", _SIZE, "end", "faint"),
        label(bars, 16, "work (rlimit)", _SIZE, class_="faint"),
    ]
    for index, row in enumerate(rows):
        if row.user is not None:
            x, y = _x(row.depth), _y(index)
            upper = _x(rows[row.user].depth)
            parts.append(path([(upper, _y(row.user)), (upper, y), (x, y)], "edge arc"))
    for index, (row, name) in enumerate(zip(rows, names, strict=True)):
        lemma, y = row.lemma, _y(index)
        result = results[lemma]
        open_ = "" if result.discharged else " not proved"
        drawn = [
            element("title", markup(f"{lemma.name}: {lemma.meaning}{open_.upper()}")),
            element("circle", cx=_x(row.depth), cy=y, r=4, class_="frame" if open_ else "dot"),
            element(
                "a",
                label(starts[index], y + 4, name, _SIZE, class_="head" if lemma in tops else ""),
                href=links[lemma],
            ),
            *([label(ends[index] + 10, y + 4, above[index], 10, class_="faint")] if above[index] else []),
            label(counts + 56, y + 4, f"{result.obligations:,}{' open' if open_ else ''}", _SIZE, "end"),
            rectangle(bars, y - 5, _BAR * result.spent / most, 10, "k-L2 frame"),
            label(bars + _BAR + 8, y + 4, f"{result.spent:,}", _SIZE),
        ]
        parts.append(element("g", *drawn, class_="lemma", data_name=lemma.name, data_spent=str(result.spent)))
    size = {"width": number(width), "height": number(height)}
    return element(
        "svg",
        element("title", markup(title)),
        *parts,
        class_=ROOT,
        viewBox=f"0 0 {size['width']} {size['height']}",
        role="img",
        **size,
    )


def _rows(lemmas: Sequence[Lemma], tops: Mapping[Lemma, str]) -> Iterator[_Row]:
    """Each lemma once: below the first that uses it; those that nothing uses, or a part states, at the left."""
    used = {each for lemma in lemmas for each in used_by(lemma)}
    first = [each for each in lemmas if each in tops or each not in used]
    waiting: list[tuple[Lemma, int, int | None]] = [(each, 0, None) for each in reversed(first)]
    placed: set[Lemma] = set(first)
    index = 0
    while waiting:
        lemma, depth, user = waiting.pop()
        below = [each for each in dict.fromkeys(used_by(lemma)) if each not in placed]
        yield _Row(
            lemma, depth, user, tuple(each for each in dict.fromkeys(used_by(lemma)) if each in placed)
        )
        placed |= set(below)
        waiting += [(each, depth + 1, index) for each in reversed(below)]
        index += 1


def _named(above: Sequence[Lemma]) -> str:
    """The lemmas that stand elsewhere, after an arrow."""
    if not above:
        return ""
    names = ", ".join(each.name for each in above[:_MOST_NAMED])
    more = f" and {len(above) - _MOST_NAMED} more" if len(above) > _MOST_NAMED else ""
    return f"↗ {names}{more}"


def _x(depth: int) -> float:
    return _LEFT + _INDENT * depth


def _y(row: int) -> float:
    return _TOP + _ROW * row
