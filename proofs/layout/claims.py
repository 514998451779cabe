"""The family *Layout*: how the segments lie in the region, and what lies above them.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, E the stack's end.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from ...encodings.dom0_layout import PADDING, ROUNDING_SHIFT, stack_end, v_end
from ...encodings.libelf import accepts
from ...encodings.spans import round_up
from ...formal.edge.amounts import exactly
from ...formal.layouts.layout import (
    ADDRESS_LIMIT,
    START_INFO_SIZE,
    VGA_CONSOLE_INFO_SIZE,
    Configuration,
    Segment,
)
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE
from ...formal.logic.claim import Claim, Part, claim
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import PADDING as MACHINE_PADDING
from ...formal.machine.arrange import ROUNDING, TooLarge, arrange, region_end
from ...formal.machine.replay import ImpossibleLayout
from ...formal.words.word import Truth, Word, all_of, number, word
from ..shared import arithmetic, configurations, region, replays
from ..shared.configurations import CHOICES, Choice, arranged, kernel_end, kernel_start, nr_pages, virt_base
from ..shared.region import n, vpt_start
from ..shared.replays import Values

FAMILY = "Layout"
DESCRIBES = "This fully describes the memory layout of the initial domain."
ENTRY = word("virt_entry")
LONG = 1 << 56
"""More than any kernel or initrd, in bytes: with lengths below it no sum of the layout comes full circle."""


def _lengths(choice: Choice) -> tuple[Assumption, ...]:
    """The assumptions on what is laid out: nothing comes near the size of the address space."""
    found = [
        Assumption(
            "image",
            accepts(virt_base, kernel_start, kernel_end, ENTRY),
            "libelf accepts the image: virt_base ≤ virt_kstart ≤ virt_entry ≤ virt_kend",
        ),
        Assumption(
            "kernel", kernel_end - virt_base <= LONG, "the kernel ends within 2^56 bytes of virt_base"
        ),
        Assumption("tables", n <= LONG >> PAGE_SHIFT, "at most 2^44 page-table frames"),
    ]
    if not choice.own_p2m:
        found.append(Assumption("memory", nr_pages <= LONG >> PAGE_SHIFT, "at most 2^56 bytes of memory"))
    if choice.mapped:
        found.append(
            Assumption("initrd", configurations.initrd_len <= LONG, "the initrd has at most 2^56 bytes")
        )
    return tuple(found)


def _borders(choice: Choice) -> list[Word]:
    """The ends of all segments in the region, in the order in which they should lie."""
    found = arranged(choice)
    spans = [found.kernel, found.initrd, None if choice.own_p2m else found.p2m, found.start_info]
    spans += [found.xenstore, found.console]
    inside = [border for span in spans if span is not None for border in (span.start, span.end)]
    tables_end = found.vpt_start + n * PAGE_SIZE
    return [
        virt_base,
        *inside,
        found.vpt_start,
        tables_end,
        tables_end + PAGE_SIZE,
        v_end(found.vpt_start, n),
    ]


def _in_order(low: Word, borders: Sequence[Word]) -> Truth:
    return all_of(one - low <= other - low for one, other in pairwise(borders))


@claim(family=FAMILY, sentence=DESCRIBES, source="the source comment, quoted in the thread")
def segments_disjoint() -> tuple[Part, ...]:
    """Sizes of at most 2^56 bytes: S ≤ kernel ≤ initrd ≤ p2m ≤ start info ≤ … ≤ page tables ≤ stack ≤ V, from S upwards.

    Each segment ends before the next one starts: they are in order, disjoint, and inside of [S, V).
    """
    return tuple(
        Part(
            name=choice.title,
            lemma=_disjoint(choice),
            shape=_one_page(choice),
            without=_out_of_order(choice),
            replay=_ordered(choice),
        )
        for choice in CHOICES
    )


@claim(
    family=FAMILY,
    sentence="v_end is rounded up to 4MB.",
    source="follows: how much lies between the boot stack and the region's end",
)
def padding() -> tuple[Part, ...]:
    """For all T, n: 512 KiB ≤ V - E < 4 MiB + 512 KiB, E being the end of the boot stack."""
    return (
        Part(
            name="any mode",
            lemma=_padding(),
            least=(vpt_start, n),
            replay=replays.arithmetic_case(_leaves_enough),
        ),
    )


info, size, extra = word("start_info"), word("size"), word("extra")


@claim(
    family=FAMILY,
    sentence="For *_end there's nothing wrong to be misaligned (as per the comment in question)",
    source="follows: the page tables' start is taken before the VGA part is added to the start info",
)
def start_info_page() -> tuple[Part, ...]:
    """For a start info on a page, 1 ≤ size, size + extra ≤ 4096: ⌈start + size⌉ = ⌈start + size + extra⌉ to a page.

    Today's sizes, 1168 and 40 bytes, and all earlier ones, meet this.
    """
    return (
        Part(
            name="all sizes that fit a page",
            lemma=_start_info_page(),
            least=(info, extra, size),
            shape=(size == START_INFO_SIZE) & (extra == VGA_CONSOLE_INFO_SIZE),
            without={
                "on-page": info & 0x7FF == 0,
                "not-empty": (info == PAGE_SIZE) & (extra == VGA_CONSOLE_INFO_SIZE),
                "fits": (info == PAGE_SIZE) & (extra == VGA_CONSOLE_INFO_SIZE) & (size <= PAGE_SIZE),
            },
            replay=_same_tables_start,
        ),
    )


CLAIMS: tuple[Claim, ...] = (segments_disjoint, padding, start_info_page)


def _disjoint(choice: Choice) -> Lemma:
    """Walks from border to border: each is no more than 2^57 above the one before, and so in order above S."""
    path = list(_path(choice))
    borders = [kernel_end, *(step[0] for step in path)]
    uses = [arithmetic.less_in_order().at(a=kernel_start, b=kernel_end, c=virt_base)]
    uses += [
        each
        for index, ((_, facts), (one, other)) in enumerate(zip(path, pairwise(borders), strict=True))
        for each in (
            *facts,
            _above().wherever(low=virt_base, x=one, y=other, most=number((index + 1) * STEP)),
        )
    ]
    lengths = dict.fromkeys(border - virt_base for border in (kernel_start, *borders))
    lengths |= dict.fromkeys(other - one for one, other in pairwise(borders))
    return Lemma(
        f"segments-disjoint[{choice.slug}]",
        "all segments lie in order between S and V, counted from S",
        Statement(assumptions=_lengths(choice), goal=_in_order(virt_base, _borders(choice))),
        Steps(uses=tuple(uses), generalise=(*lengths, *_whole_page(choice), *dict.fromkeys(borders[1:]))),
    )


def _path(choice: Choice) -> Iterator[tuple[Word, tuple[Use, ...]]]:
    """Every border above the kernel's end, with the facts that say how far it is above the one before."""
    found = arranged(choice)
    at = kernel_end
    lengths = ((found.initrd, configurations.initrd_len), (found.p2m, nr_pages * choice.mode.p2m_entry))
    for span, length in lengths:
        if span is not None and not (choice.own_p2m and span is found.p2m):
            yield span.start, (_rounds_up().at(x=at),)
            yield span.end, (arithmetic.added_taken_off().at(a=span.start, b=length),)
            at = span.end
    info = found.start_info
    yield info.start, (_rounds_up().at(x=at),)
    without_vga = info.start + START_INFO_SIZE
    yield without_vga, (arithmetic.added_taken_off().at(a=info.start, b=number(START_INFO_SIZE)),)
    if not choice.shim:
        yield info.end, (arithmetic.added_taken_off().at(a=without_vga, b=number(VGA_CONSOLE_INFO_SIZE)),)
        # The tables start above the whole start info, though its VGA part was left out.
        whole = _start_info_page().wherever(
            start_info=info.start, size=number(START_INFO_SIZE), extra=number(VGA_CONSOLE_INFO_SIZE)
        )
        up = round_up(info.end, PAGE_SHIFT)
        same = arithmetic.same_difference().wherever(a=up, b=found.vpt_start, c=info.end)
        yield found.vpt_start, (_rounds_up().at(x=info.end), whole, same)
    for span in (found.xenstore, found.console):
        if span is found.xenstore and span is not None:
            yield span.start, (_rounds_up().at(x=without_vga),)
        if span is not None:
            yield span.end, (arithmetic.added_taken_off().at(a=span.start, b=number(PAGE_SIZE)),)
    tables_end = found.vpt_start + n * PAGE_SIZE
    yield tables_end, (arithmetic.added_taken_off().at(a=found.vpt_start, b=n * PAGE_SIZE),)
    yield tables_end + PAGE_SIZE, (arithmetic.added_taken_off().at(a=tables_end, b=number(PAGE_SIZE)),)
    yield v_end(found.vpt_start, n), (_padding().at(vpt_start=found.vpt_start),)


def _whole_page(choice: Choice) -> tuple[Word, ...]:
    """What the whole start info's end is rounded up to, where that is not the border itself."""
    return () if choice.shim else (round_up(arranged(choice).start_info.end, PAGE_SHIFT),)


@cache
def _padding() -> Lemma:
    above = v_end(vpt_start, n) - stack_end(vpt_start, n)
    return Lemma(
        "padding",
        "512 KiB ≤ V - E < 4 MiB + 512 KiB",
        Statement(goal=(above >= PADDING) & (above < (1 << ROUNDING_SHIFT) + PADDING)),
        Steps(generalise=(stack_end(vpt_start, n),)),
    )


@cache
def _start_info_page() -> Lemma:
    return Lemma(
        "start-info-page",
        "⌈start + size⌉ = ⌈start + size + extra⌉",
        Statement(
            assumptions=(
                Assumption("on-page", info & (PAGE_SIZE - 1) == 0, "the start info starts on a page"),
                Assumption("not-empty", size >= 1, "the start info has at least one byte"),
                Assumption(
                    "fits",
                    (size <= PAGE_SIZE) & (extra <= PAGE_SIZE - size),
                    "start info and VGA part fit a page together",
                ),
            ),
            goal=round_up(info + size, PAGE_SHIFT) == round_up(info + size + extra, PAGE_SHIFT),
        ),
    )


x, y = word("x"), word("y")


STEP = 2 * LONG
"""No border is further above the one before it, in bytes."""


@cache
def _above() -> Lemma:
    """x - low ≤ W, y - x ≤ 2^57 gives x - low ≤ y - low ≤ W + 2^57."""
    low, most = arithmetic.low, arithmetic.most
    return Lemma(
        "above",
        "x - low ≤ W ≤ 2^62, y - x ≤ 2^57 ⇒ x - low ≤ y - low ≤ W + 2^57",
        Statement(
            assumptions=(
                Assumption("within", (x - low <= most) & (most <= 1 << 62), "x is not far above low"),
                Assumption("step", y - x <= STEP, "y is not far above x"),
            ),
            goal=(x - low <= y - low) & (y - low <= most + STEP),
        ),
        Steps(
            uses=(arithmetic.same_distance().at(near=x, far=y),),
            generalise=(x - low, y - low, y - x),
        ),
    )


@cache
def _rounds_up() -> Lemma:
    """⌈x⌉ is a multiple of 4096 less than 4096 above x."""
    up = round_up(x, PAGE_SHIFT)
    return Lemma(
        "rounds-up",
        "⌈x⌉ - x < 4096, and ⌈x⌉ is a multiple of 4096",
        Statement(goal=(up - x < PAGE_SIZE) & (up & (PAGE_SIZE - 1) == 0)),
    )


def _out_of_order(choice: Choice) -> dict[str, Truth]:
    """Layouts out of order, by the assumption that keeps them out: one length wraps to where it began."""
    round_about = {
        "kernel": (kernel_end, -PAGE_SIZE),
        "tables": (n, (1 << 64 - PAGE_SHIFT) - 1),
        "memory": (nr_pages, (1 << 64) // choice.mode.p2m_entry - 1),
        "initrd": (configurations.initrd_len, -1),
    }
    shapes = {
        name: _one_page(choice, **{str(word): value % (1 << 64)})
        for name, (word, value) in round_about.items()
    }
    below = _one_page(choice, virt_base=2 * PAGE_SIZE, kernel_start=PAGE_SIZE, kernel_end=3 * PAGE_SIZE)
    return shapes | {"image": below}


def _one_page(choice: Choice, **other: int) -> Truth:
    """A kernel of one page at address 0, 256 MiB of memory and no initrd, but for what ``other`` says."""
    usual = {
        "virt_base": 0,
        "kernel_start": 0,
        "kernel_end": PAGE_SIZE,
        "virt_entry": other.get("kernel_start", 0),
        "nr_pages": 0x10000,
        "initrd_len": 0,
        "n": region.least_possible(choice.mode) + 1,
    }
    return all_of(word(name) == value for name, value in (usual | other).items())


def _ordered(choice: Choice) -> replays.Judge:
    def judge(values: Values) -> Replay:
        try:
            layout = arrange(configurations.configuration(choice, values))
        except (TooLarge, ImpossibleLayout, ValueError):
            return Replay(None, replays.TOO_LARGE)
        if layout.nr_pt_pages != values["n"]:
            return Replay(None, f"the machine's search finds {layout.nr_pt_pages} tables, not these")
        names = ("kernel", "initrd", "p2m", "start_info", "xenstore", "console", "page_tables", "boot_stack")
        found = [getattr(layout, name) for name in names if name != "p2m" or not choice.own_p2m]
        inside = [each for each in found if each is not None]
        borders = [
            (border - layout.v_start) % ADDRESS_LIMIT for each in inside for border in (each.start, each.end)
        ]
        ordered = borders == sorted(borders) and borders[-1] <= layout.total.size
        return Replay(
            ordered,
            f"the machine lays out {len(inside)} segments in order"
            if ordered
            else "the machine's segments are out of order",
        )

    return judge


def _leaves_enough(values: Values) -> tuple[bool, str]:
    end = values["vpt_start"] + (values["n"] + 1) * PAGE_SIZE
    above = region_end(end) - end
    return MACHINE_PADDING <= above < ROUNDING + MACHINE_PADDING, f"the machine leaves {exactly(above)}"


def _same_tables_start(values: Values) -> Replay:
    """Where the machine starts the tables with the VGA part left out, and with it in the start info's size."""
    kernel = Segment(0, values["start_info"])
    if values["start_info"] > 1 << 30:
        return Replay(None, replays.TOO_LARGE)
    starts = []
    for bytes_counted in (values["size"], values["size"] + values["extra"]):
        given = Configuration(
            kernel=kernel, nr_pages=0, start_info_size=bytes_counted, vga_console_info_size=0
        )
        starts.append(arrange(given).vpt_start)
    if values["start_info"] % PAGE_SIZE:
        return Replay(None, "the machine's start info always starts on a page")
    return Replay(
        starts[0] == starts[1], f"the machine starts the tables at {starts[0]:#x} and {starts[1]:#x}"
    )
