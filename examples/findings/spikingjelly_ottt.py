"""SpikingJelly 2.0.0: in ``OTTTSequential`` the first layer sees its input without a trace, and no bias has one.

One layer, two inputs, one neuron, three steps, by hand in scalars. OTTT (arXiv 2210.04195) wants, with psi the
surrogate and delta the loss gradient of the step, dE/dw_j = sum_t psi delta trace_j and dE/db = sum_t psi delta
(trace of 1).
"""

import math

import torch
from spikingjelly.activation_based import layer, neuron, surrogate

LEAK, THRESHOLD = 0.5, 1.0
W, B = (0.75, 0.5), 0.25
INPUTS = ((1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
TARGET = 0.5


def by_hand(*, traced):
    """Return dE/dw_0, dE/dw_1, dE/db for E = sum_t 1/2 (z - target)^2."""
    v, grad, traces = 0.0, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
    for x in INPUTS:
        seen = (*x, 1.0)
        v = LEAK * v + W[0] * x[0] + W[1] * x[1] + B
        traces = [LEAK * trace + s for trace, s in zip(traces, seen, strict=True)] if traced else list(seen)
        z = float(v >= THRESHOLD)
        s = 1 / (1 + math.exp(-4 * (v - THRESHOLD)))
        g = 4 * s * (1 - s) * (z - TARGET)
        grad = [total + g * trace for total, trace in zip(grad, traces, strict=True)]
        v -= THRESHOLD * z  # soft reset, no gradient through it
    return grad


linear = layer.Linear(2, 1).double()
linear.weight.data[:] = torch.tensor(W)
linear.bias.data[:] = B
node = neuron.OTTTLIFNode(1 / (1 - LEAK), v_threshold=THRESHOLD, surrogate_function=surrogate.Sigmoid(4.0))
network = layer.OTTTSequential(linear, node).train()
for x in INPUTS:
    z, _ = network(torch.tensor([x], dtype=torch.float64))
    (0.5 * (z - TARGET) ** 2).sum().backward()
found = [*linear.weight.grad[0].tolist(), linear.bias.grad.item()]

print("container    ", found)
print("without trace", by_hand(traced=False))
print("OTTT         ", by_hand(traced=True))
# fewer than 64 roundings of each gradient, each of at most 2^-53 of the sum of absolute values, which is below 4
budget = 64 * 2.0**-53 * 4
assert all(abs(a - b) <= budget for a, b in zip(found, by_hand(traced=False), strict=True))
assert all(abs(a - b) > 0.01 for a, b in zip(found[1:], by_hand(traced=True)[1:], strict=True))
