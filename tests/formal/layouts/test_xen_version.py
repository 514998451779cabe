"""Older Xens on the frame machine: each by its own facts, against its counting rule and a log of the field."""

from functools import cache
from random import Random
from typing import Any

import pytest
from attrs import evolve
from log_rules import LOGS
from ptproof.encodings.history import RULES
from ptproof.formal.edge.errors import InputError
from ptproof.formal.judging.check_log import check_boot
from ptproof.formal.judging.check_log_builder import builder
from ptproof.formal.judging.check_log_findings import Kind
from ptproof.formal.layouts.layout import Configuration, Layout, Segment
from ptproof.formal.layouts.paging import COMPAT, PAGE_SIZE, TWO_LEVEL, X86_64
from ptproof.formal.layouts.xen_version import (
    XEN_VERSIONS,
    XenVersion,
    asked_version,
    version_of_rule,
    xen_version,
)
from ptproof.formal.logic.verdict import MachineDisagreesError
from ptproof.formal.logs.boot_log import layout_of
from ptproof.formal.logs.boot_log_reader import read_log
from ptproof.formal.machine import two_layouts
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.replay import Report, replay
from ptproof.formal.machine.two_layouts import Disagreement, arranged_by

MIB, GIB = 1 << 20, 1 << 30
RULE = {rule.name: rule for rule in RULES}
EACH = pytest.mark.parametrize("version", XEN_VERSIONS, ids=lambda version: version.name)


def configurations(version: XenVersion, count: int) -> list[Configuration]:
    """Kernels of all sorts, with a start on a page and a region that crosses borders."""
    draw = Random(version.name)
    found = []
    for _ in range(count):
        base = draw.choice((0xC0000000, 0x13ABE000, GIB - PAGE_SIZE, 3 * GIB - 2 * MIB, 0xC0200000))
        size = draw.choice((PAGE_SIZE, 3 * MIB, 80 * MIB)) + draw.randrange(512) * PAGE_SIZE
        kernel = Segment(base, base + size)
        found.append(Configuration(mode=version.mode, virt_base=base, kernel=kernel, nr_pages=4096))
    return found


def built(version: XenVersion, configuration: Configuration) -> tuple[Layout, Report]:
    """The layout of that Xen, and what the machine saw of its tables."""
    layout = arranged_by(version, configuration).layout
    return layout, replay(layout, version=version, generations=())


@cache
def some_built(version: XenVersion) -> list[tuple[Layout, Report]]:
    """The layouts of some kernels."""
    return [built(version, each) for each in configurations(version, 40)]


@EACH
def test_machine_and_rule_agree(version: XenVersion) -> None:
    """The machine walks to the count that the version's rule gives, and takes the frames that the rule says."""
    rule = RULE[version.rule]
    assert rule.consumed is not None
    for layout, report in some_built(version):
        assert layout.nr_pt_pages == rule.nr_pt_pages(layout.v_start, layout.vpt_start)
        assert report.consumed == rule.consumed(layout.v_start, layout.v_end)


@EACH
def test_what_is_left_over(version: XenVersion) -> None:
    """Every page is mapped; the version that counts the L4 leaves its last frame over, the others none."""
    for layout, report in some_built(version):
        assert (report.missing, report.wrong, report.stray, report.stray_tables) == ((), (), (), ())
        left = (layout.nr_pt_pages - 1,) if version.name == "compat-l4-counted" else ()
        assert report.unused == left


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("4-level", ("L4", "L1", "L2", "L3", "L1")),
        ("compat", ("L3", "L1", "L2", "L1", "L1")),
        ("compat-l4-counted", ("L1", "L2", "L3", "L1", "L1")),
        ("i386-pae", ("L3", "L2", "L2", "L2", "L2", "L1")),
        ("2-level", ("L2", "L1", "L1")),
    ],
)
def test_the_order_of_frames(name: str, first: tuple[str, ...]) -> None:
    """What is taken before the first page is mapped, and after it: until 4.2.1 a 32-bit dom0's L3 came third."""
    version = xen_version(name)
    configuration = Configuration(
        mode=version.mode, virt_base=0xC0000000, kernel=Segment(0xC0100000, 0xC0900000), nr_pages=4096
    )
    assert built(version, configuration)[1].order[: len(first)] == first


@pytest.mark.parametrize("version", XEN_VERSIONS, ids=lambda version: version.name)
def test_where_the_region_starts(version: XenVersion) -> None:
    """Xen 3.0 rounds VIRT_BASE down to 4 MiB; later ones take it as it is."""
    kernel = Segment(0xC0301000, 0xC0900000)
    given = Configuration(mode=version.mode, virt_base=0xC0301000, kernel=kernel, nr_pages=4096)
    rounded = version.carried_by.endswith(("3.0", "3.0, i386 without PAE", "2005-02-04"))
    assert arrange(given, version).v_start == (0xC0000000 if rounded else 0xC0301000)


def test_todays_versions_change_nothing() -> None:
    """Asked for by name, today's builder is the one that there is without a name."""
    for name in ("4-level", "compat"):
        version = xen_version(name)
        assert version.current
        for configuration in configurations(version, 5):
            layout = arrange(configuration)
            assert arrange(configuration, version) == layout
            assert replay(layout, version=version) == replay(layout)


def test_every_rule_has_a_version() -> None:
    """No counting rule is without a builder, and each version's rule is there, for the same width."""
    assert {version.rule for version in XEN_VERSIONS} == set(RULE)
    assert all(version.mode.bits == RULE[version.rule].mode.bits for version in XEN_VERSIONS)
    assert version_of_rule("somebody else's") is None


def test_names() -> None:
    """The names that people write stay."""
    assert " ".join(version.name for version in XEN_VERSIONS) == (
        "4-level compat 4-level-3.0 compat-l4-counted i386-pae i386-pae-3.0 2-level 2-level-3.0 first-4-level"
    )
    assert [version.name for version in XEN_VERSIONS if version.current] == ["4-level", "compat"]
    for version in XEN_VERSIONS:
        assert xen_version(version.name) == version
        assert xen_version(version.rule) == version_of_rule(version.rule)
    with pytest.raises(InputError, match=r"expected one of 4-level, .*, found '3\.4'"):
        xen_version("3.4")


@pytest.mark.parametrize(
    ("text", "bits", "rule", "start_info", "current"),
    [
        ("xen-3.0", 64, "4-level", 0x49C, False),
        ("xen-3.1", 64, "4-level", 0x49C, True),
        ("xen-4.0.0", 64, "4-level", 0x4B4, True),
        ("xen-4.12.4", 64, "4-level", 0x4B4, True),
        ("xen-4.13", 64, "4-level", 0x4B8, True),
        ("xen-4.22.0", 64, "4-level", 0x4B8, True),
        ("xen-3.1.4", 32, "compat, L4 counted", 0x49C, False),
        ("xen-4.1.6.1", 32, "compat, L4 counted", 0x4B4, False),
        ("xen-4.2.0", 32, "compat, L4 counted", 0x4B4, False),
        ("xen-4.2.1", 32, "compat", 0x4B4, True),
        ("xen-4.17.5", 32, "compat", 0x4B8, True),
    ],
)
def test_releases(text: str, bits: int, rule: str, start_info: int, current: bool) -> None:
    """A release stands for the builder that it has, with its own start info."""
    version = asked_version(text, bits)
    assert (version.name, version.mode.bits, version.rule) == (text, bits, rule)
    assert version.start_info_bytes == start_info
    named = {"4-level", "compat"} if current else {"4-level-3.0", "compat-l4-counted"}
    anew: Any = {"name": "", "releases": version.releases, "start_info_bytes": 0}
    assert evolve(version, **anew) in [evolve(xen_version(name), **anew) for name in named]


@pytest.mark.parametrize(
    ("text", "bits", "told"),
    [
        ("xen-2.0", 64, "expected xen-3.0 to xen-4.22 for a 64-bit guest, or the name"),
        ("xen-3.0.4", 32, "expected xen-3.1 to xen-4.22 for a 32-bit guest"),
        ("xen-4.23", 64, "found 'xen-4.23'"),
        ("xen-4.2", 32, "expected xen-4.2.0, or a later one such as xen-4.2.1: they differ"),
        ("xen-4", 64, "expected one of 4-level, .*, or a release such as xen-4.0.0, found 'xen-4'"),
        ("4.0.0", 64, "or a release such as xen-4.0.0, found '4.0.0'"),
    ],
)
def test_no_releases(text: str, bits: int, told: str) -> None:
    """A release that had no such builder, or two, or isn't there yet, is refused in a line."""
    with pytest.raises(InputError, match=told):
        asked_version(text, bits)


@pytest.mark.parametrize(
    ("text", "bits", "p2m", "unmapped", "cap"),
    [
        ("xen-3.3", 64, False, False, False),
        ("xen-3.4", 64, True, False, False),
        ("xen-4.0.4", 64, True, False, True),
        ("xen-4.1.0", 64, True, True, True),
        ("xen-4.0", 32, True, False, True),
        ("xen-4.1", 32, True, True, True),
        ("4-level", 64, True, True, True),
        ("compat", 32, True, True, True),
        ("4-level-3.0", 64, False, False, False),
        ("compat-l4-counted", 32, False, False, False),
        ("i386-pae", 32, False, False, False),
        ("2-level", 32, False, False, False),
    ],
)
def test_what_a_version_knows(text: str, bits: int, p2m: bool, unmapped: bool, cap: bool) -> None:
    """A note that isn't known is as one that isn't there; a name stands for what all of its Xens know."""
    version = asked_version(text, bits)
    assert (version.knows("INIT_P2M"), version.knows("MOD_START_PFN")) == (p2m, unmapped)
    assert version.knows("the cap on memory") is cap
    given = evolve(configurations(version, 1)[0], mod_start_pfn=True, init_p2m=1 << 39)
    taken = version.configured(given)
    assert (taken.init_p2m, taken.mod_start_pfn) == (1 << 39 if p2m else None, unmapped)


def test_no_i386_xen_caps_memory() -> None:
    """The newest that have the name i386-pae are of 4.2, which on 64 bits did."""
    assert not xen_version("i386-pae").may_know("the cap on memory")
    assert xen_version("compat-l4-counted").may_know("the cap on memory")


def test_xen_4_0_maps_the_initrd_whatever_the_note_says() -> None:
    """As Xen 4.0.0's own C lays it out: 0x12 frames, where 0x10 would do for an initrd that isn't mapped."""
    given = Configuration(
        mode=COMPAT,
        virt_base=0xC0000000,
        kernel=Segment(0xC0100000, 0xC01BF3DD),
        nr_pages=3651242,
        initrd_len=5504470,
        mod_start_pfn=True,
    )
    for name, count in (("xen-4.0.0", 0x12), ("compat-l4-counted", 0x12), ("xen-4.1.0", 0x10)):
        assert arranged_by(asked_version(name, 32), given).layout.nr_pt_pages == count


def test_the_log_of_3_4_in_full() -> None:
    """Xen 3.4 set 12 frames aside and used 11; frame 11, the last one, is what is left over, at 0xc0937000."""
    (boot,) = read_log(LOGS / "033.log")
    (said,) = builder(boot, RULE["compat, L4 counted"])
    assert said.kind is Kind.NOTE
    assert said.message == (
        "the builder uses 11 of the 12 frames: 1 L3, 4 L2, 6 L1; left over: frame 11 at 0xc0937000"
    )
    assert said in check_boot(boot, RULES).findings
    layout = layout_of(boot, COMPAT)
    assert layout is not None
    version = xen_version("compat-l4-counted")
    assert layout.kernel is not None
    given = Configuration(
        mode=COMPAT, virt_base=0xC0000000, kernel=layout.kernel, initrd_len=0x290C00, nr_pages=32768
    )
    assert arrange(given, version) == layout
    assert arrange(given) != layout


def test_the_log_of_3_0_3_in_full() -> None:
    """Xen 3.0.3 used all of its 17 frames."""
    (boot,) = read_log(LOGS / "032.log")
    (said,) = builder(boot, RULE["i386 PAE Xen"])
    assert said.message == "the builder uses 17 of the 17 frames: 1 L3, 4 L2, 12 L1"


def test_of_todays_rule_nothing_is_said() -> None:
    """Today's builder uses every frame; without a rule nothing is known."""
    (boot,) = read_log(LOGS / "001.log")
    assert not [*builder(boot, RULE["4-level"]), *builder(boot, None)]


def test_frames_taken_above_those_set_aside_are_told() -> None:
    """A log with a frame too few has one table above them."""
    (boot,) = read_log(LOGS / "032.log")
    assert boot.page_tables is not None
    less = Segment(boot.page_tables.start, boot.page_tables.end - PAGE_SIZE)
    (said,) = builder(evolve(boot, page_tables=less), RULE["i386 PAE Xen"])
    assert said.message.endswith("12 L1; 1 more lie above them")


def test_a_rule_that_the_machine_contradicts() -> None:
    """A rule that says another number of frames than the machine takes is no finding on the log, but an error."""
    (boot,) = read_log(LOGS / "033.log")
    wrong = evolve(RULE["compat, L4 counted"], consumed=lambda *_: 12)
    with pytest.raises(MachineDisagreesError, match=r"takes 11 frames, the rule .* says 12"):
        list(builder(boot, wrong))


def test_a_count_that_the_machine_contradicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule whose count isn't what the machine walks to is loud."""
    version = xen_version("2-level")
    wrong = evolve(RULE["2-level"], nr_pt_pages=lambda *_: 99)
    monkeypatch.setattr(two_layouts, "count_rules", lambda: (wrong,))
    configuration = configurations(version, 1)[0]
    assert configuration.mode is TWO_LEVEL
    with pytest.raises(Disagreement, match="99"):
        arranged_by(version, configuration)
    monkeypatch.setattr(two_layouts, "count_rules", tuple)
    with pytest.raises(InputError, match="no counting rule '2-level' is installed"):
        arranged_by(version, configuration)


def test_a_search_that_never_ends() -> None:
    """The first 4-level search doesn't stop for a kernel at -2 GiB, and that is told; for others it is today's."""
    version, base = xen_version("first-4-level"), 2**64 - 2 * GIB
    high = Configuration(mode=X86_64, virt_base=base, kernel=Segment(base, base + MIB), nr_pages=4096)
    with pytest.raises(InputError, match="first-4-level for nr_pt_pages never ends"):
        arranged_by(version, high)
    low = Configuration(mode=X86_64, kernel=Segment(0, MIB), nr_pages=4096)
    assert arranged_by(version, low).layout.nr_pt_pages == arrange(low).nr_pt_pages
