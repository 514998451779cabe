"""The family *Limits*: the cap on memory, the overlap check, and a p2m at an address of its own."""
