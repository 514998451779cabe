"""What Xen knows a PV kernel by: the numbers of its ELF notes, and the mark of an address not given.

Facts: DOMAIN.md section 7; Xen's ``xen/include/public/elfnote.h``; libelf's UNSET_ADDR.
"""

from enum import IntEnum
from typing import Final

UNSET: Final = (1 << 64) - 1
"""How libelf marks an address that the image doesn't give, so that no image can give just this one."""

XEN_OWNER: Final = b"Xen\0"
"""The owner of a note that is meant for Xen."""


class Note(IntEnum):
    """The type of a note whose owner is "Xen"."""

    ENTRY = 1
    HYPERCALL_PAGE = 2
    VIRT_BASE = 3
    PADDR_OFFSET = 4
    XEN_VERSION = 5
    GUEST_OS = 6
    GUEST_VERSION = 7
    LOADER = 8
    PAE_MODE = 9
    FEATURES = 10
    BSD_SYMTAB = 11
    HV_START_LOW = 12
    L1_MFN_VALID = 13
    SUSPEND_CANCEL = 14
    INIT_P2M = 15
    MOD_START_PFN = 16
    SUPPORTED_FEATURES = 17
    PHYS32_ENTRY = 18
    PHYS32_RELOC = 19
