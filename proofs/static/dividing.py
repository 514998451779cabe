"""Lemmas on the division in the closed form: it finds the least number of lines that leave so many pages.

u lines more than the first leave gain(u) pages (`encodings.closed_form`). Nothing here knows of regions. The argument is
that of a search by halves, bit by bit from the highest: what is taken so far gains no more than is wanted, and with one more
of the last bit it would gain more than that. A bit is worth what it gains by itself, for no carry crosses the border of a
block while lower bits are still 0 (`gain_adds`). That more lines gain more is stated part by part (`gain_rises`); all else
is order.
"""

from functools import cache, partial
from itertools import accumulate
from operator import add

from attrs import frozen

from ...encodings.closed_form import (
    Lines,
    all_ones,
    gain,
    lines_that_leave,
    runs_of_ones,
    taken,
    without_tables,
    worths,
)
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.words.word import WIDTH, Truth, Word, all_of, number, word
from ..shared import arithmetic
from ..shared.region import terms

more, other = word("more"), word("other")
left, pages = word("left"), word("pages")
a, b, c, d = arithmetic.a, arithmetic.b, arithmetic.c, arithmetic.d
e, f = word("e"), word("f")


def most_lines(lines: Lines) -> int:
    """More lines than any quotient gives."""
    return 1 << (most_pages_shift(lines) - lines.pages)


def most_pages_shift(lines: Lines) -> int:
    """log2 of more pages than so many lines have."""
    return WIDTH - lines.page_shift + 2


def _few(lines: Lines, these: Word) -> Assumption:
    return Assumption("few", these < most_lines(lines), "no more lines than a quotient gives")


def _apart(lines: Lines, these: Word, those: Word) -> Truth:
    """Adding the two carries nothing over the border of a block."""
    masks = [(1 << each) - 1 for each in lines.blocks]
    return all_of((these & mask) + (those & mask) <= mask for mask in masks)


def _sum() -> Assumption:
    return Assumption("sum", e == a + b, "e = a + b")


@cache
def ones_add(length: int) -> Lemma:
    """Multiples by 2**length - 1 add up."""
    return Lemma(
        f"ones-add[{length}]",
        f"e = a + b ⇒ {(1 << length) - 1} e = {(1 << length) - 1} a + {(1 << length) - 1} b",
        Statement(
            assumptions=(_sum(),), goal=all_ones(e, length) == all_ones(a, length) + all_ones(b, length)
        ),
    )


@cache
def shifts_add(shift: int) -> Lemma:
    """Multiples by 2**shift add up."""
    return Lemma(
        f"shifts-add[{shift}]",
        f"e = a + b ⇒ 2^{shift} e = 2^{shift} a + 2^{shift} b",
        Statement(assumptions=(_sum(),), goal=e << shift == (a << shift) + (b << shift)),
    )


@frozen
class Part:
    """What gain is the sum of: ``run`` is a multiple by so many ones, shifted; ``block`` a block without its table."""

    run: tuple[int, int] | None = None
    block: int = 0

    def of(self, more: Word) -> Word:
        """What so many lines gain in this part."""
        if self.run is None:
            return without_tables(more, self.block)
        return all_ones(more, self.run[1]) << self.run[0]

    @property
    def slug(self) -> str:
        """What it is, for the name of a lemma."""
        return f"block {self.block}" if self.run is None else f"ones {self.run[1]} << {self.run[0]}"


def parts_of(lines: Lines) -> tuple[Part, ...]:
    """The parts of gain, in the order in which they are added."""
    runs = [Part(run=each) for each in runs_of_ones(lines.least_gain)]
    return (*runs, *(Part(block=each) for each in lines.blocks))


@cache
def run_adds(run: tuple[int, int]) -> Lemma:
    """A multiple of a sum is the sum of the multiples."""
    part = Part(run=run)
    inner = [all_ones(each, run[1]) for each in (a, b, e)]
    return Lemma(
        f"run-adds[{part.slug}]",
        "e = a + b ⇒ part(e) = part(a) + part(b)",
        Statement(assumptions=(_sum(),), goal=part.of(e) == part.of(a) + part.of(b)),
        Steps(
            uses=(ones_add(run[1]).at(), shifts_add(run[0]).at(a=inner[0], b=inner[1], e=inner[2])),
            generalise=terms(*inner, *(part.of(each) for each in (a, b, e))),
        ),
    )


@cache
def run_bounded(lines: Lines, run: tuple[int, int]) -> Lemma:
    """A multiple of few lines is small, and some lines have some of it."""
    part = Part(run=run)
    return Lemma(
        f"run-bounded[{lines.slug},{part.slug}]",
        "part(u) is small, and 0 only of 0",
        Statement(
            assumptions=(_few(lines, more),),
            goal=(part.of(more) < _bound(lines)) & ((more == 0) | (part.of(more) > 0)),
        ),
    )


def _bound(lines: Lines) -> int:
    return 1 << most_pages_shift(lines)


@cache
def block_adds(lines: Lines, block: int) -> Lemma:
    """A block's share of two numbers of lines that don't carry over its border is the sum of their shares."""
    mask = (1 << block) - 1
    part = Part(block=block)
    return Lemma(
        f"block-adds[{lines.slug},{block}]",
        "no carry over the block's border ⇒ part(u + w) = part(u) + part(w)",
        Statement(
            assumptions=(
                _few(lines, more),
                Assumption("few-others", other < most_lines(lines), "nor more others"),
                Assumption("apart", (more & mask) + (other & mask) <= mask, "no carry over the border"),
            ),
            goal=part.of(more + other) == part.of(more) + part.of(other),
        ),
    )


def _parts_at(lines: Lines, *numbers: Word) -> list[list[Word]]:
    return [[each.of(number) for each in parts_of(lines)] for number in numbers]


@cache
def gain_adds(lines: Lines) -> Lemma:
    """Of two numbers of lines that don't carry, what they gain is the sum of what each gains: part by part."""
    whole = more + other
    parts = _parts_at(lines, whole, more, other)
    sums = [list(accumulate(each, add)) for each in parts]
    uses = [
        block_adds(lines, each.block).at()
        if each.run is None
        else run_adds(each.run).at(a=more, b=other, e=whole)
        for each in parts_of(lines)
    ]
    uses += [
        arithmetic.sums_move().at(
            **{name: some[index - 1] for name, some in zip("eab", sums, strict=True)},
            **{name: some[index] for name, some in zip("fcd", parts, strict=True)},
        )
        for index in range(1, len(parts[0]))
    ]
    return Lemma(
        f"gain-adds[{lines.slug}]",
        "no carry over a block's border ⇒ gain(u + w) = gain(u) + gain(w)",
        Statement(
            assumptions=(
                _few(lines, more),
                Assumption("few-others", other < most_lines(lines), "nor more others"),
                Assumption("apart", _apart(lines, more, other), "no carry over a block's border"),
            ),
            goal=gain(lines, whole) == gain(lines, more) + gain(lines, other),
        ),
        Steps(
            uses=uses,
            generalise=terms(
                *(each for some in sums for each in some), *(each for some in parts for each in some)
            ),
        ),
    )


@cache
def block_splits(block: int) -> Lemma:
    """A block's share is that of the whole blocks, and the lines of the last one."""
    whole, rest = more >> block, more & ((1 << block) - 1)
    return Lemma(
        f"block-splits[{block}]",
        f"u - (u >> {block}) = {(1 << block) - 1} (u >> {block}) + (u mod 2^{block})",
        Statement(goal=without_tables(more, block) == all_ones(whole, block) + rest),
    )


@cache
def blocks_in_order(block: int) -> Lemma:
    """Of more lines the whole blocks are more, or as many, and then the rest is more."""
    wholes, rests = (
        [each >> block for each in (more, other)],
        [each & ((1 << block) - 1) for each in (more, other)],
    )
    return Lemma(
        f"blocks-in-order[{block}]",
        "u < w ⇒ (whole blocks, rest) of u come before those of w",
        Statement(
            assumptions=(Assumption("in-order", more < other, "u < w"),),
            goal=((wholes[0] < wholes[1]) | ((wholes[0] == wholes[1]) & (rests[0] < rests[1])))
            & (rests[0] < 1 << block)
            & (rests[1] < 1 << block),
        ),
    )


@cache
def ones_least(lines: Lines, block: int) -> Lemma:
    """Some whole blocks have as many lines less their tables as one has, at least."""
    return Lemma(
        f"ones-least[{lines.slug},{block}]",
        f"1 ≤ u ⇒ {(1 << block) - 1} ≤ {(1 << block) - 1} u, which is small",
        Statement(
            assumptions=(
                Assumption(
                    "few", more < max(2, most_lines(lines) >> block), "no more blocks than a quotient gives"
                ),
            ),
            goal=((more == 0) | (all_ones(more, block) >= (1 << block) - 1))
            & (all_ones(more, block) <= max(1 << block, most_lines(lines))),
        ),
    )


def _in_order(lines: Lines) -> tuple[Assumption, ...]:
    few = Assumption("few", other < most_lines(lines), "no more lines than a quotient gives")
    return Assumption("in-order", more < other, "u < w"), few


@cache
def block_grows(lines: Lines, block: int) -> Lemma:
    """More lines don't have a smaller share."""
    part = Part(block=block)
    wholes = [each >> block for each in (more, other)]
    between = wholes[1] - wholes[0]
    rests = [each & ((1 << block) - 1) for each in (more, other)]
    return Lemma(
        f"block-grows[{lines.slug},{block}]",
        "u < w ⇒ part(u) ≤ part(w), which is small",
        Statement(
            assumptions=_in_order(lines),
            goal=(part.of(more) <= part.of(other)) & (part.of(other) < _bound(lines)),
        ),
        Steps(
            uses=(
                blocks_in_order(block).at(),
                block_splits(block).at(),
                block_splits(block).at(more=other),
                ones_add(block).at(a=wholes[0], b=between, e=wholes[1]),
                *(ones_least(lines, block).at(more=each) for each in (*wholes, between)),
            ),
            generalise=terms(
                *(part.of(each) for each in (more, other)),
                *(all_ones(each, block) for each in (*wholes, between)),
                *rests,
            ),
        ),
    )


@cache
def run_grows(lines: Lines, run: tuple[int, int]) -> Lemma:
    """More lines have more of a multiple."""
    part = Part(run=run)
    between = other - more
    return Lemma(
        f"run-grows[{lines.slug},{part.slug}]",
        "u < w ⇒ part(u) < part(w), which is small",
        Statement(
            assumptions=_in_order(lines),
            goal=(part.of(more) < part.of(other)) & (part.of(other) < _bound(lines)),
        ),
        Steps(
            uses=(
                run_adds(run).at(a=more, b=between, e=other),
                *(run_bounded(lines, run).at(more=each) for each in (more, other, between)),
            ),
            generalise=terms(*(part.of(each) for each in (more, other, between))),
        ),
    )


@cache
def sums_rise() -> Lemma:
    """a < b and c ≤ d give a + c < b + d, as long as nothing wraps."""
    return Lemma(
        "sums-rise",
        "a < b, c ≤ d ⇒ a + c < b + d",
        Statement(
            assumptions=(
                Assumption("rise", (a < b) & (c <= d), "a < b, c ≤ d"),
                Assumption(
                    "small", (b <= arithmetic.SUM_LIMIT) & (d <= arithmetic.SUM_LIMIT), "b and d are small"
                ),
            ),
            goal=a + c < b + d,
        ),
    )


@cache
def gain_rises(lines: Lines) -> Lemma:
    """More lines gain more."""
    parts = _parts_at(lines, more, other)
    sums = [list(accumulate(each, add)) for each in parts]
    uses = [
        block_grows(lines, each.block).at() if each.run is None else run_grows(lines, each.run).at()
        for each in parts_of(lines)
    ]
    uses += [
        sums_rise().at(a=sums[0][index - 1], b=sums[1][index - 1], c=parts[0][index], d=parts[1][index])
        for index in range(1, len(parts[0]))
    ]
    return Lemma(
        f"gain-rises[{lines.slug}]",
        "u < w ⇒ gain(u) < gain(w)",
        Statement(assumptions=_in_order(lines), goal=gain(lines, more) < gain(lines, other)),
        Steps(uses=uses, generalise=terms(*parts[0], *parts[1])),
    )


@cache
def same_gain(lines: Lines) -> Lemma:
    """As many lines gain as much: what is lost when gains are generalised."""
    return arithmetic.same(
        f"same-gain[{lines.slug}]", "u = w ⇒ gain(u) = gain(w)", partial(gain, lines), more, other
    )


def _searched(lines: Lines, already: Word, rest: Word, bit: int) -> Truth:
    """What holds when all bits of the quotients down to ``bit`` are decided."""
    gained = gain(lines, already)
    known = (already & ((1 << bit) - 1) == 0) & (already < most_lines(lines) - (1 << bit))
    known &= (gained <= pages) & (rest == pages - gained)
    return known & (pages < gain(lines, already + (1 << bit)))


def _wanted(lines: Lines) -> Assumption:
    most = 1 << (WIDTH - lines.page_shift)
    return Assumption("address-space", pages < most, "no more pages are wanted than an address space has")


@cache
def bit_decided(lines: Lines, bit: int, worth: int) -> Lemma:
    """The next bit is taken just if its worth is left; then what has been said about the bits before holds for it, too."""
    step = 1 << bit
    onward, rest = taken(left, worth, more, bit)
    gains = [gain(lines, each) for each in (more, more + step, more + 2 * step, onward, onward + step)]
    same = [
        (onward, more),
        (onward, more + step),
        (onward + step, more + step),
        (onward + step, more + 2 * step),
    ]
    return Lemma(
        f"bit-decided[{lines.slug},{bit}]",
        f"gain(u) ≤ pages < gain(u + 2^{bit + 1}) ⇒ gain(u') ≤ pages < gain(u' + 2^{bit}), u' with or without 2^{bit} more",
        Statement(
            assumptions=(
                _wanted(lines),
                Assumption("before", _searched(lines, more, left, bit + 1), "the bits before are decided"),
            ),
            goal=_searched(lines, onward, rest, bit),
        ),
        Steps(
            uses=(
                gain_adds(lines).at(other=number(step)),
                *(same_gain(lines).wherever(more=one, other=each) for one, each in same),
            ),
            generalise=gains,
        ),
    )


@cache
def divides(lines: Lines) -> Lemma:
    """The quotients come to the least number of lines that gain so many pages."""
    decided: list[Use] = []
    already, rest = number(0), pages
    chain = []
    for bit, worth in worths(lines):
        decided.append(bit_decided(lines, bit, worth).at(more=already, left=rest))
        already, rest = taken(rest, worth, already, bit)
        chain += [already, rest, gain(lines, already), gain(lines, already + (1 << bit))]
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
