"""Norse 1.1.0: ``lsnn_step`` takes the spike out of the graph, ``lsnn_feed_forward_step`` does not.

One neuron, one step, all numbers by hand. It spikes (v = 0.75 > 0.5). The membrane after the reset is (1 - z) v, the
threshold b + z beta. With the spike in the graph d v / d v_decayed = (1 - z) - v psi and d b / d v_decayed = beta psi,
with psi = 1 / (1 + |0.75 - 0.5|)^2; without it both are 1 - z = 0 and 0.
"""

import torch
from norse.torch.functional.lsnn import (
    LSNNFeedForwardState,
    LSNNParameters,
    LSNNState,
    lsnn_feed_forward_step,
    lsnn_step,
)

one = torch.ones((), dtype=torch.float64)
p = LSNNParameters(
    tau_syn_inv=0.5 * one,
    tau_mem_inv=0.5 * one,
    tau_adapt_inv=0 * one,
    v_th=0.5 * one,
    beta=0.25 * one,
    v_leak=0 * one,
    v_reset=0 * one,
)
x, zero = torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)


def derivatives(recurrent):
    """Return d v / d v_decayed and d b / d v_decayed across the spike."""
    v = torch.full((1, 1), 1.5, dtype=torch.float64, requires_grad=True)  # v_decayed = v / 2 = 0.75
    b = 0.5 + zero
    if recurrent:
        z, s = lsnn_step(x, LSNNState(zero, v, zero, b), zero, zero, p, dt=1.0)
    else:
        z, s = lsnn_feed_forward_step(x, LSNNFeedForwardState(v, zero, b), p, dt=1.0)
    assert z.item() == 1.0

    def by_v(y):
        """Return twice the derivative; a value outside the graph has none."""
        if not y.requires_grad:
            return 0.0
        found = torch.autograd.grad(y, v, retain_graph=True, allow_unused=True)[0]
        return 0.0 if found is None else 2 * found.item()

    return by_v(s.v), by_v(s.b)


psi = 1 / (1 + 0.25) ** 2
in_graph, detached = (0.0 - 0.75 * psi, 0.25 * psi), (0.0, 0.0)
print("lsnn_step             ", derivatives(True), "by hand, detached:", detached)
print("lsnn_feed_forward_step", derivatives(False), "by hand, in the graph:", in_graph)
unit = 2.0**-53
assert derivatives(True) == detached
# psi is rounded three times on either side, and the product twice more
assert all(abs(a - b) <= 16 * unit * abs(b) for a, b in zip(derivatives(False), in_graph, strict=True))
