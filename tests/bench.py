"""Measures speed and memory against the targets: ``make bench``. Nothing is asserted about time anywhere else.

Each figure is of a fresh process, where a command is measured, and of the best of some tries where tries are cheap,
since other programs on the machine only ever add to it. Memory is that of the whole tree of processes, shared
pages counted once for each. Exit status 1 when a target is missed.
"""

# ruff: noqa: T201 - it prints what it measures

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from agreement import differences
from attrs import frozen
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, PAGE_SHIFT, X86_64
from ptproof.formal.logic.claim import claims
from ptproof.formal.logic.prover import prove
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.replay import replay

ROOT: Final = Path(__file__).parents[1]
PTPROOF: Final = (sys.executable, "-m", "ptproof.formal")
LOGS: Final = sorted((ROOT / "tests/data/boot-logs").glob("*.log"))
FAMILIES: Final = ("Count", "Start of the loop", "Alignment", "Static calculation", "Layout")
"""The families that have targets of their own for proving, tighter than those for all."""
CORES: Final = len(os.sched_getaffinity(0))
BATCH: Final = 1000


@frozen
class Figure:
    """What was measured, and the most that it may be."""

    name: str
    measured: float
    target: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.measured <= self.target


def timed(work: Callable[[], object], tries: int = 1) -> float:
    """The shortest time that the work took, in seconds."""
    return min(_once(work) for _ in range(tries))


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def command(*arguments: str, expected: Iterable[int] = (0,)) -> Callable[[], None]:
    """Runs ptproof, which must exit with one of the statuses that are expected."""

    def run() -> None:
        done = subprocess.run([*PTPROOF, *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
        if done.returncode not in expected:
            raise SystemExit(
                f"ptproof {' '.join(arguments)}: status {done.returncode}\n{done.stdout}{done.stderr}"
            )

    return run


def proving() -> Iterator[Figure]:
    """``ptproof prove`` of five families and of everything."""
    yield from _proving(FAMILIES, "of five families", 20, 1000)
    yield from _proving((), "of all claims", 90, 2000)


def _proving(selected: Iterable[str], what: str, most_seconds: float, most_memory: float) -> Iterator[Figure]:
    """The time that it takes, and the memory of its tree of processes, in MB."""
    began = time.perf_counter()
    with subprocess.Popen(
        [*PTPROOF, "prove", "--no-cache", *selected], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        most = 0
        while process.poll() is None:
            most = max(most, _resident(process.pid))
            time.sleep(0.05)
        seconds = time.perf_counter() - began
        said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"ptproof prove: status {process.returncode}\n{said}")
    yield Figure(f"ptproof prove {what}, no cache", seconds, most_seconds, "s")
    yield Figure("  most memory of its processes", most / 1e6, most_memory, "MB")


def _resident(pid: int) -> int:
    """The memory of a process and of those that it started, in bytes; of Linux's /proc."""
    pages = 0
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = [each.read_text().split() for each in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:  # it has just ended
        children = []
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(
        _resident(int(child)) for each in children for child in each
    )


def obligations() -> Iterator[Figure]:
    """The slowest questions to the solver for one of the lemmas: of five families, and of all."""
    for chosen, most in (([each for each in claims() if each.family in FAMILIES], 5), (claims(), 10)):
        slowest = max(prove(chosen, jobs=CORES).lemmas, key=lambda each: each.slowest)
        yield Figure(f"  slowest obligation, {slowest.lemma.name}", slowest.slowest, most, "s")


def commands() -> Iterator[Figure]:
    """Commands that don't prove."""
    yield Figure("ptproof --help", timed(command("--help"), 10), 0.3, "s")
    logs = [str(each) for each in LOGS]
    yield Figure(
        f"check-log of {len(logs)} logs", timed(command("check-log", *logs, expected=(0, 1, 2)), 3), 2, "s"
    )


def machine() -> Iterator[Figure]:
    """The frame machine on a region of 2 GiB."""
    layout = arrange(Configuration(kernel=Segment(0, 2 << 30), nr_pages=1 << 20))
    report = replay(layout)
    assert report.exact
    pages = layout.total.size >> PAGE_SHIFT
    name = f"the machine, {pages:,} pages, {report.consumed:,} tables"
    yield Figure(name, timed(lambda: replay(layout), 3), 2, "s")


def agreement(count: int) -> Iterator[Figure]:
    """Random configurations of every kind, laid out and built by the machine, laid out and counted by the formulas."""
    seeds = range(-(-count // BATCH))
    with ProcessPoolExecutor(CORES) as pool:
        differing = [each for found in pool.map(_differences, seeds) for each in found]
    for each in differing[:5]:
        print(each, file=sys.stderr)
    yield Figure(f"{len(seeds) * BATCH:,} random layouts: that differ", len(differing), 0, "")


def _differences(seed: int) -> list[str]:
    """How machine and formulas part on a batch."""
    return list(differences((X86_64, COMPAT)[seed % 2], seed, BATCH))


def main() -> int:
    """Measure everything, and print a line for each figure as it comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--count", type=int, default=100_000, metavar="N", help="random layouts (default: %(default)s)"
    )
    count = parser.parse_args().count
    print(f"Python {sys.version.split()[0]}, {CORES} cores")
    missed = 0
    for measure in (commands, machine, proving, obligations, lambda: agreement(count)):
        for figure in measure():
            target = f"≤ {figure.target:g} {figure.unit}".rstrip()
            met = "met" if figure.met else "MISSED"
            print(
                f"{figure.name:<60} {figure.measured:>9.2f} {figure.unit:<2}  {target:<10} {met}", flush=True
            )
            missed += not figure.met
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
