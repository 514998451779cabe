"""The proof checker follows what is right, and refuses whatever isn't: each way to damage a proof is tried."""

import ast
import random
import sys
from itertools import product
from pathlib import Path
from typing import Final

import pytest
from ptproof.formal.certify import proof_checker
from ptproof.formal.certify.proof_checker import RefusedProof, check

CNF: Final = """\
p cnf 3 6
1 2 0
1 -2 0
-1 3 0
-1 -3 2 0
-2 -3 0
1 3 0
"""
"""Nothing satisfies it: 1 follows from the first two, 3 and 2 from 1."""
PROOF: Final = """\
7 1 0 1 2 0
8 3 0 7 3 0
9 0 7 8 4 5 0
"""
OTHER: Final = CNF.replace("1 -2 0", "-1 -2 0")
"""The same with one literal flipped."""


def damaged(old: str, new: str) -> str:
    """The proof with one change."""
    assert old in PROOF
    return PROOF.replace(old, new, 1)


def test_a_proof_is_followed() -> None:
    """It ends at the clause without literals; what comes after is of no interest. Steps are counted."""
    assert check(CNF, PROOF) == 3
    assert check(CNF, PROOF + "10 x\n") == 3
    assert check("p cnf 1 2\n1 0\n-1 0\n", "3 0 1 2 0\n") == 1
    assert check("p cnf 1 1\n0\n", "2 0 1 0\n") == 1


BAD: Final = {
    "empty": ("", "ends before its last step"),
    "an empty line": ("\n", "expected 'STEP LITERALS 0 HINTS 0'"),
    "truncated after a step": ("".join(PROOF.splitlines(keepends=True)[:-1]), "ends before its last step"),
    "truncated within a step": (PROOF[:-4], "step 9|expected"),
    "truncated before the 0": (PROOF[:-2], "expected"),
    "a step left out": (damaged("8 3 0 7 3 0\n", ""), "expected step 8, found 9"),
    "a literal flipped": (damaged("8 3 0", "8 -3 0"), "step 8: the hints end"),
    "another literal flipped": (damaged("7 1 0", "7 -1 0"), "step 7"),
    "a literal dropped": (damaged("7 1 0", "7 0"), "step 7: clause 1 has 2 literals left"),
    "a hint dropped": (damaged("9 0 7 8 4 5 0", "9 0 7 8 4 0"), "step 9: the hints end"),
    "another hint dropped": (damaged("9 0 7 8 4 5 0", "9 0 8 4 5 0"), "step 9"),
    "no hints": (damaged("7 1 0 1 2 0", "7 1 0 0"), "step 7: the hints end"),
    "hints in another order": (damaged("9 0 7 8 4 5 0", "9 0 4 7 8 5 0"), "step 9: clause 4 has 3 literals"),
    "a hint to a later step": (damaged("7 1 0 1 2 0", "7 1 0 8 0"), "there is no clause 8 before it"),
    "a hint to itself": (damaged("9 0 7 8 4 5 0", "9 0 9 0"), "there is no clause 9 before it"),
    "a hint to clause 0": (damaged("7 1 0 1 2 0", "7 1 0 0 1 2 0"), "a 0 at the end only"),
    "a hint to no clause": (damaged("7 1 0 1 2 0", "7 1 0 77 0"), "there is no clause 77"),
    "a negative hint": (damaged("7 1 0 1 2 0", "7 1 0 -1 2 0"), "there is no clause -1"),
    "the number of a given clause": (damaged("7 1 0", "1 1 0"), "1 is the number of another clause"),
    "a step twice": (damaged("8 3 0", "7 3 0"), "7 is the number of another clause"),
    "a deletion": (damaged("8 3 0 7 3 0", "7 d 1 0"), "expected numbers"),
    "another format": ("1 0\n3 0\n0\n", "expected 'STEP LITERALS 0 HINTS 0'"),
    "no numbers": ("s VERIFIED\n", "expected numbers"),
    "false at once": ("7 0 0\n", "step 7: the hints end"),
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_proof_is_refused(how: str) -> None:
    """And it is said where it fails."""
    proof, said = BAD[how]
    with pytest.raises(RefusedProof, match=said):
        check(CNF, proof)


def test_a_proof_of_another_cnf_is_refused() -> None:
    """The same proof, the same number of clauses and of variables, one literal of the CNF flipped."""
    with pytest.raises(RefusedProof, match="step 7"):
        check(OTHER, PROOF)


@pytest.mark.parametrize(
    "cnf",
    [
        "",
        "\n",
        CNF.removeprefix("p cnf 3 6\n"),
        CNF.replace("p cnf 3 6", "p cnf 3 5"),
        CNF.replace("p cnf 3 6", "p cnf 3 7"),
        CNF.replace("p cnf 3 6", "p cnf 2 6"),
        CNF.replace("p cnf 3 6", "p cnf 3 x"),
        CNF.replace("p cnf 3 6", "p dnf 3 6"),
        CNF.replace("1 2 0", "1 2"),
        CNF.replace("1 2 0", "1 0 2 0"),
        CNF.replace("1 2 0", "1 b 0"),
        CNF + "\n",
        "c a comment\n" + CNF,
    ],
)
def test_a_cnf_that_is_none_is_refused(cnf: str) -> None:
    """A clause too many or too few, a variable that isn't announced, an end that is missing."""
    with pytest.raises(RefusedProof, match="CNF"):
        check(cnf, PROOF)


def satisfiable(clauses: list[list[int]], variables: int) -> bool:
    """Whether any values satisfy the clauses, by trying all."""
    return any(
        all(any(values[abs(each) - 1] == (each > 0) for each in clause) for clause in clauses)
        for values in product((False, True), repeat=variables)
    )


@pytest.mark.parametrize("seed", range(20))
def test_no_proof_of_what_can_be_satisfied(seed: int) -> None:
    """Whatever a proof's steps are, random ones or clauses that occur: a CNF that can be satisfied isn't refuted."""
    source = random.Random(seed)
    tried = followed = 0
    while tried < 200:
        clauses = [
            [source.choice((-1, 1)) * source.randint(1, 3) for _ in range(source.randint(1, 2))]
            for _ in range(4)
        ]
        refutable = not satisfiable(clauses, 3)
        text = f"p cnf 3 {len(clauses)}\n" + "".join(f"{' '.join(map(str, each))} 0\n" for each in clauses)
        for _ in range(20):
            hints = source.choices(range(1, 5), k=4)
            try:
                check(text, f"5 0 {' '.join(map(str, hints))} 0\n")
            except RefusedProof:
                continue
            assert refutable
            followed += 1
        tried += not refutable
    assert followed


def test_it_shares_no_code() -> None:
    """The checker imports nothing but Python's own library, and not much of that."""
    tree = ast.parse(Path(proof_checker.__file__).read_text(encoding="utf-8"))
    imported = [
        *(name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names),
        *(f"{'.' * node.level}{node.module}" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)),
    ]
    assert imported == ["collections.abc"]
    assert "collections" in sys.stdlib_module_names
