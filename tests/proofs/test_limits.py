"""The family *Limits*: its verdicts, and its encodings against Xen's behaviour and against steps really taken."""

from random import Random

import pytest
from deciding import check_verdicts, refuted
from ptproof.encodings import overlap, physmap
from ptproof.formal.layout import Layout, Segment
from ptproof.formal.machine import overlaps_xen
from ptproof.formal.paging import COMPAT, X86_64
from ptproof.formal.search import run
from ptproof.formal.words import number
from ptproof.proofs.limits import CLAIMS

GIB = 1 << 30
LINUX = 2**64 - 2 * GIB


def test_every_verdict_is_as_expected() -> None:
    """Every part gets the verdict that it carries, and the machine confirms each case."""
    check_verdicts(CLAIMS)


def test_what_is_refuted() -> None:
    """All fail but that three tables are enough for a step of the p2m."""
    assert refuted(CLAIMS) == {"cap-prevents-wrap", "cap-only-lowers", "wrap-caught", "overlap-complete"}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (LINUX, LINUX + (4 << 20)),
        (2**64 - (4 << 20), 4 << 20),
        (2**47 - (4 << 20), 2**47 + (4 << 20)),
        (overlap.XEN_START - (4 << 20), overlap.XEN_START),
        (overlap.XEN_START - (4 << 20), overlap.XEN_START + (4 << 20)),
        (overlap.XEN_END - (4 << 20), overlap.XEN_END + (4 << 20)),
        (overlap.XEN_END, overlap.XEN_END + (4 << 20)),
    ],
)
def test_the_overlap_check_is_the_machines(start: int, end: int) -> None:
    """Formula and machine refuse the same regions."""
    layout = Layout(mode=X86_64, page_tables=Segment(start, start), total=Segment(start, end))
    assert bool(overlap.overlaps(number(start), number(end))) is overlaps_xen(layout)


@pytest.mark.parametrize("end", [0xF5800000, 0xF5C00000, 0xC0400000, 1 << 32])
def test_the_compat_check_is_the_machines(end: int) -> None:
    """A 32-bit dom0's region may end where the hole begins, and no higher."""
    layout = Layout(mode=COMPAT, page_tables=Segment(3 * GIB, 3 * GIB), total=Segment(3 * GIB, end))
    assert bool(overlap.overlaps_compat(number(end), number(overlap.COMPAT_HOLE))) is overlaps_xen(layout)


def executed(start: int, end: int, region: tuple[int, int], total: int, *, gigabyte: bool) -> int:
    """Dom0's pages once the p2m is mapped, entry by entry, with all the memory that it takes."""
    there = {shift: {each >> shift for each in range(*region, 1 << 21)} for shift in (39, 30, 21)}
    while start < end:
        mapped = 1 << 12
        for shift, usable in ((39, False), (30, gigabyte), (21, True)):
            if start >> shift in there[shift]:
                continue
            if usable and start % (1 << shift) == 0 and end - start >= 1 << shift:
                mapped = 1 << shift
                break
            there[shift].add(start >> shift)
            total += 1
        total += mapped >> 12
        start = (start + mapped) >> 12 << 12
    return total


@pytest.mark.parametrize("gigabyte", [False, True])
def test_the_loop_takes_the_frames_that_a_walk_takes(gigabyte: bool) -> None:
    """The loop of formulas, run on numbers, ends with the pages that mapping entry by entry ends with."""
    random = Random(7)
    base = 2**64 - 64 * GIB
    for _ in range(60):
        region = (base, base + (random.randrange(1, 9) << 22))
        start = random.choice((1 << 39, base + GIB, base + (64 << 20), 5 * GIB))
        start += random.choice((0, 0, 1 << 21, random.randrange(1 << 9) << 12, 0x800))
        end = start + 8 * random.choice(
            (1 << 16, 1 << 19, (1 << 27) + (1 << 18), random.randrange(1, 1 << 20))
        )
        stopped = run(physmap.steps(gigabyte=gigabyte), (start, end, *region, 1 << 40, 1000))
        assert stopped is not None
        assert stopped[0] >= end
        assert stopped[1] == executed(start, end, region, 1000, gigabyte=gigabyte)


def test_a_p2m_in_the_last_gib_is_given_a_superpage() -> None:
    """At -1 GiB the address of the superpage's end is 0, which any end is above: one is taken for 512 KiB."""
    stopped = run(
        physmap.steps(gigabyte=True),
        (2**64 - GIB, 2**64 - GIB + (8 << 16), LINUX, LINUX + (4 << 20), 1 << 16, 1024),
    )
    assert stopped == (0, 1024 + (1 << 18))


def test_a_p2m_beside_the_region_is_refused_and_one_away_from_it_not() -> None:
    """The p2m may not even end where the region starts."""
    region = number(LINUX), number(LINUX + (4 << 20))
    assert bool(physmap.apart(*region, number(1 << 39), number((1 << 39) + 4096)))
    assert not bool(physmap.apart(*region, number(LINUX - 4096), number(LINUX)))
