"""Small files that would take much: whatever is asked of them, there is an answer, or one line, within the limits."""

import gzip
import json
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from ptproof.formal.cli.arguments import number
from ptproof.formal.cli.main import command_line
from ptproof.formal.edge.errors import InputError
from ptproof.formal.edge.limits import MEMORY, MOST_TIMES, SECONDS, Allowance, most, raised_by
from ptproof.formal.logs.xen_messages import MESSAGES

MEASURED: Final = """
import os, resource, sys
from ptproof.formal.cli.main import main
status = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
below = resource.getrusage(resource.RUSAGE_CHILDREN)
peak = max(used.ru_maxrss, below.ru_maxrss) << 10
print(status, peak, used.ru_utime + below.ru_utime, file=sys.stderr)
"""
"""Runs the command line, and tells its status, its memory in bytes and its time in seconds."""


def layout(pages: int, frames: int, mode: str = "64", start: int = 0) -> bytes:
    """A layout file of about 110 bytes."""
    plain = {
        "schema": "ptproof-layout/1",
        "mode": mode,
        "page_tables": [start, start + (frames << 12)],
        "total": [start, start + (pages << 12)],
    }
    return json.dumps(plain).encode()


def counterexample(count: int) -> bytes:
    """A counterexample with so many layouts, each of them small enough."""
    run = {"title": "x", "layout": json.loads(layout(100_000, 300))}
    plain = {"schema": "ptproof-counterexample/1", "parts": [{"name": "x", "runs": [run] * count}]}
    return json.dumps(plain).encode()


def log(pages: int, frames: int) -> bytes:
    """A log of two lines."""
    tables = f"(XEN)  Page tables:   {0:016x}->{frames << 12:016x}\n"
    return f"{tables}(XEN)  TOTAL:         {0:016x}->{pages << 12:016x}\n".encode()


def old_boots(count: int, pages: int) -> bytes:
    """A log with boots of an old Xen, whose builder is executed."""
    tables = 4 + -(-pages // 512) + 3
    start = (pages - tables - 200) << 12
    lines = (
        "(XEN) Xen version 3.0.4\n"
        "(XEN)  Dom0 kernel: 64-bit, lsb, paddr 0x0 -> 0x1000\n"
        f"(XEN)  Page tables:   {start:016x}->{start + (tables << 12):016x}\n"
        f"(XEN)  Boot stack:    {start + (tables << 12):016x}->{start + (tables + 1 << 12):016x}\n"
        f"(XEN)  TOTAL:         {0:016x}->{pages << 12:016x}\n"
    )
    return lines.encode() * count


def host_map(count: int) -> bytes:
    """A host's memory map, with every other 2 MiB reserved."""
    lines = (f"(XEN)  [{i << 22:016x}, {(i << 22) + 0x1FFFFF:016x}] (reserved)\n" for i in range(count))
    return f"(XEN) Xen-e820 RAM map:\n{''.join(lines)}".encode()


def record(mib: int, count: int = 1) -> bytes:
    """Records of domUs with so large a region."""
    plain = {"width": 64, "virt_base": 0, "pt_base": mib << 20, "nr_pt_frames": 5}
    return (json.dumps(plain) + "\n").encode() * count


CASES: Final[dict[str, tuple[Callable[[], bytes], tuple[str, ...]]]] = {
    "most pages": (lambda: layout(2_000_000, 4000), ("replay",)),
    "most frames": (lambda: layout(1000, 66_000), ("replay", "--json", "/dev/null")),
    "all frames wrong": (lambda: layout(900_000, 30_000), ("replay", "--json", "/dev/null")),
    "above 4 GiB": (lambda: layout(2_000_000, 2000, "2-level"), ("replay", "--json", "/dev/null")),
    "past 2^64": (lambda: layout(1_900_000, 3000, start=2**64 - (1 << 30)), ("replay",)),
    "a few pages too many": (lambda: layout(2_000_001, 4000), ("replay",)),
    "many pages": (lambda: layout(1 << 22, 9000), ("replay",)),
    "many frames": (lambda: layout(1 << 20, 1 << 20), ("replay", "--json", "/dev/null")),
    "many layouts": (lambda: counterexample(500), ("replay",)),
    "as many layouts as fit": (lambda: counterexample(19), ("replay",)),
    "lists in lists": (lambda: b"[[]," * (1 << 18), ("replay",)),
    "picture of pages": (lambda: layout(2_000_000, 4000), ("picture", "--layout")),
    "picture of frames": (lambda: layout(1 << 20, 1 << 20), ("picture", "--layout")),
    "picture of a log": (lambda: log(1 << 22, 1 << 20), ("picture", "--log")),
    "picture of a log that is taken on": (lambda: log(600_000, 40_000), ("picture", "--log")),
    "a domU": (lambda: record(8 << 10), ("check-log",)),
    "a domU that is taken on": (lambda: record(3 << 10), ("check-log",)),
    "an endless domU": (lambda: record(2 << 20), ("check-log",)),
    "many domUs": (lambda: record(30, 3000), ("check-log",)),
    "newlines": (lambda: b"\n" * 9_900_000, ("check-log",)),
    "newlines, picture": (lambda: b"\n" * 9_900_000, ("picture", "--log")),
    "newlines before a record": (lambda: b"\n" * 9_900_000 + record(10), ("check-log",)),
    "a large record": (lambda: b'{"a": [' + b"[]," * 3_000_000 + b"0]}", ("check-log",)),
    "labels": (lambda: b"Page tables: \n" * 700_000, ("check-log",)),
    "boots": (lambda: log(1024, 5) * 1900, ("check-log", "--quiet")),
    "old boots": (lambda: old_boots(300, 1 << 17), ("check-log", "--quiet")),
    "messages": (
        lambda: "".join(f"(XEN) {each.words}\n" for each in MESSAGES).encode() * 2500,
        ("check-log", "--quiet"),
    ),
    "words of messages": (lambda: b"Xen \n" * 1_900_000, ("check-log",)),
    "boots with large maps": (lambda: host_map(900) + old_boots(1000, 1 << 10), ("check-log", "--quiet")),
    "a large map": (lambda: host_map(150_000), ("picture", *("--kernel", "0x1000", "0x2000"), "--host-map")),
    "gzip as a log": (lambda: gzip.compress(bytes(300 << 20), 1), ("check-log",)),
    "xz as a log": (lambda: lzma.compress(bytes(300 << 20), preset=0), ("picture", "--log")),
    "many gzips": (lambda: gzip.compress(b"") * 490_000, ("check-log",)),
    "escapes": (lambda: b"\\u003e" * 1_600_000, ("check-log",)),
    "backslashes": (lambda: b"[" + b"\\" * 9_900_000, ("check-log",)),
    "entities": (lambda: b"&#62;" * 1_900_000, ("check-log",)),
    "backspaces": (lambda: "\U0001f600x\b\b".encode() * 1_400_000, ("check-log",)),
    "characters of four bytes": (lambda: "\U0001f600abc".encode() * 1_400_000, ("check-log",)),
    "words of libxenguest": (lambda: b"x xc_dom_alloc_segment: " * 410_000, ("check-log",)),
    "labels of libxenguest": (lambda: b"pt_base: 0x1\n" * 700_000, ("check-log",)),
    "a guest with much memory": (
        lambda: (
            b"xc_dom_mem_init: 0x10000000000 pages\n"
            b"xc_dom_alloc_segment: kernel : 0x0 -> 0x10000000000 (pfn 0x0 + 0x1 pages)\n"
            b"xc_dom_alloc_segment: page tables : 0x2000 -> 0x6000 (pfn 0x2 + 0x4 pages)\n" * 1900
        ),
        ("check-log",),
    ),
    "gzip as an image": (lambda: gzip.compress(bytes(300 << 20), 1), ("image",)),
    "xz as an image": (lambda: lzma.compress(bytes(300 << 20), preset=0), ("image",)),
    "gzip as Xen": (lambda: gzip.compress(bytes(600 << 20), 1), ("boot", *("--kernel", "0", "1"), "--xen")),
}


@pytest.mark.parametrize("name", CASES)
def test_within_the_limits(tmp_path: Path, name: str) -> None:
    """The input is taken, or refused in one line, in time and memory within the limits and what Python itself takes."""
    make, command = CASES[name]
    file = tmp_path / "x"
    file.write_bytes(make())
    if "--kernel" in command:
        command = (*command[:-1], "--nr-pages", "4096", *command[-1:])
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command, str(file)], capture_output=True, text=True, check=True
    )
    *said, measured = done.stderr.splitlines()
    status, peak, seconds = measured.split()
    assert status in ("0", "1", "2")
    assert len(said) == (status == "2")
    assert int(peak) < MEMORY + (80 << 20)
    assert float(seconds) < 3 * SECONDS  # on a busy machine, or an older one


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
@pytest.mark.parametrize(
    "command",
    [
        ("replay",),
        ("picture", "--layout"),
        ("picture", "--log"),
        ("check-log",),
        ("image",),
        ("check",),
        ("layout", "--nr-pages", "4096"),
        ("boot", "--nr-pages", "4096", "--kernel", "0", "1", "--xen"),
        ("boot", "--nr-pages", "4096"),
    ],
    ids=" ".join,
)
def test_devices(command: tuple[str, ...], device: str) -> None:
    """What has no end is refused once it is more than the limit."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command, device], capture_output=True, text=True, check=True
    )
    *said, measured = done.stderr.splitlines()
    assert (measured.split()[0], len(said)) == ("2", 1)
    assert int(measured.split()[1]) < MEMORY + (80 << 20)


def parsed(*argv: str) -> int:
    """What is read of the option."""
    return int(command_line().parse_args(argv).limit)


def test_what_may_be_taken() -> None:
    """By time or by memory, whichever is used up first; and what is taken together."""
    assert most(seconds=1, memory=1) == 2
    assert most(seconds=1e-9, memory=1000) == 500_000
    assert (raised_by(9, 4), raised_by(8, 4)) == (" (--limit 3 takes it on)", " (--limit 2 takes it on)")
    assert (raised_by(4000, 4), raised_by(4001, 4)) == (" (--limit 1000 takes it on)", "")
    assert number(1, MOST_TIMES)("1000") == parsed("replay", "x", "--limit", "1000")
    with pytest.raises(InputError, match="--limit: expected 1 to 1000"):
        parsed("replay", "x", "--limit", "1001")
    allowed = Allowance(10, times=2)
    allowed.take(15)
    assert (allowed.left, allowed.raised_by(6)) == (5, " (--limit 3 takes it on)")
