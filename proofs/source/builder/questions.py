"""What a tree is asked, all of it: an entry point of the tool."""

import re
from typing import Final

from attrs import evolve

from ....formal.c.tree_files import Tree
from ....formal.c.types import text_of
from ....formal.c.values import Unknown
from ....formal.layouts.paging import X86_64, PagingMode
from ....formal.source.dom0_source import Dom0Source
from ....formal.source.grub_source import GrubSource
from ....formal.source.questions import Inquiry, Piece
from ..questions import MODES
from ..questions import inquiry as count_and_layout
from . import before_mapping, domu, domu_before_4_7, fill_up, grub, mapping, physmap, read_only_walk
from .pieces import Pieces, made

MAPS: Final = r"\bl[1-4]_pgentry_t\b"
"""What a builder has variables of that maps pages: one that only lays out is asked nothing else."""


def inquiry(source: Dom0Source | GrubSource) -> Inquiry:
    """Whether count, layout and the rest of the builder are the encodings', and the toolstack's count."""
    if isinstance(source, GrubSource):
        return Inquiry(
            modes=(X86_64,), count=(), layout=(), properties=lambda _: (), loader=grub.pieces(source)
        )
    asked = evolve(count_and_layout(source), toolstack=_toolstack(source.tree))
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


def _toolstack(tree: Tree) -> tuple[Piece, ...] | None:
    """The toolstack's pieces; what isn't understood may be of the shape that there was before 4.7."""
    found = domu.pieces(tree, MODES)
    if found is None or not all(isinstance(each.asked, Unknown) for each in found):
        return found
    return domu_before_4_7.pieces(tree, MODES) or found


def _p2m(mode: PagingMode) -> Pieces:
    """The pieces of a p2m at an address of its own, which 32-bit guests don't get."""
    return physmap.PIECES if mode.bits == 64 else {}
