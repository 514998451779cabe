"""The tree of a layout's tables as a part of its picture: a row for each level, each table with its frame.

Of a level with many tables the first and the last ones are drawn, with the number of those left out.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from ..machine.replay import Reached
from .picture import LEFT_OVER, OUT_OF_REACH, STRAY, Picture
from .picture_style import fill_class
from .svg import element, label, path, rectangle, text_width

_FIRST: Final = 2
_LAST: Final = 3
_MARGIN: Final = 110
_BOX: Final = 122
_HEIGHT: Final = 50
_ROW: Final = 76


@frozen
class _Slot:
    """A place in a row: a table, a frame left over, or what stands for several that aren't drawn."""

    frames: tuple[int, ...]
    table: Reached | None
    elided: bool = False


def tree(picture: Picture, left: float, right: float, y: float) -> tuple[list[str], float]:
    """The markup, and where it ends."""
    parts = [label(left, y, _heading(picture), 13, class_="head")]
    y += 20
    for remark in _remarks(picture):
        parts.append(label(left, y, remark, 11, class_="faint"))
        y += 16
    places: dict[int, float] = {}
    stray = set(picture.report.stray_tables) if picture.report else set()
    for row in picture.rows:
        slots = _slots(row.tables)
        parts.append(label(left, y + 22, f"{row.level.name} × {len(row.tables)}", 12, class_="head"))
        middles = _middles(len(slots), left + _MARGIN, right)
        for slot, middle in zip(slots, middles, strict=True):
            parts += _edges(picture, slot, middle, places, y)
            parts += (
                _elided(picture, slot, middle, y) if slot.elided else _table(picture, slot, middle, y, stray)
            )
        places.update(
            {frame: middle for slot, middle in zip(slots, middles, strict=True) for frame in slot.frames}
        )
        y += _ROW
    left_over = picture.report.unused if picture.report and not picture.report.misaligned else ()
    if left_over:
        slots = _slots_of_frames(left_over)
        parts.append(label(left, y + 22, "not reached", 12, class_="head"))
        for slot, middle in zip(slots, _middles(len(slots), left + _MARGIN, right), strict=True):
            parts += (
                _elided(picture, slot, middle, y) if slot.elided else _left_over(picture, slot, middle, y)
            )
        y += _ROW
    return parts, y


def _heading(picture: Picture) -> str:
    report = picture.report
    if report is None or report.misaligned:
        return "The tree of tables: not built"
    return f"The tree of tables: {report.nr_pt_pages} frames set aside, {report.consumed} taken"


def _remarks(picture: Picture) -> Iterable[str]:
    if not picture.rows:
        return
    yield "Each table with its frame, counted from vpt_start, and the first address that it maps."
    yield "The tables lie in the region that they map: those that map tables are drawn bold."
    if not picture.layout.mode.levels[-1].counted:
        yield f"The {picture.layout.mode.levels[-1].name} above them is Xen's own, and not counted."


def _slots(tables: Sequence[Reached]) -> list[_Slot]:
    """The tables that are drawn, and one slot for those between them."""
    if len(tables) <= _FIRST + _LAST + 1:
        return [_Slot((each.frame,), each) for each in tables]
    between = _Slot(tuple(each.frame for each in tables[_FIRST:-_LAST]), None, elided=True)
    shown = [_Slot((each.frame,), each) for each in (*tables[:_FIRST], *tables[-_LAST:])]
    return [*shown[:_FIRST], between, *shown[_FIRST:]]


def _slots_of_frames(frames: tuple[int, ...]) -> list[_Slot]:
    if len(frames) <= _FIRST + _LAST + 1:
        return [_Slot((each,), None) for each in frames]
    return [
        *(_Slot((each,), None) for each in frames[:_FIRST]),
        _Slot(frames[_FIRST:-_LAST], None, elided=True),
        *(_Slot((each,), None) for each in frames[-_LAST:]),
    ]


def _middles(count: int, left: float, right: float) -> list[float]:
    return [left + (right - left) * (index + 0.5) / count for index in range(count)]


def _edges(picture: Picture, slot: _Slot, middle: float, places: dict[int, float], y: float) -> list[str]:
    """Lines from the tables above; tables that aren't drawn have one from each place above them."""
    wanted = set(slot.frames)
    above = {
        places[each.parent]: None
        for row in picture.rows
        for each in row.tables
        if each.frame in wanted and each.parent is not None and each.parent in places
    }
    top = y - _ROW + _HEIGHT
    return [path([(x, top), (x, top + 8), (middle, y - 8), (middle, y)], "edge") for x in above]


def _table(picture: Picture, slot: _Slot, middle: float, y: float, stray: set[int]) -> list[str]:
    table = slot.table
    assert table is not None
    x = middle - _BOX / 2
    astray = table.frame in stray
    tag = "stray: not set aside" if astray else "maps the tables" if picture.maps_tables(table) else ""
    kind = STRAY if astray else table.level
    parts = [rectangle(x, y, _BOX, _HEIGHT, f"{fill_class(kind)} frame")]
    if tag:
        parts.append(rectangle(x, y, _BOX, _HEIGHT, "astray" if astray else "self"))
    parts += [
        label(middle, y + 15, f"{table.level}: frame {table.frame}", 11, "middle", "halo"),
        label(middle, y + 29, f"{table.address:#x}", 10, "middle", "halo"),
    ]
    if tag:
        parts.append(label(middle, y + 43, tag, 9, "middle", "halo"))
    return [element("g", *parts, class_="table", data_frame=str(table.frame), data_level=table.level)]


def _left_over(picture: Picture, slot: _Slot, middle: float, y: float) -> list[str]:
    x, frame = middle - _BOX / 2, slot.frames[0]
    taken = picture.report is not None and frame < picture.report.consumed
    told = f"{picture.report.order[frame]}, {OUT_OF_REACH}" if taken and picture.report else LEFT_OVER
    parts = [
        rectangle(x, y, _BOX, _HEIGHT, fill_class(LEFT_OVER)),
        rectangle(x, y, _BOX, _HEIGHT, "left"),
        label(middle, y + 21, f"frame {slot.frames[0]}", 11, "middle", "halo"),
        label(middle, y + 37, told, 10, "middle", "halo"),
    ]
    return [element("g", *parts, class_="left-over", data_frame=str(slot.frames[0]))]


def _elided(picture: Picture, slot: _Slot, middle: float, y: float) -> list[str]:
    """How many there are between, and what is to be known about them."""
    stray = set(picture.report.stray_tables) if picture.report else set()
    wanted = set(slot.frames)
    maps = any(
        picture.maps_tables(each) for row in picture.rows for each in row.tables if each.frame in wanted
    )
    parts = [
        label(middle, y + 15, "⋯", 14, "middle"),
        label(middle, y + 29, f"{len(slot.frames):,} more", 10, "middle"),
    ]
    count = len(wanted & stray)
    told = f"{count:,} stray" if count else "some map tables" if maps else ""
    if told:
        assert text_width(told, 9) <= _BOX
        parts.append(label(middle, y + 43, told, 9, "middle"))
    return [element("g", *parts, class_="more", data_count=str(len(slot.frames)))]
