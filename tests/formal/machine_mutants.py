"""The frame machine's domU builder, and what it does for older Xens, with one fault each, by name.

A fault is a change of the module's own text, which has to be there just once; so no fault is lost unseen when the
module is written anew.
"""

import inspect
from types import ModuleType
from typing import Final

DOMU: Final = {
    "a page less above the tables": (
        "ABOVE_TABLES: Final = PAGE_SIZE + (512 << 10)",
        "ABOVE_TABLES: Final = 512 << 10",
    ),
    "the region ends at 2 MiB": (
        "LAST_OF_4_MIB: Final = (4 << 20) - 1",
        "LAST_OF_4_MIB: Final = (2 << 20) - 1",
    ),
    "the tables of the last block are missing": ("while at <= end:", "while at < end - (1 << level.shift):"),
    "the walk starts a block late": (
        "at, end = _block(level, first % translated), last % translated",
        "at, end = _block(level, first % translated) + (1 << level.shift), last % translated",
    ),
    "no L2 up to 4 GiB": ("            end = translated - 1\n", "            pass\n"),
    "no L2 for Xen's part before 4.7": ("            blocks.append(XENS_GIB)\n", "            pass\n"),
    "an L2 for Xen's part wherever the region ends": (
        "last < XENS_GIB and region is None",
        "last < 2 * XENS_GIB and region is None",
    ),
    "the p2m's mapping has tables twice": (
        "there = () if region is None else region[level]",
        "there: tuple[int, ...] = ()",
    ),
    "the p2m's mapping has a root of its own": (
        "(0,) if region is None else ()",
        "(0,)",
    ),
    "the p2m's tables lie where its pages do": (
        "tables_at.append(region_pages + domu.p2m.pages)",
        "tables_at.append(region_pages)",
    ),
    "the p2m maps the region's pages": (
        "areas.append((domu.p2m.start, domu.p2m.pages, region_pages))",
        "areas.append((domu.p2m.start, domu.p2m.pages, 0))",
    ),
    "the tables lie a page late": (
        "tables_at = [(domu.alloc_end - domu.v_start) % ADDRESS_LIMIT >> PAGE_SHIFT]",
        "tables_at = [((domu.alloc_end - domu.v_start) % ADDRESS_LIMIT >> PAGE_SHIFT) + 1]",
    ),
    "the lowest tables come first": (
        "for level, starts in blocks.items():",
        "for level, starts in reversed(blocks.items()):",
    ),
    "tables are writable": ("(pfn, pfn not in pfns)", "(pfn, True)"),
    "no table points to an L1": (
        "        if table.level is levels[-1]:",
        "        if table.level in (levels[0], levels[-1]):",
    ),
}
"""Of ``formal/machine/domu.py``."""

OLDER: Final = {
    "the laid out L2 aren't in the L3": (
        "memory[parent * entries + index] = _table_entry(domain, first_tables[at] + index)",
        "pass",
    ),
    "the L3 isn't in the root": ("memory[cursors[at + 2]] = _table_entry(domain, parent)", "pass"),
    "the cursor starts in the first L2": (
        "entry = domain.layout.v_start >> level.entry_shift & (tables * level.entries - 1)",
        "entry = domain.layout.v_start >> level.entry_shift & (level.entries - 1)",
    ),
    "laid out L2 are taken again": (
        "        return\n    memory, entries",
        "        pass\n    memory, entries",
    ),
    "the first table of a level is its last": (
        "first_tables[number - 1] = first_tables[number - 1] or slot",
        "first_tables[number - 1] = slot",
    ),
    "the L3 comes first, as today": (
        "version.taken_first if version else topmost",
        "(version.taken_first or topmost) if version else topmost",
    ),
}
"""Of what ``formal/machine/builder.py`` does for an older Xen."""


def changed(module: ModuleType, faults: dict[str, tuple[str, str]], name: str) -> ModuleType:
    """A copy of the module with the fault of that name."""
    text = inspect.getsource(module)
    old, new = faults[name]
    assert text.count(old) == 1, f"{name}: the module's text has changed"
    copy = ModuleType(module.__name__)
    copy.__package__ = module.__package__
    exec(compile(text.replace(old, new), f"<{name}>", "exec"), copy.__dict__)  # noqa: S102 - the module itself
    return copy
