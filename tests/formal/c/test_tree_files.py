"""Files of a tree, in a folder or in git: what is outside of it, and what is no text, is never read."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ptproof.formal.c import tree_files
from ptproof.formal.c.tree_files import opened, revisions
from ptproof.formal.edge.errors import InputError


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits and a tag for each: a file that changes, and a link."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet")
    for number in (1, 2):
        (root / "xen/arch/x86").mkdir(parents=True, exist_ok=True)
        (root / "xen/arch/x86/a.c").write_text(f"text {number}\n")
        if number == 1:
            (root / "link").symlink_to("xen/arch/x86/a.c")
            (root / "out").symlink_to("/etc/passwd")
        git(root, "add", ".")
        git(root, "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "-m", f"{number}")
        git(root, "tag", f"RELEASE-{number}.0")
    return root


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)  # noqa: S607 - whichever git there is


def test_a_revision_is_read_without_a_checkout(repository: Path) -> None:
    """Of a repository with its files, and of a bare one; a link within is followed, one that leads out isn't."""
    git(repository, "clone", "--quiet", "--bare", ".", "bare")
    for place in (repository, repository / "bare"):
        with opened(str(place), "RELEASE-1.0") as tree:
            assert tree.read("xen/arch/x86/a.c") == "text 1\n"
            assert tree.read("link") == "text 1\n"
            assert tree.read("out") is None
            assert tree.read("none") is None
            assert tree.read("xen") is None
            assert tree.read("xen/arch/x86/a.c") == "text 1\n"
    with opened(str(repository)) as tree:
        assert tree.read("link") == "text 2\n"


def test_revisions_are_listed_in_order(repository: Path) -> None:
    assert revisions(str(repository), "RELEASE-*") == ["RELEASE-1.0", "RELEASE-2.0"]
    assert len(revisions(str(repository), "RELEASE-1.0..RELEASE-2.0")) == 1


@pytest.mark.parametrize("wanted", ["none", "--help", "HEAD:xen", "a\nb"])
def test_what_names_no_revision_is_refused(repository: Path, wanted: str) -> None:
    with pytest.raises(InputError, match="expected a revision"), opened(str(repository), wanted):
        pass


@pytest.mark.parametrize("wanted", ["none-*", "RELEASE-1.0..none", "--exec=x", "RELEASE-2.0..RELEASE-2.0"])
def test_what_names_no_revisions_is_refused(repository: Path, wanted: str) -> None:
    with pytest.raises(InputError, match="expected"):
        revisions(str(repository), wanted)


def test_no_tree_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for wanted in ("none", "file", "a\0b"):
        with pytest.raises(InputError, match="expected a folder"), opened(str(tmp_path / wanted)):
            pass
    with pytest.raises(InputError, match="git"), opened(str(tmp_path), "HEAD"):
        pass


def test_nothing_outside_is_read(tmp_path: Path) -> None:
    """Neither by a name, nor through a link; a link within is followed."""
    (tmp_path / "outside").write_text("secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "in").write_text("text")
    (root / "link").symlink_to("in")
    (root / "out").symlink_to("../outside")
    (root / "circle").symlink_to("circle")
    with opened(str(root)) as tree:
        assert tree.read("../outside") is None
        assert tree.read("/etc/passwd") is None
        assert tree.read("link") == "text"
        assert tree.first("none", "in") == "in"
        with pytest.raises(InputError, match="link out of it"):
            tree.read("out")
        with pytest.raises(InputError, match="can't be read"):
            tree.read("circle")


def test_no_pipe_no_giant_and_no_binary_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "binary").write_bytes(b"\x7fELF\0")
    (tmp_path / "giant").write_text("x" * 100)
    monkeypatch.setattr(tree_files, "LIMIT", 50)
    with opened(str(tmp_path)) as tree:
        for name, says in {"pipe": "expected a file", "binary": "binary", "giant": "at most"}.items():
            with pytest.raises(InputError, match=says):
                tree.read(name)


def test_a_git_that_ended_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it hasn't read any more isn't what is told."""
    started: list[subprocess.Popen[bytes]] = []

    class Ended(subprocess.Popen[bytes]):
        def __init__(self, *_: object, **given: Any) -> None:
            super().__init__(["true"], **given)
            started.append(self)
            self.wait()

    monkeypatch.setattr(tree_files, "commit_of", lambda *_: "0" * 40)
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", Ended)
        with (
            pytest.raises(InputError, match="a file: can't be read: git ended"),
            opened(str(tmp_path), "a revision") as tree,
        ):
            tree.read("a file")
    assert started[0].stdin is not None
    assert started[0].stdin.closed
