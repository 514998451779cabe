"""Layouts as JSON files, so that one command's layout can be another's input.

The schema, ``ptproof-layout/1``, is one object with these keys and no others:

- ``schema``: ``"ptproof-layout/1"``;
- ``mode``: the name of a paging mode, ``"64"``, ``"compat"``, ``"2-level"`` or ``"5-level"``;
- ``page_tables`` and ``total``, and where they are known ``kernel``, ``initrd``, ``p2m``, ``start_info``,
  ``xenstore``, ``console`` and ``boot_stack``: the segments of `Layout`, each ``[start, end]``. An end of 0
  stands for 2**64. A segment that is absent, or unknown, is ``null`` or left out;
- ``entry``: the kernel's entry address; ``null`` or left out when it isn't known;
- ``what_if``, only where the layout isn't Xen's: an object of ``rounding`` and ``padding`` in bytes and ``start`` in frames,
  ``null`` for what is as in Xen.

An address is a text such as ``"0xffffffff80000000"``; a plain JSON number is read, too, but not written,
since many programs hold numbers as floats. A later schema has another number; this one stays readable.
"""

import json
from typing import Any, Final, NoReturn

from attrs import field, frozen
from attrs.validators import instance_of, optional

from ..edge.errors import InputError
from .arrangement import LABELS
from .layout import ADDRESS_LIMIT, Layout, Segment
from .paging import PAGE_SIZE, PAGING_MODES
from .what_if import WhatIf

SCHEMA: Final = "ptproof-layout/1"
LIMIT: Final = 1 << 20
"""No layout takes as many bytes as this."""

_EXPECTED: Final = "expected a layout as 'ptproof layout --json -' writes it"
_MOST_DIGITS: Final = 1000
_REQUIRED: Final = ("schema", "mode", "page_tables", "total")
_KEYS: Final = ("schema", "mode", *LABELS, "entry", "what_if")
_WHAT_IF: Final = {"rounding": "rounding", "padding": "padding", "start": "first_tried"}


@frozen
class LayoutFile:
    """What such a file holds: a layout, and the kernel's entry address if it is known."""

    layout: Layout = field(validator=instance_of(Layout))
    entry: int | None = field(default=None, validator=optional(instance_of(int)))


def as_dict(layout: Layout, entry: int | None = None) -> dict[str, Any]:
    """The layout as plain data for JSON."""
    segments: dict[str, Segment | None] = {name: getattr(layout, name) for name in LABELS}
    asked = layout.what_if
    return {
        "schema": SCHEMA,
        "mode": layout.mode.name,
        **{
            name: None if each is None else [hex(each.start), hex(each.end)]
            for name, each in segments.items()
        },
        "entry": None if entry is None else hex(entry),
        **(
            {}
            if asked is None
            else {"what_if": {key: getattr(asked, name) for key, name in _WHAT_IF.items()}}
        ),
    }


def read_layout(data: bytes | str, source: str) -> LayoutFile:
    """The layout in ``data``; ``source`` names it in messages.

    Raises `InputError`, naming the field, for anything that isn't such a layout.
    """
    return layout_of(parsed(data, source), source)


def layout_of(plain: object, source: str) -> LayoutFile:
    """The layout in a JSON value. Raises `InputError` as `read_layout` does."""
    if not isinstance(plain, dict):
        raise InputError(f"{source}: expected a JSON object, found {_kind(plain)}")
    if plain.get("schema") != SCHEMA:
        raise InputError(f"{source}: schema: expected {SCHEMA!r}, found {_kind(plain.get('schema'))}")
    for key in plain:
        if key not in _KEYS:
            raise InputError(f"{source}: {_kind(key)}: expected one of {', '.join(_KEYS)}")
    for key in _REQUIRED:
        if plain.get(key) is None:
            raise InputError(f"{source}: {key}: expected a value, found none")
    name = plain["mode"]
    mode = PAGING_MODES.get(name) if isinstance(name, str) else None
    if mode is None:
        names = ", ".join(map(repr, PAGING_MODES))
        raise InputError(f"{source}: mode: expected one of {names}, found {_kind(plain['mode'])}")
    segments = {name: _segment(plain.get(name), f"{source}: {name}") for name in LABELS}
    tables = segments["page_tables"]
    if tables is not None and tables.size % PAGE_SIZE:
        raise InputError(f"{source}: page_tables: expected whole pages, found {tables.size:#x} bytes")
    entry = plain.get("entry")
    return LayoutFile(
        Layout(mode=mode, what_if=_what_if(plain.get("what_if"), f"{source}: what_if"), **segments),  # type: ignore[arg-type]
        None if entry is None else _address(entry, f"{source}: entry"),
    )


def _what_if(value: object, where: str) -> WhatIf | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != set(_WHAT_IF):
        raise InputError(f"{where}: expected an object of {', '.join(_WHAT_IF)}, found {_kind(value)}")
    try:
        return WhatIf(**{name: value[key] for key, name in _WHAT_IF.items()})
    except (TypeError, ValueError):
        figures = ", ".join(_kind(value[key]) for key in _WHAT_IF)
        raise InputError(
            f"{where}: expected a power of two of bytes, bytes and frames, found {figures}"
        ) from None


def parsed(data: bytes | str, source: str) -> object:
    """The JSON value, with no key twice and no number that isn't one. Raises `InputError`."""
    if not data.strip():
        raise InputError(f"{source}: {_EXPECTED}, found nothing")
    try:
        return json.loads(
            data,
            object_pairs_hook=_without_doubles,
            parse_constant=_no_constant,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{source}: {where}: {_EXPECTED}, found what is no JSON") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: {_EXPECTED}, found bytes that are no text in UTF-8") from error
    except RecursionError as error:
        raise InputError(f"{source}: {_EXPECTED}, found lists or objects nested too deep") from error
    except ValueError as error:  # by the functions below
        raise InputError(f"{source}: expected JSON: {error}") from error


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        double = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {double!r} appears twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    """The number; one that Python doesn't read is refused in words of ours."""
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits, more than {_MOST_DIGITS}")
    return int(digits)


def _segment(value: object, where: str) -> Segment | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(f"{where}: expected [start, end], found {_kind(value)}")
    return Segment(_address(value[0], f"{where}: start"), _address(value[1], f"{where}: end"))


def _address(value: object, where: str) -> int:
    found = value
    if isinstance(value, str):
        try:
            found = int(value, 16) if value[:2] in ("0x", "0X") and value.isalnum() else None
        except ValueError:
            found = None
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < ADDRESS_LIMIT:
        raise InputError(f"{where}: expected a 64-bit address such as '0x1000', found {_kind(value)}")
    return found


def _kind(value: object) -> str:
    """A JSON value in a few words."""
    match value:
        case None:
            return "none"
        case dict():
            return "an object"
        case list():
            return f"a list of {len(value)}"
        case str() if len(value) > 40:
            return f"{value[:37] + '...'!r}"
        case _:
            return repr(value)
