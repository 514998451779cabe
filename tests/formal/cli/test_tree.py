"""``ptproof tree``: what it prints of a tree, its statuses, and what it does with what is no tree."""

import json
import os
import subprocess
from importlib import util
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from ptproof.formal.c.tree_files import opened
from ptproof.formal.reports.tree_report import unlike
from ptproof.formal.source import check_tree as check_tree_module
from ptproof.formal.source.check_tree import check_tree
from ptproof.formal.source.compiled_units import Compared
from ptproof.formal.source.second_reader import SecondReading
from run_cli import assert_refused, run, run_on_terminal
from small_tree import BUILDER, LIBXC, LIBXC_TEXT, changed, written

pytestmark = pytest.mark.usefixtures("shared_answers")

TOOLSTACK = "tools/libs/guest/xg_dom_x86.c"


def test_an_unchanged_tree_is_all_equal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Status 0; what was found where, what was taken for granted, and a line for each count and layout."""
    ran = run(capsys, "tree", str(written(tmp_path)))
    assert ran.status == 0
    assert ran.lines[0] == "yes: everything proved about these pieces holds for this tree"
    assert f"build(), from {BUILDER}:19 to line 75" in ran.lines[5]
    assert [each.split(":")[0] for each in ran.lines if each.startswith("equal")] == [
        "equal     64-bit",
        "equal     64-bit",
        "equal     32-bit PAE guest on 64-bit Xen",
        "equal     32-bit PAE guest on 64-bit Xen",
    ]
    assert [each for each in ran.lines if "toolstack" in each] == [
        f"the toolstack's builder wasn't found: there is no {TOOLSTACK} and no tools/libxc/xc_dom_x86.c"
    ]
    quiet = run(capsys, "tree", str(tmp_path), "--quiet")
    assert quiet.lines == ran.lines[:5]


def test_the_first_line_has_what_keeps_the_status_from_0(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count's properties are proved, the layout differs; and of what the readers disagree on nothing is promised."""
    console = ("vconsole_end = vconsole_start + PAGE_SIZE", "vconsole_end = vconsole_start + 2 * PAGE_SIZE")
    odd = written(tmp_path, changed("nr_pt_pages = 2;", "nr_pt_pages = 3;"), changed(*console))
    ran = run(capsys, "tree", str(odd))
    assert ran.status == 3
    assert (
        ran.lines[0]
        == "not all: the count is no encoding's; its properties: 10 proved, 0 refuted, 0 open; nothing is proved of 4 other pieces"
    )
    monkeypatch.setattr(
        check_tree_module, "read_again", lambda *_: SecondReading(Compared(5, differs="v_end is 0x1"))
    )
    disagreed = run(capsys, "tree", str(written(tmp_path / "same")))
    assert disagreed.status == 70
    assert disagreed.lines[0].startswith("no answer")
    assert disagreed.lines[1] == "READERS DISAGREE: v_end is 0x1"


def test_what_is_wrong_comes_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Refuted, then open, then different; each with the line of its own statement."""
    changes = [changed(" : 4)", " : 3)"), changed("512UL << 10", "256UL << 10")]
    ran = run(capsys, "tree", str(written(tmp_path, *changes)))
    assert ran.status == 1
    assert ran.lines[0].startswith("no: ")
    words = [each.split()[0] for each in ran.lines[1:]]
    assert words[:3] == ["REFUTED"] * 3
    assert words[3:5] == ["differs"] * 2
    assert "REFUTED" not in words[3:]
    fits, *_ = (each for each in ran.lines if "fits" in each)
    assert fits.startswith(f"REFUTED   64-bit: fits ({BUILDER}:57): ")
    assert "v_start = 0, vpt_start = 0x37e000, n = 5: the region ends" in fits
    v_end = next(each for each in ran.lines if each.startswith("differs") and "v_end" in each)
    assert f"({BUILDER}:57)" in v_end
    assert any(f"guard ({BUILDER}:63)" in each for each in ran.lines)


def test_a_reason_is_told_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With all that it concerns."""
    odd = written(
        tmp_path, changed("vkern_start = parms.virt_kstart;", 'asm("" : "+r" (vkern_start), "+r" (v_start));')
    )
    ran = run(capsys, "tree", str(odd))
    reasons = [each.partition("): ")[2] for each in ran.lines if each.startswith("UNKNOWN")]
    assert reasons
    assert len(reasons) == len(set(reasons))
    assert "UNKNOWN   64-bit, 32-bit PAE guest on 64-bit Xen: " in ran.out


def test_a_terminal_gets_it_in_short(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within its width, what is wrong before the rest; -v says what is equal piece by piece, and what is assumed."""
    written(tmp_path, changed(" : 4)", " : 3)"), changed("512UL << 10", "256UL << 10"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))
    monkeypatch.delenv("CI", raising=False)
    run(capsys, "tree", str(tmp_path))  # what solvers answer is kept for the others
    status, lines = run_on_terminal("ptproof tree .", tmp_path)
    assert status == 1
    assert [line for line in lines if len(line) > 80] == []
    shown = [each for each in lines if each]
    answer = next(place for place, each in enumerate(shown) if each.startswith("no: "))
    assert shown[answer + 1].startswith("REFUTED")
    assert any(each.startswith("proved    64-bit: exact, least, stops, consistent") for each in shown)
    assert "taken for granted: the tree isn't configured" in shown
    _, long = run_on_terminal("ptproof tree . -v", tmp_path)
    assert [line for line in long if len(line) > 80] == []
    assert "CONFIG_PV32" in " ".join(long)
    assert len(long) > len(lines)


def test_what_is_not_understood_is_status_3(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With the line, and why."""
    odd = written(tmp_path, changed("v_end += 1UL << 22;", 'asm("" : "+r" (v_end));'))
    ran = run(capsys, "tree", str(odd), "--sarif", str(tmp_path / "found.sarif"))
    assert ran.status == 3
    assert f"{BUILDER}:59: not understood" in ran.out
    (result, *_) = json.loads((tmp_path / "found.sarif").read_text())["runs"][0]["results"]
    assert result["level"] == "warning"
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 59


def test_a_toolstack_that_is_not_understood_is_status_3(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What is proved of the hypervisor stays so; one that is no C is refused in one line."""
    written(tmp_path)
    place = tmp_path / TOOLSTACK
    place.parent.mkdir(parents=True)
    place.write_text("static int count_pgtables(void) { return 0; }\n")
    reports = [f"--{each}={tmp_path / each}" for each in ("json", "junit", "sarif")]
    ran = run(capsys, "tree", str(tmp_path), *reports)
    assert ran.status == 3
    assert f"domu-tables ({TOOLSTACK}:1): not understood: no function alloc_pgtables_pv()" in ran.out
    assert ran.lines[0].endswith("holds for this tree; 2 other pieces are open")
    pieces = json.loads((tmp_path / "json").read_text())["trees"][0]["pieces"]
    assert [each["verdict"] for each in pieces if each["kind"] == "toolstack"] == ["not understood"] * 2
    assert fromstring((tmp_path / "junit").read_bytes()).get("errors") == "2"  # noqa: S314 - our own text
    results = json.loads((tmp_path / "sarif").read_text())["runs"][0]["results"]
    assert {each["level"] for each in results} == {"warning"}
    place.write_bytes(b"\0")
    assert_refused(run(capsys, "tree", str(tmp_path)), "expected C")


def test_what_is_an_older_xens_is_told_apart(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """In the first line, in a line for each piece, and in JSON; comments of today's Xen aren't written for it."""
    place = written(tmp_path) / LIBXC
    place.parent.mkdir(parents=True)
    place.write_text(LIBXC_TEXT)
    ran = run(capsys, "tree", str(tmp_path), f"--json={tmp_path / 'json'}")
    assert ran.status == 0
    assert ran.lines[0].startswith("yes: ")
    assert ran.lines[0].endswith("; of 7 pieces, what is proved of an older Xen")
    older = [each for each in ran.lines if each.startswith("older")]
    assert len(older) == 7
    assert f"64-bit: domu-refused ({LIBXC}:39): a region is refused" in older[0]
    pieces = json.loads((tmp_path / "json").read_text())["trees"][0]["pieces"]
    assert [each["today"] for each in pieces].count(False) == 7
    with opened(str(tmp_path)) as tree:
        why, status = unlike(check_tree(tree, seconds=60))
    assert len(why) == 7
    assert status == 1


def test_revisions_are_swept_without_a_checkout(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A line each, and a mark where something changed; a revision that is no tree is told, and the rest go on."""
    for name, change in (("1", ("", "")), ("2", ("nr_pt_pages = 2;", "nr_pt_pages = 3;"))):
        written(tmp_path, *([changed(*change)] if change[0] else []))
        _commit(tmp_path, name)
    (tmp_path / BUILDER).unlink()
    _commit(tmp_path, "3")
    ran = run(capsys, "tree", str(tmp_path), "--revs", "v*")
    assert ran.status == 2
    assert ran.lines[0].split()[:2] == ["0", "v1"]
    assert ran.lines[1].split()[1] == "v2"
    assert ran.lines[1].endswith("<- changed")
    assert "expected a tree of Xen's sources" in ran.err
    one = run(capsys, "tree", str(tmp_path), "--rev", "v1", "--json", "-")
    assert one.status == 0
    assert json.loads(one.out)["trees"][0]["revision"] == "v1"


def _commit(root: Path, name: str) -> None:
    who = ["-c", "user.name=n", "-c", "user.email=e"]
    for arguments in (["init", "--quiet"], ["add", "-A"], [*who, "commit", "-qm", name], ["tag", f"v{name}"]):
        subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)  # noqa: S607


@pytest.mark.parametrize(
    "what", ["nothing", "empty", "file", "binary", "pipe", "giant", "out", "deep", "cut"]
)
def test_what_is_no_tree_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path, what: str) -> None:
    """Never a traceback, never a hang."""
    root = tmp_path / "root"
    place = root / BUILDER
    if what not in ("nothing", "file"):
        place.parent.mkdir(parents=True)
    match what:
        case "file":
            root.touch()
        case "binary":
            place.write_bytes(b"nr_pt_pages\0")
        case "pipe":
            os.mkfifo(place)
        case "giant":
            place.write_bytes(b"\n" * (9 << 20))
        case "out":
            place.symlink_to(tmp_path / "secret")
            (tmp_path / "secret").write_text("nr_pt_pages")
        case "deep":
            place.write_text("void f(void) { v_start = " + "(" * 100_000 + "nr_pt_pages = 1;")
        case "two":
            body = "{ unsigned long v_start, nr_pt_pages; v_start = 0; nr_pt_pages = 2; }"
            place.write_text(f"void one(void) {body}\nvoid other(void) {body}\n")
        case "cut":
            place.write_text("static int build(void) { unsigned long nr_pt_pages, v_start; v_start")
    assert_refused(run(capsys, "tree", str(root)), "expected")


@pytest.mark.parametrize(
    "deep",
    [
        "(" * 20_000 + "1" + ")" * 20_000,
        "-" * 20_000 + "1",
        "&" * 20_000 + "v_end",
        "v_end = " * 20_000 + "1",
        "1; v_end" + "++" * 20_000,
        "{" * 5_000 + "}" * 5_000 + ";v_end = 1",
    ],
    ids=["parentheses", "minus", "addresses", "assignments", "increments", "blocks"],
)
def test_deep_nesting_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path, deep: str) -> None:
    """It is not understood, or refused in one line."""
    ran = run(
        capsys,
        "tree",
        str(written(tmp_path, changed("vpt_end = vpt_start", f"vpt_start = {deep}; vpt_end = vpt_start"))),
    )
    assert ran.status in (2, 3)
    assert "tool failed" not in ran.err


def test_without_the_extra_it_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "tree_sitter_c" else found(name))
    assert_refused(run(capsys, "tree", str(tmp_path)), "tree_sitter_c", "ptproof[tree]")


def test_what_is_refuted_is_a_failure_in_junit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With the case that refutes it; and no comments are written of such a tree."""
    wrong = written(tmp_path, changed(" : 4)", " : 3)"))
    assert run(capsys, "tree", str(wrong), "--junit", str(tmp_path / "found.xml")).status == 1
    root = fromstring((tmp_path / "found.xml").read_bytes())  # noqa: S314 - our own text
    (failure,) = root.iter("failure")
    assert root.get("failures") == "1"
    assert root.get("errors") == "0"
    assert "7 tables" in str(failure.get("message"))
    ran = run(capsys, "invariants", "--format", "c-comment", "--tree", str(wrong))
    assert ran.status == 1
    assert ran.out == ""
    assert "no comments are written: 32-bit" in ran.err
    assert_refused(run(capsys, "invariants", "exact", "--tree", str(wrong)), "expected --format c-comment")


def test_what_is_encoded_may_have_its_comments(tmp_path: Path) -> None:
    """A tree that is equal is like today's; one that is another generation's isn't."""
    with opened(str(written(tmp_path))) as tree:
        assert unlike(check_tree(tree, seconds=60))[0] == []
