"""A domU that the tests of its layout and of its log share: a Linux with a p2m and an initrd of its own places."""

from pathlib import Path

from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment

FIELD = Path(__file__).parents[1] / "data/field"
MIB, TOP = 1 << 20, ADDRESS_LIMIT - (2 << 30)
LINUX = Configuration(
    virt_base=TOP,
    kernel=Segment(TOP + 16 * MIB, TOP + 44 * MIB),
    nr_pages=64 << 8,
    init_p2m=0x8000000000,
    mod_start_pfn=True,
    initrd_len=0x123456,
)
