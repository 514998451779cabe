"""Sums put in order: a word is proved equal to the one sum that says the same, however it is written.

Solvers can't regroup sums of words, so that is done here, step by step. A sum in order is a number, and then digits: an input
or another word that is no sum, shifted to the left, added or taken off. They come in the order in which their words were met, the
lower shifts first, and no two of a word are neighbours (the non-adjacent form of its coefficient), so that equal sums become the
same word. Each step is an instance of a lemma on two or three words.

A shift to the right takes apart what is shifted: the digits that are multiples go on as digits, and the rest is shifted by itself.
That nothing is carried is proved of the words themselves, under what is assumed.
"""

from functools import cache
from typing import Final

from attrs import frozen

from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.words.word import Truth, Word, number, replaced
from . import arithmetic

a, b, c, d = arithmetic.a, arithmetic.b, arithmetic.c, arithmetic.d
MOST_DIGITS: Final = 8
"""A product with a number is taken apart if so many bits of that are set at most."""
ALL: Final = (1 << 64) - 1


@frozen(eq=False)
class Digit:
    """A word, shifted to the left, that is added, or taken off."""

    of: Word
    shift: int
    minus: bool = False

    @property
    def shifted(self) -> Word:
        """What is added or taken off."""
        return self.of << self.shift if self.shift else self.of

    def at(self, shift: int, *, minus: bool | None = None) -> "Digit":
        """The same word's digit elsewhere."""
        return Digit(self.of, shift, self.minus if minus is None else minus)


@frozen(eq=False)
class Ordered:
    """A sum in order."""

    number: int
    digits: tuple[Digit, ...] = ()

    @property
    def word(self) -> Word:
        """The sum, added up from the left."""
        total = number(self.number)
        for each in self.digits:
            total = _sum(total, each.shifted, minus=each.minus)
        return total

    def same(self, other: "Ordered") -> bool:
        """Whether both are the same sum."""
        return self.word is other.word


def non_adjacent(value: int) -> list[tuple[int, bool]]:
    """The digits of a number, as shift and whether they are taken off: of two neighbours one is 0 at least."""
    digits, shift = [], 0
    while value:
        if value & 1:
            minus = value & 3 == 3
            digits.append((shift, minus))
            value += 1 if minus else -1
        value >>= 1
        shift += 1
    return digits


def _sum(one: Word, other: Word, *, minus: bool) -> Word:
    return one - other if minus else one + other


def _sign(*minus: bool) -> str:
    return "".join("-" if each else "+" for each in minus)


@cache
def _swapped(*, first: bool, second: bool) -> Lemma:
    one = _sum(_sum(a, b, minus=first), c, minus=second)
    other = _sum(_sum(a, c, minus=second), b, minus=first)
    return Lemma(
        f"sums-swapped[{_sign(first, second)}]", "(a ± b) ± c = (a ± c) ± b", Statement(goal=one == other)
    )


@cache
def _unfolded(*, outer: bool, inner: bool) -> Lemma:
    one = _sum(a, _sum(b, c, minus=inner), minus=outer)
    other = _sum(_sum(a, b, minus=outer), c, minus=outer != inner)
    turned = (_swapped(first=False, second=True).at(a=b, b=a),) if inner and not outer else ()
    return Lemma(
        f"sums-unfolded[{_sign(outer, inner)}]",
        "a ± (b ± c) = (a ± b) ± c",
        Statement(goal=one == other),
        Steps(uses=turned),
    )


@cache
def _same_shifted(by: int, *, left: bool) -> Lemma:
    of = (lambda each: each << by) if left else (lambda each: each >> by)
    sign = "<<" if left else ">>"
    return arithmetic.same(
        f"sums-same-shifted[{sign}{by}]", f"a = b ⇒ a {sign} {by} = b {sign} {by}", of, a, b
    )


@cache
def _zero_plus() -> Lemma:
    return Lemma("sums-zero", "a = 0 + a", Statement(goal=a == number(0) + a))


@cache
def _shifted_sum(by: int, *, minus: bool) -> Lemma:
    goal = _sum(a, b, minus=minus) << by == _sum(a << by, b << by, minus=minus)
    return Lemma(
        f"sums-shifted[{_sign(minus)},{by}]",
        f"(a ± b) << {by} = (a << {by}) ± (b << {by})",
        Statement(goal=goal),
    )


@cache
def _shifted_twice(first: int, by: int) -> Lemma:
    goal = (a << first) << by == a << (first + by)
    return Lemma(
        f"sums-shifted-twice[{first},{by}]",
        f"(a << {first}) << {by} = a << {first + by}",
        Statement(goal=goal),
    )


@cache
def _times(by: int, *, before: bool) -> Lemma:
    """A product with a number is the sum of its bits."""
    product = number(by) * a if before else a * by
    return Lemma(
        f"sums-times[{by:#x}{',first' if before else ''}]",
        f"{by:#x} a, bit by bit",
        Statement(goal=product == _by_bits(a, by)),
    )


def _by_bits(of: Word, by: int) -> Word:
    total: Word | None = None
    for shift in range(64):
        if by >> shift & 1:
            each = of << shift if shift else of
            total = each if total is None else total + each
    assert total is not None
    return total


@cache
def _taken_apart(by: int) -> Lemma:
    fits = Assumption("fits", a <= (number(ALL) - b) >> by, "nothing is carried out of the word")
    goal = ((a << by) + b) >> by == a + (b >> by)
    return Lemma(
        f"sums-apart[{by}]",
        f"(a << {by}) + b, >> {by}, = a + (b >> {by})",
        Statement(assumptions=(fits,), goal=goal),
    )


@cache
def _merge_lemma(
    shifts: tuple[int, int], minus: tuple[bool, bool], put: tuple[tuple[int, bool], ...]
) -> Lemma:
    one = _sum(_sum(c, _at(shifts[0]), minus=minus[0]), _at(shifts[1]), minus=minus[1])
    other = c
    for shift, sign in put:
        other = _sum(other, _at(shift), minus=sign)
    name = f"sums-merged[{_sign(*minus)},{shifts[0]},{shifts[1]}]"
    return Lemma(
        name, "digits of a word that are neighbours, as one or two that aren't", Statement(goal=one == other)
    )


def _at(shift: int) -> Word:
    return a << shift if shift else a


class Sums:
    """Puts words in order. ``known`` says of some what they are instead; ``assumptions`` are what is known besides."""

    def __init__(self, tag: str, assumptions: tuple[Assumption, ...] = ()) -> None:
        self.tag = tag
        self.assumptions = assumptions
        self.known: dict[Word, tuple[Word, Use]] = {}
        self._order: dict[Word, int] = {}
        self._done: dict[Word, tuple[Ordered, Lemma | None]] = {}
        self._uses: list[Use] = []
        self._words: dict[Word, None] = {}
        self._made = 0

    # What is proved

    def use(self, term: Word) -> tuple[Use, ...]:
        """That the term is the sum in order."""
        lemma = self._of(term)[1]
        return () if lemma is None else (lemma.wherever(),)

    def ordered(self, term: Word) -> Ordered:
        """The sum in order that it is."""
        return self._of(term)[0]

    def lemma(
        self, name: str, meaning: str, goal: Truth, uses: tuple[Use, ...], words: tuple[Word, ...]
    ) -> Lemma:
        """A lemma under what is assumed, by solvers once the words are generalised."""
        hidden = tuple(dict.fromkeys(each for each in words if each.operation != "constant"))
        return Lemma(
            f"{name}[{self.tag}]",
            meaning,
            Statement(assumptions=self.assumptions, goal=goal),
            Steps(uses=uses, generalise=hidden),
        )

    def _of(self, term: Word) -> tuple[Ordered, Lemma | None]:
        if term not in self._done:
            before = self._uses, self._words
            self._uses, self._words = [], {}
            form = self._put_in_order(term)
            lemma = None
            if term is not form.word:
                self._made += 1
                lemma = self.lemma(
                    f"sum-{self._made}",
                    "a sum, put in order",
                    term == form.word,
                    tuple(self._uses),
                    (term, form.word, *self._words),
                )
            self._uses, self._words = before
            self._done[term] = form, lemma
        return self._done[term]

    def _say(self, use: Use, *words: Word) -> None:
        self._uses.append(use)
        self._words.update(dict.fromkeys(each for each in words if each.operation != "constant"))

    def _child(self, term: Word) -> Ordered:
        form, lemma = self._of(term)
        if lemma is not None:
            self._say(lemma.wherever(), term, form.word)
        return form

    def _put_in_order(self, term: Word) -> Ordered:  # noqa: PLR0911 - one for each operation
        if term.operation == "constant":
            return Ordered(int(term))
        if term in self.known:
            other, use = self.known[term]
            self._say(use, term, other)
            return self._child(other)
        by = term.arguments[-1] if term.arguments else None
        if term.operation in ("bvadd", "bvsub"):
            one, other = term.arguments
            minus = term.operation == "bvsub"
            left, right = self._child(one), self._child(other)
            self._same(term, _sum(left.word, right.word, minus=minus), one, left.word, other, right.word)
            return self._added(left, right, minus=minus)
        if by is not None and by.operation == "constant":
            if term.operation == "bvshl":
                return self._shifted_left(term.arguments[0], int(by))
            if term.operation == "bvlshr" and int(by) < term.width:
                return self._shifted_right(term, int(by))
        if term.operation == "bvmul":
            one, other = sorted(term.arguments, key=lambda each: each.operation == "constant")
            if other.operation == "constant" and 0 < int(other).bit_count() <= MOST_DIGITS:
                bits = _by_bits(one, int(other))
                self._say(_times(int(other), before=term.arguments[0] is other).at(a=one), term, bits)
                return self._child(bits)
        return self._atom(term)

    def _atom(self, term: Word) -> Ordered:
        self._order.setdefault(term, len(self._order))
        form = Ordered(0, (Digit(term, 0),))
        self._say(_zero_plus().at(a=term), term, form.word)
        return form

    def _same(self, one: Word, other: Word, *pairs: Word) -> None:
        """a ± b = c ± d, from a = c and b = d."""
        if one is not other:
            mine, theirs, mine_too, theirs_too = pairs
            minus = one.operation == "bvsub"
            self._say(
                arithmetic.same_both(minus=minus).wherever(a=mine, b=mine_too, c=theirs, d=theirs_too),
                one,
                other,
                *pairs,
            )

    def _added(self, left: Ordered, right: Ordered, *, minus: bool) -> Ordered:
        """The sum of two in order: digit by digit of the second."""
        if not right.digits:
            return self._with_number(left, right.number, minus=minus)
        *rest, last = right.digits
        before = Ordered(right.number, tuple(rest))
        sign = minus != last.minus
        folded = _sum(_sum(left.word, before.word, minus=minus), last.shifted, minus=sign)
        self._say(
            _unfolded(outer=minus, inner=last.minus).at(a=left.word, b=before.word, c=last.shifted),
            _sum(left.word, right.word, minus=minus),
            folded,
        )
        inner = self._added(left, before, minus=minus)
        self._again(_sum(left.word, before.word, minus=minus), inner, last.at(last.shift, minus=sign))
        return self._inserted(inner, last.at(last.shift, minus=sign))

    def _again(self, one: Word, other: Ordered, digit: Digit) -> None:
        """What is equal stays so with a digit more."""
        put = digit.shifted
        self._same(
            _sum(one, put, minus=digit.minus),
            _sum(other.word, put, minus=digit.minus),
            one,
            other.word,
            put,
            put,
        )

    def _with_number(self, form: Ordered, value: int, *, minus: bool) -> Ordered:
        """A number more, or less."""
        total = (form.number - value if minus else form.number + value) % (ALL + 1)
        if not form.digits:
            return Ordered(total)
        *rest, last = form.digits
        before = Ordered(form.number, tuple(rest))
        put = number(value)
        one = _sum(form.word, put, minus=minus)
        inner = _sum(before.word, put, minus=minus)
        self._say(
            _swapped(first=last.minus, second=minus).at(a=before.word, b=last.shifted, c=put),
            one,
            _sum(inner, last.shifted, minus=last.minus),
        )
        done = self._with_number(before, value, minus=minus)
        self._again(inner, done, last)
        return Ordered(total, form.digits)

    def _key(self, digit: Digit) -> tuple[int, int]:
        return self._order[digit.of], digit.shift

    def _inserted(self, form: Ordered, digit: Digit) -> Ordered:
        """A digit more."""
        if not form.digits:
            return Ordered(form.number, (digit,))
        *rest, last = form.digits
        before = Ordered(form.number, tuple(rest))
        if last.of is digit.of and abs(last.shift - digit.shift) <= 1:
            low = min(last.shift, digit.shift)
            value = (-1 if last.minus else 1) << (last.shift - low)
            value += (-1 if digit.minus else 1) << (digit.shift - low)
            put = [(shift + low, minus) for shift, minus in non_adjacent(value)]
            lemma = _merge_lemma((last.shift, digit.shift), (last.minus, digit.minus), tuple(put))
            one, other = _sum(form.word, digit.shifted, minus=digit.minus), before.word
            for shift, minus in put:
                other = _sum(other, digit.at(shift).shifted, minus=minus)
            self._say(lemma.at(c=before.word, a=digit.of), one, other)
            return self._all_inserted(before, [digit.at(shift, minus=minus) for shift, minus in put])
        if self._key(last) < self._key(digit):
            return Ordered(form.number, (*form.digits, digit))
        inner = _sum(before.word, digit.shifted, minus=digit.minus)
        self._say(
            _swapped(first=last.minus, second=digit.minus).at(a=before.word, b=last.shifted, c=digit.shifted),
            _sum(form.word, digit.shifted, minus=digit.minus),
            _sum(inner, last.shifted, minus=last.minus),
        )
        done = self._inserted(before, digit)
        self._again(inner, done, last)
        return self._inserted(done, last)

    def _all_inserted(self, form: Ordered, digits: list[Digit]) -> Ordered:
        """Digits one after the other, where the word has them added up as they come."""
        word = form.word
        for each in digits:
            self._again(word, form, each)
            word = _sum(word, each.shifted, minus=each.minus)
            form = self._inserted(form, each)
        return form

    def _shifted_left(self, term: Word, by: int) -> Ordered:
        form = self._child(term)
        if term is not form.word:
            self._say(
                _same_shifted(by, left=True).wherever(a=term, b=form.word),
                term << by,
                form.word << by,
                term,
                form.word,
            )
        return self._digits_shifted(form, by)

    def _digits_shifted(self, form: Ordered, by: int) -> Ordered:
        if not form.digits:
            return Ordered(form.number << by & ALL)
        *rest, last = form.digits
        before = Ordered(form.number, tuple(rest))
        up = last.at(last.shift + by)
        self._say(
            _shifted_sum(by, minus=last.minus).at(a=before.word, b=last.shifted),
            form.word << by,
            _sum(before.word << by, last.shifted << by, minus=last.minus),
        )
        if last.shift:
            self._say(_shifted_twice(last.shift, by).at(a=last.of), last.shifted << by, up.shifted)
        done = self._digits_shifted(before, by)
        self._same(
            _sum(before.word << by, last.shifted << by, minus=last.minus),
            _sum(done.word, up.shifted, minus=last.minus),
            before.word << by,
            done.word,
            last.shifted << by,
            up.shifted,
        )
        return self._inserted(done, up)

    def _shifted_right(self, term: Word, by: int) -> Ordered:
        inner = term.arguments[0]
        form = self._child(inner)
        if inner is not form.word:
            self._say(
                _same_shifted(by, left=False).wherever(a=inner, b=form.word),
                term,
                form.word >> by,
                inner,
                form.word,
            )
        high = [each for each in form.digits if each.shift >= by]
        if not high:
            return self._child(form.word >> by) if inner is not form.word else self._atom(term)
        value = form.number if form.number < 1 << 62 else 0
        upper = Ordered(value >> by, tuple(each.at(each.shift - by) for each in high))
        lower = Ordered(
            form.number - (value >> by << by), tuple(each for each in form.digits if each.shift < by)
        )
        both = (upper.word << by) + lower.word
        apart = self._child(both)
        assert apart.same(form)
        self._say(
            _same_shifted(by, left=False).wherever(a=form.word, b=both),
            form.word >> by,
            both >> by,
            form.word,
            both,
        )
        self._made += 1
        given = _taken_apart(by).statement.given
        carried = Lemma(
            f"no-carry-{self._made}[{self.tag}]",
            "nothing is carried where it is taken apart",
            Statement(assumptions=self.assumptions, goal=replaced(given, {a: upper.word, b: lower.word})),
        )
        whole = upper.word + (lower.word >> by)
        self._say(carried.wherever(), upper.word, lower.word)
        self._say(_taken_apart(by).wherever(a=upper.word, b=lower.word), both >> by, whole)
        return self._child(whole)
