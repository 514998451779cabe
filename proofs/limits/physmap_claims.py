"""The claims on a p2m at an address of its own (INIT_P2M): the memory and the tables that it takes, and where it may lie.

Notation of DOMAIN.md section 1; P and Q are the ends of the p2m.
"""

from typing import Final

from ...encodings import allocation, overlap, physmap
from ...encodings.dom0_arrangement import Arrangement
from ...encodings.dom0_count import tables_for
from ...encodings.dom0_layout import v_end as end_of
from ...encodings.physmap import (
    CHOICES,
    SHIFTS,
    Superpages,
    at,
    before,
    nr_pages,
    p2m_end,
    p2m_start,
    total,
    v_end,
    v_start,
    walk,
)
from ...formal.layouts.layout import ADDRESS_LIMIT, Configuration, Layout, Segment
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import TooLarge
from ...formal.machine.loading import Fate, Loaded, Unmodelled, map_p2m
from ...formal.machine.refusals import p2m_touches
from ...formal.machine.replay import ImpossibleLayout, overlaps_xen
from ...formal.words.word import Truth, Word, evaluate, word
from ..shared import configurations, replays
from ..shared.configurations import init_p2m, kernel_end, kernel_start, virt_base
from ..shared.region import n
from ..shared.replays import Values
from . import boots, physmap_lemmas
from .boots import FAMILY, LINUX, MIB, found, image, on_pages
from .physmap_blocks import LEVELS, placed, short

l3, l2, l1 = word("l3"), word("l2"), word("l1")
COUNTS: Final = dict(zip(SHIFTS, (l3, l2, l1), strict=True))
address: Final = word("address")


@claim(
    family=FAMILY,
    sentence="Before each step of a p2m at an address of its own, room for what is left and three tables is enough.",
    source="follows: the demand of setup_pv_physmap()",
)
def physmap_plus_3() -> tuple[Part, ...]:
    """P2m on a page, below the last GiB: a step takes ≤ 3 tables and no more pages than are left; so dom0's memory is kept.

    By induction over the steps. Each step leaves open which tables exist and which superpages, of 2 MiB and of 1
    GiB, can be allocated, so this holds for every region and everything else that is mapped. In the last GiB, at an
    INIT_P2M of -1 GiB, the test for a superpage wraps: Xen takes one for a p2m however small, and refuses the next
    step, from address 0.
    """
    taken = physmap.any_step(at, p2m_end)
    memory = Assumption(
        "memory",
        (nr_pages <= allocation.HOST_PAGES) & (before <= nr_pages),
        "dom0 has no more pages than its memory before, and that is what Xen can have at most",
    )
    on_page = Assumption("page", on_pages(p2m_start), "INIT_P2M is a multiple of 4096")
    run = Run(physmap.steps(), (p2m_start, p2m_end, v_start, v_end, nr_pages, before), (at, total))
    shape = _region_and_p2m(1 << 39, 8 << 16) & (nr_pages == 1 << 16) & (before == 1024)
    last = ADDRESS_LIMIT - (1 << physmap.L2_SHIFT)
    near_end = _region_and_p2m(last, 8 << 16) & (nr_pages == 1 << 16)
    nothing = CHOICES[0] == 0
    for each in CHOICES[1:3]:
        nothing &= each == 0
    can_be_had = (CHOICES[3] == 1) & (CHOICES[4] == 1)
    one = nothing & can_be_had & (at == 1 << 39)
    return (
        Part(
            name="one step, whatever is there and whatever can be had",
            lemma=physmap_lemmas.one_step(),
            least=(at, p2m_end),
            shape=one & (p2m_end - at == 8 << 16),
            without={
                "short": nothing & can_be_had & (at == last) & (p2m_end - at == 8 << 16),
                "left": one & (p2m_end == at),
            },
            replay=_one_step,
        ),
        Part(
            name="dom0's pages never exceed its memory",
            lemma=Lemma(
                "physmap-plus-3",
                "the loop ends with `total` pages ⇒ total ≤ nr_pages",
                Statement(assumptions=(short(), memory, on_page), runs=(run,), goal=total <= nr_pages),
                Induction(
                    invariant=(total <= nr_pages) & on_pages(at),
                    step=Steps(
                        uses=(
                            physmap_lemmas.page_left().at(),
                            physmap_lemmas.one_step().at(),
                            physmap_lemmas.stays_on_page().at(),
                        ),
                        generalise=(taken.after, taken.tables, taken.pages, physmap.pages_left(at, p2m_end)),
                    ),
                ),
            ),
            least=(p2m_start, p2m_end),
            shape=shape,
            without={
                "short": near_end & (before == (1 << 16) - 128 - physmap.TABLES_OF_A_STEP),
                "memory": _region_and_p2m(1 << 39, 8 << 16)
                & (nr_pages == 1 << 16)
                & (before == nr_pages + 1),
                "page": _region_and_p2m((1 << 39) + 0x800, 0x100) & (nr_pages == 32) & (before == 29),
            },
            replay=_all_steps,
        ),
    )


@claim(
    family=FAMILY,
    sentence="The frames of a p2m at an address of its own, its tables included, are known beforehand.",
    source="follows: what setup_pv_physmap() takes besides the nr_pt_pages frames",
)
def physmap_tables() -> tuple[Part, ...]:
    """The p2m [P, Q) takes Σ (N_s(P, Q) - b_s - w_s) tables, s being 39, 30 and 21 for L3, L2 and L1.

    b_s is 1 if the region [S, V) also touches a block of 2^s bytes of the p2m, else 0. w_s is 0 if no superpages
    replace the level's tables. If Xen finds one whenever one fits, w_21, and with pages of 1 GiB w_30, is the
    number of whole blocks in [P, Q).

    None of these tables is among the nr_pt_pages frames. Since the region and the p2m lie apart, they share at most
    one block of a level.
    """
    return tuple(_counted(superpages) for superpages in Superpages)


def _counted(superpages: Superpages) -> Part:
    closed = _closed_form(superpages)
    goal = l3 == closed[0]
    for count, form in zip((l2, l1), closed[1:], strict=True):
        goal &= count == form
    run = Run(walk(superpages), (p2m_start, p2m_end, v_start, v_end), (at, l3, l2, l1))
    # From the middle of a block to the middle of another one, a whole one between, and beside the region.
    length = (6 << 21) + 0x3000
    beside = (v_start == 1 << 30) & (v_end == (1 << 30) + 4 * MIB)
    aliased = 1 << 48
    near = beside & (p2m_start == (1 << 30) + 5 * MIB) & (p2m_end == p2m_start + length)
    low = (p2m_start == 0) & (p2m_end == 4 * MIB)
    return Part(
        name=superpages.value,
        lemma=Lemma(
            f"physmap-tables[{superpages.value}]",
            "the p2m is mapped ⇒ of each level it took N_s(P, Q) - b_s - w_s tables",
            Statement(assumptions=placed(), runs=(run,), goal=goal),
            Induction(
                invariant=physmap_lemmas.walked_to(superpages, COUNTS),
                step=physmap_lemmas.steps_of_walk(superpages),
                end=physmap_lemmas.at_the_end(superpages),
            ),
        ),
        least=(p2m_start, p2m_end),
        shape=near,
        without={
            "region": low & (v_start == aliased) & (v_end == aliased + 4 * MIB),
            "p2m": (v_start == 0)
            & (v_end == 4 * MIB)
            & (p2m_start == aliased)
            & (p2m_end == aliased + 4 * MIB),
            "clear": beside & (p2m_start == overlap.XEN_START) & (p2m_end == overlap.XEN_START + 0x80000),
            "apart": low & (v_start == 0) & (v_end == 4 * MIB),
        },
        replay=_tables_taken(superpages),
    )


def _closed_form(superpages: Superpages) -> tuple[Word, ...]:
    """The tables of each level, from L3 down."""
    return tuple(physmap.tables(p2m_start, p2m_end, v_start, v_end, shift, superpages) for shift in SHIFTS)


@claim(
    family=FAMILY,
    sentence="A p2m at an address of its own that Xen's own addresses don't allow is refused.",
    source="follows: the one check of INIT_P2M, in setup_pv_physmap()",
    cure="check the p2m as the region should be checked: refuse one that doesn't lie in one half of the canonical "
    "addresses, short of 2^64, and one that overlaps Xen's own area",
)
def p2m_checked() -> tuple[Part, ...]:
    """64-bit, for all configurations with INIT_P2M: a p2m with an address that Xen's root slots map is refused.

    Refuted: Xen compares the p2m with the region alone. In a slot that Xen has filled, the builder continues in
    Xen's own table. In an empty slot (the last ones, on a host with little memory) it enters a table of dom0's. A
    real Xen 4.17 dies in most of the slots that it has filled, of a page that is mapped already or one that it
    can't write. In its per-domain slot, 260, and in an empty one it runs dom0, as with this configuration.
    """
    choice = configurations.Choice(X86_64, mapped=False, own_p2m=True, shim=False)
    given: Arrangement = configurations.arranged(choice)
    tables, p2m = given.vpt_start, given.p2m
    end = end_of(tables, n)
    inside = (p2m.start <= address) & (address <= p2m.end - 1)
    kernel = (kernel_start > init_p2m) | (init_p2m >= kernel_end)
    own = allocation.own_length(virt_base, end, None)
    within = Assumption(
        "inside", (p2m_start <= address) & (address <= p2m_end - 1), "the address is in the p2m"
    )
    canonical = Assumption(
        "canonical", overlap.canonical(p2m_start, p2m_end), "P < Q ≤ 2^47 or 2^64 - 2^47 ≤ P < Q < 2^64"
    )
    linux = (
        (virt_base == LINUX)
        & (kernel_start == LINUX)
        & (kernel_end == LINUX + MIB)
        & (n == tables_for(X86_64, virt_base, tables, n))
        & (n < 64)
        & (init_p2m == overlap.XEN_END - MIB)
        & (address == init_p2m)
        & (configurations.nr_pages < 1 << 20)
    )
    return (
        Part(
            name="any image",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "p2m-checked",
                "libelf accepts the image, a Xen slot maps an address of the p2m ⇒ Xen refuses the p2m",
                Statement(
                    assumptions=(
                        image(),
                        Assumption("kernel", kernel, "libelf accepts INIT_P2M: it is not within the kernel"),
                        boots.builds(configurations.nr_pages, end),
                        Assumption(
                            "room",
                            physmap.enough(
                                allocation.order_pages(own) + physmap.TABLES_OF_A_STEP,
                                p2m.start,
                                p2m.end,
                                configurations.nr_pages,
                            ),
                            "dom0's memory has room for the p2m, its tables, an L3, an L2 and an L1, and three more",
                        ),
                        Assumption("inside", inside, "the address is in the p2m"),
                    ),
                    runs=(found(virt_base, tables),),
                    goal=~overlap.in_xens_slots(address)
                    | physmap.refused(virt_base, end, p2m.start, p2m.end),
                ),
            ),
            least=(configurations.nr_pages, kernel_end),
            shape=linux,
            replay=_p2m_refused,
        ),
        Part(
            name="what would catch it",
            lemma=Lemma(
                "p2m-checked[cured]",
                "[P, Q) is canonical, a Xen slot maps an address of it ⇒ P < Xen's end, Q > Xen's start",
                Statement(
                    assumptions=(within, canonical),
                    goal=~overlap.in_xens_slots(address) | overlap.overlaps(p2m_start, p2m_end),
                ),
            ),
            least=(p2m_start, p2m_end, address),
            shape=on_pages(p2m_start, p2m_end, address) & (p2m_start == overlap.XEN_START),
            without={
                "inside": (p2m_start == 0) & (p2m_end == PAGE_SIZE) & (address == overlap.XEN_START),
                "canonical": on_pages(p2m_end, address) & (p2m_start == overlap.HALF - PAGE_SIZE),
            },
            replay=_p2m_noticed,
        ),
    )


CLAIMS: tuple[Claim, ...] = (physmap_plus_3, physmap_tables, p2m_checked)


def _region_and_p2m(start: int, length: int) -> Truth:
    """A kernel at -2 GiB with a region of 4 MiB, and a p2m at ``start``, of so many bytes."""
    region_there = (v_start == LINUX) & (v_end == LINUX + 4 * MIB)
    return region_there & (p2m_start == start) & (p2m_end == start + length)


def _one_step(values: Values) -> Replay:
    """One step, executed on tables of which just those are there that the values say."""
    end, where = values["p2m_end"], values["at"]
    if where > end:
        return Replay(None, "the loop has ended before it comes there")
    left = (-(-end // PAGE_SIZE) * PAGE_SIZE - where) // PAGE_SIZE
    tables, pages = 0, 1
    for shift, there, free in (
        (39, "l3_there", None),
        (30, "l2_there", "huge_free"),
        (21, "l1_there", "large_free"),
    ):
        if values[there]:
            continue
        if free is not None and values[free] and _fits(where, end, shift):
            pages = 1 << (shift - PAGE_SHIFT)
            break
        tables += 1
    return Replay(
        tables + pages <= left + physmap.TABLES_OF_A_STEP,
        f"the step takes {tables} tables and {pages} pages; {left} are left",
    )


def _fits(where: int, end: int, shift: int) -> bool:
    """Xen's test for a superpage, whose sum may wrap."""
    return where % (1 << shift) == 0 and end >= (where + (1 << shift)) % ADDRESS_LIMIT


def _mapped(values: Values, nr_pages: int, before: int, superpages: Superpages) -> Loaded | None:
    """The machine's region and p2m; ``None`` where they are too large to be built."""
    start, end = values["p2m_start"], values["p2m_end"]
    region = Segment(values["v_start"], values["v_end"])
    if (end - start) % ADDRESS_LIMIT > 1 << 33 or region.size > 1 << 30:
        return None
    given = Configuration(virt_base=region.start, kernel=region, nr_pages=nr_pages, init_p2m=start)
    layout = boots.region_alone(region, Segment(start, end))
    kinds = frozenset(shift for shift in SHIFTS if superpages.spare(shift))
    return map_p2m(given, layout, before, kinds)


def _tables_taken(superpages: Superpages) -> replays.Judge:
    """Judges whether the closed form gives what the machine takes, level by level."""

    def judge(values: Values) -> Replay:
        if (values["v_start"] | values["v_end"]) % PAGE_SIZE:
            return Replay(None, "no builder maps a region that starts or ends off a page")
        try:
            loaded = _mapped(values, 1 << 40, 0, superpages)
        except (TooLarge, ImpossibleLayout):
            loaded = None
        except Unmodelled as stopped:
            return Replay(None, str(stopped))
        if loaded is None:
            return Replay(None, replays.TOO_LARGE)
        if loaded.fate is Fate.P2M_OVERLAPS:
            return Replay(None, loaded.fate.value)
        names = {LEVELS[shift]: str(COUNTS[shift]) for shift in SHIFTS}
        for level, name in names.items():
            replays.agreed(f"{level} taken", values[name], loaded.taken[level])
        read = {each: values[str(each)] for each in (p2m_start, p2m_end, v_start, v_end)}
        formed = dict(zip(names, (evaluate(each, read) for each in _closed_form(superpages)), strict=True))
        says = ", ".join(f"{level} {loaded.taken[level]}" for level in names)
        said = ", ".join(f"{level} {count}" for level, count in formed.items())
        ended = "" if loaded.fate is Fate.RUNS else f", and then {loaded.fate.value}: {loaded.why}"
        return Replay(
            all(loaded.taken[level] == count for level, count in formed.items()),
            f"mapping the p2m step by step takes {says}{ended}; the closed form says {said}",
        )

    return judge


def _p2m_refused(values: Values) -> Replay:
    """Judges a boot with a p2m in Xen's area: the machine goes on up to where Xen would write into its own tables."""
    given = boots.configuration(X86_64, values)

    def holds(layout: Layout) -> tuple[bool, str]:
        assert layout.p2m is not None
        hit = boots.in_xens(X86_64, boots.root_slots(X86_64, layout.p2m.start, layout.p2m.size))
        refused = p2m_touches(layout)
        return not hit or refused, (
            f"of the p2m's root slots {boots.are_xens(hit)}; Xen {'refuses' if refused else 'does not refuse'} it"
        )

    return boots.judged(given, boots.asked_for(given), holds, builds=True)


def _p2m_noticed(values: Values) -> Replay:
    """Judges whether the check that the region gets would notice a p2m."""
    p2m = Segment(values["p2m_start"], values["p2m_end"])
    noticed = overlaps_xen(boots.region_alone(p2m))
    slots = boots.root_slots(X86_64, values["address"], 1)
    return Replay(
        noticed or not boots.in_xens(X86_64, slots),
        f"{values['address']:#x} lies in root slot {slots[0]}; the check of the region would "
        f"{'refuse' if noticed else 'not refuse'} the p2m",
    )


def _all_steps(values: Values) -> Replay:
    """Maps the p2m with as many pages as there are, superpages always being had."""
    try:
        loaded = _mapped(values, values["nr_pages"], values["before"], Superpages.HUGE)
    except (TooLarge, ImpossibleLayout, Unmodelled):
        loaded = None
    if loaded is None:
        return Replay(None, replays.TOO_LARGE)
    ends = "Xen gives up the p2m" if loaded.fate is Fate.P2M_TOO_LARGE else "Xen maps the p2m"
    within = loaded.pages <= values["nr_pages"]
    return Replay(within, f"{ends}: dom0 has {loaded.pages} pages, and {values['nr_pages']} are its memory")
