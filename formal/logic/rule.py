"""The rule of composition: from a lemma to the obligations that prove it. Small, since it is trusted.

To prove Γ ⇒ φ from lemmas ∀x. A(x) ⇒ C(x): choose instances x := t; prove each side condition
Γ ⇒ A(t), less what of it stands in Γ as it is, and add C(t) to Γ, or add A(t) ⇒ C(t) as it is; replace chosen terms by fresh variables, everywhere at once; give what is left
to the solver. Induction over a loop is the second rule: base, step and end over one named invariant.

Every obligation is a query that must be unsatisfiable. A lemma is proved when all its obligations, and
those of every lemma that it uses, have been discharged in the same run; lemmas are immutable values that
hold the lemmas they use, so a circle cannot be written down.

Source: DESIGN.md, "The one rule of composition".
"""

from collections.abc import Iterable, Iterator
from functools import cache

from attrs import frozen

from ..words.word import TRUE, Truth, Word, all_of, all_replaced, conjuncts, implies, inputs, replaced, word
from .theorem import Induction, Lemma, Run, Statement, Steps, Use


class UnsoundStep(Exception):
    """A proof asks for a step that the rules do not allow; the message says which."""


@frozen(eq=False)
class Obligation:
    """Conditions that must not hold together, so that ``lemma`` is proved. ``part`` says of which step."""

    lemma: str
    part: str
    conditions: tuple[Truth, ...]

    @property
    def name(self) -> str:
        """The obligation's address, such as ``exact[64]/step``."""
        return f"{self.lemma}/{self.part}"


def lemmas_of(lemmas: Iterable[Lemma]) -> tuple[Lemma, ...]:
    """These lemmas and all that they rest on, each after those that it uses. Raises UnsoundStep for a circle."""
    found: dict[int, Lemma] = {}

    def find(lemmas: Iterable[Lemma], above: tuple[Lemma, ...]) -> None:
        for lemma in lemmas:
            if any(each is lemma for each in above):
                raise UnsoundStep(f"a circle: {lemma.name} rests on itself")
            if id(lemma) not in found:
                find(used_by(lemma), (*above, lemma))
                found[id(lemma)] = lemma

    find(lemmas, ())
    return tuple(found.values())


def used_by(lemma: Lemma) -> tuple[Lemma, ...]:
    """The lemmas that a proof names, in order, each once."""
    proof = lemma.proof
    steps = [proof] if isinstance(proof, Steps) else [proof.base, proof.step, proof.end]
    used = {id(use.lemma): use.lemma for each in steps for use in each.uses}
    return tuple(used.values())


@cache
def obligations(lemma: Lemma) -> tuple[Obligation, ...]:
    """What the solver must discharge for ``lemma``, given the lemmas it uses. Raises UnsoundStep."""
    statement = lemma.statement
    for run in statement.runs:
        _check_run(lemma.name, run)
    if isinstance(lemma.proof, Induction):
        return tuple(_by_induction(lemma.name, statement, lemma.proof))
    if statement.stops:
        raise UnsoundStep(f"{lemma.name}: that a loop stops is proved by induction with a rank only")
    known = [each.condition for each in statement.assumptions]
    return tuple(_by_steps(lemma.name, "proof", known, statement.goal, lemma.proof, statement.runs))


def _by_induction(name: str, statement: Statement, proof: Induction) -> Iterator[Obligation]:
    if len(statement.runs) != 1:
        raise UnsoundStep(f"{name}: induction needs one run, not {len(statement.runs)}")
    if statement.stops and proof.rank is None:
        raise UnsoundStep(f"{name}: that the loop stops needs a rank")
    run = statement.runs[0]
    loop, state = run.loop, run.result
    _check_state(name, run)
    here = dict(zip(loop.parameters, run.arguments, strict=True)) | dict(zip(loop.state, state, strict=True))
    first = dict(zip(state, (replaced(each, here) for each in loop.start), strict=True))
    after = dict(zip(state, (replaced(each, here) for each in loop.step), strict=True))
    goes_on = replaced(loop.goes_on, here)
    # What is assumed of the final state is not known before the end.
    before = [each.condition for each in statement.assumptions if not _mentions(each.condition, state)]
    known = [each.condition for each in statement.assumptions]
    invariant = proof.invariant
    told: list[Word | Truth] = [*run.arguments, *state, *known, invariant, statement.goal]
    told += [] if proof.rank is None else [proof.rank]
    if any(_mentions(each, loop.free) for each in told):
        raise UnsoundStep(f"{name}: a word that is free in each step of {loop.name} is spoken of elsewhere")
    yield from _by_steps(name, "base", before, replaced(invariant, first), proof.base, ())
    stepping = [*before, invariant, goes_on]
    onward = replaced(invariant, after)
    if proof.rank is not None:
        onward &= replaced(proof.rank, after) < proof.rank
    yield from _by_steps(name, "step", stepping, onward, proof.step, ())
    yield from _by_steps(name, "end", [*known, invariant, ~goes_on], statement.goal, proof.end, (run,))


def _check_state(name: str, run: Run) -> None:
    """The result must be distinct variables that the run's arguments do not mention."""
    distinct = len({id(each) for each in run.result}) == len(run.result)
    if not distinct or any(each.operation != "input" for each in run.result):
        raise UnsoundStep(f"{name}: the result of a run must be distinct variables")
    if any(_mentions(each, run.result) for each in run.arguments):
        raise UnsoundStep(f"{name}: the arguments of a run must not mention its result")


def _check_run(name: str, run: Run) -> None:
    """The loop must be closed, and its words have the widths of those that the run puts for them."""
    loop = run.loop
    own = (*loop.parameters, *loop.state)
    if len({id(each) for each in own}) != len(own):
        raise UnsoundStep(f"{name}: the words of {loop.name} are not distinct")
    pairs = [*zip(loop.parameters, run.arguments, strict=True), *zip(loop.state, run.result, strict=True)]
    pairs += [*zip(loop.state, loop.start, strict=True), *zip(loop.state, loop.step, strict=True)]
    if any(mine.width != given.width for mine, given in pairs):
        raise UnsoundStep(
            f"{name}: the words of the run, or what {loop.name} makes, have not the widths of {loop.name}'s"
        )
    known = {id(each) for each in own}
    if any(id(each) in known for each in loop.free):
        raise UnsoundStep(f"{name}: a word of {loop.name} is free and yet parameter or state")
    chosen = known | {id(each) for each in loop.free}
    for terms, allowed in (([loop.goes_on], known), (loop.step, chosen)):
        if any(id(each) not in allowed for each in inputs(terms)):
            raise UnsoundStep(f"{name}: {loop.name} speaks of a word that is neither parameter nor state")
    parameters = {id(each) for each in loop.parameters}
    if any(id(each) not in parameters for each in inputs(loop.start)):
        raise UnsoundStep(f"{name}: {loop.name} starts from a word that is no parameter")


def _by_steps(
    name: str, part: str, known: list[Truth], goal: Truth, steps: Steps, runs: tuple[Run, ...]
) -> Iterator[Obligation]:
    known = list(known)
    for index, use in enumerate(steps.uses, start=1):
        given, conclusion = _instance(name, use, runs)
        if use.implied:
            conclusion = implies(given, conclusion)
        elif (unknown := _beyond(known, given)) is not TRUE:
            part_name = f"{part}.{index}:{use.lemma.name}"
            yield Obligation(name, part_name, _generalised((*known, ~unknown), steps.generalise))
        known.append(conclusion)
    yield Obligation(name, part, _generalised((*known, ~goal), steps.generalise))


def _beyond(known: Iterable[Truth], given: Truth) -> Truth:
    """The conditions that ``given`` joins, without those that the known ones join: they are the same terms."""
    there = {id(each) for each in conjuncts(known)}
    return all_of(each for each in conjuncts([given]) if id(each) not in there)


def _instance(name: str, use: Use, runs: tuple[Run, ...]) -> tuple[Truth, Truth]:
    """A lemma's assumptions and goal, with the terms put in; its runs must be among ``runs``."""
    statement = use.lemma.statement
    variables = {id(each) for each in statement.variables}
    for variable, term in use.at.items():
        if id(variable) not in variables:
            raise UnsoundStep(f"{name}: {use.lemma.name} has no variable {variable!r}")
        if variable.width != term.width:
            raise UnsoundStep(f"{name}: {variable!r} of {use.lemma.name} has not the width of {term!r}")
    for run in statement.runs:
        wanted = [replaced(each, use.at) for each in (*run.arguments, *run.result)]
        if not any(run.loop is mine.loop and _same(wanted, [*mine.arguments, *mine.result]) for mine in runs):
            raise UnsoundStep(f"{name}: {use.lemma.name} speaks of a run that is not assumed here")
    given, goal = all_replaced([statement.given, statement.goal], use.at)
    return given, goal


def _generalised(conditions: tuple[Truth, ...], terms: tuple[Word, ...]) -> tuple[Truth, ...]:
    if not terms:
        return conditions
    taken = {str(each.value) for each in inputs(conditions)}
    fresh: dict[Word, Word] = {}
    for index, term in enumerate(terms):
        title = f"g{index}"
        while title in taken:
            title += "'"
        fresh[term] = word(title, term.width)
    return all_replaced(conditions, fresh)


def _same(these: Iterable[Word], those: Iterable[Word]) -> bool:
    return [id(each) for each in these] == [id(each) for each in those]


def _mentions(term: Word | Truth, words: Iterable[Word]) -> bool:
    wanted = {id(each) for each in words}
    return any(id(each) in wanted for each in inputs([term]))
