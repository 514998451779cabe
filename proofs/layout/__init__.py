"""The family *Layout*: how the segments lie in the region."""
