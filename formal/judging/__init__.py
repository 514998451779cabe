"""Logs held against the model: which figure agrees, which differs, and by how much."""
