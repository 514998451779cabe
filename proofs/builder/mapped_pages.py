"""Lemmas about the pages of a region: which frame each of them maps, and that it is there.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages; L is the initrd's length in
whole pages, 0 where it isn't mapped. Frames are counted from the start of the allocation.
"""

from functools import cache

from ...encodings import dom0_builder
from ...encodings.allocation import initrd_pages
from ...encodings.builder_loop import NO_TABLE, root_of
from ...encodings.dom0_layout import padded_end
from ...encodings.spans import round_up
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Run, Statement, Steps, Use
from ...formal.words.word import Truth, Word, number, word
from ..shared import arithmetic, region
from ..shared.region import ABOVE_TABLES, n, v_start, vpt_start
from .frame_cursors import mapped_in_order
from .loop_steps import run_of
from .page_lengths import (
    fits_below,
    order_bounded,
    order_holds,
    page,
    page_frames,
    pages_above,
    pages_in_order,
    starts_below,
    whole_pages,
)
from .table_places import ITS

vinitrd_start, initrd_len = word("vinitrd_start"), word("initrd_len")
v_end = padded_end(vpt_start, n)
region_bytes = v_end - v_start
tables_at = vpt_start - v_start
own_bytes = dom0_builder.initrds_own(vinitrd_start, initrd_len)
allocation = dom0_builder.allocated(v_start, v_end, vinitrd_start, initrd_len)
initrd_page = dom0_builder.initrds_page(v_start, vinitrd_start, allocation)
initrd_count = initrd_pages(initrd_len)


def frame_of(page: Word) -> Word:
    """The frame that a page of the region maps."""
    return dom0_builder.frame_of(page, initrd_page, initrd_count)


def arguments(pages: Word | None = None) -> dict[Word, Word]:
    """What the loop's words stand for where it builds the region, or its first pages; the root stays open."""
    return {
        ITS.pages: dom0_builder.pages_of(v_start, v_end) if pages is None else pages,
        ITS.initrd_page: initrd_page,
        ITS.initrd_pages: initrd_count,
    }


def at(lemma: Lemma, mode: PagingMode | None = None, pages: Word | None = None, **terms: Word) -> Use:
    """A lemma on the loop, said about the region's, and of a root of the mode's."""
    known = {str(each.value) for each in lemma.statement.variables}
    given = {str(each.value): term for each, term in arguments(pages).items()}
    given |= {} if mode is None else {"root": root_of(mode)}
    return lemma.at(**{name: term for name, term in (given | terms).items() if name in known})


def built(mode: PagingMode, table: Word = ITS.table, entry: Word = ITS.entry) -> Run:
    """The mapping loop for the region that n frames make, looking at a table and an entry of it."""
    return run_of(arguments() | {ITS.root: root_of(mode), ITS.table: table, ITS.entry: entry})


def mapping(page: Word) -> Run:
    """The mapping loop, up to a page of the region, looking at nothing."""
    nothing = {ITS.table: number(NO_TABLE), ITS.entry: number(0)}
    return run_of(arguments(page) | {ITS.root: number(0)} | nothing)


def frame_given(page: Word) -> Word:
    """The frame that a page of the region gets in the `mapping` loop."""
    return dom0_builder.frame_given(page, initrd_page, initrd_count, ITS.next_frame, ITS.next_initrds)


def is_initrds(page: Word) -> Truth:
    """Whether a page of the region maps a frame of the initrd's own."""
    return dom0_builder.is_initrds(page, initrd_page, initrd_count)


def table_page() -> Word:
    """Which page of the region T is."""
    return dom0_builder.page_of(v_start, vpt_start)


def no_initrd() -> Truth:
    """Where to look for what has nothing to do with an initrd: there is none."""
    return (vinitrd_start == 0) & (initrd_len == 0)


def no_initrds_frame() -> Truth:
    """The same for what has to do with the loop, which has a place for the initrd's frames, too."""
    return no_initrd() & (ITS.initrd_frame == 0)


def on_pages() -> Assumption:
    """S, T and the initrd are page-aligned."""
    return Assumption(
        "pages",
        (v_start | vpt_start | vinitrd_start) & (PAGE_SIZE - 1) == 0,
        "S, T and the mapped initrd start on a page",
    )


def below_tables() -> Assumption:
    """The initrd isn't mapped, or lies in the region below the tables."""
    at = vinitrd_start - v_start
    length = round_up(initrd_len, PAGE_SHIFT)
    return Assumption(
        "initrd",
        (vinitrd_start == 0) | ((at <= tables_at) & (length <= tables_at - at)),
        "an initrd that is mapped lies between S and T",
    )


@cache
def tables_inside(mode: PagingMode) -> Lemma:
    """The tables, stack and padding lie within the region, counted from S."""
    limit = region.region_limit(mode)
    padded = region.padded(n)
    after = tables_at + n * PAGE_SIZE
    return Lemma(
        f"tables-inside[{mode.name}]",
        "T - S ≤ T - S + 4096 n ≤ V - S - 516 KiB",
        Statement(
            assumptions=(region.room(mode, n),),
            goal=(tables_at <= after)
            & (after <= limit - ABOVE_TABLES)
            & (after + ABOVE_TABLES <= region_bytes)
            & (region_bytes <= limit)
            & (n < 1 << 52),
        ),
        Steps(
            uses=(
                region.pages_fit().at(limit=number(region.tables_limit(mode)), d=tables_at, m=n),
                region.counted_from_start().at(),
                arithmetic.round_up_grows(22).at(low=v_start, near=padded, far=padded, limit=number(limit)),
            ),
            generalise=(v_end, padded - v_start, after, tables_at),
        ),
    )


@cache
def pages_inside(mode: PagingMode) -> Lemma:
    """The pages of the tables, and the boot stack's above them, are among those that are mapped."""
    after = tables_at + n * PAGE_SIZE
    return Lemma(
        f"pages-inside[{mode.name}]",
        "(T - S) / 4096 + n < (V - S) / 4096 < 2^52",
        Statement(
            assumptions=(region.room(mode, n),),
            goal=((tables_at >> PAGE_SHIFT) + n < dom0_builder.pages_of(v_start, v_end))
            & (tables_at >> PAGE_SHIFT < dom0_builder.pages_of(v_start, v_end))
            & (tables_at >> PAGE_SHIFT <= (tables_at >> PAGE_SHIFT) + n)
            & (tables_at < region_bytes)
            & (n < 1 << 52),
        ),
        Steps(
            uses=(tables_inside(mode).at(), pages_above().at(before=tables_at)),
            generalise=(region_bytes, after, tables_at),
        ),
    )


@cache
def counted_in_pages() -> Lemma:
    """From a page-aligned S, the page of a page-aligned T is its distance in pages."""
    return Lemma(
        "counted-in-pages",
        "S, T whole pages ⇒ T's page is (T - S) / 4096",
        Statement(
            assumptions=(
                Assumption("pages", (v_start | vpt_start) & (PAGE_SIZE - 1) == 0, "S and T are whole pages"),
            ),
            goal=(table_page() == tables_at >> PAGE_SHIFT) & (tables_at & (PAGE_SIZE - 1) == 0),
        ),
    )


@cache
def initrd_place() -> Lemma:
    """In pages, too, a mapped initrd lies below the tables; one that isn't mapped comes after the allocation."""
    at = vinitrd_start - v_start
    length = round_up(initrd_len, PAGE_SHIFT)
    before_pages = tables_at >> PAGE_SHIFT
    return Lemma(
        "initrd-place",
        "the initrd is pages below T's, all its own; or it isn't mapped, comes after the allocation, and L = 0",
        Statement(
            assumptions=(below_tables(),),
            goal=(own_bytes & (PAGE_SIZE - 1) == 0)
            & (own_bytes <= tables_at)
            & (
                (
                    (initrd_page <= before_pages)
                    & (initrd_count <= before_pages - initrd_page)
                    & (own_bytes >> PAGE_SHIFT == initrd_count)
                )
                | ((initrd_page == allocation) & (own_bytes >> PAGE_SHIFT == 0))
            ),
        ),
        Steps(
            uses=(
                whole_length().at(),
                starts_below().wherever(start=at, pages=length, tables=tables_at),
                whole_pages().wherever(own=length, before=tables_at),
                pages_in_order().wherever(lower=at, higher=tables_at - length),
                starts_below().wherever(
                    start=length >> PAGE_SHIFT, pages=at >> PAGE_SHIFT, tables=before_pages
                ),
                arithmetic.same_both(minus=True).wherever(
                    a=before_pages, b=initrd_page, c=before_pages, d=at >> PAGE_SHIFT
                ),
            ),
            generalise=(
                *(before_pages - each for each in (initrd_page, at >> PAGE_SHIFT)),
                at >> PAGE_SHIFT,
                tables_at - length >> PAGE_SHIFT,
                allocation,
                tables_at - length,
                before_pages - (length >> PAGE_SHIFT),
                tables_at - at,
                before_pages,
                length,
                at,
                tables_at,
            ),
        ),
    )


@cache
def whole_length() -> Lemma:
    """The initrd's length is rounded up to whole pages."""
    length = round_up(initrd_len, PAGE_SHIFT)
    return Lemma(
        "whole-length",
        "the length rounded up is a multiple of 4096",
        Statement(goal=length & (PAGE_SIZE - 1) == 0),
    )


@cache
def mapped_frames(mode: PagingMode) -> Lemma:
    """Each page of the region maps a frame of the allocation, or one of the initrd's; from T on, in order."""
    own_pages, before_pages, region_pages = (
        own_bytes >> PAGE_SHIFT,
        tables_at >> PAGE_SHIFT,
        region_bytes >> PAGE_SHIFT,
    )
    return Lemma(
        f"mapped-frames[{mode.name}]",
        "p < (V - S) / 4096 ⇒ p's frame is the initrd's, or < 2^order; and p - L / 4096 from T's page on",
        Statement(
            assumptions=(region.room(mode, n), below_tables(), is_mapped()),
            goal=(is_initrds(page) | (frame_of(page) < allocation))
            & ((page < before_pages) | (~is_initrds(page) & (frame_of(page) == page - own_pages)))
            & (own_pages <= before_pages)
            & (region_pages - own_pages <= allocation),
        ),
        Steps(
            uses=(
                pages_inside(mode).wherever(),
                initrd_place().wherever(),
                whole_pages().wherever(before=tables_at, own=own_bytes),
                whole_pages().wherever(before=region_bytes, own=own_bytes),
                order_holds().wherever(size=region_bytes - own_bytes),
                page_frames().wherever(
                    alloc=allocation,
                    start=initrd_page,
                    pages=initrd_count,
                    own=own_pages,
                    whole=region_pages,
                    tables=before_pages,
                ),
            ),
            generalise=(
                frame_of(page),
                initrd_page + initrd_count,
                before_pages - initrd_page,
                before_pages - own_pages,
                region_pages - own_pages,
                page - own_pages,
                tables_at - own_bytes,
                region_bytes - own_bytes,
                initrd_page,
                allocation,
                own_pages,
                initrd_count,
                before_pages + n,
                before_pages,
                region_pages,
                own_bytes,
                region_bytes,
                tables_at,
            ),
        ),
    )


def is_mapped() -> Assumption:
    """The page is one of those that the builder maps."""
    return Assumption(
        "page", page < dom0_builder.pages_of(v_start, v_end), "the page is mapped: p < (V - S) / 4096"
    )


@cache
def initrd_few() -> Lemma:
    """The initrd has no more pages than there are addresses for."""
    return Lemma("initrd-few", "w ≤ 2^52", Statement(goal=initrd_count <= 1 << 52))


@cache
def initrd_ends() -> Lemma:
    """The initrd's pages don't wrap, mapped or not."""
    return Lemma(
        "initrd-ends",
        "i ≤ i + w",
        Statement(assumptions=(below_tables(),), goal=initrd_page <= initrd_page + initrd_count),
        Steps(
            uses=(
                initrd_place().at(),
                fits_below().wherever(start=initrd_page, pages=initrd_count, tables=tables_at >> PAGE_SHIFT),
                order_bounded().at(size=region_bytes - own_bytes),
                initrd_few().at(),
            ),
            generalise=(initrd_page, initrd_count, allocation, own_bytes, tables_at),
        ),
    )


@cache
def given_in_order() -> Lemma:
    """Each page of the region maps what its number says: the cursors go up by one where they are used."""
    before_pages = tables_at >> PAGE_SHIFT
    return Lemma(
        "given-in-order",
        "the p-th page maps the frame p below i, the initrd's p - i up to i + w, and p - w from there on",
        Statement(
            assumptions=(below_tables(),), runs=(mapping(page),), goal=frame_given(page) == frame_of(page)
        ),
        Steps(
            uses=(
                initrd_ends().at(),
                at(mapped_in_order(), pages=page, root=number(0), table=number(NO_TABLE), entry=number(0)),
            ),
            generalise=(
                frame_given(page),
                frame_of(page),
                initrd_page,
                initrd_count,
                before_pages,
                allocation,
                own_bytes,
                tables_at,
            ),
        ),
    )
