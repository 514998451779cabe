"""Images changed at random, and what must hold of every one of them.

``python hostile_images.py COUNT [SEED]`` tries as many as it is told; the test suite tries 2,000 from one seed.
"""

import json
import sys
import time
from collections.abc import Iterator
from random import Random

from attrs import frozen
from elf_maker import (
    BSD_SYMTAB,
    FEATURES,
    INIT_P2M,
    MOD_START_PFN,
    PACKERS,
    PADDR_OFFSET,
    SHT_NOTE,
    SHT_PROGBITS,
    SHT_STRTAB,
    SHT_SYMTAB,
    SUPPORTED_FEATURES,
    VIRT_BASE,
    Load,
    Section,
    bzimage,
    elf,
    image,
    notes,
    number,
    with_size,
)
from ptproof.formal.edge.errors import InputError
from ptproof.formal.images.image import Image, parse_image
from ptproof.formal.images.image_writer import image_of, pv_image
from ptproof.formal.layouts.paging import COMPAT, X86_64
from ptproof.formal.reports.image_report import as_dict, report

SLOWEST = 2.0
"""No image may take longer, in seconds of the processor's time."""

LONGEST_MESSAGE = 400

ODD_NUMBERS = tuple(
    (base + near) % (1 << 64)
    for base in (0, 1 << 7, 1 << 8, 1 << 15, 1 << 16, 1 << 31, 1 << 32, 1 << 47, 1 << 63)
    for near in (-1, 0, 1, 40, 52, 64)
)


@frozen
class Tally:
    """How many were accepted, how many refused, and how long the slowest took, in seconds."""

    accepted: int
    refused: int
    slowest: float


def originals() -> list[bytes]:
    """Images of every kind, all small: written, made by hand, packed in every way, with and without a bzImage."""
    sections = [
        Section(b".note", SHT_NOTE, notes({VIRT_BASE: 0x3000, FEATURES: "!dom0|pae_pgdir_above_4gb"})),
        Section(b"__xen_guest", SHT_PROGBITS, b"LOADER=generic,XEN_VER=xen-3.0,PAE=yes,VIRT_BASE=0x1000\0"),
        Section(b".symtab", SHT_SYMTAB, bytes(48), link=4),
        Section(b".strtab", SHT_STRTAB, b"\0main\0"),
    ]
    also: dict[int, bytes | int | str] = {
        VIRT_BASE: 0x10000,
        PADDR_OFFSET: 0x8000,
        INIT_P2M: 1 << 39,
        MOD_START_PFN: 1,
        FEATURES: "!writable_page_tables|dom0",
        SUPPORTED_FEATURES: number(1 << 11, 4),
        BSD_SYMTAB: "yes",
    }
    load = Load(0x100000, 0x12000, holds=b"\xf4" * 64)
    plain = [
        elf_image
        for bits in (64, 32)
        for elf_image in (
            image(also, load, Load(0x200000, 0x1001), bits=bits, sections=sections),
            elf([load], sections, bits=bits),
            elf([load], sections[1:], bits=bits),
        )
    ]
    written = [pv_image()[:0x400], pv_image(mode=COMPAT)[:0x400], pv_image(mode=X86_64, virt_base=1 << 31)]
    packed = [
        wrap for name in PACKERS for wrap in (bzimage(with_size(name, plain[0])), with_size(name, plain[3]))
    ]
    return [*plain, *written, *packed, bzimage(plain[0])]


def changed(random: Random, original: bytes) -> bytes:
    """A copy with one to eight changes, most of them to a field of its own size, near its beginning."""
    data = bytearray(original)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        # Headers stand at the beginning of what is small, and are what is read.
        position = random.randrange(max(1, min(len(data), random.choice((16, 64, 400, 1 << 20)))))
        size = random.choice((1, 2, 4, 8))
        match random.randrange(8):
            case 0 | 1:
                data[position : position + 1] = bytes([random.randrange(256)])
            case 2:
                data[position : position + 1] = bytes(
                    [(data[position] if data else 0) ^ 1 << random.randrange(8)]
                )
            case 3 | 4:
                aligned = position - position % size
                value = random.choice((*ODD_NUMBERS, len(data), len(data) - 1, position))
                data[aligned : aligned + size] = number(value % (1 << 8 * size), size)
            case 5:
                del data[position : position + random.choice((1, 4, 8, 64, len(data)))]
            case 6:
                data[position:position] = random.randbytes(random.choice((1, 4, 8, 64)))
            case 7:
                source = random.randrange(len(data) + 1)
                data[position : position + 64] = data[source : source + 64]
    return bytes(data)


def mutants(seed: int, count: int) -> Iterator[bytes]:
    """So many images, the same for the same seed."""
    random = Random(seed)
    kinds = originals()
    for _ in range(count):
        yield changed(random, random.choice(kinds))


def read_or_refused(data: bytes) -> Image | None:
    """The image, or ``None`` for one that is refused in one line that can be shown."""
    try:
        return parse_image(data, "hostile")
    except InputError as error:
        message = str(error)
        assert message.startswith("hostile: "), message
        assert message.isprintable(), message
        assert len(message) < LONGEST_MESSAGE, message[:LONGEST_MESSAGE]
        return None


def check(data: bytes) -> bool:
    """Whether the image is accepted. Then it can be shown, and written anew so that it gives the same layout."""
    found = read_or_refused(data)
    if found is None:
        return False
    assert report(found).endswith("\n")
    json.dumps(as_dict(found))
    configuration = found.configuration(1024, 4097)
    assert configuration.virt_base <= configuration.kernel.start <= configuration.kernel.end
    kernel = configuration.kernel
    if configuration.mode is X86_64 or max(kernel.size, kernel.start - configuration.virt_base) < 1 << 32:
        again = parse_image(image_of(configuration), "written")
        assert again.configuration(1024, 4097) == configuration
    return True


def try_all(seed: int, count: int) -> Tally:
    """Check so many images; on the first that fails, its bytes are told with the error."""
    accepted, slowest = 0, 0.0
    for index, data in enumerate(mutants(seed, count)):
        start = time.process_time()
        try:
            accepted += check(data)
            slowest = max(slowest, time.process_time() - start)
            assert slowest < SLOWEST, f"it took {slowest} s"
        except Exception as error:
            raise AssertionError(f"image {index} of seed {seed}: {error!r}: {data.hex()}") from error
    return Tally(accepted, count - accepted, slowest)


def main(count: int, seed: int) -> None:
    """Try, and print what came of it."""
    tally = try_all(seed, count)
    print(  # noqa: T201 - for people
        f"{count} images from seed {seed}: {tally.accepted} accepted, {tally.refused} refused,"
        f" the slowest took {tally.slowest * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
