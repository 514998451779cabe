"""A goal by cases: what is to be proved for it says the same, and leaves out what it doesn't hang on."""

from collections.abc import Mapping
from random import Random

from ptproof.formal.words.word import TRUE, Truth, choose, evaluate, inputs, word
from ptproof.proofs.source.builder.cases import Case, by_cases, of_case, samples

X, Y, Z, UNTOLD = word("x"), word("y"), word("z"), word("untold")
KNOWN = (X < 1 << 20) & (Y < X) & (Z > 3)


def drawn(source: Random) -> Mapping[str, int]:
    low = source.randrange(1, 1000)
    return {"x": low + source.randrange(1, 1000), "y": low, "z": source.randrange(10)}


def goals(goal: Truth) -> tuple[Truth, ...]:
    return by_cases([Case({}, TRUE)], KNOWN, TRUE, goal, drawn, [])


def test_what_is_the_same_whichever_way_choices_go_is_not_asked() -> None:
    condition = UNTOLD <= X
    same = choose(condition, X + 1, X) == X + choose(~condition, word("none") * 0, word("none") * 0 + 1)
    assert goals(same) == ()
    assert goals(choose(condition, X + 1, X) == X + choose(condition, Y * 0, Y * 0 + 1)) != ()


def test_what_is_known_of_other_words_is_left_out() -> None:
    (asked,) = goals((X + Y) & 0xFFFF_FFFF != UNTOLD)
    assert set(inputs([asked])) == {X, Y, UNTOLD}


def test_a_mask_that_takes_nothing_off_is_proved_and_goes() -> None:
    proved = goals((X + Y) & 0xFFFF_FFFF == Y + X)
    assert [evaluate(each, {X: 5, Y: 4, Z: 4}) for each in proved] == [True]
    assert not any("bvand" in repr(each) for each in proved)


def test_a_goal_that_is_wrong_stays_wrong() -> None:
    """Somewhere where all that is known holds."""
    wrong = goals((X + Y) & 0xFF == Y + X)
    at = {X: 300, Y: 4, Z: 4}
    assert evaluate(KNOWN, at)
    assert not all(evaluate(each, at | {UNTOLD: 0}) for each in wrong)


def test_numbers_that_tell_nothing_of_a_word_get_some_that_are_known() -> None:
    case = Case({word("w"): X + 1}, Y != 7)
    found = of_case(case, KNOWN, samples(drawn), {"x": 9, "y": 2})
    assert found is not None
    assert (found["x"], found["y"], found["w"]) == (9, 2, 10)
    assert evaluate(KNOWN, {X: found["x"], Y: found["y"], Z: found["z"]})
    assert of_case(Case({}, X < 0), KNOWN, samples(drawn), {}) is None
    assert of_case(Case({X: Y}, TRUE), KNOWN, samples(drawn), {}) is None
