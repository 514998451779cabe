"""What if Xen guessed otherwise: a region's end rounded or padded in another way, or a search that starts elsewhere.

A `WhatIf` is part of a configuration, and of the layout that comes of it, so that nobody takes it for Xen's own. The
frame machine and the formulas each read it in their own way. Xen's figures are theirs, not known here.

Source: the thread, on small guests ("it isn't correct or useful for other usecases") and on "these totally magic numbers".
"""

from typing import Final

from attrs import field, frozen
from attrs.validators import ge, instance_of, le, optional

from ..edge.amounts import amount

MOST_BYTES: Final = 1 << 40
"""The largest rounding, and the most padding, in bytes."""
MOST_FIRST: Final = 1 << 16
"""The highest count, in frames, that a search may start from."""


@frozen(kw_only=True)
class WhatIf:
    """What isn't as Xen has it; ``None`` is what is.

    The region ends at the lowest multiple of ``rounding``, a power of two of bytes, that is ``padding`` bytes above the boot
    stack at least; the search for nr_pt_pages starts from ``first_tried`` frames.
    """

    rounding: int | None = field(default=None, validator=optional([instance_of(int), ge(0), le(MOST_BYTES)]))
    padding: int | None = field(default=None, validator=optional([instance_of(int), ge(0), le(MOST_BYTES)]))
    first_tried: int | None = field(
        default=None, validator=optional([instance_of(int), ge(0), le(MOST_FIRST)])
    )

    @rounding.validator
    def _is_power_of_two(self, _attribute: object, value: int | None) -> None:
        if value is not None and (not value or value & (value - 1)):
            raise ValueError(f"rounding: expected a power of two, found {value:#x}")

    @property
    def rounding_shift(self) -> int | None:
        """log2 of the rounding."""
        return None if self.rounding is None else self.rounding.bit_length() - 1

    @property
    def sentence(self) -> str:
        """What it is, so that nobody takes it for Xen.

        >>> WhatIf(rounding=2 << 20, first_tried=4).sentence
        "what if: the region's end is rounded up to 2 MiB, the search starts from 4; not as in Xen"
        """
        said = []
        if self.rounding is not None:
            said.append(f"the region's end is rounded up to {amount(self.rounding)}")
        if self.padding is not None:
            said.append(f"the padding above the boot stack is {amount(self.padding)}")
        if self.first_tried is not None:
            said.append(f"the search starts from {self.first_tried}")
        return f"what if: {', '.join(said)}; not as in Xen"
