"""The family *Source*: whether a tree's own code is what is encoded, and what is proved of code that isn't."""
