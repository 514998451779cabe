"""Every claim, family by family, in the order to read them in: what the entry point ``ptproof.theorems`` names."""

from .alignment import claims as alignment
from .asserts import claims as asserts
from .asserts import miscount_claims as miscounts
from .asserts import walk_claims as walk
from .builder import claims as builder
from .builder import frame_claims as frames
from .count import claims as count
from .history import claims as history
from .layout import claims as layout
from .limits import cap_claims as cap
from .limits import overlap_claims as overlap
from .limits import physmap_claims as physmap
from .others import arm64_claims as arm64
from .others import grub_claims as grub
from .others import mini_os_claims as mini_os
from .others import netbsd_claims as netbsd
from .start import claims as start
from .static import claims as static
from .toolstack import claims as toolstack

CLAIMS = (
    *count.CLAIMS,
    *start.CLAIMS,
    *alignment.CLAIMS,
    *static.CLAIMS,
    *layout.CLAIMS,
    *builder.CLAIMS,
    *frames.CLAIMS,
    *asserts.CLAIMS,
    *miscounts.CLAIMS,
    *walk.CLAIMS,
    *history.CLAIMS,
    *cap.CLAIMS,
    *overlap.CLAIMS,
    *physmap.CLAIMS,
    *toolstack.CLAIMS,
    *grub.CLAIMS,
    *netbsd.CLAIMS,
    *mini_os.CLAIMS,
    *arm64.CLAIMS,
)
