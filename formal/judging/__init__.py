"""Logs compared with the model: which figure agrees, which differs, and by how much."""
