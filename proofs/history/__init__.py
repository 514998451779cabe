"""The family *History*: older generations of the count."""
