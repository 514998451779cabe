"""The family *Builder*, its frames: the verdicts, and the formulas against the machine's allocation."""

import pytest
from deciding import check_verdicts, refuted
from hypothesis import given
from hypothesis import strategies as st
from ptproof.encodings import dom0_builder
from ptproof.formal.builder import empty_domain
from ptproof.formal.layout import Layout, Segment
from ptproof.formal.paging import PAGE_SHIFT, PAGE_SIZE, X86_64
from ptproof.formal.search import run
from ptproof.formal.words import number
from ptproof.proofs.frames import CLAIMS

MIB = 1 << 20


def test_every_verdict_is_as_expected() -> None:
    """Every part gets the verdict that it carries, and the machine confirms each case."""
    check_verdicts(CLAIMS)


def test_nothing_is_refuted() -> None:
    """Every frame is there, and where it should be."""
    assert refuted(CLAIMS) == set()


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
    start, tables = 1 << 30, (1 << 30) + (size * MIB - MIB)
    place = start + at * PAGE_SIZE
    mapped = mapped and place + length + PAGE_SIZE <= tables
    domain = empty_domain(
        Layout(
            mode=X86_64,
            page_tables=Segment(tables, tables + 0x8000),
            total=Segment(start, start + size * MIB),
            initrd=Segment(place, place + length) if mapped else None,
        )
    )
    words = number(place if mapped else 0), number(length)
    allocation = dom0_builder.allocated(number(start), number(start + size * MIB), *words)
    assert int(allocation) == domain.allocation
    first = int(dom0_builder.first_table(number(start), number(tables), *words))
    assert first >> PAGE_SHIFT == domain.pool_mfn - domain.alloc_mfn
    assert run(dom0_builder.taking(), (first, 3)) == (3, first + 3 * PAGE_SIZE)
    assert int(dom0_builder.initrds_page(number(start), words[0], allocation)) == (
        at if mapped else domain.allocation
    )
