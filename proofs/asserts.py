"""The family *Asserts*: what the asserts in the read-only walk catch, in each of their three generations.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, f the count. The builder takes
frames as tables from T on: as many as its loop takes when n are set aside, whatever n; that these are f(S, V(n)) is
proved (`builder.takes`). The walk looks at n frames from T on (walk-visits-tables). Of a frame that is a table nothing
is known here but that it has some level and some slot: so what is said holds in whatever order they are taken.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from attrs import evolve

from ..encodings import dom0_builder
from ..encodings import read_only_walk as walk
from ..encodings.read_only_walk import Generation
from ..formal.claim import Claim, Expected, Part, claim
from ..formal.machine import (
    COMMITTED,
    FIXED,
    GENERATIONS,
    POSTED,
    Report,
    TooLarge,
    misaligned,
    replay,
    with_frames,
)
from ..formal.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ..formal.theorem import Assumption, Lemma, Statement, Steps
from ..formal.verdict import Replay
from ..formal.words import TRUE, Truth, Word, all_of, word
from . import loop, region, replays
from .builder import (
    above_4_gib,
    below_4_gib,
    consumed,
    full_circle,
    level_runs,
    region_runs,
    takes,
    takes_at_least,
)
from .count import BOTH, ordinary
from .mapped_pages import pages_inside, region_bytes, tables_at, v_end
from .region import n, v_start, vpt_start
from .replays import Values

FAMILY = "Asserts"
PURPOSE = (
    "I think it is meant to be precise, but I think we would be better off having some checking in place. "
    "Hence add ASSERT()s to verify that all pages have a valid L1...Ln (currently L4) page table type and no other "
    "bits are set, in particular the type refcount is still zero."
)
FIX = "The asserts allow for PGT_pae_xen_l2, which the L2 in slot 3 of a 32-bit dom0 has."
THREAD = "thread, first mail"
STRONGER = "check that the next table frame, mpt_alloc, ends up at the end of the tables: that catches every miscount"

frame, level, slot = word("frame"), word("level"), word("slot")
FEW: Final = 64
"""Few enough frames for a witness to be read."""


def _info(mode: PagingMode, at: Word = frame) -> Word:
    """The type_info of a frame, counted from T, when n are set aside and the loop took what it takes then."""
    return walk.frame_info(mode, at, consumed(mode), level, slot)


def _fifth_l2(mode: PagingMode) -> Truth:
    """Where to look for a region above 4 GiB, with one frame set aside that isn't counted, and is taken."""
    return above_4_gib() & (n == loop.needed(mode, n) + 1)


def _walked() -> Assumption:
    return Assumption("walked", frame < n, "the walk comes to the frame: frame < n")


def _some_level(mode: PagingMode) -> Assumption:
    top = len(mode.counted_levels)
    return Assumption("level", (level >= 1) & (level <= top), f"a table is of a level from 1 to {top}")


def _small() -> Truth:
    """A region from 0 on whose tables start below 2 MiB, a few frames set aside: for figures that can be read."""
    return ordinary() & (v_start == 0) & (vpt_start < 2 << 20) & (n < FEW) & (frame < FEW)


@cache
def _passes(mode: PagingMode, generation: Generation) -> Lemma:
    """Every frame that the walk comes to passes, when the search's n are set aside."""
    return Lemma(
        f"asserts-hold[{mode.name},{generation.name}]",
        f"the search stops at n, frame < n ⇒ the asserts as {generation.name} hold of the frame",
        Statement(
            assumptions=(region.room(mode, n), _walked(), _some_level(mode)),
            runs=region_runs(mode),
            goal=generation.passes(_info(mode)),
        ),
        Steps(
            uses=(loop.exact(mode).at(), takes_at_least(mode).at()),
            generalise=(consumed(mode), loop.needed(mode, n)),
        ),
    )


def _hold(mode: PagingMode, generation: Generation, expected: Expected = Expected.PROVED) -> Part:
    small = _small() & (n == loop.needed(mode, n)) & (slot < 4)
    return Part(
        name=f"{generation.name}, {mode.title}",
        expected=expected,
        lemma=_passes(mode, generation),
        least=(v_start, vpt_start, frame, level, slot),
        shape=small & (frame + 1 == n),
        without={"walked": small, "level": small, "room": full_circle() & (level == 1)},
        replay=_machine(mode, lambda _values, report: _silent(report, generation.name)),
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

    Nothing else is in their way: they hold of every frame but that.
    """
    lemma = _passes(COMPAT, walk.POSTED)
    but = Assumption(
        "not-xens",
        (level != 2) | (slot != walk.XENS_SLOT),
        "the frame is not the L2 in slot 3",
    )
    others = evolve(
        lemma,
        name="asserts-hold[compat,posted,others]",
        meaning="the search stops at n, frame < n is not the L2 in slot 3 ⇒ the asserts as posted hold of the frame",
        statement=evolve(lemma.statement, assumptions=(*lemma.statement.assumptions, but)),
    )
    small = _small() & (n == loop.needed(COMPAT, n)) & (slot < 4)
    return (
        _hold(COMPAT, walk.POSTED, Expected.REFUTED),
        _hold(COMPAT, walk.COMMITTED, Expected.REFUTED),
        Part(
            name="posted, every frame but the L2 in slot 3",
            lemma=others,
            least=(v_start, vpt_start, frame, level, slot),
            shape=small,
            without={
                "walked": small,
                "level": small,
                "not-xens": small,
                "room": full_circle() & (level == 1),
            },
            replay=_machine(COMPAT, _silent_but_once),
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


@claim(family=FAMILY, sentence=PURPOSE, source="thread (purpose)")
def asserts_overcount() -> tuple[Part, ...]:
    """For all S, T, n with room and n > f(S, V(n)), by however many: every left-over frame fails every generation.

    And the walk comes to each of them: there is one, frame n - 1. Compat, where V(n) ≤ 4 GiB.
    """
    parts = []
    for mode in BOTH:
        needed = loop.needed(mode, n)
        left_over = Assumption(
            "left-over",
            (frame >= needed) & (frame < n),
            "the frame is left over: f(S, V(n)) ≤ frame < n",
        )
        over = Assumption("over", n > needed, "more are set aside than taken: n > f(S, V(n))")
        small = _small() & (needed < n) & (slot < 4) & (level == 1)
        proof = Steps(
            uses=(takes(mode).at(), pages_inside(mode).at()),
            generalise=(consumed(mode), needed, region_bytes, tables_at, v_end),
        )
        parts += [
            Part(
                name=f"every left-over frame, {mode.title}",
                lemma=Lemma(
                    f"left-over-caught[{mode.name}]",
                    "f(S, V(n)) ≤ frame < n ⇒ the frame fails every generation's asserts",
                    Statement(
                        assumptions=(region.room(mode, n), *_below(mode), left_over),
                        runs=level_runs(),
                        goal=_looked_at(mode, frame),
                    ),
                    proof,
                ),
                least=(v_start, vpt_start, n, frame),
                shape=small,
                without={
                    "left-over": small & (frame < needed),
                    "room": _too_many() & (level == 1) & (slot == 0) & (frame == n - 1),
                    "below": _fifth_l2(mode) & (level == 1) & (frame == needed),
                },
                replay=_machine(mode, _caught_there),
            ),
            Part(
                name=f"the walk comes to one, {mode.title}",
                lemma=Lemma(
                    f"over-count-caught[{mode.name}]",
                    "n > f(S, V(n)) ⇒ frame n - 1 fails every generation's asserts",
                    Statement(
                        assumptions=(region.room(mode, n), *_below(mode), over),
                        runs=level_runs(),
                        goal=_looked_at(mode, n - 1) & (n - 1 < n),
                    ),
                    proof,
                ),
                least=(v_start, vpt_start, n),
                shape=_small() & (needed < n) & (slot < 4) & (level == 1),
                without={
                    "over": _small() & (level == 1) & (n == needed),
                    "room": _too_many() & (level == 1) & (slot == 0) & (frame == n - 1),
                    "below": _fifth_l2(mode) & (level == 1),
                },
                replay=_machine(mode, lambda values, report: _caught_at(values["n"] - 1, report)),
            ),
        ]
    return tuple(parts)


@claim(family=FAMILY, sentence=PURPOSE, source="thread (purpose)", cure=STRONGER)
def asserts_undercount() -> tuple[Part, ...]:
    """There are S, T, n with room and n < f(S, V(n)) where an assert fires. Refuted: none does, however small n is.

    For a 32-bit dom0 with the asserts as fixed; the others fire there whether the count is right or not. What does
    catch it, and every over-count too: T + 4096 f, where the next table would lie, is the tables' end.
    """
    parts = []
    for mode in BOTH:
        generations = walk.GENERATIONS if mode is X86_64 else (walk.FIXED,)
        names = tuple(each.name for each in generations)
        needed = loop.needed(mode, n)
        under = Assumption("under", n < needed, "fewer are set aside than taken: n < f(S, V(n))")
        parts.append(
            Part(
                name=f"an under-count is caught, {mode.title}",
                reached=True,
                expected=Expected.REFUTED,
                lemma=Lemma(
                    f"under-count-caught[{mode.name}]",
                    "n < f(S, V(n)), frame < n, and an assert fires at the frame",
                    Statement(
                        assumptions=(region.room(mode, n), under, _walked(), _some_level(mode)),
                        runs=level_runs(),
                        goal=~all_of(each.passes(_info(mode)) for each in generations),
                    ),
                    Steps(uses=(takes_at_least(mode).at(),), generalise=(consumed(mode), needed)),
                ),
                least=(v_start, vpt_start, frame, level, slot),
                shape=_small() & (n + 1 == needed) & (slot < 4),
                replay=_machine(mode, _any_fires(names)),
            )
        )
    for mode in BOTH:
        needed, took = loop.needed(mode, n), consumed(mode)
        parts.append(
            Part(
                name=f"the stronger check catches every miscount, {mode.title}",
                lemma=Lemma(
                    f"stronger-check[{mode.name}]",
                    "the next table would lie at T + 4096 n ⇔ n = f(S, V(n))",
                    Statement(
                        assumptions=(region.room(mode, n), *_below(mode)),
                        runs=level_runs(),
                        goal=walk.ends_with_tables(vpt_start, n, took) == (n == needed),
                    ),
                    Steps(
                        uses=(takes(mode).at(), region.count_bounded(mode).at()),
                        generalise=(took, needed, vpt_start - v_start, v_end),
                    ),
                ),
                least=(v_start, vpt_start, n),
                shape=ordinary() & (v_start == 0) & (vpt_start < 2 << 20) & (n < FEW) & (n + 1 == needed),
                without={
                    "room": _too_many(),
                    "below": _fifth_l2(mode),
                },
                replay=_machine(mode, _told_by_cursor(mode)),
            )
        )
    return tuple(parts)


CLAIMS: tuple[Claim, ...] = (
    asserts_posted_64,
    asserts_posted_compat,
    asserts_fixed,
    asserts_same_test,
    asserts_overcount,
    asserts_undercount,
)


def _too_many() -> Truth:
    """Where to look for frames that are so many that their place wraps, and the region is a small one."""
    return (v_start == 0) & (vpt_start == 2 * PAGE_SIZE) & (n & (FEW - 1) == n & ~(1 << 52)) & (n >= 1 << 52)


def _below(mode: PagingMode) -> tuple[Assumption, ...]:
    """What a 32-bit dom0's count rests on besides room."""
    return (below_4_gib(),) if mode is COMPAT else ()


def _looked_at(mode: PagingMode, at: Word) -> Truth:
    """The frame is caught when the walk comes to it, and it does: its page is one of the region's."""
    there = (tables_at >> PAGE_SHIFT) + at < dom0_builder.pages_of(v_start, v_end)
    return _caught(_info(mode, at)) & there


def _caught(info: Word) -> Truth:
    """No generation's asserts hold."""
    result = TRUE
    for each in walk.GENERATIONS:
        result &= ~each.passes(info)
    return result


def _machine(
    mode: PagingMode, holds: Callable[[Values, Report], tuple[bool | None, str]]
) -> Callable[[Values], Replay]:
    """Judges what the machine sees when the given n frames are set aside, and the region is as long as n makes it.

    Where a statement speaks of a frame, the walk goes on as far as that.
    """

    def judge(values: Values) -> Replay:
        wanted = values["n"]
        walked = max(wanted, values.get("frame", 0) + 1)
        if not 1 <= values.get("level", 1) <= len(mode.counted_levels):
            return Replay(None, f"no builder makes a table of level {values['level']}")
        found = replays.arranged(mode, values["v_start"], values["vpt_start"]) if walked < 1 << 20 else None
        if found is None:
            return Replay(None, replays.TOO_LARGE)
        layout = replays.resized(found, values, wanted)
        if replays.ends_above_4_gib(layout):
            return Replay(None, replays.ABOVE_4_GIB)
        if misaligned(layout):
            return Replay(None, replays.OFF_A_PAGE)
        try:
            report = replay(with_frames(layout, walked))
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        took = replays.needed(mode, values, wanted)
        assert took is not None
        verdict, says = holds(values, report)
        if verdict:
            replays.agreed("tables taken", took, report.consumed)
        return Replay(verdict, says, ((f"{walked} frames set aside", with_frames(layout, walked), report),))

    return judge


def _fired(report: Report, name: str) -> list[int]:
    return sorted({each.frame for each in report.fired if each.generation == name})


def _silent(report: Report, name: str) -> tuple[bool, str]:
    frames = _fired(report, name)
    return not frames, f"the asserts as {name} fire at {len(frames)} of {report.nr_pt_pages} frames: {frames}"


def _silent_but_once(values: Values, report: Report) -> tuple[bool, str]:
    frames = _fired(report, POSTED.name)
    beyond = len(frames) != 1 or (values["level"], values["slot"]) == (2, walk.XENS_SLOT)
    return (
        not beyond,
        f"the asserts as posted fire at {frames} of {report.nr_pt_pages} frames, the L2 in slot 3",
    )


def _caught_there(values: Values, report: Report) -> tuple[bool, str]:
    return _caught_at(values["frame"], report)


def _caught_at(index: int, report: Report) -> tuple[bool, str]:
    names = {each.generation for each in report.fired if each.frame == index}
    return names == {POSTED.name, COMMITTED.name, FIXED.name}, (
        f"of {report.nr_pt_pages} frames {report.consumed} are taken; at frame {index} fire the asserts of: "
        f"{', '.join(sorted(names)) or 'no generation'}"
    )


def _any_fires(names: tuple[str, ...]) -> Callable[[Values, Report], tuple[bool, str]]:
    def holds(_values: Values, report: Report) -> tuple[bool, str]:
        frames = sorted({each.frame for each in report.fired if each.generation in names})
        return bool(frames), (
            f"{report.nr_pt_pages} frames are set aside and {report.consumed} taken; the asserts fire at: "
            f"{frames or 'none'}; outside of what is set aside lie tables {list(report.stray_tables)}"
        )

    return holds


def _told_by_cursor(mode: PagingMode) -> Callable[[Values, Report], tuple[bool, str]]:
    """Whether the builder's cursor ends where the frames set aside do just where a walk needs as many."""

    def holds(values: Values, report: Report) -> tuple[bool, str]:
        right = replays.needed(mode, values, report.nr_pt_pages) == report.nr_pt_pages
        at_end = report.consumed == report.nr_pt_pages
        return at_end == right, (
            f"the next table would be frame {report.consumed}, {report.nr_pt_pages} are set aside, and the count "
            f"is {'right' if right else 'wrong'}"
        )

    return holds


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
