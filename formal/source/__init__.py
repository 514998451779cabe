"""A tree of Xen's sources: C as it is written there, preprocessed and executed over words. What isn't understood is told."""
