"""Layouts that are hard to draw, for the tests of the pictures."""

from typing import Any, Final

from attrs import evolve
from ptproof.formal.layouts.layout import Configuration, Layout, Segment
from ptproof.formal.layouts.paging import COMPAT, TWO_LEVEL
from ptproof.formal.machine.replay import arrange, with_frames

MIB: Final = 1 << 20
HIGH: Final = 0xFFFF_FFFF_8000_0000


def laid_out(start: int, end: int, base: int = 0, **options: Any) -> Layout:
    """The layout of a kernel that lies from ``start`` to ``end``, both counted from ``base``."""
    options = {"nr_pages": 16384} | options
    kernel = Segment((base + start) % 2**64, (base + end) % 2**64)
    return arrange(Configuration(virt_base=base, kernel=kernel, **options))


TINY: Final = laid_out(MIB, 3 * MIB)
LINUX: Final = laid_out(16 * MIB, 0x2C2C000, HIGH, init_p2m=0x80_0000_0000, mod_start_pfn=True)
CASES: Final = {
    "tiny": TINY,
    "one too many": with_frames(TINY, 6),
    "one too few": with_frames(TINY, 4),
    "none set aside": with_frames(TINY, 0),
    "far too many": with_frames(LINUX, 900),
    "more than the region holds": with_frames(TINY, 400),
    "linux": LINUX,
    "large initrd": laid_out(16 * MIB, 40 * MIB, HIGH, initrd_len=1900 * MIB, nr_pages=1 << 20),
    "compat": laid_out(MIB, 9 * MIB, mode=COMPAT, nr_pages=65536),
    "compat with too few": with_frames(laid_out(MIB, 9 * MIB, mode=COMPAT, nr_pages=65536), 9),
    "two levels": laid_out(MIB, 9 * MIB, mode=TWO_LEVEL, nr_pages=65536),
    "unaligned": laid_out(MIB, 3 * MIB, 0x800),
    "shim": laid_out(16 * MIB, 18 * MIB, HIGH, initrd_len=3 * MIB, shim=True, nr_pages=1 << 22),
    "small shim": laid_out(0, 0x5000, initrd_len=5000, shim=True, nr_pages=1024),
    "up to 2^64": laid_out(MIB, 3 * MIB, 2**64 - 4 * MIB, nr_pages=1000),
    "past 2^64": laid_out(MIB, 3 * MIB, 2**64 - 4 * MIB, nr_pages=1 << 18),
    "across 512 GiB": laid_out(MIB, 5 * MIB, (1 << 39) - 4 * MIB),
    "too large to be built": laid_out(MIB, 3 * MIB, nr_pages=1 << 32),
    "just enough left": laid_out(0, 0x378000, init_p2m=0x80_0000_0000),
    "less than 512 KiB left": laid_out(0, 0x380000, init_p2m=0x80_0000_0000),
    "overlapping": evolve(TINY, kernel=Segment(MIB, 0x322000)),
    "only what is needed": Layout(page_tables=TINY.page_tables, total=TINY.total),
}
"""By name: small and huge, wrapped and unaligned, with frames left over and tables astray."""
