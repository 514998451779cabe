"""Pictures: layouts and lemma graphs as SVG, and layouts in plain characters."""
