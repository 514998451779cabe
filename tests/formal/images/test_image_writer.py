"""Images that are written: what is read back is what was asked for, and they are whole ELFs."""

import io
from collections.abc import Callable
from random import Random

import pytest
from attrs import evolve
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment
from ptproof.formal.edge.errors import InputError
from ptproof.formal.images.image import parse_image
from ptproof.formal.images.image_notes import Note
from ptproof.formal.images.image_writer import SPIN, configuration_of, image_of, pv_image
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, FIVE_LEVEL, TWO_LEVEL, X86_64, PagingMode
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.xen.random_layouts import configurations

KERNEL = Segment(0x10_0000, 0x20_0000)
MODES = pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)


def random_configuration(random: Random, mode: PagingMode) -> Configuration:
    """A configuration that an image can give, from anywhere in the address space, aligned or not."""
    bits = random.choice((mode.bits, 64))
    mask = random.choice((-1, -4096, -(1 << 21), -(1 << 30)))
    virt_base, start, end = sorted(random.getrandbits(random.randint(1, bits)) & mask for _ in range(3))
    if mode.bits == 32:
        start = min(start, virt_base + (1 << 32) - 1)
        end = min(end, start + (1 << 32) - 1)
    init_p2m = random.choice((None, random.getrandbits(64)))
    if init_p2m is not None and (start <= init_p2m < end or init_p2m == ADDRESS_LIMIT - 1):
        init_p2m = end
    return Configuration(
        mode=mode,
        virt_base=virt_base,
        kernel=Segment(start, end),
        nr_pages=random.getrandbits(40),
        initrd_len=random.getrandbits(random.randint(1, 40)),
        mod_start_pfn=random.random() < 0.5,
        init_p2m=init_p2m,
        hv_start_low=random.random() < 0.3,
        hypercall_page=random.choice((None, random.randrange(1 << mode.bits))),
        shim=random.random() < 0.2,
    )


@MODES
def test_random_layouts_come_back(mode: PagingMode) -> None:
    """Any configuration that libelf takes is read back, the same, from the image that was written for it."""
    random = Random(9)
    for _ in range(1500):
        asked = random_configuration(random, mode)
        image = parse_image(image_of(asked), "written")
        assert image.configuration(asked.nr_pages, asked.initrd_len, shim=asked.shim) == asked


@MODES
def test_layouts_near_the_edges_come_back(mode: PagingMode) -> None:
    """A layout that the machine arranged is the layout of the image that is written for it, and of its boot."""
    for given in configurations(5, 300, mode=mode, memory_limit=1 << 30):
        layout = arrange(given)
        asked = configuration_of(layout)
        image = parse_image(image_of(asked), "written")
        assert arrange(image.configuration(asked.nr_pages, asked.initrd_len)) == layout


def test_layouts_of_older_and_of_other_boots_have_a_configuration() -> None:
    """The size of the VGA part, and the PV shim's pages, are part of what a layout's configuration says."""
    for given in (
        Configuration(kernel=KERNEL, nr_pages=4096, vga_console_info_size=36),
        Configuration(kernel=KERNEL, nr_pages=4096, shim=True),
        Configuration(kernel=KERNEL, nr_pages=4096, init_p2m=0x20_0000),
    ):
        assert arrange(configuration_of(arrange(given))) == arrange(given)


def test_layouts_that_no_builder_makes() -> None:
    """A layout with a segment missing, or one that isn't where the builder puts it, has no configuration."""
    layout = arrange(Configuration(kernel=KERNEL, nr_pages=4096))
    for lacking in (evolve(layout, kernel=None), evolve(layout, p2m=None), evolve(layout, start_info=None)):
        with pytest.raises(InputError, match="layout: expected the kernel, the p2m and the start info"):
            configuration_of(lacking)
    with pytest.raises(InputError, match="start_info: expected 1168 bytes or more, found 8"):
        configuration_of(evolve(layout, start_info=Segment(0x20_8000, 0x20_8008)))
    with pytest.raises(InputError, match="expected one that Xen's builder makes"):
        configuration_of(evolve(layout, page_tables=Segment(0x20_9000, 0x20_F000)))


@MODES
def test_bytes_depend_on_arguments_alone(mode: PagingMode) -> None:
    """Writing twice gives the same bytes, and another configuration gives others."""
    asked = random_configuration(Random(1), mode)
    assert image_of(asked) == image_of(evolve(asked, nr_pages=1, initrd_len=2))
    assert image_of(asked) != image_of(evolve(asked, mod_start_pfn=not asked.mod_start_pfn))


def test_an_image_byte_for_byte() -> None:
    """The plainest image: an ELF of two segments, its notes at 0x200, its code at 0x1000."""
    image = pv_image()
    assert len(image) == 0x1004
    assert image[:20].hex() == "7f454c4602010100000000000000000002003e00"
    assert image[0x200:0x218].hex() == "04000000080000000500000058656e0078656e2d332e3000"
    assert image[0x1000:].hex() == "f390ebfc"


@MODES
def test_pyelftools_reads_it(mode: PagingMode) -> None:
    """The image is an ordinary ELF to others: one PT_LOAD with the code, one PT_NOTE, all for Xen."""
    base = 0xC000_0000
    written = pv_image(
        mode=mode, virt_base=base, paddr_offset=0x1000, p_paddr=0x10_1234, p_memsz=0x9000, code=b"\xf4"
    )
    elf = ELFFile(io.BytesIO(written))
    assert elf.elfclass == mode.bits
    assert elf["e_entry"] == base + 0x10_0234
    load, note = elf.iter_segments()
    assert (load["p_type"], load["p_vaddr"], load["p_paddr"]) == ("PT_LOAD", base + 0x10_0234, 0x10_1234)
    assert (load.data(), load["p_memsz"]) == (b"\xf4", 0x9000)
    assert load["p_offset"] % load["p_align"] == load["p_vaddr"] % load["p_align"]
    assert isinstance(note, NoteSegment)
    owners = [each["n_name"] for each in note.iter_notes()]
    assert set(owners) == {"Xen"}
    assert len(owners) == 7 + (mode is COMPAT)


@MODES
def test_every_note(mode: PagingMode) -> None:
    """Each argument is the note of its name, and None is no note."""
    given = parse_image(
        pv_image(
            mode=mode,
            virt_base=0x10000,
            paddr_offset=0x8000,
            entry=0x10_8010,
            init_p2m=1 << 45,
            mod_start_pfn=True,
            hv_start_low=0xF500_0000,
            features="dom0",
        ),
        "written",
    )
    values = {each.kind: each.value for each in given.notes}
    assert values[Note.FEATURES] == "dom0"
    assert values[Note.MOD_START_PFN] == 1
    assert [
        getattr(given, name).value
        for name in ("virt_base", "paddr_offset", "virt_entry", "p2m_base", "hv_start_low", "virt_kstart")
    ] == [0x10000, 0x8000, 0x10_8010, 1 << 45, 0xF500_0000, 0x10_8000]
    bare = parse_image(pv_image(mode=mode, virt_base=None, paddr_offset=None, features=None), "written")
    kinds = {each.kind for each in bare.notes}
    assert not kinds & {Note.VIRT_BASE, Note.PADDR_OFFSET, Note.INIT_P2M, Note.MOD_START_PFN, Note.FEATURES}
    assert bare.virt_kstart.value == bare.virt_entry.value == 1 << 20


@MODES
def test_the_code_is_at_the_entry(mode: PagingMode) -> None:
    """The code is the first that is loaded, and it is all there."""
    code = bytes(range(200)) * 40
    asked = Configuration(mode=mode, virt_base=0, kernel=Segment(0x100010, 0x110000), nr_pages=1)
    image = parse_image(image_of(asked, code), "written")
    load = image.segments[0]
    assert image.virt_entry.value == image.virt_kstart.value == 0x100010
    assert image_of(asked, code)[load.offset : load.offset + load.file_size] == code


def test_a_kernel_without_room_for_code() -> None:
    """A layout with a kernel smaller than the code still has an image, but code that is asked for must fit."""
    asked = Configuration(kernel=Segment(0x1000, 0x1003), nr_pages=1)
    assert parse_image(image_of(asked), "written").configuration(1) == asked
    with pytest.raises(InputError, match="0x3 bytes are too few for 0x4 bytes of code"):
        image_of(asked, SPIN)


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (
            lambda: image_of(Configuration(kernel=Segment(5, 4), nr_pages=1)),
            "kernel: no image gives 0x5 to 0x4",
        ),
        (
            lambda: image_of(Configuration(kernel=Segment(4096, 0), nr_pages=1)),
            "kernel: no image gives 0x1000 to 0x0",
        ),
        (
            lambda: image_of(Configuration(virt_base=9, kernel=Segment(8, 9), nr_pages=1)),
            "above virt_base 0x9",
        ),
        (
            lambda: image_of(Configuration(kernel=KERNEL, init_p2m=0x10_0000, nr_pages=1)),
            "init_p2m: libelf refuses",
        ),
        (lambda: image_of(Configuration(kernel=KERNEL, init_p2m=ADDRESS_LIMIT - 1, nr_pages=1)), "init_p2m"),
        (
            lambda: image_of(
                Configuration(
                    virt_base=ADDRESS_LIMIT - 1,
                    kernel=Segment(ADDRESS_LIMIT - 1, ADDRESS_LIMIT - 1),
                    nr_pages=1,
                )
            ),
            "virt_base: 0xffffffffffffffff is how libelf marks",
        ),
        (
            lambda: image_of(Configuration(mode=TWO_LEVEL, kernel=KERNEL, nr_pages=1)),
            "mode: .* not for 2-level",
        ),
        (
            lambda: image_of(Configuration(mode=FIVE_LEVEL, kernel=KERNEL, nr_pages=1)),
            "mode: .* not for 5-level",
        ),
        (lambda: pv_image(mode=COMPAT, p_paddr=1 << 32), "p_paddr: 0x100000000 doesn't fit a 32-bit image"),
        (lambda: pv_image(mode=COMPAT, p_memsz=1 << 32), "p_memsz: 0x100000000 doesn't fit a 32-bit image"),
        (lambda: pv_image(p_memsz=1 << 64), "p_memsz: .* doesn't fit a 64-bit image"),
        (lambda: pv_image(p_paddr=-1), "p_paddr: .* doesn't fit a 64-bit image"),
        (lambda: pv_image(init_p2m=1 << 64), "INIT_P2M: .* unsigned 64-bit number"),
        (lambda: pv_image(virt_base=-4096), "VIRT_BASE: .* unsigned 64-bit number"),
        (lambda: pv_image(features="x" * 5000), "features: too long"),
    ],
)
def test_what_no_image_gives(write: Callable[[], bytes], told: str) -> None:
    """What libelf would refuse, or no field can hold, is not written but told."""
    with pytest.raises(InputError, match=told):
        write()
