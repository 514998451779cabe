"""Commands about claims: list, show, prove, counterexample, certify, export, invariants, report."""
