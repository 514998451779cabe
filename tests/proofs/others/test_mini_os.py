"""Mini-OS's tables, by the formulas and by the machine, up to many ends of memory."""

from random import Random

import pytest
from ptproof.encodings import mini_os
from ptproof.formal.layouts.paging import PAGE_SIZE
from ptproof.formal.logic.search import run
from ptproof.formal.others.mini_os import given, map_memory
from ptproof.formal.words.word import number

MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize("start", [0, GIB - 8 * MIB, 512 * GIB - 12 * MIB])
def test_the_loop_takes_what_the_machine_takes(start: int) -> None:
    """By level, and the frames end at the same place."""
    random = Random(start)
    for _ in range(12):
        end = start + random.randrange(1, 6) * 4 * MIB
        memory = end + random.randrange(8192) * PAGE_SIZE
        mapping = given(start, end, start)
        map_memory(mapping, memory)
        stopped = run(mini_os.mapping(), (end, memory))
        assert stopped is not None
        assert stopped[1:] == tuple(mapping.taken[level] for level in ("L3", "L2", "L1"))
        if memory > end:
            last = number(stopped[0] - mini_os.STEP)
            words = number(start), number(start), number(end)
            assert int(mini_os.frames_end(*words, last)) == mapping.frame
