"""The figures of a boot log, one against the other: lines and segments, the image, the memory.

Each is compared with what follows from the figures before it. A figure that a log lacks is never counted against it.

Facts: DOMAIN.md sections 2, 3 and 7; ``dom0_construct()`` in Xen 2.0 to 4.22, and libelf.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ..layouts.arrangement import LABELS
from ..layouts.layout import ADDRESS_LIMIT, Segment
from ..layouts.paging import PAGE_SIZE
from ..logs.boot_log import UNSET, Boot
from .check_log_findings import Finding, Kind, compared, differs, note, page_up, size_of, title, unchecked
from .check_log_xen import start_info_is_last, xen_width

_GAPPED_ERA: Final = (0x1000, 0x46C, 0x49C)
"""Up to 3.1 the log's kernel ends before its symbol table, and what follows comes after that."""

LARGEST: Final = 1 << 41
"""More than any region, in bytes: it is one allocation of 2**order pages."""

_SMALLEST_SYMBOLS: Final = 192
"""The least size of a symbol table as libelf loads it, in bytes."""


# Lines, segments and their order


def missing_lines(boot: Boot) -> Iterator[Finding]:
    """The lines that every arrangement has and this log doesn't."""
    for name in ("kernel", "p2m", "start_info", "page_tables", "boot_stack", "total"):
        if getattr(boot, name) is None:
            seen = "its value can't be used" if name in boot.lines else "the log has no such line"
            cut = f"; the log ends in line {boot.cut_at}" if boot.cut_at and name in boot.lines else ""
            yield unchecked(boot, name, seen + cut)


def orders(boot: Boot) -> Iterator[Finding]:
    """No segment ends before it starts, and page tables are whole pages."""
    for name in ("paddr", "symbol_map", "alloc", "initrd_image", *LABELS):
        each: Segment | None = getattr(boot, name)
        if each is not None and each.end and each.end < each.start:
            yield differs(
                boot,
                name,
                f"ends at {each.end:#x}, before its start {each.start:#x}",
                involves={f"{name}.start", f"{name}.end"},
            )
    if boot.total is not None and boot.total.start % PAGE_SIZE:
        yield note(
            boot, "total", f"start {boot.total.start:#x} isn't page aligned: Xen dies of that soon after"
        )
    for name in ("page_tables", "boot_stack"):
        each = getattr(boot, name)
        if each is not None and each.size % PAGE_SIZE:
            yield differs(
                boot,
                name,
                f"{each.size:#x} bytes aren't whole pages",
                involves={f"{name}.start", f"{name}.end"},
            )


def follows(boot: Boot) -> Iterator[Finding]:
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
    last = ["page_tables", "start_info"] if start_info_is_last(boot) else ["start_info"]
    shim = [] if start_info_is_last(boot) else ["xenstore", "console", "page_tables"]
    p2m = ["p2m"] if boot.p2m is None or _p2m_inside(boot) else []
    return iter(["kernel", "initrd", *p2m, *last, *shim, "boot_stack"])


def _follow(boot: Boot, before: str, name: str, absent: Sequence[str]) -> Finding:
    """Whether ``name`` follows ``before``, where the log has no lines of ``absent`` between them."""
    previous, segment = boot.segment(before), boot.segment(name)
    assert previous is not None
    assert segment is not None
    expected = page_up(previous.end)
    source = f"where {title(before)} ends, rounded up to a page"
    if "start_info" in absent and not {"p2m", "page_tables"} & set(absent):
        expected, source = (expected + PAGE_SIZE) % ADDRESS_LIMIT, f"{source}, and a page of start info"
    gap = (segment.start - expected) % ADDRESS_LIMIT
    ahead = 0 < gap < ADDRESS_LIMIT // 2
    image = initrd_pages(boot) * PAGE_SIZE
    may_be_mapped = "initrd" in absent and not boot.mod_start_pfn
    bytes_on = f"starts {gap:#x} bytes after {title(before)}"
    if ahead and {"p2m", "page_tables"} & set(absent):
        return unchecked(boot, name, f"{bytes_on}: lines between are missing")
    if ahead and may_be_mapped and not image:
        return unchecked(boot, name, f"{bytes_on}, as if a mapped ramdisk's line were missing")
    if ahead and may_be_mapped and gap == image:
        expected, source = segment.start, f"{source}, and a mapped ramdisk whose line is missing"
    shim = name == "page_tables" and {"xenstore", "console"} <= set(absent)
    if shim and gap == 2 * PAGE_SIZE and size_of(boot, "start_info") == 0x490:
        return unchecked(
            boot, name, "starts two pages on, as if the lines of the PV shim's rings were missing"
        )
    old = boot.paddr is None and (size_of(boot, "start_info") in _GAPPED_ERA or start_info_is_last(boot))
    if ahead and before == "kernel" and old:
        return note(boot, name, f"starts {gap:#x} bytes on, as with a symbol table in Xen up to 3.0")
    involves = {f"{before}.end"}
    if name == "start_info" and boot.p2m is not None and "p2m" not in _chain(boot):
        involves |= {"p2m.start", "p2m.end"}
    exact = {f"{before}.end"} if name == "boot_stack" or before == "xenstore" else set()
    return compared(
        boot,
        name,
        segment.start,
        expected,
        end="start",
        source=source,
        involves=involves,
        confirms=exact,
    )


def _p2m_inside(boot: Boot) -> bool:
    """Whether the p2m lies in the region, as far as the log tells; no when its address is elsewhere."""
    p2m = boot.segment("p2m")
    if p2m is None:
        return False
    if boot.p2m_base == UNSET or 32 in (boot.width, xen_width(boot)):
        return True
    above = boot.start_info or boot.page_tables
    starts = [each.start for each in (boot.total, boot.kernel) if each is not None]
    if not starts and above is not None:
        starts = [max(0, above.start - LARGEST)]
    ends = [
        each for each in (boot.total and boot.total.end, boot.page_tables and boot.page_tables.start) if each
    ]
    low = min(starts, default=0)
    high = max(ends, default=ADDRESS_LIMIT)
    if boot.total is not None and boot.total.end == 0:
        high = ADDRESS_LIMIT
    return low <= p2m.start < high or low < p2m.end <= high


def fixed_sizes(boot: Boot) -> Iterator[Finding]:
    """Rings and boot stack are one page each; the stack is always there, the rings both or neither."""
    for name in ("xenstore", "console", "boot_stack"):
        segment = boot.segment(name)
        if segment is not None:
            yield compared(
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
        yield differs(
            boot,
            "boot_stack",
            "is absent, where every Xen has one page",
            involves={"boot_stack.start", "boot_stack.end"},
        )
    if (boot.segment("xenstore") is None) != (boot.segment("console") is None):
        lone = "console" if boot.segment("console") is None else "xenstore"
        if getattr(boot, lone) is not None:
            yield differs(
                boot,
                lone,
                "is absent, where the other ring is not",
                involves={f"{lone}.start", f"{lone}.end"},
            )


# The image


def notes(boot: Boot, width: int) -> Iterator[Finding]:
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
            yield compared(
                boot, figure, found, expected, end=end, source=f"the image's {name}", involves={name}
            )
    initrd = boot.segment("initrd")
    if boot.mod_start_pfn and initrd is not None and initrd.size:
        yield differs(
            boot,
            "initrd",
            "is mapped, although the image's MOD_START_PFN asks for it not to be",
            involves={"initrd.start", "initrd.end"},
        )


def image(boot: Boot) -> Iterator[Finding]:
    """The kernel lies in the region, its entry in the kernel, and it is as long as the image says."""
    if boot.kernel is None:
        return
    start, end = boot.kernel.start, boot.kernel.end or ADDRESS_LIMIT
    if boot.total is not None and start < boot.total.start:
        yield differs(
            boot,
            "kernel",
            f"starts at {start:#x}, below the region's start {boot.total.start:#x}",
            involves={"kernel.start", "total.start"},
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
        yield note(boot, "kernel", f"{longer:#x} bytes longer than its image, as with a symbol table")
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


def initrd_pages(boot: Boot) -> int:
    """The pages of the initrd's image, 0 when the log has none."""
    return -(-boot.initrd_image.size // PAGE_SIZE) if boot.initrd_image is not None else 0


def nr_pages_told(boot: Boot) -> tuple[int, ...]:
    """What dom0's memory comes to, in pages: allocated, to be allocated, and the initrd's own pages.

    Up to Xen 4.0 the initrd is copied into the allocation; its image is printed since it is not. When
    only its mapping is printed, it may be either.
    """
    if boot.alloc is None or boot.pages_to_be_allocated is None:
        return ()
    pages = boot.alloc.size // PAGE_SIZE + boot.pages_to_be_allocated
    if boot.initrd_image is not None:
        return (pages + initrd_pages(boot),)
    mapped = boot.segment("initrd")
    return (pages, pages + -(-mapped.size // PAGE_SIZE)) if mapped and mapped.size else (pages,)


def initrd_length(boot: Boot) -> Iterator[Finding]:
    """The initrd is as long where it is mapped as in memory."""
    mapped = boot.segment("initrd")
    if mapped is not None and boot.initrd_image is not None:
        expected = (mapped.start + boot.initrd_image.size) % ADDRESS_LIMIT
        yield compared(
            boot,
            "initrd",
            mapped.end,
            expected,
            end="end",
            source="its start and the length of its image",
            involves={"initrd.start", "initrd_image.start", "initrd_image.end"},
            confirms={"initrd.start"},
        )


def p2m_size(boot: Boot, width: int) -> Iterator[Finding]:
    """The p2m has one entry for each of dom0's pages."""
    p2m, entry = boot.segment("p2m"), width // 8
    if p2m is None:
        return
    told = nr_pages_told(boot)
    if not told and boot.alloc is not None:
        # Nothing is to be allocated when all is; or that part of the line is missing, but never in Xen 2.0.
        pages = boot.alloc.size // PAGE_SIZE
        told = (pages,) if start_info_is_last(boot) or p2m.size == entry * pages else ()
    if not told:
        yield note(boot, "p2m", f"{p2m.size:#x} bytes; the log doesn't say how many pages dom0 has")
        return
    pages = min(told, key=lambda each: abs(p2m.size - entry * each))
    more, part = divmod(p2m.size - entry * pages, entry)
    memory = "the pages allocated, those to be, and the ramdisk's" if initrd_pages(boot) else "dom0's pages"
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
        yield unchecked(
            boot, "p2m", f"has {more} entries more than {memory}, as if a ramdisk's line were missing"
        )
    else:
        yield differs(
            boot,
            "p2m",
            f"{p2m.size:#x} bytes are {abs(p2m.size - entry * pages):#x} too "
            f"{'many' if p2m.size > entry * pages else 'few'}: expected {entry * pages:#x}, "
            f"{entry} for each of {pages} ({pages:#x}) pages: {memory}",
            involves={"p2m.start", "p2m.end", "alloc.start", "alloc.end", "pages_to_be_allocated"}
            | ({"initrd_image.start", "initrd_image.end"} if boot.initrd_image else set()),
            expected=entry * pages,
            found=p2m.size,
        )


def _could_be_initrd(boot: Boot, pages: int) -> bool:
    """Whether that many pages may be those of an initrd whose line is missing.

    Whole multiples of 512 are taken for a p2m of a wrong size instead: they move it by whole pages.
    """
    return boot.initrd_image is None and pages >= 64 and pages % 512 != 0


def allocation(boot: Boot) -> Iterator[Finding]:
    """The allocation is the least power of two that holds the region, less a mapped initrd."""
    if boot.alloc is None or boot.total is None or start_info_is_last(boot):
        return
    mapped, image = boot.segment("initrd"), initrd_pages(boot) * PAGE_SIZE
    initrd = page_up(mapped.size) if mapped is not None else 0 if boot.initrd is not None else image
    # An initrd has its own pages for sure when both lines are there, and no line may be missing.
    own = [0, initrd] if boot.initrd_image is None or boot.initrd is None else [initrd]
    holds = [boot.total.size - each for each in own]
    sizes = [1 << max((each - 1).bit_length(), 12) for each in holds if each > 0]
    fits = boot.alloc.size in sizes
    whole = 1 << max((boot.total.size - 1).bit_length(), 12)
    without_initrd = boot.alloc.size != whole if 0 in own and fits else own[0] > 0
    less = ", less the initrd" if without_initrd else ""
    if boot.initrd is None and boot.initrd_image is None and 0 < boot.alloc.size < min(sizes, default=0):
        yield unchecked(boot, "alloc", "too small for the region, as if a mapped ramdisk's line were missing")
        return
    yield Finding(
        kind=Kind.AGREES if fits else Kind.DIFFERS,
        figure="alloc",
        line=boot.lines.get("alloc"),
        message=f"{boot.alloc.size:#x} bytes"
        + ("" if fits else f", expected {' or '.join(hex(each) for each in sizes[:1])}")
        + f": the least power of two for a region of {boot.total.size:#x}{less}",
        expected=None if fits or not sizes else sizes[0],
        found=boot.alloc.size,
        involves=frozenset({"alloc.start", "alloc.end", "total.start", "total.end"}),
    )
