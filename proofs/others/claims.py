"""The family *Others*: what those who count page tables of their own set aside, against what the region takes.

S = v_start, T = vpt_start, where the tables start, V where the region ends. Every case is replayed by `ptproof.formal.others`,
which executes the other's own loop.
"""

from collections.abc import Callable
from typing import Final

from ...encodings import grub as rule
from ...encodings import netbsd as netbsd_rule
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.layouts.paging import PAGE_SIZE, X86_64
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Lemma, Statement
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import TooLarge, touched
from ...formal.others import grub as machine
from ...formal.others import netbsd as netbsd_machine
from ...formal.words.word import Truth, number, replaced
from ..count.claims import ordinary, small
from ..shared import replays, search
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values
from . import grub, netbsd

FAMILY = "Others"
SENTENCE = "The page tables lie in the region that they map, so whoever makes them must count them first."
GRUB = "follows: GRUB's loader for Xen, 2.06 to 2.12"
NETBSD = "follows: NetBSD's x86_xpmap.c, 1.84.4.2"
LINUX: Final = (1 << 64) - (2 << 30)
"""Where Linux starts."""


def _first_round() -> Truth:
    """A kernel where Linux's is, whose tables end in the region of the first round."""
    return ordinary() & (v_start == LINUX) & (vpt_start < LINUX + (1 << 30)) & (grub.pages == 0)


def _around() -> Truth:
    """Tables so close to 2^64, of a region so long, that they pass it."""
    return (v_start == (1 << 64) - (1 << 40)) & (vpt_start == (1 << 64) - (8 << 20)) & (grub.pages == 0)


@claim(family=FAMILY, sentence=SENTENCE, source=GRUB)
def grub_count() -> tuple[Part, ...]:
    """64-bit, S ≤ T, the region across no multiple of 2^48: GRUB's tables end in the region, of which f(S, V) map it.

    The rest maps a page beside the region, for GRUB's last steps. Each round that goes on asks for more tables than
    the one before, and none for more than all of 48 bits take: so the rounds end, or the region comes to 2^64.
    """
    first = ordinary() & (grub.pages == 0)
    return (
        Part(
            name="what is set aside",
            lemma=grub.counts(),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages == 0),
            without={
                "in-order": (v_start == 6 << 20) & (vpt_start == 0) & (grub.pages == 0),
                "fits": _around(),
                "block": first
                & (v_start == (1 << 48) - (4 << 20))
                & (vpt_start == (1 << 48) - 16 * PAGE_SIZE),
            },
            replay=_counted,
        ),
        Part(
            name="each round",
            lemma=grub.rises(),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages == 0),
            without={
                "room": (v_start == 0) & (vpt_start == (1 << 64) - (1 << 20)) & (grub.pages == 1000),
            },
            replay=_one_round,
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=GRUB,
    cure="128 tables at most, as a region of less than 246 MiB has; or a stop test that counts the stack and the 512 KiB",
)
def grub_stack() -> tuple[Part, ...]:
    """64-bit, S ≤ T, the region across no multiple of 2^48: the boot stack that GRUB starts a kernel with ends in the region.

    Refuted: the rounds are over when the tables end there, and the stack is above them. With 128 tables at most the
    512 KiB that are left make up for them.
    """
    return (
        _anywhere("grub-stack", rule.STACK, _first_round(), _leaves(rule.STACK, "of the stack")),
        Part(
            name="128 tables at most",
            lemma=grub.leaves("grub-stack[128]", "n ≤ 128 ⇒ 1 MiB is left above the tables", rule.STACK, 128),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages == 0),
            without={"few": _first_round()},
            replay=_leaves(rule.STACK, "of the stack"),
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=GRUB,
    cure="a stop test that counts the stack and the 512 KiB",
)
def grub_padding() -> tuple[Part, ...]:
    """64-bit, S ≤ T, the region across no multiple of 2^48: 512 KiB are left above the boot stack, as Xen's interface has it.

    Refuted: the region is made with room for 512 KiB, but for no tables, and the test lets the tables take of it. With a
    test that counts stack and 512 KiB they are left.
    """
    return (
        _anywhere(
            "grub-padding", grub.ROOM, small() & (grub.pages == 0), _leaves(grub.ROOM, "of stack and 512 KiB")
        ),
        Part(
            name="a stop test that counts stack and 512 KiB",
            lemma=grub.leaves(
                "grub-padding[tested]", "1.5 MiB are left above the tables", grub.ROOM, None, grub.ROOM
            ),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages < 64),
            without={"fits": _around()},
            replay=_leaves(grub.ROOM, "of stack and 512 KiB", grub.ROOM),
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=GRUB,
    cure="383 tables at most, as a region of less than 754 MiB has; or a stop test that counts the stack and the 512 KiB",
)
def grub_last_page() -> tuple[Part, ...]:
    """64-bit, S ≤ T, the region across no multiple of 2^48: the region's last page, GRUB's way into the kernel, is no table.

    Refuted: the tables may end where the region does. With 383 tables at most a page of the 1.5 MiB is left.
    """
    return (
        _anywhere("grub-last-page", PAGE_SIZE, _first_round(), _last_page),
        Part(
            name="383 tables at most",
            lemma=grub.leaves(
                "grub-last-page[383]", "n ≤ 383 ⇒ a page is left above the tables", PAGE_SIZE, 383
            ),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages == 0),
            without={"few": _first_round()},
            replay=_last_page,
        ),
    )


def _small_kernel() -> Truth:
    """A kernel in the second 2 MiB of the upper half's last 2 GiB, as amd64's is, with less than 64 MiB and no odd size."""
    pages = (netbsd.size & (PAGE_SIZE - 1) == 0) & (netbsd.size < 64 << 20)
    return pages & (netbsd.base == LINUX) & (netbsd.text == LINUX + netbsd.TABLE) & _amd64()


def _amd64() -> Truth:
    return (netbsd.directories == netbsd_rule.DIRECTORIES_AMD64) & (netbsd.first == netbsd_rule.FIRST_AMD64)


def _small_pae() -> Truth:
    """A kernel where i386's is, with less than 64 MiB and no odd size."""
    pages = (netbsd.size & (PAGE_SIZE - 1) == 0) & (netbsd.size < 64 << 20) & (netbsd.size > 0)
    pages &= netbsd.directories == netbsd_rule.DIRECTORIES_PAE
    return pages & (netbsd.base == 3 << 30) & (netbsd.text == (3 << 30) + (1 << 20))


@claim(family=FAMILY, sentence=SENTENCE, source=NETBSD)
def netbsd_least() -> tuple[Part, ...]:
    """NetBSD's search stops, at the least n from n₀ on with K + m + 4096 (n + d) ≤ B + 2 MiB · n, if there is one.

    K is where the text starts, B where the kernel's half does, m what is mapped without tables, d the directories.
    """
    return (
        Part(
            name="any kernel that some count is enough for",
            lemma=netbsd.least(),
            least=(netbsd.size, netbsd.enough_of),
            shape=_small_kernel(),
            without={
                "enough": _amd64()
                & (netbsd.base == LINUX)
                & (netbsd.text == LINUX + netbsd.TABLE)
                & (netbsd.size == 128 << 20)
                & (netbsd.enough_of == 49),
                "tried": _small_kernel() & (netbsd.enough_of < 49),
            },
            replay=_netbsd_least,
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=NETBSD,
    cure="a text in the first 2 MiB of the kernel's half, and a first count of m / 2 MiB, rounded up, as PAE has",
)
def netbsd_exact() -> tuple[Part, ...]:
    """B ≤ K: the tables that NetBSD's search finds are just those that map K to K + m + 4096 (n + d).

    They are always enough. Just those they are with PAE. Refuted for amd64, which starts from 49, and counts from B though its
    text starts a table above.
    """
    statement = netbsd.enough().statement
    half = (netbsd.base == 4 << 20) & (netbsd.directories == 0)
    return (
        Part(
            name="enough",
            lemma=netbsd.enough(),
            least=(netbsd.size, netbsd.text),
            shape=_small_kernel(),
            without={
                "at-base": half & (netbsd.text == 2 << 20) & (netbsd.size == 1 << 20) & (netbsd.first == 0),
                "room": (netbsd.text == (1 << 64) - (2 << 20))
                & (netbsd.base == netbsd.text)
                & (netbsd.size == 4 << 20)
                & (netbsd.first == 0)
                & (netbsd.directories == 0),
            },
            replay=_netbsd_enough,
        ),
        Part(
            name="just those, with PAE, before one more is taken",
            lemma=netbsd.exact(),
            least=(netbsd.size, netbsd.text),
            shape=_small_pae(),
            without={
                "at-base": (netbsd.base == PAGE_SIZE)
                & (netbsd.text == PAGE_SIZE)
                & (netbsd.size == (2 << 20) - 7 * PAGE_SIZE)
                & (netbsd.directories == netbsd_rule.DIRECTORIES_PAE),
                "text-first": (netbsd.base == 3 << 30)
                & (netbsd.text == (3 << 30) + netbsd.TABLE)
                & (netbsd.size == PAGE_SIZE)
                & (netbsd.directories == netbsd_rule.DIRECTORIES_PAE),
                "room": (netbsd.base == 1 << 63)
                & (netbsd.text == netbsd.base)
                & (netbsd.size == (1 << 63) - (1 << 40))
                & (netbsd.directories == netbsd_rule.DIRECTORIES_PAE),
            },
            replay=_netbsd_exact,
        ),
        Part(
            name="just those, on amd64",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "netbsd-exact[amd64]",
                "the search stops at n ⇒ N(K, E(n)) = n",
                Statement(
                    assumptions=statement.assumptions,
                    runs=statement.runs,
                    goal=netbsd.needed() == netbsd.count,
                ),
            ),
            least=(netbsd.size,),
            shape=_small_kernel(),
            replay=_netbsd_exact,
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=NETBSD,
    cure="64 tables at most in each set, as a kernel has that takes no more than 110 MiB",
)
def netbsd_temporary() -> tuple[Part, ...]:
    """amd64: the temporary tables that NetBSD makes above the final ones, or above Xen's, lie in the region that Xen maps.

    Refuted: nothing asks where that region ends. With 64 tables at most in each set they lie within the 516 KiB that Xen leaves.
    """
    runs = netbsd.both_counts()
    place = ordinary() & (v_start == LINUX) & (vpt_start - v_start >= 4 << 20)
    return (
        Part(
            name="any region",
            expected=Expected.REFUTED,
            lemma=Lemma(
                "netbsd-temporary[any]",
                "the temporary tables end in Xen's region",
                Statement(runs=runs, goal=netbsd.temporary_mapped()),
            ),
            least=(v_start, vpt_start),
            shape=place & _as_found(),
            replay=_temporary,
        ),
        Part(
            name="64 tables at most in each set",
            lemma=netbsd.temporary_in_region(),
            least=(v_start, vpt_start),
            shape=place & _as_found(),
            without={"few": place & _as_found()},
            replay=_temporary,
        ),
    )


def _as_found() -> Truth:
    """A region below 512 MiB, in which each count is enough and, where it is not the first, one less is not."""
    own, temporary, xens = netbsd.count, netbsd.temporary, n
    shape = (vpt_start < LINUX + (512 << 20)) & (own >= netbsd_rule.FIRST_AMD64) & (own < 512) & (xens < 512)
    for less in (1, 2):
        shape &= search.needed(X86_64, xens - less) > xens - less
    for run, result, first in zip(
        netbsd.both_counts()[1:], (own, temporary), (number(netbsd_rule.FIRST_AMD64), own), strict=True
    ):
        loop = run.loop
        here = dict(zip(loop.parameters, run.arguments, strict=True)) | {loop.state[0]: result - 1}
        shape &= (result >= first) & (result < 512) & ((result == first) | replaced(loop.goes_on, here))
    return shape


CLAIMS: tuple[Claim, ...] = (
    grub_count,
    grub_stack,
    grub_padding,
    grub_last_page,
    netbsd_least,
    netbsd_exact,
    netbsd_temporary,
)


def _anywhere(name: str, bytes_: int, shape: Truth, replay: replays.Judge) -> Part:
    """That so many bytes are always left above GRUB's tables, which is refuted."""
    statement = Statement(
        assumptions=(grub.in_order(), grub.fits(), grub.block()), runs=(grub.found(),), goal=grub.left(bytes_)
    )
    return Part(
        name="any region",
        expected=Expected.REFUTED,
        lemma=Lemma(f"{name}[any]", f"{bytes_} bytes are left above the tables", statement),
        least=(v_start, vpt_start),
        shape=shape,
        replay=replay,
    )


def _loaded(values: Values, above: int = 0) -> machine.Loaded | None:
    """What GRUB sets aside for a case, which must be what the model has; ``None`` if its rounds don't end."""
    found = machine.load(values["v_start"], values["vpt_start"], above)
    if found is not None:
        replays.agreed("the frames that the region is made for", values["pages"], found.made_for)
        _agreed(values, found)
    return found


def _agreed(values: Values, found: machine.Loaded) -> None:
    words = [number(values[name]) for name in ("v_start", "vpt_start", "pages")]
    replays.agreed("the tables", int(rule.tables_for(*words)), found.tables)
    replays.agreed("the region's end", int(rule.region_end(*words[1:])), found.end)


def _case(judge: Callable[[Values], Replay]) -> replays.Judge:
    """A case that may be too large for the machine."""

    def judged(values: Values) -> Replay:
        try:
            return judge(values)
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)

    return judged


ENDLESS: Final = Replay(None, "GRUB's rounds come to a region that was tried before, and go on")


@_case
def _counted(values: Values) -> Replay:
    """Judges whether the tables end in the region, and whether a walk over it comes to as many as map it."""
    found = _loaded(values)
    if found is None:
        return ENDLESS
    start, tables_start = found.v_start, found.vpt_start
    walked = touched(X86_64, start, found.end if found.end > start else found.end + ADDRESS_LIMIT)
    own = 1 + len(found.region)
    fit = found.tables * PAGE_SIZE <= (found.end - tables_start) % ADDRESS_LIMIT
    return Replay(
        fit and own == walked, f"{found.sentence}; {own} map the region, and a walk over it comes to {walked}"
    )


@_case
def _one_round(values: Values) -> Replay:
    """Judges one round: whether it is over, or asks for more than the region was made for."""
    found = machine.go_round(values["v_start"], values["vpt_start"], values["pages"])
    _agreed(values, found)
    goes_on = found.tables_end > found.end
    return Replay(
        found.tables <= grub.MOST and (not goes_on or found.tables > found.made_for),
        f"{found.sentence}, made for {found.made_for}: {'one more round' if goes_on else 'it is the last'}",
    )


def _leaves(bytes_: int, what: str, above: int = 0) -> replays.Judge:
    """Judges whether the pages right above the tables are all mapped, looking each of them up."""

    @_case
    def judge(values: Values) -> Replay:
        found = _loaded(values, above)
        if found is None:
            return ENDLESS
        if not found.one_piece:
            return Replay(None, f"{found.sentence}; they don't map what lies between")
        pages = bytes_ // PAGE_SIZE
        missing = found.unmapped(found.tables_end, pages)
        return Replay(
            not missing,
            f"{found.sentence}; of the {pages} pages {what}, from {found.tables_end:#x} on, "
            f"{missing or 'none'} {'is' if missing == 1 else 'are'} not mapped",
        )

    return judge


@_case
def _last_page(values: Values) -> Replay:
    """Judges what the region's last page is, of the pages that GRUB has for something."""
    found = _loaded(values)
    if found is None:
        return ENDLESS
    last = (found.end - PAGE_SIZE) % ADDRESS_LIMIT
    table = last in range(found.vpt_start, found.vpt_start + found.tables * PAGE_SIZE, PAGE_SIZE)
    return Replay(
        not table, f"{found.sentence}; its last page, {last:#x}, is {'a' if table else 'no'} page table"
    )


def _kernel(values: Values) -> netbsd_machine.Kernel:
    names = "text", "base", "size", "directories"
    text, base, size, directories = (values[name] for name in names)
    first = values["first"] if "first" in values else -(-size // netbsd.TABLE)
    return netbsd_machine.Kernel(text=text, base=base, size=size, directories=directories, first=first)


def _searched(values: Values) -> tuple[netbsd_machine.Kernel, int]:
    """The machine's count for a case, which must be the model's. Raises `TooLarge`."""
    kernel = _kernel(values)
    found = netbsd_machine.search(kernel)
    replays.agreed("NetBSD's tables", values["count"], found)
    return kernel, found


@_case
def _netbsd_least(values: Values) -> Replay:
    """Judges the count that the machine's search stops at against the one that is enough."""
    kernel, found = _searched(values)
    other = values["enough_of"]
    return Replay(
        found <= other, f"from {kernel.first} on the search stops at {found}, and {other} is enough, too"
    )


def _filled(values: Values) -> tuple[int, int, list[int]]:
    """What is to be mapped, in bytes; the count; and what each table maps of it when they are filled."""
    kernel, found = _searched(values)
    end = netbsd_machine.map_end(kernel, found)
    return (
        (end - kernel.text) % ADDRESS_LIMIT,
        found,
        list(netbsd_machine.filled(kernel.text, end, found)),
    )


@_case
def _netbsd_enough(values: Values) -> Replay:
    """Judges whether the tables, filled one after another, map everything."""
    wanted, found, tables = _filled(values)
    return Replay(sum(tables) == wanted, f"{found} tables map {sum(tables):#x} bytes of {wanted:#x}")


@_case
def _netbsd_exact(values: Values) -> Replay:
    """Judges whether they do, and each of them maps something."""
    wanted, found, tables = _filled(values)
    used = sum(map(bool, tables))
    return Replay(
        sum(tables) == wanted and used == found,
        f"{found} tables map {sum(tables):#x} bytes of {wanted:#x}, and {used} of them map something",
    )


@_case
def _temporary(values: Values) -> Replay:
    """Judges where the temporary tables lie, page by page, in the layout that the frame machine arranges."""
    start, tables_start = values["v_start"], values["vpt_start"]
    layout = replays.arranged(X86_64, start, tables_start)
    if layout is None:
        return Replay(None, replays.TOO_LARGE)
    replays.agreed("n", values["n"], layout.nr_pt_pages)
    own = start + netbsd.TABLE
    kernel = netbsd_machine.Kernel(
        text=own,
        base=start,
        size=(tables_start - own) % ADDRESS_LIMIT + netbsd_rule.ABOVE_TABLES,
        directories=netbsd_rule.DIRECTORIES_AMD64,
        first=netbsd_rule.FIRST_AMD64,
    )
    final = netbsd_machine.search(kernel)
    replays.agreed("NetBSD's tables", values["count"], final)
    xens_end, final_end = (
        tables_start + count * PAGE_SIZE for count in (layout.nr_pt_pages, final + kernel.directories)
    )
    at = max(xens_end, final_end)
    words = [number(each) for each in (tables_start, layout.nr_pt_pages, kernel.directories, final)]
    replays.agreed("where the temporary tables start", int(netbsd_rule.temporary_start(*words)), at)
    temporary = netbsd_machine.temporary(start, kernel.directories, at, final)
    replays.agreed("the temporary tables", values["temporary"], temporary)
    frames = range(at, at + (temporary + kernel.directories) * PAGE_SIZE, PAGE_SIZE)
    region_end = start + layout.total.size
    outside = sum(frame >= region_end for frame in frames)
    return Replay(
        not outside,
        f"{final} tables and as many as {temporary} temporary ones, with {kernel.directories} directories each: these lie from "
        f"{at:#x} on, the region ends at {region_end:#x}, and {outside or 'none'} of their frames {'is' if outside == 1 else 'are'} "
        "not mapped",
        replays.seen(layout),
    )
