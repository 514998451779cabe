"""The report and the pictures in a real browser: what is drawn is there, filters work, light and dark differ."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, browser
from picture_cases import CASES, LINUX, TINY
from ptproof.formal.cli.main import main
from ptproof.formal.pictures.picture import picture_of
from ptproof.formal.pictures.picture_svg import picture_svg

pytestmark = pytest.mark.browser
IDS = ("unique", "least", "span-modular", "v-end-closed")
VISIBLE = """return [...document.querySelectorAll(arguments[0])].filter((each) => each.checkVisibility())
  .map((each) => each.dataset.claim)"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests here."""
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on a handful of claims."""
    page = tmp_path_factory.mktemp("report") / "report.html"
    assert main(["report", *IDS, "-o", str(page)]) == 0
    return page


@pytest.fixture
def page(chromium: Browser, report: Path) -> Browser:
    """The report, freshly loaded."""
    chromium.command("Emulation.setScriptExecutionDisabled", value=False)
    chromium.command("Emulation.setEmulatedMedia", features=[])
    chromium.open(report)
    return chromium


def rows(page: Browser) -> list[Any]:
    """The claims in the table that can be seen."""
    found: list[Any] = page.run(VISIBLE, "tr[data-claim]")
    return found


def test_claims_and_their_verdicts(page: Browser) -> None:
    """Each claim is a row that leads to its section, with the verdict as a word."""
    assert sorted(rows(page)) == sorted(IDS)
    for name in IDS:
        page.run("location.hash = ''")
        page.click(f"tr[data-claim={name}] a")
        assert page.run("return location.hash") == f"#claim-{name}"
        section = page.run(f"return document.querySelector('#claim-{name} h2').innerText")
        assert section.split() == [name, *(["✗", "refuted"] if name == "unique" else ["✓", "proved"])]


def test_filters(page: Browser) -> None:
    """Choosing a verdict, or typing a word, leaves the claims that fit, in the table and below it, and counts them."""
    assert page.run("return document.getElementById('shown').innerText") == "4 claims shown"
    page.click("#filter-verdict option[value=refuted]")
    assert rows(page) == ["unique"]
    assert page.run(VISIBLE, "section.claim") == ["unique"]
    assert page.run("return document.getElementById('shown').innerText") == "1 claim shown"
    page.click("#filter-verdict option[value='']")
    page.type("#filter-text", "SPAN modular")
    assert rows(page) == ["span-modular"]
    page.type("#filter-text", " nonsense")
    assert rows(page) == []
    assert page.run("return document.getElementById('shown').innerText") == "0 claims shown"


def test_without_a_script(page: Browser, report: Path) -> None:
    """Where no script runs there are no filters, and all the rest is there."""
    page.command("Emulation.setScriptExecutionDisabled", value=True)
    page.open(report)
    tree = page.command("DOMSnapshot.captureSnapshot", computedStyles=["display"])
    page.command("Emulation.setScriptExecutionDisabled", value=False)
    strings, document = tree["strings"], tree["documents"][0]
    laid_out = set(document["layout"]["nodeIndex"])
    shown = set()
    for index, attributes in enumerate(document["nodes"]["attributes"]):
        pairs = [strings[each] for each in attributes]
        named = dict(zip(pairs[::2], pairs[1::2], strict=True))
        if index in laid_out and "id" in named:
            shown.add(named["id"])
    assert "filters" not in shown
    assert {f"claim-{each}" for each in IDS} | {"claims", "lemmas", "assumptions", "picture-1"} <= shown


def test_a_proof_opens(page: Browser) -> None:
    """A click shows the graph of lemmas: a row for each, a line to its first user, and bars as wide as the work is much."""
    selector = "#claim-least .graph"
    assert not page.run(f"return document.querySelector('{selector} svg').checkVisibility()")
    page.click(f"{selector} summary")
    assert page.run(f"return document.querySelector('{selector} svg').checkVisibility()")
    bars = page.run(
        f"return [...document.querySelectorAll('{selector} .lemma')]"
        ".map((each) => [+each.dataset.spent, each.querySelector('rect').getBoundingClientRect().width])"
    )
    most, widest = max(bars)
    assert len(bars) >= 5
    assert all(abs(width - widest * spent / most) < 1.5 for spent, width in bars)
    arcs = page.run(f"return document.querySelectorAll('{selector} .arc').length")
    assert arcs >= len(bars) - 2


def test_pictures_are_drawn(page: Browser) -> None:
    """What refutes a claim is drawn: bars that are to scale on the screen, and a table for each frame."""
    widths = page.run(
        "return [...document.querySelectorAll('#picture-1 .piece')].map((each) => {"
        "const box = each.querySelector('rect').getBoundingClientRect();"
        "return [Math.round(box.top), +each.dataset.bytes, box.width]})"
    )
    assert widths
    for top in {top for top, _, _ in widths}:
        bar = [(size, width) for at, size, width in widths if at == top]
        total, whole = sum(size for size, _ in bar), sum(width for _, width in bar)
        # The browser adds the outline, a pixel.
        assert all(abs(width - whole * size / total) < 8 for size, width in bar)
    frames = page.run(
        "return [...document.querySelectorAll('#picture-1 .table')].map((each) => each.dataset.frame)"
    )
    assert sorted(map(int, frames)) == [0, 1, 2, 3, 4]


def test_light_and_dark(page: Browser) -> None:
    """The page and its pictures follow the reader's choice of light or dark."""
    colours = []
    for scheme in ("light", "dark"):
        page.command(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        colours.append(
            page.run(
                "const of = (css, name) => getComputedStyle(document.querySelector(css))[name];"
                "return [of('body', 'backgroundColor'), of('#picture-1 .paper', 'fill'), of('#picture-1 text', 'fill')]"
            )
        )
    light, dark = colours
    assert light[0] == light[1] == "rgb(255, 255, 255)"
    assert dark[0] == dark[1] != light[0]
    assert light[2] != dark[2]


def test_nothing_is_loaded_and_nothing_complains(page: Browser) -> None:
    """The page asks for nothing but itself, and the browser has nothing to say against it."""
    assert page.run("return performance.getEntriesByType('resource').map((each) => each.name)") == []
    assert page.ask("POST", "/se/log", type="browser") == []


def test_no_sideways_scrolling(page: Browser) -> None:
    """The page fits its window."""
    assert page.run("return document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize(
    "name", ["tiny", "large initrd", "linux", "compat", "past 2^64", "shim", "far too many"]
)
def test_labels_as_the_browser_sets_them(chromium: Browser, tmp_path: Path, name: str) -> None:
    """With the browser's own fonts no label of a picture lies over another one, or leaves the picture."""
    file = tmp_path / "picture.svg"
    file.write_text(picture_svg(picture_of(CASES[name])), encoding="utf-8")
    chromium.open(file)
    found = chromium.run(
        "return [...document.querySelectorAll('text')].map((each) => {"
        "const box = each.getBBox(); return [box.x, box.y, box.x + box.width, box.y + box.height, each.textContent]})"
    )
    height = chromium.run("return document.documentElement.viewBox.baseVal.height")
    assert len(found) > 40
    assert [each for each in found if each[0] < 0 or each[1] < 0 or each[2] > 960 or each[3] > height] == []
    over = [
        (one[4], other[4])
        for index, one in enumerate(found)
        for other in found[index + 1 :]
        if min(one[2], other[2]) - max(one[0], other[0]) > 0.5
        and min(one[3], other[3]) - max(one[1], other[1]) > 3  # the room for accents may be shared
    ]
    assert over == []


def test_a_picture_is_painted(chromium: Browser, tmp_path: Path) -> None:
    """What is seen of a picture isn't blank, and differs between two layouts."""
    seen = []
    for layout in (TINY, LINUX):
        file = tmp_path / "picture.svg"
        file.write_text(picture_svg(picture_of(layout)), encoding="utf-8")
        chromium.open(file)
        seen.append(chromium.screenshot())
    assert all(each.startswith(b"\x89PNG") and len(each) > 20_000 for each in seen)
    assert seen[0] != seen[1]
