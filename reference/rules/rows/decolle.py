"""Deep continuous local learning (DECOLLE): every layer has a loss of its own.

Paper: Kaiser, Mostafa & Neftci, Frontiers in Neuroscience 2020; code nmi-lab/decolle-public.

The equations (mathematics.md 10)::

    P^t = al P^(t-1) + (1 - al) Q^(t-1)      Q^t = be Q^(t-1) + (1 - be) gain x^t      v^t = W P^t + b + R^t
    r^t = G z^t                              grad W_ij = sum_t (G^T err^t)_i psi_i^t P_j^t

As a row: the credit of a hidden layer is G_l^T err_l, where err_l is the gradient of the network's loss at the local
readout r_l = G_l z_l, with G_l fixed and random, (n_out, units of l); the trace keeps the STATE edge alone, so that
the refractory path R is not differentiated. Nothing passes between layers.

Choices made: the readout of the last layer is the identity, the network's output being its own local readout. The
filter is that of the cell (the membrane's leak); DECOLLE's neuron has two filters in series, the second reading the old
value of the first, which is a matter of the cell and not of the rule.

Dropped: credit from every other layer's loss; the reset; lateral weights as paths.
Cost of a layer of n units per step: n values (n^2 with a hard reset or a leak per unit), n^2 operations, and n n_out
for the local readout.
Exact: the last layer, without lateral weights or adaptation and with the reset out of the graph; hidden layers follow
another loss.
"""

from gradcert.reference.networks import Edge
from gradcert.reference.rules.rule import Rule

ROWS = (
    Rule(
        "decolle",
        "Deep continuous local learning",
        own=frozenset({Edge.STATE}),
        upper=frozenset(),
        feedback="local",
        source="Kaiser et al. 2020",
        exact="against BPTT with detached reset: the last layer without lateral weights or adaptation",
        drops="the losses of all other layers, the reset, lateral weights as paths",
        time="n^2",
        memory="n (n^2 with a hard reset or a leak per unit)",
        page=__doc__,
    ),
)
