"""Keeps what solvers answered, and what whole runs told, so that the same needn't be settled again.

An answer is kept in a file of its own, under the hash of all that it depends on: the question's text with its budget,
the solver's name and version, and the module of ours that asks it. A kept ``unsat`` is believed, so an entry has to show that it is whole and the one
asked for: it holds its key, and a checksum over key and answer. Whatever is damaged, or another's, is passed over as
if it weren't there. That guards against accidents. Whoever can write to your files can forge an entry; so in CI,
where the environment has ``CI`` set, nothing is kept and nothing is read.

Sources: the XDG Base Directory Specification, for the place.
"""

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeGuard

from attrs import field, frozen

SCHEMA: Final = "ptproof-answer/1"
MOST_BYTES: Final = 1 << 20
"""No entry is larger."""
STATUSES: Final = ("sat", "unsat")
"""What is kept: an unknown may be due to the time that it took."""


@frozen
class Cache:
    """Answers kept in ``folder``. It may be unwritable or damaged in any way: then less is found, or nothing."""

    folder: Path
    _written: set[str] = field(factory=set, init=False, eq=False, repr=False)

    def get(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer kept for a question, or ``None``."""
        answer = self.kept(question)
        return answer if _is_answer(answer, question) else None

    def put(self, question: Mapping[str, Any], answer: dict[str, Any]) -> None:
        """Keep an answer, if it is one to be kept and the folder takes it."""
        if answer["status"] in STATUSES:
            self.keep(question, answer)

    def kept(self, about: Mapping[str, Any], most_bytes: int = MOST_BYTES) -> object:
        """What is kept under a key, or ``None``: whole, but nothing is said about its form."""
        key = _key(about)
        try:
            # A FIFO must not keep us waiting, and a link may lead to another's file.
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(self._file(key), flags), "rb") as file:
                found = os.fstat(file.fileno())
                own = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
                if not own or found.st_size > most_bytes:
                    return None
                entry = json.loads(file.read(most_bytes))
            value = entry["answer"]
            whole = (entry["schema"], entry["key"], entry["check"]) == (SCHEMA, key, _check(key, value))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return value if whole else None

    def keep(self, about: Mapping[str, Any], value: object) -> None:
        """Keep a value under a key, if the folder takes it."""
        key = _key(about)
        entry = {"schema": SCHEMA, "key": key, "answer": value, "check": _check(key, value)}
        file = self._file(key)
        with suppress(OSError):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Written aside and then renamed: nobody ever reads half an entry.
            with tempfile.NamedTemporaryFile("w", dir=file.parent, encoding="utf-8", delete=False) as new:
                try:
                    new.write(json.dumps(entry, sort_keys=True))
                    new.close()
                    self._written.add(key)  # before another thread can find it
                    Path(new.name).replace(file)
                except OSError:
                    self._written.discard(key)
                    Path(new.name).unlink()
                    raise

    def wrote(self, question: Mapping[str, Any]) -> bool:
        """Whether the answer to a question was put here by this very object: then it is of no earlier run."""
        return bool(self._written) and _key(question) in self._written

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.json"


def users_cache() -> Cache | None:
    """The cache of whoever runs the tool; ``None`` in CI, and where there is no place for one."""
    if os.environ.get("CI"):
        return None
    given = Path(
        os.environ.get("XDG_CACHE_HOME") or ""
    )  # relative ones count as not set, says the specification
    try:
        base = given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # nobody's home is known
        return None
    return Cache(base / "ptproof")


def _key(question: Mapping[str, Any]) -> str:
    return _hash([SCHEMA, question])


def _check(key: str, answer: object) -> str:
    return _hash([key, answer])


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _is_answer(answer: object, question: Mapping[str, Any]) -> TypeGuard[dict[str, Any]]:
    """Whether it has the form of an answer: a status that is kept, and with ``sat`` of Z3 a value for each input."""
    if (
        not isinstance(answer, dict)
        or set(answer) != {"status", "model", "why", "spent"}
        or answer["status"] not in STATUSES
    ):
        return False
    wanted = (
        {name for name, _ in question["inputs"]}
        if answer["status"] == "sat" and question["models"]
        else set()
    )
    values = [*answer["model"].values(), answer["spent"]]
    return set(answer["model"]) == wanted and all(type(each) is int and each >= 0 for each in values)
