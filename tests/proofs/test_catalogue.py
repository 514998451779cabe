"""The claims all together."""

from collections import Counter

from ptproof.formal.logic.claim import Claim, Expected
from ptproof.formal.logic.rule import lemmas_of
from ptproof.proofs.catalogue import CLAIMS
from ptproof.proofs.plain_english import MEANINGS


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


def assumed(claim: Claim) -> set[str]:
    """The assumptions that the proof of a proved claim needs, in some part."""
    proved = claim.parts if claim.expected is Expected.PROVED else ()
    return {each.name for part in proved if not part.reached for each in part.lemma.statement.assumptions}


def test_a_headline_says_what_is_asked_of_the_region() -> None:
    """What holds under `room` isn't said in plain English as if it held of every region."""
    silent = [
        each.id
        for each in CLAIMS
        if "room" in assumed(each) and "must not fill almost" not in MEANINGS[each.id]
    ]
    # These ask for more: that the region ends by 4 GiB, stays within the root, or crosses no border of 256 TiB.
    closer = [each for each in silent if "region must " in MEANINGS[each]]
    assert silent == closer
    assert {"consumed-compat", "tables-mapped", "walk-visits-tables"} <= set(closer)
