"""Lemmas about pages counted from an address: lengths in pages, what is left out of them, and what holds them.

Small ones, mostly about order, that `mapped_pages` puts its terms into. Those about the builder's allocation
say what the code does of any region: DOMAIN.md section 4.
"""

from functools import cache

from ...encodings import dom0_builder
from ...encodings.allocation import order_pages
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.words.word import Word, word
from ..shared import arithmetic
from ..shared.region import n

page = word("page")
before, size = word("before"), word("size")


@cache
def pages_above() -> Lemma:
    """Whole pages added to a length are so many pages more."""
    return Lemma(
        "pages-above",
        "(d + 4096 n) / 4096 = d / 4096 + n, where nothing wraps",
        Statement(
            assumptions=(
                Assumption("order", (before <= before + n * PAGE_SIZE) & (n < 1 << 52), "d ≤ d + 4096 n"),
            ),
            goal=(before + n * PAGE_SIZE) >> PAGE_SHIFT == (before >> PAGE_SHIFT) + n,
        ),
    )


@cache
def whole_pages() -> Lemma:
    """Taking whole pages off a length takes so many pages off."""
    own = word("own")
    return Lemma(
        "whole-pages",
        "L ≤ d, L a multiple of 4096 ⇒ (d - L) / 4096 = d / 4096 - L / 4096",
        Statement(
            assumptions=(
                Assumption("whole", own & (PAGE_SIZE - 1) == 0, "L is a multiple of 4096"),
                Assumption("order", own <= before, "L ≤ d"),
            ),
            goal=((before - own) >> PAGE_SHIFT == (before >> PAGE_SHIFT) - (own >> PAGE_SHIFT))
            & (own >> PAGE_SHIFT <= before >> PAGE_SHIFT)
            & ((own == before) | (before - own > 0)),
        ),
    )


@cache
def less_as_many() -> Lemma:
    """Taking the same off keeps the order."""
    lower, higher, less = word("lower"), word("higher"), word("less")
    return Lemma(
        "less-as-many",
        "w ≤ x < y ⇒ x - w < y - w",
        Statement(
            assumptions=(Assumption("order", (less <= lower) & (lower < higher), "w ≤ x < y"),),
            goal=lower - less < higher - less,
        ),
    )


@cache
def less_the_same() -> Lemma:
    """Taking off as much, or nothing, gives the same."""
    lower, own, pages = word("lower"), word("own"), word("pages")
    return Lemma(
        "less-the-same",
        "w' = w ⇒ x - w' = x - w, and x - 0 = x",
        Statement(
            goal=((own != pages) | (lower - own == lower - pages)) & ((own != 0) | (lower - own == lower))
        ),
    )


def _fits() -> Assumption:
    """What starts at ``start`` and has ``pages`` ends by ``tables``."""
    start, pages, tables = word("start"), word("pages"), word("tables")
    return Assumption("order", (start <= tables) & (pages <= tables - start), "i ≤ t, w ≤ t - i")


@cache
def fits_below() -> Lemma:
    """What fits ends in order."""
    start, pages, tables = word("start"), word("pages"), word("tables")
    return Lemma(
        "fits-below",
        "i ≤ t, w ≤ t - i ⇒ i ≤ i + w ≤ t, w ≤ i + w",
        Statement(
            assumptions=(_fits(),),
            goal=(start <= start + pages) & (pages <= start + pages) & (start + pages <= tables),
        ),
        Steps(uses=(arithmetic.no_less_with().at(a=pages, b=tables - start, c=start),)),
    )


@cache
def starts_below() -> Lemma:
    """What fits starts low enough."""
    start, pages, tables = word("start"), word("pages"), word("tables")
    return Lemma(
        "starts-below",
        "i ≤ t, w ≤ t - i ⇒ i ≤ t - w, w ≤ t",
        Statement(assumptions=(_fits(),), goal=(start <= tables - pages) & (pages <= tables)),
        Steps(
            uses=(
                fits_below().at(),
                arithmetic.less_in_order().at(a=start + pages, b=tables, c=pages),
            ),
            generalise=(tables - pages,),
        ),
    )


@cache
def within() -> Lemma:
    """Whatever comes before the end of some pages is among them."""
    start, index, count = word("start"), word("index"), word("count")
    return Lemma(
        "within",
        "t ≤ t + n, i < n ⇒ t ≤ t + i < t + n",
        Statement(
            assumptions=(
                Assumption("order", (start <= start + count) & (index < count), "t ≤ t + n, i < n"),
            ),
            goal=(start <= start + index) & (start + index < start + count),
        ),
    )


@cache
def pages_in_order() -> Lemma:
    """Lengths in order are so in pages."""
    lower, higher = word("lower"), word("higher")
    return Lemma(
        "pages-in-order",
        "x ≤ y ⇒ x / 4096 ≤ y / 4096",
        Statement(
            assumptions=(Assumption("order", lower <= higher, "x ≤ y"),),
            goal=lower >> PAGE_SHIFT <= higher >> PAGE_SHIFT,
        ),
    )


@cache
def page_frames() -> Lemma:
    """Each page of the region maps a frame of the allocation or of the initrd; from T on the initrd's are left out.

    All in pages: a region of r with its tables from t on, and an initrd of w that starts at i, w' of it its own.
    """
    alloc, start, pages, own = (word(name) for name in ("alloc", "start", "pages", "own"))
    whole, tables = word("whole"), word("tables")
    is_initrds = dom0_builder.is_initrds(page, start, pages)
    frame = dom0_builder.frame_of(page, start, pages)
    return Lemma(
        "page-frames",
        "p < r ⇒ p's frame is the initrd's, or < the allocation; and p - w' for p ≥ t",
        Statement(
            assumptions=(
                Assumption("page", page < whole, "p < r"),
                Assumption("order", whole - own <= alloc, "the allocation holds r - w'"),
                Assumption("tables", tables < whole, "t < r"),
                Assumption(
                    "initrd",
                    ((start <= tables) & (pages <= tables - start) & (own == pages))
                    | ((start == alloc) & (own == 0)),
                    "i + w ≤ t, w' = w; or it isn't mapped, and lies behind the allocation",
                ),
            ),
            goal=(is_initrds | (frame < alloc)) & ((page < tables) | (~is_initrds & (frame == page - own))),
        ),
        Steps(
            uses=(
                fits_below().wherever(),
                starts_below().wherever(),
                less_as_many().wherever(lower=page, higher=whole, less=pages),
                less_as_many().wherever(lower=tables, higher=whole, less=pages),
                less_the_same().at(lower=page),
                less_the_same().at(lower=whole),
            ),
            generalise=(
                *(each - less for each in (page, whole) for less in (own, pages)),
                tables - pages,
                tables - start,
                start + pages,
                page - start,
            ),
        ),
    )


def last_page(size: Word) -> Word:
    """The last of the pages that so many bytes take, counted from 0."""
    return (size - 1) >> PAGE_SHIFT


@cache
def order_least() -> Lemma:
    """The allocation is the least power of two that has as many pages as the bytes take."""
    pages = order_pages(size)
    return Lemma(
        "order-least",
        "2^order is a power of two, holds ⌈L / 4096⌉ pages, and half of it doesn't",
        Statement(
            goal=(pages & (pages - 1) == 0)
            & (last_page(size) < pages)
            & ((pages == 1) | (pages >> 1 <= last_page(size))),
        ),
    )


@cache
def order_holds() -> Lemma:
    """2^order pages hold all the bytes that they are for."""
    return Lemma(
        "order-holds",
        "L / 4096 ≤ 2^order(L), for L > 0",
        Statement(
            assumptions=(Assumption("some", size > 0, "L > 0"),),
            goal=size >> PAGE_SHIFT <= order_pages(size),
        ),
    )


@cache
def order_bounded() -> Lemma:
    """No order is for more pages than there are addresses for."""
    return Lemma("order-bounded", "2^order(L) ≤ 2^52", Statement(goal=order_pages(size) <= 1 << 52))
