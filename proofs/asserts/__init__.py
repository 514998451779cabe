"""The family *Asserts*: the read-only walk, and what its asserts catch."""
