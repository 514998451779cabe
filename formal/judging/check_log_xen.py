"""Which Xen a boot log is of, as far as it tells, and the size of the start info that goes with it.

Facts: DOMAIN.md sections 2 and 9.
"""

import re
from collections.abc import Iterator

from ..layouts.count_rule import Version, Versions, may_be_of
from ..layouts.xen_version import START_INFO_ERAS
from ..logs.boot_log import Boot
from .check_log_findings import Finding, Kind, differs, note, size_of


def xen_width(boot: Boot) -> int:
    """How many bits Xen has."""
    return boot.xen_width or (32 if boot.digits == 8 else 64)


def xen_versions(boot: Boot) -> Versions | None:
    """The oldest and the newest Xen that the log can be of; ``None`` if nothing tells.

    The banner does, or the size of the start info.
    """
    banner = _banner_version(boot)
    if banner is not None:
        return banner, banner
    size, width = size_of(boot, "start_info"), xen_width(boot)
    eras = [each for each in START_INFO_ERAS if each.size == size and each.width in (None, width)]
    return (eras[0].oldest, eras[0].newest) if eras else None


def _banner_version(boot: Boot) -> Version | None:
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", boot.xen_version or "")
    return tuple(int(each) for each in found.groups() if each) if found else None


def start_info_is_last(boot: Boot) -> bool:
    """Xen 2.0 puts the start info after the page tables, not before."""
    return (
        boot.start_info is not None
        and boot.page_tables is not None
        and boot.start_info.start == boot.page_tables.end
    )


def start_info_size(boot: Boot) -> Iterator[Finding]:
    """The start info has a size that some Xen has had, the one of the log if that is known."""
    size, banner = size_of(boot, "start_info"), _banner_version(boot)
    if size is None:
        return
    known = [each for each in START_INFO_ERAS if each.width in (None, xen_width(boot))]
    era = next((each for each in known if each.size == size), None)
    if era is None:
        told = [each for each in known if banner and may_be_of((each.oldest, each.newest), (banner, banner))]
        nearest = min(told or known, key=lambda each: abs(each.size - size))
        by = f"{abs(size - nearest.size):#x} too {'many' if size > nearest.size else 'few'}"
        yield differs(
            boot,
            "start_info",
            f"{size:#x} bytes, which no Xen has had, are {by}: expected {nearest.size:#x} ({nearest.title})",
            involves={"start_info.start", "start_info.end"},
            expected=nearest.size,
            found=size,
        )
        return
    yield Finding(
        kind=Kind.AGREES,
        figure="start_info",
        line=boot.lines.get("start_info"),
        message=f"{size:#x} bytes: {era.title}",
        confirms=frozenset({"start_info.start", "start_info.end"}),
    )
    if banner and not may_be_of((era.oldest, era.newest), (banner, banner)):
        yield note(boot, "start_info", f"{size:#x} bytes, although the log is of Xen {boot.xen_version}")
