"""The claims on the check for Xen's own area: where the hole is found."""

from random import Random

import pytest
from ptproof.encodings import overlap
from ptproof.formal.layouts.paging import COMPAT
from ptproof.formal.words.word import TRUE, number
from ptproof.proofs.limits.overlap_claims import _bare, _refused_below_the_hole


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
