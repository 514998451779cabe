"""The claims on the cap on dom0's memory: whether it keeps the region from wrapping, and whether it only lowers.

Notation of DOMAIN.md section 1; vend is the end of kernel and mapped initrd in whole pages.
"""

from functools import cache
from typing import Final

from attrs import evolve

from ...encodings import allocation, overlap
from ...encodings.dom0_count import tables_for
from ...encodings.dom0_layout import v_end
from ...encodings.memory import (
    WIDE,
    cap_applies,
    cap_passes,
    cap_reached,
    loaded_end,
    loaded_end_wide,
    loaded_in_space,
)
from ...formal.edge.amounts import exactly
from ...formal.layouts.layout import ADDRESS_LIMIT, Layout
from ...formal.layouts.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.logic.verdict import Replay
from ...formal.words.word import number, word, zero_extended
from ..shared import replays
from ..shared.configurations import initrd_len, kernel_end, kernel_start, nr_pages, virt_base
from ..shared.region import n
from ..shared.replays import Values
from . import boots, cap_room
from .boots import FAMILY, LINUX, MIB, found, image, on_pages

CAP = "The cap on dom0's memory leaves a kernel that maps its p2m in the region enough address space."
CAP_SOURCE = "follows: what the cap in dom0_compute_nr_pages() is for"

min_pages: Final = word("min_pages")


def _memory() -> Assumption:
    most = "no more than Xen can have, 124.5 TiB"
    return Assumption("memory", nr_pages <= allocation.HOST_PAGES, f"dom0's memory before the cap is {most}")


@claim(
    family=FAMILY,
    sentence=CAP,
    source=CAP_SOURCE,
    cure="an image whose VIRT_BASE is in the last 2 GiB, kernel and mapped initrd 18 MiB clear of the end of the address "
    "space, and no minimum in dom0_mem; or, for any image: check v_end - 1 < v_start once the layout is known",
)
def cap_prevents_wrap() -> tuple[Part, ...]:
    """64-bit, p2m in the region, dom0_mem without an amount: V(n) does not pass 2^64, for dom0's memory after the cap.

    Refuted: the cap halves the space above kernel and initrd, and gives one half to the p2m. Start info, tables,
    stack and padding must fit into the other half, and nothing checks that they do. For a Linux kernel 8 MiB above
    it are not enough, and 18 MiB are. wrap-caught proves that v_end - 1 < v_start detects the wrap for any image.
    """
    pages = cap_room.capped_pages(X86_64, number(0))
    tables = cap_room.tables_at(pages)
    end = v_end(tables, n)
    statement = Statement(
        assumptions=(image(), _memory(), boots.builds(pages, end, initrd_len)),
        runs=(found(virt_base, tables),),
        goal=~overlap.passes_end(virt_base, end),
    )
    cured = evolve(
        statement,
        assumptions=(
            image(),
            Assumption("high", virt_base >= LINUX, "S is in the last 2 GiB"),
            cap_room.clear_of_end(),
        ),
        goal=cap_room.in_space(virt_base, tables),
    )
    stopped = n == tables_for(X86_64, virt_base, tables, n)
    lowered = pages < nr_pages
    short = (
        (virt_base == ADDRESS_LIMIT - 4 * MIB)
        & (kernel_start == virt_base)
        & on_pages(kernel_end)
        & (initrd_len == 0)
        & (kernel_end >= ADDRESS_LIMIT - MIB)
        & lowered
        & stopped
        & (n < 64)
    )
    linux = (kernel_start == LINUX) & (virt_base == LINUX) & (kernel_end == LINUX + 16 * MIB)
    whole = nr_pages & ((MIB >> PAGE_SHIFT) - 1) == 0
    initrd = linux & (initrd_len & (64 * 1024 - 1) == 0) & lowered & whole & stopped
    initrd &= (initrd_len >= (2 << 30) - 26 * MIB) & (initrd_len < (2 << 30) - 16 * MIB) & (n < 2048)
    return (
        Part(
            name="any image: a small kernel that ends close below 2^64",
            expected=Expected.REFUTED,
            lemma=Lemma("cap-prevents-wrap", "libelf accepts the image ⇒ V(n) does not pass 2^64", statement),
            least=(nr_pages, kernel_end),
            shape=short,
            replay=_built_after_cap,
        ),
        Part(
            name="a Linux kernel at -2 GiB, with a mapped initrd of almost 2 GiB and memory for it",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "cap-prevents-wrap[initrd]", "libelf accepts the image ⇒ V(n) does not pass 2^64", statement
            ),
            least=(nr_pages, initrd_len),
            shape=initrd,
            replay=_built_after_cap,
        ),
        Part(
            name="an image in the last 2 GiB, 18 MiB left above kernel and initrd",
            lemma=Lemma(
                "cap-prevents-wrap[cured]",
                "S ≥ 2^64 - 2 GiB, kernel and initrd end by 2^64 - 18 MiB ⇒ S ≤ T ≤ T + 4096 n < V(n) ≤ 2^64",
                cured,
                Steps(
                    uses=(
                        cap_room.loaded_below().at(),
                        cap_room.p2m_below(cap_room.CLEAR - cap_room.SLACK).at(),
                        cap_room.p2m_starts().at(),
                        cap_room.tables_after_p2m().at(pages=pages),
                        cap_room.high_region_ends().at(v_start=virt_base, vpt_start=tables),
                    ),
                    generalise=(
                        tables,
                        cap_room.arranged(X86_64, pages).p2m.start,
                        pages,
                        loaded_end(kernel_end, initrd_len),
                        end,
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
                "clear": linux
                & (initrd_len == (2 << 30) - 16 * MIB - 8 * MIB)
                & (nr_pages == 1 << 20)
                & stopped,
            },
            replay=_after_cap,
        ),
    )


@claim(
    family=FAMILY,
    sentence=CAP,
    source=CAP_SOURCE,
    cure="refuse kernel and mapped initrd that pass the end of the address space, and double the p2m alone: clip only "
    "where vend + 2 w nr_pages reaches the end. Then the cap only lowers, and under no weaker condition",
)
def cap_only_lowers() -> tuple[Part, ...]:
    """For all configurations: the memory after the cap ≤ the memory before it.

    Refuted: Xen doubles kernel, initrd and p2m to see whether they fit, but clips to half of the space above kernel
    and initrd. If these two take most of the space, a small p2m is "clipped" up. If kernel and initrd are within
    the address space, what the cap catches is lowered exactly if vend + 2 w nr_pages ≥ the end, in numbers that
    don't wrap; w is the size of an entry.
    """
    return tuple(
        part for mode, start in ((X86_64, LINUX), (COMPAT, 3 << 30)) for part in _lowering(mode, start)
    )


@cache
def loaded_wide() -> Lemma:
    """Where kernel and initrd end is the same number if it doesn't wrap, but for the end of the address space."""
    wide, wrapped = loaded_end_wide(kernel_end, initrd_len), loaded_end(kernel_end, initrd_len)
    return Lemma(
        "loaded-wide",
        "vend ≤ 2^64, not wrapping ⇒ it is vend, or 2^64, which wraps to 0; whole pages, and some for a kernel",
        Statement(
            assumptions=(Assumption("loaded", wide <= 1 << 64, "they end by the end of the address space"),),
            goal=((wide == zero_extended(wrapped, WIDE)) | ((wide == 1 << 64) & (wrapped == 0)))
            & (wrapped & (PAGE_SIZE - 1) == 0)
            & ((kernel_end == 0) | (wide > 0)),
        ),
    )


def _by_end() -> Steps:
    """What follows of where kernel and initrd end, whatever they are."""
    return Steps(
        uses=(loaded_wide().wherever(),),
        generalise=(loaded_end_wide(kernel_end, initrd_len), loaded_end(kernel_end, initrd_len)),
    )


def _lowering(mode: PagingMode, start: int) -> tuple[Part, ...]:
    limit = 1 << mode.bits
    vend = loaded_end(kernel_end, initrd_len)
    pages = cap_room.capped_pages(mode, min_pages)
    loaded = Assumption(
        "loaded",
        loaded_in_space(mode, kernel_end, initrd_len),
        "kernel and mapped initrd end by the end of the address space",
    )
    passing = cap_passes(mode, kernel_end, initrd_len, nr_pages)
    passes = Assumption("passes", passing, "vend + 2 w nr_pages ≥ the end of the address space")
    caught = Assumption(
        "caught",
        cap_applies(nr_pages, min_pages) & cap_reached(mode, virt_base, vend, nr_pages),
        "the cap catches the configuration",
    )
    # For 64 bits, 2^64 less a vend of 0 is 0.
    something = [Assumption("kernel", kernel_end > 0, "the kernel ends above 0")] * (mode.bits == 64)
    plain = (
        (virt_base == start)
        & (kernel_start == virt_base)
        & (kernel_end == start + 16 * MIB)
        & (initrd_len & (MIB - 1) == 0)
        & (initrd_len < limit - start - 16 * MIB)
        & (min_pages == 0)
        # As much memory as the image takes, so that nothing else is in the way.
        & (vend - start <= nr_pages << PAGE_SHIFT)
        & (nr_pages < 1 << 20)
    )
    past = (
        (kernel_start == start)
        & (virt_base == start)
        & (min_pages == 0)
        & (initrd_len == 2 * (limit - start))
    )
    past &= (kernel_end == start + 16 * MIB) & (nr_pages >= 1 << 20)
    judge = _lowered(mode)
    return (
        Part(
            name=f"any image, {mode.title}",
            expected=Expected.REFUTED,
            lemma=Lemma(
                f"cap-only-lowers[{mode.name}]",
                "memory after the cap ≤ memory before it",
                Statement(assumptions=(image(), _memory()), goal=pages <= nr_pages),
            ),
            least=(nr_pages, initrd_len),
            shape=plain,
            replay=judge,
        ),
        Part(
            name=f"where vend and twice the p2m pass the end, {mode.title}",
            lemma=Lemma(
                f"cap-only-lowers[{mode.name},cured]",
                "vend ≤ the end ≤ vend + 2 w nr_pages ⇒ memory after the cap ≤ memory before it",
                Statement(assumptions=(loaded, passes), goal=pages <= nr_pages),
                _by_end(),
            ),
            least=(nr_pages, initrd_len),
            shape=plain & (nr_pages >= 1 << 16),
            without={"passes": plain, "loaded": past},
            replay=judge,
        ),
        Part(
            name=f"of what the cap catches, nowhere else, {mode.title}",
            lemma=Lemma(
                f"cap-only-lowers[{mode.name},weakest]",
                "vend ≤ the end, caught ⇒ (memory after the cap ≤ memory before it ⇔ vend + 2 w nr_pages ≥ the end)",
                Statement(assumptions=(loaded, caught, *something), goal=(pages <= nr_pages) == passing),
                _by_end(),
            ),
            least=(nr_pages, initrd_len),
            shape=plain & (nr_pages >= 1 << 16),
            without={
                "caught": plain & ~passing & (nr_pages == 1 << 12),
                "loaded": past,
                "kernel": (kernel_end == 0)
                & (initrd_len == 0)
                & (virt_base == start)
                & (nr_pages == 1 << 16),
            },
            replay=_as_said(mode),
        ),
    )


CLAIMS: tuple[Claim, ...] = (cap_prevents_wrap, cap_only_lowers)


def _after_cap(values: Values) -> Replay:
    """Judges the machine's layout of a 64-bit configuration with the memory that the cap leaves it."""
    return boots.judged(*boots.capped_boot(X86_64, values), boots.ends_in_space)


def _built_after_cap(values: Values) -> Replay:
    """The same of a boot that Xen builds."""
    return boots.judged(*boots.capped_boot(X86_64, values), boots.ends_in_space, builds=True)


def _lowered(mode: PagingMode) -> replays.Judge:
    def judge(values: Values) -> Replay:
        given, says = boots.capped_boot(mode, values)
        lowered = given.nr_pages <= values["nr_pages"]
        replay = boots.judged(given, says, lambda layout: (lowered, _p2m(layout)))
        return replay if replay.holds is not None else Replay(lowered, says)

    return judge


def _p2m(layout: Layout) -> str:
    return f"the p2m takes {exactly(layout.p2m.size)}" if layout.p2m is not None else "there is no p2m"


def _as_said(mode: PagingMode) -> replays.Judge:
    """Judges whether the cap lowers just where it should, by numbers that don't wrap."""

    def judge(values: Values) -> Replay:
        given, says = boots.capped_boot(mode, values)
        lowered = given.nr_pages <= values["nr_pages"]
        pages = -(-values["kernel_end"] // PAGE_SIZE) + -(-values["initrd_len"] // PAGE_SIZE)
        reached = pages * PAGE_SIZE + 2 * mode.p2m_entry * values["nr_pages"]
        return Replay(lowered is (reached >= 1 << mode.bits), f"{says}; vend + 2 w nr_pages is {reached:#x}")

    return judge
