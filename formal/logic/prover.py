"""Decides claims: has every obligation discharged, looks for witnesses, and has the machine replay them.

Nothing here looks at the verdict that is expected. A part is proved when its lemma and all that it rests on
are discharged and its assumptions can be met; it is refuted by values that break it and that the machine
confirms. Where model and machine disagree, or two solvers, that is an Error.

Obligations go to every solver that is asked to judge; whatever is looked for, Z3 looks for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from time import monotonic
from typing import Final

from attrs import evolve, frozen

from ..solvers.answer_cache import Cache
from ..solvers.solver import SECONDS, Z3, Answer, Solver
from ..solvers.solver_threads import Progress, Team
from ..words.smtlib import query_text
from ..words.word import TRUE, Truth, Word, all_of, evaluate, inputs
from .claim import Claim, Expected, Part
from .rule import Obligation, UnsoundStep, lemmas_of, obligations
from .search import Found, easily_met, find, question
from .solver_agreement import Opinion, backing, opinion
from .theorem import Lemma, Statement
from .verdict import (
    Error,
    MachineDisagreesError,
    Need,
    Proved,
    Refuted,
    Severity,
    Unknown,
    Vacuous,
    Verdict,
    Witness,
)

STATUS: Final = {Severity.UNKNOWN: 3, Severity.VACUOUS: 4, Severity.ERROR: 70}
NOTHING_SELECTED: Final = 5
SMALL: Final = 1 << 20
"""Below this, words are looked among first where any will do: a third of the work, all lemmas together."""


@frozen(kw_only=True)
class LemmaResult:
    """What became of a lemma's own obligations: ``opinions`` has what the solvers say of each.

    ``contradictory`` says that its assumptions can't be met; ``unsound`` that its proof breaks a rule.
    ``spent`` is in Z3's unit of work, ``seconds`` and ``slowest`` (of one question) are not stable.
    """

    lemma: Lemma
    opinions: tuple[Opinion, ...] = ()
    contradictory: bool = False
    unsound: str = ""
    spent: int = 0
    seconds: float = 0.0
    slowest: float = 0.0

    @property
    def obligations(self) -> int:
        """How many obligations it has."""
        return len(self.opinions)

    @cached_property
    def open(self) -> tuple[tuple[Obligation, Answer], ...]:
        """The obligations that are not discharged, with the answer that says most."""
        return tuple((each.obligation, each.against) for each in self.opinions if not each.discharged)

    @cached_property
    def disputed(self) -> tuple[Opinion, ...]:
        """Where one solver contradicts another."""
        return tuple(each for each in self.opinions if each.disputed)

    @property
    def discharged(self) -> bool:
        """Whether the lemma follows from those that it uses."""
        return not (self.open or self.unsound)


@frozen(kw_only=True)
class PartDecision:
    """The verdict on a part of a claim.

    ``solvers`` is by how many each obligation of its proof was discharged, at least; 0 where nothing was proved.
    """

    part: Part
    verdict: Verdict
    solvers: int = 0

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that the part carries."""
        wanted = Proved if self.part.expected is Expected.PROVED else Refuted
        return isinstance(self.verdict, wanted)


@frozen(kw_only=True)
class Decision:
    """The verdicts on a claim's parts, in their order."""

    claim: Claim
    parts: tuple[PartDecision, ...]

    @property
    def as_expected(self) -> bool:
        """Whether every part got the verdict expected."""
        return all(each.as_expected for each in self.parts)

    @property
    def solvers(self) -> int:
        """By how many solvers each obligation of its proofs was discharged, at least; 0 where nothing was proved."""
        return min((each.solvers for each in self.parts if each.solvers), default=0)

    @property
    def worst(self) -> PartDecision:
        """The first of the parts with the worst verdict: a claim is refuted when a part is."""
        return max(self.parts, key=lambda each: each.verdict.severity)

    @property
    def severity(self) -> Severity:
        """That of the worst part."""
        return self.worst.verdict.severity

    @property
    def status(self) -> int:
        """The exit status that the claim alone would give."""
        return STATUS.get(self.severity, 0 if self.as_expected else 1)


@frozen(kw_only=True)
class ProofRun:
    """All that one run of the prover settled; ``lemmas`` each come after those that they use.

    ``solvers`` judged the obligations. Of the ``asked`` questions the cache answered ``kept``.
    """

    decisions: tuple[Decision, ...]
    lemmas: tuple[LemmaResult, ...]
    seconds: float
    solvers: tuple[str, ...] = (Z3,)
    asked: int = 0
    kept: int = 0

    @property
    def times(self) -> dict[str, float]:
        """How long each solver took for all the obligations, in seconds; not stable."""
        opinions = [each for lemma in self.lemmas for each in lemma.opinions]
        return {name: sum(each.answers[name].seconds for each in opinions) for name in self.solvers}

    @property
    def status(self) -> int:
        """The worst exit status of all; 5 when nothing was selected."""
        return max((each.status for each in self.decisions), default=NOTHING_SELECTED)


def prove(
    claims: Iterable[Claim],
    *,
    jobs: int = 2,
    seconds: float = SECONDS,
    progress: Progress | None = None,
    solvers: Sequence[str] = (Z3,),
    cache: Cache | None = None,
) -> ProofRun:
    """Decide every claim, ``jobs`` questions at a time, each killed after ``seconds``.

    ``solvers`` judge the obligations; ``cache`` has what they said before.
    """
    claims = tuple(claims)
    began = monotonic()
    parts = [part for claim in claims for part in claim.parts]
    lemmas = lemmas_of(lemma for part in parts for lemma in part.lemmas)
    with Team(jobs, seconds, len(lemmas) + len(parts), progress, solvers, cache) as team:
        settled = team.each(
            lemmas, lambda lemma: lemma.name, lambda panel, lemma: settle(panel.searcher, lemma, panel.judges)
        )
        results = {result.lemma: result for result in settled}
        decided = iter(
            team.each(
                parts,
                lambda part: part.lemma.name,
                lambda panel, part: _decide(panel.searcher, part, results),
            )
        )
    return ProofRun(
        decisions=tuple(
            Decision(claim=claim, parts=tuple(next(decided) for _ in claim.parts)) for claim in claims
        ),
        lemmas=tuple(settled),
        seconds=monotonic() - began,
        solvers=tuple(solvers),
        asked=sum(each.asked for each in team.processes),
        kept=sum(each.kept for each in team.processes),
    )


def settle(solver: Solver, lemma: Lemma, judges: Sequence[Solver] = ()) -> LemmaResult:
    """Have the judges, or else the solver, discharge a lemma's own obligations.

    That its assumptions can be met is seen by some values that meet them, or else asked of the solver.
    """
    try:
        wanted = obligations(lemma)
    except UnsoundStep as error:
        return LemmaResult(lemma=lemma, unsound=str(error))
    opinions = tuple(opinion(judges or (solver,), each) for each in wanted)
    met = tuple(_met(solver, lemma.statement.given))
    answers = [(name, answer) for each in opinions for name, answer in each.answers.items()]
    answers += [(Z3, each) for each in met]
    return LemmaResult(
        lemma=lemma,
        opinions=opinions,
        contradictory=met[-1].status == "unsat",
        spent=sum(each.spent for name, each in answers if name == Z3),
        seconds=sum(each.seconds for _, each in answers),
        slowest=max(each.seconds for _, each in answers),
    )


def _met(solver: Solver, given: Truth) -> Iterator[Answer]:
    """What says whether assumptions can be met, the last answer: the solver looks among small words first."""
    if easily_met(given):
        yield Answer(status="sat")
        return
    small = all_of(each < SMALL for each in inputs([given]) if each.width > SMALL.bit_length())
    among_small = solver.ask([given, small])
    yield among_small
    if among_small.status != "sat":
        yield solver.ask([given])


def _decide(solver: Solver, part: Part, results: Mapping[Lemma, LemmaResult]) -> PartDecision:
    verdict = judge(solver, part, results)
    proof = lemmas_of(part.lemmas) if isinstance(verdict, Proved | Refuted) and verdict.lemmas else ()
    return PartDecision(
        part=part,
        verdict=verdict,
        solvers=backing(each for lemma in proof for each in results[lemma].opinions),
    )


def judge(solver: Solver, part: Part, results: Mapping[Lemma, LemmaResult]) -> Verdict:
    """The verdict on a part, given what became of the lemmas that its proof rests on."""
    disputed = [each for lemma in lemmas_of(part.lemmas) for each in results[lemma].disputed]
    if disputed:
        return Error(
            why=f"SOLVERS DISAGREE: {'; '.join(each.says for each in disputed)}",
            queries=tuple(each.query for each in disputed),
        )
    try:
        return _judged(solver, part, results)
    except MachineDisagreesError as error:
        return Error(why=f"MODEL AND MACHINE DISAGREE: {error}")


def _judged(solver: Solver, part: Part, results: Mapping[Lemma, LemmaResult]) -> Verdict:
    statement = part.lemma.statement
    if part.reached:
        return _judge_reached(solver, part, results)
    rests_on = lemmas_of([part.lemma])
    if all(results[each].discharged for each in rests_on):
        return _judge_proved(solver, part, tuple(results[each] for each in rests_on))
    models = [answer.model for each in rests_on for _, answer in results[each].open]
    found = Found(_breaking(part, models))
    if found.values is None:
        found = find(solver, statement, ~statement.goal, least=part.least, shape=part.shape)
    if found.values is None:
        return _unknown(found.why, [results[each] for each in rests_on], _search(part, ~statement.goal))
    witness = _witnessed(part, found.values)
    if witness.replay.holds is True:
        return _disagreement("refuted by the model, but it holds on the machine", witness)
    if witness.replay.holds is None:
        return _unconfirmed(witness, _search(part, ~statement.goal))
    return Refuted(witness=evolve(witness, unique=_is_unique(solver, statement, found.values)))


def _judge_proved(solver: Solver, part: Part, rests_on: Sequence[LemmaResult]) -> Verdict:
    """Whether the assumptions of a part that is proved can be met, and which of them it needs."""
    statement = part.lemma.statement
    for each in rests_on:
        if each.contradictory:
            return Vacuous(why=f"the assumptions of {each.lemma.name} contradict each other")
    found = find(solver, statement, TRUE, least=part.least, shape=part.shape)
    if found.values is None:
        return _no_example(part, found)
    example = _witnessed(part, found.values)
    if example.replay.holds is False:
        return _disagreement("proved by the model, but it fails on the machine", example)
    needs = []
    for assumption in statement.assumptions:
        shape = part.without.get(assumption.name, TRUE)
        broken = find(
            solver, statement, ~statement.goal, least=part.least, shape=shape, without=assumption.name
        )
        witness = None if broken.values is None else _witnessed(part, broken.values)
        if witness is not None and witness.replay.holds is True:
            return _disagreement(
                f"fails in the model without {assumption.name}, but not on the machine", witness
            )
        needed = True if witness else False if broken.none and shape is TRUE else None
        needs.append(
            Need(assumption=assumption.name, meaning=assumption.meaning, needed=needed, witness=witness)
        )
    return Proved(lemmas=tuple(each.lemma.name for each in rests_on), example=example, needs=tuple(needs))


def _judge_reached(  # noqa: PLR0911 - one for each verdict
    solver: Solver, part: Part, results: Mapping[Lemma, LemmaResult]
) -> Verdict:
    """A part that says that something is reached: an example proves it, a lemma that forbids it refutes it."""
    statement = part.lemma.statement
    rests_on = [results[each] for each in lemmas_of(part.lemmas)]
    proved = bool(rests_on) and all(each.discharged for each in rests_on)
    found = Found(None, none=True)
    if not proved:
        found = find(solver, statement, statement.goal, least=part.least, shape=part.shape)
    if found.values is not None:
        example = _witnessed(part, found.values)
        if example.replay.holds is False:
            return _disagreement("reached in the model, but not on the machine", example)
        if example.replay.holds is None:
            return _unconfirmed(example, _search(part, statement.goal))
        return Proved(lemmas=(), example=example)
    excluded = found.none and part.shape is TRUE and not statement.runs  # a proof that needs no lemma
    if not (proved or excluded):
        why = found.why or "no values reach it, and that none do is not proved"
        return _unknown(why, rests_on, _search(part, statement.goal))
    nearest = find(solver, statement, TRUE, least=part.least, shape=part.shape)
    if nearest.values is None:
        return _no_example(part, nearest)
    witness = _witnessed(part, nearest.values)
    if witness.replay.holds is True:
        return _disagreement("impossible in the model, but reached on the machine", witness)
    return Refuted(witness=witness, lemmas=tuple(each.lemma.name for each in rests_on) if proved else ())


def _unconfirmed(witness: Witness, query: tuple[str, str]) -> Unknown:
    """The verdict where values were found that the machine can't execute."""
    values = ", ".join(f"{name} = {value:#x}" for name, value in witness.values.items())
    return Unknown(
        why=f"found, but not confirmed by the machine: {values}: {witness.replay.says}",
        hint="give the part a shape in which there are smaller values",
        queries=(query,),
    )


def _no_example(part: Part, found: Found) -> Verdict:
    """The verdict where no values that meet the assumptions were found."""
    if found.none and part.shape is TRUE:
        return Vacuous(why="nothing meets the assumptions")
    return Unknown(
        why=f"no example of the assumptions was found: {found.why or 'none of the shape given'}",
        hint="give the part another shape to look for one in, or ask another solver for the exported query",
        queries=(_search(part, TRUE),),
    )


def _witnessed(part: Part, values: Mapping[Word, int]) -> Witness:
    by_name = {str(each.value): value for each, value in values.items()}
    states = {each for run in part.lemma.statement.runs if len(run.result) > 1 for each in run.result}
    replay = part.replay(by_name)
    return Witness(
        values=by_name if replay.at is None else replay.at,
        replay=replay,
        states=frozenset(str(each.value) for each in states.difference(part.least)),
    )


def _breaking(part: Part, models: Iterable[Mapping[str, int]]) -> dict[Word, int] | None:
    """The first of what was found against obligations that breaks a part, too, where any values will do: nobody need look for some."""
    statement = part.lemma.statement
    if statement.runs or part.least or part.shape is not TRUE:
        return None
    for model in models:
        values = {each: model.get(str(each.value), 0) for each in statement.variables}
        if evaluate(statement.given & ~statement.goal, values):
            return values
    return None


def _is_unique(solver: Solver, statement: Statement, values: Mapping[Word, int]) -> bool | None:
    """Whether no other values break the statement; not known when it speaks of a loop or the solver gives up."""
    if statement.runs:
        return None
    same = all_of(each == values[each] for each in statement.variables)
    other = [statement.given, ~statement.goal, ~same]
    if easily_met(all_of(other), tuple(values.items())):
        return False
    return {"sat": False, "unsat": True}.get(solver.ask(other).status)


def _disagreement(why: str, witness: Witness) -> Error:
    return Error(
        why=f"MODEL AND MACHINE DISAGREE: {why}; the machine saw: {witness.replay.says}", witness=witness
    )


def _search(part: Part, goal: Truth) -> tuple[str, str]:
    """The question that a search for values began with, by name."""
    name = f"{part.lemma.name}/search"
    return name, query_text(question(part.lemma.statement, goal, shape=part.shape), [name])


def _unknown(why: str, rests_on: Iterable[LemmaResult], search: tuple[str, str]) -> Verdict:
    """What is open, with its queries as text, the ``search`` among them where nothing else is.

    A proof that breaks a rule is the tool's own error.
    """
    rests_on = list(rests_on)
    for each in rests_on:
        if each.unsound:
            return Error(why=f"unsound proof: {each.unsound}")
    still_open = [(each, answer) for result in rests_on for each, answer in result.open]
    names = ", ".join(f"{each.name} ({_said(answer)})" for each, answer in still_open)
    return Unknown(
        why="; ".join(filter(None, [f"not discharged: {names}" if names else "", why])),
        hint="split the obligation by another lemma, or ask another solver for the exported query",
        queries=tuple((each.name, query_text(each.conditions, [each.name])) for each, _ in still_open)
        or (search,),
    )


def _said(answer: Answer) -> str:
    """What the solver said instead of refuting an obligation."""
    return answer.why or ("does not follow" if answer.status == "sat" else answer.status)
