"""Changes to the encodings that the claims must notice: what ``tests/mutants.py`` runs for these families.

Each is a name, the file, a piece of it that occurs once, what is put in its place, and the claim that then gets
another verdict than the one it carries.
"""

from typing import Final

MUTANTS: Final[tuple[tuple[str, str, str, str, str], ...]] = (
    (
        "left-over-page-looks-like-an-l1",
        "encodings/read_only_walk.py",
        "page = number((WRITABLE << TYPE_SHIFT) | VALIDATED | 1)",
        "page = number(L1_TYPE)",
        "asserts-overcount",
    ),
    (
        "root-above-the-last-type",
        "encodings/read_only_walk.py",
        "ROOT_TYPE: Final = 4 << TYPE_SHIFT",
        "ROOT_TYPE: Final = 3 << TYPE_SHIFT",
        "asserts-posted-64",
    ),
    (
        "xens-l2-in-no-slot",
        "encodings/read_only_walk.py",
        "XENS_SLOT: Final = 3",
        "XENS_SLOT: Final = 4",
        "asserts-posted-compat",
    ),
    (
        "two-sided-from-l2",
        "encodings/read_only_walk.py",
        "L1_TYPE: Final = 1 << TYPE_SHIFT",
        "L1_TYPE: Final = 2 << TYPE_SHIFT",
        "asserts-same-test",
    ),
    (
        "two-l4s-counted",
        "encodings/history.py",
        "return number(1) + compat(v_start, end)",
        "return number(2) + compat(v_start, end)",
        "compat-l4-counted-exact",
    ),
    (
        "first-rule-does-not-wrap",
        "encodings/history.py",
        "spans = [((end + ((1 << level.shift) - 1)) >> level.shift)",
        "spans = [(end >> level.shift)",
        "first-4level-terminates",
    ),
    (
        "overlap-by-the-end-alone",
        "encodings/overlap.py",
        "return (v_start < XEN_END) & (v_end > XEN_START)",
        "return v_end > XEN_END",
        "overlap-complete",
    ),
    (
        "passing-is-ending-at-2-to-the-64",
        "encodings/overlap.py",
        "return v_end - 1 < v_start",
        "return v_end == 0",
        "wrap-caught",
    ),
    (
        "clip-to-all-that-is-left",
        "encodings/memory.py",
        "return (limit - vend) >> (2 * mode.p2m_entry)",
        "return (limit - vend) >> mode.p2m_entry",
        "cap-only-lowers",
    ),
    (
        "cap-doubles-nothing",
        "encodings/memory.py",
        "doubled = choose(end > v_start, end + (end - v_start), end)",
        "doubled = end",
        "cap-prevents-wrap",
    ),
    (
        "superpage-where-tables-are-wanted",
        "encodings/physmap.py",
        "pages=choose(huge, _pages(L2_SHIFT), choose(large, _pages(L1_SHIFT), number(1))),",
        "pages=choose(huge, _pages(L2_SHIFT), choose(~l1, _pages(L1_SHIFT), number(1))),",
        "physmap-plus-3",
    ),
    (
        "room-for-two-tables",
        "encodings/physmap.py",
        "TABLES_OF_A_STEP: Final = 3",
        "TABLES_OF_A_STEP: Final = 2",
        "physmap-plus-3",
    ),
    (
        "domu-without-a-boot-stack",
        "encodings/domu.py",
        "EXTRA: Final = 1 + (512 << 10) // PAGE_SIZE",
        "EXTRA: Final = (512 << 10) // PAGE_SIZE",
        "domu-equals-dom0",
    ),
    (
        "domu-level-one-short",
        "encodings/domu.py",
        "return choose(low < high, ((high - low) >> shift) + 1, number(0))",
        "return choose(low < high, (high - low) >> shift, number(0))",
        "domu-equals-dom0",
    ),
    (
        "domu-no-l2-for-xen",
        "encodings/domu.py",
        "high = choose(last < XENS_GIB, number(mask), high)",
        "pass",
        "domu-pae-equals",
    ),
    (
        "cursor-always-starts-at-0",
        "encodings/dom0_builder.py",
        "start = choose(done == 0, offset, number(0))",
        "start = number(0)",
        "consumed-64",
    ),
    (
        "tables-of-256-entries",
        "encodings/dom0_builder.py",
        "fresh = cursor & (ENTRIES - 1) == 0",
        "fresh = cursor & (ENTRIES // 2 - 1) == 0",
        "consumed-64",
    ),
    (
        "three-l2-slots",
        "encodings/dom0_builder.py",
        "L2_SLOTS: Final = 4",
        "L2_SLOTS: Final = 3",
        "consumed-compat",
    ),
    (
        "initrd-taken-from-the-allocation",
        "encodings/dom0_builder.py",
        "return choose(page < initrd_page, page, page - initrd_pages)",
        "return page",
        "tables-mapped",
    ),
    (
        "tables-behind-the-initrd",
        "encodings/dom0_builder.py",
        "return ((vpt_start - v_start) - initrd_bytes) >> PAGE_SHIFT",
        "return ((vpt_start - v_start) + initrd_bytes) >> PAGE_SHIFT",
        "allocation-suffices",
    ),
)
