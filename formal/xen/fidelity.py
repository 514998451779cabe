"""Holds a boot of a real Xen against the model: the arrangement it printed, and its page-table frames in memory.

The frame machine numbers machine frames as it likes; Xen prints where dom0's allocation and its initrd really lie,
and with that each entry of the machine's tables is translated to what it has to be on the real machine. All
entries of every table frame are compared, in all bits; and for every frame of the allocation and of a mapped
initrd what Xen notes of it, its count_info and its type_info, which is what the asserts look at. A p2m of its own
is followed from the root; its frames come from Xen's heap, so which they are is learned, and only that none is
taken twice is checked.

Set apart are Xen's own slots of the root (and of a 32-bit guest's last L2): `XEN_SLOTS` names them, and
what can be said about them is checked: the linear mapping points to the root itself, and no other points
to a frame of dom0's.

Facts: ``init_xen_l4_slots()`` in Xen's ``xen/arch/x86/mm.c`` and the map of addresses in
``xen/arch/x86/include/asm/config.h`` (4.17); DOMAIN.md sections 4 and 11.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from attrs import Factory, define, frozen

from ..edge.errors import InputError
from ..layouts.arrangement import LABELS, printed_segments
from ..layouts.layout import Segment
from ..layouts.paging import PAGE_SHIFT, PAGE_SIZE
from ..logs.boot_log import Boot
from ..logs.boot_log_reader import read_boots
from ..machine.builder import INITRD_MFN, PRESENT, XEN_ENTRY, Domain, mfn_of, table_entries
from ..machine.loading import HEAP_MFN, LARGE, LARGE_MFN, Fate, Loaded
from ..machine.type_info import ALLOCATED, VALIDATED, table_type


class Memory(Protocol):
    """A machine's memory, or what was recorded of it. The frames are given as the first one's mfn and how many."""

    def frames(self, mfn: int, count: int) -> bytes:
        """The frames' contents."""

    def frame_info(self, mfn: int, count: int) -> bytes:
        """What Xen notes of them: two words each, count_info and type_info."""


XEN_SLOTS: Final = {
    256: "read-only machine-to-physical table",
    257: "PCI configuration space",
    258: "linear page tables",
    259: "shadow linear page tables",
    260: "per-domain mappings",
    261: "Xen's code, data and maps",
}
"""What Xen keeps in its slots of a 64-bit root; all above are the direct map."""
_DIRECT_MAP: Final = "direct map"
_ROOT_SLOTS: Final = range(256, 272)
_COMPAT_SLOTS: Final = range(0xF580_0000 >> 21 & 511, 512)
"""Xen's entries of a 32-bit guest's last L2, unless the guest lets its area start higher up."""
_COMPAT_TABLE: Final = "machine-to-physical table for 32-bit guests"
LARGE_FRAMES: Final = 512
"""The frames of a 2 MiB superpage."""
_LINEAR, _SHADOW_LINEAR = 258, 259
_LINEAR_FLAGS: Final = 0x63
_NO_EXECUTE: Final = 1 << 63
_MFN_BITS: Final = ((1 << 40) - 1) << PAGE_SHIFT


@frozen
class Difference:
    """Something that the model and real Xen have differently; ``where`` names it."""

    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.where}: expected {self.expected}, found {self.found}"


@frozen
class EntryDifference(Difference):
    """An entry that differs: ``frame`` counts from vpt_start, or is ``None`` in a table of a separate p2m."""

    frame: int | None
    level: int
    index: int


@frozen
class XenSlot:
    """An entry that is Xen's own: set apart, not compared."""

    frame: int
    index: int
    name: str
    value: int


@frozen(kw_only=True)
class Comparison:
    """The result of comparing one boot with the model.

    ``fate`` is what was predicted, ``seen`` what happened (``None``: nothing that is known). The counts are of
    what was compared: frames of the page tables, frames of a separate p2m's tables, entries of both, and frames
    with what Xen notes of them.
    """

    fate: Fate
    why: str
    seen: Fate | None
    differences: tuple[Difference, ...]
    frames: int = 0
    p2m_frames: int = 0
    entries: int = 0
    infos: int = 0
    overwritten: tuple[int, ...] = ()
    xen_slots: tuple[XenSlot, ...] = ()

    @property
    def verdict(self) -> str:
        """``agreed``, ``refused`` (by Xen, and so predicted) or ``differed``."""
        if self.differences:
            return "differed"
        return "agreed" if self.fate is Fate.RUNS else "refused"


def has_32_bit(text: str) -> bool:
    """Whether the Xen that said this takes 32-bit guests; it says so before it builds dom0."""
    return re.search(r"Xen +kernel: 64-bit, lsb, compat32", text) is not None


def fate_of(text: str) -> Fate | None:
    """What became of the boot, by what Xen said; ``None`` if it didn't say."""
    return next((fate for fate in Fate if any(words in text for words in fate.says)), None)


def compare(loaded: Loaded, text: str, memory: Memory) -> Comparison:
    """Hold what Xen said and what is in memory against the model."""
    seen = fate_of(text)
    boot = _boot(text)
    differences: list[Difference] = []
    if seen is not loaded.fate:
        expected = loaded.fate.value + (f" ({loaded.why})" if loaded.why else "")
        differences.append(Difference("the end", expected, seen.value if seen else "nothing that is known"))
    arranged = boot is not None and boot.total is not None
    if arranged != loaded.fate.arranged:
        known = ("no arrangement", "an arrangement")
        differences.append(Difference("the log", known[loaded.fate.arranged], known[arranged]))
    if boot is None or not arranged or not loaded.fate.arranged:
        return Comparison(fate=loaded.fate, why=loaded.why, seen=seen, differences=tuple(differences))
    differences += compare_arrangement(loaded, boot)
    found = _Frames(loaded, boot)
    if loaded.domain is not None and seen is loaded.fate:
        found.compare(memory)
    return Comparison(
        fate=loaded.fate,
        why=loaded.why,
        seen=seen,
        differences=(*differences, *found.differences),
        frames=found.frames,
        p2m_frames=found.p2m_frames,
        entries=found.entries,
        infos=found.infos,
        overwritten=tuple(sorted(loaded.overwritten)),
        xen_slots=tuple(found.xen_slots),
    )


def _boot(text: str) -> Boot | None:
    try:
        boots = read_boots(text, "the serial line")
    except InputError:
        return None
    return next((boot for boot in boots if boot.total is not None), boots[0])


def compare_arrangement(loaded: Loaded, boot: Boot) -> Iterator[Difference]:
    """What Xen printed otherwise than the machine arranged: segments, allocation, memory."""
    assert loaded.layout is not None
    foretold = printed_segments(loaded.layout)
    for name, label in LABELS.items():
        expected, found = foretold.get(name), boot.segment(name)
        if expected != found:
            yield Difference(label, _shown(expected), _shown(found))
    if boot.alloc is None or loaded.domain is None:
        return
    pages = boot.alloc.size >> PAGE_SHIFT
    if pages != loaded.domain.allocation:
        yield Difference("Dom0 alloc.", f"{loaded.domain.allocation} pages", f"{pages} pages")
    nr_pages = pages + loaded.configuration.initrd_pages + (boot.pages_to_be_allocated or 0)
    if nr_pages != loaded.configuration.nr_pages:
        yield Difference("dom0's memory", f"{loaded.configuration.nr_pages} pages", f"{nr_pages} pages")


def _shown(segment: Segment | None) -> str:
    return "nothing" if segment is None else f"{segment.start:016x}->{segment.end:016x}"


@define
class _Frames:
    """Compares frames of table entries, and learns which frames of Xen's heap stand for the machine's."""

    loaded: Loaded
    boot: Boot
    differences: list[Difference] = Factory(list)
    frames: int = 0
    p2m_frames: int = 0
    entries: int = 0
    infos: int = 0
    xen_slots: list[XenSlot] = Factory(list)
    heap: dict[int, int] = Factory(dict)
    """The real frame of each of the machine's heap frames that was met."""
    taken: set[int] = Factory(set)
    """The real frames that these are, those of superpages included."""
    waiting: list[tuple[int, int]] = Factory(list)
    """Tables of a separate p2m that were met and not yet compared: mfn and level."""

    @property
    def domain(self) -> Domain:
        """The machine's domain."""
        assert self.loaded.domain is not None
        return self.loaded.domain

    def compare(self, memory: Memory) -> None:
        """Compare the frames from vpt_start on, then those of a separate p2m's tables as they are met; then types."""
        if self.boot.alloc is None or (self.domain.initrd and self.boot.initrd_image is None):
            self.differences.append(Difference("the log", "where dom0's frames are", "no such line"))
            return
        dump = memory.frames(self._real(self.domain.pool_mfn), len(self.domain.order))
        for frame, level in enumerate(self.domain.order):
            if frame not in self.loaded.overwritten:
                found = array("Q", dump[frame * PAGE_SIZE : (frame + 1) * PAGE_SIZE])
                self._table(frame, level, table_entries(self.domain, frame), found)
                self.frames += 1
        while self.waiting:
            mfn, level = self.waiting.pop(0)
            self._table(None, level, self.loaded.heap[mfn], array("Q", memory.frames(self.heap[mfn], 1)))
            self.p2m_frames += 1
            noted = [ALLOCATED | 2, table_type(level) | VALIDATED | 1]
            self._infos(memory, self.heap[mfn], noted, f"the p2m's L{level}")
        self._all_infos(memory)

    def _all_infos(self, memory: Memory) -> None:
        """Compare what is noted of all frames of the allocation, and of a mapped initrd's."""
        domain = self.domain
        for first, count, area in (
            (domain.alloc_mfn, domain.allocation, "the allocation"),
            (INITRD_MFN, len(domain.initrd), "the initrd"),
        ):
            mfns = range(first, first + count)
            noted = [word for mfn in mfns for word in (domain.count_info[mfn], domain.type_info[mfn])]
            if noted:
                self._infos(memory, self._real(first), noted, area)

    def _infos(self, memory: Memory, mfn: int, noted: Sequence[int], area: str) -> None:
        """Compare count_info and type_info of frames side by side, the first being the real ``mfn``."""
        count = len(noted) // 2
        self.infos += count
        expected, found = array("Q", noted), array("Q", memory.frame_info(mfn, count))
        if expected == found:
            return
        for at, (wanted, real) in enumerate(zip(expected, found, strict=True)):
            if wanted != real:
                where = (
                    f"page {at // 2} of {area}, mfn {mfn + at // 2:#x}, {('count_info', 'type_info')[at % 2]}"
                )
                self.differences.append(Difference(where, f"{wanted:#x}", f"{real:#x}"))

    def _table(self, frame: int | None, level: int, expected: list[int], found: "array[int]") -> None:
        """Compare all entries of a table, Xen's own set apart."""
        for index, (machine, real) in enumerate(zip(expected, found, strict=True)):
            if machine == XEN_ENTRY and frame is not None:
                self._set_apart(frame, level, index, real)
                continue
            self.entries += 1
            if machine == real == 0:
                continue
            wanted = self._translated(machine, real, level)
            if wanted != real:
                self._differs(frame, level, index, _shown_entry(machine, wanted), _shown_entry(real, real))

    def _translated(self, machine: int, real: int, level: int) -> int | None:
        """What the machine's entry has to be on the real machine; ``None`` if no real frame can be what it is."""
        mfn = mfn_of(machine)
        if not machine & PRESENT:
            return machine
        if mfn >= HEAP_MFN and mfn not in self.heap:
            if not self._learn(mfn, real):
                return None
            if mfn in self.loaded.heap:
                self.waiting.append((mfn, level - 1))
        return machine & ~_MFN_BITS | self._real(mfn) << PAGE_SHIFT

    def _real(self, mfn: int) -> int:
        """The real frame that one of the machine's is."""
        if mfn >= HEAP_MFN:
            return self.heap[mfn]
        if self.boot.initrd_image is not None and 0 <= mfn - INITRD_MFN < len(self.domain.initrd):
            return (self.boot.initrd_image.start >> PAGE_SHIFT) + mfn - INITRD_MFN
        assert self.boot.alloc is not None
        return (self.boot.alloc.start >> PAGE_SHIFT) + mfn - self.domain.alloc_mfn

    def _learn(self, mfn: int, real: int) -> bool:
        """Take the real entry's frame for one of the heap's, if it can be one."""
        first = mfn_of(real)
        frames = range(first, first + (LARGE_FRAMES if mfn >= LARGE_MFN else 1))
        if not real & PRESENT or (real & LARGE and first % LARGE_FRAMES):
            return False
        if any(frame in self.taken or self._is_dom0s(frame) for frame in (frames[0], frames[-1])):
            return False
        self.heap[mfn] = first
        self.taken.update(frames)
        return True

    def _is_dom0s(self, mfn: int) -> bool:
        """Whether a real frame is of dom0's allocation, or of its initrd."""
        areas = (self.boot.alloc, self.boot.initrd_image)
        return any(area is not None and area.start <= mfn << PAGE_SHIFT < area.end for area in areas)

    def _set_apart(self, frame: int, level: int, index: int, real: int) -> None:
        """Keep an entry that is Xen's own, and look whether it is one that Xen may have there."""
        is_root = level == len(self.domain.mode.levels)
        if index not in (_ROOT_SLOTS if is_root else _COMPAT_SLOTS):
            self._differs(
                frame, level, index, "an entry of Xen's own", f"{real:#x}, in no slot that is Xen's"
            )
            return
        name = XEN_SLOTS.get(index, _DIRECT_MAP) if is_root else _COMPAT_TABLE
        self.xen_slots.append(XenSlot(frame, index, name, real))
        if is_root and index == _LINEAR:
            wanted = self._real(self.domain.pool_mfn) << PAGE_SHIFT | _LINEAR_FLAGS
            if real & ~_NO_EXECUTE != wanted:
                self._differs(frame, level, index, f"{wanted:#x}, the root itself", f"{real:#x}")
        elif is_root and index == _SHADOW_LINEAR:
            if real:
                self._differs(frame, level, index, "0", f"{real:#x}")
        elif real & PRESENT and self._is_dom0s(mfn_of(real)):
            self._differs(frame, level, index, f"no frame of dom0's, {name}", f"{real:#x}")

    def _differs(self, frame: int | None, level: int, index: int, expected: str, found: str) -> None:
        name = "a table of the p2m" if frame is None else f"frame {frame}"
        where = f"{name}, L{level}, entry {index}"
        self.differences.append(EntryDifference(where, expected, found, frame, level, index))


def _shown_entry(machine: int, entry: int | None) -> str:
    """An entry with its frame; ``None`` is one whose frame is not to be known."""
    if entry is None:
        return f"a frame of its own with flags {machine & ~_MFN_BITS:#x}"
    return f"{entry:#x}"
