"""The mutants of the encodings: that each can be made, and how one is noticed. ``make mutants`` tries them all."""

from pathlib import Path

import pytest
from mutants import LAYOUTS, MUTANTS, ROOT, Mutant, copied, noticed

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


@pytest.mark.parametrize("name", ["rounds-up-to-the-next", "tables-of-256-entries"])
def test_noticed(name: str, tmp_path: Path) -> None:
    """The changed copy gets another verdict than the one expected, or other layouts."""
    mutant = BY_NAME[name]
    assert noticed(copied(tmp_path, mutant), mutant.caught_by)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_has_its_place(mutant: Mutant) -> None:
    """What it changes stands once in its file: there is something to change, and no doubt where."""
    with (ROOT / mutant.file).open(encoding="utf-8") as file:
        assert file.read().count(mutant.old) == 1


def test_what_breaks_the_tool_is_not_noticed(tmp_path: Path) -> None:
    """A copy that can't be run at all has found nothing out."""
    broken = Mutant(
        "broken", "encodings/spans.py", "((1 << shift) - 1)", "((1 << shift) - None)", "span-modular"
    )
    assert not noticed(copied(tmp_path, broken), broken.caught_by)


def test_unchanged(tmp_path: Path) -> None:
    """A copy that is not changed passes what catches the mutants: it is the change that is noticed."""
    folder = copied(tmp_path, None)
    assert not noticed(folder, LAYOUTS)
    assert not noticed(folder, "span-modular")


def test_names() -> None:
    """No two mutants share a name."""
    assert len(BY_NAME) == len(MUTANTS)
