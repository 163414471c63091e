"""Diagnosis: what a refuted subject computes instead. One step per file, most telling first.

`explain` runs the steps in order and returns the first sentence that accounts for all the evidence; where none does, it
says so. A sentence is accepted by the judge that refuted the claim: within the budget of what it names, on every case.
"""

from gradcert.certify.diagnosis.explain import explain, explain_outputs
from gradcert.certify.diagnosis.localise import locate

__all__ = ["explain", "explain_outputs", "locate"]
