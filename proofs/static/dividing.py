"""Lemmas on the division in the closed form: it finds the least number of lines that leave so many pages.

u lines more than the first leave gain(u) pages. Nothing here knows of regions. The argument is that of long division, from
the highest bit: what is taken so far gains no more than is wanted, and with one more of the last bit it would gain more
than that. One step is proved for all bits (`bit_decided`). A bit is worth what it gains by itself, for no carry crosses the
border of a block while lower bits are still 0 (`gain_adds`). More lines gain more, since of each level they take few tables
more (`gain_rises`).
"""

from collections.abc import Sequence
from functools import cache, partial, reduce
from operator import add

from ...encodings.closed_form import Lines, gain, lines_that_leave, shifted, tables_more, taken, worths
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.words.word import WIDTH, Truth, Word, choose, number, word
from ..shared import arithmetic
from ..shared.region import terms

more, other, whole = word("more"), word("other"), word("whole")
left, pages, wanted = word("left"), word("pages"), word("wanted")
step, worth = word("step"), word("worth")
a, b, c, d = arithmetic.a, arithmetic.b, arithmetic.c, arithmetic.d

SMALL = 1 << 56
"""More pages than so many lines have, with room to add them up for each level."""


def most_lines(lines: Lines) -> int:
    """More lines than any quotient gives."""
    return 1 << (WIDTH - lines.page_shift + 2 - lines.pages)


def few(lines: Lines, these: Word) -> Assumption:
    """The assumption that lines are no more than a quotient gives."""
    return Assumption("few", these < most_lines(lines), "no more lines than a quotient gives")


def total(parts: Sequence[Word]) -> Word:
    """The sum, without zeros."""
    return reduce(add, [each for each in parts if each is not number(0)] or [number(0)])


def sums_by_part(wholes: Sequence[Word], ones: Sequence[Word], others: Sequence[Word]) -> list[Use]:
    """Adds up wholes that are each a one and an other: the sum of all, then, is that of the two sums."""
    return [
        arithmetic.sums_move().wherever(
            **{key: total(each[:index]) for key, each in zip("eab", (wholes, ones, others), strict=True)},
            **{key: each[index] for key, each in zip("fcd", (wholes, ones, others), strict=True)},
        )
        for index in range(1, len(wholes))
    ]


def _by_level(lines: Lines, more: Word) -> list[Word]:
    return [shifted(more, each) for each in lines.shifts]


def _sum() -> Assumption:
    return Assumption("sum", whole == more + other, "e = u + w")


def _apart() -> Assumption:
    return Assumption("apart", more & other == 0, "u and w have no bit in common")


@cache
def level_adds(shift: int) -> Lemma:
    """What a level takes of two numbers of lines is the sum, if nothing is carried over a block's border."""
    return Lemma(
        f"level-adds[{shift}]",
        f"e = u + w, no carry ⇒ 2^{shift} e = 2^{shift} u + 2^{shift} w, rounded down",
        Statement(
            assumptions=(_sum(),) if shift >= 0 else (_sum(), _apart()),
            goal=shifted(whole, shift) == shifted(more, shift) + shifted(other, shift),
        ),
    )


@cache
def differences_move() -> Lemma:
    """The difference of two sums, put in another order."""
    e, f = word("e"), word("f")
    sums, less = (a + b, c + d), (a - c, b - d)
    return Lemma(
        "differences-move",
        "e = a + b, f = c + d ⇒ e - f = (a - c) + (b - d)",
        Statement(
            assumptions=(Assumption("sums", (e == sums[0]) & (f == sums[1]), "e = a + b, f = c + d"),),
            goal=e - f == less[0] + less[1],
        ),
        Steps(
            uses=(
                arithmetic.both_taken_off().at(a=sums[0], b=c, c=d),
                arithmetic.taken_off().at(c=c),
                difference_added().at(a=less[0], b=b, c=d),
            ),
            generalise=(less[0] + b, sums[0] - c, *sums, *less),
        ),
    )


@cache
def difference_added() -> Lemma:
    """A difference added is its first part added and its second taken off."""
    return Lemma("difference-added", "(a + b) - c = a + (b - c)", Statement(goal=(a + b) - c == a + (b - c)))


@cache
def gain_adds(lines: Lines) -> Lemma:
    """Of two numbers of lines with no bit in common, what they gain is the sum of what each gains: level by level."""
    numbers = whole, more, other
    levels = [_by_level(lines, each) for each in numbers]
    lengths = [each << lines.pages for each in numbers]
    taking = [tables_more(lines, each) for each in numbers]
    return Lemma(
        f"gain-adds[{lines.slug}]",
        "e = u + w, no bit in common ⇒ gain(e) = gain(u) + gain(w)",
        Statement(
            assumptions=(_sum(), _apart()),
            goal=gain(lines, whole) == gain(lines, more) + gain(lines, other),
        ),
        Steps(
            uses=(
                *(level_adds(each).at() for each in (*lines.shifts, lines.pages)),
                *sums_by_part(*levels),
                differences_move().at(
                    **dict(zip("eab", lengths, strict=True)), **dict(zip("fcd", taking, strict=True))
                ),
            ),
            generalise=terms(*(each for some in levels for each in some), *lengths, *taking),
        ),
    )


@cache
def level_rises(lines: Lines, shift: int) -> Lemma:
    """Lines more take no more tables of a level than if one began with each."""
    begun = other << max(0, shift)
    return Lemma(
        f"level-rises[{lines.slug},{shift}]",
        "e = u + w ⇒ tables(e) ≤ tables(u) + those that begin with w lines",
        Statement(
            assumptions=(_sum(), few(lines, more), few(lines, other)),
            goal=(shifted(whole, shift) <= shifted(more, shift) + begun)
            & (shifted(more, shift) < SMALL)
            & (begun < SMALL),
        ),
    )


def _begun(lines: Lines, more: Word) -> list[Word]:
    """The tables of so many lines, if one of each level begins with each."""
    return [more << max(0, each) for each in lines.shifts]


@cache
def begun_leave_pages(lines: Lines) -> Lemma:
    """A line has pages besides the tables that may begin with it."""
    return Lemma(
        f"begun-leave-pages[{lines.slug}]",
        "the tables that begin with u lines, and those of u lines, are less than their pages",
        Statement(
            assumptions=(few(lines, more),),
            goal=((more == 0) | (total(_begun(lines, more)) < more << lines.pages))
            & (tables_more(lines, more) <= more << lines.pages)
            & (more << lines.pages < SMALL),
        ),
    )


@cache
def tables_rise(lines: Lines) -> Lemma:
    """Lines more take no more tables than if one of each level began with each: level by level."""
    wholes, ones, others = _by_level(lines, whole), _by_level(lines, more), _begun(lines, other)
    uses = [level_rises(lines, each).wherever() for each in lines.shifts]
    uses += sums_by_part([one + other for one, other in zip(ones, others, strict=True)], ones, others)
    for index in range(1, len(wholes)):
        uses.append(
            arithmetic.sums_grow().wherever(
                a=total(wholes[:index]),
                b=total(ones[:index]) + total(others[:index]),
                c=wholes[index],
                d=ones[index] + others[index],
            )
        )
    return Lemma(
        f"tables-rise[{lines.slug}]",
        "e = u + w ⇒ more(e) ≤ more(u) + the tables that begin with w lines",
        Statement(
            assumptions=(_sum(), few(lines, more), few(lines, other)),
            goal=tables_more(lines, whole) <= tables_more(lines, more) + total(others),
        ),
        Steps(uses=uses, generalise=terms(*wholes, *ones, *others)),
    )


@cache
def differences_rise() -> Lemma:
    """What is left is more, if what is taken off grows by less than what it is taken off from."""
    e, f = word("e"), word("f")
    rest, most = a - c, c + f
    return Lemma(
        "differences-rise",
        "c ≤ a, d ≤ c + f, f < b ⇒ a - c < (a + b) - d",
        Statement(
            assumptions=(
                Assumption("small", (a < SMALL) & (b < SMALL), "nothing wraps"),
                Assumption("rise", (c <= a) & (d <= c + f) & (f < b), "d is less than b above c"),
                Assumption("sum", e == a + b, "e = a + b"),
            ),
            goal=rest < e - d,
        ),
        Steps(
            uses=(
                put_back().at(c=c, d=a),
                arithmetic.associative().at(a=rest, b=c, c=f),
                arithmetic.sums_grow().wherever(a=rest, b=rest, c=d, d=most),
                more_left().wherever(a=rest, b=d, c=e),
            ),
            generalise=(rest + d, rest + most, rest + c, rest),
        ),
    )


@cache
def more_left() -> Lemma:
    """Of more than two together, more than the one is left when the other is taken off."""
    return Lemma(
        "more-left",
        "a + b < c ⇒ a < c - b",
        Statement(
            assumptions=(
                Assumption("small", (a < SMALL) & (b < SMALL << 2), "nothing wraps"),
                Assumption("more", a + b < c, "a + b < c"),
            ),
            goal=a < c - b,
        ),
    )


@cache
def gain_rises(lines: Lines) -> Lemma:
    """More lines gain more."""
    between = other - more
    lengths = [each << lines.pages for each in (more, between, other)]
    taking = [tables_more(lines, each) for each in (more, other)]
    begun = total(_begun(lines, between))
    return Lemma(
        f"gain-rises[{lines.slug}]",
        "u < w ⇒ gain(u) < gain(w)",
        Statement(
            assumptions=(Assumption("in-order", more < other, "u < w"), few(lines, other)),
            goal=gain(lines, more) < gain(lines, other),
        ),
        Steps(
            uses=(
                level_adds(lines.pages).wherever(whole=other, other=between),
                begun_leave_pages(lines).wherever(),
                begun_leave_pages(lines).wherever(more=between),
                tables_rise(lines).wherever(whole=other, other=between),
                differences_rise().wherever(
                    **dict(zip("abecdf", (*lengths, *taking, begun), strict=True)),
                ),
            ),
            generalise=terms(*lengths, *taking, begun),
        ),
    )


@cache
def same_gain(lines: Lines) -> Lemma:
    """As many lines gain as much: what is lost when gains are generalised."""
    return arithmetic.same(
        f"same-gain[{lines.slug}]", "u = w ⇒ gain(u) = gain(w)", partial(gain, lines), more, other
    )


@cache
def worth_left() -> Lemma:
    """Just if the worth of a bit is left, both gains together are no more than is wanted; what is left then is known."""
    gained, fits = a, worth <= left
    together = gained + worth
    return Lemma(
        "worth-left",
        "left = pages - gained ⇒ (worth ≤ left ⇔ gained + worth ≤ pages), left - worth = pages - (gained + worth)",
        Statement(
            assumptions=(
                Assumption("small", (pages < SMALL) & (worth < SMALL), "nothing wraps"),
                Assumption("left", (gained <= pages) & (left == pages - gained), "what is left"),
            ),
            goal=(fits == (together <= pages)) & (left - worth == pages - together),
        ),
    )


@cache
def same_left() -> Lemma:
    """Where as much is gained, as much is left."""
    return arithmetic.same("same-left", "a = b ⇒ pages - a = pages - b", lambda gained: pages - gained, a, b)


def _bit(lines: Lines) -> Assumption:
    condition = (step & (step - 1) == 0) & (step - 1 < most_lines(lines) >> 1)
    return Assumption("bit", condition, "the step is a power of two")


def _decided(lines: Lines, already: Word, rest: Word, step: Word) -> Truth:
    """What holds when all bits of the quotients down to ``step`` are decided."""
    gained = gain(lines, already)
    known = (already & (step - 1) == 0) & (already < most_lines(lines) - step)
    known &= (gained <= pages) & (rest == pages - gained)
    return known & (pages < gain(lines, already + step))


def _wanted(lines: Lines) -> Assumption:
    most = 1 << (WIDTH - lines.page_shift)
    return Assumption("address-space", pages < most, "no more pages are wanted than an address space has")


@cache
def bit_apart(lines: Lines) -> Lemma:
    """What the bits of the numbers say, and the bounds: with the step or without it, there is room for another."""
    onward, _ = taken(left, worth, more, step)
    return Lemma(
        f"bit-apart[{lines.slug}]",
        "no bit in common: u, step; u', step - 1; and (u + step) + step = u + 2 step",
        Statement(
            assumptions=(
                _bit(lines),
                Assumption(
                    "before",
                    (more & (step + step - 1) == 0) & (more < most_lines(lines) - (step + step)),
                    "the bits before",
                ),
            ),
            goal=(more & step == 0)
            & (onward & (step - 1) == 0)
            & (onward < most_lines(lines) - step)
            & ((more + step) + step == more + (step + step)),
        ),
    )


@cache
def bit_decided(lines: Lines) -> Lemma:
    """The next bit is taken just if its worth is left; then what has been said about the bits before holds for it, too."""
    onward, rest = taken(left, worth, more, step)
    before = more + (step + step)
    gains = [gain(lines, each) for each in (more, more + step, before, onward, onward + step, step)]
    sum_ = gains[0] + worth
    same = [(onward, more), (onward, more + step), (onward + step, more + step), (onward + step, before)]
    return Lemma(
        f"bit-decided[{lines.slug}]",
        "gain(u) ≤ pages < gain(u + 2 step) ⇒ gain(u') ≤ pages < gain(u' + step), u' with or without a step more",
        Statement(
            assumptions=(
                _wanted(lines),
                _bit(lines),
                Assumption(
                    "worth", (worth == gain(lines, step)) & (worth < SMALL), "what the step gains by itself"
                ),
                Assumption("before", _decided(lines, more, left, step + step), "the bits before are decided"),
            ),
            goal=_decided(lines, onward, rest, step),
        ),
        Steps(
            uses=(
                bit_apart(lines).at(),
                worth_left().at(a=gain(lines, more)),
                gain_adds(lines).at(other=step, whole=more + step),
                *(same_gain(lines).wherever(more=one, other=each) for one, each in same),
                *(same_left().wherever(a=gain(lines, onward), b=each) for each in (gains[0], sum_)),
            ),
            generalise=(
                left - worth,
                *(pages - each for each in (gains[0], gains[3], sum_)),
                *gains,
                onward & (step - 1),
                more & (step + step - 1),
                step & (step - 1),
            ),
        ),
    )


@cache
def divides(lines: Lines) -> Lemma:
    """The quotients come to the least number of lines that gain so many pages."""
    decided: list[Use] = []
    already, rest = number(0), pages
    chain = []
    for bit, each in worths(lines):
        at = number(1 << bit)
        decided.append(bit_decided(lines).wherever(more=already, left=rest, step=at, worth=number(each)))
        already, rest = taken(rest, number(each), already, at)
        chain += [already, rest, gain(lines, already), gain(lines, already + at)]
    found = lines_that_leave(lines, pages)
    same = [(found, already), (found, already + 1), (found - 1, already), (found - 1, already - 1)]
    gains = [gain(lines, each) for each in (found, found - 1, already - 1)]
    return Lemma(
        f"divides[{lines.slug}]",
        "u by division ⇒ gain(u) ≥ pages, and u = 0 or gain(u - 1) < pages",
        Statement(
            assumptions=(_wanted(lines),),
            goal=(gains[0] >= pages) & ((found == 0) | (gains[1] < pages)) & (found < most_lines(lines)),
        ),
        Steps(
            uses=(
                *decided,
                *(same_gain(lines).wherever(more=one, other=each) for one, each in same),
                gain_rises(lines).wherever(more=already - 1, other=already),
            ),
            generalise=terms(*gains, *chain),
        ),
    )


def beyond(these: Word, gained: Word) -> Word:
    """How many of these are more than what is gained."""
    return choose(these > gained, these - gained, number(0))


@cache
def beyond_one() -> Lemma:
    """Of just what is no more than two gains, no more than the second is beyond the first."""
    small = Assumption("small", (a < SMALL) & (b < SMALL), "nothing wraps")
    return Lemma(
        "beyond-one",
        "wanted ≤ a + b ⇔ beyond a there are b at most",
        Statement(assumptions=(small,), goal=(wanted <= a + b) == (beyond(wanted, a) <= b)),
    )


@cache
def same_added() -> Lemma:
    """The same added to both: as long as nothing wraps, they are in the same order."""
    small = Assumption("small", (a < SMALL) & (c < SMALL) & (d < 2 * SMALL), "nothing wraps")
    return Lemma(
        "same-added",
        "a + c ≤ d + c ⇔ a ≤ d",
        Statement(assumptions=(small,), goal=(a + c <= d + c) == (a <= d)),
    )


@cache
def put_back() -> Lemma:
    """What is taken off and added again; and what is left is no more."""
    return Lemma(
        "put-back",
        "(d - c) + c = d; c ≤ d ⇒ d - c ≤ d",
        Statement(goal=((d - c) + c == d) & ((c > d) | (d - c <= d))),
    )


@cache
def fits_beside() -> Lemma:
    """Pages fit into d pages and a line, beside c, just if what of them is beyond the line fits into the others."""
    rest = d - c
    both = rest + b
    return Lemma(
        "fits-beside",
        "c ≤ d ⇒ (a + c ≤ d + b ⇔ what of a is beyond b ≤ d - c)",
        Statement(
            assumptions=(
                Assumption("tables", c <= d, "c ≤ d"),
                Assumption("small", (a < SMALL) & (d < SMALL) & (b < SMALL), "nothing wraps"),
            ),
            goal=(a + c <= d + b) == (beyond(a, b) <= rest),
        ),
        Steps(
            uses=(
                put_back().wherever(),
                arithmetic.swapped().wherever(a=rest),
                same_added().wherever(d=both),
                beyond_one().wherever(a=b, b=rest, wanted=a),
            ),
            generalise=(rest,),
        ),
    )
