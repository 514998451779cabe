"""What a run of the prover found, as text and as data for programs.

The same run gives the same text and the same data, byte for byte: no times, which differ from run to run. Work
is given in the solver's own unit, which does not. Counts are those of verdicts, never of what was planned.

The data are of the schema ``ptproof-run/1``. Values of words are hexadecimal text there.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from textwrap import indent
from typing import Any, Final

from attrs import evolve

from ..certify.certificate import uncertified
from ..layouts import layout_json
from ..layouts.layout import Layout
from ..layouts.notation import ShortCase, number, short_case
from ..logic.claim import Claim
from ..logic.prover import Decision, LemmaResult, PartDecision, ProofRun
from ..logic.rule import lemmas_of, used_by
from ..logic.solver_agreement import answers
from ..logic.theorem import Lemma
from ..logic.verdict import Error, Need, Proved, Refuted, Severity, Unknown, Vacuous, Verdict, Witness
from ..solvers.solver import RLIMIT, Z3, version_of

SCHEMA: Final = "ptproof-run/1"
LOUD: Final = "!" * 72

Queries = Mapping[str, Path]
"""The file of each open query, by the name of its obligation."""


def listing(claims: Iterable[Claim]) -> list[str]:
    """A line for each claim: id, family, the verdict expected, the statement's first line."""
    claims = tuple(claims)
    ids, families = max(len(each.id) for each in claims), max(len(each.family) for each in claims)
    return [
        f"{each.id:<{ids}}  {each.family:<{families}}  {each.expected.value:<7}  {_first_line(each.statement)}"
        for each in claims
    ]


def by_family(claims: Iterable[Claim], asked: Mapping[str, str]) -> Iterator[str]:
    """The same under the names of their families, with the question that a claim answers where ``asked`` has one."""
    for family, several in groupby(claims, key=lambda each: each.family):
        there = tuple(several)
        longest = max(len(each.id) for each in there)
        yield family
        for each in there:
            says = asked.get(each.id) or _first_line(each.statement)
            yield f"  {each.id:<{longest}}  {each.expected.value:<7}  {says}"


def listing_as_dict(claims: Iterable[Claim]) -> dict[str, Any]:
    """The claims as plain data."""
    return {"schema": "ptproof-claims/1", "claims": [claim_as_dict(each) for each in claims]}


def word_of(verdict: Verdict) -> str:
    """What the verdict is called."""
    return type(verdict).__name__.lower()


def claim_lines(decision: Decision, queries: Queries, widths: tuple[int, int] = (0, 0)) -> Iterator[str]:
    """A line for the claim, its verdict first; more lines follow where a verdict isn't the expected one.

    A verdict that isn't expected is in capitals.
    """
    claim = decision.claim
    yield f"{verdict_word(decision):<7}  {claim.id:<{widths[0]}}  {claim.family:<{widths[1]}}  {_detail(decision)}"
    for part in decision.parts:
        if isinstance(part.verdict, Error):
            yield from (LOUD, f"{claim.id}, {part.part.name}: {part.verdict.why}")
            if part.verdict.witness is not None:
                yield f"    at {in_one_line(part.verdict.witness)}"
            yield from (
                f"    the query: {queries[name]}" for name, _ in part.verdict.queries if name in queries
            )
            yield LOUD
        elif not part.as_expected:
            yield f"    {part.part.name}: {word_of(part.verdict)}, expected: {part.part.expected.value}"
            yield from indented(why(part.verdict, queries), 8)


def verdict_word(decision: Decision) -> str:
    """The word of a claim's verdict: in capitals when it isn't the expected one."""
    word = word_of(decision.worst.verdict)
    return word if decision.as_expected else word.upper()


def in_short(decision: Decision) -> ShortCase:
    """What a claim's line says of it where there is little room: the values that refute it, or how it is proved."""
    refuted = next((each.verdict for each in decision.parts if isinstance(each.verdict, Refuted)), None)
    if refuted is None:
        return ShortCase((), ", ".join([*_needs_to_see(decision), _how(decision)]))
    return evolve(short_case(refuted.witness.case), notes=tuple(_needs_to_see(decision)))


def brief_summary(run: ProofRun) -> Iterator[str]:
    """What matters first: whether all is as expected, or what isn't; then how many there are of each verdict."""
    found = Counter(each.severity for each in run.decisions)
    counts = ", ".join(f"{found[severity]} {severity.name.lower()}" for severity in sorted(found))
    differing = [each.claim.id for each in run.decisions if not each.as_expected]
    yield f"NOT AS EXPECTED: {', '.join(differing)}" if differing else "Every verdict is as expected."
    yield f"{counted(len(run.decisions), 'claim')}: {counts}."
    yield from _loudest(run)


def summary(run: ProofRun, *, quiet: bool = False, assumptions: bool = False) -> Iterator[str]:
    """The verdicts by family, their counts, what differs and the work done; ``quiet`` leaves the counts.

    It fits a screen, unless the ``assumptions`` are to be listed.
    """
    made = assumptions_made(run)
    if assumptions:
        yield from _assumed(made)
    if not quiet:
        yield from _families(run)
    found = Counter(each.severity for each in run.decisions)
    counts = ", ".join(f"{severity.name.lower()} {found[severity]}" for severity in Severity)
    unexpected = [each for each in run.decisions if not each.as_expected]
    yield f"{counted(len(run.decisions), 'claim')}: {counts}"
    if not quiet:
        yield from _work(run)
        if not assumptions:
            in_force = f"{counted(len(made), 'assumption')} in force; --assumptions lists them"
            yield in_force if made else "Nothing is assumed."
    if unexpected:
        yield f"NOT AS EXPECTED: {', '.join(each.claim.id for each in unexpected)}"
    elif run.decisions:
        yield "Every verdict is as expected."
    yield from _loudest(run)


def _loudest(run: ProofRun) -> Iterator[str]:
    """Which claims came to an error."""
    wrong = [each.claim.id for each in run.decisions if each.severity is Severity.ERROR]
    if wrong:
        yield f"{LOUD}\nERROR, model and machine or two solvers disagree, or the tool failed: {', '.join(wrong)}\n{LOUD}"


def as_dict(run: ProofRun, seconds: float, queries: Queries, *, kept: bool = False) -> dict[str, Any]:
    """The run as plain data; ``seconds`` is the time limit that it had, ``kept`` where all of it is of an earlier run."""
    found = Counter(each.severity for each in run.decisions)
    return {
        "schema": SCHEMA,
        "versions": {
            "ptproof": version("ptproof"),
            **{each: version_of(each) for each in (Z3, *run.solvers)},
        },
        "limits": {"rlimit": RLIMIT, "seconds": seconds},
        "kept": {"verdicts": kept, "answers": run.asked if kept else run.kept, "asked": run.asked},
        "status": run.status,
        "counts": {
            **{severity.name.lower(): found[severity] for severity in Severity},
            "unexpected": sum(not each.as_expected for each in run.decisions),
        },
        "claims": [_decision_as_dict(each, queries) for each in run.decisions],
        "lemmas": [_lemma_as_dict(each) for each in run.lemmas],
    }


def indented(lines: Iterable[str], spaces: int) -> Iterator[str]:
    """The lines, moved to the right."""
    return (indent(line, " " * spaces) for line in lines)


def _detail(decision: Decision) -> str:
    """What a claim's line says of it: what refutes it, or how it is proved; then assumptions to look at."""
    return ", ".join([_how(decision), *_needs_to_see(decision)])


def _how(decision: Decision) -> str:
    refuted = [each for each in decision.parts if isinstance(each.verdict, Refuted)]
    lemmas = lemmas_of(lemma for each in decision.parts for lemma in proving(each))
    told = [counted(len(decision.parts), "part")]
    if lemmas:
        told.append(counted(len(lemmas), "lemma"))
    if decision.solvers > 1:
        told.append(f"by {decision.solvers} solvers")
    if lemmas:
        told.append(grade(lemmas))
    if refuted and isinstance(refuted[0].verdict, Refuted):
        told = [f"{refuted[0].part.name}: {in_one_line(refuted[0].verdict.witness)}"]
    return ", ".join(told)


def _needs_to_see(decision: Decision) -> Iterator[str]:
    """Which assumptions are to be looked at."""
    proved = [each.verdict for each in decision.parts if isinstance(each.verdict, Proved)]
    for wanted, text in ((False, "NOT NEEDED"), (None, "need not settled")):
        needs = [need for each in proved for need in each.needs if need.needed is wanted]
        if needs:
            yield f"{text}: {' '.join(dict.fromkeys(need.assumption for need in needs))}"


def proving(decision: PartDecision) -> tuple[Lemma, ...]:
    """The lemmas that settle a part by proof: none where an example does, or nothing did."""
    lemmas = decision.verdict.lemmas if isinstance(decision.verdict, Proved | Refuted) else ()
    return decision.part.lemmas if lemmas else ()


def grade(lemmas: Iterable[Lemma]) -> str:
    """Whether a certificate is on record of every obligation of these lemmas: that is looked up, not checked."""
    return "uncertified" if any(map(uncertified, lemmas)) else "certificates on record"


def _families(run: ProofRun) -> Iterator[str]:
    """A line for each family, where there are several: its verdicts, and which of them differ."""
    families: dict[str, list[Decision]] = {}
    for each in run.decisions:
        families.setdefault(each.claim.family, []).append(each)
    if len(families) < 2:
        return
    width = max(map(len, families))
    for family, decisions in families.items():
        found = Counter(each.severity for each in decisions)
        counts = ", ".join(f"{found[severity]} {severity.name.lower()}" for severity in sorted(found))
        differing = [each.claim.id for each in decisions if not each.as_expected]
        yield f"{family:<{width}}  {counts}" + (
            f"; NOT AS EXPECTED: {', '.join(differing)}" if differing else ""
        )


def assumptions_made(run: ProofRun) -> dict[tuple[str, str], list[str]]:
    """Each assumption in force by its name and meaning, with the claims that it is made for."""
    made: dict[tuple[str, str], dict[str, None]] = {}
    for decision in run.decisions:
        for each in decision.parts:
            for assumption in each.part.lemma.statement.assumptions:
                made.setdefault((assumption.name, assumption.meaning), {})[decision.claim.id] = None
    return {each: [*ids] for each, ids in made.items()}


def _assumed(made: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[str]:
    """The assumptions, one a line."""
    if not made:
        yield "Nothing is assumed."
        return
    yield "Assumed:"
    for (name, meaning), ids in made.items():
        shown = ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")
        yield f"  {name}: {meaning} ({shown})"


def _work(run: ProofRun) -> Iterator[str]:
    """What was proved on the way, and the solver's work."""
    proved = [each for each in run.lemmas if each.discharged]
    obligations = counted(sum(each.obligations for each in proved), "obligation")
    lacking = sum(len(uncertified(each.lemma)) for each in proved)
    certified = f", {lacking} not certified" if lacking else ", all certified" if proved else ""
    yield f"{counted(len(proved), 'lemma')}, {obligations}{certified}"
    spent = [each.spent for each in run.lemmas]
    if run.solvers != (Z3,):
        yield from _agreement(run)
    yield f"Z3 {version_of(Z3)}: {sum(spent):,} units of work (rlimit), at most {max(spent, default=0):,} for a lemma"


def _agreement(run: ProofRun) -> Iterator[str]:
    """How many claims are proved by how many solvers."""
    yield f"asked: {', '.join(f'{each} {version_of(each)}' for each in run.solvers)}"
    count = Counter(each.solvers for each in run.decisions if each.solvers)
    for solvers in range(len(run.solvers), 0, -1):
        yield f"{counted(count[solvers], 'claim')} with each obligation discharged by {counted(solvers, 'solver')}"


def why(verdict: Verdict, queries: Queries) -> Iterator[str]:
    """What keeps a verdict from being the expected one, and what to try."""
    match verdict:
        case Unknown():
            yield f"why: {verdict.why}"
            yield f"what to try: {verdict.hint}"
            for name, _ in verdict.queries:
                if name in queries:
                    yield f"open query: {queries[name]}"
        case Vacuous():
            yield f"why: {verdict.why}"
        case Error():
            yield f"why: {verdict.why}"
            if verdict.witness is not None:
                yield f"at: {in_one_line(verdict.witness)}"
        case Refuted():
            yield f"fails at: {in_one_line(verdict.witness)}"
        case Proved():
            yield f"holds, for example: {in_one_line(verdict.example)}"


def in_one_line(witness: Witness) -> str:
    """A witness's values, and what was seen there."""
    return f"{values_of(witness)}: {witness.replay.seen}"


def values_of(witness: Witness) -> str:
    """A witness's values: v_start = 0, n = 5."""
    return ", ".join(f"{name} = {number(value)}" for name, value in witness.case.items())


WITHOUT_IT: Final = " is a counterexample without it"


def need_told(need: Need) -> str:
    """Whether an assumption is needed, and the counterexample that dropping it lets in, as a sentence."""
    if need.witness is not None:
        seen, replay = need.witness.replay.seen, need.witness.replay
        shown = f" ({seen})" if replay.holds is None else f": {seen}"
        return f"Needed: {values_of(need.witness)}{WITHOUT_IT}{shown}."
    if need.needed is False:
        return "NOT NEEDED: the statement holds without it."
    return "Not settled: it may or may not be needed."


def claim_as_dict(claim: Claim) -> dict[str, Any]:
    """A claim, undecided, as plain data."""
    return {
        "id": claim.id,
        "family": claim.family,
        "statement": claim.statement,
        "sentence": claim.sentence,
        "source": claim.source,
        "cure": claim.cure,
        "expected": claim.expected.value,
    }


def _decision_as_dict(decision: Decision, queries: Queries) -> dict[str, Any]:
    return claim_as_dict(decision.claim) | {
        "verdict": decision.severity.name.lower(),
        "as_expected": decision.as_expected,
        "parts": [_part_as_dict(each, queries) for each in decision.parts],
    }


def _part_as_dict(decision: PartDecision, queries: Queries) -> dict[str, Any]:
    part, verdict = decision.part, decision.verdict
    needs = {need.assumption: need for need in verdict.needs} if isinstance(verdict, Proved) else {}
    shown: dict[str, Any] = {
        "name": part.name,
        "states": part.lemma.meaning,
        "reached": part.reached,
        "expected": part.expected.value,
        "verdict": word_of(verdict),
        "as_expected": decision.as_expected,
        "assumptions": [
            {"name": each.name, "meaning": each.meaning}
            | (_need_as_dict(needs[each.name]) if each.name in needs else {"needed": None, "witness": None})
            for each in part.lemma.statement.assumptions
        ],
        "lemmas": list(verdict.lemmas) if isinstance(verdict, Proved | Refuted) else [],
        "solvers": decision.solvers,
    }
    match verdict:
        case Proved():
            shown["example"] = _witness_as_dict(verdict.example)
        case Refuted():
            shown["witness"] = _witness_as_dict(verdict.witness)
        case Vacuous():
            shown["why"] = verdict.why
        case Unknown():
            shown |= {"why": verdict.why, "hint": verdict.hint}
            shown["queries"] = _queries_as_list(verdict, queries)
        case Error():
            shown |= {"why": verdict.why, "witness": _witness_as_dict(verdict.witness)}
            shown["queries"] = _queries_as_list(verdict, queries)
    return shown


def _queries_as_list(verdict: Unknown | Error, queries: Queries) -> list[dict[str, Any]]:
    return [
        {"name": name, "file": str(queries[name]) if name in queries else None} for name, _ in verdict.queries
    ]


def _need_as_dict(need: Need) -> dict[str, Any]:
    return {"needed": need.needed, "witness": _witness_as_dict(need.witness)}


def _witness_as_dict(witness: Witness | None) -> dict[str, Any] | None:
    if witness is None:
        return None
    replay = witness.replay
    return {
        "values": {name: hex(value) for name, value in witness.values.items()},
        "unique": witness.unique,
        "replay": {
            "holds": replay.holds,
            "says": replay.says,
            "runs": [
                {"title": title, "layout": layout_json.as_dict(layout), "saw": report.sentences()}
                for title, layout, report in replay.runs
            ],
        },
    }


def _lemma_as_dict(result: LemmaResult) -> dict[str, Any]:
    return {
        "name": result.lemma.name,
        "meaning": result.lemma.meaning,
        "uses": [each.name for each in used_by(result.lemma)],
        "discharged": result.discharged,
        "obligations": result.obligations,
        "open": [each.name for each, _ in result.open],
        "uncertified": [] if result.unsound else list(uncertified(result.lemma)),
        "answers": answers(result.opinions),
        "unsound": result.unsound,
        "spent": result.spent,
    }


def _first_line(text: str) -> str:
    return (text.splitlines() or [""])[0]


def counted(count: int, what: str) -> str:
    """So many of them: 1 claim, 2 claims."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def witness_layouts(decision: Decision) -> tuple[Layout, ...]:
    """The layouts, part by part, that refute a claim."""
    return tuple(
        layout
        for each in decision.parts
        if isinstance(each.verdict, Refuted)
        for _, layout, _ in each.verdict.witness.replay.runs
    )
