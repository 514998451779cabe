"""Boot logs as people paste them: what they say, and which figure agrees with the model, which differs, and by how much."""
