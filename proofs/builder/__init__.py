"""The family *Builder*: the frames that the mapping loop takes, and what maps them."""
