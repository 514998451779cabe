"""What of dom0 lies over what isn't RAM on the host: parts, places, and what a kernel would have to do."""

from ptproof.formal.layouts.host_map import (
    GAP,
    NVS,
    RAM,
    HostMap,
    HostRange,
    conflicts,
    fits_at,
    places,
    sentences,
)
from ptproof.formal.layouts.layout import Segment

MIB = 1 << 20
BASE = 0xFFFF_FFFF_8000_0000
HOST = HostMap(
    "EFI",
    (
        HostRange(0, 64 * MIB, RAM, 2),
        HostRange(64 * MIB, 65 * MIB, NVS, 3),
        HostRange(65 * MIB, 156 * MIB, RAM, 4),
        HostRange(160 * MIB, 1 << 40, "reserved", 5),
    ),
)


def test_what_is_not_ram() -> None:
    """Ranges of other kinds are cut to what is asked for, and what the map doesn't have isn't RAM either."""
    assert [*HOST.not_ram(0, 64 * MIB)] == []
    assert [*HOST.not_ram(10, 64 * MIB + 1)] == [HostRange(64 * MIB, 64 * MIB + 1, NVS, 3)]
    assert [*HOST.not_ram(150 * MIB, 161 * MIB)] == [
        HostRange(156 * MIB, 160 * MIB, GAP),
        HostRange(160 * MIB, 161 * MIB, "reserved", 5),
    ]
    assert [*HOST.not_ram(1 << 40, (1 << 40) + 1)] == [HostRange(1 << 40, (1 << 40) + 1, GAP)]
    part = HostMap("part", HOST.ranges, whole=False)
    assert [each.kind for each in part.not_ram(150 * MIB, 161 * MIB)] == ["reserved"]


def test_ranges_that_overlap() -> None:
    """A range within another one of the map makes no gap, and is told of by itself."""
    host = HostMap("odd", (HostRange(0, 10, RAM), HostRange(2, 4, "reserved"), HostRange(8, 12, RAM)))
    assert [*host.not_ram(0, 12)] == [HostRange(2, 4, "reserved")]


def test_places() -> None:
    """Addresses count from v_start; an initrd that isn't mapped follows the allocation, a p2m elsewhere follows that."""
    segments = {
        "kernel": Segment(BASE + 16 * MIB, BASE + 40 * MIB),
        "p2m": Segment(1 << 39, (1 << 39) + 8 * MIB),
        "page_tables": Segment(BASE + 41 * MIB, BASE + 42 * MIB),
        "console": None,
    }
    found = places(segments, BASE, 64 * MIB, 64 * MIB, 5000)
    assert found == {
        "kernel": Segment(16 * MIB, 40 * MIB),
        "p2m": Segment(64 * MIB + 8192, 72 * MIB + 8192),
        "page_tables": Segment(41 * MIB, 42 * MIB),
        "initrd": Segment(64 * MIB, 64 * MIB + 5000),
    }
    assert "p2m" not in places(segments, BASE, 64 * MIB, None, 5000)


def test_conflicts() -> None:
    """Each segment's every part is told of, with its size and what Linux makes of it."""
    segments = {
        "kernel": Segment(16 * MIB, 66 * MIB),
        "start_info": Segment(64 * MIB, 64 * MIB + 0x4B8),
        "page_tables": Segment(160 * MIB, 161 * MIB),
        "boot_stack": Segment(161 * MIB, 161 * MIB + 4096),
        "initrd": Segment(64 * MIB - 1, 64 * MIB + 1),
    }
    found = conflicts(HOST, segments)
    assert [each.name for each in found] == ["kernel", "start_info", "page_tables", "boot_stack", "initrd"]
    kernel, start_info, tables, stack, initrd = map(str, found)
    assert "0x1000000->0x4200000 of dom0's memory lies over 0x4000000->0x4100000" in kernel
    assert "line 3, is ACPI NVS: 1 MiB." in kernel
    assert '"Xen hypervisor allocated kernel memory conflicts with E820 map"; 6.12' in kernel
    assert "1208 bytes" in start_info
    assert '"Xen hypervisor allocated page table memory conflicts with E820 map"' in tables
    assert "6.12 helps with ACPI NVS only" in tables
    assert "doesn't need it" in stack
    assert "1 byte. Linux since 4.3 moves it." in initrd
    assert [each.fatal for each in found] == [True, True, True, False, False]


def test_where_a_kernel_fits() -> None:
    """The least start from where it is on, in steps of 2 MiB, with which all that can't be moved lies in RAM."""
    segments = {"kernel": Segment(16 * MIB, 60 * MIB), "page_tables": Segment(60 * MIB, 65 * MIB)}
    assert fits_at(HOST, segments) == 66 * MIB
    assert fits_at(HOST, {"kernel": Segment(16 * MIB, 17 * MIB)}) == 16 * MIB
    assert fits_at(HOST, {"kernel": Segment(16 * MIB, 120 * MIB)}) is None
    assert fits_at(HOST, {"page_tables": Segment(64 * MIB, 65 * MIB)}) is None
    later = HostMap("later", (*HOST.ranges, HostRange(1 << 40, 2 << 40, RAM)))
    assert fits_at(later, {"kernel": Segment(16 * MIB, 120 * MIB)}) == 1 << 40


def test_sentences() -> None:
    """Where nothing lies over anything that is said, and of how much is known."""
    safe = {"kernel": Segment(16 * MIB, 20 * MIB)}
    assert [*sentences(HOST, safe)] == [("host", "every segment of dom0 lies in the host's RAM")]
    part = HostMap("part", HOST.ranges, whole=False)
    assert [*sentences(part, safe)] == [
        ("host", "every segment of dom0 lies in RAM, as far as this part of the map lists")
    ]
    *_, last = sentences(HOST, {"kernel": Segment(16 * MIB, 65 * MIB)})
    assert last[0] == "host"
    assert "start at 0x4200000 (CONFIG_PHYSICAL_START)" in last[1]
    assert [name for name, _ in sentences(HOST, {"initrd": Segment(64 * MIB, 65 * MIB)})] == ["initrd"]
