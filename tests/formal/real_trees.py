"""Real trees of Xen, as Debian has them, and edits of them: what an edit replaces is named by a pattern, and no text of Xen is here."""

import os
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path

import pytest
from ptproof.formal.c.tree_files import Tree, opened
from ptproof.formal.c.values import Unknown
from ptproof.formal.logic.prover import prove
from ptproof.formal.logic.verdict import Proved, Refuted, Verdict
from ptproof.formal.source import check_tree
from ptproof.formal.source.dom0_source import Dom0Source, dom0_source
from ptproof.formal.source.questions import Piece

TREES = Path(__file__).parents[2] / "build/trees"
BUILDER = "xen/arch/x86/pv/dom0_build.c"
TOOLSTACK = "tools/libs/guest/xg_dom_x86.c"
LOADER = "grub-core/loader/i386/xen.c"
MEMORY = "xen/arch/x86/dom0_build.c"
Edit = tuple[str, str, str]
"""A file, a pattern that matches in one place of it, and what comes there."""


def trees() -> list[Path]:
    """What ``make trees`` has fetched; where nothing is the test fails in CI, and is skipped elsewhere."""
    found = sorted(path for path in TREES.glob("*") if (path / BUILDER).exists())
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no tree of Xen in {TREES}: make trees")
    return found


@cache
def unchanged(path: Path) -> Tree:
    """The tree in a folder; its files are read once."""
    with opened(str(path)) as tree:
        return tree


def toolstack() -> Path:
    """The first of the trees, which has its toolstack; where it hasn't the test fails in CI, and is skipped elsewhere."""
    found = trees()[0]
    if not (found / TOOLSTACK).exists():
        missing = f"no toolstack in {found}: rm -r build/trees; make trees"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return found


def grub() -> Path:
    """The first of GRUB's trees; where there is none the test fails in CI, and is skipped elsewhere."""
    found = sorted(path for path in TREES.glob("grub-*") if (path / LOADER).exists())
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            f"no GRUB in {TREES}: rm -r {TREES}; make trees"
        )
    return found[0]


def source_of(change: Callable[[str], str]) -> Dom0Source:
    """What is read of the first of the trees, its builder changed."""
    builder = unchanged(trees()[0]).read(BUILDER)
    assert builder is not None
    return _source_of(change(builder))


@lru_cache(4)
def _source_of(builder: str) -> Dom0Source:
    return dom0_source(_with(unchanged(trees()[0]), {BUILDER: builder}))


def edited(*edits: Edit) -> Tree:
    """The first of the trees, edited."""
    return edited_at(trees()[0], *edits)


def edited_at(path: Path, *edits: Edit) -> Tree:
    """A tree in a folder, edited."""
    tree, texts = unchanged(path), dict[str, str]()
    for name, pattern, replacement in edits:
        text = texts.get(name) or tree.read(name)
        assert text is not None, name
        texts[name], places = re.subn(pattern, replacement, text)
        assert places == 1, f"{places} places of {pattern}"
    return _with(tree, texts)


def verdict_of(piece: Piece) -> Verdict:
    """What comes of a piece that is understood."""
    assert not isinstance(piece.asked, Unknown), str(piece.asked)
    return prove([check_tree._claim(piece)], jobs=1).decisions[0].parts[0].verdict


def assert_said(piece: Piece, verdict: str) -> None:
    """It is ``equal``, or so to an ``older`` encoding, ``differs`` by numbers on which both really differ, or is ``not understood``, with its line."""
    if verdict == "not understood":
        assert isinstance(piece.asked, Unknown)
        assert piece.asked.where.startswith("xen/arch/x86/")
    elif verdict in ("equal", "older"):
        assert isinstance(verdict_of(piece), Proved)
        assert piece.today is (verdict == "equal")
    else:
        assert_refuted(piece)


def assert_refuted(piece: Piece) -> None:
    """It is, by numbers on which the tree and the encoding really differ."""
    found = verdict_of(piece)
    assert isinstance(found, Refuted)
    assert found.witness.replay.holds is False


def _with(tree: Tree, texts: Mapping[str, str]) -> Tree:
    return Tree("edited", lambda name: texts[name] if name in texts else tree.read(name))
