"""The family *Asserts*: what the asserts in the read-only walk catch, in each of their three generations.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, f the count. The builder takes
frames as tables from T on: as many as its loop takes when n are set aside, whatever n; that these are f(S, V(n)) is
proved (`frames_taken.takes`). Which level each of them was taken for is what the loop left in memory. The walk looks at
n frames from T on (walk-visits-tables); what it makes of a count that is wrong is in `miscount_claims`.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from attrs import evolve

from ...encodings import read_only_walk as walk
from ...encodings.read_only_walk import Generation
from ...formal.layouts.paging import COMPAT, X86_64, PagingMode
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Assumption, Lemma, Run, Statement, Steps
from ...formal.logic.verdict import Replay
from ...formal.machine.replay import (
    COMMITTED,
    GENERATIONS,
    POSTED,
    Report,
    TooLarge,
    misaligned,
    with_frames,
)
from ...formal.words.word import Truth, Word, choose, number, word
from ..builder.frames_taken import consumed, full_circle, takes_at_least
from ..builder.mapped_pages import at, built, no_initrds_frame
from ..builder.table_entries import every_table
from ..builder.table_places import ITS
from ..count.claims import BOTH, ordinary
from ..shared import region, replays, search
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values

FAMILY = "Asserts"
PURPOSE = (
    "I think it is meant to be precise, but I think we would be better off having some checking in place. "
    "Hence add ASSERT()s to verify that all pages have a valid L1...Ln (currently L4) page table type and no other "
    "bits are set, in particular the type refcount is still zero."
)
FIX = "The asserts allow for PGT_pae_xen_l2, which the L2 in slot 3 of a 32-bit dom0 has."
THREAD = "thread, first mail"

frame, slot = word("frame"), word("slot")
FEW: Final = 64
"""Few enough frames for a witness to be read."""


def level_of(mode: PagingMode, at: Word = frame) -> Word:
    """The level of the table that the builder took a frame for: what its loop left there, or an L2 that fills the L3."""
    return ITS.level if mode is X86_64 else choose(at < ITS.next_table, ITS.level, number(2))


def info_of(mode: PagingMode, at: Word = frame) -> Word:
    """The type_info of a frame, counted from T, when n are set aside and the builder took what it takes then."""
    return walk.frame_info(mode, at, consumed(mode), level_of(mode, at), slot)


def building(mode: PagingMode, at: Word = frame) -> Run:
    """The mapping loop, looking at a frame, counted from T."""
    return built(mode, table=at, entry=number(0))


def is_walked() -> Assumption:
    """The frame is one of those that the walk is to look at."""
    return Assumption("walked", frame < n, "the frame is one of those that are set aside: frame < n")


def few_frames() -> Truth:
    """A region from 0 on whose tables start below 2 MiB, a few frames set aside: for figures that can be read."""
    return (
        ordinary() & (v_start == 0) & (vpt_start < 2 << 20) & (n < FEW) & (frame < FEW) & no_initrds_frame()
    )


@cache
def _passes(mode: PagingMode, generation: Generation) -> Lemma:
    """Every frame that the walk reaches passes, when the search's n are set aside."""
    return Lemma(
        f"asserts-hold[{mode.name},{generation.name}]",
        f"the search stops at n, frame < n ⇒ the asserts as {generation.name} hold of the frame",
        Statement(
            assumptions=(region.room(mode, n), is_walked()),
            runs=(search.found(mode), building(mode)),
            goal=generation.passes(info_of(mode)),
        ),
        Steps(
            uses=(
                search.exact(mode).at(),
                takes_at_least(mode).at(table=frame, entry=number(0)),
                at(every_table(), mode, table=frame, entry=number(0)),
            ),
            generalise=(consumed(mode), search.needed(mode, n)),
        ),
    )


def _hold(mode: PagingMode, generation: Generation, expected: Expected = Expected.PROVED) -> Part:
    small = few_frames() & (n == search.needed(mode, n)) & (slot < 4)
    return Part(
        name=f"{generation.name}, {mode.title}",
        expected=expected,
        lemma=_passes(mode, generation),
        least=(v_start, vpt_start, frame, slot),
        shape=small & (frame + 1 == n),
        without={"walked": small & (frame == n), "room": full_circle() & no_initrds_frame() & (frame == 7)},
        replay=judged(mode, lambda _values, report: _silent(report, generation.name)),
    )


@claim(family=FAMILY, sentence=PURPOSE, source=THREAD)
def asserts_posted_64() -> tuple[Part, ...]:
    """64-bit, for all S, T with room and all frames < n: the asserts as posted hold, and as committed."""
    return _hold(X86_64, walk.POSTED), _hold(X86_64, walk.COMMITTED)


@claim(
    family=FAMILY,
    sentence=PURPOSE,
    source=THREAD,
    cure="allow the bit PGT_pae_xen_l2 besides the type, as Xen does since 2021-08-20 (asserts-fixed)",
)
def asserts_posted_compat() -> tuple[Part, ...]:
    """Compat, for all S, T with room and all frames < n: the asserts as posted hold. Refuted by the L2 in slot 3.

    They hold for every other frame.
    """
    lemma = _passes(COMPAT, walk.POSTED)
    but = Assumption(
        "not-xens",
        (level_of(COMPAT) != 2) | (slot != walk.XENS_SLOT),
        "the frame is not the L2 in slot 3",
    )
    others = evolve(
        lemma,
        name="asserts-hold[compat,posted,others]",
        meaning="the search stops at n, frame < n is not the L2 in slot 3 ⇒ the asserts as posted hold of the frame",
        statement=evolve(lemma.statement, assumptions=(*lemma.statement.assumptions, but)),
    )
    small = few_frames() & (n == search.needed(COMPAT, n)) & (slot < 4)
    return (
        _hold(COMPAT, walk.POSTED, Expected.REFUTED),
        _hold(COMPAT, walk.COMMITTED, Expected.REFUTED),
        Part(
            name="posted, every frame but the L2 in slot 3",
            lemma=others,
            least=(v_start, vpt_start, frame, slot),
            shape=small,
            without={
                "walked": small & (frame == n),
                "not-xens": small,
                "room": full_circle() & no_initrds_frame() & (frame == 7),
            },
            replay=judged(COMPAT, _silent_but_once),
        ),
    )


@claim(family=FAMILY, sentence=FIX, source="Xen, 2021-08-20")
def asserts_fixed() -> tuple[Part, ...]:
    """Both widths, for all S, T with room and all frames < n: the asserts with PGT_pae_xen_l2 allowed hold."""
    return tuple(_hold(mode, walk.FIXED) for mode in BOTH)


@claim(
    family=FAMILY,
    sentence="This is an obfuscated [test of being at least L1 and at most root]",
    source="thread, first answer",
)
def asserts_same_test() -> tuple[Part, ...]:
    """For all words: the type field is not 0 and at most the root's ⇔ it is at least L1's and at most the root's."""
    info = word("type_info")
    return (
        Part(
            name="any type_info",
            lemma=Lemma(
                "asserts-same-test",
                "type ≠ 0, type ≤ root ⇔ L1 ≤ type ≤ root",
                Statement(goal=(walk.one_sided(info) == walk.two_sided(info))),
            ),
            least=(info,),
            shape=info >= walk.L1_TYPE,
            replay=_same_on_machine,
        ),
    )


CLAIMS: tuple[Claim, ...] = (
    asserts_posted_64,
    asserts_posted_compat,
    asserts_fixed,
    asserts_same_test,
)


def judged(
    mode: PagingMode, holds: Callable[[Values, Report], tuple[bool | None, str]]
) -> Callable[[Values], Replay]:
    """Judges what the machine sees when the given n frames are set aside, and the region is as long as n makes it.

    Where a statement speaks of a frame, the walk goes on as far as that.
    """

    def judge(values: Values) -> Replay:
        wanted = values["n"]
        walked = max(wanted, values.get("frame", 0) + 1)
        found = replays.arranged(mode, values["v_start"], values["vpt_start"]) if walked < 1 << 20 else None
        if found is None:
            return Replay(None, replays.TOO_LARGE)
        layout = replays.resized(found, values, wanted)
        if replays.ends_above_4_gib(layout):
            return Replay(None, replays.ABOVE_4_GIB)
        if misaligned(layout):
            return Replay(None, replays.OFF_A_PAGE)
        try:
            report = replays.once_replayed(with_frames(layout, walked))
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        took = replays.needed(mode, values, wanted)
        assert took is not None
        if "frame" in values and values["frame"] < report.consumed:
            replays.agreed("level", _level(values), int(report.order[values["frame"]][1:]))
        verdict, says = holds(values, report)
        if verdict:
            replays.agreed("tables taken", took, report.consumed)
        return Replay(verdict, says, ((f"{walked} frames set aside", with_frames(layout, walked), report),))

    return judge


def _level(values: Values) -> int:
    """`level_of`, of the values of a case."""
    return values["level"] if values["frame"] < values["next_table"] else 2


def _fired(report: Report, name: str) -> list[int]:
    return sorted({each.frame for each in report.fired if each.generation == name})


def _silent(report: Report, name: str) -> tuple[bool, str]:
    frames = _fired(report, name)
    return not frames, f"the asserts as {name} fire at {len(frames)} of {report.nr_pt_pages} frames: {frames}"


def _silent_but_once(values: Values, report: Report) -> tuple[bool, str]:
    """Nothing fires at another frame than the L2 in slot 3, as the tables have it; and the values aren't about that."""
    frames = _fired(report, POSTED.name)
    xens = [each.frame for each in report.tree if (each.level, each.address >> 30) == ("L2", walk.XENS_SLOT)]
    about_it = (_level(values), values["slot"]) == (2, walk.XENS_SLOT)
    return (
        set(frames) <= set(xens) and not about_it,
        f"the asserts as posted fire at {frames} of {report.nr_pt_pages} frames; the L2 in slot 3 is {xens}",
    )


def _same_on_machine(values: Values) -> Replay:
    """Both forms of the test, as the machine makes them, on a type_info with nothing but its type field."""
    info = values["type_info"] & walk.TYPE_FIELD
    root = walk.ROOT_TYPE
    forms = [
        all(condition.holds(info, root) for condition in each.conditions)
        for each in GENERATIONS
        if each in (POSTED, COMMITTED)
    ]
    return Replay(
        forms[0] == forms[1], f"of {values['type_info']:#x} the two forms say {forms[0]} and {forms[1]}"
    )
