"""The family *Count*: what the search for ``nr_pt_pages`` finds, and that it ends."""
