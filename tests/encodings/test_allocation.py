"""What Xen demands of dom0's memory, against the same reckoned by what is foreseen of a layout."""

import random

import pytest
from attrs import evolve
from ptproof.encodings.allocation import MAX_ORDER, allowed, order_pages, own_length
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import PAGE_SIZE
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.refusals import too_little
from ptproof.formal.words.word import number


@pytest.mark.parametrize("order", range(30))
def test_the_least_order_that_holds_it(order: int) -> None:
    """2^order pages hold so many bytes, and one more byte takes twice as many."""
    full = (1 << order) * PAGE_SIZE
    assert int(order_pages(number(full))) == 1 << order
    assert int(order_pages(number(full + 1))) == 2 << order


@pytest.mark.parametrize("seed", range(8))
def test_as_it_is_foreseen(seed: int) -> None:
    """Formula and machine say of the same boots that Xen goes on, near where it just does or doesn't."""
    source = random.Random(seed)
    seen = set()
    for _ in range(200):
        end = source.randrange(1 << 20, 1 << source.randrange(21, 32))
        mapped = source.random() < 0.5
        initrd = source.randrange(1 << source.randrange(1, 30))
        given = Configuration(
            kernel=Segment(0x1000, end),
            nr_pages=1,
            init_p2m=1 << 40,
            mod_start_pfn=not mapped,
            initrd_len=initrd,
        )
        layout = arrange(given)
        own = own_length(number(0), number(layout.v_end), number(initrd) if mapped else None)
        needed = int(order_pages(own)) + -(-initrd // PAGE_SIZE)
        for pages in (needed - 1, needed, needed + source.randrange(1000)):
            tried = evolve(given, nr_pages=pages)
            goes_on = bool(allowed(number(pages), own, number(initrd)))
            assert goes_on == (too_little(tried, arrange(tried)) is None)
            seen.add((goes_on, int(order_pages(own)) > 1 << MAX_ORDER))
    assert seen == {(True, False), (False, False), (False, True)}
