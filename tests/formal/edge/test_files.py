"""Files as the command line takes them: what can't be written is told before the work, in the same words as after it."""

import os
from pathlib import Path

import pytest
from ptproof.formal.edge.errors import InputError
from ptproof.formal.edge.files import check_writable, write_bytes


@pytest.mark.parametrize("name", ["", ".", "no/file", "no/", "file/x", "x" * 5000, "a\0b"])
def test_what_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """It is refused beforehand, in the words that writing it has."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept")
    with pytest.raises(InputError) as before:
        check_writable(None, "-", "file", name)
    if name != "no/":  # which is a folder that isn't there, or no folder: the system says either
        with pytest.raises(InputError) as after:
            write_bytes(name, b"")
        assert str(before.value) == str(after.value)
    assert str(before.value).startswith(f"{name}: can't be written: ")


def test_what_may_not_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the right to, neither a file that is there nor a new one is taken."""
    monkeypatch.setattr(os, "access", lambda _name, _mode: False)
    (tmp_path / "file").touch()
    for name in ("file", "new"):
        with pytest.raises(InputError, match="can't be written: Permission denied"):
            check_writable(str(tmp_path / name))


def test_what_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is left as it is, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept")
    check_writable(None, "-", "file", "new", str(tmp_path / "other"), "/dev/null")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert Path("file").read_text() == "kept"


def test_two_outputs_in_one_file_are_refused(tmp_path: Path) -> None:
    """By whatever names; of what keeps nothing there may be two."""
    with pytest.raises(InputError, match="one file"):
        check_writable(str(tmp_path / "a"), f"{tmp_path}/./a")
    check_writable("/dev/null", "/dev/null", "-", "-", None)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing lies beside it."""
    file = tmp_path / "a"
    file.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        write_bytes(str(file), b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_and_permissions_stay(tmp_path: Path) -> None:
    """Through a link the file is written that it leads to."""
    file, link = tmp_path / "a", tmp_path / "link"
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_bytes(str(link), b"new")
    assert link.is_symlink()
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o640)
