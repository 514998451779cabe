"""What fills up a 32-bit guest's L2 in a real tree, and in changes of it."""

from functools import cache

import pytest
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.source.dom0_source import dom0_source
from ptproof.formal.source.questions import Piece
from ptproof.proofs.source.builder import fill_up
from ptproof.proofs.source.builder.pieces import made
from real_trees import assert_said, source_of, trees, unchanged
from tree_changes import FILL_UP, PieceChange

pytestmark = pytest.mark.usefixtures("shared_answers")

NAMES = ("fill-up-frames", "fill-up-entries", "fill-up-types")


@cache
def asked(mode: PagingMode) -> dict[str, Piece]:
    tree = unchanged(trees()[0])
    return {each.name: each for each in made(fill_up.PIECES, dom0_source(tree), mode)}


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
@pytest.mark.parametrize("name", NAMES)
def test_a_real_tree_is_the_encoding(name: str, mode: PagingMode) -> None:
    assert tuple(asked(mode)) == NAMES
    assert_said(asked(mode)[name], "equal")


@pytest.mark.parametrize("change", FILL_UP, ids=lambda change: change.name)
def test_a_change_is_seen(change: PieceChange) -> None:
    """In the piece that it is in."""
    source = source_of(change)
    (piece,) = made({change.piece: fill_up.PIECES[change.piece]}, source, change.mode)
    assert_said(piece, change.verdict)
