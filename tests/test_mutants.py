"""Every mutant of the encodings is noticed, by the claim or the comparison that is meant to notice it."""

from pathlib import Path

import pytest
from mutants import LAYOUTS, MUTANTS, Mutant, copied, noticed


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_noticed(mutant: Mutant, tmp_path: Path) -> None:
    """The changed copy gets another verdict than the one expected, or other layouts."""
    assert noticed(copied(tmp_path, mutant), mutant.caught_by)


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
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
