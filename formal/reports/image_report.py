"""An image's facts as text and as plain data for JSON, each with where it came from.

The schema, ``ptproof-image/1``, is one object: ``schema``; ``file``; ``container``, in words; ``remarks``, what is odd
about it, in sentences; ``elf_size`` in bytes; ``notes_in``, one of ``PT_NOTE``, ``SHT_NOTE`` and ``__xen_guest``;
``segments``, ``notes`` and ``facts``. An address or size is a text such as ``"0xffffffff80000000"``, since many
programs hold numbers as floats; what an image does not give is ``null``. Each of ``facts`` is an object of ``value``
and ``source``. ``not_for_dom0`` and ``not_for_domu`` say why the image isn't for one, if it isn't; ``warnings`` what
Xen doesn't load right.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from ..edge.outside import one_line
from ..images.image import Fact, Image, ProgramHeader
from ..images.image_notes import Note, XenNote
from ..layouts.layout import Segment
from ..layouts.paging import PagingMode

SCHEMA: Final = "ptproof-image/1"

FACTS: Final = (
    "mode",
    "pstart",
    "pend",
    "symbols",
    "virt_base",
    "paddr_offset",
    "virt_offset",
    "virt_kstart",
    "virt_kend",
    "virt_entry",
    "p2m_base",
    "unmapped_initrd",
    "hv_start_low",
    "hypercall_page",
)
"""The facts of an `Image`, in the order in which they are shown."""

_ADDED_UP: Final = {Note.PAE_MODE, Note.BSD_SYMTAB, Note.FEATURES, Note.SUPPORTED_FEATURES}
"""Notes that a later one does not override."""

_ACCESS: Final = ((4, "R"), (2, "W"), (1, "X"))


def as_dict(image: Image) -> dict[str, Any]:
    """The facts as plain data for JSON."""
    return {
        "schema": SCHEMA,
        "file": image.source,
        "container": image.container,
        "remarks": list(image.remarks),
        "elf_size": hex(image.size),
        "notes_in": image.origin.value,
        "segments": [_segment(each) for each in image.segments],
        "notes": [
            {
                "name": note.name,
                "value": hex(note.value) if isinstance(note.value, int) else note.value,
                "place": note.place,
                "overridden": overridden,
            }
            for note, overridden in _with_overridden(image.notes)
        ],
        "facts": {name: _fact(getattr(image, name)) for name in FACTS},
        "warnings": list(image.warnings),
        "not_for_dom0": image.not_for_dom0,
        "not_for_domu": image.not_for_domu,
    }


def report(image: Image, width: int | None = None) -> str:
    """The facts as text, one a line; tables stand closer where else they wouldn't fit into the ``width``."""
    return "".join(f"{each}\n" for each in _lines(image, width))


def _lines(image: Image, width: int | None) -> Iterator[str]:
    segments = [
        (
            str(each.index),
            each.kind,
            hex(each.offset),
            hex(each.file_size),
            hex(each.vaddr),
            hex(each.paddr),
            hex(each.memory_size),
            _access(each.flags) or "-",
            "" if each.loaded else "not loaded",
        )
        for each in image.segments
    ]
    notes = [
        (one_line(note.name), _shown(note.value), note.place + (", overridden" if overridden else ""))
        for note, overridden in _with_overridden(image.notes)
    ]
    facts = [(name, _shown(fact.value), fact.source) for name in FACTS for fact in (getattr(image, name),)]
    heading = ("", "type", "offset", "file size", "p_vaddr", "p_paddr", "memory size", "access", "")
    yield f"file:      {one_line(image.source)}"
    yield f"container: {image.container}"
    yield f"ELF size:  {image.size} bytes"
    yield from (f"warning:   {one_line(each)}" for each in image.remarks)
    yield from ("", "segments:", *_columns([heading, *segments], width))
    yield from ("", f"notes, in {image.origin.value}:", *_columns(notes, width))
    yield from ("", "what Xen computes:", *_columns(facts, width))
    yield from _unfit(image)


def _unfit(image: Image) -> Iterator[str]:
    """What Xen doesn't load right, and what the image isn't for, and why."""
    reasons = (("dom0", image.not_for_dom0), ("domU", image.not_for_domu))
    lines = [f"warning: {one_line(each)}" for each in image.warnings]
    lines += [f"not for {what}, because {one_line(why)}" for what, why in reasons if why is not None]
    if lines:
        yield from ("", *lines)


def _segment(header: ProgramHeader) -> dict[str, Any]:
    numbers = ("offset", "file_size", "vaddr", "paddr", "memory_size", "align")
    return {
        "type": header.kind,
        **{name: hex(getattr(header, name)) for name in numbers},
        "flags": hex(header.flags),
        "loaded": header.loaded,
    }


def _fact(fact: Fact[object]) -> dict[str, Any]:
    match fact.value:
        case bool() | None:
            value: Any = fact.value
        case int():
            value = hex(fact.value)
        case Segment(start=start, end=end):
            value = [hex(start), hex(end)]
        case PagingMode(name=name):
            value = name
        case _:
            raise TypeError(fact.value)
    return {"value": value, "source": fact.source}


def _shown(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return hex(value)
        case None:
            return "-"
        case Segment(start=start, end=end):
            return f"{start:#x}->{end:#x}"
        case PagingMode(title=title):
            return title
    return repr(value)


def _with_overridden(notes: Sequence[XenNote]) -> Iterable[tuple[XenNote, bool]]:
    """Each note, and whether a later one of its kind counts instead."""
    last = {each.kind: each for each in notes if each.value is not None}
    for each in notes:
        yield each, each.kind not in (None, *_ADDED_UP) and last.get(each.kind, each) is not each


def _access(flags: int) -> str:
    return "".join(letter for bit, letter in _ACCESS if flags & bit)


def _columns(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """The rows as lines, every column as wide as its longest entry, up to a sensible width."""
    for most, gap in ((40, "  "), (40, " "), (20, "  "), (20, " ")):
        widths = [min(most, max(map(len, column))) for column in zip(*rows, strict=True)]
        if width is None or 2 + sum(widths) + len(gap) * (len(widths) - 1) <= width:
            break
    for row in rows:
        yield f"  {gap.join(text.ljust(each) for text, each in zip(row, widths, strict=True))}".rstrip()
