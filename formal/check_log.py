"""Judges a boot log: which figures agree with the model of the layout, which differ, and by how much.

Each figure is compared with what follows from the figures before it, so that one altered figure shows in
one or two places; `Judgement.suspects` then says which figure alone would explain them all. What a log
doesn't tell is never held against it.

Facts: DOMAIN.md sections 2, 3, 7 and 9; ``dom0_construct()`` in Xen 3.0 to 4.22. The counting rules are
handed in.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, Final

from attrs import frozen

from .arrangement import ENTRY, LABELS
from .boot_log import UNSET, Boot
from .count_rule import CountRule
from .layout import ADDRESS_LIMIT, Segment
from .paging import PAGE_SIZE, TWO_LEVEL

START_INFO_ERAS: Final = {
    0x1000: "Xen up to 3.0.2: a whole page",
    0x46C: "i386 Xen 3.0.3 to 3.1",
    0x49C: "Xen 3.0.3 to 3.1",
    0x474: "i386 Xen 3.2 and 3.3",
    0x4A4: "Xen 3.2 and 3.3",
    0x47C: "i386 Xen 3.4 to 4.2",
    0x4B4: "Xen 3.4 to 4.12",
    0x4B8: "Xen 4.13 and later",
    0x490: "the PV shim, which has no VGA console",
}
"""The sizes that the start info had, in bytes, with the Xens that had them."""

_GAPPED_ERA: Final = (0x1000, 0x46C, 0x49C)
"""Up to 3.1 the log's kernel ends before its symbol table, and what follows comes after that."""
_SINCE_4_10: Final = (0x4B8, 0x490)
_LAST_OLDER: Final = (4, 2)
"""No rule but today's was carried past Xen 4.2."""
_LARGEST: Final = 1 << 41
"""More than any region, in bytes: it is one allocation of 2**order pages."""
_SMALLEST_SYMBOLS: Final = 192
"""The least size of a symbol table as libelf loads it, in bytes."""


class Outcome(Enum):
    """What a boot as a whole is judged as."""

    AGREES = "agrees"
    OLDER = "agrees with an older rule"
    DIFFERS = "differs"
    INCOMPLETE = "incomplete"


class Kind(Enum):
    """What one finding says."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOTE = "note"
    UNCHECKED = "not checked"
    MALFORMED = "malformed"


@frozen(kw_only=True)
class Finding:
    """One comparison: the figure's field name in `Boot`, its line, and one sentence.

    ``expected`` and ``found`` are addresses, or numbers when ``counts``; ``involves`` are the ends of
    segments that could be at fault when it differs, ``confirms`` those that are right when it agrees.
    """

    kind: Kind
    figure: str
    line: int | None = None
    message: str
    expected: int | None = None
    found: int | None = None
    counts: bool = False
    involves: frozenset[str] = frozenset()
    confirms: frozenset[str] = frozenset()


@frozen(kw_only=True)
class Judgement:
    """What is to be said of one boot. ``rule`` is the counting rule that fits, if one does.

    ``width`` is the guest kernel's, in bits, and ``width_from`` says how that is known; ``nr_pt_pages``
    is the printed count, in frames.
    """

    boot: Boot
    width: int
    width_from: str
    nr_pt_pages: int | None
    rule: CountRule | None
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """DIFFERS before INCOMPLETE before OLDER before AGREES."""
        kinds = {finding.kind for finding in self.findings}
        if Kind.DIFFERS in kinds:
            return Outcome.DIFFERS
        if Kind.UNCHECKED in kinds or Kind.MALFORMED in kinds or self.rule is None:
            return Outcome.INCOMPLETE
        return Outcome.AGREES if self.rule.current else Outcome.OLDER

    @property
    def status(self) -> int:
        """The exit status: 0, 1 when a figure differs, 2 when one can't be read or nothing be checked."""
        kinds = {finding.kind for finding in self.findings}
        if Kind.MALFORMED in kinds or not kinds & {Kind.AGREES, Kind.DIFFERS}:
            return 2
        return 1 if Kind.DIFFERS in kinds else 0

    @property
    def suspects(self) -> tuple[str, ...]:
        """The figures of which one alone, altered, explains all that differs; none if it takes more.

        Each is an end of a segment (``page_tables.end``), or a whole one where both its ends must be off.
        """
        differing = [each.involves for each in self.findings if each.kind is Kind.DIFFERS]
        if not differing:
            return ()
        common = frozenset.intersection(*differing)
        confirmed = {name for each in self.findings if each.kind is Kind.AGREES for name in each.confirms}
        whole = frozenset.intersection(*(frozenset(map(_figure, each)) for each in differing))
        return tuple(sorted((common - confirmed) or common or whole))

    @property
    def verdict(self) -> str:
        """One line on the whole boot."""
        count = f"n = {self.nr_pt_pages}" if self.nr_pt_pages is not None else "n unknown"
        by = f" by the rule {self.rule.name!r} (Xen {self.rule.carried_by})" if self.rule else ""
        match self.outcome:
            case Outcome.AGREES:
                return f"AGREES: {count}{by}, {self.width} bits"
            case Outcome.OLDER:
                return f"OLDER: {count}{by}, not by today's; {self.width} bits"
            case Outcome.INCOMPLETE:
                missing = sum(each.kind is Kind.UNCHECKED for each in self.findings)
                checked = sum(each.kind is Kind.AGREES for each in self.findings)
                return f"INCOMPLETE: {count}{by}; {checked} checks agree, {missing} couldn't be made"
            case Outcome.DIFFERS:
                wrong = [each for each in self.findings if each.kind is Kind.DIFFERS]
                names = dict.fromkeys(title(each.figure) for each in wrong)
                suspects = " or ".join(map(_end_title, self.suspects))
                cause = f"; explained by {suspects} alone" if suspects else ""
                return f"DIFFERS: {', '.join(names)}{cause}"


def check_boot(boot: Boot, rules: Sequence[CountRule]) -> Judgement:
    """Compare every figure of ``boot`` with the layout's model, and its count with ``rules``.

    Today's rule is tried first, then older ones in their order.
    """
    width, width_from = _guest_width(boot, rules)
    findings = [
        *(
            Finding(kind=Kind.MALFORMED, figure="log", line=each.line, message=each.message)
            for each in boot.problems
        ),
        *_missing(boot),
        *_orders(boot),
        *_notes(boot, width),
        *_image(boot),
        *_follows(boot),
        *_fixed_sizes(boot),
        *_initrd_length(boot),
        *_p2m_size(boot, width),
    ]
    rule, counted = _count(boot, width, rules)
    findings += counted
    findings += _region_end(boot, rule or next(iter(_candidates(boot, width, rules)), None))
    findings += _allocation(boot)
    return Judgement(
        boot=boot,
        width=width,
        width_from=width_from,
        nr_pt_pages=_whole_pages(boot.page_tables),
        rule=rule,
        findings=tuple(findings),
    )


def title(figure: str) -> str:
    """What Xen's log calls the figure of a field name."""
    others = {
        "alloc": "Dom0 alloc.",
        "pages_to_be_allocated": "Dom0 alloc.",
        "paddr": "Dom0 kernel",
        "symbol_map": "Dom0 symbol map",
        "initrd_image": "Init. ramdisk (physical)",
        "nr_pt_pages": "Page tables",
        "entry": ENTRY,
    }
    return LABELS.get(figure) or others.get(figure, figure)


def as_dict(judgement: Judgement) -> dict[str, Any]:
    """The judgement as plain values for JSON, in a stable order; addresses are hex strings."""
    boot = judgement.boot
    segments = {name: boot.segment(name) for name in LABELS}
    return {
        "file": boot.source,
        "line": boot.line,
        "domain": boot.domain,
        "xen": boot.xen_version,
        "outcome": judgement.outcome.name,
        "verdict": judgement.verdict,
        "width": judgement.width,
        "width_from": judgement.width_from,
        "rule": judgement.rule.name if judgement.rule else None,
        "carried_by": judgement.rule.carried_by if judgement.rule else None,
        "nr_pt_pages": judgement.nr_pt_pages,
        **{name: [hex(each.start), hex(each.end)] if each else None for name, each in segments.items()},
        "entry": None if boot.entry is None else hex(boot.entry),
        "suspects": list(judgement.suspects),
        "findings": [
            {
                "kind": each.kind.value,
                "figure": each.figure,
                "line": each.line,
                "message": each.message,
                "expected": _shown(each.expected, counts=each.counts),
                "found": _shown(each.found, counts=each.counts),
            }
            for each in judgement.findings
        ],
    }


def as_lines(judgement: Judgement) -> list[str]:
    """The judgement as text: ``file:line: figure: kind: sentence`` for each finding, then the verdict."""
    boot = judgement.boot
    lines = [f"{boot.source}:{boot.line}: width: {judgement.width} bits: {judgement.width_from}"]
    for each in judgement.findings:
        place = f"{boot.source}:{boot.line if each.line is None else each.line}"
        lines.append(f"{place}: {title(each.figure)}: {each.kind.value}: {each.message}")
    lines.append(f"{boot.source}:{boot.line}: {judgement.verdict}")
    return lines


def _figure(end: str) -> str:
    return end.partition(".")[0]


def _end_title(name: str) -> str:
    figure, _, end = name.partition(".")
    return f"{title(figure)} {end}".strip() if figure != "nr_pt_pages" else "the number of Page tables"


def _shown(value: int | None, *, counts: bool) -> str | int | None:
    return value if value is None or counts else hex(value)


def _page_up(address: int) -> int:
    return -(-address // PAGE_SIZE) * PAGE_SIZE % ADDRESS_LIMIT


def _whole_pages(segment: Segment | None) -> int | None:
    return None if segment is None or segment.size % PAGE_SIZE else segment.size // PAGE_SIZE


def _by(found: int, expected: int) -> str:
    """How far off an address is, either way around."""
    more, less = (found - expected) % ADDRESS_LIMIT, (expected - found) % ADDRESS_LIMIT
    return f"{more:#x} too high" if more < less else f"{less:#x} too low"


def _compared(
    boot: Boot,
    figure: str,
    found: int,
    expected: int,
    *,
    end: str,
    source: str,
    involves: Iterable[str] = (),
    confirms: Iterable[str] = (),
) -> Finding:
    """Two addresses that must be equal: ``found`` is the ``end`` of ``figure``, ``source`` says why."""
    agrees = found == expected
    which = f"{end} {found:#x}".strip()
    differs = f"{which} is {_by(found, expected)}: expected {expected:#x}, {source}"
    own = f"{figure}.{end}"
    return Finding(
        kind=Kind.AGREES if agrees else Kind.DIFFERS,
        figure=figure,
        line=boot.lines.get(figure),
        message=f"{which} is {source}" if agrees else differs,
        expected=expected,
        found=found,
        involves=frozenset({own, *involves}),
        confirms=frozenset({own, *confirms}),
    )


def _unchecked(boot: Boot, figure: str, message: str) -> Finding:
    return Finding(kind=Kind.UNCHECKED, figure=figure, line=boot.lines.get(figure), message=message)


def _note(boot: Boot, figure: str, message: str) -> Finding:
    return Finding(kind=Kind.NOTE, figure=figure, line=boot.lines.get(figure), message=message)


# What the boot is


def _xen_width(boot: Boot) -> int:
    return boot.xen_width or (32 if boot.digits == 8 else 64)


def _guest_width(boot: Boot, rules: Sequence[CountRule]) -> tuple[int, str]:
    """The guest's bits, and how they are known: the log says so, or the best evidence there is."""
    if boot.width is not None:
        return boot.width, "from the line 'Dom0 kernel:'"
    if _xen_width(boot) == 32:
        return 32, "from addresses of 8 digits: an i386 Xen" if boot.digits == 8 else "from a 32-bit Xen"
    ends = [each for name in LABELS if (each := boot.segment(name)) is not None]
    if any(each.start >> 32 or each.end >> 32 or (each.start and not each.end) for each in ends):
        return 64, "from addresses above 4 GiB"
    pages, p2m = _nr_pages(boot), boot.segment("p2m")
    for width, entry in ((64, 8), (32, 4)):
        if p2m is not None and any(p2m.size == entry * each for each in pages):
            return width, f"from the p2m, which has {entry} bytes for each page"
    for width in (64, 32):
        if any(_rule_fits(boot, rule) for rule in _candidates(boot, width, rules)):
            return width, "from the number of page tables"
    return 64, "assumed: nothing in the log tells"


def _candidates(boot: Boot, width: int, rules: Sequence[CountRule]) -> list[CountRule]:
    """The rules that this Xen can have used for such a guest, today's first."""
    fitting = [rule for rule in rules if rule.mode.bits == width and rule.released]
    if _xen_width(boot) == 32:
        fitting = [rule for rule in fitting if _for_i386(rule)]
        with_pae = boot.xen_pae is not False
        return sorted(fitting, key=lambda rule: (rule.mode == TWO_LEVEL) == with_pae)
    fitting = [rule for rule in fitting if not _for_i386(rule)]
    current = [rule for rule in fitting if rule.current]
    older = [] if _is_modern(boot) else [rule for rule in fitting if not rule.current]
    return current + older


def _for_i386(rule: CountRule) -> bool:
    """Whether the rule is a 32-bit Xen's. Of today's none is."""
    return not rule.current and (rule.mode == TWO_LEVEL or "i386" in rule.name)


def _is_modern(boot: Boot) -> bool:
    """Whether the log shows a Xen later than any that had an older rule."""
    version = re.match(r"(\d+)\.(\d+)", boot.xen_version or "")
    if version:
        return (int(version[1]), int(version[2])) > _LAST_OLDER
    return boot.start_info is not None and boot.start_info.size in _SINCE_4_10


def _start_info_is_last(boot: Boot) -> bool:
    """Xen 2.0 puts the start info after the page tables, not before."""
    return (
        boot.start_info is not None
        and boot.page_tables is not None
        and boot.start_info.start == boot.page_tables.end
    )


# Lines, segments and their order


def _missing(boot: Boot) -> Iterator[Finding]:
    for name in ("kernel", "p2m", "start_info", "page_tables", "boot_stack", "total"):
        if getattr(boot, name) is None:
            seen = "its value can't be used" if name in boot.lines else "the log has no such line"
            cut = f"; the log ends in line {boot.cut_at}" if boot.cut_at and name in boot.lines else ""
            yield _unchecked(boot, name, seen + cut)


def _orders(boot: Boot) -> Iterator[Finding]:
    """No segment ends before it starts, and page tables are whole pages."""
    for name in ("paddr", "symbol_map", "alloc", "initrd_image", *LABELS):
        each: Segment | None = getattr(boot, name)
        if each is not None and each.end and each.end < each.start:
            yield Finding(
                kind=Kind.DIFFERS,
                figure=name,
                line=boot.lines.get(name),
                message=f"ends at {each.end:#x}, before its start {each.start:#x}",
                involves=frozenset({f"{name}.start", f"{name}.end"}),
            )
    for name in ("page_tables", "boot_stack"):
        each = getattr(boot, name)
        if each is not None and each.size % PAGE_SIZE:
            yield Finding(
                kind=Kind.DIFFERS,
                figure=name,
                line=boot.lines.get(name),
                message=f"{each.size:#x} bytes aren't whole pages",
                involves=frozenset({f"{name}.start", f"{name}.end"}),
            )


def _follows(boot: Boot) -> Iterator[Finding]:
    """Every segment starts where the one before it ends, rounded up to a page."""
    before: str | None = None
    absent: list[str] = []
    for name in _chain(boot):
        segment = boot.segment(name)
        if segment is None:
            if getattr(boot, name) is None:
                absent.append(name)
            continue
        if before is not None:
            yield _follow(boot, before, name, absent)
        before, absent = name, []


def _chain(boot: Boot) -> Iterator[str]:
    """The segments of the region in order of address, the p2m among them only when it lies there."""
    last = ["page_tables", "start_info"] if _start_info_is_last(boot) else ["start_info"]
    shim = [] if _start_info_is_last(boot) else ["xenstore", "console", "page_tables"]
    p2m = ["p2m"] if boot.p2m is None or _p2m_inside(boot) else []
    return iter(["kernel", "initrd", *p2m, *last, *shim, "boot_stack"])


def _follow(boot: Boot, before: str, name: str, absent: Sequence[str]) -> Finding:
    """Whether ``name`` follows ``before``, where the log has no lines of ``absent`` between them."""
    previous, segment = boot.segment(before), boot.segment(name)
    assert previous is not None
    assert segment is not None
    expected = _page_up(previous.end)
    source = f"where {title(before)} ends, rounded up to a page"
    if "start_info" in absent and not {"p2m", "page_tables"} & set(absent):
        expected, source = (expected + PAGE_SIZE) % ADDRESS_LIMIT, f"{source}, and a page of start info"
    gap = (segment.start - expected) % ADDRESS_LIMIT
    ahead = 0 < gap < ADDRESS_LIMIT // 2
    image = _initrd_pages(boot) * PAGE_SIZE
    may_be_mapped = "initrd" in absent and not boot.mod_start_pfn
    bytes_on = f"starts {gap:#x} bytes after {title(before)}"
    if ahead and {"p2m", "page_tables"} & set(absent):
        return _unchecked(boot, name, f"{bytes_on}: lines between are missing")
    if ahead and may_be_mapped and not image:
        return _unchecked(boot, name, f"{bytes_on}, as if a mapped ramdisk's line were missing")
    if ahead and may_be_mapped and gap == image:
        expected, source = segment.start, f"{source}, and a mapped ramdisk whose line is missing"
    shim = name == "page_tables" and {"xenstore", "console"} <= set(absent)
    if shim and gap == 2 * PAGE_SIZE and _size(boot, "start_info") == 0x490:
        return _unchecked(
            boot, name, "starts two pages on, as if the lines of the PV shim's rings were missing"
        )
    old = boot.paddr is None and (_size(boot, "start_info") in _GAPPED_ERA or _start_info_is_last(boot))
    if ahead and before == "kernel" and old:
        return _note(boot, name, f"starts {gap:#x} bytes on, as with a symbol table in Xen up to 3.0")
    involves = {f"{before}.end"}
    if name == "start_info" and boot.p2m is not None and "p2m" not in _chain(boot):
        involves |= {"p2m.start", "p2m.end"}
    exact = {f"{before}.end"} if name == "boot_stack" or before == "xenstore" else set()
    return _compared(
        boot,
        name,
        segment.start,
        expected,
        end="start",
        source=source,
        involves=involves,
        confirms=exact,
    )


def _size(boot: Boot, name: str) -> int | None:
    segment = boot.segment(name)
    return None if segment is None else segment.size


def _p2m_inside(boot: Boot) -> bool:
    """Whether the p2m lies in the region, as far as the log tells; no when its address is elsewhere."""
    p2m = boot.segment("p2m")
    if p2m is None:
        return False
    if boot.p2m_base == UNSET or 32 in (boot.width, _xen_width(boot)):
        return True
    above = boot.start_info or boot.page_tables
    starts = [each.start for each in (boot.total, boot.kernel) if each is not None]
    if not starts and above is not None:
        starts = [max(0, above.start - _LARGEST)]
    ends = [
        each for each in (boot.total and boot.total.end, boot.page_tables and boot.page_tables.start) if each
    ]
    low = min(starts, default=0)
    high = max(ends, default=ADDRESS_LIMIT)
    if boot.total is not None and boot.total.end == 0:
        high = ADDRESS_LIMIT
    return low <= p2m.start < high or low < p2m.end <= high


def _fixed_sizes(boot: Boot) -> Iterator[Finding]:
    for name in ("xenstore", "console", "boot_stack"):
        segment = boot.segment(name)
        if segment is not None:
            yield _compared(
                boot,
                name,
                segment.end,
                (segment.start + PAGE_SIZE) % ADDRESS_LIMIT,
                end="end",
                source="one page after its start",
                involves={f"{name}.start"},
                confirms={f"{name}.start"},
            )
    if boot.boot_stack == Segment(0, 0):
        yield Finding(
            kind=Kind.DIFFERS,
            figure="boot_stack",
            line=boot.lines.get("boot_stack"),
            message="is absent, where every Xen has one page",
            involves=frozenset({"boot_stack.start", "boot_stack.end"}),
        )
    if (boot.segment("xenstore") is None) != (boot.segment("console") is None):
        lone = "console" if boot.segment("console") is None else "xenstore"
        if getattr(boot, lone) is not None:
            yield Finding(
                kind=Kind.DIFFERS,
                figure=lone,
                line=boot.lines.get(lone),
                message="is absent, where the other ring is not",
                involves=frozenset({f"{lone}.start", f"{lone}.end"}),
            )
    size = _size(boot, "start_info")
    if size in START_INFO_ERAS:
        yield Finding(
            kind=Kind.AGREES,
            figure="start_info",
            line=boot.lines.get("start_info"),
            message=f"{size:#x} bytes: {START_INFO_ERAS[size]}",
            confirms=frozenset({"start_info.start", "start_info.end"}),
        )
    elif size is not None and 0x450 <= size <= PAGE_SIZE and size % 4 == 0:
        yield _note(boot, "start_info", f"{size:#x} bytes is a size of no Xen known here")
    elif size is not None:
        yield Finding(
            kind=Kind.DIFFERS,
            figure="start_info",
            line=boot.lines.get("start_info"),
            message=f"{size:#x} bytes can't be the size of a start info, which fits a page",
            involves=frozenset({"start_info.start", "start_info.end"}),
        )


# The image


def _notes(boot: Boot, width: int) -> Iterator[Finding]:
    """The arrangement has the addresses that libelf found in the image."""
    told: list[tuple[str, str, int | None, str, int | None]] = [
        ("total", "start", boot.total.start if boot.total else None, "virt_base", boot.virt_base),
        ("kernel", "start", boot.kernel.start if boot.kernel else None, "virt_kstart", boot.virt_kstart),
        ("kernel", "end", boot.kernel.end if boot.kernel else None, "virt_kend", boot.virt_kend),
        ("entry", "", boot.entry, "virt_entry", boot.virt_entry),
    ]
    if width == 64 and boot.p2m_base != UNSET:
        told.append(("p2m", "start", boot.p2m.start if boot.p2m else None, "p2m_base", boot.p2m_base))
    for figure, end, found, name, expected in told:
        if found is not None and expected is not None and expected != UNSET:
            yield _compared(
                boot, figure, found, expected, end=end, source=f"the image's {name}", involves={name}
            )
    initrd = boot.segment("initrd")
    if boot.mod_start_pfn and initrd is not None and initrd.size:
        yield Finding(
            kind=Kind.DIFFERS,
            figure="initrd",
            line=boot.lines.get("initrd"),
            message="is mapped, although the image's MOD_START_PFN asks that it be not",
            involves=frozenset({"initrd.start", "initrd.end"}),
        )


def _image(boot: Boot) -> Iterator[Finding]:
    """The kernel lies in the region, its entry in the kernel, and it is as long as the image says."""
    if boot.kernel is None:
        return
    start, end = boot.kernel.start, boot.kernel.end or ADDRESS_LIMIT
    if boot.total is not None and start < boot.total.start:
        yield Finding(
            kind=Kind.DIFFERS,
            figure="kernel",
            line=boot.lines.get("kernel"),
            message=f"starts at {start:#x}, below the region's start {boot.total.start:#x}",
            involves=frozenset({"kernel.start", "total.start"}),
        )
    if boot.entry is not None:
        inside = start <= boot.entry <= end
        yield Finding(
            kind=Kind.AGREES if inside else Kind.DIFFERS,
            figure="entry",
            line=boot.lines.get("entry"),
            message=f"{boot.entry:#x} is {'within' if inside else 'outside'} the kernel",
            involves=frozenset({"entry.", "kernel.start", "kernel.end"}),
        )
    if boot.paddr is not None:
        yield from _load_offset(boot, boot.kernel, boot.paddr)


def _load_offset(boot: Boot, kernel: Segment, paddr: Segment) -> Iterator[Finding]:
    """Virtual less physical address is the same at both ends: virt_base less the image's PADDR_OFFSET."""
    last = boot.symbol_map or paddr
    offset = (kernel.start - paddr.start) % ADDRESS_LIMIT
    longer = (kernel.end - last.end - offset) % ADDRESS_LIMIT
    ends = {"kernel.start", "kernel.end", "paddr.start"} | (
        {"symbol_map.end"} if boot.symbol_map else {"paddr.end"}
    )
    if boot.symbol_map is None and _SMALLEST_SYMBOLS <= longer < ADDRESS_LIMIT // 2:
        # Without the line on it, a symbol table shows as a kernel that is longer than its image.
        yield _note(boot, "kernel", f"{longer:#x} bytes longer than its image, as with a symbol table")
    else:
        size = (last.end - paddr.start) % ADDRESS_LIMIT
        yield Finding(
            kind=Kind.DIFFERS if longer else Kind.AGREES,
            figure="kernel",
            line=boot.lines.get("kernel"),
            message=f"{kernel.size:#x} bytes, and its image has {size:#x}",
            expected=size,
            found=kernel.size,
            involves=frozenset(ends),
        )
    if boot.total is None:
        return
    if boot.elf_paddr_offset is not None:
        allowed = {(boot.total.start - boot.elf_paddr_offset) % ADDRESS_LIMIT: "the image's PADDR_OFFSET"}
    else:
        allowed = {boot.total.start: "a PADDR_OFFSET of 0", 0: "a PADDR_OFFSET of virt_base"}
    names = " or ".join(allowed.values())
    yield Finding(
        kind=Kind.AGREES if offset in allowed else Kind.DIFFERS,
        figure="total",
        line=boot.lines.get("total"),
        message=f"start {boot.total.start:#x} and the kernel's addresses "
        + (f"fit {allowed[offset]}" if offset in allowed else f"don't fit {names}"),
        involves=frozenset({"total.start", "kernel.start", "paddr.start"}),
        confirms=frozenset({"kernel.start"} | ({"total.start"} if offset == boot.total.start else set())),
    )


# Memory


def _initrd_pages(boot: Boot) -> int:
    """The pages of the initrd's image, 0 when the log tells of none."""
    return -(-boot.initrd_image.size // PAGE_SIZE) if boot.initrd_image is not None else 0


def _nr_pages(boot: Boot) -> tuple[int, ...]:
    """What dom0's memory comes to, in pages: allocated, to be allocated, and the initrd's own pages.

    Up to Xen 4.0 the initrd is copied into the allocation; its image is printed since it is not. When
    only its mapping is printed, it may be either.
    """
    if boot.alloc is None or boot.pages_to_be_allocated is None:
        return ()
    pages = boot.alloc.size // PAGE_SIZE + boot.pages_to_be_allocated
    if boot.initrd_image is not None:
        return (pages + _initrd_pages(boot),)
    mapped = boot.segment("initrd")
    return (pages, pages + -(-mapped.size // PAGE_SIZE)) if mapped and mapped.size else (pages,)


def _initrd_length(boot: Boot) -> Iterator[Finding]:
    mapped = boot.segment("initrd")
    if mapped is not None and boot.initrd_image is not None:
        expected = (mapped.start + boot.initrd_image.size) % ADDRESS_LIMIT
        yield _compared(
            boot,
            "initrd",
            mapped.end,
            expected,
            end="end",
            source="its start and the length of its image",
            involves={"initrd.start", "initrd_image.start", "initrd_image.end"},
            confirms={"initrd.start"},
        )


def _p2m_size(boot: Boot, width: int) -> Iterator[Finding]:
    """The p2m has one entry for each of dom0's pages."""
    p2m, entry = boot.segment("p2m"), width // 8
    if p2m is None:
        return
    if not _nr_pages(boot):
        yield _note(boot, "p2m", f"{p2m.size:#x} bytes; the log doesn't tell how many pages dom0 has")
        return
    pages = min(_nr_pages(boot), key=lambda each: abs(p2m.size - entry * each))
    more, part = divmod(p2m.size - entry * pages, entry)
    memory = "the pages allocated, those to be, and the ramdisk's" if _initrd_pages(boot) else "dom0's pages"
    if more == part == 0:
        yield Finding(
            kind=Kind.AGREES,
            figure="p2m",
            line=boot.lines.get("p2m"),
            message=f"{p2m.size:#x} bytes are {entry} for each of {pages} ({pages:#x}) pages",
            expected=pages,
            found=pages,
            counts=True,
            confirms=frozenset({"p2m.start", "p2m.end", "alloc.start", "alloc.end", "pages_to_be_allocated"}),
        )
    elif part == 0 and _could_be_initrd(boot, more):
        yield _unchecked(
            boot, "p2m", f"has {more} entries more than {memory}, as if a ramdisk's line were missing"
        )
    else:
        yield Finding(
            kind=Kind.DIFFERS,
            figure="p2m",
            line=boot.lines.get("p2m"),
            message=f"{p2m.size:#x} bytes are {abs(p2m.size - entry * pages):#x} too "
            f"{'many' if p2m.size > entry * pages else 'few'}: expected {entry * pages:#x}, "
            f"{entry} for each of {pages} ({pages:#x}) pages: {memory}",
            expected=entry * pages,
            found=p2m.size,
            involves=frozenset(
                {"p2m.start", "p2m.end", "alloc.start", "alloc.end", "pages_to_be_allocated"}
                | ({"initrd_image.start", "initrd_image.end"} if boot.initrd_image else set())
            ),
        )


def _could_be_initrd(boot: Boot, pages: int) -> bool:
    """Whether that many pages may be those of an initrd whose line is missing.

    Whole multiples of 512 are taken for a p2m of a wrong size instead: they move it by whole pages.
    """
    return boot.initrd_image is None and pages >= 64 and pages % 512 != 0


def _allocation(boot: Boot) -> Iterator[Finding]:
    """The allocation is the least power of two that holds the region, less a mapped initrd."""
    if boot.alloc is None or boot.total is None or _start_info_is_last(boot):
        return
    mapped, image = boot.segment("initrd"), _initrd_pages(boot) * PAGE_SIZE
    initrd = _page_up(mapped.size) if mapped is not None else 0 if boot.initrd is not None else image
    # An initrd has its own pages for sure when both lines are there, and no line may be missing.
    own = [0, initrd] if boot.initrd_image is None or boot.initrd is None else [initrd]
    holds = [boot.total.size - each for each in own]
    sizes = [1 << max((each - 1).bit_length(), 12) for each in holds if each > 0]
    fits = boot.alloc.size in sizes
    if boot.initrd is None and boot.initrd_image is None and 0 < boot.alloc.size < min(sizes, default=0):
        yield _unchecked(
            boot, "alloc", "too small for the region, as if a mapped ramdisk's line were missing"
        )
        return
    yield Finding(
        kind=Kind.AGREES if fits else Kind.DIFFERS,
        figure="alloc",
        line=boot.lines.get("alloc"),
        message=f"{boot.alloc.size:#x} bytes"
        + ("" if fits else f", expected {' or '.join(hex(each) for each in sizes[:1])}")
        + f": the least power of two for a region of {boot.total.size:#x}",
        expected=None if fits or not sizes else sizes[0],
        found=boot.alloc.size,
        involves=frozenset({"alloc.start", "alloc.end", "total.start", "total.end"}),
    )


# The count


def _tables_start(boot: Boot) -> int | None:
    """T as the rules see it. In Xen 2.0 the start info has a page above the tables: one page more."""
    if boot.page_tables is None:
        return None
    return boot.page_tables.start + (PAGE_SIZE if _start_info_is_last(boot) else 0)


def _region_start(boot: Boot) -> tuple[int, str | None] | None:
    """S, and how it was inferred if the log doesn't have it."""
    if boot.total is not None:
        return boot.total.start, None
    if boot.virt_base is not None:
        return boot.virt_base, "the image's virt_base"
    if boot.kernel is not None and boot.paddr is not None:
        paddr_offset = boot.elf_paddr_offset or 0
        inferred = (boot.kernel.start - boot.paddr.start + paddr_offset) % ADDRESS_LIMIT
        return inferred, f"inferred as virt_kstart less paddr, with a PADDR_OFFSET of {paddr_offset:#x}"
    return None


def _rule_fits(boot: Boot, rule: CountRule) -> bool:
    start, tables, pages = _region_start(boot), _tables_start(boot), _whole_pages(boot.page_tables)
    if start is None or tables is None or pages is None or not _countable(start[0], tables, pages):
        return False
    return rule.nr_pt_pages(start[0], tables) == pages


def _countable(start: int, tables: int, pages: int) -> bool:
    """Whether it is worth to ask a rule: it may search one count after the other."""
    return start <= tables and (tables - start) >> 23 <= pages and tables - start <= _LARGEST


def _count(boot: Boot, width: int, rules: Sequence[CountRule]) -> tuple[CountRule | None, list[Finding]]:
    """The rule that gives the printed count, if any, and what is to be said of the count."""
    start, tables, pages = _region_start(boot), _tables_start(boot), _whole_pages(boot.page_tables)
    candidates = _candidates(boot, width, rules)
    if tables is None or pages is None:
        return None, []
    if start is None or not candidates:
        reason = (
            "there is no rule for such a boot" if start else "the log doesn't tell where the region starts"
        )
        return None, [_unchecked(boot, "page_tables", f"n = {pages}: {reason}")]
    v_start, inferred = start
    given = f"v_start = {v_start:#x}{f' ({inferred})' if inferred else ''}, vpt_start = {tables:#x}"
    starts = {"kernel.start", "paddr.start"} if inferred else {"total.start"}
    involves = frozenset({"nr_pt_pages", "page_tables.start", "page_tables.end", *starts})
    line = boot.lines.get("page_tables")
    if inferred and v_start == 0 and not any(_rule_fits(boot, rule) for rule in candidates):
        # Equal addresses come of a PADDR_OFFSET of virt_base just as well: that says nothing of virt_base.
        reason = "the log doesn't tell where the region starts"
        return None, [_unchecked(boot, "page_tables", f"n = {pages}: {reason}")]
    if not _countable(v_start, tables, pages):
        message = f"n = {pages} ({pages:#x}) can't be the count for {given}"
        return None, [
            Finding(kind=Kind.DIFFERS, figure="page_tables", line=line, message=message, involves=involves)
        ]
    for rule in candidates:
        if rule.nr_pt_pages(v_start, tables) == pages:
            return rule, _counted(boot, rule, candidates[0], pages, f"{given}")
    expected = candidates[0].nr_pt_pages(v_start, tables)
    if expected is None:
        reason = f"the search of the rule {candidates[0].name!r} doesn't end from {given}"
        return None, [_unchecked(boot, "page_tables", f"n = {pages}: {reason}")]
    off = f"{abs(pages - expected)} ({abs(pages - expected):#x}) too {'many' if pages > expected else 'few'}"
    others = [f"{rule.name!r} gives {rule.nr_pt_pages(v_start, tables)}" for rule in candidates[1:]]
    message = "; ".join(
        [
            f"n = {pages} ({pages:#x}) is {off}: expected {expected} ({expected:#x}) "
            f"by the rule {candidates[0].name!r} from {given}",
            *others,
        ]
    )
    finding = Finding(
        kind=Kind.DIFFERS,
        figure="page_tables",
        line=line,
        message=message,
        expected=expected,
        found=pages,
        counts=True,
        involves=involves,
    )
    return None, [finding]


def _counted(boot: Boot, rule: CountRule, first: CountRule, pages: int, given: str) -> list[Finding]:
    """The count agrees with ``rule``; ``first`` is the rule that such a boot has at first sight."""
    start, tables = _region_start(boot), _tables_start(boot)
    assert start is not None
    assert tables is not None
    by = f"by the rule {rule.name!r} (Xen {rule.carried_by}) from {given}"
    if rule is not first:
        usual = first.nr_pt_pages(start[0], tables)
        by += f"; {first.name!r} gives {usual}"
        if usual is not None:
            by += f", {abs(pages - usual)} {'fewer' if pages > usual else 'more'}"
    findings = [
        Finding(
            kind=Kind.AGREES,
            figure="page_tables",
            line=boot.lines.get("page_tables"),
            message=f"n = {pages} ({pages:#x}) {by}",
            expected=pages,
            found=pages,
            counts=True,
            confirms=frozenset({"nr_pt_pages", "page_tables.end"}),
        )
    ]
    if start[1]:
        findings.append(_unchecked(boot, "total", f"v_start isn't in the log, {start[1]}"))
    return findings


def _region_end(boot: Boot, rule: CountRule | None) -> Iterator[Finding]:
    """V is where the rule ends the region above the page tables and the stack."""
    tables, pages = _tables_start(boot), _whole_pages(boot.page_tables)
    if boot.total is None or rule is None:
        return
    if tables is not None and pages is not None:
        expected, source = (
            rule.v_end(tables, pages),
            f"above {pages} page tables, the boot stack and the padding",
        )
        involves = {"page_tables.start", "page_tables.end"}
    elif boot.boot_stack is not None:
        # A stack with no page tables below: the end depends on where the stack ends only.
        expected, source = rule.v_end(boot.boot_stack.start, 0), "above the boot stack and the padding"
        involves = {"boot_stack.start", "boot_stack.end"}
    else:
        yield _unchecked(boot, "total", "end: neither page tables nor boot stack are in the log")
        return
    yield _compared(boot, "total", boot.total.end, expected, end="end", source=source, involves=involves)
