"""Backpropagation through time, real-time recurrent learning, and BPTT with the reset out of the graph.

Papers: Werbos 1990 (BPTT); Williams & Zipser 1989 (RTRL); ``detach_reset`` of SpikingJelly and snnTorch.

The equations (mathematics.md 0.3 and 3), for the state h of the whole network, M^t = dh^t/dw and D^t the immediate
derivative::

    BPTT   q^t = dE^t/dh^t + (J^(t+1))^T q^(t+1)        dE/dw = sum_t q^t D^t
    RTRL   M^t = J^t M^(t-1) + D^t                      dE/dw = sum_t (dE^t/dh^t) M^t

They are two orders of summation over the same paths, so they are one set of kept edges: the reverse engine computes
that set the first way, the forward engine the second. With the weights held fixed over the sequence both give the
exact gradient of the graph that the cell defines, pseudo-derivatives standing in for the derivative of a step.

``bptt-detached-reset`` drops the RESET edge, the path of a spike into its own membrane potential, and keeps Jv as
written: in a hard reset the leak stays gated by 1 - z (mathematics.md 1.1, trap T19).

Dropped: nothing (bptt, rtrl); the reset (bptt-detached-reset).
Cost of a layer of n units: BPTT stores T n values and takes n^2 per step; RTRL stores n^3 and takes n^4 per step,
n^2 and n^2 where the layer has no lateral weights.
Exact: always, for the graph that it is the gradient of; it differs once weights change inside the sequence.
"""

from gradcert.reference.networks import TEMPORAL, Edge
from gradcert.reference.rules.rule import Rule

ROWS = (
    Rule(
        "bptt",
        "Backpropagation through time",
        own=TEMPORAL,
        upper=TEMPORAL,
        source="Werbos 1990",
        exact="always",
        drops="nothing",
        time="n^2",
        memory="T n",
        page=__doc__,
    ),
    Rule(
        "rtrl",
        "Real-time recurrent learning",
        own=TEMPORAL,
        upper=TEMPORAL,
        source="Williams & Zipser 1989",
        exact="always",
        drops="nothing",
        time="n^4",
        memory="n^3",
        page=__doc__,
    ),
    Rule(
        "bptt-detached-reset",
        "BPTT with the reset out of the graph",
        own=TEMPORAL - {Edge.RESET},
        upper=TEMPORAL - {Edge.RESET},
        source="snnTorch, SpikingJelly detach_reset",
        exact="cells without a reset",
        drops="the path of a spike into its own membrane potential, in every layer",
        time="n^2",
        memory="T n",
        page=__doc__,
    ),
)
