"""The family *Asserts*, continued: what the asserts make of a count that is too large, or too small.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, f the count, as in `asserts`. The
n that are set aside here are any, not those of the search.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from ...encodings import read_only_walk as walk
from ...formal.layouts.paging import COMPAT, PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.machine.builder import Domain, build, mark_read_only
from ...formal.machine.replay import GENERATIONS, Report, with_frames
from ...formal.words.word import TRUE, Truth, Word, all_of, number
from ..builder.frame_claims import maps_nth, on_machine
from ..builder.frames_taken import (
    above_4_gib,
    below_4_gib,
    consumed,
    ends_at_its_start,
    full_circle,
    looking_at_nothing,
    takes,
    takes_at_least,
)
from ..builder.mapped_pages import (
    at,
    below_tables,
    built,
    initrd_len,
    no_initrds_frame,
    on_pages,
    region_bytes,
    table_page,
    v_end,
    vinitrd_start,
)
from ..builder.root_limits import into_the_hole, walkable
from ..builder.table_entries import every_table
from ..builder.table_places import ITS
from ..count.claims import BOTH, ordinary
from ..shared import region, replays, search
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values
from . import claims as asserts
from .claims import FAMILY, PURPOSE, frame
from .walk_pages import stands_at, visits, walk_comes_to

STRONGER: Final = "check that the next table frame, mpt_alloc, ends up at the end of the tables: that catches every miscount"


@cache
def left_over_caught(mode: PagingMode) -> Lemma:
    """The walk reaches every frame that is left over, and no generation's asserts hold for it."""
    needed = search.needed(mode, n)
    left_over = Assumption(
        "left-over",
        (frame >= needed) & (frame < n),
        "the frame is left over: f(S, V(n)) ≤ frame < n",
    )
    comes_to = walk_comes_to(mode)
    return Lemma(
        f"left-over-caught[{mode.name}]",
        "f(S, V(n)) ≤ i < n ⇒ after i visits the walk is at the page T + 4096 i, by full entries, that maps the i-th "
        "frame from the first table on, and it fails every generation's asserts",
        Statement(
            assumptions=(region.room(mode, n), on_pages(), below_tables(), walkable(mode), left_over),
            runs=visits(mode, frame, table=frame, entry=number(0)),
            goal=stands_at(mode, frame) & maps_nth(frame) & _caught(asserts.info_of(mode)),
        ),
        Steps(
            uses=(
                takes(mode).at(table=frame, entry=number(0)),
                comes_to.at(index=frame, table=frame, entry=number(0)),
            ),
            generalise=(
                consumed(mode),
                needed,
                table_page() + frame,
                region_bytes,
                v_end,
            ),
        ),
    )


@cache
def over_count_caught(mode: PagingMode) -> Lemma:
    """Of every over-count a frame is left over: the last one."""
    last, needed = n - 1, search.needed(mode, n)
    every = left_over_caught(mode)
    over = Assumption("over", n > needed, "more are set aside than taken: n > f(S, V(n))")
    return Lemma(
        f"over-count-caught[{mode.name}]",
        "n > f(S, V(n)) ⇒ after n - 1 visits the walk is at the page of frame n - 1, which fails every generation's "
        "asserts",
        Statement(
            assumptions=(*every.statement.assumptions[:-1], over),
            runs=visits(mode, last, table=last, entry=number(0)),
            goal=stands_at(mode, last) & maps_nth(last) & _caught(asserts.info_of(mode, last)),
        ),
        Steps(
            uses=(every.at(frame=last),),
            generalise=(
                needed,
                consumed(mode),
                table_page() + last,
                region_bytes,
                v_end,
            ),
        ),
    )


@claim(family=FAMILY, sentence=PURPOSE, source="thread (purpose)")
def asserts_overcount() -> tuple[Part, ...]:
    """For all S, T, n with room and n > f(S, V(n)), by however many: every left-over frame fails the asserts of every generation.

    And the walk visits each of them: after i visits it is at the page T + 4096 i, by entries that the builder
    filled and Xen didn't overwrite, and that page maps the i-th frame from the first table on. There is at least
    one, frame n - 1. For S, T and any mapped initrd on pages; for 64-bit, if the region doesn't run off the root;
    for compat, if it ends by 0xf5800000, where addresses of a 32-bit guest may begin to be Xen's own.
    """
    parts = []
    for mode in BOTH:
        fewest = region.least_possible(mode) + 1
        at_1_mib = (v_start == 0) & (vpt_start == 1 << 20) & no_initrds_frame() & _any_slot()
        without = {
            "room": full_circle() & no_initrds_frame() & (n == 8) & _any_slot(),
            "pages": (v_start == PAGE_SIZE // 2)
            & (vpt_start == 1 << 20)
            & no_initrds_frame()
            & (n == fewest + 1)
            & _any_slot(),
            "initrd": (v_start == 0)
            & (vpt_start == 1 << 20)
            & (vinitrd_start == 2 << 20)
            & (initrd_len == 2 << 20)
            & (ITS.initrd_frame == 0)
            & (n == fewest + 1)
            & _any_slot(),
            "root": (v_start == -(4 << 20))
            & (vpt_start == PAGE_SIZE)
            & no_initrds_frame()
            & (n == 10)
            & _any_slot(),
            "below": into_the_hole() & no_initrds_frame() & (n == 12) & _any_slot(),
        }
        some = (
            (v_start == 0)
            & (vpt_start == 2 * PAGE_SIZE)
            & no_initrds_frame()
            & (n == fewest + 1)
            & _any_slot()
        )
        every, last = frame == n - 1, frame == 0
        parts += [
            Part(
                name=f"every left-over frame, {mode.title}",
                lemma=left_over_caught(mode),
                least=(v_start, vpt_start, n, frame),
                shape=some & every,
                without={name: each & every for name, each in without.items()}
                | {"left-over": at_1_mib & (n == fewest + 1) & (frame == 0)},
                replay=on_machine(mode, _caught_at(lambda values: values["frame"])),
            ),
            Part(
                name=f"there is one, {mode.title}",
                lemma=over_count_caught(mode),
                least=(v_start, vpt_start, n),
                shape=some & last,
                without=without | {"over": at_1_mib & (n == fewest)},
                replay=on_machine(mode, _caught_at(lambda values: values["n"] - 1)),
            ),
        ]
    return tuple(parts)


@claim(family=FAMILY, sentence=PURPOSE, source="thread (purpose)", cure=STRONGER)
def asserts_undercount() -> tuple[Part, ...]:
    """There are S, T, n with room and n < f(S, V(n)), and a frame < n of which an assert fails. Refuted: all hold.

    However small n is, all of these frames are tables. For a 32-bit dom0 this is about the asserts as fixed; the
    others fail there whether the count is right or not. asserts-overcount says for any n that the walk visits these
    frames, and no others. One check catches an under-count, and every over-count too: that T + 4096 f, where the
    next table would lie, is the tables' end.
    """
    parts = []
    for mode in BOTH:
        generations = walk.GENERATIONS if mode is X86_64 else (walk.FIXED,)
        names = tuple(each.name for each in generations)
        needed = search.needed(mode, n)
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
                        assumptions=(
                            region.room(mode, n),
                            under,
                            asserts.is_walked(),
                        ),
                        runs=(asserts.building(mode),),
                        goal=~all_of(each.passes(asserts.info_of(mode)) for each in generations),
                    ),
                    Steps(
                        uses=(
                            takes_at_least(mode).at(table=frame, entry=number(0)),
                            at(every_table(), mode, table=frame, entry=number(0)),
                        ),
                        generalise=(consumed(mode), needed),
                    ),
                ),
                least=(v_start, vpt_start, frame, asserts.slot),
                shape=asserts.few_frames() & (n + 1 == needed) & (asserts.slot < 4),
                without={
                    "room": ends_at_its_start() & no_initrds_frame() & (frame == 1),
                    "under": asserts.few_frames() & (n == needed + 1) & (frame == needed) & _any_slot(),
                },
                replay=asserts.judged(mode, _any_fires(names)),
            )
        )
    for mode in BOTH:
        needed, took = search.needed(mode, n), consumed(mode)
        parts.append(
            Part(
                name=f"the stronger check catches every miscount, {mode.title}",
                lemma=Lemma(
                    f"stronger-check[{mode.name}]",
                    "the next table would lie at T + 4096 n ⇔ n = f(S, V(n))",
                    Statement(
                        assumptions=(region.room(mode, n), *_below(mode)),
                        runs=(built(mode),),
                        goal=walk.ends_with_tables(vpt_start, n, took) == (n == needed),
                    ),
                    Steps(
                        uses=(takes(mode).at(), region.count_bounded(mode).at()),
                        generalise=(took, needed, vpt_start - v_start, v_end),
                    ),
                ),
                least=(v_start, vpt_start, n),
                shape=ordinary()
                & (v_start == 0)
                & (vpt_start < 2 << 20)
                & (n < asserts.FEW)
                & (n + 1 == needed)
                & looking_at_nothing(),
                without={
                    "room": _too_many() & looking_at_nothing(),
                    "below": _fifth_l2(mode),
                },
                replay=asserts.judged(mode, _told_by_cursor(mode)),
            )
        )
    return tuple(parts)


CLAIMS: tuple[Claim, ...] = (asserts_overcount, asserts_undercount)


def _any_slot() -> Truth:
    """The slot of a frame that isn't left over, for a witness: the first."""
    return asserts.slot == 0


def _too_many() -> Truth:
    """Where to look for frames that are so many that their place wraps, and the region is a small one."""
    return (
        (v_start == 0)
        & (vpt_start == 2 * PAGE_SIZE)
        & (n & (asserts.FEW - 1) == n & ~(1 << 52))
        & (n >= 1 << 52)
    )


def _below(mode: PagingMode) -> tuple[Assumption, ...]:
    """What a 32-bit dom0's count rests on besides room."""
    return (below_4_gib(),) if mode is COMPAT else ()


def _caught(info: Word) -> Truth:
    """No generation's asserts hold."""
    result = TRUE
    for each in walk.GENERATIONS:
        result &= ~each.passes(info)
    return result


def _fifth_l2(mode: PagingMode) -> Truth:
    """Where to look for a region above 4 GiB, with one frame set aside that isn't counted, and is taken."""
    return above_4_gib() & looking_at_nothing() & (n == search.needed(mode, n) + 1)


def _numbered(frames: Sequence[int]) -> str:
    """Frames by their numbers."""
    return f"frame{'s' if len(frames) > 1 else ''} {', '.join(map(str, frames))}"


def _any_fires(names: tuple[str, ...]) -> Callable[[Values, Report], tuple[bool, str]]:
    def holds(_values: Values, report: Report) -> tuple[bool, str]:
        frames = sorted({each.frame for each in report.fired if each.generation in names})
        fires = f"asserts fire at {_numbered(frames)}" if frames else "no assert fires"
        stray = report.stray_tables
        lie = "table at {} lies" if len(stray) == 1 else "tables at {} lie"
        outside = f"; the {lie.format(_numbered(stray))} outside of them" if stray else ""
        taken = f"{report.nr_pt_pages} frames are set aside and {report.consumed} taken"
        return bool(frames), f"{taken}; {fires}{outside}"

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


def _caught_at(at: Callable[[Values], int]) -> Callable[[Values, Domain], tuple[bool, str]]:
    """Whether the machine's walk reaches the frame, by the pages from T on, and all asserts fire there."""

    def holds(values: Values, domain: Domain) -> tuple[bool, str]:
        index = at(values)
        going = build(with_frames(domain.layout, index + 1))
        mark_read_only(going, GENERATIONS)
        fired = [each for each in going.fired if each.frame == index]
        names = {each.generation for each in fired}
        others = {each.mfn - going.pool_mfn for each in fired} - {index}
        return not others and names == {each.name for each in GENERATIONS}, (
            f"of {values['n']} frames {len(domain.order)} are taken; at page {index} of the tables fire the asserts of: "
            f"{', '.join(sorted(names)) or 'no generation'}"
            f"{''.join(f', and that page maps frame {each}' for each in others)}"
        )

    return holds
