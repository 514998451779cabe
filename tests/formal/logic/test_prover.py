"""The prover tests itself: what doesn't hold isn't proved, whatever the proof says, and brute force agrees."""

import random
from collections.abc import Iterator
from itertools import product

import pytest
import tiny_claims as tiny
from attrs import evolve
from ptproof.formal.logic.claim import Claim, Expected, Part
from ptproof.formal.logic.prover import judge, prove, settle
from ptproof.formal.logic.rule import lemmas_of
from ptproof.formal.logic.theorem import Assumption, Induction, Lemma, Loop, Run, Statement, Steps, Use
from ptproof.formal.logic.verdict import Error, Proved, Refuted, Severity, Unknown, Vacuous, Verdict
from ptproof.formal.reports.proof_report import in_one_line
from ptproof.formal.solvers import solver as solver_module
from ptproof.formal.solvers.solver import Solver
from ptproof.formal.words.smtlib import query_text
from ptproof.formal.words.word import TRUE, Truth, compiled, number, word
from random_terms import random_truth
from tiny_claims import assume, lemma, part, x, y, z


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    """One solver process for all tests of this module."""
    found = Solver()
    yield found
    found.close()


def decided(solver: Solver, wanted: Part) -> Verdict:
    """The verdict on a part, all that it rests on being settled before."""
    return judge(solver, wanted, {each: settle(solver, each) for each in lemmas_of(wanted.lemmas)})


def only(claim: Claim) -> Part:
    """The part of a claim that has just one."""
    return claim.parts[0]


def discharged(solver: Solver, stated: Lemma) -> bool:
    """Whether a lemma follows from those that it uses."""
    return settle(solver, stated).discharged


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        (tiny.PROVED, Proved),
        (tiny.NEEDLESS, Proved),
        (tiny.REFUTED, Refuted),
        (tiny.REACHED, Proved),
        (tiny.UNREACHED, Refuted),
        (tiny.SURPRISE, Refuted),
        (tiny.VACUOUS, Vacuous),
        (tiny.DISAGREES, Error),
        (tiny.MISCOUNTS, Error),
        (tiny.UNSOUND, Error),
    ],
    ids=lambda each: each.id if isinstance(each, Claim) else each.__name__,
)
def test_every_verdict(solver: Solver, claim: Claim, verdict: type[Verdict]) -> None:
    """Each tiny claim gets the verdict that it is there for."""
    assert type(decided(solver, only(claim))) is verdict


def test_false_is_refuted(solver: Solver) -> None:
    """False is refuted, by any values at all, and by the least of them."""
    found = decided(solver, part(lemma("false", x < 0), holds=False))
    assert isinstance(found, Refuted)
    assert found.witness.values == {"x": 0}


def test_a_verdict_has_no_truth_value(solver: Solver) -> None:
    """No verdict can be taken for a success by mistake."""
    with pytest.raises(TypeError, match="Proved is neither true nor false"):
        bool(decided(solver, only(tiny.PROVED)))


def test_what_an_assumption_is_for(solver: Solver) -> None:
    """An assumption is needed for the counterexample that dropping it lets in; one without any isn't."""
    found = decided(solver, only(tiny.PROVED))
    assert isinstance(found, Proved)
    assert [(need.assumption, need.needed) for need in found.needs] == [("small", True)]
    assert found.needs[0].witness is not None
    assert found.needs[0].witness.values["x"] == 255
    assert found.lemmas == ("helper", "least-of-two")
    needless = decided(solver, only(tiny.NEEDLESS))
    assert isinstance(needless, Proved)
    assert [(need.needed, need.witness) for need in needless.needs] == [(False, None)]


def test_what_breaks_an_obligation_is_tried_on_the_part(solver: Solver) -> None:
    """Then nobody looks for values, nor for others: but where it doesn't break the part, and where there may be no others."""
    below = lemma("below", (x < 17) & (y < 17))
    before = solver.asked
    found = decided(solver, evolve(part(below, holds=False), least=()))
    assert isinstance(found, Refuted)
    assert found.witness.unique is False
    assert solver.asked == before + 1
    wrong = Lemma("wrong", "", Statement(goal=x < 9))
    right = Lemma("right", "", Statement(goal=(x < 9) | (x != 30)), Steps(uses=(Use(wrong),)))
    seen = decided(solver, evolve(part(right, holds=False), least=()))
    assert isinstance(seen, Refuted)
    assert (seen.witness.values["x"], seen.witness.unique) == (30, True)


def test_witnesses_are_least_and_said_to_be_unique(solver: Solver) -> None:
    """A witness is the least there is, and whether it's the only one is told."""
    unique = decided(solver, only(tiny.REFUTED))
    assert isinstance(unique, Refuted)
    assert (unique.witness.values["x"], unique.witness.unique) == (255, True)
    many = decided(solver, part(lemma("below", x < 17), holds=False))
    assert isinstance(many, Refuted)
    assert (many.witness.values["x"], many.witness.unique) == (17, False)


def test_a_machine_that_does_not_confirm(solver: Solver) -> None:
    """Whatever the model says, a machine that saw otherwise makes it an error, which says so in capitals."""
    disagreeing = [
        only(tiny.DISAGREES),
        only(tiny.MISCOUNTS),
        part(lemma("below", x < 17), holds=True),
        part(lemma("reached", x == 17), reached=True, holds=False),
        part(lemma("unreached", x < 0), reached=True, holds=True),
        part(lemma("needy", x < 17, assume("small", x < 16)), holds=True),
    ]
    for each in disagreeing:
        found = decided(solver, each)
        assert isinstance(found, Error)
        assert found.why.startswith("MODEL AND MACHINE DISAGREE: ")


def test_a_machine_that_cannot_execute(solver: Solver) -> None:
    """What is proved stays proved where the machine can't execute the example; a witness must be executed."""
    assert isinstance(decided(solver, part(lemma("below", x < 17), holds=None)), Unknown)
    found = decided(solver, part(lemma("and", (x & y) <= x), holds=None))
    assert isinstance(found, Proved)
    assert in_one_line(found.example).endswith(": not replayed: it was seen that holds is None")


def test_a_claim_without_parts() -> None:
    """It says nothing, so it can't be decided."""
    with pytest.raises(ValueError, match="claim empty: expected one part at least, found none"):
        prove([tiny.claim("empty")])


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        (lemma("a", (x | y) >= y, proof=Steps(uses=(Use(tiny.HELPER, {z: x}),))), "helper has no variable z"),
        (evolve(tiny.HELPER, statement=evolve(tiny.HELPER.statement, stops=True)), "induction with a rank"),
        (lemma("a", (x & y) <= x, proof=Induction(invariant=TRUE)), "induction needs one run, not 0"),
    ],
    ids=["stranger", "stops", "no run"],
)
def test_unsound_steps_are_refused(solver: Solver, stated: Lemma, why: str) -> None:
    """A proof that breaks a rule is an error, even of a true statement, and nothing of it is discharged."""
    assert why in settle(solver, stated).unsound
    assert not discharged(solver, stated)
    found = decided(solver, part(stated))
    assert isinstance(found, Error)
    assert why in found.why


i, j, n = word("i", 8), word("j", 8), word("n", 8)
COUNTER = Loop("count up", (n,), (i,), (number(0, 8),), i < n, (i + 1,))
ENDS = Statement(goal=i == n, runs=(Run(COUNTER, (n,), (i,)),))
BY_INDUCTION = Lemma("ends", "i ends as n", ENDS, Induction(invariant=i <= n))


def test_a_loop_by_induction(solver: Solver) -> None:
    """A loop's end is proved by an invariant, and refuted by running the loop."""
    assert isinstance(decided(solver, part(BY_INDUCTION, least=(n,))), Proved)
    wrong = Lemma("odd", "i ends odd", evolve(ENDS, goal=i & 1 == 1), Induction(invariant=i <= n))
    found = decided(solver, part(wrong, least=(n,)))
    assert isinstance(found, Refuted)
    assert found.witness.values == {"i": 0, "n": 0}


def test_the_state_of_a_loop_is_not_told(solver: Solver) -> None:
    """Where a loop stops in several words, people are told of those that a witness is to make small; data has all."""
    two = Loop("count both", (n,), (i, j), (number(0, 8), n), i < n, (i + 1, j - 1))
    wrong = Lemma("differ", "i ≠ n", Statement(goal=~(i == n), runs=(Run(two, (n,), (i, j)),)))
    found = decided(solver, part(wrong, least=(n, j)))
    assert isinstance(found, Refuted)
    assert found.witness.values == {"n": 0, "i": 0, "j": 0}
    assert found.witness.case == {"n": 0, "j": 0}


@pytest.mark.parametrize(
    ("invariant", "at"),
    [(i < n, "base"), ((i <= n) & (i < 5), "step"), (TRUE, "end"), (i == n, "base")],
)
def test_an_invariant_that_is_none(solver: Solver, invariant: Truth, at: str) -> None:
    """An invariant that doesn't hold at first, isn't kept or says too little leaves the induction open."""
    stated = evolve(BY_INDUCTION, proof=Induction(invariant=invariant))
    result = settle(solver, stated)
    assert not result.discharged
    assert f"ends/{at}" in [each.name for each, _ in result.open]


def test_a_rank_must_fall(solver: Solver) -> None:
    """That a loop stops is proved by a rank that falls with each step, and by no other."""
    stops = evolve(ENDS, stops=True)
    assert discharged(solver, Lemma("s", "", stops, Induction(invariant=i <= n, rank=n - i)))
    assert not discharged(solver, Lemma("s", "", stops, Induction(invariant=i <= n, rank=i)))
    assert not discharged(solver, Lemma("s", "", stops, Induction(invariant=i <= n, rank=n)))
    with_none = settle(solver, Lemma("s", "", stops, Induction(invariant=i <= n)))
    assert with_none.unsound == "s: that the loop stops needs a rank"


def test_a_run_that_is_not_assumed(solver: Solver) -> None:
    """What a lemma says of a run is nothing to a statement that has no such run, or another one."""
    without = lemma("a", i == n, proof=Steps(uses=(BY_INDUCTION.at(),)))
    assert "speaks of a run that is not assumed" in settle(solver, without).unsound
    other = Statement(goal=i == n, runs=(Run(COUNTER, (n + 1,), (i,)),))
    assert settle(solver, Lemma("a", "", other, Steps(uses=(BY_INDUCTION.at(),)))).unsound
    same = Statement(goal=i <= n, runs=ENDS.runs)
    assert discharged(solver, Lemma("a", "", same, Steps(uses=(BY_INDUCTION.at(),))))


def test_what_is_assumed_of_the_end_is_not_known_before(solver: Solver) -> None:
    """An assumption about a loop's result doesn't help its base or its step."""
    ends_small = evolve(ENDS, goal=i <= 3, assumptions=(assume("so", i <= 3),))
    assert not discharged(solver, Lemma("a", "", ends_small, Induction(invariant=i <= 3)))


SMALLER = lemma("smaller", x + 1 > x, assume("not the last", x < 255))


def test_a_lemma_outside_its_assumptions(solver: Solver) -> None:
    """A lemma used where its assumptions don't hold isn't discharged, and the side condition is what is open."""
    used = lemma("wrong", y + 1 > y, proof=Steps(uses=(SMALLER.at(x=y),)))
    result = settle(solver, used)
    assert [each.name for each, _ in result.open] == ["wrong/proof.1:smaller"]
    assert isinstance(decided(solver, part(used, least=(y,), holds=False)), Refuted)
    within = lemma("right", y + 1 > y, assume("low", y < 9), proof=Steps(uses=(SMALLER.at(x=y),)))
    assert discharged(solver, within)


def test_a_lemma_as_an_implication(solver: Solver) -> None:
    """Taken as an implication, a lemma needs no side condition and says nothing outside of its assumptions."""
    everywhere = lemma("wrong", y + 1 > y, proof=Steps(uses=(SMALLER.wherever(x=y),)))
    assert [each.name for each, _ in settle(solver, everywhere).open] == ["wrong/proof"]
    within = (y == 255) | (y + 1 > y)
    assert discharged(solver, lemma("right", within, proof=Steps(uses=(SMALLER.wherever(x=y),))))


def test_an_abstraction_that_lost_what_it_needs(solver: Solver) -> None:
    """A term replaced by a fresh variable keeps only what lemmas say of it: too little proves nothing."""
    lost = lemma("bounded", (x & y) <= x, proof=Steps(generalise=(x & y,)))
    result = settle(solver, lost)
    assert [each.name for each, _ in result.open] == ["bounded/proof"]
    found = decided(solver, part(lost))
    assert isinstance(found, Unknown)
    assert found.why == "not discharged: bounded/proof (does not follow)"
    assert found.queries[0][1].startswith("; bounded/proof\n(set-logic QF_BV)\n")
    kept = lemma("bounded", (x & y) <= x, proof=Steps(uses=(tiny.HELPER.at(),), generalise=(x & y,)))
    assert discharged(solver, kept)


def test_a_lemma_that_is_not_proved(solver: Solver) -> None:
    """What rests on a lemma that isn't proved isn't proved, however it follows from it."""
    wrong = lemma("everything", x == y)
    used = lemma("follows", (x & y) <= x, proof=Steps(uses=(wrong.at(),)))
    assert discharged(solver, used)
    found = decided(solver, part(used))
    assert isinstance(found, Unknown)
    assert "everything/proof" in found.why
    deeper = lemma("deeper", (x & y) <= x, proof=Steps(uses=(used.at(),)))
    assert isinstance(decided(solver, part(deeper)), Unknown)


def test_assumptions_that_contradict_each_other(solver: Solver) -> None:
    """Under assumptions that can't be met anything follows: that is Vacuous, also of a lemma below."""
    never = assume("never", x < 0)
    assert isinstance(decided(solver, part(lemma("false", x == y, never))), Vacuous)
    assert isinstance(decided(solver, part(lemma("r", x == y, never), reached=True)), Vacuous)
    empty = lemma("empty", x == y, never)
    above = lemma("above", (x & y) <= x, proof=Steps(uses=(empty.wherever(),)))
    found = decided(solver, part(above))
    assert isinstance(found, Vacuous)
    assert found.why == "the assumptions of empty contradict each other"


def test_no_example_of_the_shape(solver: Solver) -> None:
    """A shape that no values have narrows the search only: it makes nothing Vacuous and nothing needless."""
    found = decided(solver, part(lemma("and", (x & y) <= x), shape=x < 0))
    assert isinstance(found, Unknown)
    assert "no example of the assumptions was found" in found.why
    assert [name for name, _ in found.queries] == ["and/search"]
    stated = lemma("low", x < 16, assume("small", x < 16))
    narrowed = evolve(part(stated), without={"small": x < 16})
    needs = decided(solver, narrowed)
    assert isinstance(needs, Proved)
    assert [need.needed for need in needs.needs] == [None]


def test_a_budget_that_is_used_up(solver: Solver, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the budget doesn't settle is Unknown, says why, and brings the query along."""
    monkeypatch.setattr(solver_module, "RLIMIT", 10_000)
    found = decided(solver, only(tiny.UNKNOWN))
    assert isinstance(found, Unknown)
    assert "prime/proof (" in found.why
    statement = only(tiny.UNKNOWN).lemma.statement
    conditions = [statement.assumptions[0].condition, ~statement.goal]
    assert found.queries == (("prime/proof", query_text(conditions, ["prime/proof"])),)
    assert found.hint


def test_a_process_that_is_killed() -> None:
    """A solver that doesn't stop in time is killed, that is Unknown, and the next question gets a new process."""
    solver = Solver(seconds=0.05)
    try:
        found = decided(solver, only(tiny.UNKNOWN))
        assert isinstance(found, Unknown)
        assert "stopped after 0.05 s" in found.why
        solver.seconds = 120.0
        assert solver.ask([x == 7]).model == {"x": 7}
    finally:
        solver.close()


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ((), 5),
        (tiny.GOOD, 0),
        ((tiny.PROVED, tiny.SURPRISE), 1),
        ((tiny.SURPRISE, tiny.UNKNOWN), 3),
        ((tiny.UNKNOWN, tiny.VACUOUS), 4),
        ((tiny.VACUOUS, tiny.DISAGREES, tiny.SURPRISE), 70),
        ((tiny.PROVED, tiny.UNSOUND), 70),
    ],
    ids=["none", "good", "surprise", "unknown", "vacuous", "disagrees", "unsound"],
)
def test_the_worst_status_wins(
    monkeypatch: pytest.MonkeyPatch, claims: tuple[Claim, ...], status: int
) -> None:
    """A run's status is the worst of its verdicts', and a run of nothing is no success."""
    monkeypatch.setattr(solver_module, "RLIMIT", 10_000)
    assert prove(claims).status == status


def test_an_expected_refutation_that_is_proved() -> None:
    """A claim that should fail and holds is no success."""
    run = prove([tiny.claim("a", part(lemma("and", (x & y) <= x), expected=Expected.REFUTED))])
    assert (run.decisions[0].severity, run.decisions[0].as_expected, run.status) == (
        Severity.PROVED,
        False,
        1,
    )


def test_a_run_settles_each_lemma_once_and_tells_how_far_it_is() -> None:
    """Every lemma is settled once, each after those that it uses; the same answers come for any jobs."""
    told: list[tuple[int, int, tuple[str, ...]]] = []
    many = prove(tiny.GOOD, jobs=4, progress=lambda *each: told.append(each))
    one = prove(tiny.GOOD, jobs=1)
    names = [each.lemma.name for each in many.lemmas]
    assert sorted(set(names)) == sorted(names)
    assert names.index("helper") < names.index("least-of-two")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][0] == told[-1][1]
    assert {len(running) for _, _, running in told} <= {0, 1, 2, 3, 4}
    assert {each for _, _, running in told for each in running} >= set(names)
    assert {total for _, total, _ in told} == {len(names) + len(tiny.GOOD)}
    assert [(each.lemma, each.spent, each.discharged) for each in many.lemmas] == [
        (each.lemma, each.spent, each.discharged) for each in one.lemmas
    ]
    assert [[part.verdict for part in each.parts] for each in many.decisions] == [
        [part.verdict for part in each.parts] for each in one.decisions
    ]


a, b = word("a", 6), word("b", 6)
EVERY: list[tuple[int, ...]] = list(product(range(64), repeat=2))


def holding(condition: Truth) -> list[tuple[int, ...]]:
    """All values of ``a`` and ``b`` for which a condition holds, by trying them."""
    reading = compiled([condition], (a, b))
    return [each for each in EVERY if reading(*each)[0]]


@pytest.mark.parametrize("seed", range(60))
def test_brute_force_agrees(solver: Solver, seed: int) -> None:
    """Of random statements about 6-bit words, the prover says what trying all values says, witness included."""
    source = random.Random(seed)
    goal = random_truth(source, (a, b), 3)
    first, second = (random_truth(source, (a, b), 2) for _ in range(2))
    if seed % 3 == 0:
        goal = goal | ~first
    stated = Lemma(
        "random",
        "",
        Statement(goal=goal, assumptions=(Assumption("f", first, ""), Assumption("s", second, ""))),
    )
    found = decided(solver, part(stated, least=(a, b)))
    met = holding(first & second)
    broken = holding(first & second & ~goal)
    if broken:
        assert isinstance(found, Refuted)
        assert (found.witness.values["a"], found.witness.values["b"]) == min(broken)
        free = 64 ** (2 - len(stated.statement.variables))
        assert found.witness.unique is (len(broken) == free)
    elif not met:
        assert isinstance(found, Vacuous)
    else:
        assert isinstance(found, Proved)
        assert (found.example.values["a"], found.example.values["b"]) == min(met)
        needed = {need.assumption: need.needed for need in found.needs}
        assert needed == {"f": bool(holding(second & ~goal)), "s": bool(holding(first & ~goal))}


@pytest.mark.parametrize("seed", range(20))
def test_brute_force_agrees_on_what_is_reached(solver: Solver, seed: int) -> None:
    """That a random condition is reached is proved by the least values that do, and refuted where none do."""
    source = random.Random(seed)
    given, goal = random_truth(source, (a, b), 2), random_truth(source, (a, b), 3)
    stated = Lemma("random", "", Statement(goal=goal, assumptions=(Assumption("f", given, ""),)))
    found = decided(solver, part(stated, least=(a, b), reached=True))
    reaching = holding(given & goal)
    if reaching:
        assert isinstance(found, Proved)
        assert (found.example.values["a"], found.example.values["b"]) == min(reaching)
    else:
        assert isinstance(found, Refuted if holding(given) else Vacuous)
