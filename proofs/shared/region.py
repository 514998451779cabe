"""Lemmas about the region's end and the count: V(n) grows with n, and so does f(S, V(n)).

Notation of DOMAIN.md section 1: S = v_start, T = vpt_start, V = v_end, n = nr_pt_pages, and f the number of
tables that [S, V) takes. Everything is counted from S upwards, so a region that passes 2**64 is no
exception: only one that comes full circle is.
"""

from collections.abc import Sequence
from functools import cache, reduce
from itertools import accumulate
from operator import add

from ...encodings.dom0_count import tables, tables_by_level, tables_for
from ...encodings.dom0_layout import PADDING, ROUNDING_SHIFT, padded_end, stack_end, v_end
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, Level, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.words.word import Truth, Word, number, word
from . import arithmetic

v_start, vpt_start = word("v_start"), word("vpt_start")
n, m = word("n"), word("m")
near, far = arithmetic.near, arithmetic.far

LONGEST = (1 << 63) - (1 << 50)
"""How far above S the stack may end, in bytes, in a region shorter than half of the address space."""
HALF = LONGEST - PAGE_SIZE
"""The same for the tables, where pages have 4 KiB."""
ABOVE_TABLES = PAGE_SIZE + PADDING
"""What lies above the tables before the region's end is rounded up, in bytes: boot stack and padding."""


def spanned_shifts(mode: PagingMode) -> tuple[int, ...]:
    """The shifts of the levels that take as many tables as the region spans, the widest first."""
    return tuple(level.shift for level in reversed(mode.counted_levels) if level.fixed is None)


def region_limit(mode: PagingMode) -> int:
    """The longest region that the count is right for, in bytes: 2**64 less two blocks of the top level."""
    return arithmetic.span_limit(spanned_shifts(mode)[0])


def tables_limit(mode: PagingMode) -> int:
    """How far above S the tables may end, in bytes, so that the region stays within its limit."""
    return region_limit(mode) - ABOVE_TABLES - (1 << ROUNDING_SHIFT)


def _fits(limit: int, nr_pt_pages: Word, page_shift: int = PAGE_SHIFT) -> Truth:
    """The tables end within ``limit`` bytes of S, going up from there; written without wrapping."""
    before = vpt_start - v_start
    return (before <= limit) & (nr_pt_pages <= (number(limit) - before) >> page_shift)


def has_room(mode: PagingMode, nr_pt_pages: Word) -> Truth:
    """The region [S, V(n)), counted from S upwards, stays within `region_limit`."""
    return _fits(tables_limit(mode), nr_pt_pages)


def room(mode: PagingMode, nr_pt_pages: Word) -> Assumption:
    """The assumption that a region with ``nr_pt_pages`` frames of tables does not come full circle."""
    short_of_all = spanned_shifts(mode)[0] + 1
    return Assumption(
        "room",
        has_room(mode, nr_pt_pages),
        "counted upwards from v_start, vpt_start comes before the region's end, and the region is at least "
        f"2^{short_of_all} bytes smaller than the address space",
    )


def half_room(nr_pt_pages: Word, page_shift: int = PAGE_SHIFT) -> Truth:
    """The stack ends within 2^63 - 2^50 bytes of S."""
    return _fits(LONGEST - (1 << page_shift), nr_pt_pages, page_shift)


@cache
def room_from_half(mode: PagingMode) -> Lemma:
    """A region shorter than half of the address space has room."""
    return Lemma(
        f"room-from-half[{mode.name}]",
        "within 2^63 - 2^50 ⇒ room",
        Statement(
            assumptions=(Assumption("half", half_room(n), "the stack ends within 2^63 - 2^50 of S"),),
            goal=has_room(mode, n),
        ),
    )


@cache
def v_end_closed() -> Lemma:
    """V(n) = ⌈E + 512 KiB⌉22 for every E: rounding up and adding 4 MiB when too little is left is the same."""
    return Lemma(
        "v-end-closed",
        "V(n) = ⌈E + 512 KiB⌉ to 4 MiB",
        Statement(goal=v_end(vpt_start, n) == padded_end(vpt_start, n)),
        Steps(generalise=(stack_end(vpt_start, n),)),
    )


def pages_fit(page_shift: int = PAGE_SHIFT) -> Lemma:
    """n ≤ m ≤ (limit - d) / page gives d + page n ≤ d + page m ≤ limit, and nothing wraps."""
    return _pages_fit(page_shift)


@cache
def _pages_fit(page_shift: int) -> Lemma:
    d, limit, page = word("d"), word("limit"), 1 << page_shift
    whole = [each * page for each in (n, m)]
    return Lemma(
        f"pages-fit{_of_pages(page_shift)}",
        f"n ≤ m ≤ (limit - d) / {page} ⇒ d + {page} n ≤ d + {page} m ≤ limit",
        Statement(
            assumptions=(
                Assumption("in-order", n <= m, "n ≤ m"),
                Assumption("fits", (d <= limit) & (m <= (limit - d) >> page_shift), "m pages fit above d"),
            ),
            goal=(d + whole[0] <= d + whole[1]) & (d + whole[1] <= limit) & (d <= d + whole[0]),
        ),
        Steps(
            uses=(
                pages_within(page_shift).at(rest=limit - d),
                arithmetic.moved_up().wherever(near=whole[0], far=whole[1], c=d),
            ),
            generalise=(*whole, (limit - d) >> page_shift, limit - d),
        ),
    )


@cache
def pages_within(page_shift: int) -> Lemma:
    """n ≤ m ≤ rest / page gives page n ≤ page m ≤ rest."""
    rest, page = word("rest"), 1 << page_shift
    return Lemma(
        f"pages-within{_of_pages(page_shift)}",
        f"n ≤ m ≤ rest / {page} ⇒ {page} n ≤ {page} m ≤ rest",
        Statement(
            assumptions=(Assumption("in-order", (n <= m) & (m <= rest >> page_shift), "m pages fit"),),
            goal=(n * page <= m * page) & (m * page <= rest),
        ),
    )


def _of_pages(page_shift: int) -> str:
    """For a lemma's name: pages that aren't of 4 KiB."""
    return "" if page_shift == PAGE_SHIFT else f"[pages {page_shift}]"


def padded(nr_pt_pages: Word) -> Word:
    """The end of stack and padding, before it is rounded up."""
    return stack_end(vpt_start, nr_pt_pages) + PADDING


def _from_start(nr_pt_pages: Word) -> Word:
    """The end of the tables, counted from S."""
    return (vpt_start - v_start) + nr_pt_pages * PAGE_SIZE


@cache
def counted_from_start() -> Lemma:
    """(E + 512 KiB) - S = (T - S) + 4096 n + stack and padding: the same sum, put in order."""
    end = vpt_start + n * PAGE_SIZE
    return Lemma(
        "counted-from-start",
        "E + 512 KiB - S = (T - S) + 4096 n + 516 KiB",
        Statement(goal=padded(n) - v_start == _from_start(n) + ABOVE_TABLES),
        Steps(
            uses=(
                arithmetic.associative().at(a=end, b=number(PAGE_SIZE), c=number(PADDING)),
                arithmetic.taken_off().at(a=end, b=number(ABOVE_TABLES), c=v_start),
                arithmetic.taken_off().at(a=vpt_start, b=n * PAGE_SIZE, c=v_start),
            ),
            generalise=(padded(n), end + ABOVE_TABLES, end - v_start, end, _from_start(n)),
        ),
    )


@cache
def v_end_grows(mode: PagingMode) -> Lemma:
    """n ≤ m gives V(n) ≤ V(m), counted from S, and V(m) stays within the region's limit."""
    limit = region_limit(mode)
    ends = padded_end(vpt_start, n), padded_end(vpt_start, m)
    return Lemma(
        f"v-end-grows[{mode.name}]",
        "n ≤ m ⇒ V(n) ≤ V(m), counted from S",
        Statement(
            assumptions=(Assumption("in-order", n <= m, "n ≤ m"), room(mode, m)),
            goal=(ends[0] - v_start <= ends[1] - v_start)
            & (ends[1] - v_start <= limit)
            & (ends[0] - v_start >= ABOVE_TABLES),
        ),
        Steps(
            uses=(
                pages_fit().wherever(limit=number(tables_limit(mode)), d=vpt_start - v_start),
                *(
                    arithmetic.moved_up().wherever(
                        near=one,
                        far=other,
                        c=number(ABOVE_TABLES),
                        limit=number(limit - (1 << ROUNDING_SHIFT)),
                    )
                    for one, other in ((_from_start(n), _from_start(m)), (number(0), _from_start(n)))
                ),
                counted_from_start().at(),
                counted_from_start().at(n=m),
                arithmetic.round_up_grows(ROUNDING_SHIFT).wherever(
                    low=v_start, near=padded(n), far=padded(m), limit=number(limit)
                ),
            ),
            generalise=(*ends, padded(n) - v_start, padded(m) - v_start, _from_start(n), _from_start(m)),
        ),
    )


def _most(level: Level) -> int:
    """What bounds the tables of a level, whatever the region."""
    return (1 << (64 - level.shift)) - 1 if level.fixed is None else level.fixed


def most_tables(mode: PagingMode) -> int:
    """What bounds the tables of any region: as many of each level as the address space has blocks."""
    return sum(map(_most, mode.counted_levels))


def terms(*words: Word) -> tuple[Word, ...]:
    """What can be generalised: the words that are not constants, each once."""
    return tuple(dict.fromkeys(each for each in words if each.operation != "constant"))


def _total(raises: Sequence[Word]) -> Word:
    return reduce(add, raises)


def summed(
    mode: PagingMode,
    *,
    name: str,
    meaning: str,
    here: Word,
    there: Word,
    raises: Sequence[Word],
    per_level: Sequence[Use],
    assumptions: tuple[Assumption, ...] = (),
) -> Lemma:
    """f(S, there) ≤ f(S, here) + Σ raises, from what ``per_level`` says of each level, added up one by one.

    ``raises`` are by level, the root's first.
    """
    levels = mode.counted_levels[::-1]
    least, most = (tables_by_level(mode, v_start, end) for end in (here, there))
    sums = list(accumulate(least)), list(accumulate(most))
    uses = [
        arithmetic.spanned_bounded(level.shift).at(low=v_start, far=here)
        for level in levels
        if level.fixed is None
    ]
    for index in range(1, len(levels)):
        before, here_so_far = _total(raises[:index]), sums[0][index - 1]
        level, raise_ = least[index], raises[index]
        uses += [
            arithmetic.sums_grow().wherever(
                a=sums[1][index - 1], b=here_so_far + before, c=most[index], d=level + raise_
            ),
            arithmetic.sums_move().at(
                e=here_so_far + before, a=here_so_far, b=before, f=level + raise_, c=level, d=raise_
            ),
        ]
    return Lemma(
        name,
        meaning,
        Statement(
            assumptions=(
                arithmetic.in_order(v_start, near, far),
                Assumption(
                    "short",
                    far - v_start <= region_limit(mode),
                    "the region does not wrap around the whole address space",
                ),
                *assumptions,
            ),
            goal=tables(mode, v_start, there) <= tables(mode, v_start, here) + _total(raises),
        ),
        Steps(uses=(*per_level, *uses), generalise=terms(*least, *most)),
    )


@cache
def tables_grow(mode: PagingMode) -> Lemma:
    """near ≤ far, counted from S, gives f(S, near) ≤ f(S, far): level by level, then summed."""
    return summed(
        mode,
        name=f"tables-grow[{mode.name}]",
        meaning="near ≤ far ⇒ f(S, near) ≤ f(S, far), counted from S",
        here=far,
        there=near,
        raises=[number(0)] * len(mode.counted_levels),
        per_level=[
            arithmetic.spanned_grows(level.shift).wherever(low=v_start)
            for level in mode.counted_levels
            if level.fixed is None
        ],
    )


@cache
def count_bounded(mode: PagingMode) -> Lemma:
    """f(S, V(n)) is no more than the tables of the whole address space, whatever S, T and n."""
    end = v_end(vpt_start, n)
    spans = tables_by_level(mode, v_start, end)
    return Lemma(
        f"count-bounded[{mode.name}]",
        f"f(S, V(n)) ≤ {most_tables(mode):#x}",
        Statement(goal=tables_for(mode, v_start, vpt_start, n) <= most_tables(mode)),
        Steps(
            uses=tuple(
                arithmetic.spanned_bounded(level.shift).at(low=v_start, far=end)
                for level in mode.counted_levels
                if level.fixed is None
            ),
            generalise=terms(*spans),
        ),
    )


@cache
def same_tables(mode: PagingMode) -> Lemma:
    """Regions that end at the same place take the same tables."""
    return arithmetic.same(
        f"same-tables[{mode.name}]",
        "near = far ⇒ f(S, near) = f(S, far)",
        lambda end: tables(mode, v_start, end),
        near,
        far,
    )


@cache
def count_as_padded(mode: PagingMode) -> Lemma:
    """f(S, V(n)) may be computed from the closed form of V(n)."""
    ends = v_end(vpt_start, n), padded_end(vpt_start, n)
    counts = [tables(mode, v_start, each) for each in ends]
    return Lemma(
        f"count-as-padded[{mode.name}]",
        "f(S, V(n)) = f(S, ⌈E + 512 KiB⌉)",
        Statement(goal=counts[0] == counts[1]),
        Steps(
            uses=(v_end_closed().at(), same_tables(mode).at(near=ends[0], far=ends[1])),
            generalise=(*counts, *ends),
        ),
    )


@cache
def count_grows(mode: PagingMode) -> Lemma:
    """n ≤ m gives f(S, V(n)) ≤ f(S, V(m)): setting more frames aside never needs fewer tables."""
    ends = padded_end(vpt_start, n), padded_end(vpt_start, m)
    counts = tuple(tables_for(mode, v_start, vpt_start, each) for each in (n, m))
    padded = tuple(tables(mode, v_start, each) for each in ends)
    return Lemma(
        f"count-grows[{mode.name}]",
        "n ≤ m ⇒ f(S, V(n)) ≤ f(S, V(m))",
        Statement(
            assumptions=(Assumption("in-order", n <= m, "n ≤ m"), room(mode, m)),
            goal=counts[0] <= counts[1],
        ),
        Steps(
            uses=(
                v_end_grows(mode).at(),
                tables_grow(mode).at(near=ends[0], far=ends[1]),
                count_as_padded(mode).at(),
                count_as_padded(mode).at(n=m),
            ),
            generalise=(*counts, *padded, *ends),
        ),
    )


@cache
def least_possible(mode: PagingMode) -> int:
    """The fewest tables of any region: what is fixed, and one for each level that is spanned."""
    return sum(1 if level.fixed is None else level.fixed for level in mode.counted_levels)


@cache
def count_at_least(mode: PagingMode) -> Lemma:
    """f(S, V(n)) ≥ the fewest possible, since the region is not empty."""
    end = padded_end(vpt_start, n)
    count = tables_for(mode, v_start, vpt_start, n)
    spans = [each for each in tables_by_level(mode, v_start, end) if each.operation != "constant"]
    uses: list[Use] = [count_as_padded(mode).wherever(), v_end_grows(mode).wherever(m=n)]
    for level in mode.counted_levels[::-1]:
        if level.fixed is None:
            uses.append(arithmetic.spanned_positive(level.shift).wherever(low=v_start, far=end))
            uses.append(arithmetic.spanned_bounded(level.shift).wherever(low=v_start, far=end))
    return Lemma(
        f"count-at-least[{mode.name}]",
        f"f(S, V(n)) ≥ {least_possible(mode)}",
        Statement(assumptions=(room(mode, n),), goal=count >= least_possible(mode)),
        Steps(uses=tuple(uses), generalise=(count, *spans, end)),
    )


@cache
def count_above_fixed(mode: PagingMode) -> Lemma:
    """f(S, V(n)) ≥ the tables that the mode always takes, whatever S, T and n."""
    return above_fixed(mode, f"count-above-fixed[{mode.name}]", v_end(vpt_start, n))


def above_fixed(mode: PagingMode, name: str, end: Word) -> Lemma:
    """f(S, V) ≥ the tables that the mode always takes, whatever the region, for any V. The caller keeps the lemma."""
    return Lemma(
        name,
        f"f(S, V(n)) ≥ {fixed_tables(mode)}",
        Statement(goal=tables(mode, v_start, end) >= fixed_tables(mode)),
        Steps(
            uses=tuple(
                arithmetic.spanned_bounded(level.shift).at(low=v_start, far=end)
                for level in mode.counted_levels
                if level.fixed is None
            ),
            generalise=terms(*tables_by_level(mode, v_start, end)),
        ),
    )


def fixed_tables(mode: PagingMode) -> int:
    """The tables that a mode takes whatever the region."""
    return sum(level.fixed or 0 for level in mode.counted_levels)
