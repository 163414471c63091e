"""Properties: Hypothesis strategies for networks and sequences, and the laws that gradients obey.

One law per file (linearity in the error, batch additivity, permutation of units, time shift, ...); a law judges any
gradient function, ours or a subject's. May import `gradcert.reference`; needs the extra `properties`.
"""
