"""``ptproof picture``: from what it draws, what it writes, and what it refuses."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from picture_cases import CASES, LINUX, TINY
from ptproof.formal.images.image_writer import configuration_of, image_of
from ptproof.formal.layouts.layout_json import as_dict
from ptproof.formal.layouts.xen_version import xen_version
from ptproof.formal.pictures.picture import as_dict as picture_as_dict
from ptproof.formal.pictures.picture import picture_of
from ptproof.formal.pictures.picture_svg import picture_svg
from run_cli import assert_refused, run, run_on_terminal

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[3]
LOGS = ROOT / "tests/data/boot-logs"
SMALL = ("--kernel", "0x100000", "0x300000", "--nr-pages", "16384")


def titled(text: str) -> str:
    """The title of a picture."""
    return ET.fromstring(text)[0].text or ""  # noqa: S314 - our own


def test_the_picture_in_the_documents() -> None:
    """docs/picture.svg is, byte for byte, what the command that docs/pictures.md shows for it draws now."""
    kept = (ROOT / "docs/picture.svg").read_text(encoding="utf-8")
    assert kept == picture_svg(picture_of(TINY))
    assert f"ptproof picture {' '.join(SMALL)} -o docs/picture.svg" in (ROOT / "docs/pictures.md").read_text(
        encoding="utf-8"
    )


def test_from_addresses(capsys: Capture) -> None:
    """The arguments of ``layout`` draw what ``layout`` lays out; nothing else is printed."""
    ran = run(capsys, "picture", *SMALL)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == picture_svg(picture_of(TINY))


def test_into_a_file(capsys: Capture, tmp_path: Path) -> None:
    """With ``-o`` the picture goes into a file; its facts go where ``--json`` says."""
    drawn, facts = tmp_path / "drawn.svg", tmp_path / "facts.json"
    ran = run(capsys, "picture", *SMALL, "-o", str(drawn), "--json", str(facts))
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert drawn.read_text() == picture_svg(picture_of(TINY))
    assert json.loads(facts.read_text()) == picture_as_dict(picture_of(TINY))
    ran = run(capsys, "picture", *SMALL, "-o", str(drawn), "--json", "-")
    assert json.loads(ran.out) == json.loads(facts.read_text())


def test_from_an_image(capsys: Capture, tmp_path: Path) -> None:
    """An image is laid out and drawn, its name in the title."""
    image = tmp_path / "vmlinux"
    image.write_bytes(image_of(configuration_of(LINUX)))
    ran = run(capsys, "picture", str(image), "--nr-pages", "16384")
    assert titled(ran.out) == "vmlinux: 27 page-table frames for a region of 48 MiB, 64-bit"


def test_from_a_layout(capsys: Capture, tmp_path: Path) -> None:
    """A layout's file is drawn as it stands, or with another number of frames set aside."""
    file = tmp_path / "layout.json"
    file.write_text(json.dumps(as_dict(TINY)))
    assert titled(run(capsys, "picture", "--layout", str(file)).out).startswith(
        "layout.json: 5 page-table frames"
    )
    ran = run(capsys, "picture", "--layout", str(file), "--nr-pt-pages", "6")
    assert "frame 5: left over" in ran.out


@pytest.mark.parametrize("name", sorted(each.name for each in LOGS.glob("*.log")))
def test_from_a_log(capsys: Capture, name: str) -> None:
    """Every field log that has a whole arrangement is drawn as its Xen built it: no frame is left over or astray.

    Where an older Xen set one frame too many aside (``compat, L4 counted``), just that one is left over.
    """
    ran = run(capsys, "picture", "--log", str(LOGS / name), "--json", "-")
    if ran.status:
        assert_refused(
            ran, f"{name}:", "expected an arrangement with page tables and TOTAL, found a part of one"
        )
        return
    found = json.loads(ran.out)
    wrong = [each for each in found["frames"] if each["state"] != "table"]
    if name == "033.log":
        assert [(each["count"], each["state"]) for each in wrong] == [(1, "left over")]
    else:
        assert wrong == []


def test_which_boot_of_a_log(capsys: Capture, tmp_path: Path) -> None:
    """Of a log with two boots the first is drawn, or the one that is asked for."""
    log = tmp_path / "two.log"
    log.write_text((LOGS / "001.log").read_text() + (LOGS / "033.log").read_text())
    first, second = (
        titled(run(capsys, "picture", "--log", str(log), "--boot", each).out) for each in ("1", "2")
    )
    assert titled(run(capsys, "picture", "--log", str(log)).out) == first
    assert first.startswith("two.log:1: 33 page-table frames")
    assert second.startswith("two.log:")
    assert "33 page-table" not in second
    assert_refused(
        run(capsys, "picture", "--log", str(log), "--boot", "3"), "argument --boot: expected 1 to 2"
    )


def test_an_older_builder(capsys: Capture) -> None:
    """A version lays out and builds its own way: the L3 and all four L2 first."""
    ran = run(capsys, "picture", *SMALL, "--version", "i386-pae", "--json", "-")
    assert [(each["count"], each["level"]) for each in json.loads(ran.out)["frames"]][:2] == [
        (1, "L3"),
        (4, "L2"),
    ]
    assert xen_version("i386-pae").taken_first == (3, 2, 2, 2, 2)


def test_too_large_to_be_built(capsys: Capture) -> None:
    """A region that the machine won't build is drawn without its tables, and that is said in the picture."""
    ran = run(capsys, "picture", *SMALL[:-1], "0x100000000")
    assert ran.status == 0
    assert ran.out == picture_svg(picture_of(CASES["too large to be built"], times=1))
    assert "Which tables the builder takes is not drawn" in ran.out
    assert "(--limit 3 takes it on)" in " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", ran.out))


def test_hostile_names(capsys: Capture, tmp_path: Path) -> None:
    """A file's name may have anything in it: the picture stays well-formed."""
    file = tmp_path / '<a href="x">\x01&\n.json'
    file.write_text(json.dumps(as_dict(TINY)))
    ran = run(capsys, "picture", "--layout", str(file))
    assert titled(ran.out).startswith('<a href="x">\\x01&\\n.json: 5 page-table frames')


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ((), "one of the arguments IMAGE --kernel is required"),
        (("--layout", "no such file"), "no such file: can't be read"),
        (("--log", "no such file"), "no such file: can't be read"),
        (("--layout", "a", "--log", "b"), "not allowed with argument --layout"),
        (("--layout", "a", *SMALL), "argument --layout: not allowed with argument --kernel"),
        (("--layout", "a", "--shim"), "argument --layout: not allowed with argument --shim"),
        (("--log", "a", "--version", "compat"), "argument --log: not allowed with argument --version"),
        (("image", "--log", "a"), "argument --log: not allowed with argument IMAGE"),
        ((*SMALL, "--boot", "1"), "argument --boot: not allowed without argument --log"),
        ((*SMALL, "-o", "x", "--json", "x"), "argument --output: x is taken already"),
        (("--layout", "x", "-o", "x"), "argument --output: x is taken already"),
        (("--layout", "x", "-o", "./x"), "argument --output: ./x is taken already"),
        (("--layout", "x", "--json", "x"), "argument --json: x is an input, too"),
        ((*SMALL, "-o", "/no/such/folder/x.svg"), "/no/such/folder/x.svg: can't be written"),
    ],
)
def test_refused(capsys: Capture, argv: tuple[str, ...], told: str) -> None:
    """What can't be drawn is told in one line, and nothing is written."""
    assert_refused(run(capsys, "picture", *argv), told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "schema: expected 'ptproof-layout/1'"),
        ("nonsense", "found what is no JSON"),
        ("", "found nothing"),
    ],
)
def test_bad_files(capsys: Capture, tmp_path: Path, text: str, told: str) -> None:
    """A file that is no layout, or no log, is told of in one line."""
    file = tmp_path / "file"
    file.write_text(text)
    assert_refused(run(capsys, "picture", "--layout", str(file)), str(file), told)
    assert_refused(run(capsys, "picture", "--log", str(file)), str(file))


def test_a_version_for_another_mode(capsys: Capture, tmp_path: Path) -> None:
    """A layout for 64 bits isn't built by a 32-bit builder."""
    file = tmp_path / "layout.json"
    file.write_text(json.dumps(as_dict(TINY)))
    ran = run(capsys, "picture", "--layout", str(file), "--version", "compat")
    assert_refused(ran, "mode: expected 'compat' for the version compat, found '64'")


def test_what_nobody_can_draw(capsys: Capture, tmp_path: Path) -> None:
    """A layout that makes no sense is refused in one line that names the file."""
    file = tmp_path / "layout.json"
    file.write_text(json.dumps(as_dict(TINY) | {"total": ["0x0", "0x0"]}))
    assert_refused(run(capsys, "picture", "--layout", str(file)), "layout.json: there is nothing to draw")


def test_a_hosts_memory_map(capsys: Capture, tmp_path: Path) -> None:
    """What isn't RAM on the host is outlined, listed, and told; a log's own map is taken by itself."""
    log = tmp_path / "log"
    log.write_text(
        "(XEN) EFI RAM map:\n(XEN)  [0000000000000000, 00000000001fffff] (usable)\n"
        "(XEN)  [0000000000200000, 0000000000200fff] (ACPI NVS)\n(XEN)  [0000000000201000, 00000000ffffffff] (usable)\n"
    )
    ran = run(capsys, "picture", *SMALL, "--host-map", str(log), "--json", "-")
    found = json.loads(ran.out)
    assert found["host"] == [
        {"name": "host", "title": "on the host ACPI NVS", "offset": 1 << 21, "size": 4096}
    ]
    assert any("of dom0's memory lies over 0x200000->0x201000" in each for each in found["says"])
    drawn = run(capsys, "picture", *SMALL, "--host-map", str(log)).out
    assert 'class="host"' in drawn
    assert "outlined: where the host has no RAM" in drawn
    log.write_text(log.read_text() + run(capsys, "layout", *SMALL).out)
    assert run(capsys, "picture", "--log", str(log)).out.count('class="host"') == drawn.count('class="host"')
    assert 'class="host"' not in run(capsys, "picture", *SMALL).out


@pytest.mark.parametrize("columns", [80, 100])
def test_on_a_terminal(tmp_path: Path, columns: int) -> None:
    """There it is drawn in plain characters, and a line says how to have the SVG; into a file it goes as SVG."""
    status, lines = run_on_terminal(f"ptproof picture {' '.join(SMALL)}", tmp_path, columns)
    assert status == 0
    assert lines[0].startswith("The region, 4 MiB, a character for")
    assert lines[-1] == "note: -o FILE writes the picture as SVG"
    assert not any("<svg" in line for line in lines)
    assert max(map(len, lines)) <= columns
    status, lines = run_on_terminal(f"ptproof picture {' '.join(SMALL)} > drawn.svg", tmp_path, columns)
    assert (status, lines) == (0, [])
    assert (tmp_path / "drawn.svg").read_text() == picture_svg(picture_of(TINY))


def test_on_a_narrow_terminal(tmp_path: Path) -> None:
    """A picture in characters doesn't fit: the line says what to do."""
    status, lines = run_on_terminal(f"ptproof picture {' '.join(SMALL)}", tmp_path, 79)
    assert status == 2
    assert lines[0].startswith("ptproof: standard output: expected a terminal of 80 columns")
    assert lines[-1].endswith("-o FILE writes the picture as SVG")
    assert run_on_terminal(f"ptproof picture {' '.join(SMALL)} -o a.svg", tmp_path, 79) == (0, [])
