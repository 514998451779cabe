"""However a log was handed on, it says what it said."""

import gzip
import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from attrs import fields
from log_disguises import DISGUISES, wrapped_at
from log_rules import LOGS
from ptproof.formal.edge.errors import InputError
from ptproof.formal.logs.boot_log import Boot
from ptproof.formal.logs.boot_log_reader import read_boots
from ptproof.formal.logs.boot_log_text import MEMBERS_LIMIT, Blocks, plain_blocks, plain_text, unpacked
from run_cli import run

Capture = pytest.CaptureFixture[str]

LOG = LOGS / "013.log"


def said(data: bytes | str | Blocks) -> list[dict[str, Any]]:
    """All that is read of each boot, but for where it stands."""
    places = ("source", "line", "lines")
    return [
        {each.name: getattr(boot, each.name) for each in fields(Boot) if each.name not in places}
        for boot in read_boots(data, "x")
    ]


@pytest.mark.parametrize("log", ["011.log", "024.log", "033.log"])
@pytest.mark.parametrize("name", DISGUISES)
def test_every_disguise(name: str, log: str) -> None:
    """Every figure is read, and nothing is complained of."""
    text = (LOGS / log).read_text()
    found = said(DISGUISES[name](text))
    domain = "d1" if name == "xl console" else None
    assert found == [{**each, "domain": domain} for each in said(text)]


@pytest.mark.parametrize("log", ["013.log", "024.log", "033.log"])
def test_wrapped_anywhere(log: str) -> None:
    """A line may be cut within a number, with 0x or without, or within an arrow, if what is left can only belong together."""
    text = (LOGS / log).read_text()
    (wanted,) = read_boots(text, "x")
    for width in range(55, 110):
        (found,) = read_boots(wrapped_at(width)(text), "x")
        assert found.problems == (), width
        for each in (
            "paddr",
            "alloc",
            "pages_to_be_allocated",
            "initrd_image",
            "page_tables",
            "total",
            "entry",
        ):
            assert getattr(found, each) == getattr(wanted, each), (each, width)


@pytest.mark.parametrize(
    "name", ["docker", "journalctl", "LAVA", "code", "noformat", "one JSON object", "gz", "xz"]
)
def test_by_the_command(capsys: Capture, tmp_path: Path, name: str) -> None:
    """A file that begins with a brace is a log all the same; one that is packed is unpacked."""
    plain, disguised = tmp_path / "plain.log", tmp_path / "log"
    plain.write_text(LOG.read_text())
    disguised.write_bytes(DISGUISES[name](LOG.read_text()))
    wanted = run(capsys, "check-log", "--quiet", str(plain))
    found = run(capsys, "check-log", "--quiet", str(disguised))
    assert (found.status, found.err) == (0, "")
    assert found.out.split(": ", 1)[1] == wanted.out.split(": ", 1)[1]


def test_lines_keep_their_numbers() -> None:
    """What stands for a line break makes no line."""
    for name in (
        "docker",
        "colours in JSON",
        "&amp;gt;",
        "CR as an entity",
        "pre escaped",
        "journalctl, bytes",
        "cat -A",
    ):
        (boot,) = read_boots(DISGUISES[name](LOG.read_text()), "x")
        (plain,) = read_boots(LOG.read_text(), "x")
        assert boot.lines == plain.lines, name


def test_lines_of_base64() -> None:
    """Those of the mail count, not those of the text in it."""
    mail = DISGUISES["base64"](LOG.read_text())
    (boot,) = read_boots(mail, "x")
    assert 6 <= boot.lines["kernel"] <= boot.lines["total"] <= mail.count(b"\n")


@pytest.mark.parametrize(
    "name", ["plain", "base64", "quoted-printable", "UTF-16", "docker", "one JSON string"]
)
@pytest.mark.parametrize("size", [5_000, 9_000, 20_000])
def test_in_blocks(name: str, size: int) -> None:
    """Where a block ends doesn't matter, nor where a mail's head or body does."""
    text = LOG.read_text() * 40
    data = DISGUISES[name](text) + b"\n" + DISGUISES[name](text)
    blocks = tuple(plain_blocks(data, size))
    assert len(blocks) > 1
    assert said(blocks) == said((plain_text(data),))
    assert len(said(blocks)) == 80


def test_too_many_packed_files() -> None:
    """A file of nothing but empty ones has an end."""
    with pytest.raises(InputError, match=f"expected at most {MEMBERS_LIMIT} gzip files in one, found more"):
        unpacked(gzip.compress(b"") * (MEMBERS_LIMIT + 1), 1 << 20)


def test_a_packed_file_that_holds_too_much() -> None:
    """It is refused in one line, without being unpacked as a whole; a damaged one, too; one that is cut is read."""
    packed = gzip.compress(bytes(1 << 26))
    tracemalloc.start()
    with pytest.raises(InputError, match="expected at most 1 MiB in a gzip file, found more"):
        unpacked(packed, 1 << 20)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
    with pytest.raises(InputError, match="found a damaged gzip file"):
        unpacked(packed[:20] + b"x" * 100, 1 << 20)
    whole = gzip.compress(LOG.read_bytes())
    assert unpacked(whole, 1 << 20) == (LOG.read_bytes(), "")
    for gone in (1, 8, len(whole) // 2):
        found, cut = unpacked(whole[:-gone], 1 << 20)
        assert LOG.read_bytes().startswith(found)
        assert cut == "gzip"
    assert unpacked(b"", 1) == (b"", "")


@pytest.mark.parametrize(
    "junk",
    ["&amp;" * 10**5, "\\" * 10**6, "[1;" * 10**5, "x\b" * 10**5, "%20" * 10**5, "[1, " * 10**5, "<span " * 10**5,
     "\x1b[" * 10**5, "content-transfer-encoding: base64\n" * 10**4, "QUJD\n" * 10**5, "0\n" * 10**5],
)  # fmt: skip
def test_linear(junk: str) -> None:
    """A megabyte of what might be something is read within seconds."""
    began = time.process_time()
    plain_text(junk)
    assert time.process_time() - began < 5


def test_words_of_a_log_stay() -> None:
    """What only looks like a colour, a tag or an escape is left alone."""
    for text in (
        "[    0.123456] x",
        "[mem 0x1000-0x1fff]",
        "<NULL>",
        "100% [K8s]",
        "a & b",
        "[12] m",
        "C++ 1 < 2 > 1",
        "[1,2]",
    ):
        assert plain_text(text).text == text


def test_records_are_still_records(capsys: Capture, tmp_path: Path) -> None:
    """An object without a word of a log is a record, and is refused as one."""
    path = tmp_path / "records"
    path.write_text(json.dumps({"width": 48}) + "\n")
    assert "width: expected 64 or 32" in run(capsys, "check-log", str(path)).err
