"""GRUB's rounds, by the formulas and by the machine, on many regions."""

from random import Random

import pytest
from ptproof.encodings import grub
from ptproof.formal.layouts.paging import PAGE_SIZE
from ptproof.formal.logic.search import run
from ptproof.formal.others import grub as machine
from ptproof.formal.words.word import number

GIB = 1 << 30
LINUX = 2**64 - 2 * GIB
BORDER = 512 * GIB


@pytest.mark.parametrize("start", [0, PAGE_SIZE, GIB - 5 * PAGE_SIZE, BORDER - PAGE_SIZE, 2**47, LINUX])
@pytest.mark.parametrize("above", [0, grub.STACK + grub.ADDITIONAL])
def test_the_formulas_go_round_as_the_machine_does(start: int, above: int) -> None:
    """Of random regions both find the same end, for the same tables, after the same rounds."""
    random = Random(start ^ above)
    for _ in range(60):
        tables = start + random.randrange(1, 500_000) * PAGE_SIZE
        found = machine.load(start, tables, above)
        stopped = run(grub.search(above), (start, tables))
        assert found is not None
        assert stopped == (found.made_for,)
        words = number(start), number(tables), number(found.made_for)
        assert int(grub.tables_for(*words)) == found.tables
        assert int(grub.region_end(*words[1:])) == found.end


def test_how_often_the_stack_is_cut() -> None:
    """Of the kernels at Linux's place that end between 768 MiB and 1 GiB a quarter gets a stack that isn't mapped to its top."""
    sizes = range(768 << 20, 1 << 30, 61 * PAGE_SIZE)
    loaded = [machine.load(LINUX, LINUX + size) for size in sizes]
    cut = sum(each is not None and each.stack_top > each.end for each in loaded)
    assert abs(cut / len(sizes) - 0.25) < 0.01
