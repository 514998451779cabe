"""What was found in a tree of sources, as text, as plain data for JSON, and as SARIF for code hosts.

The schema of the JSON is ``ptproof-tree/1``. Facts: SARIF 2.1.0, OASIS standard, for what a result is made of.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from ..c.values import Unknown
from ..edge.exit_status import Status
from ..layouts.paging import COMPAT, X86_64, PagingMode
from ..logic.verdict import Refuted
from ..source.check_tree import Answer, TreeCheck
from ..source.dom0_source import Dom0Source
from ..source.domu_source import PLACES
from ..source.second_reader import Compared
from .proof_report import counted, in_one_line

SCHEMA: Final = "ptproof-tree/1"
SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Status.AS_EXPECTED: "none", Status.DIFFERS: "error"}


def lines(found: TreeCheck, *, quiet: bool = False) -> Iterator[str]:
    """What was found where, what it is equal to, and what is proved or refuted of what differs."""
    if not quiet:
        yield from _found(found)
    elif found.second.differs:
        yield _second(found.second)
    for mode in found.modes:
        yield from _of_mode(found, mode)
    assumed = {
        (each.name, each.meaning): None
        for answer in found.properties
        if answer.proved and answer.piece.name != "least" and not isinstance(answer.piece.asked, Unknown)
        for each in answer.piece.asked.lemma.statement.assumptions
    }
    for answer in found.beside:
        if answer.proved:
            assumed |= dict.fromkeys(answer.piece.assumes.items())
    for name, meaning in assumed:
        yield f"assumed   {name}: {meaning}"
    yield summary(found)


def _found(found: TreeCheck) -> Iterator[str]:
    """What was found where, and how it was read."""
    source = found.source
    yield f"{found.title}: {source.function}(), from {source.first} to line {source.last.rpartition(':')[2]}"
    if source.loop is not None:
        yield f"the count: the loop at {source.loop.where}, to line {source.loop.last.rpartition(':')[2]}"
    for each in source.notes:
        yield f"taken for granted: {each}"
    if found.loader:
        yield "GRUB's loader for Xen: nothing else is asked of GRUB"
        return
    assert isinstance(source, Dom0Source)
    if not found.builder:
        yield f"nothing else is asked: {source.function}() maps no page"
    if found.toolstack is None:
        yield f"the toolstack's builder wasn't found: there is no {' and no '.join(PLACES)}"
    yield _second(found.second)
    for where, name in source.later:
        yield f"not part of the layout: {where} sets {name} after the guest was told"


def _second(second: Compared) -> str:
    """What the compiler makes of the same statements."""
    if second.differs:
        return f"READERS DISAGREE: {second.differs}"
    if second.why:
        return f"not read a second time by a compiler: {second.why}"
    return f"as compiled by gcc: the same on {second.layouts} layouts"


def _of_mode(found: TreeCheck, mode: PagingMode) -> Iterator[str]:
    properties = found.of(found.properties, mode)
    for title, answers, equal in (
        ("count", found.of(found.count, mode), found.count_is(mode)),
        ("layout", found.of(found.layout, mode), found.layout_is(mode)),
    ):
        if equal is not None:
            yield f"equal     {mode.title}: the {title} is that of {equal}, {counted(len(answers), 'piece')} proved"
            continue
        for each in answers:
            if not each.proved:
                yield f"{_differs(each):<10}{mode.title}: {title}: {described(each)}"
    for each in properties:
        yield f"{_word(each):<10}{mode.title}: {described(each)}"
    toolstack = found.of(found.toolstack or (), mode)
    path = toolstack[0].piece.where.rpartition(":")[0] if toolstack else ""
    for title, answers in (
        ("what the builder does beside", found.of(found.builder, mode)),
        (f"libxenguest's count in {path}", toolstack),
        ("GRUB's count", found.loader),
    ):
        equal_ones = [each.piece for each in answers if each.proved]
        if equal_ones:
            names = ", ".join(f"{each.name} ({each.where.rpartition(':')[2]})" for each in equal_ones)
            yield f"equal     {mode.title}: {title}, {counted(len(equal_ones), 'piece')} proved: {names}"
        for each in answers:
            if not each.proved:
                yield f"{_differs(each):<10}{mode.title}: {described(each)}"


def _differs(answer: Answer) -> str:
    return "differs" if answer.refuted else _word(answer)


def _word(answer: Answer) -> str:
    if answer.proved:
        return "proved"
    if answer.refuted:
        return "REFUTED"
    return "ERROR" if answer.status is Status.FAILED else "UNKNOWN"


def described(answer: Answer) -> str:
    """The piece, where it stands, and what speaks against it."""
    piece = answer.piece
    says = f"{piece.name} ({piece.where}): {piece.says}"
    if answer.decision is not None and isinstance(answer.decision.verdict, Refuted):
        return f"{says}; not at {in_one_line(answer.decision.verdict.witness)}"
    return f"{says}; {answer.why}" if answer.why else says


def summary(found: TreeCheck) -> str:
    """What may be relied on, in a line; also what the status is for, if it isn't 0."""
    if found.second.differs:
        return "nothing above may be relied on: the readers disagree, which is a fault of ptproof"
    equal = [found.count_is(mode) for mode in found.modes] + [found.layout_is(mode) for mode in found.modes]
    if found.loader or all(each is not None for each in equal):
        other = [
            f"{counted(unproved, 'piece')} of {title}"
            for title, answers in (
                ("what the builder does beside", found.builder),
                ("libxenguest's count", found.toolstack or ()),
                ("GRUB's count", found.loader),
            )
            if (unproved := sum(not each.proved for each in answers))
        ]
        beside = f", but for {' and '.join(other)}" if other else ""
        return f"everything proved about these pieces holds for this tree{beside}"
    refuted = sum(each.refuted for each in found.properties)
    open_ = sum(not each.proved and not each.refuted for each in found.properties)
    proved = sum(each.proved for each in found.properties)
    if found.properties:
        unproved = _unproved_beside_the_count(found)
        rest = f"; nothing is proved of {counted(unproved, 'other piece')}" if unproved else ""
        return f"properties of the count that differs: {proved} proved, {refuted} refuted, {open_} open{rest}"
    return "nothing is proved about code that isn't understood, or differs"


def _unproved_beside_the_count(found: TreeCheck) -> int:
    """Of how many pieces that are no property of the count nothing is proved."""
    unproved = sum(not each.proved for each in (*found.layout, *found.beside))
    for mode in found.modes:
        unproved += found.count_is(mode) is None and not found.of(found.properties, mode)
        unproved += not found.of(found.layout, mode)
    return unproved


def unlike(found: TreeCheck) -> tuple[list[str], Status]:
    """In what a tree isn't what is encoded of today's Xen, and the status that says so; nothing where it is all of it."""
    why = [f"READERS DISAGREE: {found.second.differs}"] if found.second.differs else []
    why += ["it is a tree of GRUB's"] if found.loader else []
    for mode in found.modes:
        for title, answers, equal in (
            ("count", found.of(found.count, mode), found.count_is(mode)),
            ("layout", found.of(found.layout, mode), found.layout_is(mode)),
        ):
            if equal is None:
                why += [f"{mode.title}: {title}: {described(each)}" for each in answers if not each.proved]
            elif not all(each.piece.today for each in answers):
                why.append(f"{mode.title}: the {title} is that of {equal}, not today's")
    why += [f"{each.piece.mode.title}: {described(each)}" for each in found.beside if not each.proved]
    return why, max(found.status, Status.DIFFERS)


def row(title: str, found: TreeCheck) -> str:
    """A revision's line in a sweep."""
    if found.loader:
        proved = sum(each.proved for each in found.loader)
        return (
            f"{int(found.status):<3}{title:<22}GRUB: {proved} of {counted(len(found.loader), 'piece')} proved"
        )
    parts = [
        f"{mode.name}: count {found.count_is(mode) or _short(found, mode)}, layout {found.layout_is(mode) or 'differs'}"
        for mode in found.modes
    ]
    return f"{int(found.status):<3}{title:<22}{'; '.join(parts)}"


def _short(found: TreeCheck, mode: PagingMode) -> str:
    words = [_word(each) for each in found.of(found.properties, mode)]
    counts = ", ".join(f"{words.count(each)} {each}" for each in dict.fromkeys(words))
    return f"differs ({counts})" if counts else "not understood"


def as_dict(found: Sequence[tuple[str | None, TreeCheck]], errors: Iterable[str] = ()) -> dict[str, Any]:
    """What was found, by revision, as plain data."""
    return {
        "schema": SCHEMA,
        "trees": [
            {
                "tree": each.title,
                "revision": revision,
                "status": int(each.status),
                "file": each.source.path,
                "function": each.source.function,
                "from": each.source.first,
                "to": each.source.last,
                "loop": None if each.source.loop is None else each.source.loop.where,
                "taken_for_granted": list(each.source.notes),
                "compiled": {
                    "layouts": each.second.layouts,
                    "why_not": each.second.why or None,
                    "differs": each.second.differs or None,
                },
                "count": {mode.name: each.count_is(mode) for mode in (X86_64, COMPAT)},
                "layout": {mode.name: each.layout_is(mode) for mode in (X86_64, COMPAT)},
                "pieces": [
                    _piece(answer, kind)
                    for kind, answers in (
                        ("count", each.count),
                        ("layout", each.layout),
                        ("property", each.properties),
                        ("builder", each.builder),
                        ("toolstack", each.toolstack or ()),
                        ("loader", each.loader),
                    )
                    for answer in answers
                ],
            }
            for revision, each in found
        ],
        "errors": list(errors),
    }


def _piece(answer: Answer, kind: str) -> dict[str, Any]:
    piece, verdict = answer.piece, None if answer.decision is None else answer.decision.verdict
    understood = not isinstance(piece.asked, Unknown)
    return {
        "kind": kind,
        "name": piece.name,
        "mode": piece.mode.name,
        "where": piece.where,
        "says": piece.says,
        "encoding": piece.same_as or None,
        "verdict": type(verdict).__name__.lower() if understood else "not understood",
        "why": answer.why or None,
        "assumes": dict(piece.assumes),
        "values": {name: hex(value) for name, value in verdict.witness.case.items()}
        if isinstance(verdict, Refuted)
        else None,
        "machine": verdict.witness.replay.seen if isinstance(verdict, Refuted) else None,
    }


def as_sarif(found: Sequence[TreeCheck]) -> dict[str, Any]:
    """What is refuted, open or not understood, at its line; what is proved isn't in it."""
    told = [
        answer
        for each in found
        for answers, matter in (
            (each.properties, True),
            (each.count, not each.properties),
            (each.layout, True),
            (each.beside, True),
        )
        if matter
        for answer in answers
        if not answer.proved
    ]
    rules = sorted({each.piece.name for each in told})
    return {
        "$schema": SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "ptproof", "rules": [{"id": each} for each in rules]}},
                "results": [
                    {
                        "ruleId": each.piece.name,
                        "level": _LEVELS.get(each.status, "warning"),
                        "message": {"text": f"{each.piece.mode.title}: {described(each)}"},
                        "locations": [_location(each.piece.where)],
                    }
                    for each in told
                ],
            }
        ],
    }


def _location(where: str) -> dict[str, Any]:
    path, _, line = where.rpartition(":")
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": path},
            "region": {"startLine": int(line) if line.isdigit() else 1},
        }
    }
