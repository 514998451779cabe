"""Certificates: each obligation as clauses over bits, a proof that refutes them, and a small checker for that proof."""
