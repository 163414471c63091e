"""Online training through time (OTTT).

Paper: Xiao, Meng, Zhang, He & Lin, arXiv 2210.04195, NeurIPS 2022; code pkuxmq/OTTT-SNN.

The equations (mathematics.md 7.1)::

    v_l^(t+1) = lam (v_l^t - th z_l^t) + W_l z_(l-1)^(t+1) + b_l
    xh_l^t    = lam xh_l^(t-1) + z_l^t        bh^t = lam bh^(t-1) + 1
    g_l^t     = psi_l^t * delta_l^t           delta by backpropagation within the step
    grad W_l  = sum_t g_l^t (x) xh_(l-1)^t    grad b_l = sum_t g_l^t bh^t

Lateral weights get g_l^t (x) zh_l^t with zh_l^t = lam zh_l^(t-1) + z_l^(t-1). The row keeps the STATE edge of the
layer's own membrane, so that the trace decays with the leak of the layer that the weights feed, as the derivation
needs.

The published code differs in places, which are not this rule: its first layer is not wrapped in a trace; biases use
g^t without bh^t; the readout's weight has a trace; traces decay with the presynaptic layer's leak (these four are
settings of ``ottt-code``); weight standardisation and a scale of 2.74 stand between trace and weight; the feedback
connection of one model uses detached features.

``accumulate`` (OTTT_A, one update per sequence) and ``online`` (OTTT_O, one per step) are learning procedures:
`gradcert.reference.procedures`.

Dropped: the reset, lateral weights as paths, time inside upper layers.
Cost of a layer of n units: n values per sample (one trace per presynaptic neuron), n^2 operations per step.
Exact, against BPTT with the reset out of the graph: the last layer with a memory, without lateral weights or
adaptation. With a leak per unit, or a hard reset (which gates the leak), the trace is one per synapse instead of one
per presynaptic neuron.
"""

from gradcert.reference.networks import Edge
from gradcert.reference.rules.rule import Rule

ROWS = (
    Rule(
        "ottt",
        "Online training through time",
        own=frozenset({Edge.STATE}),
        upper=frozenset(),
        source="arXiv 2210.04195",
        exact="against BPTT with detached reset: the last layer with a memory, without lateral weights or adaptation; "
        "the paper's shared trace also needs a soft reset and one leak",
        drops="the reset, lateral weights as paths, time inside upper layers",
        time="n^2",
        memory="n (n^2 with a hard reset or a leak per unit)",
        page=__doc__,
    ),
)
