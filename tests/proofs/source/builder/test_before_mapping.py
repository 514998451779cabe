"""What the builder settles before it maps, in a real tree and in edits of it."""

from functools import cache

import pytest
from ptproof.formal.c.values import Unknown
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.logic.verdict import Proved
from ptproof.formal.source.dom0_source import Dom0Source, dom0_source
from ptproof.formal.source.questions import Piece
from ptproof.proofs.source.builder import before_mapping, pieces
from ptproof.proofs.source.builder.pieces import made
from real_trees import BUILDER, MEMORY, Edit, assert_refuted, edited, verdict_of

pytestmark = pytest.mark.usefixtures("shared_answers")

NAMES = ("memory-unasked", "memory-clamp", "memory-cap", "allocation", "overlap")


@cache
def source_of(*edits: Edit) -> Dom0Source:
    return dom0_source(edited(*edits))


def piece_of(name: str, mode: PagingMode, *edits: Edit) -> Piece:
    (found,) = made({name: before_mapping.PIECES[name]}, source_of(*edits), mode)
    return found


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
@pytest.mark.parametrize("name", NAMES)
def test_a_real_tree_is_the_encoding(name: str, mode: PagingMode) -> None:
    assert isinstance(verdict_of(piece_of(name, mode)), Proved)
    assert piece_of(name, mode).where.startswith("xen/arch/x86/")


EDITED: dict[str, tuple[str, PagingMode, Edit]] = {
    "another part is kept": ("memory-unasked", X86_64, (MEMORY, r"avail / 16", "avail / 32")),
    "a narrow part": (
        "memory-unasked",
        X86_64,
        (MEMORY, r"static unsigned long (?=__init default_nr_pages)", "static unsigned int "),
    ),
    "another reserve": (
        "memory-unasked",
        COMPAT,
        (MEMORY, r"128UL << (?=\(20)", "64UL << "),
    ),
    "the maximum before the minimum": (
        "memory-clamp",
        X86_64,
        (
            MEMORY,
            r"(?<=\n)    nr_pages = max\(nr_pages, min_pages\);\s*(nr_pages = min\(nr_pages, max_pages\);)",
            r"    \1 nr_pages = max(nr_pages, min_pages);",
        ),
    ),
    "the whole of what is left": ("memory-cap", X86_64, (MEMORY, r"\(2 \* sizeof_long\)", "sizeof_long")),
    "the initrd forgotten": (
        "memory-cap",
        COMPAT,
        (MEMORY, r"vend \+= round_pgup\(initrd_len\);", ";"),
    ),
    "the cap for all": ("memory-cap", X86_64, (MEMORY, r"\(parms->p2m_base == UNSET_ADDR\) &&", "")),
    "the initrd off a page": (
        "allocation",
        X86_64,
        (BUILDER, r"count -= PAGE_ALIGN\(initrd_len\)", "count -= initrd_len"),
    ),
    "all that there is": (
        "allocation",
        COMPAT,
        (BUILDER, r"PFN_UP\(initrd_len\) > nr_pages", "PFN_UP(initrd_len) >= nr_pages"),
    ),
    "one page more": (
        "overlap",
        X86_64,
        (BUILDER, r"\(v_end > HYPERVISOR_VIRT_START\)", "(v_end >= HYPERVISOR_VIRT_START)"),
    ),
    "the other guest's": (
        "overlap",
        COMPAT,
        (BUILDER, r"v_end > HYPERVISOR_COMPAT_VIRT_START\(d\)", "v_start > HYPERVISOR_COMPAT_VIRT_START(d)"),
    ),
}


@pytest.mark.parametrize("name", sorted(EDITED))
def test_an_edit_is_refuted(name: str) -> None:
    piece, mode, edit = EDITED[name]
    assert_refuted(piece_of(piece, mode, edit))


NOT_UNDERSTOOD: dict[str, tuple[str, Edit]] = {
    "a call": (
        "memory-clamp",
        (MEMORY, r"(?<=\n)    nr_pages = max\(nr_pages, min_pages\);", "nr_pages = odd(nr_pages);"),
    ),
    "a way out": (
        "memory-cap",
        (MEMORY, r"if \( end > vstart \)", "if ( end == 7 ) return 5; if ( end > vstart )"),
    ),
    "a jump": ("memory-cap", (MEMORY, r"if \( end > vstart \)", "again: if ( end > vstart )")),
    "assembly": (
        "allocation",
        (BUILDER, r"count -= PAGE_ALIGN\(initrd_len\);", 'asm ( "" : "+r" (count) );'),
    ),
    "a condition of something else": (
        "overlap",
        (BUILDER, r"\(v_end > HYPERVISOR_VIRT_START\)", "far(v_end)"),
    ),
    "no check": (
        "overlap",
        (BUILDER, r"DOM0 image overlaps with Xen private area(?s:.*?)return -EINVAL;", '");'),
    ),
    "a page less in between": (
        "memory-cap",
        (
            MEMORY,
            r"(?=    if \( is_pv_domain\(d\) &&\n         \(parms->p2m_base)",
            "if ( initrd_len ) nr_pages--;\n",
        ),
    ),
    "no minimum in between": (
        "memory-cap",
        (MEMORY, r"(?=    if \( is_pv_domain\(d\) &&\n         \(parms->p2m_base)", "min_pages = 0;\n"),
    ),
    "half of it in the end": ("memory-cap", (MEMORY, r"return nr_pages;", "return nr_pages / 2;")),
    "whole superpages for the layout": (
        "memory-cap",
        (BUILDER, r"(?=\n    v_start  )", "\n    nr_pages &= ~511UL;"),
    ),
    "twice what is given": (
        "memory-cap",
        (BUILDER, r"nr_pages = (?=dom0_compute_nr_pages\()", "nr_pages = 2 * "),
    ),
    "another order": (
        "allocation",
        (
            BUILDER,
            r"alloc_domheap_pages\(d, order, (?=MEMF_no_scrub\);\s*if \( page == NULL)",
            "alloc_domheap_pages(d, order - 1, ",
        ),
    ),
    "the order changed": (
        "allocation",
        (
            BUILDER,
            r"(?=    page = alloc_domheap_pages\(d, order, MEMF_no_scrub\);\s*if \( page == NULL)",
            "order--;\n",
        ),
    ),
    "another name": ("memory-cap", (MEMORY, r"dom0_compute_nr_pages\(\n", "dom0_memory(\n")),
}


@pytest.mark.parametrize("name", sorted(NOT_UNDERSTOOD))
def test_what_is_not_understood_is_told_of_that_piece(name: str) -> None:
    """With its line; the other pieces aren't touched."""
    piece, edit = NOT_UNDERSTOOD[name]
    found = piece_of(piece, X86_64, edit).asked
    assert isinstance(found, Unknown)
    assert found.where.startswith("xen/arch/x86/")
    same_file = [each for each in NAMES if each.startswith("memory") is piece.startswith("memory")]
    others = [each for each in NAMES if each not in same_file]
    assert not [each for each in others if isinstance(piece_of(each, X86_64, edit).asked, Unknown)]


def test_what_is_shared_is_used() -> None:
    """The modules that this file is about."""
    assert {before_mapping.MEMORY[0], pieces.NotRead.__name__} == {MEMORY, "NotRead"}
