"""Xen's sources: where a tree has the layout and the count, and the questions that it is asked."""
