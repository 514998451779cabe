"""Lemmas about rounding and spans: what every other family rests on.

Each is small enough for a solver to settle at 64 bits in about a second. The names say the subject first
and then what holds for it; a figure in brackets is the parameter. Nothing here knows of Xen.
"""

from collections.abc import Callable
from functools import cache
from typing import cast

from ...encodings.spans import round_down, round_up, spanned
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.words.word import WIDTH, Term, Truth, Word, number, subterms, word

low, near, far = word("low"), word("near"), word("far")
a, b, c, d = word("a"), word("b"), word("c"), word("d")

most = word("most")

NO_STEPS = Steps()
"""A proof by the solver alone."""

SUMS = {"bvadd", "bvsub"}
"""What words have that sums are."""

SUM_LIMIT = 1 << 62
"""Below this, sums of two do not wrap, with room to spare for sums of sums."""


def span_limit(shift: int) -> int:
    """The longest region, in bytes, whose 2**shift-sized blocks are counted right.

    It is two blocks short of the address space, so that rounding both ends outwards doesn't come full circle.
    """
    return (1 << 64) - (2 << shift)


def in_order(low: Word, near: Word, far: Word) -> Assumption:
    """``near`` comes no later than ``far`` on the way up from ``low``, around 2**64 if need be."""
    return Assumption("in-order", near - low <= far - low, "near comes no later than far, going up from low")


def short(shift: int) -> Assumption:
    """``far`` is no further above ``low`` than `span_limit`."""
    return Assumption("short", far - low <= span_limit(shift), "not around the whole address space")


def same(
    name: str, meaning: str, of: Callable[[Word], Word], one: Word, other: Word, proof: Steps | None = None
) -> Lemma:
    """Of the same comes the same: what is lost where ``of`` both is generalised. The caller keeps the lemma."""
    return Lemma(
        name,
        meaning,
        Statement(
            assumptions=(Assumption("equal", one == other, "they are equal"),), goal=of(one) == of(other)
        ),
        proof or added_alike(of(one), of(other)),
    )


def added_alike(one: Word, other: Word) -> Steps:
    """That two terms are the same, sum by sum, down to where one isn't made as the other is: a solver takes long to see that of sums of sums."""
    sums: dict[tuple[Word, Word], Use] = {}
    pairs: list[tuple[Term, Term]] = [(one, other)]
    for here, there in pairs:
        if here is there or here.operation != there.operation:
            continue
        pairs += zip(here.arguments, there.arguments, strict=True)
        if here.operation in SUMS and here.width == WIDTH:
            a_, b_, c_, d_ = (cast(Word, each) for each in (*here.arguments, *there.arguments))
            use = same_both(minus=here.operation == "bvsub").wherever(a=a_, b=b_, c=c_, d=d_)
            sums[cast(Word, here), cast(Word, there)] = use
    return Steps(uses=sums.values(), generalise=[each for pair in sums for each in pair])


@cache
def same_both(*, minus: bool) -> Lemma:
    """Of the same comes the same sum, or difference."""
    equal = Assumption("equal", (a == c) & (b == d), "a = c, b = d")
    goal = (a - b == c - d) if minus else (a + b == c + d)
    return Lemma(
        f"sums-same[{'-' if minus else '+'}]",
        "a = c, b = d ⇒ a ± b = c ± d",
        Statement(assumptions=(equal,), goal=goal),
    )


mask = word("mask")


@cache
def up_from_border() -> Lemma:
    """From a border of blocks, rounding up to blocks is rounding up the length."""
    return Lemma(
        "up-from-border",
        "low mod 2^s = 0 ⇒ ⌈far⌉ - low = ⌈far - low⌉ to 2^s, for every s",
        Statement(
            assumptions=(
                Assumption("blocks", mask & (mask + 1) == 0, "a block has 2^s bytes, less one in the mask"),
                Assumption("border", low & mask == 0, "low is a border of blocks"),
            ),
            goal=((far + mask) & ~mask) - low == ((far - low) + mask) & ~mask,
        ),
    )


@cache
def length_from_border() -> Lemma:
    """Counted from the border below low, what low is past that comes on top."""
    return Lemma(
        "length-from-border",
        "low = a + b ⇒ far - a = b + (far - low), far - low = (far - a) - b",
        Statement(
            assumptions=(Assumption("sum", low == a + b, "low = a + b"),),
            goal=(far - a == b + (far - low)) & (far - low == (far - a) - b),
        ),
        Steps(
            uses=(both_taken_off().at(a=far, b=a, c=b), put_back().at(a=far - a, b=b)),
            generalise=((far - a) - b, far - a, a + b),
        ),
    )


def _from_border(shift: int) -> tuple[tuple[Use, ...], tuple[Word, ...]]:
    """What is known of ⌈far⌉, counted from the border below low; and what can be generalised then."""
    border, part = round_down(low, shift), low & ((1 << shift) - 1)
    return (
        up_from_border().wherever(mask=number((1 << shift) - 1), low=border),
        length_from_border().wherever(a=border, b=part),
    ), (round_up(far, shift) - border, far - border, far - low)


@cache
def spanned_from_low(shift: int) -> Lemma:
    """N_s(low, far) = ((low mod 2**s) + (far - low) + 2**s - 1) >> s: the count as it grows with the length."""
    mask, (uses, hidden) = (1 << shift) - 1, _from_border(shift)
    return Lemma(
        f"spanned-from-low[{shift}]",
        f"N(low, far) = ((low mod 2^{shift}) + (far - low) + {mask:#x}) >> {shift}",
        Statement(
            goal=spanned(low, far, shift) == ((low & mask) + (far - low) + mask) >> shift,
        ),
        Steps(uses=uses, generalise=hidden),
    )


@cache
def part_of_block(shift: int) -> Lemma:
    """What ``low`` is past a multiple of 2**s is less than 2**s."""
    mask = (1 << shift) - 1
    return Lemma(
        f"part-of-block[{shift}]", f"low mod 2^{shift} ≤ {mask:#x}", Statement(goal=low & mask <= mask)
    )


def from_low(name: str, meaning: str, assumptions: tuple[Assumption, ...], shift: int, goal: Truth) -> Lemma:
    """A lemma on spans from ``low`` to ``far`` and, where they are mentioned, to ``near``; said by lengths."""
    ends = [each for each in (near, far) if spanned(low, each, shift) in set(subterms([goal]))]
    lengths = [each - low for each in ends]
    return Lemma(
        name,
        meaning,
        Statement(assumptions=(*assumptions, short(shift)), goal=goal),
        Steps(
            uses=(*(spanned_from_low(shift).at(far=each) for each in ends), part_of_block(shift).at()),
            generalise=(*(spanned(low, each, shift) for each in ends), *lengths, low & ((1 << shift) - 1)),
        ),
    )


@cache
def spanned_grows(shift: int) -> Lemma:
    """N_s(low, near) ≤ N_s(low, far) where near ≤ far, both counted from low."""
    return from_low(
        f"spanned-grows[{shift}]",
        "N(low, near) ≤ N(low, far) for near ≤ far",
        (in_order(low, near, far),),
        shift,
        spanned(low, near, shift) <= spanned(low, far, shift),
    )


@cache
def spanned_positive(shift: int) -> Lemma:
    """N_s(low, far) ≥ 1 where far is above low."""
    return from_low(
        f"spanned-positive[{shift}]",
        "N(low, far) ≥ 1 for far above low",
        (Assumption("not-empty", far - low > 0, "far is above low"),),
        shift,
        spanned(low, far, shift) >= 1,
    )


@cache
def spanned_bounded(shift: int) -> Lemma:
    """N_s < 2**(64 - s), whatever the range."""
    return Lemma(
        f"spanned-bounded[{shift}]",
        f"N(low, far) < 2^{64 - shift}",
        Statement(goal=spanned(low, far, shift) < 1 << (64 - shift)),
    )


@cache
def spanned_at_most(shift: int) -> Lemma:
    """A range of W bytes touches at most two blocks more than fit into it, whatever W."""
    return from_low(
        f"spanned-at-most[{shift}]",
        f"far - low ≤ W ⇒ N(low, far) ≤ W / 2^{shift} + 2",
        (Assumption("within", far - low <= most, "far - low ≤ W"),),
        shift,
        spanned(low, far, shift) <= (most >> shift) + 2,
    )


def distance(near: Word, far: Word) -> Word:
    """How far ``far`` is above ``near``, as the difference of their lengths from ``low``."""
    return (far - low) - (near - low)


@cache
def same_distance() -> Lemma:
    """The difference of two lengths from ``low`` is that of their ends."""
    return Lemma(
        "same-distance",
        "(far - low) - (near - low) = far - near",
        Statement(goal=distance(near, far) == far - near),
    )


MOVES_LIMIT = 1 << 62
"""The longest way that an end is moved by, in bytes, for which the lemmas say what moves with it."""


def blocks_in(shift: int, bytes_: Word) -> Word:
    """⌈bytes / 2**s⌉: how many more blocks a range touches at most that ends so many bytes further up."""
    return (bytes_ + ((1 << shift) - 1)) >> shift


def moved_by(distance: Word) -> Assumption:
    """The end moves up by ``most`` bytes at most."""
    return Assumption("close", (distance <= most) & (most <= MOVES_LIMIT), "far - near ≤ W ≤ 2^62")


@cache
def spanned_moves(shift: int) -> Lemma:
    """When the end moves up by W bytes at most, N_s grows by ⌈W / 2**s⌉ at most, whatever W."""
    mask, ends = (1 << shift) - 1, (near, far)
    sums = [((low & mask) + (each - low)) + mask for each in ends]
    moved = distance(near, far)
    return Lemma(
        f"spanned-moves[{shift}]",
        f"far - near ≤ W ⇒ N(low, far) ≤ N(low, near) + ⌈W / 2^{shift}⌉",
        Statement(
            assumptions=(in_order(low, near, far), moved_by(moved), short(shift)),
            goal=spanned(low, far, shift) <= spanned(low, near, shift) + blocks_in(shift, most),
        ),
        Steps(
            uses=(
                *(spanned_from_low(shift).at(far=each) for each in ends),
                sum_moves().at(a=low & mask, b=near - low, c=far - low, d=number(mask)),
                blocks_move(shift).at(a=sums[0], b=moved),
            ),
            generalise=(
                *(spanned(low, each, shift) for each in ends),
                *sums,
                moved,
                *(each - low for each in ends),
            ),
        ),
    )


@cache
def sum_moves() -> Lemma:
    """A sum moves up as its one part does."""
    before = a + b
    return Lemma(
        "sum-moves",
        "a + c + d = (a + b + d) + (c - b)",
        Statement(goal=(a + c) + d == (before + d) + (c - b)),
        Steps(
            uses=(
                swapped().at(a=before, b=d, c=c - b),
                associative().at(b=b, c=c - b),
                put_back().at(a=c),
            ),
            generalise=(before + (c - b), before, b + (c - b), c - b),
        ),
    )


@cache
def put_back() -> Lemma:
    """What is taken off, and added again."""
    return Lemma("taken-off-and-added", "b + (a - b) = a", Statement(goal=b + (a - b) == a))


@cache
def blocks_move(shift: int) -> Lemma:
    """W bytes more reach into ⌈W / 2**s⌉ blocks more, at most."""
    return Lemma(
        f"blocks-move[{shift}]",
        f"b ≤ W ⇒ (a + b) / 2^{shift} ≤ a / 2^{shift} + ⌈W / 2^{shift}⌉",
        Statement(
            assumptions=(moved_by(b),),
            goal=(a + b) >> shift <= (a >> shift) + blocks_in(shift, most),
        ),
    )


@cache
def round_up_from_low(shift: int) -> Lemma:
    """⌈far⌉ - low = ⌈(low mod 2**s) + (far - low)⌉ - (low mod 2**s): rounding up as it grows with the length."""
    part, up = low & ((1 << shift) - 1), round_up(far, shift)
    uses, hidden = _from_border(shift)
    return Lemma(
        f"round-up-from-low[{shift}]",
        f"⌈far⌉ - low = ⌈(low mod 2^{shift}) + (far - low)⌉ - (low mod 2^{shift})",
        Statement(goal=up - low == round_up((far - low) + part, shift) - part),
        Steps(
            uses=(*uses, length_from_border().wherever(far=up, a=round_down(low, shift), b=part)),
            generalise=(up - low, *hidden),
        ),
    )


@cache
def round_up_grows(shift: int) -> Lemma:
    """⌈near⌉ ≤ ⌈far⌉ ≤ limit, counted from low, where far stays a rounding short of the limit."""
    limit, rounding = word("limit"), 1 << shift
    return Lemma(
        f"round-up-grows[{shift}]",
        "⌈near⌉ ≤ ⌈far⌉ ≤ limit, counted from low",
        Statement(
            assumptions=(
                in_order(low, near, far),
                Assumption(
                    "short",
                    (far - low <= limit - rounding) & (limit >= rounding),
                    "a rounding short of the limit",
                ),
            ),
            goal=(round_up(near, shift) - low <= round_up(far, shift) - low)
            & (round_up(far, shift) - low <= limit)
            & (near - low <= round_up(near, shift) - low),
        ),
        Steps(
            uses=(
                *(round_up_from_low(shift).at(far=each) for each in (near, far)),
                part_of_block(shift).at(),
            ),
            generalise=(
                *(round_up(each, shift) - low for each in (near, far)),
                *(each - low for each in (near, far)),
                low & ((1 << shift) - 1),
            ),
        ),
    )


@cache
def round_up_moves(shift: int) -> Lemma:
    """When an address moves up by W bytes at most, what it is rounded up to moves up by ⌈W⌉ at most, whatever W."""
    return Lemma(
        f"round-up-moves[{shift}]",
        "far - near ≤ W ⇒ ⌈far⌉ - ⌈near⌉ ≤ ⌈W⌉",
        Statement(
            assumptions=(moved_by(far - near),),
            goal=round_up(far, shift) - round_up(near, shift) <= round_up(most, shift),
        ),
    )


@cache
def associative() -> Lemma:
    """(a + b) + c = a + (b + c)."""
    return Lemma("associative", "(a + b) + c = a + (b + c)", Statement(goal=(a + b) + c == a + (b + c)))


@cache
def swapped() -> Lemma:
    """Of three, the order in which they are added doesn't matter."""
    return Lemma("swapped", "(a + b) + c = (a + c) + b", Statement(goal=(a + b) + c == (a + c) + b))


@cache
def turned_round() -> Lemma:
    """Of what is added, the last may come first."""
    return Lemma(
        "turned-round",
        "((a + b) + c) + d = ((a + d) + c) + b",
        Statement(goal=((a + b) + c) + d == ((a + d) + c) + b),
        Steps(
            uses=(
                swapped().at(a=a + b, b=c, c=d),
                swapped().at(b=b, c=d),
                swapped().at(a=a + d, b=b, c=c),
            ),
            generalise=(((a + b) + c) + d, ((a + d) + c) + b, (a + b) + d, (a + d) + b),
        ),
    )


@cache
def taken_off() -> Lemma:
    """What is taken off a sum is taken off the first."""
    return Lemma("taken-off", "(a + b) - c = (a - c) + b", Statement(goal=(a + b) - c == (a - c) + b))


@cache
def common_taken_off() -> Lemma:
    """What both sums have doesn't count in their difference."""
    return Lemma("common-taken-off", "(a + b) - (a + c) = b - c", Statement(goal=(a + b) - (a + c) == b - c))


@cache
def both_taken_off() -> Lemma:
    """A sum taken off is its parts taken off."""
    return Lemma("both-taken-off", "a - (b + c) = (a - b) - c", Statement(goal=a - (b + c) == (a - b) - c))


@cache
def last_taken_off() -> Lemma:
    """The same, where it is added last."""
    return Lemma("last-taken-off", "(a + c) - (b + c) = a - b", Statement(goal=(a + c) - (b + c) == a - b))


@cache
def sums_move() -> Lemma:
    """The sum of two sums, put in another order."""
    e, f = word("e"), word("f")
    return Lemma(
        "sums-move",
        "e = a + b, f = c + d ⇒ e + f = (a + c) + (b + d)",
        Statement(
            assumptions=(Assumption("sums", (e == a + b) & (f == c + d), "e = a + b, f = c + d"),),
            goal=e + f == (a + c) + (b + d),
        ),
        Steps(
            uses=(associative().at(a=a + b, b=c, c=d), swapped().at(), associative().at(a=a + c, b=b, c=d)),
            generalise=((a + b) + c, (a + c) + b, a + b, c + d, a + c, b + d),
        ),
    )


@cache
def sums_grow() -> Lemma:
    """a ≤ b and c ≤ d give a + c ≤ b + d, as long as nothing wraps."""
    return Lemma(
        "sums-grow",
        "a ≤ b, c ≤ d ⇒ a + c ≤ b + d",
        Statement(
            assumptions=(
                Assumption("grow", (a <= b) & (c <= d), "a ≤ b, c ≤ d"),
                Assumption("small", (b <= SUM_LIMIT) & (d <= SUM_LIMIT), "b and d are small"),
            ),
            goal=a + c <= b + d,
        ),
    )


@cache
def no_less_with() -> Lemma:
    """Where a sum doesn't wrap, nor does one of less, which is no more."""
    return Lemma(
        "no-less-with",
        "a ≤ b ≤ b + c ⇒ a + c ≤ b + c; a and c are no more than a + c",
        Statement(
            assumptions=(Assumption("in-order", (a <= b) & (b <= b + c), "a ≤ b ≤ b + c"),),
            goal=(a + c <= b + c) & (a <= a + c) & (c <= a + c),
        ),
    )


@cache
def moved_up() -> Lemma:
    """near ≤ far ≤ limit - c gives near + c ≤ far + c ≤ limit, and nothing wraps."""
    limit = word("limit")
    return Lemma(
        "moved-up",
        "near ≤ far ≤ limit - c ⇒ near + c ≤ far + c ≤ limit",
        Statement(
            assumptions=(
                Assumption("room", c <= limit, "c is within the limit"),
                Assumption("in-order", (near <= far) & (far <= limit - c), "near ≤ far ≤ limit - c"),
            ),
            goal=(near + c <= far + c) & (far + c <= limit) & (near <= near + c) & (c <= near + c),
        ),
        Steps(
            uses=(
                no_less_with().at(a=far, b=limit - c),
                no_less_with().at(a=near, b=far),
            ),
            generalise=(near + c, far + c),
        ),
    )


@cache
def next_number() -> Lemma:
    """A number that is no last one, and one more: how both compare with another, and what they are above it."""
    more = a + 1
    return Lemma(
        "next-number",
        "a < d ⇒ (a < b ⇔ a + 1 ≤ b), (a + 1) - b = (a - b) + 1, which is 0 for a + 1 = b",
        Statement(
            assumptions=(Assumption("not-last", a < d, "a + 1 doesn't wrap"),),
            goal=((a < b) == (more <= b)) & (more - b == (a - b) + 1) & ((more != b) | (more - b == 0)),
        ),
    )


@cache
def same_difference() -> Lemma:
    """Of the same comes the same difference."""
    return same("same-difference", "a = b ⇒ a - c = b - c", lambda each: each - c, a, b)


@cache
def added_taken_off() -> Lemma:
    """What was added is left when the rest is taken off."""
    return Lemma("added-taken-off", "(a + b) - a = b", Statement(goal=(a + b) - a == b))


@cache
def less_in_order() -> Lemma:
    """Less by the same, as long as nothing wraps, they are in the same order."""
    return Lemma(
        "less-in-order",
        "c ≤ a ≤ b ⇒ a - c ≤ b - c",
        Statement(
            assumptions=(Assumption("in-order", (c <= a) & (a <= b), "c ≤ a ≤ b"),), goal=a - c <= b - c
        ),
    )


@cache
def stays_below() -> Lemma:
    """A number that is less than what is left stays below, added."""
    return Lemma(
        "stays-below-with",
        "a < c, b < c - a ⇒ a + b < c",
        Statement(
            assumptions=(Assumption("left", (a < c) & (b < c - a), "b is less than what is left"),),
            goal=a + b < c,
        ),
    )
