"""The files of a tree of sources: of a folder, or of a revision in a git repository, which isn't checked out.

Nothing outside the tree is read, no device and no pipe, and no file of more than `LIMIT` bytes. git reads objects
only: no hook, filter or helper of the repository runs, nothing is fetched, and nobody's configuration counts but the
repository's own.

Facts: git-cat-file(1) for ``--batch`` and ``--follow-symlinks``; git(1) for the environment.
"""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import IO, Final

from attrs import frozen

from ..edge.errors import InputError

BUILDERS: Final = (
    "xen/arch/x86",
    "tools/libs/guest/xg_dom_x86.c",
    "tools/libxc/xc_dom_x86.c",
    "grub-core/loader/i386/xen.c",
)
"""What a commit of a range has to touch."""
LIMIT: Final = 8 << 20
"""The largest file that is read, in bytes; Xen's largest source has a tenth of that."""
_GIT: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C",
}
_KEPT: Final = ("PATH", "HOME", "TMPDIR")


@frozen(eq=False)
class Tree:
    """A tree: its ``title`` for people, and ``read``, which gives a file's text by its path from the root.

    ``read`` gives ``None`` where there is no such file, and raises `InputError` for one that can't be used.
    """

    title: str
    read: Callable[[str], str | None]

    def first(self, *paths: str) -> str | None:
        """The first of the paths that is a file."""
        return next((each for each in paths if self.read(each) is not None), None)


@contextmanager
def opened(path: str, revision: str | None = None) -> Iterator[Tree]:
    """The tree in a folder, or of a revision of the repository there. Raises `InputError` where there is none."""
    if not os.path.isdir(path):  # noqa: PTH112 - a name that no Path can hold is an InputError, too
        raise InputError(f"{path}: expected a folder with a tree of sources, found none")
    if revision is None:
        yield Tree(path, _cached(lambda name: _of_folder(path, name)))
        return
    commit = commit_of(path, revision)
    with subprocess.Popen(  # noqa: S603 - git, and arguments of ours
        [*_git(path), "cat-file", "--batch", "--follow-symlinks"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asks, answers = process.stdin, process.stdout
        try:
            yield Tree(
                f"{path} at {revision}", _cached(lambda name: _of_revision(asks, answers, commit, name))
            )
        finally:
            with suppress(BrokenPipeError):  # by what a git that ended hasn't read any more
                asks.close()
            process.terminate()


def commit_of(path: str, revision: str) -> str:
    """The full name of the commit that a revision names. Raises `InputError` where there is none."""
    shown = _answer(
        path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    ).strip()
    if not shown:
        raise InputError(f"{path}: expected a revision of its repository, found no commit {revision!r}")
    return shown


def revisions(path: str, wanted: str) -> list[str]:
    """What ``A..B`` (commits that touch `BUILDERS`) or a pattern of tags names, oldest first. Raises `InputError`."""
    if ".." in wanted:
        for end in wanted.split(".."):
            commit_of(path, end.lstrip(".") or "HEAD")
        listed = _answer(path, "rev-list", "--reverse", "--end-of-options", wanted, "--", *BUILDERS)
    else:
        listed = _answer(path, "tag", "--list", "--sort=version:refname", "--", wanted)
    found = listed.split()
    if not found:
        raise InputError(f"{path}: expected revisions of its repository, found none that are {wanted!r}")
    return found


def _git(path: str) -> list[str]:
    """git for the repository in a folder, or for the bare one that the folder is."""
    inner = os.path.join(path, ".git")  # noqa: PTH118 - as above
    place = inner if os.path.exists(inner) else path  # noqa: PTH110
    return ["git", f"--git-dir={place}", "-c", "core.fsmonitor=false"]


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | _GIT


def _answer(path: str, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - git, without a shell
            [*_git(path), *arguments],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: git can't be run: {error}") from error
    if done.stderr and done.returncode:
        said = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()[0]
        raise InputError(f"{path}: expected a git repository, found that git says: {said}")
    return done.stdout.decode("utf-8", "backslashreplace")


def _cached(read: Callable[[str], str | None]) -> Callable[[str], str | None]:
    known: dict[str, str | None] = {}

    def cached(name: str) -> str | None:
        if name not in known:
            known[name] = read(name) if _within(name) else None
        return known[name]

    return cached


def _within(name: str) -> bool:
    """Whether a path stays in the tree by its own words, and can be asked for."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\n" not in name and "\0" not in name


def _of_folder(root: str, name: str) -> str | None:
    where = os.path.join(root, name)  # noqa: PTH118
    try:
        real = os.path.realpath(where, strict=True)
        base = os.path.realpath(root)
        if os.path.commonpath([real, base]) != base:
            raise InputError(f"{where}: expected a file of the tree, found a link out of it")
        found = os.stat(real)  # noqa: PTH116
        if stat.S_ISDIR(found.st_mode):
            return None
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{where}: expected a file, found something else")
        with open(real, "rb") as file:  # noqa: PTH123
            data = file.read(LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{where}: can't be read: {error.strerror or error}") from error
    return _text(data, where)


def _of_revision(asks: IO[bytes], answers: IO[bytes], commit: str, name: str) -> str | None:
    try:
        asks.write(f"{commit}:{name}\n".encode("utf-8", "surrogateescape"))
        asks.flush()
        said = answers.readline()
    except OSError as error:
        raise InputError(f"{name}: can't be read: git ended") from error
    head = said.split()
    if not said.endswith(b"\n") or not head:
        raise InputError(f"{name}: can't be read: git ended")
    if head[-1] == b"missing" or head[0] in {b"dangling", b"loop", b"notdir", b"symlink"}:
        if head[-1] != b"missing":
            answers.read(int(head[1]) + 1)
        return None
    size = int(head[-1])
    data = answers.read(size + 1)[:-1]
    return None if head[1] != b"blob" else _text(data, name)


def _text(data: bytes, where: str) -> str:
    if len(data) > LIMIT:
        raise InputError(f"{where}: expected at most {LIMIT >> 20} MiB, found more")
    if b"\0" in data:
        raise InputError(f"{where}: expected C, found a binary file (a zero byte at {data.index(0):#x})")
    return data.decode("latin-1").replace("\r\n", "\n")
