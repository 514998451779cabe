"""The mutation score: every mutant there is, killed or not, by name. ``make mutants``.

Three kinds: a change to the encodings, which a claim or a comparison has to notice (``mutants``); a fault of the frame
machine, which real Xen's tables have to show (``formal/builder_mutants``); a statement that says less, which the
points where it was true and false have to contradict (``statement_witnesses``).

What finds mutants must pass what isn't changed: that is looked at first. A mutant that breaks the tool itself, rather than a
verdict, counts as a survivor, since nothing was found out about it. Exit status 1 when one survives.
"""

# ruff: noqa: T201 - it prints what it found

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from attrs import frozen

sys.path.append(str(Path(__file__).parent / "formal"))

from answers_of_this_run import OF_THIS_RUN
from builder_mutants import MUTANTS as FAULTS
from builder_mutants import faulty
from mutants import FORM, LAYOUTS, MUTANTS, Mutant, copied, noticed
from ptproof.formal.layouts.layout import Layout
from ptproof.formal.machine.builder import Domain
from ptproof.formal.xen.booting import Recording, again
from ptproof.formal.xen.recording import restore
from statement_witnesses import mutants, objections, proved_parts, read

DUMPS: Final = sorted((Path(__file__).parent / "data/xen-dumps").glob("*.json"))
STATEMENT: Final = "statement"


@frozen
class Trial:
    """A mutant and what killed it; empty when nothing did."""

    kind: str
    name: str
    killed_by: str


def encodings() -> Iterator[Trial]:
    """The changes to the encodings, each in a copy of the package."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        yield from pool.map(_encoding, MUTANTS)


def _encoding(mutant: Mutant) -> Trial:
    with tempfile.TemporaryDirectory() as folder:
        said = noticed(copied(Path(folder), mutant), mutant.caught_by)
    return Trial("encoding", mutant.name, mutant.caught_by if said else "")


def faults() -> Iterator[Trial]:
    """The faults of the frame machine's builder, against the recordings of real Xen."""
    recordings = {path.stem: restore(str(path)) for path in DUMPS}
    for name in FAULTS:
        build = faulty(name)
        seen = (title for title, recording in recordings.items() if _differs(recording, build))
        yield Trial("frame machine", name, next(seen, ""))


def _differs(recording: Recording, build: Callable[[Layout], Domain]) -> bool:
    try:
        return bool(again(recording, build).differences)
    except (ValueError, IndexError, KeyError):  # it can't even build it
        return True


def statements() -> Iterator[Trial]:
    """The statements that say less."""
    kept = read()
    for name, part in proved_parts().items():
        for mutant in mutants(part, kept[name]):
            first = next(objections(part, mutant.statement, kept[name]), None)
            yield Trial(STATEMENT, mutant.name, first.guard if first else "")


def unchanged() -> Iterator[str]:
    """What is found where nothing is changed: then what finds mutants is itself at fault."""
    comparisons = {LAYOUTS, FORM}
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder), None)
        together = noticed(copy, *sorted({each.caught_by for each in MUTANTS} - comparisons))
        yield from filter(None, [together, *(noticed(copy, each) for each in sorted(comparisons))])
    recordings = {path.stem: restore(str(path)) for path in DUMPS}
    yield from (name for name, each in recordings.items() if again(each).differences)
    kept = read()
    for name, part in proved_parts().items():
        yield from (f"{name}: {each.says}" for each in objections(part, part.lemma.statement, kept[name]))


def line(trial: Trial) -> str:
    """What became of a mutant."""
    told = f"{'killed' if trial.killed_by else 'SURVIVED'}  {trial.kind}: {trial.name}"
    return f"{told} (by {trial.killed_by})" if trial.killed_by else told


def score(trials: Sequence[Trial]) -> Iterator[str]:
    """The score by kind, which guards killed the weaker statements, and who survived."""
    for kind, count in Counter(each.kind for each in trials).items():
        killed = sum(bool(each.killed_by) for each in trials if each.kind == kind)
        yield f"{kind}: {killed} of {count} killed"
    guards = Counter(each.killed_by for each in trials if each.kind == STATEMENT and each.killed_by)
    yield f"statements were killed by: {', '.join(f'{guard} {count}' for guard, count in guards.most_common())}"
    survivors = [each.name for each in trials if not each.killed_by]
    killed = len(trials) - len(survivors)
    yield f"score: {killed} of {len(trials)} mutants killed, {100 * killed / len(trials):.1f} %"
    yield from (f"SURVIVED: {each}" for each in survivors)


def main() -> int:
    """Try them all; what was answered about one copy is not asked again about another.

    That goes for CI, too, where no answers of an earlier run are believed: these are of this run, or of its tests.
    """
    with tempfile.TemporaryDirectory() as kept:
        os.environ["XDG_CACHE_HOME"] = os.environ.get(OF_THIS_RUN, kept)
        os.environ.pop("CI", None)
        return _tried()


def _tried() -> int:
    began = time.monotonic()
    found = list(unchanged())
    if found:
        print("what isn't changed doesn't pass:", *found, sep="\n  ", file=sys.stderr)
        return 1
    trials: list[Trial] = []
    for tried in (faults, statements, encodings):
        for each in tried():
            trials.append(each)
            print(line(each), flush=True)
    print(*score(trials), sep="\n")
    print(f"took {time.monotonic() - began:.0f} s")
    return 0 if all(each.killed_by for each in trials) else 1


if __name__ == "__main__":
    sys.exit(main())
