"""What a log's map of the host's memory says of the boots in it."""

from pathlib import Path

import pytest
from ptproof.formal.edge.errors import InputError
from ptproof.formal.judging.check_log import check_boot
from ptproof.formal.judging.check_log_findings import Kind
from ptproof.formal.judging.memory_conflicts import with_maps
from ptproof.formal.layouts.count_rule import count_rules
from ptproof.formal.logs.boot_log_reader import read_boots

FIELD = Path(__file__).parents[2] / "data" / "field"
MAP = """(XEN) Xen-e820 RAM map:
(XEN)  [0000000000000000, 000000000009fbff] (usable)
(XEN)  [0000000000100000, 0000000003ffffff] (usable)
(XEN)  [0000000004000000, 0000000004020fff] (ACPI NVS)
(XEN)  [0000000004021000, 00000000b5b04fff] (usable)
(XEN)  [00000000b5b05000, 00000000b8cd3fff] type 20
"""
ARRANGEMENT = """(XEN) Dom0 alloc.:   0000001010000000->0000001018000000 (1000315 pages to be allocated)
(XEN)  Init. ramdisk: 000000104b57b000->000000104f1ffe72
(XEN) VIRTUAL MEMORY ARRANGEMENT:
(XEN)  Loaded kernel: ffffffff81000000->ffffffff84800000
(XEN)  Phys-Mach map: 0000008000000000->0000008000800000
(XEN)  Start info:    ffffffff84800000->ffffffff848004b8
(XEN)  Page tables:   ffffffff84801000->ffffffff8482a000
(XEN)  Boot stack:    ffffffff8482a000->ffffffff8482b000
(XEN)  TOTAL:         ffffffff80000000->ffffffff84c00000
"""


def notes(text: str) -> list[tuple[str, str]]:
    """What is noted of a log's only boot by its maps."""
    judged = [check_boot(each, count_rules()) for each in read_boots(text, "log")]
    (told,) = with_maps(judged, text)
    return [(each.figure, each.message) for each in told.findings[len(judged[0].findings) :]]


def test_a_host_with_nvs_at_64_mib() -> None:
    """The boots of 2024: dom0's kernel lies over ACPI NVS; the initrd, which can be moved, over what is reserved."""
    kernel, host = notes(MAP + ARRANGEMENT)
    assert kernel[0] == "kernel"
    assert "0x1000000->0x4800000 of dom0's memory lies over 0x4000000->0x4021000" in kernel[1]
    assert "line 4, is ACPI NVS: 132 KiB." in kernel[1]
    assert host == (
        "host",
        "Xen-e820: A kernel built to start at 0x4200000 (CONFIG_PHYSICAL_START), with all else as it is, would lie in RAM.",
    )
    initrd = MAP.replace("00000000b5b04fff] (usable)", "0000000008ffffff] (usable)")
    assert "0x8000000->0xbc84e72" in dict(notes(initrd + ARRANGEMENT))["initrd"]


def test_a_map_after_the_arrangement() -> None:
    """A map that comes later is that of another boot."""
    assert notes(ARRANGEMENT + MAP) == []
    assert notes(ARRANGEMENT) == []


def test_what_a_guest_says() -> None:
    """A guest's arrangement has nothing to do with the host's map."""
    assert notes(MAP + ARRANGEMENT.replace("(XEN)", "(d2) (XEN)")) == []


def test_a_host_that_fits() -> None:
    """A log with a map in which nothing is wrong says so."""
    ((figure, message),) = notes((FIELD / "efi-box.log").read_text())
    assert (figure, message) == ("host", "EFI: every segment of dom0 lies in the host's RAM")


def test_a_range_that_cannot_be() -> None:
    """It is a finding on the file's first boot."""
    judged = [check_boot(each, count_rules()) for each in read_boots(ARRANGEMENT, "log")]
    (told,) = with_maps(judged, MAP.replace("0000000004020fff", "0000000003000fff") + ARRANGEMENT)
    assert [each.line for each in told.findings if each.kind is Kind.MALFORMED] == [4]
    assert told.status == 2


def test_more_ranges_than_are_looked_through() -> None:
    """A map counts for each boot that it is for."""
    text = MAP + MAP.partition("\n")[2] * 10_000 + ARRANGEMENT * 2
    judged = [check_boot(each, count_rules()) for each in read_boots(text, "x")]
    with pytest.raises(InputError, match=r"at most 100000 ranges .*, found 100010 \(--limit 2 takes it on\)"):
        with_maps(judged, text)
    assert len(with_maps(judged[:1], text)) == 1
