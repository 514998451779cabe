"""The closed form against the search that it stands for, by two ways of dividing."""

from collections.abc import Callable, Iterator
from random import Random

import pytest
from ptproof.encodings import closed_form
from ptproof.encodings.closed_form import Block, Lines, growing_lines_of, lines_that_leave, nr_pt_pages
from ptproof.encodings.concrete import least_count
from ptproof.encodings.dom0_count import FIRST_TRIED, tables
from ptproof.encodings.dom0_layout import PADDING, ROUNDING_SHIFT
from ptproof.encodings.spans import round_up
from ptproof.formal.layouts.layout import ADDRESS_LIMIT
from ptproof.formal.layouts.paging import COMPAT, OTHER_MODES, PAGING_MODES, X86_64, PagingMode
from ptproof.formal.machine.arrange import region_end, touched
from ptproof.formal.words.word import Word, choose, compiled, number, word
from ptproof.proofs.static.closed_form import divided

LAYOUTS = 1_000
S, T, N = word("v_start"), word("vpt_start"), word("n")


def layouts(seed: str, padding: int) -> Iterator[tuple[int, int]]:
    """Starts of regions and of their tables, half of them near where a region's end passes a border."""
    random = Random(seed)
    for _ in range(LAYOUTS):
        start = random.getrandbits(random.choice((20, 32, 40, 47, 64)))
        length = random.getrandbits(random.choice((14, 20, 22, 28, 31, 38, 41, 47, 62)))
        if random.random() < 0.5:
            border = 1 << random.choice((22, 30, 39, 48))
            end = -(-(start + length) // border) * border
            length = max(0, end - padding - random.randrange(40_000) * 4096 - start)
        yield start & -random.choice((1, 4096)), (start + length) % ADDRESS_LIMIT


MODES = PAGING_MODES | OTHER_MODES


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
@pytest.mark.parametrize(
    ("rounding", "padding"),
    [(ROUNDING_SHIFT, PADDING), (21, 64 << 10), (24, 1 << 20), (30, 3 << 20), (41, 0), (15, 4096)],
    ids=lambda each: f"{each:#x}",
)
def test_the_closed_form_is_what_the_search_finds(mode: PagingMode, rounding: int, padding: int) -> None:
    page = 1 << mode.page_shift
    rounding = max(rounding, mode.page_shift + 3)
    form = compiled([nr_pt_pages(mode, rounding, S, T, number(padding))], (S, T))
    end = round_up(T + N * page + page + padding, rounding)
    needed = compiled([tables(mode, S, end)], (S, T, N))
    for start, tables_at in layouts(f"{mode.name} {rounding}", padding):
        found = least_count(lambda n, at=(start, tables_at): needed(*at, n)[0])  # type: ignore[misc]
        case = hex(start), hex(tables_at)
        assert form(start, tables_at)[0] == found, case
        assert divided(mode, rounding, start, tables_at, padding) == found, case


@pytest.mark.parametrize(("mode", "rounding"), [(X86_64, 12), (X86_64, 13), (COMPAT, 13)])
def test_lines_that_may_hold_only_tables_are_refused(mode: PagingMode, rounding: int) -> None:
    with pytest.raises(ValueError, match="a line may hold nothing but the tables that begin with it"):
        growing_lines_of(mode, rounding)


def _gib_gains(more: int) -> Callable[[Lines], tuple[Block, ...]]:
    """What blocks gain, the GiB's so many pages more."""
    rightly = Lines.gains
    return lambda lines: tuple(
        Block(each.lines, each.gain + (more if each.lines == 8 else 0)) for each in rightly(lines)
    )


def _rounded_down(lines: Lines, pages: Word) -> Word:
    """The lines, the last quotient rounded down: one less than the first that leave more."""
    return lines_that_leave(lines, pages + 1) - 1


def _no_carry(lines: Lines, pages: Word) -> Word:
    """The lines, a last quotient of 256 taken for 0."""
    found = lines_that_leave(lines, pages)
    return choose((found & 0xFF == 0) & (found != _rounded_down(lines, pages)), found - 256, found)


@pytest.mark.parametrize(
    ("name", "mutant", "wanted"),
    [
        ("Lines.gains", _gib_gains(-1), 261631),
        ("Lines.gains", _gib_gains(1), 261632),
        ("lines_that_leave", _rounded_down, 1),
        ("lines_that_leave", _no_carry, 261630),
        ("pages_above_first", lambda _lines, needed: needed, 0),
    ],
    ids=(
        "a GiB leaves less",
        "a GiB leaves more",
        "rounded down",
        "no carry",
        "all lines but the first counted",
    ),
)
def test_a_formula_that_is_a_little_off_is_refuted_by_a_layout(
    monkeypatch: pytest.MonkeyPatch, name: str, mutant: object, wanted: int
) -> None:
    """For the layout that wants so many pages above the first line, the machine finds what the formula says, not the mutant."""
    tables_at = (wanted + 1024 - 5 - 1 - PADDING // 4096) * 4096
    found = FIRST_TRIED
    while touched(X86_64, 0, region_end(tables_at + (found + 1) * 4096)) > found:
        found += 1

    def formula() -> int:
        return int(nr_pt_pages(X86_64, ROUNDING_SHIFT, number(0), number(tables_at), number(PADDING)))

    assert formula() == found
    monkeypatch.setattr(f"{closed_form.__name__}.{name}", mutant)
    assert formula() != found
