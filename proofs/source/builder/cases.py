"""A goal by cases: in each one the conditions that are settled there are proved, and put into the goal before it is asked.

A solver finds sums equal that are the same but for their order, and loses itself where each of them is a choice. That a
condition may be settled is found on numbers; that it is has to be proved like the rest.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from random import Random
from typing import Final, cast

from attrs import frozen

from ....formal.words.sums import Order, in_order
from ....formal.words.word import (
    FALSE,
    TRUE,
    Term,
    Truth,
    Word,
    all_of,
    compiled,
    conjuncts,
    evaluate,
    implies,
    inputs,
    replaced,
    subterms,
    truth,
)

SAMPLES: Final = 80
CHOICES: Final = 4
"""Over how many choices a goal is looked through before it is asked."""
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


def samples(sample: Sample) -> list[Mapping[str, int]]:
    """Numbers that are tried, the same each time."""
    source = Random(1)  # noqa: S311 - numbers to try, not secrets
    return [sample(source) for _ in range(SAMPLES)]


def by_cases(
    cases: Iterable[Case],
    known: Truth,
    assumed: Truth,
    goal: Truth,
    sample: Sample,
    unsettled: Iterable[Word],
) -> tuple[Truth, ...]:
    """That the goal holds in each case, where something is ``known``, and ``assumed`` beside: all that is to be proved for it.

    Conditions are settled by what is known. Those that speak of something ``unsettled``, or that samples don't name, are left
    alone.
    """
    order, tried, aside = Order(), samples(sample), set(unsettled)
    widely: dict[int, Truth] = {}
    found: dict[Truth, dict[Truth, None]] = {}

    def settled(wanted: Truth, by: _Known, left_alone: set[Word]) -> Truth:
        """What is wanted, with what is known and what it settles put in; all that is to be proved for that is ``found``."""
        wanted = in_order(by.put(in_order(wanted, order)), order)
        for sort in SORTS:
            conditions = [each for each in subterms([wanted]) if sort(each)]
            put: dict[Word, Word] = {}
            for term, proved, instead in by.settled(
                conditions, left_alone | (set() if sort is _is_masked else aside)
            ):
                given, goal = by.about(in_order(replaced(proved, put), order))
                found.setdefault(given, {})[goal] = None
                put[cast(Word, term)] = cast(Word, instead)
            wanted = in_order(replaced(wanted, put), order)
        return wanted

    for case in cases:
        wider = case.part_of
        if wider is not None and id(wider) not in widely:
            by = _Known(replaced(known & wider.assumed, wider.put), tried, order)
            widely[id(wider)] = settled(replaced(goal, wider.put), by, set(case.apart))
        meant = _Known(replaced(known & case.assumed, case.put), tried, order)
        wanted = settled(replaced(goal if wider is None else widely[id(wider)], case.put), meant, set())
        if not _is_true(wanted, order):
            given, last = meant.about(
                implies(in_order(meant.put(in_order(replaced(assumed, case.put), order)), order), wanted)
            )
            found.setdefault(given, {})[last] = None
    goals = (implies(by, all_of(wanted)) for by, wanted in found.items())
    return tuple(each for each in goals if each is not TRUE)


def of_case(
    case: Case, known: Truth, tried: Iterable[Mapping[str, int]], values: Mapping[str, int]
) -> Mapping[str, int] | None:
    """Numbers as they are in a case, where that is known: what they don't tell, or tell of another case, is as one that is tried.

    A goal leaves out what it doesn't hang on (`_Known.about`), so numbers at which it fails needn't meet that.
    """
    there = dict(values)
    parts = [
        (each, set(inputs([each])))
        for each in conjuncts([in_order(replaced(known & case.assumed, case.put))])
    ]
    if any(part is FALSE for part, _ in parts):
        return None
    parts = [each for each in parts if each[1]]
    while parts:
        together, over = _connected(parts, parts[0][1])
        parts = [each for each in parts if each[0] not in together]
        words = tuple(over)
        meets = compiled([all_of(together)], words)
        candidates = (
            {str(word.value): number for word, number in zip(words, _numbers(words, each), strict=True)}
            for each in (values, *tried)
        )
        met = next((each for each in candidates if meets(*each.values())[0]), None)
        if met is None:
            return None
        there |= met
    return there | {
        str(word.value): int(evaluate(term, {each: there.get(str(each.value), 0) for each in inputs([term])}))
        for word, term in case.put.items()
    }


def _connected(
    parts: Iterable[tuple[Truth, AbstractSet[Word]]], about: Iterable[Word]
) -> tuple[dict[Truth, None], set[Word]]:
    """The parts that have to do with some words, at first hand or through others; and all their words."""
    reached, together, rest = set(about), dict[Truth, None](), list(parts)
    while near := [(part, over) for part, over in rest if reached & over]:
        together |= dict.fromkeys(part for part, _ in near)
        reached.update(*(over for _, over in near))
        rest = [each for each in rest if each[0] not in together]
    return together, reached


def _is_masked(term: Term) -> bool:
    """Whether it is the low bits of a word, which may be all that it has."""
    mask = term.arguments[1] if term.operation == "bvand" else None
    return mask is not None and mask.operation == "constant" and int(mask) & (int(mask) + 1) == 0


def _is_equation(term: Term) -> bool:
    return term.operation == "=" and isinstance(term.arguments[0], Word)


def _is_simple(term: Term) -> bool:
    return _is_equation(term) and term.arguments[1].operation == "constant"


SORTS: Final = (_is_masked, _is_simple, _is_equation, _is_masked)
"""What is settled, in turn: what is told by numbers alone decides which others there are."""


def _is_true(wanted: Truth, order: Order, deep: int = CHOICES) -> bool:
    """Whether it is true at sight, whichever way each of its choices goes."""
    if wanted.operation == "constant" or deep == 0:
        return wanted is TRUE
    choice = next((each.arguments[0] for each in subterms([wanted]) if each.operation == "ite"), None)
    return choice is not None and all(
        _is_true(in_order(replaced(wanted, {choice: cast(Word, truth(way))}), order), order, deep - 1)
        for way in (True, False)
    )


class _Known:
    """What is known in a case, met by some of its samples or by none."""

    def __init__(self, known: Truth, tried: Sequence[Mapping[str, int]], order: Order) -> None:
        self.known = in_order(known, order)
        over = inputs([self.known])
        reading = compiled([self.known], over)
        self.sampled = {each for each in over if str(each.value) in tried[0]}
        self._samples = [each for each in tried if reading(*_numbers(over, each))[0]]
        self._told = {_of(each): truth(each.operation != "not") for each in conjuncts([self.known])}
        parts = dict.fromkeys(in_order(self.put(each), order) for each in conjuncts([self.known]))
        self._parts = [(each, frozenset(inputs([each]))) for each in parts]

    def put(self, term: Truth) -> Truth:
        """A term in which each condition that is known, or known not to hold, has its truth; but for the term itself."""
        others = {each: holds for each, holds in self._told.items() if each is not _of(term)}
        return replaced(term, cast(Mapping[Word, Word], others))

    def settled(
        self, terms: Iterable[Term], left_alone: AbstractSet[Word]
    ) -> Iterator[tuple[Term, Truth, Term]]:
        """Which conditions are the same on all samples, and which low bits all that a word has: what to prove, and what they are."""
        told = [
            each
            for each in terms
            if self.sampled >= set(inputs([each])) and not left_alone & set(inputs([each]))
        ]
        asked = [
            each if isinstance(each, Truth) else cast(Truth, each.arguments[0] <= each.arguments[1])
            for each in told
        ]
        over = inputs(asked)
        reading = compiled(asked, over)
        seen = [
            set(each)
            for each in zip(*(reading(*_numbers(over, each)) for each in self._samples), strict=True)
        ]
        for term, condition, ways in zip(told, asked, seen or [set() for _ in told], strict=True):
            if len(ways) == 1:
                (holds,) = ways
                if isinstance(term, Truth):
                    yield term, condition if holds else ~condition, truth(bool(holds))
                elif holds:
                    yield term, condition, term.arguments[0]

    def about(self, goal: Truth) -> tuple[Truth, Truth]:
        """That the goal holds where this is known.

        What is known of words that the goal has nothing to do with is left out: as it can be met, the goal doesn't hang on it.
        """
        if not self._samples or not inputs([goal]):
            return self.known, goal
        kept, _ = _connected(self._parts, inputs([goal]))
        return all_of(part for part, _ in self._parts if part in kept), goal


def _of(condition: Truth) -> Truth:
    """What a condition says that it is so, or that it isn't."""
    return condition.arguments[0] if condition.operation == "not" else condition


def _numbers(over: Iterable[Word], values: Mapping[str, int]) -> Iterator[int]:
    return (values.get(str(each.value), 0) & ((1 << each.width) - 1) for each in over)
