"""The statements: one module per family of claims, and the lemmas that their proofs rest on."""
