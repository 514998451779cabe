"""The toolstack's builder as before 4.7, in a small file of that shape: equal to its encoding, and edits of it aren't."""

import pytest
from ptproof.formal.c.tree_files import Tree
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.logic.verdict import Proved
from ptproof.formal.source.questions import Piece
from ptproof.proofs.source.builder import domu_before_4_7
from real_trees import assert_refuted, verdict_of
from small_tree import LIBXC, LIBXC_TEXT
from tree_changes import Edit, all_edited

LEVELS = {X86_64: ("l1", "l2", "l3"), COMPAT: ("l1", "l2")}
OTHERS = ("tables", "refused", "start", "tried-end", "step", "guard", "set-aside")
NAMES = {
    mode: [f"domu-{each}" for each in (*(f"{one}-tables" for one in LEVELS[mode]), *OTHERS)]
    for mode in LEVELS
}
OLDER = {
    X86_64: {"domu-refused"},
    COMPAT: {"domu-refused", "domu-l2-tables", "domu-tables", "domu-step", "domu-guard", "domu-set-aside"},
}


def asked(mode: PagingMode, *edits: Edit) -> dict[str, Piece]:
    tree = Tree("libxc", {LIBXC: all_edited(LIBXC_TEXT, edits)}.get)
    found = domu_before_4_7.pieces(tree, (mode,))
    assert found is not None
    return {each.name: each for each in found}


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
def test_it_is_the_encoding(mode: PagingMode) -> None:
    """Piece by piece; what isn't today's is told apart."""
    found = asked(mode)
    assert list(found) == NAMES[mode]
    assert [name for name, each in found.items() if not isinstance(verdict_of(each), Proved)] == []
    assert {name for name, each in found.items() if not each.today} == OLDER[mode]


def test_without_a_refusal_none_is_wanted() -> None:
    """As up to 4.2."""
    piece = asked(X86_64, Edit(r"if \( frames > dom->p2m_size \)\s*return -12;", ""))["domu-refused"]
    assert piece.says == domu_before_4_7.NEVER
    assert isinstance(verdict_of(piece), Proved)


DIFFERING = {
    "a table too few": ("domu-l1-tables", X86_64, r">> shift\) \+ 1", ">> shift)"),
    "ends that aren't rounded": (
        "domu-l2-tables",
        X86_64,
        r"\(high \| within\) - \(low & ~within\)",
        "high - low",
    ),
    "a count that is too narrow": ("domu-l1-tables", X86_64, r"int number;", "short number;"),
    "no L2 for Xen": ("domu-l2-tables", COMPAT, r"dom->pg_l2\+\+", "dom->pg_l2"),
    "an L2 for Xen below 4 GiB": ("domu-l2-tables", COMPAT, "0xc0000000UL", "0xffffffffUL"),
    "one for 64 bits, too": ("domu-tables", X86_64, "pae && end", "end"),
    "a level left out": ("domu-tables", X86_64, r"dom->pg_l1 \+ dom->pg_l2", "dom->pg_l2"),
    "less room": ("domu-start", X86_64, "= 128 ", "= 64 "),
    "another line": ("domu-tried-end", COMPAT, r"\| 0x3fffffUL", "| 0x1fffffUL"),
    "a page more": ("domu-step", X86_64, r"pages = dom->pgtables \+ beside", r"\g<0> + 1"),
    "left a page too early": ("domu-guard", X86_64, r"end \+ 1 >=", "end + 8192 >="),
    "never refused": ("domu-guard", X86_64, r"frames > dom->p2m_size", "frames > (1UL << 63)"),
    "refused at once": ("domu-refused", COMPAT, r"frames > dom", "frames >= dom"),
    "an end that is short": ("domu-set-aside", X86_64, r"virt_pgtab_end = end \+ 1", "virt_pgtab_end = end"),
}


@pytest.mark.parametrize("name", DIFFERING)
def test_an_edit_differs(name: str) -> None:
    """By numbers on which it does."""
    piece, mode, pattern, put = DIFFERING[name]
    assert_refuted(asked(mode, Edit(pattern, put))[piece])


NOT_UNDERSTOOD = {
    "a call of something else": (r"pages = dom->pgtables", r"grow(dom); \g<0>"),
    "a level that is counted at times": (
        r"dom->pg_l3 = nr_page_tables\(dom, base, end, bits3\);",
        r"if ( pages < 500 ) \g<0>",
    ),
    "a level for another region": (r"\(dom, base, end, bits2\)", "(dom, base, end + 4096, bits2)"),
    "another image": (r"(?=dom->virt_pgtab_end =)", "dom = 0; "),
    "what is allocated moves": (r"pages = dom->pgtables", r"dom->virt_alloc_end += 4096; \g<0>"),
    "another way out": (r"(?=dom->pg_l4 =)", "if ( pages == 700 ) return 0; "),
    "an end that is no success": (r"end \+ 1;\s*return 0", "end + 1; return 1"),
    "two levels alike": (r"0, 48, 39, 30, 21", "0, 48, 39, 39, 21"),
    "a shift that hangs on it": (r"0, 48, 39, 30, 21", "0, 48, 39, 30, dom->pg_l1"),
    "what the round before left": (r"dom->pg_l4 =", r"dom->pg_l4 +="),
    "a variable that is called as a word of ours": (r"number = \(\(\(high", "number = last + (((high"),
}


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
def test_what_is_beyond_it_is_said(name: str) -> None:
    """Of the 64-bit builder, in one piece that isn't understood."""
    found = asked(X86_64, Edit(*NOT_UNDERSTOOD[name]))
    assert list(found) == ["domu-tables"]
    assert str(found["domu-tables"].asked).startswith(LIBXC)


def test_another_shape_is_left_to_others() -> None:
    """A tree without a toolstack, or with one that counts otherwise."""
    assert domu_before_4_7.pieces(Tree("none", lambda _: None), (X86_64,)) is None
    renamed = LIBXC_TEXT.replace("nr_page_tables", "tables_for")
    assert domu_before_4_7.pieces(Tree("other", {LIBXC: renamed}.get), (X86_64,)) is None
