"""The options of what if: what is printed is never to be taken for Xen's, and what isn't possible is refused in one line."""

import json
from pathlib import Path

import pytest
from run_cli import assert_refused, run

pytestmark = pytest.mark.usefixtures("shared_answers")

SMALL = ("--kernel", "0x100000", "0x112000", "--nr-pages", "16384")
TWO = ("--rounding", "2M", "--padding", "64K", "--start", "6,4")
PAGE = ("--rounding", "page", "--padding", "0")


@pytest.mark.parametrize(("asked", "end"), [(TWO, 0x200000), (PAGE, 0x138000)])
def test_layout_says_what_if_first_and_what_is_saved_last(
    asked: tuple[str, ...], end: int, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = run(capsys, "layout", *SMALL, *asked)
    assert ran.status == 0
    assert ran.lines[0].startswith("what if: the region's end is rounded up to")
    assert f"{end:016x}" in ran.lines[7]
    assert all(line.startswith("what if: ") for line in ran.lines[8:])
    assert "4 tables, Xen's 5: 1 less" in ran.lines[8]


def test_xens_own_figures_are_no_what_if(capsys: pytest.CaptureFixture[str]) -> None:
    plain = run(capsys, "layout", *SMALL)
    asked = run(capsys, "layout", *SMALL, "--rounding", "4M", "--padding", "512K", "--start", "2,2")
    assert asked == plain
    assert "what if" not in plain.out


def test_the_start_is_that_of_the_guest(capsys: pytest.CaptureFixture[str]) -> None:
    for bits, first in ((32, 6), (64, 4)):
        ran = run(capsys, "layout", *SMALL, "--bits", str(bits), "--start", "6,4")
        assert f"the search starts from {first};" in ran.lines[0]
    assert "starts from 3;" in run(capsys, "layout", *SMALL, "--start", "3").lines[0]


def test_too_high_a_start_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    ran = run(capsys, "layout", *SMALL, "--rounding", "2M", "--padding", "0", "--start", "5")
    assert "warning: " in ran.err
    assert "5 tables, Xen's 5: the same" in ran.out


def test_a_file_keeps_what_if_for_whoever_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "layout.json")
    run(capsys, "layout", *SMALL, *TWO, "--json", file)
    written = json.loads(Path(file).read_text())
    assert written["what_if"] == {"rounding": 2 << 20, "padding": 64 << 10, "start": 4}
    assert run(capsys, "replay", file).lines[0].startswith("what if: ")
    drawn = run(capsys, "picture", "--layout", file).out
    assert "what if: 4 page-table frames" in drawn
    assert "v_end is the next 2 MiB line" in drawn
    written["what_if"]["rounding"] = 3
    Path(file).write_text(json.dumps(written))
    assert_refused(run(capsys, "replay", file), "what_if: expected a power of two")
    del written["what_if"]["start"]
    Path(file).write_text(json.dumps(written))
    assert_refused(run(capsys, "replay", file), "what_if: expected an object of rounding, padding, start")


def test_a_picture_says_what_if(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = run(capsys, "picture", *SMALL, *PAGE).out
    assert "what if: 4 page-table frames for a region of 1.22 MiB" in drawn
    assert "0 B at least above the boot stack" in drawn


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--rounding", "3M"), "--rounding: expected a power of two from 4K, a page, to 1T"),
        (("--rounding", "2K"), "--rounding: expected a power of two from 4K, a page"),
        (("--rounding", "0"), "--rounding: expected a power of two from 4K, a page"),
        (("--rounding", "2T"), "--rounding: expected 0 to 1T, found '2T'"),
        (("--rounding", "pages"), "--rounding: expected a number such as"),
        (("--padding", "2T"), "--padding: expected 0 to 1T, found '2T'"),
        (("--padding", "page"), "--padding: expected a number such as"),
        (
            ("--start", "6,4,2"),
            "--start: expected a count, or a 32-bit guest's and a 64-bit one's such as 6,4",
        ),
        (("--start", "6,"), "--start: expected a number such as"),
        (("--start", "1M"), "--start: expected 0 to 64K, found '1M'"),
        (("--rounding", "2M", "--version", "xen-4.0.0"), "--version: not allowed with argument --rounding"),
    ],
)
def test_what_is_not_possible_is_refused(
    asked: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("layout", "picture"):
        assert_refused(run(capsys, command, *SMALL, *asked), told)


def test_what_is_no_dom0_of_todays_xen_is_not_asked_what_if(capsys: pytest.CaptureFixture[str]) -> None:
    domu = ("layout", "--kernel", "0x100000", "0x112000", "--domU", "--memory", "28M")
    assert_refused(run(capsys, *domu, *PAGE), "--domU: not allowed with argument --rounding")
    log = ("picture", "--log", "tests/data/boot-logs/001.log")
    assert_refused(run(capsys, *log, "--padding", "0"), "--log: not allowed with argument --padding")
    boot = ("boot", "--random", "3")
    assert_refused(run(capsys, *boot, "--start", "4"), "--random: not allowed with argument --start")
    record = ("boot", *SMALL, "--record", "never-written")
    assert_refused(run(capsys, *record, *PAGE), "--record: not allowed with argument --rounding")


def test_formula_takes_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    closed = run(capsys, "formula", *TWO)
    assert closed.status == 0
    assert "What if: this isn't Xen's count" in closed.out
    assert "unsigned long n = 4, end" in run(capsys, "formula", "--style", "search", *TWO).out
    assert (
        "    n = 6\n"
        in run(capsys, "formula", "--style", "search", "--lang", "python", "--mode", "compat", *TWO).out
    )
    assert "What if" not in run(capsys, "formula").out
    assert "above the fewest tables, 4" in run(capsys, "formula", "--style", "search", "--start", "5").out
    assert_refused(run(capsys, "formula", "--start", "5"), "--start: expected at most 4, the fewest tables")
    arm = ("formula", "--mode", "arm64-16k", "--style", "search", "--rounding")
    assert "multiple of 0x4000," in run(capsys, *arm, "page").out
    assert_refused(run(capsys, *arm, "4K"), "--rounding: expected a power of two from 16K, a page")


def test_prove_makes_claims_of_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    ran = run(capsys, "prove", "what-if-exact", *TWO)
    assert ran.status == 0
    assert all("what if: the region's end is rounded up to 2 MiB" in line for line in ran.lines[:2])
    assert ran.lines[2].startswith("what-if-exact: V(n) = ⌈E + 0x10000⌉ to 0x200000")
    assert ran.lines[3].startswith("proved   what-if-exact")
    assert "refuted  what-if-exact" in run(capsys, "prove", "--start", "5").out
    assert_refused(run(capsys, "prove", "--rounding", "64M"), "--rounding: expected at most 16M for a proof")
    ran = run(capsys, "prove", "exact", *TWO)
    assert ran.status == 5
    assert "there are what-if-exact and what-if-cost" in ran.err
    assert "what if" not in run(capsys, "prove", "min-2level", "--rounding", "4M").out
