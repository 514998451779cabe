"""With which memory a layout comes to lie over what isn't RAM: against every memory, one by one."""

import pytest
from ptproof.formal.layouts.host_map import NVS, RAM, HostMap, HostRange
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.host_memory import memories, placed

MIB = 1 << 20
HOST = HostMap(
    "x",
    (HostRange(0, 5 * MIB, RAM), HostRange(5 * MIB, 5 * MIB + 8192, NVS), HostRange(6 * MIB, 1 << 40, RAM)),
)


@pytest.mark.parametrize("init_p2m", [None, 1 << 39])
def test_against_every_memory(init_p2m: int | None) -> None:
    """What is told is what each layout by itself has."""
    configuration = Configuration(kernel=Segment(MIB, 4 * MIB), nr_pages=1, init_p2m=init_p2m)
    told = {(each.conflict.name, each.conflict.over.kind): each for each in memories(configuration, HOST)}
    seen: dict[tuple[str, str], list[int]] = {}
    for nr_pages in range(2048, 600_000, 64):
        one = Configuration(kernel=Segment(MIB, 4 * MIB), nr_pages=nr_pages, init_p2m=init_p2m)
        for name, place in placed(one, arrange(one)).items():
            for over in HOST.not_ram(place.start, place.end):
                seen.setdefault((name, over.kind), []).append(nr_pages)
    assert seen.keys() == told.keys()
    assert bool(seen) is (init_p2m is None)
    for key, pages in seen.items():
        assert told[key].least <= pages[0] < told[key].least + 64
        assert pages[-1] <= told[key].most
        assert pages[-1] + 64 > min(told[key].most, 599_999 - 64)


def test_whatever_the_memory() -> None:
    """A kernel lies where it lies."""
    configuration = Configuration(kernel=Segment(MIB, 8 * MIB), nr_pages=1, init_p2m=1 << 39)
    found = [each for each in memories(configuration, HOST) if each.conflict.name == "kernel"]
    assert [each.whatever for each in found] == [True, True]
    assert "Loaded kernel over 0x500000->0x502000 (ACPI NVS) whatever dom0's memory" in str(found[0])
    assert found[0].least == 4096


def test_an_image_that_is_never_built() -> None:
    """An image too large for any memory meets nothing."""
    configuration = Configuration(kernel=Segment(MIB, 2 << 30), nr_pages=1)
    assert [*memories(configuration, HOST)] == []
