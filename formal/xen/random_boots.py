"""Boots many random layouts on a real Xen, some at a time, and counts the outcomes.

Half of a quiet processor's second goes into one boot; nearly all of it into QEMU, which is a process of its own, so
threads are enough here.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from threading import Event
from typing import Final

from attrs import frozen

from ..layouts.layout import Configuration
from ..layouts.paging import X86_64, PagingMode
from .booting import boot
from .fidelity import Comparison
from .random_layouts import BUILT, REFUSED, draw
from .real_xen import Programs

MEMORY_LIMIT: Final = 2 << 30
"""The most memory that a dom0 gets here, in bytes, so that a machine has room for it."""
KINDS: Final = BUILT + REFUSED
VERDICTS: Final = ("agreed", "refused", "differed")

Progress = Callable[[int, int], None]
"""Called after each boot with how many were done, and how many of them differed."""


@frozen
class RandomBoot:
    """One of the boots: which of the seed's layouts it is, of what kind, and the outcome."""

    index: int
    kind: str
    configuration: Configuration
    comparison: Comparison
    seconds: float


@frozen
class Row:
    """How many of a kind were booted, and how many of them came to each verdict."""

    kind: str
    booted: int
    agreed: int
    refused: int
    differed: int


def boot_random(
    found: Programs,
    seed: int,
    count: int,
    *,
    mode: PagingMode = X86_64,
    jobs: int = 2,
    progress: Progress | None = None,
) -> list[RandomBoot]:
    """Boot the seed's first ``count`` layouts, ``jobs`` at the same time; they come back in their order.

    When it is interrupted all boots that are under way are ended first.

    Raises:
        InputError: something can't be booted at all.
    """
    cancelled = Event()
    done: list[RandomBoot] = []
    with ThreadPoolExecutor(jobs) as pool:
        try:
            boots = [pool.submit(boot_one, found, seed, index, mode, cancelled) for index in range(count)]
            for finished in _finished(boots):
                done.append(finished)
                if progress is not None:
                    progress(len(done), sum(each.comparison.verdict == "differed" for each in done))
        except BaseException:
            cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise
    return sorted(done, key=lambda each: each.index)


def _finished(boots: Sequence["Future[RandomBoot]"]) -> Iterator[RandomBoot]:
    return (each.result() for each in as_completed(boots))


def boot_one(
    found: Programs, seed: int, index: int, mode: PagingMode = X86_64, cancelled: Event | None = None
) -> RandomBoot:
    """Boot the ``index``-th layout of the seed. Raises as `boot` does."""
    drawn = draw(seed, index, mode=mode, memory_limit=MEMORY_LIMIT, kinds=KINDS)
    booted = boot(found, drawn.configuration, cancelled=cancelled)
    return RandomBoot(index, drawn.kind.name, drawn.configuration, booted.comparison, booted.seconds)


def rows(boots: Sequence[RandomBoot]) -> list[Row]:
    """The counts by kind, in the order of `KINDS`, and those of all boots in the end."""
    by_kind = [(kind.name, [each for each in boots if each.kind == kind.name]) for kind in KINDS]
    return [_row(name, some) for name, some in by_kind if some] + [_row("all", boots)]


def _row(name: str, boots: Sequence[RandomBoot]) -> Row:
    verdicts = [each.comparison.verdict for each in boots]
    return Row(name, len(boots), *(verdicts.count(verdict) for verdict in VERDICTS))
