"""What a kernel image is asked: cases of the claims, its addresses being numbers. An entry point of the tool.

Notation of DOMAIN.md section 1. Memory is what dom0 is laid out with, whatever led to that; in questions about the cap
it is the memory before the cap. Facts: DOMAIN.md sections 2, 5 and 6; `encodings.allocation` for what Xen goes on to build.
"""

from functools import cache

from attrs import evolve

from ...encodings import allocation, overlap
from ...formal.images.image_questions import Limits, Question, Questions
from ...formal.layouts.layout import ADDRESS_LIMIT, Configuration
from ...formal.layouts.paging import PAGE_SIZE
from ...formal.logic.claim import Part
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.machine.refusals import moves_xens_part
from ...formal.words.word import FALSE, TRUE, Truth, number, truth, word
from ..shared.configurations import initrd_len, nr_pages
from ..shared.region import n
from . import image_replays
from .image_space import NOTHING, Kernel

SUPERPAGE = 2 << 20
GUEST_END = 1 << 32
"""Where a 32-bit guest's addresses end."""
MOST = Limits(nr_pages=allocation.HOST_PAGES, initrd_len=allocation.HOST_PAGES * PAGE_SIZE)
"""As much memory as Xen can have, and an initrd that fills it."""
LEAST = (nr_pages, initrd_len)
address, max_page = word("address"), word("max_page")


def questions(configuration: Configuration) -> Questions:
    """What the image of that configuration is asked; its memory and its initrd mean nothing."""
    kernel = Kernel(configuration)
    capped = Kernel(configuration, capped=True)

    def builds(limits: Limits) -> Part:
        return _built(kernel, limits, "builds this image")

    def builds_capped(limits: Limits) -> Part:
        return _built(capped, limits, "builds this image with the memory that the cap leaves")

    asked = [
        Question(
            id="exact",
            claim="exact",
            says="the count is exact: the region needs exactly the n frames that the search finds"
            + (", if it ends by 4 GiB" if kernel.mode.bits == 32 else ""),
            part=lambda limits: _exact(kernel, limits),
        ),
        Question(
            id="wrap",
            claim="wrap-caught",
            says="the region ends by 2^64",
            part=lambda limits: _in_space(kernel, limits),
            only=builds,
        ),
        Question(
            id="cap",
            claim="cap-only-lowers",
            says="the cap on dom0's memory doesn't raise it",
            part=lambda limits: _lowers(kernel, limits),
            before_cap=True,
        ),
        Question(
            id="capped-wrap",
            claim="cap-prevents-wrap",
            says="the region ends by 2^64 with the memory that the cap leaves",
            part=lambda limits: _in_space(capped, limits),
            only=builds_capped,
            before_cap=True,
        ),
        Question(
            id="xen-area",
            claim="overlap-complete",
            says="the region stays out of Xen's own addresses"
            + (" on every host" if moves_xens_part(configuration) else ""),
            part=lambda limits: _off_xens(kernel, limits),
            only=builds,
        ),
        Question(
            id="canonical",
            claim="overlap-complete",
            says="the region has only addresses that a processor can form",
            part=lambda limits: _canonical(kernel, limits),
            only=builds,
        ),
        Question(
            id="page",
            claim="unaligned-page",
            says="VIRT_BASE is a multiple of 4096",
            part=lambda limits: _aligned(kernel, limits, "page", kernel.start, PAGE_SIZE),
            only=builds,
        ),
        Question(
            id="superpage",
            claim="comment-superpage",
            says="VIRT_BASE is a multiple of 2 MiB",
            part=lambda limits: _aligned(kernel, limits, "superpage", kernel.start, SUPERPAGE),
            only=builds,
            harmless=True,
        ),
        Question(
            id="kernel-start",
            claim="starts-page-aligned",
            says="the kernel starts at a multiple of 4096",
            part=lambda limits: _aligned(
                kernel, limits, "kernel-start", kernel.configuration.kernel.start, PAGE_SIZE
            ),
            only=builds,
            harmless=True,
        ),
    ]
    if kernel.mode.bits == 32 and not _can_end_in_guest(kernel):
        asked = [each for each in asked if each.id != "exact"]
    if kernel.uncapped:
        asked = [each for each in asked if each.id != "capped-wrap"]
    return Questions(limits=MOST, boots=builds, questions=tuple(asked))


def _built(kernel: Kernel, limits: Limits, name: str) -> Part:
    return Part(
        name=name,
        lemma=kernel.never_built(limits),
        reached=True,
        least=LEAST,
        shape=FALSE if kernel.too_long(limits) else kernel.shape(limits, None),
        replay=image_replays.located(kernel, image_replays.built),
    )


def _exact(kernel: Kernel, limits: Limits) -> Part:
    """A 32-bit region past 4 GiB takes more L2 than the four that Xen counts, and is refused."""
    guest = Assumption(
        "guest", kernel.end - kernel.start <= GUEST_END - kernel.start, "the region ends by 4 GiB"
    )
    also = (guest,) if kernel.mode.bits == 32 else ()
    return Part(
        name="the count is exact",
        lemma=kernel.exact(limits, also),
        least=LEAST,
        shape=kernel.shape(limits, None),
        without=_unasked("host", "initrd", *(each.name for each in also)),
        replay=image_replays.counted(kernel),
    )


def _can_end_in_guest(kernel: Kernel) -> bool:
    """Whether some region of the image ends by 4 GiB."""
    space = GUEST_END - kernel.start
    return space > 0 and not kernel.too_long(MOST) and kernel.last_within(space, MOST) is not None


def _in_space(kernel: Kernel, limits: Limits) -> Part:
    """Kernel and start info, T, the tables' end and V's last byte: each is above the one before, none wraps."""
    after = kernel.tables + n * PAGE_SIZE
    lowest = number(min(kernel.start + kernel.least_length, ADDRESS_LIMIT - 1))
    goal = (lowest <= kernel.tables) & (kernel.tables <= after) & (after <= kernel.end - 1)
    return _region(
        kernel, limits, "in-space", goal, ADDRESS_LIMIT - kernel.start, image_replays.ends_in_space
    )


def _off_xens(kernel: Kernel, limits: Limits) -> Part:
    inside = Assumption(
        "inside", address - kernel.start < kernel.end - kernel.start, "the address is in the region"
    )
    if moves_xens_part(kernel.configuration):
        return _off_the_hosts(kernel, limits, inside)
    if kernel.mode.bits == 32:
        goal, space = address < overlap.COMPAT_HOLE, overlap.COMPAT_HOLE - kernel.start
    else:
        goal, space = ~overlap.in_xens_slots(address), _before_xens_slots(kernel.start)
    return _region(kernel, limits, "off-xens-area", goal, space, image_replays.off_xens_area, (inside,))


def _off_the_hosts(kernel: Kernel, limits: Limits, inside: Assumption) -> Part:
    """The same of a 32-bit image that lets the host's memory decide where Xen's part begins: for every host.

    Past the last frame is ``max_page``. The host has dom0's memory at least.
    """
    host = Assumption(
        "frames",
        (nr_pages <= max_page) & (max_page <= allocation.HOST_PAGES),
        f"the host's last frame is one of the first {allocation.HOST_PAGES:#x}, and dom0's memory among them",
    )
    hole = overlap.compat_hole(TRUE, max_page)
    part = _region(
        kernel,
        limits,
        "off-xens-area",
        address < hole,
        overlap.COMPAT_HOLE - kernel.start,
        image_replays.off_xens_area,
        (inside, host),
        beside=Steps(uses=(_no_lower().at(),), generalise=(hole,)),
    )
    return evolve(part, least=(*LEAST, max_page), replay=image_replays.off_the_hosts(kernel))


@cache
def _no_lower() -> Lemma:
    """No host has Xen's part begin below its lowest start."""
    return Lemma(
        "hole-no-lower",
        f"Xen's part begins at {overlap.COMPAT_HOLE:#x} or above",
        Statement(goal=overlap.compat_hole(TRUE, max_page) >= overlap.COMPAT_HOLE),
    )


def _canonical(kernel: Kernel, limits: Limits) -> Part:
    """A region in the lower half stays there; one in the upper half ends with it, which ``wrap`` is about.

    Below 4 GiB a 32-bit guest has no others; above, where none lives, the same is asked.
    """
    upper = kernel.start >= overlap.XEN_START
    last = kernel.end - 1
    goal = TRUE if upper else (last >= kernel.start) & (last < overlap.HALF)
    space = ADDRESS_LIMIT if upper else overlap.HALF - kernel.start
    return _region(kernel, limits, "canonical", goal, space, image_replays.canonical)


def _before_xens_slots(start: int) -> int:
    """How many bytes there are from an address on before one that a slot of Xen's maps; none in such a slot."""
    slot = start >> overlap.ROOT_SHIFT & 511
    if overlap.FIRST_SLOT <= slot < overlap.FIRST_SLOT + overlap.SLOTS:
        return 0
    return ((overlap.FIRST_SLOT << overlap.ROOT_SHIFT) - start) % (1 << 48)


def _aligned(kernel: Kernel, limits: Limits, name: str, value: int, unit: int) -> Part:
    """A number is a multiple of another: so for every memory, or for none with which Xen builds."""
    holds = value % unit == 0
    return _region(
        kernel,
        limits,
        f"on-{name}",
        truth(holds),
        ADDRESS_LIMIT if holds else 0,
        image_replays.aligned(name, unit),
    )


def _region(
    kernel: Kernel,
    limits: Limits,
    name: str,
    goal: Truth,
    longest: int,
    judge: image_replays.Holds,
    also: tuple[Assumption, ...] = (),
    *,
    beside: Steps = NOTHING,
) -> Part:
    """A statement about the region, which holds where it is no longer than ``longest`` bytes."""
    last = None if longest <= 0 or kernel.too_long(limits) else kernel.last_within(longest, limits)
    return Part(
        name=name,
        lemma=kernel.stays(limits, f"image-{name}", goal, last, also, beside=beside),
        least=LEAST,
        shape=kernel.shape(limits, last),
        without=_unasked("host", "initrd", "builds", *(each.name for each in also)),
        replay=image_replays.located(kernel, judge),
    )


def _lowers(kernel: Kernel, limits: Limits) -> Part:
    """Without an absolute amount in dom0_mem: a minimum in it only makes the cap apply less often."""
    goal = TRUE if kernel.uncapped else Kernel(kernel.configuration, capped=True).pages <= nr_pages
    return Part(
        name="the cap lowers",
        lemma=Lemma(
            "image-cap-lowers",
            "memory after the cap ≤ memory before it",
            Statement(assumptions=kernel.host(limits), goal=goal),
        ),
        least=LEAST,
        without=_unasked("host", "initrd"),
        replay=image_replays.lowered(kernel),
    )


def _unasked(*names: str) -> dict[str, Truth]:
    """The claims say what an assumption is needed for; it isn't repeated for each image."""
    return dict.fromkeys(names, FALSE)
