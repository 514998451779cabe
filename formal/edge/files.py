"""Files as the command line takes them: ``-`` is standard input or output, and what goes wrong is one line."""

import errno
import json
import os
import re
import stat
import sys
import tempfile
from pathlib import Path

from .errors import InputError


def read_input(name: str, limit: int, raised: str = "") -> bytes:
    """What the file holds; ``-`` is standard input.

    Raises `InputError` when it can't be read, or has more than ``limit`` bytes (so that no device and no
    mistaken name keeps the tool busy for ever); ``raised`` tells how that can be raised.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read(limit + 1) if sys.stdin else b""
        else:
            with open(name, "rb") as file:  # noqa: PTH123 - a name that no Path can hold is an InputError, too
                data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{title(name)}: can't be read: {reason}") from error
    if len(data) > limit:
        raise InputError(f"{title(name)}: expected at most {limit >> 20} MiB, found more{raised}")
    return data


def file_size(name: str) -> int:
    """How many bytes the file has. Raises `InputError` if that can't be found out, or it is no plain file."""
    try:
        found = os.stat(name)  # noqa: PTH116 - as above
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{name}: can't be read: {reason}") from error
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{name}: expected a file, found something else")
    return found.st_size


def write_json(name: str, value: object) -> None:
    """Write a value as JSON, in UTF-8; ``-`` is standard output. Raises `InputError` when that fails."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    text = re.sub(
        "[^\n -~]", lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text
    )
    if name == "-":
        sys.stdout.write(text)
        return
    write_bytes(name, text.encode("utf-8", "backslashreplace"))


def write_bytes(name: str, data: bytes) -> None:
    """Write a file: beside it and then renamed, so that a run that is killed leaves the old one.

    Through a link the file that it leads to is written; a device or a pipe is written as it is. Raises `InputError`
    when that fails.
    """
    try:
        place = os.path.realpath(name)
        regular = not os.path.lexists(name) or stat.S_ISREG(os.stat(place).st_mode)  # noqa: PTH116 - as above
        if name and regular and os.access(os.path.dirname(place), os.W_OK | os.X_OK):  # noqa: PTH120
            _write_beside(place, data)
        else:
            with open(name, "wb") as file:  # noqa: PTH123 - as above
                file.write(data)
    except (OSError, ValueError) as error:
        raise _unwritable(name, error) from error


def _write_beside(place: str, data: bytes) -> None:
    """Put a file in a regular file's place, or where none is, with the permissions that it has or would get."""
    try:
        mode = stat.S_IMODE(os.stat(place).st_mode)  # noqa: PTH116 - as above
        if not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except FileNotFoundError:
        os.umask(mask := os.umask(0o077))
        mode = 0o666 & ~mask
    handle, beside = tempfile.mkstemp(prefix=".ptproof-", dir=os.path.dirname(place))  # noqa: PTH120
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        os.replace(beside, place)  # noqa: PTH105 - as above
    except BaseException:
        os.unlink(beside)  # noqa: PTH108 - as above
        raise


def same_file(output: str, other: str) -> bool:
    """Whether an output, unless it is ``-``, is of one file with another name, whatever links there are.

    ``-`` as the other is standard input, which may come from a file. What keeps nothing, such as /dev/null, is none.
    """
    if output == "-" or _is_device(output):
        return False
    try:
        if other == "-":
            return os.path.samestat(os.fstat(0), os.stat(output))  # noqa: PTH116 - as above
        return os.path.realpath(output) == os.path.realpath(other) or os.path.samefile(output, other)  # noqa: PTH121
    except (OSError, ValueError):  # one isn't there, or can't be
        return False


def is_standard_output(name: str) -> bool:
    """Whether a file is where standard output goes, by its name."""
    try:
        there = os.stat(name)  # noqa: PTH116 - as above
        return stat.S_ISREG(there.st_mode) and os.path.samestat(os.fstat(1), there)
    except (OSError, ValueError):
        return False


def lies_in(output: str, folder: str) -> bool:
    """Whether an output, unless it is ``-``, lies in a folder or below it, whatever links there are."""
    try:
        return output != "-" and Path(output).resolve().is_relative_to(Path(folder).resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def check_writable(*names: str | None) -> None:
    """Refuse a file that can't be written, before the work that is to be written there; nothing is made or changed.

    ``None`` is no file, and ``-`` is standard output. Raises `InputError` as `write_bytes` does.
    """
    written: list[str] = []
    for name in names:
        if name is None or name == "-":
            continue
        for other in written:
            if same_file(name, other):
                raise InputError(f"{name}: two outputs can't go to one file")
        written.append(name)
        try:
            _check_place(name)
        except (OSError, ValueError) as error:
            raise _unwritable(name, error) from error


def check_folder(name: str) -> None:
    """Refuse a folder that can't be written in, or made, before the work. Raises `InputError`."""
    number, reason = 0, ""
    try:
        if name and stat.S_ISREG(os.stat(name).st_mode):  # noqa: PTH116 - as above
            raise InputError(f"{name}: can't be written to: expected a folder, found something else")
    except (OSError, ValueError):  # told below
        pass
    try:
        place = os.path.realpath(name)
        while not os.path.lexists(place):
            place = os.path.dirname(place)  # noqa: PTH120 - as above
        if not name or not stat.S_ISDIR(os.stat(place).st_mode):  # noqa: PTH116 - as above
            number = errno.ENOTDIR if name else errno.ENOENT
        elif not os.access(place, os.W_OK | os.X_OK):
            number = errno.EACCES
    except OSError as error:
        number = error.errno or errno.EINVAL
    except ValueError as error:
        reason = str(error)
    if number or reason:
        raise InputError(f"{name}: can't be written to: {reason or os.strerror(number)}")


def _is_device(name: str) -> bool:
    """Whether the name is of something that keeps nothing, such as /dev/null."""
    try:
        return not stat.S_ISREG(os.stat(name).st_mode)  # noqa: PTH116 - as above
    except (OSError, ValueError):
        return False


def _check_place(name: str) -> None:
    """Raises `OSError` if it is clear beforehand that writing the file would."""
    place, wanted = name, os.W_OK
    try:
        if stat.S_ISDIR(os.stat(name).st_mode):  # noqa: PTH116 - as above
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except FileNotFoundError:
        if not name:
            raise
        place, wanted = os.path.dirname(name) or ".", os.W_OK | os.X_OK  # noqa: PTH120 - as above
        os.stat(place)  # noqa: PTH116 - as above
    if not os.access(place, wanted):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _unwritable(name: str, error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return InputError(f"{name}: can't be written: {reason}")


def title(name: str) -> str:
    """What messages call the file."""
    return "standard input" if name == "-" else name
