"""The claims all together."""

from collections import Counter

from ptproof.formal.logic.claim import Expected
from ptproof.formal.logic.rule import lemmas_of
from ptproof.proofs.catalogue import CLAIMS


def repeated(names: "list[str]") -> list[str]:
    """The names that occur more than once."""
    return [name for name, times in Counter(names).items() if times > 1]


def test_a_name_means_one_claim_and_one_lemma() -> None:
    """What a report, an exported file or a certificate names is one thing."""
    lemmas = lemmas_of(lemma for claim in CLAIMS for part in claim.parts for lemma in part.lemmas)
    assert repeated([each.name for each in lemmas]) == []
    assert repeated([each.id for each in CLAIMS]) == []
    assert repeated(["a", "b", "a"]) == ["a"]


def test_what_is_refuted_has_a_cure() -> None:
    """A refuted claim names the precondition that would make it true, and only such a claim does."""
    for each in CLAIMS:
        assert bool(each.cure) is (each.expected is Expected.REFUTED), each.id
