"""The family *Builder*: the frames that the mapping loop takes, what maps them, and that they are there.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, f the count. By induction, one
level at a time: a level whose cursor starts at entry o and is looked at e times takes ⌈(o + e) / 512⌉ tables; and that
is N at the level above, where e is N at the level below.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from attrs import evolve

from ..encodings import dom0_builder
from ..encodings.dom0_builder import ENTRIES, ENTRY_BITS
from ..encodings.dom0_count import tables_by_level
from ..encodings.dom0_layout import PADDING, padded_end, stack_end
from ..encodings.spans import spanned
from ..formal.claim import Claim, Part, claim
from ..formal.layout import Layout, Segment
from ..formal.machine import ImpossibleLayout, TooLarge, replay
from ..formal.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ..formal.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ..formal.verdict import Replay
from ..formal.words import FALSE, Truth, Word, number, word
from . import arithmetic, loop, region, replays
from .count import ordinary
from .region import n, v_start, vpt_start
from .replays import Values

FAMILY = "Builder"
QUESTION = "I question (myself) whether the result is precise or merely an upper bound."
SHIFTS: Final = (21, 30, 39)
"""The levels from L1 up, by what one of their tables maps."""
BELOW: Final = {21: "pages", 30: "L1", 39: "L2"}
offset, events = word("offset"), word("events")
done, cursor, taken = word("done"), word("cursor"), word("taken")
length = word("length")
FOUR_GIB: Final = 1 << 32
initrd_bytes, initrd_at, index, allocation = map(word, ("initrd_bytes", "initrd_at", "index", "allocation"))


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
    return (loop.found(mode), *(filled(shift) for shift in SHIFTS))


@cache
def level_takes(mode: PagingMode, shift: int) -> Lemma:
    """The level takes N tables; by the levels below it."""
    end = padded_end(vpt_start, n)
    size = end - v_start
    below = SHIFTS[: SHIFTS.index(shift)]
    span = spanned(v_start, end, shift)
    looks = filled(shift).arguments[1]
    if below:
        uses = [level_takes(mode, below[-1]).at()]
        lower = spanned(v_start, end, below[-1])
        uses += [
            arithmetic.spanned_from_low(below[-1]).at(low=v_start, far=end),
            arithmetic.spanned_bounded(below[-1]).at(low=v_start, far=end),
            arithmetic.spanned_positive(below[-1]).at(low=v_start, far=end),
        ]
    else:
        uses, lower = [], span
    return Lemma(
        f"level-takes[{mode.name},{shift}]",
        f"the level whose tables map 2^{shift} bytes takes N_{shift}(S, V)",
        Statement(
            assumptions=(region.room(mode, n),),
            runs=tuple(filled(each) for each in (*below, shift)),
            goal=took(shift) == span,
        ),
        Steps(
            uses=(
                region.v_end_grows(mode).at(m=n),
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
    return Assumption(
        "below",
        (v_start < padded_end(vpt_start, n)) & (padded_end(vpt_start, n) <= FOUR_GIB),
        "the region ends by 4 GiB",
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
def takes_n(mode: PagingMode) -> Lemma:
    """The builder takes n frames."""
    end = padded_end(vpt_start, n)
    spans = [each for each in tables_by_level(mode, v_start, end) if each.operation != "constant"]
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
            uses=(
                loop.exact(mode).at(),
                region.count_as_padded(mode).at(),
                *(level_takes(mode, shift).at() for shift in SHIFTS),
                *((four_l2().at(end=end),) if compat else ()),
            ),
            generalise=(loop.needed(mode, n), *spans, spanned(v_start, end, 30), end),
        ),
    )


def _small(mode: PagingMode) -> Truth:
    results = [each for shift in SHIFTS for each in states(shift)]
    shape = ordinary() & (v_start == 0) & (vpt_start < 1 << 30) & (n == loop.needed(mode, n)) & (n < 64)
    for each in results:
        shape &= each < 1 << 20
    return shape


def _above_4_gib() -> Truth:
    """Where to look for a region that needs a fifth L2."""
    return (v_start == 3 << 30) & (vpt_start == FOUR_GIB) & (n < 1024) & (n > 512)


def _consumed_part(mode: PagingMode) -> Part:
    return Part(
        name=mode.title,
        lemma=takes_n(mode),
        least=(v_start, vpt_start),
        shape=_small(mode),
        # A region that comes full circle has too many pages for the loop to be run.
        without={"room": FALSE, "below": _above_4_gib()},
        replay=_built(mode, lambda _values, layout: replays.counted(layout)),
    )


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def consumed_64() -> tuple[Part, ...]:
    """64-bit, for all S, T with room: the mapping loop takes just the n frames set aside, even for an S off a page."""
    return (_consumed_part(X86_64),)


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def consumed_compat() -> tuple[Part, ...]:
    """Compat, for all S, T with V(n) ≤ 4 GiB: loop and filling up take just the n frames set aside."""
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
                    assumptions=(region.room(COMPAT, n), below_4_gib()),
                    runs=tuple(filled(shift) for shift in SHIFTS[:2]),
                    goal=both == dom0_builder.L2_SLOTS,
                ),
                Steps(
                    uses=(level_takes(COMPAT, 30).at(), four_l2().at(end=end)),
                    generalise=(spanned(v_start, end, 30), end),
                ),
            ),
            least=(v_start, vpt_start, n),
            shape=_small(COMPAT),
            without={"room": FALSE, "below": _above_4_gib()},
            replay=_built(COMPAT, _four_on_machine),
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
            without={"room": FALSE, "below": _above_4_gib()},
            replay=_built(COMPAT, _monitor_apart),
        ),
    )


def with_initrd(mode: PagingMode) -> tuple[Assumption, ...]:
    """What is assumed of a region with a mapped initrd below its tables, or none."""
    return (
        region.room(mode, n),
        Assumption(
            "pages",
            (v_start | vpt_start | initrd_bytes | initrd_at) & (PAGE_SIZE - 1) == 0,
            "S, T and the initrd's place are whole pages",
        ),
        Assumption(
            "initrd",
            (initrd_at <= vpt_start - v_start) & (initrd_bytes <= (vpt_start - v_start) - initrd_at),
            "the mapped initrd lies between S and T",
        ),
    )


@cache
def tables_inside(mode: PagingMode) -> Lemma:
    """The tables end within the region, counted from S."""
    limit = region.region_limit(mode)
    padded = stack_end(vpt_start, n) + PADDING
    end = padded_end(vpt_start, n)
    after = (vpt_start - v_start) + n * PAGE_SIZE
    return Lemma(
        f"tables-inside[{mode.name}]",
        "T - S ≤ T - S + 4096 n ≤ V - S",
        Statement(
            assumptions=(region.room(mode, n),),
            goal=(vpt_start - v_start <= after) & (after <= end - v_start) & (n < 1 << 52),
        ),
        Steps(
            uses=(
                region.pages_fit(region.tables_limit(mode)).at(d=vpt_start - v_start, m=n),
                region.counted_from_start().at(),
                arithmetic.round_up_grows(22, limit).at(low=v_start, near=padded, far=padded),
            ),
            generalise=(end, padded - v_start, after, vpt_start - v_start),
        ),
    )


@cache
def pages_above() -> Lemma:
    """Whole pages added to an address are so many pages more."""
    at = word("at")
    return Lemma(
        "pages-above",
        "(x + 4096 n) / 4096 = x / 4096 + n, where nothing wraps",
        Statement(
            assumptions=(Assumption("order", (at <= at + n * PAGE_SIZE) & (n < 1 << 52), "x ≤ x + 4096 n"),),
            goal=(at + n * PAGE_SIZE) >> PAGE_SHIFT == (at >> PAGE_SHIFT) + n,
        ),
    )


@cache
def frames_inside() -> Lemma:
    """Less the initrd's pages, the tables still end within the region."""
    before, size = word("before"), word("size")
    span = n * PAGE_SIZE
    less = before - initrd_bytes
    return Lemma(
        "frames-inside",
        "d ≤ d + 4096 n ≤ L, I ≤ d ⇒ (d - I) / 4096 + n ≤ (L - I) / 4096",
        Statement(
            assumptions=(
                Assumption(
                    "order",
                    (before <= before + span) & (before + span <= size) & (n < 1 << 52),
                    "d ≤ d + 4096 n ≤ L",
                ),
                Assumption("initrd", initrd_bytes <= before, "I ≤ d"),
            ),
            goal=(less >> PAGE_SHIFT) + n <= (size - initrd_bytes) >> PAGE_SHIFT,
        ),
        Steps(
            uses=(ordered_less().at(c=span), pages_above().at(at=less)), generalise=(less + span, less, span)
        ),
    )


@cache
def ordered_less() -> Lemma:
    """Taking the same off keeps the order, as long as it can be taken off."""
    before, size, c = word("before"), word("size"), word("c")
    less = before - initrd_bytes
    return Lemma(
        "ordered-less",
        "I ≤ d ≤ d + c ≤ L ⇒ d - I ≤ d - I + c ≤ L - I",
        Statement(
            assumptions=(
                Assumption(
                    "order",
                    (initrd_bytes <= before) & (before <= before + c) & (before + c <= size),
                    "I ≤ d ≤ d + c ≤ L",
                ),
            ),
            goal=(less <= less + c) & (less + c <= size - initrd_bytes),
        ),
    )


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def allocation_suffices() -> tuple[Part, ...]:
    """For all S, T with room, a mapped initrd or none: the n-th frame is among the 2^order pages of the allocation."""
    parts = []
    for mode in (X86_64, COMPAT):
        size = padded_end(vpt_start, n) - v_start
        order = Assumption(
            "order",
            allocation >= (size - initrd_bytes) >> PAGE_SHIFT,
            "the allocation has as many pages as the region less the initrd",
        )
        first = dom0_builder.first_table(v_start, vpt_start, initrd_bytes)
        parts.append(
            Part(
                name=mode.title,
                lemma=Lemma(
                    f"allocation-suffices[{mode.name}]",
                    "first table + n ≤ pages of the allocation",
                    Statement(assumptions=(*with_initrd(mode), order), goal=first + n <= allocation),
                    Steps(
                        uses=(
                            tables_inside(mode).at(),
                            frames_inside().at(before=vpt_start - v_start, size=size),
                        ),
                        generalise=(size,),
                    ),
                ),
                least=(v_start, vpt_start, n, allocation, initrd_at),
                shape=_initrd_shape(mode) & (allocation <= 1024),
                without={
                    "order": _initrd_shape(mode) & (allocation == 0),
                    "pages": FALSE,
                    "initrd": FALSE,
                    "room": FALSE,
                },
                replay=_mapped_initrd(mode),
            )
        )
    return tuple(parts)


def _initrd_shape(mode: PagingMode) -> Truth:
    small = ordinary() & (v_start == 0) & (vpt_start < 1 << 20) & (n == loop.needed(mode, n)) & (n < 64)
    return small & (initrd_bytes == 3 * PAGE_SIZE) & (initrd_at >= PAGE_SIZE) & (initrd_at < 1 << 20)


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def tables_mapped() -> tuple[Part, ...]:
    """For all S, T with room, a mapped initrd or none, i < n: the page T + 4096 i maps the i-th frame taken."""
    page = ((vpt_start - v_start) >> PAGE_SHIFT) + index
    frame = dom0_builder.frame_of(page, initrd_at >> PAGE_SHIFT, initrd_bytes >> PAGE_SHIFT)
    first = dom0_builder.first_table(v_start, vpt_start, initrd_bytes)
    return tuple(
        Part(
            name=mode.title,
            lemma=Lemma(
                f"tables-mapped[{mode.name}]",
                "i < n ⇒ the page T + 4096 i maps the first table's frame + i",
                Statement(
                    assumptions=(
                        *with_initrd(mode)[1:],
                        Assumption("index", index < 1 << 52, "i < 2^52, as every i < n is"),
                    ),
                    goal=frame == first + index,
                ),
                Steps(generalise=(vpt_start - v_start,)),
            ),
            least=(v_start, vpt_start, index, initrd_at),
            shape=_initrd_shape(mode),
            without={
                "pages": FALSE,
                "index": FALSE,
                "initrd": _initrd_shape(mode) & (vpt_start == 0x2000),
            },
            replay=_mapped_initrd(mode),
        )
        for mode in (X86_64, COMPAT)
    )


CLAIMS: tuple[Claim, ...] = (
    consumed_64,
    consumed_compat,
    compat_four_l2,
    monitor_not_counted,
    tables_mapped,
    allocation_suffices,
)


def _built(mode: PagingMode, holds: Callable[[Values, Layout], tuple[bool, str]]) -> replays.Judge:
    """Judges the machine's layout where it is small enough to be built."""
    judged = replays.region_case(mode, holds)

    def judge(values: Values) -> Replay:
        if values["n"] >= 1 << 20 or values["vpt_start"] % PAGE_SIZE:
            return Replay(None, replays.TOO_LARGE)
        return judged(values)

    return judge


def _four_on_machine(_values: Values, layout: Layout) -> tuple[bool, str]:
    report = replay(layout)
    return report.taken["L2"] == 4, f"the machine takes {report.taken['L2']} L2"


def _monitor_apart(_values: Values, layout: Layout) -> tuple[bool, str]:
    report = replay(layout)
    apart = "L4" not in report.order and report.consumed == report.nr_pt_pages
    return apart, f"of the {report.consumed} frames taken, {', '.join(report.order)}, none is an L4"


def _mapped_initrd(mode: PagingMode) -> replays.Judge:
    """Judges the machine's layout with the initrd put where the values say: all tables mapped, and in the allocation."""

    def judge(values: Values) -> Replay:
        start, at, size = values["v_start"], values["initrd_at"], values["initrd_bytes"]
        layout = replays.arranged(mode, start, values["vpt_start"]) if values.get("n", 0) < 1 << 20 else None
        if layout is None:
            return Replay(None, replays.TOO_LARGE)
        layout = evolve(layout, initrd=Segment(start + at, start + at + size))
        try:
            report = replay(layout)
        except (TooLarge, ImpossibleLayout):
            return Replay(None, "no builder puts the initrd there")
        if values.get("allocation", 1) == 0:
            return Replay(holds=False, says="no page is allocated")
        wrong = [*report.outside_allocation, *report.wrong, *report.missing]
        return Replay(
            not wrong and report.read_only == tuple(range(report.nr_pt_pages)),
            f"with an initrd of {size:#x} bytes mapped at {start + at:#x} {len(wrong)} pages map another frame than "
            f"theirs; read-only are {len(report.read_only)} pages from T on, of {report.nr_pt_pages} tables",
            (("the layout with an initrd mapped", layout, report),),
        )

    return judge
