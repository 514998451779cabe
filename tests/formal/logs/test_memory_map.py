"""The host's memory map in logs: as Xen and Linux print it, in the way that people paste it."""

from pathlib import Path

import pytest
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.count_rule import count_rules
from ptproof.formal.layouts.host_map import HostRange
from ptproof.formal.logs.boot_log import read_boots
from ptproof.formal.logs.check_log import check_boot
from ptproof.formal.logs.check_log_findings import Kind
from ptproof.formal.logs.memory_map import read_map, read_maps, with_maps

FIELD = Path(__file__).parents[2] / "data" / "field"
MAP = """(XEN) Xen-e820 RAM map:
(XEN)  [0000000000000000, 000000000009fbff] (usable)
(XEN)  [0000000000100000, 0000000003ffffff] (usable)
(XEN)  [0000000004000000, 0000000004020fff] (ACPI NVS)
(XEN)  [0000000004021000, 00000000b5b04fff] (usable)
(XEN)  [00000000b5b05000, 00000000b8cd3fff] type 20
"""
RANGES = (
    HostRange(0, 0x9FC00, "usable", 2),
    HostRange(0x100000, 0x4000000, "usable", 3),
    HostRange(0x4000000, 0x4021000, "ACPI NVS", 4),
    HostRange(0x4021000, 0xB5B05000, "usable", 5),
    HostRange(0xB5B05000, 0xB8CD4000, "type 20", 6),
)
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


def test_a_map() -> None:
    """Each range with its kind and its line; the second address is the last of the range."""
    ((found,), misread) = read_maps(MAP)
    assert (found.title, found.line, found.whole, found.ranges) == ("Xen-e820", 1, True, RANGES)
    assert misread == ()


@pytest.mark.parametrize(
    "pasted",
    [
        MAP.replace("\n", "\r\n"),
        MAP.replace("(XEN)", "> > (XEN)"),
        MAP.replace("(XEN) ", "[    0.000000] (XEN) [2024-09-01 10:00:00] "),
        MAP.replace(", ", " - ")
        .replace("[", "")
        .replace("]", "")
        .replace("(XEN) ", "")
        .replace("RAM", "RAM"),
    ],
    ids=["CRLF", "quoted", "stamped", "old"],
)
def test_pasted_maps(pasted: str) -> None:
    """However it was pasted; up to Xen 4.12 a range ends before its second address."""
    ((found,), _) = read_maps(pasted)
    less = int(" - " in pasted)
    assert [(each.start, each.end, each.kind) for each in found.ranges] == [
        (each.start, each.end - less, each.kind) for each in RANGES
    ]


def test_a_wrapped_map() -> None:
    """A mailer may have broken each line, wherever there was a space, even within a kind."""
    wrapped = MAP.replace(", ", ",\n> ").replace("] (", "]\n(").replace("ACPI NVS", "ACPI\nNVS")
    ((found,), _) = read_maps(wrapped)
    assert [(each.start, each.end, each.kind) for each in found.ranges] == [
        (each.start, each.end, each.kind) for each in RANGES
    ]


def test_what_linux_says() -> None:
    """Linux without Xen tells the host's map, old and new; under Xen it tells dom0's own, which isn't read."""
    new = "BIOS-provided physical RAM map:\n[    0.0] BIOS-e820: [mem 0x0000000000001000-0x000000000009cfff] usable\n"
    old = "BIOS-provided physical RAM map:\n BIOS-e820: 0000000000001000 - 000000000009d000 (usable)\n"
    for text in (new, old):
        ((found,), _) = read_maps(text)
        assert (found.title, found.ranges) == ("BIOS-e820", (HostRange(0x1000, 0x9D000, "usable", 2),))
    own = "BIOS-provided physical RAM map:\nXen: [mem 0x0000000000001000-0x000000000009cfff] usable\n"
    assert read_maps(own) == ((), ())
    assert read_maps(own.replace("[mem 0x", "").replace("-0x", " - ").replace("] usable", " (usable)")) == (
        (),
        (),
    )


def test_a_part_of_a_map() -> None:
    """Xen's lines without a heading are a part: what is between them isn't known. Others' lines mean nothing."""
    ((found,), _) = read_maps((FIELD / "e820-worked-around.log").read_bytes())
    assert not found.whole
    assert [each.start for each in found.ranges] == [0x18060000000, 0x20090000000]
    assert read_maps("  [0000000004000000, 0000000004020fff] (ACPI NVS)\n") == ((), ())


def test_the_map_before_xen_changed_it() -> None:
    """What Xen calls initial isn't what it goes by."""
    ((found,), _) = read_maps(MAP.replace("Xen-e820", "Initial Xen-e820") + MAP)
    assert found.line == 7
    assert len(found.ranges) == 5


def test_what_a_guest_says() -> None:
    """A guest's map, and a guest's arrangement, have nothing to do with dom0 on the host."""
    assert read_maps(MAP.replace("(XEN)", "(d2) (XEN)")) == ((), ())
    assert notes(MAP + ARRANGEMENT.replace("(XEN)", "(d2) (XEN)")) == []


def test_a_range_that_cannot_be() -> None:
    """A range that ends before its start is told, and the rest is read."""
    ((found,), (wrong,)) = read_maps(MAP.replace("0000000004020fff", "0000000003000fff"))
    assert len(found.ranges) == 4
    assert wrong.line == 4
    assert "0x4000000 to 0x3001000" in wrong.message
    judged = [check_boot(each, count_rules()) for each in read_boots(ARRANGEMENT, "log")]
    (told,) = with_maps(judged, MAP.replace("0000000004020fff", "0000000003000fff") + ARRANGEMENT)
    assert [each.line for each in told.findings if each.kind is Kind.MALFORMED] == [4]
    assert told.status == 2


def test_read_map(tmp_path: Path) -> None:
    """A file's last map; one line when there is none, or one that can't be right."""
    file = tmp_path / "log"
    file.write_text(MAP.replace("Xen-e820", "EFI") + MAP)
    assert read_map(str(file)).title == "Xen-e820"
    file.write_text("no map")
    with pytest.raises(InputError, match="expected the host's memory map") as refused:
        read_map(str(file))
    assert "\n" not in str(refused.value)
    file.write_text(MAP.replace("0000000004020fff", "0000000003000fff"))
    with pytest.raises(InputError, match=":4: expected a range"):
        read_map(str(file))


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
    assert "line 4, is ACPI NVS: 0x21000 bytes" in kernel[1]
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


def test_a_host_that_fits() -> None:
    """A log with a map in which nothing is wrong says so."""
    ((figure, message),) = notes((FIELD / "efi-box.log").read_text())
    assert (figure, message) == ("host", "EFI: nothing of dom0 lies over what isn't RAM on the host")


def test_many_ranges() -> None:
    """A log of nothing but ranges is read in a time that grows with its length."""
    ((found,), _) = read_maps(MAP + MAP.partition("\n")[2] * 20000)
    assert len(found.ranges) == 100_005
    assert read_maps("(XEN) [0000000000000000,\n> \n> " * 20000) == ((), ())


def test_more_ranges_than_are_looked_through() -> None:
    """A map counts for each boot that it is for."""
    text = MAP + MAP.partition("\n")[2] * 10_000 + ARRANGEMENT * 2
    judged = [check_boot(each, count_rules()) for each in read_boots(text, "x")]
    with pytest.raises(InputError, match=r"at most 100000 ranges .*, found 100010 \(--limit 2 takes it on\)"):
        with_maps(judged, text)
    assert len(with_maps(judged[:1], text)) == 1
