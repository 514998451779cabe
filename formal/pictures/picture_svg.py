"""A picture of a layout as SVG: the region to scale, two magnifiers on its end, the tree of tables, the figures.

Widths are proportional to bytes within each bar. The same picture gives the same bytes. What needs a colour has a
pattern or a label, too; every piece tells its addresses when one points at it.
"""

from collections.abc import Iterator
from typing import Final

from attrs import Factory, define, frozen

from ..edge.amounts import amount
from ..edge.outside import markup
from ..layouts.paging import PAGE_SIZE
from .picture import LEFT_OVER, OUT_OF_REACH, STRAY, TABLE, Picture, Piece, Run, ends
from .picture_style import ROOT, definitions, fill_class, style
from .picture_tree import tree
from .svg import element, folded, label, line, number, path, rectangle, spread, text_width

WIDTH: Final = 960
LEFT: Final = 40
RIGHT: Final = 920
_INNER: Final = RIGHT - LEFT
_BAR: Final = 40
_LANE: Final = 34
_MOST_LINES: Final = 96
"""More lines than this would be a grey bar."""
_SIZE: Final = 11
_STEP: Final = 5
"""How far apart the levels are at which leader lines turn."""
_APART: Final = 8
"""Segments whose middles are closer share a label."""
_MOST_MARKED: Final = 4
"""How many runs of left-over or stray frames get a label beside the bar."""


@frozen
class _Part:
    """A piece as a window shows it: from ``offset`` on, so many bytes, which may be less than all of it."""

    piece: Piece
    offset: int
    size: int

    @property
    def told(self) -> str:
        """The size, for a label."""
        return amount(self.size) if self.size == self.piece.size else "in part"


@define
class _Drawing:
    """Markup in the order of drawing: what lies behind, and what lies above it; ``y`` is where to go on."""

    y: float = 0
    behind: list[str] = Factory(list)
    parts: list[str] = Factory(list)


@frozen
class _Scale:
    """Where the bytes of a window are drawn."""

    window: range

    @property
    def bytes(self) -> int:
        """How many there are."""
        return self.window.stop - self.window.start

    def x(self, offset: int) -> float:
        """The place of an offset."""
        return LEFT + self.width(offset - self.window.start)

    def width(self, size: int) -> float:
        """How wide so many bytes are."""
        return _INNER * size / self.bytes


def picture_svg(picture: Picture, *, name: str = "picture", alone: bool = True) -> str:
    """The SVG element, ended by a newline.

    ``name`` goes before the ids in it, so that several can stand on a page. One that isn't ``alone`` leaves style
    and patterns to the page (`picture_style`).
    """
    drawing = _Drawing(y=32)
    drawing.parts.append(_fitting(LEFT, drawing.y, picture.title, 18, "head"))
    whole, tail, frames = _Scale(range(picture.span)), _Scale(picture.tail), _Scale(picture.frames)
    title = f"The region, to scale: {amount(picture.size)} from v_start to v_end"
    if picture.span > picture.size:
        title += f", and {amount(picture.span - picture.size)} beyond it"
    title += "; outlined: where the host has no RAM" if picture.host else ""
    before = whole
    # Where the end is nearly all of the region, one bar is enough for both.
    if picture.tail.start * 4 > picture.span:
        _bar(drawing, picture, whole, title, ended=False)
        _lens(drawing, whole, tail)
        title = f"Its end, {_times(whole, tail)} times larger: {amount(tail.bytes)}"
        before = tail
    _bar(drawing, picture, before, title, ended=True)
    _lens(drawing, before, frames)
    _frames(drawing, picture, frames, _times(whole, frames))
    parts, drawing.y = tree(picture, LEFT, RIGHT, drawing.y)
    drawing.parts += parts
    _figures(drawing, picture)
    _sentences(drawing, picture)
    return _document(drawing, picture, name, alone=alone)


def _document(drawing: _Drawing, picture: Picture, name: str, *, alone: bool) -> str:
    """The element around all."""
    height = number(drawing.y + 8)
    described = " ".join((ends(picture), *picture.says))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{ROOT}" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="{name}-title {name}-desc">\n'
        + element("title", markup(picture.title), id=f"{name}-title")
        + element("desc", markup(described), id=f"{name}-desc")
        + (element("style", style()) + definitions() if alone else "")
        + "\n"
        + "\n".join(
            [rectangle(0, 0, WIDTH, drawing.y + 8, "paper"), *drawing.behind, *drawing.parts, "</svg>\n"]
        )
    )


def _bar(drawing: _Drawing, picture: Picture, scale: _Scale, title: str, *, ended: bool) -> None:
    """A window of the region; an ``ended`` one shows where the end comes from."""
    drawing.y += 34
    drawing.parts.append(label(LEFT, drawing.y, title, 13, class_="head"))
    # What the next magnifier shows gets no label here.
    shown = [
        each
        for each in _within(picture, scale)
        if ended or (not each.piece.gap and each.offset < picture.tail.start)
    ]
    top = _callouts(drawing, scale, shown)
    drawing.parts += _drawn(picture, scale, _within(picture, scale), top, _BAR)
    drawing.parts += _host(picture, scale, top)
    drawing.y = top + _BAR
    if ended:
        _end_marks(drawing, picture, scale)
    else:
        _ticks(drawing, picture, scale, [*_ends(scale)])
    drawing.y += 18


def _within(picture: Picture, scale: _Scale) -> list[_Part]:
    """The pieces that a window shows, those at its edge cut there."""
    low, high = scale.window.start, scale.window.stop
    return [
        _Part(each, max(each.offset, low), min(each.end, high) - max(each.offset, low))
        for each in picture.pieces
        if each.offset < high and each.end > low
    ]


def _drawn(picture: Picture, scale: _Scale, parts: list[_Part], y: float, height: float) -> Iterator[str]:
    """The pieces as rectangles, with labels in those that have room for one."""
    for each in parts:
        piece = each.piece
        told = f"{piece.title}: {picture.address(piece.offset):#x} to {picture.address(piece.end):#x}, {amount(piece.size)}"
        kind = f"{fill_class(piece.name)} frame"
        yield element(
            "g",
            rectangle(scale.x(each.offset), y, scale.width(each.size), height, kind, told),
            class_="piece",
            data_name=piece.name,
            data_bytes=str(each.size),
        )
    for each in parts:
        if _has_room(scale, each):
            middle = scale.x(each.offset) + scale.width(each.size) / 2
            yield label(middle, y + height / 2 - 2, each.piece.title, _SIZE, "middle", "halo")
            yield label(middle, y + height / 2 + 11, each.told, 10, "middle", "halo")


def _host(picture: Picture, scale: _Scale, top: float) -> Iterator[str]:
    """Where the host has no RAM, outlined over the bar."""
    low, high = scale.window.start, scale.window.stop
    for each in picture.host:
        start, end = max(each.offset, low), min(each.end, high)
        if start < end:
            told = f"{each.title}: {each.offset:#x} to {each.end:#x} of dom0's memory"
            outline = rectangle(scale.x(start), top - 3, scale.width(end - start), _BAR + 6, "astray", told)
            yield element("g", outline, class_="host", data_bytes=str(end - start))


def _wide(part: _Part) -> float:
    """How wide its label is."""
    return max(text_width(part.piece.title, _SIZE), text_width(part.told, 10))


def _has_room(scale: _Scale, part: _Part) -> bool:
    return scale.width(part.size) >= _wide(part) + 8


def _callouts(drawing: _Drawing, scale: _Scale, parts: list[_Part]) -> float:
    """Labels above a bar for the segments that are too narrow for one; where the bar is to begin."""
    groups: list[list[_Part]] = []
    for each in parts:
        if not each.piece.gap and not _has_room(scale, each):
            if groups and _middle(scale, [each]) - _middle(scale, groups[-1][-1:]) < _APART:
                groups[-1].append(each)
            else:
                groups.append([each])
    if not groups:
        return drawing.y + 12
    told = [_together(each) for each in groups]
    widths = [max(text_width(title, _SIZE), text_width(size, 10)) + _SIZE for title, size in told]
    middles = [_middle(scale, each) for each in groups]
    places = [
        start + width / 2 for start, width in zip(spread(middles, widths, LEFT, RIGHT), widths, strict=True)
    ]
    levels = leader_levels(places, middles)
    y = drawing.y + 20
    top = y + 28 + _STEP * max(levels)
    for (title, size), x, middle, level in zip(told, places, middles, levels, strict=True):
        turn = y + 20 + _STEP * level
        drawing.parts += [
            label(x, y, title, _SIZE, "middle"),
            label(x, y + 12, size, 10, "middle", "faint"),
            path([(x, y + 16), (x, turn), (middle, turn), (middle, top)], "lead"),
        ]
    return top


def _middle(scale: _Scale, parts: list[_Part]) -> float:
    """The middle of some parts in a row."""
    return (scale.x(parts[0].offset) + scale.x(parts[-1].offset + parts[-1].size)) / 2


def _together(parts: list[_Part]) -> tuple[str, str]:
    """One label for parts that are drawn at nearly the same place, and their size."""
    first, last = parts[0], parts[-1]
    if first is last:
        return first.piece.title, first.told
    joint = ", " if len(parts) == 2 else " to "
    return f"{first.piece.title}{joint}{last.piece.title}", amount(last.offset + last.size - first.offset)


def leader_levels(places: list[float], middles: list[float]) -> list[int]:
    """At which level each leader line turns, so that none crosses another; 0 is the highest.

    Labels and what they point at are in the same order. Of lines in a row that lead to the left each turns below the one
    before, of those that lead to the right above it.
    """
    levels = [0] * len(places)
    right = [place > middle for place, middle in zip(places, middles, strict=True)]
    left = [place < middle for place, middle in zip(places, middles, strict=True)]
    for each in range(1, len(places)):
        levels[each] = levels[each - 1] + 1 if right[each - 1] and right[each] else 0
    for each in reversed(range(len(places) - 1)):
        levels[each] = levels[each + 1] + 1 if left[each] and left[each + 1] else levels[each]
    return levels


def _ticks(drawing: _Drawing, picture: Picture, scale: _Scale, offsets: list[int]) -> None:
    """Addresses below a bar, the first ones first; one that would lie over another is left out."""
    y = drawing.y + 14
    taken: list[tuple[float, float]] = []
    for offset in offsets:
        text = f"{picture.address(offset):#x}"
        width = text_width(text, 10)
        (low,) = spread([scale.x(offset)], [width], LEFT, RIGHT)
        if all(low + width + 6 <= start or low >= end + 6 for start, end in taken):
            taken.append((low, low + width))
            drawing.parts.append(label(low, y, text, 10))
    drawing.y = y


def _ends(scale: _Scale) -> tuple[int, int]:
    return scale.window.start, scale.window.stop


def _end_marks(drawing: _Drawing, picture: Picture, scale: _Scale) -> None:
    """The lines that the region may end at, what is left above the stack, and how the end comes of them."""
    bottom = drawing.y
    lines = picture.grid(scale.window, _MOST_LINES)
    for offset in lines or []:
        x = scale.x(offset)
        drawing.parts.append(line(x, bottom - _BAR - 6, x, bottom + 16, "grid"))
    stack = min(picture.stack_end, scale.window.stop)
    needed = min(stack + picture.padding, scale.window.stop)
    left, right = scale.x(stack), scale.x(needed)
    bracket = path([(left, bottom), (left, bottom + 9), (right, bottom + 9), (right, bottom)], "mark frame")
    drawing.parts.append(element("g", bracket, class_="padding-needed", data_bytes=str(needed - stack)))
    told = f"{amount(picture.padding)} at least above the boot stack"
    width = text_width(told, 10)
    start = right + 6 if right + 6 + width <= RIGHT else left - 6 - width
    drawing.parts.append(label(start, bottom + 13, told, 10, class_="halo"))
    drawing.y += 14
    _ticks(drawing, picture, scale, [*_ends(scale), *(lines or [])])
    grid = f"Dashed: the {amount(picture.rounding)} lines. " if lines else ""
    if lines is None:
        grid = f"The {amount(picture.rounding)} lines are too many to be drawn. "
    drawing.y += 19
    drawing.parts.append(_fitting(LEFT, drawing.y, f"{grid}{ends(picture)}", _SIZE))


def _lens(drawing: _Drawing, wide: _Scale, narrow: _Scale) -> None:
    """What connects a window with the bar that shows it larger; the next bar begins some way below."""
    left, right = wide.x(narrow.window.start), wide.x(narrow.window.stop)
    top = drawing.y - 4
    drawing.behind.append(
        path([(left, top), (right, top), (RIGHT, top + 22), (LEFT, top + 22)], "lens", closed=True)
    )


def _times(wide: _Scale, narrow: _Scale) -> str:
    """How many times larger one bar is than the other."""
    times = wide.bytes / narrow.bytes
    return f"{times:,.0f}" if times >= 10 else f"{times:.1f}".removesuffix(".0")


def _frames(drawing: _Drawing, picture: Picture, scale: _Scale, times: str) -> None:
    """The frames: what is set aside above, and what the builder took below."""
    drawing.y += 34
    title = f"Its frames, {times} times larger: above what is set aside, below what the builder took"
    drawing.parts.append(label(LEFT, drawing.y, title, 13, class_="head"))
    pieces = _within(picture, scale)
    top = _callouts(drawing, scale, pieces)
    drawing.parts += _drawn(picture, scale, pieces, top, _LANE)
    y = top + _LANE
    for run in picture.runs:
        drawing.parts += _run(picture, scale, run, y)
    drawing.parts.append(rectangle(LEFT, y, _INNER, _LANE, "frame"))
    drawing.y = y + _LANE
    tables = picture.tables_at, picture.tables_at + picture.layout.page_tables.size
    _ticks(drawing, picture, scale, [*tables, *_ends(scale)])
    _marked(drawing, picture, scale)
    drawing.y += 40


def _run(picture: Picture, scale: _Scale, run: Run, y: float) -> Iterator[str]:
    """Frames that are alike: one by one where there is room, and what is wrong with them."""
    start = picture.tables_at + run.first * PAGE_SIZE
    x, width, cell = scale.x(start), scale.width(run.count * PAGE_SIZE), scale.width(PAGE_SIZE)
    frames = f"frame {run.first}" if run.count == 1 else f"frames {run.first} to {run.last}"
    told = f"{frames}: {' '.join(filter(None, (run.state if run.state != TABLE else '', run.level)))}"
    kind = run.level if run.state == TABLE else run.state
    parts = [rectangle(x, y, width, _LANE, f"{fill_class(kind)} frame", told)]
    if cell >= 4:
        parts += [
            line(x + cell * each, y, x + cell * each, y + _LANE, "frame") for each in range(1, run.count)
        ]
    outline = {LEFT_OVER: "left", OUT_OF_REACH: "left", STRAY: "astray"}.get(run.state)
    if outline:
        parts.append(rectangle(x, y, width, _LANE, outline))
    name = run.level or "–"
    if cell >= max(text_width(name, _SIZE), text_width(str(run.last), 9)) + 3:
        for each in range(run.count):
            middle = x + cell * (each + 0.5)
            parts.append(label(middle, y + 14, name, _SIZE, "middle", "halo"))
            parts.append(label(middle, y + 28, str(run.first + each), 9, "middle", "halo"))
    else:
        text = f"{run.level or 'no table'} × {run.count:,}" if run.count > 1 else name
        if width >= text_width(text, _SIZE) + 6:
            parts.append(label(x + width / 2, y + 21, text, _SIZE, "middle", "halo"))
    yield element(
        "g", *parts, class_="run", data_state=run.state, data_level=run.level, data_count=str(run.count)
    )


def _marked(drawing: _Drawing, picture: Picture, scale: _Scale) -> None:
    """Labels for what is left over, or stray, below the frames."""
    marked: list[tuple[int, int, str]] = []
    for run in picture.runs:
        if marked and marked[-1][1] + 1 == run.first and marked[-1][2] == run.state:
            marked[-1] = marked[-1][0], run.last, run.state
        elif run.state != TABLE:
            marked.append((run.first, run.last, run.state))
    if not marked:
        return
    texts, middles = [], []
    for first, last, state in marked[:_MOST_MARKED]:
        frames = f"frame {first}" if first == last else f"frames {first} to {last}"
        texts.append(f"{frames}: {state}")
        middles.append(scale.x(picture.tables_at) + scale.width((first + last + 1) * PAGE_SIZE) / 2)
    if len(marked) > _MOST_MARKED:
        texts[-1] = f"and {len(marked) - _MOST_MARKED + 1} more such runs"
    widths = [text_width(each, _SIZE) + _SIZE for each in texts]
    top, y = drawing.y - 14, drawing.y + 22
    for text, width, start, middle in zip(
        texts, widths, spread(middles, widths, LEFT, RIGHT), middles, strict=True
    ):
        x = start + width / 2
        drawing.behind.append(path([(middle, top), (middle, y - 14), (x, y - 10)], "lead"))
        drawing.parts.append(label(x, y, text, _SIZE, "middle", "head"))
    drawing.y = y


def _figures(drawing: _Drawing, picture: Picture) -> None:
    """Each segment with its pattern, its addresses and its size."""
    drawing.y += 16
    y = drawing.y
    columns = (LEFT + 30, LEFT + 190, LEFT + 350, LEFT + 510, LEFT + 640)
    for x, text in zip(columns, ("segment", "from", "to", "size"), strict=False):
        drawing.parts.append(label(x, y, text, _SIZE, class_="faint"))
    for each in (*picture.pieces, *picture.elsewhere):
        if each.gap and each.size < PAGE_SIZE:
            continue
        y += 18
        start, end = (f"{picture.address(at):#x}" for at in (each.offset, each.end))
        note = _why_elsewhere(picture, each) if each in picture.elsewhere else ""
        drawing.parts.append(rectangle(LEFT, y - 11, 20, 14, f"{fill_class(each.name)} frame"))
        for x, text in zip(columns, (each.title, start, end, amount(each.size), note), strict=True):
            if text:
                drawing.parts.append(label(x, y, text, 10 if x == columns[-1] else _SIZE))
    drawing.y = y


def _why_elsewhere(picture: Picture, piece: Piece) -> str:
    return "lies over another segment" if piece.offset < picture.span else "outside of the region"


def _sentences(drawing: _Drawing, picture: Picture) -> None:
    """What the frame machine saw."""
    drawing.y += 30
    drawing.parts.append(label(LEFT, drawing.y, "What the frame machine saw", 13, class_="head"))
    drawing.y += 4
    characters = int(_INNER / text_width("m", _SIZE))
    for sentence in picture.says:
        for text in folded(sentence, characters):
            drawing.y += 16
            drawing.parts.append(label(LEFT, drawing.y, text, _SIZE))
    drawing.y += 10


def _fitting(x: float, y: float, text: str, size: float, class_: str = "") -> str:
    """A label that has the whole width, in a smaller font if it needs one; what is too long even so is cut."""
    while text_width(text, size) > _INNER and size > 9:
        size -= 1
    most = int(_INNER / text_width("m", size))
    return label(x, y, text if len(text) <= most else f"{text[: most - 1]}…", size, class_=class_)
