"""Attacks on the judge, made by scripts: what they tried and what held is in docs/soundness.md."""
