"""Every fault of the domU builder, and of older Xens', shows against counts of the formulas and what must be mapped."""

from types import ModuleType

import pytest
from attrs import evolve
from machine_mutants import DOMU, OLDER, changed
from ptproof.encodings import domu as formulas
from ptproof.encodings.history import RULES
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.layouts.xen_version import XEN_VERSIONS
from ptproof.formal.logic.search import run
from ptproof.formal.machine import builder, domu
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.replay import inspect
from ptproof.formal.words.word import number

MIB, GIB = 1 << 20, 1 << 30
LINUX = 2**64 - 2 * GIB
REGIONS = [
    (X86_64, 0, 0x23A000),
    (X86_64, LINUX, LINUX + 35 * MIB),
    (X86_64, GIB - 4 * MIB, GIB + 9 * MIB + 0x5000),
    (X86_64, 0, 0x37B000),
    (X86_64, 0, 0x379000),
    (COMPAT, 0, 0xB13000),
    (COMPAT, GIB, GIB + 0x300000),
    (COMPAT, 3 * GIB, 3 * GIB + 0x300000),
]


def predicted(mode: PagingMode, start: int, tables: int, before: bool) -> tuple[int, int]:
    """The region's tables and its end by the formulas; those of a PAE domain with the L2 of before 4.7."""
    stopped = run(formulas.search(mode), (start, tables))
    assert stopped is not None
    last = formulas.last_address(number(tables), number(stopped[0]))
    counted = int(formulas.tables_for(mode, number(start), number(tables), number(stopped[0])))
    if before and mode is COMPAT:
        counted -= int(formulas.level_tables(COMPAT, number(start), last, formulas.L2_SHIFT))
        counted += int(formulas.l2_tables_before_4_7(number(start), last))
    return counted, (int(last) + 1) % 2**64


def is_sound(module: ModuleType) -> bool:
    """Whether a domU builder's tables are as many as the formulas say, in order, and map what they should."""
    for mode, start, tables in REGIONS:
        for toolstack in module.TOOLSTACKS:
            given = module.Domu(mode=mode, v_start=start, alloc_end=tables, toolstack=toolstack)
            counted = module.count(given)
            before = toolstack is module.BEFORE_4_7
            if counted is None or (counted.tables(), counted.v_end) != predicted(mode, start, tables, before):
                return False
            report = module.build(given, counted)
            grouped = tuple(sorted(report.order, reverse=True))
            if not report.exact or report.order != grouped:
                return False
    for p2m in (0x8000000000, LINUX - GIB - 0x5000, LINUX - 4 * MIB):
        given = module.Domu(v_start=LINUX, alloc_end=LINUX + 35 * MIB, p2m=module.P2m(p2m, 700))
        counted = module.count(given)
        ends = (p2m, p2m + 700 * 4096 - 1, LINUX, counted.v_end - 1)
        if counted.tables(1) != int(formulas.second_tables(*map(number, ends))):
            return False
        if not module.build(given, counted).exact:
            return False
    return True


def builds_soundly(module: ModuleType) -> bool:
    """Whether a builder takes the frames that the old rules say, in their order, and maps every page."""
    rules = {rule.name: rule for rule in RULES}
    for version in XEN_VERSIONS:
        for base in (0xC0000000, 0x3FC00000, 0x13ABE000):
            kernel = Segment(base, base + 9 * MIB)
            given = Configuration(mode=version.mode, virt_base=base, kernel=kernel, nr_pages=4096)
            layout = arrange(given, version)
            try:
                domain = module.build(layout, version)
            except IndexError:
                return False
            builder.mark_read_only(domain, ())
            report, consumed = inspect(domain), rules[version.rule].consumed
            assert consumed is not None
            first = tuple(f"L{number}" for number in version.taken_first) or ("L1", "L2", "L3")
            wrong = report.missing or report.wrong or report.stray or report.stray_tables
            if wrong or report.consumed != consumed(layout.v_start, layout.v_end):
                return False
            if report.order[: len(first)] != first or sum(report.reached.values()) < report.consumed:
                return False
    return True


def test_without_a_fault() -> None:
    """The builders as they are pass: it is the fault that is told."""
    assert is_sound(domu)
    assert builds_soundly(builder)


@pytest.mark.parametrize("name", DOMU)
def test_a_fault_of_the_domu_builder(name: str) -> None:
    """Each is told."""
    assert not is_sound(changed(domu, DOMU, name))


@pytest.mark.parametrize("name", OLDER)
def test_a_fault_in_older_xens(name: str) -> None:
    """Each is told."""
    assert not builds_soundly(changed(builder, OLDER, name))


def test_a_version_with_wrong_facts() -> None:
    """Facts that aren't those of the version give another count, or another order."""
    old = next(version for version in XEN_VERSIONS if version.name == "compat-l4-counted")
    kernel = Segment(0xC0000000, 0xC0900000)
    given = Configuration(mode=COMPAT, virt_base=0xC0000000, kernel=kernel, nr_pages=4096)
    layout = arrange(given, old)
    assert arrange(given, evolve(old, heap_frames=0)).nr_pt_pages == layout.nr_pt_pages - 1
    orders = [builder.build(layout, each).order[0] for each in (old, evolve(old, taken_first=(3,)))]
    assert orders == [1, 3]
