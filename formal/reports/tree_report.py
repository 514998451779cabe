"""What was found in a tree of sources, as text, as plain data for JSON, as SARIF for code hosts, and as JUnit's XML.

The schema of the JSON is ``ptproof-tree/1``. Facts: SARIF 2.1.0, OASIS standard, for what a result is made of.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement

from ..c.values import Unknown
from ..edge.exit_status import Status
from ..edge.outside import one_line
from ..layouts.notation import number
from ..layouts.paging import COMPAT, X86_64, PagingMode
from ..logic.verdict import Refuted
from ..source.check_tree import Answer, TreeCheck
from ..source.compiled_units import Compared
from ..source.dom0_source import Dom0Source
from ..source.domu_source import PLACES
from ..source.second_reader import SecondReading
from .junit import as_file, totals
from .proof_report import counted, in_one_line

SCHEMA: Final = "ptproof-tree/1"
SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_VALUES: Final = 6
"""How many values of a case are shown on a terminal."""
_TOLD: Final = ("v_start", "vpt_start", "n")
"""What of a case is told even where it is 0."""
_LAID_OUT: Final = ("count", "layout", "property")
"""The kinds of pieces that the layout's statements are read for."""
_LEVELS: Final = {Status.AS_EXPECTED: "none", Status.DIFFERS: "error"}


def lines(found: TreeCheck, *, quiet: bool = False, brief: bool = False) -> Iterator[str]:
    """The answer, what keeps it from being yes, what is equal or proved; then what was read where, and what is assumed.

    ``brief`` is for a terminal: what is equal in a line for each sort of guest, and assumptions by their names.
    """
    yield summary(found)
    if brief:
        yield ""
    if found.second.differs:
        yield f"READERS DISAGREE: {found.second.differs}"
    yield from _problems(found, brief=brief)
    for mode in found.modes:
        yield from _in_short(found, mode) if brief else _of_mode(found, mode)
    if not quiet:
        yield from [""] if brief else []
        yield from _read(found, brief=brief)
    assumed = _assumed(found)
    if brief and assumed:
        yield f"assumed   {', '.join(assumed)}; -v says what that is"
    for name, meaning in {} if brief else assumed.items():
        yield f"assumed   {name}: {meaning}"


def _assumed(found: TreeCheck) -> dict[str, str]:
    """What is assumed of all that is proved."""
    assumed = {
        each.name: each.meaning
        for answer in found.properties
        if answer.proved and answer.piece.name != "least" and not isinstance(answer.piece.asked, Unknown)
        for each in answer.piece.asked.lemma.statement.assumptions
    }
    for answer in found.beside:
        assumed |= answer.piece.assumes if answer.proved else {}
    return assumed


def _read(found: TreeCheck, *, brief: bool) -> Iterator[str]:
    """What was found where, and how it was read."""
    source = found.source
    yield f"{found.title}: {source.function}(), from {source.first} to line {source.last.rpartition(':')[2]}"
    if source.loop is not None:
        yield f"the count: the loop at {source.loop.where}, to line {source.loop.last.rpartition(':')[2]}"
    for each in source.notes:
        yield f"taken for granted: {each.partition(':')[0] if brief else each}"
    if not found.second.differs:
        yield from _second(found)
    if not isinstance(source, Dom0Source):
        return
    if not found.builder:
        yield f"nothing else is asked: {source.function}() maps no page"
    if found.toolstack is None:
        yield f"the toolstack's builder wasn't found: there is no {' and no '.join(PLACES)}"
    for where, name in source.later:
        yield f"not part of the layout: {where} sets {name} after the guest was told"


def _second(found: TreeCheck) -> Iterator[str]:
    """What the compiler makes of the same statements, and which it wasn't given."""
    layout, cases = found.second.layout, list[int]()
    not_read: dict[str, dict[str, None]] = {}
    if layout.why and not found.loader:
        not_read[layout.why] = {"layout and count": None}
    for each in found.beside:
        if isinstance(each.piece.asked, Unknown):
            continue
        came = found.second.of(each.piece.reads)
        if came.why:
            not_read.setdefault(came.why, {})[each.piece.name] = None
        else:
            cases.append(came.layouts)
    said = [] if layout.why else [f"on {layout.layouts} layouts"]
    said += (
        [f"on {min(cases)} cases at least of each of {counted(len(cases), 'other piece')}"] if cases else []
    )
    if said:
        yield f"as compiled by gcc: the same {', and '.join(said)}"
    for why, names in not_read.items():
        yield f"not read a second time by a compiler: {', '.join(names)}: {why}"


def _problems(found: TreeCheck, *, brief: bool) -> Iterator[str]:
    """What is refuted, then what is open, then what differs: what is said alike once, what stands on one line together."""
    told: dict[tuple[str, str], dict[str, list[tuple[str, Answer]]]] = {}
    for kind, answers in (
        ("", found.properties),
        ("count", found.count),
        ("layout", found.layout),
        ("", found.beside),
    ):
        for each in answers:
            if not each.proved:
                word = "differs" if each.refuted and answers is not found.properties else _word(each)
                told.setdefault((word, each.piece.where), {}).setdefault(
                    _against(each, brief=brief), []
                ).append((kind, each))
    for word in _LOUDEST_FIRST:
        for (theirs, where), alike in told.items():
            if theirs == word and brief and len(alike) > 1:
                yield f"{word:<10}{where}"
                for against, those in alike.items():
                    yield f"{'':<10}{_named(those)}: {against}"
            elif theirs == word:
                for against, those in alike.items():
                    yield f"{word:<10}{_named(those, where)}: {against}"


_LOUDEST_FIRST: Final = ("ERROR", "REFUTED", "UNKNOWN", "differs")


def _named(those: Sequence[tuple[str, Answer]], where: str = "") -> str:
    """The pieces that something is said of: 64-bit: count: start, step (file:line)."""
    modes = dict.fromkeys(each.piece.mode.title for _, each in those)
    names: dict[str, dict[str, None]] = {}
    for kind, each in those:
        names.setdefault(kind, {})[each.piece.name] = None
    pieces = "; ".join(
        f"{kind}: {', '.join(those)}" if kind else ", ".join(those) for kind, those in names.items()
    )
    return f"{', '.join(modes)}: {pieces}" + (f" ({where})" if where else "")


def _against(answer: Answer, *, brief: bool) -> str:
    """What speaks against a piece: why it is open; or what it says, and the numbers that refute it."""
    asked = answer.piece.asked
    if isinstance(asked, Unknown):
        return str(asked).removeprefix(f"{answer.piece.where}: ")
    if not answer.refuted:
        return f"{answer.piece.says}; {answer.why}"
    assert answer.decision is not None
    assert isinstance(answer.decision.verdict, Refuted)
    witness = answer.decision.verdict.witness
    values = [f"{name} = {number(value)}" for name, value in witness.case.items() if value or name in _TOLD]
    shown = values[:MOST_VALUES] if brief else values
    more = ", …" if len(shown) < len(values) else ""
    return f"{answer.piece.says}; not at {', '.join(shown) or 'zeros'}{more}: {witness.replay.seen}"


def _in_short(found: TreeCheck, mode: PagingMode) -> Iterator[str]:
    """What is proved for one sort of guest, in a line or two."""
    count, layout = found.count_is(mode), found.layout_is(mode)
    others = sum(each.proved for each in found.of(found.beside, mode))
    equal = [f"count ({count})"] if count is not None else []
    equal += [f"layout ({layout})"] if layout is not None else []
    equal += [counted(others, "other piece" if equal else "piece")] if others else []
    if equal:
        yield f"equal     {mode.title}: {', '.join(equal)}"
    for each in found.of(found.beside, mode):
        if each.proved and not each.piece.today:
            yield f"older     {mode.title}: {each.piece.name}: {each.piece.says}"
    proved = [each.piece.name for each in found.of(found.properties, mode) if each.proved]
    if proved:
        yield f"proved    {mode.title}: {', '.join(proved)}"


def _of_mode(found: TreeCheck, mode: PagingMode) -> Iterator[str]:
    """What is proved for one sort of guest, with where it stands."""
    for title, answers, equal in (
        ("count", found.of(found.count, mode), found.count_is(mode)),
        ("layout", found.of(found.layout, mode), found.layout_is(mode)),
    ):
        if equal is not None:
            yield f"equal     {mode.title}: the {title} is that of {equal}, {counted(len(answers), 'piece')} proved"
    for each in found.of(found.properties, mode):
        if each.proved:
            yield f"proved    {mode.title}: {described(each)}"
    for title, answers in (
        ("what the builder does beside", found.builder),
        ("libxenguest's count", found.toolstack or ()),
        ("GRUB's count", found.loader),
    ):
        equal_ones = [each.piece for each in found.of(answers, mode) if each.proved]
        if equal_ones:
            place = "" if answers is found.builder else f" in {equal_ones[0].where.rpartition(':')[0]}"
            names = ", ".join(f"{each.name} ({each.where.rpartition(':')[2]})" for each in equal_ones)
            yield f"equal     {mode.title}: {title}{place}, {counted(len(equal_ones), 'piece')} proved: {names}"
        for piece in equal_ones:
            if not piece.today:
                yield f"older     {mode.title}: {piece.name} ({piece.where}): {piece.says}"


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
    """Whether all theorems are true of the tree, in a line; also what the status is for, if it isn't 0."""
    if found.second.differs:
        return "no answer: the readers disagree, a fault of ptproof; nothing below may be relied on"
    equal = [found.count_is(mode) for mode in found.modes] + [found.layout_is(mode) for mode in found.modes]
    if found.loader or all(each is not None for each in equal):
        differs = sum(each.refuted for each in found.beside)
        open_ = sum(not each.proved for each in found.beside) - differs
        if not differs and not open_:
            return f"yes: everything proved about these pieces holds for this tree{_older(found)}"
        beside = []
        if differs:
            beside.append(f"{counted(differs, 'other piece')} {'differs' if differs == 1 else 'differ'}")
        if open_:
            beside.append(f"{counted(open_, 'other piece')} {'is' if open_ == 1 else 'are'} open")
        held = "the pieces that are equal" if found.loader else "count and layout"
        return f"not all: what is proved of {held} holds for this tree; {', '.join(beside)}"
    if not found.properties:
        return "not known: nothing is proved about code that isn't understood, or differs"
    refuted = sum(each.refuted for each in found.properties)
    proved = sum(each.proved for each in found.properties)
    open_ = len(found.properties) - proved - refuted
    unproved = _unproved_beside_the_count(found)
    rest = f"; nothing is proved of {counted(unproved, 'other piece')}" if unproved else ""
    answer = "no" if refuted else "not known" if open_ else "not all"
    counts = f"{proved} proved, {refuted} refuted, {open_} open"
    return f"{answer}: the count is no encoding's; its properties: {counts}{rest}"


def _older(found: TreeCheck) -> str:
    """Of how many pieces beside the count that is an older Xen's: what is proved of today's isn't known of them."""
    older = sum(not each.piece.today for each in found.beside)
    return f"; of {counted(older, 'piece')}, what is proved of an older Xen" if older else ""


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
    why += [
        f"{each.piece.mode.title}: {described(each)}"
        for each in found.beside
        if not each.proved or not each.piece.today
    ]
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
    for name, answers in (("builder", found.builder), ("libxenguest", found.toolstack or ())):
        if answers:
            proved, older = (
                sum(each.proved for each in answers),
                sum(not each.piece.today for each in answers),
            )
            of_older = f", {older} of them older" if older else ""
            parts.append(f"{name}: {proved} of {counted(len(answers), 'piece')}{of_older}")
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
                    "layouts": each.second.layout.layouts,
                    "why_not": each.second.layout.why or None,
                    "differs": each.second.differs or None,
                },
                "count": {mode.name: each.count_is(mode) for mode in (X86_64, COMPAT)},
                "layout": {mode.name: each.layout_is(mode) for mode in (X86_64, COMPAT)},
                "pieces": [
                    _piece(answer, kind, each.second) for kind, answers in each.by_kind for answer in answers
                ],
            }
            for revision, each in found
        ],
        "errors": list(errors),
    }


def _piece(answer: Answer, kind: str, second: SecondReading) -> dict[str, Any]:
    piece, verdict = answer.piece, None if answer.decision is None else answer.decision.verdict
    understood = not isinstance(piece.asked, Unknown)
    return {
        "kind": kind,
        "name": piece.name,
        "mode": piece.mode.name,
        "where": piece.where,
        "says": piece.says,
        "encoding": piece.same_as or None,
        "today": piece.today,
        "verdict": type(verdict).__name__.lower() if understood else "not understood",
        "why": answer.why or None,
        "assumes": dict(piece.assumes),
        "compiled": _compiled(second.layout if kind in _LAID_OUT else second.of(piece.reads)),
        "values": {name: hex(value) for name, value in verdict.witness.case.items()}
        if isinstance(verdict, Refuted)
        else None,
        "machine": verdict.witness.replay.seen if isinstance(verdict, Refuted) else None,
    }


def _compiled(came: Compared) -> dict[str, Any]:
    return {"cases": came.layouts, "why_not": came.why or None}


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


def tree_as_junit(found: Sequence[TreeCheck]) -> bytes:
    """What was decided of trees: a suite for each, and a case for each piece that matters.

    Refuted is a failure, open or not understood an error. Pieces that differ from the encoding are none as long as properties
    are decided in their place.
    """
    suites = [(each.title, list(_of_tree(each))) for each in found]
    every = [case for _, cases in suites for case in cases]
    root = Element("testsuites", {"name": "ptproof tree"} | totals([kind for _, _, kind, _ in every]))
    for title, cases in suites:
        suite = SubElement(
            root, "testsuite", {"name": one_line(title)} | totals([kind for _, _, kind, _ in cases])
        )
        for classname, name, kind, says in cases:
            case = SubElement(suite, "testcase", classname=one_line(classname), name=one_line(name))
            if kind:
                SubElement(case, kind, message=one_line(says))
    return as_file(root)


def _of_tree(found: TreeCheck) -> Iterator[tuple[str, str, str, str]]:
    """Class, name, sort of fault (none where it holds), and what is said, of each piece that matters."""
    for kind, answers in found.by_kind:
        for each in answers:
            instead = kind == "count" and found.of(found.properties, each.piece.mode)
            if each.proved or not instead:
                fault = "" if each.proved else "failure" if each.refuted else "error"
                classname = f"{each.piece.mode.name}.{kind}"
                yield classname, each.piece.name, fault, described(each)
    if found.second.differs:
        yield "compiler", "second reader", "error", found.second.differs
