"""What comes from outside goes to terminals, pages, XML and comments harmless, wherever it is told of."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest
import tiny_claims as tiny
from attrs import evolve
from elf_maker import Load, Section, elf
from hypothesis import given
from hypothesis import strategies as st
from ptproof.formal.cli.about_layouts.boot import boot_each
from ptproof.formal.edge.errors import InputError
from ptproof.formal.edge.outside import markup, one_line, say, shell_word
from ptproof.formal.images.image_writer import pv_image
from ptproof.formal.images.layout_options import layout_command
from ptproof.formal.layouts.layout import Configuration, Layout, Segment
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic.obligation_files import file_text
from ptproof.formal.logic.prover import prove
from ptproof.formal.logic.rule import obligations
from ptproof.formal.pictures.picture import picture_of
from ptproof.formal.pictures.picture_svg import picture_svg
from ptproof.formal.reports.junit import as_junit
from ptproof.formal.words.smtlib import query_text
from ptproof.formal.xen import booting
from run_cli import run

Capture = pytest.CaptureFixture[str]
ESC: Final = "\x1b]0;owned\x07\x1b[31m"
HOSTILE: Final = f"{ESC}\x9b2J\x7f\r\n\x85\u2028ptproof: all is well\u202e\u2066\x00\ufffe"
"""A title for the terminal, colours, C1, a deletion, lines of ours, directions, and what no XML may have."""
NAME: Final = HOSTILE.replace("\x00", "")
"""As much of it as a file's name can have."""


def assert_harmless(text: str, *, lines: int | None = None) -> None:
    """There is nothing in it but what can be seen, and line ends of ours."""
    assert all(each.isprintable() for each in text.split("\n")), text
    assert not any(each.startswith("ptproof: all is well") for each in text.split("\n"))
    assert lines is None or text.count("\n") == lines


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"])))
def test_any_text(text: str) -> None:
    """Whatever it is, one line of it can be shown, and markup is XML."""
    shown = one_line(text)
    assert shown.isprintable()
    assert (shown == text) == text.isprintable()
    root = ET.fromstring(f'<a b="{markup(text)}">{markup(text)}</a>')  # noqa: S314 - of our own making
    assert (root.text or "") == "\n".join(map(one_line, text.split("\n")))


@pytest.mark.parametrize("name", [NAME, "a'b\\x41\x1b", "a b", "\udcffx\x9f", "é\u202e1"])
def test_a_word_of_a_command(name: str) -> None:
    """Pasted into a shell it is the same name again."""
    word = shell_word(name)
    assert word.isprintable()
    done = subprocess.run(
        ["/bin/bash", "-c", f"printf %s {word}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert done.stdout == name.encode("utf-8", "surrogateescape")


def test_lines_that_are_said(capsys: Capture) -> None:
    """Each is a line."""
    say([HOSTILE, "b"])
    assert_harmless(capsys.readouterr().out, lines=2)
    stream = io.StringIO()
    say([HOSTILE], stream)
    assert_harmless(stream.getvalue(), lines=1)


COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "image": ("image", "{}"),
    "layout": ("layout", "{}", "--nr-pages", "4096"),
    "layout, initrd": ("layout", "--kernel", "0", "1", "--nr-pages", "1", "--initrd", "{}/x"),
    "check": ("check", "{}"),
    "check-log": ("check-log", "{}"),
    "replay": ("replay", "{}"),
    "picture": ("picture", "{}", "--nr-pages", "4096"),
    "picture of a layout": ("picture", "--layout", "{}"),
    "picture of a log": ("picture", "--log", "{}"),
    "boot": ("boot", "{}", "--nr-pages", "1"),
    "boot, Xen": ("boot", "--kernel", "0", "1", "--nr-pages", "1", "--qemu", sys.executable, "--xen", "{}"),
    "boot, QEMU": ("boot", "--kernel", "0", "1", "--nr-pages", "1", "--qemu", "{}"),
    "a number": ("layout", "--kernel", "{}", "1"),
    "a claim": ("show", "{}"),
    "a claim's counterexample": ("counterexample", "{}"),
    "an option": ("list", "--{}"),
    "a command": ("{}",),
    "dom0_mem": ("layout", "--kernel", "0", "1", "--dom0-mem", "{}"),
    "an output": ("list", "--json", "{}/x"),
    "a folder": ("export", "{}"),
    "kept proofs": ("certify", "proved", "--check", "{}"),
    "a shell": ("completion", "{}"),
}
CONTENTS: Final = {
    "an image": pv_image(),
    "a layout": b'{"schema": "ptproof-layout/1", "mode": "64", "page_tables": [0, 20480], "total": [0, 4194304]}',
    "a log": b"(XEN)  Page tables:   00000000002ec000->00000000002f1000\n",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_names(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, kind: str
) -> None:
    """However a file, or anything that is asked for, is called: what is printed is harmless, and one line if refused."""
    monkeypatch.setattr(claim_module, "claims", lambda: tiny.GOOD)
    monkeypatch.chdir(tmp_path)
    Path(NAME).write_bytes(CONTENTS[kind])
    if command == "check" and kind == "an image":
        return  # it takes its time, and is tried below
    ran = run(capsys, *(each.replace("{}", NAME) for each in COMMANDS[command]))
    assert_harmless(ran.out + ran.err)
    if ran.status in (2, 5) and not ran.out:
        assert ran.err.count("\n") == 1


def test_names_in_json(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON keeps them, escaped."""
    monkeypatch.chdir(tmp_path)
    Path(NAME).write_bytes(pv_image())
    ran = run(capsys, "image", NAME, "--json", "-")
    assert_harmless(ran.out)
    assert json.loads(ran.out)["file"] == NAME


def test_an_image_in_a_command() -> None:
    """The commands that are told of an image can be pasted."""
    given = Configuration(kernel=Segment(0, 1), nr_pages=9)
    assert layout_command(given, "x\x1b") == r"ptproof layout $'x\x1b' --nr-pages 9"
    assert layout_command(given, "a b") == "ptproof layout 'a b' --nr-pages 9"


@pytest.mark.parametrize("key", ["LOADER", "GUEST_OS", "XEN_VER", "FEATURES", HOSTILE[:20], "PAE"])
def test_keys_of_an_image(capsys: Capture, tmp_path: Path, key: str) -> None:
    """Keys and values of ``__xen_guest``, which is text."""
    text = f"{key}={HOSTILE[:60]},LOADER=generic,XEN_VER=xen-3.0,VIRT_BASE=0".encode("utf-8", "replace")
    file = tmp_path / "x.elf"
    file.write_bytes(
        elf([Load(0x100000, 0x1000)], [Section(b"__xen_guest", 1, text.replace(b"\0", b"") + b"\0")])
    )
    for argv in (
        ("image", str(file)),
        ("image", str(file), "--json", "-"),
        ("layout", str(file), "--nr-pages", "9"),
    ):
        ran = run(capsys, *argv)
        assert_harmless(ran.out + ran.err)


def test_words_of_a_log(capsys: Capture, tmp_path: Path) -> None:
    """What stands in the place of a figure, and of Xen's version."""
    file = tmp_path / "x.log"
    odd = HOSTILE.replace("\n", "").replace("\r", "")
    file.write_text(
        f"(XEN) Xen version 4.1{odd} (x)\n(XEN)  Page tables:   {odd}->{odd}\n(XEN)  TOTAL:  00000000->{odd}\n"
        f"(XEN)  Page tables:   00000000002ec000->00000000002f1000{odd}\n(XEN)  ENTRY ADDRESS: {odd}\n"
    )
    for argv in (
        ("check-log", str(file)),
        ("check-log", str(file), "--json", "-"),
        ("picture", "--log", str(file)),
    ):
        ran = run(capsys, *argv)
        assert_harmless(ran.out + ran.err)


@pytest.mark.parametrize("plain", [{"id": HOSTILE}, {"width": HOSTILE}, {"pt_base": HOSTILE}, {HOSTILE: 1}])
def test_words_of_a_record(capsys: Capture, tmp_path: Path, plain: dict[str, object]) -> None:
    """A domU's name, and what stands in the place of a number."""
    file = tmp_path / "x.json"
    given = {"width": 64, "virt_base": "0x0", "pt_base": "0x23a000", "nr_pt_frames": 5}
    file.write_text(json.dumps(given | plain))
    ran = run(capsys, "check-log", str(file))
    assert_harmless(ran.out + ran.err)


@pytest.mark.parametrize("plain", [{"mode": HOSTILE}, {HOSTILE: 1}, {"entry": HOSTILE}, {"schema": HOSTILE}])
def test_words_of_a_layout(capsys: Capture, tmp_path: Path, plain: dict[str, object]) -> None:
    """Keys and values of a layout, and titles of a counterexample."""
    file = tmp_path / "x.json"
    given = json.loads(CONTENTS["a layout"])
    file.write_text(json.dumps(given | plain))
    ran = run(capsys, "replay", str(file))
    assert_harmless(ran.out + ran.err)
    parts = [{"name": HOSTILE, "runs": [{"title": HOSTILE, "layout": given}]}]
    file.write_text(json.dumps({"schema": "ptproof-counterexample/1", "parts": parts}))
    ran = run(capsys, "replay", str(file))
    assert_harmless(ran.out + ran.err)
    assert_harmless(run(capsys, "replay", str(file), "--json", "-").out)


def test_a_picture() -> None:
    """From Python, too, a picture's source may be anything."""
    layout = Layout(page_tables=Segment(0x1000, 0x6000), total=Segment(0, 0x400000))
    drawn = picture_svg(picture_of(layout, source=HOSTILE))
    assert_harmless(drawn)
    assert ET.fromstring(drawn) is not None  # noqa: S314 - as above


def test_xml_and_comments() -> None:
    """A claim of another package may hold anything: JUnit's XML stays XML, and a comment in SMT-LIB one."""
    claim = evolve(tiny.GOOD[0], id=HOSTILE, family=HOSTILE)
    assert_harmless(as_junit(prove((claim,))).decode())
    lemma = evolve(tiny.GOOD[0].parts[0].lemma, meaning=HOSTILE)
    for obligation in obligations(lemma):
        for text in (file_text(lemma, obligation, "unsat"), query_text(obligation.conditions, [HOSTILE])):
            assert_harmless(text)
            assert all(re.match(r"; |\(|;$|$", line) for line in text.split("\n"))


@pytest.mark.parametrize(
    "argv",
    [
        ("list",),
        ("prove",),
        ("prove", "--assumptions"),
        ("show", "Tiny"),
        ("invariants",),
        ("prove", "--junit", "-"),
    ],
    ids=" ".join,
)
def test_claims_of_another_package(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    """They come from outside, too: what is told of them can be seen."""
    odd = ESC + "\x9b\u202e"
    part = tiny.PROVED.parts[0]
    claim = evolve(
        tiny.PROVED,
        statement=tiny.PROVED.statement + odd,
        sentence=odd,
        source=odd,
        make=lambda: (evolve(part, name=odd, lemma=evolve(part.lemma, meaning=odd)),),
    )
    monkeypatch.setattr(claim_module, "claims", lambda: (claim,))
    ran = run(capsys, *(claim.family if each == "Tiny" else each for each in argv))
    assert ran.status == 0
    assert_harmless(ran.out)


def test_what_qemu_says(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why a layout wasn't booted."""

    def refused(*_: object, **_more: object) -> None:
        raise InputError(f"QEMU refuses: {HOSTILE}")

    class Nothing:
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(booting, "boot", refused)
    monkeypatch.setattr("ptproof.formal.xen.real_xen.programs", lambda *_: Nothing())
    layout = Layout(kernel=Segment(0, 1), page_tables=Segment(0x1000, 0x6000), total=Segment(0, 0x400000))
    with pytest.raises(InputError, match="none of the layouts"):
        boot_each([layout], None, None)
    assert_harmless(capsys.readouterr().out, lines=1)
