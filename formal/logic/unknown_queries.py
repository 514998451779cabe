"""Writes what stayed Unknown, or what solvers contradict each other about, to files, as SMT-LIB for another solver."""

import os
import re
import tempfile
from pathlib import Path
from typing import Final

from ..edge.errors import InputError
from ..edge.files import write_bytes
from .prover import ProofRun
from .verdict import Error, Unknown

FOLDER: Final = Path(".ptproof", "unknown")
"""Where the queries go, below the working directory, or else below the system's temporary one."""


def export(run: ProofRun) -> dict[str, Path]:
    """Write every open query of the run; gives the file of each, by the name of its obligation.

    Raises `InputError` when they can be written nowhere.
    """
    open_queries = {
        name: text
        for decision in run.decisions
        for part in decision.parts
        if isinstance(part.verdict, Unknown | Error)
        for name, text in part.verdict.queries
    }
    if not open_queries:
        return {}
    folder = _folder()
    files: dict[str, Path] = {}
    for name, text in open_queries.items():
        file = folder / f"{_file_name(name)}.smt2"
        while file in files.values():
            file = file.with_stem(f"{file.stem}_")
        if file.is_symlink():  # somebody else's: what it leads to stays as it is
            file.unlink()
        write_bytes(str(file), text.encode())
        files[name] = file
    return files


def _folder() -> Path:
    """The first folder of our own that can be written to: nobody may have put a link in its place."""
    places = (FOLDER, Path(tempfile.gettempdir()) / FOLDER)
    for each in places:
        try:
            if each.is_symlink() or each.parent.is_symlink():
                continue
            each.mkdir(parents=True, exist_ok=True)
            if {each.stat().st_uid, each.parent.stat().st_uid} != {os.getuid()}:
                continue
            with tempfile.TemporaryFile(dir=each):
                return each
        except OSError:
            continue
    raise InputError(
        f"the queries that stayed open can't be written, neither to {places[0]} nor to {places[1]}"
    )


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._,-]+", "_", name).strip("_")[:200]
