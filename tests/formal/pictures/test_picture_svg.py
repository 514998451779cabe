"""The SVG of a layout: well-formed, to scale, readable without colour, and no label over another or over the edge."""

import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from picture_cases import CASES, TINY, laid_out
from ptproof.formal.layouts.layout import Layout
from ptproof.formal.pictures.picture import picture_of
from ptproof.formal.pictures.picture_style import definitions, style
from ptproof.formal.pictures.picture_svg import leader_levels, picture_svg
from ptproof.formal.pictures.svg import CHARACTER, element, number, spread

SVG = "{http://www.w3.org/2000/svg}"
ALL = pytest.mark.parametrize("layout", CASES.values(), ids=list(CASES))


def drawn(layout: Layout, source: str = "") -> ET.Element:
    """The picture, parsed."""
    return ET.fromstring(picture_svg(picture_of(layout, source=source)))  # noqa: S314 - our own


def groups(root: ET.Element, name: str) -> Iterator[ET.Element]:
    """The groups of that class."""
    return (each for each in root.iter(f"{SVG}g") if each.get("class") == name)


def width_of(group: ET.Element) -> float:
    """How wide a group's first rectangle is."""
    found = group.find(f"{SVG}rect")
    assert found is not None
    return float(found.get("width", ""))


Box = tuple[float, float, float, float, str]


def boxes(root: ET.Element) -> list[Box]:
    """The room that each label takes: left, top, right, bottom, and the label."""
    found = []
    for each in root.iter(f"{SVG}text"):
        text, size = each.text or "", float(each.get("font-size", ""))
        x, y, width = float(each.get("x", "")), float(each.get("y", "")), len(text) * CHARACTER * size
        left = {"start": x, "middle": x - width / 2, "end": x - width}[each.get("text-anchor", "start")]
        found.append((left, y - 0.76 * size, left + width, y + 0.24 * size, text))
    return found


def overlap(one: Box, other: Box) -> bool:
    """Whether two labels lie over each other by more than a hair."""
    return (
        min(one[2], other[2]) - max(one[0], other[0]) > 0.5
        and min(one[3], other[3]) - max(one[1], other[1]) > 0.5
    )


@ALL
def test_labels_have_room(layout: Layout) -> None:
    """No label lies over another one, none leaves the picture, and none is empty."""
    root = drawn(layout)
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    assert root.get("viewBox") == f"0 0 {number(width)} {number(height)}"
    found = boxes(root)
    assert all(text for *_, text in found)
    outside = [each for each in found if each[0] < 0 or each[1] < 0 or each[2] > width or each[3] > height]
    assert outside == []
    assert [(one[4], other[4]) for one, other in combinations(found, 2) if overlap(one, other)] == []


def test_overlaps_are_seen() -> None:
    """The check above finds labels that lie over each other, and one that leaves the picture."""
    text = '<svg xmlns="http://www.w3.org/2000/svg"><text x="0" y="20" font-size="10">first</text>'
    root = ET.fromstring(f'{text}<text x="20" y="25" font-size="10">second</text></svg>')  # noqa: S314
    one, other = boxes(root)
    assert overlap(one, other)
    assert not overlap(one, (one[0], one[3], one[2], one[3] + 10, "below"))


@ALL
def test_widths_are_proportional_to_bytes(layout: Layout) -> None:
    """Within each bar a byte is as wide everywhere, and the pieces fill the bar, each from where the last one ended."""
    bars: dict[str, list[tuple[float, float, int]]] = {}
    for each in groups(drawn(layout), "piece"):
        found = each.find(f"{SVG}rect")
        assert found is not None
        place = float(found.get("x", "")), float(found.get("width", "")), int(each.get("data-bytes", ""))
        bars.setdefault(found.get("y", ""), []).append(place)
    assert 2 <= len(bars) <= 3
    for pieces in bars.values():
        total = sum(size for *_, size in pieces)
        at = 40.0
        for x, width, size in pieces:
            assert abs(x - at) < 0.02
            assert abs(width - 880 * size / total) < 0.002
            at += width
        assert abs(at - 920) < 0.02


@ALL
def test_frames_are_a_page_wide(layout: Layout) -> None:
    """A frame in the lower lane is as wide as a page in the upper one, and no frame is missing."""
    root, picture = drawn(layout), picture_of(layout)
    window = picture.frames.stop - picture.frames.start
    runs = list(groups(root, "run"))
    assert [(each.get("data-state"), int(each.get("data-count", ""))) for each in runs] == [
        (run.state, run.count) for run in picture.runs
    ]
    for each in runs:
        assert abs(width_of(each) - 880 * 4096 * int(each.get("data-count", "")) / window) < 0.002


@ALL
def test_the_tree_has_every_table(layout: Layout) -> None:
    """Tables drawn and tables said to be left out are all that were reached; frames left over are there, too."""
    root, report = drawn(layout), picture_of(layout).report
    shown = [int(each.get("data-frame", "")) for each in groups(root, "table")]
    left = [int(each.get("data-frame", "")) for each in groups(root, "left-over")]
    more = sum(int(each.get("data-count", "")) for each in groups(root, "more"))
    if report is None or report.misaligned:
        assert (shown, left, more) == ([], [], 0)
    else:
        assert set(shown) <= {each.frame for each in report.tree}
        assert set(left) <= set(report.unused)
        assert len(shown) + len(left) + more == len(report.tree) + len(report.unused)


def test_the_512_kib() -> None:
    """The bracket above the boot stack is 512 KiB wide, in the scale of its bar."""
    root = drawn(TINY)
    (group,) = groups(root, "padding-needed")
    (path,) = group.findall(f"{SVG}path")
    xs = [float(each.split()[0]) for each in re.split("[ML]", path.get("d", ""))[1:]]
    assert group.get("data-bytes") == str(512 << 10)
    assert abs(max(xs) - min(xs) - 880 * (512 << 10) / (4 << 20)) < 0.002


def test_what_is_wrong_is_marked_without_colour() -> None:
    """Frames left over and tables astray have outlines and words of their own; a good layout has none of these."""
    for name, class_, words in (
        ("one too many", "left", {"frame 5: left over", "left over"}),
        ("one too few", "astray", {"frame 4: stray", "stray: not set aside"}),
        ("past 2^64", "left", {"L2, out of reach"}),
    ):
        root = drawn(CASES[name])
        assert any(each.get("class") == class_ for each in root.iter(f"{SVG}rect"))
        assert words <= {each.text for each in root.iter(f"{SVG}text")}
    good = drawn(TINY)
    assert not any(each.get("class") in ("left", "astray") for each in good.iter(f"{SVG}rect"))
    assert not any("stray" in (each.text or "") for each in good.iter(f"{SVG}text"))


def test_light_and_dark_and_patterns() -> None:
    """The picture brings a style for light and dark, patterns for what it fills, and asks for nothing from outside."""
    text = picture_svg(picture_of(TINY))
    assert "@media (prefers-color-scheme:dark)" in text
    filled = set(re.findall(r"\bk-([a-zA-Z0-9-]+)", re.sub(r"<style>.*?</style>", "", text)))
    assert filled >= {"kernel", "page-tables", "L1", "L4"}
    for each in filled:
        assert f'id="ptproof-{each}"' in text
        assert f".k-{each}{{fill:url(#ptproof-{each})}}" in text
    assert set(re.findall(r"\w+://[^\"]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "<script" not in text


def test_kinds_differ_without_colour() -> None:
    """No two kinds that lie side by side have the same pattern: the levels, and the segments, each have their own."""
    root = ET.fromstring(definitions())  # noqa: S314 - our own
    lines = {
        each.get("id", ""): [path.get("d") for path in each.iter("path")] for each in root.iter("pattern")
    }
    for names in (
        ("L1", "L2", "L3", "L4", "L5"),
        ("kernel", "initrd", "p2m", "start-info", "page-tables", "boot-stack"),
    ):
        found = [str(lines[f"ptproof-{each}"]) for each in names]
        assert len(set(found)) == len(names)


def test_a_title_and_a_description() -> None:
    """What a screen reader tells: the title, and how the region ends with what the machine saw."""
    root = drawn(CASES["one too many"])
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "picture-title picture-desc"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert title.text == "6 page-table frames for a region of 4 MiB, 64-bit"
    assert "No walk from the root reaches frame 5." in (description.text or "")


def test_on_a_page_the_style_is_the_pages() -> None:
    """A picture that isn't alone has ids with its name, and neither style nor patterns."""
    text = picture_svg(picture_of(TINY), name="third", alone=False)
    assert "<style>" not in text
    assert "<pattern" not in text
    assert set(re.findall(r' id="([^"]+)"', text)) == {"third-title", "third-desc"}
    assert "<" not in style()


def test_the_same_bytes() -> None:
    """Drawn twice, a picture is the same."""
    assert picture_svg(picture_of(TINY)) == picture_svg(picture_of(TINY))


def test_hostile_names_are_escaped() -> None:
    """A name with markup in it is text, and one of any length stays in the picture."""
    root = drawn(TINY, source='<script>"&' + "x" * 500)
    (title,) = (each for each in boxes(root) if each[4].startswith('<script>"&x'))
    assert title[2] <= 920
    assert not list(root.iter(f"{SVG}script"))


def test_attributes_are_escaped() -> None:
    """Neither a quote nor markup ends an attribute."""
    assert element("g", class_='"><b>&') == '<g class="&quot;&gt;&lt;b&gt;&amp;"/>'


@pytest.mark.parametrize(
    ("wanted", "starts"),
    [
        ([50, 60, 70], [30, 50, 70]),
        ([0, 0, 0], [0, 20, 40]),
        ([99, 99, 99], [40, 60, 80]),
        ([10, 90], [0, 80]),
    ],
)
def test_labels_are_spread(wanted: list[float], starts: list[float]) -> None:
    """Labels stay as near as they can to where they should be, in order, side by side, within the ends."""
    found = spread(wanted, [20.0] * len(wanted), 0, 100)
    assert all(after - before >= 20 for before, after in pairwise(found))
    assert found[0] >= 0
    assert found[-1] <= 80
    if wanted != [50, 60, 70]:
        assert found == starts


Line = tuple[float, float, float, float]


def leaders(root: ET.Element) -> list[list[Line]]:
    """The straight pieces of each leader line: left, top, right, bottom."""
    found = []
    for each in root.iter(f"{SVG}path"):
        if each.get("class") == "lead":
            points = [[float(at) for at in point.split()] for point in each.get("d", "")[1:].split("L")]
            found.append(
                [(min(x, u), min(y, v), max(x, u), max(y, v)) for (x, y), (u, v) in pairwise(points)]
            )
    return found


def cross(one: Line, other: Line) -> bool:
    """Whether two upright or level pieces meet."""
    return (
        min(one[2], other[2]) - max(one[0], other[0]) >= 0
        and min(one[3], other[3]) - max(one[1], other[1]) >= 0
    )


@ALL
def test_leader_lines_do_not_cross(layout: Layout) -> None:
    """No leader line of a bar meets another one, or runs through a label."""
    root = drawn(layout)
    upright = [each for each in leaders(root) if all(x == u or y == v for x, y, u, v in each)]
    for one, other in combinations(upright, 2):
        assert not any(cross(here, there) for here in one for there in other)
    labels = [each[:4] for each in boxes(root)]
    assert not any(cross(piece, each) for line in upright for piece in line for each in labels)


def test_leader_lines_turn_at_levels_of_their_own() -> None:
    """Labels that are moved to the right turn one below the other, those that are moved to the left the other way round."""
    assert leader_levels([10, 20, 30], [1, 2, 3]) == [0, 1, 2]
    assert leader_levels([1, 2, 3], [10, 20, 30]) == [2, 1, 0]
    assert leader_levels([5, 9, 20], [5, 12, 18]) == [0, 0, 0]


def test_the_picture_in_the_documentation_is_of_now() -> None:
    """docs/picture.svg is what docs/pictures.md has the command for."""
    page = Path(__file__).parents[3] / "docs"
    (command,) = re.findall(
        r"^ptproof picture --kernel (\S+) (\S+) --nr-pages (\d+) -o docs/picture.svg$",
        (page / "pictures.md").read_text(),
        re.MULTILINE,
    )
    start, end, pages = (int(each, 0) for each in command)
    layout = laid_out(start, end, nr_pages=pages)
    assert (page / "picture.svg").read_text(encoding="utf-8") == picture_svg(picture_of(layout))
