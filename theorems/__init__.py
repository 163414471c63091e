"""Theorems about every size, checked by a proof assistant, and their tie to the engine.

A new theorem is a statement in `coq` and a row of `THEOREMS` in `catalogue`. `coq` holds the sources; `tie`
exports the engine's own tapes and runs the programs that the theorems are about on them.
May import `gradcert.properties` (exact numbers) and `gradcert.reference`; needs Coq and OCaml (`make theorems`).
"""
