"""Lemmas about the region of one kernel image: how far it reaches, for every memory and initrd up to a limit.

Notation of DOMAIN.md section 1. The image's addresses are numbers here; dom0's memory and the initrd's length are the
only words. Lengths count from S, in bytes. Numbers to put into the lemmas are found by running the search; nothing
rests on their being well chosen: where they aren't, an obligation stays open.

The argument: T is a sum, so it is bounded by the limits, and with it n and V (`later_tables.at_most`). Where a region
may not be longer than so much, let T' be the last T for which it isn't. Up to there V is no further up than for T';
from there on V is so far up (`later_tables.at_least`) that memory below the limits is too little for Xen to go on.
"""

from collections.abc import Iterator
from functools import cache, cached_property

from attrs import evolve, frozen

from ...encodings import allocation
from ...encodings.dom0_arrangement import LONGEST, Arrangement, Span, arrangement, count
from ...encodings.dom0_count import FIRST_TRIED, tables_for
from ...encodings.dom0_layout import ROUNDING_SHIFT, v_end
from ...encodings.memory import nr_pages_capped
from ...encodings.spans import round_up
from ...formal.images.image_questions import Limits
from ...formal.layouts.layout import ADDRESS_LIMIT, START_INFO_SIZE, VGA_CONSOLE_INFO_SIZE, Configuration
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, PagingMode
from ...formal.logic.theorem import Assumption, Lemma, Run, Statement, Steps, Use
from ...formal.words.word import TRUE, Truth, Word, number
from ..shared import region
from ..shared import search as loop
from ..shared.configurations import initrd_len, nr_pages
from ..shared.region import n, vpt_start
from . import growth_with_tables

WINDOW = 1 << 12
"""How many more frames than the least a witness may have: to keep the solver from far-fetched ones."""
NOTHING = Steps()
"""A proof that takes nothing but the solver."""
NEARBY = 8 << 20
"""How much further up than they must the tables start in an example where all is well, in bytes."""


@frozen(eq=False)
class Kernel:
    """An image as formulas over memory and initrd: ``capped``, where the memory is what Xen's cap makes of it."""

    configuration: Configuration
    capped: bool = False

    @property
    def mode(self) -> PagingMode:
        """Its paging mode."""
        return self.configuration.mode

    @property
    def start(self) -> int:
        """S."""
        return self.configuration.virt_base

    @property
    def initrd(self) -> Word | None:
        """The initrd's length, where it is mapped."""
        return None if self.configuration.mod_start_pfn else initrd_len

    @property
    def p2m_elsewhere(self) -> bool:
        """Whether its p2m lies at INIT_P2M, not in the region."""
        return self.configuration.init_p2m is not None and self.mode.bits == 64

    @property
    def uncapped(self) -> bool:
        """Whether Xen doesn't look at the cap: for any image with INIT_P2M, even a 32-bit one, whose p2m that isn't."""
        return self.configuration.init_p2m is not None

    @cached_property
    def pages(self) -> Word:
        """Dom0's memory when it is laid out."""
        if not self.capped:
            return nr_pages
        end = number(self.configuration.kernel.end)
        return nr_pages_capped(self.mode, number(self.start), end, self.initrd, nr_pages, number(0))

    @cached_property
    def arranged(self) -> Arrangement:
        """All segments up to the tables."""
        given = self.configuration
        return arrangement(
            self.mode,
            virt_base=number(self.start),
            kernel=Span(number(given.kernel.start), number(given.kernel.end)),
            nr_pages=self.pages,
            initrd_len=self.initrd,
            init_p2m=None if given.init_p2m is None else number(given.init_p2m),
            shim=False,
            start_info_size=number(START_INFO_SIZE),
            vga_console_info_size=number(VGA_CONSOLE_INFO_SIZE),
        )

    @property
    def tables(self) -> Word:
        """T."""
        return self.arranged.vpt_start

    @property
    def end(self) -> Word:
        """V(n)."""
        return v_end(self.tables, n)

    @property
    def needed(self) -> Word:
        """f(S, V(n))."""
        return tables_for(self.mode, number(self.start), self.tables, n)

    @property
    def search(self) -> Run:
        """The search stops at n."""
        arguments = (number(self.start), self.tables, number(FIRST_TRIED))
        return evolve(loop.found(self.mode), arguments=arguments)

    @property
    def initrd_bytes(self) -> Word:
        """What the initrd takes of the region."""
        return number(0) if self.initrd is None else round_up(self.initrd, PAGE_SHIFT)

    @property
    def p2m_bytes(self) -> Word:
        """What the p2m takes of the region."""
        return number(0) if self.p2m_elsewhere else round_up(self.pages * self.mode.p2m_entry, PAGE_SHIFT)

    @property
    def least_length(self) -> int:
        """How far above S the tables start at least: kernel and start info."""
        return _page_up(self.configuration.kernel.end) + PAGE_SIZE - self.start

    def most_length(self, limits: Limits) -> int:
        """How far above S the tables start at most."""
        return self.least_length + sum(self.longest_parts(limits))

    def longest_parts(self, limits: Limits) -> tuple[int, int]:
        """The most that initrd and p2m can take of the region."""
        pages = limits.nr_pages
        if self.capped:
            pages = max(pages, (ADDRESS_LIMIT - 1) // (2 * self.mode.p2m_entry))
        return (
            0 if self.initrd is None else _page_up(limits.initrd_len),
            0 if self.p2m_elsewhere else _page_up(pages * self.mode.p2m_entry),
        )

    def too_long(self, limits: Limits) -> bool:
        """Whether the search may come full circle, or nearly: then nothing is bounded."""
        return self.most_length(limits) > LONGEST + LONGEST // 4

    def found(self, length: int) -> tuple[int, int]:
        """What the search finds when the tables start ``length`` above S: n, and how long the region is."""
        frames, end = count(self.mode, self.start, (self.start + length) % ADDRESS_LIMIT)
        return frames, (end - self.start) % ADDRESS_LIMIT

    def last_within(self, longest: int, limits: Limits) -> int | None:
        """How far above S the tables start at most in regions no longer than ``longest``; ``None`` if none is."""
        low, high = self.least_length, self.most_length(limits)
        if self.found(low)[1] > longest:
            return None
        while low < high:
            middle = low + (high - low + PAGE_SIZE) // (2 * PAGE_SIZE) * PAGE_SIZE
            if self.found(middle)[1] <= longest:
                low = middle
            else:
                high = middle - PAGE_SIZE
        return low

    def host(self, limits: Limits) -> tuple[Assumption, ...]:
        """The assumptions that memory and initrd are within the limits; not that the initrd fits into the memory.

        The cap, and the count, come before Xen looks at that.
        """
        return (
            Assumption(
                "host",
                (nr_pages >= 1) & (nr_pages <= limits.nr_pages),
                f"dom0 has 1 to {limits.nr_pages:#x} pages of memory",
            ),
            Assumption(
                "initrd",
                initrd_len <= limits.initrd_len,
                f"the initrd has at most {limits.initrd_len:#x} bytes",
            ),
        )

    def allowed(self) -> Truth:
        """That Xen goes on to build, once it has counted."""
        at_zero = _page_up(self.configuration.kernel.end) % ADDRESS_LIMIT == 0
        own = allocation.own_length(number(self.start), self.end, None if at_zero else self.initrd)
        return allocation.allowed(self.pages, own, initrd_len)

    def builds(self) -> Assumption:
        """The assumption that Xen goes on to build."""
        return Assumption(
            "builds",
            self.allowed(),
            "Xen can allocate the region at once, 1 GiB at most, and dom0's memory holds that and the initrd",
        )

    @cached_property
    def sum_of_segments(self) -> Lemma:
        """T is a sum: kernel and start info, initrd, p2m, each in whole pages."""
        return Lemma(
            "sum-of-segments",
            f"T - S = {self.least_length:#x} + ⌈initrd⌉ + ⌈p2m⌉",
            Statement(
                goal=self.tables - self.start == self.p2m_bytes + self.initrd_bytes + self.least_length
            ),
            Steps(generalise=region.terms(self.pages * self.mode.p2m_entry)),
        )

    def parts_below(self, limits: Limits) -> Lemma:
        """Initrd and p2m, in whole pages, are bounded, and the p2m is no longer than it must be."""
        longest = self.longest_parts(limits)
        entries = self.pages * self.mode.p2m_entry
        goal = TRUE
        if self.initrd is not None:
            goal &= (self.initrd_bytes & (PAGE_SIZE - 1) == 0) & (self.initrd_bytes <= longest[0])
        if not self.p2m_elsewhere:
            goal &= (self.p2m_bytes & (PAGE_SIZE - 1) == 0) & (self.p2m_bytes <= longest[1])
            goal &= (entries <= self.p2m_bytes) & (self.p2m_bytes - entries < PAGE_SIZE)
        return Lemma(
            "parts-below",
            f"⌈initrd⌉ ≤ {longest[0]:#x}, ⌈p2m⌉ ≤ {longest[1]:#x}",
            Statement(assumptions=self.host(limits), goal=goal),
        )

    def tables_below(self, limits: Limits) -> Lemma:
        """T is bounded."""
        most = self.most_length(limits)
        return Lemma(
            "tables-below",
            f"T - S ≤ {most:#x}",
            Statement(assumptions=self.host(limits), goal=self.tables - self.start <= most),
            Steps(
                uses=(self.sum_of_segments.at(), self.parts_below(limits).at()),
                generalise=region.terms(self.tables, self.p2m_bytes, self.initrd_bytes),
            ),
        )

    def at_most(self, length: int) -> Use:
        """That n and V are no more than those of tables ``length`` above S, where T is no further up."""
        return growth_with_tables.at_most(self.mode).wherever(
            v_start=number(self.start),
            vpt_start=self.tables,
            later=number(self.start + length),
            m=number(self.found(length)[0]),
        )

    def at_least(self, length: int) -> Iterator[Use]:
        """That n and V are no less than those of tables ``length`` above S, where T is no lower down.

        What no frames need, what so many need, and so on: `proofs.static` has why this comes to n soon.
        """
        frames, needed = self.found(length)[0], 0
        start, earlier = number(self.start), number(self.start + length)
        while True:
            yield growth_with_tables.at_least(self.mode).wherever(
                v_start=start, vpt_start=earlier, later=self.tables, n=number(needed), m=n
            )
            if needed >= frames:
                return
            needed = int(tables_for(self.mode, start, earlier, number(needed)))

    def exact(self, limits: Limits, also: tuple[Assumption, ...] = ()) -> Lemma:
        """The search stops at an n with f(S, V(n)) = n."""
        bounded = () if self.too_long(limits) else (self.at_most(self.most_length(limits)),)
        return Lemma(
            "image-exact",
            "the search stops at n ⇒ f(S, V(n)) = n",
            Statement(assumptions=(*self.host(limits), *also), runs=(self.search,), goal=self.needed == n),
            Steps(
                uses=(
                    self.tables_below(limits).at(),
                    *bounded,
                    loop.exact(self.mode).at(v_start=number(self.start), vpt_start=self.tables),
                ),
                generalise=region.terms(self.needed, self.end, self.tables),
            ),
        )

    def stays(
        self,
        limits: Limits,
        name: str,
        goal: Truth,
        last: int | None,
        also: tuple[Assumption, ...] = (),
        *,
        beside: Steps = NOTHING,
    ) -> Lemma:
        """A goal about where the region lies, which holds as long as its tables start no further up than ``last``.

        ``beside`` is what its proof takes besides what is known about the region.
        """
        known = self.bounds(limits, last)
        return Lemma(
            name,
            "Xen goes on to build ⇒ the region is where it should be",
            Statement(assumptions=(*self.host(limits), self.builds(), *also), runs=(self.search,), goal=goal),
            Steps(uses=(*known.uses, *beside.uses), generalise=(*known.generalise, *beside.generalise)),
        )

    def never_built(self, limits: Limits) -> Lemma:
        """That Xen goes on to build; its proof is of the contrary, and succeeds for images that it never builds."""
        return Lemma(
            "image-built",
            "Xen goes on to build",
            Statement(assumptions=self.host(limits), runs=(self.search,), goal=self.allowed()),
            self.bounds(limits, None),
        )

    def bounds(self, limits: Limits, last: int | None) -> Steps:
        """All that is known of T, n and V, up to the last T that is as it should be and beyond."""
        if self.too_long(limits):
            return Steps(uses=(self.sum_of_segments.at(),))
        most = self.most_length(limits)
        uses = [
            self.sum_of_segments.at(),
            self.parts_below(limits).at(),
            self.tables_below(limits).at(),
            ends_on_lines().at(vpt_start=self.tables),
            self.at_most(most),
            growth_with_tables.at_least(self.mode).wherever(
                v_start=number(self.start), vpt_start=self.tables, later=self.tables, m=n
            ),
        ]
        # Where no region is longer than it may be, nothing rests on which of them Xen goes on to build.
        if last != most:
            uses += self.at_least(self.least_length)
        if last is not None and last != most:
            uses += [self.at_most(last), *self.at_least(last + PAGE_SIZE)]
        return Steps(
            uses=tuple(uses),
            generalise=region.terms(self.needed, self.end, self.tables, self.initrd_bytes, self.p2m_bytes),
        )

    def shape(self, limits: Limits, last: int | None) -> Truth:
        """Where to look for values: tables as low as they can be, or, where that breaks it, further up than ``last``."""
        if self.too_long(limits):
            return TRUE
        least, most = self.least_length, self.most_length(limits)
        if last is None:
            return self._about(least, most)
        low = self._about(least, min(least + NEARBY, last))
        return low if last == most else low | self._about(last + PAGE_SIZE, most)

    def _about(self, length: int, longest: int) -> Truth:
        """Tables that start so far above S, with no more frames than the furthest ones take, and not many more."""
        after = self.tables - self.start
        frames = self.found(length)[0]
        most = min(frames + WINDOW, self.found(longest)[0])
        return (after >= length) & (after <= longest) & (n >= frames) & (n <= most)


@cache
def ends_on_lines() -> Lemma:
    """V(n) is a multiple of 4 MiB."""
    return Lemma(
        "ends-on-lines",
        "V(n) is a multiple of 4 MiB",
        Statement(goal=v_end(vpt_start, n) & ((1 << ROUNDING_SHIFT) - 1) == 0),
    )


def _page_up(value: int) -> int:
    return -(-value // PAGE_SIZE) * PAGE_SIZE
