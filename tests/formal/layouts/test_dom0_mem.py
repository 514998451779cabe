"""Xen's option dom0_mem: what it may say, and how much memory that is."""

from typing import Any

import pytest
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.dom0_mem import UNLIMITED, Amount, Dom0Mem, capped, out_of_reach, parse_dom0_mem
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, X86_64

GIB = 1 << 18
"""A GiB in pages."""
TOP = ADDRESS_LIMIT - (2 << 30)


@pytest.mark.parametrize(
    ("text", "amount", "minimum", "maximum"),
    [
        ("4G", Amount(4 * GIB), Amount(), Amount(UNLIMITED)),
        ("min:1G,2G", Amount(2 * GIB), Amount(GIB), Amount(UNLIMITED)),
        ("max:8G,min:1G", Amount(), Amount(GIB), Amount(8 * GIB)),
        ("-512M", Amount(GIB // 2, less=True), Amount(), Amount(UNLIMITED)),
        ("25%", Amount(percent=25), Amount(), Amount(UNLIMITED)),
        ("1G+10%,max:-1G", Amount(GIB, 10), Amount(), Amount(GIB, less=True)),
        ("-1G+99%", Amount(GIB, 99, less=True), Amount(), Amount(UNLIMITED)),
        ("1G,2G,min:1G,min:2G", Amount(2 * GIB), Amount(2 * GIB), Amount(UNLIMITED)),
        ("50b%", Amount(percent=50), Amount(), Amount(UNLIMITED)),
        ("1G+50B%", Amount(GIB, 50), Amount(), Amount(UNLIMITED)),
        ("0x10%", Amount(percent=16), Amount(), Amount(UNLIMITED)),
        ("4095B", Amount(0), Amount(), Amount(UNLIMITED)),
    ],
)
def test_what_it_may_say(text: str, amount: Amount, minimum: Amount, maximum: Amount) -> None:
    """An amount, a minimum and a maximum, each a size, a percentage or both, or what is left without that."""
    assert parse_dom0_mem(text) == Dom0Mem(amount, minimum, maximum)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ",",
            "4G,",
            ",4G",
            "4G 5G",
            "G",
            "min:",
            "max:,1G",
            "mid:1G",
            "Min:1G",
            "1.5G",
            "4GB",
            "+4G",
            "--4G",
        ),
        *(
            "100%",
            "5%+1G",
            "1G+2G",
            "1G+",
            "+5%",
            "1G+5%+5%",
            "5%5%",
            "1K%",
            "08",
            "0x",
            "0xg",
            "1P",
            "%",
            "-",
            "9" * 5000,
        ),
    ],
)
def test_what_xen_refuses(text: str) -> None:
    """What Xen's parser refuses is refused, in one line that isn't long."""
    with pytest.raises(InputError, match=r"^dom0_mem: expected amounts such as") as refused:
        parse_dom0_mem(text)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("text", "available", "nr_pages"),
    [
        ("4G", None, 4 * GIB),
        ("4G", 8 * GIB, 4 * GIB),
        ("4G", 2 * GIB, 2 * GIB),
        ("min:3G,2G", None, 3 * GIB),
        ("max:1G,2G", None, GIB),
        ("min:3G,max:1G,2G", None, GIB),
        ("-1G", 8 * GIB, 7 * GIB),
        ("-8G", 8 * GIB, 8 * GIB - (GIB >> 3)),  # nothing asked for is the default
        ("-9G", 8 * GIB, 8 * GIB),  # it wraps to more than there is
        ("25%", 8 * GIB, 2 * GIB),
        ("1G+25%", 256 * GIB, 65 * GIB),
        ("-1G+25%", 8 * GIB, 5 * GIB),
        ("max:-1G", 8 * GIB, 7 * GIB),
        ("min:50%,1G", 8 * GIB, 4 * GIB),
        ("max:9G", 8 * GIB, 8 * GIB - (GIB >> 3)),  # 128 MiB are kept
        ("max:9G", GIB, GIB - (GIB >> 4)),  # or a 16th, if that is less
    ],
)
def test_how_much_that_is(text: str, available: int | None, nr_pages: int) -> None:
    """The amount, at least the minimum, then at most the maximum and what is there."""
    assert parse_dom0_mem(text).nr_pages(available) == nr_pages


@pytest.mark.parametrize(
    ("text", "relative"),
    [
        ("4G", False),
        ("min:1G,4G", False),
        ("min:1G", True),
        ("0", True),
        ("5%", True),
        ("4G,max:-1G", True),
        ("4G,min:1%", True),
    ],
)
def test_what_depends_on_the_host(text: str, relative: bool) -> None:
    """Percentages, amounts less than all, and no amount at all need the host's memory to be known."""
    assert parse_dom0_mem(text).relative is relative


def kernel(nr_pages: int, initrd_len: int = 0, **changes: Any) -> Configuration:
    """A kernel of 16 MiB at -2 GiB."""
    given = {"virt_base": TOP, "kernel": Segment(TOP, TOP + (16 << 20)), **changes}
    return Configuration(nr_pages=nr_pages, initrd_len=initrd_len, **given)


NO_AMOUNT = Dom0Mem()
MOST = ((2 << 30) - (16 << 20)) // 16
"""Half of what is left of 2 GiB, in entries of the p2m."""


def test_the_cap() -> None:
    """Memory whose p2m would take more than about half of what is left of the address space is clipped."""
    assert capped(kernel(MOST), NO_AMOUNT, None) == MOST
    assert capped(kernel(600 * GIB), NO_AMOUNT, None) == MOST


def test_the_cap_can_raise() -> None:
    """With 1.1 GiB of kernel and initrd the doubled end wraps, and what fits is more than what was asked for."""
    found = capped(kernel(64 * GIB, (11 << 30) // 10), NO_AMOUNT, None)
    assert 225 * GIB < found < 231 * GIB


@pytest.mark.parametrize(
    ("text", "available", "says"),
    [
        ("max:2G", 4 * GIB, "to 524289 pages, and dom0_mem allows 524288"),
        ("max:-2G", 4 * GIB, "to 524289 pages, and dom0_mem allows 524288"),
        ("-3G", 2 * GIB, "to 524289 pages, and the host has 524288"),
        ("max:3G", 4 * GIB, None),
        ("-3G", 4 * GIB, None),
        ("max:3G", None, None),
    ],
)
def test_what_is_raised_has_to_be_there(text: str, available: int | None, says: str | None) -> None:
    """Xen gives dom0 no more than the maximum, and no more than there is, whatever the cap makes of it."""
    found = out_of_reach(2 * GIB + 1, parse_dom0_mem(text), available)
    assert found == (f"Xen panics: it clips dom0's memory up, {says}." if says else None)


@pytest.mark.parametrize(
    ("configuration", "text", "nr_pages"),
    [
        (kernel(600 * GIB), "600G", 600 * GIB),
        (kernel(600 * GIB, init_p2m=1 << 39), "min:1G", 600 * GIB),
        (kernel(600 * GIB), "min:600G", 600 * GIB),
        (kernel(600 * GIB), "min:1G", MOST),
        (kernel(600 * GIB), "min:550G", 550 * GIB),
        (kernel(600 * GIB), "-1G", MOST),
        (kernel(64 * GIB, 3 << 30, mod_start_pfn=True), "max:1T", 64 * GIB),
    ],
    ids=["amount", "INIT_P2M", "no more than the minimum", "minimum", "raised", "not positive", "not mapped"],
)
def test_where_the_cap_applies(configuration: Configuration, text: str, nr_pages: int) -> None:
    """No cap for an absolute amount, with INIT_P2M, or at the minimum; clipped memory is at least the minimum."""
    assert capped(configuration, parse_dom0_mem(text), 700 * GIB) == nr_pages


def test_the_cap_of_a_32_bit_guest() -> None:
    """A 32-bit guest's address space ends at 4 GiB, an entry takes 4 bytes, and an ignored INIT_P2M still counts."""
    base = 0xC000_0000
    given: dict[str, Any] = {"mode": COMPAT, "virt_base": base, "kernel": Segment(base, base + (16 << 20))}
    most = ((1 << 30) - (16 << 20)) // 8
    assert capped(kernel(most, **given), NO_AMOUNT, None) == most
    assert capped(kernel(most + 2048, **given), NO_AMOUNT, None) == most
    assert capped(kernel(most + 2048, **given, init_p2m=1 << 39), NO_AMOUNT, None) == most + 2048
    assert capped(kernel(most + 2048, **{**given, "mode": X86_64}), NO_AMOUNT, None) == most + 2048
