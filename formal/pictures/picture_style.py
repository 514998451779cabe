"""How pictures look: colours for light and dark, and a pattern for each kind, so that no colour is needed to tell them.

The rules say plain colours, no variables: what shows an SVG as an image often knows none.
"""

from typing import Final

from attrs import frozen

from .svg import FONTS, element

ROOT: Final = "ptproof-picture"
"""The class of every picture, so that its style touches nothing else on a page."""


@frozen
class _Kind:
    """A fill, light and dark, and what is drawn over it, as the path of a tile of 8 by 8."""

    light: str
    dark: str
    lines: str = ""


_KINDS: Final = {
    "kernel": _Kind("#d3e4f7", "#21405f"),
    "initrd": _Kind("#dcebd6", "#2d4a2a", "M1 2h2M5 6h2"),
    "p2m": _Kind("#fbe6c9", "#574122", "M-1 9L9 -1M-1 1L1 -1M7 9L9 7"),
    "start_info": _Kind("#e8dcf4", "#45335c", "M0 2h8M0 6h8"),
    "xenstore": _Kind("#d7efe9", "#23504a", "M2 0v8M6 0v8"),
    "console": _Kind("#d7efe9", "#23504a", "M4 0v8"),
    "page_tables": _Kind("#f8cdc6", "#74302b", "M-1 -1L9 9M-1 7L1 9M7 -1L9 1"),
    "boot_stack": _Kind("#dcdfe3", "#474d55", "M0 4h8M4 0v8"),
    "unused": _Kind("#ffffff", "#14171c"),
    "padding": _Kind("#ffffff", "#14171c", "M3.5 4h1"),
    "beyond": _Kind("#ffffff", "#14171c", "M0 0L8 8M8 0L0 8"),
    "L1": _Kind("#fbe3df", "#5c2723"),
    "L2": _Kind("#f5c1b8", "#7c342d", "M0 4h8"),
    "L3": _Kind("#ee9f92", "#98443b", "M4 0v8"),
    "L4": _Kind("#e57f6f", "#b3544a", "M0 4h8M4 0v8"),
    "L5": _Kind("#dc6453", "#c9655a", "M0 0L8 8M8 0L0 8"),
    "left-over": _Kind("#fff3b0", "#5f5300", "M-1 9L9 -1M-1 -1L9 9"),
    "stray": _Kind("#fff3b0", "#5f5300"),
}

_LIGHT: Final = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "faint": "#57606a",
    "rule": "#8b949e",
    "lens": "#eef1f5",
}
_DARK: Final = {
    "paper": "#14171c",
    "ink": "#e6e9ed",
    "faint": "#a7b0ba",
    "rule": "#6b7480",
    "lens": "#20252c",
}


def fill_class(kind: str) -> str:
    """The class of what is filled as that kind."""
    # Of frames, what is out of reach looks like what is left over; a gap's name may have more words.
    name = "left-over" if kind in ("left over", "out of reach") else kind.replace("_", "-").partition(" ")[0]
    return f"k-{name}"


def definitions() -> str:
    """The patterns, once for all pictures of a page."""
    return element("defs", *(_pattern(name, each.lines) for name, each in _KINDS.items()))


def style() -> str:
    """The rules, once for all pictures of a page: light, and dark where that is preferred."""
    light = "".join(_colours(_LIGHT, {name: each.light for name, each in _KINDS.items()}))
    dark = "".join(_colours(_DARK, {name: each.dark for name, each in _KINDS.items()}))
    fixed = (
        f".{ROOT}{{font-family:{FONTS}}}"
        f".{ROOT} .head{{font-weight:bold}}"
        f".{ROOT} rect,.{ROOT} path,.{ROOT} line{{stroke-width:1}}"
        f".{ROOT} .halo{{paint-order:stroke;stroke-width:4;stroke-linejoin:round}}"
        f".{ROOT} .lead,.{ROOT} .edge,.{ROOT} .frame{{fill:none}}"
        f".{ROOT} .mark{{stroke-width:2}}"
        f".{ROOT} .grid{{stroke-dasharray:4 3}}"
        f".{ROOT} .left{{fill:none;stroke-width:2;stroke-dasharray:5 3}}"
        f".{ROOT} .astray{{fill:none;stroke-width:3}}"
        f".{ROOT} .self{{fill:none;stroke-width:2}}"
    )
    return f"{fixed}{light}@media (prefers-color-scheme:dark){{{dark}}}"


def _colours(paper: dict[str, str], fills: dict[str, str]) -> list[str]:
    ink, faint, rule = paper["ink"], paper["faint"], paper["rule"]
    rules = [
        f".{ROOT} .paper{{fill:{paper['paper']}}}",
        f".{ROOT} text{{fill:{ink}}}",
        f".{ROOT} .faint{{fill:{faint}}}",
        f".{ROOT} .halo{{stroke:{paper['paper']}}}",
        f".{ROOT} .lens{{fill:{paper['lens']}}}",
        f".{ROOT} .lead,.{ROOT} .edge,.{ROOT} .grid{{stroke:{rule}}}",
        f".{ROOT} .frame,.{ROOT} .mark,.{ROOT} .left,.{ROOT} .astray,.{ROOT} .self{{stroke:{ink}}}",
        f".ptproof-hatch{{stroke:{faint};stroke-opacity:.55;fill:none}}",
    ]
    for name, colour in fills.items():
        rules.append(f".ptproof-{name.replace('_', '-')}{{fill:{colour}}}")
    for name in fills:
        dashed = name.replace("_", "-")
        rules.append(f".{ROOT} .k-{dashed}{{fill:url(#ptproof-{dashed})}}")
    return rules


def _pattern(name: str, lines: str) -> str:
    dashed = name.replace("_", "-")
    tile = element("rect", width=8, height=8, class_=f"ptproof-{dashed}")
    over = (element("path", d=lines, class_="ptproof-hatch"),) if lines else ()
    return element(
        "pattern",
        tile,
        *over,
        id=f"ptproof-{dashed}",
        width=8,
        height=8,
        patternUnits="userSpaceOnUse",
    )
