"""What is proved of a count that divides: the closed form of `encodings.closed_form`, however it is written.

Notation of `changed`. Pages and lines are counted from address 0, a line being what the tree rounds the region's end to. b is how many
pages there are up to where the padding ends, with no tables. So b + n pages end in a line, w, and n is exact if n is what a
region takes that ends with w.

The argument. The formula divides a word, y, and what is left of that again. Each division is known by its quotient and remainder:
y = q d + r, r < d (`division`). These put in, all that the formula does with y is a sum: of multiples of the quotients, and of
what little the remainders add. Put in order (`shared.sums`), b + n has each quotient times the pages of the block of lines that
it counts, for d is these pages less the tables that map them. So w is a sum of the quotients, too, what a region takes that ends with w
is another, and n is that one, but for what the last remainders add, which solvers see.

Nothing here knows of divisors, of how many divisions there are, or in which order the formula adds up.
"""

from collections.abc import Callable
from functools import cache, cached_property, reduce
from operator import add
from typing import Final

from attrs import frozen

from ...encodings.dom0_count import tables, tables_by_level
from ...encodings.spans import round_up, spanned
from ...formal.c.values import bit_by_bit
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, Level
from ...formal.logic.theorem import Assumption, Induction, Lemma, Statement, Steps, Use
from ...formal.words.word import (
    TRUE,
    WIDTH,
    Truth,
    Word,
    choose,
    implies,
    inputs,
    number,
    replaced,
    subterms,
    word,
)
from ..shared import arithmetic, region
from ..shared.arithmetic import same_both
from ..shared.region import far, m, n, near, terms, v_start, vpt_start
from ..shared.sums import Ordered, Sums, non_adjacent
from ..static.region_in_lines import pages_counted
from .changed_lemmas import BELOW, Generic, has
from .formula import Rounded

MOST_PAGES: Final = 1 << 53
"""More pages than an address space has."""
x, q, left, step, most, more = (word(each) for each in ("x", "q", "left", "step", "most", "more"))
divided = word("divided")


class NotReadError(Exception):
    """The formula isn't of this kind."""


@frozen(eq=False)
class Division:
    """A division by a number that a term has: of ``dividend``, of so many bits."""

    dividend: Word
    by: int
    bits: int

    @cached_property
    def results(self) -> tuple[Word, Word]:
        """Quotient and remainder."""
        return bit_by_bit(self.dividend, self.by, self.bits)


def divisions_in(term: Word) -> list[Division]:
    """The divisions of which a term has the quotient or the remainder, each after those that it divides."""
    found: dict[tuple[Word, int], Division] = {}
    there = dict.fromkeys(subterms([term]))
    for each in there:
        if (
            each.operation != "bvule"
            or each.arguments[0].operation != "constant"
            or each.arguments[0].width != WIDTH
        ):
            continue
        by, rest = int(each.arguments[0]), each.arguments[1]
        worth, bits = by, 1
        while rest.operation == "ite" and rest.arguments[0] is (rest.arguments[2] >= worth * 2):
            worth, bits, rest = worth * 2, bits + 1, rest.arguments[2]
        division = Division(rest, by, bits)
        if has(there, division.results[0]) or has(there, division.results[1]):
            found[rest, by] = division
    return [each for each in found.values() if not _within_another(each, list(found.values()))]


def _within_another(one: Division, others: list[Division]) -> bool:
    """Whether it is the beginning of another one: the higher bits only."""
    return any(
        one.dividend is each.dividend and each.by < one.by and one.by % each.by == 0 for each in others
    )


def times(by: int, of: Word) -> Word:
    """The product with a number, by the digits of that: as `sums` has it."""
    total = number(0)
    for shift, minus in reversed(non_adjacent(by)):
        put = of << shift if shift else of
        total = total - put if minus else put if total is number(0) else total + put
    return total


@cache
def times_adds(by: int) -> Lemma:
    """The product with a sum is the sum of the products."""
    return same_sum(f"times-adds[{by}]", times(by, q + step), times(by, q) + times(by, step))


def _below_twice(these: Word, worth: Word) -> Truth:
    return (these < worth) | (these - worth < worth)


@cache
def floors_add(shift: int) -> Lemma:
    """Rounded down, two numbers add up to no more than their sum."""
    a, b = arithmetic.a, arithmetic.b
    floors = a >> shift, b >> shift
    return Lemma(
        f"floors-add[{shift}]",
        f"a + b doesn't wrap ⇒ (a >> {shift}) + (b >> {shift}) ≤ (a + b) >> {shift}",
        Statement(
            assumptions=(Assumption("fits", a <= a + b, "a + b doesn't wrap"),),
            goal=(floors[0] + floors[1] <= (a + b) >> shift) & (floors[0] <= floors[0] + floors[1]),
        ),
    )


@cache
def _no_more() -> Lemma:
    a, b, c, d = arithmetic.a, arithmetic.b, arithmetic.c, arithmetic.d
    return Lemma(
        "sum-no-more",
        "a ≤ c, b ≤ d, c + d doesn't wrap ⇒ a + b ≤ c + d",
        Statement(
            assumptions=(Assumption("less", (a <= c) & (b <= d) & (c <= c + d), "a ≤ c, b ≤ d"),),
            goal=a + b <= c + d,
        ),
    )


def same_sum(name: str, one: Word, other: Word) -> Lemma:
    """That two words are the same sum. Raises NotReadError where they aren't."""
    sums = Sums(name)
    forms = [sums.ordered(each).word for each in (one, other)]
    if forms[0] is not forms[1]:
        raise NotReadError
    return Lemma(
        name,
        "the same sum",
        Statement(goal=one == other),
        Steps(uses=(*sums.use(one), *sums.use(other)), generalise=terms(one, other, forms[0])),
    )


@cache
def _moved_over() -> Lemma:
    """Taken off one of two, and added to the other."""
    a, b, c = arithmetic.a, arithmetic.b, arithmetic.c
    return same_sum("moved-over", a + b, (a + c) + (b - c))


@cache
def _less_taken_off() -> Lemma:
    a, b, c = arithmetic.a, arithmetic.b, arithmetic.c
    return same_sum("less-taken-off", a - (b - c), (a - b) + c)


def _decided(by: int, q: Word, left: Word) -> Truth:
    """What holds of the bits of a quotient so far, and of what is left."""
    return (x == times(by, q) + left) & (left <= x) & (q <= (x - left) >> _low(by))


def _low(by: int) -> int:
    return by.bit_length() - 1


@cache
def bit_taken(by: int) -> Lemma:
    """A bit of a quotient, where its worth is left."""
    low, worth, before = _low(by), times(by, step), x - left
    products = [times(by, each) for each in (q, q + step)]
    floors = [each >> low for each in (before, worth, before + worth)]
    return Lemma(
        f"bit-taken[{by}]",
        "x = d q + r, d s ≤ r ⇒ x = d (q + s) + (r - d s)",
        Statement(
            assumptions=(
                Assumption("before", _decided(by, q, left), "the bits before"),
                Assumption("worth", (step <= worth >> low) & (worth <= left), "so much is left"),
            ),
            goal=_decided(by, q + step, left - worth),
        ),
        Steps(
            uses=(
                times_adds(by).at(),
                _moved_over().at(a=products[0], b=left, c=worth),
                _less_taken_off().at(a=x, b=left, c=worth),
                _below_both().at(a=worth, b=left, c=x),
                floors_add(low).at(a=before, b=worth),
                _no_more().at(a=q, b=step, c=floors[0], d=floors[1]),
                arithmetic.same(
                    f"same-floor[{low}]", "a = b ⇒ the same floor", lambda each: each >> low, near, far
                ).at(near=x - (left - worth), far=before + worth),
            ),
            generalise=terms(
                *products,
                *floors,
                (x - (left - worth)) >> low,
                x - (left - worth),
                before + worth,
                before,
                worth,
            ),
        ),
    )


@cache
def _below_both() -> Lemma:
    a, b, c = arithmetic.a, arithmetic.b, arithmetic.c
    return Lemma(
        "room-left",
        "a ≤ b ≤ c ⇒ (c - b) + a doesn't wrap, b - a ≤ c",
        Statement(
            assumptions=(Assumption("in-order", (a <= b) & (b <= c), "a ≤ b ≤ c"),),
            goal=(c - b <= (c - b) + a) & (b - a <= c),
        ),
    )


@cache
def division_step(by: int) -> Lemma:
    """One bit of a quotient."""
    low, worth = _low(by), times(by, step)
    fits = left >= worth
    onward, rest = choose(fits, q + step, q), choose(fits, left - worth, left)
    same = arithmetic.same(
        f"same-times[{by}]", f"a = b ⇒ {by} a = {by} b", lambda each: times(by, each), near, far
    )
    same_less = arithmetic.same(
        f"same-less[{low}]", "a = b ⇒ (x - a) >> … = (x - b) >> …", lambda each: (x - each) >> low, near, far
    )
    return Lemma(
        f"division-step[{by}]",
        "x = d q + r, r < 2 d s ⇒ the same of q', with or without s more, and r' < d s",
        Statement(
            assumptions=(
                Assumption("before", _decided(by, q, left) & _below_twice(left, worth), "the bits before"),
                Assumption("bit", (step <= worth >> low) & (worth >= 1), "nothing wraps"),
            ),
            goal=_decided(by, onward, rest) & (rest < worth),
        ),
        Steps(
            uses=(
                bit_taken(by).wherever(),
                *(same.wherever(near=onward, far=each) for each in (q, q + step)),
                *(same_less.wherever(near=rest, far=each) for each in (left, left - worth)),
            ),
            generalise=terms(
                *(times(by, each) for each in (q, q + step, onward)),
                *((x - each) >> low for each in (rest, left, left - worth)),
                worth,
            ),
        ),
    )


@cache
def division(by: int, bits: int) -> Lemma:
    """What quotient and remainder are: bit by bit."""
    low, uses, chain = _low(by), [], []
    quotient, rest = number(0), x
    for bit in reversed(range(bits)):
        uses.append(division_step(by).wherever(q=quotient, left=rest, step=number(1 << bit)))
        quotient, rest = _one_bit(quotient, rest, by, bit)
        chain += [quotient, rest, times(by, quotient)]
    most = (by << bits) - 1
    return Lemma(
        f"division[{by},{bits}]",
        f"x = {by} q + r, r < {by}, q ≤ x / 2^{low}",
        Statement(
            assumptions=(Assumption("bits", x <= most, "the quotient has so many bits"),)
            if most >> 64 == 0
            else (),
            goal=(x == times(by, quotient) + rest) & (rest < by) & (quotient <= x >> low),
        ),
        Steps(uses=uses, generalise=terms(*chain)),
    )


def _one_bit(quotient: Word, rest: Word, by: int, bit: int) -> tuple[Word, Word]:
    fits = rest >= by << bit
    return choose(fits, quotient + (1 << bit), quotient), choose(fits, rest - (by << bit), rest)


LIMIT: Final = BELOW + (1 << 39)
"""Where padding ends at most, so that no level comes to the end of the address space."""


@cache
def _not_below(limit: int) -> Lemma:
    """Pages more end no lower."""
    fits = Assumption("fits", (x <= limit) & (n <= (number(limit) - x) >> PAGE_SHIFT), "n pages fit above x")
    return Lemma(
        f"pages-not-below[{limit:#x}]",
        "n pages fit above x ⇒ x ≤ x + 4096 n",
        Statement(assumptions=(fits,), goal=x <= x + n * PAGE_SIZE),
    )


def line_of(shift: int, pages: Word) -> Word:
    """The line that so many pages end in, the first one being 0."""
    return (pages - 1) >> (shift - PAGE_SHIFT)


def _lines(shift: int) -> int:
    """How many lines the address space has, but for the last one."""
    return (1 << (64 - shift)) - 1


def _ends_at(shift: int, line: Word) -> Word:
    return (line + 1) << shift


ZERO: Final = number(0)
BORDER_SHIFT: Final = 39
BORDER: Final = v_start & -(1 << BORDER_SHIFT)
"""The 512 GiB border at or below S."""


def _from(base: Word, address: Word) -> Word:
    """How far an address is above where pages are counted from."""
    return address if base is ZERO else address - base


def _above(base: Word, length: Word) -> Word:
    return length if base is ZERO else base + length


@cache
def rounded_from_border(shift: int) -> Lemma:
    """From a border of lines on, rounding up is rounding up the length."""
    a, b, border = arithmetic.a, arithmetic.b, Assumption
    on_line = border("border", a & ((1 << shift) - 1) == 0, "a is a border of lines")
    return Lemma(
        f"rounded-from-border[{shift}]",
        "⌈a + b⌉ = a + ⌈b⌉",
        Statement(assumptions=(on_line,), goal=round_up(a + b, shift) == a + round_up(b, shift)),
        Steps(
            uses=(
                arithmetic.associative().at(c=number((1 << shift) - 1)),
                _masked(shift).at(b=b + ((1 << shift) - 1)),
            ),
            generalise=(b + ((1 << shift) - 1), (a + b) + ((1 << shift) - 1)),
        ),
    )


@cache
def _masked(shift: int) -> Lemma:
    a, b = arithmetic.a, arithmetic.b
    mask = -(1 << shift)
    return Lemma(
        f"masked-from-border[{shift}]",
        "(a + b) without its low bits = a + b without them",
        Statement(
            assumptions=(Assumption("border", a & ((1 << shift) - 1) == 0, "a is a border of lines"),),
            goal=(a + b) & mask == a + (b & mask),
        ),
    )


@cache
def rounded_to_line(shift: int) -> Lemma:
    """An address rounded up to lines ends with the line of its last page."""
    line = line_of(shift, (x + (PAGE_SIZE - 1)) >> PAGE_SHIFT)
    ended = _ends_at(shift, line)
    return Lemma(
        f"rounded-to-line[{shift}]",
        "⌈x⌉ ends the line of x's last page",
        Statement(
            assumptions=(Assumption("fits", (x >= 1) & (x <= LIMIT), "no wrapping"),),
            goal=(round_up(x, shift) == ended)
            & (x <= ended)
            & (ended <= -(1 << 39))
            & (line < _lines(shift)),
        ),
    )


def _level(level: Level, shift: int, line: Word, base: Word) -> Word:
    """What a level takes of a region from S to the end of a line."""
    if level.fixed is not None:
        return number(level.fixed)
    over = level.shift - shift
    up_to = (line + 1) << -over if over < 0 else (line >> over) + 1 if over else line + 1
    if base is BORDER and level.shift >= BORDER_SHIFT:  # S is in the first block
        return up_to
    return up_to - (_from(base, v_start) >> level.shift)


@cache
def level_to_line(shift: int, level: Level, base: Word) -> Lemma:
    """What a level takes of a region that ends with a line."""
    ended = _ends_at(shift, more)
    above = (_from(base, v_start) <= ended) & (ended <= -(1 << 39))
    return Lemma(
        f"level-to-line[{level.shift},{shift}{'' if base is ZERO else ',border'}]",
        "N(S, end of line w) = the blocks up to there, less those below S",
        Statement(
            assumptions=(
                Assumption("above", above, "S is no higher, and nothing wraps"),
                Assumption("few", more < _lines(shift), "the line isn't the last one"),
            ),
            goal=spanned(v_start, _above(base, ended), level.shift) == _level(level, shift, more, base),
        ),
    )


@frozen(eq=False)
class _Clamped:
    """A word, and the condition under which it is one thing; else it is a number."""

    condition: Truth
    term: Word
    number: int | None


def _clamped(term: Word) -> _Clamped:
    """A word that isn't less than a number. Raises NotReadError."""
    choices = [each for each in subterms([term]) if each.operation == "ite"]
    if not choices:
        return _Clamped(TRUE, term, None)
    if len(choices) > 1:
        raise NotReadError
    condition, then, otherwise = choices[0].arguments
    sides = [replaced(term, {choices[0]: each}) for each in (then, otherwise)]  # type: ignore[dict-item]
    if sides[1].operation == "constant":
        return _Clamped(condition, sides[0], int(sides[1]))
    if sides[0].operation == "constant":
        return _Clamped(~condition, sides[1], int(sides[0]))
    raise NotReadError


class Divided:
    """The lemmas about one formula that divides. Raises NotReadError where it isn't of this kind."""

    def __init__(self, generic: Generic) -> None:
        self.generic, self.mode = generic, generic.mode
        rounded = Rounded(generic)
        self.start = generic.count.start
        self.divisions = divisions_in(self.start)
        if not self.divisions or rounded.end is None:
            raise NotReadError
        self.end = rounded.end
        self._as_padded = rounded.as_padded()
        self.divided = self.divisions[0].dividend
        put: dict[Word, Word] = {self.divided: divided}
        self.quotients: list[Word] = []
        self.remainders: list[Word] = []
        self.dividends: list[Word] = []
        for index, each in enumerate(self.divisions):
            self.dividends.append(replaced(each.dividend, put))
            for results, kind, place in ((self.quotients, "quotient", 0), (self.remainders, "remainder", 1)):
                results.append(word(f"{kind} {index}"))
                put[each.results[place]] = results[-1]
        self.over = replaced(self.start, put)
        known = [v_start, divided, *self.quotients, *self.remainders]
        if any(not has(known, each) for each in inputs([self.over, *self.dividends])):
            raise NotReadError
        self.clamped = _clamped(self.divided)
        self.base = next((each for each in (ZERO, BORDER) if self._counts_from(each)), None)  # type: ignore[assignment]
        if self.base is None:
            raise NotReadError
        self.rest = self._rest()
        self.over_sums = Sums(f"over,{generic.tag}", self.facts)
        self._solve()

    @property
    def added(self) -> int:
        """Stack and padding, in bytes."""
        return PAGE_SIZE + self.end.padding

    def lemma(
        self, name: str, meaning: str, statement: Statement, proof: Steps | Induction | None = None
    ) -> Lemma:
        """A lemma of this count; the same one each time."""
        return self.generic.lemma(name, meaning, statement, proof)

    def needs(self, line: Word) -> Word:
        """f(S, the end of a line)."""
        return reduce(
            add, (_level(each, self.end.shift, line, self.base) for each in self.mode.counted_levels[::-1])
        )

    def line(self, pages: Word, count: Word) -> Word:
        """The line that the region ends with."""
        return line_of(self.end.shift, pages + count)

    base: Word

    @property
    def pages(self) -> Word:
        """How many pages there are up to where padding ends, with no tables."""
        return (_from(self.base, vpt_start) + self.added + (PAGE_SIZE - 1)) >> PAGE_SHIFT

    def _counts_from(self, base: Word) -> bool:
        self.base = base
        try:
            return self._rest() is not None
        except NotReadError:
            return False

    def _rest(self) -> Word:
        """What is divided, less the pages without tables."""
        sums = Sums("probe")
        (page,) = sums.ordered(self.pages).digits
        whole = sums.ordered(self.clamped.term)
        mine = [each for each in whole.digits if each.of is page.of]
        if len(mine) != 1 or mine[0].shift or mine[0].minus:
            raise NotReadError
        rest = Ordered(whole.number, tuple(each for each in whole.digits if each.of is not page.of))
        if any(each is vpt_start for each in inputs([rest.word])):
            raise NotReadError
        return rest.word

    @cached_property
    def facts(self) -> tuple[Assumption, ...]:
        """What is known of quotients and remainders."""
        known = divided < MOST_PAGES
        for each, x, q, r in zip(
            self.divisions, self.dividends, self.quotients, self.remainders, strict=True
        ):
            known &= (x == times(each.by, q) + r) & (r < each.by) & (q <= x >> (each.by.bit_length() - 1))
        return (Assumption("divided", known, "each quotient and remainder, and what is divided is small"),)

    def _solve(self) -> None:
        """What is divided, by quotient and remainder."""
        for each, x, q, r in zip(
            self.divisions, self.dividends, self.quotients, self.remainders, strict=True
        ):
            form = Sums("probe").ordered(x)
            if len(form.digits) != 1 or form.digits[0].shift or form.digits[0].minus:
                raise NotReadError
            of, other = form.digits[0].of, times(each.by, q) + r
            if form.number:
                other -= form.number
            name = f"known-{len(self.over_sums.known)}"
            solved = self.lemma(
                name,
                "what is divided, by quotient and remainder",
                Statement(assumptions=self.facts, goal=of == other),
                Steps(generalise=terms(times(each.by, q))),
            )
            self.over_sums.known.setdefault(of, (other, solved.wherever()))

    def consistent(self) -> Lemma:
        """With quotients and remainders for what is divided, the formula gives what the region takes that it makes."""
        sums = self.over_sums
        needs = self.needs(self.line(divided - self.rest, self.over))
        difference = self.over - needs
        form = sums.ordered(difference)
        left = self.lemma(
            "differs-by-nothing",
            "what the last remainders add is what they take",
            Statement(assumptions=self.facts, goal=form.word == 0),
        )
        return self.lemma(
            "divided-is-count",
            "the formula over y = f(S, the end of the line of b + n pages)",
            Statement(assumptions=self.facts, goal=self.over == needs),
            Steps(
                uses=(*sums.use(difference), left.at(), _no_difference().wherever(near=self.over, far=needs)),
                generalise=terms(difference, form.word, self.over, needs),
            ),
        )

    @cached_property
    def _room(self) -> Assumption:
        """That stack and padding end below the end of the address space, for the count that the formula gives."""
        room = self.generic.room(self.start)
        return Assumption(room.name, room.condition, room.meaning)

    @cached_property
    def _meets(self) -> Assumption:
        return Assumption("clamp", self.clamped.condition, "what is divided isn't cut off")

    def _bounded(self) -> Lemma:
        """What is divided is small."""
        return self.lemma(
            "divided-bounded",
            "what is divided is less than the pages of an address space",
            Statement(assumptions=(self._below, self._meets), goal=self.clamped.term < MOST_PAGES),
        )

    @property
    def _below(self) -> Assumption:
        condition = (v_start <= vpt_start) & (vpt_start <= BELOW)
        return Assumption("below", condition, "S ≤ T, 2^40 bytes below 2^64 at least")

    def _at(self, pages: Word) -> Word:
        """What the region takes that ends with the line of so many pages without tables, and the formula's count."""
        return self.needs(self.line(pages, self.start))

    def _same_needs(self) -> Lemma:
        """What is lost where f is generalised: level by level."""
        shift, levels = self.end.shift, self.mode.counted_levels[::-1]
        each_same = [
            arithmetic.same(
                f"same-level[{each.number},{shift}{'' if self.base is ZERO else ',border'}]",
                "a = b ⇒ N(S, line a) = N(S, line b)",
                lambda line, level=each: _level(level, shift, line, self.base),  # type: ignore[misc]
                near,
                far,
            )
            for each in levels
            if each.fixed is None
        ]
        hidden = [_level(each, shift, line, self.base) for each in levels for line in (near, far)]
        return self._kept(
            "same-needs",
            self.needs,
            Steps(uses=tuple(each.at() for each in each_same), generalise=terms(*hidden)),
        )

    def _same_line(self) -> Lemma:
        shift = self.end.shift
        return self._kept("same-line", lambda each: line_of(shift, each), arithmetic.NO_STEPS)

    def _kept(self, name: str, of: Callable[[Word], Word], proof: Steps) -> Lemma:
        equal = Assumption("equal", near == far, "they are equal")
        return self.lemma(
            name,
            "of the same comes the same",
            Statement(assumptions=(equal,), goal=of(near) == of(far)),
            proof,
        )

    def unclamped(self) -> Lemma:
        """The formula's count is what its region takes, where what it divides is what it should be."""
        real = self.clamped.term
        whole, pages = self.divided - self.rest, real - self.rest
        ends = [each + self.start for each in (whole, self.pages)]
        uses: list[Use] = [self._bounded().at(), self._chosen().at()]
        products = []
        put = {divided: self.divided}
        for each, q, r in zip(self.divisions, self.quotients, self.remainders, strict=True):
            uses.append(division(each.by, each.bits).at(x=each.dividend))
            put |= {q: each.results[0], r: each.results[1]}
            products.append(times(each.by, each.results[0]))
        at = {
            str(each.value): term
            for each, term in put.items()
            if has(self.consistent().statement.variables, each)
        }
        uses += [
            self.consistent().at(**at),
            same_sum(f"pages-divided[{self.generic.tag}]", pages, self.pages).at(),
            same_both(minus=True).wherever(a=self.divided, b=self.rest, c=real, d=self.rest),
            same_both(minus=False).wherever(a=whole, b=self.start, c=self.pages, d=self.start),
            self._same_line().wherever(near=ends[0], far=ends[1]),
            self._same_needs().wherever(
                near=self.line(whole, self.start), far=self.line(self.pages, self.start)
            ),
        ]
        results = [result for each in reversed(self.divisions) for result in each.results]
        return self.lemma(
            "divided-unclamped",
            "the formula gives what the region takes, where what it divides isn't cut off",
            Statement(assumptions=(self._below, self._meets), goal=self.start == self._at(self.pages)),
            Steps(
                uses=uses,
                generalise=terms(
                    self._at(whole),
                    self._at(self.pages),
                    *(self.line(each, self.start) for each in (whole, self.pages)),
                    *ends,
                    whole,
                    pages,
                    self.pages,
                    self.start,
                    *products,
                    *results,
                    self.divided,
                    real,
                ),
            ),
        )

    def _chosen(self) -> Lemma:
        return self.lemma(
            "divided-chosen",
            "what is divided, where it isn't cut off",
            Statement(assumptions=(self._meets,), goal=self.divided == self.clamped.term),
            Steps(generalise=terms(self.clamped.term) if self.clamped.term is not self.divided else ()),
        )

    def cut_off(self) -> Lemma | None:
        """The same, where it is cut off; ``None`` where it never is. Raises NotReadError."""
        value = self.clamped.number
        if value is None:
            return None
        fixed = number(value)
        count = replaced(self.start, {self.divided: fixed})
        line = self.line(self.pages, count)
        compared = [each for each in self.clamped.condition.arguments if isinstance(each, Word)]
        if self.clamped.condition.operation == "not":
            compared = list(self.clamped.condition.arguments[0].arguments)
        others = [each for each in compared if each.operation != "constant"]
        if len(others) != 1:
            raise NotReadError
        sums = Sums("probe")
        last = (self.pages + count) - 1
        more = sums.ordered(last - others[0])
        if more.digits:
            raise NotReadError
        missing = Assumption("cut-off", ~self.clamped.condition, "what is divided is cut off")
        short = self.lemma(
            "cut-off-short",
            "the region ends with the first line",
            Statement(
                assumptions=(
                    missing,
                    Assumption("some", others[0] + more.number != -1, "there are some pages"),
                ),
                goal=(others[0] + more.number) >> (self.end.shift - PAGE_SHIFT) == 0,
            ),
            Steps(generalise=terms(others[0])),
        )
        to_divided = self.lemma(
            "cut-off-count",
            "the count, where what is divided is cut off",
            Statement(
                assumptions=(Assumption("number", divided == value, "it is a number"),),
                goal=replaced(self.start, {self.divided: divided}) == count,
            ),
        )
        mine = self.line(self.pages, self.start)
        cut = self.lemma(
            "cut-off-is",
            "what is divided, where it is cut off",
            Statement(assumptions=(missing,), goal=self.divided == value),
            Steps(generalise=terms(self.clamped.term)),
        )
        return self.lemma(
            "divided-cut-off",
            "the formula gives what the region takes, where what it divides is cut off",
            Statement(
                assumptions=(
                    missing,
                    Assumption("some", self.pages + self.start >= 1, "there are some pages"),
                ),
                goal=self.start == self._at(self.pages),
            ),
            Steps(
                uses=(
                    cut.at(),
                    to_divided.at(divided=self.divided),
                    short.wherever(),
                    _one_less().wherever(near=self.pages + count),
                    same_sum(f"cut-off-sum[{self.generic.tag}]", last, others[0] + more.number).at(),
                    self._shifted_same().wherever(near=last, far=others[0] + more.number),
                    same_both(minus=False).wherever(a=self.pages, b=self.start, c=self.pages, d=count),
                    self._same_line().wherever(near=self.pages + self.start, far=self.pages + count),
                    self._same_needs().wherever(near=mine, far=number(0)),
                    same_sum(f"cut-off-needs[{self.generic.tag}]", self.needs(number(0)), count).at(),
                ),
                generalise=terms(
                    self._at(self.pages),
                    self.needs(number(0)),
                    mine,
                    line,
                    last,
                    others[0] + more.number,
                    self.pages + self.start,
                    self.pages + count,
                    self.start,
                    count,
                    self.divided,
                ),
            ),
        )

    def _shifted_same(self) -> Lemma:
        by = self.end.shift - PAGE_SHIFT
        return self._kept("same-shifted", lambda each: each >> by, arithmetic.NO_STEPS)

    def _ends(self) -> Lemma:
        """Where the region ends, for any count that has room."""
        shift, end = self.end.shift, self.end.at(n)
        x = _from(self.base, vpt_start) + self.added
        both, line = x + n * PAGE_SIZE, self.line(self.pages, n)
        whole = (both + (PAGE_SIZE - 1)) >> PAGE_SHIFT
        ended = _ends_at(shift, line)
        mine = _ends_at(shift, line_of(shift, whole))
        room, low = self.generic.room(n), _from(self.base, v_start)
        rounded = round_up(both, shift)
        from_base: list[Use] = []
        if self.base is not ZERO:
            from_base.append(rounded_from_border(shift).at(a=self.base, b=both))
            same = same_both(minus=False)
            from_base.append(same.wherever(a=self.base, c=self.base, b=rounded, d=ended))
        padded, above = self.end.padded(n), _above(self.base, both)
        fits = self.lemma(
            "fits-below-limit",
            "stack and padding have room above the tables",
            Statement(
                assumptions=(room,),
                goal=(x >= 1) & (x <= LIMIT) & (n <= (number(LIMIT) - x) >> PAGE_SHIFT) & (low <= x),
            ),
        )
        return self.lemma(
            "ends-with-line",
            "V(n) is the end of the line of the page b + n",
            Statement(
                assumptions=(room,),
                goal=(end == _above(self.base, ended))
                & (low <= ended)
                & (ended <= -(1 << 39))
                & (line < _lines(shift))
                & (self.pages + n >= 1),
            ),
            Steps(
                uses=(
                    fits.at(),
                    _not_below(LIMIT).at(x=x),
                    pages_counted(PAGE_SHIFT).at(length=x, bound=number(LIMIT)),
                    same_sum(f"padded-sum[{self.generic.tag}]", padded, above).at(),
                    arithmetic.same(
                        f"same-rounded-up[{shift}]",
                        "a = b ⇒ ⌈a⌉ = ⌈b⌉",
                        lambda each: round_up(each, shift),
                        near,
                        far,
                    ).wherever(near=padded, far=above),
                    rounded_to_line(shift).at(x=both),
                    *from_base,
                    arithmetic.same(
                        f"same-page-line[{shift}]",
                        "a = b ⇒ the same line",
                        lambda each: line_of(shift, each),
                        near,
                        far,
                    ).wherever(near=whole, far=self.pages + n),
                    arithmetic.same(
                        f"same-line-end[{shift}]",
                        "a = b ⇒ the same end",
                        lambda each: _ends_at(shift, each),
                        near,
                        far,
                    ).wherever(near=line, far=line_of(shift, whole)),
                ),
                generalise=terms(
                    end,
                    *(_above(self.base, each) for each in (ended, rounded)),
                    ended,
                    mine,
                    round_up(above, shift),
                    line_of(shift, whole),
                    line,
                    rounded,
                    padded,
                    above,
                    whole,
                    self.pages + n,
                    self.pages,
                    both,
                    x,
                ),
            ),
        )

    def fixed(self) -> Lemma:
        """f(S, V(n)) = n for the formula's n."""
        shift, mode = self.end.shift, self.mode
        line = self.line(self.pages, self.start)
        ended = _above(self.base, _ends_at(shift, line))
        end = self.end.at(self.start)
        spans = tables_by_level(mode, v_start, ended)
        levels = [_level(each, shift, line, self.base) for each in mode.counted_levels[::-1]]
        cut_off = self.cut_off()
        needed = self.generic.needed(self.start)
        return self.lemma(
            "formula-is-exact",
            "f(S, V(n)) = n for the n that the formula gives",
            Statement(assumptions=(self._room,), goal=needed == self.start),
            Steps(
                uses=(
                    self._as_padded.at(n=self.start),
                    self._ends().at(n=self.start),
                    region.same_tables(mode).at(near=end, far=ended),
                    *(
                        level_to_line(shift, each, self.base).at(more=line)
                        for each in mode.counted_levels[::-1]
                        if each.fixed is None
                    ),
                    self._low_enough().at(n=self.start),
                    self.unclamped().wherever(),
                    *(() if cut_off is None else (cut_off.wherever(),)),
                ),
                generalise=terms(
                    needed,
                    tables(mode, v_start, end),
                    *spans,
                    *levels,
                    end,
                    ended,
                    _ends_at(shift, line),
                    line,
                    self.pages + self.start,
                    self.start,
                    self.pages,
                    _from(self.base, v_start),
                ),
            ),
        )

    def _low_enough(self) -> Lemma:
        return self.lemma(
            "low-enough",
            "S ≤ T, below the end",
            Statement(assumptions=(self.generic.room(n),), goal=self._below.condition),
        )

    def exact(self) -> Lemma:
        """f(S, V) = n for the layout that it ends with."""
        generic = self.generic
        same = self.lemma(
            "same-needed",
            "n = m ⇒ f(S, V(n)) = f(S, V(m))",
            Statement(
                assumptions=(Assumption("equal", n == m, "they are equal"),),
                goal=generic.needed(n) == generic.needed(m),
            ),
        )
        return self.lemma(
            "exact",
            "the tree's formula is n ⇒ f(S, V) = n",
            Statement(assumptions=(generic.room(n),), runs=(generic.run,), goal=generic.needed(n) == n),
            Induction(
                invariant=n == self.start,
                end=Steps(
                    uses=(self.fixed().wherever(), same.wherever(m=self.start)),
                    generalise=terms(generic.needed(n), generic.needed(self.start), self.start),
                ),
            ),
        )


@cache
def _no_difference() -> Lemma:
    return Lemma("no-difference", "a - b = 0 ⇒ a = b", Statement(goal=implies(near - far == 0, near == far)))


@cache
def _one_less() -> Lemma:
    return Lemma("one-less", "a ≥ 1 ⇒ a - 1 isn't -1", Statement(goal=implies(near >= 1, near - 1 != -1)))
