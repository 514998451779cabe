"""Values at which a statement's assumptions hold, drawn by a seed: the frame machine is asked of them what it sees.

A proof can't tell whether the judge that confirms its witnesses is about the same sentence: the machine is asked of
a few values only, which the solver picks. So here each part that is proved is asked of many, at the borders where the
tables, Xen's own area and the words end.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from attrs import frozen
from ptproof.formal.logic.claim import Part
from ptproof.formal.logic.search import least_inputs, run
from ptproof.formal.logic.theorem import Run, Statement
from ptproof.formal.logic.verdict import MachineDisagreesError
from ptproof.formal.words.word import Word, compiled, inputs
from statement_witnesses import held

MIB: Final = 1 << 20
PAGE: Final = 1 << 12
BORDERS: Final = (
    0,
    1 << 64,
    4 * MIB,
    1 << 30,
    3 << 30,
    0xF580_0000,
    1 << 32,
    1 << 39,
    1 << 47,
    -(1 << 47),
    -(1 << 47) + (16 << 39),
    -(1 << 39),
    -(2 << 30),
)
"""Where something begins or ends: tables of each level, the compat hole, the lower half and Xen's area, the words."""
ADDRESSES: Final = (
    "v_start",
    "virt_base",
    "kernel_start",
    "virt_entry",
    "low",
    "start_info",
    "vinitrd_start",
    "kernel_end",
    "vpt_start",
    "address",
    "last",
    "end",
    "v_end",
    "p2m_start",
    "p2m",
    "p2m_last",
    "p2m_end",
)
"""What is an address, the lower ones of a region first."""
FRAMES: Final = ("n", "m", "frame", "index")
"""What counts frames."""
WIDE: Final = 96 * MIB
"""Regions of more than this many bytes take the machine too long."""
MANY: Final = 4096
"""More frames than these take it too long, too."""
ROUNDS: Final = 12
"""How many values are drawn at each border at least ..."""
PLENTY: Final = 40
"""... unless the machine has confirmed so many before."""
STEPS: Final = 20_000
"""Loops that take more steps aren't run."""


@frozen
class Sampled:
    """What came of a part's samples: how many met the assumptions, how many the machine confirmed, what is wrong."""

    met: int = 0
    confirmed: int = 0
    wrong: tuple[str, ...] = ()


def sampled(
    part: Part, statement: Statement, bases: list[dict[str, int]], *, rounds: int, enough: int, seed: int = 0
) -> Sampled:
    """Draw values, border by border, and judge those that meet the statement's assumptions.

    Some `ROUNDS` times at all borders, unless `PLENTY` are confirmed before, and then on until ``enough`` are, or for
    ``rounds`` times. ``bases`` are
    known to be near to where the assumptions hold; the first of them, as it is, is the first value.
    """
    met, confirmed, wrong = 0, 0, []
    for index, values in _drawn(part, statement, bases, rounds, seed):
        if confirmed >= PLENTY or (confirmed >= enough and index >= ROUNDS * len(BORDERS)):
            break
        ran = _ran(statement.runs, values) if _may_hold(statement, values) else None
        if ran is None:
            continue
        truths = held(statement, ran)
        goal = truths.pop("")
        if not all(truths.values()):
            continue
        met += 1
        shown = {name: hex(value) for name, value in values.items()}
        if not goal:
            wrong.append(f"the goal is false at {shown}")
        try:
            seen = part.replay(ran)
        except MachineDisagreesError as error:
            wrong.append(f"the machine disagrees at {shown}: {error}")
            continue
        if seen.holds is False:
            wrong.append(f"the machine says otherwise at {shown}: {seen.says}")
        confirmed += seen.holds is True
    return Sampled(met, confirmed, tuple(wrong))


def _drawn(
    part: Part, statement: Statement, bases: list[dict[str, int]], rounds: int, seed: int
) -> Iterator[tuple[int, dict[str, int]]]:
    """Values of the statement's own words, without the results of its runs, numbered; the same each time."""
    source = random.Random(f"{part.lemma.name} {part.name} {seed}")
    results = {each for run in statement.runs for each in run.result}
    words = [
        each
        for each in dict.fromkeys([*statement.variables, *least_inputs(part.least)])
        if each not in results
    ]
    if bases:
        yield 0, _of(words, bases[0])
    for index in range(rounds * len(BORDERS)):
        border = BORDERS[index % len(BORDERS)]
        if not bases or source.random() < 0.4:
            drawn = _fresh(source, words, border)
        else:
            drawn = _of(words, source.choice(bases))
            if source.random() < 0.7:
                drawn = _moved(source, drawn, border)
            if source.random() < 0.5:
                drawn |= _changed(source, drawn)
        values = {str(each.value): drawn[str(each.value)] % (1 << each.width) for each in words}
        if _executable(values):
            yield index, values


def _of(words: list[Word], base: Mapping[str, int]) -> dict[str, int]:
    return {str(each.value): base.get(str(each.value), 0) for each in words}


def _addresses(values: Mapping[str, int]) -> list[str]:
    return [name for name in ADDRESSES if name in values]


def _small(source: random.Random) -> int:
    """A distance in bytes."""
    pages = source.randrange(source.choice((4, 128, 1024, 4096))) * PAGE
    return source.choice((0, 2 * MIB, 4 * MIB, PAGE // 2, source.randrange(8 * MIB), *[pages] * 7))


def _few(source: random.Random) -> int:
    return source.choice((0, 1, 2, source.randrange(16), source.randrange(16), source.randrange(600)))


def _fresh(source: random.Random, words: list[Word], border: int) -> dict[str, int]:
    """Addresses that go up from near the border, and small numbers."""
    values = {str(each.value): _few(source) for each in words}
    at = border + source.choice((-1, 1)) * _small(source)
    for name in _addresses(values):
        values[name] = at
        at += _small(source)
    for name in ("initrd_len", "length", "size"):
        if name in values and source.random() < 0.7:
            values[name] = _small(source)
    return values


def _moved(source: random.Random, values: dict[str, int], border: int) -> dict[str, int]:
    """The same, with all its addresses moved near to the border, and perhaps more frames.

    An address of 0 may mean that there is none.
    """
    names = _addresses(values)
    if not names:
        return values
    moved = source.choice(names)
    more = source.choice((0, 0, source.randrange(16), source.randrange(600)))
    by = border + source.choice((-1, 1)) * _small(source) - values[moved]
    return (
        values
        | {name: values[name] + by for name in names if values[name] or name == moved}
        | {name: values[name] + more for name in FRAMES if name in values}
    )


def _changed(source: random.Random, values: Mapping[str, int]) -> dict[str, int]:
    """One of them a bit larger or smaller, or another small number."""
    name = source.choice(list(values))
    if name in ADDRESSES:
        return {name: values[name] + source.choice((-1, 1)) * _small(source)}
    return {
        name: source.choice(
            (values[name] + 1, values[name] - 1, values[name] + _small(source), _few(source), _small(source))
        )
    }


def _executable(values: Mapping[str, int]) -> bool:
    """Whether the machine can judge it at once."""
    regions = (
        ("v_start", "vpt_start"),
        ("v_start", "end"),
        ("virt_base", "kernel_end"),
        ("p2m_start", "p2m_end"),
    )
    return all(
        (values[high] - values[low]) % (1 << 64) <= WIDE
        for low, high in regions
        if {low, high} <= set(values)
    ) and all(values.get(name, 0) <= MANY for name in FRAMES)


def _ran(runs: tuple[Run, ...], values: Mapping[str, int]) -> dict[str, int] | None:
    """The values with those in which the loops stop; ``None`` where one takes too long."""
    found = dict(values)
    for each in runs:
        words, reading = _arguments(each)
        state = run(each.loop, reading(*(found[str(word.value)] for word in words)), STEPS)
        if state is None:
            return None
        found.update(zip((str(word.value) for word in each.result), state, strict=True))
    return found


def _may_hold(statement: Statement, values: Mapping[str, int]) -> bool:
    """Whether the assumptions hold that speak of no result: where one doesn't, no loop need be run."""
    words, reading = _known_before(statement)
    return all(reading(*(values[str(each.value)] for each in words)))


@lru_cache(maxsize=8)
def _known_before(statement: Statement) -> tuple[tuple[Word, ...], Callable[..., tuple[int, ...]]]:
    """The words that these assumptions speak of, and a function of them that tells which hold."""
    results = {each for run in statement.runs for each in run.result}
    known = [each.condition for each in statement.assumptions if results.isdisjoint(inputs([each.condition]))]
    words = inputs(known)
    return words, compiled(known, words)


@lru_cache(maxsize=32)
def _arguments(each: Run) -> tuple[tuple[Word, ...], Callable[..., tuple[int, ...]]]:
    """The words that a run's arguments speak of, and a function of them that gives the arguments."""
    words = inputs(each.arguments)
    return words, compiled(each.arguments, words)
