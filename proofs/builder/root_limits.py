"""What keeps a region's tables as the builder made them: that it ends within the root, and below what is Xen's own.

A 64-bit dom0's region that runs off the end of the root table has entries written over in the frame behind that. Of a
32-bit dom0's addresses the last ones are Xen's, whose entries are put into the marked L2 when the region is mapped.
"""

from functools import cache
from typing import Final

from ...encodings import dom0_builder
from ...encodings import read_only_walk as walk
from ...encodings.dom0_builder import ENTRIES, entry_of
from ...encodings.overlap import COMPAT_HOLE
from ...encodings.spans import spanned
from ...formal.layouts.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Use
from ...formal.words.word import Truth, Word, word
from ..shared import region
from ..shared.region import v_start, vpt_start
from .mapped_pages import region_bytes, table_page, v_end

ROOT_SHIFT: Final = 48
"""What the root table maps, as a shift."""


def below_one_root(end: Word) -> Truth:
    """S and the byte below ``end``, above it, agree above what the root table maps."""
    return (v_start <= end - 1) & (v_start >> ROOT_SHIFT == (end - 1) >> ROOT_SHIFT)


def _room_in_root(end: Word) -> Truth:
    """The root has an entry for each L3 of the region up to ``end``, from the one for S on."""
    return entry_of(v_start, ROOT_SHIFT) + spanned(v_start, end, 39) <= ENTRIES


@cache
def root_holds() -> Lemma:
    """Where S and the region's last byte agree above the root, the root has an entry for each L3."""
    end = word("end")
    return Lemma(
        "root-holds",
        "S and V - 1 agree from bit 48 up ⇒ the root's entry for S, and N_39 of them, are in the root",
        Statement(
            assumptions=(
                Assumption(
                    "some", (end - v_start > 0) & (end - v_start <= region.region_limit(X86_64)), "V > S"
                ),
                Assumption(
                    "within",
                    below_one_root(end),
                    "S ≤ V - 1, and they agree from bit 48 up",
                ),
            ),
            goal=_room_in_root(end),
        ),
    )


def walkable(mode: PagingMode) -> Assumption:
    """The region doesn't run off the end of the root table, nor into the part of a 32-bit guest's L2 that is Xen's."""
    if mode is COMPAT:
        return Assumption(
            "below",
            (v_start < v_end) & (region_bytes >= PAGE_SIZE) & (v_end <= COMPAT_HOLE),
            f"the region is a page at least, and ends by {COMPAT_HOLE:#x}, where Xen's own part may begin",
        )
    return Assumption(
        "root",
        below_one_root(v_end),
        "v_start and the region's last byte, above it, agree from bit 48 up: the builder doesn't run off the root",
    )


def into_the_hole() -> Truth:
    """Where to look for a 32-bit guest's tables that reach into Xen's own part: that begins above the second."""
    return (v_start == COMPAT_HOLE - (8 << 20)) & (vpt_start == COMPAT_HOLE - 2 * PAGE_SIZE)


@cache
def page_below(limit: int) -> Lemma:
    """A page of a region that ends by ``limit`` lies below it."""
    at, end = word("at"), word("end")
    return Lemma(
        f"page-below[{limit:#x}]",
        f"p < (V - S) / 4096, S < V ≤ {limit:#x} ⇒ S / 4096 + p < {limit:#x} / 4096",
        Statement(
            assumptions=(
                Assumption("page", at < dom0_builder.pages_of(v_start, end), "p is a page of the region"),
                Assumption("below", (v_start < end) & (end <= limit), f"S < V ≤ {limit:#x}"),
            ),
            goal=(v_start >> PAGE_SHIFT) + at < limit >> PAGE_SHIFT,
        ),
    )


def kept(mode: PagingMode, at: Word) -> Truth:
    """Nothing is written over the entries on the way to the page T + 4096 ``at``.

    64-bit: the root has an entry for each L3. Compat: the page lies below what may be Xen's own.
    """
    if mode is COMPAT:
        return ~walk.xens_own((v_start >> PAGE_SHIFT) + (table_page() + at))
    return _room_in_root(v_end)


def keeps(mode: PagingMode, at: Word) -> Use:
    """The lemma that gives `kept` of a region that is `walkable`."""
    if mode is COMPAT:
        return page_below(COMPAT_HOLE).at(at=table_page() + at, end=v_end)
    return root_holds().at(end=v_end)
