"""What if: machine and formulas agree on it, each by its own arithmetic, and Xen's own figures change nothing."""

from itertools import product
from random import Random

import pytest
from attrs import evolve
from ptproof.encodings.dom0_arrangement import laid_out
from ptproof.encodings.dom0_count import FIRST_TRIED
from ptproof.encodings.dom0_layout import PADDING, ROUNDING_SHIFT
from ptproof.formal.layouts.layout import Configuration, Layout, Segment
from ptproof.formal.layouts.paging import COMPAT, PAGE_SIZE, X86_64, PagingMode
from ptproof.formal.layouts.what_if import WhatIf
from ptproof.formal.machine import arrange as machine
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.replay import replay
from ptproof.formal.machine.what_if import against_xen

MIB, KIB = 1 << 20, 1 << 10
ASKED = [
    WhatIf(rounding=rounding, padding=padding, first_tried=first)
    for rounding, padding, first in product(
        (None, PAGE_SIZE, 64 * KIB, 2 * MIB, 16 * MIB), (None, 0, 4097, 64 * KIB, 3 * MIB), (None, 1, 4)
    )
]


def configurations(mode: PagingMode) -> list[Configuration]:
    """Kernels of all lengths, near lines of 2 MiB, 1 GiB and, for 64 bits, 512 GiB."""
    random = Random(mode.name)
    found = []
    for border in (1 << 21, 1 << 30, *((1 << 39,) if mode.bits == 64 else ())):
        for _ in range(4):
            start = max(0, border - random.randrange(4 * MIB))
            end = start + random.randrange(5 * MIB)
            pages = random.randrange(1, 1 << 19)
            found.append(
                Configuration(mode=mode, virt_base=start, kernel=Segment(start, end), nr_pages=pages)
            )
    return found


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
def test_machine_and_formulas_agree(mode: PagingMode) -> None:
    for given, asked in product(configurations(mode), ASKED):
        changed = evolve(given, what_if=asked)
        assert laid_out(changed) == arrange(changed), changed


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
def test_the_region_ends_as_asked_and_takes_what_is_set_aside(mode: PagingMode) -> None:
    for given, asked in product(configurations(mode)[::4], ASKED):
        aligned = evolve(given, virt_base=given.virt_base & -PAGE_SIZE, what_if=asked)
        layout = arrange(aligned)
        assert layout.boot_stack is not None
        left = layout.v_end - layout.boot_stack.end
        rounding, padding = machine.rounding_of(asked), machine.padding_of(asked)
        assert layout.v_end % rounding == 0
        assert padding <= left < padding + rounding, aligned
        assert replay(layout).exact, aligned


def test_xens_own_figures_are_xens() -> None:
    theirs = WhatIf(rounding=1 << ROUNDING_SHIFT, padding=PADDING, first_tried=FIRST_TRIED)
    assert theirs == WhatIf(
        rounding=machine.ROUNDING, padding=machine.PADDING, first_tried=machine.FIRST_TRIED
    )
    for given in configurations(X86_64):
        assert evolve(arrange(evolve(given, what_if=theirs)), what_if=None) == arrange(given)


def test_a_start_above_the_fewest_tables_leaves_frames_over() -> None:
    given = Configuration(
        kernel=Segment(MIB, MIB + 72 * KIB),
        nr_pages=1 << 14,
        what_if=WhatIf(rounding=2 * MIB, padding=0, first_tried=5),
    )
    assert replay(arrange(given)).unused == (4,)


def told(given: Configuration, asked: WhatIf | None) -> str:
    changed = evolve(given, what_if=asked)
    return "\n".join(against_xen(changed, arrange(changed)))


def test_what_is_saved_and_what_may_be_lost_is_told() -> None:
    small = Configuration(kernel=Segment(MIB, MIB + 72 * KIB), nr_pages=1 << 14)
    assert told(small, None) == ""
    two = told(small, WhatIf(rounding=2 * MIB, padding=64 * KIB))
    assert "the region has 2 MiB, Xen's 4 MiB: 2 MiB less; 4 tables, Xen's 5: 1 less" in two
    assert "a padding of 64 KiB is less than the 512 KiB that Xen promises" in two
    assert "needn't end on a line of 4 MiB" in two
    assert "Mini-OS, before" not in two
    assert "the last L1 needn't be full: Mini-OS, before" in told(small, WhatIf(rounding=PAGE_SIZE))
    more = told(small, WhatIf(rounding=16 * MIB))
    assert "12 MiB more; 11 tables, Xen's 5: 6 more" in more
    assert len(more.splitlines()) == 1


def test_a_rounding_is_a_power_of_two() -> None:
    for rounding in (0, 3 * MIB, -4096):
        with pytest.raises(ValueError, match="rounding"):
            WhatIf(rounding=rounding)


def test_nobody_takes_it_for_xens() -> None:
    layout = arrange(Configuration(kernel=Segment(0, MIB), nr_pages=1, what_if=WhatIf(padding=0)))
    assert isinstance(layout, Layout)
    assert layout.what_if == WhatIf(padding=0)
    assert WhatIf(padding=0).sentence == "what if: the padding above the boot stack is 0 B; not as in Xen"
