"""Every claim, family by family, in the order to read them in: what the entry point ``ptproof.theorems`` names."""

from . import asserts, count

CLAIMS = (*count.CLAIMS, *asserts.CLAIMS)
