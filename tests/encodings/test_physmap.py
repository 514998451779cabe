"""The steps of a separate p2m, against steps really taken, and what Xen refuses of it."""

from random import Random

import pytest
from ptproof.encodings import physmap
from ptproof.encodings.physmap import Superpages
from ptproof.formal.logic.search import run
from ptproof.formal.words.word import number, truth

GIB = 1 << 30
LINUX = 2**64 - 2 * GIB
KINDS = {Superpages.NONE: (), Superpages.LARGE: (21,), Superpages.HUGE: (30, 21)}


def executed(start: int, end: int, region: tuple[int, int], superpages: Superpages) -> tuple[list[int], int]:
    """The L3, L2 and L1 taken, and the pages mapped, entry by entry, with all the memory that it takes."""
    there = {shift: {each >> shift for each in range(*region, 1 << 21)} for shift in (39, 30, 21)}
    taken = {39: 0, 30: 0, 21: 0}
    pages = 0
    while start < end:
        mapped = 1 << 12
        for shift, blocks in there.items():
            if start >> shift in blocks:
                continue
            if shift in KINDS[superpages] and start % (1 << shift) == 0 and end - start >= 1 << shift:
                mapped = 1 << shift
                break
            blocks.add(start >> shift)
            taken[shift] += 1
        pages += mapped >> 12
        start = (start + mapped) >> 12 << 12
    return [*taken.values()], pages


@pytest.mark.parametrize("superpages", Superpages, ids=lambda each: each.name)
def test_the_loops_take_the_frames_that_a_walk_takes(superpages: Superpages) -> None:
    """The loops of formulas, run on numbers, end with the tables and pages that mapping entry by entry ends with."""
    random = Random(7)
    base = 2**64 - 64 * GIB
    lengths = (
        (1 << 16, 1 << 19, (1 << 27) + (1 << 18)) if superpages is Superpages.HUGE else (1 << 16, 1 << 19)
    )
    for _ in range(40):
        region = (base, base + (random.randrange(1, 9) << 22))
        start = random.choice((1 << 39, base + GIB, base + (64 << 20), 5 * GIB))
        start += random.choice((0, 0, 1 << 21, random.randrange(1 << 9) << 12, 0x800))
        end = start + 8 * random.choice((*lengths, random.randrange(1, 1 << 20)))
        tables, pages = executed(start, end, region, superpages)
        stopped = run(physmap.walk(superpages), (start, end, *region))
        assert stopped is not None
        assert stopped[0] >= end
        assert [*stopped[1:]] == tables
        if superpages is Superpages.HUGE:
            total = 1000 + sum(tables) + pages
            assert run(physmap.steps(), (start, end, *region, 1 << 40, 1000)) == (stopped[0], total)


def test_a_p2m_in_the_last_gib_is_given_a_superpage() -> None:
    """At -1 GiB the address of the superpage's end is 0, which any end is above: one is taken for 512 KiB."""
    stopped = run(
        physmap.steps(),
        (2**64 - GIB, 2**64 - GIB + (8 << 16), LINUX, LINUX + (4 << 20), 1 << 16, 1024),
    )
    assert stopped == (0, 1024 + (1 << 18))


@pytest.mark.parametrize(
    ("superpage", "there", "free", "tables"),
    [
        (1 << 18, (0, 0, 0), (1, 1), (1, 0, 0)),
        (512, (0, 0, 0), (0, 1), (1, 1, 0)),
        (512, (1, 1, 0), (1, 1), (0, 0, 0)),
        (1, (0, 0, 0), (0, 0), (1, 1, 1)),
        (1, (1, 1, 1), (1, 1), (0, 0, 0)),
    ],
)
def test_a_step_takes_what_is_missing_and_what_can_be_had(
    superpage: int, there: tuple[int, ...], free: tuple[int, ...], tables: tuple[int, ...]
) -> None:
    """A step at a multiple of 1 GiB, with 1 GiB left, is decided by what is there and which superpages there are."""
    taken = physmap.step(
        number(GIB),
        number(2 * GIB),
        (truth(bool(there[0])), truth(bool(there[1])), truth(bool(there[2]))),
        (truth(bool(free[0])), truth(bool(free[1]))),
    )
    assert (int(taken.l3), int(taken.l2), int(taken.l1)) == tables
    assert int(taken.pages) == superpage
    assert int(taken.after) == GIB + (superpage << 12)


def test_a_p2m_beside_the_region_is_refused_and_one_away_from_it_not() -> None:
    """The p2m may not even end where the region starts."""
    region = number(LINUX), number(LINUX + (4 << 20))
    assert not bool(physmap.refused(*region, number(1 << 39), number((1 << 39) + 4096)))
    assert bool(physmap.refused(*region, number(LINUX - 4096), number(LINUX)))
    assert bool(physmap.refused(*region, number(LINUX + (4 << 20)), number(LINUX + (5 << 20))))
