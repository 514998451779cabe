"""Measures speed and memory against the targets, and how the cost grows: ``make bench``. Nothing is asserted about time elsewhere.

Time is the processors', those of child processes included, so that other programs on the machine hardly count;
where it is that of a clock, the name says so. Each figure is of a fresh process, where a command is measured, and of the best of some
tries where tries are cheap. Memory is that of the whole tree of processes, shared pages counted once for each. Exit status 1 when a
target is missed.
"""

# ruff: noqa: T201 - it prints what it measures

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from agreement import differences
from attrs import frozen
from ptproof.formal.layouts.layout import Configuration, Layout, Segment
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
IMAGES: Final = (
    *sorted((ROOT / "build/images/usr/lib/grub-xen").glob("grub-*-xen.bin")),
    *sorted((ROOT / "build/images/boot").glob("vmlinuz-*")),
)
"""Real ones, of `make images`."""
ENVIRONMENT: Final = {name: value for name, value in os.environ.items() if name != "CI"}
"""In CI nothing is kept, and what is kept is measured, too."""


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
    """The least that the work took of the processors' time, child processes included, in seconds."""
    return min(_once(work) for _ in range(tries))


def _once(work: Callable[[], object]) -> float:
    began = _spent()
    work()
    return _spent() - began


def _spent() -> float:
    """The processors' time so far, child processes included: in microseconds, where os.times() counts hundredths."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def command(
    *arguments: str, expected: Iterable[int] = (0,), environment: Mapping[str, str] = ENVIRONMENT
) -> Callable[[], None]:
    """Runs ptproof, which must exit with one of the statuses that are expected."""

    def run() -> None:
        done = subprocess.run(
            [*PTPROOF, *arguments], cwd=ROOT, check=False, capture_output=True, text=True, env=environment
        )
        if done.returncode not in expected:
            raise SystemExit(
                f"ptproof {' '.join(arguments)}: status {done.returncode}\n{done.stdout}{done.stderr}"
            )

    return run


def proving() -> Iterator[Figure]:
    """``ptproof prove`` of five families and of everything."""
    yield from _proving(FAMILIES, "of five families", 30, 1000)
    yield from _proving((), "of all claims", 60, 2000)


def _proving(selected: Iterable[str], what: str, most_seconds: float, most_memory: float) -> Iterator[Figure]:
    """The time that it takes, by the processors and by the clock, and the memory of its tree of processes, in MB."""
    began, clock = _spent(), time.perf_counter()
    with subprocess.Popen(
        [*PTPROOF, "prove", "--no-cache", *selected], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        most = 0
        while process.poll() is None:
            most = max(most, _resident(process.pid))
            time.sleep(0.05)
        clock = time.perf_counter() - clock
        said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"ptproof prove: status {process.returncode}\n{said}")
    yield Figure(f"ptproof prove {what}, no cache", _spent() - began, most_seconds, "s")
    yield Figure(f"  the same by the clock, on {CORES} cores", clock, most_seconds * 35 / 60, "s")
    yield Figure("  most memory of its processes", most / 1e6, most_memory, "MB")


def warm() -> Iterator[Figure]:
    """``ptproof prove`` when nothing has changed since the last run, and when a file has that every claim rests on."""
    with TemporaryDirectory() as folder:
        copies = Path(folder, "ptproof")
        for each in ("formal", "encodings", "proofs"):
            shutil.copytree(ROOT / each, copies / each, ignore=shutil.ignore_patterns("__pycache__"))
        here = {**ENVIRONMENT, "PYTHONPATH": folder, "XDG_CACHE_HOME": f"{folder}/cache"}
        prove_there = command("prove", environment=here)
        prove_there()
        yield Figure("ptproof prove, nothing changed", timed(prove_there, 3), 1.5, "s")
        with (copies / "encodings/spans.py").open("a") as file:
            file.write("# Another line.\n")
        yield Figure("ptproof prove, an encoding's file changed", timed(prove_there), 5, "s")


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
    """The frame machine: its speed and memory at 2 GiB, and the largest region that it takes."""
    for size, most in ((2 << 30, None), ((15 << 30), 2.0)):
        layout = arrange(Configuration(kernel=Segment(0, size), nr_pages=1 << 10))
        report = replay(layout)
        assert report.exact
        pages = layout.total.size >> PAGE_SHIFT
        taken = timed(partial(replay, layout), 5)
        name = f"the machine, {pages:,} pages, {report.consumed:,} tables"
        if most is None:
            yield Figure(f"{name}: for a million pages", taken / pages * 1e6, 0.4, "s")
            yield Figure("  memory for a page", _memory(layout) / pages, 100, "B")
        else:
            yield Figure(name, taken, most, "s")
            yield Figure("  memory", _memory(layout) / 1e6, 500, "MB")


def _memory(layout: Layout) -> int:
    """The most that a replay takes, in bytes."""
    tracemalloc.start()
    replay(layout)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def images() -> Iterator[Figure]:
    """Real images, checked: GRUB's, 32-bit and 64-bit, and Linux."""
    if not IMAGES:
        print("images: not measured: make images fetches them")
        return
    taken = [timed(command("check", str(each), expected=(0, 1))) for each in IMAGES]
    yield Figure(f"ptproof check of {len(taken)} images, on average", sum(taken) / len(taken), 5, "s")


def certifying() -> Iterator[Figure]:
    """Certificates of all obligations, made and checked."""
    yield Figure("ptproof certify", timed(command("certify")), 150, "s")


def growth() -> Iterator[Figure]:
    """How the cost grows with the work: a figure for a unit of it may be at most twice that of the smallest work."""
    regions = [
        arrange(Configuration(kernel=Segment(0, size << 20), nr_pages=1 << 10)) for size in (64, 512, 4096)
    ]
    log = LOGS[0]
    with TemporaryDirectory() as folder:
        logs = []
        for boots in (10, 100, 1000):
            logs.append(Path(folder, f"{boots}.log"))
            logs[-1].write_bytes(log.read_bytes() * boots)
        ids = [each.id for each in claims() if each.family == "Count"]
        works: tuple[tuple[str, list[tuple[int, Callable[[], object]]]], ...] = (
            (
                "pages of a region",
                [(each.total.size >> PAGE_SHIFT, partial(replay, each)) for each in regions],
            ),
            (
                "boots in a log",
                [(int(each.stem), command("check-log", str(each), expected=(0, 1, 2))) for each in logs],
            ),
            ("claims", [(count, command("prove", "--no-cache", *ids[:count])) for count in (2, 4, 6)]),
        )
        for name, sizes in works:
            costs = [timed(work) / size for size, work in sizes]
            shown = ", ".join(f"{size:,}: {cost:.2g} s" for (size, _), cost in zip(sizes, costs, strict=True))
            print(f"{name}, for each of them: {shown}")
            yield Figure(f"  {name}: the largest work, a unit of it", costs[-1] / costs[0], 2, "x")


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
    for measure in (
        commands,
        machine,
        warm,
        proving,
        obligations,
        images,
        certifying,
        growth,
        lambda: agreement(count),
    ):
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
