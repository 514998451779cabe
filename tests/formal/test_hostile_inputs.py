"""Inputs of every kind changed at random: none names an exception of Python's, hangs, or gives a wrong answer."""

import pytest
from hostile_inputs import KINDS, temporary_folder, try_all


@pytest.mark.parametrize("name", KINDS)
def test_changed_at_random(name: str) -> None:
    """A few of each kind; ``make fuzz`` tries many. Some are taken, and some aren't."""
    with temporary_folder():
        tally = try_all(name, seed=1, count=300)
    assert tally.accepted > 5
    assert tally.refused > 5
