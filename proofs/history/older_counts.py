"""Lemmas about older counts: by a region's length, with a table too many, from a start that is rounded down.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages; f is the count of a paging mode.
"""

from functools import cache
from typing import Final

from ...encodings import history
from ...encodings.dom0_count import FIRST_TRIED
from ...encodings.dom0_layout import padded_end, v_end
from ...encodings.spans import spanned
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.layouts.paging import Level, PagingMode
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ...formal.machine.arrange import ROUNDING
from ...formal.words.word import Word, number, word
from ..shared import region, search
from ..shared.region import n, v_start, vpt_start

END: Final = word("end")


def found(version: history.Version) -> Run:
    """The version's search stops at n."""
    return Run(history.search(version), (v_start, vpt_start, number(FIRST_TRIED)), (n,))


@cache
def counted_exactly(version: history.Version, mode: PagingMode, more: int) -> Lemma:
    """A search that counts ``more`` tables than the mode's stops at n with ``more`` + f(S, V(n)) = n.

    n ≤ ``more`` + f(S, V(n)) until then, by induction.
    """
    needed, bounded = search.needed(mode, n), region.count_bounded(mode)
    theirs = {each: history.needed_for(version, v_start, vpt_start, each) for each in (n, n + 1)}
    # By length, what is needed is the mode's only by a lemma; else it is the very same term.
    same = () if more else tuple(counts_the_same(version, mode).at(n=each) for each in theirs)
    hidden = () if more else tuple(theirs.values())
    first = number(FIRST_TRIED)
    return Lemma(
        f"stops-exactly[older, {version.name}]",
        f"the search stops at n ⇒ {more} + f(S, V(n)) = n",
        Statement(assumptions=(region.room(mode, n),), runs=(found(version),), goal=more + needed == n),
        Induction(
            invariant=~region.has_room(mode, n) | (n <= more + needed),
            base=Steps(
                uses=(region.count_at_least(mode).wherever(n=first), bounded.at(n=first)),
                generalise=(search.needed(mode, first),),
            ),
            step=Steps(
                uses=(*same, region.count_grows(mode).wherever(m=n + 1), bounded.at(), bounded.at(n=n + 1)),
                generalise=region.terms(*hidden, needed, search.needed(mode, n + 1)),
            ),
            end=Steps(uses=(*same[:1], bounded.at()), generalise=region.terms(*hidden[:1], needed)),
        ),
    )


@cache
def counts_the_same(version: history.Version, mode: PagingMode) -> Lemma:
    """What a version that counts the region's length needs is what the mode does."""
    rounded, closed = v_end(vpt_start, n), padded_end(vpt_start, n)
    levels = [level for level in mode.counted_levels if level.fixed is None]
    spans = [each for level in levels for each in _lengths(level, rounded)]
    return Lemma(
        f"counts-the-same[{version.name}]",
        "the version's f(S, V(n)) = f(S, V(n))",
        Statement(goal=history.needed_for(version, v_start, vpt_start, n) == search.needed(mode, n)),
        Steps(
            uses=(
                region.v_end_closed().at(),
                rounded_end().at(),
                *(by_length(level.shift).at(end=rounded) for level in levels),
            ),
            generalise=(*spans, rounded, closed),
        ),
    )


def _lengths(level: Level, end: Word) -> tuple[Word, Word]:
    """A level's tables by the region's length, and by what it touches."""
    return history.blocks_of_length(v_start, end, level.shift), spanned(v_start, end, level.shift)


@cache
def rounded_end() -> Lemma:
    """A region ends at a multiple of 4 MiB."""
    return Lemma(
        "rounded-end",
        "⌈E + 512 KiB⌉ is a multiple of 4 MiB",
        Statement(goal=padded_end(vpt_start, n) & (ROUNDING - 1) == 0),
    )


@cache
def by_length(shift: int) -> Lemma:
    """Up to a multiple of 4 MiB, the blocks that a region is long are those that it touches, wherever it starts."""
    return Lemma(
        f"by-length[{shift}]",
        "V a multiple of 4 MiB ⇒ ⌈(V - S) / 2^s⌉ = N_s(S, V)",
        Statement(
            assumptions=(Assumption("rounded", END & (ROUNDING - 1) == 0, "V is a multiple of 4 MiB"),),
            goal=history.blocks_of_length(v_start, END, shift) == spanned(v_start, END, shift),
        ),
    )


def first_half() -> Assumption:
    """The assumption that rounding the start down to 4 MiB keeps it in its L1."""
    return Assumption("first-half", v_start & (1 << 21) == 0, "S lies in the first half of its 4 MiB")


def short_of_all() -> Assumption:
    """The assumption that the region is one, and its last 4 MiB aren't the address space's."""
    ends = (v_start <= END) & (END <= ADDRESS_LIMIT - ROUNDING)
    return Assumption("in-order", ends, "S ≤ V ≤ 2^64 - 4 MiB")


@cache
def same_blocks(shift: int) -> Lemma:
    """S and ⌊S⌋ lie in the same block of a wide level."""
    start = history.REGION_STARTS[1].start(v_start)
    return Lemma(
        f"rounded-start[{shift}]",
        "N_s(⌊S⌋, V) = N_s(S, V)",
        Statement(goal=spanned(start, END, shift) == spanned(v_start, END, shift)),
    )


@cache
def rounded_start(anywhere: bool) -> Lemma:  # noqa: FBT001 - one of two statements
    """The L1 of a region whose start is rounded down."""
    start = history.REGION_STARTS[1].start(v_start)
    less, more = spanned(v_start, END, 21), spanned(start, END, 21)
    return Lemma(
        f"rounded-start[21{',anywhere' if anywhere else ''}]",
        "N_21(⌊S⌋, V) = N_21(S, V)" + (", or one more" if anywhere else ""),
        Statement(
            assumptions=(short_of_all(),) if anywhere else (first_half(),),
            goal=(more == less) | (more == less + 1) if anywhere else more == less,
        ),
    )
