"""What a tree is asked, all of it: an entry point of the tool."""

import re
from typing import Final

from attrs import evolve

from ....formal.c.types import text_of
from ....formal.layouts.paging import X86_64, PagingMode
from ....formal.source.dom0_source import Dom0Source
from ....formal.source.grub_source import GrubSource
from ....formal.source.questions import Inquiry
from ..questions import MODES
from ..questions import inquiry as count_and_layout
from . import before_mapping, domu, fill_up, grub, mapping, physmap, read_only_walk
from .pieces import Pieces, made

MAPS: Final = r"\bl[1-4]_pgentry_t\b"
"""What a builder has variables of that maps pages: one that only lays out is asked nothing else."""


def inquiry(source: Dom0Source | GrubSource) -> Inquiry:
    """Whether count, layout and the rest of the builder are the encodings', and the toolstack's count."""
    if isinstance(source, GrubSource):
        return Inquiry(
            modes=(X86_64,), count=(), layout=(), properties=lambda _: (), loader=grub.pieces(source)
        )
    asked = evolve(count_and_layout(source), toolstack=domu.pieces(source.tree, MODES))
    if not re.search(MAPS, text_of(source.builder)):
        return asked
    return evolve(
        asked,
        builder=tuple(
            each
            for mode in asked.modes
            for pieces in (
                before_mapping.PIECES,
                mapping.PIECES,
                fill_up.PIECES,
                read_only_walk.PIECES,
                _p2m(mode),
            )
            for each in made(pieces, source, mode)
        ),
    )


def _p2m(mode: PagingMode) -> Pieces:
    """The pieces of a p2m at an address of its own, which 32-bit guests don't get."""
    return physmap.PIECES if mode.bits == 64 else {}
