"""The family *Count*: what the search for ``nr_pt_pages`` finds, and that it ends.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, f the count.
"""

from ...encodings.dom0_count import FIRST_TRIED
from ...encodings.spans import spanned
from ...formal.layouts.layout import Layout
from ...formal.layouts.paging import COMPAT, PAGE_SIZE, PAGING_MODES, TWO_LEVEL, X86_64, PagingMode
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import PADDING, region_end
from ...formal.words.word import Truth, Word, choose, number, word, zero_extended
from ..shared import arithmetic, region, replays, search
from ..shared.region import m, n, v_start, vpt_start
from ..shared.replays import Values

BOTH = (X86_64, COMPAT)
FAMILY = "Count"
THREAD = "thread, first paragraph"
QUESTION = "I question (myself) whether the result is precise or merely an upper bound."


def ordinary(v_start: Word = v_start, vpt_start: Word = vpt_start) -> Truth:
    """A region as images have it: page aligned, with room for a kernel page and the start info."""
    return on_pages() & (vpt_start - v_start >= 2 * PAGE_SIZE) & (vpt_start >= v_start)


def on_pages() -> Truth:
    """S and T are multiples of 4096."""
    return (v_start | vpt_start) & (PAGE_SIZE - 1) == 0


def small() -> Truth:
    """An ordinary region from address 0 on, below 1 GiB: round figures for a witness."""
    return ordinary() & (v_start == 0) & (vpt_start < 1 << 30)


@claim(family=FAMILY, sentence=QUESTION, source=THREAD)
def exact() -> tuple[Part, ...]:
    """For all S, T with room: the n that the search 2, 3, 4, … stops at has f(S, V(n)) = n.

    So the count is exactly the number of blocks that the region touches. S need not be aligned to anything, nor be
    below T in the address space. Five levels, which no PV guest has, show that the argument doesn't depend on three
    or four. consumed-64, consumed-compat and walk-visits-tables say what the builder takes and links.
    """
    return tuple(
        Part(
            name=mode.title,
            lemma=search.exact(mode),
            least=(v_start, vpt_start),
            shape=ordinary(),
            without={"room": _stops_at_the_end(mode)},
            replay=replays.region_case(mode, _counted),
        )
        for mode in PAGING_MODES.values()
    )


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def least() -> tuple[Part, ...]:
    """For all S, T and m ≥ 2: f(S, V(m)) = m ⇒ n ≤ m, n being what the search finds.

    With exact: n is the least fixed point. This holds from 2 on, where the search starts. A region that wraps
    around the whole address space can have a smaller fixed point.
    """
    return tuple(
        Part(
            name=mode.title,
            lemma=search.least(mode),
            least=(v_start, vpt_start, m),
            shape=ordinary(),
            without={
                "fixed": ordinary() & (m == FIRST_TRIED),
                "tried": on_pages() & (n == FIRST_TRIED) & (m == 1) & (v_start == 0),
            },
            replay=replays.region_case(mode, _no_less),
        )
        for mode in BOTH
    )


@claim(
    family=FAMILY,
    sentence=QUESTION,
    source="follows",
    cure="the search starts below every fixed point, as it does from 2: then it finds the least one",
)
def unique() -> tuple[Part, ...]:
    """For all S, T, m with room: f(S, V(m)) = m ⇒ m = n, n being what the search finds."""
    return tuple(
        Part(
            name=mode.title,
            lemma=Lemma(
                f"unique[{mode.name}]",
                "f(S, V(m)) = m ⇒ m = n",
                Statement(
                    assumptions=(
                        Assumption(
                            "fixed", search.needed(mode, m) == m, "m is a fixed point: f(S, V(m)) = m"
                        ),
                        region.room(mode, m),
                    ),
                    runs=(search.found(mode),),
                    goal=m == n,
                ),
            ),
            expected=Expected.REFUTED,
            least=(v_start, vpt_start, n, m),
            shape=small() & (search.needed(mode, n) == n) & (n < m) & (m < 64),
            replay=replays.also_with_m(replays.region_case(mode, _only_one(mode))),
        )
        for mode in BOTH
    )


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def terminates() -> tuple[Part, ...]:
    """For all S, T: the search stops, at n ≤ the tables of the whole address space.

    Where there is room, closed-form says beforehand at which n it stops.
    """
    return tuple(
        Part(
            name=mode.title,
            lemma=search.stops(mode),
            least=(v_start, vpt_start),
            shape=ordinary(),
            replay=replays.region_case(
                mode, lambda _values, layout: (True, f"the machine's search stops at {layout.nr_pt_pages}")
            ),
        )
        for mode in BOTH
    )


@claim(
    family=FAMILY,
    sentence="v_end is rounded up to 4MB.",
    source="thread (the second bullet); the code rounds up and then adds 4 MiB if less than 512 KiB is left",
)
def v_end_closed() -> tuple[Part, ...]:
    """For all T, n: V(n) = ⌈E + 512 KiB⌉ to 4 MiB, with E = T + 4096 n + 4096; modulo 2^64."""
    return (
        Part(
            name="any mode",
            lemma=region.v_end_closed(),
            least=(vpt_start, n),
            replay=replays.arithmetic_case(_steps_to_v_end),
        ),
    )


low, length = word("low"), word("length")
WIDE = 72
"""Wide enough for sums of 64-bit words not to wrap."""
MOST_STEPS = 1 << 20
"""Ranges of more blocks than these aren't stepped through."""


def _span_modular(shift: int) -> Lemma:
    wide_low, wide_length = zero_extended(low, WIDE), zero_extended(length, WIDE)
    last = (wide_low + wide_length - 1) >> shift
    touched = choose(length == 0, number(0, WIDE), last - (wide_low >> shift) + 1)
    return Lemma(
        f"span-modular[{shift}]",
        f"N(low, low + length) = blocks of 2^{shift} bytes that are touched, modulo 2^{64 - shift}",
        Statement(
            assumptions=(Assumption("not-empty", length >= 1, "the range has an address: length ≥ 1"),),
            goal=zero_extended(spanned(low, low + length, shift), WIDE)
            == touched & ((1 << (64 - shift)) - 1),
        ),
        Steps(
            uses=(
                arithmetic.spanned_from_low(shift).at(far=low + length),
                arithmetic.added_taken_off().at(a=low, b=length),
            ),
            generalise=(spanned(low, low + length, shift), low + length - low),
        ),
    )


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def span_modular() -> tuple[Part, ...]:
    """For all l and all lengths ≥ 1: N_s(l, l + length) is the number of blocks touched, modulo 2^(64-s).

    The number is that of a calculation that doesn't wrap: the last block's index, less the first's, plus one. An
    end of 0 stands for 2^64. Only a range that touches all blocks is counted as none, or as one if it ends in its
    first block again. An empty range touches no block, but is counted as one if it isn't at a block's border.
    """
    shifts = sorted(
        {
            level.shift
            for mode in (X86_64, COMPAT, TWO_LEVEL)
            for level in mode.counted_levels
            if level.fixed is None
        }
    )
    return tuple(
        Part(
            name=f"blocks of 2^{shift} bytes",
            lemma=_span_modular(shift),
            least=(length, low),
            without={"not-empty": length == 0},
            replay=_counts_blocks(shift),
        )
        for shift in shifts
    )


CLAIMS: tuple[Claim, ...] = (exact, least, unique, terminates, v_end_closed, span_modular)


def _counted(_values: Values, layout: Layout) -> tuple[bool, str]:
    return replays.counted(layout)


def _stops_at_the_end(mode: PagingMode) -> Truth:
    """Where to look for a region that comes full circle: it does so at the first count that is too many."""
    return on_pages() & (n == region.fixed_tables(mode) + 1) & (search.needed(mode, n - 1) >= n)


def _no_less(values: Values, layout: Layout) -> tuple[bool, str]:
    exact, says = replays.counted(layout)
    return exact and layout.nr_pt_pages <= values["m"], f"{says}; m = {values['m']}"


def _only_one(mode: PagingMode) -> replays.Holds:
    def holds(values: Values, _layout: Layout) -> tuple[bool, str]:
        fits = [each for each in (values["n"], values["m"]) if replays.needed(mode, values, each) == each]
        more = "".join(f", and so are {each}" for each in sorted(set(fits))[1:])
        return not more, f"{min(fits, default='no')} frames are exactly what their region needs{more}"

    return holds


def _steps_to_v_end(values: Values) -> tuple[bool, str]:
    end = values["vpt_start"] + (values["n"] + 1) * PAGE_SIZE
    with_padding = region_end(end + PADDING, padding=0)
    return region_end(
        end
    ) == with_padding, f"{region_end(end):#x} by the builder's steps, {with_padding:#x} in one"


def _counts_blocks(shift: int) -> replays.Judge:
    def judge(values: Values) -> Replay:
        low, end = values["low"], values["low"] + values["length"]
        if values["length"] >> shift > MOST_STEPS:
            return Replay(None, replays.TOO_LARGE)
        model = (-(-end >> shift) - (low >> shift)) % (1 << (64 - shift))
        blocks = len({address >> shift for address in (*range(low, end, 1 << shift), *range(low, end)[-1:])})
        return Replay(
            model == blocks % (1 << (64 - shift)), f"stepping through the range touches {blocks} blocks"
        )

    return judge
