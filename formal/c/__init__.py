"""C as people write it: preprocessed, parsed, and executed over words. What isn't understood is reported with its line."""
