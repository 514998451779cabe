"""Reads what libxenguest and its guests print of a domU, out of logs as people paste them, and judges it.

The builder (libxenguest, by way of ``xl -vvv``) tells each segment, the tables of each level, and where the region ends.
A guest such as Mini-OS tells its start_info. Both may be in one log, with lines of others within theirs; what is looked
for are their own labels, wherever on a line they stand. A guest belongs to the builder whose tables begin where its
own do.

Facts: ``xc_dom_alloc_segment()`` and others in Xen's ``tools/libs/guest/xg_dom_core.c``, ``count_pgtables()`` in
``xg_dom_x86.c`` (4.6 to 4.22), ``arch_print_info()`` and ``init_mm()`` of Mini-OS; the logs in ``tests/data/field``.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import define, evolve, field

from ..edge.errors import InputError
from ..edge.limits import RAISED, Allowance, raised_by
from ..layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ..layouts.paging import COMPAT, PAGE_SIZE, X86_64
from ..logs.boot_log import UNSET
from ..logs.boot_log_reader import LABELS_LIMIT
from ..logs.boot_log_text import Blocks
from ..logs.log_window import Window, log_text
from ..machine.arrange import TooLarge
from ..machine.domu import BUILD_LIMIT, TOOLSTACKS
from ..machine.domu_layout import DomuLayout, lay_out_domu, own_p2m
from .domu_records import RECORDS_LIMIT, Compared, DomuJudgement, Record, judge, take

_GAP: Final = r"[ \t]{0,99}(?:\n[ \t>|]{0,99})?"
# A mailer may have cut a number, whose rest is then all that is left of the line, or of this value.
_CUT: Final = r"\n[ \t>|]{0,99}"
_REST: Final = rf"(?:{_CUT}[0-9a-fA-F]{{1,15}}(?=[ \t]{{0,99}}(?:\n|->|\(pfn|,[ \t]{{0,99}}[0-9]|\Z)))?"
_HEX: Final = rf"(0[xX][0-9a-fA-F]{{1,16}}{_REST}|0(?:{_CUT}[xX]|[xX]{_CUT})[0-9a-fA-F]{{1,16}})"
_LEADS_TO: Final = rf"{_GAP}-{{1,2}}{_GAP}>{_GAP}"
_BUILDER: Final = {
    "virt_base": rf"\bvirt_base[ \t]{{0,99}}={_GAP}{_HEX}",
    "p2m_base": rf"\bp2m_base[ \t]{{0,99}}={_GAP}{_HEX}",
    "type": r"x(?:c_dom_parse_elf_kernel:|86_compat:[ \t]{0,99}guest)[ \t]{0,99}xen-3\.0-(x86_64|x86_32p)",
    "memory": rf"xc_dom_mem_init:{_GAP}{_HEX}{_GAP}pages",
    "segment": rf"xc_dom_alloc_segment[ \t]{{0,99}}:{_GAP}(kernel|ramdisk|module0|phys2mach|page tables)[ \t]{{0,99}}:{_GAP}{_HEX}{_LEADS_TO}{_HEX}(?:{_GAP}\(pfn[ \t]{{0,99}}{_HEX})?",
    "page": rf"xc_dom_alloc_page[ \t]{{0,99}}:{_GAP}(start info|xenstore|console|boot stack)[ \t]{{0,99}}:{_GAP}{_HEX}",
    "count": rf"count_pgtables:{_GAP}0x[0-9a-f]{{16}}/(39|30|21):{_GAP}{_HEX}{_LEADS_TO}{_HEX},{_GAP}([0-9]{{1,9}})[ \t]{{0,99}}table",
    "alloc_end": rf"\bvirt_alloc_end[ \t]{{0,99}}:{_GAP}{_HEX}",
    "end": rf"\bvirt_pgtab_end[ \t]{{0,99}}:{_GAP}{_HEX}",
}
_GUEST: Final = {
    "start_info": rf"\bstart_info[ \t]{{0,99}}:{_GAP}{_HEX}[ \t]{{0,99}}\(VA\)",
    "nr_pages": rf"\bnr_pages[ \t]{{0,99}}:{_GAP}(0[xX][0-9a-fA-F]{{1,16}}|[0-9]{{1,12}})",
    "pt_base": rf"\bpt_base[ \t]{{0,99}}:{_GAP}{_HEX}",
    "nr_pt_frames": rf"\bnr_pt_frames[ \t]{{0,99}}:{_GAP}(0[xX][0-9a-fA-F]{{1,16}}|[0-9]{{1,12}})",
    "mfn_list": rf"\bmfn_list[ \t]{{0,99}}:{_GAP}{_HEX}",
    "first_unmapped": rf"Mapping memory range{_GAP}{_HEX}",
}


def _any_of(patterns: Mapping[str, str]) -> re.Pattern[str]:
    """One of the patterns, as a group of its name; a text is quickly looked through for the letters they begin with."""
    words = {name: pattern.removeprefix(r"\b") for name, pattern in patterns.items()}
    whole = (rf"(?P<{name}>(?<={word[0]})(?<!\w{word[0]}){word[1:]})" for name, word in words.items())
    first, second = ("".join(sorted({word[at] for word in words.values()} - {"("})) for at in (0, 1))
    return re.compile(f"[{first}](?=[{second}])(?:{'|'.join(whole)})")


_ANY: Final = _any_of({**_BUILDER, **_GUEST})
_REFUSAL: Final = re.compile(
    r"(?:xc_dom_\w{1,40}|count_pgtables|alloc_pgtables\w{0,20}): (?:segment [^\n(]{1,40}\([^\n)]{1,80}\)|no loader found"
    r"|not enough memory for initial mapping \([^\n)]{1,60}\)|overlapping mappings|unknown image type \d{1,9}"
    r"|Kernel does not support unprivileged \(DomU\) operation|guest type \S{1,30} not supported by xen kernel, sorry"
    r"|unsupported feature requested|corrupted ELF image|kernel is not an ELF image)"
)
_DOMAIN: Final = re.compile(r"\((d[0-9]{1,9})\)")
_LEVELS: Final = {39: "L3", 30: "L2", 21: "L1"}


@define
class _Builder:
    """What the builder printed of one domain: single figures, segments by name, tables by shift."""

    line: int
    figures: dict[str, int] = field(factory=dict)
    width: int | None = None
    pieces: dict[str, tuple[int, int, int | None]] = field(factory=dict)
    tables: dict[int, int] = field(factory=dict)


@define
class _Guest:
    """What a guest printed of its start_info."""

    line: int
    domain: str | None
    figures: dict[str, int] = field(factory=dict)


def judge_log(data: bytes | str | Blocks, source: str, times: int = 1) -> tuple[DomuJudgement, ...]:
    """What to report about each domU in a log; none where it has none.

    Raises `InputError` for one that is too large for the machine, or where there is more than ``times`` the limits.
    """
    blocks = log_text(data, source, times)
    if not any("xc_dom_" in block.text or "pt_base" in block.text for block in blocks):
        return ()
    builders, guests = _read(blocks, source, times)
    if len(builders) + len(guests) > times * RECORDS_LIMIT:
        found = len(builders) + len(guests)
        raise InputError(
            f"{source}: expected at most {times * RECORDS_LIMIT} domUs, found {found}{raised_by(found, RECORDS_LIMIT)}"
        )
    of_builder = _belonging(builders, guests)
    allowed = Allowance(BUILD_LIMIT, times)
    judged = [_judged(each, of_builder.get(at), source, allowed) for at, each in enumerate(builders)]
    with_builder = {id(each) for each in of_builder.values()}
    judged += [_judged_alone(each, source, allowed) for each in guests if id(each) not in with_builder]
    return tuple(sorted(judged, key=lambda each: each.record.line))


def _belonging(builders: list[_Builder], guests: list[_Guest]) -> dict[int, _Guest]:
    """The guest of each builder that has one, by the builder's place: one whose tables begin where its own do.

    It takes the last one before it, or the first behind it.
    """
    taken: dict[int, _Guest] = {}
    before: dict[int, list[int]] = {}
    waiting: dict[int, deque[_Guest]] = {}
    lines = [(each.line, 0, at) for at, each in enumerate(builders)]
    lines += [(each.line, 1, at) for at, each in enumerate(guests)]
    for _, is_guest, at in sorted(lines):
        if is_guest:
            guest = guests[at]
            base = guest.figures["pt_base"]
            if before.get(base):
                taken[before[base].pop()] = guest
            else:
                waiting.setdefault(base, deque()).append(guest)
            continue
        base = builders[at].pieces["page tables"][0]
        if waiting.get(base):
            taken[at] = waiting[base].popleft()
        else:
            before.setdefault(base, []).append(at)
    return taken


def builders_refusal(blocks: Blocks) -> str | None:
    """What libxenguest said last, with its line, where it refused a domain; ``None`` where it didn't."""
    window, told = Window(blocks), None
    for found in window.matches(_REFUSAL):
        told = f"line {window.line(found.start())}: libxenguest refuses the domU: {found[0]}"
    return told


def _read(blocks: Blocks, source: str, times: int) -> tuple[list[_Builder], list[_Guest]]:
    builders: list[_Builder] = []
    guests: dict[str | None, _Guest] = {}
    done: list[_Guest] = []
    said = ""
    window, limit = Window(blocks), times * LABELS_LIMIT
    for labels, found in enumerate(window.matches(_ANY)):
        if labels == limit:
            raise InputError(
                f"{source}: expected at most {limit} of libxenguest's labels, found more{RAISED}"
            )
        if found[0] == said:  # some consoles say everything twice
            continue
        said = found[0]
        name, line = str(found.lastgroup), window.line(found.start())
        before = window.text[max(0, found.start() - 80) : found.start()].rpartition("\n")[2]
        if name in _GUEST:
            domains = _DOMAIN.findall(before)
            domain = domains[-1] if domains else None
            guest = guests.get(domain)
            if guest is None or (name in guest.figures and name == "start_info"):
                done += [guest] if guest else []
                guest = guests[domain] = _Guest(line, domain)
            value = re.search(_GUEST[name], found[0])
            assert value is not None
            guest.figures.setdefault(name, _number(value[1]))
        elif "(XEN)" not in before:  # what libelf says of dom0
            _take(builders, name, found[0], line)
    done += guests.values()
    whole = [each for each in done if {"pt_base", "nr_pt_frames"} <= each.figures.keys()]
    return [each for each in builders if "page tables" in each.pieces], sorted(
        whole, key=lambda each: each.line
    )


def _take(builders: list[_Builder], name: str, text: str, line: int) -> None:
    """Put what one label says to the builder that is being read, or to a new one where it says it again."""
    found = re.search(_BUILDER[name], text)
    assert found is not None
    key = found[1] if name in ("segment", "page") else name
    last = builders[-1] if builders else None
    known = last is not None and (
        key in last.pieces
        or key in last.figures
        or ("end" in last.figures and name in ("virt_base", "memory", "type"))
    )
    if last is None or (known and name != "memory"):
        last = _Builder(line)
        builders.append(last)
    if name == "type":
        last.width = 64 if found[1] == "x86_64" else 32
    elif name == "segment":
        last.pieces[key] = (_number(found[2]), _number(found[3]), _number(found[4]) if found[4] else None)
    elif name == "page":
        start = _number(found[2])
        last.pieces[key] = (start, start + PAGE_SIZE, None)
    elif name == "count":
        last.tables[int(found[1])] = int(found[4])
    else:
        last.figures[name] = _number(found[1])


def _number(text: str) -> int:
    digits = re.sub(r"\n[ \t>|]*", "", text)
    return int(digits, 16 if digits[:2] in ("0x", "0X") else 10)


def _judged(builder: _Builder, guest: _Guest | None, source: str, allowed: Allowance) -> DomuJudgement:
    """The builder's segments, tables and end by libxenguest's steps, and the guest's start_info by the builder's."""
    width, width_from = _builders_width(builder)
    start, end, _ = builder.pieces["page tables"]
    frames = (end - start) % ADDRESS_LIMIT // PAGE_SIZE
    memory = builder.figures.get("memory") or (guest.figures.get("nr_pages") if guest else None)
    mode = X86_64 if width == 64 else COMPAT
    if memory is None and "phys2mach" in builder.pieces:
        p2m = builder.pieces["phys2mach"]
        memory = (p2m[1] - p2m[0]) // mode.p2m_entry
    base = _base(builder)
    record = Record(
        source=source,
        line=builder.line,
        name=guest.domain if guest else None,
        width=width,
        virt_base=base,
        pt_base=start,
        nr_pt_frames=frames,
        start_info=builder.pieces.get("start info", (None,))[0],
        mfn_list=None,
        nr_pages=memory,
        first_unmapped=builder.figures.get("end"),
    )
    judgement = judge(record, allowed)
    told = tuple(_by_steps(builder, record, judgement, allowed))
    if guest is not None:
        told += tuple(_as_the_builder(record, builder, guest))
    return evolve(
        judgement, compared=judgement.compared + told, notes=(f"width: {width} bits: {width_from}",)
    )


def _base(builder: _Builder) -> int:
    """Where the region begins: as libelf says, or as many pages below the kernel as its pfn says."""
    if "virt_base" in builder.figures:
        return builder.figures["virt_base"]
    start, _, pfn = next(iter(builder.pieces.values()))
    return (start - pfn * PAGE_SIZE) % ADDRESS_LIMIT if pfn else 0


def _builders_width(builder: _Builder) -> tuple[int, str]:
    if builder.width is not None:
        return builder.width, "from the guest's type"
    if builder.tables:
        wide = 39 in builder.tables
        return (64 if wide else 32), f"count_pgtables has {'an' if wide else 'no'} L3 to count below the top"
    if builder.pieces["page tables"][0] >= 1 << 32:
        return 64, "from its addresses"
    return 64, "assumed: nothing tells"


def _by_steps(
    builder: _Builder, record: Record, judgement: DomuJudgement, allowed: Allowance
) -> Iterator[Compared]:
    """Every figure that the builder printed, where libxenguest's steps give another or the same."""
    layout = _laid_out(builder, record, judgement, allowed)
    if layout is None or layout.counted is None:
        return
    pieces = {piece.name: piece for piece in layout.pieces}
    for name, (start, _, _) in builder.pieces.items():
        name_now = "module0" if name == "ramdisk" else name
        if name_now in pieces and name not in ("page tables", "start info"):
            yield Compared(
                figure=name, found=start, expected=pieces[name_now].start, source="where libxenguest lays it"
            )
    levels = {level.shift: starts for level, starts in layout.counted.mappings[0].items()}
    for shift, count in builder.tables.items():
        if len(layout.counted.mappings) == 1 and shift in levels:
            yield Compared(
                figure=f"{_LEVELS[shift]} tables",
                found=count,
                expected=len(levels[shift]),
                source="what the region comes to",
            )
    if "alloc_end" in builder.figures and layout.virt_alloc_end is not None:
        yield Compared(
            figure="virt_alloc_end",
            found=builder.figures["alloc_end"],
            expected=layout.virt_alloc_end,
            source="where the boot stack ends",
        )


def _laid_out(
    builder: _Builder, record: Record, judgement: DomuJudgement, allowed: Allowance
) -> DomuLayout | None:
    """The domain laid out again, from its kernel, its initrd and its memory; ``None`` if one of these isn't known."""
    kernel, memory = builder.pieces.get("kernel"), record.nr_pages
    if kernel is None or memory is None:
        return None
    initrd = builder.pieces.get("module0") or builder.pieces.get("ramdisk")
    p2m = builder.figures.get("p2m_base", UNSET)
    given = Configuration(
        mode=X86_64 if record.width == 64 else COMPAT,
        virt_base=record.virt_base,
        kernel=Segment(kernel[0], kernel[1]),
        nr_pages=memory,
        initrd_len=0 if initrd is None else (initrd[1] - initrd[0]) % ADDRESS_LIMIT,
        mod_start_pfn=initrd is not None and initrd[0] >= record.pt_base,
        init_p2m=None if p2m == UNSET else p2m,
    )
    if own_p2m(given) is None and "phys2mach" in builder.pieces and p2m != UNSET:
        given = evolve(given, init_p2m=None)
    toolstack = judgement.toolstack or TOOLSTACKS[0]
    # No more is walked than the segments take, and what doesn't fit into the memory isn't.
    bytes_walked = kernel[1] - record.virt_base + given.initrd_len + memory * given.mode.p2m_entry
    take(record, min(memory, bytes_walked // PAGE_SIZE), allowed)
    try:
        return lay_out_domu(given, toolstack)
    except TooLarge as error:
        raise InputError(f"{record.source}: line {record.line}: {error}") from error


def _as_the_builder(record: Record, builder: _Builder, guest: _Guest) -> Iterator[Compared]:
    """What the guest was told, by what the builder printed."""
    p2m = builder.pieces.get("phys2mach")
    own = builder.figures.get("p2m_base", UNSET)
    expected = {
        "start_info": record.start_info,
        "nr_pages": builder.figures.get("memory"),
        "nr_pt_frames": record.nr_pt_frames,
        "mfn_list": p2m[0] if p2m is not None and own == UNSET else None,
        "first_unmapped": record.first_unmapped,
    }
    for name, value in expected.items():
        if value is not None and name in guest.figures:
            yield Compared(
                figure=name, found=guest.figures[name], expected=value, source="what the builder printed"
            )


def _judged_alone(guest: _Guest, source: str, allowed: Allowance) -> DomuJudgement:
    """A guest's start_info by libxenguest's steps."""
    figures = guest.figures
    width, width_from = _guests_width(guest)
    record = Record(
        source=source,
        line=guest.line,
        name=guest.domain,
        width=width,
        virt_base=0,
        pt_base=figures["pt_base"],
        nr_pt_frames=figures["nr_pt_frames"],
        start_info=figures.get("start_info"),
        mfn_list=figures.get("mfn_list"),
        nr_pages=figures.get("nr_pages"),
        first_unmapped=figures.get("first_unmapped"),
    )
    if record.pt_base >= 1 << 40:
        raise InputError(
            f"{source}: line {guest.line}: expected the builder's lines beside a start_info with pt_base "
            f"{record.pt_base:#x}, or virt_base = 0: nothing says where the region begins"
        )
    notes = (f"width: {width} bits: {width_from}", "virt_base: 0, as no builder's lines say otherwise")
    return evolve(judge(record, allowed), notes=notes)


def _guests_width(guest: _Guest) -> tuple[int, str]:
    """What the figures tell: the start info lies right above a p2m of 8 or of 4 bytes for each page."""
    figures = guest.figures
    if {"start_info", "mfn_list", "nr_pages"} <= figures.keys():
        for width, entry in ((64, 8), (32, 4)):
            end = figures["mfn_list"] + figures["nr_pages"] * entry
            if figures["start_info"] == -(-end // PAGE_SIZE) * PAGE_SIZE:
                return width, f"the start info lies right above a p2m of {entry} bytes a page"
    if figures["pt_base"] >= 1 << 32:
        return 64, "from its addresses"
    return 64, "assumed: nothing tells"
