"""Every claim, family by family, in the order to read them in: what the entry point ``ptproof.theorems`` names."""

from . import alignment, asserts, builder, count, frames, history, layout, limits, start, static, toolstack

CLAIMS = (
    *count.CLAIMS,
    *start.CLAIMS,
    *alignment.CLAIMS,
    *static.CLAIMS,
    *layout.CLAIMS,
    *builder.CLAIMS,
    *frames.CLAIMS,
    *asserts.CLAIMS,
    *history.CLAIMS,
    *limits.CLAIMS,
    *toolstack.CLAIMS,
)
