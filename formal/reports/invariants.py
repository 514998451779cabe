"""What holds and what doesn't, claim by claim, as a document: Markdown, HTML or data.

The document is made of one run of the prover, and of what is installed beside the claims: the meaning of each in plain
English and the question that it answers (the entry-point groups ``ptproof.meanings`` and ``ptproof.questions``, mappings by
id), and the places in sources that they are about (``ptproof.places``). An index by question comes first, then a screen for
each claim. The same run gives the same document. The data are of the schema ``ptproof-invariants/1``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points, version
from itertools import groupby
from textwrap import wrap
from typing import Any, Final

from attrs import asdict, evolve, frozen

from ..edge.outside import markup
from ..layouts.notation import number
from ..logic.claim import Claim
from ..logic.prover import Decision, LemmaResult, PartDecision, ProofRun
from ..logic.rule import lemmas_of, used_by
from ..logic.theorem import Induction, Lemma
from ..logic.verdict import Error, Proved, Refuted, Unknown, Vacuous, Witness
from .proof_report import WITHOUT_IT, counted, in_one_line, need_told, word_of
from .source_comments import Place

SCHEMA: Final = "ptproof-invariants/1"
MEANINGS: Final = "ptproof.meanings"
QUESTIONS: Final = "ptproof.questions"
TITLE: Final = "Invariants"
_WIDTH: Final = 100
_ANSWERS: Final = {"proved": "yes", "refuted": "no"}
_ITEM: Final = re.compile(r" (?=(?:[-+*#>=]|\d+[.)]) )")


@frozen(kw_only=True)
class Assumed:
    """An assumption, the parts that make it, and whether it is needed: the counterexample without it."""

    name: str
    meaning: str
    parts: tuple[str, ...]
    why: str


@frozen(kw_only=True)
class Shown:
    """A part of a claim: what it states, its verdict, and what that rests on."""

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
    question: str | None
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
    return _installed(MEANINGS)


def questions() -> Mapping[str, str]:
    """The questions that the installed claims answer, by the claim's id: "yes" where the claim holds."""
    return _installed(QUESTIONS)


def _installed(group: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for entry in entry_points(group=group):
        found |= entry.load()
    return found


def entries(run: ProofRun, said: Mapping[str, str], places: Sequence[Place]) -> tuple[Entry, ...]:
    """An entry for each claim of the run."""
    results, asked = {each.lemma: each for each in run.lemmas}, questions()
    return tuple(
        evolve(_entry(each, results, said, places), question=asked.get(each.claim.id))
        for each in run.decisions
    )


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
    lines = [f"# {TITLE}", "", *folded(f"{_summary(run, found)} {_READING}"), "", "## By question", ""]
    lines += ["| question | answer | claim |", "|---|---|---|"]
    for each in found:
        anchor = "".join(letter for letter in _heading(each).lower() if letter.isalnum() or letter in "- ")
        lines.append(
            f"| {_plain(_asked(each))} | {_answer(each)} | [{each.id}](#{anchor.replace(' ', '-')}) |"
        )
    for family, of_it in groupby(found, key=lambda each: each.family):
        lines += ["", f"## {family}"]
        for each in of_it:
            lines += ["", f"### {_heading(each)}", "", *_markdown(each)]
    return "\n".join(lines) + "\n"


def as_html(run: ProofRun, found: Sequence[Entry]) -> str:
    """The document as one page of HTML that needs nothing else."""
    lines = [f"<h1>{TITLE}</h1>", f"<p>{markup(f'{_summary(run, found)} {_READING}')}</p>", "<table>"]
    for each in found:
        link = f'<a href="#{markup(each.id)}">{markup(each.id)}</a>'
        lines.append(
            f"<tr><td>{markup(_asked(each))}</td><td>{markup(_answer(each))}</td><td>{link}</td></tr>"
        )
    lines.append("</table>")
    for family, of_it in groupby(found, key=lambda each: each.family):
        lines.append(f"<h2>{markup(family)}</h2>")
        for each in of_it:
            lines.append(f'<h3 id="{markup(each.id)}">{markup(_heading(each))}</h3>')
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
        question=None,
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
                reasons.append(need_told(needs[assumption.name]))
    for (name, meaning), (parts, reasons) in made.items():
        yield Assumed(name=name, meaning=meaning, parts=tuple(parts), why=reasons[0] if reasons else "")


def _shown(decision: PartDecision, results: Mapping[Lemma, LemmaResult]) -> Shown:
    part, verdict = decision.part, decision.verdict
    proof = (
        part.lemmas[0] if part.lemmas and isinstance(verdict, Proved | Refuted) and verdict.lemmas else None
    )
    return Shown(
        name=part.name,
        states=f"{'there are values with: ' if part.reached else ''}{part.lemma.meaning}",
        verdict=word_of(verdict),
        as_expected=decision.as_expected,
        how=_how(decision, proof, results),
        lemmas=tuple(each.name for each in used_by(proof)) if proof is not None else (),
    )


def _how(decision: PartDecision, proof: Lemma | None, results: Mapping[Lemma, LemmaResult]) -> str:
    """What the verdict on a part rests on, in one phrase."""
    match decision.verdict:
        case Proved(example=example) if proof is None:
            return f"by an example that the frame machine replayed: {in_one_line(example)}"
        case Refuted() if proof is None and decision.part.reached:
            return "for the solver finds no such values"
        case Refuted() if proof is None:
            return "by values that the frame machine confirmed"
        case Proved() | Refuted():
            assert proof is not None  # the cases above
            below = lemmas_of([proof])
            asked = sum(results[each].obligations for each in below)
            rule = "by induction over the loop, " if isinstance(proof.proof, Induction) else ""
            told = "for it is proved that there are none: " if isinstance(decision.verdict, Refuted) else ""
            by = f", each discharged by {decision.solvers} solvers" if decision.solvers > 1 else ""
            return f"{told}{rule}from {counted(len(below), 'lemma')} and {counted(asked, 'obligation')}{by}"
        case Unknown(why=why) | Vacuous(why=why) | Error(why=why):
            return why
        case _:
            raise AssertionError


def _failure(part: str, witness: Witness) -> Failure:
    values = {name: number(value) for name, value in witness.case.items()}
    return Failure(part=part, values=values, saw=witness.replay.says)


def _verdict(entry: Entry) -> str:
    return entry.verdict if entry.as_expected else f"{entry.verdict.upper()}, which was not expected"


def _heading(entry: Entry) -> str:
    return f"{entry.id}: {_verdict(entry)}"


def _asked(entry: Entry) -> str:
    return entry.question or f"Does it hold that {entry.id}?"


def _answer(entry: Entry) -> str:
    """Yes, with what is assumed, or no; the verdict where there is no answer."""
    names = dict.fromkeys(each.name for each in entry.assumptions) if entry.verdict == "proved" else ()
    answer = _ANSWERS.get(entry.verdict, f"{entry.verdict}: no answer")
    return f"{answer}, given {', '.join(names)}" if names else answer


_READING: Final = (
    "S, T and V are v_start, vpt_start and v_end; n is nr_pt_pages; f counts the tables of a region: see the glossary. An "
    "answer holds under the assumptions named after 'given', which the claim explains. 'ptproof show ID --lemmas' lists the "
    "lemmas of a proof, 'ptproof counterexample ID' shows the layout that refutes a claim."
)


def _summary(run: ProofRun, found: Sequence[Entry]) -> str:
    kinds = {each: sum(entry.verdict == each for entry in found) for each in ("proved", "refuted")}
    rest = len(found) - sum(kinds.values())
    obligations = sum(each.obligations for each in run.lemmas if each.discharged)
    open_ = f", {rest} open" if rest else ""
    return (
        f"{counted(len(found), 'claim')}: {kinds['proved']} proved, {kinds['refuted']} refuted{open_}. They rest on "
        f"{counted(sum(each.discharged for each in run.lemmas), 'lemma')} and {counted(obligations, 'obligation')}, "
        f"discharged by Z3 {version('z3-solver')}."
    )


def _paragraphs(entry: Entry) -> Iterator[tuple[str, list[str]]]:
    """What comes below meaning and statement: a heading and its items."""
    yield "Source", [f"“{entry.sentence}” ({entry.source})"]
    if entry.assumptions:
        brief = (evolve(each, why=_without_story(each.why)) for each in entry.assumptions)
        yield "Assumes", list(told_assumptions(evolve(entry, assumptions=tuple(brief))))
    yield "Verdict" if len(entry.parts) == 1 else "Verdicts", list(_verdicts(entry.parts))
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


def _without_story(why: str) -> str:
    """The counterexample without what the machine saw there, to save lines; 'ptproof show' has that. That it wasn't replayed stays."""
    before, found, seen = why.partition(WITHOUT_IT)
    return why if not found or seen.startswith(" (") else f"{before}{found}."


def told_assumptions(entry: Entry) -> Iterator[str]:
    """Each assumption with what it is needed for; of those of one name that differ in a figure, the figure."""
    first: dict[str, Assumed] = {}
    for each in entry.assumptions:
        known = first.setdefault(each.name, each)
        ours, theirs = each.meaning.split(), known.meaning.split()
        differing = [pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]]
        if known is not each and len(ours) == len(theirs) and len(differing) == 1 and each.why == known.why:
            ((new, old),) = differing
            yield f"{each.name}, {' and '.join(each.parts)}: the same with {new} instead of {old}."
        else:
            yield " ".join(filter(None, (f"{each.name}: {each.meaning}.", each.why)))


def _verdicts(parts: Sequence[Shown]) -> Iterator[str]:
    """A line for each part; those that differ in their name alone share one."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for each in parts:
        alike.setdefault((each.states, each.verdict, each.how), []).append(each.name)
    for (states, verdict, how), names in alike.items():
        name = names[0] if len(names) == 1 else f"{names[0]}, and {len(names) - 1} more like it"
        yield f"{name}: {states}: {verdict}, {how}."


def _markdown(entry: Entry) -> Iterator[str]:
    if entry.meaning:
        yield from (*folded(_plain(entry.meaning)), "")
    yield from ("```text", entry.statement, "```")
    for heading, items in _paragraphs(entry):
        yield ""
        if len(items) == 1:
            yield from folded(f"**{heading}:** {_plain(items[0])}")
        else:
            yield from (f"**{heading}:**", "")
            for each in items:
                yield from folded(f"- {_plain(each)}", "  ")


def folded(text: str, hanging: str = "") -> list[str]:
    """A paragraph in lines of a page's width, none of which starts like an item of a list."""
    held = _ITEM.sub("\N{NO-BREAK SPACE}", text)
    lines = wrap(held, _WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _plain(text: str) -> str:
    """The text, with what Markdown would take for itself escaped."""
    return "".join(f"\\{each}" if each in "\\`*<|$" else each for each in text)


def _html(entry: Entry) -> Iterator[str]:
    if entry.meaning:
        yield f"<p>{markup(entry.meaning)}</p>"
    yield f"<pre>{markup(entry.statement)}</pre>"
    for heading, items in _paragraphs(entry):
        yield f"<p>{markup(heading)}:</p>"
        yield "<ul>" + "".join(f"<li>{markup(each)}</li>" for each in items) + "</ul>"


def without_meaning(claims: Iterable[Claim], said: Mapping[str, str]) -> list[str]:
    """The ids of the claims that have no meaning, or no question, in plain English."""
    return [each.id for each in claims if each.id not in said]
