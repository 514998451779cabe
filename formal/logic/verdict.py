"""What the tool says of a claim: a closed set of verdicts, ordered by severity, none of them true or false.

Source: DESIGN.md's five verdicts, kept in docs/structure.md.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import ClassVar, NoReturn

from attrs import field, frozen

from ..layouts.layout import Layout
from ..machine.replay import Report


class Severity(IntEnum):
    """How loud a verdict is: the worst of several is the largest."""

    PROVED = 0
    REFUTED = 1
    UNKNOWN = 2
    VACUOUS = 3
    ERROR = 4


class MachineDisagreesError(Exception):
    """The frame machine, asked about values of the model, found other figures; the message says which."""


@frozen
class Replay:
    """What the frame machine says of one case of a claim.

    ``holds`` tells whether the claim holds there, ``None`` when the case can't be replayed. ``says`` is one sentence
    about what was seen, or why there was no replay. ``runs`` are the layouts replayed, each with its title and the
    machine's report. ``at`` are the values at which it was seen, where they aren't those that were given.
    """

    holds: bool | None
    says: str
    runs: tuple[tuple[str, Layout, Report], ...] = ()
    at: Mapping[str, int] | None = None

    @property
    def seen(self) -> str:
        """What was seen, or why there was no replay."""
        return self.says if self.holds is not None or "replay" in self.says else f"not replayed: {self.says}"


@frozen(kw_only=True)
class Witness:
    """Values that show something, by input name, and what the frame machine saw when it replayed them.

    ``unique`` says whether no other values would show it; ``None`` when that wasn't settled. ``states`` names the values
    that are but where a loop of several cursors stops.
    """

    values: Mapping[str, int]
    replay: Replay
    unique: bool | None = None
    states: frozenset[str] = frozenset()

    @property
    def case(self) -> dict[str, int]:
        """The values to tell people: without those that follow from the others and have no meaning by themselves."""
        return {name: value for name, value in self.values.items() if name not in self.states}


@frozen(kw_only=True)
class Need:
    """Whether an assumption earns its place: ``witness`` is the counterexample that dropping it lets in.

    Without a witness, ``needed`` is False where the statement was proved without the assumption, and None
    where that wasn't settled.
    """

    assumption: str
    meaning: str
    needed: bool | None
    witness: Witness | None = None


@frozen(kw_only=True)
class Verdict:
    """The base of the five; ``lemmas`` names what was proved on the way, each before what uses it."""

    severity: ClassVar[Severity]

    def __bool__(self) -> NoReturn:
        """Refuse: whether a verdict is good depends on what was expected."""
        raise TypeError(f"{type(self).__name__} is neither true nor false: compare it with what was expected")


@frozen(kw_only=True)
class Proved(Verdict):
    """Holds for all inputs under the assumptions, of which ``example`` shows that they can be met.

    A statement that something is reached is proved by its ``example``, and then has no ``lemmas``.
    """

    lemmas: tuple[str, ...]
    example: Witness
    needs: tuple[Need, ...] = ()

    severity = Severity.PROVED


@frozen(kw_only=True)
class Refuted(Verdict):
    """Fails at ``witness``.

    Of a claim that something is reached: ``lemmas`` show that nothing does, or, if there are none, the solver at
    once; the witness is a case of its assumptions.
    """

    witness: Witness
    lemmas: tuple[str, ...] = ()

    severity = Severity.REFUTED


@frozen(kw_only=True)
class Vacuous(Verdict):
    """The assumptions contradict each other: whatever is said under them says nothing."""

    why: str

    severity = Severity.VACUOUS


@frozen(kw_only=True)
class Unknown(Verdict):
    """Not settled: ``why``, what to ``try`` next, and the ``queries`` (name, SMT-LIB text) left open."""

    why: str
    hint: str
    queries: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    severity = Severity.UNKNOWN


@frozen(kw_only=True)
class Error(Verdict):
    """Model and machine disagree, or two solvers, on the ``queries``; or the tool failed."""

    why: str
    witness: Witness | None = None
    queries: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    severity = Severity.ERROR
