"""The family *Alignment*: what of the region is aligned, and what goes wrong where it isn't."""
