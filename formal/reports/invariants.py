"""What holds and what doesn't, claim by claim, as a document: Markdown, HTML or data.

The document is made of one run of the prover, and of what is installed beside the claims: their meaning in plain
English (the entry-point group ``ptproof.meanings``, a mapping by id) and the places in sources that they are about
(``formal.places``). The same run gives the same document. The data are of the schema ``ptproof-invariants/1``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points, version
from itertools import groupby
from typing import Any, Final

from attrs import asdict, frozen

from ..edge.outside import markup
from ..layouts.notation import number
from ..logic.claim import Claim
from ..logic.prover import Decision, LemmaResult, PartDecision, ProofRun
from ..logic.rule import lemmas_of, used_by
from ..logic.theorem import Induction, Lemma
from ..logic.verdict import Error, Need, Proved, Refuted, Unknown, Vacuous, Witness
from .proof_report import counted, in_one_line, word_of
from .source_comments import Place

SCHEMA: Final = "ptproof-invariants/1"
MEANINGS: Final = "ptproof.meanings"
TITLE: Final = "Invariants"


@frozen(kw_only=True)
class Assumed:
    """An assumption, the parts that make it, and why it is needed: what fails without it."""

    name: str
    meaning: str
    parts: tuple[str, ...]
    why: str


@frozen(kw_only=True)
class Shown:
    """A part of a claim: what it states, its verdict, and how that was come by."""

    name: str
    states: str
    verdict: str
    as_expected: bool
    how: str
    lemmas: tuple[str, ...]


@frozen(kw_only=True)
class Failure:
    """Where a part fails: the values, as text, and what the frame machine saw there."""

    part: str
    values: Mapping[str, str]
    saw: str


@frozen(kw_only=True)
class Entry:
    """All that a document says of one claim."""

    id: str
    family: str
    verdict: str
    as_expected: bool
    meaning: str | None
    statement: str
    sentence: str
    source: str
    assumptions: tuple[Assumed, ...]
    parts: tuple[Shown, ...]
    failures: tuple[Failure, ...]
    cure: str | None
    places: tuple[str, ...]


def meanings() -> Mapping[str, str]:
    """The installed meanings, by the claim's id."""
    found: dict[str, str] = {}
    for entry in entry_points(group=MEANINGS):
        found |= entry.load()
    return found


def entries(run: ProofRun, said: Mapping[str, str], places: Sequence[Place]) -> tuple[Entry, ...]:
    """An entry for each claim of the run."""
    results = {each.lemma: each for each in run.lemmas}
    return tuple(_entry(each, results, said, places) for each in run.decisions)


def as_dict(run: ProofRun, found: Sequence[Entry]) -> dict[str, Any]:
    """The document as plain data."""
    return {
        "schema": SCHEMA,
        "versions": {"ptproof": version("ptproof"), "z3": version("z3-solver")},
        "solvers": list(run.solvers),
        "status": run.status,
        "claims": [asdict(each) for each in found],
    }


def as_markdown(run: ProofRun, found: Sequence[Entry]) -> str:
    """The document as Markdown, which Sphinx builds, too."""
    lines = [f"# {TITLE}", "", _summary(run, found)]
    for family, of_it in groupby(found, key=lambda each: each.family):
        lines += ["", f"## {family}"]
        for each in of_it:
            lines += ["", f"### {each.id}: {_verdict(each)}", "", *_markdown(each)]
    return "\n".join(lines) + "\n"


def as_html(run: ProofRun, found: Sequence[Entry]) -> str:
    """The document as one page of HTML that needs nothing else."""
    lines = [f"<h1>{TITLE}</h1>", f"<p>{markup(_summary(run, found))}</p>"]
    for family, of_it in groupby(found, key=lambda each: each.family):
        lines.append(f"<h2>{markup(family)}</h2>")
        for each in of_it:
            lines.append(f'<h3 id="{markup(each.id)}">{markup(each.id)}: {markup(_verdict(each))}</h3>')
            lines += _html(each)
    body = "\n".join(lines)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{TITLE}</title>\n<style>\n'
        "body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif; }\n"
        f"pre {{ white-space: pre-wrap; }}\n</style>\n{body}\n</html>\n"
    )


def _entry(
    decision: Decision,
    results: Mapping[Lemma, LemmaResult],
    said: Mapping[str, str],
    places: Sequence[Place],
) -> Entry:
    claim = decision.claim
    return Entry(
        id=claim.id,
        family=claim.family,
        verdict=decision.severity.name.lower(),
        as_expected=decision.as_expected,
        meaning=said.get(claim.id),
        statement=claim.statement,
        sentence=claim.sentence,
        source=claim.source,
        assumptions=tuple(_assumptions(decision)),
        parts=tuple(_shown(each, results) for each in decision.parts),
        failures=tuple(
            _failure(each.part.name, each.verdict.witness)
            for each in decision.parts
            if isinstance(each.verdict, Refuted)
        ),
        cure=claim.cure,
        places=tuple(f"{each.file}: {each.where}" for each in places if claim.id in each.claims),
    )


def _assumptions(decision: Decision) -> Iterator[Assumed]:
    """Each assumption once, by its name and meaning."""
    made: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for each in decision.parts:
        needs = (
            {need.assumption: need for need in each.verdict.needs} if isinstance(each.verdict, Proved) else {}
        )
        for assumption in each.part.lemma.statement.assumptions:
            parts, reasons = made.setdefault((assumption.name, assumption.meaning), ([], []))
            parts.append(each.part.name)
            if assumption.name in needs:
                reasons.append(_why_needed(needs[assumption.name]))
    for (name, meaning), (parts, reasons) in made.items():
        yield Assumed(name=name, meaning=meaning, parts=tuple(parts), why=reasons[0] if reasons else "")


def _why_needed(need: Need) -> str:
    if need.witness is not None:
        return f"without it fails {in_one_line(need.witness)}"
    if need.needed is False:
        return "NOT NEEDED: the statement holds without it"
    return "whether it is needed was not settled"


def _shown(decision: PartDecision, results: Mapping[Lemma, LemmaResult]) -> Shown:
    part, verdict = decision.part, decision.verdict
    proof = (
        part.lemmas[0] if part.lemmas and isinstance(verdict, Proved | Refuted) and verdict.lemmas else None
    )
    return Shown(
        name=part.name,
        states=f"{'some words with: ' if part.reached else ''}{part.lemma.meaning}",
        verdict=word_of(verdict),
        as_expected=decision.as_expected,
        how=_how(decision, proof, results),
        lemmas=tuple(each.name for each in used_by(proof)) if proof is not None else (),
    )


def _how(decision: PartDecision, proof: Lemma | None, results: Mapping[Lemma, LemmaResult]) -> str:
    """How the verdict on a part was come by, in one phrase."""
    match decision.verdict:
        case Proved(example=example) if proof is None:
            return f"by an example that the frame machine replayed: {in_one_line(example)}"
        case Refuted() if proof is None and decision.part.reached:
            return "nothing reaches it, by the solver at once"
        case Refuted() if proof is None:
            return "by values that the frame machine confirmed"
        case Proved() | Refuted():
            assert proof is not None  # the cases above
            below = lemmas_of([proof])
            asked = sum(results[each].obligations for each in below)
            rule = (
                "by induction over the loop"
                if isinstance(proof.proof, Induction)
                else "by instances of lemmas"
            )
            rule = (
                "by the solver at once"
                if len(below) == 1 and not isinstance(proof.proof, Induction)
                else rule
            )
            told = "that nothing reaches it, " if isinstance(decision.verdict, Refuted) else ""
            by = f", each discharged by {decision.solvers} solvers" if decision.solvers > 1 else ""
            return f"{told}{rule}: {counted(len(below), 'lemma')}, {counted(asked, 'obligation')}{by}"
        case Unknown(why=why) | Vacuous(why=why) | Error(why=why):
            return why
        case _:
            raise AssertionError


def _failure(part: str, witness: Witness) -> Failure:
    values = {name: number(value) for name, value in witness.case.items()}
    return Failure(part=part, values=values, saw=witness.replay.says)


def _verdict(entry: Entry) -> str:
    return entry.verdict if entry.as_expected else f"{entry.verdict.upper()}, which was not expected"


def _summary(run: ProofRun, found: Sequence[Entry]) -> str:
    kinds = {each: sum(entry.verdict == each for entry in found) for each in ("proved", "refuted")}
    rest = len(found) - sum(kinds.values())
    obligations = sum(each.obligations for each in run.lemmas if each.discharged)
    return (
        f"{counted(len(found), 'claim')}: {kinds['proved']} proved, {kinds['refuted']} refuted, {rest} neither; "
        f"from {counted(sum(each.discharged for each in run.lemmas), 'lemma')} and {counted(obligations, 'obligation')}, "
        f"discharged by Z3 {version('z3-solver')}."
    )


def _headline(entry: Entry) -> str:
    """The meaning; of what is proved also what it is proved under, so that it sounds like no more than it says."""
    names = dict.fromkeys(each.name for each in entry.assumptions if entry.verdict == "proved")
    return f"{entry.meaning} Proved under {', '.join(names)}: see below." if names else str(entry.meaning)


def _paragraphs(entry: Entry) -> Iterator[tuple[str, list[str]]]:
    """What comes below meaning and statement: a heading and its items."""
    yield "Decides", [f"“{entry.sentence}” ({entry.source})"]
    if entry.assumptions:
        yield (
            "Assumes",
            [
                f"{each.name}: {each.meaning}" + (f"; {each.why}" if each.why else "")
                for each in entry.assumptions
            ],
        )
    yield "Verdicts", list(_verdicts(entry.parts))
    if entry.failures:
        yield (
            "Fails at",
            [
                f"{each.part}: {', '.join(f'{name} = {value}' for name, value in each.values.items())}: {each.saw}"
                for each in entry.failures
            ],
        )
    if entry.cure:
        yield "What makes it true", [entry.cure]
    if entry.places:
        yield "Belongs to", list(entry.places)


def _verdicts(parts: Iterable[Shown]) -> Iterator[str]:
    """A line for each part; those in a row that differ in their name alone share one."""
    for (states, verdict, how), together in groupby(
        parts, key=lambda each: (each.states, each.verdict, each.how)
    ):
        alike = list(together)
        name = alike[0].name if len(alike) == 1 else f"{alike[0].name} and {len(alike) - 1} more like it"
        rests = f", the last steps: {', '.join(alike[0].lemmas)}" if alike[0].lemmas else ""
        yield f"{name}: {states}: {verdict}, {how}{rests}"


def _markdown(entry: Entry) -> Iterator[str]:
    if entry.meaning:
        yield from (_plain(_headline(entry)), "")
    yield from ("```text", entry.statement, "```")
    for heading, items in _paragraphs(entry):
        yield ""
        if len(items) == 1:
            yield f"{heading}: {_plain(items[0])}"
        else:
            yield from (f"{heading}:", "", *(f"- {_plain(each)}" for each in items))


def _plain(text: str) -> str:
    """The text, with what Markdown would take for itself escaped."""
    return "".join(f"\\{each}" if each in "\\`*<|$" else each for each in text)


def _html(entry: Entry) -> Iterator[str]:
    if entry.meaning:
        yield f"<p>{markup(_headline(entry))}</p>"
    yield f"<pre>{markup(entry.statement)}</pre>"
    for heading, items in _paragraphs(entry):
        yield f"<p>{markup(heading)}:</p>"
        yield "<ul>" + "".join(f"<li>{markup(each)}</li>" for each in items) + "</ul>"


def without_meaning(claims: Iterable[Claim], said: Mapping[str, str]) -> list[str]:
    """The ids of the claims that nobody said the meaning of."""
    return [each.id for each in claims if each.id not in said]
