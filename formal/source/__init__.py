"""Xen's sources: where a tree has the layout and the count, and what it is asked."""
