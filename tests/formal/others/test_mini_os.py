"""Mini-OS's mapping, page by page."""

import pytest
from ptproof.formal.layouts.paging import PAGE_SIZE
from ptproof.formal.machine.arrange import TooLarge
from ptproof.formal.others.mini_os import given, map_memory

MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("memory", "l3", "l2", "l1"),
    [(4 * MIB, 0, 0, 0), (4 * MIB + PAGE_SIZE, 0, 0, 1), (6 * MIB, 0, 0, 1), (GIB + PAGE_SIZE, 0, 1, 511)],
)
def test_the_tables_that_are_taken(memory: int, l3: int, l2: int, l1: int) -> None:
    """An L1 for each 2 MiB from 4 MiB on, and an L2 where a GiB begins."""
    mapping = given(0, 4 * MIB, MIB)
    map_memory(mapping, memory)
    assert [mapping.taken[level] for level in ("L3", "L2", "L1")] == [l3, l2, l1]
    assert not mapping.early
    assert mapping.frame == MIB + mapping.taken.total() * PAGE_SIZE


def test_a_frame_that_is_taken_too_early() -> None:
    """With no room above the first free frame the first table is cleared where nothing is mapped."""
    mapping = given(0, 4 * MIB, 4 * MIB)
    map_memory(mapping, 8 * MIB)
    assert mapping.early == [4 * MIB]


def test_at_512_gib_three_are_taken_at_once() -> None:
    """Where an L3 begins, an L2 and an L1 do, too."""
    mapping = given(512 * GIB - 4 * MIB, 512 * GIB, 512 * GIB - 3 * PAGE_SIZE)
    map_memory(mapping, 512 * GIB + PAGE_SIZE)
    assert [mapping.taken[level] for level in ("L3", "L2", "L1")] == [1, 1, 1]
    assert not mapping.early


def test_too_large() -> None:
    """What would take too long is refused."""
    with pytest.raises(TooLarge):
        given(0, 1 << 40, 0)
    with pytest.raises(TooLarge):
        map_memory(given(0, 4 * MIB, MIB), 1 << 40)
