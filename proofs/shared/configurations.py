"""The configurations that the families *Alignment* and *Layout* speak of: the image's words and every option.

One record of formulas for each choice of what is optional; the same choices as `formal.layout.Configuration`.
"""

from collections.abc import Mapping
from functools import cache
from itertools import product
from typing import Final

from attrs import frozen

from ...encodings.dom0_arrangement import Arrangement, Span, arrangement
from ...formal.layouts.layout import START_INFO_SIZE, VGA_CONSOLE_INFO_SIZE, Configuration, Segment
from ...formal.layouts.paging import COMPAT, X86_64, PagingMode
from ...formal.words.word import number, word

virt_base, kernel_start, kernel_end = word("virt_base"), word("kernel_start"), word("kernel_end")
nr_pages, initrd_len, init_p2m = word("nr_pages"), word("initrd_len"), word("init_p2m")

KERNEL: Final = Span(kernel_start, kernel_end)


@frozen
class Choice:
    """What is optional in a configuration: an initrd that is mapped, a p2m of its own, the PV shim's pages."""

    mode: PagingMode
    mapped: bool
    own_p2m: bool
    shim: bool

    @property
    def title(self) -> str:
        """What is chosen, in a few words."""
        initrd = "mapped initrd" if self.mapped else "no initrd mapped"
        p2m = "p2m at INIT_P2M" if self.own_p2m else "p2m in the region"
        return f"{self.mode.title}, {initrd}, {p2m}" + (", shim" if self.shim else "")

    @property
    def slug(self) -> str:
        """What is chosen, for the name of a lemma."""
        options = ((self.mapped, "initrd"), (self.own_p2m, "init_p2m"), (self.shim, "shim"))
        return ",".join([self.mode.name, *(name for chosen, name in options if chosen)])


CHOICES: Final = tuple(
    Choice(mode, mapped, own_p2m, shim)
    for mode, mapped, own_p2m, shim in product((X86_64, COMPAT), (False, True), (False, True), (False, True))
    if not (own_p2m and mode is COMPAT)
)
"""Every choice that makes another formula; a 32-bit guest's INIT_P2M is ignored."""


@cache
def arranged(choice: Choice) -> Arrangement:
    """The segments' formulas for a choice, the sizes of start info those of today's Xen."""
    return arrangement(
        choice.mode,
        virt_base=virt_base,
        kernel=KERNEL,
        nr_pages=nr_pages,
        initrd_len=initrd_len if choice.mapped else None,
        init_p2m=init_p2m if choice.own_p2m else None,
        shim=choice.shim,
        start_info_size=number(START_INFO_SIZE),
        vga_console_info_size=number(VGA_CONSOLE_INFO_SIZE),
    )


def configuration(choice: Choice, values: Mapping[str, int]) -> Configuration:
    """The configuration of the given values, those that a statement doesn't mention being small."""
    start = values.get("kernel_start", values.get("virt_base", 0))
    return Configuration(
        mode=choice.mode,
        virt_base=values.get("virt_base", 0),
        kernel=Segment(start, values.get("kernel_end", start)),
        nr_pages=values.get("nr_pages", 0x10000),
        initrd_len=values.get("initrd_len", 0),
        mod_start_pfn=not choice.mapped,
        init_p2m=values.get("init_p2m", 0x8000000000) if choice.own_p2m else None,
        shim=choice.shim,
    )
