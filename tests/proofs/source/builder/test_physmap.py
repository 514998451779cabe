"""What maps a p2m at an address of its own in a real tree, and in changes of it."""

from functools import cache

import pytest
from ptproof.formal.layouts.paging import X86_64, PagingMode
from ptproof.formal.source.dom0_source import dom0_source
from ptproof.formal.source.questions import Piece
from ptproof.proofs.source.builder import physmap
from ptproof.proofs.source.builder.pieces import made
from real_trees import assert_said, source_of, trees, unchanged
from tree_changes import PHYSMAP, PieceChange

pytestmark = pytest.mark.usefixtures("shared_answers")

NAMES = (
    "physmap-start",
    "physmap-refused",
    "physmap-guard",
    "physmap-steps",
    "physmap-entries",
    "physmap-types",
    "physmap-references",
)


@cache
def asked(mode: PagingMode) -> dict[str, Piece]:
    tree = unchanged(trees()[0])
    return {each.name: each for each in made(physmap.PIECES, dom0_source(tree), mode)}


@pytest.mark.parametrize("name", NAMES)
def test_a_real_tree_is_the_encoding(name: str) -> None:
    assert tuple(asked(X86_64)) == NAMES
    assert_said(asked(X86_64)[name], "equal")


@pytest.mark.parametrize("change", PHYSMAP, ids=lambda change: change.name)
def test_a_change_is_seen(change: PieceChange) -> None:
    """In the piece that it is in."""
    source = source_of(change)
    (piece,) = made({change.piece: physmap.PIECES[change.piece]}, source, change.mode)
    assert_said(piece, change.verdict)
