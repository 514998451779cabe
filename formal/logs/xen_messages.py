"""What Xen's messages about building a dom0 mean, which figure decides them, and what shows it.

The words are Xen's, so that a search finds them; "…" stands for what Xen puts in. Versions are those whose source has the words:
"3.0" stands for the oldest that was read.

Facts: ``domain_build.c``, ``dom0_build.c``, ``pv/dom0_build.c``, ``hvm/dom0_build.c``, ``setup.c`` and ``bzimage.c`` in
``xen/arch/x86``, ``xen/common/libelf``, and the decompressors (3.0.2 to 4.22); ``tools/libs/guest`` (4.22); Linux'
``arch/x86/xen/setup.c`` and ``mmu_pv.c``.
"""

import re
from difflib import get_close_matches
from typing import Final

from attrs import field, frozen

from ..edge.errors import NothingSelected
from .boot_log_text import plain_text

TODAY: Final = "today"
_LAYOUT: Final = "ptproof layout IMAGE --dom0-mem SIZE --initrd FILE"
_IMAGE: Final = "ptproof image IMAGE"
_CHECK: Final = "ptproof check IMAGE"
_PACKED: Final = "ptproof image IMAGE, docs/packed.md"
_LOG: Final = "ptproof check-log FILE"
_HOST: Final = "ptproof layout IMAGE --host-map FILE"


@frozen
class Message:
    """One message: its words, the versions that have it, what it means, what decides it, and the command that shows that."""

    words: str
    versions: str
    means: str
    decides: str
    command: str
    pattern: re.Pattern[str] = field(init=False, repr=False, eq=False)

    @pattern.default
    def _pattern(self) -> re.Pattern[str]:
        words = [re.escape(each).replace("…", r"[^\n]{0,80}?") for each in self.words.split()]
        words[-1] = words[-1].replace("}?", "}")
        return re.compile(r"(?:[ \t]|\n[ \t>|]{0,99}+(?:\(XEN\)[ \t]{0,99}+)?){1,99}?".join(words))

    @property
    def beginning(self) -> str:
        """What it begins with, behind what Xen puts in."""
        return re.split(r"[\s…]", self.words.lstrip("… "))[0]

    @property
    def sentence(self) -> str:
        """All in one line."""
        see = f" See: {self.command}" if self.command else ""
        return f"{self.means} Decided by {self.decides}.{see}"

    def lines(self) -> list[str]:
        """All in lines, the words first."""
        told = [f'"{self.words}"', f"  printed by:  {self.versions}", f"  means:       {self.means}"]
        told.append(f"  decided by:  {self.decides}")
        return [*told, f"  see:         {self.command}"] if self.command else told

    def as_dict(self) -> dict[str, str]:
        """As plain data."""
        return {name: getattr(self, name) for name in ("words", "versions", "means", "decides", "command")}


def _since(first: str, last: str = TODAY) -> str:
    return f"Xen {first} to {last}"


_LENGTH: Final = "the last four bytes of the packed kernel, which Xen takes for its unpacked length"
MESSAGES: Final = (
    Message(
        "Domain 0 allocation is too small for kernel image",
        _since("3.0"),
        "Dom0 has less memory than this takes: the region, as one piece of 2^order pages (less a mapped initrd), and the initrd's own pages.",
        "TOTAL, rounded up to a power of two, and dom0_mem",
        f"{_LAYOUT}; {_CHECK} gives the least memory",
    ),
    Message(
        "Not enough RAM for domain 0 allocation",
        _since("3.0"),
        "Xen's allocator has no free piece of 2^order pages for the region: the order is above 18 (1 GiB), or the host's memory is in pieces.",
        "TOTAL, rounded up to a power of two: that much has to lie side by side",
        _LAYOUT,
    ),
    Message(
        "Not enough RAM for domain 0 initrd",
        _since("4.1"),
        "The initrd has to be copied to where a 32-bit dom0 reaches it, and there is no piece that large.",
        "the initrd's length and the host's memory",
        _LAYOUT,
    ),
    Message(
        "Not enough RAM for domain 0 PML4",
        _since("3.1", "4.12"),
        "There is no page left for a dom0's top-level table that comes from Xen's heap.",
        "the host's free memory",
        _LAYOUT,
    ),
    Message(
        "Not enough RAM for domain 0 hypercall argument translation",
        _since("3.1", "3.2"),
        "There is no memory left for the translation of a 32-bit dom0's hypercalls.",
        "the host's free memory",
        _LAYOUT,
    ),
    Message(
        "Not enough RAM for DOM0 reservation",
        _since("3.0"),
        "The region was built, but the rest of dom0's memory isn't there.",
        "dom0_mem and the host's free memory",
        _LAYOUT,
    ),
    Message(
        "Not enough RAM for DOM0 P->M table",
        _since("3.4"),
        "There is no memory left for a p2m at the address of INIT_P2M.",
        "dom0_mem: eight bytes a page, and the tables that map them",
        _LAYOUT,
    ),
    Message(
        "Dom0 allocation too small for initial P->M table",
        _since("3.4"),
        "The pages that dom0 has so far, those that its p2m still takes, and 3 more, are more than its memory.",
        "dom0_mem, INIT_P2M and TOTAL",
        _LAYOUT,
    ),
    Message(
        "DOM0 P->M table overlaps initial mapping",
        _since("3.4"),
        "The p2m at the address of INIT_P2M touches the region.",
        "INIT_P2M, dom0_mem and TOTAL",
        f"{_LAYOUT}; {_CHECK}",
    ),
    Message(
        "DOM0 image overlaps with Xen private area",
        _since("3.0"),
        "The region reaches into the addresses that Xen keeps to itself: from 0xf5800000 on for 32 bits, from 0xffff800000000000 to "
        "0xffff880000000000 for 64.",
        "TOTAL: VIRT_BASE, and with a p2m in the region dom0_mem",
        f"{_LAYOUT}; {_CHECK}",
    ),
    Message(
        "Invalid HYPERCALL_PAGE field in ELF notes",
        _since("3.0"),
        "The image wants its hypercall page outside of the region.",
        "HYPERCALL_PAGE and TOTAL",
        _IMAGE,
    ),
    *(
        Message(
            f"Assertion '… {compared}' failed",
            _since("4.16"),
            f"A debug Xen, when it makes the page tables read-only: of the n frames from vpt_start on one {is_it}.",
            "n, the number of Page tables: the count that the search found, against the frames that the builder took",
            "ptproof replay LAYOUT --nr-pt-pages N",
        )
        for compared, is_it in (
            (">= PGT_l1_page_table", "is no table: it has no type"),
            ("<= PGT_root_page_table", "is no table but a writable page: n is too large"),
            ("~(PGT_type_mask | PGT_pae_xen_l2))", "has other bits set: it is in use"),
        )
    ),
    Message(
        "Failed to load the kernel binary",
        _since("4.2"),
        "The kernel can't be copied to where it is to lie: a segment is out of the file, or writing there fails.",
        "the segments' p_paddr, p_filesz and p_memsz",
        _IMAGE,
    ),
    Message(
        "Mismatch between Xen and DOM0 kernel",
        _since("3.1"),
        "The ELF is for another machine, class or byte order; or it is for 32 bits, and without PAE.",
        "EI_CLASS, e_machine and the note PAE_MODE",
        _IMAGE,
    ),
    Message(
        "PAE mode mismatch between Xen and DOM0",
        _since("3.0", "3.0.4"),
        "A 32-bit Xen takes a dom0 with PAE, or without, as it is itself.",
        "the note PAE_MODE",
        _IMAGE,
    ),
    Message(
        "Kernel does not support Dom0 operation",
        _since("4.2"),
        "The image has the note SUPPORTED_FEATURES, and dom0 is not among them: a kernel for guests only.",
        "SUPPORTED_FEATURES (CONFIG_XEN_DOM0 in Linux)",
        f"{_IMAGE} --domU",
    ),
    Message(
        "Domain 0 expects too high a hypervisor start address",
        _since("3.1", "4.14"),
        "A 32-bit kernel's HV_START_LOW is above where Xen's addresses begin.",
        "HV_START_LOW, at most 0xf5800000",
        _IMAGE,
    ),
    Message(
        "Dom0 expects too high a hypervisor start address",
        _since("4.15"),
        "A 32-bit kernel's HV_START_LOW is above where Xen's addresses begin.",
        "HV_START_LOW, at most 0xf5800000",
        _IMAGE,
    ),
    Message(
        "Domain 0 requires an unsupported hypervisor feature",
        _since("3.0", "3.1"),
        "The note FEATURES requires something that this Xen doesn't have.",
        "the features with a ! in FEATURES",
        _IMAGE,
    ),
    Message(
        "Domain 0 requires an unknown hypervisor feature",
        _since("3.0", "3.0.4"),
        "The note FEATURES requires something that this Xen doesn't know.",
        "the features with a ! in FEATURES",
        _IMAGE,
    ),
    Message(
        "Dom0 requires supervisor-mode execution",
        _since("3.0"),
        "The image requires to run in ring 0, which no PV dom0 does.",
        "supervisor_mode_kernel with a ! in FEATURES",
        _IMAGE,
    ),
    Message(
        "Dom0 does not support supervisor-mode execution",
        _since("3.0", "4.5"),
        "This Xen was built to run dom0 in ring 0, and the image can't.",
        "supervisor_mode_kernel in FEATURES",
        _IMAGE,
    ),
    Message(
        "Found 32-bit PV kernel, but CONFIG_PV32 missing",
        _since("4.16"),
        "This Xen was built without 32-bit guests.",
        "EI_CLASS of the image",
        _IMAGE,
    ),
    Message(
        "Dom0 failed to switch to compat: …",
        _since("4.13"),
        "The domain couldn't be made one for 32 bits.",
        "EI_CLASS of the image, and Xen's memory",
        _IMAGE,
    ),
    Message(
        "Not a Xen-ELF image: No ELF notes or '__xen_guest' section found",
        _since("3.0.4"),
        "The ELF has no notes for Xen, and no section __xen_guest: no kernel for PV, or one without CONFIG_XEN_PV.",
        "the notes of owner Xen",
        _IMAGE,
    ),
    Message(
        "Will only load images built for the generic loader or Linux images",
        _since("3.0.4"),
        "Neither is the note LOADER generic nor the note GUEST_OS linux: another kernel, one for PVH, or an ELF that was cut.",
        "LOADER and GUEST_OS",
        _IMAGE,
    ),
    Message(
        "Xen will only load images built for Xen v3.0",
        _since("3.0"),
        "The note XEN_VERSION isn't xen-3.0.",
        "XEN_VERSION",
        _IMAGE,
    ),
    Message(
        "ELF_PADDR_OFFSET set, VIRT_BASE unset",
        _since("3.1"),
        "An offset of physical addresses needs a base of virtual ones.",
        "PADDR_OFFSET and VIRT_BASE",
        _IMAGE,
    ),
    Message(
        "ELF start or entries are out of bounds",
        _since("3.0.4"),
        "The kernel ends before it starts, starts below VIRT_BASE, or its entry isn't in it.",
        "VIRT_BASE, PADDR_OFFSET, ENTRY and the segments' p_paddr",
        _IMAGE,
    ),
    Message(
        "P->M table base is out of bounds",
        _since("3.4"),
        "INIT_P2M lies within the kernel.",
        "INIT_P2M, virt_kstart and virt_kend",
        _IMAGE,
    ),
    Message(
        "P2M table base ignored",
        _since("3.4"),
        "A warning: a 32-bit kernel's INIT_P2M has no effect.",
        "INIT_P2M",
        _IMAGE,
    ),
    Message(
        "ELF: not an ELF binary",
        _since("3.1"),
        "What Xen has after unpacking begins with no ELF, or is too short for one: no kernel, packed in a way that this Xen doesn't know or packed twice, or "
        "with bytes behind it.",
        _LENGTH,
        _PACKED,
    ),
    Message(
        "ELF: phdr overflow",
        _since("3.1"),
        "The program headers end past the ELF: a file that was cut, or whose length Xen has wrong.",
        f"e_phoff, e_phnum, and {_LENGTH}",
        _PACKED,
    ),
    Message(
        "ELF: shdr overflow",
        _since("3.1"),
        "The section headers end past the ELF: a file that was cut, or whose length Xen has wrong.",
        f"e_shoff, e_shnum, and {_LENGTH}",
        _PACKED,
    ),
    Message(
        "broken ELF: <NULL>",
        _since("4.3"),
        "libelf finds no fault in the ELF: Xen asks it after something else failed.",
        "what the lines before name",
        _IMAGE,
    ),
    *(
        Message(f"broken ELF: {why}", versions, f"libelf found the ELF broken: {means}.", decides, _IMAGE)
        for why, versions, means, decides in (
            (
                "out of range access",
                _since("4.3"),
                "something that it needs lies outside of the file",
                "the headers' offsets",
            ),
            ("too many ELF notes", _since("4.3"), "there are more notes than any kernel has", "the notes"),
            ("far too many section headers", _since("4.3"), "e_shnum is too large", "e_shnum"),
            (
                "program segments total to more",
                _since("4.3"),
                "the segments are larger than what is there",
                "p_filesz",
            ),
            (
                "excessively long string",
                _since("4.3"),
                "a string has more than 4096 bytes",
                "notes and names",
            ),
            (
                "strtab not found",
                _since("4.7"),
                "the symbol table has no strings",
                "the symbol table (BSD_SYMTAB)",
            ),
            ("…", _since("4.3"), "the words behind say why", "what they name"),
        )
    ),
    Message(
        "Cannot load bzImage …",
        _since("3.4"),
        "The bzImage's header is older than 2.08, the first that says where the payload is.",
        "the header's version at 0x206",
        _IMAGE,
    ),
    Message(
        "Not enough memory to relocate the dom0 kernel image",
        _since("3.2"),
        "Xen has no piece of memory to unpack the kernel in: the kernel's length that it believes is more than the host has, or memory is short.",
        _LENGTH,
        _PACKED,
    ),
    Message(
        "Not enough memory to relocate Xen",
        _since("3.2"),
        "There is no piece of memory below 4 GiB for Xen itself; it has not looked at dom0 yet.",
        "the host's memory map",
        "",
    ),
    Message(
        "Initial loading isn't allowed to lowest 1GB of memory",
        _since("3.0", "4.2"),
        "A 32-bit Xen wants its 32-bit dom0 above 1 GiB.",
        "VIRT_BASE",
        _IMAGE,
    ),
    Message(
        "dom0 kernel not specified",
        _since("3.0"),
        "The boot loader gave Xen no module.",
        "the boot loader's configuration",
        "",
    ),
    Message(
        "Missing kernel boot module for … construction",
        _since("4.20"),
        "The boot loader gave Xen no module.",
        "the boot loader's configuration",
        "",
    ),
    *(
        Message(
            words,
            versions,
            "Xen couldn't build dom0: it says why in the line before, or prints nothing when a packed kernel is damaged.",
            "the line before",
            'ptproof explain "THE LINE BEFORE"',
        )
        for words, versions in (
            ("Could not set up DOM0 guest OS", _since("3.0")),
            ("Could not construct domain 0", _since("4.14", "4.20")),
            ("Could not construct d0", _since("4.21")),
        )
    ),
    Message(
        "Error creating domain 0",
        _since("3.0", "4.16"),
        "Xen couldn't make the domain: it has not looked at the kernel yet.",
        "Xen's memory and its options",
        "",
    ),
    Message(
        "Cannot construct Dom0. No guest interface available",
        _since("4.12"),
        "This Xen was built without PV and without HVM.",
        "Xen's configuration",
        "",
    ),
    Message(
        "Kernel does not support PVH mode",
        _since("4.5", "4.8"),
        "A PVH dom0, which is out of scope here: the kernel lacks its features.",
        "SUPPORTED_FEATURES",
        _IMAGE,
    ),
    Message(
        "Failed to load Dom0 kernel",
        _since("4.9"),
        "A PVH dom0, which is out of scope here: its kernel can't be loaded.",
        "PHYS32_ENTRY, p_paddr and the host's memory map",
        _IMAGE,
    ),
    # What unpacks.
    *(
        Message(words, versions, f"{kind}: {means}.", decides, _PACKED)
        for kind, words, versions, means, decides in (
            (
                "xz",
                "Input was encoded with settings that are not supported by this XZ decoder",
                _since("4.2"),
                "a check other than CRC32 or none, or a filter other than x86 and LZMA2",
                "the options of xz: --check=crc32 --x86 --lzma2",
            ),
            (
                "xz",
                "XZ-compressed data is corrupt",
                _since("4.2"),
                "damaged, or it ends early",
                "the packed data",
            ),
            (
                "bzip2",
                "Data integrity error when decompressing",
                _since("4.0"),
                "a wrong checksum",
                "the packed data",
            ),
            ("lzma", "LZMA data is corrupt", _since("4.0"), "damaged", "the packed data"),
            ("lz4", "Decoding failed", _since("4.4"), "damaged, or the length behind it is wrong", _LENGTH),
            (
                "lzo or lz4",
                "invalid header",
                _since("4.1"),
                "not the format that Xen knows",
                "the first bytes",
            ),
            ("lzo", "Compressed data violation", _since("4.1"), "damaged", "the packed data"),
            ("lzo", "file corrupted", _since("4.1"), "damaged, or it ends early", "the packed data"),
            (
                "zstd",
                "ZSTD-compressed data is probably corrupt",
                _since("4.15"),
                "it ends early, or its window is above 128 MiB",
                "the frame's header",
            ),
            ("zstd", "ZSTD-compressed data is corrupt", _since("4.15"), "damaged", "the packed data"),
            ("gzip", "invalid compressed format", _since("3.4"), "damaged", "the packed data"),
            ("gzip", "crc error", _since("3.4"), "a wrong checksum", "the packed data"),
            ("gzip", "length error", _since("3.4"), "a wrong length", "the packed data"),
            ("gzip", "out of input data", _since("3.4"), "it ends early", "the packed data"),
            (
                "gzip",
                "Multi part input",
                _since("3.4"),
                "a header with a checksum means several parts to Xen",
                "the header's flags",
            ),
        )
    ),
    # The toolstack.
    Message(
        "xc_dom_find_loader: no loader found",
        "libxenguest 4.0 to today",
        "A domU's kernel is neither an ELF with notes for Xen nor a bzImage with a packed one.",
        "the file's first bytes and its notes",
        f"{_IMAGE} --domU",
    ),
    Message(
        "xc_dom_probe_bzimage_kernel… unable to … decompress kernel",
        "libxenguest 4.0 to today",
        "A domU's bzImage holds a payload that can't be unpacked.",
        "the payload's packing and the four bytes behind it",
        f"{_IMAGE} --domU, docs/packed.md",
    ),
    Message(
        "… decompress support unavailable",
        "libxenguest 4.0 to today",
        "This libxenguest was built without the library that unpacks such a payload; Debian's has no bzip2 and no lzo.",
        "the payload's packing",
        f"{_IMAGE} --domU, docs/packed.md",
    ),
    Message(
        "segment … too large",
        "libxenguest 4.0 to today",
        "A segment of a domU doesn't fit into its memory.",
        "the domain's memory",
        "ptproof layout --domU IMAGE --memory SIZE",
    ),
    # Linux as dom0.
    *(
        Message(
            f"Xen hypervisor allocated {component} memory conflicts with E820 map",
            versions,
            f"Linux stops: {what} where the host has no RAM, such as ACPI NVS, and Linux wants these addresses to itself.",
            "the host's memory map, and the segment's address less VIRT_BASE",
            f"{_LOG}; {_HOST}",
        )
        for component, what, versions in (
            ("kernel", "its kernel lies", "Linux 4.3 to today"),
            ("page table", "its first page tables lie", "Linux 4.3 to today"),
            ("xen_start_info", "its start info lies", "Linux 6.12 to today"),
        )
    ),
)
"""Every message, the narrower before the wider."""


def explained(text: str) -> tuple[Message, ...]:
    """The messages that a text has; or else those whose words it is a part of. The case of letters doesn't matter.

    Raises:
        NothingSelected: it is none that is known; the message names those that come near it.
    """
    plain = " ".join(re.sub(r"\(XEN\)", " ", plain_text(text).text).split()).strip(" .\"'")
    found = [each for each in MESSAGES if re.search(each.pattern.pattern, plain, re.IGNORECASE)]
    narrow = [each for each in found if each.words != "broken ELF: …"] or found
    if not narrow and len(plain) >= 4:
        narrow = [each for each in MESSAGES if plain.casefold() in each.words.casefold()]
    if narrow:
        return tuple(narrow)
    near = get_close_matches(plain.casefold(), [each.words.casefold() for each in MESSAGES], 3, 0.5)
    known = [each.words for each in MESSAGES if each.words.casefold() in near]
    hint = f"; near it come: {', '.join(map(repr, known))}" if known else ""
    raise NothingSelected(f"no message of Xen's about building a dom0 is known that has {plain[:80]!r}{hint}")
