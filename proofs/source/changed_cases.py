"""Cases of a count that was changed: the tree's own loop is run on numbers, and the frame machine judges what it makes."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from random import Random
from typing import Final

from attrs import evolve

from ...encodings.dom0_layout import PADDING
from ...formal.layouts.layout import ADDRESS_LIMIT, Layout, Segment
from ...formal.layouts.paging import PAGE_SIZE
from ...formal.logic.claim import Part
from ...formal.logic.theorem import Lemma, Statement, Steps
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import TooLarge, touched
from ...formal.machine.builder import ImpossibleLayout
from ...formal.machine.replay import Report, with_frames
from ...formal.words.word import (
    FALSE,
    compiled,
    compiled_loop,
    implies,
)
from ..shared import replays
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values
from ..static import any_rounding
from .changed_lemmas import Generic
from .layouts_to_try import lengths
from .ranges import holds_throughout

TRIES: Final = 1500
"""How many layouts the tree's own loop is run on before a proof is tried; of a formula, twenty times as many."""
ROUNDS: Final = 4000
"""How often the loop goes round on numbers before a layout is given up."""
NEAR: Final = 2
"""How many rounds are gone through one by one."""
SHORT: Final = (
    (v_start == 0)
    & (vpt_start & (PAGE_SIZE - 1) == 0)
    & (vpt_start >= 2 * PAGE_SIZE)
    & (vpt_start < 1 << 30)
    & (n < 1 << 12)
)
"""Where a solver looks for a case."""


Numbers = dict[str, int]
READ: Final = (
    *("v_start", "vpt_start", "n"),
    *("goes_on", "step", "v_end", "stack", "tables_end", "needed", "count", "leaves", "stack_start"),
)
"""The names of a case's numbers."""


@lru_cache(4)
def _layouts(bits: int, tries: int) -> Sequence[tuple[int, int]]:
    """What is tried for a guest of so many bits: where regions start, and where their tables do."""
    source = Random(7)  # noqa: S311 - layouts to try, not secrets
    limit = 0xF0000000 if bits == 32 else 1 << 47
    found = set()
    for place, length in lengths(source, tries):
        start = place % (1 << 31) if bits == 32 else place
        if start + length < limit or start >> 63:
            found.add((start, (start + length) % ADDRESS_LIMIT))
    return sorted(found)


class Cases:
    """Cases of a count on numbers: the tree's own loop is run, and the machine says what it makes of that."""

    def __init__(self, generic: Generic) -> None:
        self._generic = generic
        found = generic.count
        stack = found.ends.get("vstack_end", vpt_start)
        tables_end = found.ends.get("vpt_end", vpt_start)
        stack_start = found.ends.get("vstack_start", tables_end)
        needed = generic.needed(n)
        self._read = compiled(
            [
                found.goes_on,
                found.step,
                found.v_end,
                stack,
                tables_end,
                needed,
                found.count,
                found.leaves,
                stack_start,
            ],
            [v_start, vpt_start, n],
        )
        self._start = compiled([found.start], [v_start, vpt_start])
        self.tried: list[Numbers] = []  # layouts of all sizes, with where the loop stops
        self._running = self._run_all()
        self._rounds = compiled_loop(found.goes_on, [found.step], [v_start, vpt_start], [n])
        self._by_one = found.step is n + 1
        self._goes_on = holds_throughout(found.goes_on, [v_start, vpt_start], n)

    def at(self, start: int, tables_start: int, count: int) -> Numbers:
        """What the tree's code makes of S, T and a count."""
        found = (start, tables_start, count, *self._read(start, tables_start, count))
        return dict(zip(READ, found, strict=True))

    def ran(self, start: int, tables_start: int) -> Numbers | None:
        """Where the loop stops; ``None`` where it doesn't soon, or is left otherwise."""
        count = self._start(start, tables_start)[0]
        most = count + ROUNDS
        if self._by_one:  # then it's known how far the rounds get: a layout that needs more there is given up
            last = self.at(start, tables_start, most % ADDRESS_LIMIT)
            if last["goes_on"] and last["needed"] > last["n"]:
                return None
        if self._by_one and count + ROUNDS < ADDRESS_LIMIT:
            count = self._leapt(start, tables_start, count, most)
        stopped = self._rounds(start, tables_start, count, most - count)
        if stopped is None:
            return None
        found = self.at(start, tables_start, *stopped)
        return None if found["leaves"] else found

    def _leapt(self, start: int, tables_start: int, count: int, most: int) -> int:
        """A count up to which it goes on for certain, near the one where it stops."""
        leap = 1 << (ROUNDS.bit_length() - 1)
        while leap > NEAR:
            if count + leap <= most and self._goes_on(start, tables_start, count, count + leap - 1):
                count += leap
            else:
                leap >>= 1
        return count

    def broken(self, holds: Callable[[Numbers], bool]) -> Numbers | None:
        """The first layout of those tried that breaks it; ``None`` where none does. No more are run than are looked at."""
        for each in chain(self.tried, self._run_on()):
            if not holds(each):
                return each
        return None

    def _run_on(self) -> Iterator[Numbers]:
        for each in self._running:
            self.tried.append(each)
            yield each

    def _run_all(self) -> Iterator[Numbers]:
        searched = self._generic.count.searched
        tries, most = (TRIES, 1 << 40) if searched else (20 * TRIES, 1 << 48)
        for start, tables_start in _layouts(self._generic.mode.bits, tries):
            ran = self.ran(start, tables_start)
            if ran is not None and (ran["v_end"] - start) % ADDRESS_LIMIT <= most:
                yield ran

    @cached_property
    def overdue(self) -> Numbers | None:
        """A layout on which the loop has gone on for long, though what it tries is enough; ``None`` where none is met."""
        found = self._generic.count
        for place in (0, 1 << 20, ADDRESS_LIMIT - (2 << 30)) if found.searched else ():
            start = place if self._generic.mode.bits == 64 else place % (1 << 31)
            count = self._start(start, start + (1 << 20))[0]
            case = self.at(start, start + (1 << 20), count)
            for _ in range(ROUNDS):
                case = self.at(start, start + (1 << 20), count)
                if not case["goes_on"]:
                    break
                count = case["step"]
            if case["goes_on"] and case["needed"] <= case["n"]:
                return case
        return None

    def late(self, case: Numbers) -> Part:
        """That it doesn't go on where it is enough, which a case breaks."""
        generic = self._generic
        lemma = generic.lemma(
            "overdue",
            "f(S, V(n)) ≤ n ⇒ it doesn't go on",
            Statement(goal=implies(generic.needed(n) <= n, ~generic.count.goes_on)),
        )
        there = (v_start == case["v_start"]) & (vpt_start == case["vpt_start"]) & (n == case["n"])
        return Part(name=lemma.name, lemma=lemma, shape=there, replay=self._late)

    def _late(self, values: Values) -> Replay:
        case = self._case(values)
        start = case["v_start"]
        try:
            took = touched(self._generic.mode, start, start + (case["v_end"] - start) % ADDRESS_LIMIT)
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        says = f"with {case['n']} frames tried it goes on, and a walk touches {took} tables"
        return Replay(took > case["n"] or not case["goes_on"], says)

    def part(self, lemma: Lemma, judge: replays.Judge, holds: Callable[[Numbers], bool] | None) -> Part:
        """The part for a lemma; where a case on numbers breaks it, that one is shown, and no proof is tried."""
        broken = self.broken(holds) if holds is not None else None
        shape = SHORT
        if broken is not None:
            shape = (v_start == broken["v_start"]) & (vpt_start == broken["vpt_start"])
            lemma = evolve(lemma, proof=Steps())
        return Part(
            name=lemma.name,
            lemma=lemma,
            shape=shape,
            least=(v_start, vpt_start) if broken is None else (),
            without=dict.fromkeys((each.name for each in lemma.statement.assumptions), FALSE),
            replay=judge,
        )

    def is_exact(self, case: Numbers) -> bool:
        """Whether the region takes just what is set aside."""
        return case["needed"] == case["count"]

    def is_consistent(self, case: Numbers) -> bool:
        """Whether tables and stack lie one behind the other, with room for the count."""
        return (
            (case["tables_end"] - case["vpt_start"]) % ADDRESS_LIMIT == case["count"] * PAGE_SIZE
            and case["stack_start"] == case["tables_end"]
            and case["stack"] == (case["tables_end"] + PAGE_SIZE) % ADDRESS_LIMIT
        )

    def is_fit(self, case: Numbers) -> bool:
        """Whether the region ends above the stack by the padding at least."""
        return PADDING <= (case["v_end"] - case["stack"]) % ADDRESS_LIMIT < any_rounding.MOST_ROUNDED

    def _case(self, values: Values) -> Numbers:
        return self.at(values.get("v_start", 0), values.get("vpt_start", 2 * PAGE_SIZE), values.get("n", 2))

    def exact(self, values: Values) -> Replay:
        """The machine walks the tree's region, and builds it with the tree's count."""
        case = self._case(values)
        start, mode = case["v_start"], self._generic.mode
        end = start + (case["v_end"] - start) % ADDRESS_LIMIT
        if mode.bits == 32 and end > 1 << 32:
            return Replay(None, replays.ABOVE_4_GIB)
        try:
            took = touched(mode, start, end)
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        says = f"{case['count']} frames are set aside, and a walk over [{start:#x}, {end:#x}) touches {took} tables"
        return Replay(took == case["count"], says, self._built(case))

    def _built(self, case: Numbers) -> tuple[tuple[str, Layout, Report], ...]:
        layout = replays.arranged(self._generic.mode, case["v_start"], case["vpt_start"])
        if layout is None:
            return ()
        total = Segment(case["v_start"], case["v_end"])
        try:
            return replays.seen(evolve(with_frames(layout, case["count"]), total=total), "the tree's layout")
        except (ImpossibleLayout, ValueError):
            return ()

    def least(self, values: Values) -> Replay:
        """Whether the machine finds the smaller count enough."""
        case = self._case(values)
        less = self.at(case["v_start"], case["vpt_start"], values.get("m", case["n"]))
        start = case["v_start"]
        try:
            took = touched(self._generic.mode, start, start + (less["v_end"] - start) % ADDRESS_LIMIT)
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        holds = case["n"] <= less["n"] or took > less["n"]
        return Replay(holds, f"it stops at {case['n']}; with {less['n']} frames a walk touches {took} tables")

    def consistent(self, values: Values) -> Replay:
        """The addresses, added up."""
        case = self._case(values)
        says = f"{case['count']} frames from {case['vpt_start']:#x} on; the tables end at {case['tables_end']:#x}, the stack at {case['stack']:#x}"
        return Replay(self.is_consistent(case), says)

    def fits(self, values: Values) -> Replay:
        """What is left above the stack."""
        case = self._case(values)
        left = (case["v_end"] - case["stack"]) % ADDRESS_LIMIT
        return Replay(self.is_fit(case), f"the region ends at {case['v_end']:#x}, {left:#x} above the stack")

    def unjudged(self, _values: Values) -> Replay:
        """The machine's loop is its own."""
        return Replay(None, "the machine has a search of its own")
