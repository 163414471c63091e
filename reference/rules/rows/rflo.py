"""Random feedback local online learning (RFLO).

Paper: Murray, eLife 2019.

The equations (mathematics.md 3) for a leaky rate network h^t = (1 - a) h^(t-1) + a phi(W x^t + H h^(t-1))::

    m_ij^t = (1 - a) m_ij^(t-1) + a phi'_i x_j^t        (and h_j^(t-1) for H)
    L_i^t  = sum_k B_ki (o_k^t - y*_k^t)                dE/dw_ij = sum_t L_i^t m_ij^t

The row keeps the STATE edge, the leak, and broadcasts the error of the last layer's drive through one fixed random
matrix per layer. It is not SnAp-1: the diagonal of the Jacobian there includes H_ii phi'_i and the reset (trap T94).

Dropped: lateral weights as paths, the reset, time inside upper layers, the transposed weights above.
Cost of a layer of n units per step: n^2 values and n^2 operations.
Exact: the last layer where it has no lateral weights, no reset and no adaptation.
"""

from gradcert.reference.networks import Edge
from gradcert.reference.rules.rule import Rule

ROWS = (
    Rule(
        "rflo",
        "Random feedback local online learning",
        own=frozenset({Edge.STATE}),
        upper=frozenset(),
        feedback="direct",
        source="Murray 2019",
        exact="the last layer where it has no lateral weights, no reset and no adaptation",
        drops="lateral weights as paths, the reset, time inside upper layers, the transposed weights above",
        time="n^2",
        memory="n^2",
        page=__doc__,
    ),
)
