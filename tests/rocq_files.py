"""The files of proofs/rocq, compiled, and the statements that Rocq says it has proved: docs/rocq.md has these.

``python tests/rocq_files.py`` renews them there. Needs Rocq.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "proofs/rocq"
PAGE: Final = ROOT / "docs/rocq.md"
FILES: Final = tuple(re.findall(r"^(\w+)\.v$", (FOLDER / "_CoqProject").read_text(), re.MULTILINE))
"""Each after those that it needs."""
STATEMENTS: Final = re.compile(r"(?<=^<!-- statements -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    """One of the files."""
    return (FOLDER / f"{name}.v").read_text(encoding="utf-8")


def theorems() -> dict[str, list[str]]:
    """By file, the theorems of which it asks on what they rest."""
    found = {}
    for each in FILES:
        [named] = re.findall(
            r"^Definition theorems := \((.*?)\)\.\nPrint Assumptions theorems\.$",
            text_of(each),
            re.MULTILINE | re.DOTALL,
        )
        found[each] = re.findall(r"\w+", named)
    return found


def compiled(folder: Path, name: str) -> str:
    """What Rocq prints while it checks a file; fails where it doesn't accept it."""
    done = subprocess.run(
        [shutil.which("coqc") or "coqc", "-Q", ".", "PtProof", f"{name}.v"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(folder: Path) -> None:
    """Have all files checked in a folder, by `make rocq`: ``printed`` there has what Rocq prints meanwhile."""
    subprocess.run(
        [shutil.which("make") or "make", "-s", "-C", ROOT, "rocq", f"COMPILED={folder}"], check=True
    )


def statements(folder: Path) -> str:
    """Each theorem as the kernel has it, with all that it assumes, for docs/rocq.md; of files checked in a folder."""
    shown = []
    for file, names in theorems().items():
        needed = " ".join(f"PtProof.{each}" for each in FILES[: FILES.index(file) + 1])
        lines = [f"Require Import ZArith {needed}.", "Open Scope Z_scope.", "Set Printing Width 120."]
        (folder / "shown.v").write_text("\n".join([*lines, *(f"Check {each}." for each in names)]) + "\n")
        said = compiled(folder, "shown").rstrip().replace("\n     : ", " : ")
        shown.append(f"`{file}.v`:\n\n```coq\n{said}\n```\n")
    return "\n" + "\n".join(shown) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        build(Path(made))
        PAGE.write_text(STATEMENTS.sub(lambda _: statements(Path(made)), PAGE.read_text(encoding="utf-8")))
