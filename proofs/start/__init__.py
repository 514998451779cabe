"""The family *Start of the loop*: from which count the search may start."""
