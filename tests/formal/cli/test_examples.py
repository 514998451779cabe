"""Every example in the help is run, on a terminal of 80 columns, and no line is wider; so is what ``ptproof`` alone names."""

import re
import shutil
from pathlib import Path

import pytest
import small_tree
from answers_of_this_run import folder
from ptproof.formal.cli.command_line import Command, commands
from ptproof.formal.cli.first_steps import FIRST, first_steps
from ptproof.formal.cli.main import command_line
from ptproof.formal.images.image_writer import image_of
from ptproof.formal.layouts.layout import Configuration, Segment
from run_cli import run, run_on_terminal

LOGS = Path(__file__).parents[2] / "data/boot-logs"
KERNEL = Configuration(
    virt_base=0xFFFF_FFFF_8000_0000,
    kernel=Segment(0xFFFF_FFFF_8100_0000, 0xFFFF_FFFF_8120_0000),
    init_p2m=0x80_0000_0000,
    nr_pages=1,
)
FOUND = commands(command_line())
EXAMPLES = [example for each in FOUND for example in each.examples] + [command for _, command, _ in FIRST]
BOOTS = "ptproof boot"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples name."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "vmlinuz").write_bytes(image_of(KERNEL))
    (folder / "initrd.img").write_bytes(bytes(5_000_000))
    shutil.copy(LOGS / "030.log", folder / "xen.log")
    small_tree.written(folder / "xen")
    status, lines = run_on_terminal("ptproof layout vmlinuz --dom0-mem 4G --json layout.json", folder)
    assert status == 0, lines
    return folder


@pytest.mark.parametrize("example", [each for each in EXAMPLES if not each.startswith(BOOTS)])
def test_an_example(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    """It succeeds, and what it says fits the terminal, be it of answers that are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder()))
    monkeypatch.delenv("CI", raising=False)  # where nothing is kept
    for each in prepared.iterdir():
        (tmp_path / each.name).symlink_to(each)
    status, lines = run_on_terminal(example, tmp_path)
    assert status == 0, lines
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.machine
@pytest.mark.usefixtures("real_xen")
@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.startswith(BOOTS)])
def test_an_example_of_a_boot(prepared: Path, example: str) -> None:
    """The same, on a real Xen."""
    status, lines = run_on_terminal(example, prepared)
    assert status == 0, lines
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("command", FOUND, ids=lambda each: each.name)
def test_every_command_has_two_examples_in_its_help(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    """Each is a line of its own, and the help fits 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    name, examples = command.name, command.examples
    ran = run(capsys, name, "--help")
    assert len(examples) >= 2
    assert ran.lines[-len(examples) :] == [f"  {each}" for each in examples]
    assert all(name in each for each in examples)
    assert [line for line in ran.lines if len(line) > 80] == []


def test_the_help_of_the_whole_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it, the table of statuses included."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = run(capsys, "--help").lines
    assert len(lines) > 40
    assert [line for line in lines if len(line) > 80] == []


def test_ptproof_alone_says_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    """Four commands, by what one has; it is wrong usage all the same."""
    ran = run(capsys)
    assert (ran.status, ran.err) == (2, "")
    assert ran.lines == first_steps()
    for has in ("a question", "a log", "a kernel", "a tree"):
        assert any(line.startswith(f"  {has} ") and "ptproof " in line for line in ran.lines)
    assert [line for line in ran.lines if len(line) > 80] == []


def test_options_that_are_spoken_of_exist() -> None:
    """Messages, docstrings and pages name commands with options that these commands have."""
    known = {each.name: set(each.options) for each in FOUND}
    root = Path(__file__).parents[3]
    texts = [
        *root.glob("formal/**/*.py"),
        *root.glob("proofs/**/*.py"),
        *root.glob("docs/*.md"),
        *root.glob("*.md"),
    ]
    wrong, spoken_of = [], 0
    for path in texts:
        for name, rest in re.findall(
            r"\bptproof ([a-z][a-z-]+)([^`'|;\n]*)", path.read_text(encoding="utf-8")
        ):
            for option in re.findall(r"(?<=\s)--[A-Za-z][\w-]*", rest) if name in known else ():
                spoken_of += 1
                wrong += [(str(path), name, option)] if option not in known[name] else []
    assert wrong == []
    assert spoken_of > 50


WRONG = (
    "ptproof nonsense",
    "ptproof prove nonsense",
    "ptproof prove exact --jobs 0",
    "ptproof show exact --no-such-option",
    "ptproof counterexample exact least",
    "ptproof counterexample Count",
    "ptproof list nonsense",
    "ptproof certify --check nonsense",
    "ptproof export initrd.img",
    "ptproof layout",
    "ptproof layout initrd.img --nr-pages 1",
    "ptproof layout vmlinuz --kernel 0 1 --nr-pages 1",
    "ptproof layout vmlinuz --dom0-mem 64MB --host-mem 8G --version xen-9",
    "ptproof layout vmlinuz --dom0-mem 1M",
    "ptproof layout --virt-base 0x800 --kernel 0x100000 0x300000 --nr-pages 16384",
    "ptproof layout --domU vmlinuz --memory 1M",
    "ptproof image initrd.img",
    "ptproof check layout.json",
    "ptproof replay xen.log",
    "ptproof replay layout.json --nr-pt-pages 3",
    "ptproof picture --log layout.json",
    "ptproof picture --log xen.log --boot 7 -o no-such-folder-here-at-all/picture.svg",
    "ptproof report exact",
    "ptproof formula --rounding 3M",
    "ptproof formula --style raises --rounding 2M",
    "ptproof check-log initrd.img",
    "ptproof check-log layout.json no-such-log-of-a-rather-long-name-that-does-not-fit.log",
    "ptproof explain Decodin failed",
    "ptproof tree .",
    "ptproof tree no-such-tree-of-a-rather-long-name --rev no-such-revision-of-a-rather-long-name",
    "ptproof boot --random 1 --record x",
    "ptproof invariants --tree xen",
    "ptproof completion csh",
)


def test_what_goes_wrong_fits_a_terminal(prepared: Path, tmp_path: Path) -> None:
    """Refusals and warnings of each command have no line of more than 80 columns, and say something."""
    for each in prepared.iterdir():
        (tmp_path / each.name).symlink_to(each)
    assert {each.split()[1] for each in WRONG} >= {each.name for each in FOUND}
    script = "; ".join(f"echo '$'; {each}; echo $?" for each in WRONG)
    _, lines = run_on_terminal(script, tmp_path)
    assert [line for line in lines if len(line) > 80] == []
    said = "\n".join([*lines, ""]).split("$\n")[1:]
    assert len(said) == len(WRONG)
    for command, told in zip(WRONG, said, strict=True):
        assert told.endswith("\n0\n") is ("0x800" in command), command  # Xen lays that out, and then dies
        assert re.search("^(ptproof: |warning: |libxenguest refuses|Table frames)", told, re.MULTILINE), (
            command
        )
