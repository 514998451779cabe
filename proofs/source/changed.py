"""What is proved about a count that was changed, with no lemma written for the change.

Notation of DOMAIN.md section 1; V(n) is where the tree's own code ends the region, and E(n) the address in it that V
hangs on (the stack's end, say). The proof cuts the code at its own variables: V is E and a gap; the gap is small and falls no
faster than E rises, so V grows with n; the guard says n < f(S, V), level by level if need be; so by induction n ≤ f(S, V(n)) as
long as it goes on, and the loop stops at n = f(S, V(n)). Loops that count before they try are turned first; a step may also
raise n to f(S, V(n)) at once.

Source: TREE.md, "The generic proof"; Xen's ``xen/include/public/xen.h`` for the 512 KiB above the stack that a guest may rely on.
"""

from collections.abc import Iterator
from random import Random

from attrs import evolve

from ...encodings.dom0_count import tables
from ...encodings.dom0_layout import PADDING
from ...formal.c.values import Unknown
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.layouts.paging import PAGE_SIZE, PagingMode
from ...formal.logic.claim import Part
from ...formal.logic.theorem import Lemma
from ...formal.source.questions import Piece
from ...formal.words.word import Truth, Word, compiled, implies, inputs, replaced, word
from ..shared.region import n, v_start, vpt_start
from ..static import any_rounding
from .changed_cases import Cases
from .changed_lemmas import BELOW, LOW, Generic, has
from .divisions import Divided, NotReadError
from .formula import Formula, chain_of
from .layouts_to_try import lengths
from .terms import Count


def right_below(mode: PagingMode, same: Truth, end: Word) -> int:
    """Up to where the code is right as far as numbers tell, ``same`` saying that it is, of S, T and n; ``end`` is V(n).

    0 where it is right everywhere, or wrong whatever the limit.
    """
    reading = compiled([same, end], [v_start, vpt_start, n])
    wrong: set[int] = set()
    limits = (LOW, BELOW, ADDRESS_LIMIT)
    for start, length in lengths(Random(5), 200):  # noqa: S311 - numbers to try, not secrets
        for base in (start & ((1 << 40) - 1), ADDRESS_LIMIT - PAGE_SIZE - (-start % (1 << 24))):
            for tried in (2, 4, 6, 9, (length >> 21) + 3, (length >> 21) + 5):
                right, ended = reading(base, (base + length) % ADDRESS_LIMIT, tried)
                ended += (ended < base) << 64
                if not right:
                    wrong.add(next((each for each in limits if ended < each), ADDRESS_LIMIT))
    if not wrong or LOW in wrong:
        return 0
    if BELOW not in wrong:
        return BELOW
    return LOW if mode.bits == 32 else 0


def turned(found: Count) -> Count:
    """The loop over what is tried: where it counts before it tries, n + 1 is what is tried."""
    if found.count is not n + 1:
        return found
    ahead = {n + 1: n}
    over = evolve(
        found,
        start=found.start + 1,
        count=n,
        goes_on=replaced(found.goes_on, ahead),
        leaves=replaced(found.leaves, ahead),
        tried_end=replaced(found.tried_end, ahead),
        v_end=replaced(found.v_end, ahead),
        ends={name: replaced(each, ahead) for name, each in found.ends.items()},
    )
    # Whatever spoke of n itself now speaks of the count before: such a loop isn't turned.
    plain = [found.goes_on, found.v_end, found.tried_end, *found.ends.values()]
    hidden = word("n ahead")
    spoke = any(has(inputs([replaced(each, {n + 1: hidden})]), n) for each in plain)
    return found if spoke else over


def properties(count: Count) -> Iterator[Piece]:
    """What a changed count should do, each proved or refuted by itself."""
    found = turned(count)
    needed = tables(found.mode, v_start, found.v_end)
    formula = None
    if found.searched:
        generic = Generic(found, right_below(found.mode, found.goes_on == (n < needed), found.v_end))
    else:
        generic, formula = Generic(found), formula_of(found)
    cases = Cases(generic)
    divided = None
    if not found.searched and formula is None and cases.broken(cases.is_exact) is None:
        divided = exact_by_division(found)

    def piece(name: str, says: str, asked: Part | Unknown) -> Piece:
        where = asked.where if isinstance(asked, Unknown) else found.lines.get(name, found.where)
        return Piece(name=name, mode=found.mode, where=where, says=says, asked=asked)

    stack = found.ends.get("vstack_end")
    said = found.searched or formula is not None or cases.broken(cases.is_consistent) is None
    if said or cases.broken(cases.is_exact) is not None:
        exact = (
            formula.exact(found)
            if formula is not None
            else divided
            if divided is not None
            else generic.exact()
        )
        says = "as many frames are set aside as the region takes"
        asked: Part | Unknown
        known = found.searched or formula is not None or divided is not None
        if known or cases.broken(cases.is_exact) is not None:
            asked = cases.part(exact, cases.exact, cases.is_exact)
        else:
            asked = Unknown(
                found.where,
                "the count is a formula, and none that a proof is known of (a rule applied one after the other, or the "
                "pages divided by what blocks leave); "
                f"it is exact on {len(cases.tried)} layouts",
            )
        yield piece("exact", says, asked)
    provable = (found.searched and generic.plain) or formula is not None
    if provable and cases.broken(cases.is_exact) is None:
        least = generic.least() if formula is None else formula.least(found)
        yield piece("least", "no smaller count would do", cases.part(least, cases.least, None))
    if found.searched:
        stops = cases.part(generic.stops(), cases.unjudged, None)
        late = None if cases.overdue is None else cases.late(cases.overdue)
        yield piece("stops", "it stops, whatever the image", late or stops)
    if stack is None:
        missing = Unknown(found.where, "where the boot stack ends isn't found")
        yield piece("consistent", "tables and stack have just the frames that are counted", missing)
        return
    tables_end = found.ends.get("vpt_end", stack - PAGE_SIZE)
    aside = found.count * PAGE_SIZE
    fits = (stack == vpt_start + aside + PAGE_SIZE) & (tables_end == vpt_start + aside)
    fits &= found.ends.get("vstack_start", tables_end) == tables_end
    yield piece(
        "consistent",
        "tables and stack have just the frames that are counted",
        cases.part(
            generic.at_the_end("consistent", "E = T + 4096 n + 4096", fits)
            if formula is None or has(inputs([stack]), n)
            else formula.at_the_end("consistent", "E = T + 4096 n + 4096", fits, ()),
            cases.consistent,
            cases.is_consistent,
        ),
    )
    gap = found.v_end - stack
    fits = _enough(gap)
    yield piece(
        "fits",
        "the region ends 512 KiB above the stack at least",
        cases.part(
            generic.at_the_end("fits", "V - E ≥ 512 KiB", fits, (stack,))
            if formula is None or has(inputs([gap]), n)
            else formula.fits("fits", "V - E ≥ 512 KiB", fits, _enough),
            cases.fits,
            cases.is_fit,
        ),
    )


def _enough(gap: Word) -> Truth:
    """What lies between stack and region's end is the padding that a guest may rely on, and not around the address space."""
    return (gap >= PADDING) & (gap < any_rounding.MOST_ROUNDED)


def formula_of(found: Count) -> Formula | None:
    """The formula that a count without a search is; ``None`` where it is none that anything is known of."""
    chain = chain_of(found)
    if chain is None:
        return None
    over = chain.tried
    needed = tables(over.mode, v_start, over.v_end)
    same = implies(n <= needed, over.step == needed)
    formula = Formula(chain, below=right_below(over.mode, same, over.v_end))
    return formula if formula.reach is not None else None


def exact_by_division(found: Count) -> Lemma | None:
    """That a formula which divides is exact; ``None`` where it isn't understood."""
    try:
        return Divided(Generic(found, BELOW)).exact()
    except NotReadError:
        return None
