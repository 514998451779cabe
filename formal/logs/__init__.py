"""Boot logs as people paste them: what Xen, its toolstack and the host say in them."""
