"""Online spatio-temporal learning with target projection (OSTTP).

Paper: Ortner, Pes, Gentinetta, Frenkel & Pantazi, arXiv 2304.05124, AICAS 2023; no official code was found. Target
projection: Frenkel, Lefebvre & Bol (DRTP), code ChFrenkel/DirectRandomTargetProjection.

The equations (mathematics.md 5)::

    eps^t = Jv eps^(t-1) + Jz e^(t-1) + F^t        e^t = diag(psi^t) eps^t + dz^t/dw
    hidden l < K   L_l^t = B_l^T y*^t              output   L_K^t = dE^t/dz_K^t
    dE/dw = sum_t L^t . e^t

B_l has the shape (n_out, units of l). The trace is OSTL's, in split form; the split and the collapsed form are equal
(mathematics.md 0.3), and the engines use the collapsed one.

Choices made where the sources leave them open: the sign is DRTP's, the hidden layers descend along + B^T y*; where
the loss is a mean over time or batch, the projected target is divided by the same number as the error; where the loss
counts the last step alone, so does the projection, while the traces accumulate throughout.

Dropped: time inside upper layers, and the hidden layers' error: their signal does not vanish where the loss does.
Cost of a layer of n units: n^3 values and n^4 per step; n^2 and n^2 without lateral weights.
Exact: the last layer.
"""

from gradcert.reference.networks import TEMPORAL
from gradcert.reference.rules.rule import Rule

ROWS = (
    Rule(
        "osttp",
        "Online spatio-temporal learning with target projection",
        own=TEMPORAL,
        upper=frozenset(),
        feedback="target",
        source="arXiv 2304.05124",
        exact="the last layer",
        drops="the error of hidden layers (the projected target takes its place) and time in upper layers",
        time="n^4 (n^2 without lateral weights)",
        memory="n^3 (n^2 without lateral weights)",
        page=__doc__,
    ),
)
