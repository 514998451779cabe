"""How much memory dom0 gets, and the cap that is meant to keep its address space from running out.

Formulas over words; what people write for ``dom0_mem`` is read, and reckoned on numbers, by
``ptproof.formal.layouts.dom0_mem``. Memory is counted in pages of 4 KiB, addresses and lengths are in bytes.

Source: DOMAIN.md section 6; ``dom0_compute_nr_pages()`` in Xen's ``xen/arch/x86/dom0_build.c`` (4.22).
"""

from typing import Final

from ..formal.layouts.paging import PAGE_SHIFT, PagingMode
from ..formal.words.word import FALSE, Truth, Word, choose, number, zero_extended
from .spans import round_up

RESERVE = (128 << 20) >> PAGE_SHIFT
"""The most that is kept from dom0 when it isn't told how much to take, in pages ..."""
RESERVE_SHIFT = 4
"""... and the part that is kept, if that is less: a 16th."""


def nr_pages_unasked(available: Word) -> Word:
    """Dom0's memory when no amount is given: what is there, less a reserve."""
    part = available >> RESERVE_SHIFT
    return available - choose(part < RESERVE, part, number(RESERVE))


def nr_pages_clamped(asked: Word, min_pages: Word, max_pages: Word, available: Word) -> Word:
    """Dom0's memory before the cap: at least the minimum, then at most the maximum and what is there."""
    raised = choose(asked < min_pages, min_pages, asked)
    lowered = choose(max_pages < raised, max_pages, raised)
    return choose(available < lowered, available, lowered)


def cap_applies(nr_pages: Word, min_pages: Word) -> Truth:
    """Whether the cap is looked at, for an image without INIT_P2M and no positive absolute amount of memory.

    ``min_pages`` is 0 where no positive absolute minimum is given.
    """
    return (min_pages == 0) | (nr_pages > min_pages)


def loaded_end(kernel_end: Word, initrd_len: Word | None) -> Word:
    """``vend``: the end of the kernel and the initrd in whole pages; ``None`` is an initrd that isn't mapped."""
    end = round_up(kernel_end, PAGE_SHIFT)
    return end if initrd_len is None else end + round_up(initrd_len, PAGE_SHIFT)


def cap_reached(mode: PagingMode, v_start: Word, vend: Word, nr_pages: Word) -> Truth:
    """Whether twice the size of kernel, initrd and p2m, counted from S, runs out of the address space."""
    end = vend + nr_pages * mode.p2m_entry
    doubled = choose(end > v_start, end + (end - v_start), end)
    too_far = doubled > (1 << 32) if mode.bits < 64 else FALSE
    return (doubled <= v_start) | too_far


def nr_pages_fitting(mode: PagingMode, vend: Word) -> Word:
    """What the cap clips to: half of what is left above ``vend``, in entries of the p2m."""
    limit = number(1 << 32 if mode.bits < 64 else 0)
    return (limit - vend) >> (2 * mode.p2m_entry).bit_length() - 1


WIDE: Final = 72
"""The bits in which no sum of addresses and lengths here wraps."""


def loaded_in_space(mode: PagingMode, kernel_end: Word, initrd_len: Word) -> Truth:
    """Whether kernel and mapped initrd, in whole pages, end by the end of the address space: what no Xen checks."""
    return loaded_end_wide(kernel_end, initrd_len) <= 1 << mode.bits


def cap_passes(mode: PagingMode, kernel_end: Word, initrd_len: Word, nr_pages: Word) -> Truth:
    """Whether kernel, mapped initrd and twice the p2m pass the end, or come to it: what the cap should ask for."""
    twice = zero_extended(nr_pages, WIDE) * (2 * mode.p2m_entry)
    return loaded_end_wide(kernel_end, initrd_len) + twice >= 1 << mode.bits


def loaded_end_wide(kernel_end: Word, initrd_len: Word) -> Word:
    """Where kernel and mapped initrd end, in numbers that don't wrap."""
    return loaded_end(zero_extended(kernel_end, WIDE), zero_extended(initrd_len, WIDE))


def nr_pages_capped(
    mode: PagingMode,
    v_start: Word,
    kernel_end: Word,
    initrd_len: Word | None,
    nr_pages: Word,
    min_pages: Word,
) -> Word:
    """Dom0's memory after the cap, for an image without INIT_P2M and no positive absolute amount of memory.

    ``nr_pages`` is the memory before it (`nr_pages_clamped`); ``initrd_len`` is ``None`` for an initrd that isn't
    mapped; ``min_pages`` is 0 where no positive absolute minimum is given. What is clipped is not checked again.
    """
    vend = loaded_end(kernel_end, initrd_len)
    fitting = nr_pages_fitting(mode, vend)
    clipped = choose(fitting < min_pages, min_pages, fitting)
    caught = cap_applies(nr_pages, min_pages) & cap_reached(mode, v_start, vend, nr_pages)
    return choose(caught, clipped, nr_pages)
