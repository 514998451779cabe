"""NetBSD's counts, by the formulas and by the machine, on many kernels."""

from random import Random

import pytest
from ptproof.encodings import netbsd
from ptproof.formal.layouts.paging import PAGE_SIZE
from ptproof.formal.logic.search import run
from ptproof.formal.others import netbsd as machine
from ptproof.formal.words.word import number


@pytest.mark.parametrize(
    ("base", "text", "directories"),
    [(2**64 - (2 << 30), 2**64 - (2 << 30) + (2 << 20), 4), (3 << 30, (3 << 30) + (1 << 20), 6)],
    ids=["amd64", "PAE"],
)
def test_the_formulas_search_as_the_machine_does(base: int, text: int, directories: int) -> None:
    """Of random kernels both find the same counts, and with PAE each table maps something."""
    random = Random(directories)
    for _ in range(100):
        size = random.randrange(1, 1 << 17) * PAGE_SIZE
        first = int(netbsd.first_pae(number(size))) if directories == netbsd.DIRECTORIES_PAE else 49
        kernel = machine.Kernel(text=text, base=base, size=size, directories=directories, first=first)
        count = machine.search(kernel)
        assert run(netbsd.search(), (text, base, size, directories, first)) == (count,)
        words = [number(each) for each in (text, size, directories, count)]
        end = machine.map_end(kernel, count)
        assert int(netbsd.end(*words)) == end
        tables = list(machine.filled(text, end, count))
        assert sum(tables) == end - text
        assert sum(map(bool, tables)) == int(netbsd.needed(*words))
        assert all(tables) or directories == netbsd.DIRECTORIES_AMD64


def test_the_formulas_find_the_temporary_tables_as_the_machine_does() -> None:
    """From random places."""
    random = Random(7)
    base = 2**64 - (2 << 30)
    for _ in range(100):
        start, final = base + random.randrange(1 << 17) * PAGE_SIZE, random.randrange(49, 200)
        count = machine.temporary(base, 4, start, final)
        assert run(netbsd.temporary(), (start, base, 4, final)) == (count,)
