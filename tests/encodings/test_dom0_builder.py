"""The dom0 builder's loops and frames by formula, against the machine's builder, entry by entry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ptproof.encodings import dom0_builder
from ptproof.encodings.allocation import initrd_pages
from ptproof.formal.layouts.layout import Layout, Segment
from ptproof.formal.layouts.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ptproof.formal.machine.builder import (
    INITRD_MFN,
    PRESENT,
    Domain,
    build,
    empty_domain,
    mfn_of,
    table_entries,
)
from ptproof.formal.words.word import compiled, number, word

MIB, GIB = 1 << 20, 1 << 30
MODES = pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)


def with_initrd(start: int, size: int, place: int, length: int, mode: PagingMode = X86_64) -> Layout:
    """A region of ``size`` bytes whose tables start 1 MiB below its end; the initrd is mapped if ``place`` isn't 0."""
    tables = start + size - MIB
    return Layout(
        mode=mode,
        page_tables=Segment(tables, tables + 0x8000),
        total=Segment(start, start + size),
        initrd=Segment(place, place + length) if place else None,
    )


def leaves(domain: Domain) -> list[int]:
    """The frames that the region's pages map, in the order of the L1 tables."""
    tables = [frame for frame, level in enumerate(domain.order) if level == 1]
    return [mfn_of(entry) for frame in tables for entry in table_entries(domain, frame) if entry & PRESENT]


@MODES
@pytest.mark.parametrize(
    ("place", "length"),
    [(0, 0), (0, 5 * PAGE_SIZE), (GIB, 1), (GIB + 0x5000, 3 * PAGE_SIZE - 5), (GIB + 2 * MIB, MIB)],
    ids=["none", "not mapped", "at the start", "in the middle", "up to the tables"],
)
def test_each_page_maps_the_machines_frame(mode: PagingMode, place: int, length: int) -> None:
    """The formula gives every page of the region what the machine maps there."""
    size = 4 * MIB
    domain = build(with_initrd(GIB, size, place, length, mode))
    pages = int(initrd_pages(number(length)))
    allocation = dom0_builder.allocated(number(GIB), number(GIB + size), number(place), number(length))
    at = int(dom0_builder.initrds_page(number(GIB), number(place), allocation))
    inputs = page, start, count = word("page"), word("start"), word("count")
    formula = compiled([dom0_builder.frame_of(*inputs)], inputs)
    is_initrds = compiled([dom0_builder.is_initrds(page, start, count)], inputs)
    mapped = leaves(domain)
    assert len(mapped) == size >> PAGE_SHIFT
    for each, mfn in enumerate(mapped):
        from_ = INITRD_MFN if is_initrds(each, at, pages)[0] else domain.alloc_mfn
        assert formula(each, at, pages) == (mfn - from_,)


def test_the_frames_of_the_pages_around_an_initrd() -> None:
    """A mapped initrd's pages map its own frames; from below it to above it the others go on by one each."""
    frames = [int(dom0_builder.frame_of(number(page), number(4), number(3))) for page in range(2, 10)]
    assert frames == [2, 3, 0, 1, 2, 4, 5, 6]


@pytest.mark.parametrize("start", [0, 0x800, 0x1FF000, 0xFFFF_FFFF_8000_0000])
def test_which_page_an_address_is_on(start: int) -> None:
    """Pages count from the start's own, around the end of the address space, too."""
    for page in (0, 1, 511, 1 << 40):
        address = (start - start % PAGE_SIZE + page * PAGE_SIZE + 5) % (1 << 64)
        assert int(dom0_builder.page_of(number(start), number(address))) == page


@given(
    st.integers(0, 3 * MIB >> PAGE_SHIFT),
    st.integers(1, 6 * MIB),
    st.booleans(),
    st.sampled_from([4, 8, 12, 64]),
)
def test_the_allocation_is_the_machines(at: int, length: int, mapped: bool, size: int) -> None:
    """How many frames are allocated, and the first table's, is what the machine finds for the same region."""
    start, tables = GIB, GIB + (size * MIB - MIB)
    place = start + at * PAGE_SIZE
    mapped = mapped and place + length + PAGE_SIZE <= tables
    domain = empty_domain(with_initrd(start, size * MIB, place if mapped else 0, length))
    words = number(place if mapped else 0), number(length)
    allocation = dom0_builder.allocated(number(start), number(start + size * MIB), *words)
    assert int(allocation) == domain.allocation
    first = int(dom0_builder.first_table(number(start), number(tables), *words))
    assert first >> PAGE_SHIFT == domain.pool_mfn - domain.alloc_mfn
    assert int(dom0_builder.initrds_page(number(start), words[0], allocation)) == (
        at if mapped else domain.allocation
    )
