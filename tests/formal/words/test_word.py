"""Words: random expressions read in every way, and what the operations mean."""

import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from ptproof.formal.solvers.solver import Solver
from ptproof.formal.words.smtlib import query_text
from ptproof.formal.words.word import (
    FALSE,
    TRUE,
    Truth,
    Word,
    choose,
    compiled,
    compiled_loop,
    evaluate,
    implies,
    inputs,
    number,
    replaced,
    subterms,
    truncated,
    truth,
    word,
    zero_extended,
)
from random_terms import random_truth, random_word


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    """One solver process for all tests of this module."""
    found = Solver()
    yield found
    found.close()


@pytest.mark.parametrize("width", range(1, 71))
def test_all_readings_agree(solver: Solver, width: int) -> None:
    """Python's integers, folding of constants and Z3 give the same values, at every width from 1 to 70."""
    source = random.Random(width)
    over = [word(name, width) for name in "abc"]
    words = [random_word(source, over, 4) for _ in range(12)]
    truths = [random_truth(source, over, 4) for _ in range(12)]
    claimed: list[Truth] = []
    for round_ in range(2):
        edges = [0, 1, (1 << width) - 1, 1 << (width - 1), source.getrandbits(width)]
        values = {each: source.choice(edges) for each in over}
        read = compiled([*words, *truths], over)(*values.values())
        numbers = {each: number(value, width) for each, value in values.items()}
        folded = [replaced(each, numbers) for each in (*words, *truths)]
        assert [each.operation for each in folded] == ["constant"] * 24
        assert [each.value for each in folded] == [int(each) for each in read]
        assert [evaluate(each, values) for each in words] == list(read[:12])
        renamed = {each: word(f"{each}{round_}", width) for each in over}
        claimed += [renamed[each] == value for each, value in values.items()]
        claimed += [replaced(each, renamed) == value for each, value in zip(words, read[:12], strict=True)]
        claimed += [
            replaced(each, renamed) == bool(value) for each, value in zip(truths, read[12:], strict=True)
        ]
    assert solver.ask(claimed).status == "sat"


@pytest.mark.parametrize("width", [1, 3, 8, 64])
def test_a_loop_goes_round_as_its_steps_do(width: int) -> None:
    """Random loops, with terms that stay as they are: one function of them comes to what the steps come to, one by one."""
    source = random.Random(width)
    parameters, state = [word(name, width) for name in "ab"], [word(name, width) for name in "xy"]
    over = [*parameters, *state]
    stopped = 0
    for _ in range(150):
        goes_on, step = random_truth(source, over, 3), [random_word(source, over, 3) for _ in state]
        one, rounds = compiled([goes_on, *step], over), compiled_loop(goes_on, step, parameters, state)
        given = [source.getrandbits(width) for _ in parameters]
        for steps in range(5):
            at = tuple(source.getrandbits(width) for _ in state)
            found, wanted = rounds(*given, *at, steps), None
            for _ in range(steps):
                going, *after = one(*given, *at)
                if not going:
                    stopped, wanted = stopped + 1, at
                    break
                at = tuple(after)
            assert found == wanted
    assert stopped > 100


def test_a_loop_has_no_other_inputs() -> None:
    """As it is of terms: what has no value is named."""
    a, x, free = word("a"), word("x"), word("free")
    assert compiled_loop(x < a, [x + 1], [a], [x])(3, 0, 10) == (3,)
    with pytest.raises(ValueError, match="free"):
        compiled_loop(x < a, [x + free], [a], [x])


def test_the_solver_would_notice(solver: Solver) -> None:
    """One value off by one, and what the test above asks for cannot hold."""
    a = word("a", 8)
    assert solver.ask([a == 7, a * a == 49]).status == "sat"
    assert solver.ask([a == 7, a * a == 50]).status == "unsat"


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (lambda a, b: a + b, 0x10),
        (lambda a, b: b - a, 0x30),
        (lambda a, b: a - b, 0xD0),
        (lambda a, b: a * b, 0x00),
        (lambda a, _: a << 1, 0xE0),
        (lambda a, _: a << 8, 0),
        (lambda a, _: a >> 4, 0x0F),
        (lambda a, _: a >> 200, 0),
        (lambda a, _: ~a, 0x0F),
        (lambda a, _: 1 - a, 0x11),
        (lambda a, _: 2 * a, 0xE0),
        (lambda a, b: a ^ b, 0xD0),
    ],
)
def test_words_are_unsigned_and_wrap(operation: Callable[[Word, Word], Word], expected: int) -> None:
    """Of 0xf0 and 0x20 at 8 bits, each operation gives the unsigned number modulo 256."""
    assert int(operation(number(0xF0, 8), number(0x20, 8))) == expected


def test_comparisons_have_no_sign() -> None:
    """A word with its top bit set is large, not negative."""
    assert (number(0xF0, 8) > 0x20) is TRUE
    assert (number(0xF0, 8) <= 0x20) is FALSE
    assert (number(0x20, 8) < -1) is TRUE


def test_equal_terms_are_the_same() -> None:
    """A term built twice is one object, so that replacing it finds it everywhere."""
    a, b = word("a"), word("b")
    assert (a + b) is (a + b)
    assert word("a") is a
    assert word("a", 8) is not a
    assert replaced((a + b) * (a + b), {a + b: b}) is b * b


def test_replacing_is_done_at_once_and_outermost_first() -> None:
    """What replaced something isn't replaced again, and a term within a replaced term isn't looked at."""
    a, b = word("a"), word("b")
    assert replaced(a - b, {a: b, b: a}) is b - a
    assert replaced((a + b) * a, {a: b, a + b: a}) is a * b


def test_truths_fold() -> None:
    """True and false vanish from what they are combined with, and a word equals itself."""
    a = word("a")
    small = a < 4
    assert (small & TRUE) is (TRUE & small) is small
    assert (small | FALSE) is (FALSE | small) is small
    assert (small & False) is FALSE
    assert (small | True) is TRUE
    assert (a == word("a")) is TRUE
    assert implies(TRUE, small) is small
    assert choose(TRUE, a, a + 1) is a
    assert choose(truth(False), a, a + 1) is a + 1


def test_inputs_come_in_the_order_of_use() -> None:
    """The inputs of terms are each named once, and each subterm comes after its arguments."""
    a, b, c = (word(name) for name in "abc")
    term = (c + a) * (b + a)
    assert inputs([term, word("d")]) == (c, a, b, word("d"))
    order = list(subterms([term]))
    assert len(set(order)) == len(order) == 6
    places = {each: place for place, each in enumerate(order)}
    assert all(places[argument] < places[each] for each in order for argument in each.arguments)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: word("a", 8) + word("b", 9),
        lambda: word("a") + True,
        lambda: word("a") == "a",
        lambda: bool(word("a")),
        lambda: bool(word("a") < 3),
        lambda: int(word("a")),
        lambda: (word("a") < 3) & 1,  # type: ignore[operator]
        lambda: choose(word("a") < 3, word("a"), word("b", 8)),
    ],
)
def test_mistakes_are_refused(mistake: Callable[[], object]) -> None:
    """Widths don't mix, a term over inputs has no value, and a word is no condition."""
    with pytest.raises(TypeError):
        mistake()


def test_a_value_that_is_missing() -> None:
    """Reading a term without a value for each of its inputs is refused, and the input named."""
    with pytest.raises(ValueError, match="no value for input b"):
        compiled([word("a") + word("b")], [word("a")])


def test_widths_change_without_a_sign() -> None:
    """Extending adds zeros, truncating takes the number modulo the narrower width."""
    assert int(zero_extended(number(0xF0, 8), 16)) == 0xF0
    assert int(truncated(number(0x1F0, 16), 8)) == 0xF0
    a = word("a", 8)
    assert zero_extended(a, 8) is truncated(a, 8) is a


def test_a_term_can_be_deep() -> None:
    """A term of three thousand operations, one in another, is read, replaced and written without recursion."""
    a, term = word("a"), word("a")
    for _ in range(3000):
        term = term + a
    assert evaluate(replaced(term, {a: word("b")}), {word("b"): 3}) == 9003
    assert query_text([term == 0]).count("bvadd") == 3000


def test_equal_terms_are_one_object_whatever_thread_makes_them() -> None:
    """A prover's threads make the same terms at the same time: a term replaced must still be found everywhere."""
    together = Barrier(4)

    def make(x: Word) -> list[Word]:
        together.wait()
        return [x + each for each in range(200)]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            for attempt in range(100):
                first, *others = pool.map(make, [word(f"threads{attempt}")] * 4)
                assert all(
                    mine is theirs for other in others for mine, theirs in zip(first, other, strict=True)
                )
    finally:
        sys.setswitchinterval(before)
