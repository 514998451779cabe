"""GRUB's rounds on numbers: what they come to, and that they wrap as words do."""

import pytest
from ptproof.formal.layouts.paging import PAGE_SIZE
from ptproof.formal.machine.arrange import TooLarge
from ptproof.formal.others.grub import STACK, count_of, load

MIB, GIB = 1 << 20, 1 << 30
LINUX = 2**64 - 2 * GIB


@pytest.mark.parametrize(
    ("start", "length", "tables", "beside", "end"),
    [
        (0, MIB, 6, 1, 4 * MIB),
        (LINUX, MIB, 8, 3, LINUX + 4 * MIB),
        (PAGE_SIZE, MIB, 5, 0, 4 * MIB),
        (0, 1021 * MIB, 517, 2, GIB),
        (0, 1 * GIB, 519, 1, GIB + 4 * MIB),
    ],
)
def test_what_is_set_aside(start: int, length: int, tables: int, beside: int, end: int) -> None:
    """The page beside the region takes what the region hasn't: nothing, one table, or one of each level."""
    found = load(start, start + length)
    assert found is not None
    assert (found.tables, count_of(found.relocators), found.end) == (tables, beside, end)
    assert found.stack_top == found.tables_end + STACK


def test_the_rounds_go_on() -> None:
    """With 1.5 GiB and tables that the first region has no room for, there is a second round."""
    found = load(0, 1536 * MIB + 2 * MIB + 512 * 1024)
    assert found is not None
    assert found.made_for > 0
    assert found.tables_end <= found.end


def test_a_page_beside_the_region_is_taken_back() -> None:
    """Of a region at 0 the page past its end is mapped while GRUB is there, not for the kernel."""
    found = load(0, MIB)
    assert found is not None
    assert [found.maps(at) for at in (0, found.end - 1, found.end)] == [True, True, False]
    assert found.unmapped(found.end - PAGE_SIZE, 3) == 2


def test_a_region_past_the_end() -> None:
    """Where the region wraps, the rounds repeat; a test that wraps is passed."""
    assert load(2**64 - 8 * MIB, 2**64 - 2 * MIB) is None
    found = load(2**64 - (1 << 40), 2**64 - 8 * MIB)
    assert found is not None
    assert found.tables_end < found.vpt_start


def test_too_large() -> None:
    """A region that takes too long to be walked over is refused."""
    with pytest.raises(TooLarge):
        load(0, 1 << 46)
