"""The count as text to paste: in C for Xen's source, or in Python; closed, by raises, or as the search.

The figures are those of `closed_form` for Xen's rounding and padding, and of `closed_form_any_rounding` for others; `tests/encodings/test_formula_text.py` reads back what is printed here, proves it equal to
the encodings, and compiles it. In C a word is an
``unsigned long`` of 64 bits, and PAGE_SHIFT, PAGE_SIZE and DIV_ROUND_UP are the tree's. The region's end is ⌈E + padding⌉,
E being where the boot stack ends: that is what Xen's two steps come to, as long as the padding is no more than the rounding.
"""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from ..formal.edge.amounts import as_option
from ..formal.edge.errors import InputError
from ..formal.layouts.paging import COMPAT, PAGING_MODES, SV39, X86_64, PagingMode, counted_alike
from ..formal.words.word import number
from .closed_form import Lines, as_needed, gain, lines_of
from .dom0_count import FIRST_TRIED
from .dom0_layout import PADDING, ROUNDING_SHIFT

COLUMNS: Final = 80
RAISES: Final = 5
"""So many raises are enough for every region that has room: the claim ``static``."""


def written(
    mode: PagingMode, rounding: int, padding: int, style: str, language: str, first: int = FIRST_TRIED
) -> str:
    """The text; ``rounding`` and ``padding`` are in bytes, ``first`` is where the search starts.

    Divisions and raises find what the search finds from any start that isn't above the fewest tables there are.
    Raises `InputError` for what has no such formula.
    """
    if rounding < 1 << mode.page_shift or rounding & (rounding - 1):
        raise InputError(
            f"argument --rounding: expected a power of two from {as_option(1 << mode.page_shift)}, found {as_option(rounding)}"
        )
    shift = rounding.bit_length() - 1
    xens = (shift, padding) == (ROUNDING_SHIFT, PADDING)
    if style == "raises" and not (xens and mode in (X86_64, COMPAT)):
        raise InputError(
            f"argument --style: raises are counted for Xen's rounding and padding and its two modes, not for {mode.name}, {as_option(rounding)} and {as_option(padding)}"
        )
    least = _fewest(mode)
    if style != "search" and first > least:
        raise InputError(
            f"argument --start: expected at most {least}, the fewest tables of {mode.title}, for the style {style}: from a higher "
            f"start the search may find more than the region takes; found {first}"
        )
    note = _note(mode, rounding, padding, style, xens=xens, first=first)
    if style == "closed":
        closed = _closed_in_c if language == "c" else _closed_in_python
        body = closed(mode, shift, padding, ahead=not _in_closed_form(mode, rounding, padding))
    else:
        body = _counted(mode, shift, padding, 0 if style == "raises" else first, style, language)
    if language == "c":
        return "\n".join(["/*", *_comment(" * ", note), " */", *body]) + "\n"
    return "\n".join([*_comment("# ", note), *body]) + "\n"


def _comment(before: str, note: list[str]) -> Iterator[str]:
    """The note in lines of a terminal's width, as sources have them."""
    for each in note:
        yield from (f"{before}{line}".rstrip() for line in wrap(each, COLUMNS - len(before)) or [""])


def _in_closed_form(mode: PagingMode, rounding: int, padding: int) -> bool:
    """Whether the claim closed-form is about this count."""
    xens = (rounding, padding) == (1 << ROUNDING_SHIFT, PADDING)
    return xens and counted_alike(mode) in (*PAGING_MODES.values(), SV39)


def _proved(mode: PagingMode, rounding: int, padding: int, style: str, *, xens: bool) -> list[str]:
    """The claim about this count, or that there is none."""
    finds = "this is what the search from 2 finds, for all words v_start and vpt_start."
    exact = "the number found is what the region that it makes needs, neither more nor less."
    if style == "raises":
        return [f"ptproof proves static: {finds}"]
    if style == "closed" and _in_closed_form(mode, rounding, padding):
        return [f"ptproof proves closed-form: {finds}"]
    if style == "search" and xens and counted_alike(mode) in PAGING_MODES.values():
        return [f"ptproof proves exact: {exact}"]
    if counted_alike(mode) is None:
        return ["Compared with the search on samples, not proved: ptproof proves nothing of these levels."]
    claim = f"closed-form-any-rounding: {finds}" if style == "closed" else f"any-rounding: {exact}"
    more = (
        ["The padding is more than the rounding: that is proved of it as part of vpt_start."]
        if padding > rounding
        else []
    )
    return [f"ptproof proves {claim}", *more]


def _note(mode: PagingMode, rounding: int, padding: int, style: str, *, xens: bool, first: int) -> list[str]:
    """What is proved about the text, and under which assumption."""
    proved = _proved(mode, rounding, padding, style, xens=xens)
    proved += _of_start(mode, first)
    if mode in (X86_64, COMPAT) and not (xens and (first == FIRST_TRIED or style != "search")):
        theirs = f"{1 << ROUNDING_SHIFT:#x}, {PADDING:#x} and a search from {FIRST_TRIED}"
        proved.append(f"What if: this isn't Xen's count, which has {theirs}.")
    turn = "half a turn" if "any-rounding" in proved[0] else "one turn"
    return [
        f"Page-table frames of a region from v_start, its tables at vpt_start: {mode.title}.",
        f"The region ends at a multiple of {rounding:#x}, {padding:#x} above the boot stack's page at least.",
        "",
        *proved,
        f"Assumed: counted upwards from v_start, vpt_start comes before the region's end, within {turn} of the address space.",
    ]


def _fewest(mode: PagingMode) -> int:
    """The fewest tables that a region takes: one of each level, or what the level always takes."""
    return sum(1 if each.fixed is None else each.fixed for each in mode.counted_levels)


def _of_start(mode: PagingMode, first: int) -> list[str]:
    """What a start that isn't Xen's means for that."""
    if first == FIRST_TRIED:
        return []
    fewest = _fewest(mode)
    if first > fewest:
        return [
            f"But from {first}, above the fewest tables, {fewest}, it may find more than the region takes."
        ]
    return [f"From {first} the search finds the same: no region takes fewer than {fewest}."]


def _constant(mode: PagingMode, shift: int) -> int:
    return sum(
        max(1, 1 << shift >> each.shift) if each.fixed is None else each.fixed for each in mode.counted_levels
    )


def _parts(mode: PagingMode, shift: int) -> tuple[int, str, str]:
    """log2 of the base, the first line's tables, and all tables."""
    lines = lines_of(mode, shift)
    top = max(shift, as_needed(mode)[-1].shift)
    start = "".join(f" - (start >> {each.shift})" for each in as_needed(mode) if each.shift < top)
    more = [f"(lines << {each})" if each else "lines" for each in lines.tables]
    more += [f"(lines >> {each})" for each in lines.blocks]
    return top, f"{_constant(mode, shift)}{start}", " + ".join(["first", *more])


def _divisors(lines: Lines, *, ahead: bool) -> list[tuple[int, int, int]]:
    """The divisors but the last, the widest block's first: log2 of their lines, and what is added to be divided.

    ``ahead`` is the way of `closed_form_any_rounding`: a block is taken where all but its last line isn't enough.
    """
    wide = lines.gains()[:0:-1]
    return [
        (each.gain, each.lines, each.gain - 1 - _gain(lines, (1 << each.lines) - 1) if ahead else 0)
        for each in wide
    ]


def _gain(lines: Lines, more: int) -> int:
    """The pages that are no tables in so many lines."""
    return int(gain(lines, number(more)))


def _closed_in_c(mode: PagingMode, shift: int, padding: int, *, ahead: bool) -> list[str]:
    lines = lines_of(mode, shift)
    top, first, total = _parts(mode, shift)
    divisors, single = _divisors(lines, ahead=ahead), lines.gains()[0].gain
    kept = any(added < 0 for _, _, added in divisors)
    text = [
        "static unsigned long __init nr_pt_pages(unsigned long v_start,",
        "                                        unsigned long vpt_start)",
        "{",
        f"    const unsigned long base = v_start & -(1UL << {top});",
        *(["    const unsigned long start = v_start - base;"] if "start" in first else []),
        f"    unsigned long pages, first, left, {'kept, ' if kept else ''}lines = 0;",
        "",
        "    /* Up to the end of the padding, if there were no tables. */",
        f"    pages = DIV_ROUND_UP(vpt_start - base + PAGE_SIZE + {padding:#x}UL, PAGE_SIZE);",
        f"    /* The tables of a region that ends with the first {1 << shift:#x} bytes. */",
        f"    first = {first};",
        f"    left = pages + first > {1 << lines.pages} ? pages + first - {1 << lines.pages} : 0;",
        "",
        "    /* What each block leaves for pages that are no tables, the widest first. */",
    ]
    for divisor, log, added in divisors:
        text += [f"    {each}" for each in _divided_in_c(divisor, log, added)]
    last = f"DIV_ROUND_UP(left, {single})" if single > 1 else "left"
    return [*text, f"    lines += {last};", "", f"    return {total};", "}"]


def _divided_in_c(divisor: int, log: int, added: int) -> list[str]:
    """One division, ``added`` to what is left; where that is negative, so much of it is kept for the blocks below."""
    if not added:
        return [f"lines += (left / {divisor}) << {log};", f"left %= {divisor};"]
    if added > 0:
        return [
            f"lines += ((left + {added}) / {divisor}) << {log};",
            f"left = (left + {added}) % {divisor};",
            f"left = left > {added} ? left - {added} : 0;",
        ]
    return [
        f"kept = left < {-added} ? left : {-added};",
        f"lines += ((left - kept) / {divisor}) << {log};",
        f"left = (left - kept) % {divisor} + kept;",
    ]


def _closed_in_python(mode: PagingMode, shift: int, padding: int, *, ahead: bool) -> list[str]:
    lines = lines_of(mode, shift)
    top, first, total = _parts(mode, shift)
    page = 1 << mode.page_shift
    text = [
        "def nr_pt_pages(v_start: int, vpt_start: int) -> int:",
        f"    start = v_start % (1 << {top})",
        "    above = (vpt_start - v_start) % (1 << 64) + start",
        f"    pages = -(-(above + {page} + {padding:#x}) // {page})",
        f"    first = {first}",
        f"    left = max(0, pages + first - {1 << lines.pages})",
        "    lines = 0",
    ]
    for divisor, log, added in _divisors(lines, ahead=ahead):
        text += [f"    {each}" for each in _divided_in_python(divisor, log, added)]
    single = lines.gains()[0].gain
    last = f"-(-left // {single})" if single > 1 else "left"
    return [*text, f"    lines += {last}", f"    return {total}"]


def _divided_in_python(divisor: int, log: int, added: int) -> list[str]:
    """The same in Python."""
    if not added:
        return [f"lines += (left // {divisor}) << {log}", f"left %= {divisor}"]
    if added > 0:
        return [
            f"lines += ((left + {added}) // {divisor}) << {log}",
            f"left = max(0, (left + {added}) % {divisor} - {added})",
        ]
    return [
        f"kept = min(left, {-added})",
        f"lines += ((left - kept) // {divisor}) << {log}",
        f"left = (left - kept) % {divisor} + kept",
    ]


def _one_a_line(total: str) -> list[str]:
    """A sum with each of what is added in a line of its own."""
    return f"            {total}".replace(" + ", "\n            + ").splitlines()


def _counted(mode: PagingMode, shift: int, padding: int, first: int, style: str, language: str) -> list[str]:
    """From the count ``first``: the search, or a fixed number of counts in a row."""
    levels = [
        f"NR({each.shift})" if each.fixed is None else str(each.fixed)
        for each in reversed(mode.counted_levels)
    ]
    total, line = " + ".join(levels), (1 << shift) - 1
    if language == "c":
        head = [
            "static unsigned long __init nr_pt_pages(unsigned long v_start,",
            "                                        unsigned long vpt_start)",
            "{",
            f"    unsigned long n = {first}, end, needed;",
            *(["    unsigned int i;"] if style == "raises" else []),
            "",
            "#define NR(s) \\",
            "    ((((end + ((1UL << (s)) - 1)) & -(1UL << (s))) \\",
            "      - (v_start & -(1UL << (s)))) >> (s))",
        ]
        count = [
            f"        end = vpt_start + (n + 1) * PAGE_SIZE + {padding:#x}UL;",
            f"        end = (end + {line:#x}UL) & ~{line:#x}UL;",
            f"        needed = {total};",
        ]
        if style == "raises":
            loop = [f"    for ( i = 0; i <= {RAISES}; i++ )", "    {", *count, "        n = needed;", "    }"]
        else:
            loop = [
                "    for ( ; ; n++ )",
                "    {",
                *count,
                "        if ( needed <= n )",
                "            break;",
                "    }",
            ]
        return [*head, *loop, "#undef NR", "", "    return n;", "}"]
    page = 1 << mode.page_shift
    calls = total.replace("NR(", "blocks(end, ")
    needed = f"        needed = {calls}"
    count = [
        f"        end = vpt_start + (n + 1) * {page} + {padding:#x}",
        f"        end = (end + {line:#x}) & ~{line:#x}",
        *([needed] if len(needed) <= COLUMNS else ["        needed = (", *_one_a_line(calls), "        )"]),
    ]
    head = [
        "def nr_pt_pages(v_start: int, vpt_start: int) -> int:",
        "    def blocks(end: int, shift: int) -> int:",
        "        return (-(-end >> shift) - (v_start >> shift)) % (1 << (64 - shift))",
        "",
        f"    n = {first}",
    ]
    if style == "raises":
        return [*head, f"    for _ in range({RAISES + 1}):", *count, "        n = needed", "    return n"]
    return [
        *head,
        "    while True:",
        *count,
        "        if needed <= n:",
        "            return n",
        "        n += 1",
    ]
