"""A run of the prover as one page of HTML: what was decided, why it holds, what breaks it, and what is assumed.

The page needs no network and no script; with a script it has filters. It has no times in it: the same run gives the
same bytes. All that comes from claims and lemmas is escaped, and the page's policy lets no script run but its own.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Final

from attrs import Factory, define

from ..edge.errors import InputError
from ..edge.outside import markup
from ..images.layout_options import command_of
from ..layouts.arrangement import arrangement
from ..layouts.layout import Layout
from ..layouts.notation import legend, number
from ..logic.claim import Claim
from ..logic.prover import Decision, LemmaResult, PartDecision, ProofRun
from ..logic.rule import lemmas_of, used_by
from ..logic.theorem import Lemma
from ..logic.verdict import Error, Need, Proved, Refuted, Severity, Witness
from ..machine.replay import Report
from ..pictures.lemma_graph import lemma_graph
from ..pictures.picture import picture_of
from ..pictures.picture_style import definitions, style
from ..pictures.picture_svg import picture_svg
from ..pictures.svg import element
from .proof_report import Queries, assumptions_made, counted, need_told, proving, summary, why
from .report_style import SCRIPT, STYLE

_SIGNS: Final = {"proved": "✓", "refuted": "✗", "unknown": "?", "vacuous": "∅", "error": "!"}


@define
class _Page:
    """What is known while the page is written: where lemmas are described, and which pictures exist already."""

    run: ProofRun
    queries: Queries
    meanings: Mapping[str, str]
    results: dict[Lemma, LemmaResult]
    links: dict[Lemma, str]
    pictures: dict[tuple[Layout, Report], str] = Factory(dict)


def report_page(run: ProofRun, queries: Queries, meanings: Mapping[str, str]) -> str:
    """The page. ``queries`` are the files of open queries, ``meanings`` says in plain English what claims mean."""
    page = _Page(
        run=run,
        queries=queries,
        meanings=meanings,
        results={each.lemma: each for each in run.lemmas},
        links={each.lemma: f"#lemma-{index}" for index, each in enumerate(run.lemmas, start=1)},
    )
    body = [
        _header(page),
        _filters(run),
        _claims_table(run),
        _assumptions(run),
        *(_claim(page, each) for each in run.decisions),
        _lemmas(page),
    ]
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{markup(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>ptproof: {counted(len(run.decisions), 'claim')} decided</title>",
            f"<style>{STYLE}{style()}</style>",
            "</head>",
            "<body>",
            f'<svg width="0" height="0" aria-hidden="true" class="patterns">{definitions()}</svg>',
            *body,
            f"<script>{SCRIPT}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _header(page: _Page) -> str:
    run = page.run
    found = Counter(each.severity for each in run.decisions)
    counts = [
        element(
            "li",
            _badge(severity.name.lower()),
            f" {found[severity]}",
            class_=f"count-{severity.name.lower()}",
        )
        for severity in Severity
    ]
    proved = [each for each in run.lemmas if each.discharged]
    spent = sum(each.spent for each in run.lemmas)
    obligations = counted(sum(each.obligations for each in proved), "obligation")
    work = (
        f"{counted(len(proved), 'lemma')}, {obligations}, {spent:,} units of work (rlimit). "
        f"ptproof {version('ptproof')}, Z3 {version('z3-solver')}."
    )
    letters = legend(" ".join(each.claim.statement for each in run.decisions))
    told = [element("p", markup(each), class_="verdict") for each in list(summary(run, quiet=True))[1:]]
    return element(
        "header",
        element("h1", "What was decided of nr_pt_pages"),
        element("p", f"{counted(len(run.decisions), 'claim')} decided:"),
        element("ul", *counts, class_="counts"),
        *told,
        element("p", markup(work)),
        *([element("p", markup(f"{letters}."))] if letters else []),
    )


def _filters(run: ProofRun) -> str:
    """Hidden until the script shows it: without a script it would do nothing."""
    families = dict.fromkeys(each.claim.family for each in run.decisions)
    verdicts = dict.fromkeys(each.severity.name.lower() for each in run.decisions)
    return element(
        "form",
        element("label", "Family ", _select("family", families)),
        element("label", "Verdict ", _select("verdict", verdicts)),
        element("label", "Text ", '<input type="search" id="filter-text" autocomplete="off">'),
        element("output", f"{counted(len(run.decisions), 'claim')} shown", id="shown"),
        id="filters",
        hidden="hidden",
    )


def _select(name: str, values: Iterable[str]) -> str:
    options = [f'<option value="{markup(each)}">{markup(each)}</option>' for each in values]
    return element("select", '<option value="">all</option>', *options, id=f"filter-{name}")


def _claims_table(run: ProofRun) -> str:
    heads = ("Claim", "Family", "Verdict", "It says", "Parts", "Lemmas")
    return element(
        "section",
        element("h2", "Claims"),
        element(
            "table",
            element("thead", element("tr", *(element("th", each, scope="col") for each in heads))),
            element("tbody", *(_claim_row(each) for each in run.decisions)),
            class_="claims",
        ),
        id="claims",
    )


def _claim_row(decision: Decision) -> str:
    claim = decision.claim
    first = claim.statement.strip().splitlines()[0] if claim.statement.strip() else ""
    cells = [
        element("th", element("a", markup(claim.id), href=f"#claim-{claim.id}"), scope="row"),
        element("td", markup(claim.family)),
        element("td", _decided(decision)),
        element("td", markup(first) or "&nbsp;"),
        element("td", str(len(decision.parts)), class_="number"),
        element("td", str(len(lemmas_of(_settling(decision)))), class_="number"),
    ]
    return f"<tr {_filtered(decision)}>{''.join(cells)}</tr>\n"


def _filtered(decision: Decision) -> str:
    """The attributes that the filters look at."""
    claim = decision.claim
    words = " ".join((claim.id, claim.family, claim.statement, claim.sentence, claim.cure or ""))
    text = " ".join(words.lower().split())
    verdict = decision.severity.name.lower()
    return (
        f'data-claim="{markup(claim.id)}" data-family="{markup(claim.family)}" data-verdict="{verdict}" '
        f'data-text="{markup(text)}"'
    )


def _settling(decision: Decision) -> tuple[Lemma, ...]:
    return tuple(lemma for each in decision.parts for lemma in proving(each))


def _badge(word: str) -> str:
    """A verdict with its sign, so that no colour is needed."""
    return element("span", f"{_SIGNS[word]} {word}", class_=f"badge {word}")


def _decided(decision: Decision | PartDecision) -> str:
    severity = decision.severity if isinstance(decision, Decision) else decision.verdict.severity
    badge = _badge(severity.name.lower())
    return badge if decision.as_expected else f"{badge} <strong>NOT AS EXPECTED</strong>"


def _assumptions(run: ProofRun) -> str:
    """Every assumption in force, and the claims that make it; the claim says why each is needed."""
    made = assumptions_made(run)
    if not made:
        return element(
            "section", element("h2", "Assumptions"), element("p", "Nothing is assumed."), id="assumptions"
        )
    rows = [
        element(
            "tr",
            element("th", markup(name), scope="row"),
            element("td", markup(meaning)),
            element("td", ", ".join(f'<a href="#claim-{markup(each)}">{markup(each)}</a>' for each in ids)),
        )
        for (name, meaning), ids in made.items()
    ]
    heads = element(
        "tr", *(element("th", each, scope="col") for each in ("Assumption", "Meaning", "Made for"))
    )
    table = element("table", element("thead", heads), element("tbody", *rows))
    return element("section", element("h2", "Assumptions"), table, id="assumptions")


def _claim(page: _Page, decision: Decision) -> str:
    claim = decision.claim
    content = [
        element("h2", f"{markup(claim.id)} ", _decided(decision)),
        element("p", markup(claim.family), class_="family"),
        *_statement(page, claim),
    ]
    for each in decision.parts:
        content += _part(page, claim, each)
    settling = _settling(decision)
    if settling:
        content.append(_graph(page, decision, settling))
    return f'<section class="claim" id="claim-{markup(claim.id)}" {_filtered(decision)}>{"".join(content)}</section>'


def _statement(page: _Page, claim: Claim) -> Iterator[str]:
    for paragraph in claim.statement.split("\n\n"):
        yield element("p", markup(" ".join(paragraph.split())) or "&nbsp;", class_="statement")
    if claim.id in page.meanings:
        yield element("p", markup(page.meanings[claim.id]))
    quoted = element("p", f"“{markup(claim.sentence)}”")
    yield element("blockquote", quoted, element("footer", markup(claim.source) or "&nbsp;"))
    if claim.cure:
        yield element("p", element("strong", "What makes it true:"), f" {markup(claim.cure)}", class_="cure")


def _part(page: _Page, claim: Claim, decision: PartDecision) -> Iterator[str]:
    part, verdict = decision.part, decision.verdict
    yield element("h3", f"{markup(part.name)}: ", _decided(decision))
    says = f"There are words with: {part.lemma.meaning}" if part.reached else part.lemma.meaning
    yield element("p", markup(says), class_="statement")
    needs = {each.assumption: each for each in verdict.needs} if isinstance(verdict, Proved) else {}
    made = part.lemma.statement.assumptions
    if made:
        rows = [
            element(
                "tr",
                element("th", markup(each.name), scope="row"),
                element("td", markup(each.meaning)),
                element("td", _need(needs.get(each.name))),
            )
            for each in made
        ]
        heads = ("Assumes", "Meaning", "Why it is needed")
        head = element("thead", element("tr", *(element("th", each, scope="col") for each in heads)))
        yield element("table", head, element("tbody", *rows), class_="needs")
    match verdict:
        case Proved():
            title = "Reached, for example, by" if part.reached else "An example, so that it isn't empty"
            yield from _witness(page, claim, verdict.example, title, drawn=part.reached)
        case Refuted():
            yield from _witness(page, claim, verdict.witness, "What refutes it", drawn=True)
        case _:
            yield element("ul", *(element("li", markup(each)) for each in why(verdict, page.queries)))
            if isinstance(verdict, Error) and verdict.witness is not None:
                yield from _witness(page, claim, verdict.witness, "Where", drawn=True)


def _need(need: Need | None) -> str:
    return "not asked, as the part isn't proved" if need is None else markup(need_told(need))


def _values(witness: Witness) -> str:
    return ", ".join(
        f"<code>{markup(name)}&nbsp;=&nbsp;{number(value)}</code>" for name, value in witness.case.items()
    )


def _witness(page: _Page, claim: Claim, witness: Witness, title: str, *, drawn: bool) -> Iterator[str]:
    """Values, what the machine saw, and its layouts as pictures and as commands."""
    yield element(
        "p", element("strong", f"{markup(title)}:"), f" {_values(witness)}: {markup(witness.replay.seen)}."
    )
    if not drawn:
        return
    for run_title, layout, report in witness.replay.runs:
        known = page.pictures.get((layout, report))
        if known is not None:
            yield element("p", f"{markup(run_title)}: ", element("a", "drawn above", href=f"#{known}"))
            continue
        name = f"picture-{len(page.pictures) + 1}"
        page.pictures[layout, report] = name
        content = [element("summary", f"Picture: {markup(run_title)}")]
        try:
            content.append(picture_svg(picture_of(layout, report=report), name=name, alone=False))
        except InputError as error:
            content.append(element("p", markup(str(error))))
        command = command_of(layout)
        shown = [arrangement(layout, prefix="(XEN) "), *([f"{command}\n"] if command else [])]
        shown.append(f"ptproof counterexample {claim.id}\n" if witness.replay.holds is False else "")
        content.append(element("pre", markup("".join(shown))))
        yield element("details", *content, id=name, open="open", class_="drawn")


def _graph(page: _Page, decision: Decision, settling: tuple[Lemma, ...]) -> str:
    lemmas = lemmas_of(settling)
    tops = {lemma: each.part.name for each in decision.parts for lemma in proving(each)}
    obligations = sum(page.results[each].obligations for each in lemmas)
    spent = sum(page.results[each].spent for each in lemmas)
    told = f"{counted(len(lemmas), 'lemma')}, {counted(obligations, 'obligation')}, {spent:,} units of work"
    graph = lemma_graph(lemmas, page.results, tops, page.links, f"The lemmas of {decision.claim.id}: {told}")
    summary_line = element("summary", f"The proof: {told}")
    note = element(
        "p",
        "Each lemma rests on those that are indented below it, and on those named after ↗. In bold: what a part states.",
    )
    return element("details", summary_line, note, element("div", graph, class_="wide"), class_="graph")


def _lemmas(page: _Page) -> str:
    if not page.run.lemmas:
        return element("section", element("h2", "Lemmas"), element("p", "None."), id="lemmas")
    heads = ("Lemma", "Says", "Rests on", "Obligations", "Work")
    head = element("thead", element("tr", *(element("th", each, scope="col") for each in heads)))
    rows = [_lemma_row(page, each) for each in page.run.lemmas]
    table = element("table", head, element("tbody", *rows))
    return element("section", element("h2", "Lemmas"), element("div", table, class_="wide"), id="lemmas")


def _lemma_row(page: _Page, result: LemmaResult) -> str:
    lemma = result.lemma
    uses = ", ".join(f'<a href="{page.links[each]}">{markup(each.name)}</a>' for each in used_by(lemma))
    state = "" if result.discharged else " <strong>not proved</strong>"
    return element(
        "tr",
        element("th", markup(lemma.name), state, scope="row"),
        element("td", markup(lemma.meaning)),
        element("td", uses or "the solver alone"),
        element("td", f"{result.obligations:,}", class_="number"),
        element("td", f"{result.spent:,}", class_="number"),
        id=page.links[lemma][1:],
    )
