"""Kernels that people boot: Debian's, and GRUB's PV images. ``make images`` puts them where these tests look.

The layouts are those that real Xen printed for them (DOMAIN.md section 11).
"""

import gzip
import io
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment
from ptproof.formal.images.image import Image, read_image
from ptproof.formal.images.image_notes import Note, Origin
from ptproof.formal.images.kernel_payload import payload
from ptproof.formal.layouts.paging import COMPAT, X86_64
from ptproof.formal.machine.arrange import arrange
from run_cli import run

pytestmark = pytest.mark.machine

IMAGES = Path(__file__).parents[3] / "build" / "images"
GRUB_64 = "usr/lib/grub-xen/grub-x86_64-xen.bin"
GRUB_32 = "usr/lib/grub-xen/grub-i386-xen.bin"
DEBIAN = "boot/vmlinuz-6.1.0-*-amd64"
MEGABYTE = 1 << 8
"""A MiB in pages."""


def real(pattern: str) -> str:
    """The file; without it the test fails in CI, and is skipped elsewhere."""
    found = sorted(IMAGES.glob(pattern))
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {IMAGES / pattern}: make images")
    return str(found[-1])


@cache
def image_of(pattern: str) -> Image:
    """The image, read once."""
    return read_image(real(pattern))


def test_debians_kernel() -> None:
    """Debian's 6.1 kernel is a bzImage packed with xz, at -2 GiB, its p2m at 512 GiB, its initrd not mapped."""
    image = image_of(DEBIAN)
    assert image.container.startswith("bzImage, ")
    assert " packed with xz at offset 0x" in image.container
    assert image.origin is Origin.PT_NOTE
    assert image.mode.value is X86_64
    assert image.virt_base.value == 0xFFFF_FFFF_8000_0000
    assert image.p2m_base.value == 0x80_0000_0000
    assert image.unmapped_initrd.value
    assert image.virt_kstart.value == 0xFFFF_FFFF_8100_0000


@pytest.mark.parametrize("megabytes", [256, 512, 1024, 4096, 1 << 20])
def test_debians_layout(megabytes: int) -> None:
    """Whatever the memory and the initrd, Debian's kernel takes 41 page-table frames."""
    image = image_of(DEBIAN)
    for initrd_len in (0, 30 << 20):
        assert arrange(image.configuration(megabytes * MEGABYTE, initrd_len)).nr_pt_pages == 41


@pytest.mark.parametrize(
    ("pattern", "megabytes", "nr_pt_pages"),
    [(GRUB_64, 256, 7), (GRUB_64, 1000, 9), (GRUB_32, 256, 9), (GRUB_32, 1000, 9)],
)
def test_grubs_layouts(pattern: str, megabytes: int, nr_pt_pages: int) -> None:
    """GRUB's 64-bit image takes 7 frames with 256 MiB and 9 with 1000 MiB, its 32-bit one 9 with both."""
    image = image_of(pattern)
    assert image.mode.value is (X86_64 if pattern == GRUB_64 else COMPAT)
    assert arrange(image.configuration(megabytes * MEGABYTE)).nr_pt_pages == nr_pt_pages


def test_grubs_last_note() -> None:
    """The text of the last note of GRUB's 32-bit image ends outside of its segment, and is read."""
    image = image_of(GRUB_32)
    assert image.notes[-1].kind is Note.PAE_MODE
    assert str(image.notes[-1].value).startswith("yes")


@pytest.mark.parametrize("pattern", [DEBIAN, GRUB_64, GRUB_32])
def test_pyelftools_sees_the_same(pattern: str) -> None:
    """The segments, and where each note begins, are those that pyelftools finds by its own rules."""
    name = real(pattern)
    image = image_of(pattern)
    elf = ELFFile(io.BytesIO(bytes(payload(Path(name).read_bytes(), name).data)))
    segments = list(elf.iter_segments())
    assert [(each.offset, each.vaddr, each.paddr, each.memory_size) for each in image.segments] == [
        (each["p_offset"], each["p_vaddr"], each["p_paddr"], each["p_memsz"]) for each in segments
    ]
    # GRUB's 32-bit segment ends within its last note, which pyelftools takes, too.
    offsets = [
        note["n_offset"]
        for segment in segments
        if isinstance(segment, NoteSegment)
        for note in segment.iter_notes()
        if note["n_name"] == "Xen"
    ]
    assert [int(each.place.rpartition(" ")[2], 16) for each in image.notes] == offsets


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """ptproof layout vmlinuz prints what Xen prints of Debian's kernel, by the machine and by the formulas."""
    initrd = tmp_path / "initrd.img"
    initrd.write_bytes(bytes(1 << 20))
    ran = run(capsys, "layout", real(DEBIAN), "--dom0-mem", "4G", "--initrd", str(initrd))
    assert (ran.status, ran.err) == (0, "")
    assert " Phys-Mach map: 0000008000000000->0000008000800000" in ran.lines
    assert ran.lines[-2].startswith(" TOTAL:         ffffffff80000000->ffffffff8")


@pytest.mark.parametrize(
    ("pattern", "status", "broken"), [(DEBIAN, 0, []), (GRUB_64, 0, []), (GRUB_32, 0, ["cap", "xen-area"])]
)
def test_what_they_can_run_into(
    capsys: pytest.CaptureFixture[str], pattern: str, status: int, broken: list[str]
) -> None:
    """Debian's kernel and GRUB's 64-bit image run into nothing, with any memory and any initrd.

    GRUB's 32-bit image has its memory raised by the cap, and reaches Xen's area with an initrd of gigabytes.
    """
    ran = run(capsys, "check", real(pattern))
    assert (ran.status, ran.err) == (status, "")
    assert [line.split()[1] for line in ran.lines if re.match("breaks +[a-z]", line)] == broken
    assert "unknown" not in ran.out
    assert "NOT proved" not in ran.out


def cost(name: str) -> tuple[float, int]:
    """What reading an image takes in a process of its own, after Python started: seconds, and bytes of memory."""
    code = (
        "import sys, time; start = time.process_time(); from ptproof.formal.images.image import Image, read_image\n"
        "read_image(sys.argv[1]); print(time.process_time() - start)\n"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, check=True, text=True)
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak) << 10


def test_what_a_vmlinuz_takes() -> None:
    """Debian's vmlinuz is read in 3 seconds and in 4 times the memory of its ELF."""
    name = real(DEBIAN)
    seconds, memory = cost(name)
    assert seconds < 3
    assert memory < 4 * image_of(DEBIAN).size


def test_what_an_elf_takes(tmp_path: Path) -> None:
    """The ELF in it is read in half a second and in less memory than it has, packed with gzip in 4 times that."""
    name = real(DEBIAN)
    elf = payload(Path(name).read_bytes(), name).data
    plain, packed = tmp_path / "vmlinux", tmp_path / "vmlinux.gz"
    plain.write_bytes(elf)
    packed.write_bytes(gzip.compress(elf, 1))
    seconds, memory = cost(str(plain))
    assert seconds < 0.5
    assert memory < len(elf)
    assert cost(str(packed))[1] < 4 * len(elf)
