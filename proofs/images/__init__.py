"""What a kernel image is asked: the claims, with its addresses as numbers."""
