"""Claims about the tables that NetBSD makes for itself."""

from typing import Final

from ...encodings import netbsd as rule
from ...formal.edge.amounts import exactly
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.layouts.paging import PAGE_SIZE, X86_64
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Lemma, Statement
from ...formal.logic.verdict import Replay
from ...formal.others import netbsd as machine
from ...formal.words.word import Truth, number, replaced
from ..count.claims import ordinary
from ..shared import replays, search
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values
from . import netbsd
from .cases import FAMILY, LINUX, SENTENCE, case

SOURCE: Final = "follows: NetBSD's x86_xpmap.c, 1.84.4.2"


def _small_size() -> Truth:
    """Less than 64 MiB, in whole pages."""
    return (netbsd.size & (PAGE_SIZE - 1) == 0) & (netbsd.size < 64 << 20)


def _small_kernel() -> Truth:
    """A small kernel in the second 2 MiB of the upper half's last 2 GiB, as amd64's is."""
    return _small_size() & (netbsd.base == LINUX) & (netbsd.text == LINUX + netbsd.TABLE) & _amd64()


def _amd64() -> Truth:
    return (netbsd.directories == rule.DIRECTORIES_AMD64) & (netbsd.first == rule.FIRST_AMD64)


def _small_pae() -> Truth:
    """A small kernel where i386's is."""
    pae = _small_size() & (netbsd.size > 0) & (netbsd.directories == rule.DIRECTORIES_PAE)
    return pae & (netbsd.base == 3 << 30) & (netbsd.text == (3 << 30) + (1 << 20))


@claim(family=FAMILY, sentence=SENTENCE, source=SOURCE)
def netbsd_least() -> tuple[Part, ...]:
    """NetBSD's search stops, at the least n from n₀ on with K + m + 4096 (n + d) ≤ B + 2 MiB · n, if there is one.

    K is the start of the text, B the start of the kernel's half, m what is mapped without tables, d the number of
    directories.
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
            replay=_least,
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=SOURCE,
    cure="a text in the first 2 MiB of the kernel's half, and a first count of m / 2 MiB, rounded up, as PAE has",
)
def netbsd_exact() -> tuple[Part, ...]:
    """B ≤ K: the tables that NetBSD's search finds are exactly those that map K to K + m + 4096 (n + d).

    They are always enough. With PAE they are exactly those. Refuted for amd64, which starts from 49, and counts
    from B although its text starts a table above.
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
                "no-wrap": (netbsd.text == (1 << 64) - (2 << 20))
                & (netbsd.base == netbsd.text)
                & (netbsd.size == 4 << 20)
                & (netbsd.first == 0)
                & (netbsd.directories == 0),
            },
            replay=_enough,
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
                & (netbsd.directories == rule.DIRECTORIES_PAE),
                "text-first": (netbsd.base == 3 << 30)
                & (netbsd.text == (3 << 30) + netbsd.TABLE)
                & (netbsd.size == PAGE_SIZE)
                & (netbsd.directories == rule.DIRECTORIES_PAE),
                "no-wrap": (netbsd.base == 1 << 63)
                & (netbsd.text == netbsd.base)
                & (netbsd.size == (1 << 63) - (1 << 40))
                & (netbsd.directories == rule.DIRECTORIES_PAE),
            },
            replay=_exact,
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
            replay=_exact,
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=SOURCE,
    cure="at most 64 tables in each set, directories included",
)
def netbsd_temporary() -> tuple[Part, ...]:
    """amd64: the temporary tables that NetBSD makes above the final ones, or above Xen's, lie in the region that Xen maps.

    Refuted: nothing checks where that region ends. With at most 64 tables in each set they lie within the 516 KiB
    that Xen leaves.
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
    shape = (vpt_start < LINUX + (512 << 20)) & (own >= rule.FIRST_AMD64) & (own < 512) & (xens < 512)
    for less in (1, 2):
        shape &= search.needed(X86_64, xens - less) > xens - less
    for run, result, first in zip(
        netbsd.both_counts()[1:], (own, temporary), (number(rule.FIRST_AMD64), own), strict=True
    ):
        loop = run.loop
        here = dict(zip(loop.parameters, run.arguments, strict=True)) | {loop.state[0]: result - 1}
        shape &= (result >= first) & (result < 512) & ((result == first) | replaced(loop.goes_on, here))
    return shape


CLAIMS: tuple[Claim, ...] = (netbsd_least, netbsd_exact, netbsd_temporary)


def _kernel(values: Values) -> machine.Kernel:
    names = "text", "base", "size", "directories"
    text, base, size, directories = (values[name] for name in names)
    first = values["first"] if "first" in values else -(-size // netbsd.TABLE)
    return machine.Kernel(text=text, base=base, size=size, directories=directories, first=first)


def _searched(values: Values) -> tuple[machine.Kernel, int]:
    """The machine's count for a case, which must be the model's. Raises `TooLarge`."""
    kernel = _kernel(values)
    found = machine.search(kernel)
    replays.agreed("NetBSD's tables", values["count"], found)
    return kernel, found


@case
def _least(values: Values) -> Replay:
    """Judges the count that the machine's search stops at against the one that is enough."""
    kernel, found = _searched(values)
    other = values["enough_of"]
    return Replay(
        found <= other, f"from {kernel.first} on the search stops at {found}, and {other} is enough, too"
    )


def _filled(values: Values) -> tuple[int, int, list[int]]:
    """What is to be mapped, in bytes; the count; and what each table maps of it when they are filled."""
    kernel, found = _searched(values)
    end = machine.map_end(kernel, found)
    return (
        (end - kernel.text) % ADDRESS_LIMIT,
        found,
        list(machine.filled(kernel.text, end, found)),
    )


@case
def _enough(values: Values) -> Replay:
    """Judges whether the tables, filled one after another, map everything."""
    wanted, found, tables = _filled(values)
    return Replay(sum(tables) == wanted, f"{found} tables map {exactly(sum(tables))} of {exactly(wanted)}")


@case
def _exact(values: Values) -> Replay:
    """Judges whether they do, and each of them maps something."""
    wanted, found, tables = _filled(values)
    used = sum(map(bool, tables))
    return Replay(
        sum(tables) == wanted and used == found,
        f"{found} tables map {exactly(sum(tables))} of {exactly(wanted)}, and {used} of them map something",
    )


@case
def _temporary(values: Values) -> Replay:
    """Judges where the temporary tables lie, page by page, in the layout that the frame machine arranges."""
    start, tables_start = values["v_start"], values["vpt_start"]
    layout = replays.arranged(X86_64, start, tables_start)
    if layout is None:
        return Replay(None, replays.TOO_LARGE)
    replays.agreed("n", values["n"], layout.nr_pt_pages)
    own = start + netbsd.TABLE
    kernel = machine.Kernel(
        text=own,
        base=start,
        size=(tables_start - own) % ADDRESS_LIMIT + rule.ABOVE_TABLES,
        directories=rule.DIRECTORIES_AMD64,
        first=rule.FIRST_AMD64,
    )
    final = machine.search(kernel)
    replays.agreed("NetBSD's tables", values["count"], final)
    xens_end, final_end = (
        tables_start + count * PAGE_SIZE for count in (layout.nr_pt_pages, final + kernel.directories)
    )
    at = max(xens_end, final_end)
    words = [number(each) for each in (tables_start, layout.nr_pt_pages, kernel.directories, final)]
    replays.agreed("where the temporary tables start", int(rule.temporary_start(*words)), at)
    temporary = machine.temporary(start, kernel.directories, at, final)
    replays.agreed("the temporary tables", values["temporary"], temporary)
    frames = range(at, at + (temporary + kernel.directories) * PAGE_SIZE, PAGE_SIZE)
    end = start + layout.total.size
    outside = sum(frame >= end for frame in frames)
    return Replay(
        not outside,
        f"{final} tables and {temporary} temporary ones, with {kernel.directories} directories each: the temporary ones lie from "
        f"{at:#x} on, the region ends at {end:#x}, and {outside or 'none'} of their frames {'is' if outside == 1 else 'are'} "
        "not mapped",
        replays.seen(layout),
    )
