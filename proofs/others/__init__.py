"""The family *Others*: who else puts page tables into what these map, and how each counts them first."""
