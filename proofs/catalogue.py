"""Every claim, family by family, in the order to read them in: what the entry point ``ptproof.theorems`` names."""

from . import (
    alignment,
    asserts,
    builder,
    cap,
    count,
    frames,
    history,
    layout,
    miscounts,
    overlap,
    physmap,
    start,
    static,
    toolstack,
    walk,
)

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
)
