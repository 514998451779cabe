"""Every reader takes twice the work for twice the input: what it does is counted, not how long it takes."""

import contextlib
import gzip
import json
import sys
from argparse import ArgumentTypeError
from array import array
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, Final

import pytest
from elf_maker import PACKERS, Load, Section, bzimage, elf, image, note, noted, notes
from ptproof.formal.certify import proof_checker
from ptproof.formal.certify.certificate import read_manifest
from ptproof.formal.cli.arguments import number
from ptproof.formal.edge.errors import InputError
from ptproof.formal.edge.outside import markup, one_line, shell_word
from ptproof.formal.images.image import parse_image
from ptproof.formal.images.kernel_payload import payload
from ptproof.formal.judging.check_log import as_dict, as_lines, check_boots
from ptproof.formal.judging.domu_log import builders_refusal, judge_log
from ptproof.formal.judging.domu_records import judge_all, looks_like_records, read_records
from ptproof.formal.judging.memory_conflicts import with_maps
from ptproof.formal.judging.panics import panic_findings
from ptproof.formal.layouts.count_rule import count_rules
from ptproof.formal.layouts.dom0_mem import parse_dom0_mem
from ptproof.formal.layouts.host_map import fits_at
from ptproof.formal.layouts.layout import Segment
from ptproof.formal.layouts.layout_json import read_layout
from ptproof.formal.logs.boot_log_reader import all_boots
from ptproof.formal.logs.log_window import log_text
from ptproof.formal.logs.memory_map import read_maps
from ptproof.formal.logs.messages_in_logs import messages_in
from ptproof.formal.logs.xen_messages import MESSAGES
from ptproof.formal.reports import image_report
from ptproof.formal.reports.counterexample_json import read_layouts

Reader = Callable[[Any], object]
WHOLE: Final = frozenset(
    [
        "count",
        "index",
        "remove",
        "insert",
        "replace",
        "split",
        "splitlines",
        "strip",
        "rstrip",
        "lstrip",
        "partition",
        "rpartition",
        "decode",
        "encode",
        "translate",
        "join",
        "find",
        "rfind",
        "copy",
        "extend",
        "sort",
    ]
)
"""Methods of what has a length that look at all of it, or at as much."""
RANGED: Final = frozenset({"count", "find", "rfind", "index"})
"""Those that may be told from where to where; of texts they are taken to be told."""
MOST: Final = 2.4


def operations(read: Reader, given: Any) -> int:
    """How many lines are executed, and how much is looked at by methods that look at all of something."""
    done = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal done
        done += event == "line"
        return trace

    def profile(_frame: FrameType, event: str, argument: Any) -> None:
        nonlocal done
        owner: Any = getattr(argument, "__self__", None)
        name = getattr(argument, "__name__", "")
        if event != "c_call" or name not in WHOLE:
            return
        texts = isinstance(owner, str | bytes | bytearray) and name not in RANGED
        if texts or isinstance(owner, list | tuple | array):
            done += len(owner) // 16

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        with contextlib.suppress(InputError, proof_checker.RefusedProof, ArgumentTypeError):
            read(given)
    finally:
        sys.setprofile(before[1])
        sys.settrace(before[0])
    return done


def check_log(data: bytes) -> None:
    """All that ``check-log`` does with a file."""
    text = log_text(data, "x", 100)
    domus, boots = judge_log(text, "x", 100), all_boots(text, "x", 100)
    if not domus and not boots and looks_like_records(data):
        domus = tuple(judge_all(read_records(data, "x"), 100))
    builders_refusal(text)
    said = messages_in(text, "x", 100)
    panic_findings(boots, said)
    for judged in domus:
        judged.lines()
        judged.as_dict()
    for each in with_maps(check_boots(boots, count_rules(), 100), text, 100):
        as_lines(each)
        as_dict(each)


def show_image(data: bytes) -> None:
    """All that ``image`` does with a file."""
    found = parse_image(data, "x")
    image_report.report(found)
    image_report.as_dict(found)


def follow(given: tuple[str, str]) -> None:
    """Check a proof."""
    proof_checker.check(*given)


LAYOUT: Final = {
    "schema": "ptproof-layout/1",
    "mode": "64",
    "page_tables": ["0x2ec000", "0x2f1000"],
    "total": ["0x0", "0x400000"],
}
RUN: Final = {"title": "x", "layout": LAYOUT}
RECORD: Final = {"width": 64, "virt_base": "0x0", "pt_base": "0x23a000", "nr_pt_frames": 5}
BOOT: Final = (
    b"(XEN)  Page tables:   00000000002ec000->00000000002f1000\n"
    b"(XEN)  TOTAL:         0000000000000000->0000000000400000\n"
)
MAP: Final = b"(XEN) Xen-e820 RAM map:\n(XEN)  [0000000000000000, 00000000002ecfff] (usable)\n"
BUILDER: Final = (
    b"xc_dom_alloc_segment: kernel : 0x0 -> 0x1000 (pfn 0x0 + 0x1 pages)\n"
    b"xc_dom_alloc_segment: page tables : 0x%x -> 0x%x (pfn 0x2 + 0x1 pages)\n"
)
GUEST: Final = b"pt_base: 0x2000\nnr_pt_frames: 4\nstart_info: 0x1000 (VA)\n"
CERTIFICATE: Final = {"name": "x", "query": "0" * 64, "cnf": "0" * 64, "proof": "0" * 64, "steps": 1}
LOAD: Final = Load(0x100000, 0x12000)


def dumped(value: object) -> bytes:
    """As a file has it."""
    return json.dumps(value).encode()


def packed(name: str, size: int) -> bytes:
    """A bzImage that is packed in that way."""
    return bzimage(PACKERS[name](bytes(range(256)) * size * 2))


def ranges(count: int, apart: int = 1 << 13) -> bytes:
    """Lines of a host's map: every other page, or so, is reserved."""
    lines = (f"(XEN)  [{i * apart:016x}, {i * apart + 0xFFF:016x}] (reserved)\n" for i in range(count))
    return "".join(lines).encode()


def fits(lines: bytes) -> None:
    """Look where a kernel fits into a map."""
    (host,), _ = read_maps(MAP + lines)
    fits_at(host, {"kernel": Segment(0x1000, 0x2000)})


CASES: Final[dict[str, tuple[Reader, Callable[[int], Any]]]] = {
    "boots": (check_log, lambda n: BOOT * (n // 40)),
    "boots of many domains": (
        check_log,
        lambda n: b"".join(
            b"(d%d) " % i + BOOT.replace(b"\n", b"\n(d%d) " % i) + b"\n" for i in range(n // 40)
        ),
    ),
    "labels": (check_log, lambda n: b"Page tables: " * n),
    "words that look like labels": (check_log, lambda n: b"xPage tables: TOTAL Loaded kernel " * n + BOOT),
    "notes": (check_log, lambda n: b"".join(b"(XEN) virt_base = 0x%x\n" % i for i in range(n)) + BOOT),
    "notes that can't be read": (
        check_log,
        lambda n: b"".join(b"(XEN) virt_base = zz%x\n" % i for i in range(n // 4)) + BOOT,
    ),
    "lines": (check_log, lambda n: b"\n" * n * 100 + BOOT),
    "carriage returns": (check_log, lambda n: b"\r" * n * 100 + b"\n" + BOOT),
    "carriage returns alone": (check_log, lambda n: BOOT.replace(b"\n", b"\r") * (n // 40)),
    "soft line breaks": (check_log, lambda n: b"x =3D a=\n" * n * 30 + BOOT),
    "soft line breaks alone": (check_log, lambda n: b"a=\n" * n * 100 + BOOT),
    "octets": (check_log, lambda n: b"=E2=80=93" * n * 30 + b"=\n=3D\n" + BOOT),
    "colours": (check_log, lambda n: b"\x1b[1;31mx\x1b[0m\n" * n * 30 + BOOT),
    "quotes": (check_log, lambda n: b"> " * n * 100 + b"\n" + BOOT),
    "a long line": (check_log, lambda n: b"x" * n * 1000 + b"\n" + BOOT),
    "rubbish": (check_log, lambda n: bytes(range(256)) * n * 4 + BOOT),
    "broken numbers": (
        check_log,
        lambda n: b"Page tables: 00000000\n00000000->\n00000000\n00000000\n" * (n // 40),
    ),
    "builders": (check_log, lambda n: b"".join(BUILDER % (i, i) for i in range(n // 20))),
    "builders and guests": (check_log, lambda n: BUILDER % (0x2000, 0x6000) * (n // 40) + GUEST * (n // 40)),
    "guests and builders": (check_log, lambda n: GUEST * (n // 40) + BUILDER % (0x2000, 0x6000) * (n // 40)),
    "refusals": (check_log, lambda n: b"xc_dom_x: no loader found\n" * n),
    "messages": (
        check_log,
        lambda n: "".join(f"(XEN) {each.words}\n" for each in MESSAGES).encode() * (n // 80) + BOOT,
    ),
    "panics": (check_log, lambda n: b"(XEN) Panic on CPU 0:\n(XEN) x\n" * (n // 4) + BOOT),
    "words of messages": (check_log, lambda n: b"Domain 0 decompress Xen \n \n " * n + BOOT),
    "maps": (check_log, lambda n: (MAP + BOOT) * (n // 40)),
    "a large map": (check_log, lambda n: MAP + ranges(n) + BOOT),
    "a host's ranges": (fits, lambda n: ranges(n, apart=1 << 21)),
    "maps without a boot": (check_log, lambda n: MAP * (n // 8)),
    "escapes": (check_log, lambda n: b"\\" * n * 100 + b"\\u003e" * n + BOOT),
    "entities": (check_log, lambda n: b"&amp;amp;gt;&#62;" * n + BOOT),
    "backspaces": (check_log, lambda n: b"x\b" * n + b"\b" * n + BOOT),
    "bytes": (check_log, lambda n: b"[" + b"10, " * n + b"10]" + BOOT),
    "heads of mails": (check_log, lambda n: b"Content-Transfer-Encoding: base64\n" * n + BOOT),
    "bodies of mails": (
        check_log,
        lambda n: b"Content-Transfer-Encoding: base64\n\n" + b"QUJD\n" * n + b"\n" + BOOT,
    ),
    "packed logs": (check_log, lambda n: gzip.compress(BOOT) * (n // 40)),
    "packed nothing": (check_log, lambda n: gzip.compress(b"") * n),
    "records": (check_log, lambda n: (dumped(RECORD | {"pt_base": "0x1000"}) + b"\n") * (n // 200)),
    "records between blank lines": (check_log, lambda n: (b"\n" * n * 10 + dumped(RECORD)) * 2),
    "records with many keys": (
        check_log,
        lambda n: dumped(RECORD | {f"k{i}": i for i in range(n)}),
    ),
    "keys": (
        lambda data: read_layout(data, "x"),
        lambda n: dumped(LAYOUT | {f"k{i}": 0 for i in range(n * 4)}),
    ),
    "keys that are there twice": (
        lambda data: read_layout(data, "x"),
        lambda n: b"{" + b",".join(b'"k%d": 0' % (i % (n * 4)) for i in range(n * 4 + 1)) + b"}",
    ),
    "digits": (lambda data: read_layout(data, "x"), lambda n: b'{"entry": ' + b"9" * n * 100 + b"}"),
    "a long address": (
        lambda data: read_layout(data, "x"),
        lambda n: dumped(LAYOUT | {"entry": "0x" + "f" * n * 100}),
    ),
    "layouts": (
        lambda data: read_layouts(data, "x"),
        lambda n: dumped(
            {"schema": "ptproof-counterexample/1", "parts": [{"name": "x", "runs": [RUN] * (n // 4)}]}
        ),
    ),
    "parts": (
        lambda data: read_layouts(data, "x"),
        lambda n: dumped(
            {"schema": "ptproof-counterexample/1", "parts": [{"name": "x", "runs": [RUN]}] * (n // 4)}
        ),
    ),
    "segments": (show_image, lambda n: elf([LOAD, *[Load(0x200000, 0x1000)] * (n // 4), noted(notes())])),
    "note segments": (show_image, lambda n: elf([LOAD, *[noted(b"")] * (n // 2), noted(notes())])),
    "notes of an image": (show_image, lambda n: elf([LOAD, noted(notes() + note(6, "linux") * (n // 2))])),
    "notes of others": (show_image, lambda n: elf([LOAD, noted(note(6, "x") * n + notes())])),
    "one note's text": (show_image, lambda n: image({10: "|".join(["x"] * min(n, 2000))})),
    "sections": (show_image, lambda n: image(sections=[Section(b"s", 7, b"")] * n)),
    "names of sections": (show_image, lambda n: elf([LOAD], [Section(b"x" * n, 1, b"")] * 9)),
    "settings": (
        show_image,
        lambda n: elf(
            [LOAD], [Section(b"__xen_guest", 1, b"LOADER=generic,XEN_VER=xen-3.0" + b",A=b" * n + b"\0")]
        ),
    ),
    **{
        f"packed by {name}": (
            lambda data: payload(data, "x"),
            partial(packed, name),
        )
        for name in PACKERS
    },
    "stored by lzo": (
        lambda data: payload(data, "x"),
        lambda n: PACKERS["lzo"](b"")[:-4] + b"\0\0\0\1\0\0\0\1\0\0\0\0x" * n + bytes(4),
    ),
    "amounts of dom0_mem": (parse_dom0_mem, lambda n: ",".join(["max:1G"] * n)),
    "one amount of dom0_mem": (parse_dom0_mem, lambda n: "1" * n * 10),
    "certificates": (
        lambda data: read_manifest(data, "x"),
        lambda n: dumped(
            {"schema": "ptproof-certificates/1", "trusted": {}, "certificates": [CERTIFICATE] * n}
        ),
    ),
    "steps": (
        follow,
        lambda n: (
            "p cnf 2 3\n1 2 0\n1 -2 0\n-1 0\n",
            "".join(f"{4 + i} 1 2 0 1 0\n" for i in range(n)) + f"{4 + n} 0 3 1 2 0\n",
        ),
    ),
    "hints": (
        follow,
        lambda n: ("p cnf 2 3\n1 2 0\n1 -2 0\n-1 0\n", f"4 2 0 {'3 ' * n}1 0\n5 0 3 2 1 0\n"),
    ),
    "clauses": (follow, lambda n: (f"p cnf 2 {n + 3}\n" + "1 2 0\n" * n + "1 2 0\n1 -2 0\n-1 0\n", "")),
    "a number": (number(0, 10), lambda n: "1" * n),
    "a name": (one_line, lambda n: "a\x1b\udc80\u202e" * n),
    "a name in a page": (markup, lambda n: "a\x1b<\n" * n),
    "a name in a command": (shell_word, lambda n: "a\x1b'\\" * n),
}


@pytest.mark.parametrize("name", CASES)
def test_linear(name: str) -> None:
    """Of four times as much it does no more than four times as much, and a little."""
    read, make = CASES[name]
    once, twice, again = (operations(read, make(size)) for size in (400, 800, 1600))
    assert twice <= MOST * once + 200
    assert again <= MOST * twice + 200


def counting(numbers: list[int]) -> None:
    """Counts each in all."""
    for each in numbers:
        numbers.count(each)


def splitting(text: str) -> None:
    """Splits all that is left, time and again."""
    while text:
        text.split(",")
        text = text[1:]


def comparing(numbers: list[int]) -> None:
    """Looks at each with each."""
    for each in numbers:
        for other in numbers:
            hash((each, other))


@pytest.mark.parametrize(
    ("read", "make"),
    [
        (counting, lambda n: list(range(n))),
        (splitting, lambda n: "x," * n),
        (comparing, lambda n: list(range(n))),
    ],
)
def test_what_is_not_linear_is_seen(read: Reader, make: Callable[[int], Any]) -> None:
    """In a list's method, in a text's, and in lines."""
    once, again = (operations(read, make(size)) for size in (400, 800))
    assert again > 3 * once
