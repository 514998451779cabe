"""Boots a kernel file as it is, packed or not, on a real Xen: what Xen makes of the file itself.

`booting` boots a copy that spins at its entry, whose tables stay as Xen built them; but that copy is unpacked here, by
the rules of `packing_rules`. So the file itself is booted first: whether Xen unpacks and takes it, and how it lays it
out, is compared with what the rules foretell. Once dom0 runs the machine stands still.
"""

import re
import time
from collections.abc import Callable
from typing import Final

from attrs import evolve, frozen

from ..edge.errors import InputError
from ..images.elf_file import Data
from ..images.image import Image, parse_image
from ..images.kernel_payload import RefusedPacking
from ..images.packing_rules import NO_ROOM
from ..layouts.layout import Configuration, Segment
from ..machine.loading import Fate
from .booting import expected, memory_for
from .fidelity import Difference, compare, fate_of
from .real_xen import MOST_MEMORY, Programs, TimedOut, machine_memory, running

_ALLOCATION: Final = 1 << 10
_PANIC: Final = re.compile(r"Panic on CPU \d+:\n\(XEN\) (.+)")


class _NoMemory:
    """Stands for a memory that nothing is read of: dom0 has run, and may have changed it."""

    def frames(self, _mfn: int, _count: int) -> bytes:
        """As `fidelity.Memory`."""
        raise AssertionError

    frame_info = frames


@frozen
class AsItIs:
    """The outcome: what Xen said, why it had to be refused if it had, and what differs from that."""

    text: str
    seconds: float
    refusal: str | None
    differences: tuple[Difference, ...]

    @property
    def end(self) -> str:
        """What became of it, in words: Xen's, where it died."""
        panic = _PANIC.search(self.text)
        fate = fate_of(self.text)
        if panic is not None and fate is not Fate.RUNS:
            return f'Xen panics: "{panic[1]}"'
        return fate.value if fate else "no known end"


def as_in_xen(configuration: Configuration) -> Configuration:
    """What today's Xen makes of a configuration: what it is."""
    return configuration


def boot_as_it_is(
    found: Programs,
    data: Data,
    source: str,
    *,
    nr_pages: int,
    initrd_len: int,
    asked: Callable[[Configuration], Configuration] = as_in_xen,
) -> tuple[AsItIs, Image | None]:
    """Boot the file with so many pages for dom0; the image comes with it unless it is refused.

    A Xen that was changed makes of a configuration what is ``asked``.

    Raises:
        InputError: it can't be booted: it needs more memory than a machine here gets.
    """
    image, refusal, words = None, None, ""
    try:
        image = parse_image(data, source)
    except RefusedPacking as error:
        refusal, words = str(error), error.words
    except InputError as error:
        refusal = str(error)
    given = None if image is None else asked(image.configuration(nr_pages, initrd_len))
    memory, room = _memory(image, given, nr_pages, len(data) + initrd_len)
    if image is not None and not room:
        image, given, words = None, None, NO_ROOM
        refusal = f"{source}: Xen needs more memory in one piece to unpack it than the {memory:#x} bytes of this machine"
    started = time.monotonic()
    with running(found, bytes(data), nr_pages=nr_pages, memory=memory, initrd_len=initrd_len) as machine:
        late: tuple[Difference, ...] = ()
        try:
            machine.run_to_the_end(may_hang=True)
        except TimedOut as error:
            late = (Difference("the end", "an end", str(error)),)
        text = machine.text
    seconds = time.monotonic() - started
    differences = late or (
        _refused(text, refusal or "", words) if image is None or given is None else _taken(image, given, text)
    )
    return AsItIs(text, seconds, refusal, differences), image


def _memory(
    image: Image | None, configuration: Configuration | None, nr_pages: int, modules: int
) -> tuple[int, bool]:
    """The machine's memory, in bytes, and whether Xen has room in it to unpack the image."""
    if image is None or configuration is None:
        memory = machine_memory(nr_pages, _ALLOCATION, modules)
        if memory is None:
            raise InputError(f"this can't be booted here: dom0 has {nr_pages} pages")
        return memory, True
    memory = memory_for(configuration, modules)
    if memory + image.needs <= MOST_MEMORY:
        return memory_for(configuration, modules + image.needs), True
    return memory, image.needs < memory


def _refused(text: str, refusal: str, words: str) -> tuple[Difference, ...]:
    """What differs where the file is refused here: that Xen takes it, or says something else."""
    seen = fate_of(text)
    if seen is Fate.RUNS:
        return (Difference("the end", f"refused ({refusal})", seen.value),)
    if words and words not in text and (NO_ROOM not in text or words == NO_ROOM):
        return (Difference("what Xen prints", words, "something else"),)
    return ()


def _taken(image: Image, configuration: Configuration, text: str) -> tuple[Difference, ...]:
    """What differs where it is taken here: the end, and the arrangement."""
    written = (Segment(image.virt_kstart.value, image.virt_kend.value),)
    loaded = expected(configuration, written, with_32_bit="compat32" in text)
    return compare(evolve(loaded, domain=None), text, _NoMemory()).differences
