"""The text that is to be pasted: compiled or executed, it gives what the search gives."""

import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest
from ptproof.encodings.formula_text import written
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.paging import COMPAT, OTHER_MODES, PAGING_MODES, X86_64, PagingMode

MIB, KIB = 1 << 20, 1 << 10
XENS = (4 * MIB, 512 * KIB)
SIZES = (XENS, (2 * MIB, 64 * KIB), (16 * MIB, MIB), (1 << 30, 3 * MIB))
COMPILER = shutil.which("cc")
INPUTS = 1_000_000

# Half of the regions end near a border of 4 MiB, 1 GiB or 512 GiB, below 100 MiB all: the search goes one by one.
HARNESS = """
#include <stdio.h>
#define __init
#define PAGE_SIZE %(page)dUL
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
%(functions)s
static unsigned long seed = %(seed)d;
static unsigned long next(void)
{
    seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
    return seed;
}
int main(void)
{
    static const int borders[] = { 22, 30, 39, 48 };
    for ( long i = 0; i < %(inputs)d; i++ )
    {
        unsigned long length = next() %% (100UL << 20);
        unsigned long start = next() >> next() %% 64;
        if ( next() & 1 )
        {
            unsigned long border = 1UL << borders[next() %% 4];
            start = (start & -border) + border - (512UL << 10) - length - next() %% (64 * PAGE_SIZE);
        }
        if ( next() & 1 )
            start &= -PAGE_SIZE, length &= -PAGE_SIZE;
        if ( closed(start, start + length) != search(start, start + length) )
        {
            printf("%%#lx %%#lx: %%lu and %%lu\\n", start, start + length,
                   closed(start, start + length), search(start, start + length));
            return 1;
        }
    }
    return 0;
}
"""


def in_c(mode: PagingMode, sizes: tuple[int, int], style: str, name: str) -> str:
    """A function in C, by the name ``name``."""
    return written(mode, *sizes, style, "c").replace("nr_pt_pages(", f"{name}(")


def in_python(mode: PagingMode, sizes: tuple[int, int], style: str) -> object:
    """The function in Python."""
    scope: dict[str, object] = {}
    exec(written(mode, *sizes, style, "python"), scope)  # noqa: S102 - our own text
    return scope["nr_pt_pages"]


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
@pytest.mark.parametrize(
    ("mode", "sizes", "style"),
    [(mode, XENS, style) for mode, style in product((X86_64, COMPAT), ("closed", "raises"))]
    + [(mode, sizes, "closed") for mode in PAGING_MODES.values() for sizes in SIZES[1:]]
    + [(mode, SIZES[2], "closed") for mode in OTHER_MODES.values()],
    ids=lambda each: each.name if isinstance(each, PagingMode) else str(each),
)
def test_compiled_it_finds_what_the_loop_finds(
    mode: PagingMode, sizes: tuple[int, int], style: str, tmp_path: Path
) -> None:
    functions = in_c(mode, sizes, style, "closed") + in_c(mode, sizes, "search", "search")
    inputs = INPUTS if (mode, sizes) == (X86_64, XENS) else INPUTS // 20
    source = tmp_path / "formula.c"
    source.write_text(
        HARNESS
        % {"functions": functions, "seed": 0x9E3779B9, "inputs": inputs, "page": 1 << mode.page_shift},
        encoding="utf-8",
    )
    program = tmp_path / "formula"
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run([str(COMPILER), "-O2", *warnings, "-o", program, source], check=True, timeout=60)
    ran = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.parametrize("mode", PAGING_MODES.values(), ids=lambda mode: mode.name)
def test_in_python_it_finds_what_the_loop_finds(mode: PagingMode) -> None:
    closed, search = (in_python(mode, XENS, style) for style in ("closed", "search"))
    for start, length in product(
        (0, 0xFFF, 0x3FE00000, 2**39 - 2**22, 2**64 - 2**31), range(0, 64 * MIB, 0x5F123)
    ):
        at = start, start + length
        assert closed(*at) == search(*at), at  # type: ignore[operator]


@pytest.mark.parametrize(
    ("mode", "sizes", "style", "says"),
    [
        (X86_64, (3 * MIB, 0), "closed", "--rounding: expected a power of two from 0x1000, found 0x300000"),
        (X86_64, (4096, 0), "closed", "no closed form for 64-bit, rounded to 4096 bytes"),
        (X86_64, (2 * MIB, 0), "raises", "not for 64, 0x200000 and 0x0"),
    ],
)
def test_what_has_no_formula_is_refused(
    mode: PagingMode, sizes: tuple[int, int], style: str, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        written(mode, *sizes, style, "c")


def test_a_formula_that_is_not_proved_says_so() -> None:
    assert "ptproof proves closed-form" in written(X86_64, *XENS, "closed", "c")
    for sizes in SIZES[1:]:
        assert "on samples, not proved" in written(X86_64, *sizes, "closed", "c")


@pytest.mark.parametrize("mode", [*PAGING_MODES.values(), *OTHER_MODES.values()], ids=lambda mode: mode.name)
def test_no_line_is_wider_than_sources_have_them(mode: PagingMode) -> None:
    """80 columns, for every style that the mode has, in both languages."""
    styles = ("closed", "search", "raises") if mode in {X86_64, COMPAT} else ("closed", "search")
    for style, language in product(styles, ("c", "python")):
        lines = written(mode, *XENS, style, language).splitlines()
        assert [line for line in lines if len(line) > 80] == []
