"""Boots a configuration on a real Xen and holds what happens against the model: the two halves brought together.

What the boot left can be kept as a `Recording`, so that the comparison can be made again without a QEMU.
"""

import time
from collections.abc import Callable, Sequence
from threading import Event

from attrs import evolve, field, frozen

from ..edge.errors import InputError
from ..images.elf_file import Data, read_elf
from ..images.image import Image, parse_image
from ..images.image_writer import SPIN, image_of
from ..images.kernel_payload import payload
from ..images.packing_rules import UNPACKED_LIMIT
from ..layouts.layout import ADDRESS_LIMIT, Configuration, Layout, Segment
from ..machine.arrange import TooLarge, arrange
from ..machine.builder import Domain, ImpossibleLayout, empty_domain
from ..machine.loading import Fate, Loaded, Unmodelled, build_tables, load
from ..machine.refusals import AT_ONCE
from .fidelity import Comparison, Difference, compare, has_32_bit
from .real_xen import MOST_MEMORY, Machine, Programs, TimedOut, machine_memory, running


@frozen
class Kernel:
    """An image to boot, which spins at its entry, and the parts of its region that it fills."""

    image: bytes
    written: tuple[Segment, ...]


@frozen(kw_only=True)
class Recording:
    """What a boot left: what Xen said, and what was read of the machine frames.

    Each reading is kept by the frames that it was of: the first one's mfn, and how many.
    """

    configuration: Configuration
    written: tuple[Segment, ...]
    text: str
    contents: dict[tuple[int, int], bytes] = field(factory=dict, repr=False)
    infos: dict[tuple[int, int], bytes] = field(factory=dict, repr=False)

    def frames(self, mfn: int, count: int) -> bytes:
        """As `fidelity.Memory`. Raises `KeyError` for frames that weren't read so."""
        return self.contents[mfn, count]

    def frame_info(self, mfn: int, count: int) -> bytes:
        """As `fidelity.Memory`. Raises `KeyError` for frames that weren't read so."""
        return self.infos[mfn, count]


@frozen
class _Recorder:
    """Reads a machine's memory and keeps what it read."""

    machine: Machine
    recording: Recording

    def frames(self, mfn: int, count: int) -> bytes:
        """As `fidelity.Memory`."""
        return self.recording.contents.setdefault((mfn, count), self.machine.frames(mfn, count))

    def frame_info(self, mfn: int, count: int) -> bytes:
        """As `fidelity.Memory`."""
        return self.recording.infos.setdefault((mfn, count), self.machine.frame_info(mfn, count))


@frozen
class Booted:
    """A boot, compared with the model; ``seconds`` is what it took."""

    recording: Recording
    comparison: Comparison
    seconds: float


def kernel_of(configuration: Configuration) -> Kernel:
    """A kernel that Xen lays out so. Raises `InputError` if no image gives this configuration."""
    return Kernel(image_of(configuration), (configuration.kernel,))


def spinning_kernel(data: Data, source: str) -> tuple[Image, Kernel]:
    """A real kernel, unpacked, with a loop in place of its first instructions: so its tables stay as Xen built them.

    Raises:
        InputError: Xen would refuse it, or its entry isn't in the file.
    """
    image = parse_image(data, source)
    unpacked = payload(data, source).data
    headers_end = read_elf(unpacked, source, image.size).section_table.end
    elf = bytearray(unpacked).ljust(
        min(headers_end, UNPACKED_LIMIT), b"\0"
    )  # where Xen takes what memory holds
    entry = (image.virt_entry.value - image.virt_offset.value) % ADDRESS_LIMIT
    loaded = [segment for segment in image.segments if segment.loaded]
    for segment in loaded:
        at = entry - segment.paddr
        if 0 <= at <= segment.file_size - len(SPIN):
            elf[segment.offset + at : segment.offset + at + len(SPIN)] = SPIN
            break
    else:
        raise InputError(
            f"{source}: expected the entry {image.virt_entry.value:#x} in a loaded segment's file part"
        )
    physical = [(each.paddr, each.paddr + each.memory_size) for each in loaded]
    if image.symbols.value is not None:
        physical.append((image.symbols.value.start, image.symbols.value.end))
    offset = image.virt_offset.value
    written = tuple(
        Segment((start + offset) % ADDRESS_LIMIT, (end + offset) % ADDRESS_LIMIT) for start, end in physical
    )
    return image, Kernel(bytes(elf), written)


def boot(
    found: Programs,
    configuration: Configuration,
    kernel: Kernel | None = None,
    *,
    cancelled: Event | None = None,
) -> Booted:
    """Boot the configuration, with a kernel made for it unless one is given, and compare.

    Raises:
        InputError: it can't be booted: no image gives it, or it needs more memory than a machine here gets.
        Cancelled: as `real_xen.running`.
    """
    kernel = kernel or kernel_of(configuration)
    memory = memory_for(configuration, len(kernel.image) + configuration.initrd_len)
    started = time.monotonic()
    with running(
        found,
        kernel.image,
        nr_pages=configuration.nr_pages,
        memory=memory,
        initrd_len=configuration.initrd_len,
        cancelled=cancelled,
    ) as machine:
        loaded = expected(configuration, kernel.written)
        recording = Recording(configuration=configuration, written=kernel.written, text="")
        try:
            # Where nothing is built Xen dies in ways that nobody foretells.
            machine.run_to_the_end(may_hang=loaded.fate is Fate.DIES and loaded.domain is None)
        except TimedOut as error:
            late = Difference("the end", loaded.fate.value, str(error))
            comparison = Comparison(fate=loaded.fate, why=loaded.why, seen=None, differences=(late,))
        else:
            if configuration.mode.bits == 32 and not has_32_bit(machine.text):
                loaded = load(configuration, has_32_bit=False)
            comparison = compare(loaded, machine.text, _Recorder(machine, recording))
        recording = evolve(recording, text=machine.text)
    return Booted(recording, comparison, time.monotonic() - started)


def again(recording: Recording, builder: Callable[[Layout], Domain] = build_tables) -> Comparison:
    """Make the comparison of a recorded boot again; the builder may be another than the machine's."""
    with_32_bit = has_32_bit(recording.text)
    loaded = expected(recording.configuration, recording.written, with_32_bit=with_32_bit, builder=builder)
    return compare(loaded, recording.text, recording)


def expected(
    configuration: Configuration,
    written: Sequence[Segment],
    *,
    with_32_bit: bool = True,
    builder: Callable[[Layout], Domain] = build_tables,
) -> Loaded:
    """What the model says of the boot. Raises `InputError` if it says nothing."""
    try:
        return load(configuration, written=written, has_32_bit=with_32_bit, builder=builder)
    except (TooLarge, ImpossibleLayout, Unmodelled) as error:
        raise InputError(f"this boot can't be compared: {error}") from error


def memory_for(configuration: Configuration, modules: int) -> int:
    """The memory of a machine that boots it with modules of so many bytes. Raises `InputError` if none is so large."""
    if configuration.shim:
        raise InputError("the PV shim isn't a dom0: it can't be booted here")
    try:
        allocation = empty_domain(arrange(configuration)).allocation
    except (TooLarge, ImpossibleLayout) as error:
        raise InputError(f"this can't be booted here: {error}") from error
    # What Xen refuses needs none: too little memory for it, or more at once than its allocator has.
    allocation = min(allocation, configuration.nr_pages) if allocation <= AT_ONCE else 0
    memory = machine_memory(configuration.nr_pages, allocation, modules)
    if memory is None:
        raise InputError(
            f"this can't be booted here: dom0 has {configuration.nr_pages} pages, and {allocation} of them side by "
            f"side; a machine here has {MOST_MEMORY >> 30} GiB at most"
        )
    return memory
