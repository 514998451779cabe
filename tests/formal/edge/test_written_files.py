"""Outputs are written aside and renamed, and none takes the place of an input or of another output."""

import os
from pathlib import Path

import pytest
from ptproof.formal.cli.arguments import check_json_apart
from ptproof.formal.edge.errors import InputError
from ptproof.formal.edge.files import check_writable, write_bytes
from ptproof.formal.layouts.layout_json import parsed
from ptproof.formal.logs.boot_log_text import plain_text
from ptproof.formal.solvers.answer_cache import Cache


def test_an_input_under_another_name_is_refused(tmp_path: Path) -> None:
    given, link, hard = tmp_path / "c.elf", tmp_path / "link", tmp_path / "hard"
    given.write_bytes(b"kept")
    link.symlink_to(given)
    hard.hardlink_to(given)
    for name in (f"{tmp_path}/./c.elf", str(link), str(hard)):
        with pytest.raises(InputError, match="is an input, too"):
            check_json_apart(name, str(given))


def test_two_outputs_in_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one file"):
        check_writable(str(tmp_path / "a"), f"{tmp_path}/./a")
    check_writable("/dev/null", "/dev/null", "-", "-", None)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    file, link = tmp_path / "a", tmp_path / "link"
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_bytes(str(link), b"new")
    assert link.is_symlink()
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o640)


@pytest.mark.parametrize("kind", ["fifo", "link", "large"])
def test_a_cache_entry_of_another_kind_is_passed_over(kind: str, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    question = {"text": "", "inputs": [], "models": False}
    cache.put(question, {"status": "unsat", "model": {}, "why": "", "spent": 0})
    assert cache.get(question) is not None
    (entry,) = (each for each in cache.folder.rglob("*.json"))
    if kind == "large":
        entry.write_bytes(entry.read_bytes() + b" " * (1 << 20))
    else:
        entry.rename(tmp_path / "moved")
        if kind == "fifo":
            os.mkfifo(entry)
        else:
            entry.symlink_to(tmp_path / "moved")
    assert cache.get(question) is None


@pytest.mark.parametrize("reader", ["log", "keys"])
def test_what_took_quadratic_time_is_read(reader: str) -> None:
    """Quadratic, either would take minutes."""
    if reader == "log":
        assert plain_text("\n" + "\r" * (1 << 20)).text.strip() == ""
    else:
        pairs = ",".join(f'"{each}":0' for each in range(100_000))
        with pytest.raises(InputError, match="'99999' is there twice"):
            parsed(f'{{{pairs},"99999":1}}', "keys")
