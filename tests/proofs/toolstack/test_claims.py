"""The family *Toolstack*: libxenguest's iteration against domUs seen in the field."""

from random import Random

import pytest
from ptproof.encodings import domu
from ptproof.formal.layouts.paging import COMPAT, PAGE_SIZE, X86_64, PagingMode
from ptproof.formal.logic.search import run
from ptproof.formal.machine import domu as machine
from ptproof.formal.words.word import TRUE, number, replaced

GIB = 1 << 30


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
def test_the_formulas_iterate_as_the_machine_does(mode: PagingMode) -> None:
    """On random regions the iteration by formulas ends as the machine's, which walks."""
    random = Random(5)
    starts = (0, GIB, 3 * GIB - (32 << 20)) if mode is COMPAT else (0, GIB - PAGE_SIZE, 2**64 - 2 * GIB)
    for _ in range(100):
        start = random.choice(starts)
        length = random.choice(
            (random.randrange(1, 1 << 14), (random.randrange(1, 16) << 10) - random.randrange(160))
        )
        tables = start + length * PAGE_SIZE
        walked = machine.count(machine.Domu(mode=mode, v_start=start, alloc_end=tables))
        assert walked is not None
        assert counted(mode, start, tables) == (walked.tables(), walked.v_end)


def test_the_formulas_count_a_second_mapping_as_the_machine_does() -> None:
    """A p2m of its own gets as many tables by the formulas as on the machine, wherever it lies below the region."""
    random = Random(6)
    start = 2**64 - 2 * GIB
    for _ in range(100):
        pages = random.randrange(1, 1 << 12)
        first = random.choice((0x8000000000, GIB, start - GIB, start - pages * PAGE_SIZE))
        first -= random.randrange(1 << 10) * PAGE_SIZE
        domain = machine.Domu(v_start=start, alloc_end=start + (33 << 20), p2m=machine.P2m(first, pages))
        walked = machine.count(domain)
        assert walked is not None
        ends = (first, first + pages * PAGE_SIZE - 1, start, (walked.v_end - 1) % 2**64)
        assert int(domu.second_tables(*map(number, ends))) == walked.tables(1)


@pytest.mark.parametrize("last", [(4 << 20) - 1, GIB, 2 * GIB - 1, 3 * GIB - 1, 3 * GIB, 4 * GIB - 1])
def test_the_l2_before_4_7(last: int) -> None:
    """Before 4.7 the formulas give the L2 that the machine walks to."""
    for start in (0, GIB - PAGE_SIZE, 2 * GIB, 3 * GIB):
        if start <= last:
            domain = machine.Domu(mode=COMPAT, v_start=start, alloc_end=start, toolstack=machine.BEFORE_4_7)
            l2 = machine.walked(domain, start, last)[COMPAT.levels[1]]
            assert int(domu.l2_tables_before_4_7(number(start), number(last))) == len(l2)


@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_the_steps_of_an_iteration_that_never_stops(steps: int) -> None:
    """After any number of steps the iteration has a state in which it goes on; for another region it hasn't."""
    loop = domu.search(X86_64)
    for tables, ever in ((2**64 - (4 << 20), True), (2**64 - (8 << 20), False)):
        stopped = run(domu.steps(X86_64), (2**64 - (16 << 20), tables, steps))
        assert stopped is not None
        words = (*loop.parameters, *loop.state)
        values = (number(2**64 - (16 << 20)), number(tables), number(stopped[0]))
        goes_on = replaced(loop.goes_on, dict(zip(words, values, strict=True)))
        assert (goes_on is TRUE) is ever
