"""What refutes a claim as JSON: every part's values and layouts, for programs and for ``ptproof replay``.

The schema is ``ptproof-counterexample/1``. Values of words and addresses are hexadecimal text there.
"""

from collections.abc import Iterable
from typing import Any, Final

from ..edge.errors import InputError
from ..layouts.layout_json import LayoutFile, as_dict, layout_of, parsed
from ..logic.claim import Claim, Part
from ..logic.verdict import Witness
from .proof_report import claim_as_dict

SCHEMA: Final = "ptproof-counterexample/1"
LIMIT: Final = 1 << 22
"""No file that is read here takes as many bytes as this."""


def counterexample_as_dict(claim: Claim, refuted: Iterable[tuple[Part, Witness]]) -> dict[str, Any]:
    """What refutes a claim, part by part, as plain data."""
    return {
        "schema": SCHEMA,
        "claim": claim_as_dict(claim),
        "parts": [
            {
                "name": part.name,
                "states": part.lemma.meaning,
                "values": {name: hex(value) for name, value in witness.values.items()},
                "unique": witness.unique,
                "says": witness.replay.says,
                "runs": [
                    {"title": title, "layout": as_dict(layout), "saw": report.sentences()}
                    for title, layout, report in witness.replay.runs
                ],
            }
            for part, witness in refuted
        ],
    }


def read_layouts(data: bytes | str, source: str) -> tuple[tuple[str, LayoutFile], ...]:
    """The layouts in ``data``, each with a title: a layout's own, without one, or all of a counterexample's.

    Raises `InputError`, naming the field, for anything that is neither.
    """
    plain = parsed(data, source)
    if not (isinstance(plain, dict) and plain.get("schema") == SCHEMA):
        return (("", layout_of(plain, source)),)
    found: list[tuple[str, LayoutFile]] = []
    for index, part in enumerate(_list(plain, "parts", source)):
        where = f"{source}: parts[{index}]"
        for number, run in enumerate(_list(part, "runs", where)):
            inside = f"{where}.runs[{number}]"
            title = f"{_text(part, 'name', where)}, {_text(run, 'title', inside)}"
            found.append((title, layout_of(run.get("layout"), f"{inside}.layout")))
    if not found:
        raise InputError(f"{source}: parts: expected a layout in at least one, found none")
    return tuple(found)


def _list(plain: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    found = plain.get(key)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InputError(f"{where}: {key}: expected a list of objects")
    return found


def _text(plain: dict[str, Any], key: str, where: str) -> str:
    found = plain.get(key)
    if not isinstance(found, str):
        raise InputError(f"{where}: {key}: expected a text")
    return found
