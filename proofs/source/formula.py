"""What is proved of a count that isn't searched for: a rule that is applied so many times, one after the other.

Notation of `changed`; x_0 is a number, and x_{i+1} = g(x_i) with g(n) = f(S, V(n)) as the tree has it, so far as n ≤ f(S, V(n)).
The tree may stop early, where it is enough, and lay out once more in the end or not. The argument is that of
`static.raises`, for the tree's own rounding and padding: raises fall by a factor of 512, and once one is small, the next but
one is none.
"""

from collections.abc import Callable
from functools import cached_property, reduce
from itertools import pairwise
from typing import Final

from attrs import evolve, frozen

from ...encodings.dom0_count import tables
from ...encodings.spans import round_up
from ...formal.layouts.paging import PAGE_SIZE
from ...formal.logic.theorem import Assumption, Induction, Lemma, Statement, Steps, Use
from ...formal.words.word import (
    FALSE,
    Term,
    Truth,
    Word,
    all_of,
    compiled,
    implies,
    inputs,
    number,
    replaced,
    subterms,
)
from ..shared import arithmetic, region
from ..shared.region import far, m, n, near, terms, v_start, vpt_start
from ..static import raises
from .changed_lemmas import Generic, has
from .terms import Count

BEFORE: Final = (1 << 62, 1 << 47, 1 << 32)
"""How far above S the tables may start, in bytes: nearly anywhere; in a half of the canonical addresses; in a 32-bit guest."""
FEW: Final = 16
"""Numbers that a rule may start from."""
LENGTHS: Final = (0x5000, 0x12345000, 0x76543210000)
"""Lengths of regions, on which a count and the one before it are of about the same size, in bytes."""
FAR: Final = 1 << 45
"""An address to look at what is added to the end of the stack."""


@frozen(eq=False, kw_only=True)
class Chain:
    """The counts x_0, x_1, … of a formula, and what it makes of them.

    ``rule`` is g over n; V(n) and the other addresses are those of ``tried``. It stops at x_i with the layout of x_i in
    each of ``exits``, by their conditions, and else at the last one with the layout of ``last_laid_out``.
    """

    counts: tuple[Word, ...]
    tried: Count
    exits: tuple[tuple[Truth, int], ...]
    last_laid_out: int


def chain_of(found: Count) -> Chain | None:
    """The chain that a formula is; ``None`` where it is none."""
    exits: list[tuple[Truth, Word, Word]] = []
    count, end = found.start, found.v_end
    unwound = None
    while count.operation == "ite" and (
        _parted(count.arguments[0], end)[0] is not end or (unwound := _unwound(count)) is None
    ):
        condition, stopped, count = count.arguments
        laid_out_then, end = _parted(condition, end)
        exits.append((condition, stopped, laid_out_then))
    unwound = unwound or _unwound(count)
    if unwound is None:
        return None
    rule, counts = unwound
    if has(inputs([end]), n):  # laid out for the last count
        laid_out, over = len(counts) - 1, end
    else:
        laid_out = next(
            (place for place in reversed(range(len(counts))) if has(subterms([end]), counts[place])), 0
        )
        over = replaced(end, {counts[laid_out]: n})
    if not has(inputs([over]), n):
        return None
    places = []
    for condition, stopped, ended in exits:
        place = next((index for index, each in enumerate(counts) if each is stopped), None)
        if place is None or replaced(over, {n: stopped}) is not ended:
            return None
        places.append((condition, place))
    ends = {}
    for name, each in found.ends.items():
        address = reduce(lambda term, way: _parted(way[0], term)[1], exits, each)
        ends[name] = address if has(inputs([address]), n) else replaced(address, {counts[laid_out]: n})
    tried = evolve(found, v_end=over, tried_end=over, step=rule, ends=ends, goes_on=FALSE)
    return Chain(counts=counts, tried=tried, exits=tuple(places), last_laid_out=laid_out)


def _parted(condition: Truth, term: Word) -> tuple[Word, Word]:
    """What a term is where the condition holds, and where it doesn't."""
    if term.operation == "ite" and term.arguments[0] is condition:
        return term.arguments[1], term.arguments[2]
    return term, term


def _unwound(last: Word) -> tuple[Word, tuple[Word, ...]] | None:
    """The rule of which the last count is made, over n, and the counts from a number on."""
    words = [each for each in subterms([last]) if isinstance(each, Word) and each.width == last.width]
    reading = compiled(words, [v_start, vpt_start])
    near_enough = set(range(len(words) - 1))
    for length in LENGTHS:
        *values, whole = reading(0, length)
        near_enough &= {place for place, each in enumerate(values) if whole // 2 <= each <= whole}
    for place in sorted(near_enough, reverse=True):
        inner = words[place]
        rule = replaced(last, {inner: n})
        if not has(inputs([rule]), n):
            continue
        counts = [last, inner]
        while (before := _before(rule, counts[-1])) is not None:
            counts.append(before)
        start = next(
            (number(each) for each in range(FEW) if replaced(rule, {n: number(each)}) is counts[-1]), None
        )
        if start is not None:
            return rule, (start, *reversed(counts))
    return None


def _before(rule: Word, count: Word) -> Word | None:
    """The count from which the rule makes this one; ``None`` where it doesn't, or it is a number."""
    stack: list[tuple[Term, Term]] = [(rule, count)]
    seen: set[tuple[Term, Term]] = set()
    found: Term | None = None
    while stack:
        pair = stack.pop()
        mine, theirs = pair
        if pair in seen or (mine is theirs and mine is not n):
            continue
        seen.add(pair)
        if mine is n:
            if found is not None and found is not theirs:
                return None
            found = theirs
        elif (
            mine.operation != theirs.operation
            or len(mine.arguments) != len(theirs.arguments)
            or mine.width != theirs.width
        ) or not mine.arguments:
            return None
        else:
            stack.extend(zip(mine.arguments, theirs.arguments, strict=True))
    return found if isinstance(found, Word) and found.operation != "constant" else None


class Rounded:
    """The lemmas about how a count's region ends: rounded up."""

    def __init__(self, generic: Generic) -> None:
        self.generic = generic
        self.mode = generic.mode

    @cached_property
    def end(self) -> raises.End | None:
        """How the region ends, as far as its tables tell: found by numbers, and proved in `_closed`."""
        cut = self.generic.cut
        if cut is None:
            return None
        ended, above = compiled([self.generic.end_above(near)], [near]), self.generic.above
        bits = 0
        for each in range(1, 200):
            bits |= ended(FAR + each * 0x1234567)[0]
        rounding = (bits & -bits).bit_length() - 1
        shift = max(rounding, region.spanned_shifts(self.mode)[-1])
        if shift > 40 or above > PAGE_SIZE:
            return None
        line = (1 << shift) - 1

        def at(place: int) -> int:
            return (ended(place)[0] + line) & ~line

        low, high = FAR, FAR + 2 * line + 2
        while high - low > 1:  # the last place from which the region ends where it does from FAR
            middle = (low + high) // 2
            low, high = (middle, high) if at(middle) == at(FAR) else (low, middle)
        padding = at(low) - low + above - PAGE_SIZE
        return raises.End(shift, padding) if 0 <= padding < 1 << 40 else None

    def lemma(
        self, name: str, meaning: str, statement: Statement, proof: Steps | Induction | None = None
    ) -> Lemma:
        """A lemma of this count; the same one each time."""
        return self.generic.lemma(name, meaning, statement, proof)

    def _added(self) -> int:
        """What is added to what V hangs on, before it is rounded."""
        assert self.end is not None
        return self.end.padding + PAGE_SIZE - self.generic.above

    def _same_sum(self) -> Lemma:
        assert self.end is not None
        assert self.generic.cut is not None
        return self.lemma(
            "padded-cut",
            "E + … = stack and padding",
            Statement(goal=self.generic.cut + self._added() == self.end.padded(n)),
        )

    def _closed(self) -> Lemma:
        assert self.end is not None
        ended, shift = self.generic.end_above(near), self.end.shift
        leaf = region.spanned_shifts(self.mode)[-1]
        return self.lemma(
            "closed-end",
            f"V, rounded up to 2^{leaf} = ⌈E + …⌉ to 2^{shift}",
            Statement(goal=round_up(ended, leaf) == round_up(near + self._added(), shift)),
        )

    def _as_rounded(self) -> Lemma:
        """What a region takes hangs on the L1's blocks that it touches alone."""
        leaf, *wider = region.spanned_shifts(self.mode)[::-1]
        ups = [
            self.lemma(
                f"up-twice-{each}",
                f"⌈⌈V⌉ to 2^{leaf}⌉ to 2^{each} = ⌈V⌉ to 2^{each}",
                Statement(goal=round_up(round_up(near, leaf), each) == round_up(near, each)),
            )
            for each in (leaf, *wider)
        ]
        return self.lemma(
            "as-rounded",
            f"f(S, V) = f(S, ⌈V⌉ to 2^{leaf})",
            Statement(
                goal=tables(self.mode, v_start, near) == tables(self.mode, v_start, round_up(near, leaf))
            ),
            Steps(
                uses=(each.at() for each in ups),
                generalise=terms(
                    *(round_up(at, each) for each in (leaf, *wider) for at in (round_up(near, leaf), near)),
                    *(v_start & -(1 << each) for each in (leaf, *wider)),
                ),
            ),
        )

    def as_padded(self) -> Lemma:
        """What a region takes, where its end is said in one step."""
        assert self.end is not None
        assert self.generic.cut is not None
        leaf = region.spanned_shifts(self.mode)[-1]
        ended, cut, padded = self.generic.count.v_end, self.generic.cut, self.end.padded(n)
        hidden = [tables(self.mode, v_start, each) for each in (ended, round_up(ended, leaf), self.end.at(n))]
        return self.lemma(
            "as-padded",
            "f(S, V(n)) = f(S, ⌈stack and padding⌉)",
            Statement(goal=hidden[0] == hidden[2]),
            Steps(
                uses=(
                    self._as_rounded().at(near=ended),
                    self._closed().at(near=cut),
                    self._same_sum().at(),
                    region.same_tables(self.mode).wherever(near=round_up(ended, leaf), far=self.end.at(n)),
                    arithmetic.same(
                        f"same-rounded[{self.generic.tag}]",
                        "near = far ⇒ ⌈near⌉ = ⌈far⌉",
                        lambda at: round_up(at, self.end.shift if self.end else 0),
                        near,
                        far,
                    ).wherever(near=cut + self._added(), far=padded),
                ),
                generalise=terms(
                    *hidden,
                    round_up(ended, leaf),
                    self.end.at(n),
                    round_up(cut + self._added(), self.end.shift),
                    cut + self._added(),
                    padded,
                ),
            ),
        )


class Formula(Rounded):
    """The lemmas about one formula."""

    def __init__(self, chain: Chain, *, below: int) -> None:
        super().__init__(Generic(chain.tried, below))
        self.chain = chain

    @cached_property
    def counted(self) -> raises.Counted:
        """The count as `raises` speaks of it."""
        assert self.end is not None
        return raises.Counted(
            mode=self.mode,
            tag=self.generic.tag,
            end=self.end,
            needed=self.generic.needed,
            room=self.generic.room,
            as_padded=self.as_padded(),
            end_grows=self._end_grows(),
            grows=self.generic.count_grows(),
        )

    def _end_grows(self) -> Lemma:
        assert self.end is not None
        assert self.generic.cut is not None
        limit = region.region_limit(self.mode)
        cuts = [self.generic.at(self.generic.cut, each) for each in (n, m)]
        padded = [self.end.padded(each) for each in (n, m)]
        ends = [self.end.at(each) for each in (n, m)]
        counted = self.lemma(
            "padded-from-start",
            "E + … - S = (E - S) + …",
            Statement(goal=padded[0] - v_start == (cuts[0] - v_start) + self._added()),
        )
        return self.lemma(
            "padded-end-grows",
            "n ≤ m ⇒ ⌈…⌉(n) ≤ ⌈…⌉(m), counted from S",
            Statement(
                assumptions=self.generic.cut_grows().statement.assumptions,
                goal=(ends[0] - v_start <= ends[1] - v_start) & (ends[1] - v_start <= limit),
            ),
            Steps(
                uses=(
                    self.generic.cut_grows().at(),
                    arithmetic.moved_up().at(
                        limit=number(limit - self.end.line),
                        near=cuts[0] - v_start,
                        far=cuts[1] - v_start,
                        c=number(self._added()),
                    ),
                    counted.at(),
                    counted.at(n=m),
                    arithmetic.round_up_grows(self.end.shift).at(
                        low=v_start, near=padded[0], far=padded[1], limit=number(limit)
                    ),
                ),
                generalise=(*ends, *(each - v_start for each in (*padded, *cuts))),
            ),
        )

    # The chain

    @cached_property
    def reach(self) -> tuple[int, list[int]] | None:
        """How far above S the tables may start, so that the chain is long enough; and the bounds of its raises."""
        counts, end = self.chain.counts, self.end
        if end is None:
            return None
        start = int(counts[0])
        settled_at = self.chain.last_laid_out  # the last count must be settled, and the one that is laid out
        for before in BEFORE:
            if before == 1 << 32 and self.mode.bits != 32:
                continue
            bounds = raises.chain(self.mode, raises.first_bound(self.mode, before, start, end), end)
            if bounds and len(bounds) + 1 <= settled_at and start <= region.least_possible(self.mode):
                return before, bounds
        return None

    @property
    def assumed(self) -> tuple[Assumption, ...]:
        """What the lemmas on the chain assume."""
        assert self.reach is not None
        before, bounds = self.reach
        within, limit = raises.within(before), self.generic.below
        if not limit:
            return (within,)
        tables_below = 1 << (2 * PAGE_SIZE * (FEW + sum(bounds))).bit_length()
        condition = (v_start <= vpt_start) & (vpt_start <= limit - tables_below)
        return within, Assumption("below", condition, self.generic.bounds)

    def _rule(self) -> Lemma:
        """As long as n is no more than is needed, the rule raises it to that."""
        count = self.chain.tried
        end = count.v_end
        cut = self.generic.cut_lemma(
            "rule",
            "n ≤ f(S, V) ⇒ the rule is f(S, V)",
            lambda at: implies(
                n <= tables(self.mode, v_start, at),
                replaced(count.step, {end: at}) == tables(self.mode, v_start, at),
            ),
        )
        return self.lemma(
            "rule-is-count",
            "n ≤ f(S, V(n)) ⇒ the rule is f(S, V(n))",
            Statement(
                assumptions=(self.generic.room(n),),
                goal=implies(n <= self.generic.needed(n), count.step == self.generic.needed(n)),
            ),
            Steps(
                uses=(self.generic.count_grows().at(m=n), *self.generic.no_wrap(), cut.at(near=end)),
                generalise=terms(end),
            ),
        )

    def _same_needed(self) -> Lemma:
        return self.lemma(
            "same-needed",
            "n = m ⇒ f(S, V(n)) = f(S, V(m))",
            Statement(
                assumptions=(Assumption("equal", n == m, "they are equal"),),
                goal=self.generic.needed(n) == self.generic.needed(m),
            ),
        )

    def settled(self) -> Lemma:
        """None of the counts falls, each is what the one before needs, and the last ones are what they need themselves."""
        assert self.reach is not None
        before, bounds = self.reach
        counts, needed = self.chain.counts, self.generic.needed
        of, size = self.counted, len(bounds)
        start = int(counts[0])
        uses: list[Use] = [raises.first_bounded(of, before, start).at()]
        for place, (low, high) in enumerate(pairwise(counts)):
            if place == size + 1:
                break
            if place == 0:
                uses.append(of.grows.at(n=low, m=low))
            uses.append(self._rule().at(n=low))
            if place < size:
                uses.append(raises.count_moves(of).at(n=low, m=high, frames=number(bounds[place])))
            else:
                uses.append(of.grows.at(n=low, m=high))
        uses.append(raises.settles(of).at(n=counts[size - 1], m=counts[size], l=counts[size + 1]))
        for low, high in pairwise(counts[size + 1 :]):
            uses += [self._rule().at(n=low), self._same_needed().at(n=high, m=low)]
        goal = all_of(one <= other for one, other in pairwise(counts))
        goal &= all_of(needed(one) == other for one, other in pairwise(counts))
        goal &= all_of(needed(each) == each for each in counts[size + 1 :])
        goal &= counts[self.chain.last_laid_out] == counts[-1]
        hidden = [needed(each) for each in counts]
        return self.lemma(
            "settled",
            f"n_0 ≤ n_1 ≤ …, n_{{i+1}} = f(S, V(n_i)), and f(S, V(n_{size + 1})) = n_{size + 1}",
            Statement(assumptions=self.assumed, goal=goal),
            Steps(uses=uses, generalise=terms(*hidden, *reversed(counts), vpt_start - v_start)),
        )

    def _laid_out(self, term: Word) -> list[Word]:
        """What the term, over n, is for each of the counts that may be laid out."""
        return [self.generic.at(term, self.chain.counts[place]) for place in self._places()]

    def _places(self) -> list[int]:
        return list(dict.fromkeys([*(place for _, place in self.chain.exits), self.chain.last_laid_out]))

    def at_the_end(
        self, name: str, meaning: str, goal: Truth, uses: tuple[Use, ...], hidden: tuple[Word, ...] = ()
    ) -> Lemma:
        """What holds of n, the count that it comes to, by the chain and what is used besides."""
        counts = self.chain.counts
        return self.lemma(
            name,
            meaning,
            Statement(assumptions=self.assumed, runs=(self.generic.run,), goal=goal),
            Induction(
                invariant=n == self.chain.tried.start,
                end=Steps(
                    uses=(self.settled().at(), *uses),
                    generalise=terms(*hidden, *map(self.generic.needed, counts), *reversed(counts)),
                ),
            ),
        )

    def exact(self, found: Count) -> Lemma:
        """f(S, V) = n for the layout that it ends with."""
        took, over = tables(self.mode, v_start, found.v_end), self.chain.tried.v_end
        ended = self._laid_out(over)
        uses = [region.same_tables(self.mode).wherever(near=found.v_end, far=each) for each in ended]
        if found.v_end is over:
            uses = [self._same_needed().wherever(m=self.chain.counts[-1])]
        return self.at_the_end(
            "exact",
            "the tree's formula is n ⇒ f(S, V) = n",
            took == n,
            tuple(uses),
            (took, *(each for each in ended if found.v_end is not over)),
        )

    def fits(self, name: str, meaning: str, goal: Truth, of: Callable[[Word], Truth]) -> Lemma:
        """What holds of each layout, and so of the one that it ends with."""
        tried = self.chain.tried
        stack = tried.ends["vstack_end"]
        over = of(tried.v_end - stack)
        always = self.lemma(f"{name}-always", meaning, Statement(goal=over), Steps(generalise=terms(stack)))
        hidden = [*self._laid_out(tried.v_end), *self._laid_out(stack)]
        return self.at_the_end(
            name,
            meaning,
            goal,
            tuple(always.at(n=self.chain.counts[place]) for place in self._places()),
            tuple(hidden),
        )

    def least(self, found: Count) -> Lemma:
        """No count from the first one on that is enough is less."""
        start, needed = found.start, self.generic.needed
        counts = self.chain.counts
        return self.lemma(
            "least",
            "the tree's formula is n, f(S, V(m)) ≤ m, x_0 ≤ m ⇒ n ≤ m",
            Statement(
                assumptions=(
                    Assumption("enough", needed(m) <= m, "m frames are enough for the region that they make"),
                    Assumption("tried", counts[0] <= m, "m is no less than the count that it starts from"),
                    self.generic.room(m),
                    *self.assumed,
                ),
                runs=(self.generic.run,),
                goal=n <= m,
            ),
            Induction(
                invariant=n == start,
                end=Steps(
                    uses=(
                        self.settled().at(),
                        *(self.generic.count_grows().wherever(n=each) for each in counts),
                    ),
                    generalise=terms(needed(m), *map(needed, counts), *reversed(counts)),
                ),
            ),
        )
