"""The claims on a Xen that ends its region otherwise, or starts its search elsewhere: made for the figures that are asked for.

An entry point of the tool (``ptproof.what_if``). They are instances of `any_rounding` and `rounding_cost`; of what isn't asked
the figures are Xen's.
"""

from collections.abc import Callable
from functools import partial
from inspect import cleandoc
from typing import Final

from attrs import evolve

from ...encodings.dom0_arrangement import count
from ...encodings.dom0_count import FIRST_TRIED, search_rounded
from ...formal.edge.amounts import as_option, exactly
from ...formal.edge.errors import InputError
from ...formal.layouts.layout import Layout
from ...formal.layouts.paging import PAGE_SIZE, PagingMode
from ...formal.layouts.what_if import WhatIf
from ...formal.logic.claim import Claim, Expected, Part
from ...formal.logic.theorem import Lemma, Run, Statement, Steps
from ...formal.machine.arrange import touched
from ...formal.words.word import number
from ..count.claims import BOTH
from ..shared import region, replays
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values
from . import any_rounding
from . import rounding_cost as cost
from .rounding_cost import XENS, Ends

FAMILY: Final = "What if"
SENTENCE: Final = "it isn't correct or useful for other usecases"
SOURCE: Final = "thread (small guests)"
WIDEST: Final = 16 << 20
"""The widest rounding that is proved, in bytes: each page of one is tried."""

Asked = Callable[[PagingMode], WhatIf | None]


def claims(asked: Asked) -> tuple[Claim, ...]:
    """That the count is exact, and what the rounding saves; ``asked`` has the figures for a mode.

    Raises `InputError` for figures that nothing is proved of.
    """
    figures = {mode: asked(mode) or WhatIf() for mode in BOTH}
    ends = {mode: _ends(each) for mode, each in figures.items()}
    firsts = {
        mode: FIRST_TRIED if each.first_tried is None else each.first_tried for mode, each in figures.items()
    }
    some = next(iter(ends.values()))
    shown = ", ".join(f"from {first} ({mode.title})" for mode, first in firsts.items())
    exact = Claim(
        id="what-if-exact",
        family=FAMILY,
        sentence=SENTENCE,
        source=SOURCE,
        statement=f"V(n) = ⌈E + {some.padding:#x}⌉ to {some.rounding:#x}, all S, T with room: the search stops at n = f(S, V(n)), {shown}.",
        make=lambda: tuple(_exact(mode, ends[mode], firsts[mode]) for mode in BOTH),
        cure="start from no more than the fewest tables: 6 for a 32-bit guest, 4 for a 64-bit one",
    )
    if some == XENS:
        return (exact,)
    return exact, Claim(
        id="what-if-cost",
        family=FAMILY,
        sentence=SENTENCE,
        source=SOURCE,
        statement=cleandoc(_said(some)),
        make=lambda: tuple(part for mode in BOTH for part in _costs(mode, ends[mode])),
    )


def _ends(asked: WhatIf) -> Ends:
    shift = XENS.rounding_shift if asked.rounding_shift is None else asked.rounding_shift
    ends = Ends(shift, XENS.padding if asked.padding is None else asked.padding)
    if ends.rounding > WIDEST:
        raise InputError(
            f"argument --rounding: expected at most {as_option(WIDEST)} for a proof, which tries each page of it; found {as_option(ends.rounding)}"
        )
    if ends.padding > ends.rounding or ends.padding % PAGE_SIZE:
        raise InputError(
            f"argument --padding: expected whole pages, and no more than the rounding, {as_option(ends.rounding)}, for a proof: Xen adds one "
            f"rounding at most; found {as_option(ends.padding)}"
        )
    return ends


def _said(ends: Ends) -> str:
    """What is saved, and what it costs, for each guest."""
    said = []
    for mode in BOTH:
        saved, costs = cost.costliest(mode, XENS, ends), cost.costliest(mode, ends, XENS)
        said.append(
            f"{mode.title}: at most {saved.frames} tables and {exactly(saved.bytes)} less than Xen, "
            f"{costs.frames} tables and {exactly(costs.bytes)} more"
        )
    return f"⌈E + {ends.padding:#x}⌉ to {ends.rounding:#x}, with room. {'; '.join(said)}. What isn't 0 is reached."


def _costs(mode: PagingMode, ends: Ends) -> tuple[Part, ...]:
    return (
        *cost.parts(mode, XENS, ends, f"Xen's against this, {mode.title}"),
        *cost.parts(mode, ends, XENS, f"this against Xen's, {mode.title}"),
    )


def _exact(mode: PagingMode, ends: Ends, first: int) -> Part:
    figures = number(ends.rounding - 1), number(ends.padding)
    statement = Statement(
        assumptions=(any_rounding.room(n),),
        runs=(Run(search_rounded(mode, first), (v_start, vpt_start, *figures), (n,)),),
        goal=cost.needed(mode, ends, n) == n,
    )
    instance = any_rounding.exact(mode, first).at(mask=figures[0], padding=figures[1])
    right = first <= region.least_possible(mode)
    # A region of one table a level, as far as its end's line allows: that takes the fewest.
    start = max(0, ends.rounding - (1 << mode.levels[0].shift))
    found, _ = count(mode, start, start + 4 * PAGE_SIZE, evolve(ends.what_if, first_tried=first))
    small = (v_start == start) & (vpt_start == start + 4 * PAGE_SIZE) & (n == found)
    return Part(
        name=f"from {first}, {mode.title}",
        expected=Expected.PROVED if right else Expected.REFUTED,
        lemma=Lemma(
            f"what-if-exact[{mode.name},{ends.slug},{first}]",
            f"the search from {first} stops at n ⇒ f(S, V(n)) = n",
            statement,
            Steps(uses=(instance,), generalise=(cost.needed(mode, ends, n),)) if right else Steps(),
        ),
        least=(v_start, vpt_start),
        shape=small,
        without={"room": (v_start == 0) & (n == max(first, region.fixed_tables(mode) + 1))},
        replay=replays.region_case(mode, partial(_takes, mode, ends, first), count=None),
    )


def _takes(mode: PagingMode, ends: Ends, first: int, values: Values, layout: Layout) -> tuple[bool, str]:
    """Whether a walk over the region reaches just the tables that the machine's search found."""
    found, ends_at = cost.searched(mode, ends, values, layout, first)
    replays.agreed("n", values["n"], found)
    took = touched(mode, values["v_start"], ends_at)
    return took == found, f"the machine's search from {first} stops at {found}, a walk touches {took} tables"
