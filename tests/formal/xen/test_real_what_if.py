"""A real Xen with another rounding and padding in its program lays out and builds what the model says of such a Xen."""

import re
import struct

import pytest
from attrs import evolve
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.what_if import WhatIf
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.xen.booting import boot
from ptproof.formal.xen.real_xen import Programs

pytestmark = pytest.mark.machine

MIB, KIB = 1 << 20, 1 << 10
TWO = WhatIf(rounding=2 * MIB, padding=64 * KIB)
# The numbers in the loop over nr_pt_pages of a 64-bit dom0, as gcc has them in Debian's 4.17, in order.
CHANGED = {
    0x403FFF: 0x203FFF,
    -0x3FFFFF: -0x1FFFFF,
    -0x400000: -0x200000,
    0x400000: 0x200000,
    0x80000: 0x10000,
    0x400FFF: 0x200FFF,
}
NEAR = 1 << 10
"""So many bytes of the program lie between two of them at most."""


def number(value: int) -> bytes:
    """As an instruction has it."""
    return struct.pack("<i", value)


def changed(program: bytes) -> bytes | None:
    """A Xen that rounds to 2 MiB and pads with 64 KiB; ``None`` where its loop isn't that one."""
    between = rb"(.{0,%d}?)" % NEAR
    pattern = between.join(re.escape(number(each)) for each in CHANGED)
    found = list(re.finditer(pattern, program, re.DOTALL))
    if len(found) != 1:
        return None
    gaps = [*found[0].groups(), b""]
    new = b"".join(number(each) + gap for each, gap in zip(CHANGED.values(), gaps, strict=True))
    return program[: found[0].start()] + new + program[found[0].end() :]


@pytest.fixture(scope="module")
def other_xen(real_xen: Programs, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The Xen that is changed so."""
    program = changed(real_xen.xen.read_bytes())
    if program is None:
        pytest.skip("the loop of this Xen was compiled otherwise")
    path = tmp_path_factory.mktemp("what-if") / "xen"
    path.write_bytes(program)
    return evolve(real_xen, xen=path)


def small(size: int) -> Configuration:
    """A kernel of so many bytes, 1 MiB above 0."""
    return Configuration(kernel=Segment(MIB, MIB + size), nr_pages=16384, what_if=TWO)


def test_it_builds_what_the_model_says_of_it(other_xen: Programs) -> None:
    """At both sides of where 64 KiB or a table more decide."""
    ends = set()
    for size in (0x12000, 0xB8000, 0xB9000, 0xBA000, 0x1D5000, 0x2D5000):
        comparison = boot(other_xen, small(size)).comparison
        assert [str(each) for each in comparison.differences] == []
        assert comparison.entries > 0
        ends.add(arrange(small(size)).v_end)
    assert len(ends) > 1


def test_it_is_not_what_the_model_says_of_xen(other_xen: Programs, real_xen: Programs) -> None:
    """Nor is Xen what the model says of it."""
    given = small(0x12000)
    for programs, asked in ((other_xen, None), (real_xen, TWO)):
        comparison = boot(programs, evolve(given, what_if=asked)).comparison
        assert any("TOTAL" in str(each) for each in comparison.differences)
