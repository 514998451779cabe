"""What a tree is asked of count and layout."""

from ...formal.c.values import Unknown
from ...formal.layouts.paging import COMPAT, X86_64, PagingMode
from ...formal.source.dom0_source import Dom0Source
from ...formal.source.questions import Inquiry, Piece
from .changed import properties
from .equal import count_pieces, layout_pieces
from .terms import count_of

MODES = (X86_64, COMPAT)


def inquiry(source: Dom0Source) -> Inquiry:
    """Whether count and layout are the encodings', and what else may be proved."""

    def count(mode: PagingMode) -> tuple[Piece, ...]:
        found = count_of(source, mode)
        if isinstance(found, Unknown):
            return (
                Piece(
                    name="count",
                    mode=mode,
                    where=found.where,
                    says="the count is read",
                    asked=found,
                    same_as="4-level",
                ),
            )
        return tuple(count_pieces(found))

    return Inquiry(
        modes=MODES,
        count=tuple(piece for mode in MODES for piece in count(mode)),
        layout=tuple(piece for mode in MODES for piece in layout_pieces(source, mode)),
        properties=lambda mode: _properties(source, mode),
    )


def _properties(source: Dom0Source, mode: PagingMode) -> tuple[Piece, ...]:
    found = count_of(source, mode)
    return () if isinstance(found, Unknown) else tuple(properties(found))
