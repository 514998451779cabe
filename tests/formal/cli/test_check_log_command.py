"""``ptproof check-log``: what it prints, its statuses, and what it refuses."""

import gzip
import io
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from log_rules import INDEX, LOGS
from ptproof.formal.judging import check_log
from ptproof.formal.layouts.count_rule import CountRule
from ptproof.formal.logic.verdict import MachineDisagreesError
from ptproof.formal.logs.boot_log import Boot
from run_cli import assert_refused, run

Capture = pytest.CaptureFixture[str]
ALL = [str(LOGS / name) for name in INDEX]


def test_all_field_logs(capsys: Capture) -> None:
    """All 18 logs of the field agree, two with an older rule, one as far as it goes, within two seconds."""
    began = time.process_time()
    ran = run(capsys, "check-log", *ALL)
    assert time.process_time() - began < 2
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines[-1] == "18 boots: agrees 15, agrees with an older rule 2, incomplete 1"


def test_older_counts_are_named(capsys: Capture) -> None:
    """The counts of Xen 3.0.3 and 3.4 are called by their rule, not a mismatch."""
    ran = run(capsys, "check-log", "--quiet", str(LOGS / "032.log"), str(LOGS / "033.log"))
    assert "OLDER: n = 17 by the rule 'i386 PAE Xen' (Xen 3.0 to 4.2)" in ran.lines[0]
    assert "OLDER: n = 12 by the rule 'compat, L4 counted' (Xen 3.1 to 4.1.6.1 and 4.2.0)" in ran.lines[1]
    assert ran.lines[1].endswith("; 32 bits; --version compat-l4-counted lays out so")


def test_every_finding_has_its_line(capsys: Capture) -> None:
    """Each figure has a line with file, line and sentence, and the verdict comes last."""
    log = str(LOGS / "030.log")
    ran = run(capsys, "check-log", log)
    assert all(line.startswith(f"{log}:") for line in ran.lines)
    assert f"{log}:32: Page tables: agrees: n = 5 (0x5) by the rule '4-level'" in ran.out
    assert ran.lines[-1].startswith(f"{log}:14: AGREES: n = 5")


def test_quiet_changes_the_text_only(capsys: Capture, tmp_path: Path) -> None:
    """Quiet leaves one line for each boot; the status and the JSON are the same."""
    altered = tmp_path / "altered.log"
    altered.write_text((LOGS / "030.log").read_text().replace("2f1000", "2f2000"))
    loud = run(capsys, "check-log", str(altered), "--json", str(tmp_path / "loud"))
    quiet = run(capsys, "check-log", str(altered), "--quiet", "--json", str(tmp_path / "quiet"))
    assert loud.status == quiet.status == 1
    assert quiet.lines == loud.lines[-1:]
    assert (tmp_path / "loud").read_text() == (tmp_path / "quiet").read_text()


def test_an_altered_figure(capsys: Capture, tmp_path: Path) -> None:
    """A figure that was altered is named, with by how much, and the status is 1."""
    altered = tmp_path / "altered.log"
    text = (LOGS / "022.log").read_text()
    altered.write_text(text.replace("83c24000", "83c23000").replace("83c25000", "83c24000"))
    ran = run(capsys, "check-log", str(altered))
    assert ran.status == 1
    assert "n = 34 (0x22) is 1 (0x1) too few: expected 35 (0x23)" in ran.out
    assert ran.lines[-1].endswith(
        "DIFFERS: Page tables; all is explained if only the number of Page tables is wrong"
    )


def test_files_that_cannot_be_used(capsys: Capture, tmp_path: Path) -> None:
    """A file without a boot, or that isn't there, is told of in one line, and the others go on."""
    empty = tmp_path / "empty.log"
    empty.touch()
    ran = run(capsys, "check-log", "no such file", ALL[0], str(empty), ALL[1], "--quiet")
    assert ran.status == 2
    assert [line.partition(": ")[2].split(":")[0] for line in ran.err.splitlines()] == [
        "no such file",
        str(empty),
    ]
    assert len(ran.lines) == 3


def test_the_worst_status_wins(capsys: Capture, tmp_path: Path) -> None:
    """A boot that differs and one that can't be read give the larger status, in any order."""
    differs, malformed = tmp_path / "differs.log", tmp_path / "malformed.log"
    differs.write_text((LOGS / "030.log").read_text().replace("2f1000", "2f2000"))
    malformed.write_text((LOGS / "030.log").read_text().replace("2f1000->", "2f10g0->"))
    for names in ([differs, malformed, LOGS / "030.log"], [malformed, LOGS / "030.log", differs]):
        assert run(capsys, "check-log", *map(str, names)).status == 2
    assert run(capsys, "check-log", str(differs), str(LOGS / "030.log")).status == 1


def test_json(capsys: Capture, tmp_path: Path) -> None:
    """The judgements go to a file as JSON, or alone to standard output, with the files that were none."""
    file = tmp_path / "judgements.json"
    ran = run(capsys, "check-log", ALL[0], "no such file", "--json", str(file))
    alone = run(capsys, "check-log", ALL[0], "no such file", "--json", "-")
    assert ran.status == alone.status == 2
    written = json.loads(file.read_text())
    assert written == json.loads(alone.out)
    assert written["schema"] == "ptproof-check-log/1"
    assert [boot["nr_pt_pages"] for boot in written["boots"]] == [33]
    assert written["errors"] == ["no such file: can't be read: No such file or directory"]


def test_standard_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash reads standard input; two boots there get a summary."""
    data = (LOGS / "030.log").read_bytes() + (LOGS / "033.log").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    ran = run(capsys, "check-log", "-", "--quiet")
    assert ran.status == 0
    assert ran.lines[0].startswith("standard input:14: AGREES")
    assert ran.lines[-1] == "2 boots: agrees 1, agrees with an older rule 1"


@pytest.mark.parametrize(
    "name", ["", "no such file", ".", "a\0b", "x" * 5000, "/dev/zero", "/dev/null", "\udcff", "a\nb"]
)
def test_files_that_are_none(capsys: Capture, name: str) -> None:
    """What can't be read as a log is one line, and nothing waits for ever."""
    assert_refused(run(capsys, "check-log", name))


@pytest.mark.parametrize("option", ["--quiet=1", "--json", "--jsn", "-q", "--json=/no/such/folder/x"])
def test_wrong_options(capsys: Capture, option: str) -> None:
    """An option that isn't one, or has no value that can be used, is one line."""
    ran = run(capsys, "check-log", *ALL[:1], option)
    assert ran.status == 2
    assert ran.err.count("\n") == 1


def test_the_input_is_not_written_over(capsys: Capture, tmp_path: Path) -> None:
    """The output may not have the name of an input."""
    file = tmp_path / "x.log"
    file.write_text("x")
    assert_refused(run(capsys, "check-log", ALL[0], str(file), "--json", str(file)), "is an input, too")
    assert file.read_text() == "x"


def test_names_with_line_breaks(capsys: Capture, tmp_path: Path) -> None:
    """A file's name can't bring lines of its own into the output."""
    file = tmp_path / "a\nb.log"
    file.write_text((LOGS / "033.log").read_text())
    ran = run(capsys, "check-log", str(file))
    assert all(r"a\nb.log:" in line for line in ran.lines)


def test_boots_of_a_file_have_limits(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many boots are judged; of those of older Xens so many pages are built, and it is said where one isn't."""
    file = tmp_path / "many.log"
    tables = "(XEN)  Page tables:   00000000002ec000->00000000002f1000\n"
    file.write_text((tables + "(XEN)  TOTAL:         0000000000000000->0000000000400000\n") * 2001)
    told = "expected at most 2000 boots, found 2001 (--limit 2 takes it on)"
    assert_refused(run(capsys, "check-log", str(file)), told)
    assert run(capsys, "check-log", "--limit", "2", "--quiet", str(file)).lines[-1].startswith("2001 boots: ")
    monkeypatch.setattr(check_log, "BUILD_LIMIT", 20_000)
    file.write_text((LOGS / "032.log").read_text() * 5)
    ran = run(capsys, "check-log", str(file))
    built = sum("the builder uses" in each for each in ran.lines)
    left = [each for each in ran.lines if "what the builder takes wasn't checked" in each]
    assert built + len(left) == 5
    assert 0 < len(left) < built
    assert all("(--limit 2 takes it on)" in each for each in left)
    assert "wasn't checked" not in run(capsys, "check-log", str(file), "--limit", "9").out


def test_a_disagreement_hides_no_other_file(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine disagrees in one file the others are judged all the same, and the status tells."""
    first, second = str(LOGS / "030.log"), str(LOGS / "001.log")
    judge = check_log.check_boot

    def disagreeing(boot: Boot, rules: Sequence[CountRule], *_: object) -> check_log.Judgement:
        if boot.source == first:
            raise MachineDisagreesError("figures")
        return judge(boot, rules)

    monkeypatch.setattr(check_log, "check_boot", disagreeing)
    ran = run(capsys, "check-log", "--quiet", first, second)
    assert (ran.status, ran.err) == (70, "ptproof: the machine disagrees: figures\n")
    assert "AGREES: n = 33" in ran.out


def test_a_log_with_the_hosts_map(capsys: Capture) -> None:
    """A log that has the host's memory map is told whether dom0 lies over what isn't RAM."""
    file = Path(__file__).parents[2] / "data" / "field" / "efi-box.log"
    ran = run(capsys, "check-log", str(file))
    assert ran.status == 0
    assert f"{file}:11: host: note: EFI: every segment of dom0 lies in the host's RAM" in ran.lines


def test_a_packed_file_that_is_cut_short(capsys: Capture, tmp_path: Path) -> None:
    """What there is of it is judged, and it is said that it is cut."""
    packed = gzip.compress((LOGS / "001.log").read_bytes())
    file = tmp_path / "log.gz"
    file.write_bytes(packed[:-4])
    ran = run(capsys, "check-log", "--quiet", str(file))
    assert (ran.status, ran.err) == (
        0,
        f"{file}: this gzip file is cut short: what there is of it is read\n",
    )
    file.write_bytes(packed)
    assert run(capsys, "check-log", "--quiet", str(file)).err == ""


PANIC = """\
(XEN) Xen version 4.17.5
(XEN) ****************************************
(XEN) Panic on CPU 0:
(XEN) Not enough RAM for domain 0 allocation
(XEN) ****************************************
"""


@pytest.mark.parametrize("log", [PANIC, (LOGS.parent / "field/panic-too-small-2012.log").read_text()])
def test_a_panic_without_an_arrangement(tmp_path: Path, log: str) -> None:
    """What the panic means comes first, also where both streams go to one file; then that there is nothing to compare."""
    (tmp_path / "xen.log").write_text(log)
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "ptproof.formal", "check-log", "xen.log"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    first, second = ran.stdout.splitlines()
    assert ": panic: " in first
    assert "ptproof layout IMAGE" in first
    assert second == "ptproof: xen.log: nothing to compare: the log has no memory arrangement of a PV domain"


def test_what_led_to_a_panic_of_a_pvh_dom0(capsys: Capture) -> None:
    """Each message is explained, and the verdict quotes them all: the last alone says nothing."""
    log = str(LOGS.parent / "field/panic-pvh.log")
    ran = run(capsys, "check-log", log)
    assert [": panic: note: " in line for line in ran.lines] == [True, True, True, False]
    assert "libelf finds no fault in the ELF" in ran.lines[0]
    said = 'Xen says "broken ELF: <NULL>", "Failed to load Dom0 kernel", "Could not construct domain 0"'
    assert ran.lines[-1].endswith(said)
    assert run(capsys, "check-log", "--quiet", log).lines == ran.lines[-1:]
