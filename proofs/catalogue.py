"""Every claim, family by family, in the order to read them in: what the entry point ``ptproof.theorems`` names."""

from . import asserts, count, history

CLAIMS = (*count.CLAIMS, *asserts.CLAIMS, *history.CLAIMS)
