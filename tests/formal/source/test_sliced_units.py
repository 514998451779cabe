"""Slices as a compiler reads them, in a real tree: each of them is compared, and whatever comes out otherwise is noticed."""

import shutil
from collections.abc import Iterator, Sequence
from functools import cache

import pytest
from attrs import evolve
from ptproof.formal.c.tree_files import opened
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.source import sliced_units
from ptproof.formal.source.compiled_units import Read, Unit, held_against
from ptproof.formal.source.dom0_source import dom0_source
from ptproof.formal.source.grub_source import grub_source
from ptproof.formal.source.questions import Piece
from ptproof.formal.source.second_reader import read_again
from ptproof.formal.source.summaries import SUMMARIES
from ptproof.proofs.source.builder import questions
from real_trees import BUILDER, grub, toolstack, trees

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")
MODES = pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
ASKED_BY_NAME = {
    "get_memsize",
    "memsize_gt_zero",
    "is_pv_domain",
    "boot_cpu_has",
    "HYPERVISOR_COMPAT_VIRT_START",
}
"""What gives the same each time, and is an input."""


@cache
def pieces() -> tuple[Piece, ...]:
    """The builder's, the toolstack's and GRUB's."""
    toolstack()
    with opened(str(trees()[0])) as tree:
        found = questions.inquiry(dom0_source(tree))
    with opened(str(grub())) as tree:
        source = grub_source(tree)
        assert source is not None
        loader = questions.inquiry(source).loader
    return (*found.builder, *(found.toolstack or ()), *loader)


def reads(mode: PagingMode) -> Sequence[Read]:
    """What the pieces for a sort of guest rest on, each once."""
    return tuple(
        {id(each): each for piece in pieces() if piece.mode is mode for each in piece.reads}.values()
    )


def off(unit: Unit) -> Iterator[Unit]:
    """The unit, as if one thing after the other had been read that is another one."""
    for place in range(len(unit.outputs) + 1):
        yield evolve(
            unit,
            cases=[
                (
                    case,
                    tuple(
                        each ^ 1 if at == place and each is not None else each for at, each in enumerate(came)
                    ),
                )
                for case, came in unit.cases
            ],
        )


def test_every_summary_is_written_in_c() -> None:
    known = {*sliced_units._STUBS, *sliced_units._ANYTHING, *sliced_units._ALWAYS, *ASKED_BY_NAME}
    assert set(SUMMARIES) <= known


@needs_gcc
@MODES
def test_every_piece_is_compared(mode: PagingMode) -> None:
    """On eighty cases at least; gcc says the same in each."""
    assert all(each.reads for each in pieces())
    found = read_again(None, reads(mode))
    for piece in pieces():
        if piece.mode is mode:
            came = found.of(piece.reads)
            assert (came.why, came.differs) == ("", "")
            assert came.layouts > 80


@needs_gcc
@MODES
def test_whatever_comes_out_otherwise_is_noticed(mode: PagingMode) -> None:
    """Every variable, what is noted of every frame, all that is in memory, and whether the end is come to."""
    units = [each for read in reads(mode) for unit in read.units() for each in off(unit)]
    assert len(units) > 100
    assert [each for each in held_against(units) if not each.differs] == []


@needs_gcc
def test_a_difference_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading that takes an entry's flags away is noticed where entries are written."""
    monkeypatch.setitem(
        sliced_units._STUBS, "l1e_from_pfn", "(a, f) ((l1_pgentry_t){ (unsigned long)(a) << 12 })"
    )
    found = read_again(None, reads(X86_64))
    assert found.differs.startswith(f"{BUILDER}:")
    assert "what memory holds is" in found.differs
