"""What the claims of the family *Limits* share: the image, dom0's memory, and how the frame machine describes a boot.

Notation of DOMAIN.md section 1. What is refuted in this family is refuted by a whole configuration, of an image that
libelf accepts, with the least memory that shows it; the weakest simple precondition that helps is proved besides.
"""

from collections.abc import Callable
from typing import Final

from attrs import evolve

from ...encodings import allocation
from ...encodings.dom0_count import FIRST_TRIED
from ...encodings.libelf import accepts
from ...formal.edge.amounts import as_option, exactly
from ...formal.layouts.dom0_mem import RESERVE, Amount, Dom0Mem, capped
from ...formal.layouts.layout import ADDRESS_LIMIT, Configuration, Layout, Segment
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ...formal.logic.theorem import Assumption, Run
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import TooLarge
from ...formal.machine.builder import XEN_ROOT_SLOTS, table_offset
from ...formal.machine.loading import Fate, Unmodelled, load
from ...formal.machine.refusals import too_little
from ...formal.machine.replay import ImpossibleLayout
from ...formal.words.word import Truth, Word, number
from ..shared import replays, search
from ..shared.configurations import kernel_end, kernel_start, virt_base
from ..shared.replays import Values

FAMILY: Final = "Limits"
MIB: Final = 1 << 20
LINUX: Final = ADDRESS_LIMIT - (2 << 30)
"""Where 64-bit Linux kernels start."""

Holds = Callable[[Layout], tuple[bool, str]]


def image() -> Assumption:
    """The assumption that libelf takes the image."""
    return Assumption(
        "image",
        accepts(virt_base, kernel_start, kernel_end, kernel_start),
        "libelf accepts the image: virt_base ≤ virt_kstart ≤ virt_kend",
    )


def builds(pages: Word, end: Word, initrd_len: Word | None = None) -> Assumption:
    """The assumption that Xen goes on to build, V being ``end`` and dom0's memory ``pages``."""
    own = allocation.own_length(virt_base, end, initrd_len)
    return Assumption(
        "builds",
        allocation.allowed(pages, own, number(0) if initrd_len is None else initrd_len),
        "Xen can allocate the region at once, 1 GiB at most, and dom0's memory holds that and the initrd",
    )


def found(start: Word, tables: Word) -> Run:
    """The 64-bit search stops at n."""
    return evolve(search.found(X86_64), arguments=(start, tables, number(FIRST_TRIED)))


def on_pages(*addresses: Word) -> Truth:
    """All of them are multiples of 4096."""
    result = addresses[0] & (PAGE_SIZE - 1) == 0
    for each in addresses[1:]:
        result &= each & (PAGE_SIZE - 1) == 0
    return result


def configuration(mode: PagingMode, values: Values) -> Configuration:
    """The configuration of the values; its memory is that before the cap, in claims about the cap."""
    start = values.get("kernel_start", values["virt_base"])
    return Configuration(
        mode=mode,
        virt_base=values["virt_base"],
        kernel=Segment(start, values["kernel_end"]),
        nr_pages=values["nr_pages"],
        initrd_len=values.get("initrd_len", 0),
        init_p2m=values.get("init_p2m"),
    )


def asked_for(given: Configuration) -> str:
    """What is reported about a boot whose memory is given as an amount."""
    return f"with dom0_mem={_memory(given.nr_pages)} and {_initrd(given)}"


def capped_boot(mode: PagingMode, values: Values) -> tuple[Configuration, str]:
    """The boot with the memory that the cap leaves, and what is reported about it: dom0_mem gives no absolute amount.

    Xen gives dom0 no more than a maximum in dom0_mem, whatever the cap says, and then panics. So where the cap raises
    the memory there is none, and the host has as much as is raised to.
    """
    given = configuration(mode, values)
    least = values.get("min_pages", 0)
    option = Dom0Mem(minimum=Amount(least), maximum=Amount(given.nr_pages))
    pages = capped(given, option, given.nr_pages + RESERVE)
    memory = f"max:{_memory(given.nr_pages)}"
    host = ""
    if pages > given.nr_pages:
        memory = f"-{_memory(pages - given.nr_pages)}"
        host = f" on a host that has {_memory(pages)} for dom0"
    memory = (f"min:{_memory(least)}," if least else "") + memory
    says = f"with dom0_mem={memory}{host} and {_initrd(given)}, {replays.by_the_cap(given.nr_pages, pages)}"
    return evolve(given, nr_pages=pages), says


def judged(given: Configuration, says: str, holds: Holds, *, builds: bool = False) -> Replay:
    """The fate of a boot, step by step: its layout, Xen's checks of the memory, ``holds``, and how it ends.

    With ``builds`` the sentence is about boots that Xen builds: one that it gives up for want of memory is no case.
    """
    try:
        layout = replays.once_arranged(given)
        verdict, seen = holds(layout)
        given_up, fate = _fate(given, layout)
        judgement = None if builds and given_up else verdict
        return Replay(judgement, f"{says}; {seen}; {fate}", replays.seen(layout))
    except (TooLarge, ImpossibleLayout):
        return Replay(None, replays.TOO_LARGE)


def ends_in_space(layout: Layout) -> tuple[bool, str]:
    """Whether the machine's region ends by 2^64."""
    past = layout.v_start + layout.total.size - ADDRESS_LIMIT
    return past <= 0, f"the region ends {exactly(abs(past))} {'past' if past > 0 else 'short of'} 2^64"


def root_slots(mode: PagingMode, start: int, size: int) -> list[int]:
    """The slots of the root table that some addresses go through, stepped through entry by entry."""
    root = mode.levels[-1]
    stride = 1 << root.entry_shift
    steps = [start, *range(start - start % stride + stride, start + size, stride)]
    return [table_offset(root, each) for each in steps]


def in_xens(mode: PagingMode, slots: list[int]) -> list[int]:
    """Those among some slots of the root table that Xen fills for itself."""
    return [each for each in slots if each in XEN_ROOT_SLOTS[mode.name]]


def are_xens(slots: list[int]) -> str:
    """Which slots of the root table are Xen's own, in words."""
    if not slots:
        return "none is Xen's own"
    return f"{', '.join(map(str, slots))} {'is' if len(slots) == 1 else 'are'} Xen's own"


def region_alone(region: Segment, p2m: Segment | None = None, mode: PagingMode = X86_64) -> Layout:
    """A layout that has only the region's place, and the p2m's."""
    tables = Segment(region.start, region.start)
    return Layout(mode=mode, page_tables=tables, total=region, p2m=p2m)


def located(holds: Holds) -> replays.Judge:
    """Judges the machine's layout of a 64-bit configuration that Xen builds, its memory given as an amount."""

    def judge(values: Values) -> Replay:
        given = configuration(X86_64, values)
        return judged(given, asked_for(given), holds, builds=True)

    return judge


def _initrd(given: Configuration) -> str:
    return f"an initrd of {exactly(given.initrd_len)}" if given.initrd_len else "no initrd"


def _memory(pages: int) -> str:
    """An amount of memory as ``dom0_mem`` takes it."""
    return as_option(pages << PAGE_SHIFT, "GMK")


def _fate(given: Configuration, layout: Layout) -> tuple[bool, str]:
    """How the boot goes on and ends, on the frame machine; and first, whether Xen gives it up for want of memory."""
    refused = too_little(given, layout)
    if refused is not None:
        return True, refused.removesuffix(".")
    allocates = "Xen can allocate the region"
    try:
        loaded = load(given)
    except TooLarge:
        return False, f"{allocates}, which is too large to be built here"
    except Unmodelled as stopped:
        return False, f"{allocates} and builds it; {stopped}, where the machine goes no further"
    builds = allocates if loaded.fate is Fate.OVERLAPS else f"{allocates} and builds it"
    ends = f"{builds}; in the end {loaded.fate.value}" + (f": {loaded.why}" if loaded.why else "")
    return loaded.fate is Fate.P2M_TOO_LARGE, ends
