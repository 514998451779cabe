"""What a judge of boot logs says of one figure: the vocabulary of ``check_log``.

A finding compares a figure with what follows from others; ``involves`` and ``confirms`` name ends of segments
such as ``page_tables.end``, so that the figure at fault can be told from several findings.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Final

from attrs import frozen

from ..layouts.arrangement import ENTRY, LABELS
from ..layouts.layout import ADDRESS_LIMIT, Segment
from ..layouts.paging import PAGE_SIZE
from ..logs.boot_log import Boot

PANIC: Final = "panic"
"""The figure of a finding on what Xen said about the boot; its message begins with the words."""


class Kind(Enum):
    """What one finding says."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOTE = "note"
    UNCHECKED = "not checked"
    MALFORMED = "malformed"


@frozen(kw_only=True)
class Finding:
    """One comparison: the figure's field name in `Boot`, its line, and one sentence.

    ``expected`` and ``found`` are addresses, or numbers when ``counts``; ``involves`` are the ends of
    segments that could be at fault when it differs, ``confirms`` those that are right when it agrees.
    """

    kind: Kind
    figure: str
    line: int | None = None
    message: str
    expected: int | None = None
    found: int | None = None
    counts: bool = False
    involves: frozenset[str] = frozenset()
    confirms: frozenset[str] = frozenset()


def title(figure: str) -> str:
    """What Xen's log calls the figure of a field name."""
    others = {
        "alloc": "Dom0 alloc.",
        "pages_to_be_allocated": "Dom0 alloc.",
        "paddr": "Dom0 kernel",
        "symbol_map": "Dom0 symbol map",
        "initrd_image": "Init. ramdisk (physical)",
        "nr_pt_pages": "Page tables",
        "entry": ENTRY,
    }
    return LABELS.get(figure) or others.get(figure, figure)


def compared(
    boot: Boot,
    figure: str,
    found: int,
    expected: int,
    *,
    end: str,
    source: str,
    involves: Iterable[str] = (),
    confirms: Iterable[str] = (),
) -> Finding:
    """Two addresses that must be equal: ``found`` is the ``end`` of ``figure``, ``source`` says why."""
    agrees = found == expected
    which = f"{end} {found:#x}".strip()
    differs = f"{which} is {_by(found, expected)}: expected {expected:#x}, {source}"
    own = f"{figure}.{end}"
    return Finding(
        kind=Kind.AGREES if agrees else Kind.DIFFERS,
        figure=figure,
        line=boot.lines.get(figure),
        message=f"{which} is {source}" if agrees else differs,
        expected=expected,
        found=found,
        involves=frozenset({own, *involves}),
        confirms=frozenset({own, *confirms}),
    )


def differs(
    boot: Boot,
    figure: str,
    message: str,
    *,
    involves: Iterable[str],
    expected: int | None = None,
    found: int | None = None,
) -> Finding:
    """Something that can't be, or is not what follows from other figures."""
    return Finding(
        kind=Kind.DIFFERS,
        figure=figure,
        line=boot.lines.get(figure),
        message=message,
        expected=expected,
        found=found,
        involves=frozenset(involves),
    )


def unchecked(boot: Boot, figure: str, message: str) -> Finding:
    """A figure that nothing in the log can be compared with."""
    return Finding(kind=Kind.UNCHECKED, figure=figure, line=boot.lines.get(figure), message=message)


def note(boot: Boot, figure: str, message: str) -> Finding:
    """Something worth knowing that speaks neither for the log nor against it."""
    return Finding(kind=Kind.NOTE, figure=figure, line=boot.lines.get(figure), message=message)


def page_up(address: int) -> int:
    """The first page boundary at or above an address, which may wrap to 0."""
    return -(-address // PAGE_SIZE) * PAGE_SIZE % ADDRESS_LIMIT


def whole_pages(segment: Segment | None) -> int | None:
    """How many pages a segment has; ``None`` if it isn't known, or they aren't whole."""
    return None if segment is None or segment.size % PAGE_SIZE else segment.size // PAGE_SIZE


def size_of(boot: Boot, name: str) -> int | None:
    """How long a segment is, in bytes; ``None`` if it isn't there."""
    segment = boot.segment(name)
    return None if segment is None else segment.size


def _by(found: int, expected: int) -> str:
    """How far off an address is, either way around."""
    more, less = (found - expected) % ADDRESS_LIMIT, (expected - found) % ADDRESS_LIMIT
    return f"{more:#x} too high" if more < less else f"{less:#x} too low"
