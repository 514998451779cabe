"""GRUB's loader for Xen, executed: its rounds, the tables that it comes to, and what of its own stack they map.

Nothing is calculated that can be walked to: a mapping's tables are those that a walk from block to block comes to.
Words wrap as GRUB's do, and of an address 48 bits are translated.

Facts: ``grub_xen_pt_alloc()``, ``get_pgtable_size()`` and ``grub_xen_boot()`` in ``grub-core/loader/i386/xen.c``,
``grub_relocator_xen_boot()`` in ``grub-core/lib/xen/relocator.c`` (2.06, 2.12). 64-bit only.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from ..layouts.layout import ADDRESS_LIMIT
from ..layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64
from ..machine.arrange import ARRANGE_LIMIT, TooLarge

STACK: Final = 1 << 20
ROOM: Final = 512 << 10
LINE: Final = 4 << 20
TRANSLATED: Final = 1 << 48
BELOW_ROOT: Final = X86_64.levels[:-1]
"""The levels of which a mapping may have several tables, L1 first."""

Tables = Mapping[int, frozenset[int]]
"""Tables below the root: of each level, which blocks of the addresses they map."""


def count_of(tables: Tables) -> int:
    """How many there are, of all levels."""
    return sum(map(len, tables.values()))


@frozen(kw_only=True)
class Loaded:
    """What a round of GRUB's comes to. Addresses, modulo 2**64; tables are in frames.

    ``made_for`` is what the region was made for; ``relocators`` are the tables of the page beside the region.
    """

    v_start: int
    vpt_start: int
    made_for: int
    region: Tables
    relocators: Tables
    end: int

    @property
    def tables(self) -> int:
        """The frames of tables that are set aside, the root's among them: ``nr_pt_frames``."""
        return 1 + count_of(self.region) + count_of(self.relocators)

    @property
    def tables_end(self) -> int:
        """Where the tables end and the stack begins."""
        return (self.vpt_start + self.tables * PAGE_SIZE) % ADDRESS_LIMIT

    @property
    def stack_top(self) -> int:
        """The stack pointer that the kernel is started with."""
        return (self.tables_end + STACK) % ADDRESS_LIMIT

    @property
    def one_piece(self) -> bool:
        """Whether the tables lie above the region's start, and 48 bits of address go up from there to its end."""
        return self.v_start <= self.vpt_start and self.v_start // TRANSLATED == (self.end - 1) // TRANSLATED

    def maps(self, address: int) -> bool:
        """Whether the region's tables map a page at an address, once GRUB has taken back the page beside it."""
        entered = (address - self.v_start) % ADDRESS_LIMIT < (self.end - self.v_start) % ADDRESS_LIMIT
        there = (address % TRANSLATED >> each.shift in self.region[each.number] for each in BELOW_ROOT)
        return entered and all(there)

    def unmapped(self, low: int, pages: int) -> int:
        """How many of so many pages from ``low`` on are not mapped: each is looked at."""
        return sum(not self.maps((low + page * PAGE_SIZE) % ADDRESS_LIMIT) for page in range(pages))

    @property
    def sentence(self) -> str:
        """What was seen."""
        beside = f"{count_of(self.relocators)} of them for a page beside the region"
        return f"GRUB sets {self.tables} tables aside, {beside}, which ends at {self.end:#x}"


def load(v_start: int, vpt_start: int, above: int = 0) -> Loaded | None:
    """Go GRUB's rounds until all tables end in the region; ``None`` if they repeat.

    ``above`` is what the test has end in the region above the tables, in bytes: nothing in GRUB.

    Raises:
        TooLarge: a region has more than `ARRANGE_LIMIT` pages.
    """
    need = 0
    tried: set[int] = set()
    while need not in tried:
        tried.add(need)
        found = go_round(v_start, vpt_start, need)
        need = found.tables
        if (vpt_start + need * PAGE_SIZE + above) % ADDRESS_LIMIT <= found.end:
            return found
    return None


def go_round(v_start: int, vpt_start: int, need: int) -> Loaded:
    """One round: the region that is made for ``need`` frames of tables, and what it takes. Raises `TooLarge`."""
    end = vpt_start + need * PAGE_SIZE + ROOM + STACK
    end = (end + -end % LINE) % ADDRESS_LIMIT
    region = _reached(v_start, (end - 1) % ADDRESS_LIMIT)
    page = 0 if v_start else end
    beside = _reached(page, page + PAGE_SIZE - 1)
    return Loaded(
        v_start=v_start,
        vpt_start=vpt_start,
        made_for=need,
        region=region,
        relocators={level: blocks - region[level] for level, blocks in beside.items()},
        end=end,
    )


def _reached(first: int, last: int) -> Tables:
    """The tables below the root that a walk reaches, from the block of the one address to that of the other."""
    found = {}
    for level in BELOW_ROOT:
        at, end = first % TRANSLATED >> level.shift, last % TRANSLATED >> level.shift
        if (end - at) << level.shift >> PAGE_SHIFT > ARRANGE_LIMIT:
            raise TooLarge((end - at) << level.shift >> PAGE_SHIFT, ARRANGE_LIMIT)
        found[level.number] = frozenset(range(at, end + 1))
    return found
