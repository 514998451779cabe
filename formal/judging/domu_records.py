"""Judges what domUs printed of their start_info: whether libxenguest, on the frame machine, gives the same.

A file has a JSON object a line, a record, as `looks_like_records` tells. Needed in each are ``width`` (64 or 32),
``virt_base``, ``pt_base`` and ``nr_pt_frames``; where they are there, and not null, ``start_info``, ``mfn_list``,
``nr_pages`` and ``first_unmapped`` are compared, too. An address is a text such as ``"0x10d6000"``, or a number. Other
keys are left alone.

Facts: DOMAIN.md section 8; ``xc_dom_build_image()``, ``alloc_magic_pages_pv()`` and ``start_info_x86_64()`` in Xen's
``tools/libs/guest`` (4.22).
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from attrs import frozen

from ..edge.errors import InputError
from ..edge.limits import RAISED, Allowance, most
from ..layouts.layout import ADDRESS_LIMIT
from ..layouts.paging import COMPAT, PAGE_SHIFT, PAGE_SIZE, X86_64
from ..logic.verdict import MachineDisagreesError
from ..machine.arrange import TooLarge
from ..machine.domu import BUILD_LIMIT, TODAYS, TOOLSTACKS, Counted, Domu, Toolstack, build, count
from .check_log import Outcome

MAGIC_PAGES: Final = 3
"""Between the p2m and the tables: the start info, the xenstore page and the console page."""
RECORDS_LIMIT: Final = most(seconds=1e-3, memory=50_000)
"""How many records of a file are judged."""
PAGES_BESIDES: Final = 200
"""What a record takes besides its pages, in pages that would take as much."""
LONGEST: Final = 64 << 10
"""No record has more bytes."""
_FRAMES: Final = 1 << 32
"""More tables, or pages, than any domU has."""


@frozen(kw_only=True)
class Record:
    """What one domU printed: addresses in bytes, counts in frames, ``width`` in bits; ``None`` is not known."""

    source: str
    line: int
    name: str | None
    width: int
    virt_base: int
    pt_base: int
    nr_pt_frames: int
    start_info: int | None
    mfn_list: int | None
    nr_pages: int | None
    first_unmapped: int | None


@frozen(kw_only=True)
class Compared:
    """One figure of a record, with what it should be and why."""

    figure: str
    found: int
    expected: int
    source: str

    @property
    def counts(self) -> bool:
        """Whether it is a number, and no address."""
        return self.figure == "nr_pt_frames" or self.figure.endswith(" tables")

    @property
    def agrees(self) -> bool:
        """Whether they are the same."""
        return self.found == self.expected

    def sentence(self) -> str:
        """The figure and the verdict on it."""
        shown = str if self.counts else hex
        found = f"{self.figure}: {'agrees' if self.agrees else 'differs'}: {shown(self.found)}"
        return (
            f"{found} is {self.source}"
            if self.agrees
            else f"{found}: expected {shown(self.expected)}, {self.source}"
        )


@frozen(kw_only=True)
class DomuJudgement:
    """What to report about one domU. ``toolstack`` is the one that fits, or ``None``."""

    record: Record
    toolstack: Toolstack | None
    compared: tuple[Compared, ...]
    notes: tuple[str, ...] = ()
    """What to report before the figures."""

    @property
    def outcome(self) -> Outcome:
        """AGREES, OLDER where it took an older toolstack for that, or DIFFERS."""
        if self.toolstack is None or not all(each.agrees for each in self.compared):
            return Outcome.DIFFERS
        return Outcome.AGREES if self.toolstack is TODAYS else Outcome.OLDER

    @property
    def status(self) -> int:
        """The exit status: 0, or 1 when a figure differs."""
        return int(self.outcome is Outcome.DIFFERS)

    @property
    def verdict(self) -> str:
        """One line on the domU."""
        count = f"n = {self.record.nr_pt_frames}"
        if self.outcome is Outcome.DIFFERS:
            wrong = ", ".join(each.figure for each in self.compared if not each.agrees)
            return f"DIFFERS: {wrong}; {count}, {self.record.width} bits"
        assert self.toolstack is not None
        older = "" if self.outcome is Outcome.AGREES else ", not by today's"
        by = f"by {self.toolstack.name} (Xen {self.toolstack.carried_by})"
        return f"{self.outcome.name}: {count} {by}{older}; domU, {self.record.width} bits"

    def lines(self) -> list[str]:
        """The judgement as text, in the form of those on boots."""
        at = f"{self.record.source}:{self.record.line}"
        name = f"{self.record.name}: " if self.record.name else ""
        return [
            *(f"{at}: {each}" for each in self.notes),
            *(f"{at}: {each.sentence()}" for each in self.compared),
            f"{at}: {name}{self.verdict}",
        ]

    def as_dict(self) -> dict[str, Any]:
        """The judgement as plain values for JSON; addresses are hex strings."""
        return {
            "file": self.record.source,
            "line": self.record.line,
            "name": self.record.name,
            "outcome": self.outcome.name,
            "verdict": self.verdict,
            "width": self.record.width,
            "toolstack": self.toolstack.name if self.toolstack else None,
            "findings": [
                {
                    "figure": each.figure,
                    "agrees": each.agrees,
                    "found": each.found if each.counts else hex(each.found),
                    "expected": each.expected if each.counts else hex(each.expected),
                }
                for each in self.compared
            ],
        }


def looks_like_records(data: bytes) -> bool:
    """Whether a file without a boot is one of records: what it begins with is an object.

    A log may begin with a brace as well: with a markup's ``{code}``, or as a program's JSON.
    """
    return data.lstrip()[:1] == b"{"


def read_records(data: bytes, source: str, times: int = 1) -> tuple[Record, ...]:
    """Every record of a file; ``source`` names it in messages.

    Raises `InputError`, naming line and field, also where there are more than ``times`` the limits.
    """
    records: list[Record] = []
    number, before = 1, 0
    for found in re.finditer(rb"\S[^\n]*", data):
        number += data.count(b"\n", before, found.start())
        before = found.start()
        if len(found[0]) > LONGEST:
            raise InputError(
                f"{source}: line {number}: expected a JSON object of at most {LONGEST} bytes, found {len(found[0])}"
            )
        try:
            line = found[0].decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{source}: offset {before + error.start}: expected UTF-8") from error
        if len(records) == times * RECORDS_LIMIT:
            raise InputError(
                f"{source}: line {number}: expected at most {len(records)} records, found more{RAISED}"
            )
        records.append(_record(line, source, number))
    return tuple(records)


def judge(record: Record, allowed: Allowance | None = None) -> DomuJudgement:
    """Compare a record with what libxenguest gives, today's first, then the older one.

    ``allowed`` is what the machine may build, in pages.

    Raises:
        InputError: the region is too large for the machine.
        MachineDisagreesError: the machine counts tables that it then doesn't build or reach.
    """
    mode = X86_64 if record.width == 64 else COMPAT
    allowed = allowed or Allowance(BUILD_LIMIT)
    off_a_page = tuple(_off_a_page(record))
    if off_a_page:
        take(record, PAGES_BESIDES, allowed)
        return DomuJudgement(record=record, toolstack=None, compared=off_a_page)
    domus = [
        Domu(mode=mode, v_start=record.virt_base, alloc_end=record.pt_base, toolstack=each)
        for each in TOOLSTACKS
    ]
    counted = {each: _counted(record, each) for each in domus}
    fitting = [each for each in domus if counted[each].tables() == record.nr_pt_frames]
    domu = (fitting or domus)[0]
    tables, v_end = counted[domu].tables(), counted[domu].v_end
    toolstack = domu.toolstack
    take(record, PAGES_BESIDES + ((v_end - domu.v_start) % ADDRESS_LIMIT >> PAGE_SHIFT), allowed)
    report = build(domu, counted[domu], allowed.times * BUILD_LIMIT)
    if not report.exact:
        raise MachineDisagreesError(f"{record.source}: line {record.line}: {report.sentence()}")
    compared = [
        *_before_the_tables(record, mode.p2m_entry),
        Compared(
            figure="nr_pt_frames",
            found=record.nr_pt_frames,
            expected=tables,
            source=f"what {toolstack.name} (Xen {toolstack.carried_by}) takes for the region",
        ),
    ]
    if record.first_unmapped is not None:
        compared.append(
            Compared(
                figure="first_unmapped",
                found=record.first_unmapped,
                expected=v_end,
                source="where it ends the region",
            )
        )
    return DomuJudgement(record=record, toolstack=toolstack if fitting else None, compared=tuple(compared))


def judge_all(records: Iterable[Record], times: int = 1) -> list[DomuJudgement]:
    """The records of a file, each judged. Raises as `judge` does, also where they take more than ``times`` the limits."""
    allowed = Allowance(BUILD_LIMIT, times)
    return [judge(each, allowed) for each in records]


def _off_a_page(record: Record) -> Iterator[Compared]:
    """The addresses that lie on a page in every domU, and don't here: there is nothing to build then."""
    for figure in ("virt_base", "pt_base"):
        found: int = getattr(record, figure)
        if found % PAGE_SIZE:
            yield Compared(
                figure=figure,
                found=found,
                expected=found - found % PAGE_SIZE,
                source="the page that it is in",
            )


def _before_the_tables(record: Record, p2m_entry: int) -> Iterator[Compared]:
    """The p2m, the start info and the tables lie one behind the other."""
    if None not in (record.start_info, record.mfn_list, record.nr_pages):
        assert record.start_info is not None
        assert record.mfn_list is not None
        assert record.nr_pages is not None
        end = record.mfn_list + record.nr_pages * p2m_entry
        yield Compared(
            figure="start_info",
            found=record.start_info,
            expected=-(-end // PAGE_SIZE) * PAGE_SIZE,
            source=f"the page above a p2m of {record.nr_pages} pages",
        )
    if record.start_info is not None:
        yield Compared(
            figure="pt_base",
            found=record.pt_base,
            expected=record.start_info + MAGIC_PAGES * PAGE_SIZE,
            source=f"{MAGIC_PAGES} pages above the start info",
        )


def _counted(record: Record, domu: Domu) -> Counted:
    """The region's tables and its end."""
    where = f"{record.source}: line {record.line}"
    try:
        counted = count(domu)
    except TooLarge as error:
        raise InputError(f"{where}: pt_base: {error}") from error
    if counted is None:
        raise InputError(f"{where}: pt_base: libxenguest's iteration never stops for {record.pt_base:#x}")
    return counted


def take(record: Record, pages: int, allowed: Allowance) -> None:
    """Count the pages that are about to be built. Raises `InputError` where they are too many."""
    if pages > allowed.left:
        raise InputError(
            f"{record.source}: line {record.line}: pt_base: the region has {pages} pages: of one file's records the frame "
            f"machine executes at most {BUILD_LIMIT * allowed.times}{allowed.raised_by(pages)}"
        )
    allowed.take(pages)


def _record(line: str, source: str, number: int) -> Record:
    where = f"{source}: line {number}"
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected a JSON object: {error}") from error
    if not isinstance(plain, dict):
        raise InputError(f"{where}: expected a JSON object, found {line.strip()[:40]!r}")
    if plain.get("width") not in (64, 32):
        shown = repr(plain.get("width"))[:40]
        raise InputError(f"{where}: width: expected 64 or 32, found {shown}")
    name = plain.get("id")
    limit = ADDRESS_LIMIT if plain["width"] == 64 else 1 << 32
    record = Record(
        source=source,
        line=number,
        name=name if isinstance(name, str) else None,
        width=plain["width"],
        virt_base=_needed(plain, "virt_base", where, limit),
        pt_base=_needed(plain, "pt_base", where, limit),
        nr_pt_frames=_needed(plain, "nr_pt_frames", where, _FRAMES),
        start_info=_number(plain, "start_info", where, limit),
        mfn_list=_number(plain, "mfn_list", where, limit),
        nr_pages=_number(plain, "nr_pages", where, _FRAMES),
        first_unmapped=_number(plain, "first_unmapped", where, limit),
    )
    if record.virt_base > record.pt_base:
        raise InputError(
            f"{where}: pt_base: expected an address above virt_base {record.virt_base:#x}, found {record.pt_base:#x}"
        )
    return record


def _needed(plain: dict[str, Any], key: str, where: str, limit: int) -> int:
    found = _number(plain, key, where, limit)
    if found is None:
        raise InputError(f"{where}: {key}: expected a value, found none")
    return found


def _number(plain: dict[str, Any], key: str, where: str, limit: int) -> int | None:
    value = plain.get(key)
    if value is None:
        return None
    found = value
    if isinstance(value, str):
        try:
            found = int(value, 16) if value[:2] in ("0x", "0X") and value.isalnum() else None
        except ValueError:
            found = None
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < limit:
        raise InputError(f"{where}: {key}: expected a number below {limit:#x}, found {str(value)[:40]!r}")
    return found
