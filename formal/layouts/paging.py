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


@frozen(cache_hash=True)
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


@frozen(cache_hash=True)
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


def _levels(*tables: tuple[int, int | None, bool], page_shift: int = PAGE_SHIFT) -> tuple[Level, ...]:
    """Levels from L1 upwards, each given as (log2 of its entries, fixed, counted)."""
    levels = []
    shift = page_shift
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
    title="64-bit with five levels, which no PV guest has",
    bits=64,
    p2m_entry=8,
    entry_bytes=8,
    levels=_levels((9, None, True), (9, None, True), (9, None, True), (9, None, True), (9, 1, True)),
)
"""What a PV guest with five-level paging would need; no Xen builds one."""

PAGING_MODES = {mode.name: mode for mode in (X86_64, COMPAT, TWO_LEVEL, FIVE_LEVEL)}
"""The modes that layouts can have."""


def _as_needed(name: str, title: str, page_shift: int, *index_bits: int) -> PagingMode:
    """A 64-bit mode of a processor: one root, and as many tables of each level below as the region spans."""
    below = [(bits, None, True) for bits in index_bits[:-1]]
    return PagingMode(
        name=name,
        title=title,
        bits=64,
        p2m_entry=8,
        entry_bytes=8,
        levels=_levels(*below, (index_bits[-1], 1, True), page_shift=page_shift),
        page_shift=page_shift,
    )


SV39 = _as_needed("sv39", "RISC-V Sv39", 12, 9, 9, 9)
SV48 = _as_needed("sv48", "RISC-V Sv48", 12, 9, 9, 9, 9)
SV57 = _as_needed("sv57", "RISC-V Sv57", 12, 9, 9, 9, 9, 9)
ARM64_4K = _as_needed("arm64-4k", "arm64 with pages of 4 KiB", 12, 9, 9, 9, 9)
ARM64_16K = _as_needed("arm64-16k", "arm64 with pages of 16 KiB", 14, 11, 11, 11, 1)
ARM64_64K = _as_needed("arm64-64k", "arm64 with pages of 64 KiB", 16, 13, 13, 6)

OTHER_MODES = {mode.name: mode for mode in (SV39, SV48, SV57, ARM64_4K, ARM64_16K, ARM64_64K)}
"""Modes of other boot loaders: they are counted, and no Xen lays anything out for them.

Facts: the RISC-V privileged architecture, "Supervisor"; Arm's DDI 0487, "The VMSAv8-64 translation tables", 48 bits of address.
"""

DIFFERENT_MODES = (*PAGING_MODES.values(), SV39, ARM64_16K, ARM64_64K)
"""The modes that differ in their levels: what is proved of these holds for all of them."""


def counted_alike(mode: PagingMode) -> PagingMode | None:
    """The one of `DIFFERENT_MODES` that has the same levels and pages, if there is one.

    >>> counted_alike(SV48).name
    '64'
    """
    wanted = mode.levels, mode.page_shift
    return next((each for each in DIFFERENT_MODES if (each.levels, each.page_shift) == wanted), None)
