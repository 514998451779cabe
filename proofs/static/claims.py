"""The family *Static calculation*: counting without a search, and what the rounding costs.

Notation of DOMAIN.md section 1: S = v_start, V = v_end, T = vpt_start, n = nr_pt_pages, f the count; n_k is the
static count after k raises: n_0 = f(S, V(0)), n_{k+1} = f(S, V(n_k)).
"""

from typing import Final

from ...encodings.dom0_count import FIRST_TRIED
from ...encodings.dom0_layout import PADDING, ROUNDING_SHIFT
from ...encodings.static_count import raised
from ...formal.layouts.layout import Layout
from ...formal.layouts.paging import COMPAT, DIFFERENT_MODES, PAGING_MODES, SV39, X86_64, PagingMode
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Lemma, Statement, Steps
from ...formal.logic.verdict import Replay
from ...formal.words.word import Truth, Word, number
from ..count.claims import BOTH, ordinary
from ..shared import region, replays, search
from ..shared.region import m, n, v_start, vpt_start
from ..shared.replays import Values
from . import any_rounding as rounding
from . import closed_form as formed
from . import closed_form_any_rounding as rounded
from . import raises
from . import rounding_cost as cost

FAMILY = "Static calculation"
STATICALLY = (
    "We can calculate the pagetables needed for the virtual layout statically, possibly even including the "
    "default 6/4, and use that for a lower bound."
)
ONCE_PER_LEVEL = (
    "At most, we need to loop once per possibly-unpopulated pagetable level (so 1 for 32bit, 3 for 64bit) to "
    "cover the cases of extra pagetables tipping over a page size boundary."
)
SMALL_GUESTS = (
    "The rounding up of memory might be helpful for the traditional big VMs case, but it isn't correct or useful "
    "for other usecases."
)
THREE_RAISES: Final = 506 << 40
"""How far above S the tables may start, in bytes, so that three raises are enough. Each half of the canonical
addresses has 128 TiB."""
THREE_AT: Final = 0x10000373000
"""A region for the search to look around: its tables start so far above 0 that three raises are needed."""
FOUR_AT: Final = 0x200000036D000
"""The same for four."""
ONE_RAISE: Final = (2 << 30) - (32 << 20)
"""The same for one raise."""
COMPAT_SPAN: Final = 1 << 32
"""A 32-bit guest's address space, in bytes."""


def static_count(mode: PagingMode, count: int, start: int = 0) -> Word:
    """n_count for the S and T of the statements here, counted from ``start`` frames."""
    return raised(mode, v_start, vpt_start, count, start)


@claim(family=FAMILY, sentence=STATICALLY, source="thread")
def static_lower() -> tuple[Part, ...]:
    """For all S, T with room: f(S, V(0)) ≤ n. And f(S, V(s)) ≤ n for the "default 6/4", s = 4 or, for compat, 6."""
    return tuple(_lower(mode, start) for start in (0, None) for mode in BOTH)


def _lower(mode: PagingMode, start: int | None) -> Part:
    """The part for one start; ``None`` is the default."""
    first = region.least_possible(mode) if start is None else start
    least = (region.count_at_least(mode).at(),) if start is None else ()
    return Part(
        name=mode.title if start is not None else f"{mode.title}, from {first}",
        lemma=Lemma(
            f"static-lower[{mode.name}{f',from {first}' if first else ''}]",
            f"f(S, V({first})) ≤ n",
            Statement(
                assumptions=(region.room(mode, n),),
                runs=(search.found(mode),),
                goal=static_count(mode, 0, first) <= n,
            ),
            Steps(
                uses=(search.exact(mode).at(), *least, region.count_grows(mode).at(n=number(first), m=n)),
                generalise=(search.needed(mode, n), static_count(mode, 0, first)),
            ),
        ),
        least=(v_start, vpt_start),
        shape=ordinary(),
        without={"room": _full_circle(mode)},
        replay=replays.region_case(mode, _bounded_below(first)),
    )


def _needs(mode: PagingMode, count: int, start: int = 0) -> Truth:
    """Where to look for a region that needs ``count`` raises: the last one is a raise, and what it gives is n."""
    return (static_count(mode, count - 1, start) < static_count(mode, count, start)) & (
        n == static_count(mode, count, start)
    )


def _around(address: int) -> Truth:
    """Tables that start within the same 16 MiB as ``address``."""
    return vpt_start >> 24 == address >> 24


def _settled(mode: PagingMode, before: int | None, title: str, beyond: Truth, start: int = 0) -> Part:
    """The part that says that the static count is n after as many raises as `raises.chain` says.

    ``beyond`` is where to look for a region that needs more, once the bound on T - S is dropped.
    """
    count = raises.raises_enough(mode, before, start)
    return Part(
        name=f"{title}: {count} raise{'s' if count > 1 else ''}",
        lemma=raises.static_is_exact(mode, before, start),
        least=(vpt_start, v_start) if before else (v_start, vpt_start),
        shape=ordinary() & (v_start < 1 << 30) & (vpt_start < 1 << 30),
        without={"within": beyond, "room": _full_circle(mode)},
        replay=replays.region_case(mode, _reaches(count, start)),
    )


@claim(family=FAMILY, sentence=ONCE_PER_LEVEL, source='thread ("3 for 64bit")')
def raises_64() -> tuple[Part, ...]:
    """64-bit, T - S ≤ 506 TiB: n = n_3. T - S ≤ 2 GiB - 32 MiB: n = n_1. And three raises are needed somewhere.

    From V(0); and n = n_3 also from V(4), the "default 4".

    The bound always holds within one half of the canonical addresses, 128 TiB. Further up a fourth raise is needed:
    that is the counterexample without `within`.
    """
    low, default = _low(), region.least_possible(X86_64)
    return (
        _settled(X86_64, THREE_RAISES, "any region of an image", low & _around(FOUR_AT) & _needs(X86_64, 4)),
        _settled(X86_64, ONE_RAISE, "in 2 GiB", low & _around(0x7F << 24) & _needs(X86_64, 2)),
        _settled(
            X86_64,
            THREE_RAISES,
            f"any region of an image, from {default}",
            low & _around(FOUR_AT) & _needs(X86_64, 4, default),
            default,
        ),
        Part(
            name="3 raises are needed",
            reached=True,
            lemma=Lemma(
                "three-raises-needed",
                "n_2 < n for some region",
                Statement(
                    assumptions=(raises.within(THREE_RAISES),),
                    runs=(search.found(X86_64),),
                    goal=static_count(X86_64, 2) < n,
                ),
            ),
            least=(vpt_start,),
            shape=low & _around(THREE_AT) & _needs(X86_64, 3),
            replay=replays.region_case(X86_64, _missed(2)),
        ),
    )


@claim(
    family=FAMILY,
    sentence=ONCE_PER_LEVEL,
    source='thread ("1 for 32bit")',
    cure="allow two raises for a 32-bit dom0",
)
def raises_compat_1() -> tuple[Part, ...]:
    """Compat, T - S ≤ 4 GiB: n = n_1. Refuted; n = n_2 is proved. From V(0), and from V(6), the "default 6"."""
    default = region.least_possible(COMPAT)
    return (
        _one_raise(COMPAT, "in 4 GiB: 1 raise", 0),
        _settled(COMPAT, COMPAT_SPAN, "in 4 GiB", _low() & _around(THREE_AT) & _needs(COMPAT, 3)),
        _one_raise(COMPAT, f"in 4 GiB, from {default}: 1 raise", default),
        _settled(
            COMPAT,
            COMPAT_SPAN,
            f"in 4 GiB, from {default}",
            _low() & _around(THREE_AT) & _needs(COMPAT, 3, default),
            default,
        ),
    )


def _full_circle(mode: PagingMode) -> Truth:
    """A region from address 0 on that comes full circle."""
    return _low() & (n == region.fixed_tables(mode) + 1)


def _low() -> Truth:
    """A region from address 0 on."""
    return ordinary() & (v_start == 0)


def _one_raise(mode: PagingMode, title: str, start: int) -> Part:
    """The part that says, wrongly, that one raise is enough."""
    return Part(
        name=title,
        expected=Expected.REFUTED,
        lemma=Lemma(
            f"one-raise[{mode.name}{f',from {start}' if start else ''}]",
            "n = n_1",
            Statement(
                assumptions=(raises.within(COMPAT_SPAN),),
                runs=(search.found(mode),),
                goal=static_count(mode, 1, start) == n,
            ),
        ),
        least=(vpt_start,),
        shape=_low() & _around(0x7F << 24) & _needs(mode, 2, start),
        replay=replays.region_case(mode, _reaches(1, start)),
    )


@claim(family=FAMILY, sentence=STATICALLY, source="the project's own")
def static() -> tuple[Part, ...]:
    """For all S, T with room: n = n_5, six applications of the count, and no search.

    Four are enough (raises-64) for every region within one half of the canonical addresses. closed-form needs three
    divisions.
    """
    return tuple(_settled(mode, None, mode.title, ordinary()) for mode in BOTH)


@claim(family=FAMILY, sentence=STATICALLY, source="the project's own")
def closed_form() -> tuple[Part, ...]:
    """For all S, T with room: n = F + 2u + ⌊u/256⌋ + ⌊u/131072⌋, and no search.

    In pages and lines of 4 MiB, counted from ⌊S⌋ of 512 GiB, 64-bit: F = 5 - ⌊S/2M⌋ - ⌊S/1G⌋, b = ⌈(T +
    516K)/4096⌉, y = max(0, b + F - 1024), u = 131072 ⌊y/133955071⌋ + 256 ⌊r/261631⌋ + ⌈(r mod 261631)/1022⌉, r = y
    mod 133955071. A 32-bit guest has F = 7 - ⌊S/2M⌋ and divides by 133955583 and 1022. A mode with one level more
    divides once more. Sv48 and arm64 with pages of 4 KiB are as 64-bit, Sv57 is as five levels.
    """
    return tuple(
        Part(
            name=mode.title,
            lemma=formed.closed_form(mode),
            least=(v_start, vpt_start),
            shape=ordinary(),
            without={"room": _full_circle(mode)},
            replay=replays.region_case(mode, _by_division) if mode.name in PAGING_MODES else _walked(mode),
        )
        for mode in (*PAGING_MODES.values(), SV39)
    )


@claim(family=FAMILY, sentence=SMALL_GUESTS, source="thread (small guests)")
def any_rounding() -> tuple[Part, ...]:
    """For every rounding R = 2^r, from a page to 2^62, and every padding, all S, T with room: f(S, V(n)) = n.

    V(n) is as the code has it, ⌈E⌉ to R, and R more if less than P is left; n is what the search finds. Sv48 and arm64
    with pages of 4 KiB are as 64-bit, Sv57 is as five levels.
    """
    return tuple(
        Part(
            name=mode.title,
            lemma=rounding.exact(mode, FIRST_TRIED),
            least=(rounding.mask, rounding.padding, v_start, vpt_start),
            shape=_by_the_page(mode),
            without=rounding.without(mode),
            replay=rounding.judge(mode),
        )
        for mode in DIFFERENT_MODES
    )


@claim(family=FAMILY, sentence=SMALL_GUESTS, source="follows")
def least_any_rounding() -> tuple[Part, ...]:
    """For every rounding and padding, all S, T and m ≥ 2: f(S, V(m)) = m ⇒ n ≤ m, n being what the search finds.

    With any-rounding: n is the least fixed point from 2 on, where the search starts.
    """
    return tuple(
        Part(
            name=mode.title,
            lemma=rounding.least(mode),
            least=(rounding.mask, rounding.padding, v_start, vpt_start, m),
            shape=_small_guest(mode) & (rounding.mask + 1 == 1 << ROUNDING_SHIFT),
            without={
                "fixed": _small_guest(mode) & (vpt_start == 16 << 20) & (m == FIRST_TRIED),
                "tried": _small_guest(mode) & (vpt_start == -(4 << 20)) & (n == FIRST_TRIED) & (m == 1),
            },
            replay=rounding.judge(mode, _no_less),
        )
        for mode in DIFFERENT_MODES
    )


@claim(family=FAMILY, sentence=SMALL_GUESTS, source="the project's own")
def closed_form_any_rounding() -> tuple[Part, ...]:
    """For every rounding R = 2^r, from a page to 2^61, and every padding, all S, T with room: n = F + Σ ⌊x/2^s⌋.

    No search: in pages and counted from ⌊S⌋ of the widest level, or of R if that is wider, F = fixed + Σ (⌈R/2^s⌉ -
    ⌊S/2^s⌋), b = ⌈(T + a page + min(P, R))/a page⌉, y = max(0, b + F - R), and gain(x) = x - Σ ⌊x/2^s⌋, each sum over the
    levels below the root that aren't fixed. x is a sum of quotients, for the blocks B = 2^s > R, from the widest down, and R:
    with H = gain(B) and e = H - 1 - gain(B - R), q = ⌊max(0, y + e)/H⌋ blocks of B; then y = max(0, y - q H).

    A page's rounding is no exception. Where R has no more pages than tables may begin with a block, e is negative: gain
    falls at the block's border, and closed-form's way of dividing would give too many.
    """
    return tuple(
        Part(
            name=mode.title,
            lemma=rounded.closed_form(mode),
            least=(rounding.mask, rounding.padding, v_start, vpt_start),
            shape=_by_the_page(mode),
            without={
                "room": _small_guest(mode)
                & (vpt_start == -(4 << 20))
                & (n == max(FIRST_TRIED, region.fixed_tables(mode))),
                "power-of-two": _small_guest(mode)
                & (rounding.mask == 1 << 62)
                & (vpt_start == 16 << mode.page_shift),
            },
            replay=rounding.judge(mode, _by_divisions(mode)),
        )
        for mode in DIFFERENT_MODES
    )


@claim(family=FAMILY, sentence=SMALL_GUESTS, source="thread (small guests)")
def rounding_cost() -> tuple[Part, ...]:
    """With room: n ≤ m + 4 (64-bit), m + 2 (32-bit below 4 GiB), and V(n) ≤ v + 4 MiB + 508 KiB.

    m is what the search finds, and v where the region ends, when it is rounded to a page and not padded. Against 2 MiB with 64 KiB
    of padding it is as many tables, and 4 MiB. Each of the maxima is reached.
    """
    return tuple(
        part
        for less, against in ((cost.PAGE, "a page"), (cost.TWO_MIB, "2 MiB and 64 KiB"))
        for mode in BOTH
        for part in cost.parts(mode, cost.XENS, less, f"against {against}, {mode.title}")
    )


CLAIMS: tuple[Claim, ...] = (
    static_lower,
    raises_64,
    raises_compat_1,
    static,
    closed_form,
    any_rounding,
    least_any_rounding,
    closed_form_any_rounding,
    rounding_cost,
)


def _on_pages(mode: PagingMode) -> Truth:
    """`ordinary`, for the mode's pages."""
    page = 1 << mode.page_shift
    return ordinary() & ((v_start | vpt_start) & (page - 1) == 0) & (vpt_start - v_start >= 2 * page)


def _by_the_page(mode: PagingMode) -> Truth:
    """A region from address 0 on that is rounded to a page, and not padded."""
    page = rounding.mask == (1 << mode.page_shift) - 1
    return _on_pages(mode) & (v_start == 0) & (rounding.padding == 0) & page


def _small_guest(mode: PagingMode) -> Truth:
    """A region from address 0 on with Xen's rounding, or a mask that is none; not padded."""
    xens = rounding.mask + 1 == 1 << ROUNDING_SHIFT
    return _on_pages(mode) & (v_start == 0) & (rounding.padding == 0) & (xens | (rounding.mask == 1 << 62))


def _no_less(values: Values, tried: int, took: int) -> tuple[bool, str]:
    """Whether the search's count is right, and no more than the other one."""
    holds = took == tried <= values["m"]
    return holds, f"the machine's search stops at {tried}, a walk touches {took}; m = {values['m']}"


def _by_divisions(mode: PagingMode) -> rounding.Said:
    """Whether Python's division comes to what the search finds."""

    def said(values: Values, tried: int, _took: int) -> tuple[bool, str]:
        figures = values["mask"] + 1, values["padding"], values["v_start"], values["vpt_start"]
        found = rounded.divided(mode, *figures)
        return found == tried, f"by division {found}, the machine's search stops at {tried}"

    return said


def _static_count(mode: PagingMode, values: Values, count: int, start: int) -> int:
    """n_count as the machine walks it, from ``start`` frames."""
    frames = start
    for _ in range(count + 1):
        took = replays.needed(mode, values, frames)
        assert took is not None, "the machine arranged this region"
        frames = took
    return frames


def _bounded_below(start: int) -> replays.Holds:
    """Whether the machine's first static count is no more than the n that its search finds."""

    def holds(values: Values, layout: Layout) -> tuple[bool, str]:
        first = _static_count(layout.mode, values, 0, start)
        made = f"with {start} tables" if start else "without tables"
        return (
            first <= layout.nr_pt_pages,
            f"{made} a walk touches {first}, the machine finds {layout.nr_pt_pages}",
        )

    return holds


def _reaches(count: int, start: int = 0) -> replays.Holds:
    """Whether the machine's static count after ``count`` raises is the n that its search finds."""

    def holds(values: Values, layout: Layout) -> tuple[bool, str]:
        steps = [_static_count(layout.mode, values, each, start) for each in range(count + 2)]
        shown = ", ".join(map(str, dict.fromkeys(steps)))
        return steps[
            count
        ] == layout.nr_pt_pages, f"the machine's static counts are {shown}, its search's {layout.nr_pt_pages}"

    return holds


def _by_division(values: Values, layout: Layout) -> tuple[bool, str]:
    """Whether Python's division comes to the n that the machine's search finds."""
    found = formed.divided(layout.mode, ROUNDING_SHIFT, values["v_start"], values["vpt_start"], PADDING)
    return (
        found == layout.nr_pt_pages,
        f"by division {found}, the machine's search finds {layout.nr_pt_pages}",
    )


def _walked(mode: PagingMode) -> replays.Judge:
    """The same for a mode of no layout: the machine's search, each region walked."""

    def judge(values: Values) -> Replay:
        tried = FIRST_TRIED
        while (took := replays.needed(mode, values, tried)) is not None and took > tried:
            tried += 1
        if took is None:
            return Replay(None, replays.TOO_LARGE)
        replays.agreed("n", values["n"], tried)
        found = formed.divided(mode, ROUNDING_SHIFT, values["v_start"], values["vpt_start"], PADDING)
        return Replay(found == tried, f"by division {found}, the machine's search finds {tried}")

    return judge


def _missed(count: int) -> replays.Holds:
    """Whether the machine's static count after ``count`` raises is not yet what its search finds."""

    def holds(values: Values, layout: Layout) -> tuple[bool, str]:
        reached, says = _reaches(count)(values, layout)
        return not reached, says

    return holds
