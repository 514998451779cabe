"""A release: the sdist is the whole source, the wheel that is made of it works outside of the checkout, and the version is told."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
KERNEL = ("--virt-base", "0x0", "--kernel", "0x100000", "0x300000", "--nr-pages", "16384")


def ran(*argv: str | Path, folder: Path) -> str:
    """What a program prints that must succeed, with nothing of the checkout on its path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    done = subprocess.run(
        argv, cwd=folder, env=clean | {"PIP_NO_CACHE_DIR": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, built from a copy of what git knows: nothing is written into the checkout."""
    folder = tmp_path_factory.mktemp("sdist")
    listed = ran(
        "git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=folder
    )
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            copy = folder / "source" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    build = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    ran(sys.executable, "-c", build, folder / "dist", folder=folder / "source")
    (made,) = (folder / "dist").iterdir()
    return made


@pytest.fixture(scope="module")
def installed(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel that is made of the sdist; its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    ran(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, sdist, folder=folder)
    (wheel,) = folder.glob("ptproof-*.whl")
    venv.create(folder / "venv", with_pip=False)
    programs = folder / "venv/bin"
    ran(*pip, f"--python={programs / 'python'}", "install", "--no-deps", wheel, folder=folder)
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return programs


def test_the_sdist_is_the_whole_source(sdist: Path) -> None:
    """All that is needed to change it and to test it, under the version's name."""
    assert sdist.name == f"ptproof-{VERSION}.tar.gz"
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    sources = {
        str(path.relative_to(ROOT))
        for top in ("formal", "encodings", "proofs", "tests")
        for path in (ROOT / top).rglob("*")
        if path.suffix in {".py", ".json", ".log", ".md", ".v"}
    }
    assert sources - names == set()
    assert {
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "requirements.lock",
        "docs/index.md",
    } <= names
    assert not any("__pycache__" in name or "/_build/" in name for name in names)


def test_the_wheel_works_elsewhere(installed: Path, tmp_path: Path) -> None:
    """It proves, looks its certificates up, lays out, and finds its schemas; all of it is its own."""
    assert ran(installed / "ptproof", "--version", folder=tmp_path) == f"ptproof {VERSION}\n"
    where = "import ptproof.formal.words.word as each; print(each.__file__)"
    assert ran(installed / "python", "-c", where, folder=tmp_path).startswith(str(installed.parent))
    assert "1 claim: proved 1" in ran(
        installed / "ptproof", "prove", "v-end-closed", "--no-cache", folder=tmp_path
    )
    assert "Page tables:" in ran(installed / "ptproof", "layout", *KERNEL, folder=tmp_path)
    schemas = (
        "from importlib.resources import files; print(*files('ptproof.formal').joinpath('schemas').iterdir())"
    )
    assert "ptproof-run-1.json" in ran(installed / "python", "-c", schemas, folder=tmp_path)
    proved = ran(installed / "python", "-m", "ptproof.formal", "prove", "v-end-closed", folder=tmp_path)
    assert "certificates on record" in proved.partition("\n")[0]


def test_the_changelog_has_the_version_first() -> None:
    """What is built is what the changelog tells last."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.partition("\n## [")[2].startswith(f"{VERSION}]")


def test_the_map_of_the_house_names_what_is_there() -> None:
    """Every file and folder that CONTRIBUTING.md names is found."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:formal|encodings|proofs|tests)/[\w./]*)`", text)
    assert len(named) > 10
    assert [each for each in named if not (ROOT / each).exists()] == []
