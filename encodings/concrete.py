"""The builder's search for ``nr_pt_pages``, run on numbers, by leaps.

Source: DOMAIN.md sections 3 and 5; CLAIMS.md, ``static-lower``. Counts are in frames.
"""

from collections.abc import Callable
from typing import Final

from .dom0_count import FIRST_TRIED

MOST: Final = 1 << 43
"""A count that no region reaches that is at most 2**63 bytes long before its tables are added."""


def least_count(needed: Callable[[int], int], first: int = FIRST_TRIED) -> int | None:
    """The first n from ``first`` on with ``needed(n)`` ≤ n: where a search that tries each in turn stops.

    ``needed(n)`` is f(S, V(n)). Where it never decreases, a count m with n < m < needed(n) can't be the one,
    for needed(m) ≥ needed(n) > m: so the next one worth trying is needed(n). It doesn't decrease as long as
    the region, counted from S, does not come full circle (the lemmas on the region, ``count-grows``).

    ``None`` when a count above `MOST` is needed: then no search ends in any time that matters.
    """
    tried = first
    while (need := needed(tried)) > tried:
        if need > MOST:
            return None
        tried = need
    return tried
