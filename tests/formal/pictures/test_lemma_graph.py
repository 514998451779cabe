"""The graph of lemmas: every lemma once, below its first user, and no use that isn't drawn or named."""

import re

from ptproof.formal.logic.claim import claims
from ptproof.formal.logic.prover import LemmaResult
from ptproof.formal.logic.rule import lemmas_of, used_by
from ptproof.formal.pictures.lemma_graph import lemma_graph


def test_every_use_is_a_line_or_named() -> None:
    """Of `exact`: a row for each lemma, and for each use either a line to it or its name, unless more than two are named."""
    (claim,) = (each for each in claims() if each.id == "exact")
    tops = {lemma: part.name for part in claim.parts for lemma in part.lemmas}
    lemmas = lemmas_of(tops)
    results = {each: LemmaResult(lemma=each, spent=7) for each in lemmas}
    svg = lemma_graph(lemmas, results, tops, dict.fromkeys(lemmas, "#x"), "exact")
    names = re.findall(r'class="lemma" data-name="([^"]+)"', svg)
    assert sorted(names) == sorted(each.name for each in lemmas)
    named = sum(
        len(each[1].split(", ")) + int(each[2] or 0)
        for each in re.finditer(r"↗ ([^<]*?)(?: and (\d+) more)?<", svg)
    )
    uses = sum(len(set(used_by(each))) for each in lemmas)
    assert svg.count("edge arc") == len(lemmas) - len(tops)
    assert named + svg.count("edge arc") == uses
