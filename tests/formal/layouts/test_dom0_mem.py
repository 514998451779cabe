"""Xen's option dom0_mem: what it may say, and how much memory that is."""

from typing import Any

import pytest
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.dom0_mem import (
    UNLIMITED,
    Amount,
    Dom0Mem,
    capped,
    out_of_reach,
    parse_dom0_mem,
    what_is_dropped,
)
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, X86_64
from ptproof.formal.layouts.xen_version import asked_version

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
    ("text", "taken", "dropped"),
    [
        ("1024M,max=1024M", Dom0Mem(Amount(GIB)), "max=1024M"),
        ("320M,min=320M,max=320M", Dom0Mem(Amount(320 << 8)), "min=320M,max=320M"),
        ("max=64M", Dom0Mem(), "max=64M"),
        ("64MB", Dom0Mem(), "64MB"),
        ("64M,max:", Dom0Mem(Amount(64 << 8)), "max:"),
        ("4G,max:x", Dom0Mem(Amount(4 * GIB)), "max:x"),
        ("4G,max:8G,junk,min:1G", Dom0Mem(Amount(4 * GIB), maximum=Amount(8 * GIB)), "junk,min:1G"),
        ("min:1G,4GB", Dom0Mem(minimum=Amount(GIB)), "4GB"),
        ("4G,", Dom0Mem(Amount(4 * GIB)), ","),
        ("4G,,8G", Dom0Mem(Amount(4 * GIB)), ",8G"),
        ("4G 5G", Dom0Mem(Amount(4 * GIB)), " 5G"),
        ("1G,5%+1G", Dom0Mem(Amount(GIB)), "5%+1G"),
        ("1G,max:1G+5%+5%", Dom0Mem(Amount(GIB)), "max:1G+5%+5%"),
        ("0K%", Dom0Mem(), ""),
        ("2G,", Dom0Mem(Amount(2 * GIB)), ","),
        *(
            (text, Dom0Mem(), text)
            for text in (
                *(
                    ",",
                    ",4G",
                    "G",
                    "min:",
                    "max:,1G",
                    "mid:1G",
                    "Min:1G",
                    "1.5G",
                    "4GB",
                    "+4G",
                    "--4G",
                    "100%",
                ),
                *(
                    "1G+2G",
                    "1G+",
                    "+5%",
                    "5%5%",
                    "1K%",
                    "08",
                    "0x",
                    "0xg",
                    "1P",
                    "%",
                    "-",
                    "1G;2G",
                    "\u0664G",
                ),
            )
        ),
    ],
)
def test_what_xen_drops(text: str, taken: Dom0Mem, dropped: str) -> None:
    """Xen keeps the amounts that it read before the fault, and what it drops is told in one line."""
    option = parse_dom0_mem(text)
    assert (option, option.dropped) == (taken, dropped)
    told = what_is_dropped(option)
    assert (told is None) is (not dropped)
    assert told is None or (repr(dropped) in told and len(told.splitlines()) == 1)


def test_without_an_amount_it_is_told_what_dom0_gets() -> None:
    """Who writes max=64M gets the whole host; who writes another amount first doesn't."""
    assert what_is_dropped(parse_dom0_mem("max=64M")) == (
        "Xen reads nothing of dom0_mem and drops 'max=64M', so without an amount dom0 gets all of the host but a "
        "reserve: it takes amounts such as 4G, min:1G, max:8G, -512M, 25% or 1G+25%."
    )
    assert "all of the host" in (what_is_dropped(parse_dom0_mem("min:1G,4GB")) or "")
    assert "all of the host" not in (what_is_dropped(parse_dom0_mem("4G,max=8G")) or "")


def test_an_option_that_is_too_long_is_cut() -> None:
    """Xen has room for 127 characters, the option's name among them; before 4.10 for 99."""
    text = "1G," * 38 + "4096M,5G"
    assert parse_dom0_mem(text) == Dom0Mem(Amount(4096 >> 2))
    assert parse_dom0_mem(text).dropped == "M,5G"
    assert parse_dom0_mem("1G," * 29 + "4096M", asked_version("xen-4.9", 64)) == Dom0Mem(Amount(409 >> 2))
    told = what_is_dropped(parse_dom0_mem("9" * 1000))
    assert told is not None
    assert len(told) < 300
    with pytest.raises(InputError, match=r"^dom0_mem: expected .*, at most 1024 characters, found 5000$"):
        parse_dom0_mem("9" * 5000)


@pytest.mark.parametrize(
    ("release", "text", "taken", "told"),
    [
        ("4.11", "64MB", Dom0Mem(Amount(64 << 8)), "reads '64M' of dom0_mem and drops 'B'"),
        ("4.11", "max=64M", Dom0Mem(), "reads 'max=64M' of dom0_mem as 0"),
        ("4.11", "4G,max=8G", Dom0Mem(), "reads 'max=8G' of dom0_mem as 0"),
        ("4.11", "4G,max:x", Dom0Mem(Amount(4 * GIB), maximum=Amount()), "reads 'max:x' of dom0_mem as 0"),
        ("4.11", "25%", Dom0Mem(Amount(25 >> 2)), "reads '25' of dom0_mem and drops '%'"),
        ("4.12", "25%", Dom0Mem(Amount(percent=25)), None),
        ("4.11", "4G,", Dom0Mem(), "reads '' of dom0_mem as 0"),
        ("4.11", "M,1G", Dom0Mem(Amount(GIB)), "reads 'M' of dom0_mem as 0"),
        ("4.5", "1T", Dom0Mem(Amount(1 << 28)), None),
        ("4.4", "1T,2G", Dom0Mem(Amount(0)), "drops 'T,2G'"),
        ("4.0.0", "-1G,max:2G", Dom0Mem(Amount(GIB, less=True), maximum=Amount(2 * GIB)), None),
    ],
)
def test_how_older_xens_read(release: str, text: str, taken: Dom0Mem, told: str | None) -> None:
    """Before 4.12 a number counts whatever is behind it, and where there is none that is 0; 4.5 brought T."""
    option = parse_dom0_mem(text, asked_version(f"xen-{release}", 64))
    assert option == taken
    said = what_is_dropped(option)
    assert (said is None) if told is None else (said is not None and told in said)


def test_an_amount_that_comes_to_nothing() -> None:
    """Today's Xen gives the default then, as without an amount; one before 4.12 gives nothing."""
    assert parse_dom0_mem("-8G").nr_pages(8 * GIB) == 8 * GIB - (GIB >> 3)
    assert parse_dom0_mem("-8G", asked_version("xen-4.11", 64)).nr_pages(8 * GIB) == 0
    assert parse_dom0_mem("0", asked_version("xen-4.11", 64)).nr_pages(8 * GIB) == 8 * GIB - (GIB >> 3)


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
