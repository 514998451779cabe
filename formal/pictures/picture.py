"""What a picture of a layout shows, as data: computed once, from the layout and the frame machine's report.

Pieces of the region are measured in bytes from v_start, so that a region which passes 2^64 is drawn like any other.
Nothing here decides where anything lies, or which tables there are: that is the layout's and the machine's.

Facts: DOMAIN.md sections 2 and 4 for the order of the segments and for how the region ends.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from attrs import field, frozen

from ..edge.amounts import amount
from ..edge.errors import InputError
from ..edge.limits import raised_by
from ..layouts.arrangement import LABELS
from ..layouts.host_map import HostMap, places, sentences
from ..layouts.layout import ADDRESS_LIMIT, Layout, Segment
from ..layouts.layout_json import as_dict as layout_as_dict
from ..layouts.paging import PAGE_SIZE, Level
from ..layouts.xen_version import XenVersion
from ..machine.arrange import padding_of, rounding_of
from ..machine.replay import (
    BUILD_LIMIT,
    ImpossibleLayout,
    Reached,
    Report,
    TooLarge,
    check_work,
    generations_of,
    replay,
)

SCHEMA: Final = "ptproof-picture/1"
TABLE: Final = "table"
LEFT_OVER: Final = "left over"
OUT_OF_REACH: Final = "out of reach"
STRAY: Final = "stray"
UNUSED: Final = "unused"
PAD: Final = "padding"
BEYOND: Final = "beyond v_end"

_HEAD: Final = ("start_info", "xenstore", "console")
"""What may lie right below the page tables."""


@frozen
class Piece:
    """A part of the region: what it is (a field of `Layout`, or a gap), where it starts, counted from v_start, its bytes."""

    name: str
    title: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where it ends, counted from v_start."""
        return self.offset + self.size

    @property
    def gap(self) -> bool:
        """Whether no segment lies there."""
        return self.name in (UNUSED, PAD, BEYOND)


@frozen
class Run:
    """Frames from vpt_start on that are alike: of one level, or never taken (then ``level`` is empty).

    ``state`` is `TABLE`, `LEFT_OVER` (set aside, and never taken), `OUT_OF_REACH` (set aside and taken, but no walk
    from the root comes to it) or `STRAY` (a table, and not set aside).
    """

    first: int
    count: int
    level: str
    state: str

    @property
    def last(self) -> int:
        """The last of its frames."""
        return self.first + self.count - 1


@frozen
class Row:
    """The tables of a level, in the order of the addresses that they map."""

    level: Level
    tables: tuple[Reached, ...]


@frozen(kw_only=True)
class Picture:
    """All that is drawn of a layout.

    ``span`` is how many bytes from v_start are drawn: the region, or more where tables or the stack lie beyond
    its end. ``pieces`` cover it without a hole, in order. ``elsewhere`` are segments outside of it, or on top of
    another one. ``tail`` and ``frames`` are the windows of the two magnifiers. ``report`` is ``None`` for a region
    that is too large for the machine; ``runs`` and ``rows`` are then empty.
    """

    title: str
    layout: Layout
    report: Report | None = field(repr=False)
    span: int
    pieces: tuple[Piece, ...]
    elsewhere: tuple[Piece, ...]
    stack_end: int
    tail: range
    frames: range
    runs: tuple[Run, ...]
    rows: tuple[Row, ...]
    says: tuple[str, ...]
    host: tuple[Piece, ...] = ()
    """Where in the region the host has no RAM, if its map is known."""

    @property
    def size(self) -> int:
        """The region's bytes."""
        return self.layout.total.size

    @property
    def rounding(self) -> int:
        """How many bytes lie between the lines that the region may end at: 4 MiB in Xen."""
        return rounding_of(self.layout.what_if)

    @property
    def padding(self) -> int:
        """How many bytes are to be left above the boot stack at least."""
        return padding_of(self.layout.what_if)

    @property
    def tables_at(self) -> int:
        """Where the page tables start, counted from v_start."""
        return _offset(self.layout, self.layout.vpt_start)

    def address(self, offset: int) -> int:
        """The address of what is counted from v_start."""
        return (self.layout.v_start + offset) % ADDRESS_LIMIT

    def maps_tables(self, table: Reached) -> bool:
        """Whether an L1 maps one of the frames set aside: a table that maps tables, itself perhaps."""
        start = _offset(self.layout, table.address)
        start = start if start < self.span else start - ADDRESS_LIMIT
        end = start + (1 << self.layout.mode.levels[0].shift)
        tables = self.layout.page_tables
        return table.level == "L1" and start < self.tables_at + tables.size and end > self.tables_at

    def grid(self, window: range, most: int) -> list[int] | None:
        """The lines in a window, counted from v_start; ``None`` when there are more than ``most``."""
        first = window.start + -(self.layout.v_start + window.start) % self.rounding
        if (window.stop - first) // self.rounding > most:
            return None
        return list(range(first, window.stop + 1, self.rounding))


def picture_of(
    layout: Layout,
    *,
    source: str = "",
    version: XenVersion | None = None,
    report: Report | None = None,
    times: int | None = None,
    host: HostMap | None = None,
) -> Picture:
    """What there is to draw of a layout; ``source`` says where it comes from, ``report`` spares replaying it.

    The machine takes on ``times`` its limit; ``None`` where that can't be raised. ``host`` is the memory map of the host
    that it is for.

    Raises `InputError` where there is nothing that could be drawn: no region, or tables outside of it.
    """
    where = f"{source}: " if source else ""
    if not layout.total.size:
        raise InputError(f"{where}there is nothing to draw: the region has no bytes")
    tables_at = _offset(layout, layout.vpt_start)
    says: tuple[str, ...] = () if layout.what_if is None else (layout.what_if.sentence,)
    try:
        if report is None:
            check_work(layout, limit := (times or 1) * BUILD_LIMIT)
            report = replay(layout, version=version, generations=generations_of(version), limit=limit)
        says += tuple(report.sentences())
    except TooLarge as error:
        raised = raised_by(error.pages, BUILD_LIMIT) if times else ""
        says += (f"Which tables the builder takes is not drawn: {error}{raised}.",)
    except ImpossibleLayout as error:
        raise InputError(f"{where}there is nothing to draw: {error}") from error
    if tables_at >= layout.total.size:
        raise InputError(f"{where}there is nothing to draw: the page tables start outside of the region")
    tables_end = tables_at + layout.page_tables.size
    stack_end = tables_end + PAGE_SIZE
    taken = tables_at + len(report.order) * PAGE_SIZE if report and not report.misaligned else tables_end
    span = max(layout.total.size, stack_end, taken)
    pieces, elsewhere = _pieces(layout, span)
    head = min(
        (each.offset for each in pieces if each.name in _HEAD and each.end <= tables_at), default=tables_at
    )
    head -= (layout.v_start + head) % PAGE_SIZE
    # At least three more pages, so that one sees where the frames end.
    frames = range(max(head, 0), min(max(stack_end, taken) + 3 * PAGE_SIZE, span))
    tail = range(max(head - (layout.v_start + head) % rounding_of(layout.what_if), 0), span)
    return Picture(
        title=f"{source}: {_title(layout)}" if source else _title(layout),
        layout=layout,
        report=report,
        span=span,
        pieces=pieces,
        elsewhere=elsewhere,
        stack_end=stack_end,
        tail=tail,
        frames=frames,
        runs=() if report is None else tuple(_runs(report)),
        rows=() if report is None else _rows(layout, report),
        says=says if host is None else (*says, *_met(layout, host)),
        host=() if host is None else tuple(_not_ram(host, span)),
    )


def _not_ram(host: HostMap, span: int) -> Iterator[Piece]:
    """The region's addresses count as dom0's memory does, from v_start on."""
    for each in host.not_ram(0, span):
        yield Piece("host", f"on the host {each.kind}", each.start, each.end - each.start)


def _met(layout: Layout, host: HostMap) -> Iterator[str]:
    segments = {name: getattr(layout, name) for name in LABELS}
    for name, said in sentences(host, places(segments, layout.v_start, layout.total.size, None, 0)):
        yield f"{LABELS.get(name, 'Host')}: {said}"


def as_dict(picture: Picture) -> dict[str, Any]:
    """What is drawn, as plain data of the schema ``ptproof-picture/1``; ``offset`` counts bytes from v_start."""
    return {
        "schema": SCHEMA,
        "title": picture.title,
        "layout": layout_as_dict(picture.layout),
        "pieces": [_piece_as_dict(each) for each in picture.pieces],
        "elsewhere": [_piece_as_dict(each) for each in picture.elsewhere],
        "host": [{**_piece_as_dict(each), "title": each.title} for each in picture.host],
        "frames": [
            {"first": each.first, "count": each.count, "level": each.level or None, "state": each.state}
            for each in picture.runs
        ],
        "tree": [
            {
                "frame": table.frame,
                "level": table.level,
                "address": hex(table.address),
                "parent": table.parent,
            }
            for row in picture.rows
            for table in row.tables
        ],
        "says": list(picture.says),
    }


def ends(picture: Picture) -> str:
    """How the region ends, in one sentence."""
    left = picture.size - picture.stack_end
    end = picture.address(picture.size)
    if left < 0:
        return f"The boot stack ends {amount(-left)} above v_end."
    line, least = amount(picture.rounding), amount(picture.padding)
    if left < picture.padding:
        return f"Only {amount(left)} are left above the boot stack: less than {least}."
    lines = picture.grid(range(picture.stack_end, picture.size), 1)
    if end % picture.rounding or lines is None or len(lines) > 2:
        return f"Above the boot stack {amount(left)} are left."
    if lines[0] == picture.stack_end:
        comes = "v_end is the next one" if left else "v_end is that one"
        return f"The boot stack ends on a {line} line: {comes}."
    if len(lines) == 2:
        above = amount(lines[0] - picture.stack_end)
        return f"The next {line} line is only {above} above the boot stack: v_end is the one after it."
    return f"v_end is the next {line} line above the boot stack: {amount(left)} are left, {least} at least."


def _title(layout: Layout) -> str:
    frames = "frame" if layout.nr_pt_pages == 1 else "frames"
    size = amount(layout.total.size)
    asked = "" if layout.what_if is None else "what if: "
    return f"{asked}{layout.nr_pt_pages} page-table {frames} for a region of {size}, {layout.mode.title}"


def _offset(layout: Layout, address: int) -> int:
    return (address - layout.v_start) % ADDRESS_LIMIT


def _pieces(layout: Layout, span: int) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """What covers the span, gaps included; and the segments that lie elsewhere, or over another one."""
    known: dict[str, Segment | None] = {name: getattr(layout, name) for name in LABELS if name != "total"}
    found = [
        Piece(name, LABELS[name], _offset(layout, each.start), each.size)
        for name, each in known.items()
        if each is not None and each.size
    ]
    # Of two that overlap, the page tables are drawn: they are what this is about.
    found.sort(key=lambda each: (each.offset, each.name != "page_tables"))
    tables = next((each for each in found if each.name == "page_tables"), None)
    inside: list[Piece] = []
    elsewhere: list[Piece] = []
    at = 0
    for each in found:
        covers = tables not in (None, each) and each.offset < tables.end and each.end > tables.offset
        if each.offset < at or each.end > span or covers:
            elsewhere.append(each)
            continue
        inside += _gap(layout, at, each.offset, last=False)
        inside.append(each)
        at = each.end
    inside += _gap(layout, at, span, last=True)
    return tuple(inside), tuple(elsewhere)


def _gap(layout: Layout, start: int, end: int, *, last: bool) -> Iterator[Piece]:
    """What lies between two segments, if anything; v_end cuts it."""
    size = layout.total.size
    cuts = [start, *([size] if start < size < end else []), end]
    for low, high in pairwise(cuts):
        if low < high:
            name = BEYOND if low >= size else PAD if last else UNUSED
            yield Piece(name, name, low, high - low)


def _runs(report: Report) -> Iterator[Run]:
    """The frames from vpt_start on, those alike together."""
    left_over = set(report.unused)
    first, before = 0, ("", "")
    total = max(report.nr_pt_pages, report.consumed) if not report.misaligned else 0
    for frame in range(total + 1):
        if frame == total:
            found = ("", "")
        elif frame in left_over:
            taken = frame < report.consumed
            found = (report.order[frame], OUT_OF_REACH) if taken else ("", LEFT_OVER)
        else:
            found = (report.order[frame], STRAY if frame >= report.nr_pt_pages else TABLE)
        if found != before:
            if before[1]:
                yield Run(first, frame - first, *before)
            first, before = frame, found


def _rows(layout: Layout, report: Report) -> tuple[Row, ...]:
    """The tables reached, level by level, the root's first."""
    by_level: dict[str, list[Reached]] = {}
    for each in report.tree:
        by_level.setdefault(each.level, []).append(each)
    rows = []
    for level in reversed(layout.mode.counted_levels):
        tables = by_level.get(level.name, [])
        # From v_start's own block on, upwards, past 2^64 if need be.
        start = layout.v_start - layout.v_start % (1 << level.shift)
        tables.sort(key=lambda each: ((each.address - start) % ADDRESS_LIMIT, each.frame))
        if tables:
            rows.append(Row(level, tuple(tables)))
    return tuple(rows)


def _piece_as_dict(piece: Piece) -> dict[str, Any]:
    return {"name": piece.name, "offset": piece.offset, "size": piece.size}
