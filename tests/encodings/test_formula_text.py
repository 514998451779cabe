"""The text that is to be pasted: read back it is the encoding, and compiled or executed it gives what the search gives."""

import shutil
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from formula_reading import Reading, ahead_goals, closed_goals, is_raised, search_goals
from ptproof.encodings.formula_text import RAISES, written
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.paging import (
    ARM64_64K,
    COMPAT,
    FIVE_LEVEL,
    I386_PAE,
    OTHER_MODES,
    PAGING_MODES,
    SV48,
    X86_64,
    PagingMode,
)
from ptproof.formal.logic.rule import obligations
from ptproof.formal.logic.theorem import Lemma
from ptproof.formal.solvers.solver import Solver

MIB, KIB = 1 << 20, 1 << 10
Sizes = tuple[int, int]
XENS = (4 * MIB, 512 * KIB)
SIZES = (XENS, (2 * MIB, 64 * KIB), (16 * MIB, MIB), (1 << 30, 3 * MIB))
PAGE = (4 * KIB, 0)
TWO_PAGES = (8 * KIB, 64 * KIB)
COMPILER = shutil.which("cc")
INPUTS = 1_000_000
RAISED = [(mode, XENS, "raises") for mode in (X86_64, COMPAT)]
DIVIDED = [
    *((mode, sizes, "closed") for mode in (X86_64, COMPAT) for sizes in SIZES),
    *((mode, XENS, "closed") for mode in PAGING_MODES.values() if mode not in (X86_64, COMPAT)),
    *((mode, SIZES[2], "closed") for mode in OTHER_MODES.values()),
    *((mode, sizes, "closed") for mode in (X86_64, COMPAT) for sizes in (PAGE, TWO_PAGES)),
    (FIVE_LEVEL, PAGE, "closed"),
    (ARM64_64K, XENS, "closed"),
]
COMPILED = [*RAISED, *DIVIDED]

# Half of the regions end near a border of 4 MiB, 1 GiB or 512 GiB, below 100 MiB all: the search goes one by one.
HARNESS = """
#include <stdio.h>
#include <stdlib.h>
#define __init
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
typedef unsigned long count(unsigned long v_start, unsigned long vpt_start);
FUNCTIONS
static const struct { count *given, *search; unsigned long page; } cases[] = { CASES };
static unsigned long seed = 0x9E3779B9;
static unsigned long next(void)
{
    seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
    return seed;
}
int main(int argc, char **argv)
{
    static const int borders[] = { 22, 30, 39, 48 };
    int which = atoi(argv[argc - 2]);
    unsigned long page = cases[which].page;
    for ( long i = 0; i < atol(argv[argc - 1]); i++ )
    {
        unsigned long length = next() % (100UL << 20);
        unsigned long start = next() >> next() % 64, given, found;
        if ( next() & 1 )
        {
            unsigned long border = 1UL << borders[next() % 4];
            start = (start & -border) + border - (512UL << 10) - length - next() % (64 * page);
        }
        if ( next() & 1 )
            start &= -page, length &= -page;
        given = cases[which].given(start, start + length);
        found = cases[which].search(start, start + length);
        if ( given != found )
        {
            printf("%#lx %#lx: %lu and %lu\\n", start, start + length, given, found);
            return 1;
        }
    }
    return 0;
}
"""


def title(case: object) -> str:
    """A part of a case, for a test's name."""
    return case.name if isinstance(case, PagingMode) else str(case)


CLOSED = written(X86_64, *XENS, "closed", "c")
MUTANTS = {
    "a block of a page less": ("/ 261631", "/ 261630"),
    "a remainder by another": ("left %= 261631", "left %= 261630"),
    "the carry forgotten": ("DIV_ROUND_UP(left, 1022)", "(left / 1022)"),
    "rounded up twice": ("DIV_ROUND_UP(left, 1022)", "(left / 1022 + 1)"),
    "lines of another block": (") << 17", ") << 16"),
    "a table less to begin with": ("5 - (start >> 21)", "4 - (start >> 21)"),
    "a page less of padding": ("0x80000UL", "0x7f000UL"),
    "no stack": (" + PAGE_SIZE + 0x80000UL", " + 0x80000UL"),
    "counted from 0": ("start = v_start - base", "start = v_start"),
    "the first line twice": ("first - 1024 : 0", "first - 2048 : 0"),
    "an L2 for each 512 lines": ("(lines >> 8)", "(lines >> 9)"),
}
MUTANTS_AHEAD = {
    "a block of a page less": (SIZES[1], "/ 261631", "/ 261630"),
    "added one too many": (SIZES[1], "left + 509", "left + 510"),
    "nothing added": (SIZES[1], "(left + 509)", "left"),
    "what was added stays": (SIZES[1], "left > 509 ? left - 509 : 0", "left"),
    "rounded down": (SIZES[1], "DIV_ROUND_UP(left, 511)", "(left / 511)"),
    "nothing kept": (PAGE, "left < 2 ? left : 2", "0"),
    "one kept": (PAGE, "left < 2 ? left : 2", "left < 1 ? left : 1"),
    "what was kept is lost": (PAGE, "% 511 + kept", "% 511"),
    "a line less to begin with": (PAGE, "first - 1 : 0", "first : 0"),
}


def named(text: str, name: str) -> str:
    """A function in C by another name."""
    return text.replace("nr_pt_pages(", f"{name}(")


def in_python(mode: PagingMode, sizes: Sizes, style: str) -> object:
    """The function in Python."""
    scope: dict[str, object] = {}
    exec(written(mode, *sizes, style, "python"), scope)  # noqa: S102 - our own text
    return scope["nr_pt_pages"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All functions, and the mutants after them, in one compiled program: it takes a case's number, and how many inputs."""
    if COMPILER is None:
        pytest.skip("needs a C compiler")
    functions, cases = [], []
    texts = [(mode, sizes, written(mode, *sizes, style, "c")) for mode, sizes, style in COMPILED]
    texts += [(X86_64, XENS, CLOSED.replace(*change)) for change in MUTANTS.values()]
    for place, (mode, sizes, text) in enumerate(texts):
        page = f"{1 << mode.page_shift}UL"
        functions.append(f"#undef PAGE_SIZE\n#define PAGE_SIZE {page}\n{named(text, f'given_{place}')}")
        functions.append(named(written(mode, *sizes, "search", "c"), f"search_{place}"))
        cases.append(f"{{ given_{place}, search_{place}, {page} }}")
    folder = tmp_path_factory.mktemp("formulas")
    source, compiled = folder / "formulas.c", folder / "formulas"
    filled = HARNESS.replace("FUNCTIONS", "\n".join(functions)).replace("CASES", ", ".join(cases))
    source.write_text(filled, encoding="utf-8")
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run([COMPILER, "-O2", *warnings, "-o", compiled, source], check=True, timeout=120)
    return compiled


def ran(program: Path, case: int, inputs: int) -> tuple[int, str]:
    """The status of the program, and what it says."""
    ended = subprocess.run(
        [program, str(case), str(inputs)], capture_output=True, text=True, timeout=300, check=False
    )
    return ended.returncode, ended.stdout


@pytest.mark.parametrize(
    "case",
    range(len(COMPILED)),
    ids=lambda case: " ".join(map(str, (COMPILED[case][0].name, *COMPILED[case][1:]))),
)
def test_compiled_it_finds_what_the_loop_finds(program: Path, case: int) -> None:
    mode, sizes, _ = COMPILED[case]
    xens = mode in (X86_64, COMPAT) and sizes == XENS
    assert ran(program, case, INPUTS if xens else INPUTS // 20) == (0, "")


@pytest.mark.parametrize("name", MUTANTS)
def test_compiled_a_changed_text_is_noticed(program: Path, name: str) -> None:
    status, said = ran(program, len(COMPILED) + list(MUTANTS).index(name), INPUTS)
    assert (status, " and " in said) == (1, True)


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    """One solver for all goals."""
    asked = Solver(seconds=60)
    yield asked
    asked.close()


def open_goals(solver: Solver, goals: Iterator[Lemma] | list[Lemma]) -> Iterator[str]:
    """What isn't proved; no more is asked than is looked at."""
    for goal in goals:
        for each in obligations(goal):
            if (status := solver.ask(each.conditions).status) != "unsat":
                yield f"{goal.name}: {status}"


@pytest.mark.parametrize(("mode", "sizes"), [each[:2] for each in DIVIDED], ids=title)
def test_read_back_the_divisions_are_the_encodings(mode: PagingMode, sizes: Sizes, solver: Solver) -> None:
    text = written(mode, *sizes, "closed", "c")
    shift = sizes[0].bit_length() - 1
    goals = closed_goals if "proves closed-form:" in text else ahead_goals
    assert list(open_goals(solver, goals(text, mode, shift, sizes[1]))) == []


@pytest.mark.parametrize("name", MUTANTS_AHEAD)
def test_read_back_a_changed_text_for_another_rounding_is_noticed(name: str, solver: Solver) -> None:
    sizes, old, new = MUTANTS_AHEAD[name]
    text = written(X86_64, *sizes, "closed", "c")
    changed = text.replace(old, new)
    assert changed != text
    goals = ahead_goals(changed, X86_64, sizes[0].bit_length() - 1, sizes[1])
    assert any(goal.endswith(": sat") for goal in open_goals(solver, goals))


@pytest.mark.parametrize("name", MUTANTS)
def test_read_back_a_changed_text_is_noticed(name: str, solver: Solver) -> None:
    changed = CLOSED.replace(*MUTANTS[name])
    assert changed != CLOSED
    assert any(
        goal.endswith(": sat") for goal in open_goals(solver, closed_goals(changed, X86_64, 22, XENS[1]))
    )


@pytest.mark.parametrize("first", [2, 4])
@pytest.mark.parametrize(
    ("mode", "sizes"),
    [*product((X86_64, COMPAT), (*SIZES, PAGE)), *(each[:2] for each in DIVIDED[8:])],
    ids=title,
)
def test_read_back_search_and_raises_are_the_encodings(
    mode: PagingMode, sizes: Sizes, first: int, solver: Solver
) -> None:
    shift = sizes[0].bit_length() - 1
    text = written(mode, *sizes, "search", "c", first)
    goals, needed = search_goals(text, mode, shift, sizes[1], first)
    assert list(open_goals(solver, goals)) == []
    if (mode, sizes, "raises") in RAISED:
        assert is_raised(written(mode, *sizes, "raises", "c"), mode, needed, RAISES + 1)


@pytest.mark.parametrize(
    "change",
    [
        ("NR(30)", "NR(31)"),
        ("needed <= n", "needed < n"),
        ("n = 2,", "n = 3,"),
        ("(n + 1)", "n"),
        ("0x3fffffUL)", "0x1fffffUL)"),
        ("n++", "n += 2"),
    ],
    ids=str,
)
def test_read_back_a_changed_search_is_noticed(change: tuple[str, str], solver: Solver) -> None:
    text = written(X86_64, *XENS, "search", "c")
    assert text != text.replace(*change)
    goals, _ = search_goals(text.replace(*change), X86_64, 22, XENS[1], 2)
    assert any(open_goals(solver, goals))


def test_read_back_changed_raises_are_noticed() -> None:
    _, needed = search_goals(written(COMPAT, *XENS, "search", "c"), COMPAT, 22, XENS[1], 2)
    text = written(COMPAT, *XENS, "raises", "c")
    for old, new in (("i <= 5", "i <= 4"), ("n = 0", "n = 1"), ("+ 4 +", "+ 3 +")):
        assert not is_raised(text.replace(old, new), COMPAT, needed, RAISES + 1)


def test_what_is_not_understood_is_not_taken_for_equal() -> None:
    odd = CLOSED.replace("left / 261631", "left / PAGES")
    with pytest.raises(AssertionError, match="not understood"):
        Reading(odd, X86_64).go_to_the_end()


@pytest.mark.parametrize(
    ("mode", "sizes"),
    [*((mode, XENS) for mode in PAGING_MODES.values()), *((X86_64, sizes) for sizes in (SIZES[1], PAGE))],
    ids=title,
)
def test_in_python_it_finds_what_the_loop_finds(mode: PagingMode, sizes: Sizes) -> None:
    closed, search = (in_python(mode, sizes, style) for style in ("closed", "search"))
    for start, length in product(
        (0, 0xFFF, 0x3FE00000, 2**39 - 2**22, 2**64 - 2**31), range(0, 64 * MIB, 0x5F123)
    ):
        at = start, start + length
        assert closed(*at) == search(*at), at  # type: ignore[operator]


@pytest.mark.parametrize(
    ("mode", "sizes", "style", "says"),
    [
        (X86_64, (3 * MIB, 0), "closed", "--rounding: expected a power of two from 4K, found 3M"),
        (X86_64, (2 * MIB, 0), "raises", "not for 64, 2M and 0"),
    ],
)
def test_what_has_no_formula_is_refused(mode: PagingMode, sizes: Sizes, style: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        written(mode, *sizes, style, "c")


def test_what_is_proved_is_said() -> None:
    """By claim; and that nothing is proved of levels that no claim is about."""
    assert "ptproof proves closed-form:" in CLOSED
    assert "ptproof proves closed-form:" in written(SV48, *XENS, "closed", "c")
    for sizes in (*SIZES[1:], PAGE):
        assert "ptproof proves closed-form-any-rounding:" in written(X86_64, *sizes, "closed", "c")
        assert "ptproof proves any-rounding:" in written(ARM64_64K, sizes[0] << 4, 0, "search", "c")
    for style in ("closed", "search"):
        assert "on samples, not proved" in written(I386_PAE, *SIZES[1], style, "c")


def test_more_padding_than_the_rounding_is_proved_as_part_of_vpt_start() -> None:
    text = written(X86_64, *TWO_PAGES, "closed", "python").replace("\n# ", " ")
    assert "proved of it as part of vpt_start" in text


@pytest.mark.parametrize("mode", [*PAGING_MODES.values(), *OTHER_MODES.values()], ids=lambda mode: mode.name)
def test_no_line_is_wider_than_sources_have_them(mode: PagingMode) -> None:
    """80 columns, for every style that the mode has, in both languages."""
    styles = ("closed", "search", "raises") if mode in {X86_64, COMPAT} else ("closed", "search")
    for style, language in product(styles, ("c", "python")):
        lines = written(mode, *XENS, style, language).splitlines()
        assert [line for line in lines if len(line) > 80] == []
