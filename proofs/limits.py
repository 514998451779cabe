"""The family *Limits*: dom0's memory and its cap, the ends of the address space, Xen's own slots, the separate p2m.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages. What is refuted here is
refuted by a whole configuration, of an image that libelf accepts, and the cure is proved besides.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from attrs import evolve

from ..encodings import overlap, physmap
from ..encodings.dom0_arrangement import Arrangement, arrangement
from ..encodings.dom0_count import FIRST_TRIED, tables_by_level, tables_for
from ..encodings.dom0_layout import padded_end, v_end
from ..encodings.libelf import accepts
from ..encodings.memory import loaded_end, nr_pages_capped
from ..formal.arrange import TooLarge, arrange
from ..formal.builder import XEN_ROOT_SLOTS, table_offset
from ..formal.claim import Claim, Expected, Part, claim
from ..formal.dom0_mem import Amount, Dom0Mem, capped
from ..formal.layout import (
    ADDRESS_LIMIT,
    START_INFO_SIZE,
    VGA_CONSOLE_INFO_SIZE,
    Configuration,
    Layout,
    Segment,
)
from ..formal.machine import ImpossibleLayout, overlaps_xen
from ..formal.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ..formal.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ..formal.verdict import Replay
from ..formal.words import TRUE, Truth, Word, number, word, zero_extended
from . import arithmetic, configurations, loop, region, replays
from .configurations import KERNEL, initrd_len, kernel_end, kernel_start, nr_pages, virt_base
from .region import n, v_start, vpt_start
from .replays import Values

FAMILY = "Limits"
CAP = "The cap on dom0's memory leaves a kernel that maps its p2m in the region enough address space."
CAP_SOURCE = "follows: what the cap in dom0_compute_nr_pages() is for"
OVERLAP = "A region that Xen's own addresses don't allow is refused."
OVERLAP_SOURCE = "follows: what the check for an overlap with Xen's area is for"

MIB: Final = 1 << 20
LINUX: Final = ADDRESS_LIMIT - (2 << 30)
"""Where 64-bit Linux kernels start."""
MOST_PAGES: Final = 1 << 40
"""More memory than there is in any machine, in pages: 4 PiB."""
CLEAR: Final = 32 * MIB
"""What must be left above kernel and initrd, in bytes, so that the cap keeps the region from wrapping."""
ENOUGH: Final = 1033
"""No region of 2 GiB takes more tables."""
SLACK: Final = 8 * PAGE_SIZE
PAGES: Final = word("pages")
address, min_pages = word("address"), word("min_pages")


def image() -> Assumption:
    """The assumption that libelf takes the image."""
    return Assumption(
        "image",
        accepts(virt_base, kernel_start, kernel_end, kernel_start),
        "libelf accepts the image: virt_base ≤ virt_kstart ≤ virt_kend",
    )


def _memory() -> Assumption:
    return Assumption("memory", nr_pages <= MOST_PAGES, "dom0 has no more than 4 PiB before the cap")


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


def found(start: Word, tables: Word) -> Run:
    """The 64-bit search stops at n."""
    return evolve(loop.found(X86_64), arguments=(start, tables, number(FIRST_TRIED)))


def on_pages(*addresses: Word) -> Truth:
    """All of them are multiples of 4096."""
    result = addresses[0] & (PAGE_SIZE - 1) == 0
    for each in addresses[1:]:
        result &= each & (PAGE_SIZE - 1) == 0
    return result


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
        "S ≤ vend ≤ 2^64 - 32 MiB + 8 KiB",
        Statement(
            assumptions=(
                Assumption("image", virt_base <= kernel_end, "virt_base ≤ virt_kend"),
                clear_of_end(),
            ),
            goal=(virt_base <= vend) & (vend <= ADDRESS_LIMIT - CLEAR + SLACK),
        ),
    )


def clear_of_end() -> Assumption:
    """The assumption of the cure: kernel and mapped initrd stay 32 MiB below 2^64."""
    limit = number(ADDRESS_LIMIT - CLEAR)
    return Assumption(
        "clear",
        (kernel_end <= limit) & (initrd_len <= limit - kernel_end),
        "kernel and mapped initrd end 32 MiB below the end of the address space at least",
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
        f"S ≤ T ≤ 2^64 - 15 MiB, n ≤ {count} ⇒ S ≤ T < V(n), V(n) - S ≤ 2 GiB",
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
            (v_start <= vpt_start) & (vpt_start <= ADDRESS_LIMIT - 15 * MIB),
            "S ≤ T ≤ 2^64 - 15 MiB",
        ),
    )


@cache
def few_tables() -> Lemma:
    """1033 tables are enough for a region of 2 GiB."""
    most = 2 << 30
    shifts = region.spanned_shifts(X86_64)
    end = padded_end(vpt_start, n)
    counted = loop.needed(X86_64, n)
    spans = [each for each in tables_by_level(X86_64, v_start, end) if each.operation != "constant"]
    return Lemma(
        "few-tables",
        f"S ≤ T ≤ 2^64 - 15 MiB, n ≤ {ENOUGH} ⇒ f(S, V(n)) ≤ {ENOUGH}",
        Statement(
            assumptions=(*_high(), Assumption("few", n <= ENOUGH, f"n ≤ {ENOUGH}")),
            goal=counted <= ENOUGH,
        ),
        Steps(
            uses=(
                region.count_as_padded(X86_64).at(),
                high_end(ENOUGH).at(),
                *(arithmetic.spanned_at_most(shift, most).at(low=v_start, far=end) for shift in shifts),
            ),
            generalise=(counted, *spans, end),
        ),
    )


@cache
def high_region_ends() -> Lemma:
    """The search's region ends within the address space, for tables that start 15 MiB below its end."""
    end = v_end(vpt_start, n)
    enough = number(ENOUGH)
    return Lemma(
        "high-region-ends",
        "S ≤ T ≤ 2^64 - 15 MiB, the search stops at n ⇒ S ≤ T ≤ T + 4096 n < V(n)",
        Statement(
            assumptions=_high(),
            runs=(loop.found(X86_64),),
            goal=_in_space(v_start, vpt_start),
        ),
        Steps(
            uses=(
                few_tables().at(n=enough),
                loop.stops_least(X86_64).at(m=enough, first=number(FIRST_TRIED)),
                high_end(ENOUGH).at(),
                region.v_end_closed().at(),
                pages_below().at(),
            ),
            generalise=(
                loop.needed(X86_64, enough),
                loop.needed(X86_64, n),
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
        f"T ≤ 2^64 - 15 MiB, n ≤ {ENOUGH} ⇒ T ≤ T + 4096 n",
        Statement(
            assumptions=(
                Assumption(
                    "few",
                    (n <= ENOUGH) & (vpt_start <= ADDRESS_LIMIT - 15 * MIB),
                    f"T ≤ 2^64 - 15 MiB, n ≤ {ENOUGH}",
                ),
            ),
            goal=vpt_start <= vpt_start + n * PAGE_SIZE,
        ),
    )


def _in_space(start: Word, tables: Word) -> Truth:
    """Each of S, T, the tables' end and V's last byte comes after the one before, without wrapping."""
    after = tables + n * PAGE_SIZE
    return (start <= tables) & (tables <= after) & (after <= v_end(tables, n) - 1)


@claim(
    family=FAMILY,
    sentence=CAP,
    source=CAP_SOURCE,
    cure="an image whose VIRT_BASE is in the last 2 GiB, kernel and mapped initrd 32 MiB clear of the end of the address "
    "space, and no minimum in dom0_mem; or: check v_end - 1 < v_start once the layout is known",
)
def cap_prevents_wrap() -> tuple[Part, ...]:
    """64-bit, p2m in the region, dom0_mem without an amount: V(n) does not pass 2^64, for dom0's memory after the cap.

    Refuted: the cap halves what is left above kernel and initrd and gives one half to the p2m. Start info, tables,
    stack and padding must fit into the other half, and nobody checks that they do.
    """
    pages = capped_pages(X86_64, number(0))
    tables = tables_at(pages)
    statement = Statement(
        assumptions=(image(), _memory()),
        runs=(found(virt_base, tables),),
        goal=~overlap.passes_end(virt_base, v_end(tables, n)),
    )
    cured = evolve(
        statement,
        assumptions=(
            image(),
            Assumption("high", virt_base >= LINUX, "S is in the last 2 GiB"),
            clear_of_end(),
        ),
        goal=_in_space(virt_base, tables),
    )
    stopped = n == tables_for(X86_64, virt_base, tables, n)
    short = (
        (virt_base == ADDRESS_LIMIT - 4 * MIB)
        & (kernel_start == virt_base)
        & on_pages(kernel_end)
        & (initrd_len == 0)
        & (nr_pages == 1 << 17)
        & (kernel_end >= ADDRESS_LIMIT - MIB)
        & stopped
        & (n < 64)
    )
    linux = (kernel_start == LINUX) & (virt_base == LINUX) & (kernel_end == LINUX + 16 * MIB)
    initrd = (
        linux
        & (initrd_len == (2 << 30) - 16 * MIB - (8 * MIB + 512 * 1024))
        & (nr_pages == 4 << (30 - PAGE_SHIFT))
        & stopped
        & (n < 2048)
    )
    return (
        Part(
            name="any image: a small kernel that ends close below 2^64",
            expected=Expected.REFUTED,
            lemma=Lemma("cap-prevents-wrap", "libelf accepts the image ⇒ V(n) does not pass 2^64", statement),
            least=(nr_pages, kernel_end),
            shape=short,
            replay=_after_cap(_ends_in_space),
        ),
        Part(
            name="a Linux kernel at -2 GiB, with a mapped initrd of almost 2 GiB and memory for it",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "cap-prevents-wrap[initrd]", "libelf accepts the image ⇒ V(n) does not pass 2^64", statement
            ),
            least=(nr_pages, kernel_end),
            shape=initrd,
            replay=_after_cap(_ends_in_space),
        ),
        Part(
            name="an image in the last 2 GiB, 32 MiB left above kernel and initrd",
            lemma=Lemma(
                "cap-prevents-wrap[cured]",
                "S ≥ 2^64 - 2 GiB, kernel and initrd end by 2^64 - 32 MiB ⇒ S ≤ T ≤ T + 4096 n < V(n) ≤ 2^64",
                cured,
                Steps(
                    uses=(
                        loaded_below().at(),
                        p2m_below(CLEAR - SLACK).at(),
                        p2m_starts().at(),
                        tables_after_p2m().at(pages=pages),
                        high_region_ends().at(v_start=virt_base, vpt_start=tables),
                    ),
                    generalise=(
                        tables,
                        arranged(X86_64, pages).p2m.start,
                        pages,
                        loaded_end(kernel_end, initrd_len),
                        v_end(tables, n),
                        tables_for(X86_64, virt_base, tables, n),
                    ),
                ),
            ),
            least=(nr_pages, kernel_end),
            shape=linux & (initrd_len == 0) & (nr_pages == 1 << 16) & stopped & (n < 64),
            without={
                "image": (virt_base == LINUX) & (kernel_end == 0) & (initrd_len == 0) & (nr_pages == 1 << 16),
                "high": (virt_base == ADDRESS_LIMIT - (1 << 39))
                & (kernel_end == ADDRESS_LIMIT - (1 << 39) + 16 * MIB)
                & (kernel_start == virt_base)
                & (initrd_len == (1 << 39) - 64 * MIB)
                & (nr_pages == 1 << 28),
                "clear": initrd,
            },
            replay=_after_cap(_ends_in_space),
        ),
    )


@claim(
    family=FAMILY,
    sentence=CAP,
    source=CAP_SOURCE,
    cure="double the p2m alone, vend + 2 w nr_pages past the end, as what it clips to supposes: then it only lowers",
)
def cap_only_lowers() -> tuple[Part, ...]:
    """For all configurations: the memory after the cap ≤ the memory before it.

    Refuted: what is doubled to find out is kernel, initrd and p2m; what is clipped to is half of what is left above
    kernel and initrd. So where these two take the space, a small p2m is "clipped" up. Where vend and twice the p2m pass
    the end of the address space the cap does lower.
    """
    parts = []
    for mode, start in ((X86_64, LINUX), (COMPAT, 3 << 30)):
        limit = ADDRESS_LIMIT if mode is X86_64 else 1 << 32
        space = limit - start
        vend = loaded_end(kernel_end, initrd_len)
        pages = capped_pages(mode, min_pages)
        statement = Statement(assumptions=(image(), _memory()), goal=pages <= nr_pages)
        plain = (
            (virt_base == start)
            & (kernel_start == virt_base)
            & (kernel_end == start + 16 * MIB)
            & (initrd_len & (MIB - 1) == 0)
            & (initrd_len < space)
            & (min_pages == 0)
            # As much memory as the image takes twice, so that nothing else is in the way.
            & (2 * (vend - start) <= nr_pages << PAGE_SHIFT)
            & (nr_pages < 1 << 20)
        )
        passes = Assumption(
            "passes",
            (number(limit) - vend) >> (2 * mode.p2m_entry).bit_length() - 1 <= nr_pages,
            "kernel, initrd and twice the p2m pass the end of the address space",
        )
        fits = (vend < limit) if mode is COMPAT else (vend >= virt_base)
        parts += [
            Part(
                name=f"any image, {mode.title}",
                expected=Expected.REFUTED,
                lemma=Lemma(
                    f"cap-only-lowers[{mode.name}]", "memory after the cap ≤ memory before it", statement
                ),
                least=(nr_pages, initrd_len),
                shape=plain & fits,
                replay=_lowered(mode),
            ),
            Part(
                name=f"where vend and twice the p2m pass the end, {mode.title}",
                lemma=Lemma(
                    f"cap-only-lowers[{mode.name},cured]",
                    "vend + 2 w nr_pages ≥ the end ⇒ memory after the cap ≤ memory before it",
                    evolve(statement, assumptions=(passes,)),
                    Steps(generalise=(vend,)),
                ),
                least=(nr_pages, initrd_len),
                shape=plain & fits & (nr_pages >= 1 << 16),
                without={"passes": plain & fits},
                replay=_lowered(mode),
            ),
        ]
    return tuple(parts)


def _space_statement() -> tuple[Word, Statement]:
    """T, and what is said of a 64-bit region without a mapped initrd whose memory is given."""
    choice = configurations.CHOICES[0]
    tables = configurations.arranged(choice).vpt_start
    return tables, Statement(assumptions=(image(),), runs=(found(virt_base, tables),), goal=TRUE)


WIDE: Final = 65


@claim(
    family=FAMILY,
    sentence=OVERLAP,
    source=OVERLAP_SOURCE,
    cure="refuse v_end - 1 < v_start: that is said of every region that passes 2^64, and of no other",
)
def wrap_caught() -> tuple[Part, ...]:
    """64-bit, for all configurations: a V(n) past 2^64 is refused by the check for Xen's own area.

    Refuted: V has wrapped by then and looks small. A check that catches it: V - 1 < S. For a 32-bit dom0, whose V is
    reckoned in 64 bits, a V past 4 GiB is caught.
    """
    tables, statement = _space_statement()
    end = v_end(tables, n)
    small = (
        on_pages(virt_base, kernel_start, kernel_end)
        & (virt_base == ADDRESS_LIMIT - 4 * MIB)
        & (kernel_start == virt_base)
        & (kernel_end > kernel_start)
        & (nr_pages & 0xFFFF == 0)
        & (nr_pages > 0)
        & (n == tables_for(X86_64, virt_base, tables, n))
        & (n < 64)
    )
    wide = zero_extended(v_start, WIDE) + zero_extended(END - v_start, WIDE)
    past = Assumption(
        "past",
        wide > number(ADDRESS_LIMIT, WIDE),
        "S and the region's length make more than 2^64",
    )
    hole = Assumption("hole", HOLE <= 1 << 32, "Xen's part begins within 4 GiB")
    return (
        Part(
            name="any image",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "wrap-caught",
                "libelf accepts the image, V(n) passes 2^64 ⇒ the overlap check refuses it",
                evolve(
                    statement,
                    goal=~overlap.passes_end(virt_base, end) | overlap.overlaps(virt_base, end),
                ),
            ),
            least=(nr_pages, kernel_end),
            shape=small,
            replay=_configured(_wrap_refused),
        ),
        Part(
            name="what does catch it: V - 1 < S",
            lemma=Lemma(
                "wrap-caught[cured]",
                "S + length > 2^64 ⇒ V - 1 < S",
                Statement(assumptions=(past,), goal=overlap.passes_end(v_start, END)),
            ),
            least=(v_start, END),
            shape=_rounded() & (v_start == ADDRESS_LIMIT - 4 * MIB),
            without={"past": _rounded() & (v_start == 0) & (END < 1 << 30) & (END > 0)},
            replay=_bare(X86_64, _wraps_as_said),
        ),
        Part(
            name="32-bit: a V past 4 GiB",
            lemma=Lemma(
                "wrap-caught[compat]",
                "V > 4 GiB ⇒ the check refuses it",
                Statement(
                    assumptions=(Assumption("past", END > 1 << 32, "V > 4 GiB"), hole),
                    goal=overlap.overlaps_compat(END, HOLE),
                ),
            ),
            least=(v_start, END, HOLE),
            shape=_rounded() & (HOLE == overlap.COMPAT_HOLE) & (v_start == 3 << 30),
            without={
                "past": _rounded() & (HOLE == overlap.COMPAT_HOLE) & (v_start == 3 << 30) & (v_start < END),
                "hole": _rounded() & (HOLE == END) & (v_start == 3 << 30),
            },
            replay=_bare(COMPAT, _refused_past_4_gib),
        ),
    )


END: Final = word("end")
HOLE: Final = word("hole")


def _rounded() -> Truth:
    return (v_start | END) & (4 * MIB - 1) == 0


@claim(
    family=FAMILY,
    sentence=OVERLAP,
    source=OVERLAP_SOURCE,
    cure="refuse a region that doesn't lie in one half of the canonical addresses, short of 2^64: then the check is "
    "complete",
)
def overlap_complete() -> tuple[Part, ...]:
    """64-bit, for all configurations: a region with an address that Xen's root slots map is refused.

    Refuted: a region that crosses 2^47 goes on in slot 256, at addresses far below Xen's. Complete for a region in
    one half of the canonical addresses; and for a 32-bit dom0.
    """
    tables, statement = _space_statement()
    end = v_end(tables, n)
    inside = Assumption(
        "inside", (virt_base <= address) & (address <= end - 1), "the address is in the region"
    )
    small = (
        on_pages(virt_base, kernel_start, kernel_end, address)
        & (virt_base == overlap.HALF - 4 * MIB)
        & (kernel_start == virt_base)
        & (kernel_end > kernel_start)
        & (nr_pages & 0xFFFF == 0)
        & (nr_pages > 0)
        & (n == tables_for(X86_64, virt_base, tables, n))
        & (n < 64)
    )
    within = Assumption("inside", (v_start <= address) & (address <= END - 1), "the address is in the region")
    canonical = Assumption(
        "canonical",
        overlap.canonical(v_start, END),
        "S < V ≤ 2^47 or 2^64 - 2^47 ≤ S < V < 2^64",
    )
    in_hole = Assumption("hole", address >= HOLE, "the address is in Xen's part")
    ahead = _rounded() & on_pages(address) & (v_start == overlap.XEN_START)
    return (
        Part(
            name="any image",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "overlap-complete",
                "libelf accepts the image, a Xen slot maps an address of the region ⇒ the check refuses it",
                evolve(
                    statement,
                    assumptions=(image(), inside),
                    goal=~overlap.in_xens_slots(address) | overlap.overlaps(virt_base, end),
                ),
            ),
            least=(nr_pages, kernel_end, address),
            shape=small,
            replay=_configured(_slots_refused),
        ),
        Part(
            name="a region in one half of the canonical addresses",
            lemma=Lemma(
                "overlap-complete[canonical]",
                "[S, V) is canonical, a Xen slot maps an address of it ⇒ the check refuses it",
                Statement(
                    assumptions=(within, canonical),
                    goal=~overlap.in_xens_slots(address) | overlap.overlaps(v_start, END),
                ),
            ),
            least=(v_start, END, address),
            shape=ahead,
            without={
                "inside": _rounded() & (v_start == 0) & (END == 4 * MIB) & (address == overlap.XEN_START),
                "canonical": _rounded() & on_pages(address) & (v_start == overlap.HALF - 4 * MIB),
            },
            replay=_bare(X86_64, _slot_refused),
        ),
        Part(
            name="32-bit: any region",
            lemma=Lemma(
                "overlap-complete[compat]",
                "an address of the region is in Xen's part ⇒ the check refuses it",
                Statement(
                    assumptions=(
                        evolve(within, condition=(v_start <= address) & (address < END)),
                        in_hole,
                    ),
                    goal=overlap.overlaps_compat(END, HOLE),
                ),
            ),
            least=(v_start, END, address),
            shape=_rounded() & (v_start == 3 << 30) & (HOLE == overlap.COMPAT_HOLE) & on_pages(address),
            without={
                "inside": _rounded()
                & (v_start == 3 << 30)
                & (HOLE == overlap.COMPAT_HOLE)
                & (address == HOLE),
                "hole": _rounded() & (v_start == 3 << 30) & (HOLE == overlap.COMPAT_HOLE) & on_pages(address),
            },
            replay=_bare(COMPAT, _hole_refused),
        ),
    )


p2m_start, p2m_end, before = word("p2m_start"), word("p2m_end"), word("before")
at, total = word("at"), word("total")


@cache
def one_step(*, gigabyte: bool) -> Lemma:
    """One step takes no more pages than are left, and three tables, whatever tables are there."""
    taken = _taken(gigabyte=gigabyte)
    left = physmap.pages_left(at, p2m_end)
    return Lemma(
        f"step-within[{'1 GiB' if gigabyte else '2 MiB'}]",
        "a page is left ⇒ the frames of the step ≤ pages left + 3, and fewer than 2^20",
        Statement(
            assumptions=(
                _short(),
                Assumption("left", left >= 1, "one page is left at least"),
            ),
            goal=(taken.tables + taken.pages <= left + physmap.TABLES_OF_A_STEP)
            & (taken.tables + taken.pages < 1 << 20)
            & (taken.tables <= physmap.TABLES_OF_A_STEP)
            & (taken.pages <= left),
        ),
    )


def _taken(*, gigabyte: bool) -> physmap.Step:
    there = tuple(
        physmap.is_there(at, p2m_start, v_start, END, shift)
        for shift in (physmap.L3_SHIFT, physmap.L2_SHIFT, physmap.L1_SHIFT)
    )
    l3, l2, l1 = there
    return physmap.step(at, p2m_end, (l3, l2, l1), number(int(gigabyte)) == 1)


@claim(
    family=FAMILY,
    sentence="Before each step of a p2m at an address of its own, room for what is left and three tables is enough.",
    source="follows: the demand of setup_pv_physmap()",
)
def physmap_plus_3() -> tuple[Part, ...]:
    """For all p2m ranges, regions and tables already there: a step takes 3 tables at most, and no more pages than are left.

    So dom0 never has more pages than its memory, by induction over the steps: superpages of 2 MiB and 1 GiB included.
    In the last GiB, at an INIT_P2M of -1 GiB, the test for a superpage wraps: one is taken for a p2m however small,
    and the next step, from address 0, is refused.
    """
    parts = []
    memory = Assumption(
        "memory",
        (nr_pages <= MOST_PAGES) & (before <= nr_pages),
        "dom0 has no more pages than its memory before",
    )
    on_page = Assumption("page", on_pages(p2m_start), "INIT_P2M is a multiple of 4096")
    for gigabyte in (False, True):
        run = Run(
            physmap.steps(gigabyte=gigabyte),
            (p2m_start, p2m_end, v_start, END, nr_pages, before),
            (at, total),
        )
        size = "1 GiB" if gigabyte else "2 MiB"
        shape = shape_of(1 << 39, 8 << 16) & (nr_pages == 1 << 16) & (before == 1024)
        # Above the last multiple of the superpage's size, where that size added to the address is 0.
        last = 1 << (physmap.L2_SHIFT if gigabyte else physmap.L1_SHIFT)
        near_end = (
            shape_of(ADDRESS_LIMIT - last, 8 << 16)
            & (nr_pages == 1 << 16)
            & (before == (1 << 16) - 128 - physmap.TABLES_OF_A_STEP)
        )
        taken = _taken(gigabyte=gigabyte)
        parts += [
            Part(
                name=f"one step, pages up to {size}",
                lemma=one_step(gigabyte=gigabyte),
                least=(p2m_start, at, p2m_end, v_start, END),
                shape=_far_p2m() & (at == p2m_start) & (p2m_start == 1 << 39),
                without={
                    "short": (at == p2m_start) & near_end,
                    "left": _far_p2m() & (at == p2m_start) & (p2m_start == (1 << 39) + 0x800),
                },
                replay=_steps_executed(gigabyte=gigabyte, one=True),
            ),
            Part(
                name=f"dom0's pages never exceed its memory, pages up to {size}",
                lemma=Lemma(
                    f"physmap-plus-3[{size}]",
                    "the loop ends with `total` pages ⇒ total ≤ nr_pages",
                    Statement(assumptions=(_short(), memory, on_page), runs=(run,), goal=total <= nr_pages),
                    Induction(
                        invariant=(total <= nr_pages) & on_pages(at),
                        step=Steps(
                            uses=(
                                page_left().at(),
                                one_step(gigabyte=gigabyte).at(),
                                stays_on_page(gigabyte=gigabyte).at(),
                            ),
                            generalise=(
                                taken.after,
                                taken.tables,
                                taken.pages,
                                physmap.pages_left(at, p2m_end),
                            ),
                        ),
                    ),
                ),
                least=(p2m_start, p2m_end),
                shape=shape,
                without={
                    "short": near_end,
                    "memory": shape_of(1 << 39, 8 << 16) & (nr_pages == 1 << 16) & (before == nr_pages + 1),
                    "page": shape_of((1 << 39) + 0x800, 0x100) & (nr_pages == 32) & (before == 29),
                },
                replay=_steps_executed(gigabyte=gigabyte, one=False),
            ),
        ]
    return tuple(parts)


def shape_of(start: int, length: int) -> Truth:
    """A kernel at -2 GiB with a region of 4 MiB, and a p2m at ``start``, of so many bytes."""
    region_there = (v_start == LINUX) & (END == LINUX + 4 * MIB)
    return region_there & (p2m_start == start) & (p2m_end == start + length)


def _short() -> Assumption:
    return Assumption(
        "short",
        p2m_end <= ADDRESS_LIMIT - (1 << physmap.L2_SHIFT),
        "the p2m ends below the last GiB of the address space",
    )


def _far_p2m() -> Truth:
    return (
        (v_start == LINUX)
        & (END == LINUX + 4 * MIB)
        & (p2m_end - p2m_start < MIB)
        & (p2m_start < p2m_end)
        & ((p2m_end - p2m_start) & 7 == 0)
    )


@cache
def page_left() -> Lemma:
    """Below the end of the p2m, on a page, one page is left at least."""
    return Lemma(
        "page-left",
        "at < p2m end, at is on a page ⇒ a page is left",
        Statement(
            assumptions=(
                Assumption(
                    "on",
                    (at < p2m_end) & on_pages(at) & (p2m_end <= ADDRESS_LIMIT - (1 << physmap.L2_SHIFT)),
                    "at < p2m end, at is a multiple of 4096",
                ),
            ),
            goal=(physmap.pages_left(at, p2m_end) >= 1) & (physmap.pages_left(at, p2m_end) <= 1 << 52),
        ),
    )


@cache
def stays_on_page(*, gigabyte: bool) -> Lemma:
    """A step ends on a page."""
    return Lemma(
        f"stays-on-page[{'1 GiB' if gigabyte else '2 MiB'}]",
        "a step from a page ends on a page",
        Statement(
            assumptions=(Assumption("page", on_pages(at), "at is a multiple of 4096"),),
            goal=on_pages(_taken(gigabyte=gigabyte).after),
        ),
    )


CLAIMS: tuple[Claim, ...] = (
    cap_prevents_wrap,
    cap_only_lowers,
    wrap_caught,
    overlap_complete,
    physmap_plus_3,
)

Holds = Callable[[Layout], tuple[bool, str]]


def _configuration(mode: PagingMode, values: Values) -> Configuration:
    start = values.get("kernel_start", values["virt_base"])
    return Configuration(
        mode=mode,
        virt_base=values["virt_base"],
        kernel=Segment(start, values["kernel_end"]),
        nr_pages=values["nr_pages"],
        initrd_len=values.get("initrd_len", 0),
    )


def _capped(mode: PagingMode, values: Values) -> int:
    """Dom0's memory after the cap as the machine reckons it, no amount being given in dom0_mem."""
    option = Dom0Mem(minimum=Amount(values.get("min_pages", 0)))
    return capped(_configuration(mode, values), option, None)


def _judged(configuration: Configuration, holds: Holds) -> Replay:
    try:
        layout = arrange(configuration)
        verdict, says = holds(layout)
        return Replay(verdict, says, replays.seen(layout))
    except (TooLarge, ImpossibleLayout):
        return Replay(None, replays.TOO_LARGE)


def _after_cap(holds: Holds) -> replays.Judge:
    """Judges the machine's layout of a 64-bit configuration with the memory that the cap leaves it."""

    def judge(values: Values) -> Replay:
        pages = _capped(X86_64, values)
        replay = _judged(evolve(_configuration(X86_64, values), nr_pages=pages), holds)
        says = f"{values['nr_pages']} pages of memory are capped to {pages}; {replay.says}"
        allocated = [_allocated(layout) for _, layout, _ in replay.runs]
        if allocated:
            says += (
                f"; Xen's check that {allocated[0]} pages can be allocated {_passed(allocated[0] <= pages)}"
            )
        return evolve(replay, says=says)

    return judge


def _allocated(layout: Layout) -> int:
    """The pages that Xen wants to be in dom0's memory: the region's, as a power of two, and the initrd's."""
    initrd = 0 if layout.initrd is None else -(-layout.initrd.size // PAGE_SIZE)
    pages = 1
    while pages < layout.total.size // PAGE_SIZE - initrd:
        pages *= 2
    return pages + initrd


def _passed(passes: bool) -> str:  # noqa: FBT001 - a word for a condition
    return "passes" if passes else "fails"


def _configured(holds: Holds) -> replays.Judge:
    """Judges the machine's layout of a 64-bit configuration whose memory is given."""
    return lambda values: _judged(_configuration(X86_64, values), holds)


def _passes(layout: Layout) -> bool:
    return layout.v_start + layout.total.size > ADDRESS_LIMIT


def _ends_in_space(layout: Layout) -> tuple[bool, str]:
    past = layout.v_start + layout.total.size - ADDRESS_LIMIT
    return past <= 0, f"the region ends {abs(past):#x} bytes {'past' if past > 0 else 'short of'} 2^64"


def _wrap_refused(layout: Layout) -> tuple[bool, str]:
    refused = overlaps_xen(layout)
    return not _passes(layout) or refused, (
        f"the region ends at {layout.v_start + layout.total.size:#x}, printed as {layout.v_end:#x}, "
        f"and is {'refused' if refused else 'not refused'}"
    )


def _slots_refused(layout: Layout) -> tuple[bool, str]:
    """Whether the machine's region, walked by root entries, stays off Xen's slots or is refused."""
    root = layout.mode.levels[-1]
    stride = 1 << root.entry_shift
    end = layout.v_start + layout.total.size
    steps = [layout.v_start, *range(layout.v_start - layout.v_start % stride + stride, end, stride)]
    slots = [table_offset(root, each) for each in steps]
    hit = [each for each in slots if each in XEN_ROOT_SLOTS[layout.mode.name]]
    refused = overlaps_xen(layout)
    return not hit or refused, (
        f"the region {layout.v_start:#x} to {end:#x} lies in root slots {slots}, Xen's among them: {hit}; "
        f"it is {'refused' if refused else 'not refused'}"
    )


def _lowered(mode: PagingMode) -> replays.Judge:
    def judge(values: Values) -> Replay:
        pages = _capped(mode, values)
        layouts: tuple[Configuration, ...] = (evolve(_configuration(mode, values), nr_pages=pages),)
        replay = _judged(layouts[0], lambda _layout: (True, ""))
        return Replay(
            pages <= values["nr_pages"],
            f"the cap makes {pages} pages of {values['nr_pages']}",
            replay.runs,
        )

    return judge


def _bare(mode: PagingMode, holds: Callable[[Layout, Mapping[str, int]], tuple[bool, str]]) -> replays.Judge:
    """Judges a region given by its ends alone."""

    def judge(values: Values) -> Replay:
        start, end = values.get("v_start", 0), values["end"]
        layout = Layout(mode=mode, page_tables=Segment(start, start), total=Segment(start, end))
        verdict, says = holds(layout, values)
        return Replay(verdict, says)

    return judge


def _wraps_as_said(layout: Layout, _values: Values) -> tuple[bool, str]:
    """Whether V - 1 < S, in numbers."""
    says = (layout.v_end - 1) % ADDRESS_LIMIT < layout.v_start
    return says, f"the region from {layout.v_start:#x} is printed to end at {layout.v_end:#x}"


def _refused_past_4_gib(layout: Layout, values: Values) -> tuple[bool, str]:
    refused = overlaps_xen(layout) if values["hole"] == overlap.COMPAT_HOLE else layout.v_end > values["hole"]
    return refused, f"a region that ends at {layout.v_end:#x} is {'refused' if refused else 'not refused'}"


def _hole_refused(layout: Layout, values: Values) -> tuple[bool, str]:
    return _refused_past_4_gib(layout, values)


def _slot_refused(layout: Layout, values: Values) -> tuple[bool, str]:
    slot = table_offset(layout.mode.levels[-1], values["address"])
    taken = slot in XEN_ROOT_SLOTS[layout.mode.name]
    refused = overlaps_xen(layout)
    return not taken or refused, (
        f"{values['address']:#x} lies in root slot {slot}; the region is {'refused' if refused else 'not refused'}"
    )


def _steps_executed(*, gigabyte: bool, one: bool) -> replays.Judge:
    """Maps the p2m step by step into tables held as sets of the entries that are there."""

    def judge(values: Values) -> Replay:
        start, end = values["p2m_start"], values["p2m_end"]
        if end - start > 1 << 34:
            return Replay(None, replays.TOO_LARGE)
        there = {
            shift: _blocks(values.get("v_start", 0), values.get("end", 0), shift) for shift in (39, 30, 21)
        }
        at = values["at"] if one else start
        total = values.get("before", 0)
        steps = 0
        while at < end:
            left = (-(-end // PAGE_SIZE) * PAGE_SIZE - at) // PAGE_SIZE
            if not one and total + left + 3 > values["nr_pages"]:
                return Replay(
                    total <= values["nr_pages"], f"Xen gives up after {steps} steps, at {total} pages"
                )
            tables, pages = 0, 1
            for shift, usable in ((39, False), (30, gigabyte), (21, True)):
                if at >> shift in there[shift]:
                    continue
                if usable and at % (1 << shift) == 0 and end >= (at + (1 << shift)) % ADDRESS_LIMIT:
                    pages = 1 << (shift - PAGE_SHIFT)
                    break
                there[shift].add(at >> shift)
                tables += 1
            if one:
                return Replay(
                    tables + pages <= left + 3,
                    f"the step takes {tables} tables and {pages} pages; {left} are left",
                )
            total += tables + pages
            at = (at + pages * PAGE_SIZE) % ADDRESS_LIMIT // PAGE_SIZE * PAGE_SIZE
            steps += 1
        if one:
            return Replay(holds=None, says="the p2m is mapped: there is no step to take")
        return Replay(total <= values["nr_pages"], f"after {steps} steps dom0 has {total} pages")

    return judge


def _blocks(start: int, end: int, shift: int) -> set[int]:
    """The blocks that the region touches, for a region of no more than 16 GiB."""
    return set(range(start >> shift, ((end - 1) >> shift) + 1)) if 0 < end - start <= 1 << 34 else set()
