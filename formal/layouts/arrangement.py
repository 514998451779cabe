"""A layout in the very form in which Xen prints it at boot.

``ptproof.formal.logs.boot_log`` reads what this prints, and both agree on `LABELS`.

Facts: the lines that ``dom0_construct()`` prints (``xen/arch/x86/pv/dom0_build.c``, 4.16 to 4.22), and
logs from the field: addresses have 16 digits without ``0x``; a ramdisk that isn't mapped has no line, nor
has one that wraps past 2**64; the two rings have lines for the PV shim only.
"""

from typing import Final

from .layout import Layout, Segment

HEADING: Final = "VIRTUAL MEMORY ARRANGEMENT:"

LABELS: Final = {
    "kernel": "Loaded kernel",
    "initrd": "Init. ramdisk",
    "p2m": "Phys-Mach map",
    "start_info": "Start info",
    "xenstore": "Xenstore ring",
    "console": "Console ring",
    "page_tables": "Page tables",
    "boot_stack": "Boot stack",
    "total": "TOTAL",
}
"""What Xen calls each segment of a `Layout`, by field name, in the order of the log."""

ENTRY: Final = "ENTRY ADDRESS"


def arrangement(layout: Layout, entry: int | None = None, prefix: str = "") -> str:
    """The lines of Xen's boot log for ``layout``, each ended by a newline.

    ``entry`` is the kernel's entry address, whose line is left out when it isn't known; ``prefix`` goes
    before each line (Xen's console puts ``(XEN) `` there). What isn't Xen's says so in a line before.

    >>> layout = Layout(page_tables=Segment(0x2ec000, 0x2f1000), total=Segment(0, 0x400000))
    >>> print(arrangement(layout), end="")
    VIRTUAL MEMORY ARRANGEMENT:
     Page tables:   00000000002ec000->00000000002f1000
     TOTAL:         0000000000000000->0000000000400000
    """
    lines = [HEADING] if layout.what_if is None else [layout.what_if.sentence, HEADING]
    for name, segment in printed_segments(layout).items():
        lines.append(f" {LABELS[name] + ':':<14} {segment.start:016x}->{segment.end:016x}")
    if entry is not None:
        lines.append(f" {ENTRY}: {entry:016x}")
    return "".join(f"{prefix}{line}\n" for line in lines)


def printed_segments(layout: Layout) -> dict[str, Segment]:
    """The segments that Xen prints, by field name: not a ramdisk whose end isn't above its start, wrapped or not.

    >>> printed_segments(Layout(initrd=Segment(2**64 - 4096, 0), page_tables=Segment(0, 4096), total=Segment(0, 0)))
    {'page_tables': Segment(start=0, end=4096), 'total': Segment(start=0, end=0)}
    """
    known: dict[str, Segment | None] = {name: getattr(layout, name) for name in LABELS}
    return {
        name: segment
        for name, segment in known.items()
        if segment is not None and (name != "initrd" or segment.end > segment.start)
    }
