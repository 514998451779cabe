"""The family *Toolstack*: whether libxenguest's iteration finds what the hypervisor's search finds.

Notation of DOMAIN.md section 1, for both: S = v_start, V = v_end, T = vpt_start, where what has been allocated
before the tables ends, n = nr_pt_pages. The lemmas are those of `mappings`, `iteration` and `endless`. Every case is
replayed by the frame machine, which takes the toolstack's steps and builds the tables.
"""

from ...encodings import domu
from ...formal.layouts.layout import ADDRESS_LIMIT, Layout
from ...formal.layouts.paging import COMPAT, PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Lemma, Statement
from ...formal.logic.verdict import Replay
from ...formal.machine import domu as machine
from ...formal.machine.arrange import FIRST_TRIED, TooLarge, region_end, touched
from ...formal.words.word import Truth, number
from ..count.claims import ordinary
from ..shared import replays, search
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values
from . import mappings
from .iteration import agree, end, fits, in_order, pages, toolstacks
from .mappings import LINE, last, p2m, p2m_last
from .never_stops import never_stops, steps

FAMILY = "Toolstack"
SENTENCE = "The toolstack counts a domU's page tables by rules of its own."
SOURCE = "follows: two builders for one guest"


def _small(mode: PagingMode) -> Truth:
    stopped = vpt_start + (toolstacks(mode) + domu.EXTRA) * PAGE_SIZE <= end()
    few = (n < 64) & (pages < 64 + domu.EXTRA) & (pages >= domu.EXTRA)
    return ordinary() & (vpt_start - v_start < 16 << 20) & few & stopped & (n == search.needed(mode, n))


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=SOURCE,
)
def domu_equals_dom0() -> tuple[Part, ...]:
    """64-bit, S ≤ T, the region across no multiple of 2^48, V ≤ 2^64 - 4 MiB: libxenguest's n and V are the search's.

    A region that ends at 2^64 itself is the hypervisor's last one. With T in the last 4 MiB, and room above it, the
    toolstack's iteration never stops: for every k, it continues after k steps.
    """
    small = _small(X86_64)
    return (
        Part(
            name=X86_64.title,
            lemma=agree(X86_64),
            least=(v_start, vpt_start),
            shape=small & (v_start == 0),
            without={
                "in-order": (v_start == 6 << 20) & (vpt_start == 0) & (n == 896) & (pages == domu.EXTRA),
                "fits": (v_start == 6 << 20)
                & (vpt_start == (1 << 64) - 16 * PAGE_SIZE)
                & (n == 912)
                & (pages == domu.EXTRA),
                "block": ordinary()
                & (v_start == (1 << 48) - LINE)
                & (vpt_start == (1 << 48) - 16 * PAGE_SIZE)
                & (n < 64),
            },
            replay=_both(X86_64),
        ),
        Part(
            name="a region that ends at 2^64: the iteration never stops",
            lemma=never_stops(),
            least=(v_start, vpt_start, steps),
            shape=(v_start == (1 << 64) - 4 * LINE) & (vpt_start == (1 << 64) - LINE) & (steps == 3),
            without={
                "last": (v_start == (1 << 64) - 4 * LINE)
                & (vpt_start == (1 << 64) - 2 * LINE)
                & (steps == 0),
                "fits": (v_start == (1 << 64) - 4 * LINE)
                & (vpt_start == (1 << 64) - 16 * PAGE_SIZE)
                & (steps == 0),
            },
            replay=_goes_round,
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=SOURCE,
    cure="a domU that starts below 1 GiB: then the toolstack, too, gives it four L2",
)
def domu_pae_equals() -> tuple[Part, ...]:
    """PAE, S ≤ T, V ≤ 4 GiB: libxenguest's n and V are the search's.

    Refuted: the toolstack gives no L2 to the addresses below the region, so 4 - S / 1 GiB are left. Proved for S <
    1 GiB.
    """
    statement = agree(COMPAT).statement
    return (
        Part(
            name="any start",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "toolstack-agrees[compat,any]",
                "the search stops at n, the iteration at p ⇒ its tables are n, and it ends the region at V(n)",
                Statement(assumptions=(in_order(), fits(COMPAT)), runs=statement.runs, goal=statement.goal),
            ),
            least=(v_start, vpt_start),
            shape=_small(COMPAT) & (v_start == 3 << 30),
            replay=_both(COMPAT),
        ),
        Part(
            name="a start below 1 GiB",
            lemma=agree(COMPAT),
            least=(v_start, vpt_start),
            shape=_small(COMPAT) & (v_start == 0),
            without={
                "in-order": (v_start == 6 << 20) & (vpt_start == 0) & (n == 896) & (pages == domu.EXTRA),
                "fits": (v_start == 0) & (vpt_start == (1 << 32) - 16 * PAGE_SIZE),
                "low": _small(COMPAT) & (v_start == 3 << 30),
            },
            replay=_both(COMPAT),
        ),
    )


@claim(family=FAMILY, sentence=SENTENCE, source=SOURCE)
def domu_p2m_tables() -> tuple[Part, ...]:
    """64-bit, a p2m [P, P'] of its own below S: its mapping gets at each level the tables that the region lacks.

    These are the blocks from ⌊P⌋ to ⌊P'⌋, less one if ⌊P'⌋ = ⌊S⌋: the region can share only its first block.
    """
    shared = (v_start == 0x201000) & (p2m == 0x200000) & (p2m_last == 0x200FFF) & (last == 0x1FFFFF)
    above = (v_start == 0) & (last == (3 << 20) - 1) & (p2m == 3 << 20) & (p2m_last == (4 << 20) - 1)
    linux = (1 << 64) - (2 << 30)
    return (
        Part(
            name=X86_64.title,
            lemma=mappings.second_mapping(),
            least=(p2m, p2m_last, last),
            shape=(p2m == 0x8000000000)
            & (p2m_last == 0x80002BBFFF)
            & (v_start == linux)
            & (last == linux + 16 * LINE - 1),
            without={"below": above, "in-order": shared},
            replay=_second,
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=SOURCE,
    cure="a region that ends above 2 GiB: then what lies between it and the last GiB is no L2 at all",
)
def domu_pae_before_4_7() -> tuple[Part, ...]:
    """PAE, S ≤ last < 4 GiB: the L2 that libxc counted before 4.7 are those that libxenguest has counted since.

    Refuted: before 4.7 it filled only the last GiB, not what lies between. Proved for regions that end above 2 GiB.
    """
    statement = mappings.same_l2().statement
    low = (v_start == 0) & (last == LINE - 1)
    return (
        Part(
            name="any region",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "same-l2-before-4.7[any]",
                "as many L2 before 4.7 as since",
                Statement(assumptions=(mappings.within_4_gib(),), goal=statement.goal),
            ),
            least=(v_start, last),
            shape=low,
            replay=_before_and_since,
        ),
        Part(
            name="a region that ends above 2 GiB",
            lemma=mappings.same_l2(),
            least=(v_start, last),
            shape=(v_start == 2 << 30) & (last == (2 << 30) + LINE - 1),
            without={"reaches": low},
            replay=_before_and_since,
        ),
    )


CLAIMS: tuple[Claim, ...] = (domu_equals_dom0, domu_pae_equals, domu_p2m_tables, domu_pae_before_4_7)


def _goes_round(values: Values) -> Replay:
    """Judges whether the machine, which takes the iteration's steps, returns to where it has been."""
    domain = machine.Domu(v_start=values["v_start"], alloc_end=values["vpt_start"])
    try:
        counted = machine.count(domain)
    except TooLarge:
        return Replay(None, replays.TOO_LARGE)
    if counted is None:
        return Replay(
            holds=True, says="the iteration reaches a region that it has tried before, and continues"
        )
    return Replay(
        holds=False,
        says=f"the iteration stops, with {counted.tables()} tables and an end of {counted.v_end:#x}",
    )


def _searched(mode: PagingMode, start: int, tables_start: int) -> tuple[int, int] | None:
    """The hypervisor's n and V, its ends wrapped: a walk from S to an end below it, around everything, is no use."""
    for tried in range(FIRST_TRIED, _MOST_TRIED):
        region_ends = region_end((tables_start + (tried + 1) * PAGE_SIZE) % ADDRESS_LIMIT)
        try:
            if region_ends >= start and touched(mode, start, region_ends) <= tried:
                return tried, region_ends % ADDRESS_LIMIT
        except TooLarge:
            continue
    return None


_MOST_TRIED = 2000


def _hypervisors(mode: PagingMode, values: Values) -> tuple[tuple[int, int] | None, Layout | None]:
    """n and V as the machine finds them, and the layout where it is one that an image can have."""
    start, tables_start = values["v_start"], values["vpt_start"]
    layout = replays.arranged(mode, start, tables_start) if start <= tables_start else None
    if layout is not None:
        return (layout.nr_pt_pages, layout.v_end), layout
    return _searched(mode, start, tables_start), None


def _both(mode: PagingMode) -> replays.Judge:
    """Judges whether the machine's layout of the region is what its domU builder gives for it."""

    def judge(values: Values) -> Replay:
        domain = machine.Domu(mode=mode, v_start=values["v_start"], alloc_end=values["vpt_start"])
        mine, layout = _hypervisors(mode, values)
        try:
            counted = machine.count(domain)
        except TooLarge:
            counted = None
        if mine is None or counted is None:
            return Replay(None, replays.TOO_LARGE)
        small = layout is not None and layout.total.size <= _SMALL and mine[1] == counted.v_end
        built = f": {machine.build(domain, counted).sentence()}" if small else ""
        return Replay(
            (counted.tables(), counted.v_end) == mine,
            f"the hypervisor sets {mine[0]} frames aside and ends at {mine[1]:#x}, "
            f"the toolstack {counted.tables()} and ends at {counted.v_end:#x}{built}",
            replays.seen(layout, "the hypervisor's layout") if layout is not None and small else (),
        )

    return judge


_SMALL = 1 << 30
"""The longest region whose tables are built for a case, in bytes."""


def _second(values: Values) -> Replay:
    """Judges what a p2m's mapping gets: a walk over the p2m, less what a walk over the region came to."""
    first, final, start, region_last = (values[name] for name in ("p2m", "p2m_last", "v_start", "last"))
    domain = machine.Domu(v_start=start, alloc_end=start)
    try:
        region = machine.walked(domain, start, region_last)
        alone, second = (machine.walked(domain, first, final, each) for each in (None, region))
    except TooLarge:
        return Replay(None, replays.TOO_LARGE)
    taken = sum(map(len, second.values()))
    words = (number(each) for each in (first, final, start, region_last))
    replays.agreed("the p2m's tables", int(domu.second_tables(*words)), taken)
    below = X86_64.levels[:-1]
    shared = sum(alone[each][-1] == start % (1 << 48) >> each.shift << each.shift for each in below)
    wanted = sum(len(alone[each]) for each in below) - shared
    return Replay(
        taken == wanted,
        f"a walk over the p2m touches {sum(len(alone[each]) for each in below)} tables below the L4, the last of "
        f"{shared} of the levels is the region's first, and the p2m's mapping gets {taken}",
    )


def _before_and_since(values: Values) -> Replay:
    """Judges the L2 that the machine walks to, for both generations."""
    start, final = values["v_start"], values["last"]
    second = COMPAT.levels[1]
    counts = [
        len(
            machine.walked(
                machine.Domu(mode=COMPAT, v_start=start, alloc_end=start, toolstack=each), start, final
            )[second]
        )
        for each in (machine.BEFORE_4_7, machine.TODAYS)
    ]
    return Replay(counts[0] == counts[1], f"{counts[0]} L2 before 4.7, {counts[1]} since")
