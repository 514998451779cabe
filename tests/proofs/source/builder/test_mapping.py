"""The mapping loop of a real tree, and of edits of it: each is seen in the pieces that it changes."""

from functools import cache

import pytest
from ptproof.formal.c.values import Unknown
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.logic.verdict import Proved
from ptproof.formal.source.dom0_source import dom0_source
from ptproof.formal.source.questions import Piece
from ptproof.proofs.source.builder import mapping
from ptproof.proofs.source.builder.pieces import made
from real_trees import BUILDER, Edit, assert_refuted, edited, verdict_of

pytestmark = pytest.mark.usefixtures("shared_answers")

NAMES = (
    "mapping-start",
    "mapping-guard",
    "mapping-cursors",
    "mapping-frames",
    "mapping-entries",
    "mapping-types",
)
QUICK = ("mapping-start", "mapping-guard", "mapping-cursors", "mapping-frames")


@cache
def asked(mode: PagingMode, *edits: Edit) -> dict[str, Piece]:
    source = dom0_source(edited(*edits))
    return {each.name: each for each in made(mapping.PIECES, source, mode)}


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
@pytest.mark.parametrize("name", QUICK)
def test_a_real_tree_is_the_encoding(name: str, mode: PagingMode) -> None:
    assert tuple(asked(mode)) == NAMES
    assert isinstance(verdict_of(asked(mode)[name]), Proved)


EDITED: dict[str, tuple[str, PagingMode, Edit]] = {
    "the first table off the layout": (
        "mapping-start",
        X86_64,
        (
            BUILDER,
            r"mpt_alloc = \(vpt_start - v_start\) \+",
            "mpt_alloc = (vpt_start - v_start) + PAGE_SIZE +",
        ),
    ),
    "the initrd's pages counted in": (
        "mapping-start",
        COMPAT,
        (BUILDER, r"mpt_alloc -= PAGE_ALIGN\(initrd_len\);", "mpt_alloc -= initrd_len;"),
    ),
    "cleared from its first entry on": (
        "mapping-entries",
        X86_64,
        (
            BUILDER,
            r"(clear_page\(l1tab\);)(\s*if \( count == 0 \)\s*l1tab \+= l1_table_offset\(v_start\);)",
            r"\2\1",
        ),
    ),
    "one page more": (
        "mapping-guard",
        X86_64,
        (BUILDER, r"count < \(\(v_end-v_start\) >> PAGE_SHIFT\)", "count <= ((v_end-v_start) >> PAGE_SHIFT)"),
    ),
    "a panic half-way": (
        "mapping-guard",
        COMPAT,
        (BUILDER, r"l1tab\+\+;(?=\s*page =)", 'l1tab++; if ( count == 5 ) panic("x");'),
    ),
    "death by success": (
        "mapping-guard",
        X86_64,
        (
            BUILDER,
            r"!(get_page_and_type\(page, d, PGT_writable_page\) \)\s*BUG\(\);\s*\}\s*if \( compat \))",
            r"\1",
        ),
    ),
    "an entry by its member": (
        "mapping-entries",
        X86_64,
        (BUILDER, r"l1tab\+\+;(?=\s*page =)", "l1tab->l1 = 0; l1tab++;"),
    ),
    "the first L2 from its first entry on": (
        "mapping-cursors",
        X86_64,
        (BUILDER, r"l2tab \+= l2_table_offset\(v_start\);", ";"),
    ),
    "an L3 for each L2": (
        "mapping-cursors",
        COMPAT,
        (BUILDER, r"if \( !\(\(unsigned long\)l3tab & \(PAGE_SIZE-1\)\) \)", "if ( 1 )"),
    ),
    "the initrd's frames turned round": (
        "mapping-frames",
        X86_64,
        (BUILDER, r"mfn = initrd_mfn\+\+;", "mfn = initrd_mfn--;"),
    ),
    "the page after": (
        "mapping-entries",
        X86_64,
        (BUILDER, r"\*l1tab = l1e_from_pfn\(mfn, ", "*l1tab = l1e_from_pfn(mfn + 1, "),
    ),
    "an L1 called an L2": (
        "mapping-types",
        X86_64,
        (BUILDER, r"type_info = PGT_l1_page_table;(?=\s*l1start)", "type_info = PGT_l2_page_table;"),
    ),
}


@pytest.mark.parametrize("name", sorted(EDITED))
def test_an_edit_is_refuted(name: str) -> None:
    piece, mode, edit = EDITED[name]
    assert_refuted(asked(mode, edit)[piece])


NOT_UNDERSTOOD: dict[str, Edit] = {
    "a call": (BUILDER, r"mfn = initrd_mfn\+\+;", "mfn = odd(&initrd_mfn);"),
    "a store through what isn't known": (
        BUILDER,
        r"l1tab\+\+;(?=\s*page =)",
        "l1tab++; *(unsigned long *)d->next = 1;",
    ),
    "a store of half an entry": (BUILDER, r"l1tab\+\+;(?=\s*page =)", "*(unsigned int *)l1tab = 5; l1tab++;"),
    "a type by what overlaps it": (
        BUILDER,
        r"l1tab\+\+;(?=\s*page =)",
        "l1tab++; maddr_to_page(mpt_alloc)->u.free.val = 0;",
    ),
    "a type by its place": (
        BUILDER,
        r"l1tab\+\+;(?=\s*page =)",
        "l1tab++; *((unsigned long *)maddr_to_page(mpt_alloc) + 3) = 0;",
    ),
    "the allocation's frames from another one on": (
        BUILDER,
        r"(?=l4tab \+= l4_table_offset\(v_start\);)",
        "alloc_spfn++; ",
    ),
    "a way round": (
        BUILDER,
        r"(l4tab \+= l4_table_offset\(v_start\);(?s:.*?))(    if \( compat \)\s*\{\s*l2_pgentry_t)",
        r"if ( d->max_pages > 5 ) goto mapped; \1 mapped:\n\2",
    ),
    "a macro of its own": (
        BUILDER,
        r"(?=#define L1_PROT )",
        "#undef clear_page\n#define clear_page(page) ((void)(page))\n",
    ),
    "a function of its own": (
        BUILDER,
        r"(?=#define L1_PROT )",
        "static l1_pgentry_t l1e_from_pfn(unsigned long pfn, unsigned int flags) { return l1e_empty(); }\n",
    ),
    "a macro that moves what it wraps": (
        BUILDER,
        r"(?=#define L1_PROT )",
        "#undef maddr_to_page\n#define maddr_to_page(at) __maddr_to_page((at) + PAGE_SIZE)\n",
    ),
    "a narrow count": (BUILDER, r"unsigned long count;(?=\s*struct page_info \*page = NULL)", "int count;"),
    "a switch": (BUILDER, r"mfn = initrd_mfn\+\+;", "switch ( pfn ) { default: mfn = 0; }"),
    "a way out": (BUILDER, r"mfn = initrd_mfn\+\+;", "{ mfn = initrd_mfn++; if ( mfn == 7 ) goto out; }"),
}


@pytest.mark.parametrize("name", sorted(NOT_UNDERSTOOD))
def test_what_is_not_understood_is_told(name: str) -> None:
    """Of the loop, with its line, and not of what is before it."""
    found = asked(X86_64, NOT_UNDERSTOOD[name])
    told = [each.asked for each in found.values() if isinstance(each.asked, Unknown)]
    assert told
    assert all(each.where.startswith(f"{BUILDER}:") for each in told)
