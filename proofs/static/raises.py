"""Lemmas about counting without a search: how fast f∘V can grow, and when it has stopped growing.

Notation of DOMAIN.md section 1, and n_k for the static count after k raises (`encodings.static_count`).

The argument. Setting X more frames aside moves the region's end by ⌈4096 X⌉ to 4 MiB at most, so it needs at
most B(X) more tables, about X / 512. So the raises Δ_k = n_{k+1} - n_k fall by a factor of 512 each time.
Once one is as small as `settling_raise`, it crosses one 4 MiB line at most, the next raise is a handful of
tables, and these are too few to reach the next line: the one after that is 0.
"""

from collections.abc import Callable
from functools import cache, partial, reduce
from itertools import pairwise
from operator import add

from attrs import evolve, frozen

from ...encodings.dom0_count import FIRST_TRIED, tables, tables_by_level
from ...encodings.dom0_layout import PADDING, ROUNDING_SHIFT, stack_end
from ...encodings.spans import round_up
from ...encodings.static_count import raised
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, Level, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.words.word import Word, number, word
from ..shared import arithmetic, region, search
from ..shared.region import far, m, n, near, v_start, vpt_start

l = word("l")  # noqa: E741 - the third of n, m, l
MOST_RAISED = 1 << 48
"""The largest raise that is considered, in frames."""
frames = word("frames")


@frozen
class End:
    """How a region ends: with the stack and a ``padding``, rounded up to 2**shift bytes, the lines that it can cross."""

    shift: int = ROUNDING_SHIFT
    padding: int = PADDING

    def padded(self, nr_pt_pages: Word) -> Word:
        """The end of stack and padding, before it is rounded up."""
        return stack_end(vpt_start, nr_pt_pages) + self.padding

    def at(self, nr_pt_pages: Word) -> Word:
        """V(n)."""
        return round_up(self.padded(nr_pt_pages), self.shift)

    @property
    def line(self) -> int:
        """What it is rounded to, in bytes."""
        return 1 << self.shift

    @property
    def tag(self) -> str:
        """What tells its lemmas' names from those of Xen's; nothing for Xen's own."""
        return "" if self == End() else f"[{self.shift},{self.padding:#x}]"


@frozen(eq=False, kw_only=True)
class Counted:
    """A count that grows with what is set aside: f(S, V(n)) as code has it, ``needed``, where V(n) does as well as ``end``.

    Lemmas on n and m: the count is that of ``end`` (``as_padded``); both grow (``end_grows``, ``grows``) where there is
    ``room``. ``tag`` is for the names of the lemmas that rest on them.
    """

    mode: PagingMode
    tag: str
    end: End
    needed: Callable[[Word], Word]
    room: Callable[[Word], Assumption]
    as_padded: Lemma
    end_grows: Lemma
    grows: Lemma


@cache
def xens(mode: PagingMode) -> Counted:
    """Xen's own."""
    return Counted(
        mode=mode,
        tag=mode.name,
        end=End(),
        needed=partial(search.needed, mode),
        room=partial(region.room, mode),
        as_padded=region.count_as_padded(mode),
        end_grows=region.v_end_grows(mode),
        grows=region.count_grows(mode),
    )


def end_moved(end: End, raised_by: Word) -> Word:
    """How far the region's end moves at most, in bytes, when so many frames more are set aside."""
    return round_up(raised_by * PAGE_SIZE, end.shift)


def level_raise(level: Level, moved: Word) -> Word:
    """How many more tables a level takes at most when the region's end moves so many bytes."""
    return number(0) if level.fixed is not None else arithmetic.blocks_in(level.shift, moved)


def raise_of(mode: PagingMode, raised_by: Word, end: End) -> Word:
    """B(X): how many more tables X more frames can need at most."""
    return reduce(add, (level_raise(level, end_moved(end, raised_by)) for level in mode.counted_levels[::-1]))


def most_raise(mode: PagingMode, raised_by: int, end: End) -> int:
    """`raise_of`, of a number."""
    return int(raise_of(mode, number(raised_by), end))


def settling_raise(mode: PagingMode, end: End) -> int:
    """The largest raise after which there can be one more at most: both stay within one line."""
    return end.line // PAGE_SIZE - most_raise(mode, 1, end)


def _raised_by() -> Assumption:
    """From n to m the count is raised by X at most."""
    return Assumption("close", (m - n <= frames) & (frames <= MOST_RAISED), "m ≤ n + X, X ≤ 2^48")


@cache
def v_end_moves(end: End) -> Lemma:
    """n ≤ m ≤ n + X gives V(m) ≤ V(n) + ⌈4096 X⌉ to a line."""
    ends = end.at(n), end.at(m)
    moved = end.padded(m) - end.padded(n)
    return Lemma(
        f"v-end-moves{end.tag}",
        f"n ≤ m ≤ n + X ⇒ V(m) - V(n) ≤ ⌈4096 X⌉ to {end.line >> 20} MiB",
        Statement(
            assumptions=(Assumption("in-order", n <= m, "n ≤ m"), _raised_by()),
            goal=ends[1] - ends[0] <= end_moved(end, frames),
        ),
        Steps(
            uses=(
                stack_moves(end).wherever(),
                arithmetic.round_up_moves(end.shift).wherever(
                    near=end.padded(n), far=end.padded(m), most=frames * PAGE_SIZE
                ),
            ),
            generalise=(*ends, moved, m - n),
        ),
    )


@cache
def stack_moves(end: End) -> Lemma:
    """E(m) - E(n) = 4096 (m - n)."""
    ends, above = [vpt_start + each * PAGE_SIZE for each in (n, m)], number(PAGE_SIZE + end.padding)
    return Lemma(
        f"stack-moves{end.tag}",
        "E(m) - E(n) = 4096 (m - n)",
        Statement(goal=end.padded(m) - end.padded(n) == (m - n) * PAGE_SIZE),
        Steps(
            uses=(
                *(
                    arithmetic.associative().at(a=each, b=number(PAGE_SIZE), c=number(end.padding))
                    for each in ends
                ),
                arithmetic.last_taken_off().at(a=ends[1], b=ends[0], c=above),
                arithmetic.common_taken_off().at(a=vpt_start, b=m * PAGE_SIZE, c=n * PAGE_SIZE),
            ),
            generalise=(
                *map(end.padded, (m, n)),
                *(each + above for each in ends),
                ends[1] - ends[0],
                *ends,
            ),
        ),
    )


@cache
def tables_move(mode: PagingMode) -> Lemma:
    """near ≤ far ≤ near + W gives f(S, far) ≤ f(S, near) + a raise: level by level."""
    levels = [level for level in mode.counted_levels if level.fixed is None]
    raises = tuple(level_raise(level, arithmetic.most) for level in mode.counted_levels[::-1])
    per_level = [arithmetic.spanned_moves(level.shift).wherever(low=v_start) for level in levels]
    return region.summed(
        mode,
        name=f"tables-move[{mode.name}]",
        meaning="near ≤ far ≤ near + W ⇒ f(S, far) ≤ f(S, near) + Σ ⌈W / 2^s⌉",
        assumptions=(arithmetic.moved_by(far - near),),
        here=near,
        there=far,
        raises=raises,
        per_level=[arithmetic.same_distance().at(low=v_start), *per_level],
    )


@cache
def count_moves(of: Counted) -> Lemma:
    """n ≤ m ≤ n + X gives f(S, V(n)) ≤ f(S, V(m)), and no more than B(X) above it, whatever X."""
    ends = of.end.at(n), of.end.at(m)
    counts = tuple(of.needed(each) for each in (n, m))
    padded = tuple(tables(of.mode, v_start, end) for end in ends)
    most = raise_of(of.mode, frames, of.end)
    return Lemma(
        f"count-moves[{of.tag}]",
        "n ≤ m ≤ n + X ⇒ f(S, V(n)) ≤ f(S, V(m)), f(S, V(m)) - f(S, V(n)) ≤ B(X)",
        Statement(
            assumptions=(Assumption("in-order", n <= m, "n ≤ m"), _raised_by(), of.room(m)),
            goal=(counts[0] <= counts[1]) & (counts[1] - counts[0] <= most),
        ),
        Steps(
            uses=(
                of.grows.at(),
                of.end_grows.wherever(),
                v_end_moves(of.end).wherever(),
                tables_move(of.mode).wherever(near=ends[0], far=ends[1], most=end_moved(of.end, frames)),
                of.as_padded.wherever(),
                of.as_padded.wherever(n=m),
                arithmetic.less_in_order().wherever(a=counts[1], b=counts[0] + most, c=counts[0]),
                arithmetic.added_taken_off().at(a=counts[0], b=most),
            ),
            generalise=((counts[0] + most) - counts[0], counts[0] + most, most, *counts, *padded, *ends),
        ),
    )


@cache
def stays_rounded(shift: int) -> Lemma:
    """Within a rounding, going up, what is rounded up changes once at most."""
    a, b, c = arithmetic.a, arithmetic.b, arithmetic.c
    ends = [round_up(each, shift) for each in (a, b, c)]
    return Lemma(
        f"stays-rounded[{shift}]",
        f"a ≤ b ≤ c ≤ a + 2^{shift}, ⌈a⌉ ≠ ⌈b⌉ ⇒ ⌈b⌉ = ⌈c⌉",
        Statement(
            assumptions=(
                Assumption("close", (b - a <= c - a) & (c - a <= 1 << shift), f"a ≤ b ≤ c ≤ a + 2^{shift}"),
                Assumption("moved", ends[0] != ends[1], "it changes between a and b"),
            ),
            goal=ends[1] == ends[2],
        ),
    )


@cache
def v_end_stays(end: End) -> Lemma:
    """A region's end that has just moved does not move again within the frames of a line."""
    ends = [end.at(each) for each in (n, m, l)]
    padded = [end.padded(each) for each in (n, m, l)]
    moved = [each - padded[0] for each in padded[1:]]
    most = end.line // PAGE_SIZE
    return Lemma(
        f"v-end-stays{end.tag}",
        f"n ≤ m ≤ l ≤ n + {most}, V(n) ≠ V(m) ⇒ V(m) = V(l)",
        Statement(
            assumptions=(
                Assumption("in-order", (n <= m) & (m <= l), "n ≤ m ≤ l"),
                Assumption("close", l - n <= most, f"l ≤ n + {most}"),
                Assumption("moved", ends[0] != ends[1], "the end moves between n and m"),
            ),
            goal=ends[1] == ends[2],
        ),
        Steps(
            uses=(
                *(stack_moves(end).at(m=each) for each in (m, l)),
                arithmetic.less_in_order().at(a=m, b=l, c=n),
                stays_rounded(end.shift).wherever(**dict(zip("abc", padded, strict=True))),
            ),
            generalise=(*ends, *moved, m - n, l - n),
        ),
    )


@cache
def same_end(end: End) -> Lemma:
    """Equal counts end the region at the same place."""
    return arithmetic.same(f"same-end{end.tag}", "n = m ⇒ V(n) = V(m)", end.at, n, m)


@cache
def settles(of: Counted) -> Lemma:
    """Once a raise is small, f(S, V) of the next count but one is that count: m = f(S, V(n)) is close to n."""
    mode = of.mode
    counts = {each: of.needed(each) for each in (n, m, l)}
    ends = {each: of.end.at(each) for each in (n, m, l)}
    padded = {each: tables(mode, v_start, end) for each, end in ends.items()}
    small = settling_raise(mode, of.end)
    return Lemma(
        f"settles[{of.tag}]",
        f"n ≤ m = f(S, V(n)) ≤ n + {small}, l = f(S, V(m)) ⇒ f(S, V(l)) = l",
        Statement(
            assumptions=(
                Assumption("close", (n <= m) & (m - n <= small), f"n ≤ m ≤ n + {small}"),
                Assumption("raised", (counts[n] == m) & (counts[m] == l), "m = f(S, V(n)), l = f(S, V(m))"),
                of.room(l),
                of.room(m),
            ),
            goal=counts[l] == l,
        ),
        Steps(
            uses=(
                count_moves(of).at(frames=number(small)),
                *(of.as_padded.at(n=each) for each in (n, m, l)),
                v_end_stays(of.end).wherever(),
                same_end(of.end).wherever(n=m, m=l),
                region.same_tables(mode).wherever(near=ends[n], far=ends[m]),
                region.same_tables(mode).wherever(near=ends[m], far=ends[l]),
            ),
            generalise=(*counts.values(), *padded.values(), *ends.values()),
        ),
    )


def _first_length(before: int, start: int, end: End) -> int:
    """How far above S the region made for ``start`` frames ends at most, in bytes."""
    return before + start * PAGE_SIZE + PAGE_SIZE + end.padding + end.line


def first_bound(mode: PagingMode, before: int, start: int, end: End) -> int:
    """What bounds f(S, V(start)) when the tables start at most ``before`` bytes above S."""
    return sum(
        (_first_length(before, start, end) >> level.shift) + 2 if level.fixed is None else level.fixed
        for level in mode.counted_levels
    )


@cache
def first_bounded(of: Counted, before: int, start: int = 0) -> Lemma:
    """T - S ≤ L gives f(S, V(start)) ≤ about L / 2 MiB, for a few frames to start from."""
    mode = of.mode
    end = of.end.at(number(start))
    most = _first_length(before, start, of.end)
    spans = tables_by_level(mode, v_start, end)
    count = of.needed(number(start))
    bound = first_bound(mode, before, start, of.end)
    return Lemma(
        f"first-bounded[{of.tag},{before:#x}{_from(start)}]",
        f"T - S ≤ {before:#x} ⇒ f(S, V({start})) ≤ {bound}",
        Statement(
            assumptions=(within(before),),
            goal=count <= bound,
        ),
        Steps(
            uses=(
                of.as_padded.at(n=number(start)),
                end_within(of.end, before, start).at(),
                *(
                    arithmetic.spanned_at_most(level.shift).wherever(low=v_start, far=end, most=number(most))
                    for level in mode.counted_levels
                    if level.fixed is None
                ),
            ),
            generalise=region.terms(count, *spans, end),
        ),
    )


def within(before: int) -> Assumption:
    """The assumption that the tables start no further above S than ``before`` bytes."""
    return Assumption("within", vpt_start - v_start <= before, f"vpt_start - v_start ≤ {before:#x}")


@cache
def end_within(end: End, before: int, start: int = 0) -> Lemma:
    """T - S ≤ L gives V(start) - S ≤ L, stack, padding and a line, and a page for each frame of the start."""
    most = _first_length(before, start, end)
    return Lemma(
        f"end-within{end.tag}[{before:#x}{_from(start)}]",
        f"T - S ≤ {before:#x} ⇒ V({start}) - S ≤ {most:#x}",
        Statement(assumptions=(within(before),), goal=end.at(number(start)) - v_start <= most),
    )


@cache
def room_within(mode: PagingMode, before: int, most: int) -> Lemma:
    """T - S ≤ L leaves room for so many frames of tables."""
    return Lemma(
        f"room-within[{mode.name},{before:#x},{most:#x}]",
        f"T - S ≤ {before:#x} ⇒ room for {most:#x} frames",
        Statement(assumptions=(within(before),), goal=region.has_room(mode, number(most))),
    )


def _from(start: int) -> str:
    """What tells a lemma's name for another start from that for 0."""
    return f",from {start}" if start else ""


def chain(mode: PagingMode, first: int, end: End | None = None) -> list[int]:
    """Bounds of n_0, Δ_0, Δ_1, ... down to the first that settles, from a bound of n_0. Empty where none does."""
    end = end or End()
    bounds = [first]
    while bounds[-1] > settling_raise(mode, end):
        bounds.append(most_raise(mode, bounds[-1], end))
        if bounds[-1] >= bounds[-2]:
            return []
    return bounds


def raises_enough(mode: PagingMode, before: int | None = None, start: int = 0) -> int:
    """How many raises `static_is_exact` speaks of."""
    first = region.most_tables(mode) if before is None else first_bound(mode, before, start, End())
    return len(chain(mode, first))


@cache
def static_is_exact(mode: PagingMode, before: int | None = None, start: int = 0) -> Lemma:
    """The static count, after as many raises as `chain` has bounds, is the n that the search stops at.

    With ``before``, for tables that start no further than that above S; else for all. ``start`` is the count that it
    starts from, no more than the least possible.
    """
    if before is None:
        bounds = chain(mode, region.most_tables(mode))
        bounded = [region.count_bounded(mode).at(n=number(start))]
    else:
        bounds = chain(mode, first_bound(mode, before, start, End()))
        bounded = [
            first_bounded(xens(mode), before, start).at(),
            room_within(mode, before, 2 * sum(bounds)).at(),
        ]
    counts = (raised(mode, v_start, vpt_start, raises, start) for raises in range(len(bounds) + 1))
    steps = [number(start), *counts]
    # n_0 ≤ n_1 ≤ ..., each raise within its bound, the last but one small: so the last count is a fixed point.
    rising = [
        count_moves(xens(mode)).at(n=low, m=high, frames=number(bound))
        for (low, high), bound in zip(pairwise(steps), bounds, strict=False)
    ]
    # The search stops no higher than this fixed point, and each n_k is no higher than what it stops at.
    below = [region.count_grows(mode).at(n=step, m=n) for step in steps[:-1]]
    exact, least = search.exact(mode).at(), [region.count_at_least(mode).at()] if start else []
    if before is None:
        one_by_one = [use for pair in zip(below, [*rising, None], strict=True) for use in pair if use]
        taken = [exact, *one_by_one]
    else:
        # Of a few raises, the conditions are left to the solver, all at once.
        taken = [evolve(each, implied=True) for each in (*rising, exact, *least, *below)]
    uses = (
        *bounded,
        region.count_at_least(mode).at(n=number(start)),
        *taken,
        settles(xens(mode)).at(n=steps[-3], m=steps[-2], l=steps[-1]),
        search.stops_least(mode).at(m=steps[-1], first=number(FIRST_TRIED)),
    )
    last = steps[-1]
    return Lemma(
        f"static-is-exact[{mode.name}" + (f",{before:#x}" if before is not None else "") + f"{_from(start)}]",
        f"the search stops at n ⇒ n = n_{len(bounds)}, the static count after {len(bounds)} raises from {start}",
        Statement(
            assumptions=(region.room(mode, n) if before is None else within(before),),
            runs=(search.found(mode),),
            goal=last == n,
        ),
        Steps(
            uses=uses,
            generalise=(
                search.needed(mode, last),
                search.needed(mode, n),
                *steps[:0:-1],
                number(region.tables_limit(mode)) - (vpt_start - v_start) >> PAGE_SHIFT,
                vpt_start - v_start,
            ),
        ),
    )
