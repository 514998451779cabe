"""What a layout that isn't Xen's saves against Xen's, and what a guest may lose by it.

Facts: ``xen/include/public/xen.h`` (4.22), "Start-of-day memory layout", for what a guest is promised: an end on a line of 4 MiB,
and 512 KiB above the last thing that is laid out. Who relies on it: Linux's ``xen_setup_kernel_pagetable()`` for 32 bits (up to 5.8,
the last one that has it) takes 512 KiB above its tables for mapped; Mini-OS's ``build_pagetable()`` clears frames for more tables
from right above its first ones on, and until November 2015 took every entry of every L1 for mapped.
"""

from collections.abc import Callable, Iterator

from attrs import evolve

from ..edge.amounts import amount
from ..layouts.layout import Configuration, Layout
from ..layouts.what_if import WhatIf
from .arrange import PADDING, ROUNDING, TooLarge, arrange, padding_of, rounding_of
from .builder import allocated_pages


def against_xen(configuration: Configuration, layout: Layout) -> Iterator[str]:
    """What there is to say of a layout that isn't Xen's, in lines; none of Xen's own."""
    if layout.what_if is None:
        return
    try:
        xens = arrange(evolve(configuration, what_if=None))
    except TooLarge as error:
        yield f"what if: Xen's own isn't laid out: {error}"
    else:
        yield f"what if: {_than(layout, xens)}"
    for each in _losses(layout.what_if, 1 << layout.mode.levels[0].shift):
        yield f"what if: {each}"


def _than(layout: Layout, xens: Layout) -> str:
    pages, theirs = (allocated_pages(each) for each in (layout, xens))
    return (
        f"the region has {amount(layout.total.size)}, Xen's {amount(xens.total.size)}: "
        f"{_less(layout.total.size, xens.total.size, amount)}; "
        f"{layout.nr_pt_pages} tables, Xen's {xens.nr_pt_pages}: {_less(layout.nr_pt_pages, xens.nr_pt_pages)}; "
        f"{pages} pages in one piece, Xen's {theirs}: {_less(pages, theirs)}"
    )


def _less(ours: int, xens: int, told: Callable[[int], str] = str) -> str:
    return "the same" if ours == xens else f"{told(abs(xens - ours))} {'less' if ours < xens else 'more'}"


def _losses(what_if: WhatIf, full: int) -> Iterator[str]:
    """What of that which Xen promises a guest isn't so; ``full`` is how many bytes an L1 maps."""
    rounding, padding = rounding_of(what_if), padding_of(what_if)
    if padding < PADDING:
        yield (
            f"a padding of {amount(padding)} is less than the {amount(PADDING)} that Xen promises (public/xen.h): a 32-bit Linux, "
            "up to 5.8, takes that much for mapped, and Mini-OS takes its first frames there"
        )
    if rounding % ROUNDING:
        yield f"the region needn't end on a line of {amount(ROUNDING)}, as Xen promises (public/xen.h)"
    if rounding % full:
        yield "the last L1 needn't be full: Mini-OS, before November 2015, takes all pages of each L1 for mapped"
