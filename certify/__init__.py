"""Certification: subjects, claims, cases, verdicts, diagnosis, certificates and reports.

A subject is anything that computes gradients. What it claims to compute is checked on generated cases against
`gradcert.reference`, within an error budget that is derived for each case, and a claim that fails is diagnosed.
One step of that per file. May import `gradcert.properties`, `gradcert.hardware_models` and `gradcert.reference`.
"""
