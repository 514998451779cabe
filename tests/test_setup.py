"""The project's set-up: the trap of a folder called ``encodings``, and who may import whom.

docs/structure.md tells the reasons.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORMAL = sorted((ROOT / "formal").rglob("*.py"))
ENCODINGS = sorted((ROOT / "encodings").rglob("*.py"))
PROOFS = sorted((ROOT / "proofs").rglob("*.py"))
ROOMS = (
    "edge",
    "words",
    "c",
    "solvers",
    "layouts",
    "machine",
    "others",
    "logic",
    "certify",
    "source",
    "images",
    "logs",
    "judging",
    "xen",
    "pictures",
    "reports",
    "cli",
)
"""The rooms of ``formal``, from the ground up: the order of the table in docs/structure.md."""
FAMILIES = (
    "shared",
    "count",
    "start",
    "alignment",
    "static",
    "layout",
    "builder",
    "asserts",
    "limits",
    "history",
    "toolstack",
    "others",
    "images",
    "source",
)
"""The folders of ``proofs``, likewise."""
STANDS_ALONE = ROOT / "proofs/checker"
"""No room: scripts that are run as they lie."""
MOST_MODULES = 12
"""A room with more of them is two rooms."""


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere in it, by its full name; and every name from a module."""
    package = ("ptproof", *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{each.name}" for each in node.names)


def within(name: str, package: str) -> bool:
    """Whether a module is the package or in it."""
    return f"{name}.".startswith(f"{package}.")


def importing(paths: Iterable[Path], *forbidden: str) -> list[str]:
    """Which of the files import one of the modules, or something in it."""
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in paths
        for name in imported(path)
        if any(within(name, each) for each in forbidden)
    ]


def python(code: str, **environment: str) -> str:
    """What the code prints, run by this Python in the project's folder."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_the_standard_librarys_encodings_are_found_in_the_projects_folder() -> None:
    """Python in the project's folder, and with it first on its path, finds its own ``encodings``."""
    found = python("import encodings; print(encodings.__file__)", PYTHONPATH=".")
    assert ROOT not in Path(found).parents
    assert Path(found).name == "__init__.py"


def test_our_encodings_have_no_init() -> None:
    """With an ``__init__.py`` the folder would hide the standard library's package, and no Python would start."""
    assert not list((ROOT / "encodings").rglob("__init__.py*"))


def test_a_folder_of_that_name_with_an_init_stops_python(tmp_path: Path) -> None:
    """The trap is real: that is why it is guarded."""
    (tmp_path / "encodings").mkdir()
    (tmp_path / "encodings" / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-c", "pass"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        check=False,
        capture_output=True,
    )
    assert done.returncode != 0


def test_both_encodings_live_side_by_side() -> None:
    """``ptproof.encodings`` is the folder of the project, whatever ``encodings`` is."""
    found = python(
        "import encodings.utf_8, ptproof.encodings.dom0_count as ours; print(ours.__file__)", PYTHONPATH="."
    )
    assert Path(found) == ROOT / "encodings/dom0_count.py"


def test_the_namespace_has_no_package_of_its_own() -> None:
    """``ptproof`` is a namespace: other distributions can add to it, and nothing hides the three folders."""
    assert python("import ptproof; print(ptproof.__file__)") == "None"


def test_imports_are_seen_wherever_they_stand() -> None:
    """The rules below see relative imports, and those within functions."""
    assert set(imported(ROOT / "formal/__main__.py")) >= {
        "ptproof.formal.cli.main",
        "ptproof.formal.cli.main.main",
    }
    assert "ptproof.formal.images.image" in set(imported(ROOT / "formal/cli/about_layouts/image.py"))


def test_the_tool_imports_neither_encodings_nor_proofs() -> None:
    """``formal`` finds both through entry points only."""
    assert importing(FORMAL, "ptproof.encodings", "ptproof.proofs") == []


def upwards(top: str, rooms: Sequence[str]) -> list[str]:
    """Which modules import a room above their own."""
    return [
        found
        for place, room in enumerate(rooms)
        for found in importing(
            (ROOT / top / room).rglob("*.py"), *(f"ptproof.{top}.{above}" for above in rooms[place + 1 :])
        )
    ]


def test_a_room_imports_only_rooms_below_it() -> None:
    """Neither in ``formal`` nor in ``proofs`` does an import run upwards."""
    assert upwards("formal", ROOMS) == []
    assert upwards("proofs", FAMILIES) == []


def test_an_import_upwards_is_seen() -> None:
    """With the rooms turned round, there are many."""
    assert any("ptproof.formal.words" in found for found in upwards("formal", ROOMS[::-1]))


@pytest.mark.parametrize(("top", "rooms"), [("formal", ROOMS), ("proofs", FAMILIES)])
def test_rooms_are_few_told_and_not_crowded(top: str, rooms: Sequence[str]) -> None:
    """Each folder is a room that is listed, says what it is for, and has at most a dozen modules."""
    folders = {path.parent for path in (ROOT / top).rglob("*.py")} - {ROOT / top, STANDS_ALONE}
    assert {folder.relative_to(ROOT / top).parts[0] for folder in folders} == set(rooms)
    for room in rooms:
        assert ast.get_docstring(ast.parse((ROOT / top / room / "__init__.py").read_text()))
    for folder in folders:
        assert len(list(folder.glob("*.py"))) - 1 <= MOST_MODULES, folder


def test_the_map_shows_the_rooms() -> None:
    """docs/structure.md lists the rooms in their order, each with what its ``__init__`` says."""
    page = (ROOT / "docs/structure.md").read_text()
    rows = [
        f"| `{top}/{room}` | {ast.get_docstring(ast.parse((ROOT / top / room / '__init__.py').read_text()))} |".replace(
            "``", "`"
        )
        for top, rooms in (("formal", ROOMS), ("proofs", FAMILIES))
        for room in rooms
    ]
    places = [page.find(row) for row in rows]
    assert -1 not in places, rows[places.index(-1)]
    assert places == sorted(places)


def test_the_picture_shows_the_rooms() -> None:
    """docs/structure.md draws the rooms of ``formal`` as they lie upon each other: to the right above, to the left below."""
    page = (ROOT / "docs/structure.md").read_text()
    above, _corner, below = re.search(r"```text\n( cli .*?)\n```", page, re.DOTALL)[1].splitlines()  # type: ignore[index]
    drawn = [re.findall(r"\w+", line) for line in (above, below)]
    assert (*drawn[0], *drawn[1][::-1]) == ROOMS[::-1]
    assert above.count("──▶") == len(drawn[0]) - 1
    assert below.count("◀──") == len(drawn[1]) - 1


def test_the_machine_imports_no_formula() -> None:
    """Of this project the frame machine imports its own room, data of layouts, and the error for bad input."""
    machine = [path for path in (ROOT / "formal/machine").glob("*.py") if path.stem != "two_layouts"]
    below = {"edge", "layouts", "machine"}
    others = (f"ptproof.formal.{each}" for each in ROOMS if each not in below)
    assert importing(machine, "ptproof.encodings", "ptproof.proofs", *others) == []
    assert importing((ROOT / "formal/layouts").glob("*.py"), "ptproof.formal.words") == []


def test_encodings_do_not_import_the_machine() -> None:
    """No formula asks the machine, nor the proofs: what the two agree on, each found on its own."""
    forbidden = ("ptproof.formal.machine", "ptproof.formal.layouts.xen_version", "ptproof.proofs")
    assert importing(ENCODINGS, *forbidden) == []


def test_solvers_are_imported_by_their_processes_only() -> None:
    """A solver runs in a process that can be killed, and nothing else waits for it to be loaded."""
    solvers = ("z3", "cvc5", "bitwuzla")
    asking = [f"formal/solvers/ask_{each}.py: {each}" for each in sorted(solvers)]
    assert importing([*FORMAL, *ENCODINGS, *PROOFS], *solvers) == asking
    assert importing(FORMAL, *(f"ptproof.formal.solvers.ask_{each}" for each in solvers)) == []


def test_only_what_reads_sources_needs_the_extra_tree() -> None:
    """Without tree-sitter each module can be imported but the readers of sources, and the report of what they found."""
    readers = ("formal/c/", "formal/source/", "proofs/source/", "formal/reports/tree_report.py")
    names = [
        ".".join(("ptproof", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        for path in (*FORMAL, *ENCODINGS, *PROOFS)
        if not str(path.relative_to(ROOT)).startswith(readers)
        and path.parent != STANDS_ALONE
        and path.stem != "__main__"
    ]
    assert len(names) > 150
    code = (
        "import sys, importlib; sys.modules['tree_sitter'] = sys.modules['tree_sitter_c'] = None\n"
        f"for name in {names}: importlib.import_module(name)"
    )
    assert python(code) == ""
