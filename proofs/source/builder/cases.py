"""A goal by cases: in each one the conditions that are settled there are proved, and put into the goal before it is asked.

A solver finds sums equal that are the same but for their order, and loses itself where each of them is a choice. That a
condition may be settled is found on numbers; that it is has to be proved like the rest.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import cast

from attrs import frozen

from ....formal.words.sums import in_order
from ....formal.words.word import TRUE, Truth, Word, compiled, implies, inputs, replaced, subterms, truth

SAMPLES = 80
Sample = Callable[[Random], Mapping[str, int]]
"""Numbers for inputs that a case may have; one that isn't named is 0."""


@frozen(eq=False)
class Case:
    """A case: what words are in it, and what else is ``assumed``.

    It may be ``part_of`` a wider one, which settles conditions for it, but for those that speak of something ``apart``.
    """

    put: Mapping[Word, Word]
    assumed: Truth
    part_of: "Case | None" = None
    apart: tuple[Word, ...] = ()


def by_cases(
    cases: Iterable[Case],
    known: Truth,
    assumed: Truth,
    goal: Truth,
    sample: Sample,
    unsettled: Iterable[Word],
) -> tuple[Truth, ...]:
    """That the goal holds in each case, where something is ``known``, and ``assumed`` beside: all that is to be proved for it.

    Conditions are settled by what is known. Those that speak of something ``unsettled`` are left alone.
    """
    aside = set(unsettled)
    found = (each for case in cases for each in _goals(case, known, assumed, goal, sample, aside))
    return tuple(each for each in dict.fromkeys(found) if each is not TRUE)


def _goals(
    case: Case, known: Truth, assumed: Truth, goal: Truth, sample: Sample, aside: set[Word]
) -> Iterator[Truth]:
    wider = case if case.part_of is None else case.part_of
    widely = in_order(replaced(known & wider.assumed, wider.put))
    known, assumed, wanted = (
        in_order(replaced(each, case.put)) for each in (known & case.assumed, assumed, goal)
    )
    for simple in (True, False):  # what is told by numbers alone decides which others there are
        conditions = [
            cast(Truth, each)
            for each in subterms([wanted])
            if each.operation == "="
            and isinstance(each.arguments[0], Word)
            and (each.arguments[1].operation == "constant" or not simple)
            and not aside & set(inputs([each]))
        ]
        put: dict[Word, Word] = {}
        everywhere = _settled(conditions, widely, sample)
        for condition, settled, here in zip(
            conditions, everywhere, _settled(conditions, known, sample), strict=True
        ):
            wide = None if set(case.apart) & set(inputs([condition])) else settled
            holds = here if wide is None else wide
            if holds is not None:
                plain = in_order(replaced(condition, put))
                yield implies(known if wide is None else widely, plain if holds else ~plain)
                put[cast(Word, condition)] = cast(Word, truth(holds))
        wanted = in_order(replaced(wanted, put))
    yield implies(known & assumed, wanted)


def _settled(conditions: list[Truth], known: Truth, sample: Sample) -> list[bool | None]:
    """Which conditions are the same on all samples that the case knows of; ``None`` for the others."""
    over = inputs([known, *conditions])
    reading = compiled([known, *conditions], over)
    source = Random(1)  # noqa: S311 - numbers to try, not secrets
    seen: list[set[bool]] = [set() for _ in conditions]
    for _ in range(SAMPLES):
        values = sample(source)
        holds, *each = reading(*(values.get(str(one.value), 0) & ((1 << one.width) - 1) for one in over))
        if holds:
            for found, one in zip(seen, each, strict=True):
                found.add(bool(one))
    return [next(iter(found)) if len(found) == 1 else None for found in seen]
