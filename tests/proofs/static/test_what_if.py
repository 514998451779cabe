"""Claims that are made for the figures asked for: proved where they hold, refuted by the machine where not, or not made."""

import pytest
from attrs import evolve
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.what_if import WhatIf
from ptproof.formal.logic.claim import what_if_claims
from ptproof.formal.logic.prover import prove
from ptproof.formal.logic.verdict import Proved, Refuted

pytestmark = pytest.mark.usefixtures("shared_answers")

MIB, KIB = 1 << 20, 1 << 10


def test_exact_from_no_more_than_the_fewest_tables() -> None:
    exact, costs = what_if_claims(
        lambda mode: WhatIf(rounding=2 * MIB, padding=0, first_tried=6 if mode.bits == 32 else 5)
    )
    assert costs.id == "what-if-cost"
    (decision,) = prove([exact]).decisions
    refuted, proved = sorted(
        (part.verdict for part in decision.parts), key=lambda each: isinstance(each, Proved)
    )
    assert isinstance(proved, Proved)
    assert isinstance(refuted, Refuted)
    assert "stops at 5, a walk touches 4 tables" in refuted.witness.replay.says


def test_what_it_saves_is_said_and_proved() -> None:
    _, costs = what_if_claims(lambda _: WhatIf(rounding=64 * KIB, padding=64 * KIB))
    assert "64-bit: at most 4 tables and 4480 KiB less than Xen, 0 tables and 0 bytes more" in costs.statement
    compat = [each for each in costs.parts if each.lemma.name.split("[")[1].startswith("compat")]
    (decision,) = prove([evolve(costs, make=lambda: tuple(compat[1:]))]).decisions
    assert [type(each.verdict) for each in decision.parts] == [Proved] * 3


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (WhatIf(rounding=64 * MIB), "--rounding: expected at most 16M for a proof"),
        (WhatIf(padding=8 * MIB), "--padding: expected whole pages, and no more than the rounding, 4M"),
        (WhatIf(padding=100), "--padding: expected whole pages"),
    ],
)
def test_what_nothing_is_proved_of_is_refused(asked: WhatIf, told: str) -> None:
    with pytest.raises(InputError, match=told):
        what_if_claims(lambda _: asked)


def test_without_another_end_nothing_is_saved() -> None:
    assert [each.id for each in what_if_claims(lambda _: WhatIf(first_tried=4))] == ["what-if-exact"]
