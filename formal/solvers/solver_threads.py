"""Threads that settle a proof's questions at the same time, each with solver processes of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Lock, local
from typing import Any, Self, TypeVar

from attrs import frozen

from .answer_cache import Cache
from .solver import Z3, Solver

Progress = Callable[[int, int, tuple[str, ...]], None]
"""Told how much is done, of how much, and the names of what is being worked on; from one thread at a time."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@frozen
class Panel:
    """The solver processes of one thread: the one that looks for witnesses, and those that judge obligations."""

    searcher: Solver
    judges: tuple[Solver, ...]


class Team:
    """Threads that each have solver processes of their own; ``processes`` are all of them."""

    def __init__(
        self,
        jobs: int,
        seconds: float,
        total: int,
        progress: Progress | None,
        solvers: Sequence[str],
        cache: Cache | None,
    ) -> None:
        self._pool = ThreadPoolExecutor(jobs)
        self._seconds, self._names, self._cache = seconds, solvers, cache
        self._mine, self._told = local(), dict[str, dict[str, Any]]()
        self.processes: list[Solver] = []
        self._total, self._progress = total, progress
        self._done, self._running, self._telling = 0, dict[int, str](), Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_exception: object) -> None:
        if kind is not None:  # nobody waits for answers any more
            for solver in self.processes:
                solver.stop()
        self._pool.shutdown(cancel_futures=True)
        for solver in self.processes:
            solver.close()

    def each(
        self, items: Sequence[Item], name: Callable[[Item], str], work: Callable[[Panel, Item], Result]
    ) -> list[Result]:
        """The work's result for every item, in the order of the items."""
        futures = [
            self._pool.submit(self._with_panel, work, item, index, name(item))
            for index, item in enumerate(items)
        ]
        for future in as_completed(futures):
            future.result()
        return [future.result() for future in futures]

    def _with_panel(
        self, work: Callable[[Panel, Any], Result], item: object, index: int, name: str
    ) -> Result:
        if not hasattr(self._mine, "panel"):
            started = {
                each: Solver(self._seconds, each, self._cache, self._told) for each in {Z3, *self._names}
            }
            self.processes += started.values()
            self._mine.panel = Panel(started[Z3], tuple(started[each] for each in self._names))
        self._tell(index, name)
        result = work(self._mine.panel, item)
        self._tell(index, None)
        return result

    def _tell(self, index: int, name: str | None) -> None:
        """That work on an item of that name began, or ended."""
        with self._telling:
            if name is None:
                del self._running[index]
                self._done += 1
            else:
                self._running[index] = name
            if self._progress is not None:
                self._progress(self._done, self._total, tuple(self._running.values()))
