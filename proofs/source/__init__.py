"""The family *Source*: whether a tree's code equals an encoding, and what is proved about code that doesn't."""
