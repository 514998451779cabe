"""What all tests share: none of them reads or writes the cache of whoever runs them."""

import os

os.environ["XDG_CACHE_HOME"] = "/dev/null"
"""A place that takes no files: tests that are about the cache give it one of their own."""
