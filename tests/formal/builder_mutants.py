"""The frame machine's builder with one fault each, by name: each has to be told from real Xen's tables.

A fault is a change of the builder's own text, which has to be there just once; so no fault is lost unseen when
the builder is written anew.
"""

import inspect
from collections.abc import Callable
from types import ModuleType

from ptproof.formal.layouts.layout import Layout
from ptproof.formal.machine import builder
from ptproof.formal.machine.builder import Domain

MUTANTS: dict[str, tuple[str, str]] = {
    "upper tables are taken before lower ones": (
        """    slot = first_tables[at] if first and first_tables[at] else _take(domain, level)
    first_tables[at] = first_tables[at] or slot
""",
        """    if above < root and cursors[above] % entries == 0:
        _fresh_table(domain, cursors, first_tables, above, first=first)
    slot = first_tables[at] if first and first_tables[at] else _take(domain, level)
    first_tables[at] = first_tables[at] or slot
""",
    ),
    "no fresh L2 at a border of 1 GiB": (
        "if above < root and cursors[above] % entries == 0:",
        "if above < root and (first or at != 0) and cursors[above] % entries == 0:",
    ),
    "no fresh L3 at a border of 512 GiB": (
        "if above < root and cursors[above] % entries == 0:",
        "if above < root and (first or at != 1) and cursors[above] % entries == 0:",
    ),
    "the first table is filled from its start": (
        "(table_offset(level, domain.layout.v_start) if first else 0)",
        "0",
    ),
    "the root is filled from its start": (
        "cursors[-1] = domain.root_slot * entries + table_offset(root, domain.layout.v_start)",
        "cursors[-1] = domain.root_slot * entries",
    ),
    "the root's cursor stays": (
        "    memory[cursors[above]] = _table_entry(domain, slot)\n    cursors[above] += 1\n",
        "    memory[cursors[above]] = _table_entry(domain, slot)\n    cursors[above] += above < root\n",
    ),
    "a cursor can't leave the root": (
        "    memory[cursors[above]] = _table_entry(domain, slot)\n    cursors[above] += 1\n",
        """    if above < root or index < entries:
        memory[cursors[above]] = _table_entry(domain, slot)
    cursors[above] += 1
""",
    ),
    "tables are not the user's": ("TABLE_FLAGS = 0x67", "TABLE_FLAGS = 0x63"),
    "tables are clean": ("TABLE_FLAGS = 0x67", "TABLE_FLAGS = 0x27"),
    "leaves lack the guest-kernel bit": ("LEAF_FLAGS_64 = 0x27 | 1 << 52", "LEAF_FLAGS_64 = 0x27"),
    "leaves were not accessed": ("LEAF_FLAGS_64 = 0x27 | 1 << 52", "LEAF_FLAGS_64 = 0x07 | 1 << 52"),
    "leaves are dirty from the start": ("LEAF_FLAGS_64 = 0x27 | 1 << 52", "LEAF_FLAGS_64 = 0x67 | 1 << 52"),
    "a 32-bit guest's leaves are the user's": ("LEAF_FLAGS_32 = 0x23", "LEAF_FLAGS_32 = 0x27"),
    "the initrd is mapped a page late": (
        "    initrd, end = domain.initrd, domain.pages\n",
        "    initrd, end = range(domain.initrd.start + 1, domain.initrd.stop + 1), domain.pages\n",
    ),
    "the initrd loses its last page": (
        "    initrd, end = domain.initrd, domain.pages\n",
        "    initrd, end = domain.initrd[:-1], domain.pages\n",
    ),
    "the initrd's pages are taken from the allocation, too": (
        "        next_mfn[in_initrd] += count\n",
        "        next_mfn[in_initrd] += count\n        next_mfn[False] += count * in_initrd\n",
    ),
    "the initrd is one frame for ever": (
        "        next_mfn[in_initrd] += count\n",
        "        next_mfn[in_initrd] += 0 if in_initrd else count\n",
    ),
    "the tables lie above the initrd's room": (
        "(tables_at - initrd_bytes) >> PAGE_SHIFT",
        "tables_at >> PAGE_SHIFT",
    ),
    "the initrd's last page isn't rounded up": (
        "mapped.size + -mapped.size % PAGE_SIZE",
        "mapped.size - mapped.size % PAGE_SIZE",
    ),
    "the allocation is rounded to pages, not to a power of two": (
        "        allocation *= 2\n",
        "        allocation += 1\n",
    ),
    "the last page isn't mapped": (
        "    initrd, end = domain.initrd, domain.pages\n",
        "    initrd, end = domain.initrd, domain.pages - 1\n",
    ),
    "the walk makes a frame too few read-only": (
        "for frame in range(domain.layout.nr_pt_pages):",
        "for frame in range(domain.layout.nr_pt_pages - 1):",
    ),
    "the walk makes a frame too many read-only": (
        "for frame in range(domain.layout.nr_pt_pages):",
        "for frame in range(domain.layout.nr_pt_pages + 1):",
    ),
    "the walk leaves all writable": ("memory[cursors[0]] = leaf & ~WRITABLE", "memory[cursors[0]] = leaf"),
    "the walk stays in its L1 at a border of 2 MiB": (
        "        while cursors[fresh] % entries == 0 and fresh < top:",
        "        while cursors[fresh] % entries == 0 and fresh < 0:",
    ),
    "the walk stays in its L2 at a border of 1 GiB": (
        "        while cursors[fresh] % entries == 0 and fresh < top:",
        "        while cursors[fresh] % entries == 0 and fresh < 1:",
    ),
    "the walk stays in its L3 at a border of 512 GiB": (
        "        while cursors[fresh] % entries == 0 and fresh < top:",
        "        while cursors[fresh] % entries == 0 and fresh < 2:",
    ),
    "the walk starts each table where it started the first": (
        "        offset_address = 0\n",
        "        offset_address = vpt_start\n",
    ),
    "the walk takes each second page": (
        "        cursors[0] += 1\n        while",
        "        cursors[0] += 1 + frame % 2\n        while",
    ),
    "the walk unmaps": ("memory[cursors[0]] = leaf & ~WRITABLE", "memory[cursors[0]] = leaf & ~PRESENT"),
    "the walk starts at the stack": (
        "    vpt_start = domain.layout.vpt_start\n    cursors",
        "    vpt_start = domain.layout.page_tables.end\n    cursors",
    ),
    "Xen's first slot is given to dom0": ('range(256, 272), "compat"', 'range(257, 272), "compat"'),
    "Xen keeps a slot more": ('range(256, 272), "compat"', 'range(256, 512), "compat"'),
    "a 32-bit guest's L2s aren't filled up": (
        "            if not memory[parent + index]:",
        "            if index in (0, 3) and not memory[parent + index]:",
    ),
    "a 32-bit guest's L2s are filled up from the last": (
        "for index in range(level.fixed):",
        "for index in reversed(range(level.fixed)):",
    ),
    "a 32-bit guest's hole starts an entry early": (
        "xen_from = table_offset(level, XEN_AREA[domain.mode.name].start)",
        "xen_from = table_offset(level, XEN_AREA[domain.mode.name].start) - 1",
    ),
    "a 32-bit guest's hole starts an entry late": (
        "xen_from = table_offset(level, XEN_AREA[domain.mode.name].start)",
        "xen_from = table_offset(level, XEN_AREA[domain.mode.name].start) + 1",
    ),
    "tables have no type": ("domain.type_info[mfn] = table_type(level.number)", "domain.type_info[mfn] = 0"),
    "the last L2 lacks the bit of Xen's": ("domain.type_info[last_mfn] |= PAE_XEN_L2", "pass"),
    "the root isn't pinned": ("domain.type_info[mfn] += 1 | PINNED", "domain.type_info[mfn] += 1"),
    "tables are writable pages, too": ("        if not type_info[mfn]:", "        if True:"),
    "pages that share a table with tables are writable, too": (
        "(*(each - page for each in bounds), *(each - mfn for each in tables))",
        "[each - page for each in bounds]",
    ),
    "the initrd's bounds are passed over": (
        "bounds = (end, initrd.start, initrd.stop)",
        "bounds = (end, initrd.start)",
    ),
    "tables have a reference too few": (
        "domain.count_info[mfn] = ALLOCATED | 3",
        "domain.count_info[mfn] = ALLOCATED | 2",
    ),
    "pages have no reference": ("[count_info[mfn] + 1] * count", "[count_info[mfn]] * count"),
}
"""Each fault's name, with the text it takes away and the text it puts there."""


def faulty(name: str) -> Callable[[Layout], Domain]:
    """The builder with the fault of that name: builds the tables and makes them read-only."""
    text = inspect.getsource(builder)
    old, new = MUTANTS[name]
    assert text.count(old) == 1, f"{name}: the builder's text has changed"
    module = ModuleType(builder.__name__)
    module.__package__ = builder.__package__
    exec(compile(text.replace(old, new), f"<{name}>", "exec"), module.__dict__)  # noqa: S102 - the builder itself

    def build_tables(layout: Layout) -> Domain:
        domain: Domain = module.build(layout)
        module.mark_read_only(domain, (), stop_at_first=False)
        return domain

    return build_tables
