"""What is said to hold for all values does, on random terms; and a loop's rounds are leapt over."""

import random

import pytest
from ptproof.encodings.dom0_count import tables_for
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.words.word import compiled, word
from ptproof.proofs.source.ranges import holds_throughout
from random_terms import random_truth

a, b = word("a", 6), word("b", 6)


def test_what_holds_for_certain_holds() -> None:
    """For each value between the bounds."""
    source = random.Random(1)
    certain = 0
    for _ in range(3000):
        condition = random_truth(source, (a, b), 3)
        holds, surely = compiled([condition], [a, b]), holds_throughout(condition, [a], b)
        value, first = source.randrange(64), source.randrange(64)
        last = source.choice([first, min(first + source.randrange(8), 63)])
        really = all(holds(value, each)[0] for each in range(first, last + 1))
        told = surely(value, first, last)
        assert really or not told, condition
        certain += told
    assert certain > 500


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
def test_a_search_goes_on_for_long(mode: PagingMode) -> None:
    """As far as to the last count but a few; that it stops isn't called going on."""
    start, tables_start, count = word("v_start"), word("vpt_start"), word("n")
    goes_on = count < tables_for(mode, start, tables_start, count)
    surely = holds_throughout(goes_on, [start, tables_start], count)
    holds = compiled([goes_on], [start, tables_start, count])
    last = next(each for each in range(2, 4000) if not holds(0, 1 << 31, each)[0])
    assert last > 1000
    assert surely(0, 1 << 31, 2, last - 10)
    assert not surely(0, 1 << 31, 2, last)


def test_other_inputs_are_refused() -> None:
    """They would have no value."""
    with pytest.raises(ValueError, match="no value for input b"):
        holds_throughout(a < b, [], a)
