"""Lemmas about the tables that libxenguest counts for a domU's mappings, each of which is given by its ends.

The region: that the toolstack counts what the hypervisor would. A second mapping, for the p2m: that it gets just the
tables which the region lacks. And what a PAE domain got before 4.7. Ends are inclusive here, as there.
"""

from functools import cache
from typing import Final

from ...encodings import domu
from ...encodings.dom0_count import tables, tables_by_level
from ...encodings.dom0_layout import ROUNDING_SHIFT
from ...encodings.spans import round_down, spanned
from ...formal.layouts.paging import COMPAT, X86_64, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.words.word import choose, number, word
from ..shared.region import v_start

LINE: Final = 1 << ROUNDING_SHIFT
SMALL_START: Final = 1 << 30
"""Below this a PAE domain gets four L2 from the toolstack, too."""
last = word("last")
p2m, p2m_last = word("p2m"), word("p2m_last")


def top(mode: PagingMode) -> int:
    """The highest end of a region that is considered: 4 MiB below 2^64, or 4 GiB."""
    return (1 << 64) - LINE if mode is X86_64 else 1 << 32


def _counts(mode: PagingMode) -> tuple[Assumption, ...]:
    """What is asked of the ends of a region for one level to be counted alike."""
    order = Assumption("in-order", v_start <= last, "S ≤ the last address")
    if mode is X86_64:
        return order, Assumption(
            "block",
            ((v_start >> 48) == (last >> 48)) & (last < top(X86_64)),
            "both ends lie within 2^48 bytes from a multiple of that",
        )
    return order, Assumption(
        "low", (v_start < SMALL_START) & (last < top(COMPAT)), "S < 1 GiB, and the region ends by 4 GiB"
    )


@cache
def same_level(mode: PagingMode, shift: int) -> Lemma:
    """The toolstack's tables of a level are the hypervisor's; of PAE's L2 these are always four."""
    counted = domu.level_tables(mode, v_start, last, shift)
    fixed = mode is COMPAT and shift == domu.L2_SHIFT
    return Lemma(
        f"same-level[{mode.name},{shift}]",
        "the toolstack counts 4" if fixed else "the toolstack counts N(S, last + 1)",
        Statement(
            assumptions=_counts(mode),
            goal=counted == (4 if fixed else spanned(v_start, last + 1, shift)),
        ),
    )


@cache
def one_l3() -> Lemma:
    """A region within 4 GiB takes one L3."""
    return Lemma(
        "one-l3",
        "S ≤ last < 4 GiB ⇒ N_39(S, last + 1) = 1",
        Statement(assumptions=_counts(COMPAT), goal=spanned(v_start, last + 1, 39) == 1),
    )


@cache
def same_tables(mode: PagingMode) -> Lemma:
    """The toolstack's rule is the hypervisor's, for a region given by its ends."""
    levels = [domu.level_tables(mode, v_start, last, shift) for shift in domu.shifts(mode)]
    spans = [each for each in tables_by_level(mode, v_start, last + 1) if each.operation != "constant"]
    return Lemma(
        f"same-rule[{mode.name}]",
        "the toolstack's tables of [S, last] = f(S, last + 1)",
        Statement(
            assumptions=_counts(mode),
            goal=domu.tables(mode, v_start, last) == tables(mode, v_start, last + 1),
        ),
        Steps(
            uses=(
                *(same_level(mode, shift).at() for shift in domu.shifts(mode)),
                *(() if mode is X86_64 else (one_l3().at(),)),
            ),
            generalise=(*levels, *spans),
        ),
    )


def p2m_below() -> Assumption:
    """The assumption that a p2m of its own lies below the region, as libxenguest demands, and neither is cut."""
    mask = domu.address_mask(X86_64)
    apart = (p2m & mask <= p2m_last & mask) & (p2m_last & mask < v_start & mask)
    return Assumption("below", apart, "of the 48 bits translated, P ≤ P' < S")


def region_in_order() -> Assumption:
    """The assumption that the region is one, of the bits that are translated."""
    mask = domu.address_mask(X86_64)
    return Assumption(
        "in-order", v_start & mask <= last & mask, "of the 48 bits translated, S ≤ the last address"
    )


@cache
def second_level(shift: int) -> Lemma:
    """Of a level, the p2m's mapping gets the tables that map it, less the one that it shares with the region."""
    mask = domu.address_mask(X86_64)
    low, high, start = (round_down(each & mask, shift) for each in (p2m, p2m_last, v_start))
    shared = choose(high == start, number(1), number(0))
    return Lemma(
        f"second-mapping[{shift}]",
        "P ≤ P' < S ≤ last ⇒ the p2m gets the blocks from ⌊P⌋ to ⌊P'⌋, less one if ⌊P'⌋ = ⌊S⌋",
        Statement(
            assumptions=(p2m_below(), region_in_order()),
            goal=domu.second_level_tables(p2m, p2m_last, v_start, last, shift)
            == ((high - low) >> shift) + 1 - shared,
        ),
    )


@cache
def second_mapping() -> Lemma:
    """All levels of the p2m's mapping together."""
    mask = domu.address_mask(X86_64)
    levels = domu.shifts(X86_64)
    counted = [domu.second_level_tables(p2m, p2m_last, v_start, last, shift) for shift in levels]
    wanted = []
    for shift in levels:
        low, high, start = (round_down(each & mask, shift) for each in (p2m, p2m_last, v_start))
        wanted.append(((high - low) >> shift) + 1 - choose(high == start, number(1), number(0)))
    return Lemma(
        "second-mapping",
        "P ≤ P' < S ≤ last ⇒ the p2m gets, level by level, the tables that map it and that the region lacks",
        Statement(
            assumptions=(p2m_below(), region_in_order()),
            goal=domu.second_tables(p2m, p2m_last, v_start, last) == wanted[0] + wanted[1] + wanted[2],
        ),
        Steps(uses=tuple(second_level(shift).at() for shift in levels), generalise=(*counted, *wanted)),
    )


def within_4_gib() -> Assumption:
    """The assumption that the region is one that a PAE domain can have."""
    return Assumption("in-order", (v_start <= last) & (last < top(COMPAT)), "S ≤ the last address < 4 GiB")


def reaches() -> Assumption:
    """The assumption that the region reaches into the third GiB, and isn't longer than a PAE domain's can be."""
    ends = (v_start <= last) & (last >= 2 << 30) & (last < top(COMPAT))
    return Assumption("reaches", ends, "S ≤ the last address, which is at 2 GiB or above, below 4 GiB")


@cache
def same_l2() -> Lemma:
    """A PAE domain's L2 are the same before and since 4.7, if its region ends above 2 GiB."""
    return Lemma(
        "same-l2-before-4.7",
        "S ≤ last, 2 GiB ≤ last < 4 GiB ⇒ as many L2 before 4.7 as since",
        Statement(
            assumptions=(reaches(),),
            goal=domu.l2_tables_before_4_7(v_start, last)
            == domu.level_tables(COMPAT, v_start, last, domu.L2_SHIFT),
        ),
    )
