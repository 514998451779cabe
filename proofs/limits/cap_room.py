"""Lemmas on where a region ends whose memory is what the cap leaves: within the address space, for a kernel of Linux.

Notation of DOMAIN.md section 1; vend is the end of kernel and mapped initrd in whole pages.

The argument. The cap leaves a p2m that takes at most half of what is left above vend. Start info, tables, stack and
padding must fit into the other half; of a region in the last 2 GiB the tables are 1033 at most.
"""

from functools import cache
from typing import Final

from ...encodings.dom0_arrangement import Arrangement, arrangement
from ...encodings.dom0_count import FIRST_TRIED, tables_by_level
from ...encodings.dom0_layout import padded_end, v_end
from ...encodings.memory import loaded_end, nr_pages_capped
from ...formal.layouts.layout import ADDRESS_LIMIT, START_INFO_SIZE, VGA_CONSOLE_INFO_SIZE
from ...formal.layouts.paging import PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.words.word import Truth, Word, number, word
from ..shared import arithmetic, region, search
from ..shared.configurations import KERNEL, initrd_len, kernel_end, nr_pages, virt_base
from ..shared.region import n, v_start, vpt_start
from .boots import LINUX, MIB

CLEAR: Final = 18 * MIB
"""What must be left above kernel and initrd, in bytes, so that the cap keeps the region from wrapping."""
ENOUGH: Final = 1033
"""No region of 2 GiB takes more tables."""
SLACK: Final = 8 * PAGE_SIZE
LEFT: Final = CLEAR // 2 - SLACK
"""What is then left above the start of the page tables, in bytes."""
PAGES: Final = word("pages")
BELOW: Final = f"2^64 - {LEFT:#x}"


def capped_pages(mode: PagingMode, least: Word) -> Word:
    """Dom0's memory after the cap, its initrd mapped and its p2m in the region."""
    return nr_pages_capped(mode, virt_base, kernel_end, initrd_len, nr_pages, least)


@cache
def arranged(mode: PagingMode, pages: Word) -> Arrangement:
    """The segments for a mapped initrd, a p2m in the region, and so many pages of memory."""
    return arrangement(
        mode,
        virt_base=virt_base,
        kernel=KERNEL,
        nr_pages=pages,
        initrd_len=initrd_len,
        init_p2m=None,
        shim=False,
        start_info_size=number(START_INFO_SIZE),
        vga_console_info_size=number(VGA_CONSOLE_INFO_SIZE),
    )


def tables_at(pages: Word) -> Word:
    """T for so many pages of memory, 64-bit."""
    return arranged(X86_64, pages).vpt_start


@cache
def p2m_below(clear: int) -> Lemma:
    """What the cap leaves: a p2m that ends half of the rest, less a little, short of the address space's end."""
    vend = loaded_end(kernel_end, initrd_len)
    pages = capped_pages(X86_64, number(0))
    return Lemma(
        f"p2m-below[{clear:#x}]",
        f"S ≤ vend ≤ 2^64 - {clear:#x} ⇒ S ≤ vend + 8 nr_pages ≤ 2^64 - {clear // 2:#x}",
        Statement(
            assumptions=(
                Assumption("high", virt_base >= LINUX, "S is in the last 2 GiB"),
                Assumption(
                    "loaded",
                    (virt_base <= vend) & (vend <= ADDRESS_LIMIT - clear),
                    "kernel and initrd end above S, clear of the address space's end",
                ),
            ),
            goal=(virt_base <= vend + pages * 8) & (vend + pages * 8 <= ADDRESS_LIMIT - clear // 2),
        ),
        Steps(generalise=(vend,)),
    )


@cache
def loaded_below() -> Lemma:
    """Kernel and initrd, in whole pages, end above S and clear of the end of the address space."""
    vend = loaded_end(kernel_end, initrd_len)
    return Lemma(
        "loaded-below",
        "S ≤ vend ≤ 2^64 - 18 MiB + 32 KiB",
        Statement(
            assumptions=(
                Assumption("image", virt_base <= kernel_end, "virt_base ≤ virt_kend"),
                clear_of_end(),
            ),
            goal=(virt_base <= vend) & (vend <= ADDRESS_LIMIT - CLEAR + SLACK),
        ),
    )


def clear_of_end() -> Assumption:
    """The assumption of the cure: kernel and mapped initrd stay 18 MiB below 2^64."""
    limit = number(ADDRESS_LIMIT - CLEAR)
    return Assumption(
        "clear",
        (kernel_end <= limit) & (initrd_len <= limit - kernel_end),
        "kernel and mapped initrd end at least 18 MiB below the end of the address space",
    )


@cache
def p2m_starts() -> Lemma:
    """The p2m starts where kernel and initrd end, in whole pages."""
    return Lemma(
        "p2m-starts",
        "⌈⌈kernel end⌉ + initrd⌉ = ⌈kernel end⌉ + ⌈initrd⌉",
        Statement(goal=arranged(X86_64, PAGES).p2m.start == loaded_end(kernel_end, initrd_len)),
    )


@cache
def tables_after_p2m() -> Lemma:
    """T is at most three pages above the end of the p2m, wherever that is."""
    p2m = arranged(X86_64, PAGES).p2m
    return Lemma(
        "tables-after-p2m",
        "T - p2m end ≤ 12 KiB",
        Statement(goal=tables_at(PAGES) - p2m.end <= 3 * PAGE_SIZE),
        Steps(generalise=(p2m.end,)),
    )


@cache
def high_end(count: int) -> Lemma:
    """The end of a region of few tables, well below the end of the address space, doesn't reach it."""
    end = padded_end(vpt_start, n)
    return Lemma(
        f"high-end[{count}]",
        f"S ≤ T ≤ {BELOW}, n ≤ {count} ⇒ S ≤ T < V(n), V(n) - S ≤ 2 GiB",
        Statement(
            assumptions=(*_high(), Assumption("few", n <= count, f"n ≤ {count}")),
            goal=(vpt_start < end) & (end - v_start <= 2 << 30) & (vpt_start + n * PAGE_SIZE < end),
        ),
    )


def _high() -> tuple[Assumption, ...]:
    return (
        Assumption("high", v_start >= LINUX, "S is in the last 2 GiB"),
        Assumption(
            "below",
            (v_start <= vpt_start) & (vpt_start <= ADDRESS_LIMIT - LEFT),
            f"S ≤ T ≤ {BELOW}",
        ),
    )


@cache
def few_tables() -> Lemma:
    """1033 tables are enough for a region of 2 GiB."""
    most = 2 << 30
    shifts = region.spanned_shifts(X86_64)
    end = padded_end(vpt_start, n)
    counted = search.needed(X86_64, n)
    spans = [each for each in tables_by_level(X86_64, v_start, end) if each.operation != "constant"]
    return Lemma(
        "few-tables",
        f"S ≤ T ≤ {BELOW}, n ≤ {ENOUGH} ⇒ f(S, V(n)) ≤ {ENOUGH}",
        Statement(
            assumptions=(*_high(), Assumption("few", n <= ENOUGH, f"n ≤ {ENOUGH}")),
            goal=counted <= ENOUGH,
        ),
        Steps(
            uses=(
                region.count_as_padded(X86_64).at(),
                high_end(ENOUGH).at(),
                *(
                    arithmetic.spanned_at_most(shift).at(low=v_start, far=end, most=number(most))
                    for shift in shifts
                ),
            ),
            generalise=(counted, *spans, end),
        ),
    )


@cache
def high_region_ends() -> Lemma:
    """The search's region ends within the address space, for tables that start well below its end."""
    end = v_end(vpt_start, n)
    enough = number(ENOUGH)
    return Lemma(
        "high-region-ends",
        f"S ≤ T ≤ {BELOW}, the search stops at n ⇒ S ≤ T ≤ T + 4096 n < V(n)",
        Statement(
            assumptions=_high(),
            runs=(search.found(X86_64),),
            goal=in_space(v_start, vpt_start),
        ),
        Steps(
            uses=(
                few_tables().at(n=enough),
                search.stops_least(X86_64).at(m=enough, first=number(FIRST_TRIED)),
                high_end(ENOUGH).at(),
                region.v_end_closed().at(),
                pages_below().at(),
            ),
            generalise=(
                search.needed(X86_64, enough),
                search.needed(X86_64, n),
                end,
                padded_end(vpt_start, n),
                vpt_start + n * PAGE_SIZE,
            ),
        ),
    )


@cache
def pages_below() -> Lemma:
    """A few pages above T are above T."""
    return Lemma(
        "pages-below",
        f"T ≤ {BELOW}, n ≤ {ENOUGH} ⇒ T ≤ T + 4096 n",
        Statement(
            assumptions=(
                Assumption(
                    "few",
                    (n <= ENOUGH) & (vpt_start <= ADDRESS_LIMIT - LEFT),
                    f"T ≤ {BELOW}, n ≤ {ENOUGH}",
                ),
            ),
            goal=vpt_start <= vpt_start + n * PAGE_SIZE,
        ),
    )


def in_space(start: Word, tables: Word) -> Truth:
    """Each of S, T, the tables' end and V's last byte comes after the one before, without wrapping."""
    after = tables + n * PAGE_SIZE
    return (start <= tables) & (tables <= after) & (after <= v_end(tables, n) - 1)
