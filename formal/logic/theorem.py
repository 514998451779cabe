"""What is claimed, and how it is proved: statements, lemmas and the steps between them, as data.

Whatever a value is made of is copied when it is made: a generator that is read twice, or a list or a mapping that
changes later, would say one thing to the proof and another to those who use it.

Nothing here proves anything. ``rule`` turns a lemma into obligations for a solver, ``prover`` has them
discharged, ``proofs`` (another package) holds the statements.

The notions are those of DESIGN.md, "The one rule of composition".
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from attrs import evolve, field, frozen

from ..words.word import Truth, Word, all_of, inputs

# A converter for each type: mypy doesn't see through a generic one.


def _terms(given: Iterable[Word]) -> tuple[Word, ...]:
    """A copy that nobody changes later."""
    return tuple(given)


def _terms_or_none(given: Iterable[Word] | None) -> tuple[Word, ...] | None:
    return None if given is None else tuple(given)


def _assumptions(given: "Iterable[Assumption]") -> "tuple[Assumption, ...]":
    return tuple(given)


def _runs(given: "Iterable[Run]") -> "tuple[Run, ...]":
    return tuple(given)


def _instance(given: Mapping[Word, Word]) -> Mapping[Word, Word]:
    """A copy that can't be written to: each variable with the one term that was put for it at first."""
    return MappingProxyType(dict(given.items()))


@frozen(eq=False)
class Assumption:
    """A named condition that a statement rests on, with its meaning in plain words."""

    name: str
    condition: Truth
    meaning: str


@frozen(eq=False)
class Loop:
    """A loop as a transition system over words.

    It starts with ``state`` set to ``start``, and takes ``step`` as long as ``goes_on`` holds.
    ``parameters`` do not change; ``start`` may mention them, ``goes_on`` and ``step`` also the state.
    ``leap``, where given, is a later state that the loop is known to come to, for running it on numbers: proofs
    don't look at it. ``free`` are words that ``step`` may mention, too: whatever values they have, again in each
    step. What is proved of such a loop holds for every choice; ``leap`` then says which ones to run it with.
    """

    name: str
    parameters: tuple[Word, ...] = field(converter=_terms)
    state: tuple[Word, ...] = field(converter=_terms)
    start: tuple[Word, ...] = field(converter=_terms)
    goes_on: Truth
    step: tuple[Word, ...] = field(converter=_terms)
    leap: tuple[Word, ...] | None = field(default=None, converter=_terms_or_none)
    free: tuple[Word, ...] = field(default=(), converter=_terms)


@frozen(eq=False)
class Run:
    """Says that ``loop``, run on ``arguments``, stops, and does so in the state ``result``."""

    loop: Loop
    arguments: tuple[Word, ...] = field(converter=_terms)
    result: tuple[Word, ...] = field(converter=_terms)


@frozen(eq=False, kw_only=True)
class Statement:
    """For all words: if the assumptions hold and the runs end so, the goal holds.

    With ``stops``, it also says that the (one) run does end.
    """

    goal: Truth
    assumptions: tuple[Assumption, ...] = field(default=(), converter=_assumptions)
    runs: tuple[Run, ...] = field(default=(), converter=_runs)
    stops: bool = False

    @property
    def given(self) -> Truth:
        """All assumptions at once."""
        return all_of(each.condition for each in self.assumptions)

    @property
    def variables(self) -> tuple[Word, ...]:
        """Every word that the statement speaks of, in the order of first mention."""
        runs = [word for run in self.runs for word in (*run.arguments, *run.result)]
        return inputs([*runs, *(each.condition for each in self.assumptions), self.goal])


@frozen(eq=False)
class Use:
    """A proved lemma, with terms put for its variables. A variable not named stands for itself.

    What is taken is its goal, once its assumptions are proved for the terms; or, if ``implied``, the
    implication from the ones to the other, with nothing to be proved.
    """

    lemma: "Lemma"
    at: Mapping[Word, Word] = field(factory=dict, converter=_instance)
    implied: bool = False


def _fixed(uses: Iterable[Use]) -> tuple[Use, ...]:
    """A copy that nobody adds to later: a lemma can only use what was there before it."""
    return tuple(uses)


@frozen(kw_only=True)
class Steps:
    """Instances of lemmas, in order, and the terms to generalise; what is left goes to the solver.

    Each instance's side condition is proved from the assumptions and the instances before it.
    """

    uses: tuple[Use, ...] = field(default=(), converter=_fixed)
    generalise: tuple[Word, ...] = field(default=(), converter=_terms)


@frozen(eq=False, kw_only=True)
class Induction:
    """Induction over the statement's one run, by an ``invariant`` over its result variables.

    ``rank``, where given, must fall with each step: then the loop stops.
    """

    invariant: Truth
    base: Steps = field(factory=Steps)
    step: Steps = field(factory=Steps)
    end: Steps = field(factory=Steps)
    rank: Word | None = None


@frozen(eq=False)
class Lemma:
    """A statement with its proof. ``meaning`` is one line of mathematics for readers."""

    name: str
    meaning: str
    statement: Statement
    proof: Steps | Induction = field(factory=Steps)

    def at(self, **terms: Word) -> Use:
        """An instance: each term is put for the variable of its name. Raises ValueError for a stranger."""
        by_name = {str(each.value): each for each in self.statement.variables}
        for name in terms:
            if name not in by_name:
                raise ValueError(f"{self.name} has no variable {name!r}, only {', '.join(by_name)}")
        return Use(self, {by_name[name]: term for name, term in terms.items()})

    def wherever(self, **terms: Word) -> Use:
        """As `at`, taken as an implication: the goal wherever the assumptions hold."""
        return evolve(self.at(**terms), implied=True)
