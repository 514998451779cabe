"""Slices as a compiler reads them, in a real tree: each of them is compared, and whatever comes out otherwise is noticed."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial

import pytest
from attrs import evolve
from ptproof.formal.c.tree_files import opened
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.source import sliced_units
from ptproof.formal.source.compiled_units import Read, Unit, held_against
from ptproof.formal.source.dom0_source import Dom0Source, dom0_source
from ptproof.formal.source.domu_source import DomuSource, counted, domu_source, tried
from ptproof.formal.source.grub_source import grub_source
from ptproof.formal.source.questions import Piece
from ptproof.formal.source.second_reader import read_again
from ptproof.formal.source.summaries import SUMMARIES
from ptproof.formal.words.word import word
from ptproof.proofs.source.builder import before_mapping, domu, fill_up, physmap, questions, read_only_walk
from ptproof.proofs.source.builder.pieces import note, noted_reads
from real_trees import BUILDER, TOOLSTACK, edited_at, grub, toolstack, trees
from translator_mutants import MUTANTS, OPERATORS

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
    """But for what copies memory: that isn't compared."""
    known = {"memcpy", *sliced_units._STUBS, *sliced_units._ANYTHING, *sliced_units._ALWAYS, *ASKED_BY_NAME}
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


@needs_gcc
def test_what_an_other_place_holds_is_given_to_the_compiler_itself_too() -> None:
    """A second mapping reads where frames begin, which is what the first one has kept, and nothing else."""
    edit = (TOOLSTACK, r"(lvls\[l\]\.pfn = dom->pfn_alloc_end) \+ map->area\.pgtables", r"\1")
    found = domu.pieces(edited_at(toolstack(), edit), [X86_64])
    assert found is not None
    rest_on = {id(each): each for piece in found for each in piece.reads}
    came = read_again(None, tuple(rest_on.values()))
    assert (came.differs, len(came.reads)) == ("", 3)


def parts() -> dict[str, Callable[[], object]]:
    """What is read of a tree, part by part, each anew."""
    source, toolstack_ = sources()
    first, last, pfn = word("v_start"), word("last"), word("pfn")
    made: dict[str, Callable[[], object]] = {
        name: partial(make, name, "", source, X86_64) for name, (_, make) in before_mapping.PIECES.items()
    }
    return made | {
        "fill-up": lambda: fill_up.Between(source, COMPAT),
        "walk": lambda: read_only_walk.Walk(source, X86_64),
        "p2m": lambda: physmap.Mapped(source, X86_64),
        "domu-count": lambda: note(counted(toolstack_, X86_64, first, last, pfn).read),
        "domu-loop": lambda: note(tried(toolstack_, X86_64).read),
    }


@cache
def sources() -> tuple[Dom0Source, DomuSource]:
    with opened(str(toolstack())) as tree:
        source, toolstack_ = dom0_source(tree), domu_source(tree)
    assert isinstance(toolstack_, DomuSource)
    return source, toolstack_


TELLING = ("memory-cap", "walk", "domu-count")
"""Parts that have most of what the translator reads."""


def noticed() -> bool:
    """Whether the compiler makes something else of one of the parts: most are looked at only where those that tell most don't tell."""
    made = parts()
    return any(
        read_again(None, [*read_of(made[name] for name in names)]).differs
        for names in (TELLING, [each for each in made if each not in TELLING])
    )


def read_of(parts: Iterable[Callable[[], object]]) -> Iterator[Read]:
    """What is read of some parts; nothing of what isn't understood any more."""
    for make in parts:
        try:
            with noted_reads() as reads:
                make()
        except Exception:  # noqa: BLE001, S112 - a mutant that breaks is noticed, too
            continue
        yield from reads


NOTICED = (
    *("sign extension is lost", "zero extension copies the sign", "unsigned doesn't win"),
    *("branches of ?: are swapped", "branches of if are swapped", "ways out of a loop are swapped"),
    *("a truth is negated", "only 1 counts as true", "signs and ! are left out", "a shift may be too far"),
    *("continue does nothing", "leaving does nothing", "nothing is spoilt", "an assertion is left out"),
)
"""Mutants of the translator that make another reading of these parts, all of which is understood."""


@needs_gcc
@pytest.mark.parametrize("name", NOTICED)
def test_a_mutant_of_the_translator_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the compiler, in one of the parts at least."""
    place, attribute, mutant = MUTANTS[name]
    sources()
    if isinstance(place, dict):
        monkeypatch.setitem(place, attribute, mutant)
    else:
        monkeypatch.setattr(place, attribute, mutant)
    assert noticed()


@needs_gcc
@pytest.mark.parametrize(("table", "operator", "other"), OPERATORS, ids=[each[1] for each in OPERATORS])
def test_a_wrong_operator_is_noticed(
    table: dict[str, object], operator: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is every operator that is another one, but for those that no part has."""
    sources()
    monkeypatch.setitem(table, operator, table[other])
    assert noticed() == (operator != "^")
