"""Others who put page tables into what these map, each executed step by step as its source does it. Knows no formula."""
