"""What the judge of boot logs promises."""

import json
import quopri
import re
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from log_rules import INDEX, LOGS, RULES
from ptproof.formal.edge.errors import InputError
from ptproof.formal.judging.check_log import Judgement, Kind, Outcome, as_dict, as_lines, check_boot
from ptproof.formal.layouts.arrangement import LABELS, arrangement
from ptproof.formal.layouts.layout import Layout, Segment
from ptproof.formal.layouts.paging import PAGE_SIZE
from ptproof.formal.logs.boot_log import Boot
from ptproof.formal.logs.boot_log_reader import read_boots, read_log

TEXTS = {name: (LOGS / name).read_text() for name in INDEX}
RULE_OF = {"032.log": "i386 PAE Xen", "033.log": "compat, L4 counted"}
OUTCOME_OF = {"031.log": Outcome.INCOMPLETE, "032.log": Outcome.OLDER, "033.log": Outcome.OLDER}


def judged(data: bytes | str) -> Judgement:
    (boot,) = read_boots(data, "x.log")
    return check_boot(boot, RULES)


def boot_of(name: str) -> Boot:
    return read_log(LOGS / name)[0]


def as_any(figures: dict[str, Any]) -> dict[str, Any]:
    """Fields by name, of which the type checker can't know the types."""
    return figures


def gist(judgement: Judgement) -> object:
    """A judgement without where it was found."""
    shown = as_dict(judgement)
    findings = [(each["kind"], each["figure"], each["message"]) for each in shown["findings"]]
    return {**shown, "file": 0, "line": 0, "domain": 0, "findings": findings}


@pytest.mark.parametrize("name", INDEX)
def test_field_logs(name: str) -> None:
    """Every log of the field agrees: by today's rule, or by the older one that its Xen had."""
    judgement = judged(TEXTS[name])
    assert judgement.outcome is OUTCOME_OF.get(name, Outcome.AGREES)
    assert judgement.status == 0
    assert judgement.width == INDEX[name]["width"]
    assert judgement.nr_pt_pages == INDEX[name].get("nr_pt_frames", 37)
    assert judgement.rule is not None
    assert judgement.rule.name == RULE_OF.get(name, "4-level")
    notes = [each.message for each in judgement.findings if each.kind is Kind.NOTE]
    assert [each.startswith("the builder uses") for each in notes] == [True] * (name in RULE_OF)
    assert not [each for each in judgement.findings if each.kind in (Kind.DIFFERS, Kind.MALFORMED)]


def test_older_count_is_named() -> None:
    """A count with the L4 in it is recognised as such, one more than today's, and not called a mismatch."""
    (count,) = [each for each in judged(TEXTS["033.log"]).findings if "n = " in each.message]
    assert count.message.startswith("n = 12 (0xc) by the rule 'compat, L4 counted'")
    assert count.message.endswith("'compat' gives 11, 1 fewer")


@pytest.mark.parametrize("version", ["4.8.3", "4.2.1", "4.3-unstable"])
def test_older_count_needs_an_older_xen(version: str) -> None:
    """A count that only an older Xen could print differs when the log shows a later one; whose it is is told."""
    judgement = check_boot(evolve(boot_of("033.log"), xen_version=version), RULES)
    assert judgement.outcome is Outcome.DIFFERS
    (differs,) = [each.message for each in judgement.findings if each.kind is Kind.DIFFERS]
    assert "1 (0x1) too many: expected 11 (0xb) by the rule 'compat'" in differs
    assert "'compat, L4 counted' (Xen 3.1 to 4.1.6.1 and 4.2.0) gives 12" in differs


@pytest.mark.parametrize("version", ["3.4.1-rc7", "4.1.5-pre", "4.2.0", "3.1"])
def test_todays_count_needs_a_later_xen(version: str) -> None:
    """Today's count differs when the log shows a Xen that counted otherwise."""
    boot = boot_of("033.log")
    assert boot.page_tables is not None
    assert boot.boot_stack is not None
    today = evolve(
        boot,
        xen_version=version,
        page_tables=Segment(boot.page_tables.start, boot.page_tables.end - PAGE_SIZE),
        boot_stack=Segment(boot.boot_stack.start - PAGE_SIZE, boot.boot_stack.end - PAGE_SIZE),
    )
    judgement = check_boot(today, RULES)
    assert judgement.outcome is Outcome.DIFFERS
    (differs,) = [each.message for each in judgement.findings if each.kind is Kind.DIFFERS]
    assert "n = 11 (0xb) is 1 (0x1) too few: expected 12 (0xc) by the rule 'compat, L4 counted'" in differs
    assert judgement.suspects == ("nr_pt_pages",)


@pytest.mark.parametrize("version", ["3.4.1-rc7", "4.1.5-pre", "4.2.0", "4.2"])
def test_an_older_count_of_its_own_xen(version: str) -> None:
    """The count of an older Xen is right in a log of that Xen, and still called by its rule."""
    judgement = check_boot(evolve(boot_of("033.log"), xen_version=version), RULES)
    assert judgement.outcome is Outcome.OLDER
    assert judgement.rule is not None
    assert judgement.rule.name == "compat, L4 counted"


def test_cut_short() -> None:
    """A cut log says what wasn't checked, and that the region's start was inferred."""
    lines = as_lines(judged(TEXTS["031.log"]))
    assert any(
        "x.log:4: Page tables: agrees: n = 37" in line and "inferred as virt_kstart" in line for line in lines
    )
    assert any("Boot stack: not checked" in line for line in lines)
    assert lines[-1].startswith("x.log:1: INCOMPLETE: n = 37")


def test_no_start_can_be_inferred() -> None:
    """Where virtual and physical addresses are the same, a cut log says nothing of the region's start."""
    text = "\n".join(line for line in TEXTS["026.log"].splitlines() if "TOTAL" not in line)
    judgement = judged(text)
    assert judgement.outcome is Outcome.INCOMPLETE
    assert any("doesn't say where the region starts" in each.message for each in judgement.findings)


def test_nothing_to_check() -> None:
    """A boot of which nothing can be checked gives status 2."""
    judgement = judged("(XEN)  Dom0 alloc.:   0000000440000000->0000000448000000\n")
    assert (judgement.outcome, judgement.status) == (Outcome.INCOMPLETE, 2)


def test_malformed_is_status_2() -> None:
    """A figure that can't be read is a finding with its line, and status 2."""
    judgement = judged(TEXTS["030.log"].replace("2f1000->", "2f10g0->"))
    assert judgement.status == 2
    assert judgement.outcome is Outcome.INCOMPLETE
    (malformed,) = [each for each in judgement.findings if each.kind is Kind.MALFORMED]
    assert malformed.line == 33


@pytest.mark.parametrize(
    ("gone", "width", "how"),
    [
        ((), 64, "Dom0 kernel"),
        (("Dom0 kernel",), 64, "8 bytes for each page"),
        (("Dom0 kernel", "Phys-Mach"), 64, "number of page tables"),
        (("Dom0 kernel", "Phys-Mach", "Page tables"), 64, "assumed"),
    ],
)
def test_width(gone: tuple[str, ...], width: int, how: str) -> None:
    """The guest's width is taken from the best evidence left, and it is said which."""
    lines = [line for line in TEXTS["030.log"].splitlines() if not any(each in line for each in gone)]
    judgement = judged("\n".join(lines))
    assert judgement.width == width
    assert how in judgement.width_from


def test_width_of_compat() -> None:
    """A 32-bit guest on 64-bit Xen is known by the size of its p2m's entries too."""
    lines = [line for line in TEXTS["033.log"].splitlines() if "Dom0 kernel" not in line]
    assert judged("\n".join(lines)).width_from == "from the p2m, which has 4 bytes for each page"


# What the log alone doesn't tell apart from a sound one, with the reason.
UNTOLD = {
    "031.log": "it has four lines",
    "032.log kernel": "up to 3.0 the kernel's line may leave out a symbol table",
    "032.log initrd.start": "up to 3.0 the kernel's line may leave out a symbol table",
    "036.log kernel.start": "no line on the image",
    "038.log kernel.start": "no line on the image",
    "026.log total.start": "virtual and physical addresses are the same",
    "032.log total.start": "no line on the image",
    "036.log total.start": "no line on the image",
    "038.log total.start": "no line on the image",
}


def altered() -> Iterator[tuple[str, str, str, int]]:
    """Each end of each segment that a log has, a page up and a page down, where the log can tell."""
    for name in INDEX:
        boot = boot_of(name)
        for figure in ("kernel", "initrd", "p2m", "start_info", "page_tables", "boot_stack", "total"):
            segment = boot.segment(figure)
            for end in ("start", "end"):
                told = not any(f"{name} {figure}.{end}".startswith(each) for each in UNTOLD)
                if told and segment is not None and segment.size:
                    yield from ((name, figure, end, by) for by in (-PAGE_SIZE, PAGE_SIZE))


@pytest.mark.parametrize(("name", "figure", "end", "by"), list(altered()))
def test_altered_by_a_page(name: str, figure: str, end: str, by: int) -> None:
    """One end of a segment, off by a page, makes a sound log differ, and that segment is named."""
    boot = boot_of(name)
    segment = boot.segment(figure)
    assert segment is not None
    moved = evolve(segment, **{end: (getattr(segment, end) + by) % (1 << 64)})
    judgement = check_boot(evolve(boot, **as_any({figure: moved})), RULES)
    assert judgement.outcome is Outcome.DIFFERS
    assert judgement.status == 1
    named = {each.figure for each in judgement.findings if each.kind is Kind.DIFFERS}
    assert figure in named | {each.partition(".")[0] for each in judgement.suspects}


SOUND = [name for name in INDEX if INDEX[name]["complete"]]


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("by", [-1, 1])
def test_count_off_by_one(name: str, by: int) -> None:
    """One page table more or less, all that follows moved along, differs in the count: by how many is said."""
    boot = boot_of(name)
    assert boot.page_tables is not None
    assert boot.boot_stack is not None
    moved = evolve(
        boot,
        page_tables=Segment(boot.page_tables.start, boot.page_tables.end + by * PAGE_SIZE),
        boot_stack=Segment(boot.boot_stack.start + by * PAGE_SIZE, boot.boot_stack.end + by * PAGE_SIZE),
    )
    judgement = check_boot(moved, RULES)
    if (name, by) == ("033.log", -1):
        # One less than a count with the L4 in it is just what Xen prints today.
        assert judgement.rule is not None
        assert judgement.rule.name == "compat"
        return
    assert judgement.outcome is Outcome.DIFFERS
    assert "nr_pt_pages" in judgement.suspects
    (count,) = [
        each for each in judgement.findings if each.kind is Kind.DIFFERS and each.figure == "page_tables"
    ]
    # The count with the L4 in it is one more than today's to begin with.
    off = 2 if name == "033.log" else 1
    assert f"{off} (0x{off}) too {'many' if by > 0 else 'few'}: expected " in count.message
    assert count.line == boot.lines["page_tables"]


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("by", [-(4 << 20), 4 << 20])
def test_total_off_by_4_mib(name: str, by: int) -> None:
    """A region that ends 4 MiB too high or too low differs in its end alone."""
    boot = boot_of(name)
    assert boot.total is not None
    judgement = check_boot(evolve(boot, total=Segment(boot.total.start, boot.total.end + by)), RULES)
    assert judgement.suspects == ("total.end",)
    assert f"end {boot.total.end + by:#x} is 0x400000 too {'high' if by > 0 else 'low'}" in "".join(
        each.message for each in judgement.findings if each.figure == "total"
    )


@pytest.mark.parametrize("name", SOUND)
def test_stack_missing(name: str) -> None:
    """A boot stack of zeros, or of no size, differs, and the stack is named."""
    boot = boot_of(name)
    assert boot.boot_stack is not None
    for stack in (Segment(0, 0), Segment(boot.boot_stack.start, boot.boot_stack.start)):
        judgement = check_boot(evolve(boot, boot_stack=stack), RULES)
        assert judgement.outcome is Outcome.DIFFERS
        assert {each.figure for each in judgement.findings if each.kind is Kind.DIFFERS} == {"boot_stack"}


@pytest.mark.parametrize("name", SOUND)
def test_p2m_moved(name: str) -> None:
    """A p2m with an entry more than dom0 has pages differs, and the p2m is named."""
    boot = boot_of(name)
    assert boot.p2m is not None
    entry = 4 if INDEX[name]["width"] == 32 else 8
    judgement = check_boot(evolve(boot, p2m=Segment(boot.p2m.start, boot.p2m.end + entry)), RULES)
    assert judgement.outcome is Outcome.DIFFERS
    assert "p2m.end" in judgement.suspects


def quoted_printable(text: str) -> str:
    """The text as a mail has it."""
    return quopri.encodestring(text.encode(), quotetabs=False).decode()


TRANSFORMATIONS: dict[str, Callable[[str], str]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR CR LF": lambda text: text.replace("\n", "\r\r\n"),
    "old Mac": lambda text: text.replace("\n", "\r"),
    "quoted": lambda text: "".join(f"> {line}" for line in text.splitlines(keepends=True)),
    "quoted twice": lambda text: "".join(f">> | {line}" for line in text.splitlines(keepends=True)),
    "time": lambda text: "".join(
        f"[2025-02-16 21:56:40.337] {line}" for line in text.splitlines(keepends=True)
    ),
    "uptime": lambda text: "".join(f"[    0.123456] {line}" for line in text.splitlines(keepends=True)),
    "journal": lambda text: "".join(
        f"Feb 16 21:56:40 host xl[12]: {line}" for line in text.splitlines(keepends=True)
    ),
    "no prefix": lambda text: text.replace("(d2) ", "").replace("(XEN) ", ""),
    "domain": lambda text: text.replace("(XEN)", "(d12) (XEN)"),
    "colour": lambda text: text.replace("(XEN)", "\x1b[1;32m(XEN)\x1b[0m"),
    "NULs": lambda text: text.replace("0000", "00\x0000"),
    "not UTF-8": lambda text: "caf\udce9\n" + text,
    "HTML": lambda text: text.replace("->", "-&gt;"),
    "arrow": lambda text: text.replace("->", "\N{RIGHTWARDS ARROW}"),
    "upper case": lambda text: re.sub("[0-9a-f]{16}", lambda found: found[0].upper(), text),
    "wrapped": lambda text: text.replace(" pages to be", "\npages to be").replace(":   ", ":\n"),
    "wrapped and quoted": lambda text: "".join(
        f"> {line}" for line in text.replace(" pages to be", "\npages to be").splitlines(keepends=True)
    ),
    "blank lines": lambda text: text.replace("\n", "\n\n"),
    "no end of line": lambda text: text.rstrip("\n"),
    "more lines": lambda text: text.replace("\n", "\n(XEN) something else: 0000000000001000\n"),
    "long line": lambda text: "x" * 300_000 + "\n" + text,
    "quoted-printable": quoted_printable,
    "quoted-printable, spaces that don't break": lambda text: quoted_printable(text.replace("  ", "\xa0 ")),
    "quoted-printable, quoted": lambda text: quoted_printable(
        "".join(f"> > {line}" for line in text.splitlines(keepends=True))
    ),
    "quoted-printable, quoted after that": lambda text: "".join(
        f"> {line}" for line in quoted_printable(text).splitlines(keepends=True)
    ),
    "quoted-printable, CRLF": lambda text: quoted_printable(text).replace("\n", "\r\n"),
    "UTF-16": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "one space": lambda text: re.sub("(?<=\\S) +", " ", text),
    "tabs": lambda text: text.replace("  ", "\t"),
    "syslog": lambda text: text.replace("\n", "#015\n"),
    "carets": lambda text: text.replace("\n", "^M\n"),
    "written out": lambda text: text.replace("\n", "\\n"),
    "page": lambda text: text.replace("->", "-&gt;").replace(" ", "&nbsp;").replace("\n", "<br>\n"),
    "dash": lambda text: text.replace("->", "\N{MINUS SIGN}>"),
    "twice": lambda text: "".join(line + line for line in text.splitlines(keepends=True)),
    "twice, once with time": lambda text: "".join(
        f"{line}[    0.123456] {line}" for line in text.splitlines(keepends=True)
    ),
    "numbered domain": lambda text: text.replace("Dom0", "Dom7"),
}


@pytest.mark.parametrize("how", TRANSFORMATIONS)
@pytest.mark.parametrize("name", INDEX)
def test_as_people_paste_them(name: str, how: str) -> None:
    """What mailers, consoles and editors do to a log leaves its judgement as it was."""
    pasted = TRANSFORMATIONS[how](TEXTS[name])
    assert gist(judged(pasted.encode("utf-8", "surrogateescape"))) == gist(judged(TEXTS[name]))


@pytest.mark.parametrize("width", [60, 64, 66, 68, 72, 76, 80])
@pytest.mark.parametrize("name", [name for name in INDEX if name not in {"013.log", "024.log"}])
def test_console_of_fixed_width(name: str, width: int) -> None:
    """A console that breaks lines anywhere, within addresses and words, leaves the judgement as it was."""
    lines = TEXTS[name].splitlines()
    broken = "\n".join(line[at : at + width] for line in lines for at in range(0, len(line), width))
    assert gist(judged(broken)) == gist(judged(TEXTS[name]))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(SOUND), min_size=1, max_size=5))
def test_concatenated(names: list[str]) -> None:
    """Several boots in one file are judged as each by itself."""
    boots = read_boots("".join(TEXTS[name] for name in names), "x.log")
    assert [gist(check_boot(boot, RULES)) for boot in boots] == [gist(judged(TEXTS[name])) for name in names]


@pytest.mark.parametrize("name", INDEX)
def test_lines_missing(name: str) -> None:
    """A log is never accused for lines that are missing, be it one, any two, or all from some point on."""
    lines = TEXTS[name].splitlines(keepends=True)
    some = [*combinations(range(len(lines)), 1), *combinations(range(len(lines)), 2)]
    texts = ["".join(line for at, line in enumerate(lines) if at not in gone) for gone in some]
    texts += [TEXTS[name][:at] for at in range(0, len(TEXTS[name]), 3)]
    outcomes = set()
    for text in texts:
        try:
            boots = read_boots(text, "x.log")
        except InputError:
            continue
        outcomes |= {check_boot(boot, RULES).outcome for boot in boots}
    assert Outcome.DIFFERS not in outcomes
    assert Outcome.INCOMPLETE in outcomes


def shim(rings: bool = True) -> Layout:
    """The layout of a small PV shim guest: a kernel at 1 MiB, 241755 pages."""
    start_info = 0x2EB000
    above = 2 * PAGE_SIZE * rings
    tables = start_info + PAGE_SIZE + above
    return Layout(
        kernel=Segment(0x100000, 0x112000),
        p2m=Segment(0x112000, 0x2EA2D8),
        start_info=Segment(start_info, start_info + 0x490),
        xenstore=Segment(start_info + PAGE_SIZE, start_info + 2 * PAGE_SIZE) if rings else None,
        console=Segment(start_info + 2 * PAGE_SIZE, start_info + 3 * PAGE_SIZE) if rings else None,
        page_tables=Segment(tables, tables + 5 * PAGE_SIZE),
        boot_stack=Segment(tables + 5 * PAGE_SIZE, tables + 6 * PAGE_SIZE),
        total=Segment(0, 0x400000),
    )


def test_shim() -> None:
    """The PV shim's two pages stand between start info and page tables."""
    text = arrangement(shim(), entry=0x100000)
    assert judged(text).outcome is Outcome.AGREES
    moved = text.replace("2ec000->00000000002ed000", "2ed000->00000000002ee000")
    assert moved != text
    assert {"xenstore", "console"} & {each.partition(".")[0] for each in judged(moved).suspects}


def test_end_of_memory() -> None:
    """A region that ends at 2**64 prints its end as 0, and agrees."""
    tables = (1 << 64) - (2 << 20)
    layout = Layout(
        kernel=Segment((1 << 64) - (4 << 20), (1 << 64) - (3 << 20)),
        p2m=Segment((1 << 64) - (3 << 20), tables - PAGE_SIZE),
        start_info=Segment(tables - PAGE_SIZE, tables - PAGE_SIZE + 0x4B8),
        page_tables=Segment(tables, tables + 5 * PAGE_SIZE),
        boot_stack=Segment(tables + 5 * PAGE_SIZE, tables + 6 * PAGE_SIZE),
        total=Segment((1 << 64) - (4 << 20), 0),
    )
    judgement = judged(arrangement(layout, entry=(1 << 64) - (4 << 20)))
    assert judgement.outcome is Outcome.AGREES
    assert judgement.nr_pt_pages == 5


def test_kernel_not_page_aligned() -> None:
    """A kernel may start and end within a page; what follows starts at the next."""
    text = arrangement(shim(rings=False)).replace("100000->0000000000112000", "100234->0000000000111ff1")
    assert judged(text.replace("2eb490", "2eb4b8")).outcome is Outcome.AGREES


def test_xen_2() -> None:
    """Xen 2.0 has its start info after the page tables, and two levels of them."""
    text = """
 Loaded kernel: c0100000->c0305000
 Init. ramdisk: c0305000->c0305000
 Phys-Mach map: c0305000->c0325000
 Page tables:   c0325000->c0327000
 Start info:    c0327000->c0328000
 Boot stack:    c0328000->c0329000
 TOTAL:         c0000000->c0400000
 ENTRY ADDRESS: c0100000
"""
    judgement = judged(text)
    assert judgement.outcome is Outcome.OLDER
    assert judgement.rule is not None
    assert judgement.rule.name == "2-level"


@pytest.mark.parametrize(
    ("end", "by"), [("2eb4c0", "0x8 too many"), ("2eb48c", "0x4 too few"), ("2eb46c", "0x24 too few")]
)
def test_unknown_start_info_size(end: str, by: str) -> None:
    """A start info of a size that no Xen of that width has had differs, from the nearest that one has had."""
    judgement = judged(TEXTS["030.log"].replace("2eb4b8", end))
    assert judgement.outcome is Outcome.DIFFERS
    (differs,) = [each for each in judgement.findings if each.kind is Kind.DIFFERS]
    assert differs.figure == "start_info"
    assert by in differs.message
    assert judgement.suspects == ("start_info.end",)


def test_start_info_of_another_version() -> None:
    """A size that only other Xens have had is noted; one that none has is compared with that of the log's Xen."""
    boot = evolve(boot_of("026.log"), xen_version="4.17.5")
    noted = [each.message for each in check_boot(boot, RULES).findings if each.kind is Kind.NOTE]
    assert noted == ["0x4a4 bytes, although the log is of Xen 4.17.5"]
    assert boot.start_info is not None
    odd = evolve(boot, start_info=Segment(boot.start_info.start, boot.start_info.end + 12))
    (message,) = [each.message for each in check_boot(odd, RULES).findings if each.kind is Kind.DIFFERS]
    assert (
        message == "0x4b0 bytes, which no Xen has had, are 0x8 too few: expected 0x4b8 (Xen 4.13 and later)"
    )


def test_as_dict() -> None:
    """The dictionary is plain JSON in a stable order, its addresses hex strings."""
    shown = as_dict(judged(TEXTS["033.log"]))
    assert json.loads(json.dumps(shown)) == shown
    assert shown["page_tables"] == INDEX["033.log"]["page_tables"]
    assert list(shown) == list(as_dict(judged(TEXTS["031.log"])))


def test_as_lines() -> None:
    """The text has one line for each finding, each with file and line, and the verdict last."""
    judgement = judged(TEXTS["030.log"])
    lines = as_lines(judgement)
    assert len(lines) == len(judgement.findings) + 2
    assert all(line.startswith("x.log:") and line.split(":")[1].isdigit() for line in lines)
    assert lines[-1] == "x.log:14: AGREES: n = 5 by the rule '4-level' (Xen 3.0 to today), 64 bits"


words = st.integers(0, (1 << 64) - 1) | st.sampled_from([0, 1, (1 << 64) - 1, 1 << 32, 0xFFFFFFFF80000000])
segments = st.none() | st.builds(Segment, words, words)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(
    st.fixed_dictionaries(dict.fromkeys([*LABELS, "paddr", "alloc", "initrd_image"], segments)),
    st.none() | words,
    st.sampled_from([None, 32, 64]),
)
def test_any_figures(figures: dict[str, Segment | None], number: int | None, width: int | None) -> None:
    """Any figures at all are judged, quickly and without an exception."""
    boot = Boot(
        source="x", line=1, width=width, pages_to_be_allocated=number, virt_base=number, **as_any(figures)
    )
    began = time.process_time()
    assert as_lines(check_boot(boot, RULES))[-1].startswith("x:1: ")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("009.log", "the least power of two for a region of 0x16400000, less the initrd"),
        ("001.log", "the least power of two for a region of 0x3c00000"),
    ],
)
def test_what_the_allocation_holds(name: str, says: str) -> None:
    """A mapped initrd has pages of its own, and the line says that they are taken off."""
    (found,) = [each for each in judged(TEXTS[name]).findings if each.figure == "alloc"]
    assert found.message.endswith(f": {says}")


@pytest.mark.parametrize("name", INDEX)
def test_what_is_incomplete_says_why(name: str) -> None:
    """A line that can't be read makes a log incomplete, and no verdict says that nothing is missing."""
    damaged = re.sub(r"(Dom0 alloc\.: +)[0-9a-f]+", r"\1zzzz", TEXTS[name])
    verdict = judged(damaged).verdict
    assert " 0 couldn't be made" not in verdict
    if damaged != TEXTS[name]:
        assert "1 of the log's lines couldn't be read" in verdict
