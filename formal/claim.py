"""A claim to decide: its parts, the verdict expected of each, and how the frame machine judges a case.

Claims reach the tool through the entry-point group ``ptproof.theorems``, so that somebody else's can be
plugged in: an entry point names a sequence of `Claim` values.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from importlib.metadata import entry_points
from typing import Any

from attrs import field, frozen

from .layout import Layout
from .machine import Report
from .theorem import Lemma
from .words import TRUE, Truth, Word

GROUP = "ptproof.theorems"


class Expected(Enum):
    """The verdict that a claim, or a part of it, is expected to get."""

    PROVED = "proved"
    REFUTED = "refuted"


@frozen
class Replay:
    """What the frame machine says of one case of a claim.

    ``holds`` tells whether the claim holds there, ``None`` when the case is too large to execute;
    ``runs`` are the layouts replayed, each with its title and the machine's report; ``says`` is one
    sentence about what was seen.
    """

    holds: bool | None
    says: str
    runs: tuple[tuple[str, Layout, Report], ...] = ()


@frozen(eq=False, kw_only=True)
class Part:
    """One statement of a claim, for one paging mode or one half of the sentence.

    ``lemma`` holds the statement and its proof. With ``reached``, the statement says that some words
    meet assumptions and goal, not that all do; ``lemma.proof`` then is not looked at. ``impossible`` is a
    lemma that shows that nothing can: it refutes a ``reached``. ``least`` are the terms that a witness
    should make small, the first one first. ``shape`` narrows the search for a witness and for nothing
    else. ``without`` gives, by assumption, a shape for the search of the counterexample that dropping
    it lets in. ``replay`` has the frame machine judge the case of the given values, by input name.
    """

    name: str
    lemma: Lemma
    expected: Expected = Expected.PROVED
    reached: bool = False
    impossible: Lemma | None = None
    least: tuple[Word, ...] = ()
    shape: Truth = TRUE
    without: Mapping[str, Truth] = field(factory=dict)
    replay: Callable[[Mapping[str, int]], Replay]


@frozen(eq=False, kw_only=True)
class Claim:
    """A claim of CLAIMS.md: ``statement`` in mathematics, the ``sentence`` that it decides, its parts.

    ``cure`` is the precondition that would make a refuted claim true, in one sentence.
    """

    id: str
    family: str
    sentence: str
    source: str
    statement: str
    parts: tuple[Part, ...]
    cure: str | None = None

    @property
    def expected(self) -> Expected:
        """Refuted when any part is, else proved."""
        refuted = any(part.expected is Expected.REFUTED for part in self.parts)
        return Expected.REFUTED if refuted else Expected.PROVED


def claim(
    *, family: str, sentence: str, source: str, cure: str | None = None
) -> Callable[[Callable[[], tuple[Part, ...]]], Claim]:
    """Make a claim of a function that gives its parts; its name is the id, its docstring the statement."""

    def made(parts: Callable[[], tuple[Part, ...]]) -> Claim:
        return Claim(
            id=parts.__name__.replace("_", "-"),
            family=family,
            sentence=sentence,
            source=source,
            statement=(parts.__doc__ or "").strip(),
            parts=parts(),
            cure=cure,
        )

    return made


def claims() -> tuple[Claim, ...]:
    """Every installed claim, in the order of its catalogue."""
    found: list[Any] = [each for entry in entry_points(group=GROUP) for each in entry.load()]
    return tuple(found)
