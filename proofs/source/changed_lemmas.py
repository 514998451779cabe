"""Lemmas on a count that was changed, with none written for the change: each is made of the tree's own code.

Notation and argument as in `changed`.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from random import Random
from typing import Final

from attrs import field, frozen

from ...encodings.dom0_count import tables, tables_by_level
from ...encodings.spans import spanned
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, PagingMode
from ...formal.logic.theorem import Assumption, Induction, Lemma, Loop, Run, Statement, Steps, Use
from ...formal.words.word import (
    TRUE,
    Term,
    Truth,
    Word,
    compiled,
    implies,
    inputs,
    number,
    replaced,
    subterms,
    word,
)
from ..shared import arithmetic, region
from ..shared.region import far, m, n, near, terms, v_start, vpt_start
from ..static import any_rounding, raises
from .layouts_to_try import lengths
from .terms import Count

MOST: Final = 1 << 45
"""More tables than any region takes."""
CUTS: Final = ("vstack_end", "vpt_end", "vstack_start")
"""The variables that V may hang on, the likeliest first."""
BELOW: Final = (1 << 64) - (1 << 40)
"""Where tables end at most of a region that is kept off the end of the address space."""
LOW: Final = 1 << 32
"""The same for a 32-bit guest, which ends there."""
MANY: Final = 1 << 28
"""More frames than tables are needed in a half of the canonical addresses."""
HALF: Final = 1 << 47
"""A half of the canonical addresses, in bytes."""


def _fits_below(limit: int, start: Word, count: Word) -> Truth:
    """So many pages from an address on end by a limit."""
    return (start <= limit) & (count <= (number(limit) - start) >> PAGE_SHIFT)


@frozen(eq=False)
class Generic:
    """The lemmas about one count, made when they are asked for.

    ``below`` is where tables end at most, for code that counts otherwise above; 0 for code that doesn't.
    """

    count: Count
    below: int = 0
    _made: dict[str, Lemma] = field(factory=dict)

    @property
    def mode(self) -> PagingMode:
        """The sort of guest."""
        return self.count.mode

    @property
    def tag(self) -> str:
        """What tells its lemmas from others' of the same names."""
        return f"tree,{self.mode.name}"

    def at(self, term: Word, count: Word) -> Word:
        """A term for another count."""
        return replaced(term, {n: count})

    def needed(self, count: Word) -> Word:
        """f(S, V(count))."""
        return tables(self.mode, v_start, self.at(self.count.v_end, count))

    @cached_property
    def loop(self) -> Loop:
        """The tree's loop, over S and T."""
        found = self.count
        return Loop(
            name=f"nr_pt_pages[{self.tag}]",
            parameters=(v_start, vpt_start),
            state=(n,),
            start=(found.start,),
            goes_on=found.goes_on,
            step=(found.step,),
        )

    @cached_property
    def run(self) -> Run:
        """It stops at n."""
        return Run(self.loop, (v_start, vpt_start), (n,))

    @cached_property
    def cut(self) -> Word | None:
        """What V hangs on, as a term over T and n; ``None`` where it hangs on more."""
        end = self.count.v_end
        for name in CUTS:
            term = self.count.ends.get(name)
            if term is not None and term.operation not in ("constant", "input"):
                rest = inputs([replaced(end, {term: near})])
                if has(rest, near) and not has(rest, n) and not has(rest, vpt_start):
                    return term
        return None

    def end_above(self, at: Word) -> Word:
        """V where what it hangs on is ``at``."""
        assert self.cut is not None
        return replaced(self.count.v_end, {self.cut: at})

    def gap(self, at: Word) -> Word:
        """How far V is above what it hangs on."""
        return self.end_above(at) - at

    def lemma(
        self, name: str, meaning: str, statement: Statement, proof: Steps | Induction | None = None
    ) -> Lemma:
        """A lemma of this count; the same one each time."""
        if name not in self._made:
            self._made[name] = Lemma(f"{name}[{self.tag}]", meaning, statement, proof or Steps())
        return self._made[name]

    def gap_is_small(self) -> Lemma:
        """For every E."""
        return self.lemma(
            "gap-small", "V - E < 2^62", Statement(goal=self.gap(near) < any_rounding.MOST_ROUNDED)
        )

    def gap_falls_slowly(self) -> Lemma:
        """Going up, by no more than E goes up."""
        close = Assumption("close", far - near < 1 << 63, "far is less than 2^63 above near")
        return self.lemma(
            "gap-slow",
            "gap(near) ≤ (far - near) + gap(far)",
            Statement(assumptions=(close,), goal=self.gap(near) <= (far - near) + self.gap(far)),
        )

    def end_is_gap_above(self) -> Lemma:
        """Counted from S."""
        ended = self.end_above(near)
        return self.lemma(
            "end-above",
            "V - S = (E - S) + gap(E)",
            Statement(goal=ended - v_start == (near - v_start) + self.gap(near)),
            Steps(generalise=terms(ended)),
        )

    def end_grows(self) -> Lemma:
        """near ≤ far, counted from S, gives V(near) ≤ V(far), and neither comes full circle."""
        if "end-grows" not in self._made:
            facts = (
                self.gap_falls_slowly().at(),
                self.gap_is_small().at(),
                self.gap_is_small().at(near=far),
                self.end_is_gap_above().at(),
                self.end_is_gap_above().at(near=far),
            )
            self._made["end-grows"] = any_rounding.end_grows_by(
                self.mode, f"end-grows[{self.tag}]", self.end_above, self.gap, facts
            )
        return self._made["end-grows"]

    @cached_property
    def above(self) -> int:
        """How far what V hangs on is above the end of the tables, in bytes."""
        return 0 if self.cut is None else int(replaced(self.cut, {vpt_start: number(0), n: number(0)}))

    def _some(self, count: Word) -> Truth:
        """There is a table at least, where V hangs on the end of the tables: else the region might be empty."""
        return TRUE if self.above else count >= 1

    def room(self, count: Word) -> Assumption:
        """The stack ends within 2^63 - 2^50 bytes of S, and the region isn't empty."""
        meaning = "counted upwards from v_start, vpt_start and then the end of the stack come within 2^63 - 2^50 bytes"
        if self.above == 0:
            meaning += ", and one frame at least is set aside"
        condition = self._some(count) & region.half_room(count)
        if self.below:
            condition &= (v_start <= vpt_start) & _fits_below(self.below, vpt_start, count)
            meaning += f", {self.bounds}"
        return Assumption("room", condition, meaning)

    @property
    def bounds(self) -> str:
        """What ``below`` says, for people."""
        return "all of it below 4 GiB" if self.below == LOW else "all of it 2^40 bytes below 2^64 at least"

    @property
    def _most_gap(self) -> int:
        return 1 << (32 if self.below == LOW else 39)

    def _below(self, end: Word) -> Truth:
        """Where a region ends at most whose tables end by ``below``."""
        return (v_start < end) & (end < self.below + self._most_gap + 2 * PAGE_SIZE)

    @property
    def through(self) -> tuple[Assumption, ...]:
        """That the loop isn't left by another way than its end."""
        if self.count.leaves is ~TRUE:
            return ()
        return (Assumption("through", ~self.count.leaves, "nothing leaves the loop before its end"),)

    def stays_below(self) -> Lemma:
        """The region doesn't wrap: S < V(n), which is not far above the limit."""
        assert self.cut is not None
        end = self.count.v_end
        start = vpt_start + n * PAGE_SIZE
        above = self.above
        small = self.lemma(
            "gap-below", f"V - E < {self._most_gap:#x}", Statement(goal=self.gap(near) < self._most_gap)
        )
        put = self.lemma("cut-above", "E = T + 4096 n + …", Statement(goal=self.cut == start + above))
        sum_ = self.lemma(
            "end-sum",
            "V = E + gap(E)",
            Statement(goal=self.end_above(near) == near + self.gap(near)),
            Steps(generalise=terms(self.end_above(near))),
        )
        fits = self.lemma(
            "fits-below",
            f"T + 4096 n ≤ {self.below:#x}, and no less than T",
            Statement(
                assumptions=(Assumption("fits", _fits_below(self.below, vpt_start, n), "n pages fit below"),),
                goal=(vpt_start <= start) & (start <= self.below),
            ),
        )
        return self.lemma(
            "stays-below",
            "S < V(n)",
            Statement(assumptions=(self.room(n),), goal=self._below(end)),
            Steps(
                uses=(fits.at(), put.at(), sum_.at(near=self.cut), small.at(near=self.cut)),
                generalise=terms(
                    end, self.gap(self.cut), *(() if self.cut is start + above else (self.cut,)), start
                ),
            ),
        )

    def cut_grows(self) -> Lemma:
        """What V hangs on grows with n, within the limit."""
        assert self.cut is not None
        cuts = [self.at(self.cut, each) for each in (n, m)]
        lengths = [each - v_start for each in cuts]
        sums = [(vpt_start - v_start) + each * PAGE_SIZE for each in (n, m)]
        from_start = self._from_start()
        return self.lemma(
            "stack-grows",
            "n ≤ m ⇒ E(n) ≤ E(m), counted from S",
            Statement(
                assumptions=(
                    Assumption("in-order", n <= m, "n ≤ m"),
                    Assumption("one", self._some(n), "n ≥ 1"),
                    self.room(m),
                ),
                goal=(lengths[0] <= lengths[1]) & (lengths[1] <= any_rounding.LONGEST) & (lengths[0] > 0),
            ),
            Steps(
                uses=(
                    region.pages_fit().at(limit=number(region.HALF), d=vpt_start - v_start),
                    *(() if self.above else (self._one_page().at(d=vpt_start - v_start),)),
                    from_start.at(),
                    from_start.at(n=m),
                ),
                generalise=(*lengths, *sums),
            ),
        )

    def _from_start(self) -> Lemma:
        """What V hangs on, counted from S."""
        assert self.cut is not None
        return self.lemma(
            "stack-from-start",
            f"E - S = (T - S) + 4096 n + {self.above:#x}",
            Statement(goal=self.cut - v_start == (vpt_start - v_start) + n * PAGE_SIZE + self.above),
        )

    def _one_page(self) -> Lemma:
        """With a frame at least, the tables end above where they start."""
        d = word("d")
        fits = Assumption(
            "fits", (d <= region.HALF) & (n <= (number(region.HALF) - d) >> PAGE_SHIFT), "n pages fit above d"
        )
        return self.lemma(
            "one-page",
            "1 ≤ n ≤ (limit - d) / 4096 ⇒ d + 4096 n > 0",
            Statement(assumptions=(fits, Assumption("one", n >= 1, "n ≥ 1")), goal=d + n * PAGE_SIZE > 0),
        )

    def count_grows(self) -> Lemma:
        """n ≤ m gives f(S, V(n)) ≤ f(S, V(m)), and f(S, V(n)) is no less than the fewest there are."""
        assert self.cut is not None
        cuts = [self.at(self.cut, each) for each in (n, m)]
        ends = [self.at(self.count.v_end, each) for each in (n, m)]
        least = region.least_possible(self.mode)
        spans = tables_by_level(self.mode, v_start, ends[0])
        positive: list[Use] = []
        for level in self.mode.counted_levels:
            if level.fixed is None:
                positive.append(arithmetic.spanned_positive(level.shift).at(low=v_start, far=ends[0]))
                positive.append(arithmetic.spanned_bounded(level.shift).at(low=v_start, far=ends[0]))
        return self.lemma(
            "count-grows",
            f"n ≤ m ⇒ {least} ≤ f(S, V(n)) ≤ f(S, V(m)), and the region doesn't come full circle",
            Statement(
                assumptions=(
                    Assumption("in-order", n <= m, "n ≤ m"),
                    Assumption("one", self._some(n), "n ≥ 1"),
                    self.room(m),
                ),
                goal=(self.needed(n) <= self.needed(m))
                & (self.needed(n) >= least)
                & (ends[0] - v_start > 0)
                & (ends[0] - v_start <= region.region_limit(self.mode)),
            ),
            Steps(
                uses=(
                    self.cut_grows().at(),
                    self.end_grows().at(near=cuts[0], far=cuts[1]),
                    region.tables_grow(self.mode).at(near=ends[0], far=ends[1]),
                    *positive,
                ),
                generalise=terms(self.needed(m), *spans, *ends, *cuts),
            ),
        )

    def _not_around(self, end: Word) -> Assumption:
        length = end - v_start
        condition = (length > 0) & (length <= region.region_limit(self.mode))
        if self.below:
            condition &= self._below(end)
        return Assumption("short", condition, "the region doesn't come full circle")

    @cached_property
    def _levels(self) -> list[tuple[Word, Word, Lemma]]:
        """What the guard and the step have in place of each level's tables, where that isn't what is encoded.

        Found by numbers, and proved for all.
        """
        guard = replaced(self.count.goes_on, {self.count.v_end: near})
        step = replaced(self.count.step, {self.count.v_end: near})
        there = [each for each in subterms([guard, step]) if isinstance(each, Word)]
        cases = [(start, start + length) for start, length in lengths(Random(3), 40)]  # noqa: S311 - to try
        found = []
        over = [v_start, near]
        mine = [
            each
            for each in there
            if each.width == 64 and inputs([each]) and all(has(over, one) for one in inputs([each]))
        ]
        read = compiled(mine, over)
        values = (
            list(zip(*(read(start, end % ADDRESS_LIMIT) for start, end in cases), strict=True))
            if mine
            else []
        )
        for level in self.mode.counted_levels:
            if level.fixed is not None:
                continue
            ours = spanned(v_start, near, level.shift)
            if any(each is ours for each in there):
                continue
            blocks = compiled([ours], over)
            wanted = [int(blocks(start, end % ADDRESS_LIMIT)[0]) for start, end in cases]
            for term, each in zip(mine, values, strict=True):
                if list(each) == wanted:
                    same = self.lemma(
                        f"level-{level.number}",
                        f"the tree's count of {level.name} is the blocks that the region touches",
                        Statement(assumptions=(self._not_around(near),), goal=term == ours),
                    )
                    found.append((term, ours, same))
                    break
        return found

    def cut_lemma(self, name: str, meaning: str, goal: Callable[[Word], Truth]) -> Lemma:
        """A statement about n, S and V alone, V being anything: by levels where the tree writes them otherwise."""
        return self.lemma(
            name,
            meaning,
            Statement(assumptions=(self._not_around(near),), goal=goal(near)),
            Steps(
                uses=tuple(each.at() for _, _, each in self._levels),
                generalise=terms(*(term for pair in self._levels for term in pair[:2])),
            ),
        )

    def no_wrap(self) -> tuple[Use, ...]:
        """That the region doesn't wrap, where that is assumed."""
        return (self.stays_below().at(),) if self.below else ()

    def _goes_while(self, less: Truth, put: Mapping[Word, Word]) -> Truth:
        """Unless the loop is left it goes on just while that holds; and it doesn't both go on and leave."""
        goes, leaves = replaced(self.count.goes_on, put), replaced(self.count.leaves, put)
        return implies(~leaves, goes == less) & ~(goes & leaves)

    def guard_is_count(self) -> Lemma:
        """It goes on while n < f(S, V(n))."""
        end = self.count.v_end
        cut = self.cut_lemma(
            "guard",
            "it goes on ⇔ n < f(S, V)",
            lambda at: self._goes_while(n < tables(self.mode, v_start, at), {end: at}),
        )
        return self.lemma(
            "guard-is-count",
            "it goes on ⇔ n < f(S, V(n))",
            Statement(assumptions=(self.room(n),), goal=self._goes_while(n < self.needed(n), {})),
            Steps(
                uses=(self.count_grows().at(m=n), *self.no_wrap(), cut.at(near=end)), generalise=terms(end)
            ),
        )

    def step_is_count(self) -> Lemma:
        """A step raises n to f(S, V(n))."""
        end = self.count.v_end
        cut = self.cut_lemma(
            "raise",
            "the step is n := f(S, V)",
            lambda at: replaced(self.count.step, {end: at}) == tables(self.mode, v_start, at),
        )
        return self.lemma(
            "step-is-count",
            "the step is n := f(S, V(n))",
            Statement(assumptions=(self.room(n),), goal=self.count.step == self.needed(n)),
            Steps(
                uses=(self.count_grows().at(m=n), *self.no_wrap(), cut.at(near=end)), generalise=terms(end)
            ),
        )

    @property
    def plain(self) -> bool:
        """Whether what is set aside is what was tried, and the region is the one that was tried."""
        return self.count.count is n and self.count.tried_end is self.count.v_end

    @property
    def raises(self) -> bool:
        """Whether a step isn't n + 1."""
        return self.count.step is not n + 1

    @property
    def _step_uses(self) -> tuple[Use, ...]:
        """What tells where a step that isn't n + 1 leads to."""
        return (self.step_is_count().wherever(),) if self.raises else ()

    @property
    def _step_terms(self) -> tuple[Word, ...]:
        """The step, where more is known of it than its term."""
        return (self.count.step,) if self.raises else ()

    def exact(self) -> Lemma:
        """It stops at an n with f(S, V(n)) = n."""
        start, step = self.count.start, self.count.step
        statement = Statement(
            assumptions=(self.room(n), *self.through),
            runs=(self.run,),
            goal=self.needed(n) == self.count.count,
        )
        meaning = "the tree's loop stops at n ⇒ f(S, V(n)) = n"
        if self.cut is None or not self.plain:
            return self.lemma("exact", meaning, statement)
        above = self._some(n) if self.raises else TRUE
        rises = (self._rises_here(),) if self.raises else ()
        hidden = (self.needed(step), self.needed(n), *self._step_terms)
        return self.lemma(
            "exact",
            meaning,
            statement,
            Induction(
                invariant=above & (~self.room(n).condition | (n <= self.needed(n))),
                base=Steps(
                    uses=(self.count_grows().wherever(n=start, m=start),),
                    generalise=terms(self.needed(start)),
                ),
                step=Steps(
                    uses=(
                        *self._step_uses,
                        *rises,
                        self.guard_is_count().wherever(),
                        self.count_grows().wherever(m=step),
                        self.count_grows().wherever(n=step, m=step),
                    ),
                    generalise=terms(*hidden),
                ),
                end=Steps(uses=(self.guard_is_count().wherever(),), generalise=terms(self.needed(n))),
            ),
        )

    def least(self) -> Lemma:
        """No count from the first one on that is enough is less than what it stops at."""
        start = self.count.start
        statement = Statement(
            assumptions=(
                Assumption(
                    "enough", self.needed(m) <= m, "m frames are enough for the region that they make"
                ),
                Assumption("tried", start <= m, "m is no less than the count that it starts from"),
                self.room(m),
                *self.through,
            ),
            runs=(self.run,),
            goal=n <= m,
        )
        meaning = "the tree's loop stops at n, f(S, V(m)) ≤ m, start ≤ m ⇒ n ≤ m"
        if self.cut is None:
            return self.lemma("least", meaning, statement)
        same = arithmetic.same(
            f"same-count[{self.tag}]", "n = m ⇒ f(S, V(n)) = f(S, V(m))", self.needed, n, m
        )
        hidden = (self.needed(m), self.needed(n), *self._step_terms)
        return self.lemma(
            "least",
            meaning,
            statement,
            Induction(
                invariant=self._some(n) & (n <= m),
                step=Steps(
                    uses=(
                        *self._step_uses,
                        self.guard_is_count().wherever(),
                        same.wherever(),
                        self.count_grows().wherever(),
                    ),
                    generalise=terms(*hidden),
                ),
                end=Steps(generalise=terms(self.needed(m), self.needed(n))),
            ),
        )

    def rises(self) -> Lemma:
        """Each round that goes on makes the count larger, and never more than any region takes."""
        end, step = self.count.v_end, self.count.step
        goes, next_ = replaced(self.count.goes_on, {end: near}), replaced(step, {end: near})
        return self.lemma(
            "rises",
            "it goes on ⇒ n < the next count ≤ 2^45",
            Statement(goal=implies(goes, (n < next_) & (next_ <= MOST))),
        )

    def _rises_here(self) -> Use:
        rises = self.rises()
        here = {"near": self.count.v_end} if has(rises.statement.variables, near) else {}
        return rises.at(**here)

    def _always_rises(self) -> bool:
        """Whether `rises` may hold: numbers are put for a region that wraps, and a count that is as large as any."""
        variables = [v_start, vpt_start, near, n]
        reading = compiled([self.rises().statement.goal], variables)
        return all(
            reading(1 << place, 0, 1 << 22, tried)[0] for place in (23, 40, 63) for tried in (MOST, MOST >> 1)
        )

    def _many_are_enough(self) -> Lemma:
        """In a half of the canonical addresses, no region takes so many tables."""
        assert self.cut is not None
        many = number(MANY)
        ended, cut = self.at(self.count.v_end, many), self.at(self.cut, many)
        longest = HALF + MANY * PAGE_SIZE + self.above + self._most_gap
        small = self.lemma(
            "gap-below", f"V - E < {self._most_gap:#x}", Statement(goal=self.gap(near) < self._most_gap)
        )
        spans = tables_by_level(self.mode, v_start, ended)
        return self.lemma(
            "many-are-enough",
            f"T - S ≤ 2^47 ⇒ f(S, V({MANY:#x})) ≤ {MANY:#x}",
            Statement(assumptions=(raises.within(HALF),), goal=self.needed(many) <= MANY),
            Steps(
                uses=(
                    self.end_is_gap_above().at(near=cut),
                    small.at(near=cut),
                    self._from_start().at(n=many),
                    *(
                        arithmetic.spanned_at_most(level.shift).wherever(
                            low=v_start, far=ended, most=number(longest)
                        )
                        for level in self.mode.counted_levels
                        if level.fixed is None
                    ),
                ),
                generalise=terms(*spans, ended - v_start, cut - v_start, self.gap(cut), vpt_start - v_start),
            ),
        )

    def _stops_within(self) -> Lemma:
        """It comes to an end in a half of the canonical addresses: where so many are tried, it is enough."""
        many = number(MANY)
        assumed = [raises.within(HALF)]
        if self.below:
            condition = (v_start <= vpt_start) & _fits_below(self.below, vpt_start, many)
            assumed.append(Assumption("below", condition, self.bounds))
        return self.lemma(
            "stops",
            "T - S ≤ 2^47 ⇒ the tree's loop stops",
            Statement(assumptions=assumed, runs=(self.run,), goal=n <= MANY, stops=True),
            Induction(
                invariant=n <= MANY,
                step=Steps(
                    uses=(
                        self._many_are_enough().at(),
                        self.guard_is_count().wherever(),
                        *self._step_uses,
                        self.count_grows().wherever(m=many),
                    ),
                    generalise=terms(
                        self.needed(many),
                        self.needed(n),
                        *self._step_terms,
                        vpt_start - v_start,
                    ),
                ),
                rank=many - n,
            ),
        )

    def stops(self) -> Lemma:
        """It ends, whatever S and T; where it may not, in a half of the canonical addresses."""
        if self.cut is not None and not self._always_rises():
            return self._stops_within()
        end, step = self.count.v_end, self.count.step
        return self.lemma(
            "stops",
            "the tree's loop stops",
            Statement(runs=(self.run,), goal=n <= MOST, stops=True),
            Induction(
                invariant=n <= MOST,
                step=Steps(
                    uses=(self._rises_here(),),
                    generalise=terms(end, *(() if step is n + 1 else (step,))),
                ),
                rank=number(MOST) - n,
            ),
        )

    def at_the_end(self, name: str, meaning: str, goal: Truth, hidden: tuple[Word, ...] = ()) -> Lemma:
        """Something that holds for every count, and so where it stops."""
        always = self.lemma(f"{name}-always", meaning, Statement(goal=goal), Steps(generalise=terms(*hidden)))
        return self.lemma(
            name,
            meaning,
            Statement(assumptions=self.through, runs=(self.run,), goal=goal),
            Steps(uses=(always.at(),)),
        )


def has(words: Iterable[Term], wanted: Word) -> bool:
    """Whether a word is among some."""
    return any(each is wanted for each in words)
