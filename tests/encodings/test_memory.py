"""The formulas for dom0's memory, against the same reckoned on numbers, and against what Xen is known to do."""

from random import Random

import pytest
from ptproof.encodings.memory import nr_pages_capped, nr_pages_clamped, nr_pages_unasked
from ptproof.formal.layouts.dom0_mem import UNLIMITED, Amount, Dom0Mem, capped
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.words.word import compiled, number, word

GIB = 1 << 30
PAGES_OF_A_GIB = GIB >> 12


def random_word(random: Random, bits: int = 64) -> int:
    """A number of any size up to ``bits`` bits, often a round one or one beside it."""
    value = random.getrandbits(random.randint(1, bits))
    return (value & -(1 << random.randrange(bits)) | random.choice((0, 0, 1, 4095))) % (1 << bits)


def test_clamped_memory_is_what_the_option_gives() -> None:
    """Clamping by formula gives what dom0_mem gives on numbers, with an amount and without."""
    random = Random(4)
    asked, least, most, there = (word(name) for name in ("asked", "least", "most", "there"))
    clamped = compiled([nr_pages_clamped(asked, least, most, there)], [asked, least, most, there])
    unasked = compiled([nr_pages_unasked(there)], [there])
    for _ in range(2000):
        available = random_word(random, 52)
        amounts = [
            Amount(random_word(random, 52), random.randrange(100), random.random() < 0.3) for _ in range(3)
        ]
        if random.random() < 0.3:
            amounts[0] = Amount()
        if random.random() < 0.3:
            amounts[2] = Amount(UNLIMITED)
        option = Dom0Mem(*amounts)
        amount = option.amount.of(available) or unasked(available)[0]
        assert (
            option.nr_pages(available)
            == clamped(amount, option.minimum.of(available), option.maximum.of(available), available)[0]
        )


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
def test_the_cap_by_formula_is_the_cap_on_numbers(mode: PagingMode) -> None:
    """For any addresses, lengths and minima the formula gives what is reckoned on numbers, wherever it clips."""
    random = Random(6)
    words = v_start, kernel_end, initrd_len, nr_pages, least = [
        word(name) for name in ("v_start", "kernel_end", "initrd_len", "nr_pages", "least")
    ]
    by_formula = {
        mapped: compiled(
            [nr_pages_capped(mode, v_start, kernel_end, initrd_len if mapped else None, nr_pages, least)],
            words,
        )
        for mapped in (True, False)
    }
    clipped = 0
    for _ in range(4000):
        bits = random.choice((mode.bits, 64))
        start, end, initrd = (random_word(random, bits) for _ in range(3))
        pages, minimum = random_word(random, 52), random.choice((0, random_word(random, 52)))
        mapped = random.random() < 0.5
        configuration = Configuration(
            mode=mode,
            virt_base=start,
            kernel=Segment(start, end),
            nr_pages=pages,
            initrd_len=initrd,
            mod_start_pfn=not mapped,
        )
        found = capped(configuration, Dom0Mem(minimum=Amount(minimum)), None)
        assert (found,) == by_formula[mapped](start, end, initrd, pages, minimum)
        clipped += found != pages
    assert clipped > 200


def test_the_cap_can_raise_memory() -> None:
    """64 GiB with a kernel and an initrd of 1.1 GiB at -2 GiB become 229 GiB, by the cap's formula."""
    start = ADDRESS_LIMIT - 2 * GIB
    end = start + (1 << 20)
    initrd = 11 * GIB // 10 - (1 << 20)
    raised = nr_pages_capped(
        X86_64, number(start), number(end), number(initrd), number(64 * PAGES_OF_A_GIB), number(0)
    )
    assert 229 <= int(raised) / PAGES_OF_A_GIB < 231


def test_nothing_is_clipped_where_there_is_room() -> None:
    """A kernel of 16 MiB at -2 GiB keeps 64 GiB, whose p2m takes 128 MiB."""
    start = ADDRESS_LIMIT - 2 * GIB
    kept = nr_pages_capped(
        X86_64, number(start), number(start + (16 << 20)), number(0), number(64 * PAGES_OF_A_GIB), number(0)
    )
    assert int(kept) == 64 * PAGES_OF_A_GIB


@pytest.mark.parametrize(("pages", "clips"), [(64 << 20, False), ((64 << 20) + 1, True)])
def test_the_cap_is_past_4_gib(pages: int, clips: bool) -> None:
    """What comes to 4 GiB just so, twice the p2m included, is kept, by the formula and on numbers; an entry more isn't."""
    end = 3 * GIB + (256 << 20)
    configuration = Configuration(
        mode=COMPAT, virt_base=3 * GIB, kernel=Segment(3 * GIB, end), nr_pages=pages, mod_start_pfn=True
    )
    found = nr_pages_capped(COMPAT, number(3 * GIB), number(end), None, number(pages), number(0))
    assert int(found) == capped(configuration, Dom0Mem(), None)
    assert (int(found) != pages) is clips
