"""Words and their text: unsigned arithmetic that wraps, read as numbers, as terms and as SMT-LIB. Trusted."""
