"""The family *Source*, of what the builder does beside layout and count: whether it is what is encoded."""
