"""Lemmas on what one way of ending a region costs against another: Xen's, say, against one that rounds to a page.

Notation of DOMAIN.md section 1; n is what the search finds where the region ends in the one way, ``more``, and m where it
ends in the other, ``less``; e = E(m) is where the stack then ends, and v where the region does.

The argument. With k frames more than m the other region ends at some place above v, and takes a table more for each block
that begins in between: which is decided by e alone. Whatever e is, none or the most that there can be is enough for what it takes,
and then its region isn't longer than so much (`some_are_enough`). And the search finds the least number that is enough. What is costliest
is found by trying each page of a rounding, near each border (`costliest`); the proof doesn't rest on that.
"""

from collections.abc import Callable
from functools import cache, reduce
from itertools import accumulate
from operator import add, or_
from typing import Final

from attrs import frozen

from ...encodings.dom0_arrangement import count
from ...encodings.dom0_count import FIRST_TRIED, search_rounded, tables, tables_by_level
from ...encodings.dom0_layout import PADDING, ROUNDING_SHIFT, rounded_end, stack_end
from ...encodings.spans import round_up, spanned
from ...formal.edge.amounts import exactly
from ...formal.layouts.layout import ADDRESS_LIMIT, Layout
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, PagingMode
from ...formal.layouts.what_if import WhatIf
from ...formal.logic.claim import Part
from ...formal.logic.theorem import Assumption, Lemma, Run, Statement, Steps
from ...formal.machine.arrange import region_end, touched
from ...formal.words.word import TRUE, Truth, Word, all_of, number, replaced, word
from ..shared import arithmetic, region, replays, search
from ..shared.region import far, m, n, near, v_start, vpt_start
from ..shared.replays import Values
from . import any_rounding


@frozen
class Ends:
    """How a region ends: log2 of what its end is rounded up to, and the padding in bytes, whole pages and no more than that."""

    rounding_shift: int
    padding: int

    @property
    def rounding(self) -> int:
        """What the end is rounded up to, in bytes."""
        return 1 << self.rounding_shift

    @property
    def what_if(self) -> WhatIf:
        """The same, as a configuration has it."""
        return WhatIf(rounding=self.rounding, padding=self.padding)

    @property
    def slug(self) -> str:
        """The figures, for the name of a lemma."""
        return f"{self.rounding:#x}+{self.padding:#x}"


XENS: Final = Ends(ROUNDING_SHIFT, PADDING)
PAGE: Final = Ends(PAGE_SHIFT, 0)
TWO_MIB: Final = Ends(21, 64 << 10)
"""What one L1 maps, and as much padding as a small guest may want."""


def end(ends: Ends, frames: Word) -> Word:
    """V of so many frames."""
    return _ended(ends, stack_end(vpt_start, frames))


def _ended(ends: Ends, stack: Word) -> Word:
    return rounded_end(stack, number(ends.rounding - 1), number(ends.padding))


def needed(mode: PagingMode, ends: Ends, frames: Word) -> Word:
    """f(S, V) of so many frames."""
    return tables(mode, v_start, end(ends, frames))


def run(mode: PagingMode, ends: Ends, result: Word) -> Run:
    """The search stops at ``result`` where the region ends so."""
    if ends == XENS:
        return search.found(mode, result)
    figures = number(ends.rounding - 1), number(ends.padding)
    return Run(search_rounded(mode, FIRST_TRIED), (v_start, vpt_start, *figures), (result,))


@frozen
class Cost:
    """The most table frames, and the most bytes, that a region has more; with S and T of a region that has."""

    frames: int
    bytes: int
    frames_at: tuple[int, int]
    bytes_at: tuple[int, int]

    @property
    def steps(self) -> tuple[int, ...]:
        """The numbers of frames more that are looked at: none and the most."""
        return (0, self.frames) if self.frames else (0,)


@cache
def costliest(mode: PagingMode, more: Ends, less: Ends) -> Cost:
    """The regions that cost most, of those that end on any page of a rounding, at 0 and across borders."""
    widest = max(more.rounding, less.rounding)
    borders = [1 << level.shift for level in mode.counted_levels if level.fixed is None]
    starts = [0, *(border - widest for border in borders if widest < border < 1 << mode.bits)]
    figures = more.what_if, less.what_if
    found = []
    for start in starts:
        for tables_at in range(start + PAGE_SIZE, start + 2 * widest, PAGE_SIZE):
            (frames, ends_at), (fewer, ends_before) = (
                count(mode, start, tables_at, each) for each in figures
            )
            found.append((frames - fewer, ends_at - ends_before, (start, tables_at)))
    frames, _, frames_at = max(found, key=lambda each: each[0])
    _, longest, bytes_at = max(found, key=lambda each: each[1])
    return Cost(max(0, frames), max(0, longest), frames_at, bytes_at)


def _between(shift: int, low: Word, high: Word) -> Word:
    """How many blocks begin from ``low`` on below ``high``, which is no lower."""
    return (round_up(high, shift) - round_up(low, shift)) >> shift


@cache
def spanned_between(shift: int) -> Lemma:
    """Up to a place further on a range touches the blocks that begin in between, too."""
    low, ends = arithmetic.low, (near, far)
    part, borders = low & ((1 << shift) - 1), [round_up(each, shift) for each in ends]
    from_border = [round_up((each - low) + part, shift) for each in ends]
    return Lemma(
        f"spanned-between[{shift}]",
        "N(low, far) = N(low, near) + (⌈far⌉ - ⌈near⌉) / 2^s for near ≤ far, counted from low",
        Statement(
            assumptions=(arithmetic.in_order(low, near, far), arithmetic.short(shift)),
            goal=spanned(low, far, shift) == spanned(low, near, shift) + _between(shift, near, far),
        ),
        Steps(
            uses=(
                *(arithmetic.spanned_from_low(shift).at(far=each) for each in ends),
                *(arithmetic.round_up_from_low(shift).wherever(far=each) for each in ends),
                arithmetic.same_distance().wherever(near=borders[0], far=borders[1]),
                arithmetic.same_distance().wherever(low=part, near=from_border[0], far=from_border[1]),
                arithmetic.part_of_block(shift).wherever(),
            ),
            generalise=(
                *(spanned(low, each, shift) for each in ends),
                borders[1] - borders[0],
                *(each - low for each in (*borders, *ends)),
                *(each - part for each in from_border),
                part,
            ),
        ),
    )


def _tables_more(mode: PagingMode, low: Word, high: Word) -> tuple[Word, ...]:
    """How many tables more [S, high) takes than [S, low), by level, the root's first."""
    return tuple(
        _between(level.shift, low, high) if level.fixed is None else number(0)
        for level in reversed(mode.counted_levels)
    )


@cache
def tables_between(mode: PagingMode) -> Lemma:
    """A region that ends further up takes a table more for each block that begins in between."""
    levels = mode.counted_levels[::-1]
    rows = [
        tables_by_level(mode, v_start, far),
        tables_by_level(mode, v_start, near),
        _tables_more(mode, near, far),
    ]
    sums = [list(accumulate(each, add)) for each in rows]
    uses = [spanned_between(level.shift).wherever(low=v_start) for level in levels if level.fixed is None]
    uses += [
        arithmetic.sums_move().wherever(
            **{name: each[index - 1] for name, each in zip("eab", sums, strict=True)},
            **{name: each[index] for name, each in zip("fcd", rows, strict=True)},
        )
        for index in range(1, len(levels))
    ]
    return Lemma(
        f"tables-between[{mode.name}]",
        "near ≤ far ⇒ f(S, far) = f(S, near) + Σ (⌈far⌉ - ⌈near⌉) / 2^s, counted from S",
        Statement(
            assumptions=(
                arithmetic.in_order(v_start, near, far),
                Assumption(
                    "short",
                    far - v_start <= region.region_limit(mode),
                    "the region does not come full circle",
                ),
            ),
            goal=sums[0][-1] == sums[1][-1] + sums[2][-1],
        ),
        Steps(uses=tuple(uses), generalise=region.terms(*(each for row in rows for each in row))),
    )


def _more(mode: PagingMode, low: Word, high: Word) -> Word:
    """How many tables more, all levels together."""
    return reduce(add, _tables_more(mode, low, high))


def _point(step: int) -> Word:
    """Where the stack ends with so many frames more."""
    return word(f"e{step}")


def _below(mode: PagingMode, more: Ends, less: Ends, stack: Word) -> tuple[Assumption, ...]:
    """The assumption that a 32-bit guest's stack ends two roundings below 4 GiB or lower."""
    if mode.bits != 32:
        return ()
    limit = (1 << 32) - 2 * max(more.rounding, less.rounding)
    return (Assumption("below", (stack > 0) & (stack <= limit), f"the stack ends at {limit:#x} or lower"),)


def _is_enough(mode: PagingMode, more: Ends, less: Ends, step: int, before: Word, after: Word) -> Truth:
    """So many frames more, with which the stack ends ``after`` and not ``before``, are enough, and the region isn't too long."""
    low, high = _ended(less, before), _ended(more, after)
    fits = (high - low <= costliest(mode, more, less).bytes) & (_more(mode, low, high) <= step)
    return fits if step else fits | (low - high <= 2 * less.rounding)


@cache
def some_are_enough(mode: PagingMode, more: Ends, less: Ends) -> Lemma:
    """Wherever the stack ends, no frames more, or the most, are enough for the region that they make."""
    steps = costliest(mode, more, less).steps
    points = all_of(_point(step) == _point(0) + step * PAGE_SIZE for step in steps if step)
    return Lemma(
        f"some-are-enough[{mode.name},{more.slug},{less.slug}]",
        "for k = 0 or the most: V - v ≤ B, Σ (⌈V⌉ - ⌈v⌉) / 2^s ≤ k; or V ≤ v",
        Statement(
            assumptions=(
                Assumption("points", points, "the stack ends a page further up for each frame more"),
                *_below(mode, more, less, _point(0)),
            ),
            goal=reduce(or_, (_is_enough(mode, more, less, step, _point(0), _point(step)) for step in steps)),
        ),
    )


@cache
def frames_further(frames: int) -> Lemma:
    """E(m + k) = E(m) + 4096 k."""
    return Lemma(
        f"frames-further[{frames}]",
        f"E(m + {frames}) = E(m) + {frames} pages",
        Statement(goal=stack_end(vpt_start, m + frames) == stack_end(vpt_start, m) + frames * PAGE_SIZE),
    )


@cache
def further_up(limit: int) -> Lemma:
    """What lies within some bytes of an address comes no earlier, counted from low, and not much later."""
    low, most = arithmetic.low, arithmetic.most
    return Lemma(
        f"further-up[{limit:#x}]",
        "near - low ≤ limit, far - near ≤ W ⇒ near - low ≤ far - low ≤ near - low + W",
        Statement(
            assumptions=(
                Assumption("short", near - low <= limit, "near is within the limit"),
                Assumption("close", (far - near <= most) & (most < 1 << 48), "far - near ≤ W < 2^48"),
            ),
            goal=(near - low <= far - low) & (far - low <= (near - low) + most),
        ),
        Steps(
            uses=(arithmetic.same_distance().at(),),
            generalise=(near - low, far - low, far - near),
        ),
    )


def _room(mode: PagingMode, more: Ends, less: Ends) -> Assumption:
    """The assumption that neither region wraps: a 32-bit guest's lies in its address space."""
    most = costliest(mode, more, less).frames
    if mode.bits != 32:
        return Assumption(
            "room", region.half_room(m + most) & (m < 1 << 52), "the region is less than 2^63 - 2^50 long"
        )
    (below,) = _below(mode, more, less, stack_end(vpt_start, m))
    up = (v_start <= vpt_start) & (vpt_start < 1 << 32) & (m < 1 << 20)
    return Assumption("below", up & below.condition, f"S ≤ T, and {below.meaning}")


def statement(mode: PagingMode, more: Ends, less: Ends, goal: Truth, *assumptions: Assumption) -> Statement:
    """A statement on what the two searches, for the same S and T, find."""
    return Statement(
        assumptions=(_room(mode, more, less), *assumptions),
        runs=(run(mode, more, n), run(mode, less, m)),
        goal=goal,
    )


def longer(more: Ends, less: Ends) -> tuple[Word, Word]:
    """How long the one region is, and the other, in bytes."""
    return end(more, n) - v_start, end(less, m) - v_start


def _gap(ends: Ends, stack: Word) -> Word:
    """How far above the stack's end the region ends."""
    figures = {any_rounding.mask: number(ends.rounding - 1), any_rounding.padding: number(ends.padding)}
    return replaced(any_rounding.gap(near), {near: stack, **figures})


def _stack(step: int) -> Word:
    """E(m + k)."""
    return stack_end(vpt_start, m + step if step else m)


@cache
def less_ends(mode: PagingMode, more: Ends, less: Ends) -> Lemma:
    """What is known of the region of the one that costs less: its tables, where its stack ends, and it itself."""
    e = _stack(0)
    figures = {"mask": number(less.rounding - 1), "padding": number(less.padding)}
    exact = (
        (region.room_from_half(mode).wherever(n=m), search.exact(mode).wherever(n=m))
        if less == XENS
        else (any_rounding.exact(mode, FIRST_TRIED).wherever(n=m, **figures),)
    )
    uses = (
        *exact,
        any_rounding.count_grows(mode).wherever(n=m, **figures),
        any_rounding.stack_grows(PAGE_SHIFT).wherever(n=m),
        any_rounding.end_is_gap_above().wherever(low=v_start, near=e, **figures),
        any_rounding.end_grows(mode).wherever(near=e, far=e, **figures),
    )
    return Lemma(
        f"less-ends[{mode.name},{more.slug},{less.slug}]",
        "f(S, V(m)) = m, and E(m) and v come in order, counted from S",
        Statement(
            assumptions=(_room(mode, more, less),),
            runs=(run(mode, less, m),),
            goal=all_of(replaced(each.lemma.statement.goal, each.at) for each in uses),
        ),
        Steps(
            uses=uses,
            generalise=region.terms(
                needed(mode, less, m), *(each - v_start for each in (end(less, m), e)), _gap(less, e)
            ),
        ),
    )


@cache
def costs_by(mode: PagingMode, more: Ends, less: Ends, step: int) -> Lemma:
    """Where so many frames more are enough, the search finds no more, and the region is no longer than theirs."""
    most = costliest(mode, more, less)
    e, v, candidate, stack = _stack(0), end(less, m), m + step if step else m, _stack(step)
    high = _ended(more, stack)
    limit = any_rounding.LONGEST + 4 * max(more.rounding, less.rounding)
    theirs = {"mask": number(more.rounding - 1), "padding": number(more.padding)}
    least = (
        search.stops_least(mode).wherever(m=candidate, first=number(FIRST_TRIED))
        if more == XENS
        else any_rounding.stops_least(mode).wherever(m=candidate, **theirs)
    )
    return Lemma(
        f"costs-by[{mode.name},{more.slug},{less.slug},{step}]",
        f"{step} frames more are enough ⇒ n ≤ m + {step}, V(n) ≤ v + {most.bytes:#x}, counted from S",
        statement(
            mode,
            more,
            less,
            costs_at_most(mode, more, less),
            Assumption(
                "enough", _is_enough(mode, more, less, step, e, stack), f"{step} frames more are enough"
            ),
        ),
        Steps(
            uses=(
                less_ends(mode, more, less).wherever(),
                any_rounding.stack_grows(PAGE_SHIFT).wherever(n=candidate, m=candidate),
                any_rounding.end_grows(mode).wherever(near=stack, far=stack, **theirs),
                region.tables_grow(mode).wherever(near=high, far=v),
                any_rounding.end_is_gap_above().wherever(low=v_start, near=stack, **theirs),
                further_up(limit).wherever(low=v_start, near=v, far=high, most=number(most.bytes)),
                further_up(limit).wherever(low=v_start, near=high, far=v, most=number(2 * less.rounding)),
                tables_between(mode).wherever(near=v, far=high),
                least,
                any_rounding.stack_grows(PAGE_SHIFT).wherever(m=candidate),
                any_rounding.end_grows(mode).wherever(near=stack_end(vpt_start, n), far=stack, **theirs),
            ),
            generalise=region.terms(
                needed(mode, more, candidate),
                needed(mode, less, m),
                _more(mode, v, high),
                high - v,
                v - high,
                *(each - v_start for each in (high, v, end(more, n), stack, e, stack_end(vpt_start, n))),
                _gap(less, e),
                _gap(more, stack),
            ),
        ),
    )


@cache
def cost(mode: PagingMode, more: Ends, less: Ends) -> Lemma:
    """n ≤ m + A and V(n) ≤ v + B, counted from S."""
    most = costliest(mode, more, less)
    v, stacks = end(less, m), [_stack(step) for step in most.steps]
    highs = [_ended(more, each) for each in stacks]
    return Lemma(
        f"rounding-cost[{mode.name},{more.slug},{less.slug}]",
        f"n ≤ m + {most.frames}, V(n) ≤ v + {most.bytes:#x}, counted from S",
        statement(mode, more, less, costs_at_most(mode, more, less)),
        Steps(
            uses=(
                *(frames_further(step).at() for step in most.steps if step),
                some_are_enough(mode, more, less).at(
                    **{f"e{step}": stack for step, stack in zip(most.steps, stacks, strict=True)}
                ),
                *(costs_by(mode, more, less, step).wherever() for step in most.steps),
            ),
            generalise=region.terms(
                *(_more(mode, v, each) for each in highs), *highs, v, end(more, n), *stacks
            ),
        ),
    )


def costs_at_most(mode: PagingMode, more: Ends, less: Ends) -> Truth:
    """The one takes no more frames, and is no longer, than the costliest."""
    most = costliest(mode, more, less)
    one, other = longer(more, less)
    return (n <= m + most.frames) & (one <= other + most.bytes)


def judge(mode: PagingMode, more: Ends, less: Ends, holds: Callable[[int, int], bool]) -> replays.Judge:
    """Judges by ``holds(frames more, bytes more)`` what the machine's two searches find."""

    def judged(values: Values, layout: Layout) -> tuple[bool, str]:
        (frames, ends_at), (fewer, ends_before) = (
            searched(mode, each, values, layout) for each in (more, less)
        )
        replays.agreed("n", values["n"], frames)
        replays.agreed("m", values["m"], fewer)
        says = f"the region takes {frames - fewer} frames more and is {exactly(ends_at - ends_before)} longer"
        return holds(frames - fewer, ends_at - ends_before), says

    return replays.region_case(mode, judged, count=None)


def searched(
    mode: PagingMode, ends: Ends, values: Values, layout: Layout, first: int = FIRST_TRIED
) -> tuple[int, int]:
    """What the machine's search finds, and where the region then ends: not wrapped."""
    if (ends, first) == (XENS, FIRST_TRIED):
        return layout.nr_pt_pages, layout.v_start + layout.total.size
    before = (values["vpt_start"] - values["v_start"]) % ADDRESS_LIMIT
    tried = first
    while True:
        stack = values["v_start"] + before + (tried + 1) * PAGE_SIZE
        ends_at = region_end(stack, ends.rounding, ends.padding)
        if touched(mode, values["v_start"], ends_at) <= tried:
            return tried, ends_at
        tried += 1


def parts(mode: PagingMode, more: Ends, less: Ends, name: str) -> tuple[Part, ...]:
    """That the one costs no more than the costliest, and that this is reached, in frames and in bytes."""
    most = costliest(mode, more, less)
    reached = {
        f"{most.frames} more frames": (
            n == m + most.frames,
            most.frames_at,
            lambda frames, _: frames == most.frames,
        ),
        f"{most.bytes:#x} more bytes": (
            reduce(Word.__sub__, longer(more, less)) == most.bytes,
            most.bytes_at,
            lambda _, longer: longer == most.bytes,
        ),
    }
    bound = Part(
        name=f"at most, {name}",
        lemma=cost(mode, more, less),
        least=(v_start, vpt_start),
        shape=_at(mode, more, less, (0, 4 * PAGE_SIZE)),
        without={_room(mode, more, less).name: _without_room(mode, more, less)},
        replay=judge(mode, more, less, lambda frames, longer: frames <= most.frames and longer <= most.bytes),
    )
    return bound, *(
        Part(
            name=f"{title} are reached, {name}",
            reached=True,
            lemma=Lemma(
                f"reached: {title} [{mode.name},{more.slug},{less.slug}]",
                f"{title} for some region",
                statement(mode, more, less, goal),
            ),
            least=(v_start, vpt_start),
            shape=_at(mode, more, less, where),
            replay=judge(mode, more, less, holds),
        )
        for title, (goal, where, holds) in reached.items()
        if not title.startswith(("0 ", "0x0 "))
    )


def _at(mode: PagingMode, more: Ends, less: Ends, where: tuple[int, int]) -> Truth:
    """Where to look for a case: one region, with what the searches find."""
    start, tables_at = where
    (frames, _), (fewer, _) = (count(mode, *where, each.what_if) for each in (more, less))
    return (v_start == start) & (vpt_start == tables_at) & (n == frames) & (m == fewer)


def _without_room(mode: PagingMode, more: Ends, less: Ends) -> Truth:
    """Where to look for a costlier region, where none should be: above 4 GiB, or all around the address space."""
    most, widest = costliest(mode, more, less), max(more.rounding, less.rounding)
    start = (1 << 39) - widest if mode.bits == 32 else PAGE_SIZE
    low = start if mode.bits == 32 else ADDRESS_LIMIT - 2 * widest
    figures = more.what_if, less.what_if
    for tables_at in range(low + PAGE_SIZE, low + 2 * widest, PAGE_SIZE):
        (frames, ends_at), (fewer, ends_before) = (count(mode, start, tables_at, each) for each in figures)
        longest = ((ends_before - start) % ADDRESS_LIMIT + most.bytes) % ADDRESS_LIMIT
        if frames > fewer + most.frames or (ends_at - start) % ADDRESS_LIMIT > longest:
            return _at(mode, more, less, (start, tables_at))
    return TRUE
