"""The closed form for every rounding and padding against the search that it stands for, by two ways of dividing."""

from itertools import product
from random import Random

import pytest
from ptproof.encodings import closed_form_any_rounding as rounded
from ptproof.encodings.closed_form import Lines, gain
from ptproof.encodings.concrete import least_count
from ptproof.encodings.dom0_count import FIRST_TRIED, tables
from ptproof.encodings.dom0_layout import rounded_end, stack_end
from ptproof.formal.layouts.layout import ADDRESS_LIMIT
from ptproof.formal.layouts.paging import DIFFERENT_MODES, X86_64, PagingMode
from ptproof.formal.machine.arrange import region_end, touched
from ptproof.formal.words.word import Word, choose, compiled, number, word
from ptproof.proofs.static.closed_form_any_rounding import divided
from ptproof.proofs.static.region_in_lines import MOST_ROUNDED

LAYOUTS = 400
MASK, PADDING, S, T, N = (word(each) for each in ("mask", "padding", "v_start", "vpt_start", "n"))
PAGE, MIB = 4096, 1 << 20


@pytest.mark.parametrize("mode", DIFFERENT_MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("above_a_page", [0, 1, 2, 3, 9, 10, 13, 18, 27, 30, None])
def test_the_closed_form_is_what_the_search_finds(mode: PagingMode, above_a_page: int | None) -> None:
    """From a page's rounding to the widest; half of the regions end near a border of some level."""
    page = 1 << mode.page_shift
    rounding = MOST_ROUNDED if above_a_page is None else page << above_a_page
    form = compiled([rounded.nr_pt_pages(mode, MASK, PADDING, S, T)], (MASK, PADDING, S, T))
    end = rounded_end(stack_end(T, N, mode.page_shift), MASK, PADDING)
    needed = compiled([tables(mode, S, end)], (MASK, PADDING, S, T, N))
    random = Random(f"{mode.name} {rounding}")
    for _ in range(LAYOUTS):
        padding = random.choice((0, 0, random.randrange(2 * rounding), random.randrange(MIB)))
        start = random.getrandbits(random.choice((20, 32, 40, 47, 64)))
        length = random.getrandbits(random.choice((14, 20, 22, 28, 31, 38, 41, 47, 62)))
        if random.random() < 0.5:
            border = 1 << random.choice(mode.counted_levels).shift
            length = max(0, -(-(start + length) // border) * border - random.randrange(4000) * page - start)
        at = rounding - 1, padding, start & -random.choice((1, page)), (start + length) % ADDRESS_LIMIT
        found = least_count(lambda n, at=at: needed(*at, n)[0])  # type: ignore[misc]
        assert form(*at)[0] == found, [*map(hex, at)]
        assert divided(mode, rounding, *at[1:]) == found, [*map(hex, at)]


def test_a_page_s_rounding_needs_what_is_kept() -> None:
    """Where a GiB's last page is not enough by the way of `closed_form`, the least region ends before it."""
    pages = 261_632
    lines = rounded.by_page(X86_64)
    found = int(rounded.pages_that_leave(lines, number(0), number(pages)))
    assert found == (1 << 18) - 1
    assert [int(gain(lines, number(each))) for each in (found, found + 1, found + 2)] == [
        pages,
        pages - 1,
        pages,
    ]


def _at_least(lines: Lines, mask: Word, left: Word, already: Word, step: Word) -> tuple[Word, Word]:
    """A bit that is taken also where what comes before its end is just enough."""
    worth = gain(lines, step)
    takes = left >= gain(lines, rounded.up_to_last_line(step, mask))
    return choose(takes, already + step, already), choose(takes, left - worth, left)


def _never_none(lines: Lines, mask: Word, left: Word, already: Word, step: Word) -> tuple[Word, Word]:
    """What is left wraps where it should be none."""
    takes = left > gain(lines, rounded.up_to_last_line(step, mask))
    return choose(takes, already + step, already), choose(takes, left - gain(lines, step), left)


@pytest.mark.parametrize(
    ("name", "mutant", "rounding", "wanted"),
    [
        ("up_to_last_line", lambda step, _mask: step - 1, 2 * MIB, 1),
        ("up_to_last_line", lambda step, mask: step - mask, 2 * MIB, 1),
        ("taken", _at_least, PAGE, 511),
        ("taken", _never_none, 2 * MIB, 261_630),
        ("no_more_than_rounding", lambda _mask, padding: padding, 2 * MIB, 507),
        ("above_first", lambda _mask, needed: needed, 2 * MIB, 0),
    ],
    ids=(
        "up to the last page",
        "up to more than there is",
        "taken when it's enough before",
        "left less than none",
        "more padding than the rounding",
        "all lines but the first counted",
    ),
)
def test_a_formula_that_is_a_little_off_is_refuted_by_a_layout(
    monkeypatch: pytest.MonkeyPatch, name: str, mutant: object, rounding: int, wanted: int
) -> None:
    """For the layout that wants so many pages above the first line, the machine finds what the formula says, not the mutant."""
    padding = 3 * MIB if name == "no_more_than_rounding" else 0
    first = 3 + 1
    tables_at = (wanted + (rounding >> 12) - first - 1) * PAGE
    found = FIRST_TRIED
    while touched(X86_64, 0, region_end(tables_at + (found + 1) * PAGE, rounding, padding)) > found:
        found += 1

    def formula() -> int:
        given = rounding - 1, padding, 0, tables_at
        return int(rounded.nr_pt_pages(X86_64, *map(number, given)))

    assert formula() == found
    monkeypatch.setattr(f"{rounded.__name__}.{name}", mutant)
    assert formula() != found


def test_different_modes_differ() -> None:
    shown = [(mode.levels, mode.page_shift) for mode in DIFFERENT_MODES]
    assert all(one != other for one, other in product(shown, shown) if one is not other)
