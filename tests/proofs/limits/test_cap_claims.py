"""The claims on the cap: that they are told of whole boots."""

import pytest
from attrs import evolve
from ptproof.formal.layouts.dom0_mem import RESERVE, capped, parse_dom0_mem
from ptproof.formal.layouts.paging import X86_64
from ptproof.formal.machine.builder import XEN_AREA
from ptproof.proofs.limits import boots
from ptproof.proofs.limits.physmap_claims import p2m_checked

GIB = 1 << 30
LINUX = 2**64 - 2 * GIB
LARGE = {
    "virt_base": LINUX,
    "kernel_end": LINUX + GIB,
    "nr_pages": 1 << 27,
    "initrd_len": 5000,
}
"""A kernel of 1 GiB, and more memory than the p2m of the rest has entries for."""

RAISED = {
    "virt_base": 2**64 - (64 << 20),
    "kernel_end": 2**64 - (63 << 20),
    "nr_pages": 1 << 15,
    "initrd_len": 55 << 20,
}
"""As a real Xen 4.17.7 raised it: with -2800M of 3 GiB dom0 runs in 2 GiB, with max:128M Xen panics."""


def test_a_capped_boot_is_what_the_option_gives() -> None:
    """The option told has no absolute amount, gives the memory before the cap, and the cap is taken from there."""
    given, says = boots.capped_boot(X86_64, LARGE | {"min_pages": 512})
    option = parse_dom0_mem(says.split("dom0_mem=")[1].split(" ")[0])
    assert not option.amount.positive
    assert option.minimum.pages == 512
    assert option.nr_pages((1 << 27) + RESERVE) == 1 << 27 > given.nr_pages
    assert says == (
        "with dom0_mem=min:2M,max:512G and an initrd of 5000 bytes, "
        f"the cap turns 134217728 pages into {given.nr_pages}"
    )


def test_a_boot_whose_memory_is_raised_has_no_maximum() -> None:
    """Xen allocates nothing past a maximum: what is raised is told of a host that has it, and of an option without one."""
    given, says = boots.capped_boot(X86_64, RAISED)
    option = parse_dom0_mem(says.split("dom0_mem=")[1].split(" ")[0])
    assert given.nr_pages > RAISED["nr_pages"]
    assert option.nr_pages(given.nr_pages) == RAISED["nr_pages"]
    assert capped(evolve(given, nr_pages=RAISED["nr_pages"]), option, given.nr_pages) == given.nr_pages
    assert says == (
        "with dom0_mem=-1920M on a host that has 2G for dom0 and an initrd of 55 MiB, "
        "the cap turns 32768 pages into 524288"
    )


def test_a_boot_is_told_to_its_end() -> None:
    """What Xen makes of the memory comes after what is asked, and then how the boot ends."""
    small = {"virt_base": LINUX, "kernel_end": LINUX + (1 << 20), "nr_pages": 2048}
    assert boots.located(boots.ends_in_space)(small).says == (
        "with dom0_mem=8M and no initrd; the region ends 2044 MiB short of 2^64; "
        "Xen can allocate the region and builds it; in the end dom0 runs"
    )
    assert boots.located(boots.ends_in_space)(small | {"nr_pages": 1023}).says.endswith(
        "Xen refuses the boot: the region takes 1024 pages and the initrd 0, and dom0 has 1023"
    )


@pytest.mark.parametrize(
    ("pages", "asked", "holds"), [(1024, True, True), (1023, True, None), (1023, False, True)]
)
def test_a_boot_that_xen_gives_up_is_no_case(pages: int, asked: bool, holds: bool | None) -> None:
    """Of boots that Xen builds nothing is said by one that dom0's memory is too small for."""
    values = {"virt_base": LINUX, "kernel_end": LINUX + (1 << 20), "nr_pages": pages}
    given = boots.configuration(X86_64, values)
    assert boots.judged(given, "", boots.ends_in_space, builds=asked).holds is holds


@pytest.mark.parametrize(("pages", "holds"), [(2048, False), (1024, None)])
def test_a_p2m_without_room_is_no_case(pages: int, holds: bool | None) -> None:
    """Nor does a boot whose memory has no room for the p2m say anything of where a p2m may lie."""
    at = XEN_AREA["64"].end - (1 << 20)
    kernel = {"virt_base": LINUX, "kernel_start": LINUX, "kernel_end": LINUX + (1 << 20)}
    part = p2m_checked.parts[0]
    assert part.replay(kernel | {"nr_pages": pages, "init_p2m": at, "address": at}).holds is holds


def test_an_unaligned_region_takes_the_pages_that_xen_reckons() -> None:
    """A region that starts within a page takes the page that it starts in: its pages are rounded up."""
    inside = {"virt_base": LINUX - 0x800, "kernel_end": LINUX + (1 << 20), "nr_pages": 1024}
    assert "the region takes 2048 pages" in boots.located(boots.ends_in_space)(inside).says


def test_a_boot_too_large_is_not_judged() -> None:
    """What can't be arranged is not judged at all."""
    far = {"virt_base": 0, "kernel_end": 1 << 50, "nr_pages": 1 << 20}
    assert boots.located(boots.ends_in_space)(far).holds is None
