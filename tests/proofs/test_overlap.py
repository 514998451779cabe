"""The claims on the check for Xen's own area: their verdicts."""

from random import Random

import pytest
from deciding import check_verdicts, refuted
from ptproof.encodings import overlap
from ptproof.formal.paging import COMPAT
from ptproof.formal.words import TRUE, number
from ptproof.proofs.overlap import CLAIMS, _bare, _refused_below_the_hole


def test_every_verdict_is_as_expected() -> None:
    """Every part gets the verdict that it carries, and the machine confirms each case."""
    check_verdicts(CLAIMS)


def test_what_is_refuted() -> None:
    """Regions past 2^64 and across 2^47 are not refused."""
    assert refuted(CLAIMS) == {"wrap-caught", "overlap-complete"}


@pytest.mark.parametrize("seed", range(4))
def test_the_hole_is_found_by_stepping_down(seed: int) -> None:
    """Where Xen's part begins is, for any host, where one comes to by making room for the list of frames."""
    random = Random(seed)
    judge = _bare(COMPAT, _refused_below_the_hole)
    for _ in range(100):
        frames = max(1, random.choice((random.getrandbits(28), (random.randrange(99) << 19) + 1 - seed)))
        hole = int(overlap.compat_hole(TRUE, number(frames)))
        for end in (hole, hole + 1):
            says = judge({"end": end, "noted": 1, "max_page": frames})
            assert says.holds is (end > hole), (hex(frames), says)
