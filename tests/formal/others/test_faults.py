"""A fault in one of the others' loops, as they are executed, is told by the formulas: neither is made of the other."""

from types import ModuleType
from typing import Final

import pytest
from faults_of_others import ARM64, GRUB, MINI_OS, NETBSD
from machine_mutants import changed
from ptproof.encodings import arm64 as arm64_rule
from ptproof.encodings import grub as grub_rule
from ptproof.encodings import mini_os as mini_os_rule
from ptproof.encodings import netbsd as netbsd_rule
from ptproof.formal.logic.search import run
from ptproof.formal.machine.arrange import TooLarge
from ptproof.formal.others import arm64, grub, mini_os, netbsd
from ptproof.formal.words.word import number

MIB, GIB = 1 << 20, 1 << 30
LINUX: Final = 2**64 - 2 * GIB


def as_grub_does(module: ModuleType) -> bool:
    """The tables and the region's end, where the page beside is at 0 and where it isn't, with one round and with two."""
    for start, length in [
        (0, MIB),
        (0, 3 * MIB),
        (LINUX, 5 * MIB),
        (0, 1538 * MIB + (512 << 10)),
        (4096, MIB),
    ]:
        found = module.load(start, start + length)
        stopped = run(grub_rule.search(), (start, start + length))
        if found is None or stopped != (found.made_for,):
            return False
        words = number(start), number(start + length), number(found.made_for)
        if (found.tables, found.end) != (
            int(grub_rule.tables_for(*words)),
            int(grub_rule.region_end(*words[1:])),
        ):
            return False
    return True


def as_netbsd_does(module: ModuleType) -> bool:
    """The counts, and the tables that map something, of kernels from small to beyond the first count."""
    for base, text, directories, first in [(LINUX, LINUX + 2 * MIB, 4, 49), (3 * GIB, 3 * GIB + MIB, 6, 1)]:
        for size in (0, 300 * MIB, *range(94 * MIB, 99 * MIB, 4096)):
            kernel = module.Kernel(text=text, base=base, size=size, directories=directories, first=first)
            count = module.search(kernel)
            if run(netbsd_rule.search(), (text, base, size, directories, first)) != (count,):
                return False
            words = [number(each) for each in (text, size, directories, count)]
            used = sum(map(bool, module.filled(text, module.map_end(kernel, count), count)))
            if used != int(netbsd_rule.needed(*words)):
                return False
            start = base + size
            if run(netbsd_rule.temporary(), (start, base, directories, first)) != (
                module.temporary(base, directories, start, first),
            ):
                return False
    return True


def as_mini_os_does(module: ModuleType) -> bool:
    """The tables by level, where the frames end, and that all were mapped in time."""
    for start, end, memory in [(0, 4 * MIB, 40 * MIB), (0, GIB - 4 * MIB, GIB + 8 * MIB)]:
        mapping = module.given(start, end, start)
        module.map_memory(mapping, memory)
        stopped = run(mini_os_rule.mapping(), (end, memory))
        if stopped is None or stopped[1:] != tuple(mapping.taken[level] for level in ("L3", "L2", "L1")):
            return False
        words = [number(each) for each in (start, start, end, memory - mini_os_rule.STEP)]
        if (
            mapping.early
            or mapping.frame != int(mini_os_rule.frames_end(*words))
            or mapping.mapped_to != memory
        ):
            return False
    return True


def as_arm64_does(module: ModuleType) -> bool:
    """The tables, for each granule, of images that cross borders and that don't."""
    for mode in arm64_rule.MODES:
        for start, length in [(GIB, 30 * MIB), (GIB - MIB, 2 * MIB), (0, 3 * GIB)]:
            aside = arm64_rule.early_pages(mode, number(start), number(start + length), 0)
            if module.tables(mode, start, start + length) != int(aside):
                return False
    return True


CHECKS: Final = (
    (grub, GRUB, as_grub_does),
    (netbsd, NETBSD, as_netbsd_does),
    (mini_os, MINI_OS, as_mini_os_does),
    (arm64, ARM64, as_arm64_does),
)


@pytest.mark.parametrize(("module", "faults", "check"), CHECKS, ids=["grub", "netbsd", "mini_os", "arm64"])
def test_without_a_fault(module: ModuleType, faults: dict[str, tuple[str, str]], check: object) -> None:
    """As they are they pass: it is the fault that is told."""
    assert faults
    assert callable(check)
    assert check(module)


@pytest.mark.parametrize(
    ("module", "faults", "check", "name"),
    [(*each, name) for each in CHECKS for name in each[1]],
    ids=[name for _, faults, _ in CHECKS for name in faults],
)
def test_a_fault(module: ModuleType, faults: dict[str, tuple[str, str]], check: object, name: str) -> None:
    """Each is told, or what comes of it takes too long."""
    assert callable(check)
    try:
        assert not check(changed(module, faults, name))
    except TooLarge:
        return
