"""What a tree's layout is asked: pieces to be decided, each with its place in the source.

They reach this package through the entry-point group ``ptproof.source_questions`` only: an entry is a function from a
`Dom0Source`, or a `GrubSource`, to an `Inquiry`.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points

from attrs import field, frozen

from ..c.values import Unknown
from ..layouts.paging import PagingMode
from ..logic.claim import Part
from .compiled_units import Read
from .dom0_source import Dom0Source
from .grub_source import GrubSource

GROUP = "ptproof.source_questions"


@frozen(eq=False, kw_only=True)
class Piece:
    """Something of the source that is decided: what it ``says``, for one sort of guest, and ``where`` it stands.

    ``asked`` is the statement, or why none can be made. ``same_as`` names the encoding that it is compared with; empty for a
    property. ``today`` tells whether that is of today's Xen, else ``says`` has of which. ``assumes`` is what is taken for granted of the source, by name: what functions do that aren't read.
    ``reads`` is what of the source it rests on, for a compiler to read again.
    """

    name: str
    mode: PagingMode
    where: str
    says: str
    asked: Part | Unknown
    same_as: str = ""
    today: bool = True
    assumes: Mapping[str, str] = field(factory=dict)
    reads: tuple[Read, ...] = ()


@frozen(eq=False, kw_only=True)
class Inquiry:
    """What an entry point gives for a source.

    ``count`` are pieces of the count, of which each decides whether it is the encoding's, by paging mode; ``layout`` those
    of the segments. ``properties`` gives, for a mode, what to prove of a count that isn't any encoding's. ``builder`` are
    pieces of what the builder does beside, each its own encoding's or not; ``toolstack`` those of the toolstack's builder,
    ``None`` where the tree has none. ``loader`` are those of GRUB's loader, where the tree is GRUB's.
    """

    modes: tuple[PagingMode, ...]
    count: tuple[Piece, ...]
    layout: tuple[Piece, ...]
    properties: Callable[[PagingMode], tuple[Piece, ...]]
    builder: tuple[Piece, ...] = ()
    toolstack: tuple[Piece, ...] | None = None
    loader: tuple[Piece, ...] = ()


def inquiry(source: Dom0Source | GrubSource) -> Inquiry | None:
    """What the first installed entry point asks of a source; ``None`` without any."""
    found: list[Inquiry] = [entry.load()(source) for entry in entry_points(group=GROUP)]
    return found[0] if found else None
