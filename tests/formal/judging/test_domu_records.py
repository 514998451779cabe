"""What domUs printed of their start_info: compared with libxenguest's tables, by the command too."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ptproof.formal.edge.errors import InputError
from ptproof.formal.judging.check_log import Outcome
from ptproof.formal.judging.domu_records import judge, looks_like_records, read_records
from run_cli import assert_refused, run

Capture = pytest.CaptureFixture[str]
FILE = Path(__file__).parents[2] / "data" / "domu-layouts.jsonl"
RECORDS = read_records(FILE.read_bytes(), FILE.name)
SMALL: dict[str, Any] = {"width": 64, "virt_base": "0x0", "pt_base": "0x23a000", "nr_pt_frames": 5}


def line(**changed: object) -> bytes:
    """A record as a line of JSON."""
    return json.dumps(SMALL | changed).encode()


@pytest.mark.parametrize("record", RECORDS, ids=lambda each: each.name)
def test_the_domus_of_the_field(record: Any) -> None:
    """Each has the tables that libxenguest gives; the 32-bit one those that it gave before 4.7."""
    judgement = judge(record)
    assert judgement.outcome is (Outcome.OLDER if record.name == "d01" else Outcome.AGREES)
    assert judgement.status == 0
    assert [each.figure for each in judgement.compared][:3] == ["start_info", "pt_base", "nr_pt_frames"]


def test_there_are_eight() -> None:
    """None is lost, and every figure that they have is looked at."""
    assert [each.name for each in RECORDS] == ["d01", "d03", "d05", "d07", "d09", "d11", "d13", "d15"]
    assert sum(len(judge(each).compared) for each in RECORDS) == 26


@pytest.mark.parametrize(
    ("changed", "figure", "expected"),
    [
        ({"nr_pt_frames": 6}, "nr_pt_frames", 5),
        ({"first_unmapped": "0x800000"}, "first_unmapped", 0x400000),
        ({"start_info": "0x236000"}, "pt_base", 0x239000),
        ({"start_info": "0x237000", "mfn_list": "0x1b8000", "nr_pages": 65536}, "start_info", 0x238000),
    ],
)
def test_a_figure_that_differs(changed: dict[str, object], figure: str, expected: int) -> None:
    """Each figure that is off is told, with what it should be."""
    (record,) = read_records(line(**changed), "records")
    judgement = judge(record)
    assert (judgement.outcome, judgement.status) == (Outcome.DIFFERS, 1)
    wrong = {each.figure: each.expected for each in judgement.compared if not each.agrees}
    assert wrong == {figure: expected}
    assert judgement.verdict == f"DIFFERS: {figure}; n = {record.nr_pt_frames}, 64 bits"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{", "line 1: expected a JSON object"),
        (b'{"width": 64}\n', "line 1: virt_base: expected a value, found none"),
        (line() + b"\n[]", "line 2: expected a JSON object, found '[]'"),
        (line(width=16), "width: expected 64 or 32, found 16"),
        (line(pt_base="23a000"), "pt_base: expected a number below 0x10000000000000000, found '23a000'"),
        (line(nr_pt_frames=True), "nr_pt_frames: expected a number"),
        (line(width=32, pt_base="0x100000000"), "pt_base: expected a number below 0x100000000"),
        (line(virt_base="0x400000"), "pt_base: expected an address above virt_base 0x400000, found 0x23a000"),
        (b"{\xff", "offset 1: expected UTF-8"),
        (b"[" * 60_000, "expected a JSON object"),
        (b"[" * 100_000, "line 1: expected a JSON object of at most 65536 bytes, found 100000"),
        (
            b"\n" * 1000 + (line() + b"\n") * 2001,
            "line 3001: expected at most 2000 records, found more (--limit",
        ),
    ],
)
def test_bad_records(data: bytes, told: str) -> None:
    """What can't be used is one line that names the line and the field."""
    with pytest.raises(InputError) as error:
        read_records(data, "records")
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"virt_base": hex(2**64 - (16 << 20)), "pt_base": hex(2**64 - (4 << 20))}, "iteration never stops"),
        ({"pt_base": hex(1 << 46)}, "the frame machine executes at most"),
        ({"pt_base": hex(1 << 36)}, r"machine executes at most 1000000 \(--limit 17 takes it on\)"),
    ],
)
def test_records_that_are_too_much(changed: dict[str, object], told: str) -> None:
    """A domU that no machine builds is refused."""
    (record,) = read_records(line(**changed), "records")
    with pytest.raises(InputError, match=told):
        judge(record)


def test_many_records(capsys: Capture, tmp_path: Path) -> None:
    """What a file's records take together is limited, and an option raises that."""
    file = tmp_path / "many.jsonl"
    file.write_bytes((line() + b"\n") * 900)
    assert_refused(run(capsys, "check-log", str(file)), ": line 817: pt_base: ", "--limit 2")
    assert run(capsys, "check-log", "--limit", "2", "--quiet", str(file)).lines[-1] == "900 domUs: agrees 900"


def test_a_log_is_no_file_of_records() -> None:
    """A file is one of records by its first character."""
    assert looks_like_records(FILE.read_bytes())
    assert looks_like_records(b"\n " + line())
    assert not looks_like_records((FILE.parent / "boot-logs/001.log").read_bytes())


def test_the_command(capsys: Capture) -> None:
    """The verdicts, and one line that sums them up; as JSON, too."""
    ran = run(capsys, "check-log", "--quiet", str(FILE))
    assert (ran.status, ran.err) == (0, "")
    assert (
        ran.lines[0]
        == f"{FILE}:1: d01: OLDER: n = 9 by libxc (Xen 3.1 to 4.6), not by today's; domU, 32 bits"
    )
    assert ran.lines[-1] == "8 domUs: agrees 7, agrees with an older rule 1"
    shown = json.loads(run(capsys, "check-log", str(FILE), "--json", "-").out)
    assert (shown["boots"], len(shown["domus"])) == ([], 8)
    assert shown["domus"][0]["toolstack"] == "libxc"


def test_a_difference_is_the_commands_status(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """One frame more than there should be: status 1; a log beside it is judged all the same."""
    changed = FILE.read_text().replace('"nr_pt_frames": 13', '"nr_pt_frames": 14', 1)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(changed.encode())))
    ran = run(capsys, "check-log", "-", str(FILE.parent / "boot-logs/001.log"))
    assert ran.status == 1
    assert (
        "standard input:2: nr_pt_frames: differs: 14: expected 13, what libxenguest (Xen 4.7 to today) takes for the "
        "region" in ran.lines
    )
    assert "AGREES: n = 33" in ran.lines[-2]


def test_bad_records_are_refused(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 2, and one line."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}")))
    assert_refused(
        run(capsys, "check-log", "-"), "standard input: line 1: width: expected 64 or 32, found None"
    )


@pytest.mark.parametrize("figure", ["virt_base", "pt_base"])
def test_a_damaged_address(figure: str) -> None:
    """An address that lies on a page in every domU and not here is a finding; the tool itself has not failed."""
    (record,) = read_records(line(**{figure: "0x234567"}), "x")
    judgement = judge(record)
    assert (judgement.status, judgement.toolstack) == (1, None)
    assert [(each.figure, each.expected) for each in judgement.compared] == [(figure, 0x234000)]


def test_a_damaged_file_hides_no_other(capsys: Capture, tmp_path: Path) -> None:
    """The files behind it are judged, too."""
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_bytes(line(pt_base="0x23a00f"))
    ran = run(capsys, "check-log", str(damaged), str(FILE))
    assert ran.status == 1
    assert "pt_base" in ran.out
    assert ran.lines[-1].startswith("9 domUs: ")
