"""The options ``--rounding``, ``--padding`` and ``--start``: what if Xen guessed otherwise."""

import argparse
from typing import TYPE_CHECKING, Final

from .arguments import number

if TYPE_CHECKING:
    from ..layouts.paging import PagingMode
    from ..layouts.what_if import WhatIf

OPTIONS: Final = ("rounding", "padding", "start")
PAGE: Final = "page"


def add_what_if(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    options = parser.add_argument_group("what if Xen guessed otherwise")
    options.add_argument(
        "--rounding",
        metavar="BYTES",
        type=_rounding,
        help="what the region's end is rounded up to: a power of two, or page (default: 4M, as in Xen)",
    )
    options.add_argument(
        "--padding",
        metavar="BYTES",
        type=_bytes,
        help="how much is left above the boot stack at least (default: 512K, as in Xen)",
    )
    options.add_argument(
        "--start",
        metavar="N[,N]",
        type=_start,
        help="where the search starts: one count, or two for 32-bit and 64-bit guests, such as 6,4 (default: 2, as in Xen)",
    )


def _bytes(text: str) -> int:
    from ..layouts.what_if import MOST_BYTES

    return number(0, MOST_BYTES)(text)


def _rounding(text: str) -> int | str:
    """A number of bytes, or `PAGE`: which is a power of two is looked at once it is known how large a page is."""
    return PAGE if text == PAGE else _bytes(text)


def _start(text: str) -> tuple[int, ...]:
    from ..layouts.what_if import MOST_FIRST

    figures = text.split(",")
    if len(figures) > 2:
        raise argparse.ArgumentTypeError(
            f"expected a count, or a 32-bit guest's and a 64-bit one's such as 6,4, found {len(figures)} figures"
        )
    return tuple(map(number(0, MOST_FIRST), figures))


def what_if_of(arguments: argparse.Namespace, mode: "PagingMode") -> "WhatIf | None":
    """What is asked for a guest of the mode; ``None`` where that is what Xen has.

    Raises `InputError` for a rounding that isn't a power of two, or less than a page.
    """
    from ..layouts.what_if import WhatIf
    from ..machine.arrange import FIRST_TRIED, PADDING, ROUNDING

    rounding, padding = _rounding_of(arguments, mode), arguments.padding
    first = None if arguments.start is None else arguments.start[0 if mode.bits == 32 else -1]
    asked = WhatIf(
        rounding=None if rounding == ROUNDING else rounding,
        padding=None if padding == PADDING else padding,
        first_tried=None if first == FIRST_TRIED else first,
    )
    return None if asked == WhatIf() else asked


def _rounding_of(arguments: argparse.Namespace, mode: "PagingMode") -> int | None:
    """The rounding in bytes, if there is one. Raises `InputError` as `what_if_of` does."""
    from ..edge.amounts import as_option
    from ..edge.errors import InputError
    from ..layouts.what_if import MOST_BYTES

    page = 1 << mode.page_shift
    rounding: int | None = page if arguments.rounding == PAGE else arguments.rounding
    if rounding is not None and (rounding < page or rounding & (rounding - 1)):
        raise InputError(
            f"argument --rounding: expected a power of two from {as_option(page)}, a page, to {as_option(MOST_BYTES)}, such as 2M, "
            f"since an end is rounded by a mask and maps whole pages; found {as_option(rounding)}"
        )
    return rounding


def changed(arguments: argparse.Namespace) -> bool:
    """Whether one of the options is given."""
    return any(getattr(arguments, name) is not None for name in OPTIONS)


def refuse_what_if(arguments: argparse.Namespace, chosen: str) -> None:
    """Raise `InputError` for one of the options beside ``chosen``, of which Xen's own is asked, or somebody else's."""
    from ..edge.errors import InputError

    for name in OPTIONS:
        if getattr(arguments, name) is not None:
            raise InputError(
                f"argument {chosen}: not allowed with argument --{name}, which is not of a Xen that there is"
            )
