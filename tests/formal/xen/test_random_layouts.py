"""Random configurations: where they lie, what they leave alone, and that they come back from the same seed."""

from collections import Counter

import pytest
from attrs import frozen
from ptproof.formal.images.image import parse_image
from ptproof.formal.images.image_writer import image_of
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Layout
from ptproof.formal.layouts.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.replay import overlaps_xen, replay
from ptproof.formal.xen.random_layouts import BUILT, REFUSED, Drawn, allocation_pages, configurations, draw

MIB, GIB = 1 << 20, 1 << 30
LIMIT = 256 * MIB
BOTH = pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=["64", "compat"])


@frozen
class Case:
    """A configuration with its layout."""

    configuration: Configuration
    layout: Layout


def cases(mode: PagingMode = X86_64, count: int = 400) -> list[Case]:
    """Configurations that Xen builds, with their layouts."""
    drawn = configurations(5, count, mode=mode, memory_limit=LIMIT)
    return [Case(each, arrange(each)) for each in drawn]


def crossings(layout: Layout, shift: int) -> int:
    """How many borders of 2**shift lie within the region."""
    end = layout.v_end or ADDRESS_LIMIT
    return (end - 1 >> shift) - (layout.v_start >> shift)


def stack_end(layout: Layout) -> int:
    """Where the boot stack ends."""
    assert layout.boot_stack is not None
    return layout.boot_stack.end


def test_the_seed_decides() -> None:
    """The same seed gives the same configurations, another seed others."""
    assert list(configurations(1, 20)) == list(configurations(1, 20))
    assert list(configurations(1, 20)) != list(configurations(2, 20))


def test_each_can_be_drawn_alone() -> None:
    """What is drawn at an index doesn't depend on what was drawn before."""
    assert draw(7, 19).configuration == list(configurations(7, 20))[19]


@BOTH
def test_xen_builds_them_exactly(mode: PagingMode) -> None:
    """The frame machine builds each, finds every frame used and nothing that Xen would refuse."""
    for case in cases(mode, 60):
        assert replay(case.layout).exact
        assert not overlaps_xen(case.layout)


@BOTH
def test_an_image_gives_each(mode: PagingMode) -> None:
    """For each there is an image, and it is read back as the configuration that it was made for."""
    for case in cases(mode, 100):
        wanted = case.configuration
        image = parse_image(image_of(wanted), "image")
        assert image.configuration(wanted.nr_pages, wanted.initrd_len) == wanted


@BOTH
def test_memory_is_limited(mode: PagingMode) -> None:
    """No dom0 has more memory than the limit, and each has enough for its allocation and its initrd."""
    for case in cases(mode):
        nr_pages = case.configuration.nr_pages
        initrd_pages = -(-case.configuration.initrd_len // PAGE_SIZE)
        assert nr_pages <= LIMIT >> PAGE_SHIFT
        assert allocation_pages(case.layout) + initrd_pages <= nr_pages
        assert allocation_pages(case.layout) <= LIMIT >> PAGE_SHIFT + 1


def test_memory_can_be_large() -> None:
    """Without a limit there are p2m of a hundred megabytes and more."""
    sizes = [each.nr_pages * 8 for each in configurations(3, 200)]
    assert max(sizes) > 100 * MIB
    assert min(sizes) < MIB


@BOTH
def test_many_end_near_the_padding_edge(mode: PagingMode) -> None:
    """Every fourth stack ends within 16 pages of 512 KiB below a multiple of 4 MiB, on both sides of it."""
    distances = [
        (stack_end(case.layout) + 512 * 1024 + 2 * MIB) % (4 * MIB) - 2 * MIB for case in cases(mode)
    ]
    near = [distance for distance in distances if abs(distance) <= 16 * PAGE_SIZE]
    assert len(near) > len(distances) / 4
    assert min(near) < 0 < max(near)
    assert 0 in near


@pytest.mark.parametrize(
    ("mode", "shift"), [(X86_64, 21), (X86_64, 30), (X86_64, 39), (COMPAT, 21), (COMPAT, 30)]
)
def test_many_lie_about_borders(mode: PagingMode, shift: int) -> None:
    """Of the regions no larger than 64 MiB, some cross each kind of border and some end or start just there."""
    layouts = [case.layout for case in cases(mode) if case.layout.total.size <= 64 * MIB]
    border = 1 << shift
    assert sum(crossings(layout, shift) > 0 for layout in layouts) >= 10
    assert any(layout.v_end % border == 0 for layout in layouts)
    assert any(layout.v_start % border == 0 for layout in layouts)


def test_tables_lie_across_borders() -> None:
    """Some page tables themselves lie across a border of 1 GiB, and some across one of 512 GiB."""
    for shift in (30, 39):
        tables = [case.layout.page_tables for case in cases(count=800)]
        assert any((table.end - 1 >> shift) != (table.start >> shift) for table in tables)


def test_all_ways_of_initrd_and_p2m() -> None:
    """An initrd mapped, not mapped and absent, with a p2m in the region and elsewhere: all six occur often."""
    seen: Counter[tuple[str, bool]] = Counter()
    for case in cases():
        configuration = case.configuration
        mapped = "unmapped" if configuration.mod_start_pfn else "mapped"
        initrd = mapped if configuration.initrd_len else "absent"
        seen[initrd, configuration.init_p2m is None] += 1
    assert len(seen) == 6
    assert min(seen.values()) >= 10


def test_sizes_are_unaligned() -> None:
    """Kernels start and end within pages, initrds have odd lengths, and so do p2m's own addresses."""
    drawn = [case.configuration for case in cases()]
    assert sum(each.kernel.start % PAGE_SIZE != 0 for each in drawn) > 50
    assert sum(each.kernel.end % PAGE_SIZE != 0 for each in drawn) > 100
    assert sum(each.initrd_len % PAGE_SIZE != 0 for each in drawn) > 100
    assert any(each.init_p2m is not None and each.init_p2m % PAGE_SIZE for each in drawn)


def test_allocations_about_powers_of_two() -> None:
    """What is allocated is a power of two exactly, a page less, and a page more."""
    seen = set()
    for case in cases():
        initrd = case.layout.initrd.size if case.layout.initrd else 0
        pages = case.layout.total.size - (initrd + -initrd % PAGE_SIZE) >> PAGE_SHIFT
        seen.add(pages - (1 << pages.bit_length() - 1))
        seen.add(pages - (1 << pages.bit_length()))
    assert {-1, 0, 1} <= seen


def test_a_p2m_may_lie_next_to_the_region() -> None:
    """Some p2m lie within 4 MiB above the region, and some within 4 MiB below it."""
    above = below = 0
    for case in cases(count=1500):
        if case.configuration.init_p2m is not None and case.layout.p2m is not None:
            above += case.layout.p2m.start - case.layout.v_end in range(4 * MIB)
            below += case.layout.v_start - case.layout.p2m.end in range(4 * MIB)
    assert above >= 10
    assert below >= 10


def test_the_ends_of_the_halves() -> None:
    """Regions end at 2**47 and at 2**64 exactly, start above Xen's area, and at -2 GiB."""
    ends = {case.layout.v_end for case in cases()}
    starts = {case.layout.v_start for case in cases()}
    assert {1 << 47, 0} <= ends
    assert {0xFFFF_8800_0000_0000, ADDRESS_LIMIT - 2 * GIB} <= starts


def refused() -> list[Drawn]:
    """Configurations that Xen doesn't build as it should."""
    return [draw(5, index, memory_limit=LIMIT, kinds=REFUSED) for index in range(200)]


def test_every_kind_is_drawn() -> None:
    """Each of the kinds for a mode is drawn, those that Xen builds and the others."""
    for mode in (X86_64, COMPAT):
        seen = {draw(1, index, mode=mode, memory_limit=LIMIT).kind for index in range(400)}
        assert seen == {kind for kind in BUILT if mode.bits in kind.modes}
    assert {drawn.kind for drawn in refused()} == set(REFUSED)


def test_those_that_xen_refuses_are_still_images() -> None:
    """For what Xen refuses there is an image all the same: libelf has no objection."""
    for drawn in refused():
        assert (
            parse_image(image_of(drawn.configuration), "image").virt_base.value
            == drawn.configuration.virt_base
        )
