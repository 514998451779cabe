"""The family *Builder*: the frames that the mapping loop takes, what maps them, and that they are there.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, f the count. The loop is one
transition system, with the memory that it writes (`encodings/builder_loop`); what is proved about it by induction is in
`loop_steps` (what it takes), `table_places` (where its tables lie) and `table_entries` (what is in them).
"""

from collections.abc import Callable

from attrs import evolve

from ...encodings import dom0_builder
from ...encodings.dom0_layout import padded_end
from ...formal.layouts.layout import Layout
from ...formal.layouts.paging import COMPAT, PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.claim import Claim, Part, claim
from ...formal.logic.theorem import Lemma, Statement, Steps
from ...formal.logic.verdict import Replay
from ...formal.machine.builder import build, slot_of, table_entries, table_index
from ...formal.words.word import Truth, word
from ..count.claims import ordinary
from ..shared import replays, search
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values
from .frames_taken import (
    above_4_gib,
    below_4_gib,
    ends_at_its_start,
    four_l2,
    full_circle,
    levels_take,
    looking_at_nothing,
    slot_left_empty,
    spanned_by,
    takes_n,
)
from .mapped_pages import built, no_initrds_frame
from .table_places import ITS

FAMILY = "Builder"
QUESTION = "I question (myself) whether the result is precise or merely an upper bound."


def _small(mode: PagingMode) -> Truth:
    return ordinary() & (v_start == 0) & (vpt_start < 1 << 30) & (n == search.needed(mode, n)) & (n < 64)


def _without() -> dict[str, Truth]:
    """Where to look for what dropping an assumption lets in."""
    return {
        "room": full_circle() & looking_at_nothing(),
        "below": above_4_gib() & looking_at_nothing(),
    }


def _consumed_part(mode: PagingMode) -> Part:
    return Part(
        name=mode.title,
        lemma=takes_n(mode),
        least=(v_start, vpt_start),
        shape=_small(mode) & looking_at_nothing(),
        without=_without(),
        replay=_built(mode, _takes_just_n),
    )


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def consumed_64() -> tuple[Part, ...]:
    """64-bit, for all S, T with room: the mapping loop takes n frames, as many as are set aside.

    This says how many frames it takes; walk-visits-tables says where it links them. If S is off a page, Xen dies
    before the loop.
    """
    return (_consumed_part(X86_64),)


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def consumed_compat() -> tuple[Part, ...]:
    """Compat, for all S, T with room, S < V(n) ≤ 4 GiB: the loop, and the L2 added after it, take n frames, as many as are set aside."""
    return (_consumed_part(COMPAT),)


@claim(
    family=FAMILY,
    sentence="3-level guests are created with 4 L2's for no obvious reason.",
    source="thread",
)
def compat_four_l2() -> tuple[Part, ...]:
    """Compat, any n with S < V(n) ≤ 4 GiB: the L2 of the loop and those added after it are four."""
    both = ITS.taken[2] + dom0_builder.missing_l2(v_start, ITS.taken[2])
    end = padded_end(vpt_start, n)
    return (
        Part(
            name="always four",
            lemma=Lemma(
                "compat-four-l2",
                "the loop's L2 + the missing ones = 4",
                Statement(
                    assumptions=(below_4_gib(),),
                    runs=(built(COMPAT),),
                    goal=both == dom0_builder.L2_SLOTS,
                ),
                Steps(
                    uses=(levels_take(COMPAT).at(), four_l2().at(end=end)),
                    generalise=(spanned_by(2), end),
                ),
            ),
            least=(v_start, vpt_start, n),
            shape=_small(COMPAT) & looking_at_nothing(),
            without={"below": _without()["below"]},
            replay=_built(COMPAT, _four_on_machine, found=False),
        ),
        Part(
            name="a slot is filled up where the loop left it empty",
            lemma=slot_left_empty(),
            least=(v_start, vpt_start, n, word("slot")),
            shape=_small(COMPAT) & no_initrds_frame() & (word("slot") == 1),
            without={"below": ends_at_its_start() & no_initrds_frame() & (word("slot") == 1)},
            replay=_built(COMPAT, _slot_on_machine, found=False),
        ),
    )


@claim(
    family=FAMILY,
    sentence="I'm not sure the monitor table for PV32 is intended to count.",
    source="thread",
)
def monitor_not_counted() -> tuple[Part, ...]:
    """Compat, with room, S < V(n) ≤ 4 GiB: the n frames are the L3, L2 and L1; with the monitor table above them there are n + 1."""
    lemma = takes_n(COMPAT)
    frames = ITS.taken[3] + ITS.taken[2] + dom0_builder.missing_l2(v_start, ITS.taken[2]) + ITS.taken[1]
    return (
        Part(
            name="L3, L2 and L1 are all",
            lemma=Lemma(
                "monitor-not-counted",
                "L3 + L2 + L1 = n, so that with the monitor table there are n + 1",
                evolve(lemma.statement, goal=(frames == n) & (1 + frames == n + 1)),
                Steps(uses=(lemma.at(), levels_take(COMPAT).at())),
            ),
            least=(v_start, vpt_start),
            shape=_small(COMPAT) & looking_at_nothing(),
            without=_without(),
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
    took = replays.once_replayed(layout).consumed
    return took == layout.nr_pt_pages, f"{layout.nr_pt_pages} frames are set aside, {took} are taken"


def _four_on_machine(_values: Values, layout: Layout) -> tuple[bool, str]:
    report = replays.once_replayed(layout)
    return report.taken["L2"] == 4, f"the machine takes {report.taken['L2']} L2"


def _monitor_apart(_values: Values, layout: Layout) -> tuple[bool, str]:
    report = replays.once_replayed(layout)
    apart = "L4" not in report.order and report.consumed == report.nr_pt_pages
    return apart, f"of the {report.consumed} frames taken, {', '.join(report.order)}, none is an L4"


def _slot_on_machine(values: Values, layout: Layout) -> tuple[bool, str]:
    """Whether the machine's L3 is the first table, and its slot's L2 one of the loop's just where the model says so."""
    domain = build(layout)
    slot = values["slot"] % dom0_builder.L2_SLOTS
    entry = table_entries(domain, 0)[slot]
    found = table_index(slot_of(domain, entry) or 0)
    by_loop = found < values["next_table"]
    replays.agreed("level", values["level"], domain.order[0])
    replays.agreed("table", values["content"] - 1 if by_loop else -1, found if by_loop else -1)
    return by_loop == (values["content"] != 0), (
        f"slot {slot} of the L3 has table {found}; the loop took {values['next_table']}"
    )
