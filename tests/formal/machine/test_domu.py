"""libxenguest on the frame machine: the tables of domUs, their order, and what is seen from the root."""

from random import Random

import pytest
from attrs import evolve
from ptproof.formal.layouts.paging import COMPAT, PAGE_SIZE, X86_64, PagingMode
from ptproof.formal.machine import domu as machine
from ptproof.formal.machine.arrange import TooLarge
from ptproof.formal.machine.domu import (
    BEFORE_4_7,
    TODAYS,
    Counted,
    Domu,
    DomuReport,
    P2m,
    Refused,
    build,
    count,
)

MIB, GIB = 1 << 20, 1 << 30
LINUX = 2**64 - 2 * GIB
TOOLSTACKS = pytest.mark.parametrize("toolstack", [TODAYS, BEFORE_4_7], ids=lambda each: each.name)


def built(domu: Domu) -> DomuReport:
    """What the machine saw of a domU."""
    counted = count(domu)
    assert counted is not None
    return build(domu, counted)


def test_the_order_of_frames() -> None:
    """All tables of a level lie together, the topmost level first."""
    report = built(Domu(v_start=GIB - 4 * MIB, alloc_end=GIB + 2 * MIB))
    assert report.order == ("L4", "L3", "L2", "L2", *("L1",) * 4)
    assert report.exact


def test_a_pae_domain_gets_all_l2_since_4_7() -> None:
    """A PAE domain at 0 gets four L2; before 4.7 its own, and the last one."""
    domu = Domu(mode=COMPAT, v_start=0, alloc_end=0xB13000)
    assert built(domu).order == ("L3", *("L2",) * 4, *("L1",) * 6)
    assert built(evolve(domu, toolstack=BEFORE_4_7)).order == ("L3", *("L2",) * 2, *("L1",) * 6)


@pytest.mark.parametrize(
    ("start", "todays", "before"),
    [(0, 4, 2), (GIB - MIB * 4, 4, 3), (GIB, 3, 2), (2 * GIB, 2, 2), (3 * GIB, 1, 1)],
)
def test_the_l2_of_a_pae_domain(start: int, todays: int, before: int) -> None:
    """One for each GiB from the start to 4 GiB; before 4.7 for each that the region touches, and the last."""
    domu = Domu(mode=COMPAT, v_start=start, alloc_end=start + 6 * MIB)
    assert built(domu).taken["L2"] == todays
    assert built(evolve(domu, toolstack=BEFORE_4_7)).taken["L2"] == before


@TOOLSTACKS
@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=["64", "compat"])
def test_random_domus(mode: PagingMode, toolstack: machine.Toolstack) -> None:
    """The region has room for its tables, every table is reached, every page mapped, the tables read-only."""
    draw = Random(7)
    starts = (0, GIB - PAGE_SIZE, 3 * GIB - 32 * MIB, 512 * GIB - 8 * MIB if mode is X86_64 else GIB)
    for _ in range(60):
        start = draw.choice(starts)
        domu = Domu(
            mode=mode,
            v_start=start,
            alloc_end=start + draw.randrange(1, 1 << 14) * PAGE_SIZE,
            toolstack=toolstack,
        )
        report = built(domu)
        assert report.exact, report.sentence()
        above = domu.alloc_end + report.nr_pt_frames * PAGE_SIZE + machine.ABOVE_TABLES
        assert above <= report.v_end
        assert report.v_end % (4 * MIB) == 0


@pytest.mark.parametrize(
    ("p2m", "taken"),
    [
        (0x8000000000, {"L3": 1, "L2": 1, "L1": 2}),
        (LINUX - 2 * MIB, {"L2": 1, "L1": 1}),
        (LINUX - GIB - 5 * PAGE_SIZE, {"L2": 2, "L1": 3}),
        (0xFFFFFF0000000000, {"L3": 1, "L2": 1, "L1": 2}),
        (0xFFFFFFF000, {"L3": 2, "L2": 2, "L1": 3}),
    ],
)
def test_a_p2m_with_a_mapping_of_its_own(p2m: int, taken: dict[str, int]) -> None:
    """A second mapping gets the tables that the region's haven't, above its own pages, mapped nowhere."""
    domu = Domu(v_start=LINUX, alloc_end=LINUX + 35 * MIB)
    pages = 700 if p2m != LINUX - 2 * MIB else 512
    both = evolve(domu, p2m=P2m(p2m, pages))
    alone, report = built(domu), built(both)
    assert report.exact, report.sentence()
    assert (report.nr_pt_frames, report.v_end) == (alone.nr_pt_frames, alone.v_end)
    assert {name: report.taken[name] - alone.taken[name] for name in taken} == taken
    assert len(report.order) - report.nr_pt_frames == sum(taken.values())
    assert report.order[: report.nr_pt_frames] == alone.order


def test_a_p2m_within_tables_that_are_there() -> None:
    """A p2m right below the region, in the region's own first L1, needs no table."""
    domu = Domu(v_start=LINUX + MIB, alloc_end=LINUX + 35 * MIB)
    both = evolve(domu, p2m=P2m(LINUX + MIB - 8 * PAGE_SIZE, 8))
    assert built(both).order == built(domu).order
    assert built(both).exact


@pytest.mark.parametrize(
    ("start", "p2m", "pages", "told"),
    [
        (0x8000000000, 0x7FFFF00000, 256, None),
        (0x8000000000, 0x7FFFF00000, 257, "count_pgtables: overlapping mappings"),
        (0x8000000000, 0x7FFFF00000, 100000, "count_pgtables: overlapping mappings"),
        (LINUX, LINUX - MIB, 257, None),  # compared with what is cut to 48 bits, it is far away
        (LINUX, LINUX - 2 * MIB, 16384, "count_pgtables: Assertion "),
        (
            LINUX,
            0xFFFF80000000,
            1,
            "count_pgtables: overlapping mappings",
        ),  # the other way round: far away, it overlaps
    ],
)
def test_a_p2m_that_overlaps_the_region(start: int, p2m: int, pages: int, told: str | None) -> None:
    """libxenguest compares masked with unmasked addresses: it finds what it finds, and its assertion the rest or not."""
    domu = Domu(v_start=start, alloc_end=start + 35 * MIB, p2m=P2m(p2m, pages))
    if told is None:
        assert count(domu) is not None
    else:
        with pytest.raises(Refused, match=f"^{told}"):
            count(domu)


def test_a_region_that_does_not_fit_into_memory() -> None:
    """The first end that is tried has to be below the memory's, as the last one has."""
    domu = Domu(v_start=0, alloc_end=5 * MIB)
    assert count(evolve(domu, nr_pages=2048)) is not None
    with pytest.raises(
        Refused, match=r"^count_pgtables: not enough memory for initial mapping \(0x7ff > 0x7ff\)$"
    ):
        count(evolve(domu, nr_pages=2047))


def test_the_iteration_that_never_stops() -> None:
    """Nothing fits below a region's end of 2^64, which is 0 as a word: the steps repeat."""
    assert count(Domu(v_start=2**64 - 16 * MIB, alloc_end=2**64 - 4 * MIB)) is None
    assert count(Domu(v_start=2**64 - 16 * MIB, alloc_end=2**64 - 5 * MIB)) is not None


def test_a_count_that_is_wrong_is_seen() -> None:
    """A level short of a table leaves pages unmapped, and one too many isn't reached or maps nothing."""
    domu = Domu(v_start=0, alloc_end=11 * MIB)
    counted = count(domu)
    assert counted is not None
    (region,) = counted.mappings
    lowest, second = X86_64.levels[:2]
    short = Counted(counted.v_end, ({**region, lowest: region[lowest][:-1]},))
    assert (build(domu, short).missing, build(domu, short).exact) == (512, False)
    none = Counted(counted.v_end, ({**region, second: ()},))
    report = build(domu, none)
    assert (report.reached, report.exact) == (2, False)
    assert "2 are reached" in report.sentence()


def test_what_is_too_large() -> None:
    """A region that takes too long to walk, or to build, is refused."""
    with pytest.raises(TooLarge):
        count(Domu(v_start=0, alloc_end=1 << 46))
    domu = Domu(v_start=0, alloc_end=1 << 36)
    counted = count(domu)
    assert counted is not None
    with pytest.raises(TooLarge):
        build(domu, counted)
