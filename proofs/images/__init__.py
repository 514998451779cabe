"""The questions to a kernel image: the claims, with its addresses as numbers."""
