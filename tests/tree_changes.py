"""Changes to the loop that counts page tables, as people would make them to Xen's own file; and what is to be said of each.

An edit names what it replaces by a pattern: nothing of Xen's text stands here. Each change comes with its verdict: ``equal`` (to
the encoding, for both sorts of guest), ``proved`` (every property, of a count that differs), the property that is refuted, or
``open``. As a program it decides them all in a tree, and prints a table: ``python tests/tree_changes.py TREE``.
Source: TREE.md, "The generic proof"; the thread's proposals; CLOSED_FORM.md.
"""

import re
import resource
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from attrs import frozen
from ptproof.formal.c.tree_files import Tree, opened
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.source.check_tree import TreeCheck, check_tree

BUILDER: Final = "xen/arch/x86/pv/dom0_build.c"

LOOP: Final = r"for \( *nr_pt_pages = 2; ; nr_pt_pages\+\+ *\)\s*\{.*?\n    \}\n"
"""The whole loop."""
HEAD: Final = r"for \( *nr_pt_pages = 2; ; nr_pt_pages\+\+ *\)"
ROUNDED: Final = r"(v_end\s*= \(vstack_end [^;]*?)22(\)[^;]*?)22([^;]*;)"
TOO_LITTLE: Final = r"\(v_end - vstack_end\) < \(512UL << 10\)"
MORE: Final = r"v_end \+= 1UL *<< *22;"
ENOUGH: Final = r"<= nr_pt_pages *\)\s*break;\n"
BLOCKS: Final = (
    "#define BLOCKS(from, to, log2) "
    "((((to) + (1UL << (log2)) - 1) & -(1UL << (log2))) - ((from) & -(1UL << (log2))) >> (log2))\n"
)
NEEDED: Final = (
    "(!compat + BLOCKS(v_start, v_end, L4_PAGETABLE_SHIFT) + (compat ? 4 : BLOCKS(v_start, v_end, L3_PAGETABLE_SHIFT))"
    " + BLOCKS(v_start, v_end, L2_PAGETABLE_SHIFT))"
)


@frozen
class Edit:
    """What stands at the one place that the pattern matches is replaced."""

    pattern: str
    put: str

    def __call__(self, text: str) -> str:
        """The text, edited. Raises ValueError where there isn't one such place."""
        changed, places = re.subn(self.pattern, lambda match: match.expand(self.put), text, flags=re.DOTALL)
        if places != 1:
            raise ValueError(f"{places} places match {self.pattern}")
        return changed


def all_edited(text: str, edits: Iterable[Callable[[str], str]]) -> str:
    """The text after each of some edits."""
    for each in edits:
        text = each(text)
    return text


@frozen
class TreeChange:
    """A change, by its edits, and the verdict."""

    name: str
    verdict: str
    edits: Sequence[Edit]

    def __call__(self, text: str) -> str:
        """The text, changed."""
        return all_edited(text, self.edits)


def literal(text: str) -> str:
    """The text as the replacement of a pattern, in which a backslash would mean something."""
    return text.replace("\\", "\\\\")


def instead(text: str) -> Edit:
    """Something else in place of the whole loop."""
    return Edit(LOOP, literal(text))


def tried(shift: int = 22, padding: str = "512UL << 10") -> str:
    """The statements that lay out the region for a count."""
    return (
        "vpt_end = vpt_start + nr_pt_pages * PAGE_SIZE; vstack_start = vpt_end; vstack_end = vstack_start + PAGE_SIZE; "
        f"v_end = (vstack_end + ({padding}) + (1UL << {shift}) - 1) & -(1UL << {shift});\n"
    )


def rounded(shift: int, padding: str) -> list[Edit]:
    """Another rounding, and another padding."""
    return [
        Edit(ROUNDED, rf"\g<1>{shift}\g<2>{shift}\g<3>"),
        Edit(MORE, f"v_end += 1UL << {shift};"),
        Edit(TOO_LITTLE, f"v_end - vstack_end < ({padding})"),
    ]


def block(text: str) -> Edit:
    """Another count of the blocks that a region touches."""
    return Edit(
        r"#define NR\(\w+, *\w+, *\w+\) *\\\n[^\n]*\n[^\n]*\n", f"#define NR(low, high, log2) ({text})\n"
    )


def applied(times: int, first: str = "0", **how: object) -> Edit:
    """The rule so many times, one after the other, and no loop."""
    rule = f"{tried(**how)}nr_pt_pages = {NEEDED};\n"  # type: ignore[arg-type]
    return instead(f"{BLOCKS}nr_pt_pages = {first};\n{rule * times}{tried(**how)}")  # type: ignore[arg-type]


def bounded(times: str, first: str, **how: object) -> Edit:
    """Raised to what is needed, so many times at most; left when it is enough."""
    return instead(
        f"{BLOCKS}{{ unsigned int raises; nr_pt_pages = {first};\n"
        f"for ( raises = 0; raises < {times}; raises++ )\n{{\n{tried(**how)}"  # type: ignore[arg-type]
        f"if ( {NEEDED} <= nr_pt_pages ) break;\nnr_pt_pages = {NEEDED};\n}} }}\n"
    )


DIVIDED: Final = instead(
    "{ unsigned long first, wanted, lines;\n"
    "wanted = (vpt_start + PAGE_SIZE + (512UL << 10) + PAGE_SIZE - 1) >> PAGE_SHIFT;\n"
    "first = (compat ? 4 : 1 - (v_start >> L3_PAGETABLE_SHIFT)) - (v_start >> L2_PAGETABLE_SHIFT)"
    " - (v_start >> L4_PAGETABLE_SHIFT);\n"
    "wanted += first;\n"
    "if ( compat )\n{\nwanted = wanted > 1021 ? wanted - 1021 : 0;\n"
    "lines = 1 + 131072 * (wanted / 133955583) + (wanted % 133955583 + 1021) / 1022;\n"
    "nr_pt_pages = first + 2 * lines + (lines + 131071) / 131072;\n}\nelse\n{\n"
    "wanted = wanted > 1020 ? wanted - 1020 : 0;\n"
    "lines = 1 + 131072 * (wanted / 133955071) + 256 * (wanted % 133955071 / 261631)"
    " + (wanted % 133955071 % 261631 + 1021) / 1022;\n"
    "nr_pt_pages = first + 2 * lines + (lines + 255) / 256 + (lines + 131071) / 131072;\n}\n"
    f"{tried()}}}\n"
)
CHANGES: Final = (
    TreeChange(
        "starts at the fewest tables",
        "proved",
        [Edit(HEAD, "for ( nr_pt_pages = compat ? 6 : 4; ; nr_pt_pages++ )")],
    ),
    TreeChange("starts at 3", "proved", [Edit(HEAD, "for ( nr_pt_pages = 3; ; nr_pt_pages++ )")]),
    TreeChange("starts at 1", "proved", [Edit(HEAD, "for ( nr_pt_pages = 1; ; nr_pt_pages++ )")]),
    TreeChange(
        "starts above the fewest",
        "exact",
        [Edit(HEAD, "for ( nr_pt_pages = compat ? 7 : 5; ; nr_pt_pages++ )")],
    ),
    TreeChange("goes up by two", "exact", [Edit(HEAD, "for ( nr_pt_pages = 2; ; nr_pt_pages += 2 )")]),
    TreeChange("rounds to 2 MiB", "proved", rounded(21, "512UL << 10")),
    TreeChange("rounds to 16 MiB, pads with 1 MiB", "proved", rounded(24, "1UL << 20")),
    TreeChange("rounds to 1 GiB, pads with 3 MiB", "proved", rounded(30, "3UL << 20")),
    TreeChange("rounds to 64 KiB", "fits", rounded(16, "512UL << 10")),
    TreeChange("pads with 1 MiB", "proved", rounded(22, "1UL << 20")),
    TreeChange("pads with 256 KiB", "fits", rounded(22, "256UL << 10")),
    TreeChange("rounds to 2 MiB, adds 4", "exact", [Edit(ROUNDED, r"\g<1>21\g<2>21\g<3>")]),
    TreeChange(
        "doesn't round",
        "proved",
        [
            Edit(r"v_end\s*= \(vstack_end [^;]*;", "v_end = vstack_end + (512UL << 10);"),
            Edit(TOO_LITTLE, "0"),
        ],
    ),
    TreeChange(
        "ends before the stack",
        "fits",
        [
            Edit(r"v_end\s*= \(vstack_end", "v_end = (vpt_end"),
            Edit(TOO_LITTLE, "v_end - vpt_end < (512UL << 10)"),
        ],
    ),
    TreeChange(
        "rounds up by its macro",
        "equal",
        [
            Edit(
                r"v_end\s*= \(vstack_end [^;]*;\s*if \([^;]*;\s*",
                "v_end = ROUNDUP(vstack_end + (512UL << 10), 1UL << 22); ",
            )
        ],
    ),
    TreeChange("counts by length", "exact", [block("((high) - (low) + (1UL << (log2)) - 1) >> (log2)")]),
    TreeChange("counts whole blocks only", "exact", [block("((high) >> (log2)) - ((low) >> (log2))")]),
    TreeChange("counts one block too many", "exact", [block("((high) >> (log2)) - ((low) >> (log2)) + 1")]),
    TreeChange(
        "counts the last block", "proved", [block("(((high) - 1) >> (log2)) - ((low) >> (log2)) + 1")]
    ),
    TreeChange(
        "counts blocks by their numbers",
        "stops",
        [block("(((high) + (1UL << (log2)) - 1) >> (log2)) - ((low) >> (log2))")],
    ),
    TreeChange("forgets the L4", "exact", [Edit(r"if \( \(!compat \+", "if ( (0 +")]),
    TreeChange(
        "forgets the L3 of 32-bit guests",
        "exact",
        [
            Edit(
                r"NR\(v_start, v_end, L4_PAGETABLE_SHIFT\)",
                "(compat ? 0 : NR(v_start, v_end, L4_PAGETABLE_SHIFT))",
            )
        ],
    ),
    TreeChange("has three L2 for 32-bit guests", "exact", [Edit(r":([^:]*?)\b4\) \+", r":\g<1>3) +")]),
    TreeChange(
        "takes L3 for L2",
        "exact",
        [Edit(r"NR\(v_start, v_end, L2_PAGETABLE_SHIFT\)", "NR(v_start, v_end, L3_PAGETABLE_SHIFT)")],
    ),
    TreeChange("goes on when it is enough", "exact", [Edit(ENOUGH, "< nr_pt_pages ) break;\n")]),
    TreeChange("one more in the end", "exact", [Edit(LOOP, r"\g<0>nr_pt_pages++;\n")]),
    TreeChange(
        "counts before it tries",
        "proved",
        [
            instead(
                f"{BLOCKS}nr_pt_pages = 1;\ndo {{\nnr_pt_pages++;\n{tried()}}} while ( {NEEDED} > nr_pt_pages );\n"
            )
        ],
    ),
    TreeChange(
        "searches while it isn't enough",
        "equal",
        [
            instead(
                f"{BLOCKS}nr_pt_pages = 2;\n{tried()}while ( {NEEDED} > nr_pt_pages )\n{{\nnr_pt_pages++;\n{tried()}}}\n"
            )
        ],
    ),
    TreeChange(
        "raises without a bound",
        "proved",
        [
            instead(
                f"{BLOCKS}for ( nr_pt_pages = compat ? 6 : 4; ; nr_pt_pages = {NEEDED} )\n{{\n{tried()}if ( {NEEDED} <= nr_pt_pages ) break;\n}}\n"
            )
        ],
    ),
    TreeChange("applies the rule six times", "proved", [applied(6)]),
    TreeChange("applies the rule six times, from the fewest", "proved", [applied(6, "compat ? 6 : 4")]),
    TreeChange("applies the rule three times", "exact", [applied(3)]),
    TreeChange("applies the rule once", "exact", [applied(1)]),
    TreeChange(
        "applies the rule six times, rounds to 2 MiB", "proved", [applied(6, shift=21, padding="1UL << 20")]
    ),
    TreeChange(
        "raises three times at most, or once", "consistent", [bounded("(compat ? 1 : 3)", "compat ? 6 : 4")]
    ),
    TreeChange(
        "raises four times at most, or twice", "consistent", [bounded("(compat ? 2 : 4)", "compat ? 6 : 4")]
    ),
    TreeChange("raises six times at most", "proved", [bounded("6", "compat ? 6 : 4")]),
    TreeChange("raises six times at most, rounds to 16 MiB", "proved", [bounded("6", "2", shift=24)]),
    TreeChange("divides three times", "proved", [DIVIDED]),
)


@frozen(eq=False)
class PieceChange:
    """A change to what the builder does beside, the piece that it is in, for a sort of guest, and what is said of that piece.

    That is ``equal``, ``older`` (equal to an older encoding), ``differs``, or ``not understood``.
    """

    name: str
    piece: str
    mode: PagingMode
    verdict: str
    edits: Sequence[Callable[[str], str]]

    def __call__(self, text: str) -> str:
        """The text, changed."""
        return all_edited(text, self.edits)


ROUND_OF_SLOTS: Final = r"i < 4; \+\+i, \+\+l3tab"
SLOT_IS_EMPTY: Final = r"if \( !l3e_get_intpte\(\*l3tab\) \)"
IN_THE_END: Final = r"(?=    /\* Pages that are part of page tables must be read only)"
FILL_UP: Final = (
    PieceChange(
        "three slots", "fill-up-frames", COMPAT, "differs", [Edit(ROUND_OF_SLOTS, "i < 3; ++i, ++l3tab")]
    ),
    PieceChange(
        "five slots", "fill-up-frames", COMPAT, "differs", [Edit(ROUND_OF_SLOTS, "i <= 4; ++i, ++l3tab")]
    ),
    PieceChange(
        "from the second slot on",
        "fill-up-frames",
        COMPAT,
        "differs",
        [Edit(r"i = 0, l3tab = l3start;", "i = 1, l3tab = l3start + 1;")],
    ),
    PieceChange(
        "the cursor stays", "fill-up-entries", COMPAT, "differs", [Edit(ROUND_OF_SLOTS, "i < 4; ++i")]
    ),
    PieceChange(
        "another table's cursor moves",
        "fill-up-entries",
        COMPAT,
        "differs",
        [Edit(ROUND_OF_SLOTS, "i < 4; ++i, ++l2tab")],
    ),
    PieceChange(
        "full slots are filled",
        "fill-up-frames",
        COMPAT,
        "differs",
        [Edit(SLOT_IS_EMPTY, "if ( l3e_get_intpte(*l3tab) != 0 )")],
    ),
    PieceChange(
        "the new table isn't cleared",
        "fill-up-entries",
        COMPAT,
        "differs",
        [Edit(r"clear_page\(l2tab\);(?=\s*\*l3tab = )", "")],
    ),
    PieceChange(
        "the new table is cleared from its second entry on",
        "fill-up-entries",
        COMPAT,
        "differs",
        [Edit(r"clear_page\(l2tab\);(?=\s*\*l3tab = )", "clear_page(l2tab + 1);")],
    ),
    PieceChange(
        "the mark on all but the last",
        "fill-up-types",
        COMPAT,
        "differs",
        [Edit(r"if \( i == 3 \)", "if ( i != 3 )")],
    ),
    PieceChange(
        "the mark takes the type's place",
        "fill-up-types",
        COMPAT,
        "differs",
        [Edit(r"\|= PGT_pae_xen_l2", "= PGT_pae_xen_l2")],
    ),
    PieceChange(
        "Xen's entries in slot 2",
        "fill-up-types",
        COMPAT,
        "differs",
        [Edit(r"map_l2t_from_l3e\(l3start\[3\]\)", "map_l2t_from_l3e(l3start[2])")],
    ),
    PieceChange(
        "a panic at the last slot",
        "fill-up-frames",
        COMPAT,
        "not understood",
        [Edit(r"if \( i == 3 \)", 'if ( i == 2 ) panic("2"); if ( i == 3 )')],
    ),
    PieceChange(
        "an entry is emptied then",
        "fill-up-entries",
        COMPAT,
        "differs",
        [Edit(IN_THE_END, "if ( compat ) l3start[1].l3 = 0;\n")],
    ),
    PieceChange(
        "an entry of the root then",
        "fill-up-entries",
        X86_64,
        "not understood",
        [Edit(IN_THE_END, "l4start[5] = l4e_from_pfn(7, 1);\n")],
    ),
    PieceChange(
        "one more table then",
        "fill-up-frames",
        X86_64,
        "differs",
        [Edit(IN_THE_END, "mpt_alloc += PAGE_SIZE;\n")],
    ),
    PieceChange(
        "a type then, by what overlaps it",
        "fill-up-types",
        X86_64,
        "not understood",
        [Edit(IN_THE_END, "maddr_to_page(mpt_alloc - PAGE_SIZE)->u.free.val = 0;\n")],
    ),
    PieceChange(
        "a new L2's type, by what overlaps it",
        "fill-up-types",
        COMPAT,
        "not understood",
        [Edit(IN_THE_END, "maddr_to_page(mpt_alloc - PAGE_SIZE)->u.free.val = 0;\n")],
    ),
    PieceChange(
        "a variable that is called as a word of ours",
        "fill-up-types",
        COMPAT,
        "not understood",
        [
            Edit(
                r"(?=    l2_pgentry_t \*l2tab = NULL)", "unsigned long type_before = domain_tot_pages(d);\n"
            ),
            Edit(IN_THE_END, "maddr_to_page(mpt_alloc + PAGE_SIZE)->u.inuse.type_info = type_before;\n"),
        ],
    ),
    PieceChange(
        "a call then", "fill-up-entries", X86_64, "not understood", [Edit(IN_THE_END, "odd(l4start);\n")]
    ),
    PieceChange(
        "counted to three", "fill-up-entries", COMPAT, "equal", [Edit(ROUND_OF_SLOTS, "i <= 3; i++, l3tab++")]
    ),
    PieceChange(
        "asked for 0",
        "fill-up-frames",
        COMPAT,
        "equal",
        [Edit(SLOT_IS_EMPTY, "if ( l3e_get_intpte(*l3tab) == 0 )")],
    ),
)

IN_WALK: Final = r"(static __init void mark_pv_pt_pages_rdonly(?s:.*?))"
ITERATE: Final = r"(?=/\* Iterate)"


def in_walk(pattern: str, put: str) -> Edit:
    """An edit in the walk: of the first place there that the pattern matches."""
    return Edit(rf"{IN_WALK}{pattern}", rf"\g<1>{put}")


WALK: Final = (
    PieceChange(
        "one visit more",
        "walk-guard",
        X86_64,
        "differs",
        [in_walk("count < nr_pt_pages", "count <= nr_pt_pages")],
    ),
    PieceChange("from the second on", "walk-start", COMPAT, "differs", [in_walk("count = 0;", "count = 1;")]),
    PieceChange(
        "a narrow count",
        "walk-guard",
        X86_64,
        "not understood",
        [Edit(r"unsigned long (count;\s*struct page_info \*page;)", r"unsigned char \1")],
    ),
    PieceChange(
        "until it isn't as many",
        "walk-guard",
        COMPAT,
        "differs",
        [in_walk("count < nr_pt_pages", "count == nr_pt_pages")],
    ),
    PieceChange(
        "it ends at an L3", "walk-guard", COMPAT, "differs", [in_walk(ITERATE, "if ( count == 3 ) break;\n")]
    ),
    PieceChange(
        "a panic half-way",
        "walk-guard",
        X86_64,
        "differs",
        [in_walk(ITERATE, 'if ( count == 3 ) panic("3");\n')],
    ),
    PieceChange(
        "death by the IOMMU",
        "walk-guard",
        X86_64,
        "differs",
        [in_walk(r"need_iommu_pt_sync\(d\) &&", "need_iommu_pt_sync(d) || ")],
    ),
    PieceChange(
        "the L3's own entry",
        "walk-start",
        X86_64,
        "differs",
        [in_walk(r"l3_table_offset\(vpt_start\)", "l2_table_offset(vpt_start)")],
    ),
    PieceChange(
        "from the first L1 entry on",
        "walk-start",
        COMPAT,
        "differs",
        [in_walk(r" \+ l1_table_offset\(vpt_start\)", "")],
    ),
    PieceChange(
        "the wrong cursor moves", "walk-cursors", X86_64, "differs", [in_walk(r"\+\+pl2e &", "++pl3e &")]
    ),
    PieceChange(
        "an L1's end isn't seen",
        "walk-cursors",
        X86_64,
        "differs",
        [in_walk(r"\+\+pl1e & \(PAGE_SIZE - 1\)", "++pl1e & (2 * PAGE_SIZE - 1)")],
    ),
    PieceChange("the entry before", "walk-cursors", COMPAT, "differs", [in_walk(r"\*\+\+pl4e", "*pl4e++")]),
    PieceChange(
        "the table of another level",
        "walk-cursors",
        X86_64,
        "differs",
        [in_walk(r"map_l1t_from_l2e\(\*pl2e\)(?=;\s*\})", "map_l1t_from_l2e(*pl3e)")],
    ),
    PieceChange(
        "the entry after",
        "walk-cursors",
        COMPAT,
        "differs",
        [in_walk(r"map_l2t_from_l3e\(\*pl3e\)(?=;\s*\})", "map_l2t_from_l3e(*(pl3e + 1))")],
    ),
    PieceChange("another flag goes", "walk-pages", X86_64, "differs", [in_walk("_PAGE_RW", "_PAGE_USER")]),
    PieceChange(
        "it isn't present any more",
        "walk-pages",
        COMPAT,
        "differs",
        [in_walk("_PAGE_RW", "_PAGE_RW | _PAGE_PRESENT")],
    ),
    PieceChange(
        "the L3 above isn't pinned",
        "walk-pages",
        COMPAT,
        "differs",
        [in_walk("!is_pv_32bit_domain", "is_pv_32bit_domain")],
    ),
    PieceChange(
        "all but the top is pinned",
        "walk-pages",
        X86_64,
        "differs",
        [in_walk(r"PGT_type_mask\) ==", "PGT_type_mask) !=")],
    ),
    PieceChange(
        "an entry above is written", "walk-pages", X86_64, "differs", [in_walk(ITERATE, "pl2e->l2 = 0;\n")]
    ),
    PieceChange(
        "no lower bound",
        "walk-asserts",
        X86_64,
        "differs",
        [in_walk(r"ASSERT\([^;]*>= PGT_l1_page_table\);", "")],
    ),
    PieceChange(
        "a lower bound of any type",
        "walk-asserts",
        COMPAT,
        "equal",
        [in_walk(r">= PGT_l1_page_table", "!= 0")],
    ),
    PieceChange(
        "no upper bound",
        "walk-asserts",
        COMPAT,
        "differs",
        [in_walk(r"ASSERT\([^;]*<= PGT_root_page_table\);", "")],
    ),
    PieceChange(
        "a stricter upper bound",
        "walk-asserts",
        X86_64,
        "differs",
        [in_walk("<= PGT_root_page_table", "< PGT_root_page_table")],
    ),
    PieceChange(
        "Xen's L2 forgotten",
        "walk-asserts",
        COMPAT,
        "older",
        [in_walk(r"PGT_type_mask \| PGT_pae_xen_l2", "PGT_type_mask")],
    ),
    PieceChange(
        "the count allowed",
        "walk-asserts",
        X86_64,
        "differs",
        [in_walk(r"PGT_type_mask \| PGT_pae_xen_l2", "PGT_type_mask | PGT_pae_xen_l2 | 1")],
    ),
    PieceChange(
        "asserted for some",
        "walk-asserts",
        X86_64,
        "differs",
        [in_walk(r"(ASSERT\([^;]*<= PGT_root_page_table\);)", r"if ( count ) \g<2>")],
    ),
    PieceChange(
        "asserted afterwards",
        "walk-asserts",
        X86_64,
        "differs",
        [in_walk(r"(ASSERT\([^;]*PGT_pae_xen_l2\)\)\);)(.*?)(?=/\* Iterate)", r"\g<3>\g<2>")],
    ),
    PieceChange(
        "nothing is asserted",
        "walk-asserts",
        X86_64,
        "older",
        [in_walk(r"ASSERT\(.*PGT_pae_xen_l2\)\)\);", "")],
    ),
    PieceChange(
        "an assert that does something",
        "walk-cursors",
        X86_64,
        "not understood",
        [in_walk(ITERATE, "ASSERT(pl1e++);\n")],
    ),
    PieceChange(
        "a type at last, by what overlaps it",
        "walk-pages",
        X86_64,
        "not understood",
        [in_walk(ITERATE, "page->u.free.val = 0;\n")],
    ),
    PieceChange(
        "a parameter that is called as a word of ours",
        "walk-pages",
        X86_64,
        "not understood",
        [
            Edit(
                r"(?<=static __init void mark_pv_pt_pages_rdonly\()struct domain \*d,",
                "struct domain *d, unsigned long type_before,",
            ),
            Edit(r"mark_pv_pt_pages_rdonly\(d, l4start", "mark_pv_pt_pages_rdonly(d, 1, l4start"),
            in_walk(ITERATE, "page->u.inuse.type_info = type_before;\n"),
        ],
    ),
    PieceChange("a call in it", "walk-pages", X86_64, "not understood", [in_walk(ITERATE, "odd(pl1e);\n")]),
    PieceChange(
        "a way out", "walk-guard", X86_64, "not understood", [in_walk(ITERATE, "if ( count == 3 ) return;\n")]
    ),
    PieceChange(
        "a panic before it",
        "walk-guard",
        X86_64,
        "not understood",
        [in_walk(r"(?=for \( count = 0)", 'if ( nr_pt_pages == 5 ) panic("5");\n')],
    ),
    PieceChange(
        "something written afterwards",
        "walk-pages",
        X86_64,
        "not understood",
        [in_walk(r"unmap_domain_page\(pl3e\);\s*\}", "pl3e->l3 = 0; }\n")],
    ),
    PieceChange(
        "a call afterwards",
        "walk-pages",
        X86_64,
        "not understood",
        [in_walk(r"unmap_domain_page\(pl3e\);\s*\}", "odd(pl3e); }\n")],
    ),
    PieceChange(
        "another address",
        "walk-start",
        X86_64,
        "not understood",
        [
            Edit(
                r"mark_pv_pt_pages_rdonly\(d, l4start, vpt_start,",
                "mark_pv_pt_pages_rdonly(d, l4start, vpt_end,",
            )
        ],
    ),
    PieceChange(
        "another count", "walk-guard", COMPAT, "not understood", [Edit(IN_THE_END, "nr_pt_pages--;\n")]
    ),
    PieceChange(
        "written with other signs",
        "walk-cursors",
        X86_64,
        "equal",
        [
            in_walk(
                r"!\(\(unsigned long\)\+\+pl1e & \(PAGE_SIZE - 1\)\)",
                "((unsigned long)++pl1e & ~PAGE_MASK) == 0",
            )
        ],
    ),
    PieceChange(
        "counted from the end",
        "walk-guard",
        X86_64,
        "equal",
        [in_walk("count < nr_pt_pages", "nr_pt_pages > count")],
    ),
    PieceChange(
        "asserted at once",
        "walk-asserts",
        COMPAT,
        "equal",
        [in_walk(r"(>= PGT_l1_page_table)\);", r"\g<2> && page->u.inuse.type_info < 5UL << 61);")],
    ),
)

IN_P2M: Final = r"(static __init void setup_pv_physmap(?s:.*?))"
LAST_PAGE: Final = r"(?=vphysmap_start &= PAGE_MASK)"
P2M_L1_TYPE: Final = r"page->u\.inuse\.type_info = PGT_l1_page_table \| PGT_validated \| 1;"
P2M_L1_REFERENCES: Final = r"page->count_info = PGC_allocated \| 2;(?=\s*page->u\.inuse\.type_info = PGT_l1)"
P2M_L1_LINKED: Final = r"(?<=\*pl2e = l2e_from_page\(page, L2_PROT\);)"


def in_p2m(pattern: str, put: str) -> Edit:
    """An edit in what maps the p2m: of the first place there that the pattern matches."""
    return Edit(rf"{IN_P2M}{pattern}", rf"\g<1>{put}")


PHYSMAP: Final = (
    PieceChange(
        "it may touch the region",
        "physmap-refused",
        X86_64,
        "differs",
        [in_p2m("v_start <= vphysmap_end", "v_start < vphysmap_end")],
    ),
    PieceChange(
        "one side is looked at",
        "physmap-refused",
        X86_64,
        "differs",
        [in_p2m(r"&& vphysmap_start <= v_end", "")],
    ),
    PieceChange(
        "a narrow address",
        "physmap-steps",
        X86_64,
        "not understood",
        [Edit(r"unsigned long (vphysmap_start,\s*unsigned long)", r"unsigned int \1")],
    ),
    PieceChange(
        "a step at the end",
        "physmap-guard",
        X86_64,
        "differs",
        [in_p2m(r"while \( vphysmap_start <", "while ( vphysmap_start <=")],
    ),
    PieceChange(
        "until it is at the end",
        "physmap-guard",
        X86_64,
        "differs",
        [in_p2m(r"while \( vphysmap_start <", "while ( vphysmap_start !=")],
    ),
    PieceChange(
        "room for two tables", "physmap-guard", X86_64, "differs", [in_p2m("3 > nr_pages", "2 > nr_pages")]
    ),
    PieceChange(
        "room for one more", "physmap-guard", X86_64, "differs", [in_p2m("3 > nr_pages", "3 >= nr_pages")]
    ),
    PieceChange(
        "a panic on the way",
        "physmap-guard",
        X86_64,
        "differs",
        [in_p2m(LAST_PAGE, 'if ( vphysmap_start == 5 ) panic("5");\n')],
    ),
    PieceChange(
        "a superpage off its line",
        "physmap-steps",
        X86_64,
        "differs",
        [in_p2m(r"!\(vphysmap_start & \(\(1UL << L2_PAGETABLE_SHIFT\) - 1\)\) &&", "")],
    ),
    PieceChange(
        "a superpage beyond the end",
        "physmap-steps",
        X86_64,
        "differs",
        [in_p2m(r"vphysmap_end >= vphysmap_start \+ \(1UL << L3_PAGETABLE_SHIFT\) &&", "")],
    ),
    PieceChange(
        "half a superpage",
        "physmap-steps",
        X86_64,
        "differs",
        [
            in_p2m(
                r"vphysmap_start \+= 1UL << L2_PAGETABLE_SHIFT",
                "vphysmap_start += 1UL << (L2_PAGETABLE_SHIFT - 1)",
            )
        ],
    ),
    PieceChange(
        "off a page as it began",
        "physmap-steps",
        X86_64,
        "differs",
        [in_p2m(r"vphysmap_start &= PAGE_MASK;", "")],
    ),
    PieceChange(
        "an L2 is taken anyhow",
        "physmap-steps",
        X86_64,
        "differs",
        [in_p2m(r"if \( !l3e_get_intpte\(\*pl3e\) \)", "if ( 1 )")],
    ),
    PieceChange(
        "an L1 where there is one",
        "physmap-steps",
        X86_64,
        "differs",
        [in_p2m(r"!l2e_get_intpte\(\*pl2e\)", "l2e_get_intpte(*pl2e) != 0")],
    ),
    PieceChange(
        "another cursor moves",
        "physmap-entries",
        X86_64,
        "differs",
        [in_p2m(r"pl2e \+= l2_table_offset", "pl3e += l2_table_offset")],
    ),
    PieceChange(
        "another level's entry",
        "physmap-entries",
        X86_64,
        "differs",
        [in_p2m(r"l2_table_offset\(vphysmap_start\)", "l1_table_offset(vphysmap_start)")],
    ),
    PieceChange(
        "the table of another level",
        "physmap-entries",
        X86_64,
        "not understood",
        [in_p2m(r"clear_page\(pl2e\);", "")],
    ),
    PieceChange(
        "the entry after is asked for",
        "physmap-steps",
        X86_64,
        "differs",
        [in_p2m(r"l4e_get_intpte\(\*pl4e\)", "l4e_get_intpte(*(pl4e + 1))")],
    ),
    PieceChange(
        "the entry after is followed",
        "physmap-entries",
        X86_64,
        "differs",
        [in_p2m(r"map_l2t_from_l3e\(\*pl3e\)", "map_l2t_from_l3e(*(pl3e + 1))")],
    ),
    PieceChange(
        "an entry that isn't present",
        "physmap-entries",
        X86_64,
        "differs",
        [in_p2m(r"l1e_from_page\(page, L1_PROT", "l1e_from_page(page, _PAGE_DIRTY")],
    ),
    PieceChange(
        "a call in a step",
        "physmap-steps",
        X86_64,
        "not understood",
        [in_p2m(LAST_PAGE, "odd(&vphysmap_start);\n")],
    ),
    PieceChange(
        "an entry in the end",
        "physmap-entries",
        X86_64,
        "not understood",
        [in_p2m(r"(unmap_domain_page\(l4start\);)", r"l4start->l4 = 0; \g<2>")],
    ),
    PieceChange(
        "an end in the end",
        "physmap-guard",
        X86_64,
        "not understood",
        [in_p2m(r"(unmap_domain_page\(l4start\);)", r'panic("x"); \g<2>')],
    ),
    PieceChange(
        "where none is asked for",
        "physmap-start",
        X86_64,
        "differs",
        [
            Edit(
                r"if \( parms.p2m_base != UNSET_ADDR \)(?=\s*\{\s*pfn = )",
                "if ( parms.p2m_base == UNSET_ADDR )",
            )
        ],
    ),
    PieceChange(
        "another address",
        "physmap-start",
        X86_64,
        "not understood",
        [Edit(r"setup_pv_physmap\(d, pfn, v_start, v_end,", "setup_pv_physmap(d, pfn, v_start, vpt_end,")],
    ),
    PieceChange(
        "another root",
        "physmap-start",
        X86_64,
        "differs",
        [Edit(r"(pfn = pagetable_get_pfn\(v->arch.guest_table\));", r"\g<1> + 1;")],
    ),
    PieceChange(
        "later",
        "physmap-start",
        X86_64,
        "not understood",
        [Edit(r"(?=if \( parms.p2m_base != UNSET_ADDR \)\s*\{\s*pfn = )", "vphysmap_start += PAGE_SIZE;\n")],
    ),
    PieceChange("a table without a type", "physmap-types", X86_64, "differs", [in_p2m(P2M_L1_TYPE, "")]),
    PieceChange(
        "the type of another level",
        "physmap-types",
        X86_64,
        "differs",
        [in_p2m("PGT_l2_page_table", "PGT_l1_page_table")],
    ),
    PieceChange(
        "a type that isn't validated",
        "physmap-types",
        X86_64,
        "differs",
        [in_p2m(r"PGT_l3_page_table \| PGT_validated", "PGT_l3_page_table")],
    ),
    PieceChange(
        "a type that isn't used",
        "physmap-types",
        X86_64,
        "differs",
        [in_p2m(r"(PGT_l3_page_table \| PGT_validated) \| 1", r"\g<2>")],
    ),
    PieceChange(
        "the type on some addresses only",
        "physmap-types",
        X86_64,
        "differs",
        [in_p2m(rf"(?={P2M_L1_TYPE})", "if ( vphysmap_start & (1UL << 40) ) ")],
    ),
    PieceChange(
        "the type of the root",
        "physmap-types",
        X86_64,
        "differs",
        [in_p2m(r"page(?=->u\.inuse\.type_info = PGT_l2)", "mfn_to_page(_mfn(pgtbl_pfn))")],
    ),
    PieceChange(
        "the type of the frame after",
        "physmap-types",
        X86_64,
        "not understood",
        [in_p2m(r"page(?=->u\.inuse\.type_info = PGT_l2)", "(page + 1)")],
    ),
    PieceChange(
        "the type when it is linked",
        "physmap-types",
        X86_64,
        "equal",
        [
            in_p2m(P2M_L1_TYPE, ""),
            in_p2m(
                P2M_L1_LINKED,
                "l2e_get_page(*pl2e)->u.inuse.type_info = PGT_validated + PGT_l1_page_table + 1;",
            ),
        ],
    ),
    PieceChange(
        "another type later",
        "physmap-types",
        X86_64,
        "differs",
        [in_p2m(P2M_L1_LINKED, " page->u.inuse.type_info = PGT_writable_page;")],
    ),
    PieceChange(
        "another type by its entry",
        "physmap-types",
        X86_64,
        "differs",
        [in_p2m(LAST_PAGE, "l3e_get_page(*pl3e)->u.inuse.type_info = 0;\n")],
    ),
    PieceChange(
        "another type by what overlaps it",
        "physmap-types",
        X86_64,
        "not understood",
        [in_p2m(P2M_L1_LINKED, " page->u.free.val = 0;")],
    ),
    PieceChange(
        "another type by a pointer",
        "physmap-types",
        X86_64,
        "not understood",
        [in_p2m(P2M_L1_LINKED, " *(unsigned long *)&page->u.inuse.type_info = 0;")],
    ),
    PieceChange(
        "another type by a call",
        "physmap-types",
        X86_64,
        "not understood",
        [in_p2m(P2M_L1_LINKED, " get_page_and_type(page, d, PGT_writable_page);")],
    ),
    PieceChange(
        "a page's type",
        "physmap-types",
        X86_64,
        "differs",
        [in_p2m(LAST_PAGE, "page->u.inuse.type_info = PGT_writable_page;\n")],
    ),
    PieceChange(
        "what is noted is cleared",
        "physmap-types",
        X86_64,
        "not understood",
        [in_p2m(P2M_L1_LINKED, " clear_page(page);")],
    ),
    PieceChange(
        "a table is for devices, too",
        "physmap-types",
        X86_64,
        "differs",
        [in_p2m(P2M_L1_LINKED, ' iommu_memory_setup(d, "L1", page, 1, flush_flags);')],
    ),
    PieceChange(
        "a page is for devices, too",
        "physmap-types",
        X86_64,
        "equal",
        [in_p2m(LAST_PAGE, 'iommu_memory_setup(d, "page", page, 1, flush_flags);\n')],
    ),
    PieceChange(
        "more than the superpage is for devices",
        "physmap-types",
        X86_64,
        "differs",
        [in_p2m(r"""(P2M 2M", page, SUPERPAGE_PAGES)""", r"\g<2> + 1")],
    ),
    PieceChange(
        "what is for devices is counted on",
        "physmap-types",
        X86_64,
        "not understood",
        [in_p2m(r"""(P2M 2M", page)""", r"\g<2>++")],
    ),
    PieceChange(
        "one reference",
        "physmap-references",
        X86_64,
        "differs",
        [in_p2m(P2M_L1_REFERENCES, "page->count_info = PGC_allocated | 1;")],
    ),
    PieceChange(
        "nobody's table",
        "physmap-references",
        X86_64,
        "differs",
        [in_p2m(P2M_L1_REFERENCES, "page->count_info = 1;")],
    ),
    PieceChange(
        "references as they were", "physmap-references", X86_64, "differs", [in_p2m(P2M_L1_REFERENCES, "")]
    ),
    PieceChange(
        "references of 32 bits",
        "physmap-references",
        X86_64,
        "differs",
        [in_p2m(P2M_L1_REFERENCES, "page->count_info = (uint32_t)(PGC_allocated | 2);")],
    ),
    PieceChange(
        "another mark of dom0's",
        "physmap-references",
        X86_64,
        "differs",
        [
            Edit(
                r"(?=static __init void setup_pv_physmap)",
                "#undef PGC_allocated\n#define PGC_allocated (1UL << 62)\n",
            )
        ],
    ),
    PieceChange(
        "a reference more",
        "physmap-references",
        X86_64,
        "differs",
        [in_p2m(P2M_L1_LINKED, " page->count_info++;")],
    ),
    PieceChange(
        "a reference more by a call",
        "physmap-references",
        X86_64,
        "not understood",
        [in_p2m(P2M_L1_LINKED, " get_page(page, d);")],
    ),
    PieceChange(
        "a page's references",
        "physmap-references",
        X86_64,
        "differs",
        [in_p2m(LAST_PAGE, "page->count_info = PGC_allocated;\n")],
    ),
    PieceChange(
        "references in the end",
        "physmap-references",
        X86_64,
        "not understood",
        [in_p2m(r"(?=unmap_domain_page\(l4start\);)", "page->count_info = 0; ")],
    ),
    PieceChange(
        "references of a superpage's end",
        "physmap-references",
        X86_64,
        "not understood",
        [in_p2m(r"(?=vphysmap_start \+= 1UL << L2_PAGETABLE_SHIFT)", "page[17].count_info = 0; ")],
    ),
    PieceChange(
        "references one by one",
        "physmap-references",
        X86_64,
        "equal",
        [in_p2m(P2M_L1_REFERENCES, "page->count_info = PGC_allocated + 1; page->count_info++;")],
    ),
    PieceChange(
        "nobody looks at what was there",
        "physmap-steps",
        X86_64,
        "equal",
        [in_p2m(r"BUG_ON\(l1e_get_intpte\(\*pl1e\)\);", "")],
    ),
    PieceChange(
        "fewer superpages",
        "physmap-steps",
        X86_64,
        "equal",
        [
            in_p2m(
                r"vphysmap_end >= vphysmap_start \+ \(1UL << L2",
                r"vphysmap_end > vphysmap_start + (1UL << L2",
            )
        ],
    ),
)


def changed(tree: Tree, change: Callable[[str], str]) -> Tree:
    """The tree with its builder changed."""

    def read(path: str) -> str | None:
        text = tree.read(path)
        return text if path != BUILDER or text is None else change(text)

    return Tree(tree.title, read)


def verdict(found: TreeCheck) -> str:
    """What is said of a tree, in the words of `TreeChange`."""
    refuted = [each.piece.name for each in found.properties if each.refuted]
    if refuted:
        return refuted[0]
    return {0: "proved" if found.properties else "equal"}.get(int(found.status), "open")


def seconds() -> float:
    """The CPU that this process and its children have taken."""
    spent = [resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


if __name__ == "__main__":
    sys.stdout.write("| change | verdict | CPU |\n|---|---|---|\n")
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    for each in CHANGES:
        if wanted in each.name:
            before = seconds()
            with opened(sys.argv[1], None) as tree:
                said = verdict(check_tree(changed(tree, each), seconds=60))
            note = "" if said == each.verdict else f" (not {each.verdict})"
            sys.stdout.write(f"| {each.name} | {said}{note} | {seconds() - before:.0f} s |\n")
            sys.stdout.flush()
