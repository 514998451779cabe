"""Every example in the help is run, on a terminal of 80 columns, and no line is wider; so is what ``ptproof`` alone names."""

import shutil
from pathlib import Path

import pytest
import small_tree
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
def test_an_example(prepared: Path, tmp_path: Path, example: str) -> None:
    """It succeeds, and what it says fits the terminal."""
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


def test_ptproof_alone_says_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    """Four commands, by what one has; it is wrong usage all the same."""
    ran = run(capsys)
    assert (ran.status, ran.err) == (2, "")
    assert ran.lines == first_steps()
    for has in ("a question", "a log", "a kernel", "a tree"):
        assert any(line.startswith(f"  {has} ") and "ptproof " in line for line in ran.lines)
    assert [line for line in ran.lines if len(line) > 80] == []
