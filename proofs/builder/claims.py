"""The family *Builder*: the frames that the mapping loop takes, what maps them, and that they are there.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, f the count. By induction, one
level at a time: a level whose cursor starts at entry o and is looked at e times takes ⌈(o + e) / 512⌉ tables; and that
is N at the level above, where e is N at the level below.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from attrs import evolve

from ...encodings import dom0_builder
from ...encodings.dom0_builder import ENTRIES, ENTRY_BITS
from ...encodings.dom0_count import tables_by_level
from ...encodings.dom0_layout import PADDING, padded_end
from ...encodings.spans import spanned
from ...formal.layouts.layout import Layout
from ...formal.layouts.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.claim import Claim, Part, claim
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ...formal.logic.verdict import Replay
from ...formal.machine.replay import replay
from ...formal.words.word import Truth, Word, number, word
from ..count.claims import ordinary
from ..shared import arithmetic, region, replays, search
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values

FAMILY = "Builder"
QUESTION = "I question (myself) whether the result is precise or merely an upper bound."
SHIFTS: Final = (21, 30, 39)
"""The levels from L1 up, by what one of their tables maps."""
BELOW: Final = {21: "pages", 30: "L1", 39: "L2"}
offset, events = word("offset"), word("events")
done, cursor, taken = word("done"), word("cursor"), word("taken")
length = word("length")
FOUR_GIB: Final = 1 << 32


def states(shift: int) -> tuple[Word, Word, Word]:
    """The final state of a level's loop: looks, cursor, tables taken."""
    done, cursor, taken = (word(f"{name}_{shift}") for name in ("done", "cursor", "taken"))
    return done, cursor, taken


def took(shift: int) -> Word:
    """The tables that the level took."""
    return states(shift)[2]


def filled(shift: int) -> Run:
    """The loop of one level, over the tables that the level below took, or over the pages."""
    seen = (
        dom0_builder.pages_of(v_start, padded_end(vpt_start, n)) if shift == 21 else took(shift - ENTRY_BITS)
    )
    return Run(dom0_builder.filling(), (dom0_builder.entry_of(v_start, shift), seen), states(shift))


@cache
def fills() -> Lemma:
    """A level takes ⌈(offset + events) / 512⌉ tables."""
    so_far = offset + done
    return Lemma(
        "fills",
        "entry o, e looks ⇒ ⌈(o + e) / 512⌉ tables are taken",
        Statement(
            assumptions=(
                Assumption("entry", offset < ENTRIES, "the entry is one of 512"),
                Assumption("looks", (events >= 1) & (events <= 1 << 52), "1 ≤ e ≤ 2^52"),
            ),
            runs=(Run(dom0_builder.filling(), (offset, events), (done, cursor, taken)),),
            goal=taken == (offset + events + (ENTRIES - 1)) >> ENTRY_BITS,
        ),
        Induction(
            invariant=(done <= events)
            & (
                ((done == 0) & (cursor == 0) & (taken == 0))
                | (
                    (done >= 1)
                    & (cursor & (ENTRIES - 1) == so_far & (ENTRIES - 1))
                    & (taken == (so_far + (ENTRIES - 1)) >> ENTRY_BITS)
                )
            ),
        ),
    )


def _blocks(shift: int, of: Word) -> Word:
    """N for a region of a length, by S's place in its block."""
    mask = (1 << shift) - 1
    return ((v_start & mask) + of + mask) >> shift


@cache
def level_up(shift: int) -> Lemma:
    """⌈(o + N of the level below) / 512⌉ is N of the level, in terms of the region's length."""
    below = shift - ENTRY_BITS
    looks = length >> PAGE_SHIFT if shift == 21 else _blocks(below, length)
    return Lemma(
        f"level-up[{shift}]",
        f"(o + N_{below} + 511) >> 9 = N_{shift}, for a region that ends on 2 MiB",
        Statement(
            assumptions=(
                Assumption("ends", (v_start + length) & ((2 << 20) - 1) == 0, "the region ends on 2 MiB"),
                Assumption("short", length <= region.region_limit(X86_64), "not the whole address space"),
            ),
            goal=(dom0_builder.entry_of(v_start, shift) + looks + (ENTRIES - 1)) >> ENTRY_BITS
            == _blocks(shift, length),
        ),
    )


def region_runs(mode: PagingMode) -> tuple[Run, ...]:
    """The search, and the three levels of the loop, for the region that it found."""
    return (search.found(mode), *level_runs())


def level_runs() -> tuple[Run, ...]:
    """The three levels of the loop, for the region of any n."""
    return tuple(filled(shift) for shift in SHIFTS)


def not_all_around() -> Assumption:
    """What the tables of each level rest on: a region of a page at least, and not too long to be counted."""
    limit = region.region_limit(X86_64)
    length = padded_end(vpt_start, n) - v_start
    return Assumption("short", (length >= PAGE_SIZE) & (length <= limit), f"4096 ≤ V - S ≤ {limit:#x}")


@cache
def level_takes(shift: int) -> Lemma:
    """The level takes N tables; by the levels below it."""
    end = padded_end(vpt_start, n)
    size = end - v_start
    below = SHIFTS[: SHIFTS.index(shift)]
    span = spanned(v_start, end, shift)
    looks = filled(shift).arguments[1]
    if below:
        uses = [level_takes(below[-1]).at()]
        lower = spanned(v_start, end, below[-1])
        uses += [
            arithmetic.spanned_from_low(below[-1]).at(low=v_start, far=end),
            arithmetic.spanned_bounded(below[-1]).at(low=v_start, far=end),
            arithmetic.spanned_positive(below[-1]).at(low=v_start, far=end),
        ]
    else:
        uses, lower = [], span
    return Lemma(
        f"level-takes[{shift}]",
        f"the level whose tables map 2^{shift} bytes takes N_{shift}(S, V)",
        Statement(
            assumptions=(not_all_around(),),
            runs=tuple(filled(each) for each in (*below, shift)),
            goal=took(shift) == span,
        ),
        Steps(
            uses=(
                ends_on_line().at(),
                *uses,
                arithmetic.spanned_from_low(shift).at(low=v_start, far=end),
                level_up(shift).at(length=size),
                fills().at(
                    offset=dom0_builder.entry_of(v_start, shift),
                    events=looks,
                    **dict(zip(("done", "cursor", "taken"), states(shift), strict=True)),
                ),
            ),
            generalise=(span, lower, size, end),
        ),
    )


@cache
def ends_on_line() -> Lemma:
    """Counted from S the region ends on 2 MiB."""
    end = padded_end(vpt_start, n)
    return Lemma(
        "ends-on-2-mib",
        "S + (V - S) is a multiple of 2 MiB",
        Statement(goal=(v_start + (end - v_start)) & ((2 << 20) - 1) == 0),
    )


def consumed(mode: PagingMode) -> Word:
    """The frames of the pool that are taken: 64-bit, the L4 besides; compat, the L2 that fill the L3 besides."""
    loops = took(39) + took(30) + took(21)
    return number(1) + loops if mode is X86_64 else loops + dom0_builder.missing_l2(v_start, took(30))


def below_4_gib() -> Assumption:
    """The assumption on a 32-bit guest's region."""
    end = padded_end(vpt_start, n)
    return Assumption(
        "below",
        (v_start < end) & (end - v_start >= PAGE_SIZE) & (end <= FOUR_GIB),
        "the region is a page at least, and ends by 4 GiB",
    )


@cache
def four_l2() -> Lemma:
    """A region within 4 GiB has an L2 in each of the four slots, by the loop or by the filling up after it."""
    end = word("end")
    span = spanned(v_start, end, 30)
    return Lemma(
        "four-l2",
        "S < V ≤ 4 GiB ⇒ N_30 + the missing L2 = 4, N_39 = 1",
        Statement(
            assumptions=(Assumption("below", (v_start < end) & (end <= FOUR_GIB), "S < V ≤ 4 GiB"),),
            goal=(span + dom0_builder.missing_l2(v_start, span) == dom0_builder.L2_SLOTS)
            & (spanned(v_start, end, 39) == 1),
        ),
    )


@cache
def four_l2_or_more() -> Lemma:
    """Wherever a 32-bit guest's region lies, it has four L2 at least."""
    return Lemma(
        "four-l2-or-more",
        "t L2 taken by the loop ⇒ t + the missing L2 ≥ 4",
        Statement(
            assumptions=(Assumption("few", taken < 1 << 34, "t < 2^34"),),
            goal=taken + dom0_builder.missing_l2(v_start, taken) >= dom0_builder.L2_SLOTS,
        ),
    )


def spans_of(mode: PagingMode) -> tuple[Word, ...]:
    """The blocks that the region touches, for the levels that take a table for each."""
    spans = tables_by_level(mode, v_start, padded_end(vpt_start, n))
    return tuple(each for each in spans if each.operation != "constant")


def counted_right(mode: PagingMode) -> tuple[Assumption, ...]:
    """What a count of the frames taken rests on: room, or for a 32-bit guest that it lives below 4 GiB."""
    return (below_4_gib(),) if mode is COMPAT else (region.room(mode, n),)


@cache
def takes(mode: PagingMode) -> Lemma:
    """For any n set aside, the builder takes f(S, V(n)) frames."""
    end = padded_end(vpt_start, n)
    by_mode = (four_l2().at(end=end),) if mode is COMPAT else (region.v_end_grows(mode).at(m=n),)
    return Lemma(
        f"takes[{mode.name}]",
        "the builder takes f(S, V(n)) frames, whatever n",
        Statement(
            assumptions=counted_right(mode),
            runs=level_runs(),
            goal=consumed(mode) == search.needed(mode, n),
        ),
        Steps(
            uses=(
                region.count_as_padded(mode).at(),
                *by_mode,
                *(level_takes(shift).at() for shift in SHIFTS),
            ),
            generalise=(search.needed(mode, n), *spans_of(mode), spanned(v_start, end, 30), end),
        ),
    )


@cache
def takes_at_least(mode: PagingMode) -> Lemma:
    """For any n set aside, the builder takes f(S, V(n)) frames or more, wherever the region lies."""
    if mode is X86_64:
        return takes(mode)
    end = padded_end(vpt_start, n)
    l2 = spanned(v_start, end, 30)
    spans = spans_of(mode)
    missing = dom0_builder.missing_l2(v_start, took(30))
    return Lemma(
        f"takes-at-least[{mode.name}]",
        "the builder takes f(S, V(n)) frames or more, whatever n",
        Statement(
            assumptions=(region.room(mode, n),),
            runs=level_runs(),
            goal=consumed(mode) >= search.needed(mode, n),
        ),
        Steps(
            uses=(
                region.count_as_padded(mode).at(),
                region.v_end_grows(mode).at(m=n),
                *(level_takes(shift).at() for shift in SHIFTS),
                *(arithmetic.spanned_bounded(shift).at(low=v_start, far=end) for shift in SHIFTS),
                four_l2_or_more().at(taken=took(30)),
                few_missing().at(taken=took(30)),
            ),
            generalise=(search.needed(mode, n), *spans, l2, end, missing),
        ),
    )


@cache
def few_missing() -> Lemma:
    """No more than four L2 are missing, whatever was taken."""
    return Lemma(
        "few-missing",
        "the missing L2 ≤ 4",
        Statement(goal=dom0_builder.missing_l2(v_start, taken) <= dom0_builder.L2_SLOTS),
    )


@cache
def takes_n(mode: PagingMode) -> Lemma:
    """The builder takes the n frames that the search sets aside."""
    compat = mode is COMPAT
    return Lemma(
        f"consumed[{mode.name}]",
        "the search stops at n ⇒ the builder takes n frames",
        Statement(
            assumptions=(region.room(mode, n), *((below_4_gib(),) if compat else ())),
            runs=region_runs(mode),
            goal=consumed(mode) == n,
        ),
        Steps(
            uses=(search.exact(mode).at(), takes(mode).at()),
            generalise=(search.needed(mode, n), padded_end(vpt_start, n)),
        ),
    )


def _small(mode: PagingMode) -> Truth:
    results = [each for shift in SHIFTS for each in states(shift)]
    shape = ordinary() & (v_start == 0) & (vpt_start < 1 << 30) & (n == search.needed(mode, n)) & (n < 64)
    for each in results:
        shape &= each < 1 << 20
    return shape


def full_circle() -> Truth:
    """Where to look for a region that comes full circle: with 8 frames it ends just above its start again."""
    return (v_start == 2 << 20) & (vpt_start == -(PADDING + 8 * PAGE_SIZE))


def above_4_gib() -> Truth:
    """Where to look for a region that needs a fifth L2."""
    return (v_start == 3 << 30) & (vpt_start == FOUR_GIB) & (n < 1024) & (n > 512)


def _consumed_part(mode: PagingMode) -> Part:
    return Part(
        name=mode.title,
        lemma=takes_n(mode),
        least=(v_start, vpt_start),
        shape=_small(mode),
        without={"room": full_circle(), "below": above_4_gib()},
        replay=_built(mode, _takes_just_n),
    )


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def consumed_64() -> tuple[Part, ...]:
    """64-bit, for all S, T with room: the mapping loop takes n frames, as many as are set aside.

    What it takes, wherever it links that: see walk-visits-tables, too. Where S is off a page Xen dies before the loop.
    """
    return (_consumed_part(X86_64),)


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def consumed_compat() -> tuple[Part, ...]:
    """Compat, for all S, T with V(n) ≤ 4 GiB: loop and filling up take n frames, as many as are set aside."""
    return (_consumed_part(COMPAT),)


@claim(
    family=FAMILY,
    sentence="3-level guests are created with 4 L2's for no obvious reason.",
    source="thread",
)
def compat_four_l2() -> tuple[Part, ...]:
    """Compat, V(n) ≤ 4 GiB: the L2 of the loop and those filled up after it are four, whatever the region spans."""
    both = took(30) + dom0_builder.missing_l2(v_start, took(30))
    end = padded_end(vpt_start, n)
    return (
        Part(
            name="always four",
            lemma=Lemma(
                "compat-four-l2",
                "the loop's L2 + the missing ones = 4",
                Statement(
                    assumptions=(below_4_gib(),),
                    runs=level_runs()[:2],
                    goal=both == dom0_builder.L2_SLOTS,
                ),
                Steps(
                    uses=(level_takes(30).at(), four_l2().at(end=end)),
                    generalise=(spanned(v_start, end, 30), end),
                ),
            ),
            least=(v_start, vpt_start, n),
            shape=_small(COMPAT),
            without={"below": above_4_gib()},
            replay=_built(COMPAT, _four_on_machine, found=False),
        ),
    )


@claim(
    family=FAMILY,
    sentence="I'm not sure the monitor table for PV32 is intended to count.",
    source="thread",
)
def monitor_not_counted() -> tuple[Part, ...]:
    """Compat, V(n) ≤ 4 GiB: the n frames are the L3, L2 and L1; with the monitor table above them there are n + 1."""
    lemma = takes_n(COMPAT)
    frames = took(39) + took(30) + dom0_builder.missing_l2(v_start, took(30)) + took(21)
    return (
        Part(
            name="L3, L2 and L1 are all",
            lemma=Lemma(
                "monitor-not-counted",
                "L3 + L2 + L1 = n, so that with the monitor table there are n + 1",
                evolve(lemma.statement, goal=(frames == n) & (1 + frames == n + 1)),
                Steps(uses=(lemma.at(),)),
            ),
            least=(v_start, vpt_start),
            shape=_small(COMPAT),
            without={"room": full_circle(), "below": above_4_gib()},
            replay=_built(COMPAT, _monitor_apart),
        ),
    )


CLAIMS: tuple[Claim, ...] = (
    consumed_64,
    consumed_compat,
    compat_four_l2,
    monitor_not_counted,
)


def _built(
    mode: PagingMode, holds: Callable[[Values, Layout], tuple[bool, str]], *, found: bool = True
) -> replays.Judge:
    """Judges the machine's layout where it can be built.

    With ``found``, the machine must find the n of the values; else as many are set aside, whatever it finds.
    """

    def held(values: Values, layout: Layout) -> tuple[bool, str]:
        return holds(values, layout if found else replays.resized(layout, values, values["n"]))

    judged = replays.region_case(mode, held, "n" if found else None)

    def judge(values: Values) -> Replay:
        if values["n"] >= 1 << 20 or values["vpt_start"] % PAGE_SIZE:
            return Replay(None, replays.TOO_LARGE)
        if (values["vpt_start"] - values["v_start"]) % PAGE_SIZE:
            return Replay(None, replays.OFF_A_PAGE)
        return judged(values)

    return judge


def _takes_just_n(_values: Values, layout: Layout) -> tuple[bool, str]:
    took = replay(layout).consumed
    return took == layout.nr_pt_pages, f"{layout.nr_pt_pages} frames are set aside, {took} are taken"


def _four_on_machine(_values: Values, layout: Layout) -> tuple[bool, str]:
    report = replay(layout)
    return report.taken["L2"] == 4, f"the machine takes {report.taken['L2']} L2"


def _monitor_apart(_values: Values, layout: Layout) -> tuple[bool, str]:
    report = replay(layout)
    apart = "L4" not in report.order and report.consumed == report.nr_pt_pages
    return apart, f"of the {report.consumed} frames taken, {', '.join(report.order)}, none is an L4"
