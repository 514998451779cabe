"""Numbers of bytes."""

from typing import Final

_UNITS: Final = (
    (1 << 60, "EiB"),
    (1 << 50, "PiB"),
    (1 << 40, "TiB"),
    (1 << 30, "GiB"),
    (1 << 20, "MiB"),
    (1 << 10, "KiB"),
)


def amount(size: int) -> str:
    """A number of bytes for readers: exact where it is a round one, else with two decimals.

    >>> amount(20480), amount(0x1E3D0000)
    ('20 KiB', '483.81 MiB')
    """
    for unit, name in _UNITS:
        if size >= unit:
            shown = f"{size / unit:.2f}".rstrip("0").rstrip(".") if size % unit else str(size // unit)
            return f"{shown} {name}"
    return f"{size} B"
