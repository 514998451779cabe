"""Reads the boots of PV domains out of logs as people paste them.

A log may carry timestamps, ``(XEN)`` or ``(d2) (XEN)``, mail quoting, CRLF, colours, NULs and bytes of any
encoding; lines may be wrapped by a mailer, missing, or cut short; a file may hold several boots. So what is
looked for are Xen's own labels, wherever on a line they stand, and a value may go on after one line break.
The time taken is linear in the length of the text.

A boot begins where a label comes that, in the order in which Xen prints, can't follow the one before.

Facts: what ``dom0_construct()`` and libelf print, in Xen 2.0 to 4.22; the logs in
``tests/data/boot-logs``. Xen's ``%p`` has 16 digits, 8 on i386.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from attrs import Factory, define

from ..edge.errors import InputError
from ..edge.files import read_input
from ..edge.limits import RAISED, most
from ..layouts.arrangement import ENTRY, HEADING, LABELS
from ..layouts.layout import ADDRESS_LIMIT, Segment
from .boot_log import Boot, Problem
from .boot_log_text import Blocks, LogText
from .log_window import BEHIND, LIMIT, Window, log_text

LABELS_LIMIT: Final = most(seconds=1e-5, memory=2500)
"""How many of Xen's labels are read in a file; each may be a boot."""


def read_log(path: Path) -> tuple[Boot, ...]:
    """Every boot in the file. Raises `InputError` when it can't be read or holds none."""
    return read_boots(read_input(str(path), LIMIT), str(path))


NO_BOOT: Final = (
    "expected a Xen boot log with the memory arrangement of a PV domain "
    "(lines such as 'Page tables: …->…'), found none"
)
"""What is wrong with a text that has no boot."""
NO_ARRANGEMENT: Final = "nothing to compare: the log has no memory arrangement of a PV domain"
"""The same of a text in which Xen says something else about building a dom0."""


def read_boots(data: bytes | str | Blocks, source: str, times: int = 1) -> tuple[Boot, ...]:
    """Every boot in the text, in its order; ``source`` names it in messages.

    Raises `InputError` when there is none, there are more labels than ``times`` `LABELS_LIMIT`, or as `log_text` does.
    """
    boots = all_boots(data, source, times)
    if not boots:
        raise InputError(f"{source}: {NO_BOOT}")
    return boots


def all_boots(data: bytes | str | Blocks, source: str, times: int = 1) -> tuple[Boot, ...]:
    """As `read_boots`, but none is no error."""
    reader = _Reader(log_text(data, source, times), source, times)
    reader.read()
    return tuple(sorted(reader.boots, key=lambda boot: boot.line))


# A value may be on the next line, behind mail quoting. Each of these patterns has one way to match only,
# so that a failure costs no more than the text it looked at.
_GAP: Final = r"[ \t]{0,99}(?:\n[ \t>|]{0,99})?"
_SPACE: Final = r"(?:[ \t]{1,99}(?:\n[ \t>|]{0,99})?|\n[ \t>|]{0,99})"
_VALUE: Final = r"([^\s<>()\-]{1,40})"


def _spaced(words: str) -> str:
    """A pattern for the words of a label, which a mailer may have put on two lines."""
    return _SPACE.join(re.escape(word) for word in words.split())


_LEADS_TO: Final = r"-{1,2}(?:\n[ \t>|]{0,99})?>"
_PAIR: Final = re.compile(rf"{_GAP}{_VALUE}{_GAP}{_LEADS_TO}{_GAP}{_VALUE}")
# A console may break a line anywhere: within the word "pages", and before the last digits of a number.
_BREAK: Final = r"(?:\n[ \t>|]{0,99})?"
_DIGITS: Final = (
    r"((?:0(?:\n[ \t>|]{0,99})?[xX][0-9a-fA-F]{0,16}|[0-9a-fA-F]{1,16})(?:\n[ \t>|]{0,99}[0-9a-fA-F]{1,16})?)"
)
_BROKEN_PAIR: Final = re.compile(rf"{_GAP}{_DIGITS}{_GAP}{_LEADS_TO}{_GAP}{_DIGITS}(?![0-9a-zA-Z])")
_REST_OF_NUMBER: Final = re.compile(r"\n[ \t>|]{0,99}([xX]?[0-9a-fA-F]{1,16})[ \t]{0,99}(?=\n|$)")
_SINGLE: Final = re.compile(rf"{_GAP}{_VALUE}")
_EQUALS: Final = re.compile(rf"{_GAP}={_GAP}{_VALUE}")
_PAGES: Final = re.compile(
    rf"{_GAP}\({_GAP}([0-9]{{1,20}}\n[ \t>|]{{0,99}}[0-9]{{1,19}}|[^\s<>()\-]{{1,40}}){_SPACE}{_BREAK.join('pages')}"
)
_XEN_KERNEL: Final = re.compile(rf"{_GAP}(32|64)-bit(, PAE)?")
_GUEST_KERNEL: Final = re.compile(
    rf"{_GAP}(32|64)-bit(, PAE)?,{_SPACE}[lm]{_BREAK}s{_BREAK}b{_BREAK},{_SPACE}{_BREAK.join('paddr')}"
)
_VERSION: Final = re.compile(r"[ \t]{0,99}(\d{1,4}\.\d{1,4}[^\s()]{0,40})")
_ADDRESS: Final = re.compile(r"(?:0[xX][0-9a-fA-F]{1,16}|[0-9a-fA-F]{8}|[0-9a-fA-F]{16})")
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20}")
_HEX: Final = re.compile(rf"{_GAP}(?:0[xX])?[0-9a-fA-F]{{4}}")
_TRAILING: Final = re.compile("[.,;:'\"`*_|{}\\[\\]\\\\$&\u2018-\u201f\xbb\u2026]")
_CUT: Final = re.compile(r"(?:0[xX])?[0-9a-fA-F]{0,16}")
_DOMAIN: Final = re.compile(r"\((d[0-9]{1,9})\)")

_NOTES: Final = {
    "VIRT_BASE": "virt_base",
    "PADDR_OFFSET": "elf_paddr_offset",
    "ENTRY": "virt_entry",
    "INIT_P2M": "p2m_base",
    "MOD_START_PFN": "mod_start_pfn",
}
_ADDRESSES: Final = (
    "virt_base",
    "elf_paddr_offset",
    "virt_offset",
    "virt_kstart",
    "virt_kend",
    "virt_entry",
    "p2m_base",
)

# Each label with what its value is: name of the field, or of the event, by order of printing.
_Kind = Literal["event", "pair", "single", "number", "version", "xen kernel", "guest kernel", "ramdisk"]
_LABELS: Final[dict[str, tuple[str, _Kind, int]]] = {
    "Xen version": ("xen_version", "version", 0),
    "*** Building a PV Dom": ("building", "event", 1),
    "*** Building a PVH Dom": ("building PVH", "event", 1),
    "*** LOADING DOMAIN": ("building", "event", 1),
    **{
        f"{teller}: {note}": (name, "number", 2)
        for teller in ("ELF: note", "elf_xen_parse_note")
        for note, name in _NOTES.items()
    },
    **{f"{name}": (name, "number", 3) for name in _ADDRESSES},
    "Xen kernel:": ("xen_width", "xen kernel", 4),
    "Dom0 kernel:": ("paddr", "guest kernel", 5),
    "Dom0 symbol map": ("symbol_map", "pair", 6),
    "PHYSICAL MEMORY ARRANGEMENT:": ("physical", "event", 7),
    "Dom0 alloc.:": ("alloc", "pair", 8),
    HEADING: ("virtual", "event", 10),
    "Loader:": ("loader", "pair", 11),
    **{f"{label}:": (name, "pair", 11 + rank) for rank, (name, label) in enumerate(LABELS.items())},
    f"{LABELS['initrd']}:": ("initrd", "ramdisk", 12),
    f"{ENTRY}:": ("entry", "single", 30),
}
_RANKS: Final = {name: rank for name, _kind, rank in _LABELS.values()} | {"initrd_image": 9}
_REPEATED: Final = (2, 3)
# Since 4.21 Xen numbers the domain that it builds.
_LABEL: Final = re.compile(
    "|".join(_spaced(label) for label in sorted(_LABELS, key=len, reverse=True)).replace(
        "Dom0", "Dom[0-9]{1,5}"
    )
)
_VIRTUAL: Final = frozenset(LABELS) | {"entry"}
_ARRANGED: Final = _VIRTUAL | {"alloc"}


@define
class _Draft:
    """A boot while it is being read."""

    domain: str | None
    line: int
    rank: int = -1
    section: str | None = None
    values: dict[str, Any] = Factory(dict)
    lines: dict[str, int] = Factory(dict)
    problems: list[Problem] = Factory(list)


class _Reader:
    """Goes through a text once; the boots that it has found are in ``boots``."""

    def __init__(self, blocks: Iterable[LogText], source: str, times: int) -> None:
        self._window = Window(blocks)
        self.source = source
        self.times = times
        self.boots: list[Boot] = []
        self._drafts: dict[str | None, _Draft] = {}
        self._said: dict[str | None, tuple[str, list[str]]] = {}

    def read(self) -> None:
        readers: dict[_Kind, Callable[[_Draft, str, int, int], None]] = {
            "pair": self._pair,
            "single": self._single,
            "number": self._number,
            "ramdisk": self._ramdisk,
            "xen kernel": self._xen_kernel,
            "guest kernel": self._guest_kernel,
            "version": self._version,
        }
        for label, line, before, end in self._labels():
            name, kind, rank = _LABELS[label]
            found = _DOMAIN.search(before)
            domain = found[1] if found else None
            said = (label, self._rest_of_line(end).split())
            if name == "loader" and not self._is_of_hvm(domain):
                continue
            # Some consoles, and two logs in one file, say everything twice.
            if not self._meant(kind, before, end) or self._said.get(domain) == said:
                continue
            self._said[domain] = said
            draft = self._draft(domain, name, kind, rank, line, end)
            if kind == "event":
                draft.section = name
                if name == "building PVH":
                    draft.values["kind"] = "PVH"
            elif name == "loader":
                draft.values["kind"] = "HVM"
            else:
                readers[kind](draft, name, line, end)
        for draft in self._drafts.values():
            self._finish(draft)

    @property
    def text(self) -> str:
        """What is there of the text."""
        return self._window.text

    @property
    def length(self) -> int:
        """Where the text ends, if it ends here: blanks don't count."""
        return self._window.end

    def _labels(self) -> Iterator[tuple[str, int, str, int]]:
        """Every label with its line, what is before it on the line (some of it), and where it ends."""
        window, limit = self._window, LABELS_LIMIT * self.times
        for labels, match in enumerate(window.matches(_LABEL)):
            if labels == limit:
                raise InputError(
                    f"{self.source}: expected at most {limit} of Xen's labels, found more{RAISED}"
                )
            before = window.text[max(0, match.start() - BEHIND) : match.start()].rpartition("\n")[2]
            if not before or not (before[-1].isalnum() or before[-1] in "_-'\"`"):
                label = re.sub(r"[\s>|]+", " ", match[0])
                label = re.sub(r"^Dom[0-9]+", "Dom0", label)
                yield label, window.line(match.start()), before, match.end()

    def _is_of_hvm(self, domain: str | None) -> bool:
        """Whether a loader stands where a PV domain's kernel does: right below the heading."""
        draft = self._drafts.get(domain)
        return draft is not None and draft.section == "virtual" and draft.rank == _RANKS["virtual"]

    def _rest_of_line(self, at: int) -> str:
        end = self.text.find("\n", at, at + 400)
        return self.text[at : at + 400 if end < 0 else end]

    def _meant(self, kind: _Kind, before: str, end: int) -> bool:
        """Whether the label is one of Xen's, not a word of what somebody writes about it."""
        match kind:
            case "event":
                return True
            case "version":
                return _VERSION.match(self.text, end) is not None
            case "number":
                return _EQUALS.match(self.text, end) is not None
            case "xen kernel" | "guest kernel":
                return _XEN_KERNEL.match(self.text, end) is not None
            case "single":
                return "(XEN)" in before or self._ends(end) or bool(_HEX.match(self.text, end))
            case _:
                pair = _PAIR.match(self.text, end) is not None
                return (pair and "(XEN)" in before) or self._ends(end) or bool(_HEX.match(self.text, end))

    def _ends(self, at: int) -> bool:
        """Whether nothing but a part of an address is left of the text."""
        rest = self.text[at : at + 80]
        return at + 80 > self.length and re.fullmatch(r"\s*(0x)?[0-9a-fA-F]*-?>?\s*", rest) is not None

    def _draft(self, domain: str | None, name: str, kind: _Kind, rank: int, line: int, end: int) -> _Draft:
        """The draft that the label belongs to: the one being read, or a new one."""
        draft = self._drafts.get(domain)
        if draft is not None and kind == "ramdisk":
            rank = _RANKS[self._ramdisk_field(draft, end)]
        # Xen 2.0 has the start info after the page tables.
        late = name == "start_info" and draft is not None and draft.rank == _RANKS["page_tables"]
        if draft is not None and late and "start_info" not in draft.lines:
            return draft
        if draft is None or rank < draft.rank or (rank == draft.rank and rank not in _REPEATED):
            if draft is not None:
                self._finish(draft)
            draft = self._drafts[domain] = _Draft(domain, line)
            if kind == "ramdisk":
                rank = _RANKS[self._ramdisk_field(draft, end)]
        draft.rank = rank
        return draft

    def _set(self, draft: _Draft, name: str, line: int, value: object) -> None:
        draft.values[name] = value
        draft.lines[name] = line

    def _malformed(self, draft: _Draft, line: int, label: str, expected: str, found: str) -> None:
        draft.problems.append(Problem(line, f"{label}: expected {expected}, found {found!r}"))

    def _segment(self, draft: _Draft, name: str, line: int, at: int) -> tuple[Segment, int] | None:
        """The two addresses at ``at`` and where they end; what is wrong with them is noted."""
        label = _title(name)
        draft.lines[name] = line
        found = self._broken_pair(at) or _PAIR.match(self.text, at)
        if found is None:
            rest = self._rest_of_line(at).strip()
            if not rest or self._ends(at):
                self._cut(draft, line)
            else:
                self._malformed(draft, line, label, "start->end", rest[:60])
            return None
        start, end = _joined(found[1]), _value(_joined(found[2]))
        if found.end() == self.length and len(end) < len(start) and _CUT.fullmatch(end):
            self._cut(draft, line)
            return None
        if len(start) != len(end) and {len(start), len(end)} == {8, 16}:
            self._malformed(draft, line, label, "addresses of as many digits each", f"{start}->{end}")
            return None
        for token in (start, end):
            if not _ADDRESS.fullmatch(token):
                self._malformed(draft, line, label, "an address of 8 or 16 hex digits", token)
                return None
        if name in _VIRTUAL and not start.lower().startswith("0x"):
            draft.values["digits"] = max(len(start), draft.values.get("digits", 0))
        return Segment(int(start, 16), int(end, 16)), found.end()

    def _broken_pair(self, at: int) -> re.Match[str] | None:
        """Two addresses of which one goes on in the next line, where all their digits are there then."""
        found = _BROKEN_PAIR.match(self.text, at)
        if found is None or "\n" not in found[1] + found[2]:
            return None
        start, end = _joined(found[1]), _joined(found[2])
        # Where a number has no fixed length, its rest must be alone on its line, or have the arrow behind it.
        alone = start[:2] in ("0x", "0X") and (
            "\n" not in found[2]
            or _REST_OF_NUMBER.match(self.text, self.text.rfind("\n", at, found.end())) is not None
        )
        return found if alone or len(start) == len(end) in (8, 16) else None

    def _completed(self, token: str, end: int, digits: int = 0) -> str:
        """A number that ends at ``end``, with those of its digits that are alone on the next line.

        One that has 8 or 16 digits is whole, unless others have more ``digits``.
        """
        rest = _REST_OF_NUMBER.match(self.text, end)
        fixed = _ADDRESS.fullmatch(token) and token[:2] not in ("0x", "0X")
        whole = rest is None or (fixed and len(token) >= digits)
        return token if rest is None or whole else token + rest[1]

    def _cut(self, draft: _Draft, line: int) -> None:
        draft.values["cut_at"] = line

    def _pair(self, draft: _Draft, name: str, line: int, at: int) -> None:
        found = self._segment(draft, name, line, at)
        if found is None:
            return
        self._set(draft, name, line, found[0])
        pages = _PAGES.match(self.text, found[1]) if name == "alloc" else None
        if pages and re.fullmatch(r"[0-9]{1,20}", _joined(pages[1])):
            self._set(draft, "pages_to_be_allocated", line, int(_joined(pages[1])))
        elif pages:
            self._malformed(draft, line, "Dom0 alloc.", "a number of pages", pages[1])

    def _single(self, draft: _Draft, name: str, line: int, at: int) -> None:
        draft.lines[name] = line
        found = _SINGLE.match(self.text, at)
        if found is None or (found.end() == self.length and len(found[1]) < draft.values.get("digits", 0)):
            self._cut(draft, line)
        elif _ADDRESS.fullmatch(
            token := self._completed(_value(found[1]), found.end(), draft.values.get("digits", 0))
        ):
            self._set(draft, name, line, int(token, 16))
        elif found.end() == self.length and _CUT.fullmatch(found[1]):
            self._cut(draft, line)
        else:
            self._malformed(draft, line, _title(name), "an address of 8 or 16 hex digits", found[1])

    def _number(self, draft: _Draft, name: str, line: int, at: int) -> None:
        found = _EQUALS.match(self.text, at)
        if found is None:
            return
        token = self._completed(_value(found[1]), found.end())
        if not _NUMBER.fullmatch(token):
            self._malformed(draft, line, name, "a number", token)
        elif int(token, 0 if token[:2] in ("0x", "0X") else 10) < ADDRESS_LIMIT:
            self._set(draft, name, line, int(token, 0 if token[:2] in ("0x", "0X") else 10))
        else:
            self._malformed(draft, line, name, "a 64-bit number", token)

    def _ramdisk_field(self, draft: _Draft, at: int) -> str:
        """Which ramdisk a line is about: the image in memory, or where it is mapped.

        The section says so; without its heading, the lines before it do. Zeros are never an image.
        """
        seen = draft.lines.keys()
        found = _PAIR.match(self.text, at)
        start = found[1] if found else ""
        zeros = found is not None and not start.strip("0x") and not found[2].strip("0x")
        too_high = len(start) == 16 and start[:3] != "000"
        after = draft.section == "virtual" or "kernel" in seen or "initrd_image" in seen
        return "initrd" if after or zeros or too_high else "initrd_image"

    def _ramdisk(self, draft: _Draft, _name: str, line: int, at: int) -> None:
        self._pair(draft, self._ramdisk_field(draft, at), line, at)

    def _xen_kernel(self, draft: _Draft, _name: str, line: int, at: int) -> None:
        found = _XEN_KERNEL.match(self.text, at)
        if found:
            self._set(draft, "xen_width", line, int(found[1]))
            self._set(draft, "xen_pae", line, found[2] is not None)

    def _guest_kernel(self, draft: _Draft, name: str, line: int, at: int) -> None:
        found = _XEN_KERNEL.match(self.text, at)
        if found:
            self._set(draft, "width", line, int(found[1]))
            self._set(draft, "pae", line, found[2] is not None)
        found = _GUEST_KERNEL.match(self.text, at)
        if found:
            self._pair(draft, name, line, found.end())

    def _version(self, draft: _Draft, name: str, line: int, at: int) -> None:
        found = _VERSION.match(self.text, at)
        if found:
            self._set(draft, name, line, found[1])

    def _finish(self, draft: _Draft) -> None:
        """Keep the draft as a boot, if it tells anything of an arrangement."""
        values = draft.values
        if draft.section != "virtual" and "kernel" not in draft.lines and _is_mapped(values):
            values["initrd"] = values.pop("initrd_image")
            draft.lines["initrd"] = draft.lines.pop("initrd_image")
        if values.get("kind") is not None or any(name in draft.lines for name in _ARRANGED):
            boot = Boot(
                source=self.source,
                line=draft.line,
                domain=draft.domain,
                lines=draft.lines,
                problems=tuple(draft.problems),
                **values,
            )
            self.boots.append(boot)


def _value(token: str) -> str:
    """A value without what a sentence, a markup or a program's string has right behind it."""
    return _TRAILING.split(token)[0]


def _joined(token: str) -> str:
    """A token without the line break in it, if there is one."""
    return re.sub(r"\n[ \t>|]*", "", token)


def _is_mapped(values: Mapping[str, Any]) -> bool:
    """Whether what was taken for the initrd's image lies in the region, and so is its mapping.

    Asked where no line tells in which section it stood.
    """
    image, total, tables = (values.get(name) for name in ("initrd_image", "total", "page_tables"))
    if image is None or "initrd" in values:
        return False
    if tables is not None:
        low = total.start if total else max(0, tables.start - (1 << 31))
        return bool(low <= image.start < tables.start)
    return total is not None and bool(total.start <= image.start < (total.end or ADDRESS_LIMIT))


def _title(name: str) -> str:
    """What Xen calls a field."""
    other = {"alloc": "Dom0 alloc.", "initrd_image": "Init. ramdisk", "entry": ENTRY}
    other |= {"paddr": "Dom0 kernel", "symbol_map": "Dom0 symbol map"}
    return LABELS.get(name) or other.get(name, name)
