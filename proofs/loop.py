"""Lemmas about the builder's search: what it stops at, that it stops, and how a formula gets there.

Notation of DOMAIN.md section 1; ``first`` is the count that the search starts from, 2 in Xen. The argument is
the one of Knaster and Tarski: f∘V is monotone, so the first n with f(S, V(n)) ≤ n has f(S, V(n)) = n and is the
least such n.
"""

from functools import cache

from ..encodings.dom0_count import search, tables_for
from ..encodings.dom0_layout import ROUNDING_SHIFT
from ..formal.paging import PAGE_SHIFT, PagingMode
from ..formal.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ..formal.words import Word, word
from . import region
from .region import n, v_start, vpt_start

first = word("first")
STEP_SHIFT = ROUNDING_SHIFT - PAGE_SHIFT
"""log2 of how many frames it takes to push the region's end by one rounding: 2^10 frames fill 4 MiB."""


def needed(mode: PagingMode, nr_pt_pages: Word) -> Word:
    """f(S, V(n)) for the S and T of the statements here."""
    return tables_for(mode, v_start, vpt_start, nr_pt_pages)


def found(mode: PagingMode, first: Word, result: Word) -> Run:
    """The search, started from ``first``, stops at ``result``."""
    return Run(search(mode), (v_start, vpt_start, first), (result,))


def starts_low(mode: PagingMode) -> Assumption:
    """The search starts no higher than the fewest tables that any region takes."""
    return Assumption(
        "starts-low",
        first <= region.least_possible(mode),
        f"the search starts from at most {region.least_possible(mode)}",
    )


@cache
def stops_exactly(mode: PagingMode) -> Lemma:
    """The search stops at an n with f(S, V(n)) = n: the invariant is n ≤ f(S, V(n))."""
    return Lemma(
        f"stops-exactly[{mode.name}]",
        "the search stops at n ⇒ f(S, V(n)) = n",
        Statement(
            assumptions=(starts_low(mode), region.room(mode, n)),
            runs=(found(mode, first, n),),
            goal=needed(mode, n) == n,
        ),
        Induction(
            invariant=~region.has_room(mode, v_start, vpt_start, n) | (n <= needed(mode, n)),
            base=Steps(uses=(), generalise=()),
            step=Steps(),
            end=Steps(generalise=(needed(mode, n),)),
        ),
    )
