"""Everything that the rule of composition uses, as text: loops, lemmas with their proofs, and which claim rests on which.

The text is of S-expressions, with terms as in SMT-LIB. Whoever has it can make the obligations again, and needs
nothing of this project for that: ``proofs/checker/check_proofs.py`` does. The same claims give the same text.
docs/proof-format.md has the grammar.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from attrs import field, frozen

from ..words.smtlib import symbol, written
from ..words.word import Term, Word, inputs
from .claim import Claim, Expected, Part
from .theorem import Induction, Lemma, Loop, Run, Statement, Steps, Use

VERSION = 1


@frozen
class _Names:
    """The names that loops and lemmas have in the file: no two loops the same, and no two lemmas."""

    loops: dict[Loop, str] = field(factory=dict)
    lemmas: dict[Lemma, str] = field(factory=dict)


def proof_text(
    claims: Iterable[Claim], files: Mapping[Lemma, tuple[str, ...]], unproved: Iterable[Lemma]
) -> str:
    """The claims and all lemmas, each after those that it uses, with the ``files`` of its obligations.

    ``unproved`` are those which aren't expected to hold. Raises ValueError for names of inputs that can't be told apart.
    """
    names = _Names()
    unproved = set(unproved)
    lines = [f"(ptproof-proofs {VERSION})"]
    for lemma, obligations in files.items():
        for run in lemma.statement.runs:
            if run.loop not in names.loops:
                names.loops[run.loop] = _told_apart(run.loop.name, names.loops.values())
                lines.extend(_loop(run.loop, names))
        names.lemmas[lemma] = _told_apart(lemma.name, names.lemmas.values())
        lines.extend(_lemma(lemma, "conjecture" if lemma in unproved else "lemma", obligations, names))
    for claim in claims:
        lines.append(f"(claim {_string(claim.id)} {_string(claim.statement)}")
        lines.extend(f"  {_part(part, names)}" for part in claim.parts)
        lines[-1] += ")"
    return "\n".join(lines) + "\n"


def _told_apart(name: str, taken: Iterable[str]) -> str:
    """The name, with a number where something else has it."""
    taken = set(taken)
    numbered = (f"{name} ({number})" for number in range(2, len(taken) + 3))
    return next(each for each in chain([name], numbered) if each not in taken)


def _loop(loop: Loop, names: _Names) -> Iterator[str]:
    definitions, texts = _written([*loop.start, loop.goes_on, *loop.step])
    yield f"(loop {_string(names.loops[loop])}"
    yield f"  {_variables('parameters', loop.parameters)}"
    yield f"  {_variables('state', loop.state)}"
    yield f"  {_variables('free', loop.free)}"
    yield from definitions
    yield f"  {_terms('start', loop.start, texts)}"
    yield f"  (goes-on {texts[loop.goes_on]})"
    yield f"  {_terms('step', loop.step, texts)})"


def _lemma(lemma: Lemma, kind: str, files: Iterable[str], names: _Names) -> Iterator[str]:
    terms = [*_said(lemma.statement), *_used(lemma.proof)]
    definitions, texts = _written(terms)
    yield f"({kind} {_string(names.lemmas[lemma])} {_string(lemma.meaning)}"
    yield f"  {_variables('variables', inputs(terms))}"
    yield from definitions
    for each in lemma.statement.assumptions:
        yield f"  (assumption {_string(each.name)} {_string(each.meaning)} {texts[each.condition]})"
    yield from (f"  {_run(each, texts, names)}" for each in lemma.statement.runs)
    if lemma.statement.stops:
        yield "  (stops)"
    yield f"  (goal {texts[lemma.statement.goal]})"
    proof = lemma.proof
    if isinstance(proof, Induction):
        yield f"  (invariant {texts[proof.invariant]})"
        if proof.rank is not None:
            yield f"  (rank {texts[proof.rank]})"
        yield from _steps("base", proof.base, texts, names)
        yield from _steps("step", proof.step, texts, names)
        yield from _steps("end", proof.end, texts, names)
    else:
        yield from _steps("proof", proof, texts, names)
    yield f"  (obligations {' '.join(map(_string, files))}))"


def _said(statement: Statement) -> Iterator[Term]:
    """Every term of a statement."""
    yield from (each.condition for each in statement.assumptions)
    yield from (term for run in statement.runs for term in (*run.arguments, *run.result))
    yield statement.goal


def _used(proof: Steps | Induction) -> Iterator[Term]:
    """Every term of a proof."""
    every = [proof] if isinstance(proof, Steps) else [proof.base, proof.step, proof.end]
    if isinstance(proof, Induction):
        yield proof.invariant
        yield from () if proof.rank is None else (proof.rank,)
    for steps in every:
        yield from (term for use in steps.uses for term in use.at.values())
        yield from steps.generalise


def _steps(part: str, steps: Steps, texts: Mapping[Term, str], names: _Names) -> Iterator[str]:
    yield f"  ({part}"
    yield from (f"    {_use(each, texts, names)}" for each in steps.uses)
    yield f"    {_terms('generalise', steps.generalise, texts)})"


def _use(use: Use, texts: Mapping[Term, str], names: _Names) -> str:
    at = "".join(f" ({symbol(variable)} {texts[term]})" for variable, term in use.at.items())
    return f"({'implied' if use.implied else 'use'} {_string(names.lemmas[use.lemma])}{at})"


def _run(run: Run, texts: Mapping[Term, str], names: _Names) -> str:
    arguments, result = _terms("arguments", run.arguments, texts), _terms("result", run.result, texts)
    return f"(run {_string(names.loops[run.loop])} {arguments} {result})"


def _part(part: Part, names: _Names) -> str:
    by_proof = part.reached == (part.expected is Expected.REFUTED)
    lemmas = "".join(f" {_string(names.lemmas[each])}" for each in part.lemmas)
    ground = "example" if not by_proof else "proof" if lemmas else "search"
    return f"(part {_string(part.name)} {part.expected.value} ({ground}{lemmas}))"


def _written(terms: Iterable[Term]) -> tuple[list[str], dict[Term, str]]:
    """The lines that name shared terms, and how each term is written."""
    terms = list(terms)
    definitions, texts = written(terms, Counter(terms))
    return [f"  (term {texts[each]} {text})" for each, text in definitions.items()], texts


def _variables(title: str, words: Iterable[Word]) -> str:
    return f"({' '.join([title, *(f'({symbol(each)} {each.width})' for each in words)])})"


def _terms(title: str, terms: Iterable[Term], texts: Mapping[Term, str]) -> str:
    return f"({' '.join([title, *(texts[each] for each in terms)])})"


def _string(text: str) -> str:
    """Text in quotation marks; one within it is written twice, as in SMT-LIB."""
    return '"' + text.replace('"', '""') + '"'
