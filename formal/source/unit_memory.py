"""The memory that compiled pieces work on, on numbers: as the harness has it, executed a second time here.

What each place begins with hangs on a seed: an entry that leads to some frame, or none; and what Xen notes of a frame.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from attrs import define, field

from ..c.memory import CLEARED
from .compiled_units import AREA, FRAMES
from .summaries import XENS_ENTRIES

_MASK: Final = (1 << 64) - 1


def mixed(seed: int, place: int) -> int:
    """As the harness has it: what a place begins with hangs on it."""
    x = (seed * 0x9E3779B97F4A7C15 + place * 0xBF58476D1CE4E5B9 + 1) & _MASK
    x ^= x >> 31
    x = x * 0x94D049BB133111EB & _MASK
    return x ^ x >> 29


def _entry_at(seed: int, place: int) -> int:
    x = mixed(seed, place)
    return ((x >> 8) % FRAMES << 12 | (x >> 40 & 0xFFE) | 1) if x & 1 else 0


def _noted_at(seed: int, place: int) -> int:
    x = mixed(seed, place)
    return ((x >> 3 & 15) << 60 | (x >> 20 & 0xFFFF if x & 4 else 0)) if x & 3 else 0


@cache
def _sum_if_cleared(seed: int, frame: int) -> int:
    return sum(_summand(seed, place, 0) for place in range(512 * frame, 512 * frame + 512)) & _MASK


def _summand(seed: int, place: int, value: int) -> int:
    return 0 if value == _entry_at(seed, place) else mixed(value, place)


class Outside(Exception):
    """An address where there is no memory."""


def _place(address: int) -> int:
    """Which word of the memory an address is. Raises Outside."""
    if address % 8 or not AREA <= address < AREA + FRAMES * 4096:
        raise Outside
    return (address - AREA) // 8


@define(eq=False)
class Remembered:
    """Memory as it is after some stores: ``members`` are what is noted of frames, ``cells`` what is counted beside."""

    seed: int
    members: Sequence[str]
    cells: dict[str, int]
    words: dict[int, int] = field(factory=dict)
    cleared: dict[int, None] = field(factory=dict)
    noted: dict[tuple[str, int], int] = field(factory=dict)

    def first(self, member: str, address: int) -> int:
        """What is there before all stores. Raises Outside."""
        if member in self.cells:
            return self.cells[member]
        if not member:
            return _entry_at(self.seed, _place(address))
        if address >= FRAMES or member not in self.members:
            raise Outside
        return _noted_at(self.seed, FRAMES * 512 + FRAMES * self.members.index(member) + address)

    def store(self, member: str, address: int, value: int) -> None:
        """Write something. Raises Outside."""
        if member in self.cells:
            self.cells[member] = value
        elif member == CLEARED:
            frame = _place(address & -4096) // 512
            self.cleared[frame] = None
            self.words = {place: each for place, each in self.words.items() if place // 512 != frame}
        elif member == XENS_ENTRIES:
            for slot in range(508, 512):
                self.words[_place(address & -4096) + slot] = 0x5A5A
        elif member:
            self.first(member, address)
            self.noted[member, address] = value
        else:
            self.words[_place(address)] = value

    def total(self) -> int:
        """What tells one state of the frames from another."""
        found = 0
        for frame in self.cleared:
            found += _sum_if_cleared(self.seed, frame)
            found -= sum(_summand(self.seed, place, 0) for place in self.words if place // 512 == frame)
        return (found + sum(_summand(self.seed, place, each) for place, each in self.words.items())) & _MASK

    def noted_in(self) -> Iterator[int]:
        """What is noted of each frame in the end, member by member."""
        for member in self.members:
            for frame in range(FRAMES):
                yield self.noted.get((member, frame), self.first(member, frame))
