"""Puts ptproof beside what somebody would pick instead, on the same questions: ``make peers``.

CPU seconds, those of child processes included, each under a limit that is printed. What isn't installed is told as not
run: CBMC and its goto-instrument are looked for on the PATH, Hypothesis and CrossHair in this Python or on the PATH.
Nothing is claimed of a peer that stopped at the limit but that it did.
"""

# ruff: noqa: T201 - it prints what it measures

import argparse
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import plain_count
from attrs import frozen
from ptproof.encodings.dom0_count import tables_for
from ptproof.formal.layouts.paging import X86_64
from ptproof.formal.logic.claim import claims
from ptproof.formal.words.smtlib import query_text
from ptproof.formal.words.word import word

HERE: Final = Path(__file__).parent
PTPROOF: Final = (sys.executable, "-m", "ptproof.formal")
NOT_RUN: Final = "not run: not installed"
STOPPED: Final = (-signal.SIGXCPU, -signal.SIGKILL)
"""The exit status of what was killed at its limit."""
REGIONS: Final = (8, 16, 64)
"""To what region CBMC unrolls the loop, in MiB."""


@frozen
class Run:
    """What a peer said of a question, and the CPU seconds that it took; ``None`` where it wasn't run."""

    peer: str
    says: str
    seconds: float | None
    stopped: bool = False


def cpu(command: list[str], limit: int, text: str | None = None) -> tuple[float, int, str]:
    """The CPU seconds of a command with its children, its exit status, and what it printed; it is killed at the limit.

    Then the status is in `STOPPED`; the seconds may be some fewer, since the system counts them in two ways.
    """

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, input=text, cwd=HERE, preexec_fn=limited
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, done.returncode, done.stdout + done.stderr


def ptproof(claim: str, limit: int) -> Run:
    """All of a claim, from lemmas, nothing kept."""
    seconds, status, said = cpu([*PTPROOF, "prove", "--no-cache", claim], limit)
    if status:
        raise SystemExit(f"ptproof prove {claim}: status {status}\n{said}")
    return Run("ptproof", said.split()[0], seconds)


def one_query(solver: str, limit: int) -> Run:
    """``exact`` of a 64-bit guest as one query: the count before n doesn't do, n does, and yet f(S, V(n)) isn't n."""
    if find_spec(solver) is None:
        return Run(solver, NOT_RUN, None)
    (exact,) = (each for each in claims() if each.id == "exact")
    v_start, vpt_start, n = word("v_start"), word("vpt_start"), word("n")
    room = exact.parts[0].lemma.statement.given
    here, before = (tables_for(X86_64, v_start, vpt_start, each) for each in (n, n - 1))
    found = [room, n >= 2, here <= n, (n == 2) | (before > n - 1)]
    question = {"text": query_text([*found, ~(here == n)]), "inputs": [], "least": [], "rlimit": 0}
    command = [sys.executable, "-m", "ptproof.formal.solvers.solver_process", solver, str(os.getpid())]
    seconds, status, said = cpu(command, limit, json.dumps(question) + "\n")
    told = json.loads(said)["status"] if said.startswith("{") else "no answer"
    return Run(f"{solver}, as one query", told, seconds, status in STOPPED)


def cbmc(limit: int) -> Iterator[Run]:
    """The loop in C, unrolled, and with a contract for it."""
    name = f"CBMC {_first_word(['cbmc', '--version'])}"
    for region in REGIONS:
        frames = (region >> 1) + 16
        command = ["cbmc", f"-DREGION={region}", "--unwind", str(frames), "--unwinding-assertions", "exact.c"]
        yield _c_run(f"{name}, unrolled to {region} MiB", command, limit)
    with tempfile.TemporaryDirectory() as folder:
        made, checked = f"{folder}/exact.goto", f"{folder}/contract.goto"
        steps = (
            f"goto-cc -DCONTRACT exact.c -o {made} && goto-instrument --dfcc main --apply-loop-contracts {made} {checked}"
            f" && exec cbmc {checked}"
        )
        yield _c_run(f"{name}, a loop contract", ["sh", "-c", steps], limit)


def _c_run(peer: str, command: list[str], limit: int) -> Run:
    if not all(map(shutil.which, ("cbmc", "goto-cc", "goto-instrument"))):
        return Run(peer, NOT_RUN, None)
    seconds, status, said = cpu(command, limit)
    failed = f"failed: {(said.strip().splitlines() or ['no word'])[-1][:60]}"
    return Run(peer, {0: "proved", 10: "refuted"}.get(status, failed), seconds, status in STOPPED)


def hypothesis(claim: str, limit: int) -> Run:
    """The plain Python version, tried at numbers that Hypothesis chooses."""
    peer = f"Hypothesis {_version('hypothesis')}"
    if find_spec("hypothesis") is None:
        return Run(peer, NOT_RUN, None)
    seconds, status, said = cpu([sys.executable, str(HERE / "peers.py"), "--try", claim], limit)
    told = said.strip() if status == 0 and said.strip() else "no counterexample"
    return Run(peer, told, seconds, status in STOPPED)


def tried(claim: str) -> str:
    """A counterexample that Hypothesis finds: what it does in a process of its own."""
    from hypothesis import find, settings  # noqa: PLC0415 - only here
    from hypothesis import strategies as st  # noqa: PLC0415
    from hypothesis.errors import NoSuchExample  # noqa: PLC0415

    numbers = st.tuples(*(st.integers(*each) for each in plain_count.RANGES[claim]))
    holds: Callable[..., bool] = getattr(plain_count, claim)
    known = {"unique", "raises_compat_1"}
    settled = settings(max_examples=1_000_000, deadline=None, database=None)
    try:
        found = find(
            numbers,
            lambda each: (claim not in known or each[0] < each[1]) and not holds(*each),
            settings=settled,
        )
    except NoSuchExample:
        return ""
    return f"found {', '.join(map(hex, found))}"


def crosshair(claim: str, limit: int) -> Run:
    """The same version, run on symbols."""
    tool = shutil.which("crosshair") or shutil.which("crosshair", path=str(Path(sys.executable).parent))
    if tool is None:
        return Run("CrossHair", NOT_RUN, None)
    command = [
        tool,
        "check",
        "--analysis_kind=asserts",
        f"--per_condition_timeout={limit}",
        f"plain_count.{claim}_asserted",
    ]
    seconds, status, said = cpu(command, limit)
    return Run(
        "CrossHair",
        said.strip().rpartition("when calling ")[2] if status == 1 else "no counterexample",
        seconds,
        status in STOPPED,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _first_word(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.split()[0]


def table(question: str, runs: list[Run], limit: int) -> Iterator[str]:
    """A table in Markdown: who, what was said, CPU seconds, and how many times ptproof's."""
    yield from ("", f"### {question}", "", "| | says | CPU s | times ptproof's |", "|---|---|---|---|")
    ours = runs[0].seconds or 1.0
    for each in runs:
        if each.seconds is None:
            yield f"| {each.peer} | {each.says} | | |"
            continue
        more = "> " if each.stopped else ""
        says = f"stopped at {limit} s" if each.stopped else each.says
        yield f"| {each.peer} | {says} | {more}{each.seconds:.2f} | {more}{each.seconds / ours:.2f} |"


def main() -> int:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--limit", type=int, default=120, metavar="S", help="CPU seconds for each (default: 120)"
    )
    parser.add_argument("--try", dest="tried", choices=sorted(plain_count.RANGES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.tried:
        print(tried(arguments.tried))
        return 0
    limit: int = arguments.limit
    solvers = ", ".join(
        f"{each} {_version(package)}"
        for each, package in (("Z3", "z3-solver"), ("cvc5", "cvc5"), ("Bitwuzla", "bitwuzla"))
    )
    print(
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}; {solvers}. Limit: {limit} s of CPU each."
    )
    runs = [
        ptproof("exact", limit),
        *(one_query(each, limit) for each in ("z3", "cvc5", "bitwuzla")),
        *cbmc(limit),
    ]
    print(
        *table("`exact`: all four parts for ptproof, the 64-bit one for the others", runs, limit),
        sep="\n",
        flush=True,
    )
    for claim in plain_count.RANGES:
        runs = [ptproof(claim.replace("_", "-"), limit), hypothesis(claim, limit), crosshair(claim, limit)]
        print(*table(f"`{claim.replace('_', '-')}`: a counterexample", runs, limit), sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
