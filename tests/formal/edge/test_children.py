"""Children run nothing of the current folder, and none outlives its parent."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ptproof.formal.edge.children import python

PLANTED = "import os; open(os.environ['PLANTED'], 'a').write(__name__ + '\\n'); os._exit(9)\n"
MODULES = ("z3", "json", "multiprocessing", "ctypes", "attrs", "pysolvers")


@pytest.mark.parametrize("command", [["prove", "--no-cache"], ["certify", "--jobs", "1"]])
def test_nothing_of_the_current_folder_runs(command: list[str], tmp_path: Path) -> None:
    """Modules that are called as those that the tool or its children need are left alone."""
    for each in MODULES:
        (tmp_path / f"{each}.py").write_text(PLANTED)
    ran = tmp_path / "ran"
    done = subprocess.run(
        [Path(sys.executable).with_name("ptproof"), *command, "v-end-closed"],
        cwd=tmp_path,
        env=os.environ | {"PLANTED": str(ran)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert not ran.exists(), ran.read_text()
    assert (done.returncode, done.stderr) == (0, "")


def children_of(process: "subprocess.Popen[str]") -> list[str]:
    """The ids of the processes that it has started, by Linux's /proc."""
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [child for each in tasks for child in each.read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("command", [["prove", "--no-cache"], ["certify"]])
def test_children_end_with_their_parent(command: list[str], number: signal.Signals) -> None:
    """Within two seconds, and without a word."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "ptproof.formal", *command, "Count"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        while process.poll() is None and not children_of(process):
            time.sleep(0.05)
        time.sleep(0.3)
        children = children_of(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (-number, "", "")
    until = time.monotonic() + 2
    while (
        left := [each for each in children if Path(f"/proc/{each}").exists()]
    ) and time.monotonic() < until:
        time.sleep(0.05)
    assert children
    assert not left


def test_a_solver_whose_parent_reads_no_more_ends_without_a_word() -> None:
    """The answer comes to a closed pipe: only a moment later is the parent gone."""
    asked = {"text": "(assert true)", "inputs": [], "rlimit": 1000, "least": []}
    with subprocess.Popen(
        python("ptproof.formal.solvers.solver_process", "z3", str(os.getpid())),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.close()
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(timeout=20) == -signal.SIGPIPE
