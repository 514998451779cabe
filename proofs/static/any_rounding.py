"""Lemmas and the theorem that the count is exact for every rounding and every padding of the region's end.

Notation of DOMAIN.md section 1; R = mask + 1 is the rounding, a power of two, and P the padding, so that V(n) is
⌈E⌉ to R, or R more than that if it leaves less than P. What makes V grow with n is that V - E falls by no more
than E grows.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

from ...encodings.dom0_count import FIRST_TRIED, search_rounded, tables, tables_by_level
from ...encodings.dom0_layout import rounded_end, stack_end
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.layouts.paging import PAGE_SHIFT, PagingMode
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps, Use
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import TooLarge, region_end, touched
from ...formal.words.word import Truth, Word, choose, number, word
from ..shared import arithmetic, region, replays, search
from ..shared.region import far, m, n, near, v_start, vpt_start
from ..shared.replays import Values

mask, padding = word("mask"), word("padding")

MOST_ROUNDED: Final = 1 << 62
"""The largest rounding, in bytes."""
LONGEST: Final = region.LONGEST
"""How long a region may be before it is rounded, in bytes: 2**16 times the half of
the canonical addresses, nearly."""


def power_of_two(page_shift: int = PAGE_SHIFT, most: int = MOST_ROUNDED) -> Assumption:
    """The assumption on the rounding: a power of two, a page at least."""
    page = 1 << page_shift
    condition = (mask & (mask + 1) == 0) & (mask >= page - 1) & (mask < most)
    return Assumption(
        "power-of-two",
        condition,
        f"the rounding is a power of two from {page} to 2^{most.bit_length() - 1}",
    )


def end_of(nr_pt_pages: Word, page_shift: int) -> Word:
    """V(n) for the rounding and the padding."""
    return rounded_end(stack_end(vpt_start, nr_pt_pages, page_shift), mask, padding)


def needed(mode: PagingMode, nr_pt_pages: Word) -> Word:
    """f(S, V(n)) for the rounding and the padding."""
    return tables(mode, v_start, end_of(nr_pt_pages, mode.page_shift))


def room(nr_pt_pages: Word, page_shift: int = PAGE_SHIFT) -> Assumption:
    """The assumption that the region is shorter than half of the address space before it is rounded."""
    return Assumption(
        "room",
        region.half_room(nr_pt_pages, page_shift),
        "counted upwards from v_start, vpt_start and then the end of the stack come within 2^63 - 2^50 bytes",
    )


def gap(end: Word) -> Word:
    """What rounding and padding add to the end of the stack."""
    to_line = _to_line(end)
    return to_line + choose(to_line < padding, mask + 1, number(0))


def _to_line(end: Word) -> Word:
    """What is missing to the next line."""
    return -1 * end & mask


def _gaps(end: Word) -> tuple[Word, Word]:
    """What the gap can be: to the next line, or to the one after it."""
    return _to_line(end), _to_line(end) + (mask + 1)


@cache
def up_to_line() -> Lemma:
    """Rounding up adds what is missing."""
    line, to_line = (near + mask) & ~mask, _to_line(near)
    return Lemma(
        "up-to-line",
        "⌈E⌉ = E + (-E mod R), which adds less than R",
        Statement(assumptions=(power_of_two(),), goal=(line == near + to_line) & (to_line <= mask)),
    )


@cache
def end_is_gap_above() -> Lemma:
    """The region ends a gap above the stack, and the gap is less than two roundings; counted from low."""
    low, to_line = arithmetic.low, _to_line(near)
    line, after = near + to_line, near + (to_line + (mask + 1))
    ended = rounded_end(near, mask, padding)
    return Lemma(
        "end-is-gap-above",
        "V - low = (E - low) + gap(E), gap(E) < 2 R",
        Statement(
            assumptions=(power_of_two(),),
            goal=(ended - low == (near - low) + gap(near)) & (gap(near) <= 2 * mask + 1),
        ),
        Steps(
            uses=(
                up_to_line().at(),
                arithmetic.added_taken_off().at(a=near, b=to_line),
                arithmetic.associative().at(a=near, b=to_line, c=mask + 1),
                *(arithmetic.taken_off().at(a=near, b=each, c=low) for each in _gaps(near)),
            ),
            generalise=((near + mask) & ~mask, near - low, after, line, to_line),
        ),
    )


@cache
def gap_falls_slowly() -> Lemma:
    """Going up, the gap falls by no more than one goes up."""
    return Lemma(
        "gap-falls-slowly",
        "gap(near) ≤ (far - near) + gap(far)",
        Statement(
            assumptions=(
                power_of_two(),
                Assumption("close", far - near < 1 << 63, "far is less than 2^63 above near"),
            ),
            goal=gap(near) <= (far - near) + gap(far),
        ),
    )


@cache
def gaps_add() -> Lemma:
    """a ≤ b, p ≤ (b - a) + q gives a + p ≤ b + q, as long as nothing wraps: how lengths and gaps add up."""
    a, b, p, q = arithmetic.a, arithmetic.b, arithmetic.c, arithmetic.d
    between = b - a
    return Lemma(
        "gaps-add",
        "a ≤ b, p ≤ (b - a) + q ⇒ a + p ≤ b + q",
        Statement(
            assumptions=(
                Assumption("lengths", (a <= b) & (b <= LONGEST), "a ≤ b, and b is a length within the limit"),
                Assumption("gaps", (p < 2 * MOST_ROUNDED) & (q < 2 * MOST_ROUNDED), "p and q are gaps"),
                Assumption("slow", p <= (b - a) + q, "p ≤ (b - a) + q"),
            ),
            goal=(a + p <= b + q) & (b + q < LONGEST + 2 * MOST_ROUNDED) & (a <= a + p),
        ),
        Steps(
            uses=(
                arithmetic.put_back().at(a=b, b=a),
                arithmetic.associative().at(b=between, c=q),
                arithmetic.no_less_with().wherever(a=p, b=between + q, c=a),
            ),
            generalise=(a + between,),
        ),
    )


def end_grows_by(
    mode: PagingMode,
    name: str,
    end_above: Callable[[Word], Word],
    gap: Callable[[Word], Word],
    facts: tuple[Use, ...],
    more: tuple[Assumption, ...] = (),
) -> Lemma:
    """near ≤ far gives V(near) ≤ V(far), for any V that is what it hangs on and a gap.

    ``facts`` are that it is, of both, and that the gap is small and falls slowly, under the assumptions ``more``.
    """
    limit = region.region_limit(mode)
    lengths = [end_above(each) - v_start for each in (near, far)]
    before = near - v_start, far - v_start
    return Lemma(
        name,
        "near ≤ far ⇒ V(near) ≤ V(far), counted from S",
        Statement(
            assumptions=(
                *more,
                arithmetic.in_order(v_start, near, far),
                Assumption("short", far - v_start <= LONGEST, "far is less than 2^63 - 2^50 above S"),
                Assumption("not-empty", near - v_start > 0, "near is above S"),
            ),
            goal=(lengths[0] <= lengths[1]) & (lengths[1] <= limit) & (lengths[0] > 0),
        ),
        Steps(
            uses=(
                arithmetic.same_distance().at(low=v_start),
                *facts,
                gaps_add().at(a=before[0], b=before[1], c=gap(near), d=gap(far)),
            ),
            generalise=(*lengths, gap(near), gap(far), *before, far - near),
        ),
    )


@cache
def end_grows(mode: PagingMode) -> Lemma:
    """near ≤ far, counted from S, gives V(near) ≤ V(far), counted from S, and neither comes full circle."""
    return end_grows_by(
        mode,
        f"rounded-end-grows[{mode.name}]",
        lambda at: rounded_end(at, mask, padding),
        gap,
        (
            gap_falls_slowly().at(),
            end_is_gap_above().at(low=v_start),
            end_is_gap_above().at(low=v_start, near=far),
        ),
        (power_of_two(),),
    )


@cache
def stack_grows(page_shift: int) -> Lemma:
    """n ≤ m gives E(n) ≤ E(m), counted from S, within `LONGEST`."""
    page = 1 << page_shift
    ends = [stack_end(vpt_start, each, page_shift) - v_start for each in (n, m)]
    return Lemma(
        f"stack-grows{_bracketed(page_shift)}",
        "n ≤ m ⇒ E(n) ≤ E(m), counted from S",
        Statement(
            assumptions=(Assumption("in-order", n <= m, "n ≤ m"), room(m, page_shift)),
            goal=(ends[0] <= ends[1]) & (ends[1] <= LONGEST) & (ends[0] > 0),
        ),
        Steps(
            uses=(
                region.pages_fit(page_shift).at(limit=number(LONGEST - page), d=vpt_start - v_start),
                _stack_from_start(page_shift).at(),
                _stack_from_start(page_shift).at(n=m),
            ),
            generalise=(*ends, *((vpt_start - v_start) + each * page for each in (n, m))),
        ),
    )


def _bracketed(page_shift: int) -> str:
    """For a lemma's name: pages that aren't of 4 KiB."""
    return "" if page_shift == PAGE_SHIFT else f"[{1 << page_shift}]"


@cache
def _stack_from_start(page_shift: int) -> Lemma:
    """E(n) - S = (T - S) + page n + page: the same sum, put in order."""
    page = 1 << page_shift
    end = vpt_start + n * page
    return Lemma(
        f"stack-from-start{_bracketed(page_shift)}",
        f"E - S = (T - S) + {page} n + {page}",
        Statement(
            goal=stack_end(vpt_start, n, page_shift) - v_start == (vpt_start - v_start) + n * page + page
        ),
        Steps(
            uses=(
                arithmetic.taken_off().at(a=end, b=number(page), c=v_start),
                arithmetic.taken_off().at(a=vpt_start, b=n * page, c=v_start),
            ),
            generalise=(end + page, end - v_start, end, (vpt_start - v_start) + n * page),
        ),
    )


@cache
def count_grows(mode: PagingMode) -> Lemma:
    """n ≤ m gives f(S, V(n)) ≤ f(S, V(m)), and f(S, V(n)) is no less than the fewest there are."""
    ends = [end_of(each, mode.page_shift) for each in (n, m)]
    least = region.least_possible(mode)
    stacks = [stack_end(vpt_start, each, mode.page_shift) for each in (n, m)]
    spans = tables_by_level(mode, v_start, ends[0])
    positive: list[Use] = []
    for level in mode.counted_levels:
        if level.fixed is None:
            positive.append(arithmetic.spanned_positive(level.shift).wherever(low=v_start, far=ends[0]))
            positive.append(arithmetic.spanned_bounded(level.shift).wherever(low=v_start, far=ends[0]))
    return Lemma(
        f"rounded-count-grows[{mode.name}]",
        f"n ≤ m ⇒ {least} ≤ f(S, V(n)) ≤ f(S, V(m))",
        Statement(
            assumptions=(
                power_of_two(mode.page_shift),
                Assumption("in-order", n <= m, "n ≤ m"),
                room(m, mode.page_shift),
            ),
            goal=(needed(mode, n) <= needed(mode, m)) & (needed(mode, n) >= least),
        ),
        Steps(
            uses=(
                stack_grows(mode.page_shift).wherever(),
                end_grows(mode).wherever(near=stacks[0], far=stacks[1]),
                region.tables_grow(mode).wherever(near=ends[0], far=ends[1]),
                *positive,
            ),
            generalise=region.terms(
                needed(mode, m),
                *spans,
                *(each - v_start for each in (*ends, *stacks, vpt_start)),
                *ends,
                *stacks,
            ),
        ),
    )


def found(mode: PagingMode, first: int = FIRST_TRIED) -> Run:
    """The search, started from ``first``, stops at n."""
    return Run(search_rounded(mode, first), (v_start, vpt_start, mask, padding), (n,))


@cache
def exact(mode: PagingMode, first: int) -> Lemma:
    """The search stops at an n with f(S, V(n)) = n, for every rounding and padding; from no more than the fewest tables."""
    one = number(first)
    return Lemma(
        f"any-rounding[{mode.name}{'' if first == FIRST_TRIED else f',from {first}'}]",
        f"the search from {first} stops at n ⇒ f(S, V(n)) = n",
        Statement(
            assumptions=(power_of_two(mode.page_shift), room(n, mode.page_shift)),
            runs=(found(mode, first),),
            goal=needed(mode, n) == n,
        ),
        Induction(
            invariant=~(room(n, mode.page_shift).condition & power_of_two(mode.page_shift).condition)
            | (n <= needed(mode, n)),
            base=Steps(uses=(count_grows(mode).wherever(n=one, m=one),), generalise=(needed(mode, one),)),
            step=Steps(
                uses=(count_grows(mode).wherever(m=n + 1),),
                generalise=(needed(mode, n), needed(mode, n + 1)),
            ),
            end=Steps(generalise=(needed(mode, n),)),
        ),
    )


@cache
def same_end(page_shift: int) -> Lemma:
    """Equal counts set aside end the region at the same place."""
    return arithmetic.same(
        f"rounded-same-end{_bracketed(page_shift)}",
        "n = m ⇒ V(n) = V(m)",
        partial(end_of, page_shift=page_shift),
        n,
        m,
    )


@cache
def needed_same(mode: PagingMode) -> Lemma:
    """Equal counts set aside need equally many tables: what is lost when f(S, V(n)) is generalised."""
    ends = [end_of(each, mode.page_shift) for each in (n, m)]
    return arithmetic.same(
        f"rounded-same-count[{mode.name}]",
        "n = m ⇒ f(S, V(n)) = f(S, V(m))",
        partial(needed, mode),
        n,
        m,
        Steps(
            uses=(same_end(mode.page_shift).at(), region.same_tables(mode).at(near=ends[0], far=ends[1])),
            generalise=(needed(mode, n), needed(mode, m), *ends),
        ),
    )


@cache
def stops_least(mode: PagingMode) -> Lemma:
    """No count m from 2 on with f(S, V(m)) ≤ m is less than the one that the search stops at."""
    return search.least_of(
        f"rounded-stops-least[{mode.name}]",
        "the search from 2 stops at n, f(S, V(m)) ≤ m, 2 ≤ m ⇒ n ≤ m",
        partial(needed, mode),
        Assumption("tried", m >= FIRST_TRIED, "m is no less than the 2 that the search starts from"),
        found(mode),
        needed_same(mode),
    )


def without(mode: PagingMode) -> dict[str, Truth]:
    """Where to look for what each assumption keeps out: a mask of two bits, a region that comes full circle."""
    stops = (v_start == 0) & (n == region.fixed_tables(mode) + 1) & (needed(mode, n - 1) >= n)
    aligned = vpt_start & ((1 << mode.page_shift) - 1) == 0
    two_bits = (mask == 1 << 62 | 1 << 49) & (padding == mask + 1)
    by_the_page = (mask == (1 << mode.page_shift) - 1) & (padding == 0)
    return {"room": aligned & stops & by_the_page, "power-of-two": aligned & stops & two_bits}


@cache
def least(mode: PagingMode) -> Lemma:
    """No fixed point of f∘V from 2 on is less than what the search stops at."""
    above = region.above_fixed(mode, f"rounded-above-fixed[{mode.name}]", end_of(n, mode.page_shift))
    return search.least_fixed_point(
        mode,
        f"least-any-rounding[{mode.name}]",
        partial(needed, mode),
        found(mode),
        above,
        stops_least(mode).wherever(),
    )


Said = Callable[[Values, int, int], tuple[bool, str]]
"""Whether a goal holds where the machine's search stops at a count, and a walk touches so many; and what was seen."""


def _took_as_many(_values: Values, tried: int, took: int) -> tuple[bool, str]:
    return took == tried, f"with that rounding the machine's search stops at {tried}, a walk touches {took}"


def judge(mode: PagingMode, said: Said = _took_as_many) -> replays.Judge:
    """The machine's search with the rounding and padding of the values, region by region walked; judged by ``said``."""

    def judged(values: Values) -> Replay:
        rounding, padding = values["mask"] + 1, values["padding"]
        start = values["v_start"]
        if rounding & values["mask"] or not rounding:
            return Replay(None, "the machine rounds to powers of two only")
        stack = partial(_stack_end, values, 1 << mode.page_shift)
        tried = FIRST_TRIED
        try:
            while (took := touched(mode, start, region_end(stack(tried), rounding, padding))) > tried:
                tried += 1
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        if mode.bits == 32 and region_end(stack(tried), rounding, padding) > 1 << 32:
            return Replay(None, replays.ABOVE_4_GIB)
        replays.agreed("n", values["n"], tried)
        return Replay(*said(values, tried, took))

    return judged


def _stack_end(values: Values, page: int, frames: int) -> int:
    """Where the boot stack ends, going up from S: not wrapped."""
    before = (values["vpt_start"] - values["v_start"]) % ADDRESS_LIMIT
    return values["v_start"] + before + (frames + 1) * page
