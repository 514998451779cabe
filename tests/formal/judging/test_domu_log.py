"""What libxenguest and its guests print of a domU: read through all the noise of a paste, and judged."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from domu_cases import FIELD, LINUX, MIB
from log_disguises import DISGUISES
from log_rules import LOGS
from ptproof.formal.edge.errors import InputError
from ptproof.formal.judging.check_log import Outcome
from ptproof.formal.judging.domu_log import judge_log
from ptproof.formal.judging.domu_records import DomuJudgement
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT
from ptproof.formal.machine.domu import BEFORE_4_7
from ptproof.formal.machine.domu_layout import lay_out_domu, printed
from run_cli import run

BUILDER = (FIELD / "domu-builder.log").read_text()
BOTH = (FIELD / "domu-builder-and-guest.log").read_text()
EC2 = (FIELD / "mini-os-ec2.log").read_text()


def only(text: str | bytes) -> DomuJudgement:
    """The judgement on the one domU of a log."""
    (judged,) = judge_log(text, "x.log")
    return judged


def differing(text: str) -> set[str]:
    """The figures of a log that differ."""
    return {each.figure for each in only(text).compared if not each.agrees}


@pytest.mark.parametrize(("text", "count", "name"), [(BUILDER, 7, None), (BOTH, 7, "d2"), (EC2, 25, None)])
def test_logs_of_the_field(text: str, count: int, name: str | None) -> None:
    """Each agrees with libxenguest's steps, figure by figure."""
    judged = only(text)
    assert judged.outcome is Outcome.AGREES
    assert (judged.record.nr_pt_frames, judged.record.width, judged.record.name) == (count, 64, name)
    assert all(each.agrees for each in judged.compared)
    assert judged.record.first_unmapped == (0x800000 if count == 7 else 0x2C00000)


def test_a_guest_is_held_against_its_builder() -> None:
    """What the guest was told is what the builder printed, or it differs."""
    assert len(only(BOTH).compared) == len(only(BUILDER).compared) + 4
    assert differing(BOTH.replace("nr_pt_frames: 0x7", "nr_pt_frames: 0x8")) == {"nr_pt_frames"}
    assert differing(BOTH.replace("start_info: 0x575000", "start_info: 0x574000")) == {"start_info"}


@pytest.mark.parametrize(
    ("old", "new", "figures"),
    [
        ("page tables  : 0x578000 -> 0x57f000", "page tables  : 0x578000 -> 0x580000", {"nr_pt_frames"}),
        ("page tables  : 0x578000 -> 0x57f000", "page tables  : 0x579000 -> 0x580000", {"pt_base"}),
        ("virt_pgtab_end : 0x800000", "virt_pgtab_end : 0xc00000", {"first_unmapped"}),
        ("virt_alloc_end : 0x580000", "virt_alloc_end : 0x581000", {"virt_alloc_end"}),
        ("boot stack   : 0x57f000", "boot stack   : 0x580000", {"boot stack"}),
        ("phys2mach    : 0x567000", "phys2mach    : 0x568000", {"phys2mach"}),
        ("4 table(s)", "5 table(s)", {"L1 tables"}),
    ],
)
def test_an_altered_figure_differs(old: str, new: str, figures: set[str]) -> None:
    """By the figure that was altered."""
    assert differing(BUILDER.replace(old, new)) == figures


@pytest.mark.parametrize(
    "name", [each for each in DISGUISES if each not in ("xl console", "capitals in hex")]
)
def test_in_disguise(name: str) -> None:
    """However it was handed on, it says what it said."""
    plain = only(BUILDER)
    judged = only(DISGUISES[name](BUILDER))
    assert judged.compared == plain.compared
    assert judged.record.virt_base == plain.record.virt_base


def test_the_width_by_the_figures() -> None:
    """Where no line tells it, the size of a p2m's entry does, or the levels that were counted."""
    assert "8 bytes a page" in only(EC2).notes[0]
    narrow = EC2.replace("0x2790000(VA)", "0x1890000(VA)").replace("0x2793000", "0x1893000")
    judged = only(narrow.replace("0x19", "0x12").replace("0x2c00000", "0x1c00000"))
    assert judged.record.width == 32
    assert "4 bytes a page" in judged.notes[0]
    untyped = re.sub("xen-3.0-x86_64", "?", BUILDER)
    assert only(untyped).notes[0] == "width: 64 bits: count_pgtables has an L3 to count below the top"


@pytest.mark.parametrize("changes", [{}, {"mod_start_pfn": False}, {"init_p2m": None}])
def test_what_the_machine_prints_agrees(changes: dict[str, Any]) -> None:
    """A Linux's builder, with an initrd that is mapped or not, and a p2m of its own or in the region."""
    given = evolve(LINUX, **changes)
    text = (
        f"xc:     virt_base = {given.virt_base:#x}\nxc:     p2m_base = {given.init_p2m or ADDRESS_LIMIT - 1:#x}\n"
        f"xc_dom_mem_init: {given.nr_pages:#x} pages\n" + "\n".join(printed(lay_out_domu(given)))
    )
    judged = only(text)
    assert judged.outcome is Outcome.AGREES
    assert "module0" in {each.figure for each in judged.compared}


def test_a_toolstack_before_4_7() -> None:
    """A PAE domain got fewer L2 then; that is told as older, and every figure agrees with it."""
    given = Configuration(mode=COMPAT, kernel=Segment(0, 5 * MIB), nr_pages=64 << 8)
    layout = lay_out_domu(given, BEFORE_4_7)
    judged = only("x86_compat: guest xen-3.0-x86_32p\n" + "\n".join(printed(layout)))
    assert judged.outcome is Outcome.OLDER
    assert only("\n".join(printed(layout))).record.width == 32


def test_several_domus_and_a_dom0() -> None:
    """Each is told apart; what libelf says of dom0 is nobody else's."""
    both = judge_log(f"(XEN)     virt_base        = 0xffffffff80000000\n{BUILDER}{EC2}{BOTH}", "x")
    assert [each.record.nr_pt_frames for each in both] == [7, 25, 7]
    assert [each.record.virt_base for each in both] == [0, 0, 0]
    assert [each.record.name for each in both] == [None, None, "d2"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "virt_base = 0x0\n",
        (LOGS / "011.log").read_text(),
        BUILDER.partition("page tables")[0],
        "pt_base: 0x1000",
    ],
)
def test_no_domu(text: str) -> None:
    """A dom0's log, a builder that didn't come to the tables, and a part of a start_info say nothing of one."""
    assert judge_log(text, "x") == ()


def test_a_guest_whose_region_begins_nobody_knows_where() -> None:
    """Far up, the start of the region isn't told by the guest alone."""
    far = EC2.replace("0x2793000", "0xffffffff82793000")
    with pytest.raises(
        InputError, match=r"x: line 5: expected the builder's lines beside a start_info with pt_base"
    ):
        judge_log(far, "x")


def test_by_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A dom0's boot and a domU's in one file are both judged; a kind of domain without a region is out of scope."""
    path = tmp_path / "both.log"
    path.write_text((LOGS / "011.log").read_text() + BOTH)
    ran = run(capsys, "check-log", "--quiet", str(path))
    assert (ran.status, ran.err) == (0, "")
    assert [line.split(": ")[1] for line in ran.lines[:2]] == ["AGREES", "d2"]
    plain = json.loads(run(capsys, "check-log", "--json", "-", str(path)).out)
    assert (len(plain["boots"]), len(plain["domus"])) == (1, 1)
    assert {each["figure"]: each["found"] for each in plain["domus"][0]["findings"]}["L1 tables"] == 4
    path.write_text(json.dumps({"log": BUILDER}))
    assert run(capsys, "check-log", "--quiet", str(path)).status == 0


@pytest.mark.parametrize("memory", [0x500, 0x700])
def test_a_builder_that_refuses(capsys: pytest.CaptureFixture[str], tmp_path: Path, memory: int) -> None:
    """What libxenguest said is told, with its line: the words that the machine has for the same domain."""
    refused = lay_out_domu(Configuration(kernel=Segment(0, 0x566638), nr_pages=memory)).refused
    path = tmp_path / "xl.log"
    path.write_text(
        f"{BUILDER.partition('count_pgtables')[0]}\nxc: error: panic: xg_dom_core.c:494: {refused}: Out of memory\n"
    )
    ran = run(capsys, "check-log", str(path))
    assert ran.status == 2
    assert "boots" not in ran.out
    assert re.fullmatch(
        rf"ptproof: .*xl.log: line \d+: libxenguest refuses the domU: {re.escape(str(refused))}\n", ran.err
    )


@pytest.mark.parametrize(("name", "kind"), [("hvm.log", "HVM"), ("panic-pvh.log", "PVH")])
def test_domains_without_a_region(capsys: pytest.CaptureFixture[str], name: str, kind: str) -> None:
    """HVM and PVH are told as what they are; where nothing else is in the file, nothing could be checked."""
    ran = run(capsys, "check-log", str(FIELD / name))
    assert ran.status == 2
    assert f"OUT OF SCOPE: a domain of the kind {kind}" in ran.lines[-1]
    assert all(": panic: note: " in line for line in ran.lines[:-1])
    beside = run(capsys, "check-log", "--quiet", str(FIELD / name), str(LOGS / "011.log"))
    assert (beside.status, beside.lines[-1]) == (0, "2 boots: agrees 1, out of scope 1")
    assert len(beside.lines) == 3
