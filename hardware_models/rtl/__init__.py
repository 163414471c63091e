"""RTL of the update units: simulation, exhaustive runs, proofs of equivalence, and a harness for other people's designs."""
