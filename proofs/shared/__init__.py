"""What several families use: arithmetic, the region and its count, the search, and how the machine judges a case."""
