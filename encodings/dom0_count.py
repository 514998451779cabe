"""How many page-table frames the hypervisor's dom0 builder sets aside: the rule, and its search.

Source: DOMAIN.md section 3; the loop over ``nr_pt_pages`` in ``dom0_construct()`` in Xen's
``xen/arch/x86/pv/dom0_build.c`` (4.22). Counts are in frames.
"""

from functools import cache, reduce
from operator import add

from ..formal.layouts.paging import PagingMode
from ..formal.logic.theorem import Loop
from ..formal.words.word import Word, choose, number, word
from .dom0_layout import rounded_end, stack_end, v_end
from .spans import spanned

FIRST_TRIED = 2
"""The count that the builder's search starts from."""


def tables_by_level(mode: PagingMode, v_start: Word, end: Word) -> tuple[Word, ...]:
    """How many tables [v_start, end) takes at each counted level, the root's level first."""
    return tuple(
        spanned(v_start, end, level.shift) if level.fixed is None else number(level.fixed)
        for level in reversed(mode.counted_levels)
    )


def tables(mode: PagingMode, v_start: Word, end: Word) -> Word:
    """f(S, V): the frames that the tables of [v_start, end) take, all levels together."""
    return reduce(add, tables_by_level(mode, v_start, end))


def tables_for(mode: PagingMode, v_start: Word, vpt_start: Word, nr_pt_pages: Word) -> Word:
    """f(S, V(n)): the frames needed when ``nr_pt_pages`` are set aside at ``vpt_start``."""
    return tables(mode, v_start, v_end(vpt_start, nr_pt_pages))


SHORT = 1 << 62
"""A region of at most so many bytes before its tables, and `FEW` tables, does not come full circle."""
FEW = 1 << 48


@cache
def search(mode: PagingMode) -> Loop:
    """The builder's loop over v_start, vpt_start and the first count to try.

    It may leap to f(S, V(n)): since f∘V never decreases there, no count between can stop it (`concrete`).
    """
    v_start, vpt_start, first = word("v_start"), word("vpt_start"), word("first")
    tried = word("tried")
    needed = tables_for(mode, v_start, vpt_start, tried)
    monotone = (vpt_start - v_start <= SHORT) & (needed <= FEW)
    return Loop(
        name=f"nr_pt_pages[{mode.name}]",
        parameters=(v_start, vpt_start, first),
        state=(tried,),
        start=(first,),
        goes_on=tried < needed,
        step=(tried + 1,),
        leap=(choose(monotone, needed, tried + 1),),
    )


@cache
def search_rounded(mode: PagingMode, first: int) -> Loop:
    """The same loop over v_start, vpt_start and any rounding (less one) and padding, from the count ``first``."""
    parameters = v_start, vpt_start, mask, padding = [
        word(name) for name in ("v_start", "vpt_start", "mask", "padding")
    ]
    tried = word("tried")
    end = rounded_end(stack_end(vpt_start, tried, mode.page_shift), mask, padding)
    return Loop(
        name=f"nr_pt_pages[{mode.name}, any rounding{'' if first == FIRST_TRIED else f', from {first}'}]",
        parameters=tuple(parameters),
        state=(tried,),
        start=(number(first),),
        goes_on=tried < tables(mode, v_start, end),
        step=(tried + 1,),
    )
