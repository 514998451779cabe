"""The lemmas that settle a claim as a graph, in SVG: a row for each, arcs to those that it uses, and what each cost.

A lemma stands above those that it rests on, so every arc goes down. The cost is in the solver's unit of work, which
is the same each time.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ..edge.outside import markup
from ..logic.prover import LemmaResult
from ..logic.rule import used_by
from ..logic.theorem import Lemma
from .picture_style import ROOT
from .svg import element, label, number, rectangle, text_width

_ROW: Final = 20
_TOP: Final = 34
_SIZE: Final = 11
_BAR: Final = 140
_WIDEST_ARC: Final = 150


def lemma_graph(
    lemmas: Sequence[Lemma],
    results: Mapping[Lemma, LemmaResult],
    tops: Mapping[Lemma, str],
    links: Mapping[Lemma, str],
    title: str,
) -> str:
    """The SVG element; ``lemmas`` have each after those that it uses, as `rule.lemmas_of` gives them.

    ``tops`` has the name of the part that a lemma states, ``links`` the address of what is told of a lemma. Style is
    the page's affair (`picture_style.style`).
    """
    rows = list(reversed(lemmas))
    places = {each: index for index, each in enumerate(rows)}
    arcs = [(places[each], places[used]) for each in rows for used in used_by(each)]
    longest = max((below - above for above, below in arcs), default=1)
    left = min(_WIDEST_ARC, 24 + 5 * longest)
    names = [f"{each.name} ({tops[each]})" if each in tops else each.name for each in rows]
    counts = left + 24 + max(text_width(each, _SIZE) for each in [*names, "lemma"])
    bars = counts + 100
    width = bars + _BAR + 100
    height = _TOP + _ROW * len(rows)
    most = max((results[each].spent for each in rows), default=0) or 1
    parts = [
        label(left + 14, 16, "lemma", _SIZE, class_="faint"),
        label(counts + 80, 16, "obligations", _SIZE, "end", "faint"),
        label(bars, 16, "work (rlimit)", _SIZE, class_="faint"),
    ]
    parts += [_arc(above, below, left, (below - above) / longest) for above, below in arcs]
    for each, name in zip(rows, names, strict=True):
        result, y = results[each], _y(places[each])
        open_ = "" if result.discharged else " not proved"
        row = [
            element("title", markup(f"{each.name}: {each.meaning}{open_.upper()}")),
            element("circle", cx=left, cy=y, r=4, class_="frame" if open_ else "dot"),
            element(
                "a",
                label(left + 14, y + 4, name, _SIZE, class_="head" if each in tops else ""),
                href=links[each],
            ),
            label(counts + 80, y + 4, f"{result.obligations:,}{' open' if open_ else ''}", _SIZE, "end"),
            rectangle(bars, y - 5, _BAR * result.spent / most, 10, "k-L2 frame"),
            label(bars + _BAR + 8, y + 4, f"{result.spent:,}", _SIZE),
        ]
        parts.append(element("g", *row, class_="lemma", data_name=each.name, data_spent=str(result.spent)))
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


def _y(row: int) -> float:
    return _TOP + _ROW * row


def _arc(above: int, below: int, left: float, share: float) -> str:
    """From a lemma to one that it uses, out to the left: the further, the longer it is."""
    # A curve goes three quarters of the way to its control points: they may lie a little outside.
    out = number(left - (left - 8) * share**0.5 * 4 / 3)
    x, start, end = number(left), number(_y(above)), number(_y(below))
    return element("path", d=f"M{x} {start}C{out} {start} {out} {end} {x} {end}", class_="edge arc")
