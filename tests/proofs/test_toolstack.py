"""The family *Toolstack*: its verdicts, and libxenguest's iteration against domUs seen in the field."""

from random import Random

import pytest
from deciding import check_verdicts, refuted
from ptproof.encodings import domu
from ptproof.formal.paging import COMPAT, PAGE_SIZE, X86_64, PagingMode
from ptproof.formal.search import run
from ptproof.formal.words import number
from ptproof.proofs.toolstack import CLAIMS, iterate

GIB = 1 << 30


def test_every_verdict_is_as_expected() -> None:
    """Every part gets the verdict that it carries, and the machine confirms each case."""
    check_verdicts(CLAIMS)


def test_what_is_refuted() -> None:
    """The 64-bit count is the hypervisor's; the PAE count isn't."""
    assert refuted(CLAIMS) == {"domu-pae-equals"}


def counted(mode: PagingMode, start: int, tables: int) -> tuple[int, int]:
    """The domU's tables and its region's end by the formulas, run on numbers."""
    stopped = run(domu.search(mode), (start, tables))
    assert stopped is not None
    words = number(start), number(tables), number(stopped[0])
    return int(domu.tables_for(mode, *words)), int(domu.last_address(*words[1:])) + 1


@pytest.mark.parametrize(
    ("pt_base", "nr_pt_frames", "end"),
    [
        (0x10D6000, 13, 0x1400000),
        (0x11D0000, 13, 0x1400000),
        (0x23A000, 5, 0x400000),
        (0x22F000, 5, 0x400000),
        (0xAC7000, 9, 0xC00000),
        (0xF9000, 5, 0x400000),
        (0x11AE000, 13, 0x1400000),
    ],
)
def test_the_domus_of_the_field(pt_base: int, nr_pt_frames: int, end: int) -> None:
    """What seven 64-bit domUs printed of their start_info is what the iteration gives."""
    assert counted(X86_64, 0, pt_base) == (nr_pt_frames, end)


@pytest.mark.parametrize(
    ("start", "l2"),
    [(0, 4), (GIB - 4096, 4), (GIB, 3), (2 * GIB, 2), (3 * GIB - (64 << 20), 2), (3 * GIB, 1)],
)
def test_the_l2_of_a_pae_domain(start: int, l2: int) -> None:
    """A PAE domain gets an L2 for each GiB from its start to 4 GiB, as long as it ends below 3 GiB."""
    last = number(start + (16 << 20) - 1)
    assert int(domu.level_tables(COMPAT, number(start), last, domu.L2_SHIFT)) == l2


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
def test_the_formulas_iterate_as_a_walk_does(mode: PagingMode) -> None:
    """On random regions the iteration by formulas ends as the one that walks the region."""
    random = Random(5)
    starts = (0, GIB, 3 * GIB - (32 << 20)) if mode is COMPAT else (0, GIB - PAGE_SIZE, 2**64 - 2 * GIB)
    for _ in range(100):
        start = random.choice(starts)
        length = random.choice(
            (random.randrange(1, 1 << 14), (random.randrange(1, 16) << 10) - random.randrange(160))
        )
        tables = start + length * PAGE_SIZE
        assert counted(mode, start, tables) == iterate(mode, start, tables)
