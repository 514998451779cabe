"""What several families rest on: arithmetic, the region and its count, the search, and how the machine judges a case."""
