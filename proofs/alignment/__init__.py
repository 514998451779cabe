"""The family *Alignment*: what of the region is aligned, and what goes wrong if it isn't."""
