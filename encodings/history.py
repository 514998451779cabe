"""Every way in which Xen has counted dom0's page-table frames, and what its builder took in fact.

A `Version` has the rule f over words, the region's end V, how the region's start came of the image's
VIRT_BASE, and the frames that the builder of that Xen took for a region: whether a version was exact is then a
statement about two functions. `RULES` are the same versions as the readers of logs want them, on numbers.

Source: DOMAIN.md sections 2, 3 and 9: the loop over ``nr_pt_pages`` of the dom0 builders of Xen 1.x to 4.22. An
i386 Xen has words of 32 bits; here they have 64, which is the same, since its regions end below 4 GiB. Counts
are in frames, addresses in bytes.
"""

from collections.abc import Callable
from functools import cache, reduce
from operator import add
from typing import Final

from attrs import frozen

from ..formal.layouts.count_rule import CountRule, Versions
from ..formal.layouts.paging import COMPAT, PAGE_SHIFT, TWO_LEVEL, X86_64, PagingMode
from ..formal.logic.theorem import Loop
from ..formal.words.word import TRUE, Truth, Word, compiled, number, word
from . import dom0_count
from .concrete import least_count
from .dom0_layout import ROUNDING_SHIFT, v_end
from .spans import round_down, spanned


@frozen(eq=False, kw_only=True)
class Version:
    """One generation of the count.

    ``needed(v_start, end)`` is its rule f; its search tries 2, 3, 4, … and stops at the first n with f ≤ n.
    ``consumed(v_start, end)`` is how many of the frames set aside its builder takes for the region: its
    tables, without those that come from elsewhere. All of them end their regions as today's does. ``carried_by``
    tells the Xens, and ``versions`` their numbers, as ranges; ``released`` is False for one that only stood in
    the source tree for a while.
    """

    name: str
    carried_by: str
    mode: PagingMode
    needed: Callable[[Word, Word], Word]
    consumed: Callable[[Word, Word], Word]
    current: bool = False
    released: bool = True
    versions: tuple[Versions, ...] = ()


@frozen(eq=False)
class RegionStart:
    """How one generation of Xen came from the image's VIRT_BASE to the start of the region.

    ``accepts`` is what it demanded of VIRT_BASE, ``start`` what it made of it.
    """

    name: str
    carried_by: str
    accepts: Callable[[Word], Truth]
    start: Callable[[Word], Word]


def four_level(v_start: Word, end: Word) -> Word:
    """The 64-bit rule: an L4, and the L3, L2 and L1 that the region touches."""
    return dom0_count.tables(X86_64, v_start, end)


def first_four_level(v_start: Word, end: Word) -> Word:
    """The first 64-bit rule: as today's, but ⌈end⌉ is shifted before the start's block is taken off.

    The sum ``end + 2**s - 1`` wraps for any end in the last 2**s bytes of the address space; then a block's
    number is taken off from 0. So for a kernel in the last 512 GiB the L3 come out as almost 2**64.
    """
    levels = [level for level in X86_64.counted_levels if level.fixed is None]
    spans = [((end + ((1 << level.shift) - 1)) >> level.shift) - (v_start >> level.shift) for level in levels]
    return reduce(add, spans, number(1))


def compat(v_start: Word, end: Word) -> Word:
    """The rule for a 32-bit guest on 64-bit Xen: one L3, four L2, and the L1 that the region touches."""
    return dom0_count.tables(COMPAT, v_start, end)


def compat_l4_counted(v_start: Word, end: Word) -> Word:
    """The rule for a 32-bit guest as long as it counted an L4, which the builder takes from Xen's heap."""
    return number(1) + compat(v_start, end)


def i386_pae(v_start: Word, end: Word) -> Word:
    """An i386 Xen with PAE: one L3, four L2, and an L1 for each 2 MiB of the region's length, rounded up."""
    return blocks_of_length(v_start, end, 21) + 5


def i386_pae_consumed(v_start: Word, end: Word) -> Word:
    """What an i386 Xen with PAE takes: one L3, four L2, and the L1 that the region touches."""
    return spanned(v_start, end, 21) + 5


def two_level(v_start: Word, end: Word) -> Word:
    """An i386 Xen without PAE: one L2, and an L1 for each 4 MiB of the region's length, rounded up.

    Xen before 2.0 didn't round up, which is the same for a region that starts at a multiple of 4 MiB, as theirs did.
    """
    return blocks_of_length(v_start, end, 22) + 1


def two_level_consumed(v_start: Word, end: Word) -> Word:
    """What an i386 Xen without PAE takes: one L2, and the L1 that the region touches."""
    return dom0_count.tables(TWO_LEVEL, v_start, end)


TODAY: Final = (99,)
"""Later than any version."""

VERSIONS: Final = (
    Version(
        name="4-level",
        carried_by="3.0 to today",
        versions=(((3, 0), TODAY),),
        mode=X86_64,
        needed=four_level,
        consumed=four_level,
        current=True,
    ),
    Version(
        name="compat",
        carried_by="4.2.1, 4.3 to today",
        versions=(((4, 2, 1), TODAY),),
        mode=COMPAT,
        needed=compat,
        consumed=compat,
        current=True,
    ),
    Version(
        name="compat, L4 counted",
        carried_by="3.1 to 4.1.6.1 and 4.2.0",
        versions=(((3, 1), (4, 1)), ((4, 2, 0), (4, 2, 0))),
        mode=COMPAT,
        needed=compat_l4_counted,
        consumed=compat,
    ),
    Version(
        name="i386 PAE Xen",
        carried_by="3.0 to 4.2",
        versions=(((3, 0), (4, 2)),),
        mode=COMPAT,
        needed=i386_pae,
        consumed=i386_pae_consumed,
    ),
    Version(
        name="2-level",
        carried_by="1.x to 3.2, i386 without PAE",
        versions=(((1,), (3, 2)),),
        mode=TWO_LEVEL,
        needed=two_level,
        consumed=two_level_consumed,
    ),
    Version(
        name="first 4-level",
        carried_by="the source tree for 39 minutes of 2005-02-04",
        mode=X86_64,
        needed=first_four_level,
        consumed=four_level,
        released=False,
    ),
)
"""Today's first, then older ones, newest first."""

REGION_STARTS: Final = (
    RegionStart("as given", "3.1 to today", lambda _: TRUE, lambda virt_base: virt_base),
    RegionStart(
        "rounded down to 4 MiB",
        "3.0",
        lambda _: TRUE,
        lambda virt_base: round_down(virt_base, ROUNDING_SHIFT),
    ),
    RegionStart(
        "refused unless on a page",
        "2.0",
        lambda virt_base: virt_base == round_down(virt_base, PAGE_SHIFT),
        lambda virt_base: virt_base,
    ),
)
"""How the region's start came of VIRT_BASE, the newest first. (Xen 1.x rounded the kernel's start down.)"""


def needed_for(version: Version, v_start: Word, vpt_start: Word, nr_pt_pages: Word) -> Word:
    """f(S, V(n)) of a version: what it says is needed when ``nr_pt_pages`` are set aside at ``vpt_start``."""
    return version.needed(v_start, v_end(vpt_start, nr_pt_pages))


@cache
def search(version: Version) -> Loop:
    """The version's loop over v_start, vpt_start and the first count to try."""
    v_start, vpt_start, first, tried = map(word, ("v_start", "vpt_start", "first", "tried"))
    return Loop(
        name=f"nr_pt_pages[{version.name}]",
        parameters=(v_start, vpt_start, first),
        state=(tried,),
        start=(first,),
        goes_on=tried < needed_for(version, v_start, vpt_start, tried),
        step=(tried + 1,),
    )


def count_rule(version: Version) -> CountRule:
    """The version as the readers of logs want it: on integers, and fast."""
    v_start, vpt_start, tried = map(word, ("v_start", "vpt_start", "tried"))
    needed = compiled([needed_for(version, v_start, vpt_start, tried)], [v_start, vpt_start, tried])
    end = compiled([v_end(vpt_start, tried)], [vpt_start, tried])
    region_end = word("region_end")
    taken = compiled([version.consumed(v_start, region_end)], [v_start, region_end])
    return CountRule(
        version.name,
        version.carried_by,
        version.mode,
        version.current,
        lambda start, tables: least_count(lambda count: needed(start, tables, count)[0]),
        lambda tables, count: end(tables, count)[0],
        version.released,
        version.versions,
        lambda start, end: taken(start, end)[0],
    )


def blocks_of_length(v_start: Word, end: Word, shift: int) -> Word:
    """How many 2**shift-sized blocks a range is long, rounded up; where it starts plays no part."""
    return (end - v_start + ((1 << shift) - 1)) >> shift


RULES: Final = tuple(map(count_rule, VERSIONS))
"""What ``ptproof.count_rules`` finds here."""
