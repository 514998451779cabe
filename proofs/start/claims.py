"""The family *Start of the loop*: from which count the search may start, and what the least result is.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, f the count.
"""

from functools import partial

from ...encodings.dom0_count import FIRST_TRIED, tables
from ...encodings.dom0_layout import stack_end
from ...formal.layouts.layout import Layout
from ...formal.layouts.paging import COMPAT, PAE_AS_NEEDED, PAGE_SIZE, TWO_LEVEL, X86_64, PagingMode
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.machine.arrange import touched
from ...formal.words.word import number
from ..count.claims import BOTH, on_pages, ordinary
from ..shared import region, replays, search
from ..shared.region import m, n, v_start, vpt_start
from ..shared.replays import Values

FAMILY = "Start of the loop"
MAGIC = "starting from (compat ? 6 : 4) is probably a good move"
BLOCK = 2 << 20
"""What one L1 maps, in bytes."""


def first_of(mode: PagingMode) -> int:
    """The start that the thread proposes: 6 for compat, 4 for 64-bit; it is the least count there is."""
    return region.least_possible(mode)


@claim(
    family=FAMILY,
    sentence="The loop starting from 2 (which clearly is too small for a possible result)",
    source="thread",
)
def two_too_small() -> tuple[Part, ...]:
    """For all S, T with room: f(S, V(2)) > 2; for compat without room, too."""
    return tuple(
        Part(
            name=mode.title,
            lemma=Lemma(
                f"two-too-small[{mode.name}]",
                "f(S, V(2)) > 2",
                Statement(
                    assumptions=(region.room(mode, number(FIRST_TRIED)),),
                    goal=search.needed(mode, number(FIRST_TRIED)) > FIRST_TRIED,
                ),
                Steps(
                    uses=(region.count_at_least(mode).at(n=number(FIRST_TRIED)),),
                    generalise=(search.needed(mode, number(FIRST_TRIED)),),
                ),
            )
            if region.fixed_tables(mode) <= FIRST_TRIED
            else Lemma(
                f"two-too-small[{mode.name}]",
                "f(S, V(2)) > 2, room or not",
                Statement(goal=search.needed(mode, number(FIRST_TRIED)) > FIRST_TRIED),
                Steps(
                    uses=(region.count_above_fixed(mode).at(n=number(FIRST_TRIED)),),
                    generalise=(search.needed(mode, number(FIRST_TRIED)),),
                ),
            ),
            least=(v_start, vpt_start),
            shape=ordinary(),
            without={"room": v_start == 0},
            replay=replays.region_case(mode, partial(_more_than, FIRST_TRIED), count=None),
        )
        for mode in BOTH
    )


def _no_less(mode: PagingMode, least: int, expected: Expected = Expected.PROVED) -> Part:
    """The part that says that every result is ``least`` or more."""
    fixed = region.fixed_tables(mode)
    return Part(
        name=f"never less than {least}, {mode.title}",
        lemma=Lemma(
            f"no-less-than-{least}[{mode.name}]",
            f"the search stops at n ⇒ n ≥ {least}",
            Statement(assumptions=(region.room(mode, n),), runs=(search.found(mode),), goal=n >= least),
            Steps(
                uses=(region.count_at_least(mode).at(), search.exact(mode).at()),
                generalise=(search.needed(mode, n),),
            ),
        )
        if fixed + 1 < least
        else Lemma(
            f"no-less-than-{least}[{mode.name}]",
            f"the search stops at n ⇒ n ≥ {least}, room or not",
            Statement(runs=(search.found(mode),), goal=n >= least),
            Steps(uses=(search.starts_at_two(mode).at(),), generalise=(search.needed(mode, n),)),
        ),
        expected=expected,
        least=(v_start, vpt_start),
        shape=ordinary(),
        without={"room": (n == fixed + 1) & (v_start == 0)},
        replay=replays.region_case(mode, lambda _values, layout: _at_least(least, layout)),
    )


def _is_reached(mode: PagingMode, least: int) -> Part:
    """The part that says that some region takes ``least`` tables."""
    return Part(
        name=f"{least} is reached, {mode.title}",
        reached=True,
        lemma=Lemma(
            f"reached-{least}[{mode.name}]",
            f"some search stops at {least}",
            Statement(assumptions=(region.room(mode, n),), runs=(search.found(mode),), goal=n == least),
        ),
        least=(v_start, vpt_start),
        shape=ordinary() & (v_start < 1 << 30) & (n == search.needed(mode, n)),
        replay=replays.region_case(
            mode,
            lambda _values, layout: (
                layout.nr_pt_pages == least,
                f"the machine finds n = {layout.nr_pt_pages}",
            ),
        ),
    )


@claim(family=FAMILY, sentence="The minimum for the current implementation is 4 afaict", source="thread")
def min_64() -> tuple[Part, ...]:
    """64-bit: for all S, T with room n ≥ 4; and there are S, T with n = 4."""
    return _no_less(X86_64, 4), _is_reached(X86_64, 4)


@claim(
    family=FAMILY,
    sentence="... could be 3 for 32-bit Dom0.",
    source="thread",
    cure="the minimum for a 32-bit dom0 is 6: one L3, four L2 whether needed or not, one L1",
)
def min_compat_3() -> tuple[Part, ...]:
    """Compat: there are S, T with room and n ≤ 3. Refuted: n ≥ 6 for all, and 6 is reached."""
    few = Part(
        name="3 or fewer are reached",
        reached=True,
        expected=Expected.REFUTED,
        lemma=Lemma(
            "three-reached[compat]",
            "some search stops at 3 or below",
            Statement(assumptions=(region.room(COMPAT, n),), runs=(search.found(COMPAT),), goal=n <= 3),
            Steps(
                uses=(region.count_at_least(COMPAT).at(), search.exact(COMPAT).at()),
                generalise=(search.needed(COMPAT, n),),
            ),
        ),
        least=(n, v_start, vpt_start),
        shape=ordinary() & (v_start < 1 << 30) & (n == search.needed(COMPAT, n)) & (n < 8),
        replay=replays.region_case(COMPAT, _at_most_three),
    )
    return few, _no_less(COMPAT, 6), _is_reached(COMPAT, 6)


@claim(family=FAMILY, sentence="2 was the correct absolute minimum for 2-level guests.", source="thread")
def min_2level() -> tuple[Part, ...]:
    """Two levels, f = 1 + N_22: for all S, T n ≥ 2; and there are S, T with n = 2."""
    return _no_less(TWO_LEVEL, 2), _is_reached(TWO_LEVEL, 2)


@claim(
    family=FAMILY,
    sentence="XTF kernels don't exceed the 2M boundary (at least, not currently), so they can be mapped with only 3 or 4 pagetables",
    source="thread",
)
def small_needs_4() -> tuple[Part, ...]:
    """S ≤ T, E(k) ≤ 2 MiB: f(S, E(k)) = k, for k = 4 (64-bit) and k = 3 (PAE with as many L2 as it spans).

    E(k) is the end of the boot stack: the region's end when it is neither padded nor rounded to 4 MiB.
    """
    return tuple(
        Part(
            name=f"{count}, {mode.title}",
            lemma=Lemma(
                f"small-needs-{count}[{mode.name}]",
                f"S ≤ T, E({count}) ≤ 2 MiB ⇒ f(S, E({count})) = {count}",
                Statement(
                    assumptions=(
                        Assumption("in-order", v_start <= vpt_start, "v_start ≤ vpt_start"),
                        Assumption(
                            "small",
                            (vpt_start < BLOCK) & (stack_end(vpt_start, number(count)) <= BLOCK),
                            "the boot stack ends at 2 MiB or below",
                        ),
                    ),
                    goal=tables(mode, v_start, stack_end(vpt_start, number(count))) == count,
                ),
            ),
            least=(v_start, vpt_start),
            shape=ordinary(),
            without={"in-order": on_pages(), "small": ordinary()},
            replay=_unrounded(mode, count),
        )
        for mode, count in ((X86_64, 4), (PAE_AS_NEEDED, 3))
    )


def _same_result(mode: PagingMode, first: int) -> Statement:
    """The statement that a search from ``first``, which stops at m, finds the same as one from 2."""
    return Statement(
        assumptions=(region.room(mode, n),),
        runs=(search.found(mode), search.found(mode, m, first)),
        goal=m == n,
    )


@claim(family=FAMILY, sentence=MAGIC, source="thread")
def start_6_4() -> tuple[Part, ...]:
    """For all S, T with room: the search from 4 (64-bit) or 6 (compat) stops where the one from 2 does."""
    parts = []
    for mode in BOTH:
        statement = _same_result(mode, first_of(mode))
        proof = Steps(
            uses=(
                search.exact(mode).at(),
                region.count_at_least(mode).at(),
                search.stops_least(mode).at(n=m, m=n, first=number(first_of(mode))),
                search.stops_exactly(mode).at(n=m, first=number(first_of(mode))),
                region.count_at_least(mode).at(n=m),
                search.stops_least(mode).at(first=number(FIRST_TRIED)),
            ),
            generalise=(search.needed(mode, n), search.needed(mode, m)),
        )
        parts.append(
            Part(
                name=f"from {first_of(mode)}, {mode.title}",
                lemma=Lemma(
                    f"start-{first_of(mode)}[{mode.name}]",
                    f"the searches from 2 and from {first_of(mode)} stop at the same n",
                    statement,
                    proof,
                ),
                least=(v_start, vpt_start),
                shape=ordinary(),
                without={
                    "room": (v_start == 0)
                    & (n == region.fixed_tables(mode) + 1)
                    & (m == first_of(mode))
                    & (vpt_start & (PAGE_SIZE - 1) == 0)
                },
                replay=replays.region_case(mode, _same_count),
            )
        )
    return tuple(parts)


@claim(
    family=FAMILY,
    sentence=MAGIC,
    source="follows: whether an even higher start would do",
    cure="start from 4 or 6, not higher: a start above the least fixed point of some region misses it there",
)
def start_higher() -> tuple[Part, ...]:
    """For all S, T with room: the search from 5 (64-bit) or 7 (compat) stops where the one from 2 does."""
    parts = []
    for mode in BOTH:
        first = first_of(mode) + 1
        statement = _same_result(mode, first)
        parts.append(
            Part(
                name=f"from {first}, {mode.title}",
                expected=Expected.REFUTED,
                lemma=Lemma(
                    f"start-{first}[{mode.name}]",
                    f"the searches from 2 and from {first} stop at the same n",
                    statement,
                ),
                least=(v_start, vpt_start),
                shape=ordinary()
                & (v_start < 1 << 30)
                & (search.needed(mode, n) == n)
                & (n < m)
                & (m == first),
                replay=replays.also_with_m(replays.region_case(mode, _same_count)),
            )
        )
    return tuple(parts)


CLAIMS: tuple[Claim, ...] = (
    two_too_small,
    min_64,
    min_compat_3,
    min_2level,
    small_needs_4,
    start_6_4,
    start_higher,
)


def _more_than(least: int, values: Values, layout: Layout) -> tuple[bool, str]:
    took = replays.needed(layout.mode, values, least)
    return took is not None and took > least, f"with {least} set aside a walk touches {took} tables"


def _at_least(least: int, layout: Layout) -> tuple[bool, str]:
    return layout.nr_pt_pages >= least, f"the machine finds n = {layout.nr_pt_pages}"


def _at_most_three(_values: Values, layout: Layout) -> tuple[bool, str]:
    return layout.nr_pt_pages <= 3, f"the machine finds n = {layout.nr_pt_pages}, the least there is"


def _same_count(values: Values, layout: Layout) -> tuple[bool, str]:
    took = replays.needed(layout.mode, values, values["m"])
    replays.agreed(f"f(S, V({values['m']}))", min(values["m"], took or 0), took or 0)
    return values["m"] == layout.nr_pt_pages, (
        f"{layout.nr_pt_pages} frames are enough, and the higher start stops at {values['m']}"
    )


def _unrounded(mode: PagingMode, count: int) -> replays.Judge:
    def holds(values: Values) -> tuple[bool, str]:
        end = values["vpt_start"] + (count + 1) * PAGE_SIZE
        took = touched(mode, values["v_start"], end) if values["v_start"] < end else 0
        return took == count, f"a walk up to the end of the stack touches {took} tables"

    return replays.arithmetic_case(holds)
