"""The family *Builder*, continued: that the tables' pages map the tables, and that every frame is there.

Notation of DOMAIN.md section 1, as in `mapped_pages`.
"""

from collections.abc import Callable
from functools import cache

from attrs import evolve

from ...encodings import dom0_builder
from ...encodings.allocation import order_pages
from ...encodings.builder_loop import root_of, shift_of
from ...encodings.spans import spanned
from ...formal.edge.amounts import exactly
from ...formal.layouts.layout import ADDRESS_LIMIT, Layout, Segment
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.claim import Claim, Part, claim
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import TooLarge
from ...formal.machine.builder import (
    INITRD_MFN,
    PRESENT,
    Domain,
    ImpossibleLayout,
    build,
    empty_domain,
    mfn_of,
    slot_of,
    table_entries,
    table_offset,
)
from ...formal.words.word import Truth, Word, all_of, number, word
from ..count.claims import BOTH, ordinary
from ..shared import region, replays, search
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values
from .claims import FAMILY, QUESTION
from .frames_taken import full_circle
from .mapped_pages import (
    allocation,
    arguments,
    at,
    below_tables,
    counted_in_pages,
    frame_given,
    frame_of,
    given_in_order,
    initrd_count,
    initrd_ends,
    initrd_len,
    initrd_page,
    initrd_place,
    is_initrds,
    is_mapped,
    mapped_frames,
    mapping,
    no_initrds_frame,
    on_pages,
    own_bytes,
    pages_inside,
    region_bytes,
    table_page,
    tables_at,
    v_end,
    vinitrd_start,
)
from .page_lengths import (
    before,
    less_as_many,
    order_bounded,
    order_least,
    page,
    size,
    whole_pages,
    within,
)
from .root_limits import into_the_hole, keeps, kept, walkable
from .table_places import ITS
from .walk_down import AT, RESULTS, content, entries_by_address, entry_under, looks, page_in_root, walk_down

index = word("index")


def nth_frame(at: Word = index) -> Word:
    """Where the ``at``-th table frame lies, counted from the first, in bytes from the allocation's start."""
    return dom0_builder.first_table(v_start, vpt_start, vinitrd_start, initrd_len) + at * PAGE_SIZE


def nth_page(at: Word = index) -> Word:
    """Which page of the region the ``at``-th page of the tables is."""
    return table_page() + at


@cache
def frame_address() -> Lemma:
    """A frame's number and its place, for whole pages."""
    own = word("own")
    return Lemma(
        "frame-address",
        "d, L whole pages, p = d / 4096 + i ⇒ 4096 (p - L / 4096) = d - L + 4096 i",
        Statement(
            assumptions=(
                Assumption("whole", (own | before) & (PAGE_SIZE - 1) == 0, "d and L are whole pages"),
                Assumption("page", page == (before >> PAGE_SHIFT) + index, "p = d / 4096 + i"),
            ),
            goal=(page - (own >> PAGE_SHIFT)) << PAGE_SHIFT == (before - own) + index * PAGE_SIZE,
        ),
    )


@cache
def nth_mapped(mode: PagingMode) -> Lemma:
    """The page T + 4096 i is one of the region's, no initrd's, and its frame is the i-th from the first table on."""
    nth, own_pages = nth_page(), own_bytes >> PAGE_SHIFT
    return Lemma(
        f"nth-mapped[{mode.name}]",
        "i < n ⇒ the page T + 4096 i is within the region, and its frame is the i-th from the first table on",
        Statement(
            assumptions=(
                region.room(mode, n),
                on_pages(),
                below_tables(),
                Assumption("index", index < n, "i < n"),
            ),
            goal=(nth < dom0_builder.pages_of(v_start, v_end))
            & ~is_initrds(nth)
            & (frame_of(nth) << PAGE_SHIFT == nth_frame())
            & (frame_of(nth) < allocation),
        ),
        Steps(
            uses=(
                counted_in_pages().at(),
                pages_inside(mode).at(),
                within().at(start=tables_at >> PAGE_SHIFT, count=n),
                initrd_place().at(),
                mapped_frames(mode).at(page=nth),
                frame_address().at(before=tables_at, own=own_bytes, page=nth),
            ),
            generalise=(
                frame_of(nth),
                nth - own_pages,
                (tables_at - own_bytes) + index * PAGE_SIZE,
                allocation,
                initrd_page + initrd_count,
                (tables_at >> PAGE_SHIFT) - initrd_page,
                initrd_page,
                initrd_count,
                own_bytes,
                table_page(),
                region_bytes >> PAGE_SHIFT,
                region_bytes,
                tables_at,
            ),
        ),
    )


def by_address(at: Word = index) -> dict[int, Word]:
    """The entries that a processor looks at for the page T + 4096 ``at``, by level: the bits of the address say which."""
    address = vpt_start + at * PAGE_SIZE
    return {level: dom0_builder.entry_of(address, shift_of(level)) for level in AT}


def maps_nth(at: Word = index) -> Truth:
    """The entry of the L1 that is looked at maps the ``at``-th frame from the first table on."""
    return (content(1) != 0) & ((content(1) - 1) << PAGE_SHIFT == nth_frame(at))


@cache
def tables_reached(mode: PagingMode) -> Lemma:
    """From the root down, an address of the tables leads to the i-th frame, by entries that nothing is written over."""
    nth, mapped = nth_page(), nth_mapped(mode)
    address = vpt_start + index * PAGE_SIZE
    return Lemma(
        f"tables-mapped[{mode.name}]",
        "i < n ⇒ from the root down the address T + 4096 i leads to an L3, an L2, an L1 and the i-th frame taken, by "
        "entries that are kept",
        Statement(
            assumptions=(*mapped.statement.assumptions, walkable(mode)),
            runs=looks(arguments() | {ITS.root: root_of(mode)}, by_address()),
            goal=maps_nth() & all_of(RESULTS[level]["level"] == level for level in AT) & kept(mode, index),
        ),
        Steps(
            uses=(
                mapped.at(),
                region.v_end_grows(mode).wherever(m=n),
                keeps(mode, index),
                pages_inside(mode).wherever(),
                page_in_root().wherever(page=nth, end=v_end),
                initrd_ends().wherever(),
                order_bounded().wherever(size=region_bytes - own_bytes),
                same_address().wherever(),
                entries_by_address().wherever(page=nth, address=address),
                at(
                    walk_down(),
                    mode,
                    page=nth,
                    **{str(AT[level].value): entry for level, entry in by_address().items()},
                ),
            ),
            generalise=(
                frame_of(nth),
                *by_address().values(),
                *(entry_under(level, nth) for level in AT),
                address,
                nth_frame(),
                allocation,
                initrd_page,
                initrd_count,
                own_bytes,
                nth,
                spanned(v_start, v_end, 39),
                region_bytes,
                tables_at,
                v_end,
            ),
        ),
    )


@cache
def same_address() -> Lemma:
    """The pages of the tables are pages of the region."""
    return Lemma(
        "same-address",
        "S, T whole pages ⇒ T + 4096 i = S + 4096 p, p being T's page and i",
        Statement(
            assumptions=counted_in_pages().statement.assumptions,
            goal=vpt_start + index * PAGE_SIZE == v_start + nth_page() * PAGE_SIZE,
        ),
    )


@cache
def all_allocated(mode: PagingMode) -> Lemma:
    """Whatever frame a page of the region maps is allocated for it, or the initrd's; and so is every table frame."""
    first = dom0_builder.first_table(v_start, vpt_start, vinitrd_start, initrd_len) >> PAGE_SHIFT
    own_pages, before_pages, region_pages = (
        own_bytes >> PAGE_SHIFT,
        tables_at >> PAGE_SHIFT,
        region_bytes >> PAGE_SHIFT,
    )
    return Lemma(
        f"allocation-suffices[{mode.name}]",
        "p < (V - S) / 4096 ⇒ p's frame is one of the 2^order or the initrd's; first table + n ≤ 2^order",
        Statement(
            assumptions=(region.room(mode, n), below_tables(), is_mapped()),
            runs=(mapping(page),),
            goal=(
                (is_initrds(page) & (frame_given(page) < initrd_count))
                | (~is_initrds(page) & (frame_given(page) < allocation))
            )
            & (first + n <= allocation),
        ),
        Steps(
            uses=(
                pages_inside(mode).at(),
                initrd_place().at(),
                mapped_frames(mode).at(),
                given_in_order().at(),
                initrds_frames().at(start=initrd_page, pages=initrd_count),
                whole_pages().at(before=tables_at, own=own_bytes),
                less_as_many().at(lower=before_pages + n, higher=region_pages, less=own_pages),
            ),
            generalise=(
                frame_given(page),
                frame_of(page),
                initrd_page + initrd_count,
                before_pages - initrd_page,
                region_pages - own_pages,
                page - own_pages,
                initrd_page,
                allocation,
                tables_at - own_bytes,
                own_pages,
                before_pages,
                initrd_count,
                region_pages,
                own_bytes,
                region_bytes,
                tables_at,
            ),
        ),
    )


@cache
def initrds_frames() -> Lemma:
    """A page of the initrd's maps one of its frames."""
    start, pages = word("start"), word("pages")
    return Lemma(
        "initrds-frames",
        "a page of the initrd's maps a frame < w of it",
        Statement(
            goal=~dom0_builder.is_initrds(page, start, pages)
            | (dom0_builder.frame_of(page, start, pages) < pages)
        ),
    )


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def tables_mapped() -> tuple[Part, ...]:
    """For all S, T, n with room, any initrd, i < n: the page T + 4096 i is mapped, and to the i-th frame taken.

    S, T and the initrd are page-aligned; the initrd is mapped in the middle of the region, or not at all. Frames
    are taken in ascending order: the i-th is the first one plus i. Xen overwrites no entry on the way to the page:
    for 64-bit, if the region doesn't run off the root; for compat, if it ends by 0xf5800000, where addresses of a
    32-bit guest may begin to be Xen's own.
    """
    return tuple(
        Part(
            name=f"{mode.title}, {name}",
            lemma=tables_reached(mode),
            least=(v_start, vpt_start, n, index, vinitrd_start),
            shape=shape & (index + 1 == n) & (ITS.initrd_frame == 0),
            without={
                "room": _ends_below_tables() & no_initrds_frame() & (index == 0),
                "pages": (v_start == PAGE_SIZE // 2) & _few(mode) & no_initrds_frame() & (index == 0),
                "initrd": (v_start == 0) & _few(mode) & _initrd_too_long(),
                "index": (v_start == 0) & _few(mode) & no_initrds_frame() & (index == 1024),
                "root": (v_start == -(4 << 20))
                & (vpt_start == PAGE_SIZE)
                & no_initrds_frame()
                & (n == 9)
                & (index == 0),
                "below": into_the_hole() & no_initrds_frame() & (n == 11) & (index == 10),
            },
            replay=on_machine(mode, _nth_on_machine),
        )
        for mode in BOTH
        for name, shape in _initrds(mode)
    )


@claim(family=FAMILY, sentence=QUESTION, source="follows")
def allocation_suffices() -> tuple[Part, ...]:
    """For all S, T, n with room, any initrd: each page of the region maps one of the 2^order frames, or the initrd's.

    So kernel, p2m, start info, tables, stack and padding all have frames, for they lie in the region. So do the n
    frames from the first table on. The order is the least for V - S, less a mapped initrd. (A p2m at INIT_P2M is
    not part of the region: see physmap-plus-3.)
    """
    order = Part(
        name="2^order",
        lemma=order_least(),
        least=(size,),
        shape=size == (5 << 20) + 1,
        replay=_order_on_machine,
    )
    suffices = tuple(
        Part(
            name=f"{mode.title}, {name}",
            lemma=all_allocated(mode),
            least=(v_start, vpt_start, n, page, vinitrd_start),
            shape=shape & (page + 1 == region_bytes >> PAGE_SHIFT) & (ITS.initrd_frame == 0),
            without={
                "room": full_circle() & no_initrds_frame() & (n == 8) & (page == 0),
                "initrd": (v_start == 0) & _few(mode) & _initrd_too_long() & (page == 0),
                "page": (v_start == 0) & _few(mode) & no_initrds_frame() & (page == 1024),
            },
            replay=on_machine(mode, _allocated_on_machine),
        )
        for mode in BOTH
        for name, shape in _initrds(mode)
    )
    return (*suffices, order)


CLAIMS: tuple[Claim, ...] = (tables_mapped, allocation_suffices)


def _ends_below_tables() -> Truth:
    """A region of 4 MiB, whose tables start at 8 MiB: with them it came full circle."""
    return (v_start == 0) & (vpt_start == 8 << 20) & (n == (1 << 52) - (7 << 20 >> PAGE_SHIFT))


def _three_pages() -> Truth:
    """An initrd of not quite three pages."""
    return initrd_len == 3 * PAGE_SIZE - 5


def _initrd_too_long() -> Truth:
    """An initrd that starts above the tables of `_few`, and is longer than all that lies below them."""
    return (vinitrd_start == 2 << 20) & (initrd_len == 2 << 20)


def _few(mode: PagingMode) -> Truth:
    """Tables that start at 1 MiB, as many as a region of 4 MiB needs."""
    return (vpt_start == 1 << 20) & (n == region.least_possible(mode) + 1)


def _initrds(mode: PagingMode) -> tuple[tuple[str, Truth], ...]:
    """Both ways of having an initrd, with where to look for an example."""
    small = ordinary() & (v_start == 0) & (vpt_start < 1 << 20) & (n == search.needed(mode, n)) & (n < 64)
    mapped = (vinitrd_start >= PAGE_SIZE) & (vinitrd_start < 1 << 20) & _three_pages()
    return (
        ("an initrd mapped in the region", small & mapped),
        ("an initrd that isn't mapped", small & (vinitrd_start == 0) & _three_pages()),
    )


def on_machine(mode: PagingMode, holds: Callable[[Values, Domain], tuple[bool, str]]) -> replays.Judge:
    """Judges what the machine's builder makes of the region with n frames set aside and the initrd where the values have it."""

    def judge(values: Values) -> Replay:
        given = (
            replays.arranged(mode, values["v_start"], values["vpt_start"]) if values["n"] < 1 << 20 else None
        )
        if given is None:
            return Replay(None, replays.TOO_LARGE)
        layout = replays.resized(given, values, values["n"])
        at, length = values["vinitrd_start"], values["initrd_len"]
        layout = evolve(layout, initrd=Segment(at, (at + length) % ADDRESS_LIMIT) if at else None)
        try:
            domain = build(layout)
        except (TooLarge, ImpossibleLayout):
            return Replay(None, "no builder puts the initrd there")
        verdict, says = holds(values, domain)
        return Replay(verdict, says, (("the layout", layout, replays.once_replayed(layout)),))

    return judge


def _leaves(domain: Domain) -> list[int]:
    """The frames that the pages of the region map, in order: those of the L1 tables, one after the other."""
    tables = [frame for frame, level in enumerate(domain.order) if level == 1]
    entries = [entry for frame in tables for entry in table_entries(domain, frame)]
    return [mfn_of(entry) for entry in entries if entry & PRESENT]


def _leaf(domain: Domain, address: int) -> int | None:
    """The frame that an address is mapped to, by the tables from the root down; ``None`` if it isn't."""
    slot: int | None = domain.root_slot
    entry = 0
    for level in reversed(domain.mode.levels):
        if slot is None:
            return None
        entry = domain.memory[slot * domain.entries + table_offset(level, address)]
        slot = slot_of(domain, entry)
    return mfn_of(entry) if entry & PRESENT else None


def _nth_on_machine(values: Values, domain: Domain) -> tuple[bool, str]:
    address = (values["vpt_start"] + values["index"] * PAGE_SIZE) % ADDRESS_LIMIT
    off = (values["vpt_start"] - values["v_start"]) % PAGE_SIZE
    wanted, found = domain.pool_mfn + values["index"], _leaf(domain, address)
    mapped = "can't be reached" if found is None else f"maps frame {found:#x}"
    return found == wanted and not off, (
        f"the page at {address:#x} {mapped}, frame {values['index']} taken is {wanted:#x}"
        f"{f', {off} bytes off a page' if off else ''}"
    )


def _allocated_on_machine(values: Values, domain: Domain) -> tuple[bool, str]:
    own = range(domain.alloc_mfn, domain.alloc_mfn + domain.allocation)
    initrds = range(INITRD_MFN, INITRD_MFN + len(domain.initrd))
    used = {*_leaves(domain), *(domain.pool_mfn + frame for frame in range(len(domain.order)))}
    outside = [each for each in used if each not in own and each not in initrds]
    there = values["page"] < len(_leaves(domain))
    return there and not outside, (
        f"{len(used)} frames are used, {len(outside)} of them neither of the {domain.allocation} allocated nor of the "
        f"initrd's {len(domain.initrd)}; page {values['page']} is {'mapped' if there else 'not mapped'}"
    )


def _order_on_machine(values: Values) -> Replay:
    """Judges the allocation for a region of so many bytes by the machine's own."""
    length = values["size"]
    tables = Segment(0, PAGE_SIZE)
    try:
        domain = empty_domain(Layout(mode=X86_64, page_tables=tables, total=Segment(0, length)))
    except (TooLarge, ImpossibleLayout):
        return Replay(None, replays.TOO_LARGE)
    replays.agreed("frames", int(order_pages(number(length))), domain.allocation)
    least = domain.allocation == 1 or domain.allocation * PAGE_SIZE < 2 * length
    holds = domain.allocation * PAGE_SIZE >= length
    return Replay(least and holds, f"{domain.allocation} frames are allocated for {exactly(length)}")
