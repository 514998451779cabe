"""Units of C, compiled and run: what differs is told, what can't be compiled is told of each, and none of it does more than calculate."""

import shutil

import pytest
from ptproof.formal.source.compiled_units import Compared, Unit, held_against

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")
ADDS = "out[0] = in[0] + ONE; out[1] = 1;"


def unit(body: str, *came: tuple[int | None, ...], before: str = "#define ONE 1") -> Unit:
    """A unit from one number to one, given 0, 1, … in turn."""
    cases = [((place,), each) for place, each in enumerate(came)]
    return Unit(inputs=["x"], outputs=["y"], before=before, body=body, calls=(), cases=cases)


def test_what_is_the_same_is_counted() -> None:
    """Units are run one after the other, each with macros of its own; several may have one text."""
    units = [
        unit(ADDS, (1, 1), (2, 1)),
        unit(ADDS, (3, 1), before="#define ONE 3"),
        unit(ADDS, (1, None), (None, 1)),
    ]
    assert held_against(units) == [Compared(2), Compared(1), Compared(2)]
    assert held_against([]) == []


def test_a_difference_is_told() -> None:
    """With what was given; also where the end is come to, and wasn't to be, or where no memory is."""
    found = held_against(
        [
            unit(ADDS, (1, 1), (1, 1)),
            unit(ADDS, (1, 0)),
            unit('panic("");', (0, 1)),
            unit("out[0] = *(unsigned long *)8; out[1] = 1;", (0, 1)),
        ]
    )
    assert [each.differs for each in found] == [
        "y is 0x2 as compiled, 0x1 as read here, at x = 0x1",
        "it comes to the end as compiled, and leaves as read here, at x = 0x0",
        "it leaves as compiled, and comes to the end as read here, at x = 0x0",
        "it reads or writes where no memory is as compiled, and comes to the end as read here, at x = 0x0",
    ]


def test_what_cannot_be_compiled_is_told() -> None:
    """The other units are compared all the same."""
    good, call, wrong = held_against(
        [unit(ADDS, (1, 1)), unit("system(0);", (0, 1)), unit("out[0] = nowhere;", (0, 1))]
    )
    assert good == Compared(1)
    assert call.why == "the compiler sees a call: system(0)"
    assert "nowhere" in wrong.why
    assert held_against([unit("system(0);", (0, 1))])[0] == call


def test_where_nothing_comes_through_nothing_is_compared() -> None:
    """That isn't taken for being the same."""
    (found,) = held_against([unit('panic("");', (0, 0))])
    assert found == Compared(why="no case was found that comes to the end")


def test_a_loop_without_end_is_left() -> None:
    """And told; the other units are compared all the same."""
    found, good = held_against(
        [unit("while ( in[0] || !in[0] ) ; out[1] = 1;", (0, 1), (0, 1)), unit(ADDS, (1, 1))]
    )
    assert found.differs.startswith("it doesn't come to an end as compiled")
    assert good == Compared(1)
