"""Norse 1.1.0: spikes that are sparse tensors have a gradient where there was a spike, and nowhere else.

``lif_feed_forward_step_sparse`` is ``lif_feed_forward_step`` with ``z.to_sparse()`` at the end, whose backward pass
keeps the entries that are stored: a neuron that did not spike learns nothing, and half of what a surrogate gradient is
for is gone. One step of two neurons from rest, leak 1/2, threshold 1/2, inputs 3/2 and 1/2: v = 3/4, a spike, and 1/4,
none. By hand dz / d input = 1/2 / (1 + |v - 1/2|)^2 = 8/25 for both.
"""

import torch
from norse.torch.functional.lif import (
    LIFFeedForwardState,
    LIFParameters,
    lif_feed_forward_step,
    lif_feed_forward_step_sparse,
)

p = LIFParameters(
    tau_syn_inv=torch.tensor(0.5), tau_mem_inv=torch.tensor(0.5), v_th=torch.tensor(0.5), v_leak=torch.tensor(0.0)
)


def derivatives(step):
    """Return the derivatives of both spikes by their inputs."""
    x = torch.tensor([[1.5, 0.5]], dtype=torch.float64, requires_grad=True)
    rest = torch.zeros(1, 2, dtype=torch.float64)
    z, _ = step(x, LIFFeedForwardState(rest, rest), p, dt=1.0)
    z = z.to_dense() if z.is_sparse else z
    assert z.tolist() == [[1.0, 0.0]]
    return torch.autograd.grad(z.sum(), x)[0].tolist()[0]


dense, sparse = derivatives(lif_feed_forward_step), derivatives(lif_feed_forward_step_sparse)
print("lif_feed_forward_step       ", dense, "by hand", 8 / 25)
print("lif_feed_forward_step_sparse", sparse, "by hand, spikes alone", [8 / 25, 0.0])
near = 16 * 2.0**-53  # a handful of operations of numbers below 2
assert all(abs(d - 8 / 25) <= near for d in dense)
assert abs(sparse[0] - 8 / 25) <= near and sparse[1] == 0
