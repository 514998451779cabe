"""The toolstack's builder of a real tree, and of edits of it: each is seen in the pieces that it changes."""

from functools import cache

import pytest
from ptproof.formal.c.tree_files import opened
from ptproof.formal.c.values import Unknown
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.logic.verdict import Proved
from ptproof.formal.source.questions import Piece
from ptproof.proofs.source.builder import domu
from real_trees import TOOLSTACK, Edit, assert_refuted, edited_at, toolstack, trees, verdict_of

pytestmark = pytest.mark.usefixtures("shared_answers")

PARAMETERS = "tools/libs/guest/xg_private.h"
LEVELS = {X86_64: ("l1", "l2", "l3"), COMPAT: ("l1", "l2")}
LOOP = ("domu-start", "domu-tried-end", "domu-step", "domu-guard", "domu-set-aside")
QUICK = ("domu-l1-tables", "domu-tables", "domu-refused", *LOOP)


@cache
def asked(*edits: Edit) -> tuple[Piece, ...]:
    found = domu.pieces(edited_at(toolstack(), *edits), (X86_64, COMPAT))
    assert found is not None
    return found


def piece_of(name: str, mode: PagingMode, *edits: Edit) -> Piece:
    (found,) = (each for each in asked(*edits) if each.name == name and each.mode is mode)
    return found


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
def test_a_real_tree_has_all_the_pieces(mode: PagingMode) -> None:
    """Level by level, the loop, and the p2m of a 64-bit domain."""
    wanted = [f"domu-{level}-tables" for level in LEVELS[mode]]
    wanted += [
        "domu-tables",
        "domu-refused",
        *LOOP,
        *(["domu-p2m-tables", "domu-p2m-refused"] if mode is X86_64 else []),
    ]
    found = [each for each in asked() if each.mode is mode]
    assert [each.name for each in found] == wanted
    assert all(each.where.startswith(TOOLSTACK) for each in found)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((name, mode) for mode in (X86_64, COMPAT) for name in QUICK),
        *((f"domu-{level}-tables", mode) for mode in (X86_64, COMPAT) for level in LEVELS[mode][1:]),
        ("domu-p2m-tables", X86_64),
        ("domu-p2m-refused", X86_64),
    ],
)
def test_a_real_tree_is_the_encoding(name: str, mode: PagingMode) -> None:
    assert isinstance(verdict_of(piece_of(name, mode)), Proved)


COUNTED = r"map->lvls\[l\]\.from\) >> bits\) \+ 1;"
TRIED = r"round_up\(dom->virt_alloc_end \+ pages \* PAGE_SIZE_X86,\s*bits_to_mask\(22\)\)"
EDITED: dict[str, tuple[str, PagingMode, Edit]] = {
    "a table too few": ("domu-l1-tables", X86_64, (TOOLSTACK, COUNTED, "map->lvls[l].from) >> bits);")),
    "a table too many": (
        "domu-l2-tables",
        COMPAT,
        (TOOLSTACK, COUNTED, "map->lvls[l].from) >> bits) + 2;"),
    ),
    "a table forgotten in the sum": (
        "domu-tables",
        X86_64,
        (TOOLSTACK, r"(map->area\.pgtables \+= map->lvls\[l\]\.pgtables);", r"if ( l ) \1;"),
    ),
    "two topmost tables": (
        "domu-tables",
        COMPAT,
        (TOOLSTACK, r"map->area\.pgtables\+\+", "map->area.pgtables += 2"),
    ),
    "no L1": (
        "domu-l1-tables",
        COMPAT,
        (TOOLSTACK, r"l >= 0(; l-- \)\s*\{)", r"l > 0\1"),
    ),
    "a level's shift": (
        "domu-l2-tables",
        X86_64,
        (TOOLSTACK, r"\(l \+ 1\) \* PGTBL_LEVEL_SHIFT_X86", "l * PGTBL_LEVEL_SHIFT_X86"),
    ),
    "fewer bits translated": (
        "domu-l3-tables",
        X86_64,
        (PARAMETERS, r"(VIRT_BITS_X86_64\s+)48", r"\g<1>47"),
    ),
    "the start not rounded": (
        "domu-l1-tables",
        COMPAT,
        (TOOLSTACK, r"map->area\.from & ~mask", "map->area.from"),
    ),
    "a smaller rounding": ("domu-tried-end", X86_64, (TOOLSTACK, r"(?<=bits_to_mask\()22", "21")),
    "rounded down": (
        "domu-tried-end",
        COMPAT,
        (TOOLSTACK, TRIED, "((dom->virt_alloc_end + pages * PAGE_SIZE_X86) & ~bits_to_mask(22))"),
    ),
    "the boot stack forgotten at first": (
        "domu-start",
        X86_64,
        (TOOLSTACK, r"dom->alloc_bootstack \? 1 : 0", "0"),
    ),
    "the boot stack forgotten later": (
        "domu-step",
        X86_64,
        (
            TOOLSTACK,
            r"pages = map->area\.pgtables \+ extra_pages",
            "pages = map->area.pgtables + extra_pages - 1",
        ),
    ),
    "less room": ("domu-start", COMPAT, (TOOLSTACK, r"\(512 \* 1024\) /", "(256 * 1024) /")),
    "pages that are too short": (
        "domu-step",
        X86_64,
        (TOOLSTACK, r"int pages, extra_pages;", "short pages, extra_pages;"),
    ),
    "it has to be less": (
        "domu-guard",
        X86_64,
        (TOOLSTACK, r"PAGE_SIZE_X86 <= try_virt_end \+ 1 \)", "PAGE_SIZE_X86 < try_virt_end + 1 )"),
    ),
    "an end too early": (
        "domu-guard",
        COMPAT,
        (TOOLSTACK, r"PAGE_SIZE_X86 <= try_virt_end \+ 1 \)", "PAGE_SIZE_X86 <= try_virt_end )"),
    ),
    "the last address for the end": (
        "domu-set-aside",
        X86_64,
        (TOOLSTACK, r"virt_pgtab_end = try_virt_end \+ 1", "virt_pgtab_end = try_virt_end"),
    ),
    "the room set aside, too": (
        "domu-set-aside",
        COMPAT,
        (TOOLSTACK, r"(?<=\n)( +)map->area\.pgtables \* PAGE_SIZE_X86\);", r"\1pages * PAGE_SIZE_X86);"),
    ),
    "a refusal that is taken for another try": (
        "domu-guard",
        COMPAT,
        (TOOLSTACK, r"try_virt_end, 0\) \)(?=\s*return -1;)", "try_virt_end, 0) < 0 )"),
    ),
    "one page less is refused": (
        "domu-refused",
        X86_64,
        (TOOLSTACK, r"pfn_end >= dom->p2m_size", "pfn_end > dom->p2m_size"),
    ),
    "a p2m above the region is refused": (
        "domu-p2m-refused",
        X86_64,
        (TOOLSTACK, r"from < map_cmp->area\.to && (?=to >)", ""),
    ),
    "a p2m in the region isn't": (
        "domu-p2m-refused",
        X86_64,
        (TOOLSTACK, r"from < map_cmp->area\.to && to >", "m < 0 && to >"),
    ),
    "Xen's part of the L3 later": (
        "domu-l2-tables",
        COMPAT,
        (TOOLSTACK, r"to < 0xc0000000", "to < 0x80000000"),
    ),
    "a table shared with the region": (
        "domu-p2m-tables",
        X86_64,
        (TOOLSTACK, r"map_cmp->lvls\[l\]\.from - 1;", "map_cmp->lvls[l].to;"),
    ),
    "all of the p2m's tables": (
        "domu-p2m-tables",
        X86_64,
        (
            TOOLSTACK,
            r"m < domx86->n_mappings(; m\+\+ \)\s*\{\s*map_cmp = domx86->maps \+ m;\s*if \( map_cmp->lvls)",
            r"m < 0\1",
        ),
    ),
}


@pytest.mark.parametrize("name", sorted(EDITED))
def test_an_edit_is_refuted(name: str) -> None:
    piece, mode, edit = EDITED[name]
    assert_refuted(piece_of(piece, mode, edit))


HARMLESS: dict[str, tuple[str, PagingMode, Edit]] = {
    "the rounding written out": (
        "domu-tried-end",
        X86_64,
        (TOOLSTACK, TRIED, "(dom->virt_alloc_end + ((unsigned long)pages << 12)) | ((4UL << 20) - 1)"),
    ),
    "longer pages": (
        "domu-step",
        COMPAT,
        (TOOLSTACK, r"int pages, extra_pages;", "unsigned long pages, extra_pages;"),
    ),
    "the sum in another order": (
        "domu-step",
        X86_64,
        (TOOLSTACK, r"map->area\.pgtables \+ extra_pages", "extra_pages + map->area.pgtables"),
    ),
    "a do": (
        "domu-guard",
        X86_64,
        (
            TOOLSTACK,
            r"for \( ; ; \)(\s*\{\s*try_virt_end(?s:.*?))if \( (dom->virt_alloc_end \+ pages \* PAGE_SIZE_X86) <= try_virt_end \+ 1 \)\s*break;\s*\}",
            r"do\1} while ( \2 > try_virt_end + 1 );",
        ),
    ),
    "no pointer": (
        "domu-tables",
        COMPAT,
        (TOOLSTACK, r"map->area\.pgtables\+\+", "domx86->maps[domx86->n_mappings].area.pgtables++"),
    ),
    "a struct of its own": (
        "domu-l1-tables",
        X86_64,
        (
            TOOLSTACK,
            r"map->lvls\[l\]\.from = map->area\.from & ~mask;",
            "{ struct xc_dom_x86_mapping_lvl *at = &map->lvls[l]; at->from = map->area.from - (map->area.from & mask); }",
        ),
    ),
}


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_a_harmless_edit_is_proved(name: str) -> None:
    piece, mode, edit = HARMLESS[name]
    assert isinstance(verdict_of(piece_of(piece, mode, edit)), Proved)


NOT_UNDERSTOOD: dict[str, tuple[str, Edit]] = {
    "assembly": (
        "domu-tables",
        (TOOLSTACK, r"mask = bits_to_mask\(bits\);", 'mask = bits_to_mask(bits); asm ( "" : "+r" (mask) );'),
    ),
    "a call": ("domu-tables", (TOOLSTACK, r"mask = bits_to_mask\(bits\);", "mask = odd(bits);")),
    "a level that isn't there": (
        "domu-tables",
        (TOOLSTACK, r"(map->lvls\[l)(\]\.pgtables = 1;)", r"\1 + 1\2"),
    ),
    "another place": (
        "domu-tables",
        (TOOLSTACK, r"map->area\.pgtables\+\+;", "map->area.pgtables++; dom->virt_alloc_end += 1;"),
    ),
    "another mapping": (
        "domu-p2m-tables",
        (TOOLSTACK, r"map->area\.pgtables \+= map", "domx86->maps[0].area.pgtables += map"),
    ),
    "somewhere": (
        "domu-tables",
        (
            TOOLSTACK,
            r"map->area\.pgtables\+\+;",
            "map->area.pgtables++; *(unsigned long *)dom->p2m_seg.vstart = 1;",
        ),
    ),
    "a way out that gives 0": (
        "domu-tables",
        (TOOLSTACK, r"(?=    memset\(map, 0, sizeof\(\*map\)\);)", "    if ( from == 7 ) return 0;\n"),
    ),
    "a jump": ("domu-tables", (TOOLSTACK, r"(?=    memset\(map, 0, sizeof\(\*map\)\);)", "    goto out;\n")),
    "part of it cleared": (
        "domu-tables",
        (TOOLSTACK, r"memset\(map, 0, sizeof\(\*map\)\)", "memset(map, 0, 8)"),
    ),
    "a refusal that gives 0": ("domu-guard", (TOOLSTACK, r"(try_virt_end, 0\) \)\s*return )-1;", r"\1 0;")),
    "an end that is narrow": (
        "domu-guard",
        (TOOLSTACK, r"xen_vaddr_t try_virt_end;", "unsigned int try_virt_end;"),
    ),
    "two calls": (
        "domu-guard",
        (TOOLSTACK, r"pages = extra_pages;", "pages = extra_pages; count_pgtables(dom, 0, 1, 0);"),
    ),
    "the count of the round before": (
        "domu-guard",
        (TOOLSTACK, r"(?=        try_virt_end = round_up)", "        pages += map->area.pgtables;\n"),
    ),
    "what has been allocated moves": (
        "domu-guard",
        (TOOLSTACK, r"(?=        try_virt_end = round_up)", "        dom->virt_alloc_end += 4096;\n"),
    ),
    "a mapping before": (
        "domu-guard",
        (TOOLSTACK, r"pages = extra_pages;", "pages = extra_pages; domx86->n_mappings++;"),
    ),
    "a mapping in each round": (
        "domu-guard",
        (TOOLSTACK, r"(?=        try_virt_end = round_up)", "        domx86->n_mappings++;\n"),
    ),
    "other parameters": (
        "domu-guard",
        (TOOLSTACK, r"pages = extra_pages;", "pages = extra_pages; domx86->params = 0;"),
    ),
    "more before it tries": (
        "domu-tables",
        (TOOLSTACK, r"(domx86->params = &x86_64_params;)", r"\1 dom->virt_alloc_end += 4096;"),
    ),
    "another segment": ("domu-set-aside", (TOOLSTACK, r"&dom->pgtables_seg, ", "&dom->p2m_seg, ")),
    "another image": (
        "domu-guard",
        (
            TOOLSTACK,
            r"count_pgtables\(dom, dom->parms->virt_base",
            "count_pgtables(dom + 1, dom->parms->virt_base",
        ),
    ),
    "levels that aren't plain": (
        "domu-tables",
        (TOOLSTACK, r"\.levels = PGTBL_LEVELS_X86_64", ".levels = levels_of(4)"),
    ),
    "no declaration": ("domu-tables", (TOOLSTACK, r"struct xc_dom_params \{", "struct xc_parameters {")),
    "another function": (
        "domu-tables",
        (TOOLSTACK, r"static int count_pgtables\(", "static int count_tables("),
    ),
}


@pytest.mark.parametrize("name", sorted(NOT_UNDERSTOOD))
def test_what_is_not_understood_is_told(name: str) -> None:
    """With its line, in place of the piece that it would have been."""
    piece, edit = NOT_UNDERSTOOD[name]
    found = piece_of(piece, X86_64, edit)
    assert isinstance(found.asked, Unknown), found.asked
    assert found.asked.where.startswith(f"{TOOLSTACK}:")


def test_without_a_toolstack_nothing_is_asked() -> None:
    with opened(str(trees()[0] / "xen")) as tree:
        assert domu.pieces(tree, (X86_64,)) is None
