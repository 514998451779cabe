"""How much memory dom0 gets: Xen's option ``dom0_mem``, and the cap for kernels without INIT_P2M.

Amounts are in pages of 4 KiB and wrap at 2**64, as Xen's do. Of the host only the memory that is there for dom0
is known here: what Xen keeps for itself, for its own tables of vcpus and IOMMUs, is to be taken off before.

``ptproof.encodings.memory`` has the same arithmetic as formulas; this does it on numbers, and neither imports
the other.

Facts: DOMAIN.md section 6; ``parse_dom0_mem()``, ``parse_amt()``, ``get_memsize()``, ``default_nr_pages()`` and
``dom0_compute_nr_pages()`` in ``xen/arch/x86/dom0_build.c``, ``xen/lib/parse-size.c``, ``parse_params()`` in
``xen/common/kernel.c``, ``assign_pages()`` in ``xen/common/page_alloc.c`` (4.22); the parser before 4.12 (4.11).
"""

import re
from typing import Final

from attrs import field, frozen
from attrs.validators import ge, instance_of, le

from ..edge.errors import InputError
from .layout import ADDRESS_LIMIT, Configuration
from .paging import PAGE_SHIFT, PAGE_SIZE
from .xen_version import XenVersion

RESERVE: Final = (128 << 20) >> PAGE_SHIFT
"""The most that is kept from dom0 when it isn't told how much to take, in pages."""
RESERVE_SHIFT: Final = 4
"""The part of the memory that is kept, if that is less: a 16th."""

UNLIMITED: Final = (1 << 63) - 1
"""Dom0's maximum without one, in pages: the greatest signed number."""

_word = [instance_of(int), ge(0), le(ADDRESS_LIMIT - 1)]


@frozen
class Amount:
    """An amount of memory: ``pages`` and ``percent`` of what is there, or all that is there but so much."""

    pages: int = field(default=0, validator=_word)
    percent: int = field(default=0, validator=[instance_of(int), ge(0), le(99)])
    less: bool = False

    @property
    def positive(self) -> bool:
        """Whether an absolute amount is given, which is what Xen asks before it caps."""
        return not self.less and self.pages > 0

    @property
    def relative(self) -> bool:
        """Whether it depends on how much there is."""
        return self.less or self.percent > 0

    def of(self, available: int) -> int:
        """The amount in pages when so many are there; it wraps where more is taken off than there is."""
        pages = self.pages + (self.percent * available % ADDRESS_LIMIT) // 100
        return (available - pages if self.less else pages) % ADDRESS_LIMIT


@frozen
class Dom0Mem:
    """What ``dom0_mem`` says. Without an amount dom0 gets what is there, less a reserve.

    ``taken`` is the part of the option's value that Xen reads, and ``dropped`` what it doesn't: from the first fault
    on. ``strict`` is a Xen that knows percentages (4.12 and later): it gives the default also where the amount comes to
    nothing.
    """

    amount: Amount = Amount()
    minimum: Amount = Amount()
    maximum: Amount = Amount(UNLIMITED)
    taken: str = field(default="", eq=False, kw_only=True)
    dropped: str = field(default="", eq=False, kw_only=True)
    strict: bool = field(default=True, eq=False, kw_only=True)

    @property
    def relative(self) -> bool:
        """Whether it takes to know how much memory there is."""
        amounts = (self.amount, self.minimum, self.maximum)
        return self.amount == Amount() or any(each.relative for each in amounts)

    def nr_pages(self, available: int | None) -> int:
        """Dom0's memory in pages before the cap.

        ``available`` is what is there for it, in pages; ``None`` means enough, and then nothing may be relative
        to it.
        """
        there = ADDRESS_LIMIT - 1 if available is None else available
        asked = self.amount.of(there)
        if not asked and (self.strict or self.amount == Amount()):
            asked = there - min(there >> RESERVE_SHIFT, RESERVE)
        return min(max(asked, self.minimum.of(there)), self.maximum.of(there), there)


def parse_dom0_mem(text: str, version: XenVersion | None = None) -> Dom0Mem:
    """The option's value as Xen takes it: amounts separated by commas, one each with ``min:`` and ``max:``.

    An amount is a size, which counts KiB without a suffix; or ``N%``; or ``SIZE+N%``; with a ``-`` before it, all
    but that. Sizes are decimal, 0x… or 0…, with B, K, M, G or T. A later one of the same kind overrides. What is no
    amount is dropped, with all behind it; the amounts before it count. An option ends at a space, and where Xen has no
    more room for it.

    A ``version`` before 4.12, today's if none is given, takes the number that an amount begins with, 0 if there is none,
    and drops only what is behind that.

    >>> parse_dom0_mem("min:1G,4G").minimum.pages
    262144
    >>> parse_dom0_mem("4G,max=8G").dropped
    'max=8G'

    Raises:
        InputError: it is longer than any command line of Xen's.
    """
    if len(text) > _COMMAND_LINE:
        raise InputError(
            f"dom0_mem: expected amounts such as 4G, min:1G or max:8G, at most {_COMMAND_LINE} characters, "
            f"found {len(text)}"
        )
    strict = _knows(version, "percentages")
    longest = _LONGEST if _knows(version, "options of 127 characters") else _LONGEST_BEFORE
    value = text[:longest].partition(" ")[0]
    if not _knows(version, "T for TiB"):
        value = re.split(r"(?<=[0-9a-fA-F])[tT]", value)[0]
    amounts = {"": Amount(), "min:": Amount(), "max:": Amount(UNLIMITED)}
    at = taken = 0
    more = True
    while more:
        prefix = next((each for each in ("min:", "max:") if value.startswith(each, at)), "")
        found = _AMOUNT[strict].match(value, at + len(prefix))
        amount = found and _amount(found)
        if found is None or amount is None:
            break
        amounts[prefix] = amount
        taken = found.end()
        more = value.startswith(",", taken)
        at = taken + more
    return Dom0Mem(
        amount=amounts[""],
        minimum=amounts["min:"],
        maximum=amounts["max:"],
        taken=value[:taken],
        dropped=text[at:] or text[taken:],
        strict=strict,
    )


def what_is_dropped(option: Dom0Mem) -> str | None:
    """What Xen doesn't read of the option, and what it reads, in a sentence; ``None`` where it reads all."""
    for nth, part in enumerate(option.taken.split(",")):
        if not option.strict and not re.search("[0-9]", part):
            whole = (option.taken + option.dropped).split(",")[nth]
            return f"Xen reads {_shown(whole)} of dom0_mem as 0, and drops what is behind it."
    if not option.dropped:
        return None
    taken = f"reads {_shown(option.taken)} of dom0_mem" if option.taken else "reads nothing of dom0_mem"
    without = (
        "" if option.amount != Amount() else ", so without an amount dom0 gets all of the host but a reserve"
    )
    return (
        f"Xen {taken} and drops {_shown(option.dropped)}{without}: it takes amounts such as 4G, min:1G, max:8G, -512M"
        f"{', 25% or 1G+25%' if option.strict else ''}."
    )


def capped(configuration: Configuration, option: Dom0Mem, available: int | None) -> int:
    """Dom0's memory in pages for an image without INIT_P2M: not so much that the address space runs out.

    ``configuration`` is what boots, with the memory before the cap as its ``nr_pages``.
    """
    nr_pages = configuration.nr_pages
    least = option.minimum.of(available or 0) if option.minimum.positive else 0
    if configuration.init_p2m is not None or option.amount.positive or 0 < least >= nr_pages:
        return nr_pages
    start = configuration.virt_base
    entry = configuration.mode.p2m_entry
    end = _page_above(configuration.kernel.end)
    if not configuration.mod_start_pfn:
        end += _page_above(configuration.initrd_len)
    end %= ADDRESS_LIMIT
    reached = (end + nr_pages * entry) % ADDRESS_LIMIT
    if reached > start:
        reached = (reached + reached - start) % ADDRESS_LIMIT
    small = configuration.mode.bits < 64
    if reached > start and not (small and reached > 1 << 32):
        return nr_pages
    room = ((1 << 32 if small else 0) - end) % ADDRESS_LIMIT
    return max(room // (2 * entry), least)


def out_of_reach(nr_pages: int, option: Dom0Mem, available: int | None) -> str | None:
    """Why Xen can't give dom0 so many pages, which the cap may raise its memory to; ``None`` where it can.

    Xen makes the maximum the domain's own limit before the cap, and allocates nothing past that.
    """
    most = option.maximum.of(available or 0)
    if nr_pages > most:
        return f"Xen panics: it clips dom0's memory up, to {nr_pages} pages, and dom0_mem allows {most}."
    if available is not None and nr_pages > available:
        return f"Xen panics: it clips dom0's memory up, to {nr_pages} pages, and the host has {available}."
    return None


_COMMAND_LINE: Final = 1024
"""How much Xen keeps of its command line, in characters."""
_LONGEST: Final = 118
"""How long the value is that Xen has room for, in characters: 127 with the option's name ..."""
_LONGEST_BEFORE: Final = 90
"""... and 99 before 4.10."""
_SHIFTS: Final = {"b": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_SIZE: Final = r"(?P<{0}>0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)(?P<{0}_unit>[bkmgtBKMGT]?)"
_PERCENT: Final = _SIZE.format("percent") + "%"
_AMOUNT: Final = {
    True: re.compile(
        rf"(?P<less>-?)(?:{_PERCENT}|{_SIZE.format('size')}(?:\+{_PERCENT.replace('percent', 'part')})?)(?=,|\Z)"
    ),
    False: re.compile(rf"(?P<less>-?)(?:{_SIZE.format('size')}|(?P<no_digit>[bkmgtBKMGT]?))"),
}
"""What an amount is, to a strict Xen and to another."""


def _amount(found: re.Match[str]) -> Amount | None:
    """One amount; ``None`` for a percentage that Xen doesn't take. It reads that, too, as a size: ``50b%`` is 50%."""
    named = found.groupdict()
    percent = _number(
        named.get("percent") or named.get("part"), named.get("percent_unit") or named.get("part_unit"), 0
    )
    pages = _number(named["size"], named["size_unit"], 10) >> PAGE_SHIFT
    return None if percent > 99 else Amount(pages, percent, bool(named["less"]))


def _knows(version: XenVersion | None, what: str) -> bool:
    return version is None or version.knows(what)


def _number(digits: str | None, unit: str | None, default: int) -> int:
    """A size, without a unit shifted by ``default``; 0 without digits."""
    if not digits:
        return 0
    octal = digits[0] == "0" and digits[1:].isdigit()
    shift = _SHIFTS[unit.lower()] if unit else default
    return (int(digits, 8 if octal else 0) << shift) % ADDRESS_LIMIT


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _page_above(address: int) -> int:
    return (address + -address % PAGE_SIZE) % ADDRESS_LIMIT
