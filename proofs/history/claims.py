"""The family *History*: what older generations of the count did with the frames that they set aside.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages; f is today's count for the
same width. The versions are those of `encodings.history`.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from attrs import evolve

from ...encodings import history
from ...encodings.dom0_count import FIRST_TRIED
from ...encodings.dom0_layout import padded_end, v_end
from ...encodings.spans import spanned
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.layouts.paging import COMPAT, I386_PAE, PAGE_SIZE, TWO_LEVEL, X86_64, PagingMode
from ...formal.layouts.xen_version import xen_version
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import PADDING, ROUNDING, TooLarge, arrange, touched
from ...formal.machine.replay import replay
from ...formal.words.word import Word, number
from ..builder.frames_taken import above_4_gib, below_4_gib, consumed, full_circle, looking_at_nothing, takes
from ..builder.mapped_pages import built
from ..count.claims import on_pages, ordinary
from ..shared import arithmetic, region, replays, search
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values
from .older_counts import END, counted_exactly, first_half, found, rounded_start, same_blocks, short_of_all

FAMILY = "History"
SENTENCE_FIRST = "The search for nr_pt_pages stops, in the first version of it for 64-bit kernels too."
SENTENCE_LENGTH = "The count of an i386 Xen was exact, though it counts the length of the region."
SENTENCE_COUNTED = "The count of a 32-bit dom0's page tables was exact in Xen 3.1 to 4.2.0, too."
LINUX: Final = ADDRESS_LIMIT - (2 << 30)
"""Where 64-bit Linux kernels start: 2 GiB below the end of the address space."""
LAST: Final = ADDRESS_LIMIT - (1 << 39)
"""Where the last 512 GiB begin."""
STEPS: Final = ADDRESS_LIMIT - (1 << 44)
"""So many steps the first search takes at least, for a kernel at `LINUX`."""
LONGEST_SHOWN: Final = 1 << 30
"""A longer region isn't built, since it would only be shown."""
TRIED: Final = 10_000
"""How many steps of it are really taken."""

FIRST_4_LEVEL = next(each for each in history.VERSIONS if each.needed is history.first_four_level)
L4_COUNTED = next(each for each in history.VERSIONS if each.needed is history.compat_l4_counted)
I386 = next(each for each in history.VERSIONS if each.needed is history.i386_pae)
WITHOUT_PAE = next(each for each in history.VERSIONS if each.needed is history.two_level)


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
    rules = history.first_four_level(v_start, END), history.four_level(v_start, END)
    fixed, (l3, l2, l1) = number(1), spans
    turned = ((fixed + l1) + l2) + l3
    added = arithmetic.added_alike(rules[0], turned)
    return Lemma(
        "first-rule-is-todays",
        "S ≤ V ≤ 2^64 - 2^39 ⇒ first rule(S, V) = f(S, V)",
        Statement(
            assumptions=(_in_order(), _below_last(END)),
            goal=rules[0] == rules[1],
        ),
        Steps(
            uses=(
                *(first_span(shift).at() for shift in shifts),
                *added.uses,
                arithmetic.turned_round().at(a=fixed, b=l1, c=l2, d=l3),
            ),
            generalise=(rules[1], *added.generalise, *ends, *spans),
        ),
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

    It continues until n itself is about to wrap, after at least 2^64 - 2^44 steps: five centuries at a step a
    nanosecond. If the region ends below the last 512 GiB, the first rule is today's, and the search stops.
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
            without={
                "below": rounded & (v_start == LINUX) & (END > LINUX),
                "in-order": (v_start == 0x30000000) & (END == 0),
            },
            replay=replays.arithmetic_case(_first_and_todays),
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE_COUNTED,
    source="follows: Xen 3.1 to 4.1.6.1 and 4.2.0",
    cure="leave out the L4, which is the monitor table and comes from Xen's own heap, as since 4.2.1",
)
def compat_l4_counted_exact() -> tuple[Part, ...]:
    """For all S, T with room, S < V(n) ≤ 4 GiB: today's loop takes the n frames of those Xens. Refuted: n - 1, always.

    The n is what their search finds. The mapping loop is today's, which takes no L4 from the region. The frame
    machine, which builds as they did, finds that theirs took as many; that isn't proved.
    """
    took = consumed(COMPAT)
    exactly = counted_exactly(L4_COUNTED, COMPAT, 1)
    small = (
        ordinary()
        & (v_start == 0)
        & (vpt_start < 1 << 30)
        & (n == 1 + search.needed(COMPAT, n))
        & looking_at_nothing()
    )
    statement = Statement(
        assumptions=(region.room(COMPAT, n), below_4_gib()),
        runs=(found(L4_COUNTED), built(COMPAT)),
        goal=took == n,
    )
    return (
        Part(
            name="as many as are set aside",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "exact[compat, L4 counted]", "the search stops at n ⇒ the builder takes n frames", statement
            ),
            least=(v_start, vpt_start),
            shape=small,
            replay=_built("compat-l4-counted", 0),
        ),
        Part(
            name="one less than are set aside, always",
            lemma=Lemma(
                "one-too-many[compat, L4 counted]",
                "the search stops at n ⇒ the builder takes n - 1 frames",
                evolve(statement, goal=took + 1 == n),
                Steps(
                    uses=(exactly.at(), takes(COMPAT).at()),
                    generalise=(took, search.needed(COMPAT, n), padded_end(vpt_start, n)),
                ),
            ),
            least=(v_start, vpt_start),
            shape=small,
            without={
                "room": full_circle() & looking_at_nothing(),
                "below": above_4_gib() & looking_at_nothing(),
            },
            replay=_built("compat-l4-counted", 1),
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE_LENGTH,
    source="follows: i386 Xen with PAE, 3.0 to 4.2, and without, 1.x to 3.2",
)
def i386_exact() -> tuple[Part, ...]:
    """For all S, T with room: the tables that i386 Xen needs, by formula, are its n, with PAE and without.

    The proof includes no loop of theirs; the frame machine finds that their builders take as many. They count the
    region's length, not what it touches. The region ends at a multiple of 4 MiB, so that is the same: it needs the
    fixed tables and the L1 that it touches.
    """
    return tuple(
        Part(
            name=mode.title,
            lemma=Lemma(
                f"exact[older, {version.name}]",
                "the search stops at n ⇒ the tables that the region needs are n",
                Statement(
                    assumptions=(region.room(mode, n),),
                    runs=(found(version),),
                    goal=version.consumed(v_start, v_end(vpt_start, n)) == n,
                ),
                Steps(uses=(counted_exactly(version, mode, 0).at(),), generalise=_spans(mode)),
            ),
            least=(v_start, vpt_start),
            shape=ordinary() & (vpt_start < 1 << 30) & (v_start == 0x1FF000) & (n == search.needed(mode, n)),
            without={
                "room": (n == region.fixed_tables(mode) + 1) & (search.needed(mode, n) < n) & on_pages()
            },
            replay=_built(name, 0),
        )
        for name, version, mode in (
            ("i386-pae", I386, I386_PAE),
            ("2-level", WITHOUT_PAE, TWO_LEVEL),
        )
    )


def _spans(mode: PagingMode) -> tuple[Word, ...]:
    """N(S, V(n)) of the levels that have as many tables as the region touches."""
    return tuple(spanned(v_start, v_end(vpt_start, n), shift) for shift in region.spanned_shifts(mode))


@claim(
    family=FAMILY,
    sentence="Rounding v_start down to 4 MiB, as Xen 3.0 did, changes no count.",
    source="follows: Xen 3.0, which aligned the load address to 4 MiB",
    cure="a v_start in the first half of its 4 MiB, as every superpage-aligned one is",
)
def rounded_start_same_count() -> tuple[Part, ...]:
    """For all S, V: f(⌊S⌋, V) = f(S, V), ⌊S⌋ being S rounded down to 4 MiB. Refuted; it is one L1 more at most.

    If S lies in the first 2 MiB of its 4 MiB, it is the same.
    """
    start = history.REGION_STARTS[1].start(v_start)
    todays, rounded = history.four_level(v_start, END), history.four_level(start, END)
    second = (v_start == 0x200000) & (END == 4 << 20)
    same = Statement(goal=rounded == todays)
    uses = tuple(same_blocks(shift).at() for shift in (39, 30))
    spans = [spanned(each, END, shift) for each in (v_start, start) for shift in (39, 30, 21)]
    (above, rounded_above), l1 = ((1 + spans[each] + spans[each + 1]) for each in (0, 3)), spans[2]
    added = arithmetic.added_alike(rounded_above, above)
    return (
        Part(
            name="any start",
            expected=Expected.REFUTED,
            lemma=Lemma("rounded-start-same", "f(⌊S⌋, V) = f(S, V)", same),
            least=(v_start, END),
            shape=second,
            replay=_rounded(lambda more: more == 0),
        ),
        Part(
            name="one L1 more at most",
            lemma=Lemma(
                "rounded-start-one-more",
                "S ≤ V ⇒ f(⌊S⌋, V) = f(S, V), or one more",
                Statement(assumptions=(short_of_all(),), goal=(rounded == todays) | (rounded == todays + 1)),
                Steps(
                    uses=(
                        *uses,
                        rounded_start(anywhere=True).at(),
                        *added.uses,
                        arithmetic.associative().at(a=above, b=l1, c=number(1)),
                    ),
                    generalise=region.terms(*added.generalise, *spans),
                ),
            ),
            least=(v_start, END),
            shape=second,
            without={"in-order": (v_start == 0x200000) & (END == 0)},
            replay=_rounded(lambda more: more in (0, 1)),
        ),
        Part(
            name="a start in the first half of its 4 MiB",
            lemma=Lemma(
                "rounded-start-first-half",
                "S in the first half of its 4 MiB ⇒ f(⌊S⌋, V) = f(S, V)",
                evolve(same, assumptions=(first_half(),)),
                Steps(uses=(*uses, rounded_start(anywhere=False).at()), generalise=region.terms(*spans)),
            ),
            least=(v_start, END),
            shape=(v_start == 0x401000) & (END == 8 << 20),
            without={"first-half": second},
            replay=_rounded(lambda more: more == 0),
        ),
    )


CLAIMS: tuple[Claim, ...] = (
    first_4level_terminates,
    compat_l4_counted_exact,
    i386_exact,
    rounded_start_same_count,
)


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
    short = (vpt_start - LINUX) % ADDRESS_LIMIT < LONGEST_SHOWN
    layout = replays.arranged(X86_64, LINUX, vpt_start) if short else None
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


def _rounded(holds: Callable[[int], bool]) -> replays.Judge:
    """Judges how many tables more a walk from the rounded start comes to."""

    def judge(values: Values) -> Replay:
        start, end = values["v_start"], values["end"] or ADDRESS_LIMIT
        try:
            counts = [touched(X86_64, each, end) for each in (start, start - start % ROUNDING)]
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        return Replay(
            holds(counts[1] - counts[0]),
            f"from S a walk touches {counts[0]}, from S rounded down {counts[1]}",
        )

    return judge


def _built(name: str, less: int) -> replays.Judge:
    """Judges the layout of that Xen on the machine: whether it takes so many fewer frames than it sets aside."""
    version = xen_version(name)

    def judge(values: Values) -> Replay:
        given = replays.configuration(version.mode, values["v_start"], values["vpt_start"])
        if given is None:
            return Replay(None, replays.TOO_LARGE)
        try:
            layout = arrange(given, version)
            report = replay(layout, version=version, generations=())
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        if replays.ends_above_4_gib(layout):
            return Replay(None, replays.ABOVE_4_GIB)
        if report.misaligned:
            return Replay(None, replays.OFF_A_PAGE)
        replays.agreed("n", values["n"], layout.nr_pt_pages)
        return Replay(
            report.consumed == layout.nr_pt_pages - less,
            f"{layout.nr_pt_pages} frames are set aside and {report.consumed} taken; left over: {list(report.unused)}",
            ((f"the layout of Xen {version.carried_by}", layout, report),),
        )

    return judge
