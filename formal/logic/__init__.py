"""Claims and proofs: what is claimed, the rule of composition (``theorem``, ``rule``: trusted), the prover, the verdicts."""
