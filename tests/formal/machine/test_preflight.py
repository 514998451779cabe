"""Whether Xen refuses a boot, and the least memory: held against the frame machine, which executes it."""

from random import Random

import pytest
from attrs import evolve
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT
from ptproof.formal.layouts.xen_version import asked_version
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.loading import Fate, load
from ptproof.formal.machine.preflight import P2M_OUT_OF_BOUNDS, least_pages, needed_pages, refusal

MIB, TOP = 1 << 20, ADDRESS_LIMIT - (2 << 30)


def drawn(seed: int) -> Configuration:
    """A small kernel with or without an initrd and a p2m of its own."""
    draw = Random(seed)
    base = draw.choice((0, TOP, 1 << 39))
    start = base + draw.randrange(4) * MIB
    return Configuration(
        virt_base=base,
        kernel=Segment(start, start + draw.randrange(1, 6) * MIB + draw.randrange(4096)),
        nr_pages=1,
        initrd_len=draw.choice((0, draw.randrange(3 * MIB))),
        mod_start_pfn=draw.random() < 0.5,
        init_p2m=draw.choice((None, 0x8000000000 + (1 << 30))),
    )


@pytest.mark.parametrize("seed", range(12))
def test_the_least_memory(seed: int) -> None:
    """With it the machine runs dom0; with a page less, or any less that is tried, it refuses."""
    given = drawn(seed)
    least = least_pages(given)
    assert least is not None
    enough = evolve(given, nr_pages=least)
    assert load(enough).fate is Fate.RUNS
    assert refusal(enough, arrange(enough)) is None
    for pages in (least - 1, least // 2, 1):
        less = evolve(given, nr_pages=pages)
        fate = load(less).fate
        assert fate in (Fate.TOO_LITTLE_MEMORY, Fate.P2M_TOO_LARGE)
        assert refusal(less, arrange(less)) == fate.says[0]
        assert needed_pages(less, arrange(less)) > pages or fate is Fate.P2M_TOO_LARGE


def test_what_no_memory_helps_against() -> None:
    """A p2m within the kernel, or one that touches the region, is refused whatever dom0 has."""
    given = Configuration(kernel=Segment(MIB, 2 * MIB), nr_pages=4096, init_p2m=MIB)
    assert refusal(given, arrange(given)) == P2M_OUT_OF_BOUNDS
    touching = evolve(given, init_p2m=3 * MIB)
    assert refusal(touching, arrange(touching)) == "DOM0 P->M table overlaps initial mapping"
    assert least_pages(touching) is None


def test_that_xen_dies_is_no_refusal() -> None:
    """Tables off a page aren't refused."""
    given = Configuration(virt_base=0x800, kernel=Segment(MIB, 2 * MIB), nr_pages=4096)
    assert refusal(given, arrange(given)) is None


@pytest.mark.parametrize(
    ("release", "pages"),
    [("xen-3.4", 2048), ("xen-4.0.4", 2048), ("xen-4.1.0", 2048 + 768), ("xen-4.22", 2048 + 768)],
)
def test_before_4_1_the_initrd_is_part_of_the_allocation(release: str, pages: int) -> None:
    """What is allocated in one piece is the whole region then, with the initrd that is mapped in it."""
    version = asked_version(release, 32)
    given = Configuration(
        mode=COMPAT,
        virt_base=0xC0000000,
        kernel=Segment(0xC0100000, 0xC0200000),
        nr_pages=1,
        initrd_len=3 * MIB,
    )
    least = least_pages(version.configured(given), version)
    assert least == pages
    less = evolve(version.configured(given), nr_pages=least - 1)
    told = refusal(less, arrange(less, version), version)
    stop = "" if release == "xen-4.22" else "."
    assert told == f"Domain 0 allocation is too small for kernel image{stop}"
