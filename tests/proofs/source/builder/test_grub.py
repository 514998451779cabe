"""GRUB's loader in a real tree, and in edits of it: each is seen in the pieces that it changes."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from jsonschema import Draft202012Validator
from ptproof.formal.c.tree_files import opened
from ptproof.formal.c.values import Unknown
from ptproof.formal.logic.verdict import Proved
from ptproof.formal.reports.tree_report import row
from ptproof.formal.source.check_tree import check_tree
from ptproof.formal.source.grub_source import grub_source
from ptproof.formal.source.questions import Piece
from ptproof.proofs.source.builder import grub
from real_trees import LOADER, Edit, assert_refuted, edited_at, verdict_of
from real_trees import grub as tree
from run_cli import run

pytestmark = pytest.mark.usefixtures("shared_answers")

NAMES = (
    "grub-tables",
    "grub-tables-beside",
    "grub-start",
    "grub-tried-end",
    "grub-beside",
    "grub-step",
    "grub-guard",
    "grub-set-aside",
)


@cache
def asked(*edits: Edit) -> tuple[Piece, ...]:
    source = grub_source(edited_at(tree(), *edits))
    assert source is not None
    return grub.pieces(source)


def piece_of(name: str, *edits: Edit) -> Piece:
    (found,) = (each for each in asked(*edits) if each.name == name)
    return found


def test_debians_grub_is_the_encoding() -> None:
    """Which a tree is is noticed; all of its pieces are proved."""
    with opened(str(tree())) as found:
        check = check_tree(found, seconds=60)
    assert check.status == 0
    assert tuple(each.piece.name for each in check.loader) == NAMES
    assert all(each.proved for each in check.loader)
    assert all(each.piece.where.startswith(f"{LOADER}:") for each in check.loader)


def test_a_tree_of_grubs_is_told_as_such(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What was found where, each piece of it, and nothing about dom0; no comments are written of it."""
    reports = [f"--{each}={tmp_path / each}" for each in ("json", "junit", "sarif")]
    ran = run(capsys, "tree", str(tree()), *reports)
    assert ran.status == 0
    assert ran.lines[0].startswith("yes: ")
    assert f"equal     64-bit: GRUB's count in {LOADER}, 8 pieces proved" in ran.lines[1]
    assert f"grub_xen_pt_alloc(), from {LOADER}:" in ran.lines[2]
    assert not [each for each in ran.lines if "toolstack" in each or "compiler" in each]
    found = json.loads((tmp_path / "json").read_text())
    schema = json.loads((files("ptproof.formal") / "schemas/ptproof-tree-1.json").read_text())
    Draft202012Validator(schema).validate(found)
    assert {each["kind"] for each in found["trees"][0]["pieces"]} == {"loader"}
    assert fromstring((tmp_path / "junit").read_bytes()).get("tests") == "8"  # noqa: S314 - our own text
    commented = run(capsys, "invariants", "--format", "c-comment", "--tree", str(tree()))
    assert commented.status == 1
    assert "it is a tree of GRUB's" in commented.err
    with opened(str(tree())) as opened_tree:
        assert row("2.06", check_tree(opened_tree, seconds=60)).endswith("GRUB: 8 of 8 pieces proved")


EDITED: dict[str, tuple[str, Edit]] = {
    "a table too few": ("grub-tables", (LOADER, r"virt_start\) >> bits\) \+ 1;", "virt_start) >> bits);")),
    "the end included": ("grub-tables", (LOADER, r"\(to - 1\) & VIRT_MASK", "to & VIRT_MASK")),
    "fewer levels": ("grub-tables", (LOADER, r"i >= 0(; i--\))", r"i > 0\1")),
    "all of the page's tables": (
        "grub-tables-beside",
        (LOADER, r"(?<=for \(m = 0; )m < xen_state\.n_mappings(; m\+\+\)\s*\{\s*map_cmp)", r"m < 0\1"),
    ),
    "a table in the first round": (
        "grub-start",
        (LOADER, r"nr_need_pages = nr_info_pages;", "nr_need_pages = nr_info_pages + 1;"),
    ),
    "a smaller stack": (
        "grub-tried-end",
        (LOADER, r"#define STACK_SIZE 1048576", "#define STACK_SIZE 65536"),
    ),
    "a smaller rounding": (
        "grub-tried-end",
        (LOADER, r"#define ALIGN_SIZE \(1 << 22\)", "#define ALIGN_SIZE (1 << 21)"),
    ),
    "the page always at 0": (
        "grub-beside",
        (LOADER, r"if \(xen_state\.xen_inf\.virt_base\)", "if (err == 0)"),
    ),
    "the page's tables forgotten": (
        "grub-step",
        (LOADER, r"nr_need_pages \+= xen_state\.map_reloc->area\.n_pt_pages;", ";"),
    ),
    "it has to be less": (
        "grub-guard",
        (
            LOADER,
            r"page2offset \(nr_need_pages\) <=\s*try_virt_end",
            "page2offset (nr_need_pages) < try_virt_end",
        ),
    ),
    "a stop test that counts the stack": (
        "grub-guard",
        (LOADER, r"page2offset \(nr_need_pages\) <=", "page2offset (nr_need_pages) + STACK_SIZE <="),
    ),
    "a stack among the tables": (
        "grub-set-aside",
        (LOADER, r"xen_state\.max_addr \+ STACK_SIZE \+ xen_state", "xen_state.max_addr + xen_state"),
    ),
    "too few set aside": (
        "grub-set-aside",
        (
            LOADER,
            r"nr_need_pages = map->area\.n_pt_pages \+ xen_state\.map_reloc->area\.n_pt_pages;",
            "nr_need_pages = map->area.n_pt_pages;",
        ),
    ),
}


@pytest.mark.parametrize("name", sorted(EDITED))
def test_an_edit_is_refuted(name: str) -> None:
    piece, edit = EDITED[name]
    assert_refuted(piece_of(piece, edit))


HARMLESS: dict[str, tuple[str, Edit]] = {
    "a for": ("grub-guard", (LOADER, r"while \(1\)(?=\s*\{\s*try_virt_end)", "for (;;)")),
    "another order": (
        "grub-step",
        (LOADER, r"nr_info_pages \+ map->area\.n_pt_pages", "map->area.n_pt_pages + nr_info_pages"),
    ),
    "the rounding written out": (
        "grub-tried-end",
        (
            LOADER,
            r"ALIGN_UP (\(xen_state\.xen_inf\.virt_base \+\s*page2offset \(nr_need_pages\) \+\s*ADDITIONAL_SIZE \+ STACK_SIZE), ALIGN_SIZE\)",
            r"\1 + 0x3fffff) & ~0x3fffffULL",
        ),
    ),
}


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_a_harmless_edit_is_proved(name: str) -> None:
    piece, edit = HARMLESS[name]
    assert isinstance(verdict_of(piece_of(piece, edit)), Proved)


NOT_UNDERSTOOD: dict[str, tuple[str, Edit]] = {
    "a call": ("grub-guard", (LOADER, r"(?=      xen_state\.n_mappings--;)", "      odd ();\n")),
    "a mapping that stays": ("grub-guard", (LOADER, r"      xen_state\.n_mappings--;", "")),
    "what is allocated moves": (
        "grub-guard",
        (LOADER, r"(?=      xen_state\.n_mappings--;)", "      xen_state.max_addr += PAGE_SIZE;\n"),
    ),
    "another member": (
        "grub-tables",
        (LOADER, r"(map->area\.n_pt_pages)\+\+;", r"\1++; xen_state.max_addr = 0;"),
    ),
    "assembly": ("grub-tables", (LOADER, r"mask = \(1ULL << bits\) - 1;", 'asm ("" : "=r" (mask));')),
    "a way out": (
        "grub-tables",
        (LOADER, r"(?=  grub_memset \(map, 0)", "  if (from == 7) return GRUB_ERR_NONE;\n"),
    ),
    "no second count": (
        "grub-guard",
        (LOADER, r"err = get_pgtable_size \(0, PAGE_SIZE, nr_need_pages\);", "err = 0;"),
    ),
    "counted after the rounds": (
        "grub-guard",
        (LOADER, r"(?=  nr_need_pages = map->area)", "  get_pgtable_size (0, PAGE_SIZE, 0);\n"),
    ),
}


@pytest.mark.parametrize("name", sorted(NOT_UNDERSTOOD))
def test_what_is_not_understood_is_told(name: str) -> None:
    """With its line, in place of the piece that it would have been."""
    piece, edit = NOT_UNDERSTOOD[name]
    found = piece_of(piece, edit)
    assert isinstance(found.asked, Unknown), found.asked
    assert found.asked.where.startswith(f"{LOADER}:")


def test_a_loader_of_another_shape_is_refused() -> None:
    """In one line: it has the file, and isn't what is known."""
    with pytest.raises(Exception, match="expected functions get_pgtable_size"):
        grub_source(
            edited_at(
                tree(), (LOADER, r"(?<=\n)get_pgtable_size \(grub_uint64_t", "count_size (grub_uint64_t")
            )
        )
