"""The claims on a p2m at an address of its own: the closed form against what the machine takes."""

from random import Random

import pytest
from ptproof.encodings import physmap
from ptproof.encodings.physmap import SHIFTS, Superpages
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.machine.loading import Fate, load, map_p2m
from ptproof.formal.words.word import number
from ptproof.proofs.limits import boots
from ptproof.proofs.limits.physmap_claims import CLAIMS

MIB, GIB = 1 << 20, 1 << 30
LINUX = 2**64 - 2 * GIB
LEVELS = ("L3", "L2", "L1")


def closed_form(p2m: Segment, region: Segment, superpages: Superpages) -> dict[str, int]:
    """The tables by level, as the formula says."""
    ends = [number(each) for each in (p2m.start, p2m.end, region.start, region.end)]
    counts = (int(physmap.tables(ends[0], ends[1], ends[2], ends[3], shift, superpages)) for shift in SHIFTS)
    return dict(zip(LEVELS, counts, strict=True))


def kinds(superpages: Superpages) -> frozenset[int]:
    """The superpages that are had, as the machine is told."""
    return frozenset(shift for shift in SHIFTS if superpages.spare(shift))


@pytest.mark.parametrize("superpages", Superpages, ids=lambda each: each.name)
@pytest.mark.parametrize("seed", range(2))
def test_the_closed_form_is_what_the_machine_takes(superpages: Superpages, seed: int) -> None:
    """For a p2m below, above and far from the region, of any alignment, a walk takes the tables that are reckoned."""
    random = Random(seed)
    longest = {Superpages.NONE: 4 * MIB, Superpages.LARGE: 2 * GIB, Superpages.HUGE: 6 * GIB}[superpages]
    refused = 0
    for _ in range(80):
        base = random.choice((LINUX, 2**64 - 64 * GIB, GIB, 2**39 - 6 * MIB, 513 * GIB + 0x3000))
        end = -(-(base + random.randrange(1, 3 * MIB)) // (4 * MIB)) * 4 * MIB
        region = Segment(base, end)
        length = 8 * random.choice((random.randrange(1, longest >> 3), longest >> 4, MIB // 8))
        start = random.choice(
            (end + random.randrange(2 * MIB), base - length - random.randrange(2 * MIB), 1 << 39)
        )
        start = start & -(1 << random.choice((12, 21, 30))) | random.choice((0, 0, 0x800))
        if start < 0 or start + length > 2**64 - GIB:
            continue
        p2m = Segment(start, start + length)
        given = Configuration(virt_base=base, kernel=region, nr_pages=1 << 40, init_p2m=start)
        loaded = map_p2m(given, boots.region_alone(region, p2m), 1024, kinds(superpages))
        if loaded.fate is Fate.P2M_OVERLAPS:
            refused += 1
            continue
        assert loaded.fate is Fate.RUNS
        taken = {level: loaded.taken[level] for level in LEVELS}
        assert taken == closed_form(p2m, region, superpages), (p2m, region)
        assert sum(taken.values()) == len(loaded.heap)
        assert loaded.pages == 1024 + sum(taken.values()) + pages_of(p2m)
    assert refused < 60


def pages_of(p2m: Segment) -> int:
    """The pages that a p2m touches."""
    return ((p2m.end - 1) >> 12) - (p2m.start >> 12) + 1


def test_a_p2m_in_xens_area_is_told_to_where_the_machine_stops() -> None:
    """The witness is what real Xen boots with least memory; the machine goes up to where Xen's own tables come in."""
    (claim,) = (each for each in CLAIMS if each.id == "p2m-checked")
    values = {
        "virt_base": LINUX,
        "kernel_end": LINUX + MIB,
        "nr_pages": 1033,
        "init_p2m": 0xFFFF_87FF_FFF0_0000,
    }
    replay = claim.parts[0].replay(values)
    assert replay.holds is False
    assert replay.says == (
        "with dom0_mem=4132K and no initrd; of the p2m's root slots 271 is Xen's own; Xen does not refuse it; Xen can "
        "allocate the region and builds it; the p2m at 0xffff87fffff00000 lies in Xen's own area, where the machine goes "
        "no further"
    )
    assert claim.parts[0].replay(values | {"init_p2m": LINUX - 8}).holds is True


def test_a_whole_boots_tables() -> None:
    """The tables of a boot with 64 GiB of memory at INIT_P2M: its p2m of 128 MiB takes an L3 and an L2, and no L1."""
    given = Configuration(
        virt_base=LINUX,
        kernel=Segment(LINUX + 16 * MIB, LINUX + 20 * MIB),
        nr_pages=64 * GIB >> 12,
        init_p2m=1 << 39,
    )
    loaded = load(given)
    assert loaded.fate is Fate.RUNS
    assert loaded.layout is not None
    assert loaded.layout.p2m is not None
    assert loaded.taken == {"L3": 1, "L2": 1}
    assert closed_form(loaded.layout.p2m, loaded.layout.total, Superpages.LARGE) == {
        "L3": 1,
        "L2": 1,
        "L1": 0,
    }
