"""All that a run of the prover prints, and the same kept for a later run with nothing changed.

What is kept is known by all that it depends on: every file of the packages that claims and tool are made of, Python,
the solvers with the modules that ask them, the claims that were chosen and the time that a solver had. A claim from
anywhere else is decided again each time, and so is one that stayed open or on which anything disagreed. The output says
what was kept. As with answers, a forged entry would be believed: in CI none is read.
"""

import hashlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any, Final

from attrs import asdict, field, frozen
from attrs.validators import deep_iterable, deep_mapping, instance_of

from ..layouts.notation import ShortCase
from ..logic.claim import Claim
from ..logic.prover import ProofRun
from ..logic.verdict import Severity
from ..solvers.answer_cache import Cache
from ..solvers.solver import Z3, identity
from .junit import as_junit
from .proof_report import Queries, as_dict, brief_summary, claim_lines, in_short, summary, verdict_word

SCHEMA: Final = "ptproof-told/1"
MOST_BYTES: Final = 1 << 25
"""No kept run is larger."""
SETTLED: Final = (Severity.PROVED, Severity.REFUTED)

_lines = deep_iterable(instance_of(str), instance_of(list))


@frozen(kw_only=True)
class ToldClaim:
    """What is reported about a claim: its lines, how loud its verdict is, and whether that is the expected one.

    Where there is little room: its ``family`` for a heading, the ``word`` of its verdict, its ``id`` and its ``case``.
    """

    lines: list[str] = field(validator=_lines)
    family: str = field(validator=instance_of(str))
    word: str = field(validator=instance_of(str))
    id: str = field(validator=instance_of(str))
    case: ShortCase = field(validator=instance_of(ShortCase))
    severity: int = field(validator=instance_of(int), converter=Severity)
    as_expected: bool = field(validator=instance_of(bool))


@frozen(kw_only=True)
class Told:
    """All that a run tells: its exit status, the text in all forms, the data, JUnit's XML.

    ``summaries`` are by ``quiet`` and ``assumptions``, as `which` names them; ``brief`` is the one for a terminal.
    """

    status: int = field(validator=instance_of(int))
    claims: list[ToldClaim] = field(validator=deep_iterable(instance_of(ToldClaim), instance_of(list)))
    summaries: dict[str, list[str]] = field(validator=deep_mapping(instance_of(str), _lines))
    brief: list[str] = field(validator=_lines)
    run: dict[str, Any] = field(validator=instance_of(dict))
    junit: str = field(validator=instance_of(str))


def which(*, quiet: bool, assumptions: bool) -> str:
    """The name of a form of the summary."""
    return f"quiet={quiet} assumptions={assumptions}"


def told(found: ProofRun, seconds: float, queries: Queries, *, kept: bool = False) -> Told:
    """What a run prints; ``kept`` is what a later run prints in its place."""
    claims = [each.claim for each in found.decisions]
    widths = (
        max((len(each.id) for each in claims), default=0),
        max((len(each.family) for each in claims), default=0),
    )
    return Told(
        status=found.status,
        claims=[
            ToldClaim(
                lines=list(claim_lines(each, queries, widths)),
                family=each.claim.family,
                word=verdict_word(each),
                id=each.claim.id,
                case=in_short(each),
                severity=each.severity,
                as_expected=each.as_expected,
            )
            for each in found.decisions
        ],
        summaries={
            which(quiet=quiet, assumptions=assumptions): list(
                summary(found, quiet=quiet, assumptions=assumptions)
            )
            for quiet in (False, True)
            for assumptions in (False, True)
        },
        brief=list(brief_summary(found)),
        run=as_dict(found, seconds, queries, kept=kept),
        junit=as_junit(found, kept=kept).decode(),
    )


def key(claims: Iterable[Claim], solvers: Iterable[str], seconds: float) -> dict[str, Any] | None:
    """All that the verdicts on the claims depend on; ``None`` where that isn't known."""
    claims, ours = tuple(claims), __name__.partition(".")[0]
    groups = entry_points()
    installed = [
        each for group in groups.groups if group.startswith(f"{ours}.") for each in groups.select(group=group)
    ]
    folders = _folders(ours)
    made = {_source(each) for each in claims}
    if any(each.module.partition(".")[0] != ours for each in installed):
        return None  # another's claims or formulas: where all their code lies nobody says
    if not all(file and any(folder in Path(file).parents for folder in folders) for file in made):
        return None
    return {
        "schema": SCHEMA,
        "code": _digest(folders),
        "claims": [[each.id, each.family, each.sentence, each.source, each.statement] for each in claims],
        "python": sys.version,
        "versions": {each: version(each) for each in (ours, "attrs")},
        "solvers": [identity(each) for each in dict.fromkeys((Z3, *solvers))],
        "judges": list(solvers),
        "seconds": seconds,
    }


def kept(cache: Cache, about: Mapping[str, Any]) -> Told | None:
    """What an earlier run told, if it is kept, and in the form of such."""
    entry: Any = cache.kept(about, MOST_BYTES)
    try:
        claims = [ToldClaim(**each | {"case": ShortCase(**each["case"])}) for each in entry["claims"]]
        return Told(**entry | {"claims": claims})
    except (TypeError, KeyError, ValueError):
        return None


def keep(cache: Cache, about: Mapping[str, Any], found: ProofRun, what: Told) -> None:
    """Keep what a run told, if everything was settled by it."""
    if all(part.verdict.severity in SETTLED for each in found.decisions for part in each.parts):
        cache.keep(about, asdict(what))


def _source(claim: Claim) -> str | None:
    try:
        return inspect.getsourcefile(claim.make)
    except TypeError:
        return None


def _folders(package: str) -> tuple[Path, ...]:
    """The folders that a namespace package's modules lie in, one for each of its parts."""
    found = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        parts = name.split(".")
        if parts[0] == package and len(parts) > 1 and file is not None:
            is_package = Path(file).stem == "__init__"
            found.add(Path(file).parents[len(parts) - 3 + is_package])
    return tuple(sorted(found))


def _digest(folders: Iterable[Path]) -> str:
    """The SHA-256 of every file in some folders, with its name; but for what Python makes of sources."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.parent.name != "__pycache__":
                data = file.read_bytes()
                digest.update(f"{folder.name}/{file.relative_to(folder)}\n{len(data)}\n".encode())
                digest.update(data)
    return digest.hexdigest()
