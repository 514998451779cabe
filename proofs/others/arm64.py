"""Lemmas about the pages that Linux for arm64 sets aside for its first tables: they are just enough, also for a moved image.

S = v_start, where the image is linked to, E = end, and d = moved, by how much it is moved before it starts.
"""

from functools import cache
from itertools import accumulate

from ...encodings import arm64
from ...encodings.dom0_count import tables, tables_by_level
from ...encodings.spans import spanned
from ...formal.layouts.paging import PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.words.word import Word, word
from ..shared import arithmetic
from ..shared.region import terms, v_start

end, moved = word("end"), word("moved")


def image() -> Assumption:
    """The assumption that there is an image, and it is no longer than half of the address space."""
    return Assumption("image", (v_start < end) & (end - v_start <= 1 << 63), "S < E ≤ S + 2^63")


@cache
def same_level(shift: int) -> Lemma:
    """From the block of the first byte to that of the last is what the image spans."""
    return Lemma(
        f"arm64-same-level[{shift}]",
        "S < E ⇒ (E - 1) / 2^s - S / 2^s + 1 = N(S, E)",
        Statement(
            assumptions=(image(),),
            goal=arm64.span_entries(v_start, end, shift) == spanned(v_start, end, shift),
        ),
    )


def _shifts(mode: PagingMode) -> list[int]:
    return [level.shift for level in reversed(mode.levels[:-1])]


@cache
def exact(mode: PagingMode) -> Lemma:
    """Without an extra table what is set aside is f(S, E)."""
    spans = tables_by_level(mode, v_start, end)
    own = [arm64.span_entries(v_start, end, shift) for shift in _shifts(mode)]
    early, needed = arm64.early_pages(mode, v_start, end, 0), tables(mode, v_start, end)
    added = arithmetic.added_alike(early, needed)
    return Lemma(
        f"arm64-exact[{mode.name}]",
        "S < E ⇒ EARLY_PAGES(S, E, 0) = f(S, E)",
        Statement(
            assumptions=(image(),),
            goal=early == needed,
        ),
        Steps(
            uses=(*(same_level(shift).at() for shift in _shifts(mode)), *added.uses),
            generalise=terms(*added.generalise, *spans, *own),
        ),
    )


def moved_tables(mode: PagingMode) -> tuple[Word, ...]:
    """The tables of the moved image by level, the root's first."""
    return tables_by_level(mode, v_start + moved, end + moved)


@cache
def one_more(shift: int) -> Lemma:
    """A range that is as long, wherever it starts, touches a block more at most."""
    far_low, far_end = v_start + moved, end + moved
    mask = (1 << shift) - 1
    return Lemma(
        f"one-more[{shift}]",
        "N(S + d, E + d) ≤ N(S, E) + 1",
        Statement(
            assumptions=(
                Assumption(
                    "short", end - v_start <= arithmetic.span_limit(shift), "not around the whole space"
                ),
            ),
            goal=spanned(far_low, far_end, shift) <= spanned(v_start, end, shift) + 1,
        ),
        Steps(
            uses=(
                arithmetic.last_taken_off().at(a=end, b=v_start, c=moved),
                arithmetic.spanned_from_low(shift).at(low=v_start, far=end),
                arithmetic.spanned_from_low(shift).at(low=far_low, far=far_end),
                arithmetic.part_of_block(shift).at(low=v_start),
                arithmetic.part_of_block(shift).at(low=far_low),
            ),
            generalise=(
                spanned(far_low, far_end, shift),
                spanned(v_start, end, shift),
                far_end - far_low,
                end - v_start,
                v_start & mask,
                far_low & mask,
            ),
        ),
    )


@cache
def enough_when_moved(mode: PagingMode) -> Lemma:
    """With a table more at each level below the root what is set aside is enough, wherever the image is moved to."""
    wanted = moved_tables(mode)
    aside = arm64.early_by_level(mode, v_start, end, 1)
    own = [arm64.span_entries(v_start, end, shift) for shift in _shifts(mode)]
    sums = list(accumulate(wanted)), list(accumulate(aside))
    spans = [spanned(v_start, end, shift) for shift in _shifts(mode)]
    uses: list[Use] = []
    for index, shift in enumerate(_shifts(mode), start=1):
        uses += [
            same_level(shift).wherever(),
            one_more(shift).wherever(),
            arithmetic.spanned_bounded(shift).wherever(low=v_start, far=end),
            arithmetic.sums_grow().wherever(
                a=sums[0][index - 1], b=sums[1][index - 1], c=wanted[index], d=aside[index]
            ),
        ]
    return Lemma(
        f"arm64-moved[{mode.name}]",
        "S < E ⇒ f(S + d, E + d) ≤ EARLY_PAGES(S, E, 1)",
        Statement(
            assumptions=(image(),),
            goal=tables(mode, v_start + moved, end + moved) <= arm64.early_pages(mode, v_start, end, 1),
        ),
        Steps(uses=tuple(uses), generalise=terms(*wanted, *own, *spans)),
    )
