"""A claim to decide: its parts, the verdict expected of each, and how the frame machine judges a case.

Claims reach the tool through the entry-point group ``ptproof.theorems``, so that somebody else's can be
plugged in: an entry point names a sequence of `Claim` values.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cached_property
from importlib.metadata import entry_points
from inspect import cleandoc
from typing import Any

from attrs import evolve, field, frozen

from ..layouts.paging import PagingMode
from ..layouts.what_if import WhatIf
from ..words.word import TRUE, Truth, Word
from .theorem import Lemma, Steps
from .verdict import Replay

GROUP = "ptproof.theorems"
WHAT_IF_GROUP = "ptproof.what_if"


class Expected(Enum):
    """The verdict that a claim, or a part of it, is expected to get."""

    PROVED = "proved"
    REFUTED = "refuted"


@frozen(eq=False, kw_only=True)
class Part:
    """One statement of a claim, for one paging mode or one half of the sentence.

    ``lemma`` holds the statement and its proof. With ``reached``, the statement says that some words
    meet assumptions and goal, not that all do: values prove it, and ``lemma.proof``, which then proves the
    negation of the goal for all words, refutes it. ``least`` are the terms that a witness
    should make small, the first one first. ``shape`` narrows the search for a witness and for nothing
    else. ``without`` gives, by assumption, a shape for the search of the counterexample that dropping
    it lets in. ``replay`` has the frame machine judge the case of the given values, by input name.
    """

    name: str
    lemma: Lemma
    expected: Expected = Expected.PROVED
    reached: bool = False
    least: tuple[Word, ...] = ()
    shape: Truth = TRUE
    without: Mapping[str, Truth] = field(factory=dict)
    replay: Callable[[Mapping[str, int]], Replay]

    @property
    def lemmas(self) -> tuple[Lemma, ...]:
        """What settles this part by proof, besides what it rests on: the statement, or that nothing reaches it."""
        if self.reached:
            return (self.impossible,) if self.lemma.proof != Steps() else ()
        return (self.lemma,)

    @cached_property
    def impossible(self) -> Lemma:
        """That nothing reaches the goal: the same assumptions and runs, and the goal negated."""
        statement = evolve(self.lemma.statement, goal=~self.lemma.statement.goal)
        return evolve(self.lemma, name=f"never:{self.lemma.name}", statement=statement)


@frozen(eq=False, kw_only=True)
class Claim:
    """A claim of CLAIMS.md: ``statement`` in mathematics, the ``sentence`` that it decides, its parts.

    ``cure`` is the precondition that would make a refuted claim true, in one sentence. ``make`` gives the
    parts, once they are asked for.
    """

    id: str
    family: str
    sentence: str
    source: str
    statement: str
    make: Callable[[], tuple[Part, ...]]
    cure: str | None = None

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What has to be decided, in the order to read it in. Raises ValueError where that is nothing."""
        parts = self.make()
        if not parts:
            raise ValueError(f"claim {self.id}: expected one part at least, found none")
        return parts

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
            statement=cleandoc(parts.__doc__ or ""),
            make=parts,
            cure=cure,
        )

    return made


def claims() -> tuple[Claim, ...]:
    """Every installed claim, in the order of its catalogue."""
    found: list[Any] = [each for entry in entry_points(group=GROUP) for each in entry.load()]
    return tuple(found)


def what_if_claims(asked: Callable[[PagingMode], WhatIf | None]) -> tuple[Claim, ...]:
    """The claims on what isn't as in Xen, for the figures that are ``asked`` for a guest of a mode; Xen's where nothing is.

    Raises `InputError` for figures that nothing is proved of.
    """
    found: list[Any] = [each for entry in entry_points(group=WHAT_IF_GROUP) for each in entry.load()(asked)]
    return tuple(found)
