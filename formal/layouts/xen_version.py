"""What the dom0 builders of older Xens did their own way: facts for the frame machine, a value for each version.

Every `XenVersion` can be asked for by name, or by a release. Its counting rule is an encoding, which is not known here
but for its name (`count_rule`): the machine walks, and takes frames, by these facts alone. `KNOWN_SINCE` has which
release was the first to know a note of the image, or an option.

Facts: DOMAIN.md sections 3, 4 and 9; ``construct_dom0()`` in Xen's ``xen/arch/x86/domain_build.c`` (3.0.3, 3.1 to
4.2.0, 4.2.1), ``xen/arch/x86/domain.c`` (2.0), and ``xen/arch/x86/pv/dom0_build.c`` (4.22); ``start_info`` and
``dom0_vga_console_info`` in Xen 3.0 to 4.22; for `KNOWN_SINCE` the history of Xen's source.
"""

import re
from collections.abc import Mapping
from typing import Final

from attrs import evolve, field, frozen
from attrs.validators import instance_of

from ..edge.errors import InputError
from .count_rule import Version, Versions, may_be_of
from .layout import START_INFO_SIZE, VGA_CONSOLE_INFO_SIZE, Configuration
from .paging import COMPAT, TWO_LEVEL, X86_64, PagingMode

KNOWN_SINCE: Final[Mapping[str, Version]] = {
    "INIT_P2M": (3, 4),
    "the cap on memory": (4, 0),
    "MOD_START_PFN": (4, 1),
    "the initrd beside the region": (4, 1),
    "SUPPORTED_FEATURES": (4, 2),
    "panics without a full stop": (4, 4),
    "T for TiB": (4, 5),
    "options of 127 characters": (4, 10),
    "percentages": (4, 12),
    "asserts in the read-only walk": (4, 16),
    "gzip": (3, 4),
    "bzip2": (4, 0),
    "lzma": (4, 0),
    "lzo": (4, 1),
    "xz": (4, 2),
    "a payload that isn't packed": (4, 2),
    "a packed file that is no bzImage": (4, 2),
    "lz4": (4, 4),
    "zstd": (4, 15),
}
"""The first release that knows a note of the image, how it is packed, a part of dom0_mem, or what the builder does since."""


@frozen
class StartInfoEra:
    """A size of the start info, in bytes, with the Xens that had it: their width, oldest and newest."""

    size: int
    width: int | None
    oldest: Version
    newest: Version
    title: str


NEWEST: Final[Version] = (99,)
"""Newer than every release."""
KNOWN: Final[Version] = (4, 23)
"""The first release that nothing is known of."""
SHIM: Final = START_INFO_SIZE
"""The start info of the PV shim, in bytes."""
START_INFO_ERAS: Final = (
    StartInfoEra(0x1000, None, (0,), (3, 0, 2), "Xen up to 3.0.2: a whole page"),
    StartInfoEra(0x46C, 32, (3, 0, 3), (3, 1), "i386 Xen 3.0.3 to 3.1"),
    StartInfoEra(0x49C, 64, (3, 0, 3), (3, 1), "Xen 3.0.3 to 3.1"),
    StartInfoEra(0x474, 32, (3, 2), (3, 3), "i386 Xen 3.2 and 3.3"),
    StartInfoEra(0x4A4, 64, (3, 2), (3, 3), "Xen 3.2 and 3.3"),
    StartInfoEra(0x47C, 32, (3, 4), (4, 2), "i386 Xen 3.4 to 4.2"),
    StartInfoEra(0x4B4, 64, (3, 4), (4, 12), "Xen 3.4 to 4.12"),
    StartInfoEra(0x4B8, 64, (4, 13), NEWEST, "Xen 4.13 and later"),
    StartInfoEra(SHIM, 64, (4, 10), NEWEST, "the PV shim, which has no VGA console"),
)
"""All that there have been: start_info grew in 3.4, what is known about the VGA console in 3.2 and 4.13."""


@frozen(kw_only=True)
class XenVersion:
    """One generation of the builder, or a release of it.

    ``name`` is what people write, ``rule`` the name of its counting rule, ``carried_by`` tells the Xens. The region
    starts where the image says, rounded down to ``start_multiple`` bytes. ``heap_frames`` of the frames that are set
    aside are for tables which the builder takes from Xen's heap. With ``by_length`` the L1s are counted from the
    region's start on, not from the start of the block that it lies in. ``taken_first`` are the levels of the tables
    that are taken before the first page is mapped, in order; a level below the root of which several are is laid
    out whole. ``start_info_bytes`` are all that the start info takes, in the newest of the Xens that are meant. It
    lies below the tables here; until 2005-09-05 it took a page above them, which makes the same end and count.
    ``releases`` are the oldest and the newest of the Xens that are meant, which have 32 bits if they are ``i386``.
    """

    name: str
    rule: str
    carried_by: str
    mode: PagingMode = field(validator=instance_of(PagingMode))
    start_multiple: int = 1
    heap_frames: int = 0
    by_length: bool = False
    taken_first: tuple[int, ...]
    start_info_bytes: int = START_INFO_SIZE + VGA_CONSOLE_INFO_SIZE
    releases: Versions
    i386: bool = False

    @property
    def current(self) -> bool:
        """Whether today's Xen builds so."""
        return self.name in _CURRENT

    def knows(self, what: str) -> bool:
        """Whether all of the Xens that are meant know a note, or do a thing, of `KNOWN_SINCE`; of today's the newest."""
        return self.may_know(what) and (self.current or self._since(what, self.releases[0]))

    def may_know(self, what: str) -> bool:
        """Whether any of them does. No i386 Xen caps memory."""
        return self._since(what, self.releases[1]) and not (self.i386 and what == "the cap on memory")

    def _since(self, what: str, release: Version) -> bool:
        return may_be_of((KNOWN_SINCE[what], NEWEST), (release, release))

    def configured(self, configuration: Configuration) -> Configuration:
        """A configuration as this Xen takes it: its paging mode, its start of the region and its start info.

        What the image says in a note that this Xen doesn't know, it hasn't said.
        """
        if self.current:
            return evolve(configuration, mode=self.mode)
        start = configuration.virt_base - configuration.virt_base % self.start_multiple
        return evolve(
            configuration,
            mode=self.mode,
            virt_base=start,
            mod_start_pfn=configuration.mod_start_pfn and self.knows("MOD_START_PFN"),
            init_p2m=configuration.init_p2m if self.knows("INIT_P2M") else None,
            start_info_size=self.start_info_bytes,
            vga_console_info_size=0,
        )


_4_MIB: Final = 4 << 20
_TODAYS_64: Final = XenVersion(
    name="4-level",
    rule="4-level",
    carried_by="3.1 to today",
    mode=X86_64,
    taken_first=(4,),
    releases=((3, 1), NEWEST),
)
_TODAYS_COMPAT: Final = XenVersion(
    name="compat",
    rule="compat",
    carried_by="4.2.1, 4.3 to today",
    mode=COMPAT,
    taken_first=(3,),
    releases=((4, 2, 1), NEWEST),
)
_CURRENT: Final = ("4-level", "compat")
TODAYS: Final = {version.mode.name: version for version in (_TODAYS_64, _TODAYS_COMPAT)}
"""Today's builder, by the name of the paging mode."""

XEN_VERSIONS: Final = (
    _TODAYS_64,
    _TODAYS_COMPAT,
    XenVersion(
        name="4-level-3.0",
        rule="4-level",
        carried_by="3.0",
        mode=X86_64,
        start_multiple=_4_MIB,
        taken_first=(4,),
        start_info_bytes=0x49C,
        releases=((3, 0), (3, 0)),
    ),
    XenVersion(
        name="compat-l4-counted",
        rule="compat, L4 counted",
        carried_by="3.1 to 4.1.6.1 and 4.2.0",
        mode=COMPAT,
        heap_frames=1,
        taken_first=(),
        start_info_bytes=0x4B4,
        releases=((3, 1), (4, 2, 0)),
    ),
    XenVersion(
        name="i386-pae",
        rule="i386 PAE Xen",
        carried_by="3.1 to 4.2",
        mode=COMPAT,
        by_length=True,
        taken_first=(3, 2, 2, 2, 2),
        start_info_bytes=0x47C,
        releases=((3, 1), (4, 2)),
        i386=True,
    ),
    XenVersion(
        name="i386-pae-3.0",
        rule="i386 PAE Xen",
        carried_by="3.0",
        mode=COMPAT,
        start_multiple=_4_MIB,
        by_length=True,
        taken_first=(3, 2, 2, 2, 2),
        start_info_bytes=0x46C,
        releases=((3, 0), (3, 0)),
        i386=True,
    ),
    XenVersion(
        name="2-level",
        rule="2-level",
        carried_by="3.1 and 3.2, i386 without PAE",
        mode=TWO_LEVEL,
        by_length=True,
        taken_first=(2,),
        start_info_bytes=0x474,
        releases=((3, 1), (3, 2)),
        i386=True,
    ),
    XenVersion(
        name="2-level-3.0",
        rule="2-level",
        carried_by="3.0, i386 without PAE",
        mode=TWO_LEVEL,
        start_multiple=_4_MIB,
        by_length=True,
        taken_first=(2,),
        start_info_bytes=0x46C,
        releases=((3, 0), (3, 0)),
        i386=True,
    ),
    XenVersion(
        name="first-4-level",
        rule="first 4-level",
        carried_by="the source tree for 39 minutes of 2005-02-04",
        mode=X86_64,
        start_multiple=_4_MIB,
        taken_first=(4,),
        start_info_bytes=0x1000,
        releases=((2,), (2,)),
    ),
)
"""Every version: today's, then older ones, newest first."""


def xen_version(name: str) -> XenVersion:
    """The version of a name, or the newest that counts by a rule of that name, as logs are judged by.

    Raises `InputError` that has all names for another one.
    """
    for version in XEN_VERSIONS:
        if name in {version.name, version.rule}:
            return version
    names = ", ".join(version.name for version in XEN_VERSIONS)
    raise InputError(
        f"argument --version: expected one of {names}, or a release such as xen-4.0.0, found {name!r}"
    )


def asked_version(text: str, bits: int) -> XenVersion:
    """The version of a name, or a release such as ``xen-4.0.0``: what it builds for a guest of so many bits.

    A release is a 64-bit Xen. Raises `InputError` for what is neither, or a release that nothing is known of.
    """
    found = re.fullmatch(r"xen-(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?(?:\.\d{1,3})?", text, re.ASCII)
    if found is None:
        return xen_version(text)
    release = tuple(int(each) for each in found.groups() if each)
    if release == (4, 2) and bits == 32:
        raise InputError(
            "argument --version: expected xen-4.2.0, or a later one such as xen-4.2.1: they differ; found 'xen-4.2'"
        )
    for version in XEN_VERSIONS[:4]:
        if version.mode.bits == bits and release < KNOWN and may_be_of(version.releases, (release, release)):
            size = [
                era.size
                for era in START_INFO_ERAS
                if era.width != 32
                and era.size != SHIM
                and may_be_of((era.oldest, era.newest), (release, release))
            ][-1]
            return evolve(version, name=text, releases=(release, release), start_info_bytes=size)
    raise InputError(
        f"argument --version: expected xen-{'3.0' if bits == 64 else '3.1'} to xen-4.22 for a {bits}-bit guest, or the "
        f"name of another builder (see --help), found {text!r}"
    )


def version_of_rule(rule: str) -> XenVersion | None:
    """The newest version that counts by the rule of a name; ``None`` for a rule that nothing is known of here."""
    return next((version for version in XEN_VERSIONS if version.rule == rule), None)
