"""RTL of the update units: simulation, exhaustive runs, proofs of equivalence.

And a harness for other people's designs.
"""
