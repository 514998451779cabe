"""The proofs as text: all that a proof uses is there, told apart, and the same each time."""

import pytest
import tiny_claims as tiny
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic.claim import Claim
from ptproof.formal.logic.obligation_files import PROOFS, exported
from ptproof.formal.logic.theorem import Induction, Lemma, Loop, Run, Statement, Steps
from ptproof.formal.words.word import word
from tiny_claims import lemma, part, x, y

EXPECTED = """\
(ptproof-proofs 1)
(lemma "helper" "helper holds"
  (variables (|x| 8) (|y| 8))
  (goal (bvule (bvand |x| |y|) |x|))
  (proof
    (generalise))
  (obligations "obligations/helper-proof.smt2"))
(lemma "least-of-two" "least-of-two holds"
  (variables (|x| 8) (|y| 8))
  (term t4 (bvand |x| |y|))
  (assumption "small" "it is small" (bvult |x| #x10))
  (goal (and (bvule t4 |x|) (bvult |x| (bvadd |x| #x01))))
  (proof
    (use "helper")
    (generalise t4))
  (obligations "obligations/least-of-two-proof.smt2"))
(conjecture "grows" "grows holds"
  (variables (|x| 8))
  (goal (bvult |x| (bvadd |x| #x01)))
  (proof
    (generalise))
  (obligations "obligations/grows-proof.smt2"))
(claim "proved" "For all x, y: proved.

More about it."
  (part "8 bits" proved (proof "least-of-two")))
(claim "refuted" "For all x, y: refuted.

More about it."
  (part "8 bits" refuted (example "grows")))
(claim "reached" "For all x, y: reached.

More about it."
  (part "8 bits" proved (example)))
"""


def test_the_text() -> None:
    """Lemmas before what uses them, and which claim rests on which; a lemma that fails is a conjecture."""
    assert written(tiny.PROVED, tiny.REFUTED, tiny.REACHED) == EXPECTED


def written(*claims: Claim) -> str:
    return exported(claims).files[PROOFS]


def counting(start: int, name: str = "up") -> Loop:
    """Counts by one below the limit y."""
    return Loop(name, (y,), (x,), (x.like(start),), x < y, (x + 1,), free=(word("any", 8),))


INDUCTION = """\
(loop "up"
  (parameters (|y| 8))
  (state (|x| 8))
  (free (|any| 8))
  (start #x00)
  (goes-on (bvult |x| |y|))
  (step (bvadd |x| #x01)))
(lemma "ends" "a ""meaning"" | \\"
  (variables (|y| 8) (|x| 8))
  (run "up" (arguments |y|) (result |x|))
  (stops)
  (goal (= |x| |y|))
  (invariant (bvule |x| |y|))
  (rank (bvsub |y| |x|))
  (base
    (implied "at-least" (|x| |y|))
    (generalise))
  (step
    (generalise))
  (end
    (generalise))
  (obligations "obligations/ends-base.smt2" "obligations/ends-step.smt2" "obligations/ends-end.smt2"))
"""


def ending(loop: Loop, name: str = "ends") -> Lemma:
    return Lemma(
        name,
        'a "meaning" | \\',
        Statement(goal=x == y, runs=(Run(loop, (y,), (x,)),), stops=True),
        Induction(invariant=x <= y, rank=y - x, base=Steps(uses=(lemma("at-least", x >= 0).wherever(x=y),))),
    )


def test_an_induction() -> None:
    """A loop, a run, the invariant, the rank and the three parts; a quotation mark is written twice."""
    text = written(tiny.claim("induction", part(ending(counting(0)))))
    for block in INDUCTION.split("\n(lemma"):
        assert block in text


def test_loops_and_lemmas_of_one_name_are_told_apart() -> None:
    """Two loops, or two lemmas, of one name get names of their own."""
    twice = [ending(counting(0)), ending(counting(1))]
    text = written(*(tiny.claim(f"claim-{at}", part(each)) for at, each in enumerate(twice)))
    for line in ('(loop "up"', '(loop "up (2)"', '(lemma "ends" ', '(lemma "ends (2)" ', '(run "up (2)" '):
        assert text.count(f"{line}") == 1, line
    assert '(implied "at-least (2)"' in text


def test_names_that_are_not_told_apart_are_refused() -> None:
    """Two inputs of one name within a lemma would be one word to who reads the text."""
    wide = word("x", 16)
    with pytest.raises(ValueError, match="not an input's name"):
        written(tiny.claim("two", part(lemma("two", (x < 1) & (wide < 1)))))


def test_every_installed_proof_is_written_the_same_each_time() -> None:
    """Each lemma and each loop of every claim, under a name of its own."""
    claims = claim_module.claims()
    found = exported(claims)
    text = found.files[PROOFS]
    assert text == exported(claims).files[PROOFS]
    heads = [line.split('"')[1] for line in text.splitlines() if line.startswith(("(lemma ", "(conjecture "))]
    assert heads == [each.name for each in found.lemmas]
