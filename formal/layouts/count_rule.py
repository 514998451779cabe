"""A counting rule of some Xen version, as the readers of logs see it.

The rules themselves are encodings; they reach this package only through the entry-point group
``ptproof.count_rules``, so that somebody else's can be plugged in.
"""

from collections.abc import Callable
from importlib.metadata import entry_points

from attrs import frozen

from .paging import PagingMode

GROUP = "ptproof.count_rules"

Version = tuple[int, ...]
"""A version of Xen, such as (4, 17, 5); a shorter one stands for all that it begins."""
Versions = tuple[Version, Version]
"""The oldest and the newest of a range, both included."""


@frozen
class CountRule:
    """How one generation of Xen finds ``nr_pt_pages``.

    ``name`` is short and stable; ``carried_by`` tells the versions to people, and ``versions`` has them as
    ranges, both ends included (none of them: any version). ``mode`` is the paging mode it is for;
    ``nr_pt_pages(v_start, vpt_start)`` gives the count in frames from two addresses, or ``None`` where
    that Xen's search doesn't end in any time that matters; ``v_end(vpt_start, nr_pt_pages)`` is the end of
    the region, an address modulo 2**64; ``consumed(v_start, v_end)`` is how many frames its builder takes for a region, if that is known.
    A rule that was not ``released`` is in no log.
    """

    name: str
    carried_by: str
    mode: PagingMode
    current: bool
    nr_pt_pages: Callable[[int, int], int | None]
    v_end: Callable[[int, int], int]
    released: bool = True
    versions: tuple[Versions, ...] = ()
    consumed: Callable[[int, int], int] | None = None

    def may_be_of(self, versions: Versions) -> bool:
        """Whether some version in the range has this rule."""
        return not self.versions or any(may_be_of(each, versions) for each in self.versions)


def may_be_of(these: Versions, those: Versions) -> bool:
    """Whether two ranges have a version in common."""
    return _reaches(these[1], those[0]) and _reaches(those[1], these[0])


def _reaches(high: Version, low: Version) -> bool:
    """Whether some version that begins with ``high`` is at or above one that begins with ``low``."""
    length = min(len(high), len(low))
    return high[:length] >= low[:length]


def count_rules() -> tuple[CountRule, ...]:
    """Every installed rule: today's first, then older ones, newest first."""
    found = [rule for entry in entry_points(group=GROUP) for rule in entry.load()]
    return tuple(sorted(found, key=lambda rule: not rule.current))
