"""What the dom0 builders of older Xens did their own way: facts for the frame machine, a value for each version.

Every `XenVersion` can be asked for by name. Its counting rule is an encoding, which is not known here but for its
name (`count_rule`): the machine walks, and takes frames, by these facts alone.

Facts: DOMAIN.md sections 3, 4 and 9; ``construct_dom0()`` in Xen's ``xen/arch/x86/domain_build.c`` (3.0.3, 3.1 to
4.2.0, 4.2.1), ``xen/arch/x86/domain.c`` (2.0), and ``xen/arch/x86/pv/dom0_build.c`` (4.22).
"""

from typing import Final

from attrs import evolve, field, frozen
from attrs.validators import instance_of

from ..edge.errors import InputError
from .layout import START_INFO_SIZE, VGA_CONSOLE_INFO_SIZE, Configuration
from .paging import COMPAT, TWO_LEVEL, X86_64, PagingMode


@frozen(kw_only=True)
class XenVersion:
    """One generation of the builder.

    ``name`` is what people write, ``rule`` the name of its counting rule, ``carried_by`` tells the Xens. The region
    starts where the image says, rounded down to ``start_multiple`` bytes. ``heap_frames`` of the frames that are set
    aside are for tables which the builder takes from Xen's heap. With ``by_length`` the L1s are counted from the
    region's start on, not from the start of the block that it lies in. ``taken_first`` are the levels of the tables
    that are taken before the first page is mapped, in order; a level below the root of which several are is laid
    out whole. ``start_info_bytes`` are all that the start info takes, in the newest of the Xens that are meant. It
    lies below the tables here; until 2005-09-05 it took a page above them, which makes the same end and count.
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

    @property
    def current(self) -> bool:
        """Whether today's Xen builds so."""
        return self is TODAYS.get(self.mode.name)

    def configured(self, configuration: Configuration) -> Configuration:
        """A configuration as this Xen takes it: its paging mode, its start of the region and its start info."""
        if self.current:
            return evolve(configuration, mode=self.mode)
        start = configuration.virt_base - configuration.virt_base % self.start_multiple
        return evolve(
            configuration,
            mode=self.mode,
            virt_base=start,
            start_info_size=self.start_info_bytes,
            vga_console_info_size=0,
        )


_4_MIB: Final = 4 << 20
_TODAYS_64: Final = XenVersion(
    name="4-level", rule="4-level", carried_by="3.1 to today", mode=X86_64, taken_first=(4,)
)
_TODAYS_COMPAT: Final = XenVersion(
    name="compat", rule="compat", carried_by="4.2.1, 4.3 to today", mode=COMPAT, taken_first=(3,)
)
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
    ),
    XenVersion(
        name="compat-l4-counted",
        rule="compat, L4 counted",
        carried_by="3.1 to 4.1.6.1 and 4.2.0",
        mode=COMPAT,
        heap_frames=1,
        taken_first=(),
        start_info_bytes=0x4B4,
    ),
    XenVersion(
        name="i386-pae",
        rule="i386 PAE Xen",
        carried_by="3.1 to 4.2",
        mode=COMPAT,
        by_length=True,
        taken_first=(3, 2, 2, 2, 2),
        start_info_bytes=0x47C,
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
    ),
    XenVersion(
        name="2-level",
        rule="2-level",
        carried_by="3.1 and 3.2, i386 without PAE",
        mode=TWO_LEVEL,
        by_length=True,
        taken_first=(2,),
        start_info_bytes=0x474,
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
    ),
    XenVersion(
        name="first-4-level",
        rule="first 4-level",
        carried_by="the source tree for 39 minutes of 2005-02-04",
        mode=X86_64,
        start_multiple=_4_MIB,
        taken_first=(4,),
        start_info_bytes=0x1000,
    ),
)
"""Every version: today's, then older ones, newest first."""


def xen_version(name: str) -> XenVersion:
    """The version of a name. Raises `InputError` that has them all for another one."""
    for version in XEN_VERSIONS:
        if version.name == name:
            return version
    names = ", ".join(version.name for version in XEN_VERSIONS)
    raise InputError(f"argument --version: expected one of {names}, found {name!r}")


def version_of_rule(rule: str) -> XenVersion | None:
    """The newest version that counts by the rule of a name; ``None`` for a rule that nothing is known of here."""
    return next((version for version in XEN_VERSIONS if version.rule == rule), None)
