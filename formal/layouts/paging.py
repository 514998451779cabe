"""Paging modes, described by data: which levels a mode has and how many tables each takes.

A mode is a value: five-level or two-level paging is a new constant here and no new code anywhere else.
The counting rule that reads these values lives with the encodings; the frame machine builds real
tables from the same values and never counts.

Facts: DOMAIN.md sections 1 to 4 and 9; Xen's ``xen/arch/x86/pv/dom0_build.c`` (4.22) for which levels
are counted; Intel SDM volume 3, chapter 5, for the shifts.
"""

from attrs import field, frozen
from attrs.validators import ge, instance_of, min_len

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT


@frozen
class Level:
    """One level of page tables, L1 being the one whose entries map pages.

    ``number`` is 1 for L1; ``entries`` is how many entries one table of the level has; ``fixed`` is
    the number of tables that the level always takes, or ``None`` where it takes as many as the
    region spans; ``counted`` tells whether its tables are among the ``nr_pt_pages`` frames at all.
    """

    number: int = field(validator=[instance_of(int), ge(1)])
    entries: int = field(validator=[instance_of(int), ge(2)])
    shift: int = field(validator=[instance_of(int), ge(PAGE_SHIFT)])
    """log2 of the bytes that one table of this level maps (21 for a 512-entry L1)."""
    fixed: int | None = None
    counted: bool = True

    @property
    def name(self) -> str:
        """The field's name for the level.

        >>> X86_64.levels[0].name
        'L1'
        """
        return f"L{self.number}"

    @property
    def entry_shift(self) -> int:
        """log2 of the bytes that one entry of this level maps (12 for an L1)."""
        return self.shift - (self.entries.bit_length() - 1)


@frozen
class PagingMode:
    """How a guest's boot address space is mapped.

    ``name`` is what people write (``64``, ``compat``); ``title`` is what they read; ``bits`` is the
    guest's word size; ``p2m_entry`` the bytes of one p2m entry; ``levels`` go from L1 upwards;
    ``entry_bytes`` is the size of one page-table entry; ``page_shift`` is log2 of the bytes of a page.
    """

    name: str
    title: str
    bits: int
    p2m_entry: int
    entry_bytes: int
    levels: tuple[Level, ...] = field(validator=min_len(1))
    page_shift: int = PAGE_SHIFT

    @property
    def counted_levels(self) -> tuple[Level, ...]:
        """The levels whose tables are among the ``nr_pt_pages`` frames, from L1 upwards."""
        return tuple(level for level in self.levels if level.counted)


def _levels(*tables: tuple[int, int | None, bool]) -> tuple[Level, ...]:
    """Levels from L1 upwards, each given as (log2 of its entries, fixed, counted)."""
    levels = []
    shift = PAGE_SHIFT
    for number, (index_bits, fixed, counted) in enumerate(tables, start=1):
        shift += index_bits
        levels.append(Level(number, 1 << index_bits, shift, fixed, counted))
    return tuple(levels)


X86_64 = PagingMode(
    name="64",
    title="64-bit",
    bits=64,
    p2m_entry=8,
    entry_bytes=8,
    levels=_levels((9, None, True), (9, None, True), (9, None, True), (9, 1, True)),
)
"""x86-64 with four levels: one L4, and as many L3, L2 and L1 as the region spans."""

COMPAT = PagingMode(
    name="compat",
    title="32-bit PAE guest on 64-bit Xen",
    bits=32,
    p2m_entry=4,
    entry_bytes=8,
    levels=_levels((9, None, True), (9, 4, True), (9, None, True), (9, 1, False)),
)
"""A 32-bit PAE guest on 64-bit Xen: always four L2; the monitor L4 is Xen's own and not counted.

The one L3 has 512 entries in its frame, of which a 32-bit address reaches the first four.
"""

TWO_LEVEL = PagingMode(
    name="2-level",
    title="32-bit without PAE",
    bits=32,
    p2m_entry=4,
    entry_bytes=4,
    levels=_levels((10, None, True), (10, 1, True)),
)
"""Classic i386: one L2 (page directory) and one L1 for each 4 MiB."""

I386_PAE = PagingMode(
    name="i386-pae",
    title="32-bit PAE guest on i386 Xen",
    bits=32,
    p2m_entry=4,
    entry_bytes=8,
    levels=_levels((9, None, True), (9, 4, True), (2, 1, True)),
)
"""A guest of an i386 Xen with PAE: one L3 of four entries, and all four L2."""

PAE_AS_NEEDED = PagingMode(
    name="pae-as-needed",
    title="32-bit PAE with as many L2 as the region spans",
    bits=32,
    p2m_entry=4,
    entry_bytes=8,
    levels=_levels((9, None, True), (9, None, True), (2, 1, True)),
)
"""What a 32-bit PAE guest would need if it were not given four L2: no Xen builds one."""

FIVE_LEVEL = PagingMode(
    name="5-level",
    title="64-bit with five levels",
    bits=64,
    p2m_entry=8,
    entry_bytes=8,
    levels=_levels((9, None, True), (9, None, True), (9, None, True), (9, None, True), (9, 1, True)),
)
"""What a PV guest with five-level paging would need; no Xen builds one."""

PAGING_MODES = {mode.name: mode for mode in (X86_64, COMPAT, TWO_LEVEL, FIVE_LEVEL)}
