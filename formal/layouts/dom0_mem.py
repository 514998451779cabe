"""How much memory dom0 gets: Xen's option ``dom0_mem``, and the cap for kernels without INIT_P2M.

Amounts are in pages of 4 KiB and wrap at 2**64, as Xen's do. Of the host only the memory that is there for dom0
is known here: what Xen keeps for itself, for its own tables of vcpus and IOMMUs, is to be taken off before.

``ptproof.encodings.memory`` has the same arithmetic as formulas; this does it on numbers, and neither imports
the other.

Facts: DOMAIN.md section 6; ``parse_amt()``, ``get_memsize()``, ``default_nr_pages()`` and
``dom0_compute_nr_pages()`` in ``xen/arch/x86/dom0_build.c``, ``xen/lib/parse-size.c``, ``assign_pages()`` in
``xen/common/page_alloc.c`` (4.22).
"""

import re
from typing import Final

from attrs import field, frozen
from attrs.validators import ge, instance_of, le

from ..edge.errors import InputError
from .layout import ADDRESS_LIMIT, Configuration
from .paging import PAGE_SHIFT, PAGE_SIZE

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
    """What ``dom0_mem`` says. Without an amount dom0 gets what is there, less a reserve."""

    amount: Amount = Amount()
    minimum: Amount = Amount()
    maximum: Amount = Amount(UNLIMITED)

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
        asked = self.amount.of(there) or there - min(there >> RESERVE_SHIFT, RESERVE)
        return min(max(asked, self.minimum.of(there)), self.maximum.of(there), there)


def parse_dom0_mem(text: str) -> Dom0Mem:
    """The option's value as Xen takes it: amounts separated by commas, one each with ``min:`` and ``max:``.

    An amount is a size, which counts KiB without a suffix; or ``N%``; or ``SIZE+N%``; with a ``-`` before it, all
    but that. Sizes are decimal, 0x… or 0…, with B, K, M, G or T. A later one of the same kind overrides.

    >>> parse_dom0_mem("min:1G,4G").minimum.pages
    262144

    Raises:
        InputError: Xen would refuse it.
    """
    if len(text) > _LONGEST:
        raise _refused(text, text)
    amounts = {"": Amount(), "min:": Amount(), "max:": Amount(UNLIMITED)}
    for part in text.split(","):
        prefix = next((each for each in ("min:", "max:") if part.startswith(each)), "")
        amounts[prefix] = _amount(part.removeprefix(prefix), text)
    return Dom0Mem(amounts[""], amounts["min:"], amounts["max:"])


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


_SIZE: Final = re.compile(r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)([bkmgtBKMGT]?)")
_LONGEST: Final = 200
_SHIFTS: Final = {"b": 0, "": 10, "k": 10, "m": 20, "g": 30, "t": 40}
_BYTES: Final = ("", "b", "B")
"""The suffixes that leave a percentage as it is: Xen reads it by the parser of sizes, so ``50b%`` is 50%."""


def _amount(text: str, option: str) -> Amount:
    """One amount; ``option`` is the whole that it is a part of."""
    less = text.startswith("-")
    parts = text.removeprefix("-").split("+")
    pages = percent = 0
    if not parts[0].endswith("%"):
        found = _SIZE.fullmatch(parts.pop(0))
        if not found:
            raise _refused(text, option)
        pages = (_number(found[1]) << _SHIFTS[found[2].lower()]) % ADDRESS_LIMIT >> PAGE_SHIFT
    if parts:
        found = _SIZE.fullmatch(parts[0].removesuffix("%"))
        if (
            len(parts) > 1
            or not parts[0].endswith("%")
            or not found
            or found[2] not in _BYTES
            or _number(found[1]) > 99
        ):
            raise _refused(text, option)
        percent = _number(found[1])
    return Amount(pages, percent, less)


def _number(digits: str) -> int:
    octal = digits[0] == "0" and digits[1:].isdigit()
    return int(digits, 8 if octal else 0) % ADDRESS_LIMIT


def _refused(text: str, option: str) -> InputError:
    shown = option if len(option) <= 60 else f"{option[:57]}..."
    return InputError(
        f"dom0_mem: expected amounts such as 4G, min:1G, max:8G, -512M, 25% or 1G+25%, found {text[:60]!r} in {shown!r}"
    )


def _page_above(address: int) -> int:
    return (address + -address % PAGE_SIZE) % ADDRESS_LIMIT
