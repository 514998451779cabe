"""The count without a search: the rule applied a fixed number of times, starting from no tables at all, or a few.

Each application takes in what the tables of the one before need to be mapped themselves. One raise adds a
512th of the region at most, the next a 512th of that, and so on down to a single step over a 4 MiB line,
after which nothing changes any more. ``proofs.static`` says how many applications are enough, and why.

Source: the mailing-list thread's proposal to "calculate the pagetables needed for the virtual layout
statically" and to loop once per level; the figures are our own.
"""

from ..formal.layouts.paging import PagingMode
from ..formal.words.word import Word, number
from .dom0_count import tables_for


def raised(mode: PagingMode, v_start: Word, vpt_start: Word, raises: int, first: int = 0) -> Word:
    """n_k: n_0 = f(S, V(first)), and n_{k+1} = f(S, V(n_k)), after ``raises`` raises. In frames."""
    nr_pt_pages = number(first)
    for _ in range(raises + 1):
        nr_pt_pages = tables_for(mode, v_start, vpt_start, nr_pt_pages)
    return nr_pt_pages
