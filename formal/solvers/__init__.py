"""Solvers in processes of their own, several at a time, and the answers that they gave before. Only their answers are trusted."""
