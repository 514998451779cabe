"""The committed record of certificates is that of the obligations and of the trusted modules as they are now.

It fails when a claim, the bit-blaster or the checker has changed: then ``make certify`` renews the record.
"""

import json
from pathlib import Path

import ptproof.proofs.catalogue as catalogue_module
from ptproof.formal.certify.bit_blaster import blasted
from ptproof.formal.certify.certificate import MANIFEST, _sha256, _wanted, read_manifest, trusted
from ptproof.formal.logic.claim import claims
from ptproof.formal.logic.rule import Obligation
from ptproof.formal.words.smtlib import query_text

FILE = Path(catalogue_module.__file__).with_name(MANIFEST)


def test_the_record_is_up_to_date() -> None:
    """Each obligation that a proof rests on is recorded with its hash, and nothing is that there is not."""
    by, certificates = read_manifest(FILE.read_bytes(), MANIFEST)
    assert by == trusted()
    recorded = {(each.name, each.query) for each in certificates}
    there: dict[tuple[str, str], bool] = {}
    for obligation, needed in _wanted(claims()):
        there[obligation.name, _sha256(query_text(obligation.conditions))] = needed
    assert {each for each, needed in there.items() if needed} - recorded == set()
    assert recorded - set(there) == set()


def test_the_clauses_are_those_recorded() -> None:
    """The bit-blaster makes the same clauses of them, byte for byte; of each fifteenth, since it takes a while."""
    recorded = {each.query: each.cnf for each in read_manifest(FILE.read_bytes(), MANIFEST)[1]}
    found: dict[str, Obligation] = {
        _sha256(query_text(each.conditions)): each for each, _ in _wanted(claims())
    }
    some = sorted(set(found) & set(recorded))[::15]
    assert len(some) > 50
    for query in some:
        assert _sha256(blasted(found[query].conditions).dimacs()) == recorded[query]


def test_a_line_for_each() -> None:
    """The file has a line for each certificate, by name, so that a change shows as what it is."""
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line.startswith("    {")]
    entries = [json.loads(line.strip(" ,")) for line in lines]
    keys = [(each["name"], each["query"]) for each in entries]
    assert keys == sorted(keys)
    assert len(keys) == len(read_manifest(FILE.read_bytes(), MANIFEST)[1])
