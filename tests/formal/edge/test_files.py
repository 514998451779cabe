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
