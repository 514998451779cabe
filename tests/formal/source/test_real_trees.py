"""Real trees of Xen, as Debian has them: unchanged they are the encodings, and a change is seen in them, too."""

import pytest
from ptproof.formal.c.tree_files import opened
from ptproof.formal.layouts.paging import COMPAT, X86_64
from ptproof.formal.source.check_tree import check_tree
from real_trees import BUILDER, edited_at, trees
from tree_changes import CHANGES, changed, verdict

pytestmark = pytest.mark.usefixtures("shared_answers")


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
        changed = edited_at(path, (BUILDER, r"(for \( *nr_pt_pages = )2", r"\g<1>7"))
        found = check_tree(changed, seconds=60)
        assert found.status == 1
        assert any(each.refuted and each.piece.name == "exact" for each in found.properties)


def test_every_change_has_its_place() -> None:
    """What each of the changes replaces stands once in Debian's file."""
    for path in trees():
        text = (path / BUILDER).read_text()
        assert all(each(text) != text for each in CHANGES)


def test_a_change_is_decided() -> None:
    """As it says: this one is proved. ``python tests/tree_changes.py`` decides them all."""
    change = next(each for each in CHANGES if each.name == "raises six times at most")
    with opened(str(trees()[0])) as tree:
        assert verdict(check_tree(changed(tree, change), seconds=60)) == change.verdict
