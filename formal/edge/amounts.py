"""Numbers of bytes, as people say them and as options take them."""

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


def exactly(size: int) -> str:
    """A number of bytes in the largest unit of which it is a whole number.

    >>> exactly(0x3EF00000), exactly(412), exactly(1)
    ('1007 MiB', '412 bytes', '1 byte')
    """
    for unit, name in _UNITS:
        if size and size % unit == 0:
            return f"{size // unit} {name}"
    return "1 byte" if size == 1 else f"{size} bytes"


def as_option(size: int, suffixes: str = "TGMK") -> str:
    """The same as options take it, to be pasted: the suffixes are those that the option knows, the largest first.

    >>> as_option(1 << 40), as_option(1 << 40, "GMK"), as_option(0x5431000), as_option(412)
    ('1T', '1024G', '86212K', '412')
    """
    shifts = ((10 + 10 * "KMGT".index(suffix), suffix) for suffix in suffixes)
    return next(
        (f"{size >> shift}{suffix}" for shift, suffix in shifts if size and size % (1 << shift) == 0),
        str(size),
    )
