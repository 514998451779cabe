"""The claims on the check for Xen's own area: regions that pass 2^64, and regions that get into Xen's own slots.

Notation of DOMAIN.md section 1. The configurations have no initrd, and their p2m in the region.
"""

from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve

from ...encodings import overlap
from ...encodings.dom0_count import tables_for
from ...encodings.dom0_layout import v_end
from ...formal.layouts.layout import ADDRESS_LIMIT, Layout, Segment
from ...formal.layouts.paging import COMPAT, X86_64, PagingMode
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Assumption, Lemma, Statement
from ...formal.logic.verdict import Replay
from ...formal.machine.builder import XEN_AREA, XEN_LISTED_END
from ...formal.machine.replay import overlaps_xen
from ...formal.words.word import TRUE, Truth, Word, number, word, zero_extended
from ..shared import configurations, replays
from ..shared.configurations import kernel_end, kernel_start, nr_pages, virt_base
from ..shared.region import n, v_start
from . import boots
from .boots import FAMILY, MIB, found, image, on_pages

OVERLAP = "A region that Xen's own addresses don't allow is refused."
OVERLAP_SOURCE = "follows: what the check for an overlap with Xen's area is for"

WIDE: Final = 65
END: Final = word("end")
NOTED: Final = word("noted", 1)
MAX_PAGE: Final = word("max_page")
HOLE: Final = overlap.compat_hole(NOTED == 1, MAX_PAGE)
address: Final = word("address")


def _space_statement() -> tuple[Word, Statement]:
    """T, and what is reported about a 64-bit region without a mapped initrd whose memory is given."""
    tables = configurations.arranged(configurations.CHOICES[0]).vpt_start
    assumptions = (image(), boots.builds(nr_pages, v_end(tables, n)))
    return tables, Statement(assumptions=assumptions, runs=(found(virt_base, tables),), goal=TRUE)


def _small(start: int, tables: Word) -> Truth:
    """An image from ``start`` on, in whole pages, and few tables."""
    return (
        on_pages(kernel_end)
        & (virt_base == start)
        & (kernel_start == virt_base)
        & (kernel_end > kernel_start)
        & (kernel_end - kernel_start < 4 * MIB)
        & (nr_pages < 1 << 20)
        & (n == tables_for(X86_64, virt_base, tables, n))
        & (n < 64)
    )


def _rounded() -> Truth:
    return (v_start | END) & (4 * MIB - 1) == 0


@claim(
    family=FAMILY,
    sentence=OVERLAP,
    source=OVERLAP_SOURCE,
    cure="refuse v_end - 1 < v_start: that is true for every region that passes 2^64, and for no other",
)
def wrap_caught() -> tuple[Part, ...]:
    """64-bit, for all configurations: a V(n) past 2^64 is refused by the check for Xen's own area.

    Refuted: V has wrapped by then and looks small. The check V - 1 < S catches it: for a region that isn't empty,
    it holds exactly if the region passes 2^64. For a 32-bit dom0, whose V is computed in 64 bits, a V past 4 GiB is
    caught on every host.
    """
    tables, statement = _space_statement()
    end = v_end(tables, n)
    passed = zero_extended(v_start, WIDE) + zero_extended(END - v_start, WIDE) > number(ADDRESS_LIMIT, WIDE)
    some = Assumption("some", v_start != END, "the region isn't empty")
    past = Assumption("past", END > 1 << 32, "V > 4 GiB")
    compat = _rounded() & (v_start == 3 << 30) & (NOTED == 1) & (MAX_PAGE == 1 << 20)
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
            shape=_small(ADDRESS_LIMIT - 4 * MIB, tables),
            replay=boots.located(_wrap_refused),
        ),
        Part(
            name="what does catch it: V - 1 < S",
            lemma=Lemma(
                "wrap-caught[cured]",
                "S ≠ V ⇒ (V - 1 < S ⇔ S + length > 2^64)",
                Statement(assumptions=(some,), goal=overlap.passes_end(v_start, END) == passed),
            ),
            least=(v_start, END),
            shape=_rounded() & (v_start == ADDRESS_LIMIT - 4 * MIB) & passed,
            without={"some": _rounded() & (v_start == END) & (v_start == 4 * MIB)},
            replay=_bare(X86_64, _wraps_as_said),
        ),
        Part(
            name="32-bit: a V past 4 GiB",
            lemma=Lemma(
                "wrap-caught[compat]",
                "V > 4 GiB ⇒ the check refuses it",
                Statement(assumptions=(past,), goal=overlap.overlaps_compat(END, HOLE)),
            ),
            least=(v_start, END, MAX_PAGE),
            shape=compat,
            without={"past": compat & (v_start < END)},
            replay=_bare(COMPAT, _refused_below_the_hole),
        ),
    )


@claim(
    family=FAMILY,
    sentence=OVERLAP,
    source=OVERLAP_SOURCE,
    cure="refuse a region that doesn't lie in one half of the canonical addresses, short of 2^64: then the check is "
    "complete",
)
def overlap_complete() -> tuple[Part, ...]:
    """64-bit, for all configurations: a region with an address that Xen's root slots map is refused.

    Refuted: a region that crosses 2^47 continues in slot 256, at addresses far below Xen's. The check is complete
    for a region in one half of the canonical addresses, and for a 32-bit dom0 on every host.
    """
    tables, statement = _space_statement()
    end = v_end(tables, n)
    inside = Assumption(
        "inside", (virt_base <= address) & (address <= end - 1), "the address is in the region"
    )
    within = Assumption("inside", (v_start <= address) & (address <= END - 1), "the address is in the region")
    canonical = Assumption(
        "canonical",
        overlap.canonical(v_start, END),
        "S < V ≤ 2^47 or 2^64 - 2^47 ≤ S < V < 2^64",
    )
    in_hole = Assumption("hole", address >= HOLE, "the address is in Xen's part")
    ahead = _rounded() & on_pages(address) & (v_start == overlap.XEN_START)
    compat = _rounded() & (v_start == 3 << 30) & (NOTED == 1) & (MAX_PAGE == 1 << 20)
    return (
        Part(
            name="any image",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "overlap-complete",
                "libelf accepts the image, a Xen slot maps an address of the region ⇒ the check refuses it",
                evolve(
                    statement,
                    assumptions=(*statement.assumptions, inside),
                    goal=~overlap.in_xens_slots(address) | overlap.overlaps(virt_base, end),
                ),
            ),
            least=(nr_pages, kernel_end, address),
            shape=_small(overlap.HALF - 4 * MIB, tables) & on_pages(address),
            replay=boots.located(_slots_refused),
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
            shape=compat & on_pages(address),
            without={"inside": compat & (address == HOLE), "hole": compat & on_pages(address)},
            replay=_bare(COMPAT, _refused_below_the_hole),
        ),
    )


CLAIMS: tuple[Claim, ...] = (wrap_caught, overlap_complete)

Judged = Callable[[Layout, Mapping[str, int]], tuple[bool, str]]


def _wrap_refused(layout: Layout) -> tuple[bool, str]:
    ends, _ = boots.ends_in_space(layout)
    refused = overlaps_xen(layout)
    return ends or refused, (
        f"the region ends at {layout.v_start + layout.total.size:#x}, printed as {layout.v_end:#x}, "
        f"and is {'refused' if refused else 'not refused'}"
    )


def _slots_refused(layout: Layout) -> tuple[bool, str]:
    """Whether the machine's region, walked by root entries, stays off Xen's slots or is refused."""
    end = layout.v_start + layout.total.size
    slots = boots.root_slots(layout.mode, layout.v_start, layout.total.size)
    hit = boots.in_xens(layout.mode, slots)
    refused = overlaps_xen(layout)
    return not hit or refused, (
        f"the region {layout.v_start:#x} to {end:#x} lies in root slots {', '.join(map(str, slots))}, of which "
        f"{boots.are_xens(hit)}; Xen {'refuses' if refused else 'does not refuse'} it"
    )


def _bare(mode: PagingMode, holds: Judged) -> replays.Judge:
    """Judges a region given by its ends alone."""

    def judge(values: Mapping[str, int]) -> Replay:
        start, end = values.get("v_start", 0), values["end"]
        verdict, says = holds(boots.region_alone(Segment(start, end), mode=mode), values)
        return Replay(verdict, says)

    return judge


def _wraps_as_said(layout: Layout, _values: Mapping[str, int]) -> tuple[bool, str]:
    """Whether V - 1 < S just where the region passes 2^64, in numbers that don't wrap."""
    says = (layout.v_end - 1) % ADDRESS_LIMIT < layout.v_start
    ends, seen = boots.ends_in_space(layout)
    return says is not ends, f"V - 1 < S is {'true' if says else 'false'}, and {seen}"


def _refused_below_the_hole(layout: Layout, values: Mapping[str, int]) -> tuple[bool, str]:
    """Whether the region's end is above what the host leaves a 32-bit guest, found by stepping down from its end."""
    lowest = XEN_AREA[layout.mode.name].start
    hole = XEN_LISTED_END if values["noted"] else lowest
    listed = 0
    # Whole 2 MiB, each of the list's length of half a million frames, as far as there are frames.
    while listed < values["max_page"] and hole > lowest:
        listed += (2 << 20) // 4
        hole -= 2 << 20
    refused = layout.v_end > hole
    return refused, (
        f"Xen's part begins at {hole:#x}; a region that ends at {layout.v_end:#x} is "
        f"{'refused' if refused else 'not refused'}"
    )


def _slot_refused(layout: Layout, values: Mapping[str, int]) -> tuple[bool, str]:
    slots = boots.root_slots(layout.mode, values["address"], 1)
    refused = overlaps_xen(layout)
    return not boots.in_xens(layout.mode, slots) or refused, (
        f"{values['address']:#x} lies in root slot {slots[0]}; the region is {'refused' if refused else 'not refused'}"
    )
