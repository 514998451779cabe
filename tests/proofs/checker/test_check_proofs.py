"""The checker that stands alone: it takes an honest export, and refuses every bogus one.

What a bundle of proofs could have wrong is put into an honest one, a text at a time: so each refusal is of that alone.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import pytest
import tiny_claims as tiny
from ptproof.formal.logic.claim import Expected
from ptproof.formal.logic.obligation_files import exported, write
from ptproof.formal.logic.theorem import Induction, Lemma, Loop, Run, Statement, Steps
from ptproof.formal.words.word import choose, truncated, word, zero_extended
from tiny_claims import assume, lemma, part, x, y

CHECKER: Final = Path(__file__).parents[3] / "proofs/checker/check_proofs.py"
FINDER: Final = CHECKER.with_name("find_proofs.py")
any_word, wide = word("any", 8), word("wide", 16)
UP: Final = Loop(
    "up", (y,), (x,), (x.like(0),), x < y, (choose(any_word < 1, x + 1, 1 + x),), free=(any_word,)
)
GROWS: Final = lemma("grows-below", x + 1 > x, assume("below", x < 255))
SMALL: Final = lemma("small", y + 1 > y, assume("low", y < 9), proof=Steps(uses=(GROWS.at(x=y),)))
NEVER: Final = lemma("beyond", (x & y) > x, proof=Steps(uses=(tiny.HELPER.at(),)))
CUT: Final = lemma("cut", zero_extended(truncated(x, 4), 8) <= x)
ENDS: Final = Lemma(
    "ends",
    "counting ends at the limit",
    Statement(goal=x == y, runs=(Run(UP, (y,), (x,)),), stops=True),
    Induction(invariant=x <= y, rank=y - x, base=Steps(uses=(tiny.HELPER.wherever(x=y, y=x),))),
)
EVEN: Final = Lemma(
    "even",
    "an even result is that of an even limit",
    Statement(goal=(y & 1) == 0, assumptions=(assume("is-even", (x & 1) == 0),), runs=ENDS.statement.runs),
    Induction(invariant=x <= y),
)
AFTER: Final = Lemma(
    "after",
    "the next one",
    Statement(goal=x + 1 == y + 1, runs=ENDS.statement.runs),
    Steps(uses=(ENDS.at(),)),
)
CLAIMS: Final = (
    tiny.PROVED,
    tiny.REACHED,
    tiny.UNREACHED,
    tiny.claim("never", part(NEVER, reached=True, expected=Expected.REFUTED)),
    tiny.claim("small", part(SMALL)),
    tiny.claim("cut", part(CUT)),
    tiny.claim("after", part(AFTER), part(EVEN)),
    tiny.claim("refuted", part(lemma("grows", x + 1 > x), expected=Expected.REFUTED)),
)


def checked(folder: Path, *arguments: str) -> SimpleNamespace:
    """What the checker says of a bundle, run as a stranger would: with no path to anything of ours."""
    command = [sys.executable, "-I", "-S", str(CHECKER), str(folder), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    return SimpleNamespace(status=done.returncode, out=done.stdout, err=done.stderr)


def found(folder: Path) -> SimpleNamespace:
    """What comes of having proofs found for clauses."""
    command = [sys.executable, str(FINDER), str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return SimpleNamespace(status=done.returncode, out=done.stdout)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An honest bundle with all its certificates."""
    folder = tmp_path_factory.mktemp("honest")
    write(str(folder), exported(CLAIMS).files)
    checked(folder)
    assert found(folder / "certificates").status == 0
    return folder


@pytest.fixture
def bundle(honest: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoiled."""
    return shutil.copytree(honest, tmp_path / "bundle")


def test_an_honest_bundle_is_certified(honest: Path) -> None:
    """Every obligation that a theorem rests on, itself and below; what an example refutes isn't among them."""
    told = checked(honest)
    assert (told.status, told.err) == (0, "")
    assert told.out.splitlines() == [
        "obligations certified by a solver open  theorem: assumptions",
        '          2         2           0    0  "proved" "8 bits" proved by "least-of-two": "small"',
        '          0         0           0    0  "reached" "8 bits" proved by example',
        '          0         0           0    0  "unreached" "8 bits" refuted by search',
        '          2         2           0    0  "never" "8 bits" refuted by "never:beyond":',
        '          3         3           0    0  "small" "8 bits" proved by "small": "low"',
        '          1         1           0    0  "cut" "8 bits" proved by "cut":',
        '          5         5           0    0  "after" "8 bits" proved by "after":',
        '          3         3           0    0  "after" "8 bits" proved by "even": "is-even"',
        '          0         0           0    0  "refuted" "8 bits" refuted by example',
    ]


def test_without_certificates_all_is_open(bundle: Path) -> None:
    """Nothing is taken on word unasked: status 3, and the clauses are there for a solver."""
    shutil.rmtree(bundle / "certificates")
    told = checked(bundle)
    assert told.status == 3
    assert '          2         0           0    2  "proved" "8 bits" proved by "least' in told.out
    assert list((bundle / "certificates").glob("*.cnf"))


def test_clauses_that_can_hold_have_no_proof(tmp_path: Path) -> None:
    """They are named, the others have theirs, and none is asked of the solver twice."""
    (tmp_path / "can.cnf").write_text("p cnf 1 1\n1 0\n")
    (tmp_path / "cannot.cnf").write_text("p cnf 1 2\n1 0\n-1 0\n")
    complaint = f"{tmp_path}/can.cnf: it can be satisfied\n"
    for count in (1, 0):
        ran = found(tmp_path)
        assert (ran.status, ran.out) == (3, f"{complaint}{count} proofs written to {tmp_path}\n")
    assert (tmp_path / "cannot.lrat").read_text() == "3 0 1 2 0\n"


@pytest.mark.parametrize(
    ("says", "status", "columns"), [("unsat", 0, "2    0"), ("sat", 3, "0    2"), ("", 3, "0    2")]
)
def test_a_solvers_word_is_counted_apart(bundle: Path, says: str, status: int, columns: str) -> None:
    """What a solver says of the SMT-LIB file is no certificate; whatever isn't `unsat` leaves it open."""
    shutil.rmtree(bundle / "certificates")
    told = checked(bundle, sys.executable, "-c", f"print({says!r})")
    assert told.status == status
    assert f'          2         0           {columns}  "proved" "8 bits" proved by "least' in told.out


def test_a_real_solver(bundle: Path) -> None:
    """Z3, as its package brings it, reads the files."""
    shutil.rmtree(bundle / "certificates")
    assert checked(bundle, str(Path(sys.executable).parent / "z3")).status == 0


def spoiled(bundle: Path, old: str, new: str, name: str = "proofs.sexp") -> str:
    """The complaint about the bundle with one text in the place of another, which must be there once."""
    file = bundle / name
    text = file.read_text()
    assert text.count(old) == 1, f"{text.count(old)} times: {old}"
    file.write_text(text.replace(old, new))
    told = checked(bundle)
    assert (told.status, told.out) == (1, ""), "it was taken"
    assert told.err.startswith("refused: ")
    assert told.err.count("\n") == 1
    return str(told.err)


PROOFS: Final = {
    "an obligation is dropped": ('"obligations/small-proof.1-grows-below.smt2" ', "", "asks something else"),
    "an obligation in another's place": (
        '"obligations/ends-base.smt2" "obligations/ends-step.smt2"',
        '"obligations/ends-step.smt2" "obligations/ends-base.smt2"',
        "ends-step.smt2 asks something else",
    ),
    "a side condition isn't proved": ('(use "grows-below" (|x| |y|))', '(implied "grows-below" (|x| |y|))', "asks something else"),
    "another instance": ('(use "grows-below" (|x| |y|))', '(use "grows-below" (|x| #x05))', "asks something else"),
    "a swapped instance": ("(|x| |y|) (|y| |x|)", "(|x| |x|) (|y| |y|)", "asks something else"),
    "an instance that isn't one": ('"grows-below" (|x| |y|)', '"grows-below" (|x| |y|) (|x| |y|)', "variables of its own"),
    "a stranger to a lemma": ('"grows-below" (|x| |y|)', '"grows-below" (|y| |y|)', "variables of its own"),
    "a word of another width": ('"grows-below" (|x| |y|)', '"grows-below" (|x| ((_ zero_extend 8) |y|))', "another width"),
    "a weaker goal": ("(goal (= |x| |y|))", "(goal (bvule |x| |y|))", "asks something else"),
    "a goal that says nothing": ("(goal (= (bvadd |x| #x01) (bvadd |y| #x01)))", "(goal true)", "asks something else"),
    "an assumption more": ("(goal (= |x| |y|))", '(assumption "more" "" (bvult |y| #x09)) (goal (= |x| |y|))', "something else"),
    "an assumption less": ('  (assumption "low" "it is low" (bvult |y| #x09))\n', "", "asks something else"),
    "another assumption": ('"it is low" (bvult |y| #x09)', '"it is low" (bvult |y| #x0a)', "asks something else"),
    "a lemma rests on itself": ('(use "helper")\n    (generalise t4)', '(use "least-of-two")\n    (generalise t4)', 'no lemma "least-of-two" is there'),
    "a lemma rests on a later one": ('(use "grows-below" (|x| |y|))', '(use "after")', 'no lemma "after" is there'),
    "a lemma rests on a conjecture": ('(conjecture "grows-below"', '(conjecture "grows-below"', ""),
    "a lemma isn't used": ('(use "helper")\n    (generalise t4)', "(generalise t4)", "asks something else"),
    "two lemmas of one name": ('(lemma "cut"', '(lemma "small"', "two of one name"),
    "other terms are generalised": ("(generalise t4)", "(generalise |x|)", "asks something else"),
    "nothing is generalised": ("(generalise t4)", "(generalise)", "asks something else"),
    "another invariant": ("(invariant (bvule |x| |y|))\n  (rank", "(invariant true)\n  (rank", "asks something else"),
    "another rank": ("(rank (bvsub |y| |x|))", "(rank |y|)", "asks something else"),
    "no rank": ("  (rank (bvsub |y| |x|))\n", "", "has an induction with a rank"),
    "that a loop stops isn't said any more": ("  (stops)\n", "", "has an induction with a rank"),
    "a loop stops without induction": ("  (goal (= (bvadd |x| #x01)", "  (stops)\n  (goal (= (bvadd |x| #x01)", "with a rank"),
    "another loop": ("(goes-on (bvult |x| |y|))", "(goes-on (bvule |x| |y|))", "asks something else"),
    "another start": ("(start #x00)", "(start #x01)", "asks something else"),
    "another step": ("(bvadd #x01 |x|)", "(bvadd #x02 |x|)", "asks something else"),
    "a loop starts from its state": ("(start #x00)", "(start |x|)", "speaks of a stranger"),
    "a loop goes on by what is free": ("(goes-on (bvult |x| |y|))", "(goes-on (bvult |any| |y|))", "speaks of a stranger"),
    "a loop's word is two things": ("(state (|x| 8))", "(state (|y| 8))", "has a meaning already"),
    "a state of another width": ("(start #x00)", "(start #x0000)", "another width"),
    "a run on other arguments": (
        '(run "up" (arguments |y|) (result |x|))\n  (goal (= (bvadd', '(run "up" (arguments |x|) (result |y|))\n  (goal (= (bvadd', "another run",
    ),
    "a run that isn't assumed": ('(run "up" (arguments |y|) (result |x|))\n  (goal (= (bvadd', "(goal (= (bvadd", "another run"),
    "a run of another width": (
        '(run "up" (arguments |y|) (result |x|))\n  (goal (= (bvadd',
        '(run "up" (arguments ((_ zero_extend 8) |y|)) (result |x|))\n  (goal (= (bvadd', "another width",
    ),
    "arguments that mention the result": (
        '(run "up" (arguments |y|) (result |x|))\n  (stops)', '(run "up" (arguments (bvadd |x| |y|)) (result |x|))\n  (stops)', "words of its own",
    ),
    "a result that is a term": (
        '(run "up" (arguments |y|) (result |x|))\n  (stops)', '(run "up" (arguments |y|) (result (bvadd |x| #x01)))\n  (stops)', "words of its own",
    ),
    "arguments and result in each other's place": (
        '(run "up" (arguments |y|) (result |x|))\n  (stops)', '(run "up" (result |y|) (arguments |x|))\n  (stops)', "expected (run",
    ),
    "a word for a condition": ("(goal (= |x| |y|))", "(goal |x|)", "a word for a condition"),
    "a truth for a word": ("(rank (bvsub |y| |x|))", "(rank true)", "a word for a condition"),
    "and of words": ("(goal (= |x| |y|))", "(goal (and |x| |y|))", "and of [8, 8] bits"),
    "a sum of truths": ("(goal (= |x| |y|))", "(goal (= (bvadd true true) true))", "bvadd of [0, 0] bits"),
    "a word extended by nothing": ("((_ zero_extend 4)", "((_ zero_extend 0)", "not a term"),
    "a word cut to more": ("((_ extract 3 0) |x|)", "((_ extract 8 0) |x|)", "not a term"),
    "a word cut from the middle": ("((_ extract 3 0) |x|)", "((_ extract 3 1) |x|)", "not a term"),
    "an operation that isn't one": ("(goal (= |x| |y|))", "(goal (bvsle |x| |y|))", "not a term"),
    "something that isn't understood": ("(goal (= |x| |y|))", "(goal (= |x| |y|)) (admitted)", "expected one of"),
    "a claim that a search proves": ("refuted (search", "proved (search", "is proved by search"),
    "a claim with another verdict": ('refuted (example "grows")', 'certain (example "grows")', "is certain by example"),
    "a claim by no lemma": ('(proof "least-of-two")', "(proof)", "is proved by proof"),
    "a word that is called as a constant": ("(variables (|y| 8))", "(variables (|#x05| 8) (|y| 8))", "has a meaning already"),
    "an end of a line that isn't seen": ("(ptproof-proofs 1)", "(ptproof-proofs 1) ; \r", "printed tokens alone"),
    "a claim by word of mouth": ('proved (proof "least-of-two")', 'proved (trust "least-of-two")', "proved by trust"),
    "a claim by a conjecture": ('refuted (example "grows")', 'proved (proof "grows")', "is proved by proof"),
    "a claim by what isn't there": ('(proof "least-of-two")', '(proof "most-of-two")', "is proved by proof"),
    "another version": ("(ptproof-proofs 1)", "(ptproof-proofs 2)", "not proofs that this checker reads"),
    "a parenthesis too few": ("(ptproof-proofs 1)", "((ptproof-proofs 1)", "unpack"),
    "a parenthesis too many": ("(ptproof-proofs 1)", "(ptproof-proofs 1))", "IndexError"),
}  # fmt: skip
"""What is put in the place of what in the proofs, and a piece of the complaint."""
del PROOFS["a lemma rests on a conjecture"]


@pytest.mark.parametrize("what", PROOFS)
def test_bogus_proofs(bundle: Path, what: str) -> None:
    """A proof that isn't the one that the obligations are of, or that breaks the rule, is refused."""
    old, new, complaint = PROOFS[what]
    assert complaint in spoiled(bundle, old, new)


SMALL_ASKED: Final = "(assert (bvult |y| #x09))\n(assert (not (bvult |y| (bvadd |y| #x01))))\n"
"""What the last obligation of small asks, with what the lemma below gives left out."""
QUESTIONS: Final = {
    "a condition more": ("(check-sat)", "(assert false)\n(check-sat)"),
    "a condition less": ("(assert (bvult |y| #x09))\n", ""),
    "a condition in a comment": ("(assert (bvult |y| #x09))\n", "; (assert (bvult |y| #x09))\n"),
    "a condition in a string": (
        "(assert (bvult |y| #x09))\n",
        '(set-info :notes "(assert (bvult |y| #x09))")\n',
    ),
    "another constant": ("(bvult |y| #x09)", "(bvult |y| #x08)"),
    "another operation": ("(bvult |y| #x09)", "(bvule |y| #x09)"),
    "another width": ("(declare-const |y| (_ BitVec 8))", "(declare-const |y| (_ BitVec 16))"),
    "another sort": ("(declare-const |y| (_ BitVec 8))", "(declare-const |y| (_ FloatingPoint 8))"),
    "a word for two": ("(declare-const |y| (_ BitVec 8))", "(declare-const |y| (_ BitVec 8))\n" * 2),
    "a word that hides a constant": (
        "(declare-const |y| (_ BitVec 8))",
        "(declare-const |true| (_ BitVec 8))",
    ),
    "two questions": ("(check-sat)", "(check-sat)\n(check-sat)"),
    "no question": ("(check-sat)", ""),
    "an end before the question": ("(check-sat)", "(exit)\n(check-sat)"),
    "another logic": ("(set-logic QF_BV)", "(set-logic ALL)"),
    "a function": ("(check-sat)", "(define-fun f ((a (_ BitVec 8))) Bool true)\n(check-sat)"),
    "what is no text of terms": ("(check-sat)", "(check-sat) \\"),
    "a word that is called as a constant": (
        "(declare-const |y| (_ BitVec 8))",
        "(declare-const |y| (_ BitVec 8))\n(declare-const |#x09| (_ BitVec 8))",
    ),
    "a comment that some end at a return": ("(assert (bvult |y| #x09))", "; \r(assert (bvult |y| #x09))"),
    "a condition that some end at a return": ("(bvult |y| #x09)", "(bvult |y| ; \r #x09) ; \n"),
    "a condition in a string for some": (
        "(check-sat)",
        '(set-info :notes "\\")(assert false)(set-info :notes "\\"")\n(check-sat)',
    ),
    "a space that is none for some": ("(bvult |y| #x09)", "(bvult |y|\u00a0#x09)"),
    "a text from right to left": ("(check-sat)", "; \u202e\n(check-sat)"),
}


@pytest.mark.parametrize("what", QUESTIONS)
def test_bogus_questions(bundle: Path, what: str) -> None:
    """A file that asks something else than the obligation that it is named for is refused."""
    old, new = QUESTIONS[what]
    complaint = spoiled(bundle, old, new, "obligations/small-proof.smt2")
    assert complaint.startswith('refused: lemma "small": ')


def test_a_word_in_the_place_of_a_constant(bundle: Path) -> None:
    """A word of a constant's name would be the constant for a solver, and any value for who compares."""
    file = bundle / "obligations/small-proof.smt2"
    file.write_text(file.read_text().replace("|y|", "#x05").replace("const #x05", "const |#x05|"))
    told = checked(bundle, sys.executable, "-c", "print('unsat')")
    assert told.err.endswith("|#x05| has a meaning already\n")


def test_a_bundle_without_a_theorem(bundle: Path) -> None:
    """Nothing is not accepted as all proved."""
    file = bundle / "proofs.sexp"
    text = file.read_text()
    file.write_text(text[: text.index("(claim")])
    assert "no theorem" in checked(bundle).err


def test_the_table_says_what_a_claim_rests_on(bundle: Path) -> None:
    """A claim that leans on another lemma, or an assumption without a name, can be seen; no line is forged."""
    file = bundle / "proofs.sexp"
    forged = '"8 bits\n          9         9           0    0  all'
    for old, new in (
        ('(proof "small"', '(proof "cut"'),
        ('(assumption "is-even"', '(assumption ""'),
        ('(part "8 bits" refuted (proof', f'(part {forged}" refuted (proof'),
    ):
        assert file.read_text().count(old) == 1
        file.write_text(file.read_text().replace(old, new))
    lines = checked(bundle).out.splitlines()
    assert len(lines) == 10
    assert lines[4].endswith('"never" "8 bits 9 9 0 0 all" refuted by "never:beyond":')
    assert lines[5].endswith('"small" "8 bits" proved by "cut":')
    assert lines[8].endswith('"after" "8 bits" proved by "even": ""')


def test_names_and_shared_terms_are_for_the_question_to_choose(bundle: Path) -> None:
    """The same question with other names is the same question."""
    file = bundle / "obligations/small-proof.smt2"
    file.write_text(file.read_text().replace("|y|", "|another word|"))
    assert checked(bundle).status == 0


@pytest.mark.parametrize("name", ["small-proof.smt2", "grows-proof.smt2"])
def test_a_file_is_missing(bundle: Path, name: str) -> None:
    """Each obligation's file has to be there, also that of what is not to be proved."""
    (bundle / "obligations" / name).unlink()
    told = checked(bundle)
    assert told.status == 1
    assert name in told.err


def test_an_obligation_that_nobody_names(bundle: Path) -> None:
    """A file that belongs to no lemma is refused: a lemma may have been taken out."""
    shutil.copy(bundle / "obligations/small-proof.smt2", bundle / "obligations/more.smt2")
    assert "not in both: ['obligations/more.smt2']" in checked(bundle).err


def test_a_lemma_that_is_weakened_with_its_obligations_serves_nobody(bundle: Path) -> None:
    """Where the files are changed as well, the lemma is another one, and what rests on it doesn't follow."""
    file = bundle / "obligations/helper-proof.smt2"
    file.write_text(file.read_text().replace("(bvule (bvand |x| |y|) |x|)", "(bvule |x| |x|)"))
    assert "least-of-two-proof.smt2 asks something else" in spoiled(
        bundle, "(goal (bvule (bvand |x| |y|) |x|))", "(goal (bvule |x| |x|))"
    )


def test_a_lemma_that_becomes_a_conjecture(bundle: Path) -> None:
    """Nothing may rest on what isn't to be proved, though its obligations are the same."""
    assert 'no lemma "grows-below" is there' in spoiled(
        bundle, '(lemma "grows-below"', '(conjecture "grows-below"'
    )


def test_a_circle_of_two(bundle: Path) -> None:
    """Two lemmas that rest on each other: one of them uses what isn't there yet."""
    assert 'no lemma "least-of-two" is there' in spoiled(
        bundle, "(goal (bvule (bvand |x| |y|) |x|))\n  (proof\n", '(goal (bvule (bvand |x| |y|) |x|))\n  (proof (use "least-of-two")\n'
    )  # fmt: skip


def test_what_is_assumed_of_the_end_is_not_known_before(bundle: Path) -> None:
    """An assumption about the result is no part of base and step: put in there, it is another question."""
    file = bundle / "obligations/even-step.smt2"
    text = file.read_text()
    file.write_text(text.replace("(assert ", "(assert (= (bvand |x| #x01) #x00))\n(assert ", 1))
    assert "even-step.smt2 asks something else" in checked(bundle).err


def test_a_word_that_is_free_is_spoken_of(bundle: Path) -> None:
    """An invariant can't speak of a word that has another value in each step."""
    text = (bundle / "proofs.sexp").read_text()
    begin = text.index('(lemma "ends"')
    spoken = text[begin:].replace("(variables ", "(variables (|any| 8) ", 1).replace("(invariant (bvule |x| |y|))", "(invariant (bvule |x| |any|))", 1)  # fmt: skip
    (bundle / "proofs.sexp").write_text(text[:begin] + spoken)
    assert 'lemma "ends": a free word is spoken of' in checked(bundle).err


def certificates(bundle: Path) -> list[Path]:
    """The proofs of a bundle, the longest first."""
    return sorted((bundle / "certificates").glob("*.lrat"), key=lambda each: -len(each.read_text()))


def test_a_certificate_of_another_question(bundle: Path) -> None:
    """A proof that is right, but of other clauses, is refused."""
    longest, *_, shortest = certificates(bundle)
    shutil.copy(longest, shortest)
    told = checked(bundle)
    assert (told.status, told.out) == (1, "")
    assert "/obligations/" in told.err


def damaged(proof: str) -> Iterator[str]:
    """Proofs that have something wrong."""
    lines = proof.splitlines()
    yield ""
    yield "\n".join(lines[:-1])
    yield "\n".join(lines[: len(lines) // 2] + lines[len(lines) // 2 + 1 :])
    yield f"{lines[-1].split()[0]} 0 0\n"
    yield "\n".join([f"1 {' '.join(lines[0].split()[1:])}", *lines[1:]])
    yield proof.replace(" 0\n", "\n", 1)
    yield "\n".join(line.replace(" 0 ", " 0 -1 ", 1) for line in lines)
    yield "words\n"


@pytest.mark.parametrize("kind", range(8))
def test_a_damaged_certificate(bundle: Path, kind: int) -> None:
    """A proof that is empty, cut short, lacks a step, has no hints, takes another's number, or isn't one is refused."""
    file = certificates(bundle)[0]
    file.write_text(list(damaged(file.read_text()))[kind])
    assert checked(bundle).status == 1


def test_what_solvers_add_to_a_proof_is_no_matter(bundle: Path) -> None:
    """Deletions say nothing that a proof rests on, and are passed over."""
    file = certificates(bundle)[0]
    file.write_text("1 d 1 2 0\n" + file.read_text())
    assert checked(bundle).status == 0


@pytest.mark.parametrize("argument", [(), ("nowhere",)])
def test_no_bundle(argument: tuple[str, ...]) -> None:
    """Without a folder, or with one that isn't there, one line says so."""
    done = subprocess.run(
        [sys.executable, str(CHECKER), *argument], check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("refused: usage: check_proofs.py DIR")
    assert done.stderr.count("\n") == 1


def test_it_stands_alone() -> None:
    """One file of some 400 lines, which imports nothing but the standard library."""
    text = CHECKER.read_text()
    assert len(text.splitlines()) < 420
    names = [
        line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))
    ]
    assert names
    assert set(names) <= sys.stdlib_module_names


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    """The checker as a module."""
    module = ModuleType("check_proofs")
    exec(compile(CHECKER.read_text(), str(CHECKER), "exec"), module.__dict__)  # noqa: S102 - our own text
    return module


MEANING: Final[dict[str, Callable[..., int]]] = {
    "bvadd": lambda a, b, w: (a + b) % 2**w,
    "bvsub": lambda a, b, w: (a - b) % 2**w,
    "bvmul": lambda a, b, w: a * b % 2**w,
    "bvand": lambda a, b, _: a & b,
    "bvor": lambda a, b, _: a | b,
    "bvxor": lambda a, b, _: a ^ b,
    "bvnot": lambda a, w: 2**w - 1 - a,
    "bvshl": lambda a, b, w: (a << b) % 2**w,
    "bvlshr": lambda a, b, _: a >> b,
    "bvult": lambda a, b, _: a < b,
    "bvule": lambda a, b, _: a <= b,
    "=": lambda a, b, _: a == b,
    "ite": lambda a, b, c, _: b if a else c,
    "not": lambda a, _: not a,
    "and": lambda a, b, _: a and b,
    "or": lambda a, b, _: a or b,
}


def kinds(sorts: str) -> list[str]:
    """The sorts of arguments: with e for either, once as words and once as truths."""
    return [sorts[:-1].replace("e", each) for each in ("wb" if "e" in sorts else "w")]


@pytest.mark.parametrize("operation", MEANING)
@pytest.mark.parametrize("width", [1, 2, 3])
def test_circuits_mean_what_operations_do(checker: Any, operation: str, width: int) -> None:
    """Of constants the value; of words clauses that hold with the gates' values, and with no other output."""
    for sorts in kinds(checker.OPERATIONS[operation][0]):
        widths = [width if each == "w" else 0 for each in sorts]
        constants = [
            [checker.node("constant", w, (), value) for value in range(2 ** (w or 1))] for w in widths
        ]
        words = [checker.node("input", w, (), str(at)) for at, w in enumerate(widths) if w]
        truths = [checker.make("=", checker.node("input", 1, (), f"b{at}"), checker.node("constant", 1, (), 1)) for at, w in enumerate(widths) if not w]  # fmt: skip
        given = [words.pop(0) if w else truths.pop(0) for w in widths]
        circuit = checker.Circuit()
        inside = [bit for each in given for bit in circuit.bits(each)]
        output = circuit.bits(checker.make(operation, *given))
        gates = [(key, value) for key, value in circuit.made.items() if isinstance(key, tuple)]
        for values in product(*constants):
            wanted = int(MEANING[operation](*(each.value for each in values), width))
            folded = checker.make(operation, *values)
            assert (folded.operation, folded.value) == ("constant", wanted)
            bits = [value.value >> at & 1 for value in values for at in range(value.width or 1)]
            known = {1: 1} | dict(zip(inside, bits, strict=True))
            assert all(bit > 0 for bit in inside)
            for (a, b, c), new in gates:
                known[new] = truth(known, b) if truth(known, a) else truth(known, c)
            assert sum(truth(known, bit) << at for at, bit in enumerate(output)) == wanted
            assert all(any(truth(known, bit) for bit in clause) for clause in circuit.clauses)
            for _, new in gates:
                other = known | {new: 1 - known[new]}
                assert not all(any(truth(other, bit) for bit in clause) for clause in circuit.clauses)


def truth(known: dict[int, int], bit: int) -> int:
    """What a literal comes to."""
    return known[bit] if bit > 0 else 1 - known[-bit]


@pytest.mark.parametrize("value", range(8))
def test_circuits_of_other_widths(checker: Any, value: int) -> None:
    """A longer word has the same number, a shorter one the number modulo its size."""
    of = checker.node("constant", 3, (), value)
    assert checker.make("zero_extend", of, width=5).value == value
    assert checker.make("extract", of, width=2).value == value % 4
