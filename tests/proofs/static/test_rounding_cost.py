"""What one way of ending a region costs against another: what was tried for the costliest is all that there is."""

from itertools import product
from random import Random

import pytest
from ptproof.encodings.dom0_arrangement import count
from ptproof.formal.layouts.paging import COMPAT, PAGE_SIZE, X86_64, PagingMode
from ptproof.proofs.static.rounding_cost import PAGE, TWO_MIB, XENS, Ends, costliest

WAYS = (XENS, PAGE, TWO_MIB, Ends(24, 1 << 20), Ends(16, 0))


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
def test_no_region_costs_more(mode: PagingMode) -> None:
    random = Random(mode.name)
    regions = []
    for _ in range(300):
        border = 1 << random.choice((21, 22, 24, 30, *((39, 46) if mode.bits == 64 else ())))
        start = max(0, random.randrange(1, 3) * border - random.randrange(1 << 26)) & -PAGE_SIZE
        regions.append((start, start + random.randrange(1, 1 << 14) * PAGE_SIZE))
    for more, less in product(WAYS, repeat=2):
        if more == less:
            continue
        most = costliest(mode, more, less)
        for region in regions:
            (frames, end), (fewer, before) = (count(mode, *region, each.what_if) for each in (more, less))
            assert frames - fewer <= most.frames, (more, less, region)
            assert end - before <= most.bytes, (more, less, region)
        for title, where in (("frames", most.frames_at), ("bytes", most.bytes_at)):
            (frames, end), (fewer, before) = (count(mode, *where, each.what_if) for each in (more, less))
            reached = {"frames": frames - fewer, "bytes": end - before}[title]
            assert max(0, reached) == getattr(most, title)


def test_the_figures_of_the_thread() -> None:
    """Against a page, and against 2 MiB with 64 KiB: 4 tables, or 2 for a 32-bit guest, and 4 MiB with or without 508 KiB."""
    for mode, frames in ((X86_64, 4), (COMPAT, 2)):
        page, two = (costliest(mode, XENS, each) for each in (PAGE, TWO_MIB))
        assert (page.frames, page.bytes) == (frames, (4 << 20) + (508 << 10))
        assert (two.frames, two.bytes) == (frames, 4 << 20)
        assert costliest(mode, TWO_MIB, XENS).bytes == 0
