"""The family *History*: what older generations of the count did with the frames that they set aside.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages; f is today's count for the
same width. The versions are those of `encodings.history`.
"""

from functools import cache
from typing import Final

from attrs import evolve

from ..encodings import history
from ..encodings.dom0_count import FIRST_TRIED
from ..encodings.dom0_layout import v_end
from ..encodings.spans import spanned
from ..formal.arrange import PADDING, ROUNDING
from ..formal.claim import Claim, Expected, Part, claim
from ..formal.layout import ADDRESS_LIMIT, Layout, Segment
from ..formal.machine import TooLarge, replay, with_frames
from ..formal.paging import COMPAT, PAGE_SIZE, X86_64
from ..formal.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ..formal.verdict import Replay
from ..formal.words import Word, number, word
from . import loop, region, replays
from .count import on_pages, ordinary
from .region import n, v_start, vpt_start
from .replays import Values

FAMILY = "History"
SENTENCE_FIRST = "The search for nr_pt_pages stops, in the first version of it for 64-bit kernels too."
SENTENCE_COUNTED = "The count of a 32-bit dom0's page tables was exact in Xen 3.1 to 4.2.0, too."
LINUX: Final = ADDRESS_LIMIT - (2 << 30)
"""Where 64-bit Linux kernels start: 2 GiB below the end of the address space."""
END: Final = word("end")
LAST: Final = ADDRESS_LIMIT - (1 << 39)
"""Where the last 512 GiB begin."""
STEPS: Final = ADDRESS_LIMIT - (1 << 44)
"""So many steps the first search takes at least, for a kernel at `LINUX`."""
TRIED: Final = 10_000
"""How many steps of it are really taken."""

FIRST_4_LEVEL = next(each for each in history.VERSIONS if each.needed is history.first_four_level)
L4_COUNTED = next(each for each in history.VERSIONS if each.needed is history.compat_l4_counted)


@cache
def asks_for_all() -> Lemma:
    """For a kernel at -2 GiB the first rule never gives less than 2^64 - 2^44, wherever the region ends."""
    return Lemma(
        "first-rule-asks-for-all",
        "S = -2 GiB ⇒ first rule(S, V) ≥ 2^64 - 2^44, for every V",
        Statement(goal=history.first_four_level(number(LINUX), END) >= STEPS),
    )


@cache
def first_span(shift: int) -> Lemma:
    """The first rule's span of a level is today's, where the end has a block left above it."""
    mask = (1 << shift) - 1
    return Lemma(
        f"first-span[{shift}]",
        f"S ≤ V ≤ 2^64 - 2^39 ⇒ ((V + {mask:#x}) >> {shift}) - (S >> {shift}) = N(S, V)",
        Statement(
            assumptions=(_in_order(), _below_last(END)),
            goal=((END + mask) >> shift) - (v_start >> shift) == spanned(v_start, END, shift),
        ),
    )


@cache
def first_is_todays() -> Lemma:
    """The first rule is today's where the region ends below the last 512 GiB of the address space."""
    shifts = region.spanned_shifts(X86_64)
    ends = [((END + ((1 << shift) - 1)) >> shift) - (v_start >> shift) for shift in shifts]
    spans = [spanned(v_start, END, shift) for shift in shifts]
    return Lemma(
        "first-rule-is-todays",
        "S ≤ V ≤ 2^64 - 2^39 ⇒ first rule(S, V) = f(S, V)",
        Statement(
            assumptions=(_in_order(), _below_last(END)),
            goal=history.first_four_level(v_start, END) == history.four_level(v_start, END),
        ),
        Steps(uses=tuple(first_span(shift).at() for shift in shifts), generalise=(*ends, *spans)),
    )


def _in_order() -> Assumption:
    return Assumption("in-order", v_start <= END, "S ≤ V")


def _below_last(end: Word) -> Assumption:
    return Assumption("below", end <= LAST, "V ≤ 2^64 - 2^39: the region ends before the last 512 GiB")


@claim(
    family=FAMILY,
    sentence=SENTENCE_FIRST,
    source="follows: the source tree of 2005-02-04, for 39 minutes",
    cure="round the end up before it is shifted, as since, or take no region that ends in the last 512 GiB",
)
def first_4level_terminates() -> tuple[Part, ...]:
    """S = -2 GiB, any T: some n < 2^64 - 2^44 has first rule(S, V(n)) ≤ n, so that the search stops there. Refuted.

    It goes on until n itself is about to wrap, after 2^64 - 2^44 steps at least: at a step a nanosecond, for five
    centuries. Where the region ends below the last 512 GiB the first rule is today's, and the search stops.
    """
    needed = history.needed_for(FIRST_4_LEVEL, number(LINUX), vpt_start, n)
    rounded = (v_start | END) & (ROUNDING - 1) == 0
    return (
        Part(
            name="a kernel at -2 GiB",
            reached=True,
            expected=Expected.REFUTED,
            lemma=Lemma(
                "first-search-stops",
                "S = -2 GiB: the search stops at some n with 2 ≤ n < 2^64 - 2^44",
                Statement(
                    assumptions=(
                        Assumption(
                            "in-time",
                            (n >= FIRST_TRIED) & (n < STEPS),
                            "n is tried within 2^64 - 2^44 steps",
                        ),
                    ),
                    goal=needed <= n,
                ),
                Steps(uses=(asks_for_all().at(end=v_end(vpt_start, n)),), generalise=(needed,)),
            ),
            least=(vpt_start, n),
            shape=(vpt_start >= LINUX + (16 << 20)) & (vpt_start & (PAGE_SIZE - 1) == 0) & (n < 64),
            replay=_first_search,
        ),
        Part(
            name="any region that ends below the last 512 GiB: the rule is today's",
            lemma=first_is_todays(),
            least=(v_start, END),
            shape=rounded & (v_start < END),
            without={"below": rounded & (v_start == LINUX) & (END > LINUX), "in-order": rounded},
            replay=replays.arithmetic_case(_first_and_todays),
        ),
    )


@cache
def counted_exactly() -> Lemma:
    """The search that counts an L4 stops at n with 1 + f(S, V(n)) = n: n ≤ 1 + f(S, V(n)) until then."""
    needed = loop.needed(COMPAT, n)
    bounded = region.count_bounded(COMPAT)
    return Lemma(
        "stops-exactly[compat, L4 counted]",
        "the search stops at n ⇒ 1 + f(S, V(n)) = n",
        Statement(
            assumptions=(region.room(COMPAT, n),),
            runs=(_found(),),
            goal=1 + needed == n,
        ),
        Induction(
            invariant=~region.has_room(COMPAT, n) | (n <= 1 + needed),
            base=Steps(
                uses=(
                    region.count_at_least(COMPAT).wherever(n=number(FIRST_TRIED)),
                    bounded.at(n=number(FIRST_TRIED)),
                ),
                generalise=(loop.needed(COMPAT, number(FIRST_TRIED)),),
            ),
            step=Steps(
                uses=(region.count_grows(COMPAT).wherever(m=n + 1), bounded.at(), bounded.at(n=n + 1)),
                generalise=(needed, loop.needed(COMPAT, n + 1)),
            ),
            end=Steps(uses=(bounded.at(),), generalise=(needed,)),
        ),
    )


def _found() -> Run:
    return Run(history.search(L4_COUNTED), (v_start, vpt_start, number(FIRST_TRIED)), (n,))


@claim(
    family=FAMILY,
    sentence=SENTENCE_COUNTED,
    source="follows: Xen 3.1 to 4.1.6.1 and 4.2.0",
    cure="leave out the L4, which is the monitor table and comes from Xen's own heap, as since 4.2.1",
)
def compat_l4_counted_exact() -> tuple[Part, ...]:
    """For all S, T with room: the builder of that Xen takes n frames. Refuted: it takes n - 1, always."""
    took = L4_COUNTED.consumed(v_start, v_end(vpt_start, n))
    small = ordinary() & (v_start == 0) & (vpt_start < 1 << 30) & (n == 1 + loop.needed(COMPAT, n))
    full_circle = (n == region.fixed_tables(COMPAT) + 2) & (loop.needed(COMPAT, n) + 1 < n) & on_pages()
    statement = Statement(assumptions=(region.room(COMPAT, n),), runs=(_found(),), goal=took == n)
    return (
        Part(
            name="as many as are set aside",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "exact[compat, L4 counted]", "the search stops at n ⇒ the builder takes n frames", statement
            ),
            least=(v_start, vpt_start),
            shape=small,
            replay=_old_compat(0),
        ),
        Part(
            name="one less than are set aside, always",
            lemma=Lemma(
                "one-too-many[compat, L4 counted]",
                "the search stops at n ⇒ the builder takes n - 1 frames",
                evolve(statement, goal=took + 1 == n),
                Steps(uses=(counted_exactly().at(),), generalise=(loop.needed(COMPAT, n),)),
            ),
            least=(v_start, vpt_start),
            shape=small,
            without={"room": full_circle},
            replay=_old_compat(1),
        ),
    )


CLAIMS: tuple[Claim, ...] = (first_4level_terminates, compat_l4_counted_exact)


def _blocks(start: int, end: int, shift: int) -> int:
    """The first rule's blocks of a level, in the 64-bit arithmetic of the processor."""
    return (((end + (1 << shift) - 1) % ADDRESS_LIMIT) >> shift) - (start >> shift)


def _first_rule(start: int, end: int) -> int:
    levels = [level.shift for level in X86_64.levels if level.fixed is None]
    return (1 + sum(_blocks(start, end, shift) for shift in levels)) % ADDRESS_LIMIT


def _ends(vpt_start: int, count: int) -> int:
    stack_end = vpt_start + (count + 1) * PAGE_SIZE
    end = stack_end + -stack_end % ROUNDING
    return (end if end - stack_end >= PADDING else end + ROUNDING) % ADDRESS_LIMIT


def _first_search(values: Values) -> Replay:
    """Take the first steps of the search on plain integers."""
    vpt_start, count = values["vpt_start"], values["n"]
    for tried in range(FIRST_TRIED, TRIED):
        if _first_rule(LINUX, _ends(vpt_start, tried)) <= tried:
            return Replay(holds=True, says=f"the first search stops at {tried}")
    asked = _first_rule(LINUX, _ends(vpt_start, count))
    layout = replays.arranged(X86_64, LINUX, vpt_start)
    return Replay(
        asked <= count,
        f"with {count} frames set aside the first rule asks for {asked:#x}; no count up to {TRIED} is enough for it",
        () if layout is None else replays.seen(layout, "the layout by today's rule"),
    )


def _first_and_todays(values: Values) -> tuple[bool, str]:
    start, end = values["v_start"], values["end"]
    first = _first_rule(start, end)
    levels = [level.shift for level in X86_64.levels if level.fixed is None]
    walked = 1 + sum((-(-end >> shift) - (start >> shift)) for shift in levels)
    return first == walked, f"the first rule asks for {first:#x}, a walk touches {walked}"


def _old_compat(less: int) -> replays.Judge:
    """Judges the layout that the old search makes: whether the builder takes so many fewer than are set aside."""

    def judge(values: Values) -> Replay:
        count = values["n"]
        found = replays.arranged(COMPAT, values["v_start"], values["vpt_start"]) if count < 1 << 20 else None
        if found is None:
            return Replay(None, replays.TOO_LARGE)
        end = replays.end_of(values, count) % ADDRESS_LIMIT
        layout: Layout = evolve(with_frames(found, count), total=Segment(found.v_start, end))
        try:
            report = replay(layout)
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        return Replay(
            report.consumed == count - less,
            f"{count} frames are set aside and {report.consumed} taken; left over: {list(report.unused)}",
            (("the layout of Xen 3.1 to 4.2.0", layout, report),),
        )

    return judge
