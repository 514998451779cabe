"""NetBSD's search and its tables, on numbers."""

import pytest
from ptproof.formal.layouts.paging import PAGE_SIZE
from ptproof.formal.machine.arrange import TooLarge
from ptproof.formal.others.netbsd import TABLE, Kernel, filled, map_end, search, temporary

MIB = 1 << 20
LINUX = 2**64 - (2 << 30)


def kernel(size: int, first: int = 49) -> Kernel:
    """A kernel of amd64."""
    return Kernel(text=LINUX + TABLE, base=LINUX, size=size, directories=4, first=first)


@pytest.mark.parametrize(("size", "count"), [(0, 49), (95 * MIB, 49), (96 * MIB, 50), (200 * MIB, 102)])
def test_the_count(size: int, count: int) -> None:
    """Up to 95 MiB the first count is enough; from there on it is 2 MiB a table, and one for what lies below the text."""
    assert search(kernel(size)) == count


def test_tables_are_filled_one_after_another() -> None:
    """The first ends where its 2 MiB do, the last where everything does, and those beyond map nothing."""
    tables = list(filled(TABLE - PAGE_SIZE, 2 * TABLE + 5, 5))
    assert tables == [PAGE_SIZE, TABLE, 5, 0, 0]


def test_the_end_is_found_by_adding() -> None:
    """With a table more everything ends a page higher."""
    assert (
        map_end(kernel(MIB), 50)
        == map_end(kernel(MIB), 49) + PAGE_SIZE
        == LINUX + TABLE + MIB + 54 * PAGE_SIZE
    )


def test_temporary_tables() -> None:
    """There are more of them than final ones only where they end beyond what these reach."""
    assert temporary(LINUX, 4, LINUX + 10 * MIB, 49) == 49
    assert temporary(LINUX, 4, LINUX + 98 * MIB, 49) == 50


def test_too_many() -> None:
    """A search without an end, and tables without number, are given up."""
    with pytest.raises(TooLarge):
        search(Kernel(text=1 << 63, base=0, size=0, directories=0, first=0))
    with pytest.raises(TooLarge):
        list(filled(0, TABLE, 1 << 42))
    with pytest.raises(TooLarge):
        temporary(0, 0, 1 << 63, 0)
