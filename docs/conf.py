"""How Sphinx builds the documentation: ``make docs``."""  # noqa: INP001 - not a package

project = "ptproof"
author = "the ptproof authors"
copyright = "the ptproof authors"  # noqa: A001 - Sphinx wants this name

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = "ptproof"

# An option such as --lemmas stays what can be pasted.
smartquotes = False
