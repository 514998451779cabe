"""Many boots: their order, their counts, and that they end together."""

import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from attrs import evolve
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.layout import Configuration
from ptproof.formal.layouts.paging import COMPAT
from ptproof.formal.machine.loading import Fate
from ptproof.formal.xen import random_boots
from ptproof.formal.xen.booting import Booted, again
from ptproof.formal.xen.fidelity import Comparison, Difference
from ptproof.formal.xen.random_boots import RandomBoot, Row, boot_random, rows
from ptproof.formal.xen.random_layouts import draw
from ptproof.formal.xen.real_xen import Cancelled, Programs
from ptproof.formal.xen.recording import restore

PROGRAMS = Programs(Path("qemu"), Path("xen"))
RECORDING = restore(str(Path(__file__).parents[2] / "data" / "xen-dumps" / "small.json"))
AGREED = again(RECORDING)
DIFFERED = evolve(AGREED, differences=(Difference("frame 1", "this", "that"),))
REFUSED = Comparison(fate=Fate.OVERLAPS, why="", seen=Fate.OVERLAPS, differences=())


@pytest.fixture(autouse=True)
def _boots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boots that take their time, the first ones the longest, and of which each fifth differs."""

    def boot(found: Programs, configuration: Configuration, *, cancelled: Event | None) -> Booted:
        assert found is PROGRAMS
        assert cancelled is not None
        if cancelled.wait(configuration.nr_pages % 7 / 1000):
            raise Cancelled
        comparison = DIFFERED if configuration.nr_pages % 5 == 0 else AGREED
        return Booted(evolve(RECORDING, configuration=configuration), comparison, 0.5)

    monkeypatch.setattr(random_boots, "boot", boot)


def test_they_come_back_in_order() -> None:
    """However they end, the boots come back in the order of the seed's layouts."""
    boots = boot_random(PROGRAMS, 3, 40, jobs=4)
    assert [each.index for each in boots] == list(range(40))
    for each in boots:
        drawn = draw(3, each.index, memory_limit=random_boots.MEMORY_LIMIT, kinds=random_boots.KINDS)
        assert (each.kind, each.configuration) == (drawn.kind.name, drawn.configuration)


def test_32_bit_guests() -> None:
    """The layouts can be those of 32-bit guests."""
    assert {each.configuration.mode for each in boot_random(PROGRAMS, 3, 5, mode=COMPAT)} == {COMPAT}


def test_progress() -> None:
    """After each boot it is told how many were done, and how many of them differed."""
    told: list[tuple[int, int]] = []
    boots = boot_random(PROGRAMS, 3, 40, jobs=4, progress=lambda *each: told.append(each))
    assert [done for done, _ in told] == list(range(1, 41))
    differed = sum(each.comparison.verdict == "differed" for each in boots)
    assert told[-1] == (40, differed)
    assert 0 < differed < 40


def test_an_error_ends_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """When something can't be booted all others are cancelled at once, and the error is told."""

    def boot(_found: Programs, configuration: Configuration, *, cancelled: Event) -> Booted:
        if (
            configuration
            == draw(0, 1, memory_limit=random_boots.MEMORY_LIMIT, kinds=random_boots.KINDS).configuration
        ):
            raise InputError("no")
        assert cancelled.wait(30)
        raise Cancelled

    monkeypatch.setattr(random_boots, "boot", boot)
    started = time.monotonic()
    with pytest.raises(InputError, match=r"^no$"):
        boot_random(PROGRAMS, 0, 50, jobs=3)
    assert time.monotonic() - started < 10


def test_an_interruption_ends_them_all() -> None:
    """So are they on Ctrl-C."""

    def interrupt(_done: int, _differed: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        boot_random(PROGRAMS, 0, 50, jobs=3, progress=interrupt)


def random_boot(index: int, kind: str, comparison: Comparison) -> RandomBoot:
    """One boot."""
    return RandomBoot(index, kind, RECORDING.configuration, comparison, 0.5)


def test_rows() -> None:
    """The counts are by kind, in the order of the kinds, and of all in the end; kinds without boots are left out."""
    boots = [
        random_boot(0, "in Xen's area", REFUSED),
        random_boot(1, "at 0", AGREED),
        random_boot(2, "at 0", DIFFERED),
        random_boot(3, "at 0", AGREED),
    ]
    assert rows(boots) == [
        Row("at 0", 3, 2, 0, 1),
        Row("in Xen's area", 1, 0, 1, 0),
        Row("all", 4, 2, 1, 1),
    ]


def test_the_kinds_are_told_apart() -> None:
    """No two kinds have the same name."""
    names: list[Any] = [kind.name for kind in random_boots.KINDS]
    assert len(set(names)) == len(names)
