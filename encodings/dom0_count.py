"""How many page-table frames the hypervisor's dom0 builder sets aside: the rule, and its search.

Source: DOMAIN.md section 3; the loop over ``nr_pt_pages`` in ``dom0_construct()`` in Xen's
``xen/arch/x86/pv/dom0_build.c`` (4.22). Counts are in frames.
"""

from functools import cache, reduce
from operator import add

from ..formal.paging import PagingMode
from ..formal.theorem import Loop
from ..formal.words import Word, number, word
from .dom0_layout import v_end
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


@cache
def search(mode: PagingMode) -> Loop:
    """The builder's loop over v_start, vpt_start and the first count to try."""
    v_start, vpt_start, first = word("v_start"), word("vpt_start"), word("first")
    tried = word("tried")
    return Loop(
        name=f"nr_pt_pages[{mode.name}]",
        parameters=(v_start, vpt_start, first),
        state=(tried,),
        start=(first,),
        goes_on=tried < tables_for(mode, v_start, vpt_start, tried),
        step=(tried + 1,),
    )
