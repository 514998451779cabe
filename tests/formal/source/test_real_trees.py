"""Real trees of Xen, as Debian has them: unchanged they are the encodings, and a change is seen in them, too."""

import os
import re
from pathlib import Path

import pytest
from ptproof.formal.c.tree_files import Tree, opened
from ptproof.formal.layouts.paging import COMPAT, X86_64
from ptproof.formal.source.check_tree import check_tree

TREES = Path(__file__).parents[3] / "build/trees"
BUILDER = "xen/arch/x86/pv/dom0_build.c"


def trees() -> list[Path]:
    """What ``make trees`` has fetched; where nothing is the test fails in CI, and is skipped elsewhere."""
    found = sorted(path for path in TREES.glob("*") if (path / BUILDER).exists())
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no tree of Xen in {TREES}: make trees")
    return found


def test_debians_xen_is_the_encoding() -> None:
    """Count and layout, for both sorts of guest."""
    for path in trees():
        with opened(str(path)) as tree:
            found = check_tree(tree, seconds=60)
        assert found.status == 0
        assert [found.count_is(mode) for mode in (X86_64, COMPAT)] == ["4-level", "compat"]
        assert {found.layout_is(mode) for mode in found.modes} == {"4.10.1 to today"}
        assert not [each for each in (*found.count, *found.layout) if not each.proved]


def test_a_change_to_debians_xen_is_seen() -> None:
    """An edit that names what it replaces by a pattern: the first count that is tried."""
    for path in trees():
        with opened(str(path)) as tree:

            def read(name: str, tree: Tree = tree) -> str | None:
                text = tree.read(name)
                if name != BUILDER or text is None:
                    return text
                changed, places = re.subn(r"(for \( *nr_pt_pages = )2", r"\g<1>7", text)
                assert places == 1
                return changed

            found = check_tree(Tree("changed", read), seconds=60)
        assert found.status == 1
        assert any(each.refuted and each.piece.name == "exact" for each in found.properties)
