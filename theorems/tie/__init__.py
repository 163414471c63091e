"""The tie between theorems and engine: the engine's own tapes, run through the programs that the theorems are about.

`export` writes a recorded forward pass as nodes and labelled edges, `rule` writes a row of the rule table as the labels
that it keeps, `program` compiles and asks the extracted programs, `compare` puts their answers beside both engines,
BPTT and the residual. Compared exactly, in a prime field with random functions or in rationals.
"""
