"""``ptproof completion``: the scripts, each tried in its shell."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from ptproof.formal.cli.command_line import commands
from ptproof.formal.cli.main import command_line
from ptproof.formal.cli.shell_completion import SHELLS, script
from ptproof.formal.logic.claim import claims
from run_cli import assert_refused, run

FOUND = commands(command_line())
IDS = {each.id for each in claims()}
FAMILIES = {each.family.lower().replace(" ", "-") for each in claims()}


@pytest.fixture(name="folder", scope="module")
def folder_with_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has the scripts in it, and files to complete the names of."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        (folder / f"script.{shell}").write_text(script(shell, FOUND, claims()))
    (folder / "layout one.json").touch()
    (folder / "layouts").mkdir()
    return folder


def printed(shell: str, program: str, folder: Path) -> list[str]:
    """What the shell prints that runs the program there; in CI a missing shell is a failure."""
    found = shutil.which(shell)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"there is no {shell}")
    options = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    ran = subprocess.run(
        [found, *options, "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"HOME": str(folder), "TERM": "dumb"},
    )
    assert ran.stderr == ""
    return ran.stdout.splitlines()


def by_bash(words: Sequence[str], folder: Path) -> set[str]:
    """What bash's completion function offers for the last of the words."""
    array = " ".join(f"'{each}'" for each in words)
    program = (
        f"source script.bash; complete -p ptproof >/dev/null; COMP_WORDS=({array}); "
        'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ptproof; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return {each for each in printed("bash", program, folder) if each}


def by_fish(words: Sequence[str], folder: Path) -> set[str]:
    """What fish offers for the last of the words."""
    program = f"source script.fish; complete -C '{' '.join(words)}'"
    return {each.partition("\t")[0] for each in printed("fish", program, folder)}


def by_zsh(words: Sequence[str], folder: Path) -> set[str]:
    """What zsh offers for the last of the words: its own completion system runs, on a terminal of its own."""
    program = r"""
zmodload zsh/zpty
zpty -b shell zsh -f
zpty -w shell 'PS1= ; stty -echo; autoload -Uz compinit; compinit -u -D; source ./script.zsh'
zpty -w shell 'zstyle ":completion:*" list-packed false; zstyle ":completion:*" verbose false; LISTMAX=1000'
zpty -w shell 'compadd() { builtin compadd -O offered "$@"; print -rl -- "<"${^offered}">"; builtin compadd "$@"; }'
zpty -w shell 'bindkey "^I" complete-word; finish() { print -r -- "<<done>>" }; zle -N finish; bindkey "^F" finish'
zpty -w shell 'print -r "<<""ready>>"'
line= ; until [[ $line == *'<<ready>>'* ]]; do zpty -r shell line; done
zpty -w -n shell 'WORDS'$'\t'$'\x06'
until [[ $line == *'<<done>>'* ]]; do zpty -r shell line; print -r -- "$line"; done
zpty -d shell
""".replace("WORDS", " ".join(words))
    text = "\n".join(printed("zsh", program, folder))
    offered = {each.partition(">")[0] for each in text.split("<")[1:] if not each.startswith(("done", ">"))}
    return offered - {""}


BY = {"bash": by_bash, "fish": by_fish, "zsh": by_zsh}


@pytest.mark.parametrize("shell", BY)
def test_a_command_is_completed(shell: str, folder: Path) -> None:
    """The commands are offered that begin so."""
    assert BY[shell](["ptproof", "pro"], folder) == {"prove"}
    assert BY[shell](["ptproof", "co"], folder) == {"counterexample", "completion"}


@pytest.mark.parametrize("shell", BY)
def test_an_id_is_completed(shell: str, folder: Path) -> None:
    """Ids of claims are offered, and families where they may stand."""
    assert BY[shell](["ptproof", "counterexample", "uniq"], folder) == {"unique"}
    assert BY[shell](["ptproof", "prove", "exact", "start-of"], folder) == {"start-of-the-loop"}
    assert BY[shell](["ptproof", "counterexample", "start-of"], folder) == set()


@pytest.mark.parametrize("shell", BY)
def test_an_option_is_completed(shell: str, folder: Path) -> None:
    """The command's own options are offered, and the values of one that has few."""
    assert BY[shell](["ptproof", "prove", "--ju"], folder) == {"--junit"}
    assert BY[shell](["ptproof", "invariants", "--format", "h"], folder) == {"html"}
    assert BY[shell](["ptproof", "list", "--ju"], folder) == set()


@pytest.mark.parametrize("shell", BY)
def test_a_file_is_completed(shell: str, folder: Path) -> None:
    """Files are offered where a file is due, spaces in the name or not; nothing where a number is."""
    offered = {
        each.replace("\\", "").rstrip("/") for each in BY[shell](["ptproof", "replay", "layout"], folder)
    }
    assert offered == {"layout one.json", "layouts"}
    assert BY[shell](["ptproof", "prove", "--timeout", "lay"], folder) == set()


def test_all_ids_and_options_are_offered(folder: Path) -> None:
    """For nothing typed yet, bash offers all that there is."""
    assert by_bash(["ptproof", "counterexample", ""], folder) == IDS
    assert by_bash(["ptproof", "list", ""], folder) == IDS | FAMILIES
    assert by_bash(["ptproof", ""], folder) == {*(each.name for each in FOUND), "--help", "--version"}
    for command in FOUND:
        assert by_bash(["ptproof", command.name, "-"], folder) == set(command.options)


def test_a_value_after_an_equals_sign(folder: Path) -> None:
    """Bash makes three words of --format=md: the value is offered all the same."""
    assert by_bash(["ptproof", "invariants", "--format", "=", "m"], folder) == {"md"}
    assert by_bash(["ptproof", "invariants", "--format", "="], folder) == {"md", "html", "json", "c-comment"}


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The script is printed, the data are that of the command line, and another shell is refused."""
    for shell in SHELLS:
        assert run(capsys, "completion", shell).out == script(shell, FOUND, claims())
    plain = json.loads(run(capsys, "completion", "bash", "--json", "-").out)
    assert [each["name"] for each in plain["commands"]] == [each.name for each in FOUND]
    assert_refused(run(capsys, "completion", "csh"), "csh")
