"""Lemmas about GRUB's rounds: that they end, and what of the region that they make is left above the tables.

S = v_start and T = vpt_start, where GRUB's tables start; p is what the region was made for, V(p) its end, and n(p) are
the tables that are needed with it. A round goes on while T + 4096 n(p) > V(p), and then makes a region for n(p).
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from ...encodings import domu, grub
from ...encodings.dom0_count import tables
from ...formal.edge.amounts import exactly
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps, Use
from ...formal.words.word import Truth, Word, number, word
from ..shared.region import v_start, vpt_start
from ..toolstack import mappings

pages = word("pages")
end = word("end")

ROOM: Final = grub.STACK + grub.ADDITIONAL
"""What a region has room for above the tables that it is made for, in bytes."""
LINE: Final = 1 << grub.LINE_SHIFT
MOST: Final = 1 + sum(1 << 48 - shift for shift in domu.shifts(X86_64)) + 3
"""What bounds the tables of a round, whatever the region: all of 48 bits, and three for the page beside it."""

FEW: Final = (ADDRESS_LIMIT - 2 * LINE) // PAGE_SIZE
"""So many frames of tables, and what a region has above them, are less than 2^64 bytes."""


def needed() -> Word:
    """n(p)."""
    return grub.tables_for(v_start, vpt_start, pages)


def region_end() -> Word:
    """V(p)."""
    return grub.region_end(vpt_start, pages)


def found(above: int = 0) -> Run:
    """The rounds are over with a region that was made for p frames."""
    return Run(grub.search(above), (v_start, vpt_start), (pages,))


def above_tables() -> Word:
    """How far the region's end is above T, in bytes."""
    return region_end() - vpt_start


def in_order() -> Assumption:
    """The assumption that the tables lie above the region's start."""
    return Assumption("in-order", v_start <= vpt_start, "v_start ≤ vpt_start")


def fits(above: int = 0) -> Assumption:
    """The assumption that the tables, and ``above`` bytes more, end below 2^64."""
    limit = ADDRESS_LIMIT - 1 - above
    condition = (vpt_start <= limit) & (needed() <= (number(limit) - vpt_start) >> PAGE_SHIFT)
    return Assumption(
        "fits", condition, f"{'stack, padding and ' if above else ''}tables end below 2^64, counted from T"
    )


def block() -> Assumption:
    """The assumption that GRUB counts right, which drops the upper bits of addresses."""
    one = v_start >> 48 == (region_end() - 1) >> 48
    return Assumption("block", one, "the region lies within 2^48 bytes from a multiple of that")


@cache
def level_bounded(shift: int) -> Lemma:
    """A level of a mapping has no more tables than 48 bits of address have blocks."""
    last = mappings.last
    return Lemma(
        f"grub-level-bounded[{shift}]",
        f"the tables of a level are 2^{48 - shift} at most",
        Statement(goal=domu.level_tables(X86_64, v_start, last, shift) <= 1 << 48 - shift),
    )


@cache
def page_bounded(shift: int) -> Lemma:
    """A page takes one table of a level at most."""
    page, last = word("page"), mappings.last
    counted = domu.second_level_tables(page, page + (PAGE_SIZE - 1), v_start, last, shift)
    return Lemma(
        f"grub-page-bounded[{shift}]",
        "a page takes one table of a level at most",
        Statement(
            assumptions=(Assumption("page", page & (PAGE_SIZE - 1) == 0, "it is a page"),),
            goal=counted <= 1,
        ),
    )


@cache
def level_few(shift: int, size: int) -> Lemma:
    """A level of a region of at most ``size`` bytes that ends on a line has so many tables at most, wherever it starts."""
    last = mappings.last
    most = _most_of_level(shift, size)
    return Lemma(
        f"grub-level-few[{size >> 20},{shift}]",
        f"V - S ≤ {size >> 20} MiB ⇒ the tables of a level are {most} at most",
        Statement(
            assumptions=(
                Assumption("line", last & (LINE - 1) == LINE - 1, "V is a multiple of 4 MiB"),
                Assumption("small", last - v_start < size, f"the region has {size >> 20} MiB at most"),
            ),
            goal=domu.level_tables(X86_64, v_start, last, shift) <= most,
        ),
    )


def _most_of_level(shift: int, size: int) -> int:
    """Blocks of 2**shift bytes that ``size`` bytes touch: an end on a line is one of blocks that are no larger than lines."""
    return (size >> shift) if shift < grub.LINE_SHIFT else ((size - 1) >> shift) + 2


def most_tables(size: int) -> int:
    """The most tables that go with a region of ``size`` bytes: the root, those below it, and three for the page beside it."""
    return 1 + sum(_most_of_level(shift, size) for shift in domu.shifts(X86_64)) + 3


def _bounded(name: str, meaning: str, most: int, level: Callable[[int], Lemma], *small: Assumption) -> Lemma:
    """No round asks for more tables than ``most``, if no level has more than ``level`` says."""
    first, past, last = number(0), end, end - 1
    own = [domu.level_tables(X86_64, v_start, last, shift) for shift in domu.shifts(X86_64)]
    beside = [
        domu.second_level_tables(page, page + (PAGE_SIZE - 1), v_start, last, shift)
        for page in (first, past)
        for shift in domu.shifts(X86_64)
    ]
    uses: list[Use] = []
    for shift in domu.shifts(X86_64):
        uses.append(level(shift).wherever(last=last))
        uses.extend(page_bounded(shift).wherever(page=page, last=last) for page in (first, past))
    counted = grub.region_tables(v_start, end) + grub.relocator_tables(v_start, end)
    return Lemma(
        name,
        meaning,
        Statement(
            assumptions=(Assumption("line", end & (LINE - 1) == 0, "V is a multiple of 4 MiB"), *small),
            goal=(counted <= most) & (counted >= 1),
        ),
        Steps(uses=tuple(uses), generalise=(*own, *beside)),
    )


@cache
def tables_bounded() -> Lemma:
    """No round asks for more tables than `MOST`."""
    meaning = f"the tables of a round are {MOST:#x} at most, and one at least"
    return _bounded("grub-tables-bounded", meaning, MOST, level_bounded)


@cache
def few_tables(size: int) -> Lemma:
    """No round with a region of at most ``size`` bytes asks for more tables than `most_tables`."""
    return _bounded(
        f"grub-few-tables[{size >> 20}]",
        f"V - S ≤ {size >> 20} MiB ⇒ the tables of a round are {most_tables(size)} at most, and one at least",
        most_tables(size),
        lambda shift: level_few(shift, size),
        Assumption("small", end - 1 - v_start < size, f"the region has {size >> 20} MiB at most"),
    )


@cache
def end_on_a_line() -> Lemma:
    """V(p) is a multiple of 4 MiB, and room and rounding above the tables that it is made for."""
    return Lemma(
        "grub-end",
        "V(p) - T = 4096 p + 1.5 MiB + less than 4 MiB",
        Statement(
            assumptions=(Assumption("few", pages <= FEW, f"p ≤ {FEW:#x}"),),
            goal=(region_end() & (LINE - 1) == 0)
            & (above_tables() >= pages * PAGE_SIZE + ROOM)
            & (above_tables() < pages * PAGE_SIZE + ROOM + LINE),
        ),
    )


def _over(
    name: str, meaning: str, statement: Statement, *uses: Use, generalise: tuple[Word, ...] = ()
) -> Lemma:
    """A statement of what the rounds end with: what is known about every round, and then ``uses``."""
    always = end_on_a_line().at(), tables_bounded().at(end=region_end())
    return Lemma(
        name,
        meaning,
        statement,
        Induction(
            invariant=pages <= MOST,
            step=Steps(uses=always, generalise=(needed(), region_end())),
            end=Steps(uses=(*always, *uses), generalise=(*generalise, needed(), region_end())),
        ),
    )


@cache
def counts() -> Lemma:
    """When the rounds are over all tables end in the region, and those that map it are as many as it takes."""
    last = region_end() - 1
    own, xens = domu.tables(X86_64, v_start, last), tables(X86_64, v_start, last + 1)
    return _over(
        "grub-counts",
        "the rounds end ⇒ 4096 n ≤ V - T, and the region's tables are f(S, V)",
        Statement(
            assumptions=(in_order(), fits(), block()),
            runs=(found(),),
            goal=left(0) & (own == xens),
        ),
        mappings.same_tables(X86_64).at(last=last),
        generalise=(own, xens),
    )


@cache
def rises() -> Lemma:
    """A round that goes on asks for more tables than the one before, and never for more than `MOST`."""
    limit = ADDRESS_LIMIT - 2 * LINE
    room = (vpt_start <= limit) & (pages <= (number(limit) - vpt_start) >> PAGE_SHIFT)
    goes_on = vpt_start + needed() * PAGE_SIZE > region_end()
    return Lemma(
        "grub-rises",
        f"n(p) ≤ {MOST:#x}, and a round that goes on has n(p) > p",
        Statement(
            assumptions=(Assumption("no-wrap", room, "T + 4096 p ≤ 2^64 - 8 MiB"),),
            goal=(needed() <= MOST) & (~goes_on | (needed() > pages)),
        ),
        Steps(
            uses=(end_on_a_line().at(), tables_bounded().at(end=region_end())),
            generalise=(needed(), region_end()),
        ),
    )


def leaves(name: str, meaning: str, bytes_: int, most: int | None, above: int = 0) -> Lemma:
    """When the rounds are over ``bytes_`` are left above the tables, if these are ``most`` at most."""
    few = Assumption("few", needed() <= most, f"{most} tables at most") if most is not None else fits(above)
    return _over(
        name,
        meaning,
        Statement(assumptions=(few,), runs=(found(above),), goal=left(bytes_)),
    )


def leaves_in(name: str, bytes_: int, size: int) -> Lemma:
    """When the rounds are over ``bytes_`` are left above the tables of a region of at most ``size`` bytes."""
    few = Assumption("small", region_end() - 1 - v_start < size, f"the region has {size >> 20} MiB at most")
    return _over(
        name,
        f"V - S ≤ {size >> 20} MiB ⇒ {exactly(bytes_)} are left above the tables",
        Statement(assumptions=(few,), runs=(found(),), goal=left(bytes_)),
        few_tables(size).at(end=region_end()),
    )


def left(bytes_: int) -> Truth:
    """So many bytes are left in the region, above the tables."""
    return needed() * PAGE_SIZE + bytes_ <= above_tables()
