"""The family *Alignment*: what of the region is aligned, and what goes wrong where it isn't.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, f the count.
"""

from collections.abc import Callable
from functools import cache

from ...encodings.dom0_arrangement import Arrangement
from ...encodings.dom0_layout import v_end
from ...encodings.libelf import accepts
from ...formal.layouts.layout import Layout
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import TooLarge, arrange, region_end
from ...formal.machine.replay import ImpossibleLayout
from ...formal.words.word import Truth, Word, all_of, word
from ..count.claims import BOTH, ordinary
from ..shared import configurations, region, replays, search
from ..shared.configurations import CHOICES, Choice, arranged, kernel_end, kernel_start, virt_base
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values

FAMILY = "Alignment"
COMMENT = "All *_start address are page-aligned, except v_start (and v_end) which are superpage-aligned."
DOUBT = (
    "I see nothing forcing v_start to be superpage-aligned, while I do suspect that the "
    '"calculation" of the number of page tables will be wrong when it isn\'t.'
)
SUPERPAGE = 2 << 20
"""What one L2 entry can map, in bytes."""
ENTRY = word("virt_entry")
FEW_PAGES = 0x100000


def _image() -> Assumption:
    return Assumption(
        "image",
        accepts(virt_base, kernel_start, kernel_end, ENTRY),
        "libelf accepts the image: virt_base ≤ virt_kstart ≤ virt_entry ≤ virt_kend",
    )


def _plain() -> Truth:
    """A kernel of a page, little memory: for round figures."""
    shape = (kernel_end - kernel_start == PAGE_SIZE) & (kernel_start < 1 << 30)
    return shape & (kernel_start == virt_base)


@claim(
    family=FAMILY,
    sentence=COMMENT,
    source="the source comment, quoted in the thread",
    cure="claim for v_start only what VIRT_BASE gives, or refuse an image whose VIRT_BASE is not a multiple of 2 MiB",
)
def comment_superpage() -> tuple[Part, ...]:
    """For all images that libelf accepts: S is a multiple of 2 MiB. For all T, n: V(n) is a multiple of 4 MiB."""
    choice = CHOICES[0]
    start = Part(
        name="v_start",
        expected=Expected.REFUTED,
        lemma=Lemma(
            "v-start-on-superpage",
            "libelf accepts the image ⇒ S is a multiple of 2 MiB",
            Statement(assumptions=(_image(),), goal=virt_base & (SUPERPAGE - 1) == 0),
        ),
        least=(virt_base, kernel_start, kernel_end, ENTRY),
        shape=(virt_base & (PAGE_SIZE - 1) == 0) & (kernel_end - kernel_start == PAGE_SIZE),
        replay=_configured(choice, _starts_on_superpage),
    )
    end = Part(
        name="v_end",
        lemma=Lemma(
            "v-end-on-superpage",
            "V(n) is a multiple of 4 MiB",
            Statement(goal=v_end(vpt_start, n) & ((4 << 20) - 1) == 0),
        ),
        least=(vpt_start, n),
        replay=replays.arithmetic_case(_ends_on_superpage),
    )
    return start, end


@claim(
    family=FAMILY,
    sentence="all *_start address are page-aligned",
    source="the source comment, quoted in the thread",
    cure="claim it for every segment but the kernel, and for the p2m only if INIT_P2M is a multiple of 4096",
)
def starts_page_aligned() -> tuple[Part, ...]:
    """For all configurations: each segment starts at a multiple of 4096.

    Proved for initrd, start info, the shim's pages, page tables and stack, and for the p2m in the region;
    refuted for the kernel, and for a p2m at INIT_P2M.
    """
    kernel = Part(
        name="kernel",
        expected=Expected.REFUTED,
        lemma=_page_aligned("kernel", kernel_start),
        least=(kernel_start, virt_base, kernel_end, ENTRY),
        shape=(kernel_start & 0x7FF == 0) & (kernel_end - kernel_start == PAGE_SIZE),
        replay=_configured(CHOICES[0], lambda layout: _starts_on_page(layout, "kernel")),
    )
    own = next(choice for choice in CHOICES if choice.own_p2m and not choice.mapped)
    p2m = Part(
        name="p2m at INIT_P2M",
        expected=Expected.REFUTED,
        lemma=_page_aligned("own-p2m", arranged(own).p2m.start),
        least=(configurations.init_p2m, virt_base, kernel_start, kernel_end, ENTRY),
        shape=(configurations.init_p2m & 0x7FF == 0) & (configurations.init_p2m >= 1 << 39) & _plain(),
        replay=_configured(own, lambda layout: _starts_on_page(layout, "p2m")),
    )
    return kernel, p2m, *_the_rest()


@claim(
    family=FAMILY,
    sentence=DOUBT,
    source="thread",
    cure="nothing: for a page-aligned v_start the calculation is exact",
)
def unaligned_superpage() -> tuple[Part, ...]:
    """There are S, a multiple of 4096 but not of 2 MiB, and T with room, where f(S, V(n)) ≠ n.

    Refuted: by exact there are none.
    """
    return tuple(
        Part(
            name=mode.title,
            reached=True,
            expected=Expected.REFUTED,
            lemma=Lemma(
                f"wrong-off-superpage[{mode.name}]",
                "some search from a page-aligned S off a superpage stops at an n with f(S, V(n)) ≠ n",
                Statement(
                    assumptions=(
                        Assumption("page-aligned", v_start & (PAGE_SIZE - 1) == 0, "S is a multiple of 4096"),
                        Assumption("off", v_start & (SUPERPAGE - 1) != 0, "S is not a multiple of 2 MiB"),
                        region.room(mode, n),
                    ),
                    runs=(search.found(mode),),
                    goal=search.needed(mode, n) != n,
                ),
                Steps(uses=(search.exact(mode).at(),), generalise=(search.needed(mode, n),)),
            ),
            least=(v_start, vpt_start),
            shape=ordinary() & (v_start < 1 << 30),
            replay=replays.region_case(mode, _miscounted),
        )
        for mode in BOTH
    )


@claim(
    family=FAMILY,
    sentence=DOUBT,
    source="follows: the doubt, for a v_start that isn't even page-aligned",
    cure="refuse an image whose VIRT_BASE is not a multiple of 4096: for all others count and mapping hold",
)
def unaligned_page() -> tuple[Part, ...]:
    """For all S and T: the ⌊(V - S) / 4096⌋ pages mapped from S on reach V, and the tables lie on pages of memory.

    Refuted for S off a page; proved for S on one. The count alone is right for any S (exact).
    """
    parts = []
    for title, assumptions, expected in (
        ("any S", (), Expected.REFUTED),
        (
            "S on a page",
            (
                Assumption("page-aligned", v_start & (PAGE_SIZE - 1) == 0, "S is a multiple of 4096"),
                Assumption("tables-aligned", vpt_start & (PAGE_SIZE - 1) == 0, "T is a multiple of 4096"),
            ),
            Expected.PROVED,
        ),
    ):
        end = v_end(vpt_start, n)
        pages = (end - v_start) >> PAGE_SHIFT
        parts.append(
            Part(
                name=title,
                expected=expected,
                lemma=Lemma(
                    f"mapping-reaches[{title}]",
                    "S + 4096 ((V - S) >> 12) = V, and T - S is a multiple of 4096",
                    Statement(
                        assumptions=assumptions,
                        goal=(v_start + (pages << PAGE_SHIFT) == end)
                        & ((vpt_start - v_start) & (PAGE_SIZE - 1) == 0),
                    ),
                ),
                least=(v_start, vpt_start, n),
                shape=_half_page() & (n == 5),
                without={
                    "page-aligned": _half_page() & (n == 5),
                    "tables-aligned": (v_start == 0) & (vpt_start & 0x7FF == 0) & (n == 5),
                }
                if assumptions
                else {},
                replay=_mapped,
            )
        )
    return tuple(parts)


@claim(
    family=FAMILY,
    sentence="For *_end there's nothing wrong to be misaligned (as per the comment in question) - only v_end has a statement.",
    source="thread",
)
def ends_misaligned() -> tuple[Part, ...]:
    """There are configurations whose p2m and start info end off a page; every next start still is on one.

    That every start is on a page, whatever the ends, is proved for each choice, as with starts-page-aligned.
    """
    choice = CHOICES[0]
    found = arranged(choice)
    return (
        Part(
            name="p2m and start info end off a page, what follows them starts on one",
            reached=True,
            lemma=Lemma(
                "ends-misaligned",
                "p2m and start info end off a page, start info and page tables start on one",
                Statement(
                    goal=(found.p2m.end & (PAGE_SIZE - 1) != 0)
                    & (found.start_info.end & (PAGE_SIZE - 1) != 0)
                    & _on_page(found.start_info.start)
                    & _on_page(found.vpt_start)
                ),
            ),
            least=(configurations.nr_pages, virt_base, kernel_start, kernel_end),
            shape=_plain() & (configurations.nr_pages > 0x10000),
            replay=_configured(choice, _ends_off_pages),
        ),
        *_the_rest(),
    )


CLAIMS: tuple[Claim, ...] = (
    comment_superpage,
    starts_page_aligned,
    unaligned_superpage,
    unaligned_page,
    ends_misaligned,
)


def _on_page(address: Word) -> Truth:
    return address & (PAGE_SIZE - 1) == 0


def _half_page() -> Truth:
    """A region below 1 GiB whose start and tables lie at multiples of half a page, the tables on a page."""
    below = (v_start < vpt_start) & (vpt_start < 1 << 30) & (vpt_start - v_start >= 2 * PAGE_SIZE)
    return (v_start & 0x7FF == 0) & _on_page(vpt_start) & below


def _page_aligned(name: str, start: Word) -> Lemma:
    return Lemma(
        f"page-aligned[{name}]",
        f"libelf accepts the image ⇒ the {name} starts at a multiple of 4096",
        Statement(assumptions=(_image(),), goal=_on_page(start)),
    )


@cache
def _the_rest() -> tuple[Part, ...]:
    """That all that follows the kernel starts on a page, for each choice."""
    return tuple(
        Part(
            name=choice.title,
            lemma=Lemma(
                f"starts-page-aligned[{choice.slug}]",
                "every segment but the kernel starts at a multiple of 4096",
                Statement(goal=_all_aligned(choice, arranged(choice))),
            ),
            least=(virt_base, kernel_start, kernel_end),
            shape=_plain() & (configurations.nr_pages == FEW_PAGES),
            replay=_configured(choice, _rest_on_pages),
        )
        for choice in CHOICES
    )


def _all_aligned(choice: Choice, found: Arrangement) -> Truth:
    """Every segment but the kernel, and but the p2m at an address of its own, starts on a page."""
    starts = [found.start_info.start, found.vpt_start]
    starts += [] if choice.own_p2m else [found.p2m.start]
    starts += [each.start for each in (found.initrd, found.xenstore, found.console) if each is not None]
    return all_of(map(_on_page, starts))


def _configured(choice: Choice, holds: Callable[[Layout], tuple[bool, str]]) -> replays.Judge:
    """Judges the machine's layout of a whole configuration."""

    def judge(values: Values) -> Replay:
        try:
            layout = arrange(configurations.configuration(choice, values))
            found, says = holds(layout)
            return Replay(found, says, replays.seen(layout))
        except (TooLarge, ImpossibleLayout):
            return Replay(None, replays.TOO_LARGE)

    return judge


def _starts_on_superpage(layout: Layout) -> tuple[bool, str]:
    return layout.v_start % SUPERPAGE == 0, f"the machine's region starts at {layout.v_start:#x}"


def _ends_on_superpage(values: Values) -> tuple[bool, str]:
    end = region_end(values["vpt_start"] + (values["n"] + 1) * PAGE_SIZE)
    return end % (4 << 20) == 0, f"the machine ends the region at {end:#x}"


def _starts_on_page(layout: Layout, name: str) -> tuple[bool, str]:
    start = getattr(layout, name).start
    return start % PAGE_SIZE == 0, f"the machine's {name} starts at {start:#x}"


def _rest_on_pages(layout: Layout) -> tuple[bool, str]:
    inside = [
        layout.initrd,
        layout.start_info,
        layout.xenstore,
        layout.console,
        layout.page_tables,
        layout.boot_stack,
    ]
    if layout.p2m is not None and layout.p2m.start < layout.page_tables.start:
        inside.append(layout.p2m)
    starts = [each.start for each in inside if each is not None]
    return all(start % PAGE_SIZE == 0 for start in starts), "the machine's segments start on pages"


def _miscounted(_values: Values, layout: Layout) -> tuple[bool, str]:
    exact, says = replays.counted(layout)
    return not exact, f"from v_start {layout.v_start:#x}, {says}"


def _mapped(values: Values) -> Replay:
    """Whether the machine's pages cover the region, its tables on pages of memory."""
    v_start, vpt_start = values["v_start"], values["vpt_start"]
    layout = replays.arranged(BOTH[0], v_start, vpt_start)
    if layout is None:
        return Replay(None, "no image has its tables there")
    report = replays.once_replayed(layout)
    whole = report.pages == report.region_pages and not report.misaligned
    says = f"{report.pages} of {report.region_pages} pages are mapped, the tables lie {report.misaligned} bytes off a page"
    return Replay(whole, says, (("the builder's layout", layout, report),))


def _ends_off_pages(layout: Layout) -> tuple[bool, str]:
    assert layout.p2m is not None
    assert layout.start_info is not None
    off = layout.p2m.end % PAGE_SIZE and layout.start_info.end % PAGE_SIZE
    on = not (layout.start_info.start % PAGE_SIZE or layout.vpt_start % PAGE_SIZE)
    return bool(off and on), f"p2m ends at {layout.p2m.end:#x}, start info at {layout.start_info.start:#x}"
