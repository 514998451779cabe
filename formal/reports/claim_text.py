"""A claim and its verdict, to be read from the top: ``ptproof show`` and ``counterexample``.

A letter says first the outcome of the claim, then what the claim is and whose sentence it decides, then how it is
known. Lines are no wider than a terminal's 80 columns, but for what would be broken by that: commands, arrangements.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Final

from attrs import evolve

from ..images.layout_options import command_of
from ..layouts.arrangement import arrangement
from ..layouts.notation import legend, number, short_case
from ..logic.claim import Claim, Part
from ..logic.prover import Decision, LemmaResult, PartDecision
from ..logic.rule import lemmas_of, used_by
from ..logic.theorem import Induction, Lemma
from ..logic.verdict import Proved, Refuted, Severity, Witness
from .invariants import Entry, told_assumptions
from .proof_report import (
    Queries,
    counted,
    grade,
    in_one_line,
    indented,
    need_told,
    proving,
    why,
    word_of,
)

WIDTH: Final = 80
_TERM: Final = re.compile(r"\w\((?:[^()]|\([^()]*\)){1,24}\)")
"""A function of something short, such as f(S, V(n)), which a line doesn't break."""
_MOST_USED: Final = 3
"""How many lemmas of a last step are listed."""


def first_screen(decision: Decision, entry: Entry, queries: Queries) -> Iterator[str]:
    """What a claim says, the outcome, what is assumed and why, and its parts: what fits a screen.

    ``entry`` is the claim's in the document of what holds.
    """
    claim = decision.claim
    yield from _title(decision)
    yield ""
    if entry.meaning:
        yield from _wrapped(entry.meaning)
        yield ""
    statement, *more = claim.statement.split("\n\n")
    yield from _wrapped(" ".join(statement.split()), 2)
    yield ""
    assumed = list(told_assumptions(_without_needs(entry)))
    yield "Assumed:" if assumed else "Nothing is assumed."
    for each in assumed:
        yield from _wrapped(each, 2, hanging=2)
    yield ""
    worst = decision.worst
    if worst.verdict.severity <= Severity.REFUTED:
        yield "Why:"
        yield from _wrapped(" ".join(_reasons(decision, worst)), 2)
    for line in why(worst.verdict, queries) if worst.verdict.severity > Severity.REFUTED else ():
        yield from _wrapped(line, 2)
    if len(decision.parts) > 1:
        yield ""
        yield "Its parts:"
        for said in _parts(decision):
            yield from _wrapped(said, 2, hanging=2)
    yield ""
    yield from _below_why(claim, entry, more)
    lemmas = lemmas_of(lemma for each in decision.parts for lemma in proving(each))
    below = f"the {counted(len(lemmas), 'lemma')} that it rests on" if lemmas else "each part by itself"
    yield f"'ptproof show {claim.id} --lemmas' has {below}."


def _below_why(claim: Claim, entry: Entry, more: Sequence[str]) -> Iterator[str]:
    """What each assumption is needed for, the statement's other paragraphs, the sentence, and the letters."""
    needs = dict.fromkeys(f"{each.name}: {each.why}" for each in entry.assumptions if each.why)
    if needs:
        yield "Why it is assumed:"
        for need in needs:
            yield from _wrapped(need, 2, hanging=2)
        yield ""
    for paragraph in more:
        yield from _wrapped(" ".join(paragraph.split()))
        yield ""
    yield from _wrapped(f"It decides: “{claim.sentence}” ({claim.source})")
    used = legend(claim.statement.replace("room", ""))  # that is among what is assumed
    if used:
        yield from _wrapped(f"({used})")


def letter(
    decision: Decision,
    results: Mapping[Lemma, LemmaResult],
    queries: Queries,
    meaning: str | None = None,
) -> Iterator[str]:
    """All about one claim and its verdict, with its lemmas; ``meaning`` is what it means in plain English."""
    claim = decision.claim
    yield from _title(decision)
    if meaning:
        yield ""
        yield from _wrapped(meaning)
    yield ""
    yield from _statement(claim)
    yield ""
    yield from _sentence_decided(claim)
    if claim.cure:
        yield ""
        yield "What makes it true:"
        yield from _wrapped(_sentence(claim.cure), 2)
    told: set[int] = set()
    for index, each in enumerate(decision.parts, start=1):
        yield ""
        number_of_it = f"Part {index} of {len(decision.parts)}: " if len(decision.parts) > 1 else ""
        expected = _expected(each.as_expected, each.part.expected.value)
        yield from _wrapped(
            f"{number_of_it}{each.part.name}. {word_of(each.verdict).capitalize()}, {expected}."
        )
        yield from _part_lines(each, results, queries, told)


def _without_needs(entry: Entry) -> Entry:
    """The entry without what each assumption is needed for; that one isn't needed stays."""
    assumed = (evolve(each, why=each.why if "NOT NEEDED" in each.why else "") for each in entry.assumptions)
    return evolve(entry, assumptions=tuple(assumed))


def _title(decision: Decision) -> Iterator[str]:
    claim = decision.claim
    word = word_of(decision.worst.verdict)
    yield f"{claim.id} ({claim.family}) is {word}, {_expected(decision.as_expected, claim.expected.value)}."


def _reasons(decision: Decision, worst: PartDecision) -> Iterator[str]:
    """Why it is proved or refuted, in three sentences: by the part that decides it."""
    match worst.verdict:
        case Proved(example=example):
            yield from _proofs(decision)
            yield f"For example, {in_one_line(example)}."
        case Refuted(witness=witness):
            if worst.part.reached:
                yield f"That nothing reaches it is {_settled(decision)}."
                yield f"For example, {in_one_line(witness)}."
            else:
                yield f"A counterexample: {short_case(witness.case).fitted(WIDTH)}."
                yield _sentence(witness.replay.seen)
            if decision.claim.cure:
                yield f"What makes it true: {_sentence(decision.claim.cure)}"


def _proofs(decision: Decision) -> Iterator[str]:
    """How what is proved is proved, and what the last step of the first proof uses."""
    proofs = [lemma for each in decision.parts for lemma in proving(each)]
    if not proofs:
        yield "An example shows it, which the frame machine executes."
        return
    yield f"It is {_settled(decision)}."
    used = used_by(proofs[0])
    while len(used) == 1 and used_by(used[0]):
        used = used_by(used[0])
    if used:
        more = f", and {len(used) - _MOST_USED} more" if len(used) > _MOST_USED else ""
        yield f"The last step uses: {'; '.join(each.meaning for each in used[:_MOST_USED])}{more}."


def _settled(decision: Decision) -> str:
    """From how many lemmas, by which rule, and whether certificates are on record."""
    proofs = [lemma for each in decision.parts for lemma in proving(each)]
    if not proofs:
        return "the solver's answer at once"
    lemmas = lemmas_of(proofs)
    rule = "by induction over the loop " if isinstance(proofs[0].proof, Induction) else ""
    if len(lemmas) == 1 and not rule:
        return f"proved by the solver at once, {grade(lemmas)}"
    return f"proved {rule}from {counted(len(lemmas), 'lemma')}, {grade(lemmas)}"


def _parts(decision: Decision) -> Iterator[str]:
    """A line for each part; those that say the same, of several modes, share one."""
    alike: dict[tuple[str, str], list[str]] = {}
    for each in decision.parts:
        reached = "there are values with " if each.part.reached else ""
        expected = (
            "" if each.as_expected else f", {_expected(as_expected=False, wanted=each.part.expected.value)}"
        )
        said = f"{reached}{each.part.lemma.meaning}: {word_of(each.verdict)}{expected}."
        alike.setdefault((said, word_of(each.verdict)), []).append(each.part.name)
    for (said, _), names in alike.items():
        yield f"{' and '.join(names) if len(names) < 3 else f'{names[0]} and {len(names) - 1} more'}: {said}"


def smallest_first(refuted: Iterable[tuple[Part, Witness]]) -> list[tuple[Part, Witness]]:
    """The parts by the size of what refutes them: the region's, then the frames'; those without a layout come last."""

    def size(each: tuple[Part, Witness]) -> tuple[int, int]:
        layouts = [layout for _, layout, _ in each[1].replay.runs]
        return (layouts[0].total.size, layouts[0].nr_pt_pages) if layouts else (1 << 64, 0)

    return sorted(refuted, key=size)


def counterexample_letter(
    claim: Claim,
    refuted: Sequence[tuple[Part, Witness]],
    image: str | None = None,
    meaning: str | None = None,
    others: Sequence[Part] = (),
) -> Iterator[str]:
    """What refutes a claim: the sentence, then for each part the configuration, the arrangement and what was seen.

    What would have saved it comes last, and which ``others`` are refuted, too. ``image`` is a file that holds an image of the
    first layout; ``meaning`` is what the claim means in plain English.
    """
    alone = len(refuted) + len(others) == 1
    parts = "" if alone else f", in {len(refuted) + len(others)} of its parts"
    yield f"{claim.id} is refuted{parts}."
    yield ""
    yield from _sentence_decided(claim)
    yield ""
    yield "What was claimed of it:"
    if meaning:
        yield from _wrapped(meaning, 2)
        yield ""
    yield from _statement(claim)
    for index, (part, witness) in enumerate(refuted):
        yield ""
        yield from _case(claim, part, witness, image if index == 0 else None, alone=alone)
    yield ""
    yield "The precondition that would have saved it:"
    yield from _wrapped(_sentence(claim.cure or "none is known"), 2)
    used = legend(claim.statement)
    if used or others:
        yield ""
    if used:
        yield from _wrapped(f"({used})")
    if others:
        yield from _wrapped(f"Refuted, too, and shown with --all: {'; '.join(each.name for each in others)}.")


def _case(claim: Claim, part: Part, witness: Witness, image: str | None, *, alone: bool) -> Iterator[str]:
    """One part's values, as layouts to be built again, and what the machine saw of them."""
    runs = witness.replay.runs
    yield f"The configuration{'' if alone else f' that refutes it: {part.name}'}:"
    longest = max(map(len, witness.case), default=0)
    yield from (f"  {name:<{longest}} = {number(value)}" for name, value in witness.case.items())
    commands = [command_of(layout) for _, layout, _ in runs]
    commands += [command_of(runs[0][1], image)] if runs and image is not None else []
    commands += [f"ptproof counterexample {claim.id} --json FILE && ptproof replay FILE"] if runs else []
    shown = [each for each in dict.fromkeys(commands) if each is not None]
    if shown:
        yield ""
        yield "To lay it out, and to build it again:"
        yield from indented(shown, 2)
    yield ""
    if not runs:
        yield "The arrangement: none; this is about figures alone, or too large to be built."
    for title, layout, _ in runs:
        yield f"The arrangement as Xen would print it, {title}:"
        yield from indented(arrangement(layout, prefix="(XEN) ").splitlines(), 2)
    yield ""
    yield "What the frame machine saw:"
    yield from _wrapped(_sentence(witness.replay.says), 2)
    for title, _, report in runs:
        yield f"  {_sentence(title)[:-1]}:"
        for sentence in report.sentences():
            yield from _wrapped(sentence, 4)


def _statement(claim: Claim) -> Iterator[str]:
    """The statement's paragraphs."""
    for index, paragraph in enumerate(claim.statement.split("\n\n")):
        if index:
            yield ""
        yield from _wrapped(" ".join(paragraph.split()), 2)


def _sentence_decided(claim: Claim) -> Iterator[str]:
    yield "The sentence that it decides:"
    yield from _wrapped(f"“{claim.sentence}”", 2)
    yield from _wrapped(f"({claim.source})", 2)


def _expected(as_expected: bool, wanted: str) -> str:  # noqa: FBT001 - what it says
    return "as expected" if as_expected else f"EXPECTED WAS {wanted.upper()}"


def _part_lines(
    decision: PartDecision, results: Mapping[Lemma, LemmaResult], queries: Queries, told: set[int]
) -> Iterator[str]:
    part, verdict = decision.part, decision.verdict
    reached = "there are words with: " if part.reached else ""
    yield from _wrapped(f"It says: {reached}{part.lemma.meaning}.", 2)
    yield from _assumptions(decision)
    match verdict:
        case Proved():
            yield from _wrapped(f"An example: {in_one_line(verdict.example)}.", 2)
        case Refuted():
            case_of_it = "Nothing reaches it. A case" if part.reached else "It fails at"
            yield from _wrapped(f"{case_of_it}: {in_one_line(verdict.witness)}.", 2)
            if verdict.witness.unique is not None:
                yield f"  {'No other' if verdict.witness.unique else 'Other'} values show it, too."
        case _:
            for line in why(verdict, queries):
                yield from _wrapped(line, 2)
    lemmas = proving(decision)
    if lemmas:
        yield from _wrapped(_proof(lemmas[0], refuted=isinstance(verdict, Refuted)), 2)
    for lemma in lemmas:
        yield from _lemma_lines(lemma, results, told, 4)


def _assumptions(decision: PartDecision) -> Iterator[str]:
    assumptions, verdict = decision.part.lemma.statement.assumptions, decision.verdict
    needs = {need.assumption: need for need in verdict.needs} if isinstance(verdict, Proved) else {}
    if assumptions:
        yield "  It assumes:"
    for each in assumptions:
        yield from _wrapped(f"{each.name}: {each.meaning}", 4, hanging=2)
        if each.name in needs:
            yield from _wrapped(need_told(needs[each.name]), 6)


def _proof(lemma: Lemma, *, refuted: bool) -> str:
    """How the lemmas that follow settle a part, in a sentence that announces them."""
    lemmas = lemmas_of([lemma])
    count = len(lemmas)
    what = f"{'That nothing reaches it is proved' if refuted else 'Proved'}, {grade(lemmas)},"
    rule = " by induction over the loop" if isinstance(lemma.proof, Induction) else ""
    if count == 1:
        return f"{what}{rule or ' by the solver at once'}:"
    return f"{what}{rule} from {counted(count, 'lemma')}, all proved in this run:"


def _lemma_lines(
    lemma: Lemma, results: Mapping[Lemma, LemmaResult], told: set[int], spaces: int
) -> Iterator[str]:
    """A lemma, and below it those that it uses; one that was printed before is only named."""
    if id(lemma) in told:
        yield f"{' ' * spaces}{lemma.name}: see above"
        return
    told.add(id(lemma))
    state = "" if results[lemma].discharged else " (NOT PROVED)"
    yield from _wrapped(f"{lemma.name}: {lemma.meaning}{state}", spaces, hanging=4)
    for each in used_by(lemma):
        yield from _lemma_lines(each, results, told, spaces + 2)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _wrapped(text: str, spaces: int = 0, hanging: int = 0) -> list[str]:
    """The text in lines of a terminal's width, moved to the right, no equation broken."""
    held = text.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")
    held = _TERM.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), held)
    margin = " " * spaces
    lines = wrap(
        held,
        max(WIDTH, spaces + 40),
        initial_indent=margin,
        subsequent_indent=margin + " " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
