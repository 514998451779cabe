"""The rule of composition: which obligations a proof makes."""

import pytest
from attrs import evolve
from ptproof.formal.logic.rule import UnsoundStep, lemmas_of, obligations, used_by
from ptproof.formal.logic.theorem import Assumption, Induction, Lemma, Loop, Run, Statement, Steps, Use
from ptproof.formal.words.word import Truth, choose, inputs, number, replaced, truncated, word, zero_extended

x, y, i, n = (word(name, 8) for name in "xyin")
SMALL = Assumption("small", x < 9, "")
BELOW = Lemma("below", "", Statement(goal=x + 1 > x, assumptions=(SMALL,)))
FREE = Lemma("free", "", Statement(goal=(x & y) <= x))


def conditions(lemma: Lemma) -> dict[str, tuple[Truth, ...]]:
    """The obligations of a lemma, by name."""
    return {each.name: each.conditions for each in obligations(lemma)}


def test_a_lemma_without_steps() -> None:
    """A lemma proved at once is one obligation: that its assumptions and its goal's negation don't hold together."""
    assert conditions(BELOW) == {"below/proof": (x < 9, ~(x + 1 > x))}


def test_an_instance_brings_a_side_condition() -> None:
    """An instance's assumptions are to be proved of the terms put in, and its goal is then known."""
    used = Lemma("used", "", Statement(goal=y < 200), Steps(uses=(BELOW.at(x=y + 1), FREE.at(x=y))))
    got = conditions(used)
    assert list(got) == ["used/proof.1:below", "used/proof"]
    assert got["used/proof.1:below"] == (~(y + 1 < 9),)
    assert got["used/proof"] == (y + 1 + 1 > y + 1, (y & y) <= y, ~(y < 200))


def test_a_later_side_condition_may_use_an_earlier_instance() -> None:
    """What an instance gave is known to the side conditions after it, not to those before."""
    used = Lemma("used", "", Statement(goal=y < 200), Steps(uses=(FREE.at(x=y), BELOW.at(x=y))))
    assert conditions(used)["used/proof.2:below"] == ((y & y) <= y, ~(y < 9))


def test_what_is_known_already_is_not_asked() -> None:
    """Of a side condition that is asked which isn't a known condition, or joined in one; nothing, if nothing is left."""
    both = Lemma(
        "both", "", Statement(goal=x + y < 99, assumptions=(SMALL, Assumption("", (y < 9) & (y > 2), "")))
    )
    known = Assumption("known", (y > 2) & ((x < 9) & (i < 3)), "")
    used = Lemma(
        "used", "", Statement(goal=y < 200, assumptions=(known,)), Steps(uses=(both.at(), BELOW.at()))
    )
    got = conditions(used)
    assert list(got) == ["used/proof.1:both", "used/proof"]
    assert got["used/proof.1:both"] == (known.condition, ~(y < 9))


@pytest.mark.parametrize("known", [(x < 9) | (i < 3), ~((x < 9) & (i < 3)), x < 8, y < 9])
def test_what_is_not_joined_in_a_known_condition_is_asked(known: Truth) -> None:
    """Neither one of two alternatives, nor what is negated, nor another condition is known."""
    stated = Statement(goal=y < 200, assumptions=(Assumption("known", known, ""),))
    got = conditions(Lemma("used", "", stated, Steps(uses=(BELOW.at(),))))
    assert got["used/proof.1:below"] == (known, ~(x < 9))


def test_an_implied_instance() -> None:
    """An instance taken as an implication brings no side condition."""
    used = Lemma("used", "", Statement(goal=y < 200), Steps(uses=(BELOW.wherever(x=y),)))
    assert conditions(used) == {"used/proof": (~(y < 9) | (y + 1 > y), ~(y < 200))}


def test_terms_put_in_do_not_mix() -> None:
    """Variables are replaced all at once: exchanging two is an exchange."""
    used = Lemma("used", "", Statement(goal=y < 200), Steps(uses=(FREE.at(x=y, y=x),)))
    assert conditions(used)["used/proof"][0] is ((y & x) <= y)


def test_generalised_terms_are_fresh_and_replaced_everywhere() -> None:
    """A generalised term becomes one new variable, whose name no input has."""
    g0 = word("g0", 8)
    stated = Statement(goal=(x & y) + g0 <= x, assumptions=(Assumption("a", (x & y) > 3, ""),))
    (got,) = conditions(Lemma("g", "", stated, Steps(generalise=(x & y,)))).values()
    fresh = word("g0'", 8)
    assert got == (fresh > 3, ~(fresh + g0 <= x))
    assert replaced(got[1], {fresh: x & y}) is ~stated.goal


COUNTER = Loop("count", (n,), (i,), (number(0, 8),), i < n, (i + 1,))
ENDS = Statement(goal=i == n, runs=(Run(COUNTER, (n,), (i,)),), assumptions=(Assumption("so", i < 7, ""),))


def test_induction() -> None:
    """Base, step and end are as of the book; what is assumed of the result is known at the end only."""
    got = conditions(Lemma("ends", "", ENDS, Induction(invariant=i <= n)))
    assert got == {
        "ends/base": (~(number(0, 8) <= n),),
        "ends/step": (i <= n, i < n, ~(i + 1 <= n)),
        "ends/end": (i < 7, i <= n, ~(i < n), ~(i == n)),
    }


def test_a_rank_is_part_of_the_step() -> None:
    """With a rank, the step also has to show that it falls."""
    got = conditions(Lemma("ends", "", ENDS, Induction(invariant=i <= n, rank=n - i)))
    assert got["ends/step"][-1] is ~((i + 1 <= n) & (n - (i + 1) < n - i))


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (Run(COUNTER, (n,), (i + 1,)), "distinct variables"),
        (Run(COUNTER, (i,), (i,)), "must not mention its result"),
    ],
)
def test_what_a_run_must_be(run: Run, why: str) -> None:
    """The result of a run is variables of its own, else induction is refused."""
    stated = Lemma("ends", "", Statement(goal=i == n, runs=(run,)), Induction(invariant=i <= n))
    with pytest.raises(UnsoundStep, match=why):
        obligations(stated)


def test_a_stranger_is_refused_when_written() -> None:
    """A term for a variable that a lemma doesn't have is refused, and the ones that it has are named."""
    with pytest.raises(ValueError, match="below has no variable 'y', only x"):
        BELOW.at(y=x)


def test_lemmas_come_after_what_they_use() -> None:
    """All that lemmas rest on is listed once, each after those that it uses."""
    middle = Lemma("middle", "", Statement(goal=y < 200), Steps(uses=(BELOW.at(), FREE.at(), BELOW.at(x=y))))
    top = Lemma("top", "", Statement(goal=y < 200), Steps(uses=(middle.at(), FREE.at())))
    assert used_by(middle) == (BELOW, FREE)
    assert lemmas_of([top, middle]) == (BELOW, FREE, middle, top)


def test_only_variables_are_replaced() -> None:
    """An instance puts terms for variables, not for terms that contain one."""
    x = word("x")
    lemma = Lemma("undone", "", Statement(goal=(x + 1) - 1 == x))
    wrong = Lemma("four", "", Statement(goal=x == 4), Steps(uses=(Use(lemma, {x + 1: number(5)}),)))
    with pytest.raises(UnsoundStep, match="has no variable"):
        obligations(wrong)


def test_widths_are_kept() -> None:
    """An instance puts terms of a variable's own width."""
    x, wide = word("x"), word("wide", 128)
    lemma = Lemma("narrow", "", Statement(goal=zero_extended(x, 128) < 1 << 64))
    wrong = Lemma("all-narrow", "", Statement(goal=wide < 1 << 64), Steps(uses=(lemma.at(x=wide),)))
    with pytest.raises(UnsoundStep, match="not the width"):
        obligations(wrong)


c = word("c", 1)
CHOOSING = Loop(
    "choosing",
    (n,),
    (i,),
    (number(0, 8),),
    i < n,
    (choose(c == 1, i + 1, i + 2),),
    leap=(i + 2,),
    free=(c,),
)
"""Counts up to n by ones and twos."""


def choosing(invariant: Truth, goal: Truth) -> Lemma:
    """A lemma on the loop that chooses."""
    stated = Statement(
        goal=goal, runs=(Run(CHOOSING, (n,), (i,)),), assumptions=(Assumption("so", n < 99, ""),)
    )
    return Lemma("chooses", "", stated, Induction(invariant=invariant))


def test_a_step_holds_for_every_choice() -> None:
    """What a step may choose is a variable of the step's obligation, and of no other."""
    got = conditions(choosing(i <= n + 1, i - n < 2))
    assert got["chooses/step"] == (n < 99, i <= n + 1, i < n, ~(choose(c == 1, i + 1, i + 2) <= n + 1))
    assert all(each is not c for part in ("base", "end") for each in inputs(got[f"chooses/{part}"]))


@pytest.mark.parametrize(
    "lemma", [choosing(i <= zero_extended(c, 8), i < 99), choosing(i < 99, i < zero_extended(c, 8))]
)
def test_a_choice_means_nothing_outside_of_its_step(lemma: Lemma) -> None:
    """Neither invariant nor goal may speak of what each step chooses anew."""
    with pytest.raises(UnsoundStep, match="spoken of elsewhere"):
        obligations(lemma)


@pytest.mark.parametrize(
    ("loop", "why"),
    [
        (evolve(CHOOSING, goes_on=c == 1), "neither parameter nor state"),
        (evolve(CHOOSING, start=(zero_extended(c, 8),)), "no parameter"),
        (evolve(CHOOSING, free=(c, n)), "free and yet"),
    ],
)
def test_only_a_step_chooses(loop: Loop, why: str) -> None:
    """A loop starts and stops without choosing, and chooses neither its parameters nor its state."""
    wrong = Lemma("open", "", Statement(goal=i < 99, runs=(Run(loop, (n,), (i,)),)))
    with pytest.raises(UnsoundStep, match=why):
        obligations(wrong)


def test_loops_are_closed() -> None:
    """A loop speaks of its parameters and its state alone, and starts from its parameters."""
    i, w, r = word("i"), word("w"), word("r")
    for start, goes_on, told in (
        (number(0), i != w, "neither parameter nor state"),
        (w, i != 3, "no parameter"),
    ):
        loop = Loop(name="open", parameters=(), state=(i,), start=(start,), goes_on=goes_on, step=(i + 1,))
        wrong = Lemma("open", "", Statement(goal=r == w, runs=(Run(loop, (), (r,)),)))
        with pytest.raises(UnsoundStep, match=told):
            obligations(wrong)


@pytest.mark.parametrize(
    ("loop", "why"),
    [
        (Loop("short", (), (i,), (number(0, 4),), i < 9, (i + 1,)), "widths"),
        (Loop("shorter", (), (i,), (number(0, 8),), i < 9, (truncated(i, 4),)), "widths"),
        (Loop("both", (i,), (i,), (i,), i < 9, (i + 1,)), "not distinct"),
    ],
)
def test_a_loop_keeps_its_words(loop: Loop, why: str) -> None:
    """A state's word starts and goes on with its own width, and is no parameter."""
    run = Run(loop, (x,) * len(loop.parameters), (y,))
    with pytest.raises(UnsoundStep, match=why):
        obligations(Lemma("l", "", Statement(goal=y >= 9, runs=(run,)), Induction(invariant=y >= 0)))
