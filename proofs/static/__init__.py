"""The family *Static calculation*: counting without a search, and what the rounding costs."""
