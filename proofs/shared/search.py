"""Lemmas about the builder's search: what it stops at, that it is the least of its kind, that it stops at all.

Notation of DOMAIN.md section 1; ``first`` is the count that the search starts from, 2 in Xen. The argument is
that of Knaster and Tarski: f∘V never decreases, so the first n with f(S, V(n)) ≤ n has f(S, V(n)) = n, and it
is the least such n.
"""

from collections.abc import Callable
from functools import cache, partial

from ...encodings.dom0_count import FIRST_TRIED, search, tables_for
from ...encodings.dom0_layout import v_end
from ...formal.layouts.paging import PagingMode
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps, Use
from ...formal.words.word import Word, number, word
from . import arithmetic, region
from .region import m, n, v_start, vpt_start

first = word("first")


def needed(mode: PagingMode, nr_pt_pages: Word) -> Word:
    """f(S, V(n)) for the S and T of the statements here."""
    return tables_for(mode, v_start, vpt_start, nr_pt_pages)


def found(mode: PagingMode, result: Word = n, first: Word | int = FIRST_TRIED) -> Run:
    """The search, started from ``first``, stops at ``result``."""
    start = number(first) if isinstance(first, int) else first
    return Run(search(mode), (v_start, vpt_start, start), (result,))


@cache
def stops_exactly(mode: PagingMode) -> Lemma:
    """The search stops at an n with f(S, V(n)) = n: until then n ≤ f(S, V(n)), by induction over its steps."""
    in_range = region.has_room(mode, n)
    return Lemma(
        f"stops-exactly[{mode.name}]",
        "the search stops at n ⇒ f(S, V(n)) = n",
        Statement(
            assumptions=(
                Assumption(
                    "starts-low",
                    first <= region.least_possible(mode),
                    f"the search starts from at most {region.least_possible(mode)}",
                ),
                region.room(mode, n),
            ),
            runs=(found(mode, n, first),),
            goal=needed(mode, n) == n,
        ),
        Induction(
            invariant=~in_range | (n <= needed(mode, n)),
            base=Steps(
                uses=(region.count_at_least(mode).wherever(n=first),), generalise=(needed(mode, first),)
            ),
            step=Steps(
                uses=(region.count_grows(mode).wherever(m=n + 1),),
                generalise=(needed(mode, n), needed(mode, n + 1)),
            ),
            end=Steps(generalise=(needed(mode, n),)),
        ),
    )


@cache
def same_end() -> Lemma:
    """Equal counts set aside end the region at the same place."""
    return arithmetic.same("same-v-end", "n = m ⇒ V(n) = V(m)", partial(v_end, vpt_start), n, m)


@cache
def same_count(mode: PagingMode) -> Lemma:
    """Equal counts set aside need equally many tables: what is lost when f(S, V(n)) is generalised."""
    ends = v_end(vpt_start, n), v_end(vpt_start, m)
    return arithmetic.same(
        f"same-count[{mode.name}]",
        "n = m ⇒ f(S, V(n)) = f(S, V(m))",
        partial(needed, mode),
        n,
        m,
        Steps(
            uses=(same_end().at(), region.same_tables(mode).at(near=ends[0], far=ends[1])),
            generalise=(needed(mode, n), needed(mode, m), *ends),
        ),
    )


@cache
def stops_least(mode: PagingMode) -> Lemma:
    """No count m from ``first`` on with f(S, V(m)) ≤ m is less than the one that the search stops at."""
    return least_of(
        f"stops-least[{mode.name}]",
        "the search stops at n, f(S, V(m)) ≤ m, first ≤ m ⇒ n ≤ m",
        partial(needed, mode),
        Assumption("tried", first <= m, "m is no less than the count that the search starts from"),
        found(mode, n, first),
        same_count(mode),
    )


def least_of(
    name: str, meaning: str, needed: Callable[[Word], Word], tried: Assumption, run: Run, same: Lemma
) -> Lemma:
    """No count m that is ``tried``, and enough for what so many need, is less than the n that a ``run`` of a search stops at.

    ``same`` says that equal counts need equally many.
    """
    counts = needed(n), needed(m)
    return Lemma(
        name,
        meaning,
        Statement(
            assumptions=(
                Assumption("enough", counts[1] <= m, "m frames are enough for the region that they make"),
                tried,
            ),
            runs=(run,),
            goal=n <= m,
        ),
        Induction(
            invariant=n <= m,
            step=Steps(uses=(same.wherever(),), generalise=counts),
            end=Steps(generalise=counts),
        ),
    )


@cache
def starts_at_two(mode: PagingMode) -> Lemma:
    """No search stops below the count that it starts from."""
    return Lemma(
        f"starts-at-two[{mode.name}]",
        "the search from 2 stops at n ⇒ n ≥ 2",
        Statement(runs=(found(mode),), goal=n >= FIRST_TRIED),
        Induction(
            invariant=n >= FIRST_TRIED,
            step=Steps(generalise=(needed(mode, n),)),
            end=Steps(generalise=(needed(mode, n),)),
        ),
    )


@cache
def exact(mode: PagingMode) -> Lemma:
    """Xen's search, from 2, stops at an n with f(S, V(n)) = n."""
    return Lemma(
        f"exact[{mode.name}]",
        "the search from 2 stops at n ⇒ f(S, V(n)) = n",
        Statement(assumptions=(region.room(mode, n),), runs=(found(mode),), goal=needed(mode, n) == n),
        Steps(uses=(stops_exactly(mode).at(first=number(FIRST_TRIED)),), generalise=(needed(mode, n),)),
    )


@cache
def least(mode: PagingMode) -> Lemma:
    """No fixed point of f∘V from 2 on is less than what Xen's search stops at, wrapped or not."""
    return least_fixed_point(
        mode,
        f"least[{mode.name}]",
        partial(needed, mode),
        found(mode),
        region.count_above_fixed(mode),
        stops_least(mode).at(first=number(FIRST_TRIED)),
    )


def least_fixed_point(
    mode: PagingMode,
    name: str,
    needed: Callable[[Word], Word],
    run: Run,
    above_fixed: Lemma,
    stops_least: Use,
) -> Lemma:
    """No fixed point m from 2 on is less than the n that a ``run`` of the search stops at. The caller keeps the lemma.

    In a mode that always takes two tables or more there are none below 2: ``above_fixed`` says so.
    """
    fixed = Assumption("fixed", needed(m) == m, "m is a fixed point: f(S, V(m)) = m")
    tried = Assumption("tried", m >= FIRST_TRIED, "m is no less than the 2 that the search starts from")
    none_below = region.fixed_tables(mode) >= FIRST_TRIED
    return Lemma(
        name,
        "the search from 2 stops at n, f(S, V(m)) = m ≥ 2 ⇒ n ≤ m",
        Statement(assumptions=(fixed,) if none_below else (fixed, tried), runs=(run,), goal=n <= m),
        Steps(
            uses=(*((above_fixed.at(n=m),) if none_below else ()), stops_least),
            generalise=(needed(n), needed(m)),
        ),
    )


@cache
def stops(mode: PagingMode) -> Lemma:
    """Xen's search always stops, at no more than the tables of the whole address space: below that, n rises."""
    most = region.most_tables(mode)
    return Lemma(
        f"stops[{mode.name}]",
        f"the search from 2 stops, at n ≤ {most:#x}",
        Statement(runs=(found(mode),), goal=n <= most, stops=True),
        Induction(
            invariant=n <= most,
            step=Steps(uses=(region.count_bounded(mode).at(),), generalise=(needed(mode, n),)),
            end=Steps(generalise=(needed(mode, n),)),
            rank=number(most) - n,
        ),
    )
