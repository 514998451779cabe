"""Claims about 8-bit words, one for every verdict, for the tests of the prover and of its commands."""

from collections.abc import Mapping
from typing import Final

from ptproof.formal.layouts.layout import Layout, Segment
from ptproof.formal.logic.claim import Claim, Expected, Part
from ptproof.formal.logic.theorem import Assumption, Induction, Lemma, Statement, Steps, Use
from ptproof.formal.logic.verdict import MachineDisagreesError, Replay
from ptproof.formal.machine.replay import replay
from ptproof.formal.words.word import TRUE, Truth, Word, evaluate, inputs, word

x, y, z = word("x", 8), word("y", 8), word("z", 8)
p, q = word("p"), word("q")
LAYOUT: Final = Layout(page_tables=Segment(0x2EC000, 0x2F1000), total=Segment(0, 0x400000))
SEMIPRIME: Final = 4294967291 * 4294967279


def lemma(name: str, goal: Truth, *assumptions: Assumption, proof: Steps | Induction | None = None) -> Lemma:
    """A lemma that is proved at once, unless told otherwise."""
    return Lemma(name, f"{name} holds", Statement(goal=goal, assumptions=assumptions), proof or Steps())


def assume(name: str, condition: Truth) -> Assumption:
    """An assumption that means what its name says."""
    return Assumption(name, condition, f"it is {name}")


def saw(holds: bool | None) -> Replay:
    """What a machine says that found the claim to hold there, or not."""
    return Replay(holds, f"it was seen that holds is {holds}", (("the only layout", LAYOUT, replay(LAYOUT)),))


def part(
    stated: Lemma,
    *,
    expected: Expected = Expected.PROVED,
    holds: bool | str | None = "judged",
    reached: bool = False,
    least: tuple[Word, ...] = (),
    shape: Truth = TRUE,
) -> Part:
    """A part whose cases the machine finds to hold, or not; it judges by the goal unless told what to find."""
    goal = stated.statement.goal

    def judged(values: Mapping[str, int]) -> Replay:
        if not isinstance(holds, str):
            return saw(holds)
        by_word = {each: values[str(each.value)] for each in inputs([goal])}
        return saw(bool(evaluate(goal, by_word)))

    return Part(
        name="8 bits",
        lemma=stated,
        expected=expected,
        reached=reached,
        least=least or stated.statement.variables,
        shape=shape,
        replay=judged,
    )


def claim(name: str, *parts: Part, family: str = "Tiny", cure: str | None = None) -> Claim:
    """A claim of these parts."""
    return Claim(
        id=name,
        family=family,
        sentence=f"Somebody said that {name}.",
        source="nowhere",
        statement=f"For all x, y: {name}.\n\nMore about it.",
        make=lambda: parts,
        cure=cure,
    )


def _disagrees(_values: Mapping[str, int]) -> Replay:
    raise MachineDisagreesError("n: 5 in the model, 6 on the machine")


SMALL: Final = assume("small", x < 16)
HELPER: Final = lemma("helper", (x & y) <= x)
PROVED: Final = claim(
    "proved",
    part(
        lemma(
            "least-of-two",
            ((x & y) <= x) & (x + 1 > x),
            SMALL,
            proof=Steps(uses=(HELPER.at(),), generalise=(x & y,)),
        )
    ),
)
NEEDLESS: Final = claim("needless", part(lemma("reflexive", (x | y) >= x, SMALL)))
REFUTED: Final = claim(
    "refuted",
    part(lemma("grows", x + 1 > x), expected=Expected.REFUTED, holds=False),
    cure="x is less than 255",
)
REACHED: Final = claim("reached", part(lemma("seven", x * y == 7, SMALL), reached=True))
UNREACHED: Final = claim(
    "unreached",
    part(lemma("between", (x > 3) & (x < 4), SMALL), reached=True, expected=Expected.REFUTED),
    cure="nothing would",
)
SURPRISE: Final = claim("surprise", part(lemma("shrinks", x - 1 < x), holds=False))
VACUOUS: Final = claim("vacuous", part(lemma("anything", x == y, SMALL, assume("large", x > 16))))
UNKNOWN: Final = claim(
    "unknown",
    part(
        lemma("prime", p * q != SEMIPRIME, assume("half", (p > 1) & (q > 1) & (p < 1 << 32) & (q < 1 << 32))),
        least=(p, q),
    ),
    family="Too hard",
)
DISAGREES: Final = claim("disagrees", part(lemma("true-in-the-model", (x & y) <= x), holds=False))
MISCOUNTS: Final = claim(
    "miscounts", Part(name="8 bits", lemma=lemma("counted", (x & y) <= y), replay=_disagrees)
)
UNSOUND: Final = claim(
    "unsound",
    part(lemma("by-a-stranger", (x | y) >= y, proof=Steps(uses=(Use(HELPER, {z: x}),)))),
)
GOOD: Final = (PROVED, NEEDLESS, REFUTED, REACHED, UNREACHED)
