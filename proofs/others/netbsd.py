"""Lemmas about NetBSD's search for a count of last-level tables: what it finds, and where its temporary tables end.

K = text, where the text starts, B = base, where the kernel's half does, m = size, what is mapped without tables, d the
directories, n the count; E(n) = K + m + 4096 (n + d) is where everything ends. The search stops at the first n from n₀ on with
E(n) ≤ B + 2 MiB · n. Of the temporary tables n is Xen's count, from T on.
"""

from functools import cache

from ...encodings import netbsd
from ...encodings.dom0_layout import padded_end
from ...encodings.spans import round_down, round_up, spanned
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ...formal.words.word import TRUE, Truth, Word, number, word
from ..shared import region, search
from ..shared.region import n, v_start, vpt_start

text, base, size, directories, first, count = (
    word(name) for name in ("text", "base", "size", "directories", "first", "count")
)
enough_of, temporary = word("enough_of"), word("temporary")
TABLE = 1 << netbsd.TABLE_SHIFT
FEW = 64
"""So many tables, directories included, and so many temporary ones have room in what Xen maps."""


def end(of: Word = count) -> Word:
    """E(n)."""
    return netbsd.end(text, size, directories, of)


def needed(of: Word = count) -> Word:
    """N(K, E(n))."""
    return netbsd.needed(text, size, directories, of)


def found(first: Word = first) -> Run:
    """The search stops at n."""
    return Run(netbsd.search(), (text, base, size, directories, first), (count,))


def at_base() -> Assumption:
    """The assumption on where the kernel's half starts: at a table's beginning, and not above the text."""
    return Assumption("at-base", (base & (TABLE - 1) == 0) & (base <= text), "B ≤ K, B a multiple of 2 MiB")


def text_first() -> Assumption:
    """The assumption that the text starts in the first 2 MiB of the kernel's half."""
    return Assumption("text-first", text - base < TABLE, "K < B + 2 MiB")


def in_room(of: Word = count) -> Truth:
    """Neither what the tables reach nor what is mapped comes to 2^64."""
    last = number(-TABLE)
    ends = (text <= last) & (size <= last - text) & (directories < 1 << 50)
    ends &= of + directories <= (last - (text + size)) >> PAGE_SHIFT
    return (of <= (number(-1) - base) >> netbsd.TABLE_SHIFT) & ends


def room() -> Assumption:
    """The assumption that nothing comes to 2^64."""
    return Assumption(
        "no-wrap", in_room(), "what the tables reach, and what is mapped, ends 2 MiB below 2^64"
    )


@cache
def ends_in_order() -> Lemma:
    """What is mapped ends above the text, and no lower with a table more; nothing wraps."""
    return Lemma(
        "netbsd-ends",
        "K ≤ K + m ≤ E(n) ≤ E(n + 1)",
        Statement(
            assumptions=(
                Assumption("room", in_room(count + 1), "room for one more"),
                Assumption("small", count < 1 << 44, "n is a count"),
            ),
            goal=(text <= text + size)
            & (text + size <= end())
            & (end() <= end(count + 1))
            & (end(count + 1) <= number(-TABLE))
            & in_room(),
        ),
        Steps(
            uses=(
                region.pages_fit().wherever(
                    limit=number(-TABLE), d=text + size, n=count + directories, m=count + 1 + directories
                ),
            ),
            generalise=(end(), end(count + 1)),
        ),
    )


@cache
def end_above_text() -> Lemma:
    """What is mapped ends above the text."""
    return Lemma(
        "netbsd-end-above-text",
        "K ≤ K + m ≤ E(n)",
        Statement(
            assumptions=(Assumption("room", in_room(), "there is room"),),
            goal=(text <= text + size) & (text + size <= end()) & (end() <= number(-TABLE)),
        ),
        Steps(
            uses=(
                region.pages_fit().wherever(
                    limit=number(-TABLE), d=text + size, n=number(0), m=count + directories
                ),
            ),
            generalise=(end(),),
        ),
    )


at, before = word("at"), word("before")


def _spans(of: Word) -> Word:
    return spanned(text, of, netbsd.TABLE_SHIFT)


def within() -> tuple[Assumption, ...]:
    """The assumptions that x lies between text and the reach of n tables, and neither comes to 2^64."""
    return (
        Assumption("room", count <= (number(-1) - base) >> netbsd.TABLE_SHIFT, "the reach is below 2^64"),
        Assumption(
            "within",
            (text <= at) & (at <= netbsd.reach(base, count)) & (at <= number(-TABLE)),
            "K ≤ x ≤ B + 2 MiB · n, 2 MiB below 2^64",
        ),
    )


@cache
def rounded_within() -> Lemma:
    """Text and x rounded outwards stay between B and the reach of n tables."""
    up, down = round_up(at, netbsd.TABLE_SHIFT), round_down(text, netbsd.TABLE_SHIFT)
    return Lemma(
        "netbsd-rounded-within",
        "B ≤ K ≤ x ≤ B + 2 MiB · n ⇒ B ≤ ⌊K⌋ ≤ ⌈x⌉ ≤ B + 2 MiB · n",
        Statement(
            assumptions=(at_base(), *within()),
            goal=(base <= down) & (down <= up) & (up <= netbsd.reach(base, count)),
        ),
    )


@cache
def reached() -> Lemma:
    """What lies between text and the reach of n tables takes n at most."""
    return Lemma(
        "netbsd-reached",
        "B ≤ K ≤ x ≤ B + 2 MiB · n ⇒ N(K, x) ≤ n",
        Statement(
            assumptions=(at_base(), *within()),
            goal=_spans(at) <= count,
        ),
        Steps(
            uses=(rounded_within().at(),),
            generalise=(round_up(at, netbsd.TABLE_SHIFT), round_down(text, netbsd.TABLE_SHIFT)),
        ),
    )


@cache
def not_reached() -> Lemma:
    """What ends above the reach of n tables takes more."""
    return Lemma(
        "netbsd-not-reached",
        "K < B + 2 MiB, x ≥ y > B + 2 MiB · n ⇒ N(K, x) ≥ n + 1",
        Statement(
            assumptions=(
                at_base(),
                text_first(),
                Assumption("room", count + 1 <= (number(-1) - base) >> netbsd.TABLE_SHIFT, "there is room"),
                Assumption("small", count < 1 << 44, "n is a count"),
                Assumption(
                    "beyond", (before > netbsd.reach(base, count)) & (before <= at), "x ≥ y > B + 2 MiB · n"
                ),
                Assumption("short", at <= number(-TABLE), "x is not in the last 2 MiB"),
            ),
            goal=_spans(at) >= count + 1,
        ),
    )


@cache
def enough() -> Lemma:
    """The tables that the search stops at map everything."""
    return Lemma(
        "netbsd-enough",
        "the search stops at n ⇒ N(K, E(n)) ≤ n",
        Statement(assumptions=(at_base(), room()), runs=(found(),), goal=needed() <= count),
        Induction(
            invariant=TRUE,
            end=Steps(
                uses=(end_above_text().at(), reached().at(at=end())),
                generalise=(needed(), end(), text + size),
            ),
        ),
    )


@cache
def first_is_low() -> Lemma:
    """The count that PAE's search starts from is no more than what is needed with it."""
    start = netbsd.first_pae(size)
    return Lemma(
        "netbsd-first-is-low",
        "n₀ = ⌈m / 2 MiB⌉ ⇒ n₀ ≤ N(K, E(n₀))",
        Statement(
            assumptions=(Assumption("room", in_room(start), "there is room"),), goal=start <= needed(start)
        ),
        Steps(
            uses=(
                end_above_text().at(count=start),
                spans_rounded_up().at(at=end(start)),
            ),
            generalise=(needed(start), end(start), start),
        ),
    )


@cache
def spans_rounded_up() -> Lemma:
    """What is mapped takes as many tables at least as it would if it started at one's beginning."""
    start = netbsd.first_pae(size)
    return Lemma(
        "netbsd-spans-rounded-up",
        "K ≤ K + m ≤ x ⇒ ⌈m / 2 MiB⌉ ≤ N(K, x)",
        Statement(
            assumptions=(
                Assumption("above", (text <= text + size) & (text + size <= at), "K ≤ K + m ≤ x"),
                Assumption("short", at <= number(-TABLE), "x is not in the last 2 MiB"),
            ),
            goal=start <= _spans(at),
        ),
    )


@cache
def exact() -> Lemma:
    """With PAE the search stops at just the tables that map everything."""
    start = netbsd.first_pae(size)
    in_range = in_room()
    return Lemma(
        "netbsd-exact",
        "the search from ⌈m / 2 MiB⌉ stops at n ⇒ N(K, E(n)) = n",
        Statement(
            assumptions=(at_base(), text_first(), room()), runs=(found(start),), goal=needed() == count
        ),
        Induction(
            invariant=~in_range | (count <= needed()),
            base=Steps(uses=(first_is_low().wherever(),), generalise=(needed(start),)),
            step=Steps(
                uses=(
                    ends_in_order().wherever(),
                    not_reached().wherever(at=end(count + 1), before=end()),
                ),
                generalise=(needed(), needed(count + 1), end(), end(count + 1)),
            ),
            end=Steps(
                uses=(end_above_text().at(), reached().at(at=end())),
                generalise=(needed(), end(), text + size),
            ),
        ),
    )


@cache
def least() -> Lemma:
    """The search stops, at no more than any count from the first one on that it would stop at."""
    stops_there = end(enough_of) <= netbsd.reach(base, enough_of)
    return Lemma(
        "netbsd-least",
        "n₀ ≤ m', E(m') ≤ B + 2 MiB · m' ⇒ the search stops, at n ≤ m'",
        Statement(
            assumptions=(
                Assumption("enough", stops_there, "E(m') ≤ B + 2 MiB · m'"),
                Assumption("tried", first <= enough_of, "n₀ ≤ m'"),
            ),
            runs=(found(),),
            goal=count <= enough_of,
            stops=True,
        ),
        Induction(
            invariant=count <= enough_of, step=Steps(uses=(same_test().wherever(),)), rank=enough_of - count
        ),
    )


@cache
def same_test() -> Lemma:
    """Of equal counts both or neither is enough."""
    tests = [end(each) <= netbsd.reach(base, each) for each in (count, enough_of)]
    return Lemma(
        "netbsd-same-test",
        "n = m', E(m') ≤ B + 2 MiB · m' ⇒ E(n) ≤ B + 2 MiB · n",
        Statement(
            assumptions=(Assumption("equal", (count == enough_of) & tests[1], "n = m', which is enough"),),
            goal=tests[0],
        ),
    )


def temporary_start() -> Word:
    """Where the temporary tables start, which are made where Xen has set n frames aside from T on."""
    return netbsd.temporary_start(vpt_start, n, number(netbsd.DIRECTORIES_AMD64), count)


def temporary_end() -> Word:
    """Where they end."""
    return temporary_start() + (temporary + netbsd.DIRECTORIES_AMD64) * PAGE_SIZE


def both_counts() -> tuple[Run, ...]:
    """Xen's count for the region [S, V), and NetBSD's two for what it makes of it: the half starts at S, the text 2 MiB above."""
    half, own = v_start, v_start + TABLE
    directories = number(netbsd.DIRECTORIES_AMD64)
    mapped = vpt_start - own + netbsd.ABOVE_TABLES
    start = temporary_start()
    return (
        search.found(X86_64),
        Run(netbsd.search(), (own, half, mapped, directories, number(netbsd.FIRST_AMD64)), (count,)),
        Run(netbsd.temporary(), (start, half, directories, count), (temporary,)),
    )


def few() -> Assumption:
    """The assumption that both sets of tables are small."""
    sets = [each + netbsd.DIRECTORIES_AMD64 for each in (count, temporary)]
    return Assumption(
        "few",
        (count <= FEW) & (temporary <= FEW) & (sets[0] <= FEW) & (sets[1] <= FEW),
        f"{FEW} tables at most in each of the two sets, directories included",
    )


def temporary_mapped() -> Truth:
    """The temporary tables end in the region that Xen maps, counted from T."""
    return temporary_end() - vpt_start <= padded_end(vpt_start, n) - vpt_start


@cache
def region_above_tables() -> Lemma:
    """The region ends 516 KiB at least above Xen's tables."""
    return Lemma(
        "netbsd-above-xens-tables",
        "V(n) - T ≥ 4096 n + 516 KiB",
        Statement(
            assumptions=(Assumption("few", n <= region.most_tables(X86_64), "n is what Xen can count"),),
            goal=(padded_end(vpt_start, n) - vpt_start >= n * PAGE_SIZE + region.ABOVE_TABLES)
            & (n * PAGE_SIZE <= region.most_tables(X86_64) * PAGE_SIZE),
        ),
    )


@cache
def temporary_in_region() -> Lemma:
    """Small sets of tables end in the region."""
    return Lemma(
        "netbsd-temporary",
        f"{FEW} tables at most in each set ⇒ the temporary ones end in Xen's region",
        Statement(assumptions=(few(),), runs=both_counts(), goal=temporary_mapped()),
        Steps(
            uses=(search.stops(X86_64).at(), region_above_tables().at()),
            generalise=(padded_end(vpt_start, n),),
        ),
    )
