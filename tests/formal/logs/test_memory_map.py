"""The host's memory map in logs: as Xen and Linux print it, in the way that people paste it."""

from pathlib import Path

import pytest
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.host_map import HostRange
from ptproof.formal.logs.memory_map import read_map, read_maps

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
    """A guest's map has nothing to do with the host."""
    assert read_maps(MAP.replace("(XEN)", "(d2) (XEN)")) == ((), ())


def test_a_range_that_cannot_be() -> None:
    """A range that ends before its start is told, and the rest is read."""
    ((found,), (wrong,)) = read_maps(MAP.replace("0000000004020fff", "0000000003000fff"))
    assert len(found.ranges) == 4
    assert wrong.line == 4
    assert "0x4000000 to 0x3001000" in wrong.message


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


def test_many_ranges() -> None:
    """A log of nothing but ranges is read in a time that grows with its length."""
    ((found,), _) = read_maps(MAP + MAP.partition("\n")[2] * 20000)
    assert len(found.ranges) == 100_005
    assert read_maps("(XEN) [0000000000000000,\n> \n> " * 20000) == ((), ())
