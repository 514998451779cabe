"""The command line's frame: help, version, statuses, and how it fails."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_claims as tiny
from ptproof.formal.cli import main as cli
from ptproof.formal.cli.about_layouts import check_log, layout, replay
from ptproof.formal.cli.commands import COMMANDS
from ptproof.formal.edge.errors import InputError
from ptproof.formal.edge.exit_status import Status
from ptproof.formal.images.image_writer import pv_image
from ptproof.formal.logic import claim
from ptproof.formal.solvers import solver
from run_cli import assert_refused, run

Capture = pytest.CaptureFixture[str]
PTPROOF = Path(sys.executable).parent / "ptproof"
LOGS = Path(__file__).parents[2] / "data" / "boot-logs"


def executed(*argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The installed program, run with these arguments."""
    return subprocess.run(
        [PTPROOF, *argv], capture_output=True, text=True, check=False, env=os.environ | environment
    )


def test_help_has_the_statuses_and_the_scope(capsys: Capture) -> None:
    """The help has every exit status with its meaning, and says where the scope is described."""
    ran = run(capsys, "--help")
    assert ran.status == 0
    for status in Status:
        assert re.search(rf"^  {status.value:<4}{re.escape(status.meaning)}$", ran.out, re.MULTILINE)
    assert "What is proved, what is assumed and what is not modelled: docs/scope.md" in " ".join(
        ran.out.split()
    )


def test_help_has_every_command(capsys: Capture) -> None:
    """The help has every command, and every command has help with what it writes as JSON."""
    ran = run(capsys, "--help")
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2].removesuffix("_claims").replace("_", "-")
        assert re.search(rf"^    {name}\b", ran.out, re.MULTILINE)
        assert "--json" in run(capsys, name, "--help").out


def test_version(capsys: Capture) -> None:
    """The version is that of the installed package."""
    ran = run(capsys, "--version")
    assert ran.status == 0
    assert re.fullmatch(r"ptproof \d+\.\d+\.\d+\n", ran.out)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("nonsense",), "invalid choice: 'nonsense'"),
        (("--vers",), "the following arguments are required: COMMAND"),
        (("replay",), "FILE"),
        (("replay", "a", "b"), "unrecognized arguments: b"),
        (("replay", "a\nb", "c\nd\x1b[1m\udcff"), r"c\nd\x1b[1m\xff"),
        (("check-log",), "FILE"),
        (("check-log", "--quiet"), "FILE"),
        (("check-log", "--qui", "x.log"), "--qui"),
        (("layout",), "--kernel"),
        (("layout", "--json=--"), "argument --json: expected a value, found '--'"),
        (("report", "-o=--"), "argument -o: expected a value, found '--'"),
        (("report", "-o--"), "argument -o: expected a value, found '--'"),
        (("",), "invalid choice: ''"),
    ],
)
def test_wrong_usage(capsys: Capture, argv: tuple[str, ...], told: str) -> None:
    """Wrong usage is one line that says what is wrong and where the help is, with status 2."""
    assert_refused(run(capsys, *argv), told, "--help)")


@pytest.mark.parametrize(
    "argv",
    [
        ("check", "vmlinuz", "--dom0-mem", "4G"),
        ("layout", "--kernel", "1M", "2M"),
        ("picture",),
        ("--nonsense", "boot"),
    ],
)
def test_the_help_is_the_commands(capsys: Capture, argv: tuple[str, ...]) -> None:
    """A command's arguments are refused with where its own help is, wherever that is found out."""
    command = next(each for each in argv if not each.startswith("-"))
    assert_refused(run(capsys, *argv), f"(see: ptproof {command} --help)")


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (InputError("x.log: bad\nline"), 2, r"ptproof: x.log: bad\nline"),
        (KeyboardInterrupt(), 130, "ptproof: interrupted"),
        (
            ValueError("no\r\nway"),
            70,
            r"ptproof: the tool failed: ValueError: no\r\nway (PTPROOF_DEBUG=1 shows where)",
        ),
        (
            RecursionError("deep"),
            70,
            "ptproof: the tool failed: RecursionError: deep (PTPROOF_DEBUG=1 shows where)",
        ),
        (MemoryError(), 70, "ptproof: the tool failed: MemoryError:  (PTPROOF_DEBUG=1 shows where)"),
    ],
    ids=["input", "interrupt", "value", "recursion", "memory"],
)
def test_failures_are_one_line(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, raised: BaseException, status: int, line: str
) -> None:
    """Whatever a command raises is one line, with its status."""

    def fail(_: object) -> int:
        raise raised

    monkeypatch.setattr(replay, "run", fail)
    monkeypatch.delenv(cli.DEBUG, raising=False)
    ran = run(capsys, "replay", "x")
    assert (ran.status, ran.out, ran.err) == (status, "", f"{line}\n")


def test_debug_shows_the_traceback(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the environment variable, a failure comes with its traceback; bad input does not."""

    def fail(_: object) -> int:
        raise ValueError("here")

    monkeypatch.setattr(check_log, "run", fail)
    monkeypatch.setenv(cli.DEBUG, "1")
    with pytest.raises(ValueError, match="here"):
        run(capsys, "check-log", "x")
    assert_refused(run(capsys, "replay", "no such file"))


def test_the_executable() -> None:
    """The installed program and the module do the same, with the statuses of the table."""
    log = str(LOGS / "033.log")
    program = executed("check-log", log)
    module = subprocess.run(
        [sys.executable, "-m", "ptproof.formal", "check-log", log],
        capture_output=True,
        text=True,
        check=False,
    )
    assert program.returncode == module.returncode == 0
    assert program.stdout == module.stdout
    assert "compat, L4 counted" in program.stdout
    refused = executed("replay", "no such file")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "ptproof: no such file: can't be read: No such file or directory\n"


def test_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    """Output is UTF-8 in any locale, and a name that isn't is escaped."""
    name = tmp_path / "caf\N{LATIN SMALL LETTER E WITH ACUTE}.log"
    name.write_text((LOGS / "030.log").read_text())
    ran = executed("check-log", str(name), LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert ran.returncode == 0
    assert "caf\N{LATIN SMALL LETTER E WITH ACUTE}.log:14: AGREES" in ran.stdout
    odd = executed("check-log", "caf\udce9", LC_ALL="C")
    assert odd.returncode == 2
    assert odd.stderr.startswith(r"ptproof: caf\xe9: can't be read: ")


def test_nobody_reads_on() -> None:
    """When the reader of the output goes away there is no complaint."""
    with subprocess.Popen(
        [PTPROOF, "check-log", *map(str, sorted(LOGS.glob("*.log")))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_output_that_cannot_be_written() -> None:
    """When the output can't be written that is told in one line, with status 2, as of any other file."""
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run([PTPROOF, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == "ptproof: standard output: can't be written: No space left on device\n"


def test_help_needs_no_solver() -> None:
    """Neither Z3 nor anything else that is heavy is imported for help: it comes at once, as `make bench` measures."""
    program = (
        "import sys\n"
        "from ptproof.formal.cli.main import main\n"
        "main(['--help'])\n"
        "heavy = {'z3', 'attr', 'attrs', 'elftools', 'importlib.metadata'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_modules_of_commands_do_what_the_package_says() -> None:
    """Every command has the two functions that the package's docstring asks for."""
    assert {layout, replay, check_log} <= set(COMMANDS)
    for command in COMMANDS:
        assert callable(command.add_parser)
        assert callable(command.run)


def has_children(process: "subprocess.Popen[str]") -> bool:
    """Whether it has started other processes, by Linux's /proc."""
    return any(each.read_text() for each in Path(f"/proc/{process.pid}/task").glob("*/children"))


@pytest.mark.parametrize("seconds", [0.0, 1.0])
@pytest.mark.parametrize("argv", [("prove", "--no-cache", "Count"), ("certify", "Count")], ids=" ".join)
def test_an_interruption_while_solvers_work(argv: tuple[str, ...], seconds: float) -> None:
    """Ctrl-C goes to all processes of a terminal: there is one line all the same, and soon."""
    command = [sys.executable, "-m", "ptproof.formal", *argv]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        while process.poll() is None and not has_children(process):
            time.sleep(0.01)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=20)  # within two seconds, on a machine that is quiet
    assert (process.returncode, out, err) == (130, "", "ptproof: interrupted\n")


@pytest.mark.parametrize(
    "argv",
    [
        ("prove", "proved"),
        ("show", "proved"),
        ("counterexample", "refuted"),
        ("report", "proved"),
        ("invariants", "proved"),
        ("boot", "--counterexample", "refuted"),
        ("check", "image"),
    ],
    ids=" ".join,
)
def test_without_a_solver(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    """Where Z3 isn't installed all commands that need it say so in one line."""
    (tmp_path / "image").write_bytes(pv_image())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(claim, "claims", lambda: tiny.GOOD)
    monkeypatch.setattr(solver, "find_spec", lambda _name: None)
    assert_refused(run(capsys, *argv), "z3", "pip install")


@pytest.mark.parametrize(
    ("argv", "status", "out"),
    [
        (["check-log", "-"], 2, ""),
        (["list", "no-such-claim"], 5, ""),
        (["layout", "--kernel", "0", "1", "--nr-pages", "1"], 1, "VIRTUAL MEMORY ARRANGEMENT"),
        (["prove", "v-end-closed", "--json", "x"], 0, "proved"),
    ],
)
def test_standard_input_and_error_that_are_closed(
    tmp_path: Path, argv: list[str], status: int, out: str
) -> None:
    """Complaints don't go to standard output instead, and no file is taken for either."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'{PTPROOF} "$@" <&- 2>&-', "sh", *argv],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert out in done.stdout
    assert "ptproof:" not in done.stdout
    assert "warning:" not in done.stdout
    for each in tmp_path.iterdir():
        json.loads(each.read_text())


@pytest.mark.parametrize("argv", [["list", "Count"], ["certify", "v-end-closed"], ["export", "out", "Count"]])
def test_a_current_folder_that_is_gone(tmp_path: Path, argv: list[str]) -> None:
    """There is an answer, or one line."""
    script = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", PTPROOF, *argv],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == (0 if argv[0] == "list" else 2)
    assert done.stderr.count("\n") == (argv[0] != "list")


def test_a_message_of_any_length(capsys: pytest.CaptureFixture[str]) -> None:
    """Its middle is left out."""
    ran = run(capsys, "show", "x" * 100_000)
    assert ran.status == 5
    assert len(ran.err) < 5000
    assert " ... " in ran.err


def test_a_standard_output_that_is_closed() -> None:
    """It is told in one line: nothing that was not shown looks like success."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"{PTPROOF} list >&-"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == "ptproof: standard output: expected one that is open, found it closed\n"
