"""Lemmas on the closed form for every rounding: bit by bit it finds the least multiple of a line that leaves so many pages.

x pages leave gain(x) besides their tables. Nothing here knows of regions, and nothing asks that gain grows with x. The argument: a
bit is taken just if more pages are wanted than all lines leave that come before its end. So it belongs to every multiple that
leaves as many as are wanted (`bit_decided`). What comes before the end leaves no more than the last line of it does, since what
lies between leaves something, too (`last_leaves_most`). If a bit is taken, what is left is wanted of the lower bits alone, and
these may come to all lines before their end.
"""

from functools import cache, partial

from ...encodings.closed_form import Lines, gain, tables_more
from ...encodings.closed_form_any_rounding import pages_that_leave, taken, up_to_last_line
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.words.word import WIDTH, Truth, Word, number, word
from ..shared import arithmetic
from ..shared.region import terms
from .dividing import SMALL, beyond, beyond_one, gain_adds, more, same_gain, step, wanted

already, left = word("already"), word("left")
found, line_mask = word("found"), word("line_mask")


def pages_limit(page_shift: int) -> int:
    """How many pages an address space has."""
    return 1 << (WIDTH - page_shift)


def whole_lines(line_mask: Word, these: Word) -> Truth:
    """So many pages are whole lines."""
    return these & line_mask == 0


def line() -> Assumption:
    """The assumption that a line has a power of two of pages, and not too many."""
    condition = (line_mask & (line_mask + 1) == 0) & (line_mask < SMALL >> 2)
    return Assumption("line", condition, "a line has a power of two of pages")


def _power_of_two(page_shift: int) -> Assumption:
    condition = (step & (step - 1) == 0) & (step >= 1) & (step < pages_limit(page_shift))
    return Assumption("bit", condition, "the step is a power of two within the address space")


@cache
def tables_fit(lines: Lines) -> Lemma:
    """Pages take no more tables than they are."""
    return Lemma(
        f"tables-fit[{lines.slug}]",
        "more(x) ≤ x",
        Statement(
            assumptions=(
                Assumption(
                    "pages", more < pages_limit(lines.page_shift), "no more than an address space has"
                ),
            ),
            goal=tables_more(lines, more) <= more << lines.pages,
        ),
    )


def _leaves(lines: Lines, these: Word) -> Use:
    """Gains are no less than nothing, and small."""
    return leaves_something(lines).wherever(more=these)


@cache
def leaves_something(lines: Lines) -> Lemma:
    """Pages leave no more than they are, and no less than nothing."""
    return Lemma(
        f"leaves-something[{lines.slug}]",
        "0 ≤ gain(x) ≤ x",
        Statement(
            assumptions=(
                Assumption(
                    "pages", more < pages_limit(lines.page_shift), "no more than an address space has"
                ),
            ),
            goal=gain(lines, more) < pages_limit(lines.page_shift),
        ),
        Steps(uses=(tables_fit(lines).at(),), generalise=(tables_more(lines, more),)),
    )


@cache
def last_leaves_most(lines: Lines) -> Lemma:
    """Of the multiples of a line below a power of two, the last one leaves most."""
    last = up_to_last_line(step, line_mask)
    between = last - more
    return Lemma(
        f"last-leaves-most[{lines.slug}]",
        "x < step, x in whole lines ⇒ gain(x) ≤ gain(step - 1 line)",
        Statement(
            assumptions=(
                line(),
                Assumption(
                    "bit",
                    (step & (step - 1) == 0) & (step - 1 < pages_limit(lines.page_shift)),
                    "a power of two",
                ),
                Assumption(
                    "below", (more <= step - 1) & whole_lines(line_mask, more), "whole lines below the step"
                ),
            ),
            goal=gain(lines, more) <= gain(lines, last),
        ),
        Steps(
            uses=(
                gain_adds(lines).wherever(whole=last, other=between),
                *(_leaves(lines, each) for each in (more, between)),
            ),
            generalise=terms(gain(lines, more), gain(lines, between), gain(lines, last)),
        ),
    )


def _decided(lines: Lines, already: Word, left: Word, step: Word) -> Truth:
    """What holds when all bits down to ``step`` are decided: they belong to what is found, and the others suffice."""
    gained = gain(lines, already)
    known = (already & (step - 1) == 0) & whole_lines(line_mask, already) & (already <= found)
    known &= left == beyond(wanted, gained)
    return known & (left <= gain(lines, up_to_last_line(step, line_mask)))


def _wanted(lines: Lines) -> tuple[Assumption, ...]:
    limit = pages_limit(lines.page_shift)
    condition = (found < limit) & whole_lines(line_mask, found) & (wanted <= gain(lines, found))
    return (
        line(),
        Assumption("found", condition, "there are whole lines that leave as many as are wanted"),
    )


@cache
def apart(page_shift: int) -> Lemma:
    """What the bits of the numbers say: which have none in common, and what is in whole lines."""
    between, twice = found - already, step + step
    last, before = up_to_last_line(step, line_mask), up_to_last_line(twice, line_mask)
    sum_, lower = already + step, step - 1
    below = (already & between == 0) & whole_lines(line_mask, between) & (between <= lower)
    higher = (before == step + last) & (step & last == 0) & whole_lines(line_mask, sum_) & (sum_ & lower == 0)
    return Lemma(
        f"threshold-apart[{page_shift}]",
        "no bit in common: u, step; u, found - u < step; step, step - 1 line, which are 2 step - 1 line",
        Statement(
            assumptions=(
                line(),
                _power_of_two(page_shift),
                Assumption("in-order", (already <= found) & (found < pages_limit(page_shift)), "u ≤ found"),
                Assumption(
                    "lines",
                    whole_lines(line_mask, found)
                    & whole_lines(line_mask, already)
                    & (already & twice - 1 == 0),
                    "whole lines, and u has no bit below 2 step",
                ),
            ),
            goal=(already & step == 0)
            & ((sum_ <= found) | below)
            & ((step > line_mask) | (before == 0))
            & ((step <= line_mask) | higher),
        ),
    )


@cache
def beyond_both() -> Lemma:
    """What is beyond two gains is what is beyond the second of what is beyond the first."""
    a, b = arithmetic.a, arithmetic.b
    small = Assumption("small", (a < SMALL) & (b < SMALL) & (wanted < SMALL), "nothing wraps")
    return Lemma(
        "beyond-both",
        "beyond a, then beyond b = beyond a + b",
        Statement(assumptions=(small,), goal=beyond(beyond(wanted, a), b) == beyond(wanted, a + b)),
        Steps(
            uses=(arithmetic.both_taken_off().at(a=wanted, b=a, c=b), both_below().at()),
            generalise=(wanted - (a + b), wanted - a, a + b),
        ),
    )


@cache
def same_beyond() -> Lemma:
    """Beyond the same there is as much: what is lost where that is generalised."""
    return arithmetic.same(
        "same-beyond",
        "a = b ⇒ beyond a = beyond b",
        partial(beyond, wanted),
        arithmetic.a,
        arithmetic.b,
    )


@cache
def both_below() -> Lemma:
    """Just if the second is less than what the first leaves, both together are less."""
    a, b = arithmetic.a, arithmetic.b
    small = Assumption("small", (a < SMALL) & (b < SMALL) & (wanted < SMALL), "nothing wraps")
    return Lemma(
        "both-below",
        "a < wanted ⇒ (b < wanted - a ⇔ a + b < wanted); a ≤ a + b",
        Statement(
            assumptions=(small,),
            goal=((wanted <= a) | ((b < wanted - a) == (a + b < wanted))) & (a <= a + b),
        ),
    )


@cache
def bit_taken(lines: Lines) -> Lemma:
    """A bit that is taken belongs to what is found, and all that is below its end suffices for what is left then."""
    between, twice, sum_ = found - already, step + step, already + step
    last, before = up_to_last_line(step, line_mask), up_to_last_line(twice, line_mask)
    numbers = already, found, between, step, sum_, last, before
    gained, worth, most = (gain(lines, each) for each in (already, step, last))
    return Lemma(
        f"threshold-bit-taken[{lines.slug}]",
        "gain(step - 1 line) < left ≤ gain(2 step - 1 line) ⇒ u + step ≤ found, left' ≤ gain(step - 1 line)",
        Statement(
            assumptions=(
                *_wanted(lines),
                _power_of_two(lines.page_shift),
                Assumption("before", _decided(lines, already, left, twice), "the bits before are decided"),
                Assumption("taken", left > gain(lines, last), "what comes before the bit's end isn't enough"),
            ),
            goal=_decided(lines, sum_, beyond(left, worth), step),
        ),
        Steps(
            uses=(
                apart(lines.page_shift).at(),
                last_leaves_most(lines).wherever(more=between),
                gain_adds(lines).wherever(more=already, other=between, whole=found),
                gain_adds(lines).at(more=already, other=step, whole=sum_),
                gain_adds(lines).wherever(more=step, other=last, whole=before),
                *(_leaves(lines, each) for each in (already, found, step, last)),
                same_gain(lines).wherever(more=before, other=number(0)),
                _leaves(lines, between),
                beyond_one().wherever(a=gained, b=gain(lines, between)),
                beyond_both().at(a=gained, b=worth),
                beyond_one().wherever(a=worth, b=most, wanted=left),
            ),
            generalise=terms(
                *(gain(lines, each) for each in numbers),
                beyond(wanted, gained),
                *(each & line_mask for each in (already, found, between, sum_)),
                line_mask & (line_mask + 1),
                step & (step - 1),
                already & (twice - 1),
                sum_ & (step - 1),
                already & step,
                already & between,
                step & last,
                last,
                before,
            ),
        ),
    )


@cache
def bit_decided(lines: Lines) -> Lemma:
    """The next bit is taken just if what comes before its end isn't enough; what has been said of the bits before then holds of it."""
    onward, rest = taken(lines, line_mask, left, already, step)
    twice, sum_ = step + step, already + step
    last, before = up_to_last_line(step, line_mask), up_to_last_line(twice, line_mask)
    return Lemma(
        f"threshold-bit[{lines.slug}]",
        "u ≤ found, left ≤ gain(2 step - 1 line) ⇒ the same of u', with or without a step more, and of step",
        Statement(
            assumptions=(
                *_wanted(lines),
                _power_of_two(lines.page_shift),
                Assumption("before", _decided(lines, already, left, twice), "the bits before are decided"),
            ),
            goal=_decided(lines, onward, rest, step),
        ),
        Steps(
            uses=(
                bit_taken(lines).wherever(),
                *(same_gain(lines).wherever(more=onward, other=each) for each in (already, sum_)),
                *(
                    same_beyond().wherever(a=gain(lines, onward), b=gain(lines, each))
                    for each in (already, sum_)
                ),
            ),
            generalise=terms(
                *(beyond(wanted, gain(lines, each)) for each in (already, sum_, onward)),
                beyond(left, gain(lines, step)),
                *(gain(lines, each) for each in (already, found, step, sum_, last, before, onward)),
            ),
        ),
    )


@cache
def finds_least(lines: Lines) -> Lemma:
    """What the bits come to leaves as many pages as are wanted, and no fewer whole lines do."""
    bits, known, chain = [], number(0), []
    rest = wanted
    limit = pages_limit(lines.page_shift)
    for bit in reversed(range(WIDTH - lines.page_shift)):
        at = number(1 << bit)
        bits.append(bit_decided(lines).at(already=known, left=rest, step=at))
        last = up_to_last_line(at, line_mask)
        known, rest = taken(lines, line_mask, rest, known, at)
        chain += [known, rest, gain(lines, known), gain(lines, last)]
    least = pages_that_leave(lines, line_mask, wanted)
    highest = up_to_last_line(number(limit), line_mask)
    return Lemma(
        f"finds-least[{lines.slug}]",
        "wanted ≤ gain(x), x in whole lines ⇒ wanted ≤ gain(u), u ≤ x, u in whole lines",
        Statement(
            assumptions=_wanted(lines),
            goal=(wanted <= gain(lines, least)) & (least <= found) & whole_lines(line_mask, least),
        ),
        Steps(
            uses=(
                last_leaves_most(lines).wherever(more=found, step=number(limit)),
                *bits,
                same_gain(lines).wherever(more=up_to_last_line(number(1), line_mask), other=number(0)),
            ),
            generalise=terms(gain(lines, found), gain(lines, highest), *chain),
        ),
    )
