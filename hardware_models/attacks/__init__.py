"""Searches for counterexamples to printed claims: the declared unit is run, and nothing of the proofs is believed."""
