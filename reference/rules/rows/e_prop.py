"""e-prop, with symmetric, random and adaptive feedback.

Paper: Bellec, Scherr, Subramoney, Hajek, Salaj, Legenstein & Maass, Nature Communications 2020; code
IGITUGraz/eligibility_propagation.

The equations (mathematics.md 6) for a layer of adaptive neurons under a leaky readout::

    xh_in^t  = lam xh_in^(t-1) + x^t                   xh_rec^t = lam xh_rec^(t-1) + z^(t-1)
    epsa_ij^t = psi_i^(t-1) xh_j^(t-1) + (rho - beta psi_i^(t-1)) epsa_ij^(t-1)
    e_ij^t   = psi_i^t (xh_j^t - beta epsa_ij^t)       eb_ij^t = kap eb_ij^(t-1) + e_ij^t
    L_i^t    = sum_k B_ki (o_k^t - y*_k^t)             dE/dw_ij = sum_t L_i^t eb_ij^t

As kept edges: STATE and ADAPTATION in the neuron's own layer, so that the spike that drives the threshold is live while
those that enter lateral weights and the reset are not; STATE in a leaky readout, which is the filter kap moved from
the learning signal onto the eligibility; nothing in any other layer above.

B is an array (n_out, units). ``e-prop``: B is the readout's weight. ``e-prop-random``: B is fixed and reaches every
layer directly.
``e-prop-adaptive``: B starts at random and is changed together with the readout weight, both with the same update and
the same decay (`gradcert.reference.procedures.adaptive_feedback`); within one sequence it is e-prop-random.

The error is taken at the readout's drive, so a readout with (1 - kap) on its input carries that factor as well. The
firing-rate regularisation of the paper is not part of the gradient here. Absent self-connections are an option of the
synapse (`Dense(absent=...)`).

Dropped: lateral weights and the reset as paths; time inside upper layers that are not leaky readouts.
Cost of a layer of n units per step: n^2 values and n^2 operations, for the layer right below the readout; n values of
memory for units with a soft reset, one leak and no adaptation, under a readout without memory. A layer further below,
with another hidden layer between, takes n^2 n_out of both under a leaky readout with n_out outputs, if feedback is
symmetric: the way from its spikes to an output differs from step to step, so that the filter is over the product.
Exact: one layer without lateral weights and with the reset out of the graph, under a leaky or stateless readout.
Random and adaptive feedback: the readout alone, since B stands in the place of its weight in the layer below. Where
adaptive feedback has become equal to the readout's weight, one hidden layer is as under e-prop; of several the lower
ones are not, since B reaches them past the weights between.
"""

from gradcert.reference.networks import Edge
from gradcert.reference.rules.rule import Rule

OWN = frozenset({Edge.STATE, Edge.ADAPTATION})
READOUT = frozenset({Edge.STATE})
MEMORY = "n^2 (n with a soft reset, one leak and no adaptation, under a readout without memory)"

ROWS = (
    Rule(
        "e-prop",
        "e-prop, symmetric feedback",
        own=OWN,
        upper=frozenset(),
        readout=READOUT,
        source="Bellec et al. 2020",
        exact="one layer without lateral weights and with the reset out of the graph",
        drops="lateral weights and the reset as paths; time inside upper layers other than leaky readouts",
        time="n^2",
        memory=MEMORY,
        page=__doc__,
    ),
    Rule(
        "e-prop-random",
        "e-prop, random feedback",
        own=OWN,
        upper=frozenset(),
        readout=READOUT,
        feedback="direct",
        source="Bellec et al. 2020",
        exact="the readout layer",
        drops="as e-prop, and the transposed readout weights",
        time="n^2",
        memory=MEMORY,
        page=__doc__,
    ),
    Rule(
        "e-prop-adaptive",
        "e-prop, feedback that learns along with the readout",
        own=OWN,
        upper=frozenset(),
        readout=READOUT,
        feedback="direct",
        source="Bellec et al. 2020",
        exact="the readout layer; one hidden layer as e-prop once the feedback has met the readout weights",
        drops="as e-prop, and the difference between feedback and readout weights",
        time="n^2",
        memory=MEMORY,
        page=__doc__,
    ),
)
