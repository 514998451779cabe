"""A picture of a layout in plain characters, for a terminal: bars to scale, the frames one by one, the tables.

It is shown on a terminal that is wide enough, and never in a pipe: what programs read stays the same.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ..edge.amounts import amount
from ..edge.terminal import width_of
from ..layouts.layout import Layout
from ..layouts.paging import PAGE_SIZE
from ..machine.arrange import TooLarge, touched_by_level
from ..machine.replay import Report
from .picture import BEYOND, LEFT_OVER, OUT_OF_REACH, PAD, STRAY, UNUSED, Picture, Piece, ends
from .svg import folded

MIN_WIDTH: Final = 80
MAX_WIDTH: Final = 120
_LETTERS: Final = {
    "kernel": "K",
    "initrd": "R",
    "p2m": "M",
    "start_info": "I",
    "xenstore": "X",
    "console": "C",
    "page_tables": "T",
    "boot_stack": "S",
    UNUSED: ".",
    PAD: "-",
    BEYOND: "~",
}
_WRONG: Final = {LEFT_OVER: "!", OUT_OF_REACH: "?", STRAY: "+"}
_MOST_RANGES: Final = 6
_LANE: Final = 11
"""How much room the names of the two lanes take."""


def terminal_width() -> int | None:
    """How wide a picture may be on standard output; ``None`` where it is no terminal, or too narrow a one."""
    columns = width_of(sys.stdout)
    return None if columns is None or columns < MIN_WIDTH else min(columns, MAX_WIDTH)


def picture_text(picture: Picture, width: int) -> Iterator[str]:
    """The lines of the picture, none longer than ``width``, which is at least `MIN_WIDTH`."""
    whole = range(picture.span)
    near = picture.tail.start * 4 > picture.span
    yield f"The region, {amount(picture.size)}, {_step(whole, width - 2)}:"
    yield from _bar(picture, whole, width, ended=not near)
    if near:
        yield f"Its end, {amount(len_of(picture.tail))}, {_step(picture.tail, width - 2)}:"
        yield from _bar(picture, picture.tail, width, ended=True)
    yield from folded(ends(picture), width)
    yield from _frames(picture, width)
    for told in _tables(picture):
        yield from folded(told, width)
    yield from _legend(picture, width)


def answer(nr_pt_pages: int, by_level: Mapping[str, int], size: int) -> str:
    """How many tables, at which levels if that is known, and how large a region: in one line.

    >>> answer(4, {"L4": 1, "L3": 1, "L2": 1, "L1": 1}, 1 << 21)
    'n = 4 (L4 1, L3 1, L2 1, L1 1); the region is 2 MiB.'
    """
    levels = ", ".join(f"{name} {count}" for name, count in by_level.items())
    return f"n = {nr_pt_pages}{f' ({levels})' if levels else ''}; the region is {amount(size)}."


def tables_by_level(layout: Layout, report: Report | None) -> Mapping[str, int]:
    """The tables by the names of their levels, the root first.

    Without a report, of a region that is too large to be built, a walk counts them; it says nothing if it is too long, too, or
    finds others than are set aside.
    """
    if report is not None:
        return dict(sorted(report.taken.items(), reverse=True))
    try:
        found = touched_by_level(layout.mode, layout.v_start, layout.v_start + layout.total.size)
    except TooLarge:
        return {}
    return found if sum(found.values()) == layout.nr_pt_pages else {}


def len_of(window: range) -> int:
    """The bytes of a window; ``len`` itself takes no such numbers."""
    return window.stop - window.start


def _step(window: range, cells: int) -> str:
    """What a character stands for."""
    return f"a character for {amount(-(-len_of(window) // cells))}"


def _bar(picture: Picture, window: range, width: int, *, ended: bool) -> Iterator[str]:
    """A bar, its addresses, and below an ``ended`` one the lines it may end at and the room that must be left."""
    cells = width - 2
    yield f"|{_filled(picture.pieces, window, cells)}|"
    if picture.host:
        marks = (any(_overlap(each, *cell) > 0 for each in picture.host) for cell in _cells(window, cells))
        yield "".join((" ", *("%" if marked else " " for marked in marks))).rstrip()
    if ended:
        yield _marks(picture, window, width)
    first, last = (f"{picture.address(each):#x}" for each in (window.start, window.stop))
    yield f"{first}{last:>{width - len(first)}}"


def _filled(pieces: Sequence[Piece], window: range, cells: int) -> str:
    """A character for each cell: the segment that has most of it. The page tables have one in any case."""
    found = []
    tables: int | None = None
    for index, (low, high) in enumerate(_cells(window, cells)):
        there = [(_overlap(each, low, high), each) for each in pieces if _overlap(each, low, high) > 0]
        segments = [each for each in there if not each[1].gap and each[0] * 8 >= high - low]
        found.append(_LETTERS[max(segments or there, key=lambda each: each[0])[1].name])
        if tables is None and any(each.name == "page_tables" for _, each in there):
            tables = index
    letter = _LETTERS["page_tables"]
    if tables is not None and letter not in found:
        found[tables] = letter
    return "".join(found)


def _cells(window: range, cells: int) -> Iterator[tuple[int, int]]:
    size = len_of(window)
    for cell in range(cells):
        low = window.start + size * cell // cells
        yield low, max(window.start + size * (cell + 1) // cells, low + 1)


def _overlap(piece: Piece, low: int, high: int) -> int:
    return min(piece.end, high) - max(piece.offset, low)


def _marks(picture: Picture, window: range, width: int) -> str:
    """A ``^`` for each line that the region may end at, and ``[==]`` for what must be left above the stack."""
    cells, size = width - 2, len_of(window)
    line = [" "] * width

    def at(offset: int) -> int:
        return min(max((offset - window.start) * cells // size + 1, 0), width - 1)

    for offset in picture.grid(window, cells // 2) or []:
        line[at(offset) if offset != window.start else 0] = "^"
    start = at(min(picture.stack_end, window.stop))
    end = max(at(min(picture.stack_end + picture.padding, window.stop)), start + 1)
    if end < width:
        line[start : end + 1] = ["[", *"=" * (end - start - 1), "]"]
    told = f" {amount(picture.padding)} "
    # Behind the bracket, or before it where there is no room behind.
    for place in (end + 1, start - len(told)):
        room = line[place : place + len(told)]
        if place > 0 and place + len(told) <= width and all(each == " " for each in room):
            line[place : place + len(told)] = told
            break
    return "".join(line).rstrip()


def _frames(picture: Picture, width: int) -> Iterator[str]:
    """What is set aside, and below it what the builder took: a digit is a table's level."""
    window = picture.frames
    pages = -(-len_of(window) // PAGE_SIZE)
    cells = min(pages, width - _LANE)
    scale = "a character for a page" if pages == cells else _step(window, cells)
    yield f"Its frames, from {picture.address(window.start):#x}, {scale}:"
    yield f"{'set aside':<{_LANE}}{_filled(picture.pieces, window, cells)}"
    if picture.runs:
        yield f"{'taken':<{_LANE}}{_taken(picture, window, cells)}".rstrip()


def _taken(picture: Picture, window: range, cells: int) -> str:
    found = []
    for low, high in _cells(window, cells):
        best, most = " ", 0
        for run in picture.runs:
            start = picture.tables_at + run.first * PAGE_SIZE
            shared = min(start + run.count * PAGE_SIZE, high) - max(start, low)
            mark = _WRONG.get(run.state, run.level[1:])
            # What is wrong is seen, however little it is.
            weight = shared if mark.isdigit() else shared + PAGE_SIZE * cells if shared > 0 else 0
            if weight > most and (shared * 2 > high - low or not mark.isdigit() or best == " "):
                best, most = mark, weight
        found.append(best)
    return "".join(found)


def _tables(picture: Picture) -> Iterator[str]:
    """The tables of each level by their frames, and what is left over or stray."""
    report = picture.report
    if report is None or report.misaligned:
        yield from picture.says
        return
    for row in picture.rows:
        yield f"{row.level.name}: {_numbers([each.frame for each in row.tables])}"
    for state in _WRONG:
        frames = [run.first + each for run in picture.runs if run.state == state for each in range(run.count)]
        if frames:
            yield f"{state.upper()}: {_numbers(frames)}"


def _numbers(frames: Iterable[int]) -> str:
    """Frames in ranges, and how many they are."""
    found = sorted(frames)
    ranges: list[list[int]] = []
    for each in found:
        if ranges and ranges[-1][1] + 1 == each:
            ranges[-1][1] = each
        else:
            ranges.append([each, each])
    shown = [str(low) if low == high else f"{low}-{high}" for low, high in ranges]
    if len(shown) > _MOST_RANGES:
        shown = [*shown[: _MOST_RANGES - 1], "...", shown[-1]]
    title = "frame" if len(found) == 1 else f"{len(found)} frames"
    return f"{title} {', '.join(shown)}"


def _legend(picture: Picture, width: int) -> Iterator[str]:
    """What the letters mean: of those that there are."""
    names = dict.fromkeys((each.name, each.title) for each in picture.pieces)
    told = [f"{_LETTERS[name]} {title}" for name, title in names]
    states = {run.state for run in picture.runs}
    told += [f"{mark} {state}" for state, mark in _WRONG.items() if state in states]
    told += ["% not RAM on the host"] if picture.host else []
    if picture.grid(picture.tail, (width - 2) // 2):
        told.append(f"^ a {amount(picture.rounding)} line")
    line = ""
    for each in told:
        if line and len(line) + len(each) + 3 > width:
            yield line
            line = ""
        line = f"{line}   {each}" if line else each
    yield line
