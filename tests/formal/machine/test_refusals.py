"""What is foreseen of a p2m at an address of its own, held against what the frame machine makes of it."""

import pytest
from attrs import evolve
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.loading import Fate, Unmodelled, load
from ptproof.formal.machine.refusals import foreseen, refusing_frames, refusing_hosts, too_little
from ptproof.formal.machine.replay import REFUSED

MIB, GIB, TOP = 1 << 20, 1 << 30, 1 << 64
LENGTH = 65536 * 8
"""A p2m of 256 MiB of memory, in bytes."""


def dom0(init_p2m: int, base: int = GIB) -> Configuration:
    """A small dom0, its region 4 MiB from ``base`` on, with its p2m there."""
    kernel = Segment(base + MIB, base + MIB + 0x12000)
    return Configuration(virt_base=base, kernel=kernel, nr_pages=65536, init_p2m=init_p2m)


def told(given: Configuration) -> list[str]:
    """What is foreseen of the p2m."""
    return [each for each in foreseen(given, arrange(given)) if "p2m at INIT_P2M" in each]


@pytest.mark.parametrize("init_p2m", [GIB + 4 * MIB, GIB - LENGTH, GIB + 2 * MIB, GIB - LENGTH + 8])
def test_a_p2m_that_touches_the_region(init_p2m: int) -> None:
    """Xen refuses a p2m that starts right where the region ends, or ends right where it starts, as any that overlaps it."""
    given = dom0(init_p2m)
    assert told(given) == ["Xen refuses the boot: the p2m at INIT_P2M touches the region."]
    assert load(given).fate is Fate.P2M_OVERLAPS


@pytest.mark.parametrize("init_p2m", [GIB + 4 * MIB + 8, GIB - LENGTH - 8, 1 << 39])
def test_a_p2m_eight_bytes_away(init_p2m: int) -> None:
    """A p2m an entry away from the region is taken, and nothing is foreseen."""
    given = dom0(init_p2m)
    assert told(given) == []
    assert load(given).fate is Fate.RUNS


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (dom0(2**64 - LENGTH), "passes the last address"),
        (dom0(2**64 - 0x1000), "passes the last address"),
        (dom0(0x0000_9000_0000_0000), "has addresses that no processor can form"),
        (dom0(2**64 - 2 * MIB, base=2**64 - 4 * MIB), "lies in the region, which ends at 2^64"),
    ],
)
def test_what_xen_dies_of(given: Configuration, what: str) -> None:
    """What Xen doesn't check it dies of, and that is told; so it does on the machine."""
    (sentence,) = told(given)
    assert what in sentence
    assert "Xen doesn't notice" in sentence
    assert load(given).fate is Fate.DIES


TOO_SMALL = "panics: Dom0 allocation too small for initial P->M table."


@pytest.mark.parametrize("init_p2m", [TOP - 2 * MIB, TOP - 2 * MIB - LENGTH // 2, TOP - 2 * MIB - LENGTH + 8])
def test_a_p2m_in_the_last_2_mib(init_p2m: int) -> None:
    """Xen takes a superpage there, whose end is 0, and goes on from 0: that is told, and so it does on the machine."""
    given = dom0(init_p2m)
    (sentence,) = told(given)
    assert sentence.startswith("The p2m at INIT_P2M reaches into the last 2 MiB")
    assert sentence.endswith(TOO_SMALL)
    assert load(given).fate is Fate.P2M_TOO_LARGE


@pytest.mark.parametrize(
    ("base", "init_p2m", "nr_pages", "wraps"),
    [
        (TOP - 2 * GIB, TOP - GIB, 1048576, True),
        (TOP - 2 * GIB, TOP - GIB - 2 * MIB, 1048576, True),
        (TOP - 2 * GIB, TOP - GIB + MIB, 1048576, False),
        (TOP - 2 * GIB, TOP - GIB - 8 * MIB, 1048576, False),
        (TOP - 2 * GIB, TOP - GIB - 8 * MIB, 1048577, True),
        (TOP - GIB, TOP - GIB + 64 * MIB, 1048576, False),
        (TOP - GIB + 64 * MIB, TOP - GIB, 1048576, False),
    ],
)
def test_a_p2m_in_the_last_gib(base: int, init_p2m: int, nr_pages: int, wraps: bool) -> None:
    """Where there are pages of 1 GiB Xen wraps there, if nothing of the region is in it; elsewhere all is well."""
    given = evolve(dom0(init_p2m, base), nr_pages=nr_pages)
    sentences = told(given)
    assert load(given).fate is Fate.RUNS
    assert load(given, superpages=frozenset((21, 30))).fate is (Fate.P2M_TOO_LARGE if wraps else Fate.RUNS)
    assert len(sentences) == wraps
    assert all(
        "where the processor has pages of 1 GiB" in each and each.endswith(TOO_SMALL) for each in sentences
    )


def test_a_p2m_across_the_end_of_the_lower_half() -> None:
    """What lies beyond 2^47 is told as no address; its slots are Xen's, where the machine goes no further."""
    given = dom0(2**47 - 0x1000)
    (sentence,) = told(given)
    assert "has addresses that no processor can form" in sentence
    with pytest.raises(Unmodelled, match="Xen's own area"):
        load(given)


@pytest.mark.parametrize(
    "init_p2m", [0xFFFF_8000_0000_0000, 0xFFFF_87FF_FFFF_F000, 0xFFFF_8800_0000_0000 - 8]
)
def test_a_p2m_in_xens_own_slots(init_p2m: int) -> None:
    """A p2m whose addresses are Xen's own is told, since Xen maps it there; the machine goes no further."""
    given = dom0(init_p2m)
    assert told(given) == [
        "The p2m at INIT_P2M lies in Xen's own L4 slots: Xen doesn't notice, and maps it into its own tables."
    ]
    with pytest.raises(Unmodelled, match="Xen's own area"):
        load(given)


def test_beside_xens_own_slots() -> None:
    """Right above Xen's slots a p2m is as good as anywhere."""
    assert told(dom0(0xFFFF_8800_0000_0000)) == []


def small(end: int) -> Configuration:
    """A 32-bit dom0 from 0xF0000000 on, its region up to ``end``, of an image with the note HV_START_LOW."""
    kernel = Segment(0xF0100000, end - 2 * MIB)
    return Configuration(
        mode=COMPAT,
        virt_base=0xF0000000,
        kernel=kernel,
        nr_pages=1 << 17,
        mod_start_pfn=True,
        hv_start_low=True,
    )


@pytest.mark.parametrize(
    ("end", "frames", "hosts"),
    [
        (0xF5800000, None, "on no host"),
        (0xF5C00000, 81 * (2 * GIB >> 12) + 1, "on hosts whose memory ends above 162 GiB"),
        (0xFFC00000, (2 * GIB >> 12) + 1, "on hosts whose memory ends above 2 GiB"),
        (1 << 32, 1, "on every host"),
    ],
)
def test_an_image_that_lets_the_host_decide(end: int, frames: int | None, hosts: str) -> None:
    """With the note HV_START_LOW it is told which hosts refuse the region; without it, that Xen does."""
    given = small(end)
    layout = arrange(given)
    assert layout.v_end == end
    assert (refusing_frames(layout), refusing_hosts(layout)) == (frames, hosts)
    told = [each for each in foreseen(given, layout) if each == REFUSED or "HV_START_LOW" in each]
    assert len(told) == {None: 0, 1: 1}.get(frames, 2)
    assert hosts in told[-1] if len(told) == 2 else REFUSED in told or frames is None
    for other in (evolve(given, hv_start_low=False), evolve(given, shim=True)):
        plain = [each for each in foreseen(other, layout) if each == REFUSED or "HV_START_LOW" in each]
        assert plain == ([] if frames is None else [REFUSED])
    if len(told) == 2:
        with pytest.raises(Unmodelled, match="depends on the host"):
            load(given)
    else:
        assert load(given).fate is (Fate.RUNS if frames is None else Fate.OVERLAPS)


@pytest.mark.parametrize("size", [MIB, 2 * MIB])
@pytest.mark.parametrize("page", [None, TOP - 4 * MIB, TOP - MIB])
def test_a_hypercall_page_of_a_region_that_reaches_the_last_address(page: int | None, size: int) -> None:
    """It is told that Xen refuses it, wherever in the region the page is; without the note nothing is."""
    kernel = Segment(TOP - 3 * MIB, TOP - 3 * MIB + size)
    given = Configuration(virt_base=TOP - 4 * MIB, kernel=kernel, nr_pages=65536, hypercall_page=page)
    said = [each for each in foreseen(given, arrange(given)) if "HYPERCALL_PAGE" in each]
    assert len(said) == (page is not None)
    assert load(given).fate is (Fate.RUNS if page is None else Fate.NO_HYPERCALL_PAGE)


def test_a_hypercall_page_is_below_the_end() -> None:
    """The first address of the region will do, and the last; the one below and the one above won't."""
    region = Segment(MIB, 8 * MIB)
    for page, within in ((MIB - 1, False), (MIB, True), (8 * MIB - 1, True), (8 * MIB, False)):
        given = Configuration(
            virt_base=MIB, kernel=Segment(2 * MIB, 3 * MIB), nr_pages=65536, hypercall_page=page
        )
        assert arrange(given).total == region
        assert (
            bool([each for each in foreseen(given, arrange(given)) if "HYPERCALL_PAGE" in each]) is not within
        )


def test_a_mapped_initrd_at_0_counts_as_one_that_is_not() -> None:
    """Its memory is needed beside the region's: what is foreseen of the least memory is what the machine does."""
    kernel = Segment(TOP - 3 * MIB, TOP - 0x800)
    given = Configuration(virt_base=TOP - 4 * MIB, kernel=kernel, nr_pages=5631, initrd_len=6 * MIB)
    layout = arrange(given)
    assert layout.initrd is not None
    assert layout.initrd.start == 0
    assert too_little(given, layout) is not None
    assert load(given).fate is Fate.TOO_LITTLE_MEMORY
    enough = evolve(given, nr_pages=5632)
    assert too_little(enough, arrange(enough)) is None
    assert load(enough).fate is not Fate.TOO_LITTLE_MEMORY


def test_more_than_xen_allocates_at_once() -> None:
    """A region of more than 1 GiB is refused whatever memory dom0 has; one of 1 GiB isn't."""
    for size, fate in ((GIB - 12 * MIB, Fate.RUNS), (GIB, Fate.TOO_LARGE_AT_ONCE)):
        given = Configuration(kernel=Segment(MIB, MIB + size), nr_pages=1 << 19)
        assert (too_little(given, arrange(given)) is None) is (fate is Fate.RUNS)
        assert load(given, written=()).fate is fate
