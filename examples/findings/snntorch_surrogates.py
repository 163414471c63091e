"""snnTorch 1.0.0: what its surrogates do to numbers.

* Every surrogate returns ``(x > 0).float()``: in a float64 network spikes are float32, and so is the credit.
* ``surrogate.sigmoid(25)`` is NaN where exp(-25 x) leaves float32, x = -4 for one; the true value is below 1e-38.
* A membrane potential exactly at the threshold is silent, where the documentation of ``Leaky`` says "at or above".
"""

import math

import snntorch
import torch
from snntorch import surrogate

x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
spike = surrogate.atan(2.0)(x)
print("dtype of a spike in a float64 network:", spike.dtype)
assert spike.dtype == torch.float32

for value in (-3.0, -4.0):
    x = torch.tensor([value], requires_grad=True)
    surrogate.sigmoid(25)(x).backward(torch.ones(1))
    e = math.exp(-25 * abs(value))  # the function is even; by hand, in double precision
    print(f"sigmoid(25) at {value}: {x.grad.item()}, by hand {25 * e / (1 + e) ** 2:.2g}")
    assert math.isnan(x.grad.item()) is (value == -4.0)

leaky = snntorch.Leaky(beta=0.5, threshold=1.0)
spikes = [leaky(torch.tensor([[v]]), torch.zeros(1, 1))[0].item() for v in (1.0, 1.0 + 2.0**-23)]
print("Leaky at its threshold and one float32 above:", spikes)
assert spikes == [0.0, 1.0]
